/* What the C library asks of a system, for tests that print and allocate. */
#include "board.h"

#include <stddef.h>
#include <sys/stat.h>

#define HEAP_BYTES (64 * 1024)

int _write(int file, const char *bytes, int length);
int _read(int file, char *bytes, int length);
int _close(int file);
int _lseek(int file, int offset, int whence);
int _fstat(int file, struct stat *status);
int _isatty(int file);
int _getpid(void);
int _kill(int process, int signal);
void *_sbrk(ptrdiff_t increment);
void _exit(int status) __attribute__((noreturn));

int _write(int file, const char *bytes, int length)
{
  LWIP_UNUSED_ARG(file);
  for (int i = 0; i < length; i++) {
    board_putc(bytes[i]);
  }
  return length;
}

int _read(int file, char *bytes, int length)
{
  LWIP_UNUSED_ARG(file);
  LWIP_UNUSED_ARG(bytes);
  LWIP_UNUSED_ARG(length);
  return 0;
}

int _close(int file)
{
  LWIP_UNUSED_ARG(file);
  return -1;
}

int _lseek(int file, int offset, int whence)
{
  LWIP_UNUSED_ARG(file);
  LWIP_UNUSED_ARG(offset);
  LWIP_UNUSED_ARG(whence);
  return 0;
}

int _fstat(int file, struct stat *status)
{
  LWIP_UNUSED_ARG(file);
  status->st_mode = S_IFCHR;
  return 0;
}

int _isatty(int file)
{
  LWIP_UNUSED_ARG(file);
  return 1;
}

int _getpid(void)
{
  return 1;
}

int _kill(int process, int signal)
{
  LWIP_UNUSED_ARG(process);
  LWIP_UNUSED_ARG(signal);
  return -1;
}

void *_sbrk(ptrdiff_t increment)
{
  static char heap[HEAP_BYTES] __attribute__((aligned(8)));
  static ptrdiff_t used;
  if (increment > HEAP_BYTES - used) {
    return (void *)-1;
  }
  void *block = &heap[used];
  used += increment;
  return block;
}

void _exit(int status)
{
  board_exit(status);
}
