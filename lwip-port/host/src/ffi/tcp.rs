//! TCP connections and listeners.

use super::registry::{Event, Id, next_id, note, with};
use super::stack::Lwip;
use super::{address, bindings as c, pbuf};
use bytes::Bytes;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// An `err_t` that is not ERR_OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// ERR_MEM, ERR_BUF: no memory, PCB or port.
    Memory,
    /// ERR_RTE, ERR_IF: no way there.
    Route,
    /// ERR_USE.
    InUse,
    /// ERR_RST: the peer's reset.
    Reset,
    /// ERR_ABRT: given up.
    Aborted,
    /// ERR_CLSD: closed by both sides.
    Closed,
    /// ERR_CONN: there is no such connection (any more).
    NotConnected,
    /// ERR_ISCONN, ERR_ALREADY.
    Connected,
    /// ERR_TIMEOUT.
    TimedOut,
    /// The rest: wrong arguments.
    Invalid,
}

impl Error {
    pub(super) fn from_code(code: c::err_t) -> Self {
        match c::err_enum_t::from(code) {
            c::ERR_MEM | c::ERR_BUF => Self::Memory,
            c::ERR_RTE | c::ERR_IF => Self::Route,
            c::ERR_USE => Self::InUse,
            c::ERR_RST => Self::Reset,
            c::ERR_ABRT => Self::Aborted,
            c::ERR_CLSD => Self::Closed,
            c::ERR_CONN => Self::NotConnected,
            c::ERR_ISCONN | c::ERR_ALREADY => Self::Connected,
            c::ERR_TIMEOUT => Self::TimedOut,
            _ => Self::Invalid,
        }
    }

    pub(crate) const fn kind(self) -> io::ErrorKind {
        match self {
            Self::Memory => io::ErrorKind::OutOfMemory,
            Self::Route => io::ErrorKind::NetworkUnreachable,
            Self::InUse => io::ErrorKind::AddrInUse,
            Self::Reset => io::ErrorKind::ConnectionReset,
            Self::Aborted | Self::TimedOut => io::ErrorKind::TimedOut,
            Self::Closed | Self::NotConnected => io::ErrorKind::NotConnected,
            Self::Connected => io::ErrorKind::AlreadyExists,
            Self::Invalid => io::ErrorKind::InvalidInput,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        error.kind().into()
    }
}

fn check(code: c::err_t) -> Result<(), Error> {
    if code == 0 { Ok(()) } else { Err(Error::from_code(code)) }
}

/// The state of a connection (RFC 9293 3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TcpState {
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

impl TcpState {
    fn from_c(state: u32) -> Self {
        match state {
            1 => Self::Listen,
            2 => Self::SynSent,
            3 => Self::SynReceived,
            4 => Self::Established,
            5 => Self::FinWait1,
            6 => Self::FinWait2,
            7 => Self::CloseWait,
            8 => Self::Closing,
            9 => Self::LastAck,
            10 => Self::TimeWait,
            _ => Self::Closed,
        }
    }
}

/// What is known of a connection, like Linux's TCP_INFO. Counters wrap; with C's TCP (`LWIP_USE_RUST_TCP=OFF`) those that it
/// does not keep are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpInfo {
    /// The state.
    pub state: TcpState,
    /// Smoothed round-trip time (RFC 6298); zero before the first sample.
    pub rtt: Duration,
    /// Its mean deviation.
    pub rtt_variance: Duration,
    /// Retransmission timeout, back-off included.
    pub rto: Duration,
    /// Congestion window, in octets.
    pub cwnd: u32,
    /// Slow start threshold, in octets.
    pub ssthresh: u32,
    /// The peer's receive window, in octets.
    pub send_window: u32,
    /// Our receive window, in octets.
    pub receive_window: u32,
    /// The largest segment that is sent, in octets of data.
    pub mss: u32,
    /// Octets sent and not acknowledged.
    pub in_flight: u32,
    /// Octets of ours that were acknowledged.
    pub bytes_acked: u32,
    /// Octets received in order.
    pub bytes_received: u32,
    /// Segments sent, retransmissions and pure ACKs included.
    pub segments_sent: u32,
    /// Segments received.
    pub segments_received: u32,
    /// Segments sent again.
    pub retransmissions: u32,
    /// Duplicate ACKs received.
    pub duplicate_acks: u32,
    /// Octets that the peer has, and cannot acknowledge yet (RFC 2018).
    pub sacked: u32,
    /// Octets that are lost, and were not sent again yet.
    pub lost: u32,
    /// Reductions of `cwnd` that were needless, and undone.
    pub spurious: u32,
    /// The congestion control; none with C's TCP, which has a Reno of its own.
    pub congestion_control: Option<CongestionControl>,
    /// Octets per second that are sent at most; 0: as fast as ACKs come.
    pub pacing_rate: u32,
    /// With BBR, octets per second that the path delivers, as far as is known; else 0.
    pub delivery_rate: u32,
    /// Whether both sides have agreed on explicit congestion notification (RFC 3168).
    pub ecn: bool,
    /// Marks received, and marks of which the peer has told. Ends at 65535.
    pub ecn_marks: u32,
}

