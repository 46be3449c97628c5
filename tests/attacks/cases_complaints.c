/* What lwIP's users complain about, as far as a TCP core can cure it. The
 * numbers are those of README.md; 7 and 8 are in cases_timing.c. */
#include <string.h>

#include "attacks.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/ip.h"
#ifdef TEST_RUST
#include "lwip_tcp_rust.h"
#endif

static struct app app, many[2 * MEMP_NUM_TCP_PCB + 8];
static struct peer p, q;
static u8_t data[TCP_SND_BUF + 4096];

/* --- 1, 6: callbacks and PCBs that are gone ------------------------------------- */

static struct tcp_pcb *freed, *reused;
static int how;

static err_t never_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *pb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(err);
  if (pb != NULL) {
    pbuf_free(pb);
  }
  attack_fail("recv callback for a connection that never received");
  return ERR_OK;
}

/* Ends the PCB in its own callback and takes one anew: most likely the same
 * memory, which must not be mistaken for the connection of the segment. */
static err_t end_and_reuse(void *arg, struct tcp_pcb *pcb, struct pbuf *pb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  if (pb != NULL) {
    tcp_recved(pcb, pb->tot_len);
    pbuf_free(pb);
  }
  freed = pcb;
  tcp_err(pcb, NULL);
  tcp_recv(pcb, NULL);
  if (how == 0) {
    tcp_abort(pcb);
  } else {
    EXPECT(tcp_close(pcb) == ERR_OK, "tcp_close");
  }
  reused = tcp_new();
  if (reused != NULL) {
    tcp_recv(reused, never_recv);
    EXPECT(tcp_bind(reused, IP_ADDR_ANY, 4444) == ERR_OK, "tcp_bind");
  }
  return how == 0 ? ERR_ABRT : ERR_OK;
}

static void complaint_01_recv_for_wrong_pcb(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  how = 0;
  tcp_recv(pcb, end_and_reuse);
  peer_send(&p, TCP_ACK | TCP_FIN, "data", 4);
  EXPECT(freed == pcb, "recv callback not called");
  peer_send(&p, TCP_ACK, "more", 4);
  EXPECT(reused != NULL && reused->state == CLOSED && reused->local_port == 4444,
         "the new PCB was touched");
  vnet_run(5000);
  expect_consistent();
  tcp_abort(reused);
}

static void complaint_01_closed_in_recv_and_reused(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  how = 1;
  tcp_recv(pcb, end_and_reuse);
  peer_send(&p, TCP_ACK, "data", 4);
  peer_send(&p, TCP_ACK, "more", 4);
  EXPECT(reused != NULL && reused->state == CLOSED && reused->local_port == 4444,
         "the new PCB was touched");
  vnet_run(5000);
  expect_consistent();
}

static void complaint_01_random_life_of_pcbs(void)
{
  u32_t r = 12345;
  unsigned i, n = 0;
  app_listen(80, many, 2 * MEMP_NUM_TCP_PCB);
  for (i = 0; i < 2000 && n < 2 * MEMP_NUM_TCP_PCB - 1; i++) {
    struct app *a = &many[n ? r % n : 0];
    r = r * 1664525u + 1013904223u;
    switch ((r >> 16) % 5) {
      case 0:
        peer_init(&q, PEER_ADDR, (u16_t)(5000 + i), 80);
        peer_opts_syn(&q, 536);
        peer_send(&q, TCP_SYN, NULL, 0);
        q.optlen = 0;
        peer_collect(&q, NULL);
        peer_send(&q, TCP_ACK, "x", 1);
        n = app_accepted;
        break;
      case 1:
        if (a->pcb != NULL && tcp_write(a->pcb, data, 20, TCP_WRITE_FLAG_COPY) == ERR_OK) {
          tcp_output(a->pcb);
        }
        break;
      case 2:
        if (a->pcb != NULL) {
          tcp_abort(a->pcb); /* the err callback clears a->pcb */
        }
        break;
      case 3:
        peer_send(&q, TCP_ACK, "abc", 3);
        break;
      default:
        vnet_run(300);
    }
    vnet_drop_captured();
    expect_consistent();
  }
}

/* The PCB aborted in its callback, ERR_OK returned instead of ERR_ABRT: an
 * error of the application, but not one that may corrupt memory. */
