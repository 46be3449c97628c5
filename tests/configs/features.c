/* What single options promise and a transfer alone would not show. Each check is there for the configurations that
 * have its option; they run after the transfers, so that hooks and hints have been met by then. */
#include "configs.h"

#if LWIP_TCP

#include <string.h>

#include "lwip/autoip.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"
#include "lwip/tcp.h"

/* The quiet connection is one of IPv6 where there is no IPv4. */
#define CHECK_REACHABILITY (LWIP_IPV6 && !LWIP_IPV4 && LWIP_ND6_TCP_REACHABILITY_HINTS)

static void check_bind_conflict(void) {
  struct tcp_pcb *first = tcp_new(), *second = tcp_new();
  CHECK(first != NULL && second != NULL);
  CHECK(tcp_bind(first, IP_ADDR_ANY, 4242) == ERR_OK);
  CHECK(tcp_bind(second, IP_ADDR_ANY, 4242) == ERR_USE);
#if SO_REUSE
  ip_set_option(first, SOF_REUSEADDR);
  CHECK(tcp_bind(second, IP_ADDR_ANY, 4242) == ERR_USE);
  ip_set_option(second, SOF_REUSEADDR);
  CHECK(tcp_bind(second, IP_ADDR_ANY, 4242) == ERR_OK);
#endif
  CHECK(tcp_close(first) == ERR_OK);
  CHECK(tcp_close(second) == ERR_OK);
}

/* Only there with the Rust core. */
extern const char *lwip_tcp_rust_version(void) __attribute__((weak));

/* RFC 9293 3.9.2.3 (MUST-46). C sends its SYN to any address. */
static void check_connect_to_many(void) {
  static const char *const many[] = {
#if LWIP_IPV4
    "255.255.255.255", "224.0.0.1", "239.1.2.3",
#endif
#if LWIP_IPV6
    "ff02::1", "ff0e::101",
#endif
  };
  if (lwip_tcp_rust_version == NULL) {
    return;
  }
  const uint32_t sent = wire_counts.sent;
  for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
    ip_addr_t to;
    CHECK(ipaddr_aton(many[i], &to));
    struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(&to));
    CHECK(pcb != NULL);
    tcp_bind_netif(pcb, WIRE_NETIF(0));
    CHECK(tcp_connect(pcb, &to, 4243, NULL) == ERR_VAL);
    CHECK(pcb->state == CLOSED);
    CHECK(tcp_close(pcb) == ERR_OK);
  }
  CHECK(wire_counts.sent == sent);
}

#if CONFIGS_TCP_HOOKS

static uint32_t hook_isn, hook_inpacket, hook_length, hook_opts;

/* An option for experiments (RFC 4727), padded to four bytes by two NOPs. */
#define OPTION_KIND 253

uint32_t configs_hook_isn(const void *local_ip, uint16_t local_port, const void *remote_ip, uint16_t remote_port) {
  CHECK(local_ip != NULL && remote_ip != NULL && local_port != 0 && remote_port != 0);
  hook_isn++;
  /* Both ends of a connection wrap around in the middle of the transfer. */
  return 0xffff8000u + hook_isn;
}

static uint8_t option_byte(const struct tcp_hdr *hdr, uint16_t opt1len, const uint8_t *opt2, uint16_t at) {
  return at < opt1len ? ((const uint8_t *)(hdr + 1))[at] : opt2[at - opt1len];
}

static bool has_our_option(const struct tcp_hdr *hdr, uint16_t optlen, uint16_t opt1len, const uint8_t *opt2) {
  for (uint16_t at = 0; at < optlen;) {
    const uint8_t kind = option_byte(hdr, opt1len, opt2, at);
    if (kind == OPTION_KIND) {
      return true;
    }
    if (kind == 1) {
      at++;
    } else if (kind == 0 || at + 1 >= optlen) {
      return false;
    } else {
      at = (uint16_t)(at + option_byte(hdr, opt1len, opt2, (uint16_t)(at + 1)));
    }
  }
  return false;
}

int8_t configs_hook_inpacket(struct tcp_pcb *pcb, struct tcp_hdr *hdr, uint16_t optlen, uint16_t opt1len, uint8_t *opt2,
                             struct pbuf *p) {
  CHECK(pcb != NULL && hdr != NULL && p != NULL && opt1len <= optlen);
  CHECK(opt1len == optlen || opt2 != NULL);
  hook_inpacket++;
  CHECK(has_our_option(hdr, optlen, opt1len, opt2));
  return ERR_OK;
}

uint8_t configs_hook_opt_length(const struct tcp_pcb *pcb, uint8_t internal_len) {
  (void)pcb;
  hook_length++;
  CHECK(internal_len + 4 <= 40 && internal_len % 4 == 0);
  return (uint8_t)(internal_len + 4);
}

