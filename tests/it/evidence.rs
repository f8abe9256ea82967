//! Evidence: shown from note and ledger, and a branch held against it, with commits that are not what they say.

use crate::reconcile::{How, merge};
use crate::support::{Ended, Repo};
use serde_json::{Value, json};
use std::fs;

const BRANCH: &str = "codelicious/specs-work";
const SPEC: &str = "# Work\n\n- [ ] T001 One\n- [ ] T002 Two\n";

const NOTES: &str = "refs/notes/codelicious";
const PUSH: (&str, &str) = ("CODELICIOUS_EVIDENCE_PUSH", "true");

/// Two chunks to build.
fn open() -> Repo {
    let repo = Repo::new();
    repo.write("specs/work.md", SPEC);
    repo.fake(&json!({ "rules": [
        {"chunk": "T001", "steps": [{"write": {"path": "work/one.txt", "text": "one\n"}}]},
        {"chunk": "T002", "steps": [{"write": {"path": "work/two.txt", "text": "two\n"}}]},
    ]}));
    repo
}

/// The same, built and pushed, with notes here.
fn built() -> Repo {
    let repo = open();
    repo.run::<&str>(&[]).expect(0);
    repo
}

fn run(repo: &Repo, envs: &[(&str, &str)]) -> Ended {
    repo.run_with::<&str>(&[], envs)
}

/// Commits that have notes, as git lists them.
fn noted(repo: &Repo) -> Vec<String> {
    let list = repo.git(&["notes", "--ref", "codelicious", "list"]);
    let mut commits: Vec<String> = list
        .lines()
        .map(|l| l.split_once(' ').unwrap().1.to_owned())
        .collect();
    commits.sort();
    commits
}

fn commits(repo: &Repo) -> Vec<String> {
    let list = repo.git(&["rev-list", &format!("{BRANCH}~2..{BRANCH}")]);
    let mut commits: Vec<String> = list.lines().map(str::to_owned).collect();
    commits.sort();
    commits
}

/// The document of a chunk as the program shows it.
fn document(repo: &Repo, chunk: &str) -> (String, Value) {
    let report = repo
        .run(&["evidence", &format!("specs-work:{chunk}"), "--json"])
        .expect(0)
        .json();
    let commit = report["commit"].as_str().unwrap().to_owned();
    (commit, report["evidence"].clone())
}

fn note(repo: &Repo, commit: &str, document: &Value) {
    let file = repo.base().join("note.json");
    fs::write(&file, format!("{document:#}\n")).unwrap();
    let file = file.display().to_string();
    repo.git(&[
        "notes",
        "--ref",
        "codelicious",
        "add",
        "-f",
        "-F",
        &file,
        commit,
    ]);
}

fn verify(repo: &Repo, more: &[&str]) -> Ended {
    let args = [
        &["evidence", "verify", BRANCH, "--base", "main", "--json"],
        more,
    ]
    .concat();
    repo.run(&args)
}

/// What is wrong with the branch, in one text.
#[track_caller]
fn refused(repo: &Repo, more: &[&str]) -> String {
    let report = verify(repo, more).expect(1).json();
    assert_eq!(report["passed"], false);
    let commits = report["commits"].as_array().unwrap();
    let failures = commits
        .iter()
        .flat_map(|c| c["failures"].as_array().unwrap());
    failures
        .map(|f| f.as_str().unwrap())
        .collect::<Vec<_>>()
        .join("; ")
}

/// Puts another commit on the branch, made by hand.
fn commit(repo: &Repo, files: &[(&str, &str)], message: &str) {
    repo.git(&["checkout", "-q", BRANCH]);
    for (path, text) in files {
        repo.write(path, text);
    }
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "--allow-empty", "-m", message]);
    repo.git(&["checkout", "-q", "main"]);
}

fn spec_at(repo: &Repo, rev: &str) -> String {
    format!("{}\n", repo.git(&["show", &format!("{rev}:specs/work.md")]))
}

/// The user's copy of the spec would be in the way of checking branches out.
fn without_users_copy(repo: &Repo) {
    fs::remove_file(repo.root.join("specs/work.md")).unwrap();
}

