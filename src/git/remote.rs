//! The remote through the git command: fetching, and what every command of ours has in common.

use super::address::without_credentials;
use super::error::{Context, GitError};
use super::git_place::GitPlace;
use super::{NOTES, REMOTE_NOTES};
use crate::crash::{self, Point};
use crate::model::Oid;
use crate::model::policy::SandboxPolicy;
use crate::ports::StopSignal;
use crate::proc::{self, Command, Limits};
use std::path::Path;
use std::time::Duration;

/// Bound on one fetch or push.
const NETWORK_TIME: Duration = Duration::from_secs(600);
/// Bound on a remote that says nothing.
const NETWORK_IDLE: Duration = Duration::from_secs(120);

/// Git as every command here starts it: in plain words, without asking anybody for anything.
pub(super) fn git(root: &Path, env: &[(String, String)], policy: SandboxPolicy) -> Command {
    let mut command = Command::new("git", root, policy)
        .env(env.iter().cloned())
        .env([
            ("LC_ALL".to_owned(), "C".to_owned()),
            ("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()),
        ])
        // A repack in the background would outlive the command; it is the user's own git's to do.
        .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"])
        // Chunks are built on what is fetched.
        .args(["-c", "core.fsync=all"])
        // Hooks are the repository's; the driver runs them.
        .args(["-c", "core.hooksPath=/dev/null"]);
    // Nobody is there to type a passphrase.
    if !env
        .iter()
        .any(|(k, _)| k == "GIT_SSH_COMMAND" || k == "GIT_SSH")
    {
        command = command.env([
            ("SSH_ASKPASS".to_owned(), "false".to_owned()),
            ("SSH_ASKPASS_REQUIRE".to_owned(), "force".to_owned()),
        ]);
    }
    command
}

pub(super) fn limits() -> Limits {
    Limits {
        total: Some(NETWORK_TIME),
        idle: Some(NETWORK_IDLE),
        ..Limits::default()
    }
}

/// Fetches the remote's branches and our refs below `refs/codelicious/`. Branches of ours that are gone
/// there are forgotten here. `notes`: its notes of evidence too, where it has such.
///
/// # Errors
/// The remote cannot be reached or refuses; the message is git's own.
pub async fn fetch(
    place: &GitPlace,
    remote: &str,
    env: &[(String, String)],
    notes: bool,
    stop: StopSignal,
) -> Result<(), GitError> {
    let what = format!("fetching from {remote}");
    let heads = format!("+refs/heads/*:refs/remotes/{remote}/*");
    // A pattern, since git refuses to fetch a ref by name that is not there.
    let notes = notes.then(|| format!("+{NOTES}*:{REMOTE_NOTES}*"));
    let command = git(&place.root, env, SandboxPolicy::Trusted).env(place.env.iter().cloned());
    let command = command.args([
        "fetch",
        "--quiet",
        "--no-tags",
        "--prune",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        remote,
        &heads,
        "+refs/codelicious/sync/*:refs/codelicious/remote-sync/*",
        "+refs/codelicious/plans/*:refs/codelicious/remote-plans/*",
    ]);
    let command = command.args(notes);
    let done = proc::output(&command, limits(), stop).await.map_err(|e| {
        GitError::new(
            &what,
            e.to_string(),
            "install git and make sure that it is on PATH",
        )
    })?;
    if done.success() {
        return Ok(());
    }
    let words = done.stderr.text();
    Err(GitError::new(
        what,
        without_credentials(words.trim()),
        "look at `git fetch` by hand: `git remote -v` shows where it goes",
    ))
}

/// `git worktree add`, without the repository's hooks. The lane's `.git` file leads to the place afterwards, until the
/// lane is opened.
///
/// # Errors
/// Git's own words.
pub async fn add_worktree(
    place: &GitPlace,
    dir: &Path,
    tip: &Oid,
    env: &[(String, String)],
    stop: StopSignal,
) -> Result<(), GitError> {
    let what = format!("making the lane {}", dir.display());
    let command = git(&place.root, env, SandboxPolicy::Trusted)
        .env(place.env.iter().cloned())
        .args([
            "-c",
            "advice.detachedHead=false",
            "worktree",
            "add",
            "--quiet",
            "--force",
            "--detach",
        ])
        .args([dir.as_os_str(), std::ffi::OsStr::new(tip.as_str())]);
    let limits = Limits {
        total: Some(NETWORK_TIME),
        ..Limits::default()
    };
    let done = proc::output(&command, limits, stop).await.map_err(|e| {
        GitError::new(
            &what,
            e.to_string(),
            "install git and make sure that it is on PATH",
        )
    })?;
    if done.success() {
        return crash::point(Point::WorktreeMade).doing(|| what);
    }
    Err(GitError::new(
        what,
        done.stderr.text().trim(),
        "look at the disk's space and at who may write there, or move lanes elsewhere with `[worktree] dir`",
    ))
}
