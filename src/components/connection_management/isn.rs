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
            hash.write(word, 0);
        }
    }
    hash.write(tuple.local_port.into(), tuple.remote_port.into());
    hash.finish() as u32
}

/// A random number to start looking for a free port at: a new one for each connection (RFC 6056 3.3.1).
pub(crate) fn next_port_candidate(core: &Core) -> u32 {
    let count = core.ports_chosen().wrapping_add(1);
    core.set_ports_chosen(count);
    let mut hash = SipHash::new(core.secret());
    hash.write(count, now_ms());
    hash.finish() as u32
}

/// SipHash-2-4 over 64-bit words, its number of words fixed by the kind of tuple.
struct SipHash([u64; 4]);

impl SipHash {
    fn new([a, b, c, d]: [u32; 4]) -> Self {
        let (k0, k1) = (join(a, b), join(c, d));
        Self([
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ])
    }

    fn write(&mut self, low: u32, high: u32) {
        self.absorb(join(low, high), 2);
    }

    fn absorb(&mut self, word: u64, rounds: u8) {
        self.0[3] ^= word;
        self.rounds(rounds);
        self.0[0] ^= word;
    }

    #[inline(never)]
    fn rounds(&mut self, count: u8) {
        let [mut a, mut b, mut c, mut d] = self.0;
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
        self.0 = [a, b, c, d];
    }

    /// SipHash ends a message of whole words with a word that holds nothing but its length in octets, modulo 256: here it
    /// is zero, since messages of different lengths never meet under one key.
    fn finish(mut self) -> u64 {
        self.absorb(0, 2);
        self.0[2] ^= 0xff;
        self.rounds(4);
        let [a, b, c, d] = self.0;
        a ^ b ^ c ^ d
    }
}

fn join(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the SipHash paper have the key 00 01 .. 0f, and messages 00 01 ..; those whose length is a whole
    /// number of words differ from ours in the last word only, so absorb that one by hand.
    #[test]
    fn agrees_with_the_reference_vectors() {
        let key = [0x0302_0100, 0x0706_0504, 0x0b0a_0908, 0x0f0e_0d0c];
        let finish = |mut hash: SipHash, length: u64| {
            hash.absorb(length << 56, 2);
            hash.0[2] ^= 0xff;
            hash.rounds(4);
            let [a, b, c, d] = hash.0;
            a ^ b ^ c ^ d
        };
        assert_eq!(finish(SipHash::new(key), 0), 0x726f_db47_dd0e_0e31);
        let mut hash = SipHash::new(key);
        hash.write(0x0302_0100, 0x0706_0504);
        assert_eq!(finish(hash, 8), 0x93f5_f579_9a93_2462);
    }
}
