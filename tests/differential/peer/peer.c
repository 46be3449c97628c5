/*
 * Reads a trace from stdin, one step a line, and prints after each what can be seen of lwIP, ending with a line ".".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "lwip/init.h"
#include "lwip/sys.h"
#include "peer.h"

#define CPU_MS 300 /* of processor time: no trace needs a third of it, and a loaded machine does not count */

struct slot slots[SLOTS];
struct listener listeners[LISTENERS];
u8_t outgoing[PATTERN_LEN + 0x10000], incoming[PATTERN_LEN + 0x10000];
const char *const event_names[EVENTS] = {"accept", "connected", "recv", "sent", "poll", "err"};

u32_t connecting;

static u32_t clock_ms;

u32_t sys_now(void)
{
  return clock_ms;
}

u32_t sys_jiffies(void)
{
  return clock_ms;
}

unsigned int lwip_port_rand(void)
{
  static u32_t state = 0x2545f491;

  state = state * 1664525u + 1013904223u;
  return state >> 4;
}

u32_t peer_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip, u16_t remote_port)
{
  int s = slot_of_port(remote_port);

  LWIP_UNUSED_ARG(local_ip);
  LWIP_UNUSED_ARG(local_port);
  LWIP_UNUSED_ARG(remote_ip);
  /* tcp_connect() sends its SYN with one less than the ISN it got: that one is SEQ 0 of the trace. */
  return s < 0 ? 7000 : slots[s].iss + connecting;
}

void peer_assert(const char *message)
{
  printf("assert %s\n.\n", message);
  fflush(stdout);
  /* lwIP assumes that a failed assertion does not return. */
  exit(3);
}

int slot_of_port(u16_t port)
{
  return port >= FIRST_PORT && port < FIRST_PORT + SLOTS ? port - FIRST_PORT : -1;
}

u32_t fnv(const u8_t *data, size_t len)
{
  u32_t hash = 2166136261u;

  while (len--) {
    hash = (hash ^ *data++) * 16777619u;
  }
  return hash;
}

/* Which ephemeral port a core picks is its own affair. */
const char *port_name(u16_t port)
{
  static char text[4][8];
  static int turn;
  char *to = text[turn++ & 3];

  if (port >= EPHEMERAL) {
    return "eph";
  }
  snprintf(to, sizeof(text[0]), "%u", port);
  return to;
}

static void fill_patterns(void)
{
  size_t i;

  for (i = 0; i < sizeof(outgoing); i++) {
    u32_t position = (u32_t)(i % PATTERN_LEN);

    outgoing[i] = (u8_t)((position * 2654435761u) >> 24);
    incoming[i] = (u8_t)((position * 2246822519u + 7) >> 23);
  }
}

static void run_timers(const char *which, int times)
{
  while (times-- > 0) {
    if (!strcmp(which, "slow")) {
      clock_ms += TCP_SLOW_INTERVAL;
      tcp_slowtmr();
    } else if (!strcmp(which, "fast")) {
      clock_ms += TCP_FAST_INTERVAL;
      tcp_fasttmr();
    } else {
      clock_ms += TCP_TMR_INTERVAL;
      tcp_tmr();
    }
  }
}

/* Everything goes: what is still in use afterwards has leaked. */
static void finish(void)
{
  int i;

  unhog();
  net_fail(0, ERR_OK);
  memset(&slots[0].scripts, 0, sizeof(slots[0].scripts));
  for (i = 0; i < SLOTS; i++) {
    memset(&slots[i].scripts, 0, sizeof(slots[i].scripts));
    if (owns_pcb(&slots[i])) {
      tcp_abort(slots[i].pcb);
    }
    slots[i].pcb = NULL;
  }
  for (i = 0; i < LISTENERS; i++) {
    if (listeners[i].pcb != NULL) {
      tcp_close(listeners[i].pcb);
      listeners[i].pcb = NULL;
    }
  }
  while (tcp_active_pcbs != NULL) {
    tcp_abort(tcp_active_pcbs);
  }
  while (tcp_tw_pcbs != NULL) {
    tcp_abort(tcp_tw_pcbs);
  }
}

static int world_command(char **argv, int argc)
{
  const char *verb = argv[0];
  u32_t number = argc > 1 ? (u32_t)strtoul(argv[argc - 1], NULL, 0) : 1;
  int s = argc > 2 ? atoi(argv[1]) % SLOTS : 0;

  if (!strcmp(verb, "iss")) {
    slots[s].iss = number;
  } else if (!strcmp(verb, "irs")) {
    slots[s].irs = number;
  } else if (!strcmp(verb, "ticks")) {
    tcp_ticks = number;
  } else if (!strcmp(verb, "clock")) {
    clock_ms += number;
  } else if (!strcmp(verb, "slow") || !strcmp(verb, "fast") || !strcmp(verb, "tmr")) {
    run_timers(verb, (int)number);
  } else if (!strcmp(verb, "seg")) {
    inject(argv, argc);
  } else if (!strcmp(verb, "neterr") && argc > 2) {
    net_fail(atoi(argv[1]), (err_t)atoi(argv[2]));
  } else if (!strcmp(verb, "hog") && argc > 2) {
    hog(argv[1], (int)number);
  } else if (!strcmp(verb, "unhog")) {
    unhog();
  } else if (!strcmp(verb, "finish")) {
    finish();
  } else {
    return 0;
  }
  return 1;
}

/* One command, from the trace or from inside a callback. Returns what a callback should return. */
int command(char *line)
{
  char *argv[24], *save = NULL, *word;
  int argc = 0;

  for (word = strtok_r(line, " \n", &save); word != NULL && argc < 24; word = strtok_r(NULL, " \n", &save)) {
    argv[argc++] = word;
  }
  if (argc == 0 || argv[0][0] == '#') {
    return ERR_OK;
  }
  if (!world_command(argv, argc) && !api_command(argv, argc)) {
    printf("error unknown %s\n", argv[0]);
  }
  return ERR_OK;
}

/* "on SLOT EVENT command; command" */
static void add_script(char *line)
{
  char name[16];
  int s, at = 0, e;

  if (sscanf(line, "on %d %15s %n", &s, name, &at) < 2 || s < 0 || s >= SLOTS || at == 0) {
    printf("error on\n");
    return;
  }
  for (e = 0; e < EVENTS; e++) {
    struct script *script = &slots[s].scripts[e];

    if (!strcmp(name, event_names[e]) && script->count < SCRIPTS) {
      snprintf(script->lines[script->count++], SCRIPT_LEN, "%s", line + at);
    }
  }
}

int main(void)
{
  static char line[1024];
  const struct itimerval limit = {{0, 0}, {0, CPU_MS * 1000}};

  /* Ends it by SIGPROF. */
  setitimer(ITIMER_PROF, &limit, NULL);
  fill_patterns();
  lwip_init();
  net_init();
  while (fgets(line, sizeof(line), stdin) != NULL) {
    line[strcspn(line, "\n")] = 0;
    if (!strncmp(line, "on ", 3)) {
      add_script(line);
    } else {
      command(line);
    }
    print_state();
    printf(".\n");
    fflush(stdout);
  }
  return 0;
}
