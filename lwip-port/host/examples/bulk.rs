//! Moves data over the stack's own loopback by one connection, and says how fast: `bulk [MiB]`.

use lwip_host::{Stack, TcpListener, TcpStream};
use std::io::{self, Read, Write};
use std::thread;
use std::time::Instant;

const CHUNK: usize = 64 * 1024;

fn main() -> io::Result<()> {
    let megabytes: u64 = match std::env::args().nth(1).map(|number| number.parse()) {
        None => 1024,
        Some(Ok(number)) => number,
        Some(Err(_)) => {
            eprintln!("usage: bulk [MiB]");
            std::process::exit(2);
        }
    };
    let total = megabytes * 1024 * 1024;
    let stack = Stack::start()?;
    let listener = TcpListener::bind(&stack, "127.0.0.1:5001")?;
    let start = Instant::now();
    let reader = thread::spawn(move || -> io::Result<u64> {
        let (mut stream, _) = listener.accept()?;
        let (mut buffer, mut received) = (vec![0; CHUNK], 0);
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(received),
                length => received += length as u64,
            }
        }
    });
    let mut stream = TcpStream::connect(&stack, "127.0.0.1:5001")?;
    let (data, mut left) = (vec![0x5a; CHUNK], total);
    while left > 0 {
        let length = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        stream.write_all(&data[..length])?;
        left -= length as u64;
    }
    let info = stream.info()?;
    drop(stream);
    let received = reader.join().map_err(|_| io::Error::other("the reader panicked"))??;
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(received, total);
    let gigabits = total as f64 * 8.0 / seconds / 1e9;
    println!("{megabytes} MiB in {seconds:.2} s: {gigabits:.2} Gbit/s, {} segments sent again", info.retransmissions);
    Ok(())
}
