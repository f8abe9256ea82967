//! Credentials that are known by what stands in front of them: headers, addresses, and assignments to names that say
//! that their value is secret.

use super::shape::{Bounds, FOR_OUTPUT, FOR_SCAN, is_random, is_reference, is_uuid};
use regex::Regex;
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::LazyLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContextKind {
    Header,
    /// The password in an address or a connection string.
    Address,
    Assignment,
    /// Forty characters beside an access key id.
    AwsSecret,
}

impl ContextKind {
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Header => "credentials of an Authorization header",
            Self::Address => "a password in an address",
            Self::Assignment => "the value of a secret",
            Self::AwsSecret => "an AWS secret access key",
        }
    }
}

/// Values of which one is shown in every manual.
const WEAK: &[&str] = &[
    "admin", "changeme", "guest", "pass", "passwd", "password", "postgres", "pwd", "root",
    "secret", "test", "user",
];

/// Characters that end a value without quotes.
const ENDS: &[u8] = b" \t\r\n,;&)]}<>\"'`|\\";

/// A header with a scheme, as HTTP and curl write it and as JSON quotes it.
static HEADERS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:[Bb]earer|BEARER)[ \t]+[A-Za-z0-9._~+/=-]{16}",
        r#"|(?:[Aa]uthorization|AUTHORIZATION)[\\"']{0,4}[ \t]*[:=][ \t]*[\\"']{0,4}"#,
        r"(?:[Bb]earer|BEARER|[Bb]asic|BASIC|[Tt]oken|[Aa]pi[Kk]ey|[Dd]igest|Negotiate|GenieKey)[ \t]+[A-Za-z0-9._~+/=-]{6}",
    ))
    .expect("a constant that a test compiles")
});

/// A header whose whole value is one.
static KEY_HEADERS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)\b(?:x-(?:[a-z]{1,20}-){0,3}(?:api-?key|token|key|secret)|api-key|apikey|(?:private|job|deploy)-token|(?:set-)?cookie)",
        r#"[\\"']{0,4}[ \t]{0,4}:[ \t]{0,4}[\\"']{0,4}"#,
    ))
    .expect("a constant that a test compiles")
});

/// A name that says that its value is secret, up to where the value begins.
static ASSIGNMENTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|credentials?|auth",
        r"|(?:api|access|account|app|auth|client|encryption|license|master|private|secret|service|shared|signing|storage)[_.-]?key|key[_-]?base)",
        r#"(?:[_-]?(?:value|b64|base64|[0-9]))?[\\"'\])]{0,4}"#,
        // A type, in languages that write it behind the name.
        r"(?:[ \t]{0,8}:[ \t]{0,4}[&A-Za-z][A-Za-z<>\[\]?' ]{1,20}=|[ \t]{0,8}(?:=>|:=|==?|:|>)|,)",
        r#"[ \t]{0,8}(?:[rbfu@]|\$)?[\\"'`]{0,4}"#,
        r"|--(?:[a-z0-9]{1,20}-){0,3}(?:password|passphrase|token|secret|api-key|access-key|secret-key)[ \t=]{1,4}[\x22']?",
    ))
    .expect("a constant that a test compiles")
});

/// A credential, and what it is.
pub(super) type Found = (Range<usize>, ContextKind);

/// Everything that is to go from an output.
pub(super) fn for_output(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    headers(text, |range, _| found.push((range, ContextKind::Header)));
    addresses(text, |address| {
        if !is_variable(address.password) && address.password.len() >= 3 {
            found.push((address.range, ContextKind::Address));
        }
    });
    let connections = Connections::new(text);
    assignments(text, |assignment| {
        if assignment.is_secret(&FOR_OUTPUT) || assignment.is_of_connection(&connections, 4) {
            found.push((assignment.range, ContextKind::Assignment));
        }
    });
    found
}

