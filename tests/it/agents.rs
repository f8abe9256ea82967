//! Agent CLIs by tables: the engine with a real program that plays one, and the page that documents the tables.

use crate::support::{Repo, program, spec_of};
use chrono::{DateTime, Utc};
use codelicious::engines::command::{
    CommandConfig, CommandEngine, CommandTable, presets, reference,
};
use codelicious::model::policy::SandboxPolicy;
use codelicious::model::{
    Allowance, ChunkId, Cost, EngineError, EngineOutcome, EngineReport, Session, SpecId, Usage,
};
use codelicious::ports::{Clock, Engine, EngineJob, EngineProgress, Prompt, StopSignal};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A table as a user writes one for a CLI that nobody here has heard of.
const TABLE: &str = r#"
args = ["--log", "../calls.jsonl", "--state", "../state", "--script", "../script.json", ["--model", "{model}"], "--schema", "{schema_file}", "--answer", "{answer_file}", "--prompt-file", "{prompt_file}"]
resume_args = ["--log", "../calls.jsonl", "--state", "../state", "--script", "../script.json", "--resume", "{session}", "--schema", "{schema_file}", "--answer", "{answer_file}", "--prompt-file", "{prompt_file}"]
prompt = "file"
format = "json-lines"
answer = "answer-file"
success = { done = true }
litter = [".agent-cache"]
status_after = ["status "]

[[events]]
when = { kind = "hello" }
session = "session"
model = "uses.model"

[[events]]
when = { kind = "tool", name = "edit" }
step = "edits {file}"

[[events]]
when = { kind = "tool" }
step = "uses {name}"

[[events]]
when = { kind = "spent" }
usage = { input = ["tokens.0"], output = ["tokens.1"] }
cost = { usd = "usd" }

[[events]]
when = { kind = "trouble" }
error = "why"

[[events]]
when = { kind = "bye" }
text = "words"
done = true

[[failures]]
is = "session-lost"
stderr = ["*forgot*"]
"#;

struct At(&'static str);

impl Clock for At {
    fn now(&self) -> DateTime<Utc> {
        self.0.parse().expect("a time")
    }
}

#[derive(Default)]
struct Seen {
    steps: RefCell<Vec<String>>,
    log: RefCell<Vec<String>>,
}

impl EngineProgress for Seen {
    fn step(&self, text: &str) {
        self.steps.borrow_mut().push(text.to_owned());
    }
    fn usage(&self, _: Usage) {}
    fn log(&self, line: &str) {
        self.log.borrow_mut().push(line.chars().take(200).collect());
    }
}

fn fake_agent() -> PathBuf {
    let dir = program().parent().expect("it is in a folder").to_path_buf();
    let fake = dir.join("examples/fake-agent");
    assert!(
        fake.exists(),
        "{} is not built; `cargo test` builds it, `cargo test --test it` needs `--examples` too",
        fake.display()
    );
    fake
}

struct Stage {
    dir: TempDir,
    config: CommandConfig,
    job: EngineJob,
}

impl Stage {
    fn new(table: &str) -> Stage {
        let dir = TempDir::new().expect("a temporary folder");
        let lane = dir.path().join("lane");
        fs::create_dir_all(&lane).expect("made");
        fs::create_dir_all(dir.path().join("tmp")).expect("made");
        let program = toml::Value::from(fake_agent().display().to_string());
        let table = CommandTable::parse(&format!("program = {program}\n{table}")).expect("a table");
        let job = EngineJob {
            spec: SpecId::new("api"),
            chunk: ChunkId::new("T001"),
            title: "Add login".to_owned(),
            lane,
            spec_path: "specs/api.md".to_owned(),
            ends: codelicious::model::Ends::Build,
            prompt: Prompt {
                system: "The rules.".to_owned(),
                user: "Build this.\n\nSpec: specs/api.md\nChunk: api:T001\nTask: Add login\n"
                    .to_owned(),
            },
            attempt: 1,
            fixes: 0,
            session: Session::Begin("11111111-2222-4333-8444-000000000001".into()),
            model: Some("m-9".to_owned()),
            timeout: Duration::from_secs(300),
            stall: Duration::from_secs(300),
            allowance: Allowance::default(),
            env: vec![
                ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
                (
                    "TMPDIR".to_owned(),
                    dir.path().join("tmp").display().to_string(),
                ),
            ],
            policy: SandboxPolicy::Unsandboxed,
        };
        let config = table.resolve("mine").expect("a CLI");
        Stage { dir, config, job }
    }

    fn script(&self, script: &Value) {
        fs::write(self.dir.path().join("script.json"), script.to_string()).expect("written");
    }

    fn run(&self) -> (EngineReport, Vec<String>, Vec<String>) {
        let engine = CommandEngine::new(self.config.clone(), Box::new(At("2026-11-20T17:30:00Z")));
        let seen = Seen::default();
        let (_handle, stop) = StopSignal::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let report = runtime.block_on(engine.run(&self.job, &seen, stop));
        let left = fs::read_dir(self.dir.path().join("tmp"))
            .expect("it is there")
            .count();
        assert_eq!(left, 0, "the run's files are gone");
        (report, seen.steps.take(), seen.log.take())
    }

    fn calls(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.dir.path().join("calls.jsonl")).unwrap_or_default();
        text.lines()
            .map(|l| serde_json::from_str(l).expect("a JSON line"))
            .collect()
    }
}

