//! TCP sockets over the loopback interface: what each method does, each error, and each moment to let go.

mod common;

use common::alone;
use lwip_host::{Keepalive, TcpListener, TcpState, TcpStream};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_millis(50);

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 7 % 251) as u8).collect()
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// Data that fills every buffer on the way.
const MUCH: usize = 4 * 1024 * 1024;

#[test]
fn data_goes_both_ways_at_once() {
    let stack = alone();
    let (client, server) = stack.pair();
    let echo = thread::spawn(move || io::copy(&mut &server, &mut &server).unwrap());
    let data = pattern(MUCH);
    let mut back = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            (&client).write_all(&data).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        });
        (&client).read_to_end(&mut back).unwrap();
    });
    assert!(back == data);
    assert_eq!(echo.join().unwrap(), MUCH as u64);
}

#[test]
fn over_ipv6_and_to_a_listener_for_both_families() {
    let stack = alone();
    let listener = TcpListener::bind(&stack, "[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for to in [SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port))] {
        let mut client = TcpStream::connect(&stack, to).unwrap();
        let (mut server, peer) = listener.accept().unwrap();
        assert_eq!(peer.ip(), to.ip());
        assert_eq!(client.peer_addr().unwrap(), to);
        assert_eq!(server.local_addr().unwrap(), to);
        client.write_all(b"hello").unwrap();
        let mut hello = [0; 5];
        server.read_exact(&mut hello).unwrap();
        assert_eq!(&hello, b"hello");
    }
}

#[test]
fn small_writes_arrive_in_order() {
    let stack = alone();
    let (mut client, mut server) = stack.pair();
    let writer = thread::spawn(move || {
        for byte in 0..5000_u32 {
            client.write_all(&byte.to_be_bytes()).unwrap();
        }
    });
    let mut word = [0; 4];
    for byte in 0..5000_u32 {
        server.read_exact(&mut word).unwrap();
        assert_eq!(u32::from_be_bytes(word), byte);
    }
    writer.join().unwrap();
    assert_eq!(server.read(&mut word).unwrap(), 0);
}

#[test]
fn peeking_reads_nothing() {
    let stack = alone();
    let (mut client, mut server) = stack.pair();
    client.write_all(b"abc").unwrap();
    let mut buffer = [0; 8];
    assert!(server.peek(&mut buffer).unwrap() >= 1);
    assert!(server.peek(&mut buffer[..1]).unwrap() == 1 && buffer[0] == b'a');
    server.read_exact(&mut buffer[..3]).unwrap();
    assert_eq!(&buffer[..3], b"abc");
}

#[test]
fn half_a_connection_is_left_by_shutdown() {
    let stack = alone();
    let (mut client, mut server) = stack.pair();
    client.write_all(b"last words").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(kind(client.write(b"more")), ErrorKind::BrokenPipe);
    let mut heard = String::new();
    server.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "last words");
    server.write_all(b"answer").unwrap();
    server.shutdown(Shutdown::Both).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer");
}

#[test]
fn after_shutdown_of_reading_there_is_only_the_end() {
    let stack = alone();
    let (client, mut server) = stack.pair();
    server.shutdown(Shutdown::Read).unwrap();
    // More than a window: it is taken and forgotten, or this would never return.
    (&client).write_all(&pattern(MUCH)).unwrap();
    assert_eq!(server.read(&mut [0; 10]).unwrap(), 0);
}

#[test]
fn options_are_what_they_were_set_to() {
    let stack = alone();
    let (client, _server) = stack.pair();
    assert!(!client.nodelay().unwrap());
    client.set_nodelay(true).unwrap();
    assert!(client.nodelay().unwrap());
    client.set_nodelay(false).unwrap();
    assert!(!client.nodelay().unwrap());

    client.set_ttl(3).unwrap();
    assert_eq!(client.ttl().unwrap(), 3);
    assert_eq!(kind(client.set_ttl(0)), ErrorKind::InvalidInput);
    assert_eq!(kind(client.set_ttl(256)), ErrorKind::InvalidInput);

    assert_eq!(client.keepalive().unwrap(), None);
    let keepalive = Keepalive { idle: Duration::from_secs(9), interval: Duration::from_secs(2), count: 4 };
    client.set_keepalive(Some(keepalive)).unwrap();
    assert_eq!(client.keepalive().unwrap(), Some(keepalive));
    client.set_keepalive(None).unwrap();
    assert_eq!(client.keepalive().unwrap(), None);

    client.set_linger(Some(Duration::ZERO)).unwrap();
    assert_eq!(client.linger().unwrap(), Some(Duration::ZERO));
    client.set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(client.read_timeout().unwrap(), Some(SOON));
    client.set_write_timeout(Some(SOON)).unwrap();
    assert_eq!(client.write_timeout().unwrap(), Some(SOON));
    assert_eq!(kind(client.set_read_timeout(Some(Duration::ZERO))), ErrorKind::InvalidInput);
    assert_eq!(kind(client.set_write_timeout(Some(Duration::ZERO))), ErrorKind::InvalidInput);
}

