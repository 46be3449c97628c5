//! `lwiphost ping`: ICMP echo, over the stack's raw sockets.

use std::io;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lwip_host::{Protocol, RawSocket};

use crate::cli::PingOptions;
use crate::host::Host;
use crate::interrupt;
use crate::output::{note, say};

const HEADER: usize = 8;

/// The types of RFC 792 and RFC 4443.
#[derive(Clone, Copy)]
struct Types {
    request: u8,
    reply: u8,
}

/// What has come back.
#[derive(Default)]
struct Tally {
    times: Vec<Duration>,
    duplicates: u32,
}

/// Whether anybody answered.
pub fn run(options: &PingOptions, host: &Host) -> Result<bool> {
    let to = host.resolve(&options.host, 0)?.ip();
    let (protocol, types) = match to {
        IpAddr::V4(_) => (Protocol::Icmp, Types { request: 8, reply: 0 }),
        IpAddr::V6(_) => (Protocol::Icmpv6, Types { request: 128, reply: 129 }),
    };
    let socket = RawSocket::open(&host.stack, protocol).context("no raw socket")?;
    let identifier: u16 = rand::random();
    let events = events(socket.try_clone()?)?;
    say!("PING {to}: {} octets of data", options.size)?;
    let mut sent: Vec<Option<Instant>> = Vec::new();
    let mut tally = Tally::default();
    for sequence in 0..options.count {
        let request = echo(types, identifier, sequence, options.size);
        let now = Instant::now();
        match socket.send_to(&request, to) {
            Ok(_) => {}
            // As on a wire that is cut: it counts as lost.
            Err(error) => note!("request {sequence} was not sent: {error}"),
        }
        sent.push(Some(now));
        let last = sequence + 1 == options.count;
        let until = now + if last { options.timeout } else { options.interval };
        let collected = |tally: &Tally| last && tally.times.len() == usize::from(options.count);
        while !collected(&tally) {
            match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event::Packet(packet)) => on_packet(&packet, to, types, identifier, &mut sent, &mut tally)?,
                Ok(Event::Interrupt) => return report(to, &sent, &tally),
                Ok(Event::Failure(error)) => return Err(error).context("the stack failed"),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
    }
    report(to, &sent, &tally)
}

/// What may happen while an answer is waited for.
enum Event {
    Packet(Packet),
    Interrupt,
    Failure(io::Error),
}

struct Packet {
    from: IpAddr,
    at: Instant,
    /// From the IP header on.
    octets: Vec<u8>,
}

/// What the socket receives, and Ctrl-C.
fn events(socket: RawSocket) -> Result<Receiver<Event>> {
    let (sender, events) = channel();
    let interrupted = sender.clone();
    interrupt::handle(move || {
        let _ = interrupted.send(Event::Interrupt);
    })?;
    thread::spawn(move || {
        let mut buffer = vec![0; 0x1_0000];
        loop {
            let event = match socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    let octets = buffer.get(..length).unwrap_or_default().to_vec();
                    Event::Packet(Packet { from, at: Instant::now(), octets })
                }
                Err(error) => Event::Failure(error),
            };
            let last = matches!(event, Event::Failure(_));
            if sender.send(event).is_err() || last {
                return;
            }
        }
    });
    Ok(events)
}

fn echo(types: Types, identifier: u16, sequence: u16, size: u16) -> Vec<u8> {
    let mut message = vec![types.request, 0, 0, 0];
    message.extend(identifier.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend((0..size).map(|place| place.to_be_bytes()[1]));
    // That of ICMPv6 covers a pseudo-header, and so the stack fills it in (RFC 3542 3.1).
    if types.request == 8 {
        let checksum = checksum(&message).to_be_bytes();
        message.splice(2..4, checksum);
    }
    message
}

/// RFC 1071.
fn checksum(octets: &[u8]) -> u16 {
    let sum = octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from)).sum();
    let mut sum: u32 = sum;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

fn on_packet(
    packet: &Packet,
    peer: IpAddr,
    types: Types,
    identifier: u16,
    sent: &mut [Option<Instant>],
    tally: &mut Tally,
) -> Result<()> {
    let Packet { from, at, octets } = packet;
    let header = match from {
        IpAddr::V4(_) => usize::from(octets.first().copied().unwrap_or(0) & 0x0f) * 4,
        IpAddr::V6(_) => 40,
    };
    let Some(message) = octets.get(header..).filter(|message| message.len() >= HEADER) else { return Ok(()) };
    if *from != peer || message[0] != types.reply || message[4..6] != identifier.to_be_bytes() {
        return Ok(());
    }
    let sequence = u16::from_be_bytes([message[6], message[7]]);
    match sent.get_mut(usize::from(sequence)).map(Option::take) {
        Some(Some(then)) => {
            let time = at.saturating_duration_since(then);
            tally.times.push(time);
            say!("{} octets from {from}: seq={sequence} time={:.3} ms", message.len(), time.as_secs_f64() * 1e3)
        }
        Some(None) => {
            tally.duplicates += 1;
            say!("{} octets from {from}: seq={sequence} (duplicate)", message.len())
        }
        None => Ok(()),
    }
}

/// Whether anybody answered.
fn report(to: IpAddr, sent: &[Option<Instant>], tally: &Tally) -> Result<bool> {
    let (count, received) = (sent.len(), tally.times.len());
    let lost = count.saturating_sub(received);
    say!("--- {to}: {count} sent, {received} received, {}% lost", lost * 100 / count.max(1))?;
    if tally.duplicates > 0 {
        say!("{} duplicates", tally.duplicates)?;
    }
    let milliseconds: Vec<_> = tally.times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    if let (Some(least), Some(most)) =
        (milliseconds.iter().copied().reduce(f64::min), milliseconds.iter().copied().reduce(f64::max))
    {
        let mean = milliseconds.iter().sum::<f64>() / milliseconds.len() as f64;
        say!("round trip min/avg/max = {least:.3}/{mean:.3}/{most:.3} ms")?;
    }
    Ok(received > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_a_checksum_that_sums_up() {
        for size in [0, 1, 56] {
            let message = echo(Types { request: 8, reply: 0 }, 0x1234, 7, size);
            assert_eq!(message.len(), HEADER + usize::from(size));
            assert_eq!(checksum(&message), 0);
            assert_eq!(&message[4..8], [0x12, 0x34, 0, 7]);
        }
    }
}
