//! A plug that joins a port with itself.

use std::collections::VecDeque;
use std::io;

use super::{Capabilities, Device, Readiness, Waker};

/// Every frame that is sent comes back. With a [`Link`](crate::link::Link) around it: a network without any privilege.
pub struct Loopback {
    capabilities: Capabilities,
    limit: usize,
    frames: VecDeque<Box<[u8]>>,
    waker: Option<Waker>,
}

impl Loopback {
    /// Holds at most `queue` frames.
    #[must_use]
    pub fn new(capabilities: Capabilities, queue: usize) -> Self {
        Self { capabilities, limit: queue, frames: VecDeque::new(), waker: None }
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
        self.frames.push_back(frame.into());
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
    use crate::device::Medium;

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
