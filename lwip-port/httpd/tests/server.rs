//! The server over lwIP's loopback, with lwIP's own sockets as the client: what no well-behaved client does. lwIP's globals are shared
//! by all tests of a process, so there is one test, which looks at the pools when all is over.

use lwip_httpd::ffi::socket::{Interest, Kind, Poll, Socket};
use lwip_httpd::ffi::stack::{InUse, Stack};
use lwip_httpd::http::request::Limits;
use lwip_httpd::server::{Config, Server, Stopper};
use std::fs;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

const LARGE: usize = 3_000_000;

struct Running {
    stack: Stack,
    address: SocketAddr,
    stopper: Stopper,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    fn start(stack: Stack, folder: &Path, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(folder.to_owned(), (Ipv4Addr::LOCALHOST, 0).into());
        config.drain_timeout = Duration::from_millis(100);
        change(&mut config);
        let (server, stopper) = Server::new(stack, config).unwrap();
        let address = server.address().unwrap();
        Self { stack, address, stopper, thread: Some(thread::spawn(move || server.run())) }
    }

    fn connect(&self) -> Socket {
        let socket = Socket::new(&self.stack, Kind::Stream, self.address).unwrap();
        socket.connect(self.address).unwrap();
        socket
    }

    /// Sends `text` and returns all that comes until the server closes.
    fn ask(&self, text: &str) -> String {
        let socket = self.connect();
        send(&socket, text.as_bytes());
        to_end(&socket)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.stop();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

fn send(socket: &Socket, mut data: &[u8]) {
    while !data.is_empty() {
        let count = socket.write(data).unwrap();
        data = &data[count..];
    }
}

fn read_all(socket: &Socket) -> (Vec<u8>, io::Result<()>) {
    let (mut all, mut buffer) = (Vec::new(), vec![0; 100_000]);
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return (all, Ok(())),
            Ok(count) => all.extend(&buffer[..count]),
            Err(error) => return (all, Err(error)),
        }
    }
}

fn to_end(socket: &Socket) -> String {
    let (all, end) = read_all(socket);
    end.unwrap();
    String::from_utf8(all).unwrap()
}

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n")
}

#[test]
fn what_no_good_client_does() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.txt"), "small\n").unwrap();
    fs::write(folder.path().join("large"), vec![b'x'; LARGE]).unwrap();
    fs::create_dir(folder.path().join("sub")).unwrap();
    let stack = Stack::start();
    let before = stack.in_use();
    let tests: [fn(Stack, &Path); 8] = [refusals, pipelined, octet_by_octet, slow, idle, too_many, too_often, unread];
    for test in tests {
        test(stack, folder.path());
    }
    conditions(stack, folder.path());
    // What both sides have closed is in TIME-WAIT, for which there is no descriptor; the rest is back at once.
    let after = stack.in_use();
    assert_eq!(stack.connections().len(), after.time_wait, "{:?}", stack.connections());
    assert_eq!(InUse { time_wait: before.time_wait, ..after }, before);
}

