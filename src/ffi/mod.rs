//! The border to C: what we export, what we call, and the safe wrappers around it.
//!
//! The invariants that every `SAFETY:` comment of this module argues from:
//!
//! * **(lock)** lwIP's core lock is held: lwIP calls its TCP from one context at a time (NO_SYS=1: the main loop;
//!   otherwise the tcpip thread or a holder of LOCK_TCPIP_CORE). [`crate::pcb::Core`] is the proof; only an exported
//!   function makes one.
//! * **(layout)** bindgen's structs have the layout of the user's C: wrapper.c asserts it at compile time.
//! * **(pbuf)** a `pbuf::Pbuf` owns one reference to a well-formed pbuf chain, as pbuf.c defines it: `len` octets are
//!   readable and writable at `payload` of each member, which is not null, and `tot_len` is the sum from it on.
//! * **(netif)** a netif that lwIP hands out lives until the next call out of TCP.
//! * **(quiet)** of what we call in C only the application's callbacks and the output of a packet come back into TCP: they take
//!   `&mut Core`. Pools, pbufs, routing, checksums, the clock, random numbers, statistics, debug output, assertions, the hooks of
//!   lwipopts.h and the functions that free a custom pbuf do not, as little as lwIP's C TCP lets them; handles to PCBs are
//!   alive meanwhile.

#![allow(unsafe_code)]

pub(crate) mod callbacks;
pub(crate) mod diagnostics;
mod error;
mod exports;
pub(crate) mod globals;
#[cfg(path_mtu_by_icmp)]
mod icmp;
pub mod introspection;
pub(crate) mod ip;
pub(crate) mod memory;
pub(crate) mod pbuf;
mod private_exports;

pub use error::{Error, Result};
pub(crate) use error::{from_err_t, to_err_t};

/// What bindgen made of lwIP's headers.
#[allow(missing_docs, non_camel_case_types, non_upper_case_globals, non_snake_case, dead_code)]
#[allow(clippy::all, clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]
pub(crate) mod bindings {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

/// The integer options of lwipopts.h, under their own names.
#[allow(dead_code)]
pub mod config {
    include!(concat!(env!("OUT_DIR"), "/config.rs"));
}

/// tcp_recv_null, which a new PCB has as its recv callback.
#[cfg(lwip_callback_api)]
pub(crate) fn default_recv() -> unsafe extern "C" fn(
    *mut core::ffi::c_void,
    *mut bindings::tcp_pcb,
    *mut bindings::pbuf,
    bindings::err_t,
) -> bindings::err_t {
    private_exports::DEFAULT_RECV
}

/// TCP_OOSEQ_BYTES_LIMIT and TCP_OOSEQ_PBUFS_LIMIT of this connection.
#[cfg(ooseq_limit)]
pub(crate) fn ooseq_limits(pcb: crate::pcb::Pcb<'_>) -> (u32, u16) {
    // SAFETY: (lock); a living PCB.
    unsafe {
        (
            bindings::lwip_tcp_rust_ooseq_bytes_limit(pcb.as_ptr()),
            bindings::lwip_tcp_rust_ooseq_pbufs_limit(pcb.as_ptr()),
        )
    }
}

/// TCP_CHECKSUM_ON_COPY_SANITY_CHECK found that the checksum of `seg` is not that of the `whole` segment.
#[cfg(tcp_checksum_on_copy_sanity_check)]
pub(crate) fn report_checksum_mismatch(seg: &mut crate::pcb::SegBox, whole: u16) {
    // SAFETY: (lock); the header of a segment that is ours alone.
    unsafe { bindings::lwip_tcp_rust_chksum_mismatch(seg.header_ptr(), whole) }
}

/// TCP_OVERSIZE_CALC_LENGTH.
#[cfg(oversize_calc_length)]
pub(crate) fn oversize_length(len: u16) -> u16 {
    // SAFETY: a function of wrapper.c without preconditions.
    unsafe { bindings::lwip_tcp_rust_oversize_length(len) }
}

/// The type of windows and buffer sizes: 16 bits wide, or 32 with LWIP_WND_SCALE.
pub type Wnd = bindings::tcpwnd_size_t;

/// Cuts a number that is known to be a window down to [`Wnd`]; one that is not becomes the largest window.
#[inline]
pub(crate) fn wnd(value: u32) -> Wnd {
    value.min(Wnd::MAX as u32) as Wnd
}
