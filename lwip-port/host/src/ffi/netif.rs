//! Interfaces: a `struct netif` in front of each [`Device`].

use super::registry::{Id, next_id, with};
use super::stack::Lwip;
use super::{address, bindings as c, pbuf};
use crate::device::{Device, Medium, Waker};
use std::ffi::c_void;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A device and its `struct netif`.
pub(super) struct Port {
    id: Id,
    device: Box<dyn Device>,
    /// From `Box::into_raw`: lwIP keeps pointers to it until netif_remove().
    netif: *mut c::netif,
    scratch: Vec<u8>,
    /// The far end of the device is gone.
    ended: bool,
    /// Errors of the device since it last had a frame, or had none without an error.
    faults: u8,
    dropped: u64,
}

/// After so many errors in a row a device is given up: one that goes on failing would keep poll(2) awake for ever.
const FAULTS: u8 = 16;

/// What a device had.
enum Received {
    Frame(usize),
    Nothing,
    /// An error that may have passed when it is asked again.
    Fault,
}

impl Port {
    fn receive(&mut self) -> Received {
        if self.ended {
            return Received::Nothing;
        }
        let error = match self.device.receive(&mut self.scratch) {
            Ok(length) => {
                self.faults = 0;
                return length.map_or(Received::Nothing, Received::Frame);
            }
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Received::Nothing,
            // A link that is down comes up again.
            io::ErrorKind::NetworkDown => {
                self.dropped += 1;
                Received::Nothing
            }
            io::ErrorKind::UnexpectedEof => {
                self.ended = true;
                Received::Nothing
            }
            _ => {
                self.dropped += 1;
                self.faults += 1;
                self.ended = self.faults >= FAULTS;
                Received::Fault
            }
        }
    }
}

/// How far an address of an interface has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressState {
    /// Being checked for a second owner (RFC 4862 5.4).
    Tentative,
    /// In use.
    Valid,
}

/// What is known of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceState {
    /// lwIP's number of it, which is also its scope in link-local addresses.
    pub index: u8,
    /// The hardware address; zeroes with [`Medium::Ip`].
    pub mac: [u8; 6],
    /// The longest IP packet, in octets.
    pub mtu: u16,
    /// The IPv4 address and its mask, if it has one.
    pub ipv4: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Where IPv4 packets for elsewhere go.
    pub gateway: Option<Ipv4Addr>,
    /// The IPv6 addresses.
    pub ipv6: Vec<(Ipv6Addr, AddressState)>,
    /// Whether the far end of the device is still there.
    pub up: bool,
    /// Frames that the device had no room for, and the times that it failed or its link was down.
    pub dropped: u64,
}

impl Lwip {
    /// Adds an interface in front of `device`, and sets it up.
    pub(crate) fn add_interface(&mut self, device: Box<dyn Device>, name: [u8; 2], mac: [u8; 6]) -> io::Result<Id> {
        let capabilities = device.capabilities();
        let mtu = u16::try_from(capabilities.mtu)
            .ok()
            .filter(|mtu| *mtu >= 68)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the MTU is to be 68 to 65535 (RFC 791 3.2)"))?;
        let id = next_id();
        // SAFETY: a struct netif of zeroes is what C's static ones are before netif_add(), which takes any.
        let mut blank: Box<c::netif> = Box::new(unsafe { std::mem::zeroed() });
        blank.name = name.map(|letter| letter as _);
        if capabilities.medium == Medium::Ethernet {
            blank.hwaddr = mac;
            blank.hwaddr_len = 6;
        }
        let netif = Box::into_raw(blank);
        let scratch = vec![0; capabilities.frame()];
        with(|registry| registry.ports.push(Port { id, device, netif, scratch, ended: false, faults: 0, dropped: 0 }));
        let (init, input): (c::netif_init_fn, c::netif_input_fn) = match capabilities.medium {
            Medium::Ethernet => (Some(init_ethernet), Some(c::ethernet_input)),
            Medium::Ip => (Some(init_ip), Some(c::ip_input)),
        };
        // SAFETY: we have lwIP; the struct lives until `remove_interface`, and the callbacks are of the right kind.
        let added = unsafe { c::netif_add_noaddr(netif, id.0 as *mut c_void, init, input) };
        if added.is_null() {
            with(|registry| registry.ports.retain(|port| port.id != id));
            // SAFETY: it came from Box::into_raw, and lwIP did not take it.
            drop(unsafe { Box::from_raw(netif) });
            return Err(io::Error::other("lwIP takes no more interfaces"));
        }
        // SAFETY: we have lwIP, and the struct is an interface of it.
        unsafe {
            c::netif_set_link_up(netif);
            c::netif_set_up(netif);
            if c::netif_default.is_null() {
                c::netif_set_default(netif);
            }
            if mtu >= 1280 && capabilities.medium == Medium::Ethernet {
                c::netif_create_ip6_linklocal_address(netif, 1);
            }
        }
        Ok(id)
    }

