//! The documented JSON, and the references that are written from the code. `BLESS=1` writes the pages anew.

use crate::support::{Repo, finish, send, spec_of};
use codelicious::cli::args;
use codelicious::config;
use codelicious::model::effect::PushFailureKind;
use codelicious::model::event::EVENT_KINDS;
use codelicious::model::{Event, ExitCode};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Shapes: an object has exactly these keys; a list has one element, the shape of all its items; a text names
/// a type, ` | null` where it may be missing; an object with the key `?` may be null.
fn shapes() -> Map<String, Value> {
    let diagnostic = json!({"rule": "string", "severity": "error or warning", "path": "string", "line": "integer", "message": "string", "remedy": "string"});
    let pr = json!({"part": "integer", "branch": "string", "base": "string", "number": "integer | null", "url": "string | null", "state": "draft, ready, merged or closed"});
    let usage =
        json!({"input": "integer | null", "cached": "integer | null", "output": "integer | null"});
    let spent = json!({"attempts": "integer", "usage": usage, "cost": "cost", "silent": "integer", "lost": "integer",
        "charged": {"usd": "number | null", "tokens": "integer | null"}});
    let engine =
        json!({"engine": "string", "model": "string | null", "built": "integer", "spent": spent});
    let chunk_spent = json!({"chunk": "string", "title": "string", "spent": spent});
    let stopped = json!({"spec": "string", "chunk": "string", "title": "string", "status": "string", "reason": "string", "needs": "string | null", "next": ["string"]});
    let undelivered = json!({"?": "null when all is delivered", "branch": "string", "tip": "string | null", "failure": "string | null", "message": "string", "remedy": "string | null", "remote": "string | null"});
    let tests = json!({"?": "null where nobody counted", "passed": "integer", "failed": "integer", "skipped": "integer"});
    let covered = json!({"covered": "integer", "total": "integer"});
    let before =
        json!({"?": "null where it was not measured", "covered": "integer", "total": "integer"});
    let evidence = json!({"schema": "integer", "codelicious": "string", "spec": "string", "spec_path": "string", "chunk": "string", "title": "string",
        "fingerprint": "string", "part": "integer | null", "trees": {"before": "string", "verified": "string", "after": "string"},
        "verdict": "proven, regression_only, unverified or failed", "unverified": "boolean",
        "checks": [{"name": "string", "command": "string", "dir": "string", "result": "object, by outcome", "exit": "integer | null", "millis": "integer",
            "narrowed": "string | null", "sandbox": "string", "tests": tests, "failing": ["string"], "flaky": "boolean", "output": "string"}],
        "tests": tests, "proving": ["string"], "idle": ["string"], "coverage": {"?": "null where nothing measured it", "before": before, "after": covered, "changed": covered},
        "findings": [{"rule": "string", "severity": "note, needs_review or fail", "path": "string", "line": "integer | null", "what": "string", "asked_for": "string | null"}],
        "remarks": "list of objects with path, line, severity, claim and suggestion | null",
        "engine": "string | null", "model": "string | null", "attempts": "integer", "fixes": "integer", "usage": usage, "cost_usd": "number | null",
        "started": "string | null", "ended": "string | null", "no_change_needed": "string | null", "accepted_by": "string | null", "left_out": ["string"]});
    let counts: Map<String, Value> = [
        "pending",
        "in_progress",
        "verifying",
        "fixing",
        "committed",
        "failed",
        "needs_review",
        "blocked",
        "awaiting_approval",
        "skipped",
    ]
    .into_iter()
    .map(|s| (s.to_owned(), json!("integer")))
    .collect();
    let chunk = json!({"id": "string", "task": "string", "label": "string | null", "title": "string", "line": "integer", "status": "string", "reason": "string | null", "done": "boolean",
        "depends_on": ["string"], "files": ["string"], "tokens": "integer", "part": "integer | null", "split": "[index, of] | null"});
    let shapes = json!({
        "plan --json": {
            "schema": "integer", "base": {"?": "null without a commit", "branch": "string", "commit": "string"},
            "specs": [{"id": "string", "path": "string", "title": "string", "status": "string", "priority": "integer | null", "depends_on": ["string"], "not_built": "string | null", "format": "string",
                "left_out": [{"id": "string", "label": "string | null", "title": "string", "line": "integer", "why": "string", "because": "string"}],
                "branch": "string", "done": "integer", "total": "integer", "chunks": [chunk], "parts": [["string"]]}],
            "diagnostics": [diagnostic], "warnings": [{"spec": "string | null", "chunk": "string | null", "rule": "string | null", "line": "integer", "message": "string"}], "next": "string | null",
        },
        "plan --format github-matrix": {"include": [{"spec": "string", "id": "string", "title": "string", "open": "integer"}]},
        "prompt --json": {
            "schema": "integer", "spec": "string", "chunk": "string", "engine": "string | null", "system": "string", "user": "string", "system_tokens": "integer",
            "user_tokens": "integer", "context_tokens": "integer", "file_tokens": "integer", "budget_tokens": "integer",
        },
        "lint --json": {
            "schema": "integer", "specs": "integer", "errors": "integer", "warnings": "integer", "findings": [diagnostic],
        },
        "status --json": {
            "schema": "integer", "lock": {"?": "null when no run is going on", "pid": "integer", "run": "string", "host": "string", "started": "string | null"},
            "specs": [{"id": "string", "path": "string", "title": "string", "branch": "string", "done": "integer", "total": "integer", "counts": counts, "stopped": [stopped], "spent": spent, "engines": [engine], "chunks": [chunk_spent],
                "prs": [pr], "undelivered": undelivered, "unverified": "integer"}],
            "diagnostics": [diagnostic], "next": "string | null",
        },
        "retry, answer, accept and skip --json": {
            "schema": "integer", "run": "string | null", "next": "string | null",
            "moves": [{"spec": "string", "chunk": "string", "title": "string", "move": "retry, answer, accept or skip", "who": "string", "when": "string",
                "was": "string", "now": "string", "outcome": "done, recorded or refused", "message": "string", "remedy": "string"}],
        },
        "evidence --json": {"schema": "integer", "commit": "string", "subject": "string", "source": "note or ledger", "evidence": evidence},
        "evidence verify --json": {
            "schema": "integer", "branch": "string", "tip": "string", "base": "string", "passed": "boolean",
            "commits": [{"commit": "string", "subject": "string", "kind": "chunk, sync or person", "spec": "string | null", "chunk": "string | null",
                "verdict": "string | null", "failures": ["string"], "notes": ["string"]}],
            "rerun": {"?": "null without --rerun", "passed": "boolean", "checks": [{"name": "string", "dir": "string", "command": "string", "outcome": "string", "millis": "integer", "output": "string"}]},
        },
        "doctor --json": {
            "schema": "integer", "version": "string", "findings": [{"what": "string", "verdict": "ok, note or missing", "found": "string", "remedy": "string"}],
        },
        "gc --json": {
            "schema": "integer", "acted": "boolean", "bytes": "integer",
            "things": [{"kind": "lane, lost_lane, rest, orphan, attempt, archive, log, events, ledger or postmortem", "name": "string", "age_s": "integer | null", "bytes": "integer",
                "remove": "boolean", "why": "string", "error": "string | null"}],
        },
        "sandbox explain --json": {
            "schema": "integer", "command": "string",
            "wall": {"?": "null where there is none", "preset": "engine-tool, verify, setup or agent-cli", "entries": ["string"],
                "files": [{"access": "string", "why": "string", "paths": ["string"]}],
                "network": "string", "hosts": "list of strings | null", "unix_sockets": "boolean",
                "limits": {"memory": "integer | null", "processes": "integer | null", "open_files": "integer | null", "file_size": "integer | null",
                    "disk": "integer | null", "cpu_seconds": "integer | null"},
                "passed": ["string"], "set": ["string"], "weaker": ["string"]},
        },
        "a run's last line": {
            "schema": "integer", "run": "string", "exit": "string", "code": "integer", "meaning": "string",
            "specs": [{"id": "string", "path": "string", "title": "string", "branch": "string", "done": "integer", "total": "integer", "prs": [pr], "stopped": [stopped], "undelivered": undelivered, "unverified": "integer"}],
            "committed": "integer", "diagnostics": [diagnostic], "sandbox": "string, as in run_started", "unsandboxed": "boolean", "spent": spent, "millis": "integer", "postmortem": "string | null", "next": "string | null",
        },
        "an event": {"seq": "integer", "ts": "string", "run": "string", "spec": "string, where it is about one", "chunk": "string, where it is about one", "kind": "string", "payload": "object, by kind"},
    });
    let Value::Object(shapes) = shapes else {
        unreachable!("it is an object")
    };
    shapes
}

