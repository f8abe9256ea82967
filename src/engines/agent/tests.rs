//! The loop as a whole, with scripted models.

use super::replay::{Cassette, ReplayModel};
use super::*;
use crate::model::policy::SandboxPolicy;
use crate::model::{ChunkId, Cost, EngineError, EngineOutcome, Price, Session, SpecId, Usage};
use crate::ports::{ChatReply, ChatRequest, Prompt, StopHandle};
use chrono::{DateTime, Utc};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

const DONE: &str = r#"{"name": "complete_chunk", "arguments": {"summary": "s", "confidence": 1, "rationale": "r"}}"#;

/// Keeps what was reported; raises the stop at a step or a logged line, when told to.
#[derive(Default)]
pub(super) struct Seen {
    pub steps: RefCell<Vec<String>>,
    usages: RefCell<Vec<Usage>>,
    log: RefCell<Vec<String>>,
    stop_at: Option<(&'static str, StopHandle)>,
}

impl EngineProgress for Seen {
    fn step(&self, text: &str) {
        self.heard(text);
        self.steps.borrow_mut().push(text.to_owned());
    }
    fn usage(&self, usage: Usage) {
        self.usages.borrow_mut().push(usage);
    }
    fn log(&self, line: &str) {
        self.heard(line);
        self.log.borrow_mut().push(line.to_owned());
    }
}

impl Seen {
    fn heard(&self, text: &str) {
        if let Some((at, handle)) = &self.stop_at
            && text == *at
        {
            handle.raise();
        }
    }
}

/// A model that keeps what it was asked.
struct Spy {
    inner: ReplayModel,
    asked: Rc<RefCell<Vec<ChatRequest>>>,
}

impl ChatModel for Spy {
    fn model(&self) -> &str {
        self.inner.model()
    }
    fn max_output(&self) -> Option<u64> {
        self.inner.max_output()
    }
    fn price(&self) -> Option<Price> {
        self.inner.price()
    }
    fn context(&self) -> Option<u64> {
        self.inner.context()
    }
    fn reply<'a>(
        &'a self,
        request: &'a ChatRequest,
    ) -> LocalBoxFuture<'a, Result<ChatReply, EngineError>> {
        self.asked.borrow_mut().push(request.clone());
        self.inner.reply(request)
    }
}

/// A clock that goes with tokio's, from the moment that it was made; without one it stands.
pub(super) struct At(pub Option<tokio::time::Instant>);

impl Clock for At {
    fn now(&self) -> DateTime<Utc> {
        let begin = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        begin + self.0.map_or(Duration::ZERO, |began| began.elapsed())
    }
}

/// Jitter of a half.
pub(super) struct Half;

impl Rng for Half {
    fn bytes(&self) -> [u8; 16] {
        [
            0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ]
    }
}

/// An assignment to build one chunk in `lane`.
pub(super) fn job_in(lane: &Path) -> EngineJob {
    EngineJob {
        spec: SpecId::from("shop"),
        chunk: ChunkId::from("T1"),
        title: "Add pay".into(),
        lane: lane.to_owned(),
        spec_path: "specs/shop.md".into(),
        ends: crate::model::Ends::Build,
        prompt: Prompt {
            system: "the system".into(),
            user: "build it".into(),
        },
        attempt: 1,
        fixes: 0,
        session: Session::Begin("11111111-2222-4333-8444-000000000001".into()),
        model: None,
        timeout: Duration::from_secs(600),
        stall: Duration::from_secs(600),
        allowance: Default::default(),
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        policy: SandboxPolicy::Unsandboxed,
    }
}

struct Bench {
    dir: tempfile::TempDir,
    engine: AgentEngine,
    asked: Rc<RefCell<Vec<ChatRequest>>>,
}

impl Bench {
    fn new(cassette: &str) -> Self {
        let asked = Rc::default();
        let spy = Spy {
            inner: ReplayModel::new(Cassette::parse("tape", cassette).unwrap()),
            asked: Rc::clone(&asked),
        };
        Self {
            dir: tempfile::tempdir().unwrap(),
            engine: AgentEngine::new("replay", Box::new(spy), Rc::new(At(None)), Rc::new(Half))
                .with_retry(RetryPolicy {
                    max_retries: 0,
                    ..RetryPolicy::default()
                }),
            asked,
        }
    }

    fn job(&self) -> EngineJob {
        job_in(self.dir.path())
    }

