/* Two that do not touch each other: connections between link-local IPv6 addresses that two interfaces share, so that the zone
 * tells them apart; and one function for all events in place of callbacks. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define PEER_ZONES               1
#define LWIP_EVENT_API           1
#define LWIP_CALLBACK_API        0

#include "peer_opts.h"
#include "peer_ipv6.h"
#include "peer_room.h"

#define LWIP_IPV6_SCOPES         1
#define TCP_MSS                  536
#define TCP_LISTEN_BACKLOG       1
#define TCP_DEFAULT_LISTEN_BACKLOG 3
#define SO_REUSE                 1

#endif
