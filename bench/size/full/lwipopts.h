/* What a larger device turns on: IPv6, SACK out, timestamps, window scaling, keep-alive, listen backlog. */
#ifndef BENCH_SIZE_LWIPOPTS_H
#define BENCH_SIZE_LWIPOPTS_H

#define NO_SYS 1
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define MEM_ALIGNMENT 4
#define LWIP_IPV6 1
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 1
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 2
#define LWIP_TCP_KEEPALIVE 1
#define TCP_LISTEN_BACKLOG 1

#endif
