use super::shared::Backlog;
use super::stream::TcpStream;
use crate::engine::Handle;
use crate::ffi::{Id, next_id};
use crate::sync::block_on;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

/// As std's `TcpListener::bind` has it.
const BACKLOG: u8 = 128;

#[derive(Debug)]
struct Inner {
    handle: Handle,
    id: Id,
    at: SocketAddr,
    backlog: Arc<Backlog>,
    nonblocking: AtomicBool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let id = self.id;
        self.handle.tell(move |core| core.unlisten(id));
    }
}

/// Accepts TCP connections, as [`std::net::TcpListener`] does. Dropped, it resets those that nobody has accepted.
#[derive(Debug)]
pub struct TcpListener(Arc<Inner>);

impl TcpListener {
    /// Listens at the first of the addresses that can be; port 0 is any free one. `[::]` is for both families.
    ///
    /// # Errors
    /// `AddrInUse`: somebody listens there. `AddrNotAvailable`: no interface has the address. `OutOfMemory`.
    pub fn bind(stack: &Handle, at: impl ToSocketAddrs) -> io::Result<Self> {
        Self::bind_with_backlog(stack, at, BACKLOG)
    }

    /// As [`bind`](Self::bind), with the number of connections that may wait to be accepted.
    ///
    /// # Errors
    /// Those of [`bind`](Self::bind).
    pub fn bind_with_backlog(stack: &Handle, at: impl ToSocketAddrs, backlog: u8) -> io::Result<Self> {
        let mut result = Err(io::ErrorKind::InvalidInput.into());
        for at in at.to_socket_addrs()? {
            result = block_on(Self::bind_async(stack, at, backlog));
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// As [`bind_with_backlog`](Self::bind_with_backlog), for a task.
    ///
    /// # Errors
    /// Those of [`bind`](Self::bind).
    pub async fn bind_async(stack: &Handle, at: SocketAddr, backlog: u8) -> io::Result<Self> {
        let id = next_id();
        let pending = Arc::new(Backlog::default());
        // Made before the stack answers: if this future is dropped meanwhile, the listener ends with it.
        let mut inner =
            Inner { handle: stack.clone(), id, at, backlog: Arc::clone(&pending), nonblocking: AtomicBool::new(false) };
        inner.at = stack
            .call(move |core| {
                if !core.lwip.is_local(at.ip()) {
                    return Err(io::ErrorKind::AddrNotAvailable.into());
                }
                let at = core.lwip.tcp_listen(id, at, backlog.max(1))?;
                core.listeners.insert(id, pending);
                Ok(at)
            })
            .await?;
        Ok(Self(Arc::new(inner)))
    }

    /// The next connection.
    ///
    /// # Errors
    /// `WouldBlock` with [`set_nonblocking`](Self::set_nonblocking) if there is none.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        if self.0.nonblocking.load(Ordering::Relaxed) {
            return match self.poll_accept(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => result,
                Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        block_on(self.accept_async())
    }

    /// As [`accept`](Self::accept), for a task. Dropped before it is ready, it has accepted nothing.
    ///
    /// # Errors
    /// Those of the stack.
    pub async fn accept_async(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    /// As [`accept_async`](Self::accept_async), for a future of one's own.
    pub fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.0.backlog.poll(context).map(|shared| {
            let shared = shared?;
            let id = shared.id();
            self.0.handle.tell(move |core| core.lwip.tcp_accepted(id));
            let (_, peer) = shared.addresses()?;
            Ok((TcpStream::new(self.0.handle.clone(), shared), peer))
        })
    }

    /// The connections, one after the other, without an end.
    #[must_use]
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming(self)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.at)
    }

    /// The same listener once more; it ends with the last of them.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(Arc::clone(&self.0)))
    }

    /// Whether [`accept`](Self::accept) returns at once.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        self.0.nonblocking.store(on, Ordering::Relaxed);
        Ok(())
    }
}

/// See [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a>(&'a TcpListener);

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.accept().map(|(stream, _)| stream))
    }
}
