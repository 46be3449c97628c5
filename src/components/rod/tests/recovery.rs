//! Recovery with SACK: the scoreboard against a recount of the queues, whole transfers over a path that loses and reorders, the
//! RFCs' examples, and peers that lie.

use super::super::recovery::{Reduction, quota};
use super::super::scoreboard::highest_delivered;
use super::*;
use crate::components::congestion_control as cc;
use crate::input::take_ack_with_sacks;
use crate::pcb::Mark;
use crate::pcb::tests::app_data;
use crate::segmentation::{self, WriteFlags};
use crate::wire::MAX_SACKS;

pub(super) const MSS: u16 = 100;
/// As many segments as there is memory for, and some to spare for what is split.
const TOTAL: u32 = 30 * MSS as u32;

type Blocks = [(SeqNum, SeqNum); MAX_SACKS];

/// A connection that sends, and its clock.
pub(super) struct Sender {
    bench: Bench,
    id: PcbId,
    pub(super) first: SeqNum,
    now: u32,
}

/// Octets counted from the first, first and one after the last.
pub(super) type Piece = (u32, u32);

impl Sender {
    pub(super) fn new(first: u32, now: u32) -> Self {
        let mut bench = bench();
        bench.memory.set_clock(now);
        let first = SeqNum::new(first);
        let id = connected(&mut bench, MSS, SeqNum::new(0), first);
        let pcb = bench.core.get(id).expect("it lives");
        cm::on_syn_options(pcb, &crate::wire::Options { sack_permitted: true, mss: MSS, ..Default::default() });
        cc::on_established(pcb);
        Self { bench, id, first, now }
    }

    pub(super) fn pcb(&self) -> Pcb<'_> {
        self.bench.core.get(self.id).expect("it lives")
    }

    pub(super) fn write(&self, at: u32, octets: u32) {
        let octets = &stream()[at as usize..][..octets as usize];
        for piece in octets.chunks(usize::from(MSS)) {
            let written = segmentation::write(self.pcb(), app_data(piece), WriteFlags::new(true, false));
            assert!(written.is_ok(), "there is memory for it");
        }
    }

    /// As output does it, but for Nagle.
    pub(super) fn send(&self) -> Vec<Piece> {
        let mut sent = Vec::new();
        while front(self.pcb()).is_some_and(|front| allows(self.pcb(), &front, self.pcb().cwnd())) {
            let seg = take_front(self.pcb()).expect("it is there");
            let again = seg.seg().seq().lt(self.pcb().snd_nxt());
            on_timing(self.pcb(), seg.seg().seq(), self.now, !again);
            sent.push((seg.seg().seq() - self.first, seg.seg().end() - self.first));
            on_segment_sent(self.pcb(), seg);
        }
        #[cfg(rack)]
        if !sent.is_empty() {
            on_output(self.pcb());
        }
        sent
    }

    fn blocks(&self, pieces: &[Piece]) -> Blocks {
        let mut blocks = Blocks::default();
        for (block, piece) in blocks.iter_mut().zip(pieces) {
            *block = (self.first + piece.0, self.first + piece.1);
        }
        blocks
    }

    pub(super) fn ack(&self, ack: u32, pieces: &[Piece]) {
        let (pcb, ack) = (self.pcb(), self.first + ack);
        take_ack_with_sacks(pcb, ack, &self.blocks(pieces), None);
        on_ack_for_timing(pcb, ack, self.now);
    }

    pub(super) fn wait(&mut self, ms: u32) {
        self.now = self.now.wrapping_add(ms);
        self.bench.memory.set_clock(self.now);
    }

    /// What expires now. There is no route: it is sent by `send`.
    fn expire(&mut self) {
        if let Some(due) = next_deadline(self.pcb()) {
            self.bench.core.wake_by(self.pcb(), due);
        }
        crate::timer::fine::on_fast_timer(&mut self.bench.core);
    }

    /// RFC 6675 4, SetPipe, by a walk over all segments; both queues sorted, and together all that is outstanding.
    pub(super) fn check(&self) -> Result<(), TestCaseError> {
        let pcb = self.pcb();
        let mut rod = own(pcb);
        let (unsent, unacked) = rod.unsent_and_unacked();
        let (mut pipe, mut marked, mut lost, mut pieces, mut top) = (0, 0, 0, Vec::new(), None);
        for (queue, sent) in [(&unacked, true), (&unsent, false)] {
            let mut last = None::<SeqNum>;
            for seg in queue.iter() {
                prop_assert!(last.is_none_or(|last| last.le(seg.seq())));
                last = Some(seg.end());
                pieces.push((seg.seq() - self.first, seg.end() - self.first));
                match (sent, seg.is_marked(Mark::Sacked)) {
                    (true, true) => {
                        marked += seg.seq_len();
                        top = last;
                    }
                    (true, false) => pipe += seg.seq_len(),
                    (false, sacked) => {
                        prop_assert!(!sacked);
                        lost += if seg.seq().lt(pcb.snd_nxt()) { seg.seq_len() } else { 0 };
                    }
                }
            }
            prop_assert_eq!(queue.back().map(|seg| seg.end()), last);
        }
        prop_assert_eq!((pcb.pipe(), pcb.sacked()), (pipe, marked));
        prop_assert!(top.is_none_or(|top| top == highest_delivered(pcb)));
        prop_assert!(top.is_none_or(|_| pcb.sacked_top().lt(highest_delivered(pcb))));
        pieces.sort_unstable();
        prop_assert!(pieces.windows(2).all(|pair| pair[0].1 == pair[1].0));
        // A part of a segment that is acknowledged does not count.
        let start = pieces.first().map_or(pcb.lastack(), |piece| self.first + piece.0);
        let partly = pcb.lastack() - start;
        prop_assert_eq!(lost + pipe + marked - partly, pcb.snd_nxt() - pcb.lastack());
        prop_assert!(flight(pcb).lost <= lost && lost <= flight(pcb).lost + partly);
        Ok(())
    }

    pub(super) fn finish(self) {
        self.bench.finish(self.id);
    }
}

