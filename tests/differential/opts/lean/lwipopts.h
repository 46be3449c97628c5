/* What can be left out is left out: no reassembly queue, no MSS by route, one pbuf to the driver. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#include "peer_opts.h"

#define TCP_MSS                  800
#define TCP_WND                  (4 * TCP_MSS)
#define TCP_SND_BUF              (6 * TCP_MSS)
#define TCP_SND_QUEUELEN         24
#define TCP_QUEUE_OOSEQ          0
#define TCP_OVERSIZE             TCP_MSS
#define TCP_CALCULATE_EFF_SEND_MSS 0
#define LWIP_NETIF_TX_SINGLE_PBUF 1
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define MEMP_NUM_TCP_PCB         5
#define MEMP_NUM_TCP_PCB_LISTEN  3
#define MEMP_NUM_TCP_SEG         32
#define PBUF_POOL_SIZE           32
#define PBUF_POOL_BUFSIZE        1000
#define MEM_SIZE                 (32 * 1024)

#endif
