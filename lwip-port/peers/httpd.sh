#!/usr/bin/env bash
# Usage: httpd.sh LINK RESULTS FILES     (inside a namespace, as `lwiphost httpd FILES --netns --run` starts it)
#
# Uses the file server at $LWIP4 and $LWIP6 with programs that nobody here wrote: curl, wget, ab, socat, and the kernel. Each test
# appends a line to RESULTS: the link, the test, milliseconds, segments sent again, failures. LINK is the name of the link: over
# "good" comes the long list, over "gone" come peers that do not read or vanish, over any other one the short list, over
# "mtu-576" without IPv6. FILES has to hold files named by their size.
#
# What does not work is told on stderr, and counted; the exit status is 0 all the same.
set -uo pipefail

LINK=$1 RESULTS=$2 FILES=$3
OLD4=192.0.2.77 OLD6=fd6c:7769:7000::77
WORK=$(mktemp -d) || exit 1
trap 'rm -rf -- "$WORK"' EXIT
ulimit -n 4096
# 31 seconds, and not two minutes, until a connection that nobody answers fails: 1, 2, 4, 8 and 16 (ip-sysctl). The namespace is ours.
echo 4 >/proc/sys/net/ipv4/tcp_syn_retries

fetch() { curl --silent --show-error --noproxy '*' --max-time 60 --fail "$@"; }
pools() { fetch "http://$LWIP4/_pools.txt"; }
pool() { pools | awk -v name="$1" '$1 == name { print $2 }'; }
# What has to be as it was at the end of each test.
in_use() { pools | head -n 4; }
same() { [[ $(sha256sum <"$1") == $(sha256sum <"$2") ]]; }

# back_to BASELINE: asks until nothing more is in use than at first. TCP's own timers say how long that may take.
back_to() {
	local tries now=''
	for ((tries = 0; tries < 200; tries++)); do
		now=$(in_use)
		[[ $now == "$1" ]] && return 0
		sleep 0.1
	done
	echo "$LINK: in use at the end, beside what was at first: ${now//$'\n'/, } (${1//$'\n'/, })" >&2
	return 1
}

# measure NAME COMMAND ...: its time, and what the stack sent again meanwhile.
measure() {
	local name=$1 start resent failed=0 time
	shift
	resent=$(pool resent) start=${EPOCHREALTIME/./}
	if ! "$@" >"$WORK/log" 2>&1; then
		failed=1
		echo "$LINK: $name failed:" >&2
		tail -n 5 "$WORK/log" >&2
	fi
	time=$(((${EPOCHREALTIME/./} - start) / 1000))
	printf '%s\t%s\t%d\t%d\t%d\n' "$LINK" "$name" "$time" $(($(pool resent) - resent)) "$failed" >>"$RESULTS"
}

# get HOST SIZE
get() { fetch -o "$WORK/got" "http://$1/$2" && same "$FILES/$2" "$WORK/got"; }

recursive() {
	(cd -- "$WORK" && rm -rf got.d && wget -q --no-proxy --tries 1 --timeout 30 -P got.d -nd "${@}") || return
	local file
	for file in "$WORK"/got.d/*; do
		same "$FILES/${file##*/}" "$file" || return
	done
}

several() {
	fetch --parallel --parallel-immediate --parallel-max 10 -o "$WORK/many-#1" "http://$1/65536?[1-10]" || return
	local i
	for i in {1..10}; do
		same "$FILES/65536" "$WORK/many-$i" || return
	done
}

# Its input ends, which is a FIN, before the answer comes.
half_close() {
	printf 'GET /1000003 HTTP/1.0\r\nHost: x\r\n\r\n' | timeout 30 socat -t 30 - "TCP:$1:80" >"$WORK/answer" || return
	tail -c 1000003 "$WORK/answer" >"$WORK/got"
	same "$FILES/1000003" "$WORK/got"
}

benchmark() {
	local host=$1 count=$2 at_once=$3
	ab -q -r -s 30 -n "$count" -c "$at_once" "http://$host/1460" >"$WORK/ab" || return
	cat "$WORK/ab"
	grep -q "^Complete requests: *$count\$" "$WORK/ab" && grep -q '^Failed requests: *0$' "$WORK/ab" &&
		! grep -q '^Non-2xx' "$WORK/ab"
}

storm() {
	local i connection
	for ((i = 0; i < $2; i++)); do
		if ! exec {connection}<>"/dev/tcp/$1/80"; then
			echo "connection $i of $2 was not made"
			return 1
		fi
		exec {connection}>&-
	done
}

# never_reads ADDRESS
never_reads() {
	local baseline connection
	baseline=$(in_use)
	exec {connection}<>"/dev/tcp/$1/80" || return
	printf 'GET /209715200 HTTP/1.1\r\nHost: x\r\n\r\n' >&"$connection"
	# Others are served meanwhile, and the server gets tired of it (--send-timeout).
	get "$LWIP4" 1000003 && back_to "$baseline"
	local status=$?
	exec {connection}>&-
	return "$status"
}

# vanishes HOST OLD: OLD is an address of the kernel's, with its prefix, for this test only.
vanishes() {
	local baseline client status
	ip address add "$2" dev "$DEVICE" nodad || return
	baseline=$(in_use)
	curl --silent --noproxy '*' --limit-rate 1M --interface "${2%/*}" -o /dev/null --max-time 60 "http://$1/209715200" &
	client=$!
	until (($(pool sockets) > $(awk '$1 == "sockets" { print $2 }' <<<"$baseline"))); do
		kill -0 "$client" || return
	done
	# From here on nobody answers at that address, not even with a RST.
	ip address del "$2" dev "$DEVICE"
	back_to "$baseline"
	status=$?
	kill "$client"
	wait "$client" 2>/dev/null
	return "$status"
}

DEVICE=$(ip -o -4 address | awk -v address="$KERNEL4/" 'index($0, address) { print $2 }')
# The kernel's own choice of 1,000 frames loses some of what 1,000 connections send at once. httpd0 is the server's own interface.
for device in "$DEVICE" httpd0; do
	ip link set dev "$device" txqueuelen 4096
done
HOSTS=("$LWIP4")
[[ $LINK == mtu-576 ]] || HOSTS+=("[$LWIP6]")
get "$LWIP4" 1 || echo "$LINK: the server does not answer" >&2
BASELINE=$(in_use)
for host in "${HOSTS[@]}"; do
	family=4
	[[ $host == "$LWIP4" ]] || family=6
	bare=${host#[} old=$OLD6/64
	bare=${bare%]}
	[[ $family == 6 ]] || old=$OLD4/24
	if [[ $LINK == gone ]]; then
		measure "a peer that never reads, IPv$family" never_reads "$bare"
		measure "a peer that vanishes, IPv$family" vanishes "$host" "$old"
		continue
	fi
	if [[ $LINK != good ]]; then
		measure "curl 1 MB, IPv$family" get "$host" 1000003
		measure "curl 10 x 64 KiB at once, IPv$family" several "$host"
		continue
	fi
	measure "curl 200 MB, IPv$family" get "$host" 209715200
	measure "wget, 3 files, IPv$family" recursive "http://$host/1" "http://$host/1460" "http://$host/1000003"
	measure "socat, half-closed, IPv$family" half_close "$host"
	measure "ab, 3,000 requests by 1,000, IPv$family" benchmark "$host" 3000 1000
	measure "5,000 connects and closes, IPv$family" storm "$bare" 5000
done
measure "pools back" back_to "$BASELINE"
