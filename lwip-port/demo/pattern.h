/*
 * The stream of the character generator, RFC 864's: lines of 72 printable characters, each starting one character later.
 * Discard expects the same stream, so that an upload can be checked byte by byte without keeping it.
 */
#ifndef DEMO_PATTERN_H
#define DEMO_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PATTERN_CHARACTERS 95
#define PATTERN_LINE 72
/* After so many bytes it starts again. */
#define PATTERN_PERIOD (PATTERN_CHARACTERS * (PATTERN_LINE + 2))

/* Must run once before the others. */
void pattern_init(void);

/* The stream from byte `position` on; *len is set to how many bytes lie there in one piece, at least 60000. */
const void *pattern_at(uint64_t position, size_t *len);

/* Whether data is what the stream has from byte `position` on. */
int pattern_matches(uint64_t position, const void *data, size_t len);

#endif /* DEMO_PATTERN_H */
