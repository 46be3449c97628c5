#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod device;
pub(crate) mod ffi;
pub mod link;
pub mod netns;
pub mod pcap;

mod datagram;
mod engine;
mod interface;
mod sync;
mod tcp;

pub use datagram::{Protocol, RawSocket, UdpSocket};
pub use engine::{Engine, Handle, Stack};
pub use ffi::{AddressState, CongestionControl, InterfaceState, Keepalive, TcpInfo, TcpState};
pub use interface::{Interface, InterfaceConfig};
pub use tcp::{Incoming, OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpListener, TcpStream, WriteHalf};
