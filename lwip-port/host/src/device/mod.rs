//! What the stack sends frames to and receives frames from.
//!
//! | device | medium | needs |
//! |---|---|---|
//! | [`pipe()`] | either | nothing; the far end is in this process |
//! | [`Loopback`] | either | nothing |
//! | [`StreamDevice`] | either | nothing; the far end is another process |
//! | [`TunTap::tap`] | Ethernet | /dev/net/tun, and CAP_NET_ADMIN or an interface made for this user |
//! | [`TunTap::tun`] | IP | the same |
//! | [`PacketSocket`] | Ethernet | CAP_NET_RAW |
//!
//! [`Link`](crate::link::Link) and [`Recorder`](crate::pcap::Recorder) go around any of them and are devices too.

mod loopback;
mod packet;
mod pipe;
mod stream;
mod tuntap;

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

pub use loopback::Loopback;
pub use packet::{PacketSocket, Traffic};
pub use pipe::{Pipe, pipe};
pub use stream::StreamDevice;
pub use tuntap::{Settings as TunTapSettings, TunTap};

/// What a frame of a device starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Medium {
    /// An Ethernet header: destination, source, EtherType. No frame check sequence.
    Ethernet,
    /// An IPv4 or IPv6 header; its first four bits say which.
    Ip,
}

/// What the stack has to know of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// What a frame starts with.
    pub medium: Medium,
    /// The longest IP packet in octets, without the header of the link. 68 to 65,535 (RFC 791 3.2); IPv6 wants 1,280
    /// (RFC 8200 5).
    pub mtu: usize,
}

impl Capabilities {
    /// The longest frame in octets: the packet, and what the medium puts before it.
    #[must_use]
    pub const fn frame(&self) -> usize {
        match self.medium {
            Medium::Ethernet => self.mtu + 14,
            Medium::Ip => self.mtu,
        }
    }
}

/// Called, from any thread, when a device in memory has a frame again.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// How to learn that a device has a frame to receive.
#[derive(Clone, Copy, Debug)]
pub enum Readiness<'a> {
    /// This descriptor is then readable for poll(2).
    Fd(BorrowedFd<'a>),
    /// It calls what [`Device::set_waker`] gave it.
    Memory,
}

/// A link-layer (or IP-layer) port that the stack sends frames to and receives frames from.
///
/// Nothing here blocks: the one thread of the stack calls it.
pub trait Device: Send {
    /// Medium and MTU. They stay what they are.
    fn capabilities(&self) -> Capabilities;

    /// Sends one frame.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if the queue is full: the frame is dropped, as a network may.
    fn send(&mut self, frame: &[u8]) -> io::Result<()>;

    /// Receives one frame into `buffer`, which holds at least [`Capabilities::frame`] octets, and returns its length;
    /// `None` if none is there now.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`]: the far end is gone, and nothing will come any more. [`io::ErrorKind::NetworkDown`]: the
    /// link is down, and may come up again. Any other is the device's; the stack tries again, and gives the device up after a
    /// number of errors in a row.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>>;

    /// How to wait for a frame.
    fn readiness(&self) -> Readiness<'_>;

    /// Says whom to call when a frame is there. Only devices with [`Readiness::Memory`] have to keep it.
    fn set_waker(&mut self, waker: Waker) {
        let _ = waker;
    }

    /// When a frame that is held back (by a link emulator) is due, if one is: `receive`, or `send` inside the device,
    /// wants to be called then.
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

impl<D: Device + ?Sized> Device for Box<D> {
    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        (**self).send(frame)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        (**self).receive(buffer)
    }

    fn readiness(&self) -> Readiness<'_> {
        (**self).readiness()
    }

    fn set_waker(&mut self, waker: Waker) {
        (**self).set_waker(waker);
    }

    fn deadline(&self) -> Option<Instant> {
        (**self).deadline()
    }
}

/// Copies a received frame to whoever asked for it.
pub(crate) fn deliver(frame: &[u8], buffer: &mut [u8]) -> io::Result<usize> {
    let Some(place) = buffer.get_mut(..frame.len()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the buffer is shorter than the device's frames"));
    };
    place.copy_from_slice(frame);
    Ok(frame.len())
}
