//! One client's connection, from its first octet to its last.

use super::Context;
use super::pages;
use crate::ffi::socket::{Interest, Socket};
use crate::http::Status;
use crate::http::request::{Method, Parsed, parse};
use crate::http::response::{Body, Response};
use std::fs::File;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::{Instant, SystemTime};

/// How much is read or written at once.
const CHUNK: usize = 64 * 1024;
/// Calls of read and write for one connection before it is the others' turn.
const TURN: u32 = 16;

#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    pub(super) peer: SocketAddr,
    state: State,
    /// Received, and not understood yet.
    received: Vec<u8>,
    /// Octets of a request's content that are still to be passed over.
    skip: u64,
    deadline: Instant,
    /// It was told that there is no room.
    refused: bool,
    /// Its turn was over before its work was.
    pub(super) eager: bool,
}

#[derive(Debug)]
enum State {
    /// For a request, of which there may be a part.
    Receiving,
    Sending {
        output: Output,
        keep_alive: bool,
    },
    /// All is with lwIP and we have closed; what the client still sends is read and thrown away. To close with something unread
    /// would be a reset (RFC 9293 3.10.4), and that can overtake the response on its way to the client's program (RFC 9112 9.6).
    Draining {
        /// What the client had acknowledged when it was looked at last.
        acked: Option<u32>,
    },
}

/// A response on its way: octets, and then a file.
#[derive(Debug)]
struct Output {
    octets: Vec<u8>,
    sent: usize,
    file: Option<(File, Range<u64>)>,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stay,
    /// To be closed; what was written is delivered.
    Close,
    /// To be reset.
    Abort,
}

/// Why a step ended.
enum Stop {
    /// It waits for its socket.
    Wait,
    Fate(Fate),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => Self::Wait,
            _ => Self::Fate(Fate::Abort),
        }
    }
}

impl Connection {
    pub(super) fn new(socket: Socket, peer: SocketAddr, context: &Context) -> Self {
        let deadline = context.now + context.config.idle_timeout;
        let (state, received) = (State::Receiving, Vec::new());
        Self { socket, peer, state, received, skip: 0, deadline, refused: false, eager: false }
    }

    /// One that gets `status` whatever it asks for.
    pub(super) fn refused(socket: Socket, peer: SocketAddr, status: Status, context: &Context) -> Self {
        let mut connection = Self::new(socket, peer, context);
        connection.respond(Response::of(status), Method::Get, false, context);
        connection.refused = true;
        connection
    }

    /// Whether it counts: it has, or may still have, something to ask.
    pub(super) const fn is_served(&self) -> bool {
        !self.refused && !matches!(self.state, State::Draining { .. })
    }

    pub(super) const fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn into_socket(self) -> Socket {
        self.socket
    }

    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// While it sends, nothing is read: who asks faster than he reads is held back by his own window.
    pub(super) const fn interest(&self) -> Interest {
        match self.state {
            State::Receiving | State::Draining { .. } => Interest { read: true, write: false },
            State::Sending { .. } => Interest { read: false, write: true },
        }
    }

    /// Goes on as far as the socket lets it.
    pub(super) fn advance(&mut self, context: &mut Context) -> Fate {
        self.eager = false;
        for _ in 0..TURN {
            let step = match self.state {
                State::Receiving => self.receive(context),
                State::Sending { .. } => self.send(context),
                State::Draining { .. } => self.drain(context),
            };
            match step {
                Ok(()) => {}
                Err(Stop::Wait) => return Fate::Stay,
                Err(Stop::Fate(fate)) => return fate,
            }
        }
        self.eager = true;
        Fate::Stay
    }

