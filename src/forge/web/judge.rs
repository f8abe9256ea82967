//! What a forge's answer means: status, headers and words to a [`Meaning`]. Pure.
//!
//! | answer | meaning |
//! |---|---|
//! | 429; 403 with `Retry-After`, with a used-up limit or with words of GitHub's about one | limited |
//! | 408, 425, 5xx | passing |
//! | 401 | the token |
//! | 403 | the rights |
//! | 404, 410 | not there, or not to be seen |
//! | other 4xx | refused, in the forge's words |
//! | anything else | not what the forge documents |
//!
//! Limits are those of GitHub ("Rate limits for the REST API": primary ones answer 403 or 429 with
//! `x-ratelimit-remaining: 0`, secondary ones with `Retry-After` or only with words, and then a minute is to be waited
//! at least), GitLab ("Rate limit headers": 429 with `Retry-After` and `RateLimit-Reset`) and of whatever proxy stands
//! before a Gitea.

use crate::net::{Headers, one_line, retry_after};
use crate::ports::ForgeErrorKind;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

/// Bytes of a forge's words that are passed on.
const MAX_WORDS: usize = 400;

/// What GitHub asks for where a secondary limit names no time.
const SECONDARY: TimeDelta = TimeDelta::seconds(60);

/// What an answer that is no success means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub kind: ForgeErrorKind,
    /// Nothing is to be asked before.
    pub until: Option<DateTime<Utc>>,
    /// The same request may succeed later.
    pub is_passing: bool,
    /// What was asked may have been done all the same.
    pub perhaps_done: bool,
}

impl Meaning {
    /// A failure that asking again does not change, and that did nothing.
    pub fn of(kind: ForgeErrorKind) -> Self {
        Self {
            kind,
            until: None,
            is_passing: false,
            perhaps_done: false,
        }
    }
}

/// The meaning of an answer whose status is no success.
pub(super) fn judge(status: u16, headers: &Headers, words: &str, now: DateTime<Utc>) -> Meaning {
    if is_limit(status, headers, words) {
        return limited(headers, words, now);
    }
    match status {
        401 => Meaning::of(ForgeErrorKind::Auth),
        403 => Meaning::of(ForgeErrorKind::Forbidden),
        404 | 410 => Meaning::of(ForgeErrorKind::NotFound),
        // Request timeout, too early: it was not worked upon.
        408 | 425 => Meaning {
            kind: ForgeErrorKind::Transient,
            until: retry_after::until(headers, "", false, now),
            is_passing: true,
            perhaps_done: false,
        },
        400..=499 => Meaning::of(ForgeErrorKind::Refused),
        // Not implemented stays so.
        501 => Meaning::of(ForgeErrorKind::Unsupported),
        500..=599 => Meaning {
            kind: ForgeErrorKind::Transient,
            until: retry_after::until(headers, "", false, now),
            is_passing: true,
            perhaps_done: true,
        },
        _ => Meaning::of(ForgeErrorKind::Protocol),
    }
}

/// A limit: nothing was done, and nothing is to be asked before its time.
pub(super) fn limited(headers: &Headers, words: &str, now: DateTime<Utc>) -> Meaning {
    // A reset counts only where the limit is used up, or nobody says that it is not.
    let is_full = left(headers).is_none_or(|left| left == 0);
    let said = retry_after::until(headers, words, is_full, now);
    let until = match said {
        None if says_secondary(words) => Some(now + SECONDARY),
        said => said,
    };
    Meaning {
        kind: ForgeErrorKind::Limited { until },
        until,
        is_passing: true,
        perhaps_done: false,
    }
}

fn is_limit(status: u16, headers: &Headers, words: &str) -> bool {
    match status {
        429 => true,
        403 => {
            headers.get("retry-after").is_some()
                || left(headers) == Some(0)
                || says_secondary(words)
                || words.to_ascii_lowercase().contains("rate limit exceeded")
        }
        _ => false,
    }
}

/// GitHub tells a secondary limit from a missing right by its words only.
fn says_secondary(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    words.contains("secondary rate limit") || words.contains("abuse detection")
}

/// Requests that a limit still allows.
fn left(headers: &Headers) -> Option<u64> {
    ["x-ratelimit-remaining", "ratelimit-remaining"]
        .iter()
        .find_map(|name| headers.get(name))
        .and_then(|value| value.parse().ok())
}

/// The forge's own words in a body, on one line and cut; empty where it holds none.
pub(super) fn words(body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        let text = String::from_utf8_lossy(&body[..body.len().min(4 * MAX_WORDS)]);
        // A page for people says nothing in its first bytes.
        return match text.trim_start().starts_with('<') {
            true => String::new(),
            false => one_line(&text, MAX_WORDS),
        };
    };
    let mut found = Vec::new();
    collect(&value, &mut found, 0);
    found.dedup();
    one_line(&found.join("; "), MAX_WORDS)
}

/// The texts of an error object. GitHub has `message` and `errors` (texts, or `{resource, field, code, message}`),
/// GitLab `message` (a text, a list, or texts by field), `error` and `error_description`, Gitea `message` and `errors`.
fn collect(value: &Value, found: &mut Vec<String>, depth: usize) {
    if depth > 4 || found.len() > 8 {
        return;
    }
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|i| collect(i, found, depth + 1)),
        Value::Object(fields) => {
            let known = ["message", "error", "error_description", "errors"];
            let is_known = known.iter().any(|name| fields.contains_key(*name));
            if is_known {
                for name in known {
                    fields
                        .get(name)
                        .into_iter()
                        .for_each(|v| collect(v, found, depth + 1));
                }
            } else if let Some(Value::String(code)) = fields.get("code") {
                let field = fields.get("field").and_then(Value::as_str);
                found.push(format!("{} is {code}", field.unwrap_or("something")));
            } else {
                for (name, value) in fields {
                    let mut inner = Vec::new();
                    collect(value, &mut inner, depth + 1);
                    found.extend(inner.into_iter().map(|text| format!("{name}: {text}")));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The meaning of the errors of a GraphQL answer, by the type of the first: they come with a good status.
pub(super) fn judge_graphql(
    kind: &str,
    headers: &Headers,
    words: &str,
    now: DateTime<Utc>,
) -> Meaning {
    let kind = match kind {
        "RATE_LIMITED" | "RATE_LIMIT" => return limited(headers, words, now),
        "NOT_FOUND" => ForgeErrorKind::NotFound,
        "FORBIDDEN" | "INSUFFICIENT_SCOPES" => ForgeErrorKind::Forbidden,
        "UNAUTHENTICATED" => ForgeErrorKind::Auth,
        _ if says_secondary(words) => return limited(headers, words, now),
        // "Something went wrong while executing your query" comes without a type.
        "INTERNAL" | "SERVICE_UNAVAILABLE" | "" => {
            return judge(503, headers, words, now);
        }
        _ => ForgeErrorKind::Refused,
    };
    Meaning::of(kind)
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
