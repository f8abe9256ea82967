//! Streams as servers send them, in all their dialects.

use super::*;
use crate::engines::http::sse::Decoder;
use proptest::prelude::*;
use serde_json::json;

fn fold(chunks: &[Value]) -> Result<Folded, Broken> {
    let mut folded = Folded::default();
    for chunk in chunks {
        folded.event(&Event {
            name: String::new(),
            data: chunk.to_string(),
        })?;
    }
    Ok(folded)
}

fn delta(delta: Value) -> Value {
    json!({"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn end(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn call(index: Value, id: Value, name: Value, arguments: Value) -> Value {
    delta(
        json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}]}),
    )
}

/// Id, name and arguments of each call.
fn calls(chunks: &[Value]) -> Vec<(String, String, Value)> {
    let calls = fold(chunks).unwrap().take_calls();
    calls
        .into_iter()
        .map(|c| (c.id, c.name, c.arguments))
        .collect()
}

fn made(id: &str, name: &str, arguments: Value) -> (String, String, Value) {
    (id.into(), name.into(), arguments)
}

#[test]
fn text_and_usage() {
    let folded = fold(&[
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"content": "Hel"})),
        delta(json!({"content": "lo", "reasoning_content": "hidden"})),
        delta(json!({"content": null})),
        delta(json!({"content": [{"type": "text", "text": "!"}, {"type": "thinking"}]})),
        json!({"choices": [{"index": 1, "delta": {"content": "another choice"}}]}),
        end("stop"),
        json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107,
               "prompt_tokens_details": {"cached_tokens": 64}, "cost": 0.25}}),
    ])
    .unwrap();
    assert_eq!(folded.text, "Hello!");
    assert_eq!(folded.finish, Some(End::Reply(Finish::Whole)));
    let usage = Usage {
        input: Some(36),
        cached: Some(64),
        output: Some(7),
    };
    assert_eq!((folded.usage, folded.cost), (usage, Some(0.25)));
    assert!(folded.is_whole() && !folded.is_over());
}

#[test]
fn usage_that_is_missing_or_odd_is_unknown() {
    for (usage, want) in [
        (json!(null), Usage::default()),
        (json!({}), Usage::default()),
        (json!("many"), Usage::default()),
        (json!({"prompt_tokens": -3}), Usage::default()),
        (
            json!({"completion_tokens": 3}),
            Usage {
                output: Some(3),
                ..Usage::default()
            },
        ),
        (
            json!({"prompt_tokens": 10, "completion_tokens": 3, "prompt_cache_hit_tokens": 4}),
            Usage {
                input: Some(6),
                cached: Some(4),
                output: Some(3),
            },
        ),
        (
            json!({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 4}}),
            Usage {
                input: Some(0),
                cached: Some(4),
                output: None,
            },
        ),
    ] {
        assert_eq!(
            fold(&[json!({"choices": [], "usage": usage})])
                .unwrap()
                .usage,
            want,
            "{usage}"
        );
    }
}

#[test]
fn calls_in_all_dialects() {
    let null = Value::Null;
    for (what, chunks, want) in [
        (
            "arguments in pieces, two calls side by side",
            vec![
                call(json!(0), json!("a"), json!("read_file"), json!("")),
                call(json!(0), null.clone(), null.clone(), json!("{\"pa")),
                call(json!(1), json!("b"), json!("list_dir"), json!("{}")),
                call(json!(0), null.clone(), null.clone(), json!("th\": \"x\"}")),
            ],
            vec![
                made("a", "read_file", json!({"path": "x"})),
                made("b", "list_dir", json!({})),
            ],
        ),
        (
            "id and name with every piece",
            vec![
                call(json!(0), json!("a"), json!("f"), json!("{\"n\":")),
                call(json!(0), json!("a"), json!("f"), json!("1}")),
            ],
            vec![made("a", "f", json!({"n": 1}))],
        ),
        (
            "the same index for all calls",
            vec![
                call(json!(0), json!("a"), json!("f"), json!("{}")),
                call(json!(0), json!("b"), json!("g"), json!("{\"n\":")),
                call(json!(0), null.clone(), null.clone(), json!("2}")),
            ],
            vec![made("a", "f", json!({})), made("b", "g", json!({"n": 2}))],
        ),
        (
            "no index",
            vec![
                call(null.clone(), json!("a"), json!("f"), json!("{}")),
                call(null.clone(), json!("b"), json!("g"), json!("{}")),
            ],
            vec![made("a", "f", json!({})), made("b", "g", json!({}))],
        ),
        (
            "no id, arguments as an object",
            vec![call(json!(0), null.clone(), json!("f"), json!({"n": 1}))],
            vec![made("", "f", json!({"n": 1}))],
        ),
        (
            "arguments that are no JSON, and none",
            vec![
                call(json!(0), json!("a"), json!("f"), json!("{\"n\": ")),
                call(json!(1), json!("b"), json!("g"), null.clone()),
            ],
            vec![made("a", "f", json!("{\"n\": ")), made("b", "g", json!({}))],
        ),
        (
            "a whole answer that was not streamed",
            vec![
                json!({"choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null,
                "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"n\":1}"}},
                               {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}]}}]}),
            ],
            vec![made("a", "f", json!({"n": 1})), made("b", "g", json!({}))],
        ),
    ] {
        assert_eq!(calls(&chunks), want, "{what}");
    }
}