    /// Answers the request that there is, or reads more of it.
    fn receive(&mut self, context: &mut Context) -> Result<(), Stop> {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(self.received.len());
        self.received.drain(..skipped);
        self.skip -= skipped as u64;
        if self.skip == 0 && !self.received.is_empty() {
            match parse(&self.received, context.config.limits) {
                Parsed::Request(request, length) => {
                    self.received.drain(..length);
                    self.skip = request.content;
                    let response = if context.rate.allows(self.peer.ip(), context.now) {
                        pages::answer(&request, &context.root, context.stack)
                    } else {
                        Response::of(Status::TooManyRequests)
                    };
                    self.respond(response, request.method, request.keep_alive, context);
                    return Ok(());
                }
                Parsed::Refused(status) => {
                    self.respond(Response::of(status), Method::Get, false, context);
                    return Ok(());
                }
                Parsed::Partial => {}
            }
        }
        let was_idle = self.received.is_empty() && self.skip == 0;
        let count = self.socket.read(&mut context.buffer)?;
        if count == 0 {
            return Err(Stop::Fate(Fate::Close));
        }
        if was_idle {
            // From its first octet on, the whole request has that long: an octet now and then buys no time.
            self.deadline = context.now + context.config.request_timeout;
        }
        self.received.extend_from_slice(context.buffer.get(..count).unwrap_or_default());
        Ok(())
    }

    fn respond(&mut self, response: Response, method: Method, keep_alive: bool, context: &Context) {
        let (mut octets, body) = response.finish(method, keep_alive, SystemTime::now());
        let file = match body {
            Body::Octets(body) => {
                octets.extend(body);
                None
            }
            Body::File(file, part) => Some((file, part)),
        };
        self.state = State::Sending { output: Output { octets, sent: 0, file }, keep_alive };
        self.deadline = context.now + context.config.send_timeout;
    }

    fn send(&mut self, context: &mut Context) -> Result<(), Stop> {
        let State::Sending { output, keep_alive } = &mut self.state else { return Ok(()) };
        if output.refill()? {
            let rest = output.octets.get(output.sent..).unwrap_or_default();
            let count = self.socket.write(rest)?;
            output.sent += count;
            context.wrote = true;
            self.deadline = context.now + context.config.send_timeout;
        } else if *keep_alive {
            self.state = State::Receiving;
            // A request that is here already, or whose content is, has begun.
            let begun = !self.received.is_empty() || self.skip > 0;
            let wait = if begun { context.config.request_timeout } else { context.config.idle_timeout };
            self.deadline = context.now + wait;
        } else {
            self.socket.shutdown(Shutdown::Write)?;
            self.state = State::Draining { acked: None };
            self.deadline = context.now + context.config.drain_timeout;
        }
        Ok(())
    }

    fn drain(&mut self, context: &mut Context) -> Result<(), Stop> {
        match self.socket.read(&mut context.buffer)? {
            0 => Err(Stop::Fate(Fate::Close)),
            _ => Ok(()),
        }
    }

    /// Its deadline is over.
    pub(super) fn time_out(&mut self, context: &mut Context) -> Fate {
        match &mut self.state {
            State::Receiving if self.received.is_empty() && self.skip == 0 => Fate::Close,
            State::Receiving => {
                self.respond(Response::of(Status::RequestTimeout), Method::Get, false, context);
                self.advance(context)
            }
            State::Sending { .. } => Fate::Abort,
            State::Draining { acked } => {
                // A slow path still delivers what lwIP has; a client that takes nothing any more has had its time.
                let known = context.stack.connections().into_iter().find(|known| known.peer == self.peer);
                let now = known.as_ref().map(|known| known.bytes_acked);
                if known.is_some_and(|known| known.in_flight > 0) {
                    if *acked == now {
                        return Fate::Abort;
                    }
                    *acked = now;
                    self.deadline = context.now + context.config.send_timeout;
                    return Fate::Stay;
                }
                Fate::Close
            }
        }
    }
}

impl Output {
    /// Reads more of the file where all of what was read is sent. Returns whether there is something to send.
    fn refill(&mut self) -> Result<bool, Stop> {
        if self.sent < self.octets.len() {
            return Ok(true);
        }
        let Some((file, part)) = self.file.as_mut().filter(|(_, part)| !part.is_empty()) else { return Ok(false) };
        let wanted = usize::try_from(part.end - part.start).unwrap_or(usize::MAX).min(CHUNK);
        self.octets.resize(wanted, 0);
        self.sent = 0;
        match file.read_at(&mut self.octets, part.start) {
            // Shorter than it was when its length was told: the client can see that only by a connection that breaks.
            Ok(0) | Err(_) => Err(Stop::Fate(Fate::Abort)),
            Ok(count) => {
                self.octets.truncate(count);
                part.start += count as u64;
                Ok(true)
            }
        }
    }
}
