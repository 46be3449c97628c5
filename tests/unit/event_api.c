#include "event_api.h"
#include "lwip/priv/tcp_priv.h"
#include <stdlib.h>
#include <string.h>

/* What an application registered for one PCB, looked up by its address. */
struct slot {
  void *pcb;
  void *arg;
  int recv_given;
  tcp_recv_fn recv;
  tcp_sent_fn sent;
  tcp_err_fn err;
  tcp_accept_fn accept;
  tcp_poll_fn poll;
  tcp_connected_fn connected;
};

static struct slot slots[MEMP_NUM_TCP_PCB + MEMP_NUM_TCP_PCB_LISTEN];

static struct slot *slot_of(const void *pcb) {
  size_t i;
  for (i = 0; i < LWIP_ARRAYSIZE(slots); i++) {
    if (slots[i].pcb == pcb) {
      return &slots[i];
    }
  }
  return NULL;
}

/* The pools bound how many addresses there can be, so that a new one always finds a free slot. */
static struct slot *slot_for(void *pcb) {
  struct slot *slot = slot_of(pcb);
  if (slot == NULL) {
    slot = slot_of(NULL);
    if (slot == NULL) {
      abort();
    }
    slot->pcb = pcb;
  }
  return slot;
}

static struct tcp_pcb *fresh(struct tcp_pcb *pcb) {
  struct slot *slot = pcb != NULL ? slot_of(pcb) : NULL;
  if (slot != NULL) {
    memset(slot, 0, sizeof(*slot));
  }
  return pcb;
}

struct tcp_pcb *unit_tcp_new(void) {
  return fresh(tcp_new());
}

struct tcp_pcb *unit_tcp_new_ip_type(u8_t type) {
  return fresh(tcp_new_ip_type(type));
}

void unit_tcp_arg(struct tcp_pcb *pcb, void *arg) {
  slot_for(pcb)->arg = arg;
  tcp_arg(pcb, arg);
}

void unit_tcp_poll(struct tcp_pcb *pcb, tcp_poll_fn poll, u8_t interval) {
  slot_for(pcb)->poll = poll;
  tcp_poll(pcb, poll, interval);
}

err_t unit_tcp_connect(struct tcp_pcb *pcb, const ip_addr_t *address, u16_t port, tcp_connected_fn connected) {
  slot_for(pcb)->connected = connected;
  return tcp_connect(pcb, address, port, connected);
}

void tcp_recv(struct tcp_pcb *pcb, tcp_recv_fn recv) {
  struct slot *slot = slot_for(pcb);
  slot->recv = recv;
  slot->recv_given = 1;
}

void tcp_sent(struct tcp_pcb *pcb, tcp_sent_fn sent) {
  slot_for(pcb)->sent = sent;
}

void tcp_err(struct tcp_pcb *pcb, tcp_err_fn err) {
  slot_for(pcb)->err = err;
}

void tcp_accept(struct tcp_pcb *pcb, tcp_accept_fn accept) {
  slot_for(pcb)->accept = accept;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err) {
  struct tcp_pcb_listen *listener;
  for (listener = tcp_listen_pcbs.listen_pcbs; listener != NULL; listener = listener->next) {
    if (listener->local_port == pcb->local_port) {
      struct slot *slot = slot_of(listener);
      fresh(pcb);
      slot_for(pcb)->arg = arg;
      return slot != NULL && slot->accept != NULL ? slot->accept(arg, pcb, err) : ERR_ARG;
    }
  }
  return ERR_ARG;
}

/* Data that nobody asked for is acknowledged and thrown away, and a FIN answered by closing, as with callbacks. */
static err_t on_recv(const struct slot *slot, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
  if (slot != NULL && slot->recv != NULL) {
    return slot->recv(pcb->callback_arg, pcb, p, err);
  }
  if (p != NULL) {
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
  } else if (err == ERR_OK && (slot == NULL || !slot->recv_given)) {
    return tcp_close(pcb);
  }
  return ERR_OK;
}

/* The PCB is gone already: all that tells it is the argument. */
static void on_err(void *arg, err_t err) {
  size_t i;
  for (i = 0; i < LWIP_ARRAYSIZE(slots); i++) {
    tcp_err_fn function = slots[i].err;
    if (slots[i].pcb != NULL && slots[i].arg == arg && function != NULL) {
      memset(&slots[i], 0, sizeof(slots[i]));
      function(arg, err);
      return;
    }
  }
}

err_t lwip_tcp_event(void *arg, struct tcp_pcb *pcb, enum lwip_event event, struct pbuf *p, u16_t size, err_t err) {
  const struct slot *slot = pcb != NULL ? slot_of(pcb) : NULL;
  switch (event) {
    case LWIP_EVENT_ACCEPT:
      return on_accept(arg, pcb, err);
    case LWIP_EVENT_SENT:
      return slot != NULL && slot->sent != NULL ? slot->sent(arg, pcb, size) : ERR_OK;
    case LWIP_EVENT_RECV:
      return on_recv(slot, pcb, p, err);
    case LWIP_EVENT_CONNECTED:
      return slot != NULL && slot->connected != NULL ? slot->connected(arg, pcb, err) : ERR_OK;
    case LWIP_EVENT_POLL:
      return slot != NULL && slot->poll != NULL ? slot->poll(arg, pcb) : ERR_OK;
    case LWIP_EVENT_ERR:
    default:
      on_err(arg, err);
      return ERR_OK;
  }
}
