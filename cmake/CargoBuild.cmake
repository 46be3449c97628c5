# Run by the build (cmake -DSETTINGS=… -P): cargo builds the core for one configuration, the archive is copied out of cargo's
# shared target folder, and what it was made from is written down for the build tool.
include("${SETTINGS}")

# Quoted the way build.rs takes LWIP_CFLAGS apart.
set(cflags "")
foreach(flag IN LISTS FLAGS)
    if(flag STREQUAL "")
        continue()
    endif()
    if(NOT flag MATCHES "^[A-Za-z0-9_/.,:=+-]+$")
        string(REPLACE "'" "'\\''" flag "${flag}")
        set(flag "'${flag}'")
    endif()
    string(APPEND cflags " ${flag}")
endforeach()
string(STRIP "${cflags}" cflags)
list(REMOVE_ITEM INCLUDE_DIRS "")
if(CMAKE_HOST_WIN32)
    set(path_list "${INCLUDE_DIRS}")
else()
    string(REPLACE ";" ":" path_list "${INCLUDE_DIRS}")
endif()

set(ENV{LWIP_DIR} "${LWIP_DIR}")
set(ENV{LWIP_INCLUDE_DIRS} "${path_list}")
set(ENV{LWIP_CFLAGS} "${cflags}")
# Two compilers in one target folder take each other's libraries for their own.
set(toolchain "${CARGO_ENV}" "${CARGO_ARGS}" "$ENV{RUSTC}" "$ENV{RUSTUP_TOOLCHAIN}" "$ENV{RUSTFLAGS}")
if(NOT "${toolchain}" MATCHES "^;*$")
    string(SHA256 toolchain "${CARGO};${toolchain}")
    string(SUBSTRING "${toolchain}" 0 12 toolchain)
    string(APPEND TARGET_DIR "/${toolchain}")
endif()
set(ENV{CARGO_TARGET_DIR} "${TARGET_DIR}")
# make hands its job server down in MAKEFLAGS, to children that cargo could not make use of.
unset(ENV{MAKEFLAGS})
set(arguments build --lib --profile "${PROFILE}" --manifest-path "${ROOT}/Cargo.toml")
set(folder "${TARGET_DIR}")
if(TRIPLE)
    list(APPEND arguments --target "${TRIPLE}")
    set(ENV{TARGET_CC} "${CC}")
    set(ENV{TARGET_AR} "${AR}")
    string(APPEND folder "/${TRIPLE}")
else()
    set(ENV{CC} "${CC}")
    set(ENV{AR} "${AR}")
endif()
foreach(setting IN LISTS CARGO_ENV)
    if(NOT setting MATCHES "^([A-Za-z_][A-Za-z0-9_]*)=(.*)$")
        message(FATAL_ERROR "LWIP_TCP_RUST_CARGO_ENV has \"${setting}\": it is a list of VAR=VALUE")
    endif()
    set(ENV{${CMAKE_MATCH_1}} "${CMAKE_MATCH_2}")
endforeach()
if(PROFILE STREQUAL "dev")
    string(APPEND folder "/debug")
else()
    string(APPEND folder "/${PROFILE}")
endif()

# Between cargo's end and the copy no other configuration may be built there.
file(MAKE_DIRECTORY "${TARGET_DIR}")
file(LOCK "${TARGET_DIR}/cmake.lock" GUARD PROCESS TIMEOUT 3600)
execute_process(
    COMMAND "${CARGO}" ${arguments} ${CARGO_ARGS}
    WORKING_DIRECTORY "${ROOT}"
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT status EQUAL 0)
    # What the build script tells cargo is of no use to a reader, but for its errors.
    string(REGEX REPLACE "\n  cargo:(:rerun|:rustc|rerun|rustc)[^\n]*" "" output "${output}")
    message("${output}")
    string(REPLACE ";" " " arguments "${arguments};${CARGO_ARGS}")
    message(FATAL_ERROR "cargo could not build the Rust TCP core. The same by hand:
  cd ${ROOT} &&
  LWIP_DIR='${LWIP_DIR}' LWIP_INCLUDE_DIRS='${path_list}' LWIP_CFLAGS=\"${cflags}\" cargo ${arguments}")
endif()
execute_process(COMMAND "${CMAKE_COMMAND}" -E ${COPY} "${folder}/liblwip_tcp_rust.a" "${ARCHIVE}" COMMAND_ERROR_IS_FATAL ANY)

# cargo's own list: the sources, and each header that lwipopts.h brought in. Folders in it would be newer after any build, and
# files below the target folder belong to whichever configuration was built last.
file(READ "${folder}/liblwip_tcp_rust.d" text)
string(REGEX REPLACE "^[^:]*: *" "" text "${text}")
string(REPLACE "\\ " "\t" text "${text}")
string(REGEX MATCHALL "[^ \n]+" files "${text}")
set(rule "${ARCHIVE}:")
foreach(file IN LISTS files)
    string(REPLACE "\t" " " file "${file}")
    string(FIND "${file}" "${TARGET_DIR}/" generated)
    if(EXISTS "${file}" AND NOT IS_DIRECTORY "${file}" AND NOT generated EQUAL 0)
        string(REPLACE " " "\\ " file "${file}")
        string(APPEND rule " \\\n  ${file}")
    endif()
endforeach()
file(WRITE "${DEPFILE}" "${rule}\n")
