//! What a run of Claude Code came to. Pure.
//!
//! Decided on fields: `subtype`, `is_error`, `api_error_status`, `terminal_reason`, `stop_reason`, the `error`
//! of the last message and of retries, rate limit events, and the exit code. API failures come as
//! `subtype: success` with `is_error: true`. Words are looked at only where the program gives no field
//! at all; each such place says so.

use super::fold::End;
use super::limits::{end_in_words, epoch};
use super::wire::{ApiErrorKind, ApiRetry, ResultLine, StopReason, Subtype, TerminalReason};
use crate::core::ending;
use crate::model::{Ends, EngineError, EngineOutcome};
use crate::proc::{DISK_SPENT, Ended};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// Characters of a foreign text that are kept in an error.
const MESSAGE_CHARS: usize = 500;

/// What the lines said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence<'a> {
    /// How the run was asked to end.
    pub ends: Ends,
    pub result: Option<&'a ResultLine>,
    pub error: Option<ApiErrorKind>,
    pub retry: Option<&'a ApiRetry>,
    /// Until when it was still waiting with its next try when it ended.
    pub waits_until: Option<DateTime<Utc>>,
    /// Seconds since 1970 at which a refusing limit ends, where it said so.
    pub rejected: Option<Option<f64>>,
    pub refused: bool,
    pub auth_failed: bool,
    /// How its last message declared the end, where that message called nothing else.
    pub declared: Option<&'a Value>,
    /// Why it was ended: all that it was allowed is spent.
    pub spent: Option<&'a str>,
    /// The dollars that the program kept to were its allowance, not its configuration's.
    pub usd_is_allowance: bool,
    /// It got as far as its first line.
    pub initialised: bool,
    /// Lines that were not of the protocol.
    pub foreign: u64,
}

/// The outcome of a run.
pub(super) fn outcome(evidence: &Evidence<'_>, end: &End) -> EngineOutcome {
    let Some(result) = evidence.result else {
        return match without_result(evidence, end) {
            Some(error) => EngineOutcome::Failed(error),
            None => EngineOutcome::Interrupted,
        };
    };
    if !is_failure(result) {
        // What was declared before we ended the process counts, whatever kept it from leaving.
        return match end.ended {
            Ended::Itself if end.code != 0 => EngineOutcome::Failed(EngineError::Protocol {
                message: format!("it reported success and then exited with code {}", end.code),
            }),
            _ => success(result, evidence.ends),
        };
    }
    if result.subtype == Some(Subtype::ErrorMaxStructuredOutputRetries) {
        return EngineOutcome::Undeclared {
            last_words: words(result, "its declared ending never matched the schema"),
        };
    }
    // It stops at its bound before it looks at what that response calls. To declare the end was the last thing to
    // do, and is paid for.
    if result.subtype == Some(Subtype::ErrorMaxBudgetUsd)
        && let Some(declared) = evidence.declared
        && let Ok(outcome) = ending::read_object(evidence.ends, declared)
    {
        return outcome;
    }
    let error = failure(result, evidence, end.at);
    match (end.ended, &error) {
        (Ended::ByCaller, EngineError::Protocol { .. }) if evidence.spent.is_some() => {
            EngineOutcome::Failed(allowance_spent(evidence))
        }
        // The execution error that our own signal caused.
        (Ended::Stopped, EngineError::Protocol { .. }) => EngineOutcome::Interrupted,
        (Ended::TimedOut, EngineError::Protocol { .. }) => EngineOutcome::Failed(timed_out(end)),
        (Ended::Stalled, EngineError::Protocol { .. }) => EngineOutcome::Failed(stalled(end)),
        _ => EngineOutcome::Failed(error),
    }
}

/// Older releases set an error subtype without `is_error`.
fn is_failure(result: &ResultLine) -> bool {
    result.is_error == Some(true)
        || result.api_error_status.is_some()
        || !matches!(result.subtype, Some(Subtype::Success) | None)
        || (result.subtype.is_none() && result.is_error.is_none())
}

fn success(result: &ResultLine, ends: Ends) -> EngineOutcome {
    let Some(declared) = &result.structured_output else {
        return EngineOutcome::Undeclared {
            last_words: words(result, ""),
        };
    };
    ending::read_object(ends, declared).unwrap_or_else(|why| EngineOutcome::Undeclared {
        last_words: clip(&format!(
            "its declared ending was not valid ({why}): {declared}"
        )),
    })
}

