/* Misuse of the API: an error result or no effect, never corruption. Where C
 * has an LWIP_ASSERT, stopping there is right in builds that have assertions. */
#include <string.h>

#include "attacks.h"
#include "lwip/ip.h"
#include "lwip/stats.h"
#include "lwip/priv/tcp_priv.h"

static struct app app;
static struct peer p;
static u8_t data[TCP_SND_BUF + 1000];
static ip_addr_t remote;

typedef err_t (*call_fn)(struct tcp_pcb *pcb);
struct call { const char *name; call_fn call; int must_fail; };

static err_t any_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *pb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(err);
  if (pb != NULL) {
    pbuf_free(pb);
  }
  return ERR_OK;
}
static err_t any_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(len);
  return ERR_OK;
}
static err_t any_poll(void *arg, struct tcp_pcb *pcb) { return any_sent(arg, pcb, 0); }
static void any_err(void *arg, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
}
static err_t any_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(err);
  return ERR_OK;
}

static err_t do_recved(struct tcp_pcb *b) { tcp_recved(b, 100); return ERR_VAL; }
static err_t do_write(struct tcp_pcb *b) { return tcp_write(b, data, 100, TCP_WRITE_FLAG_COPY); }
static err_t do_write_nocopy(struct tcp_pcb *b) { return tcp_write(b, data, 100, 0); }
static err_t do_output(struct tcp_pcb *b) { return tcp_output(b); }
static err_t do_close(struct tcp_pcb *b) { return tcp_close(b); }
static err_t do_shut_rx(struct tcp_pcb *b) { return tcp_shutdown(b, 1, 0); }
static err_t do_shut_tx(struct tcp_pcb *b) { return tcp_shutdown(b, 0, 1); }
static err_t do_shut_both(struct tcp_pcb *b) { return tcp_shutdown(b, 1, 1); }
static err_t do_abort(struct tcp_pcb *b) { tcp_abort(b); return ERR_VAL; }
static err_t do_arg(struct tcp_pcb *b) { tcp_arg(b, data); return ERR_VAL; }
static err_t do_recv(struct tcp_pcb *b) { tcp_recv(b, any_recv); return ERR_VAL; }
static err_t do_sent(struct tcp_pcb *b) { tcp_sent(b, any_sent); return ERR_VAL; }
static err_t do_err(struct tcp_pcb *b) { tcp_err(b, any_err); return ERR_VAL; }
static err_t do_poll(struct tcp_pcb *b) { tcp_poll(b, any_poll, 3); return ERR_VAL; }
static err_t do_accept(struct tcp_pcb *b) { tcp_accept(b, any_accept); return ERR_VAL; }
static err_t do_prio(struct tcp_pcb *b) { tcp_setprio(b, 9); return ERR_VAL; }
static err_t do_bind(struct tcp_pcb *b) { return tcp_bind(b, IP_ADDR_ANY, 4321); }
static err_t do_bind_netif(struct tcp_pcb *b) { tcp_bind_netif(b, &vnet.netif); return ERR_VAL; }
static err_t do_connect(struct tcp_pcb *b) { return tcp_connect(b, &remote, 77, NULL); }
static err_t do_listen(struct tcp_pcb *b)
{
  err_t err = ERR_OK;
  struct tcp_pcb *l = tcp_listen_with_backlog_and_err(b, 3, &err);
  EXPECT(l != NULL || err != ERR_OK, "tcp_listen gives neither PCB nor error");
  return l == NULL ? err : ERR_OK;
}
static err_t do_delayed(struct tcp_pcb *b) { tcp_backlog_delayed(b); return ERR_VAL; }
static err_t do_accepted(struct tcp_pcb *b) { tcp_backlog_accepted(b); return ERR_VAL; }
static err_t do_addrinfo(struct tcp_pcb *b)
{
  ip_addr_t a;
  u16_t port;
  return tcp_tcp_get_tcp_addrinfo(b, 1, &a, &port);
}

