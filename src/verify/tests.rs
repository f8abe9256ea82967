//! Real small projects, checked with the real tools. A tool that is not there skips its test, loudly.

use super::*;
use crate::model::CheckOutcome;
use crate::proc::find_program;
use std::cell::RefCell;
use std::path::PathBuf;

struct Repo {
    dir: tempfile::TempDir,
    files: Vec<String>,
    env: Vec<(String, String)>,
    timeout: Duration,
    allow_unverified: bool,
    commands: Vec<ConfiguredCheck>,
    disable: Vec<String>,
    scope: Scope,
    task: String,
    seen: RefCell<Vec<String>>,
}

impl Repo {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut env = process_env();
        // Beside the lane, as caches are: git would ignore them, this test's listing cannot.
        for (name, folder) in [("CARGO_TARGET_DIR", "target"), ("npm_config_cache", "npm")] {
            env.push((
                name.to_owned(),
                dir.path().join(folder).display().to_string(),
            ));
        }
        let mut repo = Self {
            dir,
            files: Vec::new(),
            env,
            timeout: Duration::from_secs(300),
            allow_unverified: false,
            commands: Vec::new(),
            disable: Vec::new(),
            scope: Scope::default(),
            task: String::new(),
            seen: RefCell::default(),
        };
        std::fs::create_dir(repo.lane()).unwrap();
        for (path, text) in files {
            repo.write(path, text.as_bytes());
        }
        repo
    }

    fn lane(&self) -> PathBuf {
        self.dir.path().join("lane")
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "the test makes its own repository"
    )]
    fn write(&mut self, path: &str, bytes: &[u8]) {
        let full = self.lane().join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, bytes).unwrap();
        if !self.files.iter().any(|f| f == path) {
            self.files.push(path.to_owned());
        }
    }

    fn verifier(&self) -> Verifier {
        let config = VerifyConfig {
            commands: self.commands.clone(),
            detect: true,
            disable: self.disable.clone(),
            scope: self.scope,
            timeout: self.timeout,
            allow_unverified: self.allow_unverified,
            env: self.env.clone(),
        };
        // Other tests of this process have children of their own.
        Verifier {
            sandbox: Sandbox::off(),
            end_leftovers: || 0,
            ..Verifier::new(config).unwrap()
        }
    }

    fn progress(&self) -> impl Fn(CheckProgress<'_>) + '_ {
        |progress| {
            self.seen.borrow_mut().push(match progress {
                CheckProgress::Started { name, .. } => format!("start {name}"),
                CheckProgress::Finished(result) => format!("end {}", result.name),
                CheckProgress::NotMeasured { why } => format!("not measured: {why}"),
            });
        }
    }

    fn baseline(&self) -> Evidence {
        let (_handle, stop) = StopSignal::new();
        block_on(
            self.verifier()
                .baseline(&self.lane(), &self.files, &self.progress(), stop),
        )
        .unwrap()
    }

    fn check(&self, changed: &[&str], base: &Evidence) -> Evidence {
        let changed: Vec<String> = changed.iter().map(|c| (*c).to_owned()).collect();
        let (_handle, stop) = StopSignal::new();
        let work = Work {
            tracked: &self.files,
            changed: &changed,
            base,
            task: &self.task,
        };
        let (lane, progress) = (self.lane(), self.progress());
        block_on(self.verifier().check(&lane, work, &progress, stop)).unwrap()
    }

    /// Files in the lane that nobody listed.
    fn droppings(&self) -> Vec<String> {
        fn walk(root: &Path, dir: &Path, into: &mut Vec<String>) {
            for entry in std::fs::read_dir(dir).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    walk(root, &path, into)
                } else {
                    into.push(path.strip_prefix(root).unwrap().display().to_string())
                }
            }
        }
        let mut all = Vec::new();
        walk(&self.lane(), &self.lane(), &mut all);
        all.retain(|f| !self.files.contains(f));
        all
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[allow(
    clippy::disallowed_methods,
    reason = "tests use the tools of whoever runs them"
)]
fn process_env() -> Vec<(String, String)> {
    let names = [
        "PATH",
        "HOME",
        "CARGO_HOME",
        "RUSTUP_HOME",
        "RUSTUP_TOOLCHAIN",
        "PYENV_ROOT",
        "LANG",
    ];
    names
        .iter()
        .filter_map(|n| Some(((*n).to_owned(), std::env::var(n).ok()?)))
        .collect()
}