    fn run_job(&self, job: &EngineJob, progress: &Seen, stop: StopSignal) -> EngineReport {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(self.engine.run(job, progress, stop))
    }

    fn run(&self) -> (EngineReport, Seen) {
        let seen = Seen::default();
        let (_handle, stop) = StopSignal::new();
        (self.run_job(&self.job(), &seen, stop), seen)
    }

    /// The conversation as the model last saw it.
    fn last_asked(&self) -> Vec<ChatMessage> {
        self.asked.borrow().last().unwrap().messages.clone()
    }
}

/// The cassette of one turn a line, each a list of calls.
fn calls(turns: &[&str]) -> String {
    turns
        .iter()
        .map(|t| format!("{{\"chunk\": \"T1\", \"calls\": [{t}]}}\n"))
        .collect()
}

fn results(messages: &[ChatMessage]) -> Vec<&str> {
    messages
        .iter()
        .filter_map(|m| match m {
            ChatMessage::ToolResult { content, .. } => Some(content.as_str()),
            ChatMessage::User(_) | ChatMessage::Assistant { .. } => None,
        })
        .collect()
}

/// Every call answered right behind its message, and no two user messages in a row.
pub(super) fn assert_valid(messages: &[ChatMessage]) {
    let mut open: VecDeque<String> = VecDeque::new();
    let mut after_user = false;
    for message in messages {
        match message {
            ChatMessage::ToolResult { id, .. } => assert_eq!(open.pop_front().as_ref(), Some(id)),
            ChatMessage::User(_) => assert!(open.is_empty() && !after_user),
            ChatMessage::Assistant { calls, .. } => {
                assert!(open.is_empty());
                open = calls.iter().map(|c| c.id.clone()).collect();
            }
        }
        after_user = matches!(message, ChatMessage::User(_));
    }
    assert!(open.is_empty());
}

#[test]
fn a_chunk_is_built() {
    let write = r#"{"name": "write_file", "arguments": {"path": "a.txt", "content": "hi\n"}}"#;
    let cat = r#"{"name": "run_command", "arguments": {"command": "cat a.txt"}}"#;
    let bench = Bench::new(&format!(
        "{{\"cassette\": 1, \"model\": \"script\"}}\n\
         {{\"chunk\": \"*\", \"text\": \"I write.\", \"calls\": [{write}, {cat}], \"usage\": {{\"input\": 5, \"output\": 1}}, \"cost_usd\": 0.5}}\n\
         {{\"chunk\": \"*\", \"calls\": [{DONE}, {write}], \"usage\": {{\"input\": 7}}, \"cost_usd\": 0.25}}\n"
    ));
    let (report, seen) = bench.run();
    assert!(
        matches!(&report.outcome, EngineOutcome::Completed(c) if c.summary == "s"),
        "{report:?}"
    );
    assert_eq!(
        report.usage,
        Usage {
            input: Some(12),
            cached: None,
            output: Some(1)
        }
    );
    assert_eq!(
        (report.cost, report.model.as_deref()),
        (Cost::Usd(0.75), Some("script"))
    );
    assert_eq!(
        *seen.steps.borrow(),
        ["writes a.txt", "runs cat a.txt", "asks to complete"]
    );
    assert_eq!(seen.usages.borrow().last(), Some(&report.usage));
    assert!(
        seen.log.borrow().iter().any(|l| l == "hi"),
        "{:?}",
        seen.log
    );
    let asked = bench.asked.borrow();
    assert_eq!(
        (
            asked[1].turn,
            asked[1].system.as_str(),
            asked[1].tools.len()
        ),
        (1, "the system", TOOLS.len())
    );
    assert_eq!(
        results(&asked[1].messages),
        [
            "created a.txt: 1 lines, 3 bytes",
            "exit code 0\n--- stdout\nhi"
        ]
    );
}

