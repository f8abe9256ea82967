//! The audit through whole runs: what an engine is told of it, what a person is, and what the settings make of it.

use crate::support::{Ended, Repo};
use codelicious::ledger::Store;
use codelicious::model::{ChunkId, SpecId};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

const TESTS: &str = "import unittest\n\nfrom small import double, triple\n\n\nclass Small(unittest.TestCase):\n    def test_doubles_numbers(self):\n        self.assertEqual(double(21), 42)\n\n    def test_triples_numbers(self):\n        self.assertEqual(triple(11), 33)\n";
const WITHOUT_DOUBLES: &str = "import unittest\n\nfrom small import triple\n\n\nclass Small(unittest.TestCase):\n    def test_triples_numbers(self):\n        self.assertEqual(triple(11), 33)\n";
const SMALL: &str = "def double(n):\n    return n * 2\n\n\ndef triple(n):\n    return n * 3\n";
const WITHOUT_DOUBLE: &str = "def triple(n):\n    return n * 3\n";
const CHECK: &str =
    "[verify]\ndetect = false\ncommands = [\"python3 -m unittest discover -s tests -t .\"]\n";

/// A little Python project with this task, its check and what the settings say beside it; None where there is no Python.
fn project(task: &str, settings: &str, ignores: &str) -> Option<Repo> {
    let python = Command::new("python3")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if !python.is_ok_and(|s| s.success()) {
        eprintln!("SKIPPED: there is no python3");
        return None;
    }
    let repo = Repo::bare_bones();
    repo.write("README.md", "# Small\n");
    repo.write("small.py", SMALL);
    repo.write("tests/__init__.py", "");
    repo.write("tests/test_small.py", TESTS);
    repo.write("codelicious.toml", format!("{CHECK}{settings}"));
    repo.write(".gitignore", format!("__pycache__/\n{ignores}"));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "First commit"]);
    repo.git(&["push", "-q", "-u", "origin", "main"]);
    repo.write("specs/work.md", format!("# Work\n\n- [ ] T001 {task}\n"));
    Some(repo)
}

fn writes(files: &[(&str, &str)]) -> Value {
    let steps: Vec<Value> = files
        .iter()
        .map(|(path, text)| json!({"write": {"path": path, "text": text}}))
        .collect();
    json!({"default": {"steps": steps}})
}

/// State of the one chunk, and why it is in it.
fn state(repo: &Repo) -> (String, String) {
    let store = Store::open(&repo.root.join(".codelicious"));
    let ledger = store.read(&SpecId::new("specs-work")).unwrap().unwrap();
    let state = &ledger.chunks[&ChunkId::new("T001")].state;
    let why = state.reason().unwrap_or_default().to_owned();
    (state.word().to_owned(), why)
}

fn fix_prompt(repo: &Repo) -> String {
    let calls = repo.calls();
    assert!(calls.len() > 1, "there was no fix turn");
    calls[1]["prompt"].as_str().unwrap().to_owned()
}

/// The pull request's text, without what keeps Markdown from reading it.
fn pull_request(repo: &Repo) -> String {
    repo.read(".codelicious/prs/1.md").replace('\\', "")
}

fn run(repo: &Repo) -> Ended {
    repo.run(&["--max-fix-attempts", "1"])
}

const GONE: &[(&str, &str)] = &[
    ("small.py", WITHOUT_DOUBLE),
    ("tests/test_small.py", WITHOUT_DOUBLES),
];

#[test]
fn a_deleted_test_goes_back_to_the_engine_and_then_to_a_person() {
    let Some(repo) = project("Tidy up the arithmetic", "", "") else {
        return;
    };
    repo.fake(&writes(GONE));
    let ended = run(&repo);
    assert_ne!(ended.code, 0, "{}", ended.stderr);
    let prompt = fix_prompt(&repo);
    assert!(
        prompt.contains("test_doubles_numbers") && prompt.contains("tests/test_small.py"),
        "{prompt}"
    );
    let (state, why) = state(&repo);
    assert_eq!(state, "needs_review", "{why}");
    assert!(why.contains("test_doubles_numbers"), "{why}");
}

#[test]
fn a_test_whose_removal_is_the_task_goes() {
    let task = "Remove the function `double` and its test `test_doubles_numbers`";
    let Some(repo) = project(task, "", "") else {
        return;
    };
    repo.fake(&writes(GONE));
    run(&repo).expect(0);
    assert_eq!(repo.calls().len(), 1, "no fix turn");
    let pr = pull_request(&repo);
    assert!(
        pr.contains("test_doubles_numbers") && pr.contains("(asked for: "),
        "{pr}"
    );
}

#[test]
fn a_repository_may_lower_its_own_audit() {
    let settings = "[audit]\ndeleted_test = \"note\"\n";
    let Some(repo) = project("Tidy up the arithmetic", settings, "") else {
        return;
    };
    repo.fake(&writes(GONE));
    run(&repo).expect(0);
    let pr = pull_request(&repo);
    assert!(
        pr.contains("Noted in") && pr.contains("test_doubles_numbers"),
        "{pr}"
    );
    assert!(!pr.contains("(asked for: "), "{pr}");

    // The person who runs it has the last word.
    let Some(repo) = project("Tidy up the arithmetic", settings, "") else {
        return;
    };
    repo.fake(&writes(GONE));
    let strict = [("CODELICIOUS_AUDIT_DELETED_TEST", "fail")];
    let ended = repo.run_with(&["--max-fix-attempts", "0"], &strict);
    assert_ne!(ended.code, 0, "{}", ended.stderr);
    assert!(state(&repo).1.contains("test_doubles_numbers"));
}

