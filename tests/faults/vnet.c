#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vnet.h"
#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "lwip/priv/tcp_priv.h"

#if LWIP_TIMERS
#define VNET_TIMER_INTERVAL 5
#else
#define VNET_TIMER_INTERVAL TCP_TMR_INTERVAL
#endif

struct vnet vnet;
int vnet_assert_expected;
u32_t vnet_lock_checks;
u32_t vnet_lock_violations;
int vnet_lock_held = 1;
char vnet_last_assert[160];
static u32_t rand_state;

/* What lwIP asks of a port. */
u32_t sys_now(void) { return vnet.now; }
u32_t sys_jiffies(void) { return vnet.now; }
unsigned int lwip_port_rand(void);
unsigned int lwip_port_rand(void)
{
  /* Repeatable: a failing run must be the same run again. */
  rand_state = rand_state * 1664525u + 1013904223u;
  return rand_state ^ (rand_state >> 15);
}

void vnet_seed(u32_t seed) { rand_state = seed; }

void vnet_assert_failed(const char *message, const char *file, int line)
{
  const char *slash = strrchr(file, '/');
  snprintf(vnet_last_assert, sizeof vnet_last_assert, "assertion \"%s\" (%s:%d)",
           message, slash != NULL ? slash + 1 : file, line);
  fprintf(stderr, "%s\n", vnet_last_assert);
  fflush(NULL);
  _exit(VNET_EXIT_ASSERT);
}

void vnet_core_locked(void)
{
  vnet_lock_checks++;
  if (!vnet_lock_held) {
    vnet_lock_violations++;
  }
}

struct rx_pbuf {
  struct pbuf_custom custom;
  void *memory;
};

static void rx_pbuf_free(struct pbuf *p)
{
  struct rx_pbuf *rx = (struct rx_pbuf *)p;
  free(rx->memory);
  free(rx);
  vnet.rx_live--;
}

/* A pbuf whose bytes are a heap block of just that length, so that a read
 * one octet past the packet is seen by AddressSanitizer. */
static struct pbuf *rx_pbuf_new(const u8_t *data, u16_t len)
{
  struct rx_pbuf *rx = calloc(1, sizeof *rx);
  struct pbuf *p;
  rx->memory = malloc(len);
  memcpy(rx->memory, data, len);
  rx->custom.custom_free_function = rx_pbuf_free;
  p = pbuf_alloced_custom(PBUF_RAW, len, PBUF_REF, &rx->custom, rx->memory, len);
  vnet.rx_live++;
  return p;
}

static struct pbuf *rx_packet(const u8_t *data, u16_t len)
{
  struct pbuf *head = NULL;
  u16_t at = 0;
  if (vnet.rx_pool) {
    int armed = inject.armed;
    inject.armed = 0; /* the driver's own allocation is not under test */
    head = pbuf_alloc(PBUF_RAW, len, PBUF_POOL);
    inject.armed = armed;
    if (head != NULL) {
      pbuf_take(head, data, len);
    }
    return head;
  }
  while (at < len) {
    u16_t part = (u16_t)(len - at);
    struct pbuf *p;
    /* ip4_input() wants its header in one piece: only TCP is split. */
    if (vnet.rx_split != 0) {
      u16_t want = at == 0 ? (u16_t)(20 + vnet.rx_split - 1) : vnet.rx_split;
      part = LWIP_MIN(part, want);
    }
    p = rx_pbuf_new(data + at, part);
    if (head == NULL) {
      head = p;
    } else {
      pbuf_cat(head, p);
    }
    at = (u16_t)(at + part);
  }
  return head;
}

void vnet_inject(const void *ip_packet, u16_t len)
{
  struct pbuf *p = rx_packet(ip_packet, len);
  if (p != NULL && ip4_input(p, &vnet.netif) != ERR_OK) {
    pbuf_free(p);
  }
}

static struct vnet_frame *frame_new(struct pbuf *p)
{
  struct vnet_frame *f = calloc(1, sizeof *f);
  if (p->tot_len > VNET_MAX_FRAME) {
    fprintf(stderr, "the stack sent %u octets, more than the MTU\n", p->tot_len);
    abort();
  }
  f->len = pbuf_copy_partial(p, f->data, p->tot_len, 0);
  return f;
}

/* In order of arrival; equal times keep the order of sending. */
static void wire_insert(struct vnet_frame *f)
{
  struct vnet_frame **at = &vnet.wire;
  while (*at != NULL && (s32_t)((*at)->due - f->due) <= 0) {
    at = &(*at)->next;
  }
  f->next = *at;
  *at = f;
}

