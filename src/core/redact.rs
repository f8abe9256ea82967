//! Keeping secrets out of everything that is written: known values in all their usual spellings, and
//! what looks like a credential.
//!
//! `known` searches for values, `formats` for tokens by how they look, `context` for what headers, addresses and
//! assignments hold; `scan` judges what is about to be committed. Every search looks at a text a bounded number of
//! times, and nothing is copied where nothing is found. docs/secrets.md tells people what is found.

use known::Known;
use secrecy::SecretString;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

mod context;
mod file;
mod formats;
mod keys;
mod known;
mod plan;
mod scan;
mod shape;
mod spellings;
mod stream;

pub use file::secrets_in_file;
pub use scan::Finding;
pub use stream::StreamRedactor;

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// Shorter values are not searched for: they occur everywhere.
pub const MIN_SECRET_CHARS: usize = 6;

/// Times that a text is gone through once more, since something in it was replaced.
const MOST_PASSES: u32 = 8;

/// Replaces secrets by [`REDACTED`]. Does not print what it knows.
pub struct Redactor {
    /// Replaced as a whole when a secret becomes known later, so that whoever searches is never kept waiting.
    known: RwLock<Arc<Known>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.known().count())
    }
}

impl Redactor {
    /// A redactor that knows these values, without surrounding white space, besides what looks like a
    /// credential. Values below [`MIN_SECRET_CHARS`], and those that the mark itself contains, are passed over.
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        Self {
            known: RwLock::new(Arc::new(Known::new(secrets))),
        }
    }

    /// Makes it know these values too, wherever it is in use already: a token that was read or refreshed later.
    pub fn add(&self, secrets: impl IntoIterator<Item = SecretString>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(more) = known.with(secrets) {
            *known = Arc::new(more);
        }
    }

    /// The text with every secret replaced; the text itself where there is none.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut done = self.once(text);
        // What stands beside a mark may read like a secret only now.
        for _ in 0..MOST_PASSES {
            let Cow::Owned(before) = &done else { break };
            let Cow::Owned(after) = self.once(before) else {
                break;
            };
            done = Cow::Owned(after);
        }
        done
    }

    fn once<'t>(&self, text: &'t str) -> Cow<'t, str> {
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

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where secrets stand: sorted, not empty, not overlapping, on character borders.
    fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let mut spans = self.known().spans(text);
        let mut has_aws_id = false;
        let mut keys = keys::Ends::new(text);
        for token in formats::tokens(text) {
            has_aws_id |= token.kind.what() == "an AWS access key id";
            spans.push(match token.kind {
                formats::TokenKind::PrivateKey => token.range.start..keys.of(token.range.end),
                formats::TokenKind::Format(_) | formats::TokenKind::Inner(_) => token.range,
            });
        }
        spans.extend(
            context::for_output(text)
                .into_iter()
                .map(|(range, _)| range),
        );
        if has_aws_id {
            spans.extend(context::aws_secrets(text));
        }
        // What was replaced already stays as it is: a second pass changes nothing.
        spans.retain(|s| !text[s.clone()].starts_with(REDACTED) && !s.is_empty());
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

#[cfg(test)]
mod formats_tests;
#[cfg(test)]
mod tests;
