//! What a provider's refusal means: status, the error's type and code, and headers to an [`EngineError`]. Pure.
//!
//! A message is only searched for what providers say nowhere else; each such place says whose it is.

use crate::core::redact::Redactor;
use crate::model::EngineError;
use crate::net::retry_after::{Headers, until};
use crate::net::{NetError, one_line};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// Bytes of a provider's message that are passed on.
const MAX_MESSAGE: usize = 600;

/// An error as a provider words it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Said {
    /// `type`, in lower case: `invalid_request_error`, `overloaded_error`.
    pub kind: String,
    /// `code`, in lower case: `context_length_exceeded`; empty where it is a number.
    pub code: String,
    /// A `code` that is a number is a status.
    pub status: Option<u16>,
    /// The parameter that it is about.
    pub param: String,
    pub message: String,
    /// Headers of the provider behind a router, as OpenRouter repeats them.
    pub headers: Headers,
    /// Words that a router gives for having refused the content itself.
    pub is_moderation: bool,
}

impl Said {
    /// Reads the body of an answer; one that is no JSON is its own message.
    pub(super) fn read(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(value) => Self::of(&value),
            Err(_) => Self {
                message: String::from_utf8_lossy(&body[..body.len().min(4 * MAX_MESSAGE)])
                    .into_owned(),
                ..Self::default()
            },
        }
    }

    /// Reads an error object, or what holds one: `{"error": {…}}`, `{"error": "…"}`, `{"message": "…"}`,
    /// `{"detail": "…"}`.
    pub(super) fn of(value: &Value) -> Self {
        let inner = match value.get("error") {
            Some(error @ (Value::Object(_) | Value::String(_))) => error,
            Some(_) | None => value,
        };
        let text = |key: &str| {
            let field = inner.get(key).or_else(|| value.get(key));
            field.and_then(Value::as_str).unwrap_or_default()
        };
        let message = match inner {
            Value::String(message) => message.clone(),
            _ => ["message", "detail", "error"]
                .into_iter()
                .map(text)
                .find(|t| !t.is_empty())
                .map_or_else(|| inner.to_string(), str::to_owned),
        };
        let metadata = inner.get("metadata");
        Self {
            kind: text("type").to_ascii_lowercase(),
            code: text("code").to_ascii_lowercase(),
            status: inner
                .get("code")
                .and_then(Value::as_u64)
                .and_then(|n| u16::try_from(n).ok())
                .filter(|n| (400..600).contains(n)),
            param: text("param").to_owned(),
            message,
            headers: metadata
                .and_then(|m| m.get("headers"))
                .map(headers_of)
                .unwrap_or_default(),
            is_moderation: metadata.is_some_and(|m| m.get("flagged_input").is_some()),
        }
    }

    /// True where the error is about the request's field `name`, by its own field or, with endpoints that
    /// have none, by its words.
    pub(super) fn is_about(&self, name: &str) -> bool {
        self.param == name
            || self.param.starts_with(&format!("{name}."))
            || self.message.contains(name)
    }

    fn is(&self, word: &str) -> bool {
        self.kind == word || self.code == word
    }

    fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// The status that an error within a stream would have come with.
    fn status_within_stream(&self) -> u16 {
        const STATUS: &[(&str, u16)] = &[
            ("invalid_request_error", 400),
            ("badrequesterror", 400),
            ("authentication_error", 401),
            ("billing_error", 402),
            ("permission_error", 403),
            ("not_found_error", 404),
            ("request_too_large", 413),
            ("rate_limit_error", 429),
            ("rate_limit_exceeded", 429),
            ("too_many_requests", 429),
            ("timeout_error", 504),
            ("overloaded_error", 529),
            ("engine_overloaded", 529),
        ];
        self.status
            .or_else(|| {
                STATUS
                    .iter()
                    .find(|(word, _)| self.is(word))
                    .map(|(_, status)| *status)
            })
            .unwrap_or(500)
    }
}

/// Header values as a router repeats them in an error's metadata.
fn headers_of(value: &Value) -> Headers {
    let fields = value.as_object().into_iter().flatten();
    Headers::new(fields.filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text.clone())),
        Value::Number(number) => Some((name, number.to_string())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }))
}

/// Who answers, and what must not be passed on.
pub(super) struct Speaker<'a> {
    /// Host of the endpoint, for messages.
    pub host: &'a str,
    pub redactor: &'a Redactor,
}

/// No answer, or no whole one.
impl From<NetError> for EngineError {
    fn from(error: NetError) -> Self {
        match error {
            NetError::NotStarted { message } => Self::NotStarted { message },
            NetError::Token { message } => Self::Auth { message },
            NetError::NoConnection { seconds } => Self::NoConnection { seconds },
            NetError::NoAnswer { seconds } => Self::NoAnswer { seconds },
            NetError::Stalled { seconds } => Self::Stalled { seconds },
            NetError::Unreachable { message } | NetError::Broken { message } => Self::Transient {
                until: None,
                message,
            },
            NetError::TooLong { message } => Self::Protocol { message },
        }
    }
}

