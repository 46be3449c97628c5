//! Frames as one line of text each, in the notation of tcpdump(8).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{
    ArpOperation, ArpPacketSlice, Icmpv4Slice, Icmpv4Type, Icmpv6Slice, Icmpv6Type, LaxNetSlice, LaxSlicedPacket,
    LinkSlice, TcpOptionElement, TcpSlice, TransportSlice, UdpSlice, icmpv4, icmpv6,
};
use lwip_host::device::Medium;

/// What a frame is of; for colours and filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Arp,
    Icmp,
    Udp,
    Tcp,
    Other,
}

/// A frame that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    pub kind: Kind,
    /// The line, without the time.
    pub text: String,
    /// Addresses in it: source and destination, or what ARP talks about.
    pub hosts: Vec<IpAddr>,
    /// Ports in it: source and destination.
    pub ports: Vec<u16>,
    /// Something in it cannot be right: a checksum or a length.
    pub malformed: bool,
}

/// One direction of a connection.
type Flow = (SocketAddr, SocketAddr);

/// Remembers where the sequence numbers of each connection start.
#[derive(Default)]
pub struct Decoder {
    starts: HashMap<Flow, u32>,
}

/// Flows to remember; beyond it all is forgotten and numbers are relative to what is seen next.
const FLOWS: usize = 100_000;

/// The addresses of a packet, which the checksums of TCP, UDP and ICMPv6 cover.
#[derive(Clone, Copy)]
struct Ends {
    from: IpAddr,
    to: IpAddr,
    /// Whether all of the packet is here, so that a checksum can be checked.
    whole: bool,
}

impl Decoder {
    /// Decodes one frame. Whatever its octets are, there is a line for it.
    pub fn decode(&mut self, medium: Medium, frame: &[u8]) -> Decoded {
        let sliced = match medium {
            Medium::Ethernet => LaxSlicedPacket::from_ethernet(frame).map_err(|error| error.to_string()),
            Medium::Ip => LaxSlicedPacket::from_ip(frame).map_err(|error| error.to_string()),
        };
        match sliced {
            Ok(packet) => self.packet(&packet, frame.len()),
            Err(error) => broken(&format!("malformed: {error}")),
        }
    }

    fn packet(&mut self, packet: &LaxSlicedPacket<'_>, length: usize) -> Decoded {
        let mut decoded = match &packet.net {
            Some(LaxNetSlice::Arp(arp)) => arp_line(arp),
            Some(LaxNetSlice::Ipv4(ip)) => {
                let header = ip.header();
                let payload = ip.payload();
                let ends = Ends {
                    from: header.source_addr().into(),
                    to: header.destination_addr().into(),
                    whole: !payload.incomplete && !payload.fragmented,
                };
                let mut decoded = self.transport("IP", ends, packet, payload.ip_number.0, payload.payload.len());
                if header.header_checksum() != header.to_header().calc_header_checksum() {
                    decoded.note("bad IP checksum");
                }
                if payload.fragmented {
                    let offset = header.fragments_offset().byte_offset();
                    let _ = write!(decoded.text, " (fragment at {offset})");
                }
                if payload.incomplete {
                    decoded.note("IP length beyond the frame");
                }
                decoded
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let header = ip.header();
                let payload = ip.payload();
                let ends = Ends {
                    from: header.source_addr().into(),
                    to: header.destination_addr().into(),
                    whole: !payload.incomplete && !payload.fragmented,
                };
                let mut decoded = self.transport("IP6", ends, packet, payload.ip_number.0, payload.payload.len());
                if payload.incomplete {
                    decoded.note("IP length beyond the frame");
                }
                decoded
            }
            None => other_line(packet, length),
        };
        if let Some((error, layer)) = &packet.stop_err {
            decoded.note(&format!("malformed {layer}: {error}"));
        }
        decoded
    }

    fn transport(
        &mut self,
        ip: &str,
        ends: Ends,
        packet: &LaxSlicedPacket<'_>,
        protocol: u8,
        length: usize,
    ) -> Decoded {
        let Ends { from, to, .. } = ends;
        let hosts = vec![from, to];
        let mut decoded =
            Decoded { kind: Kind::Other, text: String::new(), hosts, ports: Vec::new(), malformed: false };
        match &packet.transport {
            Some(TransportSlice::Tcp(tcp)) => self.tcp(&mut decoded, ip, ends, tcp),
            Some(TransportSlice::Udp(udp)) => udp_line(&mut decoded, ip, ends, udp),
            Some(TransportSlice::Icmpv4(icmp)) => icmpv4_line(&mut decoded, ends, icmp),
            Some(TransportSlice::Icmpv6(icmp)) => icmpv6_line(&mut decoded, ends, icmp),
            Some(TransportSlice::Igmp(_)) => decoded.text = format!("{ip} {from} > {to}: IGMP, length {length}"),
            None => decoded.text = format!("{ip} {from} > {to}: protocol {protocol}, length {length}"),
        }
        decoded
    }