static err_t abort_and_lie(void *arg, struct tcp_pcb *pcb, struct pbuf *pb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  if (pb != NULL) {
    pbuf_free(pb);
  }
  tcp_err(pcb, NULL);
  tcp_abort(pcb);
  return ERR_OK;
}
static err_t sent_abort_and_lie(void *arg, struct tcp_pcb *pcb, u16_t len)
{
  LWIP_UNUSED_ARG(len);
  return abort_and_lie(arg, pcb, NULL, ERR_OK);
}
static err_t poll_abort_and_lie(void *arg, struct tcp_pcb *pcb)
{
  return abort_and_lie(arg, pcb, NULL, ERR_OK);
}

static void after_the_lie(struct usage *before)
{
  const char *bad;
  vnet_run(3000);
  vnet_drop_captured();
  expect_consistent();
  bad = usage_compare(before);
  EXPECT(bad == NULL, "%s", bad);
  EXPECT(tcp_active_pcbs == NULL, "the aborted PCB is still there");
}

static void prepare_the_lie(struct usage *before)
{
  app_listen(80, &app, 1);
  usage_take(before);
  peer_init(&p, PEER_ADDR, 5000, 80);
  peer_open(&p);
  peer_collect(&p, NULL);
  EXPECT(app.pcb != NULL, "connection");
}

static void complaint_06_abort_in_recv_returning_ok(void)
{
  struct usage before;
  prepare_the_lie(&before);
  tcp_recv(app.pcb, abort_and_lie);
  peer_send(&p, TCP_ACK | TCP_FIN, "data", 4);
  after_the_lie(&before);
}

static void complaint_06_abort_in_sent_returning_ok(void)
{
  struct usage before;
  prepare_the_lie(&before);
  tcp_sent(app.pcb, sent_abort_and_lie);
  tcp_write(app.pcb, data, 100, TCP_WRITE_FLAG_COPY);
  tcp_output(app.pcb);
  peer_collect(&p, NULL);
  peer_send(&p, TCP_ACK | TCP_FIN, "data", 4);
  after_the_lie(&before);
}

static void complaint_06_abort_in_poll_returning_ok(void)
{
  struct usage before;
  prepare_the_lie(&before);
  tcp_poll(app.pcb, poll_abort_and_lie, 1);
  vnet_run(1000);
  after_the_lie(&before);
}

/* One segment that acknowledges and brings data; the connection ends in the
 * sent callback, before the data are delivered. */
static err_t sent_ends(void *arg, struct tcp_pcb *pcb, u16_t len)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(len);
  tcp_err(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_poll(pcb, NULL, 0);
  if (how == 0) {
    tcp_abort(pcb);
    return ERR_ABRT;
  }
  tcp_close(pcb);
  return ERR_OK;
}

static void end_in_sent(int by_close)
{
  struct usage before;
  prepare_the_lie(&before);
  how = by_close;
  tcp_sent(app.pcb, sent_ends);
  tcp_write(app.pcb, data, 100, TCP_WRITE_FLAG_COPY);
  tcp_output(app.pcb);
  peer_collect(&p, NULL);
  peer_send(&p, TCP_ACK, "data", 4);
  while (tcp_active_pcbs != NULL) {
    tcp_abort(tcp_active_pcbs);
  }
  after_the_lie(&before);
}

static void complaint_06_abort_in_sent_with_data_leaks_nothing(void) { end_in_sent(0); }
static void complaint_06_close_in_sent_with_data_leaks_nothing(void) { end_in_sent(1); }

static int by_close_again;

/* Data were refused; offered again with the next segment, the application
 * aborts, as it should with ERR_ABRT. */
static err_t refuse_then_abort(void *arg, struct tcp_pcb *pcb, struct pbuf *pb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  if (how++ == 0) {
    return ERR_MEM;
  }
  if (pb != NULL) {
    pbuf_free(pb);
  }
  tcp_err(pcb, NULL);
  if (by_close_again) { /* data unread: RST, and the PCB is free at once */
    tcp_recv(pcb, NULL);
    tcp_close(pcb);
    return ERR_OK;
  }
  tcp_abort(pcb);
  return ERR_ABRT;
}

