//! The table beside lwIP's pool of PCBs: one entry for each PCB there can be.
//!
//! It says which PCBs live, holds what `struct tcp_pcb` has no room for, and carries the chains of the demultiplexing
//! index, if there is one. The entry of a PCB is found in O(1): with lwIP's pool by the PCB's place in it, with MEMP_MEM_MALLOC by a hash
//! of its address. The table has MEMP_NUM_TCP_PCB entries, so that limit holds with MEMP_MEM_MALLOC too.

use super::fields::Beside;
use super::{Core, Pcb, PcbId};
use crate::ffi::bindings as c;
use crate::ffi::config;
use core::ptr::NonNull;

/// Entries of the table.
pub(super) const ENTRIES: usize = config::MEMP_NUM_TCP_PCB as usize;

/// Buckets of an index over the entries: a power of two, at least one for each.
#[cfg(any(indexed, memp_mem_malloc))]
pub(super) const BUCKETS: usize = ENTRIES.next_power_of_two();

/// Entries are numbered from 1; this is none of them.
#[cfg(any(indexed, fine_timers, memp_mem_malloc))]
pub(super) const NONE: u16 = 0;

/// From an entry, or from where a chain begins, to the next entry of the chain.
#[cfg(indexed)]
pub(super) type Link = Option<NonNull<Entry>>;

/// One entry.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Which use this is, so that a [`super::PcbId`] of an earlier one is recognised: the number comes back after 2^32 uses, which
    /// no callback sees.
    generation: u32,
    /// The next entry of the demultiplexing index's bucket that this PCB is in.
    #[cfg(indexed)]
    pub(super) chain: Link,
    /// When the connection has to be looked at, in milliseconds: see [`super::deadlines`].
    #[cfg(fine_timers)]
    pub(super) due: u32,
    /// Where it is in the heap of deadlines, counted from 1.
    #[cfg(fine_timers)]
    pub(super) place: u16,
    /// The next entry whose PCB's address has the same hash.
    #[cfg(memp_mem_malloc)]
    same_address: u16,
    /// The PCB that this entry is of, while that lives; else null.
    pcb: *mut c::tcp_pcb,
    pub(super) beside: Beside,
}

impl Entry {
    const NEW: Self = Self {
        generation: 0,
        #[cfg(indexed)]
        chain: None,
        #[cfg(fine_timers)]
        due: 0,
        #[cfg(fine_timers)]
        place: 0,
        #[cfg(memp_mem_malloc)]
        same_address: NONE,
        pcb: core::ptr::null_mut(),
        beside: Beside::NEW,
    };
}

static mut TABLE: [Entry; ENTRIES] = [Entry::NEW; ENTRIES];

/// The entry of a number; no reference is made, since C may run between any two accesses.
#[cfg(any(fine_timers, memp_mem_malloc))]
#[inline]
pub(super) fn entry(number: u16) -> Option<NonNull<Entry>> {
    at(usize::from(number).wrapping_sub(1))
}

/// The entry at a place in the table, counted from 0.
#[inline]
fn at(place: usize) -> Option<NonNull<Entry>> {
    // SAFETY: in bounds, and the table is not at null.
    (place < ENTRIES).then(|| unsafe { NonNull::new_unchecked((&raw mut TABLE).cast::<Entry>().add(place)) })
}

/// The number of an entry.
#[cfg(fine_timers)]
pub(super) fn number(entry: NonNull<Entry>) -> u16 {
    let distance = entry.as_ptr().addr().wrapping_sub((&raw const TABLE).addr());
    (distance / size_of::<Entry>()) as u16 + 1
}

/// The entry of the PCB that lives at `ptr`.
#[inline]
pub(super) fn entry_at(ptr: *const c::tcp_pcb) -> Option<NonNull<Entry>> {
    entry_for(ptr).filter(|entry| core::ptr::eq(pcb_of_entry(*entry), ptr))
}

/// Which use of the entry this is.
#[inline]
pub(super) fn generation(entry: NonNull<Entry>) -> u32 {
    // SAFETY: an entry of the table, under (lock).
    unsafe { (*entry.as_ptr()).generation }
}

/// Where the PCB of an entry lies; null if none lives there.
#[inline]
pub(super) fn pcb_of_entry(entry: NonNull<Entry>) -> *mut c::tcp_pcb {
    // SAFETY: an entry of the table, under (lock).
    unsafe { (*entry.as_ptr()).pcb }
}