    fn tcp(&mut self, decoded: &mut Decoded, ip: &str, ends: Ends, tcp: &TcpSlice<'_>) {
        let (source, destination) = (tcp.source_port(), tcp.destination_port());
        let flow = (SocketAddr::new(ends.from, source), SocketAddr::new(ends.to, destination));
        let sequence = tcp.sequence_number();
        if tcp.syn() {
            self.remember(flow, sequence);
        }
        let length = tcp.payload().len();
        let length32 = u32::try_from(length).unwrap_or(u32::MAX);
        decoded.kind = Kind::Tcp;
        decoded.ports = vec![source, destination];
        decoded.text = format!("{ip} {}.{source} > {}.{destination}: Flags [{}]", ends.from, ends.to, flags(tcp));
        let first = self.relative(flow, sequence, tcp.syn());
        if length > 0 {
            let _ = write!(decoded.text, ", seq {first}:{}", first.wrapping_add(length32));
        } else if tcp.syn() || tcp.fin() || tcp.rst() {
            let _ = write!(decoded.text, ", seq {first}");
        }
        if tcp.ack() {
            let acknowledged = self.relative((flow.1, flow.0), tcp.acknowledgment_number(), false);
            let _ = write!(decoded.text, ", ack {acknowledged}");
        }
        let _ = write!(decoded.text, ", win {}", tcp.window_size());
        if tcp.urg() {
            let _ = write!(decoded.text, ", urg {}", tcp.urgent_pointer());
        }
        self.tcp_options(decoded, flow, tcp);
        let _ = write!(decoded.text, ", length {length}");
        let checksum = match (ends.from, ends.to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => tcp.calc_checksum_ipv4(from.octets(), to.octets()),
            (IpAddr::V6(from), IpAddr::V6(to)) => tcp.calc_checksum_ipv6(from.octets(), to.octets()),
            _ => return,
        };
        if ends.whole && checksum.is_ok_and(|checksum| !agree(checksum, tcp.checksum())) {
            decoded.note("bad TCP checksum");
        }
    }

    fn remember(&mut self, flow: Flow, start: u32) {
        if self.starts.len() >= FLOWS {
            self.starts.clear();
        }
        self.starts.insert(flow, start);
    }

    /// A SYN's own number is shown as it is; what comes after it, from there on.
    fn relative(&mut self, flow: Flow, number: u32, absolute: bool) -> u32 {
        if absolute {
            return number;
        }
        match self.starts.get(&flow) {
            Some(start) => number.wrapping_sub(*start),
            // The beginning was missed: the first number seen is 1, as after a SYN.
            None => {
                self.remember(flow, number.wrapping_sub(1));
                1
            }
        }
    }

    fn tcp_options(&self, decoded: &mut Decoded, flow: Flow, tcp: &TcpSlice<'_>) {
        let mut options = Vec::new();
        for option in tcp.options_iterator() {
            match option {
                Ok(TcpOptionElement::Noop) => options.push("nop".to_owned()),
                Ok(TcpOptionElement::MaximumSegmentSize(mss)) => options.push(format!("mss {mss}")),
                Ok(TcpOptionElement::WindowScale(shift)) => options.push(format!("wscale {shift}")),
                Ok(TcpOptionElement::SelectiveAcknowledgementPermitted) => options.push("sackOK".to_owned()),
                Ok(TcpOptionElement::SelectiveAcknowledgement(first, more)) => {
                    // The blocks are of the other direction's numbers.
                    let start = self.starts.get(&(flow.1, flow.0)).copied().unwrap_or(0);
                    let blocks: Vec<_> = std::iter::once(first)
                        .chain(more.into_iter().flatten())
                        .map(|(left, right)| format!("{{{}:{}}}", left.wrapping_sub(start), right.wrapping_sub(start)))
                        .collect();
                    options.push(format!("sack {} {}", blocks.len(), blocks.concat()));
                }
                Ok(TcpOptionElement::Timestamp(value, echo)) => options.push(format!("TS val {value} ecr {echo}")),
                Err(error) => {
                    options.push(format!("? ({error})"));
                    break;
                }
            }
        }
        if !options.is_empty() {
            let _ = write!(decoded.text, ", options [{}]", options.join(","));
        }
    }
}

