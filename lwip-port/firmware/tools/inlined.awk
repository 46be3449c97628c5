# What the core does and C does not, in bytes, wherever the compiler put it: reads what addr2line -a -i -f says of each halfword of a
# program, innermost function first, and writes table rows. A halfword counts in each row that one of its functions belongs to.

function row(title, functions, file) {
	titles[++rows] = title
	function_of[rows] = "^(" functions ")$"
	file_of[rows] = file
}

BEGIN {
	row("A PCB is looked up by its place and generation, since callbacks may have freed it", "get|generation|pcb_of_entry|handle_of", "/src/pcb/(mod|table)\\.rs")
	row("A pointer that C hands over is checked to be a living PCB", "find|entry_at|connection|connection_id|endpoint|listener|check", "/src/(pcb/(mod|table)|ffi/exports)\\.rs")
	row("Initial sequence numbers by SipHash", ".*", "/src/components/connection_management/isn\\.rs")
	row("Challenge ACKs and their limit (RFC 5961)", ".*challenge.*", "/src/")
	row("Arithmetic that saturates instead of wrapping", "saturating_(add|sub|mul)", "/core/src/num/")
	row("Buffers and segments that free themselves (drop)", "drop|drop_in_place.*", "")
	row("lwIP's macros as functions (wrapper.c)", ".*", "/wrapper\\.c")
}

function count(   i) {
	if (!ours)
		return
	total += 2
	for (i = 1; i <= rows; i++)
		if (hit[i])
			bytes[i] += 2
}

/^0x/ {
	count()
	split("", hit)
	ours = 0
	next
}

# A function's name and, on the next line, where it is; names of generics have spaces in them.
!named { name = $0; sub(/<.*/, "", name); sub(/.*::/, "", name); if (name == "") { name = $0; sub(/.*::/, "", name) } named = 1; next }
{
	named = 0
	if (/\/wrapper\.c|\/src\/[a-z_\/]+\.rs/ && !/rustlib|\/rustc\//)
		ours = 1
	for (i = 1; i <= rows; i++)
		if (name ~ function_of[i] && $0 ~ file_of[i])
			hit[i] = 1
}

END {
	count()
	print "| what C does not do, or not so | bytes |\n|---|---|"
	for (i = 1; i <= rows; i++)
		printf "| %s | %d |\n", titles[i], bytes[i]
	printf "| (of the core's code in all) | %d |\n", total
}
