/* Attacks by somebody who does not see the connection: RFC 5961, the side
 * channel through the limit of challenge ACKs, and guessable numbers. */
#include <string.h>

#include "attacks.h"
#include "lwip/priv/tcp_priv.h"

static struct app app;
static struct peer p, q;

static unsigned count_acks(struct peer *to)
{
  struct segment s;
  unsigned n = 0;
  while (peer_receive(to, &s)) {
    EXPECT(!(s.flags & TCP_RST), "the stack reset the connection");
    n++;
  }
  return n;
}

/* In-window, but not exact: one challenge ACK and no effect (RFC 5961 3.2). */
static void blind_rst_in(struct tcp_pcb *pcb, const char *state)
{
  enum tcp_state before = pcb->state;
  count_acks(&p);
  vnet_run(6000); /* whatever the rate limit is, it has room again */
  count_acks(&p);
  peer_segment(&p, TCP_RST, p.seq + 1, 0, NULL, 0);
  EXPECT(app.err_calls == 0 && check_pcb_on_list(pcb) && pcb->state == before,
         "%s: in-window RST that is not exact took effect", state);
  EXPECT(count_acks(&p) == 1, "%s: no challenge ACK", state);
  peer_segment(&p, TCP_RST, p.seq + 50000, 0, NULL, 0);
  peer_segment(&p, TCP_RST, p.seq - 1, 0, NULL, 0);
  EXPECT(app.err_calls == 0 && check_pcb_on_list(pcb) && pcb->state == before,
         "%s: RST outside the window took effect", state);
}

static void cve_2004_0230_blind_rst(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  blind_rst_in(pcb, "ESTABLISHED");
  expect_alive(&app, &p);
  /* the exact one still works */
  peer_segment(&p, TCP_RST, p.seq, 0, NULL, 0);
  EXPECT(app.err_calls == 1 && app.err == ERR_RST, "exact RST: err %d", app.err);
}

/* RFC 9293 3.5.3 (SHLD-2): a reset may bring data, which are nobody's. What counts of it is where it starts. */
static void rfc9293_rst_with_data(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  peer_segment(&p, TCP_RST, p.seq - 3, 0, "reason", 6);
  EXPECT(app.err_calls == 0 && check_pcb_on_list(pcb), "a reset that only covers RCV.NXT took effect");
  expect_alive(&app, &p);
  app.got = 0;
  peer_segment(&p, TCP_RST, p.seq, 0, "reason", 6);
  EXPECT(app.err_calls == 1 && app.err == ERR_RST, "exact RST with data: err %d", app.err);
  EXPECT(app.got == 0, "the data of a reset were delivered");
}

static void cve_2004_0230_blind_rst_closing_states(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
  EXPECT(pcb->state == CLOSE_WAIT, "state %d", pcb->state);
  blind_rst_in(pcb, "CLOSE-WAIT");
  EXPECT(tcp_close(pcb) == ERR_OK, "tcp_close");
  EXPECT(pcb->state == LAST_ACK, "state %d", pcb->state);
  app.err_calls = 0;
  peer_segment(&p, TCP_RST, p.seq + 1, 0, NULL, 0);
  EXPECT(check_pcb_on_list(pcb) && pcb->state == LAST_ACK, "LAST-ACK: RST took effect");
}

static void cve_2004_0230_blind_rst_fin_wait(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  EXPECT(tcp_shutdown(pcb, 0, 1) == ERR_OK, "tcp_shutdown");
  EXPECT(pcb->state == FIN_WAIT_1, "state %d", pcb->state);
  peer_segment(&p, TCP_RST, p.seq + 1, 0, NULL, 0);
  EXPECT(check_pcb_on_list(pcb) && pcb->state == FIN_WAIT_1, "FIN-WAIT-1: RST took effect");
  peer_ack(&p);
  EXPECT(pcb->state == FIN_WAIT_2, "state %d", pcb->state);
  blind_rst_in(pcb, "FIN-WAIT-2");
}

