use super::shared::{Shared, Tell};
use crate::engine::{Command, Core, Handle};
use crate::ffi::{CongestionControl, Id, Keepalive, TcpInfo, next_id};
use crate::sync::{Answer, block_for, block_on, both, lock};
use bytes::Bytes;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

#[derive(Debug, Default, Clone, Copy)]
struct Options {
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    nonblocking: bool,
    linger: Option<Duration>,
}

#[derive(Debug)]
struct Inner {
    handle: Handle,
    shared: Arc<Shared>,
    options: Mutex<Options>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let id = self.shared.id();
        let linger = lock(&self.options).linger;
        match linger {
            None => self.handle.tell(move |core| core.drop_socket(id, false)),
            Some(Duration::ZERO) => self.handle.tell(move |core| core.drop_socket(id, true)),
            Some(limit) => {
                let reply = self.handle.ask(move |core, answer: Answer<()>| core.drop_lingering(id, answer));
                // Whatever the end is: there is nobody to tell. When the time is over the connection goes on without us.
                let _ = block_for(reply, Some(limit));
            }
        }
    }
}

/// A TCP connection, as [`std::net::TcpStream`] is one: `Read` and `Write` for threads, also by `&TcpStream`, and, with the
/// feature `tokio`, `AsyncRead` and `AsyncWrite` for tasks.
///
/// Dropped, it closes: what was written still reaches the peer, unless something that came was not read, or
/// [`set_linger`](Self::set_linger) says zero; then the peer gets a reset. It waits for that only if `set_linger` says so.
#[derive(Debug)]
pub struct TcpStream(Arc<Inner>);

impl TcpStream {
    pub(super) fn new(handle: Handle, shared: Arc<Shared>) -> Self {
        Self(Arc::new(Inner { handle, shared, options: Mutex::default() }))
    }

