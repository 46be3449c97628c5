/* TCP as lwIP ships it, with an Ethernet MSS and room to fill a window. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#include "peer_opts.h"
#include "peer_room.h"

#define TCP_MSS                  1460

#endif
