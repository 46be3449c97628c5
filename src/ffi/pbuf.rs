//! lwIP's packet buffers.

use super::bindings as c;
use super::memory::{get, set, store};
use crate::wire::{HEADER_LEN, Header, MAX_OPTIONS_LEN, Words};
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::{NonNull, null_mut};

/// Where in a packet a new pbuf's payload is to start, that is how much room for headers it gets in front.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Layer {
    /// Room for IP and TCP header: the payload is data (with options in front).
    Transport = c::pbuf_layer_PBUF_TRANSPORT as u32,
    /// Room for the IP header: the payload is a TCP segment.
    Ip = c::pbuf_layer_PBUF_IP as u32,
    /// No room: the payload is appended to another pbuf.
    Raw = c::pbuf_layer_PBUF_RAW as u32,
}

/// One owned reference to a chain of pbufs; dropping it is pbuf_free.
pub(crate) struct Pbuf(NonNull<c::pbuf>);

impl Drop for Pbuf {
    fn drop(&mut self) {
        // SAFETY: (pbuf): we own this reference and give it up.
        unsafe { c::pbuf_free(self.0.as_ptr()) };
    }
}

impl Pbuf {
    /// Takes over a reference.
    ///
    /// # Safety
    /// `p` is null or a well-formed chain, and the caller owns the reference that it hands over.
    pub(crate) unsafe fn from_raw(p: *mut c::pbuf) -> Option<Self> {
        NonNull::new(p).map(Self)
    }

    /// Hands the reference over to C.
    pub(crate) fn into_raw(self) -> *mut c::pbuf {
        ManuallyDrop::new(self).0.as_ptr()
    }

    pub(crate) fn as_ptr(&self) -> *mut c::pbuf {
        self.0.as_ptr()
    }

    /// A PBUF_RAM pbuf (contiguous, one member) of `len` octets.
    #[inline(always)]
    pub(crate) fn alloc(layer: Layer, len: u16) -> Option<Self> {
        let p = Self::alloc_type(layer, len, c::pbuf_type_PBUF_RAM)?;
        // SAFETY: (pbuf): it has as many as were asked for, which spares comparisons where a part of them is written.
        unsafe { core::hint::assert_unchecked(p.len() == len) };
        Some(p)
    }

    /// The same, with room for `spare` more octets behind its payload.
    pub(crate) fn alloc_with_spare(layer: Layer, len: u16, spare: u16) -> Option<Self> {
        let p = Self::alloc(layer, len + spare)?;
        if cfg!(tcp_oversize) {
            // SAFETY: (pbuf); a chain of one member only gets shorter.
            unsafe {
                set!(p.0.as_ptr(), len, len);
                set!(p.0.as_ptr(), tot_len, len);
            }
        }
        Some(p)
    }

    /// Writes a header to where the payload starts.
    ///
    /// # Safety
    /// It has room for that, and is as aligned as the payload of a new PBUF_RAM pbuf.
    #[inline(always)]
    pub(crate) unsafe fn write_header(&mut self, header: &Header) {
        let place = self.payload().cast::<[u32; HEADER_LEN as usize / 4]>();
        let [ports, seq, ack, last, end] = header.words();
        // SAFETY: the caller's; a header is a whole number of words, so that what is in front of an aligned place is aligned, too.
        unsafe { store(place, [ports.to_be(), seq.to_be(), ack.to_be(), last.to_be(), end]) };
    }

    /// A PBUF_ROM pbuf that refers to `len` octets of the application at `data`, which it keeps until they are
    /// acknowledged (tcp_write without TCP_WRITE_FLAG_COPY). The payload is only ever read.
    pub(crate) fn reference(data: AppData) -> Option<Self> {
        let p = Self::alloc_type(Layer::Raw, data.len as u16, c::pbuf_type_PBUF_ROM)?;
        // SAFETY: (pbuf): a PBUF_ROM pbuf is a struct pbuf_rom with the payload pointer at the same place.
        unsafe { set!(p.0.as_ptr(), payload, data.ptr.as_ptr().cast()) };
        Some(p)
    }