    /// Connects to the first of the addresses that answers.
    ///
    /// # Errors
    /// `ConnectionRefused`, `TimedOut`, `NetworkUnreachable`, `AddrNotAvailable` (no port is left), as std's.
    pub fn connect(stack: &Handle, to: impl ToSocketAddrs) -> io::Result<Self> {
        let mut result = Err(io::ErrorKind::InvalidInput.into());
        for to in to.to_socket_addrs()? {
            result = block_on(Self::connect_async(stack, to));
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Connects, but tries no longer than that.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect); `TimedOut` after `limit`; `InvalidInput` if it is zero.
    pub fn connect_timeout(stack: &Handle, to: &SocketAddr, limit: Duration) -> io::Result<Self> {
        if limit.is_zero() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "cannot connect in no time"));
        }
        block_for(Self::connect_async(stack, *to), Some(limit)).unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Connects. Dropped before it is ready, it takes the attempt back.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect).
    pub async fn connect_async(stack: &Handle, to: SocketAddr) -> io::Result<Self> {
        Self::connect_from(stack, None, to).await
    }

    /// Connects from an address of one's own.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect), and `AddrInUse`.
    pub async fn connect_from(stack: &Handle, from: Option<SocketAddr>, to: SocketAddr) -> io::Result<Self> {
        let stream = Self::new(stack.clone(), Arc::new(Shared::connecting(next_id())));
        let shared = Arc::clone(&stream.0.shared);
        stack
            .call(move |core| {
                if from.is_some_and(|from| !core.lwip.is_local(from.ip())) {
                    return Err(io::ErrorKind::AddrNotAvailable.into());
                }
                core.connect(shared, from, to);
                Ok(())
            })
            .await?;
        poll_fn(|context| stream.0.shared.poll_connected(context)).await?;
        Ok(stream)
    }

    fn tell(&self, tell: &Tell) {
        if tell.0 {
            self.0.handle.send(Command::Serve(Arc::clone(&self.0.shared)));
        }
    }

    /// As `Read::read`, for a future of one's own.
    pub fn poll_read(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let (length, tell) = ready!(self.0.shared.poll_read(context, buffer))?;
        self.tell(&tell);
        Poll::Ready(Ok(length))
    }

    /// As `Write::write`, for a future of one's own.
    pub fn poll_write(&self, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let (length, tell) = ready!(self.0.shared.poll_write(context, data))?;
        self.tell(&tell);
        Poll::Ready(Ok(length))
    }

    /// As `Read::read`, for a task. Dropped before it is ready, it has read nothing.
    ///
    /// # Errors
    /// `ConnectionReset`, `TimedOut` (the peer is gone), `ConnectionAborted` (the stack is).
    pub async fn read_async(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|context| self.poll_read(context, buffer)).await
    }

    /// What came, in the pieces in which it came and without a copy; none: the end.
    ///
    /// # Errors
    /// Those of [`read_async`](Self::read_async).
    pub async fn read_bytes(&self) -> io::Result<Option<Bytes>> {
        let (data, tell) = poll_fn(|context| self.0.shared.poll_read_bytes(context)).await?;
        self.tell(&tell);
        Ok(data)
    }

    /// As `Write::write`, for a task. Dropped before it is ready, it has written nothing.
    ///
    /// # Errors
    /// `BrokenPipe` after the connection's end, and those of [`read_async`](Self::read_async).
    pub async fn write_async(&self, data: &[u8]) -> io::Result<usize> {
        poll_fn(|context| self.poll_write(context, data)).await
    }

    /// As `Write::write_all`, for a task.
    ///
    /// # Errors
    /// Those of [`write_async`](Self::write_async).
    pub async fn write_all_async(&self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let length = self.write_async(data).await?;
            data = data.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    /// Looks at what came, without reading it.
    ///
    /// # Errors
    /// As of `read`.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = lock(&self.0.options).read_timeout;
        self.block(limit, |context| self.0.shared.poll_peek(context, buffer))
    }

    /// As [`peek`](Self::peek), for a task.
    ///
    /// # Errors
    /// Those of [`read_async`](Self::read_async).
    pub async fn peek_async(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|context| self.0.shared.poll_peek(context, buffer)).await
    }

    fn block<T>(
        &self,
        limit: Option<Duration>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        if lock(&self.0.options).nonblocking {
            return match poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => result,
                Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        // As std has it on Unix.
        block_for(poll_fn(poll), limit).unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
    }

    /// Ends one direction or both: the peer sees the end after what was written; reading gives the end.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.tell(&self.0.shared.shut_read()?);
        }
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            self.tell(&self.0.shared.shut_write()?);
        }
        Ok(())
    }

    /// Our end.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.shared.addresses()?.0)
    }

    /// The peer's end.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.shared.addresses()?.1)
    }

    /// The same connection once more; it closes with the last of them.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(Arc::clone(&self.0)))
    }

    /// One half for reading and one for writing, as long as this is lent. Dropping them ends nothing.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// One half for reading and one for writing. Dropping the second ends that direction; [`OwnedWriteHalf::reunite`] takes it back.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        (OwnedReadHalf(Self(Arc::clone(&self.0))), OwnedWriteHalf { stream: self, released: false })
    }

    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Core, Id) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let id = self.0.shared.id();
        self.0.handle.call(move |core| ask(core, id)).await
    }

    both! {
    /// Whether small segments are sent at once.
    ///
    /// # Errors
    /// `NotConnected`, as of each of the options below.
    fn nodelay / nodelay_async(&self) -> bool {
        self.ask(|core, id| Ok(!core.lwip.tcp_nagle(id)?)).await
    }

    /// Whether small segments are sent at once, or wait for an ACK (RFC 896), as they do by default.
    ///
    /// # Errors
    /// See [`nodelay`](Self::nodelay).
    fn set_nodelay / set_nodelay_async(&self, on: bool) -> () {
        self.ask(move |core, id| Ok(core.lwip.tcp_set_nagle(id, !on)?)).await
    }

    /// Time to live (IPv4) or hop limit (IPv6) of what is sent.
    ///
    /// # Errors
    /// See [`nodelay`](Self::nodelay).
    fn ttl / ttl_async(&self) -> u32 {
        self.ask(|core, id| Ok(core.lwip.tcp_ttl(id)?.into())).await
    }

    /// Sets it, 1 to 255.
    ///
    /// # Errors
    /// See [`nodelay`](Self::nodelay); `InvalidInput`.
    fn set_ttl / set_ttl_async(&self, ttl: u32) -> () {
        let ttl = u8::try_from(ttl).ok().filter(|ttl| *ttl > 0).ok_or(io::ErrorKind::InvalidInput)?;
        self.ask(move |core, id| Ok(core.lwip.tcp_set_ttl(id, ttl)?)).await
    }

    /// When a silent peer is asked whether it is still there; none: never.
    ///
    /// # Errors
    /// See [`nodelay`](Self::nodelay).
    fn keepalive / keepalive_async(&self) -> Option<Keepalive> {
        self.ask(|core, id| Ok(core.lwip.tcp_keepalive(id)?)).await
    }

    /// Sets it.
    ///
    /// # Errors
    /// See [`nodelay`](Self::nodelay).
    fn set_keepalive / set_keepalive_async(&self, keepalive: Option<Keepalive>) -> () {
        self.ask(move |core, id| Ok(core.lwip.tcp_set_keepalive(id, keepalive)?)).await
    }

    /// Chooses who says how much is sent at once, whatever was sent so far. A new connection has CUBIC.
    ///
    /// # Errors
    /// See [`nodelay`](Self::nodelay); `Unsupported` with C's TCP (`LWIP_USE_RUST_TCP=OFF`).
    fn set_congestion_control / set_congestion_control_async(&self, which: CongestionControl) -> () {
        self.ask(move |core, id| core.lwip.tcp_set_congestion_control(id, which)).await
    }

    /// What is known of the connection: its round-trip time, windows, counters.
    ///
    /// # Errors
    /// See [`nodelay`](Self::nodelay).
    fn info / info_async(&self) -> TcpInfo {
        self.ask(|core, id| Ok(core.lwip.tcp_info(id)?)).await
    }
    }

    /// See [`set_linger`](Self::set_linger).
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(lock(&self.0.options).linger)
    }

    /// What dropping the last of a connection's sockets does (SO_LINGER). None, which is how it begins: it closes, and does not
    /// wait; what was written still goes to the peer. Zero: it resets. More: it closes, and blocks until the peer has
    /// acknowledged what was written, or the connection has failed, or the time is over, after which it goes on as without.
    ///
    /// As with [`std::net`], a task that drops a lingering socket holds up the thread that it runs on; and whoever drives the
    /// stack by an [`Engine`](crate::Engine) waits in vain for himself until the time is over.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        lock(&self.0.options).linger = linger;
        Ok(())
    }

    /// How long a blocking read waits.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(lock(&self.0.options).read_timeout)
    }

    /// Sets it; none: for ever. After it `read` fails with `WouldBlock`.
    ///
    /// # Errors
    /// `InvalidInput` for zero.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        lock(&self.0.options).read_timeout = not_zero(limit)?;
        Ok(())
    }

    /// How long a blocking write waits.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(lock(&self.0.options).write_timeout)
    }

    /// Sets it; none: for ever. After it `write` fails with `WouldBlock`.
    ///
    /// # Errors
    /// `InvalidInput` for zero.
    pub fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        lock(&self.0.options).write_timeout = not_zero(limit)?;
        Ok(())
    }

    /// Whether `read`, `write` and `peek` fail with `WouldBlock` where they would wait.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        lock(&self.0.options).nonblocking = on;
        Ok(())
    }

    /// What went wrong and nobody was told yet; asking for it takes it.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(self.0.shared.take_error().map(io::Error::from))
    }
}