uint32_t *configs_hook_add_opts(struct pbuf *p, struct tcp_hdr *hdr, const struct tcp_pcb *pcb, uint32_t *opts) {
  (void)pcb;
  CHECK(p->payload == hdr);
  CHECK((uint8_t *)opts - (uint8_t *)(hdr + 1) <= TCPH_HDRLEN_BYTES(hdr) - TCP_HLEN - 4);
  hook_opts++;
  *opts = lwip_htonl(0x01010002u | OPTION_KIND << 8);
  return opts + 1;
}

static void check_hooks(void) {
  say("hooks: %u ISNs, %u packets in, %u option lengths, %u options", (unsigned)hook_isn, (unsigned)hook_inpacket,
      (unsigned)hook_length, (unsigned)hook_opts);
  CHECK(hook_isn > 0 && hook_inpacket > 0 && hook_length > 0 && hook_opts > 0);
}

#endif /* CONFIGS_TCP_HOOKS */

#if LWIP_AUTOIP && LWIP_IPV4 && LWIP_CALLBACK_API

static uint32_t aborted;

static void count_aborted(void *arg, err_t err) {
  (void)arg;
  CHECK(err == ERR_ABRT);
  aborted++;
}

/* RFC 3927 1.9: what is bound to a link-local address stays when the interface gets another. */
static void check_link_local_survives(void) {
  static const char *const address[] = {"169.254.1.1", "10.9.8.7"};
  for (size_t i = 0; i < 2; i++) {
    ip_addr_t old, other;
    CHECK(ipaddr_aton(address[i], &old) && ipaddr_aton("10.9.8.6", &other));
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_V4);
    CHECK(pcb != NULL && tcp_bind(pcb, &old, 4244) == ERR_OK);
    tcp_err(pcb, count_aborted);
    aborted = 0;
    tcp_netif_ip_addr_changed(&old, &other);
    CHECK(aborted == i);
    if (i == 0) {
      CHECK(tcp_close(pcb) == ERR_OK);
    }
  }
}

#endif

#if LWIP_TCP_PCB_NUM_EXT_ARGS || LWIP_TCP_KEEPALIVE || TCP_LISTEN_BACKLOG || CHECK_REACHABILITY

#define PORT 7778

/* One quiet connection over the cable. */
static struct {
  struct tcp_pcb *listener, *client, *server[4];
  uint32_t accepted, connected;
  err_t client_error, server_error;
  bool delay_accept;
} quiet;

static void quiet_client_err(void *arg, err_t err) {
  (void)arg;
  quiet.client = NULL;
  quiet.client_error = err;
}

static void quiet_server_err(void *arg, err_t err) {
  (void)arg;
  quiet.server[0] = NULL;
  quiet.server_error = err;
}

static err_t quiet_accept(void *arg, struct tcp_pcb *pcb, err_t err) {
  (void)arg;
  CHECK(err == ERR_OK && quiet.accepted < 4);
  tcp_err(pcb, quiet_server_err);
  quiet.server[quiet.accepted++] = pcb;
#if TCP_LISTEN_BACKLOG
  if (quiet.delay_accept) {
    tcp_backlog_delayed(pcb);
  }
#endif
  return ERR_OK;
}

static err_t quiet_connected(void *arg, struct tcp_pcb *pcb, err_t err) {
  (void)arg, (void)pcb;
  CHECK(err == ERR_OK);
  quiet.connected++;
  return ERR_OK;
}

static struct tcp_pcb *quiet_connect(void) {
  ip_addr_t to = path_address(PATH_WIRE, !LWIP_IPV4, 1);
  struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(&to));
  CHECK(pcb != NULL);
  tcp_bind_netif(pcb, WIRE_NETIF(0));
  tcp_err(pcb, quiet_client_err);
  CHECK(tcp_connect(pcb, &to, PORT, quiet_connected) == ERR_OK);
  return pcb;
}

static void quiet_listen(u8_t backlog) {
  ip_addr_t to = path_address(PATH_WIRE, !LWIP_IPV4, 1);
  memset(&quiet, 0, sizeof quiet);
  struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(&to));
  CHECK(pcb != NULL);
  tcp_bind_netif(pcb, WIRE_NETIF(1));
  CHECK(tcp_bind(pcb, &to, PORT) == ERR_OK);
  quiet.listener = tcp_listen_with_backlog(pcb, backlog);
  CHECK(quiet.listener != NULL);
  tcp_accept(quiet.listener, quiet_accept);
}

static bool quiet_up(void *arg) {
  return quiet.accepted >= *(uint32_t *)arg && quiet.connected >= *(uint32_t *)arg;
}

