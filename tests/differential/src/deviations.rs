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
    /// A difference in what is timed was let pass before (rfc6298-karn).
    pub timing_parted: bool,
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
        why: "challenge ACKs are limited per connection (RFC 5961 7), and go out by themselves; C's wait for data to go with",
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
        why: "an unacceptable segment is acknowledged and dropped whole (RFC 9293 3.10.7.4); C still takes its ACK and window, \
              and acknowledges some that are acceptable: an ACK at a closed window, text behind a FIN",
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
        why: "a newer or equally new segment's window counts, smaller too, and an older one's does not (RFC 9293 3.10.7.4); C \
              takes an equal one only if it grows, and then an older one as well",
        explains: window_update,
    },
    Deviation {
        id: "half-window-less-options",
        why: "what is left of half a tiny window is less than the timestamps take: segments of the MSS (MUST-16); in C the \
              length wraps, and a segment is as long as the write",
        explains: no_room_beside_timestamps,
    },
    Deviation {
        id: "rfc2018-kept-data-only",
        why: "only data that wait for reassembly are told of in a SACK (RFC 2018 4); C tells of a segment that it had no \
              memory to queue, too",
        explains: sack_of_nothing,
    },
    Deviation {
        id: "rfc5681-gap-ack",
        why: "a segment that fills a gap, or repeats what was received, is acknowledged at once, after the application has \
              had the data (RFC 5681 4.2); C delays that ACK, or with SACK blocks to tell sends it before the callback",
        explains: gap_filled,
    },
    Deviation {
        id: "options-of-accepted-syn",
        why: "options count only in a segment that is accepted, MSS only in the SYN, timestamps only where negotiated, and \
              an MSS of 0 as none; C takes them from any segment, window scaling from any SYN, and an MSS of 0 as TCP_MSS",
        explains: mss_elsewhere,
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
    Deviation {
        id: "wake-on-memory",
        why: "where tcp_write failed for lack of memory, sent is called with 0 octets when some comes back; C waits for a poll",
        explains: woken_writer,
    },
    Deviation {
        id: "min-mss",
        why: "the peer's MSS counts as 64 at least: a smaller one makes segments of headers alone (CVE-2019-11479)",
        explains: tiny_mss,
    },
    Deviation {
        id: "rfc5961-syn-received",
        why: "a SYN in the window is answered with a challenge ACK in SYN-RECEIVED as well (RFC 5961 4.2); C does \
              as if the bit were not set",
        explains: syn_in_syn_received,
    },
    Deviation {
        id: "timewait-reopen",
        why: "a SYN above what was received opens the connection anew where somebody listens, else it is reset (RFC 9293 \
              MAY-2), and a SYN,ACK is acknowledged (RFC 5961 4.2); C acknowledges it, or resets where it lies in the window",
        explains: syn_in_time_wait,
    },
    Deviation {
        id: "abort-without-ack",
        why: "a reset says all: no ACK that was delayed goes out before it",
        explains: ack_before_reset,
    },
    Deviation {
        id: "split-moves-psh-fin",
        why: "PSH and FIN of a segment that is split belong to its second part; C leaves them on the first, too",
        explains: flags_of_split,
    },
    Deviation {
        id: "timestamps-in-every-segment",
        why: "once negotiated, timestamps are in each segment (RFC 7323 3.2), keep-alives and probes included",
        explains: timestamps_added,
    },
    Deviation {
        id: "dupack-inflation-limited",
        why: "duplicate ACKs inflate cwnd by no more than what is outstanding (RFC 5681 4, Savage 1999)",
        explains: inflation_limited,
    },
    Deviation {
        id: "nagle-ack",
        why: "an ACK that is due goes out even if the Nagle algorithm holds the data back that would carry it",
        explains: ack_beside_held_data,
    },
    Deviation {
        id: "rfc9293-keep-alive-idle",
        why: "keep-alives go out only where nothing waits to be sent or acknowledged (RFC 9293 MUST-26); C sends them any time",
        explains: keep_alive_with_data,
    },
    Deviation {
        id: "rfc6298-karn",
        why: "what was sent again is not timed (RFC 6298 3); C times the second sending",
        explains: timed_again,
    },
    Deviation {
        id: "rfc5681-flight-size",
        why: "the first timeout of a segment decides ssthresh (RFC 5681 3.1); C halves it with each",
        explains: other_ssthresh,
    },
    Deviation {
        id: "rfc3465-all-that-was-sent",
        why: "after a timeout all that was ever sent counts as sent again, until it is acknowledged (RFC 3465 2.3, RFC 5681 3.1); \
              after another one, in C only what was in flight between the two",
        explains: other_rto_end,
    },
    Deviation {
        id: "rfc9293-default-mss",
        why: "a peer that names no MSS gets 1220 octets with IPv6 (RFC 9293 MUST-15); C sends 536",
        explains: no_mss_named,
    },
    Deviation {
        id: "rfc9293-ack-in-syn-sent",
        why: "in SYN-SENT a segment without SYN whose ACK is acceptable is dropped (RFC 9293 3.10.7.3, fifth); C resets it",
        explains: ack_in_syn_sent,
    },
    Deviation {
        id: "fin-after-close-in-accept",
        why: "a FIN with the ACK that establishes leads to CLOSING where the accept callback has closed (RFC 9293 3.10.7.4, \
              eighth); C sets CLOSE-WAIT over FIN-WAIT-1",
        explains: closed_in_accept,
    },
    Deviation {
        id: "ack-until-sent",
        why: "an ACK that the interface refused stays due; C's fast timer takes it for sent",
        explains: ack_still_due,
    },
    Deviation {
        id: "wake-on-memory",
        why: "an application whose tcp_write got ERR_MEM is called when memory is back, by a sent callback of 0 octets; with \
              C it waits for the poll callback",
        explains: writer_woken,
    },
    Deviation {
        id: "bind-twice",
        why: "binding a bound PCB moves it; C puts it into its list a second time, which makes a circle",
        explains: bound_again,
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

    /// The options of this step's segment, as the trace writes them.
    fn options(&self) -> Vec<&str> {
        self.step.split(' ').find_map(|w| w.strip_prefix("opts=")).map_or(Vec::new(), |o| o.split(',').collect())
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
        let tried = |lines: &[String]| Context::count(lines, &sent) + Context::count(lines, "txfail ");
        let limited = tried(at.subject) + 1 == tried(at.reference);
        let alone = !pcb.queue("unsent").is_empty() && tried(at.subject) == tried(at.reference) + 1;
        (syn || reset || ack) && (limited || alone)
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
        // Both are acceptable, and ask for no ACK: C thinks otherwise of what is not wholly in the window.
        let acknowledged_by_c = (length == 0 && window == 0 && first == 0)
            || (length > 0 && first < 0 && matches!(pcb.state.as_str(), "CLOSE_WAIT" | "CLOSING" | "LAST_ACK"));
        (!acceptable || acknowledged_by_c)
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
        let fin = i64::from(segment.flags.contains('F'));
        wrapped(segment.seq + segment.len + fin - pcb.num("rcv_nxt")) > pcb.num("rcv_wnd")
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
        let (first, second) = (wl.next(), wl.next());
        let not_newer = first.is_some_and(|wl1| wrapped(segment.seq - wl1) <= 0) && second == Some(segment.ack);
        not_newer && segment.flags.contains('A') && !segment.flags.contains('R')
    })
}

