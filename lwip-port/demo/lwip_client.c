#include "lwip_client.h"

#include <stdio.h>

#include "lwip/tcp.h"
#include "lwip/timeouts.h"

#define POLL_TICKS 1

struct step {
  const char *name;
  int ipv6;
};

static const struct step steps[] = {{"page", 0}, {"echo", 0}, {"download", 0}, {"upload", 0},
                                    {"page", 1}, {"echo", 1}, {"download", 1}, {"upload", 1}};

static struct {
  unsigned step;
  uint64_t bytes;
  const struct transfer_files *files;
  void (*when_done)(int status);
  struct transfer transfer;
  int shut; /* our FIN is queued */
  char echo_out[512];
} run;

static void start_step(void *unused);

static void detach(struct tcp_pcb *pcb)
{
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_poll(pcb, NULL, 0);
  tcp_err(pcb, NULL);
}

/* The next one starts from a timer, not from within this one's callback. */
static void step_ended(void)
{
  int status;

  run.transfer.ended = seconds_now();
  status = transfer_report(&run.transfer, steps[run.step].ipv6 ? " IPv6" : " IPv4");
  transfer_free(&run.transfer);
  run.step++;
  if (status != 0 || run.step == sizeof(steps) / sizeof(steps[0])) {
    run.when_done(status);
    return;
  }
  sys_timeout(0, start_step, NULL);
}

static err_t end_by_abort(struct tcp_pcb *pcb)
{
  detach(pcb);
  tcp_abort(pcb);
  step_ended();
  return ERR_ABRT;
}

static err_t end_by_close(struct tcp_pcb *pcb)
{
  detach(pcb);
  if (tcp_close(pcb) != ERR_OK) {
    tcp_abort(pcb);
    step_ended();
    return ERR_ABRT;
  }
  step_ended();
  return ERR_OK;
}

static err_t push(struct tcp_pcb *pcb)
{
  while (!transfer_all_sent(&run.transfer)) {
    size_t len;
    const void *data = transfer_next(&run.transfer, &len);
    err_t err;

    len = LWIP_MIN(len, LWIP_MIN((size_t)tcp_sndbuf(pcb), 0xffffU));
    if (len == 0) {
      return ERR_OK;
    }
    /* The bytes stay where they are until the transfer is over, which is not before all are acknowledged. */
    err = tcp_write(pcb, data, (u16_t)len, 0);
    if (err == ERR_MEM) {
      return ERR_OK;
    }
    if (err != ERR_OK) {
      transfer_fail(&run.transfer, "tcp_write: error %d", err);
      return end_by_abort(pcb);
    }
    run.transfer.sent += len;
  }
  if (run.transfer.ends_with_eof && !run.shut) {
    run.shut = tcp_shutdown(pcb, 0, 1) == ERR_OK;
  }
  return ERR_OK;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  const struct pbuf *q;
  int good = 1;

  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    if (run.transfer.to_receive != TRANSFER_UNTIL_EOF && !transfer_all_received(&run.transfer)) {
      transfer_fail(&run.transfer, "the server closed too early");
    }
    return end_by_close(pcb);
  }
  for (q = p; q != NULL && good; q = q->next) {
    good = transfer_take(&run.transfer, q->payload, q->len);
  }
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  if (!good || (transfer_all_received(&run.transfer) && !run.transfer.ends_with_eof)) {
    return end_by_abort(pcb);
  }
  return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(len);
  return push(pcb);
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
  LWIP_UNUSED_ARG(arg);
  return push(pcb);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  return push(pcb);
}

static void on_err(void *arg, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  transfer_fail(&run.transfer, "the connection ended with error %d", err);
  step_ended();
}

static void start_step(void *unused)
{
  const struct step *step = &steps[run.step];
  struct tcp_pcb *pcb;
  ip_addr_t address;
  err_t err;

  struct transfer_files files = *run.files;

  LWIP_UNUSED_ARG(unused);
  run.shut = 0;
  /* A file for each family, so that both can be compared afterwards. */
  snprintf(run.echo_out, sizeof(run.echo_out), "%s.%s", run.files->echo_out, step->ipv6 ? "IPv6" : "IPv4");
  files.echo_out = run.echo_out;
  if (transfer_prepare(&run.transfer, step->name, run.bytes, &files) != 0) {
    transfer_free(&run.transfer);
    run.when_done(1);
    return;
  }
  run.transfer.started = seconds_now();
  pcb = tcp_new_ip_type(step->ipv6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
  if (pcb == NULL) {
    transfer_fail(&run.transfer, "no pcb");
    step_ended();
    return;
  }
  tcp_recv(pcb, on_recv);
  tcp_sent(pcb, on_sent);
  tcp_poll(pcb, on_poll, POLL_TICKS);
  tcp_err(pcb, on_err);
  if (step->ipv6) {
    ip_addr_set_loopback(1, &address);
  } else {
    ip_addr_set_loopback(0, &address);
  }
  err = tcp_connect(pcb, &address, run.transfer.port, on_connected);
  if (err != ERR_OK) {
    transfer_fail(&run.transfer, "tcp_connect: error %d", err);
    detach(pcb);
    tcp_abort(pcb);
    step_ended();
  }
}

void lwip_clients_start(uint64_t bytes, const struct transfer_files *files, void (*when_done)(int status))
{
  run.bytes = bytes;
  run.files = files;
  run.when_done = when_done;
  sys_timeout(0, start_step, NULL);
}
