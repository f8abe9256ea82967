//! What a person sees, from the first plan to the pull request.

use crate::support::{Ended, Repo};
use serde_json::json;

/// Two specs, three tasks.
fn small() -> Repo {
    let repo = Repo::new().without_wall();
    repo.write(
        "specs/greeter.md",
        "# Greeter\n\nSays hello.\n\n## Start\n\n- [ ] T001 Say hello\n- [ ] T002 Say hello to somebody\n  - the name is the first argument\n",
    );
    repo.write(
        "specs/counter.md",
        "---\npriority: 10\n---\n# Counter\n\n- [ ] Count greetings\n",
    );
    repo
}

/// Pushes and pull requests go on beside the next chunk, so their lines stand now here, now there; the summary
/// tells where they led. The demo's commits have other ids every time.
fn steady(text: &str) -> String {
    let beside = regex::Regex::new(r"(?m)^\S+  (pushed|pull request, part \d+:) .*\n").unwrap();
    let ids = regex::Regex::new(r"(?m)^\* [0-9a-f]{7,} ").unwrap();
    ids.replace_all(&beside.replace_all(text, ""), "* <short> ")
        .into_owned()
}

macro_rules! shown {
    ($name:literal, $repo:expr, $args:expr, $code:expr) => {{
        let args: &[&str] = &$args;
        let ended: Ended = $repo.run(args).expect($code);
        insta::assert_snapshot!($name, steady(&$repo.shown(&ended)));
        ended
    }};
}

#[test]
fn a_small_job_from_plan_to_pull_request() {
    let repo = small();
    shown!("plan", repo, ["plan"], 0);
    shown!("dry_run", repo, ["--dry-run"], 0);
    shown!("run", repo, [], 0);
    insta::assert_snapshot!(
        "pull_request",
        repo.normalise(&repo.read(".codelicious/prs/1.md"))
    );
    shown!("status_after", repo, ["status"], 0);
    shown!("plan_after", repo, ["plan"], 0);
    shown!("second_run", repo, [], 0);
    shown!("second_run_verbose", repo, ["--verbose"], 0);
    shown!("events", repo, ["events"], 0);
}

#[test]
fn a_job_in_which_chunks_fail_ask_and_wait() {
    let repo = Repo::new().without_wall();
    repo.write(
        "codelicious.toml",
        "max_attempts = 1\nmax_fix_attempts = 1\n[verify]\ncommands = [\"sh check.sh\"]\n",
    );
    repo.write(
        "specs/shop.md",
        "# Shop\n\n- [ ] T001 Add a cart\n- [ ] T002 Add prices\n- [ ] T003 Send a receipt\n- [ ] T004 Send a reminder (depends on T003)\n- [ ] T005 Do nothing at all\n",
    );
    repo.fake(&json!({"rules": [
        {"chunk": "T002", "steps": [{"write": {"path": "work/prices.bad", "text": "bad\n"}}]},
        {"chunk": "T003", "end": {"kind": "block_chunk", "reason": "the task names no mail server", "needs": "Which mail server sends receipts?"}},
        {"chunk": "T005", "steps": [{"say": "there is nothing to do"}]},
    ]}));
    shown!("stopped_run", repo, [], 1);
    shown!("stopped_status", repo, ["status"], 0);
    shown!("stopped_plan", repo, ["plan"], 0);
    insta::assert_snapshot!(
        "stopped_pull_request",
        repo.normalise(&repo.read(".codelicious/prs/1.md"))
    );
    for text in [
        repo.run(&["status"]).stdout,
        repo.read(".codelicious/prs/1.md"),
    ] {
        let advice = "codelicious answer specs-shop:T003 TEXT, and run again";
        assert!(text.contains(advice), "{text}");
    }
    shown!("stopped_again", repo, [], 1);
}

#[test]
fn a_postmortem_says_what_to_type_next() {
    let repo = small();
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [{"hang": true}]}]}));
    repo.run(&["--deadline", "3"]).expect(4);
    let postmortems = repo.postmortems();
    assert_eq!(postmortems.len(), 1);
    let text = repo.normalise(&postmortems[0]);
    // The log's lines differ from machine to machine.
    let (before, _) = text
        .split_once("## Last log lines")
        .expect("it ends with the log");
    insta::assert_snapshot!("postmortem", before);
}

#[test]
fn a_rate_limit_says_until_when() {
    let repo = small();
    repo.fake(&json!({"default": {"steps": [{"rate_limit": {"status": "rejected", "resets_at": 4_102_444_800_i64}}],
        "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "You've hit your limit"}}}));
    let ended = repo.run::<&str>(&[]).expect(6);
    insta::assert_snapshot!("rate_limit", steady(&repo.shown(&ended)));
}

#[test]
fn a_repository_without_a_remote_says_how_to_deliver() {
    let repo = small();
    repo.git(&["remote", "remove", "origin"]);
    shown!("no_remote", repo, [], 0);
}

#[test]
fn the_doctor_and_init() {
    let repo = Repo::new().without_wall();
    let ended = repo.run(&["doctor"]).expect(0);
    let git = regex::Regex::new(r"(?m)^(ok\s+git\s+).*$").unwrap();
    let shown = repo.shown(&ended);
    insta::assert_snapshot!("doctor", git.replace_all(&shown, "$1<git>"));
    repo.git(&["rm", "-q", "--cached", "codelicious.toml"]);
    std::fs::remove_file(repo.root.join("codelicious.toml")).unwrap();
    shown!("init", repo, ["init"], 0);
    shown!("init_again", repo, ["init"], 0);
    insta::assert_snapshot!("init_template", repo.read("codelicious.toml"));
    insta::assert_snapshot!("init_spec", repo.read("specs/first.md"));
    shown!("init_plan", repo, ["plan"], 0);
}

#[test]
fn the_demos_tour() {
    let repo = Repo::new().without_wall();
    // As wide as it takes, so that lines break at the same words wherever temporary folders are.
    let wide = [("COLUMNS", "300")];
    let ended = repo.run_with(&["demo", "--dir", "../demo"], &wide);
    insta::assert_snapshot!("demo", steady(&repo.shown(&ended.expect(0))));
}