/// Who says how much is sent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CongestionControl {
    /// RFC 5681, 6582.
    NewReno,
    /// RFC 9438.
    Cubic,
    /// BBR version 3 (draft-ietf-ccwg-bbr).
    Bbr,
}

/// When a silent peer is asked whether it is still there (RFC 9293 3.8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Between two probes.
    pub interval: Duration,
    /// How many go unanswered before the connection is given up.
    pub count: u32,
}

/// With less than this it is cheaper to copy than to keep a pbuf for it.
const COPIED: usize = 512;

/// `enum tcp_state`.
const TIME_WAIT: c::tcp_state = 10;

/// The living PCB of that name.
///
/// lwIP says when it frees one, with one exception: both sides have closed, and TIME-WAIT is over. So in TIME-WAIT a PCB is
/// gone for us: there is nothing left to ask of it. One that was freed from there and not used again still has that state,
/// since PCBs lie in a static pool; one that was used again has another name.
fn pcb(id: Id) -> Result<*mut c::tcp_pcb, Error> {
    let pcb = with(|registry| registry.tcp.get(&id).copied()).ok_or(Error::NotConnected)?;
    // SAFETY: it points into the static pool, whose elements are PCBs whether in use or not; nobody else uses lwIP.
    if unsafe { (*pcb).state == TIME_WAIT || (*pcb).callback_arg as usize != id.0 } {
        with(|registry| (registry.tcp.remove(&id), registry.sent.remove(&id)));
        return Err(Error::NotConnected);
    }
    Ok(pcb)
}

/// Octets that TCP has, in the order in which they will be acknowledged.
#[derive(Debug)]
pub(super) struct Sent {
    length: usize,
    /// What TCP refers to; none where it has a copy.
    _data: Option<Bytes>,
}

fn acknowledge(sent: &mut VecDeque<Sent>, mut length: usize) {
    while let Some(first) = sent.front_mut() {
        if first.length > length {
            first.length -= length;
            return;
        }
        length -= first.length;
        sent.pop_front();
    }
}

impl Lwip {
    /// Begins a handshake; `Connected` or `Failed` follows.
    pub(crate) fn tcp_connect(&mut self, id: Id, local: Option<SocketAddr>, to: SocketAddr) -> Result<(), Error> {
        // SAFETY: we have lwIP.
        let pcb = unsafe { c::tcp_new_ip_type(c::IPADDR_TYPE_ANY as u8) };
        if pcb.is_null() {
            return Err(Error::Memory);
        }
        with(|registry| registry.tcp.insert(id, pcb));
        // SAFETY: we have lwIP, and the PCB is a new one.
        unsafe { attach(pcb, id) };
        let remote = address::remote(to.ip(), address::zone(&to));
        // SAFETY: as above; the addresses are copied.
        let code = unsafe {
            let bound = match local {
                Some(from) => {
                    let local = address::local(from.ip(), address::zone(&from));
                    c::tcp_bind(pcb, &raw const local, from.port())
                }
                None => 0,
            };
            if bound == 0 { c::tcp_connect(pcb, &raw const remote, to.port(), Some(on_connected)) } else { bound }
        };
        if code != 0 {
            self.tcp_abort(id);
        }
        check(code)
    }