#[test]
fn ends() {
    for (reason, want) in [
        ("stop", End::Reply(Finish::Whole)),
        ("tool_calls", End::Reply(Finish::Whole)),
        ("something_new", End::Reply(Finish::Whole)),
        ("length", End::Reply(Finish::Cut)),
        ("content_filter", End::Filtered),
    ] {
        assert_eq!(fold(&[end(reason)]).unwrap().finish, Some(want), "{reason}");
    }
    let refused = fold(&[
        delta(json!({"refusal": "I can"})),
        delta(json!({"refusal": "not"})),
        end("stop"),
    ]);
    assert_eq!(refused.unwrap().refusal, "I cannot");
    let mut open = fold(&[delta(json!({"content": "x"}))]).unwrap();
    assert!(!open.is_whole());
    let done = Event {
        name: String::new(),
        data: " [DONE]".into(),
    };
    open.event(&done).unwrap();
    assert!(open.is_over() && open.is_whole());
}

#[test]
fn errors_in_the_middle() {
    for broken in [
        fold(&[json!({"error": {"message": "down", "code": 502}})]),
        fold(&[json!({"error": "down", "choices": []})]),
        fold(&[end("error")]),
    ] {
        assert!(matches!(broken, Err(Broken::Said(_))));
    }
    assert!(fold(&[json!({"error": null, "choices": null})]).is_ok());
    let named = Event {
        name: "error".into(),
        data: "{\"message\": \"down\"}".into(),
    };
    assert!(
        matches!(Folded::default().event(&named), Err(Broken::Said(said)) if said.message == "down")
    );
    for garbage in ["{\"choices\": [{", "42", "[]", "\"x\"", "{\"choices\": {}}"] {
        let event = Event {
            name: String::new(),
            data: garbage.into(),
        };
        let broken = Folded::default().event(&event);
        assert!(
            matches!(broken, Err(Broken::NotUnderstood(..))),
            "{garbage}"
        );
    }
}

proptest! {
    #[test]
    fn arguments_come_together_however_they_are_cut(value in "[\"\\\\a-zé{}\u{1F600}]{0,20}", cuts in prop::collection::vec(1usize..7, 0..40)) {
        let arguments = json!({"content": value}).to_string();
        let mut stream = String::new();
        let mut rest: Vec<char> = arguments.chars().collect();
        stream.push_str(&format!("data: {}\n\n", call(json!(0), json!("a"), json!("f"), json!(""))));
        for cut in &cuts {
            let piece: String = rest.drain(..(*cut).min(rest.len())).collect();
            stream.push_str(&format!("data: {}\r\n\r\n", call(json!(0), Value::Null, Value::Null, json!(piece))));
        }
        let last: String = rest.into_iter().collect();
        stream.push_str(&format!("data: {}\n\ndata: [DONE]\n\n", call(json!(0), Value::Null, Value::Null, json!(last))));
        // The bytes are cut as well, inside of characters too.
        let (mut decoder, mut folded, mut bytes) = (Decoder::default(), Folded::default(), stream.as_bytes());
        for cut in cuts.iter().cycle().take(400).chain([&usize::MAX]) {
            let (piece, after) = bytes.split_at((*cut).min(bytes.len()));
            for event in decoder.feed(piece) {
                folded.event(&event).unwrap();
            }
            bytes = after;
        }
        prop_assert!(folded.is_over());
        prop_assert_eq!(folded.take_calls()[0].arguments.clone(), json!({"content": value}));
    }

    #[test]
    fn any_event_is_survived(data in "\\PC{0,40}|[{}\\[\\]\":,a-z0-9]{0,40}") {
        let _ = Folded::default().event(&Event { name: String::new(), data });
    }
}
