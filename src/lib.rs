//! TCP for lwIP, in Rust.
//!
//! This crate takes the place of lwIP's tcp.c, tcp_in.c and tcp_out.c. It exports their C symbols, works on lwIP's own
//! `struct tcp_pcb`, memory pools and pbufs, and needs no change of lwIP or of the firmware.
//!
//! The layers, from the outside in:
//!
//! | module | what |
//! |---|---|
//! | [`ffi`] | the C ABI: exports, callbacks, wrappers of pbuf, IP, netif and memp |
//! | [`pcb`] | handles to PCBs, listeners and segments; PCB lists; the demultiplexing index; who owns which field |
//! | `input`, `output`, `segmentation`, `timer`, `api` | one segment's way in and out, tcp_write, the timers, each API call |
//! | [`components`] | the rules of TCP: connection management, reliable ordered delivery, flow and congestion control |
//! | [`wire`] | sequence numbers, headers and options |
//!
//! Only [`ffi`] and [`pcb`] contain unsafe code.
#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(not(lwip_tcp), allow(unused))]

// With unwinding (cargo test, a host program that links the rlib) std is there and brings the panic handler.
#[cfg(panic = "unwind")]
extern crate std;

#[cfg(lwip_tcp)]
pub mod components;
#[cfg(lwip_tcp)]
pub mod ffi;
#[cfg(lwip_tcp)]
pub mod pcb;
#[cfg(lwip_tcp)]
pub mod wire;

#[cfg(lwip_tcp)]
mod api;
#[cfg(lwip_tcp)]
mod input;
#[cfg(lwip_tcp)]
mod output;
#[cfg(lwip_tcp)]
mod segmentation;
#[cfg(lwip_tcp)]
mod timer;

/// Nothing in this crate panics (a test looks for core's panicking symbols in the linked archive), so this is never
/// called; a `no_std` archive has to define it all the same.
#[cfg(panic = "abort")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
