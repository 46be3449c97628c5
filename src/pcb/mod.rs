//! Protocol control blocks: handles to them, who owns which of their fields, the lists they are in, how a segment
//! finds them, and the segments queued in them.
//!
//! ## Why a handle cannot dangle
//!
//! lwIP's `struct tcp_pcb` is memory shared with C, so no Rust reference to one is ever made: a [`Pcb`] is a checked
//! pointer, and its getters and setters copy single values. It borrows [`Core`], the proof that lwIP's core lock is
//! held. Whatever may free a PCB (a callback of the application, sending a packet, freeing it ourselves) takes
//! `&mut Core`, so the borrow checker ends every `Pcb`, `Listener` and `Seg` before it. What survives is a [`PcbId`],
//! which `Core::get` turns into a `Pcb` again only while it is the same, living PCB.
//!
//! The invariants that the `SAFETY:` comments here argue from, beside those of [`crate::ffi`]:
//!
//! * **(live)** a `Pcb` points to a PCB that `table` knows as allocated: it came from there, and it is forgotten there
//!   before its memory goes back to lwIP's pool. The `entry` of a `Pcb` is that PCB's, and an entry stays in place for ever.
//! * **(listed)** what the heads of lwIP's lists and the `next` of the PCBs in them point to are PCBs, or listeners, that live:
//!   TCP_REG, ours or C's, puts only such there, and none is freed before it is taken off. Should C have written into the `state`
//!   of a PCB, which says on which list it is, one may be freed all the same: in lwIP's pool it stays memory of a PCB, that of the
//!   heap is only looked at where `table` knows it, see `Core::is_linked`; and a handle is made of none.
//! * **(queue)** a segment is owned either by one `SegBox` or by one queue of one PCB, whose links are all valid and
//!   end with null; its `tcphdr` points to a whole TCP header inside its first pbuf, with its options and as aligned as
//!   lwIP's memory is if the segment is to be sent. Only reliable ordered delivery makes views of queues, and where it has two of
//!   one PCB, which the borrow checker does not tell apart, no `Seg` of the one is held while a segment is taken out by the other:
//!   this is for the reviewer of components::rod.
//! * **(room)** if the last segment in `unsent` is the end of the stream, then behind its payload, inside its last pbuf's memory,
//!   are `unsent_oversize` octets. Whatever makes another segment that one, or cuts it, sets the field.

#![allow(unsafe_code)]

#[cfg(fine_timers)]
mod deadlines;
mod fields;
#[cfg(indexed)]
mod index;
mod listener;
mod lists;
mod queue;
#[cfg(not(indexed))]
mod scan;
mod segment;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod tuple;

#[cfg(fine_timers)]
pub(crate) use deadlines::is_before;
#[cfg(lwip_tcp_sack_out)]
pub(crate) use fields::SackRange;
pub(crate) use fields::{Bit, Own};
pub(crate) use listener::{Accept, Endpoint, Listener, NewListener};
#[cfg(tcp_queue_ooseq)]
pub(crate) use queue::Cursor;
pub(crate) use queue::{Chain, SegQueue};
#[cfg(sack_recovery)]
pub(crate) use queue::{Pick, Start, Walk, transfer};
#[cfg(sack_recovery)]
pub(crate) use segment::Mark;
pub(crate) use segment::{Seg, SegBox, free_chain};
pub(crate) use tuple::Tuple;

use crate::ffi::bindings::{tcp_pcb, tcp_state};
pub(crate) use crate::ffi::globals::List;
use crate::ffi::memory::{get, load, set, store};
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
#[cfg(not(indexed))]
use scan as index;

/// Proof that lwIP's core lock is held, and the right to call out of TCP. It has no size, and stays on the thread that has the lock.
pub struct Core(PhantomData<*const ()>);

impl Core {
    /// # Safety
    /// lwIP's core lock is held, as it is in every function that lwIP or the application calls in its TCP, and no
    /// other `Core` is used while this one is.
    pub(crate) unsafe fn enter() -> Self {
        Self(PhantomData)
    }

