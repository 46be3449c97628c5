//! Reassembly: from segments in any order, overlapping and duplicated, to the octet stream (RFC 9293 3.10.7.4, seventh
//! and eighth step).

#[cfg(tcp_queue_ooseq)]
use super::Rod;
#[cfg(lwip_tcp_sack_out)]
use super::sack;
use super::{ack_delayed, ack_now, own};
use crate::ffi::pbuf::{Arrival, Pbuf};
use crate::pcb::Pcb;
#[cfg(tcp_queue_ooseq)]
use crate::pcb::SegBox;
#[cfg(tcp_queue_ooseq)]
use crate::wire::Flags;
use crate::wire::SeqNum;

/// A segment with sequence numbers of its own: data, FIN, or both.
pub(crate) struct Incoming {
    /// SEG.SEQ, of the first octet of `data`.
    pub(crate) seq: SeqNum,
    /// Its data, and the header that was in front of them.
    pub(crate) data: Arrival,
    /// Whether a FIN follows them.
    pub(crate) fin: bool,
}

/// What became of it, if it brought something in order.
pub(crate) struct Received {
    /// Sequence numbers that are in order now. What is left of the segment are their data, and those of others that were waiting
    /// for it; `fin` says whether the peer's FIN is among them: nothing follows.
    pub(crate) seq_len: u32,
    /// There are data among them.
    pub(crate) has_data: bool,
    /// An ACK has to go out at once, by itself: it tells of a gap.
    pub(crate) ack_at_once: bool,
}

impl Incoming {
    fn end(&self) -> SeqNum {
        self.seq + u32::from(self.data.tot_len()) + u32::from(self.fin)
    }

    /// Cuts off what is before `first`, which is not behind the end.
    fn trim_front(&mut self, first: SeqNum) {
        self.data.trim_front((first - self.seq) as u16);
        self.seq = first;
    }

    /// Cuts off what is at `end`, which is not before the front, or behind. Says where it ends.
    fn trim_end(&mut self, end: SeqNum) -> SeqNum {
        let own_end = self.end();
        if own_end.le(end) {
            return own_end;
        }
        self.fin = false;
        self.data.truncate((end - self.seq) as u16);
        end
    }
}

/// Takes a segment that is at least partly in the receive window, and cuts off what is not. None if it brings nothing new, or nothing
/// in order: an ACK has to tell so at once (RFC 5681 4.2).
pub(crate) fn receive(pcb: Pcb<'_>, segment: &mut Incoming) -> Option<Received> {
    let rod = own(pcb);
    let next = pcb.rcv_nxt();
    #[cfg(sack_recovery)]
    if segment.seq.lt(next) {
        let end = segment.end();
        sack::report_duplicate(pcb, segment.seq, if end.lt(next) { end } else { next });
    }
    // The peer is to hear soon, when the application has seen it, what was in part received before, so that it stops sending it,
    // what fills a gap, or a part of one (RFC 5681 4.2), and of the FIN. The rest goes with the next segment, or by the timer.
    let mut soon = false;
    if segment.seq.lt(next) {
        segment.trim_front(next);
        soon = true;
    }
    let mut end = segment.trim_end(next + u32::from(pcb.rcv_wnd()));
    if segment.seq == end {
        return None;
    }
    if segment.seq != next {
        out_of_order(pcb, segment);
        return None;
    }
    if !pcb.ooseq_is_empty() {
        end = fill_gap(pcb, segment, end);
        soon = true;
    }
    rod.set_rcv_nxt(end);
    ack_delayed(pcb);
    if soon || segment.fin {
        ack_now(pcb);
    }
    let seq_len = end - next;
    Some(Received {
        seq_len,
        // A chain of more than 64 kB counts its octets wrong.
        has_data: seq_len > u32::from(segment.fin),
        // Segments with data carry no SACK.
        ack_at_once: !pcb.ooseq_is_empty(),
    })
}

/// Data in order up to `end`, before others that were not: adds those that follow. Says where they end.
#[cfg(tcp_queue_ooseq)]
#[cold]
#[inline(never)]
fn fill_gap(pcb: Pcb<'_>, segment: &mut Incoming, end: SeqNum) -> SeqNum {
    let mut rod = own(pcb);
    let (fin, end) = remove_covered(rod.ooseq(), end - u32::from(segment.fin), segment.fin);
    segment.data.truncate((end - segment.seq) as u16);
    segment.fin = fin;
    let mut end = end + u32::from(fin);
    let mut queue = rod.ooseq();
    while !segment.fin && queue.current().is_some_and(|queued| queued.received_seq() == end) {
        let Some(queued) = queue.remove() else { break };
        end += queued.seg().seq_len();
        segment.fin = queued.seg().flags().has(Flags::FIN);
        let more = queued.into_data();
        if more.tot_len() > 0 {
            segment.data.cat(more);
        }
    }
    #[cfg(lwip_tcp_sack_out)]
    sack::on_advanced(&mut rod);
    end
}

/// There is never a gap without TCP_QUEUE_OOSEQ.
#[cfg(not(tcp_queue_ooseq))]
fn fill_gap(_pcb: Pcb<'_>, _segment: &mut Incoming, end: SeqNum) -> SeqNum {
    end
}

