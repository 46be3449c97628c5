//! One direction of the path: a drop-tail queue before a link of some rate, then the wire with its delay, loss,
//! reordering and duplication.
//!
//! The queue is first in, first out, so when a packet leaves is known when it arrives; nothing is simulated between.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::rng::Stream;
use crate::units::Nanos;
use crate::wire::{Headers, mark_ce};

/// Which packets the wire loses.
#[derive(Clone, Debug, Default, Serialize)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each with the same probability.
    Random(f64),
    /// Bursts: a good and a bad state (Gilbert-Elliott).
    Bursty {
        /// Probability per packet of going from good to bad.
        to_bad: f64,
        /// Probability per packet of going from bad to good.
        to_good: f64,
        /// Loss in the good state.
        in_good: f64,
        /// Loss in the bad state.
        in_bad: f64,
    },
}

/// What one direction does to packets.
#[derive(Clone, Debug, Serialize)]
pub struct LinkSpec {
    /// Bits per second from the start on.
    pub rate: u64,
    /// Rates from later points of time on, in order; 0 holds what is queued.
    pub rate_steps: Vec<(Nanos, u64)>,
    /// Bytes that each packet takes on the link beside its own, 38 for Ethernet.
    pub overhead: u32,
    /// Propagation delay.
    pub delay: Nanos,
    /// Up to so much more delay, uniform; packets stay in order.
    pub jitter: Nanos,
    /// Packets that wait at most, the one on the link included.
    pub queue: usize,
    /// Mark instead of queueing silently: packets that find at least so many waiting get CE if they may.
    pub ecn_mark: Option<usize>,
    /// Loss on the wire; what is lost has taken its time on the link.
    pub loss: Loss,
    /// The n-th data packets (from 1) of each flow, lost for certain.
    pub drop_nth: Vec<u64>,
    /// Share of packets that are overtaken.
    pub reorder: f64,
    /// How much later than it should an overtaken packet arrives.
    pub reorder_delay: Nanos,
    /// Share of packets that arrive twice.
    pub duplicate: f64,
    /// Share of packets that arrive with a bit flipped.
    pub corrupt: f64,
    /// From when for how long the wire carries nothing.
    pub outages: Vec<(Nanos, Nanos)>,
    /// From when on which packets are too long, in bytes: the wire loses them, and nobody says so.
    pub mtu: Vec<(Nanos, usize)>,
    /// Of so many pure ACKs in a row only the last goes on; 0 and 1: all do.
    pub ack_thinning: u32,
    /// How long an ACK waits at most for those that replace it.
    pub ack_hold: Nanos,
    /// Packets arrive only at multiples of this: a radio that sends aggregates. 0: any time.
    pub compression: Nanos,
}

impl Default for LinkSpec {
    fn default() -> Self {
        LinkSpec {
            rate: 10_000_000,
            rate_steps: Vec::new(),
            overhead: 38,
            delay: Nanos::from_millis(20),
            jitter: Nanos(0),
            queue: 100,
            ecn_mark: None,
            loss: Loss::None,
            drop_nth: Vec::new(),
            reorder: 0.0,
            reorder_delay: Nanos(4_500_000),
            duplicate: 0.0,
            corrupt: 0.0,
            outages: Vec::new(),
            mtu: Vec::new(),
            ack_thinning: 0,
            ack_hold: Nanos::from_millis(10),
            compression: Nanos(0),
        }
    }
}

impl LinkSpec {
    /// When `bits` that begin at `start` are through, all rate steps counted.
    fn finish(&self, start: Nanos, bits: u64) -> Nanos {
        let mut at = start;
        let mut left = bits as f64;
        let mut rate = self.rate;
        for &(step, next) in &self.rate_steps {
            if step > at {
                let room = step.since(at).secs() * rate as f64;
                if left <= room {
                    break;
                }
                left -= room;
                at = step;
            }
            rate = next;
        }
        if rate == 0 {
            return Nanos::NEVER;
        }
        at.plus(Nanos((left * 1e9 / rate as f64).round() as u64))
    }

    fn is_out(&self, at: Nanos) -> bool {
        self.outages.iter().any(|&(from, length)| at >= from && at < from.plus(length))
    }

