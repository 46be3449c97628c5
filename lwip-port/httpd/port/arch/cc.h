/*
 * lwIP's port to the compiler and C library of a PC running Linux, in place of the cc.h of contrib's unix port, whose sys_arch.c
 * and tapif.c are used: random numbers that cannot be guessed, and a faster checksum. Both are in Rust, src/ffi/hooks.rs.
 */
#ifndef LWIP_HTTPD_ARCH_CC_H
#define LWIP_HTTPD_ARCH_CC_H

#include <endian.h>
#include <errno.h>
#include <sys/time.h>

/*
 * lwip/sockets.h insists on room for all its sockets in the fd_set. That type is the C library's and has its size, but it is
 * lwip_select()'s alone, which is not built.
 */
#undef FD_SETSIZE
#define FD_SETSIZE 4096

/* For sys_arch.c and tapif.c. */
#define LWIP_UNIX_LINUX
typedef unsigned int sys_prot_t;

#define LWIP_TIMEVAL_PRIVATE 0
/* lwIP's sockets set the C library's errno, with its numbers. */
#define LWIP_ERRNO_STDINCLUDE 1

/* Never returns. */
void lwip_httpd_assert(const char *message, const char *file, int line);
unsigned int lwip_httpd_rand(void);
unsigned short lwip_httpd_checksum(const void *data, int length);

#define LWIP_PLATFORM_ASSERT(message) lwip_httpd_assert(message, __FILE__, __LINE__)
#define LWIP_PLATFORM_DIAG(message)
#define LWIP_RAND() ((u32_t)lwip_httpd_rand())

/* The sum of 16-bit words (RFC 1071), not inverted: lwIP's own takes most of the time of a transfer. */
#define LWIP_CHKSUM lwip_httpd_checksum

#endif /* LWIP_HTTPD_ARCH_CC_H */
