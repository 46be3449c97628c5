//! The mark that a router makes instead of losing a packet (RFC 3168 5).

use crate::device::Medium;

/// Not ECN-capable, in the two bits of the IP header (RFC 3168 5).
const NOT_ECT: u8 = 0;
/// Congestion experienced.
const CE: u8 = 3;

/// Marks the packet in the frame: congestion experienced. False, and nothing is changed, if it is no IP packet, or one whose ends
/// know nothing of such marks, or marked already.
pub(super) fn mark(frame: &mut [u8], medium: Medium) -> bool {
    let packet = match (medium, frame) {
        (Medium::Ip, packet) => packet,
        (Medium::Ethernet, [_, _, _, _, _, _, _, _, _, _, _, _, 0x08, 0x00, packet @ ..]) => packet,
        (Medium::Ethernet, [_, _, _, _, _, _, _, _, _, _, _, _, 0x86, 0xdd, packet @ ..]) => packet,
        (Medium::Ethernet, _) => return false,
    };
    match packet {
        [first, tos, _, _, _, _, _, _, _, _, high, low, ..] if *first >> 4 == 4 => {
            let Some(marked) = marked(*tos) else { return false };
            let old = u16::from_be_bytes([*first, *tos]);
            let new = u16::from_be_bytes([*first, marked]);
            [*high, *low] = adjusted(u16::from_be_bytes([*high, *low]), old, new).to_be_bytes();
            *tos = marked;
            true
        }
        // The traffic class lies across two octets, and there is no checksum.
        [first, second, ..] if *first >> 4 == 6 => {
            let Some(marked) = marked(*second >> 4) else { return false };
            *second = *second & 0x0f | marked << 4;
            true
        }
        _ => false,
    }
}

/// The octet with the mark in its two lowest bits, if it may have one and has not.
fn marked(octet: u8) -> Option<u8> {
    (!matches!(octet & CE, NOT_ECT | CE)).then_some(octet | CE)
}

/// The checksum of a header of which one word was changed (RFC 1624 3, equation 3).
fn adjusted(checksum: u16, old: u16, new: u16) -> u16 {
    let sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    let sum = (sum & 0xffff) + (sum >> 16);
    let [_, _, high, low] = ((sum & 0xffff) + (sum >> 16)).to_be_bytes();
    !u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checksum(header: &[u8]) -> u16 {
        let sum: u32 = header.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap()
    }

    fn ipv4(tos: u8, rest: [u8; 18]) -> Vec<u8> {
        let mut header = [&[0x45, tos][..], &rest].concat();
        header[10..12].fill(0);
        let sum = checksum(&header).to_be_bytes();
        header[10..12].copy_from_slice(&sum);
        header
    }

    proptest! {
        #[test]
        fn an_ipv4_header_is_as_one_that_was_built_with_the_mark(tos: u8, rest: [u8; 18]) {
            let mut packet = ipv4(tos, rest);
            let before = packet.clone();
            let done = mark(&mut packet, Medium::Ip);
            prop_assert_eq!(done, tos & 3 == 1 || tos & 3 == 2);
            if done {
                prop_assert_eq!(checksum(&packet), 0);
                prop_assert_eq!(&packet[..10], &ipv4(tos | 3, rest)[..10]);
                prop_assert_eq!(&packet[12..], &before[12..]);
            } else {
                prop_assert_eq!(packet, before);
            }
        }

        #[test]
        fn whatever_the_octets_are(mut frame in prop::collection::vec(any::<u8>(), 0..40)) {
            let length = frame.len();
            mark(&mut frame, Medium::Ethernet);
            mark(&mut frame, Medium::Ip);
            prop_assert_eq!(frame.len(), length);
        }
    }

    #[test]
    fn an_ipv6_packet_in_an_ethernet_frame() {
        let mut frame = [[0; 12].as_slice(), &[0x86, 0xdd, 0x60, 0x2f, 0xff, 0xff]].concat();
        assert!(mark(&mut frame, Medium::Ethernet));
        assert_eq!(frame[14..], [0x60, 0x3f, 0xff, 0xff]);
        assert!(!mark(&mut frame, Medium::Ethernet), "it has its mark");
    }

    #[test]
    fn arp_has_no_mark() {
        let mut frame = [[0; 12].as_slice(), &[0x08, 0x06, 0x45, 0x01], &[0; 30]].concat();
        assert!(!mark(&mut frame, Medium::Ethernet));
    }
}
