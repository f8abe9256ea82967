//! What a remote's address says: the host, the repository there, and which forge that is likely to be.
//!
//! Addresses are read as git reads them (`git help fetch`, "Git URLs"). Names and passwords in them are left behind
//! at once, so that nothing made from one can show them. Whether an ssh host is an alias only ssh knows: who asked
//! it comes back with [`RemoteAddress::at_host`].

use crate::model::ForgeKind;
use std::fmt;

/// Bytes of an address; what is longer is no address.
const MAX_BYTES: usize = 4_096;

/// Where a remote is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// A folder of this machine, or one that is mounted here.
    Folder,
    Host(RemoteAddress),
}

/// A repository on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteAddress {
    pub scheme: Scheme,
    /// In lower case, an IPv6 address without its brackets. Where a forge has ssh on a host of its own, the forge's.
    pub host: String,
    /// As written; of another protocol than the API's for [`Scheme::Ssh`] and [`Scheme::Git`].
    pub port: Option<u16>,
    /// Decoded, without slashes at its ends and without `.git`: `group/sub/name`.
    pub path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Https,
    Http,
    Ssh,
    Git,
}

/// What a remote tells of its forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guess {
    Known(ForgeKind),
    /// Its host may be anybody's. The name of the host suggests a kind, or not.
    AskHost(Option<ForgeKind>),
    /// There is no host.
    Local,
    /// A forge that is known and not spoken to, by name.
    Unsupported(&'static str),
}

/// Why a text is no address. Repeats nothing that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("it holds a control character")]
    Control,
    #[error("git reaches it by `{0}`, which leads to no forge")]
    Scheme(String),
    #[error("there is no host in it")]
    NoHost,
    #[error("its host is neither a name (letters, digits, `-`, `_` and `.`) nor an IP address")]
    Host,
    #[error("its port is not a number from 1 to 65535")]
    Port,
    #[error("it names no repository")]
    NoPath,
    #[error(
        "its path holds what no repository's has: `.`, `..`, `?`, `#`, or a percent sign that stands for no text"
    )]
    Path,
}

/// Reads the address of a remote.
///
/// # Errors
/// It is none that git takes, or one that cannot lead to a forge.
pub fn parse(text: &str) -> Result<Remote, AddressError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(AddressError::Empty);
    }
    if text.len() > MAX_BYTES {
        return Err(AddressError::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(AddressError::Control);
    }
    if let Some((helper, _)) = helper_of(text) {
        return Err(AddressError::Scheme(format!("{helper}::")));
    }
    match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => url(&scheme.to_ascii_lowercase(), rest),
        Some(_) | None => scp_like(text),
    }
}

impl RemoteAddress {
    /// The same repository at the host that an alias stands for.
    ///
    /// # Errors
    /// That is no host.
    pub fn at_host(&self, host: &str) -> Result<RemoteAddress, AddressError> {
        let host = host_of(host)?;
        Ok(RemoteAddress {
            host: forges_host(host),
            port: None,
            ..self.clone()
        })
    }

    /// Where people and programs find the forge: scheme, host and port, as `https://git.example:8443`. Ports of ssh
    /// say nothing about it.
    pub fn origin(&self) -> String {
        let (scheme, port) = match self.scheme {
            Scheme::Http => ("http", self.port.filter(|port| *port != 80)),
            Scheme::Https => ("https", self.port.filter(|port| *port != 443)),
            Scheme::Ssh | Scheme::Git => ("https", None),
        };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}://{}{port}", self.bracketed())
    }

    /// True for `owner/name` or more.
    pub fn names_a_repository(&self) -> bool {
        self.path.contains('/')
    }

    fn bracketed(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        }
    }
}

/// Without name and password.
impl fmt::Display for RemoteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let (scheme, host) = (self.scheme.word(), self.bracketed());
        write!(f, "{scheme}://{host}{port}/{}", self.path)
    }
}

impl Scheme {
    fn word(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Git => "git",
        }
    }
}

