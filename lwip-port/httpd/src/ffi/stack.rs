//! lwIP as a whole: its start, its interfaces, and what it knows of its connections.

use super::address;
use super::bindings as c;
use std::ffi::c_void;
use std::io;
use std::mem::zeroed;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// lwIP is running. There is no end to that but the process': its threads know none.
#[derive(Clone, Copy, Debug)]
pub struct Stack(());

/// A TAP device that there is already, and lwIP's addresses on it.
#[derive(Clone, Debug)]
pub struct Tap {
    /// The device's name.
    pub device: String,
    /// lwIP's IPv4 address, and the length of the network's prefix.
    pub ip4: (Ipv4Addr, u8),
    /// Where everything outside of that network goes, if anywhere.
    pub gateway: Option<Ipv4Addr>,
    /// lwIP's IPv6 address, in a network of 64 bits.
    pub ip6: Option<Ipv6Addr>,
}

extern "C" fn started(done: *mut c_void) {
    // SAFETY: start() made it, and hands it to this one call.
    let done = unsafe { Box::from_raw(done.cast::<SyncSender<()>>()) };
    let _ = done.send(());
}

extern "C" fn nothing(_: *mut c_void) {}

/// lwIP's ERR_MEM.
const NO_MEMORY: c::err_t = -1;
/// How long to wait until the mailbox of lwIP's thread has room again, and how often.
const PAUSE: Duration = Duration::from_micros(100);
const PAUSES: u32 = 10_000;

/// As tcpip_input(), for the device's thread. The mailbox of lwIP's thread has room for 128 frames in lwIP's port for Unix, whatever
/// TCPIP_MBOX_SIZE says, and a thousand connections send more at once. So reading pauses, and frames wait in the device.
///
/// # Safety
/// As of tcpip_input(): the pbuf is the caller's, and lwIP's from success on; `netif` is an interface of lwIP's.
unsafe extern "C" fn input(pbuf: *mut c::pbuf, netif: *mut c::netif) -> c::err_t {
    for _ in 0..PAUSES {
        // SAFETY: the caller's; after a failure the pbuf is still ours.
        match unsafe { c::tcpip_input(pbuf, netif) } {
            NO_MEMORY => thread::sleep(PAUSE),
            result => return result,
        }
    }
    NO_MEMORY
}

impl Stack {
    /// Starts lwIP's thread, once in a process; then, and each further time, tells that it runs. It has 127.0.0.1 and ::1.
    pub fn start() -> Self {
        static RUNNING: OnceLock<()> = OnceLock::new();
        RUNNING.get_or_init(|| {
            let (done, wait) = sync_channel::<()>(1);
            // SAFETY: it is called once. The box is the one call's of started().
            unsafe { c::tcpip_init(Some(started), Box::into_raw(Box::new(done)).cast()) };
            // Its thread calls started() first of all; where it cannot start, lwIP aborts.
            let _ = wait.recv();
        });
        Self(())
    }

