//! What cannot be said in safe Rust. Each `unsafe` block of the crate is below here.
//!
//! lwIP runs in threads of its own. Two rules keep it whole, and the comments beside the blocks name them: (running) a function of
//! lwIP is called only after [`Stack::start`](stack::Stack::start) has returned, which whoever has a [`Stack`](stack::Stack)
//! knows; sockets can be called from any thread then. (lock) lwIP's lists and PCBs are looked at only with its core lock held.

pub mod socket;
pub mod stack;

mod address;
mod hooks;

/// What bindgen makes of lwIP's headers.
#[allow(clippy::all, clippy::undocumented_unsafe_blocks, missing_docs, non_camel_case_types, non_upper_case_globals)]
#[allow(non_snake_case, dead_code, unsafe_op_in_unsafe_fn)]
mod bindings {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

// Found by build.rs, not by Cargo.toml. lwIP's C calls it, too. rustdoc is not told where it is, and links nothing.
#[cfg(all(rust_tcp, not(doc)))]
extern crate lwip_tcp_rust as core_tcp;
