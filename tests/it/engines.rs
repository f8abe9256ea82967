//! What engines do wrong, and what becomes of it.

use crate::support::{Ended, Repo, fake_claude, finish, spec_of};
use serde_json::{Value, json};
use std::fs;

const CLAUDE: [&str; 2] = ["--engine", "claude"];
const BRANCH: &str = "codelicious/specs-work";

/// Two tasks; the engine does `steps` and ends with `end` at the first call for the first.
fn repo_where(steps: Value, end: Value) -> Repo {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(2, 2));
    repo.fake(&json!({"rules": [{"chunk": "T001", "nth": 1, "steps": steps, "end": end}]}));
    repo
}

/// The default way to build the chunk.
fn built() -> Value {
    json!({"write": {"path": "work/{chunk}.txt", "text": "{title}\n"}})
}

/// Chunks on the branch, in order.
fn chunks(repo: &Repo) -> Vec<String> {
    let branches = repo.git(&[
        "for-each-ref",
        "--format=%(refname:short)",
        "refs/heads/codelicious",
    ]);
    if branches.is_empty() {
        return Vec::new();
    }
    repo.commits(BRANCH)
        .into_iter()
        .filter_map(|(_, c)| c)
        .collect()
}

/// State and reason of a chunk that stopped.
#[track_caller]
fn stopped(repo: &Repo, chunk: &str) -> (String, String) {
    let status = repo.run(&["status", "--json"]).json();
    let all = status["specs"][0]["stopped"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    all.iter()
        .find(|s| s["chunk"] == chunk)
        .map(|s| (text(&s["status"]), text(&s["reason"])))
        .unwrap_or_else(|| panic!("{chunk} did not stop: {status:#}"))
}

/// The first chunk came to `status` for `reason`; nothing of it was committed, and the second was built.
#[track_caller]
fn check_stopped(repo: &Repo, status: &str, reason: &str) {
    let (was, why) = stopped(repo, "T001");
    assert_eq!(was, status, "{why}");
    assert!(why.contains(reason), "{why}");
    assert_eq!(chunks(repo), ["T002"]);
    let files = repo.git(&["ls-tree", "-r", "--name-only", BRANCH]);
    assert!(!files.contains("T001"), "{files}");
    let spec = repo.git(&["show", &format!("{BRANCH}:specs/work.md")]);
    assert!(
        spec.contains("- [ ] T001") && spec.contains("- [x] T002"),
        "{spec}"
    );
}

#[test]
fn words_about_limits_in_ordinary_output_are_no_rate_limit() {
    let repo = repo_where(
        json!([
            {"say": "HTTP 429 Too Many Requests: rate limit exceeded. Usage limit reached. Invalid API key."},
            {"print": "429 rate_limit_error: credit balance is too low"},
            {"stderr": "Error: 429 Too Many Requests, usage limit reached"},
            {"run": "echo 'API Error: 429 rate limited'; echo 'not logged in' >&2; exit 1"},
            {"retry": {"status": 429, "error": "rate_limit"}},
            {"rate_limit": {"status": "allowed_warning"}},
            built(),
        ]),
        json!({"kind": "complete_chunk", "summary": "usage limit reached is now handled with status 429"}),
    );
    repo.run(&CLAUDE).expect(0);
    assert_eq!(chunks(&repo), ["T001", "T002"]);
}

#[test]
fn a_usage_limit_that_comes_with_exit_code_0_ends_the_run_resumably() {
    let repo = repo_where(
        json!([built()]),
        json!({"kind": "error", "text": "Claude AI usage limit reached|1999999999", "exit": 0}),
    );
    let ended = repo.run(&CLAUDE).expect(6);
    assert!(
        ended.stderr.contains("2033-05-18"),
        "it says until when: {}",
        ended.stderr
    );
    assert_eq!(repo.calls().len(), 1, "no other chunk is tried");
    assert!(chunks(&repo).is_empty());
    repo.run(&CLAUDE).expect(6);
    assert_eq!(repo.calls().len(), 1, "it is not asked before its time");
    repo.run(&[&CLAUDE[..], &["--no-resume"]].concat())
        .expect(0);
    assert_eq!(chunks(&repo), ["T001", "T002"]);
}

#[test]
fn a_refusing_limit_of_the_account_ends_the_run_resumably() {
    let repo = repo_where(
        json!([{"rate_limit": {"status": "rejected", "resets_at": 1_999_999_999}}]),
        json!({"kind": "error", "text": "You've hit your session limit", "exit": 0}),
    );
    let ended = repo.run(&CLAUDE).expect(6);
    assert!(ended.stderr.contains("2033-05-18"), "{}", ended.stderr);
    repo.run(&[&CLAUDE[..], &["--no-resume"]].concat())
        .expect(0);
    assert_eq!(chunks(&repo), ["T001", "T002"]);
}

#[test]
fn an_error_that_comes_with_exit_code_0_is_an_error() {
    let repo = repo_where(
        json!([built()]),
        json!({"kind": "error", "text": "something went wrong", "exit": 0}),
    );
    repo.run(&CLAUDE).expect(1);
    check_stopped(&repo, "failed", "something went wrong");
}

#[test]
fn success_that_comes_with_another_exit_code_is_no_success() {
    let repo = repo_where(
        json!([built()]),
        json!({"kind": "complete_chunk", "exit": 7}),
    );
    repo.run(&CLAUDE).expect(1);
    check_stopped(&repo, "failed", "exited with code 7");
}

#[test]
fn an_engine_that_is_not_logged_in_stops_the_run_at_once() {
    for end in [
        json!({"kind": "error", "status": 401, "error": "authentication_failed", "text": "Invalid API key"}),
        json!({"kind": "error", "text": "Not logged in · Please run /login", "exit": 0}),
    ] {
        let repo = Repo::new();
        repo.write("specs/work.md", spec_of(3, 3));
        repo.fake(&json!({"default": {"steps": [], "end": end}}));
        let ended = repo.run(&CLAUDE).expect(6);
        assert!(
            ended.stderr.contains("log the engine in"),
            "{}",
            ended.stderr
        );
        assert_eq!(repo.calls().len(), 1);
        // It was no fault of the chunk: its attempts are all left.
        for _ in 0..3 {
            repo.run(&CLAUDE).expect(6);
        }
        repo.fake(&json!({}));
        repo.run(&CLAUDE).expect(0);
        assert_eq!(chunks(&repo), ["T001", "T002", "T003"]);
    }
}

#[test]
fn an_engine_whose_credit_is_used_up_stops_the_run_at_once() {
    let repo = repo_where(
        json!([]),
        json!({"kind": "error", "error": "billing_error", "text": "Credit balance is too low"}),
    );
    let ended = repo.run(&CLAUDE).expect(6);
    assert!(ended.stderr.contains("top up"), "{}", ended.stderr);
    assert_eq!(repo.calls().len(), 1);
}

#[test]
fn an_engine_that_hangs_is_ended_at_the_stall_timeout_and_the_rest_goes_on() {
    let repo = repo_where(json!([built(), {"hang": true}]), json!("complete_chunk"));
    let held = repo.hold_engines("");
    repo.run(&["--engine", "claude", "--stall-timeout", "1"])
        .expect(1);
    assert!(!held.is_held());
    check_stopped(&repo, "failed", "printed nothing for 1 s");
}

#[test]
fn an_engine_that_never_ends_is_ended_at_its_timeout_and_the_rest_goes_on() {
    let repo = repo_where(json!([built(), {"chatter": true}]), json!("complete_chunk"));
    let held = repo.hold_engines("");
    repo.run(&["--engine", "claude", "--agent-timeout", "2"])
        .expect(1);
    assert!(!held.is_held());
    check_stopped(&repo, "failed", "did not finish within 2 s");
}

#[test]
fn a_process_that_outlives_its_engine_and_holds_its_output_is_ended_and_not_waited_for() {
    let repo = repo_where(
        json!([{"grandchild": {"sh": "trap '' TERM HUP INT; exec sleep 1000", "hold_stdout": true}}, built()]),
        json!("complete_chunk"),
    );
    let held = repo.hold_engines("");
    repo.run(&CLAUDE).expect(0);
    assert!(!held.is_held());
    assert_eq!(chunks(&repo), ["T001", "T002"]);
}

#[test]
fn a_line_of_60_mb_costs_no_memory_to_speak_of() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(2, 2));
    repo.fake(&json!({"rules": [{"chunk": "T001", "nth": 1,
        "steps": [{"long_line": 60_000_000}, {"touch": repo.sign("printed")}, {"wait_for": repo.sign("go")}, built()]}]}));
    let run = repo.start(&CLAUDE);
    repo.wait_for_sign("printed");
    let status = fs::read_to_string(format!("/proc/{}/status", run.id()));
    repo.give_sign("go");
    finish(run).expect(0);
    assert_eq!(chunks(&repo), ["T001", "T002"]);
    let Ok(status) = status else {
        eprintln!("SKIPPED: there is no /proc to read the peak of memory from");
        return;
    };
    let peak: u64 = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .and_then(|l| l.trim().strip_suffix("kB"))
        .and_then(|n| n.trim().parse().ok())
        .expect("a peak");
    assert!(peak < 100_000, "{peak} kB");
}

