//! Round-trip time and retransmission timeout (RFC 6298), in slow ticks.
//!
//! `sa` is SRTT times 8, `sv` RTTVAR times 4, as Van Jacobson has them: RTO = SRTT + 4 RTTVAR is `(sa >> 3) + sv`.

use super::{Rod, Times, own};
use crate::ffi::config;
use crate::pcb::{Pcb, State};
use crate::wire::SeqNum;

/// Each timeout in a row doubles the RTO (RFC 6298 5.5), up to so many times.
const MOST_DOUBLINGS: u32 = 7;

/// The shortest RTO. The timer starts between two ticks, so that this is at least a second (RFC 6298 2.4), and at most
/// half a second more.
const MIN_RTO: i16 = 3;

/// A new PCB: the timer does not run.
pub(super) fn init(rod: &Rod<'_>) {
    let rto = (config::LWIP_TCP_RTO_TIME / config::TCP_SLOW_INTERVAL) as i16;
    rod.set_rto(rto);
    rod.set_sv(rto);
    stop_timer(rod);
}

/// The RTO of the estimators (RFC 6298 2.3), the granularity G being a tick.
pub(super) fn estimated(pcb: Pcb<'_>) -> i16 {
    (pcb.sa() >> 3).wrapping_add(pcb.sv().max(1)).max(MIN_RTO)
}

/// An ACK arrived: if it covers the segment being timed, that is a sample. Karn's algorithm (RFC 6298 3): a
/// retransmission has stopped the timing.
pub(crate) fn on_ack_for_timing(pcb: Pcb<'_>, ack: SeqNum, now: u32) {
    if pcb.rttest() != 0 && pcb.rtseq().lt(ack) {
        // A sample that does not fit is as good as none: the connection has been stalled for hours.
        on_sample(pcb, now.wrapping_sub(pcb.rttest()).min(0xfff) as i16);
    }
}

/// There is one in a round trip at most.
#[cold]
#[inline(never)]
fn on_sample(pcb: Pcb<'_>, sample: i16) {
    let rod = own(pcb);
    if pcb.sa() == 0 {
        // RFC 6298 2.2: the first sample.
        rod.set_sa(sample << 3);
        rod.set_sv(sample << 1);
    } else {
        let error = sample.wrapping_sub(pcb.sa() >> 3);
        rod.set_sa(pcb.sa().wrapping_add(error));
        let deviation = error.wrapping_abs().wrapping_sub(pcb.sv() >> 2);
        rod.set_sv(pcb.sv().wrapping_add(deviation));
    }
    rod.set_rttest(0);
    on_progress(pcb);
}

/// The timer expired: it starts again, with a longer timeout, except for a SYN, whose initial one stays.
pub(crate) fn on_timeout(pcb: Pcb<'_>) {
    let rod = own(pcb);
    if pcb.state() != State::SynSent {
        let backed_off = i32::from(estimated(pcb)) << (u32::from(pcb.nrtx()) + 1).min(MOST_DOUBLINGS);
        rod.set_rto(backed_off.min(0x7fff) as i16);
    }
    rod.set_rtime(0);
}

/// A slow tick of the retransmission timer, if it runs. Says whether it has expired.
pub(crate) fn on_tick(pcb: Pcb<'_>) -> bool {
    let ticks = pcb.rtime();
    if (0..0x7fff).contains(&ticks) {
        own(pcb).set_rtime(ticks + 1);
    }
    pcb.rtime() >= pcb.rto()
}

/// The timer starts anew.
pub(crate) fn restart_timer(pcb: Pcb<'_>) {
    own(pcb).set_rtime(0);
}

/// It does not run any more.
pub(super) fn stop_timer(rod: &Rod<'_>) {
    rod.set_rtime(-1);
}

/// A segment is about to be sent: the timer runs (RFC 6298 5.1).
pub(super) fn on_sending(pcb: Pcb<'_>) {
    if pcb.rtime() < 0 {
        own(pcb).set_rtime(0);
    }
}

/// New data were acknowledged: back-off ends.
#[cfg_attr(small, inline(never))]
pub(super) fn on_progress(pcb: Pcb<'_>) {
    own(pcb).set_rto(estimated(pcb));
}

/// What to remember of the time at which a sample begins.
pub(super) fn start_of_sample(now: u32) -> u32 {
    now
}

/// SRTT, RTTVAR and RTO in milliseconds.
pub(super) fn times(pcb: Pcb<'_>) -> Times {
    let milliseconds = |ticks: i16| ticks.max(0) as u32 * config::TCP_SLOW_INTERVAL;
    Times { srtt: milliseconds(pcb.sa()) / 8, rttvar: milliseconds(pcb.sv()) / 4, rto: milliseconds(pcb.rto()) }
}

/// RTO in slow ticks.
pub(crate) fn rto_in_ticks(pcb: Pcb<'_>) -> u32 {
    pcb.rto().max(0) as u32
}

/// The fast timer sends delayed ACKs each time.
pub(super) fn delay_ack(_rod: &Rod<'_>) {}

/// See above.
pub(crate) fn is_ack_due(_pcb: Pcb<'_>) -> bool {
    true
}
