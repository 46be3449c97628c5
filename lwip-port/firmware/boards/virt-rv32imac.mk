# QEMU's RISC-V board `virt`, RV32IMAC.
BOARD_FAMILY = virt
BOARD_CPU = -march=rv32imac -misa-spec=2.2 -mabi=ilp32 -mcmodel=medany
BOARD_PREFIX = riscv64-unknown-elf-
BOARD_SPECS = --specs=picolibc.specs
RUST_TARGET = riscv32imac-unknown-none-elf
QEMU = qemu-system-riscv32 -M virt -bios none -global virtio-mmio.force-legacy=false
