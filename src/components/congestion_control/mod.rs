//! Congestion control: cwnd, ssthresh and the algorithm that moves them (RFC 5681, RFC 6582, RFC 3465, RFC 3390).

use crate::ffi::diagnostics::{Event, debug};
use crate::ffi::{Wnd, config, wnd};
#[cfg(bbr)]
use crate::pcb::{Bit, State};
use crate::pcb::{Own, Pcb};

/// Makes this component's view of a PCB: see `pcb/fields.rs`.
pub(crate) struct Owner {
    _private: (),
}

#[cfg(bbr)]
mod bbr;
#[cfg(cubic)]
mod cubic;
#[cfg(ecn)]
pub(crate) mod ecn;
#[cfg(hystart)]
mod hystart;
mod newreno;
#[cfg(pacing)]
pub(crate) mod pacing;
#[cfg(any(cubic, pacing))]
mod short;

#[cfg(bbr)]
pub(crate) use bbr::Bbr;
#[cfg(cubic)]
pub(crate) use cubic::Cubic;
#[cfg(hystart)]
use hystart::HyStart;
#[cfg(sack_recovery)]
pub(crate) use newreno::NewReno;
#[cfg(not(sack_recovery))]
use newreno::NewReno;
#[cfg(pacing)]
pub(crate) use short::Short;

type Cc<'c> = Own<'c, Owner>;

fn own(pcb: Pcb<'_>) -> Cc<'_> {
    Own::new(pcb, Owner { _private: () })
}

/// Data of ours were acknowledged, outside of recovery.
#[derive(Clone, Copy)]
pub(crate) struct Ack {
    /// So many octets.
    pub(crate) acked: u32,
    /// What a timeout made us send again is still outstanding.
    pub(crate) after_timeout: bool,
}

/// Why the window is reduced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    /// A segment was lost.
    Loss,
    /// The path has marked one (RFC 3168).
    #[cfg(ecn)]
    Mark,
}

