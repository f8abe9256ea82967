//! Recorded streams of the real program, each against the outcome it must come to.
//!
//! The recordings lie beside the repository; `CODELICIOUS_STREAMS` names another place. Where they are absent the
//! test says so and passes: it has nothing to look at.

use super::fold::{End, Fold};
use crate::model::{Cost, EngineError, EngineOutcome, EngineReport};
use crate::proc::Ended;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn recordings() -> Option<PathBuf> {
    let dir = option_env!("CODELICIOUS_STREAMS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/streams/claude"),
        PathBuf::from,
    );
    dir.is_dir().then_some(dir)
}

/// Folds a stream as the engine does: stops at the first hopeless line.
fn replay(stream: &[u8], stderr: &str, ended: Ended, code: i32) -> EngineReport {
    let mut fold = Fold::new(Path::new("/repo"));
    let mut end = End {
        ended,
        code,
        stderr: stderr.to_owned(),
        timeout: Duration::from_secs(600),
        stall: Duration::from_secs(60),
    };
    for line in stream.split(|b| *b == b'\n') {
        if fold.line(line).hopeless {
            end.ended = Ended::ByCaller;
            end.code = 143;
            break;
        }
    }
    fold.finish(&end)
}

/// The kind of outcome in a word.
fn word(outcome: &EngineOutcome) -> &'static str {
    match outcome {
        EngineOutcome::Completed(_) => "completed",
        EngineOutcome::Blocked(_) => "blocked",
        EngineOutcome::Undeclared { .. } => "undeclared",
        EngineOutcome::Interrupted => "interrupted",
        EngineOutcome::Failed(error) => match error {
            EngineError::RateLimited { .. } => "rate limited",
            EngineError::Overloaded { .. } => "overloaded",
            EngineError::Credit { .. } => "credit",
            EngineError::Auth { .. } => "auth",
            EngineError::ContextTooLong { .. } => "context",
            EngineError::InvalidRequest { .. } => "invalid",
            EngineError::Refusal { .. } => "refusal",
            EngineError::TimedOut { .. } => "timed out",
            EngineError::Stalled { .. } => "stalled",
            EngineError::AllowanceSpent { .. } => "allowance spent",
            EngineError::NoConnection { .. } => "no connection",
            EngineError::NoAnswer { .. } => "no answer",
            EngineError::TurnLimit { .. } => "turn limit",
            EngineError::Budget { .. } => "budget",
            EngineError::Transient { .. } => "transient",
            EngineError::Protocol { .. } => "protocol",
            EngineError::NotStarted { .. } => "not started",
        },
    }
}

