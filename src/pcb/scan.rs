//! Demultiplexing where there are few PCBs: no index (LWIP_TCP_RUST_INDEX 0), but a walk over lwIP's lists, which
//! MEMP_NUM_TCP_PCB bounds.
//!
//! Of what happens to the lists nothing has to be noted here.

use super::{Core, List, Pcb, Tuple};
use crate::ffi::bindings::tcp_pcb;

impl Core {
    /// The connection that a segment with this tuple is for, received on the interface of this index: an active one
    /// before one in TIME-WAIT. The index is only asked for if there is one that is bound to an interface.
    pub(crate) fn lookup<'c>(&'c self, tuple: &Tuple<'_>, netif_index: impl Fn() -> u8) -> Option<Pcb<'c>> {
        self.find_in_any(List::CONNECTED, |pcb| tuple.finds(pcb, &netif_index))
    }
}

pub(super) fn on_change(_: List, _: *mut tcp_pcb, _: *mut tcp_pcb) {}

pub(super) fn forget(_: *mut tcp_pcb) {}

pub(super) fn insert(_: &Core, _: Pcb<'_>) {}

pub(super) fn remove(_: Pcb<'_>) {}
