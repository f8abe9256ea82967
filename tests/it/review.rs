//! A second engine that reads verified work: what it may bring about, and what it may not.

use crate::support::{Repo, program, spec_of};
use serde_json::{Value, json};
use std::fs;

/// A spec of one task, built by the fake `claude`; `says` is what the reviewer does, call by call.
fn repo(says: &[Value], more: &str) -> Repo {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(1, 1));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "Specs"]);
    repo.git(&["push", "-q"]);
    let base = repo.base();
    let fake = program().with_file_name("examples").join("fake-agent");
    let at = |name: &str| base.join(name).display().to_string();
    let table = format!(
        "[review]\nengine = \"critic\"\n{more}\n\
         [engine.critic]\ntype = \"command\"\nprogram = \"{}\"\n\
         args = [\"--log\", \"{}\", \"--state\", \"{}\", \"--script\", \"{}\", \"--schema\", \"{{schema_file}}\"]\nanswer = \"last-message\"\n",
        fake.display(),
        at("critic.jsonl"),
        at("critic"),
        at("critic.json"),
    );
    repo.settings(&table);
    let rules: Vec<Value> = says
        .iter()
        .enumerate()
        .map(|(n, steps)| json!({"nth": n + 1, "do": steps}))
        .collect();
    let script = json!({"rules": rules, "default": [{"print": "{\"remarks\": []}"}]});
    fs::write(base.join("critic.json"), script.to_string()).expect("written");
    repo
}

fn says(severity: &str) -> Value {
    let remarks = json!({"remarks": [
        {"path": "work/T001.txt", "line": 1, "severity": severity, "claim": "it loses data", "suggestion": "keep it"},
    ]});
    json!([{"print": remarks.to_string()}])
}

fn reviews(repo: &Repo) -> Vec<Value> {
    let text = fs::read_to_string(repo.base().join("critic.jsonl")).unwrap_or_default();
    let lines = text.lines();
    lines
        .map(|l| serde_json::from_str(l).expect("a JSON line"))
        .collect()
}

fn build(repo: &Repo) -> String {
    let ended = repo.run(&["--engine", "claude"]).expect(0);
    assert_eq!(
        repo.commits("codelicious/specs-work").len(),
        1,
        "{}",
        ended.stderr
    );
    let there = [repo.lanes(), repo.boxes()].concat();
    assert!(
        there
            .iter()
            .all(|path| !path.display().to_string().contains("@review")),
        "the copy is gone, and what was its own: {there:?}"
    );
    ended.stderr
}

fn ledger(repo: &Repo) -> Value {
    serde_json::from_str(&repo.read(".codelicious/state/specs-work.json")).expect("JSON")
}

fn remarks(repo: &Repo) -> Value {
    ledger(repo)["chunks"]["T001"]["evidence"]["remarks"].clone()
}

#[test]
fn a_high_remark_reaches_who_builds_and_the_work_is_committed() {
    let repo = repo(&[says("high"), says("low")], "");
    let shown = build(&repo);
    let calls = repo.calls();
    assert_eq!(calls.len(), 2, "a build turn and a fix turn");
    let fix = calls[1]["prompt"].as_str().expect("a prompt");
    assert!(
        fix.contains("work/T001.txt:1: it loses data\n  keep it"),
        "{fix}"
    );
    let asked = reviews(&repo);
    assert_eq!(asked.len(), 2, "what was repaired is read once more");
    let prompt = asked[0]["prompt"].as_str().expect("a prompt");
    assert!(
        prompt.contains("+++ b/work/T001.txt") && prompt.contains("sh check.sh: passed"),
        "{prompt}"
    );
    assert!(
        asked[0]["cwd"]
            .as_str()
            .expect("a folder")
            .ends_with("specs-work@review")
    );
    assert_eq!(remarks(&repo)[0]["severity"], "low");
    assert!(shown.contains("reviewed by critic"), "{shown}");
    let counts: Vec<(Value, Value)> = repo
        .events()
        .iter()
        .filter(|e| e["kind"] == "review_finished")
        .map(|e| {
            (
                e["payload"]["remarks"].clone(),
                e["payload"]["high"].clone(),
            )
        })
        .collect();
    assert_eq!(counts, [(json!(1), json!(1)), (json!(1), json!(0))]);
}

