//! The event loop: one thread, lwip_poll(), sockets that do not block.

mod connection;
mod limits;
mod pages;

use crate::ffi::socket::{Interest, Kind, Poll, Ready, Socket};
use crate::ffi::stack::Stack;
use crate::files::Root;
use crate::http::Status;
use crate::http::request::Limits;
use connection::{Connection, Fate};
use limits::RateLimit;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Connections that can be served at a time. lwIP has sockets for these (MEMP_NUM_NETCONN), for as many more that are on their way out, for those that wait
/// to be accepted, and for the server's own.
pub const MOST_CONNECTIONS: usize = 1000;
/// Those that are told that there is no room, and those that have their answer and are only waited for.
const SPARE: usize = 800;
/// Clients whose rate is remembered.
const REMEMBERED: usize = 10_000;
/// lwIP's mailbox for connections to be accepted has 128 places in contrib's unix port, whatever lwipopts.h says. One that finds it
/// full is reset; one that finds the backlog full is not answered yet, and its client asks again.
const BACKLOG: u8 = 100;

/// What the server may do, and for how long.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder to serve.
    pub folder: PathBuf,
    /// Where to listen; `::` takes IPv4 as well.
    pub address: SocketAddr,
    /// Connections at a time; one more is told 503. At most [`MOST_CONNECTIONS`].
    pub connections: usize,
    /// Requests per second and client, on average; one more is told 429. 0: as many as they like.
    pub rate: u32,
    /// Requests that a client may be ahead of its rate.
    pub burst: u32,
    /// Size of a request.
    pub limits: Limits,
    /// Wait for the first octet of a request, and then the connection is closed.
    pub idle_timeout: Duration,
    /// Wait for the rest of it; then it is told 408.
    pub request_timeout: Duration,
    /// Wait for a client that takes nothing of a response; then the connection is reset.
    pub send_timeout: Duration,
    /// Wait for the client's end after ours.
    pub drain_timeout: Duration,
}

