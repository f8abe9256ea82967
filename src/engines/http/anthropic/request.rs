//! A conversation as Anthropic's Messages takes it. Pure.
//!
//! The cache is asked to hold the prompt at two places: behind the system text, which stands behind the tools and
//! changes with nothing, and at the end of the conversation, where the next turn begins.

use super::wire::{Block, CacheControl, Content, Message, Request, Role, Tool};
use crate::engines::http::{name_of, object_of};
use crate::ports::{ChatMessage, ChatRequest};

/// The body of a request. The same conversation gives the same bytes, and a longer one begins with those of a
/// shorter one, but for the mark at its end.
pub(in crate::engines::http) fn body(
    request: &ChatRequest,
    model: &str,
    max_tokens: u64,
) -> Result<Vec<u8>, serde_json::Error> {
    let tools = request.tools.iter().map(|tool| Tool {
        name: tool.name,
        description: tool.description,
        input_schema: (tool.schema)(),
    });
    let mut system: Vec<Block<'_>> = text(&request.system).into_iter().collect();
    let mut messages = messages(&request.messages);
    let last = messages.last_mut().and_then(|m| m.content.last_mut());
    for block in system.last_mut().into_iter().chain(last) {
        block.cache_control = Some(CacheControl::Ephemeral);
    }
    serde_json::to_vec(&Request {
        model,
        max_tokens,
        stream: true,
        tools: tools.collect(),
        system,
        messages,
    })
}

/// Messages in turn: what is said in one role without a break is one message.
fn messages(messages: &[ChatMessage]) -> Vec<Message<'_>> {
    let mut made: Vec<Message<'_>> = Vec::new();
    for message in messages {
        let (role, blocks) = blocks(message);
        match made.last_mut().filter(|last| last.role == role) {
            Some(last) => last.content.extend(blocks),
            None => made.push(Message {
                role,
                content: blocks,
            }),
        }
    }
    // The API refuses messages without content.
    made.retain(|message| !message.content.is_empty());
    made
}

fn blocks(message: &ChatMessage) -> (Role, Vec<Block<'_>>) {
    match message {
        ChatMessage::User(said) => (Role::User, text(said).into_iter().collect()),
        ChatMessage::Assistant { text: said, calls } => {
            let calls = calls.iter().map(|call| {
                block(Content::ToolUse {
                    id: &call.id,
                    name: name_of(call),
                    input: object_of(&call.arguments),
                })
            });
            (
                Role::Assistant,
                text(said).into_iter().chain(calls).collect(),
            )
        }
        ChatMessage::ToolResult {
            id,
            content,
            is_error,
        } => {
            let result = block(Content::ToolResult {
                tool_use_id: id,
                content,
                is_error: *is_error,
            });
            (Role::User, vec![result])
        }
    }
}

/// The API refuses texts of nothing but white space, and white space at the end of what the model said.
fn text(said: &str) -> Option<Block<'_>> {
    let said = said.trim_end();
    (!said.is_empty()).then(|| block(Content::Text { text: said }))
}

fn block(content: Content<'_>) -> Block<'_> {
    Block {
        content,
        cache_control: None,
    }
}
