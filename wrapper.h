/*
 * What the Rust core has to know of the user's lwIP: bindgen reads this header with the user's include folders,
 * lwipopts.h and flags, and wrapper.c is compiled against it.
 *
 * Option macros become enumerators, because an enumerator is evaluated by the compiler itself, whatever expression
 * or cast stands in lwipopts.h. build.rs turns LWIP_TCP_RUST_NUM_x into the constant `x` and LWIP_TCP_RUST_CFG_x,
 * where it is 1, into the cfg `x` in lower case.
 */
#ifndef LWIP_TCP_RUST_WRAPPER_H
#define LWIP_TCP_RUST_WRAPPER_H

#include "lwip/opt.h"
#include "lwip/init.h"

enum lwip_tcp_rust_presence { LWIP_TCP_RUST_CFG_LWIP_TCP = (LWIP_TCP != 0) };

#if LWIP_TCP

#include "lwip/debug.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/ip_addr.h"
#include "lwip/memp.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/raw.h"
#include "lwip/priv/memp_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"

#ifdef LWIP_HOOK_FILENAME
#include LWIP_HOOK_FILENAME
#endif

#if LWIP_STATS
/* What lwip_stats counts with. */
typedef STAT_COUNTER lwip_tcp_rust_counter;
#endif

/*
 * Options of our own, set in the same lwipopts.h.
 */

/* LWIP_TCP_RUST_CHALLENGE_ACKS: how many challenge ACKs (RFC 5961) one connection sends per second at most. */
#ifndef LWIP_TCP_RUST_CHALLENGE_ACKS
#define LWIP_TCP_RUST_CHALLENGE_ACKS 2
#endif

/*
 * LWIP_TCP_RUST_INDEX: 1 finds the connection of a segment by a hash over the 4-tuple, 0 by a walk over lwIP's lists, which takes
 * less flash and, with few connections, not much longer.
 */
#ifndef LWIP_TCP_RUST_INDEX
#define LWIP_TCP_RUST_INDEX (MEMP_NUM_TCP_PCB > 16)
#endif

/*
 * LWIP_TCP_RUST_FINE_TIMERS: 1 counts in milliseconds of sys_now() what TCP otherwise counts in ticks of 250 and 500 ms: the
 * retransmission timeout (RFC 6298: 1 s at first, then by the round trip), delayed ACKs and the persist timer. All connections
 * share one sys_timeout(), for the earliest deadline: give it room, MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 1).
 * Without that room, or with LWIP_TIMERS 0, deadlines are met by the next call of tcp_fasttmr() or tcp_slowtmr(). With
 * LWIP_TCPIP_CORE_LOCKING a thread that sends out of silence does not wake the tcpip thread, which then learns of the new
 * deadline with the next packet or tick.
 */
#ifndef LWIP_TCP_RUST_FINE_TIMERS
#define LWIP_TCP_RUST_FINE_TIMERS 0
#endif

/* LWIP_TCP_RUST_RTO_MIN_MS: the shortest retransmission timeout. RFC 6298 2.4 asks for 1000; 200 is what Linux does. */
#ifndef LWIP_TCP_RUST_RTO_MIN_MS
#define LWIP_TCP_RUST_RTO_MIN_MS 200
#endif

/* LWIP_TCP_RUST_DELAYED_ACK_MS: how long an ACK waits for a second segment, at most 500 (RFC 9293 3.8.6.3). */
#ifndef LWIP_TCP_RUST_DELAYED_ACK_MS
#define LWIP_TCP_RUST_DELAYED_ACK_MS 40
#endif

/*
 * LWIP_TCP_RUST_USER_TIMEOUT: 1 brings lwip_tcp_rust_set_user_timeout(): a connection is given up when what it has to send was not
 * acknowledged for so many milliseconds (RFC 9293 3.8.3, RFC 5482), not after TCP_MAXRTX retransmissions. Needs
 * LWIP_TCP_RUST_FINE_TIMERS.
 */
#ifndef LWIP_TCP_RUST_USER_TIMEOUT
#define LWIP_TCP_RUST_USER_TIMEOUT 0
#endif

/*
 * LWIP_TCP_RUST_SACK: 1 makes the sender use the SACKs that it receives (RFC 2018, 6675): only what is missing is sent again,
 * as fast as Proportional Rate Reduction allows (RFC 6937), several losses in one round trip; D-SACKs (RFC 2883) are sent and
 * understood. Needs LWIP_TCP_SACK_OUT and LWIP_TCP_RUST_FINE_TIMERS.
 */
