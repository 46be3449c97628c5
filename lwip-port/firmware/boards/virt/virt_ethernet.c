/*
 * virtio-net over virtio-mmio, version 2 (virtio 1.x): two queues of descriptors in memory that the device reads and
 * writes. Frames are copied between buffers of ours and pbufs, which keeps the driver short; the LAN9118's shows how
 * to do without.
 */
#include "board.h"
#include "lwip/opt.h"
#include "lwip/pbuf.h"
#include "lwip/sys.h"
#include "virt.h"

#include <string.h>

enum registers {
  MAGIC = 0x00, VERSION = 0x04, DEVICE_ID = 0x08, DRIVER_FEATURES = 0x20, DRIVER_FEATURES_SELECT = 0x24,
  QUEUE_SELECT = 0x30, QUEUE_MAX = 0x34, QUEUE_LENGTH = 0x38, QUEUE_READY = 0x44, QUEUE_NOTIFY = 0x50,
  INTERRUPT_STATUS = 0x60, INTERRUPT_ACK = 0x64, STATUS = 0x70, DESCRIPTORS_LOW = 0x80, DESCRIPTORS_HIGH = 0x84,
  DRIVER_LOW = 0x90, DRIVER_HIGH = 0x94, DEVICE_LOW = 0xa0, DEVICE_HIGH = 0xa4, CONFIG_STATUS = 0x106
};

#define MAGIC_VALUE 0x74726976u
#define NETWORK_DEVICE 1u
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u
#define FEATURE_MAC (1u << 5)
#define FEATURE_STATUS (1u << 16)
/* In the second word of the features. */
#define FEATURE_VERSION_1 1u
#define INTERRUPT_QUEUE 1u
#define INTERRUPT_CONFIG 2u
#define LINK_UP 1u

#define DESCRIPTOR_WRITE 2u
#define QUEUE_SIZE 16u
#define RECEIVE 0u
#define SEND 1u
/* struct virtio_net_hdr_v1: no offloads, so all of it zero. */
#define HEADER_LENGTH 12u
#define BUFFER_LENGTH (HEADER_LENGTH + 1520u)

struct descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags, next;
};

struct driver_ring {
  uint16_t flags, index, ring[QUEUE_SIZE];
};

struct device_ring {
  uint16_t flags;
  volatile uint16_t index;
  struct {
    uint32_t id, length;
  } ring[QUEUE_SIZE];
};

struct queue {
  struct descriptor descriptors[QUEUE_SIZE] __attribute__((aligned(16)));
  struct driver_ring driver __attribute__((aligned(2)));
  struct device_ring device __attribute__((aligned(4)));
  uint16_t seen;
  u8_t buffers[QUEUE_SIZE][BUFFER_LENGTH];
};

static struct queue queues[2];
static uintptr_t base;
static u32_t source;

#define DEVICE(offset) REGISTER(base + (offset))

static void barrier(void)
{
  __asm volatile("fence" ::: "memory");
}

static uint32_t address_of(const volatile void *what)
{
  return (uint32_t)(uintptr_t)what;
}

static void offer(struct queue *queue, uint32_t number, uint16_t id)
{
  queue->driver.ring[queue->driver.index % QUEUE_SIZE] = id;
  barrier();
  queue->driver.index++;
  barrier();
  DEVICE(QUEUE_NOTIFY) = number;
}

static int open_queue(uint32_t number)
{
  struct queue *queue = &queues[number];
  DEVICE(QUEUE_SELECT) = number;
  if (DEVICE(QUEUE_MAX) < QUEUE_SIZE) {
    return 0;
  }
  for (uint16_t i = 0; i < QUEUE_SIZE; i++) {
    queue->descriptors[i].address = address_of(queue->buffers[i]);
    queue->descriptors[i].length = BUFFER_LENGTH;
    queue->descriptors[i].flags = number == RECEIVE ? DESCRIPTOR_WRITE : 0;
  }
  DEVICE(QUEUE_LENGTH) = QUEUE_SIZE;
  DEVICE(DESCRIPTORS_LOW) = address_of(queue->descriptors);
  DEVICE(DESCRIPTORS_HIGH) = 0;
  DEVICE(DRIVER_LOW) = address_of(&queue->driver);
  DEVICE(DRIVER_HIGH) = 0;
  DEVICE(DEVICE_LOW) = address_of(&queue->device);
  DEVICE(DEVICE_HIGH) = 0;
  DEVICE(QUEUE_READY) = 1;
  return 1;
}

