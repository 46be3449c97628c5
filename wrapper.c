/*
 * A function body for each thing that only C can expand: hooks, assertions, debug output, and lwIP's dispatch macros.
 * Nothing else belongs here. Compiled with the user's compiler and flags, so that it sees what the firmware sees.
 */
#include "wrapper.h"

#include <string.h>

#if LWIP_TCP

/* Sizes and offsets as the Rust side has them: written by build.rs, checked here by the user's compiler. */
#include "lwip_tcp_rust_layout.h"

/* What the archive was built for: sizes of a PCB, a listening PCB and a segment, and how many PCBs there are. */
const u16_t lwip_tcp_rust_layout[4] = {
  LWIP_MEM_ALIGN_SIZE(sizeof(struct tcp_pcb)), LWIP_MEM_ALIGN_SIZE(sizeof(struct tcp_pcb_listen)),
  LWIP_MEM_ALIGN_SIZE(sizeof(struct tcp_seg)), MEMP_NUM_TCP_PCB
};

#if MEMP_MEM_MALLOC
#define LWIP_TCP_RUST_POOL_NUM(pool) ((u16_t)MEMP_NUM_TCP_PCB)
#else
#define LWIP_TCP_RUST_POOL_NUM(pool) ((u16_t)memp_pools[pool]->num)
#endif

/*
 * Whether that is what lwIP, which it is linked with, was built for: its pools tell. A prebuilt archive may have been made
 * with another lwipopts.h. If not, TCP stays off: tcp_new() has no PCB to give.
 */
u8_t lwip_tcp_rust_fits_lwip(void)
{
  u8_t fits = memp_pools[MEMP_TCP_PCB]->size == lwip_tcp_rust_layout[0] &&
              memp_pools[MEMP_TCP_PCB_LISTEN]->size == lwip_tcp_rust_layout[1] &&
              memp_pools[MEMP_TCP_SEG]->size == lwip_tcp_rust_layout[2];
#if !MEMP_MEM_MALLOC
  fits = fits && memp_pools[MEMP_TCP_PCB]->num == lwip_tcp_rust_layout[3];
#endif
#ifdef LWIP_DEBUG
  if (!fits) {
    LWIP_PLATFORM_DIAG(("lwip_tcp_rust: the archive was built for %" U16_F " PCBs of %" U16_F " bytes, listeners of %" U16_F
                        " and segments of %" U16_F "; lwIP for %" U16_F " of %" U16_F ", %" U16_F " and %" U16_F "\n",
                        lwip_tcp_rust_layout[3], lwip_tcp_rust_layout[0], lwip_tcp_rust_layout[1], lwip_tcp_rust_layout[2],
                        LWIP_TCP_RUST_POOL_NUM(MEMP_TCP_PCB), (u16_t)memp_pools[MEMP_TCP_PCB]->size,
                        (u16_t)memp_pools[MEMP_TCP_PCB_LISTEN]->size, (u16_t)memp_pools[MEMP_TCP_SEG]->size));
  }
#endif
  /* Else an assertion and not a line of output: the core brings no printf into a firmware whose C has none. */
  LWIP_ASSERT("lwip_tcp_rust was built for another lwipopts.h or other compiler flags than lwIP", fits);
  return fits;
}

void *lwip_tcp_rust_memp_malloc(memp_t pool)
{
  return memp_malloc(pool);
}

void *lwip_tcp_rust_memp_zalloc(memp_t pool, u16_t size)
{
  void *mem = memp_malloc(pool);
  if (mem != NULL) {
    memset(mem, 0, size);
  }
  return mem;
}

void lwip_tcp_rust_memzero(void *mem, u16_t size)
{
  memset(mem, 0, size);
}

void lwip_tcp_rust_memcpy(void *dst, const void *src, u16_t len)
{
  MEMCPY(dst, src, len);
}

#if LWIP_TCP_RUST_ECN
/* The ECN field of the next packet (RFC 3168 5): 0, or ECT(0). */
static u8_t ecn_field;

void lwip_tcp_rust_next_markable(u8_t markable)
{
  ecn_field = markable ? 2 : 0;
}

