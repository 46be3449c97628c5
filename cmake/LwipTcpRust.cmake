# The Rust TCP core for CMake projects. Offers
#
#   lwip_tcp_rust_library(<target> LWIP_DIR <dir> INCLUDE_DIRS <dirs…> [DEFINITIONS <defs…>] [CFLAGS <flags…>] [PROFILE <p>])
#       an imported static library: the core, built by cargo for just that configuration of lwIP
#   lwip_library(<target> TCP <C|RUST|NONE> LWIP_DIR <dir> INCLUDE_DIRS <dirs…> [DEFINITIONS …] [CFLAGS …] [SOURCES …] [PROFILE <p>])
#       lwIP as a static library, with its own TCP files, with the Rust core in their place, or without TCP (for a target
#       that brings its own); its includes, definitions and flags go to whoever links it
#   lwip_sources(<variable> LWIP_DIR <dir> LISTS <names…>)
#       the files of lists in lwIP's own Filelists.cmake, for example lwipppp_SRCS
#
# INCLUDE_DIRS are the port's folder (arch/cc.h) and that of lwipopts.h; lwIP's src/include is added where it misses.
# Settings, all cache variables: LWIP_TCP_RUST_TARGET, LWIP_TCP_RUST_PROFILE, LWIP_TCP_RUST_TARGET_DIR, LWIP_TCP_RUST_CARGO,
# LWIP_TCP_RUST_CARGO_ARGS, LWIP_TCP_RUST_CARGO_ENV, LWIP_TCP_RUST_SANITIZE. They are described below.
include_guard(GLOBAL)

