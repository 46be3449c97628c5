/* As few options as lwIP can do with: what they leave unused in the Rust core is seen by the lints of scripts/test. */
#ifndef FEW_LWIPOPTS_H
#define FEW_LWIPOPTS_H

#define NO_SYS 1
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define SYS_LIGHTWEIGHT_PROT 0
#define MEM_ALIGNMENT 4
#define LWIP_STATS 0
#define LWIP_TIMERS 0
#define LWIP_NOASSERT

#define LWIP_CALLBACK_API 0
#define LWIP_EVENT_API 1
#define TCP_QUEUE_OOSEQ 0
#define TCP_LISTEN_BACKLOG 0
#define TCP_OVERSIZE 0
#define TCP_CALCULATE_EFF_SEND_MSS 0
#define LWIP_TCP_KEEPALIVE 0
#define LWIP_WND_SCALE 0
#define CHECKSUM_GEN_TCP 0
#define CHECKSUM_CHECK_TCP 0

#endif /* FEW_LWIPOPTS_H */