#[test]
fn lines_that_are_not_utf_8_or_not_json_are_survived() {
    let repo = repo_where(
        json!([
            {"print_hex": "ff fe 00 80 c3 28"}, {"print": "{not json"}, {"print": ""}, {"print": "null"}, {"print": "[1, 2]"},
            {"print": "\"text\""}, {"emit": {"type": "from_the_future", "x": {"y": [1]}}}, {"emit": {"type": 7}},
            {"emit": {"type": "assistant", "message": "no object"}}, built(),
        ]),
        json!({"kind": "complete_chunk", "after": [{"type": "system", "subtype": "late"}]}),
    );
    repo.run(&CLAUDE).expect(0);
    assert_eq!(chunks(&repo), ["T001", "T002"]);
}

#[test]
fn an_engine_that_ends_without_its_closing_line_has_not_built_anything() {
    for end in [json!("silent"), json!({"kind": "silent", "exit": 3})] {
        let repo = repo_where(json!([built()]), end);
        repo.run(&CLAUDE).expect(1);
        check_stopped(&repo, "failed", "broke off");
        let saved = repo.git(&[
            "show",
            "refs/codelicious/attempts/specs-work/T001/1:work/T001.txt",
        ]);
        assert_eq!(saved, "Build piece 1", "its work is kept");
    }
}