/// What the unheard-of CLI prints at the beginning and at the end.
fn hello() -> Value {
    json!({"emit": {"kind": "hello", "session": "s-7", "uses": {"model": "m-9-large"}}})
}

fn bye() -> Value {
    json!({"emit": {"kind": "bye", "words": "Done with {title}."}})
}

fn ending() -> Value {
    json!({"answer": {"kind": "complete_chunk", "summary": "login is there", "confidence": 0.8, "rationale": "tested"}})
}

#[test]
fn a_new_agent_is_a_table_and_no_code() {
    let stage = Stage::new(TABLE);
    stage.script(&json!({"default": [
        hello(),
        {"emit": {"kind": "tool", "name": "edit", "file": "work/T001.txt"}},
        {"emit": {"kind": "tool", "name": "think"}},
        {"build": true},
        {"write": {"path": ".agent-cache/x", "text": "x"}},
        {"emit": {"kind": "spent", "tokens": [1000, 50], "usd": 0.01}},
        {"emit": {"kind": "trouble", "why": "status 429, trying again"}},
        {"emit": {"kind": "spent", "tokens": [500, 20], "usd": 0.005}},
        {"print": "some noise"}, {"print_hex": "fffe41"}, {"stderr": "status 401"}, {"long_line": 60_000_000},
        ending(),
        bye(),
        {"grandchild": "../grandchild.pid"},
    ]}));
    let (report, steps, log) = stage.run();
    let pid = fs::read_to_string(stage.dir.path().join("grandchild.pid")).expect("it was started");
    let ended = std::process::Command::new("kill")
        .args(["-KILL", &pid])
        .status();
    assert!(
        ended.is_ok_and(|status| status.success()),
        "{pid} outlived its agent"
    );
    assert!(
        matches!(&report.outcome, EngineOutcome::Completed(c) if c.summary == "login is there"),
        "{report:?}"
    );
    assert_eq!(
        (report.usage.input, report.usage.output),
        (Some(1_500), Some(70))
    );
    assert!(
        matches!(report.cost, Cost::Usd(usd) if (usd - 0.015).abs() < 1e-9),
        "{:?}",
        report.cost
    );
    assert_eq!(
        (report.session.as_deref(), report.model.as_deref()),
        (Some("s-7"), Some("m-9-large"))
    );
    assert_eq!(steps, ["edits work/T001.txt", "uses think"]);
    assert!(
        log.iter()
            .any(|l| l.starts_with("3 lines were not of the protocol of mine")),
        "{log:?}"
    );
    assert_eq!(
        fs::read_to_string(stage.job.lane.join("work/T001.txt")).expect("built"),
        "Add login\n"
    );
    assert!(!stage.job.lane.join(".agent-cache").exists());
    let calls = stage.calls();
    assert_eq!(
        (calls.len(), &calls[0]["model"], &calls[0]["resume"]),
        (1, &json!("m-9"), &Value::Null)
    );
    assert!(
        calls[0]["prompt"]
            .as_str()
            .is_some_and(|p| p.starts_with("The rules.\n\nBuild this."))
    );
    let names = calls[0]["env"].as_array().expect("a list");
    assert!(
        names.iter().all(|n| n != "HOME"),
        "nothing is inherited: {names:?}"
    );
}

