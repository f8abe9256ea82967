//! Where specs may stand: links, names that differ for some file systems only, and secrets in their text.

use crate::support::{Ended, Repo, spec_of};
use std::os::unix::fs::symlink;

const TEXT: &str = "# Work\n\n- [ ] T001 One\n";

fn run(repo: &Repo, more: &[&str]) -> Ended {
    let args: Vec<&str> = ["--engine", "claude"].iter().chain(more).copied().collect();
    repo.run(&args)
}

/// Nothing of the file outside was read: neither told, nor sent, nor committed.
#[track_caller]
fn nothing_was_read(repo: &Repo, ended: &Ended, secret: &str) {
    for said in [&ended.stdout, &ended.stderr] {
        assert!(!said.contains(secret), "{said}");
    }
    assert!(repo.calls().is_empty(), "{:?}", repo.calls());
    let refs = repo.git(&["for-each-ref", "refs/codelicious", "refs/heads/codelicious"]);
    assert_eq!(refs.trim(), "");
}

/// What leads out of the repository, by its path, and whether discovery sees it as a spec at all.
fn leading_out(repo: &Repo) -> [&'static str; 3] {
    let outside = repo.base().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("far.md"), "- [ ] T001 Tell of the outside\n").unwrap();
    std::fs::create_dir_all(repo.root.join("specs")).unwrap();
    symlink(outside.join("far.md"), repo.root.join("specs/link.md")).unwrap();
    symlink("../../outside/far.md", repo.root.join("specs/steps.md")).unwrap();
    symlink(&outside, repo.root.join("specs/folder")).unwrap();
    ["specs/link.md", "specs/steps.md", "specs/folder/far.md"]
}

#[test]
fn links_that_lead_out_are_not_read_wherever_they_are_named() {
    for committed in [false, true] {
        let repo = Repo::new();
        let paths = leading_out(&repo);
        if committed {
            repo.git(&["add", "-A"]);
            repo.git(&["commit", "-qm", "Links"]);
            repo.git(&["push", "-q"]);
        }
        // By discovery: told as far as they look like specs, and none is built.
        let ended = run(&repo, &[]);
        nothing_was_read(&repo, &ended, "the outside");
        assert!(ended.stderr.contains("symbolic link"), "{}", ended.stderr);
        // By name.
        for path in paths {
            let ended = run(&repo, &["--spec", path]);
            assert_eq!(ended.code, 2, "{path}: {}", ended.stderr);
            assert!(
                ended.stderr.contains("outside the repository"),
                "{path}: {}",
                ended.stderr
            );
            nothing_was_read(&repo, &ended, "the outside");
        }
        // By configuration.
        for path in paths {
            repo.write("codelicious.toml", format!("[specs]\npaths = ['{path}']\n"));
            let ended = run(&repo, &[]);
            assert_eq!(ended.code, 2, "{path}: {}", ended.stderr);
            for word in [path, "symbolic link"] {
                assert!(ended.stderr.contains(word), "{path}: {}", ended.stderr);
            }
            nothing_was_read(&repo, &ended, "the outside");
        }
    }
}

#[test]
fn a_link_inside_the_repository_is_built_as_what_it_leads_to() {
    for path in ["specs/other.md", "plans/work.md"] {
        let repo = Repo::new();
        repo.write("specs/work.md", TEXT);
        symlink("work.md", repo.root.join("specs/other.md")).unwrap();
        symlink("specs", repo.root.join("plans")).unwrap();
        // In the settings, paths are as git has them: no other file is taken for one of those.
        repo.write("codelicious.toml", format!("[specs]\npaths = ['{path}']\n"));
        let ended = run(&repo, &[]);
        assert_eq!(ended.code, 2, "{path}: {}", ended.stderr);
        for word in [path, "symbolic link", "--spec"] {
            assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
        }

        let repo = Repo::new();
        repo.write("specs/work.md", TEXT);
        symlink("work.md", repo.root.join("specs/other.md")).unwrap();
        symlink("specs", repo.root.join("plans")).unwrap();
        run(&repo, &["--spec", path]).expect(0);
        assert_eq!(repo.asked_for(), ["T001"], "{path}");
        let files = repo.git(&["diff", "--name-only", "main", "codelicious/specs-work"]);
        assert_eq!(files.trim(), "specs/work.md\nwork/T001.txt", "{path}");
    }
}

