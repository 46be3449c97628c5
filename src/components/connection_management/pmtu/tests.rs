//! The search for what the path takes: paths as a function of the size, outages, and ICMP that lies.

use super::*;
use crate::components::connection_management::{enter, limit_mss};
use crate::components::{congestion_control as cc, flow_control, rod};
use crate::pcb::PcbId;
use crate::pcb::tests::{Bench, app_data, bench, data_of, stream};
use crate::segmentation::{self, WriteFlags, fit_front};
use crate::timer::suspect_path;
use proptest::prelude::*;
use std::vec::Vec;

const MSS: u16 = 1460;
/// The peer's first octet, and ours: numbers wrap on the way.
const IRS: SeqNum = SeqNum::new(0xffff_ff00);
const ISS: SeqNum = SeqNum::new(0xffff_f000);

fn connected(bench: &mut Bench) -> PcbId {
    let id = bench.new_pcb();
    let pcb = bench.core.get(id).expect("it lives");
    limit_mss(pcb, MSS);
    rod::on_syn_in_listen(pcb, IRS, ISS);
    flow_control::on_syn_in_listen(pcb, ISS);
    flow_control::on_syn(pcb, IRS, 0xffff);
    enter(pcb, State::Established);
    cc::on_established(pcb);
    id
}

/// A connection whose path takes segments of up to `path` octets; what is sent is acknowledged at once, or times out.
struct Sender {
    bench: Bench,
    id: PcbId,
    path: u16,
    ticks: u32,
    /// What the application has written,
    written: Vec<u8>,
    /// and how much of it has arrived, in order.
    arrived: usize,
}

impl Sender {
    fn new(path: u16) -> Self {
        let mut bench = bench();
        let id = connected(&mut bench);
        Self { bench, id, path, ticks: 0, written: Vec::new(), arrived: 0 }
    }

    fn pcb(&self) -> Pcb<'_> {
        self.bench.core.get(self.id).expect("it lives")
    }

    fn write(&mut self, octets: usize) {
        let octets = &stream()[self.written.len() % 0x8000..][..octets];
        self.written.extend(octets);
        let written = segmentation::write(self.pcb(), app_data(octets), WriteFlags::new(true, false));
        assert!(written.is_ok(), "there is memory for it");
    }

    /// One segment goes out, and its ACK comes, or it is lost. Its octets of data; none if there is no segment.
    fn send_one(&mut self) -> Option<u16> {
        fit_front(self.pcb());
        let seg = rod::take_front(self.pcb())?;
        let (len, end, data) = (seg.seg().len(), seg.seg().end(), data_of(seg.seg()));
        rod::on_segment_sent(self.pcb(), seg);
        if len <= self.path {
            assert_eq!(data, &self.written[self.arrived..][..data.len()], "the stream is what was written");
            self.arrived += data.len();
            self.take_ack(end);
        }
        Some(len)
    }

    /// As `input` does it.
    fn take_ack(&self, end: SeqNum) {
        let new = rod::on_new_ack(self.pcb(), end);
        flow_control::on_send_buffer_freed(self.pcb(), new.freed);
        on_ack(self.pcb(), new.largest);
    }

    /// The retransmission timer expires, as `timer` has it.
    fn time_out(&self) {
        assert!(rod::retransmit_all(self.pcb()).is_ok(), "something is in flight");
        suspect_path(self.pcb());
        rod::on_resent(self.pcb());
    }

    /// Sends all that is queued, however many timeouts that takes; the sizes of what was sent.
    fn send_all(&mut self) -> Vec<u16> {
        let mut sent = Vec::new();
        while let Some(len) = self.send_one() {
            sent.push(len);
            assert!(sent.len() < 1000, "it comes to an end");
            if len > self.path {
                self.time_out();
            }
        }
        sent
    }

    fn wait(&mut self, seconds: u32) {
        for _ in 0..seconds * 1000 / config::TCP_SLOW_INTERVAL {
            self.ticks += 1;
            on_tick(self.pcb(), self.ticks);
        }
    }

    /// cwnd as it is after much has been acknowledged.
    fn open_window(&self) {
        for _ in 0..20 {
            cc::on_ack(self.pcb(), MSS.into(), false);
        }
    }
}

