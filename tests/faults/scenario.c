/* Runs one scenario with one allocation made to fail. */
#include <stdio.h>
#include <string.h>

#include "scenario.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/ip.h"

#define PORT 80
#define CLIENT_PORT 6000
#define DEADLINE_MS 900000u

struct end {
  struct tcp_pcb *pcb;
  struct end *peer;
  int server, opened, fin, shut, closed, gone, abandoned;
  err_t err;
  u32_t tx_goal, tx_queued, tx_acked, rx_goal, rx_got, rx_unread;
  u32_t read_at, accept_at, idle_until;
  unsigned refuse, tries;
};

static const struct scenario *sc;
static struct end client[MAX_CONN], server[MAX_CONN];
static struct tcp_pcb *listener, *listener_candidate;
static char failure[240];
static u8_t pattern[65536 + 4096];

static void fail(const char *what, const char *detail)
{
  if (failure[0] == 0) {
    snprintf(failure, sizeof failure, "%s%s%s", what, detail[0] ? ": " : "", detail);
  }
}

static const char *err_name(err_t err)
{
  static const char *const names[] = { "OK", "MEM", "BUF", "TIMEOUT", "RTE", "INPROGRESS", "VAL",
    "WOULDBLOCK", "USE", "ALREADY", "ISCONN", "CONN", "IF", "ABRT", "RST", "CLSD", "ARG" };
  return err <= 0 && err >= -16 ? names[-err] : "?";
}

static u8_t pattern_at(u32_t at) { return (u8_t)((at * 2654435761u) >> 13 ^ at); }

static void pattern_fill(void)
{
  u32_t i;
  for (i = 0; i < sizeof pattern; i++) {
    pattern[i] = pattern_at(i & 0xffff);
  }
}

static void end_send(struct end *e)
{
  while (e->pcb != NULL && e->tx_queued < e->tx_goal && !e->shut) {
    u32_t len = LWIP_MIN(e->tx_goal - e->tx_queued, sc->chunk);
    u32_t room = tcp_sndbuf(e->pcb);
    err_t err;
    if (room == 0) {
      break;
    }
    len = LWIP_MIN(len, room);
    err = tcp_write(e->pcb, &pattern[e->tx_queued & 0xffff], (u16_t)len, sc->write_flags);
    if (err != ERR_OK) {
      if (err != ERR_MEM) {
        fail("tcp_write", err_name(err));
      }
      break; /* to be woken by sent or poll */
    }
    e->tx_queued += len;
  }
  if (e->pcb != NULL) {
    err_t err = tcp_output(e->pcb);
    if (err != ERR_OK && err != ERR_MEM && err != ERR_BUF && err != ERR_RTE) {
      fail("tcp_output", err_name(err));
    }
  }
}

static void end_detach(struct end *e)
{
  e->pcb = NULL;
  e->gone = 1;
}

/* 1: the PCB is not ours any more. */
static int end_close(struct end *e)
{
  struct tcp_pcb *pcb = e->pcb;
  err_t err;
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_err(pcb, NULL);
  tcp_poll(pcb, NULL, 0);
  err = tcp_close(pcb);
  if (err == ERR_OK) {
    e->closed = 1;
    end_detach(e);
    return 1;
  }
  fail("tcp_close", err_name(err));
  return 0;
}

static int end_has_all(const struct end *e)
{
  return e->tx_queued == e->tx_goal && e->rx_got == e->rx_goal && e->rx_unread == 0;
}

