/*
 * lwIP's options for a program on a PC: memory to spare, many connections, long fat paths.
 * What is not set here keeps the default that lwip/opt.h documents.
 */
#ifndef LWIP_HOST_LWIPOPTS_H
#define LWIP_HOST_LWIPOPTS_H

/* One thread calls lwIP, and nobody else: the engine's (src/engine). */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0

/* Both families, several interfaces, from Ethernet or from bare IP. */
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_ETHERNET 1
#define LWIP_ARP 1
#define LWIP_ICMP 1
#define LWIP_ICMP6 1
#define LWIP_RAW 1
#define LWIP_UDP 1
#define LWIP_TCP 1
#define LWIP_DNS 1
#define LWIP_DHCP 1
/* A second client of the same address would be told by ARP; the wait for it is not worth a second at each start. */
#define LWIP_DHCP_DOES_ACD_CHECK 0
#define LWIP_ACD 0
#define LWIP_SINGLE_NETIF 0
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_STATUS_CALLBACK 0
#define LWIP_IPV6_AUTOCONFIG 1
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
/* Needed wherever a pointer is larger than 4 bytes: the header of a fragment has no room for two of them. */
#define IPV6_FRAG_COPYHEADER 1
#define IP_REASS_MAX_PBUFS 1024
#define MEMP_NUM_REASSDATA 64
#define IP_SOF_BROADCAST 1
#define IP_SOF_BROADCAST_RECV 1
#define SO_REUSE 1

/* 127.0.0.1 and ::1. Its queue is bounded by the windows below. */
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_LOOPBACK_MAX_PBUFS 0

/*
 * Memory. Fixed-size objects come from lwIP's static pools, of which only what is used takes memory of the machine; of
 * variable size are the pbufs, and those come from malloc().
 */
#define MEM_ALIGNMENT 8
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 0
#define MEMP_NUM_TCP_PCB 4096
#define MEMP_NUM_TCP_PCB_LISTEN 256
#define MEMP_NUM_UDP_PCB 256
#define MEMP_NUM_RAW_PCB 32
#define MEMP_NUM_TCP_SEG 60000
#define MEMP_NUM_PBUF 60000
#define MEMP_NUM_ND6_QUEUE 64
#define MEMP_NUM_FRAG_PBUF 256
/* lwIP's own timers, and the one for the earliest deadline of all connections. */
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 1)
/* Frames are received into pbufs of malloc(), so only lwIP's own few come from here. */
#define PBUF_POOL_BUFSIZE 1600
#define PBUF_POOL_SIZE 256
/* lwIP wants a whole window to fit the pool, where received segments do not come from here. */
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1
#define ARP_TABLE_SIZE 127
#define ARP_QUEUEING 1
#define MEMP_NUM_ARP_QUEUE 128
#define ARP_QUEUE_LEN 16
#define LWIP_ND6_NUM_NEIGHBORS 127
#define LWIP_ND6_NUM_DESTINATIONS 127
/*
 * TCP sends from the memory that the program handed over. A packet that waits for an address to be resolved can outlive its
 * connection, and with it that memory: it has to be copied, which lwIP by default does for volatile memory only.
 */
#define PBUF_NEEDS_COPY(p) (((p)->type_internal & (PBUF_TYPE_FLAG_DATA_VOLATILE)) || !((p)->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS))

/* The largest segment of an Ethernet frame: 1500 bytes less 40 of IPv4 and TCP. IPv6 and timestamps take theirs from it. */
#define TCP_MSS 1460

/*
 * Windows. 1 MiB keeps a 1 Gbit/s path of 8 ms busy. A shift of 5 lets the 16-bit field express 2 MB.
 */
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 5
#define TCP_WND (1024 * 1024)
#define TCP_SND_BUF (1024 * 1024)
/* In pbufs, and two are needed for a segment whose data is not copied (header and data). */
#define TCP_SND_QUEUELEN (8 * TCP_SND_BUF / TCP_MSS)
/* For select() only, which is not used here; but lwIP checks that it fits 16 bits. */
#define TCP_SNDLOWAT (32 * 1024)
/* Announce the window again when an eighth of it has been read: the default of four segments would mean an ACK for each four. */
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND / 8)
/* Linux' default, 2 minutes of trying, would want 12 and more; lwIP's default of 12 with a minimum of 200 ms is alike. */
#define TCP_SYNMAXRTX 6

#define TCP_QUEUE_OOSEQ 1
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 1
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 128
#define LWIP_TCP_KEEPALIVE 1

/*
 * The Rust core's own, which C's TCP does not know: deadlines in milliseconds, SACKs used by the sender, losses told by time, and the
 * congestion controls of which a program may choose. CUBIC is what other hosts have. ECN is asked for, as the paths of today allow.
 */
#define LWIP_TCP_RUST_FINE_TIMERS 1
#define LWIP_TCP_RUST_SACK 1
#define LWIP_TCP_RUST_RACK 1
#define LWIP_TCP_RUST_PACING 1
#define LWIP_TCP_RUST_CUBIC 1
#define LWIP_TCP_RUST_BBR 1
#define LWIP_TCP_RUST_CC_DEFAULT 1
#define LWIP_TCP_RUST_HYSTART 1
#define LWIP_TCP_RUST_CWV 1
#define LWIP_TCP_RUST_IW10 1
#define LWIP_TCP_RUST_ECN 1

/* Counters, 32 bits wide. */
#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define LWIP_STATS_DISPLAY 0
#define MIB2_STATS 1

#endif /* LWIP_HOST_LWIPOPTS_H */
