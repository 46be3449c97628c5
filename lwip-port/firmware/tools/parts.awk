# Sorts TCP's functions by what they do, C's beside ours, for docs/footprint.md. Reads "C NAME BYTES" and "RUST NAME BYTES" lines
# (names as footprint_names leaves them), and writes table rows: a part, bytes in C, bytes in Rust, and the largest functions of both.
# What fits no pattern is shown as such, so that a renamed function is seen and not lost.

function part(title, c, rust) {
	titles[++parts] = title
	pattern[parts, "C"] = "^(" c ")$"
	pattern[parts, "RUST"] = rust
}

BEGIN {
	here = "^<?lwip_tcp_rust::"
	# What C does not do at all comes first: its functions also lie in the folders of the parts below.
	part("Initial sequence numbers by SipHash (RFC 6528); C counts up", "tcp_next_iss|iss(\\.[0-9]+)?", "::isn::|initial_sequence_number|^tcp_init$")
	part("Index over the 4-tuple, where there are more than 16 PCBs", "", "::pcb::index::")
	part("Whether a pointer is a PCB, and which, before it is used", "", "::ffi::exports::|::Pcb>::following_id|::Core>::(find|get|find_listener)$")
	part("A writer that got ERR_MEM is woken", "", "wake_writer")
	part("Struct layouts are compared by tcp_new", "", "fits_lwip")
	part("Bodies of lwIP's macros (wrapper.c)", "", "^lwip_tcp_rust_")
	part("A segment comes in", "tcp_(input|receive|process|listen_input|timewait_input|parseopt|get_next_optbyte|oos_insert_segment)|" \
		"tcp_(free_acked_segments|input_delayed_close|process_refused_data|free_ooseq|update_rcv_ann_wnd|recved|recv_null)|" \
		"tcp_(eff_send_mss_netif|trigger_input_pcb_close|init|accept_null)", \
		"^tcp_(input|recved|recv_null|free_ooseq|process_refused_data|update_rcv_ann_wnd|trigger_input_pcb_close)$|" here \
		"(input|congestion_control|components::rod::receive|components::flow_control|components::congestion_control|wire::options)::|" \
		"::NewReno|::(recved|recv_null|accept_null|free_acked|process_refused_data|finish)$|trim_front|::call_")
	part("Segments go out: data, SYN, FIN, ACK, RST, again", \
		"tcp_(write|output|split_unsent_seg|create_segment|enqueue_flags|send_fin|pbuf_prealloc|send_empty_ack|seg_copy|port)|" \
		"tcp_(output_[a-z_]*|rst[a-z_]*|rexmit[a-z_]*|zero_window_probe|keepalive)", \
		"^tcp_(write|output|enqueue_flags|send_fin|send_empty_ack|rst|rexmit.*|zero_window_probe|keepalive)$|" here \
		"(output|segmentation|wire::header|components::rod::(send|retransmit)|pcb::segment|ffi::pbuf)::|" \
		"::(send_fin|fast_retransmit|retransmit_after_timeout|transmit|ip_output)$")
	part("Timers", "tcp_(slowtmr|fasttmr|tmr|timer_needed|backoff|persist_backoff)", \
		"^tcp_(slowtmr|fasttmr|tmr)$|" here "timer::|timed_out")
	part("Lists, queues, and giving back", "tcp_(pcb_remove|pcb_purge|seg_free|segs_free|free|pcb_lists)", \
		here "(pcb|components::rod)(::|>)|^<?lwip_tcp_rust::ffi::")
	part("Opening, listening, closing, options of a connection", "tcp_.*", "^tcp_|" here "(api|components::connection_management|components)::")
	part("Constants, and pieces shared by several (LLVM's outliner) or of the C library", "", "^constants$|OUTLINED_FUNCTION|^strlen$")
	part("Else", ".*", ".*")
}

{
	for (i = 1; i <= parts; i++)
		if ($2 ~ pattern[i, $1])
			break
	bytes[i, $1] += $3
	name = $2
	gsub(/lwip_tcp_rust::|components::/, "", name)
	gsub(/[<>]/, "", name)
	# The input is sorted by size.
	if (++shown[i, $1] <= 6)
		names[i, $1] = names[i, $1] (shown[i, $1] > 1 ? ", " : "") name " " $3
	else
		rest[i, $1] += $3
}

function list(i, which) {
	return names[i, which] (rest[i, which] ? ", others " rest[i, which] : "")
}

END {
	print "| what it does | C | Rust | more | functions of C | functions of the core |\n|---|---|---|---|---|---|"
	for (i = 1; i <= parts; i++) {
		if (!bytes[i, "C"] && !bytes[i, "RUST"])
			continue
		c += bytes[i, "C"]
		rust += bytes[i, "RUST"]
		printf "| %s | %d | %d | %+d | %s | %s |\n", titles[i], bytes[i, "C"], bytes[i, "RUST"],
			bytes[i, "RUST"] - bytes[i, "C"], list(i, "C"), list(i, "RUST")
	}
	printf "| all | %d | %d | %+d | | |\n", c, rust, rust - c
}
