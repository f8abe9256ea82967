use super::*;
use crate::verify::detect::detect;
use std::collections::{BTreeMap, BTreeSet};

type Files<'a> = BTreeMap<String, &'a str>;

/// `name: command` of the checks with results test by test or findings, narrowed to what changed; a leading `-`
/// deletes. What runs whole has no words.
fn narrowed(files: &[(&str, &str)], changed: &[&str]) -> Vec<String> {
    let all: Files<'_> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), *text))
        .collect();
    run(&all, changed)
        .into_iter()
        .map(|check| match &check.narrowed {
            Some(narrowed) => format!("{} ({})", check.command(), narrowed.words),
            None => check.command(),
        })
        .collect()
}

fn run(files: &Files<'_>, changed: &[&str]) -> Vec<Check> {
    let deleted: Vec<&str> = changed.iter().filter_map(|c| c.strip_prefix('-')).collect();
    let read = |path: &str| files.get(path).map(|text| (*text).to_owned());
    let there = files
        .keys()
        .map(String::as_str)
        .filter(|p| !deleted.contains(p));
    let view = FileView::new(there, &read);
    let changes = Changes {
        present: changed
            .iter()
            .copied()
            .filter(|c| !c.starts_with('-'))
            .collect(),
        deleted,
    };
    let projects = detect(&view);
    let narrow_all = |project: &Project| -> Vec<Check> {
        let checks = project.checks.iter().filter(|c| c.narrow.is_some());
        checks
            .map(|c| narrow(&view, &projects, project, c, &changes))
            .collect()
    };
    projects.iter().flat_map(narrow_all).collect()
}

#[test]
fn cargo_runs_packages_and_those_that_depend_on_them() {
    let files: &[(&str, &str)] = &[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"crates/*\"]\nexclude = [\"crates/out\"]\n[workspace.dependencies]\nbase = { path = \"crates/base\" }\n",
        ),
        ("crates/base/Cargo.toml", "[package]\nname = \"base\"\n"),
        ("crates/base/src/lib.rs", ""),
        (
            "crates/mid/Cargo.toml",
            "[package]\nname = \"mid\"\n[dependencies]\nbase.workspace = true\n",
        ),
        ("crates/mid/src/lib.rs", ""),
        (
            "crates/top/Cargo.toml",
            "[package]\nname = \"top\"\n[target.'cfg(unix)'.dev-dependencies]\nmid = { path = \"../mid\" }\n",
        ),
        (
            "crates/top/src/lib.rs",
            "const X: &str = include_str!(\"../../alone/src/x.sql\");",
        ),
        ("crates/alone/Cargo.toml", "[package]\nname = \"alone\"\n"),
        ("crates/alone/src/lib.rs", ""),
        ("crates/alone/src/x.sql", ""),
        ("crates/out/Cargo.toml", "[package]\nname = \"out\"\n"),
        ("crates/out/src/lib.rs", ""),
        ("data/all.json", ""),
    ];
    let test = "cargo test --no-fail-fast";
    let table: &[(&[&str], &str)] = &[
        (
            &["crates/alone/src/lib.rs"],
            "-p alone (1 of 4 packages: alone)",
        ),
        (
            &["crates/mid/src/lib.rs"],
            "-p mid -p top (2 of 4 packages: mid, top)",
        ),
        (
            &["crates/mid/src/lib.rs", "-crates/alone/src/old.rs"],
            "-p alone -p mid -p top (3 of 4 packages: alone, mid, top)",
        ),
        (
            &["-crates/base/src/old.rs"],
            "-p base -p mid -p top (3 of 4 packages: base, mid, top)",
        ),
        (
            &["crates/alone/src/x.sql"],
            "-p alone -p top (2 of 4 packages: alone, top)",
        ),
        (
            &["crates/alone/src/lib.rs", "crates/base/src/lib.rs"],
            "--workspace",
        ),
        (&["crates/mid/Cargo.toml"], "--workspace"),
        (&["Cargo.lock"], "--workspace"),
        (&["data/all.json"], "--workspace"),
        (&["rust-toolchain.toml"], "--workspace"),
        (&["README.md"], "--workspace"),
        (
            &["README.md", "crates/alone/src/lib.rs"],
            "-p alone (1 of 4 packages: alone)",
        ),
    ];
    for (changed, expected) in table {
        let found = narrowed(files, changed);
        assert!(
            found.contains(&format!("{test} {expected}")),
            "{changed:?}: {found:?}"
        );
    }
}

