//! What people and forges do to a series between runs, and what the next run makes of it.

use crate::support::{Clone_, Ended, Repo, spec_of};
use serde_json::{Value, json};
use std::fs;

const CLAUDE: [&str; 2] = ["--engine", "claude"];
const ONE: &str = "codelicious/specs-work";
const TWO: &str = "codelicious/specs-work-part-2";
const THREE: &str = "codelicious/specs-work-part-3";
const LANE: &str = "refs/codelicious/lanes/specs-work";
const SETTINGS: &str = "[verify]\ncommands = [\"sh check.sh\"]\n[pr]\nmax_commits = 2\n";

/// An untracked spec of `n` tasks, two a pull request, all of them built.
fn built(n: usize) -> Repo {
    let repo = Repo::new();
    repo.write("codelicious.toml", SETTINGS);
    repo.git(&["commit", "-qam", "Two a pull request"]);
    repo.git(&["push", "-q"]);
    repo.write("notes.txt", "untracked notes\n");
    repo.write("specs/work.md", spec_of(n, n));
    repo.run(&CLAUDE).expect(0);
    repo
}

/// How a forge merges.
#[derive(Clone, Copy, Debug)]
pub enum How {
    Commit,
    Squash,
    Rebase,
}

/// Somebody merges a branch into main on the remote.
pub fn merge(repo: &Repo, name: &str, branch: &str, how: How) {
    let merger = repo.fresh_clone(name);
    let head = format!("origin/{branch}");
    match how {
        How::Commit => drop(merger.git(&["merge", "-q", "--no-ff", "-m", "Merge", &head])),
        How::Squash => {
            merger.git(&["merge", "-q", "--squash", &head]);
            merger.git(&["commit", "-qm", "Squashed"]);
        }
        How::Rebase => {
            // As a forge does it: other commits, also where nothing came in between.
            change(&merger, "other.txt", "something else", "Something else");
            merger.git(&["checkout", "-q", "--detach", &head]);
            merger.git(&["rebase", "-q", "main"]);
            merger.git(&["checkout", "-q", "-B", "main", "HEAD"]);
        }
    }
    merger.git(&["push", "-q", "origin", "HEAD:main"]);
}

/// Commits one file in a clone.
fn change(clone: &Clone_<'_>, path: &str, text: &str, message: &str) {
    let file = clone.root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, format!("{text}\n")).unwrap();
    clone.git(&["add", "-A"]);
    clone.git(&["commit", "-qm", message]);
}

/// Somebody commits a file on a branch of the remote.
fn push_on(repo: &Repo, name: &str, branch: &str, path: &str, text: &str) -> String {
    let other = repo.fresh_clone(name);
    other.git(&["checkout", "-q", branch]);
    change(&other, path, text, "By a person");
    other.git(&["push", "-q", "origin", branch]);
    other.git(&["rev-parse", "HEAD"])
}

fn at(repo: &Repo, rev: &str) -> String {
    repo.git(&["rev-parse", rev])
}

fn sent(repo: &Repo, branch: &str) -> String {
    repo.git_in(&repo.origin, &["rev-parse", branch])
}

/// What stands on the remote between two of its branches: chunk, or subject where there is none, and files.
fn between(repo: &Repo, below: &str, above: &str) -> Vec<(String, String)> {
    let git = |args: &[&str]| repo.git_in(&repo.origin, args);
    let list = git(&["rev-list", "--reverse", &format!("{below}..{above}")]);
    list.lines()
        .map(|oid| {
            let chunk = "--format=%(trailers:key=Codelicious-Chunk,valueonly,separator=)";
            let chunk = git(&["log", "-1", chunk, oid]);
            let name = if chunk.is_empty() {
                git(&["log", "-1", "--format=%s", oid])
            } else {
                chunk
            };
            let files = git(&["diff-tree", "--no-commit-id", "--name-status", "-r", oid]);
            (name, files)
        })
        .collect()
}

fn chunk(n: usize) -> (String, String) {
    let files = format!("M\tspecs/work.md\nA\twork/T{n:03}.txt");
    (format!("T{n:03}"), files)
}

/// Front matter and text of a pull request.
fn pr(repo: &Repo, n: u32) -> String {
    repo.read(&format!(".codelicious/prs/{n}.md"))
}

fn set_state(repo: &Repo, n: u32, state: &str) {
    let text = pr(repo, n);
    let changed: Vec<String> = text
        .lines()
        .map(|l| match l.strip_prefix("state: ") {
            Some(_) => format!("state: {state}"),
            None => l.to_owned(),
        })
        .collect();
    repo.write(
        &format!(".codelicious/prs/{n}.md"),
        changed.join("\n") + "\n",
    );
}

fn spec_at(repo: &Repo, branch: &str) -> String {
    repo.git_in(&repo.origin, &["show", &format!("{branch}:specs/work.md")])
}

#[track_caller]
fn says(ended: &Ended, words: &str) {
    let all = ended
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        all.contains(words),
        "{words:?} is not said:\n{}",
        ended.stderr
    );
}

fn refs(repo: &Repo) -> String {
    let all = repo.git(&[
        "for-each-ref",
        "refs/codelicious",
        "refs/heads",
        "refs/remotes",
    ]);
    // What the remote has of the texts last seen is fetched by the next run.
    let kept = all
        .lines()
        .filter(|l| !l.contains("refs/codelicious/remote-sync/"));
    kept.collect::<Vec<_>>().join(
        "
",
    )
}

