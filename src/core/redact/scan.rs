//! Looking for secrets in what is about to be committed. Stricter than redaction: a finding stops work, so it must be
//! right. docs/secrets.md says what is found and what is not.

use super::Redactor;
use super::context::{self, ContextKind};
use super::formats::{self, Token, TokenKind};
use super::shape::{is_base64, longest_run};
use std::fmt;
use std::ops::Range;

/// Findings of one scan at most; one is enough to refuse a commit.
const MAX_FINDINGS: usize = 100;

/// Lines after the first line of a private key within which its body must begin.
const KEY_BODY_WITHIN: usize = 3;

/// Lines after an AWS access key id within which the secret that belongs to it is looked for.
const AWS_SECRET_WITHIN: usize = 3;

/// Bytes of a line that are looked at. Beyond it is no line that a person wrote.
const MAX_LINE: usize = 256 * 1024;

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
    fn new(path: &str, line: usize, what: &'static str, shown: &str) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what,
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

impl Redactor {
    /// Looks for secrets in lines that a change adds, each with its file and 1-based line number.
    pub fn scan_diff<'a>(
        &self,
        added_lines: impl Iterator<Item = (&'a str, usize, &'a str)>,
    ) -> Vec<Finding> {
        let known = self.known();
        let mut findings: Vec<Finding> = Vec::new();
        // The first line of a key whose body has not been seen yet, and where an access key id was seen last.
        let mut key: Option<(&str, usize)> = None;
        let mut aws: Option<(&str, usize)> = None;
        for (path, line, text) in added_lines {
            let text = &text[..text.floor_char_boundary(MAX_LINE)];
            if let Some((key_path, key_line)) = key {
                if key_path != path || line.saturating_sub(key_line) > KEY_BODY_WITHIN {
                    key = None;
                } else if longest_run(text, is_base64) >= 40 {
                    let what = TokenKind::PrivateKey.what();
                    findings.push(Finding::new(path, key_line, what, "-----BEGIN "));
                    key = None;
                }
            }
            let mut taken: Vec<Range<usize>> = known.spans(text);
            if !taken.is_empty() {
                findings.push(Finding::new(path, line, KNOWN, ""));
            }
            for token in formats::tokens(text) {
                match self.judge(text, &token) {
                    Judged::Found => {
                        let shown = token.kind.beginning(&text[token.range.clone()]);
                        findings.push(Finding::new(path, line, token.kind.what(), shown));
                    }
                    Judged::KeyMayFollow => key = Some((path, line)),
                    Judged::Not => {}
                }
                if token.kind.what() == AWS_ID {
                    aws = Some((path, line));
                }
                taken.push(token.range);
            }
            let is_free = |taken: &[Range<usize>], r: &Range<usize>| {
                taken.iter().all(|t| t.end <= r.start || r.end <= t.start)
            };
            for (range, kind) in context::for_scan(text, path) {
                if is_free(&taken, &range) {
                    findings.push(Finding::new(path, line, kind.what(), ""));
                    taken.push(range);
                }
            }
            let is_near =
                |(p, l): (&str, usize)| p == path && line.saturating_sub(l) <= AWS_SECRET_WITHIN;
            if aws.is_some_and(is_near) {
                for range in context::aws_secrets(text) {
                    if is_free(&taken, &range) {
                        findings.push(Finding::new(path, line, ContextKind::AwsSecret.what(), ""));
                    }
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

    fn judge(&self, text: &str, token: &Token) -> Judged {
        if token.kind == TokenKind::PrivateKey {
            let rest = &text[token.range.end..];
            let is_begun = rest.trim().is_empty() && text.trim_start().starts_with("-----BEGIN ");
            return match is_begun || longest_run(rest, is_base64) >= 32 {
                true => Judged::Found,
                false => Judged::KeyMayFollow,
            };
        }
        match formats::is_convincing(text, token) {
            true => Judged::Found,
            false => Judged::Not,
        }
    }
}

enum Judged {
    Found,
    /// A key's first line without a key.
    KeyMayFollow,
    Not,
}

const KNOWN: &str = "the value of a secret that codelicious was given";
const AWS_ID: &str = "an AWS access key id";
