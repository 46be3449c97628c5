//! The send queues against a model of what was written, sent and acknowledged.

use super::*;
use crate::ffi::config;
use crate::pcb::tests::{app_data, data_of, hold};
use crate::segmentation::{self, WriteFlags};
use crate::wire::Flags;

#[derive(Clone, Copy, Debug)]
enum Step {
    Write {
        octets: u16,
        copy: bool,
        more: bool,
    },
    /// The window lets so many segments out; the driver holds on to them, or not.
    Send {
        segments: u8,
        held: bool,
    },
    /// The driver does not take one.
    SendFails,
    /// The driver has sent what it held.
    Release,
    Split(u16),
    Ack(u16),
    DuplicateAcks(u8),
    RetransmitFirst,
    Timeout,
    Fin,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u16..700, any::<bool>(), any::<bool>()).prop_map(|(octets, copy, more)| Step::Write { octets, copy, more }),
        6 => (1u8..5, prop::bool::weighted(0.1)).prop_map(|(segments, held)| Step::Send { segments, held }),
        1 => Just(Step::SendFails),
        2 => Just(Step::Release),
        1 => (0u16..300).prop_map(Step::Split),
        5 => any::<u16>().prop_map(Step::Ack),
        2 => (1u8..6).prop_map(Step::DuplicateAcks),
        1 => Just(Step::RetransmitFirst),
        1 => Just(Step::Timeout),
        1 => prop::bool::weighted(0.2).prop_map(|fin| if fin { Step::Fin } else { Step::Release }),
    ]
}

/// What the sender should know; numbers are counted from the first octet.
#[derive(Default)]
struct Model {
    written: u32,
    fin: bool,
    /// SND.NXT
    sent: u32,
    acked: u32,
    held: Vec<Pbuf>,
}

impl Model {
    fn end(&self) -> u32 {
        self.written + u32::from(self.fin)
    }

    /// Both queues together are the stream from what is not acknowledged on, each in order, and every count agrees.
    fn check(&self, pcb: Pcb<'_>, first: SeqNum) -> Result<(), TestCaseError> {
        let mut rod = own(pcb);
        let (unsent, unacked) = rod.unsent_and_unacked();
        let (mut pbufs, mut octets, mut pieces) = (0, 0, Vec::new());
        for queue in [&unsent, &unacked] {
            let mut last: Option<SeqNum> = None;
            for seg in queue.iter() {
                prop_assert!(last.is_none_or(|end| end.le(seg.seq())), "out of order, or overlapping");
                last = Some(seg.end());
                pbufs += u32::from(seg.clen());
                octets += u32::from(seg.len());
                self.check_data(seg, first)?;
                pieces.push((seg.seq() - first, seg.end() - first));
            }
            // The end of the queue is known without a walk.
            prop_assert_eq!(queue.back().map(|seg| seg.end()), last);
            prop_assert_eq!(queue.is_empty(), last.is_none());
            prop_assert_eq!(queue.is_single(), queue.iter().count() == 1);
        }
        prop_assert_eq!(u32::from(pcb.snd_queuelen()), pbufs);
        prop_assert_eq!(u32::from(pcb.snd_buf()) + octets, config::TCP_SND_BUF);
        // A FIN counts in snd_lbb only if it has a segment of its own; nothing is queued behind it in either case.
        prop_assert!(pcb.snd_lbb() == first + self.end() || (self.fin && pcb.snd_lbb() == first + self.written));
        prop_assert_eq!(pcb.snd_nxt(), first + self.sent);
        prop_assert_eq!(pcb.lastack(), first + self.acked);
        pieces.sort_unstable();
        let mut next = pieces.first().map_or(self.end(), |piece| piece.0);
        prop_assert!(next <= self.acked || self.acked == self.end());
        for (start, end) in pieces {
            prop_assert_eq!(start, next, "a hole between segments, or an overlap");
            prop_assert!(end > self.acked, "a segment that is acknowledged");
            next = end;
        }
        prop_assert_eq!(next, self.end());
        #[cfg(tcp_oversize)]
        prop_assert!(!pcb.unsent_is_empty() || pcb.unsent_oversize() == 0);
        Ok(())
    }

