//! BBR at work on a connection: what it sees of it, and what becomes of its decisions.

use super::{Bbr, Io};
use crate::components::congestion_control::{Ack, Algorithm, Cause, Cc, Sample, initial_window, pacing};
use crate::ffi::{Wnd, wnd};

/// What BBR sees of a connection.
fn io(cc: &Cc<'_>) -> Io {
    Io {
        cwnd: cc.cwnd().into(),
        pacing_rate: cc.pacing_rate(),
        mss: u32::from(cc.mss()).max(1),
        initial_cwnd: initial_window(cc.mss().into()),
        recovering: cc.has(crate::pcb::Bit::IN_FAST_RECOVERY | crate::pcb::Bit::RTO),
        random: cc.core().random(),
    }
}

fn decide(cc: &Cc<'_>, io: &Io) {
    cc.set_cwnd(wnd(io.cwnd.max(io.mss)));
    pacing::set_rate(cc, io.pacing_rate.max(io.mss));
}

/// The state of the connection without news.
fn still(cc: &Cc<'_>) -> Sample {
    Sample {
        now: cc.core().clock(),
        newly_delivered: 0,
        newly_lost: 0,
        prior_in_flight: cc.pipe(),
        in_flight: cc.pipe(),
        delivered: cc.delivered(),
        rate: None,
    }
}

impl Algorithm for Bbr {
    fn on_ack(&mut self, _cc: &Cc<'_>, _ack: &Ack) {}

    fn reduced(&mut self, cc: &Cc<'_>, _cause: Cause) -> Wnd {
        cc.ssthresh()
    }

    fn on_fast_retransmit(&mut self, cc: &Cc<'_>) {
        self.enter_recovery(&io(cc));
    }

    fn on_partial_ack(&mut self, _cc: &Cc<'_>, _acked: u32) {}

    fn on_recovered(&mut self, cc: &Cc<'_>) {
        let mut io = io(cc);
        self.restore_cwnd(&mut io);
        decide(cc, &io);
    }

    fn on_timeout(&mut self, cc: &Cc<'_>) {
        let mut io = io(cc);
        self.enter_rto(&mut io, cc.pipe());
        decide(cc, &io);
    }

    #[cfg(ecn)]
    fn on_mark(&mut self, cc: &Cc<'_>) {
        self.take_mark(&io(cc), &still(cc));
    }

    fn on_undone(&mut self, cc: &Cc<'_>) {
        let mut io = io(cc);
        self.undo(&mut io, &still(cc));
        decide(cc, &io);
    }

    fn on_sample(&mut self, cc: &Cc<'_>, sample: &Sample) {
        let mut io = io(cc);
        self.update(&mut io, sample);
        decide(cc, &io);
    }

    fn on_restart(&mut self, cc: &Cc<'_>, _idle: u32) {
        let mut io = io(cc);
        self.restart_from_idle(&mut io, &still(cc));
        decide(cc, &io);
    }

    fn on_app_limited(&mut self, cc: &Cc<'_>) {
        self.mark_app_limited(cc.delivered(), cc.pipe());
    }
}
