//! Congestion control against RFC 5681, RFC 6582 and RFC 3465.

#[cfg(bbr)]
mod bbr;
#[cfg(cubic)]
mod cubic;
#[cfg(ecn)]
mod ecn;
#[cfg(hystart)]
mod hystart;

use super::*;
use crate::components::{connection_management as cm, flow_control, rod};
use crate::pcb::PcbId;
use crate::pcb::tests::{Bench, bench};
use crate::wire::SeqNum;
use proptest::prelude::*;

/// A connection with this MSS and this window of the peer; nothing is in flight.
fn established(bench: &mut Bench, mss: u16, window: Wnd) -> PcbId {
    let id = bench.new_pcb();
    let pcb = bench.core.get(id).expect("it lives");
    cm::limit_mss(pcb, mss);
    assert!(choose(pcb, 0));
    rod::on_syn_in_listen(pcb, SeqNum::new(0), SeqNum::new(0));
    let window = u32::from(window).min(0xffff) as u16;
    flow_control::on_syn_in_listen(pcb, SeqNum::new(0));
    flow_control::on_syn(pcb, SeqNum::new(0), window);
    on_established(pcb);
    id
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Ack { octets: u16, after_timeout: bool },
    FastRetransmit,
    DuplicateAck,
    PartialAck(u16),
    Recovered,
    Timeout,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1u16.., any::<bool>()).prop_map(|(octets, after_timeout)| Event::Ack { octets, after_timeout }),
        1 => Just(Event::FastRetransmit),
        3 => Just(Event::DuplicateAck),
        1 => (1u16..).prop_map(Event::PartialAck),
        1 => Just(Event::Recovered),
        1 => Just(Event::Timeout),
    ]
}

fn apply(pcb: Pcb<'_>, event: Event) {
    match event {
        Event::Ack { octets, after_timeout } => on_ack(pcb, octets.into(), after_timeout),
        Event::FastRetransmit => on_fast_retransmit(pcb),
        Event::DuplicateAck => on_duplicate_ack(pcb),
        Event::PartialAck(octets) => on_partial_ack(pcb, octets.into()),
        Event::Recovered => on_recovered(pcb),
        Event::Timeout => on_timeout(pcb),
    }
}

proptest! {
    /// Whatever happens, in whatever order: cwnd is never zero and grows by no more per event than RFC 5681 allows, and
    /// ssthresh stays at two segments or more once it was set (equation 4).
    #[test]
    fn cwnd_and_ssthresh_stay_in_their_bounds(
        mss in 1u16..=9000, window: u16, events in proptest::collection::vec(event(), 1..200),
    ) {
        let mut bench = bench();
        let id = established(&mut bench, mss, window.into());
        let pcb = bench.core.get(id).expect("it lives");
        let segment = u64::from(mss);
        let mut lost = false;
        for event in events {
            let (before, ssthresh) = (u64::from(pcb.cwnd()), u64::from(pcb.ssthresh()));
            apply(pcb, event);
            let (after, limit) = (u64::from(pcb.cwnd()), u64::from(Wnd::MAX));
            prop_assert!(after > 0);
            match event {
                Event::Ack { octets, after_timeout } if before < ssthresh => {
                    // RFC 3465 2.1, 2.3: by what was acknowledged, L segments at most.
                    let most = if after_timeout { segment } else { 2 * segment };
                    prop_assert_eq!(after, (before + u64::from(octets).min(most)).min(limit));
                }
                Event::Ack { .. } => prop_assert!(after == before || after == (before + segment).min(limit)),
                Event::DuplicateAck => prop_assert!(after >= before && after <= before + segment),
                Event::PartialAck(_) => prop_assert!(after <= before.max(segment) + segment),
                Event::FastRetransmit => prop_assert!(after <= (u64::from(pcb.ssthresh()) + 3 * segment).min(limit)),
                Event::Recovered => prop_assert_eq!(after, ssthresh),
                Event::Timeout => prop_assert_eq!(after, segment),
            }
            lost |= matches!(event, Event::FastRetransmit | Event::Timeout);
            prop_assert!(!lost || u64::from(pcb.ssthresh()) >= (2 * segment).min(limit));
        }
    }

    /// RFC 3465 2.2: in congestion avoidance one window's worth of acknowledged octets opens the window by one segment,
    /// into however many ACKs it is divided.
    #[test]
    fn division_of_acks_gains_nothing(mss in 64u16..=1460, parts in 1u32..50) {
        let mut bench = bench();
        let id = established(&mut bench, mss, 0xffff);
        let pcb = bench.core.get(id).expect("it lives");
        on_fast_retransmit(pcb);
        on_recovered(pcb);
        let start = pcb.cwnd();
        prop_assert_eq!(start, pcb.ssthresh());
        let mut left = u32::from(start);
        for part in (1..=parts).rev() {
            prop_assert_eq!(pcb.cwnd(), start);
            let octets = if part == 1 { left } else { left / part };
            on_ack(pcb, wnd(octets).into(), false);
            left -= octets;
        }
        prop_assert_eq!(pcb.cwnd(), start + Wnd::from(mss));
        prop_assert_eq!(pcb.bytes_acked(), 0);
    }

    /// RFC 6582 3.2, step 3: a partial ACK deflates by what it covers, less one segment.
    #[test]
    fn partial_acks_deflate(mss in 64u16..=1460, inflation in 0u16..20, acked in 1u16..20_000) {
        let mut bench = bench();
        let id = established(&mut bench, mss, 0xffff);
        let pcb = bench.core.get(id).expect("it lives");
        on_fast_retransmit(pcb);
        own(pcb).set_cwnd(pcb.cwnd() + Wnd::from(inflation) * Wnd::from(mss));
        let before = u32::from(pcb.cwnd());
        on_partial_ack(pcb, acked.into());
        let added = if acked >= mss { u32::from(mss) } else { 0 };
        let wished = before.saturating_sub(acked.into()) + added;
        prop_assert_eq!(u32::from(pcb.cwnd()), wished.max(mss.into()));
        on_recovered(pcb);
        prop_assert_eq!(pcb.cwnd(), pcb.ssthresh());
    }
}

