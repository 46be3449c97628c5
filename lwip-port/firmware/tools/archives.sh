# shellcheck shell=bash
# The archive for each Rust target, and the symbols that it asks of the linker. To be sourced by scripts/firmware.
# shellcheck disable=SC2154,SC2034 # variables shared with the script's other parts

# TARGET BOARD: the board's file has the compiler and its flags for the target.
ARCHIVE_BOARDS=(mps2-an385-m0 mps2-an385 mps2-an386 mps2-an500 cortex-m33 virt-rv32imac virt-rv32imc)
# Of a C library the core may use these and no other.
LIBC_ALLOWED='memcpy|memset|memmove|memcmp'

symbols() { # defined|undefined FILE…
	local kind=$1 table
	shift
	# Not nm, which some releases of binutils let crash on what Rust's compiler writes.
	table=$("${BOARD_PREFIX}readelf" --wide --syms "$@") || die "the symbols of $* cannot be read"
	awk -v kind="$kind" '($5 == "GLOBAL" || $5 == "WEAK") && NF >= 8 && (kind == "undefined") == ($7 == "UND") { print $8 }' \
		<<<"$table" | LC_ALL=C sort -u
}

# archive_symbols_check ARCHIVE LWIP: complains of what the core needs that is neither lwIP's, nor used by lwIP's own TCP (the port's
# functions behind lwIP's macros), nor one of the four. The compiler's helper functions that the archive brings along count as far
# as the core needs them: the linker is asked to put together what a firmware would get.
archive_symbols_check() {
	local archive=$1 lwip=$2 c_tcp exports flags
	c_tcp=$(find "$(dirname "$lwip")" -path '*src/core/tcp*.obj')
	read -ra flags <<<"$BOARD_CPU"
	# shellcheck disable=SC2086 # one word a file
	exports=$(symbols defined $c_tcp | sed 's/^/-Wl,--undefined=/')
	# shellcheck disable=SC2086 # one word a symbol
	"${BOARD_PREFIX}gcc" "${flags[@]}" -nostdlib -r -o "$SESSION/core.o" $exports "$archive" >"$SESSION/link.log" 2>&1 ||
		die "the archive does not link: $(cat "$SESSION/link.log")"
	symbols undefined "$SESSION/core.o" >"$SESSION/undefined"
	# shellcheck disable=SC2086 # one word a file
	{
		symbols defined "$lwip"
		symbols undefined $c_tcp
		# Its clock is part of what lwIP asks of a port (sys.h).
		echo sys_now
	} | LC_ALL=C sort -u >"$SESSION/lwip"
	UNKNOWN=$(LC_ALL=C comm -23 "$SESSION/undefined" "$SESSION/lwip" | grep -vxE "$LIBC_ALLOWED" || true)
	[[ -z $UNKNOWN ]]
}

archives_check() {
	local board failed=() folder
	temporary_directory SESSION
	BOARDS=("${ARCHIVE_BOARDS[@]}")
	need_programs
	for board in "${ARCHIVE_BOARDS[@]}"; do
		board_load "$board"
		note "the archive for $RUST_TARGET"
		folder=$BUILD/archives/$board
		build C "$folder-c" lwip
		build RUST "$folder" lwip.tcp.cargo
		if archive_symbols_check "$folder/lwip.tcp.cargo/liblwip_tcp_rust.a" "$folder-c/liblwip.a"; then
			printf 'PASS %s: no symbol but lwIP'\''s and %s\n' "$RUST_TARGET" "${LIBC_ALLOWED//|/, }"
		else
			printf 'FAIL %s: it also needs %s\n' "$RUST_TARGET" "${UNKNOWN//$'\n'/, }"
			failed+=("$RUST_TARGET")
		fi
	done
	((${#failed[@]} == 0)) || die "failed: ${failed[*]}"
}