static void end_when_offered_again(int by_close)
{
  struct usage before;
  by_close_again = by_close;
  prepare_the_lie(&before);
  how = 0;
  tcp_recv(app.pcb, refuse_then_abort);
  peer_send(&p, TCP_ACK, "data", 4);
  EXPECT(app.pcb->refused_data != NULL, "nothing refused");
  peer_send(&p, TCP_ACK, "more", 4);
  EXPECT(how == 2, "not offered again with the next segment");
  after_the_lie(&before);
}

static void complaint_06_abort_when_refused_data_come_again(void) { end_when_offered_again(0); }
static void complaint_06_close_when_refused_data_come_again(void) { end_when_offered_again(1); }

static unsigned refusals, refusing = 1;
static u32_t taken_late;
static err_t refuse(void *arg, struct tcp_pcb *pcb, struct pbuf *pb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  if (pb == NULL) {
    return ERR_OK;
  }
  if (refusing) {
    refusals++;
    return ERR_MEM;
  }
  taken_late += pb->tot_len;
  tcp_recved(pcb, pb->tot_len);
  pbuf_free(pb);
  return ERR_OK;
}

/* The last data and the FIN in one segment, refused: the PCB is in TIME-WAIT
 * with data that were acknowledged, but not taken yet. */
static struct tcp_pcb *refused_in_time_wait(void)
{
  struct tcp_pcb *pcb = app.pcb;
  tcp_recv(pcb, refuse);
  EXPECT(tcp_shutdown(pcb, 0, 1) == ERR_OK, "tcp_shutdown");
  peer_ack(&p);
  EXPECT(pcb->state == FIN_WAIT_2, "state %d", pcb->state);
  peer_send(&p, TCP_ACK | TCP_FIN, "last words", 10);
  EXPECT(refusals == 1, "not offered");
  return pcb;
}

static void complaint_10_refused_data_in_time_wait_leak_nothing(void)
{
  struct usage before;
  prepare_the_lie(&before);
  refused_in_time_wait();
  vnet_run(3 * TCP_MSL);
  EXPECT(tcp_tw_pcbs == NULL && tcp_active_pcbs == NULL, "still there after 2MSL");
  after_the_lie(&before);
}

static void refused_data_in_time_wait_are_offered_again(void)
{
  struct usage before;
  prepare_the_lie(&before);
  refused_in_time_wait();
  refusing = 0;
  vnet_run(1000);
  EXPECT(taken_late == 10, "%u of 10 acknowledged octets delivered", (unsigned)taken_late);
}

static void complaint_06_no_callback_after_the_end(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  unsigned polls;
  tcp_write(pcb, data, 100, TCP_WRITE_FLAG_COPY);
  tcp_output(pcb);
  peer_segment(&p, TCP_RST, p.seq, 0, NULL, 0);
  EXPECT(app.err_calls == 1 && app.err == ERR_RST && app.pcb == NULL, "not reset");
  polls = app.poll_calls + app.recv_calls + app.sent_calls;
  peer_send(&p, TCP_ACK, "data", 4);
  vnet_run(20000);
  EXPECT(polls == app.poll_calls + app.recv_calls + app.sent_calls && app.err_calls == 1,
         "callback after the err callback");
}

/* --- 2, 12: the wrong thread ------------------------------------------------------ */

static struct tcp_pcb *lock_pcb;
static void lock_new(void) { tcp_abort(tcp_new()); }
static void lock_bind(void) { tcp_bind(lock_pcb, IP_ADDR_ANY, 99); }
static void lock_write(void) { tcp_write(lock_pcb, "x", 1, TCP_WRITE_FLAG_COPY); }
static void lock_output(void) { tcp_output(lock_pcb); }
static void lock_recved(void) { tcp_recved(lock_pcb, 0); }
static void lock_shutdown(void) { tcp_shutdown(lock_pcb, 0, 0); }
static void lock_close(void) { tcp_close(tcp_new()); }
static void lock_arg(void) { tcp_arg(lock_pcb, &app); }
static void lock_recv(void) { tcp_recv(lock_pcb, tcp_recv_null); }
static void lock_sent(void) { tcp_sent(lock_pcb, NULL); }
static void lock_err(void) { tcp_err(lock_pcb, NULL); }
static void lock_poll(void) { tcp_poll(lock_pcb, NULL, 1); }
static void lock_setprio(void) { tcp_setprio(lock_pcb, TCP_PRIO_NORMAL); }
static void lock_abort(void) { tcp_abort(tcp_new()); }
#ifdef TEST_RUST
static void lock_info(void)
{
  struct lwip_tcp_rust_info info;
  lwip_tcp_rust_info(lock_pcb, &info);
}
#endif

