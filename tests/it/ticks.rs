//! What is a task, and that exactly its box is ticked, in the commit that holds its work.

use crate::support::{Ended, Repo};
use serde_json::{Value, json};
use std::process::Command;

const BRANCH: &str = "codelicious/specs-work";
const CLAUDE: [&str; 2] = ["--engine", "claude"];

/// A file's bytes in a commit.
fn blob(repo: &Repo, rev: &str) -> Vec<u8> {
    let output = Command::new("git")
        .args(["cat-file", "blob", &format!("{rev}:specs/work.md")])
        .current_dir(&repo.root)
        .output()
        .expect("git starts");
    assert!(output.status.success(), "{rev} has no spec");
    output.stdout
}

/// Titles of the plan's tasks that are to be built, in order.
fn planned(repo: &Repo) -> Vec<String> {
    let plan = repo.run(&["plan", "--json"]).expect(0).json();
    let chunks = plan["specs"][0]["chunks"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let title = |c: &Value| c["title"].as_str().unwrap_or_default().to_owned();
    chunks.iter().map(title).collect()
}

/// Builds a spec and checks that every commit holds its work and one byte of the spec, its own tick, and one more for
/// each group that lacked nothing else. Gives the repository, and the lines of the spec in the order in which they were
/// ticked, each with the groups around it, innermost first.
#[track_caller]
fn built(text: impl AsRef<[u8]>) -> (Repo, Vec<String>) {
    let repo = Repo::new();
    repo.write("specs/work.md", text.as_ref());
    repo.run(&CLAUDE).expect(0);
    let ticked = ticked(&repo, text.as_ref());
    let calls = repo.calls().len();
    assert!(calls > 0 && calls <= ticked.len());
    assert_eq!(
        std::fs::read(repo.root.join("specs/work.md")).expect("there"),
        text.as_ref(),
        "the user's copy stays"
    );
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), calls, "a second run builds nothing");
    (repo, ticked)
}

#[track_caller]
fn ticked(repo: &Repo, text: &[u8]) -> Vec<String> {
    let head = repo.git(&["rev-list", "--reverse", &format!("main..{}", last(repo))]);
    let mut commits = head.lines();
    let sync = commits.next().expect("a sync commit");
    assert_eq!(blob(repo, sync), text, "synced as it is");
    let mut ticked = Vec::new();
    for commit in commits {
        let (old, new) = (blob(repo, &format!("{commit}~1")), blob(repo, commit));
        assert_eq!(old.len(), new.len());
        let at: Vec<usize> = (0..old.len()).filter(|&i| old[i] != new[i]).collect();
        assert!(!at.is_empty(), "{:?}", String::from_utf8_lossy(&new));
        for &at in at.iter().rev() {
            assert_eq!((old[at], new[at]), (b' ', b'x'));
            let start = old[..at].iter().rposition(|b| *b == b'\n');
            let start = start.map_or(0, |i| i + 1);
            let end = old[start..].iter().position(|b| *b == b'\n');
            let end = end.map_or(old.len(), |i| start + i);
            ticked.push(String::from_utf8_lossy(&old[start..end]).trim().to_owned());
        }
        let files = repo.git(&["diff-tree", "--no-commit-id", "--name-only", "-r", commit]);
        let work: Vec<&str> = files.lines().filter(|f| f.starts_with("work/")).collect();
        assert_eq!(work.len(), 1, "the tick is in its work's commit: {files}");
    }
    ticked
}

/// The last branch of the series.
fn last(repo: &Repo) -> String {
    let heads = repo.git(&[
        "for-each-ref",
        "--sort=version:refname",
        "--format=%(refname:short)",
        "refs/heads/codelicious",
    ]);
    heads.lines().last().expect("a branch").to_owned()
}

#[test]
fn a_title_inside_another_title_ticks_its_own_box() {
    let (_, lines) =
        built("- [ ] Add login endpoint tests\n- [ ] Add login\n- [ ] Add login endpoint\n");
    assert_eq!(
        lines,
        [
            "- [ ] Add login endpoint tests",
            "- [ ] Add login",
            "- [ ] Add login endpoint"
        ]
    );
}

#[test]
fn equal_titles_are_built_one_by_one() {
    let (repo, lines) =
        built("## One\n\n- [ ] Write tests\n- [ ] Write tests\n\n## Two\n\n- [ ] Write tests\n");
    assert_eq!(lines.len(), 3);
    let mut ids = repo.asked_for();
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
}