#[test]
fn sessions_failures_and_bounds_of_a_table() {
    let mut stage = Stage::new(TABLE);
    stage.script(&json!({"rules": [
        {"resumed": true, "nth": 1, "do": [{"stderr": "I forgot all about it"}, {"exit": 1}]},
        {"nth": 3, "do": [hello(), {"emit": {"kind": "trouble", "why": "status 503"}}, {"exit": 1}]},
        {"nth": 4, "do": [hello(), {"emit": {"kind": "trouble", "why": "status 401"}}, {"hang": true}]},
        {"nth": 5, "do": [hello(), {"emit": {"kind": "spent", "tokens": [900, 200], "usd": 0.5}}, {"hang": true}]},
        {"nth": 6, "do": [hello(), {"kill_self": true}]},
        {"nth": 7, "do": [hello(), {"exit": 0}]},
    ], "default": [hello(), {"build": true}, bye()]}));
    stage.job.session = Session::Continue("s-1".to_owned());
    let (report, steps, _) = stage.run();
    assert_eq!(
        report.outcome,
        EngineOutcome::Undeclared {
            last_words: "Done with Add login.".to_owned()
        }
    );
    assert_eq!(
        (report.session.as_deref(), steps.len()),
        (Some("s-7"), 1),
        "begun anew"
    );
    assert_eq!(
        stage
            .calls()
            .iter()
            .map(|c| c["resume"].clone())
            .collect::<Vec<_>>(),
        [json!("s-1"), Value::Null]
    );

    stage.job.session = Session::Begin("s-2".to_owned());
    stage.job.allowance.tokens = Some(1_000);
    let next = || match stage.run().0.outcome {
        EngineOutcome::Failed(error) => error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(next(), EngineError::Overloaded { .. }));
    assert!(
        matches!(next(), EngineError::Auth { .. }),
        "ended at once, although it hangs"
    );
    assert!(
        matches!(next(), EngineError::AllowanceSpent { message } if message.contains("1100 tokens"))
    );
    assert!(matches!(next(), EngineError::Protocol { message } if message.contains("signal 9")));
    assert!(
        matches!(next(), EngineError::Protocol { message } if message.contains("without a line that says it is done"))
    );
    let refused = CommandTable::parse(&format!(
        "program = {:?}\nargs = [\"--yolo\"]",
        fake_agent().display().to_string()
    ));
    stage.config = refused.expect("a table").resolve("mine").expect("a CLI");
    stage.job.allowance = Allowance::default();
    let refused = stage.run().0.outcome;
    assert!(
        matches!(&refused, EngineOutcome::Failed(EngineError::Protocol { message }) if message.contains("'--yolo'")),
        "{refused:?}"
    );
}