static void cve_2004_0230_blind_rst_syn_sent(void)
{
  struct tcp_pcb *pcb = tcp_new();
  struct segment s;
  ip_addr_t addr;
  app_attach(&app, pcb);
  IP_ADDR4(&addr, 10, 0, 0, 2);
  EXPECT(tcp_connect(pcb, &addr, 99, NULL) == ERR_OK, "tcp_connect");
  peer_init(&p, PEER_ADDR, 99, pcb->local_port);
  EXPECT(peer_receive(&p, &s), "no SYN");
  peer_segment(&p, TCP_RST, 1234, 0, NULL, 0);
  peer_segment(&p, TCP_RST | TCP_ACK, 0, s.seq + 77, NULL, 0);
  EXPECT(app.err_calls == 0 && pcb->state == SYN_SENT, "SYN-SENT: RST without our ACK took effect");
  peer_segment(&p, TCP_RST | TCP_ACK, 0, s.seq + 1, NULL, 0);
  EXPECT(app.err_calls == 1 && app.err == ERR_RST, "SYN-SENT: RST with our ACK had no effect");
}

static void cve_2004_0230_blind_rst_syn_rcvd(void)
{
  struct segment s;
  app_listen(80, &app, 1);
  peer_init(&p, PEER_ADDR, 5000, 80);
  peer_opts_syn(&p, 536);
  peer_send(&p, TCP_SYN, NULL, 0);
  p.optlen = 0;
  EXPECT(peer_receive(&p, &s), "no SYN|ACK");
  p.ack = s.seq + 1;
  peer_segment(&p, TCP_RST, p.seq + 5, 0, NULL, 0);
  peer_collect(&p, NULL);
  peer_send(&p, TCP_ACK, NULL, 0);
  EXPECT(app.pcb != NULL, "SYN-RCVD: in-window RST took effect");
}

static void rfc5961_blind_syn_in_window(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  u32_t seqs[3];
  unsigned i;
  seqs[0] = p.seq;
  seqs[1] = p.seq + 10;
  seqs[2] = p.seq - 100000;
  for (i = 0; i < 3; i++) {
    vnet_run(6000);
    count_acks(&p);
    peer_segment(&p, TCP_SYN, seqs[i], 0, NULL, 0);
    EXPECT(app.err_calls == 0 && pcb->state == ESTABLISHED, "SYN %u ended the connection", i);
    EXPECT(count_acks(&p) == 1, "SYN %u: no challenge ACK", i);
  }
  expect_alive(&app, &p);
}

static void rfc5961_blind_data_ack_too_new(void)
{
  u32_t got;
  establish(&app, &p);
  got = app.got;
  peer_segment(&p, TCP_ACK, p.seq, p.ack + 5000, "forged", 6);
  EXPECT(app.got == got, "data with an ACK of what was never sent were taken");
  EXPECT(count_acks(&p) >= 1, "no ACK in answer");
  expect_alive(&app, &p);
}

/* Acceptable is SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT (RFC 5961 5.2). */
static void rfc5961_blind_data_ack_too_old(void)
{
  u32_t got;
  establish(&app, &p);
  got = app.got;
  peer_segment(&p, TCP_ACK, p.seq, p.ack - 0x40000000u, "forged", 6);
  EXPECT(app.got == got, "data with an ACK older than any window were taken");
  EXPECT(count_acks(&p) >= 1, "no challenge ACK");
  expect_alive(&app, &p);
}

/* RFC 9293 3.10.7.4, fifth, has a segment without ACK dropped. lwIP's unit
 * tests build their data segments without it and want the data: that much is
 * pinned. All else of such a segment counts for nothing: its acknowledgment and
 * its window do not, and nothing becomes unacceptable by it. */
static void rfc9293_no_ack_flag_gives_data_only(void)
{
  u32_t got, unacked;
  struct tcp_pcb *pcb;
  tcpwnd_size_t window;
  establish(&app, &p);
  pcb = app.pcb;
  got = app.got;
  EXPECT(tcp_write(pcb, "abc", 3, 0) == ERR_OK && tcp_output(pcb) == ERR_OK, "nothing sent");
  unacked = pcb->lastack;
  window = pcb->snd_wnd;
  p.wnd = 1;
  peer_segment(&p, TCP_PSH, p.seq, p.ack + 3, "forged", 6);
  p.wnd = 0xffff;
  EXPECT(app.got == got + 6, "lwIP's unit tests want these data");
  EXPECT(pcb->lastack == unacked, "an acknowledgment without the ACK flag was taken");
  EXPECT(pcb->snd_wnd == window, "a window without the ACK flag was taken");
  p.seq += 6;
  peer_collect(&p, NULL);
  peer_ack(&p);
  expect_alive(&app, &p);
}

