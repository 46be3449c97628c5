//! The raw API of lwip/tcp.h.
//!
//! Every pointer to a PCB that comes in here is looked up before it is used: one that is no living connection or
//! listener (freed, closed, never one) is reported by LWIP_ASSERT and otherwise has no effect, or gives an error.
//! Safety of all functions: lwIP's core lock is held, and pointers other than to PCBs are what lwip/tcp.h says.

use super::bindings as c;
use super::diagnostics::{Assertion, assert_that};
use super::ip::Addr;
use super::pbuf::AppData;
use super::{Error, Result, to_err_t};
use crate::api;
use crate::components::connection_management::{self as cm, listener_settings, settings};
use crate::pcb::{Accept, Core, Listener, Pcb, PcbId};
use crate::segmentation::{self, WriteFlags};
use core::ffi::{c_char, c_int, c_void};
use core::ptr::null_mut;

/// What a `struct tcp_pcb *` of the application points to.
pub(super) enum Target<'c> {
    Connection(Pcb<'c>),
    Listener(Listener<'c>),
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

/// The listener at `pcb`, which is no connection.
#[inline(never)]
fn listener(core: &Core, pcb: *const c::tcp_pcb) -> Option<Listener<'_>> {
    let listener = core.find_listener(pcb.cast());
    if listener.is_none() {
        let what = if pcb.is_null() { Assertion::InvalidPcb } else { Assertion::DeadPcb };
        // NULL is answered by an error, as in C; anything else is a mistake worth an assertion.
        assert_that(pcb.is_null(), what);
    }
    listener
}

/// The connection at `pcb`; a listener is the wrong thing.
#[inline(never)]
pub(super) fn connection(core: &Core, pcb: *const c::tcp_pcb) -> Option<Pcb<'_>> {
    match target(core, pcb) {
        Target::Connection(pcb) => Some(pcb),
        Target::Listener(_) => {
            assert_that(false, Assertion::ListeningPcb);
            None
        }
        Target::Nothing => None,
    }
}

/// The same, by name.
pub(super) fn connection_id(core: &Core, pcb: *const c::tcp_pcb) -> Result<PcbId> {
    connection(core, pcb).map(Pcb::id).ok_or(Error::ARG)
}

/// A new PCB, or NULL if there is no memory; the caller owns it.
#[unsafe(no_mangle)]
extern "C" fn tcp_new() -> *mut c::tcp_pcb {
    tcp_alloc(super::config::TCP_PRIO_NORMAL as u8)
}

/// The same for addresses of one IP version (IPADDR_TYPE_x).
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

/// A new PCB of this priority.
#[unsafe(no_mangle)]
extern "C" fn tcp_alloc(prio: u8) -> *mut c::tcp_pcb {
    let mut core = enter();
    api::allocate(&mut core, prio).map_or(null_mut(), PcbId::as_ptr)
}

/// Sets the argument of all callbacks.
#[unsafe(no_mangle)]
extern "C" fn tcp_arg(pcb: *mut c::tcp_pcb, arg: *mut c_void) {
    match target(&enter(), pcb) {
        Target::Connection(pcb) => settings::arg(pcb, arg),
        Target::Listener(listener) => listener_settings::arg(listener, arg),
        Target::Nothing => {}
    }
}

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
    /// Sets the recv callback.
    tcp_recv, recv: c::tcp_recv_fn;
    /// Sets the sent callback.
    tcp_sent, sent: c::tcp_sent_fn;
    /// Sets the err callback.
    tcp_err, err: c::tcp_err_fn;
}

/// Sets the accept callback of a listener; has no effect on another PCB.
#[cfg(lwip_callback_api)]
#[unsafe(no_mangle)]
extern "C" fn tcp_accept(pcb: *mut c::tcp_pcb, function: c::tcp_accept_fn) {
    if let Target::Listener(listener) = target(&enter(), pcb) {
        listener_settings::accept(listener, function);
    }
}

