//! The most that any sender could reach over a path with random loss: the window alone limits it.
//!
//! It sends at the link's rate whenever the window allows, knows of each loss one round trip after it sent the segment, and repairs
//! it at once. It has no congestion control and makes no mistake. What is lost to the window cannot be had by a better one: while
//! a hole is repaired, which takes two round trips, no more than a window's worth can be sent.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use crate::rng::Stream;

/// A path and a window, in segments and in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Segments of the window.
    pub window: u64,
    /// Seconds that a segment takes on the link.
    pub slot: f64,
    /// Round trip of a segment, its own time on the link included.
    pub rtt: f64,
    /// Share of segments that are lost.
    pub loss: f64,
}

/// What the sender learns, in the order of time.
#[derive(Clone, Copy, PartialEq)]
struct Event {
    at: f64,
    segment: u64,
    lost: bool,
}

impl Eq for Event {}
impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Event {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.total_cmp(&other.at).then(self.segment.cmp(&other.segment))
    }
}

impl Bound {
    /// Segments acknowledged by those that the link could have carried, over `seconds`.
    pub fn utilisation(&self, seconds: f64, seed: u64) -> f64 {
        let mut stream = Stream::new(seed, 7_000);
        let (mut now, mut una, mut next) = (0.0, 0, 0);
        let mut arrived = BTreeSet::new();
        let mut lost = BTreeSet::new();
        let mut events: BinaryHeap<Reverse<Event>> = BinaryHeap::new();
        while now < seconds {
            while events.peek().is_some_and(|Reverse(event)| event.at <= now) {
                let Some(Reverse(event)) = events.pop() else { break };
                if event.lost {
                    lost.insert(event.segment);
                } else {
                    arrived.insert(event.segment);
                }
                while arrived.remove(&una) {
                    una += 1;
                }
            }
            let segment = match lost.pop_first() {
                Some(segment) => segment,
                None if next < una + self.window => {
                    next += 1;
                    next - 1
                }
                None => {
                    now = events.peek().map_or(seconds, |Reverse(event)| event.at);
                    continue;
                }
            };
            events.push(Reverse(Event { at: now + self.rtt, segment, lost: stream.chance(self.loss) }));
            now += self.slot;
        }
        una as f64 * self.slot / seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: Bound = Bound { window: 40, slot: 0.00123, rtt: 0.0412, loss: 0.0 };

    #[test]
    fn without_loss_the_link_is_full_or_the_window_is() {
        assert!(PATH.utilisation(60.0, 1) > 0.99);
        let small = Bound { window: 10, ..PATH };
        assert!((small.utilisation(60.0, 1) - 10.0 * 0.00123 / 0.0412).abs() < 0.01);
    }

    #[test]
    fn with_a_window_of_any_size_only_what_is_lost_is_missing() {
        let large = Bound { window: 1_000_000, loss: 0.05, ..PATH };
        assert!((large.utilisation(120.0, 1) - 0.95).abs() < 0.01);
        assert!(Bound { loss: 0.05, ..PATH }.utilisation(60.0, 1) < 0.7);
    }
}
