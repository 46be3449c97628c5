/* What is walked over changes meanwhile (CVE-2026-10634): callbacks end and open
 * connections, and a driver receives while it is asked to send. */
#include <stdlib.h>
#include <string.h>

#include "attacks.h"
#include "lwip/priv/tcp_priv.h"

static struct app many[4];
static struct peer q;
#ifdef TEST_RUST
static u8_t data[6000];
#endif

static struct tcp_pcb *victims[4];
static unsigned victim_mode;

static err_t poll_kills(void *arg, struct tcp_pcb *pcb)
{
  unsigned i;
  int self = 0;
  LWIP_UNUSED_ARG(arg);
  for (i = 0; i < 4; i++) {
    if (victims[i] == NULL || (victim_mode == 0 && victims[i] == pcb)) {
      continue;
    }
    self |= victims[i] == pcb;
    if (victim_mode == 2) {
      tcp_arg(victims[i], NULL);
      tcp_poll(victims[i], NULL, 0);
      tcp_close(victims[i]);
      self = 0;
    } else {
      tcp_abort(victims[i]);
    }
    victims[i] = NULL;
  }
  if (victim_mode == 3) {
    tcp_abort(tcp_new());
  }
  return self ? ERR_ABRT : ERR_OK;
}

static err_t recv_kills(void *arg, struct tcp_pcb *pcb, struct pbuf *pb, err_t err)
{
  LWIP_UNUSED_ARG(err);
  if (pb != NULL) {
    pbuf_free(pb);
  }
  return poll_kills(arg, pcb);
}

static void cve_2026_10634_callback_during_iteration(void)
{
  unsigned i, round;
  app_listen(80, many, 4);
  for (round = 0; round < 12; round++) {
    victim_mode = round % 4;
    app_accepted = 0;
    memset(many, 0, sizeof many);
    for (i = 0; i < 4; i++) {
      peer_init(&q, PEER_ADDR, (u16_t)(5000 + 10 * round + i), 80);
      peer_open(&q);
      EXPECT(many[i].pcb != NULL, "connection %u", i);
      victims[i] = many[i].pcb;
      tcp_arg(victims[i], NULL);
      tcp_err(victims[i], NULL);
      tcp_sent(victims[i], NULL);
      tcp_recv(victims[i], recv_kills);
      tcp_poll(victims[i], poll_kills, round < 8 ? 1 : 200);
    }
    if (round >= 8) {
      peer_send(&q, TCP_ACK, "data", 4);
    }
    vnet_run(2000);
    vnet_drop_captured();
    expect_consistent();
    while (tcp_active_pcbs != NULL) {
      tcp_abort(tcp_active_pcbs);
    }
    vnet_drop_captured();
  }
}

static void err_kills(void *arg, err_t err)
{
  unsigned i;
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  for (i = 0; i < 4; i++) {
    if (victims[i] != NULL) {
      struct tcp_pcb *v = victims[i];
      victims[i] = NULL;
      if (check_pcb_on_list(v)) {
        tcp_err(v, NULL);
        tcp_abort(v);
      }
    }
  }
}

/* The address goes, and with it all PCBs; the first err callback ends others. */
static void cve_2026_10634_address_change_during_iteration(void)
{
  ip4_addr_t addr, mask, gw;
  unsigned i;
  app_listen(80, many, 4);
  for (i = 0; i < 4; i++) {
    peer_init(&q, PEER_ADDR, (u16_t)(5000 + i), 80);
    peer_open(&q);
    EXPECT(many[i].pcb != NULL, "connection %u", i);
    victims[i] = many[i].pcb;
    tcp_err(victims[i], err_kills);
  }
  IP4_ADDR(&addr, 10, 0, 0, 77);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gw, 10, 0, 0, 254);
  netif_set_addr(&vnet.netif, &addr, &mask, &gw);
  EXPECT(tcp_active_pcbs == NULL, "a connection survives its address");
  vnet_drop_captured();
}

#ifdef TEST_RUST /* C's tcp_input, whose segment is in static variables, is not to be entered from within: it loops for ever */
/* A driver that looks for received packets while it is asked to send: segments are then processed, callbacks called and PCBs freed
 * in the middle of every walk over them. */
