//! The laws that the rest relies on, each with one test that fails when it is broken. ARCHITECTURE.md says what holds
//! them, and which tests look closer.

use crate::main_job::dirty_repo;
use crate::support::{Repo, finish, send, spec_of};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;

const CLAUDE: [&str; 2] = ["--engine", "claude"];
const BRANCH: &str = "codelicious/specs-work";

fn three() -> Repo {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(3, 3));
    repo
}

/// The ledger as it stands, or as somebody copied it to a path.
fn ledger(path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}")))
        .unwrap()
}

#[test]
fn law_01_git_is_the_truth() {
    let repo = three();
    repo.run(&CLAUDE).expect(0);
    for n in 1..=3 {
        let rev = format!("{BRANCH}~{}", 3 - n);
        let files = repo.git(&["diff-tree", "--no-commit-id", "--name-only", "-r", &rev]);
        assert_eq!(
            files,
            format!("specs/work.md\nwork/T{n:03}.txt"),
            "work and mark in one commit"
        );
        let body = repo.git(&["show", "-s", "--format=%B", &rev]);
        assert!(body.contains("Codelicious-Spec: specs-work"), "{body}");
        assert!(
            body.contains(&format!("Codelicious-Chunk: T{n:03}")),
            "{body}"
        );
    }
    // The ledger can be thrown away: nothing is built again.
    fs::remove_dir_all(repo.root.join(".codelicious")).unwrap();
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 3);
    // A trailer without its mark was undone by somebody: that chunk alone is built again, and the run says so.
    let person = repo.fresh_clone("person");
    person.git(&["checkout", "-q", BRANCH]);
    let spec = person.root.join("specs/work.md");
    let text = fs::read_to_string(&spec)
        .unwrap()
        .replace("[x] T002", "[ ] T002");
    fs::write(&spec, text).unwrap();
    person.git(&["rm", "-q", "work/T002.txt"]);
    person.git(&["commit", "-qam", "Not done"]);
    person.git(&["push", "-q", "origin", BRANCH]);
    let ended = repo.run(&CLAUDE).expect(0);
    assert!(
        ended.stderr.contains("its mark was taken away"),
        "{}",
        ended.stderr
    );
    assert_eq!(repo.asked_for(), ["T001", "T002", "T003", "T002"]);
}

#[test]
fn law_02_intent_comes_before_effect() {
    let repo = three();
    let state = repo.root.join(".codelicious/state/specs-work.json");
    let copy = |name: &str| format!("cp '{}' '{}'", state.display(), repo.sign(name));
    let work = json!({"write": {"path": "work/{chunk}.txt", "text": "{title}"}});
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [{"run": copy("engine")}, work]}]}));
    let hook = format!(
        "#!/bin/sh\n[ -e '{0}' ] || {1}\ncat > '{2}'\n",
        repo.sign("push"),
        copy("push"),
        repo.sign("pushed")
    );
    repo.script(&repo.origin.join("hooks/pre-receive"), &hook);
    repo.run(&CLAUDE).expect(0);
    let intents = |name: &str, kind: &str| -> Vec<Value> {
        let all = ledger(&repo.sign(name))["intents"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        all.into_iter().filter(|i| i["intent"] == kind).collect()
    };
    let engine = intents("engine", "engine");
    assert_eq!(engine.len(), 1, "while the engine works the ledger says so");
    assert_eq!(engine[0]["chunk"], "T001");
    let push = intents("push", "push");
    assert_eq!(push.len(), 1, "while it is pushed the ledger says what");
    let tip = push[0]["tip"].as_str().unwrap();
    assert_eq!(repo.git(&["rev-parse", &format!("{tip}^{{commit}}")]), tip);
    let left = ledger(&state.display().to_string());
    assert_eq!(
        left["intents"],
        json!([]),
        "and at the end nothing is about to happen"
    );
}

