//! Reliable ordered delivery: sequence space, retransmission, round-trip times, reassembly, acknowledgments.

#[cfg(rack)]
mod log;
#[cfg(rack)]
mod rack;
mod receive;
#[cfg(sack_recovery)]
mod recovery;
mod retransmit;
#[cfg_attr(fine_timers, path = "rtt_ms.rs")]
mod rtt;
#[cfg(lwip_tcp_sack_out)]
mod sack;
#[cfg(sack_recovery)]
mod scoreboard;
mod send;
#[cfg(user_timeout)]
mod user_timeout;

#[cfg(rack)]
pub(crate) use log::{SendLog, Sent};
#[cfg(rack)]
pub(crate) use rack::on_probe_timer;
pub(crate) use receive::{
    Incoming, add_refused_data, free_ooseq, mark_refused_fin, ooseq_len, put_refused_data, receive, take_refused_data,
};
#[cfg(sack_recovery)]
#[cfg(rack)]
pub(crate) use recovery::on_reordering_timer;
#[cfg(sack_recovery)]
pub(crate) use recovery::{Change, Received as AckNews, allows, on_ack, set_quota};
#[cfg(path_mtu)]
pub(crate) use retransmit::retransmit_path_probe;
pub(crate) use retransmit::{
    FastRetransmit, NewAck, Recovery, fast_retransmit, is_in_recovery, on_duplicate_ack, on_new_ack, on_resent,
    retransmit_all, retransmit_first,
};
#[cfg(rack)]
pub(crate) use rtt::on_output;
#[cfg(not(fine_timers))]
pub(crate) use rtt::on_tick;
#[cfg(fine_timers)]
pub(crate) use rtt::{Timer, next_deadline, start_persist_timer, take_expired_timer};
pub(crate) use rtt::{is_ack_due, on_ack_for_timing, on_timeout, restart_timer, rto_in_ticks};
#[cfg(lwip_tcp_sack_out)]
pub(crate) use sack::blocks_to_report;
#[cfg(sack_recovery)]
pub(crate) use sack::report_duplicate;
#[cfg(sack_recovery)]
pub(crate) use scoreboard::uses_sack;
#[cfg(path_mtu)]
pub(crate) use send::is_front_busy;
pub(crate) use send::{
    Front, LastUnsent, NewData, back_to_unsent, copy_front, enqueue, forget_oversize, front, is_continued_by,
    last_unsent, mark_fin_on_last, on_data_queued, on_probe, on_segment_sent, on_timing, oversize, split_front,
    take_front,
};
#[cfg(user_timeout)]
pub(crate) use user_timeout::{has_user_timeout, is_out_of_patience, set_user_timeout, user_deadline};

#[cfg(lwip_tcp_timestamps)]
use crate::ffi::config;
use crate::pcb::{Bit, Own, Pcb};
use crate::wire::SeqNum;

/// Makes this component's view of a PCB: see `pcb/fields.rs`.
pub(crate) struct Owner {
    _private: (),
}

/// What lwip_tcp_rust_info() says of round trips, in milliseconds.
pub(crate) struct Times {
    pub(crate) srtt: u32,
    pub(crate) rttvar: u32,
    pub(crate) rto: u32,
}

/// See [`Times`].
pub(crate) fn times(pcb: Pcb<'_>) -> Times {
    rtt::times(pcb)
}

/// What it says of what is in flight.
#[derive(Default)]
pub(crate) struct Flight {
    pub(crate) pipe: u32,
    pub(crate) sacked: u32,
    pub(crate) lost: u32,
    pub(crate) spurious: u32,
    pub(crate) min_rtt: u32,
}

/// See [`Flight`].
pub(crate) fn flight(pcb: Pcb<'_>) -> Flight {
    let mut flight = Flight { pipe: pcb.snd_nxt() - pcb.lastack(), ..Flight::default() };
    #[cfg(sack_recovery)]
    if uses_sack(pcb) {
        flight.pipe = pcb.pipe();
        flight.sacked = pcb.sacked();
        flight.lost = scoreboard::lost(pcb);
        flight.spurious = pcb.spurious().into();
    }
    #[cfg(rack)]
    {
        flight.min_rtt = pcb.min_rtt().into();
    }
    let _ = &mut flight;
    flight
}

type Rod<'c> = Own<'c, Owner>;