#[test]
fn an_engine_that_dies_of_a_signal_has_not_built_anything() {
    let repo = repo_where(
        json!([built(), {"kill_self": "KILL"}]),
        json!("complete_chunk"),
    );
    repo.run(&CLAUDE).expect(1);
    check_stopped(&repo, "failed", "broke off");
}

#[test]
fn an_undeclared_ending_counts_with_work_and_passing_checks() {
    for end in [
        json!({"kind": "none", "text": "All done."}),
        json!({"kind": "structured", "value": {"kind": "finish_everything"}}),
        json!({"kind": "structured", "value": "done"}),
        json!({"kind": "error", "subtype": "error_max_structured_output_retries", "text": "no schema"}),
    ] {
        let repo = repo_where(json!([built()]), end);
        repo.run(&CLAUDE).expect(0);
        assert_eq!(chunks(&repo), ["T001", "T002"]);
    }
}

#[test]
fn an_undeclared_ending_without_work_waits_for_a_person() {
    let repo = repo_where(
        json!([]),
        json!({"kind": "none", "text": "Everything is implemented and all tests pass."}),
    );
    repo.run(&CLAUDE).expect(3);
    check_stopped(&repo, "needs_review", "changed nothing");
}

#[test]
fn an_undeclared_ending_whose_checks_fail_is_not_committed() {
    let repo = repo_where(
        json!([{"write": {"path": "work/T001.bad", "text": "x"}}]),
        json!("none"),
    );
    repo.run(&["--engine", "claude", "--max-fix-attempts", "0"])
        .expect(1);
    check_stopped(&repo, "failed", "checks fail");
}

