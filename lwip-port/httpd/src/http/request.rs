//! Requests, from the octets that a client sent (RFC 9112).

use super::Status;
use std::time::SystemTime;

/// What the server does for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The file.
    Get,
    /// The same without the file (RFC 9110 9.3.2).
    Head,
}

/// A request that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Get or head.
    pub method: Method,
    /// As it was sent: still encoded, and with the query.
    pub target: String,
    /// Whether the client wants the connection afterwards (RFC 9112 9.3).
    pub keep_alive: bool,
    /// The value of Range.
    pub range: Option<Vec<u8>>,
    /// The value of If-Range.
    pub if_range: Option<Vec<u8>>,
    /// If-Modified-Since.
    pub if_modified_since: Option<SystemTime>,
    /// Octets of content behind the head, which the server does not want, but has to pass over.
    pub content: u64,
}

/// How much a request may have, in octets.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The head: request line and fields.
    pub head: usize,
    /// The content.
    pub content: u64,
}

/// What there is at the beginning of what was received.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A request whose head takes that many octets.
    Request(Request, usize),
    /// Not all of a head yet.
    Partial,
    /// Something to be answered with this status, and nothing after it can be understood.
    Refused(Status),
}

/// More fields than any client sends; as the size, they are limited.
const FIELDS: usize = 100;

/// Reads the request at the beginning of `received`.
#[must_use]
pub fn parse(received: &[u8], limits: Limits) -> Parsed {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    // What lies beyond the limit is not looked at, so a request is refused or not however its octets arrive.
    let within = received.get(..limits.head).unwrap_or(received);
    match head.parse(within) {
        Ok(httparse::Status::Complete(length)) => match understand(&head, limits) {
            Ok(request) => Parsed::Request(request, length),
            Err(status) => Parsed::Refused(status),
        },
        Ok(httparse::Status::Partial) if received.len() >= limits.head => Parsed::Refused(Status::HeaderFieldsTooLarge),
        Ok(httparse::Status::Partial) => Parsed::Partial,
        Err(httparse::Error::TooManyHeaders) => Parsed::Refused(Status::HeaderFieldsTooLarge),
        Err(httparse::Error::Version) => Parsed::Refused(Status::VersionNotSupported),
        Err(_) => Parsed::Refused(Status::BadRequest),
    }
}

fn understand(head: &httparse::Request<'_, '_>, limits: Limits) -> Result<Request, Status> {
    let (Some(method), Some(target), Some(minor)) = (head.method, head.path, head.version) else {
        return Err(Status::BadRequest);
    };
    // RFC 9112 3.2: exactly one, from version 1.1 on.
    match (minor, values(head, "host").count()) {
        (0, 0 | 1) | (_, 1) => {}
        _ => return Err(Status::BadRequest),
    }
    let content = content(head)?;
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => return Err(Status::MethodNotAllowed),
        _ => return Err(Status::NotImplemented),
    };
    if content > limits.content {
        return Err(Status::ContentTooLarge);
    }
    let has = |option: &str| {
        values(head, "connection")
            .flat_map(|value| value.split(|octet| *octet == b','))
            .any(|value| value.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
    };
    Ok(Request {
        method,
        target: target.to_owned(),
        keep_alive: !has("close") && (minor >= 1 || has("keep-alive")),
        range: values(head, "range").next().map(<[u8]>::to_vec),
        if_range: values(head, "if-range").next().map(<[u8]>::to_vec),
        if_modified_since: values(head, "if-modified-since")
            .next()
            .and_then(|value| std::str::from_utf8(value).ok())
            .and_then(|value| httpdate::parse_http_date(value).ok()),
        content,
    })
}

fn values<'a>(head: &'a httparse::Request<'_, '_>, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    head.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

