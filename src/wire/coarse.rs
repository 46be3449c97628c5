//! Numbers that wrap, in 16 bits: as exact as a send buffer is small.

use crate::ffi::config;

/// How many bits of an octet count are left out, so that 16 bits tell numbers apart that are two send buffers from each other; none
/// with a TCP_SND_BUF of less than 16 kB, two with 64 kB. What is in flight is no more than TCP_SND_BUF, a SYN and a FIN.
pub(crate) const IN_FLIGHT: u32 = {
    let mut shift = 0;
    while (config::TCP_SND_BUF as u32).saturating_add(2) >> shift > 0x3fff {
        shift += 1;
    }
    shift
};

/// A number of octets that wraps, without its last `SHIFT` bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coarse<const SHIFT: u32 = IN_FLIGHT>(u16);

#[allow(dead_code)] // each option has use for some of it
impl<const SHIFT: u32> Coarse<SHIFT> {
    /// All octets of it are zero.
    pub(crate) const ZERO: Self = Self(0);

    /// Of a number, rounded down.
    #[inline]
    pub(crate) const fn of(number: u32) -> Self {
        Self((number >> SHIFT) as u16)
    }

    /// Of a number, rounded up.
    #[inline]
    pub(crate) const fn up(number: u32) -> Self {
        Self::of(number.wrapping_add((1 << SHIFT) - 1))
    }

    /// The number that is meant, of those around `near`.
    #[inline]
    pub(crate) fn around(self, near: u32) -> u32 {
        let distance = i32::from(self.0.wrapping_sub(Self::of(near).0) as i16);
        (near >> SHIFT << SHIFT).wrapping_add((distance << SHIFT) as u32)
    }

    /// How many octets `self` is after `other`.
    #[inline]
    pub(crate) fn since(self, other: Self) -> u32 {
        self.units_since(other) << SHIFT
    }

    /// The same, in the units that it is exact to: 16 bits.
    #[inline]
    pub(crate) fn units_since(self, other: Self) -> u32 {
        self.0.wrapping_sub(other.0).into()
    }

    /// Equal, or later.
    #[inline]
    pub(crate) fn ge(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0) as i16 >= 0
    }
}

#[cfg(test)]
mod tests {
    use super::Coarse;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_near_comes_back(number: u32, distance in -0x3fff_i32..0x3fff) {
            let near = number.wrapping_add_signed(distance << 4);
            prop_assert_eq!(Coarse::<4>::of(number).around(near), number & !15);
            prop_assert_eq!(Coarse::<4>::up(number).around(near), number.wrapping_add(15) & !15);
            prop_assert_eq!(Coarse::<0>::of(number).around(number.wrapping_add_signed(distance)), number);
        }

        #[test]
        fn order_is_kept(number: u32, distance in 0u32..0x7fff << 4) {
            let later = number.wrapping_add(distance);
            let (a, b) = (Coarse::<4>::of(number), Coarse::<4>::of(later));
            prop_assert!(b.ge(a));
            prop_assert_eq!(a.ge(b), a == b);
            prop_assert!(b.since(a).abs_diff(distance) < 16);
        }
    }
}