/// Removes what a segment covers that ends at `end`: all of it if that has a FIN, which nothing can be behind. Says whether one is
/// there now, and where the segment has to end so that what is left does not overlap it.
#[cfg(tcp_queue_ooseq)]
fn remove_covered(mut queue: crate::pcb::Cursor<'_>, end: SeqNum, mut fin: bool) -> (bool, SeqNum) {
    while let Some(next) = queue.current() {
        if !fin && end.lt(next.received_end()) {
            let seq = next.received_seq();
            return (false, if seq.lt(end) { seq } else { end });
        }
        fin |= next.flags().has(Flags::FIN);
        drop(queue.remove());
    }
    (fin, end)
}

/// Nothing is kept without TCP_QUEUE_OOSEQ.
#[cfg(not(tcp_queue_ooseq))]
fn out_of_order(_pcb: Pcb<'_>, _segment: &mut Incoming) {}

#[cfg(tcp_queue_ooseq)]
#[cold]
#[inline(never)]
fn out_of_order(pcb: Pcb<'_>, segment: &mut Incoming) {
    let mut rod = own(pcb);
    queue_segment(&mut rod, segment);
    // RFC 2018 4: the block of the latest segment comes first, of a duplicate too.
    #[cfg(lwip_tcp_sack_out)]
    sack::on_queued(&mut rod, segment.seq);
    #[cfg(ooseq_limit)]
    apply_limits(&mut rod);
}

/// Puts a segment into the queue, which stays sorted and free of overlaps, unless it brings nothing new, or there is no
/// memory to keep it.
#[cfg(tcp_queue_ooseq)]
fn queue_segment(rod: &mut Rod<'_>, segment: &mut Incoming) {
    let (seq, end) = (segment.seq, segment.end());
    #[cfg(sack_recovery)]
    let pcb = **rod;
    let mut queue = rod.ooseq();
    while queue.current().is_some_and(|queued| queued.received_seq().lt(seq)) {
        queue.advance();
    }
    let known = queue.previous().is_some_and(|seg| seg.flags().has(Flags::FIN) || end.le(seg.received_end()))
        || queue.current().is_some_and(|seg| seg.received_seq() == seq && end - seq <= seg.seq_len());
    if known {
        #[cfg(sack_recovery)]
        sack::report_duplicate(pcb, seq, end);
        return;
    }
    segment.data.set_seq(seq);
    let data_end = seq + u32::from(segment.data.tot_len());
    let Some(new) = SegBox::received(&segment.data) else { return };
    if let Some(previous) = queue.previous() {
        previous.truncate(seq - previous.received_seq());
    }
    let (fin, end) = remove_covered(queue.here(), data_end, segment.fin);
    new.seg().truncate(end - seq);
    let flags = new.seg().flags().without(Flags::FIN);
    new.seg().set_flags(if fin { flags | Flags::FIN } else { flags });
    queue.insert(new);
}

/// TCP_OOSEQ_BYTES_LIMIT and TCP_OOSEQ_PBUFS_LIMIT: drops the end of the queue that is too much.
#[cfg(ooseq_limit)]
fn apply_limits(rod: &mut Rod<'_>) {
    let (max_octets, max_pbufs) = crate::ffi::ooseq_limits(**rod);
    let (mut octets, mut pbufs) = (0u32, 0u16);
    let mut queue = rod.ooseq();
    while let Some(queued) = queue.current() {
        octets += u32::from(queued.tot_len());
        pbufs = pbufs.saturating_add(queued.clen());
        if octets > max_octets || pbufs > max_pbufs {
            #[cfg(lwip_tcp_sack_out)]
            let from = queued.received_seq();
            queue.truncate();
            #[cfg(lwip_tcp_sack_out)]
            sack::on_dropped_from(rod, from);
            return;
        }
        queue.advance();
    }
}

/// Frees the out-of-sequence queue; the peer will send it again.
pub(crate) fn free_ooseq(pcb: Pcb<'_>) {
    #[cfg(tcp_queue_ooseq)]
    if !pcb.ooseq_is_empty() {
        let mut rod = own(pcb);
        rod.ooseq().truncate();
        #[cfg(lwip_tcp_sack_out)]
        sack::forget(&rod);
    }
    let _ = pcb;
}

/// How many segments wait out of sequence.
pub(crate) fn ooseq_len(pcb: Pcb<'_>) -> u32 {
    let mut count = 0;
    #[cfg(tcp_queue_ooseq)]
    {
        let mut rod = own(pcb);
        let mut queue = rod.ooseq();
        while queue.current().is_some() {
            count += 1;
            queue.advance();
        }
    }
    let _ = (pcb, &mut count);
    count
}

/// Data that the application refused before.
pub(crate) fn take_refused_data(pcb: Pcb<'_>) -> Option<Pbuf> {
    own(pcb).take_refused_data()
}

/// Keeps them for another try, in front of what is kept already.
pub(crate) fn put_refused_data(pcb: Pcb<'_>, data: Pbuf) {
    own(pcb).put_refused_data(data);
}

/// Keeps more, behind what is kept already.
pub(crate) fn add_refused_data(pcb: Pcb<'_>, more: Pbuf) {
    let data = match take_refused_data(pcb) {
        Some(mut data) => {
            data.cat(more);
            data
        }
        None => more,
    };
    put_refused_data(pcb, data);
}

/// A FIN follows the data that the application refused.
pub(crate) fn mark_refused_fin(pcb: Pcb<'_>) {
    own(pcb).mark_refused_fin();
}