static const struct call calls[] = {
  { "recved", do_recved, 0 }, { "write", do_write, 1 }, { "write_nocopy", do_write_nocopy, 1 },
  { "output", do_output, 0 }, { "close", do_close, 0 }, { "shutdown_rx", do_shut_rx, 0 },
  { "shutdown_tx", do_shut_tx, 0 }, { "shutdown_both", do_shut_both, 0 },
  { "abort", do_abort, 0 }, { "arg", do_arg, 0 }, { "recv", do_recv, 0 },
  { "sent", do_sent, 0 }, { "err", do_err, 0 }, { "poll", do_poll, 0 },
  { "accept", do_accept, 0 }, { "setprio", do_prio, 0 }, { "bind", do_bind, 1 },
  { "bind_netif", do_bind_netif, 0 }, { "connect", do_connect, 1 }, { "listen", do_listen, 1 },
  { "backlog_delayed", do_delayed, 0 }, { "backlog_accepted", do_accepted, 0 },
  { "addrinfo", do_addrinfo, 0 },
};
#define CALLS (sizeof calls / sizeof calls[0])

/* Every PCB of the pool can be had, once each, and none is on a list. */
static void expect_pool_intact(void)
{
  struct tcp_pcb *all[MEMP_NUM_TCP_PCB + 2];
  unsigned i, j, n = 0;
  while (tcp_active_pcbs != NULL) {
    tcp_err(tcp_active_pcbs, NULL);
    tcp_abort(tcp_active_pcbs);
  }
  while (tcp_tw_pcbs != NULL) {
    tcp_abort(tcp_tw_pcbs);
  }
  while (tcp_bound_pcbs != NULL) {
    tcp_abort(tcp_bound_pcbs);
  }
  while (n < MEMP_NUM_TCP_PCB && (all[n] = tcp_new()) != NULL) {
    n++;
  }
  EXPECT(n == MEMP_NUM_TCP_PCB, "only %u of %d PCBs left in the pool", n, MEMP_NUM_TCP_PCB);
  for (i = 0; i < n; i++) {
    for (j = 0; j < i; j++) {
      EXPECT(all[i] != all[j], "the pool gives one PCB twice");
    }
  }
  for (i = 0; i < n; i++) {
    tcp_abort(all[i]);
  }
#if !MEMP_MEM_MALLOC
  EXPECT(lwip_stats.memp[MEMP_TCP_PCB]->used == 0, "pool counts %d PCBs in use",
         (int)lwip_stats.memp[MEMP_TCP_PCB]->used);
#endif
}

static void one_call_on_the_dead(struct tcp_pcb *dead, const struct call *c)
{
  err_t err;
#if !MEMP_MEM_MALLOC
  static u8_t before[sizeof(struct tcp_pcb)];
  memcpy(before, dead, sizeof *dead);
#endif
  err = c->call(dead);
  EXPECT(!c->must_fail || err != ERR_OK, "tcp_%s on a PCB that is gone reports success", c->name);
#if !MEMP_MEM_MALLOC
  EXPECT(memcmp(before, dead, sizeof *dead) == 0, "tcp_%s wrote into a PCB that is gone", c->name);
#endif
  EXPECT(!check_pcb_on_list(dead), "tcp_%s put a PCB that is gone on a list", c->name);
  expect_consistent();
}

static struct tcp_pcb *dead_by_rst(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  peer_segment(&p, TCP_RST, p.seq, 0, NULL, 0);
  EXPECT(app.err == ERR_RST, "not reset");
  vnet_drop_captured();
  return pcb;
}

static struct tcp_pcb *dead_by_abort(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  tcp_abort(pcb);
  vnet_drop_captured();
  return pcb;
}

