//! The same sockets for tasks: tokio's traits, and futures that are dropped before they are ready.

mod common;

use common::alone;
use lwip_host::{TcpListener, TcpStream, UdpSocket};
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
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
