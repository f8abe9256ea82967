//! Every flag does what `--help` says, or is refused by name.

use crate::support::{Ended, Repo, finish, send, spec_of, wait_until};
use serde_json::{Value, json};

fn refused(repo: &Repo, args: &[&str], says: &[&str]) -> Ended {
    let ended = repo.run(args).expect(2);
    for words in says {
        assert!(
            ended.stderr.contains(words),
            "{args:?}: no {words:?} in\n{}",
            ended.stderr
        );
    }
    assert_eq!(ended.stdout, "", "{args:?}");
    ended
}

/// A repository with specs of `n` tasks at each path, untracked.
fn with_specs(specs: &[(&str, usize)]) -> Repo {
    let repo = Repo::new();
    for (path, n) in specs {
        repo.write(path, spec_of(*n, 3));
    }
    repo
}

fn argv(call: &Value) -> Vec<&str> {
    call["argv"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect()
}

/// The refs of everything that is ours.
fn our_refs(repo: &Repo) -> String {
    repo.git(&[
        "for-each-ref",
        "--format=%(refname)",
        "refs/codelicious",
        "refs/heads/codelicious",
    ])
}

/// Where lanes stood that were archived.
fn archived(repo: &Repo) -> String {
    repo.git(&[
        "for-each-ref",
        "--format=%(refname) %(objectname)",
        "refs/codelicious/archive",
    ])
}

#[test]
fn the_help_fits_eighty_columns_and_reads_well() {
    let repo = Repo::bare_bones();
    for (name, args) in [
        ("help", &["--help"][..]),
        ("help_short", &["-h"]),
        ("help_plan", &["plan", "--help"]),
        ("help_status", &["status", "--help"]),
        ("help_events", &["events", "--help"]),
        ("help_retry", &["retry", "--help"]),
        ("help_answer", &["answer", "--help"]),
        ("help_accept", &["accept", "--help"]),
        ("help_skip", &["skip", "--help"]),
        ("help_doctor", &["doctor", "--help"]),
        ("help_init", &["init", "--help"]),
        ("help_demo", &["demo", "--help"]),
        ("help_completions", &["completions", "--help"]),
    ] {
        let ended = repo.run(args).expect(0);
        assert_eq!(ended.stderr, "");
        for line in ended.stdout.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
        insta::assert_snapshot!(name, ended.stdout);
    }
}

#[test]
fn the_version_is_the_package_version() {
    let ended = Repo::bare_bones().run(&["--version"]).expect(0);
    assert_eq!(
        ended.stdout,
        format!("codelicious {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn completions_are_written_for_every_shell() {
    let repo = Repo::bare_bones();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = repo.run(&["completions", shell]).expect(0);
        for word in [
            "max-loc-per-pr",
            "doctor",
            "skip-auth-check",
            "skip-credential-probe",
            "max-cost-usd-per-chunk",
        ] {
            assert!(ended.stdout.contains(word), "{shell}: {word}");
        }
        assert!(
            !ended.stdout.contains("parallel"),
            "{shell} offers parallel, which is refused"
        );
        assert_eq!(ended.stderr, "");
    }
    refused(&repo, &["completions", "tcsh"], &["tcsh", "bash"]);
}

#[test]
fn flags_without_an_effect_are_refused_by_name_before_anything_happens() {
    let repo = with_specs(&[("specs/a.md", 1)]);
    for args in [&["--parallel", "2"][..], &["--parallel=2", "--dry-run"]] {
        refused(
            &repo,
            args,
            &[
                args[0].split('=').next().unwrap(),
                "not supported by this version",
            ],
        );
    }
    for (args, says) in [
        (&["--sandbox", "maybe"][..], "sandbox"),
        (&["--platform", "github"], "--platform"),
        (&["--platform", "gitlab"], "--platform"),
        (&["--platform", "gitea"], "--platform"),
        (&["--platform", "sourcehut"], "sourcehut"),
        (&["--from-issue", "12"], "--from-issue"),
        (&["--from-issue", "twelve"], "--from-issue"),
        (&["--engine", "codx"], "did you mean `codex`?"),
        (&["--engine", "claude,claude"], "named twice"),
        (
            &["--endpoint", "http://localhost/v1"],
            "--endpoint: an endpoint has no effect here, because the engine is auto",
        ),
        (&["--resume", "two words"], "one word"),
        (&["--resume", "x", "--no-resume"], "--no-resume"),
        (&["--engine", "replay"], "replay:FILE"),
        (&["--engine", "replay:"], "replay:FILE"),
    ] {
        refused(&repo, args, &[says]);
    }
    assert_eq!(repo.calls().len(), 0);
    assert!(!repo.root.join(".codelicious").exists());
}

#[test]
fn numbers_are_bounded_at_both_ends() {
    let repo = with_specs(&[("specs/a.md", 1)]);
    for (flag, good, bad) in [
        ("--max-commits-per-pr", ["1", "100"], ["0", "101"]),
        ("--max-loc-per-pr", ["50", "5000"], ["49", "5001"]),
        ("--max-fix-attempts", ["0", "10"], ["-1", "11"]),
        ("--cycle-sleep-s", ["0", "3600"], ["-1", "3601"]),
        ("--agent-timeout", ["1", "7d"], ["0", "8d"]),
        ("--stall-timeout", ["1s", "604800"], ["0", "604801"]),
        ("--deadline", ["8h", "35d"], ["0", "36d"]),
        (
            "--max-tokens",
            ["1000", "1000000000000"],
            ["999", "1000000000001"],
        ),
        (
            "--max-tokens-per-chunk",
            ["1000", "1000000000000"],
            ["999", "1000000000001"],
        ),
    ] {
        for value in good {
            repo.run(&["--dry-run", &format!("{flag}={value}")])
                .expect(0);
        }
        for value in bad.into_iter().chain(["", "many", "1.5"]) {
            refused(&repo, &["--dry-run", &format!("{flag}={value}")], &[flag]);
        }
    }
}

#[test]
fn what_is_wrong_with_an_endpoint_is_said_without_it() {
    let repo = with_specs(&[("specs/a.md", 1)]);
    for bad in [
        "https://ann:hunter2hunter2@there/v1",
        "https://there/v1?key=hunter2hunter2",
        "http://hunter2hunter2.example/v1#",
        "hunter2hunter2",
    ] {
        let args = ["--engine", "openai", "--endpoint", bad];
        let ended = refused(&repo, &args, &["--endpoint: `endpoint` cannot be used: "]);
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    }
}

#[test]
fn the_model_and_nothing_else_of_ours_reaches_the_engine() {
    let repo = with_specs(&[("specs/a.md", 1)]);
    repo.run(&["--engine", "claude", "--model", "opus-4"])
        .expect(0);
    let calls = repo.calls();
    let words = argv(&calls[0]);
    let at = words
        .iter()
        .position(|w| *w == "--model")
        .expect("it is given");
    assert_eq!(words[at + 1], "opus-4");
    let repo = with_specs(&[("specs/a.md", 1)]);
    repo.run(&["--engine", "claude"]).expect(0);
    assert!(!argv(&repo.calls()[0]).contains(&"--model"));
    for bad in ["", "--dangerously-skip-permissions", "two words"] {
        refused(
            &repo,
            &[&format!("--model={bad}")],
            &["--model", "one word"],
        );
    }
}

#[test]
fn the_engine_flag_chooses_the_engine() {
    let repo = with_specs(&[("specs/a.md", 1)]);
    let ended = repo.run(&["--engine", &repo.cassette()]).expect(0);
    assert!(ended.stderr.contains("replay:"), "{}", ended.stderr);
    assert_eq!(repo.calls().len(), 0);
    let repo = with_specs(&[("specs/a.md", 1)]);
    repo.run(&["--engine", "auto"]).expect(0);
    assert_eq!(repo.calls().len(), 1);
}

#[test]
fn the_agent_timeout_ends_one_engine_run() {
    let repo = with_specs(&[("specs/a.md", 1)]);
    repo.write("codelicious.toml", "max_attempts = 1\n");
    repo.fake(&json!({"default": {"steps": [{"chatter": true}]}}));
    let ended = repo.run(&["--agent-timeout", "1"]).expect(1);
    assert!(
        ended.stderr.contains("(--agent-timeout)"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_stall_timeout_ends_an_engine_that_is_silent() {
    let repo = with_specs(&[("specs/a.md", 1)]);
    repo.write("codelicious.toml", "max_attempts = 1\n");
    repo.fake(&json!({"default": {"steps": [{"hang": true}]}}));
    let ended = repo.run(&["--stall-timeout", "1"]).expect(1);
    assert!(
        ended.stderr.contains("(--stall-timeout)"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_deadline_ends_the_run_and_the_next_one_goes_on() {
    let repo = with_specs(&[("specs/a.md", 2)]);
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [{"hang": true}]}]}));
    let ended = repo.run(&["--deadline", "2s"]).expect(4);
    assert!(ended.stderr.contains("deadline"), "{}", ended.stderr);
    repo.fake(&json!({}));
    let ended = repo.run(&["--deadline", "1h"]).expect(0);
    assert!(ended.stderr.contains("2/2"), "{}", ended.stderr);
    assert_eq!(repo.asked_for().iter().filter(|c| *c == "T001").count(), 1);
}

#[test]
fn named_specs_are_the_only_ones_that_are_built() {
    let repo = with_specs(&[("specs/a.md", 1), ("specs/b.md", 1), ("specs/c.md", 1)]);
    repo.run(&["--spec", "specs/c.md", "--spec", "specs/a.md"])
        .expect(0);
    let built: Vec<String> = repo
        .calls()
        .iter()
        .map(|c| c["spec"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(built.len(), 2);
    assert!(!built.iter().any(|s| s.contains('b')), "{built:?}");
    let plan = repo
        .run(&["plan", "--spec", "specs/b.md", "--json"])
        .expect(0)
        .json();
    assert_eq!(plan["specs"].as_array().unwrap().len(), 1, "{plan:#}");
    assert_eq!(plan["specs"][0]["path"], "specs/b.md");
}

#[test]
fn a_named_spec_is_relative_to_the_folder_one_is_in() {
    let repo = with_specs(&[("web/specs/a.md", 1), ("specs/a.md", 2)]);
    let plan = |dir: &str, spec: &str| {
        let mut command = repo.command(&["plan", "--json", "--spec", spec]);
        let output = command
            .current_dir(repo.root.join(dir))
            .output()
            .expect("it starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let plan: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        plan["specs"][0]["path"].as_str().expect("there").to_owned()
    };
    assert_eq!(plan("web", "specs/a.md"), "web/specs/a.md");
    assert_eq!(plan("web", "../specs/a.md"), "specs/a.md");
    assert_eq!(plan("", "specs/a.md"), "specs/a.md");
    assert_eq!(
        plan("", &repo.root.join("web/specs/a.md").display().to_string()),
        "web/specs/a.md"
    );
}

#[test]
fn prose_is_built_when_it_is_named_and_only_then() {
    let repo = Repo::new();
    repo.write(
        "specs/prose.md",
        "# Greeter\n\n## Say hello\n\nThe program says hello.\n",
    );
    let ended = repo.run::<&str>(&[]).expect(0);
    assert_eq!(repo.calls().len(), 0, "{}", ended.stderr);
    repo.run(&["--spec", "specs/prose.md"]).expect(0);
    assert_eq!(repo.calls().len(), 1);
    let again = repo.run(&["--spec", "specs/prose.md"]).expect(0);
    assert_eq!(repo.calls().len(), 1, "{}", again.stderr);
}

#[test]
fn a_spec_that_is_missing_or_outside_is_refused() {
    let repo = with_specs(&[("specs/a.md", 1)]);
    std::fs::write(repo.base().join("outside.md"), spec_of(1, 1)).unwrap();
    for verb in [None, Some("plan")] {
        let args = |spec: &'static str| -> Vec<&str> {
            verb.into_iter().chain(["--spec", spec]).collect()
        };
        refused(&repo, &args("specs/b.md"), &["specs/b.md"]);
        refused(
            &repo,
            &args("../outside.md"),
            &["../outside.md", "outside the repository"],
        );
    }
    assert_eq!(repo.calls().len(), 0);
}

#[test]
fn the_base_flag_names_the_branch_that_work_starts_from() {
    let repo = Repo::new();
    repo.git(&["checkout", "-q", "-b", "develop"]);
    repo.write("only-develop.txt", "d\n");
    repo.git(&["add", "only-develop.txt"]);
    repo.git(&["commit", "-qm", "On develop"]);
    repo.git(&["push", "-q", "origin", "develop"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.write("specs/a.md", spec_of(1, 1));
    repo.run(&["--base", "develop"]).expect(0);
    repo.git(&[
        "merge-base",
        "--is-ancestor",
        "develop",
        "codelicious/specs-a",
    ]);
    assert!(
        repo.read(".codelicious/prs/1.md")
            .contains("base: \"develop\"\n")
    );
    refused(&repo, &["--base", "nowhere"], &["nowhere"]);
    refused(&repo, &["--base=-x"], &["--base"]);
}

#[test]
fn a_dry_run_shows_the_plan_and_changes_nothing() {
    let repo = with_specs(&[("specs/a.md", 2)]);
    let before = (repo.users_things(), our_refs(&repo));
    let dry = repo.run(&["--dry-run"]).expect(0);
    let plan = repo.run(&["plan"]).expect(0);
    assert_eq!(dry.stdout, plan.stdout);
    let json = repo.run(&["--dry-run", "--json"]).expect(0).json();
    assert_eq!(json["specs"][0]["total"], 2);
    assert_eq!((repo.users_things(), our_refs(&repo)), before);
    assert!(!repo.root.join(".codelicious").exists());
    assert_eq!(repo.lanes().len(), 0);
    assert_eq!(repo.calls().len(), 0);
}

#[test]
fn caps_are_kept() {
    let repo = with_specs(&[("specs/a.md", 5)]);
    repo.run(&["--max-commits-per-pr", "2"]).expect(0);
    for (part, branch) in [
        "codelicious/specs-a",
        "codelicious/specs-a-part-2",
        "codelicious/specs-a-part-3",
    ]
    .iter()
    .enumerate()
    {
        let pr = repo.read(&format!(".codelicious/prs/{}.md", part + 1));
        assert!(pr.contains(&format!("head: \"{branch}\"")), "{pr}");
    }
    assert!(!repo.root.join(".codelicious/prs/4.md").exists());

    let repo = with_specs(&[("specs/a.md", 3)]);
    let thirty = "line\n".repeat(30);
    repo.fake(
        &json!({"default": {"steps": [{"write": {"path": "work/{chunk}.txt", "text": thirty}}]}}),
    );
    repo.run(&["--max-loc-per-pr", "50"]).expect(0);
    assert!(
        repo.root.join(".codelicious/prs/3.md").exists(),
        "30 lines thrice never fit 50 twice"
    );
}

#[test]
fn the_local_platform_is_chosen_by_name() {
    let repo = with_specs(&[("specs/a.md", 1)]);
    repo.run(&["--platform", "local"]).expect(0);
    assert!(repo.root.join(".codelicious/prs/1.md").exists());
}

#[test]
fn a_continuous_run_looks_again_and_ends_when_nothing_is_left() {
    let repo = with_specs(&[("specs/a.md", 1)]);
    let later = repo.root.join("specs/b.md");
    // While the first spec is built, somebody writes a second one.
    let write = format!(
        "printf -- '# More\\n\\n- [ ] T009 Appeared later\\n' > '{}'",
        later.display()
    );
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [{"run": write}, {"write": {"path": "work/a.txt", "text": "a"}}]}]}));
    let ended = repo
        .run(&["--continuous", "--cycle-sleep-s", "0"])
        .expect(0);
    assert_eq!(repo.asked_for(), ["T001", "T009"], "{}", ended.stderr);
}

#[test]
fn a_continuous_run_waits_between_two_looks_as_told() {
    let repo = with_specs(&[("specs/a.md", 1)]);
    repo.fake(&json!({"default": {"end": {"kind": "error", "text": "boom"}}}));
    let child = repo.start(&["--continuous", "--cycle-sleep-s", "3600"]);
    let log = repo.root.join(".codelicious/events.jsonl");
    wait_until("it waits", || {
        std::fs::read_to_string(&log).is_ok_and(|t| t.contains("\"waiting\""))
    });
    send(&child, rustix::process::Signal::TERM);
    finish(child).expect(143);
}

#[test]
fn no_resume_tries_stopped_chunks_again_and_keeps_what_is_done() {
    let repo = with_specs(&[("specs/a.md", 2)]);
    repo.fake(&json!({"rules": [{"chunk": "T002", "end": {"kind": "block_chunk", "reason": "unclear", "needs": "which colour?"}}]}));
    repo.run::<&str>(&[]).expect(3);
    repo.run::<&str>(&[]).expect(3);
    assert_eq!(
        repo.asked_for(),
        ["T001", "T002"],
        "a blocked chunk waits for a person"
    );
    repo.fake(&json!({}));
    repo.run(&["--no-resume"]).expect(0);
    assert_eq!(repo.asked_for(), ["T001", "T002", "T002"]);
}

#[test]
fn an_answer_below_a_blocked_task_opens_it_again_as_the_output_says() {
    let repo = Repo::new();
    repo.write("specs/a.md", "# Work\n\n- [ ] T001 Paint it\n");
    repo.fake(&json!({"rules": [{"match": "green", "steps": [{"write": {"path": "work/colour.txt", "text": "green"}}]}],
        "default": {"end": {"kind": "block_chunk", "reason": "unclear", "needs": "which colour?"}}}));
    let ended = repo.run::<&str>(&[]).expect(3);
    assert!(
        ended
            .stderr
            .contains("put the answer below its task in specs/a.md, and run again"),
        "{}",
        ended.stderr
    );
    repo.write(
        "specs/a.md",
        "# Work\n\n- [ ] T001 Paint it\n  - in green\n",
    );
    repo.run::<&str>(&[]).expect(0);
    assert_eq!(
        repo.git(&["show", "codelicious/specs-a:work/colour.txt"]),
        "green"
    );
}

#[test]
fn a_reset_ledger_is_kept_aside_and_rebuilt() {
    let repo = with_specs(&[("specs/a.md", 2)]);
    repo.run::<&str>(&[]).expect(0);
    let tip = repo.git(&["rev-parse", "codelicious/specs-a"]);
    let ended = repo.run(&["--reset-ledger"]).expect(0);
    assert!(ended.stderr.contains("2/2"), "{}", ended.stderr);
    assert_eq!(repo.calls().len(), 2);
    assert_eq!(repo.git(&["rev-parse", "codelicious/specs-a"]), tip);
    let state = std::fs::read_dir(repo.root.join(".codelicious/state")).unwrap();
    let names: Vec<String> = state
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.contains(&"specs-a.json".to_owned()), "{names:?}");
    assert!(
        ended.stderr.contains("moved the ledger aside"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_fresh_start_archives_the_lane_and_builds_all_again() {
    let repo = with_specs(&[("specs/a.md", 2)]);
    repo.run::<&str>(&[]).expect(0);
    let tip = repo.git(&["rev-parse", "codelicious/specs-a"]);
    repo.run(&["--fresh"]).expect(0);
    assert_eq!(repo.calls().len(), 4);
    assert!(archived(&repo).contains(&tip), "{}", archived(&repo));
    let again = repo.run::<&str>(&[]).expect(0);
    assert_eq!(repo.calls().len(), 4, "{}", again.stderr);
}

#[test]
fn fix_turns_are_as_many_as_asked_for() {
    for (fixes, calls) in [("0", 1), ("2", 3)] {
        let repo = with_specs(&[("specs/a.md", 1)]);
        repo.write(
            "codelicious.toml",
            "max_attempts = 1\n[verify]\ncommands = [\"sh check.sh\"]\n",
        );
        // A turn that fails as the one before would cost two.
        let turn = |n: u32, name: &str| json!({"nth": n, "steps": [{"run": format!("rm -f work/*.bad; mkdir -p work; echo x > work/{name}.bad")}]});
        let turns = [turn(1, "one"), turn(2, "two"), turn(3, "three")];
        repo.fake(&json!({"rules": turns}));
        repo.run(&["--max-fix-attempts", fixes]).expect(1);
        assert_eq!(repo.calls().len(), calls);
    }
}

#[test]
fn without_a_check_nothing_is_committed_unless_that_is_allowed() {
    let repo = Repo::bare_bones();
    repo.write("README.md", "# Project\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "First commit"]);
    repo.write("specs/a.md", spec_of(1, 1));
    repo.run(&["--allow-unverified"]).expect(0);
    assert!(
        repo.read(".codelicious/prs/1.md")
            .contains("**unverified**")
    );
}

#[test]
fn quiet_says_nothing_when_all_is_well_and_verbose_says_more() {
    let repo = with_specs(&[("specs/a.md", 1)]).without_wall();
    let quiet = repo.run(&["--quiet"]).expect(0);
    assert_eq!(quiet.stdout, "");
    // Nothing runs unsandboxed silently.
    assert_eq!(quiet.stderr.lines().count(), 1, "{}", quiet.stderr);
    assert!(quiet.stderr.contains("unsandboxed"), "{}", quiet.stderr);
    let normal = with_specs(&[("specs/a.md", 1)]).run::<&str>(&[]).expect(0);
    let verbose = with_specs(&[("specs/a.md", 1)])
        .run(&["--verbose"])
        .expect(0);
    assert!(
        verbose.stderr.lines().count() > normal.stderr.lines().count(),
        "{}",
        verbose.stderr
    );
    refused(&repo, &["-q", "-v"], &["--quiet"]);
}

#[test]
fn settings_come_from_variables_and_flags_win_over_them() {
    let repo = with_specs(&[("specs/a.md", 1)]);
    repo.run_with::<&str>(&[], &[("CODELICIOUS_MODEL", "from-env")])
        .expect(0);
    assert!(argv(&repo.calls()[0]).contains(&"from-env"));
    let repo = with_specs(&[("specs/a.md", 1)]);
    repo.run_with(
        &["--model", "from-flag"],
        &[("CODELICIOUS_MODEL", "from-env")],
    )
    .expect(0);
    assert!(argv(&repo.calls()[0]).contains(&"from-flag"));
}
