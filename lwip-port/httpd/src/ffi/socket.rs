//! lwIP's BSD sockets: each function of its `lwip/sockets.h` that the server uses is called in one place, and that is here.

use super::address::Sockaddr;
use super::bindings as c;
use super::stack::Stack;
use std::ffi::c_int;
use std::io;
use std::mem::size_of;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

/// A descriptor of lwIP (which is none of the kernel's), closed when this is dropped.
#[derive(Debug)]
pub struct Socket(c_int);

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// TCP.
    Stream,
    /// UDP.
    Datagram,
}

/// lwIP's sockets leave their error in the C library's `errno`, with its numbers (LWIP_ERRNO_STDINCLUDE in port/arch/cc.h).
fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn check_length(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

impl Socket {
    /// lwip_socket(): a new socket for the family of `address`, which blocks.
    ///
    /// # Errors
    /// ENFILE or ENOBUFS if lwIP has no more (MEMP_NUM_NETCONN, MEMP_NUM_TCP_PCB).
    pub fn new(_stack: &Stack, kind: Kind, address: SocketAddr) -> io::Result<Self> {
        let family = if address.is_ipv4() { c::AF_INET } else { c::AF_INET6 };
        let kind = match kind {
            Kind::Stream => c::SOCK_STREAM,
            Kind::Datagram => c::SOCK_DGRAM,
        };
        // SAFETY: (running), the caller has the stack.
        check(unsafe { c::lwip_socket(family as c_int, kind as c_int, 0) }).map(Self)
    }

    /// lwip_setsockopt().
    fn set_option<T>(&self, level: u32, name: u32, value: &T) -> io::Result<()> {
        let length = size_of::<T>() as c::socklen_t;
        // SAFETY: (running), there is a socket; `value` is readable for its length.
        check(unsafe { c::lwip_setsockopt(self.0, level as c_int, name as c_int, (&raw const *value).cast(), length) })
            .map(drop)
    }

    /// SO_REUSEADDR: the port may be taken while connections of an earlier server are in TIME-WAIT.
    ///
    /// # Errors
    /// Those of lwip_setsockopt().
    pub fn set_reuse_address(&self) -> io::Result<()> {
        self.set_option(c::SOL_SOCKET, c::SO_REUSEADDR, &1)
    }

    /// TCP_NODELAY: a response's last segment does not wait for an acknowledgment (RFC 1122 4.2.3.4).
    ///
    /// # Errors
    /// Those of lwip_setsockopt().
    pub fn set_no_delay(&self) -> io::Result<()> {
        let on: c_int = 1;
        self.set_option(c::IPPROTO_TCP, c::TCP_NODELAY, &on)
    }

    /// lwip_fcntl() with O_NONBLOCK: from now on what would wait is refused with `WouldBlock`.
    ///
    /// # Errors
    /// Those of lwip_fcntl().
    pub fn set_nonblocking(&self) -> io::Result<()> {
        // SAFETY: (running), there is a socket.
        check(unsafe { c::lwip_fcntl(self.0, c::F_SETFL as c_int, c::O_NONBLOCK as c_int) }).map(drop)
    }

    /// lwip_bind(). `::` takes IPv4 as well.
    ///
    /// # Errors
    /// `AddrInUse`, and `AddrNotAvailable` if no interface has it.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        let (address, length) = Sockaddr::new(address);
        // SAFETY: (running), there is a socket; the address is as long as said.
        check(unsafe { c::lwip_bind(self.0, address.as_ptr(), length) }).map(drop)
    }

    /// lwip_connect().
    ///
    /// # Errors
    /// `ConnectionRefused`, `TimedOut`, `HostUnreachable`.
    pub fn connect(&self, address: SocketAddr) -> io::Result<()> {
        let (address, length) = Sockaddr::new(address);
        // SAFETY: (running), there is a socket; the address is as long as said.
        check(unsafe { c::lwip_connect(self.0, address.as_ptr(), length) }).map(drop)
    }

    /// lwip_getsockname(): the own address.
    ///
    /// # Errors
    /// `NotConnected` if it has none.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        let (mut address, mut length) = (Sockaddr::empty(), Sockaddr::LENGTH);
        // SAFETY: (running), there is a socket; there is room for as much as said.
        check(unsafe { c::lwip_getsockname(self.0, address.as_mut_ptr(), &raw mut length) })?;
        address.get().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// lwip_listen(), with room for `backlog` connections that were not accepted yet (255 at most).
    ///
    /// # Errors
    /// Those of lwip_listen().
    pub fn listen(&self, backlog: u8) -> io::Result<()> {
        // SAFETY: (running), there is a socket.
        check(unsafe { c::lwip_listen(self.0, backlog.into()) }).map(drop)
    }

    /// lwip_accept(): the next connection and its peer.
    ///
    /// # Errors
    /// `WouldBlock` if there is none now; `ConnectionAborted` if it ended before it was accepted.
    pub fn accept(&self) -> io::Result<(Self, SocketAddr)> {
        let (mut address, mut length) = (Sockaddr::empty(), Sockaddr::LENGTH);
        // SAFETY: (running), there is a socket; there is room for as much as said.
        let socket = check(unsafe { c::lwip_accept(self.0, address.as_mut_ptr(), &raw mut length) }).map(Self)?;
        let peer = address.get().ok_or(io::ErrorKind::ConnectionAborted)?;
        Ok((socket, peer))
    }

    /// lwip_read(): 0 is the peer's end.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing now, `ConnectionReset`, `ConnectionAborted`.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: (running), there is a socket; the buffer is as long as said.
        check_length(unsafe { c::lwip_read(self.0, buffer.as_mut_ptr().cast(), buffer.len()) })
    }

    /// lwip_write(): how much of `data` lwIP has taken a copy of.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room now, `ConnectionReset`, `ConnectionAborted`, `NotConnected`.
    pub fn write(&self, data: &[u8]) -> io::Result<usize> {
        // SAFETY: (running), there is a socket; the data are as long as said, and copied.
        check_length(unsafe { c::lwip_write(self.0, data.as_ptr().cast(), data.len()) })
    }

    /// lwip_shutdown().
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let how = match how {
            Shutdown::Read => c::SHUT_RD,
            Shutdown::Write => c::SHUT_WR,
            Shutdown::Both => c::SHUT_RDWR,
        };
        // SAFETY: (running), there is a socket.
        check(unsafe { c::lwip_shutdown(self.0, how as c_int) }).map(drop)
    }

    /// Closes with a reset: nothing of it stays behind, whatever the peer does (SO_LINGER of 0 seconds).
    pub fn abort(self) {
        let at_once = c::linger { l_onoff: 1, l_linger: 0 };
        // Where that fails the peer has closed, too, and closing is all that is left.
        let _ = self.set_option(c::SOL_SOCKET, c::SO_LINGER, &at_once);
    }
}

