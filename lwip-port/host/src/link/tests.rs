//! The link in virtual time, against what each of its settings promises.

use proptest::prelude::*;

use super::path::{OVERTAKERS, OVERTAKING};
use super::*;
use crate::device::{Medium, Pipe, pipe};

const MTU: usize = 1500;

/// A link, and the wire that its device is one end of.
struct Bench {
    link: Link<Pipe, VirtualClock>,
    far: Pipe,
    clock: VirtualClock,
    start: Instant,
}

/// A frame that arrived: which one, when, and its octets.
#[derive(Clone, Debug, PartialEq)]
struct Arrived {
    serial: u32,
    after: Duration,
    octets: Vec<u8>,
}

fn frame(serial: u32, length: usize) -> Vec<u8> {
    let mut octets = serial.to_be_bytes().to_vec();
    octets.resize(length.max(4), u8::try_from(serial % 251).unwrap());
    octets
}

impl Bench {
    fn new(sending: Impairments, receiving: Impairments, seed: u64) -> Self {
        let (near, far) = pipe(Capabilities { medium: Medium::Ip, mtu: MTU }, 1 << 17);
        let clock = VirtualClock::new();
        let start = clock.now();
        Self { link: Link::with_clock(near, sending, receiving, seed, clock.clone()), far, clock, start }
    }

    fn arrived(&self, octets: &[u8]) -> Arrived {
        let serial = u32::from_be_bytes(octets[..4].try_into().unwrap());
        Arrived { serial, after: self.clock.now() - self.start, octets: octets.to_vec() }
    }

    /// What is at the far end by now, and at the near one.
    fn drain(&mut self, sent: &mut Vec<Arrived>, received: &mut Vec<Arrived>) {
        let mut buffer = [0; MTU];
        while let Some(length) = self.link.receive(&mut buffer).unwrap() {
            received.push(self.arrived(&buffer[..length]));
        }
        while let Some(length) = self.far.receive(&mut buffer).unwrap() {
            sent.push(self.arrived(&buffer[..length]));
        }
    }

    /// Sends `count` frames each way, `gap` apart, and waits by the link's own deadlines until nothing is on the way.
    fn run(&mut self, count: u32, length: usize, gap: Duration) -> (Vec<Arrived>, Vec<Arrived>) {
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        for serial in 0..count {
            self.far.send(&frame(serial, length)).unwrap();
            self.link.send(&frame(serial, length)).unwrap();
            self.drain(&mut sent, &mut received);
            let next = self.clock.now() + gap;
            while let Some(deadline) = self.link.deadline().filter(|deadline| *deadline <= next) {
                self.clock.advance_to(deadline);
                let before = sent.len() + received.len();
                self.drain(&mut sent, &mut received);
                assert!(sent.len() + received.len() > before, "a deadline without a frame");
            }
            self.clock.advance_to(next);
        }
        while let Some(deadline) = self.link.deadline() {
            self.clock.advance_to(deadline);
            self.drain(&mut sent, &mut received);
        }
        (sent, received)
    }
}

fn chance() -> impl Strategy<Value = Chance> {
    prop_oneof![Just(0.0), 0.0..=1.0, Just(1.0)].prop_map(|probability| Chance::new(probability).unwrap())
}

fn milliseconds(most: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), (0..=most * 1000).prop_map(Duration::from_micros)]
}

fn rate() -> impl Strategy<Value = Option<Rate>> {
    prop_oneof![
        Just(None),
        (1_u32..50, 1_u64..100).prop_map(|(count, per)| Some(Rate::Frames { count, per: Duration::from_millis(per) })),
        (10_000_u64..100_000_000, 0_u32..10_000).prop_map(|(per_second, burst)| Some(Rate::Bits { per_second, burst })),
    ]
}

