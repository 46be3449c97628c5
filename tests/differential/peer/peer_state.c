/*
 * What can be seen of lwIP after a step: PCBs, queues, pools, counters.
 */
#include <stdio.h>
#include <string.h>

#include "lwip/memp.h"
#include "lwip/stats.h"
#include "peer.h"

#ifndef LWIP_TCP_RTO_TIME
#define LWIP_TCP_RTO_TIME 3000 /* lwIP 2.1 has no name for it */
#endif

static const char *const state_names[] = {"CLOSED",     "LISTEN",     "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1",
                                          "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING",  "LAST_ACK", "TIME_WAIT"};

static void print_flags(u16_t flags)
{
  static const char *const names[] = {"DELAY", "NOW",  "INFR",    "CLOSEPEND", "RXCLOSED", "FIN", "NODELAY",
                                      "NAGLE", "WS",   "BACKLOG", "TS",        "RTO",      "SACK"};
  const char *separator = "";
  size_t i;

  printf(" flags=");
  for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (flags & (1u << i)) {
      printf("%s%s", separator, names[i]);
      separator = "|";
    }
  }
}

/* Both send queues are in network order once queued; ooseq is in host order. */
static void print_queue(const char *name, const struct tcp_seg *seg, u32_t base, int network_order)
{
  const char *separator = "";

  printf(" %s=", name);
  for (; seg != NULL; seg = seg->next) {
    u32_t seq = network_order ? lwip_ntohl(seg->tcphdr->seqno) : seg->tcphdr->seqno;

    printf("%s%d+%u", separator, (int)(seq - base), seg->len);
    if (TCPH_FLAGS(seg->tcphdr) & TCP_SYN) {
      printf("S");
    }
    if (TCPH_FLAGS(seg->tcphdr) & TCP_FIN) {
      printf("F");
    }
    separator = ",";
  }
}

/*
 * Whether a round trip was measured in this step. The two cores draw different conclusions from the first one (RFC 6298
 * 2.2), and from then on no timer would expire at the same tick: so each measurement is noted, and forgotten. Backoff stays.
 */
static int level_estimate(struct tcp_pcb *pcb)
{
  const s16_t initial = LWIP_TCP_RTO_TIME / TCP_SLOW_INTERVAL;

  if (pcb->sa == 0 && pcb->sv == initial) {
    return 0;
  }
  pcb->sa = 0;
  pcb->sv = initial;
  pcb->rto = initial;
  return 1;
}

static void print_timers(struct tcp_pcb *pcb, u32_t iss)
{
  int measured = level_estimate(pcb);

  printf(" rto=%d nrtx=%u dup=%u rtime=%d rtt=%d rttest=%u rtseq=%d", pcb->rto, pcb->nrtx, pcb->dupacks, pcb->rtime,
         measured, (unsigned)(pcb->rttest ? tcp_ticks - pcb->rttest + 1 : 0),
         pcb->rttest ? (int)(pcb->rtseq - iss) : 0);
  printf(" tmr=%u poll=%u/%u persist=%u/%u/%u keep=%u rtoend=%d", (unsigned)(tcp_ticks - pcb->tmr), pcb->polltmr,
         pcb->pollinterval, pcb->persist_cnt, pcb->persist_backoff, pcb->persist_probe, pcb->keep_cnt_sent,
         pcb->flags & TF_RTO ? (int)(pcb->rto_end - iss) : 0);
}

static void print_options(const struct tcp_pcb *pcb, u32_t irs)
{
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(irs);
#if PEER_ZONES
  if (IP_IS_V6_VAL(pcb->remote_ip)) {
    printf(" zones=%u/%u", ip6_addr_zone(ip_2_ip6(&pcb->local_ip)), ip6_addr_zone(ip_2_ip6(&pcb->remote_ip)));
  }
#endif
#if LWIP_WND_SCALE
  printf(" scale=%u/%u", pcb->snd_scale, pcb->rcv_scale);
#endif
#if LWIP_TCP_TIMESTAMPS
  printf(" tsrecent=%u tslast=%d", (unsigned)pcb->ts_recent, (int)(pcb->ts_lastacksent ? pcb->ts_lastacksent - irs : 0));
#endif
#if LWIP_TCP_SACK_OUT
  {
    int i;

    printf(" sacks=");
    for (i = 0; i < LWIP_TCP_MAX_SACK_NUM && LWIP_TCP_SACK_VALID(pcb, i); i++) {
      printf("%d-%d,", (int)(pcb->rcv_sacks[i].left - irs), (int)(pcb->rcv_sacks[i].right - irs));
    }
  }
#endif
}

