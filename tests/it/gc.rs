//! `gc` removes what nothing needs, and nothing else.

use crate::support::{Ended, Repo, finish, send, spec_of, wait_until};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const CLAUDE: [&str; 2] = ["--engine", "claude"];
const BRANCH: &str = "codelicious/specs-work";
const DAY: u64 = 86_400;
/// Nothing is kept for its youth.
const AT_ONCE: [(&str, &str); 3] = [
    ("CODELICIOUS_GC_KEEP", "0"),
    ("CODELICIOUS_GC_KEEP_ATTEMPTS", "0"),
    ("CODELICIOUS_GC_KEEP_ARCHIVES", "0"),
];

fn repo_of(tasks: usize) -> Repo {
    let repo = Repo::new();
    repo.write("notes.txt", "untracked notes\n");
    repo.write("specs/work.md", spec_of(tasks, tasks));
    repo
}

/// Merges what was built into main, as a person does, and pushes it.
fn merge(repo: &Repo, how: &[&str]) {
    fs::remove_file(repo.root.join("specs/work.md")).unwrap();
    repo.git(&[&["merge", "-q"], how, &[BRANCH]].concat());
    if how.contains(&"--squash") {
        repo.git(&["commit", "-qm", "Squashed"]);
    }
    repo.git(&["push", "-q", "origin", "main"]);
}

fn gc(repo: &Repo, args: &[&str]) -> Ended {
    repo.run_with(&[&["gc"], args].concat(), &AT_ONCE)
}

/// What a dry run says, as `(kind, name, remove)`.
fn listed(repo: &Repo) -> Vec<(String, String, bool)> {
    let report = gc(repo, &["--json"]).expect(0).json();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let things = report["things"].as_array().unwrap();
    things
        .iter()
        .map(|t| (text(&t["kind"]), text(&t["name"]), t["remove"] == true))
        .collect()
}

/// Names of one kind that would be removed, or would stay.
fn of_kind(repo: &Repo, kind: &str, removed: bool) -> Vec<String> {
    let all = listed(repo).into_iter();
    all.filter(|(k, _, r)| k == kind && *r == removed)
        .map(|(_, name, _)| name)
        .collect()
}

/// Every file and folder around the repository, with its content and the time of its last change.
fn whole(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut due = vec![dir.to_path_buf()];
    while let Some(dir) = due.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let content = if meta.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            found.push(format!(
                "{} {:o} {}.{} {content:?}",
                path.display(),
                meta.mode(),
                meta.mtime(),
                meta.mtime_nsec()
            ));
            if meta.is_dir() {
                due.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Makes a file or folder this many days old.
fn make_old(path: &Path, days: u64) {
    let time = SystemTime::now() - Duration::from_secs(days * DAY);
    let file = fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    file.set_modified(time).unwrap();
}

fn refs(repo: &Repo) -> String {
    repo.git(&["for-each-ref", "--format=%(refname) %(objectname)"])
}

fn worktrees(repo: &Repo) -> usize {
    let admins = fs::read_dir(repo.root.join(".git/worktrees"));
    admins.into_iter().flatten().count()
}

#[test]
fn a_dry_run_changes_nothing_at_all() {
    let repo = repo_of(3);
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [{"write": {"path": "half.txt", "text": "half"}}],
        "end": {"kind": "error", "text": "no idea"}}]}));
    repo.run(&CLAUDE).expect(1);
    repo.run(&CLAUDE).expect(0);
    merge(&repo, &["--no-ff"]);
    let before = whole(&repo.base());
    let said = gc(&repo, &[]).expect(0);
    for wanted in [
        "would remove 1 lane, ",
        "all of it is on main",
        "would remove 1 attempt",
        "refs/codelicious/attempts/specs-work/T002/1: its chunk is done",
        "nothing was changed: `codelicious gc --yes` does it",
    ] {
        assert!(said.stdout.contains(wanted), "{wanted}: {}", said.stdout);
    }
    gc(&repo, &["-v", "--json"]).expect(0);
    assert_eq!(whole(&repo.base()), before);
}

