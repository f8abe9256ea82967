//! Awkward places: the program works there, or says what is wrong and what to do before anything is paid.

use crate::support::{Ended, Repo, fake_claude, program, spec_of};
use rustix::process::geteuid;
use serde_json::json;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

const CLAUDE: [&str; 2] = ["--engine", "claude"];
const BRANCH: &str = "codelicious/specs-work";
/// An ordinary user that every system has.
const NOBODY: u32 = 65_534;

fn repo_of(tasks: usize) -> Repo {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(tasks, tasks));
    repo
}

/// The program refuses before anything is paid, and says all of this.
#[track_caller]
fn refused(repo: &Repo, ended: Ended, says: &[&str]) {
    let ended = ended.expect(2);
    for wanted in says {
        assert!(ended.stderr.contains(wanted), "{wanted}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert_eq!(repo.calls().len(), 0, "an engine was paid");
}

#[track_caller]
fn built(repo: &Repo, wanted: &[&str]) {
    let chunks: Vec<_> = repo
        .commits(BRANCH)
        .into_iter()
        .filter_map(|(_, c)| c)
        .collect();
    assert_eq!(chunks, wanted);
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn give(path: &Path, to: u32) {
    let meta = path.symlink_metadata().unwrap();
    std::os::unix::fs::lchown(path, Some(to), Some(to)).unwrap();
    if meta.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), to);
        }
    }
}

