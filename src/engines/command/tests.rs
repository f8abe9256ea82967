//! What lines mean and what runs come to, by tables and without processes.

use super::fold::{End, Fold, Spent, Update};
use super::testkit::{Frozen, word};
use super::*;
use crate::model::{Allowance, Price};
use crate::proc::Ended;
use proptest::prelude::*;
use serde_json::{Value, json};

fn preset(name: &str) -> CommandConfig {
    CommandConfig::preset(name).unwrap()
}

fn end(ended: Ended, code: i32, stderr: &str) -> End {
    End {
        ended,
        code,
        stderr: stderr.to_owned(),
        timeout: Duration::from_secs(600),
        stall: Duration::from_secs(60),
    }
}

fn fold<'a>(config: &'a CommandConfig, allowance: Allowance) -> Fold<'a> {
    Fold::new(config, &Frozen, "/lane", allowance, Spent::default())
}

fn report(config: &CommandConfig, lines: &[Value], end: &End) -> EngineReport {
    let mut fold = fold(config, Allowance::default());
    for line in lines {
        fold.line(line.to_string().as_bytes());
    }
    fold.finish(end, None, None)
}

fn outcome(name: &str, lines: &[Value], code: i32, stderr: &str) -> EngineOutcome {
    report(&preset(name), lines, &end(Ended::Itself, code, stderr)).outcome
}

fn says(text: &str) -> Value {
    json!({"type": "item.completed", "item": {"id": "i", "type": "agent_message", "text": text}})
}

fn completed() -> Value {
    json!({"type": "turn.completed", "usage": {"input_tokens": 1000, "cached_input_tokens": 400, "output_tokens": 50}})
}

fn failed(message: &str) -> Value {
    json!({"type": "turn.failed", "error": {"message": message}})
}

fn ending() -> String {
    json!({"kind": "complete_chunk", "summary": "built it", "confidence": 0.9, "rationale": "tests pass",
        "no_change_needed": "", "reason": "", "needs": ""})
    .to_string()
}

#[test]
fn declared_endings() {
    let done = outcome(
        "codex",
        &[says("on it"), says(&ending()), completed()],
        0,
        "",
    );
    assert!(
        matches!(&done, EngineOutcome::Completed(c) if c.summary == "built it" && c.no_change_needed.is_none()),
        "{done:?}"
    );
    for text in [
        format!("```json\n{}\n```", ending()),
        format!("All done.\n{}", ending()),
    ] {
        let got = outcome("codex", &[says(&text), completed()], 0, "");
        assert_eq!(word(&got), "completed", "{text}");
    }
    let block = json!({"kind": "block_chunk", "summary": "", "confidence": 0, "rationale": "", "reason": "no key", "needs": "which?"});
    let got = outcome("codex", &[says(&block.to_string()), completed()], 0, "");
    assert!(matches!(got, EngineOutcome::Blocked(b) if b.needs == "which?"));
    // Only the last text counts, and only after a line that says it is done.
    assert_eq!(
        word(&outcome(
            "codex",
            &[says(&ending()), says("oh"), completed()],
            0,
            ""
        )),
        "undeclared"
    );
    assert_eq!(
        word(&outcome("codex", &[says(&ending())], 0, "")),
        "protocol"
    );
    assert_eq!(
        word(&outcome("codex", &[says(&ending()), completed()], 1, "")),
        "protocol"
    );
    assert_eq!(
        word(&outcome(
            "codex",
            &[says("{\"kind\": \"tick_everything\"}"), completed()],
            0,
            ""
        )),
        "undeclared"
    );
    // No preset but codex is asked for one: what looks like one is only text.
    let lines = [
        json!({"type": "message", "role": "assistant", "content": ending(), "delta": true}),
        json!({"type": "result", "status": "success"}),
    ];
    assert_eq!(word(&outcome("gemini", &lines, 0, "")), "undeclared");
}

