//! Network namespaces of one's own, with the kernel as the peer, without root.
//!
//! A user namespace makes an ordinary user root inside, and a network namespace is empty: a TAP device in it has the stack at
//! one end and the kernel at the other, and nothing outside is touched. Both are gone with the last process in them, however
//! it ends, so there is nothing to clean up.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid};

use crate::device::{PacketSocket, Traffic, TunTap, TunTapSettings};
use crate::ffi::linux;

/// The kernel's IPv4 address on the wire, of a block that is set aside for documentation (RFC 5737): nothing real hides behind.
pub const KERNEL_V4: (Ipv4Addr, u8) = (Ipv4Addr::new(192, 0, 2, 1), 24);
/// The stack's IPv4 address.
pub const STACK_V4: (Ipv4Addr, u8) = (Ipv4Addr::new(192, 0, 2, 2), 24);
/// The kernel's IPv6 address, of a local prefix (RFC 4193).
pub const KERNEL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0xfd6c, 0x7769, 0x7000, 0, 0, 0, 0, 1), 64);
/// The stack's IPv6 address.
pub const STACK_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0xfd6c, 0x7769, 0x7000, 0, 0, 0, 0, 2), 64);
/// What the TAP device is called inside.
pub const INTERFACE: &str = "lwip0";

/// With duplicate address detection the kernel takes a second.
const READY: Duration = Duration::from_secs(3);

/// The namespace that this process is in since [`Namespace::enter`].
#[derive(Debug)]
pub struct Namespace {
    user: bool,
}

impl Namespace {
    /// Moves this process into a network namespace of its own. Call it first in `main`: a process with several threads may not,
    /// and what was opened before stays outside.
    ///
    /// # Errors
    /// `PermissionDenied` where the kernel lets this user have none (`sysctl user.max_user_namespaces`,
    /// `kernel.unprivileged_userns_clone`, a container's seccomp filter); `InvalidInput` if there are other threads.
    pub fn enter() -> io::Result<Self> {
        let (uid, gid) = (Uid::effective(), Gid::effective());
        let user = match unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET) {
            Ok(()) => true,
            // Root does not need the one to have the other.
            Err(_) if uid.is_root() && unshare(CloneFlags::CLONE_NEWNET).is_ok() => false,
            Err(Errno::EINVAL) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "a namespace can only be entered before the first thread is started",
                ));
            }
            Err(error) => return Err(refused(error)),
        };
        if user {
            // user_namespaces(7): without this line an ordinary user may not map a group.
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
            fs::write("/proc/self/gid_map", format!("0 {gid} 1"))?;
        }
        linux::set_interface_up("lo")?;
        Ok(Self { user })
    }

    /// A TAP device whose kernel end is up and has `addresses`.
    ///
    /// # Errors
    /// As [`TunTap::tap`].
    pub fn tap(&self, mtu: Option<u16>, addresses: &[(IpAddr, u8)]) -> io::Result<TunTap> {
        let device = TunTap::tap(&self.settings(mtu, addresses))?;
        wait_until_usable(addresses);
        Ok(device)
    }

    /// A TUN device whose kernel end is up and has `addresses`.
    ///
    /// # Errors
    /// As [`TunTap::tun`].
    pub fn tun(&self, mtu: Option<u16>, addresses: &[(IpAddr, u8)]) -> io::Result<TunTap> {
        let device = TunTap::tun(&self.settings(mtu, addresses))?;
        wait_until_usable(addresses);
        Ok(device)
    }

    /// A TAP interface of that name for another program in this namespace, with a stack of its own, and the other end of its
    /// wire. The kernel takes no part.
    ///
    /// # Errors
    /// As [`TunTap::tap`] and [`PacketSocket::open`].
    pub fn wire(&self, name: &str, mtu: Option<u16>) -> io::Result<PacketSocket> {
        let tap = TunTap::tap(&TunTapSettings { name: Some(name.to_owned()), mtu, ..Default::default() })?;
        tap.persist()?;
        // It would answer questions for its own addresses on any interface (RFC 826 leaves that open).
        fs::write(format!("/proc/sys/net/ipv4/conf/{name}/arp_ignore"), "8")?;
        // Where the kernel has no IPv6, it cannot answer by it.
        let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "1");
        linux::set_interface_up(name)?;
        PacketSocket::open(name, Traffic::Incoming)
    }

    fn settings(&self, mtu: Option<u16>, addresses: &[(IpAddr, u8)]) -> TunTapSettings {
        TunTapSettings { name: Some(INTERFACE.to_owned()), mtu, addresses: addresses.to_vec(), up: true }
    }

    /// What to write before a command so that it runs in this namespace, from another terminal of the same user.
    #[must_use]
    pub fn enter_command(&self) -> String {
        let user = if self.user { "--preserve-credentials -U " } else { "" };
        format!("nsenter {user}-n -t {}", std::process::id())
    }
}

/// The kernel finishes with an IPv6 address a little after it was given (RFC 4862 5.4, from a work queue even where there is
/// nobody to ask): until then no program can use it. An address that does not get ready is not our failure.
fn wait_until_usable(addresses: &[(IpAddr, u8)]) {
    let end = Instant::now() + READY;
    for (address, _) in addresses {
        while UdpSocket::bind((*address, 0)).is_err() && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn refused(error: Errno) -> io::Error {
    let reason = match error {
        Errno::EPERM | Errno::EACCES => "this user may not make namespaces here; as root it would work".to_owned(),
        Errno::ENOSPC | Errno::EUSERS => {
            "no more user namespaces are allowed (sysctl user.max_user_namespaces)".to_owned()
        }
        other => format!("no namespace can be made: {other}"),
    };
    io::Error::new(io::ErrorKind::PermissionDenied, reason)
}
