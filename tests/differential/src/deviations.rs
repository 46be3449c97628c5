//! The differences that are meant. Each id stands in docs/deviations.md with the clause it follows; anything else that
//! differs is a fault.

use crate::view::Pcb;
use std::collections::BTreeMap;

/// Where two outputs part.
pub struct Context<'a> {
    pub step: &'a str,
    /// The reference's PCBs before the step.
    pub before: &'a BTreeMap<usize, Pcb>,
    pub reference: &'a [String],
    pub subject: &'a [String],
}

/// A segment that the step injects.
pub struct Segment {
    pub slot: usize,
    pub flags: String,
    pub seq: i64,
    pub ack: i64,
    pub len: i64,
    pub timestamp: Option<i64>,
}

/// One entry of the table.
pub struct Deviation {
    pub id: &'static str,
    pub why: &'static str,
    /// True where this deviation explains the difference. The states have then parted: the trace ends there.
    pub explains: fn(&Context) -> bool,
}

/// All there are.
pub const TABLE: &[Deviation] = &[
    Deviation {
        id: "rfc5961-ack-range",
        why: "an ACK older than SND.UNA - MAX.SND.WND is answered with a challenge ACK and dropped (RFC 5961 5.2)",
        explains: ack_too_old,
    },
    Deviation {
        id: "rfc5961-challenge-limit",
        why: "challenge ACKs are limited per connection (RFC 5961 7)",
        explains: challenge_missing,
    },
    Deviation {
        id: "rfc6582-partial-ack",
        why: "a partial ACK keeps fast recovery going (RFC 6582 3.2); C's first new ACK ends it",
        explains: partial_ack,
    },
    Deviation {
        id: "rfc7323-paws",
        why: "a segment with an old timestamp is acknowledged and dropped (RFC 7323 5.3)",
        explains: paws,
    },
    Deviation {
        id: "rfc9293-simultaneous-open",
        why: "a SYN in SYN-SENT leads to SYN-RECEIVED (RFC 9293 3.5, MUST-10); C ignores it",
        explains: simultaneous_open,
    },
    Deviation {
        id: "options-across-pbufs",
        why: "options may lie across any number of pbufs; C drops a segment whose options reach beyond the second",
        explains: options_across_pbufs,
    },
    Deviation {
        id: "rfc9293-acceptance",
        why: "an unacceptable segment is acknowledged and dropped whole (RFC 9293 3.10.7.4); C still takes its ACK and window",
        explains: unacceptable,
    },
    Deviation {
        id: "rfc9293-ack-of-unsent",
        why: "an ACK of what was not sent is answered and dropped (RFC 9293 3.10.7.4); C takes its window and times the RTT by it",
        explains: ack_of_unsent,
    },
    Deviation {
        id: "reassembly-trims-to-window",
        why: "what is queued out of order ends at the window's edge (RFC 9293 3.10.7.4); C does not trim the first, and asserts later",
        explains: beyond_window,
    },
    Deviation {
        id: "reassembly-overlap",
        why: "which of two overlapping segments waits for reassembly is free, as long as no byte is lost; C cuts and keeps differently",
        explains: overlap_queued,
    },
    Deviation {
        id: "rfc9293-window-update",
        why: "a newer or equally new segment's window counts, smaller too (RFC 9293 3.10.7.4); C takes an equal one only if it grows",
        explains: window_update,
    },
    Deviation {
        id: "rfc5681-gap-ack",
        why: "a segment that fills a gap is acknowledged at once (RFC 5681 4.2); C delays that ACK",
        explains: gap_filled,
    },
    Deviation {
        id: "options-of-accepted-syn",
        why: "MSS counts only in the SYN that is accepted, 0 as absent; C takes it from any segment, and 0 as TCP_MSS",
        explains: mss_elsewhere,
    },
    Deviation {
        id: "rfc9293-rst-syn-sent",
        why: "in SYN-SENT a RST counts only with ACK (RFC 9293 3.10.7.3); C does not look at the ACK bit",
        explains: rst_without_ack,
    },
    Deviation {
        id: "rfc6582-rto",
        why: "a retransmission timeout ends fast recovery (RFC 6582 4); C keeps the flag",
        explains: timeout_in_recovery,
    },
    Deviation {
        id: "activity-timer",
        why: "only a segment that is acceptable counts as activity; C counts any, also in SYN-SENT, where nothing reads it",
        explains: only_activity,
    },
];

