# Code for a Cortex-M0 on the Cortex-M3 board, which start-up makes as strict about alignment as a Cortex-M0 is.
BOARD_FAMILY = mps2
BOARD_CPU = -mcpu=cortex-m0 -mthumb -mfloat-abi=soft
BOARD_PREFIX = arm-none-eabi-
BOARD_SPECS = --specs=nano.specs
BOARD_ETHERNET = 0x40200000u
RUST_TARGET = thumbv6m-none-eabi
QEMU = qemu-system-arm -M mps2-an385
