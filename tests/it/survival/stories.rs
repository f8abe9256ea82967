//! What is built while things go wrong.

use super::{BUILD, Phase, Scene, Story};
use crate::fake_forge::FakeForge;
use crate::reconcile::{How, merge};
use crate::support::{Repo, spec_of};
use serde_json::{Value, json};

/// All stories, the plainest first: what it comes by is struck in full there.
pub fn all() -> Vec<Story> {
    vec![
        six_chunks(),
        hooks_and_failures(),
        new_ledgers(),
        people(),
        prose(),
        reviewed(),
        tests_first(),
        forge(FIRST_FORGE),
        forge("gitlab"),
        forge("gitea"),
    ]
}

/// The forge at which everything is tried.
pub const FIRST_FORGE: &str = "github";

fn nothing(_: &Scene) {}

fn work() -> Value {
    json!({"write": {"path": "work/{chunk}.txt", "text": "{title}"}})
}

/// Six chunks in three pull requests, in a repository whose user has work of their own lying around. One
/// engine commits by itself, one is sent back by a check.
pub fn six_chunks() -> Story {
    let repo = Repo::new().without_wall();
    repo.write(
        "codelicious.toml",
        "[verify]\ncommands = [\"sh check.sh\"]\n[pr]\nmax_commits = 2\n",
    );
    repo.write("staged.txt", "before\n");
    repo.git(&["add", "staged.txt", "codelicious.toml"]);
    repo.git(&["commit", "-qm", "A file"]);
    repo.git(&["push", "-q"]);
    repo.write("stashed.txt", "stashed\n");
    repo.git(&["stash", "-q", "-u"]);
    repo.write("README.md", "# Project\n\nedited, not staged\n");
    repo.write("new-staged.txt", "new\n");
    repo.git(&["add", "new-staged.txt"]);
    repo.write("notes.txt", "untracked notes\n");
    repo.write("ignored/cache.bin", [0u8, 1, 2, 255]);
    repo.write("specs/work.md", spec_of(6, 6));
    repo.fake(&json!({"rules": [
        {"chunk": "T002", "steps": [work(), {"commit": "my own"}]},
        {"chunk": "T004", "fix": false, "steps": [work(), {"write": {"path": "work/T004.bad", "text": "bad"}}]},
        {"chunk": "T004", "fix": true, "steps": [{"delete": "work/T004.bad"}]},
    ]}));
    Story {
        name: "six chunks",
        repo,
        forge: None,
        phases: vec![Phase {
            before: nothing,
            args: BUILD,
            exit: 0,
            again: &[],
            is_plain: false,
        }],
        check: each_commit_holds_its_own,
    }
}

/// Two chunks, each read by a second engine that has nothing to say.
fn reviewed() -> Story {
    let repo = Repo::new().without_wall();
    repo.write("specs/work.md", spec_of(2, 2));
    let table = "[review]\nengine = \"critic\"\n\
        [engine.critic]\ntype = \"command\"\nprogram = \"sh\"\nanswer = \"last-message\"\n\
        args = [\"-c\", 'cat > /dev/null; printf \"\\173\\042remarks\\042: []\\175\\n\"', \"sh\", \"{schema_file}\"]\n";
    repo.settings(table);
    Story {
        name: "a reviewer",
        repo,
        forge: None,
        phases: vec![Phase {
            before: nothing,
            args: BUILD,
            exit: 0,
            again: &[],
            is_plain: true,
        }],
        check: every_review_is_in_the_ledger,
    }
}

/// Plays `go` as far as the checks ask it: a test passes where the file of its name is there.
const GO: &str = r#"#!/bin/sh
case "$1" in
version) echo "go version go1.22 linux/amd64"; exit 0 ;;
test) ;;
*) exit 0 ;;
esac
failed=0
for file in $(find . -name '*_test.go' | sort); do
    dir=$(dirname "$file")
    case " $* " in *" ./... "* | *" $dir "*) ;; *) continue ;; esac
    name=$(basename "$file" _test.go)
    of="\"Package\":\"example.org/x/${dir#./}\",\"Test\":\"Test$name\""
    action=pass
    [ -e "$dir/$name.go" ] || { action=fail; failed=1; }
    echo "{\"Action\":\"run\",$of}"
    echo "{\"Action\":\"$action\",$of,\"Elapsed\":0}"
