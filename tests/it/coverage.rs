//! Coverage in whole runs: measured by Go's own tools, by pytest-cov where it is installed, and by commands of the
//! configuration; what it lacks goes back to the engine, and what is not known is no pass.

use crate::support::{Ended, Repo};
use serde_json::{Value, json};
use std::fs;
use std::process::{Command, Stdio};

const SPEC: &str = "# Work\n\n- [ ] T001 Say which sign a number has\n";
const BRANCH: &str = "codelicious/specs-work";

const GO_FILES: &[(&str, &str)] = &[
    ("go.mod", "module example.org/small\n\ngo 1.18\n"),
    (
        "small.go",
        "package small\n\nfunc Two() int {\n\treturn 2\n}\n",
    ),
    (
        "small_test.go",
        "package small\n\nimport \"testing\"\n\nfunc TestTwo(t *testing.T) {\n\tif Two() != 2 {\n\t\tt.Fatal()\n\t}\n}\n",
    ),
    (
        "other/other.go",
        "package other\n\nfunc Three() int {\n\treturn 3\n}\n\nfunc Four() int {\n\treturn 4\n}\n",
    ),
    (
        "other/other_test.go",
        "package other\n\nimport \"testing\"\n\nfunc TestThree(t *testing.T) {\n\tif Three() != 3 {\n\t\tt.Fatal()\n\t}\n}\n",
    ),
];
const SIGN: &str = "package small\n\nfunc Sign(n int) string {\n\tif n < 0 {\n\t\treturn \"minus\"\n\t}\n\treturn \"plus\"\n}\n";
const SIGN_TEST: &str = "package small\n\nimport \"testing\"\n\nfunc TestSign(t *testing.T) {\n\tif Sign(-1) != \"minus\" || Sign(1) != \"plus\" {\n\t\tt.Fatal()\n\t}\n}\n";

fn answers(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let there = command.output().is_ok_and(|o| o.status.success());
    if !there {
        eprintln!("SKIPPED: `{program} {}` does not answer", args.join(" "));
    }
    there
}

fn has_go() -> bool {
    answers("go", &["version"])
}

/// A repository of these files, with settings.
fn repo(files: &[(&str, &str)], settings: &str) -> Repo {
    let repo = Repo::bare_bones();
    for (path, text) in files {
        repo.write(path, text);
    }
    repo.write("codelicious.toml", settings);
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "First commit"]);
    repo.git(&["push", "-q", "-u", "origin", "main"]);
    repo.write("specs/work.md", SPEC);
    fs::create_dir(repo.base().join("tmp")).unwrap();
    repo
}

fn run(repo: &Repo, args: &[&str]) -> Ended {
    let temp = repo.base().join("tmp").display().to_string();
    let pyenv = std::env::var("PYENV_ROOT")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.pyenv")))
        .unwrap_or_default();
    let envs = [
        ("TMPDIR", temp.as_str()),
        // What tests before this one compiled is compiled.
        ("GOCACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/go-build")),
        ("GOFLAGS", "-mod=mod"),
        ("GOPROXY", "off"),
        ("GOTOOLCHAIN", "local"),
        ("PYENV_ROOT", &pyenv),
        ("CODELICIOUS_ENV_PASS", "GO*,PYENV_*,TMPDIR,FAKE_CLAUDE_*"),
    ];
    let ended = repo.run_with(args, &envs);
    let left: Vec<_> = fs::read_dir(&temp)
        .unwrap()
        .map(|e| e.unwrap().file_name().display().to_string())
        .filter(|name| name.starts_with("codelicious"))
        .collect();
    assert_eq!(left, [""; 0], "folders for reports are gone");
    ended
}

fn write(path: &str, text: &str) -> Value {
    json!({"write": {"path": path, "text": text}})
}

/// Steps of the first turn, and of those that repair it.
fn plays(repo: &Repo, first: &[Value], fix: &[Value]) {
    repo.fake(&json!({"rules": [
        {"fix": false, "steps": first},
        {"fix": true, "steps": fix},
    ]}));
}

fn chunk(repo: &Repo) -> Value {
    let text = repo.read(".codelicious/state/specs-work.json");
    let ledger: Value = serde_json::from_str(&text).unwrap();
    ledger["chunks"]["T001"].clone()
}

fn coverage(repo: &Repo) -> Value {
    chunk(repo)["evidence"]["coverage"].clone()
}

