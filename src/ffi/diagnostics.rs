//! Assertions, debug output and statistics, as lwIP's macros ask for them.

#[cfg(any(lwip_debug, memp_stats, tcp_stats, mib2_stats, lwip_asserts))]
use super::bindings as c;

/// What an assertion is about. The messages stand in wrapper.c, in this order.
#[derive(Clone, Copy)]
#[repr(u8)]
#[allow(dead_code)] // which of them are used depends on lwipopts.h
pub(crate) enum Assertion {
    InvalidPcb,
    DeadPcb,
    ListeningPcb,
    OptionsNotFilled,
    ExtArgId,
}

/// LWIP_ASSERT: reports to the port what must not be, and gives `holds` back: the caller goes on with an error result
/// or no effect, in builds with assertions and without.
#[inline]
pub(crate) fn assert_that(holds: bool, what: Assertion) -> bool {
    #[cfg(lwip_asserts)]
    if !holds {
        // SAFETY: a function of wrapper.c without preconditions; it may not return.
        unsafe { c::lwip_tcp_rust_assert(what as u8) }
    }
    let _ = what;
    holds
}

/// What debug output is about. The formats stand in wrapper.c, in this order.
#[derive(Clone, Copy)]
#[repr(u8)]
#[allow(dead_code)] // only read with LWIP_DEBUG
pub(crate) enum Event {
    Discarded,
    StateEntered,
    ResetSent,
    SegmentSent,
    RtoExpired,
    FastRetransmit,
    CongestionWindow,
    ReceiveWindow,
    ChallengeAck,
    HeaderPorts,
    HeaderNumbers,
    HeaderFlags,
    SendQueue,
}

/// LWIP_DEBUGF: nothing at all without LWIP_DEBUG.
#[inline(always)]
pub(crate) fn debug(event: Event, a: u32, b: u32) {
    #[cfg(lwip_debug)]
    // SAFETY: a function of wrapper.c without preconditions.
    unsafe {
        c::lwip_tcp_rust_debug(event as u8, a, b);
    }
    let _ = (event, a, b);
}

/// Takes back the errors that lwip_stats counts for attempts to allocate a PCB which made room in the end.
pub(crate) fn forgive_pool_errors(count: u16) {
    #[cfg(memp_stats)]
    // SAFETY: (lock); lwIP sets up the statistics of its pools before TCP runs.
    unsafe {
        let pools = &raw const c::lwip_stats.memp;
        let stats = (*pools)[c::memp_t_MEMP_TCP_PCB as usize];
        if !stats.is_null() {
            (*stats).err = (*stats).err.wrapping_sub(count.into());
        }
    }
    let _ = count;
}

/// TCP_STATS_INC(tcp.$counter): nothing without TCP_STATS.
macro_rules! tcp_stat {
    ($counter:ident) => {
        $crate::ffi::diagnostics::Statistics::$counter()
    };
}
pub(crate) use tcp_stat;

/// MIB2_STATS_INC(mib2.$counter): nothing without MIB2_STATS.
macro_rules! mib2_stat {
    ($counter:ident) => {
        $crate::ffi::diagnostics::Mib2::$counter()
    };
}
pub(crate) use mib2_stat;

macro_rules! counters {
    ($(#[$doc:meta])* $group:ident, $cfg:ident, $field:ident: $counters:ident of $number:ty; $($counter:ident)*) => {
        $(#[$doc])*
        pub(crate) struct $group;
        impl $group {
            $(
                #[inline(always)]
                pub(crate) fn $counter() {
                    #[cfg($cfg)]
                    // SAFETY: where that counter lies.
                    unsafe {
                        Self::count(core::mem::offset_of!(c::$counters, $counter));
                    }
                }
            )*

            /// Adds one to the counter that lies so many octets into the group: a function, which each place calls, takes less
            /// flash than the addition at each place.
            ///
            /// # Safety
            /// A counter lies there.
            #[cfg($cfg)]
            #[cfg_attr(small, inline(never))]
            unsafe fn count(offset: usize) {
                // SAFETY: the caller's; (lock); lwip_stats is lwIP's own global of plain counters, which wrap.
                unsafe {
                    let counter = (&raw mut c::lwip_stats.$field).byte_add(offset).cast::<$number>();
                    counter.write(counter.read().wrapping_add(1));
                }
            }
        }
    };
}

counters!(
    /// lwip_stats.tcp.
    Statistics, tcp_stats, tcp: stats_proto of c::lwip_tcp_rust_counter;
    xmit recv drop chkerr lenerr memerr proterr err cachehit
);
counters!(
    /// lwip_stats.mib2.
    Mib2, mib2_stats, mib2: stats_mib2 of u32;
    tcpactiveopens tcppassiveopens tcpattemptfails tcpestabresets tcpoutsegs tcpretranssegs tcpinsegs tcpinerrs tcpoutrsts
);
