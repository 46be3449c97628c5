/* The same check through the socket API: two tasks, each of which sends and receives at the same time. */
#include "configs.h"

#if LWIP_TCP && LWIP_SOCKET

#include <string.h>

#include "lwip/sockets.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"

#define PORT 7779
#define CHUNK 1499

struct end {
  const char *name;
  int fd;
  const uint8_t *tx, *rx;
  uint32_t bytes, sent, got;
  uint64_t sum;
  bool done;
};

static struct end server_end = {.name = "server"}, client_end = {.name = "client"};
static bool listening;

/* Sends what it can; true if that was something. */
static bool send_some(struct end *end) {
  struct headroom headroom;
  if (end->sent == end->bytes) {
    return false;
  }
  /* One window stays open: with both at zero lwIP's C TCP answers each ACK with an ACK (its check of an empty segment's
   * sequence number fails with RCV.WND = 0, against RFC 9293 3.10.7.4), which over the loopback never ends. */
  if (end == &server_end && end->sent - client_end.got >= TCP_WND / 2) {
    return false;
  }
  const uint32_t wish = 1 + rnd(TCP_MSS), len = LWIP_MIN(wish, end->bytes - end->sent);
  if (!headroom_take(&headroom)) {
    return false;
  }
  const ssize_t n = lwip_send(end->fd, end->tx + end->sent, len, MSG_DONTWAIT | (rnd(4) == 0 ? MSG_MORE : 0));
  const int error = errno;
  headroom_release(&headroom);
  if (n < 0) {
    if (error != EWOULDBLOCK && error != ENOMEM) {
      fail("%s: send: %s", end->name, strerror(error));
    }
    return false;
  }
  end->sent += (uint32_t)n;
  if (end->sent == end->bytes) {
    CHECK(lwip_shutdown(end->fd, SHUT_WR) == 0);
  }
  return n > 0;
}

/* Receives what is there; true if that was something. */
static bool receive_some(struct end *end) {
  uint8_t buffer[CHUNK];
  const ssize_t n = lwip_recv(end->fd, buffer, 1 + rnd(sizeof buffer), MSG_DONTWAIT);
  if (n < 0) {
    if (errno != EWOULDBLOCK) {
      fail("%s: recv: %s", end->name, strerror(errno));
    }
    return false;
  }
  if (n == 0) {
    CHECK(end->got == end->bytes);
    end->done = true;
    return true;
  }
  CHECK((uint32_t)n <= end->bytes - end->got);
  CHECK(memcmp(buffer, end->rx + end->got, (size_t)n) == 0);
  end->sum = checksum(end->sum, buffer, (size_t)n);
  end->got += (uint32_t)n;
  return true;
}

static void wait_ready(struct end *end) {
  fd_set readable, writable;
  struct timeval timeout = {.tv_usec = 100000};
  FD_ZERO(&readable);
  FD_ZERO(&writable);
  FD_SET(end->fd, &readable);
  if (end->sent < end->bytes) {
    FD_SET(end->fd, &writable);
  }
  CHECK(lwip_select(end->fd + 1, &readable, &writable, NULL, &timeout) >= 0);
}

static void transfer(struct end *end) {
  while (!end->done || end->sent < end->bytes) {
    bool moved = !end->done && receive_some(end);
    moved |= send_some(end);
    if (!moved) {
      wait_ready(end);
      /* Writable by select's measure may still lack the heap: let time pass. */
      coop_wait(5);
    }
  }
  CHECK(end->sum == checksum(CHECKSUM_START, end->rx, end->bytes));
  CHECK(lwip_close(end->fd) == 0);
}

/* The socket layer picks the route, so the address has to be one that the loopback or the other end's interface has. */
static socklen_t address(struct sockaddr_storage *storage) {
  memset(storage, 0, sizeof *storage);
#if LWIP_IPV4
  struct sockaddr_in *in = (struct sockaddr_in *)storage;
  in->sin_len = sizeof *in;
  in->sin_family = AF_INET;
  in->sin_port = lwip_htons(PORT);
  ip_addr_t ip = path_address(LWIP_HAVE_LOOPIF ? PATH_LOOP : PATH_WIRE, false, 1);
  inet_addr_from_ip4addr(&in->sin_addr, ip_2_ip4(&ip));
  return sizeof *in;
#else
  struct sockaddr_in6 *in = (struct sockaddr_in6 *)storage;
  in->sin6_len = sizeof *in;
  in->sin6_family = AF_INET6;
  in->sin6_port = lwip_htons(PORT);
  ip_addr_t ip = path_address(LWIP_HAVE_LOOPIF ? PATH_LOOP : PATH_WIRE, true, 1);
  inet6_addr_from_ip6addr(&in->sin6_addr, ip_2_ip6(&ip));
  return sizeof *in;
#endif
}

static void server_task(void *arg) {
  struct sockaddr_storage to;
  (void)arg;
  const socklen_t len = address(&to);
  const int listener = lwip_socket(to.ss_family, SOCK_STREAM, 0);
  CHECK(listener >= 0);
  CHECK(lwip_bind(listener, (struct sockaddr *)&to, len) == 0);
  CHECK(lwip_listen(listener, 1) == 0);
  listening = true;
  coop_wake();
  server_end.fd = lwip_accept(listener, NULL, NULL);
  CHECK(server_end.fd >= 0);
  transfer(&server_end);
  CHECK(lwip_close(listener) == 0);
  listening = false;
  coop_wake();
#if LWIP_NETCONN_SEM_PER_THREAD
  LWIP_NETCONN_THREAD_SEM_FREE();
#endif
}

static void end_reset(struct end *end, int out, uint32_t bytes) {
  const char *name = end->name;
  *end = (struct end){.name = name, .tx = stream[out], .rx = stream[1 - out], .bytes = bytes, .sum = CHECKSUM_START};
}

void sockets_run(uint32_t bytes) {
  struct sockaddr_storage to;
  const uint32_t start_ms = sys_now();
  end_reset(&client_end, 0, bytes);
  end_reset(&server_end, 1, bytes);
  sys_thread_new("server", server_task, NULL, 0, 0);
  while (!listening) {
    coop_wait(1000);
  }
  const socklen_t len = address(&to);
  client_end.fd = lwip_socket(to.ss_family, SOCK_STREAM, 0);
  CHECK(client_end.fd >= 0);
  CHECK(lwip_connect(client_end.fd, (struct sockaddr *)&to, len) == 0);
  transfer(&client_end);
  while (listening) {
    coop_wait(1000);
  }
  say("%-22s %8u + %8u bytes, %u.%03u s of virtual time", "sockets", (unsigned)bytes, (unsigned)bytes,
      (unsigned)((sys_now() - start_ms) / 1000), (unsigned)((sys_now() - start_ms) % 1000));
}

#endif /* LWIP_TCP && LWIP_SOCKET */