fn gap_filled(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        let sent = format!("tx {} ", segment.slot);
        let first = wrapped(segment.seq - pcb.num("rcv_nxt"));
        let fills = !pcb.queue("ooseq").is_empty() && first <= 0;
        let tried = |lines: &[String]| Context::count(lines, &sent) + Context::count(lines, "txfail ");
        let at_once = tried(at.subject) == tried(at.reference) + 1;
        at_once && (fills || first < 0 && segment.len > 0) || fills && ack_moved_behind_callback(at, &sent)
    })
}

/// The same lines, but for an ACK that the subject sends after a callback.
fn ack_moved_behind_callback(at: &Context, sent: &str) -> bool {
    let others = |lines: &[String]| -> Vec<String> { lines.iter().filter(|l| !l.starts_with(sent)).cloned().collect() };
    let acks = |lines: &[String]| -> Vec<String> { lines.iter().filter(|l| l.starts_with(sent)).cloned().collect() };
    let place = |lines: &[String]| lines.iter().position(|l| l.starts_with(sent));
    acks(at.reference) == acks(at.subject)
        && others(at.reference) == others(at.subject)
        && place(at.reference) < place(at.subject)
}

fn mss_elsewhere(at: &Context) -> bool {
    let Some(segment) = at.segment() else { return false };
    let options = at.options();
    let accepted = match at.before.get(&segment.slot) {
        None => segment.flags.contains('S'),
        Some(pcb) => pcb.state == "SYN_SENT" && segment.flags == "SA" && segment.ack == pcb.num("nxt"),
    };
    // A SYN that comes again is not acceptable (RFC 7323 5.3, R2), and none counts where they were not negotiated (3.2).
    let not_to_be_timed = at.before.get(&segment.slot).is_some_and(|pcb| match pcb.state.as_str() {
        "SYN_SENT" => !accepted,
        "SYN_RCVD" => segment.flags.contains('S') || !pcb.flag("TS"),
        _ => !pcb.flag("TS"),
    });
    options.iter().any(|option| match option.as_bytes().first() {
        Some(b'm') => *option == "m0" || !accepted,
        Some(b'w') => !accepted,
        Some(b'x') => option.starts_with("x0204") && !accepted,
        Some(b't') => not_to_be_timed && only_timestamps(at),
        _ => false,
    })
}