/// A receiver by the RFCs: what it has, and the blocks that it reports, the latest first (RFC 2018 4, RFC 2883 4).
struct Receiver {
    has: Vec<bool>,
    reported: Vec<Piece>,
}

impl Receiver {
    fn next(&self) -> u32 {
        self.has.iter().take_while(|has| **has).count() as u32
    }

    fn run(&self, at: u32) -> Piece {
        let (mut left, mut right) = (at, at);
        while left > 0 && self.has[left as usize - 1] {
            left -= 1;
        }
        while self.has.get(right as usize) == Some(&true) {
            right += 1;
        }
        (left, right)
    }

    /// The answer to a segment: ACK, and SACK blocks.
    fn take(&mut self, piece: Piece) -> (u32, Vec<Piece>) {
        let range = piece.0 as usize..piece.1 as usize;
        let duplicate = self.has[range.clone()].iter().all(|has| *has);
        self.has[range].fill(true);
        let next = self.next();
        if piece.1 > next {
            let block = self.run(piece.0);
            self.reported.insert(0, block);
        }
        let refreshed: Vec<_> = self.reported.iter().map(|old| self.run(old.0)).filter(|run| run.0 > next).collect();
        self.reported.clear();
        for block in refreshed {
            if !self.reported.contains(&block) {
                self.reported.push(block);
            }
        }
        let mut blocks = self.reported.clone();
        if duplicate {
            blocks.insert(0, piece);
        }
        blocks.truncate(MAX_SACKS);
        (next, blocks)
    }
}

/// What the path does to the n-th packet: drop it, or delay it by so many milliseconds.
type Fates = Vec<Option<u32>>;

fn fates() -> impl Strategy<Value = Fates> {
    prop::collection::vec(prop_oneof![3 => Just(Some(0u32)), 2 => (1u32..60).prop_map(Some), 2 => Just(None)], 0..60)
}

#[derive(Clone, Debug)]
enum Packet {
    Data(Piece),
    Ack(u32, Vec<Piece>),
}

