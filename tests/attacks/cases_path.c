/* Path MTU (LWIP_TCP_RUST_PMTU): black holes (RFC 4821), and ICMP
 * "fragmentation needed", true and forged (RFC 5927). */
#include <string.h>

#include "attacks.h"

#ifdef VNET_PATH_MTU

#include "lwip/raw.h"

#define FULL 1460
#define ROUTER 0x0a000063UL

static struct app app;
static struct peer p;
static struct tcp_pcb *pcb;

/* The way from the stack to the peer. */
static struct {
  u16_t mtu;           /* longer packets are dropped; 0: all are */
  int tells;           /* and complained of */
  unsigned dropped;
  u16_t longest;       /* packet that was sent, since this was last 0 */
  u32_t written, arrived;
} path;

/* What is wrong about an ICMP message. */
enum lie {
  NOTHING, SEQ_OLD, SEQ_NEW, PORT_LOCAL, PORT_REMOTE, ADDRESS, CHECKSUM, PROTOCOL,
  FRAGMENT, QUOTED_FITS, CUT_SHORT, LIES
};

static void put16(u8_t *at, u32_t v) { at[0] = (u8_t)(v >> 8); at[1] = (u8_t)v; }
static void put32(u8_t *at, u32_t v) { put16(at, v >> 16); put16(at + 2, v & 0xffff); }

static u16_t checksum(const u8_t *at, u16_t len)
{
  u32_t sum = 0;
  u16_t i;
  for (i = 0; i < len; i++) {
    sum += (u32_t)at[i] << ((i & 1) ? 0 : 8);
  }
  while (sum >> 16) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return (u16_t)~sum;
}

static void ip_header(u8_t *ip, u8_t protocol, u16_t len, u32_t src, u32_t dst)
{
  ip[0] = 0x45;
  put16(ip + 2, len);
  ip[8] = 64;
  ip[9] = protocol;
  put32(ip + 12, src);
  put32(ip + 16, dst);
  put16(ip + 10, checksum(ip, 20));
}

/* A router tells the stack that a packet of `len` octets with this number is
 * longer than `mtu`. */
static void complain(u32_t seq, u16_t len, u16_t mtu, enum lie lie)
{
  u8_t packet[20 + 8 + 20 + 8];
  u8_t *quoted = packet + 28;
  u16_t size = lie == CUT_SHORT ? 55 : 56;
  memset(packet, 0, sizeof packet);
  ip_header(quoted, lie == PROTOCOL ? 17 : 6, lie == QUOTED_FITS ? mtu : len, VNET_LOCAL,
            lie == ADDRESS ? PEER_ADDR + 1 : PEER_ADDR);
  if (lie == FRAGMENT) {
    put16(quoted + 6, 185);
  }
  put16(quoted + 20, lie == PORT_LOCAL ? p.stack_port + 1 : p.stack_port);
  put16(quoted + 22, lie == PORT_REMOTE ? p.port + 1 : p.port);
  put32(quoted + 24, lie == SEQ_OLD ? pcb->lastack - 1 : lie == SEQ_NEW ? pcb->snd_nxt : seq);
  packet[20] = 3;
  packet[21] = 4;
  put16(packet + 26, mtu);
  put16(packet + 22, checksum(packet + 20, (u16_t)(size - 20)));
  if (lie == CHECKSUM) {
    packet[23] ^= 1;
  }
  ip_header(packet, 1, size, ROUTER, VNET_LOCAL);
  vnet_inject(packet, size);
}

static void fill(u32_t octets)
{
  u8_t data[512];
  unsigned i;
  while (octets != 0 && app.pcb != NULL) {
    u16_t n = (u16_t)LWIP_MIN(LWIP_MIN(octets, sizeof data), tcp_sndbuf(pcb));
    for (i = 0; i < n; i++) {
      data[i] = (u8_t)((path.written + i) * 2654435761u >> 24);
    }
    if (n == 0 || tcp_write(pcb, data, n, TCP_WRITE_FLAG_COPY) != ERR_OK) {
      break;
    }
    path.written += n;
    octets -= n;
  }
  EXPECT(app.pcb != NULL && tcp_output(pcb) == ERR_OK, "tcp_output");
}

