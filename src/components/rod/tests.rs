//! Reliable ordered delivery: the queues against models of them, round-trip times against RFC 6298.

#[cfg(rack)]
mod log;
#[cfg(tcp_queue_ooseq)]
mod reassembly;
#[cfg(sack_recovery)]
mod recovery;
#[cfg_attr(fine_timers, path = "tests/rtt_ms.rs")]
mod rtt;
#[cfg(sack_recovery)]
mod scoreboard;
mod send;
#[cfg(user_timeout)]
mod user_timeout;

use super::*;
use crate::components::{connection_management as cm, flow_control};
use crate::pcb::tests::{Bench, bench, stream};
use crate::pcb::{PcbId, State};
use proptest::prelude::*;
use std::vec::Vec;

/// An established connection: the peer's first octet has the number `rcv`, ours `snd`.
fn connected(bench: &mut Bench, mss: u16, rcv: SeqNum, snd: SeqNum) -> PcbId {
    let id = bench.new_pcb();
    let pcb = bench.core.get(id).expect("it lives");
    cm::limit_mss(pcb, mss);
    on_syn_in_listen(pcb, rcv - 1, snd);
    flow_control::on_syn_in_listen(pcb, snd);
    flow_control::on_syn(pcb, rcv - 1, 0xffff);
    cm::enter(pcb, State::Established);
    id
}

proptest! {
    /// RFC 7323 4.3 and 5.3: only a segment that starts at or before what was acknowledged last brings a timestamp; an older
    /// one is rejected, for 24 days (5.5), whatever wraps.
    #[test]
    #[cfg(lwip_tcp_timestamps)]
    fn timestamps(start: u32, older in 1u32..0x8000_0000, newer in 1u32..0x8000_0000, seq: u32, now: u32) {
        let mut bench = bench();
        let seq = SeqNum::new(seq);
        let id = connected(&mut bench, 536, seq, SeqNum::new(0));
        let pcb = bench.core.get(id).expect("it lives");
        // Not negotiated: nothing is old, nothing is kept.
        on_timestamp(pcb, start, seq, false, now);
        prop_assert_eq!(pcb.ts_recent(), 0);
        prop_assert!(!is_old_duplicate(pcb, u32::MAX, now));
        let options = crate::wire::Options { timestamps: Some(Default::default()), ..Default::default() };
        cm::on_syn_options(pcb, &options);
        on_timestamp(pcb, start, seq, true, now);
        prop_assert_eq!((pcb.ts_recent(), pcb.ts_recent_tick()), (start, now));
        prop_assert!(!is_old_duplicate(pcb, start, now));
        prop_assert!(!is_old_duplicate(pcb, start.wrapping_add(newer), now));
        let old = start.wrapping_sub(older);
        let days = |days: u32| now.wrapping_add(days * 24 * 3600 * 1000 / crate::ffi::config::TCP_SLOW_INTERVAL);
        prop_assert!(is_old_duplicate(pcb, old, now));
        prop_assert!(is_old_duplicate(pcb, old, days(23)));
        prop_assert!(!is_old_duplicate(pcb, old, days(24)));
        on_ack_built(pcb);
        on_timestamp(pcb, old, seq + 1, false, now);
        prop_assert_eq!(pcb.ts_recent(), start);
        on_timestamp(pcb, start.wrapping_add(newer), seq, false, days(1));
        prop_assert_eq!((pcb.ts_recent(), pcb.ts_recent_tick()), (start.wrapping_add(newer), days(1)));
    }
}

