//! SACK generation (RFC 2018): which blocks of the out-of-sequence queue to report, the latest first.

use super::{Rod, own};
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
    let mut ranges = [NONE; LEN];
    let mut new = ranges.iter_mut();
    if let Some(first) = new.next() {
        *first = SackRange { left: left.raw(), right: right.raw() };
    }
    // Those that the new block has swallowed are gone.
    let old = rod.rcv_sacks();
    let kept =
        old.iter().filter(|old| is_valid(old) && (SeqNum::new(old.right).lt(left) || right.lt(SeqNum::new(old.left))));
    for (new, old) in new.zip(kept) {
        *new = *old;
    }
    rod.set_rcv_sacks(ranges);
}

const LEN: usize = crate::ffi::config::LWIP_TCP_MAX_SACK_NUM as usize;

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
        Some(front) => restrict(rod, |range| {
            if SeqNum::new(range.left).lt(front) {
                range.left = front.raw();
            }
            SeqNum::new(range.right).gt(front)
        }),
        None => forget(rod),
    }
}

/// The queue was cut at `from`.
#[cfg(ooseq_limit)]
pub(super) fn on_dropped_from(rod: &Rod<'_>, from: SeqNum) {
    restrict(rod, |range| {
        if SeqNum::new(range.right).gt(from) {
            range.right = from.raw();
        }
        SeqNum::new(range.left).lt(from)
    });
}

/// Changes each block, and keeps those that `keep` says.
fn restrict(rod: &Rod<'_>, mut keep: impl FnMut(&mut SackRange) -> bool) {
    let mut ranges = [NONE; LEN];
    let mut new = ranges.iter_mut();
    for mut range in rod.rcv_sacks() {
        if is_valid(&range) && keep(&mut range) {
            if let Some(new) = new.next() {
                *new = range;
            }
        }
    }
    rod.set_rcv_sacks(ranges);
}

/// Nothing is to be reported.
pub(super) fn forget(rod: &Rod<'_>) {
    rod.set_rcv_sacks([NONE; LEN]);
}

/// The blocks to put into the next segment, as many as `room` octets of options take.
pub(crate) fn blocks_to_report(pcb: Pcb<'_>, room: usize) -> impl Iterator<Item = SackRange> + Clone {
    let most = if pcb.has(Bit::SACK) { room.saturating_sub(4) / 8 } else { 0 };
    let blocks = own(pcb).rcv_sacks().into_iter().take_while(is_valid);
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