/// The entry for a PCB at `ptr`. With lwIP's pool its place is that of the PCB. Where no PCB can lie it is any or none.
#[cfg(not(memp_mem_malloc))]
#[inline]
fn entry_for(ptr: *const c::tcp_pcb) -> Option<NonNull<Entry>> {
    const STRIDE: usize = config::PCB_POOL_STRIDE as usize;
    // Division by multiplication, which is shorter where no processor divides: with what the product is too large for each entry,
    // and for the octets before the first PCB that align it, it stays below the next number.
    const RECIPROCAL: usize = (1usize << 16).div_ceil(STRIDE);
    const ERROR: usize = ENTRIES * (RECIPROCAL * STRIDE - (1 << 16)) + RECIPROCAL * config::MEM_ALIGNMENT as usize;
    let distance = ptr.addr().wrapping_sub(pool());
    at(if ERROR < 1 << 16 { distance.wrapping_mul(RECIPROCAL) >> 16 } else { distance / STRIDE })
}

/// Where a PCB lies in the pool: [`entry_for`] backwards, by the place.
#[cfg(all(test, not(memp_mem_malloc)))]
pub(super) fn pcb_at(place: usize) -> *const c::tcp_pcb {
    let distance = place * config::PCB_POOL_STRIDE as usize;
    let first = pool().next_multiple_of(config::MEM_ALIGNMENT as usize);
    (&raw const c::memp_memory_TCP_PCB_base).cast::<c::tcp_pcb>().with_addr(first + distance)
}

/// Where the pool of PCBs begins: the first lies there, or at the next aligned address.
#[cfg(not(memp_mem_malloc))]
#[inline]
fn pool() -> usize {
    (&raw const c::memp_memory_TCP_PCB_base).addr() + config::PCB_POOL_OFFSET as usize
}

#[cfg(memp_mem_malloc)]
use by_address::entry_for;
#[cfg(all(test, memp_mem_malloc))]
pub(super) use by_address::pcb_at;

/// With MEMP_MEM_MALLOC PCBs lie anywhere in the heap: entries are chained by a hash of the address.
#[cfg(memp_mem_malloc)]
mod by_address {
    use super::{BUCKETS, ENTRIES, Entry, NONE, c, entry};
    use core::ptr::NonNull;

    static mut HEADS: [u16; BUCKETS] = [NONE; BUCKETS];
    /// Entries that were used before and are free; those behind number `USED` never were.
    static mut FREE: u16 = NONE;
    static mut USED: u16 = 0;

    fn head(ptr: *const c::tcp_pcb) -> *mut u16 {
        let hash = (ptr.addr() / size_of::<usize>()).wrapping_mul(0x9e37_79b1) >> 7;
        // SAFETY: in bounds: BUCKETS is a power of two.
        unsafe { (&raw mut HEADS).cast::<u16>().add(hash & (BUCKETS - 1)) }
    }

    /// The link to the entry of a PCB at `ptr`: a head or an entry's own; it holds NONE if there is no such entry.
    fn link_to(ptr: *const c::tcp_pcb) -> *mut u16 {
        let mut link = head(ptr);
        // SAFETY: the heads and entries are only touched under (lock), and chains end with NONE.
        unsafe {
            while let Some(entry) = entry(*link).map(NonNull::as_ptr) {
                if core::ptr::eq((*entry).pcb, ptr) {
                    break;
                }
                link = &raw mut (*entry).same_address;
            }
        }
        link
    }

    pub(super) fn entry_for(ptr: *const c::tcp_pcb) -> Option<NonNull<Entry>> {
        // SAFETY: as in `link_to`.
        entry(unsafe { *link_to(ptr) })
    }

    #[cfg(test)]
    pub(in crate::pcb) fn pcb_at(place: usize) -> *const c::tcp_pcb {
        super::at(place).map_or(core::ptr::null(), |entry| super::pcb_of_entry(entry).cast_const())
    }

    pub(super) fn has_room() -> bool {
        // SAFETY: under (lock).
        unsafe { FREE != NONE || usize::from(USED) < ENTRIES }
    }

    /// A free entry, filed under the address.
    pub(super) fn insert(ptr: *const c::tcp_pcb) -> Option<NonNull<Entry>> {
        // SAFETY: as in `link_to`.
        unsafe {
            let number = if FREE != NONE { FREE } else { USED + 1 };
            let found = entry(number)?;
            let entry = found.as_ptr();
            if FREE != NONE {
                FREE = (*entry).same_address;
            } else {
                USED += 1;
            }
            let head = head(ptr);
            (*entry).same_address = *head;
            *head = number;
            Some(found)
        }
    }

