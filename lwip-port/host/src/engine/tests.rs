//! That data moves without needless copies, and that the stack and the sockets wake each other once for a batch: counted, not timed.

use super::{Command, Engine};
use crate::sync::lock;
use crate::tcp::Shared;
use crate::{TcpListener, TcpStream};
use std::io::{self, Read as _, Write as _};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// There is one stack in a process, and tests have threads.
pub(crate) static STACK: Mutex<()> = Mutex::new(());

const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 7777);
/// Polls without an end are a failure.
const POLLS: usize = 1_000_000;

fn drive<T>(engine: &mut Engine, future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let mut future = pin!(future);
    for _ in 0..POLLS {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
        engine.poll(Instant::now());
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn connect(engine: &mut Engine) -> io::Result<(TcpStream, TcpStream)> {
    let handle = engine.handle();
    let listener = drive(engine, TcpListener::bind_async(&handle, ADDRESS.into(), 1))?;
    let client = drive(engine, TcpStream::connect_async(&handle, ADDRESS.into()))?;
    let (server, _) = drive(engine, listener.accept_async())?;
    for stream in [&client, &server] {
        stream.set_nonblocking(true)?;
    }
    drop(listener);
    fall_asleep(engine);
    Ok((client, server))
}

/// Polls until the stack would sleep, which it then believes it does. Forgets how often it was woken.
fn fall_asleep(engine: &mut Engine) {
    let asleep = (0..POLLS).any(|_| {
        let now = Instant::now();
        engine.poll(now) != Some(now)
    });
    assert!(asleep, "there is always more to do");
    engine.handle.bell.take_wakings();
}

/// How often the stack was woken, and how many commands wait for it. They go on waiting.
fn news(engine: &Engine) -> (u64, usize) {
    let wakings = engine.handle.bell.take_wakings();
    let commands: Vec<_> = engine.commands.try_iter().collect();
    let count = commands.len();
    commands.into_iter().for_each(|command| engine.handle.send(command));
    (wakings, count)
}

#[test]
fn many_calls_wake_the_stack_once() -> io::Result<()> {
    let _alone = lock(&STACK);
    let mut engine = Engine::new()?;
    let (mut client, mut server) = connect(&mut engine)?;
    const CALLS: usize = 1000;
    for _ in 0..CALLS {
        assert_eq!(client.write(&[7; 100])?, 100);
    }
    assert_eq!(news(&engine), (1, 1));
    let mut all = vec![0; 100 * CALLS];
    let arrived = (0..POLLS).any(|_| {
        engine.poll(Instant::now());
        server.peek(&mut all).is_ok_and(|length| length == all.len())
    });
    assert!(arrived);
    fall_asleep(&mut engine);
    // TCP hears that there is room again when 64 KiB were read.
    for _ in 0..CALLS {
        server.read_exact(&mut [0; 100])?;
    }
    assert_eq!(news(&engine), (1, 1));
    assert_eq!(server.read(&mut [0]).map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock));
    Ok(())
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn many_segments_wake_a_reader_once() -> io::Result<()> {
    let _alone = lock(&STACK);
    let mut engine = Engine::new()?;
    let (mut client, server) = connect(&mut engine)?;
    // Past slow start, so that a batch has many segments.
    let mut buffer = vec![0; 1 << 18];
    for _ in 0..4 {
        client.write_all(&[7; 200_000])?;
        let mut received = 0;
        while received < 200_000 {
            received += drive(&mut engine, server.read_async(&mut buffer))?;
        }
    }
    fall_asleep(&mut engine);
    client.write_all(&[7; 200_000])?;
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let (mut received, mut polls, mut pieces) = (0, 0, 0);
    while received < 200_000 {
        while let Poll::Ready(length) = server.poll_read(&mut Context::from_waker(&waker), &mut buffer) {
            received += length?;
            pieces += 1;
        }
        engine.poll(Instant::now());
        polls += 1;
        assert!(polls < POLLS);
    }
    // As often as it found nothing, at most: and so not for each of the 138 segments.
    assert!(count.0.load(Ordering::Relaxed) <= pieces + 1);
    assert!(pieces < 30, "{pieces} reads for 200,000 octets");
    Ok(())
}

#[test]
fn tcp_sends_from_the_one_copy_that_write_makes() -> io::Result<()> {
    let _alone = lock(&STACK);
    let mut engine = Engine::new()?;
    let (mut client, _server) = connect(&mut engine)?;
    client.write_all(&[7; 10_000])?;
    let Ok(Command::Serve(shared)) = engine.commands.try_recv() else { panic!("nobody was told") };
    let shared: Arc<Shared> = shared;
    let mut chunk = shared.next_chunk().expect("it was written");
    let written = chunk.as_ptr_range();
    assert_eq!(chunk.len(), 10_000);
    assert_eq!(engine.core.lwip.tcp_write(shared.id(), &mut chunk).ok(), Some(10_000));
    assert_eq!(engine.core.lwip.tcp_unsent_within(shared.id(), written), 10_000);
    Ok(())
}

#[test]
fn a_wait_ends_when_its_time_has_come_and_not_much_earlier() -> io::Result<()> {
    let _alone = lock(&STACK);
    let mut engine = Engine::new()?;
    fall_asleep(&mut engine);
    let until = Instant::now() + Duration::from_micros(300);
    engine.wait(Some(until))?;
    assert!(Instant::now() >= until);
    Ok(())
}
