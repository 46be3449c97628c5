/*
 * Measures TCP on the target: instructions per segment, and how much stack tcp_input, tcp_output and tcp_slowtmr take.
 *
 * One connection, with a peer that this program plays: it writes the peer's segments itself and reads the answers from a
 * netif of its own. Time stands still but for the timer calls it makes, so every run is the same, instruction by
 * instruction, under an emulator that counts them. Checksums are off: they are lwIP's own, the same for every TCP, and
 * would hide what is to be seen.
 */
#include "board.h"

#include "lwip/init.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"
#include "lwip/sys.h"

#include <string.h>

#define LOCAL_PORT 7
#define PEER_PORT 40000
#define OTHER_PORT 9
#define PEER_WINDOW 0xffff
#define WORD 4u
#define TCP_OPTIONS_MAX 40
/* lwIP names these only where its own options are on. */
#define TIMESTAMP_LENGTH 10
#define TIMESTAMP_PADDED 12
#define WINDOW_SCALE_LENGTH 3
#define SACK_PERMITTED_LENGTH 2

#define BATCH 8u
#define BATCHES 128u

/* The stack below the caller is filled with this; what differs afterwards was used. */
#define PAINT 0x5aa5c33cu
#define PAINT_WORDS 768u
/* The painting and reading functions' own frames are not painted. */
#define PAINT_GAP_WORDS 24u

enum measured { INPUT, OUTPUT, SLOW_TIMER, MEASURED };
static const char *const measured_name[MEASURED] = { "tcp_input", "tcp_output", "tcp_slowtmr" };
static u32_t deepest[MEASURED];
static const char *deepest_in[MEASURED];
static const char *scenario;

static struct netif interface;
static struct tcp_pcb *accepted;
static u32_t peer_seqno = 1000, peer_ackno;
static u32_t sent_segments, received_bytes;
static u8_t last_flags;
static u8_t data[TCP_MSS];
static u32_t peer_clock = 1, newest_timestamp;

u32_t sys_now(void)
{
  return 0;
}

/* --- the peer ------------------------------------------------------------------------------------------------- */

/* The TSval of a received segment's options, for the peer to echo. */
static void note_timestamp(const u8_t *options, u16_t length)
{
  for (u16_t at = 0; at + 1 < length && options[at] != LWIP_TCP_OPT_EOL;) {
    if (options[at] == LWIP_TCP_OPT_NOP) {
      at++;
    } else if (options[at] == LWIP_TCP_OPT_TS) {
      memcpy(&newest_timestamp, &options[at + 2], sizeof newest_timestamp);
      return;
    } else {
      at = (u16_t)(at + LWIP_MAX(options[at + 1], 2));
    }
  }
}

static err_t peer_receives(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
  struct tcp_hdr header;
  u8_t options[TCP_OPTIONS_MAX];
  LWIP_UNUSED_ARG(netif);
  LWIP_UNUSED_ARG(to);
  pbuf_copy_partial(p, &header, sizeof header, IP_HLEN);
  u16_t length = (u16_t)(p->tot_len - IP_HLEN - TCPH_HDRLEN_BYTES(&header));
  u32_t end = lwip_ntohl(header.seqno) + length + ((TCPH_FLAGS(&header) & (TCP_SYN | TCP_FIN)) != 0);
  /* A reset belongs to the stray segments, not to the connection. */
  if ((TCPH_FLAGS(&header) & TCP_SYN) != 0 ||
      ((TCPH_FLAGS(&header) & TCP_RST) == 0 && TCP_SEQ_GT(end, peer_ackno))) {
    peer_ackno = end;
  }
  u16_t options_length = (u16_t)(TCPH_HDRLEN_BYTES(&header) - TCP_HLEN);
  note_timestamp(options, pbuf_copy_partial(p, options, options_length, IP_HLEN + TCP_HLEN));
  last_flags = TCPH_FLAGS(&header);
  sent_segments++;
  return ERR_OK;
}

