//! The demultiplexing index: from a 4-tuple to its PCB in O(1), beside lwIP's lists of active and TIME-WAIT PCBs.
//!
//! The hash is keyed with a secret, so that nobody outside can make buckets long. C code that includes tcp_priv.h may
//! put a PCB on a list by the TCP_REG macro (lwIP's unit tests do): that changes the head of the list, which is how
//! [`sync`] notices, at the price of two comparisons for each segment. C code may also take one off a list (TCP_RMV): freed
//! or put on a list again, it is right here again too, unless it is the head that [`sync`] saw last, with a new tuple. In between
//! a segment still finds it.

use super::table::{BUCKETS, Link, NONE};
use super::{Core, List, Pcb, State, Tuple};
use crate::ffi::bindings::tcp_pcb;
use crate::ffi::config;
use core::ptr::null_mut;

/// The first entry of each bucket.
static mut HEADS: [Link; BUCKETS] = [None; BUCKETS];

/// The heads of the lists of active and TIME-WAIT PCBs when the index last agreed with them.
static mut SEEN: [*mut tcp_pcb; 2] = [null_mut(); 2];

impl Tuple<'_> {
    fn bucket(&self, core: &Core) -> u16 {
        let [key, multiplier, ..] = core.secret();
        let ports = u32::from(self.remote_port) << 16 | u32::from(self.local_port);
        let mut hash = key ^ ports;
        self.remote.for_each_word(|word| {
            hash = (hash ^ word).wrapping_mul(multiplier | 1);
            hash ^= hash >> 15;
        });
        (hash as usize & (BUCKETS - 1)) as u16
    }
}

fn head(bucket: u16) -> *mut Link {
    // SAFETY: in bounds: BUCKETS is a power of two.
    unsafe { (&raw mut HEADS).cast::<Link>().add(usize::from(bucket) & (BUCKETS - 1)) }
}

impl Core {
    /// The connection that a segment with this tuple is for, received on the interface of this index: an active one
    /// before one in TIME-WAIT. The index is only asked for if there is one that is bound to an interface.
    pub(crate) fn lookup<'c>(&'c self, tuple: &Tuple<'_>, netif_index: impl Fn() -> u8) -> Option<Pcb<'c>> {
        sync(self);
        // SAFETY: under (lock).
        let mut next = unsafe { *head(tuple.bucket(self)) };
        let mut found = None;
        while let Some(entry) = next {
            // SAFETY: (live): only living PCBs are in the index.
            let pcb = unsafe { self.handle_of(entry) };
            if tuple.matches(pcb) && (pcb.netif_idx() == 0 || pcb.netif_idx() == netif_index()) {
                found = next;
                if pcb.state() != State::TimeWait {
                    break;
                }
            }
            // SAFETY: an entry of the table, under (lock).
            next = unsafe { (*entry.as_ptr()).chain };
        }
        // SAFETY: (live): as above.
        found.map(|entry| unsafe { self.handle_of(entry) })
    }
}

/// Where the head of a list is noted that is in the index.
fn seen(list: List) -> Option<*mut *mut tcp_pcb> {
    let place = match list {
        List::Active => 0,
        List::TimeWait => 1,
        List::Listen | List::Bound => return None,
    };
    // SAFETY: in bounds.
    Some(unsafe { (&raw mut SEEN).cast::<*mut tcp_pcb>().add(place) })
}

/// Indexes what C code has put on the lists.
fn sync(core: &Core) {
    sync_list(core, List::Active);
    sync_list(core, List::TimeWait);
}

#[inline(always)]
fn sync_list(core: &Core, list: List) {
    // SAFETY: under (lock).
    if seen(list).is_some_and(|seen| unsafe { *seen != *list.head() }) {
        reindex(core, list);
    }
}

#[cold]
#[inline(never)]
fn reindex(core: &Core, list: List) {
    core.find_in(list, |pcb| {
        // C may have taken it off, given it another tuple, and put it back.
        remove(pcb);
        insert(core, pcb);
        false
    });
    if let Some(seen) = seen(list) {
        // SAFETY: under (lock).
        unsafe { *seen = *list.head() };
    }
}

/// The list, which started with `old`, is changed by ourselves and starts with `new`: that is nothing that [`sync`] has to
/// look into, unless there was something before.
pub(super) fn on_change(list: List, old: *mut tcp_pcb, new: *mut tcp_pcb) {
    if let Some(seen) = seen(list) {
        // What was seen may come back to the front, with something unseen behind it: no list ever starts here.
        // SAFETY: under (lock).
        unsafe { *seen = if *seen == old { new } else { core::ptr::dangling_mut() } };
    }
}

/// A PCB is freed: should C have taken it off a list that started with it, the next PCB may be given the same place in memory,
/// and is not the one that was seen.
pub(super) fn forget(ptr: *mut tcp_pcb) {
    let seen = (&raw mut SEEN).cast::<*mut tcp_pcb>();
    for place in 0..2 {
        // SAFETY: in bounds; under (lock).
        unsafe {
            if core::ptr::eq(seen.add(place).read(), ptr) {
                seen.add(place).write(core::ptr::dangling_mut());
            }
        }
    }
}

/// Puts a PCB, which has its whole tuple, into the index, if it is not there.
pub(super) fn insert(core: &Core, pcb: Pcb<'_>) {
    let entry = pcb.entry.as_ptr();
    // SAFETY: (live): its entry; under (lock).
    unsafe {
        if (*entry).beside.bucket == NONE {
            let bucket = Tuple::of(pcb).bucket(core);
            (*entry).beside.bucket = bucket + 1;
            (*entry).chain = *head(bucket);
            *head(bucket) = Some(pcb.entry);
        }
    }
}

/// Takes a PCB out of the index, if it is there. It goes by the bucket that was noted: the tuple may have changed.
pub(super) fn remove(pcb: Pcb<'_>) {
    let own = pcb.entry.as_ptr();
    // SAFETY: (live): its entry; entries of the table, under (lock).
    unsafe {
        if (*own).beside.bucket == NONE {
            return;
        }
        let mut link = head((*own).beside.bucket - 1);
        while let Some(next) = *link {
            if next == pcb.entry {
                *link = (*own).chain;
                break;
            }
            link = &raw mut (*next.as_ptr()).chain;
        }
        (*own).beside.bucket = NONE;
    }
}

const _: () = assert!(BUCKETS < u16::MAX as usize && config::MEMP_NUM_TCP_PCB > 0);
