//! Two processes on one wire: frames over a pair of byte streams, each with its length before it.
//!
//! The wire format: four octets of length, most significant first, then the frame. Nothing else, so that any language can be
//! the far end.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{read, write};

use super::{Capabilities, Device, Readiness};

const PREFIX: usize = 4;
/// Octets that wait for a far end that does not read. Beyond it frames are dropped, whole ones only.
const BACKLOG: usize = 256 * 1024;
/// When to try again to write what did not fit: a stream tells only its reader.
const RETRY: Duration = Duration::from_millis(1);

/// A device over a byte stream, or over a pair of them as standard input and output are.
pub struct StreamDevice {
    /// Before `reader`, since fields are dropped in order: where both are the same file, the reader knows the mode before us.
    writer: Option<Restored>,
    reader: Restored,
    capabilities: Capabilities,
    incoming: Vec<u8>,
    outgoing: VecDeque<u8>,
    retry: Option<Instant>,
    ended: bool,
}

/// A descriptor in non-blocking mode, which is put back as it was: the mode belongs to everybody who has that file open.
struct Restored {
    descriptor: OwnedFd,
    before: OFlag,
}

impl Restored {
    fn new(descriptor: OwnedFd) -> io::Result<Self> {
        let before = OFlag::from_bits_retain(fcntl(&descriptor, FcntlArg::F_GETFL)?);
        fcntl(&descriptor, FcntlArg::F_SETFL(before | OFlag::O_NONBLOCK))?;
        Ok(Self { descriptor, before })
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        let _ = fcntl(&self.descriptor, FcntlArg::F_SETFL(self.before));
    }
}

impl StreamDevice {
    /// Over one socket that goes both ways.
    ///
    /// # Errors
    /// Those of fcntl(2).
    pub fn socket(socket: UnixStream, capabilities: Capabilities) -> io::Result<Self> {
        Self::new(Restored::new(socket.into())?, None, capabilities)
    }

    /// Over standard input and standard output, which nothing else may use from then on.
    ///
    /// # Errors
    /// Those of dup(2) and fcntl(2).
    pub fn stdio(capabilities: Capabilities) -> io::Result<Self> {
        let reader = io::stdin().as_fd().try_clone_to_owned()?;
        let writer = io::stdout().as_fd().try_clone_to_owned()?;
        Self::new(Restored::new(reader)?, Some(Restored::new(writer)?), capabilities)
    }

    /// Two devices that are each other's far end, over a socket pair.
    ///
    /// # Errors
    /// Those of socketpair(2).
    pub fn pair(capabilities: Capabilities) -> io::Result<(Self, Self)> {
        let (left, right) = UnixStream::pair()?;
        Ok((Self::socket(left, capabilities)?, Self::socket(right, capabilities)?))
    }

    fn new(reader: Restored, writer: Option<Restored>, capabilities: Capabilities) -> io::Result<Self> {
        Ok(Self {
            writer,
            reader,
            capabilities,
            incoming: Vec::new(),
            outgoing: VecDeque::new(),
            retry: None,
            ended: false,
        })
    }

    fn writer(&self) -> BorrowedFd<'_> {
        self.writer.as_ref().unwrap_or(&self.reader).descriptor.as_fd()
    }

    /// Writes what waits, as far as it goes.
    fn flush(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            let written = match write(self.writer(), self.outgoing.as_slices().0) {
                Ok(written) => written,
                Err(Errno::EAGAIN) => {
                    self.retry = Some(Instant::now() + RETRY);
                    return Ok(());
                }
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            self.outgoing.drain(..written);
        }
        self.retry = None;
        Ok(())
    }

    /// Whether `incoming` holds a whole frame, which no poll(2) tells of.
    fn has_frame(&self) -> bool {
        self.incoming.split_first_chunk::<PREFIX>().is_some_and(|(prefix, rest)| {
            usize::try_from(u32::from_be_bytes(*prefix)).is_ok_and(|length| rest.len() >= length)
        })
    }

    /// Takes the first whole frame out of what was read.
    fn take_frame(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some((prefix, rest)) = self.incoming.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if length > self.capabilities.frame() {
            // There is no way back into step with the far end.
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the far end announces a frame of {length} octets; is its MTU or its medium another?"),
            ));
        }
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        let copied = super::deliver(frame, buffer);
        self.incoming.drain(..PREFIX + length);
        copied.map(Some)
    }
}

