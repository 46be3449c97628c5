//! Connection management: the state machine, the 4-tuple, what was negotiated, the application's callbacks,
//! keep-alive and the timeouts of states (RFC 9293 3.3.2, 3.5, 3.6, 3.8.4).

mod isn;
#[cfg(path_mtu)]
pub(crate) mod pmtu;

#[cfg(any(not(hook_tcp_isn), test))]
pub(crate) use isn::initial_sequence_number;
pub(crate) use isn::{draw_secret, next_port_candidate};

use crate::ffi::bindings as c;
use crate::ffi::config;
use crate::ffi::diagnostics::{Event, debug};
use crate::ffi::ip::Addr;
use crate::pcb::{Bit, Core, Endpoint, Listener, Own, Pcb, State};
use crate::wire::{Options, SeqNum};
use core::ffi::c_void;

/// Makes this component's view of a PCB: see `pcb/fields.rs`.
pub(crate) struct Owner {
    _private: (),
}

type Cm<'c> = Own<'c, Owner>;

const fn owner() -> Owner {
    Owner { _private: () }
}

fn own(pcb: Pcb<'_>) -> Cm<'_> {
    Own::new(pcb, owner())
}

/// The MSS of a peer that does not tell it (RFC 9293 3.7.1, MUST-15).
fn initial_mss(pcb: Pcb<'_>) -> u16 {
    let of_version = if pcb.remote_ip().is_v6() { 1220 } else { 536 };
    of_version.min(config::TCP_MSS as u16)
}

/// No peer's MSS is smaller: a tiny one would only multiply segments (CVE-2019-11479), or leave no room for options.
const MIN_MSS: u16 = 64;

/// Slow ticks in so many milliseconds.
const fn ticks(milliseconds: u32) -> u32 {
    milliseconds / config::TCP_SLOW_INTERVAL
}

/// A new PCB of priority `prio`.
pub(crate) fn init(pcb: Pcb<'_>, core: &Core, prio: u8) {
    let cm = own(pcb);
    cm.set_prio(prio);
    cm.set_ttl(config::TCP_TTL as u8);
    cm.set_mss(initial_mss(pcb));
    cm.set_tmr(core.ticks());
    cm.set_last_timer(core.timer_round());
    #[cfg(lwip_callback_api)]
    cm.set_recv(Some(crate::ffi::default_recv()));
    cm.set_keep_idle(config::TCP_KEEPIDLE_DEFAULT);
    #[cfg(lwip_tcp_keepalive)]
    {
        cm.set_keep_intvl(config::TCP_KEEPINTVL_DEFAULT);
        cm.set_keep_cnt(config::TCP_KEEPCNT_DEFAULT);
    }
    #[cfg(lwip_vlan_pcp)]
    cm.init_hints();
}

/// tcp_new_ip_type: addresses of this IP version.
#[cfg(all(lwip_ipv4, lwip_ipv6))]
pub(crate) fn set_ip_type(pcb: Pcb<'_>, kind: u8) {
    let cm = own(pcb);
    cm.set_ip_type(kind);
}

/// What the application sets on a connection.
pub(crate) mod settings {
    use super::*;

    #[cfg(lwip_callback_api)]
    pub(crate) fn recv(pcb: Pcb<'_>, function: c::tcp_recv_fn) {
        own(pcb).set_recv(function);
    }
    #[cfg(lwip_callback_api)]
    pub(crate) fn sent(pcb: Pcb<'_>, function: c::tcp_sent_fn) {
        own(pcb).set_sent(function);
    }
    #[cfg(lwip_callback_api)]
    pub(crate) fn err(pcb: Pcb<'_>, function: c::tcp_err_fn) {
        own(pcb).set_errf(function);
    }
    #[cfg(lwip_callback_api)]
    pub(crate) fn connected(pcb: Pcb<'_>, function: c::tcp_connected_fn) {
        own(pcb).set_connected(function);
    }
    #[cfg(lwip_callback_api)]
    pub(crate) fn poll(pcb: Pcb<'_>, function: c::tcp_poll_fn) {
        own(pcb).set_poll(function);
    }
    pub(crate) fn poll_interval(pcb: Pcb<'_>, interval: u8) {
        own(pcb).set_pollinterval(interval);
    }
    pub(crate) fn local_ip(pcb: Pcb<'_>, addr: Addr<'_>) {
        own(pcb).set_local_ip(addr);
    }
    pub(crate) fn remote_ip(pcb: Pcb<'_>, addr: Addr<'_>) {
        own(pcb).set_remote_ip(addr);
    }
    pub(crate) fn local_port(pcb: Pcb<'_>, port: u16) {
        own(pcb).set_local_port(port);
    }
    pub(crate) fn remote_port(pcb: Pcb<'_>, port: u16) {
        own(pcb).set_remote_port(port);
    }
}

/// What the application sets on a connection or listener.
pub(crate) mod endpoint_settings {
    use super::*;

    pub(crate) fn arg(endpoint: Endpoint<'_>, arg: *mut c_void) {
        endpoint.set_callback_arg(owner(), arg);
    }
    pub(crate) fn prio(endpoint: Endpoint<'_>, prio: u8) {
        endpoint.set_prio(owner(), prio);
    }
    pub(crate) fn netif(endpoint: Endpoint<'_>, index: u8) {
        endpoint.set_netif_idx(owner(), index);
    }
    #[cfg(lwip_tcp_pcb_ext_args)]
    pub(crate) fn ext_arg(endpoint: Endpoint<'_>, id: u8, update: impl FnOnce(&mut c::tcp_pcb_ext_args)) {
        endpoint.update_ext_arg(owner(), id, update);
    }
}

/// What the application sets on a listener.
pub(crate) mod listener_settings {
    use super::*;

    pub(crate) fn local_ip(listener: Listener<'_>, addr: Addr<'_>) {
        listener.set_local_ip(owner(), addr);
    }
    #[cfg(lwip_callback_api)]
    pub(crate) fn accept(listener: Listener<'_>, function: c::tcp_accept_fn) {
        listener.set_accept(owner(), function);
    }
}

/// Changes the state.
pub(crate) fn enter(pcb: Pcb<'_>, state: State) {
    debug(Event::StateEntered, pcb.local_port().into(), state as u32);
    own(pcb).set_state(state);
}

/// RFC 9293 3.10.7.4, second to last step, "check the FIN bit": where a FIN in order leads to. If the segment acknowledges our own
/// FIN too, [`state_after_fin_acked`] has been there before.
pub(crate) fn state_after_fin(state: State) -> State {
    match state {
        State::SynRcvd | State::Established => State::CloseWait,
        State::FinWait1 => State::Closing,
        State::FinWait2 => State::TimeWait,
        State::Closed
        | State::Listen
        | State::SynSent
        | State::CloseWait
        | State::Closing
        | State::LastAck
        | State::TimeWait => state,
    }
}

/// RFC 9293 3.10.7.4, fifth step: where the acknowledgment of our FIN leads to; CLOSED is the end of the connection.
pub(crate) fn state_after_fin_acked(state: State) -> State {
    match state {
        State::FinWait1 => State::FinWait2,
        State::Closing => State::TimeWait,
        State::LastAck => State::Closed,
        State::Closed
        | State::Listen
        | State::SynSent
        | State::SynRcvd
        | State::Established
        | State::FinWait2
        | State::CloseWait
        | State::TimeWait => state,
    }
}

/// RFC 9293 3.10.4, CLOSE: the state once our FIN is queued; none if there is nothing to close any more.
pub(crate) fn state_after_close(state: State) -> Option<State> {
    match state {
        State::SynRcvd | State::Established => Some(State::FinWait1),
        State::CloseWait => Some(State::LastAck),
        State::Closed
        | State::Listen
        | State::SynSent
        | State::FinWait1
        | State::FinWait2
        | State::Closing
        | State::LastAck
        | State::TimeWait => None,
    }
}

/// tcp_connect: the sequence number that our SYN has.
pub(crate) fn on_connect(pcb: Pcb<'_>, iss: SeqNum) {
    let cm = own(pcb);
    cm.set_active_open(1);
    cm.set_iss(iss);
    cm.set_mss(initial_mss(pcb));
}

/// A SYN reached a listener: `pcb` is to become the connection.
pub(crate) fn on_syn_in_listen(pcb: Pcb<'_>, listener: Listener<'_>, local: Addr<'_>, remote: Addr<'_>, port: u16) {
    let cm = own(pcb);
    cm.set_local_ip(local);
    cm.set_remote_ip(remote);
    cm.set_local_port(listener.local_port());
    cm.set_remote_port(port);
    cm.set_mss(initial_mss(pcb));
    cm.set_callback_arg(listener.callback_arg());
    cm.set_so_options(listener.so_options() & c::SOF_INHERITED as u8);
    cm.set_netif_idx(listener.netif_idx());
    #[cfg(any(lwip_callback_api, tcp_listen_backlog))]
    cm.set_listener(Some(listener));
    #[cfg(lwip_vlan_pcp)]
    listener.pass_hints_to(pcb);
    enter(pcb, State::SynRcvd);
}

/// The sequence numbers that both sides start with, for the connection's statistics.
pub(crate) fn on_sequence_numbers(pcb: Pcb<'_>, iss: SeqNum, irs: SeqNum) {
    let cm = own(pcb);
    cm.set_iss(iss);
    cm.set_irs(irs);
}

/// The options of the peer's SYN (RFC 9293 3.7.1; RFC 7323 2.2, 3.2; RFC 2018 2). Says by how much it scales its window,
/// if it does so now for the first time.
pub(crate) fn on_syn_options(pcb: Pcb<'_>, options: &Options) -> Option<u8> {
    let cm = own(pcb);
    if options.mss != 0 {
        cm.set_mss(options.mss.max(MIN_MSS).min(config::TCP_MSS as u16));
    }
    #[cfg(lwip_tcp_sack_out)]
    if options.sack_permitted {
        cm.raise(Bit::SACK);
    }
    #[cfg(lwip_tcp_timestamps)]
    if options.timestamps.is_some() {
        cm.raise(Bit::TIMESTAMPS);
    }
    #[cfg(lwip_wnd_scale)]
    if options.window_scale.is_some() && !pcb.has(Bit::WND_SCALE) {
        cm.raise(Bit::WND_SCALE);
        return options.window_scale;
    }
    None
}

/// The MSS that the interface leaves.
pub(crate) fn limit_mss(pcb: Pcb<'_>, mss: u16) {
    own(pcb).set_mss(mss);
}

/// A valid segment arrived: the peer is alive. tcp_close counts as the last activity of a connection that the application
/// has given up, so that its FIN-WAIT-2 ends.
pub(crate) fn on_heard(pcb: Pcb<'_>, now: u32) {
    let cm = own(pcb);
    if !pcb.has(Bit::RX_CLOSED) {
        cm.set_tmr(now);
    }
    cm.set_keep_cnt_sent(0);
}

/// A segment came in, valid or not.
pub(crate) fn on_segment(pcb: Pcb<'_>) {
    own(pcb).set_segments_in(pcb.segments_in().wrapping_add(1));
}

/// TIME-WAIT starts, or starts anew (RFC 9293 3.10.7.4, eighth step).
pub(crate) fn restart_timer(pcb: Pcb<'_>, now: u32) {
    own(pcb).set_tmr(now);
}

/// New data were acknowledged: the application hears of it by itself, no need to poll it soon.
pub(crate) fn on_progress(pcb: Pcb<'_>) {
    own(pcb).set_polltmr(0);
}

/// A slow tick: is it time to poll the application?
pub(crate) fn on_poll_tick(pcb: Pcb<'_>) -> bool {
    let ticks = pcb.polltmr().wrapping_add(1);
    let due = ticks >= pcb.pollinterval();
    own(pcb).set_polltmr(if due { 0 } else { ticks });
    due
}

/// The timer of this round has seen the PCB. Says whether it had already.
pub(crate) fn on_timer_round(pcb: Pcb<'_>, round: u8) -> bool {
    let seen = pcb.last_timer() == round;
    own(pcb).set_last_timer(round);
    seen
}

/// The application wants no more data (tcp_close, or tcp_shutdown of the receiving side).
pub(crate) fn on_rx_closed(pcb: Pcb<'_>) {
    own(pcb).raise(Bit::RX_CLOSED);
}

/// Our FIN is queued.
pub(crate) fn on_fin_queued(pcb: Pcb<'_>) {
    own(pcb).raise(Bit::FIN);
}

/// There was no memory for our FIN: the timer tries again.
pub(crate) fn set_close_pending(pcb: Pcb<'_>, pending: bool) {
    let cm = own(pcb);
    if pending { cm.raise(Bit::CLOSE_PENDING) } else { cm.clear(Bit::CLOSE_PENDING) }
}

/// The PCB is on no list any more.
pub(crate) fn on_removed(pcb: Pcb<'_>) {
    enter(pcb, State::Closed);
    own(pcb).set_local_port(0);
}

/// The listener goes away.
#[cfg(any(lwip_callback_api, tcp_listen_backlog))]
pub(crate) fn on_listener_closed(pcb: Pcb<'_>) {
    own(pcb).set_listener(None);
}

/// RFC 5961 7: may one more challenge ACK go out now? The limit is the connection's own, not a global counter, which
/// would tell an attacker about other connections (CVE-2016-5696).
pub(crate) fn may_challenge(pcb: Pcb<'_>, now: u32) -> bool {
    const PER_SECOND: u32 = 1000 / config::TCP_SLOW_INTERVAL;
    let cm = own(pcb);
    let second = (now / if PER_SECOND == 0 { 1 } else { PER_SECOND }) as u16;
    if pcb.challenge_tick() != second {
        cm.set_challenge_tick(second);
        cm.set_challenges(0);
    }
    let allowed = u32::from(pcb.challenges()) < config::CHALLENGE_ACKS;
    if allowed {
        cm.set_challenges(pcb.challenges() + 1);
    }
    allowed
}

/// Connections that wait to be accepted (TCP_LISTEN_BACKLOG).
pub(crate) mod backlog {
    use super::*;

    /// The listener takes no more for now.
    pub(crate) fn is_full(listener: Listener<'_>) -> bool {
        #[cfg(tcp_listen_backlog)]
        return listener.accepts_pending() >= listener.backlog();
        #[cfg(not(tcp_listen_backlog))]
        {
            let _ = listener;
            false
        }
    }

    /// The connection counts as waiting.
    pub(crate) fn add(pcb: Pcb<'_>) {
        #[cfg(tcp_listen_backlog)]
        if let (Some(listener), false) = (pcb.listener(), pcb.has(Bit::BACKLOG_PENDING)) {
            if let Some(pending) = listener.accepts_pending().checked_add(1) {
                listener.set_accepts_pending(owner(), pending);
                own(pcb).raise(Bit::BACKLOG_PENDING);
            }
        }
        let _ = pcb;
    }

    /// It does not any more.
    pub(crate) fn remove(pcb: Pcb<'_>) {
        #[cfg(tcp_listen_backlog)]
        if let (Some(listener), true) = (pcb.listener(), pcb.has(Bit::BACKLOG_PENDING)) {
            listener.set_accepts_pending(owner(), listener.accepts_pending().saturating_sub(1));
            own(pcb).clear(Bit::BACKLOG_PENDING);
        }
        let _ = pcb;
    }
}

/// What the keep-alive timer asks for (RFC 9293 3.8.4).
pub(crate) enum KeepAlive {
    /// Nothing.
    Quiet,
    /// A probe is due.
    Probe,
    /// The peer answered none of them.
    Dead,
}

/// A slow tick of keep-alive.
pub(crate) fn keep_alive(pcb: Pcb<'_>, now: u32) -> KeepAlive {
    let enabled = u32::from(pcb.so_options()) & c::SOF_KEEPALIVE != 0;
    // RFC 9293 3.8.4, MUST-26: what is in flight is probe enough.
    if !enabled || !pcb.unacked_is_empty() || !matches!(pcb.state(), State::Established | State::CloseWait) {
        return KeepAlive::Quiet;
    }
    #[cfg(lwip_tcp_keepalive)]
    let (interval, count) = (pcb.keep_intvl(), pcb.keep_cnt());
    #[cfg(not(lwip_tcp_keepalive))]
    let (interval, count) = (config::TCP_KEEPINTVL_DEFAULT, config::TCP_KEEPCNT_DEFAULT);
    // In milliseconds, as the limits are, and wrapping after 49 days as they do: not every processor divides.
    let idle = now.wrapping_sub(pcb.tmr()).wrapping_mul(config::TCP_SLOW_INTERVAL);
    let after = |probes: u32| pcb.keep_idle().wrapping_add(interval.wrapping_mul(probes));
    #[cfg(not(user_timeout))]
    let dead = idle > after(count);
    // A user timeout takes the place of the number of probes; one of them has to be without an answer.
    #[cfg(user_timeout)]
    let dead = match (pcb.user_timeout(), pcb.keep_cnt_sent()) {
        (0, _) => idle > after(count),
        (_, u8::MAX) => true,
        (timeout, sent) => sent > 0 && idle >= timeout,
    };
    if dead {
        KeepAlive::Dead
    } else if idle > after(pcb.keep_cnt_sent().into()) {
        KeepAlive::Probe
    } else {
        KeepAlive::Quiet
    }
}

/// A keep-alive probe went out.
pub(crate) fn on_keep_alive_sent(pcb: Pcb<'_>) {
    own(pcb).set_keep_cnt_sent(pcb.keep_cnt_sent().wrapping_add(1));
}

/// Whether the connection has been in its state for too long: SYN-RCVD, LAST-ACK, TIME-WAIT, and FIN-WAIT-2 if the
/// application has closed.
pub(crate) fn state_timed_out(pcb: Pcb<'_>, now: u32) -> bool {
    let state = pcb.state();
    let limit = if state >= State::LastAck {
        2 * config::TCP_MSL / config::TCP_SLOW_INTERVAL
    } else if state == State::SynRcvd {
        ticks(config::TCP_SYN_RCVD_TIMEOUT)
    } else if state == State::FinWait2 && pcb.has(Bit::RX_CLOSED) {
        ticks(config::TCP_FIN_WAIT_TIMEOUT)
    } else {
        return false;
    };
    now.wrapping_sub(pcb.tmr()) > limit
}

#[cfg(test)]
mod tests;
