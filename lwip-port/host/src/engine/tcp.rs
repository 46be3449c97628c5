//! One TCP connection, seen from the thread of the stack.

use super::Core;
use crate::ffi::{Error, Id};
use crate::sync::Answer;
use crate::tcp::Shared;
use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Connection {
    shared: Arc<Shared>,
    /// What did not fit any more.
    head: Bytes,
    /// What came, and the socket was not told of yet.
    arrived: Vec<Bytes>,
    /// TCP may have room for more of what was written.
    acked: bool,
    finished: bool,
    /// The socket is gone: close when everything is written.
    dropped: bool,
    /// And this is who waits until the peer has it all.
    lingers: Option<Answer<()>>,
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            head: Bytes::new(),
            arrived: Vec::new(),
            acked: false,
            finished: false,
            dropped: false,
            lingers: None,
        }
    }

    /// Whether it is among `Core::news`.
    fn has_news(&self) -> bool {
        self.acked || !self.arrived.is_empty()
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl Core {
    /// Begins a connection; `shared` hears of its end.
    pub(crate) fn connect(&mut self, shared: Arc<Shared>, from: Option<SocketAddr>, to: SocketAddr) {
        let id = shared.id();
        match self.lwip.tcp_connect(id, from, to) {
            Ok(()) => {
                self.connections.insert(id, Connection::new(shared));
            }
            Err(Error::Memory | Error::InUse) if from.is_none() => shared.fail(io::ErrorKind::AddrNotAvailable),
            Err(error) => shared.fail(error.kind()),
        }
    }

    /// Gives lwIP what was written, and takes note of what was read.
    pub(crate) fn serve(&mut self, shared: &Shared) {
        self.serve_connection(shared.id());
    }

    pub(super) fn serve_connection(&mut self, id: Id) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let read = connection.shared.take_read();
        self.lwip.tcp_recved(id, read);
        let mut written = 0;
        loop {
            if connection.head.is_empty() {
                match connection.shared.next_chunk() {
                    Some(chunk) => connection.head = chunk,
                    None => break,
                }
            }
            match self.lwip.tcp_write(id, &mut connection.head) {
                Ok(0) | Err(_) => break,
                Ok(length) => written += length,
            }
        }
        let (nothing_left, wants_end) = connection.shared.took(written);
        let lingers = connection.lingers.is_some();
        let wants_end = if connection.dropped { lingers } else { wants_end };
        if nothing_left && wants_end && !connection.finished {
            connection.finished = self.lwip.tcp_finish(id).is_ok();
        }
        // Whoever lingers wants to know of the ACK, and of a closed connection nothing is told.
        if nothing_left && connection.dropped && !(lingers && self.lwip.tcp_has_unacknowledged(id)) {
            self.close(id);
            return;
        }
        self.lwip.tcp_output(id);
    }

    /// The socket was dropped.
    pub(crate) fn drop_socket(&mut self, id: Id, reset: bool) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let unread = connection.shared.discard_received();
        if reset || unread || !connection.shared.is_open() {
            self.abort(id);
        } else {
            connection.dropped = true;
            self.serve_connection(id);
        }
    }

    /// The socket was dropped, and somebody waits until the peer has everything. He hears of any end by that of `answer`.
    pub(crate) fn drop_lingering(&mut self, id: Id, answer: Answer<()>) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.lingers = Some(answer);
            self.drop_socket(id, false);
        }
    }

    fn close(&mut self, id: Id) {
        match self.lwip.tcp_close(id) {
            // On `Poll` it is tried again.
            Err(Error::Memory) => {}
            Ok(_) | Err(_) => drop(self.connections.remove(&id)),
        }
    }

    /// Resets a connection.
    pub(crate) fn abort(&mut self, id: Id) {
        self.lwip.tcp_abort(id);
        self.connections.remove(&id);
    }

    pub(super) fn on_connected(&mut self, id: Id) {
        if let (Some(connection), Ok((local, peer))) = (self.connections.get(&id), self.lwip.tcp_addresses(id)) {
            connection.shared.connected(local, peer);
        }
    }

    pub(super) fn on_received(&mut self, id: Id, data: Bytes) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.dropped {
            // RFC 9293 3.6: nobody will read it, and the peer has to be told.
            self.abort(id);
            return;
        }
        if !connection.has_news() {
            self.news.push(id);
        }
        connection.arrived.push(data);
    }

    pub(super) fn on_acked(&mut self, id: Id) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if !connection.has_news() {
            self.news.push(id);
        }
        connection.acked = true;
    }

    /// Tells each socket what came in this round, and goes on with what it wants to be sent: once, and not for each segment.
    pub(super) fn tell_sockets(&mut self) {
        let mut news = std::mem::take(&mut self.news);
        for id in news.drain(..) {
            self.hand_over(id);
            if self.connections.get_mut(&id).is_some_and(|connection| std::mem::take(&mut connection.acked)) {
                self.serve_connection(id);
            }
        }
        self.news = news;
    }

    /// Hands over what came.
    fn hand_over(&mut self, id: Id) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let Some(length) = connection.shared.received(&mut connection.arrived) {
            // shutdown(Read): it is read, and forgotten.
            self.lwip.tcp_recved(id, length);
        }
    }

    pub(super) fn on_finished(&mut self, id: Id) {
        self.hand_over(id);
        if let Some(connection) = self.connections.get(&id) {
            connection.shared.ended();
        }
    }

    pub(super) fn on_failed(&mut self, id: Id, error: Error) {
        self.hand_over(id);
        let Some(connection) = self.connections.remove(&id) else { return };
        match error {
            Error::Closed => connection.shared.closed(),
            Error::Reset if !connection.shared.is_open() => connection.shared.fail(io::ErrorKind::ConnectionRefused),
            error => connection.shared.fail(error.kind()),
        }
    }
}
