/* lwIP's default options, without an operating system, IPv4 only. */
#ifndef BENCH_SIZE_LWIPOPTS_H
#define BENCH_SIZE_LWIPOPTS_H

#define NO_SYS 1
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define MEM_ALIGNMENT 4

#endif
