//! What lwip/priv/tcp_priv.h declares: the functions that IP, timers.c, pbuf.c and lwIP's unit tests call.

#![warn(clippy::missing_docs_in_private_items)]

use super::bindings as c;
use super::exports::{connection, connection_id, enter};
#[cfg(lwip_callback_api)]
use super::exports::{tcp_close, tcp_recved};
use super::globals::List;
use super::ip::{Addr, Netif, Route};
use super::pbuf::Pbuf;
use super::{Error, to_err_t};
use crate::components::{flow_control, rod};
use crate::output::{self, Reset};
use crate::pcb::{Core, Pcb, PcbId, SegBox, free_chain};
use crate::wire::{Flags, SeqNum};
use crate::{api, input, segmentation, timer};

/// lwIP starts: draws the secrets of initial sequence numbers (RFC 6528 3) and ports (RFC 6056 3.3.1) of this run, by
/// LWIP_RAND.
#[unsafe(no_mangle)]
extern "C" fn tcp_init() {
    // SAFETY: called by lwip_init(), before anything else of TCP: nobody holds or needs the lock.
    let core = unsafe { Core::enter() };
    api::init(&core);
    #[cfg(path_mtu_by_icmp)]
    super::icmp::watch(&core);
}

/// To be called every TCP_TMR_INTERVAL (250 ms): the fast timer each time, the slow one every second time.
#[unsafe(no_mangle)]
extern "C" fn tcp_tmr() {
    timer::both(&mut enter());
}

/// To be called every TCP_SLOW_INTERVAL (500 ms): retransmission (RFC 6298 5), zero-window probes (RFC 9293 3.8.6.1),
/// keep-alive (3.8.4), the ends of TIME-WAIT (3.6.1, MUST-13) and other states, poll callbacks. With
/// LWIP_TCP_RUST_FINE_TIMERS the first two have milliseconds of their own.
#[unsafe(no_mangle)]
extern "C" fn tcp_slowtmr() {
    timer::slow(&mut enter());
}

/// To be called every TCP_FAST_INTERVAL (250 ms): delayed ACKs (RFC 9293 3.8.6.3, MUST-40), refused data, closes that
/// lacked memory.
#[unsafe(no_mangle)]
extern "C" fn tcp_fasttmr() {
    timer::fast(&mut enter());
}

/// The alarm for the earliest deadline of all connections rings: wrapper.c's.
#[cfg(all(fine_timers, lwip_timers))]
#[unsafe(no_mangle)]
extern "C" fn lwip_tcp_rust_on_alarm() {
    timer::fine::on_alarm(&mut enter());
}

/// A driver that returned an error has room again: connections that it kept from sending try once more.
#[unsafe(no_mangle)]
extern "C" fn tcp_txnow() {
    timer::retry_output(&mut enter());
}

/// SEGMENT ARRIVES (RFC 9293 3.10.7): IP hands in a packet, payload at the TCP header, that came by `netif`. `p` is
/// ours from here on.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_input(p: *mut c::pbuf, netif: *mut c::netif) {
    let mut core = enter();
    // SAFETY: IP's packet, whose reference it gives up, and its interface.
    if let (Some(p), netif) = unsafe { (Pbuf::from_raw(p), Netif::from_raw(netif)) } {
        input::input(&mut core, p, netif);
    }
}

/// Frees a connection that is on no list and owns nothing; no callback but the destroy callbacks of external arguments
/// is called.
#[unsafe(no_mangle)]
extern "C" fn tcp_free(pcb: *mut c::tcp_pcb) {
    let mut core = enter();
    if let Some(id) = connection_id(&core, pcb) {
        core.free(id);
    }
}

/// Runs an action on a connection by its name.
fn with(pcb: *mut c::tcp_pcb, action: impl FnOnce(&mut Core, PcbId) -> super::Result) -> c::err_t {
    let mut core = enter();
    to_err_t(connection_id(&core, pcb).map_or(Err(Error::ARG), |id| action(&mut core, id)))
}