/// Which forge a remote is on, as far as its address alone tells.
pub fn platform_of(remote: &Remote) -> Guess {
    let host = match remote {
        Remote::Folder => return Guess::Local,
        Remote::Host(address) => address.host.as_str(),
    };
    let is_below = |parent: &str| {
        host.strip_suffix(parent)
            .is_some_and(|sub| sub.ends_with('.'))
    };
    match host {
        "github.com" => return Guess::Known(ForgeKind::GitHub),
        "gitlab.com" => return Guess::Known(ForgeKind::GitLab),
        "codeberg.org" | "gitea.com" => return Guess::Known(ForgeKind::Gitea),
        _ if is_below("ghe.com") => return Guess::Known(ForgeKind::GitHub),
        _ => {}
    }
    let unsupported = UNSUPPORTED
        .iter()
        .find(|(known, _)| *known == host || is_below(known));
    if let Some((_, name)) = unsupported {
        return Guess::Unsupported(name);
    }
    if host.starts_with("git-codecommit.") && is_below("amazonaws.com") {
        return Guess::Unsupported("AWS CodeCommit");
    }
    let first = host.split('.').next().unwrap_or_default();
    let hints = [
        ("github", ForgeKind::GitHub),
        ("gitlab", ForgeKind::GitLab),
        ("gitea", ForgeKind::Gitea),
        ("forgejo", ForgeKind::Gitea),
    ];
    let hint = hints.into_iter().find(|(word, _)| first.contains(word));
    Guess::AskHost(hint.map(|(_, kind)| kind))
}

/// Hosts whose forges are not spoken to, each with what is below it.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("bitbucket.org", "Bitbucket"),
    ("dev.azure.com", "Azure DevOps"),
    ("visualstudio.com", "Azure DevOps"),
    ("gist.github.com", "GitHub Gist"),
    ("git.sr.ht", "SourceHut"),
    (
        "source.developers.google.com",
        "Google Cloud Source Repositories",
    ),
    ("huggingface.co", "Hugging Face"),
    ("hf.co", "Hugging Face"),
    ("gitee.com", "Gitee"),
    ("sourceforge.net", "SourceForge"),
    ("git.launchpad.net", "Launchpad"),
];

/// The number of an issue of this repository, from the address of its page. `web` is where people find the forge, and
/// `repository` its path there.
///
/// # Errors
/// A sentence about what the address is instead.
pub fn issue_number(url: &str, web: &str, repository: &str) -> Result<u64, String> {
    let home = format!("{web}/{repository}/");
    let below = url
        .get(..home.len())
        .filter(|start| start.eq_ignore_ascii_case(&home));
    let Some(_) = below else {
        return Err(format!("it is no issue of {web}/{repository}"));
    };
    let rest = &url[home.len()..];
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let mut parts = rest.split('/').skip_while(|part| *part == "-");
    let (kind, number) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    match kind {
        "issues" | "work_items" => number
            .parse()
            .ok()
            .filter(|number| is_number && *number > 0)
            .ok_or_else(|| "there is no issue's number in it".to_owned()),
        "pull" | "pulls" | "merge_requests" => Err("it is a pull request, not an issue".to_owned()),
        _ => Err(format!("it is no issue of {web}/{repository}")),
    }
}

