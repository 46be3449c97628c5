//! Which connection has to be looked at next: a binary heap over the entries of the table, ordered by their deadlines, so that
//! one alarm serves all of them and nobody walks the PCBs for it.
//!
//! A connection that is in the heap is found there by its entry's `place`. Its deadline there may be earlier than what it
//! really waits for: a timer that is pushed back with each acknowledgment costs nothing, and when its old time comes the
//! connection is filed anew.

use super::table::{ENTRIES, Entry, NONE, entry};
use super::{Core, Pcb, PcbId};
use core::ptr::NonNull;

static mut HEAP: [u16; ENTRIES] = [NONE; ENTRIES];
static mut LEN: u16 = 0;

/// `a` is an earlier millisecond than `b`; both lie less than 24 days apart.
pub(crate) const fn is_before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// The entry at a place of the heap, counted from 1; none at 0 and behind the last.
fn at(place: u16) -> Option<NonNull<Entry>> {
    let index = usize::from(place).wrapping_sub(1);
    // SAFETY: under (lock), like everything here; in bounds: LEN is at most ENTRIES.
    unsafe { if index < usize::from(LEN) { entry((&raw const HEAP).cast::<u16>().add(index).read()) } else { None } }
}

fn due(entry: NonNull<Entry>) -> u32 {
    // SAFETY: an entry of the table, under (lock).
    unsafe { (*entry.as_ptr()).due }
}

/// Puts an entry at a place, which exists.
fn put(place: u16, entry: NonNull<Entry>) {
    let index = usize::from(place).wrapping_sub(1);
    if index < ENTRIES {
        // SAFETY: in bounds; an entry of the table, under (lock).
        unsafe {
            (&raw mut HEAP).cast::<u16>().add(index).write(super::table::number(entry));
            (*entry.as_ptr()).place = place;
        }
    }
}

/// Moves an entry from a free place towards the root as far as it is due before those above it.
fn sift_up(mut place: u16, entry: NonNull<Entry>) {
    while let Some(parent) = at(place / 2).filter(|parent| is_before(due(entry), due(*parent))) {
        put(place, parent);
        place /= 2;
    }
    put(place, entry);
}

/// Moves an entry from a free place away from the root as far as others are due before it.
fn sift_down(mut place: u16, entry: NonNull<Entry>) {
    loop {
        let left = place.saturating_mul(2);
        let Some(mut child) = at(left) else { break };
        let mut next = left;
        if let Some(right) = at(left.saturating_add(1)).filter(|right| is_before(due(*right), due(child))) {
            (child, next) = (right, left.saturating_add(1));
        }
        if !is_before(due(child), due(entry)) {
            break;
        }
        put(place, child);
        place = next;
    }
    put(place, entry);
}

/// Takes an entry out of the heap, if it is there.
pub(super) fn remove(entry: NonNull<Entry>) {
    // SAFETY: an entry of the table, under (lock).
    let place = unsafe { core::mem::replace(&mut (*entry.as_ptr()).place, 0) };
    if place == 0 {
        return;
    }
    // SAFETY: under (lock). The heap is not empty: the entry is in it.
    let last = unsafe {
        let last = at(LEN);
        LEN = LEN.saturating_sub(1);
        last
    };
    // The last one fills the gap.
    let Some(last) = last.filter(|last| *last != entry) else { return };
    if at(place / 2).is_some_and(|parent| is_before(due(last), due(parent))) {
        sift_up(place, last);
    } else {
        sift_down(place, last);
    }
}

impl Core {
    /// `pcb` is to be looked at by `due`, or at the time before that which was said already.
    pub(crate) fn wake_by(&self, pcb: Pcb<'_>, due: u32) {
        let entry = pcb.entry;
        // SAFETY: (live): its entry, under (lock).
        let (place, known) = unsafe { ((*entry.as_ptr()).place, (*entry.as_ptr()).due) };
        if place != 0 && !is_before(due, known) {
            return;
        }
        // SAFETY: as above. There is room in the heap for every entry.
        let place = unsafe {
            (*entry.as_ptr()).due = due;
            if place == 0 {
                LEN += 1;
                LEN
            } else {
                place
            }
        };
        sift_up(place, entry);
    }

    /// When the first connection has to be looked at.
    #[cfg(any(lwip_timers, test))]
    pub(crate) fn first_deadline(&self) -> Option<u32> {
        at(1).map(due)
    }

    /// Takes out the connection that is due first, if it is by `now`.
    pub(crate) fn take_due(&self, now: u32) -> Option<PcbId> {
        let entry = at(1).filter(|entry| !is_before(now, due(*entry)))?;
        remove(entry);
        Some(PcbId { entry, generation: super::table::generation(entry) })
    }
}
