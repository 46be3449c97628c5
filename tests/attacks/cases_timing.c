/* What lwIP's users complain about that is a matter of time: how long a loss, an
 * outage or a closed window holds a connection up. The numbers are those of
 * README.md. */
#include <string.h>

#include "attacks.h"

static struct app app;
static struct peer p;
static u8_t data[TCP_SND_BUF + 4096];

/* Grows cwnd to six segments and more. */
static void open_cwnd(struct tcp_pcb *pcb)
{
  unsigned i;
  for (i = 0; i < 6; i++) {
    tcp_write(pcb, data, 1072, TCP_WRITE_FLAG_COPY);
    tcp_output(pcb);
    peer_ack(&p);
  }
}

/* --- 7, 8: the retransmission timer --------------------------------------------------- */

/* A loss with data after it is repaired by duplicate ACKs, no timer needed. */
static void complaint_07_loss_in_a_flow_needs_no_timer(void)
{
  struct tcp_pcb *pcb = (peer_init_without_sack(&p), establish(&app, &p));
  struct segment s;
  u32_t una;
  unsigned n = 0, again = 0;
  open_cwnd(pcb);
  tcp_write(pcb, data, (u16_t)tcp_sndbuf(pcb), TCP_WRITE_FLAG_COPY);
  tcp_output(pcb);
  una = p.ack;
  while (peer_receive(&p, &s)) {
    if (s.seq == una) {
      again += n++ > 0; /* the first one is lost */
      continue;
    }
    n++;
    peer_segment(&p, TCP_ACK, p.seq, una, NULL, 0);
  }
  EXPECT(n >= 4, "only %u segments in flight", n);
  EXPECT(again >= 1, "the lost segment was not sent again before a timer");
}

/* With a round trip of 35 ms, in whatever phase of the ticks, nothing that was
 * acknowledged in time is sent twice. */