prop_compose! {
    fn impairments()(
        (loss, marking, corruption, duplication, reordering) in (chance(), chance(), chance(), chance(), chance()),
        (delay, jitter) in (milliseconds(50), milliseconds(20)),
        size_limit in prop::option::of(4_usize..1500),
        rate in rate(),
        queue in 0_usize..50,
    ) -> Impairments {
        Impairments { loss, marking, corruption, duplication, reordering, delay, jitter, size_limit, rate, queue }
    }
}

fn check_balance(arrived: &[Arrived], counts: PathCounts, offered: u32) {
    assert_eq!(counts.offered, u64::from(offered));
    let gone = counts.lost + counts.oversized + counts.overflowed;
    assert_eq!(arrived.len() as u64, counts.offered - gone + counts.duplicated);
}

/// How many earlier frames arrived after each, at most.
fn most_overtaken(arrived: &[Arrived]) -> usize {
    arrived
        .iter()
        .enumerate()
        .map(|(place, late)| arrived[..place].iter().filter(|earlier| earlier.serial > late.serial).count())
        .max()
        .unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever the settings: every frame is accounted for, in both directions.
    #[test]
    fn no_frame_is_forgotten(sending in impairments(), receiving in impairments(), seed: u64, length in 4_usize..1500) {
        let mut bench = Bench::new(sending, receiving, seed);
        let (sent, received) = bench.run(60, length, Duration::from_millis(1));
        let counters = bench.link.counters();
        check_balance(&sent, counters.sending(), 60);
        check_balance(&received, counters.receiving(), 60);
        prop_assert_eq!(counters.sending().oversized > 0, sending.size_limit.is_some_and(|limit| length > limit));
    }

    #[test]
    fn the_same_seed_does_the_same(impairments in impairments(), seed: u64) {
        let run = || Bench::new(impairments, impairments, seed).run(60, 100, Duration::from_micros(700));
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn order_is_kept_unless_it_shall_not_be(impairments in impairments(), seed: u64) {
        let impairments = Impairments { corruption: Chance::NEVER, reordering: Chance::NEVER, ..impairments };
        let (sent, received) = Bench::new(impairments, impairments, seed).run(60, 100, Duration::from_micros(700));
        prop_assert!(sent.is_sorted_by_key(|arrived| arrived.serial));
        prop_assert!(received.is_sorted_by_key(|arrived| arrived.serial));
    }

    #[test]
    fn few_frames_overtake_and_none_waits_for_ever(
        reordering in chance(), delay in milliseconds(50), gap in milliseconds(15), seed: u64,
    ) {
        let impairments = Impairments { reordering, delay, ..Impairments::NONE };
        let (sent, _) = Bench::new(impairments, Impairments::NONE, seed).run(60, 100, gap);
        prop_assert!(most_overtaken(&sent) <= usize::from(OVERTAKERS));
        for arrived in sent {
            let left = gap * arrived.serial;
            prop_assert!((left + delay..=left + delay + OVERTAKING).contains(&arrived.after));
        }
    }

    #[test]
    fn delay_and_jitter_bound_the_time(delay in milliseconds(50), jitter in milliseconds(20), seed: u64) {
        let impairments = Impairments { delay, jitter, ..Impairments::NONE };
        let gap = Duration::from_millis(1);
        let (_, received) = Bench::new(Impairments::NONE, impairments, seed).run(60, 100, gap);
        for arrived in received {
            let left = gap * arrived.serial;
            prop_assert!((left + delay..=left + delay + jitter).contains(&arrived.after));
        }
    }

    #[test]
    fn corruption_changes_one_octet(seed: u64, length in 4_usize..1500) {
        let impairments = Impairments { corruption: Chance::new(1.0).unwrap(), ..Impairments::NONE };
        let (sent, _) = Bench::new(impairments, Impairments::NONE, seed).run(20, length, Duration::ZERO);
        for (serial, arrived) in (0..).zip(sent) {
            let whole = frame(serial, length);
            prop_assert_eq!(arrived.octets.len(), whole.len());
            prop_assert_eq!(arrived.octets.iter().zip(&whole).filter(|(a, b)| a != b).count(), 1);
        }
    }

    /// In no interval does more pass than the bucket holds and wins back.
    #[test]
    fn the_bucket_bounds_every_interval(count in 1_u32..20, per in 1_u64..50, gap in milliseconds(3), queue in 0_usize..40) {
        let per = Duration::from_millis(per);
        let impairments = Impairments { rate: Some(Rate::Frames { count, per }), queue, ..Impairments::NONE };
        let (sent, _) = Bench::new(impairments, Impairments::NONE, 1).run(100, 100, gap);
        let cost = per / count;
        for (first, from) in sent.iter().enumerate() {
            for (more, to) in sent.iter().skip(first).enumerate() {
                // Cut off below the nanosecond: one nanosecond less for each frame.
                let won = (to.after - from.after).as_nanos() / cost.as_nanos();
                prop_assert!((more as u128) < u128::from(count) + won + 1, "{more} more after {:?}", to.after - from.after);
            }
        }
    }
}

#[test]
fn a_perfect_wire_changes_nothing() {
    let mut bench = Bench::new(Impairments::NONE, Impairments::NONE, 1);
    let (sent, received) = bench.run(100, 1500, Duration::from_millis(1));
    assert_eq!(sent, received);
    assert!(sent.iter().zip(0..).all(|(arrived, serial)| {
        arrived.octets == frame(serial, 1500) && arrived.after == Duration::from_millis(1) * serial
    }));
}

#[test]
fn chances_are_what_they_say() {
    let five_percent = Chance::new(0.05).unwrap();
    let impairments = Impairments {
        loss: five_percent,
        corruption: five_percent,
        duplication: five_percent,
        reordering: five_percent,
        ..Impairments::NONE
    };
    let mut bench = Bench::new(impairments, impairments, 7);
    bench.run(20_000, 60, Duration::from_micros(10));
    for counts in [bench.link.counters().sending(), bench.link.counters().receiving()] {
        // Four standard deviations around 1,000 of 20,000; a little less after loss, and while one frame waits no other may.
        for count in [counts.lost, counts.corrupted, counts.duplicated] {
            assert!((820..=1130).contains(&count), "{counts}");
        }
        assert!((700..=1130).contains(&counts.reordered), "{counts}");
    }
    assert_ne!(bench.link.counters().sending(), bench.link.counters().receiving(), "two directions, two sequences");
}

#[test]
fn a_slow_link_spaces_what_comes_at_once_and_its_queue_is_bounded() {
    // 100 octets at 80,000 bit/s take 10 ms each: one goes at once, 5 wait, the rest is lost.
    let rate = Some(Rate::Bits { per_second: 80_000, burst: 0 });
    let impairments = Impairments { rate, queue: 5, ..Impairments::NONE };
    let mut bench = Bench::new(impairments, Impairments::NONE, 1);
    let (sent, _) = bench.run(10, 100, Duration::ZERO);
    let times: Vec<_> = sent.iter().map(|arrived| arrived.after.as_millis()).collect();
    assert_eq!(times, [0, 10, 20, 30, 40, 50]);
    assert_eq!(bench.link.counters().sending().overflowed, 4);
}

#[test]
fn what_was_sent_before_the_end_still_arrives() {
    let late = Impairments { delay: Duration::from_millis(5), ..Impairments::NONE };
    let Bench { mut link, mut far, clock, .. } = Bench::new(Impairments::NONE, late, 1);
    far.send(&frame(1, 4)).unwrap();
    drop(far);
    assert_eq!(link.receive(&mut [0; MTU]).unwrap(), None);
    clock.advance(Duration::from_millis(5));
    assert_eq!(link.receive(&mut [0; MTU]).unwrap(), Some(4));
    assert_eq!(link.receive(&mut [0; MTU]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn no_probability_is_beyond_one() {
    for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(Chance::new(wrong), None);
    }
}
