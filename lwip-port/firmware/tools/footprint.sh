# shellcheck shell=bash
# What TCP costs on the target, C and Rust side by side. To be sourced by scripts/firmware.
# shellcheck disable=SC2153,SC2154 # variables shared with the script's other parts

SIZE_BOARDS=(mps2-an385-m0 mps2-an385 mps2-an386 mps2-an500 virt-rv32imac)
declare -A CPU_OF=([mps2-an385-m0]='Cortex-M0' [mps2-an385]='Cortex-M3' [mps2-an386]='Cortex-M4'
	[mps2-an500]='Cortex-M7' [virt-rv32imac]='RV32IMAC')
MEASURE_TIMEOUT=120
PROFILE_TIMEOUT=300
# With how many PCBs a second firmware is built, to see what one connection takes; no index either.
FEWER_PCBS=8
PCBS=16

declare -A CELL

# footprint_build TCP OPTIONS ASSERTS TARGETS [CMAKE ARGUMENT…]: into the folder CELL_FOLDER. ASSERTS: on…|off.
footprint_build() {
	local tcp=$1 options=$2 asserts=$3 targets=$4
	shift 4
	local arguments=(-DFIRMWARE_FULL=OFF -DFIRMWARE_NOASSERT=OFF "$@")
	[[ $options != full ]] || arguments[0]=-DFIRMWARE_FULL=ON
	[[ $asserts != off ]] || arguments[1]=-DFIRMWARE_NOASSERT=ON
	CELL_FOLDER=$BUILD/size/$BOARD-$options-asserts-$asserts-${tcp,,}
	build "$tcp" "$CELL_FOLDER" "$targets" "${arguments[@]}"
}

read_map() { # KEY MAP
	local what value
	while read -r what value; do
		CELL[$1/$what]=$value
	done < <(awk -f "$FIRMWARE/tools/map-tcp.awk" "$2")
	((${CELL[$1/flash]:-0} > 0)) || die "$2 shows no code of TCP's"
}

# The program measure, counted instruction by instruction.
read_measure() { # KEY PROGRAM
	local kind what value rest
	program_run "$2" "$MEASURE_TIMEOUT" -icount shift=0 || die "measuring on $BOARD failed: $OUTPUT"
	while read -r kind what value rest; do
		case $kind in
		instructions | stack) CELL[$1/$what]=$value ;;
		sizeof) CELL[$1/pcb]=$value CELL[$1/seg]=${rest#tcp_seg } ;;
		esac
	done <<<"$OUTPUT"
	for what in received-segment sent-segment tcp_input tcp_output tcp_slowtmr pcb seg; do
		((${CELL[$1/$what]:-0} > 0)) || die "measuring on $BOARD gave no $what: $OUTPUT"
	done
}

measure_cell() { # BOARD OPTIONS ASSERTS TCP
	local key=$1/$2/$3/$4 targets=firmware
	# Stack and instructions are measured as a firmware is built while it is developed, with assertions.
	[[ $3 == off ]] || targets+=' measure'
	note "measuring $1, $2 options, assertions $3, TCP in $4"
	footprint_build "$4" "$2" "$3" "$targets"
	read_map "$key" "$CELL_FOLDER/firmware.map"
	[[ $3 == off ]] || read_measure "$key" "$CELL_FOLDER/measure.elf"
}

