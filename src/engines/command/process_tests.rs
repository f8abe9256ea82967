//! The engine with real processes: small shell scripts play agent CLIs.

use super::testkit::{Frozen, word};
use super::*;
use crate::model::{Allowance, ChunkId, SpecId};
use crate::ports::Prompt;
use serde_json::json;
use std::cell::RefCell;

#[derive(Default)]
struct Seen {
    steps: RefCell<Vec<String>>,
    tokens: RefCell<Vec<Option<u64>>>,
    logged: RefCell<Vec<String>>,
}

impl EngineProgress for Seen {
    fn step(&self, text: &str) {
        self.steps.borrow_mut().push(text.to_owned());
    }
    fn usage(&self, usage: Usage) {
        self.tokens.borrow_mut().push(usage.total());
    }
    fn log(&self, line: &str) {
        self.logged
            .borrow_mut()
            .push(line.chars().take(200).collect());
    }
}

struct Stage {
    dir: tempfile::TempDir,
    job: EngineJob,
    config: CommandConfig,
}

impl Stage {
    /// A lane, a folder for temporary files, and a program `agent` on PATH that runs this shell text; `table` is the
    /// rest of its table.
    fn new(table: &str, script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lane = dir.path().join("lane");
        std::fs::create_dir_all(&lane).unwrap();
        std::fs::create_dir_all(dir.path().join("tmp")).unwrap();
        let system = "/usr/local/bin:/usr/bin:/bin".to_owned();
        // Written by a child: had this process held the program open for writing, another test's fork
        // could hold it still, and it could not be executed ("text file busy").
        let write = Command::shell(
            "cat > agent && chmod +x agent",
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
            allowance: Allowance::default(),
            env: vec![
                (
                    "PATH".to_owned(),
                    format!("{}:{system}", dir.path().display()),
                ),
                (
                    "TMPDIR".to_owned(),
                    dir.path().join("tmp").display().to_string(),
                ),
                ("KEPT".to_owned(), "kept".to_owned()),
                ("CHANGED".to_owned(), "before".to_owned()),
            ],
            policy: SandboxPolicy::Unsandboxed,
        };
        let table = CommandTable::parse(&format!("program = \"agent\"\n{table}")).unwrap();
        let config = table.resolve("mine").unwrap();
        Self { dir, job, config }
    }

    fn engine(&self) -> CommandEngine {
        CommandEngine {
            sweep: || 0,
            ..CommandEngine::new(self.config.clone(), Box::new(Frozen))
        }
    }

    fn run(&self) -> (EngineReport, Seen) {
        self.run_with(&self.engine())
    }

    fn run_with(&self, engine: &CommandEngine) -> (EngineReport, Seen) {
        let seen = Seen::default();
        let (_handle, stop) = StopSignal::new();
        let report = block_on(engine.run(&self.job, &seen, stop));
        (report, seen)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name))
            .unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn left_in_tmp(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("tmp"))
            .unwrap()
            .count()
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn a_review_is_read_where_the_ending_of_a_build_is_or_in_the_last_words() {
    let remarks = r#"{"remarks": [{"path": "a", "line": 1, "severity": "low", "claim": "c", "suggestion": ""}]}"#;
    let fenced = format!("I looked.\n\n```json\n{remarks}\n```");
    let build = r#"{"kind": "complete_chunk", "summary": "s", "confidence": 1, "rationale": "r"}"#;
    for (table, words, is_review) in [
        ("answer = \"none\"", remarks, true),
        ("answer = \"none\"", fenced.as_str(), true),
        ("answer = \"none\"", "All is well.", false),
        ("answer = \"none\"", build, false),
        (
            "args = [\"{schema_file}\"]\nanswer = \"last-message\"",
            remarks,
            true,
        ),
        (
            "args = [\"{schema_file}\"]\nanswer = \"last-message\"",
            build,
            false,
        ),
    ] {
        let schema = "test -z \"$1\" || cp \"$1\" ../schema";
        let script = format!("{schema}\ncat > ../stdin\ncat <<'END'\n{words}\nEND");
        let mut stage = Stage::new(table, &script);
        stage.job.ends = crate::model::Ends::Review;
        let (report, _) = stage.run();
        match &report.outcome {
            EngineOutcome::Reviewed(r) => assert!(is_review && r.len() == 1, "{table} {words}"),
            EngineOutcome::Undeclared { .. } => assert!(!is_review, "{table} {words}"),
            other => panic!("{table} {words}: {other:?}"),
        }
        if table.contains("schema") {
            let given: serde_json::Value = serde_json::from_str(&stage.read("schema")).unwrap();
            assert_eq!(given, crate::core::review::answer::schema());
        }
    }
}

