//! The sender's scoreboard (RFC 6675 3, RFC 2018): what of the data in flight the peer has, and what is lost.
//!
//! It costs no memory beside: a segment that a SACK covers is marked, and one that is lost goes from `unacked` back to `unsent`,
//! in front of what was not sent yet, so that the segment to be sent next (NextSeg of RFC 6675 4) is always the first of
//! `unsent`, and pipe is what is left in `unacked` without a mark.
//!
//! An ACK costs O(blocks), and what it delivers. Blocks that say nothing new are recognised without a look at any segment: those
//! in the highest run, and the others if the last ACK had the same. What lies above the highest run is reached directly. For the
//! rest the queue is walked from its front, but for no more than [`MOST_VISITS`] segments, for a block as for the search for
//! losses; SACKs are advice (RFC 2018 8), and what is left out costs a retransmission at most.

use super::retransmit::Freed;
use super::{Rod, own};
use crate::pcb::{Bit, Mark, Pcb, Pick, Seg, Walk, transfer};
use crate::wire::{MAX_SACKS, SeqNum};

/// How many segments are looked at in one walk.
const MOST_VISITS: u32 = 256;

/// A block of octets that the peer has: left edge, right edge.
pub(crate) type Block = (SeqNum, SeqNum);

/// What an acknowledgment has delivered that was not known to be.
#[derive(Clone, Copy, Default)]
pub(super) struct Delivery {
    /// Sequence numbers.
    pub(super) octets: u32,
    /// Of the segments that were sent once: the highest end,
    pub(super) newest: Option<SeqNum>,
    /// and the lowest.
    pub(super) oldest: Option<SeqNum>,
    /// The highest end of the segments that were sent more than once.
    pub(super) again: Option<SeqNum>,
}

fn highest(a: Option<SeqNum>, b: SeqNum) -> SeqNum {
    a.filter(|a| a.gt(b)).unwrap_or(b)
}

impl Delivery {
    fn add(&mut self, seg: Seg<'_>) {
        let end = seg.end();
        self.octets = self.octets.wrapping_add(seg.seq_len());
        if seg.is_marked(Mark::SentAgain) {
            self.again = Some(highest(self.again, end));
        } else {
            self.newest = Some(highest(self.newest, end));
            self.oldest = Some(self.oldest.filter(|oldest| oldest.lt(end)).unwrap_or(end));
        }
    }
}

/// SACK was negotiated: there is a scoreboard.
pub(crate) fn uses_sack(pcb: Pcb<'_>) -> bool {
    pcb.has(Bit::SACK)
}

/// A segment is in the network now.
pub(super) fn on_sent(pcb: Pcb<'_>, octets: u32) {
    own(pcb).set_pipe(pcb.pipe().wrapping_add(octets));
}

/// Octets are not in the network any more.
fn leave_pipe(rod: &Rod<'_>, octets: u32) {
    rod.set_pipe(rod.pipe().saturating_sub(octets));
}

/// A segment leaves `unacked` by another way than those of this module.
pub(super) fn on_taken(pcb: Pcb<'_>, seg: Seg<'_>) {
    let rod = own(pcb);
    if seg.is_marked(Mark::Sacked) {
        seg.set_mark(Mark::Sacked, false);
        rod.set_sacked(pcb.sacked().saturating_sub(seg.seq_len()));
    } else {
        leave_pipe(&rod, seg.seq_len());
    }
}

/// All queues were emptied.
pub(super) fn forget(rod: &Rod<'_>) {
    rod.set_pipe(0);
    rod.set_sacked(0);
}

/// Octets sent, not acknowledged, and neither SACKed nor in the network, as far as is known.
pub(super) fn lost(pcb: Pcb<'_>) -> u32 {
    (pcb.snd_nxt() - pcb.lastack()).saturating_sub(pcb.pipe()).saturating_sub(pcb.sacked())
}

/// RACK.fack of RFC 8985 5.2: the highest number that is known to be delivered.
pub(super) fn highest_delivered(pcb: Pcb<'_>) -> SeqNum {
    if pcb.sacked() == 0 { pcb.lastack() } else { pcb.sacked_end() }
}

/// Frees what `ack` covers; says what that was.
pub(super) fn free_acked(pcb: Pcb<'_>, ack: SeqNum, delivery: &mut Delivery) -> Freed {
    let mut freed = Freed::default();
    let (mut queues, rod) = (own(pcb), own(pcb));
    let (mut unsent, mut unacked) = queues.unsent_and_unacked();
    while unacked.front().is_some_and(|seg| seg.end().le(ack)) {
        let Some(seg) = unacked.pop_front() else { break };
        freed.add(seg.seg());
        if seg.seg().is_marked(Mark::Sacked) {
            rod.set_sacked(pcb.sacked().saturating_sub(seg.seg().seq_len()));
        } else {
            leave_pipe(&rod, seg.seg().seq_len());
            delivery.add(seg.seg());
        }
    }
    // What was taken for lost, and was not.
    while unsent.front().is_some_and(|seg| seg.end().le(ack)) {
        let Some(seg) = unsent.pop_front() else { break };
        freed.add(seg.seg());
        delivery.add(seg.seg());
    }
    freed
}

