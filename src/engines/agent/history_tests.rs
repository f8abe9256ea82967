//! What is cut, in which order, and that the conversation stays one that providers take.

use super::*;
use crate::ports::ToolCall;
use proptest::prelude::*;
use serde_json::json;
use std::collections::VecDeque;

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

/// Every call answered right behind its message, and no two user messages in a row.
fn assert_valid(messages: &[ChatMessage]) {
    let mut open: VecDeque<&str> = VecDeque::new();
    let mut after_user = false;
    for message in messages {
        match message {
            ChatMessage::ToolResult { id, .. } => assert_eq!(open.pop_front(), Some(id.as_str())),
            ChatMessage::User(_) => assert!(open.is_empty() && !after_user),
            ChatMessage::Assistant { calls, .. } => {
                assert!(open.is_empty());
                open = calls.iter().map(|c| c.id.as_str()).collect();
            }
        }
        after_user = matches!(message, ChatMessage::User(_));
    }
    assert!(open.is_empty());
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
    shorten(&mut messages, 18_300);
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
    assert_eq!((sizes[0], sizes[8]), (2016, 2018));

    shorten(&mut messages, 12_100);
    assert_eq!(messages.len(), 9);
    let sizes: Vec<usize> = messages.iter().map(size_of).collect();
    assert!(sizes[1] < 600 && sizes[3] < 600, "{sizes:?}");
    assert_eq!(sizes[8], 2018);
    let again = messages.clone();
    shorten(&mut messages, 12_100);
    assert_eq!(messages, again);
}

#[test]
fn whole_turns_go_when_cutting_is_not_enough() {
    let mut messages = talk(40, 300);
    messages.insert(41, ChatMessage::User("the newest prompt".into()));
    messages.insert(21, ChatMessage::User("an older prompt".into()));
    shorten(&mut messages, 3000);
    assert_valid(&messages);
    assert!(size(&messages) <= 3000 / 4 * 3, "{}", size(&messages));
    let ChatMessage::User(task) = &messages[0] else {
        panic!()
    };
    assert!(task.starts_with(&"p".repeat(300)), "{task}");
    assert!(
        task.ends_with(&format!("{GONE}\n\nthe newest prompt")),
        "{task}"
    );
    assert_eq!(
        &messages[messages.len() - 2..],
        &turn(39, 300),
        "the last turn stays"
    );

    // What is gone is said once, however often.
    messages.extend((40..80).flat_map(|n| turn(n, 300)));
    shorten(&mut messages, 3000);
    let ChatMessage::User(task) = &messages[0] else {
        panic!()
    };
    assert_eq!(task.matches(GONE).count(), 1);
}

#[test]
fn a_new_turn_that_is_too_long_itself_is_cut() {
    let mut messages = talk(1, 100);
    messages.extend(turn(1, 50_000));
    shorten(&mut messages, 10_000);
    assert_valid(&messages);
    assert!(size(&messages) < 3000, "{}", size(&messages));
}

#[test]
fn what_a_model_says_is_bounded() {
    assert_eq!(said("", false), "(no answer)");
    assert_eq!(said("", true), "");
    assert_eq!(said("hi", false), "hi");
    let long = said(&"x".repeat(10 << 20), true);
    assert!(long.len() < MAX_SAID + 100 && long.contains("left out"));
}

#[test]
fn user_messages_are_joined() {
    let mut messages = Vec::new();
    push_user(&mut messages, "a");
    push_user(&mut messages, "b");
    assert_eq!(messages, [ChatMessage::User("a\n\nb".into())]);
}

proptest! {
    #[test]
    fn any_text_is_cut_at_a_character(text in "\\PC{0,2000}") {
        let mut cut_text = text.clone();
        cut(&mut cut_text);
        prop_assert!(cut_text.len() <= text.len().max(2 * KEPT));
    }

    /// Turns of any size with any number of calls, with and without a word of the program behind them.
    #[test]
    fn any_conversation_stays_valid_and_keeps_its_task(
        turns in prop::collection::vec((0usize..2000, prop::collection::vec(0usize..3000, 0..4), any::<bool>()), 0..12),
        bound in 0usize..20_000,
    ) {
        let mut messages = vec![ChatMessage::User("the task".into())];
        let mut newest = "the task".to_owned();
        for (n, (text, calls, is_followed)) in turns.iter().enumerate() {
            let call = |(k, bytes): (usize, &usize)| ToolCall {
                id: format!("c{n}_{k}"),
                name: "f".into(),
                arguments: json!({"x": "a".repeat(*bytes)}),
            };
            let calls: Vec<ToolCall> = calls.iter().enumerate().map(call).collect();
            let results = calls.iter().map(|c| ChatMessage::ToolResult {
                id: c.id.clone(),
                content: "r".repeat(*text),
                is_error: false,
            });
            let results: Vec<ChatMessage> = results.collect();
            messages.push(ChatMessage::Assistant { text: "t".repeat(*text), calls });
            messages.extend(results);
            if *is_followed {
                newest = format!("prompt {n}");
                messages.push(ChatMessage::User(newest.clone()));
            }
        }
        let before = messages.clone();
        shorten(&mut messages, bound);
        assert_valid(&messages);
        let is_user_with = |m: &ChatMessage, text: &str| matches!(m, ChatMessage::User(u) if u.contains(text));
        prop_assert!(is_user_with(&messages[0], "the task"));
        prop_assert!(messages.iter().any(|m| is_user_with(m, &newest)));
        prop_assert_eq!(last_reply(&messages).is_some(), last_reply(&before).is_some());
        let again = messages.clone();
        shorten(&mut messages, bound);
        if size(&again) <= bound {
            prop_assert_eq!(&messages, &again);
        }
        // What is left when nothing more can go: the task, the newest prompt, and one turn cut to the bone.
        prop_assert!(size(&messages) <= bound.max(8 * (2 * KEPT + 100)), "{}", size(&messages));
    }
}
