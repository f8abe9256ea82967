//! Keeping secrets out of everything that is written: known values in all their usual spellings, and
//! what looks like a credential.
//!
//! Two automata look at a text once each; nothing is copied where nothing is found. Formats of tokens come
//! from their issuers' documentation (AWS, GitHub, GitLab, Slack, Anthropic, OpenAI, Hugging Face), of keys
//! from RFC 7468 and of JSON web tokens from RFC 7519.

use regex::{Regex, RegexBuilder};
use secrecy::{ExposeSecret, SecretString};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

mod plan;
mod spellings;
mod stream;

pub use stream::StreamRedactor;

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// Shorter values are not searched for: they occur everywhere.
pub const MIN_SECRET_CHARS: usize = 6;

/// Findings of one scan at most; one is enough to refuse a commit.
const MAX_FINDINGS: usize = 100;

/// Bytes that the automaton of known values may take.
const MAX_AUTOMATON: usize = 512 << 20;

/// Lines after the first line of a private key within which its body must begin.
const KEY_BODY_WITHIN: usize = 3;

/// How the last line of a private key begins.
const KEY_LAST: &str = "-----END ";

/// Bytes within which it is looked for where the text does not look like a key's body.
const KEY_REACH: usize = 16 * 1024;

/// Base64 characters in a row that make a line look like the body of a key.
const KEY_LINE: usize = 24;

/// The least that makes a token one; how far it goes on is looked up by its [`Kind`]. Exact counts keep
/// a refused match cheap.
static TOKENS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:AKIA|ASIA)[0-9A-Z]{16}",
        r"|gh[pousr]_[A-Za-z0-9]{36}",
        r"|github_pat_[A-Za-z0-9_]{22}",
        r"|glpat-[A-Za-z0-9_-]{20}",
        r"|xox[abprs]-[A-Za-z0-9-]{10}",
        r"|sk-[A-Za-z0-9_-]{20}",
        r"|hf_[A-Za-z0-9]{20}",
        r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8}",
        r"|-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----",
        r"|(?:[Bb]earer|BEARER)[ \t]+[A-Za-z0-9._~+/=-]{16}",
        r#"|(?:[Aa]uthorization|AUTHORIZATION)[\\"']{0,4}[ \t]*[:=][ \t]*[\\"']{0,4}"#,
        r"(?:[Bb]earer|BEARER|[Bb]asic|[Tt]oken)[ \t]+[A-Za-z0-9._~+/=-]{6}",
    ))
    .expect("a constant that a test compiles")
});

/// What a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Known,
    Aws,
    GitHub,
    GitLab,
    Slack,
    Anthropic,
    ApiKey,
    HuggingFace,
    Jwt,
    PrivateKey,
    Header,
}

impl Kind {
    /// Tells the kind of a match of [`TOKENS`] by how it begins.
    fn of(text: &str) -> Self {
        const BEGINNINGS: [(&str, Kind); 10] = [
            ("AKIA", Kind::Aws),
            ("ASIA", Kind::Aws),
            ("gh", Kind::GitHub),
            ("git", Kind::GitHub),
            ("glpat-", Kind::GitLab),
            ("xox", Kind::Slack),
            ("sk-ant-", Kind::Anthropic),
            ("sk-", Kind::ApiKey),
            ("hf_", Kind::HuggingFace),
            ("eyJ", Kind::Jwt),
        ];
        BEGINNINGS
            .into_iter()
            .find(|(beginning, _)| text.starts_with(beginning))
            .map_or(
                if text.starts_with("-----") {
                    Kind::PrivateKey
                } else {
                    Kind::Header
                },
                |(_, kind)| kind,
            )
    }

    fn what(self) -> &'static str {
        match self {
            Kind::Known => "the value of a secret that codelicious was given",
            Kind::Aws => "an AWS access key id",
            Kind::GitHub => "a GitHub token",
            Kind::GitLab => "a GitLab token",
            Kind::Slack => "a Slack token",
            Kind::Anthropic => "an Anthropic API key",
            Kind::ApiKey => "an API key",
            Kind::HuggingFace => "a Hugging Face token",
            Kind::Jwt => "a JSON web token",
            Kind::PrivateKey => "a private key",
            Kind::Header => "credentials of an Authorization header",
        }
    }

    /// True for a character that a token goes on with.
    fn goes_on(self, c: u8) -> bool {
        match self {
            Kind::Known | Kind::Aws | Kind::PrivateKey => false,
            Kind::Header => c.is_ascii_alphanumeric() || b"._~+/=-".contains(&c),
            _ => c.is_ascii_alphanumeric() || b"_-".contains(&c),
        }
    }
}

/// A secret in a text.
struct Span {
    range: Range<usize>,
    kind: Kind,
}

/// Replaces secrets by [`REDACTED`]. Does not print what it knows.
pub struct Redactor {
    known: Known,
    count: usize,
    longest: usize,
}

enum Known {
    Nothing,
    Automaton(Regex),
    /// So much that no automaton would hold it; slow, but complete.
    List(Vec<String>),
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.count)
    }
}

