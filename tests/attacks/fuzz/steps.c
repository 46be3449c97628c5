/* What the steps do. The stack has a listener, up to four connections, and
 * applications that write, read, refuse, close and abort at random. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "known_c.h"
#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"

#define PEERS 4
#define LISTEN_PORT 80

struct fpeer {
  u32_t seq, ack;       /* what the peer sends next, what it expects */
  u16_t port, stack_port;
  struct tcp_pcb *pcb;  /* the application's handle; NULL when it has none */
  u8_t rx_shut, tx_shut;
};

static struct fpeer peers[PEERS];
static struct tcp_pcb *listener;
static u32_t state;
static u8_t payload[2048];

static u32_t rnd(void)
{
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}
static u32_t below(u32_t n) { return rnd() % n; }

static const char *const names[STEP_KINDS] = {
  "segment", "options", "bytes", "handshake", "good", "time", "api", "alloc"
};
const char *fuzz_step_name(const struct step *s) { return names[s->kind % STEP_KINDS]; }

void fuzz_make(struct step *steps, unsigned n, u32_t seed)
{
  static const u8_t mix[] = { 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 6, 6, 6, 7 };
  unsigned i;
  state = seed * 2654435761u + 1;
  for (i = 0; i < n; i++) {
    steps[i].kind = i < 2 ? (u8_t)STEP_HANDSHAKE : mix[below(sizeof mix)];
    steps[i].seed = rnd() | 1;
  }
}

/* --- the application ----------------------------------------------------------- */

static struct fpeer *owner(const struct tcp_pcb *pcb)
{
  unsigned i;
  for (i = 0; i < PEERS; i++) {
    if (peers[i].pcb == pcb) {
      return &peers[i];
    }
  }
  return NULL;
}

static void drop(struct tcp_pcb *pcb)
{
  struct fpeer *f = owner(pcb);
  if (f != NULL) {
    f->pcb = NULL;
  }
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_err(pcb, NULL);
  tcp_poll(pcb, NULL, 0);
}

/* lwIP frees a PCB that was shut both ways without a word: it is not the
 * application's any more. */
static void shut(struct tcp_pcb *pcb, int rx, int tx)
{
  struct fpeer *f = owner(pcb);
  if (f == NULL) {
    return;
  }
  if (rx && tx) {
    drop(pcb);
    tcp_shutdown(pcb, 1, 1);
    return;
  }
  if ((rx && f->tx_shut) || (tx && f->rx_shut)) {
    drop(pcb);
    tcp_close(pcb);
    return;
  }
  if (tcp_shutdown(pcb, rx, tx) == ERR_OK) {
    f->rx_shut |= (u8_t)rx;
    f->tx_shut |= (u8_t)tx;
  }
}

/* What an application does in any callback; ERR_ABRT when it aborted. */
static err_t act(struct tcp_pcb *pcb)
{
  switch (below(40)) {
    case 0:
      drop(pcb);
      tcp_abort(pcb);
      return ERR_ABRT;
    case 1: case 2:
      drop(pcb);
      tcp_close(pcb);
      return ERR_OK;
    case 3:
      shut(pcb, 0, 1);
      return ERR_OK;
    case 4: {
      struct fpeer *other = &peers[below(PEERS)];
      if (other->pcb != NULL && other->pcb != pcb) {
        struct tcp_pcb *victim = other->pcb;
        drop(victim);
        tcp_abort(victim);
      }
      return ERR_OK;
    }
    case 5: case 6: case 7: case 8: case 9: case 10:
      tcp_write(pcb, payload, (u16_t)below(1500), (u8_t)below(4));
      tcp_output(pcb);
      return ERR_OK;
    default:
      return ERR_OK;
  }
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  LWIP_UNUSED_ARG(err);
  if (arg == NULL || owner(pcb) == NULL) {
    attack_fail("recv callback of a connection that was given up");
  }
  if (p == NULL) {
    /* both ways closed: the PCB goes when TIME-WAIT is over */
    if (owner(pcb)->tx_shut || below(2)) {
      drop(pcb);
      tcp_close(pcb);
    }
    return ERR_OK;
  }
  if (below(10) == 0 && FUZZ_MAY_REFUSE) {
    return ERR_MEM; /* refused, to be offered again */
  }
  if (below(8) != 0) {
    tcp_recved(pcb, p->tot_len);
  }
  pbuf_free(p);
  return act(pcb);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
  LWIP_UNUSED_ARG(len);
  if (arg == NULL || owner(pcb) == NULL) {
    attack_fail("sent callback of a connection that was given up");
  }
  return FUZZ_SENT_MAY_END ? act(pcb) : ERR_OK;
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
  if (arg == NULL || owner(pcb) == NULL) {
    attack_fail("poll callback of a connection that was given up");
  }
  return act(pcb);
}