static u16_t put_timestamp(u8_t *to)
{
  u32_t now = lwip_htonl(peer_clock++);
  to[0] = to[1] = LWIP_TCP_OPT_NOP;
  to[2] = LWIP_TCP_OPT_TS;
  to[3] = TIMESTAMP_LENGTH;
  memcpy(&to[4], &now, sizeof now);
  memcpy(&to[8], &newest_timestamp, sizeof newest_timestamp);
  return TIMESTAMP_PADDED;
}

/* A peer that offers what a present-day one does; on a firmware without the full options only the MSS counts. */
static u16_t put_options(u8_t *to, u8_t flags)
{
  static const u8_t offered[] = {
    LWIP_TCP_OPT_MSS, LWIP_TCP_OPT_LEN_MSS, TCP_MSS >> 8, TCP_MSS & 0xff,
    LWIP_TCP_OPT_NOP, LWIP_TCP_OPT_WS, WINDOW_SCALE_LENGTH, 0,
    LWIP_TCP_OPT_NOP, LWIP_TCP_OPT_NOP, LWIP_TCP_OPT_SACK_PERM, SACK_PERMITTED_LENGTH
  };
  if ((flags & TCP_SYN) != 0) {
    memcpy(to, offered, sizeof offered);
    return (u16_t)(sizeof offered + put_timestamp(to + sizeof offered));
  }
  return FIRMWARE_FULL ? put_timestamp(to) : 0;
}

static struct pbuf *segment(u16_t port, u8_t flags, u32_t seqno, u32_t ackno, u16_t length, u16_t window)
{
  u8_t options[TCP_OPTIONS_MAX];
  u16_t options_length = put_options(options, flags);
  struct pbuf *p = pbuf_alloc(PBUF_IP, (u16_t)(sizeof(struct tcp_hdr) + options_length + length), PBUF_POOL);
  if (p == NULL || p->len < sizeof(struct tcp_hdr) + options_length) {
    firmware_assert_failed("no pbuf for a segment", __FILE__, __LINE__);
  }
  struct tcp_hdr *header = (struct tcp_hdr *)p->payload;
  memset(header, 0, sizeof *header);
  header->src = lwip_htons(PEER_PORT);
  header->dest = lwip_htons(port);
  header->seqno = lwip_htonl(seqno);
  header->ackno = lwip_htonl(ackno);
  header->wnd = lwip_htons(window);
  TCPH_HDRLEN_FLAGS_SET(header, (sizeof *header + options_length) / WORD, flags);
  memcpy(header + 1, options, options_length);
  return p;
}

/* What ip4_input leaves behind for tcp_input. */
static void as_ip_input_would(void)
{
  static struct ip_hdr ip_header;
  ip_addr_copy_from_ip4(ip_data.current_iphdr_src, *netif_ip4_gw(&interface));
  ip_addr_copy_from_ip4(ip_data.current_iphdr_dest, *netif_ip4_addr(&interface));
  IPH_VHL_SET(&ip_header, 4, IP_HLEN / WORD);
  ip_data.current_netif = &interface;
  ip_data.current_input_netif = &interface;
  ip_data.current_ip4_header = &ip_header;
  ip_data.current_ip_header_tot_len = IP_HLEN;
}

/* --- stack ---------------------------------------------------------------------------------------------------- */

static void *volatile argument;

static void call_input(void)
{
  tcp_input((struct pbuf *)argument, &interface);
}

static void call_output(void)
{
  tcp_output((struct tcp_pcb *)argument);
}

static void call_slow_timer(void)
{
  tcp_slowtmr();
}

/* Not inlined, so that the three have the same distance to the stack of what they call. */
__attribute__((noinline)) static void paint(u32_t *top)
{
  for (volatile u32_t *at = top - PAINT_WORDS; at < top - PAINT_GAP_WORDS; at++) {
    *at = PAINT;
  }
}