/// What the payload of each kind of event holds.
fn payloads() -> Vec<(&'static str, Value)> {
    let usage =
        json!({"input": "integer | null", "cached": "integer | null", "output": "integer | null"});
    vec![
        (
            "run_started",
            json!({"version": "string", "root": "string", "engine": "string", "forge": "string", "sandbox": "string"}),
        ),
        (
            "planned",
            json!({"specs": "integer", "chunks": "integer", "done": "integer"}),
        ),
        (
            "planning_started",
            json!({"path": "string", "model": "string"}),
        ),
        (
            "planning_finished",
            json!({
                "path": "string", "model": "string", "outcome": "string", "chunks": "integer",
                "kept": "integer", "replanned": "boolean", "usage": usage, "cost": "cost",
            }),
        ),
        ("warning", json!({"message": "string"})),
        (
            "spec_rejected",
            json!({"path": "string", "line": "integer", "message": "string"}),
        ),
        (
            "spec_started",
            json!({"path": "string", "title": "string", "branch": "string", "base": "string", "done": "integer", "total": "integer",
                "interrupted": "integer", "retried": "integer", "failed": "integer", "waiting": "integer", "next": "string | null", "next_title": "string | null"}),
        ),
        ("spec_synced", json!({"commit": "string"})),
        ("lane_adopted", json!({"branch": "string", "tip": "string"})),
        ("baseline_started", json!({})),
        ("baseline_finished", json!({"verdict": "string"})),
        ("suite_started", json!({"part": "integer"})),
        (
            "suite_finished",
            json!({"part": "integer", "verdict": "string"}),
        ),
        ("tests_seen_red", json!({"tests": "integer"})),
        ("tests_not_red", json!({"why": "string"})),
        (
            "chunk_started",
            json!({"title": "string", "attempt": "integer"}),
        ),
        (
            "engine_started",
            json!({"engine": "string", "fixes": "integer"}),
        ),
        (
            "engine_out",
            json!({"engine": "string", "until": "time | null", "why": "string"}),
        ),
        ("engine_step", json!({"step": "string"})),
        ("engine_usage", json!({"usage": usage, "cost": "cost"})),
        (
            "engine_ended",
            json!({"outcome": "string", "usage": usage, "cost": "cost"}),
        ),
        (
            "review_started",
            json!({"engine": "string", "round": "integer"}),
        ),
        (
            "review_finished",
            json!({"engine": "string", "remarks": "integer | null", "high": "integer", "usage": usage, "cost": "cost"}),
        ),
        ("check_started", json!({"name": "string"})),
        (
            "check_finished",
            json!({"name": "string", "verdict": "string", "millis": "integer"}),
        ),
        (
            "sandbox_refused",
            json!({"what": "string", "hosts": ["string"], "hint": "string | null"}),
        ),
        (
            "chunk_committed",
            json!({"title": "string", "commit": "string", "part": "integer", "lines": "integer"}),
        ),
        (
            "chunk_stopped",
            json!({"title": "string", "status": "string", "reason": "string"}),
        ),
        ("chunk_reset", json!({"why": "string"})),
        (
            "moved",
            json!({"verb": "string", "who": "string", "status": "string"}),
        ),
        (
            "move_refused",
            json!({"verb": "string", "who": "string", "why": "string"}),
        ),
        ("work_saved", json!({"reference": "string"})),
        ("pushed", json!({"branch": "string", "tip": "string"})),
        (
            "push_failed",
            json!({"branch": "string", "failure": "failure | null", "message": "string", "remedy": "string"}),
        ),
        (
            "pr_put",
            json!({"part": "integer", "branch": "string", "state": "string", "url": "string | null"}),
        ),
        ("pr_failed", json!({"part": "integer", "message": "string"})),
        ("issue_commented", json!({"issue": "integer"})),
        (
            "spec_finished",
            json!({"done": "integer", "total": "integer"}),
        ),
        ("repaired", json!({"what": "string"})),
        ("waiting", json!({"until": "time", "why": "string"})),
        (
            "run_finished",
            json!({"exit": "exit", "committed": "integer", "stopped": "integer", "undelivered": "integer"}),
        ),
    ]
}

