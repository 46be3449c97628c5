//! The slow timer (every TCP_SLOW_INTERVAL) and the fast one (every TCP_FAST_INTERVAL).

#![forbid(unsafe_code)]

use crate::api;
use crate::components::connection_management::KeepAlive;
use crate::components::{congestion_control as cc, connection_management as cm, flow_control, rod};
use crate::ffi::config;
use crate::ffi::diagnostics::{Event, debug};
#[cfg(path_mtu)]
use crate::output::{OptionSet, effective_mss, route};
use crate::output::{output, send_keep_alive, send_window_probe};
#[cfg(not(fine_timers))]
use crate::pcb::State;
use crate::pcb::{Bit, Core, Lent, List, Pcb, PcbId};
use crate::segmentation;

#[cfg(fine_timers)]
pub(crate) mod fine;

/// tcp_tmr: the fast timer each time, the slow one every second time.
pub(crate) fn both(core: &mut Core) {
    fast(core);
    let calls = core.timer_calls().wrapping_add(1);
    core.set_timer_calls(calls);
    if calls & 1 != 0 {
        slow(core);
    }
}

/// Visits each PCB of a list once. A visit may call the application, which may free any PCB and add others: if the list of
/// active PCBs changes, the walk starts anew, and who was visited in this round is marked. In TIME-WAIT the next one may have
/// gone to make room for another PCB: then the walk ends early, and the next timer goes on.
///
/// A driver that receives while it is asked to send brings a walk inside of another: that one has to know of changes, too.
pub(crate) fn visit(core: &mut Core, list: List, look_after: fn(Lent<'_>, PcbId)) {
    let mut changed = core.active_pcbs_changed();
    let round = core.timer_round().wrapping_add(1);
    core.set_timer_round(round);
    let mut next = core.head(list);
    while let Some(pcb) = core.find(next) {
        let id = pcb.id();
        next = pcb.next();
        core.set_active_pcbs_changed(0);
        if !cm::on_timer_round(pcb, round) {
            look_after(core.lend(), id);
        }
        if core.active_pcbs_changed() != 0 {
            changed = 1;
            next = core.head(list);
        }
    }
    core.set_active_pcbs_changed(changed);
}

/// tcp_slowtmr.
pub(crate) fn slow(core: &mut Core) {
    core.set_ticks(core.ticks().wrapping_add(1));
    visit(core, List::Active, slow_visit);
    visit(core, List::TimeWait, |mut core, id| silence(&mut core, id));
}

/// What becomes of a connection whose timers have expired.
#[derive(PartialEq, Eq)]
enum Fate {
    Lives,
    /// It is given up. The peer, which does not answer, is not told.
    Ends,
}

fn slow_visit(mut core: Lent<'_>, id: PcbId) {
    let core = &mut *core;
    #[cfg(not(fine_timers))]
    if retransmission_timers(core, id) == Fate::Ends {
        return api::abandon(core, id, false);
    }
    silence(core, id);
    poll(core, id);
}

/// What comes of it that nothing was heard from the peer for some time. In TIME-WAIT that is its end, 2MSL after the last segment
/// (RFC 9293 3.6.1).
#[cfg_attr(small, inline(never))]
fn silence(core: &mut Core, id: PcbId) {
    let Some(pcb) = core.get(id) else { return };
    let now = core.ticks();
    #[cfg(path_mtu)]
    cm::pmtu::on_tick(pcb, now);
    if now.wrapping_sub(pcb.tmr()) >= rod::rto_in_ticks(pcb).wrapping_mul(config::TCP_OOSEQ_TIMEOUT) {
        rod::free_ooseq(pcb);
    }
    if cm::state_timed_out(pcb, now) {
        return api::abandon(core, id, false);
    }
    match cm::keep_alive(pcb, now) {
        KeepAlive::Quiet => {}
        KeepAlive::Dead => api::abandon(core, id, true),
        KeepAlive::Probe => {
            if send_keep_alive(core, id).is_ok() {
                if let Some(pcb) = core.get(id) {
                    cm::on_keep_alive_sent(pcb);
                }
            }
        }
    }
}

/// Retransmission and persist timer, in slow ticks.
#[cfg(not(fine_timers))]
fn retransmission_timers(core: &mut Core, id: PcbId) -> Fate {
    let Some(pcb) = core.get(id) else { return Fate::Lives };
    let retries = u32::from(pcb.nrtx());
    if retries >= config::TCP_MAXRTX || (pcb.state() == State::SynSent && retries >= config::TCP_SYNMAXRTX) {
        return Fate::Ends;
    }
    if pcb.persist_backoff() > 0 {
        if u32::from(pcb.persist_probe()) >= config::TCP_MAXRTX {
            return Fate::Ends;
        }
        if flow_control::on_persist_tick(pcb) {
            persist(core, id);
        }
    } else if rod::on_tick(pcb) && queue_retransmission(pcb) {
        api::resend(core, id).ok();
    }
    Fate::Lives
}

/// The persist timer (RFC 9293 3.8.6.1): a probe into a closed window, or as much as an open one takes.
fn persist(core: &mut Core, id: PcbId) {
    let Some(pcb) = core.get(id) else { return };
    if pcb.snd_wnd() == 0 {
        if send_window_probe(core, id).is_err() {
            return;
        }
    } else {
        let split = segmentation::split_front(pcb, u32::from(pcb.snd_wnd()).min(0xffff) as u16);
        if split.is_ok() && output(core, id).is_ok() {
            return;
        }
    }
    if let Some(pcb) = core.get(id) {
        flow_control::on_probed(pcb);
    }
}

/// The retransmission timer has expired (RFC 6298 5.4 to 5.7): what is in flight, or was never sent, is to be sent. False if
/// there is nothing, or the driver still holds it.
#[inline]
fn queue_retransmission(pcb: Pcb<'_>) -> bool {
    if rod::retransmit_all(pcb).is_err() && (!pcb.unacked_is_empty() || pcb.unsent_is_empty()) {
        return false;
    }
    debug(Event::RtoExpired, pcb.lastack().raw(), pcb.nrtx().into());
    rod::on_timeout(pcb);
    #[cfg(path_mtu)]
    suspect_path(pcb);
    cc::on_timeout(pcb);
    true
}

/// The first segment was sent, and a timeout has passed without an answer: was it too large for the path?
#[cfg(path_mtu)]
pub(crate) fn suspect_path(pcb: Pcb<'_>) {
    let Some(front) = rod::front(pcb).filter(|front| front.seq.lt(pcb.snd_nxt())) else { return };
    let size = front.len.saturating_add(OptionSet(front.options).len(Some(pcb)));
    cm::pmtu::on_timeout(pcb, size, effective_mss(pcb.mss(), route(pcb), pcb.remote_ip()));
}

/// What loss detection has found out is told to congestion control.
#[cfg(sack_recovery)]
pub(crate) fn on_change(pcb: Pcb<'_>, change: rod::Change) {
    match change {
        rod::Change::None => {}
        rod::Change::Entered => cc::on_fast_retransmit(pcb),
        #[cfg(rack)]
        rod::Change::Repaired => {
            cc::on_fast_retransmit(pcb);
            cc::on_recovered(pcb);
        }
        rod::Change::Undone => cc::on_undone(pcb),
    }
}

/// The poll callback, when it is due; then what it has queued is sent, if the PCB is still there.
fn poll(core: &mut Core, id: PcbId) {
    if core.get(id).is_some_and(cm::on_poll_tick) && core.call_poll(id).is_ok() {
        output(core, id).ok();
    }
}

/// tcp_fasttmr: delayed ACKs, FINs that there was no memory for, data that the application refused.
pub(crate) fn fast(core: &mut Core) {
    #[cfg(fine_timers)]
    fine::on_fast_timer(core);
    visit(core, List::Active, fast_visit);
    visit(core, List::TimeWait, |mut core, id| offer_refused_data(&mut core, id));
    api::wake_writers(core);
}

fn fast_visit(mut core: Lent<'_>, id: PcbId) {
    let core = &mut *core;
    let Some(pcb) = core.get(id) else { return };
    if pcb.has(Bit::ACK_DELAY) && rod::is_ack_due(pcb) {
        rod::ack_now(pcb);
        output(core, id).ok();
    }
    api::retry_close(core, id);
    offer_refused_data(core, id);
}

fn offer_refused_data(core: &mut Core, id: PcbId) {
    api::process_refused_data(core, id).ok();
}

/// tcp_txnow: a driver has room again.
pub(crate) fn retry_output(core: &mut Core) {
    visit(core, List::Active, |mut core, id| {
        if core.get(id).is_some_and(|pcb| pcb.has(Bit::MEMORY_ERROR)) {
            output(&mut core, id).ok();
        }
    });
}

#[cfg(test)]
mod tests;
