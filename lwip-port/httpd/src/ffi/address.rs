//! Addresses as lwIP has them, and as std has them.

use super::bindings as c;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The larger of the two kinds of `struct sockaddr`. lwIP looks at the family before it reads the rest.
pub(super) union Sockaddr {
    any: c::sockaddr,
    v4: c::sockaddr_in,
    v6: c::sockaddr_in6,
}

impl Sockaddr {
    pub(super) const LENGTH: c::socklen_t = size_of::<Self>() as c::socklen_t;

    pub(super) fn empty() -> Self {
        // SAFETY: integers only, of which 0 is one.
        unsafe { zeroed() }
    }

    /// With the length that lwIP wants to hear with it.
    pub(super) fn new(address: SocketAddr) -> (Self, c::socklen_t) {
        let mut raw = Self::empty();
        match address {
            SocketAddr::V4(address) => {
                // SAFETY: integers only, of which 0 is one.
                let mut v4: c::sockaddr_in = unsafe { zeroed() };
                v4.sin_len = size_of::<c::sockaddr_in>() as u8;
                v4.sin_family = c::AF_INET as _;
                v4.sin_port = address.port().to_be();
                v4.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
                raw.v4 = v4;
                (raw, size_of::<c::sockaddr_in>() as c::socklen_t)
            }
            SocketAddr::V6(address) => {
                // SAFETY: integers only, of which 0 is one.
                let mut v6: c::sockaddr_in6 = unsafe { zeroed() };
                v6.sin6_len = size_of::<c::sockaddr_in6>() as u8;
                v6.sin6_family = c::AF_INET6 as _;
                v6.sin6_port = address.port().to_be();
                v6.sin6_addr.un.u8_addr = address.ip().octets();
                raw.v6 = v6;
                (raw, size_of::<c::sockaddr_in6>() as c::socklen_t)
            }
        }
    }

    /// IPv4 in IPv6's clothes (::ffff:a.b.c.d, as a socket for both has it) is IPv4 again.
    pub(super) fn get(&self) -> Option<SocketAddr> {
        // SAFETY: all of it was written by us or by lwIP, or is zero; the family says as what.
        unsafe {
            match u32::from(self.any.sa_family) {
                c::AF_INET => {
                    let ip = Ipv4Addr::from(self.v4.sin_addr.s_addr.to_ne_bytes());
                    Some(SocketAddr::new(ip.into(), u16::from_be(self.v4.sin_port)))
                }
                c::AF_INET6 => {
                    let ip = Ipv6Addr::from(self.v6.sin6_addr.un.u8_addr);
                    Some(SocketAddr::new(IpAddr::V6(ip).to_canonical(), u16::from_be(self.v6.sin6_port)))
                }
                _ => None,
            }
        }
    }

    pub(super) fn as_ptr(&self) -> *const c::sockaddr {
        (&raw const *self).cast()
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut c::sockaddr {
        (&raw mut *self).cast()
    }
}

/// lwIP's address for IPv4.
pub(super) fn ip4(address: Ipv4Addr) -> c::ip4_addr_t {
    c::ip4_addr_t { addr: u32::from_ne_bytes(address.octets()) }
}

/// lwIP's address for IPv6, without a zone: `netif_add_ip6_address()` and the like give it theirs.
pub(super) fn ip6(address: Ipv6Addr) -> c::ip6_addr_t {
    // SAFETY: integers only, of which 0 is one.
    let mut ip6: c::ip6_addr_t = unsafe { zeroed() };
    for (word, octets) in ip6.addr.iter_mut().zip(address.octets().as_chunks::<4>().0) {
        *word = u32::from_ne_bytes(*octets);
    }
    ip6
}

/// std's address for one of a PCB.
pub(super) fn ip(address: &c::ip_addr_t) -> IpAddr {
    // SAFETY: the type says which of the two it is; either is integers only, and the smaller lies within the larger.
    unsafe {
        if c::lwip_ip_addr_type::from(address.type_) == c::IPADDR_TYPE_V4 {
            return Ipv4Addr::from(address.u_addr.ip4.addr.to_ne_bytes()).into();
        }
        let mut octets = [0; 16];
        for (to, word) in octets.as_chunks_mut::<4>().0.iter_mut().zip(address.u_addr.ip6.addr) {
            *to = word.to_ne_bytes();
        }
        Ipv6Addr::from(octets).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back() {
        for text in ["192.0.2.1:80", "[fd6c::1]:8080", "[::]:0"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(Sockaddr::new(address).0.get(), Some(address));
        }
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:80".parse().unwrap();
        assert_eq!(Sockaddr::new(mapped).0.get(), "192.0.2.1:80".parse().ok());
        assert_eq!(Sockaddr::empty().get(), None);
    }
}
