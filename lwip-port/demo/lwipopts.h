/*
 * lwIP's options for the demo: a PC with memory to spare, on a fast path to one Linux kernel.
 * What is not set here keeps the default that lwip/opt.h documents.
 */
#ifndef DEMO_LWIPOPTS_H
#define DEMO_LWIPOPTS_H

/* One thread, one main loop, the raw API: how most firmware runs lwIP. */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0

/* Both families, with ping for either. */
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_ICMP 1
#define LWIP_ICMP6 1
/* Needed wherever a pointer is larger than 4 bytes: the header of a fragment has no room for two of them. */
#define IPV6_FRAG_COPYHEADER 1
#define LWIP_UDP 0
#define LWIP_RAW 0
#define LWIP_SINGLE_NETIF 0

/* 127.0.0.1 and ::1 by a loopback netif, for where no TAP device can be had. Its queue is bounded by the windows below. */
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_LOOPBACK_MAX_PBUFS 0

/*
 * Memory. Fixed-size objects come from lwIP's static pools, as on a microcontroller, only larger; of variable size are
 * just the pbufs that tcp_write() copies into, and those come from malloc(), which is faster than lwIP's first-fit heap.
 */
#define MEM_ALIGNMENT 8
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 0
#define MEMP_NUM_TCP_PCB 256
#define MEMP_NUM_TCP_PCB_LISTEN 8
#define MEMP_NUM_TCP_SEG 8192
#define MEMP_NUM_PBUF 8192
/* lwIP's own timers, and the one that starts the next client of the loopback. */
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 1)
/* A whole Ethernet frame fits one pool pbuf, so a received segment is never a chain. */
#define PBUF_POOL_BUFSIZE 1600
/* One full receive window lies in the pool at most, and acknowledgements and other connections need room beside it. */
#define PBUF_POOL_SIZE 4096

/* The largest segment of an Ethernet frame: 1500 bytes less 40 of IPv4 and TCP. IPv6 and timestamps take theirs from it. */
#define TCP_MSS 1460

/*
 * Windows. Without scaling 64 KB is all that can be in flight. 1 MB keeps a 1 Gbit/s path of 8 ms busy; more only fills the
 * TAP device's queue, and what overflows there has to be sent again. A shift of 5 lets the 16-bit field express 2 MB.
 */
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 5
#define TCP_WND (1024 * 1024)
#define TCP_SND_BUF (512 * 1024)
/* In pbufs, and two are needed for a segment whose data is not copied (header and data). */
#define TCP_SND_QUEUELEN (4 * TCP_SND_BUF / TCP_MSS)
/* For select() only, which the raw API has not; but lwIP checks that it fits 16 bits. */
#define TCP_SNDLOWAT (32 * 1024)
/* Announce the window again when an eighth of it has been read: the default of four segments would mean an ACK for each four. */
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND / 8)

/* Tell the peer what has arrived behind a gap, so that it repeats the gap only; and time stamps, for its RTT and PAWS. */
#define TCP_QUEUE_OOSEQ 1
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 1

/* A queue of connections not yet accepted, and probes that find out a peer that vanished. */
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 32
#define LWIP_TCP_KEEPALIVE 1

/* The counters that the page and the script show; 32 bits wide, or 100 MB would wrap them. */
#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define LWIP_STATS_DISPLAY 0
#define MIB2_STATS 1

#endif /* DEMO_LWIPOPTS_H */
