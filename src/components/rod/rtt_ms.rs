//! Round-trip time and retransmission timeout (RFC 6298) in milliseconds, and the deadlines of one connection
//! (LWIP_TCP_RUST_FINE_TIMERS).
//!
//! `sa` is SRTT and `sv` RTTVAR, both in quarters of a millisecond, and `rto` is in milliseconds; all three fields are 16 bits
//! without a sign, which lwIP's struct does not know. 4 RTTVAR in milliseconds is `sv` itself.

use super::{Rod, Times, own};
use crate::ffi::config;
use crate::pcb::{Bit, Pcb, State, is_before};
use crate::wire::SeqNum;

/// RFC 6298 2.1: before the first sample.
const INITIAL_RTO: u16 = 1000;

/// RFC 6298 5.7: after a SYN that was sent again.
const RTO_AFTER_LOST_SYN: u16 = 3000;

/// RFC 6298 2.5.
const MAX_RTO: u32 = 60_000;

/// The longest round trip that is told from others, so that its quarters fit 16 bits.
const MAX_SAMPLE: u32 = 16_000;

/// While the peer has been silent for less than `PATIENCE`, no two retransmissions are further apart than `STEP`, or the RTO
/// if that is longer: a short outage is not followed by another one of our own making. After it the RTO doubles on.
const STEP: u32 = 900;
const PATIENCE: u32 = 10_000;

/// What the timer of a connection runs for: it has one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Timer {
    /// It does not run.
    Off,
    /// Retransmission (RFC 6298).
    Retransmission,
    /// Zero-window probes (RFC 9293 3.8.6.1).
    Persist,
    /// A loss probe (RFC 8985 7.2).
    #[cfg(rack)]
    Probe,
    /// What may have been overtaken only (RFC 8985 6.2).
    #[cfg(rack)]
    Reordering,
}

fn srtt(pcb: Pcb<'_>) -> u16 {
    pcb.sa() as u16
}

fn rttvar(pcb: Pcb<'_>) -> u16 {
    pcb.sv() as u16
}

fn rto(pcb: Pcb<'_>) -> u32 {
    (pcb.rto() as u16).into()
}

/// SRTT, RTTVAR and RTO.
pub(super) fn times(pcb: Pcb<'_>) -> Times {
    let rttvar = if srtt(pcb) == 0 { 0 } else { rttvar(pcb) };
    Times { srtt: u32::from(srtt(pcb)) / 4, rttvar: u32::from(rttvar) / 4, rto: rto(pcb) }
}

/// A new PCB: the timer does not run. Until there is a sample `sv` is the RTO.
pub(super) fn init(rod: &Rod<'_>) {
    rod.set_rto(INITIAL_RTO as i16);
    rod.set_sv(INITIAL_RTO as i16);
    stop_timer(rod);
}

/// The RTO of the estimators (RFC 6298 2.3). The floor is one of 4 RTTVAR, as Linux has it: a peer that delays an ACK by so
/// long causes no timeout, whatever the round trip.
fn estimated(pcb: Pcb<'_>) -> u32 {
    let (srtt, rttvar) = (u32::from(srtt(pcb)), u32::from(rttvar(pcb)));
    if srtt == 0 { rttvar } else { (srtt / 4 + rttvar.max(config::RTO_MIN_MS)).min(MAX_RTO) }
}

/// An ACK arrived: if it covers the segment being timed, that is a sample. Karn's algorithm (RFC 6298 3): a
/// retransmission has stopped the timing.
pub(crate) fn on_ack_for_timing(pcb: Pcb<'_>, ack: SeqNum, now: u32) {
    if pcb.rttest() == 0 || !pcb.rtseq().lt(ack) {
        return;
    }
    // `start_of_sample` may have put it a millisecond late.
    let sample = now.wrapping_sub(pcb.rttest());
    on_sample(pcb, if is_before(now, pcb.rttest()) { 0 } else { sample });
    own(pcb).set_rttest(0);
}

/// A round trip of `ms` (RFC 6298 2.2, 2.3).
pub(super) fn on_sample(pcb: Pcb<'_>, ms: u32) {
    let rod = own(pcb);
    // What took less than a millisecond took some time all the same.
    let sample = (ms.min(MAX_SAMPLE) * 4).max(1) as i32;
    let (srtt, rttvar) = (i32::from(srtt(pcb)), i32::from(rttvar(pcb)));
    let (new_srtt, new_rttvar) = if srtt == 0 {
        (sample, sample / 2)
    } else {
        let error = sample - srtt;
        // Rounded, and not cut, or small errors would never be made good.
        (srtt + ((error + 4) >> 3), rttvar + ((error.abs() - rttvar + 2) >> 2))
    };
    rod.set_sa(new_srtt.clamp(1, 0xffff) as u16 as i16);
    rod.set_sv(new_rttvar.clamp(0, 0xffff) as u16 as i16);
    rod.set_rto(estimated(pcb) as u16 as i16);
    #[cfg(rack)]
    super::rack::on_round_trip(&rod, ms);
}

/// What to remember of the time at which a sample begins: 0 is none.
pub(super) fn start_of_sample(now: u32) -> u32 {
    now.max(1)
}

/// The peer has been silent for so short a time that retransmissions are frequent and do not count.
pub(super) fn is_patient(pcb: Pcb<'_>) -> bool {
    let silence = pcb.core().ticks().wrapping_sub(pcb.tmr()).saturating_mul(config::TCP_SLOW_INTERVAL);
    silence < PATIENCE && pcb.state() >= State::Established
}

