//! `lwiphost tcpdump`: every frame as a line.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, Result, bail};
use lwip_host::device::{Device, Medium, Readiness, Traffic};
use lwip_host::netns::Namespace;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pcap_file::DataLink;
use pcap_file::pcapng::{Block, PcapNgReader};

use crate::cli::{NetworkOptions, TcpdumpOptions};
use crate::decode::{Decoded, Decoder, Kind};
use crate::interrupt::Interrupt;
use crate::network;
use crate::output::{note, written};

/// Prints what passes the filters, until there were enough.
struct Printer<'a> {
    options: &'a TcpdumpOptions,
    decoder: Decoder,
    printed: u64,
    malformed: u64,
}

pub fn run(options: &TcpdumpOptions, network: &NetworkOptions, namespace: Option<&Namespace>) -> Result<()> {
    let mut printer = Printer { options, decoder: Decoder::default(), printed: 0, malformed: 0 };
    let outcome = match (&options.read, &options.interface) {
        (Some(file), _) => {
            let file = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
            read(&mut printer, file)
        }
        (None, Some(interface)) => {
            listen(&mut printer, &mut network::packet(interface, Traffic::Both).context(network::Unavailable)?)
        }
        (None, None) => {
            let mut opened = network::open(network, namespace)?;
            let outcome = listen(&mut printer, &mut opened.device);
            opened.watch.report();
            outcome
        }
    };
    note!("{} frames, {} malformed", printer.printed, printer.malformed);
    outcome
}

fn listen(printer: &mut Printer<'_>, device: &mut dyn Device) -> Result<()> {
    let capabilities = device.capabilities();
    let mut buffer = vec![0; capabilities.frame()];
    let interrupt = Interrupt::watch()?;
    while !interrupt.came() {
        while let Some(length) = received(device, &mut buffer)? {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            if printer.frame(now, capabilities.medium, buffer.get(..length).unwrap_or_default())?.is_done() {
                return Ok(());
            }
            if interrupt.came() {
                break;
            }
        }
        wait(device, &interrupt)?;
    }
    Ok(())
}

fn received(device: &mut dyn Device, buffer: &mut [u8]) -> Result<Option<usize>> {
    match device.receive(buffer) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => bail!("the far end is gone"),
        // It may come up again.
        Err(error) if error.kind() == io::ErrorKind::NetworkDown => Ok(None),
        other => other.context("the device failed"),
    }
}

/// Until there is a frame, or the link emulator lets one go, or Ctrl-C is pressed.
fn wait(device: &dyn Device, interrupt: &Interrupt) -> Result<()> {
    let timeout = device.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
    match device.readiness() {
        Readiness::Fd(descriptor) => {
            // Rounded up: a deadline is not met a little too early.
            let timeout = timeout
                .map_or(Ok(PollTimeout::NONE), |timeout| PollTimeout::try_from(timeout + Duration::from_millis(1)));
            let mut both = [descriptor.as_fd(), interrupt.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            match poll(&mut both, timeout.unwrap_or(PollTimeout::MAX)) {
                Ok(_) | Err(Errno::EINTR) => Ok(()),
                Err(error) => Err(error).context("cannot wait for a frame"),
            }
        }
        Readiness::Memory => bail!("nobody would ever send a frame on this device"),
    }
}

/// The file is read as it comes, also from a pipe that is still written.
fn read(printer: &mut Printer<'_>, file: File) -> Result<()> {
    let mut reader = PcapNgReader::new(file).context("this is no pcapng file")?;
    let mut media = Vec::new();
    while let Some(block) = reader.next_block() {
        match block.context("the file is damaged")? {
            Block::SectionHeader(_) => media.clear(),
            Block::InterfaceDescription(interface) => media.push(match interface.linktype {
                DataLink::ETHERNET => Some(Medium::Ethernet),
                DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => Some(Medium::Ip),
                _ => None,
            }),
            Block::EnhancedPacket(packet) => {
                let interface = usize::try_from(packet.interface_id).unwrap_or(usize::MAX);
                let Some(medium) = media.get(interface).copied().flatten() else {
                    bail!("the file has frames that begin neither with an Ethernet nor with an IP header");
                };
                if printer.frame(packet.timestamp, medium, &packet.data)?.is_done() {
                    return Ok(());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether more frames are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    More,
    Done,
}

impl Progress {
    fn is_done(self) -> bool {
        self == Self::Done
    }
}

impl Printer<'_> {
    fn frame(&mut self, time: Duration, medium: Medium, octets: &[u8]) -> Result<Progress> {
        let decoded = self.decoder.decode(medium, octets);
        if !self.wanted(&decoded) {
            return Ok(Progress::More);
        }
        self.printed += 1;
        self.malformed += u64::from(decoded.malformed);
        let mut output = anstream::stdout().lock();
        let style = style(&decoded);
        written(writeln!(output, "{} {style}{}{style:#}", clock(time), decoded.text))?;
        if self.options.hex {
            written(hex(&mut output, octets))?;
        }
        written(output.flush())?;
        Ok(if self.options.count.is_some_and(|count| self.printed >= count) { Progress::Done } else { Progress::More })
    }

    fn wanted(&self, decoded: &Decoded) -> bool {
        self.options.host.is_none_or(|host| decoded.hosts.contains(&host))
            && self.options.port.is_none_or(|port| decoded.ports.contains(&port))
    }
}

fn style(decoded: &Decoded) -> Style {
    let colour = match decoded.kind {
        _ if decoded.malformed => AnsiColor::Red,
        Kind::Arp => AnsiColor::Yellow,
        Kind::Icmp => AnsiColor::Magenta,
        Kind::Udp => AnsiColor::Cyan,
        Kind::Tcp => AnsiColor::Green,
        Kind::Other => return Style::new(),
    };
    colour.on_default()
}

/// The time of the day (UTC), as a capture has it to the nanosecond.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}.{:09}", seconds / 3600, seconds / 60 % 60, seconds % 60, time.subsec_nanos())
}

fn hex(output: &mut impl io::Write, octets: &[u8]) -> io::Result<()> {
    for (row, line) in octets.chunks(16).enumerate() {
        let numbers: Vec<_> = line.iter().map(|octet| format!("{octet:02x}")).collect();
        let letters: String =
            line.iter().map(|octet| if octet.is_ascii_graphic() { char::from(*octet) } else { '.' }).collect();
        writeln!(output, "    {:#06x}: {:<47}  {letters}", row * 16, numbers.join(" "))?;
    }
    Ok(())
}