/// Keeps arguments, environment and standard input beside the lane.
const RECORD: &str =
    "cd .. || exit 9; for a; do printf '%s\\n' \"$a\"; done > argv; env > env; cat > stdin";

#[test]
fn a_prompt_goes_through_standard_input() {
    let mut stage = Stage::new(
        "args = [\"run\", [\"--model\", \"{model}\"], [\"--id\", \"{session}\"], \"--in={lane}\", \"\"]\nenv = { CHANGED = \"after\", NEW = \"1\" }",
        &format!("{RECORD}; echo noise >&2; echo 'all done'"),
    );
    // 180 KB of Japanese: far more than one argument can hold.
    stage.job.prompt.user = "日本語の仕様。".repeat(9_000);
    let (report, seen) = stage.run();
    assert_eq!(
        report.outcome,
        EngineOutcome::Undeclared {
            last_words: "all done".to_owned()
        }
    );
    assert_eq!(
        stage.read("stdin"),
        format!("SYSTEM\n\n{}", stage.job.prompt.user)
    );
    let lane = stage.job.lane.display();
    assert_eq!(
        stage.read("argv"),
        format!("run\n--model\nm-9\n--id\n11111111-2222-4333-8444-000000000001\n--in={lane}\n\n")
    );
    let env = stage.read("env");
    for line in ["KEPT=kept\n", "CHANGED=after\n", "NEW=1\n"] {
        assert!(env.contains(line), "{env}");
    }
    assert_eq!(
        report.session.as_deref(),
        Some("11111111-2222-4333-8444-000000000001")
    );
    let mut logged = seen.logged.take();
    logged.sort();
    assert_eq!(logged, ["all done", "noise"]);

    stage.job.model = None;
    stage.job.session = Session::Continue("elsewhere".to_owned());
    let (report, _) = stage.run();
    assert_eq!(
        stage.read("argv"),
        format!("run\n--in={lane}\n\n"),
        "groups without a value drop out"
    );
    assert_eq!(report.session, None);
}

#[test]
fn a_prompt_as_an_argument_has_a_bound() {
    let mut stage = Stage::new("args = [\"-p\", \"{prompt}\"]\nprompt = \"arg\"", RECORD);
    stage.job.prompt.system = String::new();
    stage.job.prompt.user = "--dangerous".to_owned();
    assert_eq!(word(&stage.run().0.outcome), "undeclared");
    assert_eq!(stage.read("argv"), "-p\nAssignment:\n--dangerous\n");
    assert_eq!(stage.read("stdin"), "");
    stage.job.prompt.user = "x".repeat(MAX_ARGUMENT);
    assert_eq!(
        word(&stage.run().0.outcome),
        "undeclared",
        "as much as is allowed"
    );
    stage.job.prompt.user.push('x');
    let (report, _) = stage.run();
    assert!(
        matches!(&report.outcome, EngineOutcome::Failed(EngineError::InvalidRequest { message }) if message.contains("[engine.mine]") && message.contains("stdin")),
        "{report:?}"
    );
    assert_eq!(report.cost, Cost::Usd(0.0));
}

