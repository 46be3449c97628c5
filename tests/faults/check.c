/* What must hold of the PCB lists and of each PCB between any two events. */
#include <stdio.h>
#include <string.h>

#include "vnet.h"
#include "lwip/stats.h"
#include "lwip/priv/tcp_priv.h"

static char why[200];
static unsigned runs;

#define REQUIRE(cond, ...) \
  do { \
    if (!(cond)) { \
      snprintf(why, sizeof why, __VA_ARGS__); \
      return why; \
    } \
  } while (0)

unsigned check_count(void) { return runs; }

static u32_t seg_seq(const struct tcp_seg *seg) { return lwip_ntohl(seg->tcphdr->seqno); }

static const char *check_seg(const struct tcp_seg *seg, const char *queue)
{
  const struct pbuf *p = seg->p;
  u32_t header, total = 0;
  unsigned guard = 0;
  REQUIRE(p != NULL && seg->tcphdr != NULL, "%s: segment without pbuf", queue);
  header = (u32_t)((const u8_t *)seg->tcphdr - (const u8_t *)p->payload);
  REQUIRE(header <= 60, "%s: TCP header outside its pbuf", queue);
  header += TCPH_HDRLEN_BYTES(seg->tcphdr);
  REQUIRE(p->tot_len == header + seg->len, "%s: %u octets in the pbuf, %u + %u expected",
          queue, p->tot_len, (unsigned)header, seg->len);
  for (; p != NULL; p = p->next) {
    REQUIRE(p->ref >= 1, "%s: freed pbuf in a segment", queue);
    REQUIRE(++guard < 200 + TCP_SND_QUEUELEN, "%s: pbuf chain has no end", queue);
    total += p->len;
  }
  REQUIRE(total == seg->p->tot_len, "%s: tot_len %u, sum %u", queue, seg->p->tot_len,
          (unsigned)total);
  return NULL;
}

struct sums {
  u32_t clen;
  u32_t data;
  u32_t segs;
};

static const char *check_queue(const struct tcp_seg *seg, const char *name, struct sums *s)
{
  u32_t end = 0;
  int first = 1;
  unsigned guard = 0;
  for (; seg != NULL; seg = seg->next) {
    const char *bad = check_seg(seg, name);
    if (bad != NULL) {
      return bad;
    }
    REQUIRE(++guard < 1000 + TCP_SND_QUEUELEN, "%s: queue has no end", name);
    REQUIRE(first || !TCP_SEQ_LT(seg_seq(seg), end), "%s: out of sequence order", name);
    first = 0;
    end = seg_seq(seg) + TCP_TCPLEN(seg);
    s->clen += pbuf_clen(seg->p);
    s->data += seg->len;
    s->segs++;
  }
  return NULL;
}

/* The two queues together are the octets from SND.UNA to SND.LBB, no hole and
 * no overlap, whichever of them a retransmission put a segment on. */
static const char *check_send_cover(const struct tcp_pcb *pcb)
{
  const struct tcp_seg *a = pcb->unacked, *b = pcb->unsent;
  u32_t at = 0;
  int first = 1, fin = 0;
  while (a != NULL || b != NULL) {
    const struct tcp_seg **from = &a;
    const struct tcp_seg *seg;
    if (a == NULL || (b != NULL && TCP_SEQ_LT(seg_seq(b), seg_seq(a)))) {
      from = &b;
    }
    seg = *from;
    if (first) {
      REQUIRE(TCP_SEQ_LEQ(seg_seq(seg), pcb->lastack + 1),
              "send queues start %u past SND.UNA", (unsigned)(seg_seq(seg) - pcb->lastack));
    } else {
      REQUIRE(seg_seq(seg) == at, "hole or overlap in the send queues");
    }
    first = 0;
    at = seg_seq(seg) + TCP_TCPLEN(seg);
    fin = (TCPH_FLAGS(seg->tcphdr) & TCP_FIN) != 0;
    *from = seg->next;
  }
  if (!first) {
    /* C does not count a FIN that it puts on the last data segment. */
    REQUIRE(at == pcb->snd_lbb || (fin && at == pcb->snd_lbb + 1),
            "send queues end %d octets off SND.LBB", (int)(at - pcb->snd_lbb));
  }
  return NULL;
}

