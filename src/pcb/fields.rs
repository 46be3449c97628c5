//! Who owns which field of `struct tcp_pcb`, and of what we keep beside it.
//!
//! The table below is all there is to say about ownership. From it come, for each field, a getter that everybody may
//! call on a [`Pcb`], and a setter on [`Own`], the view of one component. An `Own<C>` can only be made with a value of
//! `C`, and each component keeps the only constructor of its own `C` to itself: writing another component's field does
//! not compile. Neither does a field of lwIP's struct that stands nowhere in the table, or twice, in any configuration.

#[cfg(sack_recovery)]
mod room;

#[cfg(sack_recovery)]
use self::room::Room;
use super::{Pcb, State, load, store, table};
#[cfg(pacing)]
use crate::components::congestion_control::Short;
#[cfg(rack)]
use crate::components::rod::SendLog;
use crate::components::{
    congestion_control::Owner as CongestionControl, connection_management::Owner as ConnectionManagement,
    flow_control::Owner as FlowControl, rod::Owner as Rod,
};
use crate::ffi::Wnd;
use crate::ffi::bindings as c;
use crate::ffi::ip::Addr;
#[cfg(any(rack, ecn))]
use crate::wire::Coarse;
use crate::wire::SeqNum;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::ops::Deref;

/// The view that component `C` has of a PCB: reads everything, writes what `C` owns.
pub(crate) struct Own<'c, C> {
    pcb: Pcb<'c>,
    _component: PhantomData<C>,
}

impl<'c, C> Own<'c, C> {
    /// Only `C` itself has a `C`.
    #[inline(always)]
    pub(crate) fn new(pcb: Pcb<'c>, _owner: C) -> Self {
        Self { pcb, _component: PhantomData }
    }
}

impl<'c, C> Deref for Own<'c, C> {
    type Target = Pcb<'c>;
    #[inline(always)]
    fn deref(&self) -> &Pcb<'c> {
        &self.pcb
    }
}

/// A type that a field is read and written as; `Raw` is the field's type in C.
trait Field: Copy {
    type Raw: Copy;
    fn from_raw(raw: Self::Raw) -> Self;
    fn into_raw(self) -> Self::Raw;
}

macro_rules! plain_fields {
    ($($ty:ty)*) => {$(
        impl Field for $ty {
            type Raw = $ty;
            #[inline(always)]
            fn from_raw(raw: $ty) -> Self { raw }
            #[inline(always)]
            fn into_raw(self) -> $ty { self }
        }
    )*};
}
plain_fields!(u8 u16 u32 i16 *mut c_void *mut c::tcp_pcb);
#[cfg(lwip_callback_api)]
plain_fields!(c::tcp_sent_fn c::tcp_recv_fn c::tcp_connected_fn c::tcp_poll_fn c::tcp_err_fn);

impl Field for SeqNum {
    type Raw = u32;
    #[inline(always)]
    fn from_raw(raw: u32) -> Self {
        Self::new(raw)
    }
    #[inline(always)]
    fn into_raw(self) -> u32 {
        self.raw()
    }
}

impl Field for State {
    type Raw = c::tcp_state;
    #[inline(always)]
    fn from_raw(raw: c::tcp_state) -> Self {
        Self::from_raw(raw)
    }
    #[inline(always)]
    fn into_raw(self) -> c::tcp_state {
        self as u8 as c::tcp_state
    }
}