#[test]
fn a_review_reads_and_reports_and_can_do_nothing_else() {
    let write = r#"{"name": "write_file", "arguments": {"path": "a.txt", "content": "hi\n"}}"#;
    let read = r#"{"name": "read_file", "arguments": {"path": "a.txt"}}"#;
    let bad = r#"{"name": "report_review", "arguments": {"remarks": [{"path": "a.txt"}]}}"#;
    let report = r#"{"name": "report_review", "arguments": {"remarks": [
        {"path": "a.txt", "line": 1, "severity": "high", "claim": "wrong", "suggestion": ""}]}}"#
        .replace('\n', " ");
    let prose = "{\"chunk\": \"T1\", \"text\": \"Looks good.\"}\n";
    let turns = [write, DONE, read, bad, report.as_str()];
    let bench = Bench::new(&format!("{prose}{}", calls(&turns)));
    crate::fsx::atomic::write(&bench.dir.path().join("a.txt"), b"as it was\n").unwrap();
    let job = EngineJob {
        ends: crate::model::Ends::Review,
        ..bench.job()
    };
    let (_handle, stop) = StopSignal::new();
    let ended = bench.run_job(&job, &Seen::default(), stop);
    let EngineOutcome::Reviewed(remarks) = ended.outcome else {
        panic!("{ended:?}");
    };
    assert_eq!(remarks[0].claim, "wrong");
    let kept = std::fs::read_to_string(bench.dir.path().join("a.txt")).unwrap();
    assert_eq!(kept, "as it was\n");
    let asked = bench.last_asked();
    let answers = results(&asked);
    assert!(
        answers[0].starts_with("there is no tool `write_file`"),
        "{answers:?}"
    );
    assert!(
        answers[1].starts_with("there is no tool `complete_chunk`"),
        "{answers:?}"
    );
    assert!(answers[2].contains("as it was"), "{answers:?}");
    assert!(answers[3].contains("do not fit"), "{answers:?}");
    assert!(format!("{asked:?}").contains("or end with `report_review`"));
    let offered: Vec<&str> = bench.asked.borrow()[0]
        .tools
        .iter()
        .map(|t| t.name)
        .collect();
    assert_eq!(
        offered,
        ["read_file", "list_dir", "search", "report_review"]
    );
}

#[test]
fn how_runs_end() {
    let block =
        r#"{"name": "block_chunk", "arguments": {"reason": "no key", "needs": "which key?"}}"#;
    let list = r#"{"name": "list_dir", "arguments": {"path": "."}}"#;
    let bad = r#"{"name": "complete_chunk", "arguments": {"summary": "s"}}"#;
    let unknown = r#"{"name": "tick_box", "arguments": {}}"#;
    type Check = fn(&EngineOutcome) -> bool;
    let undeclared: Check =
        |o| matches!(o, EngineOutcome::Undeclared { last_words } if last_words == "really");
    let cases: Vec<(&str, String, usize, Check)> = vec![
        (
            "blocked",
            calls(&[block]),
            1,
            |o| matches!(o, EngineOutcome::Blocked(b) if b.needs == "which key?"),
        ),
        (
            "a malformed ending and an unknown tool are answered",
            calls(&[bad, unknown, DONE]),
            3,
            |o| matches!(o, EngineOutcome::Completed(_)),
        ),
        (
            "prose is nudged once",
            "{\"chunk\": \"*\", \"text\": \"done!\"}\n{\"chunk\": \"*\", \"text\": \"really\"}"
                .into(),
            2,
            undeclared,
        ),
        (
            "no answer at all",
            "{\"chunk\": \"*\", \"text\": \"\"}\n{\"chunk\": \"*\", \"text\": \"really\"}".into(),
            2,
            undeclared,
        ),
        (
            "in circles",
            calls(&[list; 9]),
            4,
            |o| matches!(o, EngineOutcome::Undeclared { last_words } if last_words.contains("`list_dir` was repeated")),
        ),
        (
            "the cassette is over",
            calls(&[list]),
            2,
            |o| matches!(o, EngineOutcome::Failed(EngineError::Protocol { message }) if message.contains("turn 2")),
        ),
        (
            "the provider fails",
            r#"{"chunk": "T1", "error": {"kind": "credit", "message": "empty"}}"#.into(),
            1,
            |o| matches!(o, EngineOutcome::Failed(EngineError::Credit { .. })),
        ),
    ];
    for (name, cassette, turns, check) in cases {
        let bench = Bench::new(&cassette);
        let (report, _) = bench.run();
        assert!(check(&report.outcome), "{name}: {report:?}");
        assert_eq!(bench.asked.borrow().len(), turns, "{name}");
        bench
            .asked
            .borrow()
            .iter()
            .for_each(|r| assert_valid(&r.messages));
        // Who was turned away before anything was said has spent nothing.
        let spent = match turns {
            1 if name == "the provider fails" => (Cost::Usd(0.0), Some(0)),
            _ => (Cost::Unknown, None),
        };
        assert_eq!((report.cost, report.usage.total()), spent, "{name}");
    }
}

