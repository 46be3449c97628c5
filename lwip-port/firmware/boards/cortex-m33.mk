# No board: the archive for Armv8-M Mainline (Cortex-M33) is built with these flags, and its symbols are checked.
BOARD_FAMILY = mps2
BOARD_CPU = -mcpu=cortex-m33 -mthumb -mfloat-abi=hard -mfpu=fpv5-sp-d16
BOARD_PREFIX = arm-none-eabi-
BOARD_SPECS = --specs=nano.specs
BOARD_ETHERNET = 0x40200000u
RUST_TARGET = thumbv8m.main-none-eabihf
