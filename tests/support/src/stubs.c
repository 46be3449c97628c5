/*
 * Stands in for everything of lwIP and of a port that the core or lwIP's memory management link to: no interface, no
 * route, no thread, and a clock and a random number generator that the test sets.
 */
#include "lwip/opt.h"

#include "lwip/ip.h"
#include "lwip/ip_addr.h"
#include "lwip/mem.h"
#include "lwip/memp.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "lwip/raw.h"
#include "lwip/stats.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"
#include "lwip/timeouts.h"
#include "lwip/priv/tcp_priv.h"

#include <string.h>

static u32_t now;
static u32_t random_state = 1;

void lwip_memory_set_clock(u32_t ms)
{
  now = ms;
}

void lwip_memory_seed(u32_t seed)
{
  random_state = seed != 0 ? seed : 1;
}

void lwip_memory_reset(void)
{
#if LWIP_STATS
  memset(&lwip_stats, 0, sizeof(lwip_stats));
#endif
  stats_init();
  mem_init();
  memp_init();
#if LWIP_STATS && MEMP_STATS
  {
    /* These lie with the pools. */
    int i;
    for (i = 0; i < MEMP_MAX; i++) {
      lwip_stats.memp[i]->used = 0;
      lwip_stats.memp[i]->max = 0;
      lwip_stats.memp[i]->err = 0;
    }
  }
#endif
}

u32_t sys_now(void)
{
  return now;
}

/* xorshift32 */
unsigned int lwip_port_rand(void)
{
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}

#if !NO_SYS
err_t sys_mutex_new(sys_mutex_t *mutex)
{
  *mutex = NULL;
  return ERR_OK;
}

void sys_mutex_lock(sys_mutex_t *mutex)
{
  LWIP_UNUSED_ARG(mutex);
}

void sys_mutex_unlock(sys_mutex_t *mutex)
{
  LWIP_UNUSED_ARG(mutex);
}

err_t tcpip_try_callback(tcpip_callback_fn function, void *ctx)
{
  LWIP_UNUSED_ARG(function);
  LWIP_UNUSED_ARG(ctx);
  return ERR_MEM;
}
#endif

#if SYS_LIGHTWEIGHT_PROT
sys_prot_t sys_arch_protect(void)
{
  return 0;
}

void sys_arch_unprotect(sys_prot_t value)
{
  LWIP_UNUSED_ARG(value);
}
#endif

void tcp_timer_needed(void)
{
}

#if LWIP_RAW
struct raw_pcb *raw_new(u8_t proto)
{
  LWIP_UNUSED_ARG(proto);
  return NULL;
}

void raw_recv(struct raw_pcb *pcb, raw_recv_fn recv, void *recv_arg)
{
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(recv);
  LWIP_UNUSED_ARG(recv_arg);
}
#endif