#[test]
fn a_lane_whose_work_is_merged_goes_and_comes_back_when_there_is_more_to_do() {
    for how in [&["--no-ff"][..], &["--squash"]] {
        let repo = repo_of(3);
        repo.run(&CLAUDE).expect(0);
        assert!(of_kind(&repo, "lane", true).is_empty(), "not merged yet");
        merge(&repo, how);
        let (before, refs_before) = (repo.users_things(), refs(&repo));
        assert_eq!(of_kind(&repo, "lane", true).len(), 1, "{how:?}");
        let said = gc(&repo, &["--yes"]).expect(0);
        assert!(said.stdout.contains("removed 1 lane"), "{}", said.stdout);
        assert_eq!((repo.lanes().len(), worktrees(&repo)), (0, 0));
        assert_eq!((repo.users_things(), refs(&repo)), (before, refs_before));
        let again = gc(&repo, &["--yes"]).expect(0);
        assert!(
            again.stdout.contains("nothing to remove"),
            "{}",
            again.stdout
        );
        let status = repo.run(&["status", "--json"]).expect(0).json();
        assert!(status["lock"].is_null());
        assert_eq!(status["specs"][0]["done"], 3);

        repo.run(&CLAUDE).expect(0);
        assert_eq!(repo.calls().len(), 3, "nothing is built again");
        let more = format!("{}- [ ] T004 Build piece 4\n", repo.read("specs/work.md"));
        repo.write("specs/work.md", more);
        repo.run(&CLAUDE).expect(0);
        assert_eq!(repo.asked_for(), ["T001", "T002", "T003", "T004"]);
        assert_eq!(repo.lanes().len(), 1);
    }
}

#[test]
fn what_is_not_merged_stays_however_old_it_is() {
    let repo = repo_of(3);
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [{"write": {"path": "half.txt", "text": "half"}}],
        "end": {"kind": "error", "text": "no idea"}}]}));
    repo.run(&CLAUDE).expect(1);
    let lane = repo.lanes().remove(0);
    make_old(&lane, 4_000);
    let (before, refs_before) = (repo.users_things(), refs(&repo));
    assert!(refs_before.contains("refs/codelicious/attempts/specs-work/T002/1"));
    assert_eq!(of_kind(&repo, "lane", false), [lane.display().to_string()]);
    let said = gc(&repo, &["--yes", "-v"]).expect(0);
    for wanted in ["commits are not on main", "its chunk is not done"] {
        assert!(said.stdout.contains(wanted), "{wanted}: {}", said.stdout);
    }
    assert_eq!(refs(&repo), refs_before);
    assert_eq!(repo.users_things(), before);
    assert!(lane.join("work/T001.txt").exists());
    // It goes on where it was.
    repo.fake(&json!({}));
    repo.run(&CLAUDE).expect(0);
    let chunks: Vec<_> = repo
        .commits(BRANCH)
        .into_iter()
        .filter_map(|(_, c)| c)
        .collect();
    assert_eq!(chunks, ["T001", "T003", "T002"]);
}

#[test]
fn an_attempt_of_a_chunk_that_is_done_goes_after_its_time() {
    let repo = repo_of(2);
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [{"write": {"path": "half.txt", "text": "half"}}],
        "end": {"kind": "error", "text": "no idea"}}]}));
    repo.run(&CLAUDE).expect(1);
    repo.run(&CLAUDE).expect(0);
    let attempt = "refs/codelicious/attempts/specs-work/T002/1";
    repo.run(&["gc", "--yes"]).expect(0);
    assert!(refs(&repo).contains(attempt), "kept for a week by default");
    repo.write(
        "codelicious.toml",
        "[verify]\ncommands = [\"sh check.sh\"]\n[gc]\nkeep_attempts = \"1d\"\n",
    );
    repo.run(&["gc", "--yes"]).expect(0);
    assert!(
        refs(&repo).contains(attempt),
        "kept for a day as configured"
    );
    gc(&repo, &["--yes"]).expect(0);
    assert!(!refs(&repo).contains(attempt));
    assert_eq!(repo.lanes().len(), 1, "its lane is not merged");
}