static void cve_2016_5696_challenge_ack_rate(void)
{
  unsigned i, n;
  establish(&app, &p);
  for (i = 0; i < 1000; i++) {
    peer_segment(&p, TCP_RST, p.seq + 1 + i, 0, NULL, 0);
  }
  n = count_acks(&p);
  EXPECT(n >= 1 && n <= 2, "%u challenge ACKs for 1000 forged RSTs in one instant", n);
  expect_alive(&app, &p);
}

static void cve_2016_5696_no_global_counter(void)
{
  struct app apps[2];
  unsigned i;
  memset(apps, 0, sizeof apps);
  app_listen(80, apps, 2);
  peer_init(&p, PEER_ADDR, 5000, 80);
  peer_init(&q, PEER_ADDR + 1, 5001, 80);
  peer_open(&p);
  peer_open(&q);
  peer_collect(&p, NULL);
  peer_collect(&q, NULL);
  for (i = 0; i < 3000; i++) {
    peer_segment(&p, TCP_RST, p.seq + 1, 0, NULL, 0);
  }
  peer_segment(&q, TCP_RST, q.seq + 1, 0, NULL, 0);
  EXPECT(count_acks(&q) == 1, "one connection's challenge ACKs used up another's");
}

/* --- numbers that can be guessed ---------------------------------------------- */

static u32_t isn_of(u32_t addr, u16_t port)
{
  struct peer s;
  struct segment seg;
  peer_init(&s, addr, port, 80);
  peer_opts_syn(&s, 536);
  peer_send(&s, TCP_SYN, NULL, 0);
  EXPECT(peer_receive(&s, &seg), "no SYN|ACK");
  peer_segment(&s, TCP_RST, s.seq, 0, NULL, 0);
  return seg.seq;
}

static unsigned bits(u32_t v)
{
  unsigned n = 0;
  for (; v != 0; v &= v - 1) {
    n++;
  }
  return n;
}

static void number_jack_cve_2020_35685_isn(void)
{
  u32_t last, isn, flipped = 0, close = 0, i;
  app_listen(80, &app, 1);
  last = isn_of(PEER_ADDR, 1000);
  for (i = 1; i <= 64; i++) {
    vnet_run(250);
    isn = isn_of(PEER_ADDR, (u16_t)(1000 + i));
    flipped += bits(isn ^ last);
    close += (u32_t)(isn - last) < 0x00100000u;
    last = isn;
  }
  EXPECT(close <= 4, "%u of 64 initial sequence numbers follow from the one before (RFC 6528)",
         (unsigned)close);
  EXPECT(flipped > 64 * 10, "initial sequence numbers hardly differ: %u bits of %u",
         (unsigned)flipped, 64 * 32);
}

/* The clock of RFC 6528: the same four-tuple gets a later number, 4 us a step. */
static void rfc6528_isn_of_one_tuple_moves_with_the_clock(void)
{
  u32_t first, second, step;
  app_listen(80, &app, 1);
  vnet_run(1000);
  first = isn_of(PEER_ADDR, 1000);
  vnet_run(2000);
  second = isn_of(PEER_ADDR, 1000);
  step = second - first;
  EXPECT(step >= 400000u && step <= 600000u,
         "2 s later the number has moved by %u, 500000 expected", (unsigned)step);
}

static void rfc6056_ephemeral_ports(void)
{
  u16_t last = 0;
  unsigned i, follow = 0, same = 0;
  for (i = 0; i < 64; i++) {
    struct tcp_pcb *pcb = tcp_new();
    EXPECT(tcp_bind(pcb, IP_ADDR_ANY, 0) == ERR_OK, "tcp_bind");
    EXPECT(pcb->local_port >= 1024, "port %u", pcb->local_port);
    follow += (u16_t)(pcb->local_port - last) == 1;
    same += pcb->local_port == last;
    last = pcb->local_port;
    tcp_abort(pcb);
  }
  EXPECT(follow <= 8, "%u of 64 ephemeral ports are the one before plus one (RFC 6056)", follow);
  EXPECT(same <= 8, "%u of 64 ephemeral ports are the one before again", same);
}

/* The stack closes first, and gets into TIME-WAIT. */
static void into_time_wait(struct tcp_pcb *pcb)
{
  EXPECT(pcb != NULL && tcp_close(pcb) == ERR_OK, "tcp_close");
  peer_ack(&p);
  peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
  EXPECT(tcp_tw_pcbs == pcb && tcp_active_pcbs == NULL, "not in TIME-WAIT");
  peer_collect(&p, NULL);
}

