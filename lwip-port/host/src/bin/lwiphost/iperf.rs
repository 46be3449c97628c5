//! `lwiphost iperf`: throughput over TCP, with an iperf of version 2 at the other end.
//!
//! In TCP without options iperf 2 has no protocol: the client sends and closes. Its server reads the first octets as flags, and all
//! zero says that there are none; our server ignores what they say.

use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, Shutdown};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lwip_host::{TcpListener, TcpStream};

use crate::cli::IperfOptions;
use crate::host::Host;
use crate::interrupt::{self, Interrupt};
use crate::output::{Closed, note, say};

const CHUNK: usize = 128 * 1024;
const CONNECTING: Duration = Duration::from_secs(20);

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
    fn new(interval: Duration, label: String) -> Self {
        Self { interval, start: Instant::now(), lines: 0, since: 0, total: 0, label }
    }

    fn add(&mut self, bytes: usize) -> Result<()> {
        self.since += bytes as u64;
        self.total += bytes as u64;
        while self.start.elapsed() >= self.interval * (self.lines + 1) {
            let begin = (self.interval * self.lines).as_secs_f64();
            self.lines += 1;
            self.line(begin, (self.interval * self.lines).as_secs_f64(), self.since)?;
            self.since = 0;
        }
        Ok(())
    }

    fn line(&self, begin: f64, end: f64, bytes: u64) -> Result<()> {
        let megabytes = bytes as f64 / 1e6;
        let rate = if end > begin { megabytes * 8.0 / (end - begin) } else { 0.0 };
        say!("[{}] {begin:6.2}-{end:6.2} s  {megabytes:9.2} MB  {rate:9.2} Mbit/s", self.label)
    }

    fn finish(&self) -> Result<()> {
        self.line(0.0, self.start.elapsed().as_secs_f64(), self.total)
    }
}

fn client(options: &IperfOptions, host: &Host, server: &str) -> Result<()> {
    let to = host.resolve(server, options.port)?;
    let mut stream = host.connect(to, CONNECTING)?;
    say!("connected to {to}")?;
    let interrupt = Interrupt::watch()?;
    let mut meter = Meter::new(options.interval, to.to_string());
    let data = vec![0; CHUNK];
    let end = meter.start + options.time;
    loop {
        let left = match options.bytes {
            Some(bytes) => usize::try_from(bytes - meter.total).unwrap_or(CHUNK).min(CHUNK),
            None if Instant::now() < end => CHUNK,
            None => 0,
        };
        if left == 0 || interrupt.came() {
            break;
        }
        stream.write_all(data.get(..left).unwrap_or_default()).context("sending failed")?;
        meter.add(left)?;
    }
    // Closed by both sides it has none any more.
    let rtt = stream.info().map_or(Duration::ZERO, |info| info.rtt);
    stream.shutdown(Shutdown::Write).context("closing failed")?;
    // The server closes when it has everything. What it may say is not for us.
    while stream.read(&mut [0; 4096]).context("the server did not close")? > 0 {}
    meter.finish()?;
    let [_, _, again, _] = host.stack.tcp_counters()?;
    say!("{again} segments sent again, RTT {:.1} ms", rtt.as_secs_f64() * 1e3)
}

fn serve(options: &IperfOptions, host: &Host) -> Result<()> {
    let listener = TcpListener::bind(&host.stack, (Ipv6Addr::UNSPECIFIED, options.port))
        .with_context(|| format!("no listener on port {}", options.port))?;
    say!("waiting for clients on port {}", options.port)?;
    let (ended, end) = channel();
    let interrupted = ended.clone();
    interrupt::handle(move || {
        let _ = interrupted.send(Ok(()));
    })?;
    let (interval, one) = (options.interval, options.one);
    thread::spawn(move || {
        loop {
            let accepted = listener.accept().context("the stack failed");
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => break drop(ended.send(Err(error))),
            };
            let meter = Meter::new(interval, peer.to_string());
            if one {
                break drop(ended.send(receive(stream, meter)));
            }
            let ended = ended.clone();
            thread::spawn(move || match receive(stream, meter) {
                Ok(()) => {}
                // Nobody reads what we say.
                Err(error) if error.is::<Closed>() => drop(ended.send(Err(error))),
                Err(error) => note!("{peer}: {error:#}"),
            });
        }
    });
    // One of those threads, or Ctrl-C.
    end.recv().context("nobody is left to wait for")?
}

fn receive(mut stream: TcpStream, mut meter: Meter) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = stream.read(&mut buffer).context("receiving failed")?;
        if length == 0 {
            break;
        }
        meter.add(length)?;
    }
    meter.finish()?;
    stream.shutdown(Shutdown::Write).context("closing failed")
}
