//! smoltcp, for comparison.

use std::collections::VecDeque;

use anyhow::{Result, anyhow, bail};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use super::{Endpoint, Job, Outbox, Role, Tcp, pattern};
use crate::units::Nanos;

const PORT: u16 = 7777;
const LOCAL_PORT: u16 = 49_152;
const MTU: usize = 1500;

#[derive(Default)]
struct Wire {
    incoming: VecDeque<Vec<u8>>,
    outgoing: Vec<Vec<u8>>,
}

struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

struct Sending<'a>(&'a mut Vec<Vec<u8>>);

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        self.0.push(packet);
        result
    }
}

impl Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received, Sending<'_>)> {
        let packet = self.incoming.pop_front()?;
        Some((Received(packet), Sending(&mut self.outgoing)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = MTU;
        capabilities.medium = Medium::Ip;
        capabilities
    }
}

/// One smoltcp.
pub struct Smol {
    wire: Wire,
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    job: Job,
    position: u64,
    connected: bool,
    failed: bool,
    outbox: Outbox,
}

fn instant(now: Nanos) -> Instant {
    Instant::from_micros((now.0 / 1_000) as i64)
}

impl Smol {
    /// Starts one.
    pub fn new(tcp: &Tcp, job: &Job) -> Result<Smol> {
        let control = match tcp.congestion_control.as_deref() {
            None | Some("none") => CongestionControl::None,
            Some("reno") => CongestionControl::Reno,
            Some("cubic") => CongestionControl::Cubic,
            Some(other) => bail!("smoltcp has no congestion control `{other}`: none, reno, cubic"),
        };
        let mut wire = Wire::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = u64::from(job.seed);
        let mut interface = Interface::new(config, &mut wire, Instant::ZERO);
        let (mine, peer) = match job.role {
            Role::Sender => (IpAddress::v4(10, 0, 0, 1), IpAddress::v4(10, 0, 0, 2)),
            Role::Receiver => (IpAddress::v4(10, 0, 0, 2), IpAddress::v4(10, 0, 0, 1)),
        };
        let mut full = false;
        interface.update_ip_addrs(|list| full = list.push(IpCidr::new(mine, 24)).is_err());
        if full {
            bail!("smoltcp's interface takes no address");
        }
        let buffer = || SocketBuffer::new(vec![0; job.window as usize]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_congestion_control(control);
        socket.set_nagle_enabled(job.nagle);
        match job.role {
            Role::Sender => {
                socket.connect(interface.context(), (peer, PORT), LOCAL_PORT).map_err(|e| anyhow!("smoltcp: {e}"))?
            }
            Role::Receiver => socket.listen(PORT).map_err(|e| anyhow!("smoltcp: {e}"))?,
        }
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        Ok(Smol {
            wire,
            interface,
            sockets,
            handle,
            job: job.clone(),
            position: 0,
            connected: false,
            failed: false,
            outbox: Outbox::default(),
        })
    }

    fn send_some(socket: &mut Socket<'_>, job: &Job, position: &mut u64) {
        while socket.can_send() {
            let at = (*position % pattern().len() as u64) as usize;
            let left = job.limit.map_or(u64::MAX, |limit| limit - *position);
            let piece = &pattern()[at..];
            let piece = &piece[..piece.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
            match socket.send_slice(piece) {
                Ok(n) if n > 0 => *position += n as u64,
                _ => break,
            }
        }
        if job.close && job.limit == Some(*position) && socket.may_send() {
            socket.close();
        }
    }

    fn receive_some(socket: &mut Socket<'_>, position: &mut u64, outbox: &mut Outbox) {
        while socket.can_recv() {
            let got = socket.recv(|data| {
                let at = (*position % pattern().len() as u64) as usize;
                let n = data.len().min(pattern().len() - at);
                (n, (n, data[..n] != pattern()[at..at + n]))
            });
            let Ok((n, wrong)) = got else { break };
            *position += n as u64;
            outbox.delivered += n as u64;
            outbox.wrong |= wrong;
        }
        if socket.state() == State::CloseWait {
            outbox.peer_closed = true;
            socket.close();
        }
    }

    fn application(&mut self) {
        let socket = self.sockets.get_mut::<Socket>(self.handle);
        if !self.connected && socket.may_send() {
            self.connected = true;
            self.outbox.connected = true;
        }
        if self.connected && !self.failed && socket.state() == State::Closed && !self.job.close {
            self.failed = true;
            self.outbox.failed = Some("smoltcp's socket was closed".to_owned());
        }
        match self.job.role {
            Role::Sender if self.connected => Self::send_some(socket, &self.job, &mut self.position),
            Role::Sender => {}
            Role::Receiver => Self::receive_some(socket, &mut self.position, &mut self.outbox),
        }
    }

    fn poll(&mut self, now: Nanos) {
        // Twice: what the application did in between may be sent at once.
        for _ in 0..2 {
            self.interface.poll(instant(now), &mut self.wire, &mut self.sockets);
            self.application();
        }
        self.interface.poll(instant(now), &mut self.wire, &mut self.sockets);
        self.outbox.packets.append(&mut self.wire.outgoing);
    }
}

impl Endpoint for Smol {
    fn input(&mut self, now: Nanos, packet: &[u8]) {
        self.wire.incoming.push_back(packet.to_vec());
        self.poll(now);
    }

    fn run_timers(&mut self, now: Nanos) {
        self.poll(now);
    }

    fn deadline(&mut self, now: Nanos) -> Nanos {
        match self.interface.poll_at(instant(now), &self.sockets) {
            // Its clock is in microseconds: round up, or the deadline lies before the clock that it waits for.
            Some(at) => Nanos(at.total_micros().max(0) as u64 * 1_000),
            None => Nanos::NEVER,
        }
    }

    fn take(&mut self) -> Outbox {
        std::mem::take(&mut self.outbox)
    }
}
