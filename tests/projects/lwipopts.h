/* The options of a small outside project; check-project appends to its copy of it. */
#ifndef PROJECT_LWIPOPTS_H
#define PROJECT_LWIPOPTS_H

#define NO_SYS 1
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define SYS_LIGHTWEIGHT_PROT 0
#define MEM_ALIGNMENT 8
#define LWIP_IPV6 1
#define IPV6_FRAG_COPYHEADER 1

#endif /* PROJECT_LWIPOPTS_H */
