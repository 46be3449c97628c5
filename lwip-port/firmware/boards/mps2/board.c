/* UART, SysTick, sleep, and the emulator's exit call on the MPS2 boards. */
#include "board.h"
#include "lwip/sys.h"
#include "mps2.h"

#define TICKS_PER_MS (CPU_HZ / 1000u)
#define TYPED_MAX 128u

/* One instruction takes a nanosecond under QEMU's -icount shift=0, and the timer counts every 40. */
const u32_t board_instructions_per_tick = 1000000000u / CPU_HZ;

static volatile u32_t milliseconds;
static volatile char typed[TYPED_MAX];
static volatile u32_t typed_in, typed_out;

void systick_handler(void);
void uart_handler(void);

void board_init(void)
{
  UART_BAUDDIV = 16;
  UART_CTRL = UART_CTRL_TX | UART_CTRL_RX | UART_CTRL_RX_INTERRUPT;
  NVIC_ISER0 = 1u << UART_RX_IRQ;
  SYST_RVR = TICKS_PER_MS - 1;
  SYST_CVR = 0;
  SYST_CSR = SYST_CSR_CPU_CLOCK | SYST_CSR_INTERRUPT | SYST_CSR_ENABLE;
  TIMER_RELOAD = TIMER_VALUE = 0xffffffffu;
  TIMER_CTRL = TIMER_CTRL_ENABLE;
}

void systick_handler(void)
{
  milliseconds++;
}

u32_t board_milliseconds(void)
{
  return milliseconds;
}

u32_t board_ticks(void)
{
  /* One register, which counts down: SysTick and the count of its interrupts do not change at the same instant. */
  return 0u - TIMER_VALUE;
}

void board_putc(char c)
{
  while (UART_STATE & UART_STATE_TX_FULL) {
  }
  UART_DATA = (u8_t)c;
}

void uart_handler(void)
{
  UART_INTSTATUS = UART_INT_RX;
  while (UART_STATE & UART_STATE_RX_FULL) {
    char c = (char)UART_DATA;
    if (typed_in - typed_out < TYPED_MAX) {
      typed[typed_in % TYPED_MAX] = c;
      typed_in++;
    }
  }
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

void board_wait(int (*pending)(void))
{
  /* With interrupts masked, one that comes between the test and the WFI still ends the WFI. */
  __asm volatile("cpsid i" ::: "memory");
  if (typed_in == typed_out && !pending()) {
    __asm volatile("wfi");
  }
  __asm volatile("cpsie i" ::: "memory");
}

sys_prot_t sys_arch_protect(void)
{
  sys_prot_t before;
  __asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(before)::"memory");
  return before;
}

void sys_arch_unprotect(sys_prot_t before)
{
  __asm volatile("msr primask, %0" ::"r"(before) : "memory");
}

void board_strict_alignment(int strict)
{
#ifdef __ARM_ARCH_6M__
  SCB_CCR = strict ? SCB_CCR | SCB_CCR_UNALIGN_TRP : SCB_CCR & ~SCB_CCR_UNALIGN_TRP;
#endif
  LWIP_UNUSED_ARG(strict);
}

uint32_t board_random(void)
{
  /* This board has no source of entropy: a product returns its hardware generator here (RFC 6528 rests on it). */
  static u32_t state = 2463534242u;
  state ^= SYST_CVR + milliseconds;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

void board_exit(int status)
{
#ifdef FIRMWARE_SEMIHOSTING
  /* Arm semihosting: SYS_EXIT_EXTENDED with ADP_Stopped_ApplicationExit, which a debugger or an emulator answers. */
  u32_t arguments[] = { 0x20026u, (u32_t)status };
  register u32_t operation __asm("r0") = 0x20u;
  register u32_t *block __asm("r1") = arguments;
  __asm volatile("bkpt 0xab" ::"r"(operation), "r"(block) : "memory");
#endif
  LWIP_UNUSED_ARG(status);
  for (;;) {
    __asm volatile("cpsid i\n\twfi");
  }
}
