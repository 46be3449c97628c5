//! The data symbols that lwIP's C shares with its TCP, and the few words of state of our own.

use super::bindings::{tcp_listen_pcbs_t, tcp_pcb};
use crate::pcb::Core;
#[cfg(sack_recovery)]
use crate::pcb::{PcbId, SackRange};
use core::ptr::null_mut;

/// PCBs that are bound to a port, neither connected nor listening.
#[unsafe(no_mangle)]
static mut tcp_bound_pcbs: *mut tcp_pcb = null_mut();

/// Listening PCBs.
#[unsafe(no_mangle)]
static mut tcp_listen_pcbs: tcp_listen_pcbs_t = tcp_listen_pcbs_t { pcbs: null_mut() };

/// PCBs that may send or receive.
#[unsafe(no_mangle)]
static mut tcp_active_pcbs: *mut tcp_pcb = null_mut();

/// PCBs in TIME-WAIT.
#[unsafe(no_mangle)]
static mut tcp_tw_pcbs: *mut tcp_pcb = null_mut();

/// Set whenever the list of active PCBs changes, so that a walk over it knows that it has to start anew.
#[unsafe(no_mangle)]
static mut tcp_active_pcbs_changed: u8 = 0;

/// Time in units of TCP_SLOW_INTERVAL.
#[unsafe(no_mangle)]
static mut tcp_ticks: u32 = 0;

/// The PCB whose segment tcp_input is processing: tcp_output leaves it alone until that is done.
#[unsafe(no_mangle)]
static mut tcp_input_pcb: *mut tcp_pcb = null_mut();

/// An array that is shared though it holds pointers.
#[repr(transparent)]
struct Lists([*mut *mut tcp_pcb; 4]);

// SAFETY: the array itself is constant; what it points to is used under (lock) only.
unsafe impl Sync for Lists {}

/// All four lists, in lwIP's order.
#[unsafe(no_mangle)]
static tcp_pcb_lists: Lists = Lists([
    // SAFETY: the address of a union's field; nothing is read.
    unsafe { &raw mut tcp_listen_pcbs.pcbs },
    &raw mut tcp_bound_pcbs,
    &raw mut tcp_active_pcbs,
    &raw mut tcp_tw_pcbs,
]);

/// The PCB lists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Listen,
    Bound,
    Active,
    TimeWait,
}

impl List {
    /// The next one, in lwIP's order: first that of listeners, and last those that segments are looked up in.
    fn following(self) -> Option<Self> {
        match self {
            Self::Listen => Some(Self::Bound),
            Self::Bound => Some(Self::Active),
            Self::Active => Some(Self::TimeWait),
            Self::TimeWait => None,
        }
    }

    /// This one and all that follow.
    pub(crate) fn onward(self) -> impl Iterator<Item = Self> {
        core::iter::successors(Some(self), |list| list.following())
    }

    /// The list whose head is at `head`.
    pub(crate) fn at(head: *const *mut tcp_pcb) -> Option<Self> {
        Self::Listen.onward().find(|list| core::ptr::eq(list.head(), head))
    }

    /// Where its head is.
    pub(crate) fn head(self) -> *mut *mut tcp_pcb {
        // SAFETY: in bounds: the discriminants are 0 to 3, in lwIP's order.
        unsafe { *tcp_pcb_lists.0.get_unchecked(self as usize) }
    }
}

/// State of our own that is not of one connection.
struct Private {
    /// The keys of the hash for initial sequence numbers, ports and the demultiplexing index, drawn by tcp_init.
    secret: [u32; 4],
    /// How many ephemeral ports were chosen (RFC 6056).
    ports_chosen: u32,
    /// What tcp_next_iss gives for something that is no connection, less 6510.
    iss: u32,
    /// Calls of tcp_tmr.
    timer_calls: u8,
    /// Which round of the fast or slow timer is under way: `last_timer` of the PCBs that are done.
    timer_round: u8,
    /// tcp_trigger_input_pcb_close was called while tcp_input works on a PCB.
    input_closed: bool,
    /// tcp_write failed for lack of memory on some connection since memory last came back.
    memory_wanted: bool,
    /// A segment was freed since then.
    memory_returned: bool,
    /// When the alarm of all connections' deadlines rings, in milliseconds, if it is set.
    #[cfg(fine_timers)]
    alarm: Option<u32>,
    /// Octets that came again with the segment being processed, and for whom: to be reported by a D-SACK.
    #[cfg(sack_recovery)]
    duplicate: Option<(PcbId, SackRange)>,
    /// Next id of tcp_ext_arg_alloc_id.
    #[cfg(lwip_tcp_pcb_ext_args)]
    ext_arg_id: u8,
}

static mut PRIVATE: Private = Private {
    secret: [0; 4],
    ports_chosen: 0,
    iss: 0,
    timer_calls: 0,
    timer_round: 0,
    input_closed: false,
    memory_wanted: false,
    memory_returned: false,
    #[cfg(fine_timers)]
    alarm: None,
    #[cfg(sack_recovery)]
    duplicate: None,
    #[cfg(lwip_tcp_pcb_ext_args)]
    ext_arg_id: 0,
};

