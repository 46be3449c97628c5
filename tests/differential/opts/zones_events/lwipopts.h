/* Two that do not touch each other: connections between link-local IPv6 addresses that two interfaces share, so that the zone
 * tells them apart; and one function for all events in place of callbacks. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define PEER_ZONES               1
#define LWIP_EVENT_API           1
#define LWIP_CALLBACK_API        0

#include "peer_opts.h"

#define LWIP_IPV6                1
#define LWIP_IPV6_SCOPES         1
#define LWIP_IPV6_MLD            0
#define LWIP_IPV6_AUTOCONFIG     0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define LWIP_ICMP6               1
#define LWIP_ND6_QUEUEING        0

#define TCP_MSS                  536
#define TCP_WND                  (8 * TCP_MSS)
#define TCP_SND_BUF              (8 * TCP_MSS)
#define TCP_LISTEN_BACKLOG       1
#define TCP_DEFAULT_LISTEN_BACKLOG 3
#define SO_REUSE                 1
#define MEMP_NUM_TCP_PCB         6
#define MEMP_NUM_TCP_PCB_LISTEN  4
#define MEMP_NUM_TCP_SEG         64
#define PBUF_POOL_SIZE           64
#define PBUF_POOL_BUFSIZE        1600
#define MEM_SIZE                 (96 * 1024)

#endif
