//! Explicit congestion notification (LWIP_TCP_RUST_ECN; RFC 3168, RFC 8311, RFC 8511): negotiation, the receiver's echo, the
//! sender's answer.

use super::{own, trace};
use crate::pcb::{Bit, Pcb, State};
use crate::wire::{Coarse, Flags, SeqNum};

/// Bits of `ecn`.
struct Ecn;

impl Ecn {
    /// Both sides have agreed on it.
    const ON: u8 = 1;
    /// Our SYN has offered it.
    const OFFERED: u8 = 1 << 1;
    /// A packet with CE has come: ECE goes with every segment until the peer says CWR (RFC 3168 6.1.3).
    const ECHO: u8 = 1 << 2;
    /// The window was reduced: the next new segment says so with CWR (6.1.2).
    const REDUCED: u8 = 1 << 3;
    /// Until `ecn_end` is acknowledged there is no other reduction.
    const WAITING: u8 = 1 << 4;
    /// A mark was reported since the window was last reduced for a loss.
    const MARKED: u8 = 1 << 5;
}

/// CE in the last two bits of the TOS or traffic class.
const CE: u8 = 3;

fn has(pcb: Pcb<'_>, bit: u8) -> bool {
    pcb.ecn() & bit != 0
}

fn set(pcb: Pcb<'_>, bit: u8, on: bool) {
    own(pcb).set_ecn(if on { pcb.ecn() | bit } else { pcb.ecn() & !bit });
}

/// The flags of a segment that goes out: of our SYN (RFC 3168 6.1.1: once; the host that does not answer it may be one that drops
/// what it does not know), of a SYN,ACK, or of any other. `new`: it has data that were not sent before.
pub(crate) fn flags_to_send(pcb: Pcb<'_>, syn: bool, new: bool) -> Flags {
    match (syn, pcb.state()) {
        (true, State::SynSent) => {
            set(pcb, Ecn::OFFERED, new);
            if new { Flags::ECE | Flags::CWR } else { Flags::NONE }
        }
        (true, _) => {
            if has(pcb, Ecn::ON) {
                Flags::ECE
            } else {
                Flags::NONE
            }
        }
        (false, _) => {
            let mut flags = if has(pcb, Ecn::ECHO) { Flags::ECE } else { Flags::NONE };
            if new && has(pcb, Ecn::REDUCED) {
                set(pcb, Ecn::REDUCED, false);
                flags = flags | Flags::CWR;
            }
            flags
        }
    }
}

/// Whether the packet of such a segment may be marked: new data only (RFC 3168 6.1.5; retransmissions would hide a denial of
/// service, and pure ACKs are not reacted upon).
pub(crate) fn may_be_marked(pcb: Pcb<'_>, new_data: bool) -> bool {
    new_data && has(pcb, Ecn::ON)
}

/// The peer's SYN, which came before ours (6.1.1: both flags), or in answer to it (ECE alone).
pub(crate) fn on_syn(pcb: Pcb<'_>, flags: Flags) {
    let agreed = if flags.has(Flags::ACK) {
        has(pcb, Ecn::OFFERED) && flags.only(Flags::ECE | Flags::CWR) == Flags::ECE
    } else {
        flags.only(Flags::ECE | Flags::CWR) == Flags::ECE | Flags::CWR
    };
    set(pcb, Ecn::ON, agreed);
}

/// A segment of an established connection, with `data` or without, in a packet whose IP header has `tos`.
pub(crate) fn on_segment(pcb: Pcb<'_>, flags: Flags, tos: u8, data: bool) {
    if !has(pcb, Ecn::ON) {
        return;
    }
    if flags.has(Flags::CWR) {
        set(pcb, Ecn::ECHO, false);
    }
    // 6.1.3: after CWR, since the packet that has both was marked again.
    if data && tos & CE == CE {
        set(pcb, Ecn::ECHO, true);
        own(pcb).set_ecn_marks(pcb.ecn_marks().saturating_add(1));
    }
}

/// An acceptable ACK up to `ack`, which reports marks or does not: at most one reduction for one window of data (6.1.2).
pub(crate) fn on_ack(pcb: Pcb<'_>, flags: Flags, ack: SeqNum) {
    if !has(pcb, Ecn::ON) {
        return;
    }
    if has(pcb, Ecn::WAITING) && !pcb.ecn_end().ge(Coarse::of(ack.raw())) {
        set(pcb, Ecn::WAITING, false);
    }
    if !flags.has(Flags::ECE) || has(pcb, Ecn::WAITING) {
        return;
    }
    set(pcb, Ecn::WAITING, true);
    let cc = own(pcb);
    cc.set_ecn_end(Coarse::of(pcb.snd_nxt().raw()));
    cc.set_ecn_marks(pcb.ecn_marks().saturating_add(1));
    set(pcb, Ecn::REDUCED | Ecn::MARKED, true);
    // A loss of the same window has reduced it already.
    if !pcb.has(Bit::IN_FAST_RECOVERY | Bit::RTO) {
        super::on_mark(pcb);
        trace(pcb);
    }
}

/// The window is reduced for a loss.
pub(super) fn on_loss(pcb: Pcb<'_>) {
    set(pcb, Ecn::MARKED, false);
}

/// There was congestion, whether what was taken for a loss was one or not: the reduction stays.
pub(super) fn is_marked(pcb: Pcb<'_>) -> bool {
    has(pcb, Ecn::MARKED)
}

/// Both sides have agreed on ECN.
pub(crate) fn is_on(pcb: Pcb<'_>) -> bool {
    has(pcb, Ecn::ON)
}
