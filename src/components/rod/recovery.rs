//! Recovery of connections with SACK: what an ACK delivers and what is lost (RFC 6675, RFC 8985), how much may be sent meanwhile
//! (Proportional Rate Reduction, RFC 6937), and whether it was needless: F-RTO (RFC 5682 3), Eifel by timestamps (RFC 3522), and
//! D-SACK (RFC 2883, RFC 3708).

use super::retransmit::{NewAck, begin_recovery, on_ack_that_frees};
use super::scoreboard::{self, Block, Blocks, Delivery, detect_losses_of, uses_sack};
use super::{own, rtt, send};
use crate::ffi::Wnd;
use crate::ffi::diagnostics::{Event, debug, mib2_stat};
use crate::pcb::{Bit, Mark, Pcb, Seg};
use crate::wire::SeqNum;

/// What became of congestion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// Nothing new.
    None,
    /// Recovery begins: a loss was detected.
    Entered,
    /// A loss was detected that is repaired already (RFC 8985 7.4.2).
    #[cfg(rack)]
    Repaired,
    /// The last reduction of cwnd was needless.
    Undone,
}

/// What an ACK has brought.
#[derive(Clone, Copy)]
pub(crate) struct Received {
    /// SND.UNA moved.
    pub(crate) new: Option<NewAck>,
    /// Octets that were delivered, acknowledged or SACKed.
    pub(crate) delivered: u32,
    /// Octets that are lost.
    pub(crate) lost: u32,
    /// See [`Change`].
    pub(crate) change: Change,
    /// The delivery rate, as far as it was measured.
    #[cfg(rack)]
    #[allow(dead_code)] // for congestion controllers that go by it
    pub(crate) rate: Option<Rate>,
}

/// A sample of the delivery rate: while a segment was on its way so much was delivered.
#[derive(Clone, Copy)]
#[cfg(rack)]
#[allow(dead_code)] // see above
pub(crate) struct Rate {
    /// Octets,
    pub(crate) delivered: u32,
    /// in so many milliseconds, from its transmission to its acknowledgment: its round trip.
    pub(crate) ms: u16,
    /// Octets that had been delivered in all when it was sent.
    pub(crate) prior_delivered: u32,
}

/// An ACK that is acceptable, with its SACK blocks and the timestamp that it echoes.
pub(crate) fn on_ack(pcb: Pcb<'_>, ack: SeqNum, blocks: &Blocks, echo: Option<u32>) -> Received {
    let rod = own(pcb);
    rod.set_extra(0);
    let (una, resending) = (pcb.lastack(), pcb.has(Bit::RTO).then(|| pcb.rto_end()));
    let recovering = pcb.has(Bit::IN_FAST_RECOVERY);
    let known = scoreboard::highest_delivered(pcb);
    let mut delivery = Delivery::default();
    // Before anything is scheduled by the round trip.
    rtt::on_ack_for_timing(pcb, ack, pcb.core().clock());
    let reported = scoreboard::duplicate(pcb, blocks, ack);
    let new = ack.gt(una).then(|| on_ack_that_frees(pcb, ack, || scoreboard::free_acked(pcb, ack, &mut delivery)));
    scoreboard::on_blocks(pcb, blocks, &mut delivery);
    rod.set_delivered(pcb.delivered().wrapping_add(delivery.octets));
    #[cfg(rack)]
    let rate = super::rack::on_delivery(pcb, &delivery, known);
    let _ = known;
    let mut change = on_probe_or_duplicate(pcb, ack, reported, new.is_none() && delivery.octets == 0);
    let acked_again = new.is_some() && (recovering || resending.is_some());
    if frto_says_spurious(&delivery, resending) || (acked_again && eifel_says_spurious(pcb, echo)) {
        change = undo(pcb);
    }
    let mut lost = 0;
    if delivery.octets > 0 && change != Change::Undone {
        let newly = look_for_losses(pcb, blocks, una);
        lost = newly.0;
        if newly.1 == Change::Entered {
            change = Change::Entered;
        }
    }
    #[cfg(rack)]
    if recovering && !pcb.has(Bit::IN_FAST_RECOVERY) {
        super::rack::on_recovered(pcb);
    }
    if delivery.octets > 0 || new.is_some() {
        rtt::on_delivery(pcb, new.is_some());
    }
    Received {
        new,
        delivered: delivery.octets,
        lost,
        change,
        #[cfg(rack)]
        rate,
    }
}