/// File name up to its first underscore or more, how the process ended, its exit code, the outcome, dollars.
#[rustfmt::skip]
const TABLE: &[(&str, Ended, i32, &str, Option<f64>)] = &[
    ("01_happy",             Ended::Itself,   0,   "undeclared",   Some(0.03)),
    ("02_maxturns",          Ended::Itself,   1,   "turn limit",   Some(0.0225)),
    ("03_429_retry",         Ended::Itself,   0,   "undeclared",   Some(0.0075)),
    ("04_429_forever",       Ended::TimedOut, 143, "rate limited", None),
    ("05_429_long",          Ended::Itself,   1,   "rate limited", Some(0.0)),
    ("06_529_forever",       Ended::Itself,   1,   "overloaded",   Some(0.0)),
    ("07_401",               Ended::TimedOut, 143, "auth",         Some(0.0)),
    ("08_403",               Ended::Itself,   1,   "auth",         Some(0.0)),
    ("09_400",               Ended::Itself,   1,   "context",      Some(0.0)),
    ("10_400_credit",        Ended::Itself,   1,   "credit",       Some(0.0)),
    ("11_401_maxretries2",   Ended::Itself,   1,   "auth",         Some(0.0)),
    ("12_429_maxretries0",   Ended::Itself,   1,   "rate limited", Some(0.0)),
    ("15_root_skipperm",     Ended::Itself,   0,   "undeclared",   Some(0.015)),
    ("17_default_mode",      Ended::Itself,   0,   "undeclared",   Some(0.015)),
    ("18_plan_mode",         Ended::Itself,   0,   "undeclared",   Some(0.015)),
    ("19_dontAsk",           Ended::Itself,   0,   "undeclared",   Some(0.015)),
    ("20_outside_cwd",       Ended::Itself,   0,   "undeclared",   Some(0.0525)),
    ("21_json_out",          Ended::Itself,   0,   "undeclared",   Some(0.0075)),
    ("22_text_out",          Ended::Itself,   0,   "protocol",     None),
    ("23_partial",           Ended::Itself,   0,   "undeclared",   Some(0.015)),
    ("24_outside_noallow",   Ended::Itself,   0,   "undeclared",   Some(0.0375)),
    ("25_scoped_allow",      Ended::Itself,   0,   "undeclared",   Some(0.03)),
    ("26_disallowed_tools",  Ended::Itself,   0,   "undeclared",   Some(0.015)),
    ("27_tools_subset",      Ended::Itself,   0,   "undeclared",   Some(0.0075)),
    ("28_json_schema",       Ended::Itself,   0,   "undeclared",   Some(0.0075)),
    ("29_json_schema_bad",   Ended::Itself,   1,   "undeclared",   Some(0.03)),
    ("30_json_schema_notool",Ended::Itself,   0,   "undeclared",   Some(0.015)),
    ("31_budget",            Ended::Itself,   1,   "budget",       Some(0.625)),
    ("32_unknown_model",     Ended::Itself,   1,   "invalid",      Some(0.0)),
    ("33_fallback",          Ended::Itself,   0,   "undeclared",   Some(0.0045)),
    ("34_settings",          Ended::Itself,   0,   "undeclared",   Some(0.015)),
    ("35_resume_a",          Ended::Itself,   0,   "undeclared",   Some(0.0075)),
    ("36_resume_b",          Ended::Itself,   0,   "undeclared",   Some(0.0075)),
    ("37_resume_fork",       Ended::Itself,   0,   "undeclared",   Some(0.0075)),
    ("38_resume_othercwd",   Ended::Itself,   1,   "protocol",     Some(0.0)),
    ("39_resume_missing",    Ended::Itself,   1,   "protocol",     Some(0.0)),
    ("41_term_hang",         Ended::Stopped,  143, "interrupted",  None),
    ("42_int_hang",          Ended::Itself,   0,   "protocol",     None),
    ("43_term_bash",         Ended::Itself,   143, "protocol",     None),
    ("44_int_bash",          Ended::Itself,   1,   "protocol",     Some(0.0075)),
    ("45_kill_bash",         Ended::Stalled,  137, "stalled",      None),
    ("46_term_trap",         Ended::TimedOut, 143, "timed out",    None),
    ("47_term_setsid",       Ended::Stopped,  143, "interrupted",  None),
    ("48_bg_exit",           Ended::Itself,   0,   "undeclared",   Some(0.015)),
    ("49_term_slow",         Ended::TimedOut, 143, "timed out",    None),
    ("50_hup_hang",          Ended::Itself,   129, "protocol",     None),
    ("51_500",               Ended::Itself,   1,   "transient",    Some(0.0)),
    ("52_cut",               Ended::Itself,   0,   "undeclared",   Some(0.0075)),
    ("54_subagent",          Ended::Itself,   0,   "undeclared",   Some(0.0225)),
    ("55_bare",              Ended::Itself,   0,   "undeclared",   Some(0.0075)),
    ("57_maxtok",            Ended::Itself,   0,   "undeclared",   Some(0.015)),
    ("58_refusal",           Ended::Itself,   1,   "refusal",      Some(0.0075)),
    ("60_connrefused",       Ended::Itself,   1,   "transient",    Some(0.0)),
    ("61_nokey",             Ended::Itself,   1,   "auth",         Some(0.0)),
    ("63_429_unified_apikey",Ended::Itself,   1,   "rate limited", Some(0.0)),
    ("64_429_unified_oauth", Ended::Itself,   1,   "rate limited", Some(0.0)),
    ("65_warn_unified_oauth",Ended::Itself,   0,   "undeclared",   Some(0.0045)),
    ("66_429_ra120",         Ended::Itself,   1,   "rate limited", Some(0.0)),
    ("66_429_ra30",          Ended::Stalled,  143, "rate limited", None),
    ("66_429_ra61",          Ended::Itself,   1,   "rate limited", Some(0.0)),
    ("67_nonroot_skipperm",  Ended::Itself,   0,   "undeclared",   Some(0.015)),
    ("68_stream_input",      Ended::Itself,   0,   "undeclared",   Some(0.015)),
    ("70_landlock",          Ended::Itself,   0,   "undeclared",   Some(0.03)),
];

