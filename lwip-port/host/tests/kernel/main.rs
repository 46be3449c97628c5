//! The kernel's TCP as receiver and as sender, over a TAP and a link that loses, reorders, duplicates and marks. What went over the
//! wire is read from the recording: SACK (RFC 2018), D-SACK (RFC 2883), ECN (RFC 3168) and timestamps (RFC 7323) of both ends.
//!
//! A program of its own (no harness): only a process with one thread may enter a namespace. Where the kernel gives none, the reason
//! is printed, and nothing is tested.

mod checks;
mod trace;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener as KernelListener, TcpStream as KernelStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use lwip_host::CongestionControl::{self, Bbr, Cubic, NewReno};
use lwip_host::link::{Chance, Impairments, Link, LinkCounters};
use lwip_host::netns::{KERNEL_V4, KERNEL_V6, Namespace, STACK_V4, STACK_V6};
use lwip_host::pcap::Recorder;
use lwip_host::{InterfaceConfig, Stack, TcpInfo, TcpListener, TcpStream};
use trace::Trace;

/// Nothing here takes a tenth of it; what does is stuck.
const STUCK: Duration = Duration::from_secs(60);
/// What the kernel says when it has everything, so that the sender lives until then.
const THANKS: &[u8] = b"thanks";

/// A recording in memory.
#[derive(Clone, Default)]
struct Recording(Arc<Mutex<Vec<u8>>>);

impl io::Write for Recording {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The stack at one end of a wire, the kernel at the other.
struct Wire {
    stack: Stack,
    recording: Recording,
    counters: Arc<LinkCounters>,
}

/// What is left of a transfer.
struct Transfer {
    trace: Trace,
    counters: Arc<LinkCounters>,
    /// Of our end, from time to time, and at the end.
    infos: Vec<TcpInfo>,
}

impl Transfer {
    fn end(&self) -> &TcpInfo {
        self.infos.last().expect("there is one at the end")
    }
}

/// The stack's address, and the kernel's.
type Ends = (IpAddr, IpAddr);
const V4: Ends = (IpAddr::V4(STACK_V4.0), IpAddr::V4(KERNEL_V4.0));
const V6: Ends = (IpAddr::V6(STACK_V6.0), IpAddr::V6(KERNEL_V6.0));

impl Wire {
    fn new(namespace: &Namespace, sending: Impairments, receiving: Impairments, seed: u64) -> io::Result<Self> {
        let kernel = [(KERNEL_V4.0.into(), KERNEL_V4.1), (KERNEL_V6.0.into(), KERNEL_V6.1)];
        let tap = namespace.tap(None, &kernel)?;
        let link = Link::new(tap, sending, receiving, seed);
        let (counters, recording) = (link.counters(), Recording::default());
        let recorder = Recorder::new(link, recording.clone()).expect("memory takes everything");
        let stack = Stack::start().expect("there is no other stack");
        let config = InterfaceConfig { ipv4: Some(STACK_V4), ipv6: vec![STACK_V6.0], ..Default::default() };
        stack.add_interface(recorder, &config).expect("an interface");
        Ok(Self { stack, recording, counters })
    }

    fn end(self, infos: Vec<TcpInfo>) -> Transfer {
        drop(self.stack);
        let octets = std::mem::take(&mut *self.recording.0.lock().unwrap());
        Transfer { trace: Trace::read(&octets), counters: self.counters, infos }
    }

    /// We connect to the kernel, and send.
    fn upload(self, (_, kernel): Ends, congestion_control: CongestionControl, data: &[u8]) -> Transfer {
        let listener = KernelListener::bind((kernel, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let infos = thread::scope(|scope| {
            let receiver = scope.spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                stream.set_read_timeout(Some(STUCK)).unwrap();
                let mut received = vec![0; data.len()];
                stream.read_exact(&mut received).unwrap();
                stream.write_all(THANKS).unwrap();
                assert_eq!(stream.read(&mut [0]).unwrap(), 0, "nothing comes after the end");
                received
            });
            let stream = TcpStream::connect(&self.stack, address).unwrap();
            stream.set_congestion_control(congestion_control).unwrap();
            stream.set_read_timeout(Some(STUCK)).unwrap();
            let mut infos = watched(&stream, || {
                (&stream).write_all(data).unwrap();
                let mut thanks = [0; THANKS.len()];
                (&stream).read_exact(&mut thanks).unwrap();
            });
            infos.push(stream.info().unwrap());
            assert_eq!(infos.last().and_then(|info| info.congestion_control), Some(congestion_control));
            drop(stream);
            assert!(receiver.join().unwrap() == data, "what the kernel received is not what was sent");
            infos
        });
        self.end(infos)
    }

    /// The kernel connects to us, and sends.
    fn download(self, (stack, _): Ends, data: &[u8]) -> Transfer {
        let listener = TcpListener::bind(&self.stack, SocketAddr::from((stack, 7))).unwrap();
        let infos = thread::scope(|scope| {
            let sender = scope.spawn(move || {
                let mut stream = KernelStream::connect((stack, 7)).unwrap();
                stream.set_read_timeout(Some(STUCK)).unwrap();
                stream.write_all(data).unwrap();
                let mut thanks = [0; THANKS.len()];
                stream.read_exact(&mut thanks).unwrap();
            });
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(STUCK)).unwrap();
            let mut received = vec![0; data.len()];
            (&stream).read_exact(&mut received).unwrap();
            assert!(received == data, "what was received is not what the kernel sent");
            let info = stream.info().unwrap();
            (&stream).write_all(THANKS).unwrap();
            sender.join().unwrap();
            vec![info]
        });
        drop(listener);
        self.end(infos)
    }
}

