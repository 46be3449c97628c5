//! The raw API of lwip/tcp.h.
//!
//! Every pointer to a PCB that comes in here is looked up before it is used: one that is no living connection or
//! listener (freed, closed, never one) is reported by LWIP_ASSERT and otherwise has no effect, or gives an error.
//! Safety of all functions: lwIP's core lock is held, and pointers other than to PCBs are what lwip/tcp.h says.

#![warn(clippy::missing_docs_in_private_items)]

use super::bindings as c;
use super::diagnostics::{Assertion, assert_that};
use super::ip::Addr;
use super::pbuf::AppData;
use super::{Error, to_err_t};
use crate::api;
#[cfg(any(all(lwip_ipv4, lwip_ipv6), tcp_listen_backlog))]
use crate::components::connection_management as cm;
#[cfg(lwip_callback_api)]
use crate::components::connection_management::listener_settings;
use crate::components::connection_management::{endpoint_settings, settings};
use crate::pcb::{Accept, Core, Endpoint, Listener, Pcb, PcbId};
use crate::segmentation::{self, WriteFlags};
use core::ffi::{c_char, c_int, c_void};
use core::ptr::null_mut;

/// What a `struct tcp_pcb *` of the application points to.
pub(super) enum Target<'c> {
    /// A living connection, in any state but LISTEN.
    Connection(Pcb<'c>),
    /// A listener.
    Listener(Listener<'c>),
    /// Nothing that lives.
    Nothing,
}

/// Enters TCP from C.
pub(super) fn enter() -> Core {
    #[cfg(core_lock_check)]
    // SAFETY: a function of wrapper.c without preconditions.
    unsafe {
        c::lwip_tcp_rust_assert_core_locked();
    }
    // SAFETY: called from C as lwIP's TCP is: (lock).
    unsafe { Core::enter() }
}

/// Inlined, so that no caller gets the answer through memory.
#[inline(always)]
pub(super) fn target(core: &Core, pcb: *const c::tcp_pcb) -> Target<'_> {
    match core.find(pcb) {
        Some(pcb) => Target::Connection(pcb),
        None => listener(core, pcb).map_or(Target::Nothing, Target::Listener),
    }
}

/// What a connection or listener at `pcb` has in common with others.
#[cfg_attr(small, inline(never))]
fn endpoint(core: &Core, pcb: *const c::tcp_pcb) -> Option<Endpoint<'_>> {
    match target(core, pcb) {
        Target::Connection(pcb) => Some(pcb.endpoint()),
        Target::Listener(listener) => Some(*listener),
        Target::Nothing => None,
    }
}

/// The listener at `pcb`, which is no connection.
#[inline(never)]
fn listener(core: &Core, pcb: *const c::tcp_pcb) -> Option<Listener<'_>> {
    let listener = core.find_listener(pcb.cast());
    if listener.is_none() {
        // NULL is answered by an error, as in C; anything else is a mistake worth an assertion.
        assert_that(pcb.is_null(), Assertion::DeadPcb);
    }
    listener
}

/// The connection at `pcb`; a listener is the wrong thing.
#[cfg_attr(small, inline(never))]
pub(super) fn connection(core: &Core, pcb: *const c::tcp_pcb) -> Option<Pcb<'_>> {
    match core.find(pcb) {
        Some(pcb) => Some(pcb),
        None => {
            // Only to say which assertion it is.
            if cfg!(lwip_asserts) && listener(core, pcb).is_some() {
                assert_that(false, Assertion::ListeningPcb);
            }
            None
        }
    }
}

/// The same, by name.
#[cfg_attr(small, inline(never))]
pub(super) fn connection_id(core: &Core, pcb: *const c::tcp_pcb) -> Option<PcbId> {
    connection(core, pcb).map(Pcb::id)
}

/// A new connection of priority TCP_PRIO_NORMAL: see [`tcp_alloc`].
#[unsafe(no_mangle)]
extern "C" fn tcp_new() -> *mut c::tcp_pcb {
    tcp_alloc(super::config::TCP_PRIO_NORMAL as u8)
}

