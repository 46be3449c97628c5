/*
 * SMSC LAN9118: frames go through two FIFOs that the CPU reads and writes in words.
 *
 * Both directions work on pbufs in place. A received frame lands in a chain from the pool, with two bytes of padding
 * that the controller puts in front (ETH_PAD_SIZE). A sent chain is handed over piece by piece, each with its own
 * offset to the word boundary, so that payload at any address goes out without a copy.
 */
#include "board.h"
#include "lwip/opt.h"
#include "lwip/pbuf.h"
#include "lwip/sys.h"
#include "mps2.h"

#include <string.h>

#define LAN(offset) REGISTER(ETHERNET_BASE + (offset))
#define RX_DATA LAN(0x00u)
#define TX_DATA LAN(0x20u)
#define RX_STATUS LAN(0x40u)
#define TX_STATUS LAN(0x48u)
#define IRQ_CFG LAN(0x54u)
#define INT_STS LAN(0x58u)
#define INT_EN LAN(0x5cu)
#define BYTE_TEST LAN(0x64u)
#define FIFO_INT LAN(0x68u)
#define RX_CFG LAN(0x6cu)
#define TX_CFG LAN(0x70u)
#define HW_CFG LAN(0x74u)
#define RX_FIFO_INF LAN(0x7cu)
#define TX_FIFO_INF LAN(0x80u)
#define MAC_CSR_CMD LAN(0xa4u)
#define MAC_CSR_DATA LAN(0xa8u)

#define BYTE_TEST_VALUE 0x87654321u
#define HW_CFG_RESET 0x1u
#define HW_CFG_STORE_AND_FORWARD (1u << 20)
#define HW_CFG_TX_FIFO_5K (5u << 16)
#define IRQ_ENABLE_ACTIVE_HIGH_PUSH_PULL 0x111u
#define INT_RX_STATUS_LEVEL (1u << 3)
#define INT_PHY (1u << 18)
#define FIFO_INT_RX_STATUS_ANY 0u
#define RX_CFG_PADDING ((u32_t)ETH_PAD_SIZE << 8)
#define TX_CFG_ON 0x2u
#define TX_CFG_FLUSH 0x8000u
#define TX_FREE_MASK 0xffffu
#define TX_STATUS_USED_SHIFT 16
#define RX_STATUS_USED(inf) (((inf) >> 16) & 0xffu)
#define RX_LENGTH(status) (((status) >> 16) & 0x3fffu)
#define RX_ERROR 0x8000u
#define FRAME_CHECK_LENGTH 4u
#define TX_A_FIRST (1u << 13)
#define TX_A_LAST (1u << 12)
#define TX_A_OFFSET_SHIFT 16
#define TX_B_TAG_SHIFT 16
#define TX_COMMAND_BYTES 8u

#define MAC_BUSY 0x80000000u
#define MAC_READ 0x40000000u
#define MAC_CR 1u
#define MAC_ADDRH 2u
#define MAC_ADDRL 3u
#define MAC_MII_ACC 6u
#define MAC_MII_DATA 7u
#define MAC_CR_ENABLE (0x8u | 0x4u)
#define MAC_CR_FULL_DUPLEX (1u << 20)
#define MII_BUSY 0x1u
#define MII_WRITE 0x2u
#define PHY_ADDRESS (1u << 11)
#define PHY_BMSR 1u
#define PHY_INTERRUPT_SOURCE 29u
#define PHY_INTERRUPT_MASK 30u
#define BMSR_LINK 0x4u
#define PHY_LINK_DOWN 0x10u
#define PHY_NEGOTIATED 0x40u

#define RESET_TRIES 100000u

static void mac_write(u32_t number, u32_t value)
{
  MAC_CSR_DATA = value;
  MAC_CSR_CMD = MAC_BUSY | number;
  while (MAC_CSR_CMD & MAC_BUSY) {
  }
}

static u32_t mac_read(u32_t number)
{
  MAC_CSR_CMD = MAC_BUSY | MAC_READ | number;
  while (MAC_CSR_CMD & MAC_BUSY) {
  }
  return MAC_CSR_DATA;
}

static u32_t phy_read(u32_t number)
{
  mac_write(MAC_MII_ACC, PHY_ADDRESS | (number << 6));
  while (mac_read(MAC_MII_ACC) & MII_BUSY) {
  }
  return mac_read(MAC_MII_DATA);
}

static void phy_write(u32_t number, u32_t value)
{
  mac_write(MAC_MII_DATA, value);
  mac_write(MAC_MII_ACC, PHY_ADDRESS | (number << 6) | MII_WRITE);
  while (mac_read(MAC_MII_ACC) & MII_BUSY) {
  }
}

