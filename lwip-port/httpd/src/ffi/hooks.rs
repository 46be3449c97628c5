//! What port/arch/cc.h wants of the system: randomness, the checksum, a place to complain.

use std::ffi::{CStr, c_char, c_int, c_void};

/// For initial sequence numbers and ports: not to be guessed.
#[unsafe(no_mangle)]
extern "C" fn lwip_httpd_rand() -> u32 {
    getrandom::u32().unwrap_or_else(|_| {
        use std::hash::{BuildHasher, Hasher};
        // Each RandomState has other keys; the standard library gets them from where the system has them.
        std::collections::hash_map::RandomState::new().build_hasher().finish() as u32
    })
}

/// # Safety
/// `data` points to `length` readable octets.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwip_httpd_checksum(data: *const c_void, length: c_int) -> u16 {
    let length = usize::try_from(length).unwrap_or(0);
    if data.is_null() || length == 0 {
        return 0;
    }
    // SAFETY: the caller's (LWIP_CHKSUM of lwIP's inet_chksum.c).
    sum(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) })
}

/// The one's complement sum of 16-bit words in the machine's order (RFC 1071 2(B)), an odd octet padded with zero.
fn sum(data: &[u8]) -> u16 {
    // Words of 32 bits in 64: what goes over 16 bits is folded in at the end (RFC 1071 2(A)), and 2^32 words fit.
    let (words, rest) = data.as_chunks::<4>();
    let mut total: u64 = words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
    let (pairs, odd) = rest.as_chunks::<2>();
    total += pairs.iter().map(|pair| u64::from(u16::from_ne_bytes(*pair))).sum::<u64>();
    total += odd.iter().map(|octet| u64::from(u16::from_ne_bytes([*octet, 0]))).sum::<u64>();
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// # Safety
/// Both texts are null-terminated.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwip_httpd_assert(message: *const c_char, file: *const c_char, line: c_int) {
    // SAFETY: the caller's (LWIP_PLATFORM_ASSERT has string literals).
    let (message, file) = unsafe { (CStr::from_ptr(message), CStr::from_ptr(file)) };
    eprintln!("lwIP: {} ({}:{line})", message.to_string_lossy(), file.to_string_lossy());
    // No unwinding goes through C.
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::sum;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_sum_is_the_one_of_rfc_1071(data in proptest::collection::vec(any::<u8>(), 0..4000)) {
            let mut expected = 0_u32;
            for word in data.chunks(2) {
                expected += u32::from(u16::from_ne_bytes([word[0], word.get(1).copied().unwrap_or(0)]));
                expected = (expected & 0xffff) + (expected >> 16);
            }
            prop_assert_eq!(u32::from(sum(&data)), expected);
        }
    }
}
