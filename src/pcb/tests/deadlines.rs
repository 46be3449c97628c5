//! The heap of deadlines against a sorted list.

use super::super::table::ENTRIES;
use super::bench;
use crate::pcb::PcbId;
use proptest::prelude::*;
use std::vec::Vec;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// One of the PCBs, and in how many milliseconds it is due.
    Wake(usize, u32),
    /// So much time goes by.
    Wait(u32),
    Free(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<usize>(), 0u32..1000).prop_map(|(pcb, ms)| Step::Wake(pcb, ms)),
        3 => (0u32..400).prop_map(Step::Wait),
        1 => any::<usize>().prop_map(Step::Free),
    ]
}

proptest! {
    /// Whoever is due comes out, in the order of deadlines, once, and nobody before; across the wrap of the clock.
    #[test]
    fn the_heap_is_a_sorted_list(start: u32, steps in proptest::collection::vec(step(), 1..100)) {
        let mut bench = bench();
        let mut living: Vec<PcbId> = core::iter::from_fn(|| bench.core.allocate().map(|pcb| pcb.id())).collect();
        prop_assert_eq!(living.len(), ENTRIES);
        let mut model = Vec::<(u64, PcbId)>::new();
        let mut elapsed = 0u64;
        for step in steps {
            match step {
                Step::Wake(_, _) | Step::Free(_) if living.is_empty() => {}
                Step::Wake(which, ms) => {
                    let id = living[which % living.len()];
                    let due = elapsed + u64::from(ms);
                    bench.core.wake_by(bench.core.get(id).expect("it lives"), start.wrapping_add(due as u32));
                    match model.iter_mut().find(|(_, other)| *other == id) {
                        Some(known) => known.0 = known.0.min(due),
                        None => model.push((due, id)),
                    }
                }
                Step::Wait(ms) => {
                    elapsed += u64::from(ms);
                    let mut last = 0;
                    while let Some(id) = bench.core.take_due(start.wrapping_add(elapsed as u32)) {
                        let place = model.iter().position(|(_, other)| *other == id).expect("it was asked for");
                        let (due, _) = model.swap_remove(place);
                        prop_assert!(due <= elapsed && due >= last);
                        last = due;
                    }
                    prop_assert!(model.iter().all(|(due, _)| *due > elapsed));
                }
                Step::Free(which) => {
                    let id = living.swap_remove(which % living.len());
                    bench.core.free(id);
                    model.retain(|(_, other)| *other != id);
                }
            }
            let first = model.iter().map(|(due, _)| *due).min().map(|due| start.wrapping_add(due as u32));
            prop_assert_eq!(bench.core.first_deadline(), first);
        }
    }
}