/// The first block if it is a D-SACK (RFC 2883 4): of octets that are acknowledged, or that the second block has too.
pub(super) fn duplicate(pcb: Pcb<'_>, blocks: &[Block; MAX_SACKS], ack: SeqNum) -> Option<Block> {
    let [first, second, ..] = *blocks;
    let size = first.1 - first.0;
    // Not of more than the peer can have got.
    if size == 0 || size > pcb.snd_wnd_max().into() || first.1.gt(pcb.snd_nxt()) {
        return None;
    }
    let inside = second.0 != second.1 && second.0.le(first.0) && first.1.le(second.1);
    (first.1.le(ack) || inside).then_some(first)
}

/// Takes the blocks of an ACK whose cumulative part has been taken. What reaches beyond what was sent, or below what is
/// acknowledged, is no block of ours.
pub(super) fn on_blocks(pcb: Pcb<'_>, blocks: &[Block; MAX_SACKS], delivery: &mut Delivery) {
    let valid = |block: &Block| {
        let outstanding = pcb.snd_nxt() - pcb.lastack();
        block.0.lt(block.1) && block.0.within(pcb.lastack(), outstanding) && (block.1 - pcb.lastack()) <= outstanding
    };
    let highest = blocks.iter().copied().filter(valid).reduce(|a, b| if b.1.gt(a.1) { b } else { a });
    let Some(highest) = highest else { return };
    let others = || blocks.iter().copied().filter(|block| valid(block) && *block != highest);
    let digest = others().fold(0u16, |digest, block| {
        let edges = block.0.raw().wrapping_mul(31).wrapping_add(block.1.raw());
        digest.rotate_left(5) ^ (edges ^ (edges >> 16)) as u16 | 1
    });
    let known = digest == pcb.sack_digest();
    own(pcb).set_sack_digest(digest);
    on_highest_block(pcb, highest, delivery);
    if !known {
        others().for_each(|block| mark_from_front(pcb, block, delivery));
    }
    take_back(pcb, blocks, delivery);
}

/// The block of an ACK that reaches furthest.
fn on_highest_block(pcb: Pcb<'_>, block: Block, delivery: &mut Delivery) {
    if pcb.sacked() == 0 || block.0.ge(pcb.sacked_end()) {
        let joins = pcb.sacked() > 0 && block.0 == pcb.sacked_end();
        mark_above(pcb, block, if joins { pcb.sacked_top() } else { block.0 }, delivery);
    } else if block.0.lt(pcb.sacked_top()) {
        mark_from_front(pcb, block, delivery);
    } else if block.1.gt(pcb.sacked_end()) {
        mark_above(pcb, (pcb.sacked_end(), block.1), pcb.sacked_top(), delivery);
    }
}

/// Marks a segment in `unacked` if it lies in the block. If none above it is marked, the highest run begins at `top`.
fn mark(pcb: Pcb<'_>, seg: Seg<'_>, block: Block, top: SeqNum, delivery: &mut Delivery) -> Walk {
    if seg.seq().ge(block.1) {
        return Walk::Stop;
    }
    if block.0.gt(seg.seq()) || seg.end().gt(block.1) || seg.is_marked(Mark::Sacked) {
        return Walk::On;
    }
    let (rod, end) = (own(pcb), seg.end());
    let highest = pcb.sacked() == 0 || end.gt(pcb.sacked_end());
    seg.set_mark(Mark::Sacked, true);
    rod.set_sacked(pcb.sacked().wrapping_add(seg.seq_len()));
    leave_pipe(&rod, seg.seq_len());
    delivery.add(seg);
    if !highest {
        return Walk::On;
    }
    rod.set_sacked_end(end);
    rod.set_sacked_top(top);
    Walk::Mark
}

/// A block above the highest run; together with it, the run starts at `top`. With a mark somewhere each segment is visited
/// once; without, the walk to the block is bounded.
fn mark_above(pcb: Pcb<'_>, block: Block, top: SeqNum, delivery: &mut Delivery) {
    let behind_mark = pcb.sacked() > 0;
    own(pcb).unacked().walk(behind_mark, MOST_VISITS, |seg| mark(pcb, seg, block, top, delivery));
}

/// A block that begins below the highest run.
fn mark_from_front(pcb: Pcb<'_>, block: Block, delivery: &mut Delivery) {
    let known_end = (pcb.sacked() > 0).then(|| pcb.sacked_end());
    let below = known_end.filter(|end| block.1.gt(*end)).unwrap_or(block.1);
    own(pcb).unacked().walk(false, MOST_VISITS, |seg| mark(pcb, seg, (block.0, below), block.0, delivery));
    if known_end.is_some() && block.0.lt(pcb.sacked_top()) && block.1.ge(pcb.sacked_top()) {
        // It swallows the highest run.
        own(pcb).set_sacked_top(block.0);
    }
    if below != block.1 {
        mark_above(pcb, (below, block.1), pcb.sacked_top(), delivery);
    }
}

