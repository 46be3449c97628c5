//! `lwiphost http-get`: one page by HTTP/1.1 (RFC 9112).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

use anyhow::{Context as _, Result, bail};

use crate::cli::HttpGetOptions;
use crate::host::Host;
use crate::output::{note, written};
use crate::progress;

/// What headers may take in all.
const HEADERS: u64 = 64 * 1024;

/// The parts of `http://host:port/path`.
struct Url<'a> {
    host: &'a str,
    port: u16,
    path: &'a str,
}

fn parse(url: &str) -> Result<Url<'_>> {
    let rest = url.strip_prefix("http://").context("the URL has to begin with http:// (there is no TLS here)")?;
    let cut = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(cut);
    // A colon inside brackets belongs to an IPv6 address (RFC 3986 3.2.2).
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().context("the port is no port")?),
        _ => (authority, 80),
    };
    if host.is_empty() || path.contains(char::is_whitespace) {
        bail!("{url} is no URL");
    }
    Ok(Url { host, port, path: if path.is_empty() { "/" } else { path } })
}

/// How the body ends (RFC 9112 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

struct Head {
    status: u16,
    body: Body,
}

/// Whether the status is one of success.
pub fn run(options: &HttpGetOptions, host: &Host) -> Result<bool> {
    let url = parse(&options.url)?;
    let to = host.resolve(url.host, url.port)?;
    let mut stream = host.connect(to, options.timeout)?;
    stream.set_read_timeout(Some(options.timeout))?;
    let method = if options.head { "HEAD" } else { "GET" };
    let authority = if url.port == 80 { url.host.to_owned() } else { format!("{}:{}", url.host, url.port) };
    write!(
        stream,
        "{method} {} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: lwiphost\r\nConnection: close\r\n\r\n",
        url.path
    )
    .context("the request could not be sent")?;
    let mut reader = BufReader::new(stream);
    let head = read_head(&mut reader, options.head)?;
    let mut output: Box<dyn Write> = match &options.output {
        Some(file) => Box::new(File::create(file).with_context(|| format!("cannot write {}", file.display()))?),
        None => Box::new(io::stdout().lock()),
    };
    let bytes = copy_body(&mut reader, head.body, &mut output)?;
    written(output.flush())?;
    note!("{bytes} bytes of body");
    Ok((200..300).contains(&head.status))
}

fn read_head(reader: &mut impl BufRead, bodiless: bool) -> Result<Head> {
    let mut head = reader.take(HEADERS);
    let mut line = String::new();
    let mut next = |line: &mut String| -> Result<()> {
        line.clear();
        head.read_line(line).context("no answer")?;
        if !line.ends_with('\n') {
            bail!("the answer ends, or is too long, within its headers");
        }
        note!("{}", line.trim_end());
        Ok(())
    };
    next(&mut line)?;
    let status =
        line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).and_then(|code| code.trim().parse().ok());
    let Some(status) = status else { bail!("the answer is not HTTP/1: {}", line.trim_end()) };
    let mut body = Body::UntilClose;
    loop {
        next(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        let value = value.trim();
        if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            body = Body::Chunked;
        } else if name.eq_ignore_ascii_case("content-length") && body != Body::Chunked {
            body = Body::Length(value.parse().context("Content-Length is no number")?);
        }
    }
    if bodiless || status == 204 || status == 304 {
        body = Body::None;
    }
    Ok(Head { status, body })
}

fn copy_body(reader: &mut impl BufRead, body: Body, output: &mut dyn Write) -> Result<u64> {
    let bar = progress::bar(match body {
        Body::Length(length) => Some(length),
        _ => None,
    });
    let mut output = bar.wrap_write(output);
    let copied = match body {
        Body::None => 0,
        Body::UntilClose => copied(io::copy(reader, &mut output))?,
        Body::Length(length) => copy_exactly(reader, length, &mut output)?,
        Body::Chunked => copy_chunks(reader, &mut output)?,
    };
    bar.finish_and_clear();
    Ok(copied)
}

/// Only writing fails with `BrokenPipe`: a connection that is being read does not.
fn copied(result: io::Result<u64>) -> Result<u64> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => written(Err(error)),
        other => other.context("the body was cut off"),
    }
}

fn copy_exactly(reader: &mut impl Read, length: u64, output: &mut dyn Write) -> Result<u64> {
    let copied = copied(io::copy(&mut reader.take(length), output))?;
    if copied < length {
        bail!("the body was cut off after {copied} of {length} bytes");
    }
    Ok(copied)
}

/// RFC 9112 7.1.
fn copy_chunks(reader: &mut impl BufRead, output: &mut dyn Write) -> Result<u64> {
    let mut copied = 0;
    let mut line = String::new();
    loop {
        line.clear();
        reader.by_ref().take(HEADERS).read_line(&mut line).context("the body was cut off")?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).context("a chunk has no size")?;
        if size == 0 {
            return Ok(copied);
        }
        copied += copy_exactly(reader, size, output)?;
        let mut end = [0; 2];
        reader.read_exact(&mut end).context("the body was cut off")?;
        if end != *b"\r\n" {
            bail!("a chunk is longer than it says");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(answer: &[u8]) -> Result<Vec<u8>> {
        let mut reader = answer;
        let head = read_head(&mut reader, false)?;
        let mut output = Vec::new();
        copy_body(&mut reader, head.body, &mut output)?;
        Ok(output)
    }

    #[test]
    fn urls_are_taken_apart() {
        let Url { host, port, path } = parse("http://[fd00::1]:8080/a?b").unwrap();
        assert_eq!((host, port, path), ("[fd00::1]", 8080, "/a?b"));
        let Url { host, port, path } = parse("http://[fd00::1]").unwrap();
        assert_eq!((host, port, path), ("[fd00::1]", 80, "/"));
        assert!(parse("https://a/").is_err() && parse("http:///x").is_err() && parse("http://a:b/").is_err());
    }

    #[test]
    fn a_body_ends_as_its_headers_say() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef").unwrap(), b"abc");
        assert_eq!(body(b"HTTP/1.0 404 No\r\n\r\nabcdef").unwrap(), b"abcdef");
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n";
        assert_eq!(body(chunked).unwrap(), b"abcd");
    }

    #[test]
    fn what_is_cut_off_is_told() {
        assert!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab").is_err());
        assert!(body(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc").is_err());
        assert!(body(b"HTTP/1.1 200 OK\r\nContent").is_err());
        assert!(body(b"SSH-2.0\r\n\r\n").is_err());
    }
}
