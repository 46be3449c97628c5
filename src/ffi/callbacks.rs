//! Calls into the application.
//!
//! Every one of them takes `&mut Core`: no handle to a PCB, listener or segment outlives it, because the application
//! may free any of them from inside. Who needs the PCB afterwards asks [`Core::get`] for it again.

use super::bindings as c;
use super::pbuf::Pbuf;
use super::{Error, Result, from_err_t};
use crate::components::rod;
use crate::pcb::{Bit, Core, Pcb, PcbId};
use core::ffi::c_void;
use core::ptr::null_mut;

/// What became of received data.
pub(crate) enum Delivery {
    /// The application has them.
    Taken,
    /// It does not want them now: the PCB keeps them for another try.
    Refused,
    /// The connection is gone.
    Aborted,
}

/// Whom to tell that a connection has failed: taken from the PCB before it is freed, called after.
#[derive(Clone, Copy)]
pub(crate) struct ErrorCallback {
    #[cfg(lwip_callback_api)]
    function: c::tcp_err_fn,
    #[cfg(lwip_event_api)]
    known_to_application: bool,
    arg: *mut c_void,
}

impl Pcb<'_> {
    /// See [`ErrorCallback`].
    pub(crate) fn error_callback(self) -> ErrorCallback {
        ErrorCallback {
            #[cfg(lwip_callback_api)]
            function: self.errf(),
            // The application has not seen a PCB that was not accepted yet.
            #[cfg(lwip_event_api)]
            known_to_application: self.state() != crate::pcb::State::SynRcvd,
            arg: self.callback_arg(),
        }
    }
}

impl Core {
    /// The err callback (TCP_EVENT_ERR).
    pub(crate) fn call_err(&mut self, callback: ErrorCallback, error: Error) {
        #[cfg(lwip_callback_api)]
        if let Some(function) = callback.function {
            // SAFETY: the application's function with the application's argument.
            unsafe { function(callback.arg, error.code()) };
        }
        #[cfg(lwip_event_api)]
        if callback.known_to_application {
            self.event(callback.arg, null_mut(), c::lwip_event_LWIP_EVENT_ERR, null_mut(), 0, error.code()).ok();
        }
    }

    /// The sent callback: `len` octets were acknowledged.
    pub(crate) fn call_sent(&mut self, id: PcbId, len: u16) -> Result {
        let Some(pcb) = self.get(id) else { return Err(Error::ABRT) };
        let arg = pcb.callback_arg();
        #[cfg(lwip_callback_api)]
        {
            let Some(function) = pcb.sent() else { return Ok(()) };
            // SAFETY: the application's function with its argument and a live PCB; no handle to it is kept.
            from_err_t(unsafe { function(arg, id.as_ptr(), len) })
        }
        #[cfg(lwip_event_api)]
        self.event(arg, id.as_ptr(), c::lwip_event_LWIP_EVENT_SENT, null_mut(), len, 0)
    }

    /// The recv callback with data. Data for nobody (RFC 9293 3.6: the application has closed) reset the connection, so that the
    /// peer knows.
    pub(crate) fn call_recv(&mut self, id: PcbId, data: Pbuf) -> Delivery {
        let Some(pcb) = self.get(id) else { return Delivery::Aborted };
        if pcb.has(Bit::RX_CLOSED) {
            drop(data);
            crate::api::abandon(self, id, true);
            return Delivery::Aborted;
        }
        let arg = pcb.callback_arg();
        let data = data.into_raw();
        #[cfg(lwip_callback_api)]
        let function = pcb.recv().unwrap_or(super::default_recv());
        #[cfg(lwip_callback_api)]
        // SAFETY: as in `call_sent`; the reference to the data goes over unless they are refused.
        let result = from_err_t(unsafe { function(arg, id.as_ptr(), data, 0) });
        #[cfg(lwip_event_api)]
        let result = self.event(arg, id.as_ptr(), c::lwip_event_LWIP_EVENT_RECV, data, 0, 0);
        match result {
            Ok(()) => Delivery::Taken,
            Err(Error::ABRT) => Delivery::Aborted,
            Err(_) => {
                // A PCB that is gone took its data along, whatever the callback returned: they may be freed already.
                let Some(pcb) = self.get(id) else { return Delivery::Aborted };
                // SAFETY: refused data stay the core's, by lwIP's documentation of the recv callback.
                if let Some(data) = unsafe { Pbuf::from_raw(data) } {
                    rod::put_refused_data(pcb, data);
                }
                Delivery::Refused
            }
        }
    }