    /// Takes an interface away, and gives its device back.
    pub(crate) fn remove_interface(&mut self, id: Id) -> Option<Box<dyn Device>> {
        let netif = netif_of(id)?;
        // SAFETY: we have lwIP; the interface is one of it, and after netif_remove() lwIP does not know it any more. The DHCP
        // client's memory, if there is one, is lwIP's, and goes first.
        unsafe {
            c::dhcp_release_and_stop(netif);
            c::dhcp_cleanup(netif);
            c::netif_remove(netif);
            drop(Box::from_raw(netif));
        }
        with(|registry| {
            let place = registry.ports.iter().position(|port| port.id == id)?;
            Some(registry.ports.swap_remove(place).device)
        })
    }

    /// All interfaces but lwIP's own loopback.
    pub(crate) fn interfaces(&mut self) -> Vec<Id> {
        with(|registry| registry.ports.iter().map(|port| port.id).collect())
    }

    /// Looks at the devices whose far end is still there.
    pub(crate) fn with_devices<T>(&mut self, look: impl FnOnce(&mut dyn Iterator<Item = &dyn Device>) -> T) -> T {
        with(|registry| {
            look(&mut registry.ports.iter().filter(|port| !port.ended).map(|port| &*port.device as &dyn Device))
        })
    }

    /// Has devices in memory say when they have a frame.
    pub(crate) fn set_waker(&mut self, id: Id, waker: Waker) {
        with(|registry| {
            if let Some(port) = registry.ports.iter_mut().find(|port| port.id == id) {
                port.device.set_waker(waker);
            }
        });
    }

    /// Receives up to `limit` frames of an interface; false: no more are there now.
    pub(crate) fn receive_frames(&mut self, id: Id, limit: usize) -> bool {
        for _ in 0..limit {
            let received = with(|registry| {
                let port = registry.ports.iter_mut().find(|port| port.id == id)?;
                let length = match port.receive() {
                    Received::Frame(length) => length,
                    Received::Nothing => return None,
                    Received::Fault => return Some((std::ptr::null_mut(), port.netif)),
                };
                // Making a pbuf calls nobody back.
                Some((pbuf::from_slice(c::PBUF_RAW, port.scratch.get(..length)?), port.netif))
            });
            let Some((pbuf, netif)) = received else { return false };
            if pbuf.is_null() {
                continue;
            }
            // SAFETY: we have lwIP; the interface is one of it and its input function takes the pbuf, unless it says not.
            unsafe {
                let Some(input) = (*netif).input else { return false };
                if input(pbuf, netif) != 0 {
                    c::pbuf_free(pbuf);
                }
            }
        }
        true
    }

    /// Sets the IPv4 address; a gateway of none leaves only the own network reachable.
    pub(crate) fn set_ipv4(
        &mut self,
        id: Id,
        ip: Ipv4Addr,
        mask: Ipv4Addr,
        gateway: Option<Ipv4Addr>,
    ) -> io::Result<()> {
        let netif = netif_of(id).ok_or_else(gone)?;
        let (ip, mask) = (address::ip4(ip), address::ip4(mask));
        let gateway = address::ip4(gateway.unwrap_or(Ipv4Addr::UNSPECIFIED));
        // SAFETY: we have lwIP; the interface is one of it, and the addresses are read only.
        unsafe { c::netif_set_addr(netif, &raw const ip, &raw const mask, &raw const gateway) };
        Ok(())
    }

