#include "conn.h"

#include <stdlib.h>

/* The unit of tcp_poll(): a tick of lwIP's coarse timer. */
#define POLL_TICKS 1
#define POLLS_PER_SECOND 2

static unsigned open_connections;

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err);
static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len);
static err_t on_poll(void *arg, struct tcp_pcb *pcb);
static void on_err(void *arg, err_t err);

unsigned conn_count(void)
{
  return open_connections;
}

static void attach(struct conn *conn)
{
  tcp_arg(conn->pcb, conn);
  tcp_recv(conn->pcb, on_recv);
  tcp_sent(conn->pcb, on_sent);
  tcp_poll(conn->pcb, on_poll, POLL_TICKS);
  tcp_err(conn->pcb, on_err);
}

/* After this lwIP knows nothing of the connection's state any more. */
static void detach(struct tcp_pcb *pcb)
{
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_poll(pcb, NULL, 0);
  tcp_err(pcb, NULL);
}

static void conn_free(struct conn *conn)
{
  if (conn->service->on_gone != NULL) {
    conn->service->on_gone(conn);
  }
  open_connections--;
  free(conn->state);
  free(conn);
}

/*
 * Detached first: tcp_close() may free the pcb at once, and what it keeps alive to deliver the rest must not call back
 * into freed memory. An error leaves the pcb ours, so the callbacks go back in and poll tries again.
 */
static err_t finish(struct conn *conn)
{
  struct tcp_pcb *pcb = conn->pcb;

  detach(pcb);
  if (tcp_close(pcb) != ERR_OK) {
    attach(conn);
    conn->closing = 1;
    return ERR_OK;
  }
  conn->service->tally.closed++;
  conn_free(conn);
  return ERR_OK;
}

/* The only two places where lwIP allows ERR_ABRT and demands it: the pcb was aborted from within its own callback. */
static err_t drop(struct conn *conn)
{
  struct tcp_pcb *pcb = conn->pcb;

  detach(pcb);
  conn->service->tally.aborted++;
  conn_free(conn);
  tcp_abort(pcb);
  return ERR_ABRT;
}

static err_t settle(struct conn *conn, enum verdict verdict)
{
  switch (verdict) {
    case CONN_FINISH:
      return finish(conn);
    case CONN_DROP:
      return drop(conn);
    default:
      return ERR_OK;
  }
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  struct conn *conn = arg;
  enum verdict verdict;
  u16_t len;

  LWIP_UNUSED_ARG(pcb);
  if (err != ERR_OK) {
    /* No version of lwIP reports one today. The pbuf is ours by now, and a gap in the stream is not to be papered over. */
    if (p != NULL) {
      pbuf_free(p);
    }
    return drop(conn);
  }
  conn->idle = 0;
  if (p == NULL) {
    conn->eof = 1;
  } else if (conn->closing) {
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
  } else {
    len = p->tot_len; /* p may be gone after on_data */
    verdict = conn->service->on_data(conn, p);
    if (verdict == CONN_REFUSE) {
      conn->service->tally.refused++;
      return ERR_MEM;
    }
    conn->service->tally.bytes_in += len;
    if (verdict != CONN_KEEP) {
      return settle(conn, verdict);
    }
  }
  return conn->closing ? ERR_OK : settle(conn, conn->service->pump(conn));
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
  struct conn *conn = arg;

  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(len);
  conn->idle = 0;
  return conn->closing ? ERR_OK : settle(conn, conn->service->pump(conn));
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
  struct conn *conn = arg;

  conn->idle++;
  if (conn->idle > (u32_t)conn->service->idle_limit_s * POLLS_PER_SECOND) {
    /* Politely if the peer merely has nothing to say, but one that does not take its data is not waited for again. */
    return tcp_sndqueuelen(pcb) == 0 && !conn->closing ? finish(conn) : drop(conn);
  }
  if (conn->closing) {
    return finish(conn);
  }
  return settle(conn, conn->service->pump(conn));
}

/* The pcb is freed already: only what is ours remains to be freed. */
static void on_err(void *arg, err_t err)
{
  struct conn *conn = arg;

  if (err == ERR_RST) {
    conn->service->tally.reset++;
  } else {
    conn->service->tally.aborted++;
  }
  conn->pcb = NULL;
  conn_free(conn);
}

/* Any error but ERR_ABRT makes lwIP abort the new pcb, which is what is wanted while nothing is attached to it. */
static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  struct service *service = arg;
  struct conn *conn;

  if (err != ERR_OK || pcb == NULL) {
    return ERR_VAL;
  }
  conn = calloc(1, sizeof(*conn));
  if (conn == NULL) {
    return ERR_MEM;
  }
  conn->state = calloc(1, service->state_size > 0 ? service->state_size : 1);
  if (conn->state == NULL) {
    free(conn);
    return ERR_MEM;
  }
  conn->pcb = pcb;
  conn->service = service;
  open_connections++;
  service->tally.opened++;
  ip_set_option(pcb, SOF_KEEPALIVE);
  attach(conn);
  return settle(conn, service->pump(conn));
}

err_t service_start(struct service *service)
{
  struct tcp_pcb *listener;
  struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
  err_t err;

  if (pcb == NULL) {
    return ERR_MEM;
  }
  err = tcp_bind(pcb, IP_ANY_TYPE, service->port);
  if (err != ERR_OK) {
    tcp_abort(pcb);
    return err;
  }
  listener = tcp_listen_with_backlog_and_err(pcb, TCP_DEFAULT_LISTEN_BACKLOG, &err);
  if (listener == NULL) {
    tcp_abort(pcb); /* tcp_listen() frees it only where it succeeds */
    return err;
  }
  tcp_arg(listener, service);
  tcp_accept(listener, on_accept);
  return ERR_OK;
}

size_t conn_write(struct conn *conn, const void *data, size_t len, u8_t flags, int *fatal)
{
  const u8_t *from = data;
  size_t written = 0;

  while (written < len) {
    size_t room = tcp_sndbuf(conn->pcb);
    size_t piece = LWIP_MIN(len - written, LWIP_MIN(room, 0xffffU));
    err_t err;

    if (piece == 0) {
      break;
    }
    err = tcp_write(conn->pcb, from + written, (u16_t)piece, flags);
    if (err == ERR_MEM) {
      break; /* the sent callback or, where nothing is in flight, poll comes back to it */
    }
    if (err != ERR_OK) {
      *fatal = 1;
      break;
    }
    written += piece;
  }
  conn->service->tally.bytes_out += written;
  return written;
}

void conn_consumed(struct conn *conn, size_t len)
{
  while (len > 0) {
    u16_t piece = (u16_t)LWIP_MIN(len, 0xffffU);

    tcp_recved(conn->pcb, piece);
    len -= piece;
  }
}
