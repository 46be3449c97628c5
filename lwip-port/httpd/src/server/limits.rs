//! How often a client may ask.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// A bucket of tokens for each client: it holds `burst` of them, each request takes one, `rate` come back per second.
#[derive(Debug)]
pub(super) struct RateLimit {
    rate: f64,
    burst: f64,
    clients: HashMap<IpAddr, Bucket>,
    most: usize,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl RateLimit {
    /// `rate` in requests per second; 0 is no limit. Remembers `most` clients.
    pub(super) fn new(rate: u32, burst: u32, most: usize) -> Self {
        Self { rate: rate.into(), burst: f64::from(burst.max(1)), clients: HashMap::new(), most }
    }

    /// Whether a request that comes now is within the limit, which it then counts for.
    pub(super) fn allows(&mut self, client: IpAddr, now: Instant) -> bool {
        if self.rate <= 0.0 {
            return true;
        }
        let client = network(client);
        if self.clients.len() >= self.most && !self.clients.contains_key(&client) {
            self.forget(now);
        }
        let (rate, burst) = (self.rate, self.burst);
        let bucket = self.clients.entry(client).or_insert(Bucket { tokens: burst, filled: now });
        let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = passed.mul_add(rate, bucket.tokens).min(burst);
        bucket.filled = now;
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        allowed
    }

    /// A full bucket is as good as none. Where all are in use, all begin anew: memory is bounded first.
    fn forget(&mut self, now: Instant) {
        let full = Duration::from_secs_f64(self.burst / self.rate);
        self.clients.retain(|_, bucket| now.saturating_duration_since(bucket.filled) < full);
        if self.clients.len() >= self.most {
            self.clients.clear();
        }
    }
}

/// Who has one IPv6 address has 2^64 of them (RFC 4291 2.5.4): they count as one client.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let (mut limit, start) = (RateLimit::new(2, 3, 10), Instant::now());
        let allowed = |limit: &mut RateLimit, at: u64| {
            let now = start + Duration::from_millis(at);
            (0..10).filter(|_| limit.allows(v4(1), now)).count()
        };
        assert_eq!(allowed(&mut limit, 0), 3);
        assert_eq!(allowed(&mut limit, 499), 0);
        assert_eq!(allowed(&mut limit, 1000), 2);
        assert_eq!(allowed(&mut limit, 100_000), 3);
        assert!(limit.allows(v4(2), start));
    }

    #[test]
    fn addresses_of_one_network_are_one_client() {
        let (mut limit, now) = (RateLimit::new(1, 1, 10), Instant::now());
        assert!(limit.allows("fd00::1".parse().unwrap(), now));
        assert!(!limit.allows("fd00::2".parse().unwrap(), now));
        assert!(limit.allows("fd00:0:0:1::1".parse().unwrap(), now));
    }

    #[test]
    fn memory_is_bounded() {
        let (mut limit, now) = (RateLimit::new(1, 1, 10), Instant::now());
        for last in 0..=255 {
            limit.allows(v4(last), now);
            assert!(limit.clients.len() <= 10);
        }
    }

    #[test]
    fn no_limit() {
        let (mut limit, now) = (RateLimit::new(0, 1, 10), Instant::now());
        assert!((0..1000).all(|_| limit.allows(v4(1), now)));
    }
}
