//! Random numbers by seed: one independent stream for each purpose, so that what one impairment draws does not shift
//! what another one sees.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng as _, SeedableRng};

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Stream(Pcg64Mcg);

impl Stream {
    /// The stream that `seed` and `purpose` name.
    pub fn new(seed: u64, purpose: u64) -> Stream {
        Stream(Pcg64Mcg::seed_from_u64(mix(seed ^ mix(purpose))))
    }

    /// A 32 bit number.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with probability `p`. Draws in any case, so that the same seed meets the same places at any `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in [0, `end`), 0 if that is empty.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.unit() * end as f64) as u64
    }
}

/// SplitMix64's finalizer: near seeds give far states.
fn mix(x: u64) -> u64 {
    let z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let draw = |seed, purpose| Stream::new(seed, purpose).next_u32();
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn chance_is_about_right() {
        let mut stream = Stream::new(7, 0);
        let hits = (0..100_000).filter(|_| stream.chance(0.03)).count();
        assert!((2_800..3_200).contains(&hits), "{hits} of 100,000 at 3 %");
    }
}
