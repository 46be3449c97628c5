//! Records what the stack sees, in a file for tcpdump and Wireshark: pcapng, with nanoseconds and the direction of each frame.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::{DataLink, PcapError};

use crate::device::{Capabilities, Device, Medium, Readiness, Waker};

/// Which way a frame went; the first two bits of a packet's flags word in pcapng.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the stack.
    Received,
    /// From the stack.
    Sent,
}

/// Writes frames to a file in the format pcapng.
pub struct CaptureWriter<W: Write> {
    writer: PcapNgWriter<W>,
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

impl<W: Write> CaptureWriter<W> {
    /// Begins the file, with one interface of that medium.
    ///
    /// # Errors
    /// Those of `writer`.
    pub fn new(writer: W, medium: Medium) -> io::Result<Self> {
        let mut writer = PcapNgWriter::new(writer).map_err(io_error)?;
        let linktype = match medium {
            Medium::Ethernet => DataLink::ETHERNET,
            Medium::Ip => DataLink::RAW,
        };
        let options = vec![InterfaceDescriptionOption::IfTsResol(9)];
        let interface = InterfaceDescriptionBlock { linktype, snaplen: 0, options };
        writer.write_pcapng_block(interface).map_err(io_error)?;
        Ok(Self { writer })
    }

    /// Adds a frame that was seen at `time`, since the epoch.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn record(&mut self, time: Duration, direction: Direction, frame: &[u8]) -> io::Result<()> {
        let flags = match direction {
            Direction::Received => 1,
            Direction::Sent => 2,
        };
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: time,
            original_len: u32::try_from(frame.len()).unwrap_or(u32::MAX),
            data: Cow::Borrowed(frame),
            options: vec![EnhancedPacketOption::Flags(flags)],
        };
        self.writer.write_pcapng_block(block).map_err(io_error).map(drop)
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.get_mut().flush()
    }
}

/// A device that records every frame that goes through it. Around a [`Link`](crate::link::Link) it sees what the stack sees: what
/// the link loses of the stack's own frames is in the file, what it loses of the others' is not.
pub struct Recorder<D, W: Write = BufWriter<File>> {
    device: D,
    capture: Option<CaptureWriter<W>>,
    failure: Arc<OnceLock<io::Error>>,
    made: Instant,
    /// Something was recorded that the system does not have yet.
    dirty: bool,
}

impl<D: Device> Recorder<D> {
    /// Records to that file, which is made, or overwritten.
    ///
    /// # Errors
    /// Those of the file.
    pub fn create(device: D, file: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(device, BufWriter::new(File::create(file)?))
    }
}

impl<D: Device, W: Write + Send> Recorder<D, W> {
    /// Records to `writer`.
    ///
    /// # Errors
    /// Those of `writer`. What it fails with later ends the recording, not the traffic.
    pub fn new(device: D, writer: W) -> io::Result<Self> {
        let capture = Some(CaptureWriter::new(writer, device.capabilities().medium)?);
        Ok(Self { device, capture, failure: Arc::default(), made: Instant::now(), dirty: true })
    }

    /// Where the error is put that ends the recording, if one does; to be looked at also after the stack owns the device.
    #[must_use]
    pub fn failure(&self) -> Arc<OnceLock<io::Error>> {
        Arc::clone(&self.failure)
    }

    fn record(&mut self, direction: Direction, frame: &[u8]) {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let result = self.capture.as_mut().map(|capture| capture.record(time, direction, frame));
        self.dirty = true;
        self.end_on_error(result);
    }

    fn flush(&mut self) {
        if std::mem::take(&mut self.dirty) {
            let result = self.capture.as_mut().map(CaptureWriter::flush);
            self.end_on_error(result);
        }
    }

    fn end_on_error(&mut self, result: Option<io::Result<()>>) {
        if let Some(Err(error)) = result {
            let _ = self.failure.set(error);
            self.capture = None;
        }
    }
}

