//! BBR version 3 (draft-ietf-ccwg-bbr) in integers: octets, octets per second, milliseconds, gains in percent.
//!
//! Names are the draft's. Where this differs from it:
//!
//! * Losses are taken for congestion from 2 % on, as the draft has it, only if the round trip says that there is a queue (half as
//!   long again as the shortest); else from 20 % on, since radio links lose as much by themselves. The draft's short-term model
//!   follows the same rule.
//! * A probe that went too high sets `inflight_longterm` to BBR.Beta of what was in flight, as CUBIC reduces its window, not to all
//!   of it: beside CUBIC, in a queue of one BDP, the draft's rule leaves that a tenth of the link.
//! * A round trip as short as the shortest known confirms it, in milliseconds equal is as good as it gets; and it ends ProbeRTT,
//!   which has nothing more to learn.
//! * `RS.tx_in_flight` is not logged for each packet: what was delivered or lost while a packet was on its way is what was in
//!   flight when it was sent. `RS.lost` is what was lost in this round or in the last.

mod connection;

use super::short::Short;
use super::{RateSample, Sample};
use crate::wire::{Coarse, IN_FLIGHT};

/// BBR.LossThresh, in percent; without and with a queue.
const LOSS_ALONE: u32 = 20;
const LOSS_IN_QUEUE: u32 = 2;
/// BBR.Beta, in percent.
const BETA: u32 = 70;
/// 100 % less BBR.Headroom.
const WITHOUT_HEADROOM: u32 = 85;
/// BBR.MinPipeCwnd, in segments.
const MIN_PIPE: u32 = 4;
/// BBR.PacingMarginPercent.
const PACING_MARGIN: u32 = 99;
/// BBR.ProbeRTTDuration, in milliseconds.
const PROBE_RTT_DURATION: u16 = 200;
/// BBR.ProbeRTTInterval and BBR.MinRTTFilterLen, in units of 64 ms.
const PROBE_RTT_INTERVAL: u16 = 5_000 / 64;
const MIN_RTT_FILTER: u16 = 10_000 / 64;
/// Half of BBR.ExtraAckedFilterLen, in rounds: each of the two slots of the filter lasts so long.
const EXTRA_ACKED_ROUNDS: u8 = 5;

/// BBR.state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    #[default]
    Startup,
    Drain,
    Down,
    Cruise,
    Refill,
    Up,
    ProbeRtt,
}

impl State {
    fn pacing_gain(self) -> u32 {
        match self {
            Self::Startup => 277,
            Self::Drain => 50,
            Self::Down => 90,
            Self::Cruise | Self::Refill | Self::ProbeRtt => 100,
            Self::Up => 125,
        }
    }

    fn cwnd_gain(self) -> u32 {
        match self {
            Self::Startup | Self::Drain | Self::Down | Self::Cruise | Self::Refill => 200,
            Self::Up => 225,
            Self::ProbeRtt => 50,
        }
    }

    /// IsProbingBW().
    fn accelerates(self) -> bool {
        matches!(self, Self::Startup | Self::Refill | Self::Up)
    }

    /// IsInAProbeBWState().
    fn is_probe_bw(self) -> bool {
        matches!(self, Self::Down | Self::Cruise | Self::Refill | Self::Up)
    }
}

/// BBR.ack_phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    #[default]
    Init,
    Refilling,
    Starting,
    Feedback,
    Stopping,
}

/// BBR.undo_state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
enum Undo {
    #[default]
    None,
    Startup,
    Up,
}

/// The booleans of the draft, and a small number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags(u16);

impl Flags {
    const FULL_BW_REACHED: u16 = 1;
    const FULL_BW_NOW: u16 = 1 << 1;
    const BW_PROBE_SAMPLE: u16 = 1 << 2;
    const LOSS_IN_ROUND: u16 = 1 << 3;
    const PROBE_TOO_HIGH: u16 = 1 << 4;
    const PROBE_PRECAUTIONARY: u16 = 1 << 5;
    const IDLE_RESTART: u16 = 1 << 6;
    const PROBE_RTT_ROUND_DONE: u16 = 1 << 7;
    /// BBR.probe_rtt_done_stamp is valid.
    const PROBE_RTT_TIMED: u16 = 1 << 8;
    /// `app_limited` is valid.
    const APP_LIMITED: u16 = 1 << 9;
    /// `wait`, the short-term model and so on are valid: all zero is a new connection.
    const BEGUN: u16 = 1 << 10;
    /// In this round the shortest round trip was so long that there is a queue.
    const QUEUE: u16 = 1 << 11;

    /// Where BBR.full_bw_count is kept, of two bits.
    const FULL_BW_COUNT: u32 = 12;

    fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }

    fn full_bw_count(self) -> u16 {
        (self.0 >> Self::FULL_BW_COUNT) & 3
    }

    fn set_full_bw_count(&mut self, count: u16) {
        self.0 = (self.0 & !(3 << Self::FULL_BW_COUNT)) | (count & 3) << Self::FULL_BW_COUNT;
    }

    fn set(&mut self, flag: u16, on: bool) {
        self.0 = if on { self.0 | flag } else { self.0 & !flag };
    }
}

/// Octets delivered since the connection began, to tell rounds: of a number that is no more than two send buffers away. The paths of
/// the unit tests hold more than a send buffer.
type Delivered = Coarse<{ if cfg!(test) { 10 } else { IN_FLIGHT } }>;

/// What BBR remembers. All zero is a new connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bbr {
    next_round_delivered: Delivered,
    loss_round_delivered: Delivered,
    app_limited: Delivered,
    max_bw: [Short; 2],
    bw_shortterm: Short,
    bw_latest: Short,
    full_bw: Short,
    inflight_latest: Short,
    inflight_longterm: Short,
    inflight_shortterm: Short,
    undo_bw_shortterm: Short,
    undo_inflight_shortterm: Short,
    undo_inflight_longterm: Short,
    prior_cwnd: Short,
    extra_acked: [Short; 2],
    extra_acked_delivered: Short,
    probe_up_acked_per_inc: Short,
    lost_in_round: Short,
    lost_in_last_round: Short,
    /// 0: none known.
    min_rtt: u16,
    probe_rtt_min_delay: u16,
    min_rtt_stamp: u16,
    probe_rtt_min_stamp: u16,
    extra_acked_start: u16,
    flags: Flags,
    /// What only the state at hand has use for, and sets when it begins. In Down and Cruise: BBR.cycle_stamp; in ProbeRTT:
    /// BBR.probe_rtt_done_stamp; in Refill and Up: BBR.bw_probe_up_acks, as a [`Short`].
    of_state: u16,
    /// The same. In Down and Cruise: BBR.bw_probe_wait beyond 2 s, in units of 4 ms; in Refill and Up: BBR.bw_probe_up_rounds; in
    /// Drain: how many rounds it has lasted.
    count_of_state: u8,
    rounds_since_probe_up: u8,
    extra_acked_rounds: u8,
    state: State,
    ack_phase: Phase,
    undo_state: Undo,
}

/// What BBR sees of the connection beside the sample, and what it decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Io {
    /// C.cwnd.
    pub(super) cwnd: u32,
    /// C.pacing_rate, in octets per second.
    pub(super) pacing_rate: u32,
    pub(super) mss: u32,
    pub(super) initial_cwnd: u32,
    /// In loss recovery.
    pub(super) recovering: bool,
    /// Some random bits.
    pub(super) random: u32,
}

/// `percent` of a number.
fn percent(value: u32, percent: u32) -> u32 {
    (u64::from(value) * u64::from(percent) / 100).min(u32::MAX.into()) as u32
}

/// Octets at a rate in so many milliseconds.
fn volume(rate: u32, ms: u32) -> u32 {
    (u64::from(rate) * u64::from(ms) / 1000).min(u32::MAX.into()) as u32
}

/// Octets per second.
fn rate(octets: u32, ms: u32) -> u32 {
    (u64::from(octets) * 1000).checked_div(ms.into()).unwrap_or(0).min(u32::MAX.into()) as u32
}

/// A coarse clock, for what lasts seconds.
fn coarse(now: u32) -> u16 {
    (now >> 6) as u16
}

impl Bbr {
    fn begin(&mut self, io: &mut Io, s: &Sample) {
        self.flags.set(Flags::BEGUN, true);
        self.inflight_longterm = Short::INFINITY;
        self.reset_shortterm_model();
        self.probe_up_acked_per_inc = Short::INFINITY;
        self.extra_acked_start = s.now as u16;
        self.min_rtt_stamp = coarse(s.now);
        self.probe_rtt_min_stamp = coarse(s.now);
        // InitPacingRate() with the first round trip that is known.
        let srtt = s.rate.map_or(1, |rs| rs.interval.max(1));
        io.pacing_rate = percent(rate(io.initial_cwnd, srtt), State::Startup.pacing_gain());
    }

    fn max_bw(&self) -> u32 {
        let [a, b] = self.max_bw;
        a.get().max(b.get())
    }

    /// What the path delivers.
    pub(super) fn bandwidth(&self) -> u32 {
        self.max_bw()
    }

    /// BoundBWForModel().
    fn bw(&self) -> u32 {
        self.max_bw().min(self.bw_shortterm.get())
    }

