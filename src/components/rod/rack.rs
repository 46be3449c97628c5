//! RACK-TLP (RFC 8985): losses are detected by time, and the last segments of a flight are probed.

use super::recovery::Rate;
use super::scoreboard::{Blocks, Delivery, declare_lost, highest_delivered};
use super::{Rod, own, rtt};
use crate::ffi::config;
use crate::pcb::{Bit, Mark, Pcb, Pick, State, transfer};
use crate::wire::{Coarse, SeqNum};

/// Bits of `rack_flags`.
struct Rack;

impl Rack {
    /// Something was delivered: `rack_time` and the others are valid.
    const VALID: u8 = 1;
    /// RACK.reordering_seen.
    const REORDERED: u8 = 2;
    /// A loss probe was sent, and what became of it is not known yet (TLP.end_seq is set).
    const PROBED: u8 = 4;
    /// It was a retransmission (TLP.is_retrans).
    const PROBE_WAS_OLD: u8 = 8;
    /// `dsack_round` is valid.
    const DSACKED: u8 = 16;
    /// The latest sent segment was sent once.
    const FIRST: u8 = 32;
}

/// RFC 8985 6.2, step 4: for how many recoveries a wider reordering window stays.
const PERSIST: u8 = 16;

/// With so many segments SACKed, and no reordering seen, there is no waiting (DupThresh).
const DUP_THRESHOLD: u32 = 3;

fn has(pcb: Pcb<'_>, flag: u8) -> bool {
    pcb.rack_flags() & flag != 0
}

fn set(rod: &Rod<'_>, flag: u8, on: bool) {
    rod.set_rack_flags(if on { rod.rack_flags() | flag } else { rod.rack_flags() & !flag });
}

/// `number` is not before `round`.
fn is_since(number: SeqNum, round: Coarse) -> bool {
    Coarse::of(number.raw()).ge(round)
}

fn now(pcb: Pcb<'_>) -> u16 {
    pcb.core().clock() as u16
}

/// RACK_sent_after: what ends at `a.1` was sent at `a.0`, after the other.
fn is_after(a: (u16, SeqNum), b: (u16, SeqNum)) -> bool {
    match a.0.wrapping_sub(b.0) as i16 {
        0 => a.1.gt(b.1),
        difference => difference > 0,
    }
}

/// A segment was sent, at `start` to `end`; `again`: not for the first time.
pub(super) fn on_sent(pcb: Pcb<'_>, start: SeqNum, end: SeqNum, again: bool) {
    let rod = own(pcb);
    if again {
        rod.log_sent_again(end, now(pcb));
    } else {
        rod.log_sent(start, end, now(pcb), pcb.delivered());
    }
}

/// A round trip was measured exactly.
pub(super) fn on_round_trip(rod: &Rod<'_>, ms: u32) {
    let ms = u16::try_from(ms).unwrap_or(u16::MAX).max(1);
    if rod.min_rtt() == 0 || ms < rod.min_rtt() {
        rod.set_min_rtt(ms);
    }
}

/// RFC 8985 6.2, steps 2 and 3: what is the latest sent of what was delivered, and is there reordering? `before`: the highest
/// number that was known to be delivered before.
///
/// Also measures the delivery rate.
pub(super) fn on_delivery(pcb: Pcb<'_>, delivery: &Delivery, before: SeqNum) -> Option<Rate> {
    let rod = own(pcb);
    if delivery.oldest.is_some_and(|end| end.lt(before)) {
        set(&rod, Rack::REORDERED, true);
    }
    for (end, again) in [(delivery.newest, false), (delivery.again, true)] {
        let Some(end) = end else { continue };
        let Some(time) = rod.time_sent(end, again) else { continue };
        let rtt = now(pcb).wrapping_sub(time.likely);
        // In recovery nothing else is timed; what is SACKed tells as well. An ACK of something sent again may cover what the peer
        // has had for long, and is no sample.
        if delivery.again.is_none() && pcb.has(Bit::IN_FAST_RECOVERY | Bit::RTO) && rod.is_exact(end) {
            rtt::on_sample(pcb, rtt.into());
        }
        // The ACK of a retransmission that comes too soon is that of the original.
        if again && (rtt < pcb.min_rtt() || u32::from(rtt) * 4 < u32::from(pcb.sa() as u16)) {
            continue;
        }
        let both_first = !again && has(pcb, Rack::FIRST);
        let later = if both_first {
            end.gt(pcb.rack_end())
        } else {
            is_after((time.earliest, end), (pcb.rack_time(), pcb.rack_end()))
        };
        if !has(pcb, Rack::VALID) || later {
            set(&rod, Rack::VALID, true);
            set(&rod, Rack::FIRST, !again);
            rod.set_rack_time(time.earliest);
            rod.set_rack_end(end);
            rod.set_rack_rtt(rtt);
        }
    }
    let rate = delivery.newest.and_then(|end| rod.state_when_sent(end)).map(|(time, prior)| {
        let delivered = Coarse::of(pcb.delivered()).since(prior);
        Rate { delivered, ms: now(pcb).wrapping_sub(time), prior_delivered: pcb.delivered().wrapping_sub(delivered) }
    });
    rod.log_acked();
    if has(pcb, Rack::DSACKED) && is_since(pcb.lastack(), pcb.dsack_round()) {
        // 16 bits are not for ever.
        set(&rod, Rack::DSACKED, false);
    }
    rate
}