impl Context<'_> {
    /// The segment of this step.
    pub fn segment(&self) -> Option<Segment> {
        let words: Vec<&str> = self.step.split(' ').collect();
        if words.first() != Some(&"seg") || words.len() < 7 {
            return None;
        }
        let timestamp = words.iter().find_map(|w| w.strip_prefix("opts=")).and_then(|opts| {
            let option = opts.split(',').find(|o| o.starts_with('t'))?;
            option[1..].split(':').next()?.parse().ok()
        });
        Some(Segment {
            slot: words[1].parse().ok()?,
            flags: words[2].to_string(),
            seq: words[3].parse().ok()?,
            ack: words[4].parse().ok()?,
            len: words[6].parse().ok()?,
            timestamp,
        })
    }

    fn target(&self) -> Option<(Segment, &Pcb)> {
        let segment = self.segment()?;
        let pcb = self.before.get(&segment.slot)?;
        Some((segment, pcb))
    }

    fn count(lines: &[String], prefix: &str) -> usize {
        lines.iter().filter(|l| l.starts_with(prefix)).count()
    }
}

fn wrapped(value: i64) -> i64 {
    i64::from(value as u32 as i32)
}

fn ack_too_old(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        segment.flags.contains('A')
            && !matches!(pcb.state.as_str(), "SYN_SENT" | "TIME_WAIT")
            && wrapped(segment.ack - pcb.num("una")) < 0
            && -wrapped(segment.ack - pcb.num("una")) > max_window(pcb)
    })
}

/// `swnd=now/max`.
fn max_window(pcb: &Pcb) -> i64 {
    pcb.text("swnd").split('/').nth(1).and_then(|t| t.parse().ok()).unwrap_or(0)
}

fn challenge_missing(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        let syn = segment.flags.contains('S') && pcb.state != "SYN_SENT";
        let reset = segment.flags.contains('R') && segment.seq != pcb.num("rcv_nxt");
        let ack = segment.flags.contains('A')
            && (wrapped(segment.ack - pcb.num("nxt")) > 0 || wrapped(segment.ack - pcb.num("una")) < -max_window(pcb));
        let sent = format!("tx {} ", segment.slot);
        (syn || reset || ack) && Context::count(at.subject, &sent) + 1 == Context::count(at.reference, &sent)
    })
}

fn partial_ack(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        segment.flags.contains('A') && pcb.flag("INFR") && segment.ack > pcb.num("una") && segment.ack <= pcb.num("nxt")
    })
}

fn paws(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        pcb.flag("TS")
            && !segment.flags.contains('S')
            && segment.timestamp.is_some_and(|t| wrapped(t - pcb.num("tsrecent")) < 0)
    })
}

fn simultaneous_open(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        pcb.state == "SYN_SENT"
            && segment.flags.contains('S')
            && !segment.flags.contains('A')
            && !segment.flags.contains('R')
    })
}

fn options_across_pbufs(at: &Context) -> bool {
    let lenerr = |lines: &[String]| lines.iter().find(|l| l.starts_with("stats ")).and_then(|l| field(l, "lenerr"));
    at.step.contains(" split=") && lenerr(at.reference) > lenerr(at.subject)
}