static const char *check_send(const struct tcp_pcb *pcb)
{
  struct sums s;
  u32_t queued, used;
  const char *bad;
  memset(&s, 0, sizeof s);
  if ((bad = check_queue(pcb->unacked, "unacked", &s)) != NULL ||
      (bad = check_queue(pcb->unsent, "unsent", &s)) != NULL ||
      (bad = check_send_cover(pcb)) != NULL) {
    return bad;
  }
  REQUIRE(s.clen == pcb->snd_queuelen, "snd_queuelen %u, pbufs queued %u",
          pcb->snd_queuelen, (unsigned)s.clen);
  /* A segment goes when its last octet is acknowledged, and SYN and FIN take
   * no buffer: so the space in use lies between what SND.UNA says and what the
   * segments hold. */
  queued = s.segs == 0 ? 0 : pcb->snd_lbb - pcb->lastack;
  used = (u32_t)TCP_SND_BUF - pcb->snd_buf;
  REQUIRE(pcb->snd_buf <= TCP_SND_BUF, "snd_buf %u above TCP_SND_BUF", (unsigned)pcb->snd_buf);
  REQUIRE(used <= s.data, "snd_buf %u with %u octets queued", (unsigned)pcb->snd_buf,
          (unsigned)s.data);
  REQUIRE(used + 2 >= queued, "snd_buf %u with %u octets unacknowledged",
          (unsigned)pcb->snd_buf, (unsigned)queued);
  REQUIRE(TCP_SEQ_LEQ(pcb->snd_nxt, pcb->snd_lbb + 1), "SND.NXT past SND.LBB");
#if TCP_OVERSIZE
  REQUIRE(pcb->unsent != NULL || pcb->unsent_oversize == 0, "oversize of no segment");
#endif
  REQUIRE(pcb->cwnd > 0, "cwnd is 0");
  REQUIRE(pcb->mss > 0, "mss is 0");
  return NULL;
}

static const char *check_ooseq(const struct tcp_pcb *pcb)
{
  const struct tcp_seg *seg;
  u32_t end = pcb->rcv_nxt;
  unsigned guard = 0;
  for (seg = pcb->ooseq; seg != NULL; seg = seg->next) {
    REQUIRE(++guard < 1000, "ooseq has no end");
    REQUIRE(seg->p != NULL, "ooseq segment without pbuf");
    REQUIRE(seg->p->ref >= 1, "freed pbuf on ooseq");
    /* lwIP turns the header of a queued segment to host order */
    REQUIRE(TCP_SEQ_GEQ(seg->tcphdr->seqno, end),
            "ooseq out of order or overlapping: segment %u of %u octets is %d before its place",
            guard, seg->len, (int)(end - seg->tcphdr->seqno));
    REQUIRE(seg->p->tot_len == seg->len, "ooseq pbuf %u, len %u", seg->p->tot_len, seg->len);
    end = seg->tcphdr->seqno + TCP_TCPLEN(seg);
  }
  return NULL;
}

static const char *check_receive(const struct tcp_pcb *pcb)
{
  REQUIRE(pcb->rcv_wnd <= TCP_WND_MAX(pcb), "rcv_wnd %u", (unsigned)pcb->rcv_wnd);
  REQUIRE(pcb->rcv_ann_wnd <= TCP_WND_MAX(pcb), "rcv_ann_wnd %u", (unsigned)pcb->rcv_ann_wnd);
  if (pcb->refused_data != NULL) {
    REQUIRE(pcb->refused_data->ref >= 1, "freed refused data");
  }
  return check_ooseq(pcb);
}

static const char *check_pcb(const struct tcp_pcb *pcb)
{
  const char *bad = check_send(pcb);
  return bad != NULL ? bad : check_receive(pcb);
}

static unsigned list_length(const struct tcp_pcb *pcb)
{
  unsigned n = 0;
  for (; pcb != NULL && n < 100000; pcb = pcb->next) {
    n++;
  }
  return n;
}

int check_pcb_on_list(const struct tcp_pcb *wanted)
{
  int i;
  for (i = 0; i < NUM_TCP_PCB_LISTS; i++) {
    const struct tcp_pcb *pcb;
    for (pcb = *tcp_pcb_lists[i]; pcb != NULL; pcb = pcb->next) {
      if (pcb == wanted) {
        return 1;
      }
    }
  }
  return 0;
}