/// True when the program is there and `args` succeed; says so when not.
fn have(program: &str, args: &[&str]) -> bool {
    let env = process_env();
    let command = proc::Command::new(program, "/", crate::model::policy::SandboxPolicy::Trusted)
        .args(args.iter().copied())
        .env(env.clone());
    let (_handle, stop) = StopSignal::new();
    let works = find_program(program, &env).is_some()
        && block_on(proc::output(&command, proc::Limits::default(), stop))
            .is_ok_and(|f| f.success());
    if !works {
        eprintln!("SKIPPED: `{program} {}` does not work here", args.join(" "));
    }
    works
}

fn outcomes(evidence: &Evidence) -> Vec<(String, CheckOutcome)> {
    evidence
        .checks
        .iter()
        .map(|c| (c.name.clone(), c.outcome.clone()))
        .collect()
}

fn one(name: &str, outcome: CheckOutcome) -> Vec<(String, CheckOutcome)> {
    vec![(name.to_owned(), outcome)]
}

/// Good work passes, breaking work is refused with the output, an old failure is not blamed, a new one
/// beside it is.
struct Story<'a> {
    files: &'a [(&'a str, &'a str)],
    check: &'a str,
    path: &'a str,
    good: &'a str,
    bad: &'a str,
    /// What the feedback about `bad` names.
    told: &'a str,
    /// A file that fails by itself, and one that fails in another way.
    old: (&'a str, &'a str),
}

fn tell(story: &Story<'_>) {
    let mut repo = Repo::new(story.files);
    let base = repo.baseline();
    assert!(base.passed() && !base.unverified, "{base:#?}");
    assert!(
        base.checks.iter().any(|c| c.name == story.check),
        "{base:#?}"
    );

    repo.write(story.path, story.good.as_bytes());
    let good = repo.check(&[story.path], &base);
    assert_eq!(good.word(), "regression only", "{good:#?}");
    assert!(repo.seen.borrow().contains(&format!("end {}", story.check)));

    repo.write(story.path, story.bad.as_bytes());
    let bad = repo.check(&[story.path], &base);
    assert_eq!(bad.word(), "failed", "{bad:#?}");
    assert!(feedback(&bad).contains(story.told), "{}", feedback(&bad));

    repo.write(story.path, story.good.as_bytes());
    repo.write(story.old.0, story.old.1.as_bytes());
    let broken_base = repo.baseline();
    assert!(!broken_base.passed(), "{broken_base:#?}");
    // Narrowed, the old failure may not run at all.
    repo.scope = Scope::All;
    let not_blamed = repo.check(&[story.path], &broken_base);
    repo.scope = Scope::Changed;
    assert_eq!(not_blamed.word(), "regression only", "{not_blamed:#?}");
    assert!(
        not_blamed
            .checks
            .iter()
            .any(|c| matches!(c.outcome, CheckOutcome::FailedBefore { .. }))
    );

    repo.write(story.path, story.bad.as_bytes());
    let blamed = repo.check(&[story.path], &broken_base);
    assert_eq!(blamed.word(), "failed", "{blamed:#?}");
}