#[test]
fn an_archived_lane_stays_until_its_tasks_are_done_elsewhere() {
    let repo = repo_of(2);
    repo.run(&CLAUDE).expect(0);
    let tip = repo.git(&["rev-parse", BRANCH]);
    // The engine fails in the new lane: the archive is all there is of T002.
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [], "end": {"kind": "error", "text": "no idea"}}]}));
    repo.run(&["--engine", "claude", "--fresh"]).expect(1);
    let archived = || {
        repo.git(&[
            "for-each-ref",
            "--format=%(objectname)",
            "refs/codelicious/archive",
        ])
    };
    assert_eq!(archived(), tip);
    let said = gc(&repo, &["--yes", "-v"]).expect(0);
    assert!(
        said.stdout.contains("of chunks that are not done"),
        "{}",
        said.stdout
    );
    assert_eq!(archived(), tip);
    // What a branch holds as well is no loss.
    repo.git(&["branch", "mine", &tip]);
    assert_eq!(of_kind(&repo, "archive", true).len(), 1);
    repo.git(&["branch", "-qD", "mine"]);
    repo.fake(&json!({}));
    repo.run(&CLAUDE).expect(0);
    repo.run(&["gc", "--yes"]).expect(0);
    assert_eq!(archived(), tip, "kept for its time");
    gc(&repo, &["--yes"]).expect(0);
    assert_eq!(archived(), "");
}

#[test]
fn a_persons_commit_on_an_archived_or_merged_lane_keeps_it() {
    let repo = repo_of(1);
    repo.run(&CLAUDE).expect(0);
    merge(&repo, &["--squash"]);
    // Somebody builds upon the branch after it was merged; the next run takes that into the lane.
    let other = repo.fresh_clone("other");
    other.git(&["checkout", "-q", BRANCH]);
    fs::write(other.root.join("by-hand.txt"), "by hand\n").unwrap();
    other.git(&["add", "-A"]);
    other.git(&["commit", "-qm", "By hand"]);
    other.git(&["push", "-q"]);
    repo.git(&["fetch", "-q"]);
    let hand = repo.git(&["rev-parse", &format!("origin/{BRANCH}")]);
    repo.git(&["update-ref", "refs/codelicious/lanes/specs-work", &hand]);
    assert_eq!(of_kind(&repo, "lane", true), Vec::<String>::new());
    repo.git(&[
        "update-ref",
        "refs/codelicious/archive/specs-work/20200101T000000Z",
        &hand,
    ]);
    repo.git(&["update-ref", "refs/codelicious/lanes/specs-work", "main"]);
    assert_eq!(of_kind(&repo, "archive", false).len(), 1);
}

#[test]
fn changes_that_were_not_saved_and_locks_keep_a_merged_lane() {
    let repo = repo_of(1);
    repo.run(&CLAUDE).expect(0);
    merge(&repo, &["--no-ff"]);
    let lane = repo.lanes().remove(0);
    let stays = |why: &str| {
        let said = gc(&repo, &["--yes", "-v"]).expect(0);
        assert!(said.stdout.contains(why), "{why}: {}", said.stdout);
        assert!(lane.join("README.md").exists());
    };
    fs::write(lane.join("new.txt"), "new\n").unwrap();
    stays("it holds changes that no ref keeps");
    fs::remove_file(lane.join("new.txt")).unwrap();
    fs::write(lane.join("check.sh"), "exit 0\n").unwrap();
    stays("it holds changes that no ref keeps");
    repo.git_in(&lane, &["checkout", "-q", "check.sh"]);
    repo.git_in(
        &lane,
        &[
            "-c",
            "user.name=E",
            "-c",
            "user.email=e@x",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "Mine",
        ],
    );
    stays("it holds changes that no ref keeps");
    repo.git_in(&lane, &["reset", "-q", "--hard", "HEAD~1"]);
    repo.git_in(&lane, &["checkout", "-q", "-b", "elsewhere"]);
    stays("what it holds cannot be told");
    repo.git_in(&lane, &["checkout", "-q", "--detach"]);
    repo.git(&["worktree", "lock", &lane.display().to_string()]);
    stays("it is locked");
    repo.git(&["worktree", "unlock", &lane.display().to_string()]);
    fs::create_dir_all(lane.join("ignored")).unwrap();
    fs::write(lane.join("ignored/build.o"), "x").unwrap();
    gc(&repo, &["--yes"]).expect(0);
    assert!(!lane.exists(), "ignored files hold nothing up");
}

#[test]
fn a_lane_with_open_tasks_stays_for_the_next_run() {
    let repo = repo_of(2);
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [], "end": {"kind": "block_chunk", "reason": "unclear", "needs": "which?"}}]}));
    repo.run(&CLAUDE).expect(3);
    merge(&repo, &["--no-ff"]);
    let said = gc(&repo, &["--yes", "-v"]).expect(0);
    assert!(
        said.stdout.contains("its spec has open tasks"),
        "{}",
        said.stdout
    );
    assert_eq!(repo.lanes().len(), 1);
}

