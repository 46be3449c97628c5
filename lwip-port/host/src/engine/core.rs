//! What the thread of the stack knows of sockets, and what it does when lwIP has something to say.

use super::tcp::Connection;
use crate::datagram::Queue;
use crate::ffi::{Event, Id, Lwip};
use crate::sync::{Answer, stack_is_gone};
use crate::tcp::{Backlog, Shared};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The state of the stack. It is touched by the thread that drives the stack, and by no other.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) lwip: Lwip,
    pub(super) connections: HashMap<Id, Connection>,
    /// Connections with news, of which `tell_sockets` tells.
    pub(super) news: Vec<Id>,
    pub(crate) listeners: HashMap<Id, Arc<Backlog>>,
    pub(crate) udp: HashMap<Id, Arc<Queue<SocketAddr>>>,
    pub(crate) raw: HashMap<Id, Arc<Queue<IpAddr>>>,
    pub(crate) queries: HashMap<Id, Answer<Option<IpAddr>>>,
    /// Whoever waits for the DHCP client of an interface.
    pub(crate) leases: Vec<(Id, Answer<()>)>,
}

impl Core {
    pub(super) fn new(lwip: Lwip) -> Self {
        Self {
            lwip,
            connections: HashMap::new(),
            news: Vec::new(),
            listeners: HashMap::new(),
            udp: HashMap::new(),
            raw: HashMap::new(),
            queries: HashMap::new(),
            leases: Vec::new(),
        }
    }

    pub(super) fn on_event(&mut self, event: Event) {
        match event {
            Event::Accepted { listener, id } => self.on_accepted(listener, id),
            Event::Connected { id } => self.on_connected(id),
            Event::Received { id, data } => self.on_received(id, data),
            Event::Finished { id } => self.on_finished(id),
            Event::Acked { id } | Event::Poll { id } => self.on_acked(id),
            Event::Failed { id, error } => self.on_failed(id, error),
            Event::Datagram { id, data, from } => {
                if let Some(queue) = self.udp.get(&id) {
                    queue.push(data, from);
                }
            }
            Event::Packet { id, data, from } => {
                if let Some(queue) = self.raw.get(&id) {
                    queue.push(data, from);
                }
            }
            Event::Resolved { id, address } => {
                if let Some(answer) = self.queries.remove(&id) {
                    answer.send(Ok(address));
                }
            }
        }
    }

    fn on_accepted(&mut self, listener: Id, id: Id) {
        let Some(backlog) = self.listeners.get(&listener).cloned() else {
            self.lwip.tcp_abort(id);
            return;
        };
        match self.lwip.tcp_addresses(id) {
            Ok((local, peer)) => {
                let shared = Arc::new(Shared::open(id, local, peer));
                self.connections.insert(id, Connection::new(Arc::clone(&shared)));
                backlog.push(shared);
            }
            // Gone before we looked.
            Err(_) => drop(self.lwip.tcp_close(id)),
        }
    }

    /// Answers those whose interface has an address now.
    pub(super) fn look_at_leases(&mut self) {
        let leases = std::mem::take(&mut self.leases);
        for (id, answer) in leases {
            if self.lwip.dhcp_is_bound(id) {
                answer.send(Ok(()));
            } else if !answer.is_abandoned() {
                self.leases.push((id, answer));
            }
        }
    }

    /// Ends a listener, and resets who was not accepted yet.
    pub(crate) fn unlisten(&mut self, id: Id) {
        self.lwip.tcp_unlisten(id);
        if let Some(backlog) = self.listeners.remove(&id) {
            for shared in backlog.close(io::ErrorKind::NotConnected) {
                self.abort(shared.id());
            }
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        for (_, connection) in self.connections.drain() {
            connection.shared().fail(io::ErrorKind::ConnectionAborted);
        }
        for (_, backlog) in self.listeners.drain() {
            backlog.close(stack_is_gone().kind());
        }
        for (_, queue) in self.udp.drain() {
            queue.close();
        }
        for (_, queue) in self.raw.drain() {
            queue.close();
        }
    }
}