/*
 * TOS or traffic class of the packet that is being processed; 0 if IP knows of none any more: a driver that hands packets in from
 * within its output function makes it forget the one that the output was an answer to.
 */
u8_t lwip_tcp_rust_tos(void)
{
#if LWIP_IPV6
  if (ip6_current_header() != NULL) {
    return (u8_t)IP6H_TC(ip6_current_header());
  }
#endif
#if LWIP_IPV4
  if (ip4_current_header() != NULL) {
    return (u8_t)IPH_TOS(ip4_current_header());
  }
#endif
  return 0;
}
#endif

err_t lwip_tcp_rust_ip_output(struct pbuf *p, const ip_addr_t *src, const ip_addr_t *dst, const struct tcp_pcb *pcb,
                              struct netif *netif)
{
  err_t err;
  u8_t ttl = TCP_TTL;
  u8_t tos = 0;
  if (pcb != NULL) {
    NETIF_SET_HINTS(netif, LWIP_CONST_CAST(struct netif_hint *, &pcb->netif_hints));
    ttl = pcb->ttl;
    tos = pcb->tos;
  }
#if LWIP_TCP_RUST_ECN
  tos = (u8_t)((tos & ~3) | ecn_field);
#endif
  err = ip_output_if(p, src, dst, ttl, tos, IP_PROTO_TCP, netif);
  NETIF_RESET_HINTS(netif);
  return err;
}

struct netif *lwip_tcp_rust_ip_route(const ip_addr_t *src, const ip_addr_t *dst)
{
  LWIP_UNUSED_ARG(src);
  return ip_route(src, dst);
}

const ip_addr_t *lwip_tcp_rust_local_ip(struct netif *netif, const ip_addr_t *dst)
{
  LWIP_UNUSED_ARG(dst);
  return ip_netif_get_local_ip(netif, dst);
}

u8_t lwip_tcp_rust_is_of_many(const ip_addr_t *addr, const struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  return ip_addr_isbroadcast(addr, netif) || ip_addr_ismulticast(addr);
}

#if CHECKSUM_GEN_TCP || CHECKSUM_CHECK_TCP
u16_t lwip_tcp_rust_chksum(struct pbuf *p, const ip_addr_t *src, const ip_addr_t *dst)
{
  return ip_chksum_pseudo(p, IP_PROTO_TCP, p->tot_len, src, dst);
}
#endif

#if TCP_CHECKSUM_ON_COPY
u16_t lwip_tcp_rust_chksum_partial(struct pbuf *p, u16_t header_len, const ip_addr_t *src, const ip_addr_t *dst)
{
  return ip_chksum_pseudo_partial(p, IP_PROTO_TCP, p->tot_len, header_len, src, dst);
}

u16_t lwip_tcp_rust_chksum_copy(void *dst, const void *src, u16_t len)
{
  return LWIP_CHKSUM_COPY(dst, src, len);
}

#if TCP_CHECKSUM_ON_COPY_SANITY_CHECK
#ifndef TCP_CHECKSUM_ON_COPY_SANITY_CHECK_FAIL
#define TCP_CHECKSUM_ON_COPY_SANITY_CHECK_FAIL(msg) LWIP_DEBUGF(TCP_DEBUG | LWIP_DBG_LEVEL_WARNING, msg)
#endif
void lwip_tcp_rust_chksum_mismatch(struct tcp_hdr *header, u16_t slow)
{
  TCP_CHECKSUM_ON_COPY_SANITY_CHECK_FAIL(
    ("tcp_output_segment: the checksum summed up on copy is 0x%" X16_F ", that of the segment 0x%" X16_F "\n",
     header->chksum, slow));
  header->chksum = slow;
}
#endif
#endif

#ifdef LWIP_RAND
u32_t lwip_tcp_rust_rand(void)
{
  return (u32_t)LWIP_RAND();
}
#endif

