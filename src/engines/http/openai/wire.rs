//! OpenAI's chat completions as they are sent and received.
//!
//! Sent in one order of fields, what changes from turn to turn last. Received tolerantly: only what is used is read,
//! and everything may be missing or null, since many servers speak their own dialect.

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize)]
pub(super) struct Request<'a> {
    pub model: &'a str,
    pub stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    pub messages: Vec<Message<'a>>,
}

#[derive(Serialize)]
pub(super) struct StreamOptions {
    pub include_usage: bool,
}

#[derive(Serialize)]
pub(super) struct Tool {
    pub r#type: &'static str,
    pub function: ToolFunction,
}

#[derive(Serialize)]
pub(super) struct ToolFunction {
    pub name: &'static str,
    pub description: &'static str,
    pub parameters: Value,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub(super) enum Message<'a> {
    System {
        content: &'a str,
    },
    User {
        content: &'a str,
    },
    Assistant {
        content: Option<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<Call<'a>>,
    },
    Tool {
        tool_call_id: &'a str,
        content: String,
    },
}

#[derive(Serialize)]
pub(super) struct Call<'a> {
    pub id: &'a str,
    pub r#type: &'static str,
    pub function: CallFunction,
}

#[derive(Serialize)]
pub(super) struct CallFunction {
    pub name: String,
    /// JSON as text.
    pub arguments: String,
}

/// A piece of a stream, or the whole answer of a server that does not stream.
#[derive(Deserialize)]
pub(super) struct Chunk {
    pub choices: Option<Vec<Choice>>,
    /// A [`Usage`], where it is one.
    pub usage: Option<Value>,
    pub error: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    pub index: Option<u64>,
    pub delta: Option<Delta>,
    /// In place of `delta` where nothing is streamed.
    pub message: Option<Delta>,
    pub finish_reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Delta {
    pub content: Option<Content>,
    pub refusal: Option<String>,
    pub tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
pub(super) struct Part {
    pub text: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct CallDelta {
    pub index: Option<u64>,
    pub id: Option<String>,
    pub function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
pub(super) struct FunctionDelta {
    pub name: Option<String>,
    pub arguments: Option<Arguments>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Arguments {
    /// A piece of their JSON.
    Text(String),
    /// Some servers give them as what they are.
    Value(Value),
}

#[derive(Deserialize)]
pub(super) struct Usage {
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
    pub prompt_tokens_details: Option<PromptDetails>,
    /// DeepSeek's name for what was read from the cache.
    pub prompt_cache_hit_tokens: Option<u64>,
    /// OpenRouter's, in US dollars; other servers mean other things.
    pub cost: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct PromptDetails {
    pub cached_tokens: Option<u64>,
}
