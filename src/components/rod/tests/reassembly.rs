//! Reassembly and SACK generation against a model that knows, octet by octet, what has arrived.

use super::*;
use crate::ffi::pbuf::Arrival;
use crate::pcb::tests::{data_of, octets_of};
use crate::wire::{Flags, HEADER_LEN, Header};
use std::collections::BTreeSet;

/// Octets that the peer sends in all.
const LEN: u32 = 600;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A segment of `len` octets from `start` on, in up to three pbufs, with the FIN if it reaches the end.
    Segment { start: u32, len: u32, cuts: (u16, u16) },
    /// One that starts where the receiver waits, give or take some octets.
    Next { offset: i32, len: u32, cuts: (u16, u16) },
    /// The application consumes.
    Consume(u16),
    /// Memory is short: what is queued is given up.
    FreeQueue,
}

fn step() -> impl Strategy<Value = Step> {
    let cuts = || (0u16..80, 0u16..80);
    prop_oneof![
        8 => (0..LEN, 0u32..100, cuts()).prop_map(|(start, len, cuts)| Step::Segment { start, len, cuts }),
        4 => (-30i32..60, 0u32..100, cuts()).prop_map(|(offset, len, cuts)| Step::Next { offset, len, cuts }),
        1 => (LEN - 50..=LEN, cuts()).prop_map(|(start, cuts)| Step::Segment { start, len: LEN, cuts }),
        2 => any::<u16>().prop_map(Step::Consume),
        1 => prop::bool::weighted(0.2).prop_map(|free| if free { Step::FreeQueue } else { Step::Consume(1) }),
    ]
}

/// A segment as tcp_input hands it over: the header lies before the data in the first pbuf.
fn segment(first: SeqNum, start: u32, octets: &[u8], cuts: (u16, u16), fin: bool) -> Option<Incoming> {
    let mut pieces = Vec::new();
    let mut left = octets;
    for cut in [cuts.0, cuts.1] {
        let (piece, rest) = left.split_at(usize::from(cut).min(left.len()));
        pieces.push(piece);
        left = rest;
    }
    pieces.push(left);
    let mut data: Option<Pbuf> = None;
    for piece in pieces {
        let header = if data.is_none() { HEADER_LEN } else { 0 };
        let mut p = Pbuf::alloc(Layer::Ip, header + piece.len() as u16)?;
        p.first_mut()[usize::from(header)..].copy_from_slice(piece);
        match &mut data {
            Some(data) => data.cat(p),
            None => data = Some(p),
        }
    }
    let mut data = data?;
    let flags = if fin { Flags::ACK | Flags::FIN } else { Flags::ACK };
    let header = Header { src: 1, dst: 2, seq: first + start, ack: SeqNum::new(0), len: HEADER_LEN, flags, wnd: 0 };
    for (place, word) in data.first_mut().chunks_exact_mut(4).zip(header.words()) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    let mut data = Arrival::new(data)?;
    data.trim_front(HEADER_LEN);
    Some(Incoming { seq: first + start, data, fin })
}

/// What the receiver should know.
struct Model {
    first: SeqNum,
    fin: bool,
    /// Segments that there is memory for.
    room: u32,
    /// Octets that are in order, counted from the first.
    next: u32,
    /// Octets behind them that are kept.
    kept: BTreeSet<u32>,
    fin_kept: bool,
    /// The FIN is in order.
    done: bool,
    #[cfg(lwip_tcp_sack_out)]
    sacks: Vec<(u32, u32)>,
}

impl Model {
    /// The part of a segment that the window takes: octets, and whether the FIN is in it.
    fn trim(&self, start: u32, end: u32, fin: bool, window: u32) -> (u32, u32, bool) {
        let edge = self.next + window;
        (start.max(self.next), end.min(edge).max(start.max(self.next)), fin && end < edge)
    }

    /// Takes what `trim` has left, and says how many octets became in order.
    fn take(&mut self, start: u32, end: u32, fin: bool) -> u32 {
        self.kept.extend(start..end);
        self.fin_kept |= fin;
        let before = self.next;
        while self.kept.remove(&self.next) {
            self.next += 1;
        }
        self.done = self.fin_kept && self.next == LEN;
        self.next - before
    }

