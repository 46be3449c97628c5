//! Path MTU (LWIP_TCP_RUST_PMTU): which size of segments gets through, found out by sending them (RFC 4821, RFC 8899).
//!
//! A segment that times out again and again may be too large for the path: the MSS is halved. Some seconds later one larger segment
//! of real data is sent, as large as was negotiated at first, then halfway between what gets through and what does not; if that is
//! lost, nothing but its size is held against it (RFC 4821 7.4 d). When the search is over it starts anew after ten minutes.
//!
//! What ICMP says (RFC 1191) is a hint that anybody can forge. It has to quote something that is in flight (RFC 5927 4.1), it is
//! forgotten as soon as anything is acknowledged, and it only names the size to go down to when a timeout asks for it anyhow
//! (RFC 5927 7.2). A message that is true costs one timeout more than it could; one that is not costs nothing.

#[cfg(test)]
mod tests;

use super::{Cm, own};
use crate::ffi::config;
use crate::pcb::{Bit, Pcb, State};
#[cfg(any(path_mtu_by_icmp, test))]
use crate::wire::SeqNum;

/// Bits of `path_flags`.
struct Path;

impl Path {
    /// A segment of the present MSS was acknowledged.
    const PROVEN: u8 = 1;
    /// A larger one is queued or in flight.
    const PROBING: u8 = 2;
}

/// `path_wait` counts in so many slow ticks.
const UNIT: u32 = 8;

/// Until a larger segment is tried, in these units: while the search goes on,
const SOON: u8 = units(8);
/// and when it is over, or nothing has become of the probe (RFC 4821 7.3, RFC 8899 5.1.1: PMTU_RAISE_TIMER).
const LATER: u8 = units(600);

const fn units(seconds: u32) -> u8 {
    let units = seconds * 1000 / (config::TCP_SLOW_INTERVAL * UNIT);
    if units == 0 {
        1
    } else if units > 0xff {
        0xff
    } else {
        units as u8
    }
}

/// The search ends when no more than this can be won: more than options take, so that a probe has more data than any other segment.
const STEP: u16 = 48;

/// Timeouts in a row that make the path a suspect, if segments of this size never got through,
const TIMEOUTS: u8 = 2;
/// and if they did: that may as well be an outage.
const TIMEOUTS_IF_PROVEN: u8 = 4;

/// MSS that every path takes (RFC 9293 3.7.1, RFC 8200 5).
fn floor(pcb: Pcb<'_>) -> u16 {
    if pcb.remote_ip().is_v6() { 1220 } else { 536 }
}

fn has(pcb: Pcb<'_>, flag: u8) -> bool {
    pcb.path_flags() & flag != 0
}

fn set(cm: &Cm<'_>, flag: u8, on: bool) {
    cm.set_path_flags(if on { cm.path_flags() | flag } else { cm.path_flags() & !flag });
}

/// The MSS was reduced: what was queued before may be too long.
pub(crate) fn is_reduced(pcb: Pcb<'_>) -> bool {
    pcb.mss_limit() > pcb.mss()
}

/// A probe is queued or in flight: it is the segment that has more data than the MSS.
pub(crate) fn is_probing(pcb: Pcb<'_>) -> bool {
    has(pcb, Path::PROBING)
}

/// SND.UNA moves: the largest segment that is acknowledged by that has `size` octets, options included.
pub(crate) fn on_ack(pcb: Pcb<'_>, size: u16) {
    let cm = own(pcb);
    // RFC 5927 7.2: progress refutes what ICMP says.
    cm.set_mss_claim(0);
    if size < pcb.mss() {
        return;
    }
    set(&cm, Path::PROVEN, true);
    if size > pcb.mss() && is_reduced(pcb) {
        cm.set_mss(size.min(pcb.mss_limit()));
        set(&cm, Path::PROBING, false);
        if pcb.mss_failed() <= size {
            cm.set_mss_failed(0);
        }
        plan_next(&cm);
    }
}

/// When the next probe is sent: soon, as long as there is something to be won.
fn plan_next(cm: &Cm<'_>) {
    let failed = cm.mss_failed();
    let over = failed != 0 && middle(cm.mss(), failed) < cm.mss().saturating_add(STEP);
    cm.set_path_wait(if over { LATER } else { SOON });
}

fn middle(low: u16, high: u16) -> u16 {
    low + high.saturating_sub(low) / 2
}

