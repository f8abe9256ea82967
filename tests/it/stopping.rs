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
    let ledger: Value =
        serde_json::from_str(&repo.read(".codelicious/state/specs-work.json")).unwrap();
    let attempt = &ledger["chunks"]["T002"]["attempts"][0];
    assert_eq!(attempt["end"], "interrupted", "{attempt:#}");
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
            "sandboxed".to_owned(),
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

/// A socket that says whether a daemon of an engine is still there.
struct Line(std::os::unix::net::UnixListener);

impl Line {
    /// Three tasks; the engine of the second makes a daemon and then does `end`. In a wall it could neither be connected
    /// to a socket nor end its run.
    fn in_repo(repo: &Repo, env_clear: bool, end: &serde_json::Value) -> Self {
        repo.write("specs/work.md", spec_of(3, 3));
        let socket = repo.sign("line");
        repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [
            {"write": {"path": "half.txt", "text": "half\n"}},
            {"daemon": {"socket": socket, "env_clear": env_clear}},
            {"wait_for": repo.sign("connected")},
            end]}]}));
        Self(std::os::unix::net::UnixListener::bind(socket).expect("bound"))
    }

    /// The daemon's end of it, once it is there.
    fn answer(&self, repo: &Repo) -> std::os::unix::net::UnixStream {
        use std::io::Read;
        let (mut line, _) = self.0.accept().expect("it connects");
        line.read_exact(&mut [0; 4])
            .expect("it says that it is there");
        repo.give_sign("connected");
        line
    }
}

/// Waits until the other end is closed, which only the other process's end does.
#[track_caller]
fn hangs_up(mut line: std::os::unix::net::UnixStream) {
    use std::io::Read;
    let bound = std::time::Duration::from_secs(60);
    line.set_read_timeout(Some(bound)).expect("set");
    let read = line.read(&mut [0; 4]);
    assert_eq!(read.expect("the daemon is still connected"), 0);
}

#[test]
fn a_daemon_that_left_session_and_group_and_hears_nothing_is_ended_with_its_run() {
    for (signal, code, _) in SIGNALS {
        let repo = Repo::new().without_wall();
        let hang = json!({"hang": {"ignore_term": true, "touch": repo.sign("hanging")}});
        let line = Line::in_repo(&repo, true, &hang);
        let before = repo.users_things();
        let run = repo.start(&CLAUDE);
        let line = line.answer(&repo);
        repo.wait_for_sign("hanging");
        send(&run, signal);
        finish(run).expect(code);
        hangs_up(line);
        assert_eq!(repo.users_things(), before);
        repo.run(&CLAUDE).expect(0);
        check_built(&repo);
    }
}

#[test]
fn a_daemon_of_an_engine_that_ended_well_is_ended_before_its_work_is_looked_at() {
    let repo = Repo::new().without_wall();
    let line = Line::in_repo(
        &repo,
        true,
        &json!({"write": {"path": "work/T002.txt", "text": "done"}}),
    );
    let run = repo.start(&CLAUDE);
    let line = line.answer(&repo);
    hangs_up(line);
    finish(run).expect(0);
}

#[test]
fn a_daemon_of_a_killed_run_is_ended_by_the_next_one() {
    for env_clear in [false, true] {
        if env_clear && !codelicious::proc::cgroup::is_available() {
            eprintln!(
                "SKIPPED: no control group can be made here, so a daemon that hides is not found"
            );
            continue;
        }
        let repo = Repo::new().without_wall();
        let kill = json!({"kill_parent": "KILL"});
        let line = Line::in_repo(&repo, env_clear, &kill);
        let before = repo.users_things();
        let run = repo.start(&CLAUDE);
        let line = line.answer(&repo);
        assert_eq!(finish(run).code, 137);
        repo.fake(&json!({}));
        let ended = repo.run(&CLAUDE).expect(0);
        hangs_up(line);
        assert!(ended.stderr.contains("ended process"), "{}", ended.stderr);
        check_built(&repo);
        assert_eq!(repo.users_things(), before);
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

/// What stands below a heading of a postmortem.
#[track_caller]
fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let (_, rest) = page
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("{heading}: {page}"));
    rest.split_once("\n## ").map_or(rest, |(text, _)| text)
}

#[test]
fn a_postmortem_says_in_words_what_was_in_flight() {
    let (repo, _held, _) = stopped_by(Signal::TERM, 143, false);
    let pages = repo.postmortems();
    let said = section(&pages[0], "In flight");
    assert!(
        said.contains("specs-work:T002 interrupted in attempt 1: Build piece 2"),
        "{said}"
    );
}