/// Sends the stream over the path; says how long it took, and how many segments were sent.
fn transfer_over(sender: &mut Sender, data: &Fates, acks: &Fates) -> Result<(u32, usize), TestCaseError> {
    let (mut data, mut acks) = (data.iter(), acks.iter());
    let mut receiver = Receiver { has: std::vec![false; TOTAL as usize], reported: Vec::new() };
    let mut wire: Vec<(u32, Packet)> = Vec::new();
    let (mut written, mut elapsed, mut count) = (0, 0u32, 0);
    for _ in 0..3000 {
        let room = u32::from(sender.pcb().snd_buf()).min(TOTAL - written).min(10 * u32::from(MSS));
        sender.write(written, room);
        written += room;
        for piece in sender.send() {
            count += 1;
            if let Some(delay) = data.next().copied().unwrap_or(Some(0)) {
                wire.push((elapsed + 20 + delay, Packet::Data(piece)));
            }
        }
        sender.check()?;
        if sender.pcb().lastack() == sender.first + TOTAL {
            prop_assert_eq!((sender.pcb().pipe(), sender.pcb().sacked()), (0, 0));
            prop_assert!(receiver.has.iter().all(|has| *has));
            return Ok((elapsed, count));
        }
        let deadline = next_deadline(sender.pcb()).map(|due| elapsed + due.wrapping_sub(sender.now));
        let arrival = wire.iter().map(|(at, _)| *at).min();
        let Some(next) = arrival.into_iter().chain(deadline).min() else {
            return Err(TestCaseError::fail("nothing is on its way, and no timer runs"));
        };
        sender.wait(next.saturating_sub(elapsed));
        elapsed = elapsed.max(next);
        match wire.iter().position(|(at, _)| *at <= elapsed) {
            Some(place) => match wire.remove(place).1 {
                Packet::Data(piece) => {
                    let (ack, blocks) = receiver.take(piece);
                    if let Some(delay) = acks.next().copied().unwrap_or(Some(0)) {
                        wire.push((elapsed + 20 + delay, Packet::Ack(ack, blocks)));
                    }
                }
                // An older ACK than one that came before is not acceptable for its number, but its blocks are.
                Packet::Ack(ack, blocks) => {
                    let una = sender.pcb().lastack() - sender.first;
                    sender.ack(ack.max(una), &blocks);
                }
            },
            None => sender.expire(),
        }
        sender.check()?;
    }
    Err(TestCaseError::fail("it does not come to an end"))
}

/// An ACK of a liar: how far it goes, with which blocks and echo, and how long after the last one it comes.
#[derive(Clone, Debug)]
struct Lie {
    ack: u32,
    pieces: Vec<Piece>,
    ms: u32,
    echo: Option<u32>,
}

fn lie() -> impl Strategy<Value = Lie> {
    let pieces = prop::collection::vec((0u32..6000, 0u32..6000), 0..5);
    (0u32..2000, pieces, 0u32..100, prop::option::of(any::<u32>())).prop_map(|(ack, pieces, ms, echo)| Lie {
        ack,
        pieces,
        ms,
        echo,
    })
}

