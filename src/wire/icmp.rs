//! ICMP "fragmentation needed and DF set" (RFC 792, RFC 1191 4) about a TCP segment of ours.

use super::SeqNum;

/// What such a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooBig {
    /// Octets that the next link takes in one packet.
    pub mtu: u16,
    /// Whom the packet was from, which should be us,
    pub src: [u8; 4],
    /// and for.
    pub dst: [u8; 4],
    /// Its ports,
    pub src_port: u16,
    /// both of them,
    pub dst_port: u16,
    /// and its sequence number.
    pub seq: SeqNum,
}

/// As many octets of an IPv4 packet as [`TooBig::parse`] may want to see: two IP headers with all the options that there can be, and
/// 8 octets behind each.
pub const MOST_OF_TOO_BIG: usize = 60 + 8 + 60 + 8;

impl TooBig {
    /// Reads the beginning of an IPv4 packet. None if it is anything else; if the router does not say what fits, as those from before
    /// RFC 1191 did not; or if the quoted packet would fit, so that nobody can have complained of it (RFC 5927 7.2).
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let message = packet.get(header_len(packet)?..)?;
        let ([3, 4, _, _, _, _, mtu_high, mtu_low], quoted) = message.split_first_chunk()? else { return None };
        let mtu = u16::from_be_bytes([*mtu_high, *mtu_low]);
        let ([_, _, len_high, len_low, _, _, fragment_high, fragment_low, _, 6, _, _, addresses @ ..], _) =
            quoted.split_first_chunk::<20>()?
        else {
            return None;
        };
        let [s0, s1, s2, s3, d0, d1, d2, d3] = *addresses;
        let is_first_fragment = fragment_high & 0x1f == 0 && *fragment_low == 0;
        if mtu == 0 || u16::from_be_bytes([*len_high, *len_low]) <= mtu || !is_first_fragment {
            return None;
        }
        let ([p0, p1, p2, p3, q0, q1, q2, q3], _) = quoted.get(header_len(quoted)?..)?.split_first_chunk()?;
        Some(Self {
            mtu,
            src: [s0, s1, s2, s3],
            dst: [d0, d1, d2, d3],
            src_port: u16::from_be_bytes([*p0, *p1]),
            dst_port: u16::from_be_bytes([*p2, *p3]),
            seq: SeqNum::new(u32::from_be_bytes([*q0, *q1, *q2, *q3])),
        })
    }
}

/// Octets of the IPv4 header that a packet begins with.
fn header_len(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let len = usize::from(first & 15) * 4;
    (first >> 4 == 4 && len >= 20).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// A message, with `options` words of IP options in both headers.
    fn message(told: &TooBig, options: u8, len: u16) -> Vec<u8> {
        let header = |protocol: u8, len: u16, src: [u8; 4], dst: [u8; 4]| {
            let mut header = std::vec![0x45 + options, 0];
            header.extend(len.to_be_bytes());
            header.extend([1, 2, 0x40, 0, 64, protocol, 0, 0]);
            header.extend(src.into_iter().chain(dst));
            header.extend(std::vec![1; usize::from(options) * 4]);
            header
        };
        let mut packet = header(1, 56, [9, 9, 9, 9], told.src);
        packet.extend([3, 4, 0, 0, 0, 0]);
        packet.extend(told.mtu.to_be_bytes());
        packet.extend(header(6, len, told.src, told.dst));
        packet.extend(told.src_port.to_be_bytes().into_iter().chain(told.dst_port.to_be_bytes()));
        packet.extend(told.seq.raw().to_be_bytes());
        packet
    }

    proptest! {
        #[test]
        fn a_message_is_read_as_it_was_written(
            mtu in 1u16..0xffff, src: [u8; 4], dst: [u8; 4], src_port: u16, dst_port: u16, seq: u32, options in 0u8..=10,
            cut in 1usize..100, place in 0usize..1000, bits in 1u8..,
        ) {
            let told = TooBig { mtu, src, dst, src_port, dst_port, seq: SeqNum::new(seq) };
            let packet = message(&told, options, mtu + 1);
            prop_assert!(packet.len() <= MOST_OF_TOO_BIG);
            prop_assert_eq!(TooBig::parse(&packet), Some(told));
            // One that fits, one that is cut short, and one of another kind say nothing.
            prop_assert_eq!(TooBig::parse(&message(&told, options, mtu)), None);
            prop_assert_eq!(TooBig::parse(&packet[..packet.len().saturating_sub(cut)]), None);
            let header = 20 + 4 * usize::from(options);
            for wrong in [0, header, header + 1, header + 8, header + 8 + 9] {
                let mut packet = packet.clone();
                packet[wrong] ^= bits & 0x0f | 0x10;
                prop_assert_eq!(TooBig::parse(&packet), None);
            }
            // Whatever comes is read without harm.
            let mut packet = packet;
            let place = place % packet.len();
            packet[place] ^= bits;
            let _ = TooBig::parse(&packet);
        }

        #[test]
        fn any_octets_are_read_without_harm(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = TooBig::parse(&octets);
        }
    }
}