static void complaint_08_no_early_retransmission(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  struct segment s;
  unsigned i;
  for (i = 0; i < 400; i++) {
    u32_t start = p.ack;
    EXPECT(tcp_write(pcb, data, 100, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
    tcp_output(pcb);
    vnet_run(35);
    while (peer_receive(&p, &s)) {
      EXPECT(s.len == 0 || s.seq == start, "octets sent twice in round %u", i);
      start = s.seq + s.len;
    }
    p.ack = start;
    peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
    vnet_run(i % 97);
  }
}

static void complaint_08_first_retransmission_after_a_second(void)
{
  struct segment s;
  unsigned phase;
  establish(&app, &p);
  for (phase = 0; phase < 20; phase++) {
    u32_t sent_at, waited;
    vnet_run(26);
    EXPECT(tcp_write(app.pcb, data, 50, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
    tcp_output(app.pcb);
    EXPECT(peer_receive(&p, &s) && s.len == 50, "not sent");
    sent_at = vnet.now;
    while (!peer_receive(&p, &s) && vnet.now - sent_at < 70000) {
      vnet_run(1);
    }
    waited = vnet.now - sent_at;
    p.ack = s.seq + s.len;
    /* RFC 6298 (2.4): at least one second; lwIP's clock is 500 ms coarse */
    EXPECT(waited >= FIRST_REPETITION_MS, "retransmitted after %u ms", (unsigned)waited);
    EXPECT(phase < 10 || waited <= 3500, "retransmitted only after %u ms", (unsigned)waited);
    peer_ack(&p);
    /* quick answers bring the estimate down */
    for (sent_at = 0; sent_at < 20; sent_at++) {
      tcp_write(app.pcb, data, 50, TCP_WRITE_FLAG_COPY);
      tcp_output(app.pcb);
      peer_ack(&p);
    }
  }
}

/* --- runners-up ------------------------------------------------------------------------ */

/* A peer without a queue for reassembly throws away all that comes behind a
 * loss. Each of its ACKs that moves on asks for the next segment (RFC 6582 3.2):
 * no timer is needed. */
static void runner_up_peer_without_reassembly(void)
{
  struct tcp_pcb *pcb = (peer_init_without_sack(&p), establish(&app, &p));
  struct segment s;
  u32_t lost, end;
  u16_t len;
  int dropped = 0;
  /* All of it is on its way when the loss is noticed. */
  tcp_nagle_disable(pcb);
  open_cwnd(pcb);
  len = (u16_t)(6 * tcp_mss(pcb));
  lost = p.ack;
  end = lost + len;
  EXPECT(tcp_write(pcb, data, len, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
  tcp_output(pcb);
  EXPECT(pcb->snd_nxt == end, "%u octets not sent", (unsigned)(end - pcb->snd_nxt));
  while (peer_receive(&p, &s)) {
    if (s.seq == lost && !dropped) {
      dropped = 1;
      continue;
    }
    p.ack += s.seq == p.ack ? s.len : 0u;
    peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
  }
  EXPECT(p.ack == end, "%u octets wait for a timer", (unsigned)(end - p.ack));
}

/* An outage does not go on for the connection when it is over: no two
 * transmissions are further apart than RFC 6298 (5.5) has them, twice as far as
 * the last two; and with timers of milliseconds less than a second. */
static void runner_up_backoff_in_an_outage(void)
{
  struct segment s;
  u32_t last, gap = 3500;
  unsigned i, n = 0;
  establish(&app, &p);
  for (i = 0; i < 20; i++) {
    EXPECT(tcp_write(app.pcb, data, 50, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
    tcp_output(app.pcb);
    peer_ack(&p);
  }
  EXPECT(tcp_write(app.pcb, data, 50, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
  tcp_output(app.pcb);
  last = vnet.now;
  EXPECT(peer_receive(&p, &s), "not sent");
  for (i = 0; i < 9500; i++) {
    vnet_run(1);
    if (peer_receive(&p, &s)) {
      /* ticks of 500 ms: a retransmission may be one late */
      gap = 2 * (vnet.now - last) + 500;
      last = vnet.now;
      n++;
    }
#if LWIP_TCP_RUST_FINE_TIMERS
    gap = LWIP_MIN(gap, 1000);
#endif
    EXPECT(vnet.now - last <= gap, "nothing sent for %u ms", (unsigned)(vnet.now - last));
  }
  EXPECT(n >= 2, "only %u retransmissions", n);
  expect_alive(&app, &p);
}

/* Runner-up: echo of much through small windows must not stall. */
static void runner_up_zero_window_echo_stall(void)
{
  struct tcp_pcb *pcb;
  u32_t echoed = 0;
  unsigned i, taken = 0;
  app.keep_window = 1;
  pcb = establish(&app, &p);
  for (i = 0; i < 20000 && echoed < 1048576; i++) {
    struct segment s;
    u32_t room = pcb->rcv_ann_wnd;
    if (app.got - taken + 536 <= room || room >= 536) {
      peer_send(&p, TCP_ACK, data, 536);
    }
    while (taken < app.got && tcp_sndbuf(pcb) > 0) {
      u16_t n = (u16_t)LWIP_MIN(app.got - taken, tcp_sndbuf(pcb));
      n = LWIP_MIN(n, 536);
      if (tcp_write(pcb, data, n, TCP_WRITE_FLAG_COPY) != ERR_OK) {
        break;
      }
      taken += n;
      tcp_recved(pcb, n);
    }
    tcp_output(pcb);
    while (peer_receive(&p, &s)) {
      if (s.seq == p.ack) {
        p.ack += s.len;
        echoed += s.len;
      }
    }
    peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
    vnet_run(i % 8 == 0 ? 20 : 1);
  }
  EXPECT(echoed >= 1048576, "only %u octets echoed in %u rounds", (unsigned)echoed, i);
  EXPECT(vnet.now < 120000, "took %u ms", (unsigned)vnet.now);
}

#define CASE(name) { #name, name, 0 }
const struct attack_case cases_timing[] = {
  CASE(complaint_07_loss_in_a_flow_needs_no_timer),
  CASE(complaint_08_no_early_retransmission),
  CASE(complaint_08_first_retransmission_after_a_second),
  CASE(runner_up_peer_without_reassembly),
  CASE(runner_up_backoff_in_an_outage),
  CASE(runner_up_zero_window_echo_stall),
};
const unsigned cases_timing_count = sizeof cases_timing / sizeof cases_timing[0];