    /// BDPMultiple().
    fn bdp_multiple(&self, bw: u32, gain: u32, io: &Io) -> u32 {
        if self.min_rtt == 0 {
            return io.initial_cwnd;
        }
        percent(volume(bw, self.min_rtt.into()), gain)
    }

    /// QuantizationBudget(). The offload budget is what a millisecond's tick lets go at once.
    fn quantized(&self, inflight: u32, io: &Io) -> u32 {
        let budget = (io.pacing_rate / 1000).saturating_add(io.mss.saturating_mul(2));
        let inflight = inflight.max(budget).max(min_pipe(io));
        if self.state == State::Up { inflight.saturating_add(io.mss.saturating_mul(2)) } else { inflight }
    }

    /// Inflight().
    fn inflight(&self, bw: u32, gain: u32, io: &Io) -> u32 {
        self.quantized(self.bdp_multiple(bw, gain, io), io)
    }

    fn reset_shortterm_model(&mut self) {
        self.bw_shortterm = Short::INFINITY;
        self.inflight_shortterm = Short::INFINITY;
    }

    fn reset_congestion_signals(&mut self) {
        self.flags.set(Flags::LOSS_IN_ROUND, false);
        self.bw_latest = Short::default();
        self.inflight_latest = Short::default();
    }

    fn reset_full_bw(&mut self, baseline: u32) {
        self.full_bw = Short::of(baseline);
        self.flags.set_full_bw_count(0);
        self.flags.set(Flags::FULL_BW_NOW, false);
    }

    fn start_round(&mut self, s: &Sample) {
        self.next_round_delivered = Delivered::of(s.delivered);
    }

    /// UpdateOnACK().
    pub(super) fn update(&mut self, io: &mut Io, s: &Sample) {
        if !self.flags.has(Flags::BEGUN) {
            self.begin(io, s);
        }
        self.on_losses(io, s);
        let rs = s.rate.filter(|rs| rs.interval > 0 && s.newly_delivered > 0);
        let bw = rs.filter(|rs| rs.interval >= self.min_rtt.into()).map_or(0, |rs| rate(rs.delivered, rs.interval));
        let app_limited = self.is_app_limited(s, rs);
        let mut round_start = false;
        if let Some(rs) = rs {
            self.note_queue(&rs);
            let loss_round_start = self.update_latest_delivery_signals(&rs, s, bw);
            round_start = self.update_round(&rs, s);
            self.update_max_bw(bw, app_limited);
            if loss_round_start {
                self.adapt_lower_bounds(io);
                self.flags.set(Flags::LOSS_IN_ROUND, false);
            }
            self.update_ack_aggregation(io, s, round_start);
            self.check_full_bw_reached(bw, app_limited, round_start);
            self.check_startup_done(io, round_start);
            self.check_drain_done(io, s, round_start);
            self.update_probe_bw_cycle(io, s, &Round { start: round_start, bw, app_limited });
            if round_start {
                self.lost_in_last_round = core::mem::take(&mut self.lost_in_round);
            }
            let expired = self.update_min_rtt(&rs, s);
            self.check_probe_rtt(io, s, round_start, expired);
            if loss_round_start {
                self.bw_latest = Short::of(bw);
                self.inflight_latest = Short::of(rs.delivered);
            }
        }
        self.set_pacing_rate(io, self.state.pacing_gain());
        self.set_cwnd(io, s);
        let _ = round_start;
    }

    /// A packet is app-limited that was sent before a gap in the data was over.
    fn is_app_limited(&mut self, s: &Sample, rs: Option<RateSample>) -> bool {
        if !self.flags.has(Flags::APP_LIMITED) {
            return false;
        }
        if rs.is_some_and(|rs| Delivered::of(rs.prior_delivered).ge(self.app_limited)) {
            self.flags.set(Flags::APP_LIMITED, false);
            return false;
        }
        let _ = s;
        true
    }

    /// MarkConnectionAppLimited(): there is nothing to send, though the window has room.
    pub(super) fn mark_app_limited(&mut self, delivered: u32, in_flight: u32) {
        self.app_limited = Delivered::of(delivered.wrapping_add(in_flight.max(1)));
        self.flags.set(Flags::APP_LIMITED, true);
    }

    fn note_queue(&mut self, rs: &RateSample) {
        let shortest = u32::from(self.min_rtt);
        self.flags.set(Flags::QUEUE, self.min_rtt != 0 && rs.interval * 4 > shortest * 5 + 8);
    }