#[test]
fn info_tells_the_state() {
    let stack = alone();
    let (mut client, mut server) = stack.pair();
    client.write_all(&pattern(100_000)).unwrap();
    server.read_exact(&mut vec![0; 100_000]).unwrap();
    let info = client.info().unwrap();
    assert_eq!(info.state, TcpState::Established);
    assert!(info.mss > 0 && info.mss <= 1460, "{info:?}");
    assert!(info.cwnd >= info.mss, "{info:?}");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    let (client, server) = (client.info().unwrap(), server.info().unwrap());
    assert_eq!(server.state, TcpState::CloseWait);
    // C's TCP does not count. SYN and FIN take sequence numbers, but are no data.
    if cfg!(rust_tcp) {
        assert_eq!((client.bytes_acked, client.bytes_received), (100_000, 0), "{client:?}");
        assert_eq!((server.bytes_acked, server.bytes_received), (0, 100_000), "{server:?}");
    }
}

#[test]
fn without_a_listener_a_connection_is_refused() {
    let stack = alone();
    assert_eq!(kind(TcpStream::connect(&stack, "127.0.0.1:9")), ErrorKind::ConnectionRefused);
    assert_eq!(kind(TcpStream::connect(&stack, "[::1]:9")), ErrorKind::ConnectionRefused);
}

#[test]
fn without_a_route_the_network_is_unreachable() {
    let stack = alone();
    assert_eq!(kind(TcpStream::connect(&stack, "192.0.2.1:9")), ErrorKind::NetworkUnreachable);
}

#[test]
fn an_address_is_bound_once_and_has_to_be_ours() {
    let stack = alone();
    let listener = TcpListener::bind(&stack, "127.0.0.1:80").unwrap();
    assert_eq!(kind(TcpListener::bind(&stack, "127.0.0.1:80")), ErrorKind::AddrInUse);
    assert_eq!(kind(TcpListener::bind(&stack, "192.0.2.1:80")), ErrorKind::AddrNotAvailable);
    drop(listener);
    TcpListener::bind(&stack, "127.0.0.1:80").unwrap();
}

#[test]
fn a_listener_can_be_bound_again_while_its_connections_live() {
    let stack = alone();
    let listener = TcpListener::bind(&stack, "127.0.0.1:80").unwrap();
    let _client = TcpStream::connect(&stack, "127.0.0.1:80").unwrap();
    let _server = listener.accept().unwrap();
    drop(listener);
    TcpListener::bind(&stack, "127.0.0.1:80").unwrap();
}

#[test]
fn time_over_is_would_block_for_data_and_timed_out_for_a_connection() {
    let stack = alone();
    let (mut client, server) = stack.pair();
    client.set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(kind(client.read(&mut [0])), ErrorKind::WouldBlock);
    client.set_write_timeout(Some(SOON)).unwrap();
    let mut written = 0;
    let end = loop {
        match client.write(&pattern(65536)) {
            Ok(length) => written += length,
            Err(error) => break error.kind(),
        }
    };
    assert_eq!(end, ErrorKind::WouldBlock);
    assert!(written > 1024 * 1024, "{written}");
    drop(server);

    // A backlog that is full: SYNs are dropped, as by a host that is not there.
    let listener = TcpListener::bind_with_backlog(&stack, "127.0.0.1:80", 1).unwrap();
    let to = listener.local_addr().unwrap();
    let _first = TcpStream::connect(&stack, to).unwrap();
    assert_eq!(kind(TcpStream::connect_timeout(&stack, &to, SOON)), ErrorKind::TimedOut);
    assert_eq!(kind(TcpStream::connect_timeout(&stack, &to, Duration::ZERO)), ErrorKind::InvalidInput);
}

