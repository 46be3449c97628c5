/* Last part of every generated lwipopts.h: what the harness needs from a configuration whatever its options are.
 * It changes no option of TCP, so the configuration stays what its file says. */
#ifndef CONFIGS_HARNESS_H
#define CONFIGS_HARNESS_H

/* lwIP's own example application asks for the same check in all its test_configs. */
#if !defined(NO_SYS) || !NO_SYS
void sys_check_core_locking(void);
#define LWIP_ASSERT_CORE_LOCKED() sys_check_core_locking()
/* The port's own definition, before lwIP 2.1.3 comes with an empty one for the port to redefine. */
#define LWIP_MARK_TCPIP_THREAD() sys_mark_tcpip_thread()
#endif

/* lwIP's fragment header is smaller than two pointers of a 64-bit host and says so itself. */
#ifndef IPV6_FRAG_COPYHEADER
#define IPV6_FRAG_COPYHEADER 1
#endif

/* Debug output is formatted, so that each argument is evaluated with the type its format asks for, but not shown. */
void configs_diag(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define LWIP_PLATFORM_DIAG(x) \
  do {                        \
    configs_diag x;           \
  } while (0)

#if CONFIGS_TCP_HOOKS
#include "configs_hooks.h"
#endif

#endif /* CONFIGS_HARNESS_H */