    /// UpdateLatestDeliverySignals().
    fn update_latest_delivery_signals(&mut self, rs: &RateSample, s: &Sample, bw: u32) -> bool {
        self.bw_latest = Short::of(self.bw_latest.get().max(bw));
        self.inflight_latest = Short::of(self.inflight_latest.get().max(rs.delivered));
        let start = Delivered::of(rs.prior_delivered).ge(self.loss_round_delivered);
        if start {
            self.loss_round_delivered = Delivered::of(s.delivered);
        }
        start
    }

    /// UpdateRound().
    fn update_round(&mut self, rs: &RateSample, s: &Sample) -> bool {
        let start = Delivered::of(rs.prior_delivered).ge(self.next_round_delivered);
        if start {
            self.start_round(s);
            self.rounds_since_probe_up = self.rounds_since_probe_up.saturating_add(1);
        }
        start
    }

    fn update_max_bw(&mut self, bw: u32, app_limited: bool) {
        let [_, current] = &mut self.max_bw;
        if bw > 0 && (bw >= current.get() || !app_limited) && bw > current.get() {
            *current = Short::of(bw);
        }
    }

    /// AdvanceMaxBwFilter().
    fn advance_max_bw_filter(&mut self) {
        let [previous, current] = &mut self.max_bw;
        if *current != Short::default() {
            *previous = core::mem::take(current);
        }
    }

    /// AdaptLowerBoundsFromCongestion().
    fn adapt_lower_bounds(&mut self, io: &Io) {
        if self.state.accelerates() || !self.flags.has(Flags::LOSS_IN_ROUND) {
            return;
        }
        if self.bw_shortterm == Short::INFINITY {
            self.bw_shortterm = Short::of(self.max_bw());
        }
        if self.inflight_shortterm == Short::INFINITY {
            self.inflight_shortterm = Short::of(io.cwnd);
        }
        self.bw_shortterm = Short::of(self.bw_latest.get().max(percent(self.bw_shortterm.get(), BETA)));
        self.inflight_shortterm =
            Short::of(self.inflight_latest.get().max(percent(self.inflight_shortterm.get(), BETA)));
    }

    /// UpdateACKAggregation(). The filter has two slots, of which one is forgotten after five rounds; in Startup after one.
    fn update_ack_aggregation(&mut self, io: &Io, s: &Sample, round_start: bool) {
        let now = s.now as u16;
        let mut expected = volume(self.bw(), now.wrapping_sub(self.extra_acked_start).into());
        let mut delivered = self.extra_acked_delivered.get();
        if delivered <= expected {
            (delivered, expected) = (0, 0);
            self.extra_acked_start = now;
        }
        delivered = delivered.saturating_add(s.newly_delivered);
        self.extra_acked_delivered = Short::of(delivered);
        let extra = delivered.saturating_sub(expected).min(io.cwnd);
        let [previous, current] = &mut self.extra_acked;
        if round_start {
            self.extra_acked_rounds = self.extra_acked_rounds.saturating_add(1);
            let most = if self.flags.has(Flags::FULL_BW_REACHED) { EXTRA_ACKED_ROUNDS } else { 1 };
            if self.extra_acked_rounds >= most {
                self.extra_acked_rounds = 0;
                *previous = core::mem::take(current);
            }
        }
        *current = Short::of(current.get().max(extra));
    }

    fn extra_acked(&self) -> u32 {
        let [a, b] = self.extra_acked;
        a.get().max(b.get())
    }

    /// CheckFullBWReached().
    fn check_full_bw_reached(&mut self, bw: u32, app_limited: bool, round_start: bool) {
        if self.flags.has(Flags::FULL_BW_NOW) || !round_start || app_limited {
            return;
        }
        if bw >= percent(self.full_bw.get(), 125) {
            self.reset_full_bw(bw);
            return;
        }
        let count = self.flags.full_bw_count() + 1;
        self.flags.set_full_bw_count(count.min(3));
        if count >= 3 {
            self.flags.set(Flags::FULL_BW_NOW | Flags::FULL_BW_REACHED, true);
        }
    }

    /// CheckStartupDone(), CheckStartupHighLoss().
    fn check_startup_done(&mut self, io: &Io, round_start: bool) {
        if self.state != State::Startup {
            return;
        }
        let flight = self.inflight_latest.get().saturating_add(self.lost_in_round.get());
        let many = self.lost_in_round.get() >= io.mss.saturating_mul(6);
        if io.recovering && round_start && many && self.is_too_much(self.lost(), flight) {
            self.undo_state = Undo::Startup;
            self.flags.set(Flags::FULL_BW_REACHED, true);
            let bdp = self.bdp_multiple(self.max_bw(), 100, io);
            self.inflight_longterm = Short::of(bdp.max(self.inflight_latest.get()));
        }
        if self.flags.has(Flags::FULL_BW_REACHED) {
            self.state = State::Drain;
            self.count_of_state = 0;
        }
    }

