//! Handles and the table of PCBs.

use super::super::table::{ENTRIES, entry_at, pcb_at};
use super::bench;
use crate::ffi::bindings::tcp_pcb;
use crate::pcb::{PcbId, State};
use proptest::prelude::*;
use std::vec::Vec;

#[derive(Clone, Copy, Debug)]
enum Step {
    Allocate,
    /// One of those that live, by its place.
    Free(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![3 => Just(Step::Allocate), 2 => any::<usize>().prop_map(Step::Free)]
}

proptest! {
    /// A name gives access as long as its PCB lives, and never again after, though the memory is used again.
    #[test]
    fn names_of_freed_pcbs_are_dead(steps in proptest::collection::vec(step(), 1..80)) {
        let mut bench = bench();
        let (mut living, mut dead) = (Vec::<PcbId>::new(), Vec::<PcbId>::new());
        for step in steps {
            match step {
                Step::Allocate => match bench.core.allocate().map(|pcb| pcb.id()) {
                    Some(id) => living.push(id),
                    None => prop_assert_eq!(living.len(), ENTRIES),
                },
                Step::Free(_) if living.is_empty() => {}
                Step::Free(place) => {
                    let id = living.swap_remove(place % living.len());
                    bench.core.free(id);
                    // A second time is no harm.
                    bench.core.free(id);
                    dead.push(id);
                }
            }
            for id in &living {
                let pcb = bench.core.get(*id);
                prop_assert!(pcb.is_some_and(|pcb| pcb.id() == *id && pcb.as_ptr() == id.as_ptr()));
            }
            prop_assert!(dead.iter().all(|id| bench.core.get(*id).is_none()));
            for (i, id) in living.iter().enumerate() {
                prop_assert!(!living.iter().skip(i + 1).any(|other| other == id || other.as_ptr() == id.as_ptr()));
            }
        }
    }

    /// Whatever pointer C hands over: it is a PCB exactly if a PCB lives at this very address.
    #[test]
    fn only_addresses_of_living_pcbs_are_pcbs(
        wild: usize, near in -4096isize..0x8000, free in proptest::collection::vec(any::<bool>(), ENTRIES),
    ) {
        let mut bench = bench();
        let ids: Vec<_> = core::iter::from_fn(|| bench.core.allocate().map(|pcb| pcb.id())).collect();
        prop_assert_eq!(ids.len(), ENTRIES);
        let lowest = ids.iter().map(|id| id.as_ptr()).min().expect("the pool has a PCB");
        let mut living = Vec::new();
        for (id, free) in ids.iter().zip(free) {
            if free { bench.core.free(*id) } else { living.push(id.as_ptr()) }
        }
        let candidates = [core::ptr::without_provenance_mut(wild), lowest.wrapping_byte_offset(near)];
        for candidate in candidates.into_iter().chain(ids.iter().map(|id| id.as_ptr())) {
            let found = bench.core.find(candidate);
            prop_assert_eq!(found.is_some(), living.contains(&candidate));
            prop_assert_eq!(entry_at(candidate).is_some(), living.contains(&candidate));
        }
    }
}

/// Place and address are each other's inverse; at the octets in between there is none.
#[test]
fn every_octet_of_the_pool_but_a_pcbs_first_is_no_pcb() {
    let bench = bench();
    let ptrs: Vec<*mut tcp_pcb> = core::iter::from_fn(|| bench.core.allocate().map(|pcb| pcb.as_ptr())).collect();
    let mut places: Vec<*const tcp_pcb> = (0..ENTRIES).map(pcb_at).collect();
    for ptr in ptrs {
        assert!(entry_at(ptr).is_some());
        let place = places.iter().position(|other| core::ptr::eq(*other, ptr)).expect("each has one");
        places.swap_remove(place);
        for inside in 1..size_of::<tcp_pcb>() {
            assert!(entry_at(ptr.wrapping_byte_add(inside)).is_none());
        }
    }
    assert!(places.is_empty());
    assert!(bench.core.find(core::ptr::null()).is_none());
}

/// A name that an application's callback keeps is dead for good, however often the callback opens and closes: also when a
/// counter of 16 bits, two steps for each use, is where it was.
#[test]
fn a_name_is_dead_after_any_number_of_uses() {
    let mut bench = bench();
    let first = bench.core.allocate().map(|pcb| pcb.id()).expect("the pool has a PCB");
    bench.core.free(first);
    for _ in 0..=2 * u32::from(u16::MAX) {
        let again = bench.core.allocate().map(|pcb| pcb.id()).expect("the pool has a PCB");
        assert!(again.as_ptr() != first.as_ptr() || again != first);
        assert!(bench.core.get(first).is_none());
        bench.core.free(again);
    }
}

#[test]
fn the_pool_is_the_limit_and_comes_back_whole() {
    let mut bench = bench();
    for _ in 0..3 {
        let ids: Vec<_> = core::iter::from_fn(|| bench.core.allocate().map(|pcb| pcb.id())).collect();
        assert_eq!(ids.len(), ENTRIES);
        ids.into_iter().for_each(|id| bench.core.free(id));
    }
    assert_eq!(bench.memory.used(), 0);
}

/// What C may have written into `state` is one of the eleven states of RFC 9293 3.3.2, or counts as CLOSED.
#[test]
fn states_are_numbered_as_lwip_numbers_them() {
    use crate::ffi::bindings as c;
    let states = [
        (c::tcp_state_CLOSED, State::Closed),
        (c::tcp_state_LISTEN, State::Listen),
        (c::tcp_state_SYN_SENT, State::SynSent),
        (c::tcp_state_SYN_RCVD, State::SynRcvd),
        (c::tcp_state_ESTABLISHED, State::Established),
        (c::tcp_state_FIN_WAIT_1, State::FinWait1),
        (c::tcp_state_FIN_WAIT_2, State::FinWait2),
        (c::tcp_state_CLOSE_WAIT, State::CloseWait),
        (c::tcp_state_CLOSING, State::Closing),
        (c::tcp_state_LAST_ACK, State::LastAck),
        (c::tcp_state_TIME_WAIT, State::TimeWait),
    ];
    for (raw, state) in states {
        assert_eq!(State::from_raw(raw), state);
        assert_eq!(state as u32, raw as u32);
    }
    for raw in 11..=u8::MAX {
        assert_eq!(State::from_raw(raw.into()), State::Closed);
    }
}
