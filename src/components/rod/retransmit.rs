//! Acknowledgments and retransmission: timeout, fast retransmit, and NewReno's recovery (RFC 5681, 6298, 6582).

use super::send::free_acked;
use super::{Rod, own, rtt};
#[cfg(path_mtu)]
use crate::components::connection_management::pmtu;
use crate::ffi::diagnostics::{Event, debug, mib2_stat};
use crate::ffi::{Error, Result, Wnd};
use crate::pcb::{Bit, Pcb, Seg, SegQueue};
use crate::wire::SeqNum;

/// What an acknowledgment of new data means for the others.
#[derive(Clone, Copy)]
pub(crate) struct NewAck {
    /// Sequence numbers that it covers.
    pub(crate) acked: u32,
    /// Octets of data that were freed: room in the send buffer, which they had all come from.
    pub(crate) freed: Wnd,
    /// What of recovery.
    pub(crate) recovery: Recovery,
    /// What a timeout made us send again was still outstanding.
    pub(crate) after_timeout: bool,
    /// Octets of data of the largest segment that it covers.
    #[cfg(path_mtu)]
    pub(crate) largest: u16,
}

/// Where fast recovery stands after an acknowledgment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// It was not under way.
    None,
    /// More was lost: the next segment was queued for retransmission (RFC 6582 3.2, step 3).
    Partial,
    /// All is well again.
    Over,
}

/// What became of a call for fast retransmit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FastRetransmit {
    /// Nothing to do: no data in flight, in recovery already, or held back (see [`fast_retransmit`]).
    Ignored,
    /// The first segment is queued for retransmission, recovery begins.
    Started,
}

/// An ACK of new data, `lastack` < `ack` <= SND.NXT.
pub(crate) fn on_new_ack(pcb: Pcb<'_>, ack: SeqNum) -> NewAck {
    on_ack_that_frees(pcb, ack, || {
        let mut rod = own(pcb);
        let (unsent, unacked) = rod.unsent_and_unacked();
        free_acked(unsent, ack, free_acked(unacked, ack, Freed::default()))
    })
}

/// What was freed of a queue.
#[derive(Clone, Copy, Default)]
pub(super) struct Freed {
    /// Octets of data,
    octets: u32,
    /// pbufs,
    pbufs: u32,
    /// and the octets of the largest segment.
    #[cfg(path_mtu)]
    largest: u16,
}

impl Freed {
    pub(super) fn add(&mut self, seg: Seg<'_>) {
        self.octets = self.octets.wrapping_add(seg.len().into());
        self.pbufs = self.pbufs.wrapping_add(seg.clen().into());
        #[cfg(path_mtu)]
        {
            self.largest = self.largest.max(seg.len());
        }
    }
}

/// The same, `free` taking out of the queues what is acknowledged.
pub(super) fn on_ack_that_frees(pcb: Pcb<'_>, ack: SeqNum, free: impl FnOnce() -> Freed) -> NewAck {
    let rod = own(pcb);
    #[cfg(sack_recovery)]
    rod.set_extra(0);
    let after_timeout = pcb.has(Bit::RTO);
    rod.set_nrtx(0);
    rtt::on_progress(pcb);
    #[cfg(user_timeout)]
    super::user_timeout::on_progress(&rod);
    let acked = ack - pcb.lastack();
    rod.set_lastack(ack);
    let freed = free();
    rod.set_snd_queuelen(pcb.snd_queuelen().wrapping_sub(freed.pbufs as u16));
    if pcb.unacked_is_empty() {
        rtt::stop_timer(&rod)
    } else {
        rtt::restart_timer(pcb)
    }
    #[cfg(tcp_oversize)]
    if pcb.unsent_is_empty() {
        rod.set_unsent_oversize(0);
    }
    if after_timeout && all_resent_is_acked(pcb) {
        rod.clear(Bit::RTO);
    }
    let mut recovery = Recovery::None;
    if pcb.recover().le(ack) {
        rod.set_recovering(0);
    }
    if pcb.has(Bit::IN_FAST_RECOVERY) {
        if pcb.recovering() != 0 {
            recovery = Recovery::Partial;
        } else {
            rod.clear(Bit::IN_FAST_RECOVERY);
            recovery = Recovery::Over;
        }
    }
    if recovery != Recovery::Partial {
        rod.set_dupacks(0);
    }
    NewAck {
        acked,
        freed: freed.octets as Wnd,
        recovery,
        after_timeout,
        #[cfg(path_mtu)]
        largest: freed.largest,
    }
}

/// Nothing that the last timeout made us send again is outstanding.
fn all_resent_is_acked(pcb: Pcb<'_>) -> bool {
    #[cfg(sack_recovery)]
    if super::uses_sack(pcb) {
        return pcb.rto_end().le(pcb.lastack());
    }
    let mut rod = own(pcb);
    let (unsent, unacked) = rod.unsent_and_unacked();
    unacked.front().or(unsent.front()).is_none_or(|seg| pcb.rto_end().le(seg.seq()))
}

