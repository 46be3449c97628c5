//! The ends of a path.

mod lwip;
mod smol;

pub use lwip::Libraries;

use std::fmt;
use std::str::FromStr;

use anyhow::Result;
use serde::{Serialize, Serializer};

use crate::units::Nanos;

/// Which TCP, with which congestion control: `c`, `rust:bbr`, `smoltcp:cubic`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tcp {
    /// `smoltcp`, or the name of an endpoint library.
    pub stack: String,
    /// None for what the stack does of itself.
    pub congestion_control: Option<String>,
}

impl FromStr for Tcp {
    type Err = String;

    fn from_str(text: &str) -> Result<Tcp, String> {
        let (stack, control) = match text.split_once(':') {
            Some((stack, control)) => (stack, Some(control.to_owned())),
            None => (text, None),
        };
        let plain = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !plain(stack) || control.as_deref().is_some_and(|c| !plain(c)) {
            return Err(format!("`{text}` is no TCP; write for example c, rust:cubic or smoltcp:cubic"));
        }
        Ok(Tcp { stack: stack.to_owned(), congestion_control: control })
    }
}

impl fmt::Display for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.congestion_control {
            Some(control) => write!(f, "{}:{control}", self.stack),
            None => f.write_str(&self.stack),
        }
    }
}

impl Serialize for Tcp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Which end of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Connects and writes the stream.
    Sender,
    /// Listens and checks the stream.
    Receiver,
}

/// What an endpoint is asked to do.
#[derive(Clone, Debug)]
pub struct Job {
    /// Which end.
    pub role: Role,
    /// Of the endpoint's own random numbers.
    pub seed: u32,
    /// Receive window and send buffer.
    pub window: u32,
    /// Bytes to send, None for no end.
    pub limit: Option<u64>,
    /// Close when all is written.
    pub close: bool,
    /// Nagle's algorithm.
    pub nagle: bool,
}

/// What an endpoint did since it was asked last.
#[derive(Debug, Default)]
pub struct Outbox {
    /// IP packets for the path.
    pub packets: Vec<Vec<u8>>,
    /// Bytes of the stream that reached the application.
    pub delivered: u64,
    /// Some of them were not what was sent.
    pub wrong: bool,
    /// The connection stands.
    pub connected: bool,
    /// The peer has closed its direction, after all of its data.
    pub peer_closed: bool,
    /// The connection was reset or given up; the stack's reason.
    pub failed: Option<String>,
}

/// A TCP with an application on it.
pub trait Endpoint {
    /// A packet from the path.
    fn input(&mut self, now: Nanos, packet: &[u8]);
    /// Runs what is due.
    fn run_timers(&mut self, now: Nanos);
    /// When `run_timers` has something to do.
    fn deadline(&mut self, now: Nanos) -> Nanos;
    /// Takes what it did.
    fn take(&mut self) -> Outbox;
}

/// Makes an endpoint of `tcp` at time 0.
pub fn open(libraries: &Libraries, tcp: &Tcp, job: &Job) -> Result<Box<dyn Endpoint>> {
    if tcp.stack == "smoltcp" {
        Ok(Box::new(smol::Smol::new(tcp, job)?))
    } else {
        Ok(Box::new(lwip::Lwip::new(libraries, tcp, job)?))
    }
}

/// The stream: a pattern whose period shares no factor with any segment size, so that misplaced data is noticed.
pub fn pattern() -> &'static [u8] {
    use std::sync::OnceLock;
    const PERIOD: usize = 65_521; // prime
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    PATTERN.get_or_init(|| {
        let mut stream = crate::rng::Stream::new(0, 0);
        (0..PERIOD).map(|_| stream.next_u32() as u8).collect()
    })
}