/// Queues what is lost to be sent again; how much that is, and whether recovery begins with it. `blocks` and `una`: those of the ACK,
/// and SND.UNA before it.
fn look_for_losses(pcb: Pcb<'_>, blocks: &Blocks, una: SeqNum) -> (u32, Change) {
    let lost = detect_losses_of(pcb, blocks);
    #[cfg(path_mtu)]
    if is_path_probe(pcb, lost) {
        return (0, Change::None);
    }
    // One reduction for one window of data (RFC 6675 5.1); after a timeout none before all of that is acknowledged.
    if lost == 0 || pcb.has(Bit::IN_FAST_RECOVERY | Bit::RTO) || pcb.recovering() != 0 {
        return (lost, Change::None);
    }
    let rod = own(pcb);
    begin_recovery(&rod);
    rod.raise(Bit::IN_FAST_RECOVERY);
    begin_episode(pcb);
    rod.set_prr_flight(pcb.snd_nxt() - una);
    rod.set_prr_delivered(0);
    rod.set_prr_out(0);
    rod.set_rttest(0);
    debug(Event::FastRetransmit, pcb.lastack().raw(), u32::from(pcb.ssthresh()));
    (lost, Change::Entered)
}

/// Nothing is lost but a probe of the path, which is no sign of congestion (RFC 4821 7.4 d).
#[cfg(path_mtu)]
fn is_path_probe(pcb: Pcb<'_>, lost: u32) -> bool {
    lost > pcb.mss().into()
        && crate::components::connection_management::pmtu::is_probing(pcb)
        && own(pcb).unsent().front().is_some_and(|seg| seg.seq_len() == lost)
}

/// cwnd is reduced: from here on it is observed whether that was needless.
fn begin_episode(pcb: Pcb<'_>) {
    let rod = own(pcb);
    rod.set_undo_from(pcb.lastack());
    rod.set_undo_count(1);
}

/// What a D-SACK, or its lack, says of a loss probe and of what was sent again.
fn on_probe_or_duplicate(pcb: Pcb<'_>, ack: SeqNum, reported: Option<Block>, again: bool) -> Change {
    #[cfg(rack)]
    match super::rack::on_ack_of_probe(pcb, ack, reported.map(|block| block.1), again) {
        super::rack::Probe::Silent => {}
        super::rack::Probe::Needless => return Change::None,
        super::rack::Probe::Repaired => {
            begin_episode(pcb);
            return Change::Repaired;
        }
    }
    let _ = (ack, again);
    let Some(block) = reported else { return Change::None };
    let ours = pcb.undo_count() > 1 && block.0.ge(pcb.undo_from());
    #[cfg(rack)]
    super::rack::on_duplicate_reported(pcb, ack, ours);
    if !ours {
        return Change::None;
    }
    own(pcb).set_undo_count(pcb.undo_count() - 1);
    // All that was sent again was sent in vain.
    if pcb.undo_count() == 1 { undo(pcb) } else { Change::None }
}

/// RFC 5682 3.1, step 3: what was sent before the timeout, and not again since, arrives: it was not lost.
fn frto_says_spurious(delivery: &Delivery, resending: Option<SeqNum>) -> bool {
    matches!((delivery.oldest, resending), (Some(oldest), Some(end)) if oldest.le(end))
}

/// RFC 3522 3.2, step 5: the first ACK of what was sent again echoes a timestamp from before that.
fn eifel_says_spurious(pcb: Pcb<'_>, echo: Option<u32>) -> bool {
    #[cfg(lwip_tcp_timestamps)]
    if let (Some(echo), true, true) = (echo, pcb.has(Bit::TIMESTAMPS), pcb.undo_count() > 1) {
        // Both as ages. What was never sent, since it is yet to come, is no echo and has no age of half a minute.
        let now = crate::ffi::ip::now_ms();
        let (age, since) = (now.wrapping_sub(echo), (now as u16).wrapping_sub(pcb.first_again()));
        return age > since.into() && age < 0x8000;
    }
    let _ = (pcb, echo);
    false
}

/// The last reduction was needless: whatever is still taken for lost is in the network.
fn undo(pcb: Pcb<'_>) -> Change {
    if pcb.undo_count() == 0 {
        return Change::None;
    }
    scoreboard::on_undone(pcb);
    let rod = own(pcb);
    rod.set_undo_count(0);
    rod.set_spurious(pcb.spurious().saturating_add(1));
    rod.set_recovering(0);
    rod.clear(Bit::IN_FAST_RECOVERY | Bit::RTO);
    Change::Undone
}

/// The retransmission timer expired.
pub(super) fn on_timeout(pcb: Pcb<'_>) {
    scoreboard::on_timeout(pcb);
    if pcb.nrtx() == 0 {
        begin_episode(pcb);
    }
    #[cfg(rack)]
    super::rack::on_timeout(pcb);
}

/// The reordering timer expired (RFC 8985 6.3).
#[cfg(rack)]
pub(crate) fn on_reordering_timer(pcb: Pcb<'_>) -> Received {
    let (lost, change) = look_for_losses(pcb, &Blocks::default(), pcb.lastack());
    rtt::on_delivery(pcb, true);
    Received { new: None, delivered: 0, lost, change, rate: None }
}

