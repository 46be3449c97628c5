# The firmware's tests, for the project's own ctest: each boots a board in QEMU. Skipped, and said so, where there is no emulator
# or no cross compiler.
find_program(QEMU_SYSTEM_ARM qemu-system-arm)
find_program(ARM_NONE_EABI_GCC arm-none-eabi-gcc)
mark_as_advanced(QEMU_SYSTEM_ARM ARM_NONE_EABI_GCC)

set(script "${LWIP_TCP_RUST_ROOT}/scripts/firmware")
set(environment "LWIP_DIR=${LWIP_DIR};BUILD=${CMAKE_BINARY_DIR}/firmware;JOBS=2")

function(firmware_test name)
    add_test(NAME "firmware.${name}" COMMAND "${script}" ${ARGN})
    # One at a time: they share build folders, and an emulator that is kept waiting is a board that times out.
    set_tests_properties("firmware.${name}" PROPERTIES
        LABELS firmware ENVIRONMENT "${environment}" TIMEOUT 900 RESOURCE_LOCK firmware)
    if(NOT QEMU_SYSTEM_ARM OR NOT ARM_NONE_EABI_GCC)
        set_tests_properties("firmware.${name}" PROPERTIES DISABLED TRUE)
    endif()
endfunction()

if(NOT QEMU_SYSTEM_ARM OR NOT ARM_NONE_EABI_GCC)
    message(WARNING "The firmware's tests are disabled: they need qemu-system-arm and gcc-arm-none-eabi (scripts/test installs them)")
endif()
foreach(tcp IN LISTS LWIP_TEST_TCPS)
    string(TOLOWER "${tcp}" suffix)
    foreach(board mps2-an385 mps2-an385-m0 mps2-an386 mps2-an500)
        foreach(test unit use faults)
            firmware_test("${board}.${test}.${suffix}" --board ${board} --tcp ${suffix} --test ${test})
        endforeach()
    endforeach()
    firmware_test("mps2-an385.full.${suffix}" --board mps2-an385 --tcp ${suffix} --full --test use --test faults)
    firmware_test("mps2-an385.make.${suffix}" --board mps2-an385 --tcp ${suffix} --make --test use)
    if(tcp STREQUAL "RUST")
        firmware_test("archives.${suffix}" --archives)
    endif()
endforeach()
