# Arm MPS2 with AN500: Cortex-M7 with the hard-float ABI.
BOARD_FAMILY = mps2
BOARD_CPU = -mcpu=cortex-m7 -mthumb -mfloat-abi=hard -mfpu=fpv5-d16
BOARD_PREFIX = arm-none-eabi-
BOARD_SPECS = --specs=nano.specs
BOARD_ETHERNET = 0xa0000000u
RUST_TARGET = thumbv7em-none-eabihf
QEMU = qemu-system-arm -M mps2-an500
