/*
 * What a client of the demo's services sends and expects, apart from how it gets there: lwip_client.c carries it out over
 * lwIP's own loopback, kernel_client.c over the kernel's sockets.
 */
#ifndef DEMO_TRANSFER_H
#define DEMO_TRANSFER_H

#include <stddef.h>
#include <stdint.h>

#define TRANSFER_UNTIL_EOF UINT64_MAX

struct transfer_files {
  const char *echo_in, *echo_out, *page_out;
};

struct transfer {
  const char *name;
  uint16_t port;
  uint64_t to_send;      /* bytes; 0: nothing */
  uint64_t to_receive;   /* bytes, TRANSFER_UNTIL_EOF: all that comes */
  int ends_with_eof;     /* half-close after the last byte sent, and wait for the peer's end */
  const void *(*source)(struct transfer *transfer, uint64_t position, size_t *len);
  int (*sink)(struct transfer *transfer, uint64_t position, const void *data, size_t len); /* 0: not what was expected */
  /* The echo's and the page's bytes. */
  char *out, *in;
  size_t in_size;
  const char *in_file;
  /* How far it has come. */
  uint64_t sent, received;
  double started, ended;
  char failure[160];
};

/* Prepares "page", "echo", "download" or "upload"; -1 with a message on stderr where that cannot be. */
int transfer_prepare(struct transfer *transfer, const char *name, uint64_t bytes, const struct transfer_files *files);

/* The next bytes to send, at most all that are left; 0 bytes where all have been sent. */
const void *transfer_next(struct transfer *transfer, size_t *len);

/* Bytes that have come. Returns 0, with the failure set, if they are not what was expected. */
int transfer_take(struct transfer *transfer, const void *data, size_t len);

int transfer_all_sent(const struct transfer *transfer);

/* All that was expected is there, whether or not the peer has closed. */
int transfer_all_received(const struct transfer *transfer);

/* The first failure is the one that tells something. */
void transfer_fail(struct transfer *transfer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes the output file and one line on stdout: name, bytes sent, bytes received, seconds. Returns the exit status. */
int transfer_report(struct transfer *transfer, const char *extra);

void transfer_free(struct transfer *transfer);

double seconds_now(void);

#endif /* DEMO_TRANSFER_H */