    /// Listens at an address.
    pub(crate) fn tcp_listen(&mut self, id: Id, at: SocketAddr, backlog: u8) -> Result<SocketAddr, Error> {
        // SAFETY: we have lwIP.
        let pcb = unsafe { c::tcp_new_ip_type(c::IPADDR_TYPE_ANY as u8) };
        if pcb.is_null() {
            return Err(Error::Memory);
        }
        let local = address::local(at.ip(), address::zone(&at));
        if self.listens_in_the_way(at) {
            // SAFETY: we have lwIP, and the PCB is a new one, on no list.
            unsafe { c::tcp_abort(pcb) };
            return Err(Error::InUse);
        }
        let mut code: c::err_t = 0;
        // SAFETY: we have lwIP, and the PCB is a new one; tcp_listen frees it if it returns another.
        unsafe {
            // As std does on Unix: connections of an earlier listener, in TIME-WAIT say, are not in the way.
            (*pcb).so_options |= c::SOF_REUSEADDR as u8;
            code = match c::tcp_bind(pcb, &raw const local, at.port()) {
                0 => code,
                bound => bound,
            };
            let listener = if code == 0 {
                c::tcp_listen_with_backlog_and_err(pcb, backlog, &raw mut code)
            } else {
                std::ptr::null_mut()
            };
            if listener.is_null() {
                c::tcp_abort(pcb);
                return Err(Error::from_code(code));
            }
            c::tcp_arg(listener, id.0 as *mut c_void);
            c::tcp_accept(listener, Some(on_accept));
            with(|registry| registry.listeners.insert(id, listener));
            let listener = &*listener.cast::<c::tcp_pcb_listen>();
            let mut at = address::socket(&listener.local_ip, listener.local_port);
            if u32::from(listener.local_ip.type_) == c::IPADDR_TYPE_ANY {
                at.set_ip(std::net::Ipv6Addr::UNSPECIFIED.into());
            }
            Ok(at)
        }
    }

    /// Whether a listener on that port would take connections that are for this address, or this one its: as Linux has it,
    /// SO_REUSEADDR or not. lwIP with SOF_REUSEADDR only looks for an equal address.
    fn listens_in_the_way(&self, at: SocketAddr) -> bool {
        let wanted = address::local(at.ip(), address::zone(&at));
        with(|registry| {
            registry.listeners.values().any(|&listener| {
                // SAFETY: we have lwIP; a listener in the table is alive.
                let listener = unsafe { &*listener.cast::<c::tcp_pcb_listen>() };
                at.port() != 0 && listener.local_port == at.port() && address::overlap(&listener.local_ip, &wanted)
            })
        })
    }

    /// Ends a listener.
    pub(crate) fn tcp_unlisten(&mut self, id: Id) {
        if let Some(pcb) = with(|registry| registry.listeners.remove(&id)) {
            // SAFETY: we have lwIP; the listener was in the table, so it is alive. Closing one cannot fail.
            unsafe { c::tcp_close(pcb) };
        }
    }

    /// Gives the place in the backlog free: the program has accepted the connection.
    pub(crate) fn tcp_accepted(&mut self, id: Id) {
        if let Ok(pcb) = pcb(id) {
            // SAFETY: we have lwIP, and the PCB is alive.
            unsafe { c::tcp_backlog_accepted(pcb) };
        }
    }

    /// The program has read so much: the window opens again.
    pub(crate) fn tcp_recved(&mut self, id: Id, mut length: usize) {
        while length > 0 {
            let step = u16::try_from(length).unwrap_or(u16::MAX);
            let Ok(pcb) = pcb(id) else { return };
            // SAFETY: we have lwIP, and the PCB is alive.
            unsafe { c::tcp_recved(pcb, step) };
            length -= usize::from(step);
        }
    }