#[test]
fn the_model_is_told_what_went_wrong() {
    let bad = r#"{"name": "complete_chunk", "arguments": {"summary": "s", "confidence": 2, "rationale": "r"}}"#;
    let unread = r#"{"name": "read_file", "arguments": {"file": "x"}}"#;
    let list = r#"{"name": "list_dir", "arguments": {"path": "."}}"#;
    let bench = Bench::new(&calls(&[bad, unread, list, list, list, DONE]));
    bench.run();
    let messages = bench.last_asked();
    let results = results(&messages);
    assert!(
        results[0].contains("between 0 and 1") && results[0].contains("schema"),
        "{}",
        results[0]
    );
    assert!(
        results[1].contains("unknown field `file`") && results[1].contains("\"offset\""),
        "{}",
        results[1]
    );
    assert!(
        !results[3].contains("3 times") && results[4].contains("3 times"),
        "{results:?}"
    );
}

#[test]
fn turns_are_bounded() {
    let turns: Vec<String> = (0..5)
        .map(|n| {
            format!("{{\"name\": \"run_command\", \"arguments\": {{\"command\": \"echo {n}\"}}}}")
        })
        .collect();
    let turns: Vec<&str> = turns.iter().map(String::as_str).collect();
    let mut bench = Bench::new(&calls(&turns));
    bench.engine = bench.engine.with_bounds(Bounds {
        turns: 3,
        ..Bounds::default()
    });
    let (report, _) = bench.run();
    assert_eq!(
        report.outcome,
        EngineOutcome::Failed(EngineError::TurnLimit { turns: 3 })
    );
    assert_eq!(bench.asked.borrow().len(), 3);
}

#[test]
fn a_silent_model_stalls_and_the_whole_run_is_bounded() {
    let bench = Bench::new(r#"{"chunk": "T1", "error": {"kind": "hang"}}"#);
    let (_handle, stop) = StopSignal::new();
    let mut job = bench.job();
    job.stall = Duration::from_millis(20);
    let report = bench.run_job(&job, &Seen::default(), stop.clone());
    assert_eq!(
        report.outcome,
        EngineOutcome::Failed(EngineError::Stalled { seconds: 0 })
    );
    job.stall = Duration::from_secs(600);
    job.timeout = Duration::from_millis(20);
    let report = bench.run_job(&job, &Seen::default(), stop);
    assert_eq!(
        report.outcome,
        EngineOutcome::Failed(EngineError::TimedOut { seconds: 0 })
    );
}

#[test]
fn the_end_of_the_run_ends_a_command() {
    let hang = r#"{"name": "run_command", "arguments": {"command": "exec tail -f /dev/null"}}"#;
    let bench = Bench::new(&calls(&[hang, DONE]));
    let (_handle, stop) = StopSignal::new();
    let mut job = bench.job();
    job.timeout = Duration::from_millis(300);
    let report = bench.run_job(&job, &Seen::default(), stop);
    assert!(
        matches!(
            report.outcome,
            EngineOutcome::Failed(EngineError::TimedOut { .. })
        ),
        "{report:?}"
    );
}

#[test]
fn a_stop_before_and_while_the_model_thinks() {
    let bench = Bench::new(r#"{"chunk": "T1", "error": {"kind": "hang"}}"#);
    let (handle, stop) = StopSignal::new();
    handle.raise();
    let report = bench.run_job(&bench.job(), &Seen::default(), stop);
    assert_eq!(report.outcome, EngineOutcome::Interrupted);
    assert!(bench.asked.borrow().is_empty());

    let (handle, stop) = StopSignal::new();
    let (job, seen) = (bench.job(), Seen::default());
    let report = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            let run = bench.engine.run(&job, &seen, stop);
            let raise = async {
                tokio::task::yield_now().await;
                handle.raise();
            };
            tokio::join!(run, raise).0
        });
    assert_eq!(
        (report.outcome, report.cost),
        (EngineOutcome::Interrupted, Cost::Unknown)
    );
    assert_eq!(bench.asked.borrow().len(), 1);
}

