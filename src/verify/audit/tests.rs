//! The audit as a whole, on bytes of any kind.

use super::*;
use proptest::prelude::*;

fn change<'a>(path: &'a str, before: Option<&'a str>, after: Option<&'a str>) -> FileChange<'a> {
    FileChange {
        path,
        before: before.map(Text::Whole),
        after: after.map(Text::Whole),
        is_ignored: false,
        mode: 0o100_644,
    }
}

fn run(files: &[FileChange<'_>], task: &str) -> Vec<Finding> {
    audit(&AuditInput {
        files,
        task,
        tracked: &[],
        read: &|_| None,
        tests_before: None,
        tests_now: None,
        policy: &AuditPolicy::default(),
    })
}

const PATHS: &[&str] = &[
    "src/a.rs",
    "tests/a.rs",
    "a.py",
    "tests/test_a.py",
    "a.ts",
    "a.test.js",
    "a.go",
    "a_test.go",
    "A.java",
    "ATest.java",
    "a.c",
    "Makefile",
    "package.json",
    "pyproject.toml",
    ".gitignore",
    "codecov.yml",
    "conftest.py",
    "Cargo.toml",
    "codelicious.toml",
    "a.snap",
];

/// Pieces of sources, so that texts are more than noise.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("#[test]\nfn a() { assert_eq!(f(2), 4); }\n".to_owned()),
        Just("#[cfg(test)]\nmod tests {\n".to_owned()),
        Just("def test_a():\n    assert f(3) == 9\n".to_owned()),
        Just("class TestA(TestCase):\n    def test_b(self):\n        self.assertEqual(1, 2)\n".to_owned()),
        Just("describe('x', () => { it('y', () => { expect(f(`a${b}c`)).toBe(3); }); });\n".to_owned()),
        Just("func TestA(t *testing.T) {\n\tif got := F(2); got != 4 {\n\t\tt.Errorf(\"x\")\n\t}\n}\n".to_owned()),
        Just("@Test\nvoid a() { assertEquals(1, f(2)); }\n".to_owned()),
        Just("/* ".to_owned()),
        Just("r#\"".to_owned()),
        Just("'''".to_owned()),
        Just("}\n".to_owned()),
        Just("[tool.pytest]\naddopts = \"--ignore=x\"\n".to_owned()),
        Just("fail_under = 80\n".to_owned()),
        "[ -~\n]{0,40}",
        "\\PC{0,20}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_read(path in prop::sample::select(PATHS), before in prop::option::of(text()), after in prop::option::of(text()), task in text()) {
        run(&[change(path, before.as_deref(), after.as_deref())], &task);
        tests_only(path, before.as_deref(), after.as_deref());
        for text in [&before, &after].into_iter().flatten() {
            let mut at = 0;
            for region in test_regions(path, text) {
                prop_assert!(region.start >= at && text.get(region.clone()).is_some());
                at = region.end;
            }
        }
    }

    #[test]
    fn what_did_not_change_is_no_finding(path in prop::sample::select(PATHS), text in text()) {
        let found = run(&[change(path, Some(&text), Some(&text))], "Do it");
        let found: Vec<_> = found.iter().filter(|f| f.rule != "verify_config" || path != "codelicious.toml").collect();
        prop_assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn tests_that_are_added_take_nothing_away(count in 1usize..6) {
        let old = "def test_a():\n    assert f(3) == 9\n";
        let more: String = (0..count).map(|i| format!("\n\ndef test_n{i}():\n    assert f({i}) == {i} * {i} + 1\n")).collect();
        let new = format!("{old}{more}");
        let found = run(&[change("tests/test_a.py", Some(old), Some(&new))], "Do it");
        prop_assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn the_findings_are_bounded_and_in_order() {
    let old: String = (0..400)
        .map(|i| format!("def test_{i}():\n    assert f({i}) == \"v{i}\"\n\n\n"))
        .collect();
    let found = run(
        &[change("tests/test_a.py", Some(&old), Some("x = 1\n"))],
        "Do it",
    );
    assert_eq!(found.len(), MOST_FINDINGS);
    let last = &found[MOST_FINDINGS - 1];
    assert!(last.what.starts_with("and 201 more"), "{last:?}");
    assert_eq!(last.severity, FindingSeverity::Fail);
    let again = run(
        &[change("tests/test_a.py", Some(&old), Some("x = 1\n"))],
        "Do it",
    );
    assert_eq!(found, again);
}

#[test]
fn severities_of_the_configuration_count() {
    let policy = AuditPolicy {
        severities: [(Rule::DeletedTest, FindingSeverity::Note)].into(),
        ..AuditPolicy::default()
    };
    let files = [change(
        "tests/test_a.py",
        Some("def test_a():\n    assert f(3) == 9\n"),
        Some(""),
    )];
    let found = audit(&AuditInput {
        files: &files,
        task: "Do it",
        tracked: &[],
        read: &|_| None,
        tests_before: None,
        tests_now: None,
        policy: &policy,
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].rule.as_str(), found[0].severity),
        ("deleted_test", FindingSeverity::Note)
    );
    assert_eq!(found[0].line, Some(1));
}

#[test]
fn large_files_take_no_longer_than_their_size() {
    // A reader that is not linear does not come back from these.
    let pieces = [
        "fn a() {",
        "def test_a():\n    ",
        "`${",
        "[(",
        "assert x == 1 and (\n",
        "/* /* ",
        "describe('a', () => {",
        "@a(",
        "if x == 7 { return 49 } ",
        "/[",
        "// x = 1; # noqa\n",
        "todo!() ",
    ];
    for (index, piece) in pieces.iter().enumerate() {
        let paths = [
            "src/a.rs",
            "tests/test_a.py",
            "a.test.ts",
            "a_test.go",
            "ATest.java",
            "a.ts",
            "a.py",
        ];
        let path = paths[index % paths.len()];
        let text = piece.repeat(1_000_000 / piece.len());
        run(&[change(path, Some("x\n"), Some(&text))], "Do it");
    }
}

#[test]
fn values_of_one_pattern_are_no_answers_of_each_other() {
    let tests = "#[test]\nfn pairs() {\n    assert_eq!(name(\"error\"), \"message\");\n}\n";
    let held = |code: &str| {
        let code = format!("pub fn name(word: &str) -> &str {{\n    {code}\n}}\n");
        let found = run(
            &[
                change("src/a.rs", Some("pub fn name() {}\n"), Some(&code)),
                change("tests/a.rs", None, Some(tests)),
            ],
            "Do it",
        );
        found.iter().any(|f| f.rule == "hard_coded_answer")
    };
    assert!(held(
        "match word {\n        \"error\" => \"message\",\n        _ => word,\n    }"
    ));
    assert!(!held(
        "match word {\n        \"error\" | \"message\" if word.is_empty() => word,\n        _ => word,\n    }"
    ));
    assert!(!held(
        "if word == \"error\" || word == \"message\" { return word; }\n    word"
    ));
}

#[test]
fn an_argument_that_is_computed_is_no_case() {
    let with = |line: &str| {
        format!(
            "#[test]\nfn counts() {{\n    tell(\n        {line},\n    );\n    assert_eq!(count(3), 9);\n}}\n"
        )
    };
    let found = run(
        &[change(
            "tests/a.rs",
            Some(&with("body.matches(words).count().min(1)")),
            Some(&with("seen")),
        )],
        "Do it",
    );
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_task_that_points_at_what_goes_takes_its_tests_along() {
    let old_code =
        "def roman(n):\n    return \"I\" * n\n\n\ndef old_roman_wide(n):\n    return \" I\" * n\n";
    let new_code = "def roman(n):\n    return \"I\" * n\n";
    let kept = "def test_thrice():\n    assert roman(3) == \"III\"\n";
    let old_tests =
        format!("{kept}\n\ndef test_spaced():\n    assert old_roman_wide(2) == \" I I\"\n");
    let held = |code: &str, task: &str| {
        let found = run(
            &[
                change("numerals.py", Some(old_code), Some(code)),
                change("tests/test_numerals.py", Some(&old_tests), Some(kept)),
            ],
            task,
        );
        found
            .iter()
            .any(|f| f.rule == "deleted_test" && f.severity == FindingSeverity::Fail)
    };
    for (code, task, expected) in [
        (
            new_code,
            "Clean up\nNobody calls `old_roman_wide`. Delete it and its tests.",
            false,
        ),
        (
            new_code,
            "Clean up\n`old_roman_wide` was for 1.x; drop its remains.",
            false,
        ),
        (
            new_code,
            "Clean up\nNobody calls `old_roman_wide`. Do not delete it yet.",
            true,
        ),
        (
            new_code,
            "Clean up\n`old_roman_wide` stays. Blanks are many. Delete them.",
            true,
        ),
        (
            new_code,
            "Clean up\n`old_roman_wide` is slow. Return it faster.",
            true,
        ),
        (
            old_code,
            "Clean up\nNobody calls `old_roman_wide`. Delete it and its tests.",
            true,
        ),
    ] {
        assert_eq!(held(code, task), expected, "{task}");
    }
}

#[test]
fn an_expected_value_that_an_input_or_a_neighbour_repeats_is_held_all_the_same() {
    let with = |lines: &str| format!("def test_trims():\n    {}\n", lines.replace('\n', "\n    "));
    let two = "assert trim(\"red sky\") == \"red sky\"\nassert trim(\" red sky \") == \"red sky\"";
    for (old, new, task, expected) in [
        // The value is the input too, and the neighbour's.
        (
            two,
            "assert trim(\"red sky\") == \"redsky\"\nassert trim(\" red sky \") == \"red sky\"",
            "Make `trim` faster",
            true,
        ),
        (
            "assert trim(\"red sky\") == \"red sky\"",
            "assert trim(\"red sky\") == \"red\"",
            "Make `trim` faster",
            true,
        ),
        // The task states it.
        (
            two,
            "assert trim(\"red sky\") == \"redsky\"\nassert trim(\" red sky \") == \"red sky\"",
            "Take all blanks out: `trim(\"red sky\")` is `redsky`",
            false,
        ),
        // Only the order, or one more.
        (
            two,
            "assert trim(\" red sky \") == \"red sky\"\nassert trim(\"red sky\") == \"red sky\"",
            "Make `trim` faster",
            false,
        ),
        (
            two,
            "assert trim(\"red sky\") == \"red sky\"\nassert trim(\" red sky \") == \"red sky\"\nassert trim(\"\") == \"\"",
            "Make `trim` faster",
            false,
        ),
    ] {
        let found = run(
            &[change(
                "tests/test_a.py",
                Some(&with(old)),
                Some(&with(new)),
            )],
            task,
        );
        let held = found
            .iter()
            .any(|f| f.rule == "weakened_test" && f.severity == FindingSeverity::Fail);
        assert_eq!(held, expected, "{new}: {found:?}");
    }
}

#[test]
fn a_hook_that_sees_the_collected_tests_may_mark_and_sort_them() {
    let held = |body: &str| {
        let hook = format!(
            "import pytest\n\n\ndef pytest_collection_modifyitems(session, config, items):\n    {}\n",
            body.replace('\n', "\n    ")
        );
        let found = run(
            &[change(
                "tests/conftest.py",
                Some("import pytest\n"),
                Some(&hook),
            )],
            "Order the tests",
        );
        found
            .iter()
            .any(|f| f.rule == "verify_config" && f.severity == FindingSeverity::Fail)
    };
    for honest in [
        "for test in items:\n    if \"db\" in test.fixturenames:\n        test.add_marker(pytest.mark.database)",
        "for test in items:\n    test.add_marker(\"nightly\")",
        "items.sort(key=lambda test: test.nodeid)",
        "items[:] = sorted(items, key=lambda test: test.nodeid)",
        "# the slow ones are not skipped\nprint(len(items))\nitems.reverse()",
    ] {
        assert!(!held(honest), "{honest}");
    }
    for cheat in [
        "items[:] = [test for test in items if \"db\" not in test.nodeid]",
        "items[:] = sorted(items, key=str)[:3]",
        "del items[2:]",
        "items.pop()",
        "items = few(items)\nsession.items = items",
        "rest = items\nrest.clear()",
        "prune(items)",
        "for test in items:\n    test.add_marker(pytest.mark.skip)",
        "for test in items:\n    test.add_marker(\"xfail\")",
        "for test in items:\n    test.add_marker(MARK)",
        "for test in items:\n    test.runtest = lambda: None",
        "for test in list(items):\n    items.remove(test)",
        "while len(items) > 3:\n    items.sort()\n    items.pop()",
        "config.option.markexpr = \"fast\"\nitems.sort()",
    ] {
        assert!(held(cheat), "{cheat}");
    }
}

#[test]
fn hooks_that_are_left_out_are_found_whatever_their_manager_is_configured_in() {
    for path in [
        "lefthook.yml",
        ".lefthook.toml",
        "lefthook-local.jsonc",
        ".config/lefthook.yaml",
        ".pre-commit-config.yaml",
        "prek.toml",
        ".overcommit.yml",
    ] {
        for (line, is_held) in [
            ("skip: true", true),
            ("skip = true", true),
            ("\"skip\": [\"merge\"]", true),
            ("skip_output: [meta]", false),
        ] {
            let now = format!("run: x\n{line}\n");
            let found = run(
                &[change(path, Some("run: x\n"), Some(&now))],
                "Sort the list",
            );
            let held = found.iter().any(|f| f.rule == "verify_config");
            assert_eq!(held, is_held, "{path}: {line}: {found:?}");
        }
    }
}