/// Panics unless `value` has the shape; `place` says where it stands.
#[track_caller]
fn fits(place: &str, value: &Value, shape: &Value) {
    match shape {
        Value::Object(fields) => {
            if value.is_null() && fields.contains_key("?") {
                return;
            }
            let object = value
                .as_object()
                .unwrap_or_else(|| panic!("{place}: {value} is no object"));
            let known: Vec<&String> = fields.keys().filter(|k| *k != "?").collect();
            assert_eq!(object.keys().collect::<Vec<_>>(), known, "{place}");
            for key in known {
                fits(&format!("{place}.{key}"), &object[key], &fields[key]);
            }
        }
        Value::Array(items) => {
            let list = value
                .as_array()
                .unwrap_or_else(|| panic!("{place}: {value} is no list"));
            for (i, item) in list.iter().enumerate() {
                fits(&format!("{place}[{i}]"), item, &items[0]);
            }
        }
        Value::String(name) => {
            let (name, optional) = name
                .strip_suffix(" | null")
                .map_or((name.as_str(), false), |n| (n, true));
            let good = match name {
                _ if optional && value.is_null() => true,
                "integer" => value.is_u64() || value.is_i64(),
                "boolean" => value.is_boolean(),
                "cost" => value == "unknown" || value["usd"].is_number(),
                "number" => value.is_number(),
                "object, by outcome" => value["outcome"].is_string(),
                "[index, of]" => value.as_array().is_some_and(|a| a.len() == 2),
                "list of strings" => value.is_array(),
                _ => value.is_string(),
            };
            assert!(good, "{place}: {value} is no {name}");
        }
        other => panic!("{place}: {other} is no shape"),
    }
}

