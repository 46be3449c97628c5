/*
 * Bulk transfer through lwIP's loopback netif, both ends in this process: N connections, all sending. Prints how long the
 * measured part took; under callgrind only bench_transfer() is counted (--toggle-collect).
 *
 *   bulk CONNECTIONS SEGMENTS BURST
 *
 * BURST 0: all connections send at once, so that nearly each segment is for another connection than the one before. Else
 * they take turns, so many segments each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"

#define PORT 5001
/* Rounds of the loop in a virtual millisecond. Virtual, so that each run does exactly the same. */
#define ROUNDS_PER_MS 16
/* Without one byte of progress in so many rounds (a virtual minute) the transfer is stuck. */
#define ROUNDS_STUCK (60000 * ROUNDS_PER_MS)

static u8_t payload[TCP_MSS];
/* Bytes, of all connections together. netif_poll() returns only when nothing is on its way, so the senders have to stop
   by themselves: at goal. */
static uint64_t goal;
static uint64_t written;
static uint64_t received;
static uint64_t rounds;
static unsigned established;
static unsigned accepted;
static struct tcp_pcb **senders;

static void die(const char *what, long detail)
{
  fprintf(stderr, "bulk: %s (%ld)\n", what, detail);
  exit(1);
}

u32_t sys_now(void)
{
  return (u32_t)(rounds / ROUNDS_PER_MS);
}

u32_t bench_rand(void)
{
  static u32_t state = 2463534242u;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

static void fill(struct tcp_pcb *pcb)
{
  while (written < goal && tcp_sndbuf(pcb) >= TCP_MSS && tcp_sndqueuelen(pcb) + 2 <= TCP_SND_QUEUELEN) {
    if (tcp_write(pcb, payload, TCP_MSS, 0) != ERR_OK) {
      break;
    }
    written += TCP_MSS;
  }
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(len);
  fill(pcb);
  return ERR_OK;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (p == NULL || err != ERR_OK) {
    die("a connection closed", err);
  }
  received += p->tot_len;
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

static void on_err(void *arg, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  die("a connection broke", err);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (pcb == NULL || err != ERR_OK) {
    die("accept failed", err);
  }
  tcp_recv(pcb, on_recv);
  tcp_err(pcb, on_err);
  accepted++;
  return ERR_OK;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(err);
  established++;
  return ERR_OK;
}

static void round_trip(void)
{
  netif_poll(netif_default);
  rounds++;
  if (rounds % ROUNDS_PER_MS == 0) {
    sys_check_timeouts();
  }
}

static void listen_on(u16_t port)
{
  struct tcp_pcb *pcb = tcp_new();
  if (pcb == NULL || tcp_bind(pcb, IP_ADDR_ANY, port) != ERR_OK) {
    die("cannot bind", port);
  }
  pcb = tcp_listen(pcb);
  if (pcb == NULL) {
    die("cannot listen", port);
  }
  tcp_accept(pcb, on_accept);
}

static void connect_all(unsigned count)
{
  unsigned i;
  ip_addr_t to;
  IP_ADDR4(&to, 127, 0, 0, 1);
  senders = calloc(count, sizeof(*senders));
  for (i = 0; i < count; i++) {
    uint64_t start = rounds;
    struct tcp_pcb *pcb = tcp_new();
    if (pcb == NULL) {
      die("no PCB for connection", (long)i);
    }
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_err);
    if (tcp_connect(pcb, &to, PORT, on_connected) != ERR_OK) {
      die("cannot connect", (long)i);
    }
    senders[i] = pcb;
    while (established <= i || accepted <= i) {
      round_trip();
      if (rounds - start > ROUNDS_STUCK) {
        die("the handshake is stuck at connection", (long)i);
      }
    }
  }
}

/* The connections from first on, count of them, send so many bytes more together, until the last has arrived. */
static void move(unsigned first, unsigned count, uint64_t bytes)
{
  uint64_t last = received, since = rounds;
  unsigned i;
  goal += bytes;
  for (i = first; i < first + count; i++) {
    fill(senders[i]);
    tcp_output(senders[i]);
  }
  while (received < goal) {
    round_trip();
    if (received != last) {
      last = received;
      since = rounds;
    } else if (rounds - since > ROUNDS_STUCK) {
      die("the transfer is stuck after bytes", (long)received);
    }
  }
}

__attribute__((noinline)) void bench_transfer(unsigned connections, uint64_t segments, unsigned burst)
{
  uint64_t done;
  unsigned turn = 0;
  if (burst == 0) {
    move(0, connections, segments * TCP_MSS);
  }
  for (done = 0; burst != 0 && done < segments; done += burst) {
    move(turn, 1, (uint64_t)burst * TCP_MSS);
    turn = (turn + 1) % connections;
  }
  /* Keeps the call from becoming a jump, after which callgrind would not see the function end. */
  __asm__ volatile("" ::: "memory");
}

static uint64_t now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
  unsigned connections, burst, i;
  uint64_t segments, before, start, end;
  if (argc != 4) {
    fprintf(stderr, "usage: bulk CONNECTIONS SEGMENTS BURST\n");
    return 2;
  }
  connections = (unsigned)strtoul(argv[1], NULL, 10);
  segments = strtoull(argv[2], NULL, 10);
  burst = (unsigned)strtoul(argv[3], NULL, 10);
  if (connections < 1 || connections > BENCH_CONNECTIONS || segments < 1) {
    die("the number of connections this was built for is 1 to", BENCH_CONNECTIONS);
  }
  for (i = 0; i < sizeof(payload); i++) {
    payload[i] = (u8_t)(i * 31 + 7);
  }
  lwip_init();
  netif_set_default(netif_find("lo0"));
  listen_on(PORT);
  connect_all(connections);
  /* Past slow start, and each connection has sent. */
  move(0, connections, (uint64_t)TCP_MSS * (200 + (uint64_t)connections * 8));
  before = received;
  start = now_ns();
  bench_transfer(connections, segments, burst);
  end = now_ns();
  printf("%" PRIu64 " %" PRIu64 "\n", (received - before) / TCP_MSS, end - start);
  return 0;
}
