//! IP addresses, routing and output.

use super::bindings as c;
use super::memory::load;
#[cfg(not(lwip_ipv6))]
use super::memory::store;
use super::pbuf::{OwnSegment, Pbuf};
use super::{Result, from_err_t};
use crate::pcb::{Core, Pcb};
use core::marker::PhantomData;
use core::ptr::{NonNull, null};

/// An address somewhere in lwIP's memory, to read while nobody else runs.
#[derive(Clone, Copy)]
pub(crate) struct Addr<'a> {
    ptr: NonNull<c::ip_addr_t>,
    _borrow: PhantomData<&'a Core>,
}

/// An address by value.
#[cfg(any(lwip_ipv6_scopes, path_mtu_by_icmp, test))]
pub(crate) type OwnedAddr = c::ip_addr_t;

impl<'a> Addr<'a> {
    /// # Safety
    /// `ptr` is null or points to an address that lives through `'a`.
    pub(crate) unsafe fn from_raw(ptr: *const c::ip_addr_t) -> Option<Self> {
        NonNull::new(ptr.cast_mut()).map(|ptr| Self { ptr, _borrow: PhantomData })
    }

    #[cfg(any(lwip_ipv6_scopes, path_mtu_by_icmp, test))]
    pub(crate) fn of(addr: &'a OwnedAddr) -> Self {
        Self { ptr: NonNull::from(addr), _borrow: PhantomData }
    }

    pub(crate) fn as_ptr(self) -> *const c::ip_addr_t {
        self.ptr.as_ptr()
    }

    /// Copies the address.
    ///
    /// # Safety
    /// `place` is writable.
    pub(crate) unsafe fn copy_to(self, place: *mut c::ip_addr_t) {
        // SAFETY: the caller's; readable through `'a` by `from_raw`. A call, since several words by value make the compiler
        // bring a memcpy of its own along.
        #[cfg(lwip_ipv6)]
        unsafe {
            c::lwip_tcp_rust_memcpy(place.cast(), self.ptr.as_ptr().cast(), size_of::<c::ip_addr_t>() as u16);
        }
        // SAFETY: as above.
        #[cfg(not(lwip_ipv6))]
        unsafe {
            store(place, load(self.ptr.as_ptr()));
        }
    }

    /// A copy.
    #[cfg(lwip_ipv6_scopes)]
    fn get(self) -> OwnedAddr {
        // SAFETY: readable through `'a` by `from_raw`.
        unsafe { load(self.ptr.as_ptr()) }
    }

    /// The address is IPv6.
    #[inline(always)]
    pub(crate) fn is_v6(self) -> bool {
        #[cfg(all(lwip_ipv4, lwip_ipv6))]
        {
            self.kind() == TYPE_V6
        }
        #[cfg(not(all(lwip_ipv4, lwip_ipv6)))]
        cfg!(lwip_ipv6)
    }

    /// The address is that of a dual-stack listener.
    #[inline(always)]
    pub(crate) fn is_any_type(self) -> bool {
        #[cfg(all(lwip_ipv4, lwip_ipv6))]
        {
            self.kind() == TYPE_ANY
        }
        #[cfg(not(all(lwip_ipv4, lwip_ipv6)))]
        false
    }

    #[cfg(all(lwip_ipv4, lwip_ipv6))]
    fn kind(self) -> u8 {
        // SAFETY: as in `get`.
        unsafe { (&raw const (*self.ptr.as_ptr()).type_).read() }
    }

    /// The address as 32-bit words: four for IPv6, one for IPv4.
    #[cfg(lwip_ipv6)]
    #[inline]
    fn words(self) -> impl Iterator<Item = u32> {
        let used = if self.is_v6() { ADDR_WORDS } else { 1 };
        // SAFETY: readable through `'a` by `from_raw`; every variant of ip_addr_t starts with the words of the address
        // itself: one of IPv4, four of IPv6.
        (0..used).map(move |place| unsafe { load(self.ptr.as_ptr().cast::<u32>().add(place)) })
    }