    /// CheckDrainDone().
    fn check_drain_done(&mut self, io: &Io, s: &Sample, round_start: bool) {
        if self.state != State::Drain {
            return;
        }
        self.count_of_state = self.count_of_state.saturating_add(round_start.into());
        if s.in_flight <= self.inflight(self.bw(), 100, io) || self.count_of_state > 3 {
            self.start_down(io, s);
        }
    }
}

#[cfg(test)]
impl Bbr {
    pub(super) fn state(&self) -> State {
        self.state
    }
}

/// What `MIN_PIPE` comes to in octets.
fn min_pipe(io: &Io) -> u32 {
    io.mss.saturating_mul(MIN_PIPE)
}

/// Of the round that is under way.
struct Round {
    start: bool,
    bw: u32,
    app_limited: bool,
}

/// ProbeBW.
impl Bbr {
    fn start_down(&mut self, io: &Io, s: &Sample) {
        self.reset_congestion_signals();
        self.probe_up_acked_per_inc = Short::INFINITY;
        // PickProbeWait().
        self.rounds_since_probe_up = (io.random & 1) as u8;
        self.count_of_state = (io.random >> 8) as u8;
        self.of_state = s.now as u16;
        self.ack_phase = Phase::Stopping;
        self.start_round(s);
        self.state = State::Down;
    }

    fn start_refill(&mut self, s: &Sample) {
        self.reset_shortterm_model();
        self.count_of_state = 0;
        self.of_state = Short::default().bits();
        self.flags.set(Flags::PROBE_PRECAUTIONARY, false);
        self.ack_phase = Phase::Refilling;
        self.start_round(s);
        self.state = State::Refill;
    }

    fn start_up(&mut self, io: &Io, s: &Sample, bw: u32) {
        self.ack_phase = Phase::Starting;
        self.start_round(s);
        self.reset_full_bw(bw);
        self.state = State::Up;
        self.raise_longterm_slope(io);
    }

    /// RaiseInflightLongtermSlope().
    fn raise_longterm_slope(&mut self, io: &Io) {
        let growth = 1u32 << self.count_of_state.min(30);
        self.count_of_state = self.count_of_state.saturating_add(1).min(30);
        self.probe_up_acked_per_inc = Short::of((io.cwnd / growth).max(io.mss));
    }

    /// UpdateProbeBWCyclePhase().
    fn update_probe_bw_cycle(&mut self, io: &Io, s: &Sample, round: &Round) {
        if !self.flags.has(Flags::FULL_BW_REACHED) || self.adapt_longterm_model(io, s, round) {
            return;
        }
        match self.state {
            State::Down => {
                let enough =
                    s.in_flight <= self.with_headroom(io) && s.in_flight <= self.inflight(self.max_bw(), 100, io);
                if self.is_time_to_probe(io, s) {
                    self.start_refill(s);
                } else if enough {
                    self.state = State::Cruise;
                }
            }
            State::Cruise if self.is_time_to_probe(io, s) => self.start_refill(s),
            State::Refill if round.start => {
                self.flags.set(Flags::BW_PROBE_SAMPLE, true);
                self.start_up(io, s, round.bw);
            }
            State::Up => {
                if self.is_time_to_go_down(io, s, round.bw) {
                    self.flags.set(Flags::PROBE_TOO_HIGH, false);
                    self.start_down(io, s);
                }
            }
            State::Startup | State::Drain | State::Cruise | State::Refill | State::ProbeRtt => {}
        }
    }

    /// IsTimeToProbeBW().
    fn is_time_to_probe(&self, io: &Io, s: &Sample) -> bool {
        let elapsed = u32::from((s.now as u16).wrapping_sub(self.of_state));
        let target = self.bdp_multiple(self.bw(), 100, io).min(io.cwnd);
        let rounds = target.checked_div(io.mss).unwrap_or(0).min(63);
        elapsed > 2000 + 4 * u32::from(self.count_of_state) || u32::from(self.rounds_since_probe_up) >= rounds
    }

    /// C.is_cwnd_limited.
    fn is_cwnd_limited(io: &Io, s: &Sample) -> bool {
        s.prior_in_flight.saturating_add(io.mss) > io.cwnd
    }