/* Closed with everything acknowledged, and 2MSL over. */
static struct tcp_pcb *dead_by_close(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
  tcp_err(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  EXPECT(tcp_close(pcb) == ERR_OK, "tcp_close");
  peer_ack(&p);
  vnet_run(3 * TCP_MSL);
  EXPECT(tcp_active_pcbs == NULL && tcp_tw_pcbs == NULL, "not closed");
  vnet_drop_captured();
  return pcb;
}

/* tcp_listen() frees the PCB it is given. */
static struct tcp_pcb *dead_by_listen(void)
{
  struct tcp_pcb *pcb = tcp_new();
  EXPECT(tcp_bind(pcb, IP_ADDR_ANY, 1234) == ERR_OK, "tcp_bind");
  EXPECT(tcp_listen(pcb) != NULL, "tcp_listen");
  return pcb;
}

static void all_calls_on_the_dead(struct tcp_pcb *(*make)(void))
{
  struct tcp_pcb *dead = make();
  unsigned i;
  IP_ADDR4(&remote, 10, 0, 0, 2);
  for (i = 0; i < CALLS; i++) {
    one_call_on_the_dead(dead, &calls[i]);
  }
  expect_pool_intact();
}

static void misuse_pcb_after_err_callback(void) { all_calls_on_the_dead(dead_by_rst); }
static void misuse_pcb_after_abort(void) { all_calls_on_the_dead(dead_by_abort); }
static void misuse_pcb_after_close(void) { all_calls_on_the_dead(dead_by_close); }
static void misuse_pcb_after_listen(void) { all_calls_on_the_dead(dead_by_listen); }

static void complaint_05_recved_after_free(void)
{
  struct tcp_pcb *dead = dead_by_rst();
  unsigned i;
  for (i = 0; i < 100; i++) {
    tcp_recved(dead, 1000);
  }
  one_call_on_the_dead(dead, &calls[0]);
  EXPECT(vnet.captured == NULL, "tcp_recved on a freed PCB sent a segment");
  expect_pool_intact();
}

static void misuse_abort_twice(void)
{
  struct tcp_pcb *dead = dead_by_abort();
  tcp_abort(dead);
  tcp_abort(dead);
  expect_consistent();
  expect_pool_intact();
}

static void misuse_close_twice_unbound(void)
{
  struct tcp_pcb *pcb = tcp_new();
  EXPECT(tcp_close(pcb) == ERR_OK, "tcp_close");
  tcp_close(pcb);
  expect_consistent();
  expect_pool_intact();
}

static void misuse_close_twice_while_closing(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  unsigned i;
  for (i = 0; i < 3; i++) {
    EXPECT(tcp_close(pcb) == ERR_OK, "tcp_close, time %u", i + 1);
    expect_consistent();
  }
  peer_ack(&p);
  tcp_close(pcb);
  peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
  EXPECT(tcp_tw_pcbs == pcb, "not in TIME-WAIT");
  tcp_close(pcb);
  expect_consistent();
  vnet_run(3 * TCP_MSL);
  tcp_close(pcb);
  expect_consistent();
  expect_pool_intact();
}

/* What the application does in its err callback: the PCB is gone already. */
static struct tcp_pcb *erring;
static void err_uses_pcb(void *arg, err_t err)
{
  static unsigned times;
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  EXPECT(++times == 1, "the err callback is called for each abort of a PCB that is gone");
  tcp_recved(erring, 10);
  tcp_arg(erring, NULL);
  tcp_recv(erring, NULL);
  tcp_close(erring);
  tcp_abort(erring);
}
static void misuse_close_in_err_callback(void)
{
  erring = establish(&app, &p);
  tcp_err(erring, err_uses_pcb);
  peer_segment(&p, TCP_RST, p.seq, 0, NULL, 0);
  expect_consistent();
  expect_pool_intact();
}
static void misuse_close_in_err_callback_of_abort(void)
{
  erring = establish(&app, &p);
  tcp_err(erring, err_uses_pcb);
  tcp_abort(erring);
  expect_consistent();
  expect_pool_intact();
}

/* --- NULL ------------------------------------------------------------------------------ */

#define NULL_CASE(fn, expr) \
  static void misuse_null_##fn(void) \
  { \
    EXPECT(expr, "tcp_" #fn " with NULL reports success"); \
  }
static err_t void_result(void) { return ERR_VAL; }
NULL_CASE(recved, (tcp_recved(NULL, 1), void_result() != ERR_OK))
NULL_CASE(write, do_write(NULL) != ERR_OK)
NULL_CASE(output, do_output(NULL) != ERR_OK)
NULL_CASE(close, do_close(NULL) != ERR_OK)
NULL_CASE(shutdown, do_shut_both(NULL) != ERR_OK)
NULL_CASE(abort, do_abort(NULL) != ERR_OK)
NULL_CASE(arg, do_arg(NULL) != ERR_OK)
NULL_CASE(recv, do_recv(NULL) != ERR_OK)
NULL_CASE(sent, do_sent(NULL) != ERR_OK)
NULL_CASE(err, do_err(NULL) != ERR_OK)
NULL_CASE(poll, do_poll(NULL) != ERR_OK)
NULL_CASE(accept, do_accept(NULL) != ERR_OK)
NULL_CASE(setprio, do_prio(NULL) != ERR_OK)
NULL_CASE(bind, do_bind(NULL) != ERR_OK)
NULL_CASE(bind_netif, do_bind_netif(NULL) != ERR_OK)
NULL_CASE(connect, (IP_ADDR4(&remote, 10, 0, 0, 2), do_connect(NULL) != ERR_OK))
NULL_CASE(listen, do_listen(NULL) != ERR_OK)
NULL_CASE(backlog_delayed, do_delayed(NULL) != ERR_OK)
NULL_CASE(backlog_accepted, do_accepted(NULL) != ERR_OK)
NULL_CASE(addrinfo, do_addrinfo(NULL) != ERR_OK)

static void misuse_null_data(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  EXPECT(tcp_write(pcb, NULL, 10, TCP_WRITE_FLAG_COPY) == ERR_ARG, "tcp_write(NULL) is not ERR_ARG");
  EXPECT(tcp_write(pcb, NULL, 10, 0) == ERR_ARG, "tcp_write(NULL) is not ERR_ARG");
  expect_alive(&app, &p);
}

static void misuse_null_address(void)
{
  struct tcp_pcb *pcb = tcp_new();
  EXPECT(tcp_connect(pcb, NULL, 80, NULL) == ERR_ARG, "tcp_connect(NULL) is not ERR_ARG");
  EXPECT(tcp_bind(pcb, NULL, 80) == ERR_OK, "tcp_bind(NULL) means any address");
  tcp_abort(pcb);
  expect_pool_intact();
}

/* --- wrong states and values ------------------------------------------------------------ */

static void misuse_too_long_writes(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  u16_t qlen;
  EXPECT(tcp_write(pcb, data, (u16_t)(tcp_sndbuf(pcb) + 1), TCP_WRITE_FLAG_COPY) == ERR_MEM,
         "a write longer than the send buffer is not ERR_MEM");
  EXPECT(tcp_write(pcb, data, 0xffff, 0) == ERR_MEM, "a write of 65535 octets is not ERR_MEM");
  qlen = pcb->snd_queuelen;
  EXPECT(pcb->snd_buf == TCP_SND_BUF && qlen == 0, "a refused write left something queued");
  EXPECT(tcp_write(pcb, data, 0, TCP_WRITE_FLAG_COPY) == ERR_OK ||
         pcb->snd_queuelen == qlen, "a write of nothing");
  expect_consistent();
  while (tcp_write(pcb, data, 1, 0) == ERR_OK) {
    expect_consistent();
  }
  EXPECT(pcb->snd_queuelen <= TCP_SND_QUEUELEN, "snd_queuelen %u", pcb->snd_queuelen);
  expect_consistent();
}

static void misuse_write_after_close(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  EXPECT(tcp_shutdown(pcb, 0, 1) == ERR_OK, "tcp_shutdown");
  EXPECT(tcp_write(pcb, data, 10, TCP_WRITE_FLAG_COPY) == ERR_CONN, "FIN-WAIT-1: not ERR_CONN");
  peer_ack(&p);
  EXPECT(tcp_write(pcb, data, 10, TCP_WRITE_FLAG_COPY) == ERR_CONN, "FIN-WAIT-2: not ERR_CONN");
  peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
  EXPECT(pcb->state == TIME_WAIT, "state %d", pcb->state);
  EXPECT(tcp_write(pcb, data, 10, TCP_WRITE_FLAG_COPY) == ERR_CONN, "TIME-WAIT: not ERR_CONN");
  EXPECT(pcb->unsent == NULL && pcb->unacked == NULL, "queued all the same");
  expect_consistent();
}

static void misuse_wrong_state_unconnected(void)
{
  struct tcp_pcb *pcb = tcp_new();
  EXPECT(tcp_write(pcb, data, 10, TCP_WRITE_FLAG_COPY) == ERR_CONN, "CLOSED: write is not ERR_CONN");
  EXPECT(tcp_shutdown(pcb, 0, 1) == ERR_CONN, "CLOSED: shutdown is not ERR_CONN");
  tcp_output(pcb);
  tcp_recved(pcb, 10);
  EXPECT(tcp_bind(pcb, IP_ADDR_ANY, 1111) == ERR_OK, "tcp_bind");
  EXPECT(tcp_write(pcb, data, 10, 0) == ERR_CONN, "bound: write is not ERR_CONN");
  expect_consistent();
  tcp_abort(pcb);
  expect_pool_intact();
}

static void misuse_wrong_state_connected(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  IP_ADDR4(&remote, 10, 0, 0, 2);
  EXPECT(do_connect(pcb) == ERR_ISCONN, "tcp_connect when connected is not ERR_ISCONN");
  EXPECT(do_bind(pcb) == ERR_VAL, "tcp_bind when connected is not ERR_VAL");
  EXPECT(do_listen(pcb) == ERR_CLSD, "tcp_listen when connected is not ERR_CLSD");
  do_accept(pcb);
  do_accepted(pcb);
  do_accepted(pcb);
  tcp_setprio(pcb, 0);
  tcp_setprio(pcb, 255);
  tcp_poll(pcb, NULL, 0);
  expect_alive(&app, &p);
}

/* RFC 9293 3.9.2.3 (MUST-46): nobody can answer from the address of many. */
static void rfc9293_connect_to_many(void)
{
  static const u32_t many[] = { 0xffffffffUL, 0x0a0000ffUL, 0xe0000001UL, 0xefffffffUL };
  unsigned i, bound;
  for (bound = 0; bound < 2; bound++) {
    struct tcp_pcb *pcb = tcp_new();
    EXPECT(!bound || tcp_bind(pcb, IP_ADDR_ANY, 4000) == ERR_OK, "tcp_bind");
    for (i = 0; i < sizeof many / sizeof many[0]; i++) {
      ip_addr_set_ip4_u32(&remote, lwip_htonl(many[i]));
      EXPECT(do_connect(pcb) == ERR_VAL, "tcp_connect to %s is not ERR_VAL", ipaddr_ntoa(&remote));
      EXPECT(vnet.captured == NULL, "tcp_connect to %s sent a segment", ipaddr_ntoa(&remote));
      EXPECT(pcb->state == CLOSED, "tcp_connect to %s: state %d", ipaddr_ntoa(&remote), pcb->state);
      expect_consistent();
    }
    /* The PCB is as good as before. */
    IP_ADDR4(&remote, 10, 0, 0, 2);
    EXPECT(do_connect(pcb) == ERR_OK, "tcp_connect to one host");
    EXPECT(vnet.captured != NULL && pcb->state == SYN_SENT, "no SYN");
    tcp_abort(pcb);
    vnet_drop_captured();
  }
  expect_pool_intact();
}

/* SO_REUSE: a port may be bound again, also one that is in TIME-WAIT; the very connection that there is cannot be opened again. */
static void reuse_of_a_connection_that_exists(void)
{
  struct tcp_pcb *pcb[3];
  unsigned i;
  IP_ADDR4(&remote, 10, 0, 0, 2);
  for (i = 0; i < 3; i++) {
    EXPECT((pcb[i] = tcp_new()) != NULL, "no PCB");
    ip_set_option(pcb[i], SOF_REUSEADDR);
  }
  EXPECT(do_bind(pcb[0]) == ERR_OK && do_connect(pcb[0]) == ERR_OK, "the first connection");
  EXPECT(do_bind(pcb[1]) == ERR_OK, "the port is not to be had again");
  EXPECT(do_connect(pcb[1]) == ERR_USE && pcb[1]->state == CLOSED, "the same connection is opened twice");
  EXPECT(tcp_connect(pcb[1], &remote, 78, NULL) == ERR_OK, "to another port");
  /* The first one goes to TIME-WAIT. */
  peer_init(&p, PEER_ADDR, 77, 4321);
  {
    struct segment s;
    EXPECT(peer_receive(&p, &s) && (s.flags & TCP_SYN), "no SYN");
    p.ack = s.seq + 1;
  }
  peer_opts_syn(&p, 536);
  peer_send(&p, TCP_SYN | TCP_ACK, NULL, 0);
  p.optlen = 0;
  EXPECT(tcp_close(pcb[0]) == ERR_OK, "tcp_close");
  peer_ack(&p);
  peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
  EXPECT(pcb[0]->state == TIME_WAIT, "state %d", pcb[0]->state);
  tcp_abort(pcb[1]);
  EXPECT((pcb[1] = tcp_new()) != NULL && do_bind(pcb[1]) == ERR_USE, "without SO_REUSEADDR TIME-WAIT is no obstacle");
  EXPECT(do_bind(pcb[2]) == ERR_OK, "with SO_REUSEADDR TIME-WAIT is an obstacle");
  EXPECT(do_connect(pcb[2]) == ERR_USE, "the connection in TIME-WAIT is opened again");
  tcp_abort(pcb[1]);
  tcp_abort(pcb[2]);
  vnet_drop_captured();
  expect_pool_intact();
}

/* A listening PCB is a smaller struct: what belongs to a connection would be
 * written past its end. */
static struct tcp_pcb *listening(void)
{
  struct tcp_pcb *pcb = tcp_new();
  EXPECT(tcp_bind(pcb, IP_ADDR_ANY, 1234) == ERR_OK, "tcp_bind");
  return tcp_listen(pcb);
}

static void on_a_listener(unsigned index)
{
  struct tcp_pcb *first = listening(), *neighbour;
  static u8_t before[2][sizeof(struct tcp_pcb_listen)];
  err_t err;
  neighbour = tcp_new();
  tcp_bind(neighbour, IP_ADDR_ANY, 1235);
  neighbour = tcp_listen(neighbour);
  IP_ADDR4(&remote, 10, 0, 0, 2);
  memcpy(before[0], first, sizeof before[0]);
  memcpy(before[1], neighbour, sizeof before[1]);
  err = calls[index].call(neighbour); /* whichever comes first in the pool */
  EXPECT(!calls[index].must_fail || err != ERR_OK, "tcp_%s on a listener reports success",
         calls[index].name);
  EXPECT(memcmp(before[0], first, sizeof before[0]) == 0, "wrote past the end of a listener");
  memcpy(before[1], neighbour, sizeof before[1]);
  err = calls[index].call(first);
  EXPECT(!calls[index].must_fail || err != ERR_OK, "tcp_%s on a listener reports success",
         calls[index].name);
  EXPECT(memcmp(before[1], neighbour, sizeof before[1]) == 0, "wrote past the end of a listener");
  expect_consistent();
}

#define LISTENER_CASE(name, index) \
  static void misuse_listener_##name(void) { on_a_listener(index); }
LISTENER_CASE(recved, 0)
LISTENER_CASE(write, 1)
LISTENER_CASE(write_nocopy, 2)
LISTENER_CASE(output, 3)
LISTENER_CASE(shutdown_rx, 5)
LISTENER_CASE(shutdown_tx, 6)
LISTENER_CASE(shutdown_both, 7)
LISTENER_CASE(recv, 10)
LISTENER_CASE(sent, 11)
LISTENER_CASE(err, 12)
LISTENER_CASE(poll, 13)
LISTENER_CASE(bind, 16)
LISTENER_CASE(connect, 18)
LISTENER_CASE(listen, 19)
LISTENER_CASE(backlog_delayed, 20)
LISTENER_CASE(backlog_accepted, 21)

static void misuse_listener_abort(void)
{
  struct tcp_pcb *l = listening();
  tcp_abort(l);
  expect_consistent();
  if (check_pcb_on_list(l)) {
    EXPECT(tcp_close(l) == ERR_OK, "tcp_close");
  }
  expect_pool_intact();
}

/* It has no peer: what lies where a connection's port would be is another field. */
static void misuse_listener_addrinfo_of_its_peer(void)
{
  struct tcp_pcb *l = listening();
  ip_addr_t a;
  u16_t port = 0;
  EXPECT(tcp_tcp_get_tcp_addrinfo(l, 0, &a, &port) == ERR_VAL && port == 0, "a listener has the peer port %u", port);
  EXPECT(tcp_tcp_get_tcp_addrinfo(l, 1, &a, &port) == ERR_OK && port == 1234, "a listener has the port %u", port);
}

static err_t accept_aborts(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  if (pcb != NULL) {
    tcp_abort(pcb);
  }
  return ERR_OK; /* should be ERR_ABRT */
}

static void misuse_accept_aborts_returning_ok(void)
{
  struct tcp_pcb *l = listening();
  tcp_accept(l, accept_aborts);
  peer_init(&p, PEER_ADDR, 5000, 1234);
  peer_open(&p);
  peer_send(&p, TCP_ACK, "x", 1);
  vnet_run(3000);
  vnet_drop_captured();
  expect_consistent();
  expect_pool_intact();
}

static err_t connected_aborts(void *arg, struct tcp_pcb *pcb, err_t err)
{
  return accept_aborts(arg, pcb, err);
}

static void misuse_connected_aborts_returning_ok(void)
{
  struct segment s;
  struct tcp_pcb *pcb = tcp_new();
  IP_ADDR4(&remote, 10, 0, 0, 2);
  EXPECT(tcp_connect(pcb, &remote, 99, connected_aborts) == ERR_OK, "tcp_connect");
  peer_init(&p, PEER_ADDR, 99, pcb->local_port);
  EXPECT(peer_receive(&p, &s), "no SYN");
  p.ack = s.seq + 1;
  peer_opts_syn(&p, 536);
  peer_send(&p, TCP_SYN | TCP_ACK, NULL, 0);
  p.optlen = 0;
  peer_send(&p, TCP_ACK, "x", 1);
  vnet_run(3000);
  vnet_drop_captured();
  expect_consistent();
  expect_pool_intact();
}

static void misuse_backlog_delayed_often(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  unsigned i;
  for (i = 0; i < 600; i++) {
    tcp_backlog_delayed(pcb);
  }
  for (i = 0; i < 600; i++) {
    tcp_backlog_accepted(pcb);
  }
  tcp_backlog_delayed(pcb);
  tcp_abort(pcb);
  app_accepted = 0;
  memset(&app, 0, sizeof app);
  vnet_drop_captured();
  peer_init(&p, PEER_ADDR, 5001, 80);
  peer_open(&p);
  EXPECT(app.pcb != NULL, "the listener's backlog is used up");
  expect_alive(&app, &p);
}

#define CASE(name) { #name, name, 1 }
/* C stops at an assertion, or works on memory that is not the PCB's any more. */
#define TOLD(name) { #name, name, CASE_IS_TOLD }
const struct attack_case cases_misuse[] = {
  TOLD(misuse_pcb_after_err_callback), TOLD(misuse_pcb_after_abort),
  TOLD(misuse_pcb_after_close), TOLD(misuse_pcb_after_listen),
  TOLD(complaint_05_recved_after_free), TOLD(misuse_abort_twice),
  TOLD(misuse_close_twice_unbound), TOLD(misuse_close_twice_while_closing),
  TOLD(misuse_close_in_err_callback), TOLD(misuse_close_in_err_callback_of_abort),
  CASE(misuse_null_recved), CASE(misuse_null_write), TOLD(misuse_null_output),
  CASE(misuse_null_close), CASE(misuse_null_shutdown), CASE(misuse_null_abort),
  CASE(misuse_null_arg), CASE(misuse_null_recv), CASE(misuse_null_sent),
  CASE(misuse_null_err), CASE(misuse_null_poll), CASE(misuse_null_accept),
  CASE(misuse_null_setprio), CASE(misuse_null_bind), CASE(misuse_null_bind_netif),
  CASE(misuse_null_connect), CASE(misuse_null_listen), TOLD(misuse_null_backlog_delayed),
  TOLD(misuse_null_backlog_accepted), CASE(misuse_null_addrinfo), CASE(misuse_null_data),
  CASE(misuse_null_address),
  CASE(misuse_too_long_writes), CASE(misuse_write_after_close),
  CASE(misuse_wrong_state_unconnected), CASE(misuse_wrong_state_connected),
  CASE(rfc9293_connect_to_many),
  { "reuse_of_a_connection_that_exists", reuse_of_a_connection_that_exists, 0 },
  TOLD(misuse_listener_recved), TOLD(misuse_listener_write), TOLD(misuse_listener_write_nocopy),
  TOLD(misuse_listener_output), CASE(misuse_listener_shutdown_rx),
  CASE(misuse_listener_shutdown_tx), CASE(misuse_listener_shutdown_both),
  TOLD(misuse_listener_recv), TOLD(misuse_listener_sent), TOLD(misuse_listener_err),
  TOLD(misuse_listener_poll), TOLD(misuse_listener_bind), TOLD(misuse_listener_connect),
  CASE(misuse_listener_listen), TOLD(misuse_listener_backlog_delayed),
  TOLD(misuse_listener_backlog_accepted), TOLD(misuse_listener_abort),
  CASE(misuse_listener_addrinfo_of_its_peer),
  CASE(misuse_accept_aborts_returning_ok), CASE(misuse_connected_aborts_returning_ok),
  CASE(misuse_backlog_delayed_often),
};
const unsigned cases_misuse_count = sizeof cases_misuse / sizeof cases_misuse[0];