/// The retransmission timer has expired. `size` is that of the first segment, options included; `told`: the MSS that lwIP has been
/// told of since, by a router of IPv6 or by a new MTU of the interface.
///
/// RFC 4821 7.7, RFC 5927 7.2.
pub(crate) fn on_timeout(pcb: Pcb<'_>, size: u16, told: u16) {
    let (cm, floor) = (own(pcb), floor(pcb));
    let claim = if pcb.mss_claim() == 0 { told } else { told.min(pcb.mss_claim()) };
    // What is longer than the MSS is sent in parts from now on.
    let size = size.min(pcb.mss());
    if pcb.state() < State::Established || size <= floor {
        return;
    }
    let proven = has(pcb, Path::PROVEN);
    let timeouts = pcb.nrtx().saturating_add(1);
    if claim < size && (timeouts >= TIMEOUTS || !proven) {
        reduce(&cm, claim.max(floor), claim.saturating_add(1));
    } else if timeouts >= if proven { TIMEOUTS_IF_PROVEN } else { TIMEOUTS } {
        // It may have been an outage: the next probe is of full size.
        reduce(&cm, (size / 2).max(floor), 0);
    }
}

fn reduce(cm: &Cm<'_>, mss: u16, failed: u16) {
    if cm.mss_limit() == 0 {
        cm.set_mss_limit(cm.mss());
    }
    cm.set_mss(mss);
    cm.set_mss_claim(0);
    cm.set_mss_failed(failed);
    set(cm, Path::PROVEN, false);
    plan_next(cm);
}

/// A slow tick goes by.
pub(crate) fn on_tick(pcb: Pcb<'_>, now: u32) {
    let cm = own(pcb);
    if now % UNIT != 0 || pcb.path_wait() == 0 {
        return;
    }
    let wait = pcb.path_wait() - 1;
    cm.set_path_wait(wait);
    if wait == 0 {
        // A probe that was queued may never have got as far as the network.
        set(&cm, Path::PROBING, false);
        if middle(pcb.mss(), pcb.mss_failed()) < pcb.mss().saturating_add(STEP) {
            cm.set_mss_failed(0);
        }
    }
}

/// The size, options included, of a segment that it is time to try: cwnd and the peer's window have room for it and for another
/// one behind it, so that its loss shows.
pub(crate) fn probe_size(pcb: Pcb<'_>) -> Option<u16> {
    if !is_reduced(pcb) || pcb.path_wait() != 0 || is_probing(pcb) || pcb.has(Bit::IN_FAST_RECOVERY | Bit::RTO) {
        return None;
    }
    let size = next_size(pcb);
    let room = u32::from(pcb.cwnd()).min(pcb.snd_wnd_max().into());
    (size > pcb.mss() && room >= 2 * u32::from(size)).then_some(size)
}

/// The size, options included, that comes next in the search.
pub(crate) fn next_size(pcb: Pcb<'_>) -> u16 {
    if pcb.mss_failed() == 0 { pcb.mss_limit() } else { middle(pcb.mss(), pcb.mss_failed()) }
}

/// A segment that is larger than the MSS is queued.
pub(crate) fn on_probe_queued(pcb: Pcb<'_>) {
    let cm = own(pcb);
    set(&cm, Path::PROBING, true);
    cm.set_path_wait(LATER);
}

/// A segment of `size`, which was the probe, is sent again, in parts.
pub(crate) fn on_probe_lost(pcb: Pcb<'_>, size: u16) {
    let cm = own(pcb);
    set(&cm, Path::PROBING, false);
    cm.set_mss_failed(size);
    plan_next(&cm);
}

/// ICMP "fragmentation needed" for a packet of this connection that had the sequence number `seq`.
#[cfg(any(path_mtu_by_icmp, test))]
pub(crate) fn on_too_big(pcb: Pcb<'_>, seq: SeqNum, mtu: u16) {
    /// Of IPv4 and TCP.
    const HEADERS: u16 = 40;
    let in_flight = pcb.snd_nxt() - pcb.lastack();
    let mss = mtu.saturating_sub(HEADERS);
    let synchronized = (State::Established..State::TimeWait).contains(&pcb.state());
    // RFC 5927 4.1; and no router of today has a link that takes less than 576 octets.
    if synchronized && seq.within(pcb.lastack(), in_flight) && mss >= floor(pcb) && mss < pcb.mss() {
        own(pcb).set_mss_claim(mss);
    }
}
