/* Queues, pools and limits so small that they are hit all the time. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#include "peer_opts.h"

#define TCP_MSS                  536
#define TCP_WND                  (3 * TCP_MSS)
#define TCP_SND_BUF              (3 * TCP_MSS)
#define TCP_SND_QUEUELEN         6
#define TCP_OOSEQ_MAX_BYTES      1000
#define TCP_OOSEQ_MAX_PBUFS      3
#define LWIP_TCP_SACK_OUT        1
#define LWIP_TCP_MAX_SACK_NUM    2
#define TCP_OVERSIZE             0
#define TCP_MAXRTX               4
#define TCP_SYNMAXRTX            3
#define TCP_LISTEN_BACKLOG       1
#define TCP_DEFAULT_LISTEN_BACKLOG 1
#define MEMP_NUM_TCP_PCB         3
#define MEMP_NUM_TCP_PCB_LISTEN  2
#define MEMP_NUM_TCP_SEG         10
#define MEMP_NUM_PBUF            6
#define PBUF_POOL_SIZE           10
#define PBUF_POOL_BUFSIZE        700
#define MEM_SIZE                 8192

#endif
