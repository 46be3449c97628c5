//! ICMP "fragmentation needed", by a raw PCB that looks at each ICMP packet and takes none.

use super::bindings as c;
use super::exports::enter;
use super::ip::{Addr, OwnedAddr, Packet};
use crate::components::connection_management::pmtu;
use crate::pcb::{Core, Tuple};
use crate::wire::{MOST_OF_TOO_BIG, TooBig};
use core::ffi::c_void;
use core::ptr::null_mut;

const PROTOCOL: u8 = 1;

/// lwIP shows us its ICMP packets from now on, if it has a raw PCB to spare.
pub(crate) fn watch(_core: &Core) {
    // SAFETY: (lock): lwip_init() has made the pools; a raw PCB that is never freed, and a function that needs no argument.
    unsafe {
        let raw = c::raw_new(PROTOCOL);
        if !raw.is_null() {
            c::raw_recv(raw, Some(on_icmp), null_mut());
        }
    }
}

/// The raw PCB's receive callback. The packet stays lwIP's: 0.
unsafe extern "C" fn on_icmp(
    _arg: *mut c_void,
    _raw: *mut c::raw_pcb,
    p: *mut c::pbuf,
    _from: *const c::ip_addr_t,
) -> u8 {
    let core = enter();
    let mut start = [0; MOST_OF_TOO_BIG];
    // SAFETY: (pbuf): lwIP's packet, from its IP header on; `start` takes as many octets.
    let copied = unsafe { c::pbuf_copy_partial(p, start.as_mut_ptr().cast(), start.len() as u16, 0) };
    if let Some(told) = start.get(..usize::from(copied)).and_then(TooBig::parse) {
        // SAFETY: (pbuf): as above; it was read as IPv4.
        if unsafe { checksum_ok(p, start.first().copied().unwrap_or(0)) } {
            tell(&core, &told);
        }
    }
    0
}

/// The ICMP checksum is right: lwIP has only checked that of IP.
///
/// # Safety
/// `p` is a packet whose IPv4 header begins with `first`.
unsafe fn checksum_ok(p: *mut c::pbuf, first: u8) -> bool {
    let header_len = usize::from(first & 15) * 4;
    // SAFETY: (pbuf): the header is taken off, which fails if it is longer than the first pbuf, and put back.
    unsafe {
        if c::pbuf_remove_header(p, header_len) != 0 {
            return false;
        }
        let sum = c::inet_chksum_pbuf(p);
        c::pbuf_add_header_force(p, header_len);
        sum == 0
    }
}

/// The connection that the packet was of learns of it.
fn tell(core: &Core, told: &TooBig) {
    let (local, remote) = (addr(told.src), addr(told.dst));
    let tuple = Tuple {
        local: Addr::of(&local),
        local_port: told.src_port,
        remote: Addr::of(&remote),
        remote_port: told.dst_port,
    };
    if let Some(pcb) = core.lookup(&tuple, || Packet::current(core).netif_index()) {
        pmtu::on_too_big(pcb, told.seq, told.mtu);
    }
}

/// An IPv4 address.
fn addr(octets: [u8; 4]) -> OwnedAddr {
    // SAFETY: addresses consist of integers; with both versions the type of IPv4 is 0.
    let mut addr: OwnedAddr = unsafe { core::mem::zeroed() };
    // SAFETY: every address starts with the 32-bit word that is IPv4's address, in network byte order.
    unsafe { (&raw mut addr).cast::<u32>().write(u32::from_ne_bytes(octets)) };
    addr
}
