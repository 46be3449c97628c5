/* Where lwIP's own C core is known to fail, and why. Several show only in the
 * builds without assertions or with the sanitizers. The Rust core has no such
 * list. */
#include <string.h>

#include "attacks.h"

#ifndef TEST_RUST
struct known { const char *name, *reason; };

static const char dead[] = "C writes into a PCB that was freed, and frees it again";
static const char lies[] = "C uses the PCB that its callback freed without returning ERR_ABRT";
static const char listener[] =
  "without assertions C treats the smaller struct of a listener as a connection";
static const char null_pcb[] = "C dereferences NULL (with assertions: stops)";
static const char limit[] = "with MEMP_MEM_MALLOC C does not hold MEMP_NUM_TCP_PCB";
static const char mss_floor[] = "C takes any MSS option but 0, 1 included";

static const struct known known[] = {
  { "rfc5961_blind_data_ack_too_new", "C answers with an ACK, but takes the data" },
  { "rfc5961_blind_data_ack_too_old", "C does not look for too old an ACK" },
  { "cve_2016_5696_challenge_ack_rate", "C has no limit of challenge ACKs" },
  { "number_jack_cve_2020_35685_isn", "C counts up from 6510 with the timer ticks" },
  { "rfc6528_isn_of_one_tuple_moves_with_the_clock", "C counts up with the timer ticks" },
  { "rfc6056_ephemeral_ports", "C takes ports one after the other" },
  { "options_last_octet_of_the_packet",
    "C reads the length of an option behind the option area, one octet past the packet" },
  { "cve_2021_31889_sack_option", "C reads past the option area as in options_last_octet" },
  { "cve_2018_16524_option_over_read", "C reads past the option area" },
  { "cve_2020_13988_mss_option", mss_floor },
  { "mss_smaller_than_the_timestamp_option", mss_floor },
  { "cve_2019_11478_11479_tiny_segments",
    "with timestamps a small MSS of the peer reaches LWIP_ASSERT(\"mss_local is too small\")" },
  { "dupack_spoofing", "C inflates cwnd by each duplicate ACK, without bound" },
  { "syn_flood", limit },
  { "time_wait_exhaustion", limit },
  { "complaint_09_10_time_wait_is_recycled_at_the_limit", limit },
  { "complaint_04_eviction_never_asserts", limit },
  { "complaint_04_eviction_in_a_callback", limit },
  { "complaint_04_eviction_in_lwips_order", limit },
  { "sockstress_pool_held", limit },
  { "complaint_01_random_life_of_pcbs", limit },
  { "complaint_05_recved_after_free", dead },
  { "complaint_06_abort_in_recv_returning_ok", lies },
  { "complaint_06_abort_in_sent_returning_ok", lies },
  { "complaint_06_abort_in_poll_returning_ok", lies },
  { "complaint_06_abort_in_sent_with_data_leaks_nothing",
    "when the sent callback ends the connection, C forgets the segment's data without freeing" },
  { "complaint_06_close_in_sent_with_data_leaks_nothing",
    "when the sent callback ends the connection, C forgets the segment's data without freeing" },
  { "complaint_06_abort_when_refused_data_come_again",
    "C reads rcv_ann_wnd of the PCB that was freed while refused data were offered again" },
  { "complaint_06_close_when_refused_data_come_again",
    "tcp_process_refused_data runs before tcp_input_pcb is set: C goes on with a freed PCB" },
  { "complaint_10_refused_data_in_time_wait_leak_nothing",
    "tcp_pcb_purge leaves out TIME-WAIT, where a refused segment with FIN has put its data" },
  { "refused_data_in_time_wait_are_offered_again",
    "C offers refused data again on the active list only" },
  { "misuse_accept_aborts_returning_ok", lies },
  { "misuse_connected_aborts_returning_ok", lies },
  { "runner_up_peer_without_reassembly",
    "the first ACK that moves on ends C's recovery: each further segment waits for the timer" },
  { "complaint_11_err_mem_woken_when_memory_returns", "C wakes it by the poll timer only" },
  { "complaint_11_err_mem_in_a_callback_is_woken", "C wakes it by the poll timer only" },
  { "cve_2026_10634_address_change_during_iteration",
    "tcp_netif_ip_addr_changed keeps the next pointer over an err callback" },
  { "misuse_pcb_after_err_callback", dead },
  { "misuse_pcb_after_abort", dead },
  { "misuse_pcb_after_close", dead },
  { "misuse_pcb_after_listen", dead },
  { "misuse_abort_twice", dead },
  { "misuse_close_twice_unbound", dead },
  { "misuse_close_twice_while_closing", dead },
  { "misuse_close_in_err_callback", dead },
  { "misuse_close_in_err_callback_of_abort", dead },
  { "rfc7323_paws", "C does not look at the timestamps that it gets" },
  { "rfc9293_ack_in_syn_sent", "C resets it" },
  { "rfc9293_syn_reopens_time_wait", "C answers a SYN in TIME-WAIT by an ACK or a reset" },
  { "rfc9293_connect_to_many", "C sends SYNs to any address" },
  { "misuse_null_bind_netif", null_pcb },
  { "misuse_null_backlog_delayed", null_pcb },
  { "misuse_null_backlog_accepted", null_pcb },
  { "misuse_null_output", null_pcb },
  { "misuse_listener_addrinfo_of_its_peer", "C gives out what lies where a connection has its peer's port" },
  { "misuse_listener_recved", listener },
  { "misuse_listener_write", listener },
  { "misuse_listener_write_nocopy", listener },
  { "misuse_listener_output", listener },
  { "misuse_listener_recv", listener },
  { "misuse_listener_sent", listener },
  { "misuse_listener_err", listener },
  { "misuse_listener_poll", listener },
  { "misuse_listener_backlog_delayed", listener },
  { "misuse_listener_backlog_accepted", listener },
  { "misuse_listener_abort", listener },
};
#endif

const char *known_c_attack(const char *name)
{
#ifndef TEST_RUST
  unsigned i;
  for (i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (strcmp(known[i].name, name) == 0) {
      return known[i].reason;
    }
  }
#else
  LWIP_UNUSED_ARG(name);
#endif
  return NULL;
}
