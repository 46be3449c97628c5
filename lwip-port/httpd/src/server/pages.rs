//! What answers a request.

use crate::ffi::stack::{Connection, InUse, Stack};
use crate::files::{self, Entry, Found, Root};
use crate::http::Status;
use crate::http::range::{self, Asked};
use crate::http::request::Request;
use crate::http::response::{Body, Response};
use std::fmt::Write;
use std::fs::File;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The page with the state of every connection, and the same as plain text.
const STACK: &str = "/_stack";
const STACK_TEXT: &str = "/_stack.txt";
/// What of lwIP's pools is in use, for those who look for leaks.
const POOLS: &str = "/_pools.txt";

/// The answer to `request`, without regard to its method: HEAD's is cut off later.
pub(super) fn answer(request: &Request, root: &Root, stack: Stack) -> Response {
    let path = request.target.split('?').next().unwrap_or_default();
    match path {
        STACK => page("Connections", &stack_table(&stack.connections())),
        STACK_TEXT => text(stack_text(&stack.connections())),
        POOLS => text(pools_text(stack)),
        _ => from_folder(request, path, root).unwrap_or_else(Response::of),
    }
}

fn text(text: String) -> Response {
    Response::new(Status::Ok, Body::Octets(text.into())).field("Content-Type", "text/plain; charset=utf-8")
}

fn from_folder(request: &Request, path: &str, root: &Root) -> Result<Response, Status> {
    let below = files::path_of(&request.target)?;
    match (root.find(&below)?, path.ends_with('/')) {
        (Found::File { .. }, true) => Err(Status::NotFound),
        (Found::File { file, length, modified }, false) => {
            let kind = mime_guess::from_path(&below).first_or_octet_stream();
            let kind = match kind.type_() {
                mime_guess::mime::TEXT => format!("{kind}; charset=utf-8"),
                _ => kind.to_string(),
            };
            Ok(of_file(request, file, length, modified).field("Content-Type", &kind))
        }
        (Found::Folder(folder), _) if path.ends_with('/') || below.as_os_str().is_empty() => {
            let entries = folder.entries().map_err(|_| Status::InternalServerError)?;
            let name = format!("/{}", below.display());
            Ok(page(&name, &listing(&entries, !below.as_os_str().is_empty())))
        }
        (Found::Folder(_), _) => {
            // Links in the listing are relative to the folder. The path is built anew: `//host` would lead elsewhere.
            let mut location = String::new();
            for segment in &below {
                let segment = segment.to_str().ok_or(Status::NotFound)?;
                let _ = write!(location, "/{}", files::encode(segment));
            }
            Ok(Response::of(Status::MovedPermanently).field("Location", &format!("{location}/")))
        }
    }
}

fn of_file(request: &Request, file: File, length: u64, modified: Option<SystemTime>) -> Response {
    let modified = modified.and_then(whole_seconds);
    let date = modified.map(httpdate::fmt_http_date);
    let described = |response: Response| {
        let response = response.field("Accept-Ranges", "bytes");
        match &date {
            Some(date) => response.field("Last-Modified", date),
            None => response,
        }
    };
    if let (Some(since), Some(modified), None) = (request.if_modified_since, modified, &request.range)
        && modified <= since
    {
        return described(Response::new(Status::NotModified, Body::Octets(Vec::new())));
    }
    // RFC 9110 13.1.5: the range is meant for the file of that date only.
    let same = |value: &Vec<u8>| date.as_ref().is_some_and(|date| date.as_bytes() == value.trim_ascii());
    let wanted = request.range.as_deref().filter(|_| request.if_range.as_ref().is_none_or(same));
    match range::parse(wanted, length) {
        Asked::All => described(Response::new(Status::Ok, Body::File(file, 0..length))),
        Asked::Part(part) => {
            let content = format!("bytes {}-{}/{length}", part.start, part.end.saturating_sub(1));
            described(Response::new(Status::PartialContent, Body::File(file, part))).field("Content-Range", &content)
        }
        Asked::Nothing => {
            let content = format!("bytes */{length}");
            described(Response::new(Status::RangeNotSatisfiable, Body::Octets(Vec::new())))
                .field("Content-Range", &content)
        }
    }
}

