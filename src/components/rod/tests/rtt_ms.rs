//! Round-trip times in milliseconds against a floating-point reference of RFC 6298, and the timers of one connection.

use super::*;
use crate::ffi::config;
use crate::pcb::is_before;

/// One octet is sent and, `ms` later, acknowledged.
fn round_trip(bench: &mut Bench, id: PcbId, now: &mut u32, ms: u32) {
    bench.memory.set_clock(*now);
    let pcb = bench.core.get(id).expect("it lives");
    let seq = pcb.snd_nxt();
    on_timing(pcb, seq, *now, true);
    on_probe(pcb, seq);
    *now = now.wrapping_add(ms);
    bench.memory.set_clock(*now);
    let pcb = bench.core.get(id).expect("it lives");
    on_new_ack(pcb, seq + 1);
    on_ack_for_timing(pcb, seq + 1, *now);
}

proptest! {
    /// SRTT and RTTVAR are what RFC 6298 2.2 and 2.3 make of the same samples, within a millisecond and a half each; RTO is
    /// 1 s before the first sample (2.1), and between floor and ceiling after it.
    #[test]
    fn estimators_follow_rfc_6298(start: u32, samples in proptest::collection::vec(0u32..16_000, 1..60), calm in 1u32..2000) {
        let mut bench = bench();
        let id = connected(&mut bench, 536, SeqNum::new(0), SeqNum::new(u32::MAX - 20));
        prop_assert_eq!(times(bench.core.get(id).expect("it lives")).rto, 1000);
        let (mut srtt, mut rttvar, mut now) = (None::<f64>, 0.0, start);
        for ms in samples.into_iter().chain([calm; 60]) {
            round_trip(&mut bench, id, &mut now, ms);
            let r = f64::from(ms);
            match srtt {
                None => (srtt, rttvar) = (Some(r), r / 2.0),
                Some(before) => {
                    rttvar += ((before - r).abs() - rttvar) / 4.0;
                    srtt = Some(before + (r - before) / 8.0);
                }
            }
            let (expected, Times { rto, .. }) = (srtt.expect("there was a sample"), times(bench.core.get(id).expect("it lives")));
            let pcb = bench.core.get(id).expect("it lives");
            let (ours, ours_var) = (f64::from(pcb.sa() as u16) / 4.0, f64::from(pcb.sv() as u16) / 4.0);
            prop_assert!((ours - expected).abs() <= 1.5, "SRTT {} instead of {}", ours, expected);
            prop_assert!((ours_var - rttvar).abs() <= 2.0, "RTTVAR {} instead of {}", ours_var, rttvar);
            prop_assert!((config::RTO_MIN_MS..=60_000).contains(&rto));
            let exact = expected + (4.0 * rttvar).max(f64::from(config::RTO_MIN_MS));
            prop_assert!((f64::from(rto) - exact.min(60_000.0)).abs() <= 10.0, "RTO {} instead of {}", rto, exact);
        }
    }

    /// RFC 6298 5.5: each timeout doubles the next, up to a minute; but while the peer has been silent for less than 10 s, no
    /// two are further apart than 0.9 s or the RTO itself. An acknowledgment ends it (5.7).
    #[test]
    fn timeouts_back_off(rtt in 1u32..3000, silent in any::<bool>()) {
        let mut bench = bench();
        let id = connected(&mut bench, 536, SeqNum::new(0), SeqNum::new(5));
        let mut now = 1;
        round_trip(&mut bench, id, &mut now, rtt);
        if silent {
            bench.core.set_ticks(bench.core.ticks() + 20_000);
        }
        let start = times(bench.core.get(id).expect("it lives")).rto;
        let mut before = start;
        for _ in 0..config::TCP_MAXRTX {
            let pcb = bench.core.get(id).expect("it lives");
            on_timeout(pcb);
            on_resent(pcb);
            let limit = if silent { 60_000 } else { before.max(900) };
            prop_assert_eq!(times(pcb).rto, (before * 2).min(limit));
            prop_assert_eq!(pcb.timer_due(), now + times(pcb).rto);
            before = times(pcb).rto;
        }
        // The frequent ones do not exhaust the connection's retransmissions.
        let counted = u32::from(bench.core.get(id).expect("it lives").nrtx());
        prop_assert_eq!(counted, if silent { config::TCP_MAXRTX } else { 3 });
        let pcb = bench.core.get(id).expect("it lives");
        on_probe(pcb, pcb.snd_nxt());
        on_new_ack(pcb, pcb.snd_nxt());
        prop_assert_eq!(times(pcb).rto, start);
    }

    /// The timer expires at its time, not before, and once; an ACK that is delayed has a deadline of its own.
    #[test]
    fn deadlines(start: u32, rtt in 1u32..3000, early in 1u32..200) {
        let mut bench = bench();
        let id = connected(&mut bench, 536, SeqNum::new(0), SeqNum::new(5));
        let mut now = start;
        round_trip(&mut bench, id, &mut now, rtt);
        let pcb = bench.core.get(id).expect("it lives");
        prop_assert_eq!(next_deadline(pcb), None);
        restart_timer(pcb);
        let due = now.wrapping_add(times(pcb).rto);
        prop_assert_eq!(next_deadline(pcb), Some(due));
        ack_delayed(pcb);
        prop_assert_eq!(next_deadline(pcb), Some(now.wrapping_add(config::DELAYED_ACK_MS)));
        prop_assert!(!is_ack_due(pcb));
        bench.memory.set_clock(now.wrapping_add(config::DELAYED_ACK_MS));
        prop_assert!(is_ack_due(bench.core.get(id).expect("it lives")));
        on_ack_sent(bench.core.get(id).expect("it lives"));
        bench.memory.set_clock(due.wrapping_sub(early));
        prop_assert_eq!(take_expired_timer(bench.core.get(id).expect("it lives")), Timer::Off);
        bench.memory.set_clock(due);
        prop_assert_eq!(take_expired_timer(bench.core.get(id).expect("it lives")), Timer::Retransmission);
        prop_assert_eq!(take_expired_timer(bench.core.get(id).expect("it lives")), Timer::Off);
        prop_assert_eq!(next_deadline(bench.core.get(id).expect("it lives")), None);
        prop_assert!(is_before(due.wrapping_sub(early), due) && !is_before(due, due));
    }

    /// RFC 9293 3.8.6.1: probes into a closed window back off, up to a minute.
    #[test]
    fn the_persist_timer_backs_off(rtt in 1u32..1000) {
        let mut bench = bench();
        let id = connected(&mut bench, 536, SeqNum::new(0), SeqNum::new(5));
        let mut now = 7;
        round_trip(&mut bench, id, &mut now, rtt);
        let pcb = bench.core.get(id).expect("it lives");
        for probe in 1..20 {
            start_persist_timer(pcb, probe);
            let expected = (times(pcb).rto << (probe - 1).min(16)).min(60_000);
            prop_assert_eq!((pcb.timer(), pcb.timer_due()), (Timer::Persist, now + expected));
        }
        // Data that are sent need the timer for themselves.
        on_timing(pcb, pcb.snd_nxt(), now, true);
        prop_assert_eq!((pcb.timer(), pcb.timer_due()), (Timer::Retransmission, now + times(pcb).rto));
    }
}

/// RFC 6298 5.7: after a SYN that was sent again, data start with 3 s.
#[test]
fn a_lost_syn_makes_the_first_timeout_longer() {
    let mut bench = bench();
    let id = bench.new_pcb();
    let pcb = bench.core.get(id).expect("it lives");
    cm::on_connect(pcb, SeqNum::new(99));
    cm::on_sequence_numbers(pcb, SeqNum::new(99), SeqNum::new(0));
    on_connect(pcb, SeqNum::new(99));
    on_probe(pcb, SeqNum::new(99));
    cm::enter(pcb, State::SynSent);
    for expected in [2000, 4000, 8000] {
        on_timeout(pcb);
        assert_eq!(times(pcb).rto, expected);
    }
    cm::enter(pcb, State::Established);
    on_new_ack(pcb, SeqNum::new(100));
    assert_eq!(times(pcb).rto, 3000);
}
