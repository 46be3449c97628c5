//! Round-trip times against a floating-point reference of RFC 6298.

use super::*;
use crate::ffi::config;

/// RFC 6298 2, in slow ticks.
#[derive(Default)]
struct Reference {
    srtt: Option<f64>,
    rttvar: f64,
}

impl Reference {
    fn sample(&mut self, r: f64) {
        match self.srtt {
            None => {
                // 2.2
                self.srtt = Some(r);
                self.rttvar = r / 2.0;
            }
            Some(srtt) => {
                // 2.3
                self.rttvar += ((srtt - r).abs() - self.rttvar) / 4.0;
                self.srtt = Some(srtt + (r - srtt) / 8.0);
            }
        }
    }
}

/// One octet is sent and, after `ticks`, acknowledged.
fn round_trip(pcb: Pcb<'_>, now: &mut u32, ticks: u32) {
    let seq = pcb.snd_nxt();
    on_timing(pcb, seq, *now, true);
    on_probe(pcb, seq);
    *now += ticks;
    on_ack_for_timing(pcb, seq + 1, *now);
}

proptest! {
    /// SRTT and RTTVAR are what RFC 6298 2.2 and 2.3 make of the same samples, but for rounding: SRTT is kept in eighths of a
    /// tick and read in whole ones, which in the long run errs by 7/8 of a tick; RTTVAR, in quarters, by that and 3/4.
    #[test]
    fn estimators_follow_rfc_6298(samples in proptest::collection::vec(1u32..100, 1..100), calm in 1u32..60) {
        let mut bench = bench();
        let id = connected(&mut bench, 536, SeqNum::new(0), SeqNum::new(u32::MAX - 20));
        let pcb = bench.core.get(id).expect("it lives");
        let (mut reference, mut now) = (Reference::default(), 1);
        for ticks in samples.into_iter().chain([calm; 100]) {
            round_trip(pcb, &mut now, ticks);
            reference.sample(ticks.into());
            let (srtt, rttvar) = (f64::from(pcb.sa()) / 8.0, f64::from(pcb.sv()) / 4.0);
            let expected = reference.srtt.expect("there was a sample");
            prop_assert!((srtt - expected).abs() <= 0.875, "SRTT {} instead of {}", srtt, expected);
            prop_assert!((rttvar - reference.rttvar).abs() <= 1.625, "RTTVAR {} instead of {}", rttvar, reference.rttvar);
            prop_assert_eq!(pcb.rto(), (pcb.sa() >> 3) + pcb.sv());
            // 2.4: at least a second.
            prop_assert!(u32::try_from(pcb.rto()).is_ok_and(|rto| rto * config::TCP_SLOW_INTERVAL >= 1000));
        }
    }

    /// 5.5 to 5.7: each timeout in a row doubles, up to a bound of at least a minute, and never beyond the counter.
    #[test]
    fn timeouts_back_off(samples in proptest::collection::vec(1u32..1000, 0..20)) {
        let mut bench = bench();
        let id = connected(&mut bench, 536, SeqNum::new(0), SeqNum::new(5));
        let pcb = bench.core.get(id).expect("it lives");
        let mut now = 1;
        for ticks in samples {
            round_trip(pcb, &mut now, ticks);
        }
        let start = i32::from(pcb.rto());
        let mut before = start;
        for retry in 0..config::TCP_MAXRTX {
            on_timeout(pcb);
            on_resent(pcb);
            let rto = i32::from(pcb.rto());
            let doubled = (before * 2).min(i16::MAX.into());
            if retry < 7 {
                prop_assert_eq!(rto, doubled);
            } else {
                prop_assert!(rto == before && rto * config::TCP_SLOW_INTERVAL as i32 >= 60_000);
            }
            prop_assert_eq!(pcb.rtime(), 0);
            before = rto;
        }
        // An acknowledgment of new data ends it.
        on_probe(pcb, pcb.snd_nxt());
        on_new_ack(pcb, pcb.snd_nxt());
        prop_assert_eq!(i32::from(pcb.rto()), start);
        prop_assert_eq!(pcb.nrtx(), 0);
    }

    /// The timer expires after as many ticks as the RTO has, not before, and only if it runs.
    #[test]
    fn the_timer_expires_in_time(rtt in 1u32..200) {
        let mut bench = bench();
        let id = connected(&mut bench, 536, SeqNum::new(0), SeqNum::new(5));
        let pcb = bench.core.get(id).expect("it lives");
        let mut now = 1;
        round_trip(pcb, &mut now, rtt);
        own(pcb).set_rtime(-1);
        prop_assert!((0..1000).all(|_| !on_tick(pcb)));
        restart_timer(pcb);
        let expired = (1..).find(|_| on_tick(pcb));
        prop_assert_eq!(expired, Some(pcb.rto()));
        // It stays expired, however long nobody looks.
        prop_assert!((0..40_000).all(|_| on_tick(pcb)));
    }
}

/// RFC 6298 2.1: before the first sample.
#[test]
fn the_first_timeout_is_the_configured_one() {
    let mut bench = bench();
    let id = bench.new_pcb();
    let pcb = bench.core.get(id).expect("it lives");
    assert_eq!(pcb.rto() as u32, config::LWIP_TCP_RTO_TIME / config::TCP_SLOW_INTERVAL);
    // 5.5 holds for a SYN, too; lwIP sends it again at the same interval.
    cm::enter(pcb, State::SynSent);
    on_timeout(pcb);
    assert_eq!(pcb.rto() as u32, config::LWIP_TCP_RTO_TIME / config::TCP_SLOW_INTERVAL);
}

/// Karn's algorithm (RFC 6298 3): what was sent twice gives no sample; neither does an ACK of what was sent before.
#[test]
fn retransmissions_are_not_timed() {
    let mut bench = bench();
    let id = connected(&mut bench, 536, SeqNum::new(0), SeqNum::new(5));
    let pcb = bench.core.get(id).expect("it lives");
    let estimators = (pcb.sa(), pcb.sv());
    on_timing(pcb, pcb.snd_nxt(), 10, true);
    // Not the segment being timed.
    on_ack_for_timing(pcb, pcb.snd_nxt(), 20);
    assert_eq!((pcb.sa(), pcb.sv(), pcb.rttest()), (estimators.0, estimators.1, 10));
    // A second segment meanwhile does not start the timing anew.
    on_timing(pcb, pcb.snd_nxt() + 1, 15, true);
    assert_eq!((pcb.rttest(), pcb.rtseq()), (10, pcb.snd_nxt()));
}
