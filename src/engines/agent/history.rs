//! The conversation as a value: always valid for a provider, and bounded.
//!
//! Valid means: every call is answered right behind the message that asked for it, and two user messages
//! never follow each other.

use crate::ports::ChatMessage;
use serde_json::Value;
use std::ops::Range;

/// What is left of a text that was shortened.
const KEPT: usize = 400;

/// Bytes of what a model says beside its calls that are kept: more is no thought but an accident.
const MAX_SAID: usize = 64 << 10;

/// What a message adds to the text in it.
const FRAME: usize = 16;

/// Said where old turns are no longer there.
const GONE: &str = "[Earlier turns of this conversation were left out. Read again what you need.]";

/// Adds what the program says; joined to an unanswered message, where there is one.
pub(super) fn push_user(messages: &mut Vec<ChatMessage>, text: &str) {
    if let Some(ChatMessage::User(last)) = messages.last_mut() {
        join(last, text);
    } else {
        messages.push(ChatMessage::User(text.to_owned()));
    }
}

fn join(last: &mut String, text: &str) {
    last.push_str("\n\n");
    last.push_str(text);
}

/// What a model said, bounded. Providers refuse a message that says nothing.
pub(super) fn said(text: &str, has_calls: bool) -> String {
    if text.is_empty() && !has_calls {
        return "(no answer)".to_owned();
    }
    let mut said = text.to_owned();
    cut_to(&mut said, MAX_SAID);
    said
}

/// Makes `messages` smaller until they are well below `bound` bytes: old tool results are shortened first, then
/// long arguments of old calls, then what was said with them, the oldest first; then whole old turns go, a call and its
/// result together; and last, what is new is shortened as well, as far as `bound`. The task and the newest thing that the
/// program said stay whole. Does nothing while the conversation is within `bound`.
pub(super) fn shorten(messages: &mut Vec<ChatMessage>, bound: usize) {
    if size(messages) <= bound {
        return;
    }
    // Some room below the bound, so that a provider's prompt cache survives the next turns.
    let goal = bound / 4 * 3;
    let newest = last_reply(messages).unwrap_or(0);
    cut_texts(messages, 0..newest, goal);
    drop_turns(messages, goal);
    let newest = last_reply(messages).unwrap_or(0);
    let all = messages.len();
    cut_texts(messages, newest..all, bound);
}

fn last_reply(messages: &[ChatMessage]) -> Option<usize> {
    messages
        .iter()
        .rposition(|m| matches!(m, ChatMessage::Assistant { .. }))
}

/// Shortens texts of these messages until all messages together are within `goal`.
fn cut_texts(messages: &mut [ChatMessage], which: Range<usize>, goal: usize) {
    let mut size = size(messages);
    for pass in [Pass::Results, Pass::Arguments, Pass::Said] {
        for message in &mut messages[which.clone()] {
            if size <= goal {
                return;
            }
            let before = size_of(message);
            match (pass, &mut *message) {
                (Pass::Results, ChatMessage::ToolResult { content, .. }) => cut(content),
                (Pass::Arguments, ChatMessage::Assistant { calls, .. }) => {
                    calls.iter_mut().for_each(|c| cut_strings(&mut c.arguments));
                }
                (Pass::Said, ChatMessage::Assistant { text, .. }) => cut(text),
                (Pass::Results | Pass::Arguments | Pass::Said, _) => {}
            }
            size = size - before + size_of(message);
        }
    }
}

#[derive(Clone, Copy)]
enum Pass {
    Results,
    Arguments,
    Said,
}

/// Takes out the oldest turns, but not the last one. What the program said between them goes with them, except the
/// newest, which is what the model is at.
fn drop_turns(messages: &mut Vec<ChatMessage>, goal: usize) {
    let mut size = size(messages);
    let last = last_reply(messages).unwrap_or(0);
    let is_reply = |m: &ChatMessage| matches!(m, ChatMessage::Assistant { .. });
    let (mut end, mut last_user) = (1, None);
    while size > goal {
        let next = (end + 1..=last).find(|at| is_reply(&messages[*at]));
        let Some(next) = next else { break };
        for message in &messages[end..next] {
            size = size.saturating_sub(size_of(message));
            if let ChatMessage::User(text) = message {
                last_user = Some(text.clone());
            }
        }
        end = next;
    }
    if end == 1 {
        return;
    }
    let is_user = |m: &ChatMessage| matches!(m, ChatMessage::User(_));
    let has_newer = messages[end..].iter().any(is_user);
    messages.drain(1..end);
    if let Some(ChatMessage::User(task)) = messages.first_mut() {
        if !task.contains(GONE) {
            join(task, GONE);
        }
        if let Some(text) = last_user.filter(|_| !has_newer) {
            join(task, &text);
        }
    }
}

/// Bytes of the messages, without the punctuation of their JSON.
pub(super) fn size(messages: &[ChatMessage]) -> usize {
    messages.iter().map(size_of).sum()
}

fn size_of(message: &ChatMessage) -> usize {
    FRAME
        + match message {
            ChatMessage::User(text) => text.len(),
            ChatMessage::Assistant { text, calls } => {
                let calls: usize = calls
                    .iter()
                    .map(|c| FRAME + c.id.len() + c.name.len() + strings(&c.arguments))
                    .sum();
                text.len() + calls
            }
            ChatMessage::ToolResult { id, content, .. } => id.len() + content.len(),
        }
}

/// Bytes of text in a value; its punctuation does not matter here.
fn strings(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(strings).sum(),
        Value::Object(fields) => fields.iter().map(|(k, v)| k.len() + strings(v)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
    }
}

fn cut_strings(value: &mut Value) {
    match value {
        Value::String(text) => cut(text),
        Value::Array(items) => items.iter_mut().for_each(cut_strings),
        Value::Object(fields) => fields.values_mut().for_each(cut_strings),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn cut(text: &mut String) {
    cut_to(text, KEPT);
}

fn cut_to(text: &mut String, kept: usize) {
    // Twice as much, so that what was cut once is not cut again.
    if text.len() > 2 * kept {
        let dropped = text.len() - text.floor_char_boundary(kept);
        text.truncate(text.floor_char_boundary(kept));
        text.push_str(&format!(
            "\n[… {dropped} bytes of this old text left out …]"
        ));
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
