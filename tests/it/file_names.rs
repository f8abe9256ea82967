//! Odd files: exactly what the engine did is committed, or it is refused by name.

use crate::support::{Ended, Repo, spec_of};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

const BRANCH: &str = "codelicious/specs-work";

/// What a commit changed beside the spec, as `A name`, names byte for byte (lossily decoded).
fn changes(repo: &Repo, rev: &str) -> Vec<String> {
    let args = [
        "diff-tree",
        "--no-commit-id",
        "--name-status",
        "--no-renames",
        "-r",
        "-z",
        rev,
    ];
    let raw = repo.git(&args);
    let mut fields = raw.split('\0').filter(|f| !f.is_empty());
    let mut found = Vec::new();
    while let (Some(status), Some(name)) = (fields.next(), fields.next()) {
        if name != "specs/work.md" {
            found.push(format!("{status} {name}"));
        }
    }
    found.sort();
    found
}

/// Mode and name of every file below `work/` in a commit.
fn modes(repo: &Repo, rev: &str) -> Vec<String> {
    let raw = repo.git(&[
        "ls-tree",
        "-r",
        "--format=%(objectmode) %(path)",
        rev,
        "work/",
    ]);
    raw.lines().map(str::to_owned).collect()
}

/// Two tasks, built with these steps each.
fn build(first: Value, second: Value) -> (Repo, Ended) {
    let repo = Repo::new();
    let ended = build_in(&repo, first, second);
    (repo, ended)
}

fn build_in(repo: &Repo, first: Value, second: Value) -> Ended {
    repo.write("specs/work.md", spec_of(2, 2));
    repo.fake(
        &json!({"rules": [{"chunk": "T001", "steps": first}, {"chunk": "T002", "steps": second}]}),
    );
    repo.run(&["--engine", "claude"])
}

fn write(path: &str, text: &str) -> Value {
    json!({"write": {"path": path, "text": text}})
}

const ODD: [&str; 14] = [
    "-A",
    "--all",
    ":(top)x",
    ":x",
    "*.txt",
    "[a].txt",
    "back\\slash",
    "co:lon.txt",
    "dir/ünï/日本語.txt",
    "new\nline.txt",
    "quo'te\".txt",
    "tab\there",
    "with space.txt",
    "~tilde$HOME`x`",
];

fn odd_names_are_committed(repo: &Repo) {
    let first: Vec<Value> = ODD.iter().map(|n| write(n, "one\n")).collect();
    let second = json!([
        {"run": "rm -- ./-A"},
        {"rename": {"from": "with space.txt", "to": "moved  twice.txt"}},
        write("new\nline.txt", "two\n"),
        write("*.txt", "two\n"),
        {"delete": "dir"},
    ]);
    build_in(repo, json!(first), second).expect(0);
    let mut added: Vec<String> = ODD.iter().map(|n| format!("A {n}")).collect();
    added.sort();
    assert_eq!(changes(repo, &format!("{BRANCH}~1")), added);
    assert_eq!(
        changes(repo, BRANCH),
        [
            "A moved  twice.txt",
            "D -A",
            "D dir/ünï/日本語.txt",
            "D with space.txt",
            "M *.txt",
            "M new\nline.txt"
        ]
    );
    let sent = repo.git_in(&repo.origin, &["rev-parse", BRANCH]);
    assert_eq!(sent, repo.git(&["rev-parse", BRANCH]));
}

#[test]
fn odd_names_are_committed_as_they_are() {
    odd_names_are_committed(&Repo::new());
}

#[test]
fn odd_names_are_committed_through_a_hook_too() {
    let repo = Repo::new();
    let hook = "#!/bin/sh\ngit diff --cached --name-only >/dev/null\n";
    repo.script(&repo.root.join(".git/hooks/pre-commit"), hook);
    odd_names_are_committed(&repo);
}

