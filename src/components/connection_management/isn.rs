//! What an attacker must not guess: initial sequence numbers (RFC 6528) and ephemeral ports (RFC 6056).

use crate::ffi::ip::{ADDR_WORDS, now_ms};
use crate::pcb::{Core, Pcb};
use crate::wire::SeqNum;

/// tcp_init: a new secret.
pub(crate) fn draw_secret(core: &Core) {
    core.set_secret([core.random(), core.random(), core.random(), core.random()]);
}

/// RFC 6528 3: M + F(local address, local port, remote address, remote port, secret), M the 4 µs clock.
pub(crate) fn initial_sequence_number(pcb: Pcb<'_>) -> SeqNum {
    SeqNum::new(keyed_number(pcb, u32::from(pcb.local_port()) << 16 | u32::from(pcb.remote_port())))
}

/// Where to start looking for a free port: a number that looks random, another for each connection (RFC 6056 3.3.1).
pub(crate) fn next_port_candidate(pcb: Pcb<'_>) -> u32 {
    let core = pcb.core();
    let count = core.ports_chosen().wrapping_add(1);
    core.set_ports_chosen(count);
    // In place of both ports, with a local one of 0, which no connection has.
    keyed_number(pcb, u32::from(count as u16))
}

#[inline(never)]
fn keyed_number(pcb: Pcb<'_>, ports: u32) -> u32 {
    let mut message = [0; PADDED];
    let mut places = message.iter_mut();
    let mut put = |word| {
        if let Some(place) = places.next() {
            *place = word;
        }
    };
    put(ports);
    pcb.local_ip().for_each_word(&mut put);
    pcb.remote_ip().for_each_word(&mut put);
    if let Some(place) = message.get_mut(WORDS) {
        *place = LENGTH;
    }
    let clock = now_ms().wrapping_mul(250);
    sip_hash(pcb.core().secret(), &message).wrapping_add(clock)
}

/// Words that are hashed,
const WORDS: usize = 2 * ADDR_WORDS + 1;

/// the one behind them, which is the last of an even number: how many octets they are, in the highest octet,
const LENGTH: u32 = (WORDS as u32) << 26;

/// and with that and four words of zero, for the rounds at the end.
const PADDED: usize = WORDS + 5;

/// What SipHash makes different states of one key with.
const CONSTANTS: [u64; 4] =
    [0x736f_6d65_7073_6575, 0x646f_7261_6e64_6f6d, 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573];

/// The lower half of SipHash-2-4 with a 128-bit key. The secret is the key with the first two constants in it already: as
/// random as the key, it is half of the first state. The message has its length behind it, and four words of zero.
fn sip_hash([a0, a1, b0, b1]: [u32; 4], mut message: &[u32]) -> u32 {
    let (mut a, mut b) = (join(a0, a1), join(b0, b1));
    let mut c = a ^ CONSTANTS[0] ^ CONSTANTS[2];
    let mut d = b ^ CONSTANTS[1] ^ CONSTANTS[3];
    while let [low, high, rest @ ..] = message {
        let word = join(*low, *high);
        d ^= word;
        for _ in 0..2 {
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
        a ^= word;
        message = rest;
        if message.len() == 4 {
            c ^= 0xff;
        }
    }
    (a ^ b ^ c ^ d) as u32
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
        fn agrees_with_the_standard_librarys(secret: [u32; 4], words: [u32; WORDS]) {
            let [a, b, c, d] = secret;
            let (k0, k1) = (join(a, b) ^ CONSTANTS[0], join(c, d) ^ CONSTANTS[1]);
            #[allow(deprecated)]
            let mut theirs = std::hash::SipHasher::new_with_keys(k0, k1);
            for word in words {
                theirs.write(&word.to_le_bytes());
            }
            let mut message = [0; PADDED];
            message[..WORDS].copy_from_slice(&words);
            message[WORDS] = LENGTH;
            prop_assert_eq!(sip_hash(secret, &message), theirs.finish() as u32);
        }
    }
}