static err_t end_progress(struct end *e)
{
  int first = sc->ending == END_BOTH ||
              (sc->ending == END_CLIENT_FIRST && !e->server) ||
              (sc->ending == END_SERVER_FIRST && e->server);
  if (e->pcb == NULL || !e->opened || (s32_t)(e->idle_until - vnet.now) > 0) {
    return ERR_OK;
  }
  if (sc->ending == END_HALF && e->server && !e->fin) {
    return ERR_OK; /* answers when the other has finished asking */
  }
  end_send(e);
  if (sc->ending == END_HALF && !e->server && !e->shut && e->tx_queued == e->tx_goal) {
    err_t err = tcp_shutdown(e->pcb, 0, 1);
    if (err == ERR_OK) {
      e->shut = 1;
    } else if (err != ERR_MEM) {
      fail("tcp_shutdown", err_name(err));
    }
  }
  if (sc->ending == END_ABORT && !e->server && e->rx_got >= e->rx_goal / 2) {
    struct tcp_pcb *pcb = e->pcb;
    tcp_err(pcb, NULL);
    end_detach(e);
    e->closed = 1;
    tcp_abort(pcb);
    return ERR_ABRT;
  }
  if (sc->ending == END_UNREAD && !e->server && e->rx_unread > 0 && e->rx_got >= 2000) {
    end_close(e);
    return ERR_OK;
  }
  if (end_has_all(e) && (e->fin || (first && e->rx_got == e->rx_goal))) {
    end_close(e);
  }
  return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
  struct end *e = arg;
  e->tx_acked += len;
  if (e->pcb != pcb) {
    fail("sent callback for another PCB", "");
    return ERR_OK;
  }
  if (e->tx_acked > e->tx_queued) {
    fail("more acknowledged than written", "");
  }
  return end_progress(e);
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
  struct end *e = arg;
  if (e->pcb != pcb) {
    fail("poll callback for another PCB", "");
    return ERR_OK;
  }
  return end_progress(e);
}

static void on_err(void *arg, err_t err)
{
  struct end *e = arg;
  if (sc->simultaneous_open && !e->opened && e->tries++ < 20) {
    e->pcb = NULL; /* the other end was not there yet: try again */
    return;
  }
  e->err = err;
  end_detach(e);
  if (sc->evicted && !e->peer->opened) {
    e->peer->gone = 1; /* evicted before the other end was accepted */
    e->peer->err = err;
  }
}

static void end_take(struct end *e, struct pbuf *p)
{
  struct pbuf *q;
  for (q = p; q != NULL; q = q->next) {
    u16_t i;
    for (i = 0; i < q->len; i++) {
      if (((u8_t *)q->payload)[i] != pattern_at(e->rx_got & 0xffff)) {
        fail("data differ", "");
      }
      e->rx_got++;
    }
  }
  if (e->rx_got > e->rx_goal) {
    fail("more data than were sent", "");
  }
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  struct end *e = arg;
  u16_t len;
  LWIP_UNUSED_ARG(err);
  if (e->pcb != pcb) {
    fail("recv callback for another PCB", "");
    return ERR_OK;
  }
  if (p == NULL) {
    if (e->fin) {
      fail("end of data told twice", "");
    }
    e->fin = 1;
    if (e->rx_got != e->rx_goal && sc->ending != END_ABORT && sc->ending != END_UNREAD) {
      fail("end of data before the data", "");
    }
    return end_progress(e);
  }
  if (e->fin) {
    fail("data after the end of data", "");
  }
  if (e->refuse > 0) {
    e->refuse--;
    return ERR_MEM;
  }
  len = p->tot_len;
  end_take(e, p);
  pbuf_free(p);
  if (sc->read_delay || (sc->ending == END_UNREAD && !e->server)) {
    e->rx_unread += len;
    if (e->read_at == 0) {
      e->read_at = vnet.now + sc->read_delay;
    }
  } else {
    tcp_recved(pcb, len);
  }
  return end_progress(e);
}

static void end_attach(struct end *e, struct tcp_pcb *pcb)
{
  e->pcb = pcb;
  tcp_arg(pcb, e);
  tcp_recv(pcb, on_recv);
  tcp_sent(pcb, on_sent);
  tcp_err(pcb, on_err);
  tcp_poll(pcb, on_poll, 2);
}