#[test]
fn nothing_blocks_that_must_not() {
    let stack = alone();
    let listener = TcpListener::bind(&stack, "127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
    listener.set_nonblocking(false).unwrap();
    let mut client = TcpStream::connect(&stack, listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.set_nonblocking(true).unwrap();
    assert_eq!(kind(client.read(&mut [0])), ErrorKind::WouldBlock);
    assert_eq!(kind(client.peek(&mut [0])), ErrorKind::WouldBlock);
    server.write_all(b"x").unwrap();
    client.set_nonblocking(false).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 1);
}

#[test]
fn a_listener_for_all_addresses_and_one_for_a_single_address_exclude_each_other() {
    let stack = alone();
    for (first, second) in [
        ("0.0.0.0:90", "127.0.0.1:90"),
        ("127.0.0.1:90", "0.0.0.0:90"),
        ("[::]:90", "127.0.0.1:90"),
        ("[::1]:90", "[::]:90"),
        ("0.0.0.0:90", "[::]:90"),
    ] {
        let listener = TcpListener::bind(&stack, first).unwrap();
        assert_eq!(kind(TcpListener::bind(&stack, second)), ErrorKind::AddrInUse, "{first}, then {second}");
        drop(listener);
        TcpListener::bind(&stack, second).unwrap();
    }
    let _both = [TcpListener::bind(&stack, "127.0.0.1:91").unwrap(), TcpListener::bind(&stack, "[::1]:91").unwrap()];
}

#[test]
fn linger_of_zero_resets() {
    let stack = alone();
    let (client, mut server) = stack.pair();
    client.set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    assert_eq!(kind(server.read(&mut [0])), ErrorKind::ConnectionReset);
    // It is told once; then there is an end.
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    assert_eq!(kind(server.write(b"x")), ErrorKind::BrokenPipe);
    assert_eq!(kind(server.shutdown(Shutdown::Write)), ErrorKind::NotConnected);
    assert_eq!(kind(server.nodelay()), ErrorKind::NotConnected);
    assert!(server.take_error().unwrap().is_none());
}

/// More than the peer's window, and less than what has room before and in it: it is taken, and not acknowledged while nobody reads.
fn fill(mut client: &TcpStream) -> usize {
    let data = pattern(2 * 1024 * 1024 + 128 * 1024);
    client.write_all(&data).unwrap();
    data.len()
}

#[test]
fn linger_waits_until_the_peer_has_it_all() {
    let stack = alone();
    let (client, mut server) = stack.pair();
    let written = fill(&client);
    client.set_linger(Some(Duration::from_secs(60))).unwrap();
    let closer = thread::spawn(move || drop(client));
    // Its window is closed: there is no other way to the end than to read.
    while server.peek(&mut [0]).unwrap() == 0 {}
    assert!(!closer.is_finished());
    assert_eq!(server.read_to_end(&mut Vec::new()).unwrap(), written);
    closer.join().unwrap();
}

#[test]
fn linger_waits_no_longer_than_it_is_told() {
    let stack = alone();
    let (client, mut server) = stack.pair();
    let written = fill(&client);
    client.set_linger(Some(SOON)).unwrap();
    let start = Instant::now();
    drop(client);
    assert!(start.elapsed() >= SOON);
    assert_eq!(server.read_to_end(&mut Vec::new()).unwrap(), written);
    // With nothing on its way there is nothing to wait for, nor with nobody there: the time here is for ever.
    let (client, server) = stack.pair();
    client.set_linger(Some(Duration::MAX)).unwrap();
    drop(client);
    let (client, other) = stack.pair();
    fill(&client);
    client.set_linger(Some(Duration::MAX)).unwrap();
    let closer = thread::spawn(move || drop(client));
    other.set_linger(Some(Duration::ZERO)).unwrap();
    drop(other);
    closer.join().unwrap();
    drop(server);
}

#[test]
fn what_was_written_arrives_though_the_socket_is_gone() {
    let stack = alone();
    let (mut client, mut server) = stack.pair();
    let data = pattern(MUCH);
    let reader = thread::spawn(move || {
        let mut heard = Vec::new();
        server.read_to_end(&mut heard).unwrap();
        heard
    });
    client.write_all(&data).unwrap();
    drop(client);
    assert!(reader.join().unwrap() == data);
}

/// What TCP takes at once, and the peer's window does not.
const QUEUED: usize = 1536 * 1024;

/// Brings the first end to that state (RFC 9293 3.3.2); returns it, and the other one with how much that will hear, if it is there.
fn in_state((one, two): (TcpStream, TcpStream), state: TcpState) -> (TcpStream, Option<(TcpStream, usize)>) {
    let end = |mut stream: &TcpStream| assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    let mut heard = 0;
    match state {
        TcpState::FinWait1 | TcpState::Closing => {
            (&one).write_all(&pattern(QUEUED)).unwrap();
            heard = QUEUED;
            one.shutdown(Shutdown::Write).unwrap();
            if state == TcpState::Closing {
                two.shutdown(Shutdown::Write).unwrap();
                end(&one);
            }
        }
        TcpState::FinWait2 | TcpState::TimeWait => {
            one.shutdown(Shutdown::Write).unwrap();
            end(&two);
            if state == TcpState::TimeWait {
                two.shutdown(Shutdown::Write).unwrap();
                end(&one);
            }
        }
        TcpState::CloseWait | TcpState::LastAck => {
            if state == TcpState::LastAck {
                // So that the ACK of the FIN does not come yet.
                (&one).write_all(&pattern(QUEUED)).unwrap();
                heard = QUEUED;
            }
            two.shutdown(Shutdown::Write).unwrap();
            end(&one);
            if state == TcpState::LastAck {
                one.shutdown(Shutdown::Write).unwrap();
            }
        }
        TcpState::Closed => {
            two.set_linger(Some(Duration::ZERO)).unwrap();
            drop(two);
            assert_eq!(kind((&one).read(&mut [0])), ErrorKind::ConnectionReset);
            assert_eq!(kind(one.info()), ErrorKind::NotConnected);
            return (one, None);
        }
        _ => {}
    }
    match one.info() {
        Ok(info) => assert_eq!(info.state, state),
        // TCP may forget it at any time.
        Err(error) => assert_eq!((error.kind(), state), (ErrorKind::NotConnected, TcpState::TimeWait)),
    }
    (one, Some((two, heard)))
}

#[test]
fn a_socket_can_be_dropped_in_every_state() {
    let stack = alone();
    for state in [
        TcpState::Established,
        TcpState::FinWait1,
        TcpState::FinWait2,
        TcpState::CloseWait,
        TcpState::Closing,
        TcpState::LastAck,
        TcpState::TimeWait,
        TcpState::Closed,
    ] {
        let (one, two) = in_state(stack.pair(), state);
        drop(one);
        let Some((mut two, heard)) = two else { continue };
        let mut data = Vec::new();
        two.read_to_end(&mut data).unwrap_or_else(|error| panic!("{state:?}: {error}"));
        assert!(data == pattern(heard), "{state:?}: {} octets", data.len());
    }
    // What was sent is nobody's any more; TIME-WAIT keeps the PCB, and nothing else (RFC 9293 3.6.1).
    let in_use = |name| stack.pools().unwrap().into_iter().find(|(pool, _)| *pool == name).map_or(0, |(_, used)| used);
    let patience = Instant::now() + Duration::from_secs(20);
    while in_use("TCP_SEG") > 0 {
        assert!(Instant::now() < patience, "segments are kept");
        thread::yield_now();
    }
}

#[test]
fn a_socket_dropped_with_data_unread_resets() {
    let stack = alone();
    let (mut client, server) = stack.pair();
    client.write_all(b"who reads this?").unwrap();
    server.peek(&mut [0]).unwrap();
    drop(server);
    assert_eq!(kind(client.read(&mut [0])), ErrorKind::ConnectionReset);
}

#[test]
fn who_was_not_accepted_is_reset() {
    let stack = alone();
    let listener = TcpListener::bind(&stack, "127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(&stack, listener.local_addr().unwrap()).unwrap();
    drop(listener);
    assert_eq!(kind(client.read(&mut [0])), ErrorKind::ConnectionReset);
}

#[test]
fn clones_are_the_same_connection_and_the_last_one_closes_it() {
    let stack = alone();
    let (client, mut server) = stack.pair();
    let mut other = client.try_clone().unwrap();
    drop(client);
    other.write_all(b"still here").unwrap();
    drop(other);
    let mut heard = String::new();
    server.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "still here");
}

#[test]
fn the_halves_of_a_connection() {
    let stack = alone();
    let (client, mut server) = stack.pair();
    let (mut reader, mut writer) = client.into_split();
    assert_eq!(reader.as_ref().peer_addr().unwrap(), writer.as_ref().peer_addr().unwrap());
    writer.write_all(b"a").unwrap();
    drop(writer);
    let mut heard = Vec::new();
    server.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"a");
    server.write_all(b"b").unwrap();
    drop(server);
    reader.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"ab");
}

