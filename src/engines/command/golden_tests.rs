//! Recorded streams of the real programs, each through its preset against the outcome it must come to.
//!
//! The recordings lie beside the repository; `CODELICIOUS_STREAMS_DIR` names another place. Where they are absent
//! the tests say so and pass: they have nothing to look at.

use super::fold::{End, Fold, Spent};
use super::testkit::{Frozen, word};
use super::*;
use crate::model::Allowance;
use crate::proc::Ended;

fn recordings() -> Option<PathBuf> {
    let dir = option_env!("CODELICIOUS_STREAMS_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/streams"),
        PathBuf::from,
    );
    let found = dir.join("codex").is_dir().then_some(dir);
    if found.is_none() {
        eprintln!("SKIPPED: no recorded streams beside the repository");
    }
    found
}

/// Folds a stream as the engine does: stops where it would.
fn replay(
    preset: &str,
    dir: &Path,
    name: &str,
    ended: Ended,
    code: i32,
) -> (EngineReport, Vec<String>) {
    let config = CommandConfig::preset(preset).unwrap();
    let at = |extension: &str| {
        std::fs::read(dir.join(name).with_extension(extension)).unwrap_or_default()
    };
    let lane = format!("/repo/{name}");
    let mut fold = Fold::new(
        &config,
        &Frozen,
        &lane,
        Allowance::default(),
        Spent::default(),
    );
    let mut end = End {
        ended,
        code,
        stderr: String::from_utf8(at("stderr")).unwrap(),
        timeout: Duration::from_secs(600),
        stall: Duration::from_secs(60),
    };
    let mut steps = Vec::new();
    for line in at("jsonl").split(|b| *b == b'\n') {
        let update = fold.line(line);
        steps.extend(update.step);
        if update.stop {
            (end.ended, end.code) = (Ended::ByCaller, 143);
            break;
        }
    }
    (fold.finish(&end, None, None), steps)
}

/// Input, cached, output.
type Tokens = Option<(u64, u64, u64)>;

/// Preset, recording, how the process ended, its exit code, the outcome, tokens.
#[rustfmt::skip]
const TABLE: &[(&str, &str, Ended, i32, &str, Tokens)] = &[
    ("codex",    "codex/c01_text",       Ended::Itself,   0,   "undeclared",   Some((800, 200, 50))),
    ("codex",    "codex/c02_exec",       Ended::Itself,   0,   "undeclared",   Some((3_200, 800, 200))),
    ("codex",    "codex/c03_429",        Ended::Itself,   1,   "rate limited", None),
    ("codex",    "codex/c04_401",        Ended::Itself,   1,   "auth",         None),
    ("codex",    "codex/c05_500",        Ended::Itself,   1,   "transient",    None),
    ("codex",    "codex/c06_usage",      Ended::Itself,   1,   "rate limited", None),
    ("codex",    "codex/c07_schema",     Ended::Itself,   0,   "undeclared",   Some((800, 200, 50))),
    ("codex",    "codex/c08_resume",     Ended::Itself,   0,   "undeclared",   Some((1_600, 400, 100))),
    ("codex",    "codex/c09_nogit",      Ended::Itself,   1,   "not started",  None),
    ("codex",    "codex/c10_bypass",     Ended::Itself,   0,   "undeclared",   Some((1_600, 400, 100))),
    ("codex",    "codex/c11_exec_hostns",Ended::Itself,   0,   "undeclared",   Some((2_400, 600, 150))),
    ("codex",    "codex/c12_exec_ok",    Ended::Itself,   0,   "undeclared",   Some((4_000, 1_000, 250))),
    ("codex",    "codex/c13_readonly",   Ended::Itself,   0,   "undeclared",   Some((4_000, 1_000, 250))),
    ("codex",    "codex/c14_term_hang",  Ended::Stalled,  143, "stalled",      None),
    ("codex",    "codex/c15_term_cmd",   Ended::Stopped,  143, "interrupted",  None),
    ("codex",    "codex/c16_int_cmd",    Ended::Itself,   130, "protocol",     None),
    ("codex",    "codex/c17_term_cmd_nosb", Ended::TimedOut, 143, "timed out", None),
    ("gemini",   "other/g01_gemini",     Ended::Itself,   0,   "undeclared",   Some((2_000, 0, 100))),
    // The other output format is not of the protocol.
    ("gemini",   "other/g02_gemini_json",Ended::Itself,   0,   "protocol",     None),
    ("opencode", "other/o01_opencode",   Ended::Itself,   0,   "undeclared",   Some((2_000, 0, 100))),
    ("aider",    "other/a01_aider",      Ended::Itself,   0,   "undeclared",   None),
];

#[test]
fn every_recording_comes_to_its_outcome() {
    let Some(dir) = recordings() else { return };
    for (preset, name, ended, code, outcome, tokens) in TABLE {
        let (report, _) = replay(preset, &dir, name, *ended, *code);
        assert_eq!(word(&report.outcome), *outcome, "{name}: {report:?}");
        let usage = report.usage;
        let got = usage
            .input
            .zip(usage.output)
            .map(|(i, o)| (i, usage.cached.unwrap_or(0), o));
        assert_eq!(got, *tokens, "{name}");
    }
    for folder in ["codex", "other"] {
        for entry in dir.join(folder).read_dir().unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{folder}/{}", path.file_stem().unwrap().to_str().unwrap());
            let is_known = TABLE.iter().any(|(_, known, ..)| *known == name) || name == "codex/c07";
            assert!(is_known, "{name} is not in the table");
        }
    }
}

