//! Ctrl-C, and a polite kill.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};

/// What a shell says of a program that ended by Ctrl-C: 128 and the number of SIGINT.
const INTERRUPTED: i32 = 130;

/// Calls `act` at the first Ctrl-C; the second one ends the program, whatever it does.
pub fn handle(mut act: impl FnMut() + Send + 'static) -> Result<()> {
    let mut pressed = false;
    ctrlc::set_handler(move || {
        if pressed {
            process::exit(INTERRUPTED);
        }
        pressed = true;
        act();
    })
    .context("no handler for Ctrl-C")
}

/// Whether Ctrl-C was pressed. Its descriptor is readable from then on.
pub struct Interrupt {
    came: Arc<AtomicBool>,
    end: UnixStream,
}

impl Interrupt {
    pub fn watch() -> Result<Self> {
        let came = Arc::new(AtomicBool::new(false));
        let (end, far) = UnixStream::pair().context("no socket pair")?;
        let (set, mut far) = (Arc::clone(&came), Some(far));
        handle(move || {
            set.store(true, Ordering::Relaxed);
            drop(far.take());
        })?;
        Ok(Self { came, end })
    }

    pub fn came(&self) -> bool {
        self.came.load(Ordering::Relaxed)
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}
