#include "pattern.h"

#include <string.h>

/* Several periods, so that one tcp_write() of its largest size finds all its bytes in one piece. */
#define PERIODS 10

static char stream[PERIODS * PATTERN_PERIOD];

void pattern_init(void)
{
  size_t at = 0;
  unsigned line, column;

  for (line = 0; line < PATTERN_CHARACTERS; line++) {
    for (column = 0; column < PATTERN_LINE; column++) {
      stream[at++] = (char)(' ' + (line + column) % PATTERN_CHARACTERS);
    }
    stream[at++] = '\r';
    stream[at++] = '\n';
  }
  for (; at < sizeof(stream); at++) {
    stream[at] = stream[at - PATTERN_PERIOD];
  }
}

const void *pattern_at(uint64_t position, size_t *len)
{
  size_t offset = (size_t)(position % PATTERN_PERIOD);

  *len = sizeof(stream) - offset;
  return stream + offset;
}

int pattern_matches(uint64_t position, const void *data, size_t len)
{
  const char *bytes = data;

  while (len > 0) {
    size_t piece;
    const void *expected = pattern_at(position, &piece);

    if (piece > len) {
      piece = len;
    }
    if (memcmp(bytes, expected, piece) != 0) {
      return 0;
    }
    bytes += piece;
    position += piece;
    len -= piece;
  }
  return 1;
}