static void complaint_02_12_wrong_thread_is_caught(void)
{
  static const struct { const char *name; void (*call)(void); unsigned least; } calls[] = {
    { "tcp_new", lock_new, 1 }, { "tcp_bind", lock_bind, 1 }, { "tcp_write", lock_write, 1 },
    { "tcp_output", lock_output, 1 }, { "tcp_recved", lock_recved, 1 },
    { "tcp_shutdown", lock_shutdown, 1 }, { "tcp_close", lock_close, 2 },
    { "tcp_arg", lock_arg, 1 }, { "tcp_recv", lock_recv, 1 }, { "tcp_sent", lock_sent, 1 },
    { "tcp_err", lock_err, 1 }, { "tcp_poll", lock_poll, 1 },
    { "tcp_setprio", lock_setprio, 1 }, { "tcp_abort", lock_abort, 2 },
#ifdef TEST_RUST
    { "lwip_tcp_rust_info", lock_info, 1 },
#endif
  };
  unsigned i;
  lock_pcb = establish(&app, &p);
  vnet_lock_held = 0;
  for (i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    vnet_lock_violations = 0;
    calls[i].call();
    EXPECT(vnet_lock_violations >= calls[i].least, "%s without the core lock is not caught",
           calls[i].name);
  }
  vnet_lock_violations = 0;
  peer_send(&p, TCP_ACK, NULL, 0);
  EXPECT(vnet_lock_violations >= 1, "tcp_input without the core lock is not caught");
  vnet_lock_held = 1;
  if (app.pcb != NULL) {
    tcp_abort(lock_pcb);
  }
}

static void complaint_02_valid_queue_length(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  u32_t r = 7, wrote = 0;
  unsigned i;
  for (i = 0; i < 3000; i++) {
    u16_t len;
    r = r * 1664525u + 1013904223u;
    len = (u16_t)((r >> 16) % 700);
    if (tcp_write(pcb, data + (r >> 20) % 1000, len,
                  (r & 0x100) ? TCP_WRITE_FLAG_COPY : TCP_WRITE_FLAG_MORE) == ERR_OK) {
      wrote += len;
    }
    tcp_output(pcb);
    expect_consistent();
    if ((r >> 8) % 3 == 0) {
      peer_collect(&p, NULL);
      peer_segment(&p, TCP_ACK, p.seq, p.ack - ((r >> 9) & 1 ? 0 : (r >> 10) % 3), NULL, 0);
    }
    if ((r >> 12) % 17 == 0) {
      vnet_run(250);
    }
    expect_consistent();
    EXPECT(app.pcb != NULL, "connection ended");
  }
  EXPECT(wrote > 100000 && app.sent + TCP_SND_BUF >= wrote, "only %u octets", (unsigned)wrote);
}

/* --- 3, 5: tcp_recved -------------------------------------------------------------- */

static void complaint_03_recved_more_than_received(void)
{
  struct tcp_pcb *pcb;
  unsigned i;
  app.keep_window = 1;
  pcb = establish(&app, &p);
  for (i = 0; i < 20; i++) {
    tcp_recved(pcb, 0xffff);
    tcp_recved(pcb, 1);
    EXPECT(pcb->rcv_wnd <= TCP_WND_MAX(pcb), "window %u, at most %u is right",
           (unsigned)pcb->rcv_wnd, (unsigned)TCP_WND_MAX(pcb));
    expect_consistent();
    peer_send(&p, TCP_ACK, "abc", 3);
    tcp_recved(pcb, 0xffff);
  }
  expect_alive(&app, &p);
}