    fn check_data(&self, seg: crate::pcb::Seg<'_>, first: SeqNum) -> Result<(), TestCaseError> {
        let start = (seg.seq() - first) as usize;
        let data = data_of(seg);
        prop_assert_eq!(&data, &stream()[start..][..data.len()]);
        prop_assert!(seg.seq_len() > 0 && seg.len() <= MSS);
        let at_end = seg.end() - first == self.end();
        prop_assert_eq!(seg.flags().has(Flags::FIN), at_end && self.fin);
        prop_assert!(!seg.flags().has(Flags::SYN | Flags::RST));
        #[cfg(tcp_checksum_on_copy)]
        prop_assert_eq!(seg.checksum_of_data().in_order(), sum(&data));
        Ok(())
    }
}

/// RFC 1071, in memory order as lwIP keeps it.
#[cfg(tcp_checksum_on_copy)]
fn sum(data: &[u8]) -> u16 {
    let mut total = 0u32;
    for pair in data.chunks(2) {
        total += u32::from(u16::from_ne_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

const MSS: u16 = 200;

fn write(pcb: Pcb<'_>, model: &mut Model, octets: u16, flags: WriteFlags) -> Result<(), TestCaseError> {
    let octets = octets.min((0x8000 - model.written.min(0x8000)) as u16);
    if model.fin || octets == 0 {
        return Ok(());
    }
    let data = app_data(&stream()[model.written as usize..][..usize::from(octets)]);
    let room = u32::from(octets) <= u32::from(pcb.snd_buf());
    if segmentation::write(pcb, data, flags).is_ok() {
        prop_assert!(room);
        model.written += u32::from(octets);
        prop_assert!(own(pcb).unsent().back().is_some_and(|last| flags.more() || last.flags().has(Flags::PSH)));
    } else {
        prop_assert!(pcb.has(Bit::MEMORY_ERROR));
        set_memory_error(pcb, false);
    }
    Ok(())
}

/// As output does it.
fn send(pcb: Pcb<'_>, model: &mut Model, first: SeqNum, held: bool) {
    let Some(seg) = take_front(pcb) else { return };
    seg.seg().add_flags(Flags::ACK);
    if !seg.seg().is_busy() {
        on_timing(pcb, seg.seg().seq(), 1, true);
        if held {
            model.held.push(hold(seg.seg()));
        }
    }
    model.sent = model.sent.max(seg.seg().end() - first);
    on_segment_sent(pcb, seg);
}

fn ack(pcb: Pcb<'_>, model: &mut Model, first: SeqNum, to: u32) -> Result<(), TestCaseError> {
    let before = u32::from(pcb.snd_buf());
    let new = on_new_ack(pcb, first + to);
    flow_control::on_send_buffer_freed(pcb, new.freed);
    prop_assert_eq!(u32::from(pcb.snd_buf()), before + u32::from(new.freed));
    prop_assert_eq!(u32::from(new.acked), to - model.acked);
    model.acked = to;
    // RFC 6298 5.2 and 5.3.
    prop_assert_eq!(pcb.rtime(), if pcb.unacked_is_empty() { -1 } else { 0 });
    // RFC 6582 3.2, step 3: recovery ends when all that was in flight as it began is acknowledged.
    let covers = pcb.recover().le(first + to);
    prop_assert!(!covers || !is_in_recovery(pcb));
    match new.recovery {
        Recovery::Partial => {
            prop_assert!(is_in_recovery(pcb) && !covers);
            retransmit_first(pcb).ok();
        }
        Recovery::Over => prop_assert!(!is_in_recovery(pcb) && covers),
        Recovery::None => prop_assert!(!is_in_recovery(pcb)),
    }
    Ok(())
}

fn duplicate_acks(pcb: Pcb<'_>, count: u8) -> Result<(), TestCaseError> {
    for _ in 0..count {
        let flight = first_unacked(pcb);
        let (was_in_recovery, held_back) = (is_in_recovery(pcb), pcb.recovering() != 0);
        if on_duplicate_ack(pcb) < 3 {
            continue;
        }
        let started = fast_retransmit(pcb) == FastRetransmit::Started;
        // RFC 6582 3.2, step 2: not while another is under way, not for what was sent before the last.
        prop_assert!(!started || (!was_in_recovery && !held_back));
        if started {
            prop_assert!(is_in_recovery(pcb) && pcb.recover() == pcb.snd_nxt());
            // It goes out next, unless what comes before waits to be sent again already.
            prop_assert!(front(pcb).is_some_and(|front| flight.is_some_and(|seq| front.seq.le(seq))));
        }
    }
    Ok(())
}

fn first_unacked(pcb: Pcb<'_>) -> Option<SeqNum> {
    own(pcb).unacked().front().map(|seg| seg.seq())
}

fn timeout(pcb: Pcb<'_>) -> Result<(), TestCaseError> {
    let busy = own(pcb).unacked().iter().any(|seg| seg.is_busy());
    let in_flight = !pcb.unacked_is_empty();
    let resent = retransmit_all(pcb).is_ok();
    prop_assert_eq!(resent, in_flight && !busy);
    if resent {
        prop_assert!(pcb.unacked_is_empty() && !is_in_recovery(pcb));
        prop_assert!(pcb.has(Bit::RTO) && pcb.rttest() == 0);
        on_timeout(pcb);
        on_resent(pcb);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever is written, sent, acknowledged, split, sent again and refused by the driver, in whatever order: the queues
    /// are the stream, and the counts agree.
    #[test]
    fn the_queues_are_the_stream(first: u32, steps in proptest::collection::vec(step(), 1..150)) {
        let mut bench = bench();
        let first = SeqNum::new(first);
        let id = connected(&mut bench, MSS, SeqNum::new(0), first);
        let pcb = bench.core.get(id).expect("it lives");
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Write { octets, copy, more } => write(pcb, &mut model, octets, WriteFlags::new(copy, more))?,
                Step::Send { segments, held } => (0..segments).for_each(|_| send(pcb, &mut model, first, held)),
                Step::SendFails => {
                    if let Some(seg) = take_front(pcb) {
                        back_to_unsent(pcb, seg);
                    }
                }
                Step::Release => model.held.clear(),
                Step::Split(len) => {
                    // In the middle of what is acknowledged nobody splits.
                    if front(pcb).is_some_and(|front| pcb.lastack().le(front.seq)) {
                        let _ = segmentation::split_front(pcb, len);
                    }
                }
                Step::Ack(part) if model.sent > model.acked => {
                    let to = model.acked + 1 + u32::from(part) % (model.sent - model.acked);
                    ack(pcb, &mut model, first, to)?;
                }
                Step::DuplicateAcks(count) if model.sent > model.acked => duplicate_acks(pcb, count)?,
                Step::RetransmitFirst => drop(retransmit_first(pcb).ok()),
                Step::Timeout => timeout(pcb)?,
                Step::Fin if !model.fin => model.fin = segmentation::send_fin(pcb).is_ok(),
                Step::Ack(_) | Step::DuplicateAcks(_) | Step::Fin => {}
            }
            model.check(pcb, first)?;
        }
        // All of it goes out and is acknowledged in the end.
        model.held.clear();
        while !pcb.unsent_is_empty() {
            send(pcb, &mut model, first, false);
        }
        if model.sent > model.acked {
            let to = model.sent;
            ack(pcb, &mut model, first, to)?;
        }
        model.check(pcb, first)?;
        prop_assert!(pcb.unacked_is_empty() && pcb.snd_queuelen() == 0);
        prop_assert_eq!(u32::from(pcb.snd_buf()), config::TCP_SND_BUF);
        prop_assert!(!pcb.has(Bit::RTO));
        bench.finish(id);
    }

    /// RFC 9293 3.8.6.2.1: no segment is larger than half of the largest window that the peer has offered, nor than the
    /// MSS, and none is empty.
    #[test]
    fn segments_fit_the_peers_window(mss in 64u16..=1460, window in 0u16..3000, octets in 1u16..1500, copy: bool) {
        let mut bench = bench();
        let id = bench.new_pcb();
        let pcb = bench.core.get(id).expect("it lives");
        cm::limit_mss(pcb, mss);
        on_syn_in_listen(pcb, SeqNum::new(0), SeqNum::new(0));
        flow_control::on_syn_in_listen(pcb, SeqNum::new(0));
        flow_control::on_syn(pcb, SeqNum::new(0), window);
        cm::enter(pcb, State::Established);
        let data = app_data(&stream()[..usize::from(octets)]);
        let half = window / 2;
        let limit = if half == 0 { mss } else { mss.min(half) };
        if segmentation::write(pcb, data, WriteFlags::new(copy, false)).is_ok() {
            let mut rod = own(pcb);
            let queue = rod.unsent();
            prop_assert!(queue.iter().all(|seg| (1..=limit).contains(&seg.len())));
            let total: u32 = queue.iter().map(|seg| u32::from(seg.len())).sum();
            prop_assert_eq!(total, u32::from(octets));
        }
        bench.finish(id);
    }
}

/// A write that does not fit, in octets or pbufs or memory, has no effect at all.
#[test]
fn a_write_that_fails_has_no_effect() {
    let mut bench = bench();
    let id = connected(&mut bench, 64, SeqNum::new(0), SeqNum::new(0));
    let pcb = bench.core.get(id).expect("it lives");
    let mut written = 0usize;
    let mut failures = 0;
    for round in 0..200usize {
        let octets = 1 + (round * 37) % 300;
        let Some(piece) = stream().get(written..written + octets) else { break };
        let before = (pcb.snd_lbb(), pcb.snd_buf(), pcb.snd_queuelen(), bench.memory.used());
        let flags = WriteFlags::new(round % 3 != 0, round % 2 == 0);
        if segmentation::write(pcb, app_data(piece), flags).is_ok() {
            written += octets;
        } else {
            failures += 1;
            assert_eq!((pcb.snd_lbb(), pcb.snd_buf(), pcb.snd_queuelen(), bench.memory.used()), before);
        }
    }
    assert!(failures > 0 && written > 0);
    bench.finish(id);
}

/// RFC 9293 3.10.7.3: the SYN,ACK takes the SYN out, and the timer stops with nothing in flight.
#[test]
fn the_acknowledged_syn_leaves_the_queue() {
    let mut bench = bench();
    let id = bench.new_pcb();
    let pcb = bench.core.get(id).expect("it lives");
    let iss = SeqNum::new(u32::MAX);
    super::on_connect(pcb, iss);
    cm::enter(pcb, State::SynSent);
    segmentation::enqueue_flags(pcb, Flags::SYN).expect("memory");
    let mut model = Model::default();
    send(pcb, &mut model, pcb.snd_lbb() - 1, false);
    assert!(!pcb.unacked_is_empty() && pcb.snd_queuelen() == 1);
    on_syn_in_syn_sent(pcb, SeqNum::new(77), Some(pcb.snd_nxt()));
    assert!(pcb.unacked_is_empty() && pcb.snd_queuelen() == 0);
    assert_eq!((pcb.rtime(), pcb.rcv_nxt(), pcb.lastack()), (-1, SeqNum::new(78), pcb.snd_nxt()));
    bench.finish(id);
}