done
exit $failed
"#;

/// Two chunks whose tests are written and seen red first, and whose checks leave out another package: all checks run
/// before the part is put to review.
pub fn tests_first() -> Story {
    let repo = Repo::new().without_wall();
    let go = repo.base().join("bin/go");
    std::fs::write(&go, GO).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&go, mode).expect("made a program");
    repo.write("codelicious.toml", "[verify]\nprove = \"tests-first\"\n");
    repo.write("go.mod", "module example.org/x\n\ngo 1.18\n");
    repo.write("a/a.go", "package a\n");
    repo.write("b/b.go", "package b\n");
    repo.write("b/b_test.go", "package b\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) {\n\tif B() == nil {\n\t\tt.Fatal(1)\n\t}\n}\n");
    repo.git(&["add", "codelicious.toml", "go.mod", "a", "b"]);
    repo.git(&["commit", "-qm", "Two packages"]);
    repo.git(&["push", "-q"]);
    repo.write("specs/work.md", spec_of(2, 2));
    let test = "package a\n\nimport \"testing\"\n\nfunc Test{chunk}(t *testing.T) {\n\tif {chunk}() == \"\" {\n\t\tt.Fatal(\"empty\")\n\t}\n}\n";
    let code = "package a\n\nimport \"os\"\n\n// {chunk} names the machine.\nfunc {chunk}() string {\n\tname, _ := os.Hostname()\n\treturn name\n}\n";
    repo.fake(&json!({"rules": [
        {"match": "Write the tests for this task", "steps": [{"write": {"path": "a/{chunk}_test.go", "text": test}}]},
        {"match": "whose tests are written", "steps": [{"write": {"path": "a/{chunk}.go", "text": code}}]},
    ]}));
    Story {
        name: "tests first",
        repo,
        forge: None,
        phases: vec![Phase {
            before: nothing,
            args: BUILD,
            exit: 0,
            again: &[],
            is_plain: true,
        }],
        check: each_task_is_proven,
    }
}

fn each_task_is_proven(repo: &Scene) {
    let ledger: Value =
        serde_json::from_str(&repo.read(".codelicious/state/specs-work.json")).expect("JSON");
    for chunk in ["T001", "T002"] {
        let proven = &ledger["chunks"][chunk]["evidence"]["proof"]["proving"];
        let name = format!("Test{chunk}");
        let is_named = |t: &Value| t.as_str().is_some_and(|t| t.contains(&name));
        assert!(
            proven
                .as_array()
                .is_some_and(|all| all.iter().any(is_named)),
            "{proven}"
        );
    }
    assert_eq!(ledger["prs"][0]["suite"]["failing"], json!([]), "{ledger}");
}

fn every_review_is_in_the_ledger(repo: &Scene) {
    let ledger: Value =
        serde_json::from_str(&repo.read(".codelicious/state/specs-work.json")).expect("JSON");
    for chunk in ["T001", "T002"] {
        assert_eq!(
            ledger["chunks"][chunk]["evidence"]["remarks"],
            json!([]),
            "{chunk}"
        );
    }
    let is_copy = |l: &std::path::PathBuf| l.display().to_string().contains("@review");
    assert!(!repo.lanes().iter().any(is_copy), "{:?}", repo.lanes());
}

/// Each commit has exactly the file and the tick of its chunk.
fn each_commit_holds_its_own(repo: &Scene) {
    let last = repo.git(&["rev-parse", "refs/codelicious/lanes/specs-work"]);
    for n in 1..=6 {
        let rev = format!("{last}~{}", 6 - n);
        let files = repo.git(&["diff-tree", "--no-commit-id", "--name-status", "-r", &rev]);
        assert_eq!(files, format!("M\tspecs/work.md\nA\twork/T{n:03}.txt"));
        let diff = repo.git(&["show", "-U0", "--format=", &rev, "--", "specs/work.md"]);
        let lines: Vec<&str> = diff
            .lines()
            .filter(|l| l.starts_with("+- ") || l.starts_with("-- "))
            .collect();
        let task = |mark: &str| format!("- [{mark}] T{n:03} Build piece {n}");
        assert_eq!(
            lines,
            [format!("-{}", task(" ")), format!("+{}", task("x"))]
        );
    }
}

