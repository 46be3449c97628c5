//! Makes a trace that shows a difference as short as it gets.

use crate::compare::{Verdict, compare};
use crate::peer;
use std::path::Path;

/// The two peers that are compared.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    pub reference: &'a Path,
    pub subject: &'a Path,
    /// Fields that are not compared.
    pub ignore: &'a [String],
}

impl Pair<'_> {
    /// Both run the trace.
    pub fn verdict(&self, trace: &[String]) -> Result<Verdict, String> {
        let reference = peer::run(self.reference, trace)?;
        let subject = peer::run(self.subject, trace)?;
        Ok(compare(trace, &reference, &subject, self.ignore))
    }

    /// The step at which the trace shows this difference.
    pub fn shows(&self, trace: &[String], signature: &str) -> Option<usize> {
        match self.verdict(trace) {
            Ok(Verdict::Different(d)) if d.signature == signature => Some(d.step),
            _ => None,
        }
    }

    /// The step at which the reference fails like this.
    pub fn fails(&self, trace: &[String], how: &str) -> Option<usize> {
        let output = peer::run(self.reference, trace).ok()?;
        output.iter().position(|o| o.iter().flatten().any(|line| line == how))
    }
}

/// Removes steps, larger groups first, then simplifies what is left, while the same difference shows.
pub fn shrink(trace: &[String], step: usize, shows: &dyn Fn(&[String]) -> Option<usize>) -> Vec<String> {
    let mut best: Vec<String> = trace[..=step].to_vec();
    let mut size = best.len() / 2;
    let mut budget = 400;
    while size > 0 && budget > 0 {
        let mut at = 0;
        let mut removed = false;
        while at < best.len() && budget > 0 {
            let end = (at + size).min(best.len());
            let candidate: Vec<String> = best[..at].iter().chain(&best[end..]).cloned().collect();
            budget -= 1;
            match shows(&candidate) {
                Some(last) => {
                    best = candidate[..=last].to_vec();
                    removed = true;
                }
                None => at = end,
            }
        }
        if !removed || size > 1 {
            size /= 2;
        }
    }
    simplify(best, shows)
}

fn simplify(mut best: Vec<String>, shows: &dyn Fn(&[String]) -> Option<usize>) -> Vec<String> {
    for index in 0..best.len() {
        for simpler in simpler(&best[index]) {
            let mut candidate = best.clone();
            candidate[index] = simpler;
            if let Some(last) = shows(&candidate) {
                best = candidate[..=last].to_vec();
                break;
            }
        }
        if index + 1 >= best.len() {
            break;
        }
    }
    best
}

/// The step without its extras, with a rounder number, or with a plainer action.
fn simpler(step: &str) -> Vec<String> {
    let words: Vec<&str> = step.split(' ').collect();
    let mut out = Vec::new();
    match words[0] {
        "seg" if words.len() > 7 => {
            let keep: Vec<&str> = words.iter().copied().filter(|w| w.starts_with("dport=")).collect();
            let plain: Vec<&str> = words[..7].iter().copied().chain(keep.iter().copied()).collect();
            out.push(plain.join(" "));
            for drop in 7..words.len() {
                let kept: Vec<&str> = words.iter().enumerate().filter(|(i, _)| *i != drop).map(|(_, w)| *w).collect();
                out.push(kept.join(" "));
            }
        }
        "iss" | "irs" => out.push(format!("{} {} 1000", words[0], words[1])),
        "slow" | "tmr" if words.len() > 1 => out.push(format!("{} 1", words[0])),
        _ => {}
    }
    out.retain(|s| s != step);
    out
}
