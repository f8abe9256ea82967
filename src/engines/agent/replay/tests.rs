use super::*;
use serde_json::json;

fn request(chunk: &str, title: &str, attempt: u32, fixes: u32, turn: u32) -> ChatRequest {
    ChatRequest {
        spec: "shop".into(),
        chunk: chunk.into(),
        title: title.into(),
        attempt,
        fixes,
        turn,
        system: String::new(),
        messages: Vec::new(),
        tools: &[],
        stall: std::time::Duration::from_secs(600),
    }
}

/// What is said in a turn, or the error's text.
fn said(cassette: &str, request: &ChatRequest) -> String {
    match ReplayModel::new(Cassette::parse("tape", cassette).unwrap()).play(request) {
        Ok(Some(reply)) => reply.text,
        Ok(None) => "<hangs>".into(),
        Err(e) => e.to_string(),
    }
}

#[test]
fn the_best_fitting_lines_play_in_order() {
    let tape = r#"
        {"cassette": 1, "note": "all ways to name a chunk"}
        {"chunk": "*", "text": "any 1"}
        {"chunk": "T1", "text": "id 1"}
        {"chunk": "*", "text": "any 2"}
        {"title_contains": "pay", "text": "contains"}
        {"chunk": "shop:T1", "text": "id 2"}
        {"chunk": "Add pay", "text": "title"}
        {"chunk": "other:T9", "text": "another spec"}
        {"chunk": "T1", "attempt": 2, "text": "second attempt"}
        {"chunk": "T1", "fixes": 1, "text": "first fix"}
        {"chunk": "T1", "fixes": 1, "attempt": 3, "text": "third attempt, first fix"}
        {"chunk": "T5", "error": {"kind": "hang"}}
    "#;
    for (chunk, title, attempt, fixes, turn, want) in [
        ("T1", "x", 1, 0, 0, "id 1"),
        ("T1", "x", 1, 0, 1, "id 2"),
        ("T1", "Add pay", 4, 0, 1, "id 2"),
        ("T1", "x", 2, 0, 0, "second attempt"),
        ("T1", "x", 1, 1, 0, "first fix"),
        ("T1", "x", 2, 1, 0, "first fix"),
        ("T1", "x", 3, 1, 0, "third attempt, first fix"),
        ("T1", "x", 1, 2, 0, "id 1"),
        ("T2", "Add pay", 1, 0, 0, "title"),
        ("T2", "pay later", 1, 0, 0, "contains"),
        ("T9", "x", 1, 0, 0, "any 1"),
        ("T9", "x", 1, 3, 1, "any 2"),
        ("T5", "x", 1, 0, 0, "<hangs>"),
    ] {
        assert_eq!(
            said(tape, &request(chunk, title, attempt, fixes, turn)),
            want,
            "{chunk} {attempt} {fixes} {turn}"
        );
    }
    let out = said(tape, &request("T1", "x", 1, 0, 2));
    for part in [
        "`tape`",
        "turn 3",
        "shop:T1",
        "attempt 1",
        "fix turn 0",
        "2 of its lines",
    ] {
        assert!(out.contains(part), "{out}");
    }
    assert!(said("", &request("T1", "x", 1, 0, 0)).contains("0 of its lines"));
}

#[test]
fn a_whole_reply() {
    let tape = r#"{"cassette": 1, "model": "script-7"}
{"chunk": "*", "text": "{title} {", "calls": [{"name": "write_file", "arguments": {"path": "{chunk}.md", "list": ["{spec}{x}"], "n": 1}}, {"name": "list_dir"}], "usage": {"input": 5}, "cost_usd": 0}
{"chunk": "T2", "text": "{title}", "calls": []}"#;
    let model = ReplayModel::new(Cassette::parse("tape", tape).unwrap());
    assert_eq!(model.model(), "script-7");
    let reply = model
        .play(&request("T1", "a {chunk}", 1, 2, 0))
        .unwrap()
        .unwrap();
    assert_eq!(reply.text, "a {chunk} {");
    assert_eq!(
        reply.calls[0].arguments,
        json!({"path": "T1.md", "list": ["shop{x}"], "n": 1})
    );
    assert_eq!(
        (reply.calls[1].id.as_str(), &reply.calls[1].arguments),
        ("call_2_0_1", &json!({}))
    );
    assert_eq!(
        (reply.usage.input, reply.usage.output, reply.cost),
        (Some(5), None, Cost::Usd(0.0))
    );
    let reply = model.play(&request("T2", "x", 1, 0, 0)).unwrap().unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.cost),
        ("{title}", Cost::Unknown)
    );
}

