//! Until when a server asks for no request: read from headers and, where none says so, from its words. Pure.
//!
//! Of several times the latest counts: a limit that is waited for in vain is worse than a late request. What
//! cannot be read says nothing, and nothing is ever read as shorter than it is.
//!
//! | where | what it says |
//! |---|---|
//! | `Retry-After` | seconds, or an HTTP date (RFC 9110, 10.2.3) |
//! | `retry-after-ms` | milliseconds (Azure, OpenAI) |
//! | `x-ratelimit-reset-requests`, `-tokens`, … | a duration such as `6m0s`, seconds, or an epoch (OpenAI and its like) |
//! | `x-ratelimit-reset`, `ratelimit-reset` | the same; OpenRouter gives epoch milliseconds |
//! | `RateLimit` | `"name";r=0;t=55` (IETF draft; Hugging Face) |
//! | `anthropic-ratelimit-…-reset` | RFC 3339, of those limits whose `-remaining` is 0 |
//! | the message | "try again in 5m", "Please retry after 1 minute and 7 seconds" |

use super::duration;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use regex::Regex;
use std::sync::LazyLock;

/// The longest time that is believed: what goes beyond comes to this, which nobody waits for.
const FAR: TimeDelta = TimeDelta::days(366);

/// A number from here on is no duration but seconds since 1970: nobody asks for 31 years.
const EPOCH_SECONDS: f64 = 1e9;
/// A number from here on is milliseconds since 1970.
const EPOCH_MILLIS: f64 = 1e12;

/// A server's clock that is off by more is no clock.
const MAX_SKEW: TimeDelta = TimeDelta::days(1);

/// Headers of an answer, with names in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    pub fn new<N: AsRef<str>, V: Into<String>>(headers: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(
            headers
                .into_iter()
                .map(|(name, value)| (name.as_ref().to_ascii_lowercase(), value.into()))
                .collect(),
        )
    }

    pub fn extend(&mut self, more: Headers) {
        self.0.extend(more.0);
    }

    /// The first value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.trim())
    }
}

/// The time before which no request is to be sent; None where nothing readable is said, or only times gone by.
/// The headers that tell how full a limit is are on every answer, so they count only where `is_limited`.
pub fn until(
    headers: &Headers,
    message: &str,
    is_limited: bool,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let clock = ServerClock::new(headers, now);
    let mut times: Vec<DateTime<Utc>> = Vec::new();
    for value in headers.all("retry-after") {
        times.extend(number(value).map(|n| clock.moment(n)));
        times.extend(http_date(value).map(|date| clock.translated(date)));
    }
    for value in headers.all("retry-after-ms") {
        times.extend(number(value).map(|ms| clock.moment(ms / 1000.0)));
    }
    times.extend(in_words(message).map(|seconds| clock.moment(seconds)));
    if is_limited {
        let resets = resets(headers, &clock);
        let known_full = resets.iter().filter(|r| r.is_full).map(|r| r.at);
        times.extend(known_full);
        if times.is_empty() {
            times.extend(resets.iter().filter(|r| r.may_be_all).map(|r| r.at));
        }
    }
    times.into_iter().max().filter(|time| *time > now)
}

/// The server's clock against ours.
struct ServerClock {
    now: DateTime<Utc>,
    /// What has to be added to its times to get ours.
    ahead: TimeDelta,
}

impl ServerClock {
    /// An answer carries the server's time in `Date`, cut to seconds, so times computed from it are late by less
    /// than a second and never early.
    fn new(headers: &Headers, now: DateTime<Utc>) -> Self {
        let ahead = headers
            .get("date")
            .and_then(http_date)
            .map(|date| now - date)
            .filter(|skew| skew.abs() <= MAX_SKEW)
            .unwrap_or_default();
        Self { now, ahead }
    }