/// The same for addresses of one IP version: `kind` is IPADDR_TYPE_V4 or _V6, or IPADDR_TYPE_ANY for a listener to
/// both. Without one of the two versions it has no effect.
#[unsafe(no_mangle)]
extern "C" fn tcp_new_ip_type(kind: u8) -> *mut c::tcp_pcb {
    let pcb = tcp_new();
    #[cfg(all(lwip_ipv4, lwip_ipv6))]
    if let Some(pcb) = enter().find(pcb) {
        cm::set_ip_type(pcb, kind);
    }
    let _ = kind;
    pcb
}

/// A new connection in CLOSED (RFC 9293 3.3.2), the caller's until tcp_close succeeds, tcp_abort was called, or the err
/// callback says that it is gone. `prio` is 1 to 127, more is more important.
///
/// NULL if the pool is empty and no connection may be given up for it: one in TIME-WAIT, LAST-ACK or CLOSING, or one of
/// lower priority, whose err callback (ERR_ABRT) then runs in this call.
#[unsafe(no_mangle)]
#[cfg_attr(small, inline(never))]
extern "C" fn tcp_alloc(prio: u8) -> *mut c::tcp_pcb {
    let mut core = enter();
    api::allocate(&mut core, prio).map_or(null_mut(), PcbId::as_ptr)
}

/// Sets what all callbacks get as their first argument; it is the application's, and never looked at. A listener's is
/// that of its connections, too.
#[unsafe(no_mangle)]
extern "C" fn tcp_arg(pcb: *mut c::tcp_pcb, arg: *mut c_void) {
    if let Some(endpoint) = endpoint(&enter(), pcb) {
        endpoint_settings::arg(endpoint, arg);
    }
}

