//! Where the emulator has its time from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A clock that does not go back.
pub trait Clock: Send {
    /// The time.
    fn now(&self) -> Instant;
}

/// The system's monotonic clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// A clock that stands still until somebody advances it. Its clones show the same time.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    start: Instant,
    nanoseconds: Arc<AtomicU64>,
}

impl VirtualClock {
    /// A clock whose first time is that of its making.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now(), nanoseconds: Arc::default() }
    }

    /// Advances it, by less than 584 years in all.
    pub fn advance(&self, by: Duration) {
        self.nanoseconds.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Advances it to `time`, for example a [`deadline`](crate::device::Device::deadline). Not back.
    pub fn advance_to(&self, time: Instant) {
        self.advance(time.saturating_duration_since(self.now()));
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        self.start + Duration::from_nanos(self.nanoseconds.load(Ordering::SeqCst))
    }
}
