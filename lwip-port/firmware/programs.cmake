# Programs that test and measure TCP on the target. They end by themselves, through the emulator's semihosting.
set(bare "${CMAKE_CURRENT_LIST_DIR}/app/format.c" "${CMAKE_CURRENT_LIST_DIR}/app/print.c" ${startup} "${board_dir}/board.c")

# lwIP's unit tests, with the options that they bring along.
set(unit "${LWIP_DIR}/test/unit")
file(READ "${unit}/Filelists.cmake" text)
string(REGEX MATCHALL "{LWIP_TESTDIR}/[A-Za-z0-9_/]+\\.c" found "${text}")
list(TRANSFORM found REPLACE "^{LWIP_TESTDIR}" "${unit}" OUTPUT_VARIABLE unit_sources)
lwip_sources(unit_library LWIP_DIR "${LWIP_DIR}" LISTS lwipmdns_SRCS lwipmqtt_SRCS lwipppp_SRCS)
# MEM_ALIGNMENT: the tests leave it at 1, with which objects in the heap lie where this CPU cannot store two words at once.
# The tests print by LWIP_DEBUG; what is only unused here would be noise.
set(unit_flags ${flags} -Wno-unused -Wno-format)
lwip_library(lwip_unit TCP ${tcp} LWIP_DIR "${LWIP_DIR}" INCLUDE_DIRS include "${unit}"
    DEFINITIONS LWIP_DEBUG LWIP_NOASSERT_ON_ERROR MEM_ALIGNMENT=4 CFLAGS ${unit_flags} SOURCES ${unit_library})
add_executable(unit ${bare} ${unit_sources}
    unit/check.c unit/libc.c)
set_source_files_properties("${unit}/lwip_unittests.c" PROPERTIES COMPILE_DEFINITIONS main=tests_main)
# What the hosted ports' cc.h bring along, and the tests rely on.
target_compile_options(unit PRIVATE "$<$<COMPILE_LANGUAGE:C>:SHELL:-include stdio.h>"
    "$<$<COMPILE_LANGUAGE:C>:SHELL:-include stdlib.h>")
target_include_directories(unit BEFORE PRIVATE unit "${unit}")
target_compile_definitions(unit PRIVATE FIRMWARE_SEMIHOSTING)
target_link_libraries(unit PRIVATE lwip_unit)
firmware_program(unit)

# Stack and instructions. A program of its own build of lwIP: without checksums, which would hide what TCP itself costs.
lwip_library(lwip_measure TCP ${tcp} LWIP_DIR "${LWIP_DIR}" INCLUDE_DIRS include app
    DEFINITIONS ${options} CHECKSUM_CHECK_TCP=0 CHECKSUM_GEN_TCP=0 CFLAGS ${flags})
add_executable(measure ${bare} measure/measure.c)
target_compile_definitions(measure PRIVATE FIRMWARE_SEMIHOSTING)
target_link_libraries(measure PRIVATE lwip_measure)
firmware_program(measure)
