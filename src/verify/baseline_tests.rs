use super::*;
use CheckOutcome::{Failed, FailedBefore, NotAvailable, Passed, TimedOut};

fn evidence(outcome: CheckOutcome, output: &str) -> Evidence {
    let check = CheckResult {
        name: "cargo test".to_owned(),
        command: "cargo test".to_owned(),
        dir: String::new(),
        outcome,
        millis: 0,
        output: output.to_owned(),
        ..CheckResult::default()
    };
    Evidence {
        checks: vec![check],
        ..Evidence::default()
    }
}

fn on(base: &Evidence) -> Judging<'_> {
    Judging { base, task: "" }
}

fn missing() -> CheckOutcome {
    NotAvailable {
        why: "gone".to_owned(),
    }
}

#[test]
fn results_are_judged_against_the_base() {
    let a = "FAILED t.py::a";
    let ab = "FAILED t.py::a\nFAILED t.py::b";
    let table: &[(CheckOutcome, &str, CheckOutcome, &str, CheckOutcome)] = &[
        (Passed, "", Passed, "", Passed),
        (Passed, "", Failed { exit: 1 }, a, Failed { exit: 1 }),
        (Failed { exit: 1 }, a, Passed, "", Passed),
        (
            Failed { exit: 1 },
            a,
            Failed { exit: 1 },
            a,
            FailedBefore { exit: 1 },
        ),
        (
            FailedBefore { exit: 1 },
            a,
            Failed { exit: 1 },
            a,
            FailedBefore { exit: 1 },
        ),
        (
            Failed { exit: 1 },
            ab,
            Failed { exit: 1 },
            a,
            FailedBefore { exit: 1 },
        ),
        (
            Failed { exit: 1 },
            a,
            Failed { exit: 1 },
            ab,
            Failed { exit: 1 },
        ),
        (
            Failed { exit: 1 },
            a,
            Failed { exit: 2 },
            a,
            Failed { exit: 2 },
        ),
        (
            Failed { exit: 1 },
            a,
            TimedOut { seconds: 1 },
            a,
            TimedOut { seconds: 1 },
        ),
        (
            TimedOut { seconds: 1 },
            "",
            TimedOut { seconds: 1 },
            "x",
            FailedBefore { exit: 124 },
        ),
        (
            TimedOut { seconds: 1 },
            "",
            TimedOut { seconds: 1 },
            a,
            TimedOut { seconds: 1 },
        ),
        (
            TimedOut { seconds: 1 },
            "",
            Failed { exit: 1 },
            a,
            Failed { exit: 1 },
        ),
        (missing(), "", missing(), "", missing()),
        (Passed, "", missing(), "", Failed { exit: 127 }),
        (missing(), "", Failed { exit: 1 }, a, Failed { exit: 1 }),
    ];
    for (base, base_output, now, output, expected) in table {
        let judged = judge(
            on(&evidence(base.clone(), base_output)),
            &evidence(now.clone(), output),
            false,
        );
        assert_eq!(judged.checks[0].outcome, *expected, "{base:?} {now:?}");
    }
}

#[test]
fn a_check_that_the_base_does_not_have_is_blamed() {
    let judged = judge(
        on(&Evidence::default()),
        &evidence(Failed { exit: 1 }, "x"),
        false,
    );
    assert!(!judged.passed());
}

#[test]
fn a_missing_tool_passes_only_where_that_is_allowed_and_says_so() {
    let now = evidence(missing(), "");
    let strict = judge(on(&now), &now, false);
    assert_eq!(
        (strict.passed(), strict.unverified, strict.word()),
        (false, false, "failed")
    );
    let lenient = judge(on(&now), &now, true);
    assert_eq!(
        (lenient.passed(), lenient.unverified, lenient.word()),
        (true, true, "unverified")
    );
    let taken_away = judge(on(&evidence(Passed, "")), &now, true);
    assert_eq!((taken_away.passed(), taken_away.word()), (false, "failed"));
}

#[test]
fn nothing_checked_is_unverified() {
    assert!(judge(on(&Evidence::default()), &Evidence::default(), false).unverified);
}

/// A result with these tests; `+` passed, `-` failed, `~` skipped.
fn with_tests(outcome: CheckOutcome, output: &str, tests: &[&str]) -> Evidence {
    let mut evidence = evidence(outcome, output);
    let read = tests.iter().map(|test| {
        let status = match test.as_bytes()[0] {
            b'+' => TestStatus::Passed,
            b'-' => TestStatus::Failed,
            _ => TestStatus::Skipped,
        };
        (test[1..].to_owned(), status)
    });
    evidence.checks[0].tests = Some(read.collect());
    evidence
}