static void on_err(void *arg, err_t err)
{
  struct fpeer *f = arg;
  LWIP_UNUSED_ARG(err);
  if (f == NULL || f->pcb == NULL) {
    attack_fail("err callback of a connection that was given up");
  }
  f->pcb = NULL;
}

static void adopt(struct fpeer *f, struct tcp_pcb *pcb)
{
  if (f->pcb != NULL) {
    struct tcp_pcb *old = f->pcb;
    drop(old);
    tcp_abort(old);
  }
  f->pcb = pcb;
  f->rx_shut = f->tx_shut = 0;
  tcp_arg(pcb, f);
  tcp_recv(pcb, on_recv);
  tcp_sent(pcb, on_sent);
  tcp_err(pcb, on_err);
  tcp_poll(pcb, on_poll, (u8_t)(1 + below(4)));
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  unsigned i;
  LWIP_UNUSED_ARG(arg);
  if (pcb == NULL || err != ERR_OK) {
    return ERR_VAL;
  }
  for (i = 0; i < PEERS; i++) {
    if (peers[i].port == pcb->remote_port && peers[i].pcb == NULL) {
      adopt(&peers[i], pcb);
      return act(pcb);
    }
  }
  return ERR_MEM; /* have it aborted */
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  return act(pcb);
}

/* --- the network ------------------------------------------------------------------ */

static void put16(u8_t *at, u32_t v) { at[0] = (u8_t)(v >> 8); at[1] = (u8_t)v; }
static void put32(u8_t *at, u32_t v) { put16(at, v >> 16); put16(at + 2, v & 0xffff); }
static u32_t get32(const u8_t *at)
{
  return ((u32_t)at[0] << 24) | ((u32_t)at[1] << 16) | ((u32_t)at[2] << 8) | at[3];
}

static u16_t build(const struct fpeer *f, u8_t *out, u8_t flags, u32_t seq, u32_t ack,
                   const u8_t *opts, u8_t optlen, u16_t len)
{
  u8_t *tcp = out + 20;
  u16_t header = (u16_t)(20 + ((optlen + 3) & ~3));
  u16_t total = (u16_t)(20 + header + len);
  memset(out, 0, (size_t)(20 + header));
  out[0] = 0x45;
  put16(out + 2, total);
  out[8] = 64;
  out[9] = 6;
  put32(out + 12, 0x0a000002UL);
  put32(out + 16, VNET_LOCAL);
  put16(tcp, f->port);
  put16(tcp + 2, f->stack_port);
  put32(tcp + 4, seq);
  put32(tcp + 8, ack);
  tcp[12] = (u8_t)(header << 2);
  tcp[13] = flags;
  put16(tcp + 14, below(4) == 0 ? below(65536) : 8000);
  put16(tcp + 18, (flags & TCP_URG) ? below(65536) : 0);
  if (optlen != 0) {
    memcpy(tcp + 20, opts, optlen);
  }
  memcpy(tcp + header, payload, len);
  return total;
}

static void arrive(const u8_t *packet, u16_t len)
{
  static const u16_t splits[] = { 0, 0, 0, 21, 22, 25, 30, 41, 60, 1, 2, 7 };
  vnet.rx_split = splits[below(sizeof splits / sizeof splits[0])];
  vnet.rx_pool = vnet.rx_split == 0 && below(4) == 0;
  vnet_inject(packet, len);
}

/* What the stack sent tells the peers where they are. */
static void listen_to_stack(void)
{
  struct vnet_frame *f;
  while ((f = vnet_take_captured()) != NULL) {
    const u8_t *tcp = f->data + 20;
    u16_t port = (u16_t)((tcp[2] << 8) | tcp[3]);
    unsigned i;
    for (i = 0; i < PEERS; i++) {
      if (peers[i].port == port) {
        u32_t len = f->len - 20u - (u32_t)(tcp[12] >> 4) * 4u;
        peers[i].stack_port = (u16_t)((tcp[0] << 8) | tcp[1]);
        peers[i].ack = get32(tcp + 4) + len + ((tcp[13] & (TCP_SYN | TCP_FIN)) ? 1u : 0u);
        if (tcp[13] & TCP_ACK) {
          peers[i].seq = get32(tcp + 8);
        }
      }
    }
    free(f);
  }
}