#[test]
fn rust_projects() {
    if !have("cargo", &["--version"]) {
        return;
    }
    tell(&Story {
        files: &[
            (
                "Cargo.toml",
                "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n",
            ),
            (
                "Cargo.lock",
                "version = 3\n\n[[package]]\nname = \"sample\"\nversion = \"0.1.0\"\n",
            ),
            ("src/lib.rs", "pub mod math;\n#[cfg(test)] mod old;\n"),
            ("src/old.rs", "#[test] fn fine() {}\n"),
            ("src/math.rs", "pub fn two() -> u32 { 2 }\n"),
            (
                "tests/it.rs",
                "#[test] fn adds() { assert_eq!(sample::math::two(), 2); }\n",
            ),
            ("tests/data/latin1.txt", "x"),
        ],
        check: "cargo test",
        path: "src/math.rs",
        good: "pub fn two() -> u32 { 1 + 1 }\n",
        bad: "pub fn two() -> u32 { 3 }\n",
        told: "adds",
        old: (
            "src/old.rs",
            "#[test] fn broken_since_long() { panic!(\"old\") }\n",
        ),
    });
}

#[test]
fn python_projects() {
    if !have("python3", &["-c", "import pytest"]) {
        return;
    }
    tell(&Story {
        files: &[
            ("pyproject.toml", "[tool.pytest.ini_options]\n"),
            ("app.py", "def two():\n    return 2\n"),
            (
                "tests/test_app.py",
                "import app\n\ndef test_two():\n    assert app.two() == 2\n",
            ),
            ("tests/test_old.py", "def test_old():\n    pass\n"),
        ],
        check: "pytest",
        path: "app.py",
        good: "def two():\n    return 1 + 1\n",
        bad: "def two():\n    return 3\n",
        told: "tests/test_app.py::test_two",
        old: (
            "tests/test_old.py",
            "def test_old():\n    raise ValueError('old')\n",
        ),
    });
}

#[test]
fn python_projects_with_nothing_but_the_standard_library() {
    if !have("python3", &["--version"]) {
        return;
    }
    let test = |name: &str, body: &str| {
        format!(
            "import unittest\n\nclass {name}(unittest.TestCase):\n    def test_it(self):\n        {body}\n"
        )
    };
    let (two, fine) = (
        test("Two", "import app; self.assertEqual(app.two(), 2)"),
        test("Old", "pass"),
    );
    tell(&Story {
        files: &[
            ("app.py", "def two():\n    return 2\n"),
            ("tests/test_app.py", &two),
            ("tests/test_old.py", &fine),
        ],
        check: "unittest",
        path: "app.py",
        good: "def two():\n    return 1 + 1\n",
        bad: "def two():\n    return 3\n",
        told: "test_app.Two.test_it",
        old: ("tests/test_old.py", &test("Old", "raise ValueError('old')")),
    });
}

#[test]
fn node_projects() {
    if !have("npm", &["--version"]) || !have("node", &["-e", "require('node:test')"]) {
        return;
    }
    tell(&Story {
        files: &[
            (
                "package.json",
                r#"{"name": "sample", "version": "1.0.0", "scripts": {"test": "node --test"}}"#,
            ),
            ("app.js", "module.exports = { two: () => 2 };\n"),
            (
                "app.test.js",
                "const t = require('node:test'); t('adds', () => require('node:assert').equal(require('./app').two(), 2));\n",
            ),
            ("old.test.js", "require('node:test')('old', () => {});\n"),
        ],
        check: "npm test",
        path: "app.js",
        good: "module.exports = { two: () => 1 + 1 };\n",
        bad: "module.exports = { two: () => 3 };\n",
        told: "adds",
        old: (
            "old.test.js",
            "require('node:test')('old', () => { throw new Error('old'); });\n",
        ),
    });
}