static void print_pcb(struct tcp_pcb *pcb, int s)
{
  u32_t iss = slots[s].iss, irs = slots[s].irs;

  printf("pcb %d %s lport=%s prio=%u", s, state_names[pcb->state], port_name(pcb->local_port), pcb->prio);
  if (pcb->state == CLOSED) {
    printf("\n");
    return;
  }
  printf(" rcv_nxt=%d rcv_wnd=%u ann=%u edge=%d", (int)(pcb->rcv_nxt - irs), (unsigned)pcb->rcv_wnd,
         (unsigned)pcb->rcv_ann_wnd, (int)(pcb->rcv_ann_right_edge - irs));
  print_flags(pcb->flags);
  if (pcb->state == TIME_WAIT) {
    printf(" tmr=%u snd_nxt=%d\n", (unsigned)(tcp_ticks - pcb->tmr), (int)(pcb->snd_nxt - iss));
    return;
  }
  printf(" una=%d nxt=%d lbb=%d swnd=%u/%u wl=%d/%d", (int)(pcb->lastack - iss), (int)(pcb->snd_nxt - iss),
         (int)(pcb->snd_lbb - iss), (unsigned)pcb->snd_wnd, (unsigned)pcb->snd_wnd_max, (int)(pcb->snd_wl1 - irs),
         (int)(pcb->snd_wl2 - iss));
  printf(" mss=%u cwnd=%u ssthresh=%u acked=%u buf=%u qlen=%u", pcb->mss, (unsigned)pcb->cwnd, (unsigned)pcb->ssthresh,
         (unsigned)pcb->bytes_acked, (unsigned)pcb->snd_buf, pcb->snd_queuelen);
#if TCP_OVERSIZE
  printf(" over=%u", pcb->unsent_oversize);
#endif
  print_timers(pcb, iss);
  print_options(pcb, irs);
  print_queue("unsent", pcb->unsent, iss, 1);
  print_queue("unacked", pcb->unacked, iss, 1);
#if TCP_QUEUE_OOSEQ
  print_queue("ooseq", pcb->ooseq, irs, 0);
#endif
  printf(" refused=%d/%x\n", pcb->refused_data != NULL ? pcb->refused_data->tot_len : -1,
         pcb->refused_data != NULL ? pcb->refused_data->flags & PBUF_FLAG_TCP_FIN : 0);
}

static void print_list(const char *name, struct tcp_pcb *list)
{
  struct tcp_pcb *pcb;
  int s, unknown = 0;

  /* The order of the lists is no part of the contract: by slot. */
  for (s = 0; s < SLOTS; s++) {
    for (pcb = list; pcb != NULL; pcb = pcb->next) {
      if (slot_of_port(pcb->remote_port) == s) {
        print_pcb(pcb, s);
      }
    }
  }
  for (pcb = list; pcb != NULL; pcb = pcb->next) {
    unknown += slot_of_port(pcb->remote_port) < 0;
  }
  if (unknown) {
    printf("list %s others=%d\n", name, unknown);
  }
}

static void print_listeners(void)
{
  struct tcp_pcb_listen *pcb;
  u32_t port;

  for (port = 80; port < 80 + LISTENERS; port++) {
    for (pcb = tcp_listen_pcbs.listen_pcbs; pcb != NULL; pcb = pcb->next) {
      if (pcb->local_port == port) {
        printf("listen %u prio=%u", (unsigned)port, pcb->prio);
#if TCP_LISTEN_BACKLOG
        printf(" backlog=%u pending=%u", pcb->backlog, pcb->accepts_pending);
#endif
        printf("\n");
      }
    }
  }
}

#ifdef PEER_MUTATE_DEEP
/* Proof of the harness: a core that errs by one byte, and only where two things come together. */
static void mutate(void)
{
  struct tcp_pcb *pcb;

  for (pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
    if (pcb->persist_backoff > 0 && pcb->state != ESTABLISHED) {
      pcb->ssthresh++;
    }
  }
}
#endif

void print_state(void)
{
  const struct stats_proto *tcp = &lwip_stats.tcp;
  const struct stats_mib2 *mib = &lwip_stats.mib2;

#ifdef PEER_MUTATE_DEEP
  mutate();
#endif
  print_list("bound", tcp_bound_pcbs);
  print_list("active", tcp_active_pcbs);
  print_list("tw", tcp_tw_pcbs);
  print_listeners();
#if MEMP_STATS
  printf("pool pcb=%u listen=%u seg=%u pbuf=%u pool=%u heap=%d\n", memp_pools[MEMP_TCP_PCB]->stats->used,
         memp_pools[MEMP_TCP_PCB_LISTEN]->stats->used, memp_pools[MEMP_TCP_SEG]->stats->used,
         memp_pools[MEMP_PBUF]->stats->used, memp_pools[MEMP_PBUF_POOL]->stats->used, (int)lwip_stats.mem.used);
#endif
  printf("stats xmit=%u recv=%u drop=%u chkerr=%u lenerr=%u memerr=%u rterr=%u proterr=%u\n", tcp->xmit, tcp->recv,
         tcp->drop, tcp->chkerr, tcp->lenerr, tcp->memerr, tcp->rterr, tcp->proterr);
  printf("mib active=%u passive=%u fails=%u estabresets=%u out=%u retrans=%u in=%u inerrs=%u outrsts=%u\n",
         (unsigned)mib->tcpactiveopens, (unsigned)mib->tcppassiveopens, (unsigned)mib->tcpattemptfails,
         (unsigned)mib->tcpestabresets, (unsigned)mib->tcpoutsegs, (unsigned)mib->tcpretranssegs, (unsigned)mib->tcpinsegs,
         (unsigned)mib->tcpinerrs, (unsigned)mib->tcpoutrsts);
}
