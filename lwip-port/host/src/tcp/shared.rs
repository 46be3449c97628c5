//! What a socket and the thread of the stack share of a connection: the data that waits, and who waits for it. No lock is held
//! while anything is done but moving data in and out of the two queues.

use crate::ffi::Id;
use crate::sync::{Waiting, lock};
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

/// How much may wait to be taken over by TCP, which has a send buffer of its own behind it, in octets.
const WRITE_LIMIT: usize = 256 * 1024;
/// Small writes share a chunk of this size.
const CHUNK: usize = 16 * 1024;
/// How much is read before TCP is told, in octets: as it announces nothing for less than TCP_WND_UPDATE_THRESHOLD (128 KiB in
/// port/lwipopts.h), and the window never closes for want of these.
const READ_STEP: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Open,
    /// The PCB is gone.
    Gone,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    addresses: Option<(SocketAddr, SocketAddr)>,
    received: VecDeque<Bytes>,
    /// Read, but TCP was not told yet.
    read: usize,
    /// The peer's FIN.
    ended: bool,
    /// shutdown(Read).
    read_shut: bool,
    written: VecDeque<BytesMut>,
    /// Octets written and not yet taken over, also of the chunk that the stack has at hand.
    waiting: usize,
    /// shutdown(Write).
    write_shut: bool,
    /// The stack knows that there is something to do.
    announced: bool,
    /// Told once, by the first call that sees it, as SO_ERROR is.
    error: Option<io::ErrorKind>,
    readers: Waiting,
    writers: Waiting,
}

#[derive(Debug)]
pub(crate) struct Shared {
    id: Id,
    state: Mutex<State>,
}

/// Whether the stack has to be told that there is something to do.
#[must_use]
pub(crate) struct Tell(pub(crate) bool);

impl State {
    fn announce(&mut self) -> Tell {
        Tell(self.phase == Phase::Open && !std::mem::replace(&mut self.announced, true))
    }

    fn take_error(&mut self) -> io::Result<()> {
        self.error.take().map_or(Ok(()), |kind| Err(kind.into()))
    }
}

impl Shared {
    fn new(id: Id, phase: Phase, addresses: Option<(SocketAddr, SocketAddr)>) -> Self {
        Self {
            id,
            state: Mutex::new(State {
                phase,
                addresses,
                received: VecDeque::new(),
                read: 0,
                ended: false,
                read_shut: false,
                written: VecDeque::new(),
                waiting: 0,
                write_shut: false,
                announced: false,
                error: None,
                readers: Waiting::default(),
                writers: Waiting::default(),
            }),
        }
    }

    pub(crate) fn connecting(id: Id) -> Self {
        Self::new(id, Phase::Connecting, None)
    }

    pub(crate) fn open(id: Id, local: SocketAddr, peer: SocketAddr) -> Self {
        Self::new(id, Phase::Open, Some((local, peer)))
    }

    pub(crate) fn id(&self) -> Id {
        self.id
    }

    // What the stack does.

    pub(crate) fn connected(&self, local: SocketAddr, peer: SocketAddr) {
        let mut state = lock(&self.state);
        state.phase = Phase::Open;
        state.addresses = Some((local, peer));
        let writers = state.writers.take();
        drop(state);
        writers.wake();
    }

    /// Whether the handshake is done and the connection not gone.
    pub(crate) fn is_open(&self) -> bool {
        lock(&self.state).phase == Phase::Open
    }

    /// Takes what came, and leaves the place for it empty. Some: nobody wants it, and it had so many octets.
    pub(crate) fn received(&self, data: &mut Vec<Bytes>) -> Option<usize> {
        if data.is_empty() {
            return None;
        }
        let mut state = lock(&self.state);
        if state.read_shut {
            return Some(data.drain(..).map(|data| data.len()).sum());
        }
        state.received.extend(data.drain(..));
        let readers = state.readers.take();
        drop(state);
        readers.wake();
        None
    }

    pub(crate) fn ended(&self) {
        let mut state = lock(&self.state);
        state.ended = true;
        let readers = state.readers.take();
        drop(state);
        readers.wake();
    }

    /// Closed by both sides, and forgotten by TCP.
    pub(crate) fn closed(&self) {
        self.end(None);
    }

    pub(crate) fn fail(&self, kind: io::ErrorKind) {
        self.end(Some(kind));
    }

