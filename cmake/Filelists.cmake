# To be included after lwIP's own src/Filelists.cmake, from the same place, with the same variables (LWIP_DIR, LWIP_INCLUDE_DIRS,
# LWIP_DEFINITIONS, LWIP_COMPILER_FLAGS): puts the Rust TCP core in the place of tcp.c, tcp_in.c and tcp_out.c.
#
#   lwipcore_SRCS, lwipnoapps_SRCS  lose the three files
#   lwip_tcp_rust                   is the core, to be linked; lwIP's target lwipcore, where there is one, links it by itself
#   lwip_tcp_rust_LIBS              is lwip_tcp_rust, or nothing with LWIP_USE_RUST_TCP=OFF: for target_link_libraries()
option(LWIP_USE_RUST_TCP "lwIP's TCP from the Rust core; OFF: from lwIP's own C files" ON)
set(lwip_tcp_rust_LIBS)
if(LWIP_USE_RUST_TCP)
    if(NOT LWIP_DIR)
        message(FATAL_ERROR "lwip_tcp_rust: set LWIP_DIR to the folder of lwIP, and LWIP_INCLUDE_DIRS to those of your port and your "
            "lwipopts.h, before you include this")
    endif()
    include("${CMAKE_CURRENT_LIST_DIR}/LwipTcpRust.cmake")
    if(NOT TARGET lwip_tcp_rust)
        lwip_tcp_rust_library(lwip_tcp_rust LWIP_DIR "${LWIP_DIR}" INCLUDE_DIRS ${LWIP_INCLUDE_DIRS}
            DEFINITIONS ${LWIP_DEFINITIONS} CFLAGS ${LWIP_COMPILER_FLAGS})
    endif()
    set(lwip_tcp_rust_LIBS lwip_tcp_rust)
    foreach(_file IN LISTS LWIP_TCP_RUST_REPLACES)
        foreach(_list lwipcore_SRCS lwipnoapps_SRCS)
            list(REMOVE_ITEM ${_list} "${LWIP_DIR}/src/core/${_file}")
        endforeach()
    endforeach()
    if(TARGET lwipcore)
        get_target_property(_sources lwipcore SOURCES)
        foreach(_file IN LISTS LWIP_TCP_RUST_REPLACES)
            list(REMOVE_ITEM _sources "${LWIP_DIR}/src/core/${_file}")
        endforeach()
        set_property(TARGET lwipcore PROPERTY SOURCES ${_sources})
        target_link_libraries(lwipcore PUBLIC lwip_tcp_rust)
        set_property(TARGET lwip_tcp_rust APPEND PROPERTY INTERFACE_LINK_LIBRARIES lwipcore)
    endif()
endif()