#[test]
fn a_stop_ends_a_hanging_command_and_keeps_the_conversation_valid() {
    let hang = r#"{"name": "run_command", "arguments": {"command": "echo ready; exec tail -f /dev/null"}}"#;
    let tape = format!(
        "{}{{\"chunk\": \"T1\", \"fixes\": 1, \"calls\": [{DONE}]}}",
        calls(&[&format!("{hang}, {DONE}")])
    );
    let bench = Bench::new(&tape);
    let (handle, stop) = StopSignal::new();
    let seen = Seen {
        stop_at: Some(("ready", handle)),
        ..Seen::default()
    };
    let report = bench.run_job(&bench.job(), &seen, stop);
    assert_eq!(report.outcome, EngineOutcome::Interrupted);

    let (_handle, stop) = StopSignal::new();
    let mut fix = bench.job();
    (fix.fixes, fix.session) = (1, Session::Continue(report.session.unwrap()));
    let report = bench.run_job(&fix, &Seen::default(), stop);
    assert!(
        matches!(report.outcome, EngineOutcome::Completed(_)),
        "{report:?}"
    );
    let messages = bench.last_asked();
    assert_valid(&messages);
    assert!(
        results(&messages)[0].contains("was stopped")
            && results(&messages)[1].contains("not carried out")
    );
}

#[test]
fn a_stop_between_calls_carries_out_no_more() {
    let write = |path: &str| {
        format!(
            "{{\"name\": \"write_file\", \"arguments\": {{\"path\": \"{path}\", \"content\": \"\"}}}}"
        )
    };
    let bench = Bench::new(&calls(&[&format!("{}, {}", write("a"), write("b"))]));
    let (handle, stop) = StopSignal::new();
    let seen = Seen {
        stop_at: Some(("writes a", handle)),
        ..Seen::default()
    };
    let report = bench.run_job(&bench.job(), &seen, stop);
    assert_eq!(report.outcome, EngineOutcome::Interrupted);
    assert!(exists(&bench, "a") && !exists(&bench, "b"));
}

fn exists(bench: &Bench, path: &str) -> bool {
    Path::exists(&bench.dir.path().join(path))
}

#[test]
fn a_fix_turn_goes_on_with_the_conversation() {
    let tape = format!(
        "{}{{\"chunk\": \"T1\", \"fixes\": 1, \"calls\": [{DONE}]}}\n{{\"chunk\": \"T1\", \"fixes\": 2, \"text\": \"no\"}}\n\
         {{\"chunk\": \"T1\", \"fixes\": 2, \"calls\": [{DONE}]}}\n",
        calls(&[DONE])
    );
    let bench = Bench::new(&tape);
    let (build, _) = bench.run();
    let (_handle, stop) = StopSignal::new();
    let mut fix = bench.job();
    fix.prompt.user = "a check failed".into();
    (fix.fixes, fix.session) = (1, Session::Continue(build.session.clone().unwrap()));
    let first = bench.run_job(&fix, &Seen::default(), stop.clone());
    assert_eq!(first.session, build.session);
    let messages = bench.last_asked();
    assert_eq!(
        messages.first(),
        Some(&ChatMessage::User("build it".into()))
    );
    assert_eq!(
        messages.last(),
        Some(&ChatMessage::User("a check failed".into()))
    );
    assert_valid(&messages);
    assert_eq!(
        bench.asked.borrow().last().map(|r| (r.fixes, r.turn)),
        Some((1, 0))
    );

    (fix.fixes, fix.session) = (2, Session::Continue(first.session.unwrap()));
    let second = bench.run_job(&fix, &Seen::default(), stop.clone());
    assert!(
        matches!(second.outcome, EngineOutcome::Completed(_)),
        "{second:?}"
    );
    assert_valid(&bench.last_asked());
    assert_eq!(bench.last_asked().len(), 9);

    // A session of an earlier process is not known: the fix turn plays the same from a new start.
    let later = Bench::new(&tape);
    (fix.fixes, fix.session) = (1, Session::Continue(build.session.clone().unwrap()));
    let report = later.run_job(&fix, &Seen::default(), stop);
    assert!(
        matches!(report.outcome, EngineOutcome::Completed(_)),
        "{report:?}"
    );
    assert_eq!(
        later.last_asked(),
        [ChatMessage::User("a check failed".into())]
    );
    assert_eq!(report.session, build.session);
}

#[test]
fn a_new_attempt_starts_anew() {
    let bench = Bench::new(&calls(&[DONE]));
    let (first, _) = bench.run();
    let (_handle, stop) = StopSignal::new();
    let mut again = bench.job();
    (again.attempt, again.session) = (
        2,
        Session::Begin("11111111-2222-4333-8444-000000000002".into()),
    );
    let second = bench.run_job(&again, &Seen::default(), stop);
    assert_ne!(first.session, second.session);
    assert_eq!(bench.last_asked().len(), 1);
}

