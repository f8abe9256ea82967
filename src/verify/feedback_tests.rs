use super::*;
use crate::model::Rerun;
use proptest::prelude::*;

fn result(name: &str, outcome: CheckOutcome, output: &str) -> CheckResult {
    CheckResult {
        name: name.to_owned(),
        command: format!("run {name}"),
        dir: "web".to_owned(),
        outcome,
        millis: 1,
        output: output.to_owned(),
        ..CheckResult::default()
    }
}

fn failed(output: &str) -> Evidence {
    Evidence {
        checks: vec![result("tests", CheckOutcome::Failed { exit: 1 }, output)],
        ..Evidence::default()
    }
}

fn recording(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reports")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn only_failing_checks_are_told_with_their_output() {
    let evidence = Evidence {
        checks: vec![
            result("good", CheckOutcome::Passed, "all well"),
            result("old", CheckOutcome::FailedBefore { exit: 1 }, "was broken"),
            result(
                "bad",
                CheckOutcome::Failed { exit: 3 },
                "\u{1b}[31mboom\u{1b}[0m\u{7}\n```\n",
            ),
            result("slow", CheckOutcome::TimedOut { seconds: 9 }, ""),
        ],
        ..Evidence::default()
    };
    insta::assert_snapshot!(feedback(&evidence), @r"
    The check `bad` in `web` failed with exit code 3. Command: `run bad`
    ````
    boom
    ```
    ````

    The check `slow` in `web` did not end within 9 s and was ended. Command: `run slow`
    It printed nothing.
    ");
    assert_eq!(feedback(&Evidence::default()), "");
}

#[test]
fn the_wall_is_told_of_whether_or_not_failures_were_read() {
    for output in ["boom", "src/lib.rs:3:1: error: no such thing"] {
        let mut evidence = failed(output);
        let without = signature(&evidence);
        evidence.checks[0].hint = Some("its sandbox may be why (x)".to_owned());
        let told = feedback(&evidence);
        assert!(
            told.ends_with("```\n\nits sandbox may be why (x)"),
            "{told}"
        );
        assert_eq!(
            signature(&evidence),
            without,
            "it is no part of the failure"
        );
    }
}

#[test]
fn failures_go_back_as_the_lines_that_matter() {
    for name in [
        "libtest.txt",
        "nextest.txt",
        "cargo-missing-in-test.txt",
        "pytest-v.txt",
        "unittest-v.txt",
        "go-json.txt",
        "node-tap.txt",
        "jest.txt",
        "vitest.txt",
        "mocha.txt",
    ] {
        let text = feedback(&failed(&recording(name)));
        for noise in [
            "RUST_BACKTRACE",
            "node:internal",
            "Compiling",
            "0.00s",
            "rust_begin_unwind",
            "\"Action\"",
        ] {
            assert!(!text.contains(noise), "{name} {noise}: {text}");
        }
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn what_is_known_beside_the_output_is_said() {
    let mut evidence = failed(
        "=== short test summary info ===\nFAILED t.py::a - assert 1 == 2\nFAILED t.py::old - assert 3 == 4\n2 failed in 0.1s\n",
    );
    evidence.checks[0].failing = vec!["t.py::a".to_owned(), "t.py::silent".to_owned()];
    evidence.checks[0].rerun = Some(Rerun {
        command: "pytest t.py::a".to_owned(),
        exit: 1,
        millis: 1,
        output: String::new(),
    });
    let finding = |severity, path: &str| Finding {
        rule: "deleted_test".to_owned(),
        severity,
        path: path.to_owned(),
        line: Some(3),
        what: "the test `b` is gone; put it back".to_owned(),
        asked_for: None,
    };
    evidence.findings = vec![
        finding(FindingSeverity::Note, "noted.py"),
        finding(FindingSeverity::Fail, "t.py"),
    ];
    let extra = Feedback {
        changed_since: Some("t.py | 3 +--"),
        repeated: true,
        ..Feedback::default()
    };
    insta::assert_snapshot!("beside", feedback_with(&evidence, &extra));
    evidence.checks.clear();
    assert!(feedback(&evidence).contains("t.py:3 (deleted_test)"));
}

#[test]
fn feedback_is_bounded_and_keeps_both_ends() {
    let long = format!("first\n{}\nlast", "ü".repeat(100_000));
    for count in [1, 3, 200] {
        let checks = (0..count)
            .map(|i| result(&format!("c{i}"), CheckOutcome::Failed { exit: 1 }, &long))
            .collect();
        let text = feedback(&Evidence {
            checks,
            ..Evidence::default()
        });
        assert!(text.len() <= MAX_TOKENS * BYTES_A_TOKEN, "{}", text.len());
        assert!(text.contains("first\n") && text.contains("last\n"));
    }
    let many: String = (0..5_000)
        .map(|i| format!("FAILED tests/test_a.py::test_{i} - assert {i} == 0\n"))
        .collect();
    let text = feedback(&failed(&format!(
        "=== short test summary info ===\n{many}5000 failed in 1.00s\n"
    )));
    assert!(text.len() <= MAX_TOKENS * BYTES_A_TOKEN, "{}", text.len());
    assert!(
        text.contains("test_0 ") || text.contains("test_0\n"),
        "{text}"
    );
}

#[test]
fn the_same_failure_has_the_same_signature() {
    let a = "thread 'x' (1) panicked at src/lib.rs:3:5:\nassertion failed: a\n";
    let libtest = |name: &str, body: &str, seconds: &str| {
        format!(
            "running 1 test\ntest {name} ... FAILED\n\nfailures:\n\n---- {name} stdout ----\n{body}\n\nfailures:\n    {name}\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in {seconds}s\n"
        )
    };
    let same = [
        (
            libtest("x", a, "0.01"),
            libtest("x", &a.replace(":3:5", ":19:1"), "3.20"),
        ),
        (
            "boom after 3.2s at 0x7f".to_owned(),
            "boom after 12ms at 0x1c".to_owned(),
        ),
        (
            "src/a.rs:3:5: error: x 4\nsrc/a.rs:9:5: error: follows\n".to_owned(),
            "src/a.rs:7:5: error: x 5\n".to_owned(),
        ),
    ];
    for (one, two) in same {
        assert_eq!(
            signature(&failed(&one)),
            signature(&failed(&two)),
            "{one}\n{two}"
        );
    }
    let different = [
        (libtest("x", a, "0"), libtest("y", a, "0")),
        (
            libtest("x", a, "0"),
            libtest("x", &a.replace("failed: a", "failed: b"), "0"),
        ),
        ("boom".to_owned(), "bang".to_owned()),
    ];
    for (one, two) in different {
        assert_ne!(
            signature(&failed(&one)),
            signature(&failed(&two)),
            "{one}\n{two}"
        );
    }
    assert_eq!(signature(&Evidence::default()), "");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_was_printed_is_told_within_the_bound(output in "(\\PC{0,80}\n){0,60}", tokens in 0usize..4_000) {
        let evidence = failed(&output);
        let text = feedback_with(&evidence, &Feedback { max_tokens: tokens, ..Feedback::default() });
        prop_assert!(text.len() <= (tokens * BYTES_A_TOKEN).max(600));
        prop_assert!(text.starts_with("The check `tests`"));
        prop_assert_eq!(signature(&evidence), signature(&evidence.clone()));
    }
}