__attribute__((noinline)) static u32_t depth(const u32_t *top)
{
  const volatile u32_t *at = top - PAINT_WORDS;
  while (at < top && *at == PAINT) {
    at++;
  }
  return (u32_t)(top - (const u32_t *)at) * WORD;
}

__attribute__((noinline)) static void with_stack_measured(enum measured what, void (*call)(void), void *with)
{
  u32_t *top = (u32_t *)__builtin_frame_address(0) - PAINT_GAP_WORDS / 2;
  argument = with;
  /* An interrupt would leave its frame on the same stack. */
  sys_prot_t before = sys_arch_protect();
  paint(top);
  call();
  u32_t used = depth(top);
  sys_arch_unprotect(before);
  if (used > deepest[what]) {
    deepest[what] = used;
    deepest_in[what] = scenario;
  }
}

static void input(struct pbuf *p)
{
  as_ip_input_would();
  with_stack_measured(INPUT, call_input, p);
}

static void output(struct tcp_pcb *pcb)
{
  with_stack_measured(OUTPUT, call_output, pcb);
}

static void slow_timer(unsigned times)
{
  while (times-- != 0) {
    with_stack_measured(SLOW_TIMER, call_slow_timer, NULL);
  }
}

/* --- the application ------------------------------------------------------------------------------------------ */

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  if (p != NULL) {
    received_bytes += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
  }
  return ERR_OK;
}

static void on_error(void *arg, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  accepted = NULL;
}

static err_t on_accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  accepted = pcb;
  tcp_recv(pcb, on_received);
  tcp_err(pcb, on_error);
  return ERR_OK;
}

static void expect(int condition, const char *what)
{
  if (!condition) {
    console_printf("FAILED: %s (in: %s)\n", what, scenario);
    board_exit(1);
  }
}

static void open_connection(void)
{
  scenario = "SYN on a listening port";
  input(segment(LOCAL_PORT, TCP_SYN, peer_seqno, 0, 0, PEER_WINDOW));
  expect(last_flags == (TCP_SYN | TCP_ACK), "SYN answered");
  peer_seqno++;
  scenario = "handshake done";
  input(segment(LOCAL_PORT, TCP_ACK, peer_seqno, peer_ackno, 0, PEER_WINDOW));
  expect(accepted != NULL, "connection accepted");
}

static struct pbuf *next_data(void)
{
  struct pbuf *p = segment(LOCAL_PORT, TCP_ACK | TCP_PSH, peer_seqno, peer_ackno, TCP_MSS, PEER_WINDOW);
  peer_seqno += TCP_MSS;
  return p;
}

static struct pbuf *ack_all(void)
{
  return segment(LOCAL_PORT, TCP_ACK, peer_seqno, peer_ackno, 0, PEER_WINDOW);
}

static void write_data(void)
{
  expect(tcp_write(accepted, data, tcp_mss(accepted), 0) == ERR_OK, "tcp_write");
}

/* --- instructions --------------------------------------------------------------------------------------------- */

/*
 * Rounds of equal work, timed one by one. A round that is far from the others was not the same work, or the clock was wrong: then
 * the average would say nothing, and the program fails instead.
 */
struct timing {
  u32_t ticks, least, most;
};

static void add_round(struct timing *timing, u32_t ticks)
{
  timing->ticks += ticks;
  timing->least = timing->least == 0 ? ticks : LWIP_MIN(timing->least, ticks);
  timing->most = LWIP_MAX(timing->most, ticks);
}

static void report(const struct timing *timing, const char *what)
{
  const u32_t segments = BATCHES * BATCH;
  console_printf("rounds %s %u to %u ticks\n", what, (unsigned)timing->least, (unsigned)timing->most);
  expect(timing->least > 0 && timing->most <= timing->least + timing->least / 4, "rounds alike");
  console_printf("instructions %s %u\n", what,
                 (unsigned)(((uint64_t)timing->ticks * board_instructions_per_tick + segments / 2) / segments));
}

