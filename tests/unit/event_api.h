/*
 * lwIP's unit tests are written for callbacks, and with LWIP_EVENT_API there are none: an application gets every event in the
 * one function lwip_tcp_event(). This header, read before any other by the tests and by lwIP's api and apps, and event_api.c give
 * them callbacks again, on top of that function. TCP itself knows nothing of it.
 */
#ifndef UNIT_EVENT_API_H
#define UNIT_EVENT_API_H

#include "lwip/tcp.h"

typedef err_t (*tcp_accept_fn)(void *arg, struct tcp_pcb *pcb, err_t err);

/* Those that lwIP leaves out with the event API. */
void tcp_recv(struct tcp_pcb *pcb, tcp_recv_fn recv);
void tcp_sent(struct tcp_pcb *pcb, tcp_sent_fn sent);
void tcp_err(struct tcp_pcb *pcb, tcp_err_fn err);
void tcp_accept(struct tcp_pcb *pcb, tcp_accept_fn accept);

/* Those that it has, and that tell more than it keeps. */
struct tcp_pcb *unit_tcp_new(void);
struct tcp_pcb *unit_tcp_new_ip_type(u8_t type);
void unit_tcp_arg(struct tcp_pcb *pcb, void *arg);
void unit_tcp_poll(struct tcp_pcb *pcb, tcp_poll_fn poll, u8_t interval);
err_t unit_tcp_connect(struct tcp_pcb *pcb, const ip_addr_t *address, u16_t port, tcp_connected_fn connected);

#ifndef UNIT_EVENT_API_IMPLEMENTATION
#define tcp_new unit_tcp_new
#define tcp_new_ip_type unit_tcp_new_ip_type
#define tcp_arg unit_tcp_arg
#define tcp_poll unit_tcp_poll
#define tcp_connect unit_tcp_connect
#endif

#endif
