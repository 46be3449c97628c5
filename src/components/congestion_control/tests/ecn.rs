//! ECN against RFC 3168: who offers, who echoes, who answers, and peers that lie.

use super::super::ecn::{flags_to_send, is_on, may_be_marked, on_ack, on_segment, on_syn};
use super::*;
use crate::pcb::State;
use crate::wire::Flags;

const CE: u8 = 3;

fn with_ecn(bench: &mut Bench) -> PcbId {
    let id = established(bench, 1000, 0xffff);
    let pcb = bench.core.get(id).expect("it lives");
    cm::enter(pcb, State::Established);
    on_syn(pcb, Flags::SYN | Flags::ECE | Flags::CWR);
    assert!(is_on(pcb));
    id
}

/// RFC 3168 6.1.1: an ECN-setup SYN has both flags, an ECN-setup SYN,ACK has ECE alone; what reflects both is not one.
#[test]
fn negotiation() {
    let mut bench = bench();
    let id = established(&mut bench, 1000, 0xffff);
    let pcb = bench.core.get(id).expect("it lives");
    cm::enter(pcb, State::SynSent);
    assert_eq!(flags_to_send(pcb, true, true), Flags::ECE | Flags::CWR);
    for (flags, agreed) in [
        (Flags::SYN | Flags::ACK | Flags::ECE, true),
        (Flags::SYN | Flags::ACK | Flags::ECE | Flags::CWR, false),
        (Flags::SYN | Flags::ACK, false),
        (Flags::SYN | Flags::ECE, false),
        (Flags::SYN | Flags::ECE | Flags::CWR, true),
    ] {
        on_syn(pcb, flags);
        assert_eq!(is_on(pcb), agreed, "{flags:?}");
    }
    // The SYN that is sent again does not offer it, and what was not offered is not agreed on.
    assert_eq!(flags_to_send(pcb, true, false), Flags::NONE);
    on_syn(pcb, Flags::SYN | Flags::ACK | Flags::ECE);
    assert!(!is_on(pcb));
}

/// RFC 3168 6.1.3: ECE goes out from CE to CWR; 6.1.5: only new data may be marked.
#[test]
fn the_receiver_echoes_until_the_sender_has_reduced() {
    let mut bench = bench();
    let id = with_ecn(&mut bench);
    let pcb = bench.core.get(id).expect("it lives");
    assert!(may_be_marked(pcb, true) && !may_be_marked(pcb, false));
    on_segment(pcb, Flags::ACK, CE, false);
    assert_eq!(flags_to_send(pcb, false, false), Flags::NONE, "a pure ACK is not to be marked");
    on_segment(pcb, Flags::ACK, CE, true);
    for _ in 0..3 {
        assert_eq!(flags_to_send(pcb, false, false), Flags::ECE);
    }
    on_segment(pcb, Flags::ACK | Flags::CWR, CE, true);
    assert_eq!(flags_to_send(pcb, false, false), Flags::ECE, "marked again");
    on_segment(pcb, Flags::ACK | Flags::CWR, 2, true);
    assert_eq!(flags_to_send(pcb, false, false), Flags::NONE);
}

/// RFC 3168 6.1.2: one reduction for a window of data, however often the peer says ECE; RFC 8511: to 0.8 of the window.
#[test]
fn a_peer_that_always_says_ece_halves_nothing_twice() {
    let mut bench = bench();
    let id = with_ecn(&mut bench);
    let pcb = bench.core.get(id).expect("it lives");
    own(pcb).set_cwnd(40_000);
    rod::on_probe(pcb, SeqNum::new(29_999));
    for ack in 1..=30 {
        on_ack(pcb, Flags::ACK | Flags::ECE, SeqNum::new(ack * 1000));
        assert_eq!(u32::from(pcb.cwnd()), 32_000);
    }
    assert_eq!(flags_to_send(pcb, false, true), Flags::CWR);
    assert_eq!(flags_to_send(pcb, false, true), Flags::NONE, "CWR is said once");
    on_ack(pcb, Flags::ACK | Flags::ECE, SeqNum::new(30_001));
    assert_eq!(u32::from(pcb.cwnd()), 25_600);
    // In the end two segments are left.
    for round in 1..100 {
        rod::on_probe(pcb, SeqNum::new(29_999 + round * 1000));
        on_ack(pcb, Flags::ACK | Flags::ECE, SeqNum::new(30_001 + round * 1000));
    }
    assert_eq!(u32::from(pcb.cwnd()), 2000);
}

/// Without an agreement nothing is marked, echoed or answered.
#[test]
fn without_an_agreement_ecn_means_nothing() {
    let mut bench = bench();
    let id = established(&mut bench, 1000, 0xffff);
    let pcb = bench.core.get(id).expect("it lives");
    let before = pcb.cwnd();
    on_segment(pcb, Flags::ACK, CE, true);
    on_ack(pcb, Flags::ACK | Flags::ECE, SeqNum::new(1));
    assert_eq!((flags_to_send(pcb, false, true), pcb.cwnd()), (Flags::NONE, before));
    assert!(!may_be_marked(pcb, true));
}
