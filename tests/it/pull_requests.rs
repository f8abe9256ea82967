//! What pull requests hold and say over a series' life, with pull requests as files that a person edits.

use crate::reconcile::{How, merge};
use crate::support::{Ended, Repo, spec_of};
use serde_json::json;

const CLAUDE: [&str; 2] = ["--engine", "claude"];
const ONE: &str = "codelicious/specs-work";
const TWO: &str = "codelicious/specs-work-part-2";

/// A repository with these lines below `[pr]`, and a check that always passes.
fn with(pr: &str) -> Repo {
    let repo = Repo::new();
    let settings = format!("[verify]\ncommands = [\"sh check.sh\"]\n[pr]\n{pr}");
    repo.write("codelicious.toml", settings);
    repo.git(&["commit", "-qam", "Settings"]);
    repo.git(&["push", "-q"]);
    repo
}

fn pr(repo: &Repo, n: u32) -> String {
    repo.read(&format!(".codelicious/prs/{n}.md"))
}

fn count(repo: &Repo) -> usize {
    let there = |n: &u32| repo.root.join(format!(".codelicious/prs/{n}.md")).exists();
    (1..50).take_while(there).count()
}

#[track_caller]
fn says(ended: &Ended, words: &str) {
    let all: Vec<&str> = ended.stderr.split_whitespace().collect();
    let all = all.join(" ");
    assert!(all.contains(words), "{words:?}:\n{}", ended.stderr);
}

/// A file of so many lines.
fn lines(n: usize) -> String {
    (0..n).map(|i| format!("line {i}\n")).collect()
}

#[test]
fn a_chunk_or_a_whole_spec_can_be_a_pull_request() {
    for (mode, parts) in [("chunk", 3), ("spec", 1)] {
        let repo = with(&format!("mode = \"{mode}\"\nmax_commits = 2\n"));
        repo.write("specs/work.md", spec_of(3, 3));
        let plan = repo.run(&["plan", "--json"]).expect(0).json();
        let forecast = plan["specs"][0]["parts"].as_array().unwrap().len();
        repo.run(&CLAUDE).expect(0);
        assert_eq!((forecast, count(&repo)), (parts, parts), "{mode}");
        for n in 1..=parts {
            assert!(pr(&repo, u32::try_from(n).unwrap()).contains("state: ready\n"));
        }
    }
}

#[test]
fn lock_files_and_what_is_generated_do_not_count() {
    let repo = with("max_lines = 50\nuncounted = [\"/tables/**\"]\n");
    repo.write(
        ".gitattributes",
        "*.gen linguist-generated\nyarn.lock -linguist-generated\n",
    );
    repo.git(&["add", ".gitattributes"]);
    repo.git(&["commit", "-qm", "Say what is generated"]);
    repo.git(&["push", "-q"]);
    repo.write("specs/work.md", spec_of(4, 4));
    repo.fake(&json!({"rules": [
        {"chunk": "T001", "steps": [{"write": {"path": "Cargo.lock", "text": lines(600)}}, {"write": {"path": "a.txt", "text": lines(2)}}]},
        {"chunk": "T002", "steps": [{"write": {"path": "tables/big.csv", "text": lines(600)}}]},
        {"chunk": "T003", "steps": [{"write": {"path": "x.gen", "text": lines(600)}}]},
        {"chunk": "T004", "steps": [{"write": {"path": "yarn.lock", "text": lines(49)}}]},
    ]}));
    let ended = repo.run(&CLAUDE).expect(0);
    assert!(
        !ended.stderr.contains("above the bound"),
        "{}",
        ended.stderr
    );
    let first = pr(&repo, 1);
    assert!(
        first.contains("Not counted: 1800 lines in lock files and generated files."),
        "{first}"
    );
    assert!(first.contains("| +2 −0 |"), "{first}");
    assert!(
        pr(&repo, 2).contains("`T004`"),
        "the repository says that this one counts"
    );
    // Counted from the commits alone it is the same.
    std::fs::remove_dir_all(repo.root.join(".codelicious/state")).unwrap();
    repo.write("specs/work.md", spec_of(5, 5));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(count(&repo), 2);
    assert!(pr(&repo, 2).contains("`T005`"), "{}", pr(&repo, 2));
}

#[test]
fn a_task_that_is_larger_than_a_pull_request_has_one_of_its_own_and_says_so() {
    let repo = with("max_lines = 50\n");
    repo.write("specs/work.md", spec_of(3, 3));
    repo.fake(&json!({"rules": [
        {"chunk": "T002", "steps": [{"write": {"path": "large.txt", "text": lines(612)}}]},
    ]}));
    let ended = repo.run(&CLAUDE).expect(0);
    says(
        &ended,
        "612 changed lines in one task, above the bound of 50 (`[pr] max_lines`): it has a pull request of its own",
    );
    assert_eq!(count(&repo), 3);
    let second = pr(&repo, 2);
    assert!(
        second.contains(
            "**large**: `T002` is one task alone: 612 changed lines, above the bound of 50."
        ),
        "{second}"
    );
    assert!(!pr(&repo, 1).contains("**large**") && !pr(&repo, 3).contains("**large**"));
}

