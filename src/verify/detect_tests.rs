use super::*;
use std::collections::BTreeMap;

/// `kind name @dir: command` of everything found among these files.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let read = |path: &str| files.get(path).map(|text| (*text).to_owned());
    let view = FileView::new(files.keys().copied(), &read);
    let checks = detect(&view).into_iter().flat_map(|p| p.checks);
    checks
        .map(|c| match &c.run {
            Run::Shell { .. } => format!(
                "@{}: {}{}",
                c.dir,
                c.command(),
                if c.optional { " ?" } else { "" }
            ),
            Run::Parse { parser, files } => format!(
                "@{}: {} {}{}",
                c.dir,
                parser.program,
                files.join(","),
                if c.optional { " ?" } else { "" }
            ),
        })
        .collect()
}

/// Files with their text, and what is found among them.
type Row = (
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

const CARGO: &str = "cargo test --no-fail-fast";
const PYTEST: &str = "python3 -m pytest -v -rfEpsxX -p no:cacheprovider --color=no --continue-on-collection-errors --maxfail=0";

#[test]
fn rust() {
    let package = "[package]\nname = \"a\"\n";
    assert_eq!(
        found(&[
            ("Cargo.toml", package),
            ("src/lib.rs", ""),
            ("tests/it.rs", "")
        ]),
        [format!("@: {CARGO}")]
    );
    let workspace = "[workspace]\nmembers = [\"crates/*\"]\nexclude = [\"tools\"]\n";
    let members = [
        ("Cargo.toml", workspace),
        ("crates/a/Cargo.toml", package),
        ("tools/x/Cargo.toml", package),
    ];
    assert_eq!(
        found(&members),
        [
            format!("@: {CARGO} --workspace"),
            format!("@tools/x: {CARGO}")
        ]
    );
    assert_eq!(
        found(&[("Cargo.toml", "[workspace]\ndefault-members = [\"a\"]\n")]),
        [format!("@: {CARGO}")]
    );
    let lints = format!("{package}[lints.clippy]\ntodo = \"deny\"\n");
    assert_eq!(
        found(&[("Cargo.toml", &lints)]),
        [
            "@: cargo clippy --quiet --all-targets ?".to_owned(),
            format!("@: {CARGO}")
        ]
    );
    assert_eq!(
        found(&[
            ("Cargo.toml", package),
            ("tests/fixtures/broken/Cargo.toml", "not toml [")
        ]),
        [format!("@: {CARGO}")]
    );
    assert_eq!(
        found(&[("Cargo.toml", "not toml [")]),
        [format!("@: {CARGO}")]
    );
}

#[test]
fn python() {
    const PLAIN: &str = "def test_a():\n    assert True\n";
    const UNIT: &str = "import unittest\n";
    let table: &[Row] = &[
        (
            &[
                ("pyproject.toml", ""),
                ("a.py", ""),
                ("tests/test_a.py", PLAIN),
            ],
            &["@: python3 a.py,tests/test_a.py", "@: PYTEST"],
        ),
        (
            &[("test_a.py", PLAIN)],
            &["@: python3 test_a.py ?", "@: PYTEST"],
        ),
        (&[("a.py", "")], &["@: python3 a.py ?"]),
        (
            &[("pyproject.toml", "[tool.pytest.ini_options]\n")],
            &["@: PYTEST"],
        ),
        (
            &[("pyproject.toml", "[tool.ruff]\n")],
            &["@: ruff check --no-cache --force-exclude --output-format concise ?"],
        ),
        (
            &[("tests/test_a.py", UNIT)],
            &[
                "@: python3 tests/test_a.py ?",
                "@: python3 -m unittest discover -v -s tests",
            ],
        ),
        (
            &[("tests/__init__.py", ""), ("tests/test_a.py", UNIT)],
            &[
                "@: python3 tests/__init__.py,tests/test_a.py ?",
                "@: python3 -m unittest discover -v -s tests -t .",
            ],
        ),
        (
            &[("test_a.py", UNIT), ("deep/test_b.py", UNIT)],
            &["@: python3 deep/test_b.py,test_a.py ?", "@: PYTEST"],
        ),
        (
            &[("requirements.txt", "pytest\n"), ("test_a.py", UNIT)],
            &["@: python3 test_a.py", "@: PYTEST"],
        ),
        (
            &[("test_data.py", "X = 1\n")],
            &["@: python3 test_data.py ?"],
        ),
        (
            &[
                ("backend/requirements.txt", ""),
                ("backend/test_a.py", PLAIN),
                ("tests/requirements.txt", ""),
                ("a.py", ""),
            ],
            &[
                "@: python3 a.py ?",
                "@backend: python3 test_a.py",
                "@backend: PYTEST",
            ],
        ),
        (
            &[("setup.cfg", "[tool:pytest]\naddopts = --ff\n")],
            &[
                "@: python3 -m pytest -v -rfEpsxX --color=no --continue-on-collection-errors --maxfail=0",
            ],
        ),
        (
            &[("tests/fixtures/bad.py", "def"), ("{{name}}/x.py", "")],
            &[],
        ),
        (&[("docs/notes.txt", ""), ("README.md", "")], &[]),
    ];
    for (files, expected) in table {
        let expected: Vec<String> = expected
            .iter()
            .map(|e| e.replace("PYTEST", PYTEST))
            .collect();
        assert_eq!(found(files), expected, "{files:?}");
    }
}

#[test]
fn finding_no_tests_is_a_pass_only_where_there_are_none() {
    let exit_of = |files: &[(&str, &str)]| {
        let files: BTreeMap<&str, &str> = files.iter().copied().collect();
        let read = |path: &str| files.get(path).map(|text| (*text).to_owned());
        let view = FileView::new(files.keys().copied(), &read);
        let check = detect(&view)
            .into_iter()
            .flat_map(|p| p.checks)
            .find(|c| c.name == "pytest");
        check.unwrap().no_tests_exit
    };
    assert_eq!(exit_of(&[("pytest.ini", "")]), Some(5));
    assert_eq!(
        exit_of(&[("pytest.ini", ""), ("test_a.py", "def test_a(): pass")]),
        None
    );
}

#[test]
fn node() {
    const SCRIPTS: &str = r#"{"scripts": {"test": "node --test", "lint": "eslint ."}}"#;
    const NONE: &str = r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#;
    const REACT: &str = r#"{"dependencies": {"react": "18"}}"#;
    let table: &[Row] = &[
        (
            &[("package.json", SCRIPTS), ("a.js", ""), ("b.ts", "")],
            &["@: node a.js", "@: npm run lint ?", "@: npm test"],
        ),
        (&[("package.json", NONE), ("a.mjs", "")], &["@: node a.mjs"]),
        (
            &[("package.json", "not json"), ("a.cjs", "")],
            &["@: node a.cjs"],
        ),
        (
            &[("package.json", REACT), ("a.js", ""), ("b.mjs", "")],
            &["@: node b.mjs"],
        ),
        (
            &[
                ("package.json", REACT),
                ("web/package.json", SCRIPTS),
                ("web/a.js", ""),
            ],
            &["@web: npm run lint ?", "@web: npm test"],
        ),
        (
            &[("static/a.js", ""), ("node_modules/x/index.js", "")],
            &["@: node static/a.js ?"],
        ),
    ];
    for (files, expected) in table {
        assert_eq!(found(files), *expected, "{files:?}");
    }
}

#[test]
fn go() {
    assert_eq!(
        found(&[("svc/go.mod", ""), ("svc/main.go", "")]),
        ["@svc: go vet ./...", "@svc: go test -json ./..."]
    );
    assert_eq!(found(&[("go.mod", "")]), Vec::<String>::new());
}

#[test]
fn a_big_listing_is_read_through_once() {
    let paths: Vec<String> = (0..50_000)
        .map(|i| format!("crates/c{}/src/m{}/f{i}.rs", i % 50, i % 7))
        .collect();
    let read = |_: &str| panic!("nothing here is worth reading");
    let view = FileView::new(paths.iter().map(String::as_str), &read);
    assert!(detect(&view).is_empty());
}

#[test]
fn other_managers_runners_and_builds() {
    const REPORT: &str = "\"$CODELICIOUS_REPORT\"";
    let jest = format!("--json --outputFile={REPORT}");
    let vitest = format!("--reporter=default --reporter=json --outputFile.json={REPORT}");
    let maven = "mvn --batch-mode --no-transfer-progress --fail-at-end test";
    type Row<'a> = (&'a [(&'a str, &'a str)], Vec<String>);
    let table: &[Row<'_>] = &[
        (
            &[("package.json", r#"{"scripts": {"test": "jest --ci"}}"#)],
            vec![format!("@: npm test -- {jest}")],
        ),
        (
            &[
                (
                    "package.json",
                    r#"{"scripts": {"test": "vitest"}, "packageManager": "pnpm@9.1.0"}"#,
                ),
                ("yarn.lock", ""),
            ],
            vec![format!("@: pnpm test {vitest}")],
        ),
        (
            &[
                ("yarn.lock", ""),
                (
                    "web/package.json",
                    r#"{"scripts": {"test": "jest && echo", "lint": "x"}}"#,
                ),
            ],
            vec![
                "@web: yarn run lint ?".to_owned(),
                "@web: yarn test".to_owned(),
            ],
        ),
        (
            &[
                (
                    "package.json",
                    r#"{"devDependencies": {"eslint": "9", "typescript": "5"}}"#,
                ),
                ("eslint.config.mjs", ""),
                ("tsconfig.json", ""),
            ],
            vec![
                "@: node eslint.config.mjs".to_owned(),
                "@: npx --no-install eslint --no-warn-ignored . ?".to_owned(),
                "@: npx --no-install tsc --noEmit --pretty false ?".to_owned(),
            ],
        ),
        (
            &[
                ("pom.xml", "<modules><module>core</module></modules>"),
                ("core/pom.xml", ""),
                ("core/src/main/java/A.java", ""),
            ],
            vec![format!("@: {maven}")],
        ),
        (
            &[
                ("svc/settings.gradle", ""),
                ("svc/app/build.gradle", ""),
                ("svc/gradlew", ""),
            ],
            vec!["@svc: ./gradlew --no-daemon --console=plain --continue test".to_owned()],
        ),
        (
            &[
                ("Makefile", "CC := cc\ntest := 1\ncheck: a b\n\t./run\n"),
                ("a.c", ""),
            ],
            vec!["@: make check ?".to_owned()],
        ),
        (
            &[("Makefile", "all:\n"), ("justfile", "test what:\n")],
            vec![],
        ),
        (
            &[("justfile", "@test *ARGS:\n  ./run\n")],
            vec!["@: just test ?".to_owned()],
        ),
        // The language has tests of its own there.
        (
            &[("Makefile", "test:\n"), ("go.mod", ""), ("a.go", "")],
            vec![
                "@: go vet ./...".to_owned(),
                "@: go test -json ./...".to_owned(),
            ],
        ),
        (
            &[("mypy.ini", "[mypy]\nfiles = src\n"), ("setup.cfg", "")],
            vec!["@: python3 -m mypy --no-color-output --cache-dir=/dev/null ?".to_owned()],
        ),
    ];
    for (files, expected) in table {
        assert_eq!(found(files), *expected, "{files:?}");
    }
}

#[test]
fn of_two_tools_the_one_that_is_there_is_taken() {
    let commands = |files: &[(&str, &str)], tools: &[&str]| -> Vec<String> {
        let files: BTreeMap<&str, &str> = files.iter().copied().collect();
        let read = |path: &str| files.get(path).map(|text| (*text).to_owned());
        let has_tool = |tool: &str| tools.contains(&tool);
        let view = FileView::new(files.keys().copied(), &read).with_tools(&has_tool);
        let checks = detect(&view).into_iter().flat_map(|p| p.checks);
        checks.map(|c| c.command()).collect()
    };
    let rust = [
        ("Cargo.toml", "[package]\nname = \"a\"\n"),
        (".config/nextest.toml", ""),
    ];
    assert_eq!(commands(&rust, &[]), [CARGO]);
    assert_eq!(
        commands(&rust, &["cargo-nextest"]),
        ["cargo nextest run --no-fail-fast --status-level all"]
    );
    let ci = [
        ("Cargo.toml", "[package]\nname = \"a\"\n"),
        (
            ".github/workflows/ci.yml",
            "run: cargo nextest run && cargo test --doc",
        ),
    ];
    assert_eq!(
        commands(&ci, &["cargo-nextest"]),
        [
            "cargo test --no-fail-fast --doc",
            "cargo nextest run --no-fail-fast --status-level all"
        ]
    );
    let python = [
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("uv.lock", ""),
    ];
    assert_eq!(commands(&python, &[]), [PYTEST]);
    assert_eq!(
        commands(&python, &["uv"]),
        [PYTEST.replace("python3", "uv run --frozen python")]
    );
}