#ifndef LWIP_TCP_RUST_SACK
#define LWIP_TCP_RUST_SACK 0
#endif

/*
 * LWIP_TCP_RUST_RACK: 1 detects losses by time (RACK-TLP, RFC 8985): reordering is told from loss, the loss of the last
 * segments or of a retransmission needs no timeout. Needs LWIP_TCP_RUST_SACK.
 */
#ifndef LWIP_TCP_RUST_RACK
#define LWIP_TCP_RUST_RACK 0
#endif

/*
 * LWIP_TCP_RUST_CUBIC: 1 brings the congestion controller CUBIC (RFC 9438), which fills fast and long paths where NewReno takes
 * minutes. Needs LWIP_TCP_RUST_SACK.
 */
#ifndef LWIP_TCP_RUST_CUBIC
#define LWIP_TCP_RUST_CUBIC 0
#endif

/*
 * LWIP_TCP_RUST_PACING: 1 sends segments at a rate, evenly by the millisecond, instead of as fast as ACKs come. Needs
 * LWIP_TCP_RUST_SACK.
 */
#ifndef LWIP_TCP_RUST_PACING
#define LWIP_TCP_RUST_PACING 0
#endif

/*
 * LWIP_TCP_RUST_BBR: 1 brings the congestion controller BBR, version 3 (draft-ietf-ccwg-bbr): it sends at the rate that the path
 * was measured to have, and takes random loss for what it is. Needs LWIP_TCP_RUST_RACK and LWIP_TCP_RUST_PACING. A connection
 * whose peer has no SACK has CUBIC instead, or NewReno.
 */
#ifndef LWIP_TCP_RUST_BBR
#define LWIP_TCP_RUST_BBR 0
#endif

/*
 * LWIP_TCP_RUST_ECN: 1 negotiates explicit congestion notification (RFC 3168): routers that can mark packets instead of dropping
 * them, and the window is reduced by less for a mark than for a loss (RFC 8511). Needs LWIP_TCP_RUST_SACK.
 */
#ifndef LWIP_TCP_RUST_ECN
#define LWIP_TCP_RUST_ECN 0
#endif

/*
 * LWIP_TCP_RUST_HYSTART: 1 ends the first slow start of NewReno and CUBIC when round trips get longer (HyStart++, RFC 9406), before
 * the queue on the path overflows. Needs LWIP_TCP_RUST_RACK, which knows the round trip of each ACK; a connection whose peer has no
 * SACK starts without it.
 */
#ifndef LWIP_TCP_RUST_HYSTART
#define LWIP_TCP_RUST_HYSTART 0
#endif

/* LWIP_TCP_RUST_IW10: 1 starts with a window of ten segments (RFC 6928) instead of four (RFC 3390). */
#ifndef LWIP_TCP_RUST_IW10
#define LWIP_TCP_RUST_IW10 0
#endif

/*
 * LWIP_TCP_RUST_CWV: 1 does not trust a congestion window that was not used for long (RFC 7661, RFC 5681 4.1). Needs
 * LWIP_TCP_RUST_SACK.
 */
#ifndef LWIP_TCP_RUST_CWV
#define LWIP_TCP_RUST_CWV 0
#endif

/*
 * LWIP_TCP_RUST_PMTU: 1 finds out when a path does not carry segments of full size (RFC 4821, RFC 8899): after two timeouts of one
 * that was never acknowledged at its size, after four of one that was, it is halved; larger ones are tried again later, one at a
 * time and at no cost to cwnd. Where LWIP_RAW is 1, ICMP "fragmentation needed" is taken for a hint, checked as RFC 5927 asks; that
 * takes one PCB of MEMP_NUM_RAW_PCB. lwIP sends IPv4 without DF unless a driver or a hook sets it: then routers fragment, and no
 * such ICMP comes. For IPv6 what nd6 has learned of the path is the hint. Works in ticks and in milliseconds.
 */
#ifndef LWIP_TCP_RUST_PMTU
#define LWIP_TCP_RUST_PMTU 0
#endif

/*
 * LWIP_TCP_RUST_CC_DEFAULT: which congestion controller a new connection has, of those that are built: 0 NewReno, 1 CUBIC, 2 BBR.
 */
#ifndef LWIP_TCP_RUST_CC_DEFAULT
#define LWIP_TCP_RUST_CC_DEFAULT 0
#endif

/*
 * What would not work. build.rs shows these messages as they are.
 */