/// RFC 8985 6.2, step 4: the reordering window, in milliseconds.
fn reordering_window(pcb: Pcb<'_>) -> u32 {
    if !has(pcb, Rack::REORDERED) {
        let enough = pcb.sacked() >= DUP_THRESHOLD * u32::from(pcb.mss());
        if enough || pcb.has(Bit::IN_FAST_RECOVERY | Bit::RTO) {
            return 0;
        }
    }
    let steps = u32::from(pcb.reo_wnd_steps()) + 1;
    // Before the first sample the round trip at hand is the best that is known.
    let latest = u32::from(pcb.rack_rtt());
    let shortest = if pcb.min_rtt() == 0 { latest } else { pcb.min_rtt().into() };
    let most = if pcb.sa() == 0 { latest } else { u32::from(pcb.sa() as u16) / 4 };
    (steps * shortest).div_ceil(4).min(most)
}

/// A D-SACK: something was sent again in vain. Once per round trip that widens the window.
pub(super) fn on_duplicate_reported(pcb: Pcb<'_>, ack: SeqNum, in_recovery: bool) {
    let rod = own(pcb);
    if in_recovery {
        // What was taken for lost had only been overtaken.
        set(&rod, Rack::REORDERED, true);
    }
    if !has(pcb, Rack::DSACKED) || is_since(ack, pcb.dsack_round()) {
        rod.set_dsack_round(Coarse::of(pcb.snd_nxt().raw()));
        rod.set_reo_wnd_steps(pcb.reo_wnd_steps().saturating_add(1));
        rod.set_reo_wnd_persist(PERSIST);
        set(&rod, Rack::DSACKED, true);
    }
}

/// A recovery is over.
pub(super) fn on_recovered(pcb: Pcb<'_>) {
    let rod = own(pcb);
    match pcb.reo_wnd_persist().checked_sub(1) {
        Some(left) if left > 0 => rod.set_reo_wnd_persist(left),
        _ => rod.set_reo_wnd_steps(0),
    }
}

/// RFC 8985 6.2, step 5: declares lost what was sent so long before the latest that was delivered; how many octets. For what
/// has not waited long enough yet the reordering timer starts. `blocks`: those of the ACK, which are not lost.
pub(super) fn detect_losses(pcb: Pcb<'_>, blocks: &Blocks) -> u32 {
    if !has(pcb, Rack::VALID) {
        return 0;
    }
    let latest = (pcb.rack_time(), pcb.rack_end());
    let patience = i32::from(pcb.rack_rtt()) + reordering_window(pcb) as i32;
    let (log, now, mut wait) = (own(pcb), now(pcb), 0);
    let delivered = highest_delivered(pcb);
    let end = if delivered.gt(pcb.rack_end()) { delivered } else { pcb.rack_end() };
    let lost = declare_lost(pcb, blocks, end, |seg, _| {
        let again = seg.is_marked(Mark::SentAgain);
        let Some(time) = log.time_sent(seg.end(), again) else { return false };
        // What was sent once was sent in order; else what is not known exactly is no evidence.
        let before =
            if has(pcb, Rack::FIRST) { time.next.lt(latest.1) } else { is_after(latest, (time.latest, seg.end())) };
        if !before {
            return false;
        }
        let left = patience - i32::from(now.wrapping_sub(time.likely));
        wait = wait.max(left);
        left <= 0
    });
    if wait > 0 {
        rtt::start_reordering_timer(&own(pcb), wait as u32);
    }
    lost
}

/// RFC 8985 7.2: a probe may be scheduled: nothing is known to be lost or SACKed, and no probe is out.
pub(super) fn may_probe(pcb: Pcb<'_>) -> bool {
    let mut queues = own(pcb);
    let nothing_lost = queues.unsent().front().is_none_or(|seg| seg.seq().ge(pcb.snd_nxt()));
    pcb.state() >= State::Established
        && pcb.has(Bit::SACK)
        && nothing_lost
        && (pcb.sacked() == 0 || is_stuck(pcb))
        && pcb.sa() != 0
        && !pcb.unacked_is_empty()
        && !has(pcb, Rack::PROBED)
        && (!pcb.has(Bit::IN_FAST_RECOVERY) || is_stuck(pcb))
        && !pcb.has(Bit::RTO)
}