/// What is certain enough to stop a commit. Of files that hold hashes, or test data by their name, nothing is judged by
/// its looks alone.
pub(super) fn for_scan(text: &str, path: &str) -> Vec<Found> {
    let mut found = Vec::new();
    headers(text, |range, is_whole| {
        let value = &text[range.clone()];
        let is_secret = match is_whole {
            true => value
                .split([';', ' ', '='])
                .any(|part| is_random(part, &FOR_SCAN) && !is_uuid(part)),
            false => {
                let run = super::shape::longest_run(value, |c| c.is_ascii_alphanumeric());
                run >= 16 && value.bytes().any(|c| c.is_ascii_digit())
            }
        };
        if is_secret && !is_reference(value) {
            found.push((range, ContextKind::Header));
        }
    });
    if !is_judged(path) {
        return found;
    }
    addresses(text, |address| {
        if address.is_secret() {
            found.push((address.range, ContextKind::Address));
        }
    });
    let connections = Connections::new(text);
    assignments(text, |assignment| {
        if assignment.is_secret(&FOR_SCAN) || assignment.is_password_of_connection(&connections) {
            found.push((assignment.range, ContextKind::Assignment));
        }
    });
    found
}

/// Forty characters that may be the secret beside an AWS access key id: they stand alone, in the disorder of a random
/// value, and are no git id.
pub(super) fn aws_secrets(text: &str) -> Vec<Range<usize>> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    let mut found = Vec::new();
    let mut at = 0;
    for run in text.split(|c| !is_part(c)) {
        let start = at;
        at += run.len();
        at += text[at..].chars().next().map_or(0, char::len_utf8);
        let is_hex = run.bytes().all(|c| c.is_ascii_hexdigit());
        if run.len() == 40 && !is_hex && is_random(run, &FOR_SCAN) && !is_reference(run) {
            found.push(start..start + run.len());
        }
    }
    found
}

/// Calls `found` with every header's credentials, and whether they are its whole value.
fn headers(text: &str, mut found: impl FnMut(Range<usize>, bool)) {
    let bytes = text.as_bytes();
    let goes_on = |c: &u8| c.is_ascii_alphanumeric() || b"._~+/=-".contains(c);
    let mut at = 0;
    while let Some(m) = HEADERS.find_at(text, at) {
        // The credentials go, the name stays: a log must say what was sent.
        let start = m.start() + m.as_str().rfind([' ', '\t']).map_or(0, |i| i + 1);
        at = m.end() + bytes[m.end()..].iter().take_while(|c| goes_on(c)).count();
        found(start..at, false);
    }
    at = 0;
    while let Some(m) = KEY_HEADERS.find_at(text, at) {
        let is_cookie = m.as_str().to_ascii_lowercase().contains("cookie");
        let ends = |c: &u8| match is_cookie {
            true => b"\r\n\"'`\\".contains(c),
            false => ENDS.contains(c),
        };
        let length = bytes[m.end()..].iter().take_while(|c| !ends(c)).count();
        let value = text[m.end()..m.end() + length].trim_end();
        at = m.end() + length;
        let is_value = match is_cookie {
            true => value.contains('=') && value.len() >= 8,
            false => value.len() >= 8 && !is_variable(value),
        };
        if is_value {
            found(m.end()..m.end() + value.len(), true);
        }
    }
}

struct Address<'t> {
    user: &'t str,
    password: &'t str,
    host: &'t str,
    range: Range<usize>,
}

impl Address<'_> {
    /// True unless it is what manuals show, or stands for something else, or leads nowhere.
    fn is_secret(&self) -> bool {
        let password = self.password.to_ascii_lowercase();
        let host = self.host.split(':').next().unwrap_or_default();
        let is_weak = WEAK
            .iter()
            .any(|w| password.trim_end_matches(|c: char| c.is_ascii_digit()) == *w)
            || password == self.user.to_ascii_lowercase();
        let is_near = !host.contains('.')
            || host.starts_with("127.")
            || host.starts_with("0.0.0.0")
            || [
                "example.com",
                "example.org",
                "example.net",
                ".test",
                ".local",
                ".invalid",
                ".example",
                ".localhost",
            ]
            .iter()
            .any(|h| host.ends_with(h));
        let is_strong = is_random(
            self.password,
            &Bounds {
                least: 12,
                ..FOR_SCAN
            },
        );
        self.password.len() >= 8
            && self.password.bytes().any(|c| !c.is_ascii_lowercase())
            && !is_weak
            && !is_variable(self.password)
            && !is_reference(self.password)
            && (!is_near || is_strong)
    }
}

