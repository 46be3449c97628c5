//! The program `lwiphost-httpd`.

use anyhow::{Context, Result, bail};
use clap::Parser;
use lwip_httpd::ffi::stack::{Stack, Tap};
use lwip_httpd::server::{Config, MOST_CONNECTIONS, Server};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Serves the files of a folder over HTTP, from a TCP/IP stack of its own: lwIP, with its TCP in Rust.
///
/// The server is a host of its own with addresses of its own. It is reached through a TAP device, which is a network card made of
/// software: one end is this program's, the other one is the kernel's, with an address in the same network. Without root a
/// namespace has room for both:
///
///   unshare -Urn sh -c 'ip tuntap add dev tap0 mode tap; ip address add 192.0.2.1/24 dev tap0; ip link set tap0 up;
///                       lwiphost-httpd DIR & sleep 1; curl http://192.0.2.2/'
///
/// The page / lists the folder, and /_stack shows the state of each TCP connection. Ctrl-C ends the server.
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
struct Arguments {
    /// The folder whose files are served; nothing outside of it can be had, by links neither
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The TAP device; it has to be there, and up
    #[arg(long, value_name = "NAME", default_value = "tap0")]
    tap: String,

    /// The server's own IPv4 address, and the size of its network
    #[arg(long, value_name = "ADDR/BITS", default_value = "192.0.2.2/24", value_parser = network)]
    ip4: (Ipv4Addr, u8),

    /// Where what is for other networks goes
    #[arg(long, value_name = "ADDR")]
    gateway: Option<Ipv4Addr>,

    /// The server's own IPv6 address, in a network of 64 bits
    #[arg(long, value_name = "ADDR")]
    ip6: Option<Ipv6Addr>,

    /// The TCP port
    #[arg(long, value_name = "PORT", default_value_t = 80)]
    port: u16,

    /// Connections at a time; who comes then is told to come again (503)
    #[arg(long, value_name = "N", default_value_t = MOST_CONNECTIONS, value_parser = connections)]
    connections: usize,

    /// Requests per second of each client on average, 0 for no limit; one more is refused (429)
    #[arg(long, value_name = "N", default_value_t = 0)]
    rate: u32,

    /// Requests that a client may have at once before --rate counts
    #[arg(long, value_name = "N", default_value_t = 100)]
    burst: u32,

    /// Size of a request's head; a larger one is refused (431)
    #[arg(long, value_name = "OCTETS", default_value_t = 16 * 1024)]
    head_limit: usize,

    /// Size of a request's content; larger one is refused (413)
    #[arg(long, value_name = "OCTETS", default_value_t = 64 * 1024)]
    content_limit: u64,

    /// How long a request may take from its first octet to its last; a longer one is refused (408)
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    request_timeout: u64,

    /// How long a connection without a request stays open
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    idle_timeout: u64,

    /// How long a client may take nothing of a response before its connection is reset
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    send_timeout: u64,
}

fn network(text: &str) -> Result<(Ipv4Addr, u8)> {
    let (address, bits) = text.split_once('/').context("this is ADDR/BITS, as in 192.0.2.2/24")?;
    let address = address.parse().context("this is no IPv4 address")?;
    match bits.parse() {
        Ok(bits) if (1..=30).contains(&bits) => Ok((address, bits)),
        _ => bail!("behind the slash is a number of 1 to 30"),
    }
}

fn connections(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(count) if (1..=MOST_CONNECTIONS).contains(&count) => Ok(count),
        _ => bail!("this is a number of 1 to {MOST_CONNECTIONS}"),
    }
}

/// lwIP's driver would make a device that is not there, and nobody would be at its other end.
fn check_device(name: &str) -> Result<()> {
    if nix::net::if_::if_nametoindex(name).is_err() {
        bail!(
            "there is no device {name}. It is made by\n  ip tuntap add dev {name} mode tap && \
             ip address add 192.0.2.1/24 dev {name} && ip link set {name} up\n\
             as root, or inside of unshare -Urn (see --help)"
        );
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lwiphost-httpd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    check_device(&arguments.tap)?;
    let stack = Stack::start();
    let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, arguments.port));
    let config = Config {
        connections: arguments.connections,
        rate: arguments.rate,
        burst: arguments.burst,
        limits: lwip_httpd::http::request::Limits { head: arguments.head_limit, content: arguments.content_limit },
        request_timeout: Duration::from_secs(arguments.request_timeout),
        idle_timeout: Duration::from_secs(arguments.idle_timeout),
        send_timeout: Duration::from_secs(arguments.send_timeout),
        ..Config::new(arguments.folder.clone(), address)
    };
    let (server, stopper) =
        Server::new(stack, config).with_context(|| format!("cannot serve {}", arguments.folder.display()))?;
    let tap = Tap { device: arguments.tap, ip4: arguments.ip4, gateway: arguments.gateway, ip6: arguments.ip6 };
    stack.add_tap(&tap).with_context(|| format!("cannot use {}", tap.device))?;
    ctrlc::set_handler(move || stopper.stop()).context("cannot listen to Ctrl-C")?;
    println!("serving {} at http://{}:{}/", arguments.folder.display(), tap.ip4.0, arguments.port);
    server.run().context("lwIP has no memory")
}
