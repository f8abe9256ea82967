//! The address of a chat provider, checked as far as a text can be. What its name resolves to is checked
//! when a connection is made.
//!
//! The host is read strictly, so that no other reader of addresses can find another host in the same text.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The router of Hugging Face, which speaks OpenAI's chat completions.
pub const HUGGINGFACE: &str = "https://router.huggingface.co/v1";
pub const OPENAI: &str = "https://api.openai.com/v1";
pub const ANTHROPIC: &str = "https://api.anthropic.com";

/// Bytes of an address; what is longer is no address.
const MAX_BYTES: usize = 2048;

/// The base of a provider's addresses: scheme, host, port and path without the operation, which
/// [`Endpoint::operation`] adds. It holds no secret, so it may be printed.
///
/// ```
/// use codelicious::config::Endpoint;
///
/// let endpoint = Endpoint::parse("https://router.huggingface.co/v1/chat/completions")?;
/// assert_eq!(endpoint.to_string(), "https://router.huggingface.co/v1");
/// assert_eq!(endpoint.operation("chat/completions"), "https://router.huggingface.co/v1/chat/completions");
/// # Ok::<(), codelicious::config::EndpointError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    host: Host,
    /// None for the scheme's own.
    port: Option<u16>,
    /// Empty, or segments each behind a slash.
    path: String,
    /// Azure's only parameter.
    api_version: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Https,
    Http,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// In lower case.
    Name(String),
    Address(IpAddr),
}

/// Why a text is not the address of a provider. Repeats nothing that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("an address begins with https:// (or http:// for a server on this machine)")]
    Scheme,
    #[error(
        "http:// sends the key in the clear and is only for this machine (localhost, 127.0.0.0/8, [::1]): \
         write https://{host}"
    )]
    Clear { host: String },
    #[error(
        "an address holds no user name or password: give the key as the engine's token instead"
    )]
    UserInfo,
    #[error("an address ends before `#`: take the fragment out")]
    Fragment,
    #[error("there is no host in it")]
    NoHost,
    #[error(
        "its host is neither a name (letters, digits, `-`, `_` and `.`) nor an IP address in its usual form"
    )]
    Host,
    #[error("its port is not a number from 1 to 65535")]
    Port,
    #[error(
        "its path holds a character or a segment (`.`, `..`, nothing) that an address may not hold"
    )]
    Path,
    #[error(
        "the only parameter that an address may have is `api-version`, once: keys and other parameters would end \
         up in logs"
    )]
    Query,
    #[error("it holds a space or a control character")]
    Space,
    #[error("it is longer than {MAX_BYTES} bytes")]
    TooLong,
}

impl Endpoint {
    /// Reads a base URL (`…/v1`, `…/v1/`) or the full address of an operation (`…/v1/chat/completions`,
    /// `…/v1/messages`), which comes to the same.
    ///
    /// # Errors
    /// Anything but https, except http to this machine; user info, a fragment, another parameter than
    /// `api-version`; and whatever is no address at all.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        if text.len() > MAX_BYTES {
            return Err(EndpointError::TooLong);
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(EndpointError::Space);
        }
        let (scheme, rest) = scheme_of(text)?;
        let (rest, has_fragment) = match rest.split_once('#') {
            Some((before, _)) => (before, true),
            None => (rest, false),
        };
        let (rest, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        if has_fragment {
            return Err(EndpointError::Fragment);
        }
        let (host, port) = authority_of(authority)?;
        let endpoint = Self {
            scheme,
            port: port.filter(|port| *port != scheme.port()),
            host,
            path: path_of(path)?,
            api_version: query.map(api_version_of).transpose()?,
        };
        if scheme == Scheme::Http && !endpoint.is_loopback() {
            return Err(EndpointError::Clear {
                host: endpoint.host.to_string(),
            });
        }
        Ok(endpoint)
    }

    /// The address of an operation, such as `chat/completions`.
    pub fn operation(&self, operation: &str) -> String {
        let (base, query) = (self.base(), self.query());
        format!("{base}/{operation}{query}")
    }

    /// The host as names are compared: in lower case, an IPv6 address without its brackets.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Name(name) => name.clone(),
            Host::Address(address) => address.to_string(),
        }
    }

    /// The host where it is given as an address.
    pub fn address(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Name(_) => None,
            Host::Address(address) => Some(*address),
        }
    }

    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.port())
    }

    /// True when what is sent is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// True when the host is literally this machine: `localhost`, 127.0.0.0/8 or `::1`.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Name(name) => name == "localhost",
            Host::Address(address) => address.is_loopback(),
        }
    }

    /// The path below which operations are, without a slash at its end.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Azure's `api-version`.
    pub fn api_version(&self) -> Option<&str> {
        self.api_version.as_deref()
    }

    fn base(&self) -> String {
        let port = self.port.map(|p| format!(":{p}")).unwrap_or_default();
        let scheme = self.scheme.name();
        format!("{scheme}://{}{port}{}", self.host, self.path)
    }

    fn query(&self) -> String {
        self.api_version
            .as_ref()
            .map(|version| format!("?api-version={version}"))
            .unwrap_or_default()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.base(), self.query())
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