#[track_caller]
fn fits_event(event: &Value) {
    let kind = event["kind"].as_str().expect("it has a kind");
    let (_, shape) = payloads()
        .into_iter()
        .find(|(k, _)| *k == kind)
        .unwrap_or_else(|| panic!("{kind} is not documented"));
    fits(kind, &event["payload"], &shape);
    serde_json::from_value::<Event>(event.clone()).unwrap_or_else(|e| panic!("{e}: {event}"));
}

/// One value of a shape.
fn sample(shape: &Value) -> Value {
    match shape {
        Value::Object(fields) => fields
            .iter()
            .map(|(k, s)| (k.clone(), sample(s)))
            .collect::<Map<_, _>>()
            .into(),
        Value::String(name) => match name.as_str() {
            "integer" | "integer | null" => json!(1),
            "cost" => json!("unknown"),
            "time" | "time | null" => json!("2026-01-02T03:04:05Z"),
            "exit" => json!("done"),
            "failure | null" => json!("auth"),
            "boolean" => json!(true),
            _ => json!("x"),
        },
        Value::Array(items) => items.iter().map(sample).collect(),
        other => panic!("{other} is no shape of a payload"),
    }
}

/// A repository with everything that reports can show: done, stopped, rejected.
fn rich() -> Repo {
    let repo = Repo::new();
    repo.write("specs/a.md", spec_of(3, 3));
    repo.write("specs/bad.md", b"# Bad\n\n- [ ] \xff\n");
    repo.write(
        "specs/later.md",
        "---\nstatus: draft\n---\n# Later\n\n- [ ] L001 Later\n",
    );
    repo.fake(&json!({"rules": [{"chunk": "T002", "end": {"kind": "block_chunk", "reason": "unclear", "needs": "which?"}}]}));
    repo
}