__attribute__((noinline)) static void measure_receiving(void)
{
  struct pbuf *batch[BATCH];
  struct timing timing = { 0 };
  scenario = "receiving in order";
  sent_segments = 0;
  for (u32_t round = 0; round < BATCHES; round++) {
    for (u32_t i = 0; i < BATCH; i++) {
      batch[i] = next_data();
    }
    received_bytes = 0;
    as_ip_input_would();
    u32_t before = board_ticks();
    for (u32_t i = 0; i < BATCH; i++) {
      tcp_input(batch[i], &interface);
    }
    add_round(&timing, board_ticks() - before);
    expect(received_bytes == BATCH * TCP_MSS, "all data received");
  }
  expect(sent_segments == BATCHES * BATCH / 2, "every other segment acknowledged");
  report(&timing, "received-segment");
}

static void open_the_congestion_window(void)
{
  for (u32_t round = 0; round < BATCH * BATCH; round++) {
    write_data();
    tcp_output(accepted);
    as_ip_input_would();
    tcp_input(ack_all(), &interface);
  }
}

/* Two segments and their acknowledgement, which a peer delays that long. */
static u32_t send_two(void)
{
  u32_t before = board_ticks();
  write_data();
  write_data();
  tcp_output(accepted);
  u32_t ticks = board_ticks() - before;
  struct pbuf *ack = ack_all();
  as_ip_input_would();
  before = board_ticks();
  tcp_input(ack, &interface);
  return ticks + (board_ticks() - before);
}

__attribute__((noinline)) static void measure_sending(void)
{
  struct timing timing = { 0 };
  scenario = "sending";
  open_the_congestion_window();
  for (u32_t round = 0; round < BATCHES; round++) {
    u32_t ticks = 0, start = peer_ackno;
    sent_segments = 0;
    for (u32_t i = 0; i < BATCH / 2; i++) {
      ticks += send_two();
    }
    add_round(&timing, ticks);
    expect(sent_segments == BATCH, "all data sent");
    expect(peer_ackno - start == BATCH * tcp_mss(accepted), "all data arrived");
  }
  report(&timing, "sent-segment");
}

/* --- scenarios that go deep ------------------------------------------------------------------------------------ */

static void out_of_order(void)
{
  scenario = "out of order, then the hole filled";
  u32_t hole = peer_seqno;
  for (unsigned i = 1; i <= 3; i++) {
    input(segment(LOCAL_PORT, TCP_ACK, hole + i * TCP_MSS, peer_ackno, TCP_MSS, PEER_WINDOW));
  }
  /* Overlaps what is queued, on both sides. */
  input(segment(LOCAL_PORT, TCP_ACK, hole + TCP_MSS / 2, peer_ackno, TCP_MSS, PEER_WINDOW));
  input(segment(LOCAL_PORT, TCP_ACK, hole, peer_ackno, TCP_MSS, PEER_WINDOW));
  peer_seqno += 4 * TCP_MSS;
}

static void loss_and_recovery(void)
{
  scenario = "three duplicate ACKs";
  u32_t lost = peer_ackno;
  for (unsigned i = 0; i < 5; i++) {
    write_data();
    output(accepted);
  }
  for (unsigned i = 0; i < 4; i++) {
    input(segment(LOCAL_PORT, TCP_ACK, peer_seqno, lost, 0, PEER_WINDOW));
  }
  input(segment(LOCAL_PORT, TCP_ACK, peer_seqno, lost + TCP_MSS, 0, PEER_WINDOW));
  input(ack_all());
  scenario = "retransmission time-out";
  for (unsigned i = 0; i < 3; i++) {
    write_data();
    output(accepted);
  }
  slow_timer(12);
  input(ack_all());
}