impl Redactor {
    /// A redactor that knows these values, without surrounding white space, besides what looks like a
    /// credential. Values below [`MIN_SECRET_CHARS`], and those that the mark itself contains, are passed over.
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let mut count = 0;
        let mut forms = BTreeSet::new();
        for secret in secrets {
            let value = secret.expose_secret().trim();
            if value.chars().count() >= MIN_SECRET_CHARS && !REDACTED.contains(value) {
                count += 1;
                spellings::of(value, &mut forms);
            }
        }
        let mut forms: Vec<String> = forms
            .into_iter()
            .filter(|f| !REDACTED.contains(f.as_str()))
            .collect();
        // Of two that begin at the same place the longer is to be found.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        let longest = forms.first().map_or(0, String::len);
        Self {
            known: Known::new(forms),
            count,
            longest,
        }
    }

    /// The text with every secret replaced; the text itself where there is none.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let spans = self.spans(text);
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for span in spans {
            out.push_str(&text[at..span.start]);
            out.push_str(REDACTED);
            at = span.end;
        }
        out.push_str(&text[at..]);
        Cow::Owned(out)
    }

    /// Looks for secrets in lines that a change adds, each with its file and 1-based line number.
    ///
    /// Stricter than [`Redactor::redact`], since a finding stops a commit: placeholders, the keys of AWS's own
    /// documentation (which end in `EXAMPLE`), names that only begin like a token, and a key's first line
    /// without a key are not found.
    pub fn scan_diff<'a>(
        &self,
        added_lines: impl Iterator<Item = (&'a str, usize, &'a str)>,
    ) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        // The first line of a key whose body has not been seen yet, and how far to look for it.
        let mut key: Option<(&str, usize)> = None;
        for (path, line, text) in added_lines {
            if let Some((key_path, key_line)) = key {
                if key_path != path || line.saturating_sub(key_line) > KEY_BODY_WITHIN {
                    key = None;
                } else if longest_run(text, is_base64) >= 40 {
                    findings.push(Finding::new(
                        path,
                        key_line,
                        Kind::PrivateKey,
                        "-----BEGIN ",
                    ));
                    key = None;
                }
            }
            for span in self.known.spans(text).into_iter().chain(token_spans(text)) {
                if span.kind == Kind::PrivateKey {
                    let rest = &text[span.range.end..];
                    if rest.trim().is_empty() || longest_run(rest, is_base64) >= 32 {
                        findings.push(Finding::new(path, line, span.kind, "-----BEGIN "));
                    } else {
                        key = Some((path, line));
                    }
                } else if convincing(text, &span) {
                    findings.push(Finding::new(path, line, span.kind, &text[span.range]));
                }
            }
            if findings.len() >= MAX_FINDINGS {
                findings.truncate(MAX_FINDINGS);
                break;
            }
        }
        findings.dedup();
        findings
    }

    /// Bytes of the longest spelling of a known secret.
    fn longest(&self) -> usize {
        self.longest
    }

    /// Where secrets stand: sorted, not empty, not overlapping, on character borders.
    fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = self
            .known
            .spans(text)
            .into_iter()
            .chain(token_spans(text))
            .map(|s| {
                if s.kind == Kind::PrivateKey {
                    s.range.start..key_end(text, s.range.end)
                } else {
                    s.range
                }
            })
            .collect();
        spans.sort_unstable_by_key(|s| s.start);
        spans.dedup_by(|next, kept| {
            let overlaps = next.start < kept.end;
            if overlaps {
                kept.end = kept.end.max(next.end);
            }
            overlaps
        });
        spans
    }
}

impl Known {
    fn new(forms: Vec<String>) -> Self {
        if forms.is_empty() {
            return Known::Nothing;
        }
        let pattern: Vec<String> = forms.iter().map(|f| regex::escape(f)).collect();
        RegexBuilder::new(&pattern.join("|"))
            .size_limit(MAX_AUTOMATON)
            .build()
            .map_or(Known::List(forms), Known::Automaton)
    }

    /// Every occurrence, overlapping ones too: where one value ends inside another, both must go.
    fn spans(&self, text: &str) -> Vec<Span> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(range) = self.find(text, at) {
            at = text.ceil_char_boundary(range.start + 1);
            found.push(Span {
                range,
                kind: Kind::Known,
            });
        }
        found
    }

    /// The first occurrence that begins at `at` or later.
    fn find(&self, text: &str, at: usize) -> Option<Range<usize>> {
        match self {
            Known::Nothing => None,
            Known::Automaton(regex) => regex.find_at(text, at).map(|m| m.range()),
            Known::List(forms) => forms
                .iter()
                .filter_map(|f| {
                    text[at..]
                        .find(f.as_str())
                        .map(|i| at + i..at + i + f.len())
                })
                .min_by_key(|r| (r.start, usize::MAX - r.end)),
        }
    }
}

