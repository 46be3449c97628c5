/*
 * The demo: lwIP with services on a TAP device, or with clients of its own over its loopback.
 * One thread; it sleeps in ppoll() until a frame, a timer of lwIP or a signal comes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "facts.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/timeouts.h"
#include "lwip_client.h"
#include "netif/ethernet.h"
#include "pattern.h"
#include "services.h"
#include "tap.h"

struct settings {
  const char *tap, *ip4, *ip6, *ready;
  int loopback;
  uint64_t bytes;
  unsigned limit_s;
  struct transfer_files files;
};

static volatile sig_atomic_t stop;
static int clients_ended, clients_status;

static void on_signal(int number)
{
  (void)number;
  stop = 1;
}

static void on_clients_done(int status)
{
  clients_ended = 1;
  clients_status = status;
}

static void usage(FILE *to)
{
  fputs("Usage: lwip_demo --tap DEVICE [--ip4 ADDRESS] [--ip6 ADDRESS] [--ready FILE]\n"
        "       lwip_demo --loopback --in FILE --out FILE [--page FILE] [--bytes N] [--limit SECONDS]\n"
        "With --tap it serves until it gets a signal, and writes \"ready\" to FILE (a fifo) once it does. With --loopback it is\n"
        "its own client: for each family the page, FILE echoed (into FILE.IPv4 and FILE.IPv6), N bytes down and N bytes up.\n",
        to);
}

/* -1: go on, else the exit status. */
static int parse(struct settings *settings, int argc, char **argv)
{
  static const struct option options[] = {
      {"tap", required_argument, NULL, 't'},   {"loopback", no_argument, NULL, 'l'},
      {"ip4", required_argument, NULL, '4'},   {"ip6", required_argument, NULL, '6'},
      {"ready", required_argument, NULL, 'r'}, {"bytes", required_argument, NULL, 'b'},
      {"in", required_argument, NULL, 'i'},    {"out", required_argument, NULL, 'o'},
      {"page", required_argument, NULL, 'p'},  {"limit", required_argument, NULL, 'm'},
      {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
  int option;

  while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
    switch (option) {
      case 't': settings->tap = optarg; break;
      case 'l': settings->loopback = 1; break;
      case '4': settings->ip4 = optarg; break;
      case '6': settings->ip6 = optarg; break;
      case 'r': settings->ready = optarg; break;
      case 'b': settings->bytes = strtoull(optarg, NULL, 10); break;
      case 'i': settings->files.echo_in = optarg; break;
      case 'o': settings->files.echo_out = optarg; break;
      case 'p': settings->files.page_out = optarg; break;
      case 'm': settings->limit_s = (unsigned)strtoul(optarg, NULL, 10); break;
      case 'h': usage(stdout); return 0;
      default: usage(stderr); return 2;
    }
  }
  if (optind != argc || (settings->tap == NULL) == !settings->loopback || settings->bytes == 0 ||
      (settings->loopback && (settings->files.echo_in == NULL || settings->files.echo_out == NULL))) {
    usage(stderr);
    return 2;
  }
  return -1;
}

/* contrib's port answers LWIP_RAND() with rand(), which would be the same sequence at each start. */
static int seed_random(void)
{
  unsigned seed;

  if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
    fprintf(stderr, "demo: no random numbers from the kernel: %s\n", strerror(errno));
    return -1;
  }
  srand(seed);
  return 0;
}

static int add_tap(struct netif *netif, struct tap *tap, const struct settings *settings)
{
  ip4_addr_t address, mask, none;
  ip6_addr_t address6;
  s8_t index;

  if (!ip4addr_aton(settings->ip4, &address) || !ip6addr_aton(settings->ip6, &address6)) {
    fprintf(stderr, "demo: %s or %s is no address\n", settings->ip4, settings->ip6);
    return -1;
  }
  IP4_ADDR(&mask, 255, 255, 255, 0);
  ip4_addr_set_zero(&none);
  tap->device = settings->tap;
  if (netif_add(netif, &address, &mask, &none, tap, tap_init, ethernet_input) == NULL) {
    fprintf(stderr, "demo: no network interface on %s\n", settings->tap);
    return -1;
  }
  netif_set_default(netif);
  netif_create_ip6_linklocal_address(netif, 1);
  if (netif_add_ip6_address(netif, &address6, &index) != ERR_OK) {
    fprintf(stderr, "demo: no room for the address %s\n", settings->ip6);
    return -1;
  }
  /* Nobody else is on this link: no need to wait for the end of duplicate address detection. */
  netif_ip6_addr_set_state(netif, 0, IP6_ADDR_PREFERRED);
  netif_ip6_addr_set_state(netif, index, IP6_ADDR_PREFERRED);
  netif_set_up(netif);
  return 0;
}

