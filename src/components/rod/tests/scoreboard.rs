//! The scoreboard with more in flight than one walk looks at, against what the blocks say.

use super::super::scoreboard::bound;
use super::recovery::{MSS, Piece, Sender};
use super::*;
use crate::components::congestion_control as cc;
use crate::pcb::{Mark, Seg};
use crate::wire::MAX_SACKS;

/// Segments in flight.
const FLIGHT: u32 = 24;

/// Which segments are in flight, which of them are SACKed, and which are to be sent again.
#[derive(Debug, PartialEq, Eq)]
struct Board {
    in_flight: Vec<u32>,
    sacked: Vec<u32>,
    lost: Vec<u32>,
}

fn board(sender: &Sender) -> Board {
    let pcb = sender.pcb();
    let number = |seg: Seg<'_>| (seg.seq() - sender.first) / u32::from(MSS);
    let mut rod = own(pcb);
    let (unsent, unacked) = rod.unsent_and_unacked();
    Board {
        in_flight: unacked.iter().map(number).collect(),
        sacked: unacked.iter().filter(|seg| seg.is_marked(Mark::Sacked)).map(number).collect(),
        lost: unsent.iter().filter(|seg| seg.seq().lt(pcb.snd_nxt())).map(number).collect(),
    }
}

fn in_flight(first: u32) -> Sender {
    let mut sender = Sender::new(first, 1000);
    sender.write(0, FLIGHT * u32::from(MSS));
    // A window opens that is full.
    for round in 0..1000 {
        sender.send();
        if sender.pcb().snd_nxt() == sender.first + FLIGHT * u32::from(MSS) {
            break;
        }
        assert!(round < 999, "the window does not open");
        cc::on_ack(sender.pcb(), MSS.into(), false);
    }
    sender.wait(40);
    sender
}

/// Runs of the segments that the peer has, as blocks.
fn runs(has: &[bool]) -> Vec<Piece> {
    let mut runs: Vec<Piece> = Vec::new();
    for (number, _) in has.iter().enumerate().filter(|(_, has)| **has) {
        let start = number as u32 * u32::from(MSS);
        match runs.last_mut() {
            Some(last) if last.1 == start => last.1 += u32::from(MSS),
            _ => runs.push((start, start + u32::from(MSS))),
        }
    }
    runs
}

fn covered(blocks: &[Piece]) -> Vec<u32> {
    let inside = |number: u32| {
        let start = number * u32::from(MSS);
        blocks.iter().any(|block| block.0 <= start && start + u32::from(MSS) <= block.1)
    };
    (0..FLIGHT).filter(|number| inside(*number)).collect()
}

/// After so many ACKs a walk that goes on with each has been everywhere twice.
fn enough(most: u32) -> u32 {
    2 * FLIGHT.div_ceil(most) + 4
}

/// What the peer has in the end, in which order it came, and how many blocks an ACK has room for.
fn arrivals() -> impl Strategy<Value = (Vec<u32>, usize)> {
    let order = Just((1..FLIGHT).collect::<Vec<_>>()).prop_shuffle();
    (order, 1..FLIGHT as usize, 1..=MAX_SACKS).prop_map(|(mut order, count, room)| {
        order.truncate(count);
        (order, room)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// However little of the queue one ACK may look at, blocks that are repeated are taken whole, wherever they begin; and
    /// meanwhile nothing is taken for lost that they name.
    #[test]
    fn blocks_are_taken_whole_in_the_end(first: u32, most in 1u32..10, (has, room) in arrivals()) {
        bound::set(most);
        let sender = in_flight(first);
        let mut arrived = [false; FLIGHT as usize];
        has.iter().for_each(|number| arrived[*number as usize] = true);
        let mut blocks = runs(&arrived);
        blocks.reverse();
        blocks.truncate(room);
        for _ in 0..enough(most) {
            sender.ack(0, &blocks);
            sender.check()?;
            let Board { sacked, lost, .. } = board(&sender);
            let named = covered(&blocks);
            prop_assert!(sacked.iter().all(|number| named.contains(number)));
            prop_assert!(!lost.iter().any(|number| named.contains(number)), "{:?} of {:?}", lost, named);
        }
        prop_assert_eq!(board(&sender).sacked, covered(&blocks));
        bound::reset();
        sender.finish();
    }

    /// The same with a block more, or a longer one, in each ACK: nothing is marked that has not arrived, and once the peer says
    /// nothing new, all that it still says is.
    #[test]
    fn blocks_that_change_are_taken_too(first: u32, most in 1u32..10, (has, room) in arrivals()) {
        bound::set(most);
        let sender = in_flight(first);
        let mut arrived = [false; FLIGHT as usize];
        let mut blocks = Vec::new();
        for number in has {
            arrived[number as usize] = true;
            // The latest first (RFC 2018 4).
            let at = number * u32::from(MSS);
            blocks = runs(&arrived);
            blocks.sort_by_key(|block| !(block.0 <= at && at < block.1));
            blocks.truncate(room);
            sender.ack(0, &blocks);
            sender.check()?;
        }
        for _ in 0..enough(most) {
            sender.ack(0, &blocks);
            sender.check()?;
        }
        let Board { in_flight, sacked, lost } = board(&sender);
        prop_assert!(sacked.iter().all(|number| arrived[*number as usize]));
        // What was taken for lost before any block named it comes back if it is among the next to be sent, and its place is among
        // the first in flight.
        let most = most as usize;
        let far = |number: &u32| {
            let place = in_flight.iter().filter(|before| *before < number).count();
            lost.iter().position(|lost| lost == number).is_some_and(|turn| turn >= most || place > most)
        };
        for number in covered(&blocks) {
            prop_assert!(sacked.contains(&number) || far(&number), "segment {} of {:?}", number, sacked);
        }
        bound::reset();
        sender.finish();
    }
}