#[test]
fn python_runs_tests_that_import_what_changed() {
    let files: &[(&str, &str)] = &[
        (
            "pyproject.toml",
            "[tool.pytest.ini_options]\ntestpaths = [\"tests\"]\n[tool.ruff]\n",
        ),
        ("src/app/__init__.py", ""),
        ("src/app/core.py", "from . import util\n"),
        ("src/app/util.py", "import os\n"),
        ("src/app/web.py", "from app import (\n    core,\n)\n"),
        ("src/app/lonely.py", ""),
        ("src/app/mocked.py", ""),
        ("tests/conftest.py", "import pytest\n"),
        ("tests/helpers.py", "from app.web import page\n"),
        ("tests/test_core.py", "def test_a(): pass\n"),
        ("tests/test_web.py", "import helpers\ndef test_a(): pass\n"),
        (
            "tests/test_util.py",
            "from app.util import x\ndef test_a(): pass\n",
        ),
        (
            "tests/test_other.py",
            "def test_a(): patch('app.mocked.name')\n",
        ),
        (
            "tests/test_cli.py",
            "import subprocess\ndef test_a(): pass\n",
        ),
        ("tests/data.json", ""),
    ];
    let line = "python3 -m pytest -v -rfEpsxX -p no:cacheprovider --color=no --continue-on-collection-errors --maxfail=0";
    let of = |n: usize| format!("({n} of 5 test files: those that import what changed)");
    let (cli, core, other) = (
        "tests/test_cli.py",
        "tests/test_core.py",
        "tests/test_other.py",
    );
    let (util, web) = ("tests/test_util.py", "tests/test_web.py");
    let table: &[(&[&str], &[&str])] = &[
        (&["src/app/web.py"], &[cli, web]),
        (&["src/app/core.py"], &[cli, core, web]),
        (&["-src/app/core.py"], &[cli, core, web]),
        (&["src/app/util.py"], &[cli, util, web]),
        (&["src/app/mocked.py"], &[cli, other]),
        (&["tests/test_core.py"], &[cli, core]),
        (&["src/app/lonely.py"], &[]),
        (&["src/app/web.py", "src/app/lonely.py"], &[]),
        (&["tests/conftest.py"], &[]),
        (&["tests/data.json"], &[]),
        (&["pyproject.toml"], &[]),
        (&["-tests/test_gone.py"], &[]),
    ];
    for (changed, expected) in table {
        let found = narrowed(files, changed);
        let wanted = match expected.is_empty() {
            true => line.to_owned(),
            false => format!("{line} {} {}", expected.join(" "), of(expected.len())),
        };
        assert!(found.contains(&wanted), "{changed:?}: {found:?}");
    }
    let ruff = "ruff check --no-cache --force-exclude --output-format concise";
    for (changed, expected) in [
        (
            "src/app/web.py",
            format!("{ruff} src/app/web.py (1 changed file)"),
        ),
        ("-src/app/web.py", ruff.to_owned()),
        ("pyproject.toml", ruff.to_owned()),
    ] {
        assert!(narrowed(files, &[changed]).contains(&expected), "{changed}");
    }
}

#[test]
fn settings_that_change_what_is_a_test_keep_pytest_whole() {
    for setting in [
        "python_files = check_*.py",
        "addopts = --doctest-modules",
        "testpaths =\n  a\n  b",
    ] {
        let ini = format!("[pytest]\n{setting}\n");
        let files: Files<'_> = [
            ("pytest.ini".to_owned(), ini.as_str()),
            ("app.py".to_owned(), ""),
            ("test_app.py".to_owned(), "def test_a(): pass"),
            ("test_b.py".to_owned(), "def test_b(): pass"),
        ]
        .into();
        assert!(
            run(&files, &["app.py"])
                .iter()
                .all(|c| c.narrowed.is_none()),
            "{setting}"
        );
    }
}

