//! RFC 5681 and 6582, with appropriate byte counting (RFC 3465, L = 2).

use super::{Ack, Algorithm, Cause, Cc, grow, halved};
use crate::ffi::Wnd;

/// All of its own state is in lwIP's struct: cwnd, ssthresh, bytes_acked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NewReno {
    #[cfg(hystart)]
    hystart: super::HyStart,
}

impl NewReno {
    pub(crate) const NEW: Self = Self {
        #[cfg(hystart)]
        hystart: super::HyStart::ZERO,
    };
}

/// RFC 3465 2.1: by how much an ACK opens the window in congestion avoidance. By a segment for each window that is acknowledged.
fn avoid(cc: &Cc<'_>, ack: &Ack) -> u32 {
    let cwnd = u32::from(cc.cwnd());
    // No more than two windows.
    let counted = u32::from(cc.bytes_acked()).wrapping_add(ack.acked);
    let (left, octets) = if counted < cwnd { (counted, 0) } else { (counted - cwnd, cc.mss().into()) };
    cc.set_bytes_acked(left as Wnd);
    octets
}

impl Algorithm for NewReno {
    #[cfg(hystart)]
    fn hystart(&mut self) -> Option<&mut super::HyStart> {
        Some(&mut self.hystart)
    }

    #[inline(always)]
    fn on_ack(&mut self, cc: &Cc<'_>, ack: &Ack) {
        let octets = if cc.cwnd() < cc.ssthresh() { self.slow_start(cc, ack) } else { avoid(cc, ack) };
        grow(**cc, octets);
    }

    fn reduced(&mut self, cc: &Cc<'_>, cause: Cause) -> Wnd {
        match cause {
            Cause::Loss => halved(**cc),
            // RFC 8511 3.1: beta_ecn = 0.8.
            #[cfg(ecn)]
            Cause::Mark => super::share(cc, super::window(**cc), 4, 5),
        }
    }
}