/// Part 2 holds its own commits on top of the base, each whole, and nothing was built for that.
#[track_caller]
fn check_two_on_main(repo: &Repo, calls: usize) {
    assert_eq!(between(repo, "main", TWO), [chunk(3), chunk(4)]);
    for n in 1..=4 {
        let text = repo.git_in(&repo.origin, &["show", &format!("{TWO}:work/T{n:03}.txt")]);
        assert_eq!(text, format!("Build piece {n}"));
    }
    let spec = spec_at(repo, TWO);
    assert!(!spec.contains("- [ ]"), "{spec}");
    let halfway = spec_at(repo, &format!("{TWO}~1"));
    assert!(
        halfway.contains("- [x] T003") && halfway.contains("- [ ] T004"),
        "{halfway}"
    );
    let text = pr(repo, 2);
    assert!(text.contains("base: \"main\"\n"), "{text}");
    assert!(text.contains("state: ready\n"), "{text}");
    assert_eq!(sent(repo, TWO), at(repo, TWO));
    assert_eq!(sent(repo, TWO), at(repo, LANE));
    assert_eq!(repo.calls().len(), calls, "nothing is built again");
}

fn part_one_is_merged(how: How) {
    let repo = built(4);
    let before = repo.users_things();
    let lane = at(&repo, LANE);
    merge(&repo, "merger", ONE, how);
    let ended = repo.run(&CLAUDE).expect(0);
    check_two_on_main(&repo, 4);
    assert_eq!(repo.users_things(), before, "{how:?}");
    match how {
        How::Commit => assert_eq!(at(&repo, LANE), lane, "nothing is rewritten"),
        How::Squash | How::Rebase => {
            says(
                &ended,
                "part 1 is on main: part 2 is moved there (as before: refs/codelicious/archive/specs-work/",
            );
            let kept = repo.git(&[
                "for-each-ref",
                "--format=%(objectname)",
                "refs/codelicious/archive/specs-work",
            ]);
            assert_eq!(kept, lane);
        }
    }
    let after = refs(&repo);
    let again = repo.run(&CLAUDE).expect(0);
    assert_eq!(refs(&repo), after, "{}", again.stderr);
    assert!(!again.stderr.contains("part 1 is"), "{}", again.stderr);
    let clone = repo.fresh_clone("fresh");
    let ended = clone.run(&CLAUDE).expect(0);
    assert!(ended.stderr.contains("4/4"), "{}", ended.stderr);
    check_two_on_main(&repo, 4);
}

#[test]
fn part_one_is_merged_with_a_merge_commit_while_part_two_is_open() {
    part_one_is_merged(How::Commit);
}

#[test]
fn part_one_is_squash_merged_while_part_two_is_open() {
    part_one_is_merged(How::Squash);
}

#[test]
fn part_one_is_rebased_onto_the_base_while_part_two_is_open() {
    part_one_is_merged(How::Rebase);
}