#[test]
fn what_was_declared_before_a_stop_counts() {
    let lines = [says(&ending()), completed()];
    for ended in [Ended::Stopped, Ended::TimedOut, Ended::Stalled] {
        let got = report(&preset("codex"), &lines, &end(ended, 143, ""));
        assert_eq!(word(&got.outcome), "completed", "{ended:?}");
    }
    let got = |ended| report(&preset("codex"), &lines[..1], &end(ended, 143, "")).outcome;
    assert_eq!(got(Ended::Stopped), EngineOutcome::Interrupted);
    assert_eq!(
        got(Ended::TimedOut),
        EngineOutcome::Failed(EngineError::TimedOut { seconds: 600 })
    );
    assert_eq!(
        got(Ended::Stalled),
        EngineOutcome::Failed(EngineError::Stalled { seconds: 60 })
    );
}

#[test]
fn a_run_that_went_on_after_an_answer_was_not_done() {
    let config = preset("aider");
    let mut timed_out = fold(&config, Allowance::default());
    timed_out.line(b"Tokens: 1.0k sent, 50 received.");
    timed_out.line(b"Applied edit to a.py");
    let got = timed_out.finish(&end(Ended::TimedOut, 143, ""), None, None);
    assert_eq!(word(&got.outcome), "timed out");
    // What we ended as hopeless failed, however politely it left.
    let told =
        CommandTable::parse("preset = \"opencode\"\n[[events]]\nerror = \"e\"\nstatus = \"s\"")
            .unwrap();
    let told = told.resolve("mine").unwrap();
    let mut refused = fold(&told, Allowance::default());
    assert!(refused.line(br#"{"e": "no", "s": 401}"#).stop);
    let got = refused.finish(&end(Ended::ByCaller, 0, ""), None, None);
    assert_eq!(word(&got.outcome), "auth");
}

#[test]
fn words_about_limits_in_ordinary_output_are_no_limit() {
    let chatter = [
        says(
            "You've hit your usage limit. exceeded retry limit, last status: 429 Too Many Requests",
        ),
        json!({"type": "item.completed", "item": {"type": "error", "message": "unexpected status 401 Unauthorized"}}),
        json!({"type": "item.completed", "item": {"type": "command_execution", "aggregated_output": "429 rate limited"}}),
        json!({"type": "error", "message": "Reconnecting... 1/5 (exceeded retry limit, last status: 429 Too Many Requests)"}),
        says("done"),
        completed(),
    ];
    assert_eq!(
        word(&outcome(
            "codex",
            &chatter,
            0,
            "429 Too Many Requests\nNot inside a trusted directory"
        )),
        "undeclared"
    );
    let config = preset("aider");
    let mut fold = fold(&config, Allowance::default());
    for line in [
        "litellm.RateLimitError: says the model, in its answer",
        "",
        "Tokens: 1.0k sent, 50 received.",
        "Applied edit to a.py",
    ] {
        fold.line(line.as_bytes());
    }
    assert_eq!(
        word(&fold.finish(&end(Ended::Itself, 0, ""), None, None).outcome),
        "undeclared"
    );
}

#[test]
fn failures_of_codex() {
    for (message, kind) in [
        (
            "exceeded retry limit, last status: 429 Too Many Requests",
            "rate limited",
        ),
        (
            "exceeded retry limit, last status: 503 Service Unavailable",
            "overloaded",
        ),
        ("unexpected status 401 Unauthorized: no", "auth"),
        ("unexpected status 402 Payment Required: no", "credit"),
        ("unexpected status 400 Bad Request: no", "invalid"),
        ("unexpected status 502 Bad Gateway: no", "transient"),
        (
            "Quota exceeded. Check your plan and billing details.",
            "credit",
        ),
        (
            "Your workspace is out of credits. Add credits to continue.",
            "credit",
        ),
        (
            "Codex ran out of room in the model's context window. Start a new thread.",
            "context",
        ),
        (
            "Selected model is at capacity. Please try a different model.",
            "overloaded",
        ),
        ("stream disconnected before completion: eof", "transient"),
        (
            "Your access token could not be refreshed because it was revoked.",
            "auth",
        ),
        ("Missing environment variable: `MY_KEY`.", "auth"),
        ("something nobody knows", "protocol"),
    ] {
        assert_eq!(
            word(&outcome("codex", &[failed(message)], 1, "")),
            kind,
            "{message}"
        );
    }
    let limit = outcome(
        "codex",
        &[failed(
            "You’ve hit your usage limit. Try again in 2 hours 5 minutes.",
        )],
        1,
        "",
    );
    assert!(
        matches!(&limit, EngineOutcome::Failed(EngineError::RateLimited { until: Some(at), .. }) if at.to_rfc3339() == "2026-11-20T19:35:00+00:00"),
        "{limit:?}"
    );
    // A failure that comes with exit code 0 is one.
    assert_eq!(
        word(&outcome(
            "codex",
            &[failed("exceeded retry limit, last status: 429 x")],
            0,
            ""
        )),
        "rate limited"
    );
    // Without its closing line the last thing it told of is the reason.
    let told = json!({"type": "error", "message": "exceeded retry limit, last status: 429 Too Many Requests"});
    assert_eq!(
        word(&outcome("codex", std::slice::from_ref(&told), 1, "")),
        "rate limited"
    );
    let waiting = json!({"type": "error", "message": "Reconnecting... waiting for network (Connection failed: error sending request)"});
    for (line, kind) in [(&told, "rate limited"), (&waiting, "transient")] {
        let got = report(
            &preset("codex"),
            std::slice::from_ref(line),
            &end(Ended::TimedOut, 143, ""),
        );
        assert_eq!(
            word(&got.outcome),
            kind,
            "it was still waiting for the provider"
        );
    }
}

#[test]
fn failures_of_gemini() {
    let result = |kind: &str, message: &str| json!({"type": "result", "status": "error", "error": {"type": kind, "message": message}});
    for (line, code, stderr, kind) in [
        (
            result("TerminalQuotaError", "[API Error: daily]"),
            1,
            "",
            "rate limited",
        ),
        (result("FatalAuthenticationError", "no"), 41, "", "auth"),
        (result("ModelNotFoundError", "no"), 1, "", "invalid"),
        (
            result(
                "unknown",
                r#"[API Error: {"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}]"#,
            ),
            147,
            "",
            "auth",
        ),
        // An HTTP status as far as it fits into an exit code.
        (
            result("unknown", "[API Error: busy]"),
            173,
            "",
            "rate limited",
        ),
        (
            result("unknown", "[API Error: busy]"),
            247,
            "",
            "overloaded",
        ),
        (result("unknown", "[API Error: x]"), 145, "", "auth"),
        (
            result("unknown", "[API Error: x (Status: RESOURCE_EXHAUSTED)]"),
            1,
            "",
            "rate limited",
        ),
        (
            result("unknown", "[API Error: x (Status: INTERNAL)]"),
            1,
            "",
            "transient",
        ),
        (result("unknown", "[API Error: x]"), 1, "", "protocol"),
        (json!({}), 41, "Please set an Auth method", "auth"),
        (json!({}), 42, "bad flag", "invalid"),
        (json!({}), 52, "settings", "not started"),
        (json!({}), 53, "", "turn limit"),
        (json!({}), 130, "", "protocol"),
    ] {
        assert_eq!(
            word(&outcome(
                "gemini",
                std::slice::from_ref(&line),
                code,
                stderr
            )),
            kind,
            "{line} {code}"
        );
    }
    let auth = outcome(
        "gemini",
        &[],
        41,
        "Please set an Auth method in settings.json\n",
    );
    assert!(
        matches!(&auth, EngineOutcome::Failed(EngineError::Auth { message }) if message.contains("Auth method") && message.contains("GEMINI_API_KEY")),
        "{auth:?}"
    );
}

#[test]
fn failures_of_opencode_and_aider() {
    let error = |error: Value| json!({"type": "error", "sessionID": "s", "error": error});
    for (told, kind) in [
        (
            json!({"name": "APIError", "data": {"message": "busy", "statusCode": 429, "responseHeaders": {"retry-after": "90"}}}),
            "rate limited",
        ),
        (
            json!({"name": "APIError", "data": {"message": "x", "statusCode": 401}}),
            "auth",
        ),
        (
            json!({"name": "ProviderAuthError", "data": {"message": "x", "statusCode": 500}}),
            "auth",
        ),
        (
            json!({"name": "ContextOverflowError", "data": {"message": "x"}}),
            "context",
        ),
        (
            json!({"name": "UnknownError", "data": {"message": "status 429"}}),
            "protocol",
        ),
        (json!("x"), "protocol"),
    ] {
        assert_eq!(
            word(&outcome("opencode", &[error(told.clone())], 1, "")),
            kind,
            "{told}"
        );
        assert_eq!(
            word(&outcome("opencode", &[error(told.clone())], 0, "")),
            kind,
            "also with exit code 0: {told}"
        );
    }
    let limited = outcome(
        "opencode",
        &[error(
            json!({"data": {"message": "busy", "statusCode": 429, "responseHeaders": {"retry-after": "90"}}}),
        )],
        1,
        "",
    );
    assert!(
        matches!(&limited, EngineOutcome::Failed(EngineError::RateLimited { until: Some(at), .. }) if at.to_rfc3339() == "2026-11-20T17:31:30+00:00"),
        "{limited:?}"
    );
    for (line, kind) in [
        (
            "litellm.AuthenticationError: AuthenticationError: OpenAIException - no",
            "auth",
        ),
        ("litellm.RateLimitError: x", "rate limited"),
        ("litellm.InternalServerError: x", "transient"),
        ("litellm.BadRequestError: x", "invalid"),
        ("litellm.OfTheFutureError: x", "protocol"),
        ("Applied edit to a.py", "undeclared"),
    ] {
        let config = preset("aider");
        let mut fold = fold(&config, Allowance::default());
        fold.line(b"Model: m");
        fold.line(line.as_bytes());
        let got = fold.finish(&end(Ended::Itself, 0, ""), None, None).outcome;
        assert_eq!(word(&got), kind, "{line}");
    }
}

#[test]
fn a_refused_key_is_hopeless_at_once() {
    let config = preset("codex");
    let mut fold = fold(&config, Allowance::default());
    let told = |message: &str| json!({"type": "error", "message": message}).to_string();
    let busy = fold
        .line(told("Reconnecting... 1/5 (exceeded retry limit, last status: 429 x)").as_bytes());
    assert!(!busy.stop && busy.step.is_some());
    assert!(
        fold.line(told("Reconnecting... 1/5 (unexpected status 401 Unauthorized)").as_bytes())
            .stop
    );
    let got = fold.finish(&end(Ended::ByCaller, 143, ""), None, None);
    assert_eq!((word(&got.outcome), got.cost), ("auth", Cost::Usd(0.0)));
}

#[test]
fn tokens_and_dollars() {
    let codex = preset("codex");
    let got = report(&codex, &[completed()], &end(Ended::Itself, 0, ""));
    assert_eq!(
        (got.usage.input, got.usage.cached, got.usage.output),
        (Some(600), Some(400), Some(50))
    );
    assert_eq!(got.cost, Cost::Unknown);
    let priced = CommandConfig {
        price: Some(Price {
            input: 1.0,
            cached: 0.1,
            output: 10.0,
        }),
        ..codex.clone()
    };
    let cost = report(&priced, &[completed()], &end(Ended::Itself, 0, ""))
        .cost
        .usd()
        .unwrap();
    assert!((cost - 0.00114).abs() < 1e-9, "{cost}");
    // A line without counts is no line with zeros.
    let silent = json!({"type": "turn.completed", "usage": {"input_tokens": "many"}});
    assert_eq!(
        report(&priced, &[silent], &end(Ended::Itself, 0, "")).cost,
        Cost::Unknown
    );

    let step = |cost: f64| json!({"type": "step_finish", "part": {"reason": "tool-calls", "cost": cost, "tokens": {"input": 100, "output": 10, "reasoning": 5, "cache": {"read": 7, "write": 3}}}});
    let opencode = preset("opencode");
    let got = report(
        &opencode,
        &[step(0.01), step(0.02)],
        &end(Ended::Itself, 0, ""),
    );
    assert_eq!(
        (got.usage.input, got.usage.cached, got.usage.output),
        (Some(206), Some(14), Some(30))
    );
    assert!(
        (got.cost.usd().unwrap() - 0.03).abs() < 1e-9,
        "parts are added up"
    );
    let free = [step(0.0)];
    assert_eq!(
        report(&opencode, &free, &end(Ended::Itself, 0, "")).cost,
        Cost::Unknown
    );
    let told = CommandConfig {
        price: Some(Price {
            input: 0.0,
            cached: 0.0,
            output: 0.0,
        }),
        ..opencode.clone()
    };
    assert_eq!(
        report(&told, &free, &end(Ended::Itself, 0, "")).cost,
        Cost::Usd(0.0),
        "free, because somebody said so"
    );
    // What was on its way when we ended it may be charged.
    for (ended, is_known) in [(Ended::Stopped, false), (Ended::Itself, true)] {
        let got = report(&opencode, &[step(0.01)], &end(ended, 143, ""));
        assert_eq!(got.cost != Cost::Unknown, is_known, "{ended:?}");
        assert_eq!(got.usage.output.is_some(), is_known, "{ended:?}");
        assert!(got.usage.input.is_some(), "{ended:?}");
    }
}

#[test]
fn bounds_are_looked_at_with_every_line() {
    let step = |cost: f64| {
        json!({"type": "step_finish", "part": {"reason": "tool-calls", "cost": cost, "tokens": {"input": 100, "output": 10}}}).to_string()
    };
    let config = preset("opencode");
    let stops = |allowance: Allowance, costs: &[f64]| {
        let mut fold = fold(&config, allowance);
        let stops: Vec<bool> = costs
            .iter()
            .map(|c| fold.line(step(*c).as_bytes()).stop)
            .collect();
        let got = fold.finish(&end(Ended::ByCaller, 143, ""), None, None);
        let EngineOutcome::Failed(EngineError::AllowanceSpent { message }) = got.outcome else {
            return (stops, String::new());
        };
        (stops, message)
    };
    let tokens = |most| Allowance {
        tokens: Some(most),
        usd: None,
    };
    assert_eq!(
        stops(tokens(300), &[0.1, 0.1, 0.1]),
        (
            vec![false, false, true],
            "330 tokens are used, and 300 were left".to_owned()
        )
    );
    assert_eq!(
        stops(tokens(220), &[0.1, 0.1]).0,
        [false, true],
        "reached is over"
    );
    let usd = |most| Allowance {
        tokens: None,
        usd: Some(most),
    };
    assert_eq!(stops(usd(0.15), &[0.1, 0.1]).0, [false, true]);
    let (stopped, why) = stops(usd(5.0), &[0.0]);
    assert!(
        stopped[0] && why.contains("price") && why.contains("[engine.opencode]"),
        "{why}"
    );

    // With its last line it has ended by itself: the work is there and counts.
    let codex = preset("codex");
    let mut fold = fold(&codex, tokens(10));
    fold.line(says(&ending()).to_string().as_bytes());
    assert!(!fold.line(completed().to_string().as_bytes()).stop);
    assert_eq!(
        word(&fold.finish(&end(Ended::Itself, 0, ""), None, None).outcome),
        "completed"
    );

    for (name, allowance, said) in [
        ("codex", usd(1.0), "in dollars"),
        ("aider", usd(1.0), "in dollars"),
        ("aider", tokens(1_000), "on tokens"),
        ("opencode", usd(0.0), "nothing is left"),
        ("codex", tokens(0), "nothing is left"),
    ] {
        let why = preset(name).cannot_bound(&allowance).unwrap_or_default();
        assert!(why.contains(said), "{name}: {why}");
    }
    assert_eq!(preset("opencode").cannot_bound(&usd(1.0)), None);
    assert_eq!(preset("codex").cannot_bound(&tokens(9)), None);
    assert_eq!(preset("aider").cannot_bound(&Allowance::default()), None);
}

#[test]
fn texts_that_come_in_parts() {
    let config = preset("gemini");
    let mut fold = fold(&config, Allowance::default());
    let part = |text: &str| {
        json!({"type": "message", "role": "assistant", "content": text, "delta": true}).to_string()
    };
    for line in [part("I will "), part("look."), json!({"type": "tool_use", "tool_name": "replace", "parameters": {"file_path": "/lane/src/a.rs"}}).to_string(), part("All "), part("done.")] {
        fold.line(line.as_bytes());
    }
    fold.line(
        json!({"type": "message", "role": "user", "content": "do it"})
            .to_string()
            .as_bytes(),
    );
    fold.line(
        json!({"type": "result", "status": "success"})
            .to_string()
            .as_bytes(),
    );
    let got = fold.finish(&end(Ended::Itself, 0, ""), None, None).outcome;
    assert_eq!(
        got,
        EngineOutcome::Undeclared {
            last_words: "All done.".to_owned()
        }
    );
}

#[test]
fn steps_for_people() {
    let steps = |name: &str, line: Value| {
        let config = preset(name);
        let mut fold = fold(&config, Allowance::default());
        fold.line(line.to_string().as_bytes()).step
    };
    let codex = |item: Value| steps("codex", json!({"type": "item.started", "item": item}));
    assert_eq!(
        codex(json!({"type": "command_execution", "command": "cargo test\nrm x"})).unwrap(),
        "runs cargo test…"
    );
    assert_eq!(
        codex(json!({"type": "command_execution", "command": "printf '\u{1b}[2J'"})).unwrap(),
        "runs printf ' [2J'"
    );
    assert_eq!(codex(json!({"type": "command_execution"})).unwrap(), "runs");
    assert_eq!(codex(json!({"type": "teleport"})), None);
    let change = json!({"type": "item.completed", "item": {"type": "file_change", "changes": [{"path": "/lane/src/lib.rs"}]}});
    assert_eq!(steps("codex", change).unwrap(), "changes src/lib.rs");
    let tool = |tool: &str, input: Value| {
        steps(
            "opencode",
            json!({"type": "tool_use", "part": {"tool": tool, "state": {"input": input}}}),
        )
    };
    assert_eq!(
        tool("edit", json!({"filePath": "/lane/a"})).unwrap(),
        "edits a"
    );
    assert_eq!(
        tool("edit", json!({"filePath": "/lanes/a"})).unwrap(),
        "edits /lanes/a"
    );
    assert_eq!(
        tool("bash", json!({"command": "ls"})).unwrap(),
        "runs ls",
        "the first rule that fits is shown"
    );
    assert_eq!(tool("glob", json!({})).unwrap(), "uses glob");
}

#[test]
fn odd_lines_are_survived() {
    let config = preset("codex");
    let mut fold = fold(&config, Allowance::default());
    for line in [
        &b"not json"[..],
        b"\xff\xfe\xfd",
        b"{\"type\":\"turn.completed\"",
        b"[]",
        b"42",
    ] {
        assert_eq!(fold.line(line), Update::default());
    }
    assert_eq!(fold.foreign_lines(), 5);
    for line in [
        &br#"{"type":"from_the_future","x":1}"#[..],
        br#"{"type":7}"#,
        br#"{"type":"turn.failed"}"#,
        br#"{"type":"item.completed","item":"a string"}"#,
        br#"{"type":"turn.completed","usage":[]}"#,
        b"  ",
    ] {
        fold.line(line);
    }
    assert_eq!(fold.foreign_lines(), 5, "unknown kinds are of the protocol");
    let mut line = says("caf?").to_string().into_bytes();
    let at = line.iter().position(|b| *b == b'?').unwrap();
    line[at] = 0xff;
    fold.line(&line);
    let got = fold.finish(&end(Ended::Itself, 0, ""), None, None);
    assert_eq!(
        got.outcome,
        EngineOutcome::Undeclared {
            last_words: "caf\u{fffd}".to_owned()
        }
    );
    assert_eq!((got.usage, got.session), (Usage::default(), None));
}

#[test]
fn what_an_agent_says_is_kept_within_bounds() {
    let config = CommandTable::parse("program = \"a\"")
        .unwrap()
        .resolve("mine")
        .unwrap();
    let mut fold = fold(&config, Allowance::default());
    let line = "é".repeat(40_000);
    for _ in 0..50 {
        fold.line(line.as_bytes());
    }
    fold.line(b"the end");
    let got = fold.finish(&end(Ended::Itself, 0, ""), None, None).outcome;
    assert!(
        matches!(&got, EngineOutcome::Undeclared { last_words } if last_words.ends_with("the end") && last_words.chars().count() <= 501),
        "{got:?}"
    );
}

proptest! {
    #[test]
    fn no_bytes_panic_or_complete(
        lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..12),
        code in 0..256i32,
        name in proptest::sample::select(presets::NAMES),
    ) {
        let config = preset(name);
        let mut fold = fold(&config, Allowance::default());
        for line in &lines {
            fold.line(line);
        }
        let got = fold.finish(&end(Ended::Itself, code, "x"), None, None);
        let is_failed = matches!(got.outcome, EngineOutcome::Failed(_));
        prop_assert!(is_failed || word(&got.outcome) == "undeclared");
        prop_assert!(code == 0 || is_failed);
    }
}
