/* Counts the instructions of a call exactly: a child does it, step by step. */
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attacks.h"

/* Far above what any segment should cost; a case that runs into it fails. */
#define MOST_STEPS 1000000UL

/* To the next stop that the child makes itself; 0 if it ended or had enough. */
static unsigned long steps_to_stop(pid_t child)
{
  unsigned long steps;
  for (steps = 1; steps < MOST_STEPS; steps++) {
    int status;
    if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0 || waitpid(child, &status, 0) != child ||
        !WIFSTOPPED(status)) {
      return 0;
    }
    if (WSTOPSIG(status) == SIGSTOP) {
      return steps;
    }
  }
  return 0;
}

unsigned long instructions_of(void (*call)(void))
{
  unsigned long steps;
  int status;
  pid_t child = fork();
  EXPECT(child >= 0, "fork");
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
      _exit(1);
    }
    raise(SIGSTOP);
    call();
    raise(SIGSTOP);
    _exit(0);
  }
  EXPECT(waitpid(child, &status, 0) == child && WIFSTOPPED(status),
         "instructions cannot be counted: ptrace is not allowed here");
  steps = steps_to_stop(child);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  EXPECT(steps != 0, "more than %lu instructions, or the end of the process", MOST_STEPS);
  return steps;
}