#[test]
fn old_records_go_and_the_newest_postmortem_keeps_its_log() {
    let repo = repo_of(1);
    let dir = repo.root.join(".codelicious");
    repo.write("codelicious.toml", "[worktree]\nsetup = [\"exit 7\"]\n");
    repo.run(&CLAUDE).expect(2);
    repo.run(&CLAUDE).expect(2);
    repo.write(
        "codelicious.toml",
        "[verify]\ncommands = [\"sh check.sh\"]\n",
    );
    repo.run(&CLAUDE).expect(0);
    repo.run(&["--engine", "claude", "--reset-ledger"])
        .expect(0);
    fs::write(
        dir.join("state/specs-work.json.corrupt-20200102T030405Z"),
        "{",
    )
    .unwrap();
    fs::write(dir.join("events-1.jsonl"), "").unwrap();
    fs::write(dir.join("events-3.jsonl"), "").unwrap();
    let names = |folder: &str, part: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir(dir.join(folder)).unwrap();
        let mut found: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
        found.retain(|p| p.file_name().unwrap().to_str().unwrap().contains(part));
        found.sort();
        found
    };
    let pages = names("", "postmortem-");
    let logs: Vec<PathBuf> = names("logs", ".log")
        .into_iter()
        .filter(|p| !p.is_symlink())
        .collect();
    assert_eq!((pages.len(), logs.len()), (2, 4));
    // Nothing is old yet.
    let said = repo.run(&["gc", "--yes", "--json"]).expect(0).json();
    let removed = |said: &Value| -> Vec<String> {
        let things = said["things"].as_array().unwrap().iter();
        things
            .filter(|t| t["remove"] == true)
            .map(|t| t["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(removed(&said), Vec::<String>::new(), "{said:#}");
    let mut all = [
        pages.clone(),
        logs.clone(),
        names("state", "corrupt"),
        names("", "events-"),
    ]
    .concat();
    all.retain(|p| *p != pages[1]);
    all.iter().for_each(|p| make_old(p, 31));
    let text = fs::read_to_string(&pages[1]).unwrap();
    let said = repo.run(&["gc", "--yes", "--json"]).expect(0).json();
    assert_eq!(
        removed(&said),
        ["log", "log", "events", "events", "ledger", "postmortem"],
        "{said:#}"
    );
    assert_eq!(names("", "postmortem-"), pages[1..]);
    let left: Vec<PathBuf> = names("logs", ".log")
        .into_iter()
        .filter(|p| !p.is_symlink())
        .collect();
    assert_eq!(
        left.len(),
        2,
        "the one that is named and the latest: {left:?}"
    );
    let is_named = |p: &PathBuf| text.contains(p.file_name().unwrap().to_str().unwrap());
    assert_eq!(left.iter().filter(|p| is_named(p)).count(), 1);
    assert!(dir.join("logs/latest.log").exists(), "it leads to a log");
    assert_eq!(names("state", "aside-").len(), 1, "moved aside just now");
    assert_eq!(names("", "events-"), Vec::<PathBuf>::new());
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 1);
    assert_eq!(repo.run(&["events"]).code, 0);
}

#[test]
fn events_count_on_after_old_ones_were_removed() {
    let repo = repo_of(1);
    repo.run(&CLAUDE).expect(0);
    let dir = repo.root.join(".codelicious");
    // As it is right after a rotation.
    fs::rename(dir.join("events.jsonl"), dir.join("events-1.jsonl")).unwrap();
    make_old(&dir.join("events-1.jsonl"), 400);
    let last = fs::read_to_string(dir.join("events-1.jsonl"))
        .unwrap()
        .lines()
        .count();
    gc(&repo, &["--yes"]).expect(0);
    repo.run(&CLAUDE).expect(0);
    let first = &repo.events()[0]["seq"];
    assert_eq!(first.as_u64(), Some(last as u64 + 1));
    gc(&repo, &["--yes"]).expect(0);
    assert!(!dir.join("events-1.jsonl").exists());
}

#[test]
fn a_removal_that_was_cut_off_anywhere_is_finished_by_the_next_one() {
    // After the first step, and after the second.
    for admin_is_gone in [false, true] {
        for with_run in [false, true] {
            let repo = repo_of(1);
            repo.run(&CLAUDE).expect(0);
            merge(&repo, &["--no-ff"]);
            let lane = repo.lanes().remove(0);
            fs::rename(&lane, lane.with_file_name(".codelicious-gc-specs-work")).unwrap();
            fs::remove_file(
                lane.with_file_name(".codelicious-gc-specs-work")
                    .join("README.md"),
            )
            .unwrap();
            if admin_is_gone {
                fs::remove_dir_all(repo.root.join(".git/worktrees")).unwrap();
            }
            if with_run {
                let more = format!("{}- [ ] T002 Build piece 2\n", repo.read("specs/work.md"));
                repo.write("specs/work.md", more);
                repo.run(&CLAUDE).expect(0);
                assert_eq!(repo.asked_for(), ["T001", "T002"]);
                assert_eq!(
                    repo.git(&["for-each-ref", "refs/codelicious/attempts"]),
                    "",
                    "nothing is taken for work"
                );
            }
            gc(&repo, &["--yes"]).expect(0);
            assert_eq!(
                repo.lanes().len(),
                usize::from(with_run),
                "{admin_is_gone} {with_run}"
            );
            assert_eq!(
                worktrees(&repo),
                usize::from(with_run),
                "{admin_is_gone} {with_run}"
            );
            repo.run(&CLAUDE).expect(0);
        }
    }
}

#[test]
fn kills_in_the_middle_lose_nothing() {
    let repo = repo_of(2);
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [{"write": {"path": "half.txt", "text": "half"}}],
        "end": {"kind": "error", "text": "no idea"}}]}));
    repo.run(&CLAUDE).expect(1);
    repo.run(&CLAUDE).expect(0);
    merge(&repo, &["--no-ff"]);
    let before = repo.users_things();
    let lane = repo.lanes().remove(0);
    for n in 0..300 {
        fs::create_dir_all(lane.join("ignored").join(n.to_string())).unwrap();
        fs::write(lane.join("ignored").join(n.to_string()).join("file"), "x").unwrap();
    }
    let lock = repo.root.join(".git/worktrees");
    let admins = fs::read_dir(&lock).unwrap().count();
    assert_eq!(admins, 1);
    let mut child = repo
        .command(&["gc", "--yes"])
        .envs(AT_ONCE)
        .spawn()
        .unwrap();
    // Killed as soon as it has begun to remove the lane, or has ended.
    wait_until("the lane is being removed", || {
        !lane.exists() || child.try_wait().unwrap().is_some()
    });
    let _ = child.kill();
    child.wait().unwrap();
    let status = repo.run(&["status", "--json"]).expect(0).json();
    assert!(status["lock"].is_null());
    gc(&repo, &["--yes"]).expect(0);
    let left: Vec<String> = listed(&repo).into_iter().map(|(k, ..)| k).collect();
    assert!(
        !left
            .iter()
            .any(|k| k == "rest" || k == "lane" || k == "attempt"),
        "{left:?}"
    );
    assert_eq!(repo.lanes().len(), 0);
    assert_eq!(repo.users_things(), before);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.asked_for(), ["T001", "T002", "T002"]);
}

