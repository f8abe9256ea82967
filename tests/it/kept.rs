//! What is not an engine's to change: put back, and recorded in events, evidence and pull requests.

use crate::support::{Ended, Repo, spec_of};
use serde_json::{Value, json};

const BRANCH: &str = "codelicious/specs-work";
const HOOK: &str = "#!/bin/sh\nexit 0\n";

/// A repository with hooks and their configuration in its tree, and an engine that does its work and then `line`.
fn project(line: &str) -> Repo {
    let repo = Repo::new();
    for path in [".husky/pre-commit", "tools/hooks/pre-commit"] {
        repo.script(&repo.root.join(path), HOOK);
    }
    repo.write("lefthook.yml", "pre-commit: {}\n");
    repo.write(".pre-commit-config.yaml", "repos: []\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "Hooks"]);
    repo.git(&["push", "-q"]);
    repo.git(&["config", "core.hooksPath", "tools/hooks"]);
    repo.write("specs/work.md", spec_of(1, 1));
    repo.fake(&json!({"default": {"steps": [
        {"write": {"path": "work/{chunk}.txt", "text": "{title}\n"}},
        {"run": line}]}}));
    repo
}

fn run(repo: &Repo) -> Ended {
    repo.run(&["--engine", "claude"])
}

/// What the evidence of the one commit says was put back: paths.
fn recorded(repo: &Repo) -> Vec<String> {
    let note = repo.git(&["notes", "--ref=codelicious", "show", BRANCH]);
    let note: Value = serde_json::from_str(&note).unwrap();
    let findings = note["findings"].as_array().unwrap().iter();
    findings
        .filter(|f| f["rule"] == "reverted")
        .map(|f| f["path"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_an_engine_may_not_change_is_put_back_and_told_everywhere() {
    for (line, path) in [
        ("sed -i 's/\\[ \\]/[x]/' specs/work.md", "specs/work.md"),
        ("echo 'and more' >> specs/work.md", "specs/work.md"),
        ("rm -r specs", "specs/work.md"),
        (
            "mkdir .codelicious; echo x > .codelicious/planted",
            ".codelicious",
        ),
        ("echo exit 1 >> .husky/pre-commit", ".husky/pre-commit"),
        ("rm -r .husky", ".husky/pre-commit"),
        ("echo x > .husky/commit-msg", ".husky/commit-msg"),
        ("rm -r .husky; ln -s /tmp .husky", ".husky"),
        (
            "echo exit 1 >> tools/hooks/pre-commit",
            "tools/hooks/pre-commit",
        ),
        ("chmod -x tools/hooks/pre-commit", "tools/hooks/pre-commit"),
        ("ln -sf /etc/passwd lefthook.yml", "lefthook.yml"),
        (
            "echo '# more' >> .pre-commit-config.yaml",
            ".pre-commit-config.yaml",
        ),
        (
            "echo 'pre-commit: {skip: true}' > lefthook-local.yml",
            "lefthook-local.yml",
        ),
        (
            "mkdir .config; echo 'skip = true' > .config/lefthook.toml",
            ".config/lefthook.toml",
        ),
        ("echo 'repos = []' > prek.toml", "prek.toml"),
        ("echo 'gitdir: /nowhere' > .git", ".git"),
        ("git config alias.x '!true'", ".git"),
    ] {
        let repo = project(line);
        let ended = run(&repo).expect(0);
        let events = repo.events();
        let is_told = |e: &Value| {
            let what = e["payload"]["what"].as_str().unwrap_or_default();
            e["kind"] == "repaired" && (what.contains(path) || path == ".git")
        };
        assert!(events.iter().any(is_told), "{line}: {events:?}");
        let name = path.trim_start_matches(".git");
        assert!(ended.stderr.contains(name), "{line}: {}", ended.stderr);
        assert!(
            recorded(&repo).iter().any(|p| p == path),
            "{line}: {:?}",
            recorded(&repo)
        );
        let pr = repo.read(".codelicious/prs/1.md").replace('\\', "");
        assert!(pr.contains(&format!("Noted in `{path}`")), "{line}: {pr}");
        let changed = repo.git(&["diff", "--name-only", "main", BRANCH]);
        let changed: Vec<&str> = changed.lines().collect();
        assert_eq!(changed, ["specs/work.md", "work/T001.txt"], "{line}");
        let spec = repo.git(&["show", &format!("{BRANCH}:specs/work.md")]);
        assert!(
            !spec.contains("and more") && spec.contains("- [x] T001"),
            "{spec}"
        );
    }
}

#[test]
fn nothing_is_recorded_of_an_engine_that_leaves_it_alone() {
    let repo = project("true");
    run(&repo).expect(0);
    assert_eq!(recorded(&repo), Vec::<String>::new());
    let pr = repo.read(".codelicious/prs/1.md");
    assert!(!pr.contains("put it back"), "{pr}");
}

#[test]
fn settings_are_put_back_and_who_changed_them_is_told_so() {
    let once = "test -e ../once || { touch ../once; echo '# mine' >> codelicious.toml; }";
    let repo = project(once);
    let settings = repo.git(&["show", "main:codelicious.toml"]);
    run(&repo).expect(0);
    let calls = repo.calls();
    assert_eq!(calls.len(), 2, "one fix turn");
    let prompt = calls[1]["prompt"].as_str().unwrap();
    assert!(prompt.contains("codelicious.toml"), "{prompt}");
    assert_eq!(recorded(&repo), ["codelicious.toml"]);
    assert_eq!(
        repo.git(&["show", &format!("{BRANCH}:codelicious.toml")]),
        settings
    );
}

#[test]
fn checks_and_hooks_see_what_stood_before() {
    let repo = project(
        "echo planted >> specs/work.md; echo planted >> lefthook.yml; echo planted >> .husky/pre-commit",
    );
    let check = "! grep -rq planted specs lefthook.yml .husky";
    repo.write(
        "codelicious.toml",
        format!("[verify]\ndetect = false\ncommands = [\"{check}\"]\n"),
    );
    repo.git(&["commit", "-qam", "A check"]);
    repo.git(&["push", "-q"]);
    run(&repo).expect(0);
    assert_eq!(repo.calls().len(), 1);
}

#[test]
fn what_checks_and_hooks_change_of_it_is_put_back_and_nobody_is_blamed() {
    let change = "[ -e work ] && echo '# formatted' >> codelicious.toml";
    for of_hook in [false, true] {
        let repo = Repo::new();
        let refuse = "[ -e ../refused ] || { touch ../refused; exit 1; }";
        let (path, more, commands) = match of_hook {
            true => (".git/hooks/pre-commit", refuse, "\"sh check.sh\""),
            false => ("format.sh", "", "\"sh format.sh\", \"sh check.sh\""),
        };
        repo.write(
            "codelicious.toml",
            format!("[verify]\ndetect = false\ncommands = [{commands}]\n"),
        );
        let script = format!("#!/bin/sh\n{change}\n{more}\nexit 0\n");
        repo.script(&repo.root.join(path), &script);
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-q", "--no-verify", "-m", "What formats"]);
        repo.git(&["push", "-q"]);
        repo.write("specs/work.md", spec_of(2, 2));
        let ended = run(&repo).expect(0);
        let turns = 2 + usize::from(of_hook);
        assert_eq!(repo.calls().len(), turns, "{}", ended.stderr);
        let changed = repo.git(&["diff", "--name-only", "main", BRANCH]);
        assert_eq!(changed, "specs/work.md\nwork/T001.txt\nwork/T002.txt");
        let is_told = |e: &Value| {
            let what = e["payload"]["what"].as_str().unwrap_or_default();
            what.contains("codelicious.toml")
        };
        assert!(!repo.events().iter().any(is_told), "{:?}", repo.events());
        assert_eq!(recorded(&repo), Vec::<String>::new());
        let lane = repo.lanes().into_iter().find(|l| l.is_dir()).unwrap();
        let text = std::fs::read_to_string(lane.join("codelicious.toml")).unwrap();
        assert!(!text.contains("formatted"), "{text}");
    }
}

#[test]
fn what_set_up_brought_is_put_back_like_the_rest() {
    for (of_set_up, line, path) in [
        (
            "copy = [\"lefthook.yml\"]",
            "echo '# more' >> lefthook.yml",
            "lefthook.yml",
        ),
        (
            "link = [\".husky\"]",
            "rm .husky; mkdir .husky; echo x > .husky/pre-commit",
            ".husky",
        ),
    ] {
        let repo = Repo::new();
        repo.write(
            "codelicious.toml",
            format!("[verify]\ncommands = [\"sh check.sh\"]\n[worktree]\n{of_set_up}\n"),
        );
        repo.git(&["commit", "-qam", "What set-up brings"]);
        repo.git(&["push", "-q"]);
        repo.write("lefthook.yml", "pre-commit: {}\n");
        repo.script(&repo.root.join(".husky/pre-commit"), HOOK);
        repo.write("specs/work.md", spec_of(1, 1));
        repo.fake(&json!({"default": {"steps": [
            {"write": {"path": "work/{chunk}.txt", "text": "{title}\n"}},
            {"run": line}]}}));
        run(&repo).expect(0);
        let told = recorded(&repo);
        assert!(told.iter().any(|p| p == path), "{path}: {told:?}");
        assert_eq!(repo.read(".husky/pre-commit"), HOOK);
    }
}

#[test]
fn what_git_ignores_of_it_is_made_anew_after_a_run_that_was_killed() {
    let repo = Repo::new().without_wall();
    repo.write("lefthook.yml", "pre-commit: {}\n");
    repo.write(".gitignore", "/ignored/\nlefthook-local.yml\n");
    let check = "grep -q good lefthook-local.yml && ! grep -q planted lefthook-local.yml";
    let set_up = "echo good > lefthook-local.yml";
    repo.write(
        "codelicious.toml",
        format!(
            "[verify]\ndetect = false\ncommands = [\"{check}\"]\n[worktree]\nsetup = [\"{set_up}\"]\n"
        ),
    );
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "Hooks that are made"]);
    repo.git(&["push", "-q"]);
    repo.write("specs/work.md", spec_of(1, 1));
    repo.fake(&json!({"rules": [{"nth": 1, "steps": [
        {"run": "echo planted >> lefthook-local.yml"},
        {"kill_parent": true}]}]}));
    run(&repo).expect(137);
    let ended = run(&repo).expect(0);
    assert_eq!(repo.calls().len(), 2, "{}", ended.stderr);
}

#[test]
fn a_repository_of_somebodys_own_is_left_alone_after_a_run_that_was_killed() {
    let repo = Repo::new().without_wall();
    let other = repo.base().join("other");
    repo.git_in(&repo.base(), &["init", "-q", "other"]);
    repo.write("specs/work.md", spec_of(1, 1));
    let lead = format!(
        "echo {}/.git > \"$(git rev-parse --git-dir)/gitdir\"",
        other.display()
    );
    repo.fake(&json!({"rules": [{"nth": 1, "steps": [{"run": lead}, {"kill_parent": true}]}]}));
    run(&repo).expect(137);
    run(&repo).expect(0);
    assert!(other.join(".git/HEAD").is_file(), "it is still there");
    repo.git_in(&other, &["status"]);
}

#[test]
fn what_was_not_there_is_work_like_any_other() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(1, 1));
    repo.fake(&json!({"default": {"steps": [
        {"write": {"path": ".pre-commit-config.yaml", "text": "repos: []\n"}}]}}));
    run(&repo).expect(0);
    let changed = repo.git(&["diff", "--name-only", "main", BRANCH]);
    assert!(changed.contains(".pre-commit-config.yaml"), "{changed}");
}

#[test]
fn names_that_fold_to_ours_wait_for_a_person() {
    for path in ["Codelicious.toml", ".Codelicious/x", "Specs/Work.md"] {
        let repo = project(&format!("mkdir -p \"$(dirname {path})\"; echo x > {path}"));
        if repo.root.join("SPECS").exists() {
            eprintln!("SKIPPED: this file system folds names");
            return;
        }
        let ended = run(&repo);
        assert_ne!(ended.code, 0, "{path}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("folds names"),
            "{path}: {}",
            ended.stderr
        );
        let files = repo.git(&["log", "--branches", "--name-only", "--format="]);
        assert!(!files.contains(path), "{files}");
    }
}
