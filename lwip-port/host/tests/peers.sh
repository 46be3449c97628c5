#!/usr/bin/env bash
# Usage: peers.sh [-m] DIRECTORY     (inside a namespace, as `lwiphost server --netns --run` starts it)
#
# Uses the stack at $LWIP4 and $LWIP6 from the kernel's side, with programs that nobody here wrote: ping, socat, iperf. What comes
# back is compared by SHA-256.
#
#   -m  IPv4 only: the MTU is too small for IPv6
set -euo pipefail

FAMILIES=(4 6)
if [[ $1 == -m ]]; then
	FAMILIES=(4)
	shift
fi
cd -- "$1"

fail() {
	echo "peers.sh: $*" >&2
	exit 1
}

head -c "${BYTES:-300000}" /dev/urandom >sent
SUM=$(sha256sum <sent)
for family in "${FAMILIES[@]}"; do
	if ((family == 4)); then address=$LWIP4 host=$LWIP4; else address=$LWIP6 host="[$LWIP6]"; fi
	ping -q -n -c 5 -i 0.2 -W 2 "$address" >ping.log || fail "IPv$family: no answer to ping"
	# Our side closes first: the end of the input is a FIN, and the rest of the echo comes after it.
	timeout 30 socat -t 30 - "TCP$family:$host:7" <sent >received || fail "IPv$family: the echo failed"
	[[ $(sha256sum <received) == "$SUM" ]] || fail "IPv$family: what came back is not what was sent"
	# The stack's side closes first.
	[[ $(timeout 30 socat -t 30 -u "TCP$family:$host:6969" -) == hello ]] || fail "IPv$family: no hello"
	# Nobody listens there.
	if timeout 30 socat -t 1 - "TCP$family:$host:6999" </dev/null 2>refused; then fail "IPv$family: a connection to a closed port"; fi
	grep -q refused refused || fail "IPv$family: a closed port does not refuse: $(cat refused)"
	version=()
	((family == 4)) || version=(-V)
	timeout 60 iperf "${version[@]}" -c "$address" -p 9 -n 1M >iperf.log || fail "IPv$family: iperf failed"
	grep -q 'bits/sec' iperf.log || fail "IPv$family: iperf measured nothing"
done
