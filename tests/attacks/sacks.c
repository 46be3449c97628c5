#include "sacks.h"

#ifdef HAS_RECOVERY
#include <string.h>

struct app victim;
struct peer liar;
u32_t sacks_ahead, sacks_echo;
int sacks_lies_of_time;

static u8_t data[60000];
static u32_t highest;   /* one past the last octet that ever came */
static u32_t written;
static struct tcp_pcb *listener;
static u16_t port = 5000;

static void put32(u8_t *at, u32_t v)
{
  at[0] = (u8_t)(v >> 24);
  at[1] = (u8_t)(v >> 16);
  at[2] = (u8_t)(v >> 8);
  at[3] = (u8_t)v;
}

struct lwip_tcp_rust_info sacks_info(void)
{
  struct lwip_tcp_rust_info info;
  EXPECT(victim.pcb != NULL, "the connection was ended (err %d)", victim.err);
  EXPECT(lwip_tcp_rust_info(victim.pcb, &info) == ERR_OK, "lwip_tcp_rust_info");
  return info;
}

u32_t sacks_mss(void) { return sacks_info().mss - 12; }

static void open_with(const struct kind *kind)
{
  u16_t mss = kind->mss != 0 ? kind->mss : 536;
  struct segment s;
  peer_opts_syn(&liar, mss);
  if (kind->no_sack) {
    memset(liar.opts + 4, 1, 4);
  }
  /* RFC 7323 2.2: a shift of 3, so that the peer's window is no limit */
  memcpy(liar.opts + 20, "\1\3\3\3", 4);
  liar.optlen = 24;
  liar.wnd = 0x7fff;
  peer_send(&liar, (u8_t)(TCP_SYN | (kind->ecn ? TCP_ECE | TCP_CWR : 0)), NULL, 0);
  liar.optlen = 0;
  EXPECT(peer_receive(&liar, &s) && (s.flags & TCP_SYN), "no SYN,ACK");
  liar.ack = s.seq + 1;
  EXPECT(!kind->ecn || (s.flags & (TCP_ECE | TCP_CWR)) == TCP_ECE, "ECN was not agreed on");
  vnet_run(ROUND_TRIP);
  peer_send(&liar, TCP_ACK, NULL, 0);
  EXPECT(victim.pcb != NULL, "not connected");
}

void sacks_connect(const struct kind *kind)
{
  if (listener == NULL) {
    listener = app_listen(80, &victim, 1);
  }
  if (victim.pcb != NULL) {
    tcp_abort(victim.pcb);
  }
  vnet_drop_captured();
  memset(&victim, 0, sizeof victim);
  app_accepted = 0;
  peer_init(&liar, PEER_ADDR, port++, 80);
  sacks_ahead = 0;
  sacks_lies_of_time = 0;
  open_with(kind);
  EXPECT(lwip_tcp_rust_set_congestion_control(victim.pcb, kind->algorithm) == ERR_OK,
         "no congestion control %u", kind->algorithm);
  tcp_nagle_disable(victim.pcb);
  highest = liar.ack;
  written = 0;
  sacks_fly(1);
  PLAIN_ACK((s32_t)sacks_mss());
  sacks_take();
}

