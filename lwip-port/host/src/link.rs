//! A link emulator: loss, delay and the like, as middleware around any device.
//!
//! What one direction does to a frame, in the order in which a real path would: it is too long for the path; it waits in a
//! queue for its turn on a link of some rate; it is lost; it is marked (ECN); one octet of it is changed; it takes its time; it arrives twice; others
//! overtake it. Everything random comes from one seed, and time from a [`Clock`], so that in virtual time the same calls have the
//! same result.
//!
//! ```
//! use std::time::Duration;
//! use lwip_host::device::{Capabilities, Device, Loopback, Medium};
//! use lwip_host::link::{Chance, Impairments, Link, VirtualClock};
//!
//! let wire = Loopback::new(Capabilities { medium: Medium::Ip, mtu: 1500 }, 100);
//! let satellite = Impairments { delay: Duration::from_millis(250), loss: Chance::new(0.01).unwrap(), ..Impairments::NONE };
//! let clock = VirtualClock::new();
//! let mut link = Link::with_clock(wire, satellite, satellite, 1, clock.clone());
//! link.send(b"a packet").unwrap();
//! assert_eq!(link.receive(&mut [0; 1500]).unwrap(), None);
//! clock.advance(Duration::from_millis(250));
//! assert_eq!(link.receive(&mut [0; 1500]).unwrap(), None, "it is only at the far end by now");
//! ```

mod clock;
mod counters;
mod ecn;
mod path;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use clock::{Clock, RealClock, VirtualClock};
pub use counters::{LinkCounters, PathCounts};
use path::{Outcome, Path};

use crate::device::{Capabilities, Device, Readiness, Waker};

/// A probability.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Chance(f64);

impl Chance {
    /// Never.
    pub const NEVER: Self = Self(0.0);

    /// From 0 (never) to 1 (always); `None` for what is no probability.
    #[must_use]
    pub fn new(probability: f64) -> Option<Self> {
        (0.0..=1.0).contains(&probability).then_some(Self(probability))
    }

    /// From 0 to 1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// A token bucket: how much may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// So many frames in each interval, and so many at once after a rest.
    Frames {
        /// How many; at least 1.
        count: u32,
        /// The interval.
        per: Duration,
    },
    /// A link of so many bits per second.
    Bits {
        /// How many; at least 1.
        per_second: u64,
        /// Octets that may pass at once after a rest, beside the one frame that always may.
        burst: u32,
    },
}

/// What one direction of the link does to frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impairments {
    /// How probably a frame is lost.
    pub loss: Chance,
    /// How probably a router marks it instead of losing it, if it is an IP packet whose ends know of explicit congestion
    /// notification (RFC 3168 5). Others pass as they are.
    pub marking: Chance,
    /// How probably one of its octets is changed, wherever it is, the header of the link included.
    pub corruption: Chance,
    /// How probably it arrives twice.
    pub duplication: Chance,
    /// How probably up to three later frames overtake it.
    pub reordering: Chance,
    /// How long it takes at least.
    pub delay: Duration,
    /// How much longer it may take, each length being as probable. That does not change the order.
    pub jitter: Duration,
    /// The longest frame in octets that passes, the header of the link included.
    pub size_limit: Option<usize>,
    /// How much passes per time.
    pub rate: Option<Rate>,
    /// How many frames wait at most for `rate` to let them pass; what comes when so many wait is lost.
    pub queue: usize,
}

impl Impairments {
    /// A perfect wire. Its queue holds 100 frames once it has a rate.
    pub const NONE: Self = Self {
        loss: Chance::NEVER,
        marking: Chance::NEVER,
        corruption: Chance::NEVER,
        duplication: Chance::NEVER,
        reordering: Chance::NEVER,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        size_limit: None,
        rate: None,
        queue: 100,
    };

    /// Whether every frame passes at once and as it is.
    #[must_use]
    pub fn is_none(&self) -> bool {
        Self { queue: Self::NONE.queue, ..*self } == Self::NONE
    }
}

impl Default for Impairments {
    fn default() -> Self {
        Self::NONE
    }
}

/// A device behind a path that loses, delays and so on. See the [module](self).
pub struct Link<D, C = RealClock> {
    device: D,
    clock: C,
    sending: Path,
    receiving: Path,
    counters: Arc<LinkCounters>,
    scratch: Vec<u8>,
}

impl<D: Device> Link<D> {
    /// Around `device`, in real time. `sending` happens to what [`Device::send`] is given, `receiving` to what
    /// [`Device::receive`] would return.
    pub fn new(device: D, sending: Impairments, receiving: Impairments, seed: u64) -> Self {
        Self::with_clock(device, sending, receiving, seed, RealClock)
    }
}

impl<D: Device, C: Clock> Link<D, C> {
    /// As [`Link::new`], with another clock.
    pub fn with_clock(device: D, sending: Impairments, receiving: Impairments, seed: u64, clock: C) -> Self {
        let counters = Arc::<LinkCounters>::default();
        let now = clock.now();
        let medium = device.capabilities().medium;
        Self {
            device,
            clock,
            // Two directions with the same numbers would lose the same frames.
            sending: Path::new(sending, medium, seed, now),
            receiving: Path::new(receiving, medium, seed ^ 0x9e37_79b9_7f4a_7c15, now),
            counters,
            scratch: Vec::new(),
        }
    }

    /// What has happened so far, to be read from any thread, also after the stack owns the device.
    #[must_use]
    pub fn counters(&self) -> Arc<LinkCounters> {
        Arc::clone(&self.counters)
    }

    /// Hands on what has arrived at the device.
    fn pass_on(&mut self, now: Instant) -> io::Result<()> {
        while let Some(frame) = self.sending.take(now) {
            match self.device.send(&frame) {
                // Whoever sent it has long been told that it went well: a full queue out there loses it.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.counters.sending.overflow(),
                result => result?,
            }
        }
        Ok(())
    }
}

impl<D: Device, C: Clock> Device for Link<D, C> {
    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        if self.sending.is_perfect() {
            self.counters.sending.offered();
            return self.device.send(frame);
        }
        let now = self.clock.now();
        self.scratch.clear();
        self.scratch.extend_from_slice(frame);
        self.pass_on(now)?;
        let sent = match self.sending.offer(now, &mut self.scratch, &self.counters.sending) {
            Outcome::Through => self.device.send(&self.scratch),
            Outcome::Kept | Outcome::Lost => Ok(()),
        };
        self.pass_on(now)?;
        sent
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let now = self.clock.now();
        self.pass_on(now)?;
        loop {
            if let Some(frame) = self.receiving.take(now) {
                return crate::device::deliver(&frame, buffer).map(Some);
            }
            let length = match self.device.receive(buffer) {
                Ok(Some(length)) => length,
                Ok(None) => return Ok(None),
                // The far end is gone, but what it sent is still on its way.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && self.receiving.due().is_some() => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            let frame = buffer.get_mut(..length).unwrap_or_default();
            match self.receiving.offer(now, frame, &self.counters.receiving) {
                Outcome::Through => return Ok(Some(length)),
                Outcome::Kept | Outcome::Lost => {}
            }
        }
    }

    fn readiness(&self) -> Readiness<'_> {
        self.device.readiness()
    }

    fn set_waker(&mut self, waker: Waker) {
        self.device.set_waker(waker);
    }

    fn deadline(&self) -> Option<Instant> {
        [self.sending.due(), self.receiving.due(), self.device.deadline()].into_iter().flatten().min()
    }
}
