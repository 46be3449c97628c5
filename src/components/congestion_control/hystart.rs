//! HyStart++ (RFC 9406): the first slow start ends when round trips get longer, before the queue on the path overflows.
//!
//! When they do, it is not certain yet that the path is full: conservative slow start (CSS) grows on at a quarter of the pace, for
//! some rounds, and if round trips get shorter again meanwhile, slow start resumes.

use super::{Ack, Cc};
use crate::ffi::Wnd;
use crate::pcb::Bit;
use crate::wire::SeqNum;

// RFC 9406 4.3; times in milliseconds.
const MIN_RTT_THRESH: u16 = 4;
const MAX_RTT_THRESH: u16 = 16;
const MIN_RTT_DIVISOR: u16 = 8;
const N_RTT_SAMPLE: u8 = 8;
const CSS_GROWTH_DIVISOR: u32 = 4;
/// L, in segments, of a sender that is not paced; one that is has no such limit.
const L: Wnd = 8;

/// How far slow start has come. Zero is a new connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    /// Standard slow start.
    #[default]
    Standard,
    /// CSS, which lasts for CSS_ROUNDS rounds; the one in which it begins counts.
    First,
    /// See above.
    Second,
    /// See above.
    Third,
    /// See above.
    Fourth,
    /// See above.
    Fifth,
    /// Neither any more: what slow start there is after a loss is that of RFC 5681.
    Over,
}

impl Stage {
    /// A round is over.
    fn next(self) -> Self {
        match self {
            Self::Standard => Self::Standard,
            Self::First => Self::Second,
            Self::Second => Self::Third,
            Self::Third => Self::Fourth,
            Self::Fourth => Self::Fifth,
            Self::Fifth | Self::Over => Self::Over,
        }
    }
}

/// By how much an ACK opens the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// By what it acknowledges,
    Whole,
    /// or by a CSS_GROWTH_DIVISOR-th of that.
    Part,
    /// Slow start is over: congestion avoidance begins where the window is.
    None,
}

/// The shortest of some round trips, in milliseconds; what took less than one counts as one. Zero is that there was none, which is
/// longer than any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shortest(u16);

impl Shortest {
    fn or_shorter(self, rtt: u16) -> Self {
        let rtt = rtt.max(1);
        Self(if self.0 == 0 { rtt } else { self.0.min(rtt) })
    }

    fn known(self) -> Option<u16> {
        (self.0 != 0).then_some(self.0)
    }
}

/// The variables of RFC 9406 4.2. All zero is a new connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HyStart {
    /// windowEnd: the round is over when more than this is acknowledged.
    window_end: SeqNum,
    /// lastRoundMinRTT,
    last: Shortest,
    /// currentRoundMinRTT,
    current: Shortest,
    /// cssBaselineMinRtt,
    baseline: Shortest,
    /// and rttSampleCount, up to N_RTT_SAMPLE.
    samples: u8,
    stage: Stage,
}

/// It stands beside each PCB.
const _: () = assert!(size_of::<HyStart>() <= 12);

impl HyStart {
    /// What it is before a connection begins.
    pub(super) const ZERO: Self = Self {
        window_end: SeqNum::new(0),
        last: Shortest(0),
        current: Shortest(0),
        baseline: Shortest(0),
        samples: 0,
        stage: Stage::Standard,
    };

    /// A connection begins, or an algorithm that goes on where another was that has no such thing; with SND.NXT.
    pub(super) fn starting(next: SeqNum) -> Self {
        Self { window_end: next, ..Self::ZERO }
    }

    /// `una`, now SND.UNA, was acknowledged after a round trip of `rtt`; SND.NXT is `next`.
    pub(super) fn on_ack(&mut self, una: SeqNum, next: SeqNum, rtt: u16) -> Growth {
        if una.gt(self.window_end) {
            *self = Self {
                window_end: next,
                last: self.current,
                current: Shortest(0),
                baseline: self.baseline,
                samples: 0,
                stage: self.stage.next(),
            };
        }
        let growth = match self.stage {
            Stage::Standard => Growth::Whole,
            Stage::First | Stage::Second | Stage::Third | Stage::Fourth | Stage::Fifth => Growth::Part,
            Stage::Over => return Growth::None,
        };
        self.current = self.current.or_shorter(rtt);
        self.samples = self.samples.saturating_add(1).min(N_RTT_SAMPLE);
        if self.samples == N_RTT_SAMPLE {
            self.judge();
        }
        growth
    }

    /// There are samples enough to tell by.
    fn judge(&mut self) {
        let Some(current) = self.current.known() else { return };
        match self.stage {
            Stage::Standard => {
                let Some(last) = self.last.known() else { return };
                let threshold = (last / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH, MAX_RTT_THRESH);
                if current >= last.saturating_add(threshold) {
                    self.baseline = self.current;
                    self.stage = Stage::First;
                }
            }
            Stage::First | Stage::Second | Stage::Third | Stage::Fourth | Stage::Fifth => {
                // The delay was somebody else's.
                if self.baseline.known().is_some_and(|baseline| current < baseline) {
                    self.baseline = Shortest(0);
                    self.stage = Stage::Standard;
                }
            }
            Stage::Over => {}
        }
    }

    /// RFC 9406 4.3 wants it for the initial slow start only.
    pub(super) fn end(&mut self) {
        self.stage = Stage::Over;
    }
}

/// By how much an ACK opens the window in the first slow start; none if it is not that, or round trips are not known for want of SACKs.
pub(super) fn slow_start(state: &mut HyStart, cc: &Cc<'_>, ack: &Ack) -> Option<u32> {
    if state.stage == Stage::Over || !cc.has(Bit::SACK) {
        return None;
    }
    let acked = ack.acked.min(limit(cc).into());
    Some(match state.on_ack(cc.lastack(), cc.snd_nxt(), cc.rack_rtt()) {
        Growth::Whole => acked,
        Growth::Part => acked / CSS_GROWTH_DIVISOR,
        Growth::None => {
            cc.set_ssthresh(cc.cwnd());
            0
        }
    })
}

/// L * SMSS.
fn limit(cc: &Cc<'_>) -> Wnd {
    #[cfg(pacing)]
    if cc.pacing_rate() != 0 {
        return Wnd::MAX;
    }
    Wnd::from(cc.mss()).saturating_mul(L)
}