/// RFC 9293 3.8.6.3 (SHLD-18, MUST-58, MUST-59): an ACK is delayed, but one for every second segment.
#[test]
fn every_second_segment_is_acknowledged_at_once() {
    let mut bench = bench();
    let id = connected(&mut bench, 536, SeqNum::new(0), SeqNum::new(0));
    let pcb = bench.core.get(id).expect("it lives");
    for _ in 0..3 {
        ack_delayed(pcb);
        assert!(pcb.has(Bit::ACK_DELAY) && !pcb.has(Bit::ACK_NOW));
        ack_delayed(pcb);
        assert!(pcb.has(Bit::ACK_NOW));
        on_ack_sent(pcb);
        assert!(!pcb.has(Bit::ACK_DELAY | Bit::ACK_NOW));
    }
    on_ack_failed(pcb);
    assert!(pcb.has(Bit::ACK_DELAY) && pcb.has(Bit::ACK_NOW));
}

/// RFC 6298 3, Karn's algorithm (RFC 9293 MUST-18): what is sent again is not timed, and ends the timing of what was in flight.
#[test]
fn karns_algorithm() {
    let mut bench = bench();
    let id = connected(&mut bench, 536, SeqNum::new(0), SeqNum::new(5));
    let pcb = bench.core.get(id).expect("it lives");
    crate::segmentation::enqueue_flags(pcb, crate::wire::Flags::FIN).expect("memory");
    let seg = take_front(pcb).expect("the FIN is queued");
    let (seq, end) = (seg.seg().seq(), seg.seg().end());
    on_timing(pcb, seq, 10, true);
    on_segment_sent(pcb, seg);
    assert_eq!((pcb.rttest(), pcb.rtseq()), (10, seq));
    assert_eq!(retransmit_first(pcb), Ok(()));
    assert_eq!(pcb.rttest(), 0);
    on_timing(pcb, seq, 20, false);
    assert_eq!((pcb.rttest(), pcb.retransmissions()), (0, 1));
    let estimators = (pcb.sa(), pcb.sv());
    on_ack_for_timing(pcb, end, 5000);
    assert_eq!((pcb.sa(), pcb.sv()), estimators);
    bench.finish(id);
}

/// Data that the application refused are kept, with the FIN behind them, and given back when it asks.
#[test]
fn refused_data_are_kept_with_their_fin() {
    let mut bench = bench();
    let id = connected(&mut bench, 536, SeqNum::new(0), SeqNum::new(0));
    let pcb = bench.core.get(id).expect("it lives");
    mark_refused_fin(pcb);
    assert!(!pcb.has_refused_data());
    let mut data = Pbuf::alloc(Layer::Raw, 5).expect("memory");
    data.first_mut().copy_from_slice(b"hello");
    put_refused_data(pcb, data);
    assert!(pcb.has_refused_data());
    mark_refused_fin(pcb);
    let data = take_refused_data(pcb).expect("they were kept");
    assert!(data.has_fin());
    assert_eq!(data.first(), b"hello");
    assert!(take_refused_data(pcb).is_none());
    put_refused_data(pcb, data);
    bench.finish(id);
}

/// Refused data of more than 64 kB are offered in parts, and the FIN behind the last one: here tcp_recv_null then closes.
#[test]
#[cfg(all(tcp_queue_ooseq, lwip_wnd_scale, lwip_callback_api))]
fn the_fin_comes_behind_the_last_part_of_refused_data() {
    let mut bench = bench();
    let id = connected(&mut bench, 536, SeqNum::new(0), SeqNum::new(0));
    let pcb = bench.core.get(id).expect("it lives");
    cm::enter(pcb, State::CloseWait);
    for part in [0..30_000, 10_000..40_000, 20_000..50_000] {
        let more = Pbuf::reference(crate::pcb::tests::app_data(&stream()[part]));
        add_refused_data(pcb, more.expect("memory"));
    }
    mark_refused_fin(pcb);
    assert_eq!(crate::api::process_refused_data(&mut bench.core, id), Ok(()));
    let pcb = bench.core.get(id).expect("it lives");
    assert!(!pcb.has_refused_data());
    assert_eq!(pcb.state(), State::LastAck);
    bench.finish(id);
}

use crate::ffi::pbuf::{Layer, Pbuf};
