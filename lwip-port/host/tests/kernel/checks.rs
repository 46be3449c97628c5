//! What the recordings have to show.

use crate::Transfer;
use crate::trace::{Ecn, Octets, Range, Segment, Trace};

/// Both ends offer selective acknowledgments, timestamps, window scaling and ECN, and use what both have offered.
pub fn handshake(trace: &Trace) {
    let active = trace.0[0].ours;
    // One that is sent again asks for less.
    for ours in [true, false] {
        let syn = trace.0.iter().find(|segment| segment.syn && segment.ours == ours).expect("both have sent one");
        assert!(syn.sack_permitted && syn.timestamps.is_some() && syn.window_scale.is_some(), "{syn:?}");
        // RFC 3168 6.1.1: who asks sets both, who agrees sets ECE alone.
        assert!(syn.ece, "{syn:?}");
        assert_eq!(syn.cwr, syn.ours == active, "{syn:?}");
        assert_eq!(syn.ecn, Ecn::NotEct, "{syn:?}");
    }
    for segment in trace.0.iter().filter(|segment| !segment.rst) {
        // RFC 7323 3.2: each one, once agreed on.
        assert!(segment.timestamps.is_some(), "{segment:?}");
    }
    capable_of_ecn(trace);
}

/// RFC 3168 6.1.4, 6.1.5: new data is marked as ECN-capable, and nothing else.
fn capable_of_ecn(trace: &Trace) {
    let mut sent = Octets::default();
    for segment in trace.0.iter().filter(|segment| segment.ours) {
        let range = (segment.start, segment.end);
        if segment.has_data() && !sent.has_any(range) {
            assert_eq!(segment.ecn, Ecn::Ect0, "new data: {segment:?}");
        } else {
            assert_eq!(segment.ecn, Ecn::NotEct, "no new data: {segment:?}");
        }
        if segment.has_data() {
            sent.insert(range);
        }
    }
}

/// The kernel's SACKs and D-SACKs are there; what they leave out is sent again, and what they name is not.
pub fn we_repair_what_is_missing(transfer: &Transfer) {
    let (mut sent, mut sacked) = (Octets::default(), Octets::default());
    let (mut highest, mut repairs, mut needless, mut d_sacks) = (0, 0_u64, 0_u64, 0_u64);
    for segment in &transfer.trace.0 {
        let range = (segment.start, segment.end);
        if !segment.ours {
            d_sacks += u64::from(segment.d_sack().is_some());
            for island in segment.islands() {
                sacked.insert(*island);
                highest = highest.max(island.1);
            }
        } else if segment.has_data() {
            if sent.has_any(range) {
                repairs += u64::from(segment.end <= highest);
                needless += u64::from(sacked.has_any(range));
            }
            sent.insert(range);
        }
    }
    let counts = transfer.counters.sending();
    println!(
        "{repairs} holes filled, {needless} segments sent again that were SACKed, {d_sacks} D-SACKs; link: {counts}; {:?}",
        transfer.end()
    );
    assert!(counts.lost > 0 && counts.duplicated > 0 && counts.reordered > 0);
    assert!(repairs > counts.lost / 2, "SACKs are not what tells of losses");
    assert_eq!(needless, 0, "what the peer has said that it has was sent again");
    assert!(d_sacks > 0, "the kernel tells of segments that came twice");
}

/// RFC 2883, 3522 and 3708: reductions that were needless are undone.
pub fn needless_reductions_are_undone(transfers: &[Transfer]) {
    let d_sack = |segment: &&Segment| !segment.ours && segment.d_sack().is_some();
    let d_sacks: usize = transfers.iter().map(|transfer| transfer.trace.0.iter().filter(d_sack).count()).sum();
    let undone: u32 = transfers.iter().map(|transfer| transfer.end().spurious).sum();
    println!("{d_sacks} D-SACKs, {undone} undone");
    assert!(transfers.iter().all(|transfer| transfer.counters.sending().lost == 0));
    assert!(d_sacks > 0, "nothing was sent twice");
    assert!(undone > 0, "nobody notices");
}