impl<D: Device, W: Write + Send> Device for Recorder<D, W> {
    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.record(Direction::Sent, frame);
        self.device.send(frame)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let received = self.device.receive(buffer);
        match &received {
            Ok(Some(length)) => self.record(Direction::Received, buffer.get(..*length).unwrap_or_default()),
            Ok(None) | Err(_) => self.flush(),
        }
        received
    }

    fn readiness(&self) -> Readiness<'_> {
        self.device.readiness()
    }

    fn set_waker(&mut self, waker: Waker) {
        self.device.set_waker(waker);
    }

    fn deadline(&self) -> Option<Instant> {
        // At once: a program that is killed loses no frame that it has seen a moment ago. It has no time of its own, so that it
        // gets along with virtual time.
        let flush = self.dirty.then_some(self.made);
        [self.device.deadline(), flush].into_iter().flatten().min()
    }
}

impl<D, W: Write> Drop for Recorder<D, W> {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.capture.as_mut().map(CaptureWriter::flush) {
            let _ = self.failure.set(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use pcap_file::pcapng::{Block, PcapNgReader};

    use super::*;
    use crate::device::pipe;

    /// A file that can be looked into while it is written.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn flags(option: &EnhancedPacketOption<'_>) -> u32 {
        match option {
            EnhancedPacketOption::Flags(flags) => *flags,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_directions_are_recorded_with_octets_and_nanoseconds() {
        let (near, mut far) = pipe(Capabilities { medium: Medium::Ip, mtu: 1500 }, 9);
        let file = Shared::default();
        let mut recorder = Recorder::new(near, file.clone()).unwrap();
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        recorder.send(b"question").unwrap();
        far.send(b"answer").unwrap();
        assert_eq!(recorder.receive(&mut [0; 1500]).unwrap(), Some(6));
        let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        drop(recorder);

        let bytes = file.0.lock().unwrap().clone();
        let mut reader = PcapNgReader::new(&bytes[..]).unwrap();
        let mut packets = Vec::new();
        let mut interfaces = 0;
        while let Some(block) = reader.next_block() {
            match block.unwrap() {
                Block::InterfaceDescription(interface) => {
                    interfaces += 1;
                    assert_eq!(interface.linktype, DataLink::RAW);
                    assert_eq!(interface.options, [InterfaceDescriptionOption::IfTsResol(9)]);
                }
                Block::EnhancedPacket(packet) => {
                    assert!((before..=after).contains(&packet.timestamp));
                    packets.push((packet.data.into_owned(), packet.options.iter().map(flags).collect::<Vec<_>>()));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(interfaces, 1);
        assert_eq!(packets, [(b"question".to_vec(), vec![2]), (b"answer".to_vec(), vec![1]),]);
    }

    #[test]
    fn what_was_recorded_is_written_as_soon_as_nothing_more_comes() {
        let (near, _far) = pipe(Capabilities { medium: Medium::Ip, mtu: 1500 }, 9);
        let file = Shared::default();
        let mut recorder = Recorder::new(near, BufWriter::new(file.clone())).unwrap();
        recorder.send(b"question").unwrap();
        assert!(file.0.lock().unwrap().is_empty());
        assert!(recorder.deadline().is_some_and(|deadline| deadline <= Instant::now()), "it wants to be called");
        assert_eq!(recorder.receive(&mut [0; 1500]).unwrap(), None);
        assert!(file.0.lock().unwrap().windows(8).any(|part| part == b"question"));
        assert_eq!(recorder.deadline(), None);
    }

    #[test]
    fn a_full_disk_ends_the_recording_and_not_the_traffic() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (near, mut far) = pipe(Capabilities { medium: Medium::Ip, mtu: 1500 }, 9);
        let mut recorder = Recorder::new(near, Full(100)).unwrap();
        for _ in 0..3 {
            recorder.send(b"on and on").unwrap();
            assert_eq!(far.receive(&mut [0; 1500]).unwrap(), Some(9));
        }
        assert_eq!(recorder.failure().get().map(io::Error::kind), Some(io::ErrorKind::StorageFull));
    }
}
