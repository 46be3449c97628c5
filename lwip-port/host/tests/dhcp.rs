//! The DHCP client (RFC 2131) against a server of a few lines.

mod common;

use common::alone;
use lwip_host::InterfaceConfig;
use lwip_host::device::{Capabilities, Device, Medium, Readiness, Waker};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const OFFERED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 50);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// Before the BOOTP message: Ethernet, IPv4 without options, UDP.
const HEADERS: usize = 14 + 20 + 8;

/// An Ethernet with a DHCP server on it.
#[derive(Default)]
struct Server {
    answers: VecDeque<Vec<u8>>,
    waker: Option<Waker>,
    silent: bool,
}

fn option(message: &[u8], wanted: u8) -> Option<u8> {
    let mut rest = message.get(240..)?;
    while let [code, length, ..] = *rest {
        if code == wanted {
            return rest.get(2).copied();
        }
        rest = rest.get(2 + usize::from(length)..)?;
    }
    None
}

fn answer(request: &[u8], kind: u8) -> Vec<u8> {
    let mut message = vec![0; 240];
    // BOOTREPLY over Ethernet, with the client's transaction and address.
    message[..4].copy_from_slice(&[2, 1, 6, 0]);
    message[4..8].copy_from_slice(&request[4..8]);
    message[16..20].copy_from_slice(&OFFERED.octets());
    message[28..44].copy_from_slice(&request[28..44]);
    message[236..240].copy_from_slice(&[99, 130, 83, 99]);
    message.extend([53, 1, kind, 51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0]);
    for code in [54, 3, 6] {
        message.extend([code, 4]);
        message.extend(SERVER.octets());
    }
    message.push(255);
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 8, 0]);
    let length = (message.len() + 28) as u16;
    let mut ip = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0];
    ip[2..4].copy_from_slice(&length.to_be_bytes());
    ip.extend(SERVER.octets());
    ip.extend([255; 4]);
    let sum: u32 = ip.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    ip[10..12].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    frame.extend(ip);
    // From port 67 to 68, without a checksum.
    frame.extend([0, 67, 0, 68]);
    frame.extend((length - 20).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(message);
    frame
}

impl Device for Server {
    fn capabilities(&self) -> Capabilities {
        Capabilities { medium: Medium::Ethernet, mtu: 1500 }
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let is_request = frame.len() > HEADERS + 240 && frame[12..14] == [8, 0] && frame[36..38] == [0, 67];
        if !self.silent && is_request {
            let request = &frame[HEADERS..];
            let kind = match option(request, 53) {
                Some(1) => 2, // DISCOVER: OFFER
                Some(3) => 5, // REQUEST: ACK
                _ => return Ok(()),
            };
            self.answers.push_back(answer(request, kind));
            if let Some(waker) = &self.waker {
                waker();
            }
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        Ok(self.answers.pop_front().map(|frame| {
            buffer[..frame.len()].copy_from_slice(&frame);
            frame.len()
        }))
    }

    fn readiness(&self) -> Readiness<'_> {
        Readiness::Memory
    }

    fn set_waker(&mut self, waker: Waker) {
        self.waker = Some(waker);
    }
}

#[test]
fn an_address_is_leased_and_given_back() {
    let stack = alone();
    let interface = stack.add_interface(Server::default(), &InterfaceConfig::default()).unwrap();
    assert_eq!(interface.state().unwrap().ipv4, None);
    let state = interface.dhcp(Duration::from_secs(60)).unwrap();
    assert_eq!(state.ipv4, Some((OFFERED, Ipv4Addr::new(255, 255, 255, 0))));
    assert_eq!(state.gateway, Some(SERVER));
    assert_eq!(stack.dns_servers().unwrap().first(), Some(&IpAddr::from(SERVER)));
    interface.stop_dhcp().unwrap();
    assert_eq!(interface.state().unwrap().ipv4, None);
    stack.set_dns_servers(&[]).unwrap();
}

#[test]
fn without_a_server_the_wait_ends() {
    let stack = alone();
    let device = Server { silent: true, ..Server::default() };
    let interface = stack.add_interface(device, &InterfaceConfig::default()).unwrap();
    let error = interface.dhcp(Duration::from_millis(20)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    interface.remove().unwrap();
}
