//! BBR against a path in miniature, its invariants under any events, and pacing.

use super::super::bbr::{Bbr, Io, State};
use super::super::pacing::{allowance, left, time_for};
use super::super::{RateSample, Sample};
use super::*;

const MSS: u32 = 1000;

fn io() -> Io {
    Io { cwnd: 10 * MSS, pacing_rate: 0, mss: MSS, initial_cwnd: 10 * MSS, recovering: false, random: 0x5a5a_5a5a }
}

/// A path of `rate` octets per second and `rtt` ms with a queue that does not end: every millisecond something is delivered.
struct Path {
    bbr: Bbr,
    io: Io,
    rate: u32,
    rtt: u32,
    now: u32,
    delivered: u32,
    flight: u32,
}

impl Path {
    fn new(rate: u32, rtt: u32) -> Self {
        Self { bbr: Bbr::default(), io: io(), rate, rtt, now: 1_000_000, delivered: 0, flight: 0 }
    }

    /// A round trip; `lost` octets are lost in it. Says how long it took.
    fn round(&mut self, lost: u32) -> u32 {
        let bdp = (u64::from(self.rate) * u64::from(self.rtt) / 1000) as u32;
        let paced = (u64::from(self.io.pacing_rate) * u64::from(self.rtt) / 1000) as u32;
        self.flight = self.io.cwnd.min(paced.max(self.flight).max(MSS));
        // What does not fit the path waits.
        let took = self.rtt.max((u64::from(self.flight) * 1000 / u64::from(self.rate)) as u32);
        let (flight, prior) = (self.flight, self.delivered);
        let (pieces, begin) = ((flight / MSS).max(1), self.now);
        for piece in 0..pieces {
            self.now = begin.wrapping_add((u64::from(took) * u64::from(piece + 1) / u64::from(pieces)) as u32);
            self.delivered = self.delivered.wrapping_add(flight / pieces);
            let sample = Sample {
                now: self.now,
                newly_delivered: flight / pieces,
                newly_lost: if piece == 0 { lost } else { 0 },
                prior_in_flight: flight,
                in_flight: flight.saturating_sub(flight / pieces).min(bdp),
                delivered: self.delivered,
                rate: Some(RateSample {
                    delivered: flight,
                    interval: took,
                    prior_delivered: prior.wrapping_add(flight / pieces * piece).wrapping_sub(if piece == 0 {
                        0
                    } else {
                        flight
                    }),
                }),
            };
            self.bbr.update(&mut self.io, &sample);
        }
        self.flight = 0;
        took
    }
}

/// draft-ietf-ccwg-bbr, "Exiting STARTUP on Bandwidth Plateau": the model is the path's, and Startup is over.
#[test]
fn the_model_is_that_of_the_path() {
    for (rate, rtt) in [(125_000, 200), (1_250_000, 40), (12_500_000, 10), (1_250_000, 300)] {
        let mut path = Path::new(rate, rtt);
        for _ in 0..60 {
            path.round(0);
        }
        let got = path.bbr.bandwidth();
        assert!(got.abs_diff(rate) <= rate / 20, "{got} for {rate} octets/s at {rtt} ms");
        assert!(!matches!(path.bbr.state(), State::Startup | State::Drain), "{:?}", path.bbr.state());
        // Not more than a quarter above what the path takes, and not less than the pace of ProbeBW_DOWN.
        let bdp = rate / 1000 * rtt;
        assert!(path.io.pacing_rate <= rate / 100 * 132 && path.io.pacing_rate >= rate / 100 * 84);
        assert!(path.io.cwnd >= bdp.max(4 * MSS) && path.io.cwnd <= 4 * bdp + 20 * MSS, "{} for {bdp}", path.io.cwnd);
    }
}

/// Random loss of up to 10 %, without a queue, does not slow it down.
#[test]
fn random_loss_is_not_congestion() {
    let mut path = Path::new(1_250_000, 40);
    for round in 0..400 {
        path.round(if round % 2 == 0 { 0 } else { 5 * MSS });
    }
    assert!(path.bbr.bandwidth() >= 1_150_000);
    assert!(path.io.pacing_rate >= 1_000_000);
}

/// "Decreasing Bandwidth 10x": max_bw forgets within two cycles of probing.
#[test]
fn a_path_that_gets_slower_is_noticed() {
    let mut path = Path::new(12_500_000, 20);
    for _ in 0..100 {
        path.round(0);
    }
    path.rate = 1_250_000;
    let mut elapsed = 0;
    while elapsed < 15_000 {
        elapsed += path.round(0);
    }
    assert!(path.bbr.bandwidth() <= 2_000_000, "{}", path.bbr.bandwidth());
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Ack { pause: u32, delivered: u32, lost: u32, flight: u32, rate: Option<(u32, u32, u32)> },
    Recovery,
    Timeout(u32),
    Undone,
    Restart,
    AppLimited(u32),
}

