//! The user timeout of a connection (RFC 9293 3.8.3, RFC 5482): how long what was queued may stand without an acknowledgment.
//!
//! It counts from when something was queued, or from when SND.UNA moved last, whichever is later; whether it was sent, may not be
//! sent because the peer's window is closed, or cannot be sent, is all the same.

use super::{Rod, own};
use crate::pcb::{Pcb, is_before};

/// The longest, so that times are told from each other by 32 bits of a millisecond: 24 days.
pub(crate) const LONGEST: u32 = 24 * 24 * 3600 * 1000;

/// The application sets it, in milliseconds; 0 is none. False if it is too long. What waits already has waited since it began to.
pub(crate) fn set_user_timeout(pcb: Pcb<'_>, ms: u32) -> bool {
    let fits = ms <= LONGEST;
    if fits {
        own(pcb).set_user_timeout(ms);
    }
    fits
}

/// The connection is given up by time, not by the number of retransmissions or probes.
pub(crate) fn has_user_timeout(pcb: Pcb<'_>) -> bool {
    pcb.user_timeout() != 0
}

fn is_waiting(pcb: Pcb<'_>) -> bool {
    !(pcb.unacked_is_empty() && pcb.unsent_is_empty())
}

/// Something is about to be queued.
pub(super) fn on_queueing(rod: &Rod<'_>) {
    if !is_waiting(**rod) {
        on_progress(rod);
    }
}

/// SND.UNA moves.
pub(super) fn on_progress(rod: &Rod<'_>) {
    rod.set_waiting_since(rod.core().clock());
}

/// When the connection is to be given up, if nothing is acknowledged before: in milliseconds of the clock.
pub(crate) fn user_deadline(pcb: Pcb<'_>) -> Option<u32> {
    (has_user_timeout(pcb) && is_waiting(pcb)).then(|| pcb.waiting_since().wrapping_add(pcb.user_timeout()))
}

/// It is time to.
pub(crate) fn is_out_of_patience(pcb: Pcb<'_>) -> bool {
    user_deadline(pcb).is_some_and(|due| !is_before(pcb.core().clock(), due))
}
