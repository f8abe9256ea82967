//! Bad input gets a clear error and loses nothing: what is said on stdout and stderr, and the exit code.

use crate::support::{Ended, Repo, spec_of};
use serde_json::json;
use std::fs;

/// Wide, so that lines do not break at places that depend on the length of a temporary path.
const WIDE: (&str, &str) = ("COLUMNS", "160");

fn run(repo: &Repo, args: &[&str]) -> Ended {
    repo.run_with(args, &[WIDE])
}

/// Runs it, expects the code and holds everything that was said against the snapshot.
macro_rules! said {
    ($name:literal, $repo:expr, $args:expr, $code:expr) => {{
        let ended = run(&$repo, &$args).expect($code);
        insta::assert_snapshot!($name, $repo.shown(&ended));
        ended
    }};
}

/// A repository with one good spec beside what the test adds.
fn with_good_spec() -> Repo {
    let repo = Repo::new().without_wall();
    repo.write(
        "specs/good.md",
        "# Good\n\n- [ ] T001 Build the good thing\n",
    );
    repo
}

fn nothing_was_paid(repo: &Repo) {
    assert_eq!(repo.calls().len(), 0, "an engine was paid");
}

#[test]
fn a_folder_that_is_no_repository() {
    let repo = Repo::bare_bones().without_wall();
    said!("no_repository", repo, ["../home"], 2);
    assert!(!repo.base().join("home/.codelicious").exists());
}

#[test]
fn a_folder_that_does_not_exist() {
    let repo = Repo::new().without_wall();
    said!("no_such_folder", repo, ["nowhere/at/all"], 2);
}

#[test]
fn a_mistyped_verb() {
    let repo = Repo::new().without_wall();
    said!("mistyped_verb", repo, ["stauts"], 2);
    said!("mistyped_verb_with_more", repo, ["plam", "specs"], 2);
    said!("misplaced_verb", repo, [".", "plan"], 2);
}

#[test]
fn a_repository_without_commits() {
    let repo = Repo::bare_bones().without_wall();
    repo.write("specs/a.md", spec_of(1, 1));
    said!("empty_repository", repo, [], 2);
    said!("empty_repository_plan", repo, ["plan"], 2);
    nothing_was_paid(&repo);
}

#[test]
fn a_bare_repository() {
    let repo = Repo::new().without_wall();
    said!("bare_repository", repo, ["../origin.git"], 2);
    said!(
        "bare_repository_status",
        repo,
        ["status", "../origin.git"],
        2
    );
}

#[test]
fn a_repository_without_specs() {
    let repo = Repo::new().without_wall();
    said!("no_specs", repo, [], 0);
    said!("no_specs_plan", repo, ["plan"], 0);
    said!("no_specs_status", repo, ["status"], 0);
}

#[test]
fn an_unknown_flag_and_one_out_of_range() {
    let repo = Repo::new().without_wall();
    said!("unknown_flag", repo, ["--max-locs-per-pr", "9"], 2);
    said!("flag_out_of_range", repo, ["--max-loc-per-pr", "9"], 2);
    said!("flag_without_value", repo, ["--deadline"], 2);
    said!("flag_that_has_no_effect", repo, ["--parallel", "4"], 2);
}

#[test]
fn an_unknown_key_in_the_configuration() {
    let repo = with_good_spec();
    repo.write(
        "codelicious.toml",
        "[pr]\nmax_line = 100\n\n[verfy]\ndetect = true\n",
    );
    said!("unknown_key", repo, [], 2);
    said!("unknown_key_plan", repo, ["plan"], 2);
    nothing_was_paid(&repo);
}

#[test]
fn a_wrong_type_in_the_configuration_with_its_line() {
    let repo = with_good_spec();
    repo.write(
        "codelicious.toml",
        "# ours\nmodel = 7\n\n[pr]\nmax_lines = \"many\"\nmax_commits = 0\n",
    );
    let ended = said!("wrong_type", repo, [], 2);
    for place in [
        "codelicious.toml:2",
        "codelicious.toml:5",
        "codelicious.toml:6",
    ] {
        assert!(ended.stderr.contains(place), "{}", ended.stderr);
    }
}