fn scheme_of(text: &str) -> Result<(Scheme, &str), EndpointError> {
    let (name, rest) = text.split_once("://").ok_or(EndpointError::Scheme)?;
    if name.eq_ignore_ascii_case("https") {
        Ok((Scheme::Https, rest))
    } else if name.eq_ignore_ascii_case("http") {
        Ok((Scheme::Http, rest))
    } else {
        Err(EndpointError::Scheme)
    }
}

fn authority_of(text: &str) -> Result<(Host, Option<u16>), EndpointError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or(EndpointError::Host)?;
        let address = Ipv6Addr::from_str(address).map_err(|_| EndpointError::Host)?;
        let port = match port.strip_prefix(':') {
            Some(port) => Some(port_of(port)?),
            None if port.is_empty() => None,
            None => return Err(EndpointError::Host),
        };
        return Ok((Host::Address(IpAddr::V6(address)), port));
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port_of(port)?)),
        None => (text, None),
    };
    Ok((host_of(name)?, port))
}

fn port_of(text: &str) -> Result<u16, EndpointError> {
    // `+80` is a number for the parser.
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EndpointError::Port);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(EndpointError::Port),
        Ok(port) => Ok(port),
    }
}

fn host_of(text: &str) -> Result<Host, EndpointError> {
    if text.is_empty() {
        return Err(EndpointError::NoHost);
    }
    let name = text.to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err(EndpointError::Host);
    }
    // The URL standard takes whatever ends in a number for an IPv4 address, in octal and hexadecimal too.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|b| b.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if is_number {
        let address = Ipv4Addr::from_str(&name).map_err(|_| EndpointError::Host)?;
        return Ok(Host::Address(IpAddr::V4(address)));
    }
    Ok(Host::Name(name))
}

/// The path without the operation.
fn path_of(text: &str) -> Result<String, EndpointError> {
    let text = text.trim_end_matches('/');
    let base = text
        .strip_suffix("/chat/completions")
        .or_else(|| {
            text.strip_suffix("/messages")
                .filter(|base| base.ends_with("/v1"))
        })
        .unwrap_or(text);
    for segment in base.split('/').skip(1) {
        let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
        if matches!(decoded.as_str(), "" | "." | "..") || !is_segment(segment.as_bytes()) {
            return Err(EndpointError::Path);
        }
    }
    Ok(base.to_owned())
}

/// True for what RFC 3986 calls `pchar`s.
fn is_segment(mut bytes: &[u8]) -> bool {
    while let Some((first, rest)) = bytes.split_first() {
        bytes = match first {
            b'%' => match rest {
                [a, b, rest @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => rest,
                _ => return false,
            },
            b if b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(b) => rest,
            _ => return false,
        };
    }
    true
}

fn api_version_of(query: &str) -> Result<String, EndpointError> {
    let version = query
        .strip_prefix("api-version=")
        .ok_or(EndpointError::Query)?;
    // Versions are dates with a word (`2024-10-21`, `2025-04-01-preview`): no key is so short.
    let is_version = (1..=30).contains(&version.len())
        && version
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if is_version {
        Ok(version.to_owned())
    } else {
        Err(EndpointError::Query)
    }
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