static void complaint_03_recved_in_every_state(void)
{
  struct tcp_pcb *pcb = tcp_new();
  ip_addr_t addr;
  unsigned i;
  for (i = 0; i < 5; i++) {
    tcp_recved(pcb, 0xffff);
  }
  EXPECT(pcb->rcv_wnd <= TCP_WND_MAX(pcb), "CLOSED: window %u", (unsigned)pcb->rcv_wnd);
  IP_ADDR4(&addr, 10, 0, 0, 2);
  EXPECT(tcp_connect(pcb, &addr, 99, NULL) == ERR_OK, "tcp_connect");
  for (i = 0; i < 5; i++) {
    tcp_recved(pcb, 0xffff);
    expect_consistent();
  }
  tcp_abort(pcb);
}

static unsigned list_count(const struct tcp_pcb *pcb)
{
  unsigned n = 0;
  for (; pcb != NULL; pcb = pcb->next) {
    n++;
  }
  return n;
}

/* --- 4, 9, 10: the pool ------------------------------------------------------------- */

/* Fills the pool with PCBs in each state by turns, then asks for more. */
static void open_and_leave_in(unsigned i, unsigned state)
{
  peer_init(&q, PEER_ADDR, (u16_t)(5000 + i), 80);
  peer_open(&q);
  EXPECT(many[app_accepted - 1].pcb != NULL, "connection %u", i);
  q.wnd = 8000;
  switch (state) {
    case 0: /* LAST-ACK */
      peer_send(&q, TCP_ACK | TCP_FIN, NULL, 0);
      tcp_err(many[app_accepted - 1].pcb, NULL);
      tcp_close(many[app_accepted - 1].pcb);
      break;
    case 1: /* CLOSING */
      tcp_err(many[app_accepted - 1].pcb, NULL);
      tcp_close(many[app_accepted - 1].pcb);
      peer_segment(&q, TCP_ACK | TCP_FIN, q.seq, q.ack, NULL, 0);
      break;
    case 2: /* TIME-WAIT */
      tcp_err(many[app_accepted - 1].pcb, NULL);
      tcp_close(many[app_accepted - 1].pcb);
      peer_collect(&q, NULL);
      peer_send(&q, TCP_ACK | TCP_FIN, NULL, 0);
      break;
    default:
      tcp_setprio(many[app_accepted - 1].pcb, TCP_PRIO_MIN);
  }
  vnet_drop_captured();
}

static void complaint_04_eviction_never_asserts(void)
{
  unsigned i, first;
  struct tcp_pcb *extra[4];
  for (first = 0; first < 4; first++) {
    app_accepted = 0;
    memset(many, 0, sizeof many);
    if (first == 0) {
      app_listen(80, many, MEMP_NUM_TCP_PCB + 1);
    }
    for (i = 0; i < MEMP_NUM_TCP_PCB; i++) {
      open_and_leave_in(first * 20 + i, (first + i) % 4);
      expect_consistent();
      vnet_run(500);
      vnet_drop_captured();
    }
    for (i = 0; i < 4; i++) {
      extra[i] = tcp_new();
      EXPECT(extra[i] != NULL, "round %u: no PCB %u by eviction", first, i);
      expect_consistent();
    }
    for (i = 0; i < 4; i++) {
      tcp_abort(extra[i]);
    }
    while (tcp_active_pcbs != NULL) {
      tcp_abort(tcp_active_pcbs);
    }
    while (tcp_tw_pcbs != NULL) {
      tcp_abort(tcp_tw_pcbs);
    }
    vnet_drop_captured();
  }
}

/* Who goes first is documented at tcp_alloc: TIME-WAIT, LAST-ACK, CLOSING, then the lowest priority below that of
 * the new one; of equals the one that was silent for longest. */