#[test]
fn long_titles_are_cut_in_the_subject_only() {
    let long = "Implement the whole of the thing that has a name which goes on and on for far more than seventy-two characters";
    let (repo, lines) = built(format!("- [ ] {long}\n- [ ] {long} twice\n"));
    assert_eq!(lines.len(), 2);
    for (subject, _) in repo.commits(BRANCH) {
        assert!(subject.chars().count() <= 72, "{subject}");
    }
    let body = repo
        .git(&["log", "-1", "--format=%B", BRANCH])
        .replace('\n', " ");
    assert!(body.contains(&format!("{long} twice")), "{body}");
    assert_eq!(repo.calls()[0]["title"], long);
}

#[test]
fn boxes_of_every_kind_of_list_are_built() {
    let (_, lines) = built(
        "* [ ] star\n\n+ [ ] plus\n\n- [ ] dash\n\n1. [ ] dot\n2. [ ] dot again\n\n1) [ ] bracket\n",
    );
    assert_eq!(
        lines,
        [
            "* [ ] star",
            "+ [ ] plus",
            "- [ ] dash",
            "1. [ ] dot",
            "2. [ ] dot again",
            "1) [ ] bracket"
        ]
    );
}

#[test]
fn nested_boxes_are_built_from_the_innermost() {
    let (repo, lines) = built(
        "- [ ] parent\n  - [ ] child one\n    - [ ] grandchild\n  - [ ] child two\n- [ ] other\n",
    );
    // A box around others says what they are for; it is done when they are.
    assert_eq!(
        lines,
        [
            "- [ ] grandchild",
            "- [ ] child one",
            "- [ ] child two",
            "- [ ] parent",
            "- [ ] other"
        ]
    );
    assert_eq!(repo.calls().len(), 3, "groups are not built");
    let prompt = repo.calls()[0]["prompt"].as_str().expect("text").to_owned();
    assert!(
        prompt.contains("parent") && prompt.contains("child one"),
        "{prompt}"
    );
}

#[test]
fn what_only_looks_like_a_box_is_neither_built_nor_ticked() {
    let (repo, lines) = built(
        "# Work\n\n```\n- [ ] in a fence\n```\n\n~~~md\n- [ ] in tildes\n~~~\n\n<!--\n- [ ] in a comment\n-->\n\n> - [ ] in a quote\n\ntext\n\n    - [ ] indented code\n\n- [ ]\n- [ ] real\n  ```\n  - [ ] fenced below it\n  ```\n- [x] done\n- [ ] real too\n",
    );
    assert_eq!(lines, ["- [ ] real", "- [ ] real too"]);
    assert_eq!(planned(&repo), ["real", "done", "real too"]);
}

#[test]
fn text_and_code_below_a_box_reach_the_prompt() {
    let (repo, lines) = built(
        "# App\n\nStory of the app.\n\n- [ ] Add it\n  in two lines\n\n  More words about it.\n\n  ```rust\n  fn wanted() -> u32;\n  ```\n- [ ] Other\n",
    );
    assert_eq!(lines.len(), 2);
    let prompt = repo.calls()[0]["prompt"].as_str().expect("text").to_owned();
    for wanted in [
        "in two lines",
        "More words about it.",
        "fn wanted() -> u32;",
    ] {
        assert!(prompt.contains(wanted), "{wanted}: {prompt}");
    }
    let other = repo.calls()[1]["prompt"].as_str().expect("text").to_owned();
    assert!(!other.contains("fn wanted()"), "{other}");
}

#[test]
fn line_ends_marks_and_tabs_stay_as_they_are() {
    let (_, lines) = built(
        "\u{feff}# Work\r\n\r\n- [ ] one\r\n-\t[ ]\ttwo\r\n\t- [ ] nested by a tab\r\n\r\nTitle\r\n=====\r\n\r\n- [ ] below setext\r\n- [ ] no line end",
    );
    assert_eq!(
        lines,
        [
            "- [ ] one",
            "- [ ] nested by a tab",
            "-\t[ ]\ttwo",
            "- [ ] below setext",
            "- [ ] no line end"
        ]
    );
}

#[test]
fn two_hundred_and_fifty_boxes_are_all_planned() {
    let repo = Repo::new();
    let text: String = (1..=250)
        .map(|i| format!("- [ ] Build piece number {i}\n"))
        .collect();
    repo.write("specs/work.md", text);
    let titles = planned(&repo);
    assert_eq!(titles.len(), 250);
    assert_eq!(titles[249], "Build piece number 250");
}

