/* Malformed segments: options, lengths, urgent pointers, SACK blocks. */
#include <stdlib.h>
#include <string.h>

#include "attacks.h"
#include "lwip/priv/tcp_priv.h"

static struct app app;
static struct peer p;

static void set_opts(const void *bytes, u8_t len)
{
  memcpy(p.opts, bytes, len);
  p.optlen = len;
}

/* A segment with these options, then one without: the connection lives. The
 * segment itself may be dropped or taken, so the data are sent twice. */
static void odd_options(const void *bytes, u8_t len)
{
  u32_t got = app.got;
  u32_t seq = p.seq;
  int ts = p.ts;
  u16_t split = vnet.rx_split;
  set_opts(bytes, len);
  peer_segment(&p, TCP_ACK, seq, p.ack, "odd", 3);
  p.optlen = 0;
  p.ts = ts;
  EXPECT(app.err_calls == 0 && app.pcb != NULL, "malformed option ended the connection");
  vnet.rx_split = 0;
  peer_segment(&p, TCP_ACK, seq, p.ack, "odd", 3);
  p.seq += 3;
  vnet.rx_split = split;
  EXPECT(app.got == got + 3, "after a malformed option data do not arrive");
  peer_ack(&p);
}

/* Kind in the last octet of the option area: its length would be the first
 * octet of the data, or past the packet. */
static void options_last_octet(void)
{
  unsigned kind;
  u8_t o[40];
  establish(&app, &p);
  for (kind = 2; kind < 256; kind++) {
    memset(o, 1, sizeof o);
    o[3] = (u8_t)kind;
    odd_options(o, 4);
    o[3] = 1;
    o[39] = (u8_t)kind;
    odd_options(o, 40);
  }
  expect_alive(&app, &p);
}

/* The same with nothing behind it: the octet past the packet is not ours. */
static void options_last_octet_of_the_packet(void)
{
  unsigned kind;
  u8_t o[40];
  establish(&app, &p);
  for (kind = 2; kind < 256; kind++) {
    memset(o, 1, sizeof o);
    o[39] = (u8_t)kind;
    set_opts(o, 40);
    peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
    o[39] = 1;
    o[7] = (u8_t)kind;
    set_opts(o, 8);
    peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
    p.optlen = 0;
  }
  expect_alive(&app, &p);
}

static void cve_2018_16524_option_over_read(void)
{
  unsigned kind, len;
  u8_t o[4];
  establish(&app, &p);
  for (kind = 2; kind < 32; kind++) {
    for (len = 0; len < 256; len += len < 44 ? 1 : 53) {
      o[0] = o[1] = 1;
      o[2] = (u8_t)kind;
      o[3] = (u8_t)len;
      set_opts(o, 4);
      peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
      p.optlen = 0;
    }
  }
  expect_alive(&app, &p);
}

static void cve_2020_24337_opt_length_zero_loops(void)
{
  unsigned kind;
  establish(&app, &p);
  for (kind = 2; kind < 256; kind++) {
    u8_t o[8] = { 0 };
    o[0] = (u8_t)kind;
    odd_options(o, 8);
    o[1] = 1;
    odd_options(o, 8);
  }
  expect_alive(&app, &p);
}

static void opt_length_zero_in_syn(void)
{
  static const u8_t zero[4] = { 2, 0, 0, 0 };
  static const u8_t one[4] = { 8, 1, 0, 0 };
  struct segment s;
  unsigned i;
  app_listen(80, &app, 1);
  for (i = 0; i < 2; i++) {
    peer_init(&p, PEER_ADDR, (u16_t)(5000 + i), 80);
    set_opts(i ? one : zero, 4);
    peer_send(&p, TCP_SYN, NULL, 0);
    p.optlen = 0;
    while (peer_receive(&p, &s)) {
      EXPECT(s.len == 0, "data in the answer to a SYN");
    }
  }
  vnet_run(120000);
  EXPECT(tcp_active_pcbs == NULL, "half-open connection stays");
}

/* Options split over pbufs at each octet. */
static void options_split_over_pbufs(void)
{
  u16_t split;
  static const u8_t o[12] = { 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0 };
  establish(&app, &p);
  for (split = 2; split < 60; split++) {
    vnet.rx_split = split;
    odd_options("\x02\x04\x01\x01\x01\x03\x03\x63", 8);
    if (!LWIP_TCP_TIMESTAMPS) {
      odd_options(o, 12);
    }
  }
  vnet.rx_split = 0;
  expect_alive(&app, &p);
}

