//! The user's working tree, index, stash and branches: a run leaves them as they are, however it ends.

use crate::main_job::dirty_repo;
use crate::support::{Repo, spec_of, wait_until};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What `dirty_repo` holds that is nobody's but the user's.
const PRIVATE: [&str; 5] = [
    "new-staged.txt",
    "notes.txt",
    "ignored/cache.bin",
    ".claude/settings.json",
    "stashed.txt",
];

/// A dirty tree with two open tasks in an untracked spec.
fn dirty() -> Repo {
    let repo = dirty_repo();
    repo.write("specs/work.md", spec_of(2, 2));
    repo
}

/// No commit of ours, here or on the remote, holds anything private or the unstaged edit.
fn nothing_leaked(repo: &Repo) {
    let readme = repo.git(&["rev-parse", "main:README.md"]);
    let ours = ["refs/codelicious", "refs/heads/codelicious"];
    for dir in [&repo.root, &repo.origin] {
        let format = "--format=%(objectname)";
        let commits = repo.git_in(dir, &["for-each-ref", format, ours[0], ours[1]]);
        for commit in commits.lines() {
            let files = repo.git_in(dir, &["ls-tree", "-r", "--name-only", commit]);
            for name in files.lines() {
                assert!(
                    !PRIVATE.contains(&name),
                    "{name} is in {commit} of {}",
                    dir.display()
                );
            }
            if files.lines().any(|f| f == "README.md") {
                let now = repo.git_in(dir, &["rev-parse", &format!("{commit}:README.md")]);
                assert_eq!(now, readme, "the unstaged edit is in {commit}");
            }
        }
    }
    let pushed = repo.git_in(&repo.origin, &["rev-list", "--objects", "--all"]);
    for name in PRIVATE {
        assert!(!pushed.contains(name), "{name} was pushed:\n{pushed}");
    }
}

#[test]
fn a_dirty_tree_survives_success() {
    let repo = dirty();
    let before = repo.users_things();
    repo.run(&["--engine", "claude"]).expect(0);
    assert_eq!(repo.commits("codelicious/specs-work").len(), 3);
    assert_eq!(repo.users_things(), before);
    nothing_leaked(&repo);
}

#[test]
fn a_dirty_tree_survives_failure() {
    let repo = dirty();
    let before = repo.users_things();
    let bad = json!([{"write": {"path": "work/{chunk}.bad", "text": "x\n"}}]);
    repo.fake(&json!({"default": {"steps": bad}}));
    repo.run(&["--engine", "claude", "--max-fix-attempts", "1"])
        .expect(1);
    assert_eq!(repo.users_things(), before);
    nothing_leaked(&repo);
    let saved = repo.git(&[
        "for-each-ref",
        "--format=%(refname)",
        "refs/codelicious/attempts",
    ]);
    assert!(saved.contains("T001"), "the failed work is kept: {saved}");
}

#[test]
fn a_dirty_tree_survives_a_rate_limit() {
    let repo = dirty();
    let before = repo.users_things();
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [{"write": {"path": "work/half.txt", "text": "half\n"}}],
        "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "usage limit reached"}}]}));
    repo.run(&["--engine", "claude"]).expect(6);
    assert_eq!(repo.users_things(), before);
    nothing_leaked(&repo);
}

#[test]
fn a_dirty_tree_survives_a_kill_and_the_run_after_it() {
    let repo = dirty();
    let before = repo.users_things();
    let hangs = repo.base().join("hangs");
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [
        {"write": {"path": "work/half.txt", "text": "half\n"}}, {"hang": {"touch": hangs}}]}]}));
    let mut child = repo.start(&["--engine", "claude"]);
    wait_until("the engine hangs", || hangs.exists());
    child.kill().expect("SIGKILL");
    child.wait().expect("it ends");
    assert_eq!(repo.users_things(), before);
    nothing_leaked(&repo);

    repo.fake(&json!({}));
    repo.run(&["--engine", "claude"]).expect(0);
    assert_eq!(repo.users_things(), before);
    nothing_leaked(&repo);
    let files = repo.git(&[
        "ls-tree",
        "-r",
        "--name-only",
        "codelicious/specs-work",
        "work/",
    ]);
    assert_eq!(
        files, "work/T001.txt\nwork/T002.txt",
        "half-done work of the killed run is not committed"
    );
}