/// Runs an action on a connection that only changes it.
fn on(pcb: *mut c::tcp_pcb, action: impl FnOnce(Pcb<'_>) -> super::Result) -> c::err_t {
    to_err_t(connection(&enter(), pcb).map_or(Err(Error::ARG), action))
}

/// Sends an ACK without data (RFC 9293 3.8.6.3), with the SACK blocks that there are (RFC 2018 4). ERR_ARG: no
/// connection; ERR_BUF: no memory; ERR_RTE: no route; or what the interface says: then the timer tries again.
#[unsafe(no_mangle)]
extern "C" fn tcp_send_empty_ack(pcb: *mut c::tcp_pcb) -> c::err_t {
    with(pcb, output::send_empty_ack)
}

/// Queues the first segment in flight to be sent again. ERR_VAL: there is none, or the driver still has it; ERR_ARG: no
/// connection.
#[unsafe(no_mangle)]
extern "C" fn tcp_rexmit(pcb: *mut c::tcp_pcb) -> c::err_t {
    on(pcb, rod::retransmit_first)
}

/// Queues all segments in flight to be sent again (RFC 6298 5.4). ERR_VAL: there is none, or the driver still has one;
/// ERR_ARG: no connection.
#[unsafe(no_mangle)]
extern "C" fn tcp_rexmit_rto_prepare(pcb: *mut c::tcp_pcb) -> c::err_t {
    on(pcb, rod::retransmit_all)
}

/// Sends what [`tcp_rexmit_rto_prepare`] has queued, and counts one more retransmission.
#[unsafe(no_mangle)]
extern "C" fn tcp_rexmit_rto_commit(pcb: *mut c::tcp_pcb) {
    with(pcb, api::resend);
}

/// Both of them.
#[unsafe(no_mangle)]
extern "C" fn tcp_rexmit_rto(pcb: *mut c::tcp_pcb) {
    with(pcb, |core, id| {
        api::retransmit_after_timeout(core, id);
        Ok(())
    });
}

/// Fast retransmit (RFC 5681 3.2, RFC 6582 3.2), unless recovery is under way.
#[unsafe(no_mangle)]
extern "C" fn tcp_rexmit_fast(pcb: *mut c::tcp_pcb) {
    on(pcb, |pcb| {
        api::fast_retransmit(pcb);
        Ok(())
    });
}

/// Announces a larger window from the next segment on, if it is larger by enough (RFC 9293 3.8.6.2.2). By how many
/// octets its right edge moved; 0 without a connection.
#[unsafe(no_mangle)]
extern "C" fn tcp_update_rcv_ann_wnd(pcb: *mut c::tcp_pcb) -> u32 {
    connection(&enter(), pcb).map_or(0, flow_control::update_announced_window)
}

/// Offers data again that the recv callback has refused, and then the FIN behind them. ERR_INPROGRESS: refused again;
/// ERR_ABRT: the connection is gone; ERR_ARG: it was before.
#[unsafe(no_mangle)]
extern "C" fn tcp_process_refused_data(pcb: *mut c::tcp_pcb) -> c::err_t {
    with(pcb, api::process_refused_data)
}

/// Frees all segments and data that a connection has queued; the PCB stays, in its state. No effect in CLOSED and
/// TIME-WAIT.
#[unsafe(no_mangle)]
extern "C" fn tcp_pcb_purge(pcb: *mut c::tcp_pcb) {
    on(pcb, |pcb| {
        api::purge(pcb);
        Ok(())
    });
}

/// Takes a connection off `list`, one of tcp_pcb_lists, sends an ACK that is due, and purges it. It is in CLOSED then,
/// and the caller's to free.
#[unsafe(no_mangle)]
extern "C" fn tcp_pcb_remove(list: *mut *mut c::tcp_pcb, pcb: *mut c::tcp_pcb) {
    if let Some(list) = List::at(list) {
        with(pcb, |core, id| {
            api::remove(core, id, list);
            Ok(())
        });
    }
}

/// Frees a chain of segments, with a reference to the pbufs of each; NULL is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_segs_free(seg: *mut c::tcp_seg) {
    // SAFETY: segments of the caller, linked and null-terminated.
    unsafe { free_chain(seg) };
}

