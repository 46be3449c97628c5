/* A bounded fuzzer of the whole way in, repeatable from its seeds.
 *
 *   fuzz                 the runs of ctest
 *   fuzz FIRST COUNT     those seeds
 *   fuzz --steps FILE    a list of steps as printed on failure
 *
 * Each batch of seeds runs in a child. When one fails the steps are cut down,
 * each try in a process of its own, to a list of which none can be left out. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "known_c.h"

#ifndef FUZZ_SEEDS
#define FUZZ_SEEDS 3000u
#endif
#define BATCH 100u
#define RUN_CPU_SECONDS 60

static int quiet;

void attack_fail(const char *format, ...)
{
  if (!quiet) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    fflush(stderr);
  }
  _exit(1);
}

static void guard(void)
{
  struct rlimit cpu = { RUN_CPU_SECONDS, RUN_CPU_SECONDS };
  setrlimit(RLIMIT_CPU, &cpu);
  alarm(600);
  if (quiet) {
    if (freopen("/dev/null", "w", stderr) == NULL) {
      _exit(2);
    }
  }
}

static int wait_for(pid_t pid)
{
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t start(void)
{
  pid_t pid;
  fflush(NULL);
  pid = fork();
  if (pid < 0) {
    perror("fuzz");
    exit(2);
  }
  return pid;
}

/* The stack is as new in each process. */
static int try_steps(const struct step *steps, unsigned n, int silent)
{
  pid_t pid = start();
  if (pid == 0) {
    quiet = silent;
    guard();
    vnet_seed(1);
    vnet_init();
    fuzz_run(steps, n);
    _exit(0);
  }
  return wait_for(pid);
}

/* Leaves out halves, quarters, ... single steps, as long as it still fails. */
static unsigned minimise(struct step *steps, unsigned n)
{
  unsigned part, tries = 0;
  for (part = n / 2; part >= 1 && tries < 600; part = part == 1 ? 0 : part / 2) {
    unsigned at = 0;
    while (at < n && tries < 600) {
      struct step rest[FUZZ_MAX_STEPS];
      unsigned cut = LWIP_MIN(part, n - at);
      memcpy(rest, steps, at * sizeof *steps);
      memcpy(rest + at, steps + at + cut, (n - at - cut) * sizeof *steps);
      tries++;
      if (n > cut && try_steps(rest, n - cut, 1) != 0) {
        memcpy(steps, rest, (n - cut) * sizeof *steps);
        n -= cut;
      } else {
        at += cut;
      }
    }
  }
  return n;
}

static unsigned length_of(u32_t seed) { return 20 + seed * 37u % (FUZZ_MAX_STEPS - 20); }

static void tell(u32_t seed)
{
  struct step steps[FUZZ_MAX_STEPS];
  unsigned i, n = length_of(seed);
  fuzz_make(steps, n, seed);
  n = minimise(steps, n);
  printf("seed %u fails; the least list of steps that does (fuzz --steps FILE):\n",
         (unsigned)seed);
  for (i = 0; i < n; i++) {
    printf("%u %u %s\n", steps[i].kind, (unsigned)steps[i].seed, fuzz_step_name(&steps[i]));
  }
  printf("what is seen: exit code %d\n", try_steps(steps, n, 0));
  fflush(stdout);
}

static int one_seed(u32_t seed, int silent)
{
  struct step steps[FUZZ_MAX_STEPS];
  fuzz_make(steps, length_of(seed), seed);
  return try_steps(steps, length_of(seed), silent);
}

/* Many in one process: quicker, and PCBs are used again and again. */
static int batch(u32_t first, u32_t count)
{
  pid_t pid = start();
  if (pid == 0) {
    u32_t seed;
    quiet = 1;
    guard();
    vnet_seed(1);
    vnet_init();
    for (seed = first; seed < first + count; seed++) {
      struct step steps[FUZZ_MAX_STEPS];
      fuzz_make(steps, length_of(seed), seed);
      fuzz_run(steps, length_of(seed));
    }
    _exit(0);
  }
  return wait_for(pid);
}

static int from_file(const char *path)
{
  struct step steps[FUZZ_MAX_STEPS];
  unsigned n = 0, kind, seed;
  char line[120];
  FILE *f = fopen(path, "r");
  if (f == NULL) {
    perror(path);
    return 2;
  }
  while (n < FUZZ_MAX_STEPS && fgets(line, sizeof line, f) != NULL) {
    if (sscanf(line, "%u %u", &kind, &seed) == 2) {
      steps[n].kind = (u8_t)kind;
      steps[n++].seed = seed;
    }
  }
  fclose(f);
  vnet_seed(1);
  vnet_init();
  fuzz_run(steps, n);
  printf("%u steps, nothing wrong\n", n);
  return 0;
}

int main(int argc, char **argv)
{
  u32_t first = 1, count = FUZZ_SEEDS, seed, done = 0, failed = 0;
  if (argc == 3 && strcmp(argv[1], "--steps") == 0) {
    return from_file(argv[2]);
  }
  if (argc == 3) {
    first = (u32_t)strtoul(argv[1], NULL, 10);
    count = (u32_t)strtoul(argv[2], NULL, 10);
  } else if (argc != 1) {
    fprintf(stderr, "usage: fuzz [FIRST COUNT | --steps FILE]\n");
    return 2;
  }
  for (seed = first; seed < first + count; seed += BATCH) {
    u32_t n = LWIP_MIN(BATCH, first + count - seed), i, known = 0, before = failed;
    done += n;
    if (batch(seed, n) == 0) {
      continue;
    }
    for (i = 0; i < n; i++) {
      if (one_seed(seed + i, 1) == 0) {
        continue;
      }
      if (fuzz_known_seed(seed + i)) {
        known++;
        printf("seed %u fails, as known of C\n", (unsigned)(seed + i));
      } else if (failed++ < FUZZ_TELL) {
        tell(seed + i);
      }
    }
    if (failed == before && known == 0) {
      failed++;
      printf("seeds %u to %u fail in one process, none alone\n", (unsigned)seed,
             (unsigned)(seed + n - 1));
    }
    if (failed >= 20) {
      break;
    }
  }
  printf("%u seeds, %u failed\n", (unsigned)done, (unsigned)failed);
  return fuzz_verdict(failed);
}
