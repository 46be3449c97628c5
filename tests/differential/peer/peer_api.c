/*
 * The application: calls of lwIP's raw API as the trace says, and callbacks that report and act.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/memp.h"
#include "peer.h"

#define HOGS 512

static struct tcp_pcb *running;  /* whose callback runs */
static int running_gone;         /* …and was aborted or freed by it */
static int answer;               /* what the callback returns */
static struct { void *memory; int kind; } hogs[HOGS];
static int hog_count;

static int on_list(const struct tcp_pcb *list, const struct tcp_pcb *pcb)
{
  for (; list != NULL; list = list->next) {
    if (list == pcb) {
      return 1;
    }
  }
  return 0;
}

int pcb_is_listed(const struct tcp_pcb *pcb)
{
  return on_list(tcp_active_pcbs, pcb) || on_list(tcp_tw_pcbs, pcb) || on_list(tcp_bound_pcbs, pcb);
}

/* A TIME-WAIT PCB goes without notice, so an application's pointer is good only while the PCB is still its own. */
int owns_pcb(struct slot *s)
{
  if (s->pcb == NULL) {
    return 0;
  }
  if (s->fresh && s->pcb->state == CLOSED) {
    return 1;
  }
  if (!pcb_is_listed(s->pcb) || s->pcb->callback_arg != s) {
    s->pcb = NULL;
    return 0;
  }
  return 1;
}

/* Runs the next script of this event; the callback's return value comes back. */
static err_t act(struct slot *s, enum event event, struct tcp_pcb *pcb, err_t normal)
{
  struct script *script = &s->scripts[event];
  struct tcp_pcb *outer = running;
  int outer_gone = running_gone, outer_answer = answer;
  char line[SCRIPT_LEN], *part, *save = NULL;
  err_t result;

  if (script->count == 0) {
    return normal;
  }
  memcpy(line, script->lines[0], SCRIPT_LEN);
  memmove(script->lines[0], script->lines[1], sizeof(script->lines[0]) * (SCRIPTS - 1));
  script->count--;
  running = pcb, running_gone = 0, answer = normal;
  for (part = strtok_r(line, ";", &save); part != NULL; part = strtok_r(NULL, ";", &save)) {
    command(part);
  }
  result = running_gone ? ERR_ABRT : (err_t)answer;
  if (outer == pcb) {
    outer_gone |= running_gone;
  }
  running = outer, running_gone = outer_gone, answer = outer_answer;
  return result;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  struct slot *s = arg;
  int number = (int)(s - slots);
  static u8_t data[0x10000];
  err_t result;

  if (p == NULL) {
    printf("cb %d recv eof err=%d\n", number, err);
    return act(s, EV_RECV, pcb, ERR_OK);
  }
  pbuf_copy_partial(p, data, p->tot_len, 0);
  printf("cb %d recv len=%u err=%d at=%u", number, p->tot_len, err, (unsigned)s->received);
  if (memcmp(data, &incoming[(s->received + 31u * (u32_t)number) % PATTERN_LEN], p->tot_len) == 0) {
    printf(" data=ok\n");
  } else {
    printf(" data=%08x\n", (unsigned)fnv(data, p->tot_len));
  }
  s->received += p->tot_len;
  result = act(s, EV_RECV, pcb, ERR_OK);
  if (result == ERR_OK) {
    pbuf_free(p);
  } else if (result != ERR_ABRT) {
    s->received -= p->tot_len;
  } else {
    pbuf_free(p);
  }
  return result;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
  printf("cb %d sent %u\n", (int)((struct slot *)arg - slots), len);
  return act(arg, EV_SENT, pcb, ERR_OK);
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
  printf("cb %d poll\n", (int)((struct slot *)arg - slots));
  return act(arg, EV_POLL, pcb, ERR_OK);
}

static err_t report_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
  printf("cb %d connected %d\n", (int)((struct slot *)arg - slots), err);
  return act(arg, EV_CONNECTED, pcb, ERR_OK);
}

static void on_err(void *arg, err_t err)
{
  struct slot *s = arg;

  printf("cb %d err %d\n", (int)(s - slots), err);
  s->pcb = NULL;
  act(s, EV_ERR, NULL, ERR_OK);
}