    fn is_too_long(&self, at: Nanos, len: usize) -> bool {
        self.mtu.iter().rfind(|&&(from, _)| at >= from).is_some_and(|&(_, mtu)| len > mtu)
    }
}

/// A packet on its way.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Whose it is.
    pub flow: usize,
    /// The IP packet.
    pub data: Vec<u8>,
    /// What it says.
    pub headers: Headers,
    /// Which transmission of the sender's records it is.
    pub transmission: Option<usize>,
    /// A copy that the path made, or one that it damaged.
    pub spoiled: bool,
}

/// What a link did with its packets.
#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq, Eq)]
pub struct LinkCounts {
    /// Offered to the queue.
    pub offered: u64,
    /// Found the queue full.
    pub queue_drops: u64,
    /// Lost on the wire, outages included.
    pub wire_losses: u64,
    /// Overtaken.
    pub reordered: u64,
    /// Arrived twice.
    pub duplicated: u64,
    /// Arrived damaged.
    pub corrupted: u64,
    /// ACKs that a later one replaced.
    pub thinned: u64,
    /// Marked CE.
    pub marked: u64,
    /// Longest queue, in packets.
    pub longest_queue: u64,
}

struct HeldAck {
    packet: Packet,
    count: u32,
    until: Nanos,
}

/// One direction at work.
pub struct Link {
    spec: LinkSpec,
    loss_stream: Stream,
    order_stream: Stream,
    copy_stream: Stream,
    jitter_stream: Stream,
    damage_stream: Stream,
    bad_state: bool,
    free_at: Nanos,
    last_arrival: Nanos,
    departures: VecDeque<Nanos>,
    data_seen: BTreeMap<usize, u64>,
    held: BTreeMap<usize, HeldAck>,
    /// What it did so far.
    pub counts: LinkCounts,
    /// Arrivals that the caller has not taken yet.
    pub arrivals: Vec<(Nanos, Packet)>,
    /// Waiting times of data packets that the caller has not taken yet: flow and wait.
    pub waits: Vec<(usize, Nanos)>,
}

impl Link {
    /// A link with the random numbers of `seed`; `direction` keeps the two directions' apart.
    pub fn new(spec: LinkSpec, seed: u64, direction: u64) -> Link {
        let stream = |purpose: u64| Stream::new(seed, direction * 100 + purpose);
        Link {
            spec,
            loss_stream: stream(1),
            order_stream: stream(2),
            copy_stream: stream(3),
            jitter_stream: stream(4),
            damage_stream: stream(5),
            bad_state: false,
            free_at: Nanos(0),
            last_arrival: Nanos(0),
            departures: VecDeque::new(),
            data_seen: BTreeMap::new(),
            held: BTreeMap::new(),
            counts: LinkCounts::default(),
            arrivals: Vec::new(),
            waits: Vec::new(),
        }
    }

    /// When `run_timers` has something to do.
    pub fn deadline(&self) -> Nanos {
        self.held.values().map(|h| h.until).min().unwrap_or(Nanos::NEVER)
    }

    /// Lets ACKs go that were held long enough.
    pub fn run_timers(&mut self, now: Nanos) {
        let due: Vec<usize> = self.held.iter().filter(|(_, held)| held.until <= now).map(|(&flow, _)| flow).collect();
        for flow in due {
            self.release(now, flow);
        }
    }

    /// Takes a packet from an endpoint.
    pub fn send(&mut self, now: Nanos, packet: Packet) {
        if self.spec.ack_thinning > 1 {
            self.thin(now, packet);
        } else {
            self.enqueue(now, packet);
        }
    }

    fn release(&mut self, now: Nanos, flow: usize) {
        if let Some(held) = self.held.remove(&flow) {
            self.enqueue(now, held.packet);
        }
    }