static void write_some(u32_t octets)
{
  while (octets > 0) {
    u16_t part = (u16_t)LWIP_MIN(octets, sizeof data);
    EXPECT(tcp_write(victim.pcb, data, part, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
    octets -= part;
    written += part;
  }
}

void sacks_fill(void)
{
  write_some(tcp_sndbuf(victim.pcb));
  EXPECT(tcp_output(victim.pcb) == ERR_OK, "tcp_output");
}

void sacks_fly(unsigned segments)
{
  u32_t octets = segments * sacks_mss();
  tcpwnd_size_t cwnd = LWIP_MAX(victim.pcb->cwnd, octets + 4 * victim.pcb->mss);
  unsigned i;
  /* The pacing rate follows the window at an ACK. */
  victim.pcb->cwnd = TCP_SND_BUF;
  PLAIN_ACK(0);
  victim.pcb->cwnd = cwnd;
  write_some(octets);
  EXPECT(tcp_output(victim.pcb) == ERR_OK, "tcp_output");
  for (i = 0; i < 200 && sacks_info().in_flight < octets; i++) {
    vnet_run(5); /* it is paced */
  }
  vnet_run(ROUND_TRIP);
  sacks_take();
  EXPECT(sacks_info().in_flight >= octets, "%u octets in flight, not %u",
         (unsigned)sacks_info().in_flight, (unsigned)octets);
}

void sacks_send(u8_t flags, s32_t ack, const struct edge *edges, unsigned n)
{
  u32_t una = victim.pcb->lastack;
  u8_t *o = liar.opts;
  unsigned i;
  memcpy(o, "\1\1\10\12", 4);
  put32(o + 4, vnet.now + 1000 + sacks_ahead);
  put32(o + 8, sacks_lies_of_time ? sacks_echo : liar.ts_recent);
  liar.optlen = 12;
  if (n > 0) {
    memcpy(o + 12, "\1\1\5", 3);
    o[15] = (u8_t)(2 + 8 * n);
    for (i = 0; i < n; i++) {
      put32(o + 16 + 8 * i, una + (u32_t)edges[i].left);
      put32(o + 20 + 8 * i, una + (u32_t)edges[i].right);
    }
    liar.optlen = (u8_t)(16 + 8 * n);
  }
  peer_segment(&liar, flags, liar.seq, una + (u32_t)ack, NULL, 0);
  liar.optlen = 0;
  EXPECT(victim.pcb != NULL, "the connection was ended (err %d)", victim.err);
}

struct taken sacks_take(void)
{
  struct taken taken = { 0, 0, 0, 0 };
  struct segment s;
  while (peer_receive(&liar, &s)) {
    u32_t end = s.seq + s.len;
    EXPECT(!(s.flags & TCP_RST), "a reset");
    EXPECT(victim.pcb == NULL || s.len == 0 ||
           (s32_t)(end - victim.pcb->lastack) <= (s32_t)victim.pcb->snd_wnd_max,
           "octets beyond the peer's window");
    taken.octets += s.len;
    taken.cwr += (s.flags & TCP_CWR) != 0;
    taken.first |= victim.pcb != NULL && s.len > 0 && s.seq == victim.pcb->lastack;
    if ((s32_t)(end - highest) > 0) {
      taken.fresh += end - highest;
      highest = end;
    }
  }
  return taken;
}

void sacks_check(u32_t most)
{
  struct lwip_tcp_rust_info info = sacks_info();
  /* A segment counts until its last octet is acknowledged. */
  EXPECT(info.pipe + info.sacked + info.lost < info.in_flight + info.mss,
         "pipe %u, SACKed %u and lost %u are more than the %u octets that are outstanding",
         (unsigned)info.pipe, (unsigned)info.sacked, (unsigned)info.lost, (unsigned)info.in_flight);
  EXPECT(info.cwnd <= most, "cwnd %u above %u", (unsigned)info.cwnd, (unsigned)most);
  EXPECT(info.rto_ms >= 200, "RTO of %u ms", (unsigned)info.rto_ms);
  expect_consistent();
}

void sacks_finish(void)
{
  unsigned i;
  sacks_lies_of_time = 0;
  for (i = 0; i < 3000 && victim.sent < written; i++) {
    vnet_run(ROUND_TRIP);
    sacks_take();
    PLAIN_ACK((s32_t)(highest - victim.pcb->lastack));
  }
  EXPECT(victim.sent == written, "%u of %u octets got through", (unsigned)victim.sent, (unsigned)written);
  sacks_check(0x7fffffff);
}
#else
/* ISO C wants something here. */
typedef int no_recovery;
#endif
