/* Both ends of a connection over the raw API (altcp where it is on: lwip/altcp.h maps its names to tcp_* where it is
 * not), each sending a pseudo-random stream the other checks byte by byte. */
#include "configs.h"

#if LWIP_TCP

#include <string.h>

#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"

#define PORT 7777
/* Longest wait, in virtual time: a lossy transfer in which every single segment waits for its timer stays below. */
#define SESSION_LIMIT_MS (8u * 3600u * 1000u)

struct peer {
  const char *name;
  struct altcp_pcb *pcb;
  const uint8_t *tx, *rx;
  uint32_t tx_len, tx_written, tx_acked;
  uint32_t rx_len, rx_got;
  uint64_t rx_sum;
  /* Received, but not given back to the window yet. */
  uint32_t debt;
  uint32_t refused;
  bool connected, eof, closing, closed, shut, aborted;
  err_t error;
};

static struct peer client = {.name = "client"}, server = {.name = "server"};
static const struct session *session;

/* Taken before data is written and released right after, so that acknowledgements and FINs of both ends still find
 * heap: with both ends of a connection in one heap of 1,600 bytes data would otherwise take what its own ACK needs. */
bool headroom_take(struct headroom *headroom) {
  *headroom = (struct headroom){{NULL}};
  for (size_t i = 0; i < HEADROOM_BLOCKS; i++) {
    headroom->blocks[i] = pbuf_alloc(PBUF_IP, TCP_HLEN + 40, PBUF_RAM);
    if (headroom->blocks[i] == NULL) {
      headroom_release(headroom);
      return false;
    }
  }
  return true;
}

void headroom_release(struct headroom *headroom) {
  for (size_t i = 0; i < HEADROOM_BLOCKS; i++) {
    if (headroom->blocks[i] != NULL) {
      pbuf_free(headroom->blocks[i]);
    }
  }
}

static uint32_t write_size(const struct peer *peer) {
  const uint32_t space = LWIP_MIN((uint32_t)altcp_sndbuf(peer->pcb), peer->tx_len - peer->tx_written);
  uint32_t wish;
  switch (rnd(8)) {
    case 0:
      wish = 1 + rnd(7);
      break;
    case 1:
    case 2:
      wish = 1 + rnd(TCP_MSS);
      break;
    default:
      wish = 1 + rnd(2 * TCP_MSS + TCP_MSS / 3);
      break;
  }
  return LWIP_MIN(LWIP_MIN(wish, space), 0xffff);
}

static void pump(struct peer *peer) {
  struct headroom headroom;
  bool wrote = false;
  while (peer->pcb != NULL && peer->connected && !peer->closing && !peer->shut && peer->tx_written < peer->tx_len) {
    const uint32_t len = write_size(peer);
    if (len == 0 || !headroom_take(&headroom)) {
      break;
    }
    const u8_t copy = rnd(2) ? TCP_WRITE_FLAG_COPY : 0;
    const u8_t more = rnd(4) == 0 ? TCP_WRITE_FLAG_MORE : 0;
    const err_t err = altcp_write(peer->pcb, peer->tx + peer->tx_written, (u16_t)len, (u8_t)(copy | more));
    headroom_release(&headroom);
    if (err == ERR_MEM) {
      break;
    }
    if (err != ERR_OK) {
      fail("%s: tcp_write of %u bytes: %d", peer->name, (unsigned)len, err);
    }
    peer->tx_written += len;
    wrote = true;
  }
  if (wrote || (peer->pcb != NULL && peer->tx_acked < peer->tx_written)) {
    const err_t err = altcp_output(peer->pcb);
    if (err != ERR_OK && err != ERR_MEM) {
      fail("%s: tcp_output: %d", peer->name, err);
    }
  }
}

static void give_back(struct peer *peer, uint32_t len) {
  while (len > 0) {
    const u16_t part = (u16_t)LWIP_MIN(len, 0xffff);
    altcp_recved(peer->pcb, part);
    peer->debt -= part;
    len -= part;
  }
}

static void set_callbacks(struct altcp_pcb *pcb, struct peer *peer);

static void try_close(struct peer *peer) {
  struct altcp_pcb *pcb = peer->pcb;
  if (pcb == NULL) {
    return;
  }
  /* A close with data not given back is an abort by lwIP's rules. */
  give_back(peer, peer->debt);
  peer->closing = true;
  set_callbacks(pcb, NULL);
  const err_t err = altcp_close(pcb);
  if (err == ERR_MEM) {
    set_callbacks(pcb, peer);
    return;
  }
  CHECK(err == ERR_OK);
  peer->pcb = NULL;
  peer->closed = true;
}

static bool everything_moved(const struct peer *peer) {
  return peer->tx_written == peer->tx_len && peer->rx_got == peer->rx_len;
}

static void try_shutdown(struct peer *peer) {
  if (session->close == CLOSE_HALF && !peer->shut && peer->connected && peer->tx_written == peer->tx_len) {
    peer->shut = altcp_shutdown(peer->pcb, 0, 1) == ERR_OK;
  }
}

