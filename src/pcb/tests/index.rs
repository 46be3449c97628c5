//! Demultiplexing, by the index or without, against a search of the lists.

use super::super::{load, store};
use super::{addr, bench};
use crate::components::connection_management as cm;
use crate::ffi::ip::Addr;
use crate::pcb::{Core, List, Pcb, PcbId, State, Tuple};
use proptest::prelude::*;
use std::vec::Vec;

/// Few values, so that tuples meet each other and each other's buckets.
#[derive(Clone, Copy, Debug)]
struct Peer {
    local: u32,
    local_port: u16,
    remote: u32,
    remote_port: u16,
    netif: u8,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A new connection, put on a list by us or, as TCP_REG of tcp_priv.h does it, by C.
    Open { peer: Peer, waiting: bool, by_c: bool },
    /// From active to TIME-WAIT.
    Wait(usize),
    /// Off its list, and freed or kept.
    Close { place: usize, free: bool },
    /// Off its list by C, wherever it stands in it, and freed.
    CloseByC(usize),
    /// Off its list by C and back as another connection: not the head that the last segment saw, which would be it again.
    ChangeByC { place: usize, peer: Peer },
    /// An unlisted one comes back.
    Reopen { place: usize, waiting: bool, by_c: bool },
}

fn peer() -> impl Strategy<Value = Peer> {
    (0..2u32, 0..2u16, 0..3u32, 0..3u16, 0..3u8).prop_map(|(local, local_port, remote, remote_port, netif)| Peer {
        local: 0x0a00_0001 + local,
        local_port: 80 + local_port,
        remote: 0x0a00_0100 + remote,
        remote_port: 0xc000 + remote_port,
        netif,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (peer(), any::<bool>(), any::<bool>())
            .prop_map(|(peer, waiting, by_c)| Step::Open { peer, waiting, by_c }),
        1 => any::<usize>().prop_map(Step::Wait),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(place, free)| Step::Close { place, free }),
        1 => any::<usize>().prop_map(Step::CloseByC),
        1 => (any::<usize>(), peer()).prop_map(|(place, peer)| Step::ChangeByC { place, peer }),
        1 => (any::<usize>(), any::<bool>(), any::<bool>())
            .prop_map(|(place, waiting, by_c)| Step::Reopen { place, waiting, by_c }),
    ]
}

fn set_tuple(pcb: Pcb<'_>, peer: Peer) {
    cm::settings::local_ip(pcb, Addr::of(&addr(peer.local)));
    cm::settings::remote_ip(pcb, Addr::of(&addr(peer.remote)));
    cm::settings::local_port(pcb, peer.local_port);
    cm::settings::remote_port(pcb, peer.remote_port);
    cm::endpoint_settings::netif(pcb.endpoint(), peer.netif);
}

fn put(core: &Core, pcb: Pcb<'_>, waiting: bool, by_c: bool) -> List {
    let (list, state) = if waiting { (List::TimeWait, State::TimeWait) } else { (List::Active, State::Established) };
    cm::enter(pcb, state);
    if by_c {
        // SAFETY: (live), (lock): an unlisted PCB becomes the head.
        unsafe {
            store(&raw mut (*pcb.as_ptr()).next, load(list.head()));
            store(list.head(), pcb.as_ptr());
        }
    } else {
        core.register(list, pcb);
    }
    list
}

/// TCP_RMV of tcp_priv.h.
fn take_off(list: List, pcb: Pcb<'_>) {
    // SAFETY: (live), (lock): the links of a list that the PCB is on.
    unsafe {
        let mut link = list.head();
        while load(link) != pcb.as_ptr() {
            link = &raw mut (*load(link)).next;
        }
        store(link, load(&raw const (*pcb.as_ptr()).next));
        store(&raw mut (*pcb.as_ptr()).next, core::ptr::null_mut());
    }
}

fn expected(core: &Core, tuple: &Tuple<'_>, netif: u8) -> (Vec<PcbId>, Vec<PcbId>) {
    let matching = |list| {
        let mut ids = Vec::new();
        let mut next = core.find(core.head(list));
        while let Some(pcb) = next {
            let on_netif = pcb.netif_idx() == 0 || pcb.netif_idx() == netif;
            let addresses = pcb.local_ip().eq(tuple.local) && pcb.remote_ip().eq(tuple.remote);
            let ports = pcb.local_port() == tuple.local_port && pcb.remote_port() == tuple.remote_port;
            if on_netif && addresses && ports {
                ids.push(pcb.id());
            }
            next = pcb.following();
        }
        ids
    };
    (matching(List::Active), matching(List::TimeWait))
}