/// `name` of `name::address`, with which git starts a program.
fn helper_of(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once("::")?;
    // A path may hold colons, and so may an address in brackets.
    (is_scheme(name)).then_some((name, rest))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

fn url(scheme: &str, rest: &str) -> Result<Remote, AddressError> {
    let scheme = match scheme {
        "file" => return Ok(Remote::Folder),
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        "ssh" | "git+ssh" | "ssh+git" => Scheme::Ssh,
        "git" => Scheme::Git,
        other => return Err(AddressError::Scheme(format!("{other}://"))),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (_, host_port) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host, port) = host_and_port(host_port)?;
    let path = decoded(path).ok_or(AddressError::Path)?;
    remote(scheme, host, port, &path)
}

/// `user@host:path`, `[user@host:port]:path`, or a path. A slash before the first colon makes it a path, and so does
/// the absence of one.
fn scp_like(text: &str) -> Result<Remote, AddressError> {
    let from = end_of_brackets(text);
    let Some(colon) = text[from..].find(':').map(|at| from + at) else {
        return Ok(Remote::Folder);
    };
    if text[..colon].contains('/') {
        return Ok(Remote::Folder);
    }
    let (before, path) = (&text[..colon], &text[colon + 1..]);
    let whole = before
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        // `[::1]` is an address, `[host:22]` a host with its port.
        .filter(|inner| inner.matches(':').count() < 2);
    let before = whole.unwrap_or(before);
    let (_, host_port) = before.rsplit_once('@').unwrap_or(("", before));
    let (host, port) = host_and_port(host_port)?;
    remote(Scheme::Ssh, host, port, path)
}

/// Where the brackets that an address may begin with are over; 0 where there are none.
fn end_of_brackets(text: &str) -> usize {
    let start = match text.split_once('@') {
        // `git@[::1]:path`; not `[git@host]:path`, where the brackets begin before.
        Some((user, rest)) if rest.starts_with('[') && !user.contains(['[', '/', ':']) => {
            user.len() + 1
        }
        Some(_) | None => 0,
    };
    match text[start..]
        .strip_prefix('[')
        .and_then(|rest| rest.find(']'))
    {
        Some(end) => start + end + 2,
        None => 0,
    }
}

fn remote(
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    path: &str,
) -> Result<Remote, AddressError> {
    let (moved, path) = (forges_host(host.clone()), path_of(path)?);
    Ok(Remote::Host(RemoteAddress {
        scheme,
        // The other host's port is not this one's.
        port: port.filter(|_| moved == host),
        host: moved,
        path,
    }))
}

/// The forge's own host, where it has another one for ssh over the port of https.
fn forges_host(host: String) -> String {
    let forge = match host.as_str() {
        "ssh.github.com" | "www.github.com" => "github.com",
        "altssh.gitlab.com" => "gitlab.com",
        "altssh.bitbucket.org" => "bitbucket.org",
        "ssh.dev.azure.com" => "dev.azure.com",
        _ => return host,
    };
    forge.to_owned()
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), AddressError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or(AddressError::Host)?;
            let is_address = address.contains(':')
                && address
                    .bytes()
                    .all(|b| b.is_ascii_hexdigit() || b":.".contains(&b));
            if !is_address {
                return Err(AddressError::Host);
            }
            let port = match after {
                "" => None,
                after => Some(after.strip_prefix(':').ok_or(AddressError::Host)?),
            };
            (address.to_ascii_lowercase(), port)
        }
        None => {
            let (name, port) = match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            };
            (host_of(name)?, port)
        }
    };
    // `https://host:/path` is taken by git and means no port.
    let port = port
        .filter(|port| !port.is_empty())
        .map(port_of)
        .transpose()?;
    Ok((host, port))
}

fn port_of(text: &str) -> Result<u16, AddressError> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(AddressError::Port);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(AddressError::Port),
        Ok(port) => Ok(port),
    }
}

fn host_of(text: &str) -> Result<String, AddressError> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if name.is_empty() {
        return Err(AddressError::NoHost);
    }
    // What begins with a dash would be a flag for who gets it as an argument.
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    if name.len() <= 253 && name.split('.').all(is_label) {
        Ok(name)
    } else {
        Err(AddressError::Host)
    }
}

/// The path without what git adds and forgives.
fn path_of(path: &str) -> Result<String, AddressError> {
    let path = path.trim_matches('/');
    let path = path
        .strip_suffix(".git")
        .unwrap_or(path)
        .trim_end_matches('/');
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Err(AddressError::NoPath);
    }
    let is_bad = |part: &&str| {
        matches!(*part, "." | "..") || part.contains(|c: char| c.is_control() || "?#\\".contains(c))
    };
    if parts.iter().any(is_bad) {
        return Err(AddressError::Path);
    }
    Ok(parts.join("/"))
}

/// Percent-decoded once. None where that gives no text.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |b: &u8| char::from(*b).to_digit(16);
                let value = digit(high)? * 16 + digit(low)?;
                let value = u8::try_from(value).ok()?;
                // A slash that was written so is part of a name, and no forge has such names.
                if value == b'/' {
                    return None;
                }
                bytes.push(value);
                after
            }
            (b'%', _) => return None,
            (other, after) => {
                bytes.push(*other);
                after
            }
        };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[path = "remote_address_tests.rs"]
mod tests;
