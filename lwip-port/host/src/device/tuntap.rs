//! TAP and TUN: a network interface of the kernel whose wire is this program.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;

use tun_rs::{DeviceBuilder, Layer, SyncDevice};

use super::{Capabilities, Device, Medium, Readiness};

/// How to make or find the kernel's interface. [`Settings::default`] names nothing and leaves all to the kernel.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The interface's name, up to 15 octets. One that exists is attached to; without a name the kernel picks one.
    pub name: Option<String>,
    /// Its MTU in octets; without one it stays what it is.
    pub mtu: Option<u16>,
    /// Addresses for the kernel's end, with the length of their prefix.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Whether to set the interface up. That, `mtu` and `addresses` take CAP_NET_ADMIN; attaching to an interface that
    /// belongs to this user takes nothing.
    pub up: bool,
}

/// A TAP (Ethernet frames) or TUN (IP packets) interface.
pub struct TunTap {
    device: SyncDevice,
    capabilities: Capabilities,
    name: String,
}

impl TunTap {
    /// A TAP interface: Ethernet frames.
    ///
    /// # Errors
    /// `NotFound` without /dev/net/tun, `PermissionDenied` where it may not be opened, `ResourceBusy` if another program
    /// is attached to the interface, `InvalidInput` for a name or an MTU that cannot be.
    pub fn tap(settings: &Settings) -> io::Result<Self> {
        Self::open(settings, Layer::L2, Medium::Ethernet)
    }

    /// A TUN interface: IP packets.
    ///
    /// # Errors
    /// As [`TunTap::tap`].
    pub fn tun(settings: &Settings) -> io::Result<Self> {
        Self::open(settings, Layer::L3, Medium::Ip)
    }

    fn open(settings: &Settings, layer: Layer, medium: Medium) -> io::Result<Self> {
        let mut builder = DeviceBuilder::new().layer(layer).inherit_enable_state();
        if let Some(name) = &settings.name {
            builder = builder.name(name.as_str());
        }
        let device = builder.build_sync()?;
        device.set_nonblocking(true)?;
        let name = device.name()?;
        if let Some(mtu) = settings.mtu {
            device.set_mtu(mtu)?;
        }
        if !settings.addresses.is_empty() {
            skip_duplicate_address_detection(&name);
        }
        for &(address, prefix) in &settings.addresses {
            match address {
                IpAddr::V4(address) => device.add_address_v4(address, prefix)?,
                IpAddr::V6(address) => device.add_address_v6(address, prefix)?,
            }
        }
        if settings.up {
            device.enabled(true)?;
        }
        let mtu = usize::from(device.mtu()?);
        Ok(Self { device, capabilities: Capabilities { medium, mtu }, name })
    }

    /// Lets the interface stay when this is dropped, for another program to attach to.
    ///
    /// # Errors
    /// Those of the kernel.
    pub(crate) fn persist(&self) -> io::Result<()> {
        self.device.persist()
    }

    /// The interface's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// We are alone with the kernel on this wire. Best effort: without it the kernel's IPv6 addresses work a second later
/// (RFC 4862 5.4).
fn skip_duplicate_address_detection(name: &str) {
    let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/accept_dad"), "0");
}

impl Device for TunTap {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        match self.device.send(frame) {
            Ok(_) => Ok(()),
            // The interface is down: nobody is on the wire.
            Err(error) if error.raw_os_error() == Some(nix::libc::EIO) => Ok(()),
            Err(error) if error.raw_os_error() == Some(nix::libc::ENOBUFS) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(error),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.device.recv(buffer) {
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            // The interface is down: nobody is on the wire, for now.
            Err(error) if error.raw_os_error() == Some(nix::libc::EIO) => Err(io::ErrorKind::NetworkDown.into()),
            // It was deleted.
            Err(error) if error.raw_os_error() == Some(nix::libc::EBADFD) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => Err(error),
        }
    }

    fn readiness(&self) -> Readiness<'_> {
        Readiness::Fd(self.device.as_fd())
    }
}
