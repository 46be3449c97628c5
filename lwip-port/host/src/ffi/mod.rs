//! What cannot be said in safe Rust. Each `unsafe` block of the crate is below here.
//!
//! lwIP has global state and no lock, so [`Lwip`] exists once at most in a process, and whoever has it may call lwIP. What C
//! hands out (PCBs, interfaces) never leaves this folder as a pointer: it is known by an [`Id`], and the table that leads
//! from there to the pointer forgets it in the same moment that C says it is gone. What C calls back only notes an
//! [`Event`], so no caller finds its own state changed under its hands.

pub(crate) mod linux;

mod address;
mod dns;
mod hooks;
mod netif;
mod pbuf;
mod raw;
mod registry;
mod stack;
mod tcp;
mod udp;

/// What bindgen makes of lwIP's headers.
#[allow(clippy::all, clippy::undocumented_unsafe_blocks, missing_docs, non_camel_case_types, non_upper_case_globals)]
#[allow(non_snake_case, dead_code, unsafe_op_in_unsafe_fn)]
mod bindings {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

// Found by build.rs, not by Cargo.toml. lwIP's C calls it, too. rustdoc is not told where it is, and links nothing.
#[cfg(all(rust_tcp, not(doc)))]
extern crate lwip_tcp_rust as core_tcp;

pub(crate) use dns::Family;
pub use netif::{AddressState, InterfaceState};
pub(crate) use registry::{Event, Id, next_id};
pub(crate) use stack::{Lwip, Pools};
pub(crate) use tcp::Error;
pub use tcp::{CongestionControl, Keepalive, TcpInfo, TcpState};
