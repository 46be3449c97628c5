//! `lwiphost ping`: ICMP echo, over the stack's raw sockets.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lwip_host::{Protocol, RawSocket};

use crate::cli::PingOptions;
use crate::host::{Host, is_timeout};

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
    println!("PING {to}: {} octets of data", options.size);
    let mut sent: Vec<Option<Instant>> = Vec::new();
    let mut tally = Tally::default();
    for sequence in 0..options.count {
        let request = echo(types, identifier, sequence, options.size);
        let now = Instant::now();
        match socket.send_to(&request, to) {
            Ok(_) => {}
            // As on a wire that is cut: it counts as lost.
            Err(error) => eprintln!("request {sequence} was not sent: {error}"),
        }
        sent.push(Some(now));
        let last = sequence + 1 == options.count;
        let until = now + if last { options.timeout } else { options.interval };
        let collected = |tally: &Tally| last && tally.times.len() == usize::from(options.count);
        while !collected(&tally) && receive(&socket, to, types, identifier, until, &mut sent, &mut tally)? {}
    }
    Ok(report(to, options.count, &tally))
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

/// One packet, if one comes before `until`; says whether to go on.
fn receive(
    socket: &RawSocket,
    peer: IpAddr,
    types: Types,
    identifier: u16,
    until: Instant,
    sent: &mut [Option<Instant>],
    tally: &mut Tally,
) -> Result<bool> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Ok(false);
    }
    socket.set_read_timeout(Some(left))?;
    let mut packet = vec![0; 0x1_0000];
    let (length, from) = match socket.recv_from(&mut packet) {
        Ok(received) => received,
        Err(error) if is_timeout(&error) => return Ok(false),
        Err(error) => return Err(error).context("the stack failed"),
    };
    let header = match from {
        IpAddr::V4(_) => usize::from(packet[0] & 0x0f) * 4,
        IpAddr::V6(_) => 40,
    };
    let Some(message) = packet.get(header..length).filter(|message| message.len() >= HEADER) else { return Ok(true) };
    if from != peer || message[0] != types.reply || message[4..6] != identifier.to_be_bytes() {
        return Ok(true);
    }
    let sequence = u16::from_be_bytes([message[6], message[7]]);
    match sent.get_mut(usize::from(sequence)).map(Option::take) {
        Some(Some(at)) => {
            let time = at.elapsed();
            println!("{} octets from {from}: seq={sequence} time={:.3} ms", message.len(), time.as_secs_f64() * 1e3);
            tally.times.push(time);
        }
        Some(None) => {
            println!("{} octets from {from}: seq={sequence} (duplicate)", message.len());
            tally.duplicates += 1;
        }
        None => {}
    }
    Ok(true)
}

fn report(to: IpAddr, count: u16, tally: &Tally) -> bool {
    let received = tally.times.len();
    let lost = usize::from(count).saturating_sub(received);
    println!("--- {to}: {count} sent, {received} received, {}% lost", lost * 100 / usize::from(count).max(1));
    if tally.duplicates > 0 {
        println!("{} duplicates", tally.duplicates);
    }
    let milliseconds: Vec<_> = tally.times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    if let (Some(least), Some(most)) =
        (milliseconds.iter().copied().reduce(f64::min), milliseconds.iter().copied().reduce(f64::max))
    {
        let mean = milliseconds.iter().sum::<f64>() / milliseconds.len() as f64;
        println!("round trip min/avg/max = {least:.3}/{mean:.3}/{most:.3} ms");
    }
    received > 0
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
