//! The segments of one connection, as its recording has them.

use etherparse::{NetSlice, SlicedPacket, TcpOptionElement, TransportSlice};
use lwip_host::netns::{STACK_V4, STACK_V6};
use pcap_file::pcapng::{Block, PcapNgReader};

/// The two bits of the IP header (RFC 3168 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecn {
    NotEct,
    Ect1,
    Ect0,
    Ce,
}

/// A segment. Sequence numbers count from the first octet of data of their direction, and an acknowledgment number is the
/// other direction's.
#[derive(Clone, Debug)]
pub struct Segment {
    /// By us; else by the kernel.
    pub ours: bool,
    pub start: u32,
    /// Behind the last octet of data.
    pub end: u32,
    pub ack: u32,
    pub syn: bool,
    pub rst: bool,
    pub ece: bool,
    pub cwr: bool,
    pub ecn: Ecn,
    pub sack_permitted: bool,
    pub window_scale: Option<u8>,
    /// Own time, and the peer's.
    pub timestamps: Option<(u32, u32)>,
    pub sack: Vec<Range>,
}

/// From, and behind the last.
pub type Range = (u32, u32);

impl Segment {
    pub fn has_data(&self) -> bool {
        self.start != self.end && !self.syn
    }

    /// The block of a D-SACK: the first one, if it lies below the acknowledgment number or in the second (RFC 2883 4).
    pub fn d_sack(&self) -> Option<Range> {
        let first = *self.sack.first()?;
        let in_second = self.sack.get(1).is_some_and(|second| second.0 <= first.0 && first.1 <= second.1);
        (below(first.1, self.ack) || in_second).then_some(first)
    }

    /// What is there beyond the acknowledgment number.
    pub fn islands(&self) -> &[Range] {
        let skipped = usize::from(self.d_sack().is_some());
        self.sack.get(skipped..).unwrap_or_default()
    }
}

/// `a` is `b` or before it (RFC 9293 3.4).
fn below(a: u32, b: u32) -> bool {
    b.wrapping_sub(a) < 1 << 31
}

pub struct Trace(pub Vec<Segment>);

impl Trace {
    pub fn read(octets: &[u8]) -> Self {
        let mut reader = PcapNgReader::new(octets).expect("a recording");
        let mut segments = Vec::new();
        while let Some(block) = reader.next_block() {
            if let Block::EnhancedPacket(packet) = block.expect("a whole block") {
                segments.extend(segment(&packet.data));
            }
        }
        let first = |ours| {
            let syn = segments.iter().find(|segment: &&Segment| segment.syn && segment.ours == ours);
            syn.expect("there is a handshake").start.wrapping_add(1)
        };
        let (ours, kernels) = (first(true), first(false));
        for segment in &mut segments {
            let (own, others) = if segment.ours { (ours, kernels) } else { (kernels, ours) };
            segment.start = segment.start.wrapping_sub(own);
            segment.end = segment.end.wrapping_sub(own);
            segment.ack = segment.ack.wrapping_sub(others);
            for block in &mut segment.sack {
                *block = (block.0.wrapping_sub(others), block.1.wrapping_sub(others));
            }
        }
        Self(segments)
    }
}

fn segment(frame: &[u8]) -> Option<Segment> {
    let packet = SlicedPacket::from_ethernet(frame).expect("well-formed");
    let Some(TransportSlice::Tcp(tcp)) = packet.transport else { return None };
    let (ours, ecn, sum) = match packet.net? {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum(), "IP checksum");
            let (source, destination) = (header.source_addr(), header.destination_addr());
            let sum = tcp.calc_checksum_ipv4(source.octets(), destination.octets());
            (source == STACK_V4.0, header.ecn().value(), sum)
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            let (source, destination) = (header.source_addr(), header.destination_addr());
            let sum = tcp.calc_checksum_ipv6(source.octets(), destination.octets());
            // RFC 3168 5: the last two bits of the traffic class.
            (source == STACK_V6.0, header.traffic_class() & 3, sum)
        }
        NetSlice::Arp(_) => return None,
    };
    // In ones' complement zero has two forms, and a receiver takes either (RFC 1071).
    let sum = sum.expect("a frame is short");
    assert_eq!(sum % 0xffff, tcp.checksum() % 0xffff, "TCP checksum");
    let start = tcp.sequence_number();
    let mut segment = Segment {
        ours,
        start,
        end: start.wrapping_add(u32::try_from(tcp.payload().len()).expect("a frame is short")),
        ack: tcp.acknowledgment_number(),
        syn: tcp.syn(),
        rst: tcp.rst(),
        ece: tcp.ece(),
        cwr: tcp.cwr(),
        ecn: match ecn {
            0 => Ecn::NotEct,
            1 => Ecn::Ect1,
            2 => Ecn::Ect0,
            _ => Ecn::Ce,
        },
        sack_permitted: false,
        window_scale: None,
        timestamps: None,
        sack: Vec::new(),
    };
    for option in tcp.options_iterator() {
        match option.expect("a well-formed option") {
            TcpOptionElement::SelectiveAcknowledgementPermitted => segment.sack_permitted = true,
            TcpOptionElement::WindowScale(shift) => segment.window_scale = Some(shift),
            TcpOptionElement::Timestamp(own, echoed) => segment.timestamps = Some((own, echoed)),
            TcpOptionElement::SelectiveAcknowledgement(first, more) => {
                segment.sack = std::iter::once(first).chain(more.into_iter().flatten()).collect();
            }
            TcpOptionElement::Noop | TcpOptionElement::MaximumSegmentSize(_) => {}
        }
    }
    Some(segment)
}

/// Octets, as ranges that do not touch.
#[derive(Default)]
pub struct Octets(Vec<Range>);

impl Octets {
    pub fn insert(&mut self, (mut start, mut end): Range) {
        self.0.retain(|range| {
            let apart = range.1 < start || end < range.0;
            if !apart {
                (start, end) = (start.min(range.0), end.max(range.1));
            }
            apart
        });
        self.0.push((start, end));
    }

    pub fn has_all(&self, (start, end): Range) -> bool {
        self.0.iter().any(|range| range.0 <= start && end <= range.1)
    }

    pub fn has_any(&self, (start, end): Range) -> bool {
        self.0.iter().any(|range| range.0 < end && start < range.1)
    }

    /// The range that has that octet.
    pub fn around(&self, octet: u32) -> Option<Range> {
        self.0.iter().copied().find(|range| range.0 <= octet && octet < range.1)
    }

    /// How many there are from the first one without a gap.
    pub fn in_order(&self) -> u32 {
        self.around(0).map_or(0, |range| range.1)
    }
}