fn only_timestamps(at: &Context) -> bool {
    let bare = |lines: &[String]| {
        without(lines, |_, word| ["opts=", "tsrecent=", "tmr=", "flags="].iter().any(|key| word.starts_with(key)))
    };
    bare(at.reference) == bare(at.subject)
}

fn sack_of_nothing(at: &Context) -> bool {
    let bare = |lines: &[String]| without(lines, |_, word| word.starts_with("opts=") || word.starts_with("sacks="));
    let kept = |lines: &[String], slot| crate::view::pcbs(lines).get(&slot).map_or(0, |pcb| pcb.queue("ooseq").len());
    at.target().is_some_and(|(segment, pcb)| {
        wrapped(segment.seq - pcb.num("rcv_nxt")) > 0
            && kept(at.reference, segment.slot) == pcb.queue("ooseq").len()
            && bare(at.reference) == bare(at.subject)
    })
}

fn no_room_beside_timestamps(at: &Context) -> bool {
    const TIMESTAMPS: i64 = 12;
    let slot = at.step.strip_prefix("write ").and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
    slot.and_then(|slot| at.before.get(&slot)).is_some_and(|pcb| pcb.flag("TS") && max_window(pcb) / 2 <= TIMESTAMPS)
}

fn tiny_mss(at: &Context) -> bool {
    let tiny = |option: &&str| option.strip_prefix('m').and_then(|m| m.parse().ok()).is_some_and(|m: i64| m < 64);
    at.segment().is_some_and(|segment| segment.flags.contains('S')) && at.options().iter().any(tiny)
}