#[test]
fn an_undeclared_ending_that_no_check_can_prove_waits_for_a_person() {
    let repo = Repo::new();
    repo.write(
        "codelicious.toml",
        "[verify]\ndetect = false\nallow_unverified = true\n",
    );
    repo.write("specs/work.md", spec_of(2, 2));
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [built()], "end": "none"}]}));
    repo.run(&CLAUDE).expect(3);
    check_stopped(&repo, "needs_review", "no check to prove");
}

#[test]
fn a_chunk_the_engine_asks_about_is_blocked_with_its_question() {
    let repo = repo_where(
        json!([built()]),
        json!({"kind": "block_chunk", "reason": "two designs fit", "needs": "REST or gRPC?"}),
    );
    let ended = repo.run(&CLAUDE).expect(3);
    assert!(ended.stderr.contains("REST or gRPC?"), "{}", ended.stderr);
    check_stopped(&repo, "blocked", "two designs fit");
    repo.run(&CLAUDE).expect(3);
    assert_eq!(repo.asked_for(), ["T001", "T002"], "it is not asked again");
}

#[test]
fn success_without_a_change_or_a_reason_waits_for_a_person() {
    let repo = repo_where(
        json!([{"say": "All done!"}]),
        json!({"kind": "complete_chunk", "confidence": 1.0}),
    );
    repo.run(&CLAUDE).expect(3);
    check_stopped(&repo, "needs_review", "changed nothing and gave no reason");
}

#[test]
fn success_without_a_change_counts_with_a_reason_and_passing_checks() {
    let repo = repo_where(
        json!([]),
        json!({"kind": "complete_chunk", "no_change_needed": "it is there since the first commit"}),
    );
    repo.run(&CLAUDE).expect(0);
    assert_eq!(chunks(&repo), ["T001", "T002"]);
    let files = repo.git(&[
        "diff-tree",
        "--no-commit-id",
        "--name-only",
        "-r",
        &format!("{BRANCH}~1"),
    ]);
    assert_eq!(files, "specs/work.md", "the tick alone");
}

#[test]
fn success_without_a_change_does_not_count_when_no_check_can_prove_it() {
    let repo = Repo::new();
    repo.write(
        "codelicious.toml",
        "[verify]\ndetect = false\nallow_unverified = true\n",
    );
    repo.write("specs/work.md", spec_of(2, 2));
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [], "end": {"kind": "complete_chunk", "no_change_needed": "it is there"}}]}));
    repo.run(&CLAUDE).expect(3);
    check_stopped(&repo, "needs_review", "no check to prove it");
}

#[test]
fn work_the_engine_is_not_confident_in_waits_for_a_person() {
    let repo = repo_where(
        json!([built()]),
        json!({"kind": "complete_chunk", "confidence": 0.1, "rationale": "I guessed"}),
    );
    repo.run(&CLAUDE).expect(3);
    check_stopped(&repo, "needs_review", "I guessed");
    let saved = repo.git(&[
        "show",
        "refs/codelicious/attempts/specs-work/T001/1:work/T001.txt",
    ]);
    assert_eq!(saved, "Build piece 1");
}

#[test]
fn an_engine_that_only_ticks_the_box_has_not_built_anything() {
    let repo = repo_where(
        json!([{"run": "sed -i 's/\\[ \\]/[x]/' specs/work.md"}]),
        json!("complete_chunk"),
    );
    repo.run(&CLAUDE).expect(3);
    check_stopped(&repo, "needs_review", "changed nothing");
}