#if LWIP_TCP_PCB_NUM_EXT_ARGS
static void ext_destroy(u8_t id, void *data)
{
  printf("cb %d ext destroy %u\n", (int)((struct slot *)data - slots), id);
}

static err_t ext_passive_open(u8_t id, struct tcp_pcb_listen *lpcb, struct tcp_pcb *pcb)
{
  LWIP_UNUSED_ARG(lpcb);
  printf("cb ext passive %u %u\n", id, pcb->remote_port);
  return ERR_OK;
}

static const struct tcp_ext_arg_callbacks ext_callbacks = {ext_destroy, ext_passive_open};
#endif

static void own(struct slot *s, struct tcp_pcb *pcb)
{
  s->pcb = pcb;
  s->deaf = 0;
  s->written = s->received = 0;
  tcp_arg(pcb, s);
#if LWIP_CALLBACK_API
  tcp_recv(pcb, on_recv);
  tcp_sent(pcb, on_sent);
  tcp_err(pcb, on_err);
#endif
  tcp_poll(pcb, on_poll, 4);
#if LWIP_TCP_PCB_NUM_EXT_ARGS
  tcp_ext_arg_set_callbacks(pcb, 0, &ext_callbacks);
  tcp_ext_arg_set(pcb, 0, s);
#endif
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  struct listener *l = arg;
  int number = pcb != NULL ? slot_of_port(pcb->remote_port) : -1;

  printf("cb listener %u accept %d slot=%d\n", l->number, err, number);
  if (pcb == NULL) {
    return ERR_OK;
  }
  if (number < 0) {
    return ERR_VAL;
  }
  if (owns_pcb(&slots[number])) {
    return ERR_MEM;
  }
  own(&slots[number], pcb);
  slots[number].fresh = 0;
  {
    err_t result = act(&slots[number], EV_ACCEPT, pcb, ERR_OK);

    if (result != ERR_OK && result != ERR_ABRT) {
      /* lwIP aborts the PCB, and would report that to the application that has just refused it. */
      slots[number].pcb = NULL;
    }
    return result;
  }
}

#if LWIP_CALLBACK_API
static tcp_connected_fn const on_connected = report_connected;

static void set_deaf(struct slot *s)
{
  tcp_recv(s->pcb, NULL);
  tcp_err(s->pcb, NULL);
}

static void set_accept(struct tcp_pcb *listening)
{
  tcp_accept(listening, on_accept);
}

static void quiet(struct tcp_pcb *pcb)
{
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_err(pcb, NULL);
  tcp_poll(pcb, NULL, 0);
}
#else
/* With the event API lwIP keeps no callbacks: what the application does not want it leaves alone itself. */
static tcp_connected_fn const on_connected = NULL;

static void set_deaf(struct slot *s)
{
  s->deaf = 1;
}

static void set_accept(struct tcp_pcb *listening)
{
  listeners[((struct listener *)listening->callback_arg)->number].accepts = 1;
}

static void quiet(struct tcp_pcb *pcb)
{
  tcp_arg(pcb, NULL);
  tcp_poll(pcb, NULL, 0);
}

/* Data that nobody wants are acknowledged and thrown away; their end is answered by closing, as lwIP's tcp_recv_null does. */
static err_t discard(struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  if (p != NULL) {
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
  } else if (err == ERR_OK) {
    return tcp_close(pcb);
  }
  return ERR_OK;
}

static err_t accept_event(struct listener *l, struct tcp_pcb *pcb, err_t err)
{
  return l != NULL && l->accepts ? on_accept(l, pcb, err) : ERR_ARG;
}

static void err_event(struct slot *s, err_t err)
{
  struct listener *l = (struct listener *)(void *)s;

  if (l >= listeners && l < listeners + LISTENERS) {
    /* Of a PCB that was not accepted yet: it has its listener's argument. */
    printf("cb listener %d err %d\n", (int)(l - listeners), err);
  } else if (s != NULL && !s->deaf) {
    on_err(s, err);
  }
}