/// In recovery, with all that is lost sent again: if that is lost, too, and the peer's window is full, nothing that is sent later
/// will tell. Then a probe sends the first segment that is missing once more, long before the timeout.
fn is_stuck(pcb: Pcb<'_>) -> bool {
    pcb.has(Bit::IN_FAST_RECOVERY) && pcb.sacked() > 0
}

/// RFC 8985 7.2, TLP_calc_PTO: two round trips after the last transmission, of which one is the shortest, since what delayed ACKs
/// add to SRTT need not be waited for twice; if a single segment is in flight, whose ACK the peer may delay, at least as long as
/// that takes. In how many milliseconds that is.
pub(super) fn probe_due_in(pcb: Pcb<'_>) -> u32 {
    let srtt = u32::from(pcb.sa() as u16) / 4 + 1;
    let mut wait = srtt + u32::from(pcb.min_rtt());
    if pcb.pipe() <= pcb.mss().into() {
        wait = wait.max(srtt + config::DELAYED_ACK_MS);
    }
    if is_stuck(pcb) {
        return wait;
    }
    let since = own(pcb).last_sent().map_or(0, |last| u32::from(now(pcb).wrapping_sub(last)));
    wait.saturating_sub(since).max(srtt / 4 + 1)
}

/// RFC 8985 7.3: the probe timer expired: new data are sent if there are any and the peer takes them, else the last segment
/// again.
pub(crate) fn on_probe_timer(pcb: Pcb<'_>) {
    let rod = own(pcb);
    let mut queues = own(pcb);
    let (mut unsent, mut unacked) = queues.unsent_and_unacked();
    let fits = |seg: crate::pcb::Seg<'_>| seg.end() - pcb.lastack() <= pcb.snd_wnd().into();
    let new = unsent.front().filter(|seg| fits(*seg)).map(|seg| seg.end());
    let stuck = is_stuck(pcb);
    // Also where a D-SACK has ended recovery since: what the peer has is not sent again.
    let first_missing = pcb.sacked() > 0;
    if new.is_none() {
        let last = unacked.back().map(|seg| seg.seq());
        let (mut found, mut octets) = (false, 0);
        let pick = |seg: crate::pcb::Seg<'_>| {
            let chosen = if first_missing { !seg.is_marked(Mark::Sacked) } else { Some(seg.seq()) == last };
            match (found, chosen && !seg.is_busy()) {
                (true, _) => Pick::Stop,
                (false, true) => {
                    found = true;
                    Pick::Take
                }
                (false, false) => Pick::Leave,
            }
        };
        transfer(&mut unacked, &mut unsent, u32::MAX, pick, |seg| octets = seg.seq_len());
        rod.set_pipe(pcb.pipe().saturating_sub(octets));
        // Karn's algorithm.
        rod.set_rttest(0);
    }
    rod.set_tlp_end(Coarse::of(new.unwrap_or(pcb.snd_nxt()).raw()));
    set(&rod, Rack::PROBED, true);
    // The loss that recovery is about has been answered for already.
    set(&rod, Rack::PROBE_WAS_OLD, new.is_none() && !stuck);
    rod.set_extra(1);
    rtt::restart_timer(pcb);
}

/// What an ACK says of a loss probe.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// Nothing, or there was none.
    Silent,
    /// There was nothing to repair.
    Needless,
    /// It has repaired a loss: cwnd has to be reduced as for any other.
    Repaired,
}

/// RFC 8985 7.4. `reported`: the end of what a D-SACK names; `again`: the ACK says nothing else than the one before it.
pub(super) fn on_ack_of_probe(pcb: Pcb<'_>, ack: SeqNum, reported: Option<SeqNum>, again: bool) -> Probe {
    let (end, acked) = (pcb.tlp_end(), Coarse::of(ack.raw()));
    if !has(pcb, Rack::PROBED) || !acked.ge(end) {
        return Probe::Silent;
    }
    let result = if !has(pcb, Rack::PROBE_WAS_OLD)
        || reported.map(|reported| Coarse::of(reported.raw())) == Some(end)
        || again
    {
        Probe::Needless
    } else if acked != end {
        Probe::Repaired
    } else {
        // It may be that of the original or of the probe, until more comes.
        return Probe::Silent;
    };
    set(&own(pcb), Rack::PROBED, false);
    result
}

/// A timeout: the probe is no question any more.
pub(super) fn on_timeout(pcb: Pcb<'_>) {
    set(&own(pcb), Rack::PROBED, false);
}