/// Runs as a user whom permissions bind: root plays nobody for it, with everything around the repository
/// handed over meanwhile. `narrow` takes away what the user may not do, `widen` gives it back.
fn as_a_user(repo: &Repo, args: &[&str], narrow: impl FnOnce(), widen: impl FnOnce()) -> Ended {
    let base = repo.base();
    let is_root = geteuid().is_root();
    let mut command = repo.command(args);
    if is_root {
        let bin = base.join("copies");
        fs::create_dir_all(&bin).unwrap();
        for (from, name) in [(program(), "codelicious"), (fake_claude(), "claude")] {
            let to = bin.join(name);
            // Copied by a child: a file that this process writes is still open in what another test forks meanwhile,
            // and cannot be executed ("text file busy").
            let is_there = to.exists() || {
                let copied = Command::new("cp").arg(&from).arg(&to).status();
                copied.is_ok_and(|status| status.success())
            };
            assert!(is_there, "{}", to.display());
        }
        let path = std::env::var("PATH").unwrap();
        let mut copied = Command::new(bin.join("codelicious"));
        copied.args(args).current_dir(&repo.root).env_clear();
        copied.envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        copied.env("PATH", format!("{}:{path}", bin.display()));
        give(&base, NOBODY);
        copied.uid(NOBODY).gid(NOBODY);
        command = copied;
    }
    narrow();
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    widen();
    if is_root {
        give(&base, 0);
    }
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn a_repository_that_the_user_may_not_write() {
    let repo = repo_of(1);
    for (dir, says) in [(".", ".codelicious"), (".git", ".git")] {
        let dir = repo.root.join(dir);
        let ended = as_a_user(&repo, &CLAUDE, || mode(&dir, 0o555), || mode(&dir, 0o755));
        refused(&repo, ended, &[says]);
    }
    as_a_user(&repo, &CLAUDE, || {}, || {}).expect(0);
    built(&repo, &["T001"]);
}

#[test]
fn a_folder_of_ours_that_the_user_may_not_write() {
    let repo = repo_of(1);
    let ours = repo.root.join(".codelicious");
    fs::create_dir(&ours).unwrap();
    let ended = as_a_user(&repo, &CLAUDE, || mode(&ours, 0o555), || mode(&ours, 0o755));
    refused(
        &repo,
        ended,
        &[".codelicious", "give the user who runs codelicious access"],
    );
    assert_eq!(fs::read_dir(&ours).unwrap().count(), 0, "nothing half made");
    as_a_user(&repo, &CLAUDE, || {}, || {}).expect(0);
    // And one that became so later.
    repo.write("specs/more.md", "# More\n\n- [ ] M001 Something else\n");
    let calls = repo.calls().len();
    for name in ["state", "logs"] {
        let dir = ours.join(name);
        let ended = as_a_user(&repo, &CLAUDE, || mode(&dir, 0o555), || mode(&dir, 0o755));
        let ended = ended.expect(2);
        assert!(
            ended.stderr.contains(".codelicious"),
            "{name}: {}",
            ended.stderr
        );
        assert_eq!(repo.calls().len(), calls, "{name}");
        let looked = as_a_user(
            &repo,
            &["status"],
            || mode(&dir, 0o555),
            || mode(&dir, 0o755),
        );
        looked.expect(0);
    }
    as_a_user(&repo, &CLAUDE, || {}, || {}).expect(0);
}

#[test]
fn a_cache_folder_that_the_user_may_not_write() {
    let repo = repo_of(1);
    let cache = repo.base().join("cache");
    let ended = as_a_user(
        &repo,
        &CLAUDE,
        || mode(&cache, 0o555),
        || mode(&cache, 0o755),
    );
    refused(&repo, ended, &["cache/codelicious", "`[worktree] dir`"]);
    as_a_user(&repo, &CLAUDE, || {}, || {}).expect(0);
    built(&repo, &["T001"]);
}

/// A small disk of its own; None, said loudly, where none can be mounted.
struct Disk(std::path::PathBuf);

impl Disk {
    fn mount(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at)
            .output();
        if mounted.is_ok_and(|m| m.status.success()) {
            return Some(Self(at.to_path_buf()));
        }
        eprintln!("SKIPPED: no disk can be mounted here");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_cache_folder_on_a_full_disk() {
    let repo = repo_of(1);
    let cache = repo.base().join("cache");
    let Some(_disk) = Disk::mount(&cache, "64k") else {
        return;
    };
    fs::write(cache.join("filler"), vec![0; 60 * 1024]).unwrap();
    let ended = repo.run(&CLAUDE);
    refused(&repo, ended, &["making the lane", "space"]);
    fs::remove_file(cache.join("filler")).unwrap();
    let ended = repo.run(&CLAUDE);
    ended.expect(0);
    built(&repo, &["T001"]);
}

#[test]
fn a_disk_that_is_full_where_the_repository_is() {
    let repo = repo_of(2);
    let ours = repo.root.join(".codelicious");
    let Some(_disk) = Disk::mount(&ours, "64k") else {
        return;
    };
    fs::write(ours.join("filler"), vec![0; 60 * 1024]).unwrap();
    let ended = repo.run(&CLAUDE);
    refused(&repo, ended, &[".codelicious", "free space"]);
    fs::remove_file(ours.join("filler")).unwrap();
    repo.run(&CLAUDE).expect(0);
    built(&repo, &["T001", "T002"]);
}

fn path_without_git(repo: &Repo) -> String {
    let tools = repo.base().join("tools");
    fs::create_dir(&tools).unwrap();
    for tool in ["sh", "env", "cat"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|d| d.join(tool))
            .find(|p| p.exists());
        std::os::unix::fs::symlink(found.expect("every machine has it"), tools.join(tool)).unwrap();
    }
    format!("{}:{}", repo.base().join("bin").display(), tools.display())
}

#[test]
fn without_git_on_the_path_one_can_look_and_is_told_before_anything_is_paid() {
    let repo = repo_of(1);
    let path = path_without_git(&repo);
    let run = |args: &[&str]| repo.run_with(args, &[("PATH", &path)]);
    for looking in [
        &["plan"][..],
        &["status"],
        &["events"],
        &["--dry-run"],
        &["gc"],
    ] {
        run(looking).expect(0);
    }
    let doctor = run(&["doctor"]).expect(2);
    assert!(
        doctor.stdout.contains("there is no program `git` on PATH"),
        "{}",
        doctor.stdout
    );
    let ended = run(&CLAUDE);
    refused(&repo, ended, &["git", "install git"]);
    repo.run(&CLAUDE).expect(0);
    // Also where a lane stands already, and the command is needed only to fetch and to push.
    repo.write("specs/work.md", spec_of(2, 2));
    let calls = repo.calls().len();
    let ended = run(&CLAUDE);
    let ended = ended.expect(2);
    assert!(ended.stderr.contains("install git"), "{}", ended.stderr);
    assert_eq!(repo.calls().len(), calls);
}

#[test]
fn a_repository_of_another_user_is_refused_with_the_way_out() {
    if !geteuid().is_root() {
        eprintln!("SKIPPED: only root can give a repository away");
        return;
    }
    let repo = repo_of(1);
    give(&repo.root, NOBODY);
    for verb in [
        None,
        Some("plan"),
        Some("status"),
        Some("doctor"),
        Some("gc"),
    ] {
        let args: Vec<&str> = verb.into_iter().collect();
        let ended = repo.run(&args);
        let way_out = format!(
            "git config --global --add safe.directory '{}'",
            repo.root.display()
        );
        refused(&repo, ended, &["belongs to another user", &way_out]);
    }
    let ended = repo.run(&["plan", "specs"]);
    let way_out = format!("safe.directory '{}'", repo.root.display());
    refused(&repo, ended, &[&way_out]);
    assert!(!repo.root.join(".codelicious").exists());
    // What it says helps, in a home without a configuration of git elsewhere.
    let line = format!("[safe]\n\tdirectory = {}\n", repo.root.display());
    fs::write(repo.base().join("home/.gitconfig"), line).unwrap();
    let mut command = repo.command(&CLAUDE);
    let output = command.env_remove("GIT_CONFIG_GLOBAL").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    give(&repo.root, 0);
    built(&repo, &["T001"]);
}

#[test]
fn a_detached_head_without_a_remote_needs_a_base() {
    let repo = repo_of(1);
    repo.git(&["remote", "remove", "origin"]);
    repo.git(&["checkout", "-q", "--detach"]);
    refused(&repo, repo.run(&CLAUDE), &["HEAD is detached", "--base"]);
    refused(&repo, repo.run(&["plan"]), &["HEAD is detached", "--base"]);
    repo.run(&["--engine", "claude", "--base", "main"])
        .expect(0);
    built(&repo, &["T001"]);
}

#[test]
fn a_linked_worktree_of_a_bare_repository_is_refused() {
    let repo = repo_of(1);
    let tree = repo.base().join("tree");
    repo.git_in(
        &repo.origin,
        &["worktree", "add", "-q", &tree.display().to_string(), "main"],
    );
    fs::create_dir_all(tree.join("specs")).unwrap();
    fs::write(tree.join("specs/work.md"), spec_of(1, 1)).unwrap();
    for args in [
        &["../tree"][..],
        &["plan", "../tree"],
        &["status", "../tree"],
        &["gc", "../tree"],
    ] {
        let ended = repo.run(args);
        refused(
            &repo,
            ended,
            &["without a main one", "run codelicious in a clone"],
        );
    }
    assert!(!tree.join(".codelicious").exists() && !repo.base().join(".codelicious").exists());
}

#[test]
fn a_submodule_of_the_users_stays_where_it_points() {
    let repo = repo_of(2);
    let other = repo.base().join("other");
    repo.git_in(
        &repo.base(),
        &["init", "-q", "--initial-branch=main", "other"],
    );
    fs::write(other.join("lib.txt"), "lib\n").unwrap();
    repo.git_in(&other, &["add", "-A"]);
    repo.git_in(
        &other,
        &[
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@x",
            "commit",
            "-qm",
            "Lib",
        ],
    );
    let url = format!("file://{}", other.display());
    repo.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        &url,
        "vendor/lib",
    ]);
    repo.git(&["add", ".gitmodules", "vendor"]);
    repo.git(&["commit", "-qm", "A submodule"]);
    repo.git(&["push", "-q"]);
    let before = repo.users_things();
    let pointer = |rev: &str| repo.git(&["ls-tree", rev, "vendor/lib"]);
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [{"write": {"path": "vendor/beside.txt", "text": "beside\n"}}]}]}));
    let ended = repo.run(&CLAUDE);
    ended.expect(0);
    built(&repo, &["T001", "T002"]);
    assert_eq!(pointer(BRANCH), pointer("main"));
    assert!(
        pointer(BRANCH).starts_with("160000 commit"),
        "{}",
        pointer(BRANCH)
    );
    assert_eq!(
        repo.git(&["diff", "--name-only", "main", BRANCH]),
        "specs/work.md\nvendor/beside.txt\nwork/T001.txt"
    );
    assert_eq!(repo.users_things(), before);
    let lane = repo.lanes().remove(0);
    assert_eq!(repo.git_in(&lane, &["status", "--porcelain"]), "");
    // A lane with one goes as any other does.
    repo.git(&["branch", "-q", "-f", "merged", BRANCH]);
    fs::remove_file(repo.root.join("specs/work.md")).unwrap();
    repo.git(&["merge", "-q", "--ff-only", BRANCH]);
    repo.git(&["push", "-q", "origin", "main"]);
    let said = repo.run(&["gc", "--yes", "-v"]).expect(0);
    assert!(said.stdout.contains("removed 1 lane"), "{}", said.stdout);
    assert!(!lane.exists());
}