/// The content's length (RFC 9112 6.3). Two lengths, or a length and a coding, are how requests are smuggled past another server.
fn content(head: &httparse::Request<'_, '_>) -> Result<u64, Status> {
    let mut lengths = values(head, "content-length");
    let length = lengths.next();
    let coded = values(head, "transfer-encoding").next().is_some();
    match (length, lengths.next(), coded) {
        (None, None, false) => Ok(0),
        // RFC 9112 6.1: who does not know the coding says 501. The methods here have no use for content of unknown length.
        (None, None, true) => Err(Status::NotImplemented),
        (Some(digits), None, false) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            let digits = std::str::from_utf8(digits).map_err(|_| Status::BadRequest)?;
            Ok(digits.parse().unwrap_or(u64::MAX))
        }
        _ => Err(Status::BadRequest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits { head: 1000, content: 100 };

    fn refused(text: &str) -> Status {
        match parse(text.as_bytes(), LIMITS) {
            Parsed::Refused(status) => status,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    fn request(text: &str) -> Request {
        match parse(text.as_bytes(), LIMITS) {
            Parsed::Request(request, _) => request,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn a_request_and_what_follows_it() {
        let text = "GET /a%20b?c HTTP/1.1\r\nHost: x\r\nRange: bytes=1-2\r\n\r\n";
        let two = format!("{text}HEAD / HTTP/1.1\r\n");
        let Parsed::Request(first, length) = parse(two.as_bytes(), LIMITS) else { panic!() };
        assert_eq!((first.method, first.target.as_str(), length), (Method::Get, "/a%20b?c", text.len()));
        assert_eq!(first.range.as_deref(), Some(&b"bytes=1-2"[..]));
        assert_eq!(parse(&two.as_bytes()[length..], LIMITS), Parsed::Partial);
    }

    #[test]
    fn who_keeps_the_connection() {
        assert!(request("GET / HTTP/1.1\r\nHost: x\r\n\r\n").keep_alive);
        assert!(!request("GET / HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n").keep_alive);
        assert!(!request("GET / HTTP/1.0\r\n\r\n").keep_alive);
        assert!(request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
    }

    #[test]
    fn each_refusal() {
        assert_eq!(refused("nonsense\r\n\r\n"), Status::BadRequest);
        assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), Status::BadRequest);
        assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), Status::BadRequest);
        assert_eq!(refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), Status::VersionNotSupported);
        assert_eq!(refused("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), Status::MethodNotAllowed);
        assert_eq!(refused("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), Status::NotImplemented);
        assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), Status::NotImplemented);
        for wrong in ["-1", "+1", "1, 1", "", "1\r\nContent-Length: 1", "1\r\nTransfer-Encoding: chunked"] {
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {wrong}\r\n\r\n");
            assert_eq!(refused(&text), Status::BadRequest, "{wrong}");
        }
        for large in ["101", "99999999999999999999999999"] {
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {large}\r\n\r\n");
            assert_eq!(refused(&text), Status::ContentTooLarge);
        }
        let many = "a: b\r\n".repeat(FIELDS + 1);
        let Limits { content, .. } = LIMITS;
        let wide = Limits { head: 100_000, content };
        let text = format!("GET / HTTP/1.1\r\n{many}\r\n");
        assert_eq!(parse(text.as_bytes(), wide), Parsed::Refused(Status::HeaderFieldsTooLarge));
    }

    #[test]
    fn a_head_of_the_limit_is_read_and_one_more_is_not() {
        let of = |length: usize| {
            let rest = "GET / HTTP/1.1\r\nHost: a\r\nA: \r\n\r\n";
            rest.replace("A: ", &format!("A: {}", "x".repeat(length - rest.len())))
        };
        assert_eq!(of(LIMITS.head).len(), LIMITS.head);
        request(&of(LIMITS.head));
        assert_eq!(refused(&of(LIMITS.head + 1)), Status::HeaderFieldsTooLarge);
    }

    proptest! {
        #[test]
        fn anything_can_be_sent(received in any::<Vec<u8>>()) {
            let _ = parse(&received, LIMITS);
        }

        // Whatever is said of a whole request was not said otherwise of a part of it.
        #[test]
        fn a_part_is_partial(cut in 0_usize..60) {
            let text = b"GET /some/where HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            prop_assume!(cut < text.len());
            prop_assert_eq!(parse(&text[..cut], LIMITS), Parsed::Partial);
        }
    }
}