#[test]
fn an_engine_that_cannot_be_started_is_a_set_up_error() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(2, 2));
    fs::remove_file(repo.base().join("bin/claude")).unwrap();
    let path = repo.base().join("bin").display().to_string();
    // Git and a shell are on PATH, Claude Code is not.
    for name in ["git", "sh"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|d| d.join(name))
            .find(|p| p.exists());
        std::os::unix::fs::symlink(found.unwrap(), repo.base().join("bin").join(name)).unwrap();
    }
    let ended = repo.run_with(&CLAUDE, &[("PATH", &path)]).expect(2);
    assert!(ended.stderr.contains("claude"), "{}", ended.stderr);
    let refs = repo.git(&["for-each-ref", "refs/codelicious", "refs/heads/codelicious"]);
    assert_eq!(refs, "", "nothing was begun");
}

#[test]
fn a_continuous_run_whose_chunk_keeps_failing_ends() {
    let repo = Repo::new();
    repo.write(
        "codelicious.toml",
        "max_attempts = 2\n[verify]\ncommands = [\"sh check.sh\"]\n",
    );
    repo.write("specs/work.md", spec_of(2, 2));
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [], "end": {"kind": "error", "text": "no idea"}}]}));
    repo.run(&["--engine", "claude", "--continuous", "--cycle-sleep-s", "0"])
        .expect(1);
    assert_eq!(
        repo.asked_for(),
        ["T001", "T002", "T001"],
        "as often as attempts allow"
    );
    check_stopped(&repo, "failed", "no idea");
}

