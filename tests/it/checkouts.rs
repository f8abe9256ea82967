//! Repositories whose files are not plainly what is committed: filter programs, sparse checkouts, partial
//! clones. Git itself stages and writes files there.

use crate::support::{Repo, spec_of};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

const CLAUDE: [&str; 2] = ["--engine", "claude"];
const BRANCH: &str = "codelicious/specs-work";

/// Letters are turned by thirteen on their way into the repository and out of it.
const TURN: &str = "tr a-zA-Z n-za-mN-ZA-M";

/// Commits what stands in the user's tree, for lanes to start from.
fn publish(repo: &Repo) {
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "Files"]);
    repo.git(&["push", "-q"]);
}

/// A check that fails while there is a file called `bad`.
fn check_for_bad(repo: &Repo) {
    repo.write(
        "codelicious.toml",
        "[verify]\ncommands = [\"test ! -e bad\"]\n",
    );
}

/// A checkout of `src` and `specs` alone, of a repository that has `big` as well, with the check.
fn sparse() -> Repo {
    let repo = Repo::new();
    repo.write("big/one.txt", "one\n");
    repo.write("src/lib.txt", "lib\n");
    check_for_bad(&repo);
    publish(&repo);
    repo.git(&["sparse-checkout", "set", "--cone", "src", "specs"]);
    repo
}

fn with_filter(tasks: usize) -> Repo {
    let repo = Repo::new();
    for key in ["clean", "smudge"] {
        repo.git(&["config", &format!("filter.turn.{key}"), TURN]);
    }
    repo.git(&["config", "filter.turn.required", "true"]);
    repo.write(".gitattributes", "*.rot filter=turn\n");
    repo.write("kept.rot", "hello\n");
    repo.write("changed.rot", "old\n");
    publish(&repo);
    repo.write("specs/work.md", spec_of(tasks, tasks));
    repo
}

fn lane(repo: &Repo) -> PathBuf {
    repo.lanes().into_iter().next().expect("a lane")
}

fn show(repo: &Repo, path: &str) -> String {
    repo.git(&["cat-file", "blob", &format!("{BRANCH}:{path}")])
}

#[test]
fn what_a_filter_makes_of_a_file_is_committed() {
    let repo = with_filter(2);
    let before = repo.users_things();
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [
        {"write": {"path": "new.rot", "text": "new\n"}},
        {"write": {"path": "a b.rot", "text": "spaced\n"}},
        {"write": {"path": "changed.rot", "text": "other\n"}},
        {"touch": "kept.rot"},
    ]}]}));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(show(&repo, "new.rot"), "arj");
    assert_eq!(show(&repo, "a b.rot"), "fcnprq");
    assert_eq!(show(&repo, "changed.rot"), "bgure");
    let tip = format!("{BRANCH}~1");
    assert_eq!(
        repo.git(&["diff", "--name-only", &format!("{tip}~1"), &tip]),
        "a b.rot\nchanged.rot\nnew.rot\nspecs/work.md",
        "a file that was only touched is no change"
    );
    let dir = lane(&repo);
    let text = |name: &str| fs::read_to_string(dir.join(name)).expect("read");
    assert_eq!(
        (text("new.rot"), text("kept.rot")),
        ("new\n".into(), "hello\n".into())
    );
    assert_eq!(repo.git_in(&dir, &["status", "--porcelain"]), "");
    assert_eq!(repo.users_things(), before);
}