    /// Adds an IPv6 address, whose network is its first 64 bits.
    pub(crate) fn add_ipv6(&mut self, id: Id, ip: Ipv6Addr) -> io::Result<()> {
        let netif = netif_of(id).ok_or_else(gone)?;
        let ip = address::ip6(ip, 0);
        let mut place = -1;
        // SAFETY: we have lwIP; the interface is one of it, the address is read, and the place is written.
        let error = unsafe { c::netif_add_ip6_address(netif, &raw const ip, &raw mut place) };
        if error != 0 {
            return Err(super::Error::from_code(error).into());
        }
        // SAFETY: as above; the place is one of the interface.
        unsafe { c::netif_ip6_addr_set_state(netif, place, c::IP6_ADDR_PREFERRED as u8) };
        Ok(())
    }

    /// Makes the interface the one for what no other is nearer to.
    pub(crate) fn set_default(&mut self, id: Id) -> io::Result<()> {
        let netif = netif_of(id).ok_or_else(gone)?;
        // SAFETY: we have lwIP; the interface is one of it.
        unsafe { c::netif_set_default(netif) };
        Ok(())
    }

    /// Starts the DHCP client.
    pub(crate) fn start_dhcp(&mut self, id: Id) -> io::Result<()> {
        let netif = netif_of(id).ok_or_else(gone)?;
        // SAFETY: we have lwIP; the interface is one of it.
        match unsafe { c::dhcp_start(netif) } {
            0 => Ok(()),
            code => Err(super::Error::from_code(code).into()),
        }
    }

    /// Gives the lease back, and stops the DHCP client.
    pub(crate) fn stop_dhcp(&mut self, id: Id) -> io::Result<()> {
        let netif = netif_of(id).ok_or_else(gone)?;
        // SAFETY: as above. Without a client it does nothing.
        unsafe {
            c::dhcp_release_and_stop(netif);
            c::dhcp_cleanup(netif);
        }
        Ok(())
    }

    /// Whether the DHCP client has an address.
    pub(crate) fn dhcp_is_bound(&mut self, id: Id) -> bool {
        // SAFETY: we have lwIP; the interface is one of it.
        netif_of(id).is_some_and(|netif| unsafe { c::dhcp_supplied_address(netif) } != 0)
    }

