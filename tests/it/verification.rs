//! Verification of real little projects: what the repository's own tools say decides.

use crate::support::{Ended, Repo, spec_of};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

/// A small project in a language: what it consists of, a good piece of work and a broken one.
struct Project {
    name: &'static str,
    /// Programs it needs, with arguments that must succeed.
    needs: &'static [&'static [&'static str]],
    files: &'static [(&'static str, &'static str)],
    /// The file an engine writes.
    path: &'static str,
    good: &'static str,
    broken: &'static str,
    /// What the tool says about the broken one.
    says: &'static str,
    /// A test that fails whatever the engine does.
    red_test: (&'static str, &'static str),
}

const PROJECTS: &[Project] = &[
    Project {
        name: "rust",
        needs: &[&["cargo", "--version"]],
        files: &[
            (
                "Cargo.toml",
                "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
            ),
            (
                "src/lib.rs",
                "pub fn two() -> i32 {\n    2\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn two_is_two() {\n        assert_eq!(super::two(), 2);\n    }\n}\n",
            ),
            (".gitignore", "/target\n/Cargo.lock\n"),
        ],
        path: "src/lib.rs",
        good: "pub fn two() -> i32 {\n    1 + 1\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn two_is_two() {\n        assert_eq!(super::two(), 2);\n    }\n}\n",
        broken: "pub fn two() -> i32 {\n    3\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn two_is_two() {\n        assert_eq!(super::two(), 2);\n    }\n}\n",
        says: "two_is_two",
        red_test: (
            "tests/red.rs",
            "#[test]\nfn always_red() {\n    panic!(\"red before\");\n}\n",
        ),
    },
    Project {
        name: "python",
        needs: &[&["python3", "--version"]],
        files: &[
            ("small.py", "def two():\n    return 2\n"),
            ("tests/__init__.py", ""),
            (
                "tests/test_small.py",
                "import unittest\nfrom small import two\n\n\nclass Small(unittest.TestCase):\n    def test_two_is_two(self):\n        self.assertEqual(two(), 2)\n",
            ),
            (".gitignore", "__pycache__/\n.pytest_cache/\n"),
        ],
        path: "small.py",
        good: "def two():\n    return 1 + 1\n",
        broken: "def two():\n    return 3\n",
        says: "test_two_is_two",
        red_test: (
            "tests/test_red.py",
            "import unittest\n\n\nclass Red(unittest.TestCase):\n    def test_always_red(self):\n        self.fail(\"red before\")\n",
        ),
    },
    Project {
        name: "node",
        needs: &[&["node", "--version"], &["npm", "--version"]],
        files: &[
            (
                "package.json",
                "{\"name\": \"small\", \"version\": \"0.1.0\", \"scripts\": {\"test\": \"node --test\"}}\n",
            ),
            ("small.js", "exports.two = () => 2;\n"),
            (
                "small.test.js",
                "const test = require('node:test');\nconst assert = require('node:assert');\nconst { two } = require('./small.js');\ntest('two is two', () => assert.strictEqual(two(), 2));\n",
            ),
        ],
        path: "small.js",
        good: "exports.two = () => 1 + 1;\n",
        broken: "exports.two = () => 3;\n",
        says: "two is two",
        red_test: (
            "red.test.js",
            "const test = require('node:test');\nconst assert = require('node:assert');\ntest('always red', () => assert.fail('red before'));\n",
        ),
    },
    Project {
        name: "go",
        needs: &[&["go", "version"]],
        files: &[
            ("go.mod", "module example.org/small\n\ngo 1.18\n"),
            ("small.go", "package small\n\nfunc Two() int { return 2 }\n"),
            (
                "small_test.go",
                "package small\n\nimport \"testing\"\n\nfunc TestTwoIsTwo(t *testing.T) {\n\tif Two() != 2 {\n\t\tt.Fatal(\"two is not two\")\n\t}\n}\n",
            ),
        ],
        path: "small.go",
        good: "package small\n\nfunc Two() int { return 1 + 1 }\n",
        broken: "package small\n\nfunc Two() int { return 3 }\n",
        says: "TestTwoIsTwo",
        red_test: (
            "red_test.go",
            "package small\n\nimport \"testing\"\n\nfunc TestAlwaysRed(t *testing.T) {\n\tt.Fatal(\"red before\")\n}\n",
        ),
    },
];

fn is_there(project: &Project) -> bool {
    let runs = |words: &&[&str]| {
        let status = Command::new(words[0])
            .args(&words[1..])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|s| s.success())
    };
    let all = project.needs.iter().all(runs);
    if !all {
        eprintln!("SKIPPED: {} needs {:?}", project.name, project.needs);
    }
    all
}

