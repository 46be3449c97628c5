/* Prints which core it is linked with, and how many PCBs that gives out. */
#include <stdio.h>

#include "lwip/init.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "lwip_tcp_rust.h"

u32_t sys_now(void) {
  return 0;
}

unsigned int lwip_port_rand(void) {
  return 4;
}

int main(void) {
  int pcbs = 0;
  lwip_init();
  while (pcbs < 1000 && tcp_new() != NULL) {
    pcbs++;
  }
  printf("%s %d\n", lwip_tcp_rust_version(), pcbs);
  return 0;
}
