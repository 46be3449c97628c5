//! That data moves without needless copies, and that the stack and the sockets wake each other once for a batch: counted, not timed.

use super::{Command, Engine};
use crate::sync::lock;
use crate::tcp::Shared;
use crate::{TcpListener, TcpStream};
use std::io::{self, Read as _, Write as _};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

/// A reader as quick as any: whenever it is woken it has read everything, and waits again, before the stack goes on.
struct Reader {
    stream: TcpStream,
    buffer: Mutex<Vec<u8>>,
    /// Octets that it has read,
    received: AtomicUsize,
    /// how often it was woken,
    wakings: AtomicUsize,
    /// and how often of that there was nothing.
    in_vain: AtomicUsize,
    /// It has gone away: the end of the connection is told with its lock held.
    gone: AtomicBool,
}

impl Reader {
    fn new(stream: TcpStream) -> Arc<Self> {
        let [received, wakings, in_vain] = [0; 3].map(AtomicUsize::new);
        let gone = AtomicBool::new(false);
        Arc::new(Self { stream, buffer: Mutex::new(vec![0; 1 << 18]), received, wakings, in_vain, gone })
    }

    /// Says whether there was anything.
    fn read(self: &Arc<Self>) -> bool {
        let waker = Waker::from(Arc::clone(self));
        let mut buffer = lock(&self.buffer);
        let mut any = false;
        while let Poll::Ready(length) = self.stream.poll_read(&mut Context::from_waker(&waker), &mut buffer) {
            self.received.fetch_add(length.expect("the connection stays"), Ordering::Relaxed);
            any = true;
        }
        any
    }
}

impl Wake for Reader {
    fn wake(self: Arc<Self>) {
        if self.gone.load(Ordering::Relaxed) {
            return;
        }
        self.wakings.fetch_add(1, Ordering::Relaxed);
        if !self.read() {
            self.in_vain.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whatever ends the test, the reader goes before the stack does.
struct Leave<'r>(&'r Reader);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.gone.store(true, Ordering::Relaxed);
    }
}

#[test]
fn many_segments_wake_a_reader_once() -> io::Result<()> {
    const OCTETS: usize = 200_000;
    let _alone = lock(&STACK);
    let mut engine = Engine::new()?;
    let (mut client, server) = connect(&mut engine)?;
    let reader = Reader::new(server);
    let _leave = Leave(&reader);
    assert!(!reader.read());
    // Past slow start, so that a batch has many segments.
    for round in 1..=5 {
        fall_asleep(&mut engine);
        reader.wakings.store(0, Ordering::Relaxed);
        client.write_all(&[7; OCTETS])?;
        let arrived = (0..POLLS).any(|_| {
            engine.poll(Instant::now());
            reader.received.load(Ordering::Relaxed) == round * OCTETS
        });
        assert!(arrived);
    }
    assert_eq!(reader.in_vain.load(Ordering::Relaxed), 0);
    // Not for each of the 138 segments.
    let wakings = reader.wakings.load(Ordering::Relaxed);
    assert!(wakings < 30, "woken {wakings} times for {OCTETS} octets");
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
