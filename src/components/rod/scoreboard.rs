//! The sender's scoreboard (RFC 6675 3, RFC 2018): what of the data in flight the peer has, and what is lost.
//!
//! It costs no memory beside: a segment that a SACK covers is marked, and one that is lost goes from `unacked` back to `unsent`,
//! in front of what was not sent yet, so that the segment to be sent next (NextSeg of RFC 6675 4) is always the first of
//! `unsent`, and pipe is what is left in `unacked` without a mark.
//!
//! An ACK costs O(blocks), and what it delivers. Blocks that say nothing new are recognised without a look at any segment: those
//! in the highest run, and the others if the queue was walked for the same already. What lies above the highest run is reached
//! directly. For the rest the queue is walked once, from its front, but for no more than [`most_visits`] segments for an ACK: the
//! next one goes on from there. Until then blocks are taken at their word where it matters, in the search for losses.
//!
//! That search begins at the front each time, and is bounded, too, as is the way to the place of a segment in the queue that it
//! goes to. So what is lost behind 256 segments that are in flight or SACKed is found when some of those are acknowledged: a flight
//! of some thousand segments with losses all over takes a round trip for each 256 of them.

use super::retransmit::Freed;
use super::{Rod, own};
use crate::pcb::{Bit, Mark, Pcb, Pick, Seg, Start, Walk, transfer};
use crate::wire::{MAX_SACKS, SeqNum};

/// How many segments are looked at in one walk.
#[cfg(not(test))]
const fn most_visits() -> u32 {
    256
}
#[cfg(test)]
use bound::most_visits;

/// Tests have no memory for so many segments: they may set another bound, each for itself.
#[cfg(test)]
pub(super) mod bound {
    use core::cell::Cell;

    const USUAL: u32 = 256;

    std::thread_local! {
        static MOST: Cell<u32> = const { Cell::new(USUAL) };
    }

    pub(in super::super) fn most_visits() -> u32 {
        MOST.get()
    }

    pub(in super::super) fn set(most: u32) {
        MOST.set(most);
    }

    pub(in super::super) fn reset() {
        MOST.set(USUAL);
    }
}

/// A block of octets that the peer has: left edge, right edge.
pub(crate) type Block = (SeqNum, SeqNum);

/// Those of an ACK; what is left of them is empty.
pub(crate) type Blocks = [Block; MAX_SACKS];

/// All of the segment is in one of the blocks.
fn covers(blocks: &Blocks, seg: Seg<'_>) -> bool {
    blocks.iter().any(|block| block.0.lt(block.1) && block.0.le(seg.seq()) && seg.end().le(block.1))
}

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