/// RFC 3390: min(4 MSS, max(2 MSS, 4380 octets)); RFC 6928: min(10 MSS, max(2 MSS, 14600 octets)).
#[test]
fn initial_windows() {
    const RFC_3390: [(u16, u32); 7] =
        [(64, 256), (536, 2144), (1095, 4380), (1460, 4380), (2190, 4380), (4312, 8624), (9000, 18000)];
    const RFC_6928: [(u16, u32); 7] =
        [(64, 640), (536, 5360), (1095, 10950), (1460, 14600), (2190, 14600), (4312, 14600), (9000, 18000)];
    let mut bench = bench();
    for (mss, window) in if cfg!(iw10) { RFC_6928 } else { RFC_3390 } {
        let id = established(&mut bench, mss, 0xffff);
        let pcb = bench.core.get(id).expect("it lives");
        assert_eq!(u32::from(pcb.cwnd()), window, "MSS {mss}");
        bench.core.free(id);
    }
}

/// RFC 5681 3.2, step 4: each further duplicate ACK inflates by a segment; but no more can have left the network than was
/// in flight, however many ACKs a peer makes up (Savage 1999).
#[test]
fn spoofed_duplicate_acks_inflate_no_further_than_what_is_in_flight() {
    let mut bench = bench();
    let id = established(&mut bench, 1000, 0xffff);
    let pcb = bench.core.get(id).expect("it lives");
    // Ten thousand octets in flight.
    rod::on_probe(pcb, SeqNum::new(9_999));
    assert_eq!(pcb.snd_nxt() - pcb.lastack(), 10_000);
    on_fast_retransmit(pcb);
    let (ssthresh, start) = (u32::from(pcb.ssthresh()), u32::from(pcb.cwnd()));
    assert_eq!(start, ssthresh + 3000);
    for inflated in 1..=100 {
        on_duplicate_ack(pcb);
        assert_eq!(u32::from(pcb.cwnd()), (start + inflated * 1000).min(ssthresh + 10_000));
    }
}

/// RFC 5681 4.1, and with pacing RFC 7661 4.4: a window that was not used for long is not trusted, but ssthresh remembers it.
#[test]
#[cfg(cwnd_validation)]
fn a_window_that_was_not_used_is_not_trusted() {
    let mut bench = bench();
    let id = established(&mut bench, 1000, 0xffff);
    let pcb = bench.core.get(id).expect("it lives");
    let initial = pcb.cwnd();
    // (idle for so many milliseconds, what cwnd is then)
    let rto = u32::from(pcb.rto() as u16);
    let short = if cfg!(pacing) { 40_000 } else { initial };
    let long = if cfg!(pacing) { 20_000 } else { initial };
    for (idle, expected) in [(0, 40_000), (rto - 1, 40_000), (rto, short), (299_999, short), (300_000, long)] {
        own(pcb).set_cwnd(40_000);
        own(pcb).set_ssthresh(10_000);
        on_restart(pcb, idle);
        assert_eq!(pcb.cwnd(), expected, "idle for {idle} ms");
        assert_eq!(u32::from(pcb.ssthresh()), if expected == 40_000 { 10_000 } else { 30_000 });
    }
    // The initial window needs no validation.
    own(pcb).set_cwnd(initial);
    on_restart(pcb, 1_000_000);
    assert_eq!(pcb.cwnd(), initial);
}

/// RFC 5681 3.1: when the same segment times out again, ssthresh stays.
#[test]
fn the_first_timeout_of_a_segment_decides_ssthresh() {
    let mut bench = bench();
    let id = established(&mut bench, 1000, 0xffff);
    let pcb = bench.core.get(id).expect("it lives");
    own(pcb).set_cwnd(20_000);
    on_timeout(pcb);
    let decided = pcb.ssthresh();
    assert_eq!((decided, pcb.cwnd()), (10_000, 1000));
    rod::on_resent(pcb);
    own(pcb).set_cwnd(8000);
    on_timeout(pcb);
    assert_eq!((pcb.ssthresh(), pcb.cwnd()), (decided, 1000));
}
