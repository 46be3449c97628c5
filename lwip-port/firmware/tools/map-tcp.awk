# Reads a linker map (GNU ld, --gc-sections) and prints what TCP takes of the image: "flash N", "ram N", and with
# -v functions=1 "function NAME SIZE" for each section of code or constants.
#
# TCP is lwIP's three files, or all that the linker took from the Rust core's archive.

function is_tcp(file) {
	return file ~ /liblwip_tcp_rust\.a/ || file ~ /[(\/]tcp(_in|_out)?\.c?\.?o(bj)?\)?$/
}

function number(hex,   i, value) {
	value = 0
	hex = tolower(substr(hex, 3))
	for (i = 1; i <= length(hex); i++)
		value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
	return value
}

function count(section, size, file) {
	if (!is_tcp(file) || size == 0)
		return
	if (section ~ /^\.(text|rodata|data|ARM|sdata|srodata)/) {
		flash += size
		if (functions) {
			sub(/^\.(text|rodata|data|srodata|sdata)\.?/, "", section)
			printf "function %s %d %s\n", section, size, (file ~ /builtins/ ? "builtins" : "core")
		}
	}
	if (section ~ /^\.(data|bss|sdata|sbss)/)
		ram += size
}

/^Linker script and memory map/ { started = 1; next }
!started { next }
# The debugging sections that follow the program's are not part of it.
/^\.debug_/ { exit }
/^ \.[^ ]+$/ { pending = $1; next }
/^ \.[^ ]+ +0x[0-9a-f]+ +0x[0-9a-f]+ / { count($1, number($3), $4); pending = ""; next }
pending != "" && /^ +0x[0-9a-f]+ +0x[0-9a-f]+ / { count(pending, number($2), $3) }
{ pending = "" }

END { printf "flash %d\nram %d\n", flash, ram }
