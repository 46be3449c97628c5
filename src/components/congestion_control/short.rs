//! A number of 32 bits in 16, at a precision of a part in 4,096: models of a path are no more exact than that.

/// See the module. All zero is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Short(u16);

/// Bits of the mantissa, to which a leading one is added.
const BITS: u32 = 11;

impl Short {
    /// All octets of it are zero.
    #[cfg(pacing)]
    pub(crate) const ZERO: Self = Self(0);
    /// No number: more than any.
    #[cfg(any(bbr, test))]
    pub(super) const INFINITY: Self = Self(u16::MAX);

    /// The nearest to a number.
    pub(super) fn of(value: u32) -> Self {
        let shift = (u32::BITS - BITS - 1).saturating_sub(value.leading_zeros());
        if value < 1 << (BITS + 1) {
            return Self(value as u16);
        }
        let half = (value >> (shift - 1)) & 1;
        // A mantissa that is rounded up to the next power of two carries into the exponent.
        Self(((shift << BITS) + (value >> shift) + half) as u16)
    }

    /// What it is kept as, for a place that holds something else at other times.
    #[cfg(bbr)]
    pub(super) fn bits(self) -> u16 {
        self.0
    }

    /// [`Self::bits`] backwards.
    #[cfg(bbr)]
    pub(super) fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The number; [`u32::MAX`] for infinity.
    pub(super) fn get(self) -> u32 {
        let exponent = u32::from(self.0) >> BITS;
        if exponent <= 1 {
            return self.0.into();
        }
        let mantissa = (u64::from(self.0) & ((1 << BITS) - 1)) | 1 << BITS;
        (mantissa << (exponent - 1).min(31)).min(u32::MAX.into()) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::Short;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_comes_back_but_for_a_part_in_4096(value: u32, shift in 0u32..32) {
            let value = value >> shift;
            let error = u64::from(Short::of(value).get().abs_diff(value));
            prop_assert!(error * 4096 <= value.into());
            prop_assert!(value >= 4096 || error == 0);
            prop_assert_ne!(Short::of(value), Short::INFINITY);
        }

        #[test]
        fn order_is_kept(a: u32, b: u32) {
            prop_assert_eq!(Short::of(a.min(b)).get().max(Short::of(a.max(b)).get()), Short::of(a.max(b)).get());
        }
    }

    #[test]
    fn infinity_is_more_than_any() {
        assert_eq!(Short::INFINITY.get(), u32::MAX);
        assert_eq!(Short::of(u32::MAX).get(), u32::MAX);
        assert_eq!(Short::default().get(), 0);
    }
}