/// An answer that is no success.
pub(super) fn of_status(
    status: u16,
    headers: &Headers,
    said: &Said,
    speaker: &Speaker<'_>,
    now: DateTime<Utc>,
) -> EngineError {
    if (300..400).contains(&status) {
        return redirect(status, headers, speaker);
    }
    let mut headers = headers.clone();
    headers.extend(said.headers.clone());
    judge(status, &headers, said, speaker, now)
}

/// An error within an answer whose status was that of a success. `headers` are the answer's own, where the error is
/// all of it.
pub(super) fn within_stream(
    said: &Said,
    mut headers: Headers,
    speaker: &Speaker<'_>,
    now: DateTime<Utc>,
) -> EngineError {
    headers.extend(said.headers.clone());
    judge(said.status_within_stream(), &headers, said, speaker, now)
}

fn judge(
    status: u16,
    headers: &Headers,
    said: &Said,
    speaker: &Speaker<'_>,
    now: DateTime<Utc>,
) -> EngineError {
    let message = message(status, said, speaker);
    let is_bad_request = matches!(status, 400 | 404 | 413 | 422);
    if status == 413
        || said.is_any(&[
            "context_length_exceeded",
            "request_too_large",
            "exceed_context_size_error",
        ])
        || (is_bad_request && says_too_long(&said.message))
    {
        return EngineError::ContextTooLong { message };
    }
    if status == 402
        || said.is_any(&[
            "insufficient_quota",
            "billing_error",
            "billing_not_active",
            "billing_hard_limit_reached",
            "insufficient_credits",
            "credit_balance_too_low",
        ])
        || (is_bad_request && says_no_credit(&said.message))
    {
        return EngineError::Credit { message };
    }
    if said.is_moderation
        || said.is_any(&[
            "content_filter",
            "content_policy_violation",
            "refusal",
            "responsibleaipolicyviolation",
        ])
    {
        return EngineError::Refusal { message };
    }
    if matches!(status, 401 | 403)
        || said.is_any(&[
            "authentication_error",
            "permission_error",
            "invalid_api_key",
        ])
    {
        return EngineError::Auth { message };
    }
    let is_limited = status == 429 || said.is_any(&["rate_limit_error", "rate_limit_exceeded"]);
    let until = until(headers, &said.message, is_limited, now);
    if is_limited {
        return EngineError::RateLimited { until, message };
    }
    match status {
        503 | 529 => EngineError::Overloaded { until, message },
        // Request timeout, too early: the same request may pass later.
        408 | 425 | 500..=599 if said.is("overloaded_error") => {
            EngineError::Overloaded { until, message }
        }
        408 | 425 | 500..=599 => EngineError::Transient { until, message },
        _ => EngineError::InvalidRequest { message },
    }
}

/// Anthropic has no code for it, and neither have vLLM, TGI and Bedrock.
fn says_too_long(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "prompt is too long",
        "exceed context limit",
        "maximum context length",
        "input is too long",
        "context window",
        "`max_new_tokens` must be <=",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// Anthropic says it as an `invalid_request_error`.
fn says_no_credit(message: &str) -> bool {
    message
        .to_ascii_lowercase()
        .contains("credit balance is too low")
}

/// `api.openai.com answered 400 (invalid_request_error, context_length_exceeded): …`
fn message(status: u16, said: &Said, speaker: &Speaker<'_>) -> String {
    let words: Vec<String> = [&said.kind, &said.code]
        .into_iter()
        .map(|word| shown(word, speaker.redactor))
        .filter(|word| !word.is_empty())
        .collect();
    let kind = if words.is_empty() {
        String::new()
    } else {
        format!(" ({})", words.join(", "))
    };
    let text = shown(&said.message, speaker.redactor);
    let text = if text.is_empty() {
        "it gives no reason".to_owned()
    } else {
        text
    };
    // The words of a foreign server may hold a secret too.
    speaker
        .redactor
        .redact(&format!("{} answered {status}{kind}: {text}", speaker.host))
        .into_owned()
}

/// A foreign text without secrets and control characters, on one line, cut.
pub(super) fn shown(text: &str, redactor: &Redactor) -> String {
    one_line(&redactor.redact(text), MAX_MESSAGE)
}

/// Redirects are not followed: the key would go where nobody said it may.
fn redirect(status: u16, headers: &Headers, speaker: &Speaker<'_>) -> EngineError {
    let location = headers.get("location").unwrap_or_default();
    let host = location
        .split_once("//")
        .map_or("", |(_, rest)| rest)
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default();
    // Behind the `@` of a user name.
    let host = host.rsplit('@').next().unwrap_or_default();
    let host = shown(host, speaker.redactor);
    let target = if host.is_empty() {
        "another path of the same host".to_owned()
    } else {
        format!("`{host}`")
    };
    EngineError::InvalidRequest {
        message: format!(
            "{} answered {status}, a redirect to {target}, which is not followed: set `base_url` to where the API is",
            speaker.host
        ),
    }
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