/// Frees a segment, with its reference to its pbufs; NULL is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_seg_free(seg: *mut c::tcp_seg) {
    // SAFETY: null or a segment of the caller.
    drop(unsafe { SegBox::from_raw(seg) });
}

/// A copy of a segment, the caller's, with a reference of its own to the same pbufs; NULL without memory.
#[cfg(tcp_queue_ooseq)]
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_seg_copy(seg: *mut c::tcp_seg) -> *mut c::tcp_seg {
    if seg.is_null() {
        return core::ptr::null_mut();
    }
    // SAFETY: a segment of the caller, and new memory for one.
    unsafe {
        let copy = c::lwip_tcp_rust_memp_malloc(c::memp_t_MEMP_TCP_SEG).cast::<c::tcp_seg>();
        if !copy.is_null() {
            c::lwip_tcp_rust_memcpy(copy.cast(), seg.cast(), size_of::<c::tcp_seg>() as u16);
            c::pbuf_ref((&raw const (*seg).p).read_unaligned());
        }
        copy
    }
}

/// Queues our FIN (RFC 9293 3.10.4), on the last segment that was not sent if it can take it. ERR_MEM: no memory for
/// one of its own; ERR_ARG: no connection.
#[unsafe(no_mangle)]
extern "C" fn tcp_send_fin(pcb: *mut c::tcp_pcb) -> c::err_t {
    on(pcb, segmentation::send_fin)
}

/// Queues a segment without data: a SYN with its options (RFC 9293 3.7.1, RFC 7323 2.2, 3.2, RFC 2018 2) or a FIN.
/// ERR_MEM: no memory, and nothing happened; ERR_ARG: no connection, or neither flag.
#[unsafe(no_mangle)]
extern "C" fn tcp_enqueue_flags(pcb: *mut c::tcp_pcb, flags: u8) -> c::err_t {
    let flags = Flags::from_bits(flags);
    on(
        pcb,
        |pcb| {
            if flags.has(Flags::SYN | Flags::FIN) { segmentation::enqueue_flags(pcb, flags) } else { Err(Error::ARG) }
        },
    )
}

/// Sends a reset (RFC 9293 3.5.2) by the route to `remote`, with the TTL, TOS and interface of `pcb`, which may be
/// NULL. Ports, `seq` and `ack` are in host byte order. Without memory or a route it is not sent.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_rst(
    pcb: *const c::tcp_pcb,
    seq: u32,
    ack: u32,
    local: *const c::ip_addr_t,
    remote: *const c::ip_addr_t,
    local_port: u16,
    remote_port: u16,
) {
    let mut core = enter();
    // SAFETY: null or addresses of the caller.
    let (Some(local), Some(remote)) = (unsafe { (Addr::from_raw(local), Addr::from_raw(remote)) }) else { return };
    let pcb = core.find(pcb);
    if let Some(netif) = output::route_between(pcb, local, remote) {
        let route = Route::between(local, remote, netif, pcb);
        let (seq, ack) = (SeqNum::new(seq), SeqNum::new(ack));
        Reset { seq, ack, src: local_port, dst: remote_port, route }.send(&mut core);
    }
}

/// Sends a reset by an interface, as an answer to a segment of no connection (RFC 9293 3.10.7.1).
#[cfg(lwip_2_2)]
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_rst_netif(
    netif: *mut c::netif,
    seq: u32,
    ack: u32,
    local: *const c::ip_addr_t,
    remote: *const c::ip_addr_t,
    local_port: u16,
    remote_port: u16,
) {
    // SAFETY: null, or an interface and addresses of the caller.
    let known = unsafe { (Netif::from_raw(netif), Addr::from_raw(local), Addr::from_raw(remote)) };
    if let (Some(netif), Some(local), Some(remote)) = known {
        let route = Route::between(local, remote, netif, None);
        let (seq, ack) = (SeqNum::new(seq), SeqNum::new(ack));
        Reset { seq, ack, src: local_port, dst: remote_port, route }.send(&mut enter());
    }
}

