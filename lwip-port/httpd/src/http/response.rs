//! Responses: the head as octets, and what follows it.

use super::Status;
use super::request::Method;
use std::fmt::Write;
use std::fs::File;
use std::ops::Range;
use std::time::SystemTime;

/// What follows the head.
#[derive(Debug)]
pub enum Body {
    /// These octets.
    Octets(Vec<u8>),
    /// That part of the file.
    File(File, Range<u64>),
}

/// An answer, not yet in octets.
#[derive(Debug)]
pub struct Response {
    /// What became of the request.
    pub status: Status,
    fields: String,
    /// What follows.
    pub body: Body,
}

impl Response {
    /// With fields of its own to be added by [`Self::field`].
    #[must_use]
    pub const fn new(status: Status, body: Body) -> Self {
        Self { status, fields: String::new(), body }
    }

    /// A short text that says the status.
    #[must_use]
    pub fn of(status: Status) -> Self {
        let (number, phrase) = status.line();
        let text = format!("{number} {phrase}\n");
        let response = Self::new(status, Body::Octets(text.into())).field("Content-Type", "text/plain; charset=utf-8");
        match status {
            // RFC 9110 15.5.6.
            Status::MethodNotAllowed => response.field("Allow", "GET, HEAD"),
            Status::TooManyRequests | Status::ServiceUnavailable => response.field("Retry-After", "1"),
            _ => response,
        }
    }

    /// Adds a field. A value that would end the line early, which no caller has, is left out.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        if !value.contains(|c: char| c.is_control()) {
            let _ = write!(self.fields, "{name}: {value}\r\n");
        }
        self
    }

    /// The head, and what is to be sent behind it, which for HEAD and 304 is nothing though its length is told (RFC 9110 8.6).
    #[must_use]
    pub fn finish(self, method: Method, keep_alive: bool, now: SystemTime) -> (Vec<u8>, Body) {
        let (number, phrase) = self.status.line();
        let length = match &self.body {
            Body::Octets(octets) => octets.len() as u64,
            Body::File(_, part) => part.end.saturating_sub(part.start),
        };
        let date = httpdate::fmt_http_date(now);
        let mut head =
            format!("HTTP/1.1 {number} {phrase}\r\nDate: {date}\r\nServer: lwiphost-httpd\r\n{}", self.fields);
        let unmodified = self.status == Status::NotModified;
        if !unmodified {
            let _ = write!(head, "Content-Length: {length}\r\n");
        }
        head.push_str(if keep_alive { "Connection: keep-alive\r\n\r\n" } else { "Connection: close\r\n\r\n" });
        let body = if method == Method::Head || unmodified { Body::Octets(Vec::new()) } else { self.body };
        (head.into_bytes(), body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: Response, method: Method) -> String {
        let (mut head, body) = response.finish(method, true, SystemTime::UNIX_EPOCH);
        if let Body::Octets(octets) = body {
            head.extend(octets);
        }
        String::from_utf8(head).unwrap()
    }

    #[test]
    fn head_tells_the_length_and_sends_nothing() {
        let get = text(Response::of(Status::NotFound), Method::Get);
        let head = text(Response::of(Status::NotFound), Method::Head);
        assert!(get.starts_with("HTTP/1.1 404 Not Found\r\n") && get.ends_with("\r\n\r\n404 Not Found\n"));
        assert!(head.contains("Content-Length: 14\r\n") && head.ends_with("\r\n\r\n"));
        assert_eq!(get.split_once("\r\n\r\n").unwrap().0, head.strip_suffix("\r\n\r\n").unwrap());
    }

    #[test]
    fn a_field_cannot_begin_another() {
        let response = Response::of(Status::Ok).field("Location", "/\r\nSet-Cookie: a=b");
        assert!(!text(response, Method::Get).contains("Set-Cookie"));
    }
}