#[test]
fn evidence_is_shown_from_the_ledger_and_from_the_note() {
    let repo = built();
    let (_, written) = document(&repo, "T001");
    let shown = repo.run(&["evidence"]).expect(0);
    assert!(shown.stdout.contains("the note on the"), "{}", shown.stdout);
    repo.git(&["update-ref", "-d", NOTES]);
    let shown = repo.run(&["evidence"]).expect(0);
    for words in [
        "specs-work:T002  Two",
        "regression only",
        "ledger",
        "sh check.sh: passed",
        "sandboxed",
    ] {
        assert!(shown.stdout.contains(words), "{words}: {}", shown.stdout);
    }
    let (commit, document) = document(&repo, "T001");
    // The run wrote what the ledger says, but for the moment at which it took the landing in.
    let but_end = |document: &Value| {
        let mut document = document.clone();
        assert!(document["ended"].take().is_string());
        document
    };
    assert_eq!(but_end(&written), but_end(&document));
    assert_eq!(
        (&document["attempts"], &document["engine"]),
        (&json!(1), &json!("claude"))
    );
    let tree = |rev: &str| repo.git(&["rev-parse", rev]);
    assert_eq!(
        document["trees"]["before"],
        tree(&format!("{commit}^^{{tree}}"))
    );
    assert_eq!(
        document["trees"]["after"],
        tree(&format!("{commit}^{{tree}}"))
    );
    // What the checks saw, by what the ledger of the run says.
    let ledger: Value =
        serde_json::from_str(&repo.read(".codelicious/state/specs-work.json")).unwrap();
    assert_eq!(
        document["trees"]["verified"],
        ledger["chunks"]["T001"]["evidence"]["tree"]
    );
    note(&repo, &commit, &document);
    for rev in [commit.as_str(), "specs-work:T001"] {
        let report = repo.run(&["evidence", rev, "--json"]).expect(0).json();
        assert_eq!(
            (&report["source"], &report["evidence"]),
            (&json!("note"), &document),
            "{rev}"
        );
    }
    // The branch's newest chunk has no note.
    assert_eq!(
        repo.run(&["evidence", BRANCH, "--json"]).expect(0).json()["source"],
        "ledger"
    );
    let mut newer = document.clone();
    newer["schema"] = json!(2);
    note(&repo, &commit, &newer);
    let ended = repo.run(&["evidence", &commit]).expect(2);
    assert!(
        ended.stderr.contains("upgrade codelicious"),
        "{}",
        ended.stderr
    );
    for rev in ["nowhere", "specs-work:T009", "main"] {
        repo.run(&["evidence", rev]).expect(2);
    }
}