    /// ACKs that tell of loss (duplicates, SACK) pass at once, as in the thinners that are in use.
    fn thin(&mut self, now: Nanos, packet: Packet) {
        let flow = packet.flow;
        let newer =
            self.held.get(&flow).is_none_or(|held| packet.headers.ack.wrapping_sub(held.packet.headers.ack) as i32 > 0);
        if !packet.headers.is_pure_ack() || packet.headers.sack || !newer {
            self.release(now, flow);
            self.enqueue(now, packet);
            return;
        }
        let (count, until) = match self.held.remove(&flow) {
            Some(held) => {
                self.counts.thinned += 1;
                (held.count + 1, held.until)
            }
            None => (1, now.plus(self.spec.ack_hold)),
        };
        self.held.insert(flow, HeldAck { packet, count, until });
        if count >= self.spec.ack_thinning {
            self.release(now, flow);
        }
    }

    fn enqueue(&mut self, now: Nanos, mut packet: Packet) {
        self.counts.offered += 1;
        while self.departures.front().is_some_and(|&gone| gone <= now) {
            self.departures.pop_front();
        }
        let waiting = self.departures.len();
        if waiting >= self.spec.queue {
            self.counts.queue_drops += 1;
            return;
        }
        self.counts.longest_queue = self.counts.longest_queue.max(waiting as u64 + 1);
        if self.spec.ecn_mark.is_some_and(|limit| waiting >= limit) && mark_ce(&mut packet.data) {
            self.counts.marked += 1;
        }
        let start = self.free_at.max(now);
        let bits = (packet.data.len() as u64 + u64::from(self.spec.overhead)) * 8;
        let departure = self.spec.finish(start, bits);
        self.free_at = departure;
        self.departures.push_back(departure);
        if departure == Nanos::NEVER {
            return;
        }
        if packet.headers.len > 0 {
            self.waits.push((packet.flow, start.since(now)));
        }
        self.onto_wire(departure, packet);
    }

    fn is_lost(&mut self, departure: Nanos, packet: &Packet) -> bool {
        let chosen = packet.headers.len > 0 && {
            let seen = self.data_seen.entry(packet.flow).or_insert(0);
            *seen += 1;
            self.spec.drop_nth.contains(seen)
        };
        let unlucky = match self.spec.loss {
            Loss::None => false,
            Loss::Random(p) => self.loss_stream.chance(p),
            Loss::Bursty { to_bad, to_good, in_good, in_bad } => {
                let turn = if self.bad_state { to_good } else { to_bad };
                self.bad_state ^= self.loss_stream.chance(turn);
                self.loss_stream.chance(if self.bad_state { in_bad } else { in_good })
            }
        };
        chosen || unlucky || self.spec.is_out(departure) || self.spec.is_too_long(departure, packet.data.len())
    }

