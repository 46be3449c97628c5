//! Timers: the walk over the lists.

use super::*;
use crate::pcb::State;
use crate::pcb::tests::bench;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::vec::Vec;

/// Whom the walk has come to, by address.
static VISITED: Mutex<Vec<usize>> = Mutex::new(Vec::new());

fn enlist(core: &Core, id: PcbId, list: List, state: State) {
    let pcb = core.get(id).expect("it lives");
    cm::enter(pcb, state);
    core.register(list, pcb);
}

/// The first visit takes the next PCB to TIME-WAIT, as its peer's FIN does, and another walk follows: a driver that receives while
/// it is asked to send does that.
fn visit_that_receives(mut core: Lent<'_>, id: PcbId) {
    let mut visited = VISITED.lock().expect("one test at a time");
    visited.push(id.as_ptr().addr());
    if visited.len() == 1 {
        let pcb = core.get(id).and_then(Pcb::following).expect("there is another one");
        let next = pcb.id();
        core.unregister(List::Active, pcb);
        enlist(&core, next, List::TimeWait, State::TimeWait);
        visit(&mut core, List::Active, |_, _| {});
    }
}

#[test]
fn a_walk_inside_of_another_does_not_lead_it_astray() {
    let mut bench = bench();
    let ids: [PcbId; 3] = core::array::from_fn(|_| bench.new_pcb());
    for id in ids {
        enlist(&bench.core, id, List::Active, State::Established);
    }
    let [last, moved, first] = ids.map(|id| id.as_ptr().addr());
    VISITED.lock().expect("one test at a time").clear();
    visit(&mut bench.core, List::Active, visit_that_receives);
    let visited: BTreeSet<usize> = VISITED.lock().expect("one test at a time").iter().copied().collect();
    assert_eq!(visited, BTreeSet::from([first, last]));
    assert!(!visited.contains(&moved));
}
