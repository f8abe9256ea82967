//! Judging a result against the untouched base, test by test where both have tests. Pure.

use super::failures::{same_failure, same_failure_cut_short};
use super::names;
use crate::model::{CheckOutcome, CheckResult, Evidence, TestStatus};

/// The exit code that timeout(1) has for a command it ended.
pub(super) const ENDED_FOR_TIME: i32 = 124;

/// Exit code of a shell that did not find a program.
pub(super) const NOT_FOUND: i32 = 127;

/// Names of failing tests that evidence keeps.
const MAX_FAILING: usize = 100;

/// What a result is judged by.
#[derive(Clone, Copy)]
pub struct Judging<'a> {
    /// Evidence of the untouched base.
    pub base: &'a Evidence,
    /// The task's words: a test that they name is the work's business, whatever it did before.
    pub task: &'a str,
}

/// A judged result, and what of it is the work's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub result: CheckResult,
    /// Tests that are the only reason why it failed. Empty where it did not, or failed for another reason.
    pub blamed: Vec<String>,
}

/// The evidence with everything taken out that the base is to blame for.
///
/// A check that the base does not have is blamed. See [`conclude`] for `allow_unverified`.
pub fn judge(judging: Judging<'_>, now: &Evidence, allow_unverified: bool) -> Evidence {
    let checks = now
        .checks
        .iter()
        .map(|result| judge_one(judging, result).result)
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
pub fn judge_one(judging: Judging<'_>, now: &CheckResult) -> Judged {
    let before = before(judging.base, now);
    let (new, old) = split(before, now, judging.task);
    let outcome = outcome(before, now, &new, &old);
    let failed = matches!(outcome, CheckOutcome::Failed { .. });
    let failing = new.iter().chain(&old).take(MAX_FAILING).cloned().collect();
    Judged {
        result: CheckResult {
            outcome,
            failing,
            ..now.clone()
        },
        blamed: if failed { new } else { Vec::new() },
    }
}

/// Names of the tests that failed, bounded.
pub(super) fn failing(result: &CheckResult) -> Vec<String> {
    let (failed, _) = split(None, result, "");
    failed.into_iter().take(MAX_FAILING).collect()
}

/// The same check of the base.
pub(super) fn before<'b>(base: &'b Evidence, now: &CheckResult) -> Option<&'b CheckResult> {
    base.checks
        .iter()
        .find(|b| b.name == now.name && b.dir == now.dir)
}

/// The tests that fail now: those that are the work's fault, and those that failed before as well.
fn split(
    before: Option<&CheckResult>,
    now: &CheckResult,
    task: &str,
) -> (Vec<String>, Vec<String>) {
    let known = before.and_then(|b| b.tests.as_ref());
    let failing = now.tests.iter().flatten();
    let failing = failing.filter(|(_, status)| **status == TestStatus::Failed);
    failing.map(|(name, _)| name.clone()).partition(|name| {
        let failed_before = known.and_then(|tests| tests.get(name)) == Some(&TestStatus::Failed);
        !failed_before || names::is_named(task, name)
    })
}

fn outcome(
    before: Option<&CheckResult>,
    now: &CheckResult,
    new: &[String],
    old: &[String],
) -> CheckOutcome {
    use CheckOutcome::{Failed, FailedBefore, Flaky, NotAvailable, Passed, TimedOut};
    let Some(before) = before else {
        return now.outcome.clone();
    };
    let by_tests = before.tests.is_some() && now.tests.is_some();
    let excused = |printed: &dyn Fn(&str, &str) -> bool| {
        (!by_tests || new.is_empty()) && printed(&before.output, &now.output)
    };
    // Where tests failed, and all of them before, the runs may say different things of them. What failed
    // beside the tests, a file that does not compile or a crash at the end, is found by what was printed.
    let same = || match by_tests && !old.is_empty() {
        true => excused(&same_failure_cut_short),
        false => excused(&same_failure),
    };
    match (&before.outcome, &now.outcome) {
        (Failed { exit: was } | FailedBefore { exit: was }, Failed { exit })
            if was == exit && same() =>
        {
            FailedBefore { exit: *exit }
        }
        (TimedOut { .. }, TimedOut { .. }) if excused(&same_failure_cut_short) => FailedBefore {
            exit: ENDED_FOR_TIME,
        },
        // The base had the tool, so the work took it away.
        (
            Passed | Failed { .. } | FailedBefore { .. } | TimedOut { .. } | Flaky { .. },
            NotAvailable { .. },
        ) => Failed { exit: NOT_FOUND },
        (_, outcome) => outcome.clone(),
    }
}

#[cfg(test)]
#[path = "baseline_tests.rs"]
mod tests;