#[test]
fn every_json_has_its_documented_shape() {
    let repo = rich();
    let shapes = shapes();
    fits(
        "plan",
        &repo.run(&["plan", "--json"]).expect(2).json(),
        &shapes["plan --json"],
    );
    fits(
        "matrix",
        &repo
            .run(&["plan", "--format", "github-matrix"])
            .expect(2)
            .json(),
        &shapes["plan --format github-matrix"],
    );
    fits(
        "dry run",
        &repo.run(&["--dry-run", "--json"]).expect(2).json(),
        &shapes["plan --json"],
    );
    fits(
        "prompt",
        &repo
            .run(&["prompt", "specs-a:T001", "--json"])
            .expect(0)
            .json(),
        &shapes["prompt --json"],
    );
    fits(
        "lint",
        &repo.run(&["lint", "--json"]).expect(1).json(),
        &shapes["lint --json"],
    );
    fits(
        "status",
        &repo.run(&["status", "--json"]).expect(0).json(),
        &shapes["status --json"],
    );
    fits(
        "doctor",
        &repo.run(&["doctor", "--json"]).expect(0).json(),
        &shapes["doctor --json"],
    );
    let run = repo.run(&["--json"]).expect(2);
    let lines: Vec<Value> = run
        .stdout
        .lines()
        .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}")))
        .collect();
    let (summary, events) = lines.split_last().expect("it said something");
    fits("summary", summary, &shapes["a run's last line"]);
    assert_eq!(summary["code"], 2);
    assert!(events.len() > 5);
    for event in events {
        fits_event(event);
    }
    let stored = repo.run(&["events", "--json"]).expect(0);
    let stored: Vec<Value> = stored
        .stdout
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(stored, events, "what is streamed is what is stored");
    let id = events[0]["run"].as_str().unwrap();
    let of_run = repo.run(&["events", "--json", "--run", id]).expect(0);
    assert_eq!(of_run.stdout.lines().count(), events.len());
    let status = repo.run(&["status", "--json"]).expect(0).json();
    fits("status", &status, &shapes["status --json"]);
    assert_eq!(status["specs"][0]["stopped"][0]["needs"], "which?");
    let evidence = repo.run(&["evidence", "--json"]).expect(0).json();
    fits("evidence", &evidence, &shapes["evidence --json"]);
    let branch = "codelicious/specs-a";
    repo.git(&["update-ref", "-d", "refs/notes/codelicious"]);
    for (more, code) in [(&["--rerun"][..], 0), (&["--require-notes"], 1)] {
        let args = [
            &["evidence", "verify", branch, "--base", "main", "--json"],
            more,
        ]
        .concat();
        let said = repo.run(&args).expect(code).json();
        fits("audit", &said, &shapes["evidence verify --json"]);
    }
    let gc = repo.run(&["gc", "--json"]).expect(0).json();
    fits("gc", &gc, &shapes["gc --json"]);
    for preset in ["verify", "agent-cli"] {
        let explain = [
            "sandbox", "explain", "--preset", preset, "--json", "--", "claude",
        ];
        let wall = repo.run(&explain).expect(0).json();
        fits("sandbox", &wall, &shapes["sandbox explain --json"]);
    }
    assert!(
        gc["things"].as_array().is_some_and(|t| t.len() > 1),
        "{gc:#}"
    );
    for (words, code, outcome) in [
        (&["answer", "T002", "this", "--json"][..], 0, "done"),
        (&["accept", "T002", "--json"], 2, "refused"),
        (&["skip", "T002", "--json"], 0, "done"),
        (&["retry", "T002", "--json"], 0, "done"),
        (&["retry", "--all-failed", "--json"], 0, ""),
    ] {
        let said = repo.run(words).expect(code).json();
        let shape = &shapes["retry, answer, accept and skip --json"];
        fits("moves", &said, shape);
        let first = said["moves"][0]["outcome"].as_str().unwrap_or_default();
        assert_eq!(first, outcome, "{said:#}");
    }
    for event in repo.events() {
        fits_event(&event);
    }
    fits(
        "plan",
        &repo.run(&["plan", "--json"]).expect(2).json(),
        &shapes["plan --json"],
    );
}

#[test]
fn a_status_beside_a_run_names_its_holder() {
    let repo = Repo::new();
    repo.write("specs/a.md", spec_of(2, 2));
    let sign = repo.sign("at-work");
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [{"hang": {"touch": sign}}]}]}));
    let child = repo.start::<&str>(&[]);
    repo.wait_for_sign("at-work");
    let status = repo.run(&["status", "--json"]).expect(0).json();
    let plan = repo.run(&["plan", "--json"]).expect(0).json();
    let pid = child.id();
    send(&child, rustix::process::Signal::TERM);
    finish(child).expect(143);
    fits("status", &status, &shapes()["status --json"]);
    fits("plan", &plan, &shapes()["plan --json"]);
    assert_eq!(status["lock"]["pid"], pid);
    assert_eq!(status["specs"][0]["counts"]["in_progress"], 1, "{status:#}");
    assert_eq!(status["next"], Value::Null);
    let after = repo.run(&["status", "--json"]).expect(0).json();
    assert_eq!(after["lock"], Value::Null);
}

#[test]
fn the_documented_payloads_are_the_ones_that_are_read() {
    let named: Vec<&str> = payloads().iter().map(|(kind, _)| *kind).collect();
    assert_eq!(named, EVENT_KINDS);
    for (kind, shape) in payloads() {
        let event = json!({"seq": 1, "ts": "2026-01-02T03:04:05Z", "run": "r", "kind": kind, "payload": sample(&shape)});
        serde_json::from_value::<Event>(event).unwrap_or_else(|e| panic!("{kind}: {e}"));
    }
}

