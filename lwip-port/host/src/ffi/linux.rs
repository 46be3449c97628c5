//! The few system calls of Linux that `nix` has no safe form of: packet sockets and the settings of an interface.

use std::ffi::c_int;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// The two octets that sockaddr_ll keeps in network order.
const ALL_PROTOCOLS: u16 = (libc::ETH_P_ALL as u16).to_be();

/// A plain structure for the kernel: every bit pattern of it is a value, and it holds no pointer.
///
/// # Safety
/// The implementor is `repr(C)`, and all zeroes is a value of it.
unsafe trait Plain: Copy {}
// SAFETY: an integer.
unsafe impl Plain for c_int {}
// SAFETY: integers and arrays of integers only.
unsafe impl Plain for libc::packet_mreq {}
// SAFETY: integers and arrays of integers only.
unsafe impl Plain for libc::sockaddr_ll {}
// SAFETY: an array of characters and a union of integers and of one pointer, which zero makes null and nobody here follows.
unsafe impl Plain for libc::ifreq {}

fn zeroed<T: Plain>() -> T {
    // SAFETY: that all zeroes is a value is what `Plain` promises.
    unsafe { std::mem::zeroed() }
}

fn socket_length<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0)
}

fn set_option<T: Plain>(socket: BorrowedFd<'_>, name: c_int, value: &T) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of `value`, which lives across the call, and the kernel only reads it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            name,
            std::ptr::from_ref(value).cast(),
            socket_length::<T>(),
        )
    };
    Errno::result(result).map(drop).map_err(io::Error::from)
}

/// Switches a whole-number option of a packet socket on, such as `PACKET_IGNORE_OUTGOING`.
pub(crate) fn enable_packet_option(socket: BorrowedFd<'_>, name: c_int) -> io::Result<()> {
    set_option::<c_int>(socket, name, &1)
}

/// Ties a packet socket to one interface; before that it is tied to none, or to all.
pub(crate) fn bind_packet_socket(socket: BorrowedFd<'_>, interface: c_int) -> io::Result<()> {
    let mut address: libc::sockaddr_ll = zeroed();
    address.sll_family = libc::sa_family_t::try_from(libc::AF_PACKET).unwrap_or(0);
    address.sll_protocol = ALL_PROTOCOLS;
    address.sll_ifindex = interface;
    // SAFETY: the pointer and the length are those of `address`, which lives across the call, and the kernel only reads it.
    let result = unsafe {
        libc::bind(socket.as_raw_fd(), std::ptr::from_ref(&address).cast(), socket_length::<libc::sockaddr_ll>())
    };
    Errno::result(result).map(drop).map_err(io::Error::from)
}

/// Makes the interface take frames for other addresses than its own as long as the socket is open.
pub(crate) fn join_promiscuous(socket: BorrowedFd<'_>, interface: c_int) -> io::Result<()> {
    let mut request: libc::packet_mreq = zeroed();
    request.mr_ifindex = interface;
    request.mr_type = u16::try_from(libc::PACKET_MR_PROMISC).unwrap_or(0);
    set_option(socket, libc::PACKET_ADD_MEMBERSHIP, &request)
}

/// An `ifreq` with the name of an interface, ended by a zero.
fn request_for(name: &str) -> io::Result<libc::ifreq> {
    let mut request: libc::ifreq = zeroed();
    if name.len() >= request.ifr_name.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the name of an interface has at most 15 octets"));
    }
    for (slot, octet) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *slot = libc::c_char::from_ne_bytes([octet]);
    }
    Ok(request)
}

fn interface_ioctl(number: libc::c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: each caller's `number` is a request that takes a `struct ifreq`; the pointer is to one that lives across the call
    // and is ours alone.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), number as _, std::ptr::from_mut(request)) };
    Errno::result(result).map(drop).map_err(io::Error::from)
}

/// The MTU of an interface in octets.
pub(crate) fn interface_mtu(name: &str) -> io::Result<usize> {
    let mut request = request_for(name)?;
    interface_ioctl(libc::SIOCGIFMTU as _, &mut request)?;
    // SAFETY: the kernel has filled this member of the union, and every bit pattern is an integer.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    usize::try_from(mtu).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Sets an interface up.
pub(crate) fn set_interface_up(name: &str) -> io::Result<()> {
    let mut request = request_for(name)?;
    interface_ioctl(libc::SIOCGIFFLAGS as _, &mut request)?;
    // SAFETY: the kernel has filled this member of the union, and every bit pattern is an integer.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = flags | libc::c_short::try_from(libc::IFF_UP).unwrap_or(0);
    interface_ioctl(libc::SIOCSIFFLAGS as _, &mut request)
}
