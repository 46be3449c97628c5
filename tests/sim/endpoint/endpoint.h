/* What the simulator and an endpoint (a shared object with one lwIP in it) say to each other.
 * src/endpoint/lwip.rs mirrors these structures; SIM_API_VERSION changes with them. */
#ifndef SIM_ENDPOINT_H
#define SIM_ENDPOINT_H

#include <stdint.h>

#define SIM_API_VERSION 1u

enum sim_role { SIM_RECEIVER = 0, SIM_SENDER = 1 };
enum sim_event { SIM_CONNECTED = 0, SIM_FAILED = 1, SIM_PEER_CLOSED = 2, SIM_CLOSED = 3 };

/* Called by the endpoint, only from inside a call of the simulator's. */
struct sim_host {
  void *ctx;
  /* One IP packet onto the path. */
  void (*output)(void *ctx, const uint8_t *packet, uint32_t len);
  /* len further bytes of the stream reached the application; wrong is 1 if any is not what was sent. */
  void (*delivered)(void *ctx, uint32_t len, uint32_t wrong);
  void (*event)(void *ctx, uint32_t event, int32_t err);
};

struct sim_config {
  uint32_t role;
  uint32_t seed;      /* of LWIP_RAND */
  uint32_t close;     /* sender: tcp_close once everything is written */
  uint32_t nodelay;   /* sender: Nagle off */
  uint64_t limit;     /* sender: bytes to write, 0 for no end */
  const uint8_t *pattern; /* the stream is this, repeated; it outlives the endpoint */
  uint32_t pattern_len;
  uint32_t start_ms;  /* sys_now() at the start */
  const char *congestion_control; /* NULL: the build's default */
};

struct sim_api {
  uint32_t version;
  /* 0, or -1 if lwIP could not set up the connection, -2 if the congestion control is not in this build. */
  int32_t (*init)(const struct sim_config *config, const struct sim_host *host);
  void (*set_time)(uint32_t now_ms);
  void (*input)(const uint8_t *packet, uint32_t len);
  /* Runs what is due. */
  void (*run_timers)(void);
  /* Milliseconds until run_timers has something to do, 0xffffffff for never. */
  uint32_t (*sleep_ms)(void);
};

/* The one symbol that an endpoint exports. */
const struct sim_api *sim_endpoint(void);

#endif /* SIM_ENDPOINT_H */
