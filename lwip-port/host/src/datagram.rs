//! UDP and raw IP sockets.

use crate::engine::Handle;
use crate::ffi::{Id, next_id};
use crate::sync::{Waiting, block_for, block_on, both, lock};
use bytes::Bytes;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How much may wait to be read, in octets; more is dropped, as a kernel does.
const LIMIT: usize = 1024 * 1024;
/// What a datagram takes beside its data.
const OVERHEAD: usize = 128;

/// What came and was not read yet.
#[derive(Debug)]
pub(crate) struct Queue<A>(Mutex<Waits<A>>);

#[derive(Debug)]
struct Waits<A> {
    received: VecDeque<(Bytes, A)>,
    size: usize,
    closed: bool,
    waiting: Waiting,
}

impl<A: Copy> Queue<A> {
    fn new() -> Arc<Self> {
        let waits = Waits { received: VecDeque::new(), size: 0, closed: false, waiting: Waiting::default() };
        Arc::new(Self(Mutex::new(waits)))
    }

    pub(crate) fn push(&self, data: Bytes, from: A) {
        let mut waits = lock(&self.0);
        if waits.size + data.len() + OVERHEAD > LIMIT {
            return;
        }
        waits.size += data.len() + OVERHEAD;
        waits.received.push_back((data, from));
        let waiting = waits.waiting.take();
        drop(waits);
        waiting.wake();
    }

    pub(crate) fn close(&self) {
        let mut waits = lock(&self.0);
        waits.closed = true;
        let waiting = waits.waiting.take();
        drop(waits);
        waiting.wake();
    }

