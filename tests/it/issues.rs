//! Issues of a forge as work: what becomes of them between runs and cycles, and without a ledger.

use crate::fake_forge::FakeForge;
use crate::support::{Ended, Repo, finish, send, spec_of, wait_until};
use serde_json::{Value, json};
use std::process::Stdio;

const PROSE: &str =
    "## Cast it\n\nOf bronze.\n\n## Hang it\n\nHigh up.\n\n## Ring it\n\nAt noon.\n";

/// A repository without specs, and a forge with one open issue.
fn with_issue(body: &str, config: &str) -> (Repo, FakeForge, u64) {
    let repo = Repo::new();
    repo.write(
        "codelicious.toml",
        format!("max_attempts = 10\n[verify]\ncommands = [\"sh check.sh\"]\n{config}"),
    );
    repo.git(&["commit", "-qam", "Configure"]);
    repo.git(&["push", "-q"]);
    let forge = FakeForge::start(&repo, "github");
    let issue =
        json!({"title": "A bell", "body": body, "labels": ["codelicious"], "author": "grace"});
    let number = forge.control("issue", &issue)["number"].as_u64().unwrap();
    (repo, forge, number)
}

fn from_issue(number: u64) -> [String; 4] {
    ["--engine", "claude", "--from-issue", &number.to_string()].map(str::to_owned)
}

/// Runs for the issue.
fn build(repo: &Repo, forge: &FakeForge, number: u64) -> Ended {
    let args = from_issue(number);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    forge.run(repo, &args)
}

/// Somebody closes it.
fn close(forge: &FakeForge, number: u64) {
    let closed =
        json!({"number": number, "id": 1, "title": "A bell", "author": "grace", "open": false});
    forge.control("set", &json!({ "issues": [closed] }));
}

#[test]
fn a_later_cycle_for_one_issue_never_builds_anything_else() {
    let (repo, forge, number) = with_issue("- [ ] T001 Ring it\n", "");
    repo.write("specs/other.md", spec_of(2, 2));
    let (begun, go) = (repo.sign("begun"), repo.sign("go"));
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [
        {"write": {"path": "work/T001.txt", "text": "rung"}}, {"touch": begun}, {"wait_for": go},
    ]}]}));
    let args = from_issue(number);
    let mut command = repo.command(&args);
    let child = command
        .args(["--continuous", "--cycle-sleep-s", "0"])
        .envs(forge.envs())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    repo.wait_for_sign("begun");
    // Whoever merges it closes it; here somebody did so while it was built.
    close(&forge, number);
    repo.give_sign("go");
    let ended = finish(child);
    assert_eq!(repo.asked_for(), ["T001"], "{}", ended.stderr);
    assert_eq!(forge.pulls().len(), 1, "{}", ended.stderr);
}

#[test]
fn half_of_an_issue_in_prose_is_no_whole() {
    let (repo, forge, number) = with_issue(PROSE, "");
    let dry = [
        &from_issue(number)[..],
        &["--dry-run".to_owned(), "--json".to_owned()],
    ]
    .concat();
    let dry: Vec<&str> = dry.iter().map(String::as_str).collect();
    let plan = forge.run(&repo, &dry).expect(0).json();
    let second = &plan["specs"][0]["chunks"][1];
    assert_eq!(second["title"], "Hang it", "{plan:#}");
    let fails =
        json!({"chunk": second["id"], "steps": [], "end": {"kind": "error", "text": "no idea"}});
    repo.fake(&json!({ "rules": [fails] }));
    build(&repo, &forge, number).expect(1);
    let first = forge.pulls()[0].clone();
    let closes = format!("Closes #{number}");
    let is_whole = |pull: &Value| pull["body"].as_str().unwrap().contains(&closes);
    assert!(!is_whole(&first), "{first:#}");
    // Nobody names the issue now, and there is no ledger: it is the same spec, and goes on.
    std::fs::remove_dir_all(repo.root.join(".codelicious/state")).unwrap();
    repo.fake(&json!({}));
    let ended = forge.run(&repo, &["--engine", "claude"]).expect(0);
    let last = forge.pulls()[0].clone();
    assert!(is_whole(&last), "{}\n{last:#}", ended.stderr);
    assert_eq!(
        repo.commits(&format!("codelicious/specs-issue-{number}"))
            .iter()
            .filter(|c| c.1.is_some())
            .count(),
        3
    );
    assert_eq!(forge.times("pr_created"), 1);
}

#[test]
fn a_fresh_clone_leaves_a_closed_issue_alone() {
    let (repo, forge, number) = with_issue("- [ ] T001 Cast it\n- [ ] T002 Hang it\n", "");
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [], "end": {"kind": "error", "text": "no idea"}}]}));
    build(&repo, &forge, number).expect(1);
    repo.fake(&json!({}));
    close(&forge, number);
    std::fs::remove_dir_all(repo.root.join(".codelicious")).unwrap();
    let calls = repo.calls().len();
    let ended = forge.run(&repo, &["--engine", "claude"]);
    assert!(
        ended.stderr.contains("was closed: reopen it"),
        "{}",
        ended.stderr
    );
    assert_eq!(repo.calls().len(), calls, "{}", ended.stderr);
}

#[test]
fn a_model_is_not_paid_for_what_cannot_be_delivered() {
    let (repo, forge, number) = with_issue(PROSE, "[pr]\nreviewers = [\"nobody-at-all\"]\n");
    let plan = json!({"chunk": "plan", "calls": [{"name": "propose_chunks", "arguments": {"chunks": []}}]});
    std::fs::write(repo.base().join("tape.jsonl"), plan.to_string()).unwrap();
    let args = [
        "--engine",
        "replay:../tape.jsonl",
        "--from-issue",
        &number.to_string(),
    ];
    let ended = forge.run(&repo, &args).expect(2);
    assert!(ended.stderr.contains("nobody-at-all"), "{}", ended.stderr);
    let events = repo.read(".codelicious/events.jsonl");
    assert!(!events.contains("planning_started"), "{events}");
}

#[test]
fn a_signal_is_heard_while_the_forge_says_nothing() {
    let (repo, forge, number) = with_issue("- [ ] T001 Ring it\n", "");
    let asked = repo.sign("asked");
    forge.play(&json!([{"path": "/issues/", "stall": true, "before": true, "touch": asked}]));
    let args = from_issue(number);
    let child = repo
        .command(&args)
        .envs(forge.envs())
        .env("CODELICIOUS_NETWORK_ANSWER_TIMEOUT_S", "3000")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    repo.wait_for_sign("asked");
    send(&child, rustix::process::Signal::TERM);
    finish(child).expect(143);
    wait_until("the lock is free", || {
        codelicious::fsx::lock::peek(&repo.root.join(".codelicious"), &repo.root.join(".git"))
            .is_ok_and(|holder| holder.is_none())
    });
    assert!(repo.calls().is_empty());
}