#[test]
fn go_runs_packages_and_those_that_import_them() {
    let files: &[(&str, &str)] = &[
        ("go.mod", "module example.org/small\n"),
        (
            "main.go",
            "package main\nimport (\n\t\"fmt\"\n\tx \"example.org/small/mid\"\n)\n",
        ),
        (
            "mid/mid.go",
            "package mid\nimport \"example.org/small/base\"\n",
        ),
        ("base/base.go", "package base\n"),
        ("base/testdata/in.txt.golden", ""),
        ("alone/alone.go", "package alone\n"),
        ("alone/alone_test.go", "package alone\n"),
        ("win/win_windows.go", "package win\n"),
    ];
    let table: &[(&[&str], &str)] = &[
        (&["alone/alone.go"], "./alone (1 of 5 packages: ./alone)"),
        (&["mid/mid.go"], ". ./mid (2 of 5 packages: ., ./mid)"),
        (
            &["base/testdata/in.txt.golden"],
            ". ./base ./mid (3 of 5 packages: ., ./base, ./mid)",
        ),
        (&["-mid/old.go"], ". ./mid (2 of 5 packages: ., ./mid)"),
        (
            &["-gone/gone.go", "alone/alone.go"],
            "./alone (1 of 5 packages: ./alone)",
        ),
        (&["win/win_windows.go"], "./..."),
        (&["go.mod"], "./..."),
    ];
    for (changed, expected) in table {
        let found = narrowed(files, changed);
        let wanted = [
            format!("go vet {expected}"),
            format!("go test -json {expected}"),
        ];
        assert_eq!(found, wanted, "{changed:?}");
    }
}

