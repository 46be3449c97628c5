//! The queue of what is to be sent.

use super::retransmit::Freed;
use super::{own, rtt};
use crate::ffi::pbuf::{AppData, Checksum, Pbuf};
#[cfg(all(path_mtu, sack_recovery))]
use crate::pcb::Mark;
use crate::pcb::{Bit, Chain, Pcb, Seg, SegBox, SegQueue, State};
use crate::wire::{Flags, SeqNum};

/// What output has to know of the segment that comes next.
#[derive(Clone, Copy)]
pub(crate) struct Front {
    /// Its first sequence number.
    pub(crate) seq: SeqNum,
    /// Its octets of data.
    pub(crate) len: u16,
    /// Its options (TF_SEG_OPTS_x).
    #[cfg(path_mtu)]
    pub(crate) options: u8,
    /// Its control bits.
    pub(crate) flags: Flags,
    /// Whether more wait behind it.
    pub(crate) more: bool,
}

/// What tcp_write has to know of the segment that data may be added to.
#[derive(Clone, Copy)]
pub(crate) struct LastUnsent {
    /// Its octets of data.
    pub(crate) len: u16,
    /// Its options (TF_SEG_OPTS_x).
    pub(crate) options: u8,
}

/// What tcp_write adds to the queue.
pub(crate) struct NewData {
    /// How many octets.
    pub(crate) len: u32,
    /// Those of them that go on where the last segment ends: in the room that was left there, or in the application's memory.
    pub(crate) grow: AppData,
    /// One more pbuf for the last segment.
    pub(crate) append: Option<(Pbuf, Checksum)>,
    /// New segments.
    pub(crate) chain: Chain,
    /// Pbufs of the whole queue then.
    pub(crate) queued: u32,
    /// Room that is left behind the last segment.
    pub(crate) oversize: u32,
    /// The application has no more to write for now.
    pub(crate) push: bool,
}

/// The segment that comes next.
#[inline(always)]
pub(crate) fn front(pcb: Pcb<'_>) -> Option<Front> {
    let mut rod = own(pcb);
    let unsent = rod.unsent();
    let seg = unsent.front()?;
    Some(Front {
        seq: seg.seq(),
        len: seg.len(),
        #[cfg(path_mtu)]
        options: seg.options(),
        flags: seg.flags(),
        more: !unsent.is_single(),
    })
}

/// The segment that the stream ends with, if it was not sent: what only waits to be sent again is not that.
pub(crate) fn last_unsent(pcb: Pcb<'_>) -> Option<LastUnsent> {
    let mut rod = own(pcb);
    let unsent = rod.unsent();
    let last = unsent.back().filter(|seg| is_end_of_stream(pcb, *seg))?;
    Some(LastUnsent { len: last.len(), options: last.options() })
}

fn is_end_of_stream(pcb: Pcb<'_>, seg: Seg<'_>) -> bool {
    seg.end() == pcb.snd_lbb()
}

/// The last pbuf of the segment that the stream ends with refers to memory of the application, which goes on with `data`.
pub(crate) fn is_continued_by(pcb: Pcb<'_>, data: AppData) -> bool {
    own(pcb).unsent().back().and_then(|last| last.end_of_reference()).is_some_and(|end| data.starts_at(end))
}

/// Copies the data of the segment that comes next, from `offset` on, into `target`; false if there are not as many.
pub(crate) fn copy_front(pcb: Pcb<'_>, target: &mut [u8], offset: u16) -> bool {
    own(pcb).unsent().front().is_some_and(|seg| seg.copy_data(target, offset))
}

/// Takes the segment that comes next.
pub(crate) fn take_front(pcb: Pcb<'_>) -> Option<SegBox> {
    own(pcb).unsent().pop_front()
}

/// It could not be sent: it comes next again.
pub(crate) fn back_to_unsent(pcb: Pcb<'_>, seg: SegBox) {
    own(pcb).unsent().push_front(seg);
}

/// A segment with SYN or FIN is to be sent: one pbuf, and one sequence number.
pub(crate) fn enqueue(pcb: Pcb<'_>, seg: SegBox) {
    let mut rod = own(pcb);
    #[cfg(user_timeout)]
    super::user_timeout::on_queueing(&rod);
    rod.set_snd_queuelen(pcb.snd_queuelen().wrapping_add(1));
    rod.set_snd_lbb(pcb.snd_lbb() + 1);
    rod.unsent().push_back(seg);
}

/// Data are to be sent.
#[inline]
pub(crate) fn on_data_queued(pcb: Pcb<'_>, new: NewData) {
    let NewData { len, grow, append, chain, queued, oversize, push } = new;
    let mut rod = own(pcb);
    #[cfg(user_timeout)]
    super::user_timeout::on_queueing(&rod);
    rod.set_snd_queuelen(queued as u16);
    rod.set_snd_lbb(pcb.snd_lbb() + len);
    let room = self::oversize(pcb);
    #[cfg(tcp_oversize)]
    rod.set_unsent_oversize(oversize as u16);
    let mut unsent = rod.unsent();
    match (unsent.back(), append) {
        (Some(last), append) => {
            last.set_oversize_left(0);
            if grow.len() > 0 {
                last.extend(grow, room);
            }
            if let Some((p, sum)) = append {
                last.append(p, sum);
            }
        }
        (None, append) => drop(append),
    }
    unsent.append(chain);
    if let Some(last) = unsent.back() {
        last.set_oversize_left(oversize as u16);
        if push {
            last.add_flags(Flags::PSH);
        }
    }
}

