//! The same sockets for tasks: tokio's traits, and futures that are dropped before they are ready.

mod common;

use common::alone;
use lwip_host::device::{Capabilities, Device, Loopback, Medium};
use lwip_host::{Engine, InterfaceConfig, Keepalive, Protocol, RawSocket, TcpListener, TcpState, TcpStream, UdpSocket};
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::runtime::Runtime;

/// Polls a future once, which has to be too early, and drops it.
async fn begin_and_drop<T>(future: impl Future<Output = T>) {
    let mut future = pin!(future);
    poll_fn(|context| {
        assert!(future.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

/// As [`begin_and_drop`], but it may be ready if the stack is quick.
async fn poll_once_and_drop<T>(future: impl Future<Output = T>) {
    let mut future = pin!(future);
    poll_fn(|context| {
        drop(future.as_mut().poll(context));
        Poll::Ready(())
    })
    .await;
}

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

#[test]
fn an_echo_by_tokio() {
    let stack = alone();
    Runtime::new().unwrap().block_on(async {
        let listener = TcpListener::bind_async(&stack, local(7), 128).await.unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept_async().await.unwrap();
            let (mut reader, mut writer) = stream.into_split();
            copy(&mut reader, &mut writer).await.unwrap()
        });
        let stream = TcpStream::connect_async(&stack, local(7)).await.unwrap();
        let data: Vec<u8> = (0..3_000_000_u32).map(|place| (place % 253) as u8).collect();
        let (mut reader, mut writer) = stream.into_split();
        let sent = data.clone();
        let sender = tokio::spawn(async move {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        });
        let mut back = Vec::new();
        reader.read_to_end(&mut back).await.unwrap();
        sender.await.unwrap();
        assert!(back == data);
        assert_eq!(server.await.unwrap(), data.len() as u64);
    });
}

#[test]
fn a_call_that_is_dropped_has_done_nothing() {
    let stack = alone();
    Runtime::new().unwrap().block_on(async {
        let listener = TcpListener::bind_async(&stack, local(80), 1).await.unwrap();
        begin_and_drop(listener.accept_async()).await;
        let mut client = TcpStream::connect_async(&stack, local(80)).await.unwrap();
        // The backlog is full, so these wait for an answer, and are taken back.
        for _ in 0..3 {
            begin_and_drop(TcpStream::connect_async(&stack, local(80))).await;
        }
        let (mut server, _) = listener.accept_async().await.unwrap();
        begin_and_drop(server.read_async(&mut [0])).await;
        begin_and_drop(server.peek_async(&mut [0])).await;
        begin_and_drop(server.read_bytes()).await;
        client.write_all(b"all of it").await.unwrap();
        let mut heard = [0; 9];
        server.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"all of it");
        // A bind that nobody waits for leaves no listener.
        poll_once_and_drop(TcpListener::bind_async(&stack, local(81), 1)).await;
        assert!(TcpListener::bind_async(&stack, local(81), 1).await.is_ok());
    });
}

#[test]
fn pieces_without_a_copy() {
    let stack = alone();
    Runtime::new().unwrap().block_on(async {
        let listener = TcpListener::bind_async(&stack, local(80), 1).await.unwrap();
        let client = TcpStream::connect_async(&stack, local(80)).await.unwrap();
        let (server, _) = listener.accept_async().await.unwrap();
        client.write_all_async(&[7; 10_000]).await.unwrap();
        drop(client);
        let mut length = 0;
        while let Some(piece) = server.read_bytes().await.unwrap() {
            assert!(piece.iter().all(|octet| *octet == 7));
            length += piece.len();
        }
        assert_eq!(length, 10_000);
    });
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Nothing here blocks: the same thread drives the stack, and would wait for itself.
#[test]
fn everything_can_be_asked_by_a_task_that_drives_the_stack() {
    let mut turn = alone();
    turn.end();
    let mut engine = Engine::new().unwrap();
    let stack = engine.handle();
    let work = async {
        let listener = TcpListener::bind_async(&stack, local(80), 1).await.unwrap();
        let (mut client, accepted) =
            tokio::join!(async { TcpStream::connect_async(&stack, local(80)).await.unwrap() }, listener.accept_async());
        let (server, _) = accepted.unwrap();
        client.set_nodelay_async(true).await.unwrap();
        assert!(client.nodelay_async().await.unwrap());
        client.set_ttl_async(9).await.unwrap();
        assert_eq!(client.ttl_async().await.unwrap(), 9);
        let keepalive = Keepalive { idle: Duration::from_secs(9), interval: Duration::from_secs(2), count: 4 };
        client.set_keepalive_async(Some(keepalive)).await.unwrap();
        assert_eq!(client.keepalive_async().await.unwrap(), Some(keepalive));
        assert_eq!(client.info_async().await.unwrap().state, TcpState::Established);
        let (mut reader, mut writer) = client.split();
        writer.write_all(b"ping").await.unwrap();
        server.write_all_async(b"pong").await.unwrap();
        let mut answer = [0; 4];
        reader.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"pong");

        let socket = UdpSocket::bind_async(&stack, local(53)).await.unwrap();
        socket.connect_async(local(53)).await.unwrap();
        socket.set_ttl_async(7).await.unwrap();
        assert_eq!(socket.ttl_async().await.unwrap(), 7);
        socket.set_broadcast_async(true).await.unwrap();
        socket.send_async(b"self").await.unwrap();
        assert_eq!(socket.peek_from_async(&mut answer).await.unwrap(), (4, local(53)));
        assert_eq!(socket.recv_async(&mut answer).await.unwrap(), 4);
        let raw = RawSocket::open_async(&stack, Protocol::Icmp).await.unwrap();
        raw.set_ttl_async(7).await.unwrap();

        let wire = Loopback::new(Capabilities { medium: Medium::Ip, mtu: 1500 }, 9);
        let interface = stack.add_interface_async(wire, &InterfaceConfig::default()).await.unwrap();
        interface.set_ipv4_async([10, 0, 0, 1].into(), 24, None).await.unwrap();
        interface.add_ipv6_async("fd00::1".parse().unwrap()).await.unwrap();
        interface.set_default_async().await.unwrap();
        interface.stop_dhcp_async().await.unwrap();
        assert_eq!(interface.state_async().await.unwrap().ipv4.unwrap().0, Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(interface.remove_async().await.unwrap().capabilities().mtu, 1500);
        stack.set_dns_servers_async(&[Ipv4Addr::LOCALHOST.into()]).await.unwrap();
        assert_eq!(stack.dns_servers_async().await.unwrap().len(), 1);
        assert!(stack.pools_async().await.unwrap().iter().any(|(name, used)| *name == "TCP_PCB" && *used > 0));
        assert!(stack.tcp_counters_async().await.unwrap()[0] > 0);
    };
    let mut work = pin!(work);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    while work.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        // One command, and what is left of them with the rest.
        engine.run_command();
        let until = engine.poll(Instant::now());
        if !woken.0.swap(false, Ordering::SeqCst) {
            engine.wait(until).unwrap();
        }
    }
}

#[test]
fn the_end_of_the_stack_wakes_tasks() {
    let mut stack = alone();
    let runtime = Runtime::new().unwrap();
    let (listener, socket) = runtime.block_on(async {
        (
            TcpListener::bind_async(&stack, local(80), 1).await.unwrap(),
            UdpSocket::bind_async(&stack, local(80)).await.unwrap(),
        )
    });
    let accept = runtime.spawn(async move { listener.accept_async().await.unwrap_err().kind() });
    let receive = runtime.spawn(async move { socket.recv_from_async(&mut [0]).await.unwrap_err().kind() });
    stack.end();
    assert_eq!(runtime.block_on(accept).unwrap(), ErrorKind::ConnectionAborted);
    assert_eq!(runtime.block_on(receive).unwrap(), ErrorKind::ConnectionAborted);
}
