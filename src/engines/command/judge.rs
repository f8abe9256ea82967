//! What a run came to. Pure.
//!
//! Decided on the exit code, on lines that the table calls `done` or `final`, and on its rules for failures. What the
//! agent said decides nothing; it is read only where the table says that a typed ending stands there.

use super::config::{Answer, CommandConfig};
use super::failures::{Known, Signs};
use super::fold::{End, Trouble};
use super::table::FailureKind;
use super::words;
use crate::core::ending;
use crate::core::review::answer;
use crate::model::{Ends, EngineError, EngineOutcome};
use crate::proc::{DISK_SPENT, Ended};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// What the lines said, and how it ended.
pub(super) struct Evidence<'a> {
    /// How the run was asked to end.
    pub ends: Ends,
    /// The last failure that was told and not got over.
    pub trouble: Option<&'a Trouble>,
    pub done: bool,
    /// It is done and did nothing since.
    pub is_at_rest: bool,
    /// The bound that was reached.
    pub exceeded: Option<&'a str>,
    pub words: &'a str,
    /// Lines that meant something, and lines that were not of the protocol.
    pub understood: u64,
    pub foreign: u64,
    pub now: DateTime<Utc>,
    pub end: &'a End,
}

/// The outcome of a run.
pub(super) fn outcome(
    config: &CommandConfig,
    evidence: &Evidence<'_>,
    answer: Option<&[u8]>,
) -> EngineOutcome {
    if let Some(bound) = evidence.exceeded {
        return EngineOutcome::Failed(EngineError::AllowanceSpent {
            message: bound.to_owned(),
        });
    }
    let end = evidence.end;
    let is_final = evidence.trouble.is_some_and(|t| t.told.is_final);
    match end.ended {
        // What was declared before we ended the process counts, whatever kept it from leaving.
        Ended::Stopped | Ended::TimedOut | Ended::Stalled if evidence.is_at_rest => {
            success(config, evidence, answer)
        }
        Ended::Stopped => EngineOutcome::Interrupted,
        Ended::TimedOut => EngineOutcome::Failed(told(evidence).unwrap_or(EngineError::TimedOut {
            seconds: end.timeout.as_secs(),
        })),
        Ended::Stalled => EngineOutcome::Failed(told(evidence).unwrap_or(EngineError::Stalled {
            seconds: end.stall.as_secs(),
        })),
        Ended::DiskSpent => EngineOutcome::Failed(EngineError::Protocol {
            message: DISK_SPENT.to_owned(),
        }),
        Ended::ByCaller => EngineOutcome::Failed(failure(config, evidence)),
        Ended::Itself => {
            let is_well = config.success.exit_codes.contains(&end.code)
                && (evidence.done || !config.success.done);
            match is_well && !is_final {
                true => success(config, evidence, answer),
                false => EngineOutcome::Failed(failure(config, evidence)),
            }
        }
    }
}

/// True when the end speaks of a session that is not there, or of nothing that anybody knows.
pub(super) fn lost(config: &CommandConfig, evidence: &Evidence<'_>) -> bool {
    let end = evidence.end;
    let is_over = end.ended == Ended::Itself && !config.success.exit_codes.contains(&end.code);
    is_over
        && match explained(config, evidence) {
            Some(known) => known.is == FailureKind::SessionLost,
            None => evidence.trouble.is_none() && evidence.understood == 0 && end.code < 128,
        }
}

fn success(
    config: &CommandConfig,
    evidence: &Evidence<'_>,
    answer: Option<&[u8]>,
) -> EngineOutcome {
    let said = words::tail(evidence.words);
    let declared = match config.answer {
        // Asked for in the prompt alone.
        Answer::None if evidence.ends == Ends::Review => answer::object_in(evidence.words),
        Answer::None => return EngineOutcome::Undeclared { last_words: said },
        Answer::LastMessage => object(evidence.words),
        Answer::AnswerFile => answer.and_then(|bytes| object(&String::from_utf8_lossy(bytes))),
    };
    let Some(declared) = declared else {
        return EngineOutcome::Undeclared { last_words: said };
    };
    ending::read_object(evidence.ends, &declared).unwrap_or_else(|why| EngineOutcome::Undeclared {
        last_words: words::clip(&format!(
            "its declared ending was not valid ({why}): {declared}"
        )),
    })
}

/// The object that an answer is: all of it, what a fence encloses, or its last line.
fn object(text: &str) -> Option<Value> {
    let text = text.trim();
    let fenced = text
        .strip_prefix("```json")
        .or_else(|| text.strip_prefix("```"))
        .and_then(|t| t.strip_suffix("```"));
    let candidates = [Some(text), fenced, text.lines().next_back()];
    candidates.into_iter().flatten().find_map(|t| {
        serde_json::from_str::<Value>(t)
            .ok()
            .filter(Value::is_object)
    })
}

/// What the CLI itself told of, while it ran.
fn told(evidence: &Evidence<'_>) -> Option<EngineError> {
    let known = evidence.trouble?.known.clone()?;
    Some(known.into_error())
}

/// What the failure is by fields, status, exit code and words.
fn explained(config: &CommandConfig, evidence: &Evidence<'_>) -> Option<Known> {
    let end = evidence.end;
    // What ended by our own hand has no exit code of its own.
    let code = (end.ended == Ended::Itself).then_some(end.code);
    config.failures.explain(Signs {
        told: evidence.trouble.map(|t| &t.told),
        code,
        stderr: &end.stderr,
        now: evidence.trouble.map_or(evidence.now, |t| t.at),
    })
}

fn failure(config: &CommandConfig, evidence: &Evidence<'_>) -> EngineError {
    if let Some(known) = explained(config, evidence) {
        return known.into_error();
    }
    let end = evidence.end;
    let stderr = words::tail(&end.stderr);
    let is_silent = evidence.understood == 0 && evidence.foreign == 0;
    // As shells and env(1) say "found, but cannot be run" and "not found".
    if is_silent && matches!(end.code, 126 | 127) {
        return EngineError::NotStarted {
            message: format!(
                "the program exited with code {} before doing anything: {stderr}",
                end.code
            ),
        };
    }
    let how = match end.code {
        code @ 129..=192 => format!("it was ended by signal {}", code - 128),
        code => format!("it exited with code {code}"),
    };
    let how = match (
        config.success.exit_codes.contains(&end.code),
        evidence.trouble,
    ) {
        (true, None) => format!("{how} without a line that says it is done"),
        (false, None) if evidence.done => format!("it reported success, and then {how}"),
        _ => how,
    };
    let but = match (evidence.understood, evidence.foreign) {
        (_, 0) => String::new(),
        (0, n) => format!(" (none of its {n} lines was of its protocol)"),
        (_, n) => format!(" ({n} lines were not of its protocol)"),
    };
    let said = match evidence.trouble {
        Some(trouble) => words::clip(&trouble.told.message),
        None => stderr,
    };
    let message = match said.is_empty() {
        true => format!("{how}{but}"),
        false => format!("{how}{but}: {said}"),
    };
    EngineError::Protocol { message }
}
