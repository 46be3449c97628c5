//! Interfaces, their addresses, DHCP and names: what a [`Handle`] does beside making sockets.

use crate::device::{Capabilities, Device, Medium};
use crate::engine::{Core, Handle};
use crate::ffi::{Family, Id, InterfaceState, Pools, next_id};
use crate::sync::{Answer, Reply, block_for, block_on, both};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How an interface starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceConfig {
    /// The hardware address; none: a random one of the local kind. [`Medium::Ip`] has none.
    pub mac: Option<[u8; 6]>,
    /// The IPv4 address and the length of its network's prefix, 0 to 32.
    pub ipv4: Option<(Ipv4Addr, u8)>,
    /// Where IPv4 packets for elsewhere go.
    pub gateway: Option<Ipv4Addr>,
    /// IPv6 addresses beside the link-local one, two at most. The network of each is its first 64 bits.
    pub ipv6: Vec<Ipv6Addr>,
}

/// An interface of a stack. Dropping this leaves it there; [`remove`](Self::remove) takes it away.
#[derive(Clone, Debug)]
pub struct Interface {
    handle: Handle,
    id: Id,
}

fn random_mac() -> io::Result<[u8; 6]> {
    let mut mac = [0; 6];
    getrandom::fill(&mut mac).map_err(|error| io::Error::other(error.to_string()))?;
    // Of one machine, and locally administered (IEEE 802, 8.2).
    mac[0] = mac[0] & 0xfc | 0x02;
    Ok(mac)
}

fn mask(prefix: u8) -> io::Result<Ipv4Addr> {
    match prefix {
        0 => Ok(Ipv4Addr::UNSPECIFIED),
        1..=32 => Ok(Ipv4Addr::from(u32::MAX << (32 - prefix))),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "a prefix of IPv4 has 0 to 32 bits")),
    }
}

impl Handle {
    /// Puts an interface in front of a device, and sets it up. The first one gets what no other is nearer to.
    ///
    /// # Errors
    /// `InvalidInput` for an MTU or a prefix that cannot be; `OutOfMemory` for too many addresses.
    pub fn add_interface(&self, device: impl Device + 'static, config: &InterfaceConfig) -> io::Result<Interface> {
        block_on(self.add_interface_async(device, config))
    }

    /// As [`add_interface`](Self::add_interface), for a task.
    ///
    /// # Errors
    /// Those of [`add_interface`](Self::add_interface).
    pub async fn add_interface_async(
        &self,
        device: impl Device + 'static,
        config: &InterfaceConfig,
    ) -> io::Result<Interface> {
        let config = config.clone();
        let Capabilities { medium, .. } = device.capabilities();
        let mac = match (medium, config.mac) {
            (Medium::Ip, _) => [0; 6],
            (Medium::Ethernet, Some(mac)) => mac,
            (Medium::Ethernet, None) => random_mac()?,
        };
        let waker = self.waker();
        let id = self
            .call(move |core| {
                let id = core.lwip.add_interface(Box::new(device), *b"ho", mac)?;
                core.lwip.set_waker(id, waker);
                if let Err(error) = configure(core, id, &config) {
                    core.lwip.remove_interface(id);
                    return Err(error);
                }
                Ok(id)
            })
            .await?;
        Ok(Interface { handle: self.clone(), id })
    }

    both! {
    /// Sets the servers that names are asked of; there are two at most.
    ///
    /// # Errors
    /// Those of the stack.
    fn set_dns_servers / set_dns_servers_async(&self, servers: &[IpAddr]) -> () {
        let servers = servers.to_vec();
        self.call(move |core| {
            core.lwip.set_dns_servers(&servers);
            Ok(())
        })
        .await
    }

    /// The servers that names are asked of, set by hand or by DHCP.
    ///
    /// # Errors
    /// Those of the stack.
    fn dns_servers / dns_servers_async(&self) -> Vec<IpAddr> {
        self.call(|core| Ok(core.lwip.dns_servers())).await
    }
    }

