//! The remote: fetching and pushing through the git command, and what its failures mean.

use super::error::GitError;
use crate::model::Oid;
use crate::model::effect::{PushFailure, PushFailureKind};
use crate::model::policy::SandboxPolicy;
use crate::ports::StopSignal;
use crate::proc::{self, Command, Ended, Finished, Limits};
use std::path::Path;
use std::time::Duration;

/// Bound on one fetch or push.
const NETWORK_TIME: Duration = Duration::from_secs(600);
/// Bound on a remote that says nothing.
const NETWORK_IDLE: Duration = Duration::from_secs(120);

fn git(root: &Path, env: &[(String, String)]) -> Command {
    let mut command = Command::new("git", root, SandboxPolicy::Trusted)
        .env(env.iter().cloned())
        .env([
            ("LC_ALL".to_owned(), "C".to_owned()),
            ("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()),
        ])
        // A repack in the background would outlive the command; it is the user's own git's to do.
        .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"]);
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

fn limits() -> Limits {
    Limits {
        total: Some(NETWORK_TIME),
        idle: Some(NETWORK_IDLE),
        ..Limits::default()
    }
}

/// Fetches the remote's branches and our refs below `refs/codelicious/`. Branches of ours that are gone
/// there are forgotten here.
///
/// # Errors
/// The remote cannot be reached or refuses; the message is git's own.
pub async fn fetch(
    root: &Path,
    remote: &str,
    env: &[(String, String)],
    stop: StopSignal,
) -> Result<(), GitError> {
    let what = format!("fetching from {remote}");
    let heads = format!("+refs/heads/*:refs/remotes/{remote}/*");
    let command = git(root, env).args([
        "-c",
        "core.hooksPath=/dev/null",
        "fetch",
        "--quiet",
        "--no-tags",
        "--prune",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        remote,
        &heads,
        "+refs/codelicious/sync/*:refs/codelicious/remote-sync/*",
    ]);
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
        words.trim(),
        "look at `git fetch` by hand: `git remote -v` shows where it goes",
    ))
}

/// Sends `tip` to `branch`, and the spec's sync ref with it when there is one. Never forces a branch.
///
/// # Errors
/// A classified [`PushFailure`].
pub async fn push(
    root: &Path,
    remote: &str,
    branch: &str,
    tip: &Oid,
    sync_ref: Option<&str>,
    env: &[(String, String)],
    stop: StopSignal,
) -> Result<(), PushFailure> {
    let mut refspecs = vec![format!("{tip}:refs/heads/{branch}")];
    refspecs.extend(sync_ref.map(|r| format!("+{r}:{r}")));
    let command = git(root, env)
        .args(["push", "--quiet", "--porcelain", "--no-follow-tags", remote])
        .args(refspecs);
    match proc::output(&command, limits(), stop).await {
        Ok(done) if done.success() => Ok(()),
        Ok(done) => Err(classify_push(&done)),
        Err(e) => Err(PushFailure {
            kind: PushFailureKind::Other,
            message: e.to_string(),
        }),
    }
}

/// What a failed push means. Git says it in words only, in the C locale, so words are what there is to
/// read; the porcelain status of a ref is preferred where there is one (git-push(1), OUTPUT).
pub fn classify_push(done: &Finished) -> PushFailure {
    let out = done.stdout.text();
    let err = done.stderr.text();
    let rejected = out
        .lines()
        .find(|l| l.starts_with('!'))
        .unwrap_or_default()
        .to_owned();
    let has = |needles: &[&str]| needles.iter().any(|n| err.contains(n));
    let kind = if done.ended != Ended::Itself {
        PushFailureKind::Transient
    } else if rejected.contains("hook declined")
        || has(&["pre-push hook declined", "hook declined"])
    {
        PushFailureKind::HookDeclined
    } else if ["non-fast-forward", "fetch first", "protected", "stale info"]
        .iter()
        .any(|n| rejected.contains(n))
        || has(&["protected branch"])
    {
        PushFailureKind::Conflict
    } else if has(&[
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "Permission denied",
        "The requested URL returned error: 401",
        "The requested URL returned error: 403",
        "Invalid username or password",
        "terminal prompts disabled",
    ]) {
        PushFailureKind::Auth
    } else if has(&[
        "cannot lock ref",
        "Could not resolve host",
        "Connection refused",
        "Connection timed out",
        "Connection reset",
        "Operation timed out",
        "The remote end hung up unexpectedly",
        "early EOF",
        "RPC failed",
        "The requested URL returned error: 5",
        "Temporary failure in name resolution",
    ]) {
        PushFailureKind::Transient
    } else {
        PushFailureKind::Other
    };
    let words: Vec<&str> = [rejected.trim(), err.trim()]
        .into_iter()
        .filter(|w| !w.is_empty())
        .collect();
    let message = if words.is_empty() {
        format!("git push ended with exit code {}", done.code)
    } else {
        words.join("\n")
    };
    PushFailure { kind, message }
}

/// The remote's push address, for messages; credentials in it are left out.
pub fn remote_url(repo: &super::Repo, remote: &str) -> Option<String> {
    let url = repo
        .config(&format!("remote.{remote}.pushurl"))
        .or_else(|| repo.config(&format!("remote.{remote}.url")))?;
    Some(match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}{}", &url[..scheme + 3], &url[at + 1..])
        }
        _ => url,
    })
}

/// `git worktree add`, without the repository's hooks.
///
/// # Errors
/// Git's own words.
pub async fn add_worktree(
    root: &Path,
    dir: &Path,
    tip: &Oid,
    env: &[(String, String)],
    stop: StopSignal,
) -> Result<(), GitError> {
    let what = format!("making the lane {}", dir.display());
    let command = git(root, env)
        .args([
            "-c",
            "core.hooksPath=/dev/null",
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
        return Ok(());
    }
    Err(GitError::new(
        what,
        done.stderr.text().trim(),
        "look at the disk's space, or move lanes elsewhere with `[worktree] dir`",
    ))
}