    /// A number as it stands in a header: a duration in seconds, or a time since 1970 that is too great to be one.
    fn moment(&self, n: f64) -> DateTime<Utc> {
        if n >= EPOCH_MILLIS {
            self.epoch_millis(n)
        } else if n >= EPOCH_SECONDS {
            self.epoch_millis(n * 1000.0)
        } else {
            self.now + millis(n * 1000.0).min(FAR)
        }
    }

    fn epoch_millis(&self, n: f64) -> DateTime<Utc> {
        let whole = millis(n).num_milliseconds();
        DateTime::from_timestamp_millis(whole).map_or(self.now + FAR, |time| self.translated(time))
    }

    fn translated(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        let far = self.now + FAR;
        time.checked_add_signed(self.ahead)
            .map_or(far, |t| t.min(far))
    }
}

/// Milliseconds, rounded up and within bounds.
fn millis(n: f64) -> TimeDelta {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a float is cut to the bounds of the integer"
    )]
    let whole = n.ceil().clamp(0.0, 9e15) as i64;
    TimeDelta::milliseconds(whole)
}

/// A plain number that is not negative: digits, and at most one point among them.
fn number(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && text.starts_with(|c: char| c.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

/// The three forms of a date that HTTP has (RFC 9110, 5.6.7).
fn http_date(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(date) = DateTime::parse_from_rfc2822(text) {
        return Some(date.to_utc());
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|naive| naive.and_utc())
}

/// When a limit is fresh again.
struct Reset {
    at: DateTime<Utc>,
    /// It is used up, or nobody says that it is not.
    is_full: bool,
    /// Counts where nothing else says a time.
    may_be_all: bool,
}

fn resets(headers: &Headers, clock: &ServerClock) -> Vec<Reset> {
    let mut found = Vec::new();
    for (name, value) in &headers.0 {
        let value = value.trim();
        if let Some(limit) = name
            .strip_prefix("anthropic-ratelimit-")
            .and_then(|rest| rest.strip_suffix("-reset"))
        {
            let left = headers.get(&format!("anthropic-ratelimit-{limit}-remaining"));
            if let Ok(at) = DateTime::parse_from_rfc3339(value) {
                found.push(Reset {
                    at: clock.translated(at.to_utc()),
                    is_full: left.and_then(number) == Some(0.0),
                    may_be_all: false,
                });
            }
        } else if name.starts_with("x-ratelimit-reset") || name == "ratelimit-reset" {
            let left = headers.get(&name.replacen("-reset", "-remaining", 1));
            let at = number(value).or_else(|| {
                duration::leading(value)
                    .filter(|(_, rest)| rest.is_empty())
                    .map(|(s, _)| s)
            });
            found.extend(at.map(|at| Reset {
                at: clock.moment(at),
                is_full: left.and_then(number).is_none_or(|left| left <= 0.0),
                may_be_all: true,
            }));
        } else if name == "ratelimit" {
            found.extend(value.split(',').filter_map(|limit| ietf(limit, clock)));
        }
    }
    found
}

/// `"api";r=0;t=55`
fn ietf(limit: &str, clock: &ServerClock) -> Option<Reset> {
    let parameter = |key: &str| {
        limit
            .split(';')
            .find_map(|p| p.trim().strip_prefix(key))
            .and_then(number)
    };
    let is_full = parameter("r=")? == 0.0;
    Some(Reset {
        at: clock.moment(parameter("t=")?),
        is_full,
        may_be_all: false,
    })
}

/// Seconds that a sentence asks to wait.
fn in_words(message: &str) -> Option<f64> {
    static PHRASE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)\b(?:try again|retry)\b[^.\d]{0,20}?\b(?:in|after)\s+(?:about\s+)?")
            .expect("a constant that a test compiles")
    });
    PHRASE
        .find_iter(message)
        .filter_map(|found| duration::leading(&message[found.end()..]))
        .map(|(seconds, _)| seconds)
        .max_by(f64::total_cmp)
}

#[cfg(test)]
#[path = "retry_after_tests.rs"]
mod tests;