    /// Queues from the start of `data` as much as there is room for, takes that off it, and returns how much it was. TCP sends
    /// it from where it is: it is kept until it is acknowledged or the connection is gone.
    pub(crate) fn tcp_write(&mut self, id: Id, data: &mut Bytes) -> Result<usize, Error> {
        let pcb = pcb(id)?;
        // SAFETY: we have lwIP, and the PCB is alive.
        let room = unsafe { (*pcb).snd_buf } as usize;
        let length = data.len().min(room).min(u16::MAX.into());
        if length == 0 {
            return Ok(0);
        }
        // PSH on the last segment of what the program has given (RFC 9293 3.9.1.2, MUST-61).
        let more = if length < data.len() { c::TCP_WRITE_FLAG_MORE } else { 0 };
        let flags = more | if length <= COPIED { c::TCP_WRITE_FLAG_COPY } else { 0 };
        // SAFETY: as above; `data` has as many octets. What is not copied is kept below, until `on_sent` says that the peer has
        // it, or the PCB is freed: `on_err`, `tcp_abort`. A packet that waits for an address, and may outlive both, has a copy
        // (PBUF_NEEDS_COPY in port/lwipopts.h), and a device has sent it, or has a copy, when it returns.
        check(unsafe { c::tcp_write(pcb, data.as_ptr().cast(), length as u16, flags as u8) })?;
        let taken = data.split_to(length);
        let kept = (length > COPIED).then_some(taken);
        with(|registry| registry.sent.entry(id).or_default().push_back(Sent { length, _data: kept }));
        Ok(length)
    }

    /// How many octets of data that were not sent yet lie in that memory.
    #[cfg(test)]
    pub(crate) fn tcp_unsent_within(&mut self, id: Id, memory: std::ops::Range<*const u8>) -> usize {
        let mut octets = 0;
        // SAFETY: we have lwIP, the PCB is alive, and its queue is a list of segments with a chain each.
        unsafe {
            let mut next = pcb(id).ok().and_then(|pcb| (*pcb).unsent.as_ref());
            while let Some(segment) = next {
                let mut part = segment.p.as_ref();
                while let Some(pbuf) = part {
                    if memory.contains(&pbuf.payload.cast_const().cast()) {
                        octets += usize::from(pbuf.len);
                    }
                    part = pbuf.next.as_ref();
                }
                next = segment.next.as_ref();
            }
        }
        octets
    }

    /// Sends what is queued, as far as the windows allow.
    pub(crate) fn tcp_output(&mut self, id: Id) {
        if let Ok(pcb) = pcb(id) {
            // SAFETY: we have lwIP, and the PCB is alive. What it cannot send now stays queued.
            unsafe { c::tcp_output(pcb) };
        }
    }

    /// Whether data was handed to TCP that the peer has not acknowledged.
    pub(crate) fn tcp_has_unacknowledged(&self, id: Id) -> bool {
        with(|registry| registry.sent.get(&id).is_some_and(|sent| !sent.is_empty()))
    }

    /// Sends a FIN after what is queued.
    pub(crate) fn tcp_finish(&mut self, id: Id) -> Result<(), Error> {
        // SAFETY: we have lwIP, and the PCB is alive.
        check(unsafe { c::tcp_shutdown(pcb(id)?, 0, 1) })
    }

    /// Closes: lwIP sends what is queued and a FIN, and does the rest by itself. Data that nobody has read makes it a reset.
    ///
    /// Afterwards the connection is not known here any more. `Ok(true)`: it was reset.
    ///
    /// # Errors
    /// `Memory`: there is none for the FIN. Try again.
    pub(crate) fn tcp_close(&mut self, id: Id) -> Result<bool, Error> {
        let pcb = pcb(id)?;
        // SAFETY: we have lwIP, and the PCB is alive.
        if unsafe { (*pcb).rcv_wnd < window(pcb) } {
            self.tcp_abort(id);
            return Ok(true);
        }
        // SAFETY: as above; after success the pointer is not used any more.
        check(unsafe { c::tcp_close(pcb) })?;
        with(|registry| registry.tcp.remove(&id));
        Ok(false)
    }