/// Somebody wants new ledgers when all is built.
fn new_ledgers() -> Story {
    let repo = Repo::new().without_wall();
    repo.write("specs/work.md", spec_of(2, 2));
    let phase = |args, is_plain| Phase {
        before: nothing,
        args,
        exit: 0,
        again: &[],
        is_plain,
    };
    Story {
        name: "new ledgers",
        repo,
        forge: None,
        phases: vec![
            phase(BUILD, true),
            phase(&["--engine", "claude", "--reset-ledger"], false),
        ],
        check: nothing,
    }
}

/// The repository has a hook, so that git itself commits; one chunk fails with its work half done, until somebody
/// looks after its engine. This one has the sandbox on: it comes by everything that is walled in.
fn hooks_and_failures() -> Story {
    let repo = Repo::new();
    let config = "[verify]\ncommands = [\"sh check.sh\"]\n";
    repo.write("codelicious.toml", format!("max_attempts = 10\n{config}"));
    repo.write("notes.txt", "untracked notes\n");
    repo.write("specs/work.md", spec_of(3, 3));
    let hook = repo.root.join(".git/hooks/pre-commit");
    repo.script(&hook, "#!/bin/sh\nexit 0\n");
    Story {
        name: "hooks and failures",
        repo,
        forge: None,
        phases: vec![
            Phase {
                before: |repo| {
                    let half = json!({"write": {"path": "half.txt", "text": "half"}});
                    repo.fake(&json!({"rules": [
                        {"chunk": "T002", "steps": [half], "end": {"kind": "error", "text": "no idea"}},
                    ]}));
                },
                args: BUILD,
                exit: 1,
                again: &[],
                is_plain: false,
            },
            Phase {
                before: |repo| repo.fake(&json!({})),
                args: BUILD,
                exit: 0,
                again: &[],
                is_plain: false,
            },
        ],
        check: |repo| {
            let saved = "refs/codelicious/attempts/specs-work/T002";
            let refs = repo.git(&["for-each-ref", "--format=%(refname)", saved]);
            // An engine in a wall ends with its run: one that was killed may have left its first work undone.
            let is_kept = |reference: &str| {
                let files = repo.git(&["ls-tree", "--name-only", reference]);
                files.lines().any(|file| file == "half.txt")
                    && repo.git(&["show", &format!("{reference}:half.txt")]) == "half"
            };
            assert!(refs.lines().any(is_kept), "the failed work is kept: {refs}");
        },
    }
}

/// A model plans a spec of two sections and builds it.
fn prose() -> Story {
    let repo = Repo::new().without_wall();
    repo.write(
        "notes/shop.md",
        "# Shop\n\n## Cart\n\nHolds things.\n\n## Till\n\nTakes money.\n",
    );
    let chunk = |title: &str, section: &str| json!({"title": title, "description": "Build it.", "section": section});
    let chunks = json!([chunk("Add a cart", "Cart"), chunk("Add a till", "Till")]);
    let line = |chunk: &str, name: &str, arguments: Value| {
        json!({"chunk": chunk, "calls": [{"name": name, "arguments": arguments}]}).to_string()
    };
    let tape = [
        line("plan", "propose_chunks", json!({ "chunks": chunks })),
        line(
            "*",
            "write_file",
            json!({"path": "work/{chunk}.txt", "content": "{title}\n"}),
        ),
        line(
            "*",
            "complete_chunk",
            json!({"summary": "wrote it", "confidence": 0.9, "rationale": "it is there"}),
        ),
    ];
    std::fs::write(repo.base().join("tape.jsonl"), tape.join("\n")).expect("written");
    Story {
        name: "prose",
        repo,
        forge: None,
        phases: vec![Phase {
            before: nothing,
            args: &[
                "--engine",
                "replay:../tape.jsonl",
                "--spec",
                "notes/shop.md",
                "--skip-auth-check",
                "--skip-credential-probe",
            ],
            exit: 0,
            again: &[],
            is_plain: true,
        }],
        check: |repo| {
            let kept = "refs/codelicious/plans/notes-shop";
            let here = repo.git(&["rev-parse", kept]);
            assert_eq!(
                repo.git_in(&repo.origin, &["rev-parse", kept]),
                here,
                "sent with the branch"
            );
        },
    }
}

