/* A bare-metal main loop over lwIP: packets, timers, console, sleep. */
#include "board.h"
#include "firmware.h"

#include "lwip/apps/lwiperf.h"
#include "lwip/init.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"

u32_t sys_now(void)
{
  return board_milliseconds();
}

static void print_iperf(void *arg, enum lwiperf_report_type type, const ip_addr_t *local, u16_t local_port,
                        const ip_addr_t *remote, u16_t remote_port, u32_t bytes, u32_t milliseconds, u32_t kbit_per_s)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(local);
  LWIP_UNUSED_ARG(local_port);
  LWIP_UNUSED_ARG(remote);
  LWIP_UNUSED_ARG(remote_port);
  console_printf("iperf report %d: %u bytes in %u ms, %u kbit/s\n", (int)type, (unsigned)bytes, (unsigned)milliseconds,
                 (unsigned)kbit_per_s);
}

int main(void)
{
  board_init();
  lwip_init();
  if (netdev_start() == NULL) {
    console_printf("no Ethernet controller\n");
    return 1;
  }
  services_start();
  http_start();
  if (lwiperf_start_tcp_server_default(print_iperf, NULL) == NULL) {
    console_printf("iperf: cannot listen\n");
  }
  console_printf("ready: TCP in %s\n", FIRMWARE_TCP_NAME);
  for (;;) {
    netdev_poll();
    sys_check_timeouts();
    console_poll();
    board_wait(netdev_has_work);
  }
}
