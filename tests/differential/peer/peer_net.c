/*
 * The wire: two netifs that record what lwIP sends, and segments into lwIP, built from the trace byte by byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/ip6.h"
#include "peer.h"

#define FRAME_MAX 4096

struct netif netifs[NETIFS];
static int fail_count[SLOTS + 1]; /* of each connection, and of all else */
static err_t fail_err;
static u32_t segments_sent;

/* Checksum of TCP as the RFC says it, so that lwIP's is not checked with lwIP's. */
static u32_t sum_bytes(const u8_t *data, size_t len, u32_t sum)
{
  size_t i;

  for (i = 0; i < len; i++) {
    sum += i & 1 ? data[i] : (u32_t)data[i] << 8;
  }
  return sum;
}

static u16_t fold(u32_t sum)
{
  while (sum >> 16) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return (u16_t)~sum;
}

static u16_t tcp_sum(const u8_t *ip, const u8_t *tcp, size_t len)
{
  int v6 = ip[0] >> 4 == 6;
  u32_t sum = v6 ? sum_bytes(ip + 8, 32, 0) : sum_bytes(ip + 12, 8, 0);

  return fold(sum_bytes(tcp, len, sum + IP_PROTO_TCP + (u32_t)len));
}

static u32_t get32(const u8_t *at)
{
  return (u32_t)at[0] << 24 | (u32_t)at[1] << 16 | (u32_t)at[2] << 8 | at[3];
}

static void put16(u8_t *at, u32_t value)
{
  at[0] = (u8_t)(value >> 8);
  at[1] = (u8_t)value;
}

static void put32(u8_t *at, u32_t value)
{
  put16(at, value >> 16);
  put16(at + 2, value);
}

static void print_options(const u8_t *opt, size_t len, u32_t irs)
{
  const char *separator = " opts=";
  size_t i = 0;

  while (i < len) {
    u8_t kind = opt[i], size = i + 1 < len ? opt[i + 1] : 0;

    printf("%s", separator);
    separator = ",";
    if (kind == 0 || kind == 1) {
      printf(kind ? "nop" : "eol");
      i++;
      continue;
    }
    if (size < 2 || i + size > len) {
      printf("broken");
      return;
    }
    if (kind == 2 && size == 4) {
      printf("mss%u", opt[i + 2] << 8 | opt[i + 3]);
    } else if (kind == 3 && size == 3) {
      printf("ws%u", opt[i + 2]);
    } else if (kind == 4 && size == 2) {
      printf("sackok");
    } else if (kind == 8 && size == 10) {
      printf("ts%u:%u", (unsigned)get32(opt + i + 2), (unsigned)get32(opt + i + 6));
    } else if (kind == 5 && size % 8 == 2) {
      size_t b;

      printf("sack");
      for (b = i + 2; b < i + size; b += 8) {
        printf(":%d-%d", (int)(get32(opt + b) - irs), (int)(get32(opt + b + 4) - irs));
      }
    } else {
      printf("kind%u/%u", kind, size);
    }
    i += size;
  }
}

/* Data of a connection is a function of its place in the stream, so a wrong byte shows even if both cores send it. */
static void print_payload(const struct slot *s, u32_t seq, const u8_t *data, size_t len)
{
  u32_t place = seq - s->iss - 1;
  const u8_t *want = &outgoing[(place + 97u * (u32_t)(s - slots)) % PATTERN_LEN];

  if (len == 0) {
    return;
  }
  if (len < 0x10000 && memcmp(data, want, len) == 0) {
    printf(" data=ok");
  } else {
    printf(" data=%08x", (unsigned)fnv(data, len));
  }
}