struct held { struct held *next; struct pbuf *p; u32_t until; };
static struct held *held_list;

static void hold(struct pbuf *p)
{
  struct held *h = calloc(1, sizeof *h);
  pbuf_ref(p);
  h->p = p;
  h->until = vnet.now + (u32_t)vnet.tx_hold;
  h->next = held_list;
  held_list = h;
}

static void release_due(int all)
{
  struct held **at = &held_list;
  while (*at != NULL) {
    struct held *h = *at;
    if (all || (s32_t)(vnet.now - h->until) >= 0) {
      *at = h->next;
      pbuf_free(h->p);
      free(h);
    } else {
      at = &h->next;
    }
  }
}

void vnet_release_held(void) { release_due(1); }

static void capture(struct vnet_frame *f)
{
  struct vnet_frame **at = &vnet.captured;
  vnet.captured_count++;
  if (vnet.capture_off) {
    free(f);
    return;
  }
  while (*at != NULL) {
    at = &(*at)->next;
  }
  *at = f;
}

static err_t vnet_output(struct netif *netif, struct pbuf *p, const ip4_addr_t *dst)
{
  struct vnet_frame *f;
  enum vnet_fate fate = VNET_DELIVER;
  if (inject_fails("netif output", 0)) {
    return ERR_MEM;
  }
  if (vnet.tx_hold) {
    hold(p);
  }
  f = frame_new(p);
  if (!ip4_addr_eq(dst, netif_ip4_addr(netif))) {
    capture(f);
    return ERR_OK;
  }
  vnet.nth++;
  if (vnet.filter != NULL) {
    fate = vnet.filter(f->data, f->len, vnet.nth);
  }
  f->due = vnet.now + vnet.latency;
  if (fate == VNET_DROP) {
    free(f);
    return ERR_OK;
  }
  if (fate == VNET_DUPLICATE) {
    struct vnet_frame *twin = malloc(sizeof *twin);
    *twin = *f;
    wire_insert(twin);
  }
  if (fate == VNET_DELAY) {
    f->due += 3 * vnet.latency + 1;
  }
  wire_insert(f);
  return ERR_OK;
}

static err_t vnet_netif_init(struct netif *netif)
{
  netif->name[0] = 'v';
  netif->name[1] = 'n';
  netif->mtu = VNET_MAX_FRAME;
  netif->output = vnet_output;
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

void vnet_init(void)
{
  ip4_addr_t addr, mask, gw;
  vnet.latency = 10;
  lwip_init();
  IP4_ADDR(&addr, 10, 0, 0, 1);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gw, 10, 0, 0, 254);
  netif_add(&vnet.netif, &addr, &mask, &gw, NULL, vnet_netif_init, ip4_input);
  netif_set_default(&vnet.netif);
  netif_set_up(&vnet.netif);
  vnet.next_tmr = vnet.now + VNET_TIMER_INTERVAL;
}

static void run_timer(void)
{
  vnet.next_tmr += VNET_TIMER_INTERVAL;
#if LWIP_TIMERS
  sys_check_timeouts();
#else
  tcp_tmr();
#endif
}

void vnet_step(void)
{
  struct vnet_frame *f = vnet.wire;
  release_due(0);
  if (f != NULL && (s32_t)(f->due - vnet.next_tmr) <= 0) {
    vnet.wire = f->next;
    vnet.now = f->due;
    vnet_inject(f->data, f->len);
    free(f);
    return;
  }
  vnet.now = vnet.next_tmr;
  release_due(0);
  run_timer();
}

void vnet_run(u32_t ms)
{
  u32_t end = vnet.now + ms;
  for (;;) {
    u32_t next = vnet.next_tmr;
    if (vnet.wire != NULL && (s32_t)(vnet.wire->due - next) < 0) {
      next = vnet.wire->due;
    }
    if ((s32_t)(next - end) > 0) {
      break;
    }
    vnet_step();
  }
  vnet.now = end;
}

struct vnet_frame *vnet_take_captured(void)
{
  struct vnet_frame *f = vnet.captured;
  if (f != NULL) {
    vnet.captured = f->next;
  }
  return f;
}

void vnet_drop_captured(void)
{
  struct vnet_frame *f;
  while ((f = vnet_take_captured()) != NULL) {
    free(f);
  }
}

void vnet_drop_wire(void)
{
  while (vnet.wire != NULL) {
    struct vnet_frame *f = vnet.wire;
    vnet.wire = f->next;
    free(f);
  }
}
