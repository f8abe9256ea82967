//! What single flags may be.

use crate::config::parse_duration;
use clap::builder::RangedU64ValueParser;
use std::time::Duration;

/// As `budget.max_tokens` may be.
pub(super) fn tokens() -> RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1_000..=1_000_000_000_000)
}

pub(super) fn dollars(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|usd| *usd > 0.0 && *usd <= 100_000.0)
        .ok_or_else(|| "it must be a number of US dollars above 0 and up to 100000".to_owned())
}

pub(super) fn percent(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| "it must be a number of percent from 0 to 100".to_owned())
}

pub(super) fn one_word(text: &str) -> Result<String, String> {
    if text.is_empty() || text.starts_with('-') || text.contains(char::is_whitespace) {
        return Err("it must be one word that does not start with a dash".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) fn seconds<const MIN: u64, const MAX: u64>(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .filter(|duration| (MIN..=MAX).contains(&duration.as_secs()))
        .ok_or_else(|| {
            format!("it must be seconds from {MIN} to {MAX}, or a duration such as 90s, 30m or 8h")
        })
}