#ifdef TCP_OOSEQ_BYTES_LIMIT
u32_t lwip_tcp_rust_ooseq_bytes_limit(const struct tcp_pcb *pcb)
{
  LWIP_UNUSED_ARG(pcb);
  return (u32_t)TCP_OOSEQ_BYTES_LIMIT(pcb);
}
#elif defined(TCP_OOSEQ_PBUFS_LIMIT)
u32_t lwip_tcp_rust_ooseq_bytes_limit(const struct tcp_pcb *pcb)
{
  LWIP_UNUSED_ARG(pcb);
  return 0xffffffffUL;
}
#endif

#ifdef TCP_OOSEQ_PBUFS_LIMIT
u16_t lwip_tcp_rust_ooseq_pbufs_limit(const struct tcp_pcb *pcb)
{
  LWIP_UNUSED_ARG(pcb);
  return (u16_t)TCP_OOSEQ_PBUFS_LIMIT(pcb);
}
#elif defined(TCP_OOSEQ_BYTES_LIMIT)
u16_t lwip_tcp_rust_ooseq_pbufs_limit(const struct tcp_pcb *pcb)
{
  LWIP_UNUSED_ARG(pcb);
  return 0xffffU;
}
#endif

#ifdef TCP_OVERSIZE_CALC_LENGTH
u16_t lwip_tcp_rust_oversize_length(u16_t length)
{
  return (u16_t)TCP_OVERSIZE_CALC_LENGTH(length);
}
#endif

#if LWIP_VLAN_PCP
void lwip_tcp_rust_init_hints(struct tcp_pcb *pcb)
{
  pcb_tci_init(pcb);
}
#endif

#if LWIP_IPV6 && LWIP_IPV6_SCOPES
void lwip_tcp_rust_select_zone(ip_addr_t *addr)
{
  if (IP_IS_V6(addr) && ip6_addr_lacks_zone(ip_2_ip6(addr), IP6_UNICAST)) {
    ip6_addr_select_zone(ip_2_ip6(addr), ip_2_ip6(addr));
  }
}

void lwip_tcp_rust_assign_zone(ip_addr_t *addr, struct netif *netif)
{
  if (IP_IS_V6(addr) && ip6_addr_lacks_zone(ip_2_ip6(addr), IP6_UNICAST)) {
    ip6_addr_assign_zone(ip_2_ip6(addr), IP6_UNICAST, netif);
  }
}
#endif

#ifdef LWIP_HOOK_TCP_ISN
u32_t lwip_tcp_rust_hook_isn(struct tcp_pcb *pcb)
{
  return LWIP_HOOK_TCP_ISN(&pcb->local_ip, pcb->local_port, &pcb->remote_ip, pcb->remote_port);
}
#endif

#ifdef LWIP_HOOK_TCP_INPACKET_PCB
err_t lwip_tcp_rust_hook_inpacket(struct tcp_pcb *pcb, struct tcp_hdr *hdr, u16_t optlen, u16_t opt1len, u8_t *opt2,
                                  struct pbuf *p)
{
  return LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, optlen, opt1len, opt2, p);
}
#endif

#ifdef LWIP_HOOK_TCP_OUT_TCPOPT_LENGTH
u8_t lwip_tcp_rust_hook_opt_length(const struct tcp_pcb *pcb, u8_t internal_len)
{
  LWIP_UNUSED_ARG(pcb);
  return (u8_t)LWIP_HOOK_TCP_OUT_TCPOPT_LENGTH(pcb, internal_len);
}
#endif

#ifdef LWIP_HOOK_TCP_OUT_ADD_TCPOPTS
u32_t *lwip_tcp_rust_hook_add_opts(struct pbuf *p, struct tcp_hdr *hdr, const struct tcp_pcb *pcb, u32_t *opts)
{
  return LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, hdr, pcb, opts);
}
#endif

void lwip_tcp_rust_assert_core_locked(void)
{
  LWIP_ASSERT_CORE_LOCKED();
}

#if LWIP_TCP_RUST_FINE_TIMERS && LWIP_TIMERS && !LWIP_TIMERS_CUSTOM
extern void lwip_tcp_rust_on_alarm(void);