#[test]
fn details_of_recordings() {
    let Some(dir) = recordings() else { return };
    let (text, _) = replay("codex", &dir, "codex/c01_text", Ended::Itself, 0);
    assert_eq!(
        text.outcome,
        EngineOutcome::Undeclared {
            last_words: "hello from mock".to_owned()
        }
    );
    assert_eq!(
        text.session.as_deref(),
        Some("01a1fa15-1c69-7a83-b76c-acb5dfd9508a")
    );
    assert_eq!(text.cost, Cost::Unknown, "codex tells no dollars");

    let (limited, steps) = replay("codex", &dir, "codex/c03_429", Ended::Itself, 1);
    assert!(
        matches!(&limited.outcome, EngineOutcome::Failed(EngineError::RateLimited { until: None, message }) if message.ends_with("429 Too Many Requests"))
    );
    assert!(steps[0].starts_with("Reconnecting... 1/1"), "{steps:?}");

    // A refused key ends it at its first word of it, before it tries again.
    let (refused, steps) = replay("codex", &dir, "codex/c04_401", Ended::Itself, 1);
    assert_eq!((steps.len(), refused.cost), (1, Cost::Usd(0.0)));

    let (schema, _) = replay("codex", &dir, "codex/c07_schema", Ended::Itself, 0);
    assert!(
        matches!(&schema.outcome, EngineOutcome::Undeclared { last_words } if last_words.contains("not valid") && last_words.contains("status")),
        "{schema:?}"
    );
    let (nogit, _) = replay("codex", &dir, "codex/c09_nogit", Ended::Itself, 1);
    assert!(
        matches!(&nogit.outcome, EngineOutcome::Failed(EngineError::NotStarted { message }) if message.contains("trusted directory"))
    );

    let (_, steps) = replay("codex", &dir, "codex/c12_exec_ok", Ended::Itself, 0);
    assert_eq!(
        steps[0],
        "runs /bin/bash -lc 'echo hi > new.txt && cat new.txt'"
    );
    assert!(
        steps
            .iter()
            .any(|s| s.starts_with("changes ") && s.ends_with("a.py")),
        "{steps:?}"
    );

    let (gemini, steps) = replay("gemini", &dir, "other/g01_gemini", Ended::Itself, 0);
    assert_eq!(gemini.model.as_deref(), Some("gemini-2.5-pro"));
    assert_eq!(
        gemini.session.as_deref(),
        Some("911a55e5-8b84-426b-a40e-ebf5f1ec13fc")
    );
    assert_eq!(
        gemini.outcome,
        EngineOutcome::Undeclared {
            last_words: "done".to_owned()
        }
    );
    assert_eq!(steps, ["writes /repo/g01_gemini/n.txt"]);

    let (opencode, steps) = replay("opencode", &dir, "other/o01_opencode", Ended::Itself, 0);
    assert_eq!(
        opencode.session.as_deref(),
        Some("ses_e05e85167ffeLb5ZSNk4hz1g0u")
    );
    assert_eq!(
        opencode.outcome,
        EngineOutcome::Undeclared {
            last_words: "done".to_owned()
        }
    );
    assert_eq!(steps, ["writes /repo/o01_opencode/n.txt"]);
    assert_eq!(
        opencode.cost,
        Cost::Unknown,
        "nothing for 2,100 tokens is a price that it does not know"
    );

    let (aider, steps) = replay("aider", &dir, "other/a01_aider", Ended::Itself, 0);
    assert!(
        matches!(&aider.outcome, EngineOutcome::Undeclared { last_words } if last_words.ends_with("Commit 9a35b53 ok"))
    );
    assert_eq!(
        steps,
        [
            "Model: openai/mock with diff edit format",
            "Added a.py to the chat.",
            "Applied edit to a.py"
        ]
    );
    assert_eq!(
        (aider.usage, aider.cost),
        (Usage::default(), Cost::Unknown),
        "unknown is not zero"
    );
}

#[test]
fn a_resumed_session_is_not_counted_twice() {
    let Some(dir) = recordings() else { return };
    // The recording goes on in the session of another one, and counts both.
    let config = CommandConfig::preset("codex").unwrap();
    let count = |name: &str, before: Spent| {
        let mut fold = Fold::new(&config, &Frozen, "/lane", Allowance::default(), before);
        for line in std::fs::read(dir.join(name))
            .unwrap()
            .split(|b| *b == b'\n')
        {
            fold.line(line);
        }
        let (session, spent) = fold.counted().map(|(s, c)| (s.to_owned(), c)).unwrap();
        let end = End {
            ended: Ended::Itself,
            code: 0,
            stderr: String::new(),
            timeout: Duration::ZERO,
            stall: Duration::ZERO,
        };
        (session, spent, fold.finish(&end, None, None).usage)
    };
    let (first, spent, _) = count("codex/c07_schema.jsonl", Spent::default());
    let (second, _, usage) = count("codex/c08_resume.jsonl", spent);
    assert_eq!(first, second);
    assert_eq!(
        (usage.input, usage.cached, usage.output),
        (Some(800), Some(200), Some(50))
    );
}
