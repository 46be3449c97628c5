//! Times, rates and shares as a person writes them: `40ms`, `10M`, `1%`.

use std::fmt;

use serde::{Serialize, Serializer};

/// A point or a length of virtual time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanos(pub u64);

impl Nanos {
    /// Later than anything that happens.
    pub const NEVER: Nanos = Nanos(u64::MAX);
    /// The smallest step of any clock here; keeps a timer that is due at once from standing still.
    pub const STEP: Nanos = Nanos(1_000);

    /// `ms` milliseconds.
    pub const fn from_millis(ms: u64) -> Nanos {
        Nanos(ms.saturating_mul(1_000_000))
    }

    /// `s` seconds.
    pub const fn from_secs(s: u64) -> Nanos {
        Nanos(s.saturating_mul(1_000_000_000))
    }

    /// In seconds.
    pub fn secs(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// In milliseconds.
    pub fn millis(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The sum, `NEVER` where it would overflow.
    pub fn plus(self, other: Nanos) -> Nanos {
        Nanos(self.0.saturating_add(other.0))
    }

    /// The time from `earlier` to `self`, 0 if it is later.
    pub fn since(self, earlier: Nanos) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Serialize for Nanos {
    /// As milliseconds: what a reader of the JSON expects of a delay.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.millis())
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.millis())
    }
}

fn split_unit(text: &str) -> Result<(f64, &str), String> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let number = text[..end].parse::<f64>().map_err(|_| format!("`{text}` does not begin with a number"))?;
    Ok((number, text[end..].trim()))
}

/// `250us`, `40ms`, `5s`; a bare number is milliseconds.
pub fn parse_time(text: &str) -> Result<Nanos, String> {
    let (number, unit) = split_unit(text)?;
    let scale = match unit {
        "ns" => 1.0,
        "us" => 1e3,
        "ms" | "" => 1e6,
        "s" => 1e9,
        _ => return Err(format!("`{unit}` is no unit of time; use us, ms or s")),
    };
    Ok(Nanos((number * scale).round() as u64))
}

/// Bits per second: `10M`, `512k`, `1G`.
pub fn parse_rate(text: &str) -> Result<u64, String> {
    let (number, unit) = split_unit(text)?;
    let scale = match unit {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        _ => return Err(format!("`{unit}` is no unit of a rate; use k, M or G (bit/s)")),
    };
    Ok((number * scale).round() as u64)
}

/// A probability: `1%` or `0.01`.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let (number, unit) = split_unit(text)?;
    let share = match unit {
        "%" => number / 100.0,
        "" => number,
        _ => return Err(format!("`{text}` is no share; write 1% or 0.01")),
    };
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(format!("`{text}` is not between 0 and 1 (or 0% and 100%)"))
    }
}

/// `AT:WHAT`, for example `10s:1M`.
pub fn parse_at<T>(text: &str, what: fn(&str) -> Result<T, String>) -> Result<(Nanos, T), String> {
    let (at, value) =
        text.split_once(':').ok_or_else(|| format!("`{text}` lacks a colon; write for example 10s:1M"))?;
    Ok((parse_time(at)?, what(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(parse_time("40ms"), Ok(Nanos::from_millis(40)));
        assert_eq!(parse_time("40"), Ok(Nanos::from_millis(40)));
        assert_eq!(parse_time("1.5s"), Ok(Nanos::from_millis(1500)));
        assert_eq!(parse_rate("10M"), Ok(10_000_000));
        assert_eq!(parse_share("1%"), Ok(0.01));
        assert_eq!(parse_share("0.5"), Ok(0.5));
        assert_eq!(parse_at("5s:1M", parse_rate), Ok((Nanos::from_secs(5), 1_000_000)));
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(parse_time("soon").is_err());
        assert!(parse_time("4 weeks").is_err());
        assert!(parse_share("120%").is_err());
        assert!(parse_at("5s", parse_rate).is_err());
    }
}
