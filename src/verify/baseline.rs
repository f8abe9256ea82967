//! Judging a result against the untouched base. Pure.

use super::failures::{same_failure, same_failure_cut_short};
use crate::model::{CheckOutcome, CheckResult, Evidence};

/// The exit code that timeout(1) has for a command it ended.
const ENDED_FOR_TIME: i32 = 124;

/// Exit code of a shell that did not find a program.
const NOT_FOUND: i32 = 127;

/// The evidence with everything taken out that the base is to blame for.
///
/// A check that the base does not have is blamed. See [`conclude`] for `allow_unverified`.
pub fn judge(base: &Evidence, now: &Evidence, allow_unverified: bool) -> Evidence {
    let checks = now
        .checks
        .iter()
        .map(|result| judge_one(base, result))
        .collect();
    Evidence {
        tree: now.tree.clone(),
        ..conclude(checks, allow_unverified)
    }
}

/// Evidence of judged results. Without a check the work is unverified. With `allow_unverified` so it is when
/// a check's tool is missing, and was not there for the base either: that check stays visible in it.
pub fn conclude(checks: Vec<CheckResult>, allow_unverified: bool) -> Evidence {
    let missing = checks
        .iter()
        .any(|c| matches!(c.outcome, CheckOutcome::NotAvailable { .. }));
    Evidence {
        unverified: checks.is_empty() || (allow_unverified && missing),
        checks,
        ..Evidence::default()
    }
}

/// One result, judged against the same check of the base.
pub fn judge_one(base: &Evidence, now: &CheckResult) -> CheckResult {
    let before = base
        .checks
        .iter()
        .find(|b| b.name == now.name && b.dir == now.dir);
    CheckResult {
        outcome: outcome(before, now),
        ..now.clone()
    }
}

fn outcome(before: Option<&CheckResult>, now: &CheckResult) -> CheckOutcome {
    use CheckOutcome::{Failed, FailedBefore, NotAvailable, Passed, TimedOut};
    let Some(before) = before else {
        return now.outcome.clone();
    };
    let same = || same_failure(&before.output, &now.output);
    match (&before.outcome, &now.outcome) {
        (Failed { exit: was } | FailedBefore { exit: was }, Failed { exit })
            if was == exit && same() =>
        {
            FailedBefore { exit: *exit }
        }
        (TimedOut { .. }, TimedOut { .. })
            if same_failure_cut_short(&before.output, &now.output) =>
        {
            FailedBefore {
                exit: ENDED_FOR_TIME,
            }
        }
        // The base had the tool, so the work took it away.
        (Passed | Failed { .. } | FailedBefore { .. } | TimedOut { .. }, NotAvailable { .. }) => {
            Failed { exit: NOT_FOUND }
        }
        (_, outcome) => outcome.clone(),
    }
}

#[cfg(test)]
#[path = "baseline_tests.rs"]
mod tests;
