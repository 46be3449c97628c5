//! CUBIC against a floating-point reference of RFC 9438.

use super::super::cubic::{Cubic, k, w_cubic};
use super::*;
use std::vec::Vec;

const C: f64 = 0.4;

fn k_reference(w_max: f64, cwnd: f64) -> f64 {
    ((w_max - cwnd) / C).cbrt()
}

fn within_a_percent(got: f64, wanted: f64) -> bool {
    (got - wanted).abs() <= wanted.abs() * 0.01
}

/// RFC 9438 4.2, figure 2, for windows from a few segments to those of a fast and long path.
#[test]
fn k_is_the_cubic_root() {
    for mss in [536u32, 1460, 8960] {
        for segments in [10u32, 33, 100, 1_000, 10_000, 100_000] {
            let w_max = segments * mss;
            let cwnd = w_max / 10 * 7;
            let wanted = k_reference(f64::from(w_max) / f64::from(mss), f64::from(cwnd) / f64::from(mss)) * 1000.0;
            assert!(within_a_percent(k(w_max, cwnd, mss).into(), wanted), "{segments} segments of {mss}");
        }
    }
    // The RFC's example of what C stands for: 0.4 segments/s^3, so a gap of 0.4 segments is closed in a second.
    assert_eq!(k(10_400, 10_000, 1000), 1000);
    assert_eq!(k(10_000, 12_000, 1000), 0);
}