    fn end(&self, error: Option<io::ErrorKind>) {
        let mut state = lock(&self.state);
        state.phase = Phase::Gone;
        state.error = error;
        state.ended = true;
        state.written.clear();
        state.waiting = 0;
        let (readers, writers) = (state.readers.take(), state.writers.take());
        drop(state);
        readers.wake();
        writers.wake();
    }

    /// How much was read since it was last asked. From now on news are announced again.
    pub(crate) fn take_read(&self) -> usize {
        let mut state = lock(&self.state);
        state.announced = false;
        std::mem::take(&mut state.read)
    }

    /// The next that was written.
    pub(crate) fn next_chunk(&self) -> Option<Bytes> {
        lock(&self.state).written.pop_front().map(BytesMut::freeze)
    }

    /// TCP has taken so much over. Whether everything is, and whether a FIN is to follow then.
    pub(crate) fn took(&self, length: usize) -> (bool, bool) {
        let mut state = lock(&self.state);
        state.waiting = state.waiting.saturating_sub(length);
        let left = (state.waiting == 0, state.write_shut);
        let has_room = length > 0 && state.waiting < WRITE_LIMIT;
        let writers = if has_room { state.writers.take() } else { Waiting::default() };
        drop(state);
        writers.wake();
        left
    }

    /// The socket is gone: whether there was something that it has not read.
    pub(crate) fn discard_received(&self) -> bool {
        let mut state = lock(&self.state);
        state.read_shut = true;
        let unread = !state.received.is_empty();
        state.received.clear();
        unread
    }

    // What the socket does.