/// Calls `found` with every `scheme://user:password@host`.
fn addresses<'t>(text: &'t str, mut found: impl FnMut(Address<'t>)) {
    let mut free = 0;
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        if start < free {
            continue;
        }
        let bytes = &text.as_bytes()[start..];
        let is_part = |c: &&u8| !b"/?# \t\r\n\"'`<>\\|,)".contains(c);
        let authority = &text[start..start + bytes.iter().take(1024).take_while(is_part).count()];
        free = start + authority.len();
        let Some((user, host)) = authority.rsplit_once('@') else {
            continue;
        };
        let Some((name, password)) = user.split_once(':') else {
            continue;
        };
        let begin = start + name.len() + 1;
        found(Address {
            user: name,
            password,
            host,
            range: begin..begin + password.len(),
        });
    }
}

/// Bytes of a value that go, and those of them by which it is judged.
const MAX_VALUE: usize = 4096;
const JUDGED: usize = 512;

struct Assignment<'t> {
    name: &'t str,
    value: &'t str,
    is_quoted: bool,
    range: Range<usize>,
}

impl Assignment<'_> {
    fn is_secret(&self, bounds: &Bounds) -> bool {
        // What is random begins so.
        let value = &self.value[..self.value.floor_char_boundary(JUDGED)];
        let is_hex = value.bytes().all(|c| c.is_ascii_hexdigit());
        // Code without quotes names things and calls them.
        let is_code = !self.is_quoted && (value.contains(['(', '[', '{']) || value.contains("::"));
        let is_path = value.starts_with(['/', '.', '~'])
            && value.matches('/').count() >= 2
            && value.contains('.');
        is_random(value, bounds)
            && !is_code
            && !is_path
            && !value.contains(' ')
            && !is_uuid(value)
            && !is_reference(value)
            && !self.names_no_secret(is_hex)
    }

    /// Names that end like a secret's and are none's: of public halves, of places in a list, of what guards a form.
    fn names_no_secret(&self, is_hex: bool) -> bool {
        const NOT: [&str; 24] = [
            "public",
            "next",
            "page",
            "continuation",
            "cursor",
            "sync",
            "csrf",
            "xsrf",
            "cancel",
            "cancellation",
            "resume",
            "partition",
            "sort",
            "primary",
            "foreign",
            "cache",
            "hash",
            "checksum",
            "digest",
            "fingerprint",
            "integrity",
            "publishable",
            "idempotency",
            "site",
        ];
        let name = self.name.to_ascii_lowercase();
        NOT.iter().any(|n| name.contains(n))
            // A git id or a hash is a digest first; only a name that can mean nothing else makes it a secret.
            || (is_hex && (name.ends_with("auth") || name == "token" || name == "pass"))
            || (name.ends_with("auth") && !name.ends_with("_auth") && name != "auth")
    }

    /// True for the password of a connection string, which need not look random.
    fn is_of_connection(&self, connections: &Connections<'_>, least: usize) -> bool {
        let name = self.name.to_ascii_lowercase();
        let is_password = name.ends_with("password") || name.ends_with("pwd");
        is_password
            && self.value.len() >= least
            && connections.is_within(self.range.start)
            && !is_variable(self.value)
    }

    fn is_password_of_connection(&self, connections: &Connections<'_>) -> bool {
        let starts_with = |word: &str| {
            let begins = self.value.get(..word.len());
            begins.is_some_and(|begins| begins.eq_ignore_ascii_case(word))
        };
        self.is_of_connection(connections, 8)
            && self.value.bytes().any(|c| c.is_ascii_digit())
            && self
                .value
                .bytes()
                .any(|c| c.is_ascii_uppercase() || c.is_ascii_punctuation())
            && !is_reference(self.value)
            && !WEAK.iter().any(|w| starts_with(w))
    }
}

/// Bytes in front of a password within which its connection string begins.
const CONNECTION: usize = 2048;

/// How one begins: of JDBC, ODBC or ADO.NET, or an address with a query.
static CONNECTIONS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i-u:jdbc:|server=|data source=|host=|accountname=|driver=)")
        .expect("a constant that a test compiles")
});

/// Where connection strings begin in a text, looked for once and only where a password asks for it.
struct Connections<'t> {
    text: &'t str,
    begun: OnceCell<Vec<usize>>,
}

