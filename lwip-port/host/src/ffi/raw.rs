//! Raw IP: ICMP, mostly.

use super::registry::{Event, Id, note, with};
use super::stack::Lwip;
use super::{Error, address, bindings as c, pbuf};
use std::ffi::c_void;
use std::net::IpAddr;

fn pcb(id: Id) -> Result<*mut c::raw_pcb, Error> {
    with(|registry| registry.raw.get(&id).copied()).ok_or(Error::NotConnected)
}

fn check(code: c::err_t) -> Result<(), Error> {
    if code == 0 { Ok(()) } else { Err(Error::from_code(code)) }
}

/// ICMPv6's checksum covers the addresses (RFC 4443 2.3), so lwIP has to fill it in, here.
const ICMPV6: u8 = 58;
const ICMPV6_CHECKSUM_AT: u16 = 2;

impl Lwip {
    /// Opens it for one protocol of one family; `Packet` follows for each that comes.
    pub(crate) fn raw_open(&mut self, id: Id, v6: bool, protocol: u8) -> Result<(), Error> {
        let family = if v6 { c::IPADDR_TYPE_V6 } else { c::IPADDR_TYPE_V4 };
        // SAFETY: we have lwIP.
        let pcb = unsafe { c::raw_new_ip_type(family as u8, protocol) };
        if pcb.is_null() {
            return Err(Error::Memory);
        }
        // SAFETY: we have lwIP, and the PCB is a new one.
        unsafe {
            if v6 && protocol == ICMPV6 {
                (*pcb).chksum_reqd = 1;
                (*pcb).chksum_offset = ICMPV6_CHECKSUM_AT;
            }
            c::raw_recv(pcb, Some(on_packet), id.0 as *mut c_void);
        }
        with(|registry| registry.raw.insert(id, pcb));
        Ok(())
    }

    /// Sends what follows the IP header.
    pub(crate) fn raw_send(&mut self, id: Id, data: &[u8], to: IpAddr) -> Result<(), Error> {
        let pcb = pcb(id)?;
        let p = pbuf::from_slice(c::PBUF_IP, data);
        if p.is_null() {
            return Err(Error::Memory);
        }
        let remote = address::remote(to, 0);
        // SAFETY: we have lwIP, and the PCB is alive; lwIP takes no ownership of the pbuf.
        unsafe {
            let code = c::raw_sendto(pcb, p, &raw const remote);
            c::pbuf_free(p);
            check(code)
        }
    }

    pub(crate) fn raw_set_ttl(&mut self, id: Id, ttl: u8) -> Result<(), Error> {
        // SAFETY: we have lwIP, and the PCB is alive.
        unsafe { (*pcb(id)?).ttl = ttl };
        Ok(())
    }

    /// Ends it.
    pub(crate) fn raw_remove(&mut self, id: Id) {
        if let Some(pcb) = with(|registry| registry.raw.remove(&id)) {
            // SAFETY: we have lwIP; the PCB was in the table, so it is alive.
            unsafe { c::raw_remove(pcb) };
        }
    }
}

unsafe extern "C" fn on_packet(
    arg: *mut c_void,
    _pcb: *mut c::raw_pcb,
    p: *mut c::pbuf,
    addr: *const c::ip_addr_t,
) -> u8 {
    // SAFETY: lwIP calls us with a packet that it goes on using, since we return 0: so it is copied.
    unsafe {
        let mut gathered = Vec::new();
        let data = bytes::Bytes::copy_from_slice(pbuf::contiguous(p, &mut gathered));
        note(Event::Packet { id: Id(arg as usize), data, from: address::back(&*addr) });
    }
    0
}
