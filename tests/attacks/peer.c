#include <stdlib.h>
#include <string.h>

#include "attacks.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"

unsigned app_accepted;
static struct app *listen_apps;
static unsigned listen_count;

static void put16(u8_t *at, u32_t v) { at[0] = (u8_t)(v >> 8); at[1] = (u8_t)v; }
static void put32(u8_t *at, u32_t v) { put16(at, v >> 16); put16(at + 2, v & 0xffff); }
static u16_t get16(const u8_t *at) { return (u16_t)((at[0] << 8) | at[1]); }
static u32_t get32(const u8_t *at) { return ((u32_t)get16(at) << 16) | get16(at + 2); }

/* --- application ----------------------------------------------------------- */

static err_t app_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  struct app *app = arg;
  LWIP_UNUSED_ARG(err);
  EXPECT(app != NULL && app->pcb == pcb, "recv callback for a PCB that is not the one attached");
  app->recv_calls++;
  if (p == NULL) {
    app->fin++;
    return ERR_OK;
  }
  if (app->got < sizeof app->data) {
    pbuf_copy_partial(p, app->data + app->got, (u16_t)(sizeof app->data - app->got), 0);
  }
  app->got += p->tot_len;
  if (!app->keep_window) {
    tcp_recved(pcb, p->tot_len);
  }
  pbuf_free(p);
  return ERR_OK;
}

static err_t app_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
  struct app *app = arg;
  EXPECT(app != NULL && app->pcb == pcb, "sent callback for a PCB that is not the one attached");
  app->sent_calls++;
  app->sent += len;
  return ERR_OK;
}

static err_t app_poll(void *arg, struct tcp_pcb *pcb)
{
  struct app *app = arg;
  EXPECT(app != NULL && app->pcb == pcb, "poll callback for a PCB that is not the one attached");
  app->poll_calls++;
  return ERR_OK;
}

static void app_err(void *arg, err_t err)
{
  struct app *app = arg;
  EXPECT(app != NULL && app->pcb != NULL, "err callback without a connection");
  app->err = err;
  app->err_calls++;
  app->pcb = NULL;
}

static err_t app_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
  struct app *app = arg;
  EXPECT(app->pcb == pcb && err == ERR_OK, "connected callback");
  app->connected_calls++;
  return ERR_OK;
}

void app_attach(struct app *app, struct tcp_pcb *pcb)
{
  app->pcb = pcb;
  tcp_arg(pcb, app);
  tcp_recv(pcb, app_recv);
  tcp_sent(pcb, app_sent);
  tcp_err(pcb, app_err);
  tcp_poll(pcb, app_poll, 1);
}

static err_t app_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (pcb == NULL || err != ERR_OK) {
    return ERR_VAL;
  }
  if (app_accepted >= listen_count) {
    return ERR_MEM;
  }
  app_attach(&listen_apps[app_accepted++], pcb);
  return ERR_OK;
}

struct tcp_pcb *app_listen(u16_t port, struct app *apps, unsigned n)
{
  struct tcp_pcb *pcb = tcp_new();
  EXPECT(pcb != NULL && tcp_bind(pcb, IP_ADDR_ANY, port) == ERR_OK, "listener: bind");
  pcb = tcp_listen_with_backlog(pcb, 255);
  EXPECT(pcb != NULL, "listener: listen");
  tcp_accept(pcb, app_accept);
  listen_apps = apps;
  listen_count = n;
  return pcb;
}

/* --- peer -------------------------------------------------------------------- */

void peer_init(struct peer *p, u32_t addr, u16_t port, u16_t stack_port)
{
  memset(p, 0, sizeof *p);
  p->addr = addr;
  p->port = port;
  p->stack_port = stack_port;
  p->seq = 0x10000000u + port * 65537u;
  p->wnd = 8192;
}

void peer_fix_checksum(u8_t *ip, u16_t len)
{
  u16_t ihl = (u16_t)((ip[0] & 15) * 4);
  u32_t sum = 0;
  u16_t i, tcp_len = (u16_t)(len - ihl);
  put16(ip + 10, 0);
  for (i = 0; i < ihl; i = (u16_t)(i + 2)) {
    sum += get16(ip + i);
  }
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  put16(ip + 10, ~sum & 0xffff);
  if (tcp_len < 18) {
    return;
  }
  put16(ip + ihl + 16, 0);
  sum = (u32_t)(6 + tcp_len);
  for (i = 12; i < 20; i = (u16_t)(i + 2)) {
    sum += get16(ip + i);
  }
  for (i = 0; i < tcp_len; i++) {
    sum += (u32_t)ip[ihl + i] << ((i & 1) ? 0 : 8);
  }
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  put16(ip + ihl + 16, ~sum & 0xffff);
}

