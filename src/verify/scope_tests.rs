use super::*;
use crate::model::{CheckOutcome, CheckResult};
use crate::verify::configured::{ConfiguredCheck, compile};
use crate::verify::detect::detect;
use std::collections::BTreeMap;

const REPO: &[(&str, &str)] = &[
    ("Cargo.toml", "[package]\nname = \"a\"\n"),
    ("src/lib.rs", ""),
    ("src/schema.sql", ""),
    ("README.md", ""),
    (
        "web/package.json",
        r#"{"scripts": {"test": "node --test"}}"#,
    ),
    ("web/src/a.js", ""),
    ("web/src/style.css", ""),
    ("api/pyproject.toml", ""),
    ("api/app.py", ""),
    ("api/tests/test_app.py", "def test_a(): pass"),
    ("api/tests/data.json", ""),
    ("tools/gen.py", ""),
    ("LICENSE", ""),
    ("infra/main.tf", ""),
];

fn configured(name: &str, dir: &str, when: &[&str]) -> Configured {
    compile(ConfiguredCheck {
        name: name.to_owned(),
        run: format!("run {name}"),
        dir: dir.to_owned(),
        when: when.iter().map(|w| (*w).to_owned()).collect(),
        ..ConfiguredCheck::default()
    })
    .unwrap()
}

/// `name@dir` of what changes call for; a path with a leading `-` is deleted.
fn called(changed: &[&str], commands: &[Configured], base: &Evidence) -> Vec<String> {
    let gone: Vec<&str> = changed.iter().filter_map(|c| c.strip_prefix('-')).collect();
    let files: BTreeMap<&str, &str> = REPO
        .iter()
        .copied()
        .filter(|(p, _)| !gone.contains(p))
        .collect();
    let read = |path: &str| files.get(path).map(|text| (*text).to_owned());
    let view = FileView::new(files.keys().copied(), &read);
    let changes = Changes {
        present: changed
            .iter()
            .copied()
            .filter(|c| !c.starts_with('-'))
            .collect(),
        deleted: gone,
    };
    let checks = scope(&view, &detect(&view), commands, &changes, (base, ""));
    checks
        .iter()
        .map(|c| format!("{}@{}", c.name, c.dir))
        .collect()
}

fn base_with(checks: &[(&str, &str)]) -> Evidence {
    let result = |(name, dir): &(&str, &str)| CheckResult {
        name: (*name).to_owned(),
        command: "as before".to_owned(),
        dir: (*dir).to_owned(),
        outcome: CheckOutcome::Passed,
        millis: 0,
        output: String::new(),
        ..CheckResult::default()
    };
    Evidence {
        checks: checks.iter().map(result).collect(),
        ..Evidence::default()
    }
}

#[test]
fn files_call_for_the_checks_of_their_project() {
    let table: &[(&[&str], &[&str])] = &[
        (&["src/lib.rs"], &["cargo test@"]),
        (&["src/schema.sql"], &["cargo test@"]),
        (&["Cargo.lock"], &["cargo test@"]),
        (
            &["web/src/a.js"],
            &["javascript syntax@web", "npm test@web"],
        ),
        (&["web/src/style.css"], &["npm test@web"]),
        (&["api/app.py"], &["python syntax@api", "pytest@api"]),
        (&["api/tests/data.json"], &["pytest@api"]),
        (&["tools/gen.py"], &["python syntax@"]),
        (
            &["README.md", "src/notes.txt", "LICENSE", "infra/main.tf"],
            &[],
        ),
        (
            &["README.md", "src/lib.rs", "web/src/a.js"],
            &["javascript syntax@web", "cargo test@", "npm test@web"],
        ),
    ];
    for (changed, expected) in table {
        assert_eq!(
            called(changed, &[], &Evidence::default()),
            *expected,
            "{changed:?}"
        );
    }
}

#[test]
fn nothing_changed_calls_for_everything() {
    let all = called(
        &[],
        &[configured("lint", "", &["*.md"])],
        &Evidence::default(),
    );
    let expected = [
        "python syntax@",
        "python syntax@api",
        "javascript syntax@web",
        "cargo test@",
        "pytest@api",
        "npm test@web",
        "lint@",
    ];
    assert_eq!(all, expected);
}

#[test]
fn configured_checks_run_always_or_when_a_pattern_matches() {
    let table: &[(&[&str], &str, bool)] = &[
        (&[], "README.md", true),
        (&["*.tf"], "infra/main.tf", true),
        (&["infra/"], "infra/main.tf", true),
        (&["infra"], "infra/main.tf", true),
        (&["/infra/**"], "infra/main.tf", true),
        (&["*.tf"], "src/lib.rs", false),
        (&["/main.tf"], "infra/main.tf", false),
        (&["*.tf", "!infra/main.tf"], "infra/main.tf", false),
        (&["*.md"], "-README.md", true),
    ];
    for (when, changed, expected) in table {
        let checks = called(
            &[changed],
            &[configured("mine", "", when)],
            &Evidence::default(),
        );
        assert_eq!(
            checks.contains(&"mine@".to_owned()),
            *expected,
            "{when:?} {changed}"
        );
    }
}