impl Device for StreamDevice {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let length = match u32::try_from(frame.len()) {
            Ok(length) if frame.len() <= self.capabilities.frame() => length,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        self.flush()?;
        if self.outgoing.len() + PREFIX + frame.len() > BACKLOG {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.outgoing.extend(length.to_be_bytes());
        self.outgoing.extend(frame);
        self.flush()
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        // A far end that is gone is told by the reader, after what it sent.
        let _ = self.flush();
        loop {
            if let Some(length) = self.take_frame(buffer)? {
                return Ok(Some(length));
            }
            if self.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut chunk = [0; 16 * 1024];
            match read(&self.reader.descriptor, &mut chunk) {
                Ok(0) | Err(Errno::ECONNRESET) => self.ended = true,
                Ok(length) => self.incoming.extend_from_slice(chunk.get(..length).unwrap_or_default()),
                Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn readiness(&self) -> Readiness<'_> {
        Readiness::Fd(self.reader.descriptor.as_fd())
    }

    fn deadline(&self) -> Option<Instant> {
        if self.has_frame() { Some(Instant::now()) } else { self.retry }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::device::Medium;

    const CAPABILITIES: Capabilities = Capabilities { medium: Medium::Ethernet, mtu: 1500 };

    #[test]
    fn a_far_end_that_does_not_read_costs_whole_frames_only() {
        let (mut a, mut b) = StreamDevice::pair(CAPABILITIES).unwrap();
        let mut sent = 0_u32;
        loop {
            let mut frame = vec![0; 1514];
            frame[..4].copy_from_slice(&sent.to_be_bytes());
            match a.send(&frame) {
                Ok(()) => sent += 1,
                Err(error) => break assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        assert!(a.deadline().is_some(), "what waits has to be tried again");
        let mut buffer = [0; 1514];
        let mut received = 0;
        while received < sent {
            match b.receive(&mut buffer).unwrap() {
                Some(length) => {
                    assert_eq!((length, &buffer[..4]), (1514, &u32::to_be_bytes(received)[..]));
                    received += 1;
                }
                None => assert_eq!(a.receive(&mut buffer).unwrap(), None, "receiving flushes too"),
            }
        }
        assert_eq!(a.deadline(), None);
    }

    #[test]
    fn the_end_comes_after_the_frames() {
        let (mut a, mut b) = StreamDevice::pair(CAPABILITIES).unwrap();
        a.send(b"last words").unwrap();
        drop(a);
        let mut buffer = [0; 1514];
        assert_eq!(b.receive(&mut buffer).unwrap(), Some(10));
        assert_eq!(b.receive(&mut buffer).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_frame_that_is_too_long_is_an_error_of_the_far_end() {
        let (mut wire, far) = UnixStream::pair().unwrap();
        let mut device = StreamDevice::socket(far, CAPABILITIES).unwrap();
        wire.write_all(&1515_u32.to_be_bytes()).unwrap();
        assert_eq!(device.receive(&mut [0; 1514]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn the_mode_of_the_file_is_given_back() {
        let (near, far) = UnixStream::pair().unwrap();
        let watched = far.try_clone().unwrap();
        let mode = || OFlag::from_bits_retain(fcntl(&watched, FcntlArg::F_GETFL).unwrap());
        let device = StreamDevice::socket(far, CAPABILITIES).unwrap();
        assert!(mode().contains(OFlag::O_NONBLOCK));
        drop(device);
        assert!(!mode().contains(OFlag::O_NONBLOCK));
        drop(near);
    }

    proptest! {
        /// However the octets of the stream are cut, the frames are the same.
        #[test]
        fn frames_do_not_depend_on_how_the_stream_is_cut(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..10),
            cut in 1_usize..64,
        ) {
            let (mut wire, far) = UnixStream::pair().unwrap();
            let mut device = StreamDevice::socket(far, CAPABILITIES).unwrap();
            let mut octets = Vec::new();
            for frame in &frames {
                octets.extend(u32::try_from(frame.len()).unwrap().to_be_bytes());
                octets.extend(frame);
            }
            let mut buffer = [0; 1514];
            let mut received = Vec::new();
            for piece in octets.chunks(cut) {
                wire.write_all(piece).unwrap();
                while let Some(length) = device.receive(&mut buffer).unwrap() {
                    received.push(buffer[..length].to_vec());
                }
            }
            prop_assert_eq!(received, frames);
        }
    }
}