#if (LWIP_TCP_RUST_INDEX | LWIP_TCP_RUST_FINE_TIMERS | LWIP_TCP_RUST_USER_TIMEOUT | LWIP_TCP_RUST_SACK | LWIP_TCP_RUST_RACK | LWIP_TCP_RUST_CUBIC | \
     LWIP_TCP_RUST_PACING | LWIP_TCP_RUST_BBR | LWIP_TCP_RUST_ECN | LWIP_TCP_RUST_HYSTART | LWIP_TCP_RUST_IW10 | \
     LWIP_TCP_RUST_CWV | LWIP_TCP_RUST_PMTU) & ~1
#error "lwipopts.h: LWIP_TCP_RUST_x switches a thing on or off, by 1 or 0, and one of them has another value (example: #define LWIP_TCP_RUST_SACK 1)"
#endif
#if LWIP_TCP_RUST_CHALLENGE_ACKS < 1 || LWIP_TCP_RUST_CHALLENGE_ACKS > 255
#error "lwipopts.h: LWIP_TCP_RUST_CHALLENGE_ACKS must be 1 to 255 (example: #define LWIP_TCP_RUST_CHALLENGE_ACKS 2)"
#endif
#if LWIP_TCP_RUST_RTO_MIN_MS < 1 || LWIP_TCP_RUST_RTO_MIN_MS > 60000
#error "lwipopts.h: LWIP_TCP_RUST_RTO_MIN_MS must be 1 to 60000 (example: #define LWIP_TCP_RUST_RTO_MIN_MS 200)"
#endif
#if LWIP_TCP_RUST_DELAYED_ACK_MS < 1 || LWIP_TCP_RUST_DELAYED_ACK_MS > 500
#error "lwipopts.h: LWIP_TCP_RUST_DELAYED_ACK_MS must be 1 to 500 (example: #define LWIP_TCP_RUST_DELAYED_ACK_MS 40)"
#endif
#if LWIP_TCP_RUST_CC_DEFAULT < 0 || LWIP_TCP_RUST_CC_DEFAULT > 2
#error "lwipopts.h: LWIP_TCP_RUST_CC_DEFAULT must be 0 (NewReno), 1 (CUBIC) or 2 (BBR) (example: #define LWIP_TCP_RUST_CC_DEFAULT 0)"
#endif
#if MEMP_NUM_TCP_PCB > 65534
#error "lwipopts.h: MEMP_NUM_TCP_PCB must be at most 65534 with the Rust TCP core (example: #define MEMP_NUM_TCP_PCB 5000)"
#endif
#if LWIP_TCP_SACK_OUT && !TCP_QUEUE_OOSEQ
#error "lwipopts.h: LWIP_TCP_SACK_OUT needs TCP_QUEUE_OOSEQ (example: #define TCP_QUEUE_OOSEQ 1)"
#endif
#if LWIP_TCP_RUST_USER_TIMEOUT && !LWIP_TCP_RUST_FINE_TIMERS
#error "lwipopts.h: LWIP_TCP_RUST_USER_TIMEOUT needs LWIP_TCP_RUST_FINE_TIMERS (example: #define LWIP_TCP_RUST_FINE_TIMERS 1)"
#endif
#if LWIP_TCP_RUST_SACK && !LWIP_TCP_SACK_OUT
#error "lwipopts.h: LWIP_TCP_RUST_SACK needs LWIP_TCP_SACK_OUT (example: #define LWIP_TCP_SACK_OUT 1)"
#endif
#if LWIP_TCP_RUST_SACK && !LWIP_TCP_RUST_FINE_TIMERS
#error "lwipopts.h: LWIP_TCP_RUST_SACK needs LWIP_TCP_RUST_FINE_TIMERS (example: #define LWIP_TCP_RUST_FINE_TIMERS 1)"
#endif
#if LWIP_TCP_RUST_RACK && !LWIP_TCP_RUST_SACK
#error "lwipopts.h: LWIP_TCP_RUST_RACK needs LWIP_TCP_RUST_SACK (example: #define LWIP_TCP_RUST_SACK 1)"
#endif
#if LWIP_TCP_RUST_CUBIC && !LWIP_TCP_RUST_SACK
#error "lwipopts.h: LWIP_TCP_RUST_CUBIC needs LWIP_TCP_RUST_SACK (example: #define LWIP_TCP_RUST_SACK 1)"
#endif
#if LWIP_TCP_RUST_PACING && !LWIP_TCP_RUST_SACK
#error "lwipopts.h: LWIP_TCP_RUST_PACING needs LWIP_TCP_RUST_SACK (example: #define LWIP_TCP_RUST_SACK 1)"
#endif
#if LWIP_TCP_RUST_CWV && !LWIP_TCP_RUST_SACK
#error "lwipopts.h: LWIP_TCP_RUST_CWV needs LWIP_TCP_RUST_SACK (example: #define LWIP_TCP_RUST_SACK 1)"
#endif
#if LWIP_TCP_RUST_ECN && !LWIP_TCP_RUST_SACK
#error "lwipopts.h: LWIP_TCP_RUST_ECN needs LWIP_TCP_RUST_SACK (example: #define LWIP_TCP_RUST_SACK 1)"
#endif
#if LWIP_TCP_RUST_HYSTART && !LWIP_TCP_RUST_RACK
#error "lwipopts.h: LWIP_TCP_RUST_HYSTART needs LWIP_TCP_RUST_RACK (example: #define LWIP_TCP_RUST_RACK 1)"
#endif
#if LWIP_TCP_RUST_BBR && !LWIP_TCP_RUST_RACK
#error "lwipopts.h: LWIP_TCP_RUST_BBR needs LWIP_TCP_RUST_RACK (example: #define LWIP_TCP_RUST_RACK 1)"
#endif
#if LWIP_TCP_RUST_BBR && !LWIP_TCP_RUST_PACING
#error "lwipopts.h: LWIP_TCP_RUST_BBR needs LWIP_TCP_RUST_PACING (example: #define LWIP_TCP_RUST_PACING 1)"
#endif
#if LWIP_TCP_RUST_CC_DEFAULT == 1 && !LWIP_TCP_RUST_CUBIC
#error "lwipopts.h: LWIP_TCP_RUST_CC_DEFAULT 1 needs LWIP_TCP_RUST_CUBIC (example: #define LWIP_TCP_RUST_CUBIC 1)"
#endif
#if LWIP_TCP_RUST_CC_DEFAULT == 2 && !LWIP_TCP_RUST_BBR
#error "lwipopts.h: LWIP_TCP_RUST_CC_DEFAULT 2 needs LWIP_TCP_RUST_BBR (example: #define LWIP_TCP_RUST_BBR 1)"
#endif