    /// The PCB that `id` was made of, if it still lives.
    #[inline]
    pub(crate) fn get(&self, id: PcbId) -> Option<Pcb<'_>> {
        if table::generation(id.entry) != id.generation {
            return None;
        }
        // SAFETY: (live): `id` was made of a living PCB, and its entry has seen no other use since.
        Some(unsafe { self.handle_of(id.entry) })
    }

    /// The PCB at an address that C gave us, if there lives one.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn find(&self, ptr: *const tcp_pcb) -> Option<Pcb<'_>> {
        let entry = table::entry_at(ptr)?;
        NonNull::new(ptr.cast_mut()).map(|ptr| self.handle(ptr, entry))
    }

    /// # Safety
    /// The entry's PCB lives.
    unsafe fn handle_of(&self, entry: NonNull<table::Entry>) -> Pcb<'_> {
        // SAFETY: the caller's.
        self.handle(unsafe { NonNull::new_unchecked(table::pcb_of_entry(entry)) }, entry)
    }

    fn handle(&self, ptr: NonNull<tcp_pcb>, entry: NonNull<table::Entry>) -> Pcb<'_> {
        Pcb { ptr, entry, _core: PhantomData }
    }
}

/// The right to call out of TCP, as `&mut Core` is; having no size, it does not take a register of a function that is called by
/// its address.
pub(crate) struct Lent<'c>(PhantomData<&'c mut Core>);

impl Core {
    /// See [`Lent`].
    pub(crate) fn lend(&mut self) -> Lent<'_> {
        Lent(PhantomData)
    }
}

impl Deref for Lent<'_> {
    type Target = Core;

    #[inline(always)]
    fn deref(&self) -> &Core {
        &Core(PhantomData)
    }
}

impl DerefMut for Lent<'_> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Core {
        // SAFETY: a `Core` has no size, so that each aligned address is one; this one is lent to us alone.
        unsafe { NonNull::dangling().as_mut() }
    }
}

/// A living connection (any state but LISTEN), for as long as nothing else gets to run.
#[derive(Clone, Copy)]
pub struct Pcb<'c> {
    ptr: NonNull<tcp_pcb>,
    /// Its entry in the table beside the pool, found once.
    entry: NonNull<table::Entry>,
    _core: PhantomData<&'c Core>,
}

impl PartialEq for Pcb<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.ptr == other.ptr
    }
}

/// A name of a PCB that outlives callbacks. It gives no access: `Core::get` does, as long as the PCB lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PcbId {
    entry: NonNull<table::Entry>,
    generation: u32,
}

impl PcbId {
    /// For C, and for comparison.
    pub(crate) fn as_ptr(self) -> *mut tcp_pcb {
        table::pcb_of_entry(self.entry)
    }
}

impl<'c> Pcb<'c> {
    /// For C, and for comparison.
    pub(crate) fn as_ptr(self) -> *mut tcp_pcb {
        self.ptr.as_ptr()
    }

    /// See [`PcbId`].
    pub(crate) fn id(self) -> PcbId {
        PcbId { entry: self.entry, generation: table::generation(self.entry) }
    }

    /// It is new, or was bound.
    pub(crate) fn is_closed(self) -> bool {
        // SAFETY: (live), (lock)
        unsafe { get!(self.ptr.as_ptr(), state) == State::Closed as tcp_state }
    }

    /// What a `Pcb` borrows: the lock is held.
    pub(crate) fn core(self) -> &'c Core {
        &Core(PhantomData)
    }
}

/// The states of RFC 9293 3.3.2, numbered as lwIP's `enum tcp_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// No connection: a PCB that is new, or was bound.
    Closed,
    /// Waits for connections: of listeners, which no [`Pcb`] is.
    Listen,
    /// Our SYN is sent.
    SynSent,
    /// SYNs went both ways; ours is not acknowledged.
    SynRcvd,
    /// Data may go both ways.
    Established,
    /// We have closed; our FIN is not acknowledged.
    FinWait1,
    /// We have closed, the peer has not.
    FinWait2,
    /// The peer has closed, we have not.
    CloseWait,
    /// Both have closed at once; our FIN is not acknowledged.
    Closing,
    /// The peer has closed first, then we; our FIN is not acknowledged.
    LastAck,
    /// Both have closed: for 2 MSL old segments are kept from new connections.
    TimeWait,
}

impl State {
    /// From memory that C may have written: what is no state counts as CLOSED.
    #[inline]
    pub(crate) fn from_raw(raw: tcp_state) -> Self {
        if raw > Self::TimeWait as tcp_state {
            return Self::Closed;
        }
        // SAFETY: the discriminants of `State` are exactly 0 to 10.
        unsafe { core::mem::transmute::<u8, Self>(raw as u8) }
    }
}