/// A repository with one spec of `tasks` tasks, and a user who described an agent CLI of their own.
fn repo_with(tasks: usize, script: &Value) -> Repo {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(tasks, tasks));
    let base = repo.base();
    let at = |name: &str| toml::Value::from(base.join(name).display().to_string());
    let calls = format!(
        "\"--log\", {}, \"--state\", {}, \"--script\", {}",
        at("agent.jsonl"),
        at("agent-state"),
        at("agent.json")
    );
    let program = toml::Value::from(fake_agent().display().to_string());
    let table = format!(
        "[engine.mine]\ntype = \"command\"\nprogram = {program}\nformat = \"json-lines\"\nsuccess = {{ done = true }}\n\
         args = [{calls}]\nresume_args = [{calls}, \"--resume\", \"{{session}}\"]\nenv_pass = [\"CANARY_MINE\"]\nstatus_after = [\"status \"]\n\
         [[engine.mine.events]]\nwhen = {{ kind = \"hello\" }}\nsession = \"session\"\n\
         [[engine.mine.events]]\nwhen = {{ kind = \"trouble\" }}\nerror = \"why\"\nfinal = true\n\
         [[engine.mine.events]]\nwhen = {{ kind = \"bye\" }}\ndone = true\n"
    );
    repo.other_settings(&table);
    fs::write(base.join("agent.json"), script.to_string()).expect("written");
    repo
}

fn calls(repo: &Repo) -> Vec<(String, u64, bool)> {
    let text = fs::read_to_string(repo.base().join("agent.jsonl")).unwrap_or_default();
    let calls = text
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).expect("a JSON line"));
    calls
        .map(|c| {
            let chunk = c["chunk"].as_str().unwrap_or_default().to_owned();
            (
                chunk,
                c["n"].as_u64().unwrap_or_default(),
                c["resume"] == "s-7",
            )
        })
        .collect()
}

#[test]
fn the_built_program_builds_with_an_agent_that_is_only_a_table() {
    let repo = repo_with(
        3,
        &json!({"rules": [
            {"chunk": "T001", "resumed": false, "do": [hello(), {"build": true}, {"write": {"path": "work/x.bad", "text": "x"}}, bye()]},
            {"chunk": "T001", "resumed": true, "do": [hello(), {"delete": "work/x.bad"}, bye()]},
            {"chunk": "T002", "nth": 1, "do": [hello(), {"write": {"path": "work/half.txt", "text": "x"}}, {"emit": {"kind": "trouble", "why": "status 429"}}, {"exit": 1}]},
        ], "default": [hello(), {"build": true}, {"commit": "by itself"}, bye()]}),
    );
    let mine = ["--engine", "mine"];
    repo.run_with(&mine, &[("CANARY_MINE", "x"), ("CANARY_OTHER", "x")])
        .expect(6);
    let call = |chunk: &str, n, resumed| (chunk.to_owned(), n, resumed);
    let first = [
        call("T001", 1, false),
        call("T001", 2, true),
        call("T002", 1, false),
    ];
    assert_eq!(calls(&repo), first, "the fix turn goes on in its session");
    repo.run(&mine).expect(0);
    assert_eq!(
        calls(&repo)[3..],
        [call("T002", 2, false), call("T003", 1, false)]
    );
    let commits = repo.commits("codelicious/specs-work");
    let chunks: Vec<String> = commits.into_iter().filter_map(|(_, chunk)| chunk).collect();
    assert_eq!(chunks, ["T001", "T002", "T003"]);
    let files = repo.git(&[
        "ls-tree",
        "-r",
        "--name-only",
        "codelicious/specs-work",
        "work",
    ]);
    assert_eq!(files, "work/T001.txt\nwork/T002.txt\nwork/T003.txt");
    let log = fs::read_to_string(repo.base().join("agent.jsonl")).expect("calls");
    assert!(
        log.contains("CANARY_MINE") && !log.contains("CANARY_OTHER"),
        "only what its table names"
    );
}

