/* Makes allocations fail. The linker's --wrap turns each call that lwIP or
 * the core makes into one of these, so neither is changed for the test. */
#include <stdio.h>
#include <string.h>

#include "vnet.h"
#include "lwip/mem.h"

struct inject inject;

void *__real_memp_malloc(memp_t type);
void *__wrap_memp_malloc(memp_t type);
void *__real_mem_malloc(mem_size_t size);
void *__wrap_mem_malloc(mem_size_t size);
struct pbuf *__real_pbuf_alloc(pbuf_layer layer, u16_t length, pbuf_type type);
struct pbuf *__wrap_pbuf_alloc(pbuf_layer layer, u16_t length, pbuf_type type);

void inject_arm(enum inject_mode mode, u32_t nth)
{
  memset(&inject, 0, sizeof inject);
  inject.armed = 1;
  inject.mode = mode;
  inject.nth = nth;
}

void inject_disarm(void) { inject.armed = 0; }

static int mode_fails(void)
{
  if (inject.nth == 0 || inject.count < inject.nth) {
    return 0;
  }
  switch (inject.mode) {
    case INJECT_ONE:
      return inject.count == inject.nth;
    case INJECT_BURST:
      return inject.count < inject.nth + INJECT_BURST_LEN;
    case INJECT_EACH_OTHER:
      return inject.count < inject.nth + INJECT_ALTERNATE_LEN && ((inject.count - inject.nth) & 1) == 0;
    default:
      if (inject.count == inject.nth) {
        inject.outage_end = vnet.now + INJECT_OUTAGE_MS;
      }
      return (s32_t)(inject.outage_end - vnet.now) > 0;
  }
}

int inject_fails(const char *what, unsigned sub)
{
  if (!inject.armed) {
    return 0;
  }
  inject.count++;
  if (!mode_fails()) {
    return 0;
  }
  if (inject.failed++ == 0) {
    snprintf(inject.what, sizeof inject.what, "%s %u", what, sub);
  }
  return 1;
}

void *__wrap_memp_malloc(memp_t type)
{
  if (inject_fails(type == MEMP_TCP_PCB ? "memp TCP_PCB" :
                   type == MEMP_TCP_SEG ? "memp TCP_SEG" :
                   type == MEMP_TCP_PCB_LISTEN ? "memp TCP_PCB_LISTEN" :
                   type == MEMP_PBUF ? "memp PBUF" : "memp", (unsigned)type)) {
    return NULL;
  }
  return __real_memp_malloc(type);
}

void *__wrap_mem_malloc(mem_size_t size)
{
  if (inject_fails("mem_malloc", (unsigned)size)) {
    return NULL;
  }
  return __real_mem_malloc(size);
}

struct pbuf *__wrap_pbuf_alloc(pbuf_layer layer, u16_t length, pbuf_type type)
{
  if (inject_fails("pbuf_alloc", length)) {
    return NULL;
  }
  return __real_pbuf_alloc(layer, length, type);
}