fn own(pcb: Pcb<'_>) -> Rod<'_> {
    Own::new(pcb, Owner { _private: () })
}

/// A new PCB: the retransmission timer does not run.
pub(crate) fn init(pcb: Pcb<'_>) {
    rtt::init(&own(pcb));
}

/// tcp_connect: our SYN will have the number `iss`.
pub(crate) fn on_connect(pcb: Pcb<'_>, iss: SeqNum) {
    let rod = own(pcb);
    rod.set_rcv_nxt(SeqNum::new(0));
    rod.set_snd_nxt(iss);
    rod.set_lastack(iss - 1);
    rod.set_snd_lbb(iss - 1);
}

/// A SYN reached a listener: its sequence number, and the one that our SYN will have.
pub(crate) fn on_syn_in_listen(pcb: Pcb<'_>, seq: SeqNum, iss: SeqNum) {
    let rod = own(pcb);
    rod.set_rcv_nxt(seq + 1);
    rod.set_snd_nxt(iss);
    rod.set_lastack(iss);
    rod.set_snd_lbb(iss);
}

/// A SYN arrived in SYN-SENT; `ack` is the acknowledgment of ours, if it has one.
pub(crate) fn on_syn_in_syn_sent(pcb: Pcb<'_>, seq: SeqNum, ack: Option<SeqNum>) {
    let mut rod = own(pcb);
    rod.set_rcv_nxt(seq + 1);
    let Some(ack) = ack else { return };
    rod.set_lastack(ack);
    #[cfg(user_timeout)]
    user_timeout::on_progress(&rod);
    rod.set_snd_queuelen(pcb.snd_queuelen().wrapping_sub(1));
    // The SYN is the first segment there is: in flight, or about to be sent again.
    let (mut unsent, mut unacked) = rod.unsent_and_unacked();
    drop(unacked.pop_front().or_else(|| unsent.pop_front()));
    if unacked.is_empty() {
        rtt::stop_timer(&rod);
    } else {
        rod.set_nrtx(0);
        rtt::restart_timer(pcb);
    }
}

/// Something calls for an ACK (tcp_ack): every second segment at once, others by the fast timer (RFC 9293 3.8.6.3).
fn ack_delayed(pcb: Pcb<'_>) {
    let rod = own(pcb);
    if pcb.has(Bit::ACK_DELAY) {
        rod.clear(Bit::ACK_DELAY);
        rod.raise(Bit::ACK_NOW);
    } else {
        rod.raise(Bit::ACK_DELAY);
        rtt::delay_ack(&rod);
    }
}

/// An ACK is to go out as soon as tcp_input is done with the segment.
pub(crate) fn ack_now(pcb: Pcb<'_>) {
    own(pcb).raise(Bit::ACK_NOW);
}

/// An ACK went out.
pub(crate) fn on_ack_sent(pcb: Pcb<'_>) {
    own(pcb).clear(Bit::ACK_DELAY | Bit::ACK_NOW);
    #[cfg(sack_recovery)]
    if pcb.core().duplicate().is_some_and(|(id, _)| id == pcb.id()) {
        pcb.core().set_duplicate(None);
    }
}

/// An ACK could not be sent: the timer tries again.
pub(crate) fn on_ack_failed(pcb: Pcb<'_>) {
    let rod = own(pcb);
    rod.raise(Bit::ACK_DELAY | Bit::ACK_NOW);
    rtt::delay_ack(&rod);
}

/// An acknowledgment of everything up to RCV.NXT is about to go out (RFC 7323 4.3: Last.ACK.sent).
pub(crate) fn on_ack_built(pcb: Pcb<'_>) {
    let rod = own(pcb);
    #[cfg(lwip_tcp_timestamps)]
    rod.set_ts_lastacksent(pcb.rcv_nxt());
    rod.set_segments_out(pcb.segments_out().wrapping_add(1));
}

/// Memory ran out, or the interface could not send: tcp_txnow and the next opportunity try again.
pub(crate) fn set_memory_error(pcb: Pcb<'_>, failed: bool) {
    let rod = own(pcb);
    if failed { rod.raise(Bit::MEMORY_ERROR) } else { rod.clear(Bit::MEMORY_ERROR) }
}

/// tcp_write failed for lack of memory, or the application has heard that there is some again.
pub(crate) fn set_wants_memory(pcb: Pcb<'_>, wants: bool) {
    own(pcb).set_wants_memory(wants.into());
}

/// Frees everything that is queued; nothing will be sent or received any more.
pub(crate) fn purge(pcb: Pcb<'_>) {
    drop(own(pcb).take_refused_data());
    purge_queues(pcb);
}

/// The same, but for data that the application refused: it still gets them.
pub(crate) fn purge_queues(pcb: Pcb<'_>) {
    let mut rod = own(pcb);
    free_ooseq(pcb);
    rtt::stop_timer(&rod);
    let (mut unsent, mut unacked) = rod.unsent_and_unacked();
    unsent.clear();
    unacked.clear();
    rod.set_snd_queuelen(0);
    #[cfg(sack_recovery)]
    scoreboard::forget(&rod);
    #[cfg(tcp_oversize)]
    rod.set_unsent_oversize(0);
}

/// RFC 7323 5.3, R1: the timestamp of a segment is older than the latest one, and that is not too old itself (5.5).
#[cfg(lwip_tcp_timestamps)]
pub(crate) fn is_old_duplicate(pcb: Pcb<'_>, value: u32, now: u32) -> bool {
    /// 24 days, in slow ticks.
    const OUTDATED: u32 = 24 * 24 * 3600 * (1000 / config::TCP_SLOW_INTERVAL);
    pcb.has(Bit::TIMESTAMPS)
        && (value.wrapping_sub(pcb.ts_recent()) as i32) < 0
        && now.wrapping_sub(pcb.ts_recent_tick()) < OUTDATED
}

/// RFC 7323 4.3, (2): a valid segment that starts at or before Last.ACK.sent brings the timestamp to echo.
#[cfg(lwip_tcp_timestamps)]
pub(crate) fn on_timestamp(pcb: Pcb<'_>, value: u32, seq: SeqNum, syn: bool, now: u32) {
    if syn || (pcb.has(Bit::TIMESTAMPS) && seq.le(pcb.ts_lastacksent())) {
        let rod = own(pcb);
        rod.set_ts_recent(value);
        rod.set_ts_recent_tick(now);
    }
}

#[cfg(test)]
mod tests;