static const char *check_lists(void)
{
  const struct tcp_pcb *pcb;
  int i;
  for (i = 0; i < NUM_TCP_PCB_LISTS; i++) {
    REQUIRE(list_length(*tcp_pcb_lists[i]) < 100000, "a PCB list has no end");
  }
  for (pcb = tcp_bound_pcbs; pcb != NULL; pcb = pcb->next) {
    REQUIRE(pcb->state == CLOSED, "bound PCB in state %d", pcb->state);
  }
  for (pcb = tcp_listen_pcbs.pcbs; pcb != NULL; pcb = pcb->next) {
    REQUIRE(pcb->state == LISTEN, "listening PCB in state %d", pcb->state);
  }
  for (pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) {
    REQUIRE(pcb->state == TIME_WAIT, "TIME-WAIT PCB in state %d", pcb->state);
  }
  for (pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
    REQUIRE(pcb->state >= SYN_SENT && pcb->state < TIME_WAIT,
            "active PCB in state %d", pcb->state);
  }
  return NULL;
}

/* The pools know how many PCBs are out; the lists must not hold more. */
static const char *check_pools(void)
{
  unsigned n = list_length(tcp_bound_pcbs) + list_length(tcp_active_pcbs) +
               list_length(tcp_tw_pcbs);
  REQUIRE(n <= MEMP_NUM_TCP_PCB, "%u PCBs, MEMP_NUM_TCP_PCB is %d", n, MEMP_NUM_TCP_PCB);
#if !MEMP_MEM_MALLOC
  REQUIRE(n <= lwip_stats.memp[MEMP_TCP_PCB]->used, "a freed PCB is on a list");
#endif
  return NULL;
}

const char *check_all(void)
{
  const struct tcp_pcb *pcb;
  const char *bad = check_lists();
  runs++;
  if (bad == NULL) {
    bad = check_pools();
  }
  for (pcb = tcp_active_pcbs; bad == NULL && pcb != NULL; pcb = pcb->next) {
    bad = check_pcb(pcb);
    if (bad != NULL && bad == why) {
      size_t n = strlen(why);
      snprintf(why + n, sizeof why - n, " [%s, ports %u-%u]", tcp_debug_state_str(pcb->state),
               pcb->local_port, pcb->remote_port);
    }
  }
  for (pcb = tcp_tw_pcbs; bad == NULL && pcb != NULL; pcb = pcb->next) {
    REQUIRE(pcb->unsent == NULL && pcb->unacked == NULL && pcb->ooseq == NULL,
            "TIME-WAIT PCB with segments queued");
  }
  return bad;
}

void usage_take(struct usage *u)
{
  memset(u, 0, sizeof *u);
#if !MEMP_MEM_MALLOC
  {
    int i;
    for (i = 0; i < MEMP_MAX; i++) {
      u->pool[i] = lwip_stats.memp[i]->used;
    }
  }
#endif
  u->mem = lwip_stats.mem.used;
  u->rx = vnet.rx_live;
}

const char *usage_compare(const struct usage *before)
{
  struct usage now;
  int i;
  usage_take(&now);
  for (i = 0; i < MEMP_MAX; i++) {
    REQUIRE(now.pool[i] == before->pool[i], "leak: pool %d (%s) %u in use, %u before", i,
            i == MEMP_TCP_PCB ? "TCP_PCB" : i == MEMP_TCP_SEG ? "TCP_SEG" :
            i == MEMP_TCP_PCB_LISTEN ? "TCP_PCB_LISTEN" : i == MEMP_PBUF ? "PBUF" :
            i == MEMP_PBUF_POOL ? "PBUF_POOL" : "other",
            (unsigned)now.pool[i], (unsigned)before->pool[i]);
  }
  REQUIRE(now.mem == before->mem, "leak: heap %u octets in use, %u before",
          (unsigned)now.mem, (unsigned)before->mem);
  REQUIRE(now.rx == before->rx, "leak: %u received pbufs kept, %u before",
          (unsigned)now.rx, (unsigned)before->rx);
  return NULL;
}
