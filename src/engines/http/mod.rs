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

/// Reads an answer in one piece and in two, and puts replies together from its events; see `engines::fuzz`.
#[cfg(fuzzing)]
pub(super) fn fuzz(bytes: &[u8], cut: usize) {
    let (a, b) = bytes.split_at(cut.min(bytes.len()));
    let whole = sse::Decoder::default().feed(bytes);
    let mut decoder = sse::Decoder::default();
    let mut pieces = decoder.feed(a);
    pieces.extend(decoder.feed(b));
    assert_eq!(
        whole, pieces,
        "events are the same wherever the bytes are cut"
    );
    openai::fuzz(&whole);
    anthropic::fuzz(&whole);
    errors::Said::read(bytes);
}

#[cfg(test)]
mod tests;