#[test]
fn a_staged_spec_stays_staged_and_a_modified_one_modified() {
    let repo = Repo::new();
    repo.write("specs/tracked.md", "- [ ] T001 One\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "A spec"]);
    repo.git(&["push", "-q"]);
    repo.write(
        "specs/tracked.md",
        "- [ ] T001 One\n- [ ] T002 Two, added and not staged\n",
    );
    repo.write("specs/staged.md", "- [ ] S001 Staged\n");
    repo.git(&["add", "specs/staged.md"]);
    let before = repo.users_things();
    let porcelain = repo.git(&["status", "--porcelain"]);
    let index = repo.users_things();
    repo.run(&["--engine", "claude"]).expect(0);
    assert_eq!(repo.users_things(), index);
    assert_eq!(repo.git(&["status", "--porcelain"]), porcelain);
    assert_eq!(repo.asked_for(), ["S001", "T001", "T002"], "{before}");
}

#[test]
fn the_agents_settings_of_the_user_are_not_in_the_lane() {
    let repo = dirty();
    let seen = repo.base().join("seen.txt");
    let look = format!(
        "ls -A > {}; ls -A .claude >> {0} 2>&1; true",
        seen.display()
    );
    repo.fake(&json!({"default": {"steps": [{"run": look}, {"write": {"path": "work/{chunk}.txt", "text": "x\n"}}]}}));
    repo.run(&["--engine", "claude"]).expect(0);
    let seen = fs::read_to_string(seen).expect("written by the engine");
    for name in ["notes.txt", "settings.json", "ignored", "new-staged.txt"] {
        assert!(!seen.contains(name), "{seen}");
    }
}

#[test]
fn ignored_files_that_the_engine_makes_are_not_committed() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(1, 1));
    repo.fake(&json!({"default": {"steps": [
        {"write": {"path": "ignored/out.o", "text": "object\n"}},
        {"write": {"path": "work/{chunk}.txt", "text": "x\n"}}]}}));
    repo.run(&["--engine", "claude"]).expect(0);
    let files = repo.git(&["ls-tree", "-r", "--name-only", "codelicious/specs-work"]);
    assert!(!files.contains("out.o"), "{files}");
}

/// Everything below a folder, with modes and contents; empty folders count.
fn photograph(dir: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).expect("a folder").flatten() {
            let path = entry.path();
            let meta = path.symlink_metadata().expect("there");
            let content = if meta.is_dir() {
                todo.push(path.clone());
                Vec::new()
            } else if meta.is_symlink() {
                fs::read_link(&path)
                    .expect("read")
                    .as_os_str()
                    .as_bytes()
                    .to_vec()
            } else {
                fs::read(&path).expect("read")
            };
            found.insert(path, (meta.permissions().mode(), content));
        }
    }
    found
}

#[track_caller]
fn assert_same(before: &BTreeMap<PathBuf, (u32, Vec<u8>)>, repo: &Repo, what: &str) {
    let now = photograph(&repo.base());
    let paths = before.keys().chain(now.keys());
    let differing: Vec<&PathBuf> = paths.filter(|p| before.get(*p) != now.get(*p)).collect();
    assert!(differing.is_empty(), "{what} changed {differing:#?}");
}

const LOOKS: [&[&str]; 6] = [
    &["plan"],
    &["plan", "--json"],
    &["--dry-run"],
    &["--dry-run", "--json", "--engine", "claude"],
    &["status"],
    &["status", "--json"],
];

#[test]
fn looking_changes_nothing_before_the_first_run() {
    let repo = dirty();
    let before = photograph(&repo.base());
    for look in LOOKS {
        repo.run(look).expect(0);
        assert_same(&before, &repo, &format!("{look:?}"));
    }
    assert!(!repo.root.join(".codelicious").exists());
    assert!(repo.calls().is_empty());
}

#[test]
fn looking_changes_nothing_after_a_run() {
    let repo = dirty();
    repo.fake(&json!({"rules": [{"chunk": "T002", "end": "block_chunk"}]}));
    repo.run(&["--engine", "claude"]).expect(3);
    repo.write("specs/work.md", spec_of(3, 3));
    let before = photograph(&repo.base());
    for look in LOOKS {
        repo.run(look).expect(0);
        assert_same(&before, &repo, &format!("{look:?}"));
    }
}

#[test]
fn looking_changes_nothing_while_a_run_is_interrupted() {
    let repo = dirty();
    let hangs = repo.base().join("hangs");
    repo.fake(&json!({"default": {"steps": [{"hang": {"touch": hangs}}]}}));
    let mut child = repo.start(&["--engine", "claude"]);
    wait_until("the engine hangs", || hangs.exists());
    child.kill().expect("SIGKILL");
    child.wait().expect("it ends");
    let before = photograph(&repo.base());
    for look in LOOKS {
        repo.run(look).expect(0);
        assert_same(&before, &repo, &format!("{look:?}"));
    }
    // Ends the engine that was left behind.
    repo.fake(&json!({}));
    repo.run(&["--engine", "claude"]).expect(0);
}
