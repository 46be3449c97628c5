//! When which segments were sent, in a bounded log: struct tcp_seg has no room for a time (RFC 8985 5.1 wants one for each).
//!
//! Segments sent for the first time are in the order of their numbers, so that a few runs say it all; within a run time is
//! taken to go by evenly. When there are too many runs, those two neighbours become one that are closest in time. Segments sent
//! again are in the order of their numbers mostly, and remembered with less precision: never as sent before they were.

use crate::wire::{Coarse, SeqNum};

/// The sequence number where a segment ends. Short segments, shorter than what it leaves out, may have the same one: they pass for
/// one that was sent when the last of them was.
type End = Coarse;

fn of(end: SeqNum) -> End {
    End::of(end.raw())
}

/// Runs of first transmissions,
const RUNS: usize = 3;
/// and of repeated ones: with two, what was merged is not mistaken for a part of what is older.
const AGAIN: usize = 2;

/// Segments up to `end`, from the end of the run before: the first was sent at `first`, the last at `last`.
#[derive(Clone, Copy)]
struct Run {
    end: End,
    first: u16,
    last: u16,
    /// Octets that had been delivered when the last one was sent.
    delivered: Coarse,
}

/// Segments sent again: up to `end`, from `first` to `last`, SND.NXT being `next` at last.
#[derive(Clone, Copy)]
struct Again {
    end: End,
    /// Rounded up.
    next: End,
    first: u16,
    last: u16,
}

/// When a segment was sent last, as far as the log knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Not before this,
    pub(crate) earliest: u16,
    /// not after this,
    pub(crate) latest: u16,
    /// and, if time went by evenly, at this.
    pub(crate) likely: u16,
    /// If it was sent again: what ends behind this was sent for the first time after it.
    pub(crate) next: SeqNum,
}

impl Sent {
    fn at(time: u16, next: SeqNum) -> Self {
        Self { earliest: time, latest: time, likely: time, next }
    }
}

/// Moves all others one to the front.
fn drop_first<T: Copy>(mut entries: &mut [T]) {
    while let [first, rest @ ..] = entries {
        if let Some(next) = rest.first() {
            *first = *next;
        }
        entries = rest;
    }
}

/// See the module. Times are the low 16 bits of a millisecond: what is in flight is younger than half a minute.
#[derive(Clone, Copy)]
pub(crate) struct SendLog {
    /// Where the oldest run begins.
    start: End,
    runs: [Run; RUNS],
    again: [Again; AGAIN],
    used: u8,
    used_again: u8,
}

impl SendLog {
    /// Nothing was sent. All octets of it are zero.
    pub(crate) const NEW: Self = Self {
        start: End::ZERO,
        runs: [Run { end: End::ZERO, first: 0, last: 0, delivered: Coarse::ZERO }; RUNS],
        again: [Again { end: End::ZERO, next: End::ZERO, first: 0, last: 0 }; AGAIN],
        used: 0,
        used_again: 0,
    };

    fn runs(&self) -> &[Run] {
        self.runs.get(..usize::from(self.used)).unwrap_or_default()
    }

    /// The octets from `start` to `end` were sent for the first time, `delivered` octets having been delivered before.
    pub(crate) fn on_sent(&mut self, start: SeqNum, end: SeqNum, time: u16, delivered: u32) {
        let (start, end, delivered) = (of(start), of(end), Coarse::of(delivered));
        if let Some(last) = usize::from(self.used).checked_sub(1).and_then(|last| self.runs.get_mut(last)) {
            if last.last == time && last.end == start {
                last.end = end;
                return;
            }
            if last.end == end {
                (last.last, last.delivered) = (time, delivered);
                return;
            }
        } else {
            self.start = start;
        }
        if usize::from(self.used) == RUNS {
            self.merge();
        }
        if let Some(place) = self.runs.get_mut(usize::from(self.used)) {
            *place = Run { end, first: time, last: time, delivered };
            self.used += 1;
        }
    }

    /// Makes one run of two neighbours.
    fn merge(&mut self) {
        let spans = self.runs.windows(2).map(|pair| match pair {
            [a, b] => b.last.wrapping_sub(a.first),
            _ => u16::MAX,
        });
        let Some((closest, _)) = spans.enumerate().min_by_key(|(_, span)| *span) else { return };
        if let Some([a, b, ..]) = self.runs.get_mut(closest..) {
            b.first = a.first;
        }
        self.remove(closest);
    }

    fn remove(&mut self, place: usize) {
        if let Some(rest) = self.runs.get_mut(place..usize::from(self.used)) {
            drop_first(rest);
            self.used = self.used.saturating_sub(1);
        }
    }

