//! The main job from end to end: specs in, small verified pull requests out.

use crate::support::{Repo, spec_of};
use serde_json::json;
use std::fs;

/// A dirty tree, an untracked spec of 12 tasks, and everything of the user's that must survive.
pub fn dirty_repo() -> Repo {
    let repo = Repo::new().without_wall();
    repo.write("staged.txt", "before\n");
    repo.git(&["add", "staged.txt"]);
    repo.git(&["commit", "-qm", "A file"]);
    repo.git(&["push", "-q"]);
    repo.write("stashed.txt", "stashed\n");
    repo.git(&["stash", "-q", "-u"]);
    repo.write("README.md", "# Project\n\nedited, not staged\n");
    repo.write("new-staged.txt", "new\n");
    repo.git(&["add", "new-staged.txt"]);
    repo.write("notes.txt", "untracked notes\n");
    repo.write("ignored/cache.bin", [0u8, 1, 2, 255]);
    repo.write(".claude/settings.json", "{\"mine\": true}\n");
    repo.write("specs/work.md", spec_of(12, 6));
    repo
}

fn check_complete(repo: &Repo) {
    let branch = "codelicious/specs-work-part-2";
    let commits = repo.commits(branch);
    assert_eq!(commits.len(), 13, "{commits:#?}");
    assert_eq!(
        commits[0],
        ("[specs-work] Sync the spec".to_owned(), None),
        "{commits:#?}"
    );
    for (i, (subject, chunk)) in commits[1..].iter().enumerate() {
        let n = i + 1;
        assert_eq!(subject, &format!("[specs-work] T{n:03} Build piece {n}"));
        assert_eq!(chunk.as_deref(), Some(format!("T{n:03}").as_str()));
        let rev = format!("{branch}~{}", 12 - n);
        let files = repo.git(&["diff-tree", "--no-commit-id", "--name-status", "-r", &rev]);
        assert_eq!(files, format!("M\tspecs/work.md\nA\twork/T{n:03}.txt"));
        let marks = repo.git(&[
            "diff",
            "-U0",
            &format!("{rev}~1"),
            &rev,
            "--",
            "specs/work.md",
        ]);
        let changed: Vec<&str> = marks
            .lines()
            .filter(|l| l.starts_with(['+', '-']) && !l.starts_with("+++") && !l.starts_with("---"))
            .collect();
        assert_eq!(
            changed,
            [
                format!("-- [ ] T{n:03} Build piece {n}"),
                format!("+- [x] T{n:03} Build piece {n}")
            ]
        );
    }
    let at_part_1 = repo.commits("codelicious/specs-work");
    assert_eq!(at_part_1.len(), 9, "8 chunks and the sync: {at_part_1:#?}");
}

fn check_delivered(repo: &Repo) {
    for part in ["codelicious/specs-work", "codelicious/specs-work-part-2"] {
        let remote = repo.git_in(&repo.origin, &["rev-parse", part]);
        assert_eq!(remote, repo.git(&["rev-parse", part]));
    }
    let first = repo.read(".codelicious/prs/1.md");
    assert!(
        first.contains("head: \"codelicious/specs-work\"\n"),
        "{first}"
    );
    assert!(first.contains("base: \"main\"\n"), "{first}");
    let second = repo.read(".codelicious/prs/2.md");
    assert!(
        second.contains("head: \"codelicious/specs-work-part-2\"\n"),
        "{second}"
    );
    assert!(
        second.contains("base: \"codelicious/specs-work\"\n"),
        "{second}"
    );
    assert!(!repo.root.join(".codelicious/prs/3.md").exists());
    for text in [first, second] {
        assert!(text.contains("unsandboxed"), "{text}");
    }
}