/// RFC 4821 7.7: two timeouts of a segment that was never acknowledged at its size, and the path gets half of it.
#[test]
fn a_black_hole_is_survived() {
    let mut sender = Sender::new(1000);
    sender.write(4 * usize::from(MSS));
    let sent = sender.send_all();
    assert_eq!(&sent[..3], &[MSS, MSS, MSS / 2], "sent, sent again after a timeout, and in parts after the second");
    assert!(sent[2..].iter().all(|len| *len <= 1000), "nothing too large is sent again: {sent:?}");
    assert_eq!(sender.arrived, 4 * usize::from(MSS));
    assert_eq!((sender.pcb().mss(), sender.pcb().mss_limit()), (MSS / 2, MSS));
    sender.bench.finish(sender.id);
}

/// Half is not little enough: it is halved again, down to what every path takes.
#[test]
fn a_narrow_path_is_survived() {
    let mut sender = Sender::new(600);
    sender.write(2 * usize::from(MSS));
    sender.send_all();
    assert_eq!(sender.arrived, 2 * usize::from(MSS));
    assert_eq!(sender.pcb().mss(), 536);
    sender.bench.finish(sender.id);
}

/// A path that has taken full segments is not suspected before the fourth timeout, and is believed again some seconds later.
#[test]
fn an_outage_costs_little() {
    let mut sender = Sender::new(MSS);
    sender.write(2 * usize::from(MSS));
    assert_eq!(sender.send_all(), [MSS, MSS]);
    sender.path = 0;
    sender.write(2 * usize::from(MSS));
    assert_eq!(sender.send_one(), Some(MSS));
    for _ in 0..3 {
        sender.time_out();
        assert_eq!(sender.send_one(), Some(MSS));
    }
    sender.time_out();
    assert_eq!(sender.send_one(), Some(MSS / 2));
    sender.path = MSS;
    sender.time_out();
    sender.send_all();
    sender.open_window();
    sender.wait(10);
    sender.write(4 * usize::from(MSS));
    let sent = sender.send_all();
    assert_eq!(sent.iter().filter(|len| **len == MSS).count(), 1, "one probe: {sent:?}");
    assert_eq!(sender.pcb().mss(), MSS, "and all is as before");
    sender.write(2 * usize::from(MSS));
    assert_eq!(sender.send_all(), [MSS, MSS]);
    sender.bench.finish(sender.id);
}

/// An application that writes little at a time has its path probed too: what it writes fills one larger segment.
#[test]
fn small_writes_make_a_probe() {
    let mut sender = Sender::new(1000);
    sender.write(usize::from(MSS));
    sender.send_all();
    sender.open_window();
    sender.wait(10);
    sender.path = MSS;
    for _ in 0..40 {
        sender.write(100);
    }
    let sent = sender.send_all();
    assert_eq!(sent.iter().filter(|len| **len > MSS / 2).count(), 1, "one probe: {sent:?}");
    assert_eq!(sender.pcb().mss(), MSS);
    sender.bench.finish(sender.id);
}

/// RFC 4821 7.4 d): a probe that is lost takes nothing but its size with it.
#[test]
fn a_lost_probe_is_no_congestion() {
    let mut sender = Sender::new(1000);
    sender.write(usize::from(MSS));
    sender.send_all();
    sender.open_window();
    sender.wait(10);
    sender.write(4 * usize::from(MSS));
    // Its ACKs are duplicates: all but the probe arrive.
    assert_eq!(sender.send_one(), Some(MSS));
    assert!(is_probing(sender.pcb()));
    let before = (sender.pcb().cwnd(), sender.pcb().ssthresh());
    for _ in 0..3 {
        fit_front(sender.pcb());
        let seg = rod::take_front(sender.pcb()).expect("there is more");
        assert!(seg.seg().len() <= sender.pcb().mss());
        rod::on_segment_sent(sender.pcb(), seg);
    }
    for _ in 0..6 {
        crate::api::fast_retransmit(sender.pcb());
    }
    assert_eq!((sender.pcb().cwnd(), sender.pcb().ssthresh()), before);
    assert!(!sender.pcb().has(Bit::IN_FAST_RECOVERY));
    fit_front(sender.pcb());
    assert_eq!(rod::front(sender.pcb()).map(|front| front.len), Some(MSS / 2), "it is sent again in parts");
    assert!(!is_probing(sender.pcb()));
    sender.bench.finish(sender.id);
}