#[test]
fn lanes_of_a_repository_that_is_gone_go_after_their_time() {
    let repo = repo_of(1);
    repo.run(&CLAUDE).expect(0);
    let clone = repo.fresh_clone("gone");
    fs::create_dir_all(clone.root.join("specs")).unwrap();
    fs::write(
        clone.root.join("specs/more.md"),
        "# More\n\n- [ ] M001 Something else\n",
    )
    .unwrap();
    clone.run(&CLAUDE).expect(0);
    let folders = || -> Vec<PathBuf> {
        let entries = fs::read_dir(repo.base().join("cache/codelicious")).unwrap();
        entries.map(|e| e.unwrap().path()).collect()
    };
    let orphan = folders()
        .into_iter()
        .find(|p| {
            p.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("gone-")
        })
        .expect("lanes of the clone");
    // Somebody's own folders, beside and in the disguise of ours.
    let strange = repo.base().join("cache/codelicious/notes-0123456789");
    fs::create_dir_all(strange.join("diary")).unwrap();
    fs::write(strange.join("diary/today.txt"), "dear diary\n").unwrap();
    assert_eq!(
        of_kind(&repo, "orphan", true),
        Vec::<String>::new(),
        "its repository is there"
    );
    fs::remove_dir_all(&clone.root).unwrap();
    let said = repo.run(&["gc", "--yes", "-v"]).expect(0);
    assert!(
        said.stdout
            .contains("its repository is gone; kept for 30 days"),
        "{}",
        said.stdout
    );
    for lane in fs::read_dir(&orphan).unwrap() {
        let lane = lane.unwrap().path();
        // What is a lane's own beside it has none.
        if lane.join(".git").exists() {
            make_old(&lane.join(".git"), 31);
        }
        make_old(&lane, 31);
    }
    let said = repo.run(&["gc", "--yes"]).expect(0);
    assert!(
        said.stdout.contains("removed 1 orphaned folder"),
        "{}",
        said.stdout
    );
    assert!(!orphan.exists());
    assert!(strange.join("diary/today.txt").exists());
    assert_eq!(
        repo.lanes()
            .iter()
            .filter(|l| l.join("README.md").exists())
            .count(),
        1,
        "ours stands"
    );
}

