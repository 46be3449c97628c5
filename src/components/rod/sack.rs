//! SACK generation (RFC 2018): which blocks of the out-of-sequence queue to report, the latest first.

use super::Rod;
use crate::pcb::{Bit, Pcb, SackRange};
use crate::wire::SeqNum;

const NONE: SackRange = SackRange { left: 0, right: 0 };

fn is_valid(range: &SackRange) -> bool {
    range.left != range.right
}

/// A segment at `seq` was queued: the block that it is part of is reported first (RFC 2018 4).
pub(super) fn on_queued(rod: &mut Rod<'_>, seq: SeqNum) {
    if !rod.has(Bit::SACK) {
        return;
    }
    let Some((left, right)) = block_around(rod, seq) else { return };
    let next = rod.rcv_nxt();
    rebuild(rod, SackRange { left: left.raw(), right: right.raw() }, next, next + AHEAD);
}

/// Farther ahead than any window reaches (RFC 7323 2.3).
const AHEAD: u32 = 1 << 30;

/// What of `block` lies from `start` on and before `end`; none of it if `first`, which is reported before it, has swallowed it.
fn remainder(block: SackRange, first: SackRange, start: SeqNum, end: SeqNum) -> SackRange {
    let (mut left, mut right) = (SeqNum::new(block.left), SeqNum::new(block.right));
    if left.lt(start) {
        left = start;
    }
    if end.lt(right) {
        right = end;
    }
    let apart = !is_valid(&first) || right.lt(SeqNum::new(first.left)) || SeqNum::new(first.right).lt(left);
    if apart && left.lt(right) { SackRange { left: left.raw(), right: right.raw() } } else { NONE }
}

/// The list becomes `first`, if that is one, and what is left of the old blocks: see [`remainder`].
#[inline(never)]
fn rebuild(rod: &Rod<'_>, first: SackRange, start: SeqNum, end: SeqNum) {
    let (mut pending, mut place) = (first, 0);
    // A block is written when the next one has been read: the place of it is never behind.
    for number in 0..Pcb::RCV_SACKS {
        let old = rod.rcv_sack(number);
        if is_valid(&pending) {
            rod.set_rcv_sack(place, pending);
            place += 1;
        }
        pending = if is_valid(&old) { remainder(old, first, start, end) } else { NONE };
    }
    for rest in place..Pcb::RCV_SACKS {
        rod.set_rcv_sack(rest, pending);
        pending = NONE;
    }
}

/// The run of contiguous segments in the queue that `seq` is in.
fn block_around(rod: &mut Rod<'_>, seq: SeqNum) -> Option<(SeqNum, SeqNum)> {
    let mut queue = rod.ooseq();
    let first = queue.current()?;
    let (mut left, mut right) = (first.received_seq(), first.received_seq());
    while let Some(queued) = queue.current() {
        if queued.received_seq() != right {
            if seq.lt(queued.received_seq()) {
                break;
            }
            left = queued.received_seq();
        }
        right = queued.received_end();
        queue.advance();
    }
    left.lt(right).then_some((left, right))
}

/// RCV.NXT moved: nothing before what is still queued is to be reported.
pub(super) fn on_advanced(rod: &mut Rod<'_>) {
    let front = rod.ooseq().current().map(|queued| queued.received_seq());
    match front {
        Some(front) => rebuild(rod, NONE, front, front + AHEAD),
        None => forget(rod),
    }
}

/// The queue was cut at `from`.
#[cfg(ooseq_limit)]
pub(super) fn on_dropped_from(rod: &Rod<'_>, from: SeqNum) {
    rebuild(rod, NONE, rod.rcv_nxt(), from);
}

/// Nothing is to be reported.
pub(super) fn forget(rod: &Rod<'_>) {
    for number in 0..Pcb::RCV_SACKS {
        rod.set_rcv_sack(number, NONE);
    }
}

/// The blocks to put into the next segment, as many as `room` octets of options take.
pub(crate) fn blocks_to_report(pcb: Pcb<'_>, room: usize) -> impl Iterator<Item = SackRange> + Clone {
    let most = if pcb.has(Bit::SACK) { room.saturating_sub(4) / 8 } else { 0 };
    let blocks = (0..Pcb::RCV_SACKS).map(move |number| pcb.rcv_sack(number)).take_while(is_valid);
    #[cfg(sack_recovery)]
    let blocks = {
        let duplicate = pcb.core().duplicate().filter(|(id, _)| *id == pcb.id());
        duplicate.map(|(_, range)| range).into_iter().chain(blocks)
    };
    blocks.take(most)
}

/// The octets from `left` to `right` were received before: the next ACK says so by a D-SACK (RFC 2883 4).
#[cfg(sack_recovery)]
pub(crate) fn report_duplicate(pcb: Pcb<'_>, left: SeqNum, right: SeqNum) {
    if pcb.has(Bit::SACK) && left.lt(right) {
        let range = SackRange { left: left.raw(), right: right.raw() };
        pcb.core().set_duplicate(Some((pcb.id(), range)));
    }
}