static void end_opened(struct end *e)
{
  e->opened = 1;
  if (sc->idle) {
    e->idle_until = vnet.now + sc->idle;
    ip_set_option(e->pcb, SOF_KEEPALIVE);
    e->pcb->keep_idle = 2000;
    e->pcb->keep_intvl = 1000;
    e->pcb->keep_cnt = 9;
  }
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
  struct end *e = arg;
  if (e->pcb != pcb || err != ERR_OK) {
    fail("connected callback", "wrong PCB or error");
    return ERR_OK;
  }
  end_opened(e);
  return end_progress(e);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  unsigned i;
  struct end *e;
  LWIP_UNUSED_ARG(arg);
  if (pcb == NULL) {
    return err == ERR_MEM ? ERR_OK : ERR_VAL; /* told that a SYN found no PCB */
  }
  i = (unsigned)(pcb->remote_port - CLIENT_PORT);
  if (i >= MAX_CONN || server[i].opened) {
    fail("accept callback", "connection that nobody opened");
    return ERR_VAL;
  }
  e = &server[i];
  end_attach(e, pcb);
  end_opened(e);
  if (sc->accept_delay) {
    tcp_backlog_delayed(pcb);
    e->accept_at = vnet.now + sc->accept_delay;
  }
  return end_progress(e);
}

static void listener_open(void)
{
  err_t err = ERR_OK;
  struct tcp_pcb *pcb;
  if (listener_candidate == NULL) {
    listener_candidate = tcp_new();
    if (listener_candidate == NULL) {
      return;
    }
    if (sc->evicted) { /* what it accepts is worth more than what is there */
      tcp_setprio(listener_candidate, TCP_PRIO_MAX);
    }
  }
  if (listener_candidate->local_port == 0) {
    err = tcp_bind(listener_candidate, IP_ADDR_ANY, PORT);
    if (err != ERR_OK) {
      fail("tcp_bind of the listener", err_name(err));
      return;
    }
  }
  pcb = tcp_listen_with_backlog_and_err(listener_candidate, sc->backlog ? sc->backlog : 8, &err);
  if (pcb == NULL) {
    if (err != ERR_MEM) {
      fail("tcp_listen", err_name(err));
    }
    return;
  }
  listener = pcb;
  listener_candidate = NULL;
  tcp_accept(listener, on_accept);
}

static void end_connect(struct end *e, u16_t from, u16_t to)
{
  ip_addr_t addr;
  err_t err;
  if (e->pcb == NULL) {
    struct tcp_pcb *pcb = tcp_new();
    if (pcb == NULL) {
      return;
    }
    end_attach(e, pcb);
    if (sc->evicted && e < &client[sc->evicted]) {
      tcp_setprio(pcb, TCP_PRIO_MIN);
    }
  }
  if (e->pcb->local_port == 0) {
    err = tcp_bind(e->pcb, IP_ADDR_ANY, from);
    if (err != ERR_OK) {
      fail("tcp_bind", err_name(err));
    }
  }
  if (e->pcb->state != CLOSED) {
    return;
  }
  IP_ADDR4(&addr, 10, 0, 0, 1);
  err = tcp_connect(e->pcb, &addr, to, on_connected);
  if (err != ERR_OK && err != ERR_MEM && err != ERR_BUF) {
    fail("tcp_connect", err_name(err));
  }
}

static void end_tick(struct end *e)
{
  if (e->pcb == NULL || !e->opened) {
    return;
  }
  if (e->accept_at && (s32_t)(vnet.now - e->accept_at) >= 0) {
    e->accept_at = 0;
    tcp_backlog_accepted(e->pcb);
  }
  if (e->read_at && sc->ending != END_UNREAD && (s32_t)(vnet.now - e->read_at) >= 0) {
    u32_t n = e->rx_unread;
    e->read_at = 0;
    e->rx_unread = 0;
    tcp_recved(e->pcb, (u16_t)n);
    end_progress(e);
  }
}

static int conn_started(unsigned i)
{
  return !sc->sequential || i == 0 || (client[i - 1].gone && server[i - 1].gone);
}

static void tick(void)
{
  unsigned i;
  int listens = !sc->simultaneous_open && !sc->refused;
  if (listener == NULL && listens) {
    listener_open();
  }
  for (i = 0; i < sc->conns; i++) {
    struct end *e = &client[i];
    if ((listener != NULL || !listens) && conn_started(i) && !e->opened && !e->gone) {
      end_connect(e, (u16_t)(CLIENT_PORT + i),
                  sc->simultaneous_open ? (u16_t)(PORT + 1) : PORT);
      if (sc->simultaneous_open && !server[i].opened && !server[i].gone) {
        end_connect(&server[i], PORT + 1, (u16_t)(CLIENT_PORT + i));
      }
    }
    end_tick(e);
    end_tick(&server[i]);
  }
}

