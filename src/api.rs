//! What each call of the API orchestrates.

#![forbid(unsafe_code)]

use crate::components::{congestion_control as cc, connection_management as cm, flow_control, rod};
use crate::ffi::callbacks::{AcceptCallback, Delivery};
use crate::ffi::diagnostics::{forgive_pool_errors, mib2_stat};
use crate::ffi::ip::{Addr, Netif};
use crate::ffi::{Error, Result, bindings as c, config};
use crate::output::{effective_mss, output, reset_peer, route};
use crate::pcb::{Accept, Bit, Core, Lent, List, Listener, NewListener, Pcb, PcbId, State, Tuple};
use crate::segmentation;
use crate::timer::visit;
use crate::wire::{Flags, SeqNum};
use core::num::NonZeroU16;

/// tcp_init.
pub(crate) fn init(core: &Core) {
    cm::draw_secret(core);
    #[cfg(fine_timers)]
    core.set_alarm(None);
}

/// The states in which a connection is given up before any that the application still uses.
const GIVEN_UP_FIRST: [State; 3] = [State::TimeWait, State::LastAck, State::Closing];

/// tcp_alloc: a new PCB of priority `prio`. If the pool is empty, room is made: by finishing closes that were pending, then
/// by giving up a connection in TIME-WAIT, in LAST-ACK, in CLOSING, or the least active one of lower priority.
pub(crate) fn allocate(core: &mut Core, prio: u8) -> Option<PcbId> {
    let mut failures = 0;
    loop {
        if let Some(pcb) = core.allocate() {
            forgive_pool_errors(failures);
            cm::init(pcb, core, prio);
            rod::init(pcb);
            flow_control::init(pcb);
            cc::init(pcb);
            return Some(pcb.id());
        }
        if failures == 0 {
            retry_closes(core);
        }
        let state = GIVEN_UP_FIRST.get(usize::from(failures)).copied();
        if usize::from(failures) > GIVEN_UP_FIRST.len() {
            return None;
        }
        give_up_one(core, state, prio);
        failures += 1;
    }
}

/// Gives up one connection, if there is one of the kind, the one that has been silent for longest: one in `state`; or else, the
/// lowest priority first, one whose priority is below `prio`, and its peer hears of it.
#[cfg_attr(small, inline(never))]
fn give_up_one(core: &mut Core, state: Option<State>, prio: u8) {
    let now = core.ticks();
    let limit = u32::from(prio).min(config::TCP_PRIO_MAX);
    let (mut best, mut victim) = ((1, 0), None);
    let list = if state == Some(State::TimeWait) { List::TimeWait } else { List::Active };
    core.find_in(list, |pcb| {
        let rank = match state {
            Some(state) => u32::from(pcb.state() == state),
            None => limit.saturating_sub(pcb.prio().into()),
        };
        let this = (rank, now.wrapping_sub(pcb.tmr()));
        if this >= best {
            (best, victim) = (this, Some(pcb));
        }
        false
    });
    if let Some(id) = victim.map(Pcb::id) {
        abandon(core, id, state.is_none());
    }
}

/// tcp_bind: ERR_VAL if not CLOSED; ERR_USE if the port is taken; ERR_BUF if none is free.
pub(crate) fn bind(core: &Core, pcb: Pcb<'_>, local: Addr<'_>, port: u16) -> Result {
    if !pcb.is_closed() {
        return Err(Error::VAL);
    }
    #[cfg(lwip_ipv6_scopes)]
    let zoned = crate::ffi::ip::with_selected_zone(local);
    #[cfg(lwip_ipv6_scopes)]
    let local = Addr::of(&zoned);
    let port = if port == 0 {
        free_port(pcb).ok_or(Error::BUF)?.get()
    } else if is_port_taken(core, port, Some(local), may_reuse(pcb.so_options())) {
        return Err(Error::USE);
    } else {
        port
    };
    if !local.is_any() || !local.same_kind(pcb.local_ip()) {
        cm::settings::local_ip(pcb, local);
    }
    core.unregister(List::Bound, pcb);
    cm::settings::local_port(pcb, port);
    core.register(List::Bound, pcb);
    Ok(())
}

fn may_reuse(options: u8) -> bool {
    cfg!(so_reuse) && u32::from(options) & c::SOF_REUSEADDR != 0
}