#[test]
fn neighbours_are_named_both_ways_and_stay_right_when_one_is_merged() {
    let repo = with("max_commits = 2\n");
    repo.write("specs/work.md", spec_of(4, 4));
    repo.run(&CLAUDE).expect(0);
    assert!(
        pr(&repo, 1).contains("- Goes on in part 2, "),
        "{}",
        pr(&repo, 1)
    );
    assert!(
        pr(&repo, 1).contains("(`.codelicious/prs/2.md`)\n"),
        "{}",
        pr(&repo, 1)
    );
    let builds_upon = "(`.codelicious/prs/1.md`): review and merge that first\n";
    assert!(pr(&repo, 2).contains(builds_upon), "{}", pr(&repo, 2));
    merge(&repo, "merger", ONE, How::Squash);
    repo.run(&CLAUDE).expect(0);
    let second = pr(&repo, 2);
    assert!(second.contains("base: \"main\"\n"), "{second}");
    assert!(
        second.contains("- Follows part 1, ")
            && second.contains("(`.codelicious/prs/1.md`), which is merged\n"),
        "{second}"
    );
    assert!(!second.contains("review and merge that first"), "{second}");
    merge(&repo, "again", TWO, How::Squash);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 4, "what is finished is not built again");
}

#[test]
fn the_spec_s_own_words_stand_first_and_close_what_they_say() {
    let repo = with("max_commits = 2\n");
    repo.write(
        "specs/work.md",
        "# Greeter\n\nSays hello to *people*. Closes #9.\n\n- [ ] T001 Say hello (fixes #4)\n- [ ] T002 Say `closes #5` to somebody\n- [ ] T003 Say goodbye, see #6\n",
    );
    repo.run(&CLAUDE).expect(0);
    let (first, second) = (pr(&repo, 1), pr(&repo, 2));
    assert!(
        first.contains("> Says hello to people. C\u{200b}loses #\u{200b}9.\n"),
        "{first}"
    );
    let closing = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|l| l.starts_with("Closes "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(closing(&first), ["Closes #4"]);
    assert_eq!(closing(&second), ["Closes #9"], "with the last of it");
    for text in [first, second] {
        for number in [5, 6] {
            assert!(
                !text.contains(&format!("#{number}")) || text.contains("`closes #5`"),
                "{text}"
            );
        }
    }
}

#[test]
fn without_a_ledger_it_is_known_that_the_work_was_verified() {
    let repo = with("max_commits = 2\n");
    repo.write("specs/work.md", spec_of(3, 3));
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "slow down"}}]}));
    repo.run(&CLAUDE).expect(6);
    assert!(pr(&repo, 1).contains("state: draft\n"));
    let log = repo.git(&[
        "log",
        "-1",
        "--format=%(trailers:key=Codelicious-Verdict,valueonly)",
        ONE,
    ]);
    assert_eq!(log.trim(), "regression_only");
    std::fs::remove_dir_all(repo.root.join(".codelicious/state")).unwrap();
    repo.fake(&json!({}));
    repo.run(&CLAUDE).expect(0);
    for n in [1, 2] {
        assert!(pr(&repo, n).contains("state: ready\n"), "{}", pr(&repo, n));
        assert!(!pr(&repo, n).contains("**unknown**"), "{}", pr(&repo, n));
    }
}

#[test]
fn a_pull_request_of_which_nobody_knows_how_it_was_verified_stays_a_draft() {
    let repo = with("max_commits = 2\n");
    repo.write("specs/work.md", spec_of(2, 2));
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "slow down"}}]}));
    repo.run(&CLAUDE).expect(6);
    // Somebody words the first commit anew, on another machine.
    let message = "[specs-work] Build piece 1\n\nCodelicious-Spec: specs-work\nCodelicious-Chunk: T001\nCodelicious-Part: 1\n";
    let tree = repo.git(&["rev-parse", &format!("{ONE}^{{tree}}")]);
    let parent = repo.git(&["rev-parse", &format!("{ONE}^")]);
    let worded = repo.git(&["commit-tree", &tree, "-p", &parent, "-m", message]);
    repo.git(&[
        "push",
        "-qf",
        "origin",
        &format!("{worded}:refs/heads/{ONE}"),
    ]);
    repo.fake(&json!({}));
    let clone = repo.fresh_clone("fresh");
    let ended = clone.run(&CLAUDE).expect(0);
    let text = std::fs::read_to_string(clone.root.join(".codelicious/prs/1.md")).unwrap();
    assert!(text.contains("state: draft\n"), "{text}\n{}", ended.stderr);
    assert!(
        text.contains("**unknown**: how `T001` was verified is not known here"),
        "{text}"
    );
    let ended = clone.run(&CLAUDE).expect(0);
    says(
        &ended,
        "how T001 was verified is not known here, so the pull request of part 1 stays a draft",
    );
}
