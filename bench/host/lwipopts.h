/*
 * Two builds: one connection at full speed (BENCH_CONNECTIONS=1), and as many as 5,000 with a smaller window each,
 * so that all of their windows together fit into memory.
 */
#ifndef BENCH_HOST_LWIPOPTS_H
#define BENCH_HOST_LWIPOPTS_H

#ifndef BENCH_CONNECTIONS
#define BENCH_CONNECTIONS 1
#endif

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_ARP 0
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_LOOPBACK 1
#define MEM_ALIGNMENT 8

#define TCP_MSS 1460
#if BENCH_CONNECTIONS == 1
#define TCP_WND (40 * TCP_MSS)
#define MEM_SIZE (1024 * 1024)
#else
#define TCP_WND (4 * TCP_MSS)
#define MEM_LIBC_MALLOC 1
#endif
#define TCP_SND_BUF TCP_WND
#define TCP_SND_QUEUELEN (4 * TCP_SND_BUF / TCP_MSS)

/* Both ends of each connection are in this process. */
#define MEMP_NUM_TCP_PCB (2 * BENCH_CONNECTIONS + 8)
/* No more than 65,535, which is what a pool can have: two pbufs (header, data) and one segment for each of 4 x 5,000. */
#define MEMP_NUM_TCP_SEG (BENCH_CONNECTIONS * 8 + 512)
#define MEMP_NUM_PBUF (BENCH_CONNECTIONS * 8 + 512)
#define PBUF_POOL_SIZE 64

#endif
