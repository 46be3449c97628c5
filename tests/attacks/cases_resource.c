/* Attacks on memory, processor time and congestion control. */
#include <string.h>

#include "attacks.h"
#include "lwip/priv/tcp_priv.h"
#if LWIP_TCP_RUST_USER_TIMEOUT && defined(TEST_RUST)
#include "lwip_tcp_rust.h"
#endif

static struct app app, many[MEMP_NUM_TCP_PCB + 8];
static struct peer p, q;
static u8_t data[TCP_SND_BUF];

static unsigned ooseq_length(const struct tcp_pcb *pcb, u32_t *pbufs)
{
  const struct tcp_seg *seg;
  unsigned n = 0;
  *pbufs = 0;
  for (seg = pcb->ooseq; seg != NULL; seg = seg->next) {
    n++;
    *pbufs += pbuf_clen(seg->p);
  }
  return n;
}

static void cve_2018_5390_segmentsmack(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  unsigned round, i;
  u32_t pbufs;
  for (round = 0; round < 4; round++) {
    /* one octet each, with holes, in the worst order for a list */
    for (i = TCP_WND / 2 - 1; i > 0; i--) {
      peer_segment(&p, TCP_ACK, p.seq + 2 * i, p.ack, "x", 1);
    }
    vnet_drop_captured();
    ooseq_length(pcb, &pbufs);
    EXPECT(pbufs <= TCP_OOSEQ_MAX_PBUFS, "%u pbufs out of order, TCP_OOSEQ_MAX_PBUFS is %d",
           (unsigned)pbufs, TCP_OOSEQ_MAX_PBUFS);
    expect_consistent();
  }
  for (i = 0; i < TCP_WND / 64; i++) { /* the stream comes through all the same */
    peer_segment(&p, TCP_ACK, p.seq, p.ack, data, 64);
    p.seq += 64;
    peer_ack(&p);
  }
  vnet_run(1000);
  expect_alive(&app, &p);
}

static void segmentsmack_leaves_memory_for_others(void)
{
  unsigned i, c;
  app_listen(80, many, 5);
  for (c = 0; c < 5; c++) {
    peer_init(&p, PEER_ADDR, (u16_t)(5000 + c), 80);
    peer_open(&p);
    peer_collect(&p, NULL);
    if (c == 4) {
      break;
    }
    for (i = TCP_WND / 2 - 1; i > 0; i--) {
      peer_segment(&p, TCP_ACK, p.seq + 2 * i, p.ack, "x", 1);
    }
    vnet_drop_captured();
  }
  expect_alive(&many[4], &p);
}

static void ooseq_huge_chains(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  u32_t pbufs;
  unsigned i;
  vnet.rx_split = 48; /* a header in one piece, the data in eleven pbufs */
  for (i = 1; i < 6; i++) {
    peer_segment(&p, TCP_ACK, p.seq + 500 * i, p.ack, data, 500);
  }
  ooseq_length(pcb, &pbufs);
  EXPECT(pbufs <= TCP_OOSEQ_MAX_PBUFS, "%u pbufs out of order, TCP_OOSEQ_MAX_PBUFS is %d",
         (unsigned)pbufs, TCP_OOSEQ_MAX_PBUFS);
  expect_alive(&app, &p);
}

