/*
 * What all configurations of the differential test share: no system, no application layer of lwIP's, every counter on,
 * and nothing that depends on chance.
 */
#ifndef PEER_OPTS_H
#define PEER_OPTS_H

#define NO_SYS                   1
#define SYS_LIGHTWEIGHT_PROT     0
#define LWIP_SOCKET              0
#define LWIP_NETCONN             0
#define LWIP_IPV4                1
#define LWIP_ARP                 0
#define LWIP_ETHERNET            0
#define LWIP_UDP                 0
#define LWIP_RAW                 0
#define LWIP_ICMP                0
#define IP_REASSEMBLY            0
#define IP_FRAG                  0
#define LWIP_STATS               1
#define MIB2_STATS               1
#define MEM_ALIGNMENT            8
#define LWIP_PERF                0
#define LWIP_NUM_NETIF_CLIENT_DATA 0

/* 1: connections are between link-local addresses, which both interfaces have. */
#ifndef PEER_ZONES
#define PEER_ZONES               0
#endif

/* Initial sequence numbers come from the trace, so that both cores use the same. */
#define LWIP_HOOK_FILENAME       "peer_hooks.h"
#define LWIP_HOOK_TCP_ISN        peer_isn

/* A failed assertion ends the trace, in both cores with the same line. */
extern void peer_assert(const char *message);
#define LWIP_PLATFORM_ASSERT(x)  peer_assert(x)
#define LWIP_PLATFORM_DIAG(x)    do { } while (0)

#endif