    /// Resets. No event follows.
    pub(crate) fn tcp_abort(&mut self, id: Id) {
        if let Ok(pcb) = pcb(id) {
            with(|registry| registry.tcp.remove(&id));
            // SAFETY: we have lwIP, and the PCB is alive. Without a callback nothing is noted.
            unsafe {
                c::tcp_err(pcb, None);
                c::tcp_abort(pcb);
            }
        }
        with(|registry| registry.sent.remove(&id));
    }

    /// Frees what closes by itself.
    pub(super) fn tcp_abort_all(&mut self) {
        // SAFETY: we have lwIP. Each turn takes the head off its list, so it ends.
        unsafe {
            while let Some(pcb) = c::tcp_active_pcbs.as_mut() {
                c::tcp_err(pcb, None);
                c::tcp_abort(pcb);
            }
            while !c::tcp_tw_pcbs.is_null() {
                c::tcp_abort(c::tcp_tw_pcbs);
            }
        }
        with(|registry| registry.sent.clear());
    }

    /// Both ends: (own, peer's).
    pub(crate) fn tcp_addresses(&mut self, id: Id) -> Result<(SocketAddr, SocketAddr), Error> {
        // SAFETY: we have lwIP, and the PCB is alive.
        let pcb = unsafe { &*pcb(id)? };
        Ok((address::socket(&pcb.local_ip, pcb.local_port), address::socket(&pcb.remote_ip, pcb.remote_port)))
    }

    /// Whether small segments wait for an ACK (RFC 896).
    pub(crate) fn tcp_nagle(&mut self, id: Id) -> Result<bool, Error> {
        // SAFETY: we have lwIP, and the PCB is alive.
        Ok(u32::from(unsafe { (*pcb(id)?).flags }) & c::TF_NODELAY == 0)
    }

    pub(crate) fn tcp_set_nagle(&mut self, id: Id, on: bool) -> Result<(), Error> {
        let pcb = pcb(id)?;
        // SAFETY: we have lwIP, and the PCB is alive; this is what the macros tcp_nagle_x do.
        unsafe {
            if on {
                (*pcb).flags &= !(c::TF_NODELAY as c::tcpflags_t);
            } else {
                (*pcb).flags |= c::TF_NODELAY as c::tcpflags_t;
            }
        }
        Ok(())
    }

    /// Time to live, or hop limit.
    pub(crate) fn tcp_ttl(&mut self, id: Id) -> Result<u8, Error> {
        // SAFETY: we have lwIP, and the PCB is alive.
        Ok(unsafe { (*pcb(id)?).ttl })
    }

    pub(crate) fn tcp_set_ttl(&mut self, id: Id, ttl: u8) -> Result<(), Error> {
        // SAFETY: we have lwIP, and the PCB is alive.
        unsafe { (*pcb(id)?).ttl = ttl };
        Ok(())
    }

    pub(crate) fn tcp_keepalive(&mut self, id: Id) -> Result<Option<Keepalive>, Error> {
        // SAFETY: we have lwIP, and the PCB is alive.
        let pcb = unsafe { &*pcb(id)? };
        Ok((u32::from(pcb.so_options) & c::SOF_KEEPALIVE != 0).then(|| Keepalive {
            idle: Duration::from_millis(pcb.keep_idle.into()),
            interval: Duration::from_millis(pcb.keep_intvl.into()),
            count: pcb.keep_cnt,
        }))
    }

    pub(crate) fn tcp_set_keepalive(&mut self, id: Id, keepalive: Option<Keepalive>) -> Result<(), Error> {
        let pcb = pcb(id)?;
        let milliseconds = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        // SAFETY: we have lwIP, and the PCB is alive; these fields are the application's.
        unsafe {
            match keepalive {
                Some(Keepalive { idle, interval, count }) => {
                    (*pcb).so_options |= c::SOF_KEEPALIVE as u8;
                    (*pcb).keep_idle = milliseconds(idle);
                    (*pcb).keep_intvl = milliseconds(interval);
                    (*pcb).keep_cnt = count;
                }
                None => (*pcb).so_options &= !(c::SOF_KEEPALIVE as u8),
            }
        }
        Ok(())
    }

