//! Streams of the Messages API.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn fold(events: &[Value]) -> Result<Folded, Broken> {
    let mut folded = Folded::default();
    for event in events {
        folded.event(&Event {
            name: event["type"].as_str().unwrap_or_default().into(),
            data: event.to_string(),
        })?;
    }
    Ok(folded)
}

fn start(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn piece(index: u64, json: &str) -> Value {
    delta(
        index,
        json!({"type": "input_json_delta", "partial_json": json}),
    )
}

fn stop(reason: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 9}})
}

#[test]
fn a_message_of_text_and_calls() {
    let mut folded = fold(&[
        json!({"type": "message_start", "message": {"id": "m", "model": "x", "role": "assistant", "content": [], "stop_reason": null,
            "usage": {"input_tokens": 10, "cache_creation_input_tokens": 200, "cache_read_input_tokens": 3000, "output_tokens": 1}}}),
        start(0, json!({"type": "text", "text": ""})),
        json!({"type": "ping"}),
        delta(0, json!({"type": "text_delta", "text": "I "})),
        delta(0, json!({"type": "text_delta", "text": "look."})),
        json!({"type": "content_block_stop", "index": 0}),
        start(1, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(1, json!({"type": "thinking_delta", "thinking": "hidden"})),
        start(2, json!({"type": "tool_use", "id": "toolu_1", "name": "read_file", "input": {}})),
        start(3, json!({"type": "tool_use", "id": "toolu_2", "name": "list_dir", "input": {}})),
        piece(2, ""),
        piece(2, "{\"path\": \"a"),
        piece(3, "{\"path\""),
        piece(2, ".txt\"}"),
        piece(3, ": \".\"}"),
        start(4, json!({"type": "tool_use", "id": "toolu_3", "name": "none", "input": {}})),
        json!({"type": "something_new", "x": 1}),
        stop("tool_use"),
        json!({"type": "message_stop"}),
    ])
    .unwrap();
    assert!(folded.is_over());
    assert_eq!(folded.text, "I look.");
    assert_eq!(
        folded.usage(),
        Usage {
            input: Some(210),
            cached: Some(3000),
            output: Some(9)
        }
    );
    let calls: Vec<_> = folded
        .take_calls()
        .into_iter()
        .map(|c| (c.id, c.name, c.arguments))
        .collect();
    let made = |id: &str, name: &str, arguments| (id.to_owned(), name.to_owned(), arguments);
    assert_eq!(
        calls,
        [
            made("toolu_1", "read_file", json!({"path": "a.txt"})),
            made("toolu_2", "list_dir", json!({"path": "."})),
            made("toolu_3", "none", json!({})),
        ]
    );
}

#[test]
fn a_cut_call_keeps_its_text_and_a_missing_usage_is_unknown() {
    let mut folded = fold(&[
        start(
            0,
            json!({"type": "tool_use", "id": "t", "name": "write_file"}),
        ),
        piece(0, "{\"content\": \"half"),
        json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}),
    ])
    .unwrap();
    assert!(folded.is_whole() && !folded.is_over());
    assert_eq!(folded.usage(), Usage::default());
    assert_eq!(
        folded.take_calls()[0].arguments,
        json!("{\"content\": \"half")
    );
}

#[test]
fn errors_in_the_middle() {
    let overloaded =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    assert!(
        matches!(fold(std::slice::from_ref(&overloaded)), Err(Broken::Said(said)) if said.kind == "overloaded_error")
    );
    // Without the event's name, as some proxies send it.
    let unnamed = Event {
        name: String::new(),
        data: overloaded.to_string(),
    };
    assert!(
        matches!(Folded::default().event(&unnamed), Err(Broken::Said(said)) if said.kind == "overloaded_error")
    );
    for garbage in [
        "{",
        "[]",
        "{\"type\": \"content_block_delta\"}",
        "{\"type\": 1}",
    ] {
        let event = Event {
            name: String::new(),
            data: garbage.into(),
        };
        assert!(
            matches!(
                Folded::default().event(&event),
                Err(Broken::NotUnderstood(..))
            ),
            "{garbage}"
        );
    }
}

#[test]
fn a_whole_message_that_was_not_streamed() {
    let mut folded = Folded::default();
    let body = json!({"type": "message", "content": [{"type": "text", "text": "hi"}, {"type": "tool_use", "id": "t", "name": "f",
        "input": {"n": 1}}], "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 2}});
    folded.body(body.to_string().as_bytes()).unwrap();
    assert_eq!((folded.text.as_str(), folded.is_whole()), ("hi", true));
    assert_eq!(folded.take_calls()[0].arguments, json!({"n": 1}));
    let error =
        json!({"type": "error", "error": {"type": "api_error", "message": "x"}}).to_string();
    assert!(matches!(
        Folded::default().body(error.as_bytes()),
        Err(Broken::Said(_))
    ));
    assert!(matches!(
        Folded::default().body(b"[1]"),
        Err(Broken::NotUnderstood(..))
    ));
}

proptest! {
    #[test]
    fn any_event_is_survived(data in "\\PC{0,40}|[{}\\[\\]\":,a-z0-9]{0,40}") {
        let _ = Folded::default().event(&Event { name: String::new(), data: data.clone() });
        let _ = Folded::default().body(data.as_bytes());
    }
}
