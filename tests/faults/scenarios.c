/* The scenarios: each way through connection set-up, transfer and end. */
#include <string.h>

#include "scenario.h"

#define COPY TCP_WRITE_FLAG_COPY
#define MORE TCP_WRITE_FLAG_MORE

static u16_t tcp_payload(const u8_t *ip, u16_t len)
{
  u16_t ihl = (u16_t)((ip[0] & 15) * 4);
  u16_t off = (u16_t)((ip[ihl + 12] >> 4) * 4);
  return (u16_t)(len - ihl - off);
}

static enum vnet_fate drop_some(const u8_t *ip, u16_t len, u32_t nth)
{
  LWIP_UNUSED_ARG(ip);
  LWIP_UNUSED_ARG(len);
  return nth % 7 == 5 ? VNET_DROP : VNET_DELIVER;
}

static enum vnet_fate reorder(const u8_t *ip, u16_t len, u32_t nth)
{
  return tcp_payload(ip, len) > 0 && nth % 3 == 1 ? VNET_DELAY : VNET_DELIVER;
}

static enum vnet_fate duplicate(const u8_t *ip, u16_t len, u32_t nth)
{
  LWIP_UNUSED_ARG(ip);
  LWIP_UNUSED_ARG(len);
  return nth % 2 ? VNET_DUPLICATE : VNET_DELIVER;
}

static enum vnet_fate mixed(const u8_t *ip, u16_t len, u32_t nth)
{
  LWIP_UNUSED_ARG(ip);
  LWIP_UNUSED_ARG(len);
  switch (nth % 11) {
    case 3: return VNET_DROP;
    case 5: case 6: return VNET_DELAY;
    case 8: return VNET_DUPLICATE;
    default: return VNET_DELIVER;
  }
}

const struct scenario scenarios[] = {
  { .name = "handshake_and_close", .to_server = 1, .to_client = 1, .ending = END_CLIENT_FIRST },
  { .name = "simultaneous_open", .to_server = 900, .to_client = 900,
    .ending = END_CLIENT_FIRST, .simultaneous_open = 1 },
  { .name = "nobody_listens", .refused = 1 },
  { .name = "bulk_send_copy", .to_server = 20000, .ending = END_CLIENT_FIRST },
  { .name = "bulk_send_nocopy", .to_server = 20000, .write_flags = 0x80,
    .ending = END_CLIENT_FIRST },
  { .name = "bulk_send_more_small_writes", .to_server = 6000, .chunk = 97,
    .write_flags = COPY | MORE, .ending = END_CLIENT_FIRST },
  { .name = "small_nocopy_writes", .to_server = 3000, .chunk = 61, .write_flags = 0x80,
    .ending = END_CLIENT_FIRST },
  { .name = "both_directions", .to_server = 8000, .to_client = 8000,
    .ending = END_CLIENT_FIRST },
  { .name = "receive_in_chains", .to_server = 6000, .rx_split = 24, .ending = END_CLIENT_FIRST },
  { .name = "receive_out_of_order", .to_server = 12000, .filter = reorder, .rx_pool = 1,
    .ending = END_CLIENT_FIRST },
  { .name = "receive_duplicates", .to_server = 6000, .filter = duplicate,
    .ending = END_CLIENT_FIRST },
  { .name = "receive_refused", .to_server = 6000, .refuse = 3, .ending = END_CLIENT_FIRST },
  { .name = "retransmission", .to_server = 12000, .to_client = 2000, .filter = drop_some,
    .ending = END_CLIENT_FIRST },
  { .name = "retransmission_nocopy", .to_server = 8000, .write_flags = 0x80,
    .filter = drop_some, .ending = END_SERVER_FIRST },
  { .name = "loss_reorder_duplicate", .to_server = 9000, .to_client = 9000, .filter = mixed,
    .ending = END_CLIENT_FIRST },
  { .name = "driver_keeps_sent_pbufs", .to_server = 6000, .filter = drop_some, .tx_hold = 700,
    .ending = END_CLIENT_FIRST },
  { .name = "zero_window", .to_server = 12000, .read_delay = 4000, .ending = END_CLIENT_FIRST },
  { .name = "zero_window_nocopy_loss", .to_server = 8000, .write_flags = 0x80,
    .read_delay = 2500, .filter = drop_some, .ending = END_SERVER_FIRST },
  { .name = "keepalive", .to_server = 100, .to_client = 100, .idle = 12000,
    .ending = END_CLIENT_FIRST },
  { .name = "close_from_server", .to_server = 600, .to_client = 3000,
    .ending = END_SERVER_FIRST },
  { .name = "close_from_both", .to_server = 600, .to_client = 600, .ending = END_BOTH },
  { .name = "half_close", .to_server = 3000, .to_client = 3000, .ending = END_HALF },
  { .name = "abort", .to_client = 20000, .ending = END_ABORT },
  { .name = "close_with_unread_data", .to_client = 20000, .ending = END_UNREAD },
  { .name = "listen_backlog", .to_server = 700, .to_client = 700, .conns = 3, .backlog = 1,
    .accept_delay = 2000, .ending = END_CLIENT_FIRST },
  { .name = "three_at_once", .to_server = 4000, .to_client = 1000, .conns = 3,
    .filter = drop_some, .ending = END_CLIENT_FIRST },
  { .name = "pool_full_of_time_wait", .to_server = 300, .to_client = 300, .conns = 12,
    .sequential = 1, .ending = END_CLIENT_FIRST },
  { .name = "pool_full_last_ack", .to_server = 300, .to_client = 300, .conns = 12,
    .sequential = 1, .filter = drop_some, .ending = END_SERVER_FIRST },
  { .name = "eviction_of_low_priority", .to_server = 2000, .to_client = 500, .conns = 6,
    .evicted = 6, .accept_delay = 3000, .backlog = 6, .ending = END_CLIENT_FIRST },
};
const unsigned scenario_count = sizeof scenarios / sizeof scenarios[0];
