//! How to wake the thread of the stack: once for a batch, and only if it sleeps.

use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
pub(super) struct Bell {
    event: EventFd,
    /// Something has come since the stack began to look.
    rung: AtomicBool,
    /// The stack waits for `event`.
    asleep: AtomicBool,
    /// It has done so since it last looked: only its own thread uses this.
    slept: AtomicBool,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self { event, rung: AtomicBool::new(false), asleep: AtomicBool::new(false), slept: AtomicBool::new(false) })
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
        self.asleep.store(false, Ordering::SeqCst);
        if self.slept.swap(false, Ordering::Relaxed) {
            // Nothing to read is fine. Who rang may not have written yet: that wakes us once more, and is read then.
            let _ = self.event.read();
        }
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
mod tests {
    use super::*;

    fn is_readable(bell: &Bell) -> bool {
        let mut fds = [nix::poll::PollFd::new(bell.as_fd(), nix::poll::PollFlags::POLLIN)];
        nix::poll::poll(&mut fds, nix::poll::PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// Who rings is held up between seeing the stack asleep and writing; meanwhile the stack wakes by itself.
    #[test]
    fn a_late_ring_wakes_once() -> io::Result<()> {
        let bell = Bell::new()?;
        assert!(bell.fall_asleep());
        bell.rung.store(true, Ordering::SeqCst);
        assert!(bell.asleep.swap(false, Ordering::SeqCst));
        bell.wake_up();
        bell.event.write(1)?;
        assert!(bell.fall_asleep());
        assert!(is_readable(&bell));
        bell.wake_up();
        assert!(bell.fall_asleep());
        assert!(!is_readable(&bell));
        Ok(())
    }
}