u16_t peer_build(const struct peer *p, u8_t *out, u8_t flags, u32_t seq, u32_t ack,
                 const void *data, u16_t len)
{
  u8_t *tcp = out + 20;
  u16_t header, total;
  u8_t opts[40];
  u8_t optlen = p->optlen;
  memcpy(opts, p->opts, optlen);
  if (optlen == 0 && p->ts) {
    static const u8_t head[4] = { 1, 1, 8, 10 };
    memcpy(opts, head, 4);
    put32(opts + 4, vnet.now + 1000);
    put32(opts + 8, p->ts_recent);
    optlen = 12;
  }
  header = (u16_t)(20 + ((optlen + 3) & ~3));
  total = (u16_t)(20 + header + len);
  memset(out, 0, (size_t)(20 + header));
  out[0] = 0x45;
  put16(out + 2, total);
  out[8] = 64;
  out[9] = 6;
  put32(out + 12, p->addr);
  put32(out + 16, VNET_LOCAL);
  put16(tcp, p->port);
  put16(tcp + 2, p->stack_port);
  put32(tcp + 4, seq);
  put32(tcp + 8, ack);
  tcp[12] = (u8_t)(header << 2);
  tcp[13] = flags;
  put16(tcp + 14, p->wnd);
  put16(tcp + 18, p->urg);
  memcpy(tcp + 20, opts, optlen);
  if (len != 0) {
    memcpy(tcp + header, data, len);
  }
  peer_fix_checksum(out, total);
  return total;
}

void peer_segment(const struct peer *p, u8_t flags, u32_t seq, u32_t ack, const void *data,
                  u16_t len)
{
  u8_t packet[VNET_MAX_FRAME];
  u16_t total = peer_build(p, packet, flags, seq, ack, data, len);
  vnet_inject(packet, total);
}

void peer_send(struct peer *p, u8_t flags, const void *data, u16_t len)
{
  u32_t seq = p->seq;
  p->seq += len + ((flags & (TCP_SYN | TCP_FIN)) ? 1u : 0u);
  peer_segment(p, flags, seq, p->ack, data, len);
}

static void parse_timestamp(struct peer *p, const struct segment *s)
{
  u8_t i = 0;
  while (i + 1 < s->optlen && s->opts[i] != 0) {
    if (s->opts[i] == 1) {
      i++;
      continue;
    }
    if (s->opts[i] == 8 && i + 10 <= s->optlen) {
      p->ts_recent = get32(s->opts + i + 2);
    }
    if (s->opts[i + 1] < 2) {
      break;
    }
    i = (u8_t)(i + s->opts[i + 1]);
  }
}

int peer_receive(struct peer *p, struct segment *s)
{
  struct vnet_frame **at = &vnet.captured;
  while (*at != NULL) {
    struct vnet_frame *f = *at;
    const u8_t *tcp = f->data + 20;
    u16_t header = (u16_t)((tcp[12] >> 4) * 4);
    if (get32(f->data + 16) != p->addr || get16(tcp + 2) != p->port ||
        get16(tcp) != p->stack_port) {
      at = &f->next;
      continue;
    }
    *at = f->next;
    memset(s, 0, sizeof *s);
    s->dst_addr = p->addr;
    s->src_port = get16(tcp);
    s->dst_port = get16(tcp + 2);
    s->seq = get32(tcp + 4);
    s->ack = get32(tcp + 8);
    s->flags = tcp[13];
    s->wnd = get16(tcp + 14);
    s->optlen = (u8_t)(header - 20);
    memcpy(s->opts, tcp + 20, s->optlen);
    s->len = (u16_t)(f->len - 20 - header);
    memcpy(s->data, tcp + header, s->len);
    parse_timestamp(p, s);
    free(f);
    return 1;
  }
  return 0;
}

unsigned peer_collect(struct peer *p, u32_t *octets)
{
  struct segment s;
  unsigned n = 0;
  while (peer_receive(p, &s)) {
    u32_t end = s.seq + s.len + ((s.flags & (TCP_SYN | TCP_FIN)) ? 1u : 0u);
    n++;
    if (octets != NULL) {
      *octets += s.len;
    }
    if (!(s.flags & TCP_RST) && (s32_t)(end - p->ack) > 0) {
      p->ack = end;
    }
  }
  return n;
}

