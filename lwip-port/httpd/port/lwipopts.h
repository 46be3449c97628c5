/*
 * lwIP's options for a file server on a PC: sockets, memory to spare, 1,000 connections.
 * What is not set here keeps the default that lwip/opt.h documents.
 */
#ifndef LWIP_HTTPD_LWIPOPTS_H
#define LWIP_HTTPD_LWIPOPTS_H

/*
 * With threads: lwIP's own (tcpip.c), the TAP device's, and the server's, which calls the sockets. A call of a socket takes lwIP's
 * lock instead of asking lwIP's thread. Frames go to lwIP's thread by its mailbox, for that wakes it: with what a frame brings come
 * timers, and who sleeps until the next one must hear of an earlier one.
 */
#define NO_SYS 0
#define SYS_LIGHTWEIGHT_PROT 1
#define LWIP_TCPIP_CORE_LOCKING 1
#define LWIP_TCPIP_CORE_LOCKING_INPUT 0
#define LWIP_NETCONN_SEM_PER_THREAD 1
#define TCPIP_MBOX_SIZE 128
#define DEFAULT_ACCEPTMBOX_SIZE 128
#define DEFAULT_TCP_RECVMBOX_SIZE 128
#define DEFAULT_UDP_RECVMBOX_SIZE 16

/* Sockets under their own names, lwip_x(): the program has the C library's beside them. */
#define LWIP_NETCONN 1
#define LWIP_SOCKET 1
#define LWIP_COMPAT_SOCKETS 0
#define LWIP_POSIX_SOCKETS_IO_NAMES 0
/* lwip_poll() alone; see cc.h. */
#define LWIP_SOCKET_SELECT 0
#define LWIP_SOCKET_POLL 1
#define SO_REUSE 1
#define LWIP_SO_LINGER 1

#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_ETHERNET 1
#define LWIP_ARP 1
#define LWIP_ICMP 1
#define LWIP_ICMP6 1
#define LWIP_RAW 0
#define LWIP_UDP 1
#define LWIP_TCP 1
#define LWIP_DNS 0
#define LWIP_DHCP 0
#define LWIP_SINGLE_NETIF 0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
/* Needed wherever a pointer is larger than 4 bytes: the header of a fragment has no room for two of them. */
#define IPV6_FRAG_COPYHEADER 1

/* 127.0.0.1 and ::1: what ends the server comes that way, and the tests do. */
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_LOOPBACK_MAX_PBUFS 0

/* Objects of fixed size from lwIP's static pools, the data that are sent from malloc(), those received from PBUF_POOL. */
#define MEM_ALIGNMENT 8
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 0
/* server::MOST_CONNECTIONS, those that drain or are refused, and those that wait to be accepted. */
#define MEMP_NUM_NETCONN 2048
#define MEMP_NUM_TCP_PCB 4096
#define MEMP_NUM_TCP_PCB_LISTEN 8
#define MEMP_NUM_UDP_PCB 8
#define MEMP_NUM_TCP_SEG 60000
#define MEMP_NUM_PBUF 8192
#define MEMP_NUM_NETBUF 64
#define MEMP_NUM_TCPIP_MSG_API 64
#define MEMP_NUM_TCPIP_MSG_INPKT 1024
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 1)
#define PBUF_POOL_BUFSIZE 1600
#define PBUF_POOL_SIZE 4096
/* lwIP wants a whole window to fit the pool, which the window of one connection does. */
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1
#define ARP_TABLE_SIZE 127
#define ARP_QUEUEING 1
#define LWIP_ND6_NUM_NEIGHBORS 127
#define LWIP_ND6_NUM_DESTINATIONS 127

/* The largest segment of an Ethernet frame: 1500 bytes less 40 of IPv4 and TCP. */
#define TCP_MSS 1460
/* Requests come in, files go out. */
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 2
#define TCP_WND (64 * 1024)
#define TCP_SND_BUF (256 * 1024)
#define TCP_SND_QUEUELEN (8 * TCP_SND_BUF / TCP_MSS)
/* lwip_poll() says that a socket can be written when that much is free. */
#define TCP_SNDLOWAT (32 * 1024)
#define TCP_QUEUE_OOSEQ 1
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 1
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 128
#define LWIP_TCP_KEEPALIVE 1

/* The Rust core's own: deadlines in milliseconds, SACKs used by the sender, losses told by time. */
#define LWIP_TCP_RUST_FINE_TIMERS 1
#define LWIP_TCP_RUST_SACK 1
#define LWIP_TCP_RUST_RACK 1

#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define MIB2_STATS 1
#define LWIP_STATS_DISPLAY 0

#endif /* LWIP_HTTPD_LWIPOPTS_H */