# What one more connection costs of static RAM beside the pool.
measure_growth() { # BOARD OPTIONS TCP
	local key=$1/$2/on/$3 before=${CELL[$1/$2/on/$3/ram]}
	footprint_build "$3" "$2" on-fewer-pcbs firmware "-DFIRMWARE_PCBS=$FEWER_PCBS"
	read_map growth "$CELL_FOLDER/firmware.map"
	CELL[$key/growth]=$(((before - CELL[growth/ram]) / (PCBS - FEWER_PCBS)))
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", b / a }'; }

# compare_row PREFIX KEY OF: a table row of C and Rust, and their ratio.
compare_row() {
	local c=${CELL[$2/C/$3]:-} rust=${CELL[$2/RUST/$3]:-}
	if [[ -z $rust ]]; then
		printf '| %s | %s | | |\n' "$1" "$c"
	else
		printf '| %s | %s | %s | %s |\n' "$1" "$c" "$rust" "$(ratio "$c" "$rust")"
	fi
}

table_flash() {
	local board options asserts
	printf '| CPU | options | assertions | C | Rust | Rust / C |\n|---|---|---|---|---|---|\n'
	for board in "${SIZE_BOARDS[@]}"; do
		for options in default full; do
			for asserts in on off; do
				compare_row "${CPU_OF[$board]} | $options | $asserts" "$board/$options/$asserts" flash
			done
		done
	done
}

table_measured() { # WHAT…, rows for each CPU and option set
	local board options what
	printf '| CPU | options | | C | Rust | Rust / C |\n|---|---|---|---|---|---|\n'
	for board in "${SIZE_BOARDS[@]}"; do
		for options in default full; do
			for what in "$@"; do
				compare_row "${CPU_OF[$board]} | $options | $what" "$board/$options/on" "$what"
			done
		done
	done
}

table_ram() {
	local options tcp key
	printf '| Cortex-M3 | | C | Rust |\n|---|---|---|---|\n'
	for options in default full; do
		local -A pcb=() growth=() seg=() ram=()
		for tcp in "${TCPS[@]}"; do
			key=mps2-an385/$options/on/$tcp
			pcb[$tcp]=${CELL[$key/pcb]} growth[$tcp]=${CELL[$key/growth]} seg[$tcp]=${CELL[$key/seg]} ram[$tcp]=${CELL[$key/ram]}
		done
		printf '| %s | static RAM beside the pools, with %s PCBs | %s | %s |\n' "$options" "$PCBS" "${ram[C]}" "${ram[RUST]:-}"
		printf '| %s | per connection: struct tcp_pcb in the pool | %s | %s |\n' "$options" "${pcb[C]}" "${pcb[RUST]:-}"
		printf '| %s | per connection: beside it | %s | %s |\n' "$options" "${growth[C]}" "${growth[RUST]:-}"
		printf '| %s | per segment: struct tcp_seg in the pool | %s | %s |\n' "$options" "${seg[C]}" "${seg[RUST]:-}"
	done
}

# goal WHAT ALLOWANCE KEY…: how many cells are at most C's and what is allowed beside.
goal() {
	local what=$1 allowance=$2 met=0 all=0 key
	shift 2
	for key in "$@"; do
		all=$((all + 1))
		((CELL[${key/TCP/RUST}] > CELL[${key/TCP/C}] + allowance)) || met=$((met + 1))
	done
	printf -- '- %s: in %d of %d cells\n' "$what" "$met" "$all"
}

goals() {
	local board options what flash=() stack=() instructions=() per_connection=()
	for board in "${SIZE_BOARDS[@]}"; do
		for options in default full; do
			flash+=("$board/$options/on/TCP/flash" "$board/$options/off/TCP/flash")
			for what in tcp_input tcp_output tcp_slowtmr; do stack+=("$board/$options/on/TCP/$what"); done
			for what in received-segment sent-segment; do instructions+=("$board/$options/on/TCP/$what"); done
		done
	done
	for options in default full; do per_connection+=("mps2-an385/$options/on/TCP/growth"); done
	goal "flash at most C's" 0 "${flash[@]}"
	goal "stack at most C's and 64 bytes" 64 "${stack[@]}"
	goal "RAM per connection at most C's and 64 bytes" 64 "${per_connection[@]}"
	goal "instructions at most C's" 0 "${instructions[@]}"
}

footprint_text() {
	cat <<END
# Footprint on microcontrollers: lwIP's C TCP and the Rust core side by side

Written by \`scripts/firmware --size\`, which builds and measures all of this. lwIP $(basename "$LWIP_DIR" | sed 's/^lwip-//'), GCC
$("${BOARD_PREFIX_ARM}gcc" -dumpversion) \`-Os\` for C, cargo's profile \`release\` (opt-level z) for Rust${RUST_NAME:+ ($RUST_NAME)}. "Default" and "full" are the option
sets of lwip-port/firmware/app/lwipopts.h: IPv4 with lwIP's defaults; and IPv6, SACK, timestamps, window scaling, keep-alive and
backlog on.

The goals, and where they are met:

$(goals)

## Flash

Code and constants (bytes) that the linker took for TCP into the firmware of lwip-port/firmware, with \`--gc-sections\`, by the
map file: for C of tcp.c, tcp_in.c and tcp_out.c, for Rust of the archive, whatever is in it. With assertions, most of the
difference is the texts of C's messages, which the core does not have one by one. The cells without assertions compare code.

$(table_flash)

### What costs

Cortex-M3, default options, without assertions: C's functions beside ours, by what they do, the largest of each named with its bytes
(\`scripts/firmware --functions\` prints all, for any board).

$(table_parts mps2-an385)

Inlining hides what is spread over many functions. So once more, the core's code halfword by halfword, by the functions that the line
tables name for it. A byte may count in more than one row.

$(table_inlined mps2-an385)

The first five rows are checks and behaviour that README, docs/deviations.md and docs/rfc9293.md promise; the last two are the price of
Rust beside C. On their way in and out segments take less code than in C, by more than all of that, although the same C by clang takes
more than by GCC: \`scripts/bench --only size\` has a column for it.

## Stack

Bytes of stack below the call, painted and measured in the emulator: the deepest of handshake, data, loss and recovery,
out-of-order delivery, closed window, keep-alive, resets, closing; down to the netif's output function, callbacks included.

$(table_measured tcp_input tcp_output tcp_slowtmr)

## Instructions

Per segment of a full MSS, counted in the emulator (\`-icount\`), checksums off (they are lwIP's own, and the same for both).
A received segment is one tcp_input, with the application's tcp_recved and every other time an ACK sent. A sent segment is one
tcp_write, its part of tcp_output, and half an ACK received. The program that counts fails unless every segment's data arrived, and
each of 128 rounds took the same within a quarter.

$(table_measured received-segment sent-segment)

### Where they go

Cortex-M3, default options: the instructions in TCP's own functions, without lwIP's pbufs, pools and IP that they call, by what they do as
above. A segment received:

$(table_profile received)

A segment sent, with half an ACK received:

$(table_profile sent)

## RAM

$(table_ram)
END
}

footprint_all() {
	local board options asserts tcp
	TCPS=(C RUST)
	BOARDS=("${SIZE_BOARDS[@]}")
	need_programs
	for board in "${SIZE_BOARDS[@]}"; do
		board_load "$board"
		for options in default full; do
			for tcp in "${TCPS[@]}"; do
				for asserts in on off; do
					measure_cell "$board" "$options" "$asserts" "$tcp"
				done
				[[ $board != mps2-an385 ]] || measure_growth "$board" "$options" "$tcp"
			done
		done
	done
	temporary_directory SESSION
	profile_both mps2-an385
	BOARD_PREFIX_ARM=$BOARD_PREFIX
	RUST_NAME=$(find_rust && echo "$RUST_TARGET_NAME")
	mkdir -p "$ROOT/docs"
	footprint_text >"$ROOT/docs/footprint.md.new"
	mv "$ROOT/docs/footprint.md.new" "$ROOT/docs/footprint.md"
	cat "$ROOT/docs/footprint.md"
}

# name_functions TCP: "function NAME N …" lines become "TCP NAME N", as the source has the names, the largest first. A function's tables
# count with it.
name_functions() {
	sed -E 's/^(function )(\.Lswitch\.table\.|unlikely\.|\.ARM\.exidx(\.text)?\.)/\1/; s/\.(constprop|isra|part)\.[0-9]+ / /; s/^function (\.Lanon[^ ]*|cst[0-9]+) /function constants /' |
		"${BOARD_PREFIX}c++filt" --no-verbose |
		awk -v tcp="$1" '$1 == "function" { bytes = $(NF - 1); $1 = $NF = $(NF - 1) = ""; gsub(/^ +| +$/, ""); sub(/^OUTLINED_FUNCTION.*/, "OUTLINED_FUNCTION"); gsub(/ /, "_"); size[$0] += bytes }
			END { for (name in size) printf "%s %s %.0f\n", tcp, name, size[name] }' | LC_ALL=C sort -k3,3nr -k2,2
}

footprint_names() { # TCP MAP
	awk -v functions=1 -f "$FIRMWARE/tools/map-tcp.awk" "$2" | name_functions "$1"
}

# What costs: for a board's default options without assertions, where code is compared with code.
table_parts() { # BOARD
	local tcp
	board_load "$1"
	for tcp in C RUST; do
		footprint_names "$tcp" "$BUILD/size/$1-default-asserts-off-${tcp,,}/firmware.map"
	done | awk -f "$FIRMWARE/tools/parts.awk"
}

# The same firmware, halfword by halfword, with what the compiler inlined: line tables are all that it takes.
table_inlined() { # BOARD
	local program=$BUILD/size/$1-default-asserts-off-rust/firmware.elf
	board_load "$1"
	"${BOARD_PREFIX}nm" --print-size --defined-only "$program" |
		awk 'function value(hex,   i, v) { for (i = 1; i <= length(hex); i++) v = v * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1; return v }
			NF == 4 && $3 ~ /[tTwW]/ { at = value($1); at -= at % 2; for (end = at + value($2); at < end; at += 2) if (!seen[at]++) printf "0x%x\n", at }' |
		"${BOARD_PREFIX}addr2line" --exe="$program" --addresses --inlines --functions --demangle |
		awk -f "$FIRMWARE/tools/inlined.awk"
}

# Into $SESSION/received.TCP and sent.TCP, instructions of each of TCP's functions per segment.
profile_run() { # TCP FOLDER
	local program=$2/measure.elf words which filter step=(-singlestep)
	read -ra words <<<"$QEMU"
	"${words[0]}" -help | grep -q -e '^-singlestep' || step=(-accel 'tcg,one-insn-per-tb=on')
	footprint_names "$1" "$2/measure.map" >"$SESSION/own"
	# Writing the list is what takes the time: no more of it than TCP, and where the two phases begin.
	filter=$("${BOARD_PREFIX}nm" --print-size --numeric-sort --defined-only "$program" | awk 'NF == 4 && $3 ~ /[tTwW]/ {
			own = $4 ~ /lwip_tcp_rust|^tcp_|OUTLINED/
			if (own && first == "") first = $1
			if (!own && first != "") { printf "0x%s..0x%s,", first, $1; first = "" }
			if ($4 ~ /^measure_(receiv|send)ing/) printf "0x%s+2,", $1 }')
	# The list has no end that would be worth waiting for: awk leaves when it has enough of it.
	timeout "$PROFILE_TIMEOUT" "${words[@]}" -icount shift=0 "${step[@]}" -d exec,nochain -dfilter "${filter%,}" -D /dev/stdout -kernel "$program" -display none \
		-monitor none -nic none -serial null -semihosting-config enable=on,target=native 2>/dev/null |
		awk -v skip=64 -v enough=512 -f "$FIRMWARE/tools/profile.awk" <("${BOARD_PREFIX}nm" --print-size --defined-only "$program") - \
			>"$SESSION/profile" || true
	for which in received sent; do
		awk -v which="$which" '$1 == which { print "function", $2, $3, "core" }' "$SESSION/profile" | name_functions "$1" |
			awk 'NR == FNR { own[$2]; next } $2 in own && $3 > 0' "$SESSION/own" - >"$SESSION/$which.$1"
		[[ -s $SESSION/$which.$1 ]] || die "the emulator's list of instructions shows nothing $which"
	done
}

# Instructions per segment and function, for a program that --size has built.
profile_both() { # BOARD
	local tcp
	board_load "$1"
	for tcp in C RUST; do
		note "counting the instructions of each function, TCP in $tcp"
		profile_run "$tcp" "$BUILD/size/$1-default-asserts-on-${tcp,,}"
	done
}

table_profile() { # received|sent
	cat "$SESSION/$1.C" "$SESSION/$1.RUST" | awk -f "$FIRMWARE/tools/parts.awk"
}

# Flash per function, C's beside ours where both have one of that name, then what only one of them has; then by what they do.
footprint_functions() {
	local options=default tcp
	((FULL == 0)) || options=full
	temporary_directory SESSION
	board_load "${BOARDS[0]}"
	for tcp in C RUST; do
		footprint_build "$tcp" "$options" off firmware
		footprint_names "$tcp" "$CELL_FOLDER/firmware.map" >"$SESSION/$tcp.by-size"
		cut -d' ' -f2- "$SESSION/$tcp.by-size" | LC_ALL=C sort >"$SESSION/$tcp"
	done
	printf '%-90s %7s %7s\n' "function (${BOARDS[0]}, $options options, without assertions)" C Rust
	LC_ALL=C join -a 1 -a 2 -e - -o 0,1.2,2.2 "$SESSION/C" "$SESSION/RUST" |
		awk '{ weight = $2 > $3 ? $2 : $3; printf "%d %-90s %7s %7s\n", weight, substr($1, 1, 90), $2, $3; c += $2; r += $3 }
			END { printf "9999999 %-90s %7d %7d\n", "total", c, r }' | sort -rn | cut -d' ' -f2-
	echo
	cat "$SESSION/C.by-size" "$SESSION/RUST.by-size" | awk -f "$FIRMWARE/tools/parts.awk"
}
