//! A stop is never a surprise: nothing left running, nothing left locked, and a page that says what to type.

use crate::support::{Held, Repo, finish, send, spec_of};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::process::Command;

const CLAUDE: [&str; 2] = ["--engine", "claude"];
const BRANCH: &str = "codelicious/specs-work";
const SIGNALS: [(Signal, i32, &str); 3] = [
    (Signal::INT, 130, "SIGINT"),
    (Signal::TERM, 143, "SIGTERM"),
    (Signal::HUP, 129, "SIGHUP"),
];

/// Three tasks; at the second the engine starts a process in a session of its own and hangs.
fn hanging_repo(ignore_term: bool) -> (Repo, Held) {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(3, 3));
    let held = repo.hold_engines("");
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [
        {"write": {"path": "half.txt", "text": "half\n"}},
        {"grandchild": {"sh": "trap '' TERM HUP INT; exec tail -f /dev/null"}},
        {"hang": {"ignore_term": ignore_term, "touch": repo.sign("hanging")}}]}]}));
    (repo, held)
}

/// Nothing runs, nothing is locked, and a rerun completes.
#[track_caller]
fn check_clean_and_resumable(repo: &Repo, held: &Held, before: &str) {
    assert!(!held.is_held(), "something of the engine still runs");
    let status = repo.run(&["status", "--json"]).json();
    assert!(status["lock"].is_null(), "{status:#}");
    assert_eq!(status["specs"][0]["counts"]["in_progress"], 0, "{status:#}");
    assert_eq!(repo.users_things(), before);
    repo.run(&CLAUDE).expect(0);
    check_built(repo);
    assert_eq!(repo.users_things(), before);
}

#[track_caller]
fn check_built(repo: &Repo) {
    let chunks: Vec<_> = repo
        .commits(BRANCH)
        .into_iter()
        .filter_map(|(_, c)| c)
        .collect();
    assert_eq!(chunks, ["T001", "T002", "T003"]);
    let files = repo.git(&["ls-tree", "-r", "--name-only", BRANCH]);
    assert!(!files.contains("half.txt"), "{files}");
    let remote = repo.git_in(&repo.origin, &["rev-parse", BRANCH]);
    assert_eq!(remote, repo.git(&["rev-parse", BRANCH]));
}

fn stopped_by(signal: Signal, code: i32, ignore_term: bool) -> (Repo, Held, String) {
    let (repo, held) = hanging_repo(ignore_term);
    let before = repo.users_things();
    let run = repo.start(&CLAUDE);
    repo.wait_for_sign("hanging");
    assert!(held.is_held());
    send(&run, signal);
    finish(run).expect(code);
    (repo, held, before)
}

#[test]
fn a_signal_ends_engine_and_grandchild_and_the_run_resumes() {
    for (signal, code, _) in SIGNALS {
        let (repo, held, before) = stopped_by(signal, code, false);
        check_clean_and_resumable(&repo, &held, &before);
    }
}

fn ends_an_engine_that_ignores_it(which: usize) {
    let (signal, code, _) = SIGNALS[which];
    let (repo, held, before) = stopped_by(signal, code, true);
    check_clean_and_resumable(&repo, &held, &before);
}

#[test]
fn sigint_ends_an_engine_that_ignores_signals() {
    ends_an_engine_that_ignores_it(0);
}

#[test]
fn sigterm_ends_an_engine_that_ignores_signals() {
    ends_an_engine_that_ignores_it(1);
}

#[test]
fn sighup_ends_an_engine_that_ignores_signals() {
    ends_an_engine_that_ignores_it(2);
}

#[test]
fn a_postmortem_says_why_how_far_and_what_to_type() {
    for (signal, code, name) in SIGNALS {
        let (repo, _held, _) = stopped_by(signal, code, false);
        let pages = repo.postmortems();
        let [page] = pages.as_slice() else {
            panic!("{pages:#?}")
        };
        for wanted in [
            format!("exit {code}"),
            name.to_owned(),
            "| committed | 1 |".to_owned(),
            "| pending | 2 |".to_owned(),
            ".codelicious/logs/".to_owned(),
            "engine claude".to_owned(),
            "unsandboxed".to_owned(),
        ] {
            assert!(page.contains(&wanted), "{wanted}: {page}");
        }
        let (_, log) = page.split_once("## Last log lines").expect("the log's end");
        assert!(
            log.contains("run_finished") || log.contains("RunFinished"),
            "{log}"
        );
    }
}

/// The command in the first `sh` block.
fn command_of(page: &str) -> &str {
    let (_, rest) = page.split_once("```sh\n").expect("a command");
    rest.split_once("\n```").expect("its end").0
}

#[test]
fn the_command_of_a_postmortem_goes_on_when_it_is_typed_anywhere() {
    let (repo, held, before) = stopped_by(Signal::TERM, 143, false);
    let pages = repo.postmortems();
    let line = command_of(&pages[0]);
    let program = crate::support::program();
    let words = line.strip_prefix("codelicious").expect("our name");
    let typed = format!("'{}'{words}", program.display());
    let mut shell = Command::new("sh");
    let ours = repo.command::<&str>(&[]);
    shell
        .args(["-c", &typed])
        .current_dir(repo.base())
        .env_clear();
    shell.envs(ours.get_envs().filter_map(|(k, v)| Some((k, v?))));
    let output = shell.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{typed}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    check_built(&repo);
    check_clean_and_resumable(&repo, &held, &before);
}