/// Functions that set a callback of a connection.
macro_rules! set_callback {
    ($($(#[$doc:meta])* $name:ident, $set:ident: $ty:ty;)*) => {
        $(
            $(#[$doc])*
            #[cfg(lwip_callback_api)]
            #[unsafe(no_mangle)]
            extern "C" fn $name(pcb: *mut c::tcp_pcb, function: $ty) {
                if let Some(pcb) = connection(&enter(), pcb) {
                    settings::$set(pcb, function);
                }
            }
        )*
    };
}
set_callback! {
    /// Sets the recv callback; NULL: what arrives is taken, acknowledged and dropped.
    ///
    /// A chain of pbufs that it gets is its own if it returns ERR_OK: it frees them, and says by tcp_recved how many octets
    /// the window may open for. With ERR_ABRT, after tcp_abort, they are the application's as well. With any other value
    /// they stay ours, and are offered again. No chain: the peer has closed (RFC 9293 3.10.7.4, eighth).
    tcp_recv, recv: c::tcp_recv_fn;
    /// Sets the sent callback; NULL: none. It gets the number of octets that were acknowledged (RFC 9293 3.10.7.4, fifth),
    /// which are the application's again if they were not copied; 0 if nothing was, but memory is back that tcp_write had
    /// lacked.
    tcp_sent, sent: c::tcp_sent_fn;
    /// Sets the err callback; NULL: none. It hears that the connection is over: ERR_RST (RFC 9293 3.10.7.4, second),
    /// ERR_ABRT (given up by a timeout, by tcp_abort, or for another PCB), ERR_CLSD (closed on both sides). The PCB is
    /// freed already.
    tcp_err, err: c::tcp_err_fn;
}

/// Sets the accept callback of a listener; no effect on a connection. NULL, or none set: connections are reset. It gets
/// a connection in ESTABLISHED (RFC 9293 3.10.7.4, fifth), the application's if it returns ERR_OK; with another value
/// the connection is reset and freed, with ERR_ABRT it was already. NULL and ERR_MEM: there was no memory for one.
#[cfg(lwip_callback_api)]
#[unsafe(no_mangle)]
extern "C" fn tcp_accept(pcb: *mut c::tcp_pcb, function: c::tcp_accept_fn) {
    if let Target::Listener(listener) = target(&enter(), pcb) {
        listener_settings::accept(listener, function);
    }
}

/// Sets the poll callback (NULL: none), called every `interval` ticks of TCP_SLOW_INTERVAL (500 ms) while nothing is
/// acknowledged.
#[unsafe(no_mangle)]
extern "C" fn tcp_poll(pcb: *mut c::tcp_pcb, function: PollFn, interval: u8) {
    if let Some(pcb) = connection(&enter(), pcb) {
        #[cfg(lwip_callback_api)]
        settings::poll(pcb, function);
        let _ = function;
        settings::poll_interval(pcb, interval);
    }
}

/// What tcp_poll() takes: with LWIP_EVENT_API there is no function to call.
#[cfg(lwip_callback_api)]
type PollFn = c::tcp_poll_fn;
/// See above.
#[cfg(not(lwip_callback_api))]
type PollFn = *const c_void;

/// Gives a connection its local address and port, as RFC 9293 3.10.1 has it for OPEN (MUST-43). `addr` NULL, with IPv4,
/// is IP_ADDR_ANY; it is copied. `port`, in host byte order: 0 chooses a free one at random (RFC 6056 3.3.1).
///
/// ERR_ARG: no connection, or NULL without IPv4; ERR_VAL: not in CLOSED; ERR_USE: taken; ERR_BUF: no port is free. Then
/// the PCB is as it was.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_bind(pcb: *mut c::tcp_pcb, addr: *const c::ip_addr_t, port: u16) -> c::err_t {
    let core = enter();
    // SAFETY: null or an address of the caller.
    let addr = unsafe { Addr::from_raw(addr) };
    #[cfg(lwip_ipv4)]
    let addr = addr.or_else(|| Some(super::ip::any()));
    to_err_t(match (connection(&core, pcb), addr) {
        (Some(pcb), Some(addr)) => api::bind(&core, pcb, addr, port),
        _ => Err(Error::ARG),
    })
}

/// Sends and receives by one interface only; NULL: any. It is remembered by its index: the struct stays the caller's.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_bind_netif(pcb: *mut c::tcp_pcb, netif: *const c::netif) {
    // SAFETY: null or a netif of the caller.
    let index = unsafe { super::ip::Netif::from_raw(netif.cast_mut()) }.map_or(0, super::ip::Netif::index);
    if let Some(endpoint) = endpoint(&enter(), pcb) {
        endpoint_settings::netif(endpoint, index);
    }
}

/// OPEN, active (RFC 9293 3.10.1): sends a SYN to `addr`, which is copied, and `port`, in host byte order. `connected`
/// is called with ERR_OK when the connection is there, the err callback if it fails.
///
/// ERR_ARG: no connection, or no address; ERR_ISCONN: not in CLOSED; ERR_RTE: no route; ERR_VAL: a broadcast or
/// multicast address (MUST-46); ERR_BUF: no port is free; ERR_USE: that connection exists; ERR_MEM: no memory for the
/// SYN. Then the PCB is the caller's still, in CLOSED.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_connect(
    pcb: *mut c::tcp_pcb,
    addr: *const c::ip_addr_t,
    port: u16,
    connected: c::tcp_connected_fn,
) -> c::err_t {
    let mut core = enter();
    // SAFETY: null or an address of the caller.
    let addr = unsafe { Addr::from_raw(addr) };
    let (Some(pcb), Some(addr)) = (connection(&core, pcb), addr) else { return Error::ARG.code() };
    let id = pcb.id();
    to_err_t(api::connect(&mut core, id, addr, port, connected))
}

