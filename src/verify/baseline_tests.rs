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
            &evidence(base.clone(), base_output),
            &evidence(now.clone(), output),
            false,
        );
        assert_eq!(judged.checks[0].outcome, *expected, "{base:?} {now:?}");
    }
}

#[test]
fn a_check_that_the_base_does_not_have_is_blamed() {
    let judged = judge(
        &Evidence::default(),
        &evidence(Failed { exit: 1 }, "x"),
        false,
    );
    assert!(!judged.passed());
}

#[test]
fn a_missing_tool_passes_only_where_that_is_allowed_and_says_so() {
    let now = evidence(missing(), "");
    let strict = judge(&now, &now, false);
    assert_eq!(
        (strict.passed(), strict.unverified, strict.word()),
        (false, false, "failed")
    );
    let lenient = judge(&now, &now, true);
    assert_eq!(
        (lenient.passed(), lenient.unverified, lenient.word()),
        (true, true, "unverified")
    );
    let taken_away = judge(&evidence(Passed, ""), &now, true);
    assert_eq!((taken_away.passed(), taken_away.word()), (false, "failed"));
}

#[test]
fn nothing_checked_is_unverified() {
    assert!(judge(&Evidence::default(), &Evidence::default(), false).unverified);
}
