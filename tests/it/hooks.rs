//! The repository's hooks: run by us, in a git folder of their own, with the lane as their worktree.

use crate::support::{Repo, spec_of};
use std::fs;

const CLAUDE: [&str; 2] = ["--engine", "claude"];
const BRANCH: &str = "codelicious/specs-work";

fn repo_of(tasks: usize) -> Repo {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(tasks, tasks));
    repo
}

/// What a hook wrote to a file in the home.
fn said(repo: &Repo, name: &str) -> String {
    fs::read_to_string(repo.base().join("home").join(name)).expect("the hook ran")
}

fn hook(repo: &Repo, name: &str, body: &str) {
    repo.script(
        &repo.root.join(".git/hooks").join(name),
        &format!("#!/bin/sh\n{body}\n"),
    );
}

#[test]
fn a_hook_sees_what_is_staged_and_where_it_goes() {
    let repo = repo_of(2);
    hook(
        &repo,
        "pre-commit",
        r#"{ git diff --cached --name-only; git rev-parse --abbrev-ref HEAD; git status --porcelain | grep -v '^[AM] ' || true; } >> "$FAKE_CLAUDE_STATE/../home/staged.txt""#,
    );
    hook(
        &repo,
        "prepare-commit-msg",
        r#"echo "$2 $#" >> "$FAKE_CLAUDE_STATE/../home/prepared.txt"; printf '\nPrepared.\n' >> "$1""#,
    );
    hook(
        &repo,
        "post-commit",
        r#"git log -1 --format=%s >> "$FAKE_CLAUDE_STATE/../home/after.txt"; git status --porcelain >> "$FAKE_CLAUDE_STATE/../home/after.txt"; exit 1"#,
    );
    repo.run(&CLAUDE).expect(0);
    assert_eq!(
        said(&repo, "staged.txt"),
        "specs/work.md\nwork/T001.txt\nHEAD\nspecs/work.md\nwork/T002.txt\nHEAD\n"
    );
    assert_eq!(said(&repo, "prepared.txt"), "message 2\nmessage 2\n");
    let after = said(&repo, "after.txt");
    assert_eq!(after.lines().count(), 2, "{after}");
    assert!(after.contains("Build piece 2"), "{after}");
    let message = repo.git(&["log", "-1", "--format=%B", BRANCH]);
    assert!(message.contains("Prepared."), "{message}");
}

#[test]
fn what_a_hook_does_to_git_counts_for_nothing() {
    let repo = repo_of(2);
    let evil = repo.base().join("home/evil");
    repo.script(
        &evil,
        "#!/bin/sh\ntouch \"$FAKE_CLAUDE_STATE/../home/PWNED\"\n",
    );
    hook(
        &repo,
        "pre-commit",
        &format!(
            r#"git update-ref refs/heads/evil HEAD; git tag evil; git branch -f main HEAD
git config core.hooksPath '{0}'; git config core.fsmonitor '{0}'; git config remote.origin.pushurl /nowhere
git stash store -q -m mine "$(git stash create)"
echo '/stray' > "$(git rev-parse --git-dir)/info/exclude"
echo 'gitdir: /nowhere' > .git
echo ran >> "$FAKE_CLAUDE_STATE/../home/ran.txt""#,
            evil.display()
        ),
    );
    let before = (
        repo.git(&["for-each-ref", "refs/heads/main", "refs/tags", "refs/stash"]),
        repo.git(&["config", "--list", "--local"]),
    );
    repo.run(&CLAUDE).expect(0);
    let after = (
        repo.git(&["for-each-ref", "refs/heads/main", "refs/tags", "refs/stash"]),
        repo.git(&["config", "--list", "--local"]),
    );
    assert_eq!(before, after);
    assert_eq!(said(&repo, "ran.txt").lines().count(), 2);
    assert!(!repo.base().join("home/PWNED").exists());
    let refs = repo.git(&["for-each-ref", "--format=%(refname)"]);
    assert!(!refs.contains("evil"), "{refs}");
    for lane in repo.lanes() {
        let link = fs::read_to_string(lane.join(".git")).expect("a file");
        assert!(link.contains("/.git/worktrees/"), "{link}");
    }
    assert_eq!(
        repo.git_in(&repo.origin, &["rev-parse", BRANCH]),
        repo.git(&["rev-parse", BRANCH])
    );
}

#[test]
fn a_hook_knows_who_commits_and_no_credential() {
    let repo = repo_of(1);
    repo.git(&["config", "user.name", "Ada of the repository"]);
    repo.git(&[
        "config",
        "http.https://example.org/.extraheader",
        "AUTHORIZATION: basic c2VjcmV0",
    ]);
    repo.git(&[
        "config",
        "remote.other.url",
        "https://me:s3cret@example.org/r.git",
    ]);
    hook(
        &repo,
        "commit-msg",
        r#"git config --list > "$FAKE_CLAUDE_STATE/../home/config.txt"; git var GIT_AUTHOR_IDENT > "$FAKE_CLAUDE_STATE/../home/who.txt""#,
    );
    repo.run(&CLAUDE).expect(0);
    assert!(said(&repo, "who.txt").starts_with("Ada of the repository <"));
    let config = said(&repo, "config.txt");
    assert!(
        config.contains("remote.other.url=https://example.org/r.git"),
        "{config}"
    );
    for secret in ["c2VjcmV0", "s3cret"] {
        assert!(!config.contains(secret), "{config}");
    }
}