fn warnings(repo: &Repo) -> Vec<String> {
    repo.events()
        .iter()
        .filter(|e| e["kind"] == "warning")
        .map(|e| e["payload"]["message"].as_str().unwrap().to_owned())
        .collect()
}

/// What the engine was told in its second turn.
#[track_caller]
fn told(repo: &Repo, ended: &Ended) -> String {
    let calls = repo.calls();
    assert_eq!(calls.len(), 2, "{}", ended.stderr);
    calls[1]["prompt"].as_str().unwrap().to_owned()
}

#[track_caller]
fn is_committed(repo: &Repo, ended: &Ended) {
    assert_eq!(repo.commits(BRANCH).len(), 2, "{}", ended.stderr);
}

/// A person is to look, for this reason.
#[track_caller]
fn waits(repo: &Repo, ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let said = chunk(repo);
    let attempt = said["attempts"].as_array().and_then(|all| all.last());
    assert_eq!(attempt.unwrap()["end"], "needs_review", "{said:#}");
    let said = said.to_string();
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!repo.read("specs/work.md").contains("[x]"));
    let branch = repo.git(&["branch", "--list", BRANCH]);
    let commits = match branch.is_empty() {
        true => Vec::new(),
        false => repo.commits(BRANCH),
    };
    let is_chunk = |(_, chunk): &(String, Option<String>)| chunk.is_some();
    assert!(!commits.iter().any(is_chunk), "{}", ended.stderr);
}

#[test]
fn a_floor_that_is_met_is_shown_and_the_whole_is_measured() {
    if !has_go() {
        return;
    }
    let repo = repo(GO_FILES, "[coverage]\nmin = 99.0\n");
    plays(
        &repo,
        &[write("sign.go", SIGN), write("sign_test.go", SIGN_TEST)],
        &[],
    );
    // The flag goes before the file, which nothing here could meet.
    let ended = run(&repo, &["--min-coverage", "70"]).expect(0);
    is_committed(&repo, &ended);
    let found = coverage(&repo);
    // `other` did not change and is in both sums.
    let (before, after, changed) = (&found["before"], &found["after"], &found["changed"]);
    let of = |sum: &Value| {
        (
            sum["covered"].as_u64().unwrap(),
            sum["total"].as_u64().unwrap(),
        )
    };
    let ((bc, bt), (ac, at), (cc, ct)) = (of(before), of(after), of(changed));
    assert!(0 < bc && bc < bt, "{found}");
    assert!(0 < ct && cc == ct, "{found}");
    assert_eq!((ac, at), (bc + cc, bt + ct), "{found}");
    let body = repo.read(".codelicious/prs/1.md");
    assert!(
        body.contains("- Coverage: ") && body.contains("of the changed lines 100.0 %"),
        "{body}"
    );
    // What is kept is what anybody can run again.
    let checks = chunk(&repo)["evidence"]["checks"].to_string();
    assert!(
        checks.contains("\"go test -json ./...\"") && !checks.contains("coverprofile"),
        "{checks}"
    );
    assert_eq!(warnings(&repo), [""; 0]);
}

