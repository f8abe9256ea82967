use super::fold::{End, Fold, Update};
use super::*;
use crate::model::{ChunkId, Session, SpecId};
use crate::ports::Prompt;
use crate::proc::Ended;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::cell::RefCell;

fn end(ended: Ended, code: i32) -> End {
    End {
        ended,
        code,
        stderr: String::new(),
        timeout: Duration::from_secs(600),
        stall: Duration::from_secs(60),
    }
}

fn fold(lines: &[Value]) -> Fold {
    let mut fold = Fold::new(Path::new("/lane"));
    for line in lines {
        fold.line(line.to_string().as_bytes());
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
fn a_refused_key_is_hopeless_at_once() {
    let mut fold = Fold::new(Path::new("/lane"));
    let retry = json!({"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 10, "retry_delay_ms": 600.5,
        "error_status": 401, "error": "authentication_failed"});
    let update = fold.line(retry.to_string().as_bytes());
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
    let mut fold = Fold::new(Path::new("/lane"));
    let mut steps = |name: &str, input: Value| {
        let line = json!({"type": "assistant", "message": {"id": "m1", "model": "m", "content": [
            {"type": "tool_use", "name": name, "input": input}], "usage": {"input_tokens": 4, "output_tokens": 1}}});
        let Update { steps, usage, .. } = fold.line(line.to_string().as_bytes());
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
    let mut fold = Fold::new(Path::new("/lane"));
    for line in [
        &b"not json"[..],
        b"\xff\xfe\xfd",
        b"{\"type\":\"result\"",
        b"[]",
        b"42",
        b"{}",
    ] {
        assert_eq!(fold.line(line), Update::default());
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
        fold.line(line);
    }
    assert_eq!(fold.foreign_lines(), 6, "unknown kinds are of the protocol");
    // A result in which everything but the ending has an unexpected shape, and bytes that are not UTF-8.
    let mut line = result(&json!({"structured_output": done(), "total_cost_usd": "free", "usage": 3, "session_id": 4, "result": "?"}))
        .to_string()
        .into_bytes();
    let at = line.iter().position(|b| *b == b'?').unwrap();
    line[at] = 0xff;
    fold.line(&line);
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
        let mut fold = Fold::new(Path::new("/lane"));
        for line in &lines {
            fold.line(line);
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