/// Our SACKs say what came, the newest first (RFC 2018 4), and D-SACKs what came again (RFC 2883 4).
pub fn we_say_what_is_there(transfer: &Transfer) {
    let mut received = Octets::default();
    let mut newest_time = None;
    // What may be taken or refused for its timestamp (RFC 7323 5.3, R1): what is said next tells.
    let mut doubtful: Option<Range> = None;
    // What the next segment of ours has to say.
    let (mut island, mut again) = (None, None);
    let (mut sacks, mut d_sacks) = (0_u64, 0_u64);
    for segment in &transfer.trace.0 {
        let range = (segment.start, segment.end);
        if segment.ours {
            if segment.syn || segment.rst {
                continue;
            }
            if let Some(range) = doubtful.take()
                && (segment.ack >= range.1
                    || segment.islands().iter().any(|block| block.0 <= range.0 && range.1 <= block.1))
            {
                received.insert(range);
            }
            assert_eq!(segment.ack, received.in_order(), "{segment:?}");
            for block in segment.islands() {
                assert!(block.0 > segment.ack && received.has_all(*block), "what never came: {segment:?}");
            }
            if let Some(start) = island.take() {
                let first = segment.islands().first().unwrap_or_else(|| panic!("no SACK: {segment:?}"));
                assert!(first.0 <= start && start < first.1, "not of the newest, {start}: {segment:?}");
                sacks += 1;
            }
            match (again.take(), segment.d_sack()) {
                (Some((range, _)), Some(told)) => {
                    assert_eq!(told, range, "not of what came again: {segment:?}");
                    d_sacks += 1;
                }
                // What is too old for its timestamp need not be looked at (RFC 7323 5.3, R1).
                (None, None) | (Some((_, true)), None) => {}
                (again, told) => panic!("{again:?} came again, told was {told:?}: {segment:?}"),
            }
        } else if segment.has_data() {
            let (time, _) = segment.timestamps.expect("checked before");
            let whole = received.has_all(range);
            let old = newest_time.is_some_and(|newest| time.wrapping_sub(newest) > 1 << 31);
            again = whole.then_some((range, old));
            if old && !whole {
                assert_eq!(doubtful.replace(range), None, "nothing was said to the one before");
            } else if !old {
                received.insert(range);
                newest_time = Some(time);
            }
            island = (!whole && !old && segment.start > received.in_order()).then_some(segment.start);
        }
    }
    let counts = transfer.counters.receiving();
    println!("{sacks} SACKs, {d_sacks} D-SACKs; link: {counts}; {:?}", transfer.end());
    assert!(counts.lost > 0 && counts.duplicated > 0 && counts.reordered > 0);
    assert!(sacks > counts.lost && d_sacks > 0);
}

/// The kernel tells of marks, we tell that we have heard, and send less, though nothing was lost (RFC 3168 6.1.2).
pub fn we_slow_down_when_told(transfer: &Transfer) {
    let mut told = false;
    let (mut echoes, mut answers) = (0_u64, 0_u64);
    let mut sent = Octets::default();
    for segment in transfer.trace.0.iter().filter(|segment| !segment.syn) {
        if !segment.ours {
            echoes += u64::from(segment.ece);
            told |= segment.ece;
        } else if segment.has_data() {
            let range = (segment.start, segment.end);
            if segment.cwr {
                assert!(told, "nobody asked for less: {segment:?}");
                assert!(!sent.has_any(range), "on data that was sent before: {segment:?}");
                told = false;
                answers += 1;
            }
            sent.insert(range);
        }
    }
    let counts = transfer.counters.sending();
    println!("{echoes} ECE, {answers} CWR; link: {counts}; {:?}", transfer.end());
    assert_eq!(counts.lost + counts.overflowed, 0);
    assert!(counts.marked > 0 && echoes > 0 && answers > 0);
    assert!(transfer.end().ecn && transfer.end().ecn_marks > 0);
    let slower = transfer
        .infos
        .windows(2)
        .filter(|pair| pair[1].ecn_marks > pair[0].ecn_marks && pair[1].cwnd < pair[0].cwnd)
        .count();
    assert!(slower > 0, "the congestion window does not shrink when marks are told");
}

/// We tell of a mark in each segment until the kernel says that it has heard (RFC 3168 6.1.3).
pub fn we_tell_of_marks(transfer: &Transfer) {
    let mut telling = false;
    let (mut marks, mut answers) = (0_u64, 0_u64);
    for segment in transfer.trace.0.iter().filter(|segment| !segment.syn && !segment.rst) {
        if segment.ours {
            assert_eq!(segment.ece, telling, "{segment:?}");
        } else if segment.has_data() {
            answers += u64::from(segment.cwr);
            marks += u64::from(segment.ecn == Ecn::Ce);
            // The answer is to the marks before it.
            telling = segment.ecn == Ecn::Ce || telling && !segment.cwr;
        }
    }
    let counts = transfer.counters.receiving();
    println!("{marks} marks, {answers} CWR; link: {counts}; {:?}", transfer.end());
    assert_eq!((counts.marked, counts.lost), (marks, 0));
    assert!(marks > 0 && answers > 0, "the kernel does not slow down");
    assert!(transfer.end().ecn && u64::from(transfer.end().ecn_marks) == marks);
}