    fn alloc_type(layer: Layer, len: u16, kind: c::pbuf_type) -> Option<Self> {
        // SAFETY: pbuf_alloc gives null or a new pbuf with one reference, ours.
        unsafe { Self::from_raw(c::pbuf_alloc(layer as c::pbuf_layer, len, kind)) }
    }

    /// Octets in the whole chain.
    pub(crate) fn tot_len(&self) -> u16 {
        // SAFETY: (pbuf)
        unsafe { get!(self.0.as_ptr(), tot_len) }
    }

    /// Octets in the first member.
    pub(crate) fn len(&self) -> u16 {
        // SAFETY: (pbuf)
        unsafe { get!(self.0.as_ptr(), len) }
    }

    /// The octets of the first member.
    pub(crate) fn first(&self) -> &[u8] {
        // SAFETY: (pbuf); the borrow ends before anybody else gets at the pbuf, since that takes `self`.
        unsafe { core::slice::from_raw_parts(self.payload(), usize::from(self.len())) }
    }

    /// The same, to write.
    pub(crate) fn first_mut(&mut self) -> &mut [u8] {
        // SAFETY: (pbuf); as in `first`. Only PBUF_RAM pbufs that we allocated are written.
        unsafe { core::slice::from_raw_parts_mut(self.payload(), usize::from(self.len())) }
    }

    /// Looks at `len` octets (at most 40, as options are) from `offset` of the chain on, copied together.
    pub(crate) fn with_copy<R>(&self, offset: u16, len: u16, look: impl FnOnce(&[u8]) -> R) -> R {
        let mut copy = core::mem::MaybeUninit::<[u8; MAX_OPTIONS_LEN]>::uninit();
        // SAFETY: (pbuf): `copied` octets were written, at most as many as there is room for.
        unsafe {
            let len = len.min(MAX_OPTIONS_LEN as u16);
            let copied = c::pbuf_copy_partial(self.0.as_ptr(), copy.as_mut_ptr().cast(), len, offset);
            look(core::slice::from_raw_parts(copy.as_ptr().cast(), usize::from(copied)))
        }
    }

    /// One more reference to the chain.
    #[cfg(tcp_queue_ooseq)]
    pub(crate) fn share(&self) -> Self {
        // SAFETY: (pbuf); the new reference is ours.
        unsafe { c::pbuf_ref(self.0.as_ptr()) };
        Self(self.0)
    }

    /// Appends a chain.
    pub(crate) fn cat(&mut self, tail: Self) {
        // SAFETY: (pbuf); the reference to `tail` goes over to the chain.
        unsafe { c::pbuf_cat(self.0.as_ptr(), tail.into_raw()) }
    }

    /// Cuts the chain's end off.
    pub(crate) fn truncate(&mut self, len: u16) {
        // SAFETY: (pbuf); it only shrinks: a length that is no shorter has no effect.
        unsafe { c::pbuf_realloc(self.0.as_ptr(), len) };
    }

    /// Removes `count` octets (at most all) from the chain's front. Members stay, emptied, so that what was stored in
    /// the first one, such as the TCP header of the segment, stays readable.
    #[inline]
    pub(crate) fn trim_front(&mut self, count: u16) {
        // SAFETY: (pbuf)
        unsafe { trim_front(self.0.as_ptr(), count.into()) }
    }

    /// The application is to be told to push the data on (PSH).
    pub(crate) fn mark_push(&mut self) {
        self.set_flag(c::PBUF_FLAG_PUSH);
    }

    /// A FIN follows these data.
    pub(crate) fn mark_fin(&mut self) {
        self.set_flag(c::PBUF_FLAG_TCP_FIN);
    }

    fn set_flag(&mut self, flag: u32) {
        // SAFETY: (pbuf)
        unsafe { set!(self.0.as_ptr(), flags, get!(self.0.as_ptr(), flags) | flag as u8) };
    }

    /// Whether a FIN follows these data.
    pub(crate) fn has_fin(&self) -> bool {
        // SAFETY: (pbuf)
        unsafe { u32::from(get!(self.0.as_ptr(), flags)) & c::PBUF_FLAG_TCP_FIN != 0 }
    }