#[test]
fn tests_are_judged_one_by_one() {
    const ONE: CheckOutcome = Failed { exit: 1 };
    struct Row {
        before: (CheckOutcome, &'static str, &'static [&'static str]),
        now: (CheckOutcome, &'static str, &'static [&'static str]),
        task: &'static str,
        outcome: CheckOutcome,
        blamed: &'static [&'static str],
        failing: &'static [&'static str],
    }
    let rows = [
        // What failed before is not blamed, whatever the runs print of it.
        Row {
            before: (ONE, "took 3 apples\n", &["-t::a", "+t::b"]),
            now: (ONE, "took 5 apples\n", &["-t::a", "+t::b"]),
            task: "",
            outcome: FailedBefore { exit: 1 },
            blamed: &[],
            failing: &["t::a"],
        },
        // A new failure beside it is; it is named first.
        Row {
            before: (ONE, "", &["-t::a", "+t::b"]),
            now: (ONE, "", &["-t::a", "-t::b", "-t::c"]),
            task: "",
            outcome: ONE,
            blamed: &["t::b", "t::c"],
            failing: &["t::b", "t::c", "t::a"],
        },
        // What the task names is its business.
        Row {
            before: (ONE, "same", &["-t.py::test_a", "-t.py::test_b"]),
            now: (ONE, "same", &["-t.py::test_a", "-t.py::test_b"]),
            task: "Make `test_a` pass",
            outcome: ONE,
            blamed: &["t.py::test_a"],
            failing: &["t.py::test_a", "t.py::test_b"],
        },
        Row {
            before: (Passed, "", &["+t::a"]),
            now: (ONE, "", &["-t::a"]),
            task: "",
            outcome: ONE,
            blamed: &["t::a"],
            failing: &["t::a"],
        },
        // All as before, and then the runner crashed.
        Row {
            before: (ONE, "", &["-t::a"]),
            now: (Failed { exit: 139 }, "Segmentation fault", &["-t::a"]),
            task: "",
            outcome: Failed { exit: 139 },
            blamed: &[],
            failing: &["t::a"],
        },
        Row {
            before: (ONE, "FAILED t.py::a\n", &["-t.py::a"]),
            now: (
                ONE,
                "FAILED t.py::a\nERROR u.py - SyntaxError\n",
                &["-t.py::a"],
            ),
            task: "",
            outcome: ONE,
            blamed: &[],
            failing: &["t.py::a"],
        },
        // No test fails any more, and something else does.
        Row {
            before: (ONE, "", &["-t::a"]),
            now: (ONE, "coverage is 12 %, 80 % are asked for", &["+t::a"]),
            task: "",
            outcome: ONE,
            blamed: &[],
            failing: &[],
        },
        // A narrowed run that meets an old failure.
        Row {
            before: (
                ONE,
                "FAILED t.py::a\nFAILED t.py::b\n",
                &["-t.py::a", "-t.py::b"],
            ),
            now: (ONE, "FAILED t.py::b\n", &["-t.py::b"]),
            task: "",
            outcome: FailedBefore { exit: 1 },
            blamed: &[],
            failing: &["t.py::b"],
        },
        // Skipped before and red now is a new failure.
        Row {
            before: (ONE, "", &["~t::a", "-t::b"]),
            now: (ONE, "", &["-t::a", "-t::b"]),
            task: "",
            outcome: ONE,
            blamed: &["t::a"],
            failing: &["t::a", "t::b"],
        },
        Row {
            before: (TimedOut { seconds: 1 }, "", &["-t::a"]),
            now: (TimedOut { seconds: 1 }, "", &["-t::a", "-t::b"]),
            task: "",
            outcome: TimedOut { seconds: 1 },
            blamed: &[],
            failing: &["t::b", "t::a"],
        },
    ];
    for (n, row) in rows.into_iter().enumerate() {
        let base = with_tests(row.before.0, row.before.1, row.before.2);
        let now = with_tests(row.now.0, row.now.1, row.now.2);
        let judging = Judging {
            base: &base,
            task: row.task,
        };
        let judged = judge_one(judging, &now.checks[0]);
        assert_eq!(
            (judged.result.outcome, judged.blamed, judged.result.failing),
            (
                row.outcome,
                row.blamed.iter().map(|t| (*t).to_owned()).collect(),
                row.failing.iter().map(|t| (*t).to_owned()).collect()
            ),
            "row {n}"
        );
    }
}

#[test]
fn many_failing_tests_are_named_up_to_a_bound() {
    let names: Vec<String> = (0..500).map(|n| format!("-t::{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let base = with_tests(Passed, "", &[]);
    let now = with_tests(Failed { exit: 1 }, "", &names);
    let judged = judge_one(on(&base), &now.checks[0]);
    assert_eq!(
        (judged.result.failing.len(), judged.blamed.len()),
        (100, 500)
    );
}
