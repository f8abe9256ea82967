//! How things stand when all is done, as one comparable text, and what must never be left.

use crate::fake_forge::FakeForge;
use crate::support::Repo;
use codelicious::fsx::lock;
use codelicious::ledger::codec;
use codelicious::sandbox::Sandbox;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Everything that must not depend on what happened on the way: branches here and on the remote, their commits
/// with messages and changes, pull requests, the ledger, the user's things. Ids, times, attempts and cost aside.
#[track_caller]
pub fn outcome(repo: &Repo, forge: Option<&FakeForge>) -> String {
    let trees = |dir: &Path| {
        let refs = repo.git_in(
            dir,
            &["for-each-ref", "--format=%(refname) %(tree)", "refs"],
        );
        let ours = refs.lines().filter(|l| {
            let is_ours = l.contains("/codelicious/") && !l.starts_with("refs/remotes/");
            let is_fetched = ["/remote-sync/", "/remote-plans/"]
                .iter()
                .any(|r| l.contains(r));
            is_ours && !l.contains("/attempts/") && !is_fetched
        });
        let stamp = regex::Regex::new(r"\d{8}T\d{6}Z").expect("it is one");
        let ours = ours.collect::<Vec<_>>().join("\n");
        stamp.replace_all(&ours, "<stamp>").into_owned()
    };
    let last = repo
        .git(&[
            "for-each-ref",
            "--format=%(refname)",
            "refs/codelicious/lanes",
        ])
        .lines()
        .map(|lane| {
            repo.git(&[
                "log",
                "-p",
                "--reverse",
                "--format=commit by %an <%ae>%n%B",
                &format!("main..{lane}"),
            ])
        })
        .collect::<Vec<_>>()
        .join("\n");
    format!(
        "== here\n{}\n== remote\n{}\n== commits\n{last}\n== notes\n{}\n== pull requests\n{}\n== ledger\n{}\n== the user's\n{}\n",
        trees(&repo.root),
        trees(&repo.origin),
        notes(repo),
        pull_requests(repo) + &forge.map(|f| at_forge(repo, f)).unwrap_or_default(),
        ledger(repo),
        repo.users_things()
    )
}

/// What the notes of the lanes' commits say, without what a crash may change.
fn notes(repo: &Repo) -> String {
    let lanes = repo.git(&["rev-parse", "--glob=refs/codelicious/lanes/*"]);
    let mut out = String::new();
    for lane in lanes.lines() {
        let range = format!("main..{lane}");
        for line in repo
            .git(&["log", "--reverse", "--format=%H %s", &range])
            .lines()
        {
            let (commit, subject) = line.split_once(' ').expect("a subject");
            let all = repo.git(&["notes", "--ref", "codelicious", "list"]);
            let has_note = all.lines().any(|note| note.ends_with(commit));
            out.push_str(&format!("{subject}: "));
            out.push_str(&match has_note {
                true => document(repo, commit),
                false => "none\n".to_owned(),
            });
        }
    }
    out
}

fn document(repo: &Repo, commit: &str) -> String {
    let text = repo.git(&["notes", "--ref", "codelicious", "show", commit]);
    let mut document: Value = serde_json::from_str(&text).expect("a document");
    for by_the_way in ["attempts", "usage", "cost_usd", "started", "ended"] {
        document[by_the_way].take();
    }
    for check in document["checks"].as_array_mut().expect("a list") {
        check["millis"].take();
    }
    repo.normalise(&format!("{document:#}\n"))
}

/// What stands at the forge, and how often it was made to do something.
fn at_forge(repo: &Repo, forge: &FakeForge) -> String {
    let world = forge.world();
    let mut out = String::new();
    for pull in forge.pulls() {
        let facts = [
            "number",
            "head",
            "base",
            "title",
            "draft",
            "state",
            "labels",
            "requested",
        ];
        for fact in facts {
            out.push_str(&format!("{fact} {}\n", pull[fact]));
        }
        out.push_str(&told(repo, forge, &pull["body"]));
    }
    for comment in world["comments"].as_array().expect("a list") {
        out.push_str(&told(repo, forge, &comment["body"]));
    }
    out
}

/// A text without addresses and without what a crash may change.
fn told(repo: &Repo, forge: &FakeForge, text: &Value) -> String {
    let text = text.as_str().expect("text").replace(&forge.url, "<forge>");
    let text = repo.normalise(&text);
    let lines = text.lines().filter(|l| !says_cost(l));
    lines.map(|l| format!("{l}\n")).collect()
}

/// Attempts and cost are what a crash may change.
fn says_cost(line: &str) -> bool {
    line.trim_start_matches("- ").starts_with("Attempts ")
}