#[test]
fn files_of_a_run_are_private_outside_the_lane_and_gone() {
    let answer =
        json!({"kind": "complete_chunk", "summary": "built it", "confidence": 1, "rationale": "r"});
    let stage = Stage::new(
        "args = [\"{prompt_file}\", \"{schema_file}\", \"{answer_file}\", \"{temp}\"]\nprompt = \"file\"\nanswer = \"answer-file\"",
        &format!(
            "cat \"$1\" > ../prompt; cp \"$2\" ../schema; stat -c '%a %n' \"$4\" \"$1\" \"$2\" > ../modes; cat > \"$3\" <<'ANSWER'\n{answer}\nANSWER"
        ),
    );
    let (report, _) = stage.run();
    assert!(
        matches!(&report.outcome, EngineOutcome::Completed(c) if c.summary == "built it"),
        "{report:?}"
    );
    assert_eq!(stage.read("prompt"), "SYSTEM\n\nTask: Add login");
    let modes = stage.read("modes");
    let modes: Vec<&str> = modes.lines().map(|l| &l[..3]).collect();
    assert_eq!(modes, ["700", "600", "600"]);
    assert!(!stage.read("modes").contains("/lane/"));
    let schema: serde_json::Value = serde_json::from_str(&stage.read("schema")).unwrap();
    let (mut required, names): (Vec<_>, Vec<_>) = (
        schema["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_str().unwrap())
            .collect(),
        schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect(),
    );
    required.sort_unstable();
    assert_eq!(required, names, "strict providers want every property");
    assert_eq!(stage.left_in_tmp(), 0);
    assert_eq!(std::fs::read_dir(&stage.job.lane).unwrap().count(), 0);

    // No answer is none, and what stands there need not be one.
    for script in [
        "true",
        "echo '{\"kind\": 7}' > \"$3\"",
        "mkdir \"$3\"",
        "head -c 2000000 /dev/zero > \"$3\"",
    ] {
        let table =
            "args = [\"{schema_file}\", \"x\", \"{answer_file}\"]\nanswer = \"answer-file\"";
        assert_eq!(
            word(&Stage::new(table, script).run().0.outcome),
            "undeclared",
            "{script}"
        );
    }
}

/// A table of JSON lines whose CLI can go on in a session.
const RESUMABLE: &str = "args = [\"new\"]\nresume_args = [\"resume\", \"{session}\"]\nformat = \"json-lines\"\nsuccess = { done = true }\n\
    [[events]]\nwhen = { type = \"begin\" }\nsession = \"id\"\n\
    [[events]]\nwhen = { type = \"end\" }\ndone = true\nusage = { input = [\"in\"], output = [\"out\"], counts = \"session\" }\n\
    [[failures]]\nis = \"session-lost\"\nstderr = [\"*no such session*\"]\n\
    [[failures]]\nis = \"rate-limited\"\nexit_codes = [5]";

#[test]
fn a_fix_turn_resumes_and_a_lost_session_starts_afresh() {
    let ends = "echo '{\"type\":\"end\",\"in\":100,\"out\":10}'";
    let begins = "echo '{\"type\":\"begin\",\"id\":\"s-1\"}'";
    let mut stage = Stage::new(
        RESUMABLE,
        &format!(
            "echo \"$*\" >> ../calls; cat >> ../told; case $1 in resume) echo 'no such session' >&2; exit 1;; esac; {begins}; {ends}"
        ),
    );
    stage.job.session = Session::Continue("s-0".to_owned());
    let (report, seen) = stage.run();
    assert_eq!(
        (word(&report.outcome), report.session.as_deref()),
        ("undeclared", Some("s-1"))
    );
    assert_eq!(stage.read("calls"), "resume s-0\nnew\n");
    assert_eq!(
        stage.read("told"),
        "SYSTEM\n\nTask: Add loginSYSTEM\n\nTask: Add login"
    );
    assert_eq!(seen.steps.borrow().len(), 1);

    // An id that could be an option is none.
    stage.job.session = Session::Continue("--yolo".to_owned());
    stage.run();
    assert_eq!(stage.read("calls"), "resume s-0\nnew\nnew\n");

    for (script, calls, outcome) in [
        // Died without a word: nothing was done in it.
        (
            format!("case $1 in resume) exit 3;; esac; {begins}; {ends}"),
            "resume s-0\nnew\n",
            "undeclared",
        ),
        // A failure that has a name is no lost session.
        ("exit 5".to_owned(), "resume s-0\n", "rate limited"),
        // It was there, and something else went wrong.
        (format!("{begins}; exit 3"), "resume s-0\n", "protocol"),
        ("kill -9 $$".to_owned(), "resume s-0\n", "protocol"),
    ] {
        let mut stage = Stage::new(RESUMABLE, &format!("echo \"$*\" >> ../calls; {script}"));
        stage.job.session = Session::Continue("s-0".to_owned());
        assert_eq!(word(&stage.run().0.outcome), outcome, "{script}");
        assert_eq!(stage.read("calls"), calls, "{script}");
    }
}

#[test]
fn what_printed_words_did_not_lose_its_session() {
    let table = "args = [\"new\"]\nresume_args = [\"resume\", \"{session}\"]\nprompt = \"stdin\"\nformat = \"text\"";
    for (script, calls) in [
        ("echo 'I edited a.py'; exit 1", "resume s-0\n"),
        ("case $1 in resume) exit 1;; esac", "resume s-0\nnew\n"),
    ] {
        let mut stage = Stage::new(table, &format!("echo \"$*\" >> ../calls; {script}"));
        stage.job.session = Session::Continue("s-0".to_owned());
        stage.run();
        assert_eq!(stage.read("calls"), calls, "{script}");
    }
}

#[test]
fn a_session_that_counts_on_is_counted_once() {
    let mut stage = Stage::new(
        RESUMABLE,
        "echo '{\"type\":\"begin\",\"id\":\"s-1\"}'; n=$(cat ../n 2>/dev/null || echo 0); n=$((n+100)); echo $n > ../n; echo \"{\\\"type\\\":\\\"end\\\",\\\"in\\\":$n,\\\"out\\\":10}\"",
    );
    let engine = stage.engine();
    assert_eq!(stage.run_with(&engine).0.usage.input, Some(100));
    stage.job.session = Session::Continue("s-1".to_owned());
    assert_eq!(stage.run_with(&engine).0.usage.input, Some(100), "of 200");
    assert_eq!(stage.run_with(&engine).0.usage.input, Some(100), "of 300");
    assert_eq!(
        stage.run().0.usage.input,
        Some(400),
        "another process does not know what was before"
    );
}

#[test]
fn bounds_end_a_run() {
    let table = "format = \"json-lines\"\n[[events]]\nusage = { input = [\"in\"], output = [\"out\"] }\ncost = { usd = \"usd\" }";
    let mut stage = Stage::new(
        table,
        "for i in 1 2 3; do echo '{\"in\":90,\"out\":10,\"usd\":0.5}'; done; exec tail -f /dev/null",
    );
    stage.job.allowance.tokens = Some(250);
    let (report, seen) = stage.run();
    assert!(
        matches!(&report.outcome, EngineOutcome::Failed(EngineError::AllowanceSpent { message }) if message.contains("300 tokens")),
        "{report:?}"
    );
    assert_eq!(*seen.tokens.borrow(), [Some(100), Some(200), Some(300)]);
    stage.job.allowance = Allowance {
        usd: Some(1.0),
        tokens: None,
    };
    assert_eq!(word(&stage.run().0.outcome), "allowance spent");

    let mut mute = Stage::new("", "touch ../started");
    mute.job.allowance.usd = Some(1.0);
    assert_eq!(word(&mute.run().0.outcome), "allowance spent");
    assert!(
        !mute.dir.path().join("started").exists(),
        "refused before the start"
    );
}

#[test]
fn silence_a_stop_and_a_deadline_end_the_process() {
    let mut stage = Stage::new("", "exec tail -f /dev/null");
    stage.job.stall = Duration::from_millis(50);
    let (report, _) = stage.run();
    assert_eq!(
        (word(&report.outcome), report.cost),
        ("stalled", Cost::Unknown)
    );
    assert_eq!(stage.left_in_tmp(), 0);

    stage.job.stall = Duration::from_secs(600);
    stage.job.timeout = Duration::from_millis(50);
    assert_eq!(word(&stage.run().0.outcome), "timed out");

    stage.job.timeout = Duration::from_secs(600);
    let (handle, stop) = StopSignal::new();
    handle.raise();
    let report = block_on(stage.engine().run(&stage.job, &Seen::default(), stop));
    assert_eq!(report.outcome, EngineOutcome::Interrupted);
}

#[test]
fn long_and_odd_lines_are_survived() {
    let table = "format = \"json-lines\"\nsuccess = { done = true }\n[[events]]\nwhen = { type = \"end\" }\ndone = true\ntext = \"text\"";
    let stage = Stage::new(
        table,
        "head -c 60000000 /dev/zero | tr '\\0' x; echo; printf '\\377\\376\\n'; echo 'not json'; (exec sleep 1000) & echo '{\"type\":\"end\",\"text\":\"bye\"}'",
    );
    let (report, seen) = stage.run();
    assert_eq!(
        report.outcome,
        EngineOutcome::Undeclared {
            last_words: "bye".to_owned()
        }
    );
    assert!(
        seen.logged
            .borrow()
            .iter()
            .any(|l| l.starts_with("3 lines were not of the protocol"))
    );
}

#[test]
fn litter_does_not_stay_in_the_lane() {
    let stage = Stage::new(
        "litter = [\".agent.cache*\"]",
        "mkdir .agent.cache.v2; touch .agent.cache.v2/x work.txt",
    );
    assert_eq!(word(&stage.run().0.outcome), "undeclared");
    let left: Vec<_> = std::fs::read_dir(&stage.job.lane)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left, ["work.txt"]);
}