    fn poll(&self, context: &mut Context<'_>, peek: bool) -> Poll<io::Result<(Bytes, A)>> {
        let mut waits = lock(&self.0);
        if let Some((data, from)) = waits.received.front() {
            let first = (data.clone(), *from);
            if !peek {
                waits.size -= first.0.len() + OVERHEAD;
                waits.received.pop_front();
            }
            return Poll::Ready(Ok(first));
        }
        if waits.closed {
            return Poll::Ready(Err(crate::sync::stack_is_gone()));
        }
        waits.waiting.add(context.waker());
        Poll::Pending
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Options {
    read_timeout: Option<Duration>,
    nonblocking: bool,
}

/// What both kinds of socket have.
#[derive(Debug)]
struct Socket<A> {
    handle: Handle,
    id: Id,
    queue: Arc<Queue<A>>,
    options: Mutex<Options>,
}

impl<A: Copy> Socket<A> {
    fn new(handle: &Handle) -> Self {
        Self { handle: handle.clone(), id: next_id(), queue: Queue::new(), options: Mutex::default() }
    }

    fn receive(&self, peek: bool) -> io::Result<(Bytes, A)> {
        let Options { read_timeout, nonblocking } = *lock(&self.options);
        if nonblocking {
            return match self.queue.poll(&mut Context::from_waker(Waker::noop()), peek) {
                Poll::Ready(result) => result,
                Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        block_for(poll_fn(|context| self.queue.poll(context, peek)), read_timeout)
            .unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
    }

    async fn receive_async(&self, peek: bool) -> io::Result<(Bytes, A)> {
        poll_fn(|context| self.queue.poll(context, peek)).await
    }

    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        if limit == Some(Duration::ZERO) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        lock(&self.options).read_timeout = limit;
        Ok(())
    }
}

/// As recv(2) does: what has no room is lost.
fn copy(data: &[u8], buffer: &mut [u8]) -> usize {
    let length = data.len().min(buffer.len());
    buffer[..length].copy_from_slice(&data[..length]);
    length
}

#[derive(Debug)]
struct UdpInner {
    socket: Socket<SocketAddr>,
    local: Mutex<SocketAddr>,
    peer: Mutex<Option<SocketAddr>>,
}

impl Drop for UdpInner {
    fn drop(&mut self) {
        let id = self.socket.id;
        self.socket.handle.tell(move |core| {
            core.lwip.udp_remove(id);
            core.udp.remove(&id);
        });
    }
}

/// Sends and receives datagrams, as [`std::net::UdpSocket`] does.
#[derive(Debug)]
pub struct UdpSocket(Arc<UdpInner>);

impl UdpSocket {
    /// Binds to the first of the addresses that can be; port 0 is any free one.
    ///
    /// # Errors
    /// `AddrInUse`, `AddrNotAvailable`, `OutOfMemory`.
    pub fn bind(stack: &Handle, at: impl ToSocketAddrs) -> io::Result<Self> {
        let mut result = Err(io::ErrorKind::InvalidInput.into());
        for at in at.to_socket_addrs()? {
            result = block_on(Self::bind_async(stack, at));
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// As [`bind`](Self::bind), for a task.
    ///
    /// # Errors
    /// Those of [`bind`](Self::bind).
    pub async fn bind_async(stack: &Handle, at: SocketAddr) -> io::Result<Self> {
        let inner = UdpInner { socket: Socket::new(stack), local: Mutex::new(at), peer: Mutex::new(None) };
        let (id, queue) = (inner.socket.id, Arc::clone(&inner.socket.queue));
        let local = stack
            .call(move |core| {
                if !core.lwip.is_local(at.ip()) {
                    return Err(io::ErrorKind::AddrNotAvailable.into());
                }
                let local = core.lwip.udp_bind(id, at)?;
                core.udp.insert(id, queue);
                Ok(local)
            })
            .await?;
        *lock(&inner.local) = local;
        Ok(Self(Arc::new(inner)))
    }

    /// Takes datagrams from there only, and lets [`send`](Self::send) send there.
    ///
    /// # Errors
    /// `NetworkUnreachable`.
    pub fn connect(&self, to: impl ToSocketAddrs) -> io::Result<()> {
        let to = to.to_socket_addrs()?.next().ok_or(io::ErrorKind::InvalidInput)?;
        block_on(self.connect_async(to))
    }

    /// As [`connect`](Self::connect), for a task.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect).
    pub async fn connect_async(&self, to: SocketAddr) -> io::Result<()> {
        let id = self.0.socket.id;
        let local = self.0.socket.handle.call(move |core| Ok(core.lwip.udp_connect(id, to)?)).await?;
        *lock(&self.0.local) = local;
        *lock(&self.0.peer) = Some(to);
        Ok(())
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// `NetworkUnreachable`, `OutOfMemory`; `InvalidInput` if it is longer than 65,507 octets.
    pub fn send_to(&self, data: &[u8], to: impl ToSocketAddrs) -> io::Result<usize> {
        let to = to.to_socket_addrs()?.next().ok_or(io::ErrorKind::InvalidInput)?;
        block_on(self.send_to_async(data, to))
    }

    /// As [`send_to`](Self::send_to), for a task.
    ///
    /// # Errors
    /// Those of [`send_to`](Self::send_to).
    pub async fn send_to_async(&self, data: &[u8], to: SocketAddr) -> io::Result<usize> {
        // RFC 768 and RFC 791 3.1: 65,535 less both headers.
        if data.len() > 65_507 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the datagram is too long"));
        }
        let (id, data, length) = (self.0.socket.id, Bytes::copy_from_slice(data), data.len());
        self.0.socket.handle.call(move |core| Ok(core.lwip.udp_send(id, &data, to)?)).await?;
        Ok(length)
    }

    /// Sends one datagram to where it is connected.
    ///
    /// # Errors
    /// Those of [`send_to`](Self::send_to), and `NotConnected`.
    pub fn send(&self, data: &[u8]) -> io::Result<usize> {
        self.send_to(data, self.peer_addr()?)
    }

    /// As [`send`](Self::send), for a task.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub async fn send_async(&self, data: &[u8]) -> io::Result<usize> {
        self.send_to_async(data, self.peer_addr()?).await
    }

    /// The next datagram, as much of it as there is room for, and who sent it.
    ///
    /// # Errors
    /// `WouldBlock` after [`set_read_timeout`](Self::set_read_timeout).
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (data, from) = self.0.socket.receive(false)?;
        Ok((copy(&data, buffer), from))
    }

    /// As [`recv_from`](Self::recv_from), for a task. Dropped before it is ready, it has received nothing.
    ///
    /// # Errors
    /// Those of the stack.
    pub async fn recv_from_async(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (data, from) = self.0.socket.receive_async(false).await?;
        Ok((copy(&data, buffer), from))
    }

    /// As [`recv_from`](Self::recv_from), without who.
    ///
    /// # Errors
    /// Those of [`recv_from`](Self::recv_from).
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv_from(buffer)?.0)
    }

    /// As [`recv`](Self::recv), for a task. Dropped before it is ready, it has received nothing.
    ///
    /// # Errors
    /// Those of the stack.
    pub async fn recv_async(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv_from_async(buffer).await?.0)
    }