get_filename_component(LWIP_TCP_RUST_ROOT "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
set(LWIP_TCP_RUST_ROOT "${LWIP_TCP_RUST_ROOT}" CACHE INTERNAL "Where the Rust core's sources are")

# A function's own files are looked up from here, whoever calls it.
set(LWIP_TCP_RUST_CMAKE_DIR "${CMAKE_CURRENT_LIST_DIR}" CACHE INTERNAL "Where the Rust core's CMake files are")

set(LWIP_TCP_RUST_TARGET "" CACHE STRING
    "Rust target triple, for example thumbv7em-none-eabihf, or a target's JSON file; empty: the host's, or found from -mcpu when cross-compiling")
set(LWIP_TCP_RUST_PROFILE "release" CACHE STRING "Cargo profile: release (small), fast, dev")
set(LWIP_TCP_RUST_CARGO "" CACHE STRING "The cargo to call; empty: that on PATH")
set(LWIP_TCP_RUST_CARGO_ARGS "" CACHE STRING "More arguments of cargo build, for example -Zbuild-std=core")
set(LWIP_TCP_RUST_CARGO_ENV "" CACHE STRING "More of cargo's environment, VAR=VALUE, for example RUSTC_BOOTSTRAP=1")
option(LWIP_TCP_RUST_SANITIZE
    "Where the C flags ask for AddressSanitizer, instrument the Rust code too (by a flag that Rust calls unstable)" OFF)
# All configurations share it, so that the build dependencies compile once. It is not cargo's own default: an archive is taken
# out of it, and another cargo build at the same time must not put a different one there.
if(CMAKE_SOURCE_DIR STREQUAL LWIP_TCP_RUST_ROOT)
    set(LWIP_TCP_RUST_TARGET_DIR "${LWIP_TCP_RUST_ROOT}/target/cmake" CACHE PATH "cargo's target folder for CMake's builds")
else()
    set(LWIP_TCP_RUST_TARGET_DIR "${CMAKE_BINARY_DIR}/lwip_tcp_rust" CACHE PATH "cargo's target folder for CMake's builds")
endif()

# cargo locks its target folder, so one at a time is all that ninja should start.
set_property(GLOBAL APPEND PROPERTY JOB_POOLS lwip_tcp_rust_cargo=1)

# The Rust sources: a change in one of them makes every archive old.
file(GLOB_RECURSE LWIP_TCP_RUST_INPUTS CONFIGURE_DEPENDS "${LWIP_TCP_RUST_ROOT}/src/*.rs")
foreach(_file Cargo.toml Cargo.lock cargo/small.toml cargo/from-source.toml build.rs wrapper.c wrapper.h cbindgen.toml)
    if(EXISTS "${LWIP_TCP_RUST_ROOT}/${_file}")
        list(APPEND LWIP_TCP_RUST_INPUTS "${LWIP_TCP_RUST_ROOT}/${_file}")
    endif()
endforeach()
set(LWIP_TCP_RUST_INPUTS "${LWIP_TCP_RUST_INPUTS}" CACHE INTERNAL "What the Rust core is built from")

# lwIP's own three TCP files, which the core takes the place of.
set(LWIP_TCP_RUST_REPLACES tcp.c tcp_in.c tcp_out.c CACHE INTERNAL "The files of src/core that the Rust core replaces")

# PATH comes first: more than one Rust may be installed, and cargo and rustc have to be of the same.
find_program(LWIP_TCP_RUST_CARGO_PROGRAM cargo PATHS "$ENV{HOME}/.cargo/bin" NO_CMAKE_FIND_ROOT_PATH)
mark_as_advanced(LWIP_TCP_RUST_CARGO_PROGRAM)

function(_lwip_tcp_rust_find_cargo)
    if(LWIP_TCP_RUST_CARGO)
        return()
    endif()
    if(NOT LWIP_TCP_RUST_CARGO_PROGRAM)
        message(FATAL_ERROR "cargo was not found: the Rust TCP core needs Rust 1.85 or later (https://rustup.rs). "
            "Put cargo on PATH or name it: -DLWIP_TCP_RUST_CARGO=/path/to/cargo. With -DLWIP_USE_RUST_TCP=OFF lwIP's own TCP is built.")
    endif()
    set(LWIP_TCP_RUST_CARGO "${LWIP_TCP_RUST_CARGO_PROGRAM}" PARENT_SCOPE)
endfunction()

# The Rust target for the C flags at hand: what the user says, else what -mcpu or -march mean, else the host's ("").
function(_lwip_tcp_rust_find_target result flags)
    set(target "${LWIP_TCP_RUST_TARGET}")
    if(NOT target AND CMAKE_CROSSCOMPILING)
        set(hard "")
        # cortex-m3 is no cortex-m33; what may follow are extensions (+nodsp, _zicsr) and the next flag.
        set(end "([^0-9a-z]|$)")
        if(flags MATCHES "-mfloat-abi=hard")
            set(hard "hf")
        endif()
        if(flags MATCHES "-mcpu=cortex-m0(plus)?${end}|-mcpu=cortex-m1${end}|-march=armv6s?-m${end}")
            set(target thumbv6m-none-eabi)
        elseif(flags MATCHES "-mcpu=cortex-m3${end}|-march=armv7-m${end}")
            set(target thumbv7m-none-eabi)
        elseif(flags MATCHES "-mcpu=cortex-m[47]${end}|-march=armv7e-m${end}")
            set(target thumbv7em-none-eabi${hard})
        elseif(flags MATCHES "-mcpu=cortex-m23${end}|-march=armv8-m.base${end}")
            set(target thumbv8m.base-none-eabi)
        elseif(flags MATCHES "-mcpu=cortex-m(33|35p|55|85)${end}|-march=armv8(.1)?-m.main${end}")
            set(target thumbv8m.main-none-eabi${hard})
        elseif(flags MATCHES "-march=rv32im(ac|c|afc)${end}")
            set(target riscv32im${CMAKE_MATCH_1}-unknown-none-elf)
        else()
            message(FATAL_ERROR "Which Rust target belongs to this cross build (CMAKE_SYSTEM_PROCESSOR=${CMAKE_SYSTEM_PROCESSOR}) "
                "cannot be told from its flags. Say it: -DLWIP_TCP_RUST_TARGET=thumbv7em-none-eabihf "
                "(rustup target list shows all)")
        endif()
        message(STATUS "lwip_tcp_rust: Rust target ${target}, from the C flags")
    endif()
    set(${result} "${target}" PARENT_SCOPE)
endfunction()

# A host build under AddressSanitizer: the triple has to be named, so that cargo leaves its build scripts alone.
function(_lwip_tcp_rust_sanitize triple environment)
    execute_process(COMMAND "${LWIP_TCP_RUST_CARGO}" -vV OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
    if(NOT text MATCHES "host: ([a-z0-9_-]+)")
        message(FATAL_ERROR "LWIP_TCP_RUST_SANITIZE: ${LWIP_TCP_RUST_CARGO} -vV does not say what its host is:\n${text}")
    endif()
    set(${triple} "${CMAKE_MATCH_1}" PARENT_SCOPE)
    string(TOUPPER "${CMAKE_MATCH_1}" name)
    string(REPLACE "-" "_" name "${name}")
    list(APPEND ${environment} RUSTC_BOOTSTRAP=1 "CARGO_TARGET_${name}_RUSTFLAGS=-Zsanitizer=address")
    set(${environment} "${${environment}}" PARENT_SCOPE)
endfunction()

# Absolute folders, lwIP's own headers included.
function(_lwip_tcp_rust_include_dirs result lwip_dir)
    set(dirs)
    foreach(dir IN LISTS ARGN)
        if(NOT dir MATCHES "\\$<")
            get_filename_component(dir "${dir}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
        endif()
        list(APPEND dirs "${dir}")
    endforeach()
    list(APPEND dirs "${lwip_dir}/src/include")
    list(REMOVE_DUPLICATES dirs)
    set(${result} "${dirs}" PARENT_SCOPE)
endfunction()

function(_lwip_tcp_rust_check_dir caller lwip_dir)
    if(NOT EXISTS "${lwip_dir}/src/include/lwip/tcp.h")
        message(FATAL_ERROR "${caller}: LWIP_DIR=${lwip_dir} is no lwIP folder: it has no src/include/lwip/tcp.h. "
            "Example: -DLWIP_DIR=$(scripts/fetch-lwip)")
    endif()
endfunction()

function(lwip_tcp_rust_library target)
    cmake_parse_arguments(PARSE_ARGV 1 ARG "" "LWIP_DIR;PROFILE" "INCLUDE_DIRS;DEFINITIONS;CFLAGS")
    if(ARG_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "lwip_tcp_rust_library(${target}): unknown arguments ${ARG_UNPARSED_ARGUMENTS}")
    endif()
    _lwip_tcp_rust_check_dir("lwip_tcp_rust_library(${target})" "${ARG_LWIP_DIR}")
    _lwip_tcp_rust_find_cargo()
    _lwip_tcp_rust_include_dirs(include_dirs "${ARG_LWIP_DIR}" ${ARG_INCLUDE_DIRS})
    separate_arguments(toolchain_flags NATIVE_COMMAND "${CMAKE_C_FLAGS}")
    set(flags ${toolchain_flags})
    if(CMAKE_SYSROOT)
        list(APPEND flags "--sysroot=${CMAKE_SYSROOT}")
    endif()
    list(APPEND flags ${ARG_CFLAGS})
    foreach(definition IN LISTS ARG_DEFINITIONS)
        string(REGEX REPLACE "^-D" "" definition "${definition}")
        list(APPEND flags "-D${definition}")
    endforeach()
    # Which language is compiled is no question here, and a generator expression about it could not be evaluated.
    string(REPLACE "$<COMPILE_LANGUAGE:C>" "1" flags "${flags}")
    string(REPLACE "$<COMPILE_LANGUAGE:CXX>" "0" flags "${flags}")
    _lwip_tcp_rust_find_target(triple "${flags}")
    if(LWIP_TCP_RUST_SANITIZE AND NOT triple AND flags MATCHES "-fsanitize=[a-z,]*address")
        _lwip_tcp_rust_sanitize(triple LWIP_TCP_RUST_CARGO_ENV)
    endif()
    set(profile "${ARG_PROFILE}")
    if(NOT profile)
        set(profile "${LWIP_TCP_RUST_PROFILE}")
    endif()

    set(folder "${CMAKE_CURRENT_BINARY_DIR}/${target}.cargo")
    set(archive "${folder}/liblwip_tcp_rust.a")
    set(depfile "${folder}/liblwip_tcp_rust.d")
    set(lwip_dir "${ARG_LWIP_DIR}")
    # Ninja compares outputs after a command (restat); others need a newer file to be content.
    if(CMAKE_GENERATOR MATCHES "Ninja")
        set(copy copy_if_different)
    else()
        set(copy copy)
    endif()
    configure_file("${LWIP_TCP_RUST_CMAKE_DIR}/settings.cmake.in" "${folder}/settings.in" @ONLY)
    # A second step, for the generator expressions in definitions and flags.
    file(GENERATE OUTPUT "${folder}/settings.cmake" INPUT "${folder}/settings.in")
    add_custom_command(
        OUTPUT "${archive}"
        COMMAND "${CMAKE_COMMAND}" "-DSETTINGS=${folder}/settings.cmake" -P "${LWIP_TCP_RUST_CMAKE_DIR}/CargoBuild.cmake"
        DEPENDS ${LWIP_TCP_RUST_INPUTS} "${folder}/settings.cmake" "${LWIP_TCP_RUST_CMAKE_DIR}/CargoBuild.cmake"
        DEPFILE "${depfile}"
        JOB_POOL lwip_tcp_rust_cargo
        COMMENT "Building the Rust TCP core of ${target}"
        VERBATIM)
    add_custom_target(${target}.cargo DEPENDS "${archive}")
    add_library(${target} STATIC IMPORTED GLOBAL)
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${archive}")
    # Its header is written by the first build, and CMake wants the folder of an imported target to be there before.
    file(MAKE_DIRECTORY "${LWIP_TCP_RUST_ROOT}/include")
    target_include_directories(${target} INTERFACE "${LWIP_TCP_RUST_ROOT}/include")
    add_dependencies(${target} ${target}.cargo)
endfunction()

function(lwip_sources result)
    cmake_parse_arguments(PARSE_ARGV 1 ARG "" "LWIP_DIR" "LISTS")
    _lwip_tcp_rust_check_dir("lwip_sources(${result})" "${ARG_LWIP_DIR}")
    # Read rather than included: including it defines targets and can be done but once in a project.
    file(READ "${ARG_LWIP_DIR}/src/Filelists.cmake" text)
    string(REPLACE "\r" "" text "${text}")
    set(files)
    foreach(name IN LISTS ARG_LISTS)
        string(REGEX MATCHALL "(set|list)\\((APPEND )?${name}[ \n][^)]*\\)" blocks "${text}")
        if(NOT blocks)
            message(FATAL_ERROR "lwip_sources: lwIP's Filelists.cmake in ${ARG_LWIP_DIR}/src has no list ${name}")
        endif()
        string(REGEX MATCHALL "[A-Za-z0-9_/-]+\\.c" found "${blocks}")
        foreach(file IN LISTS found)
            list(APPEND files "${ARG_LWIP_DIR}${file}")
        endforeach()
    endforeach()
    set(${result} "${files}" PARENT_SCOPE)
endfunction()

function(lwip_library target)
    cmake_parse_arguments(PARSE_ARGV 1 ARG "" "TCP;LWIP_DIR;PROFILE" "INCLUDE_DIRS;DEFINITIONS;CFLAGS;SOURCES")
    if(ARG_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "lwip_library(${target}): unknown arguments ${ARG_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT ARG_TCP MATCHES "^(C|RUST|NONE)$")
        message(FATAL_ERROR "lwip_library(${target}): TCP is \"${ARG_TCP}\", and has to be C, RUST or NONE")
    endif()
    _lwip_tcp_rust_check_dir("lwip_library(${target})" "${ARG_LWIP_DIR}")
    _lwip_tcp_rust_include_dirs(include_dirs "${ARG_LWIP_DIR}" ${ARG_INCLUDE_DIRS})
    lwip_sources(sources LWIP_DIR "${ARG_LWIP_DIR}" LISTS lwipcore_SRCS lwipcore4_SRCS lwipcore6_SRCS lwipapi_SRCS lwipnetif_SRCS)
    if(NOT ARG_TCP STREQUAL "C")
        foreach(file IN LISTS LWIP_TCP_RUST_REPLACES)
            list(REMOVE_ITEM sources "${ARG_LWIP_DIR}/src/core/${file}")
        endforeach()
    endif()
    add_library(${target} STATIC ${sources} ${ARG_SOURCES})
    target_include_directories(${target} PUBLIC ${include_dirs})
    target_compile_definitions(${target} PUBLIC ${ARG_DEFINITIONS})
    target_compile_options(${target} PUBLIC ${ARG_CFLAGS})
    set(sanitizers ${ARG_CFLAGS})
    list(FILTER sanitizers INCLUDE REGEX "^-f(no-)?sanitize")
    target_link_options(${target} PUBLIC ${sanitizers})
    if(ARG_TCP STREQUAL "RUST")
        lwip_tcp_rust_library(${target}.tcp LWIP_DIR "${ARG_LWIP_DIR}" INCLUDE_DIRS ${include_dirs}
            DEFINITIONS ${ARG_DEFINITIONS} CFLAGS ${ARG_CFLAGS} PROFILE "${ARG_PROFILE}")
        # lwIP calls TCP and TCP calls lwIP; told of the circle, CMake names the archives to the linker as often as needed.
        target_link_libraries(${target} PUBLIC ${target}.tcp)
        set_property(TARGET ${target}.tcp APPEND PROPERTY INTERFACE_LINK_LIBRARIES ${target})
    endif()
endfunction()
