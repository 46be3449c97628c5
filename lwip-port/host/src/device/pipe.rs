//! A cable in memory: two ends, and what goes in at one comes out at the other.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Capabilities, Device, Readiness, Waker};

/// What one end holds for its reader.
#[derive(Default)]
struct Inbox {
    frames: VecDeque<Box<[u8]>>,
    waker: Option<Waker>,
    /// The end that fills this box has been dropped.
    abandoned: bool,
}

/// One end of a cable in memory, see [`pipe`].
pub struct Pipe {
    capabilities: Capabilities,
    limit: usize,
    inbox: Arc<Mutex<Inbox>>,
    outbox: Arc<Mutex<Inbox>>,
}

/// A cable whose ends hold at most `queue` frames each that nobody has received yet.
///
/// There is one stack in a process, so the far end belongs to a test, to another kind of stack, or to a thread that forwards.
#[must_use]
pub fn pipe(capabilities: Capabilities, queue: usize) -> (Pipe, Pipe) {
    let (left, right) = (Arc::<Mutex<Inbox>>::default(), Arc::<Mutex<Inbox>>::default());
    let end = |inbox: &Arc<_>, outbox: &Arc<_>| Pipe {
        capabilities,
        limit: queue,
        inbox: Arc::clone(inbox),
        outbox: Arc::clone(outbox),
    };
    (end(&left, &right), end(&right, &left))
}

/// A panic elsewhere leaves the queue as it was before or after one push: both are queues.
fn lock(inbox: &Mutex<Inbox>) -> MutexGuard<'_, Inbox> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pipe {
    /// Wakes the reader outside the lock: what it calls may receive at once.
    fn wake_far_end(&self) {
        let waker = lock(&self.outbox).waker.clone();
        if let Some(wake) = waker {
            wake();
        }
    }
}

impl Device for Pipe {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        if frame.len() > self.capabilities.frame() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        {
            let mut outbox = lock(&self.outbox);
            if outbox.frames.len() >= self.limit {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            outbox.frames.push_back(frame.into());
        }
        self.wake_far_end();
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let (frame, abandoned) = {
            let mut inbox = lock(&self.inbox);
            (inbox.frames.pop_front(), inbox.abandoned)
        };
        match frame {
            Some(frame) => super::deliver(&frame, buffer).map(Some),
            None if abandoned => Err(io::ErrorKind::UnexpectedEof.into()),
            None => Ok(None),
        }
    }

    fn readiness(&self) -> Readiness<'_> {
        Readiness::Memory
    }

    fn set_waker(&mut self, waker: Waker) {
        lock(&self.inbox).waker = Some(waker);
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        lock(&self.outbox).abandoned = true;
        self.wake_far_end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::device::Medium;

    const CAPABILITIES: Capabilities = Capabilities { medium: Medium::Ip, mtu: 100 };

    #[test]
    fn frames_keep_their_order_and_their_bounds() {
        let (mut a, mut b) = pipe(CAPABILITIES, 2);
        let mut buffer = [0; 100];
        assert_eq!(b.receive(&mut buffer).unwrap(), None);
        a.send(b"one").unwrap();
        a.send(b"three").unwrap();
        assert_eq!(a.send(b"no room").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(b.receive(&mut buffer).unwrap(), Some(3));
        assert_eq!(&buffer[..3], b"one");
        assert_eq!(b.receive(&mut buffer).unwrap(), Some(5));
        assert_eq!(&buffer[..5], b"three");
        assert_eq!(a.receive(&mut buffer).unwrap(), None, "the other direction is another queue");
    }

    #[test]
    fn a_frame_longer_than_the_medium_takes_is_refused() {
        let (mut a, _b) = pipe(CAPABILITIES, 2);
        assert_eq!(a.send(&[0; 101]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn the_reader_is_woken_by_a_frame_and_by_the_end() {
        let (mut a, mut b) = pipe(CAPABILITIES, 2);
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        b.set_waker(Arc::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        }));
        a.send(b"x").unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        drop(a);
        assert_eq!(calls.load(Ordering::SeqCst), 2);
        let mut buffer = [0; 100];
        assert_eq!(b.receive(&mut buffer).unwrap(), Some(1), "what was sent before the end still comes");
        assert_eq!(b.receive(&mut buffer).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
