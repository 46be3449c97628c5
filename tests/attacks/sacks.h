/* A connection of the core with its recovery options on, whose peer takes data,
 * measures what comes, and sends any ACK that a case wants. */
#ifndef SACKS_H
#define SACKS_H

#include "attacks.h"

#if defined(TEST_RUST) && LWIP_TCP_RUST_SACK
#define HAS_RECOVERY 1
#include "lwip_tcp_rust.h"

#define ROUND_TRIP 40

extern struct app victim;
extern struct peer liar;

/* What kind of connection: zero is NewReno, MSS 536 (524 octets of data beside
 * the timestamps), with SACK, without ECN. */
struct kind {
  u8_t algorithm;
  u16_t mss;
  int no_sack, ecn;
};

/* Left and right edge, in octets from SND.UNA. */
struct edge { s32_t left, right; };

/* Connects, and measures a round trip. Any connection before is aborted. */
void sacks_connect(const struct kind *kind);
/* So many full segments are in flight, all of them captured and counted. */
void sacks_fly(unsigned segments);
/* The application writes as much as there is room for. */
void sacks_fill(void);
struct lwip_tcp_rust_info sacks_info(void);
/* Octets of data in a full segment. */
u32_t sacks_mss(void);

/* An ACK of SND.UNA + `ack`, with blocks. */
void sacks_send(u8_t flags, s32_t ack, const struct edge *edges, unsigned n);
#define SACKS(ack, ...) \
  do { \
    const struct edge edges_[] = { __VA_ARGS__ }; \
    sacks_send(TCP_ACK, ack, edges_, sizeof edges_ / sizeof edges_[0]); \
  } while (0)
#define PLAIN_ACK(ack) sacks_send(TCP_ACK, ack, NULL, 0)
/* What timestamps such an ACK has: the peer's clock runs ahead by this much, */
extern u32_t sacks_ahead;
/* and it echoes this, if it lies. */
extern u32_t sacks_echo;
extern int sacks_lies_of_time;

/* Takes what was sent: octets of data, those of them for the first time. Fails
 * the case if anything lies beyond the peer's window. */
struct taken { u32_t octets, fresh; int cwr, first; };
struct taken sacks_take(void);

/* Whatever the peer said: what is in flight is counted once, and is no more
 * than was sent; cwnd is at most `most`; the queues are whole. */
void sacks_check(u32_t most);
/* The peer is honest from here on: everything written gets through. */
void sacks_finish(void);
#endif
#endif