/// Failures that print to standard error only.
const STDERR_ONLY: &[(&str, &str)] = &[
    ("16_noverbose", "protocol"),
    ("40_sessionid_reuse", "transient"),
    ("53_badflag", "not started"),
    ("56_emptyprompt", "protocol"),
];

#[test]
fn every_recording_comes_to_its_outcome() {
    let Some(dir) = recordings() else {
        eprintln!("SKIPPED: no recorded streams beside the repository");
        return;
    };
    let mut seen = 0;
    for entry in dir.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let stderr = std::fs::read_to_string(path.with_extension("stderr")).unwrap_or_default();
        if path.extension().is_some_and(|e| e == "stderr") {
            if let Some((_, want)) = STDERR_ONLY.iter().find(|(n, _)| *n == name) {
                let report = replay(b"", &stderr, Ended::Itself, 1);
                assert_eq!(word(&report.outcome), *want, "{name}: {report:?}");
            } else {
                assert!(
                    path.with_extension("jsonl").exists(),
                    "{name}.stderr is not in the table"
                );
            }
            continue;
        }
        let row = TABLE.iter().find(|(prefix, ..)| name.starts_with(prefix));
        let (_, ended, code, want, usd) =
            row.unwrap_or_else(|| panic!("{name} is not in the table"));
        let report = replay(&std::fs::read(&path).unwrap(), &stderr, *ended, *code);
        assert_eq!(word(&report.outcome), *want, "{name}: {report:?}");
        assert_eq!(report.cost, usd.map_or(Cost::Unknown, Cost::Usd), "{name}");
        seen += 1;
    }
    assert_eq!(seen, TABLE.len(), "a recording of the table is missing");
}

#[test]
fn details_of_recordings() {
    let Some(dir) = recordings() else { return };
    let report = |name: &str, ended, code| {
        let stream = std::fs::read(dir.join(name).with_extension("jsonl")).unwrap();
        replay(&stream, "", ended, code)
    };
    let limited = report("64_429_unified_oauth", Ended::Itself, 1).outcome;
    assert!(
        matches!(&limited, EngineOutcome::Failed(EngineError::RateLimited { until: Some(at), .. }) if at.timestamp() == 1_795_204_075),
        "{limited:?}"
    );
    let budget = report("31_budget", Ended::Itself, 1);
    assert_eq!(
        (budget.usage.input, budget.usage.output),
        (Some(100_000), Some(5_000))
    );
    let subagent = report("54_subagent", Ended::Itself, 0);
    assert_eq!(
        subagent.usage.input,
        Some(3_600),
        "a subagent's tokens count"
    );
    let first = report("35_resume_a", Ended::Itself, 0);
    let second = report("36_resume_b", Ended::Itself, 0);
    assert_eq!(first.session, second.session);
    assert_eq!(
        second.cost,
        Cost::Usd(0.0075),
        "a resumed process counts from zero"
    );
    assert_eq!(
        report("33_fallback", Ended::Itself, 0).model.as_deref(),
        Some("claude-sonnet-4-5")
    );
    assert_eq!(report("39_resume_missing", Ended::Itself, 1).session, None);
    let killed = report("45_kill_bash", Ended::Stalled, 137);
    assert_eq!(
        (killed.usage.input, killed.usage.output),
        (Some(1_200), None)
    );
    let silent = report("41_term_hang", Ended::Stopped, 143);
    assert_eq!(silent.usage.total(), None, "unknown is not zero");
    let turns = report("02_maxturns", Ended::Itself, 1).outcome;
    assert_eq!(
        turns,
        EngineOutcome::Failed(EngineError::TurnLimit { turns: 4 })
    );
    // Ended by its own exhausted retries, without our stopping it early.
    let schema = report("29_json_schema_bad", Ended::Itself, 1).outcome;
    assert!(
        matches!(&schema, EngineOutcome::Undeclared { last_words } if last_words.contains("5 attempts")),
        "{schema:?}"
    );
}