/// A listener or PCB has the port: any at all, or one whose address would be confused with `local`. With SO_REUSEADDR on both that is
/// no obstacle, nor is TIME-WAIT to `reuse`.
#[inline(never)]
fn is_port_taken(core: &Core, port: u16, local: Option<Addr<'_>>, reuse: bool) -> bool {
    core.has_endpoint(if reuse { List::Active } else { List::TimeWait }, |other| {
        other.local_port() == port
            && local.is_none_or(|local| {
                let its = other.local_ip();
                !(reuse && may_reuse(other.so_options()))
                    && its.same_version(local)
                    && (its.is_any() || local.is_any() || its.eq(local))
            })
    })
}

/// A port of the ephemeral range that no PCB has (RFC 6056 3.3.1: a random one, or the next free one behind it).
fn free_port(pcb: Pcb<'_>) -> Option<NonZeroU16> {
    const FIRST: u32 = config::TCP_LOCAL_PORT_RANGE_START;
    const COUNT: u32 = config::TCP_LOCAL_PORT_RANGE_END - FIRST + 1;
    let first = cm::next_port_candidate(pcb) % COUNT;
    for place in first..first + COUNT {
        let port = NonZeroU16::new((FIRST + place % COUNT) as u16)?;
        if !is_port_taken(pcb.core(), port.get(), None, false) {
            return Some(port);
        }
    }
    None
}

/// tcp_connect: ERR_ISCONN if not CLOSED; ERR_RTE without a route; ERR_VAL to a broadcast or multicast address (RFC 9293
/// 3.9.2.3, MUST-46); ERR_BUF without a free port; ERR_USE if that very connection exists; ERR_MEM without memory for the SYN.
pub(crate) fn connect(core: &mut Core, id: PcbId, addr: Addr<'_>, port: u16, connected: c::tcp_connected_fn) -> Result {
    let pcb = core.get(id).ok_or(Error::ARG)?;
    if !pcb.is_closed() {
        return Err(Error::ISCONN);
    }
    cm::settings::remote_ip(pcb, addr);
    cm::settings::remote_port(pcb, port);
    let netif = route(pcb).ok_or(Error::RTE)?;
    // All zero is what lwIP's unit tests connect to.
    if !addr.is_any() && netif.takes_for_many(addr) {
        return Err(Error::VAL);
    }
    if pcb.local_ip().is_any() {
        let local = netif.local_ip(core, addr).ok_or(Error::RTE)?;
        cm::settings::local_ip(pcb, local);
    }
    #[cfg(lwip_ipv6_scopes)]
    cm::settings::remote_ip(pcb, Addr::of(&crate::ffi::ip::with_zone_of(addr, netif)));
    let bound = pcb.local_port();
    if bound == 0 {
        let port = free_port(pcb).ok_or(Error::BUF)?;
        cm::settings::local_port(pcb, port.get());
    } else if may_reuse(pcb.so_options()) && exists(core, pcb) {
        return Err(Error::USE);
    }
    #[cfg(lwip_callback_api)]
    cm::settings::connected(pcb, connected);
    let _ = connected;
    let opened = active_open(pcb, netif);
    if opened.is_err() {
        cm::settings::local_port(pcb, bound);
        return opened;
    }
    core.unregister(List::Bound, pcb);
    cm::enter(pcb, State::SynSent);
    core.register(List::Active, pcb);
    mib2_stat!(tcpactiveopens);
    // A driver that is busy does not make the connection fail: the SYN stays queued.
    output(core, id).ok();
    Ok(())
}

/// Another connection has the same 4-tuple.
fn exists(core: &Core, pcb: Pcb<'_>) -> bool {
    let tuple = Tuple::of(pcb);
    core.find_from(List::Bound, |other| other != pcb && tuple.matches(other)).is_some()
}

/// RFC 9293 3.10.1: the variables, and the SYN into the queue.
fn active_open(pcb: Pcb<'_>, netif: Netif) -> Result {
    let iss = initial_sequence_number(pcb);
    cm::on_connect(pcb, iss - 1);
    rod::on_connect(pcb, iss);
    flow_control::on_connect(pcb, iss);
    cc::on_connect(pcb);
    cm::limit_mss(pcb, effective_mss(pcb.mss(), Some(netif), pcb.remote_ip()));
    segmentation::enqueue_flags(pcb, Flags::SYN)
}

