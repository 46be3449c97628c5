//! Flow control: both windows, their scaling and announcement, and the persist timer (RFC 9293 3.8.6, RFC 7323 2).

use crate::ffi::diagnostics::{Event, debug};
use crate::ffi::{Wnd, config, wnd};
#[cfg(lwip_wnd_scale)]
use crate::pcb::Bit;
use crate::pcb::{Own, Pcb};
use crate::wire::SeqNum;

/// Makes this component's view of a PCB: see `pcb/fields.rs`.
pub(crate) struct Owner {
    _private: (),
}

type Fc<'c> = Own<'c, Owner>;

fn own(pcb: Pcb<'_>) -> Fc<'_> {
    Own::new(pcb, Owner { _private: () })
}

/// So often the time between two zero-window probes gets longer.
const MOST_PERSIST_BACKOFF: u8 = 7;

/// Slow ticks from one zero-window probe to the next, `backoff` being 1 and more (RFC 9293 3.8.6.1: exponential, bounded).
#[cfg(any(not(fine_timers), test))]
fn persist_interval(backoff: u8) -> u8 {
    ((3u32 << backoff.min(MOST_PERSIST_BACKOFF)) / 2).min(120) as u8
}

/// The largest window that fits the header unscaled.
fn wnd16(value: u32) -> u16 {
    value.min(0xffff) as u16
}

/// A new PCB.
pub(crate) fn init(pcb: Pcb<'_>) {
    let fc = own(pcb);
    fc.set_snd_buf(wnd(config::TCP_SND_BUF));
    set_receive_window(&fc, wnd16(config::TCP_WND).into());
}

fn set_receive_window(fc: &Fc<'_>, window: Wnd) {
    fc.set_rcv_wnd(window);
    fc.set_rcv_ann_wnd(window);
}

/// The largest receive window: what does not fit 16 bits needs scaling.
pub(crate) fn max_receive_window(pcb: Pcb<'_>) -> Wnd {
    #[cfg(lwip_wnd_scale)]
    if pcb.has(Bit::WND_SCALE) {
        return wnd(config::TCP_WND);
    }
    let _ = pcb;
    wnd16(config::TCP_WND).into()
}

/// tcp_connect: nothing is known of the peer; the window is assumed to be as large as ours.
pub(crate) fn on_connect(pcb: Pcb<'_>, iss: SeqNum) {
    let fc = own(pcb);
    fc.set_snd_wl2(iss - 1);
    set_receive_window(&fc, wnd16(config::TCP_WND).into());
    fc.set_rcv_ann_right_edge(pcb.rcv_nxt());
    fc.set_snd_wnd(wnd(config::TCP_WND));
}

/// A SYN reached a listener: ours will have this number.
pub(crate) fn on_syn_in_listen(pcb: Pcb<'_>, iss: SeqNum) {
    own(pcb).set_snd_wl2(iss);
}

/// The peer's SYN, with its sequence number and window (never scaled, RFC 7323 2.2).
pub(crate) fn on_syn(pcb: Pcb<'_>, seq: SeqNum, window: u16) {
    let fc = own(pcb);
    fc.set_rcv_ann_right_edge(pcb.rcv_nxt());
    fc.set_snd_wl1(seq - 1);
    fc.set_snd_wnd(window.into());
    fc.set_snd_wnd_max(window.into());
}

/// Both sides scale their windows, the peer by `shift`.
#[cfg(lwip_wnd_scale)]
pub(crate) fn on_window_scale(pcb: Pcb<'_>, shift: u8) {
    let fc = own(pcb);
    fc.set_snd_scale(shift);
    fc.set_rcv_scale(config::TCP_RCV_SCALE as u8);
    set_receive_window(&fc, wnd(config::TCP_WND));
}

/// The window that a segment announces, scaled.
pub(crate) fn scaled(pcb: Pcb<'_>, window: u16) -> Wnd {
    #[cfg(lwip_wnd_scale)]
    return u32::from(window) << (pcb.snd_scale() & 15);
    #[cfg(not(lwip_wnd_scale))]
    {
        let _ = pcb;
        window
    }
}

/// The window field of a segment to be sent; that of a SYN is not scaled.
pub(crate) fn window_field(pcb: Pcb<'_>, syn: bool) -> u16 {
    let window = u32::from(pcb.rcv_ann_wnd());
    #[cfg(lwip_wnd_scale)]
    if !syn {
        return wnd16(window >> (pcb.rcv_scale() & 15));
    }
    let _ = syn;
    wnd16(window)
}

/// The announced window goes out with a segment.
pub(crate) fn on_window_sent(pcb: Pcb<'_>) {
    own(pcb).set_rcv_ann_right_edge(pcb.rcv_nxt() + u32::from(pcb.rcv_ann_wnd()));
}

/// RFC 9293 3.10.7.4, fifth step: takes a window that is at least as new as the one known. Says whether the window's
/// right edge stayed where it was, as it does in a duplicate ACK.
pub(crate) fn on_window_announced(pcb: Pcb<'_>, seq: SeqNum, ack: SeqNum, window: Wnd) -> bool {
    let fc = own(pcb);
    let newer = pcb.snd_wl1().lt(seq) || (pcb.snd_wl1() == seq && pcb.snd_wl2().le(ack));
    if !newer {
        return true;
    }
    let edge = pcb.snd_wl2() + u32::from(pcb.snd_wnd());
    fc.set_snd_wnd(window);
    if pcb.snd_wnd_max() < window {
        fc.set_snd_wnd_max(window);
    }
    fc.set_snd_wl1(seq);
    fc.set_snd_wl2(ack);
    ack + u32::from(window) == edge
}

/// Octets that were queued are acknowledged: there is room in the send buffer for as many.
pub(crate) fn on_send_buffer_freed(pcb: Pcb<'_>, octets: Wnd) {
    own(pcb).set_snd_buf(pcb.snd_buf().wrapping_add(octets));
}

/// Octets were queued, for which there was room.
pub(crate) fn on_send_buffer_used(pcb: Pcb<'_>, octets: u32) {
    own(pcb).set_snd_buf(pcb.snd_buf() - octets as Wnd);
}

/// Sequence numbers were received in order, no more than there is window for: it moves.
pub(crate) fn on_received(pcb: Pcb<'_>, seq_len: u32) {
    own(pcb).set_rcv_wnd(pcb.rcv_wnd().wrapping_sub(seq_len as Wnd));
    update_announced_window(pcb);
}

/// The application has seen the FIN, which took one sequence number of the window.
pub(crate) fn on_fin_delivered(pcb: Pcb<'_>) {
    if pcb.rcv_wnd() < max_receive_window(pcb) {
        own(pcb).set_rcv_wnd(pcb.rcv_wnd() + 1);
    }
}

/// tcp_recved: the application has consumed `len` octets. More than were delivered cannot be: the window ends at its
/// maximum. Says whether the window opened so far that the peer is to be told (RFC 9293 3.8.6.2.2).
pub(crate) fn on_consumed(pcb: Pcb<'_>, len: u16) -> bool {
    let window = u32::from(pcb.rcv_wnd()).saturating_add(len.into());
    own(pcb).set_rcv_wnd(wnd(window.min(max_receive_window(pcb).into())));
    update_announced_window(pcb) >= config::TCP_WND_UPDATE_THRESHOLD
}

/// Moves the right edge that is announced, once that is worth it: by a segment or half the buffer (RFC 9293 3.8.6.2.2),
/// and never back (3.8.6). Says by how much it moved.
pub(crate) fn update_announced_window(pcb: Pcb<'_>) -> u32 {
    let fc = own(pcb);
    let (next, edge) = (pcb.rcv_nxt(), pcb.rcv_ann_right_edge());
    let new_edge = next + u32::from(pcb.rcv_wnd());
    let worth_it = (config::TCP_WND / 2).min(pcb.mss().into());
    let moved = if new_edge.ge(edge + worth_it) {
        fc.set_rcv_ann_wnd(pcb.rcv_wnd());
        new_edge - edge
    } else {
        // A peer that sent past the edge that we announced gets a closed window until we have caught up.
        fc.set_rcv_ann_wnd(if next.gt(edge) { 0 } else { (edge - next) as Wnd });
        0
    };
    let (window, announced): (u32, u32) = (pcb.rcv_wnd().into(), pcb.rcv_ann_wnd().into());
    debug(Event::ReceiveWindow, window, announced);
    moved
}

/// What the peer lets us have in flight, from SND.UNA on.
pub(crate) fn usable_window(pcb: Pcb<'_>) -> Wnd {
    pcb.snd_wnd().min(pcb.cwnd())
}

/// Data wait that the window has no room for, and nothing is in flight that would bring a window update: the persist
/// timer has to run.
pub(crate) fn on_blocked(pcb: Pcb<'_>) {
    if pcb.persist_backoff() == 0 {
        let fc = own(pcb);
        fc.set_persist_cnt(0);
        fc.set_persist_backoff(1);
        fc.set_persist_probe(0);
    }
}

/// Data go out: it does not.
pub(crate) fn on_unblocked(pcb: Pcb<'_>) {
    own(pcb).set_persist_backoff(0);
}

/// The peer is alive.
pub(crate) fn on_heard(pcb: Pcb<'_>) {
    own(pcb).set_persist_probe(0);
}

/// A slow tick of a running persist timer: is it time for a probe?
#[cfg(any(not(fine_timers), test))]
pub(crate) fn on_persist_tick(pcb: Pcb<'_>) -> bool {
    let due = persist_interval(pcb.persist_backoff());
    if pcb.persist_cnt() < due {
        own(pcb).set_persist_cnt(pcb.persist_cnt() + 1);
    }
    pcb.persist_cnt() >= due
}

/// A probe went out: the next one waits longer.
pub(crate) fn on_probed(pcb: Pcb<'_>) {
    let fc = own(pcb);
    fc.set_persist_cnt(0);
    if pcb.persist_backoff() < MOST_PERSIST_BACKOFF {
        fc.set_persist_backoff(pcb.persist_backoff() + 1);
    }
}

/// A probe is about to go out.
pub(crate) fn on_probe(pcb: Pcb<'_>) {
    own(pcb).set_persist_probe(pcb.persist_probe().saturating_add(1));
}

#[cfg(test)]
mod tests;