    /// The run of kept octets that `at` is in, or behind.
    #[cfg(lwip_tcp_sack_out)]
    fn run(&self, at: u32) -> Option<(u32, u32)> {
        let mut left = at;
        while left > 0 && self.kept.contains(&(left - 1)) {
            left -= 1;
        }
        let mut right = at;
        while self.kept.contains(&right) {
            right += 1;
        }
        (left < right).then_some((left, right))
    }

    /// RFC 2018 4: the block with the segment that brings the ACK about comes first, then those reported before.
    #[cfg(lwip_tcp_sack_out)]
    fn on_out_of_order(&mut self, at: u32) {
        let Some(block) = self.run(at) else { return };
        self.sacks.retain(|old| old.1 < block.0 || block.1 < old.0);
        self.sacks.insert(0, block);
        self.sacks.truncate(crate::ffi::config::LWIP_TCP_MAX_SACK_NUM as usize);
    }

    /// TCP_OOSEQ_BYTES_LIMIT and TCP_OOSEQ_PBUFS_LIMIT: the end of the queue may be dropped, nothing before it.
    #[cfg(ooseq_limit)]
    fn forget_what_was_dropped(&mut self, pcb: Pcb<'_>) -> Result<(), TestCaseError> {
        let (max_octets, max_pbufs) = crate::ffi::ooseq_limits(pcb);
        let (mut cut, mut octets, mut pbufs, mut fin) = (0, 0, 0, false);
        let mut rod = own(pcb);
        let mut queue = rod.ooseq();
        while let Some(seg) = queue.current() {
            cut = seg.received_end() - self.first;
            octets += u32::from(seg.tot_len());
            pbufs += seg.clen();
            fin |= seg.flags().has(Flags::FIN);
            queue.advance();
        }
        prop_assert!(octets <= max_octets && pbufs <= max_pbufs);
        self.kept.retain(|octet| *octet < cut);
        self.fin_kept &= fin || self.done;
        #[cfg(lwip_tcp_sack_out)]
        {
            self.sacks.retain(|block| block.0 < cut);
            self.sacks.iter_mut().for_each(|block| block.1 = block.1.min(cut));
        }
        Ok(())
    }

    fn check(&self, pcb: Pcb<'_>) -> Result<(), TestCaseError> {
        prop_assert_eq!(pcb.rcv_nxt(), self.first + self.next + u32::from(self.done));
        let mut rod = own(pcb);
        let mut queue = rod.ooseq();
        let (mut queued, mut fin_queued, mut last) = (BTreeSet::new(), false, None::<u32>);
        while let Some(seg) = queue.current() {
            let (start, len) = (seg.received_seq() - self.first, u32::from(seg.len()));
            prop_assert!(!fin_queued, "a segment behind a FIN");
            prop_assert!(last.is_none_or(|last| last <= start), "out of order, or overlapping");
            prop_assert!(start >= self.next, "a segment that was received already");
            fin_queued = seg.flags().has(Flags::FIN);
            prop_assert!(!fin_queued || start + len == LEN);
            prop_assert_eq!(data_of(seg), &stream()[start as usize..][..len as usize]);
            queued.extend(start..start + len);
            last = Some(start + len);
            queue.advance();
        }
        prop_assert_eq!(&queued, &self.kept);
        prop_assert_eq!(fin_queued, self.fin_kept && !self.done);
        #[cfg(lwip_tcp_sack_out)]
        {
            let reported: Vec<_> = blocks_to_report(pcb, 40)
                .map(|block| (SeqNum::new(block.left) - self.first, SeqNum::new(block.right) - self.first))
                .collect();
            prop_assert_eq!(&reported, &self.sacks);
            prop_assert_eq!(blocks_to_report(pcb, 12).count(), self.sacks.len().min(1));
            prop_assert_eq!(blocks_to_report(pcb, 11).count(), 0);
        }
        Ok(())
    }
}

/// RFC 9293 3.10.7.4: some of it lies in the window.
fn is_acceptable(pcb: Pcb<'_>, seq: SeqNum, len: u32) -> bool {
    seq == pcb.rcv_nxt() || seq.within(pcb.rcv_nxt(), pcb.rcv_wnd().into()) || pcb.rcv_nxt().within(seq, len)
}