    pub(super) fn remove(ptr: *const c::tcp_pcb) {
        let link = link_to(ptr);
        // SAFETY: as in `link_to`.
        unsafe {
            let number = *link;
            if let Some(entry) = entry(number).map(NonNull::as_ptr) {
                *link = (*entry).same_address;
                (*entry).same_address = FREE;
                FREE = number;
            }
        }
    }
}

impl Core {
    /// A PCB from lwIP's pool, all zero, on no list; none if the pool is empty.
    pub(crate) fn allocate(&self) -> Option<Pcb<'_>> {
        if !self.fits_lwip() {
            return None;
        }
        #[cfg(memp_mem_malloc)]
        if !by_address::has_room() {
            return None;
        }
        // SAFETY: (lock)
        let memory = unsafe { c::lwip_tcp_rust_memp_zalloc(c::memp_t_MEMP_TCP_PCB, size_of::<c::tcp_pcb>() as u16) };
        let ptr = NonNull::new(memory.cast::<c::tcp_pcb>())?;
        #[cfg(memp_mem_malloc)]
        let entry = by_address::insert(ptr.as_ptr());
        #[cfg(not(memp_mem_malloc))]
        let entry = entry_for(ptr.as_ptr());
        let Some(entry) = entry.filter(|entry| pcb_of_entry(*entry).is_null()) else {
            // SAFETY: just allocated. The pool is not the one that the header describes: rather no PCB than a wild one.
            unsafe { c::memp_free(c::memp_t_MEMP_TCP_PCB, memory) };
            return None;
        };
        // SAFETY: memory of a PCB, ours alone; all zero is a valid tcp_pcb. The entry is in the table.
        unsafe {
            let entry = entry.as_ptr();
            (*entry).pcb = ptr.as_ptr();
            // All zero is what `Beside::NEW` is: integers, null pointers, and enums of which the first variant, 0, says nothing.
            c::lwip_tcp_rust_memzero((&raw mut (*entry).beside).cast(), size_of::<Beside>() as u16);
        }
        Some(self.handle(ptr, entry))
    }

    /// The PCB at a place of the table, 0 to MEMP_NUM_TCP_PCB - 1, if one lives there: on whatever list, or on none yet.
    pub(crate) fn living_at(&self, place: usize) -> Option<Pcb<'_>> {
        let entry = at(place)?;
        // (live): there is an address only as long as one lives there.
        NonNull::new(pcb_of_entry(entry)).map(|ptr| self.handle(ptr, entry))
    }

    /// Gives a PCB back to lwIP's pool. It is on no list and owns nothing.
    ///
    /// The destroy callbacks of external arguments run first, hence `&mut self`.
    pub(crate) fn free(&mut self, id: PcbId) {
        #[cfg(lwip_tcp_pcb_ext_args)]
        for number in 0..config::LWIP_TCP_PCB_NUM_EXT_ARGS as u8 {
            let arg = self.get(id).and_then(|pcb| pcb.ext_arg(number));
            // SAFETY: null, or callbacks that the application registered and keeps.
            let destroy = arg.and_then(|arg| unsafe { arg.callbacks.as_ref() }).and_then(|callbacks| callbacks.destroy);
            if let (Some(destroy), Some(arg)) = (destroy, arg) {
                // SAFETY: the application's function with the application's data.
                unsafe { destroy(number, arg.data) };
            }
        }
        let Some(pcb) = self.get(id) else { return };
        super::index::remove(pcb);
        let ptr = pcb.as_ptr();
        super::index::forget(ptr);
        if core::ptr::eq(self.input_pcb(), ptr) {
            self.set_input_pcb(core::ptr::null_mut());
        }
        #[cfg(fine_timers)]
        super::deadlines::remove(pcb.entry);
        let entry = pcb.entry.as_ptr();
        // SAFETY: (live): its entry and memory; from here on it does not live. No handle remains: `&mut self`.
        unsafe {
            #[cfg(memp_mem_malloc)]
            by_address::remove(ptr);
            (*entry).generation = (*entry).generation.wrapping_add(1);
            (*entry).pcb = core::ptr::null_mut();
            c::memp_free(c::memp_t_MEMP_TCP_PCB, ptr.cast());
        }
    }
}