#[test]
fn halves_that_were_lent_and_halves_that_are_one_again() {
    let stack = alone();
    let (mut client, mut server) = stack.pair();
    let (other, _far) = stack.pair();
    let (mut reader, mut writer) = client.split();
    assert_eq!(reader.as_ref().peer_addr().unwrap(), writer.as_ref().peer_addr().unwrap());
    writer.write_all(b"a").unwrap();
    server.write_all(b"b").unwrap();
    let mut octet = [0];
    reader.read_exact(&mut octet).unwrap();
    assert_eq!(&octet, b"b");
    // Neither those nor these ended anything.
    let (reader, writer) = client.into_split();
    let (another, _) = other.into_split();
    let (_, writer) = writer.reunite(another).unwrap_err();
    let mut client = writer.reunite(reader).unwrap();
    client.write_all(b"c").unwrap();
    drop(client);
    let mut heard = Vec::new();
    server.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"ac");
}

#[test]
fn a_slow_reader_holds_back_nobody_else() {
    let stack = alone();
    let (mut slow, _server) = stack.pair();
    slow.set_nonblocking(true).unwrap();
    while slow.write(&pattern(65536)).is_ok() {}
    let (client, mut server) = stack.pair();
    let writer = thread::spawn(move || (&client).write_all(&pattern(MUCH)).unwrap());
    let mut heard = Vec::new();
    server.read_to_end(&mut heard).unwrap();
    writer.join().unwrap();
    assert!(heard == pattern(MUCH));
}