    /// IsTimeToGoDown().
    fn is_time_to_go_down(&mut self, io: &Io, s: &Sample, bw: u32) -> bool {
        let longterm = self.inflight_longterm.get();
        if self.flags.has(Flags::PROBE_TOO_HIGH) && s.in_flight >= longterm {
            self.flags.set(Flags::PROBE_PRECAUTIONARY, true);
            return true;
        }
        if Self::is_cwnd_limited(io, s) && io.cwnd >= longterm {
            self.reset_full_bw(bw);
            return false;
        }
        self.flags.has(Flags::FULL_BW_NOW)
    }

    /// InflightWithHeadroom().
    fn with_headroom(&self, io: &Io) -> u32 {
        if self.inflight_longterm == Short::INFINITY {
            return u32::MAX;
        }
        let longterm = self.inflight_longterm.get();
        percent(longterm, WITHOUT_HEADROOM).min(longterm.saturating_sub(io.mss)).max(min_pipe(io))
    }

    /// AdaptLongTermModel(). True if it has decided a transition.
    fn adapt_longterm_model(&mut self, io: &Io, s: &Sample, round: &Round) -> bool {
        if self.ack_phase == Phase::Starting && round.start {
            self.ack_phase = Phase::Feedback;
        }
        if self.ack_phase == Phase::Stopping && round.start {
            self.flags.set(Flags::BW_PROBE_SAMPLE, false);
            self.ack_phase = Phase::Init;
            if self.state.is_probe_bw() && !round.app_limited {
                self.advance_max_bw_filter();
            }
            let precautionary = self.flags.has(Flags::PROBE_PRECAUTIONARY);
            if self.state.is_probe_bw() && precautionary && !self.flags.has(Flags::PROBE_TOO_HIGH) {
                self.start_refill(s);
                return true;
            }
        }
        let Some(rs) = s.rate else { return false };
        let flight = self.flight_when_sent(&rs);
        if self.inflight_longterm != Short::INFINITY && !self.is_too_much(self.lost(), flight) {
            self.inflight_longterm = Short::of(self.inflight_longterm.get().max(flight));
            if self.state == State::Up {
                self.probe_longterm_upward(io, s, round.start);
            }
        }
        false
    }

    /// ProbeInflightLongtermUpward().
    fn probe_longterm_upward(&mut self, io: &Io, s: &Sample, round_start: bool) {
        if !Self::is_cwnd_limited(io, s) || io.cwnd < self.inflight_longterm.get() {
            return;
        }
        let per_inc = self.probe_up_acked_per_inc.get();
        let acked = Short::from_bits(self.of_state).get().saturating_add(s.newly_delivered);
        let steps = acked.checked_div(per_inc).unwrap_or(0);
        self.of_state = Short::of(acked.saturating_sub(steps.saturating_mul(per_inc))).bits();
        let longterm = self.inflight_longterm.get().saturating_add(steps.saturating_mul(io.mss));
        self.inflight_longterm = Short::of(longterm);
        if round_start {
            self.raise_longterm_slope(io);
        }
    }
}

/// Losses.
impl Bbr {
    /// What was in flight when the packet was sent that is acknowledged now: it has been delivered since, or is lost.
    fn flight_when_sent(&self, rs: &RateSample) -> u32 {
        rs.delivered.saturating_add(self.lost())
    }

    /// What was lost in a round trip.
    fn lost(&self) -> u32 {
        self.lost_in_round.get().max(self.lost_in_last_round.get())
    }

    /// IsInflightTooHigh().
    fn is_too_much(&self, lost: u32, flight: u32) -> bool {
        let threshold = if self.flags.has(Flags::QUEUE) { LOSS_IN_QUEUE } else { LOSS_ALONE };
        lost > percent(flight, threshold)
    }

    /// HandleLostPacket(), for all that an ACK has found to be lost.
    fn on_losses(&mut self, io: &Io, s: &Sample) {
        if s.newly_lost == 0 {
            return;
        }
        self.lost_in_round = Short::of(self.lost_in_round.get().saturating_add(s.newly_lost));
        let flight = match s.rate {
            Some(rs) => self.flight_when_sent(&rs),
            None => s.prior_in_flight.saturating_add(self.lost_in_round.get()),
        };
        let too_much = self.is_too_much(self.lost(), flight);
        if !too_much && !self.flags.has(Flags::QUEUE) {
            return;
        }
        // NoteLoss().
        if !self.flags.has(Flags::LOSS_IN_ROUND) {
            self.loss_round_delivered = Delivered::of(s.delivered);
            self.save_upon_loss(io);
        }
        self.flags.set(Flags::LOSS_IN_ROUND, true);
        if too_much && self.flags.has(Flags::BW_PROBE_SAMPLE) {
            self.on_inflight_too_high(io, s, flight);
        }
    }