/* Options that tcp.c and tcp_out.c default by themselves. */
#ifndef TCP_LOCAL_PORT_RANGE_START
#define TCP_LOCAL_PORT_RANGE_START 0xc000
#define TCP_LOCAL_PORT_RANGE_END 0xffff
#endif
#ifndef LWIP_TCP_RTO_TIME
#define LWIP_TCP_RTO_TIME 3000 /* what lwIP 2.1 has in tcp.c */
#endif
#ifndef TCP_CHECKSUM_ON_COPY_SANITY_CHECK
#define TCP_CHECKSUM_ON_COPY_SANITY_CHECK 0
#endif
#ifndef LWIP_VLAN_PCP
#define LWIP_VLAN_PCP 0
#endif
#ifndef LWIP_DEBUG
#define LWIP_TCP_RUST_HAS_DEBUG 0
#else
#define LWIP_TCP_RUST_HAS_DEBUG 1
#endif

/* The pool that PCBs come from: with its base and stride an address is turned into the PCB's number. */
#if !MEMP_MEM_MALLOC
extern u8_t memp_memory_TCP_PCB_base[];
#endif

enum lwip_tcp_rust_numbers {
  LWIP_TCP_RUST_NUM_VERSION = LWIP_VERSION_MAJOR * 10000 + LWIP_VERSION_MINOR * 100 + LWIP_VERSION_REVISION,
  LWIP_TCP_RUST_NUM_MEM_ALIGNMENT = MEM_ALIGNMENT,
  LWIP_TCP_RUST_NUM_MEMP_NUM_TCP_PCB = MEMP_NUM_TCP_PCB,
  LWIP_TCP_RUST_NUM_TCP_MSS = TCP_MSS,
  LWIP_TCP_RUST_NUM_TCP_WND = TCP_WND,
  LWIP_TCP_RUST_NUM_TCP_SND_BUF = TCP_SND_BUF,
  LWIP_TCP_RUST_NUM_TCP_SND_QUEUELEN = TCP_SND_QUEUELEN,
  LWIP_TCP_RUST_NUM_TCP_WND_UPDATE_THRESHOLD = TCP_WND_UPDATE_THRESHOLD,
  LWIP_TCP_RUST_NUM_TCP_TTL = TCP_TTL,
  LWIP_TCP_RUST_NUM_TCP_MAXRTX = TCP_MAXRTX,
  LWIP_TCP_RUST_NUM_TCP_SYNMAXRTX = TCP_SYNMAXRTX,
  LWIP_TCP_RUST_NUM_TCP_SLOW_INTERVAL = TCP_SLOW_INTERVAL,
  LWIP_TCP_RUST_NUM_LWIP_TCP_RTO_TIME = LWIP_TCP_RTO_TIME,
  LWIP_TCP_RUST_NUM_TCP_FIN_WAIT_TIMEOUT = TCP_FIN_WAIT_TIMEOUT,
  LWIP_TCP_RUST_NUM_TCP_SYN_RCVD_TIMEOUT = TCP_SYN_RCVD_TIMEOUT,
  LWIP_TCP_RUST_NUM_TCP_OOSEQ_TIMEOUT = TCP_OOSEQ_TIMEOUT,
  LWIP_TCP_RUST_NUM_TCP_MSL = TCP_MSL,
  LWIP_TCP_RUST_NUM_TCP_KEEPIDLE_DEFAULT = TCP_KEEPIDLE_DEFAULT,
  LWIP_TCP_RUST_NUM_TCP_KEEPINTVL_DEFAULT = TCP_KEEPINTVL_DEFAULT,
  LWIP_TCP_RUST_NUM_TCP_KEEPCNT_DEFAULT = TCP_KEEPCNT_DEFAULT,
  LWIP_TCP_RUST_NUM_TCP_LOCAL_PORT_RANGE_START = TCP_LOCAL_PORT_RANGE_START,
  LWIP_TCP_RUST_NUM_TCP_LOCAL_PORT_RANGE_END = TCP_LOCAL_PORT_RANGE_END,
  LWIP_TCP_RUST_NUM_CHALLENGE_ACKS = LWIP_TCP_RUST_CHALLENGE_ACKS,
  LWIP_TCP_RUST_NUM_RTO_MIN_MS = LWIP_TCP_RUST_RTO_MIN_MS,
  LWIP_TCP_RUST_NUM_CC_DEFAULT = LWIP_TCP_RUST_CC_DEFAULT,
  LWIP_TCP_RUST_NUM_DELAYED_ACK_MS = LWIP_TCP_RUST_DELAYED_ACK_MS,
  LWIP_TCP_RUST_NUM_TCP_PRIO_NORMAL = TCP_PRIO_NORMAL,
  LWIP_TCP_RUST_NUM_TCP_PRIO_MAX = TCP_PRIO_MAX,
#if TCP_OVERSIZE
  LWIP_TCP_RUST_NUM_TCP_OVERSIZE = TCP_OVERSIZE,
#endif
#if LWIP_WND_SCALE
  LWIP_TCP_RUST_NUM_TCP_RCV_SCALE = TCP_RCV_SCALE,
#endif
#if LWIP_TCP_SACK_OUT
  LWIP_TCP_RUST_NUM_LWIP_TCP_MAX_SACK_NUM = LWIP_TCP_MAX_SACK_NUM,
#endif
#if LWIP_TCP_PCB_NUM_EXT_ARGS
  LWIP_TCP_RUST_NUM_LWIP_TCP_PCB_NUM_EXT_ARGS = LWIP_TCP_PCB_NUM_EXT_ARGS,
#endif
#if !MEMP_MEM_MALLOC
  LWIP_TCP_RUST_NUM_PCB_POOL_OFFSET = MEMP_SIZE,
  LWIP_TCP_RUST_NUM_PCB_POOL_STRIDE = MEMP_SIZE + MEMP_ALIGN_SIZE(sizeof(struct tcp_pcb)),
#endif
  LWIP_TCP_RUST_NUM_SEG_OPTS_MSS = TF_SEG_OPTS_MSS,
  LWIP_TCP_RUST_NUM_SEG_OPTS_TS = TF_SEG_OPTS_TS,
  LWIP_TCP_RUST_NUM_SEG_DATA_CHECKSUMMED = TF_SEG_DATA_CHECKSUMMED,
  LWIP_TCP_RUST_NUM_SEG_OPTS_WND_SCALE = TF_SEG_OPTS_WND_SCALE,
  LWIP_TCP_RUST_NUM_SEG_OPTS_SACK_PERM = TF_SEG_OPTS_SACK_PERM
};

