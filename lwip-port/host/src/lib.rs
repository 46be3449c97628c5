//! lwIP, with its TCP in Rust, as a TCP/IP stack inside a program on a PC.
#![warn(missing_docs)]

pub mod device;
pub(crate) mod ffi;
pub mod link;
pub mod netns;
pub mod pcap;