/// A duplicate ACK (RFC 5681 2), while data are in flight. Says how many there were.
pub(crate) fn on_duplicate_ack(pcb: Pcb<'_>) -> u8 {
    let rod = own(pcb);
    rod.set_dupacks(pcb.dupacks().saturating_add(1));
    // RFC 3042: the first two let a segment go that cwnd has no room for.
    #[cfg(sack_recovery)]
    rod.set_extra(u8::from(pcb.dupacks() < 3 && !is_in_recovery(pcb)));
    rod.set_duplicate_acks(pcb.duplicate_acks().wrapping_add(1));
    pcb.dupacks()
}

/// Fast recovery is under way.
pub(crate) fn is_in_recovery(pcb: Pcb<'_>) -> bool {
    pcb.has(Bit::IN_FAST_RECOVERY)
}

/// RFC 6582 3.2, step 2: the third duplicate ACK. Duplicates of what was sent before the last recovery or timeout, which
/// a go-back-N retransmission brings about by itself, start no new one.
pub(crate) fn fast_retransmit(pcb: Pcb<'_>) -> FastRetransmit {
    if is_in_recovery(pcb) || pcb.recovering() != 0 || retransmit_first(pcb).is_err() {
        return FastRetransmit::Ignored;
    }
    let rod = own(pcb);
    begin_recovery(&rod);
    rod.raise(Bit::IN_FAST_RECOVERY);
    rtt::restart_timer(pcb);
    debug(Event::FastRetransmit, pcb.lastack().raw(), u32::from(pcb.ssthresh()));
    FastRetransmit::Started
}

/// RFC 4821 7.4 d): the loss of a probe of the path is no sign of congestion. If it is the first segment in flight it is queued to
/// be sent again, and duplicate ACKs of what was sent before that start no recovery.
#[cfg(path_mtu)]
pub(crate) fn retransmit_path_probe(pcb: Pcb<'_>) -> bool {
    let mut rod = own(pcb);
    let is_probe = pmtu::is_probing(pcb) && rod.unacked().front().is_some_and(|seg| seg.len() > pcb.mss());
    if !is_probe || is_in_recovery(pcb) || pcb.recovering() != 0 || retransmit_first(pcb).is_err() {
        return false;
    }
    begin_recovery(&rod);
    rtt::restart_timer(pcb);
    true
}

/// Queues the first unacknowledged segment to be sent again. ERR_VAL if there is none, or the driver still holds it.
pub(crate) fn retransmit_first(pcb: Pcb<'_>) -> Result {
    let mut rod = own(pcb);
    let (mut unsent, mut unacked) = rod.unsent_and_unacked();
    if unacked.front().is_none_or(|seg| seg.is_busy()) {
        return Err(Error::VAL);
    }
    let Some(seg) = unacked.pop_front() else { return Err(Error::VAL) };
    #[cfg(sack_recovery)]
    super::scoreboard::on_taken(pcb, seg.seg());
    unsent.insert(seg);
    #[cfg(tcp_oversize)]
    if unsent.is_single() {
        rod.set_unsent_oversize(0);
    }
    rod.set_nrtx(pcb.nrtx().saturating_add(1));
    rod.set_rttest(0);
    mib2_stat!(tcpretranssegs);
    Ok(())
}

/// RFC 6298 5.4: queues everything in flight to be sent again. ERR_VAL if there is nothing, or the driver still holds some
/// of it, which counts as not sent yet.
pub(crate) fn retransmit_all(pcb: Pcb<'_>) -> Result {
    let mut rod = own(pcb);
    let (mut unsent, mut unacked) = rod.unsent_and_unacked();
    #[cfg(sack_recovery)]
    if super::uses_sack(pcb) {
        if pcb.snd_nxt() == pcb.lastack() || busy(&unacked) {
            return Err(Error::VAL);
        }
        super::recovery::on_timeout(pcb);
        after_timeout(pcb);
        return Ok(());
    }
    if unacked.is_empty() || busy(&unacked) {
        return Err(Error::VAL);
    }
    // What a fast retransmission has queued, and the driver did not take, comes before what is in flight; all else behind it.
    while let Some(seg) = unsent.pop_front() {
        unacked.insert(seg);
    }
    unsent.take_over(&mut unacked);
    after_timeout(pcb);
    Ok(())
}

/// Everything that was sent is to be sent again.
fn after_timeout(pcb: Pcb<'_>) {
    let rod = own(pcb);
    rod.raise(Bit::RTO);
    // RFC 6582 4.2: a timeout ends recovery, and holds the next one back.
    rod.clear(Bit::IN_FAST_RECOVERY);
    rod.set_rto_end(pcb.snd_nxt());
    rod.set_rttest(0);
    begin_recovery(&rod);
}

/// What is in flight now has to be acknowledged before another recovery begins.
pub(super) fn begin_recovery(rod: &Rod<'_>) {
    rod.set_recover(rod.snd_nxt());
    rod.set_recovering(1);
}

fn busy(queue: &SegQueue<'_>) -> bool {
    queue.iter().any(|seg| seg.is_busy())
}

/// A timeout's retransmission starts: one more without an answer.
pub(crate) fn on_resent(pcb: Pcb<'_>) {
    // While retransmissions are frequent the first ones stand for all, so that a connection lives through an outage as long as
    // with doubled timeouts.
    #[cfg(fine_timers)]
    if pcb.nrtx() >= 3 && rtt::is_patient(pcb) {
        return;
    }
    own(pcb).set_nrtx(pcb.nrtx().saturating_add(1));
}