/// Hands a segment over, and compares what comes of it.
fn arrive(
    pcb: Pcb<'_>,
    model: &mut Model,
    start: u32,
    len: u32,
    cuts: (u16, u16),
    got: &mut Vec<u8>,
) -> Result<(), TestCaseError> {
    let end = (start + len).min(LEN);
    let fin = model.fin && end == LEN;
    if model.done || !is_acceptable(pcb, model.first + start, end - start + u32::from(fin)) {
        return Ok(());
    }
    // What happens without memory has a test of its own.
    if start > model.next && ooseq_len(pcb) >= model.room {
        return Ok(());
    }
    let octets = &stream()[start as usize..end as usize];
    let Some(mut incoming) = segment(model.first, start, octets, cuts, fin) else { return Ok(()) };
    let window = u32::from(pcb.rcv_wnd());
    let gap = !model.kept.is_empty() || model.fin_kept;
    let old = start < model.next;
    let (from, to, fin) = model.trim(start, end, fin, window);
    #[cfg(sack_recovery)]
    let had: BTreeSet<u32> = (0..model.next).chain(model.kept.iter().copied()).collect();
    let in_order = from == model.next && (from < to || fin);
    let new = model.take(from, to, fin);
    #[cfg(lwip_tcp_sack_out)]
    if in_order {
        let next = model.next;
        model.sacks.retain(|block| block.1 > next);
    } else if from < to || fin {
        model.on_out_of_order(from);
    }
    own(pcb).clear(Bit::ACK_DELAY | Bit::ACK_NOW);
    let received = receive(pcb, &mut incoming);
    #[cfg(sack_recovery)]
    check_duplicate(pcb, model.first, start..end, &had)?;
    let (seq_len, fin, at_once) =
        received.as_ref().map_or((0, false, true), |got| (got.seq_len, incoming.fin, got.ack_at_once));
    flow_control::on_received(pcb, seq_len);
    prop_assert_eq!(fin, model.done);
    prop_assert_eq!(seq_len, new + u32::from(model.done));
    prop_assert_eq!(u32::from(pcb.rcv_wnd()), window - new - u32::from(model.done));
    // RFC 5681 4.2: an immediate ACK for what is out of order, and for what fills a gap; by itself while one is left, since
    // that is where the blocks of SACK go. What comes again is acknowledged soon, so that it comes no third time, and so is the FIN.
    let left = !pcb.ooseq_is_empty();
    prop_assert_eq!(at_once, !in_order || left);
    prop_assert_eq!(pcb.has(Bit::ACK_NOW), in_order && (gap || old || fin));
    prop_assert_eq!(pcb.has(Bit::ACK_DELAY), in_order);
    if received.is_some_and(|got| got.has_data) {
        let data = incoming.data.into_data();
        prop_assert!(data.tot_len() > 0);
        got.extend(octets_of(&data));
    }
    prop_assert_eq!(got.len() as u32, model.next);
    #[cfg(ooseq_limit)]
    model.forget_what_was_dropped(pcb)?;
    model.check(pcb)
}

/// RFC 2883 4: what a D-SACK reports is of this segment, and was there before; what was there at the front of it is reported.
#[cfg(sack_recovery)]
fn check_duplicate(
    pcb: Pcb<'_>,
    first: SeqNum,
    segment: core::ops::Range<u32>,
    had: &BTreeSet<u32>,
) -> Result<(), TestCaseError> {
    let reported = pcb.core().duplicate();
    if let Some((id, range)) = reported {
        prop_assert!(id == pcb.id());
        let range = SeqNum::new(range.left) - first..SeqNum::new(range.right) - first;
        prop_assert_eq!(range.start, segment.start);
        prop_assert!(!range.is_empty() && range.end <= segment.end + 1);
        prop_assert!((range.start..range.end.min(LEN)).all(|octet| had.contains(&octet)));
        let block = blocks_to_report(pcb, 40).next().expect("it comes first");
        prop_assert_eq!(SeqNum::new(block.left) - first..SeqNum::new(block.right) - first, range);
    } else if cfg!(lwip_tcp_sack_out) && pcb.has(Bit::SACK) {
        let old = segment.start + (segment.end - segment.start).min(1);
        prop_assert!(
            segment.is_empty()
                || !(segment.start..old).all(|octet| octet < pcb.rcv_nxt() - first && had.contains(&octet))
        );
    }
    pcb.core().set_duplicate(None);
    Ok(())
}

