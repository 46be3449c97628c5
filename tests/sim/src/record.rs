//! What is kept of one flow, and what is computed from it when the run is over.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::endpoint::Tcp;
use crate::units::Nanos;
use crate::wire::Headers;

/// One data segment that the sender put on the path.
#[derive(Clone, Copy, Debug)]
pub struct Transmission {
    /// Offset in the stream of its first byte.
    pub start: u64,
    /// Offset behind its last byte.
    pub end: u64,
    /// When it was sent.
    pub sent: Nanos,
    /// Whether some of its bytes were sent before.
    pub again: bool,
    /// Whether it reached the receiver whole.
    pub arrived: bool,
}

/// The record of a flow while it runs.
#[derive(Debug)]
pub struct Record {
    /// When the flow began.
    pub begin: Nanos,
    isn: Option<u32>,
    highest: u64,
    /// All data segments, in the order they were sent.
    pub transmissions: Vec<Transmission>,
    /// How long they waited in the queue, in the order they were sent.
    pub waits: Vec<(Nanos, Nanos)>,
    /// When the receiving application had how many bytes.
    pub deliveries: Vec<(Nanos, u64)>,
    /// Bytes that it has.
    pub delivered: u64,
    /// Some of them were wrong.
    pub wrong: bool,
    /// When the sender's side was connected.
    pub connected: Option<Nanos>,
    /// When the receiver saw the end of the stream.
    pub closed: Option<Nanos>,
    /// Why the connection broke.
    pub failed: Option<String>,
}

impl Record {
    /// Of a flow that begins at `begin`.
    pub fn new(begin: Nanos) -> Record {
        Record {
            begin,
            isn: None,
            highest: 0,
            transmissions: Vec::new(),
            waits: Vec::new(),
            deliveries: Vec::new(),
            delivered: 0,
            wrong: false,
            connected: None,
            closed: None,
            failed: None,
        }
    }

    /// A segment of the sender's; its number if it has data.
    pub fn on_sent(&mut self, now: Nanos, headers: &Headers) -> Option<usize> {
        if headers.syn {
            self.isn = Some(headers.seq);
        }
        let isn = self.isn?;
        if headers.len == 0 {
            return None;
        }
        // The stream's offset nearest to the highest so far: sequence numbers wrap.
        let offset = headers.seq.wrapping_sub(isn).wrapping_sub(1);
        let distance = offset.wrapping_sub(self.highest as u32) as i32;
        let start = self.highest.saturating_add_signed(i64::from(distance));
        let end = start + u64::from(headers.len);
        let again = start < self.highest;
        self.highest = self.highest.max(end);
        self.transmissions.push(Transmission { start, end, sent: now, again, arrived: false });
        Some(self.transmissions.len() - 1)
    }

    /// The transmission reached the receiver.
    pub fn on_arrived(&mut self, transmission: usize) {
        if let Some(t) = self.transmissions.get_mut(transmission) {
            t.arrived = true;
        }
    }

    /// The application got more of the stream.
    pub fn on_delivered(&mut self, now: Nanos, bytes: u64, wrong: bool) {
        self.delivered += bytes;
        self.wrong |= wrong;
        self.deliveries.push((now, self.delivered));
    }

    fn retransmissions(&self) -> usize {
        self.transmissions.iter().filter(|t| t.again).count()
    }

    /// Retransmissions of bytes that all arrive, or had arrived, without them.
    fn spurious(&self) -> usize {
        let mut covered = Intervals::default();
        let mut count = 0;
        for t in &self.transmissions {
            if t.again && covered.contains(t.start, t.end) {
                count += 1;
            }
            if t.arrived {
                covered.insert(t.start, t.end);
            }
        }
        count
    }

    /// The longest time in which the application got nothing, until `end` or the end of the stream.
    pub fn longest_stall(&self, end: Nanos) -> Nanos {
        let mut last = self.begin;
        let mut longest = Nanos(0);
        for &(at, _) in &self.deliveries {
            longest = longest.max(at.since(last));
            last = at;
        }
        longest.max(end.since(last))
    }

    /// The first delivery at or after `at`.
    pub fn first_delivery_since(&self, at: Nanos) -> Option<Nanos> {
        let index = self.deliveries.partition_point(|&(t, _)| t < at);
        self.deliveries.get(index).map(|&(t, _)| t)
    }

    /// The figures, with the run's end, the link's rate and the bytes that were to be sent, if they were limited.
    pub fn figures(&self, tcp: &Tcp, end: Nanos, rate: u64, limit: Option<u64>) -> FlowFigures {
        let finished =
            limit.filter(|&limit| self.delivered >= limit).and_then(|_| self.deliveries.last()).map(|&(at, _)| at);
        let until = finished.unwrap_or(end);
        let seconds = until.since(self.begin).secs();
        let goodput = if seconds > 0.0 { self.delivered as f64 * 8.0 / seconds } else { 0.0 };
        let mut waits: Vec<Nanos> = self.waits.iter().map(|&(_, wait)| wait).collect();
        waits.sort_unstable();
        FlowFigures {
            tcp: tcp.clone(),
            bytes: self.delivered,
            goodput,
            goodput_percent: goodput * 100.0 / rate as f64,
            segments: self.transmissions.len(),
            retransmissions: self.retransmissions(),
            spurious: self.spurious(),
            queue_delay: Delays::of(&waits),
            longest_stall: self.longest_stall(until),
            finished,
            closed: self.closed,
            wrong: self.wrong,
            failed: self.failed.clone(),
        }
    }
}