#[test]
fn a_lower_part_is_squash_merged_while_two_are_open_and_tasks_are_left() {
    let repo = Repo::new();
    repo.write("codelicious.toml", SETTINGS);
    repo.git(&["commit", "-qam", "Two a pull request"]);
    repo.git(&["push", "-q"]);
    repo.write("specs/work.md", spec_of(6, 6));
    repo.fake(&json!({"rules": [{"chunk": "T006", "nth": 1, "steps": [], "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "slow down"}}]}));
    repo.run(&CLAUDE).expect(6);
    merge(&repo, "merger", ONE, How::Squash);
    let before = repo.users_things();
    repo.run(&CLAUDE).expect(0);
    assert_eq!(between(&repo, "main", TWO), [chunk(3), chunk(4)]);
    assert_eq!(between(&repo, TWO, THREE), [chunk(5), chunk(6)]);
    assert!(!spec_at(&repo, THREE).contains("- [ ]"));
    assert_eq!(
        repo.asked_for(),
        ["T001", "T002", "T003", "T004", "T005", "T006", "T006"]
    );
    assert!(pr(&repo, 2).contains("base: \"main\"\n"));
    assert!(pr(&repo, 3).contains(&format!("base: \"{TWO}\"\n")));
    assert_eq!(repo.users_things(), before);
    let saved = repo.git(&["for-each-ref", "refs/codelicious/attempts"]);
    assert_eq!(
        saved, "",
        "the old lane is nobody's work that was left behind"
    );
    let kept = std::fs::read_dir(repo.root.join(".codelicious/cache/baseline")).unwrap();
    assert_eq!(kept.count(), 2, "checks ran on the new base as well");
}

#[test]
fn both_lower_parts_are_merged_one_after_the_other() {
    let repo = built(6);
    merge(&repo, "first", ONE, How::Squash);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(between(&repo, "main", TWO), [chunk(3), chunk(4)]);
    assert_eq!(between(&repo, TWO, THREE), [chunk(5), chunk(6)]);
    merge(&repo, "second", TWO, How::Squash);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(between(&repo, "main", THREE), [chunk(5), chunk(6)]);
    assert!(pr(&repo, 3).contains("base: \"main\"\n"));
    merge(&repo, "third", THREE, How::Squash);
    let ours = || [LANE, ONE, TWO, THREE].map(|name| at(&repo, name));
    let before = ours();
    repo.run(&CLAUDE).expect(0);
    assert_eq!(ours(), before, "nothing is left to be moved");
    assert_eq!(repo.calls().len(), 6);
    assert!(!spec_at(&repo, "main").contains("- [ ]"));
}

#[test]
fn what_people_changed_in_the_spec_meanwhile_is_in_the_text_that_marks_are_set_in() {
    let repo = built(4);
    merge(&repo, "merger", ONE, How::Squash);
    let other = repo.fresh_clone("other");
    let text = fs::read_to_string(other.root.join("specs/work.md")).unwrap();
    let text = text.replace("# Work\n", "# Work\n\nA word about the work.\n");
    fs::write(other.root.join("specs/work.md"), text).unwrap();
    other.git(&["commit", "-qam", "Say more"]);
    other.git(&["push", "-q"]);
    repo.write("specs/work.md", spec_of(5, 5));
    repo.run(&CLAUDE).expect(0);
    let spec = spec_at(&repo, THREE);
    assert!(!spec.contains("- [ ]"), "{spec}");
    assert!(
        spec.contains("T005") && spec.contains("A word about the work."),
        "{spec}"
    );
    let synced = (
        "[specs-work] Sync the spec".to_owned(),
        "M\tspecs/work.md".to_owned(),
    );
    assert_eq!(between(&repo, "main", TWO), [synced, chunk(3), chunk(4)]);
    assert_eq!(repo.asked_for().len(), 5);
}

#[test]
fn a_persons_commit_on_a_later_part_is_never_rewritten() {
    let repo = built(4);
    let theirs = push_on(&repo, "other", TWO, "theirs.txt", "theirs");
    merge(&repo, "merger", ONE, How::Squash);
    let ended = repo.run(&CLAUDE).expect(0);
    assert_eq!(sent(&repo, TWO), theirs);
    let short = &theirs[..10];
    says(
        &ended,
        &format!(
            "part 1 is on main, but part 2 is not moved there: the commit {short} is somebody else's; the pull request of part 2 goes into main now; by hand: git rebase --onto "
        ),
    );
    assert!(pr(&repo, 2).contains("base: \"main\"\n"));
    assert_eq!(repo.calls().len(), 4);

    // The command that was named does it, and is taken over.
    let words = ended
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let command = words
        .split("by hand: ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .take(6);
    let command: Vec<&str> = command.collect();
    let hand = repo.fresh_clone("hand");
    hand.git(&["checkout", "-q", TWO]);
    hand.git(&command[1..]);
    hand.git(&["push", "-q", "--force", "origin", TWO]);
    let moved = sent(&repo, TWO);
    repo.write("specs/work.md", spec_of(5, 5));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(sent(&repo, TWO), moved, "{command:?}");
    assert_eq!(between(&repo, "main", TWO).len(), 3);
    assert!(between(&repo, TWO, THREE).contains(&chunk(5)));
    assert_eq!(repo.asked_for().len(), 5);
}

#[test]
fn a_persons_commit_on_a_lower_part_is_kept_and_said() {
    let repo = built(4);
    let theirs = push_on(&repo, "other", ONE, "theirs.txt", "theirs");
    let ended = repo.run(&CLAUDE).expect(0);
    assert_eq!(sent(&repo, ONE), theirs);
    says(
        &ended,
        &format!("somebody's commits stand on {ONE}, and later parts do not have them"),
    );
    merge(&repo, "merger", ONE, How::Squash);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(between(&repo, "main", TWO), [chunk(3), chunk(4)]);
    assert_eq!(spec_at(&repo, TWO).matches("- [x]").count(), 4);
    let theirs = repo.git_in(&repo.origin, &["show", &format!("{TWO}:theirs.txt")]);
    assert_eq!(theirs, "theirs");
}

#[test]
fn work_that_does_not_fit_onto_the_base_stays_where_it_is() {
    let repo = built(4);
    let (two, lane) = (sent(&repo, TWO), at(&repo, LANE));
    merge(&repo, "merger", ONE, How::Squash);
    let other = repo.fresh_clone("other");
    change(&other, "work/T003.txt", "something else", "In the way");
    other.git(&["push", "-q"]);
    for _ in 0..2 {
        let ended = repo.run(&CLAUDE).expect(0);
        says(
            &ended,
            "part 1 is on main, but part 2 is not moved there: the commit",
        );
        says(
            &ended,
            "(T003) conflicts with main in work/T003.txt; the pull request of part 2 goes into main now",
        );
        assert_eq!(
            (sent(&repo, TWO), at(&repo, LANE)),
            (two.clone(), lane.clone())
        );
        assert!(pr(&repo, 2).contains("base: \"main\"\n"));
    }
    assert_eq!(repo.calls().len(), 4);
}

#[test]
fn a_branch_that_somebody_has_checked_out_is_not_moved() {
    let repo = built(4);
    repo.git(&["worktree", "add", "-q", "../theirs", TWO]);
    let two = at(&repo, TWO);
    merge(&repo, "merger", ONE, How::Squash);
    let ended = repo.run(&CLAUDE).expect(0);
    says(
        &ended,
        &format!("the branch {TWO} is checked out (switch to another one and run again)"),
    );
    assert_eq!((at(&repo, TWO), sent(&repo, TWO)), (two.clone(), two));
    repo.git(&["worktree", "remove", "../theirs"]);
    repo.run(&CLAUDE).expect(0);
    check_two_on_main(&repo, 4);
}

#[test]
fn a_push_by_a_person_between_look_and_push_is_not_overwritten() {
    // The hook does what a person would do meanwhile.
    let repo = built(4).without_wall();
    merge(&repo, "merger", ONE, How::Squash);
    // Git asks the remote where its branches are before it runs this.
    let other = repo.fresh_clone("other");
    other.git(&["checkout", "-q", TWO]);
    change(&other, "theirs.txt", "theirs", "By a person");
    let theirs = other.git(&["rev-parse", "HEAD"]);
    let hook = format!(
        "#!/bin/sh\nunset $(git rev-parse --local-env-vars)\ncd '{}' && exec git push -q origin {TWO}\n",
        other.root.display()
    );
    repo.script(&repo.root.join(".git/hooks/pre-push"), &hook);
    let ended = repo.run(&CLAUDE).expect(1);
    assert_eq!(sent(&repo, TWO), theirs, "{}", ended.stderr);
    says(&ended, "not pushed");
    fs::remove_file(repo.root.join(".git/hooks/pre-push")).unwrap();

    // What they did is built upon, so that nothing is left to be overwritten.
    let ended = repo.run(&CLAUDE).expect(0);
    says(&ended, "is somebody else's");
    assert_eq!((sent(&repo, TWO), at(&repo, TWO)), (theirs.clone(), theirs));
    assert_eq!(repo.calls().len(), 4);
}

/// Whatever was moved when a run died, the next one comes to the same end.
#[test]
fn a_restack_that_is_interrupted_anywhere_comes_to_the_same_end() {
    for point in [
        "kill@restack.after_intent",
        "kill@restack.after_effect",
        "kill@push.after_intent",
        "kill@push.after_effect",
        "kill@put_pr.after_intent",
        "kill@put_pr.after_effect",
    ] {
        let repo = built(4);
        let before = repo.users_things();
        merge(&repo, "merger", ONE, How::Squash);
        let ended = repo.run_with(&CLAUDE, &[("CODELICIOUS_CRASH", point)]);
        assert_eq!(ended.code, 137, "{point}: {}", ended.stderr);
        repo.run(&CLAUDE).expect(0);
        check_two_on_main(&repo, 4);
        assert_eq!(repo.users_things(), before, "{point}");
    }
}

#[test]
fn refs_that_an_interrupted_restack_left_behind_follow() {
    let repo = built(6);
    let old = [
        (LANE, at(&repo, LANE)),
        (TWO, at(&repo, TWO)),
        (THREE, at(&repo, THREE)),
    ];
    merge(&repo, "merger", ONE, How::Squash);
    repo.run(&CLAUDE).expect(0);
    let new = [at(&repo, LANE), at(&repo, TWO), at(&repo, THREE)];
    let check = |what: &str| {
        assert_eq!(
            [at(&repo, LANE), at(&repo, TWO), at(&repo, THREE)],
            new,
            "{what}"
        );
        assert_eq!([sent(&repo, TWO), sent(&repo, THREE)], new[1..], "{what}");
        assert_eq!(repo.calls().len(), 6, "{what}");
    };
    let full = |name: &str| match name.strip_prefix("refs/") {
        Some(_) => name.to_owned(),
        None => format!("refs/heads/{name}"),
    };
    // Branches are moved after the lane: some of them, or all, as they were before.
    for from in 1..3 {
        for to in from..3 {
            for (name, oid) in &old[from..=to] {
                repo.git(&["update-ref", &full(name), oid]);
            }
            repo.run(&CLAUDE).expect(0);
            check(&format!("here {from}..={to}"));
        }
    }
    for gone in [vec![1], vec![2], vec![1, 2]] {
        for at in &gone {
            repo.git_in(
                &repo.origin,
                &["update-ref", &full(old[*at].0), &old[*at].1],
            );
        }
        // A machine that knows nothing comes to the same commits.
        let name = format!("fresh-{gone:?}");
        let clone = repo.fresh_clone(&name);
        clone.run(&CLAUDE).expect(0);
        check(&name);
        for at in &gone {
            repo.git_in(
                &repo.origin,
                &["update-ref", &full(old[*at].0), &old[*at].1],
            );
        }
        repo.run(&CLAUDE).expect(0);
        check(&format!("there {gone:?}"));
    }
}

#[test]
fn a_lane_that_was_restacked_elsewhere_is_taken_over() {
    let repo = built(4);
    let lane = at(&repo, LANE);
    merge(&repo, "merger", ONE, How::Squash);
    let clone = repo.fresh_clone("elsewhere");
    clone.run(&CLAUDE).expect(0);
    assert_eq!(between(&repo, "main", TWO), [chunk(3), chunk(4)]);
    let two = sent(&repo, TWO);
    repo.write("specs/work.md", spec_of(5, 5));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(sent(&repo, TWO), two);
    assert!(between(&repo, TWO, THREE).contains(&chunk(5)));
    assert_eq!(repo.asked_for().len(), 5);
    let kept = repo.git(&[
        "for-each-ref",
        "--format=%(objectname)",
        "refs/codelicious/archive/specs-work",
    ]);
    assert_eq!(kept, lane);
}

// What became of pull requests.

fn ledger(repo: &Repo) -> Value {
    serde_json::from_str(&repo.read(".codelicious/state/specs-work.json")).unwrap()
}

#[test]
fn a_pull_request_that_a_person_closed_stops_its_spec_until_it_is_open_again() {
    let repo = built(4);
    set_state(&repo, 2, "closed");
    merge(&repo, "merger", ONE, How::Squash);
    repo.write("specs/work.md", spec_of(5, 5));
    let (two, there) = (at(&repo, TWO), sent(&repo, TWO));
    for first in [true, false] {
        let ended = repo.run(&CLAUDE).expect(3);
        let why = "pull request #2 (part 2) was closed without being merged: reopen it to go on, or start again with --fresh";
        says(
            &ended,
            &format!("specs/work.md: nothing is built or sent: {why}"),
        );
        says(&ended, "PR #2 part 2, closed: .codelicious/prs/2.md");
        let repaired = "part 2: pull request #2 was closed without being merged";
        assert_eq!(
            ended.stderr.contains(&format!("repaired: {repaired}")),
            first
        );
        assert_eq!(
            (at(&repo, TWO), sent(&repo, TWO)),
            (two.clone(), there.clone())
        );
        let plan = repo.run(&["plan", "--json"]).expect(0).json();
        assert_eq!(plan["specs"][0]["not_built"], why, "{plan:#}");
        let status = repo.run(&["status", "--json"]).expect(0).json();
        let stopped = &status["specs"][0]["stopped"][0];
        assert_eq!(
            (&stopped["chunk"], &stopped["reason"]),
            (&json!("T005"), &json!(why)),
            "{status:#}"
        );
    }
    assert_eq!(repo.calls().len(), 4);

    set_state(&repo, 2, "ready");
    let ended = repo.run(&CLAUDE).expect(0);
    says(&ended, "part 2: pull request #2 is open again");
    assert!(between(&repo, "main", THREE).contains(&chunk(5)));
    assert!(
        pr(&repo, 2).contains("base: \"main\"\n"),
        "it was retargeted and moved"
    );
    assert_eq!(repo.asked_for().len(), 5);
}

#[test]
fn a_spec_whose_pull_request_was_closed_starts_again_when_asked_to() {
    let repo = built(2);
    set_state(&repo, 1, "closed");
    repo.run(&CLAUDE).expect(0);
    let old = sent(&repo, ONE);
    repo.run(&["--engine", "claude", "--fresh"]).expect(0);
    assert_eq!(repo.asked_for(), ["T001", "T002", "T001", "T002"]);
    assert_eq!(sent(&repo, ONE), old);
    assert_eq!(between(&repo, "main", TWO).len(), 3);
    assert!(pr(&repo, 1).contains("state: closed\n"));
    assert!(
        pr(&repo, 2).contains("base: \"main\"\n"),
        "{}",
        pr(&repo, 2)
    );
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 4);
    assert_eq!(sent(&repo, ONE), old);
}

#[test]
fn a_pull_request_that_is_merged_for_the_forge_alone_drops_nothing() {
    let repo = built(4);
    let (lane, one) = (at(&repo, LANE), sent(&repo, ONE));
    set_state(&repo, 1, "merged");
    let ended = repo.run(&CLAUDE).expect(0);
    says(&ended, "part 1: pull request #1 is merged");
    says(
        &ended,
        "part 1 is merged for the forge, but its marks do not stand on main as it is known here: later parts keep its commits until they do",
    );
    assert_eq!((at(&repo, LANE), sent(&repo, ONE)), (lane, one));
    assert!(pr(&repo, 2).contains("base: \"main\"\n"));
    merge(&repo, "merger", ONE, How::Squash);
    repo.run(&CLAUDE).expect(0);
    check_two_on_main(&repo, 4);
}

#[test]
fn a_pull_request_that_was_closed_after_its_work_was_merged_by_hand_is_merged() {
    let repo = built(4);
    merge(&repo, "merger", ONE, How::Squash);
    set_state(&repo, 1, "closed");
    let ended = repo.run(&CLAUDE).expect(0);
    says(&ended, "part 1: pull request #1 is merged");
    check_two_on_main(&repo, 4);
}

#[test]
fn what_people_wrote_around_our_part_of_a_pull_request_stays() {
    let repo = built(4);
    let theirs = pr(&repo, 2)
        .replace(&format!("base: \"{ONE}\""), "base: \"develop\"")
        .replace("---\n\n", "---\n\nPlease look at T003 first.\n\n")
        .replace("### Tasks", "### Chores")
        + "\nLooks good, @friend.\n";
    assert_eq!(theirs.matches("Chores").count(), 1);
    repo.write(".codelicious/prs/2.md", &theirs);
    repo.run(&CLAUDE).expect(0);
    let wanted = theirs
        .replace("base: \"develop\"", &format!("base: \"{ONE}\""))
        .replace("### Chores", "### Tasks");
    assert_eq!(pr(&repo, 2), wanted);
    merge(&repo, "merger", ONE, How::Squash);
    repo.run(&CLAUDE).expect(0);
    let text = pr(&repo, 2);
    for kept in ["Please look at T003 first.", "Looks good, @friend."] {
        assert_eq!(text.matches(kept).count(), 1, "{text}");
    }
    check_two_on_main(&repo, 4);
}

#[test]
fn a_pull_request_that_is_gone_is_made_again() {
    let repo = built(4);
    fs::remove_file(repo.root.join(".codelicious/prs/2.md")).unwrap();
    let ended = repo.run(&CLAUDE).expect(0);
    says(&ended, "part 2: pull request #2 is gone; it is made again");
    assert!(pr(&repo, 2).contains(&format!("head: \"{TWO}\"\n")));
    assert_eq!(repo.calls().len(), 4);
}

#[test]
fn pull_requests_are_found_again_without_a_ledger() {
    let repo = built(4);
    let before = (pr(&repo, 1), pr(&repo, 2));
    fs::remove_dir_all(repo.root.join(".codelicious/state")).unwrap();
    let ended = repo.run(&CLAUDE).expect(0);
    says(&ended, "part 1: found its pull request #1");
    says(&ended, "part 2: found its pull request #2");
    assert!(!repo.root.join(".codelicious/prs/3.md").exists());
    let base = |text: &str| text.lines().nth(3).map(str::to_owned);
    assert_eq!(
        (base(&pr(&repo, 1)), base(&pr(&repo, 2))),
        (base(&before.0), base(&before.1))
    );
    let numbers: Vec<_> = ledger(&repo)["prs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["number"].clone())
        .collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn a_person_who_says_ready_is_not_overruled() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(2, 2));
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [], "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "slow down"}}]}));
    repo.run(&CLAUDE).expect(6);
    assert!(pr(&repo, 1).contains("state: draft\n"));
    set_state(&repo, 1, "ready");
    let ended = repo.run(&CLAUDE).expect(6);
    says(&ended, "part 1: somebody declared pull request #1 ready");
    assert!(pr(&repo, 1).contains("state: ready\n"));
}

#[test]
fn a_forge_that_cannot_be_asked_is_unknown_and_nothing_is_concluded_from_it() {
    let repo = built(4);
    let before = refs(&repo);
    repo.write(".codelicious/prs/1.md", "not a pull request\n");
    let ended = repo.run(&CLAUDE).expect(0);
    says(
        &ended,
        &format!("the forge cannot say what became of {ONE}"),
    );
    says(&ended, "going on with what is known");
    assert_eq!(ledger(&repo)["prs"][0]["number"], 1);
    assert_eq!(refs(&repo), before);
}

// What became of branches.

#[test]
fn a_branch_that_was_deleted_here_is_made_again() {
    let repo = built(4);
    let two = at(&repo, TWO);
    repo.git(&["update-ref", "-d", &format!("refs/heads/{TWO}")]);
    let ended = repo.run(&CLAUDE).expect(0);
    says(&ended, &format!("the branch {TWO} was gone; it is at"));
    assert_eq!(at(&repo, TWO), two);
    repo.git(&[
        "update-ref",
        &format!("refs/heads/{TWO}"),
        &format!("{TWO}~1"),
    ]);
    let ended = repo.run(&CLAUDE).expect(0);
    says(
        &ended,
        &format!("the branch {TWO} lagged behind the lane; it is at"),
    );
    assert_eq!((at(&repo, TWO), repo.calls().len()), (two, 4));
}

#[test]
fn a_branch_that_was_deleted_on_the_remote_is_sent_again() {
    let repo = built(4);
    let two = sent(&repo, TWO);
    repo.git_in(
        &repo.origin,
        &["update-ref", "-d", &format!("refs/heads/{TWO}")],
    );
    let ended = repo.run(&CLAUDE).expect(0);
    says(
        &ended,
        &format!("the branch {TWO} is gone from the remote; it is sent again"),
    );
    assert_eq!((sent(&repo, TWO), repo.calls().len()), (two, 4));
}

#[test]
fn a_branch_that_is_behind_on_the_remote_is_sent_again() {
    let repo = built(4);
    let two = sent(&repo, TWO);
    repo.git_in(
        &repo.origin,
        &[
            "update-ref",
            &format!("refs/heads/{TWO}"),
            &format!("{TWO}~1"),
        ],
    );
    repo.run(&CLAUDE).expect(0);
    assert_eq!((sent(&repo, TWO), repo.calls().len()), (two, 4));
}

#[test]
fn a_branch_that_a_person_forced_elsewhere_is_left_alone_and_said() {
    let repo = built(4);
    let other = repo.fresh_clone("other");
    change(&other, "theirs.txt", "theirs", "By a person");
    other.git(&["push", "-q", "--force", "origin", &format!("HEAD:{TWO}")]);
    let theirs = sent(&repo, TWO);
    merge(&repo, "merger", ONE, How::Squash);
    let ended = repo.run(&CLAUDE).expect(1);
    says(
        &ended,
        &format!(
            "the branch {TWO} on the remote was moved by somebody else to {}: nothing there is overwritten, and what was built here is not sent until",
            &theirs[..10]
        ),
    );
    says(
        &ended,
        &format!("part 1 is on main, but part 2 is not moved there: somebody pushed to {TWO}"),
    );
    assert_eq!((sent(&repo, TWO), repo.calls().len()), (theirs, 4));
}

/// Author, date and trailers are ours, and yet a person changed it.
#[test]
fn a_commit_of_ours_that_a_person_amended_is_never_replaced() {
    let repo = built(4);
    merge(&repo, "merger", ONE, How::Squash);
    for amend in ["file", "message"] {
        let name = format!("other-{amend}");
        let other = repo.fresh_clone(&name);
        other.git(&["checkout", "-q", TWO]);
        if amend == "file" {
            fs::write(other.root.join("work/T004.txt"), "better\n").unwrap();
            other.git(&["commit", "-qa", "--amend", "--no-edit"]);
        } else {
            let message = other.git(&["log", "-1", "--format=%B"]);
            let message = message.replacen("Build piece 4", "Build the fourth piece", 1);
            other.git(&["commit", "-q", "--amend", "-m", &message]);
        }
        let was = sent(&repo, TWO);
        other.git(&["push", "-q", "--force", "origin", TWO]);
        let theirs = sent(&repo, TWO);
        let ended = repo.run(&CLAUDE).expect(1);
        assert_eq!(sent(&repo, TWO), theirs, "{amend}: {}", ended.stderr);
        says(
            &ended,
            &format!("the branch {TWO} on the remote was moved by somebody else"),
        );
        repo.git_in(
            &repo.origin,
            &["update-ref", &format!("refs/heads/{TWO}"), &was],
        );
    }
    repo.run(&CLAUDE).expect(0);
    check_two_on_main(&repo, 4);
}

#[test]
fn a_base_that_moved_without_our_work_moves_nothing_of_ours() {
    let repo = built(4);
    let (lane, one, two) = (at(&repo, LANE), sent(&repo, ONE), sent(&repo, TWO));
    let other = repo.fresh_clone("other");
    change(&other, "theirs.txt", "theirs", "By a person");
    other.git(&["push", "-q"]);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(at(&repo, LANE), lane);
    repo.write("specs/work.md", spec_of(5, 5));
    repo.run(&CLAUDE).expect(0);
    assert_eq!((sent(&repo, ONE), sent(&repo, TWO)), (one, two));
    assert_eq!(repo.asked_for().len(), 5);
    repo.git(&["merge-base", "--is-ancestor", &lane, THREE]);
}

#[test]
fn a_commit_of_ours_that_a_person_reverted_is_built_again() {
    let repo = built(2);
    let other = repo.fresh_clone("other");
    other.git(&["checkout", "-q", ONE]);
    other.git(&["revert", "--no-edit", "HEAD"]);
    other.git(&["push", "-q", "origin", ONE]);
    let ended = repo.run(&CLAUDE).expect(0);
    says(&ended, "T002: its mark was taken away; it is open again");
    assert_eq!(repo.asked_for(), ["T001", "T002", "T002"]);
    let text = repo.git_in(&repo.origin, &["show", &format!("{ONE}:work/T002.txt")]);
    assert_eq!(text, "Build piece 2");
    assert!(!spec_at(&repo, ONE).contains("- [ ]"));
}

// What became of a lane's folder, and refs that are somebody's to keep.

#[test]
fn a_lanes_folder_that_is_gone_or_half_made_is_made_anew() {
    let admin = |repo: &Repo| repo.root.join(".git/worktrees/specs-work");
    type Damage<'a> = (&'a str, &'a dyn Fn(&Repo));
    let damages: [Damage<'_>; 5] = [
        ("no folder", &|repo| {
            fs::remove_dir_all(&repo.lanes()[0]).unwrap()
        }),
        ("no cache", &|repo| {
            fs::remove_dir_all(repo.base().join("cache/codelicious")).unwrap()
        }),
        ("no admin folder", &|repo| {
            fs::remove_dir_all(admin(repo)).unwrap()
        }),
        ("no index", &|repo| {
            for name in ["index", "codelicious-index"] {
                fs::remove_file(admin(repo).join(name)).unwrap();
            }
        }),
        ("an empty folder", &|repo| {
            let lane = repo.lanes()[0].clone();
            fs::remove_dir_all(&lane).unwrap();
            fs::create_dir(&lane).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let repo = built(2);
        let before = repo.users_things();
        damage(&repo);
        repo.write("specs/work.md", spec_of(3, 3));
        let changed = repo.users_things();
        assert_ne!(changed, before);
        repo.run(&CLAUDE).expect(0);
        assert!(between(&repo, ONE, TWO).contains(&chunk(3)), "{what}");
        assert_eq!(repo.asked_for(), ["T001", "T002", "T003"], "{what}");
        assert_eq!(repo.users_things(), changed, "{what}");
    }
}

#[test]
fn work_that_was_set_aside_stays_where_it_is() {
    let repo = built(4);
    let kept = "refs/codelicious/attempts/specs-work/T003/1";
    repo.git(&["update-ref", kept, "main"]);
    let was = at(&repo, kept);
    merge(&repo, "merger", ONE, How::Squash);
    repo.write("specs/work.md", spec_of(5, 5));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(at(&repo, kept), was);
    let all = repo.git(&[
        "for-each-ref",
        "--format=%(refname)",
        "refs/codelicious/attempts",
    ]);
    assert_eq!(all, kept);
    assert_eq!(repo.asked_for().len(), 5);
}

#[test]
fn a_spec_that_is_committed_and_pulled_again_is_restacked_all_the_same() {
    let repo = Repo::new();
    repo.write("codelicious.toml", SETTINGS);
    repo.write("specs/work.md", spec_of(4, 4));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "A spec"]);
    repo.git(&["push", "-q"]);
    repo.run(&CLAUDE).expect(0);
    merge(&repo, "merger", ONE, How::Squash);
    repo.git(&["pull", "-q"]);
    let before = repo.users_things();
    repo.run(&CLAUDE).expect(0);
    check_two_on_main(&repo, 4);
    assert_eq!(repo.users_things(), before);
    merge(&repo, "second", TWO, How::Rebase);
    repo.git(&["pull", "-q"]);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 4);
    assert!(!repo.read("specs/work.md").contains("- [ ]"));
}

#[test]
fn without_a_remote_parts_are_restacked_here() {
    let repo = Repo::new();
    repo.write("codelicious.toml", SETTINGS);
    repo.write("specs/work.md", spec_of(4, 4));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "A spec"]);
    repo.git(&["remote", "remove", "origin"]);
    repo.run(&CLAUDE).expect(0);
    repo.git(&["merge", "-q", "--squash", ONE]);
    repo.git(&["commit", "-qm", "Squashed"]);
    let ended = repo.run(&CLAUDE).expect(0);
    says(&ended, "part 1 is on main: part 2 is moved there");
    let chunks: Vec<_> = repo.commits(TWO).into_iter().map(|(_, c)| c).collect();
    assert_eq!(chunks, [Some("T003".to_owned()), Some("T004".to_owned())]);
    assert!(pr(&repo, 2).contains("base: \"main\"\n"));
    assert_eq!(repo.calls().len(), 4);
}

#[test]
fn a_signed_series_is_restacked_without_signatures_and_that_is_said() {
    let repo = built(4);
    repo.git(&["config", "commit.gpgsign", "true"]);
    repo.git(&["config", "gpg.program", "/bin/false"]);
    merge(&repo, "merger", ONE, How::Squash);
    let ended = repo.run(&CLAUDE).expect(0);
    says(
        &ended,
        "the commits that were moved are not signed any more",
    );
    check_two_on_main(&repo, 4);
}

#[test]
fn deletions_renames_and_modes_are_replayed_as_they_were() {
    let repo = Repo::new();
    repo.write("codelicious.toml", SETTINGS);
    repo.write("old name.txt", "one\ntwo\nthree\n");
    repo.write("gone.txt", "gone\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "Files"]);
    repo.git(&["push", "-q"]);
    repo.write("specs/work.md", spec_of(3, 3));
    repo.fake(&json!({"rules": [{"chunk": "T003", "steps": [
        {"delete": "gone.txt"},
        {"rename": {"from": "old name.txt", "to": "néw.txt"}},
        {"write": {"path": "run.sh", "text": "#!/bin/sh\n"}},
        {"chmod": {"path": "run.sh", "mode": "755"}},
        {"symlink": {"path": "link", "to": "run.sh"}}]}]}));
    repo.run(&CLAUDE).expect(0);
    let files = |rev: &str| {
        repo.git_in(
            &repo.origin,
            &[
                "diff-tree",
                "-r",
                &format!("{rev}~1"),
                rev,
                "--",
                ".",
                ":!specs",
            ],
        )
    };
    let before = files(TWO);
    assert_eq!(before.lines().count(), 5, "{before}");
    merge(&repo, "merger", ONE, How::Squash);
    let old = sent(&repo, TWO);
    repo.run(&CLAUDE).expect(0);
    assert_ne!(sent(&repo, TWO), old);
    assert_eq!(files(TWO), before);
}

#[test]
fn a_spec_that_is_stacked_on_one_that_was_squash_merged_follows() {
    let repo = Repo::new();
    repo.write("specs/a.md", "- [ ] A001 One\n- [ ] A002 Two\n");
    repo.write(
        "specs/b.md",
        "---\ndepends_on: [a]\n---\n- [ ] B001 One\n- [ ] B002 Two\n",
    );
    repo.run(&CLAUDE).expect(0);
    let (a, b) = ("codelicious/specs-a", "codelicious/specs-b");
    let plan = repo.run(&["plan", "--json"]).expect(0).json();
    assert_eq!(plan["warnings"], json!([]), "{plan:#}");
    assert_eq!(between(&repo, a, b).len(), 3);
    merge(&repo, "merger", a, How::Squash);
    let ended = repo.run_with(
        &CLAUDE,
        &[("CODELICIOUS_CRASH", "kill@restack.after_effect")],
    );
    assert_eq!(ended.code, 137, "{}", ended.stderr);
    repo.run(&CLAUDE).expect(0);
    let names: Vec<String> = between(&repo, "main", b)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["[specs-b] Sync the spec", "B001", "B002"]);
    assert_eq!(sent(&repo, b), at(&repo, b));
    assert!(
        pr(&repo, 2).contains("base: \"main\"\n"),
        "{}",
        pr(&repo, 2)
    );
    assert_eq!(repo.calls().len(), 4);
    let spec = repo.git_in(&repo.origin, &["show", &format!("{b}:specs/b.md")]);
    assert!(!spec.contains("- [ ]"), "{spec}");
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 4);
}

#[test]
fn a_spec_that_is_stacked_on_one_that_was_restacked_follows() {
    let repo = Repo::new();
    repo.write("codelicious.toml", SETTINGS);
    repo.git(&["commit", "-qam", "Two a pull request"]);
    repo.git(&["push", "-q"]);
    repo.write(
        "specs/a.md",
        "- [ ] A001 One\n- [ ] A002 Two\n- [ ] A003 Three\n",
    );
    repo.write("specs/b.md", "---\ndepends_on: [a]\n---\n- [ ] B001 One\n");
    repo.run(&CLAUDE).expect(0);
    let (a1, a2, b) = (
        "codelicious/specs-a",
        "codelicious/specs-a-part-2",
        "codelicious/specs-b",
    );
    merge(&repo, "merger", a1, How::Squash);
    repo.run(&CLAUDE).expect(0);
    let names = |below: &str, above: &str| -> Vec<String> {
        between(&repo, below, above)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    };
    assert_eq!(names("main", a2), ["A003"]);
    assert_eq!(names(a2, b), ["[specs-b] Sync the spec", "B001"]);
    assert_eq!(repo.calls().len(), 4);
}