#define AT_ONCE_PAIRS 3
static struct side { struct tcp_pcb *pcb; u32_t got, sent, polls, polled_at; int fin; } sides[2 * AT_ONCE_PAIRS];
static netif_output_fn plain_output;
static unsigned at_once_depth, at_once_deepest, at_once_accepted;

static err_t output_that_receives(struct netif *netif, struct pbuf *pb, const ip4_addr_t *dst)
{
  struct vnet_frame *f = vnet.wire;
  if (f != NULL && at_once_depth < 12) {
    vnet.wire = f->next;
    at_once_deepest = LWIP_MAX(at_once_deepest, ++at_once_depth);
    vnet_inject(f->data, f->len);
    at_once_depth--;
    free(f);
  }
  return plain_output(netif, pb, dst);
}

static void side_send(struct side *side)
{
  while (side->pcb != NULL && side->sent < 6000) {
    u16_t len = (u16_t)LWIP_MIN(6000 - side->sent, 333);
    if (tcp_write(side->pcb, data + side->sent, len, TCP_WRITE_FLAG_COPY) != ERR_OK) {
      break;
    }
    side->sent += len;
    tcp_output(side->pcb);
  }
}

static err_t side_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *pb, err_t err)
{
  struct side *side = arg;
  LWIP_UNUSED_ARG(err);
  if (pb == NULL) {
    side->fin = 1;
    return ERR_OK;
  }
  for (struct pbuf *q = pb; q != NULL; q = q->next) {
    EXPECT(memcmp(q->payload, data + side->got, q->len) == 0, "data differ behind %u", (unsigned)side->got);
    side->got += q->len;
  }
  tcp_recved(pcb, pb->tot_len);
  pbuf_free(pb);
  side_send(side);
  return ERR_OK;
}

static err_t side_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(len);
  side_send(arg);
  return ERR_OK;
}

/* Each poll changes the list of PCBs, and leaves somebody without memory, who is woken within it. */
static err_t side_poll(void *arg, struct tcp_pcb *pcb)
{
  struct side *side = arg;
  struct tcp_pcb *other = tcp_new();
  ip_addr_t own;
  LWIP_UNUSED_ARG(pcb);
  EXPECT(side->polled_at != vnet.now, "polled twice in one tick of the timer");
  side->polled_at = vnet.now;
  side->polls++;
  inject_arm(INJECT_OUTAGE, 1);
  side_send(side);
  inject_disarm();
  side_send(&sides[(side - sides + 3) % (2 * AT_ONCE_PAIRS)]);
  EXPECT(other != NULL, "no PCB");
  IP_ADDR4(&own, 10, 0, 0, 1);
  if (tcp_connect(other, &own, 81, NULL) == ERR_OK && check_pcb_on_list(other)) {
    tcp_abort(other);
  }
  return ERR_OK;
}

static void side_err(void *arg, err_t err)
{
  EXPECT(arg == NULL, "a connection ends by err %d", err);
}

static void side_attach(struct side *side, struct tcp_pcb *pcb)
{
  side->pcb = pcb;
  side->polled_at = vnet.now + 1;
  tcp_arg(pcb, side);
  tcp_recv(pcb, side_recv);
  tcp_sent(pcb, side_sent);
  tcp_err(pcb, side_err);
  tcp_poll(pcb, side_poll, 1);
}

static err_t side_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  EXPECT(pcb != NULL && err == ERR_OK && at_once_accepted < AT_ONCE_PAIRS, "accept");
  side_attach(&sides[AT_ONCE_PAIRS + at_once_accepted++], pcb);
  return ERR_OK;
}

static err_t side_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(pcb);
  EXPECT(err == ERR_OK, "connected");
  side_send(arg);
  return ERR_OK;
}