static int start_services(void)
{
  size_t i;

  for (i = 0; all_services[i] != NULL; i++) {
    err_t err = service_start(all_services[i]);

    if (err != ERR_OK) {
      fprintf(stderr, "demo: cannot listen for %s on port %u: error %d\n", all_services[i]->name, all_services[i]->port,
              err);
      return -1;
    }
  }
  return 0;
}

static int tell_ready(const char *path)
{
  int fd = path != NULL ? open(path, O_WRONLY | O_CLOEXEC) : -1;
  int told = path == NULL || (fd >= 0 && write(fd, "ready\n", 6) == 6);

  if (!told) {
    fprintf(stderr, "demo: cannot write to %s: %s\n", path, strerror(errno));
  }
  if (fd >= 0) {
    close(fd);
  }
  return told ? 0 : -1;
}

static void serve(struct netif *netif, const struct tap *tap, const sigset_t *unblocked)
{
  while (!stop && !clients_ended) {
    struct pollfd ready = {.fd = tap != NULL ? tap->fd : -1, .events = POLLIN};
    struct timespec wait;
    u32_t ms;

    sys_check_timeouts();
    netif_poll_all();
    if (clients_ended) {
      return;
    }
    ms = sys_timeouts_sleeptime();
    wait.tv_sec = (time_t)(ms / 1000);
    wait.tv_nsec = (long)(ms % 1000) * 1000000L;
    if (ppoll(&ready, 1, ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? NULL : &wait, unblocked) > 0) {
      if (ready.revents & (POLLERR | POLLHUP | POLLNVAL)) {
        fprintf(stderr, "demo: the TAP device is gone\n");
        clients_status = 1;
        return;
      }
      tap_receive(netif);
    }
  }
}

/* Signals are let in only while waiting, so that none comes between the test of `stop` and the wait. */
static void catch_signals(sigset_t *unblocked)
{
  struct sigaction action;
  sigset_t blocked;

  memset(&action, 0, sizeof(action));
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, unblocked);
  sigdelset(unblocked, SIGINT);
  sigdelset(unblocked, SIGTERM);
}

int main(int argc, char **argv)
{
  struct settings settings = {.ip4 = "192.0.2.2", .ip6 = "fd00::2", .bytes = 1024 * 1024};
  struct netif netif = {0};
  struct tap tap = {.fd = -1};
  sigset_t unblocked;
  int status = parse(&settings, argc, argv);

  if (status >= 0) {
    return status;
  }
  /* Against a transfer that never ends: SIGALRM, not caught, ends the program whatever it is doing. */
  alarm(settings.limit_s);
  catch_signals(&unblocked);
  if (seed_random() != 0) {
    return 1;
  }
  pattern_init();
  lwip_init();
  if (settings.tap != NULL && add_tap(&netif, &tap, &settings) != 0) {
    return 1;
  }
  fprintf(stderr, "lwIP %s, TCP in %s\n", LWIP_VERSION_STRING, tcp_name());
  if (start_services() != 0 || tell_ready(settings.ready) != 0) {
    return 1;
  }
  if (settings.loopback) {
    lwip_clients_start(settings.bytes, &settings.files, on_clients_done);
  }
  serve(&netif, settings.tap != NULL ? &tap : NULL, &unblocked);
  if (settings.tap != NULL) {
    tap_close(&netif);
  } else if (!clients_ended) {
    clients_status = 1; /* a signal came first */
  }
  return clients_status;
}
