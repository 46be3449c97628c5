/*
 * lwIP 2.1.3 was published without a port. With the unix port of 2.2.1 its tests miss but this one function, which the
 * tests of 2.2.1 bring along themselves. Fixed seed: each run of a test draws the same numbers.
 */
#include "lwip/arch.h"

unsigned int lwip_port_rand(void);

unsigned int lwip_port_rand(void) {
  static unsigned int state = 0x2545f491U;
  state = state * 1664525U + 1013904223U;
  return state ^ (state >> 16);
}