static void mss_of_syn(u16_t mss)
{
  u32_t octets = 0;
  unsigned i;
  static u8_t data[600];
  peer_opts_syn(&p, mss);
  establish(&app, &p);
  EXPECT(app.pcb->mss >= 28, "send MSS %u after an MSS option of %u", app.pcb->mss, mss);
  EXPECT(tcp_write(app.pcb, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
  tcp_output(app.pcb);
  for (i = 0; i < 100 && octets < sizeof data; i++) {
    peer_collect(&p, &octets);
    peer_ack(&p);
    vnet_run(250);
  }
  EXPECT(octets >= sizeof data, "%u of 600 octets sent", (unsigned)octets);
  expect_alive(&app, &p);
}

/* peer_init() is what establish() does for a peer without port */
static void with_peer(void) { peer_init(&p, PEER_ADDR, 5000, 80); }
static void cve_2018_16523_mss_zero(void) { with_peer(); mss_of_syn(0); }
static void cve_2020_13988_mss_option(void) { with_peer(); mss_of_syn(1); }
static void mss_smaller_than_the_timestamp_option(void) { with_peer(); mss_of_syn(12); }
static void mss_65535(void) { with_peer(); mss_of_syn(65535); }

static void cve_2020_24341_tcp_length(void)
{
  u8_t packet[VNET_MAX_FRAME];
  unsigned offset;
  u32_t got;
  establish(&app, &p);
  got = app.got;
  for (offset = 0; offset < 16; offset++) {
    u16_t len = peer_build(&p, packet, TCP_ACK, p.seq, p.ack, "abcdef", 6);
    unsigned right = packet[32] >> 4;
    packet[32] = (u8_t)(offset << 4);
    peer_fix_checksum(packet, len);
    if (offset == right) {
      continue; /* the only one that is well-formed */
    }
    vnet_inject(packet, len);
    EXPECT(app.err_calls == 0, "data offset %u ended the connection", offset);
    if (offset < 5 || 20u + offset * 4u > len) {
      EXPECT(app.got == got, "data offset %u: data taken", offset);
    }
    p.seq += app.got - got; /* a bigger offset leaves some data */
    got = app.got;
  }
  expect_alive(&app, &p);
}

/* Each length of packet from nothing to all, header claiming the whole. */
static void cve_2021_31401_31890_cve_2020_35684_truncated(void)
{
  u8_t packet[VNET_MAX_FRAME];
  u16_t len, full, split;
  establish(&app, &p);
  full = peer_build(&p, packet, TCP_ACK | TCP_FIN, p.seq, p.ack, "abcdefghijklmnop", 16);
  for (split = 0; split < 30; split++) {
    vnet.rx_split = split == 0 ? 0 : (u16_t)(split + 1);
    for (len = 20; len < full; len++) {
      u8_t cut[VNET_MAX_FRAME];
      memcpy(cut, packet, len);
      cut[2] = 0;
      cut[3] = (u8_t)len;
      peer_fix_checksum(cut, len);
      if (len >= (u16_t)(20 + (packet[32] >> 4) * 4)) {
        continue; /* from there on it is a good segment, with less data */
      }
      vnet_inject(cut, len);
      EXPECT(app.got == 0 && app.fin == 0 && app.err_calls == 0, "truncated at %u: taken", len);
    }
  }
  vnet.rx_split = 0;
  expect_alive(&app, &p);
}

/* IP and TCP disagree on the length, as in Ripple20. */
static void ripple20_cve_2020_11907_11912_lengths(void)
{
  u8_t packet[VNET_MAX_FRAME];
  unsigned claim;
  establish(&app, &p);
  for (claim = 0; claim < 1500; claim += 7) {
    u16_t len = peer_build(&p, packet, TCP_ACK, p.seq - 1, p.ack, "xyz", 3);
    packet[2] = (u8_t)(claim >> 8);
    packet[3] = (u8_t)claim;
    peer_fix_checksum(packet, len);
    vnet_inject(packet, len);
    EXPECT(app.err_calls == 0, "IP length %u ended the connection", claim);
  }
  p.seq += app.got;
  expect_alive(&app, &p);
}

/* What the layers below should have stopped: short or empty chains. */
static void tcp_input_of_short_chains(void)
{
  u16_t len;
  u8_t packet[VNET_MAX_FRAME];
  u16_t full;
  establish(&app, &p);
  full = peer_build(&p, packet, TCP_ACK, p.seq, p.ack, NULL, 0);
  for (len = 1; len < (u16_t)(full - 20); len++) {
    struct pbuf *pb = pbuf_alloc(PBUF_RAW, len, PBUF_RAM);
    EXPECT(pb != NULL, "pbuf");
    pbuf_take(pb, packet + 20, len);
    ip_data.current_netif = ip_data.current_input_netif = &vnet.netif;
    IP_ADDR4(&ip_data.current_iphdr_src, 10, 0, 0, 2);
    IP_ADDR4(&ip_data.current_iphdr_dest, 10, 0, 0, 1);
    tcp_input(pb, &vnet.netif);
  }
  EXPECT(app.err_calls == 0 && app.got == 0, "short segment had an effect");
  expect_alive(&app, &p);
}

static void sack_bytes(u8_t *o, u32_t left, u32_t right)
{
  unsigned i;
  for (i = 0; i < 4; i++) {
    o[i] = (u8_t)(left >> (24 - 8 * i));
    o[4 + i] = (u8_t)(right >> (24 - 8 * i));
  }
}

static void cve_2021_31889_sack_option(void)
{
  static u8_t data[2000];
  u8_t o[40];
  unsigned len;
  u32_t una;
  establish(&app, &p);
  EXPECT(tcp_write(app.pcb, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
  tcp_output(app.pcb);
  una = p.ack;
  for (len = 0; len <= 42; len++) {
    memset(o, 0xff, sizeof o);
    o[0] = 1;
    o[1] = 1;
    o[2] = 5;
    o[3] = (u8_t)len;
    sack_bytes(o + 4, una + 100000, una - 5);
    sack_bytes(o + 12, 0xffffffffu, 0);
    sack_bytes(o + 20, una, una);
    sack_bytes(o + 28, una - 1000, una + 0x7fffffff);
    set_opts(o, 36);
    peer_segment(&p, TCP_ACK, p.seq, una, NULL, 0);
    p.optlen = 0;
    EXPECT(app.err_calls == 0, "SACK option of length %u ended the connection", len);
    expect_consistent();
  }
  for (len = 0; len < 60 && app.sent < sizeof data; len++) {
    peer_ack(&p);
    vnet_run(500);
  }
  EXPECT(app.sent == sizeof data, "%u of 2000 octets got through", (unsigned)app.sent);
  expect_alive(&app, &p);
}

/* Urgent data are delivered in line; the pointer moves nothing. */
static void urgent(u8_t flags, u16_t pointer, u16_t len)
{
  static const u8_t text[] = "0123456789";
  u32_t got = app.got;
  p.urg = pointer;
  peer_send(&p, flags, text, len);
  p.urg = 0;
  EXPECT(app.err_calls == 0, "urgent pointer %u ended the connection", pointer);
  EXPECT(app.got == got + len, "urgent pointer %u: %u octets of %u delivered", pointer,
         (unsigned)(app.got - got), len);
  EXPECT(len == 0 || memcmp(app.data + got, text, len) == 0, "urgent data altered");
  peer_ack(&p);
}

static void urgent_11_cve_2019_12255_pointer_zero(void)
{
  establish(&app, &p);
  urgent(TCP_ACK | TCP_URG, 0, 5);
  urgent(TCP_ACK | TCP_URG, 0, 0);
  expect_alive(&app, &p);
}

/* RFC 9293 3.10.7.4, first (MUST-66): a closed window keeps neither URG nor RST out. */
static void rfc9293_urg_and_rst_at_a_closed_window(void)
{
  static const u8_t text[536];
  struct tcp_pcb *pcb = establish(&app, &p);
  u32_t got;
  app.keep_window = 1;
  while (pcb->rcv_wnd > 0) {
    peer_send(&p, TCP_ACK, text, (u16_t)LWIP_MIN(pcb->rcv_wnd, sizeof text));
  }
  got = app.got;
  p.urg = 1;
  peer_segment(&p, TCP_ACK | TCP_URG, p.seq, p.ack, "!", 1);
  p.urg = 0;
  EXPECT(app.err_calls == 0 && app.got == got, "urgent data came in by a closed window");
  peer_segment(&p, TCP_RST, p.seq + 1, 0, NULL, 0);
  EXPECT(app.err_calls == 0, "closed window: RST that is not exact took effect");
  peer_segment(&p, TCP_RST, p.seq, 0, NULL, 0);
  EXPECT(app.err_calls == 1 && app.err == ERR_RST, "closed window: exact RST: err %d", app.err);
}

static void cve_2021_31400_urgent_outside_the_segment(void)
{
  establish(&app, &p);
  urgent(TCP_ACK | TCP_URG, 65535, 5);
  urgent(TCP_ACK | TCP_URG | TCP_PSH, 6, 5);
  urgent(TCP_ACK | TCP_URG, 1, 0);
  expect_alive(&app, &p);
}

static void cve_2020_17437_urgent_length(void)
{
  unsigned i;
  establish(&app, &p);
  for (i = 0; i < 200; i++) {
    urgent(TCP_ACK | TCP_URG, (u16_t)(i * 331), (u16_t)(i % 10));
  }
  expect_alive(&app, &p);
}

static void urgent_11_cve_2019_12260_malformed_ao(void)
{
  unsigned len;
  u8_t o[8] = { 29, 0, 1, 2, 3, 4, 5, 6 };
  establish(&app, &p);
  for (len = 0; len < 64; len++) {
    o[1] = (u8_t)len;
    odd_options(o, 8);
  }
  expect_alive(&app, &p);
}

/* Urgent data across connect, reset and connect again of the same ports. */
static void urgent_11_cve_2019_12261_12263_confusion(void)
{
  struct app apps[3];
  unsigned i;
  memset(apps, 0, sizeof apps);
  app_listen(80, apps, 3);
  for (i = 0; i < 3; i++) {
    peer_init(&p, PEER_ADDR, 5000, 80);
    p.seq += i * 100000;
    p.urg = 500;
    peer_segment(&p, TCP_ACK | TCP_URG, p.seq, 1, "stray", 5);
    vnet_drop_captured();
    peer_open(&p);
    EXPECT(apps[i].pcb != NULL, "no connection %u", i);
    peer_collect(&p, NULL);
    peer_send(&p, TCP_ACK | TCP_URG, "abc", 3);
    EXPECT(apps[i].got == 3, "connection %u got %u octets", i, (unsigned)apps[i].got);
    expect_alive(&apps[i], &p);
    peer_segment(&p, TCP_RST, p.seq, 0, NULL, 0);
    EXPECT(apps[i].err == ERR_RST, "not reset");
  }
}

static void urgent_11_cve_2019_12258_options_drop_connection(void)
{
  static const u8_t bad[][8] = {
    { 3, 3, 99, 3, 3, 99, 3, 3 }, { 8, 10, 1, 1, 1, 1, 1, 1 }, { 8, 2, 8, 2, 8, 2, 8, 2 },
    { 2, 4, 0, 0, 2, 4, 0, 0 },   { 4, 2, 5, 2, 5, 9, 0, 0 },  { 3, 255, 0, 0, 0, 0, 0, 0 },
    { 255, 255, 255, 255, 255, 255, 255, 255 }, { 2, 3, 1, 1, 1, 1, 1, 1 },
  };
  unsigned i;
  establish(&app, &p);
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    odd_options(bad[i], 8);
  }
  expect_alive(&app, &p);
}

/* All sixty-four combinations of flags, in each state that a peer can reach. */
static void flags_of_every_kind(void)
{
  unsigned flags, state;
  app_listen(80, &app, 1);
  for (state = 0; state < 3; state++) {
    for (flags = 0; flags < 64; flags++) {
      unsigned i;
      peer_init(&p, PEER_ADDR, (u16_t)(7000 + state * 64 + flags), 80);
      memset(&app, 0, sizeof app);
      app_accepted = 0;
      if (state > 0) {
        peer_open(&p);
        EXPECT(app.pcb != NULL, "connection");
        peer_collect(&p, NULL);
      }
      if (state == 2) {
        tcp_shutdown(app.pcb, 0, 1);
      }
      for (i = 0; i < 3; i++) {
        peer_segment(&p, (u8_t)flags, p.seq + i * 3, p.ack, "abc", (u16_t)(i == 1 ? 0 : 3));
        expect_consistent();
      }
      vnet_drop_captured();
      if (app.pcb != NULL) {
        struct tcp_pcb *pcb = app.pcb;
        tcp_err(pcb, NULL);
        tcp_abort(pcb);
      }
      peer_segment(&p, TCP_RST, p.seq, 0, NULL, 0);
      vnet_run(60000);
      vnet_drop_captured();
    }
  }
}

/* RFC 9293 3.9.2.3 (MUST-57, MUST-63): nothing comes of a SYN, or an answer to one, that is from or to the address of many. */
static void rfc9293_from_and_to_many(void)
{
  static const u32_t many[] = { 0xffffffffUL, 0, 0x0a0000ffUL, 0xe0000001UL, 0xefffffffUL };
  unsigned i, to;
  app_listen(80, &app, 1);
  for (to = 0; to < 2; to++) {
    for (i = 0; i < sizeof many / sizeof many[0]; i++) {
      static const u8_t flags[] = { TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_RST };
      unsigned f;
      for (f = 0; f < sizeof flags; f++) {
        u8_t packet[VNET_MAX_FRAME];
        u16_t len;
        peer_init(&p, to ? PEER_ADDR : many[i], 5000, f == 0 ? 80 : 81);
        len = peer_build(&p, packet, flags[f], p.seq, p.ack, NULL, 0);
        if (to) {
          const u32_t dst = lwip_htonl(many[i]);
          memcpy(packet + 16, &dst, 4);
          peer_fix_checksum(packet, len);
        }
        vnet_inject(packet, len);
        EXPECT(vnet.captured == NULL, "%s %08lx was answered", to ? "to" : "from", (unsigned long)many[i]);
        EXPECT(tcp_active_pcbs == NULL, "%s %08lx made a PCB", to ? "to" : "from", (unsigned long)many[i]);
      }
    }
  }
}

/* tcp_pcb_remove(), which lwIP's own code calls: an ACK that was delayed goes out before, and nothing stays queued. */
static void a_removed_pcb_acknowledges_before(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  struct segment s;
  peer_send(&p, TCP_ACK, "abc", 3);
  EXPECT(!peer_receive(&p, &s) && (pcb->flags & TF_ACK_DELAY), "the ACK is not delayed");
  tcp_pcb_remove(&tcp_active_pcbs, pcb);
  EXPECT(peer_receive(&p, &s) && s.ack == p.seq && s.len == 0, "no ACK");
  EXPECT(!check_pcb_on_list(pcb) && pcb->state == CLOSED && pcb->local_port == 0, "state %d", pcb->state);
  EXPECT(pcb->unsent == NULL && pcb->unacked == NULL && pcb->ooseq == NULL, "segments stay queued");
  tcp_free(pcb);
  app.pcb = NULL;
  peer_send(&p, TCP_ACK, "def", 3);
  EXPECT(peer_receive(&p, &s) && (s.flags & TCP_RST), "the removed PCB still gets segments");
}

/* RFC 9293 3.9.2 (MUST-48, MUST-49): each packet of a connection has its time to live and its DiffServ field. */
static void expect_ttl_and_tos(const char *what)
{
  struct vnet_frame *f = vnet_take_captured();
  EXPECT(f != NULL, "%s: nothing sent", what);
  EXPECT(f->data[1] == 0x28 && f->data[8] == 7, "%s: TOS %02x, TTL %u", what, f->data[1], f->data[8]);
  free(f);
  vnet_drop_captured();
}

static void rfc9293_ttl_and_tos_of_the_pcb(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  pcb->tos = 0x28;
  pcb->ttl = 7;
  EXPECT(tcp_write(pcb, "abc", 3, 0) == ERR_OK && tcp_output(pcb) == ERR_OK, "tcp_write");
  expect_ttl_and_tos("data");
  vnet_run(5000);
  expect_ttl_and_tos("a retransmission");
  peer_segment(&p, TCP_ACK, p.seq + 10, p.ack, "def", 3);
  expect_ttl_and_tos("an ACK");
  tcp_abort(pcb);
  expect_ttl_and_tos("a reset");
}

static u8_t pushed;
static err_t recv_and_note_push(void *arg, struct tcp_pcb *pcb, struct pbuf *pb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  EXPECT(pb != NULL, "end of data");
  pushed = (pb->flags & PBUF_FLAG_PUSH) != 0;
  tcp_recved(pcb, pb->tot_len);
  pbuf_free(pb);
  return ERR_OK;
}

/* RFC 9293 3.9.1.3 (MAY-17): data that were pushed are marked so, and others are not. */
static void rfc9293_psh_reaches_the_application(void)
{
  unsigned i;
  tcp_recv(establish(&app, &p), recv_and_note_push);
  for (i = 0; i < 8; i++) {
    vnet.rx_split = (i & 4) ? 22 : 0;
    pushed = 2;
    peer_send(&p, (i & 1) ? TCP_ACK | TCP_PSH : TCP_ACK, "abcdef", 6);
    EXPECT(pushed == (i & 1), "segment %u: %u", i, pushed);
  }
  vnet.rx_split = 0;
}

static struct tcp_pcb *accepted_by;
static err_t accept_and_note(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(err);
  EXPECT(pcb != NULL, "no PCB");
  accepted_by = arg;
  return ERR_OK;
}

/* With SO_REUSE several listen on a port: one of the packet's very address comes before one for any, whichever
 * listened first. */
static void listener_of_the_address_before_any(void)
{
  ip_addr_t own;
  unsigned order;
  IP_ADDR4(&own, 10, 0, 0, 1);
  for (order = 0; order < 2; order++) {
    struct tcp_pcb *listener[2];
    unsigned i;
    for (i = 0; i < 2; i++) {
      struct tcp_pcb *pcb = tcp_new();
      ip_set_option(pcb, SOF_REUSEADDR);
      EXPECT(tcp_bind(pcb, i == order ? &own : IP_ADDR_ANY, 80) == ERR_OK, "tcp_bind");
      EXPECT((listener[i] = tcp_listen(pcb)) != NULL, "tcp_listen");
      tcp_arg(listener[i], listener[i]);
      tcp_accept(listener[i], accept_and_note);
    }
    for (i = 0; i < 3; i++) {
      peer_init(&p, PEER_ADDR, (u16_t)(5000 + 10 * order + i), 80);
      accepted_by = NULL;
      peer_open(&p);
      EXPECT(accepted_by == listener[order], "connection %u came to %s", i, accepted_by == NULL ? "nobody" : "the other listener");
    }
    while (tcp_active_pcbs != NULL) {
      tcp_abort(tcp_active_pcbs);
    }
    tcp_close(listener[0]);
    tcp_close(listener[1]);
    vnet_drop_captured();
  }
}

#define CASE(name) { #name, name, 0 }
const struct attack_case cases_input[] = {
  CASE(options_last_octet),
  CASE(options_last_octet_of_the_packet),
  CASE(cve_2018_16524_option_over_read),
  CASE(cve_2020_24337_opt_length_zero_loops),
  CASE(opt_length_zero_in_syn),
  CASE(options_split_over_pbufs),
  CASE(cve_2018_16523_mss_zero),
  CASE(cve_2020_13988_mss_option),
  CASE(mss_smaller_than_the_timestamp_option),
  CASE(mss_65535),
  CASE(cve_2020_24341_tcp_length),
  CASE(cve_2021_31401_31890_cve_2020_35684_truncated),
  CASE(ripple20_cve_2020_11907_11912_lengths),
  CASE(tcp_input_of_short_chains),
  CASE(cve_2021_31889_sack_option),
  CASE(urgent_11_cve_2019_12255_pointer_zero),
  CASE(rfc9293_urg_and_rst_at_a_closed_window),
  CASE(cve_2021_31400_urgent_outside_the_segment),
  CASE(cve_2020_17437_urgent_length),
  CASE(urgent_11_cve_2019_12260_malformed_ao),
  CASE(urgent_11_cve_2019_12261_12263_confusion),
  CASE(urgent_11_cve_2019_12258_options_drop_connection),
  CASE(flags_of_every_kind),
  CASE(rfc9293_from_and_to_many),
  CASE(a_removed_pcb_acknowledges_before),
  CASE(rfc9293_psh_reaches_the_application),
  CASE(rfc9293_ttl_and_tos_of_the_pcb),
  CASE(listener_of_the_address_before_any),
};
const unsigned cases_input_count = sizeof cases_input / sizeof cases_input[0];
