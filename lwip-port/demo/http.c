/*
 * HTTP/1.1, as much as a page needs: GET and HEAD, connections kept for further requests.
 *   /           the page
 *   /info.json  this connection's figures and the stack's
 *   /figures    the stack's, a line "key value" each, for scripts
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "facts.h"
#include "page.h"
#include "services.h"

#define REQUEST_MAX 4096
#define BODY_MAX (24 * 1024)
#define HEADER_MAX 512

struct http {
  char request[REQUEST_MAX + 1];
  size_t request_len;
  char *response;
  size_t response_len, written;
  unsigned last : 1; /* close after this response */
};

struct text {
  char *at;
  size_t len, max;
};

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *text, const char *format, ...)
{
  va_list arguments;
  int len;

  va_start(arguments, format);
  len = vsnprintf(text->at + text->len, text->max - text->len, format, arguments);
  va_end(arguments);
  if (len > 0) {
    text->len = LWIP_MIN(text->len + (size_t)len, text->max - 1);
  }
}

static void put_rows(struct text *body, const struct fact *facts, size_t count)
{
  size_t i;

  for (i = 0; i < count; i++) {
    put(body, "<tr><th>%s</th><td id=\"%s\">%s</td></tr>\n", facts[i].label, facts[i].key, facts[i].value);
  }
}

static void page(struct text *body, const struct tcp_pcb *pcb)
{
  struct fact facts[FACTS_MAX];

  put(body, page_head, DEMO_RUST_TCP ? "rust" : "c", tcp_name(), DEMO_RUST_TCP ? page_about_rust : page_about_c);
  put_rows(body, facts, facts_of_connection(pcb, facts, FACTS_MAX));
  put(body, "%s", page_between);
  put_rows(body, facts, facts_of_stack(facts, FACTS_MAX));
  put(body, "%s", page_tail);
}

static void json_members(struct text *body, const struct fact *facts, size_t count)
{
  size_t i;

  for (i = 0; i < count; i++) {
    put(body, "%s\n    \"%s\": \"%s\"", i == 0 ? "" : ",", facts[i].key, facts[i].value);
  }
}

static void info_json(struct text *body, const struct tcp_pcb *pcb)
{
  struct fact facts[FACTS_MAX];

  put(body, "{\n  \"tcp\": \"%s\",\n  \"connection\": {", tcp_name());
  json_members(body, facts, facts_of_connection(pcb, facts, FACTS_MAX));
  put(body, "\n  },\n  \"stack\": {");
  json_members(body, facts, facts_of_stack(facts, FACTS_MAX));
  put(body, "\n  }\n}\n");
}

static void figures(struct text *body)
{
  struct fact facts[FACTS_MAX];
  size_t i, count = facts_of_stack(facts, FACTS_MAX);

  for (i = 0; i < count; i++) {
    put(body, "%s %s\n", facts[i].key, facts[i].value);
  }
}

/* Whether a header line "name: ...value..." is there. */
static int header_has(const char *request, const char *name, const char *value)
{
  const char *line;

  for (line = strstr(request, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
    size_t len;

    line += 2;
    len = strlen(name);
    if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
      const char *end = strstr(line, "\r\n");

      for (line += len; line < end; line++) {
        if (strncasecmp(line, value, strlen(value)) == 0) {
          return 1;
        }
      }
    }
  }
  return 0;
}

/* The body of a GET; returns the status line's end and sets the type. */
static const char *get(const char *target, struct text *body, const struct tcp_pcb *pcb, const char **type)
{
  if (strcmp(target, "/") == 0) {
    *type = "text/html; charset=utf-8";
    page(body, pcb);
    return "200 OK";
  }
  if (strcmp(target, "/info.json") == 0) {
    *type = "application/json";
    info_json(body, pcb);
    return "200 OK";
  }
  if (strcmp(target, "/figures") == 0) {
    figures(body);
    return "200 OK";
  }
  put(body, "There are /, /info.json and /figures here.\n");
  return "404 Not Found";
}