fn failure(result: &ResultLine, evidence: &Evidence<'_>, at: DateTime<Utc>) -> EngineError {
    let message = words(result, "it gave no reason");
    match result.subtype {
        Some(Subtype::ErrorMaxTurns) => return turn_limit(result),
        Some(Subtype::ErrorMaxBudgetUsd) if evidence.usd_is_allowance => {
            return EngineError::AllowanceSpent { message };
        }
        Some(Subtype::ErrorMaxBudgetUsd) => return EngineError::Budget { message },
        _ => {}
    }
    match result.terminal_reason {
        Some(TerminalReason::MaxTurns) => return turn_limit(result),
        Some(TerminalReason::PromptTooLong) => return EngineError::ContextTooLong { message },
        Some(TerminalReason::Other) | None => {}
    }
    if evidence.refused || result.stop_reason == Some(StopReason::Refusal) {
        return EngineError::Refusal { message };
    }
    let kind = evidence.error.filter(|k| *k != ApiErrorKind::Unknown);
    // The closing line of exhausted retries may lack the status that the retries had.
    let status = result
        .api_error_status
        .or(evidence.retry.and_then(|r| r.error_status));
    let cause = match (kind, status) {
        (None | Some(ApiErrorKind::ServerError), _) if evidence.rejected.is_some() => {
            Some(ApiErrorKind::RateLimit)
        }
        (Some(ApiErrorKind::ServerError), Some(529)) => Some(ApiErrorKind::Overloaded),
        (Some(kind), _) => Some(kind),
        (None, Some(status)) => {
            let until = limit_end(evidence, &message, at);
            return by_status(status, message, until);
        }
        (None, None) => None,
    };
    match cause {
        Some(kind) => {
            let until = limit_end(evidence, &message, at);
            by_kind(kind, message, until)
        }
        None if result.subtype == Some(Subtype::ErrorDuringExecution) => {
            EngineError::Protocol { message }
        }
        None => by_words(message, at),
    }
}

/// When the limit ends: as a field says, else as the program waits, else as its words say.
fn limit_end(evidence: &Evidence<'_>, said: &str, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let by_field = evidence.rejected.flatten().and_then(epoch);
    by_field
        .or(evidence.waits_until)
        .or_else(|| end_in_words(said, at))
}

fn allowance_spent(evidence: &Evidence<'_>) -> EngineError {
    let why = evidence.spent.unwrap_or("all of it is spent");
    EngineError::AllowanceSpent {
        message: why.to_owned(),
    }
}

fn turn_limit(result: &ResultLine) -> EngineError {
    EngineError::TurnLimit {
        turns: result.num_turns.unwrap_or(0),
    }
}

fn by_kind(kind: ApiErrorKind, message: String, until: Option<DateTime<Utc>>) -> EngineError {
    match kind {
        ApiErrorKind::RateLimit => EngineError::RateLimited { until, message },
        ApiErrorKind::Overloaded => EngineError::Overloaded { until, message },
        ApiErrorKind::ServerError => EngineError::Transient { until, message },
        ApiErrorKind::AuthenticationFailed => EngineError::Auth { message },
        ApiErrorKind::BillingError => EngineError::Credit { message },
        ApiErrorKind::InvalidRequest | ApiErrorKind::ModelNotFound => {
            EngineError::InvalidRequest { message }
        }
        ApiErrorKind::Unknown => EngineError::Protocol { message },
    }
}

/// HTTP statuses as the Messages API uses them (Anthropic API documentation, "Errors").
fn by_status(status: u16, message: String, until: Option<DateTime<Utc>>) -> EngineError {
    match status {
        401 | 403 => EngineError::Auth { message },
        402 => EngineError::Credit { message },
        413 => EngineError::ContextTooLong { message },
        429 => EngineError::RateLimited { until, message },
        529 => EngineError::Overloaded { until, message },
        408 | 409 | 500.. => EngineError::Transient { until, message },
        400.. => EngineError::InvalidRequest { message },
        _ => EngineError::Protocol { message },
    }
}