impl Drop for Socket {
    /// lwip_close(): what was written is still delivered.
    fn drop(&mut self) {
        // SAFETY: (running), there is a socket; nobody has its number any more.
        unsafe { c::lwip_close(self.0) };
    }
}

/// What to wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Data, the peer's end, or a connection to accept.
    pub read: bool,
    /// Room in the send buffer (TCP_SNDLOWAT octets of it).
    pub write: bool,
}

/// What is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// [`Socket::read`] or [`Socket::accept`] will not say `WouldBlock`.
    pub read: bool,
    /// [`Socket::write`] will not say `WouldBlock`.
    pub write: bool,
    /// It has ended with an error, which read and write say.
    pub error: bool,
}

/// The sockets of one [`poll`](Self::poll), kept for its memory.
#[derive(Debug, Default)]
pub struct Poll(Vec<c::pollfd>);

impl Poll {
    /// Forgets them all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a socket; its place among them is the index in what [`Self::poll`] tells.
    pub fn add(&mut self, socket: &Socket, interest: Interest) {
        let read = if interest.read { c::POLLIN } else { 0 };
        let write = if interest.write { c::POLLOUT } else { 0 };
        self.0.push(c::pollfd { fd: socket.0, events: (read | write) as _, revents: 0 });
    }

    /// lwip_poll(): waits until one of them is ready or the time is over, and tells of each what it is ready for.
    ///
    /// # Errors
    /// Those of lwip_poll(): no memory.
    pub fn poll(&mut self, _stack: &Stack, timeout: Option<Duration>) -> io::Result<impl Iterator<Item = Ready>> {
        // Up, so that what is due at the end of the wait is due; and 0 would not wait at all.
        let milliseconds =
            timeout.map_or(-1, |time| c_int::try_from(time.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX));
        let (sockets, count) = (self.0.as_mut_ptr(), self.0.len());
        // SAFETY: (running), the caller has the stack; the array is as long as said, and lives until the call returns.
        check(unsafe { c::lwip_poll(sockets, count as c::nfds_t, milliseconds) })?;
        Ok(self.0.iter().map(|socket| {
            let has = |event: u32| socket.revents & event as i16 != 0;
            Ready { read: has(c::POLLIN), write: has(c::POLLOUT), error: has(c::POLLERR | c::POLLNVAL) }
        }))
    }
}
