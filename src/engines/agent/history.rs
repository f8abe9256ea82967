//! The conversation as a value: always valid for a provider, and bounded.
//!
//! Valid means: every call is answered right behind the message that asked for it, and two user messages
//! never follow each other.

use crate::ports::ChatMessage;
use serde_json::Value;

/// What is left of a text that was shortened.
const KEPT: usize = 400;

/// Adds what the program says; joined to an unanswered message, where there is one.
pub(super) fn push_user(messages: &mut Vec<ChatMessage>, text: &str) {
    if let Some(ChatMessage::User(last)) = messages.last_mut() {
        last.push_str("\n\n");
        last.push_str(text);
    } else {
        messages.push(ChatMessage::User(text.to_owned()));
    }
}

/// Shortens old text until `messages` is well below `bound` bytes: tool results first, then long
/// arguments of old calls, the oldest first. No message is removed, and nothing from the last reply on or
/// said by the program is touched. Does nothing while the conversation is within `bound`.
pub(super) fn shorten(messages: &mut [ChatMessage], bound: usize) {
    let mut size: usize = messages.iter().map(size_of).sum();
    if size <= bound {
        return;
    }
    // Some room below the bound, so that a provider's prompt cache survives the next turns.
    let goal = bound / 4 * 3;
    let last_reply = messages
        .iter()
        .rposition(|m| matches!(m, ChatMessage::Assistant { .. }))
        .unwrap_or(0);
    let old = &mut messages[..last_reply];
    for pass in [Pass::Results, Pass::Arguments] {
        for message in old.iter_mut() {
            if size <= goal {
                return;
            }
            let before = size_of(message);
            match (pass, &mut *message) {
                (Pass::Results, ChatMessage::ToolResult { content, .. }) => cut(content),
                (Pass::Arguments, ChatMessage::Assistant { calls, .. }) => {
                    calls.iter_mut().for_each(|c| cut_strings(&mut c.arguments));
                }
                (Pass::Results | Pass::Arguments, _) => {}
            }
            size = size - before + size_of(message);
        }
    }
}

#[derive(Clone, Copy)]
enum Pass {
    Results,
    Arguments,
}

fn size_of(message: &ChatMessage) -> usize {
    match message {
        ChatMessage::User(text) => text.len(),
        ChatMessage::Assistant { text, calls } => {
            let calls: usize = calls
                .iter()
                .map(|c| c.name.len() + strings(&c.arguments))
                .sum();
            text.len() + calls
        }
        ChatMessage::ToolResult { content, .. } => content.len(),
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
    // Twice as much, so that what was cut once is not cut again.
    if text.len() > 2 * KEPT {
        let dropped = text.len() - text.floor_char_boundary(KEPT);
        text.truncate(text.floor_char_boundary(KEPT));
        text.push_str(&format!(
            "\n[… {dropped} bytes of this old text left out …]"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::ToolCall;
    use serde_json::json;

    fn turn(n: usize, bytes: usize) -> [ChatMessage; 2] {
        let id = format!("c{n}");
        let call = ToolCall {
            id: id.clone(),
            name: "write_file".into(),
            arguments: json!({"path": "a", "content": "w".repeat(bytes)}),
        };
        [
            ChatMessage::Assistant {
                text: String::new(),
                calls: vec![call],
            },
            ChatMessage::ToolResult {
                id,
                content: "r".repeat(bytes),
                is_error: false,
            },
        ]
    }

    fn talk(turns: usize, bytes: usize) -> Vec<ChatMessage> {
        let mut messages = vec![ChatMessage::User("p".repeat(bytes))];
        messages.extend((0..turns).flat_map(|n| turn(n, bytes)));
        messages
    }

    #[test]
    fn within_the_bound_nothing_changes() {
        let before = talk(3, 1000);
        let mut after = before.clone();
        shorten(&mut after, 10_000);
        assert_eq!(after, before);
    }

    #[test]
    fn oldest_results_go_first_and_the_last_reply_stays() {
        let mut messages = talk(4, 2000);
        shorten(&mut messages, 18_000);
        assert_eq!(messages.len(), 9);
        let sizes: Vec<usize> = messages.iter().map(size_of).collect();
        assert!(
            sizes[2] < 600 && sizes[4] < 600 && sizes[6] < 600,
            "{sizes:?}"
        );
        assert!(
            sizes[1] > 2000 && sizes[5] > 2000,
            "results were enough: {sizes:?}"
        );
        assert_eq!((sizes[0], sizes[8]), (2000, 2000));

        shorten(&mut messages, 4000);
        let sizes: Vec<usize> = messages.iter().map(size_of).collect();
        assert!(
            sizes[1] < 600 && sizes[3] < 600 && sizes[5] < 600,
            "{sizes:?}"
        );
        assert_eq!(sizes[8], 2000);
        let again = messages.clone();
        shorten(&mut messages, 4000);
        assert_eq!(messages, again);
    }

    #[test]
    fn user_messages_are_joined() {
        let mut messages = Vec::new();
        push_user(&mut messages, "a");
        push_user(&mut messages, "b");
        assert_eq!(messages, [ChatMessage::User("a\n\nb".into())]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_cut_at_a_character(text in "\\PC{0,2000}") {
            let mut cut_text = text.clone();
            cut(&mut cut_text);
            proptest::prop_assert!(cut_text.len() <= text.len().max(2 * KEPT));
        }
    }
}
