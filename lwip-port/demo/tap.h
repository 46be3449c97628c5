/* A TAP device of Linux as lwIP's Ethernet interface. */
#ifndef DEMO_TAP_H
#define DEMO_TAP_H

#include "lwip/netif.h"

struct tap {
  const char *device;
  int fd;
  unsigned long dropped; /* frames for which there was no pbuf, or no room in the device */
};

/* netif_add()'s init function; netif->state is a struct tap whose device is set. Prints what went wrong. */
err_t tap_init(struct netif *netif);

/* Takes in the frames that wait, up to a bound so that timers get their turn. */
void tap_receive(struct netif *netif);

void tap_close(struct netif *netif);

#endif /* DEMO_TAP_H */