/// As husky sets itself up: a folder that git ignores holds the programs, which call those that are committed.
#[test]
fn hooks_that_a_tool_made_in_an_ignored_folder_run() {
    let repo = repo_of(1);
    repo.write(
        ".husky/pre-commit",
        "echo \"$(basename \"$PWD\") $0\" >> \"$FAKE_CLAUDE_STATE/../home/husky.txt\"\n",
    );
    repo.write(".gitignore", ".husky/_/\n");
    repo.git(&["add", "-A", ".husky", ".gitignore"]);
    repo.git(&["commit", "-qm", "Hooks"]);
    repo.git(&["push", "-q"]);
    repo.script(
        &repo.root.join(".husky/_/pre-commit"),
        "#!/bin/sh\nexec sh -e \"$(dirname \"$(dirname \"$0\")\")/$(basename \"$0\")\"\n",
    );
    repo.git(&["config", "core.hooksPath", ".husky/_"]);
    repo.run(&CLAUDE).expect(0);
    let ran = said(&repo, "husky.txt");
    assert!(ran.starts_with("specs-work "), "in the lane: {ran}");
}

#[test]
fn a_hook_before_a_push_is_told_what_goes_where() {
    let repo = repo_of(1);
    hook(
        &repo,
        "pre-push",
        r#"echo "$1 $2"> "$FAKE_CLAUDE_STATE/../home/args.txt"; cat >> "$FAKE_CLAUDE_STATE/../home/input.txt""#,
    );
    repo.run(&CLAUDE).expect(0);
    let tip = repo.git(&["rev-parse", BRANCH]);
    let none = "0".repeat(40);
    let input = said(&repo, "input.txt");
    let first = input.lines().next().expect("a line");
    assert_eq!(first, format!("{tip} {tip} refs/heads/{BRANCH} {none}"));
    let args = said(&repo, "args.txt");
    assert!(args.starts_with("origin "), "{args}");

    repo.write("specs/work.md", spec_of(2, 2));
    repo.run(&CLAUDE).expect(0);
    let now = repo.git(&["rev-parse", BRANCH]);
    let input = said(&repo, "input.txt");
    let wanted = format!("{now} {now} refs/heads/{BRANCH} {tip}");
    assert!(input.lines().any(|l| l == wanted), "{wanted}\n{input}");
    let left = std::fs::read_dir(repo.root.join(".git/codelicious-places"));
    assert_eq!(left.map_or(0, Iterator::count), 0);
}

#[test]
fn what_hooks_and_checks_leave_running_ends_with_the_run() {
    // Without a wall, where there may be no control group to find it in either.
    let repo = repo_of(1).without_wall();
    let leave = |name: &str| {
        format!(
            "setsid sleep 600 > /dev/null 2>&1 & echo $! >> {dir}/{name}; sleep 600 > /dev/null 2>&1 & echo $! >> {dir}/{name}",
            dir = repo.base().join("home").display(),
        )
    };
    repo.write("check.sh", leave("checked"));
    repo.git(&["add", "check.sh"]);
    repo.git(&["commit", "-qm", "Check"]);
    repo.git(&["push", "-q"]);
    hook(&repo, "pre-push", &leave("pushed"));
    repo.run(&CLAUDE).expect(0);
    for name in ["pushed", "checked"] {
        let left = said(&repo, name);
        assert!(left.lines().count() >= 2, "{name}: {left}");
        for pid in left.lines() {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            let runs = stat.is_ok_and(|s| s.contains("(sleep)"));
            assert!(!runs, "{name}: {pid} still runs");
        }
    }
}

#[test]
fn a_message_that_a_hook_emptied_is_no_message() {
    let repo = repo_of(1);
    hook(&repo, "commit-msg", r#": > "$1""#);
    let ended = repo
        .run(&["--engine", "claude", "--max-fix-attempts", "0"])
        .expect(1);
    assert!(ended.stderr.contains("commit hook"), "{}", ended.stderr);
}

#[test]
fn hooks_in_the_tree_are_not_an_engines_to_change() {
    let repo = repo_of(2);
    repo.script(
        &repo.root.join(".githooks/pre-commit"),
        "#!/bin/sh\necho ran >> \"$FAKE_CLAUDE_STATE/../home/ran.txt\"\n",
    );
    repo.git(&["add", "-A", ".githooks"]);
    repo.git(&["commit", "-qm", "Hooks"]);
    repo.git(&["push", "-q"]);
    repo.git(&["config", "core.hooksPath", ".githooks"]);
    let evil = "printf '#!/bin/sh\\ntouch \"$FAKE_CLAUDE_STATE/../home/PWNED\"\\n' > .githooks/pre-commit; cp .githooks/pre-commit .githooks/commit-msg; echo 'gitdir: /nowhere' > .git";
    repo.fake(&serde_json::json!({"default": {"steps": [
        {"write": {"path": "work/{chunk}.txt", "text": "{title}\n"}},
        {"run": evil}]}}));
    let ended = repo.run(&CLAUDE).expect(0);
    assert_eq!(said(&repo, "ran.txt").lines().count(), 2);
    assert!(!repo.base().join("home/PWNED").exists());
    for word in [
        ".githooks/pre-commit back",
        ".githooks/commit-msg back",
        "the lane's .git file back",
    ] {
        assert!(ended.stderr.contains(word), "{word}\n{}", ended.stderr);
    }
    let changed = repo.git(&["diff", "--name-only", "main", BRANCH]);
    assert!(!changed.contains(".githooks"), "{changed}");
}