    /// Splits off what is more than `tot_len` can count or recv can take at once: 64 kB.
    #[cfg(all(tcp_queue_ooseq, lwip_wnd_scale))]
    pub(crate) fn split_64k(&mut self) -> Option<Self> {
        let mut rest = null_mut();
        // SAFETY: (pbuf); the reference to what is split off is ours.
        unsafe {
            c::pbuf_split_64k(self.0.as_ptr(), &mut rest);
            Self::from_raw(rest)
        }
    }

    /// Without window scaling a window's data fit.
    #[cfg(not(all(tcp_queue_ooseq, lwip_wnd_scale)))]
    pub(crate) fn split_64k(&mut self) -> Option<Self> {
        let _ = null_mut::<()>;
        None
    }

    /// Prepends room for a TCP header.
    pub(crate) fn add_header(&mut self) -> bool {
        // SAFETY: (pbuf); fails without effect if there is no room.
        unsafe { c::pbuf_add_header(self.0.as_ptr(), usize::from(HEADER_LEN)) == 0 }
    }

    /// Where the payload of the second member starts; null if there is none.
    #[cfg(hook_tcp_inpacket_pcb)]
    pub(crate) fn second_payload(&self) -> *mut u8 {
        // SAFETY: (pbuf)
        unsafe {
            let next = get!(self.0.as_ptr(), next);
            if next.is_null() { null_mut() } else { get!(next, payload).cast() }
        }
    }

    /// Where the payload starts.
    pub(crate) fn payload(&self) -> *mut u8 {
        // SAFETY: (pbuf): never null, which spares a comparison wherever a part of it may be none.
        unsafe {
            let payload = get!(self.0.as_ptr(), payload).cast::<u8>();
            core::hint::assert_unchecked(!payload.is_null());
            payload
        }
    }
}

/// A segment of our own making, in one new pbuf that starts with its header.
pub(crate) struct OwnSegment(Pbuf);

impl OwnSegment {
    /// A header and `rest` octets behind its fixed part.
    pub(crate) fn alloc(rest: u16, header: impl FnOnce() -> Header) -> Option<Self> {
        let mut p = Pbuf::alloc(Layer::Ip, HEADER_LEN + rest)?;
        // SAFETY: (pbuf): so much room is there, and writing there does not change how much.
        unsafe {
            p.write_header(&header());
            core::hint::assert_unchecked(p.len() == HEADER_LEN + rest);
        }
        Some(Self(p))
    }

    /// What is behind the fixed part of the header.
    pub(crate) fn rest_mut(&mut self) -> &mut [u8] {
        self.0.first_mut().get_mut(usize::from(HEADER_LEN)..).unwrap_or_default()
    }

    /// The checksum, as it is computed (in memory order).
    pub(crate) fn set_checksum(&mut self, checksum: u16) {
        // SAFETY: (pbuf): the payload starts with a header, which is as aligned as lwIP's memory is.
        unsafe { set!(self.0.payload().cast::<c::tcp_hdr>(), chksum, checksum) };
    }
}

impl Deref for OwnSegment {
    type Target = Pbuf;
    fn deref(&self) -> &Pbuf {
        &self.0
    }
}

/// See [`Pbuf::trim_front`].
///
/// # Safety
/// `p` is a well-formed chain of which the caller owns a reference.
#[cfg_attr(small, inline(never))]
unsafe fn trim_front(mut p: *mut c::pbuf, count: usize) {
    // SAFETY: (pbuf): `left` is at most the sum of the members' lengths, so the walk ends within the chain.
    unsafe {
        let total = usize::from(get!(p, tot_len));
        let mut left = count.min(total);
        let rest = (total - left) as u16;
        while left > usize::from(get!(p, len)) {
            left -= usize::from(get!(p, len));
            set!(p, tot_len, rest);
            set!(p, len, 0);
            if get!(p, next).is_null() {
                return;
            }
            p = get!(p, next);
        }
        c::pbuf_remove_header(p, left);
    }
}

/// Octets that the application asked to send, somewhere in its memory.
///
/// What tcp_write is given is only a promise of the application: `len` readable octets at `ptr`. They are copied or
/// referred to, never turned into a slice, because without the copy flag the application may even change them.
#[derive(Clone, Copy)]
pub(crate) struct AppData {
    ptr: NonNull<u8>,
    /// At most 0xffff: so wide because it is computed with.
    len: u32,
}

