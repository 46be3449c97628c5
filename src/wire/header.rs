//! The fixed part of the TCP header (RFC 9293 3.1).

use super::SeqNum;
use core::ops::BitOr;

/// Octets of a header without options.
pub const HEADER_LEN: u16 = 20;

/// The control bits. Only the six of RFC 793 have a meaning here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Flags(u8);

impl Flags {
    /// No bit at all.
    pub const NONE: Self = Self(0);
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push function.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment field is significant.
    pub const ACK: Self = Self(0x10);
    /// ECN-Echo (RFC 3168 6.1).
    #[cfg(ecn)]
    pub const ECE: Self = Self(0x40);
    /// Congestion window reduced (RFC 3168 6.1).
    #[cfg(ecn)]
    pub const CWR: Self = Self(0x80);
    /// Those of the octet that have a meaning.
    const KNOWN: u8 = if cfg!(ecn) { 0xff } else { 0x3f };

    /// The bits as they stand in octet 13 of the header; ECE and CWR are left out without LWIP_TCP_RUST_ECN.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::KNOWN)
    }

    /// The same, back.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// At least one bit of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Only the bits of `other`.
    pub const fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The same without the bits of `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, rhs: Self) -> Self {
        Self(self.0 | rhs.0)
    }
}

/// What the fixed part says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source port.
    pub src: u16,
    /// Destination port.
    pub dst: u16,
    /// SEG.SEQ.
    pub seq: SeqNum,
    /// SEG.ACK.
    pub ack: SeqNum,
    /// Octets of header and options together.
    pub len: u16,
    /// Control bits.
    pub flags: Flags,
    /// SEG.WND, before scaling.
    pub wnd: u16,
}

/// Both ports: the first word of a header, in host byte order.
pub struct Ports {
    dst: u16,
    src: u16,
}

impl Ports {
    const fn of(word: u32) -> Self {
        Self { dst: word as u16, src: (word >> 16) as u16 }
    }

    /// Source port.
    pub const fn src(&self) -> u16 {
        self.src
    }

    /// Destination port.
    pub const fn dst(&self) -> u16 {
        self.dst
    }
}

/// Length, control bits and window: the fourth word.
pub struct Control {
    wnd: u16,
    flags: u8,
    offset: u8,
}

impl Control {
    const fn of(word: u32) -> Self {
        Self { wnd: word as u16, flags: (word >> 16) as u8, offset: (word >> 24) as u8 }
    }

    /// Octets of header and options together.
    pub const fn header_len(&self) -> u16 {
        (self.offset >> 4) as u16 * 4
    }

    /// Control bits.
    pub const fn flags(&self) -> Flags {
        Flags::from_bits(self.flags)
    }

    /// SEG.WND, before scaling.
    pub const fn wnd(&self) -> u16 {
        self.wnd
    }
}

/// A received header word by word, which takes less code than field by field.
pub struct Words {
    /// First word.
    pub ports: Ports,
    /// SEG.SEQ.
    pub seq: SeqNum,
    /// SEG.ACK.
    pub ack: SeqNum,
    /// Fourth word.
    pub control: Control,
}

impl Words {
    /// Reads a header. Any 20 octets are one; whether [`Control::header_len`] makes sense is for the caller to check.
    #[inline(always)]
    pub fn read(bytes: &[u8; HEADER_LEN as usize]) -> Self {
        let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1, ..] = *bytes;
        Self {
            ports: Ports::of(u32::from_be_bytes([s0, s1, d0, d1])),
            seq: SeqNum::new(u32::from_be_bytes([q0, q1, q2, q3])),
            ack: SeqNum::new(u32::from_be_bytes([a0, a1, a2, a3])),
            control: Control::of(u32::from_be_bytes([offset, flags, w0, w1])),
        }
    }
}

impl Header {
    /// Reads a header: see [`Words::read`].
    #[inline]
    pub fn parse(bytes: &[u8; HEADER_LEN as usize]) -> Self {
        let Words { ports, seq, ack, control } = Words::read(bytes);
        let (src, dst) = (ports.src(), ports.dst());
        Self { src, dst, seq, ack, len: control.header_len(), flags: control.flags(), wnd: control.wnd() }
    }

    /// The words of a header, checksum and urgent pointer zero.
    #[inline(always)]
    pub fn words(&self) -> [u32; HEADER_LEN as usize / 4] {
        let Self { src, dst, seq, ack, len, flags, wnd } = *self;
        let ports = u32::from(src) << 16 | u32::from(dst);
        let last = u32::from(len) << 26 | u32::from(flags.bits()) << 16 | u32::from(wnd);
        [ports, seq.raw(), ack.raw(), last, 0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn emit_then_parse_gives_the_same(src: u16, dst: u16, seq: u32, ack: u32, words in 5u16..16, bits in 0u8..64, wnd: u16) {
            let header = Header {
                src, dst, seq: SeqNum::new(seq), ack: SeqNum::new(ack), len: words * 4, flags: Flags::from_bits(bits), wnd,
            };
            let mut bytes = [0xff; HEADER_LEN as usize];
            for (place, word) in bytes.chunks_exact_mut(4).zip(header.words()) {
                place.copy_from_slice(&word.to_be_bytes());
            }
            prop_assert_eq!(Header::parse(&bytes), header);
            prop_assert_eq!(&bytes[16..], &[0, 0, 0, 0]);
        }
    }
}
