//! The log of transmissions against one that forgets nothing.

use super::super::log::SendLog;
use super::*;
use crate::wire::Coarse;
use proptest::collection::vec;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many segments are sent for the first time.
    Send(u8),
    /// One of those in flight is sent again.
    Again(usize),
    /// The oldest ones are acknowledged.
    Ack(u8),
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..6).prop_map(Step::Send),
        3 => any::<usize>().prop_map(Step::Again),
        2 => (1u8..6).prop_map(Step::Ack),
        4 => (1u16..40).prop_map(Step::Wait),
    ]
}

/// A segment in flight: its end, when it was sent first and last, and SND.NXT then, if that was not the first time.
struct Sent {
    end: SeqNum,
    first: u16,
    last: u16,
    next: Option<SeqNum>,
}

proptest! {
    /// What it says of a first transmission is right within the bounds that it gives; of a repeated one it may know nothing, or
    /// take it for a later one, never for an earlier one. The state at a transmission is that of one that really was.
    #[test]
    fn it_is_right_within_its_bounds(start: u32, mut now: u16, steps in vec(step(), 1..120)) {
        let mut log = SendLog::NEW;
        let mut next = SeqNum::new(start);
        let (mut flight, mut states, mut delivered, mut elapsed) = (Vec::<Sent>::new(), Vec::new(), 0u32, 0u32);
        for step in steps {
            match step {
                Step::Send(count) => for _ in 0..count {
                    let end = next + 100;
                    log.on_sent(next, end, now, delivered);
                    flight.push(Sent { end, first: now, last: now, next: None });
                        states.push((end, now, delivered));
                    next = end;
                },
                Step::Again(_) if flight.is_empty() => {}
                Step::Again(which) => {
                    let which = which % flight.len();
                    let seg = &mut flight[which];
                    log.on_sent_again(seg.end, next, now);
                    (seg.last, seg.next) = (now, Some(next));
                }
                Step::Ack(count) => {
                    let count = usize::from(count).min(flight.len());
                    let last = flight.drain(..count).next_back();
                    if let Some(last) = last {
                        delivered += 100 * count as u32;
                        log.on_acked(last.end, flight.is_empty());
                    }
                }
                Step::Wait(ms) => {
                    now = now.wrapping_add(ms);
                    elapsed += u32::from(ms);
                }
            }
            // Half a minute is what 16 bits can tell apart.
            if elapsed > 20_000 {
                break;
            }
            let age = |time: u16| now.wrapping_sub(time);
            for seg in &flight {
                let known = log.time_of(seg.end, false).expect("it is in flight");
                prop_assert!(age(known.earliest) >= age(seg.first) && age(seg.first) >= age(known.latest));
                prop_assert!(age(known.earliest) >= age(known.likely) && age(known.likely) >= age(known.latest));
                prop_assert!(!log.is_exact(seg.end) || known.likely == seg.first);
                if let (Some(known), Some(next)) = (log.time_of(seg.end, true), seg.next) {
                    prop_assert!(age(known.latest) <= age(seg.last));
                    prop_assert!(known.next.ge(next));
                }
                if let Some((time, prior)) = log.state_when_sent(seg.end) {
                    prop_assert!(states.iter().any(|state| state.0.le(seg.end) && (state.1, Coarse::of(state.2)) == (time, prior)));
                }
            }
            prop_assert_eq!(log.last_sent(), flight.last().map(|seg| seg.first));
        }
    }
}
