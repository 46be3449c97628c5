/* LWIP_HOOK_TCP_* for the configurations that set CONFIGS_TCP_HOOKS; the bodies are in features.c. lwipopts.h is read
 * before any lwIP type exists, hence the elaborated types and the pointers to void. */
#ifndef CONFIGS_HOOKS_H
#define CONFIGS_HOOKS_H

#include <stdint.h>

struct tcp_pcb;
struct tcp_hdr;
struct pbuf;

uint32_t configs_hook_isn(const void *local_ip, uint16_t local_port, const void *remote_ip, uint16_t remote_port);
int8_t configs_hook_inpacket(struct tcp_pcb *pcb, struct tcp_hdr *hdr, uint16_t optlen, uint16_t opt1len, uint8_t *opt2,
                             struct pbuf *p);
uint8_t configs_hook_opt_length(const struct tcp_pcb *pcb, uint8_t internal_len);
uint32_t *configs_hook_add_opts(struct pbuf *p, struct tcp_hdr *hdr, const struct tcp_pcb *pcb, uint32_t *opts);

#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) \
  configs_hook_isn(local_ip, local_port, remote_ip, remote_port)
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, optlen, opt1len, opt2, p) \
  configs_hook_inpacket(pcb, hdr, optlen, opt1len, opt2, p)
#define LWIP_HOOK_TCP_OUT_TCPOPT_LENGTH(pcb, internal_len) configs_hook_opt_length(pcb, internal_len)
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, hdr, pcb, opts) configs_hook_add_opts(p, hdr, pcb, opts)

#endif /* CONFIGS_HOOKS_H */