static u32_t near(u32_t v)
{
  switch (below(8)) {
    case 0: return v + below(4000);
    case 1: return v - below(4000);
    case 2: return v + 1 - below(3);
    case 3: return rnd();
    default: return v;
  }
}

static void step_segment(void)
{
  u8_t packet[VNET_MAX_FRAME];
  struct fpeer *f = &peers[below(PEERS)];
  u8_t ts[12] = { 1, 1, 8, 10 };
  u8_t flags = below(4) ? TCP_ACK : 0;
  u16_t len = (u16_t)(below(3) ? below(700) : below(3));
  put32(ts + 4, below(6) ? vnet.now : rnd());
  if (below(2)) {
    flags |= (u8_t)below(64);
  }
  if (below(3)) {
    flags &= (u8_t)~TCP_RST;
  }
  len = build(f, packet, flags, near(f->seq), near(f->ack), ts, below(5) ? 12 : 0, len);
  arrive(packet, len);
}

static void step_options(void)
{
  static const u8_t kinds[] = { 0, 1, 1, 2, 3, 4, 5, 8, 8, 28, 29, 30, 34, 253, 255 };
  u8_t packet[VNET_MAX_FRAME], opts[40];
  struct fpeer *f = &peers[below(PEERS)];
  u8_t optlen = (u8_t)(below(11) * 4), i;
  u16_t len;
  for (i = 0; i < optlen; i++) {
    opts[i] = below(3) ? (u8_t)below(12) : kinds[below(sizeof kinds)];
  }
  if (optlen > 0 && below(3) == 0) {
    opts[optlen - 1] = kinds[below(sizeof kinds)];
  }
  len = build(f, packet, below(4) ? TCP_ACK : (u8_t)(TCP_SYN | (below(2) ? TCP_ACK : 0)),
              f->seq, f->ack, opts, optlen, (u16_t)below(50));
  arrive(packet, len);
}

static void step_bytes(void)
{
  u8_t packet[VNET_MAX_FRAME];
  struct fpeer *f = &peers[below(PEERS)];
  u16_t len = build(f, packet, TCP_ACK, f->seq, f->ack, NULL, 0, (u16_t)below(120));
  u32_t n = 1 + below(6);
  while (n-- > 0) {
    u32_t at = below(4) ? 20 + below(len - 20u) : below(len);
    packet[at] = below(2) ? (u8_t)rnd() : (u8_t)(packet[at] ^ (1u << below(8)));
  }
  if (below(4) == 0) {
    len = (u16_t)(20 + below(len - 19u));
  }
  arrive(packet, len);
}

static void step_handshake(void)
{
  u8_t packet[VNET_MAX_FRAME];
  u8_t syn[20] = { 2, 4, 2, 24, 4, 2, 1, 3, 3, 3, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0 };
  u8_t ts[12] = { 1, 1, 8, 10 };
  struct fpeer *f = &peers[below(PEERS)];
  u16_t len;
  put32(ts + 4, vnet.now);
  if (below(2) && f->pcb == NULL) { /* the stack opens */
    struct tcp_pcb *pcb = tcp_new();
    ip_addr_t addr;
    if (pcb == NULL) {
      return;
    }
    IP_ADDR4(&addr, 10, 0, 0, 2);
    if (tcp_connect(pcb, &addr, f->port, on_connected) != ERR_OK) {
      tcp_abort(pcb);
      return;
    }
    f->stack_port = pcb->local_port;
    adopt(f, pcb);
    listen_to_stack();
    if (f->pcb == NULL) {
      return;
    }
    f->seq = rnd();
    len = build(f, packet, TCP_SYN | TCP_ACK, f->seq, f->ack, syn, sizeof syn, 0);
    arrive(packet, len);
    return;
  }
  f->stack_port = LISTEN_PORT;
  f->seq = rnd();
  len = build(f, packet, TCP_SYN, f->seq, 0, syn, sizeof syn, 0);
  arrive(packet, len);
  listen_to_stack();
  f->seq++;
  len = build(f, packet, TCP_ACK, f->seq, f->ack, ts, sizeof ts, (u16_t)below(100));
  arrive(packet, len);
}

