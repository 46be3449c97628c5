/* The little of a C library that lwIP's tests use and that would otherwise ask for an operating system below it. */
#include "board.h"
#include "firmware.h"

#define BLOCK_BYTES 8192
#define BLOCKS 32
#define TEXT_MAX 256

/* These may be macros. */
#undef putchar
#undef puts

int printf(const char *format, ...);
int puts(const char *text);
int putchar(int c);
void *malloc(size_t size);
void free(void *memory);
int rand(void);

int printf(const char *format, ...)
{
  char text[TEXT_MAX];
  va_list arguments;
  va_start(arguments, format);
  size_t length = format_text(text, sizeof text, format, arguments);
  va_end(arguments);
  console_printf("%s", text);
  return (int)length;
}

int puts(const char *text)
{
  console_printf("%s\n", text);
  return 0;
}

int putchar(int c)
{
  board_putc((char)c);
  return c;
}

/* For the mailboxes of the tests' sys_arch.c: some kilobytes each, a few at a time. */
static struct block {
  u8_t bytes[BLOCK_BYTES] __attribute__((aligned(8)));
} blocks[BLOCKS];
static u8_t block_used[BLOCKS];

void *malloc(size_t size)
{
  for (unsigned i = 0; i < BLOCKS && size <= BLOCK_BYTES; i++) {
    if (!block_used[i]) {
      block_used[i] = 1;
      return &blocks[i];
    }
  }
  /* Not NULL, which the tests do not expect and would write to. */
  firmware_assert_failed("malloc: no block left", __FILE__, __LINE__);
  return NULL;
}

void free(void *memory)
{
  if (memory != NULL) {
    block_used[(struct block *)memory - blocks] = 0;
  }
}

int rand(void)
{
  return (int)(board_random() & 0x7fffffffu);
}
