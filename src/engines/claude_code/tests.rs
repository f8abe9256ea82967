use super::fold::{End, Fold, Update};
use super::meter::Bounds;
use super::*;
use crate::model::{Allowance, ChunkId, Session, SpecId};
use crate::ports::Prompt;
use crate::proc::Ended;
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::cell::RefCell;

/// When every line of a test comes.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_200_000, 0).unwrap()
}

fn end(ended: Ended, code: i32) -> End {
    End {
        ended,
        code,
        stderr: String::new(),
        timeout: Duration::from_secs(600),
        stall: Duration::from_secs(60),
        at: now(),
    }
}

fn fold(lines: &[Value]) -> Fold {
    let mut fold = Fold::new(Path::new("/lane"), Bounds::default());
    for line in lines {
        fold.line(line.to_string().as_bytes(), now());
    }
    fold
}

fn result(extra: &Value) -> Value {
    let mut line = json!({"type": "result", "subtype": "success", "is_error": false, "num_turns": 2, "result": "All done.",
        "session_id": "s-1", "total_cost_usd": 0.02, "usage": {"input_tokens": 10, "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 7, "output_tokens": 3}});
    for (key, value) in extra.as_object().unwrap() {
        line[key] = value.clone();
    }
    line
}

fn outcome(lines: &[Value], ended: Ended, code: i32) -> EngineOutcome {
    fold(lines).finish(&end(ended, code)).outcome
}

fn done() -> Value {
    json!({"kind": "complete_chunk", "summary": "built it", "confidence": 0.9, "rationale": "tests pass"})
}

#[test]
fn less_than_nothing_is_no_cost() {
    for said in [json!(-0.5), json!(1e308), json!(0)] {
        let report =
            fold(&[result(&json!({ "total_cost_usd": said }))]).finish(&end(Ended::Itself, 0));
        let expected = said.as_f64().filter(|usd| *usd >= 0.0);
        assert_eq!(
            report.cost,
            expected.map_or(Cost::Unknown, Cost::Usd),
            "{said}"
        );
    }
}

#[test]
fn declared_endings() {
    let report = fold(&[
        json!({"type": "system", "subtype": "init", "session_id": "s-1", "model": "m-1"}),
        result(&json!({"structured_output": done()})),
        json!({"type": "system", "subtype": "task_notification", "task_id": "t"}),
    ])
    .finish(&end(Ended::Itself, 0));
    assert!(
        matches!(&report.outcome, EngineOutcome::Completed(c) if c.summary == "built it"),
        "{report:?}"
    );
    assert_eq!(
        (report.usage.input, report.usage.cached, report.usage.output),
        (Some(15), Some(7), Some(3))
    );
    assert_eq!(report.cost, Cost::Usd(0.02));
    assert_eq!(
        (report.session.as_deref(), report.model.as_deref()),
        (Some("s-1"), Some("m-1"))
    );

    let block = json!({"kind": "block_chunk", "summary": "", "confidence": 0, "rationale": "", "reason": "no key", "needs": "which key?"});
    assert!(matches!(
        outcome(&[result(&json!({"structured_output": block}))], Ended::Itself, 0),
        EngineOutcome::Blocked(b) if b.needs == "which key?"
    ));
    // Declared before we ended it: it counts, whatever signal its end shows.
    assert!(matches!(
        outcome(
            &[result(&json!({"structured_output": done()}))],
            Ended::TimedOut,
            143
        ),
        EngineOutcome::Completed(_)
    ));
    assert!(matches!(
        outcome(
            &[result(&json!({"structured_output": done()}))],
            Ended::Itself,
            1
        ),
        EngineOutcome::Failed(EngineError::Protocol { .. })
    ));
    for undeclared in [
        json!({}),
        json!({"structured_output": null}),
        json!({"structured_output": {"kind": "tick_everything"}}),
    ] {
        let got = outcome(&[result(&undeclared)], Ended::Itself, 0);
        assert!(
            matches!(got, EngineOutcome::Undeclared { .. }),
            "{undeclared}: {got:?}"
        );
    }
}

#[test]
fn ordinary_output_is_no_limit() {
    let chatter = json!({"type": "assistant", "message": {"id": "m", "content": [
        {"type": "text", "text": "API Error: 429 usage limit reached, Credit balance is too low"}]}});
    let got = outcome(
        &[
            chatter,
            result(&json!({"result": "usage limit reached is now handled (429)"})),
        ],
        Ended::Itself,
        0,
    );
    assert!(matches!(got, EngineOutcome::Undeclared { .. }), "{got:?}");
}

#[test]
fn errors_by_field_before_words() {
    use EngineError as E;
    let failed = |extra: Value| match outcome(&[result(&extra)], Ended::Itself, 0) {
        EngineOutcome::Failed(error) => error,
        other => panic!("{extra}: {other:?}"),
    };
    for (status, check) in [
        (401, (|e| matches!(e, E::Auth { .. })) as fn(&E) -> bool),
        (403, |e| matches!(e, E::Auth { .. })),
        (402, |e| matches!(e, E::Credit { .. })),
        (413, |e| matches!(e, E::ContextTooLong { .. })),
        (429, |e| matches!(e, E::RateLimited { until: None, .. })),
        (529, |e| matches!(e, E::Overloaded { .. })),
        (500, |e| matches!(e, E::Transient { .. })),
        (503, |e| matches!(e, E::Transient { .. })),
        (400, |e| matches!(e, E::InvalidRequest { .. })),
        (404, |e| matches!(e, E::InvalidRequest { .. })),
    ] {
        // The words say something else: the field decides.
        let error = failed(
            json!({"is_error": true, "api_error_status": status, "result": "Not logged in"}),
        );
        assert!(check(&error), "{status}: {error:?}");
    }
    for (said, check) in [
        (
            "Claude AI usage limit reached|1795204075",
            (|e| matches!(e, E::RateLimited { until: Some(_), .. })) as fn(&E) -> bool,
        ),
        ("usage limit reached", |e| {
            matches!(e, E::RateLimited { until: None, .. })
        }),
        (
            "You've hit your session limit · resets 7:47pm (UTC)",
            |e| matches!(e, E::RateLimited { .. }),
        ),
        ("Not logged in · Please run /login", |e| {
            matches!(e, E::Auth { .. })
        }),
        ("Credit balance is too low", |e| {
            matches!(e, E::Credit { .. })
        }),
        ("Prompt is too long", |e| {
            matches!(e, E::ContextTooLong { .. })
        }),
        ("API Error: 529 overloaded", |e| {
            matches!(e, E::Overloaded { .. })
        }),
        (
            "API Error: Unable to connect to API (ConnectionRefused)",
            |e| matches!(e, E::Transient { .. }),
        ),
        ("I saw: usage limit reached", |e| {
            matches!(e, E::Protocol { .. })
        }),
    ] {
        let error = failed(json!({"is_error": true, "result": said}));
        assert!(check(&error), "{said}: {error:?}");
    }
    // Older releases: an error subtype without is_error.
    assert!(matches!(
        failed(json!({"subtype": "error_max_turns"})),
        E::TurnLimit { turns: 2 }
    ));
    assert!(matches!(
        failed(json!({"subtype": "error_of_the_future"})),
        E::Protocol { .. }
    ));
}

#[test]
fn a_refusing_limit_tells_its_end() {
    let event = |status: &str| json!({"type": "rate_limit_event", "rate_limit_info": {"status": status, "resetsAt": 1_795_204_075}});
    let over = result(&json!({"is_error": true, "result": "limit"}));
    assert!(matches!(
        outcome(&[event("rejected"), over.clone()], Ended::Itself, 1),
        EngineOutcome::Failed(EngineError::RateLimited { until: Some(at), .. }) if at.timestamp() == 1_795_204_075
    ));
    assert!(matches!(
        outcome(&[event("allowed_warning"), over], Ended::Itself, 1),
        EngineOutcome::Failed(EngineError::Protocol { .. })
    ));
}

#[test]
fn a_limit_ends_as_a_field_says_else_as_it_waits_else_as_words_say() {
    let retry = json!({"type": "system", "subtype": "api_retry", "error": "rate_limit", "error_status": 429, "retry_delay_ms": 29_999.5});
    let event = json!({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1_795_204_075}});
    let over =
        |text: &str| result(&json!({"is_error": true, "api_error_status": 429, "result": text}));
    let in_words = "limited · try again in 5m";
    let seconds = |lines: &[Value], ended, code| match outcome(lines, ended, code) {
        EngineOutcome::Failed(EngineError::RateLimited { until, .. }) => {
            until.map(|at| (at - now()).num_seconds())
        }
        other => panic!("{other:?}"),
    };
    for (lines, ended, want) in [
        (
            vec![event.clone(), over(in_words)],
            Ended::Itself,
            Some(4_075),
        ),
        (
            vec![retry.clone(), event, over(in_words)],
            Ended::Itself,
            Some(4_075),
        ),
        (vec![retry.clone(), over(in_words)], Ended::Itself, Some(30)),
        (vec![over(in_words)], Ended::Itself, Some(300)),
        (vec![over("limited")], Ended::Itself, None),
        (vec![retry.clone()], Ended::Stalled, Some(30)),
        (vec![retry.clone()], Ended::TimedOut, Some(30)),
    ] {
        assert_eq!(seconds(&lines, ended, 1), want, "{lines:?}");
    }
    // A wait that is over says nothing about the limit that came after it.
    let mut fold = fold(&[retry, over("limited")]);
    let later = End {
        at: now() + chrono::TimeDelta::seconds(31),
        ..end(Ended::Itself, 1)
    };
    fold.line(b"", now());
    let report = fold.finish(&later);
    assert!(
        matches!(
            &report.outcome,
            EngineOutcome::Failed(EngineError::RateLimited { until: None, .. })
        ),
        "{report:?}"
    );
    for odd in [json!(-1), json!(1e300), json!("soon"), json!(9e15)] {
        let retry = json!({"type": "system", "subtype": "api_retry", "error": "overloaded", "retry_delay_ms": odd});
        let got = outcome(&[retry], Ended::Stalled, 143);
        assert!(
            matches!(
                got,
                EngineOutcome::Failed(EngineError::Overloaded { until: None, .. })
            ),
            "{odd}: {got:?}"
        );
    }
}

#[test]
fn whose_dollars_it_kept_to() {
    let over = result(
        &json!({"subtype": "error_max_budget_usd", "is_error": true, "errors": ["Reached maximum budget"]}),
    );
    let stopped = |usd_is_allowance| {
        let bounds = Bounds {
            usd_is_allowance,
            ..Bounds::default()
        };
        let mut fold = Fold::new(Path::new("/lane"), bounds);
        fold.line(over.to_string().as_bytes(), now());
        fold.finish(&end(Ended::Itself, 1)).outcome
    };
    assert!(matches!(
        stopped(true),
        EngineOutcome::Failed(EngineError::AllowanceSpent { .. })
    ));
    assert!(matches!(
        stopped(false),
        EngineOutcome::Failed(EngineError::Budget { .. })
    ));
}

#[test]
fn an_end_that_is_declared_by_the_response_that_reaches_the_bound_counts() {
    let says = |id: &str, name: &str, input: Value| {
        json!({"type": "assistant", "message": {"id": id, "model": "m", "content": [
            {"type": "tool_use", "id": "t", "name": name, "input": input}]}})
    };
    let over = result(&json!({"subtype": "error_max_budget_usd", "is_error": true}));
    let declares = |id: &str| says(id, "StructuredOutput", done());
    let writes = |id: &str| says(id, "Write", json!({"file_path": "/lane/a"}));
    for (lines, counts) in [
        (vec![writes("a"), declares("b"), over.clone()], true),
        // What the same response called besides was not done.
        (vec![writes("b"), declares("b"), over.clone()], false),
        // What was declared before was refused, or it would not have gone on.
        (vec![declares("a"), writes("b"), over.clone()], false),
        (
            vec![
                says("b", "StructuredOutput", json!({"kind": "other"})),
                over.clone(),
            ],
            false,
        ),
        (vec![over.clone()], false),
    ] {
        let got = outcome(&lines, Ended::Itself, 1);
        let completed = matches!(got, EngineOutcome::Completed(_));
        assert_eq!(completed, counts, "{lines:?}: {got:?}");
        assert!(counts || matches!(got, EngineOutcome::Failed(EngineError::Budget { .. })));
    }
}

#[test]
fn a_refused_key_is_hopeless_at_once() {
    let mut fold = Fold::new(Path::new("/lane"), Bounds::default());
    let retry = json!({"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 10, "retry_delay_ms": 600.5,
        "error_status": 401, "error": "authentication_failed"});
    let update = fold.line(retry.to_string().as_bytes(), now());
    assert!(update.hopeless);
    assert_eq!(
        update.steps,
        ["waits 1 s for the API (key refused, try 1 of 10)"]
    );
    let report = fold.finish(&end(Ended::ByCaller, 143));
    assert!(matches!(
        report.outcome,
        EngineOutcome::Failed(EngineError::Auth { .. })
    ));
    assert_eq!(report.cost, Cost::Usd(0.0));
}

#[test]
fn endings_without_a_result() {
    let init = json!({"type": "system", "subtype": "init", "session_id": "s", "model": "m"});
    let lines = std::slice::from_ref(&init);
    assert_eq!(
        outcome(lines, Ended::Stopped, 143),
        EngineOutcome::Interrupted
    );
    assert_eq!(
        outcome(lines, Ended::TimedOut, 143),
        EngineOutcome::Failed(EngineError::TimedOut { seconds: 600 })
    );
    assert_eq!(
        outcome(lines, Ended::Stalled, 137),
        EngineOutcome::Failed(EngineError::Stalled { seconds: 60 })
    );
    let killed = outcome(lines, Ended::Itself, 137);
    assert!(
        matches!(&killed, EngineOutcome::Failed(EngineError::Protocol { message }) if message.contains("signal 9")),
        "{killed:?}"
    );
    assert!(matches!(
        outcome(lines, Ended::Itself, 0),
        EngineOutcome::Failed(EngineError::Protocol { .. })
    ));
    assert!(matches!(
        outcome(&[], Ended::Itself, 127),
        EngineOutcome::Failed(EngineError::NotStarted { .. })
    ));
}

#[test]
fn steps_for_people() {
    let mut fold = Fold::new(Path::new("/lane"), Bounds::default());
    let mut steps = |name: &str, input: Value| {
        let line = json!({"type": "assistant", "message": {"id": "m1", "model": "m", "content": [
            {"type": "tool_use", "name": name, "input": input}], "usage": {"input_tokens": 4, "output_tokens": 1}}});
        let Update { steps, usage, .. } = fold.line(line.to_string().as_bytes(), now());
        assert_eq!(
            usage.unwrap().input,
            Some(4),
            "the same message is counted once"
        );
        steps.join("|")
    };
    assert_eq!(
        steps(
            "Write",
            json!({"file_path": "/lane/src/lib.rs", "content": "x"})
        ),
        "writes src/lib.rs"
    );
    assert_eq!(
        steps("Edit", json!({"file_path": "/elsewhere/a"})),
        "edits /elsewhere/a"
    );
    assert_eq!(
        steps("Bash", json!({"command": "cargo test\nrm x"})),
        "runs cargo test…"
    );
    assert_eq!(
        steps("Bash", json!({"command": "printf '\u{1b}[2J'"})),
        "runs printf ' [2J'"
    );
    assert_eq!(
        steps("Grep", json!({"pattern": "fn main"})),
        "searches for fn main"
    );
    assert_eq!(
        steps("Read", json!(["not", "an", "object"])),
        "reads a file"
    );
    assert_eq!(steps("Teleport", json!({})), "uses Teleport");
}

#[test]
fn odd_lines_are_survived() {
    let mut fold = Fold::new(Path::new("/lane"), Bounds::default());
    for line in [
        &b"not json"[..],
        b"\xff\xfe\xfd",
        b"{\"type\":\"result\"",
        b"[]",
        b"42",
        b"{}",
    ] {
        assert_eq!(fold.line(line, now()), Update::default());
    }
    assert_eq!(fold.foreign_lines(), 6);
    for line in [
        &br#"{"type":"from_the_future","x":1}"#[..],
        br#"{"type":"system","subtype":"from_the_future"}"#,
        br#"{"type":"assistant","message":"a string"}"#,
        br#"{"type":"assistant","message":{"content":"text","usage":[]}}"#,
        br#"{"type":"rate_limit_event","rate_limit_info":7}"#,
        b"  ",
    ] {
        fold.line(line, now());
    }
    assert_eq!(fold.foreign_lines(), 6, "unknown kinds are of the protocol");
    // A result in which everything but the ending has an unexpected shape, and bytes that are not UTF-8.
    let mut line = result(&json!({"structured_output": done(), "total_cost_usd": "free", "usage": 3, "session_id": 4, "result": "?"}))
        .to_string()
        .into_bytes();
    let at = line.iter().position(|b| *b == b'?').unwrap();
    line[at] = 0xff;
    fold.line(&line, now());
    let report = fold.finish(&end(Ended::Itself, 0));
    assert!(
        matches!(report.outcome, EngineOutcome::Completed(_)),
        "{report:?}"
    );
    assert_eq!(
        (report.cost, report.usage, report.session),
        (Cost::Unknown, Usage::default(), None)
    );
}

proptest! {
    #[test]
    fn no_bytes_panic_or_complete(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..12), code in 0..256i32) {
        let mut fold = Fold::new(Path::new("/lane"), Bounds::default());
        for line in &lines {
            fold.line(line, now());
        }
        let report = fold.finish(&end(Ended::Itself, code));
        prop_assert!(matches!(report.outcome, EngineOutcome::Failed(_)));
    }
}

// The engine with real processes: small shell scripts play Claude Code.

#[derive(Default)]
struct Seen {
    steps: RefCell<Vec<String>>,
    logged: RefCell<usize>,
}

impl EngineProgress for Seen {
    fn step(&self, text: &str) {
        self.steps.borrow_mut().push(text.to_owned());
    }
    fn usage(&self, _: Usage) {}
    fn log(&self, _: &str) {
        *self.logged.borrow_mut() += 1;
    }
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> DateTime<Utc> {
        now()
    }
}

struct Stage {
    dir: tempfile::TempDir,
    job: EngineJob,
}

impl Stage {
    /// A lane, and a program `claude` on PATH that runs this shell text.
    fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lane = dir.path().join("lane");
        std::fs::create_dir_all(&lane).unwrap();
        let system = "/usr/local/bin:/usr/bin:/bin".to_owned();
        // Written by a child: had this process held the program open for writing, another test's fork
        // could hold it still, and it could not be executed ("text file busy").
        let write = Command::shell(
            "cat > claude && chmod +x claude",
            dir.path(),
            SandboxPolicy::Trusted,
        )
        .env([("PATH".to_owned(), system.clone())])
        .stdin(format!("#!/bin/sh\n{script}\n"));
        let (_handle, stop) = StopSignal::new();
        assert!(
            block_on(proc::output(&write, Limits::default(), stop))
                .unwrap()
                .success()
        );
        let job = EngineJob {
            spec: SpecId::new("api"),
            chunk: ChunkId::new("T1"),
            title: "Add login".to_owned(),
            lane,
            spec_path: "specs/api.md".to_owned(),
            ends: crate::model::Ends::Build,
            prompt: Prompt {
                system: "SYSTEM".to_owned(),
                user: "Task: Add login".to_owned(),
            },
            attempt: 1,
            fixes: 0,
            session: Session::Begin("11111111-2222-4333-8444-000000000001".into()),
            model: Some("m-9".to_owned()),
            timeout: Duration::from_secs(600),
            stall: Duration::from_secs(600),
            allowance: Default::default(),
            env: vec![
                (
                    "PATH".to_owned(),
                    format!("{}:{system}", dir.path().display()),
                ),
                ("DISABLE_TELEMETRY".to_owned(), "as given".to_owned()),
            ],
            policy: SandboxPolicy::Unsandboxed,
        };
        Self { dir, job }
    }

    fn engine() -> ClaudeCode {
        ClaudeCode {
            config: ClaudeConfig {
                max_turns: Some(30),
                max_budget_usd: Some(1.5),
                extra_args: vec!["--fallback-model".to_owned(), "m-2".to_owned()],
                ..ClaudeConfig::default()
            },
            clock: Rc::new(Fixed),
            sweep: || 0,
        }
    }

    fn run(&self) -> (EngineReport, Seen) {
        let seen = Seen::default();
        let (_handle, stop) = StopSignal::new();
        let report = block_on(Self::engine().run(&self.job, &seen, stop));
        (report, seen)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Shell text that prints a line of the protocol.
fn prints(line: &Value) -> String {
    format!("cat <<'LINE'\n{line}\nLINE")
}

#[test]
fn a_review_is_offered_nothing_that_changes_anything() {
    let remark =
        json!({"path": "a.rs", "line": 0, "severity": "high", "claim": "wrong", "suggestion": ""});
    for (declared, is_review) in [
        (json!({"remarks": [remark]}), true),
        (json!({"remarks": []}), true),
        (done(), false),
        (json!({"remarks": [], "approve": true}), false),
    ] {
        let script = format!(
            "cd .. || exit 9; for a; do printf '%s\\n' \"$a\"; done > argv; cat > prompt\n{}",
            prints(&result(&json!({"structured_output": declared})))
        );
        let mut stage = Stage::new(&script);
        stage.job.ends = crate::model::Ends::Review;
        let (report, _) = stage.run();
        match report.outcome {
            EngineOutcome::Reviewed(_) => assert!(is_review, "{declared}"),
            EngineOutcome::Undeclared { .. } => assert!(!is_review, "{declared}"),
            other => panic!("{other:?}"),
        }
        let argv = stage.read("argv");
        let args: Vec<&str> = argv.lines().collect();
        for pair in [
            ["--permission-mode", "default"],
            ["--tools", "Read,Glob,Grep"],
        ] {
            assert!(args.windows(2).any(|w| w == pair), "{pair:?} in {args:?}");
        }
        assert!(!argv.contains("Edit") && !argv.contains("Bash"), "{argv}");
        let at = args.iter().position(|a| *a == "--json-schema").unwrap();
        let schema: Value = serde_json::from_str(args[at + 1]).unwrap();
        assert_eq!(schema, crate::core::review::answer::schema());
    }
}

#[test]
fn a_real_process_gets_its_assignment() {
    let script = format!(
        "cd .. || exit 9; for a; do printf '%s\\n' \"$a\"; done > argv; env > env; cat > prompt; echo noise; echo trouble >&2\n{}",
        prints(&result(&json!({"structured_output": done()})))
    );
    let mut stage = Stage::new(&script);
    // 180 KB of Japanese: far more than one argument can hold.
    stage.job.prompt.user = "日本語の仕様。".repeat(9_000);
    let (report, seen) = stage.run();
    assert!(
        matches!(report.outcome, EngineOutcome::Completed(_)),
        "{report:?}"
    );
    assert_eq!(
        stage.read("prompt"),
        format!("SYSTEM\n\n{}", stage.job.prompt.user)
    );
    let argv = stage.read("argv");
    let args: Vec<&str> = argv.lines().collect();
    for pair in [
        ["--output-format", "stream-json"],
        ["--permission-mode", "acceptEdits"],
        ["--tools", "Read,Edit,Write,Bash,Glob,Grep"],
        ["--model", "m-9"],
        ["--max-turns", "30"],
        ["--max-budget-usd", "1.5"],
        ["--fallback-model", "m-2"],
    ] {
        assert!(args.windows(2).any(|w| w == pair), "{pair:?} in {args:?}");
    }
    assert!(args.contains(&"-p") && args.contains(&"--verbose") && !args.contains(&"--resume"));
    assert!(
        args.contains(&format!("Edit(/{}/**)", stage.job.lane.display()).as_str()),
        "{args:?}"
    );
    assert!(
        !args.contains(&"Edit") && !args.contains(&"Write"),
        "an unscoped rule writes anywhere"
    );
    let at = args.iter().position(|a| *a == "--json-schema").unwrap();
    let schema: Value = serde_json::from_str(args[at + 1]).unwrap();
    assert_eq!(schema, crate::core::ending::flat_schema());
    let env = stage.read("env");
    assert!(
        env.contains("DISABLE_AUTOUPDATER=1\n") && env.contains("DISABLE_TELEMETRY=as given\n"),
        "{env}"
    );
    assert_eq!(
        *seen.logged.borrow(),
        4,
        "noise, trouble, result, and the count of foreign lines"
    );
}

#[test]
fn a_fix_turn_resumes_and_a_lost_session_starts_afresh() {
    let lost = json!({"type": "result", "subtype": "error_during_execution", "is_error": true, "num_turns": 0,
        "session_id": "s-0", "total_cost_usd": 0, "errors": ["No conversation found with session ID: s-0"]});
    let script = format!(
        "case \" $* \" in *' --resume s-0 '*) cat > ../resumed\n{}\nexit 1;; esac\ncat > ../fresh\n{}",
        prints(&lost),
        prints(&result(&json!({"structured_output": done()})))
    );
    let mut stage = Stage::new(&script);
    stage.job.fixes = 1;
    stage.job.session = Session::Continue("s-0".to_owned());
    let (report, seen) = stage.run();
    assert!(
        matches!(report.outcome, EngineOutcome::Completed(_)),
        "{report:?}"
    );
    assert_eq!(stage.read("resumed"), "Task: Add login");
    assert_eq!(stage.read("fresh"), "SYSTEM\n\nTask: Add login");
    assert_eq!(seen.steps.borrow().len(), 1);
    // A build turn that goes on in a session from before a crash tells the rules again.
    stage.job.fixes = 0;
    stage.run();
    assert_eq!(stage.read("resumed"), "SYSTEM\n\nTask: Add login");
    stage.job.session = Session::Continue("--dangerously-skip-permissions".to_owned());
    std::fs::remove_file(stage.dir.path().join("resumed")).unwrap();
    assert!(matches!(stage.run().0.outcome, EngineOutcome::Completed(_)));
    assert!(!stage.dir.path().join("resumed").exists());
}

#[test]
fn a_refused_key_ends_the_process_early() {
    let retry = json!({"type": "system", "subtype": "api_retry", "attempt": 1, "error_status": 401, "error": "authentication_failed"});
    let stage = Stage::new(&format!("{}\nexec tail -f /dev/null", prints(&retry)));
    let (report, _) = stage.run();
    assert!(
        matches!(
            report.outcome,
            EngineOutcome::Failed(EngineError::Auth { .. })
        ),
        "{report:?}"
    );
}

/// A whole streamed message, as lines.
fn message(id: &str, input: u64, output: u64, tool: &str) -> Vec<Value> {
    let usage = |output| json!({"input_tokens": input, "cache_read_input_tokens": 5, "output_tokens": output});
    let piece =
        |event: Value| json!({"type": "stream_event", "event": event, "parent_tool_use_id": null});
    vec![
        piece(
            json!({"type": "message_start", "message": {"id": id, "model": "m-9", "content": [], "usage": usage(1)}}),
        ),
        piece(
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{"}}),
        ),
        json!({"type": "assistant", "message": {"id": id, "model": "m-9", "usage": usage(1), "content": [
            {"type": "tool_use", "id": "t", "name": tool, "input": {}}]}}),
        piece(
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": output}}),
        ),
        piece(json!({"type": "message_stop"})),
    ]
}

#[test]
fn a_run_ends_when_its_allowance_is_spent() {
    let init = json!({"type": "system", "subtype": "init", "session_id": "s-1", "model": "m-9"});
    let lines = [
        vec![init],
        message("a", 100, 50, "Write"),
        message("b", 200, 40, "Bash"),
    ]
    .concat();
    let lines: Vec<String> = lines.iter().map(prints).collect();
    let script = format!(
        "for a; do printf '%s\\n' \"$a\"; done > ../argv\n{}\nexec tail -f /dev/null",
        lines.join("\n")
    );
    let mut stage = Stage::new(&script);
    stage.job.allowance = Allowance {
        tokens: Some(400),
        usd: Some(0.25),
    };
    let (report, seen) = stage.run();
    assert!(
        matches!(&report.outcome, EngineOutcome::Failed(EngineError::AllowanceSpent { message }) if message.contains("400 tokens")),
        "{report:?}"
    );
    assert_eq!(
        (report.usage.input, report.usage.cached, report.usage.output),
        (Some(300), Some(10), Some(90))
    );
    assert_eq!(report.cost, Cost::Unknown, "no price is known");
    assert_eq!(report.session.as_deref(), Some("s-1"));
    assert_eq!(*seen.logged.borrow(), 3, "pieces are not logged");
    let argv = stage.read("argv");
    assert!(argv.contains("--include-partial-messages\n"), "{argv}");
    assert!(
        argv.contains("--max-budget-usd\n0.25\n"),
        "less than the configured 1.5: {argv}"
    );

    // The same by dollars, where the price is known.
    stage.job.allowance = Allowance {
        tokens: None,
        usd: Some(0.0004),
    };
    let engine = ClaudeCode {
        config: ClaudeConfig {
            price: Some(Price {
                input: 1.0,
                cached: 0.0,
                output: 2.0,
            }),
            ..ClaudeConfig::default()
        },
        ..Stage::engine()
    };
    let (_handle, stop) = StopSignal::new();
    let report = block_on(engine.run(&stage.job, &Seen::default(), stop));
    assert!(
        matches!(&report.outcome, EngineOutcome::Failed(EngineError::AllowanceSpent { message }) if message.contains("$0.0005")),
        "{report:?}"
    );
    assert_eq!(report.cost, Cost::Usd(0.000_48));
}

#[test]
fn an_allowance_does_not_cut_off_the_end_that_is_declared() {
    let lines = [
        message("a", 500, 50, "StructuredOutput"),
        vec![result(&json!({"structured_output": done()}))],
    ]
    .concat();
    let lines: Vec<String> = lines.iter().map(prints).collect();
    let mut stage = Stage::new(&lines.join("\n"));
    stage.job.allowance.tokens = Some(10);
    let (report, _) = stage.run();
    assert!(
        matches!(report.outcome, EngineOutcome::Completed(_)),
        "{report:?}"
    );
}

#[test]
fn nothing_is_started_when_nothing_is_left() {
    for allowance in [
        Allowance {
            usd: Some(0.0),
            tokens: None,
        },
        Allowance {
            usd: Some(-0.1),
            tokens: None,
        },
        Allowance {
            usd: Some(f64::NAN),
            tokens: Some(9),
        },
        Allowance {
            usd: None,
            tokens: Some(0),
        },
    ] {
        let mut stage = Stage::new("touch ../started");
        stage.job.allowance = allowance;
        let (report, _) = stage.run();
        assert!(
            matches!(
                report.outcome,
                EngineOutcome::Failed(EngineError::AllowanceSpent { .. })
            ),
            "{report:?}"
        );
        assert_eq!(report.cost, Cost::Usd(0.0));
        assert!(!stage.dir.path().join("started").exists());
    }
}

#[test]
fn a_new_session_whose_name_is_taken_gets_another() {
    let id = "11111111-2222-4333-8444-000000000001";
    let script = format!(
        "case \" $* \" in *' --session-id '*) echo 'Error: Session ID {id} is already in use.' >&2; exit 1;; esac\ncat > ../fresh\n{}",
        prints(&result(
            &json!({"structured_output": done(), "session_id": "s-2"})
        ))
    );
    let stage = Stage::new(&script);
    let (report, seen) = stage.run();
    assert!(
        matches!(report.outcome, EngineOutcome::Completed(_)),
        "{report:?}"
    );
    assert_eq!(report.session.as_deref(), Some("s-2"));
    assert_eq!(stage.read("fresh"), "SYSTEM\n\nTask: Add login");
    assert_eq!(
        *seen.steps.borrow(),
        ["starts a fresh session: the name of this one is taken"]
    );
}

#[test]
fn silence_and_a_stop_end_the_process() {
    let mut stage = Stage::new("exec tail -f /dev/null");
    stage.job.stall = Duration::from_millis(50);
    let (report, _) = stage.run();
    assert!(
        matches!(
            report.outcome,
            EngineOutcome::Failed(EngineError::Stalled { .. })
        ),
        "{report:?}"
    );
    assert_eq!(report.cost, Cost::Unknown);

    stage.job.stall = Duration::from_secs(600);
    let (handle, stop) = StopSignal::new();
    handle.raise();
    let seen = Seen::default();
    let report = block_on(Stage::engine().run(&stage.job, &seen, stop));
    assert_eq!(report.outcome, EngineOutcome::Interrupted);
}

#[test]
fn a_missing_program_names_the_remedy() {
    let mut stage = Stage::new("exit 0");
    stage.job.env = vec![("PATH".to_owned(), "/nonexistent".to_owned())];
    let (report, _) = stage.run();
    assert!(
        matches!(&report.outcome, EngineOutcome::Failed(EngineError::NotStarted { message }) if message.contains("install Claude Code")),
        "{report:?}"
    );
    assert_eq!(report.cost, Cost::Usd(0.0));
    assert_eq!(find(Path::new("claude"), &stage.job.env), None);
}

#[test]
fn the_version_is_asked_for() {
    let probed = |script: &str| {
        let stage = Stage::new(script);
        block_on(probe(Path::new("claude"), &stage.job.env))
    };
    assert_eq!(
        probed("echo '2.1.197 (Claude Code)'").unwrap().version,
        "2.1.197"
    );
    let error = probed("echo broken >&2; exit 3").unwrap_err().to_string();
    assert!(
        error.contains("broken") && error.contains("exit code 3"),
        "{error}"
    );
    let error = block_on(probe(Path::new("claude"), &[])).unwrap_err();
    assert!(matches!(error, ProbeError::NotFound { .. }));
}
