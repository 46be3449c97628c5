/*
 * lwIP's port to the compiler and C library of a PC. What it needs at run time is in Rust, src/ffi/hooks.rs.
 */
#ifndef LWIP_HOST_ARCH_CC_H
#define LWIP_HOST_ARCH_CC_H

#include <endian.h>
#include <errno.h>
#include <sys/time.h>

#define LWIP_TIMEVAL_PRIVATE 0
#define LWIP_NO_CTYPE_H 0
#define LWIP_NO_UNISTD_H 0

/* Never returns. */
void lwip_host_assert(const char *message, const char *file, int line);
unsigned int lwip_host_rand(void);
unsigned short lwip_host_checksum(const void *data, int length);

#define LWIP_PLATFORM_ASSERT(message) lwip_host_assert(message, __FILE__, __LINE__)
#define LWIP_PLATFORM_DIAG(message)
#define LWIP_RAND() ((u32_t)lwip_host_rand())

/* The sum of 16-bit words (RFC 1071), not inverted: lwIP's own takes most of the time of a transfer. */
#define LWIP_CHKSUM lwip_host_checksum

#endif /* LWIP_HOST_ARCH_CC_H */
