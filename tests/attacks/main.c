/* Runs each case in a process of its own and prints a table. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attacks.h"

/* Processor time, so that a busy machine fails nothing; and a guard for the rest. */
#define CASE_CPU_SECONDS 8
#define CASE_SECONDS 200
static int report_fd = -1;

void attack_fail(const char *format, ...)
{
  char text[300];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (report_fd >= 0) {
    ssize_t n = write(report_fd, text, strlen(text));
    (void)n;
  } else {
    printf("%s\n", text);
    fflush(stdout);
  }
  _exit(1);
}

static void child(const struct attack_case *c)
{
  struct rlimit cpu = { CASE_CPU_SECONDS, CASE_CPU_SECONDS };
  setrlimit(RLIMIT_CPU, &cpu);
  alarm(CASE_SECONDS);
  vnet_init();
  c->run();
  expect_consistent();
  _exit(0);
}

/* 1: passed. */
static int run_case(const struct attack_case *c, char *text, size_t size)
{
  int fds[2], status = 0;
  ssize_t n, have = 0;
  pid_t pid;
  fflush(NULL);
  if (pipe(fds) != 0 || (pid = fork()) < 0) {
    perror("attacks");
    exit(2);
  }
  if (pid == 0) {
    close(fds[0]);
    report_fd = fds[1];
    child(c);
  }
  close(fds[1]);
  while (have < (ssize_t)size - 1 &&
         (n = read(fds[0], text + have, size - 1 - (size_t)have)) > 0) {
    have += n;
  }
  text[have] = 0;
  close(fds[0]);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    snprintf(text, size, "killed by signal %d%s", WTERMSIG(status),
             WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGXCPU ||
             WTERMSIG(status) == SIGKILL ? " (endless loop)" : "");
    return 0;
  }
  if (WEXITSTATUS(status) == VNET_EXIT_ASSERT) {
    if (c->may_assert) {
      snprintf(text, size, "stopped by LWIP_ASSERT");
      return 1;
    }
    snprintf(text, size, "assertion failed (see above)");
    return 0;
  }
#if defined(TEST_RUST) && !defined(LWIP_NOASSERT)
  if (c->may_assert == CASE_IS_TOLD && WEXITSTATUS(status) == 0) {
    snprintf(text, size, "not stopped by LWIP_ASSERT");
    return 0;
  }
#endif
  if (WEXITSTATUS(status) != 0 && have == 0) {
    snprintf(text, size, "exit code %d (sanitizer, see above)", WEXITSTATUS(status));
  }
  return WEXITSTATUS(status) == 0;
}

struct group { const struct attack_case *cases; const unsigned *count; };
static const struct group groups[] = {
  { cases_path, &cases_path_count },
#ifndef ATTACKS_ON_PATH_ONLY
  { cases_blind, &cases_blind_count },
  { cases_input, &cases_input_count },
  { cases_resource, &cases_resource_count },
  { cases_complaints, &cases_complaints_count },
  { cases_reentry, &cases_reentry_count },
  { cases_timing, &cases_timing_count },
  { cases_misuse, &cases_misuse_count },
  { cases_recovery, &cases_recovery_count },
  { cases_walks, &cases_walks_count },
#endif
};

int main(int argc, char **argv)
{
  unsigned g, i, passed = 0, known = 0, failed = 0, surprise = 0;
  int direct = argc == 3 && strcmp(argv[1], "--direct") == 0;
  if (argc > 2 && !direct) {
    fprintf(stderr, "usage: attacks [[--direct] NAME]   (--direct: no process of its own)\n");
    return 2;
  }
  for (g = 0; g < sizeof groups / sizeof groups[0]; g++) {
    for (i = 0; i < *groups[g].count; i++) {
      const struct attack_case *c = &groups[g].cases[i];
      const char *reason = known_c_attack(c->name);
      char text[320] = "";
      int ok;
      if (argc > 1 && strcmp(argv[argc - 1], c->name) != 0) {
        continue;
      }
      if (direct) {
        child(c);
      }
      ok = run_case(c, text, sizeof text);
      printf("%-52s %s%s%s\n", c->name,
             ok ? "ok" : reason != NULL ? "C: fails, as known" : "FAILED",
             text[0] ? ": " : "", text);
      if (!ok && reason != NULL) {
        printf("    %s\n", reason);
      }
      if (ok && reason != NULL) {
        surprise++;
        printf("    (listed as a failure of C: %s)\n", reason);
      }
      passed += (unsigned)ok;
      known += !ok && reason != NULL;
      failed += !ok && reason == NULL;
    }
  }
  printf("%u passed, %u known failures of C, %u failed", passed, known, failed);
  printf(surprise ? " (%u listed failures passed in this build)\n" : "\n", surprise);
  return failed != 0 || passed + known == 0;
}