/// An initial sequence number (RFC 9293 3.4.1, MUST-8, SHLD-1). That of a connection is by RFC 6528, or
/// LWIP_HOOK_TCP_ISN; something that has no 4-tuple, such as a PCB that was just made, has nothing to hash: it gets
/// lwIP's counter.
#[unsafe(no_mangle)]
extern "C" fn tcp_next_iss(pcb: *mut c::tcp_pcb) -> u32 {
    let core = enter();
    if let Some(pcb) = core.find(pcb).filter(|pcb| pcb.remote_port() != 0 || cfg!(hook_tcp_isn)) {
        return api::initial_sequence_number(pcb).raw();
    }
    let iss = core.iss().wrapping_add(core.ticks());
    core.set_iss(iss);
    iss.wrapping_add(6510)
}

/// Sends a keep-alive probe, without data (RFC 9293 3.8.4, SHLD-12). ERR_ARG: no connection; ERR_MEM, ERR_RTE, or what
/// the interface says.
#[unsafe(no_mangle)]
extern "C" fn tcp_keepalive(pcb: *mut c::tcp_pcb) -> c::err_t {
    with(pcb, output::send_keep_alive)
}

/// Makes two segments of the first that was not sent, the first with `split` octets of data. ERR_OK also if it has no
/// more; ERR_VAL: `split` is 0; ERR_MEM: no memory, or nothing is queued; ERR_ARG: no connection.
#[unsafe(no_mangle)]
extern "C" fn tcp_split_unsent_seg(pcb: *mut c::tcp_pcb, split: u16) -> c::err_t {
    on(pcb, |pcb| segmentation::split_front(pcb, split))
}

/// Sends a zero-window probe of one octet, or the FIN (RFC 9293 3.8.6.1, MUST-35). ERR_OK also if nothing is queued;
/// ERR_ARG: no connection; ERR_MEM, ERR_RTE, or what the interface says.
#[unsafe(no_mangle)]
extern "C" fn tcp_zero_window_probe(pcb: *mut c::tcp_pcb) -> c::err_t {
    with(pcb, output::send_window_probe)
}

/// tcp_input is to free the PCB that it works on, when the callbacks are done with the segment.
#[unsafe(no_mangle)]
extern "C" fn tcp_trigger_input_pcb_close() {
    enter().set_input_closed(true);
}

/// The effective send MSS in octets (RFC 9293 3.7.1, MUST-16): `mss`, or what the interface's MTU leaves for a segment
/// to `dst`, options included, if that is less.
#[cfg(tcp_calculate_eff_send_mss)]
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_eff_send_mss_netif(mss: u16, netif: *mut c::netif, dst: *const c::ip_addr_t) -> u16 {
    // SAFETY: null or an interface and an address of the caller.
    unsafe {
        match Addr::from_raw(dst) {
            Some(dst) => output::effective_mss(mss, Netif::from_raw(netif), dst),
            None => mss,
        }
    }
}

/// The recv callback of a connection without one: takes and drops data, and closes if the peer does. What tcp_close
/// returns, or ERR_OK; ERR_ARG: NULL.
#[cfg(lwip_callback_api)]
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_recv_null(
    _arg: *mut core::ffi::c_void,
    pcb: *mut c::tcp_pcb,
    p: *mut c::pbuf,
    err: c::err_t,
) -> c::err_t {
    // SAFETY: null or received data, whose reference comes with them.
    match unsafe { Pbuf::from_raw(p) } {
        _ if pcb.is_null() => return Error::ARG.code(),
        Some(data) => tcp_recved(pcb, data.tot_len()),
        None if err == 0 => return tcp_close(pcb),
        None => {}
    }
    0
}

/// The accept callback of a listener without one: nobody wants the connection.
#[cfg(lwip_callback_api)]
pub(super) unsafe extern "C" fn accept_null(
    _arg: *mut core::ffi::c_void,
    pcb: *mut c::tcp_pcb,
    _err: c::err_t,
) -> c::err_t {
    with(pcb, |core, id| {
        api::abandon(core, id, true);
        Ok(())
    });
    Error::ABRT.code()
}

