use super::*;
use crate::verify::check::CheckKind;

fn check(only: Option<Only>, start: &str, whole: &str) -> Check {
    Check {
        only,
        ..Check::new(
            "suite",
            "",
            CheckKind::Test,
            Run::Shell {
                start: start.to_owned(),
                whole: whole.to_owned(),
            },
        )
    }
}

#[test]
fn rows_name_the_tests_that_are_to_run() {
    type Row = (
        Only,
        &'static str,
        &'static str,
        &'static [&'static str],
        &'static str,
    );
    let table: &[Row] = &[
        (
            Only::Libtest,
            "cargo test --no-fail-fast",
            "--workspace",
            &["tests/it.rs::adds", "src/lib.rs::small::tests::two_is_two"],
            "cargo test --no-fail-fast -- --exact adds tests::two_is_two",
        ),
        (
            Only::Libtest,
            "cargo test",
            "",
            &["doc small::src/lib.rs - two #2"],
            "cargo test -- 'src/lib.rs - two'",
        ),
        (
            Only::Nextest,
            "cargo nextest run",
            "--workspace",
            &["small::it adds", "small tests::two"],
            "cargo nextest run -E 'test(=adds) | test(=tests::two)'",
        ),
        (
            Only::Pytest,
            "python3 -m pytest -v",
            "",
            &["tests/test_a.py::test_b[1 x]", "tests/test_a.py::test_c"],
            "python3 -m pytest -v 'tests/test_a.py::test_b[1 x]' tests/test_a.py::test_c",
        ),
        (
            Only::Unittest,
            "python3 -m unittest discover -v -s tests",
            "",
            &["test_app.Two.test_it"],
            "PYTHONPATH=tests:. python3 -m unittest -v test_app.Two.test_it",
        ),
        (
            Only::Unittest,
            "python3 -m unittest discover -v -s tests -t .",
            "",
            &["test_it (tests.test_app.Two)"],
            "python3 -m unittest -v tests.test_app.Two.test_it",
        ),
        (
            Only::Go,
            "go test -json",
            "./...",
            &[
                "example.org/small/TestTwo",
                "example.org/small/pkg/TestA/sub",
                "example.org/small/pkg/TestB",
            ],
            "go test -json -run '^(TestA|TestB|TestTwo)$' example.org/small example.org/small/pkg",
        ),
        (
            Only::Jest,
            "npm test",
            "",
            &["a.test.js > math > adds (1.5)"],
            "npm test -- -t adds",
        ),
        (
            Only::NodeTest,
            "node --test",
            "",
            &["two is two?", "adds"],
            r"node --test --test-name-pattern 'adds|two is two\?'",
        ),
        (
            Only::Maven,
            "mvn -B test",
            "",
            &[
                "com.example.MathTest::addsTwo",
                "com.example.MathTest::with[1]",
                "com.example.A::a title",
            ],
            "mvn -B test -Dsurefire.failIfNoSpecifiedTests=false '-Dtest=com.example.A,com.example.MathTest#addsTwo,com.example.MathTest#with'",
        ),
        (
            Only::Gradle,
            "./gradlew test",
            "",
            &["com.example.MathTest::addsTwo()"],
            "./gradlew test --tests com.example.MathTest.addsTwo",
        ),
        (
            Only::Line("make only T={tests}".to_owned()),
            "make test",
            "",
            &["a", "b c"],
            "make only T=a 'b c'",
        ),
    ];
    for (how, start, whole, tests, expected) in table {
        let narrowed = only(&check(Some(how.clone()), start, whole), tests);
        assert_eq!(narrowed.command(), *expected);
        assert!(narrowed.narrowed.is_some());
    }
}

#[test]
fn what_cannot_be_said_runs_whole() {
    let whole = |how: Option<Only>, tests: &[&str]| {
        let run = only(&check(how, "run", "all"), tests);
        assert_eq!(
            (run.command().as_str(), &run.narrowed),
            ("run all", &None),
            "{tests:?}"
        );
    };
    whole(None, &["a"]);
    whole(Some(Only::Pytest), &[]);
    whole(Some(Only::Pytest), &["-k everything"]);
    whole(Some(Only::Go), &["no test"]);
    whole(Some(Only::Unittest), &["test_a.T.test_b"]);
    whole(Some(Only::Maven), &["no class"]);
    whole(Some(Only::Nextest), &["a 'b)"]);
    let long = "x".repeat(40_000);
    whole(Some(Only::Pytest), &[long.as_str()]);
}

#[test]
fn a_narrowed_check_is_narrowed_from_the_whole() {
    let narrowed = check(Some(Only::Libtest), "cargo test", "--workspace")
        .narrowed_to(Run::line("cargo test -p a"), "packages a".to_owned());
    assert_eq!(narrowed.command(), "cargo test -p a");
    assert_eq!(only(&narrowed, &["t"]).command(), "cargo test -- --exact t");
    assert_eq!(only(&narrowed, &[]).command(), "cargo test --workspace");
}

proptest::proptest! {
    #[test]
    fn whatever_a_test_is_called_it_stays_one_word(name in "[^-\n\0].{0,40}") {
        let name = name.replace(['\n', '\0'], "");
        let line = only(&check(Some(Only::Pytest), "run", ""), &[&name]).command();
        // Quotes are closed, and nothing of the name stands outside of them.
        let outside: String = line.replace(r"'\''", "").split('\'').step_by(2).collect();
        let plain = |c: char| c.is_ascii_alphanumeric() || " \\/_.-:@=+,%".contains(c);
        proptest::prop_assert!(outside.chars().all(plain), "{}", line);
    }
}
