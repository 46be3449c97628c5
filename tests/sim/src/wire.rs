//! What the path and the records need to know of a packet.

use smoltcp::wire::{Ipv4Packet, TcpPacket};

/// A TCP segment's headers, read once when it is put on the path.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers {
    /// Sequence number of the first byte.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// Bytes of data.
    pub len: u32,
    /// SYN is set.
    pub syn: bool,
    /// FIN is set.
    pub fin: bool,
    /// RST is set.
    pub rst: bool,
    /// Carries SACK blocks.
    pub sack: bool,
}

impl Headers {
    /// The headers of `packet`; None if it is not TCP over IPv4.
    pub fn read(packet: &[u8]) -> Option<Headers> {
        let ip = Ipv4Packet::new_checked(packet).ok()?;
        let tcp = TcpPacket::new_checked(ip.payload()).ok()?;
        let sack = tcp.selective_ack_ranges().map(|blocks| blocks.iter().any(Option::is_some)).unwrap_or(false);
        Some(Headers {
            seq: tcp.seq_number().0 as u32,
            ack: tcp.ack_number().0 as u32,
            len: tcp.payload().len() as u32,
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            sack,
        })
    }

    /// Nothing but an acknowledgment.
    pub fn is_pure_ack(&self) -> bool {
        self.len == 0 && !self.syn && !self.fin && !self.rst
    }
}

/// Sets Congestion Experienced where the packet says that its ends understand it (RFC 3168, 5); true if it did.
pub fn mark_ce(packet: &mut [u8]) -> bool {
    let Ok(mut ip) = Ipv4Packet::new_checked(packet) else {
        return false;
    };
    if ip.ecn() == 0 {
        return false;
    }
    ip.set_ecn(3);
    ip.fill_checksum();
    true
}