err_t lwip_tcp_event(void *arg, struct tcp_pcb *pcb, enum lwip_event event, struct pbuf *p, u16_t size, err_t err)
{
  struct slot *s = event == LWIP_EVENT_ACCEPT ? NULL : arg;

  switch (event) {
    case LWIP_EVENT_ACCEPT:
      return accept_event(arg, pcb, err);
    case LWIP_EVENT_RECV:
      return s != NULL && !s->deaf ? on_recv(s, pcb, p, err) : discard(pcb, p, err);
    case LWIP_EVENT_SENT:
      return s != NULL ? on_sent(s, pcb, size) : ERR_OK;
    case LWIP_EVENT_CONNECTED:
      return s != NULL ? report_connected(s, pcb, err) : ERR_OK;
    case LWIP_EVENT_POLL:
      return s != NULL ? on_poll(s, pcb) : ERR_OK;
    case LWIP_EVENT_ERR:
      err_event(s, err);
      return ERR_OK;
  }
  printf("cb event %d\n", event);
  return ERR_OK;
}
#endif

static void closed(struct slot *s, struct tcp_pcb *pcb)
{
  s->pcb = NULL;
  /* Outside tcp_input() a closed PCB with unread data is freed at once; a callback has to say so as for an abort. */
  if (pcb == running && !pcb_is_listed(pcb) && tcp_input_pcb != pcb) {
    running_gone = 1;
  }
}

static void do_write(struct slot *s, int len, const char *flags)
{
  u8_t api = 0;
  err_t err;
  const u8_t *from = &outgoing[(s->written + 97u * (u32_t)(s - slots)) % PATTERN_LEN];

  api |= strchr(flags, 'c') != NULL ? TCP_WRITE_FLAG_COPY : 0;
  api |= strchr(flags, 'm') != NULL ? TCP_WRITE_FLAG_MORE : 0;
  err = tcp_write(s->pcb, from, (u16_t)len, api);
  if (err == ERR_OK) {
    s->written += (u16_t)len;
  }
  printf("= %d\n", err);
}

static void do_listen(char **argv, int argc)
{
  struct listener *l = &listeners[atoi(argv[1]) % LISTENERS];
  u16_t port = (u16_t)(argc > 2 ? atoi(argv[2]) : 80);
  struct tcp_pcb *pcb, *listening;
  err_t err;

  if (l->pcb != NULL || (pcb = tcp_new_ip_type(IPADDR_TYPE_ANY)) == NULL) {
    printf("= none\n");
    return;
  }
  if (argc > 4 && !strcmp(argv[4], "reuse")) {
    ip_set_option(pcb, SOF_REUSEADDR);
  }
  err = tcp_bind(pcb, listener_address(atoi(argv[1]) % LISTENERS), port);
  if (err != ERR_OK) {
    printf("= bind %d\n", err);
    tcp_close(pcb);
    return;
  }
  l->number = (u8_t)(l - listeners);
  if (argc > 4 && !strcmp(argv[4], "plain")) {
    listening = tcp_listen_with_backlog(pcb, (u8_t)atoi(argv[3]));
  } else {
    listening = tcp_listen_with_backlog_and_err(pcb, (u8_t)(argc > 3 ? atoi(argv[3]) : 255), &err);
  }
  printf("= listen %d\n", err);
  if (listening == NULL) {
    tcp_close(pcb);
    return;
  }
  l->pcb = listening;
  l->accepts = 0;
  tcp_arg(listening, l);
  if (argc <= 5) {
    set_accept(listening);
  }
#if LWIP_TCP_PCB_NUM_EXT_ARGS
  tcp_ext_arg_set_callbacks(listening, 0, &ext_callbacks);
  tcp_ext_arg_set(listening, 0, &slots[0]);
#endif
}

static void do_unlisten(int number)
{
  struct listener *l = &listeners[number % LISTENERS];

  if (l->pcb != NULL) {
    printf("= %d\n", tcp_close(l->pcb));
    l->pcb = NULL;
  }
}

static void do_new(struct slot *s, const char *type)
{
  struct tcp_pcb *pcb;

  if (owns_pcb(s)) {
    printf("= busy\n");
    return;
  }
  pcb = !strcmp(type, "any") ? tcp_new_ip_type(IPADDR_TYPE_ANY) : tcp_new();
  printf("= %s\n", pcb != NULL ? "ok" : "none");
  if (pcb != NULL) {
    own(s, pcb);
    s->fresh = 1;
  }
}