#[test]
fn node_runners_find_what_is_related() {
    let jest: &[(&str, &str)] = &[
        ("package.json", r#"{"scripts": {"test": "jest"}}"#),
        ("a.js", ""),
        ("b.js", ""),
    ];
    let line = "npm test -- --json --outputFile=\"$CODELICIOUS_REPORT\"";
    assert_eq!(
        narrowed(jest, &["a.js"]),
        [format!(
            "{line} --passWithNoTests --findRelatedTests a.js (tests related to 1 changed file)"
        )]
    );
    assert_eq!(narrowed(jest, &["-a.js"]), [line]);
    assert_eq!(narrowed(jest, &["a.js", "package.json"]), [line]);
    let vitest: &[(&str, &str)] = &[
        ("pnpm-lock.yaml", ""),
        ("web/package.json", r#"{"scripts": {"test": "vitest run"}}"#),
        ("web/a.ts", ""),
    ];
    let report = "--reporter=default --reporter=json --outputFile.json=\"$CODELICIOUS_REPORT\"";
    assert_eq!(
        narrowed(vitest, &["web/a.ts"]),
        [format!(
            "pnpm exec vitest related --run --passWithNoTests {report} a.ts (tests related to 1 changed file)"
        )]
    );
    assert_eq!(
        narrowed(vitest, &["pnpm-lock.yaml"]),
        [format!("pnpm test {report}")]
    );
}

#[test]
fn node_tests_are_those_that_import_what_changed() {
    let files: &[(&str, &str)] = &[
        (
            "package.json",
            r#"{"name": "small", "scripts": {"test": "node --test"}}"#,
        ),
        ("lib/a.js", "const b = require('./b');"),
        ("lib/b.js", ""),
        ("lib/c/index.js", ""),
        ("a.test.js", "import a from './lib/a.js';"),
        ("c.test.js", "await import('./lib/c');"),
        ("d.test.js", ""),
    ];
    let table: &[(&[&str], &str)] = &[
        (
            &["lib/b.js"],
            "npm test -- a.test.js (1 of 3 test files: those that import what changed)",
        ),
        (
            &["-lib/b.js"],
            "npm test -- a.test.js (1 of 3 test files: those that import what changed)",
        ),
        (
            &["lib/c/index.js"],
            "npm test -- c.test.js (1 of 3 test files: those that import what changed)",
        ),
        (
            &["d.test.js"],
            "npm test -- d.test.js (1 of 3 test files: those that import what changed)",
        ),
        (&["lib/unknown.js"], "npm test"),
        (&["package.json"], "npm test"),
    ];
    for (changed, expected) in table {
        assert_eq!(narrowed(files, changed), [*expected], "{changed:?}");
    }
}

#[test]
fn maven_runs_modules_and_those_around_them() {
    let files: &[(&str, &str)] = &[
        (
            "pom.xml",
            "<modules><module>core</module><module>web</module></modules>",
        ),
        ("core/pom.xml", ""),
        ("core/src/main/java/A.java", ""),
        ("web/pom.xml", ""),
        ("web/src/main/java/B.java", ""),
        ("other/pom.xml", ""),
    ];
    let line = "mvn --batch-mode --no-transfer-progress --fail-at-end test";
    assert_eq!(
        narrowed(files, &["core/src/main/java/A.java"]),
        [format!(
            "{line} -pl core -am -amd (modules core and those around them)"
        )]
    );
    for changed in ["pom.xml", "core/pom.xml", "other/src/main/java/C.java"] {
        assert_eq!(narrowed(files, &[changed]), [line], "{changed}");
    }
}

proptest::proptest! {
    #[test]
    fn packages_of_any_workspace_are_a_part_of_it_and_hold_what_changed(
        edges in proptest::collection::vec((0usize..8, 0usize..8), 0..16),
        changed in proptest::collection::btree_set(0usize..8, 1..4),
    ) {
        let mut manifests: Vec<String> = (0..8).map(|n| format!("[package]\nname = \"p{n}\"\n[dependencies]\n")).collect();
        let mut direct: BTreeSet<(usize, usize)> = BTreeSet::new();
        for (user, used) in edges {
            // Cargo has no cycles.
            if user > used && direct.insert((user, used)) {
                manifests[user].push_str(&format!("p{used} = {{ path = \"../p{used}\" }}\n"));
            }
        }
        let mut files: Files<'_> = [("Cargo.toml".to_owned(), "[workspace]\nmembers = [\"p*\"]\n")].into();
        for (n, manifest) in manifests.iter().enumerate() {
            files.insert(format!("p{n}/Cargo.toml"), manifest);
            files.insert(format!("p{n}/src/lib.rs"), "");
        }
        let paths: Vec<String> = changed.iter().map(|n| format!("p{n}/src/lib.rs")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let checks = run(&files, &paths);
        let command = checks.last().unwrap().command();
        let mut wanted = changed.clone();
        for user in 0..8 {
            if direct.iter().any(|(u, used)| *u == user && wanted.contains(used)) {
                wanted.insert(user);
            }
        }
        let expected: String = match wanted.len() {
            8 => " --workspace".to_owned(),
            _ => wanted.iter().map(|n| format!(" -p p{n}")).collect(),
        };
        proptest::prop_assert_eq!(command, format!("cargo test --no-fail-fast{}", expected));
    }

    #[test]
    fn any_python_can_be_looked_through(
        texts in proptest::collection::vec("(from|import|\\.|,| |\\(|\\)|\n|a|b|\"|m[0-3]){0,30}", 4),
        changed in proptest::collection::vec(0usize..4, 1..3),
    ) {
        let mut files: Files<'_> = [
            ("pytest.ini".to_owned(), ""),
            ("test_x.py".to_owned(), "import m0\ndef test_x(): pass"),
            ("test_y.py".to_owned(), "def test_y(): pass"),
        ].into();
        for (n, text) in texts.iter().enumerate() {
            files.insert(format!("m{n}.py"), text);
        }
        let paths: Vec<String> = changed.iter().map(|n| format!("m{n}.py")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        for check in run(&files, &paths) {
            if let (Some(narrowed), Run::Shell { whole, .. }) = (&check.narrowed, &check.run) {
                let whole_line = matches!(&narrowed.from, Run::Shell { whole, .. } if whole.is_empty());
                proptest::prop_assert!(whole_line && whole.split(' ').all(|f| files.contains_key(f)));
            }
        }
        // What the one test imports runs it.
        let checks = run(&files, &["m0.py"]);
        let command = checks.last().unwrap().command();
        proptest::prop_assert!(!command.contains("test_y.py") || command.contains("test_x.py"));
    }

    #[test]
    fn any_files_and_changes_can_be_narrowed(
        names in proptest::collection::vec("(a/|b/|src/|test_|_|-| )?[ab](\\.py|\\.rs|\\.go|\\.js|\\.java|/Cargo\\.toml|/pom\\.xml|/go\\.mod|/package\\.json)", 0..10),
        texts in proptest::collection::vec("(\\[workspace\\]\n|\\[package\\]\n|members=|name='x'\n|module a\n|import \"a/b\"|<module>a</module>|[\\[\\]{}\"'\n =]){0,8}", 10),
        changed in proptest::collection::vec("(-)?(a/|b/)?[ab](\\.py|\\.rs|\\.go|\\.js|/pom\\.xml)", 0..4),
    ) {
        let mut files: Files<'_> = [
            ("Cargo.toml".to_owned(), "[workspace]\nmembers=['*']"),
            ("go.mod".to_owned(), "module a"),
            ("pytest.ini".to_owned(), ""),
            ("package.json".to_owned(), r#"{"scripts": {"test": "node --test"}}"#),
        ].into();
        files.extend(names.into_iter().zip(texts.iter().map(String::as_str)));
        let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
        run(&files, &changed);
    }
}
