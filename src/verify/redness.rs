//! Whether tests that were written before the code are red for the right reason. Pure.

use super::report::{Failure, Format, Redness, Report, read_lines};
use crate::model::{CheckOutcome, CheckResult, Evidence, TestStatus};

/// Names of the tests that are red without any work, as far as they could run; empty where what they use is not there
/// yet, so that nothing of them runs.
///
/// # Errors
/// Why they show nothing: they pass, they cannot be read, or they do not end. In words that their author can act on.
pub fn seen_red(base: &Evidence, now: &Evidence) -> Result<Vec<String>, String> {
    let mut red = Vec::new();
    let mut is_red = false;
    for check in &now.checks {
        match &check.outcome {
            CheckOutcome::Failed { .. } => {}
            CheckOutcome::TimedOut { seconds } => {
                return Err(format!(
                    "the check `{}` did not end within {seconds} s with the new tests",
                    check.name
                ));
            }
            CheckOutcome::NotAvailable { why } => {
                return Err(format!("the check `{}` could not run: {why}", check.name));
            }
            CheckOutcome::Passed
            | CheckOutcome::FailedBefore { .. }
            | CheckOutcome::Flaky { .. } => continue,
        }
        let report = read_lines(Format::Auto, &check.output);
        if let Some(failure) = failures(&report).find(|f| f.kind == Redness::Syntax) {
            return Err(format!("the tests cannot be read: {}", place(failure)));
        }
        if !runs_tests(base, check) {
            // A linter that does not know the missing item says nothing about tests.
            continue;
        }
        let failed = check.tests.iter().flatten();
        let failed = failed.filter(|(_, status)| **status == TestStatus::Failed);
        red.extend(failed.map(|(name, _)| name.clone()));
        let only_late = failures(&report).next().is_some()
            && failures(&report).all(|f| f.kind == Redness::Timeout);
        if only_late {
            return Err(format!(
                "the new tests fail in `{}` only because they do not end in time",
                check.name
            ));
        }
        is_red = true;
    }
    match is_red {
        true => Ok(red),
        false => Err("the new tests pass without any work, so they show nothing of it".to_owned()),
    }
}

fn failures(report: &Report) -> impl Iterator<Item = &Failure> {
    report.failures.iter().chain(&report.broken)
}

fn runs_tests(base: &Evidence, check: &CheckResult) -> bool {
    let before = base
        .checks
        .iter()
        .find(|b| b.name == check.name && b.dir == check.dir);
    check.tests.is_some() || before.is_some_and(|b| b.tests.is_some())
}

fn place(failure: &Failure) -> String {
    let file = failure.file.as_deref().unwrap_or_default();
    let line = failure.line.map_or_else(String::new, |l| format!(":{l}"));
    let message = failure.message.lines().next().unwrap_or_default();
    match file {
        "" => message.to_owned(),
        file => format!("{file}{line}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        outcome: CheckOutcome,
        tests: Option<&[(&str, TestStatus)]>,
        output: &str,
    ) -> Evidence {
        Evidence {
            checks: vec![CheckResult {
                name: "pytest".to_owned(),
                outcome,
                tests: tests.map(|t| t.iter().map(|(n, s)| ((*n).to_owned(), *s)).collect()),
                output: output.to_owned(),
                ..CheckResult::default()
            }],
            ..Evidence::default()
        }
    }

    const FAILED: CheckOutcome = CheckOutcome::Failed { exit: 1 };
    const ASSERTION: &str = "tests/test_a.py::test_new FAILED\n\n=== FAILURES ===\n___ test_new ___\n\n    def test_new():\n>       assert add(1, 2) == 3\nE       assert 0 == 3\n\ntests/test_a.py:4: AssertionError\n=== short test summary info ===\nFAILED tests/test_a.py::test_new - assert 0 == 3\n=== 1 failed in 0.01s ===\n";
    const MISSING: &str = "=== ERRORS ===\n___ ERROR collecting tests/test_a.py ___\nImportError while importing test module '/x/tests/test_a.py'.\ntests/test_a.py:1: in <module>\n    from a import add\nE   ImportError: cannot import name 'add' from 'a' (/x/a.py)\n=== short test summary info ===\nERROR tests/test_a.py\n=== 1 error in 0.05s ===\n";
    const SYNTAX: &str = "=== ERRORS ===\n___ ERROR collecting tests/test_a.py ___\nE     File \"/x/tests/test_a.py\", line 3\nE       def test_new(:\nE                    ^\nE   SyntaxError: invalid syntax\n=== short test summary info ===\nERROR tests/test_a.py\n=== 1 error in 0.05s ===\n";

    #[test]
    fn what_is_red_for_the_right_reason() {
        let base = check(
            CheckOutcome::Passed,
            Some(&[("tests/test_a.py::test_old", TestStatus::Passed)]),
            "",
        );
        let new: &[(&str, TestStatus)] = &[("tests/test_a.py::test_new", TestStatus::Failed)];
        let red = |now| seen_red(&base, &now);
        assert_eq!(
            red(check(FAILED, Some(new), ASSERTION)),
            Ok(vec!["tests/test_a.py::test_new".to_owned()])
        );
        assert_eq!(red(check(FAILED, None, MISSING)), Ok(Vec::new()));
        for (now, says) in [
            (check(FAILED, None, SYNTAX), "the tests cannot be read"),
            (
                check(CheckOutcome::Passed, None, ""),
                "pass without any work",
            ),
            (
                check(CheckOutcome::TimedOut { seconds: 9 }, None, ""),
                "did not end within 9 s",
            ),
            (
                check(
                    CheckOutcome::NotAvailable {
                        why: "gone".to_owned(),
                    },
                    None,
                    "",
                ),
                "could not run: gone",
            ),
        ] {
            let why = red(now).unwrap_err();
            assert!(why.contains(says), "{says}: {why}");
        }
    }

    /// A linter that misses what is not written yet is no test.
    #[test]
    fn a_linter_proves_nothing() {
        let now = check(FAILED, None, "a.py:1:1: F821 undefined name `add`\n");
        assert!(seen_red(&Evidence::default(), &now).is_err());
    }
}
