/* A client of the demo's services on the Linux kernel's TCP: lwip_demo_client HOST page|echo|download|upload [options] */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pattern.h"
#include "transfer.h"

/* Nothing moves for so long: the server hangs. */
#define STALL_LIMIT_MS 30000

static void usage(FILE *to)
{
  fputs("Usage: lwip_demo_client HOST page|echo|download|upload [--bytes N] [--in FILE] [--out FILE]\n"
        "Prints one line: name, bytes sent, bytes received, seconds, segments that the kernel sent again.\n",
        to);
}

static int connect_to(struct transfer *transfer, const char *host)
{
  struct addrinfo hints, *address;
  char port[8];
  int fd, error;

  memset(&hints, 0, sizeof(hints));
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  snprintf(port, sizeof(port), "%u", transfer->port);
  error = getaddrinfo(host, port, &hints, &address);
  if (error != 0) {
    transfer_fail(transfer, "%s: %s", host, gai_strerror(error));
    return -1;
  }
  fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || (connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)) {
    transfer_fail(transfer, "cannot connect to %s port %s: %s", host, port, strerror(errno));
    if (fd >= 0) {
      close(fd);
    }
    fd = -1;
  }
  freeaddrinfo(address);
  return fd;
}

/* 1: go on, 0: the end, with the failure set if it is a bad one. */
static int send_some(struct transfer *transfer, int fd)
{
  size_t len;
  const void *data = transfer_next(transfer, &len);
  ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    transfer_fail(transfer, "send: %s", strerror(errno));
    return 0;
  }
  transfer->sent += sent > 0 ? (uint64_t)sent : 0;
  if (transfer_all_sent(transfer) && transfer->ends_with_eof) {
    shutdown(fd, SHUT_WR);
  }
  return 1;
}

static int receive_some(struct transfer *transfer, int fd)
{
  static char buffer[256 * 1024];
  ssize_t len = recv(fd, buffer, sizeof(buffer), 0);

  if (len < 0) {
    if (errno == EAGAIN || errno == EINTR) {
      return 1;
    }
    transfer_fail(transfer, "receive: %s", strerror(errno));
    return 0;
  }
  if (len == 0) {
    if (!transfer_all_sent(transfer) ||
        (transfer->to_receive != TRANSFER_UNTIL_EOF && !transfer_all_received(transfer))) {
      transfer_fail(transfer, "the server closed too early");
    }
    return 0;
  }
  if (!transfer_take(transfer, buffer, (size_t)len)) {
    return 0;
  }
  return transfer->ends_with_eof || !transfer_all_received(transfer);
}

static void carry_out(struct transfer *transfer, int fd)
{
  int go_on = 1;

  while (go_on) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int count;

    if (!transfer_all_sent(transfer)) {
      ready.events |= POLLOUT;
    }
    count = poll(&ready, 1, STALL_LIMIT_MS);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      transfer_fail(transfer, count == 0 ? "nothing moved for 30 seconds" : "poll failed");
      return;
    }
    if (ready.revents & (POLLIN | POLLERR | POLLHUP)) {
      go_on = receive_some(transfer, fd);
    }
    if (go_on && (ready.revents & POLLOUT) && !transfer_all_sent(transfer)) {
      go_on = send_some(transfer, fd);
    }
  }
}

static unsigned kernel_retransmissions(int fd)
{
  struct tcp_info info;
  socklen_t size = sizeof(info);

  memset(&info, 0, sizeof(info));
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_total_retrans : 0;
}

int main(int argc, char **argv)
{
  static const struct option options[] = {{"bytes", required_argument, NULL, 'b'},
                                          {"in", required_argument, NULL, 'i'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  struct transfer_files files = {NULL, NULL, NULL};
  struct transfer transfer;
  uint64_t bytes = 1024 * 1024;
  char extra[32] = " 0";
  int option, fd, status;

  while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
    switch (option) {
      case 'b': bytes = strtoull(optarg, NULL, 10); break;
      case 'i': files.echo_in = optarg; break;
      case 'o': files.echo_out = files.page_out = optarg; break;
      case 'h': usage(stdout); return 0;
      default: usage(stderr); return 2;
    }
  }
  if (argc - optind != 2 || bytes == 0) {
    usage(stderr);
    return 2;
  }
  pattern_init();
  if (transfer_prepare(&transfer, argv[optind + 1], bytes, &files) != 0) {
    transfer_free(&transfer);
    return 2;
  }
  transfer.started = seconds_now();
  fd = connect_to(&transfer, argv[optind]);
  if (fd >= 0) {
    carry_out(&transfer, fd);
    snprintf(extra, sizeof(extra), " %u", kernel_retransmissions(fd));
    close(fd);
  }
  transfer.ended = seconds_now();
  status = transfer_report(&transfer, extra);
  transfer_free(&transfer);
  return status;
}
