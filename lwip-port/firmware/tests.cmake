# The firmware's tests, for the project's own ctest: each boots a board in QEMU. Skipped, and said so, where there is no emulator
# or no cross compiler.
find_program(QEMU_SYSTEM_ARM qemu-system-arm)
find_program(ARM_NONE_EABI_GCC arm-none-eabi-gcc)
find_program(QEMU_SYSTEM_RISCV32 qemu-system-riscv32)
find_program(RISCV64_UNKNOWN_ELF_GCC riscv64-unknown-elf-gcc)
mark_as_advanced(QEMU_SYSTEM_ARM ARM_NONE_EABI_GCC QEMU_SYSTEM_RISCV32 RISCV64_UNKNOWN_ELF_GCC)

set(script "${LWIP_TCP_RUST_ROOT}/scripts/firmware")
set(environment "LWIP_DIR=${LWIP_DIR};BUILD=${CMAKE_BINARY_DIR}/firmware;JOBS=2")

set(arm_packages "qemu-system-arm and gcc-arm-none-eabi")
set(riscv_packages "qemu-system-misc, gcc-riscv64-unknown-elf and picolibc-riscv64-unknown-elf")
if(QEMU_SYSTEM_ARM AND ARM_NONE_EABI_GCC)
    set(have_arm TRUE)
endif()
if(QEMU_SYSTEM_RISCV32 AND RISCV64_UNKNOWN_ELF_GCC)
    set(have_riscv TRUE)
endif()
foreach(kind arm riscv)
    if(NOT have_${kind})
        message(WARNING "The firmware's tests on ${kind} are disabled: they need ${${kind}_packages} (scripts/test installs them)")
    endif()
endforeach()

# firmware_test NAME FOLDER NEEDS ARGUMENT…: tests of one build folder run one after the other.
function(firmware_test name folder needs)
    add_test(NAME "firmware.${name}" COMMAND "${script}" ${ARGN})
    set_tests_properties("firmware.${name}" PROPERTIES
        LABELS firmware ENVIRONMENT "${environment}" TIMEOUT 900 RESOURCE_LOCK "firmware.${folder}")
    foreach(kind IN LISTS needs)
        if(NOT have_${kind})
            set_tests_properties("firmware.${name}" PROPERTIES DISABLED TRUE)
        endif()
    endforeach()
endfunction()

# board_tests BOARD NEEDS TCP TEST…
function(board_tests board needs tcp)
    foreach(test IN LISTS ARGN)
        firmware_test("${board}.${test}.${tcp}" "${board}.${tcp}" ${needs} --board ${board} --tcp ${tcp} --test ${test})
    endforeach()
endfunction()

foreach(tcp IN LISTS LWIP_TEST_TCPS)
    string(TOLOWER "${tcp}" suffix)
    # Everything where alignment, compiler or driver differ: Cortex-M3, a strict Cortex-M0, RISC-V.
    board_tests(mps2-an385 arm ${suffix} unit use faults)
    if(tcp STREQUAL "RUST")
        board_tests(mps2-an385-m0 arm ${suffix} unit use faults)
        board_tests(virt-rv32imac riscv ${suffix} unit use faults)
        board_tests(mps2-an386 arm ${suffix} unit use)
        board_tests(mps2-an500 arm ${suffix} unit use faults)
        firmware_test("archives.${suffix}" archives "arm;riscv" --archives)
    else()
        # That lwIP's own TCP runs on the boards shows that a failure of the core's there is not the board's.
        board_tests(mps2-an385-m0 arm ${suffix} use faults)
        board_tests(virt-rv32imac riscv ${suffix} use faults)
        board_tests(mps2-an386 arm ${suffix} use)
        board_tests(mps2-an500 arm ${suffix} use)
    endif()
    firmware_test("mps2-an385.full.${suffix}" "mps2-an385.${suffix}" arm --board mps2-an385 --tcp ${suffix} --full --test use --test faults)
    firmware_test("mps2-an385.make.${suffix}" "mps2-an385.${suffix}" arm --board mps2-an385 --tcp ${suffix} --make --test use)
endforeach()