/// By how much an ACK of so many octets may open the window; `delivered` octets had been before it.
fn room_for(pcb: Pcb<'_>, acked: u32, delivered: u32) -> u32 {
    const BBR: u8 = 2;
    match (cc::report(pcb).algorithm, cfg!(hystart)) {
        // What was delivered, SACKed or acknowledged.
        (BBR, _) => pcb.delivered().wrapping_sub(delivered),
        // Slow start: two segments for each ACK, whatever it acknowledges (RFC 3465), and not more than was; with HyStart++ eight,
        // and just what was of a sender that is paced (RFC 9406 4.2).
        (_, true) if cfg!(pacing) => acked,
        (_, true) => acked.min(8 * u32::from(MSS)),
        (_, false) => acked.min(2 * u32::from(MSS)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever is lost, delayed or overtaken, of data and of ACKs: every octet arrives, pipe is what a recount says at any time,
    /// and it takes no longer than a few timeouts.
    #[test]
    fn every_octet_arrives(first: u32, now: u32, data in fates(), acks in fates()) {
        let mut sender = Sender::new(first, now);
        let lost = data.iter().chain(&acks).filter(|fate| fate.is_none()).count() as u32;
        let (elapsed, sent) = transfer_over(&mut sender, &data, &acks)?;
        prop_assert!(elapsed <= 3000 + 1500 * lost, "{} ms with {} losses", elapsed, lost);
        prop_assert!(sent >= (TOTAL / u32::from(MSS)) as usize);
        sender.finish();
    }

    /// A peer that says anything that passes for an ACK: blocks of data never sent, upside down, in any order, of half segments,
    /// D-SACKs, echoes of no timestamp of ours, again and again; whatever the congestion control. The counts stay right, every
    /// octet is in one place, and no more is sent than cwnd and what was acknowledged in earnest allow.
    #[test]
    fn lies_do_no_harm(first: u32, algorithm in 0u8..3, lies in prop::collection::vec(lie(), 1..60)) {
        let mut sender = Sender::new(first, 77);
        let syn = crate::wire::Options {
            #[cfg(lwip_tcp_timestamps)]
            timestamps: Some(Default::default()),
            sack_permitted: true,
            mss: MSS,
            ..Default::default()
        };
        cm::on_syn_options(sender.pcb(), &syn);
        // What is not built is not chosen.
        cc::choose(sender.pcb(), algorithm);
        sender.write(0, TOTAL.min(sender.pcb().snd_buf().into()));
        let mut limit = u32::from(sender.pcb().cwnd());
        sender.send();
        for Lie { ack, pieces, ms, echo } in lies {
            sender.wait(ms);
            let (una, next) = (sender.pcb().lastack() - sender.first, sender.pcb().snd_nxt() - sender.first);
            let delivered = sender.pcb().delivered();
            // What reaches beyond what was sent is not even looked at.
            let ack = una + ack % (next - una + 1);
            take_ack_with_sacks(sender.pcb(), sender.first + ack, &sender.blocks(&pieces), echo);
            on_ack_for_timing(sender.pcb(), sender.first + ack, sender.now);
            sender.check()?;
            limit += room_for(sender.pcb(), ack - una, delivered);
            prop_assert!(u32::from(sender.pcb().cwnd()) <= limit.max(5 * u32::from(MSS)));
            sender.expire();
            sender.send();
            sender.check()?;
            prop_assert!(sender.pcb().pipe() <= limit.max(5 * u32::from(MSS)) + u32::from(MSS));
        }
        sender.finish();
    }

    /// RFC 6937 3: in proportion while more than ssthresh is in the network; then not above ssthresh, and not more than was
    /// delivered, but for one segment.
    #[test]
    fn prr_sends_in_proportion(
        pipe in 0u32..200_000, ssthresh in 200u32..100_000, flight in 1u32..1_000_000, delivered in 0u32..1_000_000,
        out in 0u32..1_000_000, this in 0u32..5000, extra in prop_oneof![Just(0u32), Just(1460)],
    ) {
        let quota = quota(pipe, ssthresh, &Reduction { flight, delivered, out }, this, extra);
        if pipe > ssthresh {
            let exact = f64::from(delivered) * (f64::from(ssthresh) / f64::from(flight)).min(1.0);
            let ours = f64::from(out) + f64::from(quota);
            prop_assert!(ours <= f64::from(out).max(exact.ceil()), "{} for {}", ours, exact);
            prop_assert!(flight / 8 > ssthresh || ours + 1.0 >= exact * (1.0 - 1.0 / 2048.0), "{} for {}", ours, exact);
        } else {
            prop_assert!(pipe + quota <= ssthresh);
            prop_assert!(quota <= delivered.saturating_sub(out).max(this) + extra);
        }
    }
}

/// RFC 6937 4, figure 1: of 20 segments the first is lost; ssthresh is half of that. One segment is sent for each second ACK.
#[test]
fn prr_by_the_figure_of_one_loss() {
    // The first two duplicate ACKs let new segments go (RFC 3042): 21 were sent, 2 are SACKed, 1 is lost.
    let (mut out, mut pipe, mut sent) = (0, 18 + 1, Vec::new());
    for ack in 3..=19 {
        pipe -= 1;
        let prr = Reduction { flight: 20 * 100, delivered: (ack - 2) * 100, out: out * 100 };
        let count = quota(pipe * 100, 10 * 100, &prr, 100, 0).div_ceil(100);
        (out, pipe) = (out + count, pipe + count);
        if count > 0 {
            sent.push(ack);
        }
    }
    assert_eq!(sent, [3, 5, 7, 9, 11, 13, 15, 17]);
    assert_eq!(pipe, 10);
}

/// RFC 6675 4, and its 5: pipe counts what is neither SACKed nor lost, and what was sent again; the loss of several segments is
/// repaired in one round trip.
#[test]
fn several_losses_in_one_window() {
    let mut sender = Sender::new(u32::MAX - 500, 1000);
    sender.write(0, 1000);
    own_cwnd(&sender, 10);
    assert_eq!(sender.send().len(), 10);
    assert_eq!(sender.pcb().pipe(), 1000);
    sender.wait(50);
    // Segments 1, 3 and 5 of 10 are lost.
    sender.ack(0, &[(100, 200)]);
    assert_eq!(sender.pcb().pipe(), 900);
    sender.ack(0, &[(300, 400), (100, 200)]);
    sender.ack(0, &[(500, 600), (300, 400), (100, 200)]);
    assert_eq!(sender.pcb().sacked(), 300);
    sender.ack(0, &[(500, 1000), (300, 400), (100, 200)]);
    let info = flight(sender.pcb());
    assert!(is_in_recovery(sender.pcb()));
    assert_eq!((info.sacked, info.pipe + info.lost), (700, 300));
    // Sent again as PRR lets them, in order; all in this round trip.
    let mut again = sender.send();
    for octet in [1u32, 2] {
        sender.ack(0, &[(500, 1000), (300, 400), (100, 200)]);
        again.extend(sender.send());
        let _ = octet;
    }
    assert_eq!(again.first(), Some(&(0, 100)));
    sender.wait(50);
    sender.ack(200, &[(500, 1000), (300, 400)]);
    again.extend(sender.send());
    sender.ack(400, &[(500, 1000)]);
    again.extend(sender.send());
    assert_eq!(again, [(0, 100), (200, 300), (400, 500)]);
    sender.ack(1000, &[]);
    assert!(!is_in_recovery(sender.pcb()));
    assert_eq!(sender.pcb().cwnd(), sender.pcb().ssthresh());
    sender.finish();
}

/// Lets a window of that many segments be in flight.
fn own_cwnd(sender: &Sender, segments: u32) {
    let mut acked = 0;
    while u32::from(sender.pcb().cwnd()) < segments * u32::from(MSS) {
        cc::on_ack(sender.pcb(), MSS.into(), false);
        acked += 1;
        assert!(acked < 1000);
    }
}

/// RFC 2018 8: a peer that throws away what it had SACKed is sent all of it again after the timeout.
#[test]
fn a_peer_that_reneges() {
    let mut sender = Sender::new(5, 1000);
    sender.write(0, 400);
    own_cwnd(&sender, 10);
    sender.send();
    sender.ack(0, &[(100, 400)]);
    sender.send();
    // It acknowledges the first segment only, as if it had never had the others.
    sender.ack(100, &[]);
    assert_eq!(sender.pcb().sacked(), 300);
    for _ in 0..3 {
        sender.wait(2000);
        sender.expire();
    }
    assert_eq!(sender.pcb().sacked(), 0);
    assert_eq!(sender.send().first(), Some(&(100, 200)));
    sender.check().expect("the counts are right");
    sender.finish();
}

/// RFC 5682 3.1: after a timeout, ACKs of what was sent before it, and not again, show that nothing was lost.
#[test]
fn a_needless_timeout_is_undone() {
    let mut sender = Sender::new(5, 1000);
    sender.write(0, 600);
    own_cwnd(&sender, 6);
    sender.send();
    let (cwnd, ssthresh) = (sender.pcb().cwnd(), sender.pcb().ssthresh());
    // No ACK for long: a loss probe, then the timeout.
    for _ in 0..3 {
        sender.wait(1500);
        sender.expire();
        sender.send();
    }
    assert!(sender.pcb().has(Bit::RTO) && sender.pcb().cwnd() < cwnd);
    // The original ACKs arrive after all.
    sender.ack(100, &[]);
    sender.ack(200, &[]);
    assert!(!sender.pcb().has(Bit::RTO));
    assert_eq!(flight(sender.pcb()).spurious, 1);
    assert!(sender.pcb().cwnd() >= cwnd && sender.pcb().ssthresh() >= ssthresh);
    sender.check().expect("the counts are right");
    sender.finish();
}

/// RFC 3708: a D-SACK for all that was sent again in recovery undoes the reduction; and from then on reordering is waited for
/// (RFC 8985 6.2, step 4).
#[test]
#[cfg(rack)]
fn what_was_only_overtaken_is_learned() {
    let mut sender = Sender::new(5, 1000);
    let mut at = 0;
    for round in 0..2 {
        sender.write(at, 600);
        own_cwnd(&sender, 8);
        sender.send();
        sender.wait(40);
        let cwnd = sender.pcb().cwnd();
        // The first of six is overtaken by three.
        for end in [200, 300, 400] {
            sender.ack(at, &[(at + 100, at + end)]);
        }
        let again = sender.send();
        if round == 0 {
            assert_eq!(again.first(), Some(&(at, at + 100)));
            assert!(is_in_recovery(sender.pcb()));
        } else {
            // A quarter of the shortest round trip is waited.
            assert!(again.is_empty() && !is_in_recovery(sender.pcb()));
            assert_eq!(sender.pcb().timer(), Timer::Reordering);
            assert!(sender.pcb().timer_due().wrapping_sub(sender.now) <= 20);
        }
        sender.wait(2);
        sender.ack(at + 600, &[]);
        sender.wait(40);
        if round == 0 {
            assert!(sender.pcb().cwnd() < cwnd);
            sender.ack(at + 600, &[(at, at + 100)]);
            assert_eq!(flight(sender.pcb()).spurious, 1);
            assert!(sender.pcb().cwnd() >= cwnd);
        }
        at += 600;
    }
    assert_eq!(flight(sender.pcb()).spurious, 1);
    sender.finish();
}

/// RFC 8985 3.1: the last segments of a flight are lost; a probe brings the SACK that finds the others, without a timeout.
#[test]
#[cfg(rack)]
fn a_lost_tail_is_probed() {
    let mut sender = Sender::new(5, 1000);
    sender.write(0, 500);
    own_cwnd(&sender, 8);
    sender.send();
    sender.wait(40);
    // The last two of five are lost.
    sender.ack(300, &[]);
    assert_eq!(sender.pcb().timer(), Timer::Probe);
    let due = sender.pcb().timer_due().wrapping_sub(sender.now);
    assert!(due <= 2 * 40, "{due} ms");
    sender.wait(due);
    sender.expire();
    assert_eq!(sender.send(), [(400, 500)]);
    assert!(!sender.pcb().has(Bit::RTO));
    sender.wait(40);
    sender.ack(300, &[(400, 500)]);
    if sender.pcb().timer() == Timer::Reordering {
        sender.wait(20);
        sender.expire();
    }
    assert_eq!(sender.send(), [(300, 400)]);
    sender.wait(40);
    sender.ack(500, &[]);
    assert!(!sender.pcb().has(Bit::RTO) && next_deadline(sender.pcb()).is_none());
    sender.finish();
}

/// RFC 8985 3.3: a retransmission that is lost too is found when something sent after it arrives, without a timeout.
#[test]
#[cfg(rack)]
fn a_lost_retransmission_needs_no_timeout() {
    let mut sender = Sender::new(5, 1000);
    sender.write(0, 600);
    own_cwnd(&sender, 6);
    sender.send();
    sender.wait(40);
    sender.ack(0, &[(100, 400)]);
    assert_eq!(sender.send(), [(0, 100)]);
    sender.wait(1);
    // New data go out after it, and arrive; the retransmission does not.
    sender.write(600, 400);
    sender.ack(0, &[(100, 600)]);
    let new = sender.send();
    assert!(new.iter().all(|piece| piece.0 >= 600) && !new.is_empty());
    sender.wait(41);
    sender.ack(0, &[(100, 700)]);
    assert!(sender.send().contains(&(0, 100)));
    assert!(!sender.pcb().has(Bit::RTO));
    sender.check().expect("the counts are right");
    sender.finish();
}

/// A flood of SACKs that say nothing new costs no look at a segment, and changes nothing.
#[test]
fn a_flood_of_old_sacks_changes_nothing() {
    let mut sender = Sender::new(5, 1000);
    sender.write(0, 1000);
    own_cwnd(&sender, 10);
    sender.send();
    sender.wait(40);
    let blocks = [(700, 1000), (500, 600), (300, 400)];
    sender.ack(0, &blocks);
    let sent = sender.send().len();
    let before = (sender.pcb().pipe(), sender.pcb().sacked(), sender.pcb().delivered());
    for _ in 0..1000 {
        sender.ack(0, &blocks);
        assert!(sender.send().is_empty());
    }
    assert!(sent <= 10);
    assert_eq!((sender.pcb().pipe(), sender.pcb().sacked(), sender.pcb().delivered()), before);
    sender.finish();
}

/// The same with nothing to send after it, so that nothing tells of the loss: a probe is sent long before the timeout.
#[test]
#[cfg(rack)]
fn a_lost_retransmission_at_a_full_window_is_probed() {
    let mut sender = Sender::new(5, 1000);
    // A round trip is measured first.
    sender.write(0, 100);
    sender.send();
    sender.wait(40);
    sender.ack(100, &[]);
    sender.write(100, 500);
    own_cwnd(&sender, 6);
    sender.send();
    sender.wait(40);
    sender.ack(100, &[(200, 600)]);
    assert_eq!(sender.send(), [(100, 200)]);
    assert_eq!(sender.pcb().timer(), Timer::Probe);
    let due = sender.pcb().timer_due().wrapping_sub(sender.now);
    assert!(due <= 100 && due < times(sender.pcb()).rto, "{due} ms");
    let ssthresh = sender.pcb().ssthresh();
    sender.wait(due);
    sender.expire();
    assert_eq!(sender.send(), [(100, 200)]);
    assert!(is_in_recovery(sender.pcb()) && !sender.pcb().has(Bit::RTO));
    sender.check().expect("the counts are right");
    // One such probe; then the timeout.
    assert_eq!(sender.pcb().timer(), Timer::Retransmission);
    sender.wait(40);
    sender.ack(600, &[]);
    assert!(!is_in_recovery(sender.pcb()));
    assert_eq!(sender.pcb().ssthresh(), ssthresh);
    sender.finish();
}

/// A probe is scheduled in recovery, and D-SACKs end that before it is due: it sends what is missing, and nothing that the peer
/// has.
#[test]
#[cfg(rack)]
fn a_probe_after_a_needless_recovery_spares_what_is_sacked() {
    let mut sender = Sender::new(5, 1000);
    // A round trip is measured first.
    sender.write(0, 100);
    sender.send();
    sender.wait(40);
    sender.ack(100, &[]);
    sender.write(100, 900);
    own_cwnd(&sender, 10);
    sender.send();
    sender.wait(40);
    sender.ack(100, &[(200, 600)]);
    assert_eq!(sender.send(), [(100, 200)]);
    sender.wait(40);
    sender.ack(600, &[(700, 1000)]);
    assert_eq!(sender.send(), [(600, 700)]);
    assert!(is_in_recovery(sender.pcb()) && sender.pcb().timer() == Timer::Probe);
    for _ in 0..2 {
        sender.ack(600, &[(100, 200), (700, 1000)]);
    }
    assert!(!is_in_recovery(sender.pcb()) && sender.pcb().timer() == Timer::Probe);
    sender.wait(sender.pcb().timer_due().wrapping_sub(sender.now));
    sender.expire();
    assert_eq!(sender.send(), [(600, 700)]);
    sender.check().expect("the counts are right");
    sender.finish();
}
