/* One page (HTTP/1.0, port 80) with the board's state; whatever is asked for. */
#include "firmware.h"

#include "lwip/pbuf.h"
#include "lwip/tcp.h"

#include <stdint.h>

#define HTTP_PORT 80
#define PAGE_MAX 4096
#define POLL_INTERVAL 2

static const char header[] = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n";
static const char end_of_request[] = "\r\n\r\n";

struct page {
  size_t length;
  char text[PAGE_MAX];
};

/* One page is made at a time, and tcp_write copies it. */
static struct page page;

static void page_line(void *context, const char *format, ...)
{
  struct page *to = (struct page *)context;
  va_list arguments;
  va_start(arguments, format);
  size_t length = format_text(to->text + to->length, sizeof to->text - to->length, format, arguments);
  va_end(arguments);
  to->length = LWIP_MIN(to->length + length, sizeof to->text - 1);
}

static err_t answer(void *arg, struct tcp_pcb *pcb)
{
  LWIP_UNUSED_ARG(arg);
  page.length = 0;
  page_line(&page, "%s", header);
  status_print(page_line, &page);
  status_print_pools(page_line, &page);
  /* No room: the poll callback tries again. */
  if (tcp_sndbuf(pcb) < page.length || tcp_write(pcb, page.text, (u16_t)page.length, TCP_WRITE_FLAG_COPY) != ERR_OK) {
    tcp_poll(pcb, answer, POLL_INTERVAL);
    return ERR_OK;
  }
  tcp_recv(pcb, NULL);
  tcp_poll(pcb, NULL, 0);
  if (tcp_close(pcb) != ERR_OK) {
    tcp_abort(pcb);
    return ERR_ABRT;
  }
  return ERR_OK;
}

/* The argument counts how much of the blank line that ends a request has been seen. */
static err_t received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  uintptr_t seen = (uintptr_t)arg;
  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    if (tcp_close(pcb) != ERR_OK) {
      tcp_abort(pcb);
      return ERR_ABRT;
    }
    return ERR_OK;
  }
  for (u16_t i = 0; i < p->tot_len && seen < sizeof end_of_request - 1; i++) {
    char c = (char)pbuf_get_at(p, i);
    seen = c == end_of_request[seen] ? seen + 1 : c == end_of_request[0];
  }
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  tcp_arg(pcb, (void *)seen);
  return seen == sizeof end_of_request - 1 ? answer(NULL, pcb) : ERR_OK;
}

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (err != ERR_OK || pcb == NULL) {
    return ERR_VAL;
  }
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, received);
  return ERR_OK;
}

void http_start(void)
{
  struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
  if (pcb != NULL && tcp_bind(pcb, IP_ANY_TYPE, HTTP_PORT) == ERR_OK) {
    struct tcp_pcb *listening = tcp_listen(pcb);
    if (listening != NULL) {
      tcp_accept(listening, accepted);
      return;
    }
  }
  console_printf("port %u: cannot listen\n", (unsigned)HTTP_PORT);
}
