//! One run at a time, whoever tries, and whatever an agent does to our files.

use crate::support::{Ended, Repo, finish, spec_of, wait_until};
use serde_json::{Value, json};
use std::fs;

const CLAUDE: [&str; 2] = ["--engine", "claude"];
const LEDGER: &str = ".codelicious/state/specs-work.json";
const BRANCH: &str = "codelicious/specs-work";

fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// Three tasks; the engine waits at the second until the sign `go` is given.
fn waiting_repo() -> Repo {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(3, 3));
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [
        {"touch": repo.sign("waiting")}, {"wait_for": repo.sign("go")},
        {"write": {"path": "work/T002.txt", "text": "two\n"}}]}]}));
    repo
}

#[track_caller]
fn check_refused(ended: &Ended, pid: Option<u32>) {
    assert_eq!(ended.code, 75, "{}", ended.stderr);
    if let Some(pid) = pid {
        let holder = format!("process {pid} on {}", host());
        assert!(ended.stderr.contains(&holder), "{holder}: {}", ended.stderr);
    }
}

#[track_caller]
fn check_all_built(repo: &Repo) {
    let chunks: Vec<_> = repo
        .commits(BRANCH)
        .into_iter()
        .filter_map(|(_, c)| c)
        .collect();
    assert_eq!(chunks, ["T001", "T002", "T003"]);
    assert_eq!(repo.asked_for(), ["T001", "T002", "T003"]);
}

fn repairs(repo: &Repo) -> Vec<String> {
    let what = |e: &Value| {
        (e["kind"] == "repaired")
            .then(|| e["payload"]["what"].as_str().unwrap_or_default().to_owned())
    };
    repo.events().iter().filter_map(what).collect()
}

#[test]
fn of_eight_starts_at_once_one_runs_and_seven_name_it() {
    let repo = waiting_repo();
    let mut children: Vec<_> = (0..8).map(|_| Some(repo.start(&CLAUDE))).collect();
    let mut refused = Vec::new();
    wait_until("seven to be refused while the engine still works", || {
        for slot in &mut children {
            if slot
                .as_mut()
                .is_some_and(|c| c.try_wait().unwrap().is_some())
            {
                refused.extend(slot.take().map(finish));
            }
        }
        refused.len() >= 7
    });
    let winner = children.into_iter().flatten().next().expect("one runs");
    for ended in &refused {
        check_refused(ended, Some(winner.id()));
    }
    assert_eq!(refused.len(), 7);
    repo.give_sign("go");
    finish(winner).expect(0);
    check_all_built(&repo);
    repo.run(&CLAUDE).expect(0);
}

#[test]
fn plan_and_status_work_beside_a_run_and_disturb_nothing() {
    let repo = waiting_repo();
    let run = repo.start(&CLAUDE);
    repo.wait_for_sign("waiting");
    let status = repo.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["lock"]["pid"], run.id(), "{status:#}");
    assert_eq!(status["lock"]["host"], host(), "{status:#}");
    assert_eq!(status["specs"][0]["done"], 1, "{status:#}");
    assert_eq!(status["specs"][0]["counts"]["in_progress"], 1, "{status:#}");
    let plan = repo.run(&["plan", "--json"]).expect(0).json();
    assert_eq!(plan["specs"][0]["done"], 1, "{plan:#}");
    repo.run(&["--dry-run", "--engine", "claude"]).expect(0);
    repo.run(&["events"]).expect(0);
    repo.give_sign("go");
    finish(run).expect(0);
    check_all_built(&repo);
    let status = repo.run(&["status", "--json"]).expect(0).json();
    assert!(status["lock"].is_null(), "{status:#}");
}

/// While the engine waits, `tamper` is done; no second run gets in, and the first one ends well and says
/// what happened.
fn tampered(tamper: impl Fn(&Repo), holder_is_known: bool) -> Repo {
    let repo = waiting_repo();
    let run = repo.start(&CLAUDE);
    repo.wait_for_sign("waiting");
    tamper(&repo);
    for _ in 0..2 {
        check_refused(&repo.run(&CLAUDE), holder_is_known.then_some(run.id()));
    }
    repo.give_sign("go");
    finish(run).expect(0);
    check_all_built(&repo);
    repo
}

#[test]
fn an_agent_that_deletes_our_folder_lets_no_second_run_in() {
    let repo = tampered(
        // The run writes there meanwhile (a push or a pull request in flight).
        |repo| {
            let ours = repo.root.join(".codelicious");
            wait_until("our folder is gone", || {
                fs::remove_dir_all(&ours).is_ok() || !ours.exists()
            });
        },
        false,
    );
    assert!(
        repairs(&repo).iter().any(|what| what.contains("lock file")),
        "{:?}",
        repairs(&repo)
    );
    let ledger: Value = serde_json::from_str(&repo.read(LEDGER)).unwrap();
    assert_eq!(
        ledger["chunks"]["T003"]["status"], "committed",
        "{ledger:#}"
    );
    assert_eq!(repo.read(".codelicious/.gitignore"), "*\n");
    assert!(repo.read(".codelicious/prs/1.md").contains(BRANCH));
}

