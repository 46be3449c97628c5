//! Demultiplexing where there are few PCBs: no index (LWIP_TCP_RUST_INDEX 0), but a walk over lwIP's lists, which
//! MEMP_NUM_TCP_PCB bounds.
//!
//! Of what happens to the lists nothing has to be noted here.

use super::{Core, List, Pcb, Tuple, get};
use crate::ffi::bindings::tcp_pcb;
use crate::ffi::ip::Addr;

impl Core {
    /// The connection that a segment with this tuple is for, received on the interface of this index: an active one
    /// before one in TIME-WAIT. The index is only asked for if there is one that is bound to an interface.
    pub(crate) fn lookup<'c>(&'c self, tuple: &Tuple<'_>, netif_index: impl Fn() -> u8) -> Option<Pcb<'c>> {
        for list in List::Active.onward() {
            // SAFETY: (listed), (lock)
            unsafe {
                let mut ptr = *list.head();
                while self.is_linked(list, ptr) {
                    if is_of(ptr, tuple) && (get!(ptr, netif_idx) == 0 || get!(ptr, netif_idx) == netif_index()) {
                        return self.find(ptr);
                    }
                    ptr = get!(ptr, next);
                }
            }
        }
        None
    }
}

/// [`Tuple::matches`] of a PCB that is not worth a handle yet.
///
/// # Safety
/// It lives.
unsafe fn is_of(ptr: *const tcp_pcb, tuple: &Tuple<'_>) -> bool {
    let same = |own: Option<Addr<'_>>, other| own.is_some_and(|own| own.eq(other));
    // SAFETY: the caller's.
    unsafe {
        get!(ptr, remote_port) == tuple.remote_port
            && get!(ptr, local_port) == tuple.local_port
            && same(Addr::from_raw(&raw const (*ptr).remote_ip), tuple.remote)
            && same(Addr::from_raw(&raw const (*ptr).local_ip), tuple.local)
    }
}

pub(super) fn on_change(_: List, _: *mut tcp_pcb, _: *mut tcp_pcb) {}

pub(super) fn forget(_: *mut tcp_pcb) {}

pub(super) fn insert(_: &Core, _: Pcb<'_>) {}

pub(super) fn remove(_: Pcb<'_>) {}