impl AppData {
    /// # Safety
    /// `len` octets at `ptr` are readable, until they are acknowledged if they are not copied.
    pub(crate) unsafe fn new(ptr: *const u8, len: u16) -> Option<Self> {
        NonNull::new(ptr.cast_mut()).map(|ptr| Self { ptr, len: len.into() })
    }

    pub(crate) fn len(self) -> u32 {
        self.len
    }

    /// Splits the first `at` octets (at most all) off.
    pub(crate) fn split(self, at: u32) -> (Self, Self) {
        let at = at.min(self.len);
        // SAFETY: still inside the application's octets, or one past them.
        let rest = unsafe { self.ptr.add(at as usize) };
        (Self { len: at, ..self }, Self { ptr: rest, len: self.len - at })
    }

    /// Those behind the first `count` (at most all).
    pub(crate) fn behind(self, count: u32) -> Self {
        self.split(count).1
    }

    /// Whether these octets follow in memory on those that end at `end`.
    pub(crate) fn starts_at(self, end: *const u8) -> bool {
        core::ptr::eq(self.ptr.as_ptr(), end)
    }

    /// Copies all octets to the start of `target` if they fit, and sums them up for the checksum if that is done on
    /// copy (LWIP_CHECKSUM_ON_COPY).
    pub(crate) fn copy_to(self, target: &mut [u8]) -> Checksum {
        // SAFETY: by `new`; splitting makes it only less.
        unsafe { core::hint::assert_unchecked(self.len <= 0xffff) };
        let Some(target) = target.get_mut(..self.len as usize) else { return Checksum::default() };
        // SAFETY: `len` octets are readable by `new` and writable in `target`, which is our own pbuf, not theirs.
        unsafe {
            #[cfg(tcp_checksum_on_copy)]
            {
                let sum =
                    c::lwip_tcp_rust_chksum_copy(target.as_mut_ptr().cast(), self.ptr.as_ptr().cast(), self.len as u16);
                Checksum::default().append(sum, self.len as u16)
            }
            #[cfg(not(tcp_checksum_on_copy))]
            {
                c::lwip_tcp_rust_memcpy(target.as_mut_ptr().cast(), self.ptr.as_ptr().cast(), self.len as u16);
                Checksum::default()
            }
        }
    }

    /// The same sum for octets that are referred to.
    pub(crate) fn sum(self) -> Checksum {
        #[cfg(tcp_checksum_on_copy)]
        {
            // SAFETY: `len` octets are readable by `new`.
            let sum = !unsafe { c::inet_chksum(self.ptr.as_ptr().cast(), self.len as u16) };
            Checksum::default().append(sum, self.len as u16)
        }
        #[cfg(not(tcp_checksum_on_copy))]
        Checksum::default()
    }
}

/// The Internet checksum of a segment's data, summed up piece by piece (lwIP's `chksum` and `chksum_swapped`: after an
/// odd number of octets the next piece starts in the middle of a 16-bit word).
#[derive(Clone, Copy, Default)]
pub(crate) struct Checksum {
    #[cfg(tcp_checksum_on_copy)]
    pub(crate) sum: u16,
    #[cfg(tcp_checksum_on_copy)]
    pub(crate) swapped: bool,
}

impl Checksum {
    /// Adds a piece of `len` octets whose sum is `sum`.
    #[cfg(tcp_checksum_on_copy)]
    pub(crate) fn append(self, sum: u16, len: u16) -> Self {
        let total = u32::from(self.sum) + u32::from(sum);
        let folded = (total & 0xffff) as u16 + (total >> 16) as u16;
        if len & 1 != 0 {
            Self { sum: folded.swap_bytes(), swapped: !self.swapped }
        } else {
            Self { sum: folded, ..self }
        }
    }

    /// Adds a piece of `len` octets that was summed up by itself.
    #[cfg(tcp_checksum_on_copy)]
    pub(crate) fn append_piece(self, piece: Self, len: u16) -> Self {
        self.append(piece.in_order(), len)
    }