#[test]
fn a_lane_that_is_gone_is_not_started() {
    let bench = Bench::new("");
    let (_handle, stop) = StopSignal::new();
    let mut job = bench.job();
    job.lane = bench.dir.path().join("gone");
    let report = bench.run_job(&job, &Seen::default(), stop);
    assert!(
        matches!(&report.outcome, EngineOutcome::Failed(EngineError::NotStarted { message }) if message.contains("gone")),
        "{report:?}"
    );
}

#[test]
fn sessions_are_bounded() {
    let mut sessions = Sessions::default();
    for n in 0..=MAX_SESSIONS {
        sessions.put(n.to_string(), Conversation::default());
    }
    let known = Conversation {
        messages: vec![ChatMessage::User("x".into())],
        measured: None,
    };
    sessions.put("7".into(), known);
    assert_eq!(sessions.0.len(), MAX_SESSIONS);
    assert_eq!(
        (
            sessions.take("0").is_none(),
            sessions.take("7").map(|c| c.messages.len())
        ),
        (true, Some(1))
    );
}

#[test]
fn nothing_of_the_session_is_shown_to_the_model() {
    let read = r#"{"name": "read_file", "arguments": {"path": "../x"}}, {"name": "read_file", "arguments": {"path": "gone"}}"#;
    let write = r#"{"name": "write_file", "arguments": {"path": "specs/shop.md", "content": ""}}, {"name": "list_dir", "arguments": {"path": "/"}}"#;
    let edit = r#"{"name": "edit_file", "arguments": {"path": "x/y", "old": "a", "new": "b"}}, {"name": "search", "arguments": {"pattern": "(", "path": "gone"}}"#;
    let bench = Bench::new(&calls(&[read, write, edit, DONE]));
    bench.run();
    let asked = bench.asked.borrow();
    let last = asked.last().unwrap();
    assert_eq!(results(&last.messages).len(), 6);
    // What a provider is sent: system text, messages and tools.
    let tools: String = last
        .tools
        .iter()
        .map(|t| format!("{} {} {}", t.name, t.description, (t.schema)()))
        .collect();
    let shown = format!("{} {:?} {tools}", last.system, last.messages);
    let job = bench.job();
    let (Session::Begin(session) | Session::Continue(session)) = &job.session;
    let lane = bench.dir.path().canonicalize().unwrap();
    for hidden in [
        session.as_str(),
        lane.to_str().unwrap(),
        job.lane.to_str().unwrap(),
        "/usr/bin:/bin",
    ] {
        assert!(!shown.contains(hidden), "{hidden} is in {shown}");
    }
}

#[test]
fn arguments_are_strict() {
    let bad = [
        r#"{"name": "complete_chunk", "arguments": {"summary": "s", "confidence": 0.5}}"#,
        r#"{"name": "complete_chunk", "arguments": {"summary": "s", "confidence": 0.5, "rationale": " "}}"#,
        r#"{"name": "complete_chunk", "arguments": {"summary": "s", "confidence": "high", "rationale": "r"}}"#,
        r#"{"name": "complete_chunk", "arguments": {"summary": "s", "confidence": -0.1, "rationale": "r"}}"#,
        r#"{"name": "complete_chunk", "arguments": {"summary": "s", "confidence": 1, "rationale": "r", "done": true}}"#,
        r#"{"name": "block_chunk", "arguments": {"reason": "r"}}"#,
        r#"{"name": "edit_file", "arguments": {"path": "a", "old": "b"}}"#,
        r#"{"name": "run_command", "arguments": {"command": "true", "timeout_s": "9"}}"#,
    ];
    let bench = Bench::new(&calls(&[&bad.join(", "), DONE]));
    let (report, _) = bench.run();
    assert!(
        matches!(report.outcome, EngineOutcome::Completed(_)),
        "{report:?}"
    );
    let messages = bench.last_asked();
    for (result, words) in results(&messages).iter().zip([
        "missing field `rationale`",
        "rationale must not be empty",
        "expected f64",
        "between 0 and 1",
        "unknown field `done`",
        "missing field `needs`",
        "missing field `new`",
        "expected u64",
    ]) {
        assert!(
            result.contains(words) && result.contains("must match this schema: {"),
            "{words}: {result}"
        );
    }
}
