//! Sequence numbers: 32 bits that wrap, compared as RFC 9293 3.4 says.

use core::ops::{Add, AddAssign, Sub};

/// A sequence number. There is no order over all of them, hence no `Ord`: [`lt`](Self::lt) and the others compare two
/// that lie less than 2^31 apart, as those of one window always do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct SeqNum(u32);

impl SeqNum {
    /// The number as it stands in a header, in host byte order.
    pub const fn new(raw: u32) -> Self {
        Self(raw)
    }

    /// The same, back.
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// `self` comes before `other`.
    pub const fn lt(self, other: Self) -> bool {
        (self.0.wrapping_sub(other.0) as i32) < 0
    }

    /// `self` comes before `other` or is it.
    pub const fn le(self, other: Self) -> bool {
        !other.lt(self)
    }

    /// `self` comes after `other`.
    pub const fn gt(self, other: Self) -> bool {
        other.lt(self)
    }

    /// `self` comes after `other` or is it.
    pub const fn ge(self, other: Self) -> bool {
        !self.lt(other)
    }

    /// `self` is one of the `len` numbers that start at `first`. Unlike a pair of comparisons this holds for any `len`.
    pub const fn within(self, first: Self, len: u32) -> bool {
        self.0.wrapping_sub(first.0) < len
    }
}

/// The number `rhs` octets further on.
impl Add<u32> for SeqNum {
    type Output = Self;
    fn add(self, rhs: u32) -> Self {
        Self(self.0.wrapping_add(rhs))
    }
}

impl AddAssign<u32> for SeqNum {
    fn add_assign(&mut self, rhs: u32) {
        *self = *self + rhs;
    }
}

/// The number `rhs` octets before.
impl Sub<u32> for SeqNum {
    type Output = Self;
    fn sub(self, rhs: u32) -> Self {
        Self(self.0.wrapping_sub(rhs))
    }
}

/// How many octets `self` lies after `rhs` (modulo 2^32).
impl Sub for SeqNum {
    type Output = u32;
    fn sub(self, rhs: Self) -> u32 {
        self.0.wrapping_sub(rhs.0)
    }
}

#[cfg(test)]
mod tests {
    use super::SeqNum;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_holds_across_the_wrap(start: u32, near in 1u32..0x8000_0000) {
            let (a, b) = (SeqNum::new(start), SeqNum::new(start) + near);
            prop_assert!(a.lt(b) && a.le(b) && b.gt(a) && b.ge(a));
            prop_assert!(!b.lt(a) && !b.le(a) && !a.gt(b) && !a.ge(b));
            prop_assert_eq!(b - a, near);
            prop_assert_eq!(b - near, a);
        }

        #[test]
        fn within_agrees_with_counting(first: u32, len: u32, offset: u32) {
            let seq = SeqNum::new(first) + offset;
            prop_assert_eq!(seq.within(SeqNum::new(first), len), offset < len);
        }
    }

    #[test]
    fn equal_numbers_are_neither_before_nor_after() {
        let a = SeqNum::new(u32::MAX);
        assert!(a.le(a) && a.ge(a) && !a.lt(a) && !a.gt(a));
    }
}
