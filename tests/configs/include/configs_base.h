/* Base of those configurations that are not one of lwIP's own test_configs: a comfortable NO_SYS=1 dual stack with
 * memory enough that the option under test, not a shortage, decides what happens. Each entry is a default only, the
 * table in CMakeLists.txt defines what it wants before this file is read. */
#ifndef CONFIGS_BASE_H
#define CONFIGS_BASE_H

#ifndef NO_SYS
#define NO_SYS 1
#endif
#ifndef LWIP_SOCKET
#define LWIP_SOCKET 0
#endif
#ifndef LWIP_NETCONN
#define LWIP_NETCONN LWIP_SOCKET
#endif
#ifndef SYS_LIGHTWEIGHT_PROT
#define SYS_LIGHTWEIGHT_PROT (!NO_SYS)
#endif
#ifndef LWIP_IPV4
#define LWIP_IPV4 1
#endif
#ifndef LWIP_IPV6
#define LWIP_IPV6 1
#endif
#ifndef MEM_ALIGNMENT
#define MEM_ALIGNMENT 8
#endif
#ifndef MEM_SIZE
#define MEM_SIZE (512 * 1024)
#endif
#ifndef MEMP_NUM_PBUF
#define MEMP_NUM_PBUF 256
#endif
#ifndef MEMP_NUM_TCP_PCB
#define MEMP_NUM_TCP_PCB 16
#endif
#ifndef MEMP_NUM_TCP_SEG
#define MEMP_NUM_TCP_SEG 512
#endif
#ifndef PBUF_POOL_SIZE
#define PBUF_POOL_SIZE 128
#endif
#ifndef TCP_MSS
#define TCP_MSS 1460
#endif
#ifndef TCP_WND
#define TCP_WND (16 * TCP_MSS)
#endif
#ifndef TCP_SND_BUF
#define TCP_SND_BUF (16 * TCP_MSS)
#endif

/* The bulk transfer goes over lwIP's own loopback interface. */
#ifndef LWIP_HAVE_LOOPIF
#define LWIP_HAVE_LOOPIF 1
#endif
#ifndef LWIP_NETIF_LOOPBACK
#define LWIP_NETIF_LOOPBACK 1
#endif

#ifndef MEMP_OVERFLOW_CHECK
#define MEMP_OVERFLOW_CHECK 1
#endif
#ifndef MEMP_SANITY_CHECK
#define MEMP_SANITY_CHECK 1
#endif

#endif /* CONFIGS_BASE_H */
