#include "facts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "services.h"

#if DEMO_RUST_TCP
#include "info_rows.h" /* made by info_rows.awk from the header */
#include "lwip_tcp_rust.h"
#endif

struct list {
  struct fact *facts;
  size_t count, max;
};

static void add(struct list *list, const char *key, const char *label, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add(struct list *list, const char *key, const char *label, const char *format, ...)
{
  struct fact *fact;
  va_list arguments;

  if (list->count == list->max) {
    return;
  }
  fact = &list->facts[list->count++];
  fact->key = key;
  fact->label = label;
  va_start(arguments, format);
  vsnprintf(fact->value, sizeof(fact->value), format, arguments);
  va_end(arguments);
}

static void add_endpoint(struct list *list, const char *key, const char *label, const ip_addr_t *address, u16_t port)
{
  char text[IPADDR_STRLEN_MAX];

  ipaddr_ntoa_r(address, text, sizeof(text));
  add(list, key, label, IP_IS_V6(address) ? "[%s]:%u" : "%s:%u", text, port);
}

const char *tcp_name(void)
{
  return DEMO_RUST_TCP ? "Rust (lwip_tcp_rust)" : "C (lwIP's own, " LWIP_VERSION_STRING ")";
}

#if DEMO_RUST_TCP && DEMO_RUST_INFO

static void add_tcp(struct list *list, const struct tcp_pcb *pcb)
{
  INFO_TYPE info;

  add(list, "state_name", "State", "%s", tcp_debug_state_str(pcb->state));
  memset(&info, 0, sizeof(info));
  lwip_tcp_rust_info((struct tcp_pcb *)pcb, &info);
#define ROW(member, label) add(list, #member, label, "%lld", (long long)info.member);
  INFO_ROWS
#undef ROW
}

#else

static unsigned segments(const struct tcp_seg *segment)
{
  unsigned count = 0;

  for (; segment != NULL; segment = segment->next) {
    count++;
  }
  return count;
}

/* C TCP keeps no counters for a connection: this is what can be read from its pcb. */
static void add_tcp(struct list *list, const struct tcp_pcb *pcb)
{
  add(list, "state", "State", "%s", tcp_debug_state_str(pcb->state));
  if (pcb->sa == 0 && pcb->sv == 0) {
    add(list, "srtt", "Smoothed RTT", "none measured yet");
  } else if (pcb->sa >> 3 == 0) {
    add(list, "srtt", "Smoothed RTT", "below %d ms, the tick it is measured in", TCP_SLOW_INTERVAL);
  } else {
    add(list, "srtt", "Smoothed RTT", "%d ms", (pcb->sa >> 3) * TCP_SLOW_INTERVAL);
  }
  add(list, "rto", "Retransmission timeout", "%d ms", pcb->rto * TCP_SLOW_INTERVAL);
  add(list, "cwnd", "Congestion window", "%" U32_F " B", (u32_t)pcb->cwnd);
  add(list, "ssthresh", "Slow start threshold", "%" U32_F " B", (u32_t)pcb->ssthresh);
  add(list, "snd_wnd", "Send window", "%" U32_F " B", (u32_t)pcb->snd_wnd);
  add(list, "rcv_wnd", "Receive window", "%" U32_F " B", (u32_t)pcb->rcv_wnd);
  add(list, "mss", "Segment size", "%u B", pcb->mss);
  add(list, "in_flight", "In flight", "%" U32_F " B in %u segments", pcb->snd_nxt - pcb->lastack, segments(pcb->unacked));
  add(list, "unsent", "Waiting to be sent", "%u segments", segments(pcb->unsent));
  add(list, "ooseq", "Out-of-order queue", "%u segments", segments(pcb->ooseq));
  add(list, "backoff", "Timeouts in a row", "%u", pcb->nrtx);
  add(list, "dupacks", "Duplicate ACKs in a row", "%u", pcb->dupacks);
  add(list, "options", "Options agreed", "%s%s%s",
      pcb->flags & TF_WND_SCALE ? "window scaling " : "", pcb->flags & TF_TIMESTAMP ? "timestamps " : "",
      pcb->flags & TF_SACK ? "SACK" : "");
  if (pcb->flags & TF_WND_SCALE) {
    add(list, "scales", "Window shifts", "send %u, receive %u", pcb->snd_scale, pcb->rcv_scale);
  }
}

#endif

size_t facts_of_connection(const struct tcp_pcb *pcb, struct fact *facts, size_t max)
{
  struct list list = {facts, 0, max};

  add_endpoint(&list, "local", "Server", &pcb->local_ip, pcb->local_port);
  add_endpoint(&list, "remote", "You", &pcb->remote_ip, pcb->remote_port);
  add_tcp(&list, pcb);
  return list.count;
}

static unsigned pcbs(const struct tcp_pcb *pcb)
{
  unsigned count = 0;

  for (; pcb != NULL; pcb = pcb->next) {
    count++;
  }
  return count;
}

static void add_service(struct list *list, const struct service *service)
{
  add(list, service->name, service->name,
      "%" U32_F " opened, %" U32_F " closed, %" U32_F " reset, %" U32_F " aborted; %" PRIu64 " B in, %" PRIu64 " B out",
      service->tally.opened, service->tally.closed, service->tally.reset, service->tally.aborted,
      service->tally.bytes_in, service->tally.bytes_out);
}

size_t facts_of_stack(struct fact *facts, size_t max)
{
  struct list list = {facts, 0, max};
  size_t i;

  add(&list, "segments_in", "Segments received", "%" U32_F, lwip_stats.mib2.tcpinsegs);
  add(&list, "segments_out", "Segments sent", "%" U32_F, lwip_stats.mib2.tcpoutsegs);
  add(&list, "retransmitted", "Segments sent again", "%" U32_F, lwip_stats.mib2.tcpretranssegs);
  add(&list, "errors_in", "Bad segments received", "%" U32_F, lwip_stats.mib2.tcpinerrs);
  add(&list, "no_memory", "Allocations failed in TCP", "%" U32_F, (u32_t)lwip_stats.tcp.memerr);
  add(&list, "connections", "Connections open", "%u", conn_count());
  add(&list, "pcbs_active", "PCBs active", "%u", pcbs(tcp_active_pcbs));
  add(&list, "pcbs_time_wait", "PCBs in TIME-WAIT", "%u", pcbs(tcp_tw_pcbs));
  add(&list, "discard_bytes", "Discarded", "%" PRIu64 " B", (uint64_t)discard_service.tally.bytes_in);
  add(&list, "discard_mismatched", "Discarded, not the expected pattern", "%" PRIu64 " B", (uint64_t)discard_mismatched);
  for (i = 0; all_services[i] != NULL; i++) {
    add_service(&list, all_services[i]);
  }
  return list.count;
}