/// What an algorithm has to decide. It sees the whole connection and moves the congestion window.
trait Algorithm {
    /// Data were acknowledged, outside of recovery.
    fn on_ack(&mut self, cc: &Cc<'_>, ack: &Ack);
    /// The new ssthresh, at the beginning of a recovery, at the first timeout of a segment, or for a mark.
    fn reduced(&mut self, cc: &Cc<'_>, cause: Cause) -> Wnd;

    /// What HyStart++ has seen of the first slow start; none of an algorithm that has a beginning of its own.
    #[cfg(hystart)]
    fn hystart(&mut self) -> Option<&mut HyStart> {
        None
    }

    /// RFC 9406 4.3: after a loss or a mark slow start is that of RFC 5681.
    fn end_first_slow_start(&mut self) {
        #[cfg(hystart)]
        if let Some(state) = self.hystart() {
            state.end();
        }
    }

    /// By how much an ACK opens the window. RFC 3465 2.3: by what was acknowledged, two segments at most; L = 1 while recovering from a
    /// timeout. The first slow start of a connection is HyStart++'s, if that is built.
    fn slow_start(&mut self, cc: &Cc<'_>, ack: &Ack) -> u32 {
        #[cfg(hystart)]
        if let (Some(state), false) = (self.hystart(), ack.after_timeout) {
            if let Some(octets) = hystart::slow_start(state, cc, ack) {
                return octets;
            }
        }
        let mss = u32::from(cc.mss());
        let limit = if ack.after_timeout { mss } else { 2 * mss };
        limit.min(ack.acked)
    }

    /// Before a reduction, which may turn out needless.
    fn remember(&mut self, cc: &Cc<'_>) {
        self.end_first_slow_start();
        #[cfg(sack_recovery)]
        {
            cc.set_prior_cwnd(cc.cwnd());
            cc.set_prior_ssthresh(cc.ssthresh());
        }
        let _ = cc;
    }

    /// A loss was detected.
    fn on_fast_retransmit(&mut self, cc: &Cc<'_>) {
        self.remember(cc);
        let ssthresh = self.reduced(cc, Cause::Loss);
        cc.set_ssthresh(ssthresh);
        // Three segments have left the network (RFC 5681 3.2, step 3).
        cc.set_cwnd(ssthresh);
        grow(**cc, 3 * u32::from(cc.mss()));
    }

    /// One more duplicate ACK in recovery: a segment has left the network.
    fn on_duplicate_ack(&mut self, cc: &Cc<'_>) {
        // Not more segments than are in flight can have left the network, whatever the peer says (RFC 5681 3.2, step 4).
        let limit = u32::from(cc.ssthresh()).wrapping_add(cc.snd_nxt() - cc.lastack());
        let cwnd = u32::from(cc.cwnd());
        cc.set_cwnd(wnd(cwnd.wrapping_add(cc.mss().into()).min(limit.max(cwnd))));
    }

    /// `acked` octets were acknowledged in recovery, and more was lost.
    fn on_partial_ack(&mut self, cc: &Cc<'_>, acked: u32) {
        // RFC 6582 3.2, step 3: deflate by what was acknowledged, and add back a segment if that was one at least.
        let mss = u32::from(cc.mss());
        let deflated = u32::from(cc.cwnd()).saturating_sub(acked);
        // Not more than there was, or a segment.
        cc.set_cwnd(if acked >= mss { deflated + mss } else { deflated.max(mss) } as Wnd);
    }

    /// Everything that was outstanding when the loss was detected is acknowledged.
    fn on_recovered(&mut self, cc: &Cc<'_>) {
        cc.set_cwnd(cc.ssthresh());
        cc.set_bytes_acked(0);
    }

    /// The retransmission timer expired.
    fn on_timeout(&mut self, cc: &Cc<'_>) {
        // RFC 5681 3.1: the first timeout of a segment decides.
        if cc.nrtx() == 0 {
            self.remember(cc);
            let ssthresh = self.reduced(cc, Cause::Loss);
            cc.set_ssthresh(ssthresh);
        }
        // The loss window of RFC 5681 3.1.
        cc.set_cwnd(cc.mss().into());
        cc.set_bytes_acked(0);
    }

    /// The path has marked a packet of ours.
    #[cfg(ecn)]
    fn on_mark(&mut self, cc: &Cc<'_>) {
        self.end_first_slow_start();
        let ssthresh = self.reduced(cc, Cause::Mark);
        cc.set_ssthresh(ssthresh);
        cc.set_cwnd(cc.cwnd().min(ssthresh));
        cc.set_bytes_acked(0);
    }

    /// The last of these reductions was needless.
    #[cfg(sack_recovery)]
    fn on_undone(&mut self, cc: &Cc<'_>) {
        cc.set_cwnd(cc.cwnd().max(cc.prior_cwnd()));
        cc.set_ssthresh(cc.ssthresh().max(cc.prior_ssthresh()));
    }

    /// What an ACK of a connection with SACK tells of the path, in recovery as well.
    #[cfg(sack_recovery)]
    fn on_sample(&mut self, cc: &Cc<'_>, _sample: &Sample) {
        #[cfg(pacing)]
        pacing::follow_window(cc);
        let _ = cc;
    }

    /// Something is to be sent, and nothing is in flight; for `idle` milliseconds nothing was heard of the peer.
    #[cfg(sack_recovery)]
    fn on_restart(&mut self, cc: &Cc<'_>, idle: u32) {
        #[cfg(cwnd_validation)]
        validate(cc, idle);
        let _ = (cc, idle);
    }

    /// There is no more to send, though the window has room.
    #[cfg(sack_recovery)]
    fn on_app_limited(&mut self, _cc: &Cc<'_>) {}
}

/// What an ACK of a connection with SACK tells of the path.
#[derive(Clone, Copy, Debug)]
#[cfg(sack_recovery)]
#[allow(dead_code)] // not every algorithm reads all of it
pub(crate) struct Sample {
    /// The clock, in milliseconds.
    pub(crate) now: u32,
    /// Octets that were delivered, acknowledged or SACKed for the first time.
    pub(crate) newly_delivered: u32,
    /// Octets that were found to be lost.
    pub(crate) newly_lost: u32,
    /// Octets that were in the network before,
    pub(crate) prior_in_flight: u32,
    /// and that are now.
    pub(crate) in_flight: u32,
    /// Octets delivered since the connection began.
    pub(crate) delivered: u32,
    /// The delivery rate, if it could be measured.
    pub(crate) rate: Option<RateSample>,
}

/// A sample of the delivery rate (draft-ietf-ccwg-bbr, "Delivery Rate Samples"): while one segment was on its way.
#[derive(Clone, Copy, Debug)]
#[cfg(sack_recovery)]
#[allow(dead_code)] // see above
pub(crate) struct RateSample {
    /// So many octets were delivered
    pub(crate) delivered: u32,
    /// in so many milliseconds, from its transmission to its acknowledgment: its round trip.
    pub(crate) interval: u32,
    /// Octets that had been delivered in all when it was sent.
    pub(crate) prior_delivered: u32,
}

/// The algorithms to choose from, each with what it has to remember.
#[cfg(cc_state)]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Control {
    /// See [`NewReno`].
    NewReno(NewReno),
    /// See [`Cubic`].
    #[cfg(cubic)]
    Cubic(Cubic),
    /// See [`Bbr`].
    #[cfg(bbr)]
    Bbr(Bbr),
}

#[cfg(cc_state)]
impl Control {
    /// What a new PCB has.
    pub(crate) const ZERO: Self = Self::NewReno(NewReno::NEW);

    /// By the number that C calls it; none if it is not built.
    #[cfg(cc_choice)]
    fn numbered(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::ZERO),
            #[cfg(cubic)]
            1 => Some(Self::Cubic(Cubic::default())),
            #[cfg(bbr)]
            2 => Some(Self::Bbr(Bbr::default())),
            _ => None,
        }
    }
}