/// Compares a page with what it should be, or writes it.
#[track_caller]
fn page(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "docs/{name} is not what the code says; BLESS=1 cargo test --test it shapes writes it anew"
    );
}

#[test]
fn the_json_page_is_what_the_code_says() {
    let mut text = String::from(
        "# JSON output\n\n\
         Written by a test from the shapes that it checks; `BLESS=1 cargo test --test it shapes` writes it anew.\n\n\
         Results go to stdout. Every field is always there, but for an event's `spec` and `chunk` and what [evidence](evidence.md)\n\
         leaves out where there is none; `| null` marks those that may be null, and an object with `?` may be null as well. A list shows the shape of its items. A `cost` is `\"unknown\"` or `{\"usd\": 0.25}`.\n\
         Under one `schema` number shapes only grow, so ignore fields that you do not know.\n\n\
         A run with `--json` prints one JSON object a line: events as they happen, and at last its summary, which is\n\
         the one line with a `schema`. A run that an error ends before or between chunks has none: the error stands on\n\
         stderr as text, and the exit code tells. `events --json` prints the stored events the same way.\n",
    );
    for (name, shape) in shapes() {
        let title = if name.ends_with("--json") {
            format!("`codelicious {name}`")
        } else {
            name.clone()
        };
        let _ = write!(
            text,
            "\n## {}{}\n\n```json\n{shape:#}\n```\n",
            title[..1].to_uppercase(),
            &title[1..]
        );
    }
    text.push_str("\n## Payloads by kind of event\n\n| kind | payload |\n|---|---|\n");
    for (kind, shape) in payloads() {
        let _ = writeln!(
            text,
            "| `{kind}` | `{}` |",
            shape.to_string().replace(" | ", " \\| ")
        );
    }
    text.push_str(
        "\n## Why a push failed\n\n\
         The words of `failure`. The first is tried again by itself, with growing pauses; the others are given up for\n\
         the run, and a later run delivers what was built once they are mended.\n\n\
         | failure | what to do |\n|---|---|\n",
    );
    let mut kinds = PushFailureKind::ALL;
    kinds.sort_by_key(|k| !k.is_worth_another_try());
    for kind in kinds {
        let word = json!(kind);
        let word = word.as_str().expect("a word");
        let _ = writeln!(text, "| `{word}` | {} |", kind.remedy());
    }
    page("json.md", &text);
}

#[test]
fn the_reference_page_is_what_the_code_says() {
    let mut text = String::from(
        "# Reference\n\n\
         Written by a test from the tables in the code; `BLESS=1 cargo test --test it shapes` writes it anew.\n\n\
         ## Exit codes\n\nWhere several apply, the first wins.\n\n| code | status | meaning |\n|---:|---|---|\n",
    );
    for exit in ExitCode::ALL {
        let _ = writeln!(
            text,
            "| {} | `{}` | {} |",
            exit.code(),
            exit.word(),
            exit.meaning()
        );
    }
    let _ = write!(
        text,
        "\n## Settings\n\nA flag wins over a variable, a variable over `codelicious.toml`, that over `~/.config/codelicious/config.toml`.\n\n{}",
        config::reference()
    );
    text.push_str("\n## Commands\n");
    let mut verbs = vec![String::new()];
    for verb in config::VERBS {
        verbs.push(verb.to_owned());
        let below = args::verbs_below(verb).into_iter();
        verbs.extend(below.map(|below| format!("{verb} {below}")));
    }
    for verb in verbs {
        let help = args::help(&verb).expect("every verb has help");
        let name = format!("codelicious {verb}");
        let _ = write!(
            text,
            "\n### {}\n\n```text\n{}\n```\n",
            name.trim_end(),
            help.trim_end()
        );
    }
    page("reference.md", &text);
}

