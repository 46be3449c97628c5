//! Flow control against RFC 9293 3.8.6 and RFC 7323 2.

use super::*;
use crate::components::{connection_management as cm, rod};
use crate::pcb::PcbId;
use crate::pcb::tests::{Bench, bench};
use proptest::prelude::*;
use std::vec::Vec;

/// A connection that was opened by the peer: its SYN has the number before `first`, its window is `window`.
fn connected(bench: &mut Bench, mss: u16, first: SeqNum, window: u16) -> PcbId {
    let id = bench.new_pcb();
    let pcb = bench.core.get(id).expect("it lives");
    cm::limit_mss(pcb, mss);
    rod::on_syn_in_listen(pcb, first - 1, SeqNum::new(0));
    on_syn_in_listen(pcb, SeqNum::new(0));
    on_syn(pcb, first - 1, window);
    id
}

/// The peer's window scale becomes known, and ours with it.
fn scale(pcb: Pcb<'_>, shift: u8) {
    #[cfg(lwip_wnd_scale)]
    {
        let options = crate::wire::Options { window_scale: Some(shift), ..Default::default() };
        assert_eq!(cm::on_syn_options(pcb, &options), Some(shift));
        on_window_scale(pcb, shift);
    }
    let _ = (pcb, shift);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Data in order, this fraction of what the window takes.
    Receive(u16),
    /// The application has consumed so much of what it was given, or of what it claims.
    Consume {
        octets: u16,
        honest: bool,
    },
    /// A segment goes out, and with it the window.
    Send,
    Update,
    FinDelivered,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u16>().prop_map(Step::Receive),
        4 => (any::<u16>(), prop::bool::weighted(0.9)).prop_map(|(octets, honest)| Step::Consume { octets, honest }),
        4 => Just(Step::Send),
        1 => Just(Step::Update),
        1 => Just(Step::FinDelivered),
    ]
}

proptest! {
    /// RFC 9293 3.8.6: the right edge that the peer was told never moves back, no window is larger than the largest, and
    /// the edge moves in steps that are worth a segment (3.8.6.2.2), whatever peer and application do.
    #[test]
    fn the_right_edge_never_moves_back(
        mss in 64u16..=1460, first: u32, shift in 0u8..=14, scaled: bool,
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut bench = bench();
        let id = connected(&mut bench, mss, SeqNum::new(first), 0xffff);
        let pcb = bench.core.get(id).expect("it lives");
        if scaled {
            scale(pcb, shift);
        }
        let max = max_receive_window(pcb);
        prop_assert_eq!(pcb.rcv_wnd(), max);
        let worth_it = (config::TCP_WND / 2).min(mss.into());
        let mut told: Option<SeqNum> = None;
        for step in steps {
            let outstanding = max - pcb.rcv_wnd();
            match step {
                Step::Receive(fraction) => {
                    let octets = (u64::from(pcb.rcv_wnd()) * u64::from(fraction) / 0xffff) as u32;
                    rod::on_syn_in_listen(pcb, pcb.rcv_nxt() + octets - 1, SeqNum::new(0));
                    on_received(pcb, octets);
                }
                Step::Consume { octets, honest } => {
                    let octets = if honest { u32::from(octets).min(outstanding.into()) as u16 } else { octets };
                    let before = pcb.rcv_ann_right_edge();
                    let tell = on_consumed(pcb, octets);
                    prop_assert_eq!(pcb.rcv_wnd(), max - (outstanding - outstanding.min(octets.into())));
                    let moved = pcb.rcv_nxt() + u32::from(pcb.rcv_ann_wnd()) - before;
                    prop_assert_eq!(tell, (moved as i32) > 0 && moved >= config::TCP_WND_UPDATE_THRESHOLD);
                }
                Step::Send => {
                    let field = window_field(pcb, false);
                    #[cfg(lwip_wnd_scale)]
                    let window = u32::from(field) << pcb.rcv_scale();
                    #[cfg(not(lwip_wnd_scale))]
                    let window = u32::from(field);
                    let edge = pcb.rcv_nxt() + window;
                    if let Some(told) = told {
                        prop_assert!(edge.ge(told), "the right edge went back by {}", told - edge);
                        prop_assert!(edge == told || edge - told >= worth_it.min(0xffff) || pcb.rcv_nxt() == edge);
                    }
                    told = Some(edge);
                    on_window_sent(pcb);
                }
                Step::Update => drop(update_announced_window(pcb)),
                Step::FinDelivered => on_fin_delivered(pcb),
            }
            prop_assert!(pcb.rcv_wnd() <= max);
            prop_assert!(pcb.rcv_ann_wnd() <= max);
            // What we announce we also accept.
            prop_assert!(pcb.rcv_ann_wnd() <= pcb.rcv_wnd() || step_leaves_less(step));
        }
    }

    /// RFC 9293 3.10.7.4: SND.WL1 and SND.WL2 keep old segments from changing the window.
    #[test]
    fn old_segments_do_not_change_the_send_window(
        first: u32, segments in proptest::collection::vec((0u32..1000, 0u32..1000, any::<u16>()), 1..50),
    ) {
        let mut bench = bench();
        let first = SeqNum::new(first);
        let id = connected(&mut bench, 536, first, 1000);
        let pcb = bench.core.get(id).expect("it lives");
        let (mut wl1, mut wl2, mut window, mut largest) = (first - 1 - 1, SeqNum::new(0), 1000, 1000);
        for (seq, ack, announced) in segments {
            let (seq, ack, announced) = (first + seq, SeqNum::new(ack), Wnd::from(announced));
            let edge = wl2 + u32::from(window);
            if wl1.lt(seq) || (wl1 == seq && wl2.le(ack)) {
                (wl1, wl2, window) = (seq, ack, announced);
                largest = largest.max(announced);
            }
            let same = on_window_announced(pcb, seq, ack, announced);
            prop_assert_eq!(same, wl2 + u32::from(window) == edge);
            prop_assert_eq!((pcb.snd_wl1(), pcb.snd_wl2(), pcb.snd_wnd()), (wl1, wl2, window));
            prop_assert_eq!(pcb.snd_wnd_max(), largest);
        }
    }

    /// RFC 7323 2.2, 2.3: windows are scaled both ways, but never in a SYN.
    #[test]
    #[cfg(lwip_wnd_scale)]
    fn windows_are_scaled_but_in_syns(shift in 0u8..=14, field: u16, consumed: u16) {
        let mut bench = bench();
        let id = connected(&mut bench, 536, SeqNum::new(7), 0xffff);
        let pcb = bench.core.get(id).expect("it lives");
        // Not negotiated: neither side scales.
        prop_assert_eq!(super::scaled(pcb, field), Wnd::from(field));
        prop_assert!(max_receive_window(pcb) <= 0xffff);
        scale(pcb, shift);
        prop_assert_eq!(u32::from(super::scaled(pcb, field)), u32::from(field) << shift);
        let octets = u32::from(consumed).min(pcb.rcv_wnd().into());
        on_received(pcb, octets);
        let window = u32::from(pcb.rcv_ann_wnd());
        prop_assert_eq!(u32::from(window_field(pcb, true)), window.min(0xffff));
        prop_assert_eq!(u32::from(window_field(pcb, false)), (window >> config::TCP_RCV_SCALE).min(0xffff));
    }

    /// The send buffer gives what it got.
    #[test]
    fn the_send_buffer_stays_within_its_size(uses in proptest::collection::vec(any::<u16>(), 1..50)) {
        let mut bench = bench();
        let id = connected(&mut bench, 536, SeqNum::new(0), 0xffff);
        let pcb = bench.core.get(id).expect("it lives");
        let mut used = Vec::new();
        for octets in uses {
            if Wnd::from(octets) <= pcb.snd_buf() {
                on_send_buffer_used(pcb, octets.into());
                used.push(octets);
            } else if let Some(octets) = used.pop() {
                on_send_buffer_freed(pcb, octets.into());
            }
            let in_use: u32 = used.iter().copied().map(u32::from).sum();
            prop_assert_eq!(u32::from(pcb.snd_buf()) + in_use, config::TCP_SND_BUF);
        }
    }
}

