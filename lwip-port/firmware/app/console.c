/* The UART console: lines in, text out. Every answer ends with a line "ok" or "unknown command". */
#include "board.h"
#include "firmware.h"

#include "lwip/memp.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"

#include <string.h>

#define LINE_LENGTH 80
#define TEXT_MAX 256
#define HELD_MAX 256u
#define LEFT_FOR_OTHERS 2u

static void console_line(void *context, const char *format, ...)
{
  char text[TEXT_MAX];
  LWIP_UNUSED_ARG(context);
  va_list arguments;
  va_start(arguments, format);
  format_text(text, sizeof text, format, arguments);
  va_end(arguments);
  console_printf("%s", text);
}

/* What `hog` took, for `unhog` to give back. */
static struct pbuf *held_pbufs;
static void *held_segments[HELD_MAX];
static unsigned held_segment_count;

static void hog(void)
{
  for (unsigned left = HELD_MAX; left != 0; left--) {
    struct pbuf *p = pbuf_alloc(PBUF_RAW, PBUF_POOL_BUFSIZE, PBUF_POOL);
    if (p == NULL) {
      break;
    }
    p->next = held_pbufs;
    held_pbufs = p;
  }
  while (held_segment_count < HELD_MAX) {
    void *segment = memp_malloc(MEMP_TCP_SEG);
    if (segment == NULL) {
      break;
    }
    held_segments[held_segment_count++] = segment;
  }
  /* A board without a single buffer hears nothing at all: the test is of one that is short of them. */
  for (unsigned i = 0; i < LEFT_FOR_OTHERS && held_pbufs != NULL; i++) {
    struct pbuf *p = held_pbufs;
    held_pbufs = p->next;
    p->next = NULL;
    pbuf_free(p);
  }
}

static void unhog(void)
{
  while (held_pbufs != NULL) {
    struct pbuf *p = held_pbufs;
    held_pbufs = p->next;
    p->next = NULL;
    pbuf_free(p);
  }
  while (held_segment_count != 0) {
    memp_free(MEMP_TCP_SEG, held_segments[--held_segment_count]);
  }
}

static u32_t number_after(const char *word)
{
  u32_t value = 0;
  while (*word != '\0' && (*word < '0' || *word > '9')) {
    word++;
  }
  for (; *word >= '0' && *word <= '9'; word++) {
    value = value * 10 + (u32_t)(*word - '0');
  }
  return value;
}

static int is(const char *line, const char *command)
{
  size_t length = strlen(command);
  return strncmp(line, command, length) == 0 && (line[length] == '\0' || line[length] == ' ');
}

/* Set while `drain` waits for the last connection to go. */
static int draining;

static void answer_drain(void)
{
  if (draining && tcp_active_pcbs == NULL && tcp_tw_pcbs == NULL) {
    draining = 0;
    console_printf("ok\n");
  }
}

static void run(const char *line)
{
  if (is(line, "state")) {
    status_print(console_line, NULL);
  } else if (is(line, "pools")) {
    status_print_pools(console_line, NULL);
  } else if (is(line, "static")) {
    netdev_use_static_address();
  } else if (is(line, "loss")) {
    netdev_set_loss(number_after(line));
  } else if (is(line, "misalign")) {
    netdev_set_misalignment(number_after(line) % MEM_ALIGNMENT);
  } else if (is(line, "hog")) {
    hog();
  } else if (is(line, "unhog")) {
    unhog();
  } else if (is(line, "drain")) {
    draining = 1;
    return;
  } else {
    console_printf("unknown command: state, pools, static, loss PERCENT, misalign BYTES, hog, unhog, drain\n");
    return;
  }
  console_printf("ok\n");
}

void console_poll(void)
{
  static char line[LINE_LENGTH];
  static unsigned length;
  answer_drain();
  for (int c = board_getc(); c >= 0; c = board_getc()) {
    if (c == '\n' || c == '\r') {
      line[length] = '\0';
      if (length != 0) {
        run(line);
      }
      length = 0;
    } else if (length + 1 < sizeof line) {
      line[length++] = (char)c;
    }
  }
}