#[test]
fn lines_that_no_test_ran_go_back_to_the_engine_by_name() {
    if !has_go() {
        return;
    }
    let repo = repo(GO_FILES, "[coverage]\nchanged_min = 100.0\n");
    plays(
        &repo,
        &[write("sign.go", SIGN)],
        &[write("sign_test.go", SIGN_TEST)],
    );
    let ended = run(&repo, &[]).expect(0);
    let told = told(&repo, &ended);
    for words in [
        "of the lines that were changed, 0.0 % are covered",
        "`coverage.changed_min`",
        "no test ran the changed lines sign.go:3",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    is_committed(&repo, &ended);
}

#[test]
fn less_than_the_base_is_not_committed() {
    if !has_go() {
        return;
    }
    let repo = repo(GO_FILES, "[coverage]\nmeasure = true\n");
    plays(&repo, &[write("sign.go", SIGN)], &[]);
    for round in 0..2 {
        // The second time the base's sum comes from the cache.
        let args = ["--max-fix-attempts", "0", "--reset-ledger"];
        let ended = run(&repo, &args[..2 + round]);
        waits(&repo, &ended, &["of the base", "coverage.tolerance"]);
        let events = repo.events();
        let count = |kind: &str| events.iter().filter(|e| e["kind"] == kind).count();
        let counts = (count("run_started"), count("baseline_started"));
        assert_eq!(counts, (round + 1, 1));
    }
}

#[test]
fn coverage_that_fails_to_come_hides_no_test_result() {
    if !has_go() {
        return;
    }
    let repo = repo(GO_FILES, "[coverage]\nmeasure = true\n");
    let broken = "package small\n\nfunc Two() int {\n\treturn \"two\"\n}\n";
    plays(
        &repo,
        &[write("small.go", broken)],
        &[write(
            "small.go",
            "package small\n\nfunc Two() int {\n\treturn 1 + 1\n}\n",
        )],
    );
    let ended = run(&repo, &[]).expect(0);
    let told = told(&repo, &ended);
    assert!(told.contains("small.go:4"), "{told}");
    is_committed(&repo, &ended);
}

/// A repository whose measuring command copies a file of the repository into a report.
fn measured_by_command(base: &str, settings: &str) -> Repo {
    repo(
        &[
            ("check.sh", "exit 0\n"),
            ("code.sh", "one\ntwo\nthree\nfour\n"),
            ("measured", base),
            (
                "measure.sh",
                "mkdir -p out && cat measured > out/lcov.info\n",
            ),
            (".gitignore", "/out/\n"),
        ],
        &format!(
            "[verify]\ncommands = [\"sh check.sh\"]\n[coverage]\ncommand = \"sh measure.sh\"\nreport = [\"out/lcov.info\"]\n{settings}"
        ),
    )
}

fn lcov(ran: &[u8]) -> String {
    let mut text = "SF:code.sh\n".to_owned();
    for (at, hits) in ran.iter().enumerate() {
        text.push_str(&format!("DA:{},{hits}\n", at + 1));
    }
    text + "end_of_record\n"
}

#[test]
fn a_command_of_the_configuration_measures() {
    let base = lcov(&[1, 1, 1, 0]);
    let code = "one\ntwo\nthree\nfour\nfive\n";
    let few = lcov(&[1, 1, 1, 0, 0]);
    let enough = lcov(&[1, 1, 1, 1, 1]);
    let damaged = "SF:code.sh\nDA:1,1\n".to_owned();
    for (name, settings, measured, refused) in [
        ("met", "min = 80.0\n", &enough, &[][..]),
        ("no bound", "", &enough, &[]),
        (
            "below the floor",
            "min = 80.0\n",
            &few,
            &[
                "coverage is 60.0 % (3 of 5 lines), below the 80 % of `coverage.min`",
                "code.sh:5",
            ],
        ),
        (
            "changed lines",
            "changed_min = 50.0\ntolerance = 100\n",
            &few,
            &[
                "of the lines that were changed, 0.0 % are covered (0 of 1)",
                "code.sh:5",
            ],
        ),
        (
            "below the base",
            "",
            &few,
            &["lower than the 75.0 % (3 of 4) of the base"],
        ),
        ("within the tolerance", "tolerance = 15.0\n", &few, &[]),
        (
            "damaged",
            "min = 1.0\n",
            &damaged,
            &[
                "coverage was not measured",
                "out/lcov.info",
                "the report is cut off",
            ],
        ),
        (
            "damaged, and only the base knows a number",
            "",
            &damaged,
            &["coverage was measured before the work and is not any more"],
        ),
    ] {
        let repo = measured_by_command(&base, settings);
        plays(
            &repo,
            &[write("code.sh", code), write("measured", measured)],
            &[],
        );
        let ended = run(&repo, &["--max-fix-attempts", "0"]);
        if refused.is_empty() {
            assert_eq!(ended.code, 0, "{name}: {}", ended.stderr);
            is_committed(&repo, &ended);
            assert_eq!(
                coverage(&repo)["before"],
                json!({"covered": 3, "total": 4}),
                "{name}"
            );
        } else {
            eprintln!("{name}");
            waits(&repo, &ended, refused);
        }
    }
}

#[test]
fn a_report_that_this_run_did_not_write_is_none() {
    let repo = measured_by_command(&lcov(&[1]), "min = 50.0\n");
    repo.write("measure.sh", "exit 0\n");
    repo.write("out/lcov.info", lcov(&[1, 1, 1, 1]));
    repo.git(&["add", "-Af", "out", "measure.sh"]);
    repo.git(&["commit", "-qm", "A report of old"]);
    repo.git(&["push", "-q"]);
    plays(&repo, &[write("code.sh", "one\n")], &[]);
    let ended = run(&repo, &["--max-fix-attempts", "0"]);
    waits(
        &repo,
        &ended,
        &["left no report of coverage in out/lcov.info"],
    );
    assert!(
        warnings(&repo)
            .iter()
            .any(|w| w.starts_with("coverage was not measured: sh measure.sh left no report")),
        "{:?}",
        warnings(&repo)
    );
}

#[test]
fn reports_of_the_checks_themselves_are_read() {
    let repo = repo(
        &[
            ("check.sh", "mkdir -p out && cat measured > out/lcov.info\n"),
            ("code.sh", "one\n"),
            ("measured", &lcov(&[1])),
            (".gitignore", "/out/\n"),
        ],
        "[verify]\ncommands = [{ name = \"suite\", run = \"sh check.sh\", when = [\"*.c\"] }]\n[coverage]\nreport = [\"out/lcov.info\"]\nmin = 60.0\n",
    );
    // Nothing that changed calls for the check, but the number does.
    plays(
        &repo,
        &[
            write("code.sh", "one\ntwo\n"),
            write("measured", &lcov(&[1, 1])),
        ],
        &[],
    );
    let ended = run(&repo, &[]).expect(0);
    is_committed(&repo, &ended);
    assert_eq!(
        coverage(&repo)["changed"],
        json!({"covered": 1, "total": 1})
    );
}

#[test]
fn where_nothing_measures_a_bound_is_not_met_and_doctor_says_so() {
    let files = [("check.sh", "exit 0\n")];
    let checks = "[verify]\ncommands = [\"sh check.sh\"]\n";
    let with_bound = repo(&files, checks);
    plays(&with_bound, &[write("a.txt", "a\n")], &[]);
    let ended = run(
        &with_bound,
        &["--min-coverage", "10", "--max-fix-attempts", "0"],
    );
    waits(
        &with_bound,
        &ended,
        &["coverage was not measured, and the 10 % of `--min-coverage` ask for it"],
    );

    let without = repo(&files, &format!("{checks}[coverage]\nmeasure = true\n"));
    plays(&without, &[write("a.txt", "a\n")], &[]);
    let ended = run(&without, &[]).expect(0);
    is_committed(&without, &ended);
    assert_eq!(coverage(&without), Value::Null);
    let told = warnings(&without);
    assert!(
        told.iter()
            .any(|w| w.contains("no test runner here is known to measure it")),
        "{told:?}"
    );
    let shown = run(&without, &["doctor"]).stdout;
    assert!(shown.contains("nothing would be measured"), "{shown}");
}

#[test]
fn doctor_says_what_would_measure() {
    if !has_go() {
        return;
    }
    let repo = repo(GO_FILES, "[coverage]\nmin = 50.0\n");
    let shown = run(&repo, &["doctor"]).stdout;
    assert!(shown.contains("go test measures"), "{shown}");
    repo.write("codelicious.toml", "");
    let shown = run(&repo, &["doctor"]).stdout;
    assert!(!shown.contains("measure"), "{shown}");
}

#[test]
fn pytest_measures_with_its_plugin() {
    if !answers("python3", &["-c", "import pytest_cov"]) {
        return;
    }
    let repo = repo(
        &[
            (
                "pyproject.toml",
                "[tool.pytest.ini_options]\naddopts = \"--cov=small\"\n",
            ),
            ("small.py", "def two():\n    return 2\n"),
            (
                "test_small.py",
                "from small import two\n\n\ndef test_two():\n    assert two() == 2\n",
            ),
            (".gitignore", "__pycache__/\n.pytest_cache/\n.coverage\n"),
        ],
        "[coverage]\nchanged_min = 90.0\n",
    );
    let sign = "def two():\n    return 2\n\n\ndef sign(n):\n    if n < 0:\n        return 'minus'\n    return 'plus'\n";
    let test = "from small import sign, two\n\n\ndef test_two():\n    assert two() == 2\n\n\ndef test_sign():\n    assert sign(-1) == 'minus'\n    assert sign(1) == 'plus'\n";
    plays(
        &repo,
        &[write("small.py", sign)],
        &[write("test_small.py", test)],
    );
    let ended = run(&repo, &[]).expect(0);
    let told = told(&repo, &ended);
    assert!(
        told.contains("no test ran the changed lines small.py:6-8"),
        "{told}"
    );
    is_committed(&repo, &ended);
}
