//! Names.

use super::registry::{Event, Id, note};
use super::stack::Lwip;
use super::{Error, address, bindings as c};
use std::ffi::{CString, c_char, c_void};
use std::net::IpAddr;

/// Which family is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Lwip {
    /// The servers, the first two of them.
    pub(crate) fn set_dns_servers(&mut self, servers: &[IpAddr]) {
        for place in 0..c::DNS_MAX_SERVERS as u8 {
            let server = servers.get(usize::from(place)).map(|server| address::remote(*server, 0));
            // SAFETY: we have lwIP; the address is copied, and null means none.
            unsafe { c::dns_setserver(place, server.as_ref().map_or(std::ptr::null(), std::ptr::from_ref)) };
        }
    }

    /// The servers, set by hand or by DHCP.
    pub(crate) fn dns_servers(&mut self) -> Vec<IpAddr> {
        (0..c::DNS_MAX_SERVERS as u8)
            // SAFETY: we have lwIP; it returns one of its own addresses.
            .map(|place| address::back(unsafe { &*c::dns_getserver(place) }))
            .filter(|server| !server.is_unspecified())
            .collect()
    }

    /// Asks for the address of a name: `Some` is known at once, or `Resolved` follows.
    pub(crate) fn resolve(&mut self, id: Id, name: &str, family: Family) -> Result<Option<IpAddr>, Error> {
        let name = CString::new(name).map_err(|_| Error::Invalid)?;
        let family = match family {
            Family::V4 => c::LWIP_DNS_ADDRTYPE_IPV4,
            Family::V6 => c::LWIP_DNS_ADDRTYPE_IPV6,
        };
        let mut found = address::remote(IpAddr::from([0, 0, 0, 0]), 0);
        let arg = id.0 as *mut c_void;
        // SAFETY: we have lwIP; the name is copied, and the address is written before it returns.
        let code =
            unsafe { c::dns_gethostbyname_addrtype(name.as_ptr(), &raw mut found, Some(on_found), arg, family as u8) };
        match c::err_enum_t::from(code) {
            c::ERR_OK => Ok(Some(address::back(&found))),
            c::ERR_INPROGRESS => Ok(None),
            _ => Err(Error::from_code(code)),
        }
    }
}

unsafe extern "C" fn on_found(_name: *const c_char, address: *const c::ip_addr_t, arg: *mut c_void) {
    // SAFETY: lwIP calls us with an address or null.
    let address = unsafe { address.as_ref() }.map(address::back);
    note(Event::Resolved { id: Id(arg as usize), address });
}