static void print_segment(int netif, const u8_t *ip, size_t total)
{
  size_t header = ip[0] >> 4 == 6 ? 40 : (size_t)(ip[0] & 15) * 4;
  const u8_t *tcp = ip + header;
  size_t len = total - header, offset = len >= 20 ? (size_t)(tcp[12] >> 4) * 4 : 0;
  int s = slot_of_port((u16_t)(tcp[2] << 8 | tcp[3]));
  u32_t seq = get32(tcp + 4), ack = get32(tcp + 8);
  const char *letters = "FSRPAUEC";
  int i;

  if (offset < 20 || offset > len) {
    printf("tx broken len=%u offset=%u\n", (unsigned)len, (unsigned)offset);
    return;
  }
  printf("tx %d if%d %s ", s, netif, port_name((u16_t)(tcp[0] << 8 | tcp[1])));
  for (i = 0; i < 8; i++) {
    if (tcp[13] & (1 << i)) {
      putchar(letters[i]);
    }
  }
  if (s >= 0) {
    slots[s].local_port = (u16_t)(tcp[0] << 8 | tcp[1]);
    printf(" seq=%d", (int)(seq - slots[s].iss));
    printf(" ack=%d", tcp[13] & 16 ? (int)(ack - slots[s].irs) : (int)ack);
  }
  printf(" win=%u len=%u urg=%u", tcp[14] << 8 | tcp[15], (unsigned)(len - offset), tcp[18] << 8 | tcp[19]);
  if (s >= 0) {
    print_payload(&slots[s], seq, tcp + offset, len - offset);
  }
  print_options(tcp + 20, offset - 20, s >= 0 ? slots[s].irs : 0);
  printf(" ttl=%u tos=%u", ip[0] >> 4 == 6 ? ip[7] : ip[8], ip[0] >> 4 == 6 ? 0 : ip[1]);
  printf(" ck=%s\n", tcp_sum(ip, tcp, len) == 0 ? "ok" : "BAD");
}

/* Whose packet it is. */
static int sender(const u8_t *ip, size_t total)
{
  size_t header = ip[0] >> 4 == 6 ? 40 : (size_t)(ip[0] & 15) * 4;
  int slot = total < header + 4 ? -1 : slot_of_port((u16_t)(ip[header + 2] << 8 | ip[header + 3]));

  return slot < 0 ? SLOTS : slot;
}

static err_t record(struct netif *netif, struct pbuf *p)
{
  static u8_t frame[0x10000];
  int number = netif == &netifs[1];
  int *fail;

  pbuf_copy_partial(p, frame, p->tot_len, 0);
  fail = &fail_count[sender(frame, p->tot_len)];
  if (*fail > 0) {
    (*fail)--;
    printf("txfail %d\n", fail_err);
    return fail_err;
  }
#ifdef PEER_MUTATE_SWALLOW
  /* Proof of the harness: a core that forgets every 7th segment. */
  if (++segments_sent % 7 == 0) {
    return ERR_OK;
  }
#endif
  segments_sent++;
#if LWIP_NETIF_TX_SINGLE_PBUF
  if (p->next != NULL) {
    printf("tx chained\n");
  }
#endif
  print_segment(number, frame, p->tot_len);
  return ERR_OK;
}

static err_t output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *address)
{
  LWIP_UNUSED_ARG(address);
  return record(netif, p);
}

#if LWIP_IPV6
static err_t output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *address)
{
  LWIP_UNUSED_ARG(address);
  return record(netif, p);
}
#endif