    /// The recv callback without data: the peer has closed (TCP_EVENT_CLOSED).
    pub(crate) fn call_closed(&mut self, id: PcbId) -> Result {
        let Some(pcb) = self.get(id) else { return Err(Error::ABRT) };
        let arg = pcb.callback_arg();
        #[cfg(lwip_callback_api)]
        {
            let Some(function) = pcb.recv() else { return Ok(()) };
            // SAFETY: as in `call_sent`.
            from_err_t(unsafe { function(arg, id.as_ptr(), null_mut(), 0) })
        }
        #[cfg(lwip_event_api)]
        self.event(arg, id.as_ptr(), c::lwip_event_LWIP_EVENT_RECV, null_mut(), 0, 0)
    }

    /// The connected callback.
    pub(crate) fn call_connected(&mut self, id: PcbId) -> Result {
        let Some(pcb) = self.get(id) else { return Err(Error::ABRT) };
        let arg = pcb.callback_arg();
        #[cfg(lwip_callback_api)]
        {
            let Some(function) = pcb.connected() else { return Ok(()) };
            // SAFETY: as in `call_sent`.
            from_err_t(unsafe { function(arg, id.as_ptr(), 0) })
        }
        #[cfg(lwip_event_api)]
        self.event(arg, id.as_ptr(), c::lwip_event_LWIP_EVENT_CONNECTED, null_mut(), 0, 0)
    }

    /// The poll callback.
    pub(crate) fn call_poll(&mut self, id: PcbId) -> Result {
        let Some(pcb) = self.get(id) else { return Err(Error::ABRT) };
        let arg = pcb.callback_arg();
        #[cfg(lwip_callback_api)]
        {
            let Some(function) = pcb.poll() else { return Ok(()) };
            // SAFETY: as in `call_sent`.
            from_err_t(unsafe { function(arg, id.as_ptr()) })
        }
        #[cfg(lwip_event_api)]
        if pcb.state() == crate::pcb::State::SynRcvd {
            Err(Error::ARG)
        } else {
            self.event(arg, id.as_ptr(), c::lwip_event_LWIP_EVENT_POLL, null_mut(), 0, 0)
        }
    }

    /// The accept callback of the listener that `id` came in by; an error if nobody is there to accept it any more. Its argument is that of the new connection, which
    /// inherited it.
    pub(crate) fn call_accept(&mut self, id: PcbId) -> Result {
        let Some(pcb) = self.get(id) else { return Err(Error::ABRT) };
        let arg = pcb.callback_arg();
        #[cfg(lwip_event_api)]
        if !crate::api::has_listener(pcb) {
            return Err(Error::VAL);
        }
        #[cfg(lwip_callback_api)]
        {
            let Some(function) = pcb.listener().and_then(|listener| listener.accept()) else { return Err(Error::ARG) };
            // SAFETY: as in `call_sent`.
            from_err_t(unsafe { function(arg, id.as_ptr(), 0) })
        }
        #[cfg(lwip_event_api)]
        self.event(arg, id.as_ptr(), c::lwip_event_LWIP_EVENT_ACCEPT, null_mut(), 0, 0)
    }

    /// The accept callback without a connection: there was no memory for one.
    pub(crate) fn call_accept_failed(&mut self, accept: AcceptCallback) {
        #[cfg(lwip_callback_api)]
        if let Some(function) = accept.function {
            // SAFETY: the application's function with its argument; a null PCB says that there is none.
            unsafe { function(accept.arg, null_mut(), Error::MEM.code()) };
        }
        #[cfg(lwip_event_api)]
        self.event(accept.arg, null_mut(), c::lwip_event_LWIP_EVENT_ACCEPT, null_mut(), 0, Error::MEM.code()).ok();
    }

