# Arm MPS2 with AN385: Cortex-M3. Read by the Makefile, by CMakeLists.txt and by scripts/firmware: one NAME = value a line.
BOARD_FAMILY = mps2
BOARD_CPU = -mcpu=cortex-m3 -mthumb -mfloat-abi=soft
BOARD_PREFIX = arm-none-eabi-
BOARD_SPECS = --specs=nano.specs
BOARD_ETHERNET = 0x40200000u
RUST_TARGET = thumbv7m-none-eabi
QEMU = qemu-system-arm -M mps2-an385
