/*
 * One TCP connection of a service, and the rules of lwIP's callbacks in one place: a service only says what should
 * happen next, conn.c does it as lwIP's documentation wants it done.
 */
#ifndef DEMO_CONN_H
#define DEMO_CONN_H

#include "lwip/tcp.h"

struct conn;

/* What a service wants of its connection. */
enum verdict {
  CONN_KEEP,   /* go on; called again when data arrives, data sent has been acknowledged, or half a second has passed */
  CONN_REFUSE, /* from on_data only: the pbuf was not taken, lwIP is to keep it and offer it again */
  CONN_FINISH, /* all is written: close in the regular way, what is queued is still delivered */
  CONN_DROP    /* beyond repair: abort */
};

struct service {
  const char *name;
  u16_t port;
  u16_t idle_limit_s; /* nothing moved for so long: the connection is ended */
  size_t state_size;  /* the service's own state for each connection, zeroed at its start */
  /* Data in order: owns p, unless it answers CONN_REFUSE. Must call conn_consumed() for each byte it is done with. */
  enum verdict (*on_data)(struct conn *conn, struct pbuf *p);
  /* There may be something to write: after accept, data, end of data, an acknowledgement, and each half second. */
  enum verdict (*pump)(struct conn *conn);
  /* The connection is gone, whatever the way: free what the state holds. May be NULL. */
  void (*on_gone)(struct conn *conn);
  /* Counted over all connections, for the page and for the script. */
  struct {
    u32_t opened, closed, reset, aborted, refused;
    u64_t bytes_in, bytes_out;
  } tally;
};

struct conn {
  struct tcp_pcb *pcb;
  struct service *service;
  void *state;
  u32_t idle;           /* half seconds since something moved */
  unsigned eof : 1;     /* the peer has sent its FIN */
  unsigned closing : 1; /* tcp_close() had no memory for the FIN: try again */
};

/* Listens on the service's port, for IPv4 and IPv6. */
err_t service_start(struct service *service);

/* Writes up to len bytes, as many as go now, and returns how many. With an error that no waiting cures, *fatal is set. */
size_t conn_write(struct conn *conn, const void *data, size_t len, u8_t flags, int *fatal);

/* The application is done with len received bytes: the window opens again. */
void conn_consumed(struct conn *conn, size_t len);

/* Connections of all services that are open now. */
unsigned conn_count(void);

#endif /* DEMO_CONN_H */
