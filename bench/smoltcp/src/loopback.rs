//! Client and server in one thread.

use std::time::Instant as Clock;

use rand::rngs::SmallRng;
use rand::{RngCore as _, SeedableRng as _};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Loopback, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use crate::{CHUNK, MTU, Outcome, WINDOW, socket};

const PORT: u16 = 7777;
/// Rounds without any progress after which the transfer is stuck.
const STUCK: u64 = 200_000_000;

/// smoltcp's loopback, but with frames as on Ethernet, and checksums.
struct Wire(Loopback);

impl Device for Wire {
    type RxToken<'a> = <Loopback as Device>::RxToken<'a>;
    type TxToken<'a> = <Loopback as Device>::TxToken<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = self.0.capabilities();
        capabilities.max_transmission_unit = MTU;
        capabilities.checksum = ChecksumCapabilities::default();
        capabilities
    }

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        self.0.receive(now)
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        self.0.transmit(now)
    }
}

struct Pair {
    device: Wire,
    interface: Interface,
    sockets: SocketSet<'static>,
    client: SocketHandle,
    server: SocketHandle,
}

impl Pair {
    fn connected() -> Result<Self, Box<dyn std::error::Error>> {
        let mut device = Wire(Loopback::new(Medium::Ip));
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, Instant::now());
        let mut full = Ok(());
        interface.update_ip_addrs(|addresses| full = addresses.push(IpCidr::new(IpAddress::v4(127, 0, 0, 1), 8)));
        full.map_err(|_| "no room for an address")?;
        let mut sockets = SocketSet::new(Vec::new());
        let server = sockets.add(socket(WINDOW, WINDOW));
        let client = sockets.add(socket(WINDOW, WINDOW));
        sockets.get_mut::<tcp::Socket>(server).listen(PORT)?;
        let to = (IpAddress::v4(127, 0, 0, 1), PORT);
        sockets.get_mut::<tcp::Socket>(client).connect(interface.context(), to, 40000)?;
        let mut pair = Self { device, interface, sockets, client, server };
        while !(pair.client().may_send() && pair.server().may_send()) {
            pair.poll();
        }
        Ok(pair)
    }

    fn poll(&mut self) {
        self.interface.poll(Instant::now(), &mut self.device, &mut self.sockets);
    }

    fn client(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.client)
    }

    fn server(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.server)
    }
}

pub fn bulk(megabytes: u64, random: bool) -> Outcome {
    let mut pair = Pair::connected()?;
    let total = megabytes * 1024 * 1024;
    let (mut sending, mut receiving) = (SmallRng::seed_from_u64(0), SmallRng::seed_from_u64(0));
    let (mut data, mut expected, mut buffer) = (vec![0x5a; CHUNK], vec![0x5a; CHUNK], vec![0; CHUNK]);
    // What of a chunk is sent, and what of it has come.
    let (mut sent, mut come) = (CHUNK, CHUNK);
    let (mut left, mut received, mut idle) = (total, 0, 0_u64);
    let start = Clock::now();
    while received < total {
        while left > 0 {
            if sent == CHUNK {
                sent = 0;
                if random {
                    sending.fill_bytes(&mut data);
                }
            }
            match pair.client().send_slice(&data[sent..])? {
                0 => break,
                length => {
                    sent += length;
                    left -= length as u64;
                }
            }
        }
        pair.poll();
        idle += 1;
        while pair.server().can_recv() {
            if come == CHUNK {
                come = 0;
                if random {
                    receiving.fill_bytes(&mut expected);
                }
            }
            let length = pair.server().recv_slice(&mut buffer[..CHUNK - come])?;
            if random && buffer[..length] != expected[come..come + length] {
                return Err("what arrived is not what was sent".into());
            }
            come += length;
            received += length as u64;
            idle = 0;
        }
        if idle > STUCK {
            return Err("no progress".into());
        }
    }
    println!("{}", start.elapsed().as_secs_f64());
    Ok(())
}

pub fn echo(count: usize) -> Outcome {
    let mut pair = Pair::connected()?;
    let mut times = Vec::new();
    let warm = count / 10;
    let mut octet = [0];
    for number in 0..warm + count {
        let start = Clock::now();
        pair.client().send_slice(&[number as u8])?;
        loop {
            pair.poll();
            if pair.server().can_recv() {
                pair.server().recv_slice(&mut octet)?;
                pair.server().send_slice(&octet)?;
            }
            if pair.client().can_recv() {
                pair.client().recv_slice(&mut octet)?;
                break;
            }
        }
        if number >= warm {
            times.push(start.elapsed());
        }
        if octet != [number as u8] {
            return Err("the echo is not what was sent".into());
        }
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    println!("{:.2} {:.2}", at(50), at(99));
    Ok(())
}