int ethernet_open(const u8_t address[ETHERNET_ADDRESS_LENGTH])
{
  if (BYTE_TEST != BYTE_TEST_VALUE) {
    return 0;
  }
  HW_CFG = HW_CFG_RESET;
  for (u32_t tries = 0; HW_CFG & HW_CFG_RESET; tries++) {
    if (tries == RESET_TRIES) {
      return 0;
    }
  }
  HW_CFG = HW_CFG_STORE_AND_FORWARD | HW_CFG_TX_FIFO_5K;
  mac_write(MAC_ADDRL, address[0] | (u32_t)address[1] << 8 | (u32_t)address[2] << 16 | (u32_t)address[3] << 24);
  mac_write(MAC_ADDRH, address[4] | (u32_t)address[5] << 8);
  RX_CFG = RX_CFG_PADDING;
  FIFO_INT = FIFO_INT_RX_STATUS_ANY;
  phy_write(PHY_INTERRUPT_MASK, PHY_LINK_DOWN | PHY_NEGOTIATED);
  (void)phy_read(PHY_INTERRUPT_SOURCE);
  TX_CFG = TX_CFG_ON;
  mac_write(MAC_CR, MAC_CR_ENABLE | MAC_CR_FULL_DUPLEX);
  INT_STS = 0xffffffffu;
  INT_EN = INT_RX_STATUS_LEVEL | INT_PHY;
  IRQ_CFG = IRQ_ENABLE_ACTIVE_HIGH_PUSH_PULL;
  NVIC_ISER0 = 1u << ETHERNET_IRQ;
  return 1;
}

int ethernet_link_is_up(void)
{
  /* The PHY is reached by two accesses that the interrupt must not come between. */
  sys_prot_t before = sys_arch_protect();
  /* The bit latches a loss: the second reading is the present state. */
  (void)phy_read(PHY_BMSR);
  int up = (phy_read(PHY_BMSR) & BMSR_LINK) != 0;
  sys_arch_unprotect(before);
  return up;
}

static void send_piece(const u8_t *bytes, u32_t length, u32_t flags, u32_t frame_length)
{
  u32_t offset = (u32_t)(uintptr_t)bytes & 3u;
  TX_DATA = flags | (offset << TX_A_OFFSET_SHIFT) | length;
  TX_DATA = (frame_length << TX_B_TAG_SHIFT) | frame_length;
  /* Whole words that hold the piece; the controller leaves out what is before and after it. */
  const u32_t *words = (const u32_t *)(const void *)(bytes - offset);
  for (u32_t left = (offset + length + 3u) / 4u; left != 0; left--) {
    TX_DATA = *words++;
  }
}

enum ethernet_result ethernet_send(const struct pbuf *frame)
{
  u32_t length = (u32_t)frame->tot_len - ETH_PAD_SIZE;
  u32_t need = 0, pieces = 0;
  for (const struct pbuf *q = frame; q != NULL; q = q->next) {
    need += TX_COMMAND_BYTES + ((u32_t)q->len + 6u) / 4u * 4u;
    pieces += q->len != 0;
  }
  if ((TX_FIFO_INF & TX_FREE_MASK) < need) {
    return ETHERNET_BUSY;
  }
  u32_t flags = TX_A_FIRST;
  u32_t skip = ETH_PAD_SIZE;
  for (const struct pbuf *q = frame; q != NULL; q = q->next) {
    if (q->len == 0) {
      continue;
    }
    pieces--;
    send_piece((const u8_t *)q->payload + skip, q->len - skip, flags | (pieces == 0 ? TX_A_LAST : 0), length);
    flags = 0;
    skip = 0;
  }
  enum ethernet_result result = ETHERNET_OK;
  while ((TX_FIFO_INF >> TX_STATUS_USED_SHIFT) & 0xffu) {
    if (TX_STATUS & 0x8000u) {
      result = ETHERNET_FAILED;
    }
  }
  return result;
}

/* Reads one frame out of the FIFO into a chain; pieces of the chain may end anywhere in a word. */
static void receive_into(struct pbuf *frame, u32_t words)
{
  struct pbuf *q = frame;
  u32_t at = 0;
  while (words-- != 0) {
    u32_t word = RX_DATA;
    if (q != NULL && q->len - at >= sizeof word) {
      memcpy((u8_t *)q->payload + at, &word, sizeof word);
      at += sizeof word;
    } else {
      for (u32_t i = 0; i < sizeof word && q != NULL; i++) {
        ((u8_t *)q->payload)[at++] = (u8_t)(word >> (8 * i));
        if (at == q->len) {
          q = q->next;
          at = 0;
        }
      }
    }
    if (q != NULL && at == q->len) {
      q = q->next;
      at = 0;
    }
  }
}

/* Word by word: the controller's own fast-forward wants four words at least, and QEMU's model of it loses count. */
static void discard(u32_t words)
{
  while (words-- != 0) {
    (void)RX_DATA;
  }
}

static void receive_all(void)
{
  while (RX_STATUS_USED(RX_FIFO_INF) != 0) {
    u32_t status = RX_STATUS;
    u32_t in_fifo = RX_LENGTH(status);
    u32_t words = (in_fifo + ETH_PAD_SIZE + 3u) / 4u;
    struct pbuf *frame = NULL;
    if (!(status & RX_ERROR) && in_fifo > FRAME_CHECK_LENGTH) {
      frame = pbuf_alloc(PBUF_RAW, (u16_t)(in_fifo - FRAME_CHECK_LENGTH + ETH_PAD_SIZE), PBUF_POOL);
    }
    if (frame == NULL) {
      discard(words);
      netdev_dropped();
    } else {
      receive_into(frame, words);
      netdev_received(frame);
    }
  }
}

void lan9118_interrupt(void)
{
  u32_t why = INT_STS & INT_EN;
  if (why & INT_PHY) {
    (void)phy_read(PHY_INTERRUPT_SOURCE);
    netdev_link_changed();
  }
  receive_all();
  INT_STS = why;
}