#[test]
fn go_projects() {
    if !have("go", &["version"]) {
        return;
    }
    tell(&Story {
        files: &[
            ("go.mod", "module sample\n\ngo 1.18\n"),
            ("app.go", "package sample\n\nfunc Two() int { return 2 }\n"),
            (
                "app_test.go",
                "package sample\n\nimport \"testing\"\n\nfunc TestTwo(t *testing.T) {\n\tif Two() != 2 {\n\t\tt.Fatal(\"not two\")\n\t}\n}\n",
            ),
            ("old_test.go", "package sample\n"),
        ],
        check: "go test",
        path: "app.go",
        good: "package sample\n\nfunc Two() int { return 1 + 1 }\n",
        bad: "package sample\n\nfunc Two() int { return 3 }\n",
        told: "TestTwo",
        old: (
            "old_test.go",
            "package sample\n\nimport \"testing\"\n\nfunc TestOld(t *testing.T) { t.Fatal(\"old\") }\n",
        ),
    });
}

#[test]
fn javascript_that_does_not_parse_is_refused_without_any_script() {
    if !have("node", &["--version"]) {
        return;
    }
    let mut repo = Repo::new(&[
        ("package.json", "{}"),
        ("old.js", "let = ;\n"),
        ("script.js", "#!/usr/bin/env node\nreturn 1;\n"),
        (
            "module.js",
            "import x from 'y';\nawait x;\nexport default x;\n",
        ),
        ("plain.cjs", "module.exports = 1;\n"),
    ]);
    let base = repo.baseline();
    assert_eq!(
        outcomes(&base),
        one("javascript syntax", CheckOutcome::Failed { exit: 1 })
    );
    assert_eq!(
        base.checks[0].output.lines().next(),
        Some("old.js:1: SyntaxError: Unexpected token ';'")
    );

    let fine = repo.check(&["script.js", "module.js", "plain.cjs"], &base);
    assert_eq!(
        outcomes(&fine),
        one("javascript syntax", CheckOutcome::Passed)
    );
    repo.write("old.js", b"let x = 2;\n\nlet = ;\n");
    assert_eq!(
        outcomes(&repo.check(&["old.js"], &base)),
        one("javascript syntax", CheckOutcome::FailedBefore { exit: 1 })
    );

    for (path, text) in [
        ("new file.js", "function f( {\n"),
        ("new.mjs", "import x from 'y';\nlet a = (;\n"),
        ("-A.cjs", "export default 1;\n"),
    ] {
        repo.write(path, text.as_bytes());
        let refused = repo.check(&[path, "script.js"], &base);
        assert_eq!(
            outcomes(&refused),
            one("javascript syntax", CheckOutcome::Failed { exit: 1 }),
            "{path}"
        );
        assert!(
            feedback(&refused).contains(&format!("{path}:")),
            "{}",
            feedback(&refused)
        );
    }
    let module = repo.check(&["new.mjs"], &base);
    assert!(
        module.checks[0]
            .output
            .starts_with("new.mjs:2: SyntaxError"),
        "{}",
        module.checks[0].output
    );
}

#[test]
fn python_that_does_not_compile_is_refused_and_leaves_nothing_behind() {
    if !have("python3", &["--version"]) {
        return;
    }
    let mut repo = Repo::new(&[("sys.py", "raise SystemExit(0)\n"), ("a.py", "x = 1\n")]);
    repo.write("latin.py", b"# coding: latin-1\nx = '\xe9'\n");
    let base = repo.baseline();
    assert_eq!(outcomes(&base), one("python syntax", CheckOutcome::Passed));
    assert_eq!(
        outcomes(&repo.check(&["a.py", "latin.py"], &base)),
        one("python syntax", CheckOutcome::Passed)
    );
    repo.write("a.py", b"x = 1\ndef broken(:\n");
    let refused = repo.check(&["a.py"], &base);
    assert_eq!(
        outcomes(&refused),
        one("python syntax", CheckOutcome::Failed { exit: 1 })
    );
    assert!(
        feedback(&refused).contains("a.py:2: SyntaxError"),
        "{}",
        feedback(&refused)
    );
    assert_eq!(repo.droppings(), Vec::<String>::new());
}