    /// The first of them, all of an IPv4 address.
    #[cfg(any(not(lwip_ipv6), lwip_autoip))]
    #[inline]
    fn first_word(self) -> u32 {
        // SAFETY: as in `words`: each has one.
        unsafe { load(self.ptr.as_ptr().cast::<u32>()) }
    }

    /// Shows the words to `see`. Without IPv6 there is one, and no loop, which small code would not be rid of.
    #[inline]
    pub(crate) fn for_each_word(self, mut see: impl FnMut(u32)) {
        #[cfg(not(lwip_ipv6))]
        see(self.first_word());
        #[cfg(lwip_ipv6)]
        for word in self.words() {
            see(word);
        }
    }

    /// ip_addr_eq: same version, address and zone.
    pub(crate) fn eq(self, other: Addr<'_>) -> bool {
        #[cfg(all(lwip_ipv4, lwip_ipv6))]
        if self.kind() != other.kind() {
            return false;
        }
        #[cfg(not(lwip_ipv6))]
        return self.first_word() == other.first_word();
        #[cfg(lwip_ipv6)]
        {
            let same = self.words().zip(other.words()).all(|(ours, theirs)| ours == theirs);
            same && self.zone() == other.zone()
        }
    }

    #[cfg(lwip_ipv6)]
    fn zone(self) -> u8 {
        #[cfg(lwip_ipv6_scopes)]
        if self.is_v6() {
            // SAFETY: as in `get`; an ip_addr_t of version 6 starts with an ip6_addr_t.
            return unsafe { (&raw const (*self.ptr.as_ptr().cast::<c::ip6_addr_t>()).zone).read() };
        }
        0
    }

    /// ip_addr_isany: all zero.
    pub(crate) fn is_any(self) -> bool {
        #[cfg(not(lwip_ipv6))]
        return self.first_word() == 0;
        #[cfg(lwip_ipv6)]
        self.words().all(|word| word == 0)
    }

    /// An IPv4 address that AutoIP assigned.
    #[cfg(lwip_autoip)]
    pub(crate) fn is_link_local_v4(self) -> bool {
        !self.is_v6() && u32::from_be(self.first_word()) >> 16 == 0xa9fe
    }

    /// Of the same IP version, or both of any (IP_GET_TYPE).
    pub(crate) fn same_kind(self, other: Addr<'_>) -> bool {
        #[cfg(all(lwip_ipv4, lwip_ipv6))]
        return self.kind() == other.kind();
        #[cfg(not(all(lwip_ipv4, lwip_ipv6)))]
        {
            let _ = other;
            true
        }
    }

    /// Of the same IP version (IP_ADDR_PCB_VERSION_MATCH_EXACT).
    pub(crate) fn same_version(self, other: Addr<'_>) -> bool {
        self.is_v6() == other.is_v6()
    }
}

/// 32-bit words of the longest address.
pub(crate) const ADDR_WORDS: usize = if cfg!(lwip_ipv6) { 4 } else { 1 };

#[cfg(all(lwip_ipv4, lwip_ipv6))]
const TYPE_V6: u8 = 6;
#[cfg(all(lwip_ipv4, lwip_ipv6))]
const TYPE_ANY: u8 = 46;

/// A network interface.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Netif(NonNull<c::netif>);

impl Netif {
    /// # Safety
    /// `ptr` is null or a netif that lives until the call of TCP ends.
    pub(crate) unsafe fn from_raw(ptr: *mut c::netif) -> Option<Self> {
        NonNull::new(ptr).map(Self)
    }

    /// netif_get_by_index.
    pub(crate) fn by_index(index: u8) -> Option<Self> {
        // SAFETY: (lock), (netif)
        unsafe { Self::from_raw(c::netif_get_by_index(index)) }
    }

    /// netif_get_index: the number plus 1, modulo 256.
    pub(crate) fn index(self) -> u8 {
        // SAFETY: (netif)
        unsafe { (*self.0.as_ptr()).num.wrapping_add(1) }
    }

