# shellcheck shell=bash
# What scripts/firmware does with a board that runs. To be sourced by it. Each test_NAME returns non-zero on failure.
# shellcheck disable=SC2154,SC2153 # variables shared with the script's other parts

TRANSFER_TIMEOUT=90
CONNECTIONS=500

# complain MESSAGE: says it and fails.
complain() {
	warn "$*"
	return 1
}

# echo_compare BYTES [SECONDS]: sends random bytes to the echo port and compares what comes back.
echo_compare() {
	local bytes=$1 seconds=${2:-$TRANSFER_TIMEOUT} connection sender status=0
	head -c "$bytes" /dev/urandom >"$SESSION/sent"
	exec {connection}<>"/dev/tcp/$(host_of)/$(port_of 7)" || return 1
	timeout "$seconds" cat "$SESSION/sent" >&"$connection" &
	sender=$!
	timeout "$seconds" head -c "$bytes" <&"$connection" >"$SESSION/received" || status=1
	kill "$sender" 2>/dev/null || true
	wait "$sender" 2>/dev/null || true
	exec {connection}>&-
	if ((status != 0)) || ! cmp -s "$SESSION/sent" "$SESSION/received"; then
		complain "echo of $bytes bytes: $(stat -c %s "$SESSION/received") came back within $seconds s, or they differ"
	fi
}

# The lines of RFC 864, as the board makes them.
chargen_pattern() {
	awk 'BEGIN { for (line = 0; line < 95; line++) { for (i = 0; i < 72; i++) printf "%c", 32 + (line + i) % 95; printf "\r\n" } }'
}

chargen_compare() { # BYTES [SECONDS]
	local bytes=$1 i
	chargen_pattern >"$SESSION/period"
	for ((i = 0; i * 7030 < bytes; i++)); do cat "$SESSION/period"; done | head -c "$bytes" >"$SESSION/expected" || true
	timeout "${2:-$TRANSFER_TIMEOUT}" head -c "$bytes" <"/dev/tcp/$(host_of)/$(port_of 19)" >"$SESSION/received" || true
	cmp -s "$SESSION/expected" "$SESSION/received" ||
		complain "character generator: $(stat -c %s "$SESSION/received") of $bytes bytes came, or they are not RFC 864's"
}

fetch_page() { # TCP
	local page name=C
	[[ $1 == C ]] || name=Rust
	page=$(curl --silent --show-error --fail --max-time "$TRANSFER_TIMEOUT" "http://$(host_of):$(port_of 80)/") || return 1
	[[ $page == *"TCP in $name,"* ]] || complain "the page does not say \"TCP in $name\": $page"
}

run_iperf() {
	local bytes=4000000
	if command -v iperf >/dev/null; then
		timeout "$TRANSFER_TIMEOUT" iperf -c "$(host_of)" -p "$(port_of 5001)" -t 3 >"$SESSION/iperf" 2>&1 ||
			complain "iperf: $(tail -n 2 "$SESSION/iperf")" || return 1
	else
		# What an iperf 2 client sends that only sends: a header of 24 bytes without flags, then data.
		timeout "$TRANSFER_TIMEOUT" head -c "$bytes" /dev/zero >"/dev/tcp/$(host_of)/$(port_of 5001)" || return 1
	fi
	console_expect '^iperf report 0' "$TRANSFER_TIMEOUT" || return 1
	printf '  %s\n' "$LINE"
}

# Opened, used and closed one after the other; in every tenth the board closes first.
many_connections() {
	local i connection answer host port
	host=$(host_of) port=$(port_of 7)
	for ((i = 1; i <= CONNECTIONS; i++)); do
		if ((i % 10 == 0)); then
			curl --silent --fail --max-time "$TRANSFER_TIMEOUT" --output /dev/null "http://$host:$(port_of 80)/" ||
				complain "page $i of the connections: not fetched" || return 1
			continue
		fi
		exec {connection}<>"/dev/tcp/$host/$port" || return 1
		printf 'connection %d\n' "$i" >&"$connection"
		IFS= read -r -t "$TRANSFER_TIMEOUT" answer <&"$connection" || answer=nothing
		exec {connection}>&-
		[[ $answer == "connection $i" ]] || complain "connection $i: the echo was $answer" || return 1
	done
}

# What each pool has in use, once the last connection, TIME-WAIT included, is gone. TCP's own timer ends at its next tick after
# that, so its entry among the time-outs is no leak.
pools_in_use() {
	console_run drain "$TRANSFER_TIMEOUT" && console_run pools && POOLS=$(sed '/ SYS_TIMEOUT /d; s/ max .*//' <<<"$ANSWER")
}

pools_are_back() { # BEFORE
	pools_in_use || return 1
	[[ $POOLS == "$1" ]] || complain "the memory pools are not back at their start: $(diff <(echo "$1") <(echo "$POOLS"))"
}