static int find_device(void)
{
  for (u32_t slot = 0; slot < VIRTIO_SLOTS; slot++) {
    base = VIRTIO_BASE(slot);
    if (DEVICE(MAGIC) == MAGIC_VALUE && DEVICE(VERSION) == 2 && DEVICE(DEVICE_ID) == NETWORK_DEVICE) {
      source = VIRTIO_SOURCE(slot);
      return 1;
    }
  }
  return 0;
}

int ethernet_open(const u8_t address[ETHERNET_ADDRESS_LENGTH])
{
  /* The emulator's default address is the firmware's own. */
  LWIP_UNUSED_ARG(address);
  if (!find_device()) {
    return 0;
  }
  DEVICE(STATUS) = 0;
  DEVICE(STATUS) = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
  DEVICE(DRIVER_FEATURES_SELECT) = 0;
  DEVICE(DRIVER_FEATURES) = FEATURE_MAC | FEATURE_STATUS;
  DEVICE(DRIVER_FEATURES_SELECT) = 1;
  DEVICE(DRIVER_FEATURES) = FEATURE_VERSION_1;
  DEVICE(STATUS) |= STATUS_FEATURES_OK;
  if (!(DEVICE(STATUS) & STATUS_FEATURES_OK) || !open_queue(RECEIVE) || !open_queue(SEND)) {
    return 0;
  }
  DEVICE(STATUS) |= STATUS_DRIVER_OK;
  for (uint16_t i = 0; i < QUEUE_SIZE; i++) {
    offer(&queues[RECEIVE], RECEIVE, i);
  }
  plic_enable(source);
  return 1;
}

int ethernet_link_is_up(void)
{
  return (*(volatile uint16_t *)(base + CONFIG_STATUS) & LINK_UP) != 0;
}

enum ethernet_result ethernet_send(const struct pbuf *frame)
{
  struct queue *queue = &queues[SEND];
  barrier();
  if ((uint16_t)(queue->driver.index - queue->device.index) >= QUEUE_SIZE) {
    return ETHERNET_BUSY;
  }
  if (frame->tot_len - ETH_PAD_SIZE > (int)(BUFFER_LENGTH - HEADER_LENGTH)) {
    return ETHERNET_FAILED;
  }
  /* The device takes them in order, so the oldest buffer is the free one. */
  uint16_t id = queue->driver.index % QUEUE_SIZE;
  u16_t length = pbuf_copy_partial(frame, queue->buffers[id] + HEADER_LENGTH, frame->tot_len, ETH_PAD_SIZE);
  queue->descriptors[id].length = HEADER_LENGTH + length;
  offer(queue, SEND, id);
  return ETHERNET_OK;
}

static void receive(const u8_t *bytes, u32_t length)
{
  struct pbuf *frame = pbuf_alloc(PBUF_RAW, (u16_t)(length + ETH_PAD_SIZE), PBUF_POOL);
  if (frame == NULL) {
    netdev_dropped();
    return;
  }
  pbuf_remove_header(frame, ETH_PAD_SIZE);
  pbuf_take(frame, bytes, (u16_t)length);
  pbuf_add_header(frame, ETH_PAD_SIZE);
  netdev_received(frame);
}

void virtio_interrupt(uint32_t which)
{
  struct queue *queue = &queues[RECEIVE];
  if (which != source) {
    return;
  }
  u32_t why = DEVICE(INTERRUPT_STATUS);
  DEVICE(INTERRUPT_ACK) = why;
  if (why & INTERRUPT_CONFIG) {
    netdev_link_changed();
  }
  barrier();
  while (queue->seen != queue->device.index) {
    uint32_t id = queue->device.ring[queue->seen % QUEUE_SIZE].id;
    uint32_t length = queue->device.ring[queue->seen % QUEUE_SIZE].length;
    queue->seen++;
    if (id < QUEUE_SIZE && length > HEADER_LENGTH && length <= BUFFER_LENGTH) {
      receive(queue->buffers[id] + HEADER_LENGTH, length - HEADER_LENGTH);
    }
    offer(queue, RECEIVE, (uint16_t)id);
  }
}