/* RFC 1337: a reset does not end TIME-WAIT, not even an exact one. RFC 9293 3.10.7.4: the peer's FIN, repeated, is acknowledged again
 * and keeps the port for another 2 MSL; what else comes does neither. */
static void rfc1337_rst_in_time_wait(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  tcp_err(pcb, NULL);
  into_time_wait(pcb);
  vnet_run(TCP_MSL + TCP_MSL / 2);
  peer_segment(&p, TCP_RST, p.seq, 0, NULL, 0);
  peer_segment(&p, TCP_RST | TCP_ACK, p.seq, p.ack, NULL, 0);
  EXPECT(tcp_tw_pcbs == pcb, "a reset has ended TIME-WAIT");
  EXPECT(count_acks(&p) == 0, "a reset was answered");
  peer_segment(&p, TCP_ACK | TCP_FIN, p.seq - 1, p.ack, NULL, 0);
  EXPECT(count_acks(&p) == 1, "the repeated FIN was not acknowledged");
  vnet_run(TCP_MSL + TCP_MSL / 2);
  EXPECT(tcp_tw_pcbs == pcb, "the repeated FIN did not start 2 MSL anew");
  peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
#ifdef TEST_RUST /* timewait-2msl-from-entry in docs/deviations.md */
  peer_segment(&p, TCP_ACK | TCP_FIN, p.seq - 100, p.ack, NULL, 0);
  peer_segment(&p, TCP_ACK | TCP_FIN, p.seq + 100, p.ack, NULL, 0);
#endif
  vnet_run(TCP_MSL);
  EXPECT(tcp_tw_pcbs == NULL, "TIME-WAIT is longer than 2 MSL");
}

/* lwIP sends its SYN again at once when an old connection's ACK comes; who makes up such ACKs gets no more SYNs than a timer would send. */
static void wrong_acks_in_syn_sent_are_no_flood(void)
{
  struct tcp_pcb *pcb = tcp_new();
  struct segment s;
  ip_addr_t addr;
  unsigned i, syns = 0, resets = 0;
  app_attach(&app, pcb);
  IP_ADDR4(&addr, 10, 0, 0, 2);
  EXPECT(tcp_connect(pcb, &addr, 99, NULL) == ERR_OK, "tcp_connect");
  peer_init(&p, PEER_ADDR, 99, pcb->local_port);
  EXPECT(peer_receive(&p, &s), "no SYN");
  for (i = 0; i < 300; i++) {
    peer_segment(&p, TCP_ACK, p.seq, s.seq + 1000 + i, NULL, 0);
  }
  while (peer_receive(&p, &s)) {
    syns += (s.flags & TCP_SYN) != 0;
    resets += (s.flags & TCP_RST) != 0;
  }
  EXPECT(syns >= 1 && syns <= TCP_SYNMAXRTX, "%u SYNs for 300 wrong ACKs", syns);
  EXPECT(resets == 300, "%u of 300 wrong ACKs reset", resets);
  EXPECT(pcb->state == SYN_SENT, "state %d", pcb->state);
}

/* RFC 9293 3.10.7.3: in SYN-SENT an ACK of our SYN without the peer's is dropped, and the handshake goes on. */
static void rfc9293_ack_in_syn_sent(void)
{
  struct tcp_pcb *pcb = tcp_new();
  struct segment s;
  ip_addr_t addr;
  app_attach(&app, pcb);
  IP_ADDR4(&addr, 10, 0, 0, 2);
  EXPECT(tcp_connect(pcb, &addr, 99, NULL) == ERR_OK, "tcp_connect");
  peer_init(&p, PEER_ADDR, 99, pcb->local_port);
  EXPECT(peer_receive(&p, &s), "no SYN");
  p.ack = s.seq + 1;
  peer_segment(&p, TCP_ACK, p.seq, p.ack, "abc", 3);
  EXPECT(!peer_receive(&p, &s), "it was answered, by flags %x", s.flags);
  EXPECT(pcb->state == SYN_SENT && app.got == 0, "it had an effect: state %d", pcb->state);
  peer_send(&p, TCP_SYN | TCP_ACK, NULL, 0);
  expect_alive(&app, &p);
}

