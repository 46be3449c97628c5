//! How to wake the thread of the stack: once for a batch, and only if it sleeps.

use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[derive(Debug)]
pub(super) struct Bell {
    event: EventFd,
    /// Something has come since the stack began to look.
    rung: AtomicBool,
    /// The stack waits for `event`.
    asleep: AtomicBool,
    /// It has done so since it last looked: only its own thread uses this.
    slept: AtomicBool,
    /// Writes to `event` that were begun, and not read yet: only its own thread uses this.
    unread: AtomicU64,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self {
            event,
            rung: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            slept: AtomicBool::new(false),
            unread: AtomicU64::new(0),
        })
    }

    /// From any thread: look again.
    pub(super) fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        if self.asleep.swap(false, Ordering::SeqCst) {
            // It only fails when it is full, and then the stack wakes as well.
            let _ = self.event.write(1);
        }
    }

    /// The stack begins to look.
    pub(super) fn wake_up(&self) {
        let undisturbed = self.asleep.swap(false, Ordering::SeqCst);
        let mut unread = self.unread.load(Ordering::Relaxed);
        if self.slept.swap(false, Ordering::Relaxed) && !undisturbed {
            unread += 1;
        }
        if unread > 0 {
            // Who rang may not have written yet: that wakes us once more, and is read then.
            unread = unread.saturating_sub(self.event.read().unwrap_or(0));
        }
        self.unread.store(unread, Ordering::Relaxed);
        self.rung.store(false, Ordering::SeqCst);
    }

    /// The stack has looked at everything: false if something came meanwhile.
    pub(super) fn fall_asleep(&self) -> bool {
        self.slept.store(true, Ordering::Relaxed);
        self.asleep.store(true, Ordering::SeqCst);
        // Either we see the ring here, or who rings sees us asleep: both are sequentially consistent.
        !self.rung.load(Ordering::SeqCst)
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

#[cfg(test)]
impl Bell {
    /// How often the stack was woken since this was asked last. It takes that from the stack, which does not mind.
    pub(super) fn take_wakings(&self) -> u64 {
        self.event.read().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_readable(bell: &Bell) -> bool {
        let mut fds = [nix::poll::PollFd::new(bell.as_fd(), nix::poll::PollFlags::POLLIN)];
        nix::poll::poll(&mut fds, nix::poll::PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// What was held up comes: it wakes once, and not again.
    fn writes_late(bell: &Bell) -> io::Result<()> {
        bell.event.write(1)?;
        assert!(bell.fall_asleep());
        assert!(is_readable(bell));
        bell.wake_up();
        assert!(bell.fall_asleep());
        assert!(!is_readable(bell));
        Ok(())
    }

    /// Who rings is held up between seeing the stack asleep and writing; meanwhile the stack wakes by itself.
    #[test]
    fn a_late_ring_wakes_once() -> io::Result<()> {
        let bell = Bell::new()?;
        assert!(bell.fall_asleep());
        bell.rung.store(true, Ordering::SeqCst);
        assert!(bell.asleep.swap(false, Ordering::SeqCst));
        bell.wake_up();
        writes_late(&bell)
    }

    /// As above, but what was held up comes only when the stack has been woken by another ring, or by a timer, in between.
    #[test]
    fn a_ring_that_is_later_still_wakes_once() -> io::Result<()> {
        for rings in [false, true] {
            let bell = Bell::new()?;
            assert!(bell.fall_asleep());
            assert!(bell.asleep.swap(false, Ordering::SeqCst));
            bell.wake_up();
            assert!(bell.fall_asleep());
            if rings {
                bell.ring();
            }
            bell.wake_up();
            writes_late(&bell)?;
        }
        Ok(())
    }
}