fn new_model(bench: &Bench, pcb: Pcb<'_>, fin: bool) -> Model {
    #[cfg(lwip_tcp_sack_out)]
    cm::on_syn_options(pcb, &crate::wire::Options { sack_permitted: true, ..Default::default() });
    Model {
        first: pcb.rcv_nxt(),
        fin,
        room: bench.memory.segments(),
        next: 0,
        kept: BTreeSet::new(),
        fin_kept: false,
        done: false,
        #[cfg(lwip_tcp_sack_out)]
        sacks: Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever the order, overlap, duplication, place of the FIN, size of the window and layout in memory: what comes out
    /// is the stream, and what is kept is what the model says.
    #[test]
    fn what_comes_out_is_the_stream(
        first: u32, window in 0u16..700, fin: bool, steps in proptest::collection::vec(step(), 1..35),
    ) {
        let mut bench = bench();
        let id = connected(&mut bench, 536, SeqNum::new(first), SeqNum::new(0));
        let pcb = bench.core.get(id).expect("it lives");
        flow_control::on_received(pcb, u32::from(pcb.rcv_wnd()) - u32::from(window));
        let mut model = new_model(&bench, pcb, fin);
        let mut got = Vec::new();
        for step in steps {
            match step {
                Step::Segment { start, len, cuts } => arrive(pcb, &mut model, start, len, cuts, &mut got)?,
                Step::Next { offset, len, cuts } => {
                    let start = model.next.saturating_add_signed(offset).min(LEN);
                    arrive(pcb, &mut model, start, len, cuts, &mut got)?;
                }
                Step::Consume(octets) => drop(flow_control::on_consumed(pcb, octets % 300)),
                Step::FreeQueue => {
                    free_ooseq(pcb);
                    model.kept.clear();
                    model.fin_kept = model.done;
                    #[cfg(lwip_tcp_sack_out)]
                    model.sacks.clear();
                    model.check(pcb)?;
                }
            }
            let queued = ooseq_len(pcb);
            prop_assert_eq!(queued == 0, pcb.ooseq_is_empty());
        }
        prop_assert_eq!(&got, &stream()[..got.len()]);
        bench.finish(id);
    }

    /// The peer repeats segments in random order until all are through: all of the stream comes out, and the FIN.
    #[test]
    fn a_shuffled_stream_is_complete_in_the_end(
        first: u32, order in Just((0..LEN).step_by(20).collect::<Vec<_>>()).prop_shuffle(), len in 20u32..60,
    ) {
        let mut bench = bench();
        let id = connected(&mut bench, 536, SeqNum::new(first), SeqNum::new(0));
        let pcb = bench.core.get(id).expect("it lives");
        let mut model = new_model(&bench, pcb, true);
        let mut got = Vec::new();
        for start in order {
            arrive(pcb, &mut model, start, len, (7, 7), &mut got)?;
        }
        // What was dropped for lack of memory, or by a limit, the peer sends again.
        for _ in (0..LEN).step_by(20) {
            let start = model.next;
            arrive(pcb, &mut model, start, len, (7, 7), &mut got)?;
        }
        prop_assert!(model.done && pcb.ooseq_is_empty());
        prop_assert_eq!(&got, &stream()[..LEN as usize]);
        bench.finish(id);
    }
}

/// Without memory for one more segment, or room by the limits, the queue stays as it was, and the segment is dropped as if
/// it had been lost.
#[test]
fn without_memory_a_segment_is_dropped_and_the_rest_stays() {
    let mut bench = bench();
    let id = connected(&mut bench, 536, SeqNum::new(0), SeqNum::new(0));
    let pcb = bench.core.get(id).expect("it lives");
    let first = pcb.rcv_nxt();
    let arrives = |start: u32| {
        let octets = &stream()[start as usize..][..4];
        let mut incoming = segment(first, start, octets, (2, 0), false)?;
        Some(match receive(pcb, &mut incoming) {
            Some(received) if received.has_data => u32::from(incoming.data.tot_len()),
            _ => 0,
        })
    };
    let (mut queued, mut full) = (0, false);
    // Every second piece, to the end of the window; sooner or later a pool may be empty.
    for start in (8..5000).step_by(8) {
        full |= arrives(start).is_none();
        let now = ooseq_len(pcb);
        assert!(now == queued || (now == queued + 1 && !full));
        full |= now == queued;
        queued = now;
    }
    assert!(queued > 0 && (full || queued == 624), "{queued} segments fitted");
    // The stream goes on all the same.
    free_ooseq(pcb);
    for start in (0..400).step_by(4) {
        assert_eq!(arrives(start), Some(4));
    }
    bench.finish(id);
}