/// Calls the algorithm that the connection has.
macro_rules! with_algorithm {
    ($cc:expr, $algorithm:ident => $call:expr) => {{
        #[cfg(not(cc_state))]
        {
            let mut stateless = NewReno::NEW;
            let $algorithm = &mut stateless;
            $call
        }
        #[cfg(cc_state)]
        {
            let mut control = $cc.control();
            let result = match &mut control {
                Control::NewReno($algorithm) => $call,
                #[cfg(cubic)]
                Control::Cubic($algorithm) => $call,
                #[cfg(bbr)]
                Control::Bbr($algorithm) => $call,
            };
            $cc.set_control(control);
            result
        }
    }};
}

/// The algorithm goes on from there, if it is one that uses HyStart++.
#[cfg(hystart)]
fn set_hystart(cc: &Cc<'_>, new: HyStart) {
    with_algorithm!(cc, algorithm => if let Some(state) = algorithm.hystart() {
        *state = new;
    });
}

/// What may be in flight.
fn window(pcb: Pcb<'_>) -> Wnd {
    pcb.cwnd().min(pcb.snd_wnd())
}

/// `part` / `whole` of a window, and at least two segments.
#[cfg(any(cubic, ecn))]
fn share(cc: &Cc<'_>, window: Wnd, part: u32, whole: u32) -> Wnd {
    let share = (u64::from(u32::from(window)) * u64::from(part)).checked_div(whole.into()).unwrap_or(0) as u32;
    wnd(share).max(Wnd::from(cc.mss()).saturating_mul(2))
}

/// Half of what may be in flight, and at least two segments: RFC 5681, equation 4, with lwIP's measure of FlightSize.
#[cfg_attr(small, inline(never))]
fn halved(pcb: Pcb<'_>) -> Wnd {
    wnd((u32::from(window(pcb)) / 2).max(2 * u32::from(pcb.mss())))
}

/// The window gets larger.
#[inline(always)]
fn grow(pcb: Pcb<'_>, octets: u32) {
    let cc = own(pcb);
    cc.set_cwnd(wnd(u32::from(cc.cwnd()).saturating_add(octets)));
}

/// A new PCB.
pub(crate) fn init(pcb: Pcb<'_>) {
    let cc = own(pcb);
    cc.set_cwnd(1);
    cc.set_ssthresh(wnd(config::TCP_SND_BUF));
    choose(pcb, config::CC_DEFAULT as u8);
}

