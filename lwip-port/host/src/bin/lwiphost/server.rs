//! `lwiphost server`: ping, and small services to talk to.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv6Addr, Shutdown};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lwip_host::netns::Namespace;
use lwip_host::{Handle, Interface, TcpListener, TcpStream, UdpSocket};

use crate::cli::{NetworkOptions, ServerOptions};
use crate::output::note;
use crate::{host, interrupt, netns_run, stat};

/// What a TCP port does with a connection.
#[derive(Clone, Copy)]
enum Service {
    Echo,
    Discard,
    Chargen,
    Hello,
    Reverse,
}

const TCP: [(u16, Service, &str); 6] = [
    (7, Service::Echo, "echo"),
    (9, Service::Discard, "discard"),
    (19, Service::Chargen, "chargen"),
    (6969, Service::Hello, "hello"),
    (6970, Service::Reverse, "reverse"),
    (6971, Service::Discard, "discard"),
];
const UDP_HELLO: u16 = 6969;
/// How often to look whether there is something to print, and whether the device is still there.
const LOOK: Duration = Duration::from_millis(500);
const CHUNK: usize = 64 * 1024;

/// The connections that are open, by their number, for `stat`.
pub type Connections = Arc<Mutex<HashMap<u64, TcpStream>>>;

/// What one port has done.
#[derive(Default)]
struct Counters {
    connections: AtomicU64,
    failed: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Counters {
    fn line(&self) -> String {
        let Self { connections, failed, received, sent } = self;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut line =
            format!("{} connections, {} bytes in, {} bytes out", read(connections), read(received), read(sent));
        if read(failed) > 0 {
            line += &format!(", {} ended by an error", read(failed));
        }
        line
    }
}

pub fn run(options: &ServerOptions, network: &NetworkOptions, namespace: Option<&Namespace>) -> Result<ExitCode> {
    let host = host::start(network, namespace)?;
    let connections = Connections::default();
    let mut ports = Vec::new();
    for (port, service, name) in TCP {
        let counters = Arc::new(Counters::default());
        listen(&host.stack, port, service, &counters, &connections)?;
        ports.push((format!("tcp {port} {name}"), counters));
    }
    let counters = Arc::new(Counters::default());
    greet(&host.stack, &counters)?;
    ports.push((format!("udp {UDP_HELLO} hello"), counters));
    stat::offer(&connections)?;
    if !options.quiet {
        for address in &host.addresses {
            note!("the stack is at {address}");
        }
    }
    let code = match (&network.run, namespace) {
        (Some(command), _) => netns_run::finish(netns_run::start(command, network)?)?,
        (None, namespace) => {
            if let Some(namespace) = namespace.filter(|_| !options.quiet) {
                netns_run::announce(namespace, network);
            }
            until_interrupted(options, &ports, &host.interface)?;
            ExitCode::SUCCESS
        }
    };
    if !options.quiet {
        note!("{}", table(&ports));
    }
    host.watch.report();
    Ok(code)
}

/// Prints the counters whenever they have changed, until Ctrl-C, or until the far end of the device is gone.
fn until_interrupted(options: &ServerOptions, ports: &[(String, Arc<Counters>)], interface: &Interface) -> Result<()> {
    let interrupted = interrupts()?;
    let mut shown = table(ports);
    loop {
        match interrupted.recv_timeout(LOOK) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if !interface.state()?.up {
            if !options.quiet {
                note!("the far end of the device is gone");
            }
            return Ok(());
        }
        let now = table(ports);
        if !options.quiet && now != shown {
            note!("{now}\n");
            shown = now;
        }
    }
}

/// Ctrl-C, and a polite kill, so that what was recorded is written to its end.
pub fn interrupts() -> Result<Receiver<()>> {
    let (sender, receiver) = channel();
    interrupt::handle(move || {
        let _ = sender.send(());
    })?;
    Ok(receiver)
}

fn table(ports: &[(String, Arc<Counters>)]) -> String {
    let lines: Vec<_> = ports.iter().map(|(name, counters)| format!("{name:<18} {}", counters.line())).collect();
    lines.join("\n")
}

fn listen(
    stack: &Handle,
    port: u16,
    service: Service,
    counters: &Arc<Counters>,
    connections: &Connections,
) -> Result<()> {
    let listener = TcpListener::bind(stack, (Ipv6Addr::UNSPECIFIED, port))
        .with_context(|| format!("no listener on port {port}"))?;
    let (counters, connections) = (Arc::clone(counters), Arc::clone(connections));
    thread::spawn(move || {
        // It ends with the stack.
        while let Ok((stream, _)) = listener.accept() {
            let number = counters.connections.fetch_add(1, Ordering::Relaxed);
            let number = u64::from(port) << 48 | number;
            let (counters, connections) = (Arc::clone(&counters), Arc::clone(&connections));
            thread::spawn(move || {
                if let Ok(clone) = stream.try_clone() {
                    connections.lock().unwrap_or_else(PoisonError::into_inner).insert(number, clone);
                }
                if serve(service, &stream, &counters).is_err() {
                    counters.failed.fetch_add(1, Ordering::Relaxed);
                }
                connections.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
            });
        }
    });
    Ok(())
}

fn serve(service: Service, mut stream: &TcpStream, counters: &Counters) -> io::Result<()> {
    let send = |mut stream: &TcpStream, data: &[u8]| {
        counters.sent.fetch_add(data.len() as u64, Ordering::Relaxed);
        stream.write_all(data)
    };
    match service {
        Service::Hello => send(stream, b"hello\n")?,
        Service::Chargen => {
            let pattern = chargen();
            loop {
                match send(stream, &pattern) {
                    // A reader that has had enough is how this ends.
                    Err(error) if is_end(&error) => return Ok(()),
                    other => other?,
                }
            }
        }
        Service::Echo | Service::Discard | Service::Reverse => {
            let mut chunk = vec![0; CHUNK];
            loop {
                let length = stream.read(&mut chunk)?;
                let Some(data) = chunk.get_mut(..length).filter(|data| !data.is_empty()) else { break };
                counters.received.fetch_add(length as u64, Ordering::Relaxed);
                match service {
                    Service::Echo => send(stream, data)?,
                    Service::Reverse => {
                        data.reverse();
                        send(stream, data)?;
                    }
                    _ => {}
                }
            }
        }
    }
    stream.shutdown(Shutdown::Write)
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted
    )
}

/// RFC 864: lines of 72 of the 95 printable characters, each line beginning one further on. A whole round of them.
fn chargen() -> Vec<u8> {
    let printable = b' '..=b'~';
    let mut lines = Vec::new();
    for start in 0..printable.clone().count() {
        lines.extend(printable.clone().cycle().skip(start).take(72));
        lines.extend(b"\r\n");
    }
    lines
}

fn greet(stack: &Handle, counters: &Arc<Counters>) -> Result<()> {
    let socket = UdpSocket::bind(stack, (Ipv6Addr::UNSPECIFIED, UDP_HELLO)).context("no UDP socket")?;
    let counters = Arc::clone(counters);
    thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            counters.connections.fetch_add(1, Ordering::Relaxed);
            counters.received.fetch_add(length as u64, Ordering::Relaxed);
            match socket.send_to(b"hello\n", from) {
                Ok(sent) => counters.sent.fetch_add(sent as u64, Ordering::Relaxed),
                Err(_) => counters.failed.fetch_add(1, Ordering::Relaxed),
            };
        }
    });
    Ok(())
}
