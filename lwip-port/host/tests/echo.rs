//! The first thing to work.

use lwip_host::{Stack, TcpListener, TcpStream};
use std::io::{Read, Write};
use std::net::Shutdown;

#[test]
fn an_echo_over_the_loopback() {
    let stack = Stack::start().unwrap();
    let listener = TcpListener::bind(&stack, "127.0.0.1:7").unwrap();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        std::io::copy(&mut &stream, &mut &stream).unwrap()
    });
    let mut stream = TcpStream::connect(&stack, "127.0.0.1:7").unwrap();
    let data: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut back = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = &stream;
            writer.write_all(&data).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        (&stream).read_to_end(&mut back).unwrap();
    });
    assert!(back == data);
    assert_eq!(server.join().unwrap(), data.len() as u64);
    stream.flush().unwrap();
}
