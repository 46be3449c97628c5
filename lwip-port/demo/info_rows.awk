# Makes the page's rows from include/lwip_tcp_rust.h, one for each number in the struct that lwip_tcp_rust_info() fills in, its
# documentation as the label: the page then shows what the core offers, and nothing has to be kept in step by hand.
#
# Prints C: ROW(member, "label") for each, INFO_TYPE, and DEMO_RUST_INFO, which is 0 if the header declares no such function.
/lwip_tcp_rust_info *\(/ {
	line = $0
	# The declaration may be broken over several lines.
	while (line !~ /\)/ && (getline more) > 0) line = line " " more
	if (match(line, /struct [A-Za-z0-9_]+ *\*[a-z_]*\)/)) {
		split(substr(line, RSTART, RLENGTH), word, /[ *)]+/)
		type = word[2]
	}
}
/^struct [A-Za-z0-9_]+ *\{/ { inside = $2; label = "" }
/^ *\/\*\*/ { label = ""; done = 0 }
inside != "" && /^ *\/?\*/ {
	text = $0
	gsub(/^ *\/?\*+\/? ?|\*\/.*$/, "", text)
	gsub(/["\\`<>&]/, "", text)
	# The first sentence is enough.
	if (!done && text != "") {
		label = label (label == "" ? "" : " ") text
		if (match(label, /[.:;,]( |$)/)) { label = substr(label, 1, RSTART - 1); done = 1 }
	}
}
inside != "" && /^ +(u?int(8|16|32|64)_t|size_t|bool|unsigned|int) [a-z0-9_]+;/ {
	name = $2
	sub(/;.*/, "", name)
	rows[inside] = rows[inside] "ROW(" name ", \"" (label == "" ? name : label) "\")\n"
	label = ""
}
/^\};?/ { inside = "" }
END {
	if (type == "" || rows[type] == "") {
		print "#define DEMO_RUST_INFO 0"
		exit
	}
	print "#define DEMO_RUST_INFO 1"
	print "#define INFO_TYPE struct " type
	gsub(/\n/, " \\\n", rows[type])
	print "#define INFO_ROWS \\\n" rows[type]
}