    /// Everything before `una` is acknowledged; `all`: and that is all that was sent.
    pub(crate) fn on_acked(&mut self, una: SeqNum, all: bool) {
        let una = of(una);
        // What is in flight still may end in the same place as what is not.
        let least = u8::from(!all);
        let acked = |log: &Self| log.runs().first().map(|run| run.end).filter(|end| log.used > least && una.ge(*end));
        while let Some(end) = acked(self) {
            self.start = end;
            self.remove(0);
        }
        // Nobody asks for these any more, and 16 bits are not for ever.
        while let Some(place) = self.again().iter().position(|entry| all || (una.ge(entry.end) && una != entry.end)) {
            self.remove_again(place);
        }
    }

    fn again(&self) -> &[Again] {
        self.again.get(..usize::from(self.used_again)).unwrap_or_default()
    }

    fn remove_again(&mut self, place: usize) {
        if let Some(rest) = self.again.get_mut(place..usize::from(self.used_again)) {
            drop_first(rest);
            self.used_again = self.used_again.saturating_sub(1);
        }
    }

    /// The segment that ends at `end` was sent again; everything before `next` had been sent once then.
    pub(crate) fn on_sent_again(&mut self, end: SeqNum, next: SeqNum, time: u16) {
        let (end, next) = (of(end), End::up(next.raw()));
        let used = usize::from(self.used_again);
        let before = used.checked_sub(2).and_then(|before| self.again.get(before)).map(|before| before.end);
        if let Some(last) = used.checked_sub(1).and_then(|last| self.again.get_mut(last)) {
            if last.last == time && last.next == next && !last.end.ge(end) {
                let reaches_into_it = before.is_some_and(|before| before.ge(last.end) && !before.ge(end));
                last.end = end;
                if reaches_into_it {
                    // It would pass for the first part of the same ascent.
                    drop_first(&mut self.again);
                    self.used_again = 1;
                }
                return;
            }
        }
        let place = if used == AGAIN {
            self.merge_again();
            AGAIN - 1
        } else {
            self.used_again += 1;
            used
        };
        if let Some(place) = self.again.get_mut(place) {
            *place = Again { end, next, first: time, last: time };
        }
    }

    /// Makes one entry of two, if the later one covers the other, or else forgets the oldest.
    fn merge_again(&mut self) {
        let gaps = self.again.windows(2).map(|pair| match pair {
            [a, b] if !a.end.ge(b.end) => b.last.wrapping_sub(a.first),
            _ => u16::MAX,
        });
        let (closest, gap) = gaps.enumerate().min_by_key(|(_, gap)| *gap).unwrap_or((0, u16::MAX));
        if let Some(rest) = self.again.get_mut(closest..) {
            if let ([a, b, ..], true) = (&mut *rest, gap < u16::MAX) {
                b.first = a.first;
            }
            drop_first(rest);
        }
    }

    /// When the segment that ends at `end` was sent last; `again`: that was not the first time.
    pub(crate) fn time_of(&self, end: SeqNum, again: bool) -> Option<Sent> {
        if again { self.time_of_repetition(end) } else { self.time_of_first(end) }
    }

    fn time_of_first(&self, end: SeqNum) -> Option<Sent> {
        let (mut start, coarse) = (self.start, of(end));
        for run in self.runs() {
            if run.end.ge(coarse) {
                let span = u32::from(run.last.wrapping_sub(run.first));
                if span == 0 || coarse == run.end {
                    return Some(Sent::at(run.last, end));
                }
                let (part, whole) = (coarse.units_since(start), run.end.units_since(start));
                let gone = (span * part).checked_div(whole).unwrap_or(span);
                let likely = run.first.wrapping_add(gone.min(span) as u16);
                return Some(Sent { earliest: run.first, latest: run.last, likely, next: end });
            }
            start = run.end;
        }
        None
    }

    fn time_of_repetition(&self, end: SeqNum) -> Option<Sent> {
        let (used, coarse) = (self.again(), of(end));
        let mut found = None;
        // The latest entry that reaches so far, unless the one before it does too, and belongs to the same ascent.
        for (place, entry) in used.iter().enumerate().rev() {
            if !entry.end.ge(coarse) {
                if found.is_some() {
                    break;
                }
                continue;
            }
            let before = place.checked_sub(1).and_then(|before| used.get(before));
            let next = SeqNum::new(entry.next.around(end.raw()));
            found = Some(Sent { earliest: entry.first, ..Sent::at(entry.last, next) });
            if before.is_none_or(|before| before.end.ge(entry.end)) {
                break;
            }
        }
        found
    }

    /// Whether the time of a first transmission is known exactly.
    pub(crate) fn is_exact(&self, end: SeqNum) -> bool {
        self.runs().iter().any(|run| run.end == of(end))
    }

    /// When something was last sent for the first time, as long as it is not acknowledged.
    pub(crate) fn last_sent(&self) -> Option<u16> {
        self.runs().last().map(|run| run.last)
    }

    /// Of the last run that ends at `end` or before: when its last segment was sent, and how much had been delivered then.
    pub(crate) fn state_when_sent(&self, end: SeqNum) -> Option<(u16, Coarse)> {
        let run = self.runs().iter().rev().find(|run| of(end).ge(run.end))?;
        Some((run.last, run.delivered))
    }
}
