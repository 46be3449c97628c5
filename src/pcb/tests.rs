//! Tests of handles, table and demultiplexing; and what the components' tests need to get at PCBs and segments.

#[cfg(fine_timers)]
mod deadlines;
mod index;
mod table;

use super::table::{ENTRIES, pcb_at};
use super::{Core, List, Pcb, PcbId, Seg, Tuple, load};
use crate::ffi::bindings as c;
use crate::ffi::ip::{Addr, OwnedAddr};
use crate::ffi::pbuf::{AppData, Pbuf};
use core::ptr::null_mut;
use lwip_memory::Memory;
use std::sync::OnceLock;
use std::vec::Vec;

/// A core with lwIP's memory, and nothing else of a stack; one at a time.
pub(crate) struct Bench {
    pub(crate) core: Core,
    pub(crate) memory: Memory,
}

/// Everything is as after a start of the system, whatever a test before has left behind.
pub(crate) fn bench() -> Bench {
    let mut memory = lwip_memory::lock();
    // SAFETY: `memory` stands for lwIP's core lock, and there is one `Core` for it.
    let mut core = unsafe { Core::enter() };
    clear(&mut core);
    // SAFETY: no PCB is left, hence no segment or pbuf either.
    unsafe { memory.reset() };
    crate::api::init(&core);
    core.set_ticks(1);
    core.set_input_pcb(null_mut());
    Bench { core, memory }
}

/// No PCB is listed, and none lives. Its queues are left to `Memory::reset`.
fn clear(core: &mut Core) {
    for list in [List::Bound, List::Active, List::TimeWait] {
        while let Some(pcb) = core.find(core.head(list)) {
            core.unregister(list, pcb);
        }
        // SAFETY: (lock): what a test has freed without taking it off the list is not to be walked over.
        unsafe { *list.head() = null_mut() };
    }
    for place in 0..ENTRIES {
        if let Some(id) = core.find(pcb_at(place)).map(Pcb::id) {
            core.free(id);
        }
    }
    // SAFETY: (lock): without PCBs and listeners there is nothing to be listed.
    unsafe { *List::Listen.head() = null_mut() };
    // The index notices that the lists are empty.
    let nobody = addr(0);
    let nobody = Tuple { local: Addr::of(&nobody), local_port: 0, remote: Addr::of(&nobody), remote_port: 0 };
    assert!(core.lookup(&nobody, || 0).is_none());
}

impl Bench {
    /// A new PCB, as tcp_new makes it.
    pub(crate) fn new_pcb(&mut self) -> PcbId {
        crate::api::allocate(&mut self.core, 64).expect("the pool has a PCB")
    }

    /// The PCB gives back everything that it holds, and itself; then nothing may be in use any more.
    pub(crate) fn finish(mut self, id: PcbId) {
        if let Some(pcb) = self.core.get(id) {
            crate::components::rod::purge(pcb);
        }
        self.core.free(id);
        assert_eq!(self.memory.used(), 0, "something was not given back to lwIP's pools or heap");
    }
}

/// A stream of octets that does not repeat soon, of static lifetime as tcp_write without copying asks for.
pub(crate) fn stream() -> &'static [u8] {
    static STREAM: OnceLock<Vec<u8>> = OnceLock::new();
    STREAM.get_or_init(|| (0..0x1_0000u32).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect())
}

/// Octets of an application.
pub(crate) fn app_data(octets: &'static [u8]) -> AppData {
    let len = u16::try_from(octets.len()).expect("what tcp_write takes at once");
    // SAFETY: they are readable for ever.
    unsafe { AppData::new(octets.as_ptr(), len) }.expect("not null")
}

/// One more reference to a segment's pbufs, as a driver that is not done with them has it.
pub(crate) fn hold(seg: Seg<'_>) -> Pbuf {
    // SAFETY: (queue), (pbuf): the reference is ours, by pbuf_ref.
    unsafe {
        let p = load(&raw const (*seg.as_ptr()).p);
        c::pbuf_ref(p);
        Pbuf::from_raw(p).expect("a segment has pbufs")
    }
}

/// The octets of a chain of pbufs.
pub(crate) fn octets_of(p: &Pbuf) -> Vec<u8> {
    let mut octets = std::vec![0; usize::from(p.tot_len())];
    // SAFETY: (pbuf): `octets` takes the whole chain.
    let copied = unsafe { c::pbuf_copy_partial(p.as_ptr(), octets.as_mut_ptr().cast(), p.tot_len(), 0) };
    assert_eq!(copied, p.tot_len());
    octets
}

/// The data of a segment, which are the last octets of its pbufs.
pub(crate) fn data_of(seg: Seg<'_>) -> Vec<u8> {
    // SAFETY: (queue), (pbuf): looked at, and left to the segment.
    let p = unsafe { Pbuf::from_raw(load(&raw const (*seg.as_ptr()).p)) };
    let p = core::mem::ManuallyDrop::new(p.expect("a segment has pbufs"));
    let mut octets = octets_of(&p);
    octets.split_off(octets.len() - usize::from(seg.len()))
}

/// An address of the IP version that the configuration has, IPv4 if both; the same for the same `number`.
pub(crate) fn addr(number: u32) -> OwnedAddr {
    // SAFETY: addresses consist of integers.
    let mut addr: OwnedAddr = unsafe { core::mem::zeroed() };
    // SAFETY: every address starts with the 32-bit word that is IPv4's address, or the first of IPv6's.
    unsafe { (&raw mut addr).cast::<u32>().write(number.to_be()) };
    addr
}

/// An IPv6 address that differs from `addr(number)` in its version only, and in the words behind the first by `rest`.
#[cfg(all(lwip_ipv4, lwip_ipv6))]
pub(crate) fn addr_v6(number: u32, rest: [u32; 3]) -> OwnedAddr {
    let mut addr = addr(number);
    addr.type_ = 6;
    // SAFETY: the address has room for IPv6's four words.
    unsafe { (&raw mut addr).cast::<u32>().add(1).cast::<[u32; 3]>().write_unaligned(rest) };
    addr
}