impl<'t> Connections<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            begun: OnceCell::new(),
        }
    }

    /// True when the line up to `at` has begun one.
    fn is_within(&self, at: usize) -> bool {
        let all = || CONNECTIONS.find_iter(self.text);
        let begun = self.begun.get_or_init(|| all().map(|m| m.end()).collect());
        let before = &begun[..begun.partition_point(|end| *end <= at)];
        before.last().is_some_and(|end| {
            at - end <= CONNECTION && !self.text.as_bytes()[*end..at].contains(&b'\n')
        })
    }
}

/// Where values end that begin further and further on: what was looked at for one is not looked at for the next.
#[derive(Default)]
struct Ends([usize; 4]);

impl Ends {
    /// The first byte from `at` on that ends a value in these quotes, or without.
    fn next(&mut self, bytes: &[u8], at: usize, quote: Option<u8>) -> usize {
        let known = match quote {
            None => &mut self.0[0],
            Some(b'"') => &mut self.0[1],
            Some(b'\'') => &mut self.0[2],
            Some(_) => &mut self.0[3],
        };
        if *known <= at {
            let ends = |c: &u8| match quote {
                Some(quote) => *c == quote || *c == b'\n',
                None => ENDS.contains(c),
            };
            let rest = &bytes[at..];
            *known = at + rest.iter().position(ends).unwrap_or(rest.len());
        }
        *known
    }
}

/// Calls `found` with everything that is given to a name of a secret.
fn assignments<'t>(text: &'t str, mut found: impl FnMut(Assignment<'t>)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut ends = Ends::default();
    while let Some(m) = ASSIGNMENTS.find_at(text, at) {
        at = m.end();
        let before = &bytes[..m.start()];
        let is_of_name = |c: &&u8| c.is_ascii_alphanumeric() || b"_-.".contains(c);
        let from = m.start() - before.iter().rev().take(64).take_while(is_of_name).count();
        let matched = m.as_str();
        let name_length = matched
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')))
            .unwrap_or(matched.len());
        let quote = bytes[m.end() - 1];
        let is_quoted = matches!(quote, b'"' | b'\'' | b'`') && name_length < matched.len() - 1;
        // A comma is an assignment between two quotes only: `("password", "…")`.
        let tail = &matched[name_length..];
        if tail.contains(',') && !(is_quoted && tail.starts_with(['"', '\'', '\\'])) {
            continue;
        }
        // The quote is escaped where it stands within another string, and so is the one that closes.
        let end = ends.next(bytes, m.end(), is_quoted.then_some(quote));
        let end = text.floor_char_boundary(end.min(m.end() + MAX_VALUE));
        let value = text[m.end()..end].trim_end_matches('\\');
        if value.is_empty() {
            continue;
        }
        // Of `key=value&…` and `…;Password=value;…` within quotes a part counts alone.
        found(Assignment {
            name: &text[from..m.start() + name_length],
            value,
            is_quoted,
            range: m.end()..m.end() + value.len(),
        });
    }
}

/// True for what a program puts a value in the place of.
fn is_variable(value: &str) -> bool {
    value.starts_with(['$', '{', '<', '%', '*', '#', ':', '['])
        || value.contains("${")
        || value.contains("{{")
}

/// True for files that hold hashes by the line, or whose place says that what they hold is made up.
fn is_judged(path: &str) -> bool {
    const FILES: &[&str] = &[
        ".lock",
        "-lock.json",
        "lock.yaml",
        ".sum",
        ".lockb",
        ".min.js",
        ".map",
        ".svg",
        ".snap",
        "shrinkwrap.json",
    ];
    const FOLDERS: &[&str] = &[
        "test",
        "tests",
        "testdata",
        "fixtures",
        "fixture",
        "__tests__",
        "__snapshots__",
        "spec",
        "examples",
        "example",
        "mocks",
        "e2e",
    ];
    let path = path.to_ascii_lowercase();
    let is_listed = FILES.iter().any(|f| path.ends_with(f));
    let is_made_up = path
        .split('/')
        .rev()
        .skip(1)
        .any(|part| FOLDERS.contains(&part));
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_test = [
        "_test.",
        ".test.",
        ".spec.",
        "_spec.",
        "test_",
        "_tests.",
        ".example",
        ".sample",
        ".template",
    ]
    .iter()
    .any(|w| name.contains(w));
    !is_listed && !is_made_up && !is_test
}