/// HTTP's dates have no parts of a second.
fn whole_seconds(time: SystemTime) -> Option<SystemTime> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(since.as_secs()))
}

/// Text for HTML, attributes included.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn page(title: &str, content: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <style>body {{ font-family: sans-serif }} th, td {{ text-align: right; padding: 0 0.6em }}</style></head>\n\
         <body>\n<h1>{title}</h1>\n{content}</body>\n</html>\n"
    );
    Response::new(Status::Ok, Body::Octets(html.into())).field("Content-Type", "text/html; charset=utf-8")
}

fn listing(entries: &[Entry], has_parent: bool) -> String {
    let mut html = String::from("<ul>\n");
    if has_parent {
        html.push_str("<li><a href=\"../\">../</a></li>\n");
    }
    for entry in entries {
        // A name that is no text cannot be shown; it can be asked for.
        let Some(name) = entry.name.to_str() else { continue };
        let slash = if entry.is_folder { "/" } else { "" };
        // `./`, lest a name with a colon be taken for a scheme (RFC 3986 4.2).
        let _ = writeln!(html, "<li><a href=\"./{}{slash}\">{}{slash}</a></li>", files::encode(name), escape(name));
    }
    html.push_str("</ul>\n<p><a href=\"/_stack\">Connections</a></p>\n");
    html
}

const COLUMNS: [&str; 14] = [
    "local",
    "peer",
    "state",
    "srtt ms",
    "rto ms",
    "cwnd",
    "ssthresh",
    "snd_wnd",
    "rcv_wnd",
    "mss",
    "in flight",
    "acked",
    "received",
    "resent",
];

fn row(connection: &Connection) -> [String; 14] {
    [
        connection.local.to_string(),
        connection.peer.to_string(),
        connection.state.to_owned(),
        connection.srtt.to_string(),
        connection.rto.to_string(),
        connection.cwnd.to_string(),
        connection.ssthresh.to_string(),
        connection.snd_wnd.to_string(),
        connection.rcv_wnd.to_string(),
        connection.mss.to_string(),
        connection.in_flight.to_string(),
        connection.bytes_acked.to_string(),
        connection.bytes_received.to_string(),
        connection.retransmissions.to_string(),
    ]
}

fn stack_table(connections: &[Connection]) -> String {
    let mut html = format!("<table>\n<tr><th>{}</th></tr>\n", COLUMNS.join("</th><th>"));
    for connection in connections {
        let _ = writeln!(html, "<tr><td>{}</td></tr>", row(connection).join("</td><td>"));
    }
    html.push_str("</table>\n<p>Windows and buffers in octets. <a href=\"/_stack.txt\">As text</a></p>\n");
    html
}

fn pools_text(stack: Stack) -> String {
    let InUse { pcbs, time_wait, sockets, segments, buffers } = stack.in_use();
    let resent = stack.retransmissions();
    format!(
        "pcbs\t{pcbs}\nsockets\t{sockets}\nsegments\t{segments}\nbuffers\t{buffers}\n\
         time_wait\t{time_wait}\nresent\t{resent}\n"
    )
}

fn stack_text(connections: &[Connection]) -> String {
    let mut text = COLUMNS.map(|name| name.replace(' ', "_")).join("\t");
    text.push('\n');
    for connection in connections {
        let _ = writeln!(text, "{}", row(connection).join("\t"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_they_are() {
        let entry = Entry { name: "<b>&\"a:b\".txt".into(), is_folder: false };
        let html = listing(&[entry], true);
        assert!(
            html.contains("<a href=\"./%3Cb%3E%26%22a%3Ab%22.txt\">&lt;b&gt;&amp;&quot;a:b&quot;.txt</a>"),
            "{html}"
        );
        assert!(html.contains("../"));
    }
}