#[test]
fn an_engine_cannot_lower_the_audit() {
    let Some(repo) = project("Tidy up the arithmetic", "", "") else {
        return;
    };
    let lowered = format!("{CHECK}[audit]\ndeleted_test = \"note\"\nverify_config = \"note\"\n");
    let own = ("codelicious.toml", lowered.as_str());
    repo.fake(&writes(&[GONE[0], GONE[1], own]));
    let ended = run(&repo);
    assert_ne!(ended.code, 0, "{}", ended.stderr);
    let prompt = fix_prompt(&repo);
    for said in ["test_doubles_numbers", "codelicious.toml"] {
        assert!(prompt.contains(said), "{said}: {prompt}");
    }
    assert_eq!(state(&repo).0, "needs_review");

    // Alone with honest work it is as bad.
    let Some(repo) = project("Say double in another way", "", "") else {
        return;
    };
    let honest = SMALL.replace("n * 2", "n + n");
    repo.fake(&writes(&[("small.py", &honest), own]));
    let ended = run(&repo);
    assert_ne!(ended.code, 0, "{}", ended.stderr);
    let (state, why) = state(&repo);
    assert_eq!(state, "needs_review", "{why}");
    assert!(why.contains("codelicious.toml"), "{why}");
}

const HELPED: &str = "from helper import two\n\n\ndef double(n):\n    return n * two()\n\n\ndef triple(n):\n    return n * 3\n";

#[test]
fn a_module_that_git_ignores_is_told() {
    for (ignores, path) in [
        ("/helper.py\n", "helper.py"),
        ("/local/\n", "local/helper.py"),
    ] {
        let Some(repo) = project("Double in another way", "", ignores) else {
            return;
        };
        let small = match path {
            "helper.py" => HELPED.to_owned(),
            _ => HELPED.replace("from helper", "from local.helper"),
        };
        repo.fake(&writes(&[
            ("small.py", &small),
            (path, "def two():\n    return 2\n"),
        ]));
        let ended = run(&repo);
        assert_ne!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(repo.calls().len(), 1, "a person looks at once");
        let (before, why) = state(&repo);
        assert_eq!(before, "needs_review", "{why}");
        assert!(why.contains(path) && why.contains("git ignores"), "{why}");

        // Another attempt finds it no better known.
        repo.fake(&writes(&[("small.py", &small)]));
        repo.run(&["retry", "T001"]).expect(0);
        assert_ne!(run(&repo).code, 0);
        let (after, why) = state(&repo);
        assert_eq!(after, "needs_review", "{why}");
        assert!(why.contains(path), "{why}");
    }
}

#[test]
fn what_was_ignored_before_and_what_checks_leave_is_not_told() {
    let settings = "";
    let Some(repo) = project(
        "Double in another way",
        settings,
        "/made/\n/prepared.py\n/node_modules/\n.pytest_cache/\n",
    ) else {
        return;
    };
    // Set-up makes one, the check another, and the engine's own tools fill their caches.
    repo.write(
        "codelicious.toml",
        "[worktree]\nsetup = [\"echo 'x = 1' > prepared.py\"]\n[verify]\ndetect = false\ncommands = [\"mkdir -p made && echo 'y = 1' > made/by_check.py && python3 -m unittest discover -s tests -t .\"]\n",
    );
    repo.git(&["commit", "-qam", "Set up"]);
    repo.git(&["push", "-q"]);
    let honest = SMALL.replace("n * 2", "n + n");
    repo.fake(&writes(&[
        ("small.py", &honest),
        ("node_modules/left/index.js", "module.exports = 1;\n"),
        (".pytest_cache/v/x.json", "{}\n"),
        ("made/output.log", "text\n"),
    ]));
    run(&repo).expect(0);
    let pr = pull_request(&repo);
    assert!(!pr.contains("git ignores"), "{pr}");
}

#[test]
fn what_only_people_change_waits_for_a_person() {
    let settings = "[audit]\nprotect = [\"/deploy/\"]\n";
    for (path, task) in [
        (".github/workflows/ci.yml", "Tidy up the arithmetic"),
        ("LICENSE", "Write the file LICENSE anew"),
        ("deploy/run.sh", "Tidy up the arithmetic"),
    ] {
        let Some(repo) = project(task, settings, "") else {
            return;
        };
        repo.fake(&writes(&[(path, "a line\n"), ("more.py", "X = 1\n")]));
        let ended = run(&repo);
        let (state, why) = state(&repo);
        assert_eq!(state, "needs_review", "{path}: {why}\n{}", ended.stderr);
        assert!(
            why.contains(path) && why.contains("only people change"),
            "{why}"
        );
        assert_eq!(
            why.contains("a person decides all the same"),
            path == "LICENSE",
            "{why}"
        );
        repo.run(&["accept", "T001"]).expect(0);
        run(&repo).expect(0);
        let files = repo.git(&["ls-tree", "-r", "--name-only", "codelicious/specs-work"]);
        assert!(files.contains(path), "{files}");
    }
}

#[test]
fn a_repository_may_not_lower_what_only_people_change() {
    let settings = "[audit]\nprotected_path = \"note\"\n";
    let Some(repo) = project("Tidy up the arithmetic", settings, "") else {
        return;
    };
    let ended = run(&repo).expect(2);
    assert!(
        ended.stderr.contains("audit.protected_path"),
        "{}",
        ended.stderr
    );
    assert!(repo.calls().is_empty());
}
