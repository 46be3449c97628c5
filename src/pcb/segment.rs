//! Segments: lwIP's `struct tcp_seg`.

use super::{get, load, set, store};
use crate::ffi::bindings as c;
#[cfg(tcp_queue_ooseq)]
use crate::ffi::pbuf::Arrival;
use crate::ffi::pbuf::{AppData, Checksum, Pbuf};
use crate::wire::{Flags, HEADER_LEN, Header, SeqNum};
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;

/// What is known of a segment that was sent, in bits of its flags that lwIP has no use for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(dead_code)] // without LWIP_TCP_RUST_SACK nothing is known
pub(crate) enum Mark {
    /// A SACK covers all of it.
    Sacked = 0x20,
    /// It was sent more than once.
    SentAgain = 0x80,
}

impl Mark {
    const SACKED: u8 = Self::Sacked as u8;
    const SENT_AGAIN: u8 = Self::SentAgain as u8;
}

/// A segment in a queue, to look at and change until the queue changes.
#[derive(Clone, Copy)]
pub(crate) struct Seg<'q> {
    ptr: NonNull<c::tcp_seg>,
    _queue: PhantomData<&'q ()>,
}

impl Seg<'_> {
    /// # Safety
    /// `ptr` is null or a segment that stays where it is through the lifetime of the result (queue).
    pub(super) unsafe fn from_raw(ptr: *mut c::tcp_seg) -> Option<Self> {
        NonNull::new(ptr).map(|ptr| Self { ptr, _queue: PhantomData })
    }

    pub(super) fn as_ptr(self) -> *mut c::tcp_seg {
        self.ptr.as_ptr()
    }

    fn header(self) -> *mut c::tcp_hdr {
        // SAFETY: (queue)
        unsafe { load(&raw const (*self.ptr.as_ptr()).tcphdr) }
    }

    fn p(self) -> *mut c::pbuf {
        // SAFETY: (queue)
        unsafe { load(&raw const (*self.ptr.as_ptr()).p) }
    }

    /// Octets of data.
    pub(crate) fn len(self) -> u16 {
        // SAFETY: (queue)
        unsafe { load(&raw const (*self.ptr.as_ptr()).len) }
    }

    fn set_len(self, len: u16) {
        // SAFETY: (queue)
        unsafe { store(&raw mut (*self.ptr.as_ptr()).len, len) }
    }

    /// Sequence numbers that it occupies: data, SYN, FIN (SEG.LEN of RFC 9293).
    pub(crate) fn seq_len(self) -> u32 {
        u32::from(self.len()) + u32::from(self.flags().has(Flags::SYN | Flags::FIN))
    }

    /// The first sequence number of a segment to be sent.
    pub(crate) fn seq(self) -> SeqNum {
        // SAFETY: (queue): a whole header, in memory that we allocated.
        SeqNum::new(u32::from_be(unsafe { get!(self.header(), seqno) }))
    }

    /// The one after the last.
    pub(crate) fn end(self) -> SeqNum {
        self.seq() + self.seq_len()
    }

    /// The first sequence number of a received segment, whose header is in host byte order.
    #[cfg(tcp_queue_ooseq)]
    pub(crate) fn received_seq(self) -> SeqNum {
        // SAFETY: (queue)
        SeqNum::new(unsafe { (*self.header()).seqno })
    }

    /// The one after its last octet of data.
    #[cfg(tcp_queue_ooseq)]
    pub(crate) fn received_end(self) -> SeqNum {
        self.received_seq() + u32::from(self.len())
    }

    /// Where the octet of the header with the control bits is.
    fn flags_octet(self) -> *mut u8 {
        // SAFETY: (queue): inside the header; the field is in network byte order, the control bits are its second octet.
        unsafe { (&raw mut (*self.header())._hdrlen_rsvd_flags).cast::<u8>().add(1) }
    }

    /// Control bits.
    pub(crate) fn flags(self) -> Flags {
        // SAFETY: (queue)
        Flags::from_bits(unsafe { self.flags_octet().read() })
    }

    /// Replaces the control bits.
    pub(crate) fn set_flags(self, flags: Flags) {
        const OTHERS: u8 = !Flags::from_bits(0xff).bits();
        let octet = self.flags_octet();
        // SAFETY: (queue)
        unsafe { octet.write(octet.read() & OTHERS | flags.bits()) };
    }

    /// Adds control bits.
    pub(crate) fn add_flags(self, flags: Flags) {
        let octet = self.flags_octet();
        // SAFETY: (queue)
        unsafe { octet.write(octet.read() | flags.bits()) };
    }

    /// Which options it has (TF_SEG_OPTS_x).
    pub(crate) fn options(self) -> u8 {
        // SAFETY: (queue)
        let flags = unsafe { load(&raw const (*self.ptr.as_ptr()).flags) };
        let marks = if cfg!(sack_recovery) { Mark::SACKED | Mark::SENT_AGAIN } else { 0 };
        let summed = if cfg!(tcp_checksum_on_copy) { crate::ffi::config::SEG_DATA_CHECKSUMMED as u8 } else { 0 };
        flags & !(marks | summed)
    }

    /// It has this mark.
    #[cfg(sack_recovery)]
    pub(crate) fn is_marked(self, mark: Mark) -> bool {
        // SAFETY: (queue)
        unsafe { load(&raw const (*self.ptr.as_ptr()).flags) & mark as u8 != 0 }
    }

    /// Gives it a mark, or takes it.
    #[cfg(sack_recovery)]
    pub(crate) fn set_mark(self, mark: Mark, on: bool) {
        // SAFETY: (queue)
        unsafe {
            let place = &raw mut (*self.ptr.as_ptr()).flags;
            let flags = load(place);
            store(place, if on { flags | mark as u8 } else { flags & !(mark as u8) });
        }
    }

    /// pbufs that it holds.
    pub(crate) fn clen(self) -> u16 {
        // SAFETY: (queue), (pbuf)
        unsafe { c::pbuf_clen(self.p()) }
    }

    /// Octets of its pbufs.
    #[cfg(ooseq_limit)]
    pub(crate) fn tot_len(self) -> u16 {
        // SAFETY: (queue), (pbuf)
        unsafe { get!(self.p(), tot_len) }
    }

    /// A driver still holds its pbufs, from when it was sent: they must not be touched.
    pub(crate) fn is_busy(self) -> bool {
        // SAFETY: (queue), (pbuf)
        unsafe { get!(self.p(), ref_) != 1 }
    }

    /// Cuts the end of a received segment's data off.
    #[cfg(tcp_queue_ooseq)]
    pub(crate) fn truncate(self, len: u32) {
        if len < self.len().into() {
            let len = len as u16;
            self.set_len(len);
            // SAFETY: (queue), (pbuf): shrinking only.
            unsafe { c::pbuf_realloc(self.p(), len) };
        }
    }

    /// Copies `target.len()` octets, which 16 bits can count, of data from `offset` on; false if there are not as many.
    pub(crate) fn copy_data(self, target: &mut [u8], offset: u16) -> bool {
        let len = target.len() as u16;
        // SAFETY: (queue), (pbuf): `target` takes `len` octets. The data are the last `len()` octets of the chain.
        unsafe {
            let start = get!(self.p(), tot_len).wrapping_sub(self.len()).wrapping_add(offset);
            c::pbuf_copy_partial(self.p(), target.as_mut_ptr().cast(), len, start) == len
        }
    }

    /// Cuts the end of a segment to be sent off: `len` octets of data, which it has, stay.
    pub(crate) fn shorten(self, len: u16) {
        let cut = self.len().wrapping_sub(len);
        // SAFETY: (queue), (pbuf): header and options stay, and pbuf_realloc makes no chain longer.
        unsafe { c::pbuf_realloc(self.p(), get!(self.p(), tot_len).wrapping_sub(cut)) };
        self.set_len(len);
        #[cfg(tcp_checksum_on_copy)]
        self.set_checksum_of_data(self.with_pbuf(|p| crate::ffi::pbuf::sum_tail(p, len)));
    }

    /// The last pbuf: where its payload ends, if it refers to memory of the application.
    pub(crate) fn end_of_reference(self) -> Option<*const u8> {
        const COPIED: u32 = 0x80 | 0x40; // PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS, PBUF_TYPE_FLAG_DATA_VOLATILE
        // SAFETY: (queue), (pbuf): the walk ends with the chain.
        unsafe {
            let last = self.last();
            let refers = u32::from(get!(last, type_internal)) & COPIED == 0;
            refers.then(|| get!(last, payload).cast::<u8>().add(usize::from(get!(last, len))).cast_const())
        }
    }

    /// The last pbuf of the chain.
    fn last(self) -> *mut c::pbuf {
        let mut p = self.p();
        // SAFETY: (queue), (pbuf)
        unsafe {
            while !get!(p, next).is_null() {
                p = get!(p, next);
            }
        }
        p
    }

    /// Lets the last pbuf reach further, by `data`: if they fit the `room` behind the payload, which is ours because tcp_write
    /// allocated that much more (`unsent_oversize`), they are copied there; else they are memory of the application, in which
    /// those that the pbuf refers to go on (see [`end_of_reference`](Self::end_of_reference)).
    pub(crate) fn extend(self, data: AppData, room: u16) {
        let (mut p, extra) = (self.p(), data.len() as u16);
        // SAFETY: (queue), (pbuf): the walk ends with the chain. (room): the caller's `room` is at most as much as
        // `unsent_oversize` says.
        let sum = unsafe {
            loop {
                set!(p, tot_len, get!(p, tot_len) + extra);
                if get!(p, next).is_null() {
                    break;
                }
                p = get!(p, next);
            }
            let end = get!(p, payload).cast::<u8>().add(usize::from(get!(p, len)));
            set!(p, len, get!(p, len) + extra);
            if extra <= room {
                data.copy_to(core::slice::from_raw_parts_mut(end, usize::from(extra)))
            } else {
                data.sum()
            }
        };
        self.add_checksum(sum, extra);
        self.set_len(self.len() + extra);
    }

    /// Appends a pbuf of data.
    pub(crate) fn append(self, data: Pbuf, sum: Checksum) {
        let len = data.tot_len();
        self.add_checksum(sum, len);
        // SAFETY: (queue), (pbuf): the reference goes over to the chain.
        unsafe { c::pbuf_cat(self.p(), data.into_raw()) };
        self.set_len(self.len() + len);
    }

    fn add_checksum(self, sum: Checksum, len: u16) {
        #[cfg(tcp_checksum_on_copy)]
        self.set_checksum_of_data(self.checksum_of_data().append_piece(sum, len));
        let _ = (sum, len);
    }

    #[cfg(tcp_checksum_on_copy)]
    pub(crate) fn checksum_of_data(self) -> Checksum {
        let seg = self.ptr.as_ptr();
        // SAFETY: (queue)
        unsafe {
            Checksum { sum: load(&raw const (*seg).chksum), swapped: load(&raw const (*seg).chksum_swapped) != 0 }
        }
    }

    #[cfg(tcp_checksum_on_copy)]
    fn set_checksum_of_data(self, checksum: Checksum) {
        let seg = self.ptr.as_ptr();
        // SAFETY: (queue)
        unsafe {
            store(&raw mut (*seg).chksum, checksum.sum);
            store(&raw mut (*seg).chksum_swapped, u8::from(checksum.swapped));
            store(
                &raw mut (*seg).flags,
                load(&raw const (*seg).flags) | crate::ffi::config::SEG_DATA_CHECKSUMMED as u8,
            );
        }
    }

    #[cfg(tcp_checksum_on_copy)]
    fn with_pbuf<R>(self, look: impl FnOnce(&Pbuf) -> R) -> R {
        look(&PbufOf::new(self.p()))
    }

    /// Room behind the last pbuf, as lwIP's debug check keeps it (TCP_OVERSIZE_DBGCHECK).
    #[cfg(tcp_oversize_dbgcheck)]
    pub(crate) fn set_oversize_left(self, room: u16) {
        // SAFETY: (queue)
        unsafe { store(&raw mut (*self.ptr.as_ptr()).oversize_left, room) }
    }

    /// Nothing to keep without the check.
    #[cfg(not(tcp_oversize_dbgcheck))]
    pub(crate) fn set_oversize_left(self, _room: u16) {}
}

