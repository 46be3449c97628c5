/* Every option of TCP on. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#include "peer_opts.h"
#include "peer_ipv6.h"

#define TCP_MSS                  1220
#define LWIP_WND_SCALE           1
#define TCP_RCV_SCALE            2
#define TCP_WND                  (80 * 1024)
#define TCP_SND_BUF              (80 * 1024)
#define TCP_SND_QUEUELEN         160
#define LWIP_TCP_SACK_OUT        1
#define LWIP_TCP_MAX_SACK_NUM    4
#define LWIP_TCP_TIMESTAMPS      1
#define LWIP_TCP_KEEPALIVE       1
#define TCP_LISTEN_BACKLOG       1
#define TCP_DEFAULT_LISTEN_BACKLOG 3
#define LWIP_TCP_RUST_INDEX      1
#define SO_REUSE                 1
#define LWIP_CHECKSUM_ON_COPY    1
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1
#define MEMP_NUM_TCP_PCB         6
#define MEMP_NUM_TCP_PCB_LISTEN  4
#define MEMP_NUM_TCP_SEG         256
#define MEMP_NUM_PBUF            64
#define PBUF_POOL_SIZE           160
#define PBUF_POOL_BUFSIZE        1600
#define MEM_SIZE                 (256 * 1024)

#endif
