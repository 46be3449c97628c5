//! The symbols of our own: version and connection introspection. cbindgen makes include/lwip_tcp_rust.h of this file, so
//! what stands here is for C programmers.

#![warn(clippy::missing_docs_in_private_items)]

use super::bindings::tcp_pcb;
use super::exports::enter;
#[cfg(cc_choice)]
use crate::components::congestion_control::choose;
use crate::components::congestion_control::report;
use crate::components::rod::{Times, flight, times};
use crate::pcb::{Bit, Pcb, State};
use core::ffi::c_char;

/// What lwip_tcp_rust_info() says of a connection, like Linux's TCP_INFO.
///
/// Times are in milliseconds, in steps of the slow timer (TCP_SLOW_INTERVAL, 500 by default) unless LWIP_TCP_RUST_FINE_TIMERS
/// is on; windows, buffers and MSS in octets. Counters wrap. What belongs to an option that lwipopts.h leaves out is 0, unless
/// said otherwise.
#[repr(C)]
#[derive(Clone, Copy, Default)]
#[allow(non_camel_case_types)]
pub struct lwip_tcp_rust_info {
    /// `enum tcp_state`.
    pub state: u8,
    /// LWIP_TCP_RUST_OPT_x: what both sides have agreed on.
    pub options: u8,
    /// Timeouts in a row without an answer (RFC 6298 5.5).
    pub retries: u8,
    /// 1 while fast recovery is under way (RFC 6582, 6675).
    pub in_recovery: u8,
    /// Smoothed round-trip time (SRTT of RFC 6298 2), 0 before the first sample.
    pub srtt_ms: u32,
    /// Its mean deviation (RTTVAR).
    pub rttvar_ms: u32,
    /// Retransmission timeout (RTO), back-off included.
    pub rto_ms: u32,
    /// Congestion window (cwnd of RFC 5681 2).
    pub cwnd: u32,
    /// Slow start threshold (ssthresh of RFC 5681 3.1).
    pub ssthresh: u32,
    /// The peer's receive window (SND.WND of RFC 9293 3.3.1).
    pub snd_wnd: u32,
    /// Our receive window (RCV.WND).
    pub rcv_wnd: u32,
    /// Largest segment that is sent: data and TCP options (RFC 9293 3.7.1, MUST-16).
    pub mss: u32,
    /// Octets sent and not acknowledged (SND.NXT less SND.UNA), a SYN or FIN among them.
    pub in_flight: u32,
    /// Free octets of the send buffer.
    pub snd_buf: u32,
    /// pbufs in the send queue.
    pub snd_queuelen: u32,
    /// Octets of ours that were acknowledged since the connection began, SYN and FIN not counted. With `in_flight` those that were
    /// sent.
    pub bytes_acked: u32,
    /// Octets received in order since the connection began, SYN and FIN not counted.
    pub bytes_received: u32,
    /// Segments sent, retransmissions and pure ACKs included.
    pub segments_sent: u32,
    /// Segments received, acceptable or not.
    pub segments_received: u32,
    /// Segments sent again.
    pub retransmissions: u32,
    /// Duplicate ACKs received (RFC 5681 2), counted in 16 bits.
    pub duplicate_acks: u32,
    /// Segments that wait out of sequence (TCP_QUEUE_OOSEQ).
    pub ooseq_segments: u32,
    /// With LWIP_TCP_RUST_SACK: octets in the network, as far as is known (RFC 6675: pipe); else as `in_flight`.
    pub pipe: u32,
    /// With LWIP_TCP_RUST_SACK: octets that the peer has, and cannot acknowledge yet (RFC 2018).
    pub sacked: u32,
    /// With LWIP_TCP_RUST_SACK: octets that are lost, and were not sent again yet.
    pub lost: u32,
    /// With LWIP_TCP_RUST_SACK: reductions of `cwnd` that were needless, and undone.
    pub spurious: u32,
    /// With LWIP_TCP_RUST_RACK: the shortest round trip (RFC 8985 6.2), 0 before the first sample.
    pub min_rtt_ms: u32,
    /// LWIP_TCP_RUST_CC_x: the congestion control.
    pub congestion_control: u32,
    /// With LWIP_TCP_RUST_PACING: octets per second that are sent at most, 0 if as fast as ACKs come.
    pub pacing_rate: u32,
    /// With BBR: octets per second that the path delivers, as far as is known; else 0.
    pub delivery_rate: u32,
    /// With LWIP_TCP_RUST_ECN: marks received (CE), and marks of which the peer has told (ECE; RFC 3168 6.1). Ends at 65535.
    pub ecn_marks: u32,
}

