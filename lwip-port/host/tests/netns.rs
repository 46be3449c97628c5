//! A namespace and a TAP in it, with the kernel at the other end. A program of its own (no harness): only a process with one
//! thread may enter a namespace.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::ExitCode;

use lwip_host::device::{Device, Readiness};
use lwip_host::netns::{KERNEL_V4, KERNEL_V6, Namespace, STACK_V4, STACK_V6};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

fn main() -> ExitCode {
    let namespace = match Namespace::enter() {
        Ok(namespace) => namespace,
        Err(error) => {
            println!("test namespace_and_tap ... SKIPPED: {error}");
            return ExitCode::SUCCESS;
        }
    };
    let addresses = [(IpAddr::V4(KERNEL_V4.0), KERNEL_V4.1), (IpAddr::V6(KERNEL_V6.0), KERNEL_V6.1)];
    let mut tap = match namespace.tap(Some(1280), &addresses) {
        Ok(tap) => tap,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            println!("test namespace_and_tap ... SKIPPED: no TAP device: {error}");
            return ExitCode::SUCCESS;
        }
        Err(error) => panic!("the TAP device cannot be made: {error}"),
    };
    assert_eq!(tap.capabilities().mtu, 1280);
    // Whoever is asked for is only known on the wire: the kernel resolves the address there.
    ask(SocketAddr::new(KERNEL_V4.0.into(), 0), SocketAddr::new(STACK_V4.0.into(), 9));
    wait_for_frame(&mut tap, "ARP request", |frame| frame[12..14] == [8, 6] && frame[38..42] == STACK_V4.0.octets());
    ask(SocketAddr::new(KERNEL_V6.0.into(), 0), SocketAddr::new(STACK_V6.0.into(), 9));
    wait_for_frame(&mut tap, "neighbour solicitation", |frame| {
        frame[12..14] == [0x86, 0xdd]
            && frame.get(54) == Some(&135)
            && frame.get(62..78) == Some(&STACK_V6.0.octets()[..])
    });
    println!("test namespace_and_tap ... ok");
    println!("test result: ok. 1 passed; 0 failed");
    ExitCode::SUCCESS
}

fn ask(from: SocketAddr, to: SocketAddr) {
    let socket = UdpSocket::bind(from).expect("the kernel's end has that address");
    socket.send_to(b"is anybody there?", to).expect("there is a route to the stack's end");
}

/// The kernel sends other frames too (MLD, router solicitations); at most so many seconds pass between two.
fn wait_for_frame(tap: &mut impl Device, what: &str, wanted: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; tap.capabilities().frame()];
    for _ in 0..100 {
        while let Some(length) = tap.receive(&mut buffer).expect("the device works") {
            if wanted(&buffer[..length]) {
                return;
            }
        }
        let Readiness::Fd(descriptor) = tap.readiness() else { unreachable!("a TAP device is a file") };
        let mut polled = [PollFd::new(descriptor, PollFlags::POLLIN)];
        let ready = poll(&mut polled, PollTimeout::from(10_000_u16)).expect("poll works");
        assert_ne!(ready, 0, "no {what} came");
    }
    panic!("many frames, but no {what}");
}
