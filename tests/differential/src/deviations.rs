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