fn pull_requests(repo: &Repo) -> String {
    let dir = repo.root.join(".codelicious/prs");
    let mut files: Vec<PathBuf> = entries(&dir);
    files.sort();
    let mut out = String::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a pull request");
        out.push_str(&format!(
            "{}\n",
            file.file_name().expect("a name").display()
        ));
        for line in repo.normalise(&text).lines() {
            if !says_cost(line) {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}

/// Every ledger, without times, attempts and ids; panics where one is not what a run may leave.
#[track_caller]
fn ledger(repo: &Repo) -> String {
    let mut files = entries(&repo.root.join(".codelicious/state"));
    // Not what was moved aside.
    files.retain(|f| f.extension().is_some_and(|e| e == "json"));
    files.sort();
    let mut out = String::new();
    for file in files {
        let bytes = fs::read(&file).expect("a ledger");
        let read = codec::decode(&bytes).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert!(read.intents.is_empty(), "{:?}", read.intents);
        for (branch, tip) in &read.pushed {
            let there = repo.git_in(
                &repo.origin,
                &["rev-parse", &format!("refs/heads/{branch}")],
            );
            assert_eq!(there, tip.as_str(), "{branch}");
        }
        for (id, chunk) in &read.chunks {
            let ended = chunk
                .attempts
                .iter()
                .all(|a| a.ended.is_some() || a.end != codelicious::model::AttemptEnd::Running);
            assert!(ended, "{id}: {:?}", chunk.attempts);
            out.push_str(&format!(
                "{id} {} {} part {:?} lines {} pr {:?}\n",
                chunk.title,
                chunk.state.word(),
                chunk.part,
                chunk.lines,
                chunk.pr
            ));
        }
        for pr in &read.prs {
            out.push_str(&format!(
                "part {} {} into {} number {:?} {:?}\n",
                pr.part, pr.branch, pr.base, pr.number, pr.state
            ));
        }
        out.push_str(&format!("undelivered {:?}\n", read.undelivered));
    }
    out
}

/// What no run may leave behind, whatever happened: processes, locks, temporary files.
#[track_caller]
pub fn check_clean(repo: &Repo) {
    let mut left: Vec<String> = processes(repo);
    let ours = repo.root.join(".codelicious");
    if let Some(holder) = lock::peek(&ours, &repo.root.join(".git")).expect("it can be told") {
        left.push(format!("the lock is held by {holder}"));
    }
    let mut due: Vec<PathBuf> = vec![ours, repo.root.join(".git"), repo.origin.clone()];
    due.extend(repo.lanes());
    while let Some(dir) = due.pop() {
        for path in entries(&dir) {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let is_left = name.starts_with(".tmp-")
                // What libgit2 was at stays for some minutes: it may be somebody else's.
                || name.starts_with("tmp_obj") && !name.starts_with("tmp_object_git2_")
                || name.ends_with(".codelicious")
                || name == "codelicious-objects"
                || name == "codelicious-around"
                || name.starts_with(".codelicious-gc-")
                || (name.ends_with(".lock") && name != "run.lock");
            if is_left {
                left.push(path.display().to_string());
            }
            if path.symlink_metadata().is_ok_and(|m| m.is_dir()) {
                due.push(path);
            }
        }
    }
    left.extend(groups(repo));
    let is_left = |path: &PathBuf| Sandbox::lane_of(path).is_none_or(|lane| !lane.exists());
    let boxes = repo.boxes().into_iter().filter(is_left);
    left.extend(boxes.map(|path| path.display().to_string()));
    assert!(left.is_empty(), "left behind: {left:#?}");
}

/// Control groups of this repository's runs: their names end in the run's.
fn groups(repo: &Repo) -> Vec<String> {
    let runs: BTreeSet<String> = repo
        .events()
        .iter()
        .filter_map(|event| event["run"].as_str().map(str::to_owned))
        .collect();
    assert!(!runs.is_empty(), "no run is known by its events");
    let is_of_run = |name: &str| runs.iter().any(|run| name.contains(run.as_str()));
    let (mut left, mut due) = (Vec::new(), vec![(PathBuf::from("/sys/fs/cgroup"), 0)]);
    while let Some((dir, depth)) = due.pop() {
        for path in entries(&dir).into_iter().filter(|path| path.is_dir()) {
            let name = path.file_name().expect("a name").to_string_lossy();
            if name.starts_with("codelicious-") && is_of_run(&name) {
                left.push(path.display().to_string());
            } else if depth < 6 {
                due.push((path, depth + 1));
            }
        }
    }
    left
}

/// Processes that were started for this repository and still run: they are told by their home, their own or the
/// lane's.
pub fn processes(repo: &Repo) -> Vec<String> {
    let home = format!("HOME={}/", repo.base().display());
    entries(Path::new("/proc"))
        .into_iter()
        .filter(|p| {
            let environ = fs::read(p.join("environ")).unwrap_or_default();
            environ.windows(home.len()).any(|w| w == home.as_bytes())
        })
        .filter(|p| !fs::read(p.join("cmdline")).unwrap_or_default().is_empty())
        .map(|p| {
            let line = fs::read(p.join("cmdline")).unwrap_or_default();
            format!(
                "{} {}",
                p.display(),
                String::from_utf8_lossy(&line).replace('\0', " ")
            )
        })
        .collect()
}

/// Times that the engine was asked to build, fix turns not counted.
pub fn builds(repo: &Repo) -> usize {
    let is_build = |c: &&Value| c["resume"].is_null();
    repo.calls().iter().filter(is_build).count()
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .collect()
}