void peer_ack(struct peer *p)
{
  peer_collect(p, NULL);
  peer_segment(p, TCP_ACK, p->seq, p->ack, NULL, 0);
}

void peer_opts_syn(struct peer *p, u16_t mss)
{
  p->opts[0] = 2;
  p->opts[1] = 4;
  put16(p->opts + 2, mss);
  p->optlen = 4;
#if LWIP_TCP_SACK_OUT
  p->opts[4] = 1; p->opts[5] = 1; p->opts[6] = 4; p->opts[7] = 2;
  p->optlen = 8;
#endif
#if LWIP_TCP_TIMESTAMPS
  p->opts[8] = 1; p->opts[9] = 1; p->opts[10] = 8; p->opts[11] = 10;
  put32(p->opts + 12, vnet.now + 1000);
  put32(p->opts + 16, 0);
  p->optlen = 20;
  p->ts = 1;
#endif
}

void peer_open(struct peer *p)
{
  struct segment s;
  if (p->optlen == 0) {
    peer_opts_syn(p, 536);
  }
  peer_send(p, TCP_SYN, NULL, 0);
  p->optlen = 0;
  EXPECT(peer_receive(p, &s), "no answer to the SYN");
  EXPECT((s.flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) && s.ack == p->seq,
         "answer to the SYN has flags %02x", s.flags);
  p->ack = s.seq + 1;
  peer_send(p, TCP_ACK, NULL, 0);
}

void peer_init_without_sack(struct peer *p)
{
  peer_init(p, PEER_ADDR, 5000, 80);
  peer_opts_syn(p, 536);
  if (p->optlen >= 8) {
    memset(p->opts + 4, 1, 4);
  }
}

struct tcp_pcb *app_connect(struct app *app, struct peer *p)
{
  struct segment s;
  struct tcp_pcb *pcb = tcp_new();
  ip_addr_t addr;
  EXPECT(pcb != NULL, "tcp_new");
  app_attach(app, pcb);
  IP_ADDR4(&addr, 10, 0, 0, (u8_t)p->addr);
  EXPECT(tcp_connect(pcb, &addr, p->port, app_connected) == ERR_OK, "tcp_connect");
  p->stack_port = pcb->local_port;
  EXPECT(peer_receive(p, &s) && (s.flags & TCP_SYN), "no SYN from tcp_connect");
  p->ack = s.seq + 1;
  if (p->optlen == 0) {
    peer_opts_syn(p, 536);
  }
  peer_send(p, TCP_SYN | TCP_ACK, NULL, 0);
  p->optlen = 0;
  EXPECT(app->connected_calls == 1, "not connected after SYN|ACK");
  peer_collect(p, NULL);
  return pcb;
}

struct tcp_pcb *establish(struct app *app, struct peer *p)
{
  if (p->port == 0) {
    peer_init(p, PEER_ADDR, 5000, 80);
  }
  app_listen(80, app, 1);
  peer_open(p);
  EXPECT(app->pcb != NULL && app->pcb->state == ESTABLISHED, "no connection established");
  peer_collect(p, NULL);
  return app->pcb;
}

void expect_consistent(void)
{
  const char *bad = check_all();
  EXPECT(bad == NULL, "inconsistent: %s", bad);
}

void expect_alive(struct app *app, struct peer *p)
{
  static const u8_t there[] = "are you there";
  static const u8_t back[] = "still here";
  u32_t got = app->got, octets = 0, sent = app->sent;
  unsigned i;
  EXPECT(app->pcb != NULL, "the connection was ended (err %d)", app->err);
  peer_collect(p, NULL);
  peer_send(p, TCP_ACK | TCP_PSH, there, sizeof there);
  EXPECT(app->pcb != NULL && app->got == got + sizeof there, "data do not arrive any more");
  EXPECT(tcp_write(app->pcb, back, sizeof back, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
  EXPECT(tcp_output(app->pcb) == ERR_OK, "tcp_output");
  /* What was written before may still be on its way, and is not meant. */
  for (i = 0; i < 40 && (octets < sizeof back || app->sent < sent + sizeof back); i++) {
    peer_collect(p, &octets);
    peer_ack(p);
    vnet_run(250);
  }
  EXPECT(octets >= sizeof back && app->sent >= sent + sizeof back, "data do not get out any more");
  expect_consistent();
}