#[test]
fn a_name_that_is_not_utf8_is_committed_as_it_is() {
    let make = r#"printf 'x\n' > "$(printf 'caf\351.txt')""#;
    let change = r#"printf 'y\n' >> "$(printf 'caf\351.txt')"; mv "$(printf 'caf\351.txt')" "$(printf 'th\351.txt')""#;
    let (repo, ended) = build(json!([{"run": make}]), json!([{"run": change}]));
    ended.expect(0);
    let names = |rev: &str| {
        repo.git(&[
            "-c",
            "core.quotePath=true",
            "ls-tree",
            "-r",
            "--name-only",
            rev,
        ])
    };
    assert!(
        names(&format!("{BRANCH}~1")).contains(r#""caf\351.txt""#),
        "{}",
        names(BRANCH)
    );
    assert!(
        names(BRANCH).contains(r#""th\351.txt""#),
        "{}",
        names(BRANCH)
    );
    assert!(!names(BRANCH).contains("caf"), "{}", names(BRANCH));
}

#[test]
fn a_rename_that_changes_only_the_case_is_a_rename() {
    let (repo, ended) = build(
        json!([
            write("work/Readme.txt", "one\n"),
            write("work/Sub/a.txt", "a\n")
        ]),
        json!([
            {"rename": {"from": "work/Readme.txt", "to": "work/README.txt"}},
            {"rename": {"from": "work/Sub", "to": "work/sub"}},
        ]),
    );
    ended.expect(0);
    assert_eq!(
        changes(&repo, BRANCH),
        [
            "A work/README.txt",
            "A work/sub/a.txt",
            "D work/Readme.txt",
            "D work/Sub/a.txt"
        ]
    );
}

#[test]
fn a_file_over_the_size_bound_is_refused_by_name() {
    let (repo, ended) = build(
        json!([{"run": "mkdir -p work && truncate -s 120M work/blob.bin"}, write("work/ok.txt", "ok\n")]),
        json!([write("work/T002.txt", "two\n")]),
    );
    let ended = ended.expect(3);
    assert!(
        ended
            .stderr
            .contains("work/blob.bin: 120 MB is over the bound of 50 MB"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        changes(&repo, BRANCH),
        ["A work/T002.txt"],
        "the next task is built without it"
    );
    let status = repo.run(&["status", "--json"]).expect(0).stdout;
    assert!(status.contains("needs_review"), "{status}");
    let objects = repo.git(&["count-objects", "-v"]);
    let size = objects
        .lines()
        .find_map(|l| l.strip_prefix("size: "))
        .expect("shown");
    assert!(
        size.parse::<u64>().expect("KiB") < 1024,
        "the blob is in the object store: {objects}"
    );
    for lane in repo.lanes() {
        assert!(!lane.join("work/blob.bin").exists());
    }
}

#[test]
fn links_and_executables_are_committed_as_what_they_are() {
    let (repo, ended) = build(
        json!([
            write("work/plain.txt", "plain\n"),
            write("work/tool.sh", "#!/bin/sh\n"),
            {"chmod": {"path": "work/tool.sh", "mode": "755"}},
            {"symlink": {"path": "work/inside", "to": "plain.txt"}},
            {"symlink": {"path": "work/dangling", "to": "nowhere"}},
            {"symlink": {"path": "work/outside", "to": "/etc/passwd"}},
            {"symlink": {"path": "work/folder", "to": ".."}},
        ]),
        json!([
            {"chmod": {"path": "work/tool.sh", "mode": "644"}},
            {"chmod": {"path": "work/plain.txt", "mode": "700"}},
            {"delete": "work/inside"},
            write("work/inside", "a file now\n"),
            {"delete": "work/dangling"},
            {"symlink": {"path": "work/dangling", "to": "elsewhere"}},
        ]),
    );
    ended.expect(0);
    assert_eq!(
        modes(&repo, &format!("{BRANCH}~1")),
        [
            "120000 work/dangling",
            "120000 work/folder",
            "120000 work/inside",
            "120000 work/outside",
            "100644 work/plain.txt",
            "100755 work/tool.sh",
        ]
    );
    assert_eq!(
        repo.git(&["show", &format!("{BRANCH}~1:work/outside")]),
        "/etc/passwd"
    );
    assert_eq!(
        modes(&repo, BRANCH),
        [
            "120000 work/dangling",
            "120000 work/folder",
            "100644 work/inside",
            "120000 work/outside",
            "100755 work/plain.txt",
            "100644 work/tool.sh",
        ]
    );
    assert_eq!(
        repo.git(&["show", &format!("{BRANCH}:work/dangling")]),
        "elsewhere"
    );
}

#[test]
fn a_file_becomes_a_folder_and_a_folder_a_file() {
    let (repo, ended) = build(
        json!([
            write("work/a", "file\n"),
            write("work/b/c/d.txt", "deep\n"),
            write("work/b.txt", "beside\n")
        ]),
        json!([
            {"delete": "work/a"}, write("work/a/inner.txt", "inner\n"),
            {"delete": "work/b"}, write("work/b", "flat\n"),
        ]),
    );
    ended.expect(0);
    assert_eq!(
        changes(&repo, BRANCH),
        [
            "A work/a/inner.txt",
            "A work/b",
            "D work/a",
            "D work/b/c/d.txt"
        ]
    );
}

#[test]
fn deletions_and_renames_are_committed() {
    let (repo, ended) = build(
        json!([
            write("work/old.txt", "many\nlines\nstay\n"),
            write("work/gone.txt", "gone\n"),
            write("work/empty.txt", "")
        ]),
        json!([{"rename": {"from": "work/old.txt", "to": "work/new.txt"}}, {"delete": "work/gone.txt"}, {"delete": "check.sh"},
            {"run": "printf 'exit 0\\n' > check.sh"}]),
    );
    ended.expect(0);
    assert_eq!(
        changes(&repo, BRANCH),
        [
            "A work/new.txt",
            "D work/gone.txt",
            "D work/old.txt",
            "M check.sh"
        ]
    );
    assert_eq!(
        repo.git(&["cat-file", "-s", &format!("{BRANCH}:work/empty.txt")]),
        "0"
    );
}

#[test]
fn binary_files_are_committed_byte_for_byte() {
    let (repo, ended) = build(
        json!([{"run": "mkdir -p work && printf '\\000\\001\\377\\r\\n' > work/x.png"}]),
        json!([write("work/T002.txt", "x\n")]),
    );
    ended.expect(0);
    let output = Command::new("git")
        .args(["cat-file", "blob", &format!("{BRANCH}:work/x.png")])
        .current_dir(&repo.root)
        .output()
        .expect("git starts");
    assert_eq!(output.stdout, b"\x00\x01\xff\r\n");
}

#[test]
fn what_tools_leave_behind_is_not_committed() {
    let (repo, ended) = build(
        json!([
            write("work/__pycache__/x.pyc", "x"),
            write("node_modules/left-pad/index.js", "x"),
            write(
                "target/CACHEDIR.TAG",
                "Signature: 8a477f597d28d172789f06886806bc55\n"
            ),
            write("target/debug/app", "x"),
            write("work/T001.txt", "x\n"),
        ]),
        json!([write("work/T002.txt", "x\n")]),
    );
    ended.expect(0);
    assert_eq!(changes(&repo, &format!("{BRANCH}~1")), ["A work/T001.txt"]);
}

#[test]
fn a_name_with_token_in_it_is_no_secret() {
    let text =
        "def tokenize(password):\n    secret_key = password.split()\n    return secret_key\n";
    let (repo, ended) = build(
        json!([
            write("work/tokenizer_x.py", text),
            write("work/secrets_test.txt", "password = 'test1234'\n")
        ]),
        json!([write("work/T002.txt", "x\n")]),
    );
    ended.expect(0);
    assert_eq!(
        changes(&repo, &format!("{BRANCH}~1")),
        ["A work/secrets_test.txt", "A work/tokenizer_x.py"]
    );
}

#[test]
fn a_secret_in_a_file_waits_for_a_person_and_is_shown_nowhere() {
    // Put together, so that no scanner of this repository takes it for a real one.
    let key = format!("AKIA{}", "Q7ZXW4RTY2PLMK9V");
    let (repo, ended) = build(
        json!([{"say": format!("I store {key} now")}, write("settings.txt", &format!("region = eu\nkey = {key}\n")),
            {"run": format!("echo {key}; echo {key} >&2")}]),
        json!([write("work/T002.txt", "x\n")]),
    );
    let ended = ended.expect(3);
    assert!(ended.stderr.contains("settings.txt"), "{}", ended.stderr);
    let status = repo.run(&["status"]).expect(0);
    let json = repo.run(&["status", "--json"]).expect(0);
    let events = repo.run(&["events", "--json"]).expect(0);
    for (name, text) in [
        ("stderr", &ended.stderr),
        ("stdout", &ended.stdout),
        ("status", &status.stdout),
        ("status --json", &json.stdout),
        ("events --json", &events.stdout),
    ] {
        assert!(!text.contains(&key), "the secret is in {name}:\n{text}");
    }
    for (path, bytes) in repo.our_files() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&key), "the secret is in {}", path.display());
    }
    for lane in repo.lanes() {
        assert!(
            !fs::read_to_string(lane.join("settings.txt"))
                .unwrap_or_default()
                .contains(&key)
        );
    }
    let pushed = repo.git_in(&repo.origin, &["log", "--all", "-p"]);
    assert!(!pushed.contains(&key), "the secret was pushed");
    assert_eq!(changes(&repo, BRANCH), ["A work/T002.txt"]);
}
