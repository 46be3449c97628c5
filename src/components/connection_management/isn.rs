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
    let mut words = [0; 2 * ADDR_WORDS + 1];
    let ports = u32::from(tuple.local_port) << 16 | u32::from(tuple.remote_port);
    let addrs = tuple.local.words().into_iter().chain(tuple.remote.words());
    for (place, word) in words.iter_mut().zip(addrs.chain([ports])) {
        *place = word;
    }
    siphash_2_4(core.secret(), &words) as u32
}

/// A random number to start looking for a free port at: a new one for each connection (RFC 6056 3.3.1).
pub(crate) fn next_port_candidate(core: &Core) -> u32 {
    let count = core.ports_chosen().wrapping_add(1);
    core.set_ports_chosen(count);
    siphash_2_4(core.secret(), &[count, now_ms()]) as u32
}

/// SipHash-2-4 with a 128-bit key, over a message of 64-bit words of which `words` are the lower halves.
///
/// SipHash proper ends a message of whole words with one that holds nothing but its length in octets, modulo 256: here that
/// is zero, since messages of different lengths never meet under one key.
fn siphash_2_4([a, b, c, d]: [u32; 4], words: &[u32]) -> u64 {
    let (k0, k1) = (join(a, b), join(c, d));
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    for word in words.iter().chain([&0]) {
        v[3] ^= u64::from(*word);
        rounds(&mut v, 2);
        v[0] ^= u64::from(*word);
    }
    v[2] ^= 0xff;
    rounds(&mut v, 4);
    let [a, b, c, d] = v;
    a ^ b ^ c ^ d
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

    /// The published SipHash-2-4 vector of the empty message: its last word is zero as ours is.
    #[test]
    fn agrees_with_the_reference_vector() {
        let key = [0x0302_0100, 0x0706_0504, 0x0b0a_0908, 0x0f0e_0d0c];
        assert_eq!(siphash_2_4(key, &[]), 0x726f_db47_dd0e_0e31);
    }
}
