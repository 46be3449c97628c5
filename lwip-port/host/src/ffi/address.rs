//! Addresses, from std's form to lwIP's and back.

use super::bindings as c;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

pub(super) fn ip4(address: Ipv4Addr) -> c::ip4_addr_t {
    c::ip4_addr_t { addr: u32::from_ne_bytes(address.octets()) }
}

pub(super) fn ip4_back(address: c::ip4_addr_t) -> Ipv4Addr {
    Ipv4Addr::from(address.addr.to_ne_bytes())
}

pub(super) fn ip6(address: Ipv6Addr, zone: u8) -> c::ip6_addr_t {
    let octets = address.octets();
    let mut addr = [0; 4];
    for (word, four) in addr.iter_mut().zip(octets.chunks_exact(4)) {
        *word = u32::from_ne_bytes(four.try_into().unwrap_or_default());
    }
    c::ip6_addr_t { addr, zone }
}

pub(super) fn ip6_back(address: &c::ip6_addr_t) -> Ipv6Addr {
    let mut octets = [0; 16];
    for (word, four) in address.addr.iter().zip(octets.chunks_exact_mut(4)) {
        four.copy_from_slice(&word.to_ne_bytes());
    }
    Ipv6Addr::from(octets)
}

fn v4(address: Ipv4Addr) -> c::ip_addr_t {
    // The union is as large as an IPv6 address; all of it is set, since lwIP compares and copies the whole.
    let mut ip6 = c::ip6_addr_t { addr: [0; 4], zone: 0 };
    ip6.addr[0] = ip4(address).addr;
    c::ip_addr_t { u_addr: c::ip_addr__bindgen_ty_1 { ip6 }, type_: c::IPADDR_TYPE_V4 as u8 }
}

fn v6(address: Ipv6Addr, zone: u8) -> c::ip_addr_t {
    c::ip_addr_t { u_addr: c::ip_addr__bindgen_ty_1 { ip6: ip6(address, zone) }, type_: c::IPADDR_TYPE_V6 as u8 }
}

/// RFC 4007 6: what is of a link and does not say of which is of the default one.
fn zone_or_default(address: Ipv6Addr, zone: u8) -> u8 {
    // RFC 4291 2.5.6, 2.7: link-local, of one host or of many.
    let of_a_link = address.is_unicast_link_local() || address.segments()[0] & 0xff0f == 0xff02;
    if zone != 0 || !of_a_link {
        return zone;
    }
    // SAFETY: we have lwIP, whose default interface is one that is alive, or none.
    unsafe { c::netif_default.as_ref() }.map_or(0, |netif| netif.num.wrapping_add(1))
}

/// For sending to.
pub(super) fn remote(address: IpAddr, zone: u8) -> c::ip_addr_t {
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => v4(address),
            None => v6(address, zone_or_default(address, zone)),
        },
    }
}

/// For binding to: `::` means both families, as on Linux.
pub(super) fn local(address: IpAddr, zone: u8) -> c::ip_addr_t {
    match address {
        IpAddr::V6(address) if address.is_unspecified() => {
            c::ip_addr_t { type_: c::IPADDR_TYPE_ANY as u8, ..v6(address, 0) }
        }
        other => remote(other, zone),
    }
}

/// Whether something sent to one address can be for a socket bound to the other.
pub(super) fn overlap(one: &c::ip_addr_t, other: &c::ip_addr_t) -> bool {
    let any = |address: &c::ip_addr_t| u32::from(address.type_) == c::IPADDR_TYPE_ANY;
    if any(one) || any(other) {
        return true;
    }
    // SAFETY: the type says which member was written.
    let zone = |address: &c::ip_addr_t| unsafe { address.u_addr.ip6.zone };
    if one.type_ == other.type_ && u32::from(one.type_) == c::IPADDR_TYPE_V6 {
        let (one, other) = (zone(one), zone(other));
        // The same address on two links is two (RFC 4007 6); zone 0 says nothing.
        if one != 0 && other != 0 && one != other {
            return false;
        }
    }
    let (one, other) = (back(one), back(other));
    one.is_ipv4() == other.is_ipv4() && (one == other || one.is_unspecified() || other.is_unspecified())
}

pub(super) fn zone(address: &SocketAddr) -> u8 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) => u8::try_from(address.scope_id()).unwrap_or(0),
    }
}

/// lwIP's form of an address, and back as std's.
pub(super) fn back(address: &c::ip_addr_t) -> IpAddr {
    if u32::from(address.type_) == c::IPADDR_TYPE_V4 {
        // SAFETY: the type says which member was written; each is made of integers, and the other covers it.
        IpAddr::V4(ip4_back(unsafe { address.u_addr.ip4 }))
    } else {
        // SAFETY: as above.
        IpAddr::V6(ip6_back(unsafe { &address.u_addr.ip6 }))
    }
}

pub(super) fn socket(address: &c::ip_addr_t, port: u16) -> SocketAddr {
    match back(address) {
        IpAddr::V4(ip) => SocketAddr::new(IpAddr::V4(ip), port),
        IpAddr::V6(ip) => {
            // SAFETY: the address is one of IPv6, so this member was written.
            let zone = unsafe { address.u_addr.ip6.zone };
            SocketAddr::V6(SocketAddrV6::new(ip, port, 0, zone.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_went() {
        for text in ["127.0.0.1:80", "255.1.2.3:0", "[::1]:65535", "[fe80::1%3]:7", "[2001:db8::ff]:1"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(socket(&remote(address.ip(), zone(&address)), address.port()), address);
        }
    }

    #[test]
    fn a_mapped_address_is_one_of_ipv4() {
        assert_eq!(back(&remote("::ffff:1.2.3.4".parse().unwrap(), 0)), IpAddr::from([1, 2, 3, 4]));
    }
}