#[test]
fn what_cannot_be_started_is_told_with_a_remedy() {
    let mut stage = Stage::new("install = \"get it\"", "exit 0");
    stage.config.program = PathBuf::from("absent-agent");
    let (report, _) = stage.run();
    assert!(
        matches!(&report.outcome, EngineOutcome::Failed(EngineError::NotStarted { message }) if message.contains("absent-agent") && message.contains("get it")),
        "{report:?}"
    );
    assert_eq!(
        (report.cost, find(&stage.config, &stage.job.env)),
        (Cost::Usd(0.0), None)
    );
    for (script, kind) in [
        ("exit 127", "not started"),
        ("exit 7", "protocol"),
        ("echo x; exit 127", "protocol"),
    ] {
        let table = "format = \"json-lines\"";
        assert_eq!(
            word(&Stage::new(table, script).run().0.outcome),
            kind,
            "{script}"
        );
    }
    let mut stage = Stage::new("", "exit 0");
    stage.job.env.retain(|(name, _)| name != "TMPDIR");
    stage
        .job
        .env
        .push(("TMPDIR".to_owned(), "/nonexistent".to_owned()));
    let (report, _) = stage.run();
    assert!(
        matches!(&report.outcome, EngineOutcome::Failed(EngineError::NotStarted { message }) if message.contains("TMPDIR")),
        "{report:?}"
    );
}

#[test]
fn the_version_is_asked_for() {
    let probed = |table: &str, script: &str| {
        let stage = Stage::new(table, script);
        block_on(probe(&stage.config, &stage.job.env))
    };
    assert_eq!(
        probed("", "echo; echo \"agent 1.2 $1\"").unwrap().version,
        "agent 1.2 --version"
    );
    assert_eq!(
        probed("version_args = [\"-V\"]", "echo \"$1\"")
            .unwrap()
            .version,
        "-V"
    );
    let error = probed("", "echo broken >&2; exit 3").unwrap_err();
    assert!(
        error.contains("broken") && error.contains("exit code 3"),
        "{error}"
    );
    let stage = Stage::new("", "exit 0");
    assert!(
        block_on(probe(&stage.config, &[]))
            .unwrap_err()
            .contains("not found on PATH")
    );
}
