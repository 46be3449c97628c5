#ifndef PEER_HOOKS_H
#define PEER_HOOKS_H

#include "lwip/arch.h"
#include "lwip/ip_addr.h"

u32_t peer_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip, u16_t remote_port);

#endif
