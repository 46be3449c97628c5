/* Arm MPS2 with the images AN385 (Cortex-M3), AN386 (M4) and AN500 (M7): what this firmware uses of it. */
#ifndef FIRMWARE_MPS2_H
#define FIRMWARE_MPS2_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* CMSDK APB UART 0 */
#define UART_DATA REGISTER(0x40004000u)
#define UART_STATE REGISTER(0x40004004u)
#define UART_CTRL REGISTER(0x40004008u)
#define UART_INTSTATUS REGISTER(0x4000400cu)
#define UART_BAUDDIV REGISTER(0x40004010u)
#define UART_STATE_TX_FULL 0x1u
#define UART_STATE_RX_FULL 0x2u
#define UART_CTRL_TX 0x1u
#define UART_CTRL_RX 0x2u
#define UART_CTRL_RX_INTERRUPT 0x8u
#define UART_INT_RX 0x2u
#define UART_RX_IRQ 0

/* CMSDK APB timer 0: 32 bits, counts down at the CPU's clock */
#define TIMER_CTRL REGISTER(0x40000000u)
#define TIMER_VALUE REGISTER(0x40000004u)
#define TIMER_RELOAD REGISTER(0x40000008u)
#define TIMER_CTRL_ENABLE 0x1u

/* LAN9118: the images map it at different addresses (boards/NAME.mk). */
#ifndef ETHERNET_BASE
#define ETHERNET_BASE 0x40200000u
#endif
#define ETHERNET_IRQ 13

/* Cortex-M system control space */
#define SYST_CSR REGISTER(0xe000e010u)
#define SYST_RVR REGISTER(0xe000e014u)
#define SYST_CVR REGISTER(0xe000e018u)
#define SYST_CSR_ENABLE 0x1u
#define SYST_CSR_INTERRUPT 0x2u
#define SYST_CSR_CPU_CLOCK 0x4u
#define SYST_MAX 0xffffffu
#define NVIC_ISER0 REGISTER(0xe000e100u)
#define SCB_CCR REGISTER(0xe000ed14u)
#define SCB_CCR_UNALIGN_TRP 0x8u
#define SCB_CFSR REGISTER(0xe000ed28u)
#define SCB_CPACR REGISTER(0xe000ed88u)

#define CPU_HZ 25000000u

void lan9118_interrupt(void);

#endif
