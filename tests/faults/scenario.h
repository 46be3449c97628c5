/* What the two ends of a scenario do, and how it has to end. */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "vnet.h"

#define MAX_CONN 12

enum ending {
  END_CLIENT_FIRST, /* client closes when it has everything */
  END_SERVER_FIRST,
  END_BOTH,         /* both close in the same instant */
  END_HALF,         /* client shuts down sending, server answers, then closes */
  END_ABORT,        /* client aborts in the middle, server learns of it */
  END_UNREAD        /* client closes with data unread: RST (RFC 9293 3.6.1) */
};

struct scenario {
  const char *name;
  u32_t to_server, to_client; /* octets sent each way */
  enum ending ending;
  u8_t write_flags;           /* TCP_WRITE_FLAG_COPY and MORE */
  u16_t chunk;                /* octets per tcp_write */
  vnet_filter_fn filter;
  unsigned conns;             /* at the same time */
  unsigned sequential;        /* one after the other instead */
  unsigned refuse;            /* recv answers ERR_MEM to that many offers */
  u32_t read_delay;           /* ms until tcp_recved: closes the window */
  u32_t idle;                 /* ms with nothing to say, keep-alives on */
  u16_t rx_split;
  int rx_pool;
  int tx_hold;                /* ms the driver keeps sent pbufs */
  u8_t backlog;
  u32_t accept_delay;         /* ms with tcp_backlog_delayed */
  int simultaneous_open;
  int refused;                /* nobody listens: the client is told by ERR_RST */
  unsigned evicted;           /* that many connections may end by ERR_ABRT */
};

extern const struct scenario scenarios[];
extern const unsigned scenario_count;

/* NULL, or what went wrong. The pools are compared with what was before. */
const char *scenario_run(const struct scenario *s, enum inject_mode mode, u32_t nth);

#endif
