/* Echo (RFC 862), discard (RFC 863), character generator (RFC 864), and a page. */
#ifndef DEMO_SERVICES_H
#define DEMO_SERVICES_H

#include "conn.h"

extern struct service echo_service, discard_service, chargen_service, http_service;

/* All of them, ended by NULL. */
extern struct service *const all_services[];

/* Bytes that discard got beyond what agrees with the character generator's stream: 0 after an upload by the demo's clients. */
extern u64_t discard_mismatched;

#endif /* DEMO_SERVICES_H */