/// A segment that is in no queue; dropping it gives it back to lwIP, pbufs included.
pub(crate) struct SegBox(Seg<'static>);

impl Drop for SegBox {
    /// Inlined, so that a segment that is dropped somewhere need not lie in memory everywhere.
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: (queue): we own the segment and with it one reference to its pbufs.
        unsafe { free(self.0.as_ptr()) };
    }
}

/// Gives a segment and its pbufs back to lwIP.
///
/// # Safety
/// The caller owns the segment, and gives it up (queue).
#[cfg_attr(small, inline(never))]
unsafe fn free(seg: *mut c::tcp_seg) {
    // SAFETY: the caller's.
    unsafe {
        drop(Pbuf::from_raw(get!(seg, p)));
        c::memp_free(c::memp_t_MEMP_TCP_SEG, seg.cast());
    }
    crate::ffi::globals::note_memory_returned();
}

/// The same for a whole chain of them, linked and null-terminated.
///
/// # Safety
/// As for [`free`].
#[inline(never)]
pub(crate) unsafe fn free_chain(mut seg: *mut c::tcp_seg) {
    while !seg.is_null() {
        // SAFETY: the caller's.
        unsafe {
            let next = get!(seg, next);
            free(seg);
            seg = next;
        }
    }
}

/// Everything that a queued segment has.
impl SegBox {
    /// As a member of a queue is looked at.
    pub(crate) fn seg(&self) -> Seg<'_> {
        self.0
    }

    /// # Safety
    /// `ptr` is null or a segment that nobody else owns.
    pub(crate) unsafe fn from_raw(ptr: *mut c::tcp_seg) -> Option<Self> {
        // SAFETY: the caller's.
        unsafe { Seg::from_raw(ptr).map(Self) }
    }

    pub(crate) fn into_raw(self) -> *mut c::tcp_seg {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// Memory of a segment; without any, `p` is dropped.
    #[allow(clippy::needless_update, unused_variables)] // not all configurations have more fields than are named here
    fn allocate(p: Pbuf, header: impl FnOnce(&Pbuf) -> *mut c::tcp_hdr, len: u16, options: u8) -> Option<Self> {
        // SAFETY: a function of wrapper.c; (lock) holds wherever a pbuf is handled.
        let memory = unsafe { c::lwip_tcp_rust_memp_malloc(c::memp_t_MEMP_TCP_SEG) };
        let ptr = NonNull::new(memory.cast::<c::tcp_seg>())?;
        let tcphdr = header(&p);
        // SAFETY: all zero is a valid segment.
        let empty: c::tcp_seg = unsafe { core::mem::zeroed() };
        let seg = c::tcp_seg { next: core::ptr::null_mut(), p: p.into_raw(), len, flags: options, tcphdr, ..empty };
        // SAFETY: new memory of a segment, which gets all that (queue) asks for.
        unsafe { store(ptr.as_ptr(), seg) };
        Some(Self(Seg { ptr, _queue: PhantomData }))
    }

    /// A segment to be sent: `p` is options and data, and gets a header in front.
    pub(crate) fn create(mut p: Pbuf, header: &Header, options: u8, sum: Checksum) -> Option<Self> {
        let len = p.tot_len() - (header.len - HEADER_LEN);
        if !p.add_header() {
            crate::ffi::diagnostics::tcp_stat!(err);
            return None;
        }
        // SAFETY: (pbuf): the room for the header is there now, and what is behind it was aligned.
        unsafe { p.write_header(header) };
        let seg = Self::allocate(p, |p| p.payload().cast(), len, options)?;
        #[cfg(tcp_checksum_on_copy)]
        if len > 0 {
            seg.0.set_checksum_of_data(sum);
        }
        let _ = sum;
        Some(seg)
    }

    /// A received segment to be kept, whose header has its number in host byte order.
    #[cfg(tcp_queue_ooseq)]
    pub(crate) fn received(arrival: &Arrival) -> Option<Self> {
        let len = arrival.tot_len();
        Self::allocate(arrival.share(), |_| arrival.header_ptr(), len, 0)
    }

    /// Takes the data of a received segment out.
    #[cfg(tcp_queue_ooseq)]
    pub(crate) fn into_data(self) -> Pbuf {
        let seg = ManuallyDrop::new(self);
        // SAFETY: (queue): we own both, hand out one, which is not null, and give back the other.
        unsafe {
            let p = Pbuf::from_raw(seg.0.p()).unwrap_unchecked();
            c::memp_free(c::memp_t_MEMP_TCP_SEG, seg.0.as_ptr().cast());
            p
        }
    }

    /// Its pbufs, to send them.
    pub(crate) fn pbuf(&self) -> impl Deref<Target = Pbuf> {
        PbufOf::new(self.0.p())
    }

    /// Makes the payload start at the TCP header again, where lower layers put theirs in front when it was sent before.
    /// Says whether it was.
    pub(crate) fn rewind(&mut self) -> bool {
        let (p, header) = (self.0.p(), self.0.header().cast::<u8>());
        // SAFETY: (queue): the header lies in the first pbuf, at its payload or behind it.
        unsafe {
            let shift = header.addr().wrapping_sub(get!(p, payload).addr()) as u16;
            set!(p, len, get!(p, len).wrapping_sub(shift));
            set!(p, tot_len, get!(p, tot_len).wrapping_sub(shift));
            set!(p, payload, header.cast());
            shift != 0
        }
    }

    /// Acknowledgment number and window (not scaled any more) of this transmission; the checksum becomes zero.
    pub(crate) fn set_ack_and_window(&mut self, ack: SeqNum, window: u16) {
        let header = self.0.header();
        // SAFETY: as in `seq`.
        unsafe {
            set!(header, ackno, ack.raw().to_be());
            set!(header, wnd, window.to_be());
            set!(header, chksum, 0);
        }
    }

    /// The checksum, as it is computed (in memory order).
    pub(crate) fn set_checksum(&mut self, checksum: u16) {
        // SAFETY: as in `seq`.
        unsafe { set!(self.0.header(), chksum, checksum) };
    }

    /// Octets of header and options.
    pub(crate) fn header_len(&self) -> u16 {
        // SAFETY: (queue): the first octet of the field, in network byte order, has the length in words in its upper half.
        let octet = unsafe { (&raw const (*self.0.header())._hdrlen_rsvd_flags).cast::<u8>().read() };
        u16::from(octet >> 4) * 4
    }

    /// The option area. The payload starts at the header: [`rewind`](Self::rewind).
    pub(crate) fn options_mut(&mut self) -> &mut [u8] {
        // SAFETY: (queue): header and options lie in the first pbuf, no further than that reaches.
        unsafe {
            let len = self.header_len().min(get!(self.0.p(), len)).saturating_sub(HEADER_LEN);
            let area = self.0.header().cast::<u8>().add(usize::from(HEADER_LEN));
            core::slice::from_raw_parts_mut(area, usize::from(len))
        }
    }

    /// Where the header is, for hooks.
    pub(crate) fn header_ptr(&self) -> *mut c::tcp_hdr {
        self.0.header()
    }
}

/// A look at pbufs that a segment owns.
struct PbufOf<'s>(ManuallyDrop<Pbuf>, PhantomData<&'s ()>);

impl PbufOf<'_> {
    fn new(p: *mut c::pbuf) -> Self {
        // SAFETY: (queue): a segment has pbufs; the reference stays the segment's, since this one is never dropped.
        Self(ManuallyDrop::new(unsafe { Pbuf::from_raw(p).unwrap_unchecked() }), PhantomData)
    }
}

impl Deref for PbufOf<'_> {
    type Target = Pbuf;
    fn deref(&self) -> &Pbuf {
        &self.0
    }
}