    /// ip_route: the interface that packets from `src` to `dst` leave by.
    pub(crate) fn route(src: Addr<'_>, dst: Addr<'_>) -> Option<Self> {
        // SAFETY: (lock), (netif)
        unsafe { Self::from_raw(c::lwip_tcp_rust_ip_route(src.as_ptr(), dst.as_ptr())) }
    }

    /// ip_netif_get_local_ip: the interface's own address to talk to `dst` with.
    pub(crate) fn local_ip<'c>(self, _core: &'c Core, dst: Addr<'_>) -> Option<Addr<'c>> {
        // SAFETY: (lock), (netif): null or an address inside the netif.
        unsafe { Addr::from_raw(c::lwip_tcp_rust_local_ip(self.0.as_ptr(), dst.as_ptr())) }
    }

    /// `addr` is not that of one host: multicast, or broadcast on this interface, of which 0.0.0.0 is the old form.
    pub(crate) fn takes_for_many(self, addr: Addr<'_>) -> bool {
        // SAFETY: (lock), (netif)
        unsafe { c::lwip_tcp_rust_is_of_many(addr.as_ptr(), self.0.as_ptr()) != 0 }
    }

    /// The largest packet to `dst`, 0 if not known.
    #[cfg(tcp_calculate_eff_send_mss)]
    pub(crate) fn mtu(self, dst: Addr<'_>) -> u16 {
        #[cfg(lwip_ipv6)]
        if dst.is_v6() {
            // SAFETY: (lock), (netif); an ip_addr_t of version 6 starts with an ip6_addr_t.
            return unsafe { c::nd6_get_destination_mtu(dst.as_ptr().cast(), self.0.as_ptr()) };
        }
        let _ = dst;
        // SAFETY: (netif)
        unsafe { (*self.0.as_ptr()).mtu }
    }

    /// Whether the checksum of TCP is ours to compute for this interface (NETIF_CHECKSUM_GEN_TCP).
    #[cfg(checksum_gen_tcp)]
    fn generates_checksum(self) -> bool {
        #[cfg(lwip_checksum_ctrl_per_netif)]
        // SAFETY: (netif)
        return unsafe { u32::from((*self.0.as_ptr()).chksum_flags) & c::NETIF_CHECKSUM_GEN_TCP != 0 };
        #[cfg(not(lwip_checksum_ctrl_per_netif))]
        true
    }

    /// Whether it is ours to check (NETIF_CHECKSUM_CHECK_TCP).
    #[cfg(checksum_check_tcp)]
    fn checks_checksum(self) -> bool {
        #[cfg(lwip_checksum_ctrl_per_netif)]
        // SAFETY: (netif)
        return unsafe { u32::from((*self.0.as_ptr()).chksum_flags) & c::NETIF_CHECKSUM_CHECK_TCP != 0 };
        #[cfg(not(lwip_checksum_ctrl_per_netif))]
        true
    }

    pub(crate) fn as_ptr(self) -> *mut c::netif {
        self.0.as_ptr()
    }
}

/// A copy with the zone of an interface, where the address lacks one that it needs (ip6_addr_assign_zone).
#[cfg(lwip_ipv6_scopes)]
pub(crate) fn with_zone_of(addr: Addr<'_>, netif: Netif) -> OwnedAddr {
    let mut zoned = addr.get();
    // SAFETY: (netif)
    unsafe { c::lwip_tcp_rust_assign_zone(&mut zoned, netif.as_ptr()) }
    zoned
}

/// A copy with the zone of the only interface it can be of (ip6_addr_select_zone), likewise.
#[cfg(lwip_ipv6_scopes)]
pub(crate) fn with_selected_zone(addr: Addr<'_>) -> OwnedAddr {
    let mut zoned = addr.get();
    // SAFETY: (lock)
    unsafe { c::lwip_tcp_rust_select_zone(&mut zoned) }
    zoned
}