impl Decoded {
    fn note(&mut self, what: &str) {
        self.malformed = true;
        let _ = write!(self.text, " ({what})");
    }
}

fn broken(text: &str) -> Decoded {
    Decoded { kind: Kind::Other, text: text.to_owned(), hosts: Vec::new(), ports: Vec::new(), malformed: true }
}

/// As tcpdump writes them: S, F, R, P, U, E, W, e, and a dot for ACK.
fn flags(tcp: &TcpSlice<'_>) -> String {
    let letters = [
        (tcp.fin(), 'F'),
        (tcp.syn(), 'S'),
        (tcp.rst(), 'R'),
        (tcp.psh(), 'P'),
        (tcp.urg(), 'U'),
        (tcp.ece(), 'E'),
        (tcp.cwr(), 'W'),
        (tcp.ns(), 'e'),
        (tcp.ack(), '.'),
    ];
    let set: String = letters.into_iter().filter_map(|(set, letter)| set.then_some(letter)).collect();
    if set.is_empty() { "none".to_owned() } else { set }
}

fn mac(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":")
}

fn arp_line(arp: &ArpPacketSlice<'_>) -> Decoded {
    let address = |octets: &[u8]| <[u8; 4]>::try_from(octets).ok().map(|octets| IpAddr::from(Ipv4Addr::from(octets)));
    let name = |octets: &[u8]| address(octets).map_or_else(|| mac(octets), |address| address.to_string());
    let (sender, target) = (arp.sender_protocol_addr(), arp.target_protocol_addr());
    let text = match arp.operation() {
        ArpOperation::REQUEST => format!("ARP, who has {}? Tell {}", name(target), name(sender)),
        ArpOperation::REPLY => format!("ARP, {} is at {}", name(sender), mac(arp.sender_hw_addr())),
        other => format!("ARP, operation {}, {} > {}", other.0, name(sender), name(target)),
    };
    let hosts = [sender, target].into_iter().filter_map(address).collect();
    Decoded { kind: Kind::Arp, text, hosts, ports: Vec::new(), malformed: false }
}

fn other_line(packet: &LaxSlicedPacket<'_>, length: usize) -> Decoded {
    let text = match &packet.link {
        Some(LinkSlice::Ethernet2(header)) => format!(
            "{} > {}, ethertype {:#06x}, length {length}",
            mac(&header.source()),
            mac(&header.destination()),
            header.ether_type().0
        ),
        _ => format!("unknown, length {length}"),
    };
    Decoded { kind: Kind::Other, text, hosts: Vec::new(), ports: Vec::new(), malformed: false }
}

/// Zero has two forms in one's complement (RFC 1071 1): a receiver that adds up all octets takes either.
fn agree(computed: u16, found: u16) -> bool {
    let one_form = |sum| if sum == 0xffff { 0 } else { sum };
    one_form(computed) == one_form(found)
}

fn udp_line(decoded: &mut Decoded, ip: &str, ends: Ends, udp: &UdpSlice<'_>) {
    let (source, destination) = (udp.source_port(), udp.destination_port());
    decoded.kind = Kind::Udp;
    decoded.ports = vec![source, destination];
    decoded.text =
        format!("{ip} {}.{source} > {}.{destination}: UDP, length {}", ends.from, ends.to, udp.payload().len());
    let header = udp.to_header();
    let checksum = match (ends.from, ends.to) {
        // RFC 768: none was computed.
        (IpAddr::V4(_), _) if udp.checksum() == 0 => return,
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            header.calc_checksum_ipv4_raw(from.octets(), to.octets(), udp.payload()).ok()
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            header.calc_checksum_ipv6_raw(from.octets(), to.octets(), udp.payload()).ok()
        }
        _ => None,
    };
    if ends.whole && checksum.is_some_and(|checksum| !agree(checksum, udp.checksum())) {
        decoded.note("bad UDP checksum");
    }
}