#[test]
fn law_03_the_model_asks_and_the_program_decides() {
    let repo = three();
    let tick = format!(
        "perl -pi -e 's/\\[ \\]/[x]/' specs/work.md && git commit -qam 'T001 T002 T003 are done' && : > {}; true",
        repo.sign("ticked")
    );
    repo.fake(
        &json!({"default": {"steps": [{"run": tick}, {"say": "Everything is done and tested."}],
        "end": {"kind": "complete_chunk", "summary": "all done", "confidence": 1.0}}}),
    );
    repo.run(&CLAUDE).expect(3);
    assert!(repo.base().join("ticked").exists(), "it was tried");
    let status = repo.run(&["status", "--json"]).json();
    assert_eq!(status["specs"][0]["done"], 0, "{status:#}");
    let chunks = repo.commits("refs/codelicious/lanes/specs-work");
    assert!(
        chunks.iter().all(|(_, chunk)| chunk.is_none()),
        "{chunks:?}"
    );
}

#[test]
fn law_04_the_users_tree_is_not_ours() {
    let repo = dirty_repo();
    let before = repo.users_things();
    let meddle = format!(
        "git checkout -q -B mine && echo x > x.txt && git add -A && git commit -qm x && \
         git update-ref refs/heads/main HEAD && echo y > y.txt && git stash -q -u && : > {}; true",
        repo.sign("meddled")
    );
    repo.fake(&json!({"rules": [{"chunk": "T003", "steps": [{"run": meddle}, {"write": {"path": "work/T003.txt", "text": "{title}"}}]}]}));
    repo.run(&CLAUDE).expect(0);
    assert!(repo.base().join("meddled").exists(), "it was tried");
    assert_eq!(repo.users_things(), before);
    let tracked = repo.git(&[
        "ls-tree",
        "-r",
        "--name-only",
        "codelicious/specs-work-part-2",
    ]);
    for theirs in [
        "notes.txt",
        "new-staged.txt",
        "stashed.txt",
        ".claude/settings.json",
    ] {
        assert!(
            !tracked.lines().any(|l| l == theirs),
            "{theirs} was committed"
        );
    }
}

#[test]
fn law_05_nothing_runs_unsandboxed_silently() {
    let repo = three().without_wall();
    let ended = repo.run(&["--engine", "claude", "--quiet"]).expect(0);
    assert!(ended.stderr.contains("unsandboxed"), "{}", ended.stderr);
    let started: Vec<Value> = repo
        .events()
        .into_iter()
        .filter(|e| e["kind"] == "run_started")
        .collect();
    assert_eq!(
        started[0]["payload"]["sandbox"], "unsandboxed",
        "{started:#?}"
    );
    assert!(
        repo.read(".codelicious/prs/1.md")
            .contains("**unsandboxed**")
    );
}

#[test]
fn law_06_secrets_stay() {
    const SECRET: &str = "sk-ant-api03-Zm9yIG91ciBleWVzIG9ubHkgYW5kIG5v";
    let repo = three();
    let seen = repo.sign("seen-by-a-check");
    repo.write(
        "codelicious.toml",
        format!(
            "[verify]\ncommands = [{}]\n",
            json!(format!("env > '{seen}'"))
        ),
    );
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [
        {"run": "echo \"the key is $ANTHROPIC_API_KEY\""},
        {"write": {"path": "work/T001.txt", "text": "x"}}],
        "end": {"kind": "complete_chunk", "summary": format!("used {SECRET}")}}]}));
    let ended = repo
        .run_with(
            &["--engine", "claude", "-vv"],
            &[("ANTHROPIC_API_KEY", SECRET)],
        )
        .expect(0);
    assert!(
        !fs::read_to_string(seen).unwrap().contains(SECRET),
        "a check saw it"
    );
    assert!(!ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET));
    for (path, bytes) in repo.our_files() {
        assert!(
            !String::from_utf8_lossy(&bytes).contains(SECRET),
            "{}",
            path.display()
        );
    }
    assert!(!repo.git(&["log", "--all", "-p"]).contains(SECRET));
}

