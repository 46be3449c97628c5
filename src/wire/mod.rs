//! Bytes and numbers of the wire: sequence-number arithmetic, the TCP header, its options (RFC 9293 3.1, 3.2, 3.4).

#![forbid(unsafe_code)]

#[cfg(any(rack, ecn))]
mod coarse;
mod header;
#[cfg(any(path_mtu_by_icmp, test))]
mod icmp;
mod options;
mod seq;

#[cfg(any(rack, ecn))]
pub(crate) use coarse::Coarse;
#[cfg(bbr)]
pub(crate) use coarse::IN_FLIGHT;
pub use header::{Control, Flags, HEADER_LEN, Header, Ports, Words};
#[cfg(any(path_mtu_by_icmp, test))]
pub use icmp::{MOST_OF_TOO_BIG, TooBig};
#[cfg(sack_recovery)]
pub use options::MAX_SACKS;
pub use options::{MAX_OPTIONS_LEN, Options, Timestamps, WordWriter, word};
pub use seq::SeqNum;
