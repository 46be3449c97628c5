/* The transfer test of one configuration: see README.md of this folder for what it does in which. */
#include "configs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/memp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/sys.h"

#define SMALL_BYTES (64u * 1024u)
/* TIME-WAIT (120 s), LAST-ACK and FIN-WAIT-2 are over in this time, and so is the last retransmission. */
#define SETTLE_LIMIT_MS (600u * 1000u)

static uint8_t stream_data[2][CONFIGS_BULK_BYTES];
const uint8_t *const stream[2] = {stream_data[0], stream_data[1]};
uint32_t configs_diag_lines;

static uint32_t xorshift(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

uint32_t rnd(uint32_t below) {
  static uint32_t state = 0x2545f491;
  const uint32_t value = xorshift(&state);
  return below != 0 ? value % below : value;
}

uint64_t checksum(uint64_t sum, const uint8_t *data, size_t len) {
  for (size_t i = 0; i < len; i++) {
    sum = (sum ^ data[i]) * UINT64_C(0x100000001b3);
  }
  return sum;
}

void fail(const char *format, ...) {
  va_list args;
  fprintf(stderr, "FAIL %s: ", CONFIGS_NAME);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  exit(1);
}

void say(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  putchar('\n');
  fflush(stdout);
}

void configs_diag(const char *format, ...) {
  static char line[512];
  va_list args;
  va_start(args, format);
  configs_diag_lines += vsnprintf(line, sizeof line, format, args) > 0;
  va_end(args);
}

#if LWIP_TCP

struct memory {
#if MEM_STATS
  mem_size_t heap;
#endif
  mem_size_t pools[MEMP_MAX];
};

static struct memory memory_before;

static struct memory memory_now(void) {
  struct memory memory = {0};
#if MEM_STATS
  memory.heap = lwip_stats.mem.used;
#endif
#if MEMP_STATS
  for (int i = 0; i < MEMP_MAX; i++) {
    memory.pools[i] = lwip_stats.memp[i]->used;
  }
#endif
  return memory;
}

static bool no_pcbs(void) {
  return tcp_active_pcbs == NULL && tcp_tw_pcbs == NULL && tcp_listen_pcbs.pcbs == NULL && tcp_bound_pcbs == NULL;
}

static bool settled(void *arg) {
  (void)arg;
  const struct memory memory = memory_now();
  return no_pcbs() && wire_next_due() == UINT32_MAX && memcmp(&memory, &memory_before, sizeof memory) == 0;
}

static void explain_and_fail(const char *after) {
  const struct memory memory = memory_now();
#if MEM_STATS
  say("heap: %u, was %u", (unsigned)memory.heap, (unsigned)memory_before.heap);
#endif
  for (int i = 0; i < MEMP_MAX; i++) {
    if (memory.pools[i] != memory_before.pools[i]) {
      say("pool %d: %u in use, was %u", i, (unsigned)memory.pools[i], (unsigned)memory_before.pools[i]);
    }
  }
  fail("%s: memory or PCBs have not come back (PCBs gone: %s)", after, no_pcbs() ? "yes" : "no");
}

static void expect_settled(const char *after) {
  if (!coop_run(settled, NULL, SETTLE_LIMIT_MS)) {
    explain_and_fail(after);
  }
}

static void run(const struct session *session) {
  session_run(session);
  expect_settled(session->name);
}

static void run_closes(enum path_kind path, bool ipv6) {
  static const char *const names[CLOSE_MODES] = {"close by client", "close by server", "close by both", "half-close",
                                                 "abort"};
  for (int close = 0; close < CLOSE_MODES; close++) {
    const struct session session = {names[close], path, ipv6, SMALL_BYTES + 1, SMALL_BYTES / 3, (enum close_mode)close};
    run(&session);
  }
}

static void run_lossy(bool ipv6) {
  const struct session session = {"loss and reordering", PATH_WIRE, ipv6, 4 * SMALL_BYTES, 4 * SMALL_BYTES, CLOSE_HALF};
  wire_faults = (struct wire_faults){.drop = 67, .duplicate = 71, .delay = 61};
  run(&session);
  wire_faults = (struct wire_faults){0};
}

static void run_sessions(bool ipv6, uint32_t bytes) {
#if LWIP_HAVE_LOOPIF
  const enum path_kind bulk_path = PATH_LOOP;
#else
  const enum path_kind bulk_path = PATH_WIRE;
#endif
  const struct session bulk = {ipv6 ? "bulk, IPv6" : "bulk, IPv4", bulk_path, ipv6, bytes, bytes, CLOSE_CLIENT};
  run(&bulk);
  run_closes(PATH_WIRE, ipv6);
  run_lossy(ipv6);
}

static void run_all(void) {
  /* Under the lock as in settled(): without core locking it takes a message out of a pool. */
  coop_lock();
  memory_before = memory_now();
  coop_unlock();
#if LWIP_IPV4
  run_sessions(false, CONFIGS_BULK_BYTES);
#endif
#if LWIP_IPV6
  /* With both, IPv4 has had the ten megabytes. */
  run_sessions(true, LWIP_IPV4 ? CONFIGS_BULK_BYTES / 10 : CONFIGS_BULK_BYTES);
#endif
  features_run();
  expect_settled("feature checks");
#if LWIP_SOCKET
  sockets_run(CONFIGS_BULK_BYTES / 5);
  expect_settled("sockets");
#endif
}

#else /* LWIP_TCP */

static void run_all(void) { say("no TCP in this configuration: that it links and starts is the test"); }

#endif /* LWIP_TCP */

int configs_main(void);

int configs_main(void) {
  uint32_t seed = 0x9e3779b9;
  for (size_t i = 0; i < CONFIGS_BULK_BYTES; i++) {
    stream_data[0][i] = (uint8_t)xorshift(&seed);
    stream_data[1][i] = (uint8_t)(xorshift(&seed) >> 8);
  }
  coop_start_stack();
  wire_init();
  /* Duplicate address detection, router solicitation and whatever else an interface starts with. */
  coop_advance(10000);
  run_all();
  say("OK %s", CONFIGS_NAME);
  return 0;
}

int main(void) {
#if NO_SYS
  return configs_main();
#else
  return coop_main();
#endif
}
