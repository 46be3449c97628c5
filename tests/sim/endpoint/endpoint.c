/* One end of the path: an application on lwIP's raw API that writes a stream, or one that checks it. */
#include "endpoint.h"

#include <string.h>

#include "lwip/init.h"
#include "lwip/ip4.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"

#define SIM_PORT 7777
#define SIM_MTU 1500

#if defined(SIM_TCP_RUST) && SIM_TCP_RUST
/* Weak: a core without selectable congestion control still links, and only refuses the selection. */
err_t lwip_tcp_rust_set_congestion_control(struct tcp_pcb *pcb, u8_t algorithm) __attribute__((weak));

/* The unwind tables of Rust's precompiled core library name it; with panic=abort it is never called. */
void rust_eh_personality(void);
__attribute__((weak)) void rust_eh_personality(void)
{
}
#endif

static struct {
  struct sim_host host;
  struct sim_config config;
  struct netif netif;
  struct tcp_pcb *pcb;
  uint64_t position; /* of the stream: written by the sender, read by the receiver */
  uint32_t now_ms;
  uint64_t random;
} ep;

u32_t sys_now(void)
{
  return ep.now_ms;
}

/* lwIP's unix port declares this one as LWIP_RAND(). */
unsigned int lwip_port_rand(void)
{
  uint64_t z = (ep.random += 0x9e3779b97f4a7c15u); /* SplitMix64 */
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (unsigned int)((z ^ (z >> 31)) >> 32);
}

static err_t on_netif_output(struct netif *netif, struct pbuf *p, const ip4_addr_t *dst)
{
  uint8_t packet[SIM_MTU];
  LWIP_UNUSED_ARG(netif);
  LWIP_UNUSED_ARG(dst);
  if (p->tot_len > sizeof(packet)) {
    return ERR_BUF;
  }
  ep.host.output(ep.host.ctx, packet, pbuf_copy_partial(p, packet, p->tot_len, 0));
  return ERR_OK;
}

static err_t on_netif_init(struct netif *netif)
{
  netif->name[0] = 's';
  netif->name[1] = 'm';
  netif->mtu = SIM_MTU;
  netif->output = on_netif_output;
  return ERR_OK;
}

static void close_pcb(struct tcp_pcb *pcb)
{
  if (tcp_close(pcb) == ERR_OK) {
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    tcp_err(pcb, NULL);
    ep.pcb = NULL;
    ep.host.event(ep.host.ctx, SIM_CLOSED, ERR_OK);
  }
}

/* Keeps the send buffer full. The pattern is written in pieces that end at its end. */
static void refill(struct tcp_pcb *pcb)
{
  for (;;) {
    uint32_t at = (uint32_t)(ep.position % ep.config.pattern_len);
    uint64_t len = LWIP_MIN((uint64_t)tcp_sndbuf(pcb), (uint64_t)(ep.config.pattern_len - at));
    if (ep.config.limit != 0) {
      len = LWIP_MIN(len, ep.config.limit - ep.position);
    }
    len = LWIP_MIN(len, 0xffffu);
    if (len == 0 || tcp_write(pcb, ep.config.pattern + at, (u16_t)len, TCP_WRITE_FLAG_COPY) != ERR_OK) {
      break;
    }
    ep.position += len;
  }
  tcp_output(pcb);
  if (ep.config.close && ep.config.limit != 0 && ep.position == ep.config.limit) {
    close_pcb(pcb);
  }
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(len);
  refill(pcb);
  return ERR_OK;
}

/* Only matters where tcp_write or tcp_close ran out of memory. */
static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
  LWIP_UNUSED_ARG(arg);
  if (ep.config.role == SIM_SENDER) {
    refill(pcb);
  }
  return ERR_OK;
}

static void on_err(void *arg, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  ep.pcb = NULL;
  ep.host.event(ep.host.ctx, SIM_FAILED, err);
}

static uint32_t stream_differs(const uint8_t *data, uint32_t len)
{
  while (len > 0) {
    uint32_t at = (uint32_t)(ep.position % ep.config.pattern_len);
    uint32_t n = LWIP_MIN(len, ep.config.pattern_len - at);
    if (memcmp(data, ep.config.pattern + at, n) != 0) {
      return 1;
    }
    ep.position += n;
    data += n;
    len -= n;
  }
  return 0;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  struct pbuf *q;
  uint32_t wrong = 0;
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    ep.host.event(ep.host.ctx, SIM_PEER_CLOSED, ERR_OK);
    close_pcb(pcb);
    return ERR_OK;
  }
  for (q = p; q != NULL; q = q->next) {
    wrong |= stream_differs((const uint8_t *)q->payload, q->len);
  }
  ep.host.delivered(ep.host.ctx, p->tot_len, wrong);
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