/// The initial sequence number of a connection: by the application's hook, or RFC 6528.
pub(crate) fn initial_sequence_number(pcb: Pcb<'_>) -> SeqNum {
    #[cfg(hook_tcp_isn)]
    return SeqNum::new(crate::ffi::callbacks::hooks::isn(pcb));
    #[cfg(not(hook_tcp_isn))]
    cm::initial_sequence_number(pcb)
}

/// tcp_listen: turns a PCB into a listener. ERR_CLSD if it is not CLOSED; ERR_USE if there is such a listener; ERR_MEM
/// without memory; then the PCB stays as it is.
pub(crate) fn listen(core: &mut Core, id: PcbId, accept: Accept) -> Result<*mut c::tcp_pcb> {
    let pcb = core.get(id).ok_or(Error::ARG)?;
    if !pcb.is_closed() {
        return Err(Error::CLSD);
    }
    let mut same = |other: Listener<'_>| other.local_port() == pcb.local_port() && other.local_ip().eq(pcb.local_ip());
    if may_reuse(pcb.so_options()) && core.find_listener_by(&mut same).is_some() {
        return Err(Error::USE);
    }
    let new = NewListener::allocate(core).ok_or(Error::MEM)?;
    core.unregister(List::Bound, pcb);
    let listener = new.listen_as(core, pcb, accept).as_ptr();
    // The listener has taken the external arguments over: they are not to be destroyed with the PCB.
    #[cfg(lwip_tcp_pcb_ext_args)]
    for arg in 0..config::LWIP_TCP_PCB_NUM_EXT_ARGS as u8 {
        cm::endpoint_settings::ext_arg(pcb.endpoint(), arg, |arg| arg.callbacks = core::ptr::null());
    }
    core.free(id);
    Ok(listener.cast())
}

/// The listener's accept callback.
pub(crate) fn accept_callback(listener: Listener<'_>) -> AcceptCallback {
    AcceptCallback {
        #[cfg(lwip_callback_api)]
        function: listener.accept(),
        arg: listener.callback_arg(),
    }
}

/// Whether somebody is there to accept the connection.
#[cfg(lwip_event_api)]
pub(crate) fn has_listener(pcb: Pcb<'_>) -> bool {
    #[cfg(any(lwip_callback_api, tcp_listen_backlog))]
    return pcb.listener().is_some();
    #[cfg(not(any(lwip_callback_api, tcp_listen_backlog)))]
    {
        let _ = pcb;
        true
    }
}

/// tcp_close of a listener: connections that it has not accepted lose it.
pub(crate) fn close_listener(core: &mut Core, listener: *mut c::tcp_pcb_listen) {
    #[cfg(any(lwip_callback_api, tcp_listen_backlog))]
    core.find_from(List::Bound, |pcb| {
        if pcb.came_in_by(listener) {
            cm::on_listener_closed(pcb);
        }
        false
    });
    core.free_listener(listener);
}

/// tcp_recved: the application has consumed `len` octets.
pub(crate) fn recved(core: &mut Core, id: PcbId, len: u16) {
    if let Some(pcb) = core.get(id).filter(|pcb| flow_control::on_consumed(*pcb, len)) {
        rod::ack_now(pcb);
        output(core, id).ok();
    }
}

/// tcp_close: the application is done with the PCB.
pub(crate) fn close(core: &mut Core, id: PcbId) -> Result {
    let pcb = core.get(id).ok_or(Error::ARG)?;
    cm::on_rx_closed(pcb);
    let state = pcb.state();
    if matches!(state, State::Closed | State::SynSent) {
        finish(core, id, false, None);
        if state == State::SynSent {
            mib2_stat!(tcpattemptfails);
        }
    } else if matches!(state, State::Established | State::CloseWait) && has_unread_data(pcb) {
        reset_and_close(core, id);
    } else {
        send_fin(core, id).ok();
    }
    Ok(())
}

/// tcp_shutdown of one or both directions: ERR_CONN if the state has nothing to shut down.
pub(crate) fn shutdown(core: &mut Core, id: PcbId, rx: bool, tx: bool) -> Result {
    let pcb = core.get(id).ok_or(Error::ARG)?;
    if rx {
        if tx {
            return close(core, id);
        }
        cm::on_rx_closed(pcb);
        drop(rod::take_refused_data(pcb));
    }
    if tx { send_fin(core, id) } else { Ok(()) }
}

