/* Clients of the demo's services over lwIP's own loopback, one after the other. */
#ifndef DEMO_LWIP_CLIENT_H
#define DEMO_LWIP_CLIENT_H

#include <stdint.h>

#include "transfer.h"

/* Starts the first of them. `when_done` is called with the exit status after the last one, or after one that failed. */
void lwip_clients_start(uint64_t bytes, const struct transfer_files *files, void (*when_done)(int status));

#endif /* DEMO_LWIP_CLIENT_H */
