/* A stack on a wire of its own, in virtual time.
 *
 * One netif, 10.0.0.1/24. What the stack sends to its own address comes back
 * after a latency (both ends of a transfer are then under test); what it sends
 * elsewhere is captured, for a peer made by hand. Nothing here allocates from
 * lwIP: a failed allocation can therefore only hit the code under test. */
#ifndef VNET_H
#define VNET_H

#include "lwip/opt.h"
#include "lwip/pbuf.h"
#include "lwip/netif.h"
#include "lwip/memp.h"
#include "lwip/tcp.h"

#define VNET_LOCAL 0x0a000001UL
#define VNET_MAX_FRAME 1500

struct vnet_frame {
  struct vnet_frame *next;
  u32_t due;
  u16_t len;
  u8_t data[VNET_MAX_FRAME];
};

enum vnet_fate { VNET_DELIVER, VNET_DROP, VNET_DELAY, VNET_DUPLICATE };
/* Decides over the n-th frame on the own wire. */
typedef enum vnet_fate (*vnet_filter_fn)(const u8_t *ip, u16_t len, u32_t nth);

struct vnet {
  struct netif netif;
  u32_t now;
  u32_t next_tmr;
  u32_t latency;
  u32_t nth;
  vnet_filter_fn filter;
  struct vnet_frame *wire;
  struct vnet_frame *captured;
  u32_t captured_count;
  u32_t rx_live;      /* received pbufs the stack has not yet given back */
  u16_t rx_split;     /* chain received packets of pbufs this long; 0: one */
  int rx_pool;        /* take received packets from PBUF_POOL instead */
  int tx_hold;        /* driver keeps a reference to what it sends this long */
  int capture_off;    /* do not keep what is sent elsewhere (floods) */
};
extern struct vnet vnet;

void vnet_init(void);
void vnet_seed(u32_t seed);
/* Lets what is due arrive and the timers run, until `ms` have passed. */
void vnet_run(u32_t ms);
/* One event (arrival or timer tick), whichever is first. */
void vnet_step(void);
/* Hands one IP packet to the stack. */
void vnet_inject(const void *ip_packet, u16_t len);
struct vnet_frame *vnet_take_captured(void);
void vnet_drop_captured(void);
void vnet_drop_wire(void);
void vnet_release_held(void);

/* --- failing allocations (inject.c) ------------------------------------ */
enum inject_mode { INJECT_ONE, INJECT_BURST, INJECT_OUTAGE, INJECT_EACH_OTHER };
#define INJECT_BURST_LEN 5
/* Fewer than TCP_SYNMAXRTX fail: every scenario can get through. */
#define INJECT_ALTERNATE_LEN 9
#define INJECT_OUTAGE_MS 3000
struct inject {
  int armed;
  enum inject_mode mode;
  u32_t nth;        /* first point to fail, from 1; 0: only count */
  u32_t count;      /* points passed so far */
  u32_t failed;     /* of them, failed */
  u32_t outage_end;
  char what[48];    /* the first one that failed */
};
extern struct inject inject;
void inject_arm(enum inject_mode mode, u32_t nth);
void inject_disarm(void);
int inject_fails(const char *what, unsigned sub);

/* --- invariants (check.c) ----------------------------------------------- */
/* NULL, or what is wrong. */
const char *check_all(void);
int check_pcb_on_list(const struct tcp_pcb *pcb);
unsigned check_count(void);

struct usage { u32_t pool[MEMP_MAX]; u32_t mem; u32_t rx; };
void usage_take(struct usage *u);
/* NULL, or which pool is not back to where it was. */
const char *usage_compare(const struct usage *before);

/* --- asserts and locking -------------------------------------------------- */
extern int vnet_assert_expected;   /* an assertion ends the process with VNET_EXIT_ASSERT */
#define VNET_EXIT_ASSERT 77
extern u32_t vnet_lock_checks;
extern int vnet_lock_held;
extern u32_t vnet_lock_violations;
extern char vnet_last_assert[160];

#endif