#[test]
fn a_worktree_of_the_users_own_is_none_of_our_business() {
    let repo = repo_of(1);
    repo.run(&CLAUDE).expect(0);
    merge(&repo, &["--no-ff"]);
    let lanes = repo.lanes()[0].parent().unwrap().to_path_buf();
    let theirs = [repo.base().join("theirs"), lanes.join("theirs")];
    for dir in &theirs {
        repo.git(&[
            "worktree",
            "add",
            "-q",
            "--detach",
            &dir.display().to_string(),
        ]);
        fs::write(dir.join("draft.txt"), "draft\n").unwrap();
    }
    gc(&repo, &["--yes"]).expect(0);
    for dir in &theirs {
        assert!(dir.join("draft.txt").exists());
        repo.git_in(dir, &["status", "--porcelain"]);
    }
    assert_eq!(worktrees(&repo), 2);
}

#[test]
fn a_run_in_progress_is_not_disturbed() {
    let repo = repo_of(2);
    let sign = repo.sign("hanging");
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [{"hang": {"touch": sign}}]}]}));
    let run = repo.start(&CLAUDE);
    repo.wait_for_sign("hanging");
    let dry = gc(&repo, &[]).expect(0);
    assert!(dry.stdout.contains("kept 1 lane"), "{}", dry.stdout);
    let refused = gc(&repo, &["--yes"]).expect(75);
    assert!(
        refused.stderr.contains(&format!("process {}", run.id())),
        "{}",
        refused.stderr
    );
    send(&run, rustix::process::Signal::TERM);
    finish(run).expect(143);
    repo.fake(&json!({}));
    gc(&repo, &["--yes"]).expect(0);
    repo.run(&CLAUDE).expect(0);
}

#[test]
fn where_there_is_nothing_nothing_is_made() {
    let repo = Repo::new();
    let before = whole(&repo.base());
    for args in [&[][..], &["--yes"], &["--yes", "--json"]] {
        let said = gc(&repo, args).expect(0);
        assert!(
            args.len() > 1 || said.stdout == "nothing to remove\n",
            "{}",
            said.stdout
        );
    }
    assert_eq!(whole(&repo.base()), before);
}

#[test]
fn a_lane_whose_folder_somebody_deleted_is_forgotten_after_its_time() {
    let repo = repo_of(1);
    repo.run(&CLAUDE).expect(0);
    let lane = repo.lanes().remove(0);
    fs::remove_dir_all(&lane).unwrap();
    let said = repo.run(&["gc", "--yes", "-v"]).expect(0);
    assert!(
        said.stdout.contains("its folder is gone; kept for 30 days"),
        "{}",
        said.stdout
    );
    assert_eq!(worktrees(&repo), 1);
    gc(&repo, &["--yes"]).expect(0);
    assert_eq!(worktrees(&repo), 0);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 1, "all that was done is known");
}

#[test]
fn a_pipe_in_a_lane_holds_nothing_up_and_the_lane_stays() {
    let repo = repo_of(1);
    repo.run(&CLAUDE).expect(0);
    merge(&repo, &["--no-ff"]);
    let lane = repo.lanes().remove(0);
    fs::create_dir(lane.join("sub")).unwrap();
    let pipe = lane.join("sub/.gitignore");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let mut gc = repo.start(&["gc", "--yes", "-v"]);
    let mut ended = false;
    let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_until("gc to end", || {
            ended = gc.try_wait().unwrap().is_some();
            ended
        });
    }));
    if waited.is_err() {
        gc.kill().unwrap();
    }
    let said = finish(gc).expect(0);
    assert!(
        said.stdout
            .contains("sub/.gitignore is neither file nor folder"),
        "{}",
        said.stdout
    );
    assert!(lane.exists());
}
