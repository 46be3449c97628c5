//! HyStart++ against the algorithm of RFC 9406 4.2, as it stands there.

use super::super::hystart::{Growth, HyStart};
use super::*;

const SMSS: u32 = 1000;

/// RFC 9406 4.2, line by line; none is infinity.
struct Reference {
    window_end: u64,
    last_round_min_rtt: Option<u16>,
    current_round_min_rtt: Option<u16>,
    rtt_sample_count: u32,
    css_baseline_min_rtt: Option<u16>,
    /// Rounds of CSS that have begun, if it is CSS.
    css_rounds: Option<u32>,
    over: bool,
}

impl Reference {
    fn new(snd_nxt: u64) -> Self {
        Self {
            window_end: snd_nxt,
            last_round_min_rtt: None,
            current_round_min_rtt: None,
            rtt_sample_count: 0,
            css_baseline_min_rtt: None,
            css_rounds: None,
            over: false,
        }
    }

    fn on_ack(&mut self, una: u64, snd_nxt: u64, curr_rtt: u16) -> Growth {
        if una > self.window_end {
            self.last_round_min_rtt = self.current_round_min_rtt;
            self.current_round_min_rtt = None;
            self.rtt_sample_count = 0;
            self.window_end = snd_nxt;
            if self.css_rounds == Some(5) {
                self.over = true;
            }
            self.css_rounds = self.css_rounds.map(|rounds| rounds + 1);
        }
        if self.over {
            return Growth::None;
        }
        let growth = if self.css_rounds.is_some() { Growth::Part } else { Growth::Whole };
        let current = self.current_round_min_rtt.map_or(curr_rtt, |min| min.min(curr_rtt));
        self.current_round_min_rtt = Some(current);
        self.rtt_sample_count += 1;
        if self.rtt_sample_count < 8 {
            return growth;
        }
        if self.css_rounds.is_some() {
            if self.css_baseline_min_rtt.is_some_and(|baseline| current < baseline) {
                self.css_baseline_min_rtt = None;
                self.css_rounds = None;
            }
        } else if let Some(last) = self.last_round_min_rtt {
            let rtt_thresh = 4.max((last / 8).min(16));
            if u32::from(current) >= u32::from(last) + u32::from(rtt_thresh) {
                self.css_baseline_min_rtt = Some(current);
                self.css_rounds = Some(1);
            }
        }
        growth
    }
}

/// A sender in slow start, each segment acknowledged by itself.
struct Sender {
    state: HyStart,
    una: SeqNum,
    next: SeqNum,
    cwnd: u32,
}

impl Sender {
    fn new() -> Self {
        Self::at(SeqNum::new(u32::MAX - 20_000))
    }

    fn at(first: SeqNum) -> Self {
        Self { state: HyStart::starting(first), una: first, next: first + 10 * SMSS, cwnd: 10 * SMSS }
    }

    fn ack(&mut self, rtt: u16) -> Growth {
        self.una += SMSS;
        let growth = self.state.on_ack(self.una, self.next, rtt);
        match growth {
            Growth::Whole => self.cwnd += SMSS,
            Growth::Part => self.cwnd += SMSS / 4,
            Growth::None => {}
        }
        self.next = self.una + self.cwnd;
        growth
    }

    /// All that is in flight is acknowledged, after so long.
    fn round(&mut self, rtt: u16) -> Growth {
        let mut growth = Growth::None;
        for _ in 0..(self.next - self.una) / SMSS {
            growth = self.ack(rtt);
        }
        growth
    }
}

proptest! {
    /// In any order of ACKs, rounds and round trips, and wherever sequence numbers begin.
    #[test]
    fn does_what_rfc_9406_says(
        first: u32, acks in proptest::collection::vec((1u32..4, 0u32..6, prop_oneof![40u16..52, 1u16..400]), 1..400),
    ) {
        let (mut ours, mut reference) = (HyStart::starting(SeqNum::new(first)), Reference::new(first.into()));
        let (mut una, mut next) = (u64::from(first), u64::from(first) + u64::from(10 * SMSS));
        for (acked, sent, rtt) in acks {
            una = (una + u64::from(acked * SMSS)).min(next);
            let wanted = reference.on_ack(una, next, rtt);
            prop_assert_eq!(ours.on_ack(SeqNum::new(una as u32), SeqNum::new(next as u32), rtt), wanted);
            next += u64::from(sent * SMSS);
        }
    }

    /// A path whose round trip does not grow by MIN_RTT_THRESH never ends slow start.
    #[test]
    fn jitter_below_the_threshold_is_none(rtt in 1u16..1000, jitter in proptest::collection::vec(0u16..4, 400)) {
        let mut sender = Sender::new();
        for jitter in jitter {
            prop_assert_eq!(sender.ack(rtt + jitter), Growth::Whole);
        }
    }
}

/// RFC 9406 4.2: RttThresh = max(MIN_RTT_THRESH, min(lastRoundMinRTT / MIN_RTT_DIVISOR, MAX_RTT_THRESH)).
#[test]
fn a_round_trip_that_grows_by_the_threshold_begins_css() {
    for (rtt, threshold) in [(1, 4), (8, 4), (32, 4), (40, 5), (100, 12), (128, 16), (500, 16), (60_000, 16)] {
        for (grown, css) in [(threshold - 1, false), (threshold, true)] {
            let mut sender = Sender::new();
            sender.round(rtt);
            let growth = sender.round(rtt + grown);
            assert_eq!(growth == Growth::Part, css, "{rtt} ms and {grown}");
        }
    }
}

