/* IPv6 that sends nothing by itself. */
#ifndef PEER_IPV6_H
#define PEER_IPV6_H

#define LWIP_IPV6                1
#define LWIP_IPV6_MLD            0
#define LWIP_IPV6_AUTOCONFIG     0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define LWIP_ICMP6               1
#define LWIP_ND6_QUEUEING        0

#endif