#[test]
fn errors_play_as_errors() {
    for kind in [
        "overloaded",
        "credit",
        "auth",
        "context_too_long",
        "invalid_request",
        "refusal",
        "budget",
        "transient",
        "protocol",
        "not_started",
    ] {
        let tape =
            format!(r#"{{"chunk": "*", "error": {{"kind": "{kind}", "message": "because"}}}}"#);
        assert!(
            said(&tape, &request("T1", "x", 1, 0, 0)).ends_with(": because"),
            "{kind}"
        );
    }
    let tape =
        r#"{"chunk": "*", "error": {"kind": "rate_limited", "until": "2030-01-02T03:04:05Z"}}"#;
    assert_eq!(
        said(tape, &request("T1", "x", 1, 0, 0)),
        "the engine is rate limited until 2030-01-02 03:04:05 UTC"
    );
}

#[test]
fn bad_lines_are_named() {
    for (line, why) in [
        ("{", "not JSON at column"),
        ("[]", "JSON object"),
        ("{}", "whose answer"),
        (r#"{"chunk": "a"}"#, "says nothing"),
        (
            r#"{"chunk": "a", "title_contains": "b", "text": ""}"#,
            "not both",
        ),
        (
            r#"{"chunk": "a", "text": "", "mood": 1}"#,
            "unknown field `mood`",
        ),
        (
            r#"{"chunk": "a", "calls": [{"name": "x", "args": {}}]}"#,
            "unknown field `args`",
        ),
        (
            r#"{"chunk": "a", "calls": [{"name": "x", "arguments": "{}"}]}"#,
            "expected a map",
        ),
        (
            r#"{"chunk": "a", "text": "", "usage": {"tokens": 1}}"#,
            "unknown field `tokens`",
        ),
        (r#"{"chunk": "a", "text": "", "attempt": 0}"#, "from 1"),
        (r#"{"chunk": "a", "text": "", "fixes": -1}"#, "u32"),
        (r#"{"chunk": "a", "text": "", "cost_usd": -1}"#, "money"),
        (
            r#"{"chunk": "a", "text": "", "error": {"kind": "auth"}}"#,
            "in place of",
        ),
        (
            r#"{"chunk": "a", "error": {"kind": "bored"}}"#,
            "unknown variant `bored`",
        ),
        (
            r#"{"chunk": "a", "error": {"kind": "auth", "until": "2030-01-01T00:00:00Z"}}"#,
            "rate_limited",
        ),
        (
            r#"{"chunk": "a", "error": {"kind": "rate_limited", "until": "tomorrow"}}"#,
            "invalid",
        ),
        (r#"{"cassette": 1}"#, "first line"),
    ] {
        let text = format!("{{\"cassette\": 1}}\n\n{line}\n");
        let error = Cassette::parse("a/tape.jsonl", &text)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("a/tape.jsonl:3: "), "{error}");
        assert!(error.contains(why), "{line}: {error}");
    }
    for (header, why) in [
        (r#"{"cassette": 2}"#, "version 2"),
        (
            r#"{"cassette": 1, "models": "x"}"#,
            "unknown field `models`",
        ),
    ] {
        let error = Cassette::parse("t", header).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(text in "(\\{\"chunk\": ?\"\\*\",|\"text\":|\"error\":|[\\[\\]{}:,\"\\\\n0-9\n]|\\PC){0,60}") {
        let _ = Cassette::parse("t", &text);
    }

    #[test]
    fn filling_replaces_only_placeholders(text in "(\\{|\\}|\\{chunk\\}|\\{title\\}|é|a){0,20}") {
        let filled = fill(&text, &request("C", "T", 1, 0, 0));
        proptest::prop_assert_eq!(filled, text.replace("{chunk}", "C").replace("{title}", "T"));
    }
}