static int32_t select_congestion_control(struct tcp_pcb *pcb)
{
  const char *name = ep.config.congestion_control;
  if (name == NULL) {
    return 0;
  }
#if defined(SIM_TCP_RUST) && SIM_TCP_RUST
  {
    static const char *const names[] = {"newreno", "cubic", "bbr"};
    u8_t i;
    for (i = 0; i < LWIP_ARRAYSIZE(names); i++) {
      if (strcmp(name, names[i]) == 0 && lwip_tcp_rust_set_congestion_control != NULL) {
        return lwip_tcp_rust_set_congestion_control(pcb, i) == ERR_OK ? 0 : -2;
      }
    }
  }
#else
  LWIP_UNUSED_ARG(pcb);
#endif
  return -2;
}

static void adopt(struct tcp_pcb *pcb)
{
  ep.pcb = pcb;
  tcp_arg(pcb, &ep);
  tcp_recv(pcb, on_recv);
  tcp_sent(pcb, ep.config.role == SIM_SENDER ? on_sent : NULL);
  tcp_err(pcb, on_err);
  tcp_poll(pcb, on_poll, 1);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  ep.host.event(ep.host.ctx, SIM_CONNECTED, ERR_OK);
  refill(pcb);
  return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (err != ERR_OK || pcb == NULL) {
    return ERR_VAL;
  }
  adopt(pcb);
  ep.host.event(ep.host.ctx, SIM_CONNECTED, ERR_OK);
  return ERR_OK;
}

static int32_t start_sender(const ip4_addr_t *peer)
{
  struct tcp_pcb *pcb = tcp_new();
  ip_addr_t to;
  int32_t rc;
  if (pcb == NULL) {
    return -1;
  }
  adopt(pcb);
  if (ep.config.nodelay) {
    tcp_nagle_disable(pcb);
  }
  rc = select_congestion_control(pcb);
  if (rc != 0) {
    return rc;
  }
  ip_addr_copy_from_ip4(to, *peer);
  return tcp_connect(pcb, &to, SIM_PORT, on_connected) == ERR_OK ? 0 : -1;
}

static int32_t start_receiver(void)
{
  struct tcp_pcb *pcb = tcp_new();
  struct tcp_pcb *listener;
  if (pcb == NULL || tcp_bind(pcb, IP_ADDR_ANY, SIM_PORT) != ERR_OK) {
    return -1;
  }
  listener = tcp_listen(pcb);
  if (listener == NULL) {
    return -1;
  }
  tcp_accept(listener, on_accept);
  return 0;
}

static int32_t api_init(const struct sim_config *config, const struct sim_host *host)
{
  ip4_addr_t mine, peer, mask;
  int sender = config->role == SIM_SENDER;
  ep.config = *config;
  ep.host = *host;
  ep.random = config->seed;
  ep.now_ms = config->start_ms;
  lwip_init();
  IP4_ADDR(&mine, 10, 0, 0, sender ? 1 : 2);
  IP4_ADDR(&peer, 10, 0, 0, sender ? 2 : 1);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  if (netif_add(&ep.netif, &mine, &mask, &peer, NULL, on_netif_init, ip4_input) == NULL) {
    return -1;
  }
  netif_set_default(&ep.netif);
  netif_set_up(&ep.netif);
  netif_set_link_up(&ep.netif);
  return sender ? start_sender(&peer) : start_receiver();
}

static void api_set_time(uint32_t now_ms)
{
  ep.now_ms = now_ms;
}

static void api_input(const uint8_t *packet, uint32_t len)
{
  struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
  if (p == NULL) {
    return; /* as a driver that is out of memory: the packet is lost */
  }
  if (pbuf_take(p, packet, (u16_t)len) != ERR_OK || ep.netif.input(p, &ep.netif) != ERR_OK) {
    pbuf_free(p);
  }
}

__attribute__((visibility("default"))) const struct sim_api *sim_endpoint(void)
{
  static const struct sim_api api = {
    SIM_API_VERSION, api_init, api_set_time, api_input, sys_check_timeouts, sys_timeouts_sleeptime,
  };
  return &api;
}
