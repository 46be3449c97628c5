# shellcheck shell=bash
# A board in QEMU: boot, console, link, end. To be sourced by scripts/firmware.
# shellcheck disable=SC2154,SC2034 # variables shared with the script's other parts

BOOT_TIMEOUT=60
CONSOLE_TIMEOUT=30
# Services by their port on the board.
SERVICES=(80 7 9 19 5001)
BOARD_ADDRESS=10.0.2.15
TAP=firmware0
QEMU_RUNNING=''

session_make_tap() {
	ip link set lo up
	ip tuntap add dev "$TAP" mode tap
	ip address add 10.0.2.2/24 dev "$TAP"
	ip link set "$TAP" up
	if [[ -n $CAPTURE ]]; then
		tcpdump -i "$TAP" -U -w "$CAPTURE" 2>/dev/null &
		at_exit "kill $! 2>/dev/null"
	fi
}

# host_of SERVICE, port_of SERVICE: where the board's port is reached from here.
host_of() { if [[ -n $NETNS ]]; then echo "$BOARD_ADDRESS"; else echo 127.0.0.1; fi; }
port_of() {
	local i
	[[ -z $NETNS ]] || { echo "$1" && return; }
	for i in "${!SERVICES[@]}"; do
		[[ ${SERVICES[i]} != "$1" ]] || echo $((FIRST_PORT + i))
	done
}

# qemu_start PROGRAM: starts QEMU with the program's console on two descriptors.
qemu_start() {
	local nic forward='' i words
	if [[ -n $NETNS ]]; then
		nic=tap,id=net0,ifname=$TAP,script=no,downscript=no
	else
		for i in "${!SERVICES[@]}"; do
			forward+=",hostfwd=tcp:127.0.0.1:$((FIRST_PORT + i))-:${SERVICES[i]}"
		done
		nic=user,id=net0$forward
	fi
	local network=(-nic "$nic")
	# A device on a bus, not one of the board's own.
	[[ $BOARD_FAMILY != virt ]] || network=(-netdev "$nic" -device "virtio-net-device,netdev=net0,mac=52:54:00:12:34:56")
	read -ra words <<<"$QEMU"
	rm -f "$SESSION"/monitor.*
	mkfifo "$SESSION/monitor.in" "$SESSION/monitor.out"
	coproc BOARD_CONSOLE {
		exec "${words[@]}" -kernel "$1" -display none "${network[@]}" -serial stdio \
			-chardev "pipe,id=monitor,path=$SESSION/monitor" -mon chardev=monitor 2>>"$SESSION/qemu.log"
	}
	QEMU_RUNNING=$BOARD_CONSOLE_PID
	exec {CONSOLE_OUT}<&"${BOARD_CONSOLE[0]}" {CONSOLE_IN}>&"${BOARD_CONSOLE[1]}"
}

# session_start PROGRAM: boots and waits until the board has an address. Host ports are tried until free ones are found.
session_start() {
	local attempt
	[[ -n ${SESSION:-} ]] || {
		temporary_directory SESSION
		at_exit session_stop
	}
	for attempt in 1 2 3 4 5; do
		FIRST_PORT=$((20000 + RANDOM % 4000 * 10))
		: >"$SESSION/qemu.log"
		: >"$SESSION/console.log"
		qemu_start "$1"
		if console_expect '^ready' "$BOOT_TIMEOUT"; then
			# A namespace of our own has no DHCP server.
			if [[ -n $NETNS ]]; then
				console_run static && [[ $ANSWER == *"address $BOARD_ADDRESS"* ]] && return 0
			else
				console_expect "^address $BOARD_ADDRESS" "$BOOT_TIMEOUT" && return 0
			fi
		fi
		session_stop
		grep -q 'host forwarding rule' "$SESSION/qemu.log" || break
	done
	cat "$SESSION/console.log" "$SESSION/qemu.log" >&2
	warn "the board did not boot (attempt $attempt); above is its console"
	return 1
}

session_stop() {
	[[ -n $QEMU_RUNNING ]] || return 0
	kill "$QEMU_RUNNING" 2>/dev/null || true
	wait "$QEMU_RUNNING" 2>/dev/null || true
	QEMU_RUNNING=''
	exec {CONSOLE_OUT}<&- {CONSOLE_IN}>&-
}

console_send() { printf '%s\n' "$*" >&"$CONSOLE_IN"; }

# console_expect REGEX SECONDS: reads the console until a line matches, which is then in LINE. A failed assertion or a fault on
# the board ends the wait.
console_expect() {
	local until=$((SECONDS + $2))
	while ((SECONDS < until)); do
		if IFS= read -r -t $((until - SECONDS)) LINE <&"$CONSOLE_OUT"; then
			LINE=${LINE%$'\r'}
			printf '%s\n' "$LINE" >>"$SESSION/console.log"
			[[ ! $LINE =~ $1 ]] || return 0
			if [[ $LINE =~ ^(ASSERT|FAULT) ]]; then
				warn "the board stopped: $LINE"
				return 1
			fi
		elif ! kill -0 "$QEMU_RUNNING" 2>/dev/null; then
			return 1
		fi
	done
	warn "the console did not show /$1/ within $2 s; its last lines: $(tail -n 3 "$SESSION/console.log")"
	return 1
}

# console_run COMMAND: the lines of its answer go to ANSWER.
console_run() {
	ANSWER=''
	console_send "$1"
	while console_expect '' "${2:-$CONSOLE_TIMEOUT}"; do
		[[ $LINE != ok ]] || return 0
		[[ $LINE != unknown* ]] || break
		ANSWER+=$LINE$'\n'
		if [[ $LINE =~ ^(ASSERT|FAULT) ]]; then break; fi
	done
	warn "the console did not answer \"$1\""
	return 1
}

# The cable: pulled out and put back in by the emulator, which the board notices by an interrupt.
link_set() { # on|off
	printf 'set_link net0 %s\n' "$1" >"$SESSION/monitor.in"
	if [[ $1 == on ]]; then console_expect '^link up' "$CONSOLE_TIMEOUT"; else console_expect '^link down' "$CONSOLE_TIMEOUT"; fi
}

session_keep() {
	board_load "${BOARDS[0]}"
	build_firmware "${TCPS[-1]}"
	session_start "$PROGRAMS/firmware.elf" || exit 1
	local host
	host=$(host_of)
	cat <<END
The board runs (${BOARDS[0]}, TCP in ${TCPS[-1]}). Try, from another terminal:
  curl http://$host:$(port_of 80)/
  echo hello | nc -q 1 $host $(port_of 7)
  nc $host $(port_of 19) | head
  iperf -c $host -p $(port_of 5001)
Enter stops it.
END
	[[ -z $NETNS ]] || echo "It is in a namespace: start your commands by  nsenter -t $$ -n $( ((EUID == 0)) || echo "-U --preserve-credentials")"
	read -r || true
}