/* What was sent goes its way. */
static void carry(void)
{
  struct segment s;
  unsigned i;
  while (peer_receive(&p, &s)) {
    u16_t len = (u16_t)(40 + s.optlen + s.len);
    path.longest = LWIP_MAX(path.longest, len);
    if (len > path.mtu) {
      path.dropped++;
      if (path.tells) {
        complain(s.seq, len, path.mtu, NOTHING);
      }
      continue;
    }
    if (s.seq == p.ack) {
      for (i = 0; i < s.len; i++) {
        EXPECT(s.data[i] == (u8_t)((path.arrived + i) * 2654435761u >> 24), "octet %u is not as it was written",
               (unsigned)path.arrived + i);
      }
      path.arrived += s.len;
      p.ack += s.len;
    }
    if (s.len != 0) {
      peer_segment(&p, TCP_ACK, p.seq, p.ack, NULL, 0);
    }
  }
}

static void run(u32_t ms)
{
  u32_t end = vnet.now + ms;
  while ((s32_t)(end - vnet.now) > 0) {
    carry();
    vnet_run(50);
    EXPECT(app.pcb != NULL, "the connection was ended (err %d)", app.err);
  }
}

/* So many octets reach the peer, within so many seconds. */
static void transfer(u32_t octets, u32_t seconds)
{
  u32_t end = path.written + octets, late = vnet.now + seconds * 1000;
  while (path.arrived < end) {
    fill(end - path.written);
    run(50);
    EXPECT((s32_t)(late - vnet.now) > 0, "%u of %u octets after %u s, MSS %u", (unsigned)path.arrived,
           (unsigned)end, (unsigned)seconds, pcb->mss);
  }
}

static void start(void)
{
  peer_init(&p, PEER_ADDR, 5000, 80);
  peer_opts_syn(&p, FULL);
  pcb = establish(&app, &p);
  tcp_nagle_disable(pcb);
  EXPECT(pcb->mss == FULL, "MSS %u", pcb->mss);
  path.mtu = 1500;
}

static void black_hole(void)
{
  start();
  path.mtu = 1000;
  transfer(60000, 120);
  EXPECT(pcb->mss <= 960 && pcb->mss >= 536, "MSS %u", pcb->mss);
  expect_consistent();
}

/* It opens in the middle of a connection, and closes again. */
static void black_hole_that_comes_and_goes(void)
{
  start();
  transfer(30000, 30);
  EXPECT(pcb->mss == FULL && path.dropped == 0, "MSS %u", pcb->mss);
  path.mtu = 1000;
  transfer(30000, 300);
  EXPECT(pcb->mss <= 960, "MSS %u", pcb->mss);
  path.mtu = 1500;
  run(700000);
  transfer(60000, 60);
  EXPECT(pcb->mss == FULL, "the path takes all again, but the MSS is %u", pcb->mss);
  path.longest = 0;
  transfer(30000, 30);
  EXPECT(path.longest == 1500, "longest packet %u", path.longest);
}

/* The search goes on as far as the path does. */
static void search(void)
{
  start();
  path.mtu = 1280;
  while (vnet.now < 400000) {
    transfer(15000, 120);
    run(9000);
  }
  EXPECT(pcb->mss <= 1240 && pcb->mss >= 1240 - 100, "MSS %u", pcb->mss);
  path.dropped = 0;
  transfer(60000, 30);
  EXPECT(path.dropped <= 1, "%u packets were too long", path.dropped);
}

static void icmp_true(void)
{
  start();
  path.mtu = 1000;
  path.tells = 1;
  transfer(60000, 60);
  EXPECT(pcb->mss == 960, "MSS %u", pcb->mss);
  path.dropped = 0;
  transfer(60000, 30);
  EXPECT(path.dropped == 0, "%u packets were too long", path.dropped);
  path.mtu = 1500;
  run(700000);
  transfer(60000, 60);
  EXPECT(pcb->mss == FULL, "the path takes all again, but the MSS is %u", pcb->mss);
}

/* Right in all it quotes, but nothing is lost; as many as one likes. */
static void icmp_with_progress(void)
{
  u32_t i;
  start();
  for (i = 0; i < 50; i++) {
    fill(4 * FULL);
    complain(pcb->lastack, 1500, (u16_t)(576 + i), NOTHING);
    complain(pcb->snd_nxt - 1, 1500, (u16_t)(576 + i), NOTHING);
    run(100);
  }
  EXPECT(pcb->mss == FULL, "MSS %u", pcb->mss);
  EXPECT(path.arrived == path.written && path.longest == 1500, "longest packet %u", path.longest);
}

