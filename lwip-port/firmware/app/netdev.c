/*
 * The netif between lwIP and the board's Ethernet driver.
 *
 * The driver's interrupt leaves frames in a ring with one writer and one reader; netdev_poll(), in the main loop,
 * hands them to lwIP. Faults are made here, on purpose of the tests: frames lost, and payload at odd addresses.
 */
#include "board.h"
#include "firmware.h"

#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"

#include <string.h>

#define RING_LENGTH 32u
#define MTU 1500
/* How often a frame is offered to a controller whose FIFO is full: its wire empties it meanwhile. */
#define SEND_TRIES 1000u

static const u8_t hardware_address[ETHERNET_ADDRESS_LENGTH] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

static struct netif interface;
static struct pbuf *ring[RING_LENGTH];
static volatile u32_t ring_in, ring_out;
static volatile int link_changed;
static struct netdev_counters counters;
static u32_t loss_percent, misalignment;

void netdev_received(struct pbuf *frame)
{
  if (ring_in - ring_out == RING_LENGTH) {
    pbuf_free(frame);
    counters.dropped++;
    return;
  }
  ring[ring_in % RING_LENGTH] = frame;
  ring_in++;
}

void netdev_dropped(void)
{
  counters.dropped++;
}

void netdev_link_changed(void)
{
  link_changed = 1;
}

int netdev_has_work(void)
{
  return ring_in != ring_out || link_changed;
}

const struct netdev_counters *netdev_counters(void)
{
  return &counters;
}

void netdev_set_loss(u32_t percent)
{
  loss_percent = percent;
}

void netdev_set_misalignment(u32_t bytes)
{
  misalignment = bytes;
}

/* The same frames are lost in every run: a fault that was found can be found again. */
static int is_lost(void)
{
  static u32_t state = 88172645u;
  if (loss_percent == 0) {
    return 0;
  }
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  if (state % 100 >= loss_percent) {
    return 0;
  }
  counters.lost++;
  return 1;
}

static err_t send(struct netif *netif, struct pbuf *frame)
{
  LWIP_UNUSED_ARG(netif);
  if (is_lost()) {
    return ERR_OK;
  }
  enum ethernet_result result = ETHERNET_BUSY;
  for (u32_t tries = 0; tries < SEND_TRIES && result == ETHERNET_BUSY; tries++) {
    result = ethernet_send(frame);
  }
  if (result == ETHERNET_BUSY) {
    counters.busy++;
    return ERR_MEM;
  }
  counters.sent++;
  return result == ETHERNET_OK ? ERR_OK : ERR_IF;
}

static err_t set_up(struct netif *netif)
{
  netif->name[0] = 'e';
  netif->name[1] = 'n';
  netif->output = etharp_output;
#if LWIP_IPV6
  netif->output_ip6 = ethip6_output;
#endif
  netif->linkoutput = send;
  netif->mtu = MTU;
  netif->hwaddr_len = ETHERNET_ADDRESS_LENGTH;
  memcpy(netif->hwaddr, hardware_address, ETHERNET_ADDRESS_LENGTH);
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
  return ethernet_open(hardware_address) ? ERR_OK : ERR_IF;
}

static void print_address(struct netif *netif)
{
  console_printf("address %s\n", ip4addr_ntoa(netif_ip4_addr(netif)));
}

static void print_link(struct netif *netif)
{
  console_printf("link %s\n", netif_is_link_up(netif) ? "up" : "down");
}

static void follow_link(void)
{
  link_changed = 0;
  if (ethernet_link_is_up()) {
    netif_set_link_up(&interface);
  } else {
    netif_set_link_down(&interface);
  }
}

struct netif *netdev_start(void)
{
  if (netif_add_noaddr(&interface, NULL, set_up, netif_input) == NULL) {
    return NULL;
  }
  netif_set_default(&interface);
  netif_set_hostname(&interface, "firmware");
  netif_set_status_callback(&interface, print_address);
  netif_set_link_callback(&interface, print_link);
#if LWIP_IPV6
  netif_create_ip6_linklocal_address(&interface, 1);
  netif_set_ip6_autoconfig_enabled(&interface, 1);
#endif
  netif_set_up(&interface);
  follow_link();
  if (dhcp_start(&interface) != ERR_OK) {
    console_printf("DHCP could not start\n");
  }
  return &interface;
}

void netdev_use_static_address(void)
{
  ip4_addr_t address, mask, gateway;
  dhcp_release_and_stop(&interface);
  IP4_ADDR(&address, 10, 0, 2, 15);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gateway, 10, 0, 2, 2);
  netif_set_addr(&interface, &address, &mask, &gateway);
}

/* The same frame, `misalignment` bytes further on; the frame itself where memory is short. */
static struct pbuf *misaligned(struct pbuf *frame)
{
  struct pbuf *moved = pbuf_alloc(PBUF_RAW, (u16_t)(frame->tot_len + misalignment), PBUF_POOL);
  if (moved == NULL) {
    return frame;
  }
  pbuf_remove_header(moved, misalignment);
  pbuf_copy(moved, frame);
  pbuf_free(frame);
  return moved;
}

void netdev_poll(void)
{
  if (link_changed) {
    follow_link();
  }
  /* The interrupt cannot free out-of-order segments when the pool is empty: it asks for it here. */
  PBUF_CHECK_FREE_OOSEQ();
  while (ring_in != ring_out) {
    struct pbuf *frame = ring[ring_out % RING_LENGTH];
    ring_out++;
    counters.received++;
    if (!netif_is_link_up(&interface) || is_lost()) {
      pbuf_free(frame);
      continue;
    }
    if (misalignment != 0) {
      frame = misaligned(frame);
    }
    if (interface.input(frame, &interface) != ERR_OK) {
      pbuf_free(frame);
    }
  }
}