/// RACK.fack of RFC 8985 5.2: the highest number that is known to be delivered. Where something is SACKed: the end of that.
pub(super) fn highest_delivered(pcb: Pcb<'_>) -> SeqNum {
    own(pcb).unacked().marked().map_or(pcb.lastack(), |seg| seg.end())
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
pub(super) fn duplicate(pcb: Pcb<'_>, blocks: &Blocks, ack: SeqNum) -> Option<Block> {
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
pub(super) fn on_blocks(pcb: Pcb<'_>, blocks: &Blocks, delivery: &mut Delivery) {
    let valid = |block: &Block| {
        let outstanding = pcb.snd_nxt() - pcb.lastack();
        block.0.lt(block.1) && block.0.within(pcb.lastack(), outstanding) && (block.1 - pcb.lastack()) <= outstanding
    };
    let highest = blocks.iter().copied().filter(valid).reduce(|a, b| if b.1.gt(a.1) { b } else { a });
    let Some(highest) = highest else { return };
    if pcb.sacked() > 0 {
        mark_above(pcb, highest, delivery);
    }
    let mut others = *blocks;
    for block in &mut others {
        *block = if valid(block) { beside_highest_run(pcb, *block) } else { Block::default() };
    }
    sweep(pcb, &others, delivery);
    take_back(pcb, blocks, delivery);
}

/// What of a block is not in the highest run; empty if nothing is.
fn beside_highest_run(pcb: Pcb<'_>, block: Block) -> Block {
    if pcb.sacked() == 0 || block.1.gt(highest_delivered(pcb)) {
        // Of what is above it, it is what the walk did not come to.
        return block;
    }
    let top = pcb.sacked_top();
    let end = if block.1.gt(top) { top } else { block.1 };
    if block.0.lt(end) { (block.0, end) } else { Block::default() }
}

/// A segment in `unacked` that was not known to be SACKed is.
fn mark(pcb: Pcb<'_>, seg: Seg<'_>, delivery: &mut Delivery) -> Walk {
    let (rod, end) = (own(pcb), highest_delivered(pcb));
    let highest = pcb.sacked() == 0 || seg.end().gt(end);
    if highest && (pcb.sacked() == 0 || seg.seq() != end) {
        rod.set_sacked_top(seg.seq());
    }
    seg.set_mark(Mark::Sacked, true);
    rod.set_sacked(pcb.sacked().wrapping_add(seg.seq_len()));
    leave_pipe(&rod, seg.seq_len());
    delivery.add(seg);
    if highest { Walk::Mark } else { Walk::On }
}

/// The block that reaches furthest, above the highest run, of which there is one. Unless it is cut short each segment is visited
/// once.
fn mark_above(pcb: Pcb<'_>, block: Block, delivery: &mut Delivery) {
    let mut left = most_visits();
    own(pcb).unacked().walk(Start::Marked, |seg| {
        if left == 0 || seg.seq().ge(block.1) {
            return Walk::Stop;
        }
        left -= 1;
        if block.0.le(seg.seq()) && seg.end().le(block.1) { mark(pcb, seg, delivery) } else { Walk::On }
    });
}

/// The digest of no blocks: those have the last two bits set.
const CHANGED: u16 = 4;

/// The walk along `unacked` for the blocks beside the highest run. Where an ACK has to leave off the next one goes on, with its own
/// blocks; and once more from the front, if they are not those that it began with.
///
/// `sack_digest` is that of the blocks that it began with, or [`CHANGED`] since there were others, with the last bit clear until it
/// is done; 0 if there was none.
fn sweep(pcb: Pcb<'_>, blocks: &Blocks, delivery: &mut Delivery) {
    let some = || blocks.iter().filter(|block| block.0 != block.1);
    let digest = some().fold(0u16, |digest, block| {
        let edges = block.0.raw().wrapping_mul(31).wrapping_add(block.1.raw());
        digest.rotate_left(5) ^ (edges ^ (edges >> 16)) as u16 | 3
    });
    let limit = some().map(|block| block.1).reduce(|a, b| if b.gt(a) { b } else { a });
    let Some(limit) = limit else { return };
    let (rod, mut left) = (own(pcb), most_visits());
    while left > 0 && pcb.sack_digest() != digest {
        let begins = pcb.sack_digest() == 0 || pcb.sack_digest() & 1 != 0;
        if begins {
            rod.set_sack_digest(digest & !1);
        } else if pcb.sack_digest() | 1 != digest {
            rod.set_sack_digest(CHANGED);
        }
        // What is marked without a gap up to here.
        let (mut run, mut end) = (limit, limit);
        let start = if begins { Start::Front } else { Start::Interrupted };
        let done = own(pcb).unacked().walk(start, |seg| {
            if seg.seq().ge(limit) {
                return Walk::Stop;
            }
            if left == 0 {
                return Walk::Interrupt;
            }
            left -= 1;
            let is_new = !seg.is_marked(Mark::Sacked) && covers(blocks, seg);
            let walk = if is_new { mark(pcb, seg, delivery) } else { Walk::On };
            if seg.is_marked(Mark::Sacked) {
                run = if seg.seq() == end { run } else { seg.seq() };
                end = seg.end();
                if end == pcb.sacked_top() {
                    rod.set_sacked_top(run);
                }
            }
            walk
        });
        if !done {
            return;
        }
        rod.set_sack_digest(pcb.sack_digest() | 1);
    }
}

/// Segments that were taken for lost, are to be sent again, and have arrived after all.
fn take_back(pcb: Pcb<'_>, blocks: &Blocks, delivery: &mut Delivery) {
    let mut queues = own(pcb);
    let (mut unsent, mut unacked) = queues.unsent_and_unacked();
    if pcb.sacked() == 0 || unsent.front().is_none_or(|seg| seg.seq().ge(pcb.snd_nxt())) {
        return;
    }
    let (mut left, end) = (most_visits(), unacked.marked().map_or(pcb.lastack(), |seg| seg.end()));
    let pick = |seg: Seg<'_>| {
        // Above the highest run it may be sent again: nothing is lost by that but a segment.
        if left == 0 || seg.end().gt(end) {
            return Pick::Stop;
        }
        left -= 1;
        if covers(blocks, seg) { Pick::Take } else { Pick::Leave }
    };
    transfer(&mut unsent, &mut unacked, most_visits(), pick, |seg| {
        seg.set_mark(Mark::Sacked, true);
        own(pcb).set_sacked(pcb.sacked().wrapping_add(seg.seq_len()));
        delivery.add(seg);
    });
}

/// Searches `unacked`, as far as the highest number that is known to be delivered, for segments of which `is_lost` says so, and
/// queues them to be sent again, but for those that are in `blocks`, of which some may not have been taken yet. `is_lost` also gets
/// the SACKed octets below the segment. Says how many octets those are.
pub(super) fn declare_lost(
    pcb: Pcb<'_>,
    blocks: &Blocks,
    end: SeqNum,
    mut is_lost: impl FnMut(Seg<'_>, u32) -> bool,
) -> u32 {
    let (mut lost, mut sacked, mut left) = (0u32, 0u32, most_visits());
    let mut queues = own(pcb);
    let (mut unsent, mut unacked) = queues.unsent_and_unacked();
    let pick = |seg: Seg<'_>| {
        if left == 0 || seg.seq().ge(end) {
            return Pick::Stop;
        }
        left -= 1;
        if seg.is_marked(Mark::Sacked) {
            sacked = sacked.wrapping_add(seg.seq_len());
            return Pick::Leave;
        }
        if seg.is_busy() || !is_lost(seg, sacked) || covers(blocks, seg) { Pick::Leave } else { Pick::Take }
    };
    // What comes after so much that waits to be sent again need not wait, too, before there is less of that.
    transfer(&mut unacked, &mut unsent, most_visits(), pick, |seg| lost = lost.wrapping_add(seg.seq_len()));
    leave_pipe(&own(pcb), lost);
    lost
}

/// What is lost, and not in the blocks of the ACK, is queued to be sent again; says how many octets that is.
#[cfg(rack)]
pub(super) use super::rack::detect_losses as detect_losses_of;

/// RFC 6675 4, IsLost: more than (DupThresh - 1) segments' worth of octets above it are SACKed.
#[cfg(not(rack))]
pub(super) fn detect_losses_of(pcb: Pcb<'_>, blocks: &Blocks) -> u32 {
    let enough = 2 * u32::from(pcb.mss());
    declare_lost(pcb, blocks, highest_delivered(pcb), |seg, below| {
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
    let keep = |seg: Seg<'_>| seg.is_marked(Mark::Sacked) && !reneged;
    transfer(
        &mut unacked,
        &mut unsent,
        u32::MAX,
        |seg| if keep(seg) { Pick::Leave } else { Pick::Take },
        |seg| seg.set_mark(Mark::Sacked, false),
    );
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
    transfer(
        &mut unsent,
        &mut unacked,
        u32::MAX,
        |seg| if seg.end().gt(pcb.snd_nxt()) { Pick::Stop } else { Pick::Take },
        |seg| octets = octets.wrapping_add(seg.seq_len()),
    );
    on_sent(pcb, octets);
}