/* 0: no memory, try again later. */
static int respond(struct http *http, const struct tcp_pcb *pcb, char *request)
{
  char method[8], target[128], version[16];
  const char *status, *type = "text/plain; charset=utf-8";
  struct text body = {NULL, 0, BODY_MAX};
  struct text all = {NULL, 0, HEADER_MAX + BODY_MAX};

  body.at = malloc(body.max);
  all.at = malloc(all.max);
  if (body.at == NULL || all.at == NULL) {
    free(body.at);
    free(all.at);
    return 0;
  }
  if (request == NULL) {
    http->last = 1;
    method[0] = '\0';
    status = "431 Request Header Fields Too Large";
  } else if (sscanf(request, "%7s %127s %15s", method, target, version) != 3 || strncmp(version, "HTTP/1.", 7) != 0) {
    http->last = 1;
    status = "400 Bad Request";
  } else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
    http->last = 1; /* a body may follow that is not read as a request */
    status = "405 Method Not Allowed\r\nAllow: GET, HEAD";
  } else {
    http->last = header_has(request, "Connection", "close") ||
                 (strcmp(version, "HTTP/1.0") == 0 && !header_has(request, "Connection", "keep-alive"));
    status = get(target, &body, pcb, &type);
  }
  put(&all, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\nConnection: %s\r\n\r\n",
      status, type, body.len, http->last ? "close" : "keep-alive");
  if (strcmp(method, "HEAD") != 0) {
    memcpy(all.at + all.len, body.at, body.len);
    all.len += body.len;
  }
  free(body.at);
  http->response = all.at;
  http->response_len = all.len;
  http->written = 0;
  return 1;
}

/* Starts on the next request if one is complete. */
static void next_request(struct http *http, const struct tcp_pcb *pcb)
{
  char *end;
  size_t len;

  http->request[http->request_len] = '\0';
  end = strstr(http->request, "\r\n\r\n");
  if (end == NULL) {
    /* A NUL byte hides what follows from strstr(), and no request has one. */
    if (http->request_len == REQUEST_MAX || strlen(http->request) < http->request_len) {
      respond(http, pcb, NULL);
    }
    return;
  }
  end[2] = '\0';
  if (!respond(http, pcb, http->request)) {
    end[2] = '\r';
    return;
  }
  len = (size_t)(end + 4 - http->request);
  memmove(http->request, http->request + len, http->request_len - len);
  http->request_len -= len;
}

static enum verdict http_on_data(struct conn *conn, struct pbuf *p)
{
  struct http *http = conn->state;

  if (http->last) {
    /* Nothing more will be answered. */
    conn_consumed(conn, p->tot_len);
    pbuf_free(p);
    return CONN_KEEP;
  }
  if (http->request_len + p->tot_len > REQUEST_MAX) {
    if (http->response != NULL) {
      return CONN_REFUSE; /* pipelined requests: once the response is written there is room again */
    }
    respond(http, conn->pcb, NULL);
  } else {
    pbuf_copy_partial(p, http->request + http->request_len, p->tot_len, 0);
    http->request_len += p->tot_len;
  }
  conn_consumed(conn, p->tot_len);
  pbuf_free(p);
  return CONN_KEEP;
}

static enum verdict http_pump(struct conn *conn)
{
  struct http *http = conn->state;
  int fatal = 0;

  for (;;) {
    if (http->response == NULL) {
      if (!http->last) {
        next_request(http, conn->pcb);
      }
      if (http->response == NULL) {
        return conn->eof || http->last ? CONN_FINISH : CONN_KEEP;
      }
    }
    http->written += conn_write(conn, http->response + http->written, http->response_len - http->written,
                                TCP_WRITE_FLAG_COPY, &fatal);
    if (fatal) {
      return CONN_DROP;
    }
    if (http->written < http->response_len) {
      return CONN_KEEP;
    }
    free(http->response);
    http->response = NULL;
  }
}

static void http_on_gone(struct conn *conn)
{
  struct http *http = conn->state;

  free(http->response);
  http->response = NULL;
}

struct service http_service = {.name = "http",
                               .port = 80,
                               .idle_limit_s = 30,
                               .state_size = sizeof(struct http),
                               .on_data = http_on_data,
                               .pump = http_pump,
                               .on_gone = http_on_gone};
