#include "services.h"

#include <stdlib.h>

#include "pattern.h"

#define IDLE_LIMIT_S 60

struct service *const all_services[] = {&echo_service, &discard_service, &chargen_service, &http_service, NULL};

/*
 * Echo. What has been received but not yet been written waits in a list of its own, and only what has been written opens
 * the window again: a client that sends without reading is stopped by its own window. pbuf_cat() would not do for the
 * list: a chain's length is 16 bits wide, and the window is not.
 */

struct held {
  struct held *next;
  struct pbuf *p;
};

struct echo {
  struct held *first, *last;
};

static enum verdict echo_on_data(struct conn *conn, struct pbuf *p)
{
  struct echo *echo = conn->state;
  struct held *held = malloc(sizeof(*held));

  if (held == NULL) {
    return CONN_REFUSE;
  }
  held->next = NULL;
  held->p = p;
  if (echo->last != NULL) {
    echo->last->next = held;
  } else {
    echo->first = held;
  }
  echo->last = held;
  return CONN_KEEP;
}

static void echo_pop(struct echo *echo)
{
  struct held *held = echo->first;

  echo->first = held->next;
  if (echo->first == NULL) {
    echo->last = NULL;
  }
  free(held);
}

static enum verdict echo_pump(struct conn *conn)
{
  struct echo *echo = conn->state;
  size_t consumed = 0;
  int fatal = 0;

  while (echo->first != NULL) {
    struct pbuf *p = echo->first->p;
    u16_t len = p->len;
    size_t written = conn_write(conn, p->payload, len, TCP_WRITE_FLAG_COPY, &fatal);

    if (written > 0) {
      consumed += written;
      /* What is behind the bytes taken off, NULL where the chain ends with them. */
      p = pbuf_free_header(p, (u16_t)written);
      echo->first->p = p;
      if (p == NULL) {
        echo_pop(echo);
      }
    }
    if (fatal || written < len) {
      break;
    }
  }
  conn_consumed(conn, consumed);
  if (fatal) {
    return CONN_DROP;
  }
  return conn->eof && echo->first == NULL ? CONN_FINISH : CONN_KEEP;
}

static void echo_on_gone(struct conn *conn)
{
  struct echo *echo = conn->state;

  while (echo->first != NULL) {
    pbuf_free(echo->first->p);
    echo_pop(echo);
  }
}

struct service echo_service = {.name = "echo",
                               .port = 7,
                               .idle_limit_s = IDLE_LIMIT_S,
                               .state_size = sizeof(struct echo),
                               .on_data = echo_on_data,
                               .pump = echo_pump,
                               .on_gone = echo_on_gone};

/* Discard. */

struct discard {
  u64_t position;
};

u64_t discard_mismatched;

static enum verdict discard_on_data(struct conn *conn, struct pbuf *p)
{
  struct discard *discard = conn->state;
  const struct pbuf *q;

  for (q = p; q != NULL; q = q->next) {
    if (!pattern_matches(discard->position, q->payload, q->len)) {
      discard_mismatched += q->len;
    }
    discard->position += q->len;
  }
  conn_consumed(conn, p->tot_len);
  pbuf_free(p);
  return CONN_KEEP;
}

static enum verdict discard_pump(struct conn *conn)
{
  return conn->eof ? CONN_FINISH : CONN_KEEP;
}

struct service discard_service = {.name = "discard",
                                  .port = 9,
                                  .idle_limit_s = IDLE_LIMIT_S,
                                  .state_size = sizeof(struct discard),
                                  .on_data = discard_on_data,
                                  .pump = discard_pump};

/* Character generator: endless, until the client closes. Without copying: the stream lies in static memory for good. */

struct chargen {
  u64_t position;
};

static enum verdict chargen_on_data(struct conn *conn, struct pbuf *p)
{
  conn_consumed(conn, p->tot_len);
  pbuf_free(p);
  return CONN_KEEP;
}

static enum verdict chargen_pump(struct conn *conn)
{
  struct chargen *chargen = conn->state;
  int fatal = 0;

  if (conn->eof) {
    return CONN_FINISH;
  }
  while (tcp_sndbuf(conn->pcb) > 0) {
    size_t len, written;
    const void *data = pattern_at(chargen->position, &len);

    len = LWIP_MIN(len, (size_t)tcp_sndbuf(conn->pcb));
    len = LWIP_MIN(len, 0xffffU);
    written = conn_write(conn, data, len, TCP_WRITE_FLAG_MORE, &fatal);
    if (fatal) {
      return CONN_DROP;
    }
    chargen->position += written;
    if (written < len) {
      break;
    }
  }
  return CONN_KEEP;
}

struct service chargen_service = {.name = "chargen",
                                  .port = 19,
                                  .idle_limit_s = IDLE_LIMIT_S,
                                  .state_size = sizeof(struct chargen),
                                  .on_data = chargen_on_data,
                                  .pump = chargen_pump};