static void complaint_04_eviction_in_lwips_order(void)
{
  static const enum tcp_state order[] = { TIME_WAIT, LAST_ACK, CLOSING };
  struct tcp_pcb *pcb, *extra[6], *low, *old;
  unsigned i, n = 0;
  app_listen(80, many, MEMP_NUM_TCP_PCB + 1);
  /* the wrong way round: those that go last are opened first */
  for (i = 0; i < 3; i++) {
    open_and_leave_in(n++, 3);
    vnet_run(600);
  }
  old = many[0].pcb;
  low = many[1].pcb;
  tcp_setprio(old, TCP_PRIO_NORMAL - 1);
  tcp_setprio(low, TCP_PRIO_NORMAL - 2);
  tcp_setprio(many[2].pcb, TCP_PRIO_NORMAL - 1);
  open_and_leave_in(n++, 1); /* CLOSING */
  open_and_leave_in(n++, 0); /* LAST-ACK */
  open_and_leave_in(n++, 2); /* TIME-WAIT */
  while (n++ < MEMP_NUM_TCP_PCB) {
    EXPECT((pcb = tcp_new()) != NULL, "no PCB %u", n);
    tcp_setprio(pcb, TCP_PRIO_MAX);
    EXPECT(tcp_bind(pcb, IP_ADDR_ANY, (u16_t)(4000 + n)) == ERR_OK, "tcp_bind");
  }
  vnet_drop_captured();
  for (i = 0; i < 6; i++) {
    EXPECT(list_count(tcp_tw_pcbs) + list_count(tcp_active_pcbs) == 6 - i, "round %u: more than one was evicted", i);
    for (n = i; n < 3; n++) {
      const struct tcp_pcb *q = order[n] == TIME_WAIT ? tcp_tw_pcbs : tcp_active_pcbs;
      for (; q != NULL && q->state != order[n]; q = q->next) {
      }
      EXPECT(q != NULL, "round %u: %s was evicted out of its turn", i, tcp_debug_state_str(order[n]));
    }
    EXPECT((i < 4) == check_pcb_on_list(low) && (i < 5) == check_pcb_on_list(old), "round %u: the wrong one", i);
    EXPECT((extra[i] = tcp_new()) != NULL, "no PCB by eviction in round %u", i);
    tcp_setprio(extra[i], TCP_PRIO_MAX);
    vnet_drop_captured();
  }
  EXPECT(tcp_new() == NULL, "a PCB of higher priority was evicted");
  for (i = 0; i < 6; i++) {
    tcp_abort(extra[i]);
  }
}

/* Eviction while a segment of the evicted PCB is being worked on. */
static err_t recv_and_evict(void *arg, struct tcp_pcb *pcb, struct pbuf *pb, err_t err)
{
  unsigned i;
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(err);
  if (pb != NULL) {
    pbuf_free(pb);
  }
  for (i = 0; i < MEMP_NUM_TCP_PCB + 2; i++) {
    many[i].pcb = tcp_alloc(TCP_PRIO_MAX);
  }
  return check_pcb_on_list(pcb) ? ERR_OK : ERR_ABRT;
}

static void complaint_04_eviction_in_a_callback(void)
{
  struct tcp_pcb *pcb = establish(&app, &p);
  unsigned i;
  tcp_setprio(pcb, TCP_PRIO_MIN);
  tcp_recv(pcb, recv_and_evict);
  peer_send(&p, TCP_ACK | TCP_FIN, "data", 4);
  expect_consistent();
  for (i = 0; i < MEMP_NUM_TCP_PCB + 2; i++) {
    if (many[i].pcb != NULL) {
      tcp_abort(many[i].pcb);
    }
  }
  vnet_run(3000);
}

static void complaint_09_10_time_wait_is_recycled_at_the_limit(void)
{
  static struct app apps[5 * MEMP_NUM_TCP_PCB];
  unsigned i, n;
  app_listen(80, apps, 5 * MEMP_NUM_TCP_PCB);
  for (i = 0; i < 5 * MEMP_NUM_TCP_PCB; i++) {
    peer_init(&q, PEER_ADDR, (u16_t)(5000 + i), 80);
    peer_open(&q);
    EXPECT(apps[i].pcb != NULL, "connection %u", i);
    tcp_err(apps[i].pcb, NULL);
    tcp_close(apps[i].pcb);
    peer_collect(&q, NULL);
    peer_send(&q, TCP_ACK | TCP_FIN, NULL, 0);
    n = list_count(tcp_tw_pcbs) + list_count(tcp_active_pcbs);
    EXPECT(n <= MEMP_NUM_TCP_PCB, "%u PCBs, MEMP_NUM_TCP_PCB is %d", n, MEMP_NUM_TCP_PCB);
    vnet_run(600);
    vnet_drop_captured();
  }
}

/* --- 11: woken when memory comes back ---------------------------------------------------- */

