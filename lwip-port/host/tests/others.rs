//! UDP, ICMP, names, interfaces, and a stack without a thread.

mod common;

use common::alone;
use lwip_host::device::{Capabilities, Device, Loopback, Medium, Readiness};
use lwip_host::{Engine, InterfaceConfig, InterfaceState, Protocol, RawSocket, TcpStream, UdpSocket};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::time::{Duration, Instant};

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

const LONG: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_millis(20);

#[test]
fn datagrams() {
    let stack = alone();
    for at in ["127.0.0.1:0", "[::1]:0"] {
        let one = UdpSocket::bind(&stack, at).unwrap();
        let two = UdpSocket::bind(&stack, at).unwrap();
        one.send_to(b"hello", two.local_addr().unwrap()).unwrap();
        let mut buffer = [0; 100];
        two.set_read_timeout(Some(LONG)).unwrap();
        assert_eq!(two.peek_from(&mut buffer).unwrap(), (5, one.local_addr().unwrap()));
        assert_eq!(two.recv_from(&mut buffer[..3]).unwrap(), (3, one.local_addr().unwrap()));
        assert_eq!(&buffer[..3], b"hel");
        assert_eq!(kind(one.send(b"x")), ErrorKind::NotConnected);
        one.connect(two.local_addr().unwrap()).unwrap();
        assert_eq!(one.peer_addr().unwrap(), two.local_addr().unwrap());
        one.send(b"").unwrap();
        assert_eq!(two.recv(&mut buffer).unwrap(), 0);
    }
}

#[test]
fn options_and_errors_of_datagrams() {
    let stack = alone();
    let socket = UdpSocket::bind(&stack, "127.0.0.1:53").unwrap();
    assert_eq!(kind(UdpSocket::bind(&stack, "127.0.0.1:53")), ErrorKind::AddrInUse);
    assert_eq!(kind(UdpSocket::bind(&stack, "192.0.2.1:53")), ErrorKind::AddrNotAvailable);
    assert_eq!(kind(socket.send_to(b"x", "192.0.2.1:53")), ErrorKind::NetworkUnreachable);
    assert_eq!(kind(socket.send_to(&[0; 65_508], "127.0.0.1:9")), ErrorKind::InvalidInput);
    socket.set_ttl(9).unwrap();
    assert_eq!(socket.ttl().unwrap(), 9);
    assert_eq!(kind(socket.set_ttl(0)), ErrorKind::InvalidInput);
    socket.set_broadcast(true).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(kind(socket.recv(&mut [0])), ErrorKind::WouldBlock);
    assert_eq!(kind(socket.set_read_timeout(Some(Duration::ZERO))), ErrorKind::InvalidInput);
    socket.set_nonblocking(true).unwrap();
    assert_eq!(kind(socket.recv(&mut [0])), ErrorKind::WouldBlock);
    let clone = socket.try_clone().unwrap();
    drop(socket);
    assert_eq!(clone.local_addr().unwrap(), "127.0.0.1:53".parse().unwrap());
    drop(clone);
    UdpSocket::bind(&stack, "127.0.0.1:53").unwrap();
}

#[test]
fn ping() {
    let stack = alone();
    let socket = RawSocket::open(&stack, Protocol::Icmp).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    // RFC 792: type 8, code 0, checksum, identifier, sequence number.
    let request = [8, 0, 0xf7, 0xfd, 0, 1, 0, 1];
    socket.send_to(&request, Ipv4Addr::LOCALHOST.into()).unwrap();
    let mut packet = [0; 100];
    loop {
        let (length, from) = socket.recv_from(&mut packet).unwrap();
        assert_eq!(from, IpAddr::from(Ipv4Addr::LOCALHOST));
        assert_eq!(length, 28);
        // Our own request comes by as well.
        if packet[20] == 0 {
            break;
        }
    }
    let socket = RawSocket::open(&stack, Protocol::Icmpv6).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    // RFC 4443 4.1; the stack fills the checksum in.
    socket.send_to(&[128, 0, 0, 0, 0, 1, 0, 1], "::1".parse().unwrap()).unwrap();
    loop {
        let (length, _) = socket.recv_from(&mut packet).unwrap();
        assert_eq!(length, 48);
        if packet[40] == 129 {
            break;
        }
    }
}