static err_t setup(struct netif *netif)
{
  netif->name[0] = 'd';
  netif->name[1] = 't';
  netif->mtu = netif == &netifs[1] ? 576 : 1500;
  netif->output = output4;
#if LWIP_IPV6
  netif->output_ip6 = output6;
  netif->mtu6 = netif->mtu == 576 ? 1280 : 1500;
#endif
  netif->flags |= NETIF_FLAG_BROADCAST | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

#if LWIP_IPV6
static void give_ip6(struct netif *netif, s8_t index, u32_t prefix, u32_t host)
{
  ip6_addr_t own;

  IP6_ADDR(&own, lwip_htonl(prefix), 0, 0, lwip_htonl(host));
  ip6_addr_assign_zone(&own, IP6_UNICAST, netif);
  netif_ip6_addr_set(netif, index, &own);
  netif_ip6_addr_set_state(netif, index, IP6_ADDR_PREFERRED);
}
#endif

void net_init(void)
{
  ip4_addr_t address, mask, gateway;
  int i;

  for (i = 0; i < NETIFS; i++) {
    IP4_ADDR(&address, 10, i, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 10, i, 0, 254);
    netif_add(&netifs[i], &address, &mask, &gateway, NULL, setup, ip_input);
    netif_set_up(&netifs[i]);
  }
  netif_set_default(&netifs[0]);
#if LWIP_IPV6
  give_ip6(&netifs[0], 0, 0x20010db8, 1);
#if PEER_ZONES
  /* One link-local address, twice: only the zone tells which is meant. */
  give_ip6(&netifs[0], 1, 0xfe800000, 1);
  give_ip6(&netifs[1], 1, 0xfe800000, 1);
#endif
#endif
}

void net_change_address(int number)
{
  struct netif *netif = &netifs[number % NETIFS];
  ip4_addr_t old, changed;

  ip4_addr_copy(old, *netif_ip4_addr(netif));
  IP4_ADDR(&changed, 10, number % NETIFS, 0, 77);
  netif_set_ipaddr(netif, &changed);
  netif_set_ipaddr(netif, &old);
#if PEER_ZONES
  give_ip6(netif, 1, 0xfe800000, 77);
  give_ip6(netif, 1, 0xfe800000, 1);
#endif
}

void net_fail(int count, err_t err)
{
  int slot;

  for (slot = 0; slot <= SLOTS; slot++) {
    fail_count[slot] = count;
  }
  fail_err = err;
}

static int netif_of(int slot)
{
  return slot == 4 || slot == 5;
}

/*
 * Slots 0-3 are on the first netif, 4 and 5 on the second, 6 and 7 speak IPv6 where there is IPv6. With zones slots 0 to 5
 * speak IPv6 on their link, by the same addresses on both netifs, and 7 IPv4.
 */
static const ip_addr_t *address(int slot, int host, int zoned)
{
  static ip_addr_t out;
  ip4_addr_t v4;

#if LWIP_IPV6
  if (PEER_ZONES ? slot < 7 : slot >= 6) {
    ip6_addr_t v6;

    IP6_ADDR(&v6, lwip_htonl(PEER_ZONES && slot < 6 ? 0xfe800000 : 0x20010db8), 0, 0, lwip_htonl((u32_t)host));
    if (zoned) {
      ip6_addr_assign_zone(&v6, IP6_UNICAST, &netifs[netif_of(slot)]);
    }
    ip_addr_copy_from_ip6(out, v6);
    return &out;
  }
#endif
  LWIP_UNUSED_ARG(zoned);
  IP4_ADDR(&v4, 10, netif_of(slot), 0, host);
  ip_addr_copy_from_ip4(out, v4);
  return &out;
}

static const ip_addr_t *remote_address(int slot)
{
  return address(slot, 2, 0);
}

static const ip_addr_t *local_address(int slot)
{
  return address(slot, 1, 0);
}

/* Slots 3 and 5 leave it to lwIP to find the zone. */
const ip_addr_t *given_address(int slot, int remote)
{
  return address(slot, remote ? 2 : 1, slot != 3 && slot != 5);
}

/* With zones all but the first listener are on one link: 1 and 3 on the second, 2 on the first. */
const ip_addr_t *listener_address(int number)
{
  return PEER_ZONES && number > 0 ? address(number & 1 ? 4 : 0, 1, 1) : IP_ANY_TYPE;
}

struct wanted {
  u32_t seq, ack;
  u16_t win, len, urg, dport;
  int flags, offset, cut, scramble, bad_checksum, to_broadcast, wrong_netif;
  u8_t options[60];
  size_t options_len;
  const char *split;
};

static void add_option(struct wanted *w, const void *bytes, size_t len)
{
  if (w->options_len + len <= 40) {
    memcpy(w->options + w->options_len, bytes, len);
    w->options_len += len;
  }
}

/* "m1460,w7,k,t100:55,s10-20,n,e,x0204": MSS, window scale, SACK permitted, timestamp, SACK, no-op, end, raw bytes. */
static void parse_options(struct wanted *w, const char *text, u32_t iss)
{
  while (*text) {
    u8_t b[40] = {1};
    char *rest = NULL;
    u32_t value = (u32_t)strtoul(text + 1, &rest, 10), second = 0;
    char kind = *text;

    if (*rest == ':' || *rest == '-') {
      second = (u32_t)strtoul(rest + 1, &rest, 10);
    }
    if (kind == 'n' || kind == 'e') {
      b[0] = kind == 'n';
      add_option(w, b, 1);
    } else if (kind == 'm') {
      b[0] = 2, b[1] = 4, put16(b + 2, value), add_option(w, b, 4);
    } else if (kind == 'w') {
      b[0] = 3, b[1] = 3, b[2] = (u8_t)value, add_option(w, b, 3);
    } else if (kind == 'k') {
      b[0] = 4, b[1] = 2, add_option(w, b, 2);
    } else if (kind == 't') {
      b[0] = 8, b[1] = 10, put32(b + 2, value), put32(b + 6, second), add_option(w, b, 10);
    } else if (kind == 's') {
      b[0] = 5, b[1] = 10, put32(b + 2, iss + value), put32(b + 6, iss + second), add_option(w, b, 10);
    } else if (kind == 'x') {
      for (text++; text[0] && text[1] && text[0] != ','; text += 2) {
        char hex[3] = {text[0], text[1], 0};

        b[0] = (u8_t)strtoul(hex, NULL, 16), add_option(w, b, 1);
      }
    }
    text = strchr(text, ',');
    if (text == NULL) {
      break;
    }
    text++;
  }
  while (w->options_len % 4) {
    w->options[w->options_len++] = 0;
  }
}

static int flags_of(const char *text)
{
  const char *letters = "FSRPAUEC";
  int flags = 0;

  for (; *text; text++) {
    const char *at = strchr(letters, *text);

    flags |= at != NULL ? 1 << (at - letters) : 0;
  }
  return flags;
}

static size_t build(u8_t *frame, int number, const struct wanted *w)
{
  const struct slot *s = &slots[number];
  const ip_addr_t *from = remote_address(number);
  int v6 = IP_IS_V6(from);
  size_t header = v6 ? 40 : 20, tcp_len = 20 + w->options_len + w->len, i;
  u8_t *tcp = frame + header;

  memset(frame, 0, header + 20);
  if (v6) {
#if LWIP_IPV6
    frame[0] = 0x60, put16(frame + 4, (u32_t)tcp_len), frame[6] = IP_PROTO_TCP, frame[7] = 64;
    memcpy(frame + 8, ip_2_ip6(from)->addr, 16);
    memcpy(frame + 24, ip_2_ip6(local_address(number))->addr, 16);
#endif
  } else {
    u32_t source = ip4_addr_get_u32(ip_2_ip4(from)), dest = ip4_addr_get_u32(ip_2_ip4(local_address(number)));

    frame[0] = 0x45, frame[8] = 64, frame[9] = IP_PROTO_TCP;
    memcpy(frame + 12, &source, 4);
    memcpy(frame + 16, &dest, 4);
    frame[19] = w->to_broadcast ? 255 : frame[19];
  }
  put16(tcp, (u32_t)(FIRST_PORT + number)), put16(tcp + 2, w->dport);
  put32(tcp + 4, w->seq), put32(tcp + 8, w->ack);
  tcp[12] = (u8_t)((w->offset >= 0 ? w->offset : (int)(20 + w->options_len) / 4) << 4), tcp[13] = (u8_t)w->flags;
  put16(tcp + 14, w->win), put16(tcp + 18, w->urg);
  memcpy(tcp + 20, w->options, w->options_len);
  for (i = 0; i < w->len; i++) {
    u32_t place = w->seq - s->irs - 1 + (u32_t)i;

    tcp[20 + w->options_len + i] = (u8_t)(incoming[(place + 31u * (u32_t)number) % PATTERN_LEN] ^ w->scramble);
  }
  if (w->cut >= 0 && (size_t)w->cut < tcp_len) {
    tcp_len = (size_t)w->cut;
    if (v6) {
      put16(frame + 4, (u32_t)tcp_len);
    }
  }
  if (!v6) {
    put16(frame + 2, (u32_t)(header + tcp_len));
    put16(frame + 10, fold(sum_bytes(frame, 20, 0)));
  }
  if (tcp_len >= 20) {
    put16(tcp + 16, tcp_sum(frame, tcp, tcp_len) ^ (w->bad_checksum ? 0x1234 : 0));
  }
  return header + tcp_len;
}

/* "split=10,3" cuts the TCP segment after 10 and after 3 more bytes into a chain of pbufs. */
static struct pbuf *to_pbufs(const u8_t *frame, size_t total, const char *split)
{
  struct pbuf *head = NULL;
  size_t at = 0, header = frame[0] >> 4 == 6 ? 40 : 20;

  while (at < total) {
    size_t part = total - at;
    struct pbuf *p;

    if (split != NULL && *split) {
      char *rest = NULL;
      size_t want = strtoul(split, &rest, 10) + (at == 0 ? header : 0);

      part = want == 0 || want > part ? part : want;
      split = *rest == ',' ? rest + 1 : NULL;
    }
    p = pbuf_alloc(PBUF_RAW, (u16_t)part, PBUF_POOL);
    if (p == NULL) {
      if (head != NULL) {
        pbuf_free(head);
      }
      return NULL;
    }
    pbuf_take(p, frame + at, (u16_t)part);
    at += part;
    if (head == NULL) {
      head = p;
    } else {
      pbuf_cat(head, p);
    }
  }
  return head;
}

/* "seg SLOT FLAGS SEQ ACK WIN LEN key=value…", SEQ and ACK relative to the initial sequence numbers. */
void inject(char **argv, int argc)
{
  static u8_t frame[FRAME_MAX];
  struct wanted w;
  struct pbuf *p;
  size_t total;
  int s, i;

  if (argc < 7) {
    printf("error seg\n");
    return;
  }
  memset(&w, 0, sizeof(w));
  s = atoi(argv[1]) % SLOTS;
  w.flags = flags_of(argv[2]);
  w.seq = slots[s].irs + (u32_t)strtol(argv[3], NULL, 10);
  w.ack = w.flags & 16 ? slots[s].iss + (u32_t)strtol(argv[4], NULL, 10) : 0;
  w.win = (u16_t)strtoul(argv[5], NULL, 10), w.len = (u16_t)LWIP_MIN(strtoul(argv[6], NULL, 10), 2000);
  w.offset = -1, w.cut = -1, w.dport = slots[s].local_port;
  for (i = 7; i < argc; i++) {
    char *value = strchr(argv[i], '=');
    int number = value != NULL ? atoi(value + 1) : 0;

    if (value == NULL) {
      continue;
    }
    *value++ = 0;
    if (!strcmp(argv[i], "opts")) {
      parse_options(&w, value, slots[s].iss);
    } else if (!strcmp(argv[i], "split")) {
      w.split = value;
    } else if (!strcmp(argv[i], "dport")) {
      slots[s].local_port = w.dport = (u16_t)number;
    } else if (!strcmp(argv[i], "off")) {
      w.offset = number & 15;
    } else if (!strcmp(argv[i], "cut")) {
      w.cut = number;
    } else if (!strcmp(argv[i], "x")) {
      w.scramble = number;
    } else if (!strcmp(argv[i], "ck")) {
      w.bad_checksum = 1;
    } else if (!strcmp(argv[i], "urg")) {
      w.urg = (u16_t)number;
    } else if (!strcmp(argv[i], "bcast")) {
      w.to_broadcast = 1;
    } else if (!strcmp(argv[i], "netif")) {
      w.wrong_netif = 1;
    }
  }
  total = build(frame, s, &w);
  p = to_pbufs(frame, total, w.split);
  if (p == NULL) {
    printf("in nomem\n");
    return;
  }
  {
    struct netif *netif = &netifs[netif_of(s) ^ w.wrong_netif];

    if (netif->input(p, netif) != ERR_OK) {
      pbuf_free(p);
    }
  }
}
