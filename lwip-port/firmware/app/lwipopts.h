/*
 * The firmware's options. FIRMWARE_FULL=1 adds what opt.h leaves off: IPv6, SACK, timestamps, window scaling,
 * keep-alive and listen backlog (docs/footprint.md calls the two sets "default" and "full").
 */
#ifndef FIRMWARE_LWIPOPTS_H
#define FIRMWARE_LWIPOPTS_H

#define NO_SYS 1
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
/* The Ethernet interrupt takes pbufs from the pool. */
#define SYS_LIGHTWEIGHT_PROT 1
#define MEM_ALIGNMENT 4

/* Ethernet's 14 bytes of header are padded, so that the IP header is aligned. */
#define ETH_PAD_SIZE 2
#define LWIP_DHCP 1
#define LWIP_NETIF_LINK_CALLBACK 1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_HOSTNAME 1
/* The console prints the pools by name. */
#define LWIP_STATS_DISPLAY 1

#define TCP_MSS 1460
/* As many segments as the Ethernet controller's FIFO holds: a peer's burst of a whole window must find room. */
#define TCP_WND (6 * TCP_MSS)
#define TCP_SND_BUF (8 * TCP_MSS)
#define TCP_SND_QUEUELEN 32
#ifndef MEMP_NUM_TCP_PCB
#define MEMP_NUM_TCP_PCB 16
#endif
#define MEMP_NUM_TCP_PCB_LISTEN 8
#define MEMP_NUM_TCP_SEG 64
#define MEM_SIZE (48 * 1024)
/* Smaller than a frame, so that received segments are chains of pbufs, as in a product short of RAM. */
#define PBUF_POOL_BUFSIZE 512
#define PBUF_POOL_SIZE 64

/* One second instead of a minute: whoever watches the pools drain need not wait for TIME-WAIT so long. */
#define TCP_MSL 1000UL

#ifndef FIRMWARE_FULL
#define FIRMWARE_FULL 0
#endif
#if FIRMWARE_FULL
#define LWIP_IPV6 1
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 1
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 2
#define LWIP_TCP_KEEPALIVE 1
#define TCP_LISTEN_BACKLOG 1
#endif

#endif