fn refusals(stack: Stack, folder: &Path) {
    let server = Running::start(stack, folder, |config| config.limits = Limits { head: 2000, content: 5000 });
    for (text, status) in [
        (get("/", &format!("A: {}\r\n", "x".repeat(50_000))), "431"),
        (get("/small.txt", "Content-Length: 5001\r\n") + &"x".repeat(5001), "413"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".into(), "405"),
        ("\x16\x03\x01 what a browser sends to a port of TLS\r\n\r\n".into(), "400"),
        (get("/../etc/passwd", "Connection: close\r\n"), "403"),
        (get("/sub", "Connection: close\r\n"), "301"),
        (get("/small.txt/", "Connection: close\r\n"), "404"),
    ] {
        let answer = server.ask(&text);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{text:.60}: {answer}");
    }
}

fn pipelined(stack: Stack, folder: &Path) {
    let server = Running::start(stack, folder, |_| {});
    // More than one turn's worth, contents in between, and all in the buffer before the first answer.
    let mut text = (get("/small.txt", "Content-Length: 3\r\n") + "GET").repeat(99);
    text += &get("/small.txt", "Connection: close\r\n");
    let answer = server.ask(&text);
    assert_eq!(answer.matches("HTTP/1.1 200 OK\r\n").count(), 100);
    assert_eq!(answer.matches("\r\n\r\nsmall\n").count(), 100);
}

fn octet_by_octet(stack: Stack, folder: &Path) {
    let server = Running::start(stack, folder, |_| {});
    let socket = server.connect();
    for octet in get("/small.txt", "Connection: close\r\n").bytes() {
        send(&socket, &[octet]);
    }
    assert!(to_end(&socket).ends_with("\r\n\r\nsmall\n"));
    // The end of the client's side, when it has asked, is not the end of the answer.
    let socket = server.connect();
    send(&socket, get("/large", "").as_bytes());
    socket.shutdown(Shutdown::Write).unwrap();
    let (all, end) = read_all(&socket);
    end.unwrap();
    assert!(all.ends_with(&vec![b'x'; LARGE]));
}

fn slow(stack: Stack, folder: &Path) {
    let server = Running::start(stack, folder, |config| config.request_timeout = Duration::from_millis(50));
    assert!(server.ask("GET / HTTP/1.1\r\nHost:").starts_with("HTTP/1.1 408 "));
    // So is content that never comes, and the first answer is none the worse for it.
    let answer = server.ask(&get("/small.txt", "Content-Length: 10\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("HTTP/1.1 408 "), "{answer}");
}

fn idle(stack: Stack, folder: &Path) {
    let server = Running::start(stack, folder, |config| config.idle_timeout = Duration::from_millis(50));
    assert_eq!(server.ask(""), "");
    assert!(server.ask(&get("/small.txt", "")).ends_with("small\n"));
}

fn too_many(stack: Stack, folder: &Path) {
    let server = Running::start(stack, folder, |config| config.connections = 2);
    let held: Vec<Socket> = (0..2)
        .map(|_| {
            let socket = server.connect();
            // An answer tells that it was accepted.
            send(&socket, get("/small.txt", "").as_bytes());
            let mut buffer = [0; 1000];
            assert!(socket.read(&mut buffer).unwrap() > 0);
            socket
        })
        .collect();
    let answer = server.ask("");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: "), "{answer}");
    drop(held);
    // There is room again as soon as the server has heard of it.
    let served = || !server.ask(&get("/small.txt", "Connection: close\r\n")).starts_with("HTTP/1.1 503 ");
    assert!((0..1000).any(|_| served()));
}

fn too_often(stack: Stack, folder: &Path) {
    let server = Running::start(stack, folder, |config| (config.rate, config.burst) = (1, 3));
    let text = get("/small.txt", "").repeat(10) + &get("/small.txt", "Connection: close\r\n");
    let answer = server.ask(&text);
    assert!(answer.starts_with("HTTP/1.1 200 "));
    assert!(answer.matches("HTTP/1.1 429 ").count() > 0, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 11);
}

fn unread(stack: Stack, folder: &Path) {
    let server = Running::start(stack, folder, |config| config.send_timeout = Duration::from_millis(50));
    let socket = server.connect();
    send(&socket, get("/large", "").as_bytes());
    // Who reads nothing is reset, which is an error that nobody has to ask for.
    let mut poll = Poll::default();
    poll.add(&socket, Interest::default());
    assert!(poll.poll(&stack, None).unwrap().next().unwrap().error);
    let (all, end) = read_all(&socket);
    assert!(end.is_err() && all.len() < LARGE, "{} octets, {end:?}", all.len());
}

fn conditions(stack: Stack, folder: &Path) {
    let server = Running::start(stack, folder, |_| {});
    let ask = |fields: &str| server.ask(&get("/small.txt", &format!("{fields}Connection: close\r\n")));
    let first = ask("");
    let date = first.lines().find_map(|line| line.strip_prefix("Last-Modified: ")).unwrap();
    assert!(first.contains("Content-Type: text/plain; charset=utf-8\r\n"), "{first}");
    let unmodified = ask(&format!("If-Modified-Since: {date}\r\n"));
    assert!(unmodified.starts_with("HTTP/1.1 304 ") && unmodified.ends_with("\r\n\r\n"), "{unmodified}");
    assert!(ask("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n").ends_with("\r\n\r\nsmall\n"));
    assert!(ask("Range: bytes=1-2\r\n").ends_with("\r\n\r\nma"));
    assert!(ask(&format!("Range: bytes=1-2\r\nIf-Range: {date}\r\n")).ends_with("\r\n\r\nma"));
    assert!(ask("Range: bytes=1-2\r\nIf-Range: \"other\"\r\n").ends_with("\r\n\r\nsmall\n"));
}