#[test]
fn pytest_without_tests_passes_and_leaves_nothing_behind() {
    if !have("python3", &["-c", "import pytest"]) {
        return;
    }
    let mut repo = Repo::new(&[("pytest.ini", "[pytest]\n"), ("a.py", "x = 1\n")]);
    let base = repo.baseline();
    assert!(base.passed(), "{base:#?}");
    repo.write("test_a.py", b"import a\n\ndef test_a():\n    assert a.x\n");
    assert_eq!(repo.check(&["test_a.py"], &base).word(), "regression only");
    assert_eq!(repo.droppings(), Vec::<String>::new());

    let base = repo.baseline();
    std::fs::remove_file(repo.lane().join("test_a.py")).unwrap();
    let evidence = repo.check(&["test_a.py"], &base);
    assert!(
        outcomes(&evidence).contains(&("pytest".to_owned(), CheckOutcome::Failed { exit: 5 })),
        "{evidence:#?}"
    );
}

#[test]
fn a_missing_tool_is_told_before_anything_and_can_be_allowed() {
    let mut repo = Repo::new(&[("README.md", "x")]);
    repo.commands.push(ConfiguredCheck {
        name: "suite".into(),
        run: "no-such-runner --all".into(),
        ..Default::default()
    });
    let base = repo.baseline();
    assert!(
        matches!(&base.checks[..], [CheckResult { outcome: CheckOutcome::NotAvailable { why }, .. }] if why.contains("no-such-runner"))
    );
    assert!(!base.passed() && !base.unverified);

    let strict = repo.check(&["README.md"], &base);
    assert_eq!(strict.word(), "failed");
    repo.allow_unverified = true;
    let lenient = repo.check(&["README.md"], &base);
    assert_eq!(
        (
            lenient.word(),
            lenient.passed(),
            feedback(&lenient).is_empty()
        ),
        ("unverified", true, true)
    );
}

#[test]
fn an_interpreter_for_stray_files_is_not_called_for_where_it_is_missing() {
    let mut repo = Repo::new(&[("a.js", "let = ;"), ("b.py", "def")]);
    repo.env = vec![("PATH".to_owned(), repo.dir.path().display().to_string())];
    assert_eq!(repo.baseline().checks, []);
    assert!(repo.check(&["a.js"], &Evidence::default()).unverified);
    repo.write("package.json", b"{}");
    assert!(matches!(
        repo.baseline().checks[0].outcome,
        CheckOutcome::NotAvailable { .. }
    ));
}

#[test]
fn a_hanging_check_ends_at_its_bound() {
    let mut repo = Repo::new(&[("README.md", "x")]);
    repo.commands.push(ConfiguredCheck {
        name: "hang".into(),
        run: "echo started; exec tail -f /dev/null".into(),
        timeout: Some(Duration::from_millis(200)),
        ..Default::default()
    });
    repo.commands.push(ConfiguredCheck {
        name: "after".into(),
        run: "true".into(),
        ..Default::default()
    });
    let evidence = repo.check(&["README.md"], &Evidence::default());
    let expected = [
        ("hang".to_owned(), CheckOutcome::TimedOut { seconds: 1 }),
        ("after".to_owned(), CheckOutcome::Passed),
    ];
    assert_eq!(outcomes(&evidence), expected);
    assert_eq!(
        *repo.seen.borrow(),
        ["start hang", "end hang", "start after", "end after"]
    );
}

#[test]
fn a_stop_ends_the_check_that_runs() {
    let mut repo = Repo::new(&[("README.md", "x")]);
    repo.commands.push(ConfiguredCheck {
        name: "hang".into(),
        run: "exec tail -f /dev/null".into(),
        ..Default::default()
    });
    let (handle, stop) = StopSignal::new();
    let raise = |_: CheckProgress<'_>| handle.raise();
    let changed = ["README.md".to_owned()];
    let work = Work {
        tracked: &repo.files,
        changed: &changed,
        base: &Evidence::default(),
        task: "",
    };
    let ended = block_on(repo.verifier().check(&repo.lane(), work, &raise, stop));
    assert_eq!(ended, Err(NoVerdict::Stopped));
}

