#!/usr/bin/env bash
# Usage: peers.sh PROGRAM DIRECTORY
#
# Starts PROGRAM (lwiphost-httpd) on a TAP device in a namespace of its own, and has curl fetch files from it over IPv4 and IPv6:
# 1 octet to 20 MB, ranges, HEAD, several requests on a connection, 100 connections at once. What comes is compared by SHA-256.
# DIRECTORY has room for all of it.
#
# Exit status: 0 if all went well, 77 if there can be no namespace or TAP device here, else something failed.
set -euo pipefail

HOST4=192.0.2.1 LWIP4=192.0.2.2
HOST6=fd6c:7769:7000::1 LWIP6=fd6c:7769:7000::2

fail() {
	echo "peers.sh: $*" >&2
	exit 1
}

if [[ -z ${LWIP_HTTPD_INSIDE:-} ]]; then
	for tool in ip curl unshare; do
		command -v "$tool" >/dev/null || fail "the command $tool is missing"
	done
	if ! reason=$(unshare -Urn ip tuntap add dev probe0 mode tap 2>&1); then
		echo "no TAP device can be made in a namespace: ${reason%%$'\n'*}" >&2
		exit 77
	fi
	LWIP_HTTPD_INSIDE=1 exec unshare -Urn -- "$0" "$@"
fi

PROGRAM=$1
cd -- "$2"
SERVER=''
stop_server() {
	[[ -n $SERVER ]] || return 0
	kill "$SERVER" 2>/dev/null || true
	wait "$SERVER" || fail "the server ended with status $?"
	SERVER=''
}
trap stop_server EXIT

ip link set lo up
ip tuntap add dev tap0 mode tap
ip link set tap0 txqueuelen 2000 up
ip address add "$HOST4/24" dev tap0
HOSTS=("$LWIP4")
if ip address add "$HOST6/64" dev tap0 nodad 2>ip.log; then HOSTS+=("[$LWIP6]"); fi

mkdir files got
SIZES=(1 1459 1460 1461 65536 1000003 20971520)
for size in "${SIZES[@]}"; do
	head -c "$size" /dev/urandom >"files/$size"
done
: >files/0
echo secret >secret
ln -s ../secret files/out

# It says one line when it listens, and nothing if it ends.
exec {said}< <(exec "$PROGRAM" files --ip6 "$LWIP6")
SERVER=$!
read -r -t 20 line <&"$said" || fail "the server does not start"
[[ $line == serving* ]] || fail "the server says: $line"

# fetch ARGUMENT ...: curl, silent, with an end.
fetch() { curl --silent --show-error --noproxy '*' --max-time 20 "$@"; }
same() { [[ $(sha256sum <"$1") == $(sha256sum <"$2") ]] || fail "$1 and $2 differ"; }

for host in "${HOSTS[@]}"; do
	url=http://$host
	for size in 0 "${SIZES[@]}"; do
		fetch --fail -o got/file "$url/$size" || fail "$host: no $size"
		same "files/$size" got/file
	done
	fetch --fail -r 1000-500000 -o got/part "$url/1000003"
	cmp got/part <(tail -c +1001 files/1000003 | head -c 499001) || fail "$host: a wrong part"
	[[ $(fetch -r 2000000- -o got/none -w '%{http_code}' "$url/1000003") == 416 ]] || fail "$host: no 416"
	fetch --fail -I "$url/20971520" >got/head
	grep -qi '^content-length: 20971520' got/head || fail "$host: HEAD does not tell the length"
	[[ $(fetch --path-as-is -o got/none -w '%{http_code}' "$url/../secret") == 403 ]] || fail "$host: .. is no 403"
	[[ $(fetch -o got/none -w '%{http_code}' "$url/out") == 403 ]] || fail "$host: a link out is no 403"
	fetch --fail "$url/" | grep -q 'href="./20971520"' || fail "$host: the listing lacks a file"
	fetch --fail "$url/_stack.txt" | grep -q ESTABLISHED || fail "$host: /_stack does not show its own connection"
	# One connection for all: the second request finds it open.
	opened=$(fetch --fail -o got/a -o got/b -o got/c -w '%{num_connects}' "$url/1460" "$url/65536" "$url/1")
	[[ $opened == 100 ]] || fail "$host: three requests opened connections as $opened"
	same files/1460 got/a && same files/65536 got/b && same files/1 got/c
done

for host in "${HOSTS[@]}"; do
	size=65536
	[[ $host != "$LWIP4" ]] || size=1000003
	fetch --fail --parallel --parallel-immediate --parallel-max 100 -o 'got/many-#1' "http://$host/$size?[1-100]" ||
		fail "$host: 100 at once failed"
	for ((i = 1; i <= 100; i++)); do
		same "files/$size" "got/many-$i"
	done
done
stop_server
echo "all is well"