    /// HandleInflightTooHigh().
    fn on_inflight_too_high(&mut self, io: &Io, s: &Sample, flight: u32) {
        self.flags.set(Flags::PROBE_TOO_HIGH, true);
        self.flags.set(Flags::BW_PROBE_SAMPLE, false);
        if !self.flags.has(Flags::APP_LIMITED) {
            let target = self.bdp_multiple(self.bw(), 100, io).min(io.cwnd);
            self.inflight_longterm = Short::of(percent(flight, BETA).max(percent(target, BETA)));
        }
        if self.state == State::Up {
            self.undo_state = Undo::Up;
            self.start_down(io, s);
        }
    }

    /// SaveStateUponLoss().
    fn save_upon_loss(&mut self, io: &Io) {
        self.save_cwnd(io);
        self.undo_state = Undo::None;
        self.undo_bw_shortterm = self.bw_shortterm;
        self.undo_inflight_shortterm = self.inflight_shortterm;
        self.undo_inflight_longterm = self.inflight_longterm;
    }

    /// SaveCwnd().
    fn save_cwnd(&mut self, io: &Io) {
        let known = if io.recovering || self.state == State::ProbeRtt { self.prior_cwnd.get() } else { 0 };
        self.prior_cwnd = Short::of(known.max(io.cwnd));
    }

    /// OnEnterFastRecovery().
    pub(super) fn enter_recovery(&mut self, io: &Io) {
        self.save_upon_loss(io);
    }

    /// OnEnterRTO().
    pub(super) fn enter_rto(&mut self, io: &mut Io, in_flight: u32) {
        self.save_upon_loss(io);
        io.cwnd = in_flight.saturating_add(io.mss);
    }

    /// RestoreCwnd().
    pub(super) fn restore_cwnd(&mut self, io: &mut Io) {
        io.cwnd = io.cwnd.max(self.prior_cwnd.get());
    }

    /// HandleSpuriousLossDetection().
    pub(super) fn undo(&mut self, io: &mut Io, s: &Sample) {
        self.restore_cwnd(io);
        self.flags.set(Flags::LOSS_IN_ROUND, false);
        self.lost_in_round = Short::default();
        self.reset_full_bw(0);
        let larger = |a: Short, b: Short| if a.get() < b.get() { b } else { a };
        self.bw_shortterm = larger(self.bw_shortterm, self.undo_bw_shortterm);
        self.inflight_shortterm = larger(self.inflight_shortterm, self.undo_inflight_shortterm);
        self.inflight_longterm = larger(self.inflight_longterm, self.undo_inflight_longterm);
        let state = self.state;
        match core::mem::take(&mut self.undo_state) {
            Undo::Startup if state != State::Startup => {
                self.flags.set(Flags::FULL_BW_REACHED, false);
                if state != State::ProbeRtt {
                    self.state = State::Startup;
                }
            }
            Undo::Up if state != State::Up && state != State::ProbeRtt => self.start_refill(s),
            Undo::None | Undo::Startup | Undo::Up => {}
        }
    }

    /// The path has marked a packet, of which the draft says nothing: as much as losses above the threshold.
    #[cfg(ecn)]
    pub(super) fn take_mark(&mut self, io: &Io, s: &Sample) {
        self.flags.set(Flags::LOSS_IN_ROUND, true);
        if self.state == State::Startup {
            self.flags.set(Flags::FULL_BW_REACHED, true);
        }
        if self.flags.has(Flags::BW_PROBE_SAMPLE) {
            self.on_inflight_too_high(io, s, s.prior_in_flight);
        }
    }
}

/// Round trips, and the control parameters.
impl Bbr {
    /// UpdateMinRTT(). True if BBR.probe_rtt_expired.
    fn update_min_rtt(&mut self, rs: &RateSample, s: &Sample) -> bool {
        let (now, rtt) = (coarse(s.now), u16::try_from(rs.interval).unwrap_or(u16::MAX).max(1));
        let expired = now.wrapping_sub(self.probe_rtt_min_stamp) > PROBE_RTT_INTERVAL;
        if self.probe_rtt_min_delay == 0 || rtt <= self.probe_rtt_min_delay || expired {
            self.probe_rtt_min_delay = rtt;
            self.probe_rtt_min_stamp = now;
        }
        let outdated = now.wrapping_sub(self.min_rtt_stamp) > MIN_RTT_FILTER;
        if self.min_rtt == 0 || self.probe_rtt_min_delay <= self.min_rtt || outdated {
            self.min_rtt = self.probe_rtt_min_delay;
            self.min_rtt_stamp = self.probe_rtt_min_stamp;
        }
        expired
    }