#[test]
fn what_a_reviewer_does_counts_for_nothing() {
    let lane = "$(dirname \"$PWD\")/specs-work";
    let deeds = json!([
        {"write": {"path": "work/T001.txt", "text": "mine"}},
        {"write": {"path": "planted.txt", "text": "mine"}},
        {"commit": "mine"},
        {"run": format!("echo mine > \"{lane}/work/T001.txt\"; echo mine > \"{lane}/planted.txt\"")},
        {"run": format!("cd \"{lane}\" && git add -A && git -c user.name=x -c user.email=x@x commit -qm mine && git branch mine && git config core.pager mine")},
        {"print": "{\"remarks\": []}"},
    ]);
    let repo = repo(&[deeds], "");
    let before = repo.users_things();
    build(&repo);
    assert_eq!(repo.users_things(), before);
    let tip = "codelicious/specs-work";
    assert_eq!(
        repo.git(&["show", &format!("{tip}:work/T001.txt")]),
        "Build piece 1"
    );
    assert!(
        !repo
            .git(&["ls-tree", "-r", "--name-only", tip])
            .contains("planted")
    );
    assert_eq!(remarks(&repo), json!([]));
}

#[test]
fn no_review_stops_nothing() {
    for (steps, why) in [
        (
            json!([{"print": "Looks good to me."}]),
            "did not report a review",
        ),
        (
            json!([{"print": "{\"remarks\": [], \"merge\": true}"}]),
            "unknown field",
        ),
        (
            json!([{"print": "{\"kind\": \"block_chunk\", \"reason\": \"r\", \"needs\": \"n\"}"}]),
            "unknown field",
        ),
        (
            json!([{"stderr": "out of order"}, {"exit": 3}]),
            "exited with code 3",
        ),
        (json!([{"kill_self": true}]), "ended by signal 9"),
    ] {
        let repo = repo(&[steps], "");
        let shown = build(&repo);
        assert!(
            shown.contains("no review: ") && shown.contains(why),
            "{why}: {shown}"
        );
        assert_eq!(
            (remarks(&repo), repo.calls().len()),
            (Value::Null, 1),
            "{why}"
        );
    }
}

#[test]
fn a_reviewer_that_is_not_there_is_told_and_the_work_goes_on() {
    let repo = repo(&[], "");
    let env = [("CODELICIOUS_REVIEW_ENGINE", "codex"), ("PATH", "")];
    let path = format!("{}:/usr/bin:/bin", repo.base().join("bin").display());
    let ended = repo
        .run_with(&["--engine", "claude"], &[env[0], ("PATH", &path)])
        .expect(0);
    assert!(
        ended.stderr.contains("no work is reviewed: "),
        "{}",
        ended.stderr
    );
    let off = [("CODELICIOUS_REVIEW_ENGINE", "none")];
    let doctor = repo.run_with(&["doctor"], &off);
    assert!(!doctor.stdout.contains("reviewer"), "{}", doctor.stdout);
    let doctor = repo.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("reviewer    critic"),
        "{}",
        doctor.stdout
    );
    let own = [
        ("CODELICIOUS_REVIEW_ENGINE", "claude"),
        ("CODELICIOUS_ENGINE", "claude"),
    ];
    let doctor = repo.run_with(&["doctor"], &own);
    assert!(
        doctor.stdout.contains("of its own kind"),
        "{}",
        doctor.stdout
    );
    let unknown = [("CODELICIOUS_REVIEW_ENGINE", "critik")];
    let ended = repo.run_with(&["--engine", "claude"], &unknown).expect(2);
    assert!(
        ended.stderr.contains("critik") && ended.stderr.contains("critic"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_run_that_is_killed_around_a_review_is_made_good_by_the_next() {
    for place in [
        "kill@review.before_intent",
        "kill@review.after_intent",
        "kill@engine.watched#1",
        "kill@review.after_effect",
        "error@review.after_effect",
    ] {
        let repo = repo(&[], "");
        let first = repo.run_with(&["--engine", "claude"], &[("CODELICIOUS_CRASH", place)]);
        assert_ne!(first.code, 0, "{place}: {}", first.stderr);
        build(&repo);
        let attempts = ledger(&repo)["chunks"]["T001"]["attempts"].clone();
        assert_eq!(
            attempts[1]["end"]["end"]
                .as_str()
                .or(attempts[1]["end"].as_str())
                .map(|w| w == "committed"),
            Some(true),
            "{place}: {attempts}"
        );
        assert_eq!(remarks(&repo), json!([]), "{place}");
    }
}
