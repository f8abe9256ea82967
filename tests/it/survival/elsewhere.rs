//! Runs that are killed while their lane stands elsewhere than at its work: a check kills the run at the very moment.

use super::{KILLED, stories};
use crate::support::{Repo, spec_of};
use serde_json::json;
use std::fs;

/// A shell command that kills the run whose check it is.
fn kill(repo: &Repo) -> String {
    let lock = repo.root.join(".codelicious/run.lock");
    format!(
        "kill -9 $(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/' {})",
        lock.display()
    )
}

/// Writes a script outside of the repository, which a check calls.
fn script(repo: &Repo, text: &str) {
    fs::write(repo.base().join("script"), text).unwrap();
}

fn attempts(repo: &Repo) -> Vec<String> {
    let below = "refs/codelicious/attempts";
    let refs = repo.git(&["for-each-ref", "--format=%(refname)", below]);
    refs.lines().map(str::to_owned).collect()
}

#[test]
fn a_lane_that_stood_at_the_base_leaves_no_work_behind_and_what_was_accepted_is_what_lands() {
    let repo = Repo::new().without_wall();
    let check = format!("sh {}", repo.base().join("script").display());
    repo.write(
        "codelicious.toml",
        format!("[verify]\ncommands = [\"{check}\"]\n"),
    );
    repo.write("specs/work.md", spec_of(3, 3));
    repo.fake(&json!({"rules": [{
        "chunk": "T002",
        "steps": [{"write": {"path": "work/two.txt", "text": "two\n"}}],
        "end": {"kind": "complete_chunk", "confidence": 0.1, "rationale": "a guess"},
    }]}));
    script(&repo, "");
    repo.run::<&str>(&[]).expect(3);
    repo.run(&["accept", "T002"]).expect(0);
    let kept = attempts(&repo);
    let saved = repo.git(&["rev-parse", &kept[0]]);

    // The base moved, so that its baseline is run once more.
    repo.git(&["commit", "-q", "--allow-empty", "-m", "Beside"]);
    repo.write("beside.txt", "beside\n");
    repo.git(&["add", "beside.txt"]);
    repo.git(&["commit", "-qm", "More"]);
    repo.git(&["push", "-q"]);
    script(&repo, &format!("[ -e work/T001.txt ] || {}", kill(&repo)));
    repo.run::<&str>(&[]).expect(KILLED);
    script(&repo, "");
    let ended = repo.run::<&str>(&[]).expect(0);
    assert!(!ended.stderr.contains("is kept at"), "{}", ended.stderr);
    assert_eq!(attempts(&repo), kept, "nobody's work is not kept");
    assert_eq!(repo.git(&["rev-parse", &kept[0]]), saved);
    let lane = "refs/codelicious/lanes/specs-work";
    let changed = ["log", "-1", "--format=", "--name-status", lane];
    assert_eq!(
        repo.git(&changed),
        "M\tspecs/work.md\nA\twork/two.txt",
        "what was accepted, and nothing else"
    );
    let files = repo.git(&["ls-tree", "-r", "--name-only", lane, "work/"]);
    assert_eq!(files.lines().count(), 3, "{files}");
}

const WITHOUT: &str = "[ -e a/T001_test.go ] && ! [ -e a/T001.go ]";
const TEST: &str = "package a\n\nimport \"testing\"\n\nfunc TestT001(t *testing.T) {\n\tif T001() == \"\" {\n\t\tt.Fatal(\"empty\")\n\t}\n}\n";
const CODE: &str = "package a\n\nfunc T001() string { return \"x\" }\n";
const KEPT: &str = "refs/codelicious/attempts/specs-work/T001/1";

/// A repository in which the first engine turn leaves a test and its code, and in which `deadly` is done when the test
/// runs without that code; gives back what puts an end to that.
fn tested_without_its_work(repo: &Repo, deadly: &str) -> impl Fn() + use<> {
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [
        {"write": {"path": "a/T001_test.go", "text": TEST}},
        {"write": {"path": "a/T001.go", "text": CODE}},
    ]}]}));
    let go = repo.base().join("bin/go");
    let honest = fs::read_to_string(&go).unwrap();
    let armed = honest.replacen("case", &format!("if {WITHOUT}; then {deadly}; fi\ncase"), 1);
    fs::write(&go, armed).unwrap();
    move || fs::write(&go, &honest).unwrap()
}

/// The same of which the run died at that moment, and who proves its work afterwards.
fn died_without_its_work() -> Repo {
    let repo = stories::tests_first().repo;
    repo.write("codelicious.toml", "");
    repo.git(&["commit", "-qam", "Prove it afterwards"]);
    repo.git(&["push", "-q"]);
    let disarm = tested_without_its_work(&repo, &kill(&repo));
    repo.run::<&str>(&[]).expect(KILLED);
    disarm();
    repo
}

fn saved(repo: &Repo) -> String {
    repo.git(&["diff", "--name-only", &format!("{KEPT}^1"), KEPT])
}

#[test]
fn work_is_kept_of_a_run_that_died_while_its_tests_ran_without_it() {
    let repo = died_without_its_work();
    let ended = repo.run::<&str>(&[]).expect(0);
    assert!(ended.stderr.contains(KEPT), "{}", ended.stderr);
    assert_eq!(saved(&repo), "a/T001.go\na/T001_test.go");
}

#[test]
fn work_that_git_swept_away_meanwhile_is_told_to_be_lost_and_built_again() {
    let repo = died_without_its_work();
    repo.git(&["gc", "-q", "--prune=now"]);
    let ended = repo.run::<&str>(&[]).expect(0);
    assert!(ended.stderr.contains("is lost"), "{}", ended.stderr);
}

#[test]
fn work_is_kept_whole_of_a_run_that_was_stopped_while_its_tests_ran_without_it() {
    let repo = stories::tests_first().repo;
    let stop = format!("{}; sleep 600", kill(&repo).replace("kill -9", "kill -2"));
    let disarm = tested_without_its_work(&repo, &stop);
    repo.run::<&str>(&[]).expect(130);
    disarm();
    assert_eq!(saved(&repo), "a/T001.go\na/T001_test.go");
}