proptest! {
    /// RFC 9438 4.2, figure 1.
    #[test]
    fn w_is_the_cubic_function(segments in 4u32..20_000, mss in 64u32..9000, t in 0u32..60_000) {
        let w_max = segments * mss;
        let cwnd = w_max / 10 * 7;
        let k = k(w_max, cwnd, mss);
        let seconds = (f64::from(t) - f64::from(k)) / 1000.0;
        let wanted = C * seconds.powi(3) * f64::from(mss) + f64::from(w_max);
        let got = f64::from(w_cubic(t, k, w_max, mss));
        prop_assert!(within_a_percent(got, wanted) || (got - wanted).abs() <= 2.0, "{got} for {wanted}");
    }

    /// Whatever happens and however long it takes, the window neither shrinks in congestion avoidance nor grows by more than
    /// half in a round trip, nor by more than what RFC 9438 4.3 gives Reno.
    #[test]
    fn the_window_grows_within_bounds(
        mss in 1u32..=9000, start in 1u32..0x4000_0000, w_max: u32,
        acks in proptest::collection::vec((1u32..100_000, 0u32..100_000, 0u32..20_000), 1..60),
    ) {
        let mut cubic = Cubic::default();
        cubic.on_congestion(w_max);
        let (mut cwnd, mut now) = (start.max(2 * mss), 0u32);
        for (acked, pause, rtt) in acks {
            now = now.wrapping_add(pause);
            let next = cubic.avoid(cwnd, mss, acked, w_max, (now, rtt));
            prop_assert!(next >= cwnd);
            prop_assert!(u64::from(next) <= u64::from(cwnd) + u64::from(cwnd / 2).max(u64::from(mss)) * 2 + 1);
            cwnd = next.min(0x4000_0000);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// From one loss to where the window was before and beyond: the window is that of the reference all the way, whatever
    /// the round trip and however the ACKs are divided.
    #[test]
    fn the_window_grows_as_the_reference_says(segments in 20u32..400, rtt in 20u32..300, division in 1u32..4) {
        const MSS: u32 = 1460;
        let w_max = segments * MSS;
        let mut cubic = Cubic::default();
        cubic.on_congestion(w_max);
        let start = w_max / 10 * 7;
        let (mut cwnd, mut now) = (start, 5_000_000u32);
        let mut reference = Reference::new(f64::from(w_max) / f64::from(MSS), f64::from(start) / f64::from(MSS));
        for _ in 0..100 {
            // A window's worth of ACKs, evenly over a round trip.
            let acks = (cwnd / MSS * division).max(1);
            let (window, begin) = (cwnd, now);
            for ack in 0..acks {
                now = begin + rtt * ack / acks;
                cwnd = cubic.avoid(cwnd, MSS, window / acks, w_max, (now, rtt));
                reference.on_ack(f64::from(window / acks) / f64::from(MSS), f64::from(now) / 1000.0, f64::from(rtt) / 1000.0);
            }
            now = begin + rtt;
            let wanted = reference.cwnd * f64::from(MSS);
            prop_assert!(within_a_percent(cwnd.into(), wanted), "{cwnd} for {wanted} after {} ms", now - 5_000_000);
        }
    }
}

/// RFC 9438 in floating point: segments and seconds.
struct Reference {
    w_max: f64,
    k: f64,
    epoch: Option<f64>,
    w_est: f64,
    cwnd: f64,
}

impl Reference {
    fn new(w_max: f64, cwnd: f64) -> Self {
        Self { w_max, k: k_reference(w_max, cwnd), epoch: None, w_est: cwnd, cwnd }
    }

    fn on_ack(&mut self, acked: f64, now: f64, rtt: f64) {
        let t = now - *self.epoch.get_or_insert(now);
        let alpha = if self.w_est < self.w_max { 3.0 * 0.3 / 1.7 } else { 1.0 };
        self.w_est += alpha * acked / self.cwnd;
        let w = |t: f64| C * (t - self.k).powi(3) + self.w_max;
        if w(t) < self.w_est {
            self.cwnd = self.cwnd.max(self.w_est);
        } else {
            self.cwnd += (w(t + rtt).clamp(self.cwnd, 1.5 * self.cwnd) - self.cwnd) / self.cwnd * acked;
        }
    }
}

/// RFC 9438 4.3: where Reno would be faster, on short paths, CUBIC is as fast.
#[test]
fn on_short_paths_the_window_is_renos() {
    const MSS: u32 = 1000;
    let mut cubic = Cubic::default();
    cubic.on_congestion(10 * MSS);
    let mut cwnd = 7 * MSS;
    let mut windows = Vec::new();
    for round in 0..40u32 {
        cwnd = cubic.avoid(cwnd, MSS, cwnd, 10 * MSS, (round * 5, 5));
        windows.push(cwnd);
    }
    // 9/17 of a segment each round trip up to the window before the loss, then one.
    assert!(windows.iter().take(5).zip(1u32..).all(|(window, round)| window.abs_diff(7000 + round * 9000 / 17) <= 2));
    let tail: Vec<u32> = windows.windows(2).map(|pair| pair[1] - pair[0]).skip(10).collect();
    assert!(tail.iter().all(|step| step.abs_diff(MSS) <= 1), "{tail:?}");
}

/// RFC 9438 4.7: a flow that did not get its window back leaves room for others.
#[test]
fn fast_convergence_and_undo() {
    let mut bench = bench();
    let id = established(&mut bench, 1000, 0xffff);
    let pcb = bench.core.get(id).expect("it lives");
    let cc = own(pcb);
    rod::on_probe(pcb, SeqNum::new(59_999));
    let mut cubic = Cubic::default();
    cc.set_cwnd(60_000);
    cubic.on_fast_retransmit(&cc);
    assert_eq!((pcb.ssthresh(), cubic.last_maximum()), (42_000, 60_000));
    cubic.on_recovered(&cc);
    assert_eq!(pcb.cwnd(), 42_000);
    cubic.on_fast_retransmit(&cc);
    // 42,000 * (1 + 0.7) / 2.
    assert_eq!((u32::from(pcb.ssthresh()), cubic.last_maximum()), (29_400, 35_700));
    cubic.on_undone(&cc);
    assert_eq!((pcb.cwnd(), pcb.ssthresh(), cubic.last_maximum()), (42_000, 42_000, 60_000));
}
