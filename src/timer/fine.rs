//! Deadlines in milliseconds (LWIP_TCP_RUST_FINE_TIMERS): one alarm for the earliest of all connections.

use super::{Fate, persist, queue_retransmission};
use crate::api;
use crate::components::rod::{self, Timer};
use crate::ffi::config;
use crate::output::output;
use crate::pcb::{Bit, Core, Pcb, PcbId, State, is_before};

/// What a connection waits for may have changed.
pub(crate) fn update(core: &mut Core, id: PcbId) {
    if let Some(pcb) = core.get(id) {
        if let Some(due) = rod::next_deadline(pcb) {
            core.wake_by(pcb, due);
        }
        #[cfg(user_timeout)]
        if let Some(due) = rod::user_deadline(pcb) {
            core.wake_by(pcb, due);
        }
        #[cfg(pacing)]
        if let Some(due) = crate::components::congestion_control::pacing::deadline(pcb) {
            core.wake_by(pcb, due);
        }
    }
    arm(core);
}

/// Sets the alarm, unless it rings early enough already. Where lwIP has no timers, or no room for one more, the fast timer does
/// what is due.
fn arm(core: &Core) {
    #[cfg(lwip_timers)]
    if let Some(due) = core.first_deadline() {
        if core.alarm().is_none_or(|alarm| is_before(due, alarm)) {
            let wait = due.wrapping_sub(core.clock()) as i32;
            core.set_alarm(core.ring_in(wait.max(1) as u32).then_some(due));
        }
    }
    let _ = core;
}

/// The alarm rings.
#[cfg(lwip_timers)]
pub(crate) fn on_alarm(core: &mut Core) {
    core.set_alarm(None);
    run(core);
    arm(core);
}

/// The fast timer: does what the alarm has not done, for want of room or because somebody has thrown lwIP's timeouts away.
pub(crate) fn on_fast_timer(core: &mut Core) {
    let now = core.clock();
    if core.alarm().is_some_and(|alarm| is_before(alarm, now)) {
        core.set_alarm(None);
    }
    run(core);
    arm(core);
}

/// Looks after each connection that is due. One that is due again at once has to wait for the next time: hence the bound.
fn run(core: &mut Core) {
    let now = core.clock();
    for _ in 0..config::MEMP_NUM_TCP_PCB {
        let Some(id) = core.take_due(now) else { return };
        if visit(core, id) == Fate::Ends {
            api::abandon(core, id, false);
        }
        update(core, id);
    }
}

fn visit(core: &mut Core, id: PcbId) -> Fate {
    let Some(pcb) = core.get(id) else { return Fate::Lives };
    #[cfg(user_timeout)]
    if rod::is_out_of_patience(pcb) {
        // RFC 9293 3.10.8.
        return Fate::Ends;
    }
    if pcb.has(Bit::ACK_DELAY) && rod::is_ack_due(pcb) {
        rod::ack_now(pcb);
        output(core, id).ok();
    }
    #[cfg(pacing)]
    if core.get(id).is_some_and(|pcb| !pcb.unsent_is_empty() && pcb.pacing_rate() != 0) {
        output(core, id).ok();
    }
    let Some(pcb) = core.get(id) else { return Fate::Lives };
    match rod::take_expired_timer(pcb) {
        Timer::Off => Fate::Lives,
        Timer::Retransmission => on_retransmission_timer(core, id),
        Timer::Persist => on_persist_timer(core, id),
        #[cfg(rack)]
        Timer::Probe => {
            rod::on_probe_timer(pcb);
            output(core, id).ok();
            Fate::Lives
        }
        #[cfg(rack)]
        Timer::Reordering => {
            let received = rod::on_reordering_timer(pcb);
            super::on_change(pcb, received.change);
            rod::set_quota(pcb, &received);
            output(core, id).ok();
            Fate::Lives
        }
    }
}

/// `count` retransmissions or probes are as many as lwipopts.h allows; a connection with a user timeout goes on until that.
fn is_exhausted(pcb: Pcb<'_>, count: u8, most: u32) -> bool {
    #[cfg(user_timeout)]
    if rod::has_user_timeout(pcb) {
        return false;
    }
    let _ = pcb;
    u32::from(count) >= most
}

/// RFC 6298 5.4 to 5.7; RFC 9293 3.8.3: gives up after as many retransmissions as lwipopts.h says.
fn on_retransmission_timer(core: &mut Core, id: PcbId) -> Fate {
    let Some(pcb) = core.get(id) else { return Fate::Lives };
    let most = if pcb.state() == State::SynSent { config::TCP_SYNMAXRTX } else { config::TCP_MAXRTX };
    if is_exhausted(pcb, pcb.nrtx(), most) {
        return Fate::Ends;
    }
    if queue_retransmission(pcb) {
        api::resend(core, id).ok();
    }
    // The driver may hold what is to be sent again.
    if let Some(pcb) = core.get(id).filter(|pcb| pcb.timer() == Timer::Off) {
        if !(pcb.unacked_is_empty() && pcb.unsent_is_empty()) {
            rod::restart_timer(pcb);
        }
    }
    Fate::Lives
}

fn on_persist_timer(core: &mut Core, id: PcbId) -> Fate {
    let Some(pcb) = core.get(id).filter(|pcb| pcb.persist_backoff() > 0) else { return Fate::Lives };
    if is_exhausted(pcb, pcb.persist_probe(), config::TCP_MAXRTX) {
        return Fate::Ends;
    }
    persist(core, id);
    if let Some(pcb) = core.get(id).filter(|pcb| pcb.persist_backoff() > 0 && pcb.timer() == Timer::Off) {
        rod::start_persist_timer(pcb, pcb.persist_backoff());
    }
    Fate::Lives
}
