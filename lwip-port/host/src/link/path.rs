//! One direction of the link.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::counters::PathCounters;
use super::{Chance, Impairments, Rate, ecn};
use crate::device::Medium;

/// How many frames overtake one at most.
pub(super) const OVERTAKERS: u8 = 3;
/// How long a frame waits at most to be overtaken: the last one of a flow has nobody behind it.
pub(super) const OVERTAKING: Duration = Duration::from_millis(10);
/// Frames on the way at most: what a program that sends without end may take of memory.
const ON_THE_WAY: usize = 1 << 16;

/// What became of a frame that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It arrives now, and before anything that [`Path::take`] has.
    Through,
    /// [`Path::take`] will have it.
    Kept,
    /// It is gone.
    Lost,
}

/// The token bucket, as the generic cell rate algorithm: one point of time says how full it is.
struct Bucket {
    /// When the bucket would be full again.
    full: Instant,
    /// When each frame that waits will leave.
    waiting: VecDeque<Instant>,
}

/// A frame that waits for others to overtake it.
struct Overtaken {
    frame: Box<[u8]>,
    missing: u8,
    latest: Instant,
}

pub(super) struct Path {
    impairments: Impairments,
    medium: Medium,
    perfect: bool,
    random: SmallRng,
    bucket: Bucket,
    /// By the time of arrival, then by the order in which they came.
    on_the_way: BTreeMap<(Instant, u64), Box<[u8]>>,
    serial: u64,
    last_arrival: Instant,
    overtaken: Option<Overtaken>,
}

impl Rate {
    /// How long the bucket takes to win back what a frame takes out of it.
    fn cost(self, octets: usize) -> Duration {
        match self {
            Self::Frames { count, per } => per / count.max(1),
            Self::Bits { per_second, .. } => bits(octets, per_second),
        }
    }

    /// How far ahead of its mean the flow may be.
    fn burst(self) -> Duration {
        match self {
            Self::Frames { count, per } => per.saturating_sub(per / count.max(1)),
            Self::Bits { per_second, burst } => bits(usize::try_from(burst).unwrap_or(usize::MAX), per_second),
        }
    }
}

