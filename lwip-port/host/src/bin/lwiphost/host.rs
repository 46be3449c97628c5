//! The stack on the network that the options name.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use lwip_host::netns::Namespace;
use lwip_host::{AddressState, Interface, InterfaceConfig, Stack, TcpStream};

use crate::cli::NetworkOptions;
use crate::network::{self, Network, Watch};

/// How long IPv6 and DHCP may take to give an address.
const READY: Duration = Duration::from_secs(30);

/// How long to wait before a connection that was refused is tried again.
const REFUSED: Duration = Duration::from_millis(50);

/// A running stack. Its parts are dropped in order: the stack gives its device back before the far end is ended.
pub struct Host {
    pub stack: Stack,
    pub interface: Interface,
    pub addresses: Vec<IpAddr>,
    pub watch: Watch,
    /// A command was started beside us: a server, perhaps, that does not listen yet.
    has_company: bool,
}

/// Starts the stack, and waits until it can use its addresses.
pub fn start(options: &NetworkOptions, namespace: Option<&Namespace>) -> Result<Host> {
    plug_in(options, network::open(options, namespace)?)
}

/// As [`start`], on a network that is open already.
pub fn plug_in(options: &NetworkOptions, network: Network) -> Result<Host> {
    let Network { device, addresses, watch } = network;
    let mut config = InterfaceConfig::default();
    for prefixed in addresses {
        match prefixed.address {
            IpAddr::V4(address) if options.dhcp => {
                bail!("--dhcp gets an IPv4 address, and --ip {address} names another")
            }
            IpAddr::V4(address) if config.ipv4.is_none() => config.ipv4 = Some((address, prefixed.prefix)),
            IpAddr::V4(_) => bail!("an interface has one IPv4 address"),
            // RFC 8200 5: no IPv6 where its smallest packets do not fit.
            IpAddr::V6(_) if device.capabilities().mtu < 1280 => {}
            IpAddr::V6(address) => config.ipv6.push(address),
        }
    }
    for gateway in &options.gateway {
        match gateway {
            IpAddr::V4(gateway) => config.gateway = Some(*gateway),
            IpAddr::V6(_) => bail!("IPv6 learns its gateways from routers' advertisements: --gateway is for IPv4"),
        }
    }
    let stack = Stack::start().context("the stack does not start")?;
    let interface = stack.add_interface(device, &config).context("the stack does not take the device")?;
    if !options.dns.is_empty() {
        stack.set_dns_servers(&options.dns).context("--dns")?;
    }
    if options.dhcp {
        interface.dhcp(READY).context("--dhcp")?;
    }
    let addresses = ready(&interface)?;
    Ok(Host { stack, interface, addresses, watch, has_company: options.run.is_some() })
}

/// Waits for the end of duplicate address detection (RFC 4862 5.4), which lwIP tells of to nobody.
fn ready(interface: &Interface) -> Result<Vec<IpAddr>> {
    let end = Instant::now() + READY;
    loop {
        let state = interface.state()?;
        let tentative = state.ipv6.iter().any(|(_, state)| *state == AddressState::Tentative);
        if !tentative || Instant::now() > end {
            let four = state.ipv4.map(|(address, _)| IpAddr::V4(address));
            let six = state.ipv6.iter().map(|(address, _)| IpAddr::V6(*address));
            return Ok(four.into_iter().chain(six).collect());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Host {
    /// A connection within that time. Who only just starts is waited for.
    pub fn connect(&self, to: SocketAddr, limit: Duration) -> Result<TcpStream> {
        let end = Instant::now() + limit;
        loop {
            match TcpStream::connect_timeout(&self.stack, &to, limit) {
                Err(error)
                    if error.kind() == io::ErrorKind::ConnectionRefused && self.has_company && Instant::now() < end =>
                {
                    std::thread::sleep(REFUSED);
                }
                result => return result.with_context(|| format!("no connection to {to}")),
            }
        }
    }

    /// The address of a name, or of what is written as an address; the first of them, as the system would.
    pub fn resolve(&self, host: &str, port: u16) -> Result<SocketAddr> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(SocketAddr::new(address, port));
        }
        let addresses = self.stack.resolve(host, port).with_context(|| format!("there is no address of {host}"))?;
        addresses.first().copied().with_context(|| format!("there is no address of {host}"))
    }
}
