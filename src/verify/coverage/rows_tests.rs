use super::*;
use std::collections::BTreeMap;

fn measuring(
    language: &str,
    line: &str,
    files: &[(&str, &str)],
    installed: Installed,
) -> Option<String> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let read = |path: &str| files.get(path).map(|text| (*text).to_owned());
    let view = FileView::new(files.keys().copied(), &read);
    let ground = Ground {
        view: &view,
        dir: "",
        sources: Vec::new(),
        tests: Vec::new(),
    };
    let check = Check {
        no_tests_exit: Some(5),
        env: &[("CI", "true")],
        ..Check::new("tests", "", CheckKind::Test, Run::line(line))
    };
    let found = coverage_check(language, &check, &ground, installed, "/tmp/it's out")?;
    // It stands for the same check, so that it is judged against the same baseline.
    assert!(found.replaces && found.check.is("tests", "") && found.check.env == check.env);
    assert_eq!(found.check.no_tests_exit, Some(5));
    let [ReportPlace::At(at)] = found.reports.as_slice() else {
        panic!("{:?}", found.reports);
    };
    assert!(at.starts_with("/tmp/it's out/"), "{at}");
    Some(found.check.command())
}

#[test]
fn tests_measure_where_the_project_has_what_it_takes() {
    let none = Installed::default();
    let llvm = Installed {
        cargo_llvm_cov: true,
    };
    let out = r"'/tmp/it'\''s out'";
    let with_cov = [(
        "pyproject.toml",
        "[dependency-groups]\ndev = ['pytest-cov']\n",
    )];
    let jest = [("package.json", r#"{"scripts":{"test":"jest"}}"#)];
    let vitest = [(
        "package.json",
        r#"{"scripts":{"test":"NODE_ENV=test vitest run"},"devDependencies":{"@vitest/coverage-v8":"3"}}"#,
    )];
    let bare = [("package.json", r#"{"scripts":{"test":"vitest run"}}"#)];
    let chained = [("package.json", r#"{"scripts":{"test":"tsc && jest"}}"#)];
    for (language, line, files, installed, expected) in [
        (
            "python",
            "python3 -m pytest -q -rfE tests/test_a.py",
            &with_cov[..],
            none,
            Some(format!(
                "COVERAGE_FILE={out}/.coverage python3 -m pytest --cov --cov-report=json:{out}/coverage.json --cov-fail-under=0 -q -rfE tests/test_a.py"
            )),
        ),
        ("python", "python3 -m pytest -q", &[], none, None),
        (
            "python",
            "python3 -m unittest discover",
            &with_cov,
            none,
            None,
        ),
        ("rust", "cargo test --quiet --workspace", &[], none, None),
        (
            "rust",
            "cargo test --quiet --workspace",
            &[],
            llvm,
            Some(format!(
                "cargo llvm-cov test --json --output-path {out}/llvm-cov.json --quiet --workspace"
            )),
        ),
        ("rust", "cargo testing", &[], llvm, None),
        (
            "go",
            "go test -json ./a ./b",
            &[],
            none,
            Some(format!(
                "go test -coverprofile={out}/cover.out -json ./a ./b"
            )),
        ),
        (
            "node",
            "npm test",
            &jest,
            none,
            Some(format!(
                "npm test -- --coverage --coverageReporters=json --coverageDirectory={out}/jest --coverageThreshold='{{}}'"
            )),
        ),
        (
            "node",
            "npm test -- --ci",
            &jest,
            none,
            Some(format!(
                "npm test -- --ci --coverage --coverageReporters=json --coverageDirectory={out}/jest --coverageThreshold='{{}}'"
            )),
        ),
        (
            "node",
            "npm test",
            &vitest,
            none,
            Some(format!(
                "npm test -- --coverage.enabled --coverage.reporter=json --coverage.reportsDirectory={out}/vitest \
                 --coverage.thresholds.lines=0 --coverage.thresholds.functions=0 --coverage.thresholds.branches=0 \
                 --coverage.thresholds.statements=0"
            )),
        ),
        ("node", "npm test", &bare, none, None),
        ("node", "npm test", &chained, none, None),
        ("node", "npm test && echo done", &jest, none, None),
    ] {
        assert_eq!(
            measuring(language, line, files, installed),
            expected,
            "{line}"
        );
    }
}

#[test]
fn what_the_configuration_says() {
    assert_eq!(configured_check(&ConfiguredCoverage::default()), None);
    let configured = ConfiguredCoverage {
        command: Some("make coverage".to_owned()),
        reports: vec!["out/lcov.info".to_owned()],
        format: None,
    };
    let (check, reports) = configured_check(&configured).unwrap();
    assert_eq!(check.unwrap().command(), "make coverage");
    assert_eq!(reports, [ReportPlace::InLane("out/lcov.info".to_owned())]);
    let without = ConfiguredCoverage {
        command: None,
        ..configured
    };
    assert_eq!(configured_check(&without).unwrap().0, None);
}

#[test]
fn go_modules_are_found_with_their_folders() {
    let files = BTreeMap::from([
        ("go.mod", "module example.org/small\n"),
        ("tools/go.mod", "module example.org/tools\n"),
        ("broken/go.mod", "go 1.22\n"),
    ]);
    let read = |path: &str| files.get(path).map(|text| (*text).to_owned());
    let view = FileView::new(files.keys().copied(), &read);
    assert_eq!(
        go_modules(&view),
        [
            ("example.org/small".to_owned(), String::new()),
            ("example.org/tools".to_owned(), "tools".to_owned())
        ]
    );
}