    /// The sum with its octets in the order of the data.
    #[cfg(tcp_checksum_on_copy)]
    pub(crate) fn in_order(self) -> u16 {
        if self.swapped { self.sum.swap_bytes() } else { self.sum }
    }
}

/// Sums up the last `len` octets of a chain, member by member.
#[cfg(tcp_checksum_on_copy)]
pub(crate) fn sum_tail(p: &Pbuf, len: u16) -> Checksum {
    let mut skip = p.tot_len().saturating_sub(len);
    let mut member = p.as_ptr();
    let mut sum = Checksum::default();
    // SAFETY: (pbuf): the walk ends with the chain; `skip` is at most the member's length where it is added.
    unsafe {
        while !member.is_null() {
            let in_member = get!(member, len);
            if skip < in_member {
                let start = get!(member, payload).cast::<u8>().add(usize::from(skip));
                let count = in_member - skip;
                sum = sum.append(!c::inet_chksum(start.cast(), count), count);
                skip = 0;
            } else {
                skip -= in_member;
            }
            member = get!(member, next);
        }
    }
    sum
}

/// A received packet, and where its TCP header is: in the first pbuf, also when that has been cut off in front of the data.
pub(crate) struct Arrival {
    p: Pbuf,
    header: *mut c::tcp_hdr,
}

impl Deref for Arrival {
    type Target = Pbuf;
    #[inline(always)]
    fn deref(&self) -> &Pbuf {
        &self.p
    }
}

impl Arrival {
    /// Of a packet whose payload is a TCP header; none if that is not whole in the first pbuf.
    #[inline(always)]
    pub(crate) fn new(p: Pbuf) -> Option<Self> {
        let header = p.payload().cast();
        (p.len() >= HEADER_LEN).then_some(Self { p, header })
    }

    /// What the header says, as long as it is in network byte order.
    #[inline(always)]
    pub(crate) fn header(&self) -> Words {
        // SAFETY: (pbuf): in the memory of the first pbuf, which nothing that is done to `p` gives back or moves.
        Words::read(unsafe { &*self.header.cast() })
    }

    /// Where it is, for what C looks at.
    #[cfg(any(tcp_queue_ooseq, hook_tcp_inpacket_pcb))]
    #[inline(always)]
    pub(crate) fn header_ptr(&self) -> *mut c::tcp_hdr {
        self.header
    }

    /// Leaves the header in host byte order, as LWIP_HOOK_TCP_INPACKET_PCB is given it.
    #[cfg(hook_tcp_inpacket_pcb)]
    pub(crate) fn header_to_host(&mut self) {
        let header = self.header;
        // SAFETY: (pbuf), as in `header`; the packet is ours. The struct is packed, so alignment does not matter.
        unsafe {
            (*header).src = u16::from_be((*header).src);
            (*header).dest = u16::from_be((*header).dest);
            (*header).seqno = u32::from_be((*header).seqno);
            (*header).ackno = u32::from_be((*header).ackno);
            (*header).wnd = u16::from_be((*header).wnd);
        }
    }

    /// The sequence number in host byte order, as segments out of sequence have it.
    #[cfg(tcp_queue_ooseq)]
    pub(crate) fn set_seq(&mut self, seq: crate::wire::SeqNum) {
        // SAFETY: as in `header_to_host`.
        unsafe { (*self.header).seqno = seq.raw() };
    }

    /// See [`Pbuf::trim_front`].
    #[inline(always)]
    pub(crate) fn trim_front(&mut self, count: u16) {
        self.p.trim_front(count);
    }

    /// See [`Pbuf::truncate`].
    #[inline(always)]
    pub(crate) fn truncate(&mut self, len: u16) {
        self.p.truncate(len);
    }

    /// See [`Pbuf::cat`].
    #[cfg(tcp_queue_ooseq)]
    #[inline(always)]
    pub(crate) fn cat(&mut self, tail: Pbuf) {
        self.p.cat(tail);
    }

    /// See [`Pbuf::mark_push`].
    #[inline(always)]
    pub(crate) fn mark_push(&mut self) {
        self.p.mark_push();
    }

    /// The data, without the header.
    #[inline(always)]
    pub(crate) fn into_data(self) -> Pbuf {
        self.p
    }
}
