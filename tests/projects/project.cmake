# CMakeLists.txt of the outside project, as BUILDING has it for CMake. CORE is the folder of lwip_tcp_rust.
cmake_minimum_required(VERSION 3.20)
project(outside LANGUAGES C)

set(LWIP_CONTRIB_DIR ${LWIP_DIR}/contrib)
set(LWIP_INCLUDE_DIRS ${LWIP_DIR}/src/include ${LWIP_CONTRIB_DIR}/ports/unix/port/include ${CMAKE_CURRENT_SOURCE_DIR})
include(${LWIP_DIR}/src/Filelists.cmake)
add_subdirectory(${CORE} lwip_tcp_rust)

add_executable(program main.c ${lwipnoapps_SRCS})
target_include_directories(program PRIVATE ${LWIP_INCLUDE_DIRS})
target_link_libraries(program PRIVATE ${lwip_tcp_rust_LIBS})
