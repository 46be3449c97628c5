/* lwIP options of the fault, attack and fuzz tests.
 *
 * One file, turned by a few VNET_* definitions, so that the C and the Rust
 * core are always built from the very same options. */
#ifndef VNET_LWIPOPTS_H
#define VNET_LWIPOPTS_H

/* The harness owns time and the only thread; it calls tcp_tmr() itself. The
 * core's deadlines in milliseconds need lwIP's timers. */
#define NO_SYS 1
#ifdef VNET_RECOVERY
#define LWIP_TIMERS 1
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 1)
#else
#define LWIP_TIMERS 0
#endif
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_ARP 0
#define LWIP_UDP 0
#ifdef VNET_PATH_MTU
#define LWIP_RAW 1
#define TCP_MSS 1460
#else
#define LWIP_RAW 0
#define TCP_MSS 536
#endif
#define LWIP_ICMP 1
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define LWIP_IPV4 1
#define LWIP_IPV6 0
/* Both ends of a transfer have the netif's own address: packets must reach
 * the driver, which is the wire, and not be short-cut by the IP layer. */
#define LWIP_NETIF_LOOPBACK 0
#define LWIP_HAVE_LOOPIF 0

#ifdef VNET_RECOVERY
#define TCP_SND_BUF (120 * TCP_MSS)
#else
#define TCP_SND_BUF (8 * TCP_MSS)
#endif
#define TCP_WND (6 * TCP_MSS)
#ifdef VNET_RECOVERY
#define TCP_SND_QUEUELEN 4000
#define TCP_SNDLOWAT (4 * TCP_MSS)
#else
#define TCP_SND_QUEUELEN 32
#endif
#define MEMP_NUM_TCP_PCB 8
#define MEMP_NUM_TCP_PCB_LISTEN 4
#define MEMP_NUM_TCP_SEG 96
#define MEMP_NUM_PBUF 64
#define PBUF_POOL_SIZE 64
#define PBUF_POOL_BUFSIZE 640
#define MEM_SIZE (128 * 1024)
#define MEM_ALIGNMENT 8

/* Longer than an outage: LAST-ACK gives up after twice this. */
#define TCP_MSL 15000UL
#define LWIP_TCP_KEEPALIVE 1
#define TCP_LISTEN_BACKLOG 1
#define SO_REUSE 1
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_PBUFS 16
#define TCP_OOSEQ_MAX_BYTES TCP_WND
#define LWIP_SUPPORT_CUSTOM_PBUF 1

#ifdef VNET_FULL
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 1
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 1
#define LWIP_CHECKSUM_ON_COPY 1
#endif
#ifdef VNET_SOME_RECOVERY
#define LWIP_TCP_RUST_FINE_TIMERS 1
#define LWIP_TCP_RUST_SACK 1
#define LWIP_TCP_RUST_RACK 1
#define LWIP_TCP_RUST_CUBIC 1
#define LWIP_TCP_RUST_CC_DEFAULT 1
#endif
/* The core's recovery and congestion control; long queues, to see what a walk
 * costs. */
#ifdef VNET_RECOVERY
#define LWIP_TCP_RUST_FINE_TIMERS 1
#define LWIP_TCP_RUST_SACK 1
#define LWIP_TCP_RUST_RACK 1
#define LWIP_TCP_RUST_CUBIC 1
#define LWIP_TCP_RUST_PACING 1
#define LWIP_TCP_RUST_BBR 1
#define LWIP_TCP_RUST_CWV 1
#define LWIP_TCP_RUST_HYSTART 1
#define LWIP_TCP_RUST_USER_TIMEOUT 1
#define LWIP_TCP_RUST_ECN 1
#define LWIP_TCP_RUST_INDEX 1
#endif
#if defined(VNET_PATH_MTU) || defined(VNET_RECOVERY)
#define LWIP_TCP_RUST_PMTU 1
#endif
#ifdef VNET_PLAIN
#define TCP_OVERSIZE 0
#endif

/* The heap build lets AddressSanitizer see the bounds and the life time of
 * each PCB, segment and pbuf, which static pools hide from it. */
#ifdef VNET_HEAP
#define MEMP_MEM_MALLOC 1
#define MEM_LIBC_MALLOC 1
#endif

#ifdef VNET_NO_CHECKSUM
#define CHECKSUM_CHECK_IP 0
#define CHECKSUM_CHECK_TCP 0
#endif

#define LWIP_STATS 1
#define LWIP_STATS_DISPLAY 0
#define MEM_STATS 1
#define MEMP_STATS 1
#define TCP_STATS 1

#ifdef VNET_NOASSERT
#define LWIP_NOASSERT 1
#endif
void vnet_assert_failed(const char *message, const char *file, int line);
#define LWIP_PLATFORM_ASSERT(message) \
  vnet_assert_failed(message, __FILE__, __LINE__)

/* Counts the calls, and with the lock "not held" notes that a wrong thread
 * was caught. */
void vnet_core_locked(void);
#define LWIP_ASSERT_CORE_LOCKED() vnet_core_locked()

#endif
