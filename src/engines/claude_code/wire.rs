//! The lines that `claude -p --output-format stream-json --verbose` prints, as far as they are used here.
//!
//! The format moves between releases, so reading is tolerant: unknown kinds become `Unknown`, unknown
//! fields are skipped, and a known field of an unexpected shape counts as absent instead of costing the
//! line. What is required is only the discriminating `type` (and `subtype` of system lines).
//! Observed with Claude Code 2.1.197 and 2.1.330.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// One line of standard output.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Line {
    System(System),
    /// One content block of a model's message: the message id and its usage repeat on each.
    Assistant(Assistant),
    /// Tool results and synthetic prompts.
    User {},
    /// Subscription logins only.
    RateLimitEvent {
        #[serde(default, deserialize_with = "lenient")]
        rate_limit_info: Option<RateLimit>,
    },
    /// A piece of a message as the API streams it; with `--include-partial-messages` only.
    StreamEvent {
        #[serde(default, deserialize_with = "lenient")]
        event: Option<StreamEvent>,
        #[serde(default, deserialize_with = "lenient")]
        parent_tool_use_id: Option<String>,
    },
    /// The closing line; task events may still follow it.
    Result(Box<ResultLine>),
    #[serde(other)]
    Unknown,
}

/// Events of the program itself.
#[derive(Debug, Deserialize)]
#[serde(tag = "subtype", rename_all = "snake_case")]
pub(super) enum System {
    Init {
        #[serde(default, deserialize_with = "lenient")]
        session_id: Option<String>,
        #[serde(default, deserialize_with = "lenient")]
        model: Option<String>,
    },
    ApiRetry(ApiRetry),
    ModelFallback {
        #[serde(default, deserialize_with = "lenient")]
        fallback_model: Option<String>,
    },
    ModelRefusalNoFallback {},
    #[serde(other)]
    Unknown,
}

/// A request that failed and will be tried again by the program itself.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ApiRetry {
    #[serde(default, deserialize_with = "lenient")]
    pub attempt: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    pub max_retries: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    pub retry_delay_ms: Option<f64>,
    /// HTTP status; absent when no answer came.
    #[serde(default, deserialize_with = "lenient")]
    pub error_status: Option<u16>,
    #[serde(default, deserialize_with = "lenient")]
    pub error: Option<ApiErrorKind>,
}

/// The program's own names for API failures, on `api_retry` and on the synthetic last message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ApiErrorKind {
    RateLimit,
    Overloaded,
    ServerError,
    #[serde(
        alias = "authentication_error",
        alias = "oauth_org_not_allowed",
        alias = "permission_error"
    )]
    AuthenticationFailed,
    BillingError,
    InvalidRequest,
    ModelNotFound,
    #[serde(other)]
    Unknown,
}

/// A message of the model, or one that the program made up to tell of a failure.
#[derive(Debug, Deserialize)]
pub(super) struct Assistant {
    #[serde(default, deserialize_with = "lenient")]
    pub message: Option<Message>,
    /// Set for what a subagent says.
    #[serde(default, deserialize_with = "lenient")]
    pub parent_tool_use_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub error: Option<ApiErrorKind>,
}

/// What of a streamed message tells its tokens.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum StreamEvent {
    MessageStart {
        #[serde(default, deserialize_with = "lenient")]
        message: Option<Message>,
    },
    /// The end of the message: its counts are final.
    MessageDelta {
        #[serde(default, deserialize_with = "lenient")]
        usage: Option<Tokens>,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    #[serde(default, deserialize_with = "lenient")]
    pub id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub model: Option<String>,
    #[serde(default, deserialize_with = "lenient_list")]
    pub content: Vec<Block>,
    #[serde(default, deserialize_with = "lenient")]
    pub usage: Option<Tokens>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block {
    ToolUse {
        #[serde(default, deserialize_with = "lenient")]
        name: Option<String>,
        #[serde(default)]
        input: Value,
    },
    /// Text and thinking too: no word of a model decides anything.
    #[serde(other)]
    Unknown,
}

/// Token counts as the Messages API gives them.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Tokens {
    #[serde(default, alias = "inputTokens", deserialize_with = "lenient")]
    pub input_tokens: Option<u64>,
    #[serde(
        default,
        alias = "cacheCreationInputTokens",
        deserialize_with = "lenient"
    )]
    pub cache_creation_input_tokens: Option<u64>,
    #[serde(default, alias = "cacheReadInputTokens", deserialize_with = "lenient")]
    pub cache_read_input_tokens: Option<u64>,
    #[serde(default, alias = "outputTokens", deserialize_with = "lenient")]
    pub output_tokens: Option<u64>,
}