fn syn_in_syn_received(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        let sent = format!("tx {} ", segment.slot);
        let answers = |line: &String| line.starts_with(&sent) && (is_pure_ack(line) || line.contains(" SA "));
        pcb.state == "SYN_RCVD"
            && segment.flags.contains('S')
            && !segment.flags.contains('R')
            && (-1..pcb.num("rcv_wnd")).contains(&wrapped(segment.seq - pcb.num("rcv_nxt")))
            && (Context::count(at.subject, &sent) == Context::count(at.reference, &sent) + 1
                || segment.flags.contains('A') && at.subject.iter().any(answers))
    })
}

fn syn_in_time_wait(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        let newer = segment.timestamp.is_some_and(|t| pcb.flag("TS") && wrapped(t - pcb.num("tsrecent")) > 0);
        pcb.state == "TIME_WAIT"
            && segment.flags.contains('S')
            && !segment.flags.contains('R')
            && (newer || wrapped(segment.seq - pcb.num("rcv_nxt")) >= 0)
    })
}

/// Lines without some words, and without lines that say nothing then.
fn without(lines: &[String], drop: impl Fn(&str, &str) -> bool) -> Vec<String> {
    lines.iter().map(|l| l.split(' ').filter(|w| !drop(l, w)).collect::<Vec<_>>().join(" ")).collect()
}

fn is_pure_ack(line: &str) -> bool {
    line.starts_with("tx ") && line.split(' ').nth(4) == Some("A") && line.contains(" len=0 ")
}

fn ack_before_reset(at: &Context) -> bool {
    let no_count =
        |lines: &[String]| without(lines, |line, word| line.starts_with("stats ") && word.starts_with("xmit="));
    let after = crate::view::pcbs(at.reference);
    let ends = |line: &String| {
        let slot = line.split(' ').nth(1).and_then(|s| s.parse().ok());
        let reset = |l: &String| {
            let words: Vec<&str> = l.split(' ').collect();
            words[0] == "tx" && words.get(1) == line.split(' ').collect::<Vec<_>>().get(1) && words[4].contains('R')
        };
        slot.is_some_and(|slot: usize| !after.contains_key(&slot)) && at.reference.iter().any(reset)
    };
    let rest: Vec<String> = at.reference.iter().filter(|line| !(is_pure_ack(line) && ends(line))).cloned().collect();
    rest.len() < at.reference.len() && no_count(&rest) == no_count(at.subject)
}

fn flags_of_split(at: &Context) -> bool {
    let timer = ["slow", "tmr"].iter().any(|t| at.step.starts_with(t));
    let split = |line: &String| {
        let Some(tx) = crate::view::Tx::parse(line) else { return false };
        let Some(pcb) = at.before.get(&(tx.slot as usize)) else { return false };
        let queued = pcb.queue("unsent").iter().any(|(seq, len)| *seq == tx.num("seq") && *len > tx.num("len"));
        // Written and split in one step: what went out fills the window.
        queued || tx.num("len") > 0 && pcb.text("swnd").split('/').next() == Some(&tx.num("len").to_string())
    };
    // What is left to differ: flags of such a segment, in the air and in the queues.
    let bare = |lines: &[String]| -> Vec<String> {
        lines
            .iter()
            .map(|line| {
                let mut words: Vec<String> = line.split(' ').map(String::from).collect();
                if split(line) {
                    words[4] = words[4].replace(['P', 'F'], "");
                }
                for word in words.iter_mut().filter(|w| w.starts_with("unsent=") || w.starts_with("unacked=")) {
                    *word = word.replace('F', "");
                }
                words.join(" ")
            })
            .collect()
    };
    timer && at.subject.iter().any(split) && bare(at.reference) == bare(at.subject)
}

fn timestamps_added(at: &Context) -> bool {
    let bare = |lines: &[String]| without(lines, |line, word| line.starts_with("tx ") && word.starts_with("opts="));
    let count = |lines: &[String]| lines.iter().filter(|l| l.starts_with("tx ") && l.contains(",ts")).count();
    bare(at.reference) == bare(at.subject) && count(at.subject) > count(at.reference)
}

