//! The kernel's end of what `scripts/bench --only host` measures over TAP: the same program, whichever stack is at the other end.
//!
//!     bench-client send ADDR BYTES      to discard (RFC 863), until the stack has read all of it
//!     bench-client receive ADDR BYTES   from chargen (RFC 864)
//!     bench-client echo ADDR COUNT      one octet there and back (RFC 862), so many times
//!
//! Prints seconds; `echo`, microseconds: the median, and what 99 of 100 stay below.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const CHUNK: usize = 64 * 1024;
/// Longer without any progress: the stack is stuck.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, address, count] = arguments.as_slice() else { return usage() };
    let (Ok(address), Ok(count)) = (address.parse(), count.parse()) else { return usage() };
    let result = match what.as_str() {
        "send" => send(address, count),
        "receive" => receive(address, count),
        "echo" => echo(address, count),
        _ => return usage(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-client {what}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: bench-client send|receive|echo ADDR COUNT");
    ExitCode::from(2)
}

fn connect(address: IpAddr, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&(address, port).into(), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The next piece of so many octets.
fn piece(left: u64) -> usize {
    usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK))
}

fn send(address: IpAddr, bytes: u64) -> io::Result<()> {
    let mut stream = connect(address, 9)?;
    let (data, mut left) = (vec![0x5a; CHUNK], bytes);
    let start = Instant::now();
    while left > 0 {
        let length = stream.write(&data[..piece(left)])?;
        left -= length as u64;
    }
    stream.shutdown(Shutdown::Write)?;
    // The stack closes when it has read the end.
    while stream.read(&mut [0; 16])? > 0 {}
    println!("{}", start.elapsed().as_secs_f64());
    Ok(())
}

fn receive(address: IpAddr, bytes: u64) -> io::Result<()> {
    let mut stream = connect(address, 19)?;
    let (mut buffer, mut left) = (vec![0; CHUNK], bytes);
    let start = Instant::now();
    while left > 0 {
        match stream.read(&mut buffer[..piece(left)])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => left -= length as u64,
        }
    }
    println!("{}", start.elapsed().as_secs_f64());
    Ok(())
}

fn echo(address: IpAddr, count: u64) -> io::Result<()> {
    let mut stream = connect(address, 7)?;
    stream.set_nodelay(true)?;
    let mut times = Vec::new();
    // The first ones find ARP and the caches cold.
    let warm = count / 10;
    for number in 0..warm + count {
        let start = Instant::now();
        stream.write_all(&[number as u8])?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        if number >= warm {
            times.push(start.elapsed());
        }
        if answer != [number as u8] {
            return Err(io::Error::other("the echo is not what was sent"));
        }
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    println!("{:.2} {:.2}", at(50), at(99));
    Ok(())
}