/// Chooses the algorithm by its number: 0 NewReno, 1 CUBIC, 2 BBR. It goes on with the window that there is. False
/// if it is not built, or needs SACK and the peer has none.
pub(crate) fn choose(pcb: Pcb<'_>, number: u8) -> bool {
    #[cfg(cc_choice)]
    {
        let control = Control::numbered(number.into());
        #[cfg(bbr)]
        let control = control.filter(|control| needs_no_sack(control) || may_have_sack(pcb));
        if let Some(control) = control {
            let cc = own(pcb);
            #[cfg(hystart)]
            let state = with_algorithm!(cc, algorithm => algorithm.hystart().copied());
            cc.set_control(control);
            #[cfg(hystart)]
            set_hystart(&cc, state.unwrap_or(HyStart::starting(pcb.snd_nxt())));
        }
        control.is_some()
    }
    #[cfg(not(cc_choice))]
    {
        let _ = pcb;
        number == 0
    }
}

/// What lwip_tcp_rust_info() says of congestion control; rates in octets per second.
#[derive(Clone, Copy, Default)]
pub(crate) struct Report {
    pub(crate) algorithm: u8,
    pub(crate) pacing_rate: u32,
    pub(crate) delivery_rate: u32,
    pub(crate) ecn_marks: u16,
}

/// See [`Report`].
pub(crate) fn report(pcb: Pcb<'_>) -> Report {
    #[cfg(not(cc_choice))]
    let (algorithm, delivery_rate) = (0, 0);
    #[cfg(cc_choice)]
    let (algorithm, delivery_rate) = match pcb.control() {
        Control::NewReno(_) => (0, 0),
        #[cfg(cubic)]
        Control::Cubic(_) => (1, 0),
        #[cfg(bbr)]
        Control::Bbr(bbr) => (2, bbr.bandwidth()),
    };
    let _ = pcb;
    Report {
        algorithm,
        delivery_rate,
        #[cfg(pacing)]
        pacing_rate: pcb.pacing_rate(),
        #[cfg(not(pacing))]
        pacing_rate: 0,
        #[cfg(ecn)]
        ecn_marks: pcb.ecn_marks(),
        #[cfg(not(ecn))]
        ecn_marks: 0,
    }
}

/// BBR learns from SACKs.
#[cfg(bbr)]
fn needs_no_sack(control: &Control) -> bool {
    !matches!(control, Control::Bbr(_))
}

/// The peer has SACK, or it is not known yet.
#[cfg(bbr)]
fn may_have_sack(pcb: Pcb<'_>) -> bool {
    pcb.state() < State::Established || pcb.has(Bit::SACK)
}

/// Whether recovery reduces what is sent at a loss by itself (RFC 6937), as suits controllers that halve their windows.
#[cfg(sack_recovery)]
pub(crate) fn is_reduced_by_recovery(pcb: Pcb<'_>) -> bool {
    #[cfg(bbr)]
    return needs_no_sack(&pcb.control());
    #[cfg(not(bbr))]
    {
        let _ = pcb;
        true
    }
}

/// RFC 3390: min(4 MSS, max(2 MSS, 4380 octets)); with LWIP_TCP_RUST_IW10 RFC 6928: min(10 MSS, max(2 MSS, 14600 octets)).
fn initial_window(mss: u32) -> u32 {
    let (segments, octets) = if cfg!(iw10) { (10, 14_600) } else { (4, 4380) };
    (segments * mss).min((2 * mss).max(octets))
}

/// The SYN was acknowledged.
#[inline(never)]
pub(crate) fn on_established(pcb: Pcb<'_>) {
    #[cfg(bbr)]
    if !needs_no_sack(&pcb.control()) && !may_have_sack(pcb) {
        choose(pcb, cfg!(cubic).into());
    }
    let cc = own(pcb);
    cc.set_cwnd(wnd(initial_window(pcb.mss().into())));
    #[cfg(hystart)]
    set_hystart(&cc, HyStart::starting(pcb.snd_nxt()));
    trace(pcb);
}

/// `acked` octets were acknowledged, outside of recovery.
pub(crate) fn on_ack(pcb: Pcb<'_>, acked: u32, after_timeout: bool) {
    let cc = own(pcb);
    let ack = Ack { acked, after_timeout };
    with_algorithm!(cc, algorithm => algorithm.on_ack(&cc, &ack));
    trace(pcb);
}

/// A duplicate ACK arrived in recovery.
pub(crate) fn on_duplicate_ack(pcb: Pcb<'_>) {
    let cc = own(pcb);
    with_algorithm!(cc, algorithm => algorithm.on_duplicate_ack(&cc));
}

