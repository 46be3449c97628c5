/* Cases that each make one attack or one complaint, with a peer whose segments
 * are made by hand. Each case runs in a process of its own. */
#ifndef ATTACKS_H
#define ATTACKS_H

#include "vnet.h"
#include "lwip/prot/tcp.h"

struct attack_case {
  const char *name;
  void (*run)(void);
  /* Misuse by the application, where C has an LWIP_ASSERT: in builds with
   * assertions, stopping there is right. */
  int may_assert;
};
/* Of may_assert: with assertions this core has to stop there, so that the mistake is found. */
#define CASE_IS_TOLD 2

extern const struct attack_case cases_blind[], cases_input[], cases_resource[],
  cases_complaints[], cases_reentry[], cases_timing[], cases_misuse[], cases_recovery[], cases_walks[],
  cases_path[];
extern const unsigned cases_blind_count, cases_input_count, cases_resource_count,
  cases_complaints_count, cases_reentry_count, cases_timing_count, cases_misuse_count, cases_recovery_count, cases_walks_count,
  cases_path_count;

const char *known_c_attack(const char *name);

/* Ends the case. */
void attack_fail(const char *format, ...);
#define EXPECT(cond, ...) \
  do { \
    if (!(cond)) { \
      attack_fail(__VA_ARGS__); \
    } \
  } while (0)
void expect_consistent(void);
/* How many instructions a call takes here and now; nothing of it remains. */
unsigned long instructions_of(void (*call)(void));

/* When what was not acknowledged is sent again at the earliest: RFC 6298 (2.4);
 * a loss probe not before the peer's delayed ACK (RFC 8985 7.2). */
#if LWIP_TCP_RUST_RACK
#define FIRST_REPETITION_MS 40
#else
#define FIRST_REPETITION_MS 1000
#endif

/* --- the application ------------------------------------------------------- */
struct app {
  struct tcp_pcb *pcb;
  u32_t got;           /* octets received */
  u8_t data[8192];     /* the first of them */
  u32_t sent;          /* octets acknowledged */
  unsigned recv_calls, sent_calls, poll_calls, connected_calls, fin;
  err_t err;           /* what the err callback said */
  unsigned err_calls;
  int keep_window;     /* do not call tcp_recved */
};
void app_attach(struct app *app, struct tcp_pcb *pcb);
/* Listens; each accepted PCB goes to the next of apps[]. */
struct tcp_pcb *app_listen(u16_t port, struct app *apps, unsigned n);
extern unsigned app_accepted;

/* --- the peer ------------------------------------------------------------- */
struct peer {
  u32_t addr;
  u16_t port, stack_port;
  u32_t seq;      /* next octet the peer sends */
  u32_t ack;      /* next octet it expects */
  u16_t wnd;
  u16_t urg;
  u8_t opts[40];
  u8_t optlen;
  /* with timestamps on, the stack wants one on each segment */
  u32_t ts_recent;
  int ts;
};

struct segment {
  u8_t flags;
  u32_t seq, ack;
  u16_t wnd, len;
  u16_t src_port, dst_port;
  u32_t dst_addr;
  u8_t optlen;
  u8_t opts[40];
  u8_t data[1500];
};

#define PEER_ADDR 0x0a000002UL

void peer_init(struct peer *p, u32_t addr, u16_t port, u16_t stack_port);
/* One that sends no SACKs, and does not say that it would; to establish(). */
void peer_init_without_sack(struct peer *p);
/* Builds an IPv4 packet with one segment; gives its length. */
u16_t peer_build(const struct peer *p, u8_t *out, u8_t flags, u32_t seq, u32_t ack,
                 const void *data, u16_t len);
void peer_fix_checksum(u8_t *ip, u16_t len);
void peer_segment(const struct peer *p, u8_t flags, u32_t seq, u32_t ack, const void *data,
                  u16_t len);
/* In order, as a well-behaved peer: moves p->seq on. */
void peer_send(struct peer *p, u8_t flags, const void *data, u16_t len);
/* The next segment that the stack sent to this peer; 0 when there is none. */
int peer_receive(struct peer *p, struct segment *s);
/* Takes all that came, counts it as received in order. */
unsigned peer_collect(struct peer *p, u32_t *octets);
/* Handshake made by the peer; by the stack. They fail the case when it fails. */
void peer_open(struct peer *p);
void peer_opts_syn(struct peer *p, u16_t mss);
struct tcp_pcb *app_connect(struct app *app, struct peer *p);
/* One listener on 80, one peer, connected. */
struct tcp_pcb *establish(struct app *app, struct peer *p);
/* The connection still carries data both ways. */
void expect_alive(struct app *app, struct peer *p);
/* Answers with what a correct stack would: one ACK of all. */
void peer_ack(struct peer *p);

#endif