#[test]
fn a_configuration_that_is_no_toml() {
    let repo = with_good_spec();
    repo.write("codelicious.toml", "model = \"a\n");
    said!("no_toml", repo, [], 2);
    repo.write("codelicious.toml", b"model = \"\xff\"\n");
    said!("toml_not_utf8", repo, [], 2);
    fs::remove_file(repo.root.join("codelicious.toml")).unwrap();
    repo.write("codelicious.toml/file", "");
    said!("toml_is_a_folder", repo, [], 2);
}

#[test]
fn a_key_that_would_weaken_a_wall_in_the_repositorys_file() {
    let repo = with_good_spec();
    repo.write(
        "codelicious.toml",
        "sandbox.mode = \"off\"\n[env]\npass = [\"AWS_*\"]\n[claude]\npath = \"./evil\"\n",
    );
    said!("wall_key", repo, [], 2);
    nothing_was_paid(&repo);
}

#[test]
fn engines_and_prices_that_a_repository_may_not_choose_or_nobody_knows() {
    let repo = with_good_spec();
    repo.write(
        "codelicious.toml",
        "[engine]\nchain = [\"claude\", \"tema\"]\n\n\
         [engine.team]\ntype = \"openai\"\nbase_url = \"https://elsewhere/v1\"\ntoken_env = \"HF_TOKEN\"\nmax_turn = 5\n\n\
         [engine.codex]\nprogram = \"./codex\"\nbase_url = \"https://elsewhere/v1\"\n\n\
         [engine.other]\nmodel = \"m\"\n\n\
         [price.free]\ninput = 0\noutput = 0\ndate = \"2026-11-01\"\n",
    );
    said!("engine_tables", repo, [], 2);
    repo.write(
        "codelicious.toml",
        "engine = [\"claude\", \"team\"]\n\n[engine.team]\ntype = \"openai\"\n",
    );
    said!("engine_twice", repo, [], 2);
    nothing_was_paid(&repo);
}

#[test]
fn a_variable_that_cannot_be_read_as_its_setting() {
    let repo = with_good_spec();
    let ended = repo
        .run_with::<&str>(
            &[],
            &[
                WIDE,
                ("CODELICIOUS_PR_MAX_LINES", "many"),
                ("CODELICIOUS_MODLE", "x"),
            ],
        )
        .expect(2);
    insta::assert_snapshot!("bad_variable", repo.shown(&ended));
}

#[test]
fn a_spec_that_is_not_utf8_is_named_with_its_line_and_the_others_are_built() {
    let repo = with_good_spec();
    repo.write("specs/bad.md", b"# Bad\n\n- [ ] Stra\xdfe\n");
    said!("spec_not_utf8", repo, [], 2);
    assert_eq!(repo.asked_for(), ["T001"]);
    said!("spec_not_utf8_plan", repo, ["plan"], 2);
}

#[test]
fn a_spec_with_a_nul_is_named_and_the_others_are_built() {
    let repo = with_good_spec();
    repo.write("specs/bad.md", b"# Bad\n\n- [ ] One\0two\n");
    let ended = said!("spec_with_nul", repo, [], 2);
    assert!(ended.stderr.contains("specs/bad.md:3"), "{}", ended.stderr);
    assert_eq!(repo.asked_for(), ["T001"]);
}

#[test]
fn a_spec_that_is_too_large_is_named_and_the_others_are_built() {
    let repo = with_good_spec();
    repo.write(
        "specs/bad.md",
        format!("# Bad\n\n- [ ] B1 Big\n\n{}", "word ".repeat(600_000)),
    );
    said!("spec_too_large", repo, [], 2);
    assert_eq!(repo.asked_for(), ["T001"]);
    repo.write(
        "specs/bad.md",
        format!("# Bad\n\n- [ ] B1 Big\n\n{}", "word ".repeat(400)),
    );
    repo.write("codelicious.toml", "[budget]\nmax_spec_bytes = 1024\n");
    said!("spec_larger_than_configured", repo, ["plan"], 2);
}

