/* The application's modules and what they offer to one another. */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include "lwip/arch.h"

#include <stdarg.h>
#include <stddef.h>

struct netif;

/* A printf of a few conversions (%s %c %d %i %u %x %p %%, with width and leading zeros): lwIP's messages need no more. */
size_t format_text(char *to, size_t size, const char *format, va_list arguments);

/* netdev.c: the network interface, and the faults that can be made in it. */
struct netdev_counters {
  u32_t received, sent, dropped, lost, busy;
};
struct netif *netdev_start(void);
void netdev_poll(void);
int netdev_has_work(void);
void netdev_use_static_address(void);
const struct netdev_counters *netdev_counters(void);
/* Of each hundred frames, how many get lost, in either direction. */
void netdev_set_loss(u32_t percent);
/* How many bytes beyond a word boundary the IP header of received frames lies. */
void netdev_set_misalignment(u32_t bytes);

/* services.c: echo (7), discard (9), chargen (19). http.c: the page (80). */
void services_start(void);
void http_start(void);

/* status.c: what the console and the page show. */
typedef void (*print_line)(void *context, const char *format, ...) __attribute__((format(printf, 2, 3)));
void status_print(print_line print, void *context);
void status_print_pools(print_line print, void *context);

/* console.c */
void console_poll(void);

#if LWIP_USE_RUST_TCP
#define FIRMWARE_TCP_NAME "Rust"
#else
#define FIRMWARE_TCP_NAME "C"
#endif

#endif
