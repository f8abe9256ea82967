//! The heads of requests to a proxy (RFC 9112), read strictly and written anew. Pure.
//!
//! What two readers could take for two different requests is refused: line ends without a carriage return, folded
//! lines, two lengths, a length beside chunks.

use super::rules::Target;
use std::fmt::Write;

/// Bytes of a head, the blank line included.
pub const MAX_HEAD: usize = 32 << 10;

/// Headers that are for one connection only, beside those that `Connection` names (RFC 9110, 7.6.1).
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "upgrade",
    "proxy-authorization",
    "proxy-authenticate",
    "http2-settings",
    "host",
];

/// What a client asks a proxy for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Tunnel(Target),
    Request(Request),
}

/// One request to pass on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub target: Target,
    pub body: Body,
    method: String,
    /// Path and query.
    path: String,
    version: &'static str,
    headers: Vec<(String, String)>,
}

/// How long a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    Length(u64),
    Chunked,
}

/// Why a head is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bad(pub &'static str);

/// Reads a head, blank line included. Inside a tunnel to a plain port the target is known, and paths stand alone.
///
/// # Errors
/// It is not taken.
pub fn parse(head: &[u8], tunnel: Option<&Target>) -> Result<Asked, Bad> {
    // Bytes above ASCII occur in values only, and are passed on as they are.
    let head: String = head.iter().map(|b| char::from(*b)).collect();
    let head = head
        .strip_suffix("\r\n\r\n")
        .ok_or(Bad("the head has no end"))?;
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let words: Vec<&str> = first.split(' ').collect();
    let [method, asked, version] = words[..] else {
        return Err(Bad("the first line is not METHOD TARGET VERSION"));
    };
    let version = match version {
        "HTTP/1.1" => "HTTP/1.1",
        "HTTP/1.0" => "HTTP/1.0",
        _ => return Err(Bad("only HTTP/1.1 and HTTP/1.0 are spoken here")),
    };
    if !is_token(method) || !asked.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Bad("the first line has characters that cannot be there"));
    }
    let headers = lines.map(header).collect::<Result<Vec<_>, _>>()?;
    if method == "CONNECT" {
        if tunnel.is_some() {
            return Err(Bad("a tunnel in a tunnel is not made"));
        }
        return Target::parse(asked, None).map(Asked::Tunnel).map_err(Bad);
    }
    let (target, path) = match (whole(asked)?, tunnel) {
        (Some((target, path)), None) => (target, path),
        (Some((target, path)), Some(known)) if target == *known => (target, path),
        (Some(_), Some(_)) => return Err(Bad("another host than that of the tunnel")),
        (None, Some(known)) if asked.starts_with('/') => (known.clone(), asked.to_owned()),
        (None, _) => {
            return Err(Bad(
                "this is a proxy: ask with the whole address, http://host/path, or CONNECT host:443 for https",
            ));
        }
    };
    if path.contains('#') {
        return Err(Bad("a fragment is not sent"));
    }
    let body = body(&headers, version)?;
    let named: Vec<String> = values(&headers, "connection")
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    if named
        .iter()
        .any(|name| matches!(name.as_str(), "content-length" | "transfer-encoding"))
    {
        return Err(Bad("the length of a body is not for one connection only"));
    }
    let is_kept =
        |name: &str| !HOP_BY_HOP.contains(&name) && !named.iter().any(|named| named == name);
    Ok(Asked::Request(Request {
        target,
        body,
        method: method.to_owned(),
        path,
        version,
        headers: headers
            .into_iter()
            .filter(|(name, _)| is_kept(&name.to_ascii_lowercase()))
            .collect(),
    }))
}

/// `http://host/path` as a target and a path; None where it is not of that form.
fn whole(asked: &str) -> Result<Option<(Target, String)>, Bad> {
    let Some((scheme, rest)) = asked.split_once("://").filter(|(s, _)| is_token(s)) else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(Bad(
            "only http:// is asked for like this; https takes CONNECT",
        ));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let target = Target::parse(authority, Some(80)).map_err(Bad)?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok(Some((target, format!("{slash}{path}"))))
}

fn header(line: &str) -> Result<(String, String), Bad> {
    let (name, value) = line.split_once(':').ok_or(Bad("a header has no colon"))?;
    if !is_token(name) {
        return Err(Bad("a header has no proper name"));
    }
    let value = value.trim_matches([' ', '\t']);
    if value.chars().any(|c| c.is_ascii_control() && c != '\t') {
        return Err(Bad("a header has control characters"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn body(headers: &[(String, String)], version: &str) -> Result<Body, Bad> {
    let lengths: Vec<&str> = values(headers, "content-length").collect();
    let codings: Vec<&str> = values(headers, "transfer-encoding").collect();
    match (&lengths[..], &codings[..]) {
        ([], []) => Ok(Body::Length(0)),
        ([length], []) if length.bytes().all(|b| b.is_ascii_digit()) => length
            .parse()
            .map(Body::Length)
            .map_err(|_| Bad("the length of the body is no number")),
        ([], [coding]) if coding.eq_ignore_ascii_case("chunked") && version == "HTTP/1.1" => {
            Ok(Body::Chunked)
        }
        _ => Err(Bad("how long the body is can be read in two ways")),
    }
}

fn values<'a>(headers: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter(move |(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

impl Request {
    /// The head as it goes out: to the host itself, or to another proxy with what that wants to see.
    pub fn head(&self, proxy: Option<Option<&str>>) -> Vec<u8> {
        let host = match self.target.port {
            80 => self.target.host.to_string(),
            _ => self.target.to_string(),
        };
        let mut head = format!("{} ", self.method);
        if proxy.is_some() {
            head.push_str("http://");
            head.push_str(&host);
        }
        // Writing to a String cannot fail.
        let _ = write!(head, "{} {}\r\nHost: {host}\r\n", self.path, self.version);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if let Some(Some(authorization)) = proxy {
            let _ = write!(head, "Proxy-Authorization: {authorization}\r\n");
        }
        head.push_str("Connection: close\r\n\r\n");
        // Every character came from one byte.
        head.chars()
            .map(|c| u8::try_from(c).unwrap_or(b'?'))
            .collect()
    }
}

/// The status of an answer's head.
pub fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head.get(..12)?).ok()?;
    let (version, status) = line.split_once(' ')?;
    (version.starts_with("HTTP/1.") && version.len() == 8)
        .then(|| status.parse().ok())
        .flatten()
}

/// The size that a chunk's first line tells; what follows a semicolon has no meaning for anybody.
pub fn chunk_size(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line.strip_suffix(b"\r\n")?).ok()?;
    let size = line.split(';').next()?.trim_end_matches([' ', '\t']);
    let is_hex = (1..=15).contains(&size.len()) && size.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex
        .then(|| u64::from_str_radix(size, 16).ok())
        .flatten()
        .filter(|_| line.bytes().all(|b| !b.is_ascii_control() || b == b'\t'))
}
