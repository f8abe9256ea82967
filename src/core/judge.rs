//! Whether verified work is committed: on evidence, never on the word of a model.

use super::lane::{Lane, MIN_CONFIDENCE};
use crate::model::effect::Verified;
use crate::model::{
    CheckOutcome, CheckResult, ChunkId, Completion, Evidence, Finding, FindingSeverity, Verdict,
};

/// What verified work deserves.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Commit,
    /// Another turn for the engine, and why.
    Fix(Refusal),
    /// A person looks, and why.
    Review(String),
}

/// Why work goes back to the engine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub why: String,
    /// Where the turns are used up a person looks at it: nothing is known to be broken, it is not trusted.
    pub is_doubt: bool,
}

impl Refusal {
    fn broken() -> Self {
        Self {
            why: "checks fail".to_owned(),
            is_doubt: false,
        }
    }

    fn doubt(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            is_doubt: true,
        }
    }
}

/// Judges an engine's work by what verification found.
pub(super) fn judge(lane: &Lane, chunk: &ChunkId, verified: &Verified) -> Judgement {
    let record = lane.record(chunk);
    let completion = record.and_then(|r| r.completion.as_ref());
    let evidence = &verified.evidence;
    if let Some(first) = verified.findings.first() {
        let tail = and_more(verified.findings.len());
        return Judgement::Review(format!("the work may not be committed: {first}{tail}"));
    }
    // A person looked: what the engine said of it, or did not say, matters no more.
    if lane.is_accepted(chunk) {
        return if evidence.passed() {
            Judgement::Commit
        } else {
            let failing = failing(verified);
            Judgement::Review(format!("checks fail: {}", failing.join(", ")))
        };
    }
    if verified.files.is_empty() {
        return nothing_changed(verified, completion);
    }
    if !evidence.passed() {
        return Judgement::Fix(Refusal::broken());
    }
    if let Some(why) = found(verified, FindingSeverity::Fail) {
        return Judgement::Fix(Refusal::doubt(format!("the audit refuses the work: {why}")));
    }
    if lane.policy.require_proof && evidence.verdict() != Verdict::Proven {
        return Judgement::Fix(Refusal::doubt(unproven(verified)));
    }
    if let Some(shortfall) = &verified.shortfall {
        return Judgement::Fix(Refusal::doubt(shortfall.clone()));
    }
    if let Some(why) = found(verified, FindingSeverity::NeedsReview) {
        return Judgement::Review(format!("the audit wants a person to look: {why}"));
    }
    if lane.undeclared && evidence.unverified {
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

/// An empty diff wants a reason, and checks that bear it out.
fn nothing_changed(verified: &Verified, completion: Option<&Completion>) -> Judgement {
    let because = completion.and_then(|c| c.no_change_needed.as_deref());
    match because {
        None => Judgement::Review("the engine changed nothing and gave no reason".to_owned()),
        Some(_) if verified.evidence.unverified => Judgement::Review(
            "the engine says that nothing had to be changed, and there is no check to prove it"
                .to_owned(),
        ),
        Some(_) if verified.evidence.passed() => Judgement::Commit,
        Some(_) => Judgement::Fix(Refusal::broken()),
    }
}

/// Why proof is wanting, in words that an engine can act on.
pub(super) fn unproven(verified: &Verified) -> String {
    let evidence = &verified.evidence;
    match (evidence.unverified, evidence.proof.idle.as_slice()) {
        (true, _) => "no check could prove the work, and proof is required".to_owned(),
        (false, []) => {
            "no test proves the work: none that is red or absent without the change is green with it"
                .to_owned()
        }
        (false, [first, ..]) => format!(
            "no test proves the work: {first}{} passes without the change as well",
            and_more(evidence.proof.idle.len())
        ),
    }
}

/// The first finding of this severity, and how many more there are.
fn found(verified: &Verified, severity: FindingSeverity) -> Option<String> {
    let mut those = verified
        .evidence
        .findings
        .iter()
        .filter(|f| f.severity == severity);
    let first: &Finding = those.next()?;
    let tail = and_more(1 + those.count());
    Some(format!("{} ({}){tail}", first.what, first.place()))
}

fn and_more(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    }
}

/// Names of the checks that refused the work.
pub(super) fn failing(verified: &Verified) -> Vec<&str> {
    refusing(&verified.evidence).collect()
}

/// Names of the checks that did not pass and are to blame for it.
pub fn refusing(evidence: &Evidence) -> impl Iterator<Item = &str> {
    refusing_checks(evidence).map(|c| c.name.as_str())
}

/// The same, whole.
pub(super) fn refusing_checks(evidence: &Evidence) -> impl Iterator<Item = &CheckResult> {
    let is_failing = |c: &&CheckResult| match c.outcome {
        CheckOutcome::Failed { .. }
        | CheckOutcome::TimedOut { .. }
        | CheckOutcome::NotAvailable { .. } => true,
        CheckOutcome::Passed | CheckOutcome::FailedBefore { .. } | CheckOutcome::Flaky { .. } => {
            false
        }
    };
    evidence.checks.iter().filter(is_failing)
}