/// Window scaling (RFC 7323), in `options`.
pub const LWIP_TCP_RUST_OPT_WND_SCALE: u8 = 1;
/// Timestamps (RFC 7323), in `options`.
pub const LWIP_TCP_RUST_OPT_TIMESTAMPS: u8 = 2;
/// Selective acknowledgments (RFC 2018), in `options`.
pub const LWIP_TCP_RUST_OPT_SACK: u8 = 4;

/// Explicit congestion notification (RFC 3168), in `options`.
pub const LWIP_TCP_RUST_OPT_ECN: u8 = 8;

/// NewReno (RFC 5681, 6582), always there: for lwip_tcp_rust_set_congestion_control().
pub const LWIP_TCP_RUST_CC_NEWRENO: u8 = 0;
/// CUBIC (RFC 9438), with LWIP_TCP_RUST_CUBIC.
pub const LWIP_TCP_RUST_CC_CUBIC: u8 = 1;
/// BBR version 3 (draft-ietf-ccwg-bbr), with LWIP_TCP_RUST_BBR.
pub const LWIP_TCP_RUST_CC_BBR: u8 = 2;

/// Chooses the congestion control of `pcb`: one of LWIP_TCP_RUST_CC_x. A new connection has LWIP_TCP_RUST_CC_DEFAULT, and what a
/// listener accepts as well.
///
/// It is there with LWIP_TCP_RUST_CUBIC or LWIP_TCP_RUST_BBR; without, the linker does not find it. It may be called at any time
/// between tcp_new(), or the accept callback, and the end of the connection, with lwIP's core lock held; a connection that sends
/// already goes on with the window that it has. Returns ERR_OK, or ERR_ARG if `pcb` is no living connection, or lwipopts.h does not
/// build the algorithm; then nothing changes.
#[cfg(cc_choice)]
#[unsafe(no_mangle)]
pub extern "C" fn lwip_tcp_rust_set_congestion_control(pcb: *mut tcp_pcb, algorithm: u8) -> i8 {
    let core = enter();
    match core.find(pcb) {
        Some(pcb) if choose(pcb, algorithm) => 0,
        _ => super::Error::ARG.code(),
    }
}

/// Sets the user timeout of `pcb` (RFC 9293 3.8.3, RFC 5482), in milliseconds, 24 days (2073600000) at most; like Linux's
/// TCP_USER_TIMEOUT. 0, which is what a new connection has, and what a listener accepts as well: it is given up after TCP_MAXRTX
/// retransmissions, TCP_SYNMAXRTX of a SYN.
///
/// With a timeout the connection is given up when what it has queued, its SYN and FIN too, was not acknowledged for so long, be it that
/// the peer is silent or that its window is closed, and the numbers above do not count. The application's err callback is called with
/// ERR_ABRT, the PCB being freed already; the peer is not told. Keep-alive, if it is on, gives up when the peer was not heard of
/// for so long and one probe at least is unanswered, in steps of TCP_SLOW_INTERVAL, instead of after `keep_cnt` of them.
///
/// It is there with LWIP_TCP_RUST_USER_TIMEOUT; without, the linker does not find it. It may be called at any time between
/// tcp_new(), or the accept callback, and the end of the connection, with lwIP's core lock held; what waits already has waited
/// since it was queued, so that a connection may end at the next timer. The peer is neither told of it nor asked for its own (the
/// option of RFC 5482 is not sent, and ignored). Returns ERR_OK, ERR_ARG if `pcb` is no living connection, or ERR_VAL if `ms` is
/// too much; then nothing changes.
#[cfg(user_timeout)]
#[unsafe(no_mangle)]
pub extern "C" fn lwip_tcp_rust_set_user_timeout(pcb: *mut tcp_pcb, ms: u32) -> i8 {
    let mut core = enter();
    let Some(pcb) = core.find(pcb) else { return super::Error::ARG.code() };
    if !crate::components::rod::set_user_timeout(pcb, ms) {
        return super::Error::VAL.code();
    }
    let id = pcb.id();
    crate::timer::fine::update(&mut core, id);
    0
}