fn check_fresh_clone(repo: &Repo, name: &str, engine: &[&str]) {
    let clone = repo.fresh_clone(name);
    let plan = clone.run(&["plan", "--json"]).expect(0).json();
    assert_eq!(plan["specs"][0]["done"], 12, "{plan:#}");
    assert_eq!(plan["specs"][0]["total"], 12);
    let calls = repo.calls().len();
    let ended = clone.run(engine).expect(0);
    assert_eq!(repo.calls().len(), calls, "{}", ended.stderr);
    assert!(ended.stderr.contains("12/12"), "{}", ended.stderr);
    let heads = clone.git(&[
        "for-each-ref",
        "--format=%(refname)",
        "refs/heads/codelicious",
    ]);
    assert!(!heads.contains("part-3"), "{heads}");
}

fn whole_job(engine: &[&str], repo: &Repo) {
    let before = repo.users_things();
    repo.run(engine).expect(0);
    check_complete(repo);
    check_delivered(repo);
    assert_eq!(repo.users_things(), before);

    let tips = repo.git(&[
        "for-each-ref",
        "refs/codelicious/lanes",
        "refs/codelicious/sync",
        "refs/heads/codelicious",
    ]);
    let calls = repo.calls().len();
    let again = repo.run(engine).expect(0);
    assert_eq!(repo.calls().len(), calls);
    assert!(again.stderr.contains("12/12"), "{}", again.stderr);
    assert_eq!(
        repo.git(&[
            "for-each-ref",
            "refs/codelicious/lanes",
            "refs/codelicious/sync",
            "refs/heads/codelicious"
        ]),
        tips
    );
    assert_eq!(repo.users_things(), before);

    check_fresh_clone(repo, "clone-1", engine);

    // Part 1 is squash-merged into the base by a person, and its branch is deleted.
    let merger = repo.fresh_clone("merger");
    merger.git(&["merge", "-q", "--squash", "origin/codelicious/specs-work"]);
    merger.git(&["commit", "-qm", "Work, part 1 (#1)"]);
    merger.git(&["push", "-q", "origin", "main"]);
    merger.git(&["push", "-q", "origin", "--delete", "codelicious/specs-work"]);
    check_fresh_clone(repo, "clone-2", engine);
}

#[test]
fn an_untracked_spec_in_a_dirty_tree_becomes_two_pull_requests_with_claude() {
    let repo = dirty_repo();
    whole_job(&["--engine", "claude"], &repo);
    let calls = repo.calls();
    assert_eq!(calls.len(), 12);
    for call in calls {
        let argv = call["argv"].to_string();
        assert!(
            !argv.contains("Build piece"),
            "the prompt travels as an argument: {argv}"
        );
    }
}

#[test]
fn an_untracked_spec_in_a_dirty_tree_becomes_two_pull_requests_with_a_cassette() {
    let repo = dirty_repo();
    let lines = [
        json!({"cassette": 1, "model": "recorded"}),
        json!({"chunk": "*", "calls": [{"name": "write_file", "arguments": {"path": "work/{chunk}.txt", "content": "{title}\n"}}]}),
        json!({"chunk": "*", "calls": [{"name": "complete_chunk", "arguments": {"summary": "wrote {chunk}", "confidence": 0.9, "rationale": "it is there"}}]}),
    ];
    let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let cassette = repo.base().join("tape.jsonl");
    fs::write(&cassette, text.join("\n")).unwrap();
    whole_job(
        &["--engine", &format!("replay:{}", cassette.display())],
        &repo,
    );
}

#[test]
fn the_demo_goes_as_scripted() {
    let repo = Repo::new().without_wall();
    let ended = repo.run(&["demo", "--dir", "../demo"]).expect(0);
    let at = repo.base().join("demo/greeter");
    let subjects = repo.git_in(
        &at,
        &[
            "log",
            "--format=%s",
            "main..codelicious/specs-greeter-part-2",
        ],
    );
    assert_eq!(subjects.lines().count(), 5, "{subjects}");
    for expected in [
        "T003 Count greetings",
        ".codelicious/prs/2.md",
        "codelicious status",
    ] {
        assert!(ended.stdout.contains(expected), "{}", ended.stdout);
    }
    assert!(ended.stderr.contains("fix 1"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("Which mail server"),
        "{}",
        ended.stderr
    );
}
