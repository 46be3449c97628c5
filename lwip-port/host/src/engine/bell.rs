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
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self { event, rung: AtomicBool::new(false), asleep: AtomicBool::new(false) })
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
        if !self.asleep.swap(false, Ordering::SeqCst) {
            // Nothing to read is fine.
            let _ = self.event.read();
        }
        self.rung.store(false, Ordering::SeqCst);
    }

    /// The stack has looked at everything: false if something came meanwhile.
    pub(super) fn fall_asleep(&self) -> bool {
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