/* What an end does on its own; may free the PCB. */
static void step(struct peer *peer) {
  if (peer->pcb == NULL || !peer->connected) {
    return;
  }
  pump(peer);
  try_shutdown(peer);
  if (peer->closing || (peer->eof && everything_moved(peer))) {
    try_close(peer);
  }
}

static void step_other(struct peer *peer) { step(peer == &client ? &server : &client); }

static void verify(struct peer *peer, const struct pbuf *p) {
  for (const struct pbuf *q = p; q != NULL; q = q->next) {
    if (q->len > peer->rx_len - peer->rx_got) {
      fail("%s: got more than was sent", peer->name);
    }
    if (memcmp(q->payload, peer->rx + peer->rx_got, q->len) != 0) {
      fail("%s: wrong data in the %u bytes from %u", peer->name, q->len, (unsigned)peer->rx_got);
    }
    peer->rx_sum = checksum(peer->rx_sum, q->payload, q->len);
    peer->rx_got += q->len;
    peer->debt += q->len;
  }
}

static err_t on_recv(void *arg, struct altcp_pcb *pcb, struct pbuf *p, err_t err) {
  struct peer *peer = arg;
  CHECK(err == ERR_OK);
  CHECK(peer != NULL && peer->pcb == pcb);
  if (p == NULL) {
    CHECK(!peer->eof);
    CHECK(peer->rx_got == peer->rx_len);
    peer->eof = true;
    step(peer);
    return ERR_OK;
  }
  CHECK(!peer->eof);
  if (rnd(40) == 0) {
    peer->refused++;
    return ERR_MEM;
  }
  verify(peer, p);
  pbuf_free(p);
  give_back(peer, rnd(3) ? peer->debt : rnd(peer->debt + 1));
  step(peer);
  step_other(peer);
  return ERR_OK;
}

static err_t on_sent(void *arg, struct altcp_pcb *pcb, u16_t len) {
  struct peer *peer = arg;
  CHECK(peer != NULL && peer->pcb == pcb);
  CHECK(len <= peer->tx_written - peer->tx_acked);
  peer->tx_acked += len;
  step(peer);
  return ERR_OK;
}

static err_t on_poll(void *arg, struct altcp_pcb *pcb) {
  struct peer *peer = arg;
  CHECK(peer != NULL && peer->pcb == pcb);
  give_back(peer, peer->debt);
  step(peer);
  return ERR_OK;
}

static void on_err(void *arg, err_t err) {
  struct peer *peer = arg;
  CHECK(peer != NULL);
  peer->error = err;
  peer->pcb = NULL;
  peer->closed = true;
  if (!(session->close == CLOSE_ABORT && peer == &server && err == ERR_RST && client.aborted)) {
    fail("%s: error %d after %u of %u bytes out, %u of %u in", peer->name, err, (unsigned)peer->tx_acked,
         (unsigned)peer->tx_len, (unsigned)peer->rx_got, (unsigned)peer->rx_len);
  }
}

static err_t on_connected(void *arg, struct altcp_pcb *pcb, err_t err) {
  struct peer *peer = arg;
  CHECK(err == ERR_OK && peer == &client && peer->pcb == pcb);
  peer->connected = true;
  step(peer);
  return ERR_OK;
}

static err_t on_accept(void *arg, struct altcp_pcb *pcb, err_t err) {
  CHECK(arg == &server && err == ERR_OK && server.pcb == NULL && pcb != NULL);
  server.pcb = pcb;
  server.connected = true;
  set_callbacks(pcb, &server);
  step(&server);
  return ERR_OK;
}

static void set_callbacks(struct altcp_pcb *pcb, struct peer *peer) {
  altcp_arg(pcb, peer);
#if LWIP_CALLBACK_API
  altcp_recv(pcb, peer != NULL ? on_recv : NULL);
  altcp_sent(pcb, peer != NULL ? on_sent : NULL);
  altcp_err(pcb, peer != NULL ? on_err : NULL);
  altcp_poll(pcb, peer != NULL ? on_poll : NULL, 1);
#else
  tcp_poll(pcb, NULL, 1);
#endif
}

#if LWIP_EVENT_API
err_t lwip_tcp_event(void *arg, struct tcp_pcb *pcb, enum lwip_event event, struct pbuf *p, u16_t size, err_t err) {
  if (arg == NULL) {
    /* Closed by us already. */
    if (event == LWIP_EVENT_RECV && p != NULL) {
      tcp_recved(pcb, p->tot_len);
      pbuf_free(p);
    }
    return ERR_OK;
  }
  switch (event) {
    case LWIP_EVENT_ACCEPT:
      return on_accept(arg, pcb, err);
    case LWIP_EVENT_CONNECTED:
      return on_connected(arg, pcb, err);
    case LWIP_EVENT_RECV:
      return on_recv(arg, pcb, p, err);
    case LWIP_EVENT_SENT:
      return on_sent(arg, pcb, size);
    case LWIP_EVENT_POLL:
      return on_poll(arg, pcb);
    case LWIP_EVENT_ERR:
      on_err(arg, err);
      return ERR_OK;
    default:
      fail("unknown event %d", event);
  }
}
#endif