static void on_alarm(void *arg)
{
  LWIP_UNUSED_ARG(arg);
  lwip_tcp_rust_on_alarm();
}

/* lwip_tcp_rust_on_alarm() is called in `ms` milliseconds, and not at the time asked for before. 0: there is no room for it. */
u8_t lwip_tcp_rust_set_alarm(u32_t ms)
{
  void *room;
  sys_untimeout(on_alarm, NULL);
  /* sys_timeout() asserts that there is room; so it is asked before. */
  room = memp_malloc(MEMP_SYS_TIMEOUT);
  if (room == NULL) {
    return 0;
  }
  memp_free(MEMP_SYS_TIMEOUT, room);
  sys_timeout(ms, on_alarm, NULL);
  return 1;
}
#endif

#ifndef LWIP_NOASSERT
/* In the order of `enum Assertion` in src/ffi/diagnostics.rs. */
void lwip_tcp_rust_assert(u8_t what)
{
  static const char *const message[] = {
    "TCP: invalid pcb",
    "TCP: called for a pcb that is closed, freed or not one of ours",
    "TCP: called for a listening pcb",
    "TCP: options not filled",
    "TCP: increase LWIP_TCP_PCB_NUM_EXT_ARGS in lwipopts.h"
  };
  LWIP_ASSERT(message[what < LWIP_ARRAYSIZE(message) ? what : 0], 0);
  LWIP_UNUSED_ARG(message);
}
#endif

#ifdef LWIP_DEBUG
/* In the order of `enum Event` in src/ffi/diagnostics.rs. */
void lwip_tcp_rust_debug(u8_t event, u32_t a, u32_t b)
{
  switch (event) {
    case 0:
      LWIP_DEBUGF(TCP_INPUT_DEBUG, ("tcp_input: segment for port %" U32_F " discarded, reason %" U32_F "\n", a, b));
      break;
    case 1:
      LWIP_DEBUGF(TCP_DEBUG, ("TCP: port %" U32_F " enters state %s\n", a, tcp_debug_state_str((enum tcp_state)b)));
      break;
    case 2:
      LWIP_DEBUGF(TCP_RST_DEBUG, ("TCP: RST sent, seqno %" U32_F " ackno %" U32_F "\n", a, b));
      break;
    case 3:
      LWIP_DEBUGF(TCP_OUTPUT_DEBUG, ("tcp_output: segment %" U32_F ":%" U32_F "\n", a, b));
      break;
    case 4:
      LWIP_DEBUGF(TCP_RTO_DEBUG, ("TCP: RTO expired at seqno %" U32_F ", retransmission %" U32_F "\n", a, b));
      break;
    case 5:
      LWIP_DEBUGF(TCP_FR_DEBUG, ("TCP: fast retransmit of seqno %" U32_F ", ssthresh %" U32_F "\n", a, b));
      break;
    case 6:
      LWIP_DEBUGF(TCP_CWND_DEBUG, ("TCP: cwnd %" U32_F " ssthresh %" U32_F "\n", a, b));
      break;
    case 7:
      LWIP_DEBUGF(TCP_WND_DEBUG, ("TCP: receive window %" U32_F ", announced %" U32_F "\n", a, b));
      break;
    case 8:
      LWIP_DEBUGF(TCP_RST_DEBUG, ("TCP: challenge ACK for port %" U32_F ", seqno %" U32_F "\n", a, b));
      break;
    case 9:
      LWIP_DEBUGF(TCP_DEBUG, ("TCP header: ports %" U32_F " %" U32_F "\n", a, b));
      break;
    case 10:
      LWIP_DEBUGF(TCP_DEBUG, ("TCP header: numbers %" U32_F " %" U32_F "\n", a, b));
      break;
    case 11:
      LWIP_DEBUGF(TCP_DEBUG, ("TCP header: flags 0x%" X32_F "\n", a));
      break;
    default:
      LWIP_DEBUGF(TCP_QLEN_DEBUG, ("TCP: send queue %" U32_F " pbufs, send buffer %" U32_F "\n", a, b));
      break;
  }
}
#endif

#endif /* LWIP_TCP */