/// Everything that looks like a credential. Of a private key only its first line.
fn token_spans(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(m) = TOKENS.find_at(text, at) {
        let kind = Kind::of(m.as_str());
        let ambiguous = matches!(kind, Kind::Anthropic | Kind::ApiKey | Kind::HuggingFace);
        if ambiguous && continues_a_word(text.as_bytes(), m.start()) {
            at = m.start() + 1;
            continue;
        }
        let end = m.end()
            + text.as_bytes()[m.end()..]
                .iter()
                .take_while(|c| kind.goes_on(**c))
                .count();
        // Of a header the credentials go, its name stays: a log must say what was sent.
        let start = match kind {
            Kind::Header => m.start() + m.as_str().rfind([' ', '\t']).map_or(0, |i| i + 1),
            _ => m.start(),
        };
        at = end;
        found.push(Span {
            range: start..end,
            kind,
        });
    }
    found
}

/// True when the token at `start` is the end of a longer word, as in `task-…`. An escaped line break in front
/// of it (`\n` in JSON) is no word.
fn continues_a_word(text: &[u8], start: usize) -> bool {
    match text[..start] {
        [.., b'\\', b'n' | b'r' | b't'] => false,
        [.., c] => c.is_ascii_alphanumeric(),
        [] => false,
    }
}

/// Where a private key whose first line ends at `from` ends: after its last line, or, where that is missing,
/// after what looks like its body.
fn key_end(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    let body = body_end(rest);
    // Header lines of an encrypted key (RFC 1421) do not look like a body, so the last line is looked for
    // beyond it too, within reason.
    let reach = rest.floor_char_boundary(body.max(KEY_REACH));
    let end = rest[..reach]
        .find(KEY_LAST)
        .map(|i| i + KEY_LAST.len())
        .and_then(|i| rest[i..].find("-----").map(|j| i + j + "-----".len()));
    from + end.unwrap_or(body)
}

/// End of the lines that look like the body of a key: long runs of base64, and a short last one.
fn body_end(text: &str) -> usize {
    let (mut end, mut at) = (0, 0);
    for (n, line) in text.split_inclusive('\n').enumerate() {
        let inside = line
            .find(|c: char| !(is_base64(c) || c.is_ascii_whitespace() || "\\\"',:-".contains(c)))
            .unwrap_or(line.len());
        let part = line[..inside].trim_end();
        let short_last = end > 0
            && !part.is_empty()
            && part.len() == line.trim_end().len()
            && part.chars().all(is_base64);
        if longest_run(part, is_base64) >= KEY_LINE {
            end = at + part.len();
        } else if short_last {
            return at + part.len();
        } else if n > 0 || !part.trim().is_empty() {
            return end;
        }
        if inside < line.len() {
            return end;
        }
        at += line.len();
    }
    end
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

/// Length of the longest run of such characters.
fn longest_run(text: &str, wanted: fn(char) -> bool) -> usize {
    text.split(|c| !wanted(c)).map(str::len).max().unwrap_or(0)
}

/// True when a span is a credential and no example, placeholder or name.
fn convincing(text: &str, span: &Span) -> bool {
    let token = &text[span.range.clone()];
    let run = || longest_run(token, |c| c.is_ascii_alphanumeric());
    let has_digit = || token.bytes().any(|c| c.is_ascii_digit());
    let placeholder = || {
        let runs = token.split(|c: char| !c.is_ascii_alphanumeric());
        let longest = runs.max_by_key(|run| run.len()).unwrap_or_default();
        longest.bytes().all(|c| longest.starts_with(char::from(c)))
    };
    match span.kind {
        Kind::Known | Kind::Jwt | Kind::PrivateKey => true,
        Kind::Aws => {
            let beside = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
            let bytes = text.as_bytes();
            !token.ends_with("EXAMPLE")
                && !beside(bytes.get(span.range.end))
                && !beside(span.range.start.checked_sub(1).and_then(|i| bytes.get(i)))
        }
        Kind::GitHub | Kind::GitLab | Kind::Slack => !placeholder(),
        Kind::Anthropic | Kind::ApiKey => run() >= 16 && !placeholder(),
        Kind::HuggingFace => {
            token
                .bytes()
                .skip(3)
                .any(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
                && !placeholder()
        }
        Kind::Header => run() >= 16 && has_digit(),
    }
}

/// A secret in a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub path: String,
    /// 1-based, in the changed file.
    pub line: usize,
    /// What it is: `an AWS access key id`.
    pub what: &'static str,
    /// Enough to recognise it and no more: `AKIA…`.
    pub masked: String,
}

impl Finding {
    fn new(path: &str, line: usize, kind: Kind, text: &str) -> Self {
        let shown = match kind {
            Kind::Known | Kind::Header => "",
            Kind::Anthropic => "sk-ant-",
            Kind::ApiKey | Kind::HuggingFace | Kind::Jwt => &text[..3],
            Kind::GitHub | Kind::Aws => &text[..4],
            Kind::GitLab => "glpat-",
            Kind::Slack => &text[..5],
            Kind::PrivateKey => "-----BEGIN ",
        };
        Self {
            path: path.to_owned(),
            line,
            what: kind.what(),
            masked: format!("{shown}…"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {} ({})",
            self.path, self.line, self.what, self.masked
        )
    }
}

#[cfg(test)]
mod tests;
