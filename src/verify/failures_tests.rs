use super::*;

/// Prints as a runner does when these tests fail.
type Printer<'a> = &'a dyn Fn(&[&str]) -> String;

#[test]
fn every_pattern_compiles() {
    for table in [&TEST_LINES, &ERROR_LINES, &LOCATED_LINES, &NOISE_LINES] {
        for pattern in &table.1 {
            pattern.as_str();
        }
    }
}

#[test]
fn failures_are_compared_by_name_where_a_runner_names_them() {
    let libtest = |names: &[&str]| {
        let blocks: String = names
            .iter()
            .map(|n| {
                format!("---- {n} stdout ----\nthread '{n}' (4711) panicked at src/lib.rs:3:5:\n")
            })
            .collect();
        let list: String = names.iter().map(|n| format!("    {n}\n")).collect();
        format!(
            "failures:\n\n{blocks}\nfailures:\n{list}\ntest result: FAILED. finished in 0.13s\nerror: test failed, to rerun pass `--lib`\nerror: 1 target failed:\n    `--lib`\n"
        )
    };
    let pytest = |names: &[&str]| -> String {
        names
            .iter()
            .map(|n| format!("FAILED tests/test_a.py::{n} - assert 1 == 2\n"))
            .collect::<String>()
            + "2 failed in 0.31s\n"
    };
    let go = |names: &[&str]| -> String {
        names
            .iter()
            .map(|n| format!("--- FAIL: {n} (0.00s)\n    a_test.go:3: bad\n"))
            .collect::<String>()
            + "FAIL\nFAIL\tx\t0.003s\n"
    };
    let tap = |names: &[&str]| -> String {
        names
            .iter()
            .enumerate()
            .map(|(i, n)| format!("not ok {i} - {n}\n  duration_ms: 1.{i}\n"))
            .collect()
    };
    let jest = |names: &[&str]| -> String {
        names
            .iter()
            .map(|n| format!("    ✕ {n} (3 ms)\n"))
            .collect::<String>()
            + "Tests: 1 failed\nTime: 1.2 s\n"
    };
    let unittest = |names: &[&str]| -> String {
        names
            .iter()
            .map(|n| format!("FAIL: {n} (test_a.T.{n})\n"))
            .collect::<String>()
            + "Ran 2 tests in 0.001s\n"
    };
    let go_json = |names: &[&str]| -> String {
        let event = |n: &&str| {
            format!(
                "{{\"Time\":\"{}\",\"Action\":\"fail\",\"Package\":\"p\",\"Test\":\"{n}\",\"Elapsed\":0.{}}}\n",
                names.len(),
                names.len()
            )
        };
        names.iter().map(event).collect()
    };
    let runners: [Printer<'_>; 7] = [&libtest, &pytest, &go, &tap, &jest, &unittest, &go_json];
    for runner in runners {
        assert!(same_failure(&runner(&["a", "b"]), &runner(&["a", "b"])));
        assert!(
            same_failure(&runner(&["a", "b"]), &runner(&["b"])),
            "less is no blame: {}",
            runner(&["b"])
        );
        assert!(
            !same_failure(&runner(&["a"]), &runner(&["a", "b"])),
            "{}",
            runner(&["a", "b"])
        );
        assert!(!same_failure(&runner(&["a"]), &runner(&["b"])));
        assert!(!same_failure(&runner(&["a"]), "Segmentation fault\n"));
    }
}

#[test]
fn outputs_that_fail_in_the_same_way() {
    let same: &[(&str, &str)] = &[
        (
            "error[E0425]: cannot find value `y`\n --> src/lib.rs:3:5\n",
            "error[E0425]: cannot find value `y`\n --> src/lib.rs:19:7\n",
        ),
        (
            "error: could not compile `a` (lib) due to 3 previous errors\n",
            "error: could not compile `a` (lib) due to 1 previous error; 2 warnings emitted\n",
        ),
        ("./x.go:2:23: undefined: y\n", "./x.go:9:1: undefined: y\n"),
        (
            "a.py:3: SyntaxError: invalid syntax\nb.py:1: SyntaxError: x\n",
            "a.py:30: SyntaxError: invalid syntax\n",
        ),
        (
            "a.py:1:8: F401 `os` imported but unused\na.py:2:8: F401 `re` imported but unused\n",
            "a.py:4:8: F401 `re` imported but unused\n",
        ),
        (
            "failures:\n    src/lib.rs - f (line 1)\n",
            "failures:\n    src/lib.rs - f (line 21)\n",
        ),
        (
            "2024-01-02T03:04:05Z boom at 0x7f01 in /tmp/a1b2/x, took 3.5s\n",
            "2025-11-12T13:14:15Z boom at 0x1c in /tmp/zz/x, took 12 ms\n",
        ),
        ("one\ntwo\n", "two\n\none\n"),
        (
            "/a/b.js\n  3:5  error  'x' is not defined  no-undef\n✖ 2 problems",
            "/a/b.js\n  9:5  error  'x' is not defined  no-undef\n✖ 1 problem",
        ),
        (
            "error: test failed, to rerun pass `--lib`\nerror: 2 targets failed:\n    `--lib`\n    `--doc`\n",
            "error: test failed, to rerun pass `--lib`\nerror: 1 target failed:\n    `--lib`\n",
        ),
    ];
    for (earlier, later) in same {
        assert!(same_failure(earlier, later), "{earlier}\n{later}");
    }
    let new: &[(&str, &str)] = &[
        (
            "error[E0425]: cannot find value `y`\n --> src/lib.rs:3:5\n",
            "error[E0425]: cannot find value `y`\n --> src/other.rs:3:5\n",
        ),
        ("3 of 10 failed\n", "4 of 10 failed\n"),
        ("FAILED t.py::test_x[1.5]\n", "FAILED t.py::test_x[2.5]\n"),
        (
            "failures:\n    it_works\n",
            "failures:\n    it_works\n\nfailures:\n    it_works\n",
        ),
        ("failures:\n    a\n", "error: could not compile `x` (lib)\n"),
        (
            "a.py:1:8: F401 `os` imported but unused\n",
            "a.py:1:8: F401 `os` imported but unused\nb.py:1:8: F401 `os` imported but unused\n",
        ),
        (
            "/a/b.js\n  3:5  error  x is not defined\n",
            "/a/b.js\n  3:5  error  x is not defined\n\n/a/c.js\n  3:5  error  x is not defined\n",
        ),
        ("boom\n", "crash\n"),
        ("boom\n", ""),
        (
            "FAIL\tx [build failed]\n",
            "FAIL\tx [build failed]\nFAIL\ty [build failed]\n",
        ),
    ];
    for (earlier, later) in new {
        assert!(!same_failure(earlier, later), "{earlier}\n{later}");
    }
    assert!(same_failure_cut_short(
        "running 3 tests\n",
        "running 4 tests\n.."
    ));
    assert!(!same_failure_cut_short(
        "running 3 tests\n",
        "FAILED t.py::x\n"
    ));
}

proptest::proptest! {
    #[test]
    fn every_output_fails_as_itself(output in "(?s).{0,400}") {
        proptest::prop_assert!(same_failure(&output, &output));
    }

    #[test]
    fn steady_is_stable(line in "[ -~]{0,120}") {
        let once = steady(&line);
        proptest::prop_assert_eq!(steady(&line), once);
    }
}

/// How many failed is no name: a base with two failures and a chunk with one of them differ in nothing new.
#[test]
fn a_count_of_unittest_is_no_failure() {
    let output = |n: u32| format!("FAIL: test_a (tests.A)\nFAILED (failures={n})\n");
    assert!(same_failure_cut_short(&output(2), &output(1)));
}