static void quiet_wait(uint32_t connections) {
  coop_unlock();
  CHECK(coop_run(quiet_up, &connections, 60000));
  coop_lock();
}

static bool never(void *arg) {
  (void)arg;
  return false;
}

static void quiet_let_pass(uint32_t ms) {
  coop_unlock();
  coop_run(never, NULL, ms);
  coop_lock();
}

#endif

#if CHECK_REACHABILITY

static void plant_stale_neighbour(int entry, int end) {
  const ip_addr_t address = path_address(PATH_WIRE, true, end);
  destination_cache[entry].destination_addr = *ip_2_ip6(&address);
  destination_cache[entry].next_hop_addr = *ip_2_ip6(&address);
  destination_cache[entry].cached_neighbor_idx = (u8_t)entry;
  neighbor_cache[entry].next_hop_address = *ip_2_ip6(&address);
  neighbor_cache[entry].netif = WIRE_NETIF(1 - end);
  neighbor_cache[entry].state = ND6_STALE;
}

/* LWIP_ND6_TCP_REACHABILITY_HINTS: data and acknowledgments tell nd6 that the neighbour that they come from is there. */
static void check_reachability(void) {
  quiet_listen(1);
  quiet.client = quiet_connect();
  quiet_wait(1);
  plant_stale_neighbour(0, 0);
  plant_stale_neighbour(1, 1);
  quiet_let_pass(1000);
  CHECK(neighbor_cache[0].state == ND6_STALE && neighbor_cache[1].state == ND6_STALE);
  CHECK(tcp_write(quiet.client, "x", 1, TCP_WRITE_FLAG_COPY) == ERR_OK && tcp_output(quiet.client) == ERR_OK);
  quiet_let_pass(1000);
  CHECK(neighbor_cache[0].state == ND6_REACHABLE && neighbor_cache[1].state == ND6_REACHABLE);
  memset(&neighbor_cache[0], 0, 2 * sizeof neighbor_cache[0]);
  memset(&destination_cache[0], 0, 2 * sizeof destination_cache[0]);
  tcp_abort(quiet.client);
  quiet_let_pass(1000);
  CHECK(tcp_close(quiet.listener) == ERR_OK);
}

#endif

#if LWIP_TCP_PCB_NUM_EXT_ARGS

static uint32_t ext_destroyed, ext_passive;

static void ext_destroy(u8_t id, void *data) {
  (void)id;
  CHECK(data == &ext_destroyed || data == &ext_passive);
  ext_destroyed++;
}

static err_t ext_passive_open(u8_t id, struct tcp_pcb_listen *lpcb, struct tcp_pcb *cpcb) {
  CHECK((struct tcp_pcb *)lpcb == quiet.listener);
  CHECK(tcp_ext_arg_get((struct tcp_pcb *)lpcb, id) == &ext_destroyed);
  tcp_ext_arg_set(cpcb, id, &ext_passive);
  ext_passive++;
  return ERR_OK;
}

static err_t ext_passive_abort(u8_t id, struct tcp_pcb_listen *lpcb, struct tcp_pcb *cpcb) {
  (void)id, (void)lpcb;
  tcp_abort(cpcb);
  ext_passive++;
  return ERR_OK; /* should be an error */
}

/* What a passive_open callback has freed the next one does not see. C goes on with it. */
static void check_ext_args_abort(u8_t first, u8_t second) {
  static const struct tcp_ext_arg_callbacks aborts = {NULL, ext_passive_abort};
  if (lwip_tcp_rust_version == NULL) {
    return;
  }
  quiet_listen(1);
  tcp_ext_arg_set_callbacks(quiet.listener, first, &aborts);
  tcp_ext_arg_set_callbacks(quiet.listener, second, &aborts);
  ext_passive = 0;
  quiet.client = quiet_connect();
  quiet_let_pass(1000);
  CHECK(ext_passive == 1 && quiet.accepted == 0);
  CHECK(quiet.client == NULL && quiet.client_error == ERR_RST);
  CHECK(tcp_close(quiet.listener) == ERR_OK);
}

/* tcp_listen() hands external arguments over: they are destroyed with the listener, once. C destroys them at once, too. */
static void check_ext_args_of_a_listener(u8_t id, const struct tcp_ext_arg_callbacks *callbacks) {
  if (lwip_tcp_rust_version == NULL) {
    return;
  }
  struct tcp_pcb *pcb = tcp_new();
  CHECK(pcb != NULL && tcp_bind(pcb, IP_ADDR_ANY, PORT + 1) == ERR_OK);
  tcp_ext_arg_set_callbacks(pcb, id, callbacks);
  tcp_ext_arg_set(pcb, id, &ext_destroyed);
  const uint32_t before = ext_destroyed;
  pcb = tcp_listen(pcb);
  CHECK(pcb != NULL && ext_destroyed == before && tcp_ext_arg_get(pcb, id) == &ext_destroyed);
  CHECK(tcp_close(pcb) == ERR_OK && ext_destroyed == before + 1);
}

