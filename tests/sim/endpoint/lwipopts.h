/* lwIP as one end of an emulated path: the TCP under test is all that differs between the builds.
 * SIM_WND is the window of the build, the only other thing that CMake sets. */
#ifndef SIM_LWIPOPTS_H
#define SIM_LWIPOPTS_H

#ifndef SIM_WND
#error "SIM_WND is not defined; CMakeLists.txt gives it, for example -DSIM_WND=58400"
#endif

#define NO_SYS                     1
#define SYS_LIGHTWEIGHT_PROT       0
#define LWIP_NETCONN               0
#define LWIP_SOCKET                0
#define LWIP_IPV4                  1
#define LWIP_IPV6                  0
#define LWIP_ARP                   0
#define LWIP_ETHERNET              0
#define LWIP_ICMP                  1
#define LWIP_RAW                   1
#define LWIP_UDP                   0
#define LWIP_DHCP                  0
#define LWIP_STATS                 0

#define LWIP_TCP                   1
#define TCP_MSS                    1460
#define TCP_WND                    SIM_WND
#if SIM_WND > 0xffff
#define LWIP_WND_SCALE             1
#define TCP_RCV_SCALE              3
#endif
#define TCP_SND_BUF                SIM_WND
/* One segment is one pbuf (data copied, header in front), and some are split on the way: never the limit. */
#define TCP_SND_QUEUELEN           (4 * (TCP_SND_BUF) / TCP_MSS)
#define TCP_LISTEN_BACKLOG         1
#define LWIP_TCP_SACK_OUT          1
#define LWIP_TCP_MAX_SACK_NUM      4

/* Pools, not malloc: an endpoint is unloaded with its memory, and what it may use is the same in every run. */
#define MEM_ALIGNMENT              8
#define MEM_SIZE                   (4 * 1024 * 1024)
#define MEMP_NUM_TCP_PCB           4
#define MEMP_NUM_TCP_PCB_LISTEN    2
#define MEMP_NUM_TCP_SEG           2048
#define MEMP_NUM_PBUF              256
#define PBUF_POOL_SIZE             256
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1

/* The Rust core's recovery and congestion control, in the build that is named after them. C ignores all of it. */
#ifndef SIM_RUST_PACING
#define SIM_RUST_PACING            1
#endif
#ifndef SIM_RUST_HYSTART
#define SIM_RUST_HYSTART           1
#endif
#if defined(SIM_RUST_RECOVERY) && SIM_RUST_RECOVERY
#define LWIP_TCP_RUST_FINE_TIMERS  1
#define LWIP_TCP_RUST_SACK         1
#define LWIP_TCP_RUST_RACK         1
#define LWIP_TCP_RUST_CUBIC        1
#define LWIP_TCP_RUST_PACING       SIM_RUST_PACING
#define LWIP_TCP_RUST_BBR          SIM_RUST_PACING
#define LWIP_TCP_RUST_CWV          1
#define LWIP_TCP_RUST_ECN          1
#define LWIP_TCP_RUST_PMTU         1
#define LWIP_TCP_RUST_HYSTART      SIM_RUST_HYSTART
#define MEMP_NUM_SYS_TIMEOUT       (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 1)
#endif

#endif /* SIM_LWIPOPTS_H */
