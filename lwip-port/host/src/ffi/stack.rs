//! lwIP as a whole.

use super::registry::{Event, Id, with};
use super::{bindings as c, hooks, pbuf};
use std::io;
use std::marker::PhantomData;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The right to call lwIP. There is one at most in a process.
#[derive(Debug)]
pub(crate) struct Lwip {
    /// May go to another thread, but not be used by two.
    not_sync: PhantomData<std::cell::Cell<()>>,
}

static TAKEN: AtomicBool = AtomicBool::new(false);

/// How many objects of each of lwIP's pools are in use, and the memory of malloc() beside them is not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pools(pub(crate) Vec<(&'static str, usize)>);

const POOLS: [(&str, c::memp_t); 12] = [
    ("RAW_PCB", c::MEMP_RAW_PCB),
    ("UDP_PCB", c::MEMP_UDP_PCB),
    ("TCP_PCB", c::MEMP_TCP_PCB),
    ("TCP_PCB_LISTEN", c::MEMP_TCP_PCB_LISTEN),
    ("TCP_SEG", c::MEMP_TCP_SEG),
    ("REASSDATA", c::MEMP_REASSDATA),
    ("FRAG_PBUF", c::MEMP_FRAG_PBUF),
    ("ARP_QUEUE", c::MEMP_ARP_QUEUE),
    ("ND6_QUEUE", c::MEMP_ND6_QUEUE),
    ("IP6_REASSDATA", c::MEMP_IP6_REASSDATA),
    ("PBUF", c::MEMP_PBUF),
    ("PBUF_POOL", c::MEMP_PBUF_POOL),
];

impl Lwip {
    /// # Errors
    /// `ResourceBusy` if somebody has it.
    pub(crate) fn take() -> io::Result<Self> {
        static INITIALIZED: Once = Once::new();
        if TAKEN.swap(true, Ordering::Acquire) {
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "this process has a stack already: lwIP's state is global",
            ));
        }
        // SAFETY: it is called once, and by whoever has just taken lwIP.
        INITIALIZED.call_once(|| unsafe { c::lwip_init() });
        Ok(Self { not_sync: PhantomData })
    }

    /// Sets the clock that lwIP reads, as the time since any fixed moment.
    pub(crate) fn set_now(&mut self, now: Duration) {
        hooks::set_now(now.as_millis() as u32);
    }

    /// Runs the timers that are due.
    pub(crate) fn run_timers(&mut self) {
        // SAFETY: we have lwIP.
        unsafe { c::sys_check_timeouts() };
    }

    /// How long until the next timer is due, if there is one.
    pub(crate) fn next_timer(&mut self) -> Option<Duration> {
        // SAFETY: we have lwIP.
        let milliseconds = unsafe { c::sys_timeouts_sleeptime() };
        (milliseconds != u32::MAX).then(|| Duration::from_millis(milliseconds.into()))
    }

    /// Delivers what was sent to ourselves, and frees what was read.
    pub(crate) fn run_loopback(&mut self) {
        // SAFETY: we have lwIP.
        unsafe { c::netif_poll_all() };
        pbuf::free_returned();
    }

    /// Whether there is something that was sent to ourselves.
    pub(crate) fn loopback_waits(&mut self) -> bool {
        // SAFETY: we have lwIP, and the list is its list of living interfaces.
        unsafe {
            let mut next = c::netif_list.as_ref();
            while let Some(netif) = next {
                if !netif.loop_first.is_null() {
                    return true;
                }
                next = netif.next.as_ref();
            }
        }
        false
    }

    /// The next thing that lwIP called back to say.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        with(|registry| registry.events.pop_front())
    }

    /// What is in use of the pools.
    pub(crate) fn pools(&mut self) -> Pools {
        pbuf::free_returned();
        let used = |pool: c::memp_t| {
            // SAFETY: we have lwIP, whose init filled the array; each element points to static counters.
            unsafe {
                let memp = c::lwip_stats.memp;
                memp.get(pool as usize).and_then(|stats| stats.as_ref()).map_or(0, |stats| stats.used)
            }
        };
        Pools(POOLS.into_iter().map(|(name, pool)| (name, used(pool))).collect())
    }

    /// lwIP's counters of TCP segments and of memory that was refused: (sent, received, sent again, dropped).
    pub(crate) fn tcp_counters(&mut self) -> [u32; 4] {
        // SAFETY: we have lwIP, and nobody else writes to its counters.
        unsafe {
            [
                c::lwip_stats.mib2.tcpoutsegs,
                c::lwip_stats.mib2.tcpinsegs,
                c::lwip_stats.mib2.tcpretranssegs,
                c::lwip_stats.tcp.drop,
            ]
        }
    }
}

impl Drop for Lwip {
    fn drop(&mut self) {
        let ids = |all: Vec<Id>| all;
        for id in ids(with(|registry| registry.tcp.keys().copied().collect())) {
            self.tcp_abort(id);
        }
        for id in ids(with(|registry| registry.listeners.keys().copied().collect())) {
            self.tcp_unlisten(id);
        }
        for id in ids(with(|registry| registry.udp.keys().copied().collect())) {
            self.udp_remove(id);
        }
        for id in ids(with(|registry| registry.raw.keys().copied().collect())) {
            self.raw_remove(id);
        }
        // What closes by itself (TIME-WAIT and the like) has nobody left to close for.
        self.tcp_abort_all();
        for id in self.interfaces() {
            self.remove_interface(id);
        }
        self.run_loopback();
        drop(with(|registry| std::mem::take(&mut registry.events)));
        pbuf::free_returned();
        TAKEN.store(false, Ordering::Release);
    }
}
