//! Servers behind a TAP device that is there already, with the kernel as the peer.

use std::os::fd::AsRawFd as _;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Medium, TunTapInterface, wait};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use crate::{CHUNK, Outcome, WINDOW, socket};

#[derive(Clone, Copy)]
enum Service {
    Echo,
    Discard,
    Chargen,
}

const SERVICES: [(u16, Service); 3] = [(7, Service::Echo), (9, Service::Discard), (19, Service::Chargen)];

/// Connections of a service: one is measured while an earlier one ends.
const AT_ONCE: usize = 4;

struct Stack {
    device: TunTapInterface,
    interface: Interface,
    sockets: SocketSet<'static>,
}

impl Stack {
    fn open(name: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let mut device = TunTapInterface::new(name, Medium::Ethernet)?;
        let address = EthernetAddress([0x02, 0, 0, 0, 0, 1]);
        let mut interface = Interface::new(Config::new(address.into()), &mut device, Instant::now());
        let mut full = Ok(());
        interface.update_ip_addrs(|addresses| full = addresses.push(IpCidr::new(IpAddress::v4(192, 0, 2, 2), 24)));
        full.map_err(|_| "no room for an address")?;
        Ok(Self { device, interface, sockets: SocketSet::new(Vec::new()) })
    }

    fn listen(&mut self, port: u16, receive: usize, send: usize) -> Result<SocketHandle, tcp::ListenError> {
        let handle = self.sockets.add(socket(receive, send));
        self.sockets.get_mut::<tcp::Socket>(handle).listen(port)?;
        Ok(handle)
    }

    /// Polls and serves until the process is stopped.
    fn run(mut self, mut serve: impl FnMut(&mut SocketSet<'static>) -> Outcome) -> Outcome {
        println!("ready");
        loop {
            self.interface.poll(Instant::now(), &mut self.device, &mut self.sockets);
            serve(&mut self.sockets)?;
            let delay = self.interface.poll_delay(Instant::now(), &self.sockets);
            wait(self.device.as_raw_fd(), delay)?;
        }
    }
}

pub fn serve(name: &str) -> Outcome {
    let mut stack = Stack::open(name)?;
    let mut services = Vec::new();
    for (port, service) in SERVICES {
        for _ in 0..AT_ONCE {
            services.push((stack.listen(port, WINDOW, WINDOW)?, port, service));
        }
    }
    let (mut buffer, pattern) = (vec![0; CHUNK], vec![b'a'; CHUNK]);
    stack.run(|sockets| {
        for &(handle, port, service) in &services {
            let socket = sockets.get_mut::<tcp::Socket>(handle);
            if !socket.is_open() {
                socket.listen(port)?;
            }
            match service {
                Service::Echo => {
                    while socket.can_recv() && socket.send_capacity() - socket.send_queue() >= CHUNK {
                        let length = socket.recv_slice(&mut buffer)?;
                        socket.send_slice(&buffer[..length])?;
                    }
                }
                Service::Discard => {
                    while socket.can_recv() {
                        socket.recv_slice(&mut buffer)?;
                    }
                }
                Service::Chargen => while socket.can_send() && socket.send_slice(&pattern)? > 0 {},
            }
            // The peer has ended, and all of it is read.
            if socket.state() == tcp::State::CloseWait && !socket.can_recv() {
                socket.close();
            }
        }
        Ok(())
    })
}

/// What a request ends with.
const END: &[u8] = b"\r\n\r\n";

struct Client {
    handle: SocketHandle,
    keep_alive: bool,
    head: Vec<u8>,
    /// What of the answer is still to be sent.
    left: usize,
}

pub fn http(name: &str, count: usize, content: &[u8]) -> Outcome {
    const PORT: u16 = 80;
    let mut stack = Stack::open(name)?;
    let mut clients = Vec::new();
    for _ in 0..count {
        let handle = stack.listen(PORT, 4 * 1024, 16 * 1024)?;
        // As servers do: the end of an answer does not wait for an ACK that may be delayed.
        stack.sockets.get_mut::<tcp::Socket>(handle).set_nagle_enabled(false);
        clients.push(Client { handle, keep_alive: false, head: Vec::new(), left: 0 });
    }
    let answers = [answer(content, "close"), answer(content, "keep-alive")];
    stack.run(|sockets| {
        for client in &mut clients {
            let socket = sockets.get_mut::<tcp::Socket>(client.handle);
            if !socket.is_open() {
                client.left = 0;
                client.head.clear();
                socket.listen(PORT)?;
            }
            client.serve(socket, &answers)?;
        }
        Ok(())
    })
}

fn answer(content: &[u8], connection: &str) -> Vec<u8> {
    let length = content.len();
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n"
    )
    .into_bytes();
    answer.extend_from_slice(content);
    answer
}

impl Client {
    fn serve(&mut self, socket: &mut tcp::Socket<'static>, answers: &[Vec<u8>; 2]) -> Outcome {
        let mut buffer = [0; 1024];
        while self.left == 0 && socket.can_recv() {
            let length = socket.recv_slice(&mut buffer)?;
            self.head.extend_from_slice(&buffer[..length]);
            if self.head.ends_with(END) {
                let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
                self.keep_alive = head.contains("connection: keep-alive");
                self.left = answers[usize::from(self.keep_alive)].len();
                self.head.clear();
            }
        }
        let answer = &answers[usize::from(self.keep_alive)];
        if self.left > 0 && socket.can_send() {
            self.left -= socket.send_slice(&answer[answer.len() - self.left..])?;
            if self.left == 0 && !self.keep_alive {
                socket.close();
            }
        }
        if socket.state() == tcp::State::CloseWait && !socket.can_recv() && self.left == 0 {
            socket.close();
        }
        Ok(())
    }
}