    /// CheckProbeRTT().
    fn check_probe_rtt(&mut self, io: &mut Io, s: &Sample, round_start: bool, expired: bool) {
        if self.state != State::ProbeRtt && expired && !self.flags.has(Flags::IDLE_RESTART) {
            self.save_cwnd(io);
            self.state = State::ProbeRtt;
            self.flags.set(Flags::PROBE_RTT_TIMED, false);
            self.ack_phase = Phase::Stopping;
            self.start_round(s);
        }
        if self.state == State::ProbeRtt {
            self.handle_probe_rtt(io, s, round_start);
        }
        if s.newly_delivered > 0 {
            self.flags.set(Flags::IDLE_RESTART, false);
        }
    }

    /// HandleProbeRTT().
    fn handle_probe_rtt(&mut self, io: &mut Io, s: &Sample, round_start: bool) {
        self.mark_app_limited(s.delivered, s.in_flight);
        if !self.flags.has(Flags::PROBE_RTT_TIMED) {
            if s.in_flight <= self.probe_rtt_cwnd(io) {
                self.of_state = (s.now as u16).wrapping_add(PROBE_RTT_DURATION);
                self.flags.set(Flags::PROBE_RTT_TIMED, true);
                self.flags.set(Flags::PROBE_RTT_ROUND_DONE, false);
                self.start_round(s);
            }
            return;
        }
        if round_start {
            self.flags.set(Flags::PROBE_RTT_ROUND_DONE, true);
        }
        if self.flags.has(Flags::PROBE_RTT_ROUND_DONE) {
            let confirmed = s.rate.is_some_and(|rs| rs.interval <= self.min_rtt.into());
            self.check_probe_rtt_done(io, s, confirmed);
        }
    }

    /// CheckProbeRTTDone(), ExitProbeRTT().
    fn check_probe_rtt_done(&mut self, io: &mut Io, s: &Sample, confirmed: bool) {
        let over = confirmed || (s.now as u16).wrapping_sub(self.of_state) as i16 > 0;
        if !self.flags.has(Flags::PROBE_RTT_TIMED) || !over {
            return;
        }
        self.probe_rtt_min_stamp = coarse(s.now);
        self.restore_cwnd(io);
        self.reset_shortterm_model();
        if self.flags.has(Flags::FULL_BW_REACHED) {
            self.start_down(io, s);
            self.state = State::Cruise;
        } else {
            self.state = State::Startup;
        }
    }

    /// HandleRestartFromIdle(), with nothing in flight.
    pub(super) fn restart_from_idle(&mut self, io: &mut Io, s: &Sample) {
        if !self.flags.has(Flags::BEGUN | Flags::APP_LIMITED) {
            return;
        }
        self.flags.set(Flags::IDLE_RESTART, true);
        self.extra_acked_start = s.now as u16;
        if self.state.is_probe_bw() {
            self.set_pacing_rate(io, 100);
        } else if self.state == State::ProbeRtt {
            self.check_probe_rtt_done(io, s, false);
        }
    }

    /// SetPacingRateWithGain().
    fn set_pacing_rate(&self, io: &mut Io, gain: u32) {
        let rate = percent(percent(self.bw(), gain), PACING_MARGIN);
        if rate > 0 && (self.flags.has(Flags::FULL_BW_REACHED) || rate > io.pacing_rate) {
            io.pacing_rate = rate;
        }
    }

    fn probe_rtt_cwnd(&self, io: &Io) -> u32 {
        self.bdp_multiple(self.bw(), State::ProbeRtt.cwnd_gain(), io).max(min_pipe(io))
    }

    /// SetCwnd().
    fn set_cwnd(&mut self, io: &mut Io, s: &Sample) {
        let most = self.bdp_multiple(self.bw(), self.state.cwnd_gain(), io).saturating_add(self.extra_acked());
        let most = self.quantized(most, io);
        if self.flags.has(Flags::FULL_BW_REACHED) {
            io.cwnd = io.cwnd.saturating_add(s.newly_delivered).min(most);
        } else if io.cwnd < most || s.delivered < io.initial_cwnd {
            io.cwnd = io.cwnd.saturating_add(s.newly_delivered);
        }
        io.cwnd = io.cwnd.max(min_pipe(io));
        if self.state == State::ProbeRtt {
            io.cwnd = io.cwnd.min(self.probe_rtt_cwnd(io));
        }
        // BoundCwndForModel().
        let cap = match self.state {
            State::Down | State::Refill | State::Up => self.inflight_longterm.get(),
            State::Cruise | State::ProbeRtt => self.with_headroom(io),
            State::Startup | State::Drain => u32::MAX,
        };
        io.cwnd = io.cwnd.min(cap.min(self.inflight_shortterm.get()).max(min_pipe(io)));
    }
}
