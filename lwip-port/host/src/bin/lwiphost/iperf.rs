//! `lwiphost iperf`: throughput over TCP, with an iperf of version 2 at the other end.
//!
//! In TCP without options iperf 2 has no protocol: the client sends and closes. Its server reads the first octets as flags, and all
//! zero says that there are none; our server ignores what they say.

use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, Shutdown};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lwip_host::{TcpListener, TcpStream};

use crate::cli::IperfOptions;
use crate::host::Host;

const CHUNK: usize = 128 * 1024;

pub fn run(options: &IperfOptions, host: &Host) -> Result<()> {
    match &options.client {
        Some(server) => client(options, host, server),
        None => serve(options, host),
    }
}

/// A line for each interval, and one for all.
struct Meter {
    interval: Duration,
    start: Instant,
    lines: u32,
    since: u64,
    total: u64,
    label: String,
}

impl Meter {
    fn new(options: &IperfOptions, label: String) -> Self {
        Self { interval: options.interval, start: Instant::now(), lines: 0, since: 0, total: 0, label }
    }

    fn add(&mut self, bytes: usize) {
        self.since += bytes as u64;
        self.total += bytes as u64;
        while self.start.elapsed() >= self.interval * (self.lines + 1) {
            let begin = (self.interval * self.lines).as_secs_f64();
            self.lines += 1;
            self.line(begin, (self.interval * self.lines).as_secs_f64(), self.since);
            self.since = 0;
        }
    }

    fn line(&self, begin: f64, end: f64, bytes: u64) {
        let megabytes = bytes as f64 / 1e6;
        let rate = if end > begin { megabytes * 8.0 / (end - begin) } else { 0.0 };
        println!("[{}] {begin:6.2}-{end:6.2} s  {megabytes:9.2} MB  {rate:9.2} Mbit/s", self.label);
    }

    fn finish(&self) {
        self.line(0.0, self.start.elapsed().as_secs_f64(), self.total);
    }
}

fn client(options: &IperfOptions, host: &Host, server: &str) -> Result<()> {
    let to = host.resolve(server, options.port)?;
    let mut stream = TcpStream::connect(&host.stack, to).with_context(|| format!("no connection to {to}"))?;
    println!("connected to {to}");
    let mut meter = Meter::new(options, to.to_string());
    let data = vec![0; CHUNK];
    let end = meter.start + options.time;
    loop {
        let left = match options.bytes {
            Some(bytes) => usize::try_from(bytes - meter.total).unwrap_or(CHUNK).min(CHUNK),
            None if Instant::now() < end => CHUNK,
            None => 0,
        };
        if left == 0 {
            break;
        }
        stream.write_all(data.get(..left).unwrap_or_default()).context("sending failed")?;
        meter.add(left);
    }
    stream.shutdown(Shutdown::Write).context("closing failed")?;
    // The server closes when it has everything. What it may say is not for us.
    while stream.read(&mut [0; 4096]).context("the server did not close")? > 0 {}
    meter.finish();
    let info = stream.info();
    if let Ok(info) = info {
        println!("{} segments sent again, RTT {:.1} ms", info.retransmissions, info.rtt.as_secs_f64() * 1e3);
    }
    Ok(())
}

fn serve(options: &IperfOptions, host: &Host) -> Result<()> {
    let listener = TcpListener::bind(&host.stack, (Ipv6Addr::UNSPECIFIED, options.port))
        .with_context(|| format!("no listener on port {}", options.port))?;
    println!("waiting for clients on port {}", options.port);
    thread::scope(|scope| {
        loop {
            let (stream, peer) = listener.accept().context("the stack failed")?;
            let meter = Meter::new(options, peer.to_string());
            if options.one {
                return receive(stream, meter);
            }
            scope.spawn(move || {
                if let Err(error) = receive(stream, meter) {
                    eprintln!("{peer}: {error:#}");
                }
            });
        }
    })
}

fn receive(mut stream: TcpStream, mut meter: Meter) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = stream.read(&mut buffer).context("receiving failed")?;
        if length == 0 {
            break;
        }
        meter.add(length);
    }
    meter.finish();
    stream.shutdown(Shutdown::Write).context("closing failed")
}