    fn onto_wire(&mut self, departure: Nanos, mut packet: Packet) {
        let lost = self.is_lost(departure, &packet);
        // All streams are drawn from for each packet, lost or not: see Stream::chance.
        let overtaken = self.order_stream.chance(self.spec.reorder);
        let twice = self.copy_stream.chance(self.spec.duplicate);
        let jitter = Nanos(self.jitter_stream.below(self.spec.jitter.0));
        let damaged = self.damage_stream.chance(self.spec.corrupt);
        let bit = self.damage_stream.below(packet.data.len() as u64 * 8);
        if lost {
            self.counts.wire_losses += 1;
            return;
        }
        if damaged {
            self.counts.corrupted += 1;
            packet.data[bit as usize / 8] ^= 1 << (bit % 8);
            packet.spoiled = true;
        }
        let mut arrival = departure.plus(self.spec.delay).plus(jitter);
        if self.spec.compression.0 > 0 {
            arrival = Nanos(arrival.0.next_multiple_of(self.spec.compression.0));
        }
        arrival = arrival.max(self.last_arrival);
        self.last_arrival = arrival;
        if overtaken {
            self.counts.reordered += 1;
            arrival = arrival.plus(self.spec.reorder_delay);
        }
        if twice {
            self.counts.duplicated += 1;
            let copy = Packet { spoiled: true, ..packet.clone() };
            self.arrivals.push((arrival, packet));
            self.arrivals.push((arrival, copy));
        } else {
            self.arrivals.push((arrival, packet));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(len: usize, data: u32) -> Packet {
        Packet {
            flow: 0,
            data: vec![0; len],
            headers: Headers { len: data, ..Headers::default() },
            transmission: None,
            spoiled: false,
        }
    }

    fn plain() -> LinkSpec {
        LinkSpec { overhead: 0, ..LinkSpec::default() }
    }

    #[test]
    fn serializes_and_delays() {
        let mut link = Link::new(plain(), 1, 0);
        link.send(Nanos(0), packet(1250, 1210));
        link.send(Nanos(0), packet(1250, 1210));
        let times: Vec<Nanos> = link.arrivals.iter().map(|a| a.0).collect();
        assert_eq!(times, [Nanos::from_millis(21), Nanos::from_millis(22)]);
        assert_eq!(link.waits, [(0, Nanos(0)), (0, Nanos::from_millis(1))]);
    }

    #[test]
    fn drops_at_the_tail() {
        let spec = LinkSpec { queue: 3, ..plain() };
        let mut link = Link::new(spec, 1, 0);
        for _ in 0..5 {
            link.send(Nanos(0), packet(1250, 1210));
        }
        assert_eq!((link.counts.queue_drops, link.arrivals.len()), (2, 3));
        link.send(Nanos::from_millis(1), packet(1250, 1210));
        assert_eq!(link.arrivals.len(), 4, "one has left after a millisecond");
    }

    #[test]
    fn rate_steps_are_integrated() {
        let spec =
            LinkSpec { rate_steps: vec![(Nanos::from_millis(1), 0), (Nanos::from_millis(5), 5_000_000)], ..plain() };
        // 10,000 bit in the first millisecond, nothing for four, the other 10,000 at half the rate.
        assert_eq!(spec.finish(Nanos(0), 20_000), Nanos::from_millis(7));
    }

    #[test]
    fn an_outage_loses_what_departs_in_it() {
        let spec = LinkSpec { outages: vec![(Nanos::from_millis(2), Nanos::from_millis(2))], ..plain() };
        let mut link = Link::new(spec, 1, 0);
        for _ in 0..5 {
            link.send(Nanos(0), packet(1250, 1210));
        }
        assert_eq!((link.counts.wire_losses, link.arrivals.len()), (2, 3));
    }

    #[test]
    fn a_black_hole_loses_what_is_too_long() {
        let spec = LinkSpec { mtu: vec![(Nanos::from_millis(2), 1000), (Nanos::from_millis(4), 1250)], ..plain() };
        let mut link = Link::new(spec, 1, 0);
        for _ in 0..5 {
            link.send(Nanos(0), packet(1250, 1210));
        }
        assert_eq!((link.counts.wire_losses, link.arrivals.len()), (2, 3));
        assert!(
            !link.spec.is_too_long(Nanos::from_millis(3), 1000) && link.spec.is_too_long(Nanos::from_millis(3), 1001)
        );
    }

    #[test]
    fn thinning_keeps_the_newest_ack() {
        let spec = LinkSpec { ack_thinning: 4, ..LinkSpec::default() };
        let mut link = Link::new(spec, 1, 1);
        for ack in 1..=9 {
            let mut p = packet(40, 0);
            p.headers.ack = ack;
            link.send(Nanos(0), p);
        }
        let acks: Vec<u32> = link.arrivals.iter().map(|a| a.1.headers.ack).collect();
        assert_eq!(acks, [4, 8]);
        link.run_timers(link.deadline());
        assert_eq!(link.arrivals.last().map(|a| a.1.headers.ack), Some(9));
    }

    #[test]
    fn bursts_have_the_mean_length_asked_for() {
        let loss = Loss::Bursty { to_bad: 0.01, to_good: 0.25, in_good: 0.0, in_bad: 1.0 };
        let spec = LinkSpec { loss, queue: usize::MAX, ..LinkSpec::default() };
        let mut link = Link::new(spec, 3, 0);
        let mut lost = 0u32;
        let mut bursts = 0u32;
        let mut before = false;
        for _ in 0..50_000 {
            let n = link.counts.wire_losses;
            link.send(Nanos(0), packet(100, 60));
            let now = link.counts.wire_losses > n;
            lost += u32::from(now);
            bursts += u32::from(now && !before);
            before = now;
        }
        let mean = f64::from(lost) / f64::from(bursts);
        assert!((3.6..4.4).contains(&mean), "mean burst {mean}");
    }
}