/// A segment is in the network; SND.NXT was `next` before.
pub(super) fn on_sent(pcb: Pcb<'_>, seg: Seg<'_>, next: SeqNum) {
    let rod = own(pcb);
    rod.set_extra(pcb.extra().saturating_sub(1));
    if !uses_sack(pcb) {
        return;
    }
    let (octets, again) = (seg.seq_len(), seg.seq().lt(next));
    scoreboard::on_sent(pcb, octets);
    rod.set_prr_out(pcb.prr_out().wrapping_add(octets));
    rod.set_prr_quota(pcb.prr_quota().saturating_sub(octets));
    if again {
        mib2_stat!(tcpretranssegs);
        seg.set_mark(Mark::SentAgain, true);
        if pcb.undo_count() > 0 && pcb.has(Bit::IN_FAST_RECOVERY | Bit::RTO) {
            #[cfg(lwip_tcp_timestamps)]
            if pcb.undo_count() == 1 {
                rod.set_first_again(crate::ffi::ip::now_ms() as u16);
            }
            rod.set_undo_count(pcb.undo_count().saturating_add(1));
        }
    }
    #[cfg(rack)]
    super::rack::on_sent(pcb, seg.seq(), seg.end(), again);
}

/// RFC 6937 3: how much may be sent in answer to an ACK in recovery, for controllers that shrink cwnd at a loss.
pub(crate) fn set_quota(pcb: Pcb<'_>, received: &Received) {
    // An ACK that delivers nothing gives no right to send (RFC 6937 3).
    let silent = received.delivered == 0 && received.change == Change::None;
    if !needs_quota(pcb) || silent {
        return;
    }
    let rod = own(pcb);
    rod.set_prr_delivered(pcb.prr_delivered().wrapping_add(received.delivered));
    let safe = received.new.is_some() && received.lost == 0;
    rod.set_prr_quota(quota(
        pcb.pipe(),
        pcb.ssthresh().into(),
        &Reduction { flight: pcb.prr_flight(), delivered: pcb.prr_delivered(), out: pcb.prr_out() },
        received.delivered,
        if safe { pcb.mss().into() } else { 0 },
    ));
    if received.change == Change::Entered {
        // The first retransmission does not wait (RFC 6675 5, step 4.3).
        rod.set_extra(1);
    }
}

/// Variables of RFC 6937 3: RecoverFS, prr_delivered, prr_out.
pub(super) struct Reduction {
    pub(super) flight: u32,
    pub(super) delivered: u32,
    pub(super) out: u32,
}

/// sndcnt. `extra`: a segment if the ACK moved SND.UNA and told of no further loss, so that it is safe to send a bit faster than
/// is delivered (PRR-SSRB; else PRR-CRB).
pub(super) fn quota(pipe: u32, ssthresh: u32, prr: &Reduction, delivered: u32, extra: u32) -> u32 {
    if pipe > ssthresh {
        proportion(prr.delivered, ssthresh, prr.flight).saturating_sub(prr.out)
    } else {
        let limit = prr.delivered.saturating_sub(prr.out).max(delivered).saturating_add(extra);
        (ssthresh - pipe).min(limit)
    }
}

/// a * b / c, without 64-bit division: c is reduced to 16 bits, and the share of it to as many behind the point. That errs
/// downwards, by a part in 2^11 as long as b is an eighth of c at least.
fn proportion(a: u32, b: u32, c: u32) -> u32 {
    let shift = (16u32).saturating_sub(c.leading_zeros());
    if b >= c {
        return a;
    }
    let (b, c) = (b >> shift, (c >> shift) + 1);
    let share = if shift == 0 { (b << 16).checked_div(c - 1) } else { (b << 16).checked_div(c) };
    let share = share.unwrap_or(0);
    ((u64::from(a) * u64::from(share) + 0xffff) >> 16) as u32
}

/// What is sent is limited by proportional rate reduction, not by cwnd.
pub(crate) fn needs_quota(pcb: Pcb<'_>) -> bool {
    pcb.has(Bit::IN_FAST_RECOVERY) && crate::components::congestion_control::is_reduced_by_recovery(pcb)
}

/// Whether the segment that comes next may be sent: the peer's window has room for it, and so have cwnd and pipe, or PRR.
pub(crate) fn allows(pcb: Pcb<'_>, front: &send::Front, cwnd: Wnd) -> bool {
    let len = u32::from(front.len);
    if (front.seq - pcb.lastack()).wrapping_add(len) > pcb.snd_wnd().into() {
        return false;
    }
    if pcb.extra() > 0 || pcb.pipe() == 0 {
        return true;
    }
    if needs_quota(pcb) {
        // The last part of it makes a whole segment (CEIL of RFC 6937 3).
        return pcb.prr_quota() > 0;
    }
    pcb.pipe().saturating_add(len) <= cwnd.into()
}
