/* Two interfaces joined by a cable: what leaves one arrives at the other, from a queue outside lwIP's memory, in
 * PBUF_POOL pbufs as a driver would give them. lwIP's own loopback needs heap for a second copy of all that is in
 * flight, which lwIP's test_configs (1,600 bytes of heap, loopback off) do not have; here they run as they are. */
#include "configs.h"

#include <stdlib.h>

#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/pbuf.h"
#include "lwip/prot/tcp.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"

#define LATE_MS 20
#define MTU 1500

struct packet {
  struct packet *next;
  struct netif *to;
  uint32_t due;
  uint16_t len;
  uint8_t bytes[];
};

struct netif wire_netif[2];
struct wire_faults wire_faults;
struct wire_counts wire_counts;
static struct packet *queue;

ip_addr_t path_address(enum path_kind path, bool ipv6, int end) {
  ip_addr_t address;
#if LWIP_IPV6
  if (ipv6) {
    CHECK(ipaddr_aton(path == PATH_LOOP ? "::1" : end == 0 || LWIP_SINGLE_NETIF ? "fd00:1::1" : "fd00:2::1", &address));
    return address;
  }
#endif
  CHECK(!ipv6);
  CHECK(ipaddr_aton(path == PATH_LOOP ? "127.0.0.1" : end == 0 || LWIP_SINGLE_NETIF ? "10.0.1.1" : "10.0.2.1", &address));
  return address;
}

static void enqueue(struct netif *to, struct pbuf *p, uint32_t due) {
  struct packet *packet = malloc(sizeof *packet + p->tot_len);
  CHECK(packet != NULL);
  packet->to = to;
  packet->due = due;
  packet->len = p->tot_len;
  pbuf_copy_partial(p, packet->bytes, p->tot_len, 0);
  struct packet **at = &queue;
  while (*at != NULL && (int32_t)((*at)->due - due) <= 0) {
    at = &(*at)->next;
  }
  packet->next = *at;
  *at = packet;
}

static bool one_in(uint32_t odds) { return odds != 0 && rnd(odds) == 0; }

#if LWIP_TCP && LWIP_CHECKSUM_CTRL_PER_NETIF
/* The segment's checksum field; the packets here carry no IP options and no extension headers. */
static uint16_t tcp_checksum_field(const struct pbuf *p) {
  const size_t ip_header = (pbuf_get_at(p, 0) >> 4) == 4 ? 20 : 40;
  const size_t at = ip_header + offsetof(struct tcp_hdr, chksum);
  return (uint16_t)(pbuf_get_at(p, (u16_t)at) << 8 | pbuf_get_at(p, (u16_t)(at + 1)));
}
#endif

static bool carries_tcp(const struct pbuf *p) {
  return (pbuf_get_at(p, 0) >> 4) == 4 ? pbuf_get_at(p, 9) == IP_PROTO_TCP : pbuf_get_at(p, 6) == IP_PROTO_TCP;
}

static void check_outgoing(struct netif *netif, const struct pbuf *p) {
  if (!carries_tcp(p)) {
    return;
  }
#if LWIP_NETIF_TX_SINGLE_PBUF
  CHECK(p->next == NULL);
#endif
#if LWIP_NETIF_USE_HINTS
  wire_counts.with_hints += netif->hints != NULL;
#endif
#if LWIP_TCP && LWIP_CHECKSUM_CTRL_PER_NETIF
  /* A sum of 0 is possible but not by chance alone in every packet: a zero where there should be a sum fails at the
   * receiver. */
  if (!(netif->chksum_flags & NETIF_CHECKSUM_GEN_TCP)) {
    CHECK(tcp_checksum_field(p) == 0);
  }
#endif
  (void)netif;
}

static err_t wire_send(struct netif *netif, struct pbuf *p) {
  struct netif *to = netif == WIRE_NETIF(0) ? WIRE_NETIF(1) : WIRE_NETIF(0);
  CHECK(p->tot_len <= MTU);
  check_outgoing(netif, p);
  wire_counts.sent++;
  if (wire_faults.cut || one_in(wire_faults.drop)) {
    wire_counts.dropped++;
    return ERR_OK;
  }
  enqueue(to, p, sys_now() + (one_in(wire_faults.delay) ? LATE_MS : 0));
  if (one_in(wire_faults.duplicate)) {
    enqueue(to, p, sys_now());
  }
#if !NO_SYS
  coop_wake();
#endif
  return ERR_OK;
}

