//! Chains of engines, waits for limits and budgets, with the built program.

use crate::support::{Repo, spec_of, wait_until};
use serde_json::{Value, json};
use std::fs;

/// A cassette that builds any chunk.
const BUILDS: &str = concat!(
    r#"{"chunk": "*", "calls": [{"name": "list_dir", "arguments": {"path": "."}}], "usage": {"input": 100, "output": 10}, "cost_usd": 0.25}"#,
    "\n",
    r#"{"chunk": "*", "calls": [{"name": "write_file", "arguments": {"path": "work/{chunk}.txt", "content": "{title}\n"}}, {"name": "complete_chunk", "arguments": {"summary": "s", "confidence": 0.9, "rationale": "r"}}], "usage": {"input": 100, "output": 10}, "cost_usd": 0.25}"#,
    "\n"
);

/// A repository with one spec of `tasks` tasks and a recording that builds them.
fn repo(tasks: usize) -> Repo {
    let repo = Repo::new();
    repo.write("specs/todo.md", spec_of(tasks, tasks));
    fs::write(repo.base().join("builds.jsonl"), BUILDS).unwrap();
    repo
}

/// The fake builds by writing and then, from this chunk on, is limited until `until`, in seconds since 1970.
fn limited_at(repo: &Repo, chunk: &str, until: i64) {
    repo.fake(&json!({"rules": [{"chunk": chunk, "steps": [
        {"write": {"path": "work/half.txt", "text": "cut off"}},
        {"rate_limit": {"status": "rejected", "resets_at": until}},
    ], "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "You've hit your session limit"}}]}));
}

fn ledger(repo: &Repo) -> Value {
    serde_json::from_str(&repo.read(".codelicious/state/specs-todo.json")).unwrap()
}

/// Who worked at each chunk, in order, and how it ended.
fn attempts(repo: &Repo) -> Vec<(String, String, String)> {
    let ledger = ledger(repo);
    let chunks = ledger["chunks"].as_object().unwrap().iter();
    let word = |v: &Value| v.as_str().unwrap().to_owned();
    chunks
        .flat_map(|(id, c)| {
            let attempts = c["attempts"].as_array().unwrap().clone();
            let id = id.clone();
            attempts
                .into_iter()
                .map(move |a| (id.clone(), word(&a["engine"]), word(&a["end"])))
        })
        .collect()
}

fn done(repo: &Repo) -> Vec<String> {
    let commits = repo.commits("codelicious/specs-todo");
    commits.into_iter().filter_map(|(_, chunk)| chunk).collect()
}

const FAR: i64 = 4_000_000_000;
const CHAIN: [&str; 2] = ["--engine", "claude,replay:../builds.jsonl"];

#[test]
fn an_engine_that_is_limited_hands_over_where_it_was_limited() {
    let repo = repo(3);
    limited_at(&repo, "T002", FAR);
    let ended = repo.run(&CHAIN).expect(0);
    assert!(
        ended.stderr.contains("claude is out until 2096-10-02"),
        "{}",
        ended.stderr
    );
    assert_eq!(done(&repo), ["T001", "T002", "T003"]);
    let triple = |c: &str, e: &str, end: &str| (c.to_owned(), e.to_owned(), end.to_owned());
    assert_eq!(
        attempts(&repo),
        [
            triple("T001", "claude", "committed"),
            triple("T002", "claude", "limited"),
            triple("T002", "replay", "committed"),
            triple("T003", "replay", "committed"),
        ]
    );
    // What the first one left is kept, and the second one's commit has none of it.
    let kept = repo.git(&[
        "for-each-ref",
        "--format=%(refname)",
        "refs/codelicious/attempts",
    ]);
    assert_eq!(kept, "refs/codelicious/attempts/specs-todo/T002/1");
    assert_eq!(
        repo.git(&["show", &format!("{kept}:work/half.txt")]),
        "cut off"
    );
    let files = repo.git(&[
        "ls-tree",
        "-r",
        "--name-only",
        "codelicious/specs-todo",
        "work",
    ]);
    assert_eq!(files, "work/T001.txt\nwork/T002.txt\nwork/T003.txt");
    let log = repo.read(".codelicious/logs/latest.log");
    assert!(
        !log.contains("half.txt\n\""),
        "the second engine sees a clean lane"
    );
    // The pull request says who built what.
    let pr = repo.read(".codelicious/prs/1.md");
    for line in [
        "| claude |",
        "| replay |",
        "Engine claude, model",
        "Engine replay, model",
    ] {
        assert!(pr.contains(line), "{line}: {pr}");
    }
    let status = repo.run(&["status", "--json"]).expect(0).json();
    let engines = status["specs"][0]["engines"].as_array().unwrap();
    let built: Vec<_> = engines
        .iter()
        .map(|e| (e["engine"].as_str().unwrap(), e["built"].as_u64().unwrap()))
        .collect();
    assert_eq!(built, [("claude", 1), ("replay", 2)]);
}

#[test]
fn both_limited_ends_resumably_and_a_later_run_completes() {
    let repo = repo(3);
    limited_at(&repo, "T002", FAR);
    fs::write(
        repo.base().join("limited.jsonl"),
        r#"{"chunk": "*", "error": {"kind": "rate_limited", "until": "2096-01-01T00:00:00Z", "message": "slow down"}}"#,
    )
    .unwrap();
    let chain = ["--engine", "claude,replay:../limited.jsonl"];
    let ended = repo.run(&chain).expect(6);
    assert_eq!(done(&repo), ["T001"]);
    assert!(
        ended.stderr.contains("--wait-for-reset"),
        "{}",
        ended.stderr
    );
    assert_eq!(repo.postmortems().len(), 1);
    // The next run was told: it asks neither of them again before their time.
    let calls = repo.calls().len();
    repo.run(&chain).expect(6);
    assert_eq!(
        repo.calls().len(),
        calls,
        "nobody is asked before the time that they named"
    );
    // Unless it is told to forget that, or somebody else is there.
    repo.fake(&json!({}));
    repo.run(&["--engine", "replay:../builds.jsonl", "--no-resume"])
        .expect(0);
    assert_eq!(done(&repo), ["T001", "T002", "T003"]);
}

/// A moment so many seconds from now, since 1970.
fn soon(seconds: i64) -> i64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

#[test]
fn a_limit_that_ends_soon_is_waited_for() {
    let repo = repo(2);
    let until = soon(4);
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [
        {"rate_limit": {"status": "rejected", "resets_at": until}},
    ], "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "limit"}}]}));
    let ended = repo.run(&["--engine", "claude"]).expect(0);
    assert!(ended.stderr.contains("waiting until"), "{}", ended.stderr);
    assert_eq!(done(&repo), ["T001", "T002"]);
    assert!(soon(0) >= until, "it was not asked before the time");
}

#[test]
fn killed_while_it_waits_the_next_run_goes_on() {
    let repo = repo(2);
    limited_at(&repo, "T002", soon(50_000));
    let args = ["--engine", "claude", "--wait-for-reset"];
    let mut child = repo.start(&args);
    wait_until("it waits", || {
        let waits = repo.events().iter().any(|e| e["kind"] == "waiting");
        waits && attempts(&repo).iter().any(|(_, _, end)| end == "limited")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(done(&repo), ["T001"]);
    let calls = repo.calls().len();
    repo.run(&["--engine", "claude"]).expect(6);
    assert_eq!(repo.calls().len(), calls, "it remembers what it waited for");
    repo.run(&CHAIN).expect(0);
    assert_eq!(done(&repo), ["T001", "T002"]);
}

#[test]
fn a_deadline_before_the_reset_is_not_waited_for() {
    let repo = repo(2);
    limited_at(&repo, "T002", soon(100_000));
    repo.run(&["--engine", "claude", "--wait-for-reset", "--deadline", "1h"])
        .expect(6);
}

#[test]
fn an_engine_that_is_not_there_is_left_out_and_said_so() {
    let repo = repo(1);
    fs::remove_file(repo.base().join("bin/claude")).unwrap();
    // Whatever else is installed on the machine is none of this test's.
    repo.other_settings("[claude]\npath = \"no-such-claude\"\n");
    let ended = repo.run(&CHAIN).expect(0);
    assert!(
        ended.stderr.contains("claude is left out of the chain"),
        "{}",
        ended.stderr
    );
    let none = repo
        .run(&["--engine", "claude,replay:../none.jsonl"])
        .expect(2);
    for part in [
        "no engine of the chain claude,replay:",
        "no-such-claude",
        "none.jsonl",
    ] {
        assert!(none.stderr.contains(part), "{part}: {}", none.stderr);
    }
}

#[test]
fn a_budget_ends_the_run_resumably() {
    let repo = repo(3);
    // A chunk costs half a dollar.
    let args = ["--engine", "replay:../builds.jsonl", "--max-cost-usd", "1"];
    let ended = repo.run(&args).expect(5);
    assert!(
        ended
            .stderr
            .contains("the budget of the run is used up: $1.00 of $1.00"),
        "{}",
        ended.stderr
    );
    assert_eq!(done(&repo), ["T001", "T002"]);
    assert_eq!(repo.postmortems().len(), 1);
    repo.run(&args).expect(0);
    assert_eq!(done(&repo), ["T001", "T002", "T003"]);
    let status = repo.run(&["status", "-v"]).expect(0);
    assert!(status.stdout.contains("T003 "), "{}", status.stdout);
    assert!(
        status.stdout.contains("1 attempt: 220 tokens, $0.50"),
        "{}",
        status.stdout
    );
}

#[test]
fn the_budget_of_a_chunk_leaves_the_others_theirs() {
    let repo = repo(2);
    let big = BUILDS.replace("\"input\": 100", "\"input\": 30000");
    let tape = format!(
        "{}{BUILDS}",
        big.replace("\"*\"", "\"T001\"").replace("{chunk}", "T001")
    );
    fs::write(repo.base().join("dear.jsonl"), tape).unwrap();
    let args = ["--engine", "replay:../dear.jsonl", "--max-tokens-per-chunk"];
    let ended = repo.run(&[&args[..], &["20000"]].concat()).expect(5);
    assert!(
        ended.stderr.contains("the budget of this chunk"),
        "{}",
        ended.stderr
    );
    assert_eq!(done(&repo), ["T002"], "each has its own");
    let ends: Vec<String> = attempts(&repo).into_iter().map(|(_, _, end)| end).collect();
    assert_eq!(ends, ["over_budget", "committed"]);
    repo.run(&[&args[..], &["200000"]].concat()).expect(0);
    assert_eq!(done(&repo), ["T002", "T001"]);
}

#[test]
fn a_session_that_a_person_names_is_gone_on_with_once() {
    let repo = repo(2);
    repo.run(&[
        "--engine",
        "claude",
        "--resume",
        "11111111-2222-4333-8444-555555555555",
    ])
    .expect(0);
    let resumed: Vec<Value> = repo.calls().iter().map(|c| c["resume"].clone()).collect();
    assert_eq!(resumed[0], "11111111-2222-4333-8444-555555555555");
    assert!(resumed[1..].iter().all(Value::is_null), "{resumed:?}");
    let refused = repo
        .run(&["--engine", "replay:../builds.jsonl", "--resume", "s"])
        .expect(2);
    assert!(refused.stderr.contains("--resume s"), "{}", refused.stderr);
}

#[test]
fn a_conversation_that_a_kill_cut_off_is_gone_on_with() {
    let repo = repo(1);
    repo.fake(&json!({"rules": [{"chunk": "T001", "nth": 1, "steps": [
        {"write": {"path": "work/half.txt", "text": "x"}}, {"hang": {"touch": repo.base().join("hangs")}},
    ]}]}));
    let mut child = repo.start(&["--engine", "claude"]);
    wait_until("it works", || repo.base().join("hangs").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    repo.run(&["--engine", "claude"]).expect(0);
    let calls = repo.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(
        calls[1]["resume"], calls[0]["session"],
        "the same conversation"
    );
    let prompt = calls[1]["prompt"].as_str().unwrap();
    assert!(prompt.contains("cut off"), "{prompt}");
    let files = repo.git(&[
        "ls-tree",
        "-r",
        "--name-only",
        "codelicious/specs-todo",
        "work",
    ]);
    assert_eq!(files, "work/T001.txt", "in a clean lane");
    // Unless the past is to be forgotten.
    let status = repo.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["specs"][0]["spent"]["lost"], 1);
}