/// The presets on a machine with everything, as a table.
fn table_of_presets() -> String {
    use codelicious::model::policy::{Abilities, Network, Preset, SandboxSettings};
    use codelicious::sandbox::Subject;
    use codelicious::sandbox::presets::{Machine, REGISTRIES, explain};
    use codelicious::ui::walls;

    let abilities = Abilities {
        landlock: 7,
        seccomp: true,
        network_namespace: true,
        control_group: Some("version 2".to_owned()),
        ..Abilities::default()
    };
    let machine = Machine {
        git_dir: "/repository/.git".into(),
        path: vec!["/home/you/.cargo/bin".into()],
        tools: vec![("GOMODCACHE".to_owned(), "/home/you/go/pkg/mod".into())],
        linked: vec!["/repository/node_modules".into()],
        ..Machine::default()
    };
    let explained = Preset::ALL.map(|preset| {
        let subject = Subject {
            preset,
            lane: Path::new("/lane"),
            command: "",
            env: &[],
        };
        explain(&SandboxSettings::default(), &machine, &abilities, &subject)
    });
    let mut text =
        String::from("| | engine-tool | verify | setup | agent-cli |\n|---|---|---|---|---|\n");
    let mut row = |name: &str, cells: Vec<String>| {
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    };
    for group in &explained[0].files {
        let cells = explained.iter().map(|e| {
            let same = e.files.iter().find(|g| g.why == group.why);
            same.map_or("–", |g| g.access.words()).to_owned()
        });
        row(group.why, cells.collect());
    }
    let network = |preset: usize| match (&explained[preset].wall.network, Preset::ALL[preset]) {
        (Network::Hosts(_), Preset::AgentCli) => "the agent's own hosts".to_owned(),
        (Network::Hosts(_), _) => "registries".to_owned(),
        (other, _) => other.word().to_owned(),
    };
    row("network", (0..4).map(network).collect());
    row(
        "sockets of the Unix domain",
        explained
            .iter()
            .map(|e| if e.wall.unix_sockets { "yes" } else { "no" }.to_owned())
            .collect(),
    );
    let names = walls::limits(&explained[0].wall.limits).map(|(name, _)| name);
    for (at, name) in names.iter().enumerate() {
        let cells = explained
            .iter()
            .map(|e| walls::limits(&e.wall.limits)[at].1.clone());
        row(name, cells.collect());
    }
    let _ = writeln!(
        text,
        "\nRegistries: {}; and those that your own settings of cargo, npm, pip, uv and go name.",
        REGISTRIES.join(", ")
    );
    text
}

#[test]
fn the_page_about_walls_is_what_the_code_says() {
    let text = format!("{}{}{}", SANDBOX_HEAD, table_of_presets(), SANDBOX_PROSE);
    page("sandbox.md", &text);
}

const SANDBOX_HEAD: &str = "\
# The sandbox

Written by a test from the code; `BLESS=1 cargo test --test it shapes` writes it anew.

Everything that a model or the repository causes runs inside a wall of the operating system: commands that a model asks
for, an agent's own program, checks, hooks and set-up commands. What the wall does not name is refused, whoever asks for
it. `codelicious sandbox explain -- npm test` shows what a command would get here, and
`codelicious sandbox run -- npm test` runs it so, in the folder that you are in; its input is empty. There it can write
everything but git's folder and `.codelicious`, also in your own working tree. In your home itself, and where `.git` is a
symbolic link, it refuses to run. Ctrl-C ends whatever the command started.

## What each preset allows

";