/// A repository with these files committed and one open task.
fn with_files(files: &[(&str, &str)]) -> Repo {
    let repo = Repo::bare_bones();
    for (path, text) in files {
        repo.write(path, text);
    }
    repo.write("README.md", "# Small\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "First commit"]);
    repo.git(&["push", "-q", "-u", "origin", "main"]);
    repo.write(
        "specs/work.md",
        "# Work\n\n- [ ] T001 Say two in another way\n",
    );
    repo
}

/// The machine's toolchains live in its home; caches go where the test is.
fn run(repo: &Repo, args: &[&str]) -> Ended {
    let mut envs = Vec::new();
    for name in [
        "CARGO_HOME",
        "RUSTUP_HOME",
        "PYENV_ROOT",
        "NVM_DIR",
        "VOLTA_HOME",
    ] {
        if let Ok(value) = std::env::var(name) {
            envs.push((name, value));
        }
    }
    let home = std::env::var("HOME").unwrap_or_default();
    for (name, folder) in [
        ("CARGO_HOME", ".cargo"),
        ("RUSTUP_HOME", ".rustup"),
        ("PYENV_ROOT", ".pyenv"),
    ] {
        if !envs.iter().any(|(n, _)| *n == name)
            && std::path::Path::new(&home).join(folder).is_dir()
        {
            envs.push((name, format!("{home}/{folder}")));
        }
    }
    let pass = [
        ("CARGO_NET_OFFLINE", "true".to_owned()),
        ("GOFLAGS", "-mod=mod".to_owned()),
        ("GOPROXY", "off".to_owned()),
        ("GOTOOLCHAIN", "local".to_owned()),
        (
            "CODELICIOUS_ENV_PASS",
            "CARGO_*,RUSTUP_*,PYENV_*,GO*,NVM_*,VOLTA_*,FAKE_CLAUDE_*".to_owned(),
        ),
    ];
    envs.extend(pass);
    let envs: Vec<(&str, &str)> = envs.iter().map(|(n, v)| (*n, v.as_str())).collect();
    repo.run_with(args, &envs)
}

fn writes(path: &str, text: &str) -> Value {
    json!({"default": {"steps": [{"write": {"path": path, "text": text}}]}})
}

fn nothing_is_committed(repo: &Repo) {
    let heads = repo.git(&[
        "for-each-ref",
        "--format=%(refname:short)",
        "refs/heads/codelicious",
    ]);
    for branch in heads.lines() {
        let chunks: Vec<_> = repo
            .commits(branch)
            .into_iter()
            .filter(|(_, c)| c.is_some())
            .collect();
        assert_eq!(chunks, [], "{branch}");
    }
}

/// Work that was saved aside.
fn saved(repo: &Repo) -> String {
    repo.git(&[
        "for-each-ref",
        "--format=%(refname)",
        "refs/codelicious/attempts",
    ])
}

fn good_and_broken(project: &Project) {
    if !is_there(project) {
        return;
    }
    let repo = with_files(project.files);
    repo.fake(&writes(project.path, project.good));
    let ended = run(&repo, &[]).expect(0);
    assert!(!ended.stderr.contains("unverified"), "{}", ended.stderr);
    let file = repo.git(&["show", &format!("codelicious/specs-work:{}", project.path)]);
    assert_eq!(file, project.good.trim_end());
    let names = repo.git(&["diff", "--name-only", "main", "codelicious/specs-work"]);
    let mut expected = vec![project.path, "specs/work.md"];
    expected.sort_unstable();
    assert_eq!(
        names.lines().collect::<Vec<_>>(),
        expected,
        "what the checks leave behind is not committed"
    );
    let pr = repo.read(".codelicious/prs/1.md");
    assert!(pr.contains("passed"), "{pr}");

    let repo = with_files(project.files);
    repo.fake(&writes(project.path, project.broken));
    let ended = run(&repo, &["--max-fix-attempts", "1"]).expect(1);
    nothing_is_committed(&repo);
    assert!(
        saved(&repo).contains("refs/codelicious/attempts/specs-work/T001/"),
        "{}",
        ended.stderr
    );
    let calls = repo.calls();
    assert_eq!(calls.len(), 2, "{}", ended.stderr);
    let prompt = calls[1]["prompt"].as_str().unwrap();
    assert!(
        prompt.contains(project.says),
        "the fix prompt carries what the tool said:\n{prompt}"
    );
}

fn red_before(project: &Project) {
    if !is_there(project) {
        return;
    }
    let mut files = project.files.to_vec();
    files.push(project.red_test);
    let repo = with_files(&files);
    repo.fake(&writes(project.path, project.good));
    let ended = run(&repo, &[]).expect(0);
    assert_eq!(repo.calls().len(), 1, "{}", ended.stderr);
    assert_eq!(repo.commits("codelicious/specs-work").len(), 2);

    // What was red does not hide what turns red.
    let repo = with_files(&files);
    repo.fake(&writes(project.path, project.broken));
    run(&repo, &["--max-fix-attempts", "0"]).expect(1);
    nothing_is_committed(&repo);
}

#[test]
fn a_good_rust_change_is_committed_and_a_broken_one_is_not() {
    good_and_broken(&PROJECTS[0]);
}

#[test]
fn a_good_python_change_is_committed_and_a_broken_one_is_not() {
    good_and_broken(&PROJECTS[1]);
}

#[test]
fn a_good_node_change_is_committed_and_a_broken_one_is_not() {
    good_and_broken(&PROJECTS[2]);
}

#[test]
fn a_good_go_change_is_committed_and_a_broken_one_is_not() {
    good_and_broken(&PROJECTS[3]);
}

#[test]
fn a_rust_test_that_was_red_before_is_not_blamed_on_the_engine() {
    red_before(&PROJECTS[0]);
}

#[test]
fn a_python_test_that_was_red_before_is_not_blamed_on_the_engine() {
    red_before(&PROJECTS[1]);
}

#[test]
fn a_node_test_that_was_red_before_is_not_blamed_on_the_engine() {
    red_before(&PROJECTS[2]);
}

#[test]
fn a_go_test_that_was_red_before_is_not_blamed_on_the_engine() {
    red_before(&PROJECTS[3]);
}

#[test]
fn a_fix_turn_that_repairs_the_work_lands_it() {
    let repo = Repo::new();
    repo.write("specs/work.md", "# Work\n\n- [ ] T001 Build it\n");
    repo.fake(&json!({"rules": [
        {"fix": false, "steps": [{"write": {"path": "work/T001.bad", "text": "oops\n"}}]},
        {"fix": true, "steps": [{"rename": {"from": "work/T001.bad", "to": "work/T001.txt"}}]},
    ]}));
    let ended = run(&repo, &[]).expect(0);
    let calls = repo.calls();
    assert_eq!(calls.len(), 2, "{}", ended.stderr);
    assert!(
        calls[1]["prompt"]
            .as_str()
            .unwrap()
            .contains("work/T001.bad is bad"),
        "{}",
        calls[1]["prompt"]
    );
    let files = repo.git(&["diff", "--name-only", "main", "codelicious/specs-work"]);
    assert_eq!(files, "specs/work.md\nwork/T001.txt");
}

#[test]
fn a_fix_call_that_fails_itself_commits_nothing() {
    for (name, fix, code) in [
        ("crash", json!({"steps": [{"exit": 3}]}), 1),
        ("killed", json!({"steps": [{"kill_self": true}]}), 1),
        (
            "rate limit",
            json!({"steps": [{"rate_limit": {"status": "rejected", "resets_at": 4_102_444_800_i64}}], "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "You've hit your limit"}}),
            6,
        ),
        (
            "not logged in",
            json!({"end": {"kind": "error", "status": 401, "error": "authentication_failed", "text": "Not logged in · Please run /login"}}),
            6,
        ),
        (
            "success without a word",
            json!({"end": {"kind": "none", "text": "All tests pass now."}}),
            1,
        ),
    ] {
        let repo = Repo::new();
        repo.write("specs/work.md", "# Work\n\n- [ ] T001 Build it\n");
        repo.write(
            "codelicious.toml",
            "max_attempts = 1\n[verify]\ncommands = [\"sh check.sh\"]\n",
        );
        let mut rule = fix;
        rule["fix"] = true.into();
        repo.fake(&json!({"rules": [rule, {"fix": false, "steps": [{"write": {"path": "work/T001.bad", "text": "oops\n"}}]}]}));
        let ended = run(&repo, &["--max-fix-attempts", "1"]);
        assert_eq!(ended.code, code, "{name}:\n{}", ended.stderr);
        nothing_is_committed(&repo);
        assert!(!repo.read("specs/work.md").contains("[x]"));
    }
}

#[test]
fn javascript_that_does_not_parse_is_not_committed() {
    if !is_there(&PROJECTS[2]) {
        return;
    }
    let repo = with_files(&[
        ("package.json", "{\"name\": \"small\"}\n"),
        ("small.js", "exports.two = 2;\n"),
    ]);
    repo.fake(&writes("small.js", "exports.two = {;\n"));
    let ended = run(&repo, &["--max-fix-attempts", "1"]).expect(1);
    nothing_is_committed(&repo);
    let calls = repo.calls();
    assert_eq!(calls.len(), 2, "{}", ended.stderr);
    assert!(
        calls[1]["prompt"].as_str().unwrap().contains("small.js"),
        "{}",
        calls[1]["prompt"]
    );
}

/// Builds the default way and expects it to be committed.
fn is_buildable(files: &[(&str, &str)]) {
    let repo = with_files(files);
    let ended = run(&repo, &["--allow-unverified"]).expect(0);
    assert_eq!(
        repo.commits("codelicious/specs-work").len(),
        2,
        "{}",
        ended.stderr
    );
}

#[test]
fn a_crate_whose_tests_folder_is_not_python_is_buildable() {
    if is_there(&PROJECTS[0]) {
        let mut files = PROJECTS[0].files.to_vec();
        files.push((
            "tests/small.rs",
            "#[test]\nfn small() {\n    assert_eq!(small::two(), 2);\n}\n",
        ));
        is_buildable(&files);
    }
}

#[test]
fn a_repository_with_an_empty_tests_folder_is_buildable() {
    is_buildable(&[("tests/.gitkeep", ""), ("main.py", "print('hi')\n")]);
}

#[test]
fn a_latin_1_source_file_is_buildable() {
    let repo = with_files(&[("main.py", "print('hi')\n")]);
    repo.write("old.py", b"# -*- coding: latin-1 -*-\nname = 'Stra\xdfe'\n");
    repo.write(
        "notes.c",
        b"/* Stra\xdfe */\nint main(void) { return 0; }\n",
    );
    repo.git(&["add", "old.py", "notes.c"]);
    repo.git(&["commit", "-qm", "Old files"]);
    repo.git(&["push", "-q"]);
    run(&repo, &["--allow-unverified"]).expect(0);
    assert_eq!(repo.commits("codelicious/specs-work").len(), 2);
}

#[test]
fn an_old_system_call_and_a_password_in_a_test_are_buildable() {
    is_buildable(&[
        (
            "tool.py",
            "import os\n\n\ndef clean():\n    os.system('true')\n",
        ),
        ("tests/__init__.py", ""),
        (
            "tests/test_login.py",
            "import unittest\n\npassword = 'test1234'\n\n\nclass Login(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(len(password), 8)\n",
        ),
    ]);
}

#[test]
fn an_ignored_virtual_environment_full_of_files_is_buildable() {
    let repo = with_files(&[("main.py", "print('hi')\n"), (".gitignore", "venv/\n")]);
    for i in 0..500 {
        repo.write(
            &format!("venv/lib/python3/site-packages/p{i}/test_broken.py"),
            "def (:\n",
        );
    }
    let ended = run(&repo, &["--allow-unverified"]).expect(0);
    assert_eq!(
        repo.commits("codelicious/specs-work").len(),
        2,
        "{}",
        ended.stderr
    );
}

#[test]
fn a_repository_without_any_check_says_unverified_everywhere() {
    let repo = with_files(&[]);
    let ended = run(&repo, &["--allow-unverified"]).expect(0);
    assert!(
        ended.stderr.contains("unverified: no check looked at"),
        "{}",
        ended.stderr
    );
    assert!(
        repo.read(".codelicious/prs/1.md")
            .contains("**unverified**")
    );
    let status = run(&repo, &["status"]).expect(0);
    assert!(
        status.stdout.contains("unverified: no check looked at"),
        "{}",
        status.stdout
    );
    let json = run(&repo, &["status", "--json"]).expect(0).json();
    assert_eq!(json["specs"][0]["unverified"], 1);
}

#[test]
fn a_check_that_is_cut_off_by_its_bound_is_not_a_pass() {
    let repo = Repo::new();
    repo.write("codelicious.toml", "max_attempts = 1\n[verify]\ntimeout_s = 1\ncommands = [\"if [ -e work/slow ]; then sleep 1000; fi\"]\n");
    repo.write("specs/work.md", "# Work\n\n- [ ] T001 Build it\n");
    repo.fake(&writes("work/slow", "slow\n"));
    let ended = run(&repo, &["--max-fix-attempts", "0"]).expect(1);
    assert!(
        ended.stderr.contains("1 s") || ended.stderr.contains("timed out"),
        "{}",
        ended.stderr
    );
    nothing_is_committed(&repo);
}

#[test]
fn a_baseline_is_known_to_another_lane_and_not_behind_another_wall() {
    let repo = Repo::new();
    let started = || {
        let events = repo.events();
        let begun = events.iter().filter(|e| e["kind"] == "baseline_started");
        begun.count()
    };
    for (spec, walls, baselines) in [
        ("one", None, 1),
        ("two", None, 1),
        ("three", Some("off"), 2),
    ] {
        let is_other = walls.is_some();
        if is_other && !repo.has_wall() {
            eprintln!("SKIPPED: there is no wall to leave out");
            return;
        }
        repo.write(&format!("specs/{spec}.md"), spec_of(1, 1));
        let env = walls.map(|walls| ("CODELICIOUS_SANDBOX", walls));
        let env: Vec<_> = env.into_iter().collect();
        repo.run_with(&["--engine", "claude"], &env).expect(0);
        assert_eq!(started(), baselines, "{spec}");
    }
}