impl Tokens {
    /// These counts, and those of `earlier` where these say nothing.
    pub(super) fn or(self, earlier: Tokens) -> Tokens {
        Tokens {
            input_tokens: self.input_tokens.or(earlier.input_tokens),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .or(earlier.cache_creation_input_tokens),
            cache_read_input_tokens: self
                .cache_read_input_tokens
                .or(earlier.cache_read_input_tokens),
            output_tokens: self.output_tokens.or(earlier.output_tokens),
        }
    }
}

/// State of a subscription's limit.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct RateLimit {
    pub status: RateLimitStatus,
    /// Seconds since 1970.
    #[serde(default, rename = "resetsAt", deserialize_with = "lenient")]
    pub resets_at: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RateLimitStatus {
    Rejected,
    /// `allowed`, `allowed_warning` and what may come.
    #[serde(other)]
    Other,
}

/// How the program says that it ended.
#[derive(Debug, Deserialize)]
pub(super) struct ResultLine {
    #[serde(default, deserialize_with = "lenient")]
    pub subtype: Option<Subtype>,
    #[serde(default, deserialize_with = "lenient")]
    pub is_error: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    pub api_error_status: Option<u16>,
    #[serde(default, deserialize_with = "lenient")]
    pub num_turns: Option<u32>,
    /// The model's last words, or the failure in words for people.
    #[serde(default, deserialize_with = "lenient")]
    pub result: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub stop_reason: Option<StopReason>,
    #[serde(default, deserialize_with = "lenient")]
    pub terminal_reason: Option<TerminalReason>,
    #[serde(default, deserialize_with = "lenient")]
    pub session_id: Option<String>,
    /// Dollars of this process, subagents included.
    #[serde(default, deserialize_with = "lenient")]
    pub total_cost_usd: Option<f64>,
    /// Tokens of the main conversation; all zero when a budget stopped it.
    #[serde(default, deserialize_with = "lenient")]
    pub usage: Option<Tokens>,
    /// Tokens of this process by model, subagents included.
    #[serde(default, rename = "modelUsage", deserialize_with = "lenient")]
    pub model_usage: Option<BTreeMap<String, Tokens>>,
    #[serde(default, deserialize_with = "lenient_list")]
    pub errors: Vec<String>,
    /// What the model passed to the structured-output tool, valid by the schema.
    #[serde(default)]
    pub structured_output: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Subtype {
    Success,
    ErrorMaxTurns,
    ErrorMaxBudgetUsd,
    ErrorMaxStructuredOutputRetries,
    ErrorDuringExecution,
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StopReason {
    Refusal,
    #[serde(other)]
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TerminalReason {
    MaxTurns,
    PromptTooLong,
    #[serde(other)]
    Other,
}

/// Reads a line. Bytes that are not UTF-8 are replaced first; `None` when it is not of the protocol.
pub(super) fn parse(line: &[u8]) -> Option<Line> {
    match serde_json::from_slice(line) {
        Ok(parsed) => Some(parsed),
        Err(_) if std::str::from_utf8(line).is_err() => {
            serde_json::from_str(&String::from_utf8_lossy(line)).ok()
        }
        Err(_) => None,
    }
}

/// A field of an unexpected shape is an absent field.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Value::deserialize(deserializer).map(|value| serde_json::from_value(value).ok())
}

/// Items of an unexpected shape are left out; anything but a list is an empty one.
fn lenient_list<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(items) => items
            .into_iter()
            .filter_map(|v| serde_json::from_value(v).ok())
            .collect(),
        _ => Vec::new(),
    })
}
