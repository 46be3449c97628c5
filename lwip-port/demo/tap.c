/*
 * contrib's tapif.c would block in read(), exits the program on an error and takes one frame for each select(); this one is
 * written for a main loop with poll().
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lwip/ethip6.h"
#include "lwip/etharp.h"
#include "lwip/snmp.h"
#include "netif/ethernet.h"

#define TAP_MTU 1500
#define TAP_FRAME (TAP_MTU + SIZEOF_ETH_HDR + 4 /* VLAN */)
#define TAP_BURST 256

static err_t tap_output(struct netif *netif, struct pbuf *p)
{
  struct tap *tap = netif->state;
  u8_t frame[TAP_FRAME];
  const void *bytes;

  if (p->tot_len > sizeof(frame)) {
    return ERR_IF;
  }
  bytes = pbuf_get_contiguous(p, frame, sizeof(frame), p->tot_len, 0);
  if (bytes == NULL) {
    return ERR_BUF;
  }
  /* A device that is full drops, as a wire would. TCP repeats what it misses. */
  if (write(tap->fd, bytes, p->tot_len) != (ssize_t)p->tot_len) {
    tap->dropped++;
    MIB2_STATS_NETIF_INC(netif, ifoutdiscards);
    return errno == EAGAIN || errno == ENOBUFS ? ERR_MEM : ERR_IF;
  }
  MIB2_STATS_NETIF_ADD(netif, ifoutoctets, p->tot_len);
  return ERR_OK;
}

static int tap_open(const char *device)
{
  struct ifreq request;
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

  if (fd < 0) {
    fprintf(stderr, "demo: cannot open /dev/net/tun: %s\n", strerror(errno));
    return -1;
  }
  memset(&request, 0, sizeof(request));
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
  if (ioctl(fd, TUNSETIFF, &request) < 0) {
    fprintf(stderr, "demo: cannot attach to the TAP device %s: %s\n", device, strerror(errno));
    close(fd);
    return -1;
  }
  return fd;
}

err_t tap_init(struct netif *netif)
{
  /* Locally administered, unicast; the device is alone on its link. */
  static const u8_t address[ETH_HWADDR_LEN] = {0x02, 'l', 'w', 'I', 'P', 0x01};
  struct tap *tap = netif->state;

  tap->fd = tap_open(tap->device);
  if (tap->fd < 0) {
    return ERR_IF;
  }
  netif->name[0] = 't';
  netif->name[1] = 'p';
  netif->mtu = TAP_MTU;
  netif->hwaddr_len = ETH_HWADDR_LEN;
  memcpy(netif->hwaddr, address, sizeof(address));
  netif->flags |= NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
  netif->output = etharp_output;
  netif->output_ip6 = ethip6_output;
  netif->linkoutput = tap_output;
  MIB2_INIT_NETIF(netif, snmp_ifType_ethernet_csmacd, 1000000000);
  netif_set_link_up(netif);
  return ERR_OK;
}

void tap_receive(struct netif *netif)
{
  struct tap *tap = netif->state;
  unsigned burst;

  for (burst = 0; burst < TAP_BURST; burst++) {
    struct pbuf *p = pbuf_alloc(PBUF_RAW, TAP_FRAME, PBUF_POOL);
    u8_t nowhere[TAP_FRAME];
    ssize_t len;

    /* One pool buffer holds a whole frame, so read() can fill it in place. Without one the frame still has to be taken out. */
    if (p != NULL && p->len < TAP_FRAME) {
      pbuf_free(p);
      p = NULL;
    }
    len = read(tap->fd, p != NULL ? p->payload : nowhere, TAP_FRAME);
    if (len <= 0) {
      if (p != NULL) {
        pbuf_free(p);
      }
      return;
    }
    if (p == NULL) {
      tap->dropped++;
      MIB2_STATS_NETIF_INC(netif, ifindiscards);
      continue;
    }
    MIB2_STATS_NETIF_ADD(netif, ifinoctets, (u32_t)len);
    pbuf_realloc(p, (u16_t)len);
    if (netif->input(p, netif) != ERR_OK) {
      pbuf_free(p);
    }
  }
}

void tap_close(struct netif *netif)
{
  struct tap *tap = netif->state;

  if (tap->fd >= 0) {
    close(tap->fd);
    tap->fd = -1;
  }
}