/// A person accepts work that its engine was not sure of, and merges the first pull request while the second is open.
fn people() -> Story {
    let repo = Repo::new().without_wall();
    repo.write(
        "codelicious.toml",
        "[verify]\ncommands = [\"sh check.sh\"]\n[pr]\nmax_commits = 2\n",
    );
    repo.write("notes.txt", "untracked notes\n");
    repo.write("specs/work.md", spec_of(4, 4));
    repo.fake(&json!({"rules": [
        {"chunk": "T002", "steps": [work()], "end": {"kind": "complete_chunk", "confidence": 0.1, "rationale": "a guess"}},
    ]}));
    let phase = |before, args, exit| Phase {
        before,
        args,
        exit,
        again: &[],
        is_plain: exit != 0,
    };
    Story {
        name: "people",
        repo,
        forge: None,
        phases: vec![
            phase(nothing as fn(&Scene), BUILD, 3),
            Phase {
                // Said already, if the first time got that far.
                again: &[2],
                ..phase(nothing, &["accept", "T002"], 0)
            },
            phase(nothing, BUILD, 0),
            phase(
                |repo| merge(repo, "merger", "codelicious/specs-work", How::Squash),
                BUILD,
                0,
            ),
        ],
        check: |repo| {
            let part = "origin/main..origin/codelicious/specs-work-part-2";
            let chunks = "--format=%(trailers:key=Codelicious-Chunk,valueonly,separator=%x2C)";
            let chunks = repo.git(&["log", "--reverse", chunks, part]);
            assert_eq!(chunks, "T004\nT002", "only what the base lacks");
            let refs = "refs/codelicious/archive";
            let kept = repo.git(&["for-each-ref", "--format=%(refname)", refs]);
            assert_eq!(kept.lines().count(), 1, "the lane as it was: {kept}");
        },
    }
}

/// What stands at a forge before anybody builds: an issue.
pub fn furnish(forge: &FakeForge) {
    let issue = json!({
        "title": "A bell", "author": "grace",
        "body": "It rings.\n\n- [ ] T001 Cast it\n- [ ] T002 Hang it\n- [ ] T003 Ring it\n",
    });
    assert_eq!(forge.control("issue", &issue)["number"], 1);
}

/// An issue becomes two pull requests with a label and a reviewer, and a comment; the first is merged.
fn forge(dialect: &'static str) -> Story {
    let repo = Repo::new().without_wall();
    repo.write(
        "codelicious.toml",
        "[verify]\ncommands = [\"sh check.sh\"]\n[pr]\nmax_commits = 2\nlabels = [\"codelicious\"]\nreviewers = [\"ada\"]\n",
    );
    repo.git(&["commit", "-qam", "Configure"]);
    repo.git(&["push", "-q"]);
    let phase = |before, args| Phase {
        before,
        args,
        exit: 0,
        again: &[],
        is_plain: true,
    };
    let args = &["--engine", "claude", "--from-issue", "1"];
    Story {
        name: dialect,
        repo,
        forge: Some(dialect),
        phases: vec![phase(nothing as fn(&Scene), args), phase(merge_first, args)],
        check: |scene| {
            let forge = scene.forge.as_ref().expect("it has one");
            assert_eq!(forge.times("pr_created"), 2, "{:#}", forge.world());
            assert_eq!(forge.times("comment_created"), 1, "{:#}", forge.world());
            assert_eq!(forge.times("review_requested"), 2, "{:#}", forge.world());
        },
    }
}

/// Somebody merges the first pull request, unless they did already.
fn merge_first(scene: &Scene) {
    let forge = scene.forge.as_ref().expect("it has one");
    let pulls = forge.pulls();
    if pulls[0]["state"] == "open" {
        let with = json!({"number": pulls[0]["number"], "how": "squash", "delete_branch": true});
        forge.control("merge", &with);
    }
}