/// OPEN, passive (RFC 9293 3.10.1): gives a listener in place of `pcb`, which is freed. The listener is the caller's
/// until tcp_close; it takes over address, port, callback argument and external arguments. `backlog`: how many
/// connections may wait to be accepted, at least 1; without TCP_LISTEN_BACKLOG any number.
///
/// NULL if that fails, with the reason in `err`, which may be NULL; `pcb` stays. ERR_ARG: no connection; ERR_CLSD: not
/// in CLOSED; ERR_USE: there is such a listener (SO_REUSE); ERR_MEM: no memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_listen_with_backlog_and_err(
    pcb: *mut c::tcp_pcb,
    backlog: u8,
    err: *mut c::err_t,
) -> *mut c::tcp_pcb {
    let mut core = enter();
    let accept = Accept {
        backlog,
        #[cfg(lwip_callback_api)]
        function: Some(super::private_exports::accept_null),
        #[cfg(not(lwip_callback_api))]
        function: (),
    };
    let id = match target(&core, pcb) {
        Target::Connection(pcb) => Ok(pcb.id()),
        Target::Listener(_) => Err(Error::CLSD),
        Target::Nothing => Err(Error::ARG),
    };
    let result = id.and_then(|id| api::listen(&mut core, id, accept));
    let (listener, code) = match result {
        Ok(listener) => (listener, 0),
        Err(error) => (null_mut(), error.code()),
    };
    if !err.is_null() {
        // SAFETY: an err_t of the caller.
        unsafe { err.write(code) };
    }
    listener
}

/// The same without the error.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_listen_with_backlog(pcb: *mut c::tcp_pcb, backlog: u8) -> *mut c::tcp_pcb {
    // SAFETY: a null `err` is not written.
    unsafe { tcp_listen_with_backlog_and_err(pcb, backlog, null_mut()) }
}

/// RECEIVE (RFC 9293 3.10.3): the application has consumed `len` octets of what was received. The window opens by as
/// many, and the peer is told if that is worth a segment (3.8.6.2.2, MUST-39). More than were received count as all.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tcp_recved(pcb: *mut c::tcp_pcb, len: u16) {
    let mut core = enter();
    if let Some(id) = connection(&core, pcb).map(Pcb::id) {
        api::recved(&mut core, id, len);
    }
}

/// SEND (RFC 9293 3.10.2): queues `len` octets at `data`, all or, with an error, none. They go out by tcp_output, or
/// with the next segment that is received. `flags`: TCP_WRITE_FLAG_COPY, without which they must stay as they are until
/// they are acknowledged; TCP_WRITE_FLAG_MORE, without which the last segment gets PSH (MUST-61).
///
/// ERR_ARG: no connection, or `data` is NULL; ERR_CONN: closed, or not opened yet; ERR_MEM: more than tcp_sndbuf()
/// octets or TCP_SND_QUEUELEN pbufs, or no memory: to be tried again from the sent callback.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_write(pcb: *mut c::tcp_pcb, data: *const c_void, len: u16, flags: u8) -> c::err_t {
    let core = enter();
    // SAFETY: null, or octets of the application, as tcp_write's documentation asks for.
    let data = unsafe { AppData::new(data.cast(), len) };
    to_err_t(match (connection(&core, pcb), data) {
        (Some(pcb), Some(data)) => segmentation::write(pcb, data, WriteFlags::from_bits(flags)),
        _ => Err(Error::ARG),
    })
}

/// Sends what is queued, as far as the windows (RFC 9293 3.8.6, RFC 5681 3.1) and the Nagle algorithm (3.7.4) allow,
/// and an ACK that is due. In a callback of the connection that a segment was just received for, it goes out when the
/// callback has returned.
///
/// ERR_OK also if nothing may be sent; ERR_ARG: no connection; ERR_RTE: no route; or what the interface says, ERR_MEM
/// as a rule: what was not sent stays queued.
#[unsafe(no_mangle)]
extern "C" fn tcp_output(pcb: *mut c::tcp_pcb) -> c::err_t {
    let mut core = enter();
    assert_that(!pcb.is_null(), Assertion::InvalidPcb);
    to_err_t(connection_id(&core, pcb).map_or(Err(Error::ARG), |id| crate::output::output(&mut core, id)))
}

