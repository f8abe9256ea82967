//! Whole runs whose checks are real builds, walled in as everybody has it: nothing is let through to them.

use crate::support::{Repo, fake_claude};
use serde_json::{Value, json};

/// A repository with these files, whose engine makes one more of them in its one chunk.
///
/// The program that plays the engine tells what it saw beside the lane; that alone is let through, and to it alone.
fn repo(files: &[(&str, &str)], checks: &[&str], engine: &[(&str, &str)]) -> Option<Repo> {
    let repo = Repo::bare_bones_on_disk();
    if !repo.has_wall() {
        crate::redteam::lack("no sandbox around the runs of tests");
        return None;
    }
    let base = repo.base();
    let fakes = fake_claude();
    let text = format!(
        "[env]\npass = [\"FAKE_CLAUDE_*\"]\n[sandbox.agent-cli]\nwrite = [\"{}\"]\nexecute = [\"{}\"]\n",
        base.display(),
        fakes.parent().expect("it is in a folder").display()
    );
    std::fs::write(repo.user_file(), text).expect("written");
    for (path, text) in files {
        repo.write(path, text);
    }
    let checks: Vec<String> = checks.iter().map(|line| json!(line).to_string()).collect();
    repo.write(
        "codelicious.toml",
        format!("[verify]\ncommands = [{}]\n", checks.join(", ")),
    );
    repo.write("specs/work.md", "# Work\n\n- [ ] T001 Build the piece\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "First commit"]);
    repo.git(&["push", "-q", "-u", "origin", "main"]);
    let steps: Vec<Value> = engine
        .iter()
        .map(|(path, text)| json!({"write": {"path": path, "text": text}}))
        .collect();
    repo.fake(&json!({"rules": [{"match": "T001", "steps": steps}]}));
    Some(repo)
}

/// Builds it, and looks that the check ran, passed and was walled in.
#[track_caller]
fn builds(repo: &Repo, envs: &[(&str, &str)]) {
    let ended = repo.run_with(&["--engine", "claude"], envs).expect(0);
    assert!(!ended.stderr.contains("unsandboxed"), "{}", ended.stderr);
    let commits = repo.commits("codelicious/specs-work");
    assert_eq!(commits.len(), 1, "{commits:?}");
    let ledger: Value =
        serde_json::from_str(&repo.read(".codelicious/state/specs-work.json")).expect("JSON");
    let text = ledger.to_string();
    assert!(text.contains("\"sandboxed\""), "{text}");
    assert!(!text.contains("not_available"), "{text}");
}

#[test]
fn a_chunk_is_checked_by_cargo() {
    let home = std::env::var("HOME").unwrap_or_default();
    let folder = |variable: &str, below: &str| {
        std::env::var(variable).unwrap_or_else(|_| format!("{home}/{below}"))
    };
    let (cargo, rustup) = (
        folder("CARGO_HOME", ".cargo"),
        folder("RUSTUP_HOME", ".rustup"),
    );
    let files = [
        (
            "Cargo.toml",
            "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        ),
        (
            "Cargo.lock",
            "version = 4\n\n[[package]]\nname = \"small\"\nversion = \"0.1.0\"\n",
        ),
        (".gitignore", "/target/\n"),
        ("src/lib.rs", "pub mod one;\n"),
        ("src/one.rs", "pub fn one() -> u32 { 1 }\n"),
    ];
    let work = [
        (
            "src/lib.rs",
            "pub mod one;\npub fn two() -> u32 { one::one() * 2 }\n",
        ),
        (
            "tests/two.rs",
            "#[test]\nfn two() { assert_eq!(small::two(), 2); }\n",
        ),
    ];
    if super::lacks("cargo") || super::lacks("cc") {
        return;
    }
    let Some(repo) = repo(&files, &["cargo test"], &work) else {
        return;
    };
    builds(&repo, &[("CARGO_HOME", &cargo), ("RUSTUP_HOME", &rustup)]);
}

#[test]
fn a_chunk_is_checked_by_npm() {
    let files = [
        (
            "package.json",
            r#"{"name": "small", "version": "1.0.0", "scripts": {"test": "node --test"}}"#,
        ),
        ("one.js", "exports.one = () => 1;\n"),
    ];
    let work = [(
        "test/one.test.js",
        "require('node:test')('one', () => require('node:assert').equal(require('../one').one(), 1));\n",
    )];
    if super::lacks("node") || super::lacks("npm") {
        return;
    }
    let Some(repo) = repo(&files, &["npm test"], &work) else {
        return;
    };
    builds(&repo, &[]);
}

#[test]
fn a_chunk_is_checked_by_pytest() {
    let files = [("one.py", "def one():\n    return 1\n")];
    let work = [(
        "test_one.py",
        "import multiprocessing\nfrom one import one\n\ndef test_one(tmp_path):\n    \
         (tmp_path / 'a').write_text('a')\n    with multiprocessing.get_context('fork').Pool(2) as pool:\n        \
         assert pool.map(abs, [-one()]) == [1]\n",
    )];
    let has_pytest = std::process::Command::new("python3")
        .args(["-m", "pytest", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_pytest {
        eprintln!("SKIPPED: no pytest");
        return;
    }
    let Some(repo) = repo(&files, &["python3 -m pytest"], &work) else {
        return;
    };
    let root = std::env::var("PYENV_ROOT")
        .unwrap_or_else(|_| format!("{}/.pyenv", std::env::var("HOME").unwrap_or_default()));
    builds(&repo, &[("PYENV_ROOT", &root)]);
}

#[test]
fn a_chunk_is_checked_by_go_and_make() {
    let files = [
        ("go.mod", "module example.org/small\n\ngo 1.16\n"),
        ("one.go", "package small\n\nfunc One() int { return 1 }\n"),
        ("Makefile", "test:\n\tgo vet ./...\n\tgo test ./...\n"),
    ];
    let work = [(
        "one_test.go",
        "package small\n\nimport \"testing\"\n\nfunc TestOne(t *testing.T) {\n\tif One() != 1 {\n\t\tt.Fatal()\n\t}\n}\n",
    )];
    if super::lacks("go") || super::lacks("make") {
        return;
    }
    let Some(repo) = repo(&files, &["make test"], &work) else {
        return;
    };
    builds(&repo, &[]);
}

/// A check that the sandbox stops fails, and says by whom it was stopped and where that is changed.
#[test]
fn a_check_that_is_refused_something_says_what_and_where_to_allow_it() {
    let files = [(
        "check.py",
        "import os, socket\nif os.path.exists('work.txt'):\n    socket.socket(socket.AF_UNIX)\n",
    )];
    if super::lacks("python3") {
        return;
    }
    let python = "/usr/bin/python3 check.py";
    let Some(repo) = repo(&files, &[python], &[("work.txt", "x")]) else {
        return;
    };
    let ended = repo.run(&["--engine", "claude"]);
    assert_ne!(ended.code, 0, "{}", ended.stderr);
    let ledger = repo.read(".codelicious/state/specs-work.json");
    let setting = "`[sandbox.verify] unix_sockets`";
    assert!(ledger.contains(setting), "{ledger}");
    // The engine is told as well, so that it does not build around it.
    let told = repo.calls().iter().any(|call| {
        let prompt = call["prompt"].as_str().unwrap_or_default();
        prompt.contains("unix_sockets")
    });
    assert!(told, "{:#?}", repo.calls());
}