/* RFC 9293 3.6.1 (MAY-2, SHLD-4), RFC 6191 2: a SYN that is newer than all of the old connection opens a new one; no other does. */
static void rfc9293_syn_reopens_time_wait(void)
{
  static struct app apps[3];
  struct tcp_pcb *old;
  peer_init(&p, PEER_ADDR, 5000, 80);
  app_listen(80, apps, 3);
  peer_open(&p);
  old = apps[0].pcb;
  into_time_wait(old);
  peer_segment(&p, TCP_SYN, p.seq - 100, 0, NULL, 0);
  EXPECT(tcp_tw_pcbs == old && tcp_active_pcbs == NULL, "an old SYN has ended TIME-WAIT");
  peer_collect(&p, NULL);
  p.seq += 1000;
  peer_open(&p);
  EXPECT(tcp_tw_pcbs == NULL && apps[1].pcb != NULL, "a SYN behind all that was received opens nothing");
  expect_alive(&apps[1], &p);
#if LWIP_TCP_TIMESTAMPS
  into_time_wait(apps[1].pcb);
  vnet_run(100);
  p.seq -= 5000;
  peer_open(&p);
  EXPECT(tcp_tw_pcbs == NULL && apps[2].pcb != NULL, "a SYN with a newer timestamp opens nothing");
  expect_alive(&apps[2], &p);
#endif
}

#if LWIP_TCP_TIMESTAMPS
/* A segment with the timestamp of so many milliseconds ago. */
static void segment_of(u32_t ago, u8_t flags, const char *text)
{
  const u32_t words[2] = { lwip_htonl(vnet.now + 1000 - ago), lwip_htonl(p.ts_recent) };
  static const u8_t head[4] = { 1, 1, 8, 10 };
  memcpy(p.opts, head, 4);
  memcpy(p.opts + 4, words, 8);
  p.optlen = 12;
  peer_segment(&p, flags, p.seq, p.ack, text, (u16_t)strlen(text));
  p.optlen = 0;
}

/* RFC 7323 5.3: what is older than the last timestamp is acknowledged and dropped, a reset excepted; R3 for 24 days only (5.5). */
static void rfc7323_paws(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  vnet_run(5000);
  peer_send(&p, TCP_ACK, "abc", 3);
  count_acks(&p);
  EXPECT(app.got == 3 && (pcb->flags & TF_TIMESTAMP), "no timestamps");
  segment_of(1000, TCP_ACK, "old");
  EXPECT(app.got == 3 && pcb->rcv_nxt == p.seq, "data with an old timestamp were taken");
  EXPECT(count_acks(&p) == 1, "no ACK in answer");
  segment_of(0, TCP_ACK, "new");
  EXPECT(app.got == 6, "data with the same timestamp were not taken");
  p.seq += 3;
  count_acks(&p);
  /* As if the last one were 25 days old: in that time the peer's clock may have come round. */
  tcp_ticks += 25u * 24 * 3600 * 1000 / TCP_SLOW_INTERVAL;
  segment_of(1000, TCP_ACK, "old");
  EXPECT(app.got == 9, "after 24 days an old timestamp still counts as old");
  p.seq += 3;
  count_acks(&p);
  segment_of(3000, TCP_RST, "");
  EXPECT(app.err_calls == 1 && app.err == ERR_RST, "an exact reset with an old timestamp was dropped");
}
#endif

#define CASE(name) { #name, name, 0 }
const struct attack_case cases_blind[] = {
  CASE(cve_2004_0230_blind_rst),
  CASE(rfc9293_rst_with_data),
  CASE(rfc9293_syn_reopens_time_wait),
  CASE(rfc1337_rst_in_time_wait),
  CASE(rfc9293_ack_in_syn_sent),
  CASE(wrong_acks_in_syn_sent_are_no_flood),
  CASE(cve_2004_0230_blind_rst_closing_states),
  CASE(cve_2004_0230_blind_rst_fin_wait),
  CASE(cve_2004_0230_blind_rst_syn_sent),
  CASE(cve_2004_0230_blind_rst_syn_rcvd),
  CASE(rfc5961_blind_syn_in_window),
  CASE(rfc5961_blind_data_ack_too_new),
  CASE(rfc5961_blind_data_ack_too_old),
  CASE(rfc9293_no_ack_flag_gives_data_only),
  CASE(cve_2016_5696_challenge_ack_rate),
  CASE(cve_2016_5696_no_global_counter),
  CASE(number_jack_cve_2020_35685_isn),
  CASE(rfc6528_isn_of_one_tuple_moves_with_the_clock),
  CASE(rfc6056_ephemeral_ports),
#if LWIP_TCP_TIMESTAMPS
  CASE(rfc7323_paws),
#endif
};
const unsigned cases_blind_count = sizeof cases_blind / sizeof cases_blind[0];