/// Our own git runs in the lane, outside of the wall.
#[test]
fn programs_that_an_engine_left_in_the_lane_are_not_run_however_path_is_set() {
    let repo = with_filter(2);
    let (home, ran) = (repo.base().join("home"), repo.sign("ran"));
    // Inside of a wall the home is another, and there they may be run.
    let text = format!(
        "#!/bin/sh\n[ \"$HOME\" = '{}' ] && echo \"$0 $*\" >> '{ran}'\nPATH=${{PATH#.:}}; exec \"${{0##*/}}\" \"$@\"\n",
        home.display()
    );
    let plant = |name: &str| json!([{"write": {"path": name, "text": text}}, {"chmod": {"path": name, "mode": "755"}}]);
    let mut steps = vec![json!({"write": {"path": "new.rot", "text": "new\n"}})];
    for name in ["git", "tr"] {
        steps.extend(plant(name).as_array().unwrap().iter().cloned());
    }
    repo.fake(
        &json!({"rules": [{"chunk": "T001", "steps": steps}, {"chunk": "T002", "steps": [
        {"write": {"path": "changed.rot", "text": "other\n"}}]}]}),
    );
    let path = format!(".:{}", repo.envs()["PATH"]);
    repo.run_with(&CLAUDE, &[("PATH", &path)]).expect(0);
    assert_eq!(show(&repo, "changed.rot"), "bgure");
    assert!(show(&repo, "git").starts_with("#!/bin/sh"));
    assert_eq!(fs::read_to_string(ran).unwrap_or_default(), "");
}

#[test]
fn files_of_a_filter_that_are_put_back_go_through_it_too() {
    let repo = with_filter(2);
    check_for_bad(&repo);
    publish(&repo);
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [
        {"write": {"path": "changed.rot", "text": "other\n"}},
        {"delete": "kept.rot"},
        {"write": {"path": "bad", "text": "\n"}},
    ]}]}));
    repo.run(&["--engine", "claude", "--max-fix-attempts", "0"])
        .expect(1);
    let dir = lane(&repo);
    let text = |name: &str| fs::read_to_string(dir.join(name)).expect("read");
    assert_eq!(
        (text("changed.rot"), text("kept.rot")),
        ("old\n".into(), "hello\n".into())
    );
    assert_eq!(repo.git_in(&dir, &["status", "--porcelain"]), "");
    assert_eq!(
        repo.git(&[
            "cat-file",
            "blob",
            "refs/codelicious/attempts/specs-work/T001/1:changed.rot"
        ]),
        "bgure",
        "and so did the work that was set aside"
    );
    let chunks: Vec<_> = repo
        .commits(BRANCH)
        .into_iter()
        .filter_map(|(_, c)| c)
        .collect();
    assert_eq!(chunks, ["T002"]);
}

#[test]
fn a_filter_that_fails_ends_the_run_and_nothing_is_committed_raw() {
    let repo = with_filter(1);
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [
        {"write": {"path": "new.rot", "text": "new\n"}},
    ]}]}));
    repo.git(&["config", "filter.turn.clean", "false"]);
    let ended = repo.run(&CLAUDE).expect(2);
    assert!(
        ended.stderr.contains("clean filter 'turn' failed"),
        "{}",
        ended.stderr
    );
    assert_eq!(repo.git(&["branch", "--list", "codelicious/*"]), "");
    repo.git(&["config", "filter.turn.clean", TURN]);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(show(&repo, "new.rot"), "arj");
}

#[test]
fn a_lane_of_a_sparse_checkout_is_sparse_and_loses_no_file() {
    builds_sparsely(&["--no-cone", "--no-sparse-index", "/src/", "/specs/"]);
}

#[test]
fn a_sparse_index_does_no_harm() {
    builds_sparsely(&["--cone", "--sparse-index", "src", "specs"]);
}