fn inflation_limited(at: &Context) -> bool {
    let bare = |lines: &[String]| without(lines, |line, word| line.starts_with("pcb ") && word.starts_with("cwnd="));
    at.target().is_some_and(|(segment, pcb)| {
        segment.ack == pcb.num("una") && pcb.num("dup") >= 3 && bare(at.reference) == bare(at.subject)
    })
}

fn ack_beside_held_data(at: &Context) -> bool {
    let after = crate::view::pcbs(at.reference);
    let held = |slot: &usize| after.get(slot).is_some_and(|pcb| pcb.flag("NOW") && !pcb.queue("unsent").is_empty());
    let slot = |line: &String| line.split(' ').nth(1).and_then(|s| s.parse().ok());
    let extra: Vec<&String> =
        at.subject.iter().filter(|line| is_pure_ack(line) && !at.reference.contains(line)).collect();
    !extra.is_empty() && extra.iter().all(|line| slot(line).is_some_and(|s: usize| held(&s)))
}

fn closed_in_accept(at: &Context) -> bool {
    let state =
        |lines: &[String], slot| crate::view::pcbs(lines).get(&slot).map_or(String::new(), |pcb| pcb.state.clone());
    at.target().is_some_and(|(segment, pcb)| {
        pcb.state == "SYN_RCVD"
            && segment.flags.contains('F')
            && state(at.reference, segment.slot) == "CLOSE_WAIT"
            && state(at.subject, segment.slot) == "CLOSING"
    })
}

fn ack_still_due(at: &Context) -> bool {
    let refused = |lines: &[String]| lines.iter().any(|line| line.starts_with("txfail "));
    // What is left to differ: whether the ACK was tried again, and is due still.
    let bare = |lines: &[String]| -> Vec<String> {
        let kept: Vec<String> =
            lines.iter().filter(|l| !is_pure_ack(l) && !l.starts_with("txfail ")).cloned().collect();
        let kept = without(&kept, |_, word| word.starts_with("xmit="));
        kept.iter()
            .map(|line| line.replace("DELAY|", "").replace("NOW|", "").replace("DELAY", "").replace("NOW", ""))
            .collect()
    };
    // In TIME-WAIT C sends nothing that it does not owe to the segment at hand.
    let due = at.target().is_some_and(|(_, pcb)| pcb.state == "TIME_WAIT" && pcb.flag("NOW"));
    (due || refused(at.reference) || refused(at.subject)) && bare(at.reference) == bare(at.subject)
}

fn keep_alive_with_data(at: &Context) -> bool {
    let timer = ["slow", "tmr"].iter().any(|t| at.step.starts_with(t));
    let after = crate::view::pcbs(at.reference);
    let keep_alive = |line: &String| {
        let Some(tx) = crate::view::Tx::parse(line).filter(|_| is_pure_ack(line)) else { return false };
        let slot = tx.slot as usize;
        let pending =
            |pcb: Option<&Pcb>| pcb.is_some_and(|p| !p.queue("unacked").is_empty() || !p.queue("unsent").is_empty());
        pending(at.before.get(&slot)) || pending(after.get(&slot))
    };
    let bare = |lines: &[String]| -> Vec<String> {
        let kept: Vec<String> = lines.iter().filter(|line| !keep_alive(line)).cloned().collect();
        without(&kept, |_, word| word.starts_with("xmit=") || word.starts_with("keep="))
    };
    timer && at.reference.iter().any(keep_alive) && bare(at.reference) == bare(at.subject)
}

fn timed_again(at: &Context) -> bool {
    let untimed =
        |lines: &[String]| without(lines, |_, word| ["rto=", "rtt=", "rtime="].iter().any(|key| word.starts_with(key)));
    at.timing_parted && untimed(at.reference) == untimed(at.subject)
}

fn other_ssthresh(at: &Context) -> bool {
    only_differ_after_a_loss(at, &["ssthresh=", "cwnd=", "rttest=", "rtseq="])
}

