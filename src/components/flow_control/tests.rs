//! Flow control against RFC 9293 3.8.6 and RFC 7323 2.
