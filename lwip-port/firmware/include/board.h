/*
 * What a board gives to the application, and the application to the board's Ethernet driver.
 */
#ifndef FIRMWARE_BOARD_H
#define FIRMWARE_BOARD_H

#include "lwip/arch.h"

struct pbuf;

void board_init(void);
u32_t board_milliseconds(void);
void board_putc(char c);
/* The next character typed on the console, or -1. */
int board_getc(void);
/* Sleeps until an interrupt, unless `pending` says that one has already left work behind. */
void board_wait(int (*pending)(void));
/* Ends the program, with a status for the emulator where it can take one. */
void board_exit(int status) __attribute__((noreturn));
/* Whether an access that is not aligned is a fault, where the CPU can be told so. */
void board_strict_alignment(int strict);
/* Counts up at a fixed number of instructions under an emulator that counts them; see board_instructions_per_tick. */
u32_t board_ticks(void);
extern const u32_t board_instructions_per_tick;

/* The Ethernet controller. */
#define ETHERNET_ADDRESS_LENGTH 6
enum ethernet_result { ETHERNET_OK, ETHERNET_BUSY, ETHERNET_FAILED };
int ethernet_open(const u8_t address[ETHERNET_ADDRESS_LENGTH]);
enum ethernet_result ethernet_send(const struct pbuf *frame);
int ethernet_link_is_up(void);

/* What the driver's interrupt calls: a frame, ETH_PAD_SIZE bytes of padding in front; the callee owns it. */
void netdev_received(struct pbuf *frame);
void netdev_dropped(void);
void netdev_link_changed(void);

#endif
