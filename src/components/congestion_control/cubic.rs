//! CUBIC (RFC 9438) in integers: octets and milliseconds.
//!
//! With C = 0.4 and beta = 0.7 as the RFC has them. What is less than an octet is kept in parts of one.

use super::short::Short;
use super::{Ack, Algorithm, Cause, Cc, grow, share, window};
use crate::ffi::{Wnd, wnd};

/// Time that is counted since an epoch began: then the window is 86,400 segments above W_max, more than lwIP can have.
const MOST_MS: u32 = 60_000;

/// Parts of an octet.
const FINE: u64 = 4096;

/// No ACK counts for more, so that products fit.
const MOST_ACKED: u32 = 1 << 20;

/// What CUBIC remembers. All zero is a new connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cubic {
    /// W_max: the window before the last reduction, or less for fast convergence; 0: not known.
    w_max: u32,
    /// W_max before that, in case it was needless.
    prior_w_max: Short,
    /// K: how long after the epoch's beginning the window is back at W_max, in milliseconds.
    k: u32,
    /// t_epoch, when congestion avoidance began,
    epoch: u32,
    /// if it has.
    in_epoch: bool,
    /// W_est: what Reno's window would be, in octets,
    w_est: u32,
    /// and parts of one.
    w_est_rest: u16,
    /// The same of cwnd.
    cwnd_rest: u16,
    #[cfg(hystart)]
    hystart: super::HyStart,
}

/// The cube root, rounded down.
fn cube_root(value: u64) -> u32 {
    let mut root = 0u64;
    // (2^21)^3 and less fits 63 bits; what is larger has this as its root here.
    for bit in (0..21).rev() {
        let candidate = root | 1 << bit;
        if candidate * candidate * candidate <= value {
            root = candidate;
        }
    }
    root as u32
}

fn ratio(part: u64, whole: u64) -> u64 {
    part.checked_div(whole).unwrap_or(0)
}

/// RFC 9438 4.2, figure 2: K = cubic_root((W_max - cwnd_epoch) / C), in milliseconds; windows in octets.
pub(super) fn k(w_max: u32, cwnd_epoch: u32, mss: u32) -> u32 {
    // (ms)^3 = segments * 2.5 * 10^9.
    cube_root(ratio(u64::from(w_max.saturating_sub(cwnd_epoch)) * 2_500_000_000, mss.into()))
}

/// RFC 9438 4.2, figure 1: W_cubic(t) = C * (t - K)^3 + W_max, in octets; t and K in milliseconds.
pub(super) fn w_cubic(t: u32, k: u32, w_max: u32, mss: u32) -> u32 {
    let d = u64::from(t.abs_diff(k).min(MOST_MS));
    let change = (d * d * d * u64::from(mss.min(0xffff)) / 2_500_000_000) as u32;
    if t < k { w_max.saturating_sub(change) } else { w_max.saturating_add(change) }
}

/// Adds parts of an octet to octets and a rest.
fn add(octets: u32, rest: &mut u16, parts: u64) -> u32 {
    let sum = parts.saturating_add(u64::from(*rest));
    *rest = (sum % FINE) as u16;
    octets.saturating_add((sum / FINE).min(u32::MAX.into()) as u32)
}

impl Cubic {
    fn begin_epoch(&mut self, cwnd: u32, mss: u32, now: u32) {
        self.in_epoch = true;
        self.epoch = now;
        self.w_est = cwnd;
        (self.w_est_rest, self.cwnd_rest) = (0, 0);
        if cwnd < self.w_max {
            self.k = k(self.w_max, cwnd, mss);
        } else {
            // 4.8, 4.10: after a timeout, or where slow start has ended by itself.
            self.k = 0;
            self.w_max = cwnd;
        }
    }