    pub(crate) fn poll_connected(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.state);
        match state.phase {
            Phase::Connecting => {
                state.writers.add(context.waker());
                Poll::Pending
            }
            Phase::Open => Poll::Ready(Ok(())),
            Phase::Gone => Poll::Ready(Err(state.error.take().unwrap_or(io::ErrorKind::NotConnected).into())),
        }
    }

    /// Ready with nothing to read: the end, `Ok(false)`.
    fn poll_data(state: &mut State, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if !state.received.is_empty() {
            return Poll::Ready(Ok(true));
        }
        state.take_error()?;
        if state.ended || state.read_shut {
            return Poll::Ready(Ok(false));
        }
        state.readers.add(context.waker());
        Poll::Pending
    }

    fn account(state: &mut State, length: usize) -> Tell {
        state.read += length;
        if state.read >= READ_STEP { state.announce() } else { Tell(false) }
    }

    pub(crate) fn poll_read(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, Tell)>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok((0, Tell(false))));
        }
        let mut state = lock(&self.state);
        if !ready!(Self::poll_data(&mut state, context))? {
            return Poll::Ready(Ok((0, Tell(false))));
        }
        let mut length = 0;
        while let (Some(first), Some(room)) = (state.received.front_mut(), buffer.get_mut(length..)) {
            let step = first.len().min(room.len());
            if step == 0 {
                break;
            }
            room[..step].copy_from_slice(&first[..step]);
            first.advance(step);
            length += step;
            if first.is_empty() {
                state.received.pop_front();
            }
        }
        let tell = Self::account(&mut state, length);
        Poll::Ready(Ok((length, tell)))
    }

    pub(crate) fn poll_read_bytes(&self, context: &mut Context<'_>) -> Poll<io::Result<(Option<Bytes>, Tell)>> {
        let mut state = lock(&self.state);
        ready!(Self::poll_data(&mut state, context))?;
        let data = state.received.pop_front();
        let tell = Self::account(&mut state, data.as_ref().map_or(0, Bytes::len));
        Poll::Ready(Ok((data, tell)))
    }

    pub(crate) fn poll_peek(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.state);
        ready!(Self::poll_data(&mut state, context))?;
        let mut length = 0;
        for data in &state.received {
            let room = buffer.get_mut(length..).unwrap_or_default();
            let step = data.len().min(room.len());
            room[..step].copy_from_slice(&data[..step]);
            length += step;
        }
        Poll::Ready(Ok(length))
    }

    /// Ready: there is room for so much.
    fn poll_room(state: &mut State, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        state.take_error()?;
        if state.phase == Phase::Gone || state.write_shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = WRITE_LIMIT.saturating_sub(state.waiting);
        if room == 0 {
            state.writers.add(context.waker());
            return Poll::Pending;
        }
        Poll::Ready(Ok(room))
    }

    pub(crate) fn poll_write(&self, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<(usize, Tell)>> {
        if data.is_empty() {
            return Poll::Ready(Ok((0, Tell(false))));
        }
        let mut state = lock(&self.state);
        let room = ready!(Self::poll_room(&mut state, context))?;
        let data = &data[..data.len().min(room)];
        match state.written.back_mut() {
            Some(last) if last.capacity() - last.len() >= data.len() => last.extend_from_slice(data),
            _ => {
                let mut chunk = BytesMut::with_capacity(if data.len() < CHUNK / 4 { CHUNK } else { data.len() });
                chunk.extend_from_slice(data);
                state.written.push_back(chunk);
            }
        }
        state.waiting += data.len();
        Poll::Ready(Ok((data.len(), state.announce())))
    }

    pub(crate) fn shut_write(&self) -> io::Result<Tell> {
        let mut state = lock(&self.state);
        if state.phase != Phase::Open {
            return Err(io::ErrorKind::NotConnected.into());
        }
        state.write_shut = true;
        let writers = state.writers.take();
        drop(state);
        writers.wake();
        // Also if it is announced: the stack may have looked already.
        Ok(Tell(true))
    }

    /// How much the stack has to be told was read and thrown away.
    pub(crate) fn shut_read(&self) -> io::Result<Tell> {
        let mut state = lock(&self.state);
        if state.phase != Phase::Open {
            return Err(io::ErrorKind::NotConnected.into());
        }
        state.read_shut = true;
        let unread: usize = state.received.drain(..).map(|data| data.len()).sum();
        state.read += unread;
        let (readers, tell) = (state.readers.take(), state.announce());
        drop(state);
        readers.wake();
        Ok(tell)
    }

    pub(crate) fn take_error(&self) -> Option<io::ErrorKind> {
        lock(&self.state).error.take()
    }

    pub(crate) fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        lock(&self.state).addresses.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

/// The connections of a listener that nobody has accepted yet.
#[derive(Debug, Default)]
pub(crate) struct Backlog(Mutex<Pending>);

#[derive(Debug, Default)]
struct Pending {
    connections: VecDeque<std::sync::Arc<Shared>>,
    closed: Option<io::ErrorKind>,
    waiting: Waiting,
}

impl Backlog {
    pub(crate) fn push(&self, connection: std::sync::Arc<Shared>) {
        let mut pending = lock(&self.0);
        pending.connections.push_back(connection);
        let waiting = pending.waiting.take();
        drop(pending);
        waiting.wake();
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<io::Result<std::sync::Arc<Shared>>> {
        let mut pending = lock(&self.0);
        if let Some(connection) = pending.connections.pop_front() {
            return Poll::Ready(Ok(connection));
        }
        if let Some(kind) = pending.closed {
            return Poll::Ready(Err(kind.into()));
        }
        pending.waiting.add(context.waker());
        Poll::Pending
    }

    /// Nobody comes any more. Returns who was not accepted.
    pub(crate) fn close(&self, kind: io::ErrorKind) -> Vec<std::sync::Arc<Shared>> {
        let mut pending = lock(&self.0);
        pending.closed = Some(kind);
        let (waiting, connections) = (pending.waiting.take(), pending.connections.drain(..).collect());
        drop(pending);
        waiting.wake();
        connections
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::next_id;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    /// Looks for the state as soon as it is woken, as an executor may that polls within `wake`.
    struct Looks(Arc<Shared>, AtomicUsize);

    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            assert!(self.0.state.try_lock().is_ok(), "woken under the lock that it needs");
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn nobody_is_woken_under_the_lock() {
        let address = SocketAddr::from(([127, 0, 0, 1], 7));
        let happenings: [fn(&Shared, SocketAddr); 8] = [
            |shared, address| shared.connected(address, address),
            |shared, _| _ = shared.received(&mut vec![Bytes::from_static(b"data")]),
            |shared, _| shared.ended(),
            |shared, _| shared.closed(),
            |shared, _| shared.fail(io::ErrorKind::ConnectionReset),
            |shared, _| _ = shared.took(1),
            |shared, _| _ = shared.shut_read(),
            |shared, _| _ = shared.shut_write(),
        ];
        for happens in happenings {
            let shared = Arc::new(Shared::open(next_id(), address, address));
            let looks = Arc::new(Looks(shared.clone(), AtomicUsize::new(0)));
            let waker = Waker::from(looks.clone());
            {
                let mut state = lock(&shared.state);
                state.readers.add(&waker);
                state.writers.add(&waker);
            }
            happens(&shared, address);
            assert!(looks.1.load(Ordering::Relaxed) > 0);
        }
    }
}