#if LWIP_TIMERS && !LWIP_TIMERS_CUSTOM
/* Tests look at the clock themselves. */
#if LWIP_DEBUG_TIMERNAMES
void sys_timeout_debug(u32_t msecs, sys_timeout_handler handler, void *arg, const char *handler_name)
{
  LWIP_UNUSED_ARG(handler_name);
#else
void sys_timeout(u32_t msecs, sys_timeout_handler handler, void *arg)
{
#endif
  LWIP_UNUSED_ARG(msecs);
  LWIP_UNUSED_ARG(handler);
  LWIP_UNUSED_ARG(arg);
}

void sys_untimeout(sys_timeout_handler handler, void *arg)
{
  LWIP_UNUSED_ARG(handler);
  LWIP_UNUSED_ARG(arg);
}
#endif

/* No interface is there, and nothing leads anywhere. */

struct netif *netif_list;
struct netif *netif_default;
struct ip_globals ip_data;

struct netif *netif_get_by_index(u8_t index)
{
  LWIP_UNUSED_ARG(index);
  return NULL;
}

#if LWIP_IPV4
const ip_addr_t ip_addr_any = IPADDR4_INIT(IPADDR_ANY);
const ip_addr_t ip_addr_broadcast = IPADDR4_INIT(IPADDR_BROADCAST);

struct netif *ip4_route(const ip4_addr_t *dst)
{
  LWIP_UNUSED_ARG(dst);
  return NULL;
}

err_t ip4_output_if(struct pbuf *p, const ip4_addr_t *src, const ip4_addr_t *dst, u8_t ttl, u8_t tos, u8_t proto,
                    struct netif *netif)
{
  LWIP_UNUSED_ARG(p);
  LWIP_UNUSED_ARG(src);
  LWIP_UNUSED_ARG(dst);
  LWIP_UNUSED_ARG(ttl);
  LWIP_UNUSED_ARG(tos);
  LWIP_UNUSED_ARG(proto);
  LWIP_UNUSED_ARG(netif);
  return ERR_RTE;
}

u8_t ip4_addr_isbroadcast_u32(u32_t addr, const struct netif *netif)
{
  LWIP_UNUSED_ARG(addr);
  LWIP_UNUSED_ARG(netif);
  return 0;
}
#endif

#if LWIP_IPV4 && LWIP_IPV6
const ip_addr_t ip_addr_any_type = IPADDR_ANY_TYPE_INIT;
#endif

#if LWIP_IPV6
const ip_addr_t ip6_addr_any = IPADDR6_INIT(0, 0, 0, 0);

struct netif *ip6_route(const ip6_addr_t *src, const ip6_addr_t *dst)
{
  LWIP_UNUSED_ARG(src);
  LWIP_UNUSED_ARG(dst);
  return NULL;
}

const ip_addr_t *ip6_select_source_address(struct netif *netif, const ip6_addr_t *dst)
{
  LWIP_UNUSED_ARG(netif);
  LWIP_UNUSED_ARG(dst);
  return NULL;
}

err_t ip6_output_if(struct pbuf *p, const ip6_addr_t *src, const ip6_addr_t *dst, u8_t hop_limit, u8_t traffic_class,
                    u8_t next_header, struct netif *netif)
{
  LWIP_UNUSED_ARG(p);
  LWIP_UNUSED_ARG(src);
  LWIP_UNUSED_ARG(dst);
  LWIP_UNUSED_ARG(hop_limit);
  LWIP_UNUSED_ARG(traffic_class);
  LWIP_UNUSED_ARG(next_header);
  LWIP_UNUSED_ARG(netif);
  return ERR_RTE;
}

u16_t nd6_get_destination_mtu(const ip6_addr_t *addr, struct netif *netif)
{
  LWIP_UNUSED_ARG(addr);
  LWIP_UNUSED_ARG(netif);
  return 0;
}

#if LWIP_ND6_TCP_REACHABILITY_HINTS
void nd6_reachability_hint(const ip6_addr_t *addr)
{
  LWIP_UNUSED_ARG(addr);
}
#endif
#endif

#if LWIP_EVENT_API
err_t lwip_tcp_event(void *arg, struct tcp_pcb *pcb, enum lwip_event event, struct pbuf *p, u16_t size, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(event);
  LWIP_UNUSED_ARG(p);
  LWIP_UNUSED_ARG(size);
  return err;
}
#endif

/* Elements and octets in use in the heap and all pools; 0 without the statistics. */
u32_t lwip_memory_used(void)
{
  u32_t used = 0;
#if LWIP_STATS && MEMP_STATS
  int i;
  for (i = 0; i < MEMP_MAX; i++) {
    used += lwip_stats.memp[i]->used;
  }
#endif
#if LWIP_STATS && MEM_STATS
  used += (u32_t)lwip_stats.mem.used;
#endif
  return used;
}

u32_t lwip_memory_segments(void)
{
  return MEMP_NUM_TCP_SEG;
}