#define LWIP_TCP_RUST_TEXT_OF(x) #x
#define LWIP_TCP_RUST_TEXT(x) LWIP_TCP_RUST_TEXT_OF(x)

enum lwip_tcp_rust_switches {
  LWIP_TCP_RUST_CFG_LWIP_2_2 = (LWIP_TCP_RUST_NUM_VERSION >= 20200),
  LWIP_TCP_RUST_CFG_LWIP_IPV4 = (LWIP_IPV4 != 0),
  LWIP_TCP_RUST_CFG_LWIP_IPV6 = (LWIP_IPV6 != 0),
  LWIP_TCP_RUST_CFG_LWIP_IPV6_SCOPES = (LWIP_IPV6 && LWIP_IPV6_SCOPES),
  LWIP_TCP_RUST_CFG_LWIP_AUTOIP = (LWIP_IPV4 && LWIP_AUTOIP),
  LWIP_TCP_RUST_CFG_LWIP_CALLBACK_API = (LWIP_CALLBACK_API != 0),
  LWIP_TCP_RUST_CFG_LWIP_EVENT_API = (LWIP_EVENT_API != 0),
  LWIP_TCP_RUST_CFG_TCP_QUEUE_OOSEQ = (TCP_QUEUE_OOSEQ != 0),
  LWIP_TCP_RUST_CFG_TCP_OVERSIZE = (TCP_OVERSIZE != 0),
  LWIP_TCP_RUST_CFG_TCP_OVERSIZE_DBGCHECK = (TCP_OVERSIZE_DBGCHECK != 0),
  LWIP_TCP_RUST_CFG_TCP_LISTEN_BACKLOG = (TCP_LISTEN_BACKLOG != 0),
  LWIP_TCP_RUST_CFG_TCP_CHECKSUM_ON_COPY = (TCP_CHECKSUM_ON_COPY != 0),
  LWIP_TCP_RUST_CFG_TCP_CHECKSUM_ON_COPY_SANITY_CHECK = (TCP_CHECKSUM_ON_COPY_SANITY_CHECK != 0),
  LWIP_TCP_RUST_CFG_TCP_CALCULATE_EFF_SEND_MSS = (TCP_CALCULATE_EFF_SEND_MSS != 0),
  LWIP_TCP_RUST_CFG_CHECKSUM_GEN_TCP = (CHECKSUM_GEN_TCP != 0),
  LWIP_TCP_RUST_CFG_CHECKSUM_CHECK_TCP = (CHECKSUM_CHECK_TCP != 0),
  LWIP_TCP_RUST_CFG_LWIP_CHECKSUM_CTRL_PER_NETIF = (LWIP_CHECKSUM_CTRL_PER_NETIF != 0),
  LWIP_TCP_RUST_CFG_LWIP_NETIF_TX_SINGLE_PBUF = (LWIP_NETIF_TX_SINGLE_PBUF != 0),
  LWIP_TCP_RUST_CFG_LWIP_NETIF_USE_HINTS = (LWIP_NETIF_USE_HINTS != 0),
  LWIP_TCP_RUST_CFG_LWIP_VLAN_PCP = (LWIP_VLAN_PCP != 0),
  LWIP_TCP_RUST_CFG_LWIP_WND_SCALE = (LWIP_WND_SCALE != 0),
  LWIP_TCP_RUST_CFG_LWIP_TCP_TIMESTAMPS = (LWIP_TCP_TIMESTAMPS != 0),
  LWIP_TCP_RUST_CFG_LWIP_TCP_SACK_OUT = (LWIP_TCP_SACK_OUT != 0),
  LWIP_TCP_RUST_CFG_LWIP_TCP_KEEPALIVE = (LWIP_TCP_KEEPALIVE != 0),
  LWIP_TCP_RUST_CFG_LWIP_TCP_PCB_EXT_ARGS = (LWIP_TCP_PCB_NUM_EXT_ARGS != 0),
  LWIP_TCP_RUST_CFG_LWIP_ND6_TCP_REACHABILITY_HINTS = (LWIP_IPV6 && LWIP_ND6_TCP_REACHABILITY_HINTS),
  LWIP_TCP_RUST_CFG_LWIP_TIMERS = (LWIP_TIMERS && !LWIP_TIMERS_CUSTOM),
  LWIP_TCP_RUST_CFG_INDEXED = (LWIP_TCP_RUST_INDEX != 0),
  LWIP_TCP_RUST_CFG_FINE_TIMERS = (LWIP_TCP_RUST_FINE_TIMERS != 0),
  LWIP_TCP_RUST_CFG_SACK_RECOVERY = (LWIP_TCP_RUST_SACK != 0),
  LWIP_TCP_RUST_CFG_ECN = (LWIP_TCP_RUST_ECN != 0),
  LWIP_TCP_RUST_CFG_PATH_MTU = (LWIP_TCP_RUST_PMTU != 0),
  LWIP_TCP_RUST_CFG_PATH_MTU_BY_ICMP = (LWIP_TCP_RUST_PMTU && LWIP_RAW && LWIP_IPV4),
  LWIP_TCP_RUST_CFG_CC_CHOICE = (LWIP_TCP_RUST_CUBIC || LWIP_TCP_RUST_BBR),
  LWIP_TCP_RUST_CFG_CC_STATE = (LWIP_TCP_RUST_CUBIC || LWIP_TCP_RUST_BBR || LWIP_TCP_RUST_HYSTART),
  LWIP_TCP_RUST_CFG_PACING = (LWIP_TCP_RUST_PACING != 0),
  LWIP_TCP_RUST_CFG_BBR = (LWIP_TCP_RUST_BBR != 0),
  LWIP_TCP_RUST_CFG_USER_TIMEOUT = (LWIP_TCP_RUST_USER_TIMEOUT != 0),
  LWIP_TCP_RUST_CFG_HYSTART = (LWIP_TCP_RUST_HYSTART != 0),
  LWIP_TCP_RUST_CFG_IW10 = (LWIP_TCP_RUST_IW10 != 0),
  LWIP_TCP_RUST_CFG_CWND_VALIDATION = (LWIP_TCP_RUST_CWV != 0),
  LWIP_TCP_RUST_CFG_CUBIC = (LWIP_TCP_RUST_CUBIC != 0),
  LWIP_TCP_RUST_CFG_RACK = (LWIP_TCP_RUST_RACK != 0),
  LWIP_TCP_RUST_CFG_SO_REUSE = (SO_REUSE != 0),
  LWIP_TCP_RUST_CFG_MEMP_MEM_MALLOC = (MEMP_MEM_MALLOC != 0),
  LWIP_TCP_RUST_CFG_MEMP_STATS = (LWIP_STATS && MEMP_STATS),
  LWIP_TCP_RUST_CFG_TCP_STATS = (LWIP_STATS && TCP_STATS),
  LWIP_TCP_RUST_CFG_MIB2_STATS = (LWIP_STATS && MIB2_STATS),
  LWIP_TCP_RUST_CFG_LWIP_DEBUG = LWIP_TCP_RUST_HAS_DEBUG,
  LWIP_TCP_RUST_CFG_TCP_DEBUG_FUNCTIONS = (TCP_DEBUG || TCP_INPUT_DEBUG || TCP_OUTPUT_DEBUG),
#ifdef LWIP_NOASSERT
  LWIP_TCP_RUST_CFG_LWIP_ASSERTS = 0,
#else
  LWIP_TCP_RUST_CFG_LWIP_ASSERTS = 1,
#endif
  /* opt.h defines the check as nothing when the port does not. */
  LWIP_TCP_RUST_CFG_CORE_LOCK_CHECK = (sizeof(LWIP_TCP_RUST_TEXT(LWIP_ASSERT_CORE_LOCKED())) > 1),
#ifdef TCP_OVERSIZE_CALC_LENGTH
  LWIP_TCP_RUST_CFG_OVERSIZE_CALC_LENGTH = 1,
#else
  LWIP_TCP_RUST_CFG_OVERSIZE_CALC_LENGTH = 0,
#endif
#if defined(TCP_OOSEQ_BYTES_LIMIT) || defined(TCP_OOSEQ_PBUFS_LIMIT)
  LWIP_TCP_RUST_CFG_OOSEQ_LIMIT = 1,
#else
  LWIP_TCP_RUST_CFG_OOSEQ_LIMIT = 0,
#endif
#ifdef LWIP_RAND
  LWIP_TCP_RUST_CFG_HAS_RAND = 1,
#else
  LWIP_TCP_RUST_CFG_HAS_RAND = 0,
#endif
#ifdef LWIP_HOOK_TCP_ISN
  LWIP_TCP_RUST_CFG_HOOK_TCP_ISN = 1,
#else
  LWIP_TCP_RUST_CFG_HOOK_TCP_ISN = 0,
#endif
#ifdef LWIP_HOOK_TCP_INPACKET_PCB
  LWIP_TCP_RUST_CFG_HOOK_TCP_INPACKET_PCB = 1,
#else
  LWIP_TCP_RUST_CFG_HOOK_TCP_INPACKET_PCB = 0,
#endif
#ifdef LWIP_HOOK_TCP_OUT_TCPOPT_LENGTH
  LWIP_TCP_RUST_CFG_HOOK_TCP_OUT_TCPOPT_LENGTH = 1,
#else
  LWIP_TCP_RUST_CFG_HOOK_TCP_OUT_TCPOPT_LENGTH = 0,
#endif
#ifdef LWIP_HOOK_TCP_OUT_ADD_TCPOPTS
  LWIP_TCP_RUST_CFG_HOOK_TCP_OUT_ADD_TCPOPTS = 1
#else
  LWIP_TCP_RUST_CFG_HOOK_TCP_OUT_ADD_TCPOPTS = 0
#endif
};

