/* Steps that a run of the fuzzer is made of. A step says all that it does, so
 * that any subset of a run can be made again. */
#ifndef FUZZ_H
#define FUZZ_H

#include "vnet.h"

#define FUZZ_MAX_STEPS 400

enum step_kind {
  STEP_SEGMENT,   /* well-formed, somewhere near the window, odd flags */
  STEP_OPTIONS,   /* any option bytes */
  STEP_BYTES,     /* a segment with octets changed, lengths included */
  STEP_HANDSHAKE, /* what opens a connection, in order */
  STEP_GOOD,      /* in-order data and an ACK of all */
  STEP_TIME,
  STEP_API,
  STEP_ALLOC,     /* the next allocations fail */
  STEP_KINDS
};

struct step {
  u8_t kind;
  u32_t seed; /* of all that the step decides */
};

/* In this process; ends it when something is wrong. */
void fuzz_run(const struct step *steps, unsigned n);
void fuzz_make(struct step *steps, unsigned n, u32_t seed);
const char *fuzz_step_name(const struct step *s);
void attack_fail(const char *format, ...);

#endif