/// Getter and setter of a variable, for holders of the lock.
macro_rules! variables {
    ($($(#[$meta:meta])* $get:ident, $set:ident: $ty:ty = $place:expr;)*) => {
        impl Core {
            $(
                $(#[$meta])*
                #[inline(always)]
                pub(crate) fn $get(&self) -> $ty {
                    // SAFETY: (lock); a plain value is copied.
                    unsafe { (&raw const $place).read() }
                }

                $(#[$meta])*
                #[inline(always)]
                pub(crate) fn $set(&self, value: $ty) {
                    // SAFETY: (lock); a plain value is written, no reference to it exists.
                    unsafe { (&raw mut $place).write(value) }
                }
            )*
        }
    };
}

variables! {
    /// The clock of the slow timer.
    ticks, set_ticks: u32 = tcp_ticks;
    /// See [`Private::timer_calls`].
    timer_calls, set_timer_calls: u8 = PRIVATE.timer_calls;
    /// See [`Private::timer_round`].
    timer_round, set_timer_round: u8 = PRIVATE.timer_round;
    /// See [`Private::input_closed`].
    input_closed, set_input_closed: bool = PRIVATE.input_closed;
    /// See [`Private::memory_wanted`].
    memory_wanted, set_memory_wanted: bool = PRIVATE.memory_wanted;
    /// See [`Private::memory_returned`].
    memory_returned, set_memory_returned: bool = PRIVATE.memory_returned;
    /// See [`Private::ports_chosen`].
    ports_chosen, set_ports_chosen: u32 = PRIVATE.ports_chosen;
    /// See [`Private::iss`].
    iss, set_iss: u32 = PRIVATE.iss;
    /// See [`Private::secret`].
    secret, set_secret: [u32; 4] = PRIVATE.secret;
    /// The exported flag of the same name.
    active_pcbs_changed, set_active_pcbs_changed: u8 = tcp_active_pcbs_changed;
    /// The exported variable of the same name.
    input_pcb, set_input_pcb: *mut tcp_pcb = tcp_input_pcb;
}

#[cfg(fine_timers)]
variables! {
    /// See [`Private::alarm`].
    alarm, set_alarm: Option<u32> = PRIVATE.alarm;
}

#[cfg(sack_recovery)]
variables! {
    /// See [`Private::duplicate`].
    duplicate, set_duplicate: Option<(PcbId, SackRange)> = PRIVATE.duplicate;
}

#[cfg(lwip_tcp_pcb_ext_args)]
variables! {
    /// See [`Private::ext_arg_id`].
    ext_arg_id, set_ext_arg_id: u8 = PRIVATE.ext_arg_id;
}

/// A segment was freed: see [`Private::memory_returned`].
pub(crate) fn note_memory_returned() {
    // SAFETY: (lock) holds wherever a segment is handled; a plain value is written.
    unsafe { (&raw mut PRIVATE.memory_returned).write(true) };
}

impl Core {
    /// Compares the struct layouts of both sides; says so by an assertion, and through LWIP_PLATFORM_DIAG, if they differ.
    pub(crate) fn fits_lwip(&self) -> bool {
        // SAFETY: a function of wrapper.c without preconditions.
        unsafe { super::bindings::lwip_tcp_rust_fits_lwip() != 0 }
    }

    /// The clock of round-trip times and their timers: milliseconds with LWIP_TCP_RUST_FINE_TIMERS, in steps of the slow timer
    /// where lwIP has no timers of its own; else the ticks of the slow timer.
    #[inline(always)]
    pub(crate) fn clock(&self) -> u32 {
        #[cfg(all(fine_timers, lwip_timers))]
        return super::ip::now_ms();
        #[cfg(all(fine_timers, not(lwip_timers)))]
        return self.ticks().wrapping_mul(super::config::TCP_SLOW_INTERVAL);
        #[cfg(not(fine_timers))]
        self.ticks()
    }

    /// Asks lwIP to call in `ms` milliseconds, and not when it was asked to before. False if it has no room for that.
    #[cfg(all(fine_timers, lwip_timers))]
    pub(crate) fn ring_in(&self, ms: u32) -> bool {
        // SAFETY: (lock)
        unsafe { super::bindings::lwip_tcp_rust_set_alarm(ms) != 0 }
    }

    /// tcp_timer_needed: lwIP's timers.c is to run our timers.
    pub(crate) fn timer_needed(&self) {
        // SAFETY: (lock)
        unsafe { super::bindings::tcp_timer_needed() }
    }

    /// 32 random bits of the port; without LWIP_RAND, what little differs from start to start.
    pub(crate) fn random(&self) -> u32 {
        #[cfg(has_rand)]
        // SAFETY: a function of wrapper.c without preconditions.
        return unsafe { super::bindings::lwip_tcp_rust_rand() };
        #[cfg(not(has_rand))]
        super::ip::now_ms()
    }
}