fn builds_sparsely(sparse: &[&str]) {
    let repo = Repo::new();
    let files = [
        "big/one.txt",
        "big/deep/two.txt",
        "src/lib.txt",
        "big/three.txt",
    ];
    for path in files {
        repo.write(path, format!("{path}\n"));
    }
    publish(&repo);
    repo.git(&[&["sparse-checkout", "set"], sparse].concat());
    repo.write("specs/work.md", spec_of(3, 3));
    let before = repo.users_things();
    repo.fake(&json!({"rules": [
        {"chunk": "T002", "steps": [
            {"write": {"path": "big/three.txt", "text": "written all the same\n"}},
            {"write": {"path": "elsewhere/new.txt", "text": "new\n"}},
            {"write": {"path": "src/lib.txt", "text": "changed\n"}},
        ]},
        {"chunk": "T003", "steps": [
            {"write": {"path": "src/more.txt", "text": "more\n"}},
            {"delete": "src/lib.txt"},
        ]},
    ]}));
    repo.run(&CLAUDE).expect(0);
    let diff = |from: &str, to: &str| repo.git(&["diff", "--name-status", from, to]);
    assert_eq!(
        diff(&format!("{BRANCH}~2"), &format!("{BRANCH}~1")),
        "M\tbig/three.txt\nA\telsewhere/new.txt\nM\tspecs/work.md\nM\tsrc/lib.txt"
    );
    assert_eq!(
        diff("main", BRANCH),
        "M\tbig/three.txt\nA\telsewhere/new.txt\nA\tspecs/work.md\nD\tsrc/lib.txt\nA\tsrc/more.txt\nA\twork/T001.txt"
    );
    let dir = lane(&repo);
    assert!(!dir.join("big/one.txt").exists() && !dir.join("big/deep").exists());
    assert_eq!(repo.git_in(&dir, &["status", "--porcelain"]), "");
    assert_eq!(repo.git(&["for-each-ref", "refs/codelicious/attempts"]), "");
    assert_eq!(repo.users_things(), before);
}

#[test]
fn failed_work_in_a_sparse_lane_is_put_back() {
    let repo = sparse();
    repo.write("specs/work.md", spec_of(2, 2));
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [
        {"write": {"path": "src/lib.txt", "text": "other\n"}},
        {"write": {"path": "src/new/file.txt", "text": "new\n"}},
        {"write": {"path": "bad", "text": "\n"}},
    ]}]}));
    repo.run(&["--engine", "claude", "--max-fix-attempts", "0"])
        .expect(1);
    assert_eq!(
        repo.git(&["diff", "--name-status", "main", BRANCH]),
        "A\tspecs/work.md\nA\twork/T002.txt"
    );
    let dir = lane(&repo);
    assert!(!dir.join("src/new").exists() && !dir.join("big").exists());
    assert_eq!(repo.git_in(&dir, &["status", "--porcelain"]), "");
}

#[test]
fn a_partial_clone_is_built_in_and_fetches_what_it_needs() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(3, 3));
    repo.write("src/lib.txt", "one\n");
    publish(&repo);
    repo.git_in(&repo.origin, &["config", "uploadpack.allowFilter", "true"]);
    repo.git_in(
        &repo.origin,
        &["config", "uploadpack.allowAnySHA1InWant", "true"],
    );
    for (name, filter) in [
        ("blobless", "--filter=blob:none"),
        ("treeless", "--filter=tree:0"),
    ] {
        let clone = repo.clone_with(name, &[filter]);
        // The base moves on, so that nothing of it is here.
        repo.write("src/lib.txt", format!("{name}\n"));
        repo.write("specs/work.md", spec_of(3, 3).replace("# ", "# Newer: "));
        repo.git(&["commit", "-qam", "The base moves on"]);
        repo.git(&["push", "-q"]);
        clone.run(&["plan"]).expect(0);
        clone
            .run(&["--engine", "claude", "--max-commits-per-pr", "1"])
            .expect(0);
        let branch = format!("{BRANCH}-part-3");
        assert_eq!(
            clone.git(&["diff", "--name-status", "origin/main", &branch]),
            "M\tspecs/work.md\nA\twork/T001.txt\nA\twork/T002.txt\nA\twork/T003.txt"
        );
        // Another such clone knows what is done, and how much of it each part holds.
        let other = repo.clone_with(&format!("{name}-2"), &[filter]);
        let status = other.run(&["status", "--json"]).expect(0).json();
        assert_eq!(status["specs"][0]["done"], 3, "{status:#}");
        for part in ["", "-part-2", "-part-3"] {
            repo.git_in(
                &repo.origin,
                &["update-ref", "-d", &format!("refs/heads/{BRANCH}{part}")],
            );
        }
        repo.git_in(
            &repo.origin,
            &["update-ref", "-d", "refs/codelicious/sync/specs-work"],
        );
    }
}