#[test]
fn the_end_of_the_stack_ends_every_call() {
    let mut stack = alone();
    let listener = TcpListener::bind(&stack, "127.0.0.1:0").unwrap();
    let (reader, _silent) = stack.pair();
    let (writer, _deaf) = stack.pair();
    let handle = stack.handle();
    let full = TcpListener::bind_with_backlog(&stack, "127.0.0.1:80", 1).unwrap();
    let _first = TcpStream::connect(&stack, "127.0.0.1:80").unwrap();
    let calls = [
        thread::spawn(move || kind(listener.accept())),
        thread::spawn(move || kind((&reader).read(&mut [0]))),
        thread::spawn(move || {
            loop {
                if let Err(error) = (&writer).write(&pattern(65536)) {
                    return error.kind();
                }
            }
        }),
        {
            let handle = handle.clone();
            thread::spawn(move || kind(TcpStream::connect(&handle, "127.0.0.1:80")))
        },
    ];
    stack.end();
    for call in calls {
        assert_eq!(call.join().unwrap(), ErrorKind::ConnectionAborted);
    }
    assert_eq!(kind(TcpListener::bind(&handle, "127.0.0.1:0")), ErrorKind::ConnectionAborted);
    assert_eq!(kind(handle.pools()), ErrorKind::ConnectionAborted);
    drop(full);
}

#[test]
fn there_is_one_stack_at_a_time() {
    let _stack = alone();
    assert_eq!(kind(lwip_host::Stack::start()), ErrorKind::ResourceBusy);
}

#[test]
fn after_both_ends_there_is_nothing_left_to_ask() {
    let stack = alone();
    let (mut client, mut server) = stack.pair();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    // The PCB may be freed without a word from here on, while the socket is still there.
    assert_eq!(kind(client.info()), ErrorKind::NotConnected);
    assert!(client.peer_addr().is_ok());
    drop(client);
    drop(server);
}

#[test]
fn a_thousand_connections_come_and_go() {
    let stack = alone();
    let listener = TcpListener::bind(&stack, "127.0.0.1:80").unwrap();
    let server = thread::spawn(move || {
        for stream in listener.incoming().take(1000) {
            let mut stream = stream.unwrap();
            let mut word = [0; 4];
            stream.read_exact(&mut word).unwrap();
            stream.write_all(&word).unwrap();
        }
    });
    for number in 0..1000_u32 {
        let mut stream = TcpStream::connect(&stack, "127.0.0.1:80").unwrap();
        stream.write_all(&number.to_be_bytes()).unwrap();
        let mut word = [0; 4];
        stream.read_exact(&mut word).unwrap();
        assert_eq!(u32::from_be_bytes(word), number);
    }
    server.join().unwrap();
}