/// Three duplicate ACKs: fast retransmit.
pub(crate) fn on_fast_retransmit(pcb: Pcb<'_>) {
    let cc = own(pcb);
    #[cfg(ecn)]
    ecn::on_loss(pcb);
    with_algorithm!(cc, algorithm => algorithm.on_fast_retransmit(&cc));
    trace(pcb);
}

/// A partial ACK in recovery.
pub(crate) fn on_partial_ack(pcb: Pcb<'_>, acked: u32) {
    let cc = own(pcb);
    with_algorithm!(cc, algorithm => algorithm.on_partial_ack(&cc, acked));
}

/// The end of recovery.
pub(crate) fn on_recovered(pcb: Pcb<'_>) {
    let cc = own(pcb);
    with_algorithm!(cc, algorithm => algorithm.on_recovered(&cc));
    trace(pcb);
}

/// The retransmission timer expired.
pub(crate) fn on_timeout(pcb: Pcb<'_>) {
    let cc = own(pcb);
    #[cfg(ecn)]
    if pcb.nrtx() == 0 {
        ecn::on_loss(pcb);
    }
    with_algorithm!(cc, algorithm => algorithm.on_timeout(&cc));
    trace(pcb);
}

/// An ACK of a connection with SACK, whatever it says; after all other events that it is.
#[cfg(sack_recovery)]
pub(crate) fn on_sample(pcb: Pcb<'_>, sample: &Sample) {
    let cc = own(pcb);
    with_algorithm!(cc, algorithm => algorithm.on_sample(&cc, sample));
    trace(pcb);
}

/// The path has marked packets; at most once in a round trip.
#[cfg(ecn)]
fn on_mark(pcb: Pcb<'_>) {
    let cc = own(pcb);
    with_algorithm!(cc, algorithm => algorithm.on_mark(&cc));
}

/// See [`Algorithm::on_restart`]; `idle` is in milliseconds.
#[cfg(sack_recovery)]
pub(crate) fn on_restart(pcb: Pcb<'_>, idle: u32) {
    let cc = own(pcb);
    with_algorithm!(cc, algorithm => algorithm.on_restart(&cc, idle));
}

/// See [`Algorithm::on_app_limited`].
#[cfg(sack_recovery)]
pub(crate) fn on_app_limited(pcb: Pcb<'_>) {
    let cc = own(pcb);
    with_algorithm!(cc, algorithm => algorithm.on_app_limited(&cc));
}

/// A window that was not used for long says little of the path. RFC 7661 4.4: for five minutes it is kept, and what is sent
/// then is paced; after that it is halved. Without pacing RFC 5681 4.1: after an RTO the restart window.
#[cfg(cwnd_validation)]
fn validate(cc: &Cc<'_>, idle: u32) {
    const NON_VALIDATED_PERIOD: u32 = 300_000;
    let (cwnd, initial) = (cc.cwnd(), wnd(initial_window(cc.mss().into())));
    let rto = u32::from(cc.rto() as u16);
    if idle < rto || cwnd <= initial {
        return;
    }
    if cfg!(not(pacing)) || idle >= NON_VALIDATED_PERIOD {
        cc.set_ssthresh(cc.ssthresh().max(cwnd - cwnd / 4));
        cc.set_cwnd(if cfg!(pacing) { (cwnd / 2).max(initial) } else { initial });
        cc.set_bytes_acked(0);
    }
}

/// The last reduction was needless (RFC 4015), unless a mark has asked for it as well.
#[cfg(sack_recovery)]
pub(crate) fn on_undone(pcb: Pcb<'_>) {
    let cc = own(pcb);
    #[cfg(ecn)]
    if ecn::is_marked(pcb) {
        return;
    }
    with_algorithm!(cc, algorithm => algorithm.on_undone(&cc));
    trace(pcb);
}

/// tcp_connect starts anew.
pub(crate) fn on_connect(pcb: Pcb<'_>) {
    own(pcb).set_cwnd(1);
}

fn trace(pcb: Pcb<'_>) {
    let (cwnd, ssthresh): (u32, u32) = (pcb.cwnd().into(), pcb.ssthresh().into());
    debug(Event::CongestionWindow, cwnd, ssthresh);
}

#[cfg(test)]
mod tests;