#[test]
fn specs_whose_names_differ_by_case_or_composition_alone_are_two_lanes() {
    let repo = Repo::new();
    let composed = "specs/caf\u{e9}.md";
    let decomposed = "specs/cafe\u{301}.md";
    for (path, id) in [
        ("specs/work.md", "T001"),
        ("specs/Work.md", "T002"),
        (composed, "T003"),
        (decomposed, "T004"),
    ] {
        repo.write(path, format!("- [ ] {id} Of {path}\n"));
    }
    if std::fs::read_dir(repo.root.join("specs")).unwrap().count() < 4 {
        eprintln!("SKIPPED: this file system folds names");
        return;
    }
    run(&repo, &[]).expect(0);
    let mut asked = repo.asked_for();
    asked.sort();
    assert_eq!(asked, ["T001", "T002", "T003", "T004"]);
    let branches = repo.git(&[
        "for-each-ref",
        "--format=%(refname)",
        "refs/heads/codelicious",
    ]);
    let folded: std::collections::BTreeSet<String> =
        branches.lines().map(str::to_lowercase).collect();
    assert_eq!(folded.len(), 4, "{branches}");
}

/// Made here, so that nobody takes it for one that somebody has.
fn token() -> String {
    format!("ghp_{}", "16C7e42F292c6912E7710c838347Ae178B4a")
}

#[test]
fn a_spec_with_a_secret_that_nobody_committed_is_not_built() {
    let token = token();
    let secret = format!("# Work\n\nUse the token {token} for it.\n\n- [ ] T001 One\n");
    for named in [&[][..], &["--spec", "specs/work.md"]] {
        let repo = Repo::new();
        repo.write("specs/work.md", &secret);
        let ended = run(&repo, named);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        for word in ["specs/work.md:3", "GitHub", "take it out"] {
            assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
        }
        nothing_was_read(&repo, &ended, &token);
        let plan = repo.run(&["plan"]);
        assert_eq!(plan.code, 2, "{}", plan.stdout);
        assert!(!plan.stdout.contains(&token) && !plan.stderr.contains(&token));

        // Without it, it is built.
        repo.write("specs/work.md", secret.replace(&token, "$TOKEN"));
        run(&repo, named).expect(0);
        assert_eq!(repo.asked_for(), ["T001"]);

        // Brought in later, while the lane is there.
        repo.write("specs/work.md", format!("{secret}- [ ] T002 Two\n"));
        let ended = run(&repo, named);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert_eq!(repo.asked_for(), ["T001"]);
        let log = repo.git(&["log", "-p", "--all"]);
        assert!(!log.contains(&token));
    }
}

#[test]
fn what_is_not_built_may_hold_a_secret() {
    let repo = Repo::new();
    let token = token();
    repo.write("specs/work.md", spec_of(1, 1));
    repo.write("specs/notes.md", format!("# Notes\n\nOurs is {token}.\n"));
    repo.write(
        "specs/later.md",
        format!("---\nstatus: draft\n---\n\n- [ ] T009 Use {token}\n"),
    );
    repo.write("specs/past.md", format!("- [x] T008 Used {token}\n"));
    run(&repo, &[]).expect(0);
    assert_eq!(repo.asked_for(), ["T001"]);
    assert!(!repo.git(&["log", "-p", "--all"]).contains(&token));
}

#[test]
fn other_specs_are_built_beside_one_with_a_secret() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(1, 1));
    repo.write("specs/leak.md", format!("- [ ] T009 Use {}\n", token()));
    let ended = run(&repo, &[]);
    assert_ne!(ended.code, 0);
    assert!(ended.stderr.contains("specs/leak.md:1"), "{}", ended.stderr);
    assert_eq!(repo.asked_for(), ["T001"]);
}

#[test]
fn a_secret_that_the_base_has_already_is_no_news() {
    let repo = Repo::new();
    let token = token();
    repo.write(
        "specs/work.md",
        format!("Token {token}\n\n- [ ] T001 One\n"),
    );
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "Spec"]);
    repo.git(&["push", "-q"]);
    let ended = run(&repo, &[]).expect(0);
    assert!(!ended.stderr.contains(&token));
    repo.write(
        "specs/work.md",
        format!("Token {token}\n\n- [ ] T001 One\n- [ ] T002 Two\n"),
    );
    run(&repo, &[]).expect(0);
    assert_eq!(repo.asked_for(), ["T001", "T002"]);
}