/// The timer expired: it starts again, with a longer timeout (RFC 6298 5.5, 5.6).
pub(crate) fn on_timeout(pcb: Pcb<'_>) {
    let rod = own(pcb);
    if srtt(pcb) == 0 && pcb.snd_nxt() == pcb.iss() + 1 {
        // 5.7. The SYN itself keeps to 1 s, 2 s, …
        rod.set_sv(RTO_AFTER_LOST_SYN as i16);
    }
    let limit = if is_patient(pcb) { rto(pcb).max(STEP) } else { MAX_RTO };
    rod.set_rto((rto(pcb) * 2).min(limit) as u16 as i16);
    restart_timer(pcb);
}

/// New data were acknowledged: back-off ends.
pub(super) fn on_progress(pcb: Pcb<'_>) {
    own(pcb).set_rto(estimated(pcb) as u16 as i16);
}

/// RTO in slow ticks, as lwIP reckons it: at least 3.
pub(crate) fn rto_in_ticks(pcb: Pcb<'_>) -> u32 {
    (rto(pcb) / config::TCP_SLOW_INTERVAL).max(3)
}

fn set_timer(rod: &Rod<'_>, timer: Timer, ms: u32) {
    rod.set_timer(timer);
    rod.set_timer_due(rod.core().clock().wrapping_add(ms));
    // C may look at it: the timer runs.
    rod.set_rtime(0);
}

/// The retransmission timer starts anew.
pub(crate) fn restart_timer(pcb: Pcb<'_>) {
    set_timer(&own(pcb), Timer::Retransmission, rto(pcb));
}

/// No timer runs any more.
pub(super) fn stop_timer(rod: &Rod<'_>) {
    rod.set_timer(Timer::Off);
    rod.set_rtime(-1);
}

/// A segment is about to be sent: the timer runs (RFC 6298 5.1).
pub(super) fn on_sending(pcb: Pcb<'_>) {
    match pcb.timer() {
        Timer::Off | Timer::Persist => restart_timer(pcb),
        _ => {}
    }
}

/// Segments were sent for the first time: that is when a loss probe is scheduled (RFC 8985 7.2).
#[cfg(rack)]
pub(crate) fn on_output(pcb: Pcb<'_>) {
    if super::rack::may_probe(pcb) {
        start_probe_timer(pcb);
    }
}

#[cfg(rack)]
fn start_probe_timer(pcb: Pcb<'_>) {
    let due = super::rack::probe_due_in(pcb);
    if due < rto(pcb) {
        set_timer(&own(pcb), Timer::Probe, due);
    } else {
        restart_timer(pcb);
    }
}

/// Something waits to be declared lost.
#[cfg(rack)]
pub(super) fn start_reordering_timer(rod: &Rod<'_>, ms: u32) {
    set_timer(rod, Timer::Reordering, ms);
}

/// An acknowledgment has delivered something. RFC 6298 5.3 restarts the timer for new data that are acknowledged; where RACK finds
/// lost retransmissions, what is SACKed is as good a sign of life.
#[cfg(sack_recovery)]
pub(super) fn on_delivery(pcb: Pcb<'_>, advanced: bool) {
    if pcb.unacked_is_empty() && pcb.unsent_is_empty() {
        return stop_timer(&own(pcb));
    }
    #[cfg(rack)]
    {
        if pcb.timer() == Timer::Reordering {
            return;
        }
        if super::rack::may_probe(pcb) {
            return start_probe_timer(pcb);
        }
    }
    if advanced || cfg!(rack) {
        restart_timer(pcb);
    }
}

/// The `probe`-th zero-window probe is due after an RTO, each further one after twice as long (RFC 9293 3.8.6.1).
pub(crate) fn start_persist_timer(pcb: Pcb<'_>, probe: u8) {
    let shift = u32::from(probe.saturating_sub(1)).min(16);
    set_timer(&own(pcb), Timer::Persist, (estimated(pcb) << shift).min(MAX_RTO));
}

/// A delayed ACK waits from now on.
pub(super) fn delay_ack(rod: &Rod<'_>) {
    rod.set_ack_due(rod.core().clock().wrapping_add(config::DELAYED_ACK_MS) as u16);
}

/// How many milliseconds are left until a delayed ACK has to go out.
fn ack_due_in(pcb: Pcb<'_>, now: u32) -> u32 {
    (pcb.ack_due().wrapping_sub(now as u16) as i16).max(0) as u32
}

/// Whether it is time for it.
pub(crate) fn is_ack_due(pcb: Pcb<'_>) -> bool {
    ack_due_in(pcb, pcb.core().clock()) == 0
}

/// When the connection has to be looked at, at the latest.
pub(crate) fn next_deadline(pcb: Pcb<'_>) -> Option<u32> {
    let now = pcb.core().clock();
    let ack = pcb.has(Bit::ACK_DELAY).then(|| now.wrapping_add(ack_due_in(pcb, now)));
    let timer = (pcb.timer() != Timer::Off).then(|| pcb.timer_due());
    match (ack, timer) {
        (Some(ack), Some(timer)) => Some(if is_before(ack, timer) { ack } else { timer }),
        (ack, timer) => ack.or(timer),
    }
}

/// The timer if it has expired: it does not run any more then.
pub(crate) fn take_expired_timer(pcb: Pcb<'_>) -> Timer {
    let timer = pcb.timer();
    if timer == Timer::Off || is_before(pcb.core().clock(), pcb.timer_due()) {
        return Timer::Off;
    }
    own(pcb).set_timer(Timer::Off);
    timer
}