static int finished(void)
{
  unsigned i;
  for (i = 0; i < sc->conns; i++) {
    if (!client[i].gone || !server[i].gone) {
      return 0;
    }
  }
  return 1;
}

static void verify_end(const struct end *e, unsigned i, const char *which)
{
  char text[80];
  int reset_expected = (sc->ending == END_ABORT || sc->ending == END_UNREAD) && e->server;
  if (i < sc->evicted && e->err != ERR_OK) {
    return;
  }
  snprintf(text, sizeof text, "%s %u: %u of %u octets, err %s", which, i,
           (unsigned)e->rx_got, (unsigned)e->rx_goal, err_name(e->err));
  if (sc->refused) {
    if (e->opened || (!e->server && e->err != ERR_RST)) {
      fail("not told that nobody listens", text);
    }
    return;
  }
  if (reset_expected) {
    if (e->err != ERR_RST && e->err != ERR_ABRT) {
      fail("not told of the reset", text);
    }
    return;
  }
  if (e->err != ERR_OK) {
    fail("connection lost", text);
  } else if (!e->closed) {
    fail("never finished", text);
  } else if (e->rx_got != e->rx_goal && sc->ending != END_ABORT && sc->ending != END_UNREAD) {
    fail("data missing", text);
  }
}

static void check_now(void)
{
  const char *bad = check_all();
  if (bad != NULL) {
    fail("inconsistent", bad);
  }
}

static void setup(const struct scenario *s)
{
  unsigned i;
  sc = s;
  failure[0] = 0;
  listener = listener_candidate = NULL;
  memset(client, 0, sizeof client);
  memset(server, 0, sizeof server);
  for (i = 0; i < s->conns; i++) {
    client[i].peer = &server[i];
    server[i].peer = &client[i];
    server[i].server = 1;
    client[i].tx_goal = server[i].rx_goal = s->to_server;
    server[i].tx_goal = client[i].rx_goal = s->to_client;
    client[i].refuse = server[i].refuse = s->refuse;
    server[i].gone = s->refused;
  }
  vnet.filter = s->filter;
  vnet.nth = 0;
  vnet.rx_split = s->rx_split;
  vnet.rx_pool = s->rx_pool;
  vnet.tx_hold = s->tx_hold;
}

/* Lets everything time out, and if that leaves PCBs, says which. */
static void drain(void)
{
  u32_t end;
  if (listener != NULL) {
    tcp_close(listener);
  }
  if (listener_candidate != NULL) {
    tcp_abort(listener_candidate);
  }
  end = vnet.now + 300000;
  while ((tcp_active_pcbs != NULL || tcp_tw_pcbs != NULL || vnet.wire != NULL) &&
         (s32_t)(end - vnet.now) > 0) {
    vnet_step();
    check_now();
  }
  vnet_run(2 * TCP_TMR_INTERVAL);
  vnet_release_held();
  if (tcp_active_pcbs != NULL || tcp_tw_pcbs != NULL) {
    fail("a PCB stays for ever", tcp_debug_state_str(
           (tcp_active_pcbs != NULL ? tcp_active_pcbs : tcp_tw_pcbs)->state));
  }
}

const char *scenario_run(const struct scenario *s, enum inject_mode mode, u32_t nth)
{
  struct usage before;
  const char *bad;
  u32_t start;
  unsigned i;
  /* The same phase of the timers for each n, so that one n can be run alone. */
  vnet_run(1000 - vnet.now % 1000);
  start = vnet.now;
  pattern_fill();
  setup(s);
  usage_take(&before);
  inject_arm(mode, nth);
  while (!finished() && failure[0] == 0 && vnet.now - start < DEADLINE_MS) {
    tick();
    check_now();
    vnet_step();
    check_now();
  }
  for (i = 0; i < s->conns; i++) {
    verify_end(&client[i], i, "client");
    verify_end(&server[i], i, "server");
  }
  if (failure[0] == 0) {
    drain();
  }
  inject_disarm();
  if (failure[0] == 0 && (bad = usage_compare(&before)) != NULL) {
    fail(bad, "");
  }
  return failure[0] ? failure : NULL;
}