#if LWIP_IPV4
static err_t wire_output_ip4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to) {
  (void)to;
  return wire_send(netif, p);
}
#endif

#if LWIP_IPV6
static err_t wire_output_ip6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to) {
  (void)to;
  return wire_send(netif, p);
}
#endif

uint32_t wire_next_due(void) {
  if (queue == NULL) {
    return UINT32_MAX;
  }
  const int32_t left = (int32_t)(queue->due - sys_now());
  return left > 0 ? (uint32_t)left : 0;
}

bool wire_deliver(void) {
  bool any = false;
  while (wire_next_due() == 0) {
    struct packet *packet = queue;
    struct pbuf *p = pbuf_alloc(PBUF_RAW, packet->len, PBUF_POOL);
    if (p == NULL) {
      /* As a driver does: the packet stays in the ring until there is memory. */
      return any;
    }
    pbuf_take(p, packet->bytes, packet->len);
    if (packet->to->input(p, packet->to) != ERR_OK) {
      pbuf_free(p);
      return any;
    }
    queue = packet->next;
    free(packet);
    wire_counts.delivered++;
    any = true;
#if !NO_SYS
    /* One at a time: the thread that takes them has a short mailbox. */
    coop_wake();
    return true;
#endif
  }
  return any;
}

#if !NO_SYS
static void wire_task(void *arg) {
  (void)arg;
  for (;;) {
    wire_deliver();
    /* Still due means that others have to run first: the clock stands while they do. */
    const uint32_t due = wire_next_due();
    coop_wait(due == 0 ? 1 : LWIP_MIN(due, 60000));
  }
}
#endif

static err_t wire_netif_init(struct netif *netif) {
  netif->name[0] = 'w';
  netif->name[1] = 'i';
  netif->mtu = MTU;
#if LWIP_IPV4
  netif->output = wire_output_ip4;
#endif
#if LWIP_IPV6
  netif->output_ip6 = wire_output_ip6;
#endif
  return ERR_OK;
}

#if NO_SYS
#define WIRE_INPUT ip_input
#else
#define WIRE_INPUT tcpip_input
#endif

static void wire_netif_add(int end) {
  struct netif *netif = &wire_netif[end];
#if LWIP_IPV4
  ip4_addr_t address, mask, gateway;
  IP4_ADDR(&address, 10, 0, 1 + end, 1);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  ip4_addr_set_zero(&gateway);
  CHECK(netif_add(netif, &address, &mask, &gateway, NULL, wire_netif_init, WIRE_INPUT) != NULL);
#else
  CHECK(netif_add(netif, NULL, wire_netif_init, WIRE_INPUT) != NULL);
#endif
#if LWIP_IPV6
  ip_addr_t ip6 = path_address(PATH_WIRE, true, end);
  netif_ip6_addr_set(netif, 0, ip_2_ip6(&ip6));
  netif_ip6_addr_set_state(netif, 0, IP6_ADDR_PREFERRED);
#endif
  netif_set_link_up(netif);
  netif_set_up(netif);
}

void wire_init(void) {
  coop_lock();
  wire_netif_add(0);
#if LWIP_SINGLE_NETIF
  netif_set_default(WIRE_NETIF(0));
#else
  wire_netif_add(1);
#endif
#if LWIP_CHECKSUM_CTRL_PER_NETIF
  /* One end neither makes nor checks TCP's sums, so the other must not check them, and still has to make them. */
  NETIF_SET_CHECKSUM_CTRL(&wire_netif[0], NETIF_CHECKSUM_ENABLE_ALL & ~NETIF_CHECKSUM_GEN_TCP);
  NETIF_SET_CHECKSUM_CTRL(&wire_netif[1], NETIF_CHECKSUM_ENABLE_ALL & ~NETIF_CHECKSUM_CHECK_TCP);
#endif
  coop_unlock();
#if !NO_SYS
  sys_thread_new("wire", wire_task, NULL, 0, 0);
#endif
}