/// The version of the core, null-terminated, for ever valid.
#[unsafe(no_mangle)]
pub extern "C" fn lwip_tcp_rust_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// Fills `info` with what is known of the connection `pcb`.
///
/// Call it as any function of the raw API: with lwIP's core lock held. Returns ERR_OK, or ERR_ARG if `info` is NULL or
/// `pcb` is no living connection (a listener, say); then `info` is unchanged.
///
/// # Safety
/// `info` is null or points to a writable `lwip_tcp_rust_info`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lwip_tcp_rust_info(pcb: *const tcp_pcb, info: *mut lwip_tcp_rust_info) -> i8 {
    let core = enter();
    match core.find(pcb) {
        Some(pcb) if !info.is_null() => {
            // SAFETY: the caller's.
            unsafe { info.write(describe(pcb)) };
            0
        }
        _ => super::Error::ARG.code(),
    }
}

/// What there is to tell of a connection.
fn describe(pcb: Pcb<'_>) -> lwip_tcp_rust_info {
    let Times { srtt, rttvar, rto } = times(pcb);
    let (flight, report) = (flight(pcb), report(pcb));
    // SYN and FIN take a sequence number each (RFC 9293 3.4), and are no data.
    let syn = u32::from(pcb.lastack() != pcb.iss());
    let state = pcb.state();
    let our_fin = matches!(state, State::FinWait2 | State::TimeWait);
    let their_fin = matches!(state, State::CloseWait | State::Closing | State::LastAck | State::TimeWait);
    lwip_tcp_rust_info {
        state: state as u8,
        options: options(pcb),
        retries: pcb.nrtx(),
        in_recovery: pcb.has(Bit::IN_FAST_RECOVERY).into(),
        srtt_ms: srtt,
        rttvar_ms: rttvar,
        rto_ms: rto,
        cwnd: pcb.cwnd().into(),
        ssthresh: pcb.ssthresh().into(),
        snd_wnd: pcb.snd_wnd().into(),
        rcv_wnd: pcb.rcv_wnd().into(),
        mss: pcb.mss().into(),
        in_flight: pcb.snd_nxt() - pcb.lastack(),
        snd_buf: pcb.snd_buf().into(),
        snd_queuelen: pcb.snd_queuelen().into(),
        bytes_acked: (pcb.lastack() - pcb.iss()).saturating_sub(syn + u32::from(our_fin)),
        bytes_received: (pcb.rcv_nxt() - pcb.irs()).saturating_sub(1 + u32::from(their_fin)),
        segments_sent: pcb.segments_out(),
        segments_received: pcb.segments_in(),
        retransmissions: pcb.retransmissions().into(),
        duplicate_acks: pcb.duplicate_acks().into(),
        ooseq_segments: crate::components::rod::ooseq_len(pcb),
        pipe: flight.pipe,
        sacked: flight.sacked,
        lost: flight.lost,
        spurious: flight.spurious,
        min_rtt_ms: flight.min_rtt,
        congestion_control: report.algorithm.into(),
        pacing_rate: report.pacing_rate,
        delivery_rate: report.delivery_rate,
        ecn_marks: report.ecn_marks.into(),
    }
}

/// LWIP_TCP_RUST_OPT_x of a connection.
fn options(pcb: Pcb<'_>) -> u8 {
    let mut options = 0;
    #[cfg(lwip_wnd_scale)]
    if pcb.has(Bit::WND_SCALE) {
        options |= LWIP_TCP_RUST_OPT_WND_SCALE;
    }
    #[cfg(lwip_tcp_timestamps)]
    if pcb.has(Bit::TIMESTAMPS) {
        options |= LWIP_TCP_RUST_OPT_TIMESTAMPS;
    }
    #[cfg(lwip_tcp_sack_out)]
    if pcb.has(Bit::SACK) {
        options |= LWIP_TCP_RUST_OPT_SACK;
    }
    #[cfg(ecn)]
    if crate::components::congestion_control::ecn::is_on(pcb) {
        options |= LWIP_TCP_RUST_OPT_ECN;
    }
    let _ = (pcb, &mut options);
    options
}