#[test]
fn an_agent_that_is_not_there_or_not_described_is_told_before_anything_is_paid() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(1, 1));
    let refused = |table: &str, said: &[&str]| {
        repo.other_settings(table);
        let ended = repo.run(&["--engine", "mine"]).expect(2);
        for part in said {
            assert!(ended.stderr.contains(part), "{table}\n{}", ended.stderr);
        }
    };
    let table = "[engine.mine]\ntype = \"command\"\n";
    refused(
        &format!("{table}program = \"absent-agent\"\ninstall = \"get it\""),
        &["absent-agent", "get it"],
    );
    refused(
        &format!("{table}program = \"sh\"\nresum_args = []"),
        &["resum_args", "resume_args"],
    );
    refused(
        &format!("{table}program = \"sh\"\nargs = [\"--model={{model}}\"]"),
        &["[engine.mine]", "drop out together"],
    );
    refused(table, &["`engine.mine.program`"]);
}

#[test]
fn recordings_of_real_agents_played_by_a_process() {
    let streams = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/streams");
    if !streams.join("codex").is_dir() {
        eprintln!("SKIPPED: no recorded streams beside the repository");
        return;
    }
    for (preset, file, code, is_limit, session) in [
        (
            "codex",
            "codex/c12_exec_ok.jsonl",
            "0",
            false,
            Some("01a1fa16-5c76-7e60-b55c-4d495b1ffb76"),
        ),
        (
            "codex",
            "codex/c03_429.jsonl",
            "1",
            true,
            Some("01a1fa15-95ed-7f60-9614-10045f95442f"),
        ),
        (
            "gemini",
            "other/g01_gemini.jsonl",
            "0",
            false,
            Some("911a55e5-8b84-426b-a40e-ebf5f1ec13fc"),
        ),
        (
            "opencode",
            "other/o01_opencode.jsonl",
            "0",
            false,
            Some("ses_e05e85167ffeLb5ZSNk4hz1g0u"),
        ),
        ("aider", "other/a01_aider.jsonl", "0", false, None),
    ] {
        let play = streams.join(file).display().to_string();
        let schema = if preset == "codex" {
            "\"--schema\", \"{schema_file}\", "
        } else {
            ""
        };
        let prompt = if preset == "aider" {
            "\"--prompt-file\", \"{prompt_file}\", "
        } else {
            ""
        };
        let stage = Stage::new(&format!(
            "preset = \"{preset}\"\nresume_args = []\nargs = [{schema}{prompt}\"--play\", {play:?}, \"--exit\", \"{code}\"]"
        ));
        let (report, ..) = stage.run();
        match is_limit {
            true => assert!(
                matches!(
                    report.outcome,
                    EngineOutcome::Failed(EngineError::RateLimited { .. })
                ),
                "{file}: {report:?}"
            ),
            false => assert!(
                matches!(report.outcome, EngineOutcome::Undeclared { .. }),
                "{file}: {report:?}"
            ),
        }
        assert_eq!(report.session.as_deref(), session, "{file}");
    }
}

#[test]
fn the_page_of_agents_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/agents.md");
    let text = reference::page();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &text).expect("written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "docs/agents.md is not what the code says; BLESS=1 cargo test --test it agents writes it anew"
    );
    // What stands there can be copied into a configuration file.
    let mut engines = 0;
    for block in text
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
    {
        let table: toml::Table = block.parse().unwrap_or_else(|e| panic!("{e}\n{block}"));
        // Some are of the sandbox.
        let named = table.get("engine").and_then(toml::Value::as_table);
        for (name, engine) in named.into_iter().flatten() {
            let Some(mut engine) = engine.as_table().cloned() else {
                continue;
            };
            // Which kind of engine it is, is read before.
            engine.remove("type");
            CommandTable::read(engine)
                .and_then(|t| t.resolve(name))
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            engines += 1;
        }
    }
    assert_eq!(engines, 1 + presets::NAMES.len());
    assert_eq!(presets::NAMES, codelicious::config::PRESETS);
    assert!(
        presets::NAMES
            .iter()
            .all(|name| text.contains(&format!("[engine.{name}]")))
    );
}