#[test]
fn checks_see_their_folder_and_environment_and_their_output_is_clean() {
    let mut repo = Repo::new(&[("sub/x.txt", "x")]);
    repo.env
        .push(("PYTHONDONTWRITEBYTECODE".into(), "mine".into()));
    repo.commands.push(ConfiguredCheck {
        name: "look".into(),
        run: "ls; printf '\\033[31m%s\\033[0m %s\\n' $CARGO_TERM_COLOR $PYTHONDONTWRITEBYTECODE; echo err >&2; exit 4".into(),
        dir: "./sub/".into(),
        ..Default::default()
    });
    let evidence = repo.check(&["sub/x.txt"], &Evidence::default());
    let check = &evidence.checks[0];
    assert_eq!(
        (check.dir.as_str(), &check.outcome),
        ("sub", &CheckOutcome::Failed { exit: 4 })
    );
    let mut lines: Vec<&str> = check.output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["err", "never mine", "x.txt"]);
}

#[test]
fn work_that_no_language_claims_is_unverified() {
    let repo = Repo::new(&[("README.md", "x"), ("notes.txt", "y")]);
    let base = repo.baseline();
    assert_eq!(base.word(), "unverified");
    let evidence = repo.check(&["notes.txt"], &base);
    assert_eq!((evidence.word(), evidence.passed()), ("unverified", true));
}

#[test]
fn a_configuration_that_cannot_work_says_why() {
    let make = |checks: Vec<ConfiguredCheck>| {
        let config = VerifyConfig {
            commands: checks,
            detect: true,
            disable: Vec::new(),
            scope: Scope::default(),
            timeout: Duration::from_secs(1),
            allow_unverified: false,
            env: Vec::new(),
        };
        Verifier::new(config)
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    };
    let check = |name: &str, dir: &str, when: &str| ConfiguredCheck {
        name: name.into(),
        dir: dir.into(),
        when: vec![when.into()],
        ..Default::default()
    };
    assert!(make(vec![check("a", "", "[z-a]")]).contains("`[z-a]`"));
    assert!(make(vec![check("a", "../x", "x")]).contains("`../x`"));
    assert!(make(vec![check("a", "/x", "x")]).contains("`/x`"));
    assert!(
        make(vec![check("a", "x", "x"), check("a", "./x/", "x")])
            .contains("two checks are called `a`")
    );
    assert_eq!(make(vec![check("a", ".", "x"), check("a", "b", "x")]), "");
}

/// A configured check that says of a test what stands in a file, and counts its runs beside the lane.
fn flickering(repo: &Repo) -> ConfiguredCheck {
    let runs = repo.dir.path().join("runs").display().to_string();
    ConfiguredCheck {
        name: "suite".into(),
        run: format!(
            "echo x >> {runs}; if [ -e a.txt ] && [ $(wc -l < {runs}) -gt 2 ] || ! [ -e a.txt ]; then echo '1..1'; echo 'ok 1 - t.py::test_a'; \
             else echo '1..1'; echo 'not ok 1 - t.py::test_a'; exit 1; fi"
        ),
        reads: Some(Format::Tap),
        ..Default::default()
    }
}

#[test]
fn what_fails_once_and_passes_at_once_is_flaky() {
    let mut repo = Repo::new(&[("README.md", "x")]);
    repo.commands.push(flickering(&repo));
    let base = repo.baseline();
    assert_eq!(outcomes(&base), one("suite", CheckOutcome::Passed));
    repo.write("a.txt", b"nothing of a test");
    let evidence = repo.check(&["a.txt"], &base);
    let check = &evidence.checks[0];
    assert_eq!(check.outcome, CheckOutcome::Flaky { exit: 1 }, "{check:#?}");
    let rerun = check.rerun.as_ref().unwrap();
    assert_eq!(
        (rerun.exit, rerun.output.trim()),
        (0, "1..1\nok 1 - t.py::test_a")
    );
    assert!(check.output.contains("not ok 1 - t.py::test_a"));
    assert_eq!(check.failing, ["t.py::test_a"]);
    assert!(evidence.passed());
}