#[test]
fn a_hook_goes_with_every_kind_of_index() {
    for sparse in [true, false] {
        let repo = Repo::new();
        repo.write("big/one.txt", "one\n");
        repo.write("src/lib.txt", "lib\n");
        publish(&repo);
        if sparse {
            let cone = ["--cone", "--sparse-index", "src", "specs", "work"];
            repo.git(&[&["sparse-checkout", "set"], &cone[..]].concat());
        } else {
            repo.git(&["config", "core.splitIndex", "true"]);
        }
        let hook = repo.root.join(".git/hooks/pre-commit");
        repo.script(&hook, "#!/bin/sh\nexit 0\n");
        repo.write("specs/work.md", spec_of(2, 2));
        repo.run(&CLAUDE).expect(0);
        assert_eq!(
            repo.git(&["diff", "--name-status", "main", BRANCH]),
            "A\tspecs/work.md\nA\twork/T001.txt\nA\twork/T002.txt"
        );
    }
}

#[test]
fn work_outside_a_sparse_checkout_that_is_taken_back_deletes_nothing() {
    let repo = sparse();
    repo.write("specs/work.md", spec_of(1, 1));
    repo.fake(&json!({"rules": [
        {"chunk": "T001", "fix": false, "steps": [
            {"write": {"path": "big/one.txt", "text": "other\n"}},
            {"write": {"path": "bad", "text": "\n"}},
        ]},
        {"chunk": "T001", "fix": true, "steps": [
            {"delete": "big/one.txt"},
            {"delete": "bad"},
            {"write": {"path": "src/more.txt", "text": "more\n"}},
        ]},
    ]}));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(
        repo.git(&["diff", "--name-status", "main", BRANCH]),
        "A\tspecs/work.md\nA\tsrc/more.txt"
    );
}

#[test]
fn attributes_that_an_engine_removes_still_tell_how_files_are_put_back() {
    let repo = with_filter(2);
    check_for_bad(&repo);
    publish(&repo);
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [
        {"delete": ".gitattributes"},
        {"write": {"path": "changed.rot", "text": "other\n"}},
        {"write": {"path": "bad", "text": "\n"}},
    ]}]}));
    repo.run(&["--engine", "claude", "--max-fix-attempts", "0"])
        .expect(1);
    let dir = lane(&repo);
    let text = fs::read_to_string(dir.join("changed.rot")).expect("read");
    assert_eq!(text, "old\n");
    assert_eq!(repo.git_in(&dir, &["status", "--porcelain"]), "");
}

#[test]
fn a_partial_clone_may_be_sparse() {
    let repo = Repo::new();
    repo.write("big/one.txt", "one\n");
    repo.write("specs/work.md", spec_of(2, 2));
    publish(&repo);
    repo.git_in(&repo.origin, &["config", "uploadpack.allowFilter", "true"]);
    repo.git_in(
        &repo.origin,
        &["config", "uploadpack.allowAnySHA1InWant", "true"],
    );
    let clone = repo.clone_with("sparse", &["--filter=blob:none", "--sparse"]);
    clone.git(&["sparse-checkout", "add", "specs"]);
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [
        {"write": {"path": "big/one.txt", "text": "two\n"}},
    ]}]}));
    clone.run(&CLAUDE).expect(0);
    assert_eq!(
        clone.git(&["diff", "--name-status", "main", BRANCH]),
        "M\tbig/one.txt\nM\tspecs/work.md\nA\twork/T002.txt"
    );
}