    /// Adds an interface on a TAP device, with lwIP's own driver for it (contrib's tapif.c), which ends the process with a message
    /// if the device cannot be opened. To be called once: its driver knows one device.
    ///
    /// # Errors
    /// `OutOfMemory`, or an address that lwIP does not take.
    pub fn add_tap(self, tap: &Tap) -> io::Result<()> {
        // SAFETY: nothing else of this program reads or changes the environment at this time: the threads there are, are lwIP's,
        // and its driver reads it below.
        unsafe { std::env::set_var("PRECONFIGURED_TAPIF", &tap.device) };
        let (host, length) = tap.ip4;
        let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
        let (host, mask) = (address::ip4(host), address::ip4(Ipv4Addr::from_bits(mask)));
        let gateway = address::ip4(tap.gateway.unwrap_or(Ipv4Addr::UNSPECIFIED));
        let ip6 = tap.ip6.map(address::ip6);
        // SAFETY: integers and nullable pointers. It lives as long as lwIP, which is for ever.
        let netif = Box::leak(Box::new(unsafe { zeroed::<c::netif>() }));
        let _lock = Lock::take(self);
        // SAFETY: (running, lock). lwIP has the netif from here on; addresses are copied.
        unsafe {
            let (host, mask, gateway) = (&raw const host, &raw const mask, &raw const gateway);
            let netif = &raw mut *netif;
            if c::netif_add(netif, host, mask, gateway, null_mut(), Some(c::tapif_init), Some(input)).is_null() {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            // The driver leaves it out; without it lwIP joins no group, and hears nobody ask for its address (RFC 4861 7.2.1).
            (*netif).flags |= c::NETIF_FLAG_MLD6 as u8;
            c::netif_create_ip6_linklocal_address(netif, 1);
            if let Some(ip6) = ip6 {
                let mut index = 0;
                if c::netif_add_ip6_address(netif, &raw const ip6, &raw mut index) != 0 {
                    return Err(io::ErrorKind::AddrNotAvailable.into());
                }
                // Valid at once: RFC 4862 5.4 would ask first whether somebody has it.
                c::netif_ip6_addr_set_state(netif, index, c::IP6_ADDR_PREFERRED as u8);
            }
            c::netif_set_default(netif);
            c::netif_set_up(netif);
        }
        Ok(())
    }

    /// Has lwIP's thread look when its next timer is due. It sleeps until the one that it knows of; and a socket's call has armed
    /// others (retransmission, RFC 6298) behind its back, for the calls are not made by that thread.
    pub fn timers_changed(self) {
        // SAFETY: (running). Where its mailbox is full it is awake anyway.
        unsafe { c::tcpip_try_callback(Some(nothing), null_mut()) };
    }

    /// What is known of each connection, those of nobody any more (FIN-WAIT, TIME-WAIT) included.
    pub fn connections(self) -> Vec<Connection> {
        let _lock = Lock::take(self);
        let mut all = Vec::new();
        // SAFETY: (lock). The lists are lwIP's lists of living PCBs.
        unsafe {
            for list in [c::tcp_active_pcbs, c::tcp_tw_pcbs] {
                let mut next = list.as_ref();
                while let Some(pcb) = next {
                    all.extend(Connection::of(pcb));
                    next = pcb.next.as_ref();
                }
            }
        }
        all
    }

    /// How many of lwIP's TCP connections (PCBs), sockets, segments and buffers are in use. What leaks shows here.
    pub fn in_use(self) -> InUse {
        let _lock = Lock::take(self);
        let used = |pool: c::memp_t| {
            // SAFETY: (lock). lwIP's start has filled the array; each element points to static counters.
            unsafe {
                let all = c::lwip_stats.memp;
                all.get(pool as usize).and_then(|stats| stats.as_ref()).map_or(0, |stats| stats.used)
            }
        };
        let mut time_wait = 0;
        // SAFETY: (lock). The list is lwIP's list of living PCBs.
        unsafe {
            let mut next = c::tcp_tw_pcbs.as_ref();
            while let Some(pcb) = next {
                time_wait += 1;
                next = pcb.next.as_ref();
            }
        }
        InUse {
            pcbs: used(c::MEMP_TCP_PCB).saturating_sub(time_wait),
            time_wait,
            sockets: used(c::MEMP_NETCONN),
            segments: used(c::MEMP_TCP_SEG),
            buffers: used(c::MEMP_PBUF_POOL),
        }
    }

    /// Segments that TCP has sent again since the start, of all connections (RFC 4022 tcpRetransSegs).
    pub fn retransmissions(self) -> u32 {
        let _lock = Lock::take(self);
        // SAFETY: (lock). Static counters.
        unsafe { c::lwip_stats.mib2.tcpretranssegs }
    }
}

/// See [`Stack::in_use`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct InUse {
    /// Without those in TIME-WAIT, which end by themselves (RFC 9293 3.3.2).
    pub pcbs: usize,
    pub time_wait: usize,
    pub sockets: usize,
    pub segments: usize,
    /// Of the pool that frames are received into.
    pub buffers: usize,
}

/// lwIP's core lock, given back when this is dropped.
struct Lock;

impl Lock {
    fn take(_stack: Stack) -> Self {
        // SAFETY: (running). It is not recursive, and nobody takes it twice: what holds one calls nothing that takes it.
        unsafe { c::sys_lock_tcpip_core() };
        Self
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: taken when this was made, by this thread: it is neither Clone nor sent anywhere.
        unsafe { c::sys_unlock_tcpip_core() };
    }
}

