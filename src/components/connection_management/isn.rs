//! What an attacker must not guess: initial sequence numbers (RFC 6528) and ephemeral ports (RFC 6056).

use crate::ffi::ip::{ADDR_WORDS, now_ms};
use crate::pcb::{Core, Pcb, Tuple};
use crate::wire::SeqNum;

/// tcp_init: a new secret.
pub(crate) fn draw_secret(core: &Core) {
    core.set_secret([core.random(), core.random(), core.random(), core.random()]);
}

/// RFC 6528 3: M + F(local address, local port, remote address, remote port, secret), M the 4 µs clock.
pub(crate) fn initial_sequence_number(pcb: Pcb<'_>) -> SeqNum {
    let core = pcb.core();
    let clock = now_ms().wrapping_mul(250);
    SeqNum::new(tuple_hash(core, &Tuple::of(pcb)).wrapping_add(clock))
}

fn tuple_hash(core: &Core, tuple: &Tuple<'_>) -> u32 {
    let ports = u32::from(tuple.local_port) << 16 | u32::from(tuple.remote_port);
    let mut words = [0; 2 * ADDR_WORDS + 1];
    let mut places = words.iter_mut();
    let mut put = |word| {
        if let Some(place) = places.next() {
            *place = word;
        }
    };
    put(ports);
    tuple.local.for_each_word(&mut put);
    tuple.remote.for_each_word(&mut put);
    keyed_hash(core, &words)
}

/// A random number to start looking for a free port at: a new one for each connection (RFC 6056 3.3.1).
pub(crate) fn next_port_candidate(core: &Core) -> u32 {
    let count = core.ports_chosen().wrapping_add(1);
    core.set_ports_chosen(count);
    keyed_hash(core, &[count, now_ms()])
}

#[inline(never)]
fn keyed_hash(core: &Core, words: &[u32]) -> u32 {
    sip_hash(core.secret(), words)
}

/// SipHash-2-4 with a 128-bit key, over a message of 64-bit words of which these are the lower halves; the lower half of the
/// result.
fn sip_hash([a, b, c, d]: [u32; 4], words: &[u32]) -> u32 {
    let (k0, k1) = (join(a, b), join(c, d));
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let mut rest = words.iter();
    loop {
        let next = rest.next();
        // A message of whole words ends with one that has its length in octets in the highest octet, and nothing else.
        let word = next.map_or((words.len() as u64) << 59, |word| u64::from(*word));
        v[3] ^= word;
        rounds(&mut v, 2);
        v[0] ^= word;
        if next.is_none() {
            break;
        }
    }
    v[2] ^= 0xff;
    rounds(&mut v, 4);
    let [a, b, c, d] = v;
    (a ^ b ^ c ^ d) as u32
}

#[inline(never)]
fn rounds(v: &mut [u64; 4], count: u8) {
    let [mut a, mut b, mut c, mut d] = *v;
    for _ in 0..count {
        a = a.wrapping_add(b);
        c = c.wrapping_add(d);
        b = b.rotate_left(13) ^ a;
        d = d.rotate_left(16) ^ c;
        a = a.rotate_left(32);
        c = c.wrapping_add(b);
        a = a.wrapping_add(d);
        b = b.rotate_left(17) ^ c;
        d = d.rotate_left(21) ^ a;
        c = c.rotate_left(32);
    }
    *v = [a, b, c, d];
}

fn join(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::hash::Hasher;
    use proptest::prelude::*;

    proptest! {
        /// The standard library has SipHash-2-4 too, of octets.
        #[test]
        fn agrees_with_the_standard_librarys(key: [u32; 4], words in proptest::collection::vec(any::<u32>(), 0..40)) {
            let [a, b, c, d] = key;
            #[allow(deprecated)]
            let mut theirs = std::hash::SipHasher::new_with_keys(join(a, b), join(c, d));
            for word in &words {
                theirs.write(&u64::from(*word).to_le_bytes());
            }
            prop_assert_eq!(sip_hash(key, &words), theirs.finish() as u32);
        }
    }
}