#[test]
fn a_second_signal_does_not_wait_for_the_engine() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(3, 3));
    let before = repo.users_things();
    // A shell that hears the signal, says so, and stays.
    let shell = format!(
        "cat > /dev/null\n[ -e '{go}' ] && exec 9>&-\ntrap ': > {heard}' TERM INT HUP\n: > {hanging}\nwhile :; do tail -f /dev/null & wait; done\n",
        go = repo.sign("go"),
        heard = repo.sign("heard"),
        hanging = repo.sign("hanging"),
    );
    let held = repo.hold_engines(&shell);
    let run = repo.start(&CLAUDE);
    repo.wait_for_sign("hanging");
    send(&run, Signal::INT);
    repo.wait_for_sign("heard");
    send(&run, Signal::INT);
    finish(run).expect(130);
    assert!(!held.is_held(), "something of the engine still runs");
    let ended: Vec<Value> = repo
        .events()
        .into_iter()
        .filter(|e| e["kind"] == "engine_ended")
        .collect();
    assert!(ended.is_empty(), "it was waited for: {ended:#?}");
    assert_eq!(repo.postmortems().len(), 1);
    let status = repo.run(&["status", "--json"]).json();
    assert!(status["lock"].is_null(), "{status:#}");
    assert_eq!(repo.users_things(), before);

    std::fs::remove_file(repo.base().join("bin/claude")).unwrap();
    std::os::unix::fs::symlink(
        crate::support::fake_claude(),
        repo.base().join("bin/claude"),
    )
    .unwrap();
    repo.run(&CLAUDE).expect(0);
    check_built(&repo);
}

#[test]
fn a_signal_during_a_check_ends_the_check() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(3, 3));
    let check = format!(
        "[ -e work/T002.txt ] && [ ! -e '{s}' ] || exit 0; : > '{s}'; exec tail -f /dev/null",
        s = repo.sign("checking")
    );
    repo.write(
        "codelicious.toml",
        format!("[verify]\ncommands = [{}]\n", json!(check)),
    );
    let before = repo.users_things();
    let run = repo.start(&CLAUDE);
    repo.wait_for_sign("checking");
    send(&run, Signal::TERM);
    finish(run).expect(143);
    assert_eq!(
        repo.commits(BRANCH).len(),
        2,
        "the sync and the first chunk"
    );
    repo.run(&CLAUDE).expect(0);
    check_built(&repo);
    assert_eq!(repo.users_things(), before);
}

#[test]
fn a_signal_during_a_push_ends_the_push_and_the_next_run_delivers() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(3, 3));
    let before = repo.users_things();
    let hook = format!(
        "#!/bin/sh\n[ -e '{go}' ] && exit 0\n: > '{pushing}'\nexec tail -f /dev/null\n",
        go = repo.sign("go"),
        pushing = repo.sign("pushing")
    );
    repo.script(&repo.origin.join("hooks/pre-receive"), &hook);
    let run = repo.start(&CLAUDE);
    repo.wait_for_sign("pushing");
    send(&run, Signal::TERM);
    finish(run).expect(143);
    repo.give_sign("go");
    repo.run(&CLAUDE).expect(0);
    check_built(&repo);
    assert_eq!(repo.users_things(), before);
}

#[test]
fn a_signal_between_two_looks_of_a_continuous_run_ends_it() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(2, 2));
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [], "end": {"kind": "error", "text": "no idea"}}]}));
    let run = repo.start(&[
        "--engine",
        "claude",
        "--continuous",
        "--cycle-sleep-s",
        "3600",
    ]);
    crate::support::wait_until("the pause", || {
        repo.events().iter().any(|e| e["kind"] == "waiting")
    });
    send(&run, Signal::TERM);
    finish(run).expect(143);
    assert_eq!(repo.postmortems().len(), 1);
}

#[test]
fn a_deadline_ends_an_engine_that_hangs_and_says_so() {
    let (repo, held) = hanging_repo(false);
    let before = repo.users_things();
    repo.run(&["--engine", "claude", "--deadline", "2"])
        .expect(4);
    let pages = repo.postmortems();
    assert_eq!(pages.len(), 1);
    assert!(pages[0].contains("deadline"), "{}", pages[0]);
    check_clean_and_resumable(&repo, &held, &before);
}

#[test]
fn a_rate_limit_leaves_a_postmortem_and_a_good_end_leaves_none() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(3, 3));
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [], "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "slow down"}}]}));
    repo.run(&CLAUDE).expect(6);
    let pages = repo.postmortems();
    assert_eq!(pages.len(), 1);
    assert!(pages[0].contains("rate limited"), "{}", pages[0]);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.postmortems().len(), 1, "the second run ended well");
    check_built(&repo);
}