/// Sets the poll callback, called every `interval` ticks of the slow timer.
#[unsafe(no_mangle)]
extern "C" fn tcp_poll(pcb: *mut c::tcp_pcb, function: PollFn, interval: u8) {
    if let Some(pcb) = connection(&enter(), pcb) {
        #[cfg(lwip_callback_api)]
        settings::poll(pcb, function);
        let _ = function;
        settings::poll_interval(pcb, interval);
    }
}

#[cfg(lwip_callback_api)]
type PollFn = c::tcp_poll_fn;
#[cfg(not(lwip_callback_api))]
type PollFn = *const c_void;

/// Binds to an address (NULL: any) and a port (0: a free one). ERR_USE if it is taken.
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

/// Restricts a PCB to one interface; NULL: any.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_bind_netif(pcb: *mut c::tcp_pcb, netif: *const c::netif) {
    // SAFETY: null or a netif of the caller.
    let index = unsafe { super::ip::Netif::from_raw(netif.cast_mut()) }.map_or(0, super::ip::Netif::index);
    match target(&enter(), pcb) {
        Target::Connection(pcb) => settings::netif(pcb, index),
        Target::Listener(listener) => listener_settings::netif(listener, index),
        Target::Nothing => {}
    }
}

/// Opens a connection; `connected` is called when it is there, the err callback if it fails.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_connect(
    pcb: *mut c::tcp_pcb,
    addr: *const c::ip_addr_t,
    port: u16,
    connected: c::tcp_connected_fn,
) -> c::err_t {
    let mut core = enter();
    // SAFETY: null or an address of the caller.
    let addr = unsafe { Addr::from_raw(addr) }.ok_or(Error::ARG);
    let _ = connected;
    to_err_t(connection_id(&core, pcb).and_then(|id| {
        let to = api::Connect {
            addr: addr?,
            port,
            #[cfg(lwip_callback_api)]
            connected,
        };
        api::connect(&mut core, id, to)
    }))
}

/// Turns a bound PCB into a listener, which is returned; the PCB is freed. NULL if that fails: the PCB stays.
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
    if !err.is_null() {
        // SAFETY: an err_t of the caller.
        unsafe { err.write(to_err_t(result.map(|_| ()))) };
    }
    result.unwrap_or(null_mut())
}

/// The same without the error.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_listen_with_backlog(pcb: *mut c::tcp_pcb, backlog: u8) -> *mut c::tcp_pcb {
    // SAFETY: a null `err` is not written.
    unsafe { tcp_listen_with_backlog_and_err(pcb, backlog, null_mut()) }
}

/// The application has consumed `len` octets of what was received.
#[unsafe(no_mangle)]
extern "C" fn tcp_recved(pcb: *mut c::tcp_pcb, len: u16) {
    let mut core = enter();
    if let Ok(id) = connection_id(&core, pcb) {
        api::recved(&mut core, id, len);
    }
}

/// Queues `len` octets at `data` to be sent. Without TCP_WRITE_FLAG_COPY they must stay as they are until they are
/// acknowledged. ERR_MEM: try again from the sent callback.
#[unsafe(no_mangle)]
unsafe extern "C" fn tcp_write(pcb: *mut c::tcp_pcb, data: *const c_void, len: u16, flags: u8) -> c::err_t {
    let core = enter();
    // SAFETY: null, or octets of the application, as tcp_write's documentation asks for.
    let data = unsafe { AppData::new(data.cast(), len) };
    to_err_t(match (connection(&core, pcb), data) {
        (Some(pcb), Some(data)) => {
            let flags = WriteFlags { copy: flags & 1 != 0, more: flags & 2 != 0 };
            segmentation::write(pcb, data, flags)
        }
        _ => Err(Error::ARG),
    })
}

/// Sends what is queued and may be sent.
#[unsafe(no_mangle)]
extern "C" fn tcp_output(pcb: *mut c::tcp_pcb) -> c::err_t {
    let mut core = enter();
    to_err_t(connection_id(&core, pcb).and_then(|id| crate::output::output(&mut core, id)))
}

