//! How quick the stack is with itself: moves data over one connection, or one octet there and back again and again.
//!
//!     bulk [MIB]              client, server and stack in three threads, over the stack's own loopback
//!     bulk MIB --engine       all in one thread, which drives the stack, over a device in memory
//!     bulk --echo COUNT       an octet there and back so many times, in three threads
//!     bulk --echo COUNT --engine
//!
//! Packets of 1,500 octets, checksums made and looked at. `--short` says it as scripts/bench wants it: seconds, or microseconds of
//! the median and what 99 of 100 stay below.

use lwip_host::device::Loopback;
use lwip_host::{Engine, Handle, InterfaceConfig, Stack, TcpListener, TcpStream};
use std::future::Future;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

const CHUNK: usize = 64 * 1024;
const PORT: u16 = 5001;
/// Without any progress for so long, something is broken.
const PATIENCE: Duration = Duration::from_secs(20);

struct Options {
    megabytes: u64,
    echo: Option<usize>,
    engine: bool,
    short: bool,
}

fn options() -> Option<Options> {
    let mut options = Options { megabytes: 1024, echo: None, engine: false, short: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--engine" => options.engine = true,
            "--short" => options.short = true,
            "--echo" => options.echo = Some(arguments.next()?.parse().ok()?),
            number => options.megabytes = number.parse().ok()?,
        }
    }
    Some(options)
}

fn main() -> io::Result<()> {
    let Some(options) = options() else {
        eprintln!("usage: bulk [MIB | --echo COUNT] [--engine] [--short]");
        std::process::exit(2);
    };
    if let Some(count) = options.echo {
        let mut times = if options.engine { Pair::new()?.echo(count)? } else { echo(count)? };
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6);
        if options.short {
            println!("{:.2} {:.2}", at(50), at(99));
        } else {
            println!("{count} times there and back: {:.2} us each, 99 of 100 below {:.2} us", at(50), at(99));
        }
        return Ok(());
    }
    let total = options.megabytes * 1024 * 1024;
    let seconds = if options.engine { Pair::new()?.bulk(total)? } else { bulk(total)? };
    if options.short {
        println!("{seconds}");
    } else {
        println!("{} MiB in {seconds:.2} s: {:.2} Gbit/s", options.megabytes, total as f64 * 8.0 / seconds / 1e9);
    }
    Ok(())
}

fn bulk(total: u64) -> io::Result<f64> {
    let stack = Stack::start()?;
    let listener = TcpListener::bind(&stack, ("127.0.0.1", PORT))?;
    let start = Instant::now();
    let reader = thread::spawn(move || -> io::Result<u64> {
        let (mut stream, _) = listener.accept()?;
        let (mut buffer, mut received) = (vec![0; CHUNK], 0);
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(received),
                length => received += length as u64,
            }
        }
    });
    let mut stream = TcpStream::connect(&stack, ("127.0.0.1", PORT))?;
    let (data, mut left) = (vec![0x5a; CHUNK], total);
    while left > 0 {
        left -= stream.write(&data[..piece(left)])? as u64;
    }
    drop(stream);
    let received = reader.join().map_err(|_| io::Error::other("the reader panicked"))??;
    assert_eq!(received, total);
    Ok(start.elapsed().as_secs_f64())
}

fn piece(left: u64) -> usize {
    usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK))
}

fn echo(count: usize) -> io::Result<Vec<Duration>> {
    let stack = Stack::start()?;
    let listener = TcpListener::bind(&stack, ("127.0.0.1", PORT))?;
    let server = thread::spawn(move || -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut octet = [0];
        while stream.read(&mut octet)? > 0 {
            stream.write_all(&octet)?;
        }
        Ok(())
    });
    let mut stream = TcpStream::connect(&stack, ("127.0.0.1", PORT))?;
    let times = measure(count, |octet| {
        stream.write_all(&[octet])?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        Ok(answer[0])
    })?;
    drop(stream);
    server.join().map_err(|_| io::Error::other("the server panicked"))??;
    Ok(times)
}

/// How long each took, but for the first ones, which find the caches cold.
fn measure(count: usize, mut once: impl FnMut(u8) -> io::Result<u8>) -> io::Result<Vec<Duration>> {
    let warm = count / 10;
    let mut times = Vec::new();
    for number in 0..warm + count {
        let start = Instant::now();
        assert_eq!(once(number as u8)?, number as u8);
        if number >= warm {
            times.push(start.elapsed());
        }
    }
    Ok(times)
}

/// Client and server on a stack that this thread drives by itself.
struct Pair {
    engine: Engine,
    client: TcpStream,
    server: TcpStream,
}

/// Gets what a future gives, and drives the stack meanwhile.
fn drive<T>(engine: &mut Engine, future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let mut future = pin!(future);
    let end = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
        engine.poll(Instant::now());
        if Instant::now() > end {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// What a call that does not block has done, if it has done anything.
fn done(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

impl Pair {
    fn new() -> io::Result<Self> {
        let mut engine = Engine::new()?;
        let handle: Handle = engine.handle();
        let (own, mirrored) = (Ipv4Addr::new(192, 0, 2, 2), Ipv4Addr::new(192, 0, 2, 3));
        let config = InterfaceConfig { ipv4: Some((own, 24)), ..InterfaceConfig::default() };
        let device = Box::new(Loopback::mirror(1500, 1024));
        let _interface = drive(&mut engine, handle.add_interface_async(device, &config))?;
        let listener = drive(&mut engine, TcpListener::bind_async(&handle, (own, PORT).into(), 1))?;
        let client = drive(&mut engine, TcpStream::connect_async(&handle, (mirrored, PORT).into()))?;
        let (server, _) = drive(&mut engine, listener.accept_async())?;
        client.set_nonblocking(true)?;
        server.set_nonblocking(true)?;
        Ok(Self { engine, client, server })
    }

    fn bulk(mut self, total: u64) -> io::Result<f64> {
        let (data, mut buffer) = (vec![0x5a; CHUNK], vec![0; CHUNK]);
        let (mut left, mut received) = (total, 0);
        let start = Instant::now();
        let mut end = start + PATIENCE;
        while received < total {
            while left > 0 {
                match done(self.client.write(&data[..piece(left)]))? {
                    0 => break,
                    length => left -= length as u64,
                }
            }
            self.engine.poll(Instant::now());
            let before = received;
            loop {
                match done(self.server.read(&mut buffer))? {
                    0 => break,
                    length => received += length as u64,
                }
            }
            if received > before {
                end = Instant::now() + PATIENCE;
            } else if Instant::now() > end {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(start.elapsed().as_secs_f64())
    }

    fn echo(mut self, count: usize) -> io::Result<Vec<Duration>> {
        measure(count, |octet| {
            let mut answer = [0];
            (&self.client).write_all(&[octet])?;
            let end = Instant::now() + PATIENCE;
            loop {
                self.engine.poll(Instant::now());
                if done((&self.server).read(&mut answer))? > 0 {
                    (&self.server).write_all(&answer)?;
                }
                if done((&self.client).read(&mut answer))? > 0 {
                    return Ok(answer[0]);
                }
                if Instant::now() > end {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        })
    }
}
