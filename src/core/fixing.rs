//! Sending work back to the engine, and when that is no longer worth it.
//!
//! A turn that fails just as the one before it costs two of the attempt's turns, and one that comes back with work
//! that was refused already ends the attempt: asking the same engine the same thing again would be paid for nothing.

use super::absorb::{LaneEvent, fail, stop};
use super::judge::{Refusal, failing, refusing_checks};
use super::lane::{Lane, Stage};
use super::transition::{ChunkInput, IllegalTransition};
use crate::model::effect::Verified;
use crate::model::{AttemptEnd, ChunkId, ChunkState, Evidence, Oid};
use chrono::{DateTime, Utc};

/// What was refused so far in an attempt. Memory only: an attempt does not outlive its run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    trees: Vec<Oid>,
    /// What the last refusal was about, so that the next can be compared.
    signature: Option<String>,
    /// Turns that ended as the one before.
    repeats: u32,
    /// Why the work was refused last, and whether that was just as before.
    why: String,
    is_repeated: bool,
}

/// What a refusal tells about the turns before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    No,
    SameFailure,
    SameWork,
}

impl Refused {
    fn take(&mut self, verified: &Verified, why: &str) -> Again {
        let signature = match verified.signature.as_str() {
            "" => why.to_owned(),
            signature => signature.to_owned(),
        };
        let known = verified.tree.as_ref();
        let is_same_work = known.is_some_and(|tree| self.trees.contains(tree));
        let is_same_failure = self.signature.as_deref() == Some(&signature);
        self.trees.extend(known.cloned());
        self.is_repeated = is_same_failure;
        why.clone_into(&mut self.why);
        self.signature = Some(signature);
        if is_same_work {
            Again::SameWork
        } else if is_same_failure {
            self.repeats += 1;
            Again::SameFailure
        } else {
            Again::No
        }
    }

    /// True when the engine has to be told that its last turn changed nothing about the failure.
    pub fn is_repeated(&self) -> bool {
        self.is_repeated
    }

    /// Why the work was refused last, in a sentence.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The work that was refused before the last, for saying what a turn changed.
    pub fn before_last(&self) -> Option<&Oid> {
        self.trees.iter().rev().nth(1)
    }
}

/// True when the attempt has a turn left for its engine.
pub(super) fn has_turns(lane: &Lane, chunk: &ChunkId) -> bool {
    let ChunkState::Verifying { fixes, .. } = lane.state(chunk) else {
        return false;
    };
    fixes.saturating_add(lane.refused.repeats) < lane.policy.max_fixes
}

/// Gives the work back to the engine, or the attempt up.
pub(super) fn fix_or_give_up(
    lane: &mut Lane,
    chunk: &ChunkId,
    refusal: Refusal,
    now: DateTime<Utc>,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    let &ChunkState::Verifying { attempt, fixes } = lane.state(chunk) else {
        return lane.step(chunk, ChunkInput::FixNeeded);
    };
    // No engine works at what a person accepted.
    if lane.is_accepted(chunk) {
        return fail(lane, chunk, refusal.why, now, events);
    }
    let verified = lane.verified.clone().unwrap_or_default();
    let again = lane.refused.take(&verified, &refusal.why);
    let used = fixes.saturating_add(lane.refused.repeats);
    if again != Again::SameWork && used < lane.policy.max_fixes {
        lane.step(chunk, ChunkInput::FixNeeded)?;
        if let Some(a) = lane.record_mut(chunk).attempts.last_mut() {
            a.fixes = fixes + 1;
        }
        lane.stage = Stage::Engine {
            chunk: chunk.clone(),
            attempt,
            fixes: fixes + 1,
        };
        return Ok(());
    }
    let mut why = given_up(&refusal.why, &failing(&verified), fixes, again);
    if let Some(hint) = walled(&verified.evidence) {
        why = format!("{why}; {hint}");
    }
    if !refusal.is_doubt {
        return fail(lane, chunk, why, now, events);
    }
    let end = AttemptEnd::NeedsReview { why: why.clone() };
    let input = ChunkInput::NeedsReview { why };
    stop(lane, chunk, input, end, now, events)
}