/* Right, and nothing gets through: not before a timeout, and then at once. */
static void icmp_without_progress(void)
{
  u32_t waited = 0;
  start();
  path.mtu = 0;
  fill(FULL);
  path.longest = 0;
  carry();
  complain(pcb->lastack, 1500, 1000, NOTHING);
  EXPECT(pcb->mss == FULL, "MSS %u before the timeout", pcb->mss);
  while (pcb->nrtx == 0) {
    EXPECT(pcb->mss == FULL, "MSS %u before the timeout", pcb->mss);
    vnet_run(50);
    waited += 50;
    EXPECT(waited < 10000, "no retransmission");
  }
  EXPECT(pcb->mss == 960, "MSS %u after the timeout", pcb->mss);
  path.longest = 0;
  carry();
  EXPECT(path.longest <= 1000 && path.longest > 0, "packet of %u", path.longest);
  path.mtu = 1000;
  transfer(5000, 60);
}

/* One that is not about what is in flight, or cannot be true, has no effect,
 * whether anything gets through or not. */
static void icmp_forged(void)
{
  int lie, i;
  static const u16_t mtus[] = { 0, 1, 68, 296, 575, 1500, 65535 };
  start();
  transfer(30000, 30);
  for (lie = NOTHING + 1; lie < LIES + (int)LWIP_ARRAYSIZE(mtus); lie++) {
    path.mtu = 0;
    fill(FULL);
    for (i = 0; i < 2; i++) {
      carry();
      if (lie < LIES) {
        complain(pcb->lastack, 1500, 1000, (enum lie)lie);
      } else {
        complain(pcb->lastack, 65535, mtus[lie - LIES], NOTHING);
      }
      while (pcb->nrtx == i) {
        vnet_run(50);
      }
    }
    EXPECT(pcb->mss == FULL, "lie %d: MSS %u", lie, pcb->mss);
    path.mtu = 1500;
    transfer(5000, 60);
  }
  EXPECT(pcb->mss == FULL, "MSS %u", pcb->mss);
}

/* No claim makes segments smaller than every path takes. */
static void icmp_flood_in_an_outage(void)
{
  u32_t i;
  start();
  transfer(30000, 30);
  path.mtu = 0;
  fill(4 * FULL);
  for (i = 0; i < 200; i++) {
    complain(pcb->lastack + i, 1500, (u16_t)(i * 7), NOTHING);
    run(50);
  }
  EXPECT(pcb->mss >= 536, "MSS %u", pcb->mss);
  path.mtu = 1500;
  transfer(5000, 120);
  run(700000);
  transfer(60000, 60);
  EXPECT(pcb->mss == FULL, "MSS %u", pcb->mss);
}

static unsigned seen;

static u8_t see(void *arg, struct raw_pcb *raw, struct pbuf *pbuf, const ip_addr_t *addr)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(raw);
  LWIP_UNUSED_ARG(addr);
  EXPECT(pbuf->tot_len == 56 && *(u8_t *)pbuf->payload == 0x45, "the packet is not as it was");
  seen++;
  return 0;
}

/* The core looks at ICMP, and takes none: other raw PCBs and lwIP's own ICMP
 * get it as it came. */
static void icmp_is_left_to_others(void)
{
  static u8_t echo[20 + 8];
  struct vnet_frame *f;
  struct raw_pcb *raw;
  start();
  /* the list is walked from its front: one in front of the core's */
  raw = raw_new(1);
  EXPECT(raw != NULL, "raw_new");
  raw_recv(raw, see, NULL);
  complain(pcb->lastack, 1500, 1000, NOTHING);
  EXPECT(seen == 1, "seen %u times", seen);
  raw_remove(raw);
  vnet_drop_captured();
  echo[20] = 8;
  put16(echo + 22, checksum(echo + 20, 8));
  ip_header(echo, 1, sizeof echo, PEER_ADDR, VNET_LOCAL);
  vnet_inject(echo, sizeof echo);
  f = vnet_take_captured();
  EXPECT(f != NULL && f->len == sizeof echo && f->data[20] == 0, "no answer to an echo request");
  transfer(5000, 30);
}

#define CASE(name) { "path_" #name, name, 0 }
const struct attack_case cases_path[] = {
  CASE(black_hole),
  CASE(black_hole_that_comes_and_goes),
  CASE(search),
  CASE(icmp_true),
  CASE(icmp_with_progress),
  CASE(icmp_without_progress),
  CASE(icmp_forged),
  CASE(icmp_flood_in_an_outage),
  CASE(icmp_is_left_to_others),
};
const unsigned cases_path_count = LWIP_ARRAYSIZE(cases_path);

#else

const struct attack_case cases_path[] = { { NULL, NULL, 0 } };
const unsigned cases_path_count = 0;

#endif