/// RFC 5927: each message that says nothing true of what is in flight, and each that progress refutes, has no effect; one that
/// stands when a timeout comes is taken at its word.
#[test]
fn icmp_is_a_hint_and_no_order() {
    let mut sender = Sender::new(0);
    sender.write(2 * usize::from(MSS));
    sender.send_one();
    let in_flight = ISS + 700;
    for (seq, mtu) in [(ISS - 1, 1040), (ISS + u32::from(MSS), 1040), (in_flight, 0), (in_flight, 68), (in_flight, 575)]
    {
        on_too_big(sender.pcb(), seq, mtu);
        assert_eq!(sender.pcb().mss_claim(), 0, "{seq:?} {mtu}");
    }
    on_too_big(sender.pcb(), in_flight, 1040);
    assert_eq!((sender.pcb().mss(), sender.pcb().mss_claim()), (MSS, 1000), "nothing happens yet");
    // What it complains of arrives.
    sender.path = MSS;
    sender.take_ack(ISS + u32::from(MSS));
    sender.arrived = MSS.into();
    sender.path = 0;
    sender.send_one();
    sender.time_out();
    assert_eq!(sender.pcb().mss(), MSS, "refuted, and one timeout is no reason by itself");
    sender.send_one();
    // Full segments did get through: it takes a second timeout. And the path has changed to what the message says.
    sender.path = 1000;
    on_too_big(sender.pcb(), sender.pcb().lastack(), 1040);
    sender.time_out();
    assert_eq!((sender.pcb().mss(), sender.pcb().mss_limit()), (1000, MSS));
    assert_eq!(sender.send_all(), [1000, 460]);
    // The router has said what fits: nothing is tried for ten minutes.
    sender.open_window();
    sender.wait(590);
    assert_eq!(probe_size(sender.pcb()), None);
    sender.wait(20);
    assert_eq!(probe_size(sender.pcb()), Some(MSS));
    sender.bench.finish(sender.id);
}

/// Without anything acknowledged at full size the first timeout is enough for what a router says.
#[test]
fn icmp_saves_a_timeout() {
    let mut sender = Sender::new(1000);
    sender.write(usize::from(MSS));
    sender.send_one();
    on_too_big(sender.pcb(), ISS, 1040);
    sender.time_out();
    assert_eq!(sender.send_all(), [1000, 460]);
    sender.bench.finish(sender.id);
}

/// What nd6 or a new MTU of the interface says is no more believed than ICMP is, and is no reason to go below what IPv4 can rely on.
#[test]
fn what_lwip_was_told_is_a_hint_too() {
    for (told, mss) in [(MSS, MSS), (1000, 1000), (100, 536)] {
        let mut sender = Sender::new(0);
        sender.write(usize::from(MSS));
        sender.send_one();
        on_timeout(sender.pcb(), MSS, told);
        assert_eq!(sender.pcb().mss(), mss);
        sender.bench.finish(sender.id);
    }
}

proptest! {
    /// Any path, which changes at any time: every octet arrives once and in order, the MSS never leaves its bounds, and on a path
    /// that stays as it is the search ends at what the path takes, but for a step.
    #[test]
    fn the_search_ends_where_the_path_does(
        paths in proptest::collection::vec((536u16..=MSS, 1usize..4), 1..5), last in 536u16..=MSS,
    ) {
        let mut sender = Sender::new(MSS);
        for (path, writes) in paths.into_iter().chain([(last, 12)]) {
            sender.path = path;
            for _ in 0..writes {
                // The ten minutes after which it starts anew, and the seconds between its steps.
                sender.wait(if writes == 12 { 9 } else { 601 });
                sender.open_window();
                sender.write(3 * usize::from(MSS));
                sender.send_all();
                let pcb = sender.pcb();
                prop_assert!((536..=MSS).contains(&pcb.mss()));
                prop_assert!(pcb.mss_limit() == 0 || pcb.mss_limit() == MSS);
                prop_assert_eq!(sender.arrived, sender.written.len());
            }
        }
        let found = sender.pcb().mss();
        prop_assert!(found <= last, "what is sent gets through");
        prop_assert!(found + 2 * STEP > last || sender.pcb().path_wait() > SOON, "{found} of {last}");
        sender.bench.finish(sender.id);
    }
}