/// Segments that were taken for lost, are to be sent again, and have arrived after all.
fn take_back(pcb: Pcb<'_>, blocks: &[Block; MAX_SACKS], delivery: &mut Delivery) {
    let mut queues = own(pcb);
    let (mut unsent, mut unacked) = queues.unsent_and_unacked();
    if unsent.front().is_none_or(|seg| seg.seq().ge(pcb.snd_nxt())) {
        return;
    }
    let mut left = MOST_VISITS;
    transfer(&mut unsent, &mut unacked, |seg| {
        left = left.saturating_sub(1);
        if left == 0 || seg.seq().ge(pcb.snd_nxt()) {
            return Pick::Stop;
        }
        let below_top = pcb.sacked() > 0 && seg.end().le(pcb.sacked_end());
        let inside = |block: &Block| block.0.le(seg.seq()) && seg.end().le(block.1) && block.0.lt(block.1);
        // Above the highest run it may be sent again: nothing is lost by that but a segment.
        if !below_top || !blocks.iter().any(inside) {
            return Pick::Leave;
        }
        seg.set_mark(Mark::Sacked, true);
        own(pcb).set_sacked(pcb.sacked().wrapping_add(seg.seq_len()));
        delivery.add(seg);
        Pick::Take
    });
}

/// Searches `unacked`, as far as the highest number that is known to be delivered, for segments of which `is_lost` says so, and
/// queues them to be sent again. `is_lost` also gets the SACKed octets below the segment. Says how many octets those are.
pub(super) fn declare_lost(pcb: Pcb<'_>, end: SeqNum, mut is_lost: impl FnMut(Seg<'_>, u32) -> bool) -> u32 {
    let (mut lost, mut sacked, mut left) = (0u32, 0u32, MOST_VISITS);
    let mut queues = own(pcb);
    let (mut unsent, mut unacked) = queues.unsent_and_unacked();
    transfer(&mut unacked, &mut unsent, |seg| {
        left = left.saturating_sub(1);
        if left == 0 || seg.seq().ge(end) {
            return Pick::Stop;
        }
        if seg.is_marked(Mark::Sacked) {
            sacked = sacked.wrapping_add(seg.seq_len());
            return Pick::Leave;
        }
        if seg.is_busy() || !is_lost(seg, sacked) {
            return Pick::Leave;
        }
        lost = lost.wrapping_add(seg.seq_len());
        Pick::Take
    });
    leave_pipe(&own(pcb), lost);
    lost
}

/// What is lost is queued to be sent again; says how many octets that is.
#[cfg(rack)]
pub(super) use super::rack::detect_losses as detect_losses_of;

/// RFC 6675 4, IsLost: more than (DupThresh - 1) segments' worth of octets above it are SACKed.
#[cfg(not(rack))]
pub(super) fn detect_losses_of(pcb: Pcb<'_>) -> u32 {
    let enough = 2 * u32::from(pcb.mss());
    declare_lost(pcb, highest_delivered(pcb), |seg, below| {
        // What was sent again and is lost again is for the retransmission timer.
        !seg.is_marked(Mark::SentAgain) && pcb.sacked().saturating_sub(below) > enough
    })
}

/// The retransmission timer expired: all that is not SACKed counts as lost. The peer may have dropped what it had SACKed (RFC 2018
/// 8): it has if it acknowledges up to such a segment and not beyond.
pub(super) fn on_timeout(pcb: Pcb<'_>) {
    let mut queues = own(pcb);
    let (mut unsent, mut unacked) = queues.unsent_and_unacked();
    let first_lost = unsent.front().map(|seg| seg.seq());
    let reneged = unacked
        .front()
        .is_some_and(|seg| seg.is_marked(Mark::Sacked) && first_lost.is_none_or(|lost| lost.gt(seg.seq())));
    transfer(&mut unacked, &mut unsent, |seg| {
        if seg.is_marked(Mark::Sacked) && !reneged {
            return Pick::Leave;
        }
        seg.set_mark(Mark::Sacked, false);
        Pick::Take
    });
    let rod = own(pcb);
    rod.set_pipe(0);
    if reneged {
        rod.set_sacked(0);
    }
    rod.set_sack_digest(0);
}

/// The timeout, or the loss, was none: what waits to be sent again is in the network still.
pub(super) fn on_undone(pcb: Pcb<'_>) {
    let mut queues = own(pcb);
    let (mut unsent, mut unacked) = queues.unsent_and_unacked();
    let mut octets = 0u32;
    transfer(&mut unsent, &mut unacked, |seg| {
        if seg.end().gt(pcb.snd_nxt()) {
            return Pick::Stop;
        }
        octets = octets.wrapping_add(seg.seq_len());
        Pick::Take
    });
    on_sent(pcb, octets);
}