static void check_ext_args(void) {
  static const struct tcp_ext_arg_callbacks callbacks = {ext_destroy, ext_passive_open};
  const u8_t first = tcp_ext_arg_alloc_id(), second = tcp_ext_arg_alloc_id();
  CHECK(first == 0 && second == 1);
  quiet_listen(1);
  tcp_ext_arg_set_callbacks(quiet.listener, second, &callbacks);
  tcp_ext_arg_set(quiet.listener, second, &ext_destroyed);
  quiet.client = quiet_connect();
  CHECK(tcp_ext_arg_get(quiet.client, first) == NULL && tcp_ext_arg_get(quiet.client, second) == NULL);
  quiet_wait(1);
  CHECK(ext_passive == 1 && ext_destroyed == 0);
  CHECK(tcp_ext_arg_get(quiet.server[0], second) == &ext_passive);
  CHECK(tcp_ext_arg_get(quiet.server[0], first) == NULL);
  tcp_abort(quiet.client);
  quiet_let_pass(1000);
  /* The server's end got the RST; it had the argument, but no callbacks. */
  CHECK(quiet.server[0] == NULL && quiet.server_error == ERR_RST);
  const uint32_t before = ext_destroyed;
  CHECK(tcp_close(quiet.listener) == ERR_OK);
  CHECK(ext_destroyed == before + 1);
  check_ext_args_of_a_listener(first, &callbacks);
  check_ext_args_abort(first, second);
}

#endif

#if TCP_LISTEN_BACKLOG

static void check_backlog(void) {
  quiet_listen(1);
  quiet.delay_accept = true;
  struct tcp_pcb *first = quiet_connect();
  quiet_wait(1);
  struct tcp_pcb *second = quiet_connect();
  quiet_let_pass(5000);
  /* The one place of the queue is taken until the application says it has accepted. */
  CHECK(quiet.accepted == 1 && quiet.connected == 1 && second->state == SYN_SENT);
  tcp_backlog_accepted(quiet.server[0]);
  quiet_wait(2);
  tcp_abort(first);
  tcp_abort(second);
  quiet_let_pass(1000);
  CHECK(tcp_close(quiet.listener) == ERR_OK);
}

#endif

#if LWIP_TCP_KEEPALIVE

static void check_keepalive(void) {
  quiet_listen(1);
  quiet.client = quiet_connect();
  quiet_wait(1);
  ip_set_option(quiet.client, SOF_KEEPALIVE);
  quiet.client->keep_idle = 5000;
  quiet.client->keep_intvl = 2000;
  quiet.client->keep_cnt = 3;
  const uint32_t sent = wire_counts.sent;
  quiet_let_pass(60000);
  CHECK(quiet.client != NULL && quiet.server[0] != NULL);
  /* Every 5 s a probe and its answer, within the half-second grain of the slow timer. */
  CHECK(wire_counts.sent - sent >= 2 * 9 && wire_counts.sent - sent <= 2 * 12);
  wire_faults.cut = true;
  quiet_let_pass(20000);
  wire_faults.cut = false;
  CHECK(quiet.client == NULL && quiet.client_error == ERR_ABRT);
  tcp_abort(quiet.server[0]);
  CHECK(tcp_close(quiet.listener) == ERR_OK);
}

#endif

void features_run(void) {
  coop_lock();
  check_bind_conflict();
  check_connect_to_many();
#if CONFIGS_TCP_HOOKS
  check_hooks();
#endif
#if LWIP_AUTOIP && LWIP_IPV4 && LWIP_CALLBACK_API
  check_link_local_survives();
#endif
#if CHECK_REACHABILITY
  check_reachability();
#endif
#if LWIP_TCP_PCB_NUM_EXT_ARGS
  check_ext_args();
#endif
#if TCP_LISTEN_BACKLOG
  check_backlog();
#endif
#if LWIP_TCP_KEEPALIVE
  check_keepalive();
#endif
#if LWIP_NETIF_USE_HINTS
  say("hints: on %u of %u packets", (unsigned)wire_counts.with_hints, (unsigned)wire_counts.sent);
  CHECK(wire_counts.with_hints > 0);
#endif
#if defined(LWIP_DEBUG) && (TCP_DEBUG & LWIP_DBG_ON)
  say("debug: %u lines", (unsigned)configs_diag_lines);
  CHECK(configs_diag_lines > 0);
#endif
  coop_unlock();
}

#endif /* LWIP_TCP */
