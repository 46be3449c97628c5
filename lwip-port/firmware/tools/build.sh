# shellcheck shell=bash
# Building the firmware and its programs. To be sourced by scripts/firmware.
# shellcheck disable=SC2154 # ROOT, FIRMWARE, BUILD, LWIP_DIR, FULL and WITH are the script's.
# shellcheck disable=SC2034 # and what is set here is for its other parts.

# board_load NAME: the settings of boards/NAME.mk as shell variables.
board_load() {
	local name equals value
	BOARD=$1 BOARD_FAMILY='' BOARD_CPU='' BOARD_PREFIX='' BOARD_ETHERNET='' RUST_TARGET='' QEMU=''
	while read -r name equals value; do
		[[ $equals == = && $name =~ ^[A-Z_]+$ ]] && printf -v "$name" '%s' "$value"
	done <"$FIRMWARE/boards/$1.mk"
}

# The Rust toolchain for the board loaded: sets CARGO_PROGRAM, CARGO_ARGUMENTS and CARGO_VARIABLES.
find_rust() {
	rust_target_find "$RUST_TARGET" || die "no Rust toolchain for $RUST_TARGET (see above); --tcp c runs lwIP's own TCP"
	CARGO_PROGRAM=$RUST_TARGET_CARGO CARGO_VARIABLES=("${RUST_TARGET_ENV[@]}") CARGO_ARGUMENTS=(${RUST_TARGET_ARGS[@]+"${RUST_TARGET_ARGS[@]}"})
}

join_by() { # SEPARATOR WORDS…
	local IFS=$1
	shift
	printf '%s' "$*"
}

# configure TCP FOLDER [CMAKE ARGUMENT…]
configure() {
	local tcp=$1 folder=$2
	shift 2
	local arguments=(-G Ninja -S "$FIRMWARE" -B "$folder" "-DBOARD=$BOARD" "-DLWIP_DIR=$LWIP_DIR"
		-DLWIP_USE_RUST_TCP=OFF "$@")
	if [[ $tcp == RUST ]]; then
		find_rust
		arguments+=(-DLWIP_USE_RUST_TCP=ON "-DLWIP_TCP_RUST_CARGO=$CARGO_PROGRAM"
			"-DLWIP_TCP_RUST_CARGO_ARGS=$(join_by ';' "${CARGO_ARGUMENTS[@]}")"
			"-DLWIP_TCP_RUST_CARGO_ENV=$(join_by ';' "${CARGO_VARIABLES[@]}")"
			"-DLWIP_TCP_RUST_TARGET=$RUST_TARGET_SPEC" "-DLWIP_TCP_RUST_TARGET_DIR=$ROOT/target/firmware")
	fi
	cmake "${arguments[@]}"
}

# quietly LOG COMMAND…: shows the output only of what fails.
quietly() {
	local log=$1
	shift
	if ! "$@" >"$log" 2>&1; then
		tail -n 60 "$log" >&2
		die "that failed: $* (whole output: $log)"
	fi
}

# build TCP FOLDER TARGETS [CMAKE ARGUMENT…]
build() {
	local tcp=$1 folder=$2 targets=$3
	shift 3
	mkdir -p "$folder"
	quietly "$folder/configure.log" configure "$tcp" "$folder" "$@"
	# shellcheck disable=SC2086 # one word a target
	quietly "$folder/build.log" cmake --build "$folder" --parallel "$(job_count)" --target $targets
}

# build_firmware TCP [TARGETS]: sets PROGRAMS, the folder of firmware.elf, and UNIT_PROGRAM.
build_firmware() {
	local tcp=$1 targets=${2:-firmware} options=()
	PROGRAMS=$BUILD/$BOARD-${tcp,,}
	if ((FULL)); then
		PROGRAMS+=-full
		options+=(-DFIRMWARE_FULL=ON)
	fi
	note "building for $BOARD, TCP in $tcp"
	build "$tcp" "$PROGRAMS" "$targets" ${options[@]+"${options[@]}"}
	UNIT_PROGRAM=$PROGRAMS/unit.elf
	if [[ $WITH == make ]]; then
		build_by_make "$tcp"
	fi
}

# The same firmware.elf from the Makefile, in a folder of its own.
build_by_make() {
	local tcp=$1 arguments
	PROGRAMS+=/make
	mkdir -p "$PROGRAMS"
	arguments=("BOARD=$BOARD" "O=$PROGRAMS" "LWIPDIR=$LWIP_DIR/src" "FULL=$FULL" LWIP_USE_RUST_TCP=0)
	if [[ $tcp == RUST ]]; then
		find_rust
		arguments+=(LWIP_USE_RUST_TCP=1 "CARGO=env $(join_by ' ' "${CARGO_VARIABLES[@]}") $CARGO_PROGRAM"
			"CARGOFLAGS=${CARGO_ARGUMENTS[*]}" "LWIP_TCP_RUST_TARGET=$RUST_TARGET_SPEC")
	fi
	quietly "$PROGRAMS/make.log" make -C "$FIRMWARE" -j "$(job_count)" "${arguments[@]}"
}