/// The wildcard address of tcp_bind(NULL): IPv4's.
#[cfg(lwip_ipv4)]
pub(crate) fn any() -> Addr<'static> {
    // SAFETY: a constant of lwIP.
    unsafe { Addr { ptr: NonNull::new_unchecked((&raw const c::ip_addr_any).cast_mut()), _borrow: PhantomData } }
}

/// The packet that lwIP hands to tcp_input: its addresses and interfaces, from `ip_data`.
#[derive(Clone, Copy)]
pub(crate) struct Packet<'a>(PhantomData<&'a Core>);

impl<'a> Packet<'a> {
    pub(crate) fn current(_core: &'a Core) -> Self {
        Self(PhantomData)
    }

    /// Where it came from.
    pub(crate) fn src(self) -> Addr<'a> {
        // SAFETY: (lock): a global of lwIP; it does not change while tcp_input runs.
        Addr { ptr: unsafe { NonNull::new_unchecked(&raw mut c::ip_data.current_iphdr_src) }, _borrow: PhantomData }
    }

    /// Where it was sent to.
    pub(crate) fn dst(self) -> Addr<'a> {
        // SAFETY: as in `src`.
        Addr { ptr: unsafe { NonNull::new_unchecked(&raw mut c::ip_data.current_iphdr_dest) }, _borrow: PhantomData }
    }

    /// The interface that received it.
    pub(crate) fn netif(self) -> Option<Netif> {
        // SAFETY: (lock), (netif)
        unsafe { Netif::from_raw(c::ip_data.current_input_netif) }
    }

    /// Its index; 0 if it is not known.
    pub(crate) fn netif_index(self) -> u8 {
        self.netif().map_or(0, Netif::index)
    }

    /// The TOS of IPv4, or the traffic class of IPv6.
    #[cfg(ecn)]
    pub(crate) fn tos(self) -> u8 {
        // SAFETY: (lock)
        unsafe { c::lwip_tcp_rust_tos() }
    }

    /// Broadcast or multicast.
    pub(crate) fn is_to_many(self) -> bool {
        // SAFETY: (lock), (netif)
        unsafe { c::lwip_tcp_rust_is_of_many(self.dst().as_ptr(), c::ip_data.current_netif) != 0 }
    }

    /// nd6_reachability_hint: the peer answers.
    #[cfg(lwip_nd6_tcp_reachability_hints)]
    pub(crate) fn confirm_reachability(self) {
        if self.src().is_v6() {
            // SAFETY: (lock); an ip_addr_t of version 6 starts with an ip6_addr_t.
            unsafe { c::nd6_reachability_hint(self.src().as_ptr().cast()) };
        }
    }

    /// The checksum is right, or not ours to check.
    pub(crate) fn checksum_ok(self, p: &Pbuf, netif: Option<Netif>) -> bool {
        #[cfg(checksum_check_tcp)]
        if netif.is_none_or(Netif::checks_checksum) {
            // SAFETY: (lock), (pbuf)
            return unsafe { c::lwip_tcp_rust_chksum(p.as_ptr(), self.src().as_ptr(), self.dst().as_ptr()) == 0 };
        }
        let _ = (p, netif);
        true
    }
}

/// The checksum of a control segment, to be stored in its header; none if the interface computes it.
pub(crate) fn checksum(p: &Pbuf, src: Addr<'_>, dst: Addr<'_>, netif: Netif) -> Option<u16> {
    #[cfg(checksum_gen_tcp)]
    if netif.generates_checksum() {
        // SAFETY: (lock), (pbuf)
        return Some(unsafe { c::lwip_tcp_rust_chksum(p.as_ptr(), src.as_ptr(), dst.as_ptr()) });
    }
    let _ = (p, src, dst, netif);
    None
}

