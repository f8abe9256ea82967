use super::*;
use crate::config::{
    EngineChoice, EngineRef, Format, IssueRef, KEYS, Kind, Output, PlanShape, Verbosity, Wanted,
};
use std::time::Duration;

fn read(line: &[&str]) -> Result<Request, clap::Error> {
    parse(
        std::iter::once("codelicious")
            .chain(line.iter().copied())
            .map(OsString::from),
    )
}

fn built(line: &[&str]) -> BuildRequest {
    match read(line) {
        Ok(Request::Build(request)) => request,
        other => panic!("{line:?} is no build: {other:?}"),
    }
}

/// The message of a usage error.
fn refused(line: &[&str]) -> String {
    let error = read(line).expect_err("a usage error");
    assert_eq!(error.exit_code(), 2, "{line:?}");
    error.to_string()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn builds_here_when_nothing_is_said() {
    assert_eq!(
        built(&[]),
        BuildRequest {
            path: PathBuf::from("."),
            specs: Vec::new(),
            from_issues: Vec::new(),
            dry_run: false,
            restart: Restart::default(),
            resume: None,
            output: Output::default(),
            flags: Flags::default(),
        }
    );
}

#[test]
fn every_flag_arrives_in_its_field() {
    assert!(built(&["--dry-run"]).dry_run);
    let request = built(&[
        "--engine",
        "replay:tape.json, claude",
        "--model",
        "opus[1m]",
        "--endpoint",
        "http://localhost:1/v1",
        "--skip-auth-check",
        "--skip-credential-probe",
        "--i-have-permission",
        "--no-wait-for-reset",
        "--chunk-strategy",
        "tasks",
        "--max-cost-usd",
        "12.5",
        "--max-tokens",
        "9000",
        "--max-cost-usd-per-chunk",
        "0.1",
        "--max-tokens-per-chunk",
        "1000000000000",
        "--agent-timeout",
        "5m",
        "--stall-timeout",
        "30",
        "--deadline",
        "1h30m",
        "--spec",
        "a.md",
        "--spec",
        "b.md",
        "--from-issue",
        "#12",
        "--from-issue",
        "https://git.example/o/r/issues/3",
        "--base",
        "main",
        "--json",
        "--max-commits-per-pr",
        "3",
        "--max-loc-per-pr",
        "50",
        "--platform",
        "local",
        "--continuous",
        "--cycle-sleep-s",
        "0",
        "--no-resume",
        "--reset-ledger",
        "--fresh",
        "--include-optional",
        "--allow-unverified",
        "--require-proof",
        "--min-coverage",
        "80.5",
        "--max-fix-attempts",
        "0",
        "--sandbox",
        "off",
        "-vv",
        "somewhere",
    ]);
    assert_eq!(
        request,
        BuildRequest {
            path: PathBuf::from("somewhere"),
            specs: vec![PathBuf::from("a.md"), PathBuf::from("b.md")],
            from_issues: vec![
                IssueRef::Number(12),
                IssueRef::Url("https://git.example/o/r/issues/3".to_owned())
            ],
            dry_run: false,
            restart: Restart {
                forget_failures: true,
                rebuild_ledger: true,
                fresh: true
            },
            resume: None,
            output: Output {
                format: Format::Json,
                verbosity: Verbosity::Debug
            },
            flags: Flags {
                engine: Some(EngineChoice::Chain(vec![
                    EngineRef::Replay(PathBuf::from("tape.json")),
                    EngineRef::Named("claude".to_owned())
                ])),
                model: Some("opus[1m]".to_owned()),
                endpoint: Some("http://localhost:1/v1".to_owned()),
                agent_timeout: Some(Duration::from_secs(300)),
                stall_timeout: Some(Duration::from_secs(30)),
                deadline: Some(Duration::from_secs(5_400)),
                base: Some("main".to_owned()),
                continuous: Some(true),
                cycle_sleep: Some(Duration::ZERO),
                wait_for_reset: Some(false),
                max_fix_attempts: Some(0),
                sandbox: Some("off".to_owned()),
                max_commits: Some(3),
                max_lines: Some(50),
                platform: Some("local".to_owned()),
                chunk_strategy: Some("tasks".to_owned()),
                max_cost_usd: Some(12.5),
                max_tokens: Some(9_000),
                chunk_max_cost_usd: Some(0.1),
                chunk_max_tokens: Some(1_000_000_000_000),
                include_optional: Some(true),
                allow_unverified: Some(true),
                require_proof: true,
                min_coverage: Some(80.5),
                i_have_permission: Some(true),
                skip_auth_check: true,
                skip_credential_probe: true,
            },
        }
    );
    // The command that a report offers gives the same settings again.
    let words = request.flags.words();
    let again: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(built(&again).flags, request.flags);
    assert_eq!(Flags::default().words(), Vec::<String>::new());
}

#[test]
fn a_session_is_one_word_and_only_a_build_goes_on_with_it() {
    assert_eq!(
        built(&["--resume", "0b1c-22"]).resume.as_deref(),
        Some("0b1c-22")
    );
    assert!(refused(&["--resume"]).contains("--resume <SESSION>"));
    assert!(refused(&["--resume", "a b"]).contains("one word"));
    assert!(refused(&["--resume=-x"]).contains("one word"));
    assert!(refused(&["--resume", "a", "--no-resume"]).contains("cannot be used with"));
    assert!(refused(&["--resume", "a", "--dry-run"]).contains("cannot be used with"));
    assert!(refused(&["plan", "--resume", "a"]).contains("--resume"));
}

#[test]
fn each_of_the_two_skips_its_own_look() {
    let seen = |args: &[&str]| {
        let flags = built(args).flags;
        (flags.skip_auth_check, flags.skip_credential_probe)
    };
    assert_eq!(seen(&[]), (false, false));
    assert_eq!(seen(&["--skip-auth-check"]), (true, false));
    assert_eq!(seen(&["--skip-credential-probe"]), (false, true));
}

#[test]
fn issues_are_numbers_or_addresses() {
    for good in [
        "1",
        "#7",
        "9007199254740991",
        "HTTPS://git.example/o/r/issues/1",
        "http://127.0.0.1:3000/o/r/issues/1",
    ] {
        assert_eq!(
            built(&["--from-issue", good]).from_issues.len(),
            1,
            "{good}"
        );
    }
    for bad in [
        "0",
        "",
        "#",
        "+1",
        "1.5",
        "x",
        "9007199254740992",
        "99999999999999999999",
        "ftp://x/1",
        "https://x/ 1",
        "git.example/o/r/issues/1",
    ] {
        assert!(
            refused(&["--from-issue", bad])
                .contains("an issue's number, or the address of its page"),
            "{bad}"
        );
    }
    assert!(refused(&["plan", "--from-issue", "1"]).contains("--from-issue"));
}

#[test]
fn a_platform_is_one_of_the_known() {
    for platform in PLATFORMS {
        assert_eq!(
            built(&["--platform", platform]).flags.platform.as_deref(),
            Some(*platform)
        );
    }
    assert!(refused(&["--platform", "sourcehut"]).contains("sourcehut"));
}

#[test]
fn of_the_two_words_about_waiting_the_last_counts() {
    let table: [(&[&str], Option<bool>); 5] = [
        (&[], None),
        (&["--wait-for-reset"], Some(true)),
        (&["--no-wait-for-reset"], Some(false)),
        (&["--wait-for-reset", "--no-wait-for-reset"], Some(false)),
        (&["--no-wait-for-reset", "--wait-for-reset"], Some(true)),
    ];
    for (line, wait) in table {
        assert_eq!(built(line).flags.wait_for_reset, wait, "{line:?}");
    }
    let flags = built(&["--wait-for-reset"]).flags;
    assert_eq!(flags.words(), ["--wait-for-reset"]);
}

#[test]
fn a_bad_address_is_not_repeated() {
    // It may hold a key, so the command line takes it as it is and the configuration judges it.
    let flags = built(&["--endpoint", "https://me:hunter2hunter2@there"]).flags;
    assert!(flags.endpoint.is_some());
}

#[test]
fn a_person_s_moves_name_a_chunk() {
    let moved = |words: &[&str]| match read(words) {
        Ok(Request::Move(request)) => request,
        other => panic!("{words:?}: {other:?}"),
    };
    let chunk = |word: &str| Wanted::Chunk(word.to_owned());
    let retry = moved(&["retry", "a:T1"]);
    assert_eq!((retry.verb, retry.wanted), (MoveVerb::Retry, chunk("a:T1")));
    assert_eq!(retry.path, PathBuf::from("."));
    assert_eq!(
        moved(&["retry", "T1", "there"]).path,
        PathBuf::from("there")
    );
    let all = moved(&["retry", "--all-failed", "there", "--json"]);
    assert_eq!(
        (all.wanted, all.path),
        (Wanted::AllFailed, PathBuf::from("there"))
    );
    assert_eq!(all.output.format, Format::Json);
    let answer = moved(&["answer", "T1", "in green", "there"]);
    assert_eq!(answer.verb, MoveVerb::Answer("in green".to_owned()));
    assert_eq!(answer.path, PathBuf::from("there"));
    assert_eq!(
        moved(&["answer", "T1", "-"]).verb,
        MoveVerb::Answer("-".to_owned())
    );
    assert_eq!(moved(&["accept", "T1"]).verb, MoveVerb::Accept);
    assert_eq!(moved(&["skip", "T1"]).verb, MoveVerb::Skip);
    assert!(refused(&["retry"]).contains("<CHUNK>"));
    assert!(refused(&["skip"]).contains("<CHUNK>"));
    assert!(refused(&["answer", "T1"]).contains("<TEXT>"));
    assert!(refused(&["retry", "T1", "there", "--all-failed"]).contains("no CHUNK beside it"));
}

#[test]
fn a_verb_comes_first_and_a_path_may_look_like_one() {
    assert!(matches!(read(&["plan"]), Ok(Request::Plan(_))));
    assert_eq!(built(&["./plan"]).path, PathBuf::from("./plan"));
    assert_eq!(built(&["--", "elsewhere"]).path, PathBuf::from("elsewhere"));
    assert!(refused(&["--json", "status"]).contains("comes first: codelicious status"));
    assert!(refused(&["pln", "x"]).contains("did you mean 'plan'?"));
    assert!(refused(&[".", "status"]).contains("comes first"));
    assert!(refused(&["one", "two"]).contains("'two' is one word too many"));
    assert_eq!(mistyped_verb(Path::new("stauts")), Some("status"));
    assert_eq!(mistyped_verb(Path::new("pln")), Some("plan"));
    assert_eq!(mistyped_verb(Path::new("backend")), None);
}

#[test]
fn verbs_take_what_is_theirs() {
    let output = Output {
        format: Format::Json,
        verbosity: Verbosity::Quiet,
    };
    let flags = Flags {
        engine: Some("claude".parse().expect("an engine")),
        max_lines: Some(99),
        chunk_strategy: Some("llm".to_owned()),
        ..Flags::default()
    };
    let table: [(&[&str], Request); 11] = [
        (
            &[
                "plan",
                "x",
                "--spec",
                "a.md",
                "--json",
                "-q",
                "--engine",
                "claude",
                "--max-loc-per-pr",
                "99",
                "--chunk-strategy",
                "llm",
            ],
            Request::Plan(PlanRequest {
                path: "x".into(),
                specs: vec!["a.md".into()],
                shape: PlanShape::Report,
                output,
                flags,
            }),
        ),
        (
            &["plan", "--format", "github-matrix"],
            Request::Plan(PlanRequest {
                path: ".".into(),
                specs: Vec::new(),
                shape: PlanShape::GithubMatrix,
                output: Output::default(),
                flags: Flags::default(),
            }),
        ),
        (
            &["plan", "--format", "json", "-q"],
            Request::Plan(PlanRequest {
                path: ".".into(),
                specs: Vec::new(),
                shape: PlanShape::Report,
                output,
                flags: Flags::default(),
            }),
        ),
        (
            &["status", "--json", "-v"],
            Request::Status(StatusRequest {
                path: ".".into(),
                output: Output {
                    format: Format::Json,
                    verbosity: Verbosity::Verbose,
                },
            }),
        ),
        (
            &["events", "--run", "r1", "x"],
            Request::Events(EventsRequest {
                path: "x".into(),
                run: Some("r1".into()),
                output: Output::default(),
            }),
        ),
        (
            &["doctor"],
            Request::Doctor(DoctorRequest {
                path: ".".into(),
                output: Output::default(),
                flags: Flags::default(),
            }),
        ),
        (
            &["init", "x"],
            Request::Init(InitRequest { path: "x".into() }),
        ),
        (
            &["gc"],
            Request::Gc(GcRequest {
                path: ".".into(),
                yes: false,
                output: Output::default(),
            }),
        ),
        (
            &["gc", "--yes", "--json", "x"],
            Request::Gc(GcRequest {
                path: "x".into(),
                yes: true,
                output: Output {
                    format: Format::Json,
                    verbosity: Verbosity::Normal,
                },
            }),
        ),
        (
            &["demo", "--dir", "d"],
            Request::Demo(DemoRequest {
                dir: Some("d".into()),
                output: Output::default(),
            }),
        ),
        (
            &["completions", "powershell"],
            Request::Completions(Shell::PowerShell),
        ),
    ];
    for (line, request) in table {
        assert_eq!(read(line).ok(), Some(request), "{line:?}");
    }
}

#[test]
fn flags_without_effect_are_refused_by_name() {
    let table: [(&[&str], &str); 2] = [
        (&["--parallel", "4"], "--parallel"),
        (&["--parallel"], "--parallel"),
    ];
    for (line, flag) in table {
        assert!(
            refused(line).contains(&format!("{flag} is not supported by this version yet")),
            "{line:?}"
        );
    }
}

#[test]
fn bad_values_name_what_is_allowed() {
    let table: [(&[&str], &str); 29] = [
        (&["--max-commits-per-pr", "0"], "1..=100"),
        (&["--max-commits-per-pr", "101"], "1..=100"),
        (&["--max-loc-per-pr", "49"], "50..=5000"),
        (&["--max-loc-per-pr", "5001"], "50..=5000"),
        (&["--cycle-sleep-s", "3601"], "from 0 to 3600"),
        (&["--agent-timeout", "0"], "from 1 to"),
        (&["--deadline", "soon"], "such as 90s, 30m or 8h"),
        (&["--engine", "GPT"], "known are auto, claude, huggingface"),
        (&["--engine", "claude,"], "an engine's name is missing"),
        (&["--engine", "claude,claude"], "claude is named twice"),
        (&["--engine", "auto,claude"], "auto stands alone"),
        (&["--max-cost-usd", "0"], "US dollars above 0"),
        (&["--max-cost-usd", "NaN"], "US dollars above 0"),
        (&["--max-cost-usd-per-chunk", "inf"], "US dollars above 0"),
        (&["--max-tokens", "999"], "1000..=1000000000000"),
        (&["--max-tokens-per-chunk", "1e6"], "invalid"),
        (&["--chunk-strategy", "magic"], "auto, tasks, llm"),
        (&["--engine", "replay:"], "needs a file"),
        (&["--model", "a b"], "one word"),
        (&["--base", ""], "one word"),
        (&["-q", "-v"], "cannot be used with"),
        (&["--dry-run", "--fresh"], "cannot be used with"),
        (&["--no-resume", "--dry-run"], "cannot be used with"),
        (&["--dry-run", "--reset-ledger"], "cannot be used with"),
        // Where it would change nothing.
        (&["status", "-q"], "unexpected argument"),
        (&["plan", "-v"], "unexpected argument"),
        (&["doctor", "-v"], "unexpected argument"),
        (&["init", "-q"], "unexpected argument"),
        (&["skip", "T001", "-v"], "unexpected argument"),
    ];
    for (line, part) in table {
        let message = refused(line);
        assert!(message.contains(part), "{line:?}: {message}");
    }
    assert!(refused(&["--max-commit-per-pr", "3"]).contains("--max-commits-per-pr"));
    for line in [
        ["--platfrom", "local", "x"],
        ["x", "--platfrom", "local"],
        ["--json", "--platfrom", "local"],
    ] {
        assert!(
            refused(&line).contains("'--platform'"),
            "{line:?}: {}",
            refused(&line)
        );
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for line in [["--help"], ["-h"], ["--version"], ["-V"]] {
        assert_eq!(read(&line).expect_err("an early end").exit_code(), 0);
    }
    let printed = read(&["--help"]).expect_err("an early end").to_string();
    assert!(printed.starts_with("Turns specs into"), "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 80));
    let version = read(&["-V"]).expect_err("an early end").to_string();
    assert_eq!(
        version.trim(),
        format!("codelicious {}", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn help_fits_80_columns() {
    for verb in std::iter::once(None).chain(VERBS.map(Some)) {
        let text = help(verb.unwrap_or_default()).expect("each verb has help");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{verb:?}: {line}");
        }
    }
    assert_eq!(help("nothing"), None);
    assert_eq!(help("sandbox nothing"), None);
}

#[test]
fn help_is_grouped_and_ends_with_the_exit_codes() {
    let text = help("").expect("help of the program");
    let headings = [
        "Verbs:",
        "Specs:",
        "Engine:",
        "Verification:",
        "Pull requests:",
        "Run:",
        "Output:",
    ];
    for heading in headings {
        assert!(
            text.lines().any(|line| line == heading),
            "{heading}\n{text}"
        );
    }
    for exit in ExitCode::ALL {
        assert!(
            text.contains(&format!("{:>3}  {}", exit.code(), exit.meaning())),
            "{text}"
        );
    }
    assert!(text.trim_end().ends_with(ExitCode::Done.meaning()));
    assert_eq!(
        text.matches("\n  codelicious ").count(),
        3,
        "three examples"
    );
}

#[test]
fn help_and_settings_tell_the_same() {
    let command = Cli::command();
    for doc in KEYS {
        let Some(flag) = doc.flag else { continue };
        let arg = command
            .get_arguments()
            .find(|arg| {
                arg.get_long()
                    .is_some_and(|long| format!("--{long}") == flag)
            })
            .unwrap_or_else(|| panic!("no flag {flag} for {}", doc.key));
        let help = arg.get_help().expect("help").to_string();
        let default = doc.default.trim_matches('"');
        if arg.get_action().takes_values() && !default.is_empty() {
            assert!(
                help.contains(&format!("[default: {default}]")),
                "{flag}: {help}"
            );
        }
        if let Kind::Int { min, max } | Kind::Seconds { min, max } = doc.kind {
            for (value, fits) in [(min, true), (max, true), (max + 1, false)] {
                assert_eq!(
                    read(&[flag, &value.to_string()]).is_ok(),
                    fits,
                    "{flag} {value}"
                );
            }
            if let Some(below) = min.checked_sub(1) {
                assert!(read(&[flag, &below.to_string()]).is_err(), "{flag} {below}");
            }
        }
        if let Kind::OneOf(words) = doc.kind
            && arg.get_action().takes_values()
        {
            for word in words {
                assert!(read(&[flag, word]).is_ok(), "{flag} {word}");
            }
            assert!(read(&[flag, "other"]).is_err());
        }
    }
}

#[test]
fn every_verb_is_listed_and_completed() {
    let command = Cli::command();
    let verbs: Vec<&str> = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    assert_eq!(verbs, VERBS);
    for shell in [
        Shell::Bash,
        Shell::Elvish,
        Shell::Fish,
        Shell::PowerShell,
        Shell::Zsh,
    ] {
        let script = completions(shell);
        assert!(
            script.contains("max-loc-per-pr") && !script.contains("parallel"),
            "{shell:?}"
        );
    }
}

#[test]
fn the_words_of_sandbox() {
    use crate::config::SandboxRequest;
    use crate::model::policy::Preset;
    let read = |words: &[&str]| {
        let words = ["codelicious", "sandbox"].iter().chain(words);
        parse(words.map(OsString::from))
    };
    let request = |words: &[&str]| match read(words) {
        Ok(Request::Sandbox(request)) => request,
        other => panic!("{other:?}"),
    };
    let run = request(&["run", "--preset", "setup", "--", "npm", "ci", "--json"]);
    assert!(run.runs);
    assert_eq!(run.preset, Some(Preset::Setup));
    assert_eq!(run.command, ["npm", "ci", "--json"]);
    let SandboxRequest {
        runs,
        preset,
        command,
        output,
        ..
    } = request(&["explain", "--json", "--", "make test"]);
    assert!(!runs && preset.is_none());
    assert_eq!(
        (command, output.format),
        (vec!["make test".to_owned()], Format::Json)
    );
    for words in [
        &["explain"][..],
        &[],
        &["run", "--"],
        &["run", "--preset", "other", "--", "x"],
        &["run", "--json", "--", "x"],
    ] {
        assert_eq!(read(words).unwrap_err().exit_code(), 2, "{words:?}");
    }
}