    /// The addresses of a host, by its name or written out, each with the port.
    ///
    /// # Errors
    /// `NotFound` if there is no such name, or no server that answers.
    pub fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        block_on(self.resolve_async(host, port))
    }

    /// As [`resolve`](Self::resolve), for a task. Dropped before it is ready, nobody hears the answer.
    ///
    /// # Errors
    /// Those of [`resolve`](Self::resolve).
    pub async fn resolve_async(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        // RFC 6761 6.3: no server is asked for it.
        if host.eq_ignore_ascii_case("localhost") {
            return Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]);
        }
        // Both at once.
        let queries = [self.query(host, Family::V4), self.query(host, Family::V6)];
        let mut found = Vec::new();
        let mut failure = None;
        for query in queries {
            match query.await {
                Ok(address) => found.extend(address.map(|ip| SocketAddr::new(ip, port))),
                Err(error) => failure = Some(error),
            }
        }
        match (found.is_empty(), failure) {
            (false, _) => Ok(found),
            (true, Some(error)) if error.kind() == io::ErrorKind::ConnectionAborted => Err(error),
            (true, _) => Err(io::Error::new(io::ErrorKind::NotFound, format!("no address is known for {host}"))),
        }
    }

    fn query(&self, host: &str, family: Family) -> Reply<Option<IpAddr>> {
        let (id, host) = (next_id(), host.to_owned());
        self.ask(move |core, answer: Answer<_>| match core.lwip.resolve(id, &host, family) {
            Ok(Some(address)) => answer.send(Ok(Some(address))),
            Ok(None) => drop(core.queries.insert(id, answer)),
            Err(error) => answer.send(Err(error.into())),
        })
    }

    both! {
    /// How many objects of each of lwIP's pools are in use, by their names in lwIP: PCBs, segments, pbufs.
    ///
    /// # Errors
    /// Those of the stack.
    fn pools / pools_async(&self) -> Vec<(&'static str, usize)> {
        let Pools(pools) = self.call(|core| Ok(core.lwip.pools())).await?;
        Ok(pools)
    }

    /// The stack's counters of TCP segments: sent, received, sent again, dropped. They wrap.
    ///
    /// # Errors
    /// Those of the stack.
    fn tcp_counters / tcp_counters_async(&self) -> [u32; 4] {
        self.call(|core| Ok(core.lwip.tcp_counters())).await
    }
    }
}

fn configure(core: &mut Core, id: Id, config: &InterfaceConfig) -> io::Result<()> {
    if let Some((ip, prefix)) = config.ipv4 {
        core.lwip.set_ipv4(id, ip, mask(prefix)?, config.gateway)?;
    }
    config.ipv6.iter().try_for_each(|ip| core.lwip.add_ipv6(id, *ip))
}

impl Interface {
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Core, Id) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let id = self.id;
        self.handle.call(move |core| ask(core, id)).await
    }

    both! {
    /// Addresses, MTU and counters.
    ///
    /// # Errors
    /// `NotFound`: the interface is gone; as of all that follows.
    fn state / state_async(&self) -> InterfaceState {
        self.ask(|core, id| core.lwip.interface_state(id)).await
    }

    /// Sets the IPv4 address, the length of its network's prefix, and where packets for elsewhere go.
    ///
    /// # Errors
    /// `InvalidInput` for more than 32 bits.
    fn set_ipv4 / set_ipv4_async(&self, ip: Ipv4Addr, prefix: u8, gateway: Option<Ipv4Addr>) -> () {
        let mask = mask(prefix)?;
        self.ask(move |core, id| core.lwip.set_ipv4(id, ip, mask, gateway)).await
    }

    /// Adds an IPv6 address; its network is its first 64 bits.
    ///
    /// # Errors
    /// `InvalidInput`: there is no room for a third beside the link-local one.
    fn add_ipv6 / add_ipv6_async(&self, ip: Ipv6Addr) -> () {
        self.ask(move |core, id| core.lwip.add_ipv6(id, ip)).await
    }

    /// Makes this the interface for what no other is nearer to.
    ///
    /// # Errors
    /// See [`state`](Self::state).
    fn set_default / set_default_async(&self) -> () {
        self.ask(|core, id| core.lwip.set_default(id)).await
    }
    }

    /// Starts the DHCP client, and waits for an address. The client goes on renewing it.
    ///
    /// # Errors
    /// `TimedOut` after `limit`; the client goes on trying.
    pub fn dhcp(&self, limit: Duration) -> io::Result<InterfaceState> {
        block_for(self.dhcp_async(), Some(limit)).unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
    }

    /// As [`dhcp`](Self::dhcp), for a task. Dropped before it is ready, it leaves the client trying.
    ///
    /// # Errors
    /// Those of the stack.
    pub async fn dhcp_async(&self) -> io::Result<InterfaceState> {
        let id = self.id;
        self.handle
            .ask(move |core, answer: Answer<()>| match core.lwip.start_dhcp(id) {
                Ok(()) => core.leases.push((id, answer)),
                Err(error) => answer.send(Err(error)),
            })
            .await?;
        self.handle.call(move |core| core.lwip.interface_state(id)).await
    }

    both! {
    /// Gives the lease back, and stops the DHCP client.
    ///
    /// # Errors
    /// See [`state`](Self::state).
    fn stop_dhcp / stop_dhcp_async(&self) -> () {
        self.ask(|core, id| core.lwip.stop_dhcp(id)).await
    }
    }

    /// Takes the interface away, and gives the device back. Connections over it end when their time is over.
    ///
    /// # Errors
    /// See [`state`](Self::state).
    pub fn remove(self) -> io::Result<Box<dyn Device>> {
        block_on(self.remove_async())
    }

    /// As [`remove`](Self::remove), for a task.
    ///
    /// # Errors
    /// See [`state`](Self::state).
    pub async fn remove_async(self) -> io::Result<Box<dyn Device>> {
        self.ask(|core, id| {
            core.leases.retain(|(waits, _)| *waits != id);
            core.lwip.remove_interface(id).ok_or_else(|| io::ErrorKind::NotFound.into())
        })
        .await
    }
}