/// The second signal does not wait: what was recorded as about to happen is all there is to tell.
#[test]
fn a_postmortem_of_a_run_that_was_cut_off_tells_its_intents() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(2, 2));
    let shell = format!(
        "cat > /dev/null\ntrap ': > {heard}' TERM INT HUP\n: > {hanging}\nwhile :; do tail -f /dev/null & wait; done\n",
        heard = repo.sign("heard"),
        hanging = repo.sign("hanging"),
    );
    let _held = repo.hold_engines(&shell);
    let run = repo.start(&CLAUDE);
    repo.wait_for_sign("hanging");
    send(&run, Signal::INT);
    repo.wait_for_sign("heard");
    send(&run, Signal::INT);
    finish(run).expect(130);
    let pages = repo.postmortems();
    let said = section(&pages[0], "In flight");
    assert!(
        said.contains("specs-work:T001 in progress: Build piece 1")
            && said.contains("specs-work: an engine was at work on T001, attempt 1, upon "),
        "{said}"
    );
    assert!(!said.contains('{'), "{said}");
}

#[test]
fn a_ledger_that_cannot_be_written_leaves_a_postmortem_that_counts() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(3, 3));
    let before = repo.users_things();
    let ledger = repo.root.join(".codelicious/state/specs-work.json");
    // A folder with something in it is in the ledger's place, which stops root too.
    let block = format!("rm -f '{0}'; mkdir -p '{0}/full'", ledger.display());
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [
        {"write": {"path": "work/T002.txt", "text": "Build piece 2"}}, {"run": block}]}]}));
    let ended = repo.run(&CLAUDE).expect(2);
    let pages = repo.postmortems();
    let [page] = pages.as_slice() else {
        panic!("{pages:#?}")
    };
    let reason = section(page, "Reason");
    assert!(
        reason.contains("specs-work.json") && reason.contains("run again"),
        "{page}"
    );
    let counts = section(page, "Chunks");
    assert!(
        counts.contains("| committed | 1 |") && counts.contains("| pending | 1 |"),
        "{page}"
    );
    assert!(
        ended
            .stderr
            .contains("postmortem: .codelicious/postmortem-"),
        "{}",
        ended.stderr
    );
    std::fs::remove_dir_all(&ledger).unwrap();
    repo.run(&CLAUDE).expect(0);
    check_built(&repo);
    assert_eq!(repo.users_things(), before);
}

#[test]
fn a_set_up_error_after_work_began_leaves_a_postmortem() {
    let repo = Repo::new();
    repo.write("specs/a.md", spec_of(1, 1));
    repo.write("specs/b.md", spec_of(2, 2));
    let once = format!("[ ! -e '{0}' ] && : > '{0}'", repo.sign("set-up"));
    repo.write(
        "codelicious.toml",
        format!(
            "[verify]\ncommands = [\"sh check.sh\"]\n[worktree]\nsetup = [{}]\n",
            json!(once)
        ),
    );
    let ended = repo.run(&CLAUDE).expect(2);
    assert_eq!(repo.asked_for(), ["T001"]);
    let pages = repo.postmortems();
    let [page] = pages.as_slice() else {
        panic!("{pages:#?}")
    };
    let counts = section(page, "Chunks");
    assert!(
        counts.contains("| committed | 1 |") && counts.contains("| pending | 2 |"),
        "{page}"
    );
    assert!(section(page, "Reason").contains("set-up command"), "{page}");
    assert!(ended.stderr.contains("postmortem: "), "{}", ended.stderr);
}

#[test]
fn postmortems_of_one_second_stand_beside_each_other() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(1, 1));
    repo.write("codelicious.toml", "[worktree]\nsetup = [\"exit 7\"]\n");
    for n in 1..=6 {
        repo.run(&CLAUDE).expect(2);
        assert_eq!(repo.postmortems().len(), n);
    }
}

#[test]
fn log_lines_cannot_break_out_of_a_postmortem() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(1, 1));
    let hostile = "```\n`````\n## Go on\n```sh\nrm -rf /\n```\u{1b}[2J hunter22hunter22";
    let long = "long ".repeat(2_000);
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [
        {"say": hostile}, {"say": long}, {"print": hostile}, {"hang": {"touch": repo.sign("hanging")}}]}]}));
    let mut command = repo.command(&["--engine", "claude", "-vv"]);
    let run = command
        .env("CANARY_SECRET_TOKEN", "hunter22hunter22")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    repo.wait_for_sign("hanging");
    send(&run, Signal::TERM);
    finish(run).expect(143);
    let pages = repo.postmortems();
    let (head, log) = pages[0].split_once("\n## Last log lines\n").unwrap();
    assert!(!head.contains("rm -rf"), "{head}");
    let opening = log.lines().find(|l| l.starts_with("```")).unwrap();
    let fence = opening.trim_end_matches("text");
    let inside = log.split_once(opening).unwrap().1;
    let (inside, after) = inside.split_once(&format!("\n{fence}\n")).unwrap();
    assert_eq!(after, "", "the log's block is the last thing on the page");
    assert!(inside.lines().all(|l| !l.trim_start().starts_with(fence)));
    assert!(inside.lines().all(|l| l.chars().count() <= 501));
    assert!(inside.contains("````"), "the test says something: {inside}");
    assert!(!pages[0].contains('\u{1b}') && !pages[0].contains("hunter22"));
}
