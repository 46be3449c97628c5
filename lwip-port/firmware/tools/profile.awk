# Counts the instructions of each function while the program measure receives and sends. Reads the program's symbols (nm -S), then the
# emulator's list of what it executed, one instruction a line, and ends when enough was sent. Prints "received|sent NAME N", N a segment.

function value(hex,   i, v) {
	for (i = 1; i <= length(hex); i++)
		v = v * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
	return v
}

FNR == NR {
	if (NF == 4 && $3 ~ /[tTwW]/) {
		at = value($1)
		at -= at % 2
		name[at] = $4
		if ($4 == "measure_receiving") phase_at[at] = "received"
		if ($4 == "measure_sending") phase_at[at] = "sent"
		if ($4 == "tcp_input") counted["received"] = at
		if ($4 == "tcp_write") counted["sent"] = at
		for (end = at + value($2); at < end; at += 2)
			if (!(at in start))
				start[at] = at in name ? at : start[at - 2]
	}
	next
}

/^Trace/ {
	split($0, part, "[[/]")
	pc = part[3]
	if (!(pc in number))
		number[pc] = value(pc)
	if (number[pc] in phase_at)
		phase = phase_at[number[pc]]
	if (phase == "")
		next
	if (number[pc] == counted[phase])
		segments[phase]++
	# The first ones open the congestion window.
	if (phase == "sent" && segments[phase] <= skip)
		next
	if (phase == "sent" && segments[phase] > skip + enough)
		exit
	n[phase, pc]++
}

END {
	for (key in n) {
		split(key, part, SUBSEP)
		sum[part[1] " " name[start[number[part[2]]]]] += n[key]
	}
	for (key in sum) {
		split(key, part, " ")
		printf "%s %s %.1f\n", part[1], part[2], sum[key] / (part[1] == "sent" ? enough : segments[part[1]])
	}
}