/// What the core says of one connection. Windows and buffers in octets, times in milliseconds.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Connection {
    pub local: SocketAddr,
    pub peer: SocketAddr,
    /// As RFC 9293 3.3.2 calls it.
    pub state: &'static str,
    pub srtt: u32,
    pub rto: u32,
    pub cwnd: u32,
    pub ssthresh: u32,
    pub snd_wnd: u32,
    pub rcv_wnd: u32,
    pub mss: u32,
    pub in_flight: u32,
    pub bytes_acked: u32,
    pub bytes_received: u32,
    pub retransmissions: u32,
}

impl Connection {
    /// # Safety
    /// (lock), and `pcb` is on one of lwIP's lists.
    #[cfg(all(rust_tcp, not(doc)))]
    unsafe fn of(pcb: &c::tcp_pcb) -> Option<Self> {
        use super::core_tcp::ffi::introspection as core_tcp;
        let mut known = core_tcp::lwip_tcp_rust_info::default();
        // SAFETY: (lock) by the caller; `known` can be written. Both crates' tcp_pcb is lwIP's.
        if unsafe { core_tcp::lwip_tcp_rust_info((&raw const *pcb).cast(), &raw mut known) } != 0 {
            return None;
        }
        Some(Self {
            local: SocketAddr::new(address::ip(&pcb.local_ip), pcb.local_port),
            peer: SocketAddr::new(address::ip(&pcb.remote_ip), pcb.remote_port),
            state: state_name(known.state),
            srtt: known.srtt_ms,
            rto: known.rto_ms,
            cwnd: known.cwnd,
            ssthresh: known.ssthresh,
            snd_wnd: known.snd_wnd,
            rcv_wnd: known.rcv_wnd,
            mss: known.mss,
            in_flight: known.in_flight,
            bytes_acked: known.bytes_acked,
            bytes_received: known.bytes_received,
            retransmissions: known.retransmissions,
        })
    }

    /// What C's PCB tells; it counts nothing per connection. rustdoc does not know the core either, see mod.rs.
    ///
    /// # Safety
    /// (lock), and `pcb` is on one of lwIP's lists.
    #[cfg(not(all(rust_tcp, not(doc))))]
    #[allow(clippy::unnecessary_wraps)] // As with the core.
    unsafe fn of(pcb: &c::tcp_pcb) -> Option<Self> {
        // RFC 6298's figures in C's scaled ticks of 500 ms (Van Jacobson 1988).
        let ticks = |ticks: i16| u32::from(ticks.max(0).unsigned_abs()) * 500;
        Some(Self {
            local: SocketAddr::new(address::ip(&pcb.local_ip), pcb.local_port),
            peer: SocketAddr::new(address::ip(&pcb.remote_ip), pcb.remote_port),
            state: state_name(u8::try_from(pcb.state).unwrap_or(u8::MAX)),
            srtt: ticks(pcb.sa) / 8,
            rto: ticks(pcb.rto),
            cwnd: pcb.cwnd,
            ssthresh: pcb.ssthresh,
            snd_wnd: pcb.snd_wnd,
            rcv_wnd: pcb.rcv_wnd,
            mss: pcb.mss.into(),
            in_flight: pcb.snd_nxt.wrapping_sub(pcb.lastack),
            bytes_acked: 0,
            bytes_received: 0,
            retransmissions: 0,
        })
    }
}

/// The names of lwIP's `enum tcp_state`.
const fn state_name(state: u8) -> &'static str {
    match state as c::tcp_state {
        c::CLOSED => "CLOSED",
        c::LISTEN => "LISTEN",
        c::SYN_SENT => "SYN-SENT",
        c::SYN_RCVD => "SYN-RECEIVED",
        c::ESTABLISHED => "ESTABLISHED",
        c::FIN_WAIT_1 => "FIN-WAIT-1",
        c::FIN_WAIT_2 => "FIN-WAIT-2",
        c::CLOSE_WAIT => "CLOSE-WAIT",
        c::CLOSING => "CLOSING",
        c::LAST_ACK => "LAST-ACK",
        c::TIME_WAIT => "TIME-WAIT",
        _ => "?",
    }
}