    #[cfg(all(rust_tcp, not(doc)))]
    pub(crate) fn tcp_set_congestion_control(&mut self, id: Id, which: CongestionControl) -> io::Result<()> {
        use super::core_tcp::ffi::introspection as core;
        let which = match which {
            CongestionControl::NewReno => core::LWIP_TCP_RUST_CC_NEWRENO,
            CongestionControl::Cubic => core::LWIP_TCP_RUST_CC_CUBIC,
            CongestionControl::Bbr => core::LWIP_TCP_RUST_CC_BBR,
        };
        // The core's type of the PCB is generated from the same header.
        Ok(check(core::lwip_tcp_rust_set_congestion_control(pcb(id)?.cast(), which))?)
    }

    #[cfg(not(all(rust_tcp, not(doc))))]
    pub(crate) fn tcp_set_congestion_control(&mut self, id: Id, _which: CongestionControl) -> io::Result<()> {
        pcb(id)?;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What is known of a connection.
    pub(crate) fn tcp_info(&mut self, id: Id) -> Result<TcpInfo, Error> {
        let pcb = pcb(id)?;
        // SAFETY: we have lwIP, and the PCB is alive.
        Ok(unsafe { describe(pcb) })
    }
}

/// A whole receive window: the application has read all there is.
///
/// # Safety
/// The PCB is alive.
unsafe fn window(pcb: *const c::tcp_pcb) -> c::tcpwnd_size_t {
    // SAFETY: the caller's. TCPWND16() of lwIP: without scaling the field has 16 bits.
    if u32::from(unsafe { (*pcb).flags }) & c::TF_WND_SCALE == 0 { c::TCP_WND.min(0xffff) } else { c::TCP_WND }
}

#[cfg(all(rust_tcp, not(doc)))]
unsafe fn describe(pcb: *const c::tcp_pcb) -> TcpInfo {
    use super::core_tcp::ffi::introspection as core;
    let mut known = core::lwip_tcp_rust_info::default();
    // SAFETY: the caller has lwIP; the core's type of the PCB is generated from the same header.
    unsafe { core::lwip_tcp_rust_info(pcb.cast(), &raw mut known) };
    let milliseconds = |time: u32| Duration::from_millis(time.into());
    TcpInfo {
        state: TcpState::from_c(known.state.into()),
        rtt: milliseconds(known.srtt_ms),
        rtt_variance: milliseconds(known.rttvar_ms),
        rto: milliseconds(known.rto_ms),
        cwnd: known.cwnd,
        ssthresh: known.ssthresh,
        send_window: known.snd_wnd,
        receive_window: known.rcv_wnd,
        mss: known.mss,
        in_flight: known.in_flight,
        bytes_acked: known.bytes_acked,
        bytes_received: known.bytes_received,
        segments_sent: known.segments_sent,
        segments_received: known.segments_received,
        retransmissions: known.retransmissions,
        duplicate_acks: known.duplicate_acks,
        sacked: known.sacked,
        lost: known.lost,
        spurious: known.spurious,
        congestion_control: match u8::try_from(known.congestion_control) {
            Ok(core::LWIP_TCP_RUST_CC_NEWRENO) => Some(CongestionControl::NewReno),
            Ok(core::LWIP_TCP_RUST_CC_CUBIC) => Some(CongestionControl::Cubic),
            Ok(core::LWIP_TCP_RUST_CC_BBR) => Some(CongestionControl::Bbr),
            _ => None,
        },
        pacing_rate: known.pacing_rate,
        delivery_rate: known.delivery_rate,
        ecn: known.options & core::LWIP_TCP_RUST_OPT_ECN != 0,
        ecn_marks: known.ecn_marks,
    }
}

#[cfg(not(all(rust_tcp, not(doc))))]
unsafe fn describe(pcb: *const c::tcp_pcb) -> TcpInfo {
    // SAFETY: the PCB is alive: the caller's.
    let pcb = unsafe { &*pcb };
    // RFC 6298's figures in C's scaled ticks of 500 ms (Van Jacobson 1988).
    let ticks = |ticks: i16| Duration::from_millis(u64::from(ticks.max(0).unsigned_abs()) * 500);
    TcpInfo {
        state: TcpState::from_c(pcb.state),
        rtt: ticks(pcb.sa) / 8,
        rtt_variance: ticks(pcb.sv) / 4,
        rto: ticks(pcb.rto),
        cwnd: pcb.cwnd,
        ssthresh: pcb.ssthresh,
        send_window: pcb.snd_wnd,
        receive_window: pcb.rcv_wnd,
        mss: pcb.mss.into(),
        in_flight: pcb.snd_nxt.wrapping_sub(pcb.lastack),
        bytes_acked: 0,
        bytes_received: 0,
        segments_sent: 0,
        segments_received: 0,
        retransmissions: 0,
        duplicate_acks: pcb.dupacks.into(),
        sacked: 0,
        lost: 0,
        spurious: 0,
        congestion_control: None,
        pacing_rate: 0,
        delivery_rate: 0,
        ecn: false,
        ecn_marks: 0,
    }
}

/// # Safety
/// The caller has lwIP, and the PCB is alive.
unsafe fn attach(pcb: *mut c::tcp_pcb, id: Id) {
    // SAFETY: the caller's.
    unsafe {
        c::tcp_arg(pcb, id.0 as *mut c_void);
        c::tcp_recv(pcb, Some(on_recv));
        c::tcp_sent(pcb, Some(on_sent));
        c::tcp_err(pcb, Some(on_err));
        // In units of 500 ms.
        c::tcp_poll(pcb, Some(on_poll), 2);
    }
}

unsafe extern "C" fn on_connected(arg: *mut c_void, _pcb: *mut c::tcp_pcb, _err: c::err_t) -> c::err_t {
    note(Event::Connected { id: Id(arg as usize) });
    0
}

unsafe extern "C" fn on_accept(arg: *mut c_void, pcb: *mut c::tcp_pcb, err: c::err_t) -> c::err_t {
    if pcb.is_null() || err != 0 {
        return c::ERR_VAL as c::err_t;
    }
    let id = next_id();
    // SAFETY: lwIP calls us, with a new connection. The listener's place is held until the program accepts.
    unsafe {
        attach(pcb, id);
        c::tcp_backlog_delayed(pcb);
    }
    with(|registry| {
        registry.tcp.insert(id, pcb);
        registry.events.push_back(Event::Accepted { listener: Id(arg as usize), id });
    });
    0
}

unsafe extern "C" fn on_recv(arg: *mut c_void, _pcb: *mut c::tcp_pcb, p: *mut c::pbuf, _err: c::err_t) -> c::err_t {
    let id = Id(arg as usize);
    if p.is_null() {
        note(Event::Finished { id });
    } else {
        // SAFETY: by returning ERR_OK we take the chain over, and TCP keeps no reference to what it delivers.
        unsafe { pbuf::into_parts(p, |data| note(Event::Received { id, data })) };
    }
    0
}

unsafe extern "C" fn on_sent(arg: *mut c_void, _pcb: *mut c::tcp_pcb, length: u16) -> c::err_t {
    let id = Id(arg as usize);
    with(|registry| {
        if let Some(sent) = registry.sent.get_mut(&id) {
            acknowledge(sent, length.into());
            if sent.is_empty() {
                registry.sent.remove(&id);
            }
        }
        registry.events.push_back(Event::Acked { id });
    });
    0
}

unsafe extern "C" fn on_poll(arg: *mut c_void, _pcb: *mut c::tcp_pcb) -> c::err_t {
    note(Event::Poll { id: Id(arg as usize) });
    0
}

unsafe extern "C" fn on_err(arg: *mut c_void, err: c::err_t) {
    let id = Id(arg as usize);
    with(|registry| {
        registry.tcp.remove(&id);
        registry.sent.remove(&id);
        registry.events.push_back(Event::Failed { id, error: Error::from_code(err) });
    });
}
