/* Fails the n-th allocation, for each n, in each scenario.
 *
 * Runs are made in child processes: an assertion or a crash costs that one run
 * and is told with the scenario, the mode and n, so that
 *   faults SCENARIO MODE N
 * does just that run again. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenario.h"
#include "known_c.h"

#define MAX_POINTS 20000u
#define RUN_SECONDS 120

static const char *const mode_names[] = { "one", "burst", "outage", "each_other" };

struct tally { unsigned runs, failed, first_n; char what[48]; char first[240]; };
struct report { u32_t n, points; int bad; char what[48]; char text[240]; };

/* The table leaves out what is the same everywhere. */
static struct scenario complete(const struct scenario *s)
{
  struct scenario c = *s;
  if (c.conns == 0) {
    c.conns = 1;
  }
  if (c.chunk == 0) {
    c.chunk = 1000;
  }
  if (c.write_flags == 0) {
    c.write_flags = TCP_WRITE_FLAG_COPY;
  }
  c.write_flags &= (u8_t)~0x80; /* 0x80 in the table: no copy */
  return c;
}

static void child_runs(const struct scenario *s, enum inject_mode mode, u32_t n, int fd)
{
  struct scenario c = complete(s);
  vnet_init();
  for (; n < MAX_POINTS; n++) {
    struct report r;
    const char *bad;
    memset(&r, 0, sizeof r);
    r.n = n;
    if (write(fd, &r, sizeof r) != (ssize_t)sizeof r) { /* "n begins" */
      _exit(1);
    }
    alarm(RUN_SECONDS);
    bad = scenario_run(&c, mode, n);
    r.points = inject.count;
    r.bad = bad != NULL;
    snprintf(r.what, sizeof r.what, "%s", inject.what);
    snprintf(r.text, sizeof r.text, "%s", bad != NULL ? bad : "");
    r.points += 1; /* 0 marks a beginning */
    if (write(fd, &r, sizeof r) != (ssize_t)sizeof r) {
      _exit(1);
    }
    if (bad != NULL || inject.failed == 0) {
      break; /* state is dirty, or n is past the last allocation */
    }
  }
  _exit(0);
}

static const char *death(int status, char *text, size_t size)
{
  if (WIFSIGNALED(status)) {
    snprintf(text, size, "killed by signal %d%s", WTERMSIG(status),
             WTERMSIG(status) == SIGALRM ? " (endless loop)" : "");
  } else if (WEXITSTATUS(status) == VNET_EXIT_ASSERT) {
    snprintf(text, size, "assertion failed (see above)");
  } else {
    snprintf(text, size, "exit code %d (sanitizer?)", WEXITSTATUS(status));
  }
  return text;
}

static void note(struct tally *t, u32_t n, const char *what, const char *text)
{
  t->failed++;
  if (t->failed == 1) {
    t->first_n = n;
    snprintf(t->what, sizeof t->what, "%s", what);
    snprintf(t->first, sizeof t->first, "%s", text);
  }
}

/* One child; gives the n to go on with, or 0 when all were done. */
static u32_t one_child(const struct scenario *s, enum inject_mode mode, u32_t n, struct tally *t)
{
  int fds[2], status = 0, open_run = 0, last_clean = 0;
  struct report r;
  u32_t at = n;
  pid_t pid;
  fflush(NULL);
  if (pipe(fds) != 0 || (pid = fork()) < 0) {
    perror("faults");
    exit(2);
  }
  if (pid == 0) {
    close(fds[0]);
    child_runs(s, mode, n, fds[1]);
  }
  close(fds[1]);
  while (read(fds[0], &r, sizeof r) == (ssize_t)sizeof r) {
    at = r.n;
    open_run = r.points == 0;
    if (open_run) {
      continue;
    }
    if (r.what[0] == 0 && r.n > 0) { /* past the last allocation */
      last_clean = !r.bad;
    }
    if (r.what[0] != 0 || r.n == 0) {
      t->runs++;
    }
    if (r.bad) {
      note(t, r.n, r.what, r.text);
    }
  }
  close(fds[0]);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (open_run || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    char text[80];
    t->runs++;
    note(t, at, "", death(status, text, sizeof text));
  } else if (last_clean || at == 0) {
    return 0;
  }
  return at + 1;
}

static struct tally sweep(const struct scenario *s, enum inject_mode mode)
{
  struct tally t;
  u32_t n = 1, last;
  memset(&t, 0, sizeof t);
  do {
    last = n;
    n = one_child(s, mode, n, &t);
  } while (n != 0 && n > last && n < MAX_POINTS && t.failed < 200);
  return t;
}

static int single(const char *name, const char *mode, u32_t n)
{
  unsigned i, m;
  for (i = 0; i < scenario_count; i++) {
    for (m = 0; m < 4; m++) {
      if (strcmp(name, scenarios[i].name) == 0 && strcmp(mode, mode_names[m]) == 0) {
        struct scenario c = complete(&scenarios[i]);
        const char *bad;
        vnet_init();
        bad = scenario_run(&c, (enum inject_mode)m, n);
        printf("%s %s %u: point \"%s\", %u passed, %u failed, %u ms: %s\n", name, mode,
               (unsigned)n, inject.what, (unsigned)inject.count, (unsigned)inject.failed,
               (unsigned)vnet.now, bad != NULL ? bad : "ok");
        return bad != NULL;
      }
    }
  }
  fprintf(stderr, "no such scenario or mode: %s %s (modes: one burst outage each_other)\n",
          name, mode);
  return 2;
}

static int row(unsigned i, unsigned m, unsigned *runs)
{
  struct tally t = sweep(&scenarios[i], (enum inject_mode)m);
  const char *reason = t.failed ? known_c_fault(scenarios[i].name, mode_names[m]) : NULL;
  *runs += t.runs;
  printf("%-28s %-10s %5u %6u  %s\n", scenarios[i].name, mode_names[m], t.runs, t.failed,
         t.failed == 0 ? "ok" : reason != NULL ? "known failure of C" : "FAILED");
  if (t.failed) {
    printf("    first: n=%u (%s) %s\n", t.first_n, t.what, t.first);
    if (reason != NULL) {
      printf("    reason: %s\n", reason);
    }
  }
  fflush(stdout);
  return t.failed != 0 && reason == NULL;
}

int main(int argc, char **argv)
{
  unsigned i, m, runs = 0, bad = 0;
  if (argc == 4) {
    return single(argv[1], argv[2], (u32_t)strtoul(argv[3], NULL, 10));
  }
  if (argc != 1 && argc != 2) {
    fprintf(stderr, "usage: faults [SCENARIO [MODE N]]\n");
    return 2;
  }
  printf("%-28s %-10s %5s %6s\n", "scenario", "mode", "runs", "failed");
  for (i = 0; i < scenario_count; i++) {
    if (argc == 2 && strcmp(argv[1], scenarios[i].name) != 0) {
      continue;
    }
    for (m = 0; m < 4; m++) {
      bad += (unsigned)row(i, m, &runs);
    }
  }
  printf("%u runs, %u rows failed\n", runs, bad);
  return bad != 0 || runs == 0;
}