/// Closes a connection or listener: the pointer is not to be used any more, unless an error is returned.
#[unsafe(no_mangle)]
extern "C" fn tcp_close(pcb: *mut c::tcp_pcb) -> c::err_t {
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

/// Closes one or both directions. ERR_CONN if there is nothing to close.
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

/// Gives a connection up: the peer gets a reset, the application its err callback with ERR_ABRT.
#[unsafe(no_mangle)]
extern "C" fn tcp_abort(pcb: *mut c::tcp_pcb) {
    tcp_abandon(pcb, 1);
}

/// The same, with a reset or without.
#[unsafe(no_mangle)]
extern "C" fn tcp_abandon(pcb: *mut c::tcp_pcb, reset: c_int) {
    let mut core = enter();
    if let Ok(id) = connection_id(&core, pcb) {
        api::abandon(&mut core, id, reset != 0);
    }
}

/// Sets the priority: under memory pressure connections of lower priority are given up.
#[unsafe(no_mangle)]
extern "C" fn tcp_setprio(pcb: *mut c::tcp_pcb, prio: u8) {
    match target(&enter(), pcb) {
        Target::Connection(pcb) => settings::prio(pcb, prio),
        Target::Listener(listener) => listener_settings::prio(listener, prio),
        Target::Nothing => {}
    }
}

/// Our or the peer's address and port. ERR_VAL without a PCB.
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

/// The name of a state, null-terminated; "?" for what is none.
#[unsafe(no_mangle)]
extern "C" fn tcp_debug_state_str(state: c::tcp_state) -> *const c_char {
    const NAMES: &[u8] =
        b"CLOSED\0LISTEN\0SYN_SENT\0SYN_RCVD\0ESTABLISHED\0FIN_WAIT_1\0FIN_WAIT_2\0CLOSE_WAIT\0CLOSING\0LAST_ACK\0TIME_WAIT\0?\0";
    // One string and where in it each name starts: a third of what a table of pointers takes.
    const STARTS: [u8; 12] = starts(NAMES);
    let start = STARTS.get(state as usize).copied().unwrap_or(STARTS[11]);
    NAMES.get(usize::from(start)..).unwrap_or_default().as_ptr().cast()
}

/// The connection counts as not accepted yet.
#[cfg(tcp_listen_backlog)]
#[unsafe(no_mangle)]
extern "C" fn tcp_backlog_delayed(pcb: *mut c::tcp_pcb) {
    if let Some(pcb) = connection(&enter(), pcb) {
        cm::backlog::add(pcb);
    }
}

/// It does not any more.
#[cfg(tcp_listen_backlog)]
#[unsafe(no_mangle)]
extern "C" fn tcp_backlog_accepted(pcb: *mut c::tcp_pcb) {
    if let Some(pcb) = connection(&enter(), pcb) {
        cm::backlog::remove(pcb);
    }
}

/// A new id for external arguments.
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
    match target(&enter(), pcb) {
        Target::Connection(pcb) => settings::ext_arg(pcb, id, update),
        Target::Listener(listener) => listener_settings::ext_arg(listener, id, update),
        Target::Nothing => {}
    }
}

/// Sets the callbacks of an external argument.
#[cfg(lwip_tcp_pcb_ext_args)]
#[unsafe(no_mangle)]
extern "C" fn tcp_ext_arg_set_callbacks(pcb: *mut c::tcp_pcb, id: u8, callbacks: *const c::tcp_ext_arg_callbacks) {
    update_ext_arg(pcb, id, |arg| arg.callbacks = callbacks);
}

/// Sets an external argument.
#[cfg(lwip_tcp_pcb_ext_args)]
#[unsafe(no_mangle)]
extern "C" fn tcp_ext_arg_set(pcb: *mut c::tcp_pcb, id: u8, data: *mut c_void) {
    update_ext_arg(pcb, id, |arg| arg.data = data);
}

/// An external argument; NULL if there is none.
#[cfg(lwip_tcp_pcb_ext_args)]
#[unsafe(no_mangle)]
extern "C" fn tcp_ext_arg_get(pcb: *const c::tcp_pcb, id: u8) -> *mut c_void {
    match target(&enter(), pcb) {
        Target::Connection(pcb) => pcb.ext_arg(id),
        Target::Listener(listener) => listener.ext_arg(id),
        Target::Nothing => None,
    }
    .map_or(null_mut(), |arg| arg.data)
}
