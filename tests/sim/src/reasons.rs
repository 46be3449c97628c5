//! Why a goal is missed, as far as it is known.

/// Of the goal `what` for `tcp`, as the table has them; none is known for a goal that ought to be met.
pub fn why(what: &str, tcp: &str) -> Option<&'static str> {
    let bbr = tcp == "rust:bbr";
    if !tcp.starts_with("rust") && !tcp.contains("beside") {
        Some("C and smoltcp are there for comparison; the goals are the core's.")
    } else if what.starts_with("goodput at") && what.ends_with("% loss, %") && !what.starts_with("goodput at 0 %") {
        Some(if bbr { WINDOW_BOUND } else { RESPONSE_FUNCTION })
    } else if what.starts_with("100 Mbit/s") && !bbr {
        Some(
            "At 1 % loss the response function gives NewReno and CUBIC a dozen segments a round trip, and C the same: a path that \
             holds 80 leaves them no more.",
        )
    } else if what.starts_with("1 Mbit/s") && bbr {
        Some(
            "Of the 94.9 % that headers leave, BBR spends some 4 on looking for the shortest round trip: every 5 s half a window for 200 \
             ms and a round trip (ProbeRTT). What takes the rest is not known.",
        )
    } else if tcp.contains("beside") && tcp.contains("bbr") {
        Some(
            "At one bandwidth-delay product of queue CUBIC gives way at each loss and BBR only above 2 % of them; the reaction that \
             the draft has to a probe that went too high leaves CUBIC less still.",
        )
    } else if tcp.contains("beside") {
        Some("C waits for a timer of seconds after each burst of losses, and the other takes what it leaves.")
    } else {
        None
    }
}

const WINDOW_BOUND: &str = "With a window of 58,400 B no sender can: the most is above. While one hole is repaired, two round \
    trips, the window is used up.";

const RESPONSE_FUNCTION: &str = "Loss-based control comes to 1.22/√p segments a round trip at most (RFC 3649; CUBIC is as Reno at \
    such windows, RFC 9438 4.3): 35, 20 and 15.5 % of this link at 1, 3 and 5 % loss, if recovery took no time. At 0.1 % a loss \
    comes every 1.2 s, and for half of that the smaller window does not fill the path.";

#[cfg(test)]
mod tests {
    use super::why;

    #[test]
    fn what_ought_to_be_met_has_no_excuse() {
        for (what, tcp) in [
            ("goodput at 0 % loss, %", "rust"),
            ("goodput at 1 % reordered, %", "rust:bbr"),
            ("a lost last segment is repaired after, ms", "rust:cubic"),
            ("100 Mbit/s, 10 ms, 1 % loss, 256 kB: times C", "rust:bbr"),
            ("two equal flows: Jain's index", "rust"),
        ] {
            assert_eq!(why(what, tcp), None, "{what} of {tcp}");
        }
    }

    #[test]
    fn each_reason_is_for_its_own_goal() {
        let loss = |percent: &str, tcp: &str| why(&format!("goodput at {percent} % loss, %"), tcp);
        assert_eq!(loss("3", "rust:bbr"), Some(super::WINDOW_BOUND));
        assert_eq!(loss("0.1", "rust:cubic"), Some(super::RESPONSE_FUNCTION));
        assert_ne!(
            why("share of the link, %", "c beside rust:cubic"),
            why("share of the link, %", "rust:cubic beside rust:bbr")
        );
    }
}