#[test]
fn an_honest_branch_passes_here_and_in_a_fresh_clone() {
    let repo = open();
    run(&repo, &[PUSH]).expect(0);
    let before = repo.git(&["for-each-ref"]);
    let report = verify(&repo, &["--strict", "--require-notes"])
        .expect(0)
        .json();
    let verdicts: Vec<&Value> = report["commits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["verdict"])
        .collect();
    assert_eq!(
        verdicts,
        [
            &Value::Null,
            &json!("regression_only"),
            &json!("regression_only")
        ]
    );
    assert_eq!(repo.git(&["for-each-ref"]), before);
    let trailers = "--format=%(trailers:key=Codelicious-Verdict,valueonly,separator=%x2C)";
    let range = format!("{BRANCH}~2..{BRANCH}");
    let trailers = repo.git(&["log", "--reverse", trailers, &range]);
    for (trailer, document) in trailers.lines().zip(&verdicts[1..]) {
        assert_eq!(Some(trailer.replace('-', "_").as_str()), document.as_str());
    }
    assert_eq!(trailers.lines().count(), 2);
    let clone = repo.fresh_clone("elsewhere");
    let args = ["evidence", "verify", BRANCH, "--base", "origin/main"];
    let told = clone.run(&args).expect(0);
    assert!(
        told.stdout.contains("without evidence here"),
        "{}",
        told.stdout
    );
    clone
        .run(&[&args[..], &["--require-notes"]].concat())
        .expect(1);
    clone.git(&[
        "fetch",
        "-q",
        "origin",
        "refs/notes/codelicious:refs/notes/codelicious",
    ]);
    let told = clone
        .run(&[&args[..], &["--require-notes"]].concat())
        .expect(0);
    assert!(told.stdout.contains("nothing is amiss"), "{}", told.stdout);
    assert!(!clone.root.join(".codelicious").exists());
    // Cut off, it says what it needs.
    let shallow = repo.clone_with("shallow", &["--depth", "1", "--no-single-branch"]);
    let ended = shallow.run(&args).expect(2);
    assert!(
        ended.stderr.contains("fetch --unshallow"),
        "{}",
        ended.stderr
    );
}

#[test]
fn commits_that_are_not_what_they_say_are_found_out() {
    let trailers = |chunk: &str| {
        format!(
            "Work\n\nCodelicious-Spec: specs-work\nCodelicious-Chunk: {chunk}\nCodelicious-Part: 1\nCodelicious-Verdict: regression_only\n"
        )
    };
    let built = built();
    without_users_copy(&built);
    let old = built.git(&["rev-parse", &format!("{BRANCH}~2")]);
    let second = built.git(&["rev-parse", &format!("{BRANCH}~1")]);
    let spec = |rev: &str| spec_at(&built, rev);
    let open = spec(&old);
    let one = spec(&second);
    let both = one.replace("[ ] T002", "[x] T002");
    assert!(
        open.contains("[ ] T001") && one.contains("[x] T001"),
        "{open}{one}"
    );
    let work = ("work/more.txt", "more\n");
    let table = [
        (
            "forged tick",
            &second,
            vec![("specs/work.md", both.as_str())],
            trailers("T002"),
            "changes nothing else",
        ),
        (
            "two marks",
            &old,
            vec![("specs/work.md", both.as_str()), work],
            trailers("T001"),
            "it marks T002",
        ),
        (
            "another chunk's mark",
            &old,
            vec![("specs/work.md", one.as_str()), work],
            trailers("T002"),
            "it marks T001",
        ),
        (
            "no mark",
            &old,
            vec![work],
            trailers("T001"),
            "it does not set the mark of specs-work:T001",
        ),
        (
            "a sync that works",
            &old,
            vec![work],
            "Sync\n\nCodelicious-Sync: specs-work\n".to_owned(),
            "changes work/more.txt",
        ),
        (
            "half the trailers",
            &old,
            vec![work],
            "Work\n\nCodelicious-Chunk: T001\n".to_owned(),
            "belong to no kind",
        ),
        (
            "a word of its own",
            &second,
            vec![("specs/work.md", both.as_str()), work],
            trailers("T002").replace("regression_only", "perfect"),
            "codelicious-verdict",
        ),
    ];
    for (name, from, files, message, words) in table {
        let repo = built.copy();
        repo.git(&["branch", "-f", BRANCH, from]);
        commit(&repo, &files, &message);
        let found = refused(&repo, &[]);
        assert!(found.contains(words), "{name}: {found}");
    }
}

#[test]
fn evidence_of_another_commit_or_that_was_changed_is_found_out() {
    let repo = built();
    let (_, one) = document(&repo, "T001");
    let (second, two) = document(&repo, "T002");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut document = two.clone();
        change(&mut document);
        document
    };
    for (document, words) in [
        (one.clone(), "its evidence is about specs-work:T001"),
        (
            changed(&|d| d["trees"] = one["trees"].clone()),
            "its evidence is about another commit",
        ),
        (
            changed(&|d| d["trees"]["verified"] = d["trees"]["after"].clone()),
            "the tree without the mark",
        ),
        (
            changed(&|d| d["verdict"] = json!("failed")),
            "its verification failed",
        ),
        (
            changed(
                &|d| d["findings"] = json!([{"rule": "deleted_test", "severity": "fail", "path": "a", "line": 1, "what": "gone", "asked_for": null}]),
            ),
            "the audit refused it",
        ),
        (changed(&|d| d["more"] = json!(1)), "cannot be read"),
    ] {
        note(&repo, &second, &document);
        let found = refused(&repo, &[]);
        assert!(found.contains(words), "{words}: {found}");
    }
    // The commit with the same message and another tree.
    note(&repo, &second, &two);
    verify(&repo, &[]).expect(0);
    without_users_copy(&repo);
    repo.git(&["checkout", "-q", BRANCH]);
    repo.write("work/two.txt", "something else\n");
    repo.git(&["commit", "-q", "--amend", "--no-edit", "-a"]);
    note(&repo, BRANCH, &two);
    let found = refused(&repo, &[]);
    assert!(
        found.contains("its evidence is about another commit"),
        "{found}"
    );
}