fn not_zero(limit: Option<Duration>) -> io::Result<Option<Duration>> {
    if limit == Some(Duration::ZERO) { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(limit) }
}

impl Read for &TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = lock(&self.0.options).read_timeout;
        self.block(limit, |context| self.poll_read(context, buffer))
    }
}

impl Write for &TcpStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let limit = lock(&self.0.options).write_timeout;
        self.block(limit, |context| self.poll_write(context, data))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for TcpStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reading half of a [`TcpStream`], for as long as it is lent. See [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'a>(&'a TcpStream);

/// The writing half of a [`TcpStream`], for as long as it is lent. See [`TcpStream::split`].
#[derive(Debug)]
pub struct WriteHalf<'a>(&'a TcpStream);

impl AsRef<TcpStream> for ReadHalf<'_> {
    fn as_ref(&self) -> &TcpStream {
        self.0
    }
}

impl AsRef<TcpStream> for WriteHalf<'_> {
    fn as_ref(&self) -> &TcpStream {
        self.0
    }
}

impl Read for ReadHalf<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for WriteHalf<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reading half of a [`TcpStream`]. See [`TcpStream::into_split`].
#[derive(Debug)]
pub struct OwnedReadHalf(TcpStream);

/// The writing half of a [`TcpStream`]. Dropping it ends that direction. See [`TcpStream::into_split`].
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: TcpStream,
    /// Dropping it ends nothing any more.
    released: bool,
}

impl OwnedWriteHalf {
    /// Makes one of two halves again.
    ///
    /// # Errors
    /// Both are given back if they are not of the same connection.
    pub fn reunite(mut self, reader: OwnedReadHalf) -> Result<TcpStream, (OwnedReadHalf, Self)> {
        if !Arc::ptr_eq(&self.stream.0, &reader.0.0) {
            return Err((reader, self));
        }
        self.released = true;
        Ok(reader.0)
    }
}

impl AsRef<TcpStream> for OwnedReadHalf {
    fn as_ref(&self) -> &TcpStream {
        &self.0
    }
}

impl AsRef<TcpStream> for OwnedWriteHalf {
    fn as_ref(&self) -> &TcpStream {
        &self.stream
    }
}

impl Read for OwnedReadHalf {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for OwnedWriteHalf {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.stream.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if !self.released {
            // A connection that has ended has nothing to end.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

#[cfg(feature = "tokio")]
mod tokio_traits {
    use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, Shutdown, TcpStream, WriteHalf};
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    impl AsyncRead for TcpStream {
        fn poll_read(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            read(&self, context, buffer)
        }
    }

    fn read(stream: &TcpStream, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let length = ready!(TcpStream::poll_read(stream, context, buffer.initialize_unfilled()))?;
        buffer.advance(length);
        Poll::Ready(Ok(()))
    }

    impl AsyncWrite for TcpStream {
        fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
            Self::poll_write(&self, context, data)
        }

        fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(self.shutdown(Shutdown::Write))
        }
    }

    impl AsyncRead for OwnedReadHalf {
        fn poll_read(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            read(&self.0, context, buffer)
        }
    }

    impl AsyncRead for ReadHalf<'_> {
        fn poll_read(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            read(self.0, context, buffer)
        }
    }

    impl AsyncWrite for WriteHalf<'_> {
        fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
            self.0.poll_write(context, data)
        }

        fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(self.0.shutdown(Shutdown::Write))
        }
    }

    impl AsyncWrite for OwnedWriteHalf {
        fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
            TcpStream::poll_write(&self.stream, context, data)
        }

        fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(self.stream.shutdown(Shutdown::Write))
        }
    }
}