/// CLOSE (RFC 9293 3.10.4) of a connection or listener. A FIN follows what is queued; if data were received that the
/// application has not consumed, a reset at once (SHLD-3). Callbacks stay set: an application that is done takes them
/// away before.
///
/// ERR_OK: the PCB is ours, and freed in time; it is not to be used any more. Should memory for the FIN be lacking, the
/// timers try again. ERR_ARG: neither connection nor listener.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tcp_close(pcb: *mut c::tcp_pcb) -> c::err_t {
    let mut core = enter();
    let id = match target(&core, pcb) {
        Target::Connection(pcb) => pcb.id(),
        Target::Listener(listener) => {
            let listener = listener.as_ptr();
            api::close_listener(&mut core, listener);
            return 0;
        }
        Target::Nothing => return Error::ARG.code(),
    };
    to_err_t(api::close(&mut core, id))
}

/// Closes one direction or both, where RFC 9293 3.10.4 knows one only (3.6, MAY-1): `rx` not 0: what arrives is not
/// wanted, and resets the connection if it does; `tx` not 0: a FIN follows what is queued. Both: as tcp_close. The PCB
/// stays the application's if only one is closed.
///
/// ERR_CONN: a listener, or nothing to close in this state; ERR_ARG: no PCB.
#[unsafe(no_mangle)]
extern "C" fn tcp_shutdown(pcb: *mut c::tcp_pcb, rx: c_int, tx: c_int) -> c::err_t {
    let mut core = enter();
    let id = match target(&core, pcb) {
        Target::Connection(pcb) => pcb.id(),
        Target::Listener(_) => return Error::CONN.code(),
        Target::Nothing => return Error::ARG.code(),
    };
    to_err_t(api::shutdown(&mut core, id, rx != 0, tx != 0))
}

/// ABORT (RFC 9293 3.10.5): frees a connection; the peer gets a reset, the application its err callback with ERR_ABRT.
/// A callback of the connection that has called it returns ERR_ABRT. No effect on a listener.
#[unsafe(no_mangle)]
extern "C" fn tcp_abort(pcb: *mut c::tcp_pcb) {
    tcp_abandon(pcb, 1);
}

/// The same; the peer is not told if `reset` is 0.
#[unsafe(no_mangle)]
extern "C" fn tcp_abandon(pcb: *mut c::tcp_pcb, reset: c_int) {
    let mut core = enter();
    if let Some(id) = connection_id(&core, pcb) {
        api::abandon(&mut core, id, reset != 0);
    }
}

/// Sets the priority, 1 to 127: for a connection of higher priority this one is given up if no PCB is left.
#[unsafe(no_mangle)]
extern "C" fn tcp_setprio(pcb: *mut c::tcp_pcb, prio: u8) {
    if let Some(endpoint) = endpoint(&enter(), pcb) {
        endpoint_settings::prio(endpoint, prio);
    }
}

/// Copies our address and port (`local` not 0) or the peer's; the port in host byte order. Each place may be NULL.
/// ERR_VAL: no PCB, or a listener, which has no peer.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_tcp_get_tcp_addrinfo(
    pcb: *mut c::tcp_pcb,
    local: c_int,
    addr: *mut c::ip_addr_t,
    port: *mut u16,
) -> c::err_t {
    let core = enter();
    let (its_addr, its_port) = match (target(&core, pcb), local != 0) {
        (Target::Connection(pcb), true) => (pcb.local_ip(), pcb.local_port()),
        (Target::Connection(pcb), false) => (pcb.remote_ip(), pcb.remote_port()),
        (Target::Listener(listener), true) => (listener.local_ip(), listener.local_port()),
        _ => return Error::VAL.code(),
    };
    // SAFETY: null or places of the caller.
    unsafe {
        if !addr.is_null() {
            its_addr.copy_to(addr);
        }
        if !port.is_null() {
            port.write(its_port);
        }
    }
    0
}

/// Where in `names`, each of which ends with NUL, each starts.
const fn starts<const COUNT: usize>(names: &[u8]) -> [u8; COUNT] {
    let (mut starts, mut number, mut place) = ([0; COUNT], 1, 0);
    while number < COUNT {
        if names[place] == 0 {
            starts[number] = place as u8 + 1;
            number += 1;
        }
        place += 1;
    }
    starts
}