proptest! {
    /// Whatever was put on the lists, by whom and in which order: what is listed is found, an active connection before one
    /// in TIME-WAIT, and nothing else is.
    #[test]
    fn finds_what_a_search_of_the_lists_finds(
        steps in proptest::collection::vec((step(), proptest::option::weighted(0.3, peer())), 1..60),
    ) {
        let mut bench = bench();
        let mut listed: Vec<(PcbId, List)> = Vec::new();
        let mut unlisted: Vec<PcbId> = Vec::new();
        for (step, asked) in steps {
            match step {
                Step::Open { peer, waiting, by_c } => {
                    if let Some(pcb) = bench.core.allocate() {
                        set_tuple(pcb, peer);
                        listed.push((pcb.id(), put(&bench.core, pcb, waiting, by_c)));
                    }
                }
                Step::Wait(place) => {
                    let active: Vec<_> = listed.iter_mut().filter(|(_, list)| *list == List::Active).collect();
                    let count = active.len().max(1);
                    if let Some((id, list)) = active.into_iter().nth(place % count) {
                        let pcb = bench.core.get(*id).expect("it lives");
                        bench.core.unregister(List::Active, pcb);
                        *list = put(&bench.core, pcb, true, false);
                    }
                }
                Step::Close { place, free } if !listed.is_empty() => {
                    let (id, list) = listed.swap_remove(place % listed.len());
                    bench.core.unregister(list, bench.core.get(id).expect("it lives"));
                    if free { bench.core.free(id) } else { unlisted.push(id) }
                }
                Step::Reopen { place, waiting, by_c } if !unlisted.is_empty() => {
                    let id = unlisted.swap_remove(place % unlisted.len());
                    let pcb = bench.core.get(id).expect("it lives");
                    listed.push((id, put(&bench.core, pcb, waiting, by_c)));
                }
                Step::CloseByC(place) if !listed.is_empty() => {
                    let (id, list) = listed.swap_remove(place % listed.len());
                    take_off(list, bench.core.get(id).expect("it lives"));
                    bench.core.free(id);
                }
                Step::ChangeByC { place, peer } if !listed.is_empty() => {
                    let (id, list) = listed[place % listed.len()];
                    let pcb = bench.core.get(id).expect("it lives");
                    let _ = bench.core.lookup(&Tuple::of(pcb), || 0);
                    if bench.core.find(bench.core.head(list)) != Some(pcb) {
                        take_off(list, pcb);
                        set_tuple(pcb, peer);
                        put(&bench.core, pcb, list == List::TimeWait, true);
                    }
                }
                Step::Close { .. } | Step::CloseByC(_) | Step::ChangeByC { .. } | Step::Reopen { .. } => {}
            }
            // Between two segments many things may happen.
            let Some(asked) = asked else { continue };
            let (local, remote) = (addr(asked.local), addr(asked.remote));
            let asked_tuple = Tuple {
                local: Addr::of(&local),
                local_port: asked.local_port,
                remote: Addr::of(&remote),
                remote_port: asked.remote_port,
            };
            check(&bench.core, &asked_tuple, asked.netif)?;
            for (id, _) in &listed {
                let pcb = bench.core.get(*id).expect("it lives");
                check(&bench.core, &Tuple::of(pcb), pcb.netif_idx())?;
            }
        }
    }
}

/// The state, which says on which list a PCB is, is a number that C may have written to: what is freed and still linked is not found,
/// nor does what is behind it make anybody stumble.
#[test]
fn a_pcb_that_is_freed_while_it_is_listed_is_not_found() {
    let mut bench = bench();
    let peer = Peer { local: 1, local_port: 80, remote: 2, remote_port: 0xc000, netif: 0 };
    let ids = [0, 1, 2].map(|more| {
        let pcb = bench.core.allocate().expect("the pool has a PCB");
        set_tuple(pcb, Peer { remote_port: peer.remote_port + more, ..peer });
        put(&bench.core, pcb, false, false);
        pcb.id()
    });
    bench.core.free(ids[1]);
    let (local, remote) = (addr(peer.local), addr(peer.remote));
    let (local, remote) = (Addr::of(&local), Addr::of(&remote));
    let tuple = Tuple { local, local_port: 80, remote, remote_port: peer.remote_port + 1 };
    assert!(bench.core.lookup(&tuple, || 0).is_none());
    for id in [ids[0], ids[2]] {
        if let Some(pcb) = bench.core.get(id) {
            bench.core.unregister(List::Active, pcb);
        }
        bench.core.free(id);
    }
    // SAFETY: (lock): nobody lives.
    unsafe { store(List::Active.head(), core::ptr::null_mut()) };
}

fn check(core: &Core, tuple: &Tuple<'_>, netif: u8) -> Result<(), TestCaseError> {
    let found = core.lookup(tuple, || netif).map(Pcb::id);
    let (active, waiting) = expected(core, tuple, netif);
    let candidates = if active.is_empty() { waiting } else { active };
    match found {
        Some(id) => prop_assert!(candidates.contains(&id)),
        None => prop_assert!(candidates.is_empty()),
    }
    Ok(())
}
