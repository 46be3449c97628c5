//! smoltcp, for `scripts/bench --only host` to have beside lwIP: sockets with the same buffers, packets of 1,500 octets, checksums
//! made and looked at, CUBIC, and reads and writes that copy to and from a program's buffer as those of std's sockets do.
//!
//!     bench-smoltcp loopback MIB          client and server on a device in memory
//!     bench-smoltcp compare MIB           the same; the data is random, and compared with what was sent
//!     bench-smoltcp echo COUNT            an octet there and back on that device, so many times
//!     bench-smoltcp serve TAP             192.0.2.2: echo, discard and chargen, a few connections at a time
//!     bench-smoltcp http TAP COUNT FILE   192.0.2.2: answers each request with the file, COUNT connections at a time
//!
//! `loopback` and `compare` print seconds, `echo` microseconds: the median, and what 99 of 100 stay below. The others go on until
//! they are stopped, and say "ready" when they begin.

mod loopback;
mod tap;

use std::error::Error;
use std::process::ExitCode;

use smoltcp::socket::tcp;

/// Buffer of a connection for each direction, in octets: what lwip-port/host has.
const WINDOW: usize = 1024 * 1024;
/// What a program reads and writes at once.
const CHUNK: usize = 64 * 1024;
const MTU: usize = 1500;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-smoltcp: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Outcome {
    match *arguments {
        ["loopback", megabytes] => loopback::bulk(megabytes.parse()?, false),
        ["compare", megabytes] => loopback::bulk(megabytes.parse()?, true),
        ["echo", count] => loopback::echo(count.parse()?),
        ["serve", name] => tap::serve(name),
        ["http", name, count, file] => tap::http(name, count.parse()?, &std::fs::read(file)?),
        _ => Err("usage: bench-smoltcp loopback|compare MIB, echo COUNT, serve TAP, http TAP COUNT FILE".into()),
    }
}

fn socket(receive: usize, send: usize) -> tcp::Socket<'static> {
    let mut socket = tcp::Socket::new(tcp::SocketBuffer::new(vec![0; receive]), tcp::SocketBuffer::new(vec![0; send]));
    socket.set_congestion_control(tcp::CongestionControl::Cubic);
    socket
}