/// The recv callback that a new PCB has.
#[cfg(lwip_callback_api)]
pub(super) const DEFAULT_RECV: unsafe extern "C" fn(
    *mut core::ffi::c_void,
    *mut c::tcp_pcb,
    *mut c::pbuf,
    c::err_t,
) -> c::err_t = tcp_recv_null;

/// The address of an interface changes from `old` to `new`; NULL or all zero: it has none any more. Connections that
/// are bound to the old one are aborted (err callback: ERR_ABRT), listeners move to the new one. With AutoIP link-local
/// connections stay (RFC 3927 1.9).
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_netif_ip_addr_changed(old: *const c::ip_addr_t, new: *const c::ip_addr_t) {
    let mut core = enter();
    // SAFETY: null or addresses of the caller.
    let (old, new) = unsafe { (Addr::from_raw(old), Addr::from_raw(new)) };
    if let Some(old) = old {
        api::address_changed(&mut core, old, new);
    }
}

/// Memory is short: frees what a connection received out of sequence; the peer sends it again (RFC 2018 8).
#[cfg(tcp_queue_ooseq)]
#[unsafe(no_mangle)]
extern "C" fn tcp_free_ooseq(pcb: *mut c::tcp_pcb) {
    on(pcb, |pcb| {
        rod::free_ooseq(pcb);
        Ok(())
    });
}

/// Calls the passive_open callbacks of a listener's external arguments for a new connection, until one returns an
/// error, which is given back. ERR_ARG: one of both PCBs is gone.
#[cfg(lwip_tcp_pcb_ext_args)]
#[unsafe(no_mangle)]
extern "C" fn tcp_ext_arg_invoke_callbacks_passive_open(
    listener: *mut c::tcp_pcb_listen,
    pcb: *mut c::tcp_pcb,
) -> c::err_t {
    with(pcb, |core, id| crate::pcb::Listener::passive_open(core, listener, id))
}

/// The functions that print, for TCP_DEBUG and its likes.
#[cfg(tcp_debug_functions)]
mod debug {
    use super::*;
    use crate::ffi::diagnostics::{Event, debug};
    use crate::pcb::State;
    use crate::wire::Header;

    /// Prints a header, which is in network byte order; NULL is none.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn tcp_debug_print(header: *const c::tcp_hdr) {
        if !header.is_null() {
            // SAFETY: a header of the caller; any octets are one.
            let header = Header::parse(unsafe { &*header.cast::<[u8; 20]>() });
            debug(Event::HeaderPorts, header.src.into(), header.dst.into());
            debug(Event::HeaderNumbers, header.seq.raw(), header.ack.raw());
            tcp_debug_print_flags(header.flags.bits());
        }
    }

    /// Prints control bits.
    #[unsafe(no_mangle)]
    extern "C" fn tcp_debug_print_flags(flags: u8) {
        debug(Event::HeaderFlags, flags.into(), 0);
    }

    /// Prints the name of a state.
    #[unsafe(no_mangle)]
    extern "C" fn tcp_debug_print_state(state: c::tcp_state) {
        debug(Event::StateEntered, 0, State::from_raw(state) as u32);
    }

    /// Prints ports, numbers and state of each connection.
    #[unsafe(no_mangle)]
    extern "C" fn tcp_debug_print_pcbs() {
        let core = enter();
        for list in [List::Active, List::TimeWait] {
            core.find_in(list, |pcb| {
                debug(Event::HeaderPorts, pcb.local_port().into(), pcb.remote_port().into());
                debug(Event::HeaderNumbers, pcb.snd_nxt().raw(), pcb.rcv_nxt().raw());
                debug(Event::StateEntered, pcb.local_port().into(), pcb.state() as u32);
                false
            });
        }
    }

    /// 1 if every connection's state fits the list that it is on, else 0.
    #[unsafe(no_mangle)]
    extern "C" fn tcp_pcbs_sane() -> i16 {
        let core = enter();
        let out_of_place = |pcb: Pcb<'_>| matches!(pcb.state(), State::Closed | State::Listen | State::TimeWait);
        let active = core.find_in(List::Active, out_of_place).is_none();
        let waiting = core.find_in(List::TimeWait, |pcb| pcb.state() != State::TimeWait).is_none();
        i16::from(active && waiting)
    }
}
