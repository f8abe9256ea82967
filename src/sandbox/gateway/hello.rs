//! The name in the first message of TLS (RFC 8446, 4.1.2; RFC 6066, 3). Pure.
//!
//! Many hosts share the machines of one provider, which sorts by this name alone: with the name of another host in
//! it, a tunnel to an allowed host would be a tunnel to that other one.

/// Bytes that are read for it at most.
pub const MAX_HELLO: usize = 16 << 10;

/// What the first bytes of a connection say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hello {
    /// So far nothing wrong, and not the end.
    Partial,
    /// The name that is asked for, if one is.
    Name(Option<String>),
    /// Not TLS, or not as it ought to be.
    Wrong(&'static str),
}

const SERVER_NAME: u16 = 0;
/// Encrypted ClientHello, and its forerunner: the name that counts is not the one that can be read.
const ENCRYPTED: [u16; 2] = [0xfe0d, 0xffce];

/// Reads the first message, which may be cut into records.
pub fn read(bytes: &[u8]) -> Hello {
    const NOT_TLS: Hello = Hello::Wrong("it is not TLS");
    let mut message = Vec::new();
    let mut rest = bytes;
    while let [kind, major, _, high, low, more @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if *kind != 22 || *major != 3 || length == 0 {
            return NOT_TLS;
        }
        message.extend_from_slice(&more[..length.min(more.len())]);
        rest = more.get(length..).unwrap_or_default();
        if let [kind, a, b, c, body @ ..] = &message[..] {
            let want = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).unwrap_or(usize::MAX);
            if *kind != 1 {
                return NOT_TLS;
            }
            if want > MAX_HELLO {
                return Hello::Wrong("its first message is too long");
            }
            if let Some(body) = body.get(..want) {
                return name(body).unwrap_or(Hello::Wrong("its first message is broken"));
            }
        }
    }
    match (bytes.len() > MAX_HELLO, bytes) {
        (true, _) => Hello::Wrong("its first message is too long"),
        (false, [] | [22] | [22, 3, ..]) => Hello::Partial,
        (false, _) => NOT_TLS,
    }
}

/// None: broken.
fn name(body: &[u8]) -> Option<Hello> {
    let mut reader = Reader(body);
    // Version and random; session, cipher suites and compression by their lengths.
    reader.take(34)?;
    for width in [1, 2, 1] {
        reader.vector(width)?;
    }
    let mut extensions = match reader.0 {
        [] => return Some(Hello::Name(None)),
        _ => Reader(reader.vector(2)?),
    };
    if !reader.0.is_empty() {
        return None;
    }
    let mut found = None;
    while !extensions.0.is_empty() {
        let kind = extensions.number(2)?;
        let content = extensions.vector(2)?;
        if ENCRYPTED.iter().any(|e| usize::from(*e) == kind) {
            return Some(Hello::Wrong("it hides the name of the host (ECH)"));
        }
        if kind != usize::from(SERVER_NAME) {
            continue;
        }
        let mut content = Reader(content);
        let mut list = Reader(content.vector(2)?);
        let is_host_name = list.number(1)? == 0;
        let name = std::str::from_utf8(list.vector(2)?).ok()?;
        // One name, once.
        if !is_host_name || !list.0.is_empty() || !content.0.is_empty() || found.is_some() {
            return None;
        }
        found = Some(name.to_owned());
    }
    Some(Hello::Name(found))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, width: usize) -> Option<usize> {
        let bytes = self.take(width)?;
        Some(bytes.iter().fold(0, |sum, b| sum << 8 | usize::from(*b)))
    }

    fn vector(&mut self, width: usize) -> Option<&'a [u8]> {
        let length = self.number(width)?;
        self.take(length)
    }
}