impl Config {
    /// What suits a folder at `address`.
    #[must_use]
    pub const fn new(folder: PathBuf, address: SocketAddr) -> Self {
        Self {
            folder,
            address,
            connections: MOST_CONNECTIONS,
            rate: 0,
            burst: 100,
            limits: Limits { head: 16 * 1024, content: 64 * 1024 },
            idle_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// What all connections share.
struct Context {
    stack: Stack,
    config: Config,
    root: Root,
    rate: RateLimit,
    /// When lwip_poll() returned.
    now: Instant,
    buffer: Vec<u8>,
    /// Something was written since [`Stack::timers_changed`].
    wrote: bool,
}

/// A file server that listens.
pub struct Server {
    context: Context,
    listener: Socket,
    bell: Socket,
    connections: Vec<Connection>,
    poll: Poll,
}

/// Ends a [`Server`] from another thread.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<Socket>);

impl Stopper {
    /// Has [`Server::run`] return. It is waiting in lwip_poll(), so a datagram of lwIP's own is what it hears.
    pub fn stop(&self) {
        let _ = self.0.write(b"stop");
    }
}

/// A socket to wait for, and the one that writes to it.
fn bell(stack: &Stack) -> io::Result<(Socket, Stopper)> {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bell = Socket::new(stack, Kind::Datagram, anywhere)?;
    bell.bind(anywhere)?;
    let rope = Socket::new(stack, Kind::Datagram, anywhere)?;
    rope.bind(anywhere)?;
    rope.connect(bell.local_address()?)?;
    // From nobody else: another host could send to a port that it has guessed.
    bell.connect(rope.local_address()?)?;
    Ok((bell, Stopper(Arc::new(rope))))
}

impl Server {
    /// Opens the folder and listens.
    ///
    /// # Errors
    /// Those of opening the folder, and those of lwIP's sockets.
    pub fn new(stack: Stack, mut config: Config) -> io::Result<(Self, Stopper)> {
        config.connections = config.connections.clamp(1, MOST_CONNECTIONS);
        let root = Root::open(&config.folder)?;
        let listener = Socket::new(&stack, Kind::Stream, config.address)?;
        listener.set_reuse_address()?;
        listener.bind(config.address)?;
        listener.listen(BACKLOG)?;
        listener.set_nonblocking()?;
        let (bell, stopper) = bell(&stack)?;
        let rate = RateLimit::new(config.rate, config.burst, REMEMBERED);
        let context =
            Context { stack, config, root, rate, now: Instant::now(), buffer: vec![0; 16 * 1024], wrote: false };
        Ok((Self { context, listener, bell, connections: Vec::new(), poll: Poll::default() }, stopper))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// None, as long as it does.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_address()
    }

    /// Serves until it is stopped; then resets what is left.
    ///
    /// # Errors
    /// Those of lwip_poll(): no memory.
    pub fn run(mut self) -> io::Result<()> {
        while self.turn()? {}
        self.connections.drain(..).for_each(|connection| connection.into_socket().abort());
        Ok(())
    }

    /// Waits once, and does what is to be done then. Returns whether to go on.
    fn turn(&mut self) -> io::Result<bool> {
        let read = Interest { read: true, write: false };
        self.poll.clear();
        self.poll.add(&self.bell, read);
        self.poll.add(&self.listener, read);
        for connection in &self.connections {
            self.poll.add(connection.socket(), connection.interest());
        }
        let ready: Vec<Ready> = self.poll.poll(&self.context.stack, self.timeout())?.collect();
        self.context.now = Instant::now();
        let (fixed, of_connections) = ready.split_at_checked(2).unwrap_or_default();
        if fixed.first().is_some_and(|bell| bell.read) {
            return Ok(false);
        }
        self.advance(of_connections);
        if fixed.get(1).is_some_and(|listener| listener.read) {
            self.accept();
        }
        if std::mem::take(&mut self.context.wrote) {
            self.context.stack.timers_changed();
        }
        Ok(true)
    }

    /// Until the earliest deadline; not at all if somebody has something left to do.
    fn timeout(&self) -> Option<Duration> {
        if self.connections.iter().any(|connection| connection.eager) {
            return Some(Duration::ZERO);
        }
        let earliest = self.connections.iter().map(Connection::deadline).min()?;
        Some(earliest.saturating_duration_since(Instant::now()))
    }

    /// Serves those that are ready, and lets go of those that are done.
    fn advance(&mut self, ready: &[Ready]) {
        let mut ready = ready.iter();
        let connections = std::mem::take(&mut self.connections);
        for mut connection in connections {
            let is = ready.next().copied().unwrap_or_default();
            let fate = if is.read || is.write || is.error || connection.eager {
                connection.advance(&mut self.context)
            } else if connection.deadline() <= self.context.now {
                connection.time_out(&mut self.context)
            } else {
                Fate::Stay
            };
            self.settle(connection, fate);
        }
    }

    fn settle(&mut self, connection: Connection, fate: Fate) {
        match fate {
            Fate::Stay => self.connections.push(connection),
            Fate::Close => drop(connection),
            Fate::Abort => connection.into_socket().abort(),
        }
    }

    /// Takes all that wait, the ones that there is no room for as well: they would wait for nothing.
    fn accept(&mut self) {
        let mut served = self.connections.iter().filter(|connection| connection.is_served()).count();
        for _ in 0..BACKLOG {
            let (socket, peer) = match self.listener.accept() {
                Ok(accepted) => accepted,
                // One that was gone before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                // None, or no socket for it: whoever closes makes room.
                Err(_) => return,
            };
            // Without these two it would do, if slowly and for one at a time; so it is not served at all.
            if socket.set_nonblocking().and_then(|()| socket.set_no_delay()).is_err() {
                socket.abort();
                continue;
            }
            let room = self.connections.len() < MOST_CONNECTIONS + SPARE;
            let mut connection = if room && served < self.context.config.connections {
                Connection::new(socket, peer, &self.context)
            } else if room {
                Connection::refused(socket, peer, Status::ServiceUnavailable, &self.context)
            } else {
                socket.abort();
                continue;
            };
            // Most requests are here with the connection.
            let fate = connection.advance(&mut self.context);
            served += usize::from(fate == Fate::Stay && connection.is_served());
            self.settle(connection, fate);
        }
    }
}
