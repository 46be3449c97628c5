/* Peers that lie as receivers: about what they have, when it came, and what
 * the path did to it. None makes the core send more than it should, or stall. */
#include <string.h>

#include "sacks.h"

#ifdef HAS_RECOVERY
#define EACH_ALGORITHM(kind) \
  for ((kind).algorithm = LWIP_TCP_RUST_CC_NEWRENO; (kind).algorithm <= LWIP_TCP_RUST_CC_BBR; \
       (kind).algorithm++)

/* BBR's window grows by what is SACKed, too, and is no smaller in recovery. */
static u32_t delivers(const struct kind *kind, u32_t octets)
{
  return kind->algorithm == LWIP_TCP_RUST_CC_BBR ? octets : 0;
}

/* Nothing was delivered by it, nothing is sent for it. */
static void expect_no_effect(const struct lwip_tcp_rust_info *before, const char *what)
{
  struct lwip_tcp_rust_info now = sacks_info();
  EXPECT(now.sacked == before->sacked && now.pipe == before->pipe && now.lost == before->lost,
         "%s: pipe %u, SACKed %u, lost %u; before %u, %u, %u", what, (unsigned)now.pipe,
         (unsigned)now.sacked, (unsigned)now.lost, (unsigned)before->pipe,
         (unsigned)before->sacked, (unsigned)before->lost);
  EXPECT(now.cwnd <= before->cwnd && now.spurious == before->spurious && !now.in_recovery,
         "%s: cwnd %u, before %u", what, (unsigned)now.cwnd, (unsigned)before->cwnd);
  EXPECT(sacks_take().octets == 0, "%s: something was sent for it", what);
  sacks_check(before->cwnd);
}

static void sack_of_data_never_sent(void)
{
  struct kind kind = { 0 };
  EACH_ALGORITHM(kind) {
    struct lwip_tcp_rust_info before;
    s32_t mss, end;
    sacks_connect(&kind);
    mss = (s32_t)sacks_mss();
    sacks_fly(10);
    before = sacks_info();
    end = (s32_t)before.in_flight;
    SACKS(0, { end, end + mss });
    SACKS(0, { end - mss, end + 1 });
    SACKS(0, { mss, 100 * mss });
    SACKS(0, { 0x40000000, 0x40000000 + mss });
    SACKS(0, { 0x7ffffff0, (s32_t)0x80000010 });
    SACKS(0, { end + mss, end + 2 * mss }, { end, end + 1 }, { end - 1, end + 1 });
    expect_no_effect(&before, "SACK of data never sent");
    sacks_finish();
  }
}

static void sack_below_una_inverted_or_empty(void)
{
  struct kind kind = { 0 };
  EACH_ALGORITHM(kind) {
    struct lwip_tcp_rust_info before;
    s32_t mss;
    sacks_connect(&kind);
    mss = (s32_t)sacks_mss();
    sacks_fly(10);
    before = sacks_info();
    SACKS(0, { -mss, 0 });
    SACKS(0, { -mss, mss });
    SACKS(0, { -0x40000000, mss });
    SACKS(0, { 2 * mss, mss });
    SACKS(0, { 5 * mss, mss }, { mss, 5 * mss + 1 - 5 * mss });
    SACKS(0, { mss, mss }, { 2 * mss, 2 * mss });
    SACKS(0, { 0, (s32_t)0x80000000 });
    SACKS(0, { 1, 0 });
    expect_no_effect(&before, "SACK below SND.UNA, inverted or empty");
    sacks_finish();
  }
}

/* RFC 2018 8 has receivers report what they queue; half a segment is none. */
static void sack_of_parts_of_segments(void)
{
  struct lwip_tcp_rust_info before;
  struct kind kind = { 0 };
  s32_t mss, i;
  sacks_connect(&kind);
  mss = (s32_t)sacks_mss();
  sacks_fly(10);
  before = sacks_info();
  for (i = 1; i < 9; i++) {
    SACKS(0, { i * mss + 1, (i + 1) * mss - 1 }, { i * mss - 1, i * mss + 1 },
          { i * mss + 7, i * mss + 8 });
  }
  expect_no_effect(&before, "SACK of parts of segments");
  sacks_finish();
}

