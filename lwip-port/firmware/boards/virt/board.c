/* UART, timer, traps, sleep and exit on QEMU's RISC-V board. */
#include "board.h"
#include "lwip/sys.h"
#include "virt.h"

#define TIMER_PER_MS (TIMER_HZ / 1000u)
#define TYPED_MAX 128u

#define CAUSE_INTERRUPT 0x80000000u
#define CAUSE_TIMER 7u
#define CAUSE_EXTERNAL 11u
#define MSTATUS_MIE 0x8u
#define MIE_TIMER (1u << CAUSE_TIMER)
#define MIE_EXTERNAL (1u << CAUSE_EXTERNAL)

/* minstret counts them one by one. */
const u32_t board_instructions_per_tick = 1;

static volatile u32_t milliseconds;
static volatile char typed[TYPED_MAX];
static volatile u32_t typed_in, typed_out;

void trap_handler(u32_t cause, u32_t at);

void plic_enable(uint32_t source)
{
  PLIC_PRIORITY(source) = 1;
  PLIC_ENABLE(source) |= 1u << (source % 32u);
}

static void set_timer(uint64_t at)
{
  CLINT_COMPARE_HIGH = 0xffffffffu;
  CLINT_COMPARE_LOW = (u32_t)at;
  CLINT_COMPARE_HIGH = (u32_t)(at >> 32);
}

static uint64_t timer_now(void)
{
  u32_t high, low;
  do {
    high = CLINT_TIME_HIGH;
    low = CLINT_TIME_LOW;
  } while (high != CLINT_TIME_HIGH);
  return (uint64_t)high << 32 | low;
}

void board_init(void)
{
  UART_IER = UART_IER_RX;
  PLIC_THRESHOLD = 0;
  plic_enable(UART_SOURCE);
  set_timer(timer_now() + TIMER_PER_MS);
  __asm volatile("csrs mie, %0" ::"r"(MIE_TIMER | MIE_EXTERNAL));
  __asm volatile("csrs mstatus, %0" ::"r"(MSTATUS_MIE) : "memory");
}

u32_t board_milliseconds(void)
{
  return milliseconds;
}

u32_t board_ticks(void)
{
  u32_t retired;
  __asm volatile("csrr %0, minstret" : "=r"(retired));
  return retired;
}

void board_putc(char c)
{
  while (!(UART_LSR & UART_LSR_TX_EMPTY)) {
  }
  UART_DATA = (u8_t)c;
}

static void uart_interrupt(void)
{
  while (UART_LSR & UART_LSR_RX) {
    char c = (char)UART_DATA;
    if (typed_in - typed_out < TYPED_MAX) {
      typed[typed_in % TYPED_MAX] = c;
      typed_in++;
    }
  }
}

__attribute__((weak)) void virtio_interrupt(uint32_t source)
{
  LWIP_UNUSED_ARG(source);
}

void trap_handler(u32_t cause, u32_t at)
{
  if (cause == (CAUSE_INTERRUPT | CAUSE_TIMER)) {
    milliseconds++;
    set_timer(timer_now() + TIMER_PER_MS);
    return;
  }
  if (cause == (CAUSE_INTERRUPT | CAUSE_EXTERNAL)) {
    u32_t source = PLIC_CLAIM;
    if (source == UART_SOURCE) {
      uart_interrupt();
    } else if (source != 0) {
      virtio_interrupt(source);
    }
    PLIC_CLAIM = source;
    return;
  }
  console_printf("FAULT: cause %u pc %08x\n", (unsigned)cause, (unsigned)at);
  board_exit(1);
}

int board_getc(void)
{
  if (typed_in == typed_out) {
    return -1;
  }
  char c = typed[typed_out % TYPED_MAX];
  typed_out++;
  return (u8_t)c;
}

sys_prot_t sys_arch_protect(void)
{
  sys_prot_t before;
  __asm volatile("csrrc %0, mstatus, %1" : "=r"(before) : "r"(MSTATUS_MIE) : "memory");
  return before & MSTATUS_MIE;
}

void sys_arch_unprotect(sys_prot_t before)
{
  __asm volatile("csrs mstatus, %0" ::"r"(before) : "memory");
}

void board_wait(int (*pending)(void))
{
  /* With interrupts masked, one that comes between the test and the WFI still ends the WFI. */
  sys_prot_t before = sys_arch_protect();
  if (typed_in == typed_out && !pending()) {
    __asm volatile("wfi");
  }
  sys_arch_unprotect(before);
}

void board_strict_alignment(int strict)
{
  LWIP_UNUSED_ARG(strict);
}

uint32_t board_random(void)
{
  /* This board has no source of entropy: a product returns its hardware generator here (RFC 6528 rests on it). */
  static u32_t state = 2463534242u;
  state ^= CLINT_TIME_LOW;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

void board_exit(int status)
{
  TEST_FINISHER = status == 0 ? FINISHER_PASS : (u32_t)status << 16 | FINISHER_FAIL;
  for (;;) {
    __asm volatile("wfi");
  }
}
