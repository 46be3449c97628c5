/*
 * Echo (RFC 862), discard (RFC 863) and character generator (RFC 864) on lwIP's raw API.
 *
 * Each copes with the API saying "not now": what does not fit the send buffer stays with the connection and goes out
 * from the sent or the poll callback; received bytes are acknowledged to the window only when they have been used.
 */
#include "firmware.h"

#include "lwip/memp.h"
#include "lwip/pbuf.h"
#include "lwip/tcp.h"

#define ECHO_PORT 7
#define DISCARD_PORT 9
#define CHARGEN_PORT 19
/* In units of TCP's slow timer, half a second. */
#define POLL_INTERVAL 1

#define PRINTABLE_FIRST ' '
#define PRINTABLE_COUNT 95u
#define LINE_TEXT 72u
#define LINE_LENGTH (LINE_TEXT + 2u)
#define PATTERN_LENGTH (PRINTABLE_COUNT * LINE_LENGTH)

struct echo {
  struct pbuf *pending;
  u8_t peer_is_done;
};

struct chargen {
  u32_t at;
};

LWIP_MEMPOOL_DECLARE(echo_pool, MEMP_NUM_TCP_PCB, sizeof(struct echo), "ECHO")
LWIP_MEMPOOL_DECLARE(chargen_pool, MEMP_NUM_TCP_PCB, sizeof(struct chargen), "CHARGEN")

static char pattern[PATTERN_LENGTH];

/* Before tcp_close: after it the connection may be gone at any time, and no callback may find our argument. */
static void detach(struct tcp_pcb *pcb)
{
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_err(pcb, NULL);
  tcp_poll(pcb, NULL, 0);
}

static void echo_free(struct echo *echo)
{
  if (echo->pending != NULL) {
    pbuf_free(echo->pending);
  }
  LWIP_MEMPOOL_FREE(echo_pool, echo);
}

static void echo_attach(struct tcp_pcb *pcb, struct echo *echo);

static err_t echo_send(struct tcp_pcb *pcb, struct echo *echo)
{
  while (echo->pending != NULL) {
    struct pbuf *first = echo->pending;
    if (first->len == 0) {
      echo->pending = pbuf_dechain(first);
      pbuf_free(first);
      continue;
    }
    u16_t length = LWIP_MIN(first->len, tcp_sndbuf(pcb));
    if (length == 0 || tcp_write(pcb, first->payload, length, TCP_WRITE_FLAG_COPY) != ERR_OK) {
      break;
    }
    echo->pending = pbuf_free_header(first, length);
    tcp_recved(pcb, length);
  }
  if (echo->pending == NULL && echo->peer_is_done) {
    detach(pcb);
    if (tcp_close(pcb) == ERR_OK) {
      echo_free(echo);
      return ERR_OK;
    }
    /* No memory for the FIN: the poll callback comes back to it. */
    echo_attach(pcb, echo);
  }
  tcp_output(pcb);
  return ERR_OK;
}

static err_t echo_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  struct echo *echo = (struct echo *)arg;
  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    echo->peer_is_done = 1;
  } else if (echo->pending == NULL) {
    echo->pending = p;
  } else {
    pbuf_cat(echo->pending, p);
  }
  return echo_send(pcb, echo);
}

static err_t echo_sent(void *arg, struct tcp_pcb *pcb, u16_t length)
{
  LWIP_UNUSED_ARG(length);
  return echo_send(pcb, (struct echo *)arg);
}

static err_t echo_poll(void *arg, struct tcp_pcb *pcb)
{
  return echo_send(pcb, (struct echo *)arg);
}

static void echo_failed(void *arg, err_t err)
{
  LWIP_UNUSED_ARG(err);
  echo_free((struct echo *)arg);
}

static void echo_attach(struct tcp_pcb *pcb, struct echo *echo)
{
  tcp_arg(pcb, echo);
  tcp_recv(pcb, echo_received);
  tcp_sent(pcb, echo_sent);
  tcp_poll(pcb, echo_poll, POLL_INTERVAL);
  tcp_err(pcb, echo_failed);
}

