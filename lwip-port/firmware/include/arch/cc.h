/*
 * lwIP's port header for the bare-metal boards of this folder: diagnostics go to the UART, critical sections mask
 * interrupts. A product has such a file already; nothing in it is there for the Rust core.
 */
#ifndef FIRMWARE_ARCH_CC_H
#define FIRMWARE_ARCH_CC_H

#include <stdint.h>
#include <sys/time.h>

/* The C library has struct timeval and errno. */
#define LWIP_TIMEVAL_PRIVATE 0
#define LWIP_ERRNO_STDINCLUDE

#ifndef BYTE_ORDER
#define BYTE_ORDER LITTLE_ENDIAN
#endif

void console_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void firmware_assert_failed(const char *message, const char *file, int line);
uint32_t board_random(void);

#define LWIP_PLATFORM_DIAG(x)                                                                                          \
  do {                                                                                                                 \
    console_printf x;                                                                                                  \
  } while (0)
#define LWIP_PLATFORM_ASSERT(message) firmware_assert_failed(message, __FILE__, __LINE__)

#define LWIP_RAND() board_random()

typedef uint32_t sys_prot_t;

#endif