#[test]
fn an_agent_that_deletes_the_lock_lets_no_second_run_in() {
    let repo = tampered(
        |repo| fs::remove_file(repo.root.join(".codelicious/run.lock")).unwrap(),
        false,
    );
    assert!(
        repairs(&repo).iter().any(|what| what.contains("lock file")),
        "{:?}",
        repairs(&repo)
    );
}

#[test]
fn an_agent_that_replaces_the_lock_lets_no_second_run_in() {
    let repo = tampered(
        |repo| {
            let lock = repo.root.join(".codelicious/run.lock");
            fs::rename(&lock, repo.root.join(".codelicious/old.lock")).unwrap();
            fs::write(
                &lock,
                "{\"pid\":1,\"run\":\"mine\",\"start\":\"2020-01-01T00:00:00Z\",\"host\":\"x\"}\n",
            )
            .unwrap();
        },
        false,
    );
    assert!(
        repairs(&repo).iter().any(|what| what.contains("lock file")),
        "{:?}",
        repairs(&repo)
    );
}

/// The ledger with every chunk committed, as somebody who wants to be done would write it.
fn all_done(repo: &Repo, text: &str) -> String {
    let mut ledger: Value = serde_json::from_str(text).unwrap();
    let commit = repo.git(&["rev-parse", "main"]);
    ledger["version"] = json!(ledger["version"].as_u64().unwrap() + 1000);
    for (id, title) in [("T001", 1), ("T002", 2), ("T003", 3)] {
        let chunk = &mut ledger["chunks"][id];
        if chunk.is_null() {
            *chunk =
                json!({"title": format!("Build piece {title}"), "fingerprint": "", "attempts": []});
        }
        chunk["status"] = json!("committed");
        chunk["commit"] = json!(commit);
        chunk["reason"] = Value::Null;
    }
    ledger.to_string()
}

#[test]
fn an_agent_that_writes_into_the_ledger_that_all_is_done_changes_nothing() {
    let repo = tampered(
        |repo| repo.write(LEDGER, all_done(repo, &repo.read(LEDGER))),
        true,
    );
    assert!(
        repairs(&repo).iter().any(|what| what.contains("ledger")),
        "{:?}",
        repairs(&repo)
    );
    let ledger: Value = serde_json::from_str(&repo.read(LEDGER)).unwrap();
    let tip = repo.git(&["rev-parse", BRANCH]);
    assert_eq!(ledger["chunks"]["T003"]["commit"], tip, "{ledger:#}");
}

#[test]
fn a_ledger_that_claims_more_than_git_holds_is_not_believed() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(3, 3));
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [], "end": {"kind": "error", "status": 429, "error": "rate_limit"}}]}));
    repo.run(&CLAUDE).expect(6);
    repo.write(LEDGER, all_done(&repo, &repo.read(LEDGER)));
    let plan = repo.run(&["plan", "--json"]).expect(0).json();
    assert_eq!(plan["specs"][0]["done"], 1, "{plan:#}");
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.asked_for(), ["T001", "T002", "T002", "T003"]);
    let chunks: Vec<_> = repo
        .commits(BRANCH)
        .into_iter()
        .filter_map(|(_, c)| c)
        .collect();
    assert_eq!(chunks, ["T001", "T002", "T003"]);
}

#[test]
fn a_linked_worktree_and_a_subfolder_share_the_lock() {
    let repo = waiting_repo();
    repo.git(&["worktree", "add", "-q", "../linked"]);
    repo.write("deep/er/file.txt", "x");
    let run = repo.start(&CLAUDE);
    repo.wait_for_sign("waiting");
    for dir in [repo.base().join("linked"), repo.root.join("deep/er")] {
        let output = repo.command(&CLAUDE).current_dir(&dir).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(75),
            "{}: {}",
            dir.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    repo.give_sign("go");
    finish(run).expect(0);
    check_all_built(&repo);
}

#[test]
fn a_lock_file_left_by_a_killed_run_is_in_nobodys_way() {
    let repo = waiting_repo();
    let mut run = repo.start(&CLAUDE);
    repo.wait_for_sign("waiting");
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(repo.root.join(".codelicious/run.lock").exists());
    let status = repo.run(&["status", "--json"]).json();
    assert!(status["lock"].is_null(), "{status:#}");
    repo.fake(&json!({}));
    repo.run(&CLAUDE).expect(0);
    let chunks: Vec<_> = repo
        .commits(BRANCH)
        .into_iter()
        .filter_map(|(_, c)| c)
        .collect();
    assert_eq!(chunks, ["T001", "T002", "T003"]);
}
