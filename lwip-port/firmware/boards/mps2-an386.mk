# Arm MPS2 with AN386: Cortex-M4, floating-point registers not used by calls.
BOARD_FAMILY = mps2
BOARD_CPU = -mcpu=cortex-m4 -mthumb -mfloat-abi=soft
BOARD_PREFIX = arm-none-eabi-
BOARD_SPECS = --specs=nano.specs
BOARD_ETHERNET = 0x40200000u
RUST_TARGET = thumbv7em-none-eabi
QEMU = qemu-system-arm -M mps2-an386
