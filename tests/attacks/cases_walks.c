/* What an ACK may cost: with four times the segments in flight not more. The
 * walks end after 256 segments, where the next ACK goes on
 * (src/components/rod/scoreboard.rs). A sanitizer's own instructions would hide
 * that. */
#include "sacks.h"

#if defined(HAS_RECOVERY) && !defined(__SANITIZE_ADDRESS__)
/* Small segments, and more of them than any walk visits. */
#define SMALL_MSS 64
#define FEW 300
#define MANY 1200

static struct edge edges[3];
static s32_t mss;

static void send_blocks(void) { sacks_send(TCP_ACK, 0, edges, 3); }

/* Segments from `a` to `b`. */
static struct edge block(s32_t a, s32_t b)
{
  struct edge edge = { a * mss, b * mss };
  return edge;
}

static void fly(unsigned segments)
{
  struct kind kind = { 0 };
  kind.mss = SMALL_MSS;
  sacks_connect(&kind);
  mss = (s32_t)sacks_mss();
  sacks_fly(segments);
}

/* Instructions for the last of some ACKs that `next` makes up in turn, with so
 * much in flight. */
static unsigned long cost(unsigned segments, void (*next)(unsigned round, s32_t segments), unsigned rounds)
{
  unsigned long steps;
  unsigned round;
  fly(segments);
  for (round = 1; round < rounds; round++) {
    next(round, (s32_t)segments);
    send_blocks();
    vnet_drop_captured();
  }
  next(rounds, (s32_t)segments);
  steps = instructions_of(send_blocks);
  send_blocks();
  sacks_check(0x7fffffff);
  return steps;
}

static void expect_flat(void (*next)(unsigned round, s32_t segments), unsigned rounds)
{
  unsigned long few = cost(FEW, next, rounds), many = cost(MANY, next, rounds);
  EXPECT(many <= few + few / 4, "%lu instructions with %u segments in flight, %lu with %u", few, FEW, many, MANY);
}

/* Each differs, so that none is known; all below the highest. */
static void different(unsigned round, s32_t n)
{
  edges[0] = block(n - 3, n - 1);
  edges[1] = block(n - 100 - (s32_t)round, n - 99 - (s32_t)round);
  edges[2] = block(n - 200 - (s32_t)round * 2, n - 198 - (s32_t)round);
}

static void sack_flood_of_different_blocks(void) { expect_flat(different, 1); }

/* The same once the walks have come to what is SACKed, and beyond. The dearest
 * of these ACKs is that by which the second 256 segments are taken for lost: it
 * is the third with 700 in flight, and the fifth with many. */
static void sack_flood_that_goes_on(void)
{
  unsigned long few = cost(700, different, 3), many = cost(MANY, different, 5);
  EXPECT(many <= few + few / 4, "%lu instructions with 700 segments in flight, %lu with %u", few, many, MANY);
}

/* What is no attack: blocks far beyond the first 256 are taken all the same,
 * within as many ACKs as it takes to come there. */
static void sacks_beyond_what_one_walk_visits(void)
{
  unsigned i;
  fly(MANY);
  edges[0] = block(1000, 1003);
  edges[1] = block(700, 701);
  edges[2] = block(300, 310);
  for (i = 0; i < 2 + MANY / 256; i++) {
    send_blocks();
  }
  EXPECT(sacks_info().sacked == 14 * (u32_t)mss, "%u octets are SACKed, not those of 14 segments",
         (unsigned)sacks_info().sacked);
  sacks_check(0x7fffffff);
}

/* From the highest down: each segment becomes a run of its own. */
static void downwards(unsigned round, s32_t n)
{
  s32_t at = n - 2 - 6 * (s32_t)round;
  edges[0] = block(at, at + 1);
  edges[1] = block(at - 2, at - 1);
  edges[2] = block(at - 4, at - 3);
}

static void sack_flood_from_the_end(void) { expect_flat(downwards, 3); }

/* Everything but the first is SACKed, and taken back in pieces after a
 * timeout: what is lost has to find its place among what is in flight. */
static void taken_back(unsigned round, s32_t n)
{
  s32_t at = 10 * (s32_t)round;
  edges[0] = block(n - 2, n - 1);
  edges[1] = block(1 + at, 3 + at);
  edges[2] = block(5 + at, 7 + at);
}

static void sack_flood_of_what_is_taken_for_lost(void) { expect_flat(taken_back, 3); }

#define CASE(name) { "walks_" #name, name, 0 }
const struct attack_case cases_walks[] = {
  CASE(sack_flood_of_different_blocks),
  CASE(sack_flood_that_goes_on),
  CASE(sacks_beyond_what_one_walk_visits),
  CASE(sack_flood_from_the_end),
  CASE(sack_flood_of_what_is_taken_for_lost),
};
const unsigned cases_walks_count = sizeof cases_walks / sizeof cases_walks[0];
#else
const struct attack_case cases_walks[1];
const unsigned cases_walks_count = 0;
#endif
