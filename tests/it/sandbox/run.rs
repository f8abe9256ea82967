//! `sandbox run` in a person's own folder: what it keeps as it is, and what it leaves when it ends early.

use crate::private_homes::has_walls;
use crate::support::{Repo, finish, send, wait_until};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Child, Stdio};

/// A repository whose commands are walled in; None, loudly, where the machine has no walls.
fn repo() -> Option<Repo> {
    has_walls().then(Repo::new)
}

fn start(repo: &Repo, line: &str) -> Child {
    repo.command(&["sandbox", "run", "--", line])
        .env_remove("CODELICIOUS_SANDBOX")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Private folders of the verb in the user's cache.
fn left(repo: &Repo) -> Vec<String> {
    let names = fs::read_dir(repo.base().join("cache/codelicious"))
        .into_iter()
        .flatten();
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("sandbox-"))
        .collect()
}

#[test]
fn our_folder_is_kept_also_where_it_was_not_there_yet() {
    let Some(repo) = repo() else { return };
    repo.bare_walls();
    let ours = repo.root.join(".codelicious");
    assert!(!ours.exists());
    let line = "(mkdir -p .codelicious/moves && echo x > .codelicious/moves/a) 2>/dev/null && echo planted;
        (echo x > .codelicious/state/a) 2>/dev/null && echo written;
        (mv .codelicious aside || rm -r .codelicious) 2>/dev/null && echo moved; echo x > mine; exit 0";
    let done = finish(start(&repo, line)).expect(0);
    assert_eq!(done.stdout, "", "{}", done.stderr);
    assert!(ours.join(".gitignore").exists() && repo.root.join("mine").exists());
    assert!(!ours.join("moves").exists() && !ours.join("state/a").exists());
    assert_eq!(repo.git(&["status", "--porcelain"]).trim(), "?? mine");
}

/// Git looks into each where it is asked for the state of the whole, and runs what is configured there.
#[test]
fn git_folders_of_submodules_are_kept_too() {
    let Some(repo) = repo() else { return };
    repo.bare_walls();
    let there = repo.root.join("libs/there");
    for name in ["libs/there", "libs/absent"] {
        fs::create_dir_all(repo.root.join(name)).unwrap();
    }
    repo.git_in(&there, &["init", "-q"]);
    repo.write(
        ".gitmodules",
        "[submodule \"a\"]\n\tpath = libs/there\n\turl = x\n[submodule \"b\"]\n\tpath = libs/absent\n\turl = y\n[submodule \"c\"]\n\tpath = ../out\n",
    );
    let line = "for line in 'echo x > libs/there/.git/config' 'rm -r libs/there/.git' 'mv libs/there/.git x' 'mv libs/there x' 'mv libs x' \
        'git init libs/absent' 'rmdir libs/absent' 'mv libs/absent x'; do sh -c \"$line\" 2>/dev/null && echo \"$line\"; done;
        echo x > libs/there/mine && mkdir libs/new && mv libs/new libs/newer && echo fine";
    let done = finish(start(&repo, line)).expect(0);
    assert_eq!(done.stdout, "fine\n", "{}", done.stderr);
}

#[test]
fn a_link_in_the_place_of_what_is_kept_is_refused() {
    let Some(repo) = repo() else { return };
    repo.bare_walls();
    let (git, ours) = (repo.root.join(".git"), repo.root.join(".codelicious"));
    fs::create_dir(repo.root.join("elsewhere")).unwrap();
    symlink("elsewhere", &ours).unwrap();
    let done = finish(start(&repo, "echo it ran")).expect(2);
    assert!(
        done.stdout.is_empty() && done.stderr.contains(".codelicious"),
        "{}",
        done.stderr
    );
    fs::remove_file(&ours).unwrap();

    fs::rename(&git, repo.base().join("git")).unwrap();
    symlink("../git", &git).unwrap();
    let done = finish(start(&repo, "echo it ran")).expect(2);
    assert!(done.stdout.is_empty(), "{}", done.stdout);
    assert!(
        done.stderr.contains("symbolic link") && done.stderr.contains("gitdir:"),
        "{}",
        done.stderr
    );
    // What the remedy says works.
    fs::remove_file(&git).unwrap();
    fs::write(
        &git,
        format!("gitdir: {}\n", repo.base().join("git").display()),
    )
    .unwrap();
    let line =
        "(rm -f .git || mv .git aside || echo x > .git) 2>/dev/null && echo replaced; echo it ran";
    let done = finish(start(&repo, line)).expect(0);
    assert_eq!(done.stdout, "it ran\n", "{}", done.stderr);
}

/// A command that leaves its session and hears no signal, holding the pipe.
const HANGS: &str = "exec 9>../held; setsid sh -c 'trap \"\" INT TERM HUP; : > ../hangs; exec tail -f /dev/null' & wait";

#[test]
fn a_signal_ends_what_was_started_and_leaves_no_folder() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let Some(repo) = repo() else { return };
        let held = repo.held();
        let child = start(&repo, HANGS);
        repo.wait_for_sign("hangs");
        assert_eq!(left(&repo).len(), 1);
        send(&child, signal);
        finish(child).expect(code);
        assert!(!held.is_held(), "something still runs");
        assert_eq!(left(&repo), [""; 0]);
    }
}

#[test]
fn the_folder_of_one_that_was_killed_goes_with_the_next() {
    let Some(repo) = repo() else { return };
    let held = repo.held();
    let line = "exec 9>../held; : > ../hangs; exec tail -f /dev/null";
    let mut child = start(&repo, line);
    repo.wait_for_sign("hangs");
    send(&child, Signal::KILL);
    child.wait().unwrap();
    wait_until("the command ends with its owner", || !held.is_held());
    let before = left(&repo);
    assert_eq!(before.len(), 1);
    finish(start(&repo, "true")).expect(0);
    assert_eq!(left(&repo), [""; 0], "{before:?}");
}
