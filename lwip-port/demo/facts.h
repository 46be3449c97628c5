/* What can be said of a connection and of the whole stack, as text, whichever TCP is linked. */
#ifndef DEMO_FACTS_H
#define DEMO_FACTS_H

#include <stddef.h>

#include "lwip/tcp.h"

#define FACTS_MAX 64

struct fact {
  const char *key;   /* for programs */
  const char *label; /* for people; the core's comes from its header */
  char value[80];
};

/* Which TCP is linked, for people. */
const char *tcp_name(void);

/* Of one connection; returns how many were written. */
size_t facts_of_connection(const struct tcp_pcb *pcb, struct fact *facts, size_t max);

/* Of the stack and its services. */
size_t facts_of_stack(struct fact *facts, size_t max);

#endif /* DEMO_FACTS_H */
