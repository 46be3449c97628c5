//! What has happened to frames, for whoever watches.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// One number per thing that can happen to a frame, in one direction.
#[derive(Debug, Default)]
pub struct PathCounters {
    offered: AtomicU64,
    lost: AtomicU64,
    marked: AtomicU64,
    corrupted: AtomicU64,
    duplicated: AtomicU64,
    reordered: AtomicU64,
    oversized: AtomicU64,
    overflowed: AtomicU64,
}

/// The counters of one direction at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathCounts {
    /// Frames that came to the link.
    pub offered: u64,
    /// Lost by [`loss`](super::Impairments::loss).
    pub lost: u64,
    /// Marked by [`marking`](super::Impairments::marking).
    pub marked: u64,
    /// Of which one octet was changed.
    pub corrupted: u64,
    /// Copies that were added.
    pub duplicated: u64,
    /// Which others might overtake.
    pub reordered: u64,
    /// Longer than the size limit, and so lost.
    pub oversized: u64,
    /// Lost since a queue was full.
    pub overflowed: u64,
}

/// The counters of both directions.
#[derive(Debug, Default)]
pub struct LinkCounters {
    pub(super) sending: PathCounters,
    pub(super) receiving: PathCounters,
}

impl LinkCounters {
    /// What happened to what was sent.
    #[must_use]
    pub fn sending(&self) -> PathCounts {
        self.sending.read()
    }

    /// What happened to what was received.
    #[must_use]
    pub fn receiving(&self) -> PathCounts {
        self.receiving.read()
    }
}

macro_rules! count {
    ($($method:ident $field:ident),*) => {
        $(pub(super) fn $method(&self) {
            self.$field.fetch_add(1, Ordering::Relaxed);
        })*
    };
}

impl PathCounters {
    count!(offered offered, loss lost, mark marked, corruption corrupted, duplicate duplicated, reordering reordered, oversize oversized,
        overflow overflowed);

    fn read(&self) -> PathCounts {
        let Self { offered, lost, marked, corrupted, duplicated, reordered, oversized, overflowed } = self;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PathCounts {
            offered: read(offered),
            lost: read(lost),
            marked: read(marked),
            corrupted: read(corrupted),
            duplicated: read(duplicated),
            reordered: read(reordered),
            oversized: read(oversized),
            overflowed: read(overflowed),
        }
    }
}

impl fmt::Display for PathCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offered, lost, marked, corrupted, duplicated, reordered, oversized, overflowed } = *self;
        write!(f, "{offered} frames")?;
        let parts = [
            (lost, "lost"),
            (marked, "marked"),
            (corrupted, "corrupted"),
            (duplicated, "duplicated"),
            (reordered, "reordered"),
            (oversized, "too long"),
            (overflowed, "lost to a full queue"),
        ];
        for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, ", {count} {what}")?;
        }
        Ok(())
    }
}