static void do_info(struct tcp_pcb *pcb)
{
  ip_addr_t address;
  u16_t port = 0;
  err_t err = tcp_tcp_get_tcp_addrinfo(pcb, 1, &address, &port);

  printf("= %d local=%s", err, port_name(port));
  err = tcp_tcp_get_tcp_addrinfo(pcb, 0, &address, &port);
  printf(" remote=%d %s\n", err == ERR_OK ? slot_of_port(port) : err, tcp_debug_state_str(pcb->state));
}

static void do_keepalive(struct tcp_pcb *pcb, char **argv, int argc)
{
  ip_set_option(pcb, SOF_KEEPALIVE);
  pcb->keep_idle = (u32_t)(argc > 2 ? atoi(argv[2]) : 1000);
#if LWIP_TCP_KEEPALIVE
  pcb->keep_intvl = (u32_t)(argc > 3 ? atoi(argv[3]) : 1000);
  pcb->keep_cnt = (u32_t)(argc > 4 ? atoi(argv[4]) : 3);
#endif
  printf("= 0\n");
}

/* Calls that end the application's use of the PCB. */
static int ending_call(struct slot *s, char **argv, int argc)
{
  struct tcp_pcb *pcb = s->pcb;
  int rx = argc > 2 ? atoi(argv[2]) : 0, tx = argc > 3 ? atoi(argv[3]) : 0;
  err_t err;

  if (!strcmp(argv[0], "close") || !strcmp(argv[0], "closeq")) {
    if (argv[0][5] == 'q') {
      quiet(pcb);
    }
    err = tcp_close(pcb);
    printf("= %d\n", err);
    if (err == ERR_OK) {
      closed(s, pcb);
    }
  } else if (!strcmp(argv[0], "shut")) {
    err = tcp_shutdown(pcb, rx, tx);
    printf("= %d\n", err);
    if (err == ERR_OK && rx && tx) {
      closed(s, pcb);
    }
  } else if (!strcmp(argv[0], "abort")) {
    running_gone |= pcb == running;
    tcp_abort(pcb);
    s->pcb = NULL;
    printf("= abort\n");
  } else {
    return 0;
  }
  return 1;
}

static int opening_call(struct slot *s, char **argv, int argc)
{
  int number = (int)(s - slots);
  err_t err;

  if (!strcmp(argv[0], "bind")) {
    const ip_addr_t *to = argc > 3 && !strcmp(argv[3], "own") ? given_address(number, 0) : IP_ANY_TYPE;

    err = tcp_bind(s->pcb, to, (u16_t)(argc > 2 ? atoi(argv[2]) : 0));
    s->fresh = s->pcb->state == CLOSED && !pcb_is_listed(s->pcb);
    printf("= %d\n", err);
  } else if (!strcmp(argv[0], "bindnetif")) {
    tcp_bind_netif(s->pcb, argc > 2 ? &netifs[atoi(argv[2]) % NETIFS] : NULL);
    printf("= 0\n");
  } else if (!strcmp(argv[0], "reuse")) {
    ip_set_option(s->pcb, SOF_REUSEADDR);
    printf("= 0\n");
  } else if (!strcmp(argv[0], "connect")) {
    connecting = 1;
    err = tcp_connect(s->pcb, given_address(number, 1), (u16_t)(FIRST_PORT + number), on_connected);
    connecting = 0;
    s->fresh = s->pcb->state == CLOSED && !pcb_is_listed(s->pcb);
    if (err == ERR_OK) {
      s->local_port = s->pcb->local_port;
    }
    printf("= %d\n", err);
  } else {
    return 0;
  }
  return 1;
}

static int setting_call(struct slot *s, char **argv, int argc)
{
  int value = argc > 2 ? atoi(argv[2]) : 0;

  if (!strcmp(argv[0], "prio")) {
    tcp_setprio(s->pcb, (u8_t)value);
  } else if (!strcmp(argv[0], "nagle")) {
    if (value) {
      tcp_nagle_enable(s->pcb);
    } else {
      tcp_nagle_disable(s->pcb);
    }
  } else if (!strcmp(argv[0], "deaf")) {
    set_deaf(s);
  } else if (!strcmp(argv[0], "again")) {
    err_t err = ERR_OK;

    printf("= %d", tcp_listen_with_backlog_and_err(s->pcb, 1, &err) != NULL);
    printf(" %d\n", err);
    return 1;
  } else if (!strcmp(argv[0], "poll")) {
    tcp_poll(s->pcb, on_poll, (u8_t)value);
  } else if (!strcmp(argv[0], "keep")) {
    do_keepalive(s->pcb, argv, argc);
    return 1;
#if TCP_LISTEN_BACKLOG
  } else if (!strcmp(argv[0], "delayed")) {
    tcp_backlog_delayed(s->pcb);
  } else if (!strcmp(argv[0], "accepted")) {
    tcp_backlog_accepted(s->pcb);
#endif
#if TCP_QUEUE_OOSEQ
  } else if (!strcmp(argv[0], "freeooseq")) {
    tcp_free_ooseq(s->pcb);
#endif
  } else {
    return 0;
  }
  printf("= 0\n");
  return 1;
}