/*
 * Bodies, in wrapper.c, for what lwIP has as a macro.
 */
u8_t lwip_tcp_rust_fits_lwip(void);
void *lwip_tcp_rust_memp_malloc(memp_t pool);
void *lwip_tcp_rust_memp_zalloc(memp_t pool, u16_t size);
void lwip_tcp_rust_memzero(void *mem, u16_t size);
void lwip_tcp_rust_memcpy(void *dst, const void *src, u16_t len);
err_t lwip_tcp_rust_ip_output(struct pbuf *p, const ip_addr_t *src, const ip_addr_t *dst, const struct tcp_pcb *pcb,
                              struct netif *netif);
struct netif *lwip_tcp_rust_ip_route(const ip_addr_t *src, const ip_addr_t *dst);
const ip_addr_t *lwip_tcp_rust_local_ip(struct netif *netif, const ip_addr_t *dst);
u8_t lwip_tcp_rust_is_of_many(const ip_addr_t *addr, const struct netif *netif);
#if LWIP_TCP_RUST_ECN
u8_t lwip_tcp_rust_tos(void);
void lwip_tcp_rust_next_markable(u8_t markable);
#endif
u16_t lwip_tcp_rust_chksum(struct pbuf *p, const ip_addr_t *src, const ip_addr_t *dst);
u32_t lwip_tcp_rust_rand(void);
void lwip_tcp_rust_assert(u8_t what);
void lwip_tcp_rust_assert_core_locked(void);
void lwip_tcp_rust_debug(u8_t event, u32_t a, u32_t b);
#if LWIP_TCP_RUST_FINE_TIMERS && LWIP_TIMERS && !LWIP_TIMERS_CUSTOM
u8_t lwip_tcp_rust_set_alarm(u32_t ms);
#endif
#if TCP_CHECKSUM_ON_COPY
u16_t lwip_tcp_rust_chksum_partial(struct pbuf *p, u16_t header_len, const ip_addr_t *src, const ip_addr_t *dst);
u16_t lwip_tcp_rust_chksum_copy(void *dst, const void *src, u16_t len);
void lwip_tcp_rust_chksum_mismatch(struct tcp_hdr *header, u16_t slow);
#endif
u32_t lwip_tcp_rust_ooseq_bytes_limit(const struct tcp_pcb *pcb);
u16_t lwip_tcp_rust_ooseq_pbufs_limit(const struct tcp_pcb *pcb);
u16_t lwip_tcp_rust_oversize_length(u16_t length);
void lwip_tcp_rust_init_hints(struct tcp_pcb *pcb);
void lwip_tcp_rust_select_zone(ip_addr_t *addr);
void lwip_tcp_rust_assign_zone(ip_addr_t *addr, struct netif *netif);
u32_t lwip_tcp_rust_hook_isn(struct tcp_pcb *pcb);
err_t lwip_tcp_rust_hook_inpacket(struct tcp_pcb *pcb, struct tcp_hdr *hdr, u16_t optlen, u16_t opt1len, u8_t *opt2,
                                  struct pbuf *p);
u8_t lwip_tcp_rust_hook_opt_length(const struct tcp_pcb *pcb, u8_t internal_len);
u32_t *lwip_tcp_rust_hook_add_opts(struct pbuf *p, struct tcp_hdr *hdr, const struct tcp_pcb *pcb, u32_t *opts);

#endif /* LWIP_TCP */

#endif /* LWIP_TCP_RUST_WRAPPER_H */
