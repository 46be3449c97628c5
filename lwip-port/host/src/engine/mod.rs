//! The stack, and how it is spoken to: commands over a channel, from any thread or task.

mod bell;
mod core;
mod tcp;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use self::core::Core;

use crate::ffi::Lwip;
use crate::sync::{Answer, Reply, call};
use crate::tcp::Shared;
use bell::Bell;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

type Job = Box<dyn FnOnce(&mut Core) + Send>;

/// What sockets ask of the stack.
pub(crate) enum Command {
    /// Data was written or read: see to it.
    Serve(Arc<Shared>),
    /// Anything else.
    Run(Job),
}

/// How many commands, and frames of one device, are looked at before everything else gets its turn.
const BATCH: usize = 256;
/// How often the loopback and what came of it get their turn in one poll.
const ROUNDS: usize = 32;

/// Speaks to a stack: for making sockets and interfaces. Cheap to clone; it keeps no stack alive.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: Sender<Command>,
    bell: Arc<Bell>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Serve(_) => "Serve",
            Self::Run(_) => "Run",
        })
    }
}

impl Handle {
    pub(crate) fn send(&self, command: Command) {
        // Without a stack nobody is to be told: calls have their answer dropped, and that answers them.
        let _ = self.commands.send(command);
        self.bell.ring();
    }

    /// Has the stack do something, and answer when it likes.
    pub(crate) fn ask<T: Send + 'static>(&self, job: impl FnOnce(&mut Core, Answer<T>) + Send + 'static) -> Reply<T> {
        let (answer, reply) = call();
        self.send(Command::Run(Box::new(move |core| job(core, answer))));
        reply
    }

    /// Has the stack do something, and answer at once.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Core) -> io::Result<T> + Send + 'static,
    ) -> Reply<T> {
        self.ask(move |core, answer| answer.send(job(core)))
    }

    /// What a device calls when it has a frame.
    pub(crate) fn waker(&self) -> crate::device::Waker {
        let bell = Arc::clone(&self.bell);
        Arc::new(move || bell.ring())
    }

    /// Has the stack do something.
    pub(crate) fn tell(&self, job: impl FnOnce(&mut Core) + Send + 'static) {
        self.send(Command::Run(Box::new(job)));
    }
}

/// The stack without a thread of its own: whoever has it drives it, by [`poll`](Self::poll) and [`wait`](Self::wait) or a
/// poller of his own. [`Stack`] is this with a thread.
///
/// Blocking calls of sockets wait for the stack, so the thread that drives it must not make them.
#[derive(Debug)]
pub struct Engine {
    core: Core,
    commands: Receiver<Command>,
    handle: Handle,
}

impl Engine {
    /// Makes the stack. It has no interface but the loopback, 127.0.0.1 and ::1.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] if this process has a stack already: lwIP's state is global. Else those of eventfd(2).
    pub fn new() -> io::Result<Self> {
        let bell = Arc::new(Bell::new()?);
        let (sender, commands) = channel();
        let handle = Handle { commands: sender, bell };
        Ok(Self { core: Core::new(Lwip::take()?), commands, handle })
    }

    /// For making sockets and interfaces.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Does everything there is to do at `now`: commands, frames that have arrived, timers, what came of them. Never blocks.
    ///
    /// Returns when it wants to be called again: at once if that is `now`, never if it is none; and in any case when
    /// [`as_fd`](AsFd::as_fd) becomes readable or a device has a frame. `now` may be the program's own idea of time, but must
    /// not go backwards.
    pub fn poll(&mut self, now: Instant) -> Option<Instant> {
        static EPOCH: OnceLock<Instant> = OnceLock::new();
        self.handle.bell.wake_up();
        self.core.lwip.set_now(now.saturating_duration_since(*EPOCH.get_or_init(|| now)));
        let mut more = self.run_commands();
        for id in self.core.lwip.interfaces() {
            if self.core.lwip.receive_frames(id, BATCH) {
                more = true;
            }
        }
        self.core.lwip.run_timers();
        more |= self.settle();
        self.core.look_at_leases();
        if more || !self.handle.bell.fall_asleep() {
            return Some(now);
        }
        let timer = self.core.lwip.next_timer().map(|left| now + left);
        let device = self.core.lwip.with_devices(|devices| devices.filter_map(|device| device.deadline()).min());
        [timer, device].into_iter().flatten().min()
    }

    /// Runs one command of those that sockets and [`Handle`]s have sent, if there is one, and nothing else: what comes of it, [`poll`]
    /// sees to. For a program that wants to do something between two of them; `poll` runs what is left.
    ///
    /// [`poll`]: Self::poll
    pub fn run_command(&mut self) -> bool {
        match self.commands.try_recv() {
            Ok(Command::Serve(shared)) => self.core.serve(&shared),
            Ok(Command::Run(job)) => job(&mut self.core),
            Err(_) => return false,
        }
        true
    }

    /// Waits until a command or a frame is there, or until then.
    ///
    /// # Errors
    /// Those of poll(2).
    pub fn wait(&mut self, until: Option<Instant>) -> io::Result<()> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Ok(());
        }
        // To the nanosecond: the link emulator's delays are shorter than poll(2)'s milliseconds.
        let timeout = left.map(TimeSpec::from_duration);
        let bell = &self.handle.bell;
        self.core.lwip.with_devices(|devices| {
            let mut descriptors = vec![PollFd::new(bell.as_fd(), PollFlags::POLLIN)];
            for device in devices {
                if let crate::device::Readiness::Fd(descriptor) = device.readiness() {
                    descriptors.push(PollFd::new(descriptor, PollFlags::POLLIN));
                }
            }
            match ppoll(&mut descriptors, timeout, None) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
    }

    fn run_commands(&mut self) -> bool {
        (0..BATCH).all(|_| self.run_command())
    }

    /// Goes on until nothing comes of what was done, or for a while: true if there is more.
    fn settle(&mut self) -> bool {
        for _ in 0..ROUNDS {
            self.core.lwip.run_loopback();
            let mut quiet = true;
            while let Some(event) = self.core.lwip.next_event() {
                quiet = false;
                self.core.on_event(event);
            }
            self.core.tell_sockets();
            if quiet && !self.core.lwip.loopback_waits() {
                return false;
            }
        }
        true
    }
}

impl AsFd for Engine {
    /// Readable when a command is there.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.bell.as_fd()
    }
}

/// A stack with a thread of its own. Dropping it ends the thread, and every call that still waits gets an error of
/// [`io::ErrorKind::ConnectionAborted`].
#[derive(Debug)]
pub struct Stack {
    handle: Handle,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stack {
    /// Starts the stack.
    ///
    /// # Errors
    /// Those of [`Engine::new`] and of starting a thread.
    pub fn start() -> io::Result<Self> {
        let mut engine = Engine::new()?;
        let handle = engine.handle();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("lwip".into()).spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                let until = engine.poll(Instant::now());
                // poll(2) fails for want of memory only; then the stack goes on looking.
                let _ = engine.wait(until);
            }
        })?;
        Ok(Self { handle, stop, thread: Some(thread) })
    }

    /// For making sockets and interfaces. A `&Stack` is one, too.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl std::ops::Deref for Stack {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.handle.bell.ring();
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}
