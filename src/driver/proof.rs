//! Which tests show the work: those that pass with it and not without it.

use super::checks::{checked_until_stopped, report_check, stand_at};
use super::perform::{Failure, tip_of};
use super::prepare::lane_dir;
use super::red::{Alone, tests_alone};
use super::shells::Shells;
use crate::core::first::First;
use crate::core::lane::Lane;
use crate::git::Changed;
use crate::model::{
    CheckOutcome, CheckResult, ChunkId, Evidence, Finding, FindingSeverity, Oid, Proof, Prove,
    TestStatus, Tests, Verdict,
};
use crate::verify::audit::test_regions;
use crate::verify::{CheckProgress, NamedTests};
use std::collections::BTreeSet;

/// Tests that are run once more without the work, at most: one is enough to prove it.
const MAX_CANDIDATES: usize = 300;

/// Runs what passes now and did not pass before on the tip with the work's tests and nothing else of it. The lane
/// stands at `tree` afterwards.
pub(super) async fn proof(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
    (tree, changed): (&Oid, &Changed),
    evidence: &Evidence,
) -> Result<Proof, Failure> {
    if shells.settings.prove == Prove::No || evidence.verdict() == Verdict::Failed {
        return Ok(Proof::default());
    }
    let candidates = candidates(lane, evidence);
    if candidates.is_empty() {
        return Ok(Proof::default());
    }
    if let Some(First::Red(red)) = &lane.first {
        return Ok(divided(&candidates, |_, test| {
            // Without names nothing could be run at all: what did not compile, say.
            Some(red.tests.is_empty() || red.tests.iter().any(|t| t == test))
        }));
    }
    let alone = match tests_alone(shells, lane, tree, changed).await? {
        Some(alone) => alone,
        // No test of its own: without the work there is the tip.
        None => Alone {
            tree: tree_of_tip(shells, lane).await?,
            files: Vec::new(),
        },
    };
    if alone.tree == *tree {
        // Nothing but tests: whatever passes now passes without anything else.
        return Ok(divided(&candidates, |_, _| Some(false)));
    }
    let without = run_without(shells, lane, id, (tree, &alone), &candidates).await?;
    Ok(divided(&candidates, |named, test| {
        let result = without
            .iter()
            .find(|r| r.name == named.check && r.dir == named.dir);
        is_red(result, test)
    }))
}

async fn run_without(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
    (tree, alone): (&Oid, &Alone),
    candidates: &[NamedTests],
) -> Result<Vec<CheckResult>, Failure> {
    let (stand, work) = (alone.tree.clone(), tree.clone());
    let tracked = shells
        .git
        .call(move |repo| {
            repo.leave_for_elsewhere(Some(&work))?;
            repo.hold_tree(&stand)?;
            repo.paths_in(&stand)
        })
        .await?;
    let on_check = |progress: CheckProgress<'_>| report_check(shells, lane, Some(id), &progress);
    let ran = shells
        .verifier
        .run_tests(
            &lane_dir(shells, lane),
            &tracked,
            candidates,
            &on_check,
            shells.stop_engines.clone(),
        )
        .await;
    stand_at(shells, lane, tree).await?;
    shells.git.call(|repo| repo.is_back()).await?;
    checked_until_stopped(ran)
}

async fn tree_of_tip(shells: &Shells, lane: &Lane) -> Result<Oid, Failure> {
    let tip = tip_of(lane)?;
    Ok(shells.git.call(move |repo| repo.tree_of(&tip)).await?)
}

/// Tests that pass, and neither passed on the base nor prove an earlier task.
fn candidates(lane: &Lane, evidence: &Evidence) -> Vec<NamedTests> {
    let committed = lane.ledger.chunks.values();
    let earlier: BTreeSet<&str> = committed
        .filter(|r| matches!(r.state, crate::model::ChunkState::Committed { .. }))
        .filter_map(|r| r.evidence.as_ref())
        .flat_map(|e| e.proof.proving.iter().map(String::as_str))
        .collect();
    let none = Evidence::default();
    let base = lane.baseline().unwrap_or(&none);
    let mut left = MAX_CANDIDATES;
    let mut all = Vec::new();
    for check in &evidence.checks {
        let Some(now) = &check.tests else { continue };
        let before = base
            .checks
            .iter()
            .find(|b| b.name == check.name && b.dir == check.dir);
        let empty = Tests::new();
        let before = match before.map(|b| b.tests.as_ref()) {
            None => &empty,
            Some(Some(tests)) => tests,
            // It ran, and nobody knows what.
            Some(None) => continue,
        };
        let is_new = |name: &str| {
            before.get(name) != Some(&TestStatus::Passed)
                && !earlier.contains(name)
                && !check.failing.iter().any(|f| f == name)
        };
        let tests: Vec<String> = now
            .iter()
            .filter(|(name, status)| **status == TestStatus::Passed && is_new(name))
            .map(|(name, _)| name.clone())
            .take(left)
            .collect();
        left -= tests.len();
        if !tests.is_empty() {
            all.push(NamedTests {
                check: check.name.clone(),
                dir: check.dir.clone(),
                tests,
            });
        }
    }
    all
}

