#!/usr/bin/env bash
# Usage: client.sh RESULTS FILES LWIPHOST LINK [OPTION ...]     (inside a namespace without an interface)
#
# lwiphost as the client of what others wrote: python3's HTTP server, socat, iperf, on the kernel at the other end of a TAP device.
# OPTION is for lwiphost: what its link emulator does. Appends to RESULTS as httpd.sh does; segments sent again are not counted.
set -uo pipefail

RESULTS=$1 FILES=$2 LWIPHOST=$3 LINK=$4
shift 4
OPTIONS=("$@")
KERNEL4=192.0.2.1 LWIP4=192.0.2.2 KERNEL6=fd6c:7769:7000::1 LWIP6=fd6c:7769:7000::2
WORK=$(mktemp -d) || exit 1
SERVERS=()
finish() {
	((${#SERVERS[@]} == 0)) || kill "${SERVERS[@]}" 2>/dev/null
	wait
	rm -rf -- "$WORK"
}
trap finish EXIT

serve() {
	"$@" >>"$WORK/servers" 2>&1 &
	SERVERS+=($!)
}
# wait_for PORT: until somebody listens there.
wait_for() {
	local tries
	for ((tries = 0; tries < 200; tries++)); do
		ss -Hltn "sport = :$1" | grep -q . && return 0
		sleep 0.1
	done
	echo "$LINK: nobody listens on port $1: $(tail -n 3 "$WORK/servers")" >&2
	return 1
}

measure() {
	local name=$1 start failed=0
	shift
	start=${EPOCHREALTIME/./}
	if ! "$@" >"$WORK/log" 2>&1; then
		failed=1
		echo "$LINK: $name failed:" >&2
		tail -n 5 "$WORK/log" >&2
	fi
	printf '%s\t%s\t%d\t-\t%d\n' "$LINK" "$name" $(((${EPOCHREALTIME/./} - start) / 1000)) "$failed" >>"$RESULTS"
}

host() { timeout 60 "$LWIPHOST" "$1" --device tap:tap0 --seed 1 "${OPTIONS[@]}" "${@:2}"; }
same() { [[ $(sha256sum <"$1") == $(sha256sum <"$2") ]]; }
http_get() { host http-get -o "$WORK/got" "http://$1:8000/$2" && same "$FILES/$2" "$WORK/got"; }
joined() {
	timeout 60 "$LWIPHOST" http-get -o "$WORK/got" --device "exec:'$LWIPHOST' httpd '$FILES' --device stdio --ip $KERNEL4/24" \
		"http://$KERNEL4/1000003" && same "$FILES/1000003" "$WORK/got"
}
echo_back() { host client "$1" 7000 <"$FILES/1000003" >"$WORK/got" && same "$FILES/1000003" "$WORK/got"; }

# iperf_server FAMILY ADDRESS
iperf_server() {
	local server tries status=1 version=()
	[[ $1 == 4 ]] || version=(-V)
	host iperf --server --one --port 5002 &
	server=$!
	# Refused until it listens.
	for ((tries = 0; tries < 100; tries++)); do
		if timeout 30 iperf "${version[@]}" -c "$2" -p 5002 -n 20M | grep 'bits/sec'; then
			status=0
			break
		fi
		sleep 0.1
	done
	((status == 0)) || kill "$server"
	wait "$server" && return "$status"
}

ip link set lo up
ip tuntap add dev tap0 mode tap
ip link set tap0 txqueuelen 2000 up
[[ $LINK != mtu-576 ]] || ip link set tap0 mtu 576
ip address add "$KERNEL4/24" dev tap0
HOSTS=("$KERNEL4")
declare -A SIZES=([1000003]=1 [209715200]=200)
if [[ $LINK != mtu-576 ]] && ip address add "$KERNEL6/64" dev tap0 nodad 2>/dev/null; then HOSTS+=("[$KERNEL6]"); fi
serve python3 -m http.server --bind :: --directory "$FILES" 8000
serve socat TCP6-LISTEN:7000,fork,reuseaddr,ipv6only=0 EXEC:cat
serve iperf -s -V -p 5001
for port in 8000 7000 5001; do wait_for "$port"; done

# No kernel in between: the file server is at the far end of a pair of pipes.
if [[ $LINK == good ]]; then
	measure "http-get from httpd, on one wire" joined
fi

for host in "${HOSTS[@]}"; do
	family=4 size=1000003
	[[ $host == "$KERNEL4" ]] || family=6
	[[ $LINK != good || $family != 4 ]] || size=209715200
	measure "http-get ${SIZES[$size]} MB, IPv$family" http_get "$host" "$size"
	measure "client, echo of socat, IPv$family" echo_back "$host"
	[[ $LINK == good ]] || continue
	stack=$LWIP6
	[[ $family == 6 ]] || stack=$LWIP4
	measure "iperf, 20 MB to the kernel, IPv$family" host iperf --client "$host" --bytes 20M
	measure "iperf, 20 MB from the kernel, IPv$family" iperf_server "$family" "$stack"
done