#[test]
fn a_test_that_the_chunk_brings_may_not_be_flaky() {
    let mut repo = Repo::new(&[("README.md", "x")]);
    repo.commands.push(flickering(&repo));
    let mut base = repo.baseline();
    base.checks[0].tests = Some(Default::default());
    repo.write("a.txt", b"def test_a(): pass");
    let evidence = repo.check(&["a.txt"], &base);
    let check = &evidence.checks[0];
    assert_eq!(check.outcome, CheckOutcome::Failed { exit: 1 });
    assert_eq!(check.rerun.as_ref().map(|r| r.exit), Some(0));
}

#[test]
fn what_fails_twice_is_no_flake_and_only_it_runs_again() {
    let mut repo = Repo::new(&[("README.md", "x")]);
    repo.commands.push(ConfiguredCheck {
        name: "suite".into(),
        run: "echo 1..2; echo 'not ok 1 - t.py::test_a'; echo 'ok 2 - t.py::test_b'; exit 1".into(),
        only: Some("for t in {tests}; do echo 1..1; echo \"not ok 1 - $t\"; done; exit 7".into()),
        reads: Some(Format::Tap),
        ..Default::default()
    });
    let evidence = repo.check(&["README.md"], &Evidence::default());
    let check = &evidence.checks[0];
    assert_eq!(check.outcome, CheckOutcome::Failed { exit: 1 });
    let rerun = check.rerun.as_ref().unwrap();
    assert_eq!(
        (rerun.exit, rerun.output.trim(), rerun.command.as_str()),
        (
            7,
            "1..1\nnot ok 1 - t.py::test_a",
            "for t in t.py::test_a; do echo 1..1; echo \"not ok 1 - $t\"; done; exit 7"
        )
    );
    let counts = check.counts.unwrap();
    assert_eq!((counts.passed, counts.failed), (1, 1));
}

#[test]
fn a_failure_without_a_name_runs_once() {
    let mut repo = Repo::new(&[("README.md", "x")]);
    repo.commands.push(ConfiguredCheck {
        name: "suite".into(),
        run: "echo 'something is wrong'; exit 1".into(),
        ..Default::default()
    });
    let evidence = repo.check(&["README.md"], &Evidence::default());
    let check = &evidence.checks[0];
    assert_eq!(
        (&check.rerun, &check.tests, check.counts),
        (&None, &None, None)
    );
}

#[test]
fn named_tests_run_alone_and_unjudged() {
    let mut repo = Repo::new(&[("README.md", "x")]);
    repo.commands.push(ConfiguredCheck {
        name: "suite".into(),
        run: "exit 3".into(),
        only: Some(
            "n=0; for t in {tests}; do n=$((n+1)); echo \"ok $n - $t\"; done; echo 1..$n".into(),
        ),
        reads: Some(Format::Tap),
        ..Default::default()
    });
    let named = |check: &str, tests: &[&str]| NamedTests {
        check: check.to_owned(),
        dir: String::new(),
        tests: tests.iter().map(|t| (*t).to_owned()).collect(),
    };
    let wanted = [
        named("suite", &["t.py::a", "t.py::b c"]),
        named("gone", &["x"]),
    ];
    let (_handle, stop) = StopSignal::new();
    let (lane, progress) = (repo.lane(), repo.progress());
    let ran = repo.verifier();
    let ran = block_on(ran.run_tests(&lane, &repo.files, &wanted, &progress, stop)).unwrap();
    assert_eq!(ran.len(), 1);
    assert_eq!(ran[0].outcome, CheckOutcome::Passed);
    assert_eq!(ran[0].narrowed.as_deref(), Some("2 tests"));
    let names: Vec<&String> = ran[0]
        .tests
        .iter()
        .flatten()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["t.py::a", "t.py::b c"]);
}

