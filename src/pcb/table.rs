//! The table beside lwIP's pool of PCBs: one entry for each PCB there can be.
//!
//! It says which PCBs live, holds what `struct tcp_pcb` has no room for, and carries the chains of the demultiplexing
//! index. The entry of a PCB is found in O(1): with lwIP's pool by the PCB's place in it, with MEMP_MEM_MALLOC by a hash
//! of its address. The table has MEMP_NUM_TCP_PCB entries, so that limit holds with MEMP_MEM_MALLOC too.

use super::fields::Beside;
use super::{Core, Pcb, PcbId};
use crate::ffi::bindings as c;
use crate::ffi::config;
use core::ptr::NonNull;

/// Entries of the table.
pub(super) const ENTRIES: usize = config::MEMP_NUM_TCP_PCB as usize;

/// Buckets of an index over the entries: a power of two, at least one for each.
pub(super) const BUCKETS: usize = ENTRIES.next_power_of_two();

/// Entries are numbered from 1; this is none of them.
pub(super) const NONE: u16 = 0;

/// One entry.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Odd while the PCB lives; changes with each use, so that a [`super::PcbId`] of an earlier use is recognised.
    generation: u16,
    /// The bucket of the demultiplexing index that this PCB is in, counted from 1.
    pub(super) bucket: u16,
    /// The next entry of that bucket.
    pub(super) chain: u16,
    #[cfg(memp_mem_malloc)]
    address: by_address::Node,
    pub(super) beside: Beside,
}

impl Entry {
    const NEW: Self = Self {
        generation: 0,
        bucket: NONE,
        chain: NONE,
        #[cfg(memp_mem_malloc)]
        address: by_address::Node::NEW,
        beside: Beside::NEW,
    };
}

static mut TABLE: [Entry; ENTRIES] = [Entry::NEW; ENTRIES];

/// The entry of a number; no reference is made, since C may run between any two accesses.
#[inline]
pub(super) fn entry(number: u16) -> Option<*mut Entry> {
    let index = usize::from(number).wrapping_sub(1);
    // SAFETY: in bounds.
    (index < ENTRIES).then(|| unsafe { (&raw mut TABLE).cast::<Entry>().add(index) })
}

/// The name of the PCB that lives at `ptr`.
#[inline]
pub(super) fn id_of(ptr: *const c::tcp_pcb) -> Option<PcbId> {
    let number = number_of(ptr);
    // SAFETY: an entry of the table, under (lock).
    let generation = unsafe { (*entry(number)?).generation };
    (generation & 1 != 0).then_some(PcbId { number, generation })
}

/// Where the PCB of that name lives, if it still does.
#[inline]
pub(super) fn living(id: PcbId) -> Option<NonNull<c::tcp_pcb>> {
    // SAFETY: an entry of the table, under (lock).
    let generation = unsafe { (*entry(id.number)?).generation };
    if generation == id.generation { NonNull::new(pcb_of(id.number).cast_mut()) } else { None }
}

/// The entry of a living PCB.
#[inline]
pub(super) fn entry_of(ptr: NonNull<c::tcp_pcb>) -> *mut Entry {
    // A living PCB has an entry by (live); the first one stands in for what cannot be.
    entry(number_of(ptr.as_ptr())).unwrap_or((&raw mut TABLE).cast::<Entry>())
}

/// What is kept beside a living PCB.
#[inline]
pub(super) fn beside(ptr: NonNull<c::tcp_pcb>) -> *mut Beside {
    // SAFETY: the address of a field.
    unsafe { &raw mut (*entry_of(ptr)).beside }
}

/// With lwIP's pool: the PCB's place in it. `distance` is a multiple of the stride, and within the pool, exactly if its
/// exact quotient (rotate out the stride's factor of two, multiply by the inverse of the odd rest) is below ENTRIES.
#[cfg(not(memp_mem_malloc))]
#[inline]
pub(super) fn number_of(ptr: *const c::tcp_pcb) -> u16 {
    const STRIDE: usize = config::PCB_POOL_STRIDE as usize;
    const SHIFT: u32 = STRIDE.trailing_zeros();
    const INVERSE: usize = inverse(STRIDE >> SHIFT);
    let distance = ptr.addr().wrapping_sub(first().addr());
    let number = distance.rotate_right(SHIFT).wrapping_mul(INVERSE);
    if number < ENTRIES { number as u16 + 1 } else { NONE }
}

/// Where the PCB of an entry lies: [`number_of`] backwards.
#[cfg(not(memp_mem_malloc))]
#[inline]
pub(super) fn pcb_of(number: u16) -> *const c::tcp_pcb {
    first().wrapping_byte_add(usize::from(number).wrapping_sub(1) * config::PCB_POOL_STRIDE as usize)
}

/// Where the first PCB of the pool lies.
#[cfg(not(memp_mem_malloc))]
#[inline]
fn first() -> *const c::tcp_pcb {
    const ALIGNMENT: usize = config::MEM_ALIGNMENT as usize;
    let base = (&raw const c::memp_memory_TCP_PCB_base).cast::<c::tcp_pcb>();
    let padding = base.addr().wrapping_neg() & (ALIGNMENT - 1);
    base.wrapping_byte_add(padding + config::PCB_POOL_OFFSET as usize)
}