#[test]
fn law_07_everything_is_bounded() {
    let repo = three();
    repo.fake(&json!({"rules": [
        {"chunk": "T001", "steps": [{"hang": true}]},
        {"chunk": "T002", "steps": [{"chatter": true}]},
    ]}));
    // It comes to an end, which is the test; and by itself it tries nothing for ever.
    repo.run(&[
        "--engine",
        "claude",
        "--stall-timeout",
        "1",
        "--agent-timeout",
        "2",
        "--continuous",
        "--cycle-sleep-s",
        "0",
    ])
    .expect(1);
    let tries = |id: &str| repo.asked_for().iter().filter(|c| *c == id).count();
    assert_eq!((tries("T001"), tries("T002"), tries("T003")), (3, 3, 1));
}

#[test]
fn law_08_a_stop_is_never_a_surprise() {
    let repo = three();
    let held = repo.hold_engines("");
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [
        {"write": {"path": "half.txt", "text": "half"}}, {"hang": {"ignore_term": true, "touch": repo.sign("hanging")}}]}]}));
    let run = repo.start(&CLAUDE);
    repo.wait_for_sign("hanging");
    send(&run, Signal::TERM);
    finish(run).expect(143);
    assert!(!held.is_held(), "an engine still runs");
    assert!(repo.run(&["status", "--json"]).json()["lock"].is_null());
    let pages = repo.postmortems();
    assert!(
        pages.len() == 1 && pages[0].contains("codelicious --engine claude"),
        "{pages:#?}"
    );
    repo.run(&CLAUDE).expect(0);
    let chunks: Vec<_> = repo
        .commits(BRANCH)
        .into_iter()
        .filter_map(|(_, c)| c)
        .collect();
    assert_eq!(chunks, ["T001", "T002", "T003"]);
}

#[test]
fn law_09_bad_input_gets_a_clear_error_and_loses_nothing() {
    let repo = three();
    repo.run(&CLAUDE).expect(0);
    let state = repo.root.join(".codelicious/state");
    fs::write(state.join("specs-work.json"), "{\"schema\": 2, \"versi").unwrap();
    repo.write("specs/torn.md", b"# Torn\n\n- [ ] A001 A NUL \0 here\n");
    repo.write("specs/good.md", "# Good\n\n- [ ] G001 Build this\n");
    let ended = repo.run(&CLAUDE).expect(2);
    assert!(ended.stderr.contains("specs/torn.md:3"), "{}", ended.stderr);
    let good = repo.commits("codelicious/specs-good");
    assert!(
        good.iter().any(|(_, c)| c.as_deref() == Some("G001")),
        "other specs go on: {good:?}"
    );
    let kept: Vec<String> = fs::read_dir(&state)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        kept.iter()
            .any(|n| n.starts_with("specs-work.json.corrupt-")),
        "{kept:?}"
    );
    assert_eq!(
        ledger(&state.join("specs-work.json").display().to_string())["chunks"]["T002"]["status"],
        "committed"
    );
}

#[test]
fn law_10_unknown_is_not_good() {
    let repo = three();
    // No closing line: what it used is not known, and not nothing.
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [{"kill_self": "KILL"}]}]}));
    repo.run(&CLAUDE).expect(1);
    let state = repo
        .root
        .join(".codelicious/state/specs-work.json")
        .display()
        .to_string();
    let attempt = ledger(&state)["chunks"]["T001"]["attempts"][0].clone();
    assert_eq!(attempt["cost_usd"], Value::Null, "{attempt:#}");
    // A check that cannot be run is no pass.
    let calls = repo.calls().len();
    repo.write(
        "codelicious.toml",
        "[verify]\ncommands = [\"no-such-tool --all\"]\n",
    );
    repo.git(&["commit", "-qam", "Another check"]);
    repo.git(&["push", "-q"]);
    repo.run(&["--engine", "claude", "--fresh"]).expect(2);
    assert_eq!(repo.calls().len(), calls, "nothing was paid");
    // A key that nobody knows is an error.
    repo.write("codelicious.toml", "[verify]\ncomands = []\n");
    let ended = repo.run(&["plan"]).expect(2);
    assert!(
        ended.stderr.contains("comands") && ended.stderr.contains("commands"),
        "{}",
        ended.stderr
    );
}