#[test]
fn a_shallow_clone_is_built_in_and_delivers() {
    let repo = repo_of(2);
    for n in 0..3 {
        repo.write("history.txt", format!("{n}\n"));
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-qm", "History"]);
    }
    repo.git(&["push", "-q"]);
    let clone = repo.clone_with("shallow", &["--depth", "1"]);
    assert_eq!(clone.git(&["rev-list", "--count", "HEAD"]), "1");
    let ended = clone.run(&CLAUDE);
    ended.expect(0);
    repo.git(&["fetch", "-q", "origin"]);
    assert_eq!(
        repo.git(&["diff", "--name-only", "main", &format!("origin/{BRANCH}")]),
        "specs/work.md\nwork/T001.txt\nwork/T002.txt"
    );
    assert_eq!(
        repo.git(&["merge-base", "main", &format!("origin/{BRANCH}")]),
        repo.git(&["rev-parse", "main"])
    );
    // The next run of the same clone, and of another such clone, has nothing to do.
    clone.run(&CLAUDE).expect(0);
    let other = repo.clone_with("shallow-2", &["--depth", "1"]);
    let ended = other.run(&CLAUDE);
    ended.expect(0);
    assert_eq!(repo.calls().len(), 2);
    other.run(&["gc", "--yes"]).expect(0);
    let other = repo.clone_with("shallow-3", &["--depth", "1", "--no-single-branch"]);
    other.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 2);
}

