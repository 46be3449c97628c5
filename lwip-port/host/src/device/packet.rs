//! AF_PACKET: frames straight from and to an interface that the kernel uses too.
//!
//! The interface's hardware may compute checksums and cut or join segments for the kernel. A frame that the kernel's own
//! stack left unfinished (veth, loopback) is finished here; one that was joined to more than the MTU is dropped and counted
//! ([`PacketSocket::oversized`]): `ethtool -K IFACE gro off` here and `tso off gso off` at the far end of a veth avoid them.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, setsockopt, socket};

use super::{Capabilities, Device, Medium, Readiness};
use crate::ffi::linux;

/// `struct virtio_net_hdr`, which PACKET_VNET_HDR puts before each frame: flags, type of segmentation, header's length, segment's
/// size, where the checksum starts, and where from there it is stored.
const OFFLOAD_HEADER: usize = 10;
const NEEDS_CHECKSUM: u8 = 1;

/// Room for what comes while nobody looks, in octets; the kernel counts 2 to 4 kB for each frame, and doubles what it is asked for.
/// Its usual 208 kB are less than one connection's window.
const RECEIVE_BUFFER: usize = 8 * 1024 * 1024;

/// Which frames of the interface to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Traffic {
    /// What comes in, for any hardware address: what a stack with an address of its own needs.
    #[default]
    Incoming,
    /// Also what the kernel sends.
    Both,
}

/// A packet socket on one interface. Takes CAP_NET_RAW.
pub struct PacketSocket {
    socket: OwnedFd,
    capabilities: Capabilities,
    scratch: Vec<u8>,
    oversized: u64,
}

impl PacketSocket {
    /// Opens the interface of that name.
    ///
    /// # Errors
    /// `PermissionDenied` without CAP_NET_RAW; ENODEV where there is no such interface.
    pub fn open(interface: &str, traffic: Traffic) -> io::Result<Self> {
        let index = if_nametoindex(interface)?;
        let index = i32::try_from(index).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        let mtu = linux::interface_mtu(interface)?;
        // Without a protocol it hears nothing until it is bound: no frame of another interface slips in.
        let socket =
            socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
        // Beyond `net.core.rmem_max` with CAP_NET_ADMIN only; less is no reason to fail.
        let _ =
            setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER).or_else(|_| setsockopt(&socket, RcvBuf, &RECEIVE_BUFFER));
        linux::enable_packet_option(socket.as_fd(), libc::PACKET_VNET_HDR)?;
        if traffic == Traffic::Incoming {
            linux::enable_packet_option(socket.as_fd(), libc::PACKET_IGNORE_OUTGOING)?;
        }
        linux::bind_packet_socket(socket.as_fd(), index)?;
        linux::join_promiscuous(socket.as_fd(), index)?;
        let capabilities = Capabilities { medium: Medium::Ethernet, mtu };
        Ok(Self { socket, capabilities, scratch: vec![0; 0x1_0000 + OFFLOAD_HEADER], oversized: 0 })
    }

    /// Frames that were dropped because they were joined to more than the MTU.
    #[must_use]
    pub fn oversized(&self) -> u64 {
        self.oversized
    }
}

/// Completes the checksum of a frame that the kernel left to hardware which there is none of.
///
/// The field already holds the sum over the pseudo-header, so that the one's complement sum (RFC 1071) from `start` on is all.
fn finish_checksum(frame: &mut [u8], start: usize, offset: usize) {
    let Some(covered) = frame.get_mut(start..) else {
        return;
    };
    let mut sum = 0_u64;
    for pair in covered.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u64::from(u16::from_be_bytes([pair.first().copied().unwrap_or(0), low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let folded = u16::try_from(sum).unwrap_or(0);
    // In UDP zero means that there is no checksum (RFC 768).
    let checksum = if folded == 0xffff { 0xffff } else { !folded };
    if let Some(field) = covered.get_mut(offset..offset.saturating_add(2)) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
}

impl Device for PacketSocket {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let whole = OFFLOAD_HEADER + frame.len();
        let Some(message) = self.scratch.get_mut(..whole) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        message[..OFFLOAD_HEADER].fill(0);
        message[OFFLOAD_HEADER..].copy_from_slice(frame);
        match send(self.socket.as_raw_fd(), message, MsgFlags::empty()) {
            Ok(_) => Ok(()),
            Err(Errno::EAGAIN | Errno::ENOBUFS) => Err(io::ErrorKind::WouldBlock.into()),
            // The interface is down: nobody is on the wire.
            Err(Errno::ENETDOWN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            let length = match recv(self.socket.as_raw_fd(), &mut self.scratch, MsgFlags::empty()) {
                Ok(length) => length,
                Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
                Err(Errno::ENETDOWN) => return Err(io::ErrorKind::NetworkDown.into()),
                Err(error) => return Err(error.into()),
            };
            let Some((header, frame)) =
                self.scratch.get_mut(..length).and_then(|message| message.split_first_chunk_mut::<OFFLOAD_HEADER>())
            else {
                continue;
            };
            if frame.len() > buffer.len() {
                self.oversized += 1;
                continue;
            }
            let [flags, _, _, _, _, _, start_low, start_high, offset_low, offset_high] = *header;
            if flags & NEEDS_CHECKSUM != 0 {
                let start = u16::from_ne_bytes([start_low, start_high]);
                let offset = u16::from_ne_bytes([offset_low, offset_high]);
                finish_checksum(frame, usize::from(start), usize::from(offset));
            }
            return super::deliver(frame, buffer).map(Some);
        }
    }

    fn readiness(&self) -> Readiness<'_> {
        Readiness::Fd(self.socket.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_makes_the_sum_all_ones() {
        // An odd number of octets, with the sum over the pseudo-header (here 0x1234) in the field.
        let mut frame = vec![0xaa; 3];
        frame.extend([0x80, 0x01, 0x12, 0x34, 0x55, 0x66, 0x77]);
        finish_checksum(&mut frame, 3, 2);
        let words = [0x8001_u32, u32::from(u16::from_be_bytes([frame[5], frame[6]])), 0x5566, 0x7700, 0x1234];
        let sum: u32 = words.iter().sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
        assert_eq!(&frame[..3], &[0xaa; 3]);
    }

    #[test]
    fn a_checksum_outside_the_frame_changes_nothing() {
        let mut frame = [1, 2, 3];
        finish_checksum(&mut frame, 9, 0);
        finish_checksum(&mut frame, 0, 2);
        assert_eq!(frame, [1, 2, 3]);
    }

    #[test]
    fn an_interface_that_does_not_exist_is_an_error() {
        assert!(PacketSocket::open("no-such-if", Traffic::Both).is_err());
    }
}
