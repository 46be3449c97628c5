//! Ranges of octets (RFC 9110 14).

use std::ops::Range;

/// What a Range field asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All of it: there is no field, or one that a server may ignore (another unit, several ranges, nonsense; RFC 9110 14.2).
    All,
    /// These octets, at least one.
    Part(Range<u64>),
    /// Octets that are not there: 416.
    Nothing,
}

/// Reads the field's value for a file of `length` octets.
#[must_use]
pub fn parse(value: Option<&[u8]>, length: u64) -> Asked {
    let spec = value
        .and_then(|value| std::str::from_utf8(value).ok())
        .and_then(|value| value.split_once('='))
        .filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"))
        .and_then(|(_, set)| set.trim().split_once('-'));
    match spec {
        Some((first, last)) => one(first.trim_end(), last.trim_start(), length).unwrap_or(Asked::All),
        None => Asked::All,
    }
}

/// `first-`, `first-last` or `-count` (RFC 9110 14.1.2). `None` if it is none of them, a list of ranges for instance.
fn one(first: &str, last: &str, length: u64) -> Option<Asked> {
    let range = match (first, last) {
        ("", count) => length.saturating_sub(number(count)?)..length,
        (first, "") => number(first)?..length,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(length)
        }
    };
    Some(if range.is_empty() { Asked::Nothing } else { Asked::Part(range) })
}

/// A number too large to be one is larger than any file.
fn number(digits: &str) -> Option<u64> {
    let decimal = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    decimal.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_rfc_9110() {
        for (value, expected) in [
            ("bytes=0-499", Asked::Part(0..500)),
            ("bytes=500-999", Asked::Part(500..1000)),
            ("bytes=-500", Asked::Part(9500..10000)),
            ("bytes=9500-", Asked::Part(9500..10000)),
            ("bytes=0-0", Asked::Part(0..1)),
            ("bytes=-1", Asked::Part(9999..10000)),
            ("bytes=-20000", Asked::Part(0..10000)),
            ("bytes=9999-20000", Asked::Part(9999..10000)),
            ("BYTES=0-0", Asked::Part(0..1)),
            ("bytes=10000-", Asked::Nothing),
            ("bytes=99999999999999999999999-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=0-0,-1", Asked::All),
            ("bytes=5-4", Asked::All),
            ("bytes=-", Asked::All),
            ("bytes=+1-2", Asked::All),
            ("bytes=1", Asked::All),
            ("lines=0-1", Asked::All),
            ("", Asked::All),
        ] {
            assert_eq!(parse(Some(value.as_bytes()), 10000), expected, "{value}");
        }
        assert_eq!(parse(None, 10000), Asked::All);
    }

    #[test]
    fn an_empty_file_has_no_part() {
        assert_eq!(parse(Some(b"bytes=0-"), 0), Asked::Nothing);
        assert_eq!(parse(Some(b"bytes=-5"), 0), Asked::Nothing);
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_file(value in "bytes=[0-9]{0,21}-[0-9]{0,21}", length in any::<u64>()) {
            if let Asked::Part(part) = parse(Some(value.as_bytes()), length) {
                prop_assert!(part.start < part.end && part.end <= length);
            }
        }

        #[test]
        fn anything_can_be_asked(value in any::<Vec<u8>>(), length in any::<u64>()) {
            let _ = parse(Some(&value), length);
        }
    }
}
