//! Congestion control: cwnd, ssthresh and the algorithm that moves them (RFC 5681, RFC 6582, RFC 3465, RFC 3390).

use crate::ffi::diagnostics::{Event, debug};
use crate::ffi::{Wnd, config, wnd};
use crate::pcb::{Own, Pcb};

/// Makes this component's view of a PCB: see `pcb/fields.rs`.
pub(crate) struct Owner {
    _private: (),
}

type Cc<'c> = Own<'c, Owner>;

fn own(pcb: Pcb<'_>) -> Cc<'_> {
    Own::new(pcb, Owner { _private: () })
}

/// What an algorithm has to decide. It sees the whole connection and moves the congestion window.
trait Algorithm {
    /// `acked` octets were acknowledged outside of recovery; `after_timeout`: while what a timeout made us send again is
    /// still outstanding.
    fn on_ack(cc: &Cc<'_>, acked: Wnd, after_timeout: bool);
    /// A loss was detected by duplicate ACKs.
    fn on_fast_retransmit(cc: &Cc<'_>);
    /// One more duplicate ACK in recovery: a segment has left the network.
    fn on_duplicate_ack(cc: &Cc<'_>);
    /// `acked` octets were acknowledged in recovery, and more was lost.
    fn on_partial_ack(cc: &Cc<'_>, acked: Wnd);
    /// Everything that was outstanding when the loss was detected is acknowledged.
    fn on_recovered(cc: &Cc<'_>);
    /// The retransmission timer expired.
    fn on_timeout(cc: &Cc<'_>);
    /// The last of these reductions was needless.
    #[cfg(sack_recovery)]
    fn on_undone(cc: &Cc<'_>);
}

/// The algorithm in use.
type Chosen = NewReno;

/// RFC 5681 and 6582, with appropriate byte counting (RFC 3465, L = 2).
struct NewReno;

impl Algorithm for NewReno {
    fn on_ack(cc: &Cc<'_>, acked: Wnd, after_timeout: bool) {
        let (cwnd, mss) = (cc.cwnd(), Wnd::from(cc.mss()));
        if cwnd < cc.ssthresh() {
            // Slow start. RFC 3465 2.3: L = 1 while recovering from a timeout.
            let limit = if after_timeout { mss } else { mss.saturating_mul(2) };
            cc.set_cwnd(cwnd.saturating_add(acked.min(limit)));
        } else {
            let counted = cc.bytes_acked().saturating_add(acked);
            if counted >= cwnd {
                cc.set_bytes_acked(counted - cwnd);
                cc.set_cwnd(cwnd.saturating_add(mss));
            } else {
                cc.set_bytes_acked(counted);
            }
        }
    }

    fn on_fast_retransmit(cc: &Cc<'_>) {
        remember(cc);
        let ssthresh = halved(cc);
        cc.set_ssthresh(ssthresh);
        // Three segments have left the network (RFC 5681 3.2, step 3).
        cc.set_cwnd(ssthresh.saturating_add(Wnd::from(cc.mss()).saturating_mul(3)));
    }

    fn on_duplicate_ack(cc: &Cc<'_>) {
        // Not more segments than are in flight can have left the network, whatever the peer says (RFC 5681 3.2, step 4).
        let in_flight = wnd(cc.snd_nxt() - cc.lastack());
        let limit = cc.ssthresh().saturating_add(in_flight);
        cc.set_cwnd(cc.cwnd().saturating_add(cc.mss().into()).min(limit.max(cc.cwnd())));
    }

    fn on_partial_ack(cc: &Cc<'_>, acked: Wnd) {
        // RFC 6582 3.2, step 3: deflate by what was acknowledged, and add back a segment if that was one at least.
        let mss = Wnd::from(cc.mss());
        let deflated = cc.cwnd().saturating_sub(acked);
        cc.set_cwnd(if acked >= mss { deflated.saturating_add(mss) } else { deflated }.max(mss));
    }

    fn on_recovered(cc: &Cc<'_>) {
        cc.set_cwnd(cc.ssthresh());
        cc.set_bytes_acked(0);
    }

    fn on_timeout(cc: &Cc<'_>) {
        // RFC 5681 3.1: the first timeout of a segment decides.
        if cc.nrtx() == 0 {
            remember(cc);
            cc.set_ssthresh(halved(cc));
        }
        // The loss window of RFC 5681 3.1.
        cc.set_cwnd(cc.mss().into());
        cc.set_bytes_acked(0);
    }

    #[cfg(sack_recovery)]
    fn on_undone(cc: &Cc<'_>) {
        cc.set_cwnd(cc.cwnd().max(cc.prior_cwnd()));
        cc.set_ssthresh(cc.ssthresh().max(cc.prior_ssthresh()));
    }
}

/// Before a reduction, which may turn out needless.
fn remember(cc: &Cc<'_>) {
    #[cfg(sack_recovery)]
    {
        cc.set_prior_cwnd(cc.cwnd());
        cc.set_prior_ssthresh(cc.ssthresh());
    }
    let _ = cc;
}

/// Half of what may be in flight, and at least two segments: RFC 5681, equation 4, with lwIP's measure of FlightSize.
fn halved(cc: &Cc<'_>) -> Wnd {
    let window = cc.cwnd().min(cc.snd_wnd());
    (window / 2).max(Wnd::from(cc.mss()).saturating_mul(2))
}

/// A new PCB.
pub(crate) fn init(pcb: Pcb<'_>) {
    let cc = own(pcb);
    cc.set_cwnd(1);
    cc.set_ssthresh(wnd(config::TCP_SND_BUF));
}

/// The SYN was acknowledged: the initial window of RFC 3390, min(4 MSS, max(2 MSS, 4380 octets)).
pub(crate) fn on_established(pcb: Pcb<'_>) {
    let mss = u32::from(pcb.mss());
    own(pcb).set_cwnd(wnd((4 * mss).min((2 * mss).max(4380))));
    trace(pcb);
}

/// `acked` octets were acknowledged, outside of recovery.
pub(crate) fn on_ack(pcb: Pcb<'_>, acked: Wnd, after_timeout: bool) {
    Chosen::on_ack(&own(pcb), acked, after_timeout);
    trace(pcb);
}

/// A duplicate ACK arrived in recovery.
pub(crate) fn on_duplicate_ack(pcb: Pcb<'_>) {
    Chosen::on_duplicate_ack(&own(pcb));
}

/// Three duplicate ACKs: fast retransmit.
pub(crate) fn on_fast_retransmit(pcb: Pcb<'_>) {
    Chosen::on_fast_retransmit(&own(pcb));
    trace(pcb);
}

/// A partial ACK in recovery.
pub(crate) fn on_partial_ack(pcb: Pcb<'_>, acked: Wnd) {
    Chosen::on_partial_ack(&own(pcb), acked);
}

/// The end of recovery.
pub(crate) fn on_recovered(pcb: Pcb<'_>) {
    Chosen::on_recovered(&own(pcb));
    trace(pcb);
}

/// The retransmission timer expired.
pub(crate) fn on_timeout(pcb: Pcb<'_>) {
    Chosen::on_timeout(&own(pcb));
    trace(pcb);
}

/// The last reduction was needless (RFC 4015).
#[cfg(sack_recovery)]
pub(crate) fn on_undone(pcb: Pcb<'_>) {
    Chosen::on_undone(&own(pcb));
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