/// The inverse of an odd number modulo 2^n, by Newton's iteration: each round doubles the bits that are right.
#[cfg(not(memp_mem_malloc))]
const fn inverse(odd: usize) -> usize {
    let mut inverse = odd;
    let mut round = 0;
    while round < 6 {
        inverse = inverse.wrapping_mul(2usize.wrapping_sub(odd.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

#[cfg(memp_mem_malloc)]
pub(super) use by_address::{number_of, pcb_of};

/// With MEMP_MEM_MALLOC PCBs lie anywhere in the heap: entries are chained by a hash of the address.
#[cfg(memp_mem_malloc)]
mod by_address {
    use super::{BUCKETS, ENTRIES, NONE, c, entry};

    #[derive(Clone, Copy)]
    pub(super) struct Node {
        pcb: *const c::tcp_pcb,
        next: u16,
    }

    impl Node {
        pub(super) const NEW: Self = Self { pcb: core::ptr::null(), next: NONE };
    }

    static mut HEADS: [u16; BUCKETS] = [NONE; BUCKETS];
    /// Entries that were used before and are free; those behind number `USED` never were.
    static mut FREE: u16 = NONE;
    static mut USED: u16 = 0;

    fn head(ptr: *const c::tcp_pcb) -> *mut u16 {
        let hash = (ptr.addr() / size_of::<usize>()).wrapping_mul(0x9e37_79b1) >> 7;
        // SAFETY: in bounds: BUCKETS is a power of two.
        unsafe { (&raw mut HEADS).cast::<u16>().add(hash & (BUCKETS - 1)) }
    }

    pub(in crate::pcb) fn number_of(ptr: *const c::tcp_pcb) -> u16 {
        // SAFETY: the heads and entries are only touched under (lock), and chains end with NONE.
        unsafe {
            let mut number = *head(ptr);
            while let Some(entry) = entry(number) {
                if core::ptr::eq((*entry).address.pcb, ptr) {
                    break;
                }
                number = (*entry).address.next;
            }
            number
        }
    }

    pub(in crate::pcb) fn pcb_of(number: u16) -> *const c::tcp_pcb {
        // SAFETY: an entry of the table, under (lock).
        entry(number).map_or(core::ptr::null(), |entry| unsafe { (*entry).address.pcb })
    }

    pub(super) fn has_room() -> bool {
        // SAFETY: under (lock).
        unsafe { FREE != NONE || usize::from(USED) < ENTRIES }
    }

    pub(super) fn insert(ptr: *const c::tcp_pcb) -> u16 {
        // SAFETY: as in `number_of`.
        unsafe {
            let number = if FREE != NONE { FREE } else { USED + 1 };
            let Some(entry) = entry(number) else { return NONE };
            let node = &raw mut (*entry).address;
            if FREE != NONE {
                FREE = (*node).next;
            } else {
                USED += 1;
            }
            let head = head(ptr);
            node.write(Node { pcb: ptr, next: *head });
            *head = number;
            number
        }
    }

    pub(super) fn remove(ptr: *const c::tcp_pcb) {
        // SAFETY: as in `number_of`.
        unsafe {
            let mut link = head(ptr);
            while let Some(entry) = entry(*link) {
                let node = &raw mut (*entry).address;
                if core::ptr::eq((*node).pcb, ptr) {
                    let number = *link;
                    *link = (*node).next;
                    node.write(Node { pcb: core::ptr::null(), next: FREE });
                    FREE = number;
                    return;
                }
                link = &raw mut (*node).next;
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
        let number = by_address::insert(ptr.as_ptr());
        #[cfg(not(memp_mem_malloc))]
        let number = number_of(ptr.as_ptr());
        let Some(entry) = entry(number) else {
            // SAFETY: just allocated. The pool is not the one that the header describes: rather no PCB than a wild one.
            unsafe { c::memp_free(c::memp_t_MEMP_TCP_PCB, memory) };
            return None;
        };
        // SAFETY: memory of a PCB, ours alone; all zero is a valid tcp_pcb. The entry is in the table.
        unsafe {
            (*entry).generation = (*entry).generation.wrapping_add(1);
            (*entry).bucket = NONE;
            // All zero is what `Beside::NEW` is.
            c::lwip_tcp_rust_memzero((&raw mut (*entry).beside).cast(), size_of::<Beside>() as u16);
        }
        Some(self.handle(ptr))
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
        if core::ptr::eq(self.input_pcb(), ptr) {
            self.set_input_pcb(core::ptr::null_mut());
        }
        let entry = entry_of(pcb.ptr);
        // SAFETY: (live): its entry and memory; from here on it does not live. No handle remains: `&mut self`.
        unsafe {
            (*entry).generation = (*entry).generation.wrapping_add(1);
            #[cfg(memp_mem_malloc)]
            by_address::remove(ptr);
            c::memp_free(c::memp_t_MEMP_TCP_PCB, ptr.cast());
        }
    }
}