#[test]
fn list_numbers_that_repeat_or_shift_are_no_ids() {
    let (repo, lines) = built(
        "1. [ ] alpha\n1. [ ] beta\n1. [ ] gamma\n\n## Again\n\n1. [ ] delta\n2. [ ] epsilon\n",
    );
    assert_eq!(lines.len(), 5);
    // The user renumbers and inserts one on top; the marks are the lane's.
    repo.write(
        "specs/work.md",
        "1. [ ] zeta\n2. [ ] alpha\n3. [ ] beta\n4. [ ] gamma\n\n## Again\n\n5. [ ] delta\n6. [ ] epsilon\n",
    );
    repo.run(&CLAUDE).expect(0);
    let titles: Vec<String> = repo
        .calls()
        .iter()
        .map(|c| c["title"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        titles,
        ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]
    );
    let spec = repo.git(&["show", &format!("{}:specs/work.md", last(&repo))]);
    assert_eq!(
        spec,
        "1. [x] zeta\n2. [x] alpha\n3. [x] beta\n4. [x] gamma\n\n## Again\n\n5. [x] delta\n6. [x] epsilon"
    );
}

#[test]
fn prose_is_built_only_when_it_is_named() {
    let repo = Repo::new();
    let text =
        "# App\n\nWhat it is for.\n\n## Login\n\nPeople log in.\n\n## Logout\n\nPeople log out.\n";
    repo.write("specs/work.md", text);
    repo.run(&CLAUDE).expect(0);
    assert!(repo.calls().is_empty());
    let named = ["--engine", "claude", "--spec", "specs/work.md"];
    repo.run(&named).expect(0);
    let n = repo.calls().len();
    let titles: Vec<String> = repo
        .calls()
        .iter()
        .map(|c| c["title"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(
        titles.ends_with(&["Login".to_owned(), "Logout".to_owned()]),
        "{titles:?}"
    );
    let spec = repo.git(&["show", &format!("{BRANCH}:specs/work.md")]);
    assert!(
        spec.contains("## Login <!-- codelicious: done -->\n\nPeople log in."),
        "{spec}"
    );
    assert!(
        spec.contains("## Logout <!-- codelicious: done -->"),
        "{spec}"
    );
    for i in 0..n {
        let rev = format!("{BRANCH}~{i}");
        let files = repo.git(&["diff-tree", "--no-commit-id", "--name-only", "-r", &rev]);
        assert!(
            files.contains("specs/work.md") && files.contains("work/"),
            "{files}"
        );
    }
    repo.run(&named).expect(0);
    assert_eq!(repo.calls().len(), n);
    assert_eq!(repo.read("specs/work.md"), text);
}

fn other_specs_go_on(repo: &Repo, wanted: &[&str]) -> Ended {
    repo.write("specs/good.md", "- [ ] G001 Good\n");
    let ended = repo.run(&CLAUDE).expect(2);
    for part in wanted {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    assert_eq!(repo.asked_for(), ["G001"], "{}", ended.stderr);
    assert_eq!(repo.commits("codelicious/specs-good").len(), 2);
    ended
}

#[test]
fn a_spec_that_is_not_utf8_is_an_error_with_a_line_and_others_go_on() {
    let repo = Repo::new();
    repo.write("specs/work.md", b"# Work\n\n- [ ] caf\xe9\n");
    other_specs_go_on(&repo, &["specs/work.md:3", "UTF-8"]);
}

#[test]
fn a_spec_over_the_size_bound_is_an_error_and_others_go_on() {
    let repo = Repo::new();
    let mut text = "- [ ] One\n".to_owned();
    text.push_str(&"A long line of words that goes on.\n".repeat(600_000));
    repo.write("specs/work.md", text);
    other_specs_go_on(&repo, &["specs/work.md"]);
}

#[test]
fn a_spec_of_more_than_a_mebibyte_is_built() {
    let repo = Repo::new();
    let mut text = "- [ ] One\n\n## Background\n\n".to_owned();
    text.push_str(&"A long line of words that goes on.\n".repeat(40_000));
    assert!(text.len() > 1 << 20);
    repo.write("specs/work.md", &text);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(ticked(&repo, text.as_bytes()), ["- [ ] One"]);
}

#[test]
fn a_task_of_180_kilobytes_of_japanese_reaches_the_engine_whole() {
    let repo = Repo::new();
    let line = "  この行は仕様の一部であり、すべて読まれなければならない。\n";
    let body: String = line.repeat(180 * 1024 / line.len() + 1);
    let text = format!("- [ ] 日本語の仕事\n\n{body}\n- [ ] 次の仕事\n");
    repo.write("specs/work.md", &text);
    repo.run(&CLAUDE).expect(0);
    let calls = repo.calls();
    let told: usize = calls
        .iter()
        .map(|c| {
            c["prompt"]
                .as_str()
                .unwrap_or_default()
                .matches("すべて読まれなければならない")
                .count()
        })
        .sum();
    assert!(
        told >= body.lines().count(),
        "{told} of {} lines reached the engine",
        body.lines().count()
    );
    for call in &calls {
        assert!(
            call["argv"].to_string().len() < 16 * 1024,
            "the prompt travels as an argument"
        );
    }
    let spec = repo.git(&["show", &format!("{}:specs/work.md", last(&repo))]);
    assert!(spec.starts_with("- [x] 日本語の仕事"), "{}", &spec[..200]);
    assert!(spec.ends_with("- [x] 次の仕事"));
}

/// The engine does this to the spec beside its work; only our ticks may stay, with and without hooks.
#[track_caller]
fn only_our_ticks_stay(step: &Value) {
    only_our_ticks_stay_in(&Repo::new(), step);
    let hooked = Repo::new();
    hooked.script(
        &hooked.root.join(".git/hooks/pre-commit"),
        "#!/bin/sh\nexit 0\n",
    );
    only_our_ticks_stay_in(&hooked, step);
    for lane in hooked.lanes() {
        assert!(!lane.with_file_name("elsewhere/work.md").exists());
    }
}

#[track_caller]
fn only_our_ticks_stay_in(repo: &Repo, step: &Value) {
    let text = "# Work\n\n- [ ] T001 One\n- [ ] T002 Two\n- [ ] T003 Three\n\nThe end.\n";
    repo.write("specs/work.md", text);
    let write = json!({"write": {"path": "work/{chunk}.txt", "text": "{title}\n"}});
    repo.fake(&json!({"default": {"steps": [write, step]}}));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(
        ticked(repo, text.as_bytes()),
        ["- [ ] T001 One", "- [ ] T002 Two", "- [ ] T003 Three"]
    );
    assert_eq!(repo.asked_for(), ["T001", "T002", "T003"]);
}

#[test]
fn an_engine_that_ticks_every_box_ticks_none() {
    only_our_ticks_stay(&json!({"run": "sed -i 's/\\[ \\]/[x]/' specs/work.md"}));
}

#[test]
fn an_engine_that_rewrites_the_spec_changes_nothing_in_it() {
    only_our_ticks_stay(
        &json!({"write": {"path": "specs/work.md", "text": "# Nothing to do\n\n- [x] All of it\n"}}),
    );
}

#[test]
fn an_engine_that_deletes_the_spec_deletes_nothing() {
    only_our_ticks_stay(&json!({"run": "rm -rf specs"}));
}

#[test]
fn an_engine_that_makes_a_folder_of_the_spec_changes_nothing() {
    only_our_ticks_stay(
        &json!({"run": "rm -f specs/work.md; mkdir -p specs/work.md; echo x > specs/work.md/x"}),
    );
}

#[test]
fn an_engine_that_puts_a_file_in_place_of_the_specs_folder_changes_nothing() {
    only_our_ticks_stay(&json!({"run": "rm -rf specs; echo x > specs"}));
}

#[test]
fn an_engine_that_links_the_specs_folder_elsewhere_changes_nothing() {
    only_our_ticks_stay(
        &json!({"run": "mkdir -p ../elsewhere; rm -rf specs; ln -s ../elsewhere specs"}),
    );
}

#[test]
fn an_engine_that_commits_its_ticks_ticks_none() {
    only_our_ticks_stay(
        &json!({"run": "sed -i 's/\\[ \\]/[x]/' specs/work.md; git add -A; git commit -qm 'All done'"}),
    );
}

#[test]
fn an_engine_that_ticks_the_users_copy_ticks_none_in_the_lane() {
    let repo = Repo::new();
    let text = "- [ ] T001 One\n- [ ] T002 Two\n";
    repo.write("specs/work.md", text);
    let copy = repo.root.join("specs/work.md");
    let line = format!("sed -i 's/\\[ \\]/[x]/' {}", copy.display());
    let write = json!({"write": {"path": "work/{chunk}.txt", "text": "{title}\n"}});
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [write.clone(), {"run": line}]}], "default": {"steps": [write]}}));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(
        ticked(&repo, text.as_bytes()),
        ["- [ ] T001 One", "- [ ] T002 Two"]
    );
}

#[test]
fn an_engine_that_only_ticks_has_done_nothing() {
    let repo = Repo::new();
    repo.write("specs/work.md", "- [ ] T001 One\n");
    repo.fake(&json!({"default": {"steps": [{"run": "sed -i 's/\\[ \\]/[x]/' specs/work.md"}]}}));
    let ended = repo.run(&CLAUDE).expect(3);
    assert!(ended.stderr.contains("changed nothing"), "{}", ended.stderr);
}

#[test]
fn a_box_that_a_person_ticks_is_done_and_one_they_open_is_built_again() {
    let repo = Repo::new();
    repo.write("specs/work.md", "- [x] T001 One\n- [ ] T002 Two\n");
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.asked_for(), ["T002"]);
}