#[test]
fn what_people_do_is_told_and_passes() {
    let repo = built();
    without_users_copy(&repo);
    repo.git(&["checkout", "-q", BRANCH]);
    repo.git(&["revert", "--no-edit", "HEAD"]);
    repo.git(&["checkout", "-q", "main"]);
    let notes =
        |report: &Value| report["commits"].as_array().unwrap().last().unwrap()["notes"].to_string();
    let report = verify(&repo, &["--strict"]).expect(0).json();
    assert!(
        notes(&report).contains("the mark of T002 in specs/work.md was taken away"),
        "{report:#}"
    );
    let ticked = spec_at(&repo, BRANCH).replace("[ ] T002", "[x] T002");
    commit(&repo, &[("specs/work.md", &ticked)], "Done by hand");
    let report = verify(&repo, &[]).expect(0).json();
    assert!(
        notes(&report).contains("T002 in specs/work.md was ticked by a person"),
        "{report:#}"
    );
    assert!(refused(&repo, &["--strict"]).contains("was ticked by a person"));
}

#[test]
fn checks_that_are_run_again_decide() {
    let repo = built();
    without_users_copy(&repo);
    let report = verify(&repo, &["--rerun"]).expect(0).json();
    let check = &report["rerun"]["checks"][0];
    assert_eq!(
        (&check["name"], &check["outcome"]),
        (&json!("sh check.sh"), &json!("passed")),
        "{report:#}"
    );
    commit(&repo, &[("work/three.bad", "bad\n")], "A person's slip");
    verify(&repo, &[]).expect(0);
    let report = verify(&repo, &["--rerun"]).expect(1).json();
    assert_eq!(report["rerun"]["passed"], false);
    assert!(
        report["rerun"]["checks"][0]["output"]
            .as_str()
            .unwrap()
            .contains("three.bad is bad")
    );
    let told = repo
        .run(&["evidence", "verify", BRANCH, "--base", "main", "--rerun"])
        .expect(1);
    assert!(
        told.stdout.contains("the checks fail at the tip"),
        "{}",
        told.stdout
    );
    for args in [
        &["evidence", "verify", "nowhere"][..],
        &["evidence", "verify"],
    ] {
        repo.run(args).expect(2);
    }
}

#[test]
fn notes_that_are_missing_are_written_by_the_next_run() {
    let repo = open();
    run(&repo, &[("CODELICIOUS_EVIDENCE_NOTES", "false")]).expect(0);
    assert_eq!(noted(&repo), [""; 0]);
    assert!(refused(&repo, &["--require-notes"]).contains("no evidence here"));
    // Now they are wanted, and a ref is in the way of theirs.
    let in_the_way = "refs/notes/codelicious/in-the-way";
    repo.git(&["update-ref", in_the_way, "HEAD"]);
    let ended = run(&repo, &[]).expect(0);
    let told = ended.stderr.matches("evidence is not kept as a note");
    assert_eq!(told.count(), 1, "{}", ended.stderr);
    repo.git(&["update-ref", "-d", in_the_way]);
    run(&repo, &[]).expect(0);
    assert_eq!(noted(&repo), commits(&repo));
    verify(&repo, &["--strict", "--require-notes"]).expect(0);
    let tip = repo.git(&["rev-parse", NOTES]);
    run(&repo, &[]).expect(0);
    repo.run(&["gc", "--yes"]).expect(0);
    assert_eq!(
        repo.git(&["rev-parse", NOTES]),
        tip,
        "nothing is written twice"
    );
}

#[test]
fn a_note_that_cannot_be_written_keeps_no_work_from_landing() {
    let repo = open();
    repo.git(&["update-ref", "refs/notes/codelicious/in-the-way", "HEAD"]);
    let ended = run(&repo, &[]).expect(0);
    let told = ended.stderr.matches("evidence is not kept as a note");
    assert_eq!(told.count(), 1, "{}", ended.stderr);
    verify(&repo, &["--strict"]).expect(0);
}

#[test]
fn a_run_that_was_killed_before_the_note_is_made_good() {
    for place in ["ref.moved/lanes", "note.written", "land.after_effect"] {
        let repo = open();
        run(&repo, &[("CODELICIOUS_CRASH", &format!("kill@{place}#2"))]).expect(137);
        run(&repo, &[]).expect(0);
        assert_eq!(noted(&repo), commits(&repo), "{place}");
        verify(&repo, &["--strict", "--require-notes"]).expect(0);
    }
}

#[test]
fn a_ledger_without_evidence_makes_no_notes() {
    let repo = built();
    repo.git(&["update-ref", "-d", NOTES]);
    fs::remove_dir_all(repo.root.join(".codelicious/state")).unwrap();
    run(&repo, &[]).expect(0);
    assert_eq!(noted(&repo), [""; 0], "the trailers are all that is known");
}

