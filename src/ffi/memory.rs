//! lwIP's memory: pools and heap are only as aligned as MEM_ALIGNMENT, which may be less than Rust asks for.

use super::bindings::tcp_pcb;
use super::config;

/// What lies in it is aligned for its type.
const ALIGNED: bool = config::MEM_ALIGNMENT as usize >= align_of::<tcp_pcb>();

/// Reads a value.
///
/// # Safety
/// As [`core::ptr::read`], but for the alignment.
#[inline(always)]
pub(crate) unsafe fn load<T: Copy>(place: *const T) -> T {
    // SAFETY: the caller's; in memory aligned for a PCB each field of lwIP's structs is aligned too.
    unsafe { if ALIGNED { place.read() } else { place.read_unaligned() } }
}

/// Writes one.
///
/// # Safety
/// As [`core::ptr::write`], but for the alignment.
#[inline(always)]
pub(crate) unsafe fn store<T: Copy>(place: *mut T, value: T) {
    // SAFETY: as in `load`.
    unsafe { if ALIGNED { place.write(value) } else { place.write_unaligned(value) } }
}

/// Reads a field of a struct behind a pointer; unsafe as [`load`] is.
macro_rules! get {
    ($ptr:expr, $field:ident) => {
        $crate::ffi::memory::load(&raw const (*$ptr).$field)
    };
}
pub(crate) use get;

/// Writes one; unsafe as [`store`] is.
macro_rules! set {
    ($ptr:expr, $field:ident, $value:expr) => {
        $crate::ffi::memory::store(&raw mut (*$ptr).$field, $value)
    };
}
pub(crate) use set;