#[test]
fn a_repository_reached_through_a_link_is_the_same_repository() {
    let repo = repo_of(2);
    let link = repo.base().join("link");
    std::os::unix::fs::symlink(&repo.root, &link).unwrap();
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [], "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "slow down"}}]}));
    repo.run(&["--engine", "claude", "../link"]).expect(6);
    let inside = repo.command(&CLAUDE).current_dir(&link).output().unwrap();
    assert_eq!(
        inside.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&inside.stderr)
    );
    assert_eq!(repo.asked_for(), ["T001", "T002", "T002"]);
    assert_eq!(repo.lanes().len(), 1);
    built(&repo, &["T001", "T002"]);
}

/// Builds with a stop in between, and goes on with the command that the postmortem offers.
fn builds_in_a_folder_called(name: &OsStr) {
    let mut repo = repo_of(2);
    let moved = repo.base().join(name);
    if fs::rename(&repo.root, &moved).is_err() {
        eprintln!("SKIPPED: this file system takes no such name");
        return;
    }
    repo.root = moved;
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [], "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "slow down"}}]}));
    for looking in [
        &["plan"][..],
        &["status"],
        &["doctor"],
        &["plan", "--json"],
        &["status", "--json"],
    ] {
        repo.run(looking).expect(0);
    }
    let ended = repo.run(&["--engine", "claude", "--max-commits-per-pr", "5"]);
    ended.expect(6);
    let pages = repo.postmortems();
    let (_, rest) = pages[0].split_once("```sh\n").expect("a command");
    let line = rest.split_once("\n```").expect("its end").0;
    let words = line.strip_prefix("codelicious").expect("our name");
    assert!(words.contains("--max-commits-per-pr 5"), "{line}");
    let ours = repo.command::<&str>(&[]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("'{}'{words}", program().display())])
        .current_dir("/")
        .env_clear();
    shell.envs(ours.get_envs().filter_map(|(k, v)| Some((k, v?))));
    let output = shell.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    built(&repo, &["T001", "T002"]);
    let events = repo.run(&["events", "--json"]).expect(0);
    assert!(events.stdout.lines().count() > 10);
    repo.run(&["gc", "--yes"]).expect(0);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 3);
}

#[test]
fn a_folder_with_spaces_and_quotes() {
    builds_in_a_folder_called(OsStr::new("it's  my \"$project\" `x`"));
}

#[test]
fn a_folder_whose_name_is_not_utf8() {
    builds_in_a_folder_called(&OsString::from_vec(b"proj\xffect \xe9".to_vec()));
}

#[test]
fn a_folder_whose_name_has_a_line_end() {
    builds_in_a_folder_called(OsStr::from_bytes(b"two\nlines"));
}