/// N_RTT_SAMPLE: fewer than eight round trips say nothing.
#[test]
fn eight_samples_are_needed() {
    let mut sender = Sender::new();
    sender.round(40);
    for _ in 0..8 {
        assert_eq!(sender.ack(80), Growth::Whole);
    }
    assert_eq!(sender.ack(80), Growth::Part);
}

/// CSS_ROUNDS: five rounds, that in which it begins included, at a quarter of the pace; then slow start is over.
#[test]
fn css_lasts_for_five_rounds() {
    let mut sender = Sender::new();
    sender.round(40);
    assert_eq!(sender.round(50), Growth::Part);
    for _ in 0..4 {
        let before = sender.cwnd;
        assert_eq!(sender.round(50), Growth::Part);
        assert!(sender.cwnd > before && sender.cwnd <= before + before / 4);
    }
    let before = sender.cwnd;
    assert_eq!(sender.round(50), Growth::None);
    assert_eq!(sender.cwnd, before);
}

/// RFC 9406 4.2: "indicating that slow start exit was spurious".
#[test]
fn slow_start_resumes_when_round_trips_get_shorter_again() {
    let mut sender = Sender::new();
    sender.round(40);
    assert_eq!(sender.round(50), Growth::Part);
    assert_eq!(sender.round(50), Growth::Part);
    assert_eq!(sender.round(49), Growth::Whole);
    // And may end again, for as many rounds.
    assert_eq!(sender.round(60), Growth::Part);
    for _ in 0..4 {
        assert_eq!(sender.round(60), Growth::Part);
    }
    assert_eq!(sender.round(60), Growth::None);
}

/// A connection with SACK in its first slow start.
fn starting(bench: &mut Bench) -> PcbId {
    let id = established(bench, SMSS as u16, 0xffff);
    let pcb = bench.core.get(id).expect("it lives");
    cm::on_syn_options(pcb, &crate::wire::Options { sack_permitted: true, ..Default::default() });
    own(pcb).set_cwnd(wnd(4 * SMSS));
    own(pcb).set_ssthresh(Wnd::MAX);
    id
}

/// RFC 9406 4.2: L = 8 without pacing. The first loss or timeout leaves RFC 5681's slow start, with RFC 3465's L = 2.
#[test]
fn the_first_slow_start_is_the_only_one() {
    for loss in [Event::FastRetransmit, Event::Timeout] {
        let mut bench = bench();
        let id = starting(&mut bench);
        let pcb = bench.core.get(id).expect("it lives");
        on_ack(pcb, 9 * SMSS, false);
        assert_eq!(u32::from(pcb.cwnd()), 12 * SMSS);
        apply(pcb, loss);
        own(pcb).set_cwnd(wnd(4 * SMSS));
        own(pcb).set_ssthresh(Wnd::MAX);
        on_ack(pcb, 9 * SMSS, false);
        assert_eq!(u32::from(pcb.cwnd()), 6 * SMSS);
    }
}

/// RFC 9406 4.2: after CSS "enter congestion avoidance": ssthresh is cwnd. In CSS the window grows by a quarter of what is
/// acknowledged.
#[test]
fn after_css_the_window_is_the_threshold() {
    for algorithm in 0..=u8::from(cfg!(cubic)) {
        let mut bench = bench();
        let id = starting(&mut bench);
        let pcb = bench.core.get(id).expect("it lives");
        assert!(choose(pcb, algorithm));
        rod::on_probe(pcb, SeqNum::new(3 * SMSS));
        // Its rounds end before the connection's first octet.
        let mut sender = Sender::at(SeqNum::new(0) - 10_000_000);
        sender.round(1);
        assert_eq!(sender.round(9), Growth::Part);
        set_hystart(&own(pcb), sender.state);
        on_ack(pcb, 2 * SMSS, false);
        assert_eq!(u32::from(pcb.cwnd()), 4 * SMSS + SMSS / 2);
        assert_eq!(pcb.ssthresh(), Wnd::MAX);
        for _ in 0..4 {
            assert_eq!(sender.round(9), Growth::Part);
        }
        set_hystart(&own(pcb), sender.state);
        on_ack(pcb, 2 * SMSS, false);
        assert_eq!(u32::from(pcb.cwnd()), 4 * SMSS + SMSS / 2);
        assert_eq!(pcb.ssthresh(), pcb.cwnd());
    }
}

/// A peer without SACK has RFC 5681's slow start: there are no round trips to go by.
#[test]
fn without_sack_there_is_no_hystart() {
    let mut bench = bench();
    let id = established(&mut bench, SMSS as u16, 0xffff);
    let pcb = bench.core.get(id).expect("it lives");
    own(pcb).set_ssthresh(Wnd::MAX);
    let before = u32::from(pcb.cwnd());
    on_ack(pcb, 9 * SMSS, false);
    assert_eq!(u32::from(pcb.cwnd()), before + 2 * SMSS);
}
