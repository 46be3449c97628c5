/*
 * lwIP's unit tests let ticks go by while their clock, lwip_sys_now, stands still. For a core that counts milliseconds the
 * clock goes with the ticks: each call of tcp_fasttmr() is TCP_FAST_INTERVAL. Linked in by --wrap.
 */
#include "lwip/sys.h"
#include "lwip/priv/tcp_priv.h"

extern u32_t lwip_sys_now;

void __real_tcp_fasttmr(void);
void __wrap_tcp_fasttmr(void);

void __wrap_tcp_fasttmr(void)
{
  lwip_sys_now += TCP_FAST_INTERVAL;
  __real_tcp_fasttmr();
}
