//! Waiting: the same for a thread and for a task. What blocks is a future that a thread polls.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Nothing is left half done by a panic while one of our locks is held: they are held for a few moves of plain data.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those who wait for one thing.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Vec<Waker>);

impl Waiting {
    pub(crate) fn add(&mut self, waker: &Waker) {
        if !self.0.iter().any(|known| known.will_wake(waker)) {
            self.0.push(waker.clone());
        }
    }

    /// Those who wait at present, to be woken when the lock is given back: a waker may look at once whether it was in vain.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    pub(crate) fn wake(self) {
        self.0.into_iter().for_each(Waker::wake);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread; none: the time was over first.
pub(crate) fn block_for<F: Future>(future: F, limit: Option<Duration>) -> Option<F::Output> {
    thread_local!(static WAKER: Waker = Arc::new(Unpark(thread::current())).into());
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let mut future = pin!(future);
    let waker = WAKER.with(Waker::clone);
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        match deadline {
            None => thread::park(),
            Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => thread::park_timeout(left),
                _ => return None,
            },
        }
    }
}

/// Methods for a thread and for a task, `name` and `name_async`, of which the body is the one for a task.
macro_rules! both {
    ($(
        $(#[$meta:meta])*
        fn $name:ident / $name_async:ident(&$this:ident $(, $argument:ident: $type:ty)* $(,)?) -> $result:ty $body:block
    )*) => {$(
        $(#[$meta])*
        pub fn $name(&$this $(, $argument: $type)*) -> io::Result<$result> {
            $crate::sync::block_on($this.$name_async($($argument),*))
        }

        #[doc = concat!("As [`", stringify!($name), "`](Self::", stringify!($name), "), for a task.")]
        ///
        /// # Errors
        #[doc = concat!("Those of [`", stringify!($name), "`](Self::", stringify!($name), ").")]
        pub async fn $name_async(&$this $(, $argument: $type)*) -> io::Result<$result> $body
    )*};
}
pub(crate) use both;

/// Runs a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    match block_for(future, None) {
        Some(output) => output,
        None => unreachable!("without a limit there is no end of time"),
    }
}

#[derive(Debug)]
struct Slot<T> {
    value: Option<io::Result<T>>,
    waiting: Option<Waker>,
}

/// Where the thread of the stack puts the answer of one call. Dropped without, it answers that the stack is gone.
#[derive(Debug)]
pub(crate) struct Answer<T>(Option<Arc<Mutex<Slot<T>>>>);

/// What a call waits for.
#[derive(Debug)]
pub(crate) struct Reply<T>(Arc<Mutex<Slot<T>>>);

pub(crate) fn call<T>() -> (Answer<T>, Reply<T>) {
    let slot = Arc::new(Mutex::new(Slot { value: None, waiting: None }));
    (Answer(Some(Arc::clone(&slot))), Reply(slot))
}

/// What every pending call gets when the stack is dropped.
pub(crate) fn stack_is_gone() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the stack is gone")
}

impl<T> Answer<T> {
    pub(crate) fn send(mut self, value: io::Result<T>) {
        self.put(value);
    }

    /// Whether nobody waits for it any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.as_ref().is_none_or(|slot| Arc::strong_count(slot) == 1)
    }

    fn put(&mut self, value: io::Result<T>) {
        let Some(slot) = self.0.take() else { return };
        let waiting = {
            let mut slot = lock(&slot);
            slot.value = Some(value);
            slot.waiting.take()
        };
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.put(Err(stack_is_gone()));
        }
    }
}

impl<T> Future for Reply<T> {
    type Output = io::Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = lock(&self.0);
        match slot.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                slot.waiting = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_reaches_the_thread_that_waits() {
        let (answer, reply) = call();
        let thread = thread::spawn(move || block_on(reply));
        answer.send(Ok(7));
        assert_eq!(thread.join().unwrap().unwrap(), 7);
    }

    #[test]
    fn without_an_answer_the_stack_is_gone() {
        let (answer, reply) = call::<()>();
        drop(answer);
        assert_eq!(block_on(reply).unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    #[test]
    fn time_ends_a_wait_and_an_abandoned_answer_is_seen() {
        let (answer, reply) = call::<()>();
        assert!(!answer.is_abandoned());
        assert!(block_for(reply, Some(Duration::from_millis(1))).is_none());
        assert!(answer.is_abandoned());
    }
}