    /// Looks at the next datagram, without receiving it.
    ///
    /// # Errors
    /// Those of [`recv_from`](Self::recv_from).
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (data, from) = self.0.socket.receive(true)?;
        Ok((copy(&data, buffer), from))
    }

    /// As [`peek_from`](Self::peek_from), for a task.
    ///
    /// # Errors
    /// Those of the stack.
    pub async fn peek_from_async(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (data, from) = self.0.socket.receive_async(true).await?;
        Ok((copy(&data, buffer), from))
    }

    /// As [`peek_from`](Self::peek_from), without who.
    ///
    /// # Errors
    /// Those of [`recv_from`](Self::recv_from).
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.peek_from(buffer)?.0)
    }

    /// Our end.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(*lock(&self.0.local))
    }

    /// Where it is connected.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        (*lock(&self.0.peer)).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// The same socket once more.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(Arc::clone(&self.0)))
    }

    both! {
    /// Whether datagrams to everybody may be sent and received.
    ///
    /// # Errors
    /// Those of the stack.
    fn set_broadcast / set_broadcast_async(&self, on: bool) -> () {
        let id = self.0.socket.id;
        self.0.socket.handle.call(move |core| Ok(core.lwip.udp_set_broadcast(id, on)?)).await
    }

    /// Time to live, or hop limit.
    ///
    /// # Errors
    /// Those of the stack.
    fn ttl / ttl_async(&self) -> u32 {
        let id = self.0.socket.id;
        self.0.socket.handle.call(move |core| Ok(core.lwip.udp_ttl(id)?.into())).await
    }

    /// Sets it, 1 to 255.
    ///
    /// # Errors
    /// `InvalidInput`.
    fn set_ttl / set_ttl_async(&self, ttl: u32) -> () {
        let id = self.0.socket.id;
        let ttl = u8::try_from(ttl).ok().filter(|ttl| *ttl > 0).ok_or(io::ErrorKind::InvalidInput)?;
        self.0.socket.handle.call(move |core| Ok(core.lwip.udp_set_ttl(id, ttl)?)).await
    }
    }

    /// How long a blocking receive waits.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(lock(&self.0.socket.options).read_timeout)
    }

    /// Sets it; none: for ever. After it receiving fails with `WouldBlock`.
    ///
    /// # Errors
    /// `InvalidInput` for zero.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.0.socket.set_read_timeout(limit)
    }

    /// Whether receiving fails with `WouldBlock` where it would wait.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        lock(&self.0.socket.options).nonblocking = on;
        Ok(())
    }
}

/// A protocol directly above IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// ICMP (RFC 792), protocol 1 of IPv4.
    Icmp,
    /// ICMPv6 (RFC 4443), protocol 58 of IPv6. The stack fills the checksum in.
    Icmpv6,
    /// Another one of IPv4, by its number.
    V4(u8),
    /// Another one of IPv6, by its number.
    V6(u8),
}

