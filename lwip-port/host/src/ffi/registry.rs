//! The tables behind the numbers, and the events that callbacks note.

use super::bindings as c;
use super::netif::Port;
use super::tcp::{Error, Sent};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Names a PCB, an interface or a query. Never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(pub(super) usize);

/// A fresh name.
pub(crate) fn next_id() -> Id {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    Id(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What lwIP called back to say.
#[derive(Debug)]
pub(crate) enum Event {
    /// A connection that came in at `listener`. Its place in the backlog is held until `tcp_accepted`.
    Accepted { listener: Id, id: Id },
    /// The handshake that `tcp_connect` began is done.
    Connected { id: Id },
    /// Data in order. `tcp_recved` opens the window for it again.
    Received { id: Id, data: Bytes },
    /// The peer's FIN: after all data.
    Finished { id: Id },
    /// Something of what was written is acknowledged, or there is memory again.
    Acked { id: Id },
    /// A second has passed; for what failed for want of memory.
    Poll { id: Id },
    /// The connection is gone, and its PCB with it.
    Failed { id: Id, error: Error },
    /// A datagram for a UDP PCB.
    Datagram { id: Id, data: Bytes, from: SocketAddr },
    /// A packet for a raw PCB, IP header included.
    Packet { id: Id, data: Bytes, from: IpAddr },
    /// The answer to a query; none: the name has no such address, or no server answered.
    Resolved { id: Id, address: Option<IpAddr> },
}

#[derive(Default)]
pub(super) struct Registry {
    pub(super) tcp: HashMap<Id, *mut c::tcp_pcb>,
    /// What TCP refers to; also of connections that close by themselves, and are not in `tcp` any more.
    pub(super) sent: HashMap<Id, VecDeque<Sent>>,
    pub(super) listeners: HashMap<Id, *mut c::tcp_pcb>,
    pub(super) udp: HashMap<Id, *mut c::udp_pcb>,
    pub(super) raw: HashMap<Id, *mut c::raw_pcb>,
    pub(super) ports: Vec<Port>,
    pub(super) events: VecDeque<Event>,
}

struct Global(RefCell<Option<Registry>>);
// SAFETY: it is used by the methods of `Lwip` and by what lwIP calls back while one of them runs, and there is one `Lwip` at
// most, whose methods take it by mutable reference: so by one thread at a time, and what hands an `Lwip` from one thread to
// another orders the accesses.
unsafe impl Sync for Global {}

static REGISTRY: Global = Global(RefCell::new(None));

/// Looks into the registry. `look` must not call lwIP, which would call back, and end up here again: that panics.
pub(super) fn with<T>(look: impl FnOnce(&mut Registry) -> T) -> T {
    look(REGISTRY.0.borrow_mut().get_or_insert_default())
}

pub(super) fn note(event: Event) {
    with(|registry| registry.events.push_back(event));
}
