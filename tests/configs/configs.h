/* What the parts of the configuration test share. */
#ifndef CONFIGS_H
#define CONFIGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/opt.h"

#include "lwip/altcp.h"
#include "lwip/ip_addr.h"
#include "lwip/netif.h"

/* --- coop_sys.c: virtual time and what a port has to offer ---------------------------------------------------------- */

typedef bool (*configs_done_fn)(void *arg);

void coop_lock(void);
void coop_unlock(void);
/* Runs the stack until done(arg) holds; false if it does not within limit_ms of virtual time. */
bool coop_run(configs_done_fn done, void *arg, uint32_t limit_ms);
void coop_advance(uint32_t ms);
void coop_start_stack(void);
int coop_main(void);
#if !NO_SYS
void coop_sleep(uint32_t ms);
/* Until anything changed, at most that long. */
void coop_wait(uint32_t ms);
/* Something changed that a blocked task may wait for. */
void coop_wake(void);
#endif

/* --- wire.c: two interfaces joined by a cable ------------------------------------------------------------------- */

struct wire_faults {
  /* One packet in so many is lost, sent twice, or held back so long that later ones overtake it; 0 is never. */
  uint32_t drop, duplicate, delay;
  bool cut;
};

struct wire_counts {
  uint32_t sent, delivered, dropped, with_hints;
};

enum path_kind { PATH_WIRE, PATH_LOOP };

/* The address of one end: 0 connects, 1 listens. */
ip_addr_t path_address(enum path_kind path, bool ipv6, int end);

extern struct netif wire_netif[2];
/* The interface of one end. Where there may be only one, the cable comes back to it. */
#define WIRE_NETIF(end) (&wire_netif[LWIP_SINGLE_NETIF ? 0 : (end)])
extern struct wire_faults wire_faults;
extern struct wire_counts wire_counts;

void wire_init(void);
/* Hands over what is due; true if something was. */
bool wire_deliver(void);
/* Milliseconds until the next packet is due; UINT32_MAX if none is under way. */
uint32_t wire_next_due(void);

/* --- transfer.c: both ends of connections over the raw API ------------------------------------------------------- */

enum close_mode { CLOSE_CLIENT, CLOSE_SERVER, CLOSE_BOTH, CLOSE_HALF, CLOSE_ABORT, CLOSE_MODES };

struct session {
  const char *name;
  enum path_kind path;
  bool ipv6;
  uint32_t to_server, to_client;
  enum close_mode close;
};

void session_run(const struct session *session);
/* Memory for the segments that carry no data but have to get out for the transfer to go on. */
#define HEADROOM_BLOCKS 4

struct headroom {
  struct pbuf *blocks[HEADROOM_BLOCKS];
};

bool headroom_take(struct headroom *headroom);
void headroom_release(struct headroom *headroom);

/* --- sockets.c, features.c ---------------------------------------------------------------------------------------- */

void sockets_run(uint32_t bytes);
void features_run(void);

/* --- main.c --------------------------------------------------------------------------------------------------------- */

#define CONFIGS_BULK_BYTES (10u * 1024u * 1024u)

extern const uint8_t *const stream[2];
uint64_t checksum(uint64_t sum, const uint8_t *data, size_t len);
#define CHECKSUM_START UINT64_C(0xcbf29ce484222325)
uint32_t rnd(uint32_t below);
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern uint32_t configs_diag_lines;

#define CHECK(condition)                                             \
  do {                                                               \
    if (!(condition)) {                                              \
      fail("%s:%d: %s does not hold", __FILE__, __LINE__, #condition); \
    }                                                                \
  } while (0)

#endif /* CONFIGS_H */