/// Data received beyond the announced edge leave nothing to be announced; all others keep the order of both windows.
fn step_leaves_less(step: Step) -> bool {
    matches!(step, Step::FinDelivered)
}

/// RFC 9293 3.8.6.1: the first probe after a while, then at intervals that double, bounded by a minute, for ever.
#[test]
fn probes_back_off_up_to_a_bound() {
    let mut bench = bench();
    let id = connected(&mut bench, 536, SeqNum::new(0), 0);
    let pcb = bench.core.get(id).expect("it lives");
    for round in 0..3 {
        on_blocked(pcb);
        // Being blocked still does not start the timer anew.
        let mut intervals = Vec::new();
        let mut ticks = 0u32;
        while intervals.len() < 12 {
            on_blocked(pcb);
            ticks += 1;
            if on_persist_tick(pcb) {
                on_probe(pcb);
                on_probed(pcb);
                intervals.push(ticks);
                ticks = 0;
            }
            assert!(ticks <= 120, "no probe for a minute in round {round}");
        }
        assert_eq!(intervals, [3, 6, 12, 24, 48, 96, 120, 120, 120, 120, 120, 120]);
        assert_eq!(pcb.persist_probe(), 12);
        // The peer answers: the probes count from zero, but their intervals stay long until the window opens.
        on_heard(pcb);
        assert_eq!((pcb.persist_probe(), pcb.persist_backoff()), (0, 7));
        on_unblocked(pcb);
        assert_eq!(pcb.persist_backoff(), 0);
    }
}

/// A probe that could not be sent is due again at the next tick.
#[test]
fn a_probe_that_was_not_sent_stays_due() {
    let mut bench = bench();
    let id = connected(&mut bench, 536, SeqNum::new(0), 0);
    let pcb = bench.core.get(id).expect("it lives");
    on_blocked(pcb);
    assert_eq!([false, false, true, true, true], core::array::from_fn(|_| on_persist_tick(pcb)));
    // Probes are counted up to 255 without starting from zero again.
    for _ in 0..300 {
        on_probe(pcb);
    }
    assert_eq!(pcb.persist_probe(), 255);
}

#[test]
fn what_may_be_in_flight_is_the_smaller_window() {
    let mut bench = bench();
    let id = connected(&mut bench, 536, SeqNum::new(0), 1000);
    let pcb = bench.core.get(id).expect("it lives");
    crate::components::congestion_control::on_established(pcb);
    assert_eq!(usable_window(pcb), 1000);
    assert!(!on_window_announced(pcb, SeqNum::new(0), SeqNum::new(0), 20_000));
    assert_eq!(usable_window(pcb), pcb.cwnd());
}