fn other_rto_end(at: &Context) -> bool {
    let ends = |lines: &[String]| crate::view::pcbs(lines).values().map(|pcb| pcb.num("rtoend")).sum::<i64>();
    let timer = ["slow", "tmr"].iter().any(|t| at.step.starts_with(t));
    timer
        && ends(at.reference) < ends(at.subject)
        && only_differ_after_a_loss(at, &["rtoend=", "ssthresh=", "cwnd=", "rttest=", "rtseq="])
}

fn only_differ_after_a_loss(at: &Context, keys: &[&str]) -> bool {
    let bare = |lines: &[String]| without(lines, |_, word| keys.iter().any(|key| word.starts_with(key)));
    let lost =
        crate::view::pcbs(at.reference).values().any(|pcb| pcb.num("nrtx") > 0 || pcb.flag("RTO") || pcb.flag("INFR"));
    lost && bare(at.reference) == bare(at.subject)
}

fn no_mss_named(at: &Context) -> bool {
    let written = at.step.strip_prefix("write ").and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
    let early = written.filter(|slot| *slot >= 6).and_then(|slot| at.before.get(&slot));
    if early.is_some_and(|pcb| pcb.state == "SYN_SENT") {
        return true;
    }
    at.segment().is_some_and(|segment| {
        segment.slot >= 6
            && segment.flags.contains('S')
            && !at.options().iter().any(|o| o.starts_with('m') || o.starts_with("x0204"))
            && at.subject.iter().any(|line| line.starts_with("pcb ") && line.contains(" mss=1220 "))
    })
}

fn ack_in_syn_sent(at: &Context) -> bool {
    at.target().is_some_and(|(segment, pcb)| {
        pcb.state == "SYN_SENT"
            && segment.flags.contains('A')
            && !segment.flags.contains('S')
            && !segment.flags.contains('R')
            && (1..=wrapped(pcb.num("nxt") - pcb.num("una"))).contains(&wrapped(segment.ack - pcb.num("una")))
    })
}

fn writer_woken(at: &Context) -> bool {
    let woken = |line: &String| line.starts_with("cb ") && line.ends_with(" sent 0");
    let before = |line: &String| {
        let slot = line.split(' ').nth(1).and_then(|s| s.parse().ok());
        slot.and_then(|s: usize| at.before.get(&s)).is_some_and(|pcb| pcb.flag("NAGLE"))
    };
    at.subject.iter().any(|line| woken(line) && before(line)) && !at.reference.iter().any(woken)
}

fn bound_again(at: &Context) -> bool {
    let mut words = at.step.split(' ');
    words.next() == Some("bind")
        && words
            .next()
            .and_then(|slot| at.before.get(&slot.parse().ok()?))
            .is_some_and(|pcb| pcb.state == "CLOSED" && pcb.num("lport") != 0)
}

fn timeout_in_recovery(at: &Context) -> bool {
    let timer = ["slow", "tmr"].iter().any(|t| at.step.starts_with(t));
    timer && at.before.values().any(|pcb| pcb.flag("INFR"))
}

/// The first thing that parts them is a sent callback of no octets, which C never makes.
fn woken_writer(at: &Context) -> bool {
    let first = at.subject.iter().zip(at.reference.iter().map(Some).chain(std::iter::repeat(None)));
    first.into_iter().find(|(ours, theirs)| Some(*ours) != *theirs).is_some_and(|(ours, _)| {
        let words: Vec<&str> = ours.split_whitespace().collect();
        matches!(words[..], ["cb", _, "sent", "0"])
    })
}

fn only_activity(at: &Context) -> bool {
    let plain = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|l| l.split(' ').filter(|w| !w.starts_with("tmr=")).collect::<Vec<_>>().join(" ")).collect()
    };
    at.target().is_some() && plain(at.reference) == plain(at.subject)
}