/// The room behind the last segment.
pub(crate) fn oversize(pcb: Pcb<'_>) -> u16 {
    #[cfg(tcp_oversize)]
    return pcb.unsent_oversize();
    #[cfg(not(tcp_oversize))]
    {
        let _ = pcb;
        0
    }
}

/// The last segment is not going to be the last any more: its room stays unused.
pub(crate) fn forget_oversize(pcb: Pcb<'_>) {
    let mut rod = own(pcb);
    #[cfg(tcp_oversize)]
    rod.set_unsent_oversize(0);
    if let Some(last) = rod.unsent().back() {
        last.set_oversize_left(0);
    }
}

/// Our FIN goes with the last segment, if it was not sent, and the FIN fits on it.
pub(crate) fn mark_fin_on_last(pcb: Pcb<'_>) -> bool {
    own(pcb).unsent().back().is_some_and(|last| {
        let free = is_end_of_stream(pcb, last) && !last.flags().has(Flags::SYN | Flags::FIN | Flags::RST);
        if free {
            last.add_flags(Flags::FIN);
        }
        free
    })
}

/// A driver still holds the segment that comes next: it must not be changed.
#[cfg(path_mtu)]
pub(crate) fn is_front_busy(pcb: Pcb<'_>) -> bool {
    own(pcb).unsent().front().is_some_and(|seg| seg.is_busy())
}

/// Splits the segment that comes next, of more than `len` octets, behind those: `rest` makes a segment of one pbuf of the others.
/// False if it does not; nothing happened then.
pub(crate) fn split_front(pcb: Pcb<'_>, len: u16, rest: impl FnOnce(Seg<'_>) -> Option<SegBox>) -> bool {
    let mut rod = own(pcb);
    let mut queued = 0;
    let split = rod.unsent().insert_second(|first| {
        let rest = rest(first)?;
        #[cfg(all(path_mtu, sack_recovery))]
        rest.seg().set_mark(Mark::SentAgain, first.is_marked(Mark::SentAgain));
        let whole = first.clen();
        first.shorten(len);
        first.set_oversize_left(0);
        first.set_flags(first.flags().without(Flags::PSH | Flags::FIN));
        queued = pcb.snd_queuelen().wrapping_sub(whole).wrapping_add(first.clen()).wrapping_add(1);
        Some(rest)
    });
    let Some(is_last) = split else { return false };
    rod.set_snd_queuelen(queued);
    #[cfg(tcp_oversize)]
    if is_last {
        rod.set_unsent_oversize(0);
    }
    let _ = is_last;
    true
}

/// A segment is about to be sent: the retransmission timer runs, and one round trip at a time is measured
/// (RFC 6298 3, 5.1). `first`: it was not sent before.
pub(crate) fn on_timing(pcb: Pcb<'_>, seq: SeqNum, now: u32, first: bool) {
    let rod = own(pcb);
    rtt::on_sending(pcb);
    if first {
        if pcb.rttest() == 0 {
            rod.set_rttest(rtt::start_of_sample(now));
            rod.set_rtseq(seq);
        }
    } else {
        rod.set_retransmissions(pcb.retransmissions().saturating_add(1));
    }
}

/// A segment was sent (or is with the driver still, from last time): what it occupies is to be acknowledged.
pub(crate) fn on_segment_sent(pcb: Pcb<'_>, seg: SegBox) {
    let mut rod = own(pcb);
    if pcb.state() != State::SynSent {
        rod.clear(Bit::ACK_DELAY | Bit::ACK_NOW);
    }
    seg.seg().set_oversize_left(0);
    let end = seg.seg().end();
    #[cfg(sack_recovery)]
    super::recovery::on_sent(pcb, seg.seg(), pcb.snd_nxt());
    if pcb.snd_nxt().lt(end) {
        rod.set_snd_nxt(end);
    }
    rod.unacked().insert(seg);
    #[cfg(tcp_oversize)]
    if pcb.unsent_is_empty() {
        rod.set_unsent_oversize(0);
    }
}

/// A zero-window probe of one sequence number goes out.
pub(crate) fn on_probe(pcb: Pcb<'_>, seq: SeqNum) {
    if pcb.snd_nxt().le(seq) {
        own(pcb).set_snd_nxt(seq + 1);
    }
}

/// Frees the segments of a queue that `ack` covers; adds them to what was freed.
pub(super) fn free_acked(mut queue: SegQueue<'_>, ack: SeqNum, mut freed: Freed) -> Freed {
    while queue.front().is_some_and(|seg| seg.end().le(ack)) {
        let Some(seg) = queue.pop_front() else { break };
        freed.add(seg.seg());
    }
    freed
}
