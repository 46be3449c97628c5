/* Windows of eight segments, and pools that have room for them. */
#ifndef PEER_ROOM_H
#define PEER_ROOM_H

#define TCP_WND                  (8 * TCP_MSS)
#define TCP_SND_BUF              (8 * TCP_MSS)
#define MEMP_NUM_TCP_PCB         6
#define MEMP_NUM_TCP_PCB_LISTEN  4
#define MEMP_NUM_TCP_SEG         64
#define PBUF_POOL_SIZE           64
#define PBUF_POOL_BUFSIZE        1600
#define MEM_SIZE                 (96 * 1024)

#endif