static void shut_window(void)
{
  scenario = "zero window and probes";
  input(segment(LOCAL_PORT, TCP_ACK, peer_seqno, peer_ackno, 0, 0));
  write_data();
  output(accepted);
  slow_timer(24);
  input(ack_all());
  output(accepted);
  scenario = "window smaller than a segment";
  input(segment(LOCAL_PORT, TCP_ACK, peer_seqno, peer_ackno, 0, TCP_MSS / 2));
  write_data();
  output(accepted);
  slow_timer(24);
  input(ack_all());
  output(accepted);
  input(ack_all());
}

static void keep_alive(void)
{
  scenario = "keep-alive";
  ip_set_option(accepted, SOF_KEEPALIVE);
  accepted->keep_idle = TCP_SLOW_INTERVAL * 2;
  slow_timer(8);
  input(ack_all());
  ip_reset_option(accepted, SOF_KEEPALIVE);
}

static void strays(void)
{
  scenario = "segment for a closed port";
  input(segment(OTHER_PORT, TCP_ACK, 1, 1, 0, PEER_WINDOW));
  expect((last_flags & TCP_RST) != 0, "RST for a closed port");
  scenario = "SYN on an open connection";
  input(segment(LOCAL_PORT, TCP_SYN, peer_seqno, 0, 0, PEER_WINDOW));
}

static void close_connections(void)
{
  scenario = "close by both";
  struct tcp_pcb *pcb = accepted;
  tcp_err(pcb, NULL);
  expect(tcp_close(pcb) == ERR_OK, "tcp_close");
  input(segment(LOCAL_PORT, TCP_ACK, peer_seqno, peer_ackno, 0, PEER_WINDOW));
  input(segment(LOCAL_PORT, TCP_FIN | TCP_ACK, peer_seqno, peer_ackno, 0, PEER_WINDOW));
  peer_seqno++;
  slow_timer(2 * TCP_MSL / TCP_SLOW_INTERVAL + 4);
  expect(tcp_tw_pcbs == NULL, "TIME-WAIT over");
  peer_seqno += 100000;
  open_connection();
  scenario = "reset by the peer";
  input(segment(LOCAL_PORT, TCP_RST, peer_seqno, 0, 0, PEER_WINDOW));
  expect(accepted == NULL, "connection reset");
  peer_seqno += 100000;
  open_connection();
  scenario = "retransmitted until given up";
  write_data();
  output(accepted);
  slow_timer(10000);
  expect(accepted == NULL, "connection given up");
}

static err_t set_up(struct netif *netif)
{
  netif->output = peer_receives;
  netif->mtu = 1500;
  netif_set_link_up(netif);
  return ERR_OK;
}

int main(void)
{
  ip4_addr_t address, mask, gateway;
  board_init();
  lwip_init();
  IP4_ADDR(&address, 10, 0, 0, 1);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gateway, 10, 0, 0, 2);
  netif_add(&interface, &address, &mask, &gateway, NULL, set_up, ip_input);
  netif_set_default(&interface);
  netif_set_up(&interface);
  struct tcp_pcb *pcb = tcp_new();
  expect(tcp_bind(pcb, IP_ADDR_ANY, LOCAL_PORT) == ERR_OK, "tcp_bind");
  tcp_accept(tcp_listen(pcb), on_accepted);

  open_connection();
  measure_receiving();
  measure_sending();
  for (unsigned i = 0; i < 4; i++) {
    scenario = "data in order";
    input(next_data());
  }
  out_of_order();
  loss_and_recovery();
  shut_window();
  keep_alive();
  strays();
  close_connections();
  for (unsigned i = 0; i < MEASURED; i++) {
    console_printf("stack %s %u (%s)\n", measured_name[i], (unsigned)deepest[i], deepest_in[i]);
  }
  console_printf("sizeof tcp_pcb %u tcp_seg %u\n", (unsigned)sizeof(struct tcp_pcb), (unsigned)sizeof(struct tcp_seg));
  console_printf("done\n");
  return 0;
}