static void step_good(void)
{
  u8_t packet[VNET_MAX_FRAME];
  u8_t ts[12] = { 1, 1, 8, 10 };
  struct fpeer *f = &peers[below(PEERS)];
  u16_t len;
  put32(ts + 4, vnet.now);
  listen_to_stack();
  len = build(f, packet, TCP_ACK, f->seq, f->ack, ts, sizeof ts,
              (u16_t)(below(2) ? below(536) : 0));
  arrive(packet, len);
  listen_to_stack();
}

/* --- time, API, memory ------------------------------------------------------------------ */

static void step_api(void)
{
  struct fpeer *f = &peers[below(PEERS)];
  struct tcp_pcb *pcb = f->pcb;
  if (below(30) == 0) {
    struct tcp_pcb *other = tcp_alloc((u8_t)(1 + below(127))); /* may evict */
    if (other != NULL) {
      tcp_abort(other);
    }
    return;
  }
  if (pcb == NULL) {
    return;
  }
  switch (below(12)) {
    case 0: case 1: case 2: case 3:
      tcp_write(pcb, payload, (u16_t)below(2000), (u8_t)below(4));
      break;
    case 4: case 5:
      tcp_output(pcb);
      break;
    case 6:
      tcp_recved(pcb, (u16_t)below(below(4) ? 600 : 65536));
      break;
    case 7:
      tcp_setprio(pcb, (u8_t)below(128));
      break;
    case 8:
      shut(pcb, (int)below(2), 0);
      break;
    case 9:
      shut(pcb, 0, (int)below(2));
      break;
    case 10:
      drop(pcb);
      tcp_close(pcb);
      break;
    default:
      if (below(2)) {
        tcp_nagle_disable(pcb);
      } else {
        ip_set_option(pcb, SOF_KEEPALIVE);
        pcb->keep_idle = 500 + below(5000);
      }
  }
}

static void step_time(void)
{
  static const u32_t spans[] = { 1, 100, 250, 500, 1000, 3000, 20000, 60000, 200000 };
  vnet_run(spans[below(below(3) ? 6 : 9)]);
}

static void do_step(const struct step *s)
{
  state = s->seed;
  switch (s->kind) {
    case STEP_SEGMENT: step_segment(); break;
    case STEP_OPTIONS: step_options(); break;
    case STEP_BYTES: step_bytes(); break;
    case STEP_HANDSHAKE: step_handshake(); break;
    case STEP_GOOD: step_good(); break;
    case STEP_TIME: step_time(); break;
    case STEP_API: step_api(); break;
    default:
      inject_arm(below(2) ? INJECT_BURST : INJECT_ONE, 1 + below(6));
  }
}

static void open_listener(void)
{
  struct tcp_pcb *pcb = tcp_new();
  unsigned i;
  if (pcb == NULL || tcp_bind(pcb, IP_ADDR_ANY, LISTEN_PORT) != ERR_OK) {
    attack_fail("no listener");
  }
  listener = tcp_listen_with_backlog(pcb, 5);
  tcp_accept(listener, on_accept);
  for (i = 0; i < PEERS; i++) {
    peers[i].port = (u16_t)(5000 + i);
    peers[i].stack_port = LISTEN_PORT;
  }
}

/* After the storm: everything can be ended, and nothing is lost. */
static void settle(const struct usage *before)
{
  const char *bad;
  unsigned i;
  inject_disarm();
  for (i = 0; i < PEERS; i++) {
    if (peers[i].pcb != NULL) {
      struct tcp_pcb *pcb = peers[i].pcb;
      drop(pcb);
      tcp_abort(pcb);
    }
  }
  tcp_close(listener);
  while (tcp_active_pcbs != NULL) {
    tcp_abort(tcp_active_pcbs);
  }
  vnet_run(3 * TCP_MSL);
  vnet_drop_captured();
  if ((bad = usage_compare(before)) != NULL) {
    attack_fail("%s", bad);
  }
}

void fuzz_run(const struct step *steps, unsigned n)
{
  struct usage before;
  unsigned i;
  memset(peers, 0, sizeof peers);
  usage_take(&before);
  open_listener();
  for (i = 0; i < n; i++) {
    const char *bad;
    do_step(&steps[i]);
    listen_to_stack();
    if ((bad = check_all()) != NULL) {
      attack_fail("after step %u: %s", i, bad);
    }
  }
  settle(&before);
}
