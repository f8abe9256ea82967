//! Whether verified work is committed: on evidence, never on the word of a model.

use super::lane::{Lane, MIN_CONFIDENCE};
use crate::model::effect::Verified;
use crate::model::{CheckOutcome, CheckResult, ChunkId};

/// What verified work deserves.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Commit,
    /// Another turn for the engine, and why.
    Fix(String),
    /// A person looks, and why.
    Review(String),
}

/// Judges an engine's work by what verification found.
pub(super) fn judge(lane: &Lane, chunk: &ChunkId, verified: &Verified) -> Judgement {
    let record = lane.record(chunk);
    let completion = record.and_then(|r| r.completion.as_ref());
    if let Some(first) = verified.findings.first() {
        let more = verified.findings.len() - 1;
        let tail = if more > 0 {
            format!(" (and {more} more)")
        } else {
            String::new()
        };
        return Judgement::Review(format!("the work may not be committed: {first}{tail}"));
    }
    // A person looked: what the engine said of it, or did not say, matters no more.
    if lane.is_accepted(chunk) {
        return if verified.evidence.passed() {
            Judgement::Commit
        } else {
            let failing = failing(verified);
            Judgement::Review(format!("checks fail: {}", failing.join(", ")))
        };
    }
    if verified.files.is_empty() {
        let because = completion.and_then(|c| c.no_change_needed.as_deref());
        return match because {
            None => Judgement::Review("the engine changed nothing and gave no reason".to_owned()),
            Some(_) if verified.evidence.unverified => Judgement::Review(
                "the engine says that nothing had to be changed, and there is no check to prove it"
                    .to_owned(),
            ),
            Some(_) if verified.evidence.passed() => Judgement::Commit,
            Some(_) => Judgement::Fix("checks fail".to_owned()),
        };
    }
    if !verified.evidence.passed() {
        return Judgement::Fix("checks fail".to_owned());
    }
    if lane.undeclared && verified.evidence.unverified {
        return Judgement::Review(
            "the engine did not say how it ended, and there is no check to prove its work"
                .to_owned(),
        );
    }
    match completion {
        Some(c) if c.confidence < MIN_CONFIDENCE => Judgement::Review(format!(
            "the engine is not confident in its work ({:.2}): {}",
            c.confidence, c.rationale
        )),
        _ => Judgement::Commit,
    }
}

/// Names of the checks that refused the work.
pub(super) fn failing(verified: &Verified) -> Vec<&str> {
    let is_failing = |c: &&CheckResult| match c.outcome {
        CheckOutcome::Failed { .. }
        | CheckOutcome::TimedOut { .. }
        | CheckOutcome::NotAvailable { .. } => true,
        CheckOutcome::Passed | CheckOutcome::FailedBefore { .. } | CheckOutcome::Flaky { .. } => {
            false
        }
    };
    let checks = verified.evidence.checks.iter();
    checks.filter(is_failing).map(|c| c.name.as_str()).collect()
}
