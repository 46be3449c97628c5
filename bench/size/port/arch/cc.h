/* The least that lwIP asks of a port, so that what is measured is TCP and not the port. */
#ifndef BENCH_SIZE_CC_H
#define BENCH_SIZE_CC_H

#include <stdint.h>

typedef unsigned int sys_prot_t;

extern uint32_t bench_rand(void);
#define LWIP_RAND() bench_rand()

#define LWIP_PLATFORM_DIAG(x)
/* As in many firmwares: stop, without the text. The texts alone would be 6 KB of flash. */
#define LWIP_PLATFORM_ASSERT(x) do { for (;;) { } } while (0)

#endif