    #[cfg(lwip_event_api)]
    fn event(
        &mut self,
        arg: *mut c_void,
        pcb: *mut c::tcp_pcb,
        event: c::lwip_event,
        data: *mut c::pbuf,
        size: u16,
        error: c::err_t,
    ) -> Result {
        // SAFETY: the application's function, as LWIP_EVENT_API has it.
        from_err_t(unsafe { c::lwip_tcp_event(arg, pcb, event, data, size, error) })
    }
}

/// A listener's accept callback, to be called when the listener itself is not at hand any more.
#[derive(Clone, Copy)]
pub(crate) struct AcceptCallback {
    #[cfg(lwip_callback_api)]
    pub(crate) function: c::tcp_accept_fn,
    pub(crate) arg: *mut c_void,
}

/// The hooks of lwipopts.h.
pub(crate) mod hooks {
    use super::c;
    use crate::pcb::Pcb;

    /// LWIP_HOOK_TCP_ISN.
    #[cfg(hook_tcp_isn)]
    pub(crate) fn isn(pcb: Pcb<'_>) -> u32 {
        // SAFETY: (lock); a live PCB, to read addresses and ports of.
        unsafe { c::lwip_tcp_rust_hook_isn(pcb.as_ptr()) }
    }

    /// The options of a segment as LWIP_HOOK_TCP_INPACKET_PCB is given them: how long they are, how much of that is in the
    /// first pbuf behind the header, and where the rest is.
    #[cfg(hook_tcp_inpacket_pcb)]
    #[derive(Clone, Copy)]
    pub(crate) struct OptionArea {
        pub(crate) len: u16,
        pub(crate) in_first: u16,
        pub(crate) rest: *mut u8,
    }

    /// LWIP_HOOK_TCP_INPACKET_PCB: whether TCP is to go on with the segment, whose header is in host byte order.
    #[cfg(hook_tcp_inpacket_pcb)]
    pub(crate) fn inpacket(pcb: *mut c::tcp_pcb, options: OptionArea, data: &crate::ffi::pbuf::Arrival) -> bool {
        let OptionArea { len, in_first, rest } = options;
        // SAFETY: (lock), (pbuf); a live PCB or listener.
        unsafe { c::lwip_tcp_rust_hook_inpacket(pcb, data.header_ptr(), len, in_first, rest, data.as_ptr()) == 0 }
    }

    /// LWIP_HOOK_TCP_OUT_TCPOPT_LENGTH: octets of options with those that the hook will add.
    pub(crate) fn option_length(pcb: Option<Pcb<'_>>, ours: u8) -> u8 {
        #[cfg(hook_tcp_out_tcpopt_length)]
        {
            let pcb = pcb.map_or(core::ptr::null(), |pcb| pcb.as_ptr().cast_const());
            // SAFETY: (lock); null or a live PCB. More than 40 octets do not fit a header.
            unsafe { c::lwip_tcp_rust_hook_opt_length(pcb, ours) }.min(crate::wire::MAX_OPTIONS_LEN as u8) & !3
        }
        #[cfg(not(hook_tcp_out_tcpopt_length))]
        {
            let _ = pcb;
            ours
        }
    }

    /// LWIP_HOOK_TCP_OUT_ADD_TCPOPTS: the hook writes its options into `area`, which has the length asked for.
    pub(crate) fn add_options(p: *mut c::pbuf, header: *mut c::tcp_hdr, pcb: Option<Pcb<'_>>, area: &mut [u8]) {
        #[cfg(hook_tcp_out_add_tcpopts)]
        {
            let pcb = pcb.map_or(core::ptr::null(), |pcb| pcb.as_ptr().cast_const());
            let start = area.as_mut_ptr();
            // SAFETY: (lock), (pbuf); the hook writes what LWIP_HOOK_TCP_OUT_TCPOPT_LENGTH announced.
            let end = unsafe { c::lwip_tcp_rust_hook_add_opts(p, header, pcb, start.cast()) };
            let filled = core::ptr::eq(end.cast::<u8>(), area.as_ptr_range().end);
            super::super::diagnostics::assert_that(filled, super::super::diagnostics::Assertion::OptionsNotFilled);
        }
        let _ = (p, header, pcb, area);
    }
}
