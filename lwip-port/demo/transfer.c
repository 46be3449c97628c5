#include "transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pattern.h"

#define PAGE_LIMIT (64 * 1024)

static const char page_request[] = "GET / HTTP/1.1\r\nHost: lwip\r\nConnection: close\r\n\r\n";

double seconds_now(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const void *bytes_source(struct transfer *transfer, uint64_t position, size_t *len)
{
  *len = (size_t)(transfer->to_send - position);
  return transfer->out + position;
}

static int bytes_sink(struct transfer *transfer, uint64_t position, const void *data, size_t len)
{
  if (position + len > transfer->in_size) {
    return 0;
  }
  memcpy(transfer->in + position, data, len);
  return 1;
}

static const void *pattern_source(struct transfer *transfer, uint64_t position, size_t *len)
{
  (void)transfer;
  return pattern_at(position, len);
}

static int pattern_sink(struct transfer *transfer, uint64_t position, const void *data, size_t len)
{
  (void)transfer;
  return pattern_matches(position, data, len);
}

static int nothing_sink(struct transfer *transfer, uint64_t position, const void *data, size_t len)
{
  (void)transfer;
  (void)position;
  (void)data;
  return len == 0;
}

static char *read_file(const char *path, size_t *size)
{
  FILE *file = path != NULL ? fopen(path, "rb") : NULL;
  char *bytes = NULL;
  long end = -1;

  if (file == NULL) {
    fprintf(stderr, "echo: cannot open %s: %s\n", path != NULL ? path : "(--in is missing)", strerror(errno));
    return NULL;
  }
  if (fseek(file, 0, SEEK_END) == 0) {
    end = ftell(file);
  }
  if (end > 0 && fseek(file, 0, SEEK_SET) == 0) {
    bytes = malloc((size_t)end);
  }
  if (bytes != NULL && fread(bytes, 1, (size_t)end, file) != (size_t)end) {
    free(bytes);
    bytes = NULL;
  }
  if (bytes == NULL) {
    fprintf(stderr, "echo: cannot read %s, or it is empty\n", path);
  }
  fclose(file);
  *size = bytes != NULL ? (size_t)end : 0;
  return bytes;
}

static int prepare_page(struct transfer *transfer, const struct transfer_files *files)
{
  transfer->port = 80;
  transfer->out = strdup(page_request);
  transfer->in_size = PAGE_LIMIT;
  transfer->in = malloc(PAGE_LIMIT);
  transfer->in_file = files->page_out;
  transfer->to_send = sizeof(page_request) - 1;
  transfer->to_receive = TRANSFER_UNTIL_EOF;
  transfer->source = bytes_source;
  transfer->sink = bytes_sink;
  return transfer->out != NULL && transfer->in != NULL ? 0 : -1;
}

static int prepare_echo(struct transfer *transfer, const struct transfer_files *files)
{
  transfer->port = 7;
  transfer->out = read_file(files->echo_in, &transfer->in_size);
  if (transfer->out == NULL) {
    return -1;
  }
  transfer->in = malloc(transfer->in_size);
  transfer->in_file = files->echo_out;
  transfer->to_send = transfer->in_size;
  transfer->to_receive = transfer->in_size;
  transfer->ends_with_eof = 1;
  transfer->source = bytes_source;
  transfer->sink = bytes_sink;
  return transfer->in != NULL ? 0 : -1;
}

int transfer_prepare(struct transfer *transfer, const char *name, uint64_t bytes, const struct transfer_files *files)
{
  memset(transfer, 0, sizeof(*transfer));
  transfer->name = name;
  if (strcmp(name, "page") == 0) {
    return prepare_page(transfer, files);
  }
  if (strcmp(name, "echo") == 0) {
    return prepare_echo(transfer, files);
  }
  if (strcmp(name, "download") == 0) {
    transfer->port = 19;
    transfer->to_receive = bytes;
    transfer->sink = pattern_sink;
    return 0;
  }
  if (strcmp(name, "upload") == 0) {
    transfer->port = 9;
    transfer->to_send = bytes;
    transfer->ends_with_eof = 1;
    transfer->source = pattern_source;
    transfer->sink = nothing_sink;
    return 0;
  }
  fprintf(stderr, "unknown transfer %s: page, echo, download or upload\n", name);
  return -1;
}

const void *transfer_next(struct transfer *transfer, size_t *len)
{
  uint64_t left = transfer->to_send - transfer->sent;
  const void *data;

  *len = 0;
  if (left == 0) {
    return NULL;
  }
  data = transfer->source(transfer, transfer->sent, len);
  if (*len > left) {
    *len = (size_t)left;
  }
  return data;
}

int transfer_take(struct transfer *transfer, const void *data, size_t len)
{
  /* The character generator never ends; what comes after the last byte wanted is not looked at. */
  if (transfer->sink == pattern_sink && len > transfer->to_receive - transfer->received) {
    len = (size_t)(transfer->to_receive - transfer->received);
  }
  if (!transfer->sink(transfer, transfer->received, data, len)) {
    transfer_fail(transfer, "unexpected data at byte %" PRIu64, transfer->received);
    return 0;
  }
  transfer->received += len;
  return 1;
}

int transfer_all_sent(const struct transfer *transfer)
{
  return transfer->sent == transfer->to_send;
}

int transfer_all_received(const struct transfer *transfer)
{
  return transfer->to_receive != TRANSFER_UNTIL_EOF && transfer->received >= transfer->to_receive;
}

void transfer_fail(struct transfer *transfer, const char *format, ...)
{
  va_list arguments;

  if (transfer->failure[0] != '\0') {
    return;
  }
  va_start(arguments, format);
  vsnprintf(transfer->failure, sizeof(transfer->failure), format, arguments);
  va_end(arguments);
}

static void write_file(struct transfer *transfer)
{
  FILE *file = fopen(transfer->in_file, "wb");
  int written = file != NULL && fwrite(transfer->in, 1, (size_t)transfer->received, file) == transfer->received;

  if (file != NULL && fclose(file) != 0) {
    written = 0;
  }
  if (!written) {
    transfer_fail(transfer, "cannot write %s: %s", transfer->in_file, strerror(errno));
  }
}

static void check_page(struct transfer *transfer)
{
  static const char status[] = "HTTP/1.1 200 ";

  if (transfer->received < sizeof(status) - 1 || memcmp(transfer->in, status, sizeof(status) - 1) != 0) {
    transfer_fail(transfer, "the answer does not start with %s", status);
  }
}

int transfer_report(struct transfer *transfer, const char *extra)
{
  if (transfer->failure[0] == '\0' && strcmp(transfer->name, "page") == 0) {
    check_page(transfer);
  }
  if (transfer->in_file != NULL) {
    write_file(transfer);
  }
  if (transfer->failure[0] != '\0') {
    fprintf(stderr, "%s: %s (sent %" PRIu64 " bytes, received %" PRIu64 ")\n", transfer->name, transfer->failure,
            transfer->sent, transfer->received);
    return 1;
  }
  printf("%s %" PRIu64 " %" PRIu64 " %.6f%s\n", transfer->name, transfer->sent, transfer->received,
         transfer->ended - transfer->started, extra);
  fflush(stdout);
  return 0;
}

void transfer_free(struct transfer *transfer)
{
  free(transfer->out);
  free(transfer->in);
  transfer->out = NULL;
  transfer->in = NULL;
}
