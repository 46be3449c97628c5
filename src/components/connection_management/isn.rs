//! What an attacker must not guess: initial sequence numbers (RFC 6528) and ephemeral ports (RFC 6056).

use crate::ffi::ip::now_ms;
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
    let mut hash = SipHash::new(core.secret());
    for addr in [tuple.local, tuple.remote] {
        for word in addr.words() {
            hash.take(word);
        }
    }
    hash.take(u32::from(tuple.local_port) << 16 | u32::from(tuple.remote_port));
    hash.finish()
}

/// A random number to start looking for a free port at: a new one for each connection (RFC 6056 3.3.1).
pub(crate) fn next_port_candidate(core: &Core) -> u32 {
    let count = core.ports_chosen().wrapping_add(1);
    core.set_ports_chosen(count);
    let mut hash = SipHash::new(core.secret());
    hash.take(count);
    hash.take(now_ms());
    hash.finish()
}

/// SipHash-2-4 with a 128-bit key, over a message of 64-bit words of which the caller's are the lower halves.
struct SipHash {
    v: [u64; 4],
    /// Octets of the message so far.
    len: u8,
}

impl SipHash {
    #[inline(never)]
    fn new([a, b, c, d]: [u32; 4]) -> Self {
        let (k0, k1) = (join(a, b), join(c, d));
        let v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        Self { v, len: 0 }
    }

    fn take(&mut self, word: u32) {
        self.len = self.len.wrapping_add(8);
        self.compress(word, 0);
    }

    #[inline(never)]
    fn compress(&mut self, low: u32, high: u32) {
        self.v[3] ^= join(low, high);
        rounds(&mut self.v, 2);
        self.v[0] ^= join(low, high);
    }

    /// A message of whole words ends with one that has its length in the highest octet, and nothing else.
    fn finish(mut self) -> u32 {
        self.compress(0, u32::from(self.len) << 24);
        self.v[2] ^= 0xff;
        rounds(&mut self.v, 4);
        let [a, b, c, d] = self.v;
        (a ^ b ^ c ^ d) as u32
    }
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
            let mut ours = SipHash::new(key);
            for word in words {
                theirs.write(&u64::from(word).to_le_bytes());
                ours.take(word);
            }
            prop_assert_eq!(ours.finish(), theirs.finish() as u32);
        }
    }
}
