//! Reassembly: from segments in any order, overlapping and duplicated, to the octet stream (RFC 9293 3.10.7.4, seventh
//! and eighth step).

#[cfg(lwip_tcp_sack_out)]
use super::sack;
use super::{Rod, own};
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

/// What became of it.
pub(crate) struct Received {
    /// Data that are in order now.
    pub(crate) data: Option<Pbuf>,
    /// Sequence numbers that are.
    pub(crate) seq_len: u32,
    /// The peer's FIN is among them: nothing follows.
    pub(crate) fin: bool,
    /// How to acknowledge it.
    pub(crate) ack: AckWish,
}

/// RFC 5681 4.2: when an ACK has to go out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AckWish {
    /// With the next segment, or by the timer.
    Delayed,
    /// When the application has seen what filled a gap, or was in part received before: then the peer stops sending it.
    Soon,
    /// At once, by itself: it tells of a gap.
    #[cfg_attr(not(tcp_queue_ooseq), allow(dead_code))]
    Immediate,
}

impl Incoming {
    fn end(&self) -> SeqNum {
        self.seq + u32::from(self.data.tot_len()) + u32::from(self.fin)
    }

    /// Cuts off what is before `first`, and what is at `end` or behind.
    fn trim(&mut self, first: SeqNum, end: SeqNum) {
        if self.seq.lt(first) {
            let cut = (first - self.seq).min(self.data.tot_len().into());
            self.data.trim_front(cut as u16);
            self.seq += cut;
        }
        self.trim_end(end);
    }

    /// Cuts off what is at `end` or behind.
    fn trim_end(&mut self, end: SeqNum) {
        if end.lt(self.end()) {
            self.fin = false;
            self.data.truncate((end - self.seq).min(self.data.tot_len().into()) as u16);
        }
    }
}

/// Takes a segment that is at least partly in the receive window. None if it brings nothing new, or nothing in order: an ACK has
/// to tell so at once (RFC 5681 4.2).
pub(crate) fn receive(pcb: Pcb<'_>, mut segment: Incoming) -> Option<Received> {
    let mut rod = own(pcb);
    #[cfg(sack_recovery)]
    if segment.seq.lt(pcb.rcv_nxt()) {
        let end = segment.end();
        sack::report_duplicate(pcb, segment.seq, if end.lt(pcb.rcv_nxt()) { end } else { pcb.rcv_nxt() });
    }
    let (next, edge) = (pcb.rcv_nxt(), pcb.rcv_nxt() + u32::from(pcb.rcv_wnd()));
    let mut ack = AckWish::Delayed;
    if segment.seq.lt(next) || edge.lt(segment.end()) {
        if segment.seq.lt(next) {
            ack = AckWish::Soon;
        }
        segment.trim(next, edge);
    }
    let mut end = segment.end();
    if segment.seq == end {
        return None;
    }
    if segment.seq != next {
        out_of_order(&mut rod, segment);
        return None;
    }
    if !pcb.ooseq_is_empty() {
        (end, ack) = fill_gap(&mut rod, &mut segment);
    }
    rod.set_rcv_nxt(end);
    let seq_len = end - next;
    // A chain of more than 64 kB counts its octets wrong.
    let data = Some(segment.data.into_data()).filter(|_| seq_len > u32::from(segment.fin));
    Some(Received { data, seq_len, fin: segment.fin, ack })
}

/// Data in order, before others that were not: adds those that follow. Says where they end.
#[cfg(tcp_queue_ooseq)]
#[cold]
#[inline(never)]
fn fill_gap(rod: &mut Rod<'_>, segment: &mut Incoming) -> (SeqNum, AckWish) {
    let mut queue = rod.ooseq();
    let (fin, end) = remove_covered(&mut queue, segment.end(), segment.fin);
    segment.trim_end(end);
    segment.fin = fin;
    let mut end = segment.end();
    while !segment.fin && queue.current().is_some_and(|queued| queued.received_seq() == end) {
        let Some(queued) = queue.remove() else { break };
        end += queued.seg().seq_len();
        segment.fin = queued.seg().flags().has(Flags::FIN);
        if let Some(more) = queued.into_data().filter(|more| more.tot_len() > 0) {
            segment.data.cat(more);
        }
    }
    #[cfg(lwip_tcp_sack_out)]
    sack::on_advanced(rod);
    // RFC 5681 4.2: what fills a gap, or a part of one, is acknowledged without delay. A gap that is left has to be told, by an
    // ACK of its own, since segments with data carry no SACK.
    (end, if rod.ooseq_is_empty() { AckWish::Soon } else { AckWish::Immediate })
}

/// There is never a gap without TCP_QUEUE_OOSEQ.
#[cfg(not(tcp_queue_ooseq))]
fn fill_gap(_rod: &mut Rod<'_>, segment: &mut Incoming) -> (SeqNum, AckWish) {
    (segment.end(), AckWish::Delayed)
}

/// Removes what a segment covers that ends at `end`: all of it if that has a FIN, which nothing can be behind. Says whether one is
/// there now, and where the segment has to end so that what is left does not overlap it.
#[cfg(tcp_queue_ooseq)]
fn remove_covered(queue: &mut crate::pcb::Cursor<'_>, end: SeqNum, mut fin: bool) -> (bool, SeqNum) {
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
fn out_of_order(_rod: &mut Rod<'_>, _segment: Incoming) {}

#[cfg(tcp_queue_ooseq)]
#[cold]
#[inline(never)]
fn out_of_order(rod: &mut Rod<'_>, segment: Incoming) {
    let seq = segment.seq;
    queue_segment(rod, segment);
    // RFC 2018 4: the block of the latest segment comes first, of a duplicate too.
    #[cfg(lwip_tcp_sack_out)]
    sack::on_queued(rod, seq);
    let _ = seq;
    #[cfg(ooseq_limit)]
    apply_limits(rod);
}

/// Puts a segment into the queue, which stays sorted and free of overlaps, unless it brings nothing new, or there is no
/// memory to keep it.
#[cfg(tcp_queue_ooseq)]
fn queue_segment(rod: &mut Rod<'_>, mut segment: Incoming) {
    let (seq, end) = (segment.seq, segment.end());
    #[cfg(sack_recovery)]
    let pcb = **rod;
    let mut queue = rod.ooseq();
    while queue.current().is_some_and(|queued| queued.received_seq().lt(seq)) {
        queue.advance();
    }
    let covers = |queued: crate::pcb::Seg<'_>| queued.received_seq() + queued.seq_len();
    if let Some(previous) = queue.previous() {
        if previous.flags().has(Flags::FIN) || end.le(covers(previous)) {
            #[cfg(sack_recovery)]
            sack::report_duplicate(pcb, seq, end);
            return;
        }
    }
    if queue.current().is_some_and(|queued| queued.received_seq() == seq && end.le(covers(queued))) {
        #[cfg(sack_recovery)]
        sack::report_duplicate(pcb, seq, end);
        return;
    }
    segment.data.set_seq(seq);
    let (data_end, fin) = (seq + u32::from(segment.data.tot_len()), segment.fin);
    let Some(new) = SegBox::received(segment.data) else { return };
    if let Some(previous) = queue.previous().filter(|previous| seq.lt(previous.received_end())) {
        previous.truncate((seq - previous.received_seq()) as u16);
    }
    let (fin, end) = remove_covered(&mut queue, data_end, fin);
    new.seg().truncate((end - seq) as u16);
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

/// A FIN follows the data that the application refused.
pub(crate) fn mark_refused_fin(pcb: Pcb<'_>) {
    own(pcb).mark_refused_fin();
}