fn icmpv4_line(decoded: &mut Decoded, ends: Ends, icmp: &Icmpv4Slice<'_>) {
    let what = match icmp.icmp_type() {
        Icmpv4Type::EchoRequest(echo) => format!("echo request, id {}, seq {}", echo.id, echo.seq),
        Icmpv4Type::EchoReply(echo) => format!("echo reply, id {}, seq {}", echo.id, echo.seq),
        Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::FragmentationNeeded { next_hop_mtu }) => {
            format!("unreachable: fragmentation needed, MTU {next_hop_mtu}")
        }
        Icmpv4Type::DestinationUnreachable(code) => format!("unreachable: {code:?}").to_lowercase(),
        Icmpv4Type::TimeExceeded(code) => format!("time exceeded: {code:?}").to_lowercase(),
        _ => format!("type {}, code {}", icmp.type_u8(), icmp.code_u8()),
    };
    decoded.kind = Kind::Icmp;
    decoded.text = format!("IP {} > {}: ICMP {what}, length {}", ends.from, ends.to, icmp.slice().len());
    if ends.whole && !agree(icmp.icmp_type().calc_checksum(icmp.payload()), icmp.checksum()) {
        decoded.note("bad ICMP checksum");
    }
}

fn icmpv6_line(decoded: &mut Decoded, ends: Ends, icmp: &Icmpv6Slice<'_>) {
    /// Where the address that is asked for begins in a neighbour message (RFC 4861 4.3).
    const TARGET: usize = 8;
    let target = || {
        let octets = icmp.slice().get(TARGET..TARGET + 16).and_then(|octets| <[u8; 16]>::try_from(octets).ok());
        octets.map_or_else(|| "?".to_owned(), |octets| Ipv6Addr::from(octets).to_string())
    };
    let what = match (icmp.icmp_type(), icmp.type_u8()) {
        (Icmpv6Type::EchoRequest(echo), _) => format!("echo request, id {}, seq {}", echo.id, echo.seq),
        (Icmpv6Type::EchoReply(echo), _) => format!("echo reply, id {}, seq {}", echo.id, echo.seq),
        (Icmpv6Type::PacketTooBig { mtu }, _) => format!("packet too big, MTU {mtu}"),
        (Icmpv6Type::DestinationUnreachable(code), _) => format!("unreachable: {code:?}").to_lowercase(),
        (_, icmpv6::TYPE_NEIGHBOR_SOLICITATION) => format!("neighbour solicitation, who has {}", target()),
        (_, icmpv6::TYPE_NEIGHBOR_ADVERTISEMENT) => format!("neighbour advertisement, it is {}", target()),
        (_, icmpv6::TYPE_ROUTER_SOLICITATION) => "router solicitation".to_owned(),
        (_, icmpv6::TYPE_ROUTER_ADVERTISEMENT) => "router advertisement".to_owned(),
        (_, 131) => "multicast listener report".to_owned(),
        (_, 143) => "multicast listener report, version 2".to_owned(),
        (_, kind) => format!("type {kind}, code {}", icmp.code_u8()),
    };
    decoded.kind = Kind::Icmp;
    decoded.text = format!("IP6 {} > {}: ICMP6, {what}, length {}", ends.from, ends.to, icmp.slice().len());
    if let (true, IpAddr::V6(from), IpAddr::V6(to)) = (ends.whole, ends.from, ends.to)
        && !icmp.is_checksum_valid(from.octets(), to.octets())
    {
        decoded.note("bad ICMP checksum");
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{IpNumber, Ipv4Header, PacketBuilder, TcpOptionElement as Tcp};
    use proptest::prelude::*;

    use super::*;

    const A: [u8; 4] = [192, 0, 2, 1];
    const B: [u8; 4] = [192, 0, 2, 2];

    /// A segment from A's port 1000 to B's port 80, or back.
    fn segment(forth: bool, sequence: u32, acknowledgment: Option<u32>, flag: char, data: &[u8]) -> Vec<u8> {
        let (from, to, ports) = if forth { (A, B, (1000, 80)) } else { (B, A, (80, 1000)) };
        let mut builder = PacketBuilder::ipv4(from, to, 64).tcp(ports.0, ports.1, sequence, 1024);
        if let Some(number) = acknowledgment {
            builder = builder.ack(number);
        }
        builder = match flag {
            'S' => builder.syn().options(&[Tcp::MaximumSegmentSize(1460), Tcp::WindowScale(7)]).unwrap(),
            'F' => builder.fin(),
            _ => builder,
        };
        let mut frame = Vec::new();
        builder.write(&mut frame, data).unwrap();
        frame
    }

    #[test]
    fn sequence_numbers_are_relative_to_the_syn() {
        let mut decoder = Decoder::default();
        let mut line = |frame: Vec<u8>| {
            let decoded = decoder.decode(Medium::Ip, &frame);
            assert!(!decoded.malformed, "{}", decoded.text);
            decoded.text
        };
        let opening = "IP 192.0.2.1.1000 > 192.0.2.2.80: Flags [S], seq 4294967295, win 1024, options [mss 1460,wscale 7], length 0";
        assert_eq!(line(segment(true, u32::MAX, None, 'S', b"")), opening);
        assert!(line(segment(false, 500, Some(0), 'S', b"")).contains("Flags [S.], seq 500, ack 1, win"));
        assert!(
            line(segment(true, 0, Some(501), '.', b"hello")).contains("Flags [.], seq 1:6, ack 1, win 1024, length 5")
        );
        assert!(line(segment(false, 501, Some(5), 'F', b"")).contains("Flags [F.], seq 1, ack 6, win"));
    }

    #[test]
    fn a_connection_whose_beginning_was_missed_starts_at_one() {
        let mut decoder = Decoder::default();
        let text = decoder.decode(Medium::Ip, &segment(true, 7000, Some(900), '.', b"ab")).text;
        assert!(text.contains("seq 1:3, ack 1,"), "{text}");
    }

    #[test]
    fn a_changed_octet_is_seen() {
        let mut frame = segment(true, 0, Some(501), '.', b"hello");
        *frame.last_mut().unwrap() ^= 1;
        let decoded = Decoder::default().decode(Medium::Ip, &frame);
        assert!(decoded.malformed && decoded.text.ends_with("(bad TCP checksum)"), "{}", decoded.text);
    }

    #[test]
    fn zero_is_a_checksum_in_either_form() {
        const FIELD: std::ops::Range<usize> = 36..38;
        let zero = |frame: &Vec<u8>| frame[FIELD] == [0, 0];
        let mut frame = (0..=0xffff).map(|number| segment(true, number, Some(501), '.', b"")).find(zero).unwrap();
        assert!(!Decoder::default().decode(Medium::Ip, &frame).malformed);
        frame[FIELD].fill(0xff);
        assert!(!Decoder::default().decode(Medium::Ip, &frame).malformed);
        frame[FIELD].fill(0xfe);
        assert!(Decoder::default().decode(Medium::Ip, &frame).malformed);
    }

    #[test]
    fn arp_and_ping_are_told() {
        let mut decoder = Decoder::default();
        let mut arp = vec![0xff; 6];
        arp.extend([2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1]);
        arp.extend(A);
        arp.extend([0; 6]);
        arp.extend(B);
        let decoded = decoder.decode(Medium::Ethernet, &arp);
        assert_eq!(decoded.text, "ARP, who has 192.0.2.2? Tell 192.0.2.1");
        assert_eq!(decoded.hosts, [IpAddr::from(A), IpAddr::from(B)]);

        let mut ping = Vec::new();
        PacketBuilder::ipv4(A, B, 64).icmpv4_echo_request(7, 2).write(&mut ping, &[0; 8]).unwrap();
        let decoded = decoder.decode(Medium::Ip, &ping);
        assert_eq!(decoded.text, "IP 192.0.2.1 > 192.0.2.2: ICMP echo request, id 7, seq 2, length 16");
    }

    #[test]
    fn another_protocol_has_a_line_too() {
        let mut frame = Vec::new();
        Ipv4Header::new(3, 64, IpNumber(200), A, B).unwrap().write(&mut frame).unwrap();
        frame.extend(b"abc");
        let decoded = Decoder::default().decode(Medium::Ip, &frame);
        assert_eq!(
            (decoded.text.as_str(), decoded.kind),
            ("IP 192.0.2.1 > 192.0.2.2: protocol 200, length 3", Kind::Other)
        );
    }

    proptest! {
        #[test]
        fn any_octets_have_a_line(octets in prop::collection::vec(any::<u8>(), 0..200), start in prop::sample::select(vec![
            vec![], vec![0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6], vec![0x60, 0, 0, 0, 0, 40, 6, 64], vec![0x45, 0, 0, 60, 0, 0, 0, 0, 64, 1],
        ])) {
            let frame = [start, octets].concat();
            for medium in [Medium::Ip, Medium::Ethernet] {
                prop_assert!(!Decoder::default().decode(medium, &frame).text.is_empty());
            }
        }

        /// Whatever is changed in a packet, the decoder does not fail on it, and tells the same ends as long as they were spared.
        #[test]
        fn a_damaged_segment_has_a_line(place in 20_usize..60, change in 1_u8..) {
            let mut frame = segment(true, 1, Some(2), 'S', b"0123456789abcdef");
            let place = place.min(frame.len() - 1);
            frame[place] ^= change;
            let decoded = Decoder::default().decode(Medium::Ip, &frame);
            prop_assert_eq!(decoded.hosts, vec![IpAddr::from(A), IpAddr::from(B)]);
        }
    }
}