/// Does something with a connection, and returns what was known of it every millisecond meanwhile.
fn watched(stream: &TcpStream, work: impl FnOnce()) -> Vec<TcpInfo> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut infos = Vec::new();
            while !done.load(Ordering::Acquire) {
                infos.push(stream.info().unwrap());
                thread::sleep(Duration::from_millis(1));
            }
            infos
        });
        work();
        done.store(true, Ordering::Release);
        watcher.join().unwrap()
    })
}

/// Octets of which no two places are alike, so that none can be taken for another.
fn data(length: usize) -> Vec<u8> {
    (0..length as u32).flat_map(|word| word.wrapping_mul(0x9e37_79b1).to_be_bytes()).take(length).collect()
}

fn percent(chance: f64) -> Chance {
    Chance::new(chance / 100.0).expect("a chance")
}

/// 2 % lost, 1 % twice, 2 % overtaken.
fn bad() -> Impairments {
    Impairments {
        loss: percent(2.0),
        duplication: percent(1.0),
        reordering: percent(2.0),
        delay: Duration::from_millis(2),
        ..Impairments::NONE
    }
}

/// 3 % marked, none lost.
fn congested() -> Impairments {
    Impairments { marking: percent(3.0), ..far() }
}

/// Nothing happens but time.
fn far() -> Impairments {
    Impairments { delay: Duration::from_millis(2), ..Impairments::NONE }
}

fn an_upload_over_a_bad_link(namespace: &Namespace) -> io::Result<()> {
    for (ends, congestion_control) in [(V4, Cubic), (V6, Cubic), (V4, NewReno), (V6, Bbr)] {
        println!("{congestion_control:?} to {}", ends.1);
        let transfer = Wire::new(namespace, bad(), far(), 1)?.upload(ends, congestion_control, &data(2_000_000));
        checks::handshake(&transfer.trace);
        checks::we_repair_what_is_missing(&transfer);
    }
    Ok(())
}

fn a_download_over_a_bad_link(namespace: &Namespace) -> io::Result<()> {
    for ends in [V4, V6] {
        let transfer = Wire::new(namespace, far(), bad(), 1)?.download(ends, &data(2_000_000));
        checks::handshake(&transfer.trace);
        checks::we_say_what_is_there(&transfer);
    }
    Ok(())
}

/// Nothing is lost, but what three others overtake is taken for lost by a sender that has not seen that happen yet: each
/// connection has one chance of it.
fn uploads_that_are_overtaken(namespace: &Namespace) -> io::Result<()> {
    let overtaken = Impairments { reordering: percent(20.0), ..far() };
    let upload = |seed| Ok(Wire::new(namespace, overtaken, far(), seed)?.upload(V4, Cubic, &data(60_000)));
    let transfers: Vec<Transfer> = (0..20).map(upload).collect::<io::Result<_>>()?;
    checks::needless_reductions_are_undone(&transfers);
    Ok(())
}

fn an_upload_over_a_congested_link(namespace: &Namespace) -> io::Result<()> {
    for (ends, congestion_control) in [(V4, Cubic), (V6, NewReno)] {
        println!("{congestion_control:?} to {}", ends.1);
        let transfer = Wire::new(namespace, congested(), far(), 1)?.upload(ends, congestion_control, &data(4_000_000));
        checks::handshake(&transfer.trace);
        checks::we_slow_down_when_told(&transfer);
    }
    Ok(())
}

fn a_download_over_a_congested_link(namespace: &Namespace) -> io::Result<()> {
    for ends in [V4, V6] {
        let transfer = Wire::new(namespace, far(), congested(), 1)?.download(ends, &data(2_000_000));
        checks::handshake(&transfer.trace);
        checks::we_tell_of_marks(&transfer);
    }
    Ok(())
}

type Test = fn(&Namespace) -> io::Result<()>;

const TESTS: [(&str, Test); 5] = [
    ("an_upload_over_a_bad_link", an_upload_over_a_bad_link),
    ("a_download_over_a_bad_link", a_download_over_a_bad_link),
    ("uploads_that_are_overtaken", uploads_that_are_overtaken),
    ("an_upload_over_a_congested_link", an_upload_over_a_congested_link),
    ("a_download_over_a_congested_link", a_download_over_a_congested_link),
];

fn skipped(reason: &str) -> ExitCode {
    for (name, _) in TESTS {
        println!("test {name} ... SKIPPED: {reason}");
    }
    ExitCode::SUCCESS
}

fn main() -> ExitCode {
    if !cfg!(rust_tcp) {
        return skipped("C's TCP takes no SACK and knows no ECN");
    }
    let namespace = match Namespace::enter() {
        Ok(namespace) => namespace,
        Err(error) => return skipped(&error.to_string()),
    };
    // By default the kernel does ECN when it is asked, and does not ask (ip-sysctl, tcp_ecn). This is the namespace's own setting.
    fs::write("/proc/sys/net/ipv4/tcp_ecn", "1").expect("the namespace is ours");
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let mut passed = 0;
    for (name, test) in TESTS {
        if !wanted.is_empty() && !wanted.iter().any(|part| name.contains(part)) {
            continue;
        }
        match test(&namespace) {
            Ok(()) => println!("test {name} ... ok"),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
                return skipped(&format!("no TAP device: {error}"));
            }
            Err(error) => panic!("the TAP device cannot be made: {error}"),
        }
        passed += 1;
    }
    println!("test result: ok. {passed} passed; 0 failed");
    ExitCode::SUCCESS
}