/// The checksum of a queued segment, of which `data` is summed up already.
#[cfg(tcp_checksum_on_copy)]
pub(crate) fn checksum_with_data(
    p: &Pbuf,
    header_len: u16,
    data: super::pbuf::Checksum,
    src: Addr<'_>,
    dst: Addr<'_>,
    netif: Netif,
) -> Option<u16> {
    if !netif.generates_checksum() {
        return None;
    }
    // SAFETY: (lock), (pbuf)
    let header = !unsafe { c::lwip_tcp_rust_chksum_partial(p.as_ptr(), header_len, src.as_ptr(), dst.as_ptr()) };
    let total = u32::from(header) + u32::from(data.in_order());
    Some(!((total & 0xffff) as u16 + (total >> 16) as u16))
}

impl Core {
    /// Fills in the checksum of a segment of our own making and sends it.
    pub(crate) fn transmit(&mut self, mut p: OwnSegment, route: &Route) -> Result {
        super::diagnostics::tcp_stat!(xmit);
        // SAFETY: the addresses are readable: see `ip_output`. They come from `Addr`s, which are never at null.
        let (src, dst) =
            unsafe { (Addr::from_raw(route.src).unwrap_unchecked(), Addr::from_raw(route.dst).unwrap_unchecked()) };
        if let Some(checksum) = checksum(&p, src, dst, route.netif) {
            p.set_checksum(checksum);
        }
        self.ip_output(&p, route)
    }

    /// ip_output_if with the TTL, TOS and hints of `pcb`, or lwIP's defaults without one. The pbuf stays the caller's.
    ///
    /// A driver may hand a packet in at once, and with it call tcp_input, callbacks and all: hence `&mut self`, which
    /// ends every handle to a PCB.
    #[inline(always)]
    pub(crate) fn ip_output(&mut self, p: &Pbuf, route: &Route) -> Result {
        let Route { src, dst, netif, pcb, .. } = *route;
        #[cfg(ecn)]
        // SAFETY: as below.
        unsafe {
            c::lwip_tcp_rust_next_markable(route.markable.into())
        };
        // SAFETY: (lock), (pbuf), (netif); a `Route` is made just before it is used, with nothing in between that may free what
        // it points to: `src`, `dst` and `pcb` live when IP builds the packet. What a driver then lets the application free
        // is not looked at again, as with C's TCP, which hands in the same pointers.
        from_err_t(unsafe { c::lwip_tcp_rust_ip_output(p.as_ptr(), src, dst, pcb, netif.as_ptr()) })
    }
}

/// The way of one packet: addresses, interface, and the PCB that it belongs to, if any.
pub(crate) struct Route {
    src: *const c::ip_addr_t,
    dst: *const c::ip_addr_t,
    netif: Netif,
    pcb: *const c::tcp_pcb,
    #[cfg(ecn)]
    markable: bool,
}

impl Route {
    /// A packet of a connection.
    pub(crate) fn of(pcb: Pcb<'_>, netif: Netif) -> Self {
        Self {
            src: pcb.local_ip().as_ptr(),
            dst: pcb.remote_ip().as_ptr(),
            netif,
            pcb: pcb.as_ptr(),
            #[cfg(ecn)]
            markable: false,
        }
    }

    /// The packet may be marked on its way: ECT(0) (RFC 3168 5).
    #[cfg(ecn)]
    pub(crate) fn markable(self, markable: bool) -> Self {
        Self { markable, ..self }
    }

    /// The PCB that the packet belongs to, or null.
    pub(crate) fn pcb(&self) -> *const c::tcp_pcb {
        self.pcb
    }

    /// A packet between two addresses that need not be those of `pcb`.
    pub(crate) fn between(src: Addr<'_>, dst: Addr<'_>, netif: Netif, pcb: Option<Pcb<'_>>) -> Self {
        Self {
            src: src.as_ptr(),
            dst: dst.as_ptr(),
            netif,
            pcb: pcb.map_or(null(), |pcb| pcb.as_ptr()),
            #[cfg(ecn)]
            markable: false,
        }
    }
}

/// sys_now: milliseconds.
pub(crate) fn now_ms() -> u32 {
    // SAFETY: a function of the port without preconditions.
    unsafe { c::sys_now() }
}