/// What the wall may have to do with it, where checks fail that the work is to blame for.
fn walled(evidence: &Evidence) -> Option<&str> {
    if evidence.passed() {
        return None;
    }
    refusing_checks(evidence).find_map(|c| c.hint.as_deref())
}

fn given_up(why: &str, failing: &[&str], fixes: u32, again: Again) -> String {
    let which = match failing {
        [] => why.to_owned(),
        names => format!("{why}: {}", names.join(", ")),
    };
    let turns = if fixes == 1 { "turn" } else { "turns" };
    let last = match again {
        Again::No => "",
        Again::SameFailure => ", the last of which changed nothing about it",
        Again::SameWork => ", the last of which brought back work that was refused before",
    };
    match (fixes, again) {
        (0, Again::SameWork | Again::SameFailure) | (_, Again::No) => {
            format!("{which}, after {fixes} fix {turns}")
        }
        _ => format!("{which}, after {fixes} fix {turns}{last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CheckOutcome, CheckResult};

    fn verified(tree: &str, signature: &str) -> Verified {
        Verified {
            tree: Some(tree.into()),
            signature: signature.to_owned(),
            ..Verified::default()
        }
    }

    #[test]
    fn what_a_refusal_tells_about_those_before() {
        let mut refused = Refused::default();
        let table = [
            (("a", "x fails"), Again::No, 0),
            (("b", "y fails"), Again::No, 0),
            (("c", "y fails"), Again::SameFailure, 1),
            (("d", "x fails"), Again::No, 1),
            (("b", "y fails"), Again::SameWork, 1),
        ];
        for ((tree, signature), again, repeats) in table {
            assert_eq!(refused.take(&verified(tree, signature), "why"), again);
            assert_eq!(refused.repeats, repeats, "{tree}");
        }
        assert_eq!(refused.before_last(), Some(&"d".into()));
    }

    #[test]
    fn without_a_signature_the_reason_is_compared() {
        let mut refused = Refused::default();
        assert_eq!(refused.take(&verified("a", ""), "hook"), Again::No);
        assert_eq!(refused.take(&verified("b", ""), "hook"), Again::SameFailure);
        assert_eq!(refused.take(&verified("c", ""), "proof"), Again::No);
    }

    #[test]
    fn the_wall_is_told_of_where_it_stood_around_what_refuses_the_work() {
        let before = CheckOutcome::FailedBefore { exit: 1 };
        let flaky = CheckOutcome::Flaky { exit: 1 };
        let failed = || CheckOutcome::Failed { exit: 1 };
        let of = |outcomes: Vec<(CheckOutcome, Option<&str>)>| Evidence {
            checks: outcomes
                .into_iter()
                .map(|(outcome, hint)| CheckResult {
                    outcome,
                    hint: hint.map(str::to_owned),
                    ..CheckResult::default()
                })
                .collect(),
            ..Evidence::default()
        };
        let table = [
            (of(vec![(before.clone(), Some("a"))]), None),
            (of(vec![(flaky, Some("a"))]), None),
            (
                of(vec![(before.clone(), Some("a")), (failed(), None)]),
                None,
            ),
            (
                of(vec![(before, Some("a")), (failed(), Some("b"))]),
                Some("b"),
            ),
            (of(vec![(failed(), Some("a"))]), Some("a")),
        ];
        for (evidence, told) in table {
            assert_eq!(walled(&evidence), told, "{evidence:?}");
        }
    }

    #[test]
    fn what_is_said_when_an_attempt_is_given_up() {
        let table = [
            (0, Again::No, "checks fail: a, b, after 0 fix turns"),
            (
                1,
                Again::SameWork,
                "checks fail: a, b, after 1 fix turn, the last of which brought back work that was refused before",
            ),
            (
                2,
                Again::SameFailure,
                "checks fail: a, b, after 2 fix turns, the last of which changed nothing about it",
            ),
        ];
        for (fixes, again, says) in table {
            assert_eq!(given_up("checks fail", &["a", "b"], fixes, again), says);
        }
    }
}
