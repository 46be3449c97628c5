/*
 * The differential test's subject: one lwIP under the control of a trace. See README.md for the trace's language.
 */
#ifndef PEER_H
#define PEER_H

#include "lwip/opt.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"

#define SLOTS        8 /* connections of a trace; slot s talks to remote port FIRST_PORT + s */
#define LISTENERS    4
#define FIRST_PORT   10000
#define NETIFS       2
#define EPHEMERAL    0xc000
#define SCRIPTS      6 /* actions waiting per slot and event */
#define SCRIPT_LEN   96
#define PATTERN_LEN  4093

enum event { EV_ACCEPT, EV_CONNECTED, EV_RECV, EV_SENT, EV_POLL, EV_ERR, EVENTS };

struct script {
  char lines[SCRIPTS][SCRIPT_LEN];
  u8_t count;
};

struct slot {
  struct tcp_pcb *pcb; /* the application's own pointer; NULL once it may not be used any more */
  u8_t fresh;          /* the PCB was made and is on no list yet */
  u8_t deaf;           /* with the event API: the application does not look at data and errors */
  u16_t local_port;
  u32_t iss, irs;
  u32_t written, received; /* offsets in the two byte streams */
  struct script scripts[EVENTS];
};

struct listener {
  struct tcp_pcb *pcb;
  u8_t number;
  u8_t accepts; /* with the event API: there is an accept callback */
};

extern struct slot slots[SLOTS];
extern struct listener listeners[LISTENERS];
extern struct netif netifs[NETIFS];
extern const char *const event_names[EVENTS];
extern u8_t outgoing[], incoming[];
extern u32_t connecting; /* 1 within tcp_connect() */

/* peer.c */
int slot_of_port(u16_t port);
u32_t fnv(const u8_t *data, size_t len);
const char *port_name(u16_t port);
int command(char *line);

/* peer_api.c */
int api_command(char **argv, int argc);
int pcb_is_listed(const struct tcp_pcb *pcb);
int owns_pcb(struct slot *s);
void hog(const char *what, int count);
void unhog(void);

/* peer_net.c */
void net_init(void);
void net_fail(int count, err_t err);
void inject(char **argv, int argc);
/* An interface has another address for a moment: what is bound to its own is aborted. */
void net_change_address(int number);
/* A connection's own or remote address, as the application names it to lwIP. */
const ip_addr_t *given_address(int slot, int remote);
const ip_addr_t *listener_address(int number);

/* peer_state.c */
void print_state(void);

#endif