/* Both ends have addresses of this very stack; only a PCB bound to an interface sends to the cable. */
static void bind_to_path(struct altcp_pcb *pcb, enum path_kind path, int end) {
  if (path != PATH_WIRE) {
    return;
  }
#if LWIP_ALTCP
  tcp_bind_netif(pcb->state, WIRE_NETIF(end));
#else
  tcp_bind_netif(pcb, WIRE_NETIF(end));
#endif
}

static void peer_reset(struct peer *peer, const uint8_t *tx, uint32_t tx_len, const uint8_t *rx, uint32_t rx_len) {
  const char *name = peer->name;
  *peer = (struct peer){.name = name, .tx = tx, .tx_len = tx_len, .rx = rx, .rx_len = rx_len};
  peer->rx_sum = CHECKSUM_START;
}

static struct altcp_pcb *start(void) {
  const u8_t type = session->ipv6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4;
  ip_addr_t to = path_address(session->path, session->ipv6, 1), any;
  struct altcp_pcb *listener = altcp_new_ip_type(NULL, type);
  CHECK(listener != NULL);
  bind_to_path(listener, session->path, 1);
  ip_addr_set_any(session->ipv6, &any);
  CHECK(altcp_bind(listener, &any, PORT) == ERR_OK);
  listener = altcp_listen_with_backlog(listener, 4);
  CHECK(listener != NULL);
  altcp_arg(listener, &server);
#if LWIP_CALLBACK_API
  altcp_accept(listener, on_accept);
#endif
  client.pcb = altcp_new_ip_type(NULL, type);
  CHECK(client.pcb != NULL);
  bind_to_path(client.pcb, session->path, 0);
  set_callbacks(client.pcb, &client);
#if LWIP_CALLBACK_API
  CHECK(altcp_connect(client.pcb, &to, PORT, on_connected) == ERR_OK);
#else
  CHECK(tcp_connect(client.pcb, &to, PORT, NULL) == ERR_OK);
#endif
  return listener;
}

static bool data_moved(void *arg) {
  (void)arg;
  return client.connected && server.connected && everything_moved(&client) && everything_moved(&server);
}

static bool both_closed(void *arg) {
  (void)arg;
  return client.closed && server.closed;
}

static void close_ends(void) {
  switch (session->close) {
    case CLOSE_CLIENT:
      try_close(&client);
      break;
    case CLOSE_SERVER:
      try_close(&server);
      break;
    case CLOSE_BOTH:
      try_close(&client);
      try_close(&server);
      break;
    case CLOSE_ABORT:
      client.aborted = true;
      set_callbacks(client.pcb, NULL);
      altcp_abort(client.pcb);
      client.pcb = NULL;
      client.closed = true;
      break;
    default:
      /* Each end shuts down its half when it has written all. */
      break;
  }
}

static void check_result(const struct peer *peer, uint64_t expected) {
  if (peer->rx_got != peer->rx_len || peer->rx_sum != expected) {
    fail("%s: %s: %u of %u bytes, checksum %016llx, not %016llx", session->name, peer->name, (unsigned)peer->rx_got,
         (unsigned)peer->rx_len, (unsigned long long)peer->rx_sum, (unsigned long long)expected);
  }
}

static void wait_for(configs_done_fn done, const char *what) {
  if (!coop_run(done, NULL, SESSION_LIMIT_MS)) {
    fail("%s: %s did not happen: client %u/%u out, %u/%u in; server %u/%u out, %u/%u in", session->name, what,
         (unsigned)client.tx_written, (unsigned)client.tx_len, (unsigned)client.rx_got, (unsigned)client.rx_len,
         (unsigned)server.tx_written, (unsigned)server.tx_len, (unsigned)server.rx_got, (unsigned)server.rx_len);
  }
}

void session_run(const struct session *wanted) {
  const uint32_t start_ms = sys_now();
  session = wanted;
  peer_reset(&client, stream[0], wanted->to_server, stream[1], wanted->to_client);
  peer_reset(&server, stream[1], wanted->to_client, stream[0], wanted->to_server);
  coop_lock();
  struct altcp_pcb *listener = start();
  coop_unlock();
  wait_for(data_moved, "the end of the data");
  coop_lock();
  close_ends();
  coop_unlock();
  wait_for(both_closed, "the close");
  coop_lock();
  CHECK(altcp_close(listener) == ERR_OK);
  coop_unlock();
  check_result(&server, checksum(CHECKSUM_START, stream[0], wanted->to_server));
  check_result(&client, checksum(CHECKSUM_START, stream[1], wanted->to_client));
  say("%-22s %8u + %8u bytes, %u refusals, %u.%03u s of virtual time", wanted->name, (unsigned)wanted->to_server,
      (unsigned)wanted->to_client, (unsigned)(client.refused + server.refused),
      (unsigned)((sys_now() - start_ms) / 1000), (unsigned)((sys_now() - start_ms) % 1000));
}

#endif /* LWIP_TCP */