#[test]
fn names_that_need_no_server() {
    let stack = alone();
    assert_eq!(stack.resolve("192.0.2.7", 80).unwrap(), ["192.0.2.7:80".parse().unwrap()]);
    assert_eq!(stack.resolve("[2001:db8::1]", 80).unwrap(), ["[2001:db8::1]:80".parse().unwrap()]);
    assert!(stack.resolve("LocalHost", 80).unwrap().contains(&"127.0.0.1:80".parse().unwrap()));
    assert_eq!(kind(stack.resolve("no\0name", 80)), ErrorKind::NotFound);
    stack.set_dns_servers(&[]).unwrap();
    assert_eq!(stack.dns_servers().unwrap(), Vec::<IpAddr>::new());
    assert_eq!(kind(stack.resolve("example.net", 80)), ErrorKind::NotFound);
}

#[test]
fn a_name_is_asked_of_the_server() {
    let stack = alone();
    let server = UdpSocket::bind(&stack, "127.0.0.1:53").unwrap();
    stack.set_dns_servers(&[Ipv4Addr::LOCALHOST.into()]).unwrap();
    assert_eq!(stack.dns_servers().unwrap(), [IpAddr::from(Ipv4Addr::LOCALHOST)]);
    let answering = std::thread::spawn(move || {
        for _ in 0..2 {
            let mut query = [0; 512];
            let (length, from) = server.recv_from(&mut query).unwrap();
            // RFC 1035 4.1: the same question, flagged as a response, and for A one answer that refers to the name.
            let mut answer = query[..length].to_vec();
            let is_a = query[length - 3] == 1;
            answer[2..4].copy_from_slice(&[0x81, 0x80]);
            if is_a {
                answer[7] = 1;
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 9]);
            }
            server.send_to(&answer, from).unwrap();
        }
    });
    assert_eq!(stack.resolve("example.org", 443).unwrap(), ["192.0.2.9:443".parse().unwrap()]);
    answering.join().unwrap();
}

/// Hands each frame that is sent to the test.
struct Outbox(mpsc::Sender<Vec<u8>>);

impl Device for Outbox {
    fn capabilities(&self) -> Capabilities {
        Capabilities { medium: Medium::Ip, mtu: 1500 }
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.0.send(frame.to_vec()).map_err(|_| io::ErrorKind::WouldBlock.into())
    }

    fn receive(&mut self, _buffer: &mut [u8]) -> io::Result<Option<usize>> {
        Ok(None)
    }

    fn readiness(&self) -> Readiness<'_> {
        Readiness::Memory
    }
}

#[test]
fn an_interface_has_its_addresses_and_gives_its_device_back() {
    let stack = alone();
    let (sender, frames) = mpsc::channel();
    let config = InterfaceConfig {
        ipv4: Some(([10, 0, 0, 1].into(), 24)),
        gateway: Some([10, 0, 0, 2].into()),
        ipv6: vec!["2001:db8::1".parse().unwrap()],
        mac: None,
    };
    let interface = stack.add_interface(Outbox(sender), &config).unwrap();
    let state = interface.state().unwrap();
    assert_eq!(state.ipv4, Some(([10, 0, 0, 1].into(), [255, 255, 255, 0].into())));
    assert_eq!(state.gateway, config.gateway);
    assert_eq!(state.mtu, 1500);
    assert!(state.ipv6.iter().any(|(ip, _)| *ip == config.ipv6[0]), "{state:?}");
    interface.set_ipv4([10, 1, 0, 1].into(), 16, None).unwrap();
    assert_eq!(interface.state().unwrap().ipv4, Some(([10, 1, 0, 1].into(), [255, 255, 0, 0].into())));
    assert_eq!(kind(interface.set_ipv4([10, 1, 0, 1].into(), 33, None)), ErrorKind::InvalidInput);
    interface.set_default().unwrap();

    // A packet for its network goes out by it: UDP, from its address.
    while frames.try_recv().is_ok() {}
    let socket = UdpSocket::bind(&stack, "0.0.0.0:5000").unwrap();
    socket.send_to(b"out", "10.1.0.9:9").unwrap();
    let frame = frames.recv_timeout(LONG).unwrap();
    assert_eq!((frame[0] >> 4, frame[9]), (4, 17));
    assert_eq!(frame[12..20], [10, 1, 0, 1, 10, 1, 0, 9]);
    // Nobody answers a SYN.
    let to: SocketAddr = "10.1.0.9:9".parse().unwrap();
    assert_eq!(kind(TcpStream::connect_timeout(&stack, &to, SOON)), ErrorKind::TimedOut);

    let again = interface.clone();
    assert_eq!(interface.remove().unwrap().capabilities().mtu, 1500);
    assert_eq!(kind(again.state()), ErrorKind::NotFound);
    assert_eq!(kind(again.dhcp(SOON)), ErrorKind::NotFound);
    assert_eq!(kind(socket.send_to(b"x", "10.1.0.9:9")), ErrorKind::NetworkUnreachable);
}