static void complaint_11_err_mem_woken_when_memory_returns(void)
{
  struct app *blocked = &many[0], *hog = &many[1];
  unsigned calls;
  u32_t at;
  app_listen(80, many, 2);
  peer_init(&p, PEER_ADDR, 5000, 80);
  peer_open(&p);
  peer_init(&q, PEER_ADDR, 5001, 80);
  peer_open(&q);
  peer_collect(&p, NULL);
  peer_collect(&q, NULL);
  /* just after a slow tick, which tcp_tmr() makes at every other call */
  vnet_run(500 - vnet.now % 500 + 260);
  EXPECT(tcp_write(hog->pcb, data, 2000, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
  tcp_output(hog->pcb);
  /* no segment is to be had: as if the pool were empty */
  inject_arm(INJECT_OUTAGE, 1);
  EXPECT(tcp_write(blocked->pcb, data, 500, TCP_WRITE_FLAG_COPY) == ERR_MEM, "not ERR_MEM");
  inject_disarm();
  at = vnet.now;
  calls = blocked->sent_calls + blocked->poll_calls;
  peer_ack(&q); /* frees what the other connection held */
  EXPECT(hog->sent_calls > 0, "nothing freed");
  vnet_run(240); /* less than any slow tick is away; a fast tick at most */
  EXPECT(blocked->sent_calls + blocked->poll_calls > calls,
         "blocked by ERR_MEM and not woken in the %u ms after memory came back",
         (unsigned)(vnet.now - at));
}

static err_t recv_and_write(void *arg, struct tcp_pcb *pcb, struct pbuf *in, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  tcp_recved(pcb, in->tot_len);
  pbuf_free(in);
  inject_arm(INJECT_OUTAGE, 1);
  EXPECT(tcp_write(pcb, data, 500, TCP_WRITE_FLAG_COPY) == ERR_MEM, "not ERR_MEM");
  inject_disarm();
  return ERR_OK;
}

/* The ACK that goes out when the callback is done is no sign of memory. */
static void complaint_11_err_mem_in_a_callback_is_woken(void)
{
  unsigned calls;
  tcp_recv(establish(&app, &p), recv_and_write);
  vnet_run(500 - vnet.now % 500 + 260);
  calls = app.sent_calls + app.poll_calls;
  peer_send(&p, TCP_ACK | TCP_PSH, "abc", 3);
  vnet_run(240);
  EXPECT(app.sent_calls + app.poll_calls > calls, "blocked in the recv callback and not woken");
}

#define CASE(name) { #name, name, 0 }
#define MISUSE(name) { #name, name, 1 }
const struct attack_case cases_complaints[] = {
  CASE(complaint_01_recv_for_wrong_pcb),
  CASE(complaint_01_closed_in_recv_and_reused),
  CASE(complaint_01_random_life_of_pcbs),
  CASE(complaint_02_12_wrong_thread_is_caught),
  CASE(complaint_02_valid_queue_length),
  CASE(complaint_03_recved_more_than_received),
  CASE(complaint_03_recved_in_every_state),
  CASE(complaint_04_eviction_never_asserts),
  CASE(complaint_04_eviction_in_lwips_order),
  CASE(complaint_04_eviction_in_a_callback),
  MISUSE(complaint_06_abort_in_recv_returning_ok),
  MISUSE(complaint_06_abort_in_sent_returning_ok),
  MISUSE(complaint_06_abort_in_poll_returning_ok),
  CASE(complaint_06_abort_in_sent_with_data_leaks_nothing),
  CASE(complaint_06_close_in_sent_with_data_leaks_nothing),
  CASE(complaint_06_abort_when_refused_data_come_again),
  CASE(complaint_06_close_when_refused_data_come_again),
  CASE(complaint_10_refused_data_in_time_wait_leak_nothing),
  CASE(refused_data_in_time_wait_are_offered_again),
  CASE(complaint_06_no_callback_after_the_end),
  CASE(complaint_09_10_time_wait_is_recycled_at_the_limit),
  CASE(complaint_11_err_mem_woken_when_memory_returns),
  CASE(complaint_11_err_mem_in_a_callback_is_woken),
};
const unsigned cases_complaints_count = sizeof cases_complaints / sizeof cases_complaints[0];