    /// Congestion avoidance: the window after `acked` octets, of a connection whose window was `prior` before the last
    /// reduction.
    pub(super) fn avoid(&mut self, cwnd: u32, mss: u32, acked: u32, prior: u32, clock: (u32, u32)) -> u32 {
        let (now, rtt) = clock;
        if !self.in_epoch {
            self.begin_epoch(cwnd, mss, now);
        }
        let t = now.wrapping_sub(self.epoch);
        let acked = u64::from(acked.min(cwnd).min(MOST_ACKED));
        // 4.3, figure 4: alpha_cubic is 9/17 until the window before the reduction is reached, then 1.
        let (part, whole) = if self.w_est < prior { (9, 17) } else { (1, 1) };
        let parts = ratio(acked * u64::from(mss) * part * FINE, u64::from(cwnd) * whole);
        self.w_est = add(self.w_est, &mut self.w_est_rest, parts);
        if w_cubic(t, self.k, self.w_max, mss) < self.w_est {
            return cwnd.max(self.w_est);
        }
        // 4.4, 4.5: towards where the curve is in a round trip, but by no more than half the window in one.
        let curve = w_cubic(t.saturating_add(rtt), self.k, self.w_max, mss);
        let target = curve.min(cwnd.saturating_add(cwnd / 2)).max(cwnd);
        let parts = ratio(u64::from(target - cwnd) * acked * FINE, cwnd.into());
        add(cwnd, &mut self.cwnd_rest, parts)
    }

    /// 4.6, 4.7: what the window was becomes W_max; if it did not come so far as the last time, a bit less.
    pub(super) fn on_congestion(&mut self, window: u32) {
        self.prior_w_max = Short::of(self.w_max);
        self.w_max = if window < self.w_max { (u64::from(window) * 17 / 20) as u32 } else { window };
        self.in_epoch = false;
    }
}

#[cfg(test)]
impl Cubic {
    pub(super) fn last_maximum(&self) -> u32 {
        self.w_max
    }
}

impl Algorithm for Cubic {
    #[cfg(hystart)]
    fn hystart(&mut self) -> Option<&mut super::HyStart> {
        Some(&mut self.hystart)
    }

    fn on_ack(&mut self, cc: &Cc<'_>, ack: &Ack) {
        let (cwnd, mss) = (u32::from(cc.cwnd()), u32::from(cc.mss()));
        // 5.8, RFC 7661 4.3: a window that is not used is not known to be good, and does not grow. lastack has moved already.
        let flight = (cc.snd_nxt() - cc.lastack()).saturating_add(ack.acked);
        if cc.cwnd() < cc.ssthresh() {
            self.in_epoch = false;
            if flight.saturating_mul(2) >= cwnd {
                grow(**cc, self.slow_start(cc, ack));
            }
        } else if flight.saturating_add(mss.saturating_mul(2)) < cwnd {
            self.in_epoch = false;
        } else {
            let clock = (cc.core().clock(), u32::from(cc.sa() as u16) / 4);
            cc.set_cwnd(wnd(self.avoid(cwnd, mss, ack.acked, cc.prior_cwnd().into(), clock)));
        }
    }

    fn reduced(&mut self, cc: &Cc<'_>, cause: Cause) -> Wnd {
        let flight = wnd(cc.snd_nxt() - cc.lastack());
        let used = window(**cc).min(flight.max(Wnd::from(cc.mss()).saturating_mul(2)));
        self.on_congestion(used.into());
        match cause {
            Cause::Loss => share(cc, used, 7, 10),
            // RFC 8511 3.1: beta_ecn = 0.85.
            #[cfg(ecn)]
            Cause::Mark => share(cc, used, 17, 20),
        }
    }

    fn on_timeout(&mut self, cc: &Cc<'_>) {
        if cc.nrtx() == 0 {
            self.remember(cc);
            let ssthresh = self.reduced(cc, Cause::Loss);
            cc.set_ssthresh(ssthresh);
            // 4.8: W_max is what slow start comes to.
            self.w_max = 0;
        }
        cc.set_cwnd(cc.mss().into());
    }

    fn on_undone(&mut self, cc: &Cc<'_>) {
        // 4.9.
        cc.set_cwnd(cc.cwnd().max(cc.prior_cwnd()));
        cc.set_ssthresh(cc.ssthresh().max(cc.prior_ssthresh()));
        self.w_max = self.prior_w_max.get();
        self.in_epoch = false;
    }
}
