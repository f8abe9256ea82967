//! Recorded streams of the real program, each against the outcome it must come to.
//!
//! The recordings lie beside the repository; `CODELICIOUS_STREAMS` names another place. Where they are absent the
//! test says so and passes: it has nothing to look at.

use super::fold::{End, Fold};
use super::meter::Bounds;
use crate::model::{Cost, EngineError, EngineOutcome, EngineReport};
use crate::proc::Ended;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn recordings() -> Option<PathBuf> {
    let dir = option_env!("CODELICIOUS_STREAMS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/streams/claude"),
        PathBuf::from,
    );
    dir.is_dir().then_some(dir)
}

/// The day of the recordings, as the time of every line.
fn recorded() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_195_800, 0).unwrap()
}

/// Folds a stream as the engine does: stops at the first hopeless line.
fn replay(stream: &[u8], stderr: &str, ended: Ended, code: i32) -> EngineReport {
    let mut fold = Fold::new(Path::new("/repo"), Bounds::default());
    let mut end = End {
        ended,
        code,
        stderr: stderr.to_owned(),
        timeout: Duration::from_secs(600),
        stall: Duration::from_secs(60),
        at: recorded(),
    };
    for line in stream.split(|b| *b == b'\n') {
        if fold.line(line, recorded()).hopeless {
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
        EngineOutcome::Reviewed(_) => "reviewed",
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

type Row = (&'static str, Ended, i32, &'static str, Option<f64>);

/// File name up to its first underscore or more, how the process ended, its exit code, the outcome, dollars.
#[rustfmt::skip]
const TABLE: &[Row] = &[
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
    let (mut seen, mut stderr_only) = (0, 0);
    for entry in dir.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let stderr = std::fs::read_to_string(path.with_extension("stderr")).unwrap_or_default();
        if path.extension().is_some_and(|e| e == "stderr") {
            if let Some((_, want)) = STDERR_ONLY.iter().find(|(n, _)| *n == name) {
                let report = replay(b"", &stderr, Ended::Itself, 1);
                assert_eq!(word(&report.outcome), *want, "{name}: {report:?}");
                stderr_only += 1;
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
    assert_eq!(
        (seen, stderr_only),
        (TABLE.len(), STDERR_ONLY.len()),
        "a recording of the tables is missing"
    );
}

/// Every recording of the table with its row.
fn rows(dir: &Path) -> Vec<(&'static Row, Vec<u8>, String)> {
    let names = dir.read_dir().unwrap().map(|e| e.unwrap().path());
    let mut found = Vec::new();
    for path in names.filter(|p| p.extension().is_some_and(|e| e == "jsonl")) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let row = TABLE.iter().find(|(prefix, ..)| name.starts_with(prefix));
        let stderr = std::fs::read_to_string(path.with_extension("stderr")).unwrap_or_default();
        found.push((row.unwrap(), std::fs::read(&path).unwrap(), stderr));
    }
    found
}

/// The stream with every line of the protocol changed by `change`, and what else it adds behind the line.
fn changed(stream: &[u8], change: impl Fn(&mut Value) -> Vec<Value>) -> Vec<u8> {
    let mut out = Vec::new();
    for line in stream.split(|b| *b == b'\n') {
        match serde_json::from_slice::<Value>(line) {
            Ok(mut value) => {
                let more = change(&mut value);
                out.push(value.to_string());
                out.extend(more.iter().map(Value::to_string));
            }
            Err(_) => out.push(String::from_utf8_lossy(line).into_owned()),
        }
    }
    out.join("\n").into_bytes()
}

#[test]
fn kinds_and_fields_that_are_not_known_yet_change_nothing() {
    let Some(dir) = recordings() else { return };
    for ((name, ended, code, want, usd), stream, stderr) in rows(&dir) {
        let stream = changed(&stream, |line| {
            // A text or JSON answer in one piece is no stream.
            let Some(map) = line.as_object_mut() else {
                return Vec::new();
            };
            map.insert("of_tomorrow".to_owned(), json!({"deep": [1, null]}));
            if let Some(message) = map.get_mut("message") {
                message["of_tomorrow"] = json!(true);
                if let Some(content) = message["content"].as_array_mut() {
                    content.push(json!({"type": "block_of_tomorrow", "name": 7}));
                }
            }
            vec![
                json!({"type": "line_of_tomorrow", "result": "Not logged in", "is_error": true}),
                json!({"type": "system", "subtype": "event_of_tomorrow", "error": "rate_limit"}),
                json!({"type": "stream_event", "event": {"type": "piece_of_tomorrow"}}),
                json!({"type": "rate_limit_event", "rate_limit_info": {"status": "status_of_tomorrow"}}),
            ]
        });
        let report = replay(&stream, &stderr, *ended, *code);
        assert_eq!(word(&report.outcome), *want, "{name}: {report:?}");
        assert_eq!(report.cost, usd.map_or(Cost::Unknown, Cost::Usd), "{name}");
    }
}

#[test]
fn outcomes_hang_on_fields_and_exit_codes_and_not_on_words() {
    let Some(dir) = recordings() else { return };
    for ((name, ended, code, want, _), stream, stderr) in rows(&dir) {
        let stream = changed(&stream, |line| {
            let map = line.as_object_mut().unwrap();
            if map.get("result").is_some_and(Value::is_string) {
                map.insert("result".to_owned(), json!("words of another release"));
            }
            if map.contains_key("errors") {
                map.insert("errors".to_owned(), json!(["words of another release"]));
            }
            if let Some(Value::Object(message)) = map.get_mut("message") {
                message.remove("content");
            }
            Vec::new()
        });
        let report = replay(&stream, &stderr, *ended, *code);
        assert_eq!(word(&report.outcome), *want, "{name}: {report:?}");
    }
}

#[test]
fn an_exit_code_that_contradicts_a_good_result_counts() {
    let Some(dir) = recordings() else { return };
    for ((name, ended, code, want, _), stream, stderr) in rows(&dir) {
        if (*ended, *code) == (Ended::Itself, 0) && *want == "undeclared" {
            let report = replay(&stream, &stderr, Ended::Itself, 1);
            assert_eq!(word(&report.outcome), "protocol", "{name}: {report:?}");
        }
    }
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
    let waiting = report("66_429_ra30", Ended::Stalled, 143).outcome;
    let until = recorded() + chrono::TimeDelta::seconds(30);
    assert!(
        matches!(&waiting, EngineOutcome::Failed(EngineError::RateLimited { until: Some(at), .. }) if *at == until),
        "{waiting:?}"
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
