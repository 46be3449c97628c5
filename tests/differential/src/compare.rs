//! Compares the two peers' outputs of one trace.

use crate::deviations::{Context, TABLE};
use crate::peer::Output;
use crate::view;
use std::collections::{BTreeMap, BTreeSet};

/// How a comparison ended.
pub enum Verdict {
    /// The same to the end.
    Same,
    /// The same up to a deviation that is meant.
    Allowed(&'static str),
    /// The reference itself failed an assertion or crashed: nothing to compare with from there on.
    ReferenceFailed { how: String, step: usize, subject_survived: bool },
    /// A fault.
    Different(Difference),
}

/// Where and how two outputs differ.
pub struct Difference {
    pub step: usize,
    /// Kind of step and kinds of lines and fields: the same fault found twice has the same signature.
    pub signature: String,
    pub report: String,
}

/// Compares step by step.
pub fn compare(trace: &[String], reference: &[Output], subject: &[Output], ignore: &[String]) -> Verdict {
    let mut before = BTreeMap::new();
    let mut parted = Parted::default();
    for (index, step) in trace.iter().enumerate() {
        let (Some(Some(left)), right) = (reference.get(index), subject.get(index)) else { break };
        let none = vec!["gone".to_string()];
        let right = right.and_then(Option::as_ref).unwrap_or(&none);
        if let Some(failed) = left.iter().find(|l| l.starts_with("assert ") || l.starts_with("died ")) {
            let subject_survived = subject.len() == trace.len() && subject.iter().all(survived);
            return Verdict::ReferenceFailed { how: failed.clone(), step: index, subject_survived };
        }
        let (left, right) = (canonical(step, left, ignore), canonical(step, right, ignore));
        let (left, right) = parted.apart_from(&before, left, right);
        if left != right {
            let context =
                Context { step, before: &before, reference: &left, subject: &right, timing_parted: parted.timing };
            return match TABLE.iter().find(|d| (d.explains)(&context)) {
                Some(deviation) => Verdict::Allowed(deviation.id),
                None => Verdict::Different(describe(trace, index, &before, &left, &right)),
            };
        }
        before = view::pcbs(&left);
    }
    Verdict::Same
}

/// Deviations that leave all else the same for a while: the trace goes on.
#[derive(Default)]
struct Parted {
    /// rfc6298-karn: what is timed, once something was sent again.
    timing: bool,
}

impl Parted {
    fn apart_from(
        &mut self,
        before: &BTreeMap<usize, view::Pcb>,
        left: Vec<String>,
        right: Vec<String>,
    ) -> (Vec<String>, Vec<String>) {
        let (left, right) = default_mss(without_unseen_errors(left, &right), right);
        let untimed = |lines: &[String]| -> Vec<String> {
            let timed = |word: &&str| !["rtt=", "rttest=", "rtseq="].iter().any(|key| word.starts_with(key));
            lines.iter().map(|line| line.split(' ').filter(timed).collect::<Vec<_>>().join(" ")).collect()
        };
        let again = |pcb: &view::Pcb| {
            pcb.num("nrtx") > 0 || pcb.flag("RTO") || pcb.flag("INFR") || pcb.flag("NAGLE") || pcb.num("dup") >= 2
        };
        let after = view::pcbs(&left);
        let sent_again = before.values().any(again) || after.values().any(again);
        self.timing |= left != right && sent_again;
        if self.timing { (untimed(&left), untimed(&right)) } else { (left, right) }
    }
}

/// event-err-unseen: C tells of connections that were not accepted yet.
fn without_unseen_errors(reference: Vec<String>, subject: &[String]) -> Vec<String> {
    let unseen = |line: &String| line.starts_with("cb listener ") && line.contains(" err ") && !subject.contains(line);
    reference.into_iter().filter(|line| !unseen(line)).collect()
}

/// rfc9293-default-mss: before the peer has named its MSS, IPv6 has 1220 octets and C has 536 for both; windows follow.
fn default_mss(left: Vec<String>, right: Vec<String>) -> (Vec<String>, Vec<String>) {
    let open = |line: &str| {
        ["6 SYN_SENT", "7 SYN_SENT", "6 CLOSED", "7 CLOSED"].iter().any(|at| line.starts_with(&format!("pcb {at}")))
    };
    if !right.iter().any(|line| open(line) && line.contains(" mss=1220 ")) {
        return (left, right);
    }
    let of_mss = |word: &&str| !["mss=", "cwnd=", "ssthresh="].iter().any(|key| word.starts_with(key));
    let bare = |lines: Vec<String>| -> Vec<String> {
        let line = |l: String| if open(&l) { l.split(' ').filter(of_mss).collect::<Vec<_>>().join(" ") } else { l };
        lines.into_iter().map(line).collect()
    };
    (bare(left), bare(right))
}

fn survived(output: &Output) -> bool {
    output.as_ref().is_some_and(|lines| !lines.iter().any(|l| l.starts_with("assert ") || l.starts_with("died ")))
}

/// The order in which a timer serves connections is no part of the contract, the order within each is.
fn canonical(step: &str, lines: &[String], ignore: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = lines.iter().map(|line| mask(line, ignore)).collect();
    // A PCB is freed before its err callback, as that is documented to be: deviation err-after-free. Its extension arguments
    // are destroyed with it.
    for at in 0..lines.len() {
        let words: Vec<&str> = lines[at].split(' ').collect();
        if words[0] == "cb" && words.get(2) == Some(&"err") {
            let destroyed = format!("cb {} ext destroy ", words[1]);
            if let Some(after) = lines[at..].iter().position(|line| line.starts_with(&destroyed)) {
                lines[at..=at + after].rotate_right(1);
            }
        }
    }
    let timer = ["slow", "fast", "tmr", "finish", "ipchange", "unlisten", "txnow"].iter().any(|t| step.starts_with(t));
    if timer {
        lines.sort_by_key(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            match words[0] {
                "tx" | "cb" => (0, words[1].to_string()),
                _ => (1, String::new()),
            }
        });
    }
    lines
}