#[test]
fn notes_of_two_machines_are_brought_together() {
    let repo = open();
    run(&repo, &[PUSH]).expect(0);
    // Somebody's own note on the base, sent from elsewhere.
    let clone = repo.fresh_clone("elsewhere");
    let spec = format!("+{NOTES}:{NOTES}");
    clone.git(&["fetch", "-q", "origin", &spec]);
    clone.git(&[
        "notes",
        "--ref",
        "codelicious",
        "add",
        "-m",
        "mine",
        "origin/main",
    ]);
    clone.git(&["push", "-q", "origin", NOTES]);
    repo.write(
        "specs/work.md",
        format!("{}- [ ] T003 Three\n", repo.read("specs/work.md")),
    );
    run(&repo, &[PUSH]).expect(0);
    let there = |rev: &str| {
        repo.git_in(
            &repo.origin,
            &["notes", "--ref", "codelicious", "show", rev],
        )
    };
    assert_eq!(there("main"), "mine");
    assert!(there(BRANCH).contains("\"chunk\": \"T003\""));
}

#[test]
fn notes_that_the_remote_does_not_take_keep_no_branch_back() {
    let repo = open();
    run(&repo, &[PUSH]).expect(0);
    // While the third chunk is built, somebody sends a note.
    let clone = repo.fresh_clone("elsewhere");
    let spec = format!("+{NOTES}:{NOTES}");
    clone.git(&["fetch", "-q", "origin", &spec]);
    clone.git(&[
        "notes",
        "--ref",
        "codelicious",
        "add",
        "-m",
        "mine",
        "origin/main",
    ]);
    let send = format!("git -C '{}' push -q origin {NOTES}", clone.root.display());
    repo.fake(&json!({ "rules": [
        {"chunk": "T003", "steps": [{"write": {"path": "work/three.txt", "text": "3"}}, {"run": send}]},
    ]}));
    repo.write(
        "specs/work.md",
        format!("{}- [ ] T003 Three\n", repo.read("specs/work.md")),
    );
    let ended = run(&repo, &[PUSH]).expect(0);
    assert!(
        ended.stderr.contains(&format!("but not {NOTES}")),
        "{}",
        ended.stderr
    );
    let at = |rev: &str| repo.git_in(&repo.origin, &["rev-parse", rev]);
    assert_eq!(at(BRANCH), repo.git(&["rev-parse", BRANCH]));
    assert_ne!(at(NOTES), repo.git(&["rev-parse", NOTES]));
    // The next push takes them along.
    repo.fake(&json!({}));
    repo.write(
        "specs/work.md",
        format!("{}- [ ] T004 Four\n", repo.read("specs/work.md")),
    );
    run(&repo, &[PUSH]).expect(0);
    assert_eq!(at(NOTES), repo.git(&["rev-parse", NOTES]));
    let there = |rev: &str| {
        repo.git_in(
            &repo.origin,
            &["notes", "--ref", "codelicious", "show", rev],
        )
    };
    assert_eq!(there("main"), "mine");
    assert!(there(BRANCH).contains("\"chunk\": \"T004\""));
}

#[test]
fn a_restack_takes_notes_along() {
    let repo = open();
    repo.write(
        "codelicious.toml",
        "[verify]\ncommands = [\"sh check.sh\"]\n[pr]\nmax_commits = 1\n",
    );
    repo.git(&["commit", "-qam", "One a pull request"]);
    repo.git(&["push", "-q"]);
    run(&repo, &[]).expect(0);
    let second = format!("{BRANCH}-part-2");
    let old = repo.git(&["rev-parse", &second]);
    merge(&repo, "merger", BRANCH, How::Squash);
    run(&repo, &[]).expect(0);
    let new = repo.git(&["rev-parse", &second]);
    assert_ne!(new, old);
    let report = repo
        .run(&[
            "evidence",
            "verify",
            &second,
            "--base",
            "origin/main",
            "--json",
            "--strict",
            "--require-notes",
        ])
        .expect(0)
        .json();
    let told = report["commits"].as_array().unwrap().last().unwrap();
    assert!(
        told["notes"].to_string().contains("a restack replayed it"),
        "{told:#}"
    );
    let (_, document) = document(&repo, "T002");
    let tree = |rev: &str| repo.git(&["rev-parse", &format!("{rev}^{{tree}}")]);
    assert_eq!(document["trees"]["after"], tree(&old));
    assert_eq!(document["replayed"]["after"], tree(&new));
}