static void cve_2026_10634_driver_that_receives_when_sending(void)
{
  struct tcp_pcb *pcb = tcp_new();
  ip_addr_t own;
  unsigned i;
  for (i = 0; i < sizeof data; i++) {
    data[i] = (u8_t)(i * 7 + i / 251);
  }
  EXPECT(tcp_bind(pcb, IP_ADDR_ANY, 80) == ERR_OK && (pcb = tcp_listen(pcb)) != NULL, "listener");
  tcp_accept(pcb, side_accept);
  plain_output = vnet.netif.output;
  vnet.netif.output = output_that_receives;
  IP_ADDR4(&own, 10, 0, 0, 1);
  for (i = 0; i < AT_ONCE_PAIRS; i++) {
    side_attach(&sides[i], tcp_new());
    EXPECT(tcp_connect(sides[i].pcb, &own, 80, side_connected) == ERR_OK, "tcp_connect");
    expect_consistent();
  }
  vnet_run(20000);
  for (i = 0; i < 2 * AT_ONCE_PAIRS; i++) {
    EXPECT(sides[i].got == 6000 && sides[i].sent == 6000, "side %u: %u octets of 6000, %u sent", i,
           (unsigned)sides[i].got, (unsigned)sides[i].sent);
    EXPECT(sides[i].polls >= 10, "side %u: %u polls in 20 s", i, (unsigned)sides[i].polls);
  }
  EXPECT(at_once_deepest >= 3, "only %u deep", at_once_deepest);
  for (i = 0; i < 2 * AT_ONCE_PAIRS; i++) {
    tcp_arg(sides[i].pcb, NULL);
    tcp_recv(sides[i].pcb, NULL);
    tcp_sent(sides[i].pcb, NULL);
    tcp_poll(sides[i].pcb, NULL, 0);
    tcp_close(sides[i].pcb);
    expect_consistent();
  }
  vnet_run(3 * TCP_MSL);
  EXPECT(tcp_active_pcbs == NULL && tcp_tw_pcbs == NULL, "not closed");
}

#endif

static unsigned reconnects;
static void err_reconnects(void *arg, err_t err)
{
  struct tcp_pcb *pcb;
  ip_addr_t to;
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  EXPECT(++reconnects <= 100, "a new connection in the err callback is aborted, again and again");
  IP_ADDR4(&to, 10, 0, 0, 2);
  pcb = tcp_new();
  EXPECT(pcb != NULL, "no PCB");
  tcp_err(pcb, err_reconnects);
  EXPECT(tcp_connect(pcb, &to, 99, NULL) == ERR_OK, "tcp_connect");
}

/* The interface still has its old address while the err callbacks run, and so
 * has what an application connects anew in one: that must come to an end, and
 * each connection from before must go. */
static void address_change_reconnects_in_the_err_callback(void)
{
  ip4_addr_t addr, mask, gw;
  unsigned i;
  app_listen(80, many, 4);
  for (i = 0; i < 4; i++) {
    peer_init(&q, PEER_ADDR, (u16_t)(5000 + i), 80);
    peer_open(&q);
    EXPECT(many[i].pcb != NULL, "connection %u", i);
    tcp_err(many[i].pcb, err_reconnects);
  }
  IP4_ADDR(&addr, 10, 0, 0, 77);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gw, 10, 0, 0, 254);
  netif_set_addr(&vnet.netif, &addr, &mask, &gw);
  EXPECT(reconnects == 4, "%u err callbacks for 4 connections", reconnects);
  for (i = 0; i < 4; i++) {
    EXPECT(tcp_active_pcbs != NULL && tcp_active_pcbs->state == SYN_SENT, "a connection survives its address");
    tcp_err(tcp_active_pcbs, NULL);
    tcp_abort(tcp_active_pcbs);
  }
  EXPECT(tcp_active_pcbs == NULL, "too many connections");
  vnet_drop_captured();
}

#define CASE(name) { #name, name, 0 }
const struct attack_case cases_reentry[] = {
  CASE(cve_2026_10634_callback_during_iteration),
  CASE(cve_2026_10634_address_change_during_iteration),
  CASE(address_change_reconnects_in_the_err_callback),
#ifdef TEST_RUST
  CASE(cve_2026_10634_driver_that_receives_when_sending),
#endif
};
const unsigned cases_reentry_count = sizeof cases_reentry / sizeof cases_reentry[0];