static int data_call(struct slot *s, char **argv, int argc)
{
  int value = argc > 2 ? atoi(argv[2]) : 0;

  if (!strcmp(argv[0], "write")) {
    do_write(s, value, argc > 3 ? argv[3] : "c");
  } else if (!strcmp(argv[0], "output")) {
    printf("= %d\n", tcp_output(s->pcb));
  } else if (!strcmp(argv[0], "recved")) {
    tcp_recved(s->pcb, (u16_t)value);
    printf("= 0\n");
  } else if (!strcmp(argv[0], "info")) {
    do_info(s->pcb);
  } else if (!strcmp(argv[0], "refusedagain")) {
    if (s->pcb->refused_data != NULL && running == NULL) {
      printf("= %d\n", tcp_process_refused_data(s->pcb));
    }
  } else {
    return 0;
  }
  return 1;
}

int api_command(char **argv, int argc)
{
  struct slot *s = &slots[argc > 1 ? (unsigned)atoi(argv[1]) % SLOTS : 0];

  if (!strcmp(argv[0], "ret")) {
    answer = argc > 1 ? atoi(argv[1]) : ERR_MEM;
  } else if (!strcmp(argv[0], "listen") && argc > 1) {
    do_listen(argv, argc);
  } else if (!strcmp(argv[0], "unlisten") && argc > 1) {
    do_unlisten(atoi(argv[1]));
  } else if (!strcmp(argv[0], "new")) {
    do_new(s, argc > 2 ? argv[2] : "v4");
  } else if (!strcmp(argv[0], "ipchange")) {
    net_change_address(argc > 1 ? atoi(argv[1]) : 0);
    printf("= 0\n");
  } else if (!strcmp(argv[0], "txnow")) {
    tcp_txnow();
  } else if (!owns_pcb(s)) {
    printf("= none\n");
  } else {
    return opening_call(s, argv, argc) || ending_call(s, argv, argc) || setting_call(s, argv, argc) ||
           data_call(s, argv, argc);
  }
  return 1;
}

static void *take(int kind)
{
  static const memp_t pools[] = {MEMP_TCP_SEG, MEMP_TCP_PCB, MEMP_PBUF};

  if (kind < 3) {
    return memp_malloc(pools[kind]);
  }
  return kind == 3 ? (void *)pbuf_alloc(PBUF_RAW, 1, PBUF_POOL) : mem_malloc(256);
}

/* Takes COUNT pieces of a pool away, as the rest of a firmware does. */
void hog(const char *what, int count)
{
  static const char *const kinds[] = {"seg", "pcb", "pbuf", "pool", "heap"};
  int kind, taken = 0;

  for (kind = 0; kind < 5 && strcmp(what, kinds[kind]); kind++) {
  }
  while (kind < 5 && taken < count && hog_count < HOGS) {
    void *memory = take(kind);

    if (memory == NULL) {
      break;
    }
    hogs[hog_count].memory = memory;
    hogs[hog_count++].kind = kind;
    taken++;
  }
  printf("= hog %d\n", taken);
}

void unhog(void)
{
  static const memp_t pools[] = {MEMP_TCP_SEG, MEMP_TCP_PCB, MEMP_PBUF};

  while (hog_count > 0) {
    hog_count--;
    if (hogs[hog_count].kind < 3) {
      memp_free(pools[hogs[hog_count].kind], hogs[hog_count].memory);
    } else if (hogs[hog_count].kind == 3) {
      pbuf_free(hogs[hog_count].memory);
    } else {
      mem_free(hogs[hog_count].memory);
    }
  }
}
