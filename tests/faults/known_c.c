/* scenario, mode, reason; "*" is each. */
#include <string.h>

#include "known_c.h"

#ifndef TEST_RUST
struct known { const char *scenario, *mode, *reason; };

static const char sim_open[] =
  "C has no simultaneous open: SYN-SENT ignores a SYN without ACK (RFC 9293 3.10.7.3)";
static const char order[] =
  "after an output that failed, unacked holds later octets than unsent; tcp_rexmit_rto_prepare "
  "puts all of unacked before unsent, so the queue is out of sequence order";

static const struct known known[] = {
  { "simultaneous_open", "*", sim_open },
  { "receive_out_of_order", "outage", order },
  { "retransmission", "burst", order },
  { "retransmission", "outage", order },
  { "retransmission_nocopy", "outage", order },
  { "loss_reorder_duplicate", "outage", order },
  { "zero_window_nocopy_loss", "burst", order },
  { "zero_window_nocopy_loss", "outage", order },
  { "three_at_once", "outage", order },
  { "zero_window", "outage", "tcp_split_unsent_seg ORs the flags into the first half: a FIN (and a "
                             "PSH) of the segment stays there too" },
#ifdef VNET_HEAP
  { "eviction_of_low_priority", "*",
    "with MEMP_MEM_MALLOC C does not hold MEMP_NUM_TCP_PCB: it never has to evict" },
  { "pool_full_of_time_wait", "*",
    "with MEMP_MEM_MALLOC C does not hold MEMP_NUM_TCP_PCB: TIME-WAIT PCBs pile up" },
  { "pool_full_last_ack", "*",
    "with MEMP_MEM_MALLOC C does not hold MEMP_NUM_TCP_PCB: PCBs pile up" },
#endif
};
#endif

const char *known_c_fault(const char *scenario, const char *mode)
{
#ifndef TEST_RUST
  unsigned i;
  for (i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (strcmp(known[i].scenario, scenario) == 0 &&
        (strcmp(known[i].mode, "*") == 0 || strcmp(known[i].mode, mode) == 0)) {
      return known[i].reason;
    }
  }
#else
  (void)scenario;
  (void)mode;
#endif
  return NULL;
}