/* The same octets, whatever the order, the overlap and the repetition. */
static void sack_blocks_in_any_order(void)
{
  static const unsigned char orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                              { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
  struct kind kind = { 0 };
  unsigned round;
  for (round = 0; round < 12; round++) {
    struct lwip_tcp_rust_info info;
    struct edge set[3], blocks[3];
    s32_t mss;
    unsigned i;
    sacks_connect(&kind);
    mss = (s32_t)sacks_mss();
    sacks_fly(12);
    /* 3 to 6, of which two blocks have the middle; and 8 */
    set[0] = (struct edge) { 3 * mss, 5 * mss };
    set[1] = (struct edge) { 4 * mss, 7 * mss };
    set[2] = (struct edge) { 8 * mss, 9 * mss };
    for (i = 0; i < 3; i++) {
      blocks[i] = set[orders[round % 6][i]];
    }
    if (round < 6) {
      sacks_send(TCP_ACK, 0, blocks, 3);
    } else {
      for (i = 0; i < 3; i++) {
        sacks_send(TCP_ACK, 0, blocks + i, 1);
      }
    }
    /* Single blocks look like reordering: that is waited for. */
    vnet_run(ROUND_TRIP / 2);
    info = sacks_info();
    EXPECT(info.sacked == 5 * (u32_t)mss, "order %u: %u octets are SACKed, not %u", round,
           (unsigned)info.sacked, 5 * (unsigned)mss);
    EXPECT(info.in_recovery, "order %u: no recovery", round);
    for (i = 0; i < 20; i++) {
      sacks_send(TCP_ACK, 0, blocks, 3);
    }
    EXPECT(sacks_info().sacked == info.sacked, "the same blocks count again");
    vnet_run(ROUND_TRIP);
    EXPECT(sacks_take().octets <= 7 * (u32_t)mss, "more was sent than is missing");
    sacks_check(info.cwnd);
    sacks_finish();
  }
}

/* What was SACKed is thrown away, in part and as a whole (RFC 2018 8). */
static void sack_reneging(void)
{
  struct kind kind = { 0 };
  EACH_ALGORITHM(kind) {
    struct taken taken;
    s32_t mss;
    unsigned i, first = 0;
    sacks_connect(&kind);
    mss = (s32_t)sacks_mss();
    sacks_fly(10);
    SACKS(0, { mss, 10 * mss });
    vnet_run(ROUND_TRIP);
    sacks_take();
    /* It has the first now, and of the others it knows nothing any more. */
    PLAIN_ACK(mss);
    for (i = 0; i < 100 && !first; i++) {
      vnet_run(50);
      taken = sacks_take();
      first = (unsigned)taken.first;
      sacks_check(0x7fffffff);
    }
    EXPECT(first, "what was SACKed and thrown away is never sent again");
    sacks_finish();
  }
}

static void optimistic_ack_beyond_snd_nxt(void)
{
  struct kind kind = { 0 };
  EACH_ALGORITHM(kind) {
    struct lwip_tcp_rust_info before;
    s32_t end;
    sacks_connect(&kind);
    sacks_fly(10);
    before = sacks_info();
    end = (s32_t)before.in_flight;
    PLAIN_ACK(end + 1);
    vnet_run(1000 / 2); /* challenge ACKs are limited */
    before = sacks_info();
    sacks_take();
    PLAIN_ACK(end + 100000);
    SACKS(end + 1, { 500, 1000 });
    PLAIN_ACK(0x7fffffff);
    EXPECT(sacks_info().in_flight == before.in_flight && sacks_info().cwnd <= before.cwnd,
           "an ACK of what was not sent counted");
    EXPECT(sacks_take().octets == 0, "data were sent for it");
    sacks_finish();
  }
}

/* ACKs of what is still on its way: the window grows by what is acknowledged and
 * not faster, the peer's window holds, and the time of next to nothing is none. */
static void optimistic_ack_ahead_of_delivery(void)
{
  struct kind kind = { 0 };
  EACH_ALGORITHM(kind) {
    unsigned i;
    sacks_connect(&kind);
    sacks_fly(2);
    for (i = 0; i < 300; i++) {
      struct lwip_tcp_rust_info before = sacks_info();
      u32_t acked = LWIP_MIN(before.in_flight, sacks_mss());
      PLAIN_ACK((s32_t)acked);
      EXPECT(victim.pcb->sa != 0, "no round trip any more");
      /* In congestion avoidance it is a segment for a whole window. */
      sacks_check(LWIP_MAX(before.cwnd + before.mss, 4 * before.mss));
      sacks_fill();
      sacks_take();
      if (i % 3 == 0) {
        vnet_run(1);
      }
    }
    sacks_finish();
  }
}

/* RFC 3465: it is octets that count, not ACKs; in slow start, congestion
 * avoidance and recovery. */
static void ack_division_counts_octets(void)
{
  struct kind kind = { 0 };
  EACH_ALGORITHM(kind) {
    int phase;
    for (phase = 0; phase < 3; phase++) {
      struct lwip_tcp_rust_info before;
      s32_t mss, i;
      sacks_connect(&kind);
      mss = (s32_t)sacks_mss();
      sacks_fly(12);
      if (phase == 1) {
        victim.pcb->ssthresh = victim.pcb->cwnd;
      } else if (phase == 2) {
        SACKS(0, { 2 * mss, 8 * mss });
        EXPECT(sacks_info().in_recovery, "no recovery");
      }
      sacks_fill();
      vnet_run(5);
      sacks_take();
      before = sacks_info();
      for (i = 0; i < mss; i++) {
        PLAIN_ACK(1);
        sacks_check(before.cwnd + (u32_t)mss + before.mss);
      }
      EXPECT(sacks_info().cwnd <= before.cwnd + (phase == 1 ? (u32_t)before.mss : (u32_t)mss),
             "algorithm %u: ACKs of one octet opened cwnd from %u to %u", kind.algorithm,
             (unsigned)before.cwnd, (unsigned)sacks_info().cwnd);
      if (phase == 2) {
        u32_t most = LWIP_MAX(before.ssthresh, before.pipe) + 2 * before.mss;
        EXPECT(kind.algorithm == LWIP_TCP_RUST_CC_BBR || sacks_info().pipe <= most,
               "pipe %u in recovery, above %u", (unsigned)sacks_info().pipe, (unsigned)most);
      }
      sacks_finish();
    }
  }
}

/* With SACK a duplicate ACK without news says nothing at all. */
static void dupack_flood(void)
{
  struct kind kind = { 0 };
  EACH_ALGORITHM(kind) {
    struct lwip_tcp_rust_info before;
    u32_t sent;
    unsigned i;
    sacks_connect(&kind);
    sacks_fly(10);
    before = sacks_info();
    for (i = 0; i < 3000; i++) {
      PLAIN_ACK(0);
    }
    expect_no_effect(&before, "duplicate ACKs");
    SACKS(0, { (s32_t)sacks_mss(), 9 * (s32_t)sacks_mss() });
    sacks_fill();
    vnet_run(5);
    sent = sacks_take().octets;
    /* cwnd had room for four, and one is sent again whatever has room. */
    EXPECT(sent <= 13 * sacks_mss(), "%u octets sent for 8 segments that are SACKed", (unsigned)sent);
    before = sacks_info();
    for (i = 0; i < 3000; i++) {
      SACKS(0, { (s32_t)sacks_mss(), 9 * (s32_t)sacks_mss() });
    }
    sent = sacks_take().octets;
    EXPECT(sent <= sacks_mss() && sacks_info().pipe <= LWIP_MAX(before.pipe, before.cwnd),
           "%u octets sent for SACKs that say nothing new", (unsigned)sent);
    sacks_check(before.cwnd);
    sacks_finish();
  }
}

/* Without SACK each one in recovery tells of a segment that has left the
 * network (RFC 5681 3.2, step 4): of those that are in flight. So no more than
 * a segment is sent for each, as for an ACK, and never beyond the window. */
static void dupack_flood_without_sack(void)
{
  struct kind kind = { 0 };
  kind.no_sack = 1;
  for (; kind.algorithm <= LWIP_TCP_RUST_CC_CUBIC; kind.algorithm++) {
    struct lwip_tcp_rust_info info;
    u32_t sent;
    unsigned i;
    sacks_connect(&kind);
    sacks_fly(10);
    sacks_fill();
    sacks_take();
    sent = 0;
    for (i = 1; i <= 200; i++) {
      PLAIN_ACK(0);
      sent += sacks_take().octets;
      info = sacks_info();
      EXPECT(info.cwnd <= info.ssthresh + info.in_flight + 3 * info.mss, "cwnd %u", (unsigned)info.cwnd);
      EXPECT(sent <= (i + 1) * info.mss, "%u octets sent for %u duplicate ACKs", (unsigned)sent, i);
    }
    sacks_finish();
  }
}

/* Enters recovery for the first segment of ten, which is sent again. */
static void lose_the_first(void)
{
  s32_t mss = (s32_t)sacks_mss();
  sacks_fly(10);
  SACKS(0, { mss, 6 * mss });
  EXPECT(sacks_info().in_recovery, "no recovery");
  EXPECT(sacks_take().first, "the first was not sent again");
}

/* RFC 3708: what D-SACKs undo is one reduction, and it is undone once. */
static void dsack_lies(void)
{
  struct kind kind = { 0 };
  EACH_ALGORITHM(kind) {
    struct lwip_tcp_rust_info before;
    u32_t most;
    unsigned i, round;
    s32_t mss;
    sacks_connect(&kind);
    mss = (s32_t)sacks_mss();
    for (i = 0; i < 50; i++) {
      before = sacks_info();
      SACKS(0, { -mss, 0 });
      expect_no_effect(&before, "D-SACK of what was sent once");
    }
    for (round = 0; round < 10; round++) {
      sacks_fly(10);
      most = sacks_info().cwnd + delivers(&kind, 5 * (u32_t)mss);
      SACKS(0, { mss, 6 * mss });
      for (i = 0; i < 50; i++) {
        SACKS(0, { mss, 2 * mss }, { mss, 6 * mss });
        SACKS(0, { -mss, 0 }, { mss, 6 * mss });
        sacks_check(most);
      }
      EXPECT(sacks_info().spurious <= round + 1, "one reduction was undone %u times",
             (unsigned)sacks_info().spurious);
      sacks_take();
      PLAIN_ACK((s32_t)sacks_info().in_flight);
      for (i = 0; i < 50; i++) {
        SACKS(0, { -mss, 0 });
      }
      sacks_check(most + 10 * (u32_t)mss);
      vnet_run(ROUND_TRIP);
      sacks_take();
    }
    /* The reordering window (RFC 8985 6.2) is no longer than a round trip now. */
    sacks_fly(10);
    SACKS(0, { mss, 6 * mss });
    vnet_run(3 * ROUND_TRIP);
    EXPECT(sacks_take().first, "after D-SACKs a lost segment waits for long");
    sacks_finish();
  }
}

/* A mark is congestion whatever D-SACKs say of a loss before it. */
static void dsack_does_not_undo_a_mark(void)
{
  struct kind kind = { 0 };
  kind.ecn = 1;
  for (; kind.algorithm <= LWIP_TCP_RUST_CC_CUBIC; kind.algorithm++) {
    u32_t marked;
    s32_t mss;
    unsigned i;
    sacks_connect(&kind);
    mss = (s32_t)sacks_mss();
    lose_the_first();
    PLAIN_ACK((s32_t)sacks_info().in_flight);
    EXPECT(!sacks_info().in_recovery, "recovery does not end");
    vnet_run(ROUND_TRIP);
    sacks_fill();
    sacks_take();
    sacks_send(TCP_ACK | TCP_ECE, mss, NULL, 0);
    EXPECT(sacks_info().ecn_marks == 1, "the mark does not count");
    marked = sacks_info().cwnd;
    for (i = 0; i < 10; i++) {
      SACKS(0, { -11 * mss, -10 * mss });
      SACKS(0, { -mss, 0 });
    }
    EXPECT(sacks_info().cwnd <= marked + (u32_t)mss, "cwnd is %u again after a mark, which made it %u",
           (unsigned)sacks_info().cwnd, (unsigned)marked);
    sacks_finish();
  }
}

/* ECE without end: one reduction in a round trip (RFC 3168 6.1.2). */
static void ecn_ece_without_end(void)
{
  struct kind kind = { 0 };
  kind.ecn = 1;
  EACH_ALGORITHM(kind) {
    unsigned round, i;
    sacks_connect(&kind);
    sacks_fly(10);
    for (round = 0; round < 60; round++) {
      struct lwip_tcp_rust_info before = sacks_info(), after;
      s32_t part = (s32_t)before.in_flight / 10;
      for (i = 0; i < 10; i++) {
        sacks_send(TCP_ACK | TCP_ECE, i < 9 ? part : (s32_t)sacks_info().in_flight, NULL, 0);
        sacks_send(TCP_ACK | TCP_ECE, 0, NULL, 0);
      }
      after = sacks_info();
      EXPECT(after.ecn_marks <= before.ecn_marks + 2, "%u reductions in one round trip",
             (unsigned)(after.ecn_marks - before.ecn_marks));
      EXPECT(after.cwnd >= 2 * after.mss || after.cwnd >= before.cwnd, "cwnd %u of %u",
             (unsigned)after.cwnd, (unsigned)before.cwnd);
      sacks_fill();
      vnet_run(ROUND_TRIP);
      EXPECT(sacks_take().fresh > 0, "round %u: nothing is sent any more", round);
    }
    sacks_finish();
  }
}

/* Neither a peer that hides all marks, nor one that says CWR or reports marks
 * that were not agreed on, changes what is sent. */
static void ecn_other_lies(void)
{
  struct kind kind = { 0 };
  EACH_ALGORITHM(kind) {
    struct lwip_tcp_rust_info before;
    unsigned i;
    kind.ecn = 0;
    sacks_connect(&kind);
    sacks_fly(10);
    before = sacks_info();
    for (i = 0; i < 100; i++) {
      sacks_send(TCP_ACK | TCP_ECE | TCP_CWR, 0, NULL, 0);
    }
    expect_no_effect(&before, "ECE that was not agreed on");
    EXPECT(sacks_info().ecn_marks == 0 && sacks_info().cwnd == before.cwnd, "it counts");
    sacks_finish();
    kind.ecn = 1;
    sacks_connect(&kind);
    sacks_fly(10);
    before = sacks_info();
    for (i = 0; i < 100; i++) {
      sacks_send(TCP_ACK | TCP_CWR, 0, NULL, 0);
    }
    expect_no_effect(&before, "CWR");
    EXPECT(sacks_info().cwnd == before.cwnd, "cwnd %u after CWR, before %u",
           (unsigned)sacks_info().cwnd, (unsigned)before.cwnd);
    sacks_finish();
    EXPECT(sacks_info().ecn_marks == 0, "marks that nobody made");
  }
}

/* Echoes of what was never sent: the round trip is measured here, not there. */
static void timestamps_never_sent(void)
{
  static const u32_t echoes[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff };
  struct kind kind = { 0 };
  EACH_ALGORITHM(kind) {
    unsigned i;
    sacks_connect(&kind);
    sacks_lies_of_time = 1;
    for (i = 0; i < 40; i++) {
      struct lwip_tcp_rust_info info;
      sacks_echo = echoes[i % 5] + (i % 2 ? vnet.now : 0);
      sacks_lies_of_time = 0;
      sacks_fly(4);
      sacks_lies_of_time = 1;
      PLAIN_ACK((s32_t)sacks_info().in_flight);
      info = sacks_info();
      EXPECT(info.srtt_ms >= ROUND_TRIP / 2 && info.srtt_ms <= 2 * ROUND_TRIP && info.min_rtt_ms > 0 &&
             info.rto_ms <= 1000, "round trip of %u ms, shortest %u, RTO %u, for an echo of %u",
             (unsigned)info.srtt_ms, (unsigned)info.min_rtt_ms, (unsigned)info.rto_ms,
             (unsigned)sacks_echo);
      sacks_check(0x7fffffff);
      sacks_take();
    }
    sacks_finish();
  }
}

/* A peer whose clock jumps ahead, by as much as PAWS lets pass. */
static void timestamps_from_the_future(void)
{
  struct kind kind = { 0 };
  unsigned i;
  sacks_connect(&kind);
  for (i = 0; i < 6; i++) {
    sacks_ahead += i % 2 ? 0x7fff0000 : 0x40000000;
    lose_the_first();
    PLAIN_ACK((s32_t)sacks_info().in_flight);
    EXPECT(sacks_info().in_flight == 0, "its ACKs do not count any more");
    EXPECT(sacks_info().rto_ms <= 1000 && sacks_info().min_rtt_ms > 0, "RTO of %u ms",
           (unsigned)sacks_info().rto_ms);
    sacks_check(0x7fffffff);
  }
  sacks_fly(10);
  sacks_finish();
}

/* RFC 3522 3.2: an echo from before the retransmission undoes the reduction,
 * which a peer can make up; but once, and no more than that reduction. */
static void eifel_forged(void)
{
  struct kind kind = { 0 };
  EACH_ALGORITHM(kind) {
    u32_t most;
    unsigned i, round;
    sacks_connect(&kind);
    for (round = 0; round < 10; round++) {
      s32_t mss = (s32_t)sacks_mss();
      sacks_fly(10);
      most = sacks_info().cwnd + delivers(&kind, 5 * (u32_t)mss);
      SACKS(0, { mss, 6 * mss });
      sacks_take();
      sacks_lies_of_time = 1;
      for (i = 0; i < 10; i++) {
        sacks_echo = vnet.now - 100 - i;
        PLAIN_ACK(1);
        sacks_check(most + 1 + i);
      }
      EXPECT(sacks_info().spurious <= round + 1, "one reduction was undone %u times",
             (unsigned)sacks_info().spurious);
      sacks_lies_of_time = 0;
      PLAIN_ACK((s32_t)sacks_info().in_flight);
      sacks_check(most + 10 * (u32_t)mss);
      vnet_run(ROUND_TRIP);
      sacks_take();
    }
    sacks_finish();
  }
}

/* An echo of what was never sent, later than now, is from before nothing. */
static void eifel_forged_from_the_future(void)
{
  static const u32_t ahead[] = { 1, 1000, 32760, 32800, 40000, 65000, 100000, 0x7fff0000, 0x80010000 };
  struct kind kind = { 0 };
  unsigned i;
  for (i = 0; i < sizeof ahead / sizeof ahead[0]; i++) {
    sacks_connect(&kind);
    vnet_run(1000);
    lose_the_first();
    sacks_lies_of_time = 1;
    sacks_echo = vnet.now + ahead[i];
    PLAIN_ACK((s32_t)sacks_mss());
    EXPECT(sacks_info().spurious == 0 && sacks_info().in_recovery,
           "an echo of %u ms from now has undone a reduction", (unsigned)ahead[i]);
    sacks_finish();
  }
}

/* A driver hands packets in while it is asked to send. What that is an answer to, IP then has forgotten: there is no IP header of
 * it any more to look for a mark in. */
static struct app first, second;
static struct peer q, r;
static netif_output_fn plain_output;

static err_t output_that_inputs(struct netif *netif, struct pbuf *p, const ip4_addr_t *dst)
{
  err_t err = plain_output(netif, p, dst);
  netif->output = plain_output;
  peer_segment(&r, TCP_ACK, r.seq, r.ack, NULL, 0);
  return err;
}

static err_t recv_that_sends(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  if (first.recv_calls++ == 0) {
    return ERR_MEM;
  }
  if (p != NULL) {
    first.got += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
  }
  if (first.recv_calls == 2) {
    plain_output = vnet.netif.output;
    vnet.netif.output = output_that_inputs;
    EXPECT(tcp_write(second.pcb, "x", 1, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
    EXPECT(tcp_output(second.pcb) == ERR_OK && vnet.netif.output == plain_output, "tcp_output");
  }
  return ERR_OK;
}

static void input_within_output(void)
{
  struct app apps[2];
  memset(apps, 0, sizeof apps);
  app_listen(80, apps, 2);
  peer_init(&q, PEER_ADDR, 5000, 80);
  peer_open(&q);
  peer_init(&r, PEER_ADDR, 5001, 80);
  peer_open(&r);
  first = apps[0];
  second = apps[1];
  EXPECT(first.pcb != NULL && second.pcb != NULL, "connections");
  tcp_recv(first.pcb, recv_that_sends);
  peer_send(&q, TCP_ACK, "abc", 3);
  peer_send(&q, TCP_ACK, "defg", 4);
  EXPECT(first.recv_calls == 3 && first.got == 7, "%u calls, %u octets", first.recv_calls, (unsigned)first.got);
  expect_consistent();
}

#define CASE(name) { "recovery_" #name, name, 0 }
const struct attack_case cases_recovery[] = {
  CASE(sack_of_data_never_sent),
  CASE(sack_below_una_inverted_or_empty),
  CASE(sack_of_parts_of_segments),
  CASE(sack_blocks_in_any_order),
  CASE(sack_reneging),
  CASE(optimistic_ack_beyond_snd_nxt),
  CASE(optimistic_ack_ahead_of_delivery),
  CASE(ack_division_counts_octets),
  CASE(dupack_flood),
  CASE(dupack_flood_without_sack),
  CASE(dsack_lies),
  CASE(dsack_does_not_undo_a_mark),
  CASE(ecn_ece_without_end),
  CASE(ecn_other_lies),
  CASE(timestamps_never_sent),
  CASE(timestamps_from_the_future),
  CASE(eifel_forged),
  CASE(eifel_forged_from_the_future),
  CASE(input_within_output),
};
const unsigned cases_recovery_count = sizeof cases_recovery / sizeof cases_recovery[0];
#else
const struct attack_case cases_recovery[1];
const unsigned cases_recovery_count = 0;
#endif