#[test]
fn a_check_whose_daemon_holds_its_output_open_still_ends() {
    let mut repo = Repo::new(&[("README.md", "x")]);
    let pid = repo.dir.path().join("pid").display().to_string();
    repo.commands.push(ConfiguredCheck {
        name: "daemon".into(),
        run: format!("setsid tail -f /dev/null & echo $! > {pid}; echo done"),
        ..Default::default()
    });
    let evidence = repo.check(&["README.md"], &Evidence::default());
    assert_eq!(evidence.checks[0].outcome, CheckOutcome::Passed);
    assert_eq!(evidence.checks[0].output, "done\n");
    // What left the group is for `end_leftovers`, which this test may not call: other tests have children.
    let pid = std::fs::read_to_string(pid).unwrap();
    let end = proc::Command::shell(
        &format!("kill {}", pid.trim()),
        repo.dir.path(),
        crate::model::policy::SandboxPolicy::Trusted,
    )
    .env(process_env());
    let (_handle, stop) = StopSignal::new();
    block_on(proc::output(&end, proc::Limits::default(), stop)).unwrap();
}

#[test]
fn what_is_disabled_does_not_run_and_a_fingerprint_tells() {
    let mut repo = Repo::new(&[
        ("a/go.mod", "module a\n"),
        ("a/a.go", "package a\n"),
        ("b/go.mod", "module b\n"),
        ("b/b.go", "package b\n"),
    ]);
    let names = |repo: &Repo| -> Vec<String> {
        let found = repo.verifier().found(&repo.lane(), &repo.files);
        found
            .iter()
            .map(|c| format!("{}@{}", c.name, c.dir))
            .collect()
    };
    let print = |repo: &Repo| repo.verifier().fingerprint(&repo.lane(), &repo.files);
    let before = print(&repo);
    assert_eq!(
        names(&repo),
        ["go vet@a", "go vet@b", "go test@a", "go test@b"]
    );
    assert_eq!(print(&repo), before);
    repo.disable = vec!["go vet".to_owned(), "go test@b".to_owned()];
    assert_eq!(names(&repo), ["go test@a"]);
    assert_ne!(print(&repo), before);
}

#[test]
fn a_fingerprint_knows_the_wall_and_no_lane() {
    use crate::model::policy::{Abilities, PresetSettings, SandboxSettings};
    use crate::sandbox::presets::Machine;
    let files = [("go.mod", "module a\n"), ("a.go", "package a\n")];
    let (one, other) = (Repo::new(&files), Repo::new(&files));
    let walled = |change: PresetSettings| {
        let settings = SandboxSettings {
            presets: vec![(Preset::Verify, change)],
            ..SandboxSettings::default()
        };
        let abilities = Abilities {
            landlock: 7,
            seccomp: true,
            network_namespace: true,
            ..Abilities::default()
        };
        Sandbox::new(settings, Machine::default(), abilities).unwrap()
    };
    let print = |repo: &Repo, sandbox: &Sandbox| {
        let verifier = Verifier {
            env: Vec::new(),
            ..repo.verifier().walled(sandbox.clone())
        };
        verifier.fingerprint(&repo.lane(), &repo.files)
    };
    let usual = walled(PresetSettings::default());
    let sockets = walled(PresetSettings {
        unix_sockets: Some(true),
        ..PresetSettings::default()
    });
    let prints: std::collections::BTreeSet<String> = [&Sandbox::off(), &usual, &sockets]
        .map(|sandbox| print(&one, sandbox))
        .into();
    assert_eq!(prints.len(), 3);
    assert_eq!(print(&one, &usual), print(&other, &usual));
}
