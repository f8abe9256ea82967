//! Chat models over HTTP: [`OpenAiModel`] for everything that speaks OpenAI's chat completions (Hugging Face's router,
//! OpenRouter, vLLM, Ollama, Azure), [`AnthropicModel`] for Anthropic's Messages.
//!
//! - `exchange` sends a request through [`crate::net`] and feeds the answer to a fold
//! - `sse`, `openai` and `anthropic` make a reply out of bytes: pure
//! - `errors` says what a refusal means: pure
//!
//! A request is sent once. Whether it is sent again is the loop's to decide, with what [`EngineError`] says.

mod anthropic;
mod discreet;
mod errors;
mod exchange;
mod openai;
mod sse;

pub use anthropic::AnthropicModel;
pub use discreet::Discreet;
pub use openai::OpenAiModel;

use crate::config::Endpoint;
use crate::model::{Cost, EngineError, Price, Usage};
use crate::ports::{ChatMessage, ToolCall};
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::time::Duration;

/// A provider and the model that is asked there.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The engine's name, for messages.
    pub name: String,
    pub endpoint: Endpoint,
    /// None for servers that ask for none.
    pub token: Option<SecretString>,
    pub model: String,
    /// Most tokens of one reply.
    pub max_output: u64,
    /// Tokens of conversation and reply that the model takes; None when that is not known.
    pub context: Option<u64>,
    pub price: Option<Price>,
    /// Hosts that may lead to private addresses.
    pub private_hosts: Vec<String>,
    /// Bound on getting a connection, encryption included.
    pub connect_timeout: Duration,
    /// Bound on the time from the request to the head of the answer, connection included.
    pub first_byte_timeout: Duration,
}

impl HttpConfig {
    /// Defaults for everything but who is asked.
    pub fn new(name: impl Into<String>, endpoint: Endpoint, model: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            endpoint,
            token: None,
            model: model.into(),
            max_output: 16_384,
            context: None,
            price: None,
            private_hosts: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_secs(300),
        }
    }
}

/// The arguments of a call as the model wrote them: a JSON string with the raw text where that is no JSON.
fn arguments_of(text: String) -> Value {
    if text.trim().is_empty() {
        return Value::Object(Map::new());
    }
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// The arguments of an earlier call as providers take them back: they refuse what is no object, which the model
/// may have written all the same.
fn object_of(arguments: &Value) -> Map<String, Value> {
    match arguments {
        Value::Object(fields) => fields.clone(),
        other => Map::from_iter([("invalid_arguments".to_owned(), other.clone())]),
    }
}

/// The name of an earlier call as providers take it back: they refuse other characters, which the model may have
/// written all the same.
fn name_of(call: &ToolCall) -> String {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name: String = call
        .name
        .chars()
        .take(64)
        .map(|c| if is_good(c) { c } else { '_' })
        .collect();
    if name.is_empty() {
        "unknown".to_owned()
    } else {
        name
    }
}

/// Gives every call an id that no other call of the conversation has: some servers count anew in every reply, or give
/// none.
fn with_own_ids(calls: &mut [ToolCall], messages: &[ChatMessage], turn: u32) {
    let mut taken: HashSet<String> = messages
        .iter()
        .flat_map(|message| match message {
            ChatMessage::Assistant { calls, .. } => calls.as_slice(),
            ChatMessage::User(_) | ChatMessage::ToolResult { .. } => &[],
        })
        .map(|call| call.id.clone())
        .collect();
    for (n, call) in calls.iter_mut().enumerate() {
        if call.id.is_empty() || taken.contains(&call.id) {
            let mut id = format!("call_{turn}_{n}");
            while taken.contains(&id) {
                id.push('x');
            }
            call.id = id;
        }
        taken.insert(call.id.clone());
    }
}

/// What a reply cost by its model's price.
fn cost_of(price: Option<Price>, usage: Usage) -> Cost {
    price.map_or(Cost::Unknown, |price| price.of(usage))
}

fn protocol(message: impl Into<String>) -> EngineError {
    EngineError::Protocol {
        message: message.into(),
    }
}

/// An answer as it was read; see `engines::fuzz`.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Names and data of the events.
    pub events: Vec<(String, String)>,
    /// What each API's fold made of them, for comparing.
    pub folded: [String; 2],
    /// The same of the whole as a body that was not streamed.
    pub bodies: [String; 2],
}

pub(super) fn fuzz(pieces: &[&[u8]]) -> Answer {
    let mut decoder = sse::Decoder::default();
    let events: Vec<sse::Event> = pieces.iter().flat_map(|p| decoder.feed(p)).collect();
    let body = pieces.concat();
    Answer {
        folded: [openai::fuzz(&events, None), anthropic::fuzz(&events, None)],
        bodies: [
            openai::fuzz(&[], Some(&body)),
            anthropic::fuzz(&[], Some(&body)),
        ],
        events: events.into_iter().map(|e| (e.name, e.data)).collect(),
    }
}

pub(super) fn fuzz_refusals(body: &[u8], secret: &str) -> Vec<(u16, String)> {
    let said = errors::Said::read(body);
    let redactor = crate::core::redact::Redactor::new([SecretString::from(secret)]);
    let speaker = errors::Speaker {
        host: "models.example.org",
        redactor: &redactor,
    };
    let now = chrono::DateTime::UNIX_EPOCH;
    let of = |status| errors::of_status(status, &Default::default(), &said, &speaker, now);
    let statuses = [307, 400, 401, 402, 403, 404, 413, 422, 429, 500, 503, 529];
    let mut all: Vec<(u16, String)> = statuses.map(|s| (s, of(s).to_string())).into();
    let within = errors::within_stream(&said, Default::default(), &speaker, now);
    all.push((200, within.to_string()));
    all
}

#[cfg(test)]
mod tests;