/// Data were received that the application has not taken, or not acknowledged by tcp_recved.
fn has_unread_data(pcb: Pcb<'_>) -> bool {
    pcb.has_refused_data() || pcb.rcv_wnd() != flow_control::max_receive_window(pcb)
}

/// RFC 9293 3.6: closing with data unread resets the connection, so that the peer knows.
fn reset_and_close(core: &mut Core, id: PcbId) {
    if !core::ptr::eq(core.input_pcb(), id.as_ptr()) {
        return finish(core, id, true, None);
    }
    // tcp_input still works on it, and frees it in the end.
    reset_peer(core, id);
    if let Some(pcb) = core.get(id) {
        core.unregister(List::Active, pcb);
        core.set_input_closed(true);
    }
}

/// Queues our FIN and sends what there is; ERR_CONN if the state has nothing to close. Without memory for it the timer tries again.
fn send_fin(core: &mut Core, id: PcbId) -> Result {
    let pcb = core.get(id).ok_or(Error::CONN)?;
    let next = cm::state_after_close(pcb.state()).ok_or(Error::CONN)?;
    if segmentation::send_fin(pcb).is_err() {
        cm::set_close_pending(pcb, true);
        return Ok(());
    }
    if pcb.state() == State::SynRcvd {
        cm::backlog::remove(pcb);
        mib2_stat!(tcpattemptfails);
    } else {
        mib2_stat!(tcpestabresets);
    }
    cm::enter(pcb, next);
    // Whatever keeps it from being sent now, it is queued.
    output(core, id).ok();
    Ok(())
}

/// Tries a close again that there was no memory for.
pub(crate) fn retry_close(core: &mut Core, id: PcbId) {
    if let Some(pcb) = core.get(id).filter(|pcb| pcb.has(Bit::CLOSE_PENDING)) {
        cm::set_close_pending(pcb, false);
        send_fin(core, id).ok();
    }
}

fn retry_closes(core: &mut Core) {
    let mut next = core.head(List::Active);
    while let Some(pcb) = core.find(next) {
        let id = pcb.id();
        next = pcb.next();
        retry_close(core, id);
    }
}

/// tcp_abandon: gives a connection up at once. The peer is told by a reset, if `reset`; the application by its err
/// callback, after the PCB is freed.
pub(crate) fn abandon(core: &mut Core, id: PcbId, reset: bool) {
    finish(core, id, reset, Some(Error::ABRT));
}

/// The end of a PCB in any state: frees it with all that it holds. A connection's peer gets a reset, if `reset`; the
/// application hears of it by `error`, if any, unless it was over for it anyway.
pub(crate) fn finish(core: &mut Core, id: PcbId, reset: bool, error: Option<Error>) {
    let Some(pcb) = core.get(id) else { return };
    let (callback, state) = (pcb.error_callback(), pcb.state());
    // In TIME-WAIT it is over for the application, unless that still has to get data.
    let is_over = state == State::TimeWait && (!pcb.has_refused_data() || pcb.has(Bit::RX_CLOSED));
    let error = error.filter(|_| !is_over);
    cm::backlog::remove(pcb);
    rod::purge(pcb);
    if reset && !matches!(state, State::Closed | State::TimeWait) {
        reset_peer(core, id);
    }
    let Some(pcb) = core.get(id) else { return };
    core.unregister(
        match state {
            State::Closed => List::Bound,
            State::TimeWait => List::TimeWait,
            _ => List::Active,
        },
        pcb,
    );
    core.free(id);
    if let Some(error) = error {
        core.call_err(callback, error);
    }
}

/// tcp_pcb_purge: frees everything that is queued; the PCB itself stays.
pub(crate) fn purge(pcb: Pcb<'_>) {
    if !matches!(pcb.state(), State::Closed | State::TimeWait) {
        cm::backlog::remove(pcb);
        rod::purge(pcb);
    }
}

/// tcp_pcb_remove: takes a PCB off its list; a delayed ACK goes out before.
pub(crate) fn remove(core: &mut Core, id: PcbId, list: List) {
    let Some(pcb) = core.get(id) else { return };
    core.unregister(list, pcb);
    purge(pcb);
    if pcb.state() != State::TimeWait && pcb.has(Bit::ACK_DELAY) {
        rod::ack_now(pcb);
        output(core, id).ok();
    }
    if let Some(pcb) = core.get(id) {
        cm::on_removed(pcb);
    }
}

