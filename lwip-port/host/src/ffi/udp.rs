//! UDP.

use super::registry::{Event, Id, note, with};
use super::stack::Lwip;
use super::{Error, address, bindings as c, pbuf};
use std::ffi::c_void;
use std::net::SocketAddr;

fn pcb(id: Id) -> Result<*mut c::udp_pcb, Error> {
    with(|registry| registry.udp.get(&id).copied()).ok_or(Error::NotConnected)
}

fn check(code: c::err_t) -> Result<(), Error> {
    if code == 0 { Ok(()) } else { Err(Error::from_code(code)) }
}

impl Lwip {
    /// Binds; `Datagram` follows for each that comes.
    pub(crate) fn udp_bind(&mut self, id: Id, at: SocketAddr) -> Result<SocketAddr, Error> {
        // SAFETY: we have lwIP.
        let pcb = unsafe { c::udp_new_ip_type(c::IPADDR_TYPE_ANY as u8) };
        if pcb.is_null() {
            return Err(Error::Memory);
        }
        let local = address::local(at.ip(), address::zone(&at));
        // SAFETY: we have lwIP, and the PCB is a new one; the address is copied.
        unsafe {
            if let Err(error) = check(c::udp_bind(pcb, &raw const local, at.port())) {
                c::udp_remove(pcb);
                return Err(error);
            }
            c::udp_recv(pcb, Some(on_datagram), id.0 as *mut c_void);
            with(|registry| registry.udp.insert(id, pcb));
            Ok(SocketAddr::new(at.ip(), (*pcb).local_port))
        }
    }

    /// Takes datagrams from there only, and sends there by default.
    pub(crate) fn udp_connect(&mut self, id: Id, to: SocketAddr) -> Result<SocketAddr, Error> {
        let pcb = pcb(id)?;
        let remote = address::remote(to.ip(), address::zone(&to));
        // SAFETY: we have lwIP, and the PCB is alive; the address is copied.
        unsafe {
            check(c::udp_connect(pcb, &raw const remote, to.port()))?;
            Ok(address::socket(&(*pcb).local_ip, (*pcb).local_port))
        }
    }

    /// Sends one datagram.
    pub(crate) fn udp_send(&mut self, id: Id, data: &[u8], to: SocketAddr) -> Result<(), Error> {
        let pcb = pcb(id)?;
        let p = pbuf::from_slice(c::PBUF_TRANSPORT, data);
        if p.is_null() {
            return Err(Error::Memory);
        }
        let remote = address::remote(to.ip(), address::zone(&to));
        // SAFETY: we have lwIP, and the PCB is alive; lwIP takes no ownership of the pbuf.
        unsafe {
            let code = c::udp_sendto(pcb, p, &raw const remote, to.port());
            c::pbuf_free(p);
            check(code)
        }
    }

    /// Whether datagrams to everybody may be sent and received.
    pub(crate) fn udp_set_broadcast(&mut self, id: Id, on: bool) -> Result<(), Error> {
        let pcb = pcb(id)?;
        // SAFETY: we have lwIP, and the PCB is alive.
        unsafe {
            if on {
                (*pcb).so_options |= c::SOF_BROADCAST as u8;
            } else {
                (*pcb).so_options &= !(c::SOF_BROADCAST as u8);
            }
        }
        Ok(())
    }

    pub(crate) fn udp_ttl(&mut self, id: Id) -> Result<u8, Error> {
        // SAFETY: we have lwIP, and the PCB is alive.
        Ok(unsafe { (*pcb(id)?).ttl })
    }

    pub(crate) fn udp_set_ttl(&mut self, id: Id, ttl: u8) -> Result<(), Error> {
        // SAFETY: we have lwIP, and the PCB is alive.
        unsafe { (*pcb(id)?).ttl = ttl };
        Ok(())
    }

    /// Ends it.
    pub(crate) fn udp_remove(&mut self, id: Id) {
        if let Some(pcb) = with(|registry| registry.udp.remove(&id)) {
            // SAFETY: we have lwIP; the PCB was in the table, so it is alive.
            unsafe { c::udp_remove(pcb) };
        }
    }
}

unsafe extern "C" fn on_datagram(
    arg: *mut c_void,
    _pcb: *mut c::udp_pcb,
    p: *mut c::pbuf,
    addr: *const c::ip_addr_t,
    port: u16,
) {
    // SAFETY: lwIP calls us; the pbuf becomes ours. It is copied, as one of a broadcast, or of a packet that came in
    // fragments, can have more than one owner.
    unsafe {
        let mut gathered = Vec::new();
        let data = bytes::Bytes::copy_from_slice(pbuf::contiguous(p, &mut gathered));
        c::pbuf_free(p);
        note(Event::Datagram { id: Id(arg as usize), data, from: address::socket(&*addr, port) });
    }
}
