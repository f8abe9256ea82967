//! A conversation as OpenAI's chat completions take it. Pure.

use super::Dialect;
use super::wire::{Call, CallFunction, Message, Request, StreamOptions, Tool, ToolFunction};
use crate::engines::http::{name_of, object_of};
use crate::ports::{ChatMessage, ChatRequest};
use serde_json::Value;

/// The body of a request. The same conversation gives the same bytes, and a longer one begins with those of a
/// shorter one.
pub(in crate::engines::http) fn body(
    request: &ChatRequest,
    model: &str,
    max_output: u64,
    dialect: Dialect,
) -> Result<Vec<u8>, serde_json::Error> {
    let tools = request.tools.iter().map(|tool| Tool {
        r#type: "function",
        function: ToolFunction {
            name: tool.name,
            description: tool.description,
            parameters: (tool.schema)(),
        },
    });
    let mut messages = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.is_empty() {
        messages.push(Message::System {
            content: &request.system,
        });
    }
    messages.extend(request.messages.iter().map(message));
    serde_json::to_vec(&Request {
        model,
        stream: true,
        stream_options: dialect.usage_on_request.then_some(StreamOptions {
            include_usage: true,
        }),
        max_tokens: (!dialect.completion_tokens).then_some(max_output),
        max_completion_tokens: dialect.completion_tokens.then_some(max_output),
        tools: tools.collect(),
        messages,
    })
}

fn message(message: &ChatMessage) -> Message<'_> {
    match message {
        ChatMessage::User(content) => Message::User { content },
        ChatMessage::Assistant { text, calls } => Message::Assistant {
            content: (!text.is_empty()).then_some(text),
            tool_calls: calls
                .iter()
                .map(|call| Call {
                    id: &call.id,
                    r#type: "function",
                    function: CallFunction {
                        name: name_of(call),
                        arguments: Value::Object(object_of(&call.arguments)).to_string(),
                    },
                })
                .collect(),
        },
        ChatMessage::ToolResult {
            id,
            content,
            is_error,
        } => Message::Tool {
            tool_call_id: id,
            // The API has no field for it.
            content: if *is_error {
                format!("ERROR: {content}")
            } else {
                content.clone()
            },
        },
    }
}