#[test]
fn without_a_home_a_run_says_what_to_set_and_looking_works() {
    let repo = repo_of(1);
    let run = |args: &[&str]| {
        let mut command = repo.command(args);
        for name in ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"] {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    };
    for looking in [&["plan"][..], &["status"], &["events"], &["gc"]] {
        run(looking).expect(0);
    }
    let ended = run(&CLAUDE);
    refused(
        &repo,
        ended,
        &["neither HOME nor XDG_CACHE_HOME is set", "`[worktree] dir`"],
    );
    let lanes = repo.base().join("lanes");
    repo.write(
        "codelicious.toml",
        format!(
            "[verify]\ncommands = [\"sh check.sh\"]\n[worktree]\ndir = {}\n",
            json!(lanes)
        ),
    );
    // The engine's variables do not come from the user's configuration any more.
    let ended = run(&CLAUDE);
    ended.expect(0);
    built(&repo, &["T001"]);
    // In a folder of the repository's own, below the one that was named.
    let own = std::fs::read_dir(&lanes).expect("it is there").flatten();
    let own: Vec<_> = own.map(|e| e.path()).collect();
    assert_eq!(own.len(), 1, "{own:?}");
    assert!(own[0].join("specs-work/README.md").exists());
}

#[test]
fn a_git_folder_that_stands_elsewhere() {
    let mut repo = repo_of(1);
    let git = repo.base().join("elsewhere.git");
    repo.git(&[
        "init",
        "-q",
        "--separate-git-dir",
        &git.display().to_string(),
    ]);
    assert!(repo.root.join(".git").is_file());
    let ended = repo.run(&CLAUDE);
    ended.expect(0);
    built(&repo, &["T001"]);
    // From a linked worktree of it the main one cannot be told.
    let linked = repo.base().join("linked");
    repo.git(&[
        "worktree",
        "add",
        "-q",
        "--detach",
        &linked.display().to_string(),
    ]);
    let main = std::mem::replace(&mut repo.root, linked);
    let ended = repo.run(&CLAUDE);
    let ended = ended.expect(2);
    assert!(
        ended
            .stderr
            .contains("run codelicious in the main worktree"),
        "{}",
        ended.stderr
    );
    assert!(!repo.root.join(".codelicious").exists());
    repo.root = main;
    repo.run(&["gc", "--yes"]).expect(0);
}

#[test]
fn a_checkout_of_a_submodule_is_a_repository_of_its_own() {
    let repo = repo_of(1);
    let outer = repo.base().join("outer");
    repo.git_in(
        &repo.base(),
        &["init", "-q", "--initial-branch=main", "outer"],
    );
    let url = format!("file://{}", repo.origin.display());
    repo.git_in(
        &outer,
        &[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "add",
            "-q",
            &url,
            "inner",
        ],
    );
    let inner = outer.join("inner");
    for (key, value) in [("user.name", "Ada"), ("user.email", "ada@localhost")] {
        repo.git_in(&outer, &["config", key, value]);
        repo.git_in(&inner, &["config", key, value]);
    }
    repo.git_in(&outer, &["commit", "-qm", "Outer"]);
    fs::create_dir_all(inner.join("specs")).unwrap();
    fs::write(inner.join("specs/work.md"), spec_of(2, 2)).unwrap();
    assert!(inner.join(".git").is_file());
    // From inside of it, and from a linked worktree of it.
    let linked = repo.base().join("linked");
    repo.git_in(
        &inner,
        &[
            "worktree",
            "add",
            "-q",
            "--detach",
            &linked.display().to_string(),
        ],
    );
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [], "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "slow down"}}]}));
    for (dir, code) in [(&inner, 6), (&linked, 0)] {
        let output = repo.command(&CLAUDE).current_dir(dir).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
    }
    assert_eq!(repo.asked_for(), ["T001", "T002", "T002"]);
    assert!(inner.join(".codelicious").exists() && !linked.join(".codelicious").exists());
    assert!(!outer.join(".codelicious").exists());
    assert_eq!(
        repo.git_in(&inner, &["rev-list", "--count", &format!("main..{BRANCH}")]),
        "3"
    );
    let status = ["status", "--porcelain", "--ignore-submodules=untracked"];
    assert_eq!(repo.git_in(&outer, &status), "");
}

#[test]
fn a_folder_that_stands_where_a_lane_goes_is_left_alone() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(1, 1));
    repo.run(&CLAUDE).expect(0);
    let lane = repo.lanes().pop().expect("there is one");
    fs::remove_dir_all(&lane).unwrap();
    repo.git(&["worktree", "prune"]);
    fs::create_dir_all(&lane).unwrap();
    fs::write(lane.join("thesis.txt"), "mine").unwrap();
    repo.write("specs/work.md", spec_of(2, 2));
    let ended = repo.run(&CLAUDE).expect(2);
    assert!(
        ended
            .stderr
            .contains("there is a folder that is not a lane of this repository"),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read_to_string(lane.join("thesis.txt")).unwrap(), "mine");
    fs::remove_dir_all(&lane).unwrap();
    repo.run(&CLAUDE).expect(0);
}
