/* QEMU's RISC-V board `virt`: what this firmware uses of it. */
#ifndef FIRMWARE_VIRT_H
#define FIRMWARE_VIRT_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define REGISTER8(address) (*(volatile uint8_t *)(uintptr_t)(address))

/* Writing a status here ends the emulator. */
#define TEST_FINISHER REGISTER(0x100000u)
#define FINISHER_PASS 0x5555u
#define FINISHER_FAIL 0x3333u

/* Core-local timer */
#define CLINT_COMPARE_LOW REGISTER(0x2004000u)
#define CLINT_COMPARE_HIGH REGISTER(0x2004004u)
#define CLINT_TIME_LOW REGISTER(0x200bff8u)
#define CLINT_TIME_HIGH REGISTER(0x200bffcu)
#define TIMER_HZ 10000000u

/* Platform interrupt controller, for hart 0 in machine mode */
#define PLIC_PRIORITY(source) REGISTER(0xc000000u + 4u * (source))
#define PLIC_ENABLE(source) REGISTER(0xc002000u + 4u * ((source) / 32u))
#define PLIC_THRESHOLD REGISTER(0xc200000u)
#define PLIC_CLAIM REGISTER(0xc200004u)

/* 16550 UART */
#define UART_DATA REGISTER8(0x10000000u)
#define UART_IER REGISTER8(0x10000001u)
#define UART_LSR REGISTER8(0x10000005u)
#define UART_IER_RX 0x1u
#define UART_LSR_RX 0x1u
#define UART_LSR_TX_EMPTY 0x20u
#define UART_SOURCE 10u

/* Eight places for virtio devices */
#define VIRTIO_BASE(slot) (0x10001000u + 0x1000u * (slot))
#define VIRTIO_SLOTS 8u
#define VIRTIO_SOURCE(slot) (1u + (slot))

void plic_enable(uint32_t source);
/* Serves the source if it is the network device's. */
void virtio_interrupt(uint32_t source);

#endif