fn event() -> impl Strategy<Value = Event> {
    let rate = proptest::option::of((any::<u32>(), 0u32..70_000, any::<u32>()));
    prop_oneof![
        8 => (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>(), rate).prop_map(|(pause, delivered, lost, flight, rate)| {
            // Most are near what happens; some are what a peer that lies, or a clock that jumps, brings about.
            let small = |value: u32, limit: u32| if value & 15 == 0 { value } else { value % limit };
            Event::Ack {
                pause: small(pause, 500),
                delivered: small(delivered, 100_000),
                lost: small(lost, 20_000),
                flight: small(flight, 200_000),
                rate: rate.map(|(octets, ms, age)| (small(octets, 100_000), ms, small(age, 200_000))),
            }
        }),
        1 => Just(Event::Recovery),
        1 => any::<u32>().prop_map(Event::Timeout),
        1 => Just(Event::Undone),
        1 => Just(Event::Restart),
        1 => any::<u32>().prop_map(Event::AppLimited),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever happens: cwnd is at least a segment, and four after an ACK; it grows by no more than was delivered, but for what
    /// it was before a recovery; the pacing rate is positive.
    #[test]
    fn cwnd_and_rate_stay_in_their_bounds(
        mss in 1u32..=9000, start: u32, random: u32, events in proptest::collection::vec(event(), 1..150),
    ) {
        let mut bbr = Bbr::default();
        let mut io = Io { mss, random, cwnd: 10 * mss, initial_cwnd: 10 * mss, ..io() };
        let (mut now, mut total, mut most) = (start, start, u64::from(10 * mss));
        for event in events {
            let still = Sample {
                now, newly_delivered: 0, newly_lost: 0, prior_in_flight: 0, in_flight: 0, delivered: total, rate: None,
            };
            match event {
                Event::Ack { pause, delivered, lost, flight, rate } => {
                    now = now.wrapping_add(pause);
                    total = total.wrapping_add(delivered);
                    let sample = Sample {
                        now,
                        newly_delivered: delivered,
                        newly_lost: lost,
                        prior_in_flight: flight,
                        in_flight: flight.saturating_sub(delivered),
                        delivered: total,
                        rate: rate.map(|(delivered, interval, age)| RateSample {
                            delivered, interval, prior_delivered: total.wrapping_sub(age),
                        }),
                    };
                    bbr.update(&mut io, &sample);
                    most += u64::from(delivered);
                    prop_assert!(io.cwnd >= 4 * mss);
                    prop_assert!(io.pacing_rate > 0);
                }
                Event::Recovery => bbr.enter_recovery(&io),
                Event::Timeout(flight) => {
                    bbr.enter_rto(&mut io, flight % 100_000);
                    most = most.max(u64::from(flight % 100_000) + u64::from(mss));
                }
                Event::Undone => bbr.undo(&mut io, &still),
                Event::Restart => bbr.restart_from_idle(&mut io, &still),
                Event::AppLimited(flight) => bbr.mark_app_limited(total, flight),
            }
            prop_assert!(io.cwnd >= mss);
            // A part in 4,096 is what a remembered window may err by.
            prop_assert!(u64::from(io.cwnd) <= most + most / 1024 + u64::from(4 * mss), "{} above {most}", io.cwnd);
        }
    }

    /// What is sent in any time is what the rate gives in it, and a quantum; and time does pay the debt.
    #[test]
    fn pacing_keeps_to_its_rate(rate in 1_000u32..200_000_000, mss in 64u32..9000, steps in proptest::collection::vec(1u32..30, 1..200)) {
        let (mut debt, mut sent, mut elapsed) = (0u32, 0u64, 0u64);
        for ms in steps {
            while debt <= allowance(rate, mss) {
                debt += mss;
                sent += u64::from(mss);
            }
            let most = u64::from(rate) * elapsed / 1000 + u64::from(allowance(rate, mss)) + u64::from(mss) + elapsed;
            prop_assert!(sent <= most, "{sent} of {most} octets after {elapsed} ms");
            let wait = time_for(debt - allowance(rate, mss), rate);
            prop_assert!(left(debt, rate, wait) <= allowance(rate, mss));
            debt = left(debt, rate, ms);
            elapsed += u64::from(ms);
        }
    }
}