/// The name of a state, null-terminated, for ever valid; "?" for what is none.
#[unsafe(no_mangle)]
extern "C" fn tcp_debug_state_str(state: c::tcp_state) -> *const c_char {
    const NAMES: &[u8] =
        b"CLOSED\0LISTEN\0SYN_SENT\0SYN_RCVD\0ESTABLISHED\0FIN_WAIT_1\0FIN_WAIT_2\0CLOSE_WAIT\0CLOSING\0LAST_ACK\0TIME_WAIT\0?\0";
    // One string and where in it each name starts: a third of what a table of pointers takes.
    const STARTS: [u8; 12] = starts(NAMES);
    let start = STARTS.get(state as usize).copied().unwrap_or(STARTS[11]);
    NAMES.get(usize::from(start)..).unwrap_or_default().as_ptr().cast()
}

/// The connection, accepted or about to be, counts as one that waits for its listener's backlog.
#[cfg(tcp_listen_backlog)]
#[unsafe(no_mangle)]
extern "C" fn tcp_backlog_delayed(pcb: *mut c::tcp_pcb) {
    assert_that(!pcb.is_null(), Assertion::InvalidPcb);
    if let Some(pcb) = connection(&enter(), pcb) {
        cm::backlog::add(pcb);
    }
}

/// It does not any more.
#[cfg(tcp_listen_backlog)]
#[unsafe(no_mangle)]
extern "C" fn tcp_backlog_accepted(pcb: *mut c::tcp_pcb) {
    assert_that(!pcb.is_null(), Assertion::InvalidPcb);
    if let Some(pcb) = connection(&enter(), pcb) {
        cm::backlog::remove(pcb);
    }
}

/// A new number for external arguments, the same for all PCBs. LWIP_ASSERT if there are LWIP_TCP_PCB_NUM_EXT_ARGS
/// already; what is given then has no effect anywhere.
#[cfg(lwip_tcp_pcb_ext_args)]
#[unsafe(no_mangle)]
extern "C" fn tcp_ext_arg_alloc_id() -> u8 {
    let core = enter();
    let id = core.ext_arg_id();
    assert_that(u32::from(id) < super::config::LWIP_TCP_PCB_NUM_EXT_ARGS, Assertion::ExtArgId);
    core.set_ext_arg_id(id.saturating_add(1));
    id
}

/// Changes an external argument of a connection or listener.
#[cfg(lwip_tcp_pcb_ext_args)]
fn update_ext_arg(pcb: *mut c::tcp_pcb, id: u8, update: impl FnOnce(&mut c::tcp_pcb_ext_args)) {
    assert_that(u32::from(id) < super::config::LWIP_TCP_PCB_NUM_EXT_ARGS, Assertion::ExtArgId);
    if let Some(endpoint) = endpoint(&enter(), pcb) {
        endpoint_settings::ext_arg(endpoint, id, update);
    }
}

/// Sets the callbacks of an external argument of a connection or listener. The struct stays the caller's, for as long
/// as the PCB lives.
#[cfg(lwip_tcp_pcb_ext_args)]
#[unsafe(no_mangle)]
extern "C" fn tcp_ext_arg_set_callbacks(pcb: *mut c::tcp_pcb, id: u8, callbacks: *const c::tcp_ext_arg_callbacks) {
    update_ext_arg(pcb, id, |arg| arg.callbacks = callbacks);
}

/// Sets an external argument of a connection or listener; it is the application's, and never looked at.
#[cfg(lwip_tcp_pcb_ext_args)]
#[unsafe(no_mangle)]
extern "C" fn tcp_ext_arg_set(pcb: *mut c::tcp_pcb, id: u8, data: *mut c_void) {
    update_ext_arg(pcb, id, |arg| arg.data = data);
}

/// An external argument; NULL if there is none.
#[cfg(lwip_tcp_pcb_ext_args)]
#[unsafe(no_mangle)]
extern "C" fn tcp_ext_arg_get(pcb: *const c::tcp_pcb, id: u8) -> *mut c_void {
    endpoint(&enter(), pcb).and_then(|endpoint| endpoint.ext_arg(id)).map_or(null_mut(), |arg| arg.data)
}