/// The last resort: `is_error` with neither a status nor an error kind. Only sentences that the program itself is
/// known to print are looked for, at the beginning, so that a model's words do not decide.
fn by_words(message: String, at: DateTime<Utc>) -> EngineError {
    let text = message.to_ascii_lowercase();
    let starts = |heads: &[&str]| heads.iter().any(|h| text.starts_with(h));
    let limits = [
        "claude ai usage limit reached",
        "usage limit reached",
        "you've hit your",
        "you've reached your",
    ];
    if starts(&limits) {
        return EngineError::RateLimited {
            until: end_in_words(&message, at),
            message,
        };
    }
    if starts(&[
        "not logged in",
        "invalid api key",
        "oauth token",
        "please run /login",
    ]) {
        return EngineError::Auth { message };
    }
    if starts(&["credit balance"]) {
        return EngineError::Credit { message };
    }
    if starts(&["prompt is too long"]) {
        return EngineError::ContextTooLong { message };
    }
    if let Some(rest) = text.strip_prefix("api error: ") {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        return match digits.parse() {
            Ok(status) => {
                let until = end_in_words(&message, at);
                by_status(status, message, until)
            }
            Err(_) => EngineError::Transient {
                until: None,
                message,
            },
        };
    }
    EngineError::Protocol { message }
}

/// The process is gone without its closing line. None: because we stopped it.
fn without_result(evidence: &Evidence<'_>, end: &End) -> Option<EngineError> {
    if evidence.auth_failed {
        return Some(EngineError::Auth {
            message:
                "the API refused the credentials; run `claude` and log in, or set ANTHROPIC_API_KEY"
                    .to_owned(),
        });
    }
    match end.ended {
        Ended::Stopped => None,
        Ended::TimedOut => Some(waiting(evidence).unwrap_or_else(|| timed_out(end))),
        Ended::Stalled => Some(waiting(evidence).unwrap_or_else(|| stalled(end))),
        Ended::ByCaller if evidence.spent.is_some() => Some(allowance_spent(evidence)),
        Ended::DiskSpent => Some(EngineError::Protocol {
            message: DISK_SPENT.to_owned(),
        }),
        Ended::ByCaller | Ended::Itself => Some(broke_off(evidence, end)),
    }
}

/// It was waiting out a limit of the provider when its time was over: the limit is the reason, and the
/// chunk is not to blame.
fn waiting(evidence: &Evidence<'_>) -> Option<EngineError> {
    let retry = evidence.retry?;
    let by_field = evidence.rejected.flatten().and_then(epoch);
    let until = by_field.or(evidence.waits_until);
    let message = "it was still waiting for the provider when its time was over".to_owned();
    match retry.error {
        Some(ApiErrorKind::RateLimit) => Some(EngineError::RateLimited { until, message }),
        Some(ApiErrorKind::Overloaded) => Some(EngineError::Overloaded { until, message }),
        Some(ApiErrorKind::ServerError) => Some(EngineError::Transient { until, message }),
        _ => None,
    }
}

/// Start-up failures come as a sentence on standard error and an exit code, without any field: here the
/// words are all there is.
fn broke_off(evidence: &Evidence<'_>, end: &End) -> EngineError {
    let said = clip(end.stderr.trim());
    if !evidence.initialised && evidence.foreign == 0 {
        if says_taken(&said) {
            return EngineError::Transient {
                until: None,
                message: said,
            };
        }
        if said.contains("unknown option") {
            return EngineError::NotStarted {
                message: format!(
                    "{said}; this Claude Code does not know an option that is needed: update it, or correct the extra arguments in the configuration"
                ),
            };
        }
        // As shells and env(1) say "found, but cannot be run" and "not found".
        if matches!(end.code, 126 | 127) {
            return EngineError::NotStarted {
                message: format!(
                    "the program exited with code {} before doing anything: {said}",
                    end.code
                ),
            };
        }
    }
    let how = match end.code {
        code @ 129..=192 => format!("it was ended by signal {}", code - 128),
        code => format!("it exited with code {code}"),
    };
    let but = match evidence.foreign {
        0 => String::new(),
        n => format!(" ({n} lines were not of its protocol)"),
    };
    let message = match said.is_empty() {
        true => format!("{how} without a result line{but}"),
        false => format!("{how} without a result line{but}: {said}"),
    };
    EngineError::Protocol { message }
}

/// The sentence about a session id that is used already.
pub(super) fn says_taken(stderr: &str) -> bool {
    stderr.contains("is already in use")
}

fn timed_out(end: &End) -> EngineError {
    EngineError::TimedOut {
        seconds: end.timeout.as_secs(),
    }
}

fn stalled(end: &End) -> EngineError {
    EngineError::Stalled {
        seconds: end.stall.as_secs(),
    }
}

fn words(result: &ResultLine, otherwise: &str) -> String {
    let said = result
        .result
        .as_deref()
        .map(str::trim)
        .filter(|t| !t.is_empty());
    match said {
        Some(text) => clip(text),
        None if !result.errors.is_empty() => clip(&result.errors.join("; ")),
        None => otherwise.to_owned(),
    }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