/// The figures of a flow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlowFigures {
    /// The sender.
    pub tcp: Tcp,
    /// Bytes that the receiving application got.
    pub bytes: u64,
    /// In bit/s.
    pub goodput: f64,
    /// In percent of the link's rate at the start.
    pub goodput_percent: f64,
    /// Data segments sent.
    pub segments: usize,
    /// Those with bytes sent before.
    pub retransmissions: usize,
    /// Those of them that the receiver did not need.
    pub spurious: usize,
    /// Waiting time in the queue.
    pub queue_delay: Delays,
    /// Longest time without a byte for the application.
    pub longest_stall: Nanos,
    /// When all of a limited stream was there.
    pub finished: Option<Nanos>,
    /// When the receiver saw the end of the stream.
    pub closed: Option<Nanos>,
    /// Some bytes were not what was sent.
    pub wrong: bool,
    /// Why the connection broke.
    pub failed: Option<String>,
}

/// A distribution of delays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Delays {
    /// Arithmetic mean.
    pub mean: Nanos,
    /// Median.
    pub p50: Nanos,
    /// 95 % are shorter.
    pub p95: Nanos,
    /// Longest.
    pub max: Nanos,
}

impl Delays {
    fn of(sorted: &[Nanos]) -> Delays {
        let Some(&max) = sorted.last() else {
            return Delays::default();
        };
        let sum: u128 = sorted.iter().map(|d| u128::from(d.0)).sum();
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
        Delays { mean: Nanos((sum / sorted.len() as u128) as u64), p50: at(0.5), p95: at(0.95), max }
    }
}

/// A set of bytes of the stream, as intervals that do not touch.
#[derive(Default)]
struct Intervals(BTreeMap<u64, u64>);

impl Intervals {
    fn insert(&mut self, start: u64, end: u64) {
        let (mut start, mut end) = (start, end);
        while let Some((&from, &to)) = self.0.range(..=end).next_back() {
            if to < start {
                break;
            }
            start = start.min(from);
            end = end.max(to);
            self.0.remove(&from);
        }
        self.0.insert(start, end);
    }

    fn contains(&self, start: u64, end: u64) -> bool {
        self.0.range(..=start).next_back().is_some_and(|(_, &to)| to >= end)
    }
}

/// Jain's index of fairness: 1 if all are equal, 1/n if one has everything.
pub fn jain(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|x| x * x).sum();
    if squares == 0.0 { 1.0 } else { sum * sum / (shares.len() as f64 * squares) }
}

/// The value that `share` of `values` do not exceed; sorts them.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n => {
            let place = (n - 1) as f64 * share;
            let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
            low + (high - low) * place.fract()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(seq: u32, len: u32) -> Headers {
        Headers { seq, len, ..Headers::default() }
    }

    #[test]
    fn tells_spurious_from_needed() {
        let mut r = Record::new(Nanos(0));
        r.on_sent(Nanos(0), &Headers { seq: u32::MAX, syn: true, ..Headers::default() });
        let first = r.on_sent(Nanos(1), &segment(0, 100));
        let lost = r.on_sent(Nanos(2), &segment(100, 100));
        assert_eq!((first, lost), (Some(0), Some(1)));
        r.on_arrived(0);
        r.on_sent(Nanos(3), &segment(0, 100)); // arrived before
        r.on_sent(Nanos(4), &segment(100, 100)); // was lost
        r.on_arrived(3);
        r.on_sent(Nanos(5), &segment(0, 200)); // both are there
        assert_eq!((r.retransmissions(), r.spurious()), (3, 2));
    }

    #[test]
    fn unwraps_sequence_numbers() {
        let mut r = Record::new(Nanos(0));
        r.on_sent(Nanos(0), &Headers { seq: u32::MAX - 100, syn: true, ..Headers::default() });
        r.on_sent(Nanos(0), &segment(u32::MAX - 99, 200));
        r.on_sent(Nanos(0), &segment(100, 50));
        assert_eq!(r.transmissions[1].start, 200);
        assert!(!r.transmissions[1].again);
    }

    #[test]
    fn stalls_count_from_the_start_to_the_end() {
        let mut r = Record::new(Nanos::from_secs(1));
        r.on_delivered(Nanos::from_secs(2), 10, false);
        r.on_delivered(Nanos::from_secs(4), 10, false);
        assert_eq!(r.longest_stall(Nanos::from_secs(5)), Nanos::from_secs(2));
        assert_eq!(r.longest_stall(Nanos::from_secs(9)), Nanos::from_secs(5));
        assert_eq!(r.first_delivery_since(Nanos::from_secs(3)), Some(Nanos::from_secs(4)));
    }

    #[test]
    fn intervals_merge() {
        let mut set = Intervals::default();
        set.insert(0, 10);
        set.insert(20, 30);
        assert!(!set.contains(5, 25));
        set.insert(10, 20);
        assert!(set.contains(0, 30));
        assert_eq!(set.0.len(), 1);
    }

    #[test]
    fn jain_and_quantile() {
        assert_eq!(jain(&[1.0, 1.0]), 1.0);
        assert_eq!(jain(&[1.0, 0.0]), 0.5);
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(&mut [1.0, 2.0], 0.5), 1.5);
    }
}