static err_t echo_accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (err != ERR_OK || pcb == NULL) {
    return ERR_VAL;
  }
  struct echo *echo = (struct echo *)LWIP_MEMPOOL_ALLOC(echo_pool);
  if (echo == NULL) {
    return ERR_MEM;
  }
  echo->pending = NULL;
  echo->peer_is_done = 0;
  echo_attach(pcb, echo);
  return ERR_OK;
}

/* The poll callback, too, when there was no memory for the FIN. */
static err_t discard_close(void *arg, struct tcp_pcb *pcb)
{
  LWIP_UNUSED_ARG(arg);
  detach(pcb);
  if (tcp_close(pcb) != ERR_OK) {
    tcp_poll(pcb, discard_close, POLL_INTERVAL);
  }
  return ERR_OK;
}

static err_t discard_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    return discard_close(arg, pcb);
  }
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

static err_t discard_accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (err != ERR_OK || pcb == NULL) {
    return ERR_VAL;
  }
  tcp_recv(pcb, discard_received);
  return ERR_OK;
}

static err_t chargen_send(struct tcp_pcb *pcb, struct chargen *chargen)
{
  while (tcp_sndbuf(pcb) != 0) {
    u16_t length = (u16_t)LWIP_MIN(PATTERN_LENGTH - chargen->at, tcp_sndbuf(pcb));
    /* Without a copy: the pattern stays where it is, and pieces of it begin at any address. */
    if (tcp_write(pcb, &pattern[chargen->at], length, 0) != ERR_OK) {
      break;
    }
    chargen->at = (chargen->at + length) % PATTERN_LENGTH;
  }
  tcp_output(pcb);
  return ERR_OK;
}

static err_t chargen_sent(void *arg, struct tcp_pcb *pcb, u16_t length)
{
  LWIP_UNUSED_ARG(length);
  return chargen_send(pcb, (struct chargen *)arg);
}

static err_t chargen_poll(void *arg, struct tcp_pcb *pcb)
{
  return chargen_send(pcb, (struct chargen *)arg);
}

static err_t chargen_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  LWIP_UNUSED_ARG(err);
  if (p != NULL) {
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
  }
  /* The peer has had enough: what it has not taken yet would keep the connection for ever. */
  detach(pcb);
  LWIP_MEMPOOL_FREE(chargen_pool, arg);
  tcp_abort(pcb);
  return ERR_ABRT;
}

static void chargen_failed(void *arg, err_t err)
{
  LWIP_UNUSED_ARG(err);
  LWIP_MEMPOOL_FREE(chargen_pool, arg);
}

static err_t chargen_accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (err != ERR_OK || pcb == NULL) {
    return ERR_VAL;
  }
  struct chargen *chargen = (struct chargen *)LWIP_MEMPOOL_ALLOC(chargen_pool);
  if (chargen == NULL) {
    return ERR_MEM;
  }
  chargen->at = 0;
  tcp_arg(pcb, chargen);
  tcp_recv(pcb, chargen_received);
  tcp_sent(pcb, chargen_sent);
  tcp_poll(pcb, chargen_poll, POLL_INTERVAL);
  tcp_err(pcb, chargen_failed);
  return chargen_send(pcb, chargen);
}

static void listen_on(u16_t port, tcp_accept_fn accepted)
{
  struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
  if (pcb != NULL && tcp_bind(pcb, IP_ANY_TYPE, port) == ERR_OK) {
    struct tcp_pcb *listening = tcp_listen(pcb);
    if (listening != NULL) {
      tcp_accept(listening, accepted);
      return;
    }
  }
  console_printf("port %u: cannot listen\n", (unsigned)port);
}

void services_start(void)
{
  for (u32_t line = 0; line < PRINTABLE_COUNT; line++) {
    char *to = &pattern[line * LINE_LENGTH];
    for (u32_t column = 0; column < LINE_TEXT; column++) {
      to[column] = (char)(PRINTABLE_FIRST + (line + column) % PRINTABLE_COUNT);
    }
    to[LINE_TEXT] = '\r';
    to[LINE_TEXT + 1] = '\n';
  }
  LWIP_MEMPOOL_INIT(echo_pool);
  LWIP_MEMPOOL_INIT(chargen_pool);
  listen_on(ECHO_PORT, echo_accepted);
  listen_on(DISCARD_PORT, discard_accepted);
  listen_on(CHARGEN_PORT, chargen_accepted);
}