fn field(line: &str, key: &str) -> Option<i64> {
    line.split(' ').find_map(|w| w.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
}

/// The test of RFC 9293 3.4, table 6.
fn unacceptable(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        let length = segment.len + i64::from(segment.flags.contains('S')) + i64::from(segment.flags.contains('F'));
        let window = pcb.num("rcv_wnd");
        let first = wrapped(segment.seq - pcb.num("rcv_nxt"));
        let inside = |offset: i64| (0..window).contains(&offset);
        let acceptable = match (length, window) {
            (0, 0) => first == 0,
            (0, _) => inside(first),
            (_, 0) => false,
            _ => inside(first) || inside(first + length - 1),
        };
        !acceptable
            && !matches!(pcb.state.as_str(), "SYN_SENT" | "TIME_WAIT" | "CLOSED")
            && !segment.flags.contains('R')
    })
}

/// Nothing but the reassembly queue differs.
fn only_reassembly(at: &Context, slot: usize) -> bool {
    let plain = |lines: &[String]| -> Vec<String> {
        lines
            .iter()
            .filter(|l| !l.starts_with("pool "))
            .map(|l| {
                l.split(' ')
                    .filter(|w| !w.starts_with("ooseq=") && !w.starts_with("sacks=") && !w.starts_with("opts="))
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect()
    };
    at.before.contains_key(&slot) && plain(at.reference) == plain(at.subject)
}

fn beyond_window(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        wrapped(segment.seq + segment.len - pcb.num("rcv_nxt")) > pcb.num("rcv_wnd")
            && only_reassembly(at, segment.slot)
    })
}

fn overlap_queued(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        let end = segment.seq + segment.len;
        let overlaps = pcb.queue("ooseq").iter().any(|(seq, len)| *seq < end && segment.seq < seq + len);
        overlaps && only_reassembly(at, segment.slot)
    })
}

fn ack_of_unsent(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        segment.flags.contains('A')
            && !matches!(pcb.state.as_str(), "SYN_SENT" | "SYN_RCVD" | "TIME_WAIT")
            && wrapped(segment.ack - pcb.num("nxt")) > 0
    })
}

fn window_update(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        let mut wl = pcb.text("wl").split('/').filter_map(|t| t.parse::<i64>().ok());
        let same = wl.next() == Some(segment.seq) && wl.next() == Some(segment.ack);
        same && segment.flags.contains('A') && !segment.flags.contains('R')
    })
}

fn gap_filled(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        let sent = format!("tx {} ", segment.slot);
        !pcb.queue("ooseq").is_empty()
            && wrapped(segment.seq - pcb.num("rcv_nxt")) <= 0
            && Context::count(at.subject, &sent) == Context::count(at.reference, &sent) + 1
    })
}

fn mss_elsewhere(at: &Context) -> bool {
    let Some(segment) = at.segment() else { return false };
    let Some(options) = at.step.split(' ').find_map(|w| w.strip_prefix("opts=")) else { return false };
    let mss = options.split(',').find(|o| o.starts_with('m') || o.starts_with("x0204"));
    let accepted = match at.before.get(&segment.slot) {
        None => segment.flags.contains('S'),
        Some(pcb) => pcb.state == "SYN_SENT" && segment.flags == "SA" && segment.ack == pcb.num("nxt"),
    };
    mss.is_some_and(|m| m == "m0" || !accepted)
}

fn rst_without_ack(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        pcb.state == "SYN_SENT" && segment.flags.contains('R') && !segment.flags.contains('A')
    })
}

fn timeout_in_recovery(at: &Context) -> bool {
    let timer = ["slow", "tmr"].iter().any(|t| at.step.starts_with(t));
    timer && at.before.values().any(|pcb| pcb.flag("INFR"))
}

fn only_activity(at: &Context) -> bool {
    let plain = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|l| l.split(' ').filter(|w| !w.starts_with("tmr=")).collect::<Vec<_>>().join(" ")).collect()
    };
    at.target().is_some() && plain(at.reference) == plain(at.subject)
}