    /// What is known of an interface.
    pub(crate) fn interface_state(&mut self, id: Id) -> io::Result<InterfaceState> {
        let (netif, ended, dropped) = with(|registry| {
            let port = registry.ports.iter().find(|port| port.id == id)?;
            Some((port.netif, port.ended, port.dropped))
        })
        .ok_or_else(gone)?;
        // SAFETY: we have lwIP, and nobody writes to the struct meanwhile.
        let netif = unsafe { &*netif };
        let set = |ip: &c::ip_addr_t| match address::back(ip) {
            IpAddr::V4(ip) if !ip.is_unspecified() => Some(ip),
            _ => None,
        };
        let mask = match address::back(&netif.netmask) {
            IpAddr::V4(mask) => mask,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        let ipv6 = netif.ip6_addr.iter().zip(netif.ip6_addr_state).filter_map(|(ip, state)| {
            let state = if u32::from(state) & c::IP6_ADDR_VALID != 0 {
                AddressState::Valid
            } else if u32::from(state) & c::IP6_ADDR_TENTATIVE != 0 {
                AddressState::Tentative
            } else {
                return None;
            };
            match address::back(ip) {
                IpAddr::V6(ip) => Some((ip, state)),
                IpAddr::V4(_) => None,
            }
        });
        Ok(InterfaceState {
            index: netif.num.wrapping_add(1),
            mac: netif.hwaddr,
            mtu: netif.mtu,
            ipv4: set(&netif.ip_addr).map(|ip| (ip, mask)),
            gateway: set(&netif.gw),
            ipv6: ipv6.collect(),
            up: !ended,
            dropped,
        })
    }

    /// Whether `ip` is an address of ours, or of none.
    pub(crate) fn is_local(&mut self, ip: IpAddr) -> bool {
        if ip.is_unspecified() || ip.is_loopback() {
            return true;
        }
        let mut ids = self.interfaces().into_iter();
        ids.any(|id| {
            self.interface_state(id).is_ok_and(|state| match ip {
                IpAddr::V4(ip) => state.ipv4.is_some_and(|(own, _)| own == ip),
                IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
                    Some(ip) => state.ipv4.is_some_and(|(own, _)| own == ip),
                    None => state.ipv6.iter().any(|(own, _)| *own == ip),
                },
            })
        })
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the interface is gone")
}

fn netif_of(id: Id) -> Option<*mut c::netif> {
    with(|registry| registry.ports.iter().find(|port| port.id == id).map(|port| port.netif))
}

impl c::netif {
    const FLAGS_ETHERNET: u32 =
        c::NETIF_FLAG_BROADCAST | c::NETIF_FLAG_ETHARP | c::NETIF_FLAG_ETHERNET | c::NETIF_FLAG_MLD6;
}

/// netif_add() forgets what was set before it.
fn set_mtu(netif: &mut c::netif) {
    let id = Id(netif.state as usize);
    let mtu = with(|registry| {
        registry.ports.iter().find(|port| port.id == id).map_or(0, |port| port.device.capabilities().mtu)
    });
    netif.mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
    netif.mtu6 = netif.mtu;
}

unsafe extern "C" fn init_ethernet(netif: *mut c::netif) -> c::err_t {
    // SAFETY: netif_add() passes the interface that it adds.
    let netif = unsafe { &mut *netif };
    set_mtu(netif);
    netif.flags = c::netif::FLAGS_ETHERNET as u8;
    netif.ip6_autoconfig_enabled = 1;
    netif.output = Some(c::etharp_output);
    netif.output_ip6 = Some(c::ethip6_output);
    netif.linkoutput = Some(send_frame);
    0
}

unsafe extern "C" fn init_ip(netif: *mut c::netif) -> c::err_t {
    // SAFETY: as above.
    let netif = unsafe { &mut *netif };
    set_mtu(netif);
    netif.output = Some(send_ip4);
    netif.output_ip6 = Some(send_ip6);
    netif.linkoutput = Some(send_frame);
    0
}

unsafe extern "C" fn send_ip4(netif: *mut c::netif, pbuf: *mut c::pbuf, _next_hop: *const c::ip4_addr_t) -> c::err_t {
    // SAFETY: the caller's.
    unsafe { send_frame(netif, pbuf) }
}

unsafe extern "C" fn send_ip6(netif: *mut c::netif, pbuf: *mut c::pbuf, _next_hop: *const c::ip6_addr_t) -> c::err_t {
    // SAFETY: the caller's.
    unsafe { send_frame(netif, pbuf) }
}

/// # Safety
/// lwIP calls it, with an interface of ours and a chain that it owns.
unsafe extern "C" fn send_frame(netif: *mut c::netif, pbuf: *mut c::pbuf) -> c::err_t {
    // SAFETY: the caller's.
    let id = Id(unsafe { (*netif).state } as usize);
    with(|registry| {
        let Some(port) = registry.ports.iter_mut().find(|port| port.id == id) else { return c::ERR_IF as c::err_t };
        thread_local!(static GATHERED: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) });
        GATHERED.with_borrow_mut(|gathered| {
            // SAFETY: the caller's; lwIP does nothing with the chain until we return.
            let frame = unsafe { pbuf::contiguous(pbuf, gathered) };
            if port.device.send(frame).is_err() {
                // A queue that is full, as anywhere in a network. TCP is not told, or it would wait for its next timer; so it
                // finds a loss, sends again, and slows down, which is right for a full queue.
                port.dropped += 1;
            }
            0
        })
    })
}