#[test]
fn what_is_of_a_link_is_of_the_default_one() {
    let stack = alone();
    let socket = UdpSocket::bind(&stack, "[::]:0").unwrap();
    let wire = Loopback::new(Capabilities { medium: Medium::Ethernet, mtu: 1500 }, 9);
    stack.add_interface(wire, &InterfaceConfig::default()).unwrap();
    for to in ["[fe80::9]:9", "[ff02::1]:9"] {
        assert_eq!(socket.send_to(b"x", to).unwrap(), 1, "{to}");
    }
    let raw = RawSocket::open(&stack, Protocol::V6(200)).unwrap();
    assert_eq!(raw.send_to(b"x", "fe80::9".parse().unwrap()).unwrap(), 1);
}

/// A device that fails when it is first looked at, which it tells the test; it may fail in the same way ever after.
struct Flapping {
    looked: Option<mpsc::Sender<()>>,
    kind: ErrorKind,
    always: bool,
}

impl Device for Flapping {
    fn capabilities(&self) -> Capabilities {
        Capabilities { medium: Medium::Ip, mtu: 1500 }
    }

    fn send(&mut self, _frame: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn receive(&mut self, _buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.looked.take() {
            Some(looked) => drop(looked.send(())),
            None if !self.always => return Ok(None),
            None => {}
        }
        Err(self.kind.into())
    }

    fn readiness(&self) -> Readiness<'_> {
        Readiness::Memory
    }
}

/// What an interface has become after its device has failed.
fn after_a_failure(kind: ErrorKind, always: bool) -> InterfaceState {
    let stack = alone();
    let (sender, looked) = mpsc::channel();
    let device = Flapping { looked: Some(sender), kind, always };
    let interface = stack.add_interface(device, &InterfaceConfig::default()).unwrap();
    // From within the stack's thread: it takes the next command when it has dealt with the error.
    looked.recv_timeout(LONG).unwrap();
    interface.state().unwrap()
}

#[test]
fn a_passing_error_does_not_end_an_interface() {
    for kind in [ErrorKind::NetworkDown, ErrorKind::InvalidInput, ErrorKind::Other] {
        let state = after_a_failure(kind, false);
        assert!(state.up && state.dropped == 1, "{kind}: {state:?}");
    }
}

#[test]
fn a_lasting_error_and_the_end_of_the_far_end_do() {
    for kind in [ErrorKind::Other, ErrorKind::UnexpectedEof] {
        let state = after_a_failure(kind, true);
        assert!(!state.up, "{kind}: {state:?}");
    }
}

#[test]
fn a_stack_without_a_thread() {
    // Takes the turn, and gives the stack back, so that there is room for ours.
    let mut turn = alone();
    turn.end();
    let mut engine = Engine::new().unwrap();
    let handle = engine.handle();
    let start = Instant::now();
    let task = std::thread::spawn(move || {
        let one = UdpSocket::bind(&handle, "127.0.0.1:1").unwrap();
        one.send_to(b"x", "127.0.0.1:1").unwrap();
        let got = one.recv(&mut [0; 9]).unwrap();
        // Not to end before the socket is gone.
        drop(one);
        handle.pools().unwrap();
        got
    });
    while !task.is_finished() {
        let until = engine.poll(Instant::now());
        let limit = Instant::now() + SOON;
        engine.wait(Some(until.map_or(limit, |until| until.min(limit)))).unwrap();
        assert!(start.elapsed() < LONG);
    }
    assert_eq!(task.join().unwrap(), 1);
}
