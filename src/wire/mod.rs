//! Bytes and numbers of the wire: sequence-number arithmetic, the TCP header, its options (RFC 9293 3.1, 3.2, 3.4).

#![forbid(unsafe_code)]

mod header;
mod options;
mod seq;

pub use header::{Flags, HEADER_LEN, Header};
#[cfg(sack_recovery)]
pub use options::MAX_SACKS;
pub use options::{MAX_OPTIONS_LEN, Options, Timestamps, WordWriter, word};
pub use seq::SeqNum;