/// How long so many octets take at so many bits per second.
fn bits(octets: usize, per_second: u64) -> Duration {
    let nanoseconds = octets as u128 * 8 * 1_000_000_000 / u128::from(per_second.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

impl Bucket {
    /// When a frame leaves that comes now; `None` if the queue is full.
    fn departure(&mut self, now: Instant, rate: Rate, octets: usize, queue: usize) -> Option<Instant> {
        while self.waiting.front().is_some_and(|leaves| *leaves <= now) {
            self.waiting.pop_front();
        }
        let earliest = self.full.checked_sub(rate.burst()).unwrap_or(now);
        let leaves = now.max(earliest);
        if leaves > now {
            if self.waiting.len() >= queue {
                return None;
            }
            self.waiting.push_back(leaves);
        }
        self.full = self.full.max(leaves) + rate.cost(octets);
        Some(leaves)
    }
}

impl Path {
    pub(super) fn new(impairments: Impairments, medium: Medium, seed: u64, now: Instant) -> Self {
        Self {
            impairments,
            medium,
            perfect: impairments.is_none(),
            random: SmallRng::seed_from_u64(seed),
            bucket: Bucket { full: now, waiting: VecDeque::new() },
            on_the_way: BTreeMap::new(),
            serial: 0,
            last_arrival: now,
            overtaken: None,
        }
    }

    /// Whether there is nothing to do at all.
    pub(super) fn is_perfect(&self) -> bool {
        self.perfect
    }

    fn happens(&mut self, chance: Chance) -> bool {
        // No number is drawn for what never happens: switching one thing on leaves the others as they were.
        chance > Chance::NEVER && self.random.random_bool(chance.get())
    }

    /// A frame comes to the link. It may be changed in its place.
    pub(super) fn offer(&mut self, now: Instant, frame: &mut [u8], counters: &PathCounters) -> Outcome {
        counters.offered();
        if self.perfect {
            return Outcome::Through;
        }
        let Impairments { loss, marking, corruption, duplication, reordering, size_limit, rate, queue, .. } =
            self.impairments;
        if size_limit.is_some_and(|limit| frame.len() > limit) {
            counters.oversize();
            return Outcome::Lost;
        }
        let departure = match rate {
            None => Some(now),
            Some(rate) => self.bucket.departure(now, rate, frame.len(), queue),
        };
        let Some(departure) = departure.filter(|_| self.on_the_way.len() < ON_THE_WAY) else {
            counters.overflow();
            return Outcome::Lost;
        };
        // What is lost has taken its time on the link.
        if self.happens(loss) {
            counters.loss();
            return Outcome::Lost;
        }
        if self.happens(marking) && ecn::mark(frame, self.medium) {
            counters.mark();
        }
        if self.happens(corruption) && self.corrupt(frame) {
            counters.corruption();
        }
        let arrival = self.arrival(departure);
        let duplicate = self.happens(duplication);
        if duplicate {
            counters.duplicate();
            self.keep(arrival, (&*frame).into());
        }
        if self.overtaken.is_none() && self.happens(reordering) {
            counters.reordering();
            let missing = self.random.random_range(1..=OVERTAKERS);
            self.overtaken = Some(Overtaken { frame: (&*frame).into(), missing, latest: arrival + OVERTAKING });
            return Outcome::Kept;
        }
        let through = arrival <= now && self.on_the_way.is_empty();
        if !through {
            self.keep(arrival, (&*frame).into());
        }
        self.overtake(arrival);
        if through { Outcome::Through } else { Outcome::Kept }
    }

    /// Changes one octet; there may be none.
    fn corrupt(&mut self, frame: &mut [u8]) -> bool {
        if frame.is_empty() {
            return false;
        }
        let place = self.random.random_range(0..frame.len());
        let change = self.random.random_range(1..=u8::MAX);
        frame.get_mut(place).is_some_and(|octet| {
            *octet ^= change;
            true
        })
    }

    /// When a frame arrives that left then: not before the one before it.
    fn arrival(&mut self, departure: Instant) -> Instant {
        let Impairments { delay, jitter, .. } = self.impairments;
        let late = if jitter.is_zero() { Duration::ZERO } else { self.random.random_range(Duration::ZERO..=jitter) };
        self.last_arrival = self.last_arrival.max(departure + delay + late);
        self.last_arrival
    }

    fn keep(&mut self, arrival: Instant, frame: Box<[u8]>) {
        self.on_the_way.insert((arrival, self.serial), frame);
        self.serial += 1;
    }

    /// Another frame arrives then, and so overtakes the one that waits for it.
    fn overtake(&mut self, arrival: Instant) {
        if let Some(overtaken) = &mut self.overtaken {
            overtaken.missing -= 1;
            if overtaken.missing == 0 {
                self.let_go(arrival);
            }
        }
    }

    fn let_go(&mut self, arrival: Instant) {
        if let Some(overtaken) = self.overtaken.take() {
            self.keep(arrival.min(overtaken.latest), overtaken.frame);
        }
    }

    /// The next frame that has arrived.
    pub(super) fn take(&mut self, now: Instant) -> Option<Box<[u8]>> {
        if let Some(latest) = self.overtaken.as_ref().map(|overtaken| overtaken.latest).filter(|latest| *latest <= now)
        {
            self.let_go(latest);
        }
        let first = self.on_the_way.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next one arrives.
    pub(super) fn due(&self) -> Option<Instant> {
        let first = self.on_the_way.first_key_value().map(|((arrival, _), _)| *arrival);
        let overtaken = self.overtaken.as_ref().map(|overtaken| overtaken.latest);
        [first, overtaken].into_iter().flatten().min()
    }
}
