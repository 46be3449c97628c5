/*
 * The options of lwIP's unit tests with one variation, chosen by a compile definition. The tests' own lwipopts.h stays as it is
 * and is read first; some of what it defines has no #ifndef around it, hence the #undefs.
 */
#ifndef UNIT_VARIATION_LWIPOPTS_H
#define UNIT_VARIATION_LWIPOPTS_H

#include_next "lwipopts.h"

#if UNIT_SACK_TIMESTAMPS
#undef LWIP_TCP_SACK_OUT
#define LWIP_TCP_SACK_OUT 1
#undef LWIP_TCP_TIMESTAMPS
#define LWIP_TCP_TIMESTAMPS 1
#define LWIP_TCP_RUST_INDEX 1
#endif

#if UNIT_RECOVERY
#undef LWIP_TCP_SACK_OUT
#define LWIP_TCP_SACK_OUT 1
#undef LWIP_TCP_TIMESTAMPS
#define LWIP_TCP_TIMESTAMPS 1
#define LWIP_TCP_RUST_FINE_TIMERS 1
#define LWIP_TCP_RUST_SACK 1
#define LWIP_TCP_RUST_RACK 1
#define LWIP_TCP_RUST_PMTU 1
#endif

#if UNIT_NO_WND_SCALE
#undef LWIP_WND_SCALE
#define LWIP_WND_SCALE 0
#endif

#if UNIT_NO_OVERSIZE
#undef TCP_OVERSIZE
#define TCP_OVERSIZE 0
#endif

#if UNIT_NO_CHECKSUM_ON_COPY
#undef LWIP_CHECKSUM_ON_COPY
#define LWIP_CHECKSUM_ON_COPY 0
#undef TCP_CHECKSUM_ON_COPY_SANITY_CHECK
#define TCP_CHECKSUM_ON_COPY_SANITY_CHECK 0
#endif

#if UNIT_EVENT_API
#undef LWIP_EVENT_API
#define LWIP_EVENT_API 1
#undef LWIP_CALLBACK_API
#define LWIP_CALLBACK_API 0
#endif

#endif
