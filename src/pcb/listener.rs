//! Listening PCBs: lwIP's `struct tcp_pcb_listen`, all owned by connection management.

use super::{Core, List, Pcb, State, load, store};
use crate::components::connection_management::Owner;
use crate::ffi::bindings as c;
use crate::ffi::ip::Addr;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::ops::Deref;
use core::ptr::NonNull;

/// What a connection and a listener have in common, for as long as nothing else gets to run: see [`Pcb`]. Both of lwIP's structs
/// begin with it.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint<'c> {
    ptr: NonNull<c::tcp_pcb_listen>,
    _core: PhantomData<&'c Core>,
}

macro_rules! assert_same_place {
    ($( $(#[$cfg:meta])* $field:ident )*) => {
        $(
            $(#[$cfg])*
            const _: () = assert!(offset_of!(c::tcp_pcb, $field) == offset_of!(c::tcp_pcb_listen, $field));
        )*
    };
}
assert_same_place!(local_ip netif_idx so_options prio local_port callback_arg next #[cfg(lwip_tcp_pcb_ext_args)] ext_args);

/// A listener on lwIP's list, for as long as nothing else gets to run.
#[derive(Clone, Copy)]
pub(crate) struct Listener<'c>(Endpoint<'c>);

impl<'c> Deref for Listener<'c> {
    type Target = Endpoint<'c>;

    fn deref(&self) -> &Endpoint<'c> {
        &self.0
    }
}

macro_rules! getters {
    ($( $(#[$cfg:meta])* $field:ident: $ty:ty; )*) => {
        $(
            $(#[$cfg])*
            #[inline(always)]
            pub(crate) fn $field(self) -> $ty {
                // SAFETY: (live) or a listed listener, under (lock).
                unsafe { load(&raw const (*self.ptr.as_ptr()).$field) }
            }
        )*
    };
}

macro_rules! setters {
    ($( $(#[$cfg:meta])* $set:ident: $field:ident: $ty:ty; )*) => {
        $(
            $(#[$cfg])*
            #[inline(always)]
            pub(crate) fn $set(self, _owner: Owner, value: $ty) {
                // SAFETY: (live) or a listed listener, under (lock).
                unsafe { store(&raw mut (*self.ptr.as_ptr()).$field, value) }
            }
        )*
    };
}

impl<'c> Endpoint<'c> {
    getters! {
        netif_idx: u8;
        so_options: u8;
        prio: u8;
        local_port: u16;
        callback_arg: *mut c_void;
    }

    setters! {
        set_callback_arg: callback_arg: *mut c_void;
        set_prio: prio: u8;
        set_netif_idx: netif_idx: u8;
    }

    /// The next one in its list.
    pub(super) fn next(self) -> *mut c::tcp_pcb {
        // SAFETY: (live) or a listed listener, under (lock).
        unsafe { load(&raw const (*self.ptr.as_ptr()).next) }.cast()
    }

    /// Its own address.
    pub(crate) fn local_ip(self) -> Addr<'c> {
        // SAFETY: a field of a live PCB or listed listener; it is not at null.
        unsafe { Addr::from_raw(&raw const (*self.ptr.as_ptr()).local_ip).unwrap_unchecked() }
    }

    /// One of its external arguments. A listener's connections see those of the listener in their passive_open callbacks.
    #[cfg(lwip_tcp_pcb_ext_args)]
    pub(crate) fn ext_arg(self, id: u8) -> Option<c::tcp_pcb_ext_args> {
        // SAFETY: (live) or a listed listener, under (lock).
        unsafe { load(&raw const (*self.ptr.as_ptr()).ext_args) }.get(usize::from(id)).copied()
    }

    /// Changes one of them; an `id` out of range has no effect.
    #[cfg(lwip_tcp_pcb_ext_args)]
    pub(crate) fn update_ext_arg(self, _owner: Owner, id: u8, update: impl FnOnce(&mut c::tcp_pcb_ext_args)) {
        // SAFETY: (live) or a listed listener, under (lock).
        unsafe {
            let mut args = load(&raw const (*self.ptr.as_ptr()).ext_args);
            if let Some(arg) = args.get_mut(usize::from(id)) {
                update(arg);
                store(&raw mut (*self.ptr.as_ptr()).ext_args, args);
            }
        }
    }
}

impl<'c> Pcb<'c> {
    /// What it has in common with listeners.
    pub(crate) fn endpoint(self) -> Endpoint<'c> {
        Endpoint { ptr: self.ptr.cast(), _core: PhantomData }
    }
}

impl<'c> Listener<'c> {
    /// # Safety
    /// `ptr` is null or a listener on lwIP's list.
    pub(super) unsafe fn from_raw(ptr: *mut c::tcp_pcb_listen) -> Option<Self> {
        NonNull::new(ptr).map(|ptr| Self(Endpoint { ptr, _core: PhantomData }))
    }

    pub(crate) fn as_ptr(self) -> *mut c::tcp_pcb_listen {
        self.ptr.as_ptr()
    }

    pub(super) fn following(self) -> Option<Self> {
        // SAFETY: the list links living listeners only.
        unsafe { Self::from_raw(self.next().cast()) }
    }

    getters! {
        #[cfg(lwip_callback_api)] accept: c::tcp_accept_fn;
        #[cfg(tcp_listen_backlog)] backlog: u8;
        #[cfg(tcp_listen_backlog)] accepts_pending: u8;
    }

    setters! {
        #[cfg(lwip_callback_api)] set_accept: accept: c::tcp_accept_fn;
        #[cfg(tcp_listen_backlog)] set_accepts_pending: accepts_pending: u8;
    }

    pub(crate) fn set_local_ip(self, _owner: Owner, addr: Addr<'_>) {
        // SAFETY: a field of a listed listener, under (lock).
        unsafe { addr.copy_to(&raw mut (*self.ptr.as_ptr()).local_ip) }
    }

    /// The tag control information that its connections inherit.
    #[cfg(lwip_vlan_pcp)]
    pub(crate) fn pass_hints_to(self, pcb: Pcb<'_>) {
        // SAFETY: a listed listener and (live), under (lock).
        unsafe {
            let tci = load(&raw const (*self.ptr.as_ptr()).netif_hints.tci);
            store(&raw mut (*pcb.as_ptr()).netif_hints.tci, tci);
        }
    }

    /// The passive_open callbacks of external arguments: each may set an argument of the new connection, or refuse it
    /// by an error. They see both PCBs, and may free the new one: `&mut Core`.
    #[cfg(lwip_tcp_pcb_ext_args)]
    pub(crate) fn passive_open(
        core: &mut Core,
        listener: *mut c::tcp_pcb_listen,
        id: super::PcbId,
    ) -> crate::ffi::Result {
        for number in 0..crate::ffi::config::LWIP_TCP_PCB_NUM_EXT_ARGS as u8 {
            let (Some(listener), Some(pcb)) = (core.find_listener(listener), core.get(id)) else {
                return Err(crate::ffi::Error::ARG);
            };
            // SAFETY: a listed listener, under (lock).
            let args = unsafe { load(&raw const (*listener.ptr.as_ptr()).ext_args) };
            let Some(arg) = args.get(usize::from(number)) else { break };
            // SAFETY: null, or callbacks that the application registered and keeps.
            let open = unsafe { arg.callbacks.as_ref() }.and_then(|callbacks| callbacks.passive_open);
            if let Some(open) = open {
                // SAFETY: the application's function, with the listener and the new PCB.
                crate::ffi::from_err_t(unsafe { open(number, listener.as_ptr(), pcb.as_ptr()) })?;
            }
        }
        Ok(())
    }
}

/// A listener that is not on the list yet.
pub(crate) struct NewListener(NonNull<c::tcp_pcb_listen>);

impl NewListener {
    /// From lwIP's pool.
    pub(crate) fn allocate(_core: &Core) -> Option<Self> {
        // SAFETY: (lock)
        let memory = unsafe {
            c::lwip_tcp_rust_memp_zalloc(c::memp_t_MEMP_TCP_PCB_LISTEN, size_of::<c::tcp_pcb_listen>() as u16)
        };
        NonNull::new(memory.cast()).map(Self)
    }

    /// Fills it from the PCB that tcp_listen was called with, and puts it on the list.
    pub(crate) fn listen_as<'c>(self, core: &'c Core, pcb: Pcb<'_>, accept: Accept) -> Listener<'c> {
        let Accept { backlog, function } = accept;
        let (new, old) = (self.0.as_ptr(), pcb.as_ptr());
        // SAFETY: new memory of a listener, all zero, which is a valid one; (live), (lock).
        unsafe {
            macro_rules! copy {
                // All are read before the first is written, so that neighbours are copied together.
                ($($field:ident)*) => {
                    $( let $field = load(&raw const (*old).$field); )*
                    $( store(&raw mut (*new).$field, $field); )*
                };
            }
            pcb.local_ip().copy_to(&raw mut (*new).local_ip);
            copy!(netif_idx so_options tos ttl callback_arg prio local_port);
            #[cfg(all(lwip_ipv4, lwip_ipv6))]
            store(&raw mut (*new).remote_ip.type_, load(&raw const (*old).local_ip.type_));
            #[cfg(lwip_vlan_pcp)]
            store(&raw mut (*new).netif_hints.tci, load(&raw const (*old).netif_hints.tci));
            #[cfg(lwip_tcp_pcb_ext_args)]
            copy!(ext_args);
            store(&raw mut (*new).state, State::Listen as u8 as c::tcp_state);
            #[cfg(lwip_callback_api)]
            store(&raw mut (*new).accept, function);
            #[cfg(tcp_listen_backlog)]
            store(&raw mut (*new).backlog, backlog.max(1));
        }
        let _ = (backlog, function);
        let listener = Listener(Endpoint { ptr: self.0, _core: PhantomData });
        core.register_listener(listener);
        listener
    }
}

/// How a new listener accepts.
pub(crate) struct Accept {
    pub(crate) backlog: u8,
    #[cfg(lwip_callback_api)]
    pub(crate) function: c::tcp_accept_fn,
    #[cfg(not(lwip_callback_api))]
    pub(crate) function: (),
}

impl Core {
    /// Takes a listener off the list and gives it back to lwIP's pool. No PCB refers to it any more.
    ///
    /// The destroy callbacks of external arguments run first, hence `&mut self`.
    pub(crate) fn free_listener(&mut self, ptr: *mut c::tcp_pcb_listen) {
        if !self.unlink(List::Listen, ptr.cast()) {
            return;
        }
        #[cfg(lwip_tcp_pcb_ext_args)]
        {
            // SAFETY: a listener that was listed until just now.
            let args = unsafe { load(&raw const (*ptr).ext_args) };
            for (id, arg) in args.iter().enumerate() {
                // SAFETY: null, or callbacks that the application registered and keeps.
                if let Some(destroy) = unsafe { arg.callbacks.as_ref() }.and_then(|callbacks| callbacks.destroy) {
                    // SAFETY: the application's function with the application's data.
                    unsafe { destroy(id as u8, arg.data) };
                }
            }
        }
        // SAFETY: a listener from the pool that nothing refers to any more.
        unsafe { c::memp_free(c::memp_t_MEMP_TCP_PCB_LISTEN, ptr.cast()) };
    }
}