test_use() { # TCP
	local before
	session_start "$PROGRAMS/firmware.elf" &&
		pools_in_use && before=$POOLS &&
		fetch_page "$1" &&
		echo_compare 1000000 &&
		head -c 1000000 /dev/zero >"/dev/tcp/$(host_of)/$(port_of 9)" &&
		chargen_compare 500000 &&
		run_iperf &&
		many_connections &&
		pools_are_back "$before" || return 1
	session_stop
}

# Payload at each distance from a word boundary, received and sent.
fault_misalignment() {
	local bytes
	for bytes in 1 2 3; do
		console_run "misalign $bytes" && echo_compare 100001 && chargen_compare 50001 || return 1
	done
	console_run "misalign 0"
}

# Each hundred frames lose five, on the way in and on the way out.
fault_loss() {
	console_run "loss 5" && echo_compare 200000 && chargen_compare 200000 && console_run "loss 0"
}

# How often a pool that TCP lives on had nothing to give.
pool_errors() {
	console_run pools && POOL_ERRORS=$(awk '$2 == "TCP_SEG" || $2 == "PBUF_POOL" { n += $NF } END { print n }' <<<"$ANSWER")
}

# hog_until_felt: takes the pools away until TCP or the driver has run into it, and gives them back.
hog_until_felt() {
	local before until=$((SECONDS + TRANSFER_TIMEOUT))
	console_run hog && pool_errors && before=$POOL_ERRORS || return 1
	while ((POOL_ERRORS == before)); do
		((SECONDS < until)) || complain "no pool ran empty: the test tested nothing" || return 1
		pool_errors || return 1
	done
	console_run unhog
}

# The pools are emptied and given back while data is on its way both ways.
fault_exhaustion() {
	local bytes=1000000 sender receiver connection
	head -c "$bytes" /dev/urandom >"$SESSION/sent"
	exec {connection}<>"/dev/tcp/$(host_of)/$(port_of 7)" || return 1
	timeout "$TRANSFER_TIMEOUT" head -c "$bytes" <&"$connection" >"$SESSION/received" &
	receiver=$!
	console_run hog || return 1
	timeout "$TRANSFER_TIMEOUT" cat "$SESSION/sent" >&"$connection" &
	sender=$!
	hog_until_felt && hog_until_felt || return 1
	wait "$sender" || true
	wait "$receiver" || true
	exec {connection}>&-
	cmp -s "$SESSION/sent" "$SESSION/received" ||
		complain "echo while the pools ran empty: $(stat -c %s "$SESSION/received") of $bytes bytes came back, or they differ"
}

# The cable out and in again in the middle of a transfer.
fault_link() {
	local connection sender
	head -c 1000000 /dev/urandom >"$SESSION/sent"
	exec {connection}<>"/dev/tcp/$(host_of)/$(port_of 7)" || return 1
	timeout "$TRANSFER_TIMEOUT" cat "$SESSION/sent" >&"$connection" &
	sender=$!
	timeout "$TRANSFER_TIMEOUT" head -c 100000 <&"$connection" >"$SESSION/received" || true
	link_set off && link_set on || return 1
	timeout "$TRANSFER_TIMEOUT" head -c 900000 <&"$connection" >>"$SESSION/received" || true
	wait "$sender" || true
	exec {connection}>&-
	cmp -s "$SESSION/sent" "$SESSION/received" ||
		complain "echo over a link that went down: $(stat -c %s "$SESSION/received") of 1000000 bytes came back, or they differ"
}

test_faults() { # TCP
	local before fault since
	session_start "$PROGRAMS/firmware.elf" && pools_in_use && before=$POOLS || return 1
	for fault in misalignment loss exhaustion link; do
		since=$SECONDS
		"fault_$fault" || complain "fault: $fault" || return 1
		printf '  fault %s: survived (%d s)\n' "$fault" $((SECONDS - since))
		pools_are_back "$before" || return 1
	done
	fetch_page "$1" || return 1
	session_stop
}

# program_run PROGRAM SECONDS [QEMU OPTION…]: one that ends by itself; its console goes to OUTPUT.
program_run() {
	local program=$1 seconds=$2 words
	shift 2
	read -ra words <<<"$QEMU"
	OUTPUT=$(timeout "$seconds" "${words[@]}" "$@" -kernel "$program" -display none -monitor none -nic none -serial stdio \
		-semihosting-config enable=on,target=native 2>&1 | tr -d '\r')
}

test_unit() { # TCP
	if ! program_run "$UNIT_PROGRAM" "$TRANSFER_TIMEOUT"; then
		printf '%s\n' "$OUTPUT" >&2
		return 1
	fi
	grep -aE '^(suite|all)' <<<"$OUTPUT" | sed 's/^/  /'
	[[ $OUTPUT =~ all\ suites:\ checks\ [1-9][0-9]*,\ failures\ 0 ]]
}