#[derive(Debug)]
struct RawInner(Socket<IpAddr>);

impl Drop for RawInner {
    fn drop(&mut self) {
        let id = self.0.id;
        self.0.handle.tell(move |core| {
            core.lwip.raw_remove(id);
            core.raw.remove(&id);
        });
    }
}

/// Sends and receives packets of a protocol above IP, ICMP above all, as a socket of SOCK_RAW does.
#[derive(Debug)]
pub struct RawSocket(Arc<RawInner>);

impl RawSocket {
    /// Opens it. It gets a copy of each packet of the protocol; the stack goes on answering pings.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn open(stack: &Handle, protocol: Protocol) -> io::Result<Self> {
        block_on(Self::open_async(stack, protocol))
    }

    /// As [`open`](Self::open), for a task.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub async fn open_async(stack: &Handle, protocol: Protocol) -> io::Result<Self> {
        let (v6, number) = match protocol {
            Protocol::Icmp => (false, 1),
            Protocol::Icmpv6 => (true, 58),
            Protocol::V4(number) => (false, number),
            Protocol::V6(number) => (true, number),
        };
        let inner = RawInner(Socket::new(stack));
        let (id, queue) = (inner.0.id, Arc::clone(&inner.0.queue));
        stack
            .call(move |core| {
                core.lwip.raw_open(id, v6, number)?;
                core.raw.insert(id, queue);
                Ok(())
            })
            .await?;
        Ok(Self(Arc::new(inner)))
    }

    /// Sends what follows the IP header.
    ///
    /// # Errors
    /// `NetworkUnreachable`, `OutOfMemory`.
    pub fn send_to(&self, data: &[u8], to: IpAddr) -> io::Result<usize> {
        block_on(self.send_to_async(data, to))
    }

    /// As [`send_to`](Self::send_to), for a task.
    ///
    /// # Errors
    /// Those of [`send_to`](Self::send_to).
    pub async fn send_to_async(&self, data: &[u8], to: IpAddr) -> io::Result<usize> {
        let (id, data, length) = (self.0.0.id, Bytes::copy_from_slice(data), data.len());
        self.0.0.handle.call(move |core| Ok(core.lwip.raw_send(id, &data, to)?)).await?;
        Ok(length)
    }

    /// The next packet, IP header included, and who sent it.
    ///
    /// # Errors
    /// `WouldBlock` after [`set_read_timeout`](Self::set_read_timeout).
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, IpAddr)> {
        let (data, from) = self.0.0.receive(false)?;
        Ok((copy(&data, buffer), from))
    }

    /// As [`recv_from`](Self::recv_from), for a task.
    ///
    /// # Errors
    /// Those of the stack.
    pub async fn recv_from_async(&self, buffer: &mut [u8]) -> io::Result<(usize, IpAddr)> {
        let (data, from) = self.0.0.receive_async(false).await?;
        Ok((copy(&data, buffer), from))
    }

    /// The same socket once more.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(Arc::clone(&self.0)))
    }

    /// Whether receiving fails with `WouldBlock` where it would wait.
    ///
    /// # Errors
    /// None; it is as std has it.
    pub fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        lock(&self.0.0.options).nonblocking = on;
        Ok(())
    }

    both! {
    /// Sets the time to live, or hop limit, 1 to 255.
    ///
    /// # Errors
    /// `InvalidInput`.
    fn set_ttl / set_ttl_async(&self, ttl: u32) -> () {
        let id = self.0.0.id;
        let ttl = u8::try_from(ttl).ok().filter(|ttl| *ttl > 0).ok_or(io::ErrorKind::InvalidInput)?;
        self.0.0.handle.call(move |core| Ok(core.lwip.raw_set_ttl(id, ttl)?)).await
    }
    }

    /// How long a blocking receive waits; none: for ever. After it it fails with `WouldBlock`.
    ///
    /// # Errors
    /// `InvalidInput` for zero.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.0.0.set_read_timeout(limit)
    }
}
