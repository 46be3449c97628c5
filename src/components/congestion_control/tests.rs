//! Congestion control against RFC 5681, RFC 6582 and RFC 3465.
