//! A plug that joins a port with itself.

use std::collections::VecDeque;
use std::io;

use super::{Capabilities, Device, Medium, Readiness, Waker};

/// Every frame that is sent comes back. With a [`Link`](crate::link::Link) around it: a network without any privilege.
pub struct Loopback {
    capabilities: Capabilities,
    swap: bool,
    limit: usize,
    frames: VecDeque<Box<[u8]>>,
    waker: Option<Waker>,
}

impl Loopback {
    /// Holds at most `queue` frames.
    #[must_use]
    pub fn new(capabilities: Capabilities, queue: usize) -> Self {
        Self { capabilities, swap: false, limit: queue, frames: VecDeque::new(), waker: None }
    }

    /// For IP packets of at most `mtu` octets, which come back with source and destination changed for each other: at every
    /// other address of its network a stack then meets itself. That is how client and server in one stack talk over a wire, where
    /// what is sent to an address of one's own would never leave the stack. No checksum changes, for none depends on the order.
    #[must_use]
    pub fn mirror(mtu: usize, queue: usize) -> Self {
        let capabilities = Capabilities { medium: Medium::Ip, mtu };
        Self { swap: true, ..Self::new(capabilities, queue) }
    }
}

/// Where source and destination are: RFC 791 3.1, RFC 8200 3.
fn swap_addresses(packet: &mut [u8]) {
    let (start, length) = match packet.first().map(|octet| octet >> 4) {
        Some(4) => (12, 4),
        Some(6) => (8, 16),
        _ => return,
    };
    if let Some(addresses) = packet.get_mut(start..start + 2 * length) {
        addresses.rotate_left(length);
    }
}

impl Device for Loopback {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        if frame.len() > self.capabilities.frame() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if self.frames.len() >= self.limit {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut frame: Box<[u8]> = frame.into();
        if self.swap {
            swap_addresses(&mut frame);
        }
        self.frames.push_back(frame);
        if let Some(wake) = &self.waker {
            wake();
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.frames.pop_front().map(|frame| super::deliver(&frame, buffer)).transpose()
    }

    fn readiness(&self) -> Readiness<'_> {
        Readiness::Memory
    }

    fn set_waker(&mut self, waker: Waker) {
        self.waker = Some(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_mirror_changes_source_and_destination() {
        let mut device = Loopback::mirror(100, 2);
        let mut buffer = [0; 100];
        let mut packet: Vec<u8> = (0..24).collect();
        packet[0] = 0x45;
        device.send(&packet).unwrap();
        assert_eq!(device.receive(&mut buffer).unwrap(), Some(24));
        assert_eq!(&buffer[12..20], [16, 17, 18, 19, 12, 13, 14, 15]);
        assert_eq!((&buffer[..12], &buffer[20..24]), (&packet[..12], &packet[20..]));
        // Neither long enough nor IP: as it is.
        device.send(&[0x60; 30]).unwrap();
        assert_eq!(device.receive(&mut buffer).unwrap(), Some(30));
        assert_eq!(&buffer[..30], [0x60; 30]);
    }

    #[test]
    fn what_is_sent_comes_back_until_the_queue_is_full() {
        let mut device = Loopback::new(Capabilities { medium: Medium::Ip, mtu: 100 }, 1);
        let mut buffer = [0; 100];
        device.send(b"there and back").unwrap();
        assert_eq!(device.send(b"x").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(device.receive(&mut buffer).unwrap(), Some(14));
        assert_eq!(&buffer[..14], b"there and back");
        assert_eq!(device.receive(&mut buffer).unwrap(), None);
    }
}
