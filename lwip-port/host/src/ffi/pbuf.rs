//! Packet buffers: those that lwIP fills become [`Bytes`], without a copy.

use super::bindings as c;
use bytes::Bytes;
use std::ptr::NonNull;
use std::sync::Mutex;

/// A single pbuf, not a chain, that lwIP has handed over and nobody else refers to.
struct Owned(NonNull<c::pbuf>);

// SAFETY: nobody else refers to the pbuf, so reading it from another thread is no race; only lwIP's pools and counters are
// shared, and those are not touched here: it is given back by the thread of the stack (`free_returned`).
unsafe impl Send for Owned {}
// SAFETY: through a shared reference it is only read.
unsafe impl Sync for Owned {}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the pbuf lives until `free_returned`, which gets it when this is dropped, and nobody writes to it; payload and
        // len describe octets that lwIP or `from_slice` has written.
        unsafe {
            let pbuf = self.0.as_ref();
            std::slice::from_raw_parts(pbuf.payload.cast::<u8>(), pbuf.len.into())
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        RETURNED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(Pointer(self.0));
    }
}

struct Pointer(NonNull<c::pbuf>);
// SAFETY: as for `Owned`, which it came from.
unsafe impl Send for Pointer {}

/// What the sockets have read, and the thread of the stack has to free.
static RETURNED: Mutex<Vec<Pointer>> = Mutex::new(Vec::new());

/// Frees what was read. The caller has the `Lwip`.
pub(super) fn free_returned() {
    let returned = std::mem::take(&mut *RETURNED.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    for pointer in returned {
        // SAFETY: each was owned, and is freed once; the caller has the `Lwip`.
        unsafe { c::pbuf_free(pointer.0.as_ptr()) };
    }
}

/// Takes a chain over, part by part.
///
/// # Safety
/// `pbuf` is null or a chain that the caller owns, and nobody else refers to; the caller has the `Lwip`.
pub(super) unsafe fn into_parts(pbuf: *mut c::pbuf, mut each: impl FnMut(Bytes)) {
    let mut next = NonNull::new(pbuf);
    while let Some(head) = next {
        // SAFETY: the caller's. pbuf_dechain gives up the head's reference to the rest, which would free it: ours comes first.
        next = unsafe {
            if let Some(rest) = NonNull::new(head.as_ref().next) {
                c::pbuf_ref(rest.as_ptr());
            }
            NonNull::new(c::pbuf_dechain(head.as_ptr()))
        };
        // SAFETY: the caller's.
        if unsafe { head.as_ref() }.len == 0 {
            // SAFETY: it is ours, and no longer a chain.
            unsafe { c::pbuf_free(head.as_ptr()) };
        } else {
            each(Bytes::from_owner(Owned(head)));
        }
    }
}

/// A copy of `data` in a new pbuf with room for the headers of `layer`, or null without memory or if it is longer than
/// 65,535 octets. The caller owns it.
pub(super) fn from_slice(layer: c::pbuf_layer, data: &[u8]) -> *mut c::pbuf {
    let Ok(length) = u16::try_from(data.len()) else { return std::ptr::null_mut() };
    // SAFETY: it takes any numbers.
    let pbuf = unsafe { c::pbuf_alloc(layer, length, c::PBUF_RAM) };
    if !pbuf.is_null() && length > 0 {
        // SAFETY: a pbuf of that length was just made, and `data` has as many octets.
        unsafe { c::pbuf_take(pbuf, data.as_ptr().cast(), length) };
    }
    pbuf
}

/// The octets of a chain in one piece: those of the pbuf if it is one piece already, else gathered in `scratch`.
///
/// # Safety
/// `pbuf` is a valid chain that nobody changes while the result is in use.
pub(super) unsafe fn contiguous(pbuf: *const c::pbuf, scratch: &mut Vec<u8>) -> &[u8] {
    // SAFETY: the caller's.
    let head = unsafe { &*pbuf };
    if head.len == head.tot_len {
        // SAFETY: len octets are at payload, and the caller keeps them.
        return unsafe { std::slice::from_raw_parts(head.payload.cast::<u8>(), head.len.into()) };
    }
    scratch.resize(head.tot_len.into(), 0);
    // SAFETY: the caller's; `scratch` has room for tot_len octets.
    unsafe { c::pbuf_copy_partial(pbuf, scratch.as_mut_ptr().cast(), head.tot_len, 0) };
    scratch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::Lwip;

    #[test]
    fn what_lwip_has_received_is_read_where_it_lies() -> std::io::Result<()> {
        let _alone = crate::sync::lock(&crate::engine::tests::STACK);
        let _lwip = Lwip::take()?;
        let pbuf = from_slice(c::PBUF_RAW, b"data");
        assert!(!pbuf.is_null());
        // SAFETY: it was just made.
        let payload = unsafe { (*pbuf).payload }.cast_const().cast::<u8>();
        let mut parts = Vec::new();
        // SAFETY: it is ours, and we have lwIP.
        unsafe { into_parts(pbuf, |part| parts.push(part)) };
        assert_eq!(parts, [Bytes::from_static(b"data")]);
        assert_eq!(parts.first().map(|part| part.as_ptr()), Some(payload));
        Ok(())
    }
}
