//! `lwiphost loopback`: server and client in one, and every byte compared.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use indicatif::ProgressBar;
use lwip_host::{TcpListener, TcpStream};
use rand::rngs::SmallRng;
use rand::{RngCore as _, SeedableRng as _};

use crate::cli::LoopbackOptions;
use crate::host::Host;
use crate::output::say;
use crate::progress;

const CHUNK: usize = 64 * 1024;
const PORT: u16 = 7777;
/// Over a link that loses half, too.
const CONNECTING: Duration = Duration::from_secs(60);

pub fn run(options: &LoopbackOptions, host: &Host) -> Result<()> {
    let own = host.addresses.iter().copied().find(IpAddr::is_ipv4).context("loopback needs an IPv4 address")?;
    let server = SocketAddr::new(neighbour(own), PORT);
    let listener = TcpListener::bind(&host.stack, (own, PORT)).context("no listener")?;
    let count = u64::from(options.connections);
    let bar = progress::bar(Some(options.bytes));
    let start = Instant::now();
    thread::scope(|scope| {
        let mut senders = Vec::new();
        let mut receivers = Vec::new();
        for number in 0..count {
            // What does not divide evenly goes over the first.
            let bytes = options.bytes / count + if number == 0 { options.bytes % count } else { 0 };
            let client = TcpStream::connect_timeout(&host.stack, &server, CONNECTING)
                .context("no connection: this wants a device on which comes back what is sent")?;
            senders.push(scope.spawn(move || send(client, number, bytes)));
            let (stream, _) = listener.accept().context("nobody to accept")?;
            let bar = bar.clone();
            receivers.push(scope.spawn(move || receive(stream, number, bytes, &bar)));
        }
        for thread in senders.into_iter().chain(receivers) {
            match thread.join() {
                Ok(result) => result?,
                Err(_) => bail!("a thread failed"),
            }
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    say!(
        "{} bytes over {count} connections in {seconds:.3} s: {:.1} Mbit/s, every byte as it was sent",
        options.bytes,
        options.bytes as f64 * 8.0 / seconds / 1e6
    )?;
    let [sent, received, again, dropped] = host.stack.tcp_counters()?;
    say!("segments: {sent} sent, {received} received, {again} sent again, {dropped} dropped")
}

/// Another address of the same network: the mirror makes it us.
fn neighbour(own: IpAddr) -> IpAddr {
    match own {
        IpAddr::V4(address) => IpAddr::V4((u32::from(address) ^ 1).into()),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) ^ 1).into()),
    }
}

/// Data that both sides know, other for each connection.
fn chunks(number: u64, bytes: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut random = SmallRng::seed_from_u64(number);
    let mut left = bytes;
    std::iter::from_fn(move || {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK);
        let mut chunk = vec![0; length];
        random.fill_bytes(&mut chunk);
        left -= length as u64;
        (length > 0).then_some(chunk)
    })
}

fn send(mut stream: TcpStream, number: u64, bytes: u64) -> Result<()> {
    for chunk in chunks(number, bytes) {
        stream.write_all(&chunk).context("sending failed")?;
    }
    stream.shutdown(Shutdown::Write).context("closing failed")?;
    match stream.read(&mut [0]).context("the far end did not close")? {
        0 => Ok(()),
        _ => bail!("data came from an end that sends none"),
    }
}

fn receive(mut stream: TcpStream, number: u64, bytes: u64, bar: &ProgressBar) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    for chunk in chunks(number, bytes) {
        let received = buffer.get_mut(..chunk.len()).unwrap_or_default();
        stream.read_exact(received).with_context(|| format!("connection {number} ended too early"))?;
        if *received != *chunk {
            bail!("connection {number}: what arrived is not what was sent");
        }
        bar.inc(chunk.len() as u64);
    }
    match stream.read(&mut [0]).context("the end did not come")? {
        0 => Ok(()),
        _ => bail!("connection {number}: more arrived than was sent"),
    }
}
