/* A port for one process without an operating system underneath. */
#ifndef BENCH_HOST_CC_H
#define BENCH_HOST_CC_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef unsigned int sys_prot_t;

extern uint32_t bench_rand(void);
#define LWIP_RAND() bench_rand()

#define LWIP_PLATFORM_DIAG(x) do { printf x; } while (0)
#define LWIP_PLATFORM_ASSERT(x) do { fprintf(stderr, "assertion failed: %s\n", x); abort(); } while (0)

#endif