macro_rules! fields {
    ($(
        $component:ident {
            $( $(#[$cfg:meta])* $field:ident: $ty:ty, $set:ident; )*
        }
        by hand { $( $(#[$hand_cfg:meta])* $by_hand:ident; )* }
    )*) => {
        $($(
            $(#[$cfg])*
            #[allow(dead_code)] // a field has its getter, read or not
            impl Pcb<'_> {
                #[inline(always)]
                pub(crate) fn $field(self) -> $ty {
                    // SAFETY: (live), (lock)
                    <$ty as Field>::from_raw(unsafe { load(&raw const (*self.ptr.as_ptr()).$field) })
                }
            }
            $(#[$cfg])*
            #[allow(dead_code)] // and its setter
            impl Own<'_, $component> {
                #[inline(always)]
                pub(crate) fn $set(&self, value: $ty) {
                    // SAFETY: (live), (lock)
                    unsafe { store(&raw mut (*self.pcb.ptr.as_ptr()).$field, value.into_raw()) }
                }
            }
        )*)*

        /// Each field of lwIP's struct is in the table, once.
        const _: fn(c::tcp_pcb) = |pcb| {
            let c::tcp_pcb {
                $( $( $(#[$cfg])* $field: _, )* $( $(#[$hand_cfg])* $by_hand: _, )* )*
            } = pcb;
        };
    };
}

fields! {
    ConnectionManagement {
        netif_idx: u8, set_netif_idx;
        so_options: u8, set_so_options;
        tos: u8, set_tos;
        ttl: u8, set_ttl;
        next: *mut c::tcp_pcb, set_next;
        callback_arg: *mut c_void, set_callback_arg;
        state: State, set_state;
        prio: u8, set_prio;
        local_port: u16, set_local_port;
        remote_port: u16, set_remote_port;
        polltmr: u8, set_polltmr;
        pollinterval: u8, set_pollinterval;
        last_timer: u8, set_last_timer;
        tmr: u32, set_tmr;
        mss: u16, set_mss;
        #[cfg(lwip_callback_api)] sent: c::tcp_sent_fn, set_sent;
        #[cfg(lwip_callback_api)] recv: c::tcp_recv_fn, set_recv;
        #[cfg(lwip_callback_api)] connected: c::tcp_connected_fn, set_connected;
        #[cfg(lwip_callback_api)] poll: c::tcp_poll_fn, set_poll;
        #[cfg(lwip_callback_api)] errf: c::tcp_err_fn, set_errf;
        keep_idle: u32, set_keep_idle;
        #[cfg(lwip_tcp_keepalive)] keep_intvl: u32, set_keep_intvl;
        #[cfg(lwip_tcp_keepalive)] keep_cnt: u32, set_keep_cnt;
        keep_cnt_sent: u8, set_keep_cnt_sent;
    }
    by hand {
        local_ip;
        remote_ip;
        flags;
        #[cfg(lwip_netif_use_hints)] netif_hints;
        #[cfg(lwip_tcp_pcb_ext_args)] ext_args;
        #[cfg(any(lwip_callback_api, tcp_listen_backlog))] listener;
    }
    Rod {
        rcv_nxt: SeqNum, set_rcv_nxt;
        rtime: i16, set_rtime;
        rttest: u32, set_rttest;
        rtseq: SeqNum, set_rtseq;
        sa: i16, set_sa;
        sv: i16, set_sv;
        rto: i16, set_rto;
        nrtx: u8, set_nrtx;
        dupacks: u8, set_dupacks;
        lastack: SeqNum, set_lastack;
        rto_end: SeqNum, set_rto_end;
        snd_nxt: SeqNum, set_snd_nxt;
        snd_lbb: SeqNum, set_snd_lbb;
        snd_queuelen: u16, set_snd_queuelen;
        #[cfg(tcp_oversize)] unsent_oversize: u16, set_unsent_oversize;
        #[cfg(lwip_tcp_timestamps)] ts_lastacksent: SeqNum, set_ts_lastacksent;
        #[cfg(lwip_tcp_timestamps)] ts_recent: u32, set_ts_recent;
    }
    by hand {
        unsent;
        unacked;
        #[cfg(tcp_queue_ooseq)] ooseq;
        refused_data;
        #[cfg(lwip_tcp_sack_out)] rcv_sacks;
    }
    FlowControl {
        rcv_wnd: Wnd, set_rcv_wnd;
        rcv_ann_wnd: Wnd, set_rcv_ann_wnd;
        rcv_ann_right_edge: SeqNum, set_rcv_ann_right_edge;
        snd_wl1: SeqNum, set_snd_wl1;
        snd_wl2: SeqNum, set_snd_wl2;
        snd_wnd: Wnd, set_snd_wnd;
        snd_wnd_max: Wnd, set_snd_wnd_max;
        snd_buf: Wnd, set_snd_buf;
        persist_cnt: u8, set_persist_cnt;
        persist_backoff: u8, set_persist_backoff;
        persist_probe: u8, set_persist_probe;
        #[cfg(lwip_wnd_scale)] snd_scale: u8, set_snd_scale;
        #[cfg(lwip_wnd_scale)] rcv_scale: u8, set_rcv_scale;
    }
    by hand {
    }
    CongestionControl {
        cwnd: Wnd, set_cwnd;
        ssthresh: Wnd, set_ssthresh;
        bytes_acked: Wnd, set_bytes_acked;
    }
    by hand {
    }
}

/// What `struct tcp_pcb` has no room for, in a table of our own beside lwIP's pool. Each group of fields says which options
/// it is for.
macro_rules! beside {
    ($( $component:ident if $cfg:tt { $( $(#[$meta:meta])* $field:ident: $ty:ty, $set:ident; )* } )*) => {
        /// See the table in the source.
        #[derive(Clone, Copy)]
        #[allow(dead_code)] // some are for options that lwipopts.h may leave out
        pub(super) struct Beside {
            $($( #[cfg $cfg] $(#[$meta])* pub(super) $field: $ty, )*)*
            /// The bucket of the demultiplexing index that this PCB is in, counted from 1: it stands where padding would.
            #[cfg(indexed)]
            pub(super) bucket: u16,
            /// Booleans: see the table of them.
            booleans: Booleans,
            pub(super) unsent_tail: *mut c::tcp_seg,
            pub(super) unacked_tail: *mut c::tcp_seg,
            #[cfg(sack_recovery)]
            pub(super) kept: super::queue::Kept,
            #[cfg(rack)]
            pub(super) log: SendLog,
            #[cfg(sack_recovery)]
            pub(super) room: Room,
        }

        impl Beside {
            pub(super) const NEW: Self = Self {
                $($( #[cfg $cfg] $field: <$ty as Zero>::ZERO, )*)*
                #[cfg(indexed)]
                bucket: table::NONE,
                booleans: Booleans::NEW,
                unsent_tail: core::ptr::null_mut(),
                unacked_tail: core::ptr::null_mut(),
                #[cfg(sack_recovery)]
                kept: super::queue::Kept::NEW,
                #[cfg(rack)]
                log: SendLog::NEW,
                #[cfg(sack_recovery)]
                room: Room::NEW,
            };
        }

        $($(
            #[cfg $cfg]
            #[allow(dead_code)]
            impl Pcb<'_> {
                $(#[$meta])*
                #[inline]
                pub(crate) fn $field(self) -> $ty {
                    // SAFETY: (live): its entry is in the table; (lock)
                    unsafe { (&raw const (*self.entry.as_ptr()).beside.$field).read() }
                }
            }
            #[cfg $cfg]
            #[allow(dead_code)]
            impl Own<'_, $component> {
                /// Sets the field of the same name.
                #[inline]
                pub(crate) fn $set(&self, value: $ty) {
                    // SAFETY: (live): its entry is in the table; (lock)
                    unsafe { (&raw mut (*self.pcb.entry.as_ptr()).beside.$field).write(value) }
                }
            }
        )*)*
    };
}

/// The value of a field of a new PCB.
trait Zero {
    const ZERO: Self;
}
impl Zero for u32 {
    const ZERO: Self = 0;
}
impl Zero for u8 {
    const ZERO: Self = 0;
}
impl Zero for u16 {
    const ZERO: Self = 0;
}
#[cfg(fine_timers)]
impl Zero for crate::components::rod::Timer {
    const ZERO: Self = Self::Off;
}
#[cfg(pacing)]
impl Zero for Short {
    const ZERO: Self = Self::ZERO;
}
#[cfg(any(rack, ecn))]
impl Zero for Coarse {
    const ZERO: Self = Self::ZERO;
}
impl Zero for SeqNum {
    const ZERO: Self = SeqNum::new(0);
}

beside! {
    ConnectionManagement if (all()) {
        /// The second (in slow ticks) that the challenge ACKs below were sent in.
        challenge_tick: u16, set_challenge_tick;
        /// Challenge ACKs sent in that second (RFC 5961 7).
        challenges: u8, set_challenges;
        /// Initial send sequence number.
        iss: SeqNum, set_iss;
        /// Initial receive sequence number.
        irs: SeqNum, set_irs;
        /// Segments received.
        segments_in: u32, set_segments_in;
    }
    ConnectionManagement if (path_mtu) {
        /// The MSS that was negotiated, from when the path was first found to take less; 0 before.
        mss_limit: u16, set_mss_limit;
        /// The smallest size that is known not to get through; 0 if none is.
        mss_failed: u16, set_mss_failed;
        /// What ICMP says that gets through, and nothing has refuted yet; 0 if it says nothing.
        mss_claim: u16, set_mss_claim;
        /// What is known of the path: bits of its own,
        path_flags: u8, set_path_flags;
        /// and how long it is taken for granted.
        path_wait: u8, set_path_wait;
    }
    Rod if (all()) {
        /// RFC 6582: SND.NXT when the last recovery or timeout began,
        recover: SeqNum, set_recover;
        /// The tick at which `ts_recent` was taken (RFC 7323 5.5).
        ts_recent_tick: u32, set_ts_recent_tick;
        /// Segments sent.
        segments_out: u32, set_segments_out;
        /// Of them, retransmissions.
        retransmissions: u16, set_retransmissions;
        /// Duplicate ACKs received.
        duplicate_acks: u16, set_duplicate_acks;
    }
    Rod if (fine_timers) {
        /// What the timer below runs for.
        timer: crate::components::rod::Timer, set_timer;
        /// When it expires, in milliseconds.
        timer_due: u32, set_timer_due;
        /// When a delayed ACK has to go out: the low 16 bits of the millisecond.
        ack_due: u16, set_ack_due;
    }
    Rod if (user_timeout) {
        /// For how many milliseconds what is queued may stand without an acknowledgment; 0: as long as retransmissions last.
        user_timeout: u32, set_user_timeout;
        /// Since when it stands so, in milliseconds.
        waiting_since: u32, set_waiting_since;
    }
    Rod if (sack_recovery) {
        /// RFC 6675 4: octets that are in the network, as far as is known: those in `unacked` that are not SACKed. What is lost is
        /// in `unsent` until it is sent again.
        pipe: u32, set_pipe;
        /// Octets in `unacked` that are SACKed,
        sacked: u32, set_sacked;
        /// and where the last run of them begins; the queue keeps the place where it ends.
        sacked_top: SeqNum, set_sacked_top;
        /// The blocks beside that run, in a nutshell: see the scoreboard.
        sack_digest: u16, set_sack_digest;
        /// Octets delivered to the peer since the connection began.
        delivered: u32, set_delivered;
        /// SND.UNA when the last reduction of cwnd began, as long as it may be undone,
        undo_from: SeqNum, set_undo_from;
        /// and how many segments were sent again since, of which no D-SACK has said that it was in vain, plus one; 0 if it cannot be
        /// undone.
        undo_count: u16, set_undo_count;
        /// Reductions that turned out needless, and were undone.
        spurious: u8, set_spurious;
    }
    Rod if (all(sack_recovery, lwip_tcp_timestamps)) {
        /// When the first segment was sent again since (low 16 bits of the timestamp).
        first_again: u16, set_first_again;
    }
    CongestionControl if (pacing) {
        /// Octets per second; 0 is as fast as may be.
        pacing_rate_kept: Short, set_pacing_rate_kept;
        /// Octets that were sent before their time,
        pace_debt: Short, set_pace_debt;
        /// as of this time (low 16 bits of the millisecond).
        pace_time: u16, set_pace_time;
    }
    CongestionControl if (ecn) {
        /// What of ECN (RFC 3168) is under way: bits of its own.
        ecn: u8, set_ecn;
        /// Marks received, and marks reported by the peer.
        ecn_marks: u16, set_ecn_marks;
        /// SND.NXT when the last one was answered.
        ecn_end: Coarse, set_ecn_end;
    }
    Rod if (rack) {
        /// RFC 8985 5.2: when, at the earliest, the latest sent segment of those that were delivered was sent (low 16 bits of the
        /// millisecond),
        rack_time: u16, set_rack_time;
        /// its end,
        rack_end: SeqNum, set_rack_end;
        /// and its round trip.
        rack_rtt: u16, set_rack_rtt;
        /// The shortest round trip, in milliseconds; 0 before the first.
        min_rtt: u16, set_min_rtt;
        /// RACK.reo_wnd_mult less 1,
        reo_wnd_steps: u8, set_reo_wnd_steps;
        /// and for how many recoveries it stays.
        reo_wnd_persist: u8, set_reo_wnd_persist;
        /// SND.NXT when a D-SACK last made it grow.
        dsack_round: Coarse, set_dsack_round;
        /// What is known so far: bits of its own.
        rack_flags: u8, set_rack_flags;
        /// RFC 8985 7.1: SND.NXT when the last loss probe was sent.
        tlp_end: Coarse, set_tlp_end;
    }
}

/// What is 0 or 1: a bit each where the options leave no room, else an octet each, which takes less code. All zero is all 0.
#[derive(Clone, Copy)]
struct Booleans(#[cfg(fine_timers)] u8, #[cfg(not(fine_timers))] [u8; 3]);

#[cfg(fine_timers)]
impl Booleans {
    const NEW: Self = Self(0);

    #[inline]
    fn get(&self, bit: usize) -> u8 {
        self.0 >> bit & 1
    }

    #[inline]
    fn set(&mut self, bit: usize, value: u8) {
        self.0 = if value == 0 { self.0 & !(1 << bit) } else { self.0 | 1 << bit };
    }
}

#[cfg(not(fine_timers))]
impl Booleans {
    const NEW: Self = Self([0; 3]);

    #[inline]
    fn get(&self, place: usize) -> u8 {
        self.0.get(place).copied().unwrap_or_default()
    }

    #[inline]
    fn set(&mut self, place: usize, value: u8) {
        if let Some(own) = self.0.get_mut(place) {
            *own = value;
        }
    }
}

/// Accessors of [`Booleans`].
macro_rules! booleans {
    ($( $bit:literal $component:ident if $cfg:tt { $(#[$meta:meta])* $field:ident, $set:ident; } )*) => {$(
        #[cfg $cfg]
        impl Pcb<'_> {
            $(#[$meta])*
            #[inline]
            pub(crate) fn $field(self) -> u8 {
                // SAFETY: (live): its entry is in the table; (lock), and nobody is called while the reference lives.
                unsafe { &(*self.entry.as_ptr()).beside.booleans }.get($bit)
            }
        }
        #[cfg $cfg]
        impl Own<'_, $component> {
            /// Sets the boolean of the same name.
            #[inline]
            pub(crate) fn $set(&self, value: u8) {
                // SAFETY: as above.
                unsafe { (*self.pcb.entry.as_ptr()).beside.booleans.set($bit, value) };
            }
        }
    )*};
}

booleans! {
    0 ConnectionManagement if (all()) {
        /// 1 if it was opened by tcp_connect.
        active_open, set_active_open;
    }
    1 Rod if (all()) {
        /// 1 until `recover` is acknowledged: no new recovery begins before.
        recovering, set_recovering;
    }
    2 Rod if (all()) {
        /// 1 after tcp_write failed for lack of memory, until the application hears that there is some again.
        wants_memory, set_wants_memory;
    }
    3 Rod if (sack_recovery) {
        /// 1 if a segment may be sent whatever cwnd says.
        extra, set_extra;
    }
}

/// The room beside a PCB is bounded, with 32-bit pointers: 64 octets each without options of our own, 256 with all of them.
const _: () = {
    let most = if cfg!(any(fine_timers, path_mtu)) { 256 } else { 64 };
    // Five pointers, and what their alignment costs.
    let wider = if size_of::<usize>() > 4 { 40 } else { 0 };
    assert!(size_of::<table::Entry>() <= most + wider);
};

/// A bit of `flags` that component `C` owns.
pub(crate) struct Bit<C>(u16, PhantomData<C>);

macro_rules! bits {
    ($( $component:ident { $( $(#[$cfg:meta])* $name:ident = $value:ident; )* } )*) => {
        $(
            impl Bit<$component> {
                $( $(#[$cfg])* #[allow(missing_docs)] pub(crate) const $name: Self = Self(c::$value as u16, PhantomData); )*
            }
            #[allow(dead_code)] // some components own no bit
            impl Own<'_, $component> {
                /// Sets a bit that this component owns.
                #[inline]
                pub(crate) fn raise(&self, bit: Bit<$component>) {
                    self.pcb.put_flags(self.pcb.raw_flags() | bit.0);
                }
                /// Clears one.
                #[inline]
                pub(crate) fn clear(&self, bit: Bit<$component>) {
                    self.pcb.put_flags(self.pcb.raw_flags() & !bit.0);
                }
            }
        )*

        /// No bit has two owners.
        const _: () = {
            let (mut seen, mut sum) = (0u32, 0u32);
            $($( $(#[$cfg])* { seen |= c::$value; sum += c::$value; } )*)*
            assert!(seen == sum);
        };
    };
}

bits! {
    ConnectionManagement {
        CLOSE_PENDING = TF_CLOSEPEND;
        RX_CLOSED = TF_RXCLOSED;
        FIN = TF_FIN;
        NODELAY = TF_NODELAY;
        #[cfg(tcp_listen_backlog)] BACKLOG_PENDING = TF_BACKLOGPEND;
        #[cfg(lwip_tcp_timestamps)] TIMESTAMPS = TF_TIMESTAMP;
        #[cfg(lwip_tcp_sack_out)] SACK = TF_SACK;
        #[cfg(lwip_wnd_scale)] WND_SCALE = TF_WND_SCALE;
    }
    Rod {
        ACK_DELAY = TF_ACK_DELAY;
        ACK_NOW = TF_ACK_NOW;
        IN_FAST_RECOVERY = TF_INFR;
        MEMORY_ERROR = TF_NAGLEMEMERR;
        RTO = TF_RTO;
    }
    FlowControl {
    }
    CongestionControl {
    }
}

impl<C> core::ops::BitOr for Bit<C> {
    type Output = Self;
    fn bitor(self, rhs: Self) -> Self {
        Self(self.0 | rhs.0, PhantomData)
    }
}

impl<'c> Pcb<'c> {
    /// At least one of these bits is set.
    #[inline(always)]
    pub(crate) fn has<C>(self, bits: Bit<C>) -> bool {
        self.raw_flags() & bits.0 != 0
    }

    #[inline(always)]
    pub(crate) fn raw_flags(self) -> u16 {
        // SAFETY: (live), (lock)
        unsafe { load(&raw const (*self.ptr.as_ptr()).flags) }
    }

    #[inline(always)]
    fn put_flags(self, flags: u16) {
        // SAFETY: (live), (lock)
        unsafe { store(&raw mut (*self.ptr.as_ptr()).flags, flags) }
    }

    /// Our address, to read until something else runs.
    pub(crate) fn local_ip(self) -> Addr<'c> {
        // SAFETY: (live): a field of it. A PCB is never at null.
        unsafe { Addr::from_raw(&raw const (*self.ptr.as_ptr()).local_ip).unwrap_unchecked() }
    }

    /// The peer's.
    pub(crate) fn remote_ip(self) -> Addr<'c> {
        // SAFETY: as in `local_ip`.
        unsafe { Addr::from_raw(&raw const (*self.ptr.as_ptr()).remote_ip).unwrap_unchecked() }
    }

    /// Data that the application refused are waiting.
    pub(crate) fn has_refused_data(self) -> bool {
        // SAFETY: (live), (lock)
        unsafe { !load(&raw const (*self.ptr.as_ptr()).refused_data).is_null() }
    }

    /// Nothing is queued that was not sent yet.
    pub(crate) fn unsent_is_empty(self) -> bool {
        // SAFETY: (live), (lock)
        unsafe { load(&raw const (*self.ptr.as_ptr()).unsent).is_null() }
    }

    /// Nothing is waiting for an acknowledgment.
    pub(crate) fn unacked_is_empty(self) -> bool {
        // SAFETY: (live), (lock)
        unsafe { load(&raw const (*self.ptr.as_ptr()).unacked).is_null() }
    }

    /// Nothing was received out of sequence.
    pub(crate) fn ooseq_is_empty(self) -> bool {
        #[cfg(tcp_queue_ooseq)]
        // SAFETY: (live), (lock)
        return unsafe { load(&raw const (*self.ptr.as_ptr()).ooseq).is_null() };
        #[cfg(not(tcp_queue_ooseq))]
        true
    }

    /// The listener that this connection came in by, while that lives.
    #[cfg(any(lwip_callback_api, tcp_listen_backlog))]
    pub(crate) fn listener(self) -> Option<super::Listener<'c>> {
        // SAFETY: (live), (lock)
        let listener = unsafe { load(&raw const (*self.ptr.as_ptr()).listener) };
        self.core().find_listener(listener)
    }

    /// It came in by the listener at this address.
    #[cfg(any(lwip_callback_api, tcp_listen_backlog))]
    pub(crate) fn came_in_by(self, listener: *const c::tcp_pcb_listen) -> bool {
        // SAFETY: (live), (lock)
        let own = unsafe { load(&raw const (*self.ptr.as_ptr()).listener) };
        core::ptr::eq(own, listener)
    }

    /// An external argument (tcp_ext_arg_set); `id` is in range.
    #[cfg(lwip_tcp_pcb_ext_args)]
    pub(crate) fn ext_arg(self, id: u8) -> Option<c::tcp_pcb_ext_args> {
        // SAFETY: (live), (lock)
        unsafe { load(&raw const (*self.ptr.as_ptr()).ext_args) }.get(usize::from(id)).copied()
    }
}

/// TOS, options and the like that a connection inherits from its listener.
impl Own<'_, ConnectionManagement> {
    pub(crate) fn set_local_ip(&self, addr: Addr<'_>) {
        // SAFETY: (live), (lock)
        unsafe { addr.copy_to(&raw mut (*self.pcb.ptr.as_ptr()).local_ip) }
    }

    pub(crate) fn set_remote_ip(&self, addr: Addr<'_>) {
        // SAFETY: (live), (lock)
        unsafe { addr.copy_to(&raw mut (*self.pcb.ptr.as_ptr()).remote_ip) }
    }

    /// Both addresses are to be of this IP version (IPADDR_TYPE_x).
    #[cfg(all(lwip_ipv4, lwip_ipv6))]
    pub(crate) fn set_ip_type(&self, kind: u8) {
        // SAFETY: (live), (lock)
        unsafe {
            store(&raw mut (*self.pcb.ptr.as_ptr()).local_ip.type_, kind);
            store(&raw mut (*self.pcb.ptr.as_ptr()).remote_ip.type_, kind);
        }
    }

    /// Sets or unsets the listener.
    #[cfg(any(lwip_callback_api, tcp_listen_backlog))]
    pub(crate) fn set_listener(&self, listener: Option<super::Listener<'_>>) {
        let listener = listener.map_or(core::ptr::null_mut(), super::Listener::as_ptr);
        // SAFETY: (live), (lock)
        unsafe { store(&raw mut (*self.pcb.ptr.as_ptr()).listener, listener) }
    }

    /// The hints of a new PCB (pcb_tci_init).
    #[cfg(lwip_vlan_pcp)]
    pub(crate) fn init_hints(&self) {
        // SAFETY: (live), (lock)
        unsafe { c::lwip_tcp_rust_init_hints(self.pcb.ptr.as_ptr()) }
    }

    /// Changes an external argument; an `id` out of range has no effect.
    #[cfg(lwip_tcp_pcb_ext_args)]
    pub(crate) fn update_ext_arg(&self, id: u8, update: impl FnOnce(&mut c::tcp_pcb_ext_args)) {
        // SAFETY: (live), (lock)
        let mut args = unsafe { load(&raw const (*self.pcb.ptr.as_ptr()).ext_args) };
        if let Some(arg) = args.get_mut(usize::from(id)) {
            update(arg);
            // SAFETY: (live), (lock)
            unsafe { store(&raw mut (*self.pcb.ptr.as_ptr()).ext_args, args) }
        }
    }
}

/// One block of received data, to be reported by SACK; none if both edges are equal.
#[cfg(lwip_tcp_sack_out)]
pub(crate) type SackRange = c::tcp_sack_range;

#[cfg(lwip_tcp_sack_out)]
impl Pcb<'_> {
    /// How many blocks a PCB keeps.
    pub(crate) const RCV_SACKS: usize = crate::ffi::config::LWIP_TCP_MAX_SACK_NUM as usize;

    /// Where one of them is.
    fn place_of_rcv_sack(self, number: usize) -> Option<*mut SackRange> {
        // SAFETY: (live), (lock): in bounds of the array.
        (number < Self::RCV_SACKS)
            .then(|| unsafe { (&raw mut (*self.ptr.as_ptr()).rcv_sacks).cast::<SackRange>().add(number) })
    }

    /// One of them; none of it, if there are fewer.
    pub(crate) fn rcv_sack(self, number: usize) -> SackRange {
        // SAFETY: (live), (lock)
        self.place_of_rcv_sack(number).map_or(SackRange { left: 0, right: 0 }, |place| unsafe { load(place) })
    }
}

#[cfg(lwip_tcp_sack_out)]
impl Own<'_, Rod> {
    /// Changes one of them; a number too high has no effect.
    pub(crate) fn set_rcv_sack(&self, number: usize, range: SackRange) {
        if let Some(place) = self.pcb.place_of_rcv_sack(number) {
            // SAFETY: (live), (lock)
            unsafe { store(place, range) }
        }
    }
}

impl Own<'_, Rod> {
    /// Takes the refused data.
    pub(crate) fn take_refused_data(&self) -> Option<crate::ffi::pbuf::Pbuf> {
        // SAFETY: (live), (lock); (pbuf): the PCB owned the reference and gives it up.
        unsafe {
            let place = &raw mut (*self.pcb.ptr.as_ptr()).refused_data;
            let refused = load(place);
            store(place, core::ptr::null_mut());
            crate::ffi::pbuf::Pbuf::from_raw(refused)
        }
    }

    /// Keeps data that the application refused, in front of what is kept already.
    pub(crate) fn put_refused_data(&self, mut data: crate::ffi::pbuf::Pbuf) {
        if let Some(kept) = self.take_refused_data() {
            data.cat(kept);
        }
        // SAFETY: (live), (lock); the PCB owns the reference from here on.
        unsafe { store(&raw mut (*self.pcb.ptr.as_ptr()).refused_data, data.into_raw()) }
    }

    /// Marks the refused data, if there are any, as the last before the FIN.
    pub(crate) fn mark_refused_fin(&self) {
        // SAFETY: (live), (lock); (pbuf): the PCB keeps the reference.
        let refused =
            unsafe { crate::ffi::pbuf::Pbuf::from_raw(load(&raw const (*self.pcb.ptr.as_ptr()).refused_data)) };
        if let Some(refused) = refused {
            core::mem::ManuallyDrop::new(refused).mark_fin();
        }
    }
}

/// Which PCB comes next in its list.
impl<'c> Pcb<'c> {
    pub(crate) fn following(self) -> Option<Pcb<'c>> {
        self.core().find(self.next())
    }
}