#[test]
fn a_configured_check_replaces_the_detected_one_of_its_name() {
    let mine = [configured("cargo test", "", &["*.sql"])];
    assert_eq!(
        called(&["src/lib.rs"], &mine, &Evidence::default()),
        Vec::<String>::new()
    );
    assert_eq!(
        called(&["src/schema.sql"], &mine, &Evidence::default()),
        ["cargo test@"]
    );
    let other = [configured("cargo test", "web", &[])];
    assert_eq!(
        called(&["src/lib.rs"], &other, &Evidence::default()),
        ["cargo test@", "cargo test@web"]
    );
}

#[test]
fn what_the_base_checked_is_checked_when_its_manifest_or_tests_are_deleted() {
    let base = base_with(&[
        ("npm test", "web"),
        ("pytest", "api"),
        ("cargo test", ""),
        ("npm test", "old"),
        ("mine", ""),
    ]);
    let table: &[(&[&str], &[&str])] = &[
        (&["-web/package.json"], &["npm test@web"]),
        (&["-Cargo.toml"], &["cargo test@"]),
        (&["-api/tests/test_app.py"], &["pytest@api"]),
        (
            &["-api/pyproject.toml", "-api/tests/test_app.py"],
            &["pytest@api"],
        ),
        // Nothing is left of the project; what stood in its `src` is the enclosing one's.
        (
            &["-web/package.json", "-web/src/a.js", "-web/src/style.css"],
            &["cargo test@"],
        ),
        (&["-old/package.json"], &[]),
        (&["-README.md"], &[]),
    ];
    for (changed, expected) in table {
        assert_eq!(called(changed, &[], &base), *expected, "{changed:?}");
    }
}

#[test]
fn after_a_test_was_deleted_finding_none_is_no_pass() {
    let files: BTreeMap<&str, &str> = [("pytest.ini", ""), ("a.py", "")].into();
    let read = |path: &str| files.get(path).map(|text| (*text).to_owned());
    let view = FileView::new(files.keys().copied(), &read);
    let exit = |changes: &Changes<'_>| {
        let checks = scope(
            &view,
            &detect(&view),
            &[],
            changes,
            (&Evidence::default(), ""),
        );
        checks
            .into_iter()
            .find(|c| c.name == "pytest")
            .unwrap()
            .no_tests_exit
    };
    assert_eq!(
        exit(&Changes {
            present: vec!["a.py"],
            deleted: vec![]
        }),
        Some(5)
    );
    assert_eq!(
        exit(&Changes {
            present: vec!["a.py"],
            deleted: vec!["test_a.py"]
        }),
        None
    );
}

#[test]
fn only_changed_files_are_parsed() {
    let files: BTreeMap<&str, &str> = [("package.json", "{}"), ("a.js", ""), ("b.js", "")].into();
    let read = |path: &str| files.get(path).map(|text| (*text).to_owned());
    let view = FileView::new(files.keys().copied(), &read);
    let changes = Changes {
        present: vec!["b.js"],
        deleted: vec!["c.js"],
    };
    let checks = scope(
        &view,
        &detect(&view),
        &[],
        &changes,
        (&Evidence::default(), ""),
    );
    assert!(
        matches!(&checks[..], [Check { run: Run::Parse { files, .. }, .. }] if files == &["b.js"])
    );
}

/// Whoever was to mend a test is held to it, whatever files they changed.
#[test]
fn a_red_test_that_the_task_names_runs() {
    let files: BTreeMap<&str, &str> = [
        ("pyproject.toml", ""),
        ("a.py", "A = 1\n"),
        ("b.py", "B = 1\n"),
        ("tests/test_a.py", "import a\n\ndef test_a(): pass\n"),
        ("tests/test_b.py", "import b\n\ndef test_b_holds(): pass\n"),
    ]
    .into();
    let read = |path: &str| files.get(path).map(|text| (*text).to_owned());
    let view = FileView::new(files.keys().copied(), &read);
    let red = [(
        "tests/test_b.py::test_b_holds".to_owned(),
        TestStatus::Failed,
    )];
    let base = Evidence {
        checks: vec![CheckResult {
            name: "pytest".to_owned(),
            outcome: CheckOutcome::Failed { exit: 1 },
            tests: Some(red.into()),
            ..CheckResult::default()
        }],
        ..Evidence::default()
    };
    let changes = Changes {
        present: vec!["a.py"],
        deleted: Vec::new(),
    };
    for (task, whole) in [("Mend test_b_holds", true), ("Mend a", false)] {
        let checks = scope(&view, &detect(&view), &[], &changes, (&base, task));
        let pytest = checks.iter().find(|c| c.name == "pytest").unwrap();
        assert_eq!(pytest.narrowed.is_none(), whole, "{task}");
    }
}
