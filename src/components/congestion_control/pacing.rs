//! Pacing (LWIP_TCP_RUST_PACING): segments leave at a rate instead of in bursts.
//!
//! The clock has milliseconds, so what leaves at once is what the rate gives in one, or two segments if that is more. What was
//! sent before its time is a debt, which time pays off.

use super::{Cc, Short, own};
use crate::pcb::Pcb;

impl Pcb<'_> {
    /// Octets per second; 0 is as fast as may be.
    pub(crate) fn pacing_rate(self) -> u32 {
        self.pacing_rate_kept().get()
    }
}

/// Octets per second; 0 is as fast as may be.
pub(super) fn set_rate(cc: &Cc<'_>, rate: u32) {
    pay(cc);
    cc.set_pacing_rate_kept(Short::of(rate));
}

/// For controllers without a rate of their own: the window per round trip, and a share more so that the window stays the limit:
/// twice that in slow start, a fifth more then.
pub(super) fn follow_window(cc: &Cc<'_>) {
    let quarters = u32::from(cc.sa() as u16);
    let gain: u64 = if cc.cwnd() < cc.ssthresh() { 2000 } else { 1200 };
    let rate = (u64::from(u32::from(cc.cwnd())) * gain * 4).checked_div(quarters.into()).unwrap_or(0);
    set_rate(cc, rate.min(u32::MAX.into()) as u32);
}

/// What may be sent ahead of time.
pub(super) fn allowance(rate: u32, mss: u32) -> u32 {
    (rate / 1000).max(mss)
}

/// What is left of a debt after `ms`.
pub(super) fn left(debt: u32, rate: u32, ms: u32) -> u32 {
    let paid = u64::from(rate) * u64::from(ms) / 1000;
    u64::from(debt).saturating_sub(paid) as u32
}

/// How many milliseconds it takes until so much of a debt is paid.
pub(super) fn time_for(octets: u32, rate: u32) -> u32 {
    (u64::from(octets) * 1000).div_ceil(u64::from(rate.max(1))).min(10_000) as u32
}

/// Time has gone by. Below a thousand octets per second a millisecond pays for less than an octet: then it waits for whole ones.
fn pay(cc: &Cc<'_>) {
    let now = cc.core().clock() as u16;
    let ms = u32::from(now.wrapping_sub(cc.pace_time()));
    let debt = Short::of(left(cc.pace_debt().get(), cc.pacing_rate(), ms));
    if debt != cc.pace_debt() || debt == Short::ZERO {
        cc.set_pace_debt(debt);
        cc.set_pace_time(now);
    }
}

fn excess(cc: &Cc<'_>) -> u32 {
    pay(cc);
    cc.pace_debt().get().saturating_sub(allowance(cc.pacing_rate(), cc.mss().into()))
}

/// A segment may leave now.
pub(crate) fn may_send(pcb: Pcb<'_>) -> bool {
    pcb.pacing_rate() == 0 || excess(&own(pcb)) == 0
}

/// One has left.
pub(crate) fn on_sent(pcb: Pcb<'_>, octets: u32) {
    if pcb.pacing_rate() != 0 {
        let cc = own(pcb);
        pay(&cc);
        cc.set_pace_debt(Short::of(pcb.pace_debt().get().saturating_add(octets)));
    }
}

/// When something that waits may leave, if it is pacing that it waits for: in milliseconds of the clock.
pub(crate) fn deadline(pcb: Pcb<'_>) -> Option<u32> {
    if pcb.pacing_rate() == 0 || pcb.unsent_is_empty() {
        return None;
    }
    let excess = excess(&own(pcb));
    (excess > 0).then(|| pcb.core().clock().wrapping_add(time_for(excess, pcb.pacing_rate()).max(1)))
}