#[test]
fn a_continuous_run_whose_limit_stays_backs_off_and_ends() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(2, 2));
    repo.fake(&json!({"default": {"steps": [], "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "slow down"}}}));
    repo.run(&[
        "--engine",
        "claude",
        "--continuous",
        "--cycle-sleep-s",
        "0",
        "--no-wait-for-reset",
    ])
    .expect(6);
    let calls = repo.calls().len();
    assert!(calls <= 3, "{calls} calls");
    let pauses: Vec<_> = repo
        .events()
        .into_iter()
        .filter(|e| e["kind"] == "waiting")
        .collect();
    assert!(pauses.len() <= 3, "{pauses:#?}");
}

#[test]
fn a_cassette_can_fail_in_every_way_an_engine_can() {
    let table = [
        ("rate_limited", 6, None),
        ("overloaded", 6, None),
        ("credit", 6, None),
        ("auth", 6, None),
        ("context_too_long", 1, Some("failed")),
        ("invalid_request", 1, Some("failed")),
        ("refusal", 1, Some("failed")),
        ("budget", 1, Some("failed")),
        ("transient", 6, None),
        ("protocol", 1, Some("failed")),
        ("not_started", 2, None),
    ];
    for (kind, code, status) in table {
        let repo = Repo::new();
        repo.write("specs/work.md", spec_of(2, 2));
        let lines = [
            json!({"chunk": "T001", "error": {"kind": kind, "message": "because"}}),
            json!({"chunk": "*", "calls": [{"name": "write_file", "arguments": {"path": "work/{chunk}.txt", "content": "x\n"}},
                {"name": "complete_chunk", "arguments": {"summary": "wrote it", "confidence": 0.9, "rationale": "there"}}]}),
        ];
        let tape = repo.base().join("tape.jsonl");
        fs::write(&tape, lines.map(|l| l.to_string()).join("\n")).unwrap();
        let engine = format!("replay:{}", tape.display());
        let once = [("CODELICIOUS_RETRY_MAX_RETRIES", "0")];
        let ended = repo.run_with(&["--engine", &engine], &once);
        assert_eq!(ended.code, code, "{kind}: {}", ended.stderr);
        match status {
            Some(status) => check_stopped(&repo, status, "because"),
            None => assert!(chunks(&repo).is_empty(), "{kind}"),
        }
    }
}

const CANARY: &str = "c4nary-Zq81-Xv77-Kw03-Lp55-Tt19";
/// The same in base64, as `base64` prints it.
const CANARY_64: &str = "YzRuYXJ5LVpxODEtWHY3Ny1LdzAzLUxwNTUtVHQxOQ==";

#[track_caller]
fn check_no_canary(what: &str, bytes: &[u8]) {
    for spelling in [CANARY, CANARY_64] {
        let found = bytes
            .windows(spelling.len())
            .position(|w| w == spelling.as_bytes());
        if let Some(at) = found {
            let around = &bytes[at.saturating_sub(200)..(at + 100).min(bytes.len())];
            panic!(
                "{what} holds {spelling}: {}",
                String::from_utf8_lossy(around)
            );
        }
    }
}

#[track_caller]
fn check_nowhere(repo: &Repo, ended: &[Ended]) {
    for e in ended {
        check_no_canary("stdout", e.stdout.as_bytes());
        check_no_canary("stderr", e.stderr.as_bytes());
    }
    for (path, bytes) in repo.our_files() {
        check_no_canary(&path.display().to_string(), &bytes);
    }
    check_no_canary(
        "commit messages",
        repo.git(&["log", "--all", "--format=%an %ae %s %b"])
            .as_bytes(),
    );
    check_no_canary(
        "branches",
        repo.git(&["log", "-p", "--branches", "--remotes"])
            .as_bytes(),
    );
    for call in repo.calls() {
        check_no_canary(
            "a prompt",
            call["prompt"].as_str().unwrap_or_default().as_bytes(),
        );
        check_no_canary("arguments", call["argv"].to_string().as_bytes());
    }
}

/// An engine and a check that say the secret wherever they can.
fn leaky_repo() -> Repo {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(4, 4));
    repo.write(
        "codelicious.toml",
        "[verify]\ncommands = [\"echo out $CANARY_TOKEN; echo err $CANARY_TOKEN >&2; sh check.sh\"]\n",
    );
    let tell = json!([
        {"run": "echo $CANARY_TOKEN; echo $CANARY_TOKEN >&2; printf %s $CANARY_TOKEN | base64"},
        {"say": format!("the token is {CANARY} or {CANARY_64}")}, {"print": CANARY}, {"stderr": CANARY},
        {"emit": {"type": "system", "subtype": "status", "status": CANARY}},
    ]);
    let with = |more: Value| {
        let mut steps = tell.as_array().unwrap().clone();
        steps.extend(more.as_array().unwrap().iter().cloned());
        steps
    };
    let said = format!("done with {CANARY} and {CANARY_64}");
    repo.fake(&json!({"rules": [
        {"chunk": "T001", "fix": false, "steps": with(json!([{"write": {"path": "work/T001.bad", "text": "x"}}])),
         "end": {"kind": "complete_chunk", "summary": said, "rationale": said}},
        {"chunk": "T001", "fix": true, "steps": with(json!([{"run": "mv work/T001.bad work/T001.txt"}])),
         "end": {"kind": "complete_chunk", "summary": said, "rationale": said}},
        {"chunk": "T002", "steps": with(json!([])), "end": {"kind": "block_chunk", "reason": said, "needs": said}},
        {"chunk": "T003", "steps": with(json!([built()])), "end": {"kind": "complete_chunk", "summary": said, "rationale": said, "confidence": 0.1}},
        {"chunk": "T004", "steps": with(json!([])), "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": said}},
    ]}));
    repo
}

#[test]
fn a_secret_that_the_engine_says_reaches_no_output_of_ours() {
    for flags in [&["-v", "-v"][..], &["--json"][..]] {
        let repo = leaky_repo();
        let env = [("CANARY_TOKEN", CANARY)];
        let args: Vec<&str> = CLAUDE.iter().chain(flags).copied().collect();
        let mut ended = vec![repo.run_with(&args, &env).expect(6)];
        assert_eq!(chunks(&repo), ["T001"]);
        assert_eq!(repo.postmortems().len(), 1);
        assert!(
            repo.calls().iter().any(|c| c["resume"].is_string()),
            "there was a fix turn"
        );
        for verb in [
            &["status"][..],
            &["status", "--json"],
            &["events"],
            &["events", "--json"],
            &["plan", "--json"],
        ] {
            ended.push(repo.run_with(verb, &env));
            // Nor without the variable, from what was stored.
            ended.push(repo.run(verb));
        }
        check_nowhere(&repo, &ended);
        let pr = repo.read(".codelicious/prs/1.md");
        assert!(pr.contains("T001"), "{pr}");
    }
}

#[test]
fn a_secret_that_stands_in_a_spec_is_not_repeated() {
    for end in ["complete_chunk", "block_chunk"] {
        let repo = repo_where(json!([]), json!(end));
        let text = format!(
            "# Log in with {CANARY}\n\n## Key {CANARY}\n\n- [ ] T001 Use {CANARY}\n\n  As {CANARY}.\n"
        );
        repo.write("specs/work.md", text);
        let env = [("CANARY_TOKEN", CANARY)];
        let mut ended = Vec::new();
        for args in [
            &["plan"][..],
            &["plan", "--json"],
            &["--engine", "claude", "--deadline", "1h"],
            &["--engine", "claude", "--json", "--no-resume"],
            &["status"],
            &["status", "--json"],
            &["events"],
        ] {
            ended.push(repo.run_with(args, &env));
        }
        for e in &ended {
            check_no_canary("stdout", e.stdout.as_bytes());
            check_no_canary("stderr", e.stderr.as_bytes());
        }
        for (path, bytes) in repo.our_files() {
            check_no_canary(&path.display().to_string(), &bytes);
        }
        let messages = repo.git(&["log", "--all", "--format=%s %b"]);
        check_no_canary("commit messages", messages.as_bytes());
        for call in repo.calls() {
            check_no_canary("a prompt", call["prompt"].to_string().as_bytes());
        }
    }
}

#[test]
fn a_variable_named_in_the_configuration_is_a_secret_too() {
    let repo = leaky_repo();
    let toml = repo
        .read("codelicious.toml")
        .replace("CANARY_TOKEN", "CANARY_BLOB");
    repo.write(
        "codelicious.toml",
        format!("{toml}[log]\nredact = [\"CANARY_BLOB\"]\n"),
    );
    let ended = repo.run_with(&CLAUDE, &[("CANARY_BLOB", CANARY)]).expect(6);
    check_nowhere(&repo, &[ended]);
}

#[test]
fn a_secret_that_the_engine_writes_into_a_file_is_not_committed() {
    let repo = repo_where(
        json!([{"run": "mkdir -p work; echo \"key = $CANARY_TOKEN\" > work/T001.txt"}]),
        json!("complete_chunk"),
    );
    let ended = repo
        .run_with(&CLAUDE, &[("CANARY_TOKEN", CANARY)])
        .expect(3);
    let (status, why) = stopped(&repo, "T001");
    assert_eq!(status, "needs_review");
    assert!(why.contains("work/T001.txt"), "it says where: {why}");
    check_nowhere(&repo, &[ended]);
    let pushed = repo.git_in(&repo.origin, &["log", "-p", "--all"]);
    check_no_canary("the remote", pushed.as_bytes());
}

#[test]
fn the_prompt_travels_by_standard_input_to_the_program_that_is_configured() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(1, 1));
    fs::remove_file(repo.base().join("bin/claude")).unwrap();
    repo.settings(&format!(
        "[claude]\npath = {}\nargs = [\"--verbose\"]\nmax_turns = 7\n",
        json!(fake_claude())
    ));
    repo.run(&["--engine", "claude", "--model", "opus"])
        .expect(0);
    let call = &repo.calls()[0];
    let argv: Vec<&str> = call["argv"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let after = |flag: &str| argv.iter().position(|a| *a == flag).map(|i| argv[i + 1]);
    assert_eq!(after("--model"), Some("opus"), "{argv:?}");
    assert_eq!(after("--max-turns"), Some("7"), "{argv:?}");
    assert!(argv.contains(&"--verbose"), "{argv:?}");
    assert!(!argv.iter().any(|a| a.contains("Build piece")), "{argv:?}");
    assert!(call["prompt"].as_str().unwrap().contains("Build piece 1"));
}