/// The line without what does not count.
fn mask(line: &str, ignore: &[String]) -> String {
    let reset = line.starts_with("tx ") && line.split(' ').nth(4).is_some_and(|flags| flags.contains('R'));
    line.split(' ')
        .filter(|word| {
            let key = word.split('=').next().unwrap_or(word);
            // A reset's window means nothing: deviation rst-window-byte-order.
            let ignored = word.contains('=') && ignore.iter().any(|i| i == key);
            !(ignored || reset && key == "win")
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The lines of each side that the other does not have, in order.
fn only(left: &[String], right: &[String]) -> Vec<String> {
    let mut rest = right.to_vec();
    let mut out = Vec::new();
    for line in left {
        match rest.iter().position(|r| r == line) {
            Some(at) => {
                rest.remove(at);
            }
            None => out.push(line.clone()),
        }
    }
    out
}

fn kind(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    match words[0] {
        "cb" => format!("cb-{}", words.get(2).unwrap_or(&"")),
        "tx" => format!("tx-{}", words.get(4).unwrap_or(&"")),
        other => other.to_string(),
    }
}

/// The words of two lines of one kind that are not the same.
fn word_difference(left: &str, right: &str) -> Vec<(String, String)> {
    left.split(' ').zip(right.split(' ')).filter(|(l, r)| l != r).map(|(l, r)| (l.to_string(), r.to_string())).collect()
}

fn describe(
    trace: &[String],
    index: usize,
    before: &BTreeMap<usize, view::Pcb>,
    left: &[String],
    right: &[String],
) -> Difference {
    let (lost, extra) = (only(left, right), only(right, left));
    let mut keys = BTreeSet::new();
    let mut report = format!("step {}: {}\n", index + 1, trace[index]);
    for (slot, pcb) in before {
        if trace[index].starts_with(&format!("seg {slot} ")) {
            report += &format!(
                "  before: {slot} {} rcv_nxt={} una={} nxt={} flags={} rcv_wnd={}\n",
                pcb.state,
                pcb.num("rcv_nxt"),
                pcb.num("una"),
                pcb.num("nxt"),
                pcb.text("flags"),
                pcb.num("rcv_wnd")
            );
        }
    }
    let mut used = BTreeSet::new();
    for line in &lost {
        let pair = extra.iter().enumerate().find(|(at, r)| !used.contains(at) && same_subject(line, r));
        if let Some((at, twin)) = pair {
            used.insert(at);
            let words = word_difference(line, twin);
            for (l, r) in &words {
                keys.insert(format!("{}.{}", kind(line), l.split('=').next().unwrap_or(l)));
                report += &format!("  {}: reference {l}   subject {r}\n", kind(line));
            }
        } else {
            keys.insert(format!("-{}", kind(line)));
            report += &format!("  only reference: {line}\n");
        }
    }
    for (at, line) in extra.iter().enumerate() {
        if !used.contains(&at) {
            keys.insert(format!("+{}", kind(line)));
            report += &format!("  only subject:   {line}\n");
        }
    }
    if lost.is_empty() && extra.is_empty() {
        keys.insert("order".to_string());
        report += "  the same lines in another order\n";
        report +=
            &format!("  reference: {}\n  subject:   {}\n", left.join("\n             "), right.join("\n             "));
    }
    let verb: Vec<&str> = trace[index].split(' ').collect();
    let verb = if verb[0] == "seg" { format!("seg-{}", verb[2]) } else { verb[0].to_string() };
    let state =
        trace[index].split(' ').nth(1).and_then(|s| before.get(&s.parse().ok()?)).map_or("-", |p| p.state.as_str());
    Difference {
        step: index,
        signature: format!("{verb} {state} {}", keys.into_iter().collect::<Vec<_>>().join(" ")),
        report,
    }
}

fn same_subject(left: &str, right: &str) -> bool {
    let words = |line: &str| -> Vec<String> { line.split(' ').take(3).map(String::from).collect() };
    let (l, r) = (words(left), words(right));
    match l[0].as_str() {
        "tx" | "pcb" => l[0] == r[0] && l.get(1) == r.get(1),
        "cb" => l[..l.len().min(3)] == r[..r.len().min(3)],
        "listen" => l[..2] == r[..r.len().min(2)],
        kind => kind == r[0] && kind != "gone",
    }
}