/// Whether a test was red without the work; None where that is not known. A check that is not there without the work
/// has no tests there.
fn is_red(result: Option<&CheckResult>, test: &str) -> Option<bool> {
    let Some(result) = result else {
        return Some(true);
    };
    match (&result.outcome, &result.tests) {
        (CheckOutcome::NotAvailable { .. } | CheckOutcome::TimedOut { .. }, _) => None,
        (_, Some(tests)) => match tests.get(test) {
            None | Some(TestStatus::Failed) => Some(true),
            Some(TestStatus::Passed) => Some(false),
            Some(TestStatus::Skipped) => None,
        },
        (CheckOutcome::Passed | CheckOutcome::Flaky { .. }, None) => Some(false),
        // Nothing of it ran: it does not compile, or cannot be collected.
        (CheckOutcome::Failed { .. } | CheckOutcome::FailedBefore { .. }, None) => Some(true),
    }
}

fn divided(candidates: &[NamedTests], is_red: impl Fn(&NamedTests, &str) -> Option<bool>) -> Proof {
    let mut proof = Proof::default();
    for named in candidates {
        for test in &named.tests {
            match is_red(named, test) {
                Some(true) => proof.proving.push(test.clone()),
                Some(false) => proof.idle.push(test.clone()),
                None => {}
            }
        }
    }
    proof
}

/// What became of tests that were seen red and are to stay as they were.
///
/// # Errors
/// The lane cannot be read.
pub(super) async fn changed_red_tests(
    shells: &Shells,
    lane: &Lane,
    tree: &Oid,
) -> Result<Vec<Finding>, Failure> {
    let Some(First::Red(red)) = &lane.first else {
        return Ok(Vec::new());
    };
    let Some(was) = red.tree.clone() else {
        return Ok(Vec::new());
    };
    let (now, files) = (tree.clone(), red.files.clone());
    let texts = shells
        .git
        .call(move |repo| {
            let mut texts = Vec::new();
            for path in files {
                texts.push((repo.text_in(&was, &path)?, repo.text_in(&now, &path)?, path));
            }
            Ok(texts)
        })
        .await?;
    let changed = texts.into_iter().filter(|(was, now, path)| {
        tests_of(path, was.as_deref()) != tests_of(path, now.as_deref())
    });
    Ok(changed
        .map(|(.., path)| Finding {
            rule: "protected_test".to_owned(),
            severity: FindingSeverity::Fail,
            path,
            line: None,
            what: "the tests here were seen red before the code was written, and were changed since: put them back"
                .to_owned(),
            asked_for: None,
        })
        .collect())
}

fn tests_of(path: &str, text: Option<&str>) -> Vec<String> {
    let text = text.unwrap_or_default();
    let regions = test_regions(path, text);
    regions.into_iter().map(|r| text[r].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(outcome: CheckOutcome, tests: Option<&[(&str, TestStatus)]>) -> CheckResult {
        CheckResult {
            outcome,
            tests: tests.map(|t| t.iter().map(|(n, s)| ((*n).to_owned(), *s)).collect()),
            ..CheckResult::default()
        }
    }

    #[test]
    fn when_a_test_needs_the_work() {
        let failed = || CheckOutcome::Failed { exit: 1 };
        let passes: &[(&str, TestStatus)] = &[("t", TestStatus::Passed)];
        let table = [
            ("there is no such check", None, Some(true)),
            (
                "it passes anyway",
                Some(result(CheckOutcome::Passed, Some(passes))),
                Some(false),
            ),
            (
                "another one fails",
                Some(result(
                    failed(),
                    Some(&[("t", TestStatus::Passed), ("u", TestStatus::Failed)]),
                )),
                Some(false),
            ),
            (
                "it fails",
                Some(result(failed(), Some(&[("t", TestStatus::Failed)]))),
                Some(true),
            ),
            (
                "it is not found",
                Some(result(CheckOutcome::Passed, Some(&[]))),
                Some(true),
            ),
            (
                "it is skipped",
                Some(result(
                    CheckOutcome::Passed,
                    Some(&[("t", TestStatus::Skipped)]),
                )),
                None,
            ),
            ("nothing compiles", Some(result(failed(), None)), Some(true)),
            (
                "all is well, and nobody says what",
                Some(result(CheckOutcome::Passed, None)),
                Some(false),
            ),
            (
                "it hangs",
                Some(result(CheckOutcome::TimedOut { seconds: 1 }, None)),
                None,
            ),
            (
                "the tool is gone",
                Some(result(
                    CheckOutcome::NotAvailable { why: String::new() },
                    None,
                )),
                None,
            ),
        ];
        for (what, without, red) in table {
            assert_eq!(is_red(without.as_ref(), "t"), red, "{what}");
        }
    }
}