#[test]
fn a_lane_and_the_users_spec_that_cannot_be_merged() {
    let repo = with_good_spec();
    repo.write("specs/bad.md", "# Bad\n\n- [ ] B1 Build it in red\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "Specs"]);
    repo.git(&["push", "-q"]);
    run(&repo, &[]).expect(0);
    // The branch and the user change the same line.
    let other = repo.fresh_clone("other");
    other.git(&["checkout", "-q", "codelicious/specs-bad"]);
    fs::write(
        other.root.join("specs/bad.md"),
        "# Bad\n\n- [ ] B1 Build it in green\n",
    )
    .unwrap();
    other.git(&["commit", "-qam", "Green"]);
    other.git(&["push", "-q"]);
    repo.write("specs/bad.md", "# Bad\n\n- [ ] B1 Build it in blue\n");
    let calls = repo.calls().len();
    said!("merge_conflict", repo, [], 2);
    assert_eq!(repo.calls().len(), calls);
    assert_eq!(
        repo.read("specs/bad.md"),
        "# Bad\n\n- [ ] B1 Build it in blue\n"
    );
}

#[test]
fn specs_that_depend_on_each_other_in_a_circle() {
    let repo = with_good_spec();
    repo.write(
        "specs/a.md",
        "---\ndepends_on: b\n---\n# A\n\n- [ ] A1 Build a\n",
    );
    repo.write(
        "specs/b.md",
        "---\ndepends_on: a\n---\n# B\n\n- [ ] B1 Build b\n",
    );
    said!("dependency_circle", repo, [], 2);
    assert_eq!(repo.asked_for(), ["T001"]);
}

#[test]
fn a_spec_that_depends_on_one_that_is_not_there_is_built_with_a_warning() {
    let repo = with_good_spec();
    repo.write(
        "specs/a.md",
        "---\ndepends_on: nowhere\n---\n# A\n\n- [ ] A1 Build a\n",
    );
    let ended = said!("unknown_dependency", repo, [], 0);
    assert!(
        ended
            .stderr
            .contains("warning: specs/a.md: `depends_on` names \"nowhere\""),
        "{}",
        ended.stderr
    );
}

#[test]
fn front_matter_that_says_nonsense() {
    let repo = with_good_spec();
    repo.write(
        "specs/a.md",
        "---\nstatus: drafty\npriority: high\n---\n# A\n\n- [ ] A1 Build a\n",
    );
    said!("front_matter", repo, ["plan"], 0);
}

#[test]
fn an_id_that_stands_twice() {
    let repo = Repo::new().without_wall();
    repo.write(
        "specs/a.md",
        "# A\n\n- [ ] T001 Build one\n- [ ] T001 Build another\n- [ ] T002 Build a third\n",
    );
    said!("duplicate_ids", repo, ["plan"], 0);
    run(&repo, &[]).expect(0);
    assert_eq!(repo.calls().len(), 3);
}

#[test]
fn a_cassette_with_a_bad_line() {
    let repo = with_good_spec();
    fs::write(
        repo.base().join("tape.jsonl"),
        "{\"cassette\": 1}\n{\"chunk\": \"*\", \"txet\": \"hi\"}\n",
    )
    .unwrap();
    said!(
        "cassette_bad_line",
        repo,
        ["--engine", "replay:../tape.jsonl"],
        2
    );
    fs::write(repo.base().join("tape.jsonl"), b"\xff\xfe").unwrap();
    said!(
        "cassette_not_utf8",
        repo,
        ["--engine", "replay:../tape.jsonl"],
        2
    );
    said!(
        "cassette_missing",
        repo,
        ["--engine", "replay:../nothing.jsonl"],
        2
    );
}

#[test]
fn an_engine_that_is_not_there() {
    let repo = with_good_spec();
    for (name, args) in [
        ("engine_missing", &["--engine", "claude"][..]),
        ("engine_missing_auto", &[]),
        ("engine_missing_doctor", &["doctor"]),
    ] {
        let ended = repo
            .run_with(args, &[WIDE, ("CODELICIOUS_CLAUDE_PATH", "no-such-claude")])
            .expect(2);
        insta::assert_snapshot!(name, doctor_without_machine(&repo.shown(&ended)));
    }
}

/// The path of git is the machine's.
fn doctor_without_machine(text: &str) -> String {
    let git = regex::Regex::new(r"(?m)^(ok\s+git\s+).*$").unwrap();
    git.replace_all(text, "$1<git>").into_owned()
}

#[test]
fn nobody_to_commit_as() {
    let repo = with_good_spec();
    repo.git(&["config", "--unset", "user.name"]);
    repo.git(&["config", "--unset", "user.email"]);
    said!("no_identity", repo, [], 2);
    nothing_was_paid(&repo);
}

#[test]
fn a_test_runner_that_is_missing() {
    let repo = with_good_spec();
    repo.write("codelicious.toml", "");
    repo.write(
        "Cargo.toml",
        "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    );
    repo.write("src/lib.rs", "pub fn two() -> i32 { 2 }\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "A crate"]);
    repo.git(&["push", "-q"]);
    let tools = repo.base().join("tools");
    fs::create_dir(&tools).unwrap();
    for tool in ["git", "sh", "env"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|d| d.join(tool))
            .find(|p| p.exists());
        std::os::unix::fs::symlink(found.expect("every machine has it"), tools.join(tool)).unwrap();
    }
    let path = format!("{}:{}", repo.base().join("bin").display(), tools.display());
    repo.fake(&json!({"default": {"steps": [{"write": {"path": "src/good.rs", "text": "pub fn good() {}\n"}}]}}));
    let ended = repo
        .run_with::<&str>(&[], &[WIDE, ("PATH", &path)])
        .expect(2);
    insta::assert_snapshot!("check_tool_missing", repo.shown(&ended));
    nothing_was_paid(&repo);

    let ended = repo
        .run_with(&["--allow-unverified"], &[WIDE, ("PATH", &path)])
        .expect(0);
    insta::assert_snapshot!("check_tool_missing_allowed", repo.shown(&ended));
    assert!(ended.stderr.contains("unverified"), "{}", ended.stderr);
    assert!(
        repo.read(".codelicious/prs/1.md")
            .contains("**unverified**")
    );
    assert!(
        run(&repo, &["status"])
            .expect(0)
            .stdout
            .contains("unverified")
    );
}

#[test]
fn a_setup_command_that_fails() {
    let repo = with_good_spec();
    repo.write(
        "codelicious.toml",
        "[worktree]\nsetup = [\"echo cannot reach the registry >&2; exit 7\"]\n",
    );
    said!("setup_fails", repo, [], 2);
    nothing_was_paid(&repo);
}

#[test]
fn a_named_spec_that_is_missing_or_outside() {
    let repo = with_good_spec();
    said!(
        "named_spec_missing",
        repo,
        ["--spec", "specs/nothing.md"],
        2
    );
    fs::write(repo.base().join("outside.md"), spec_of(1, 1)).unwrap();
    said!("named_spec_outside", repo, ["--spec", "../outside.md"], 2);
    said!("named_spec_is_a_folder", repo, ["--spec", "specs"], 2);
    nothing_was_paid(&repo);
}

#[test]
fn a_ledger_of_a_newer_version_is_refused_and_left_alone() {
    let repo = with_good_spec();
    run(&repo, &[]).expect(0);
    let path = ".codelicious/state/specs-good.json";
    let mut ledger: serde_json::Value = serde_json::from_str(&repo.read(path)).unwrap();
    ledger["schema"] = 999.into();
    repo.write(path, ledger.to_string());
    said!("newer_ledger", repo, [], 2);
    assert_eq!(repo.read(path), ledger.to_string());
}

#[test]
fn a_ledger_that_is_damaged_is_kept_aside_and_rebuilt() {
    let repo = with_good_spec();
    run(&repo, &[]).expect(0);
    repo.write(
        ".codelicious/state/specs-good.json",
        "{\"schema\": 1, \"spec\": \"sp",
    );
    said!("damaged_ledger", repo, [], 0);
    assert_eq!(repo.calls().len(), 1);
}

#[test]
fn a_run_that_no_event_knows_and_a_demo_folder_that_is_not_empty() {
    let repo = with_good_spec();
    said!("events_of_no_run", repo, ["events", "--run", "nothing"], 2);
    said!("events_of_nothing", repo, ["events"], 0);
    said!(
        "demo_folder_not_empty",
        repo,
        ["demo", "--dir", "../home/.."],
        2
    );
}

#[test]
fn a_base_that_does_not_exist() {
    let repo = with_good_spec();
    said!("no_such_base", repo, ["--base", "nowhere"], 2);
}