/* SACK Panic: the smallest segments, SACK of every other, again and again. */
static void cve_2019_11477_sack_panic(void)
{
  unsigned round;
  peer_init(&p, PEER_ADDR, 5000, 80);
  peer_opts_syn(&p, 48);
  establish(&app, &p);
  EXPECT(tcp_write(app.pcb, data, 800, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
  tcp_output(app.pcb);
  for (round = 0; round < 300; round++) {
    u32_t left = p.ack + 48 * (1 + round % 8);
    u8_t o[12] = { 1, 1, 5, 10 };
    unsigned i;
    for (i = 0; i < 4; i++) {
      o[4 + i] = (u8_t)(left >> (24 - 8 * i));
      o[8 + i] = (u8_t)((left + 48) >> (24 - 8 * i));
    }
    memcpy(p.opts, o, 12);
    p.optlen = 12;
    peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
    p.optlen = 0;
    EXPECT(app.pcb != NULL, "connection ended");
    expect_consistent();
    vnet_drop_captured();
  }
  for (round = 0; round < 200 && app.sent < 800; round++) {
    vnet_run(500);
    peer_ack(&p);
  }
  EXPECT(app.sent == 800, "%u of 800 octets got through", (unsigned)app.sent);
}

/* Excess memory through tiny segments: the queue stays below its limit. */
static void cve_2019_11478_11479_tiny_segments(void)
{
  unsigned i;
  peer_init(&p, PEER_ADDR, 5000, 80);
  peer_opts_syn(&p, 8);
  establish(&app, &p);
  for (i = 0; i < 400; i++) {
    if (tcp_write(app.pcb, data, 64, TCP_WRITE_FLAG_COPY) != ERR_OK) {
      break;
    }
  }
  tcp_output(app.pcb);
  EXPECT(app.pcb->snd_queuelen <= TCP_SND_QUEUELEN + 1, "snd_queuelen %u",
         app.pcb->snd_queuelen);
  for (i = 0; i < 50; i++) {
    struct segment s;
    while (peer_receive(&p, &s)) {
      EXPECT(s.len == 0 || s.len >= 8, "segment of %u octets", s.len);
      p.ack = s.seq + s.len;
    }
    peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
    vnet_run(100);
  }
  expect_consistent();
}

static void fill_send_buffer(void)
{
  EXPECT(tcp_write(app.pcb, data, (u16_t)LWIP_MIN(tcp_sndbuf(app.pcb), 4000),
                   TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
  EXPECT(tcp_output(app.pcb) == ERR_OK, "tcp_output");
}

static void optimistic_ack(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  tcpwnd_size_t cwnd;
  u32_t una;
  fill_send_buffer();
  cwnd = pcb->cwnd;
  una = pcb->lastack;
  peer_segment(&p, TCP_ACK, p.seq, pcb->snd_nxt + 536, NULL, 0);
  peer_segment(&p, TCP_ACK, p.seq, pcb->snd_nxt + 1, NULL, 0);
  EXPECT(pcb->cwnd == cwnd && pcb->lastack == una && app.sent == 0,
         "an ACK of what was not sent counted");
  vnet_drop_captured();
  p.ack = una;
  for (una = 0; una < 40 && app.sent < 4000; una++) {
    vnet_run(500);
    peer_ack(&p);
  }
  expect_alive(&app, &p);
}

/* One segment's ACK cut into one-octet ACKs opens cwnd no more than one ACK. */
static void ack_division(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  tcpwnd_size_t cwnd;
  u32_t una, i;
  fill_send_buffer();
  una = pcb->lastack;
  cwnd = pcb->cwnd;
  for (i = 1; i <= 536; i++) {
    peer_segment(&p, TCP_ACK, p.seq, una + i, NULL, 0);
  }
  EXPECT(pcb->cwnd <= cwnd + 2 * 536, "536 ACKs of one octet opened cwnd from %u to %u",
         (unsigned)cwnd, (unsigned)pcb->cwnd);
  expect_consistent();
}

static void dupack_spoofing(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  u32_t outstanding, limit;
  unsigned i;
  fill_send_buffer();
  vnet_drop_captured();
  outstanding = pcb->snd_nxt - pcb->lastack;
  for (i = 0; i < 2000; i++) {
    peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
  }
  limit = pcb->ssthresh + 3 * pcb->mss + outstanding + 2 * pcb->mss;
  EXPECT(pcb->cwnd <= limit, "2000 duplicate ACKs for %u outstanding octets inflated cwnd to %u",
         (unsigned)outstanding, (unsigned)pcb->cwnd);
  expect_consistent();
}

/* A peer that never takes anything, but answers: RFC 9293 3.8.6.1 keeps it
 * (MUST-37); the application can end it and everything is free again. */
static void sockstress_zero_window(void)
{
  struct usage before;
  struct tcp_pcb *lpcb = app_listen(80, &app, 1);
  const char *bad;
  unsigned i;
  usage_take(&before);
  peer_init(&p, PEER_ADDR, 5000, 80);
  peer_open(&p);
  peer_collect(&p, NULL);
  EXPECT(app.pcb != NULL, "connection");
  p.wnd = 0;
  peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
  EXPECT(tcp_write(app.pcb, data, 4000, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
  tcp_output(app.pcb);
  for (i = 0; i < 1200 && app.pcb != NULL; i++) {
    vnet_run(1000);
    vnet_drop_captured();
    peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
  }
  EXPECT(app.pcb != NULL, "a peer that answers each probe was given up (MUST-37)");
  tcp_abort(app.pcb);
  vnet_run(2 * 60 * 1000); /* lwIP's timers, if they run, are not called off */
  vnet_drop_captured();
  bad = usage_compare(&before);
  EXPECT(bad == NULL, "%s", bad);
  tcp_close(lpcb);
}

/* The same without answers: given up after TCP_MAXRTX probes. */
static void sockstress_zero_window_silent(void)
{
  struct usage before;
  const char *bad;
  app_listen(80, &app, 1);
  usage_take(&before);
  peer_init(&p, PEER_ADDR, 5000, 80);
  peer_open(&p);
  peer_collect(&p, NULL);
  p.wnd = 0;
  peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
  EXPECT(tcp_write(app.pcb, data, 4000, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
  tcp_output(app.pcb);
  vnet_run(40 * 60 * 1000);
  EXPECT(app.pcb == NULL && app.err == ERR_ABRT, "a silent zero window holds the PCB for ever");
  bad = usage_compare(&before);
  EXPECT(bad == NULL, "%s", bad);
}

#if LWIP_TCP_RUST_USER_TIMEOUT && defined(TEST_RUST)
/* With a user timeout (RFC 5482) neither holds a connection for longer than the application has said. */
static void user_timeout_ends_it(void)
{
  enum { TIMEOUT = 60 * 1000 };
  unsigned answers, ms;
  app_listen(80, &app, 1);
  for (answers = 0; answers < 2; answers++) {
    struct usage before;
    const char *bad;
    usage_take(&before);
    app_accepted = 0;
    peer_init(&p, PEER_ADDR, (u16_t)(5000 + answers), 80);
    peer_open(&p);
    peer_collect(&p, NULL);
    EXPECT(app.pcb != NULL, "connection");
    app.err = ERR_OK;
    EXPECT(lwip_tcp_rust_set_user_timeout(app.pcb, TIMEOUT) == ERR_OK, "set_user_timeout");
    /* An idle connection waits for nothing. */
    vnet_run(2 * TIMEOUT);
    EXPECT(app.pcb != NULL, "an idle connection was given up");
    p.wnd = 0;
    peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
    EXPECT(tcp_write(app.pcb, data, 4000, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
    tcp_output(app.pcb);
    for (ms = 0; ms < 2 * TIMEOUT && app.pcb != NULL; ms += 1000) {
      vnet_run(1000);
      vnet_drop_captured();
      if (answers && app.pcb != NULL) {
        peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
      }
    }
    EXPECT(app.pcb == NULL && app.err == ERR_ABRT, "the user timeout has not ended it");
    EXPECT(ms >= TIMEOUT && ms <= TIMEOUT + 1000, "given up after %u ms", ms);
    bad = usage_compare(&before);
    EXPECT(bad == NULL, "%s", bad);
  }
}
#endif

/* All PCBs held that way: a connection of higher priority still gets one. */
static void sockstress_pool_held(void)
{
  struct tcp_pcb *pcb;
  unsigned i;
  app_listen(80, many, MEMP_NUM_TCP_PCB);
  for (i = 0; i < MEMP_NUM_TCP_PCB; i++) {
    peer_init(&q, PEER_ADDR + i, 5000, 80);
    peer_open(&q);
    q.wnd = 0;
    peer_segment(&q, TCP_ACK, q.seq, q.ack, NULL, 0);
    EXPECT(many[i].pcb != NULL, "connection %u", i);
    tcp_write(many[i].pcb, data, 200, TCP_WRITE_FLAG_COPY);
    tcp_output(many[i].pcb);
    vnet_drop_captured();
  }
  vnet_run(20000);
  vnet_drop_captured();
  pcb = tcp_alloc(TCP_PRIO_MAX);
  EXPECT(pcb != NULL, "no PCB for a connection of higher priority");
  tcp_abort(pcb);
  expect_consistent();
}

static unsigned alive_of(struct app *a, unsigned n)
{
  unsigned i, alive = 0;
  for (i = 0; i < n; i++) {
    alive += a[i].pcb != NULL;
  }
  return alive;
}

static void syn_flood(void)
{
  struct segment s;
  unsigned i;
  app_listen(80, many, 4);
  peer_init(&p, PEER_ADDR, 5000, 80);
  peer_open(&p);
  peer_collect(&p, NULL);
  for (i = 0; i < 3000; i++) {
    peer_init(&q, 0x0a000100UL + i, (u16_t)(1024 + i), 80);
    peer_opts_syn(&q, 536);
    peer_segment(&q, TCP_SYN, q.seq, 0, NULL, 0);
    if (i % 100 == 0) {
      expect_consistent();
      vnet_run(10);
    }
    vnet_drop_captured();
  }
  EXPECT(alive_of(many, 4) == 1, "the established connection was lost in the flood");
  expect_alive(&many[0], &p);
  /* once the half-open ones have timed out there is room for a new one */
  vnet_run(240000);
  vnet_drop_captured();
  peer_init(&q, PEER_ADDR + 5, 6000, 80);
  peer_opts_syn(&q, 536);
  peer_send(&q, TCP_SYN, NULL, 0);
  EXPECT(peer_receive(&q, &s) && (s.flags & TCP_ACK), "no answer to a SYN long after the flood");
}

static void close_to_time_wait(struct app *a, struct peer *peer)
{
  struct tcp_pcb *pcb = a->pcb;
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_err(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_poll(pcb, NULL, 0);
  EXPECT(tcp_close(pcb) == ERR_OK, "tcp_close");
  peer_collect(peer, NULL);
  peer_send(peer, TCP_ACK | TCP_FIN, NULL, 0);
  EXPECT(tcp_tw_pcbs == pcb, "not in TIME-WAIT");
  vnet_drop_captured();
}

static void time_wait_exhaustion(void)
{
  struct tcp_pcb *pcb;
  unsigned i;
  app_listen(80, many, MEMP_NUM_TCP_PCB + 4);
  for (i = 0; i < MEMP_NUM_TCP_PCB + 4; i++) {
    peer_init(&q, PEER_ADDR, (u16_t)(5000 + i), 80);
    peer_open(&q);
    EXPECT(many[i].pcb != NULL, "no connection %u while TIME-WAIT fills the pool", i);
    close_to_time_wait(&many[i], &q);
    expect_consistent();
    vnet_run(600); /* so that there is an oldest one */
  }
  pcb = tcp_new();
  EXPECT(pcb != NULL, "no PCB for an active open while TIME-WAIT fills the pool");
  tcp_abort(pcb);
}

/* FIN-WAIT-2 with a peer that never closes: ends by itself. */
static void fin_wait_exhaustion(void)
{
  unsigned i;
  app_listen(80, many, MEMP_NUM_TCP_PCB);
  for (i = 0; i < MEMP_NUM_TCP_PCB; i++) {
    struct tcp_pcb *pcb;
    peer_init(&q, PEER_ADDR, (u16_t)(5000 + i), 80);
    peer_open(&q);
    pcb = many[i].pcb;
    EXPECT(pcb != NULL, "connection %u", i);
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    EXPECT(tcp_close(pcb) == ERR_OK, "tcp_close");
    peer_ack(&q);
    EXPECT(pcb->state == FIN_WAIT_2, "state %d", pcb->state);
  }
  /* Nor does one of the peers hold its connection by going on to acknowledge. */
  for (i = 0; i < TCP_FIN_WAIT_TIMEOUT + 2000; i += 2000) {
    vnet_run(2000);
    peer_segment(&q, TCP_ACK, q.seq, q.ack, NULL, 0);
  }
  EXPECT(tcp_active_pcbs == NULL, "FIN-WAIT-2 has not timed out");
  vnet_drop_captured();
}

/* FIN-WAIT-1 whose FIN is never acknowledged, and LAST-ACK likewise. */
static void orphans_end(void)
{
  unsigned i;
  app_listen(80, many, 4);
  for (i = 0; i < 4; i++) {
    peer_init(&q, PEER_ADDR, (u16_t)(5000 + i), 80);
    peer_open(&q);
    EXPECT(many[i].pcb != NULL, "connection %u", i);
    if (i & 1) {
      peer_send(&q, TCP_ACK | TCP_FIN, NULL, 0);
    }
    if (i & 2) {
      tcp_write(many[i].pcb, data, 100, TCP_WRITE_FLAG_COPY);
    }
    tcp_arg(many[i].pcb, NULL);
    tcp_recv(many[i].pcb, NULL);
    tcp_err(many[i].pcb, NULL);
    tcp_sent(many[i].pcb, NULL);
    tcp_poll(many[i].pcb, NULL, 0);
    EXPECT(tcp_close(many[i].pcb) == ERR_OK, "tcp_close");
  }
  vnet_run(90 * 60 * 1000); /* TCP_MAXRTX back-offs */
  vnet_drop_captured();
  EXPECT(tcp_active_pcbs == NULL, "an orphan stays in state %d", tcp_active_pcbs->state);
}

/* A SYN and an ACK that race with the end of the listener. */
static void cve_2026_5590_syn_races_teardown(void)
{
  struct tcp_pcb *lpcb = app_listen(80, &app, 1);
  struct segment s;
  unsigned i;
  peer_init(&p, PEER_ADDR, 5000, 80);
  peer_opts_syn(&p, 536);
  peer_send(&p, TCP_SYN, NULL, 0);
  p.optlen = 0;
  EXPECT(peer_receive(&p, &s), "no SYN|ACK");
  p.ack = s.seq + 1;
  EXPECT(tcp_close(lpcb) == ERR_OK, "tcp_close of the listener");
  peer_send(&p, TCP_ACK, "late", 4);
  EXPECT(app.pcb == NULL && app_accepted == 0, "accepted by a listener that is gone");
  for (i = 0; i < 10; i++) {
    peer_segment(&p, TCP_SYN, p.seq + i, 0, NULL, 0);
    peer_segment(&p, TCP_ACK | TCP_FIN, p.seq + i, p.ack, "x", 1);
  }
  vnet_run(120000);
  vnet_drop_captured();
  EXPECT(tcp_active_pcbs == NULL && tcp_tw_pcbs == NULL, "a PCB of the lost listener stays");
}

#define CASE(name) { #name, name, 0 }
const struct attack_case cases_resource[] = {
  CASE(cve_2018_5390_segmentsmack),
  CASE(segmentsmack_leaves_memory_for_others),
  CASE(ooseq_huge_chains),
  CASE(cve_2019_11477_sack_panic),
  CASE(cve_2019_11478_11479_tiny_segments),
  CASE(optimistic_ack),
  CASE(ack_division),
  CASE(dupack_spoofing),
  CASE(sockstress_zero_window),
  CASE(sockstress_zero_window_silent),
#if LWIP_TCP_RUST_USER_TIMEOUT && defined(TEST_RUST)
  CASE(user_timeout_ends_it),
#endif
  CASE(sockstress_pool_held),
  CASE(syn_flood),
  CASE(time_wait_exhaustion),
  CASE(fin_wait_exhaustion),
  CASE(orphans_end),
  CASE(cve_2026_5590_syn_races_teardown),
};
const unsigned cases_resource_count = sizeof cases_resource / sizeof cases_resource[0];
