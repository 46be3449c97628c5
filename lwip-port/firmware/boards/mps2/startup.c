/* Vector table, start-up, and a fault handler that says where it happened before it stops. */
#include "board.h"
#include "mps2.h"

extern uint32_t stack_top[], data_load[], data_start[], data_end[], bss_start[], bss_end[];

int main(void);
void reset_handler(void);
void fault_handler(void);
void systick_handler(void);
void uart_handler(void);

static void unexpected_handler(void)
{
  console_printf("FAULT: unexpected interrupt\n");
  board_exit(1);
}

/* For the programs that have no Ethernet driver. */
__attribute__((weak, alias("unexpected_handler"))) void lan9118_interrupt(void);

/* r0: the stack frame that the exception pushed. */
__attribute__((used)) static void report_fault(const uint32_t *frame)
{
  console_printf("FAULT: pc %08x lr %08x cfsr %08x\n", (unsigned)frame[6], (unsigned)frame[5], (unsigned)SCB_CFSR);
  board_exit(1);
}

__attribute__((naked)) void fault_handler(void)
{
  __asm volatile("mrs r0, msp\n\tb report_fault");
}

typedef void (*handler)(void);

#define EXTERNAL_INTERRUPTS (ETHERNET_IRQ + 1)
#define FIRST_EXTERNAL 16

__attribute__((section(".vectors"), used)) static const struct {
  void *stack;
  handler handlers[FIRST_EXTERNAL - 1 + EXTERNAL_INTERRUPTS];
} vectors = {
  stack_top,
  {
    reset_handler, unexpected_handler, fault_handler, fault_handler, fault_handler, fault_handler, 0, 0, 0, 0,
    unexpected_handler, unexpected_handler, 0, unexpected_handler, systick_handler,
    /* Of the external interrupts only these two are ever enabled. */
    [FIRST_EXTERNAL - 1 + UART_RX_IRQ] = uart_handler,
    [FIRST_EXTERNAL - 1 + ETHERNET_IRQ] = lan9118_interrupt,
  }
};

void reset_handler(void)
{
#ifdef __ARM_FP
  /* Before the first instruction that touches a floating-point register. */
  SCB_CPACR |= 0xfu << 20;
  __asm volatile("dsb\n\tisb");
#endif
#ifdef __ARM_ARCH_6M__
  /* This board's CPU would forgive what a Cortex-M0 does not: make it as strict. */
  board_strict_alignment(1);
#endif
  const uint32_t *from = data_load;
  for (uint32_t *to = data_start; to < data_end;) {
    *to++ = *from++;
  }
  for (uint32_t *to = bss_start; to < bss_end;) {
    *to++ = 0;
  }
  board_exit(main());
}