const SANDBOX_PROSE: &str = r#"
Nothing else of your home can be read: no keys, no tokens, no other repository, and of this one neither your working tree
nor `.codelicious`. Git's folder can be read, so that `git status` and `git log` work in a lane; so can what stands in its
`config`, so keep credentials out of there. `TMPDIR` names a folder of the lane's own, and where a mount namespace is to be
had it is `/tmp` as well (not with `unix_sockets = true`: sockets of daemons lie in the machine's), and pseudo-terminals
are the command's own; your terminal is not there. `HOME` and the caches of package managers are the lane's own too, with
what your settings of npm, pip, Go and git say of registries and of your name, and no login; an agent's home has these as
well. Cargo's cache is filled with copies of what you have, without credentials; Go and Maven read yours where they are; what
else is missing is fetched by set-up commands, which reach registries. Files can be renamed and linked between the lane and these folders, by the names
that the variables have; `/tmp` is a mount of its own, which a file is copied to and not renamed (`EXDEV`).

Each agent has a home, temporary files and a cache that are its alone. Checks, hooks and set-up commands share another
home: they neither read an agent's credentials nor leave anything in its configuration. The caches of package managers
are one for all of the lane.

An agent's home holds copies of your own settings, instructions, memory, commands, skills and subagents for it, made anew
before each run, and its login. Of permissions in its settings only what denies comes along (of opencode's also what asks). Hooks, MCP servers,
plugins, formatters and commands that tell a key do not: most of them need what the wall refuses. `agent_programs = true`
below `[sandbox.agent-cli]` brings all of these but Claude Code's plugins; `read`, `execute` and `hosts` there then say what
they need. A settings file that cannot be read (as JSON, with comments or without, TOML or plain YAML) stays out. What is left
out, and of which file, stands in the run's log. What subagents, skills, commands and rules say of tools and hooks of their own
is text like the rest of them, and comes along.
Codex' own sandbox cannot stand inside this one, and is switched off there.

`/dev/shm` is an empty folder in memory for each command, because locks of Python and browsers' memory lie there; what
other programs of yours keep in it is out of reach. That needs a mount namespace. Where the repository or something else that
is named lies in `/dev/shm` itself, nothing beside it there is to be had, and no such locks.

No file can be made to run as who owns it (`chmod u+s`), since it would do so for others on this machine as well.
Archives that hold such files are unpacked without that bit, which `tar` as root calls an error.

## Letting something through

In your own file (`~/.config/codelicious/config.toml`), for a preset or for single commands:

```toml
[sandbox.verify]
read = ["~/data/fixtures"]
hosts = ["127.0.0.1:5432"]      # a database on this machine

[[sandbox.command]]
command = "npm run e2e"
write = ["~/.cache/e2e"]
unix_sockets = true             # Python's `forkserver` and managers, servers at a path, daemons
memory = "16 GiB"
```

Below what a command of `codelicious sandbox run` printed, where it fails with words of a refusal, lines that begin with
`sandbox:` name the setting.

`network` takes the place of the preset's (`"none"`, `"loopback"`, `"full"` or a list of hosts), `hosts` come beside it.
Of entries for commands the one with most words counts. A line such as `make && make test` is several commands for a
shell: it has to stand in `command` as a whole. All keys are in [reference.md](reference.md).

The repository's `codelicious.toml` can only take away: `network = "none"` or `"loopback"`, lower limits, and for a command
the presets `engine-tool` or `verify`. What it says never gives a command more than your own settings do.

A package that only the network has: name its registry in your cargo, npm, pip or go settings, or its host in
`[sandbox.setup] hosts`, and fetch it by a command of `[worktree] setup`.

Hosts that a command was kept from, and a guess where it failed at its wall, stand in the output of the run and in the event
`sandbox_refused`; the hosts in the evidence of the chunk too, the guess in the reason why one was given up. An engine that
is to mend a failed check, and a chat model whose own command failed, are told of the guess as well: one that knows of no
wall builds around it.

Where this machine goes out through a proxy (`HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY`, and `NO_PROXY`), so does what
runs inside. It has to be of the kind `http://host:port`; through another, nothing is reached from inside.

## Where a machine cannot do all of it

`codelicious doctor` tells what is lacking.

| lacking | then |
|---|---|
| Landlock, or filters of system calls | nothing runs, with exit code 2; `--sandbox=off` or `[sandbox] mode = "off"` in your own file runs without a wall |
| a network namespace | `loopback` becomes `none`; a list of hosts is refused with exit code 2, until `[sandbox.<preset>] network` is `"none"` or `"full"` |
| a mount namespace | modes, owners and times of files outside can be changed where permissions allow it, `/dev/shm` is shared, and `sandbox run` refuses folders that hold `.git` |
| Landlock 2 | files cannot be renamed or linked from one folder into another |
| Landlock 3 | files that may only be read can be cut short where their permissions allow it |
| Landlock 4 | ports are held back by the namespace and the filter of system calls alone |
| Landlock 5 | control requests to devices that may be opened are not held back |
| Landlock 6 | signals to your other processes and abstract sockets are not held back |
| a control group | memory is bounded for each process alone; the number of processes by their user's, which does not bind root |

On macOS the same policy is a profile for `/usr/bin/sandbox-exec`. Where that does not work nothing runs, as above. Weaker than
on Linux: `loopback` is the machine's own, with the servers that you have there; a list of hosts goes through a proxy on a
port of that loopback, which others on the machine can use while the command runs; memory and the number of processes are not
bounded.

Without a wall the banner, the events, the summary, every pull request and a postmortem say `unsandboxed`. Where a
preset in use, or an entry for a command, has `network = "full"`, they say `sandboxed, network open`.
"#;