/// tcp_process_refused_data: offers them again. ERR_ABRT if the connection is gone, ERR_INPROGRESS if they were refused
/// again.
pub(crate) fn process_refused_data(core: &mut Core, id: PcbId) -> Result {
    while let Some(mut data) = core.get(id).and_then(rod::take_refused_data) {
        let fin = data.has_fin();
        let rest = data.split_64k();
        let more = rest.is_some();
        if let (Some(pcb), Some(rest)) = (core.get(id), rest) {
            rod::put_refused_data(pcb, rest);
        }
        match core.call_recv(id, data) {
            Delivery::Taken => {}
            Delivery::Aborted => return Err(Error::ABRT),
            Delivery::Refused => return Err(Error::INPROGRESS),
        }
        if fin && !more && deliver_fin(core, id) == Err(Error::ABRT) {
            return Err(Error::ABRT);
        }
    }
    Ok(())
}

/// The application hears that the peer has closed. ERR_ABRT if the PCB is gone.
#[cfg_attr(small, inline(never))]
pub(crate) fn deliver_fin(core: &mut Core, id: PcbId) -> Result {
    flow_control::on_fin_delivered(core.get(id).ok_or(Error::ABRT)?);
    core.call_closed(id)
}

/// tcp_rexmit_rto: everything in flight is sent again.
pub(crate) fn retransmit_after_timeout(core: &mut Core, id: PcbId) {
    if core.get(id).is_some_and(|pcb| rod::retransmit_all(pcb).is_ok()) {
        resend(core, id).ok();
    }
}

/// tcp_rexmit_rto_commit: what a timeout has queued is sent.
#[cfg_attr(small, inline(never))]
pub(crate) fn resend(core: &mut Core, id: PcbId) -> Result {
    if let Some(pcb) = core.get(id) {
        rod::on_resent(pcb);
    }
    output(core, id)
}

/// tcp_rexmit_fast: fast retransmit.
pub(crate) fn fast_retransmit(pcb: Pcb<'_>) {
    #[cfg(path_mtu)]
    if rod::retransmit_path_probe(pcb) {
        return;
    }
    if rod::fast_retransmit(pcb) == rod::FastRetransmit::Started {
        cc::on_fast_retransmit(pcb);
    }
}

/// tcp_netif_ip_addr_changed: connections that are bound to the old address are aborted; listeners move to the new one.
pub(crate) fn address_changed(core: &mut Core, old: Addr<'_>, new: Option<Addr<'_>>) {
    if old.is_any() {
        return;
    }
    // By their places and not along the lists: an err callback may connect anew, while the interface still has the old address, and
    // that has to come to an end.
    for place in 0..config::MEMP_NUM_TCP_PCB as usize {
        let bound = core.living_at(place).filter(|pcb| pcb.state() != State::TimeWait);
        if let Some(id) = bound.filter(|pcb| is_bound_to(pcb.local_ip(), old)).map(Pcb::id) {
            abandon(core, id, true);
        }
    }
    let Some(new) = new.filter(|new| !new.is_any()) else { return };
    core.find_listener_by(|listener| {
        if listener.local_ip().eq(old) {
            cm::listener_settings::local_ip(listener, new);
        }
        false
    });
}

fn is_bound_to(local: Addr<'_>, old: Addr<'_>) -> bool {
    // Connections of a link-local address survive (RFC 3927 1.9).
    #[cfg(lwip_autoip)]
    if local.is_link_local_v4() {
        return false;
    }
    local.eq(old)
}

/// A segment was processed: if that gave memory back, see [`wake_writers`].
pub(crate) fn on_input_done(core: &mut Core) {
    if core.memory_returned() {
        wake_writers(core);
    }
}

/// Memory may have come back: applications whose tcp_write failed for lack of it hear of it now, by a sent callback of no
/// octets, not by the next poll.
pub(crate) fn wake_writers(core: &mut Core) {
    core.set_memory_returned(false);
    if !core.memory_wanted() {
        return;
    }
    core.set_memory_wanted(false);
    visit(core, List::Active, wake_writer);
}

fn wake_writer(mut core: Lent<'_>, id: PcbId) {
    let Some(pcb) = core.get(id) else { return };
    if pcb.wants_memory() == 0 || pcb.state() < State::Established {
        return;
    }
    rod::set_wants_memory(pcb, false);
    if core.call_sent(id, 0).is_ok() {
        output(&mut core, id).ok();
    }
}
