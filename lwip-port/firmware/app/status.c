/* The state of the board in lines of text, for the console and for the page. */
#include "board.h"
#include "firmware.h"

#include "lwip/init.h"
#include "lwip/memp.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/sys.h"

#ifndef FIRMWARE_BOARD_NAME
#define FIRMWARE_BOARD_NAME "board"
#endif

static unsigned count(const struct tcp_pcb *list)
{
  unsigned n = 0;
  for (; list != NULL; list = list->next) {
    n++;
  }
  return n;
}

void status_print(print_line print, void *context)
{
  const struct netdev_counters *frames = netdev_counters();
  print(context, "lwIP %s, TCP in %s, on %s\n", LWIP_VERSION_STRING, FIRMWARE_TCP_NAME, FIRMWARE_BOARD_NAME);
  print(context, "up %u ms, link %s, address %s\n", (unsigned)sys_now(),
        netif_is_link_up(netif_default) ? "up" : "down", ip4addr_ntoa(netif_ip4_addr(netif_default)));
  print(context, "frames received %u sent %u dropped %u lost %u busy %u\n", (unsigned)frames->received,
        (unsigned)frames->sent, (unsigned)frames->dropped, (unsigned)frames->lost, (unsigned)frames->busy);
  print(context, "tcp segments received %u sent %u dropped %u, memory errors %u, checksum errors %u\n",
        (unsigned)lwip_stats.tcp.recv, (unsigned)lwip_stats.tcp.xmit, (unsigned)lwip_stats.tcp.drop,
        (unsigned)lwip_stats.tcp.memerr, (unsigned)lwip_stats.tcp.chkerr);
  print(context, "connections active %u time-wait %u\n", count(tcp_active_pcbs), count(tcp_tw_pcbs));
}

void status_print_pools(print_line print, void *context)
{
  for (unsigned i = 0; i < MEMP_MAX; i++) {
    const struct stats_mem *pool = lwip_stats.memp[i];
    print(context, "pool %s used %u max %u of %u err %u\n", pool->name, (unsigned)pool->used, (unsigned)pool->max,
          (unsigned)pool->avail, (unsigned)pool->err);
  }
  print(context, "pool heap used %u max %u of %u err %u\n", (unsigned)lwip_stats.mem.used, (unsigned)lwip_stats.mem.max,
        (unsigned)lwip_stats.mem.avail, (unsigned)lwip_stats.mem.err);
}
