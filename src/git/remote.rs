//! The remote: fetching and pushing through the git command, and what its failures mean.

use super::error::{Context, GitError};
use crate::crash::{self, Point};
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
        .args(["-c", "core.fsync=all"]);
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
    let command = git(root, env, SandboxPolicy::Trusted).args([
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
        "+refs/codelicious/plans/*:refs/codelicious/remote-plans/*",
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

/// What goes to the remote.
#[derive(Clone, Debug)]
pub struct PushRequest {
    pub remote: String,
    pub branch: String,
    pub tip: Oid,
    /// Where the branch was last seen, if it is to be replaced: only from there, and otherwise never.
    pub replaces: Option<Oid>,
    /// The spec's sync and plan refs, where there are such.
    pub beside: Vec<String>,
}

/// Sends a commit to a branch, and the spec's other refs with it.
///
/// # Errors
/// A classified [`PushFailure`].
pub async fn push(
    root: &Path,
    request: &PushRequest,
    env: &[(String, String)],
    stop: StopSignal,
) -> Result<(), PushFailure> {
    let PushRequest {
        remote,
        branch,
        tip,
        replaces,
        beside,
    } = request;
    let mut refspecs = vec![format!("{tip}:refs/heads/{branch}")];
    refspecs.extend(beside.iter().map(|r| format!("+{r}:{r}")));
    let lease = replaces
        .as_ref()
        .map(|seen| format!("--force-with-lease=refs/heads/{branch}:{seen}"));
    let command = git(root, env, SandboxPolicy::Trusted)
        .env([(proc::PUSH_MARK.to_owned(), proc::push_mark().to_owned())])
        .args(["push", "--quiet", "--porcelain", "--no-follow-tags"])
        .args(lease)
        .args([remote])
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

/// Why a push failed, from git's exit, its porcelain lines and its own words (git-push(1), "OUTPUT").
fn classify_push(done: &Finished) -> PushFailure {
    let out = done.stdout.text();
    let err = done.stderr.text();
    let rejected = out.lines().find(|l| l.starts_with('!'));
    let rejected = rejected.unwrap_or_default().to_owned();
    let kind = if done.ended == Ended::Itself {
        push_failure_kind(&rejected, &err)
    } else {
        PushFailureKind::Transient
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

/// `rejected` is the porcelain line of the ref that was refused, `err` what git wrote to standard error. In
/// order: what the server decided, what another try may cure, who we are.
fn push_failure_kind(rejected: &str, err: &str) -> PushFailureKind {
    const HOOK: [&str; 1] = ["hook declined"];
    const CONFLICT: [&str; 4] = ["non-fast-forward", "fetch first", "protected", "stale info"];
    // Another push was there at the same moment, perhaps that of a run that was killed.
    const RACE: [&str; 4] = [
        "cannot lock ref",
        "failed to update ref",
        "incorrect old value",
        "reference already exists",
    ];
    const AUTH: [&str; 8] = [
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "Permission denied",
        "The requested URL returned error: 401",
        "The requested URL returned error: 403",
        "Invalid username or password",
        "terminal prompts disabled",
    ];
    const NETWORK: [&str; 10] = [
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
    ];
    let says = |text: &str, needles: &[&str]| needles.iter().any(|n| text.contains(n));
    if says(rejected, &CONFLICT) || err.contains("protected branch") {
        PushFailureKind::Conflict
    } else if says(rejected, &HOOK) || says(err, &HOOK) {
        PushFailureKind::HookDeclined
    } else if says(rejected, &RACE) {
        PushFailureKind::Transient
    } else if says(err, &AUTH) {
        PushFailureKind::Auth
    } else if says(err, &RACE) || says(err, &NETWORK) {
        PushFailureKind::Transient
    } else {
        PushFailureKind::Other
    }
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
    let command = git(root, env, SandboxPolicy::Trusted)
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
        return crash::point(Point::WorktreeMade).doing(|| what);
    }
    Err(GitError::new(
        what,
        done.stderr.text().trim(),
        "look at the disk's space and at who may write there, or move lanes elsewhere with `[worktree] dir`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_a_push_are_told_apart() {
        use PushFailureKind::{Auth, Conflict, HookDeclined, Other, Transient};
        let line = |why: &str| format!("!\tabc:refs/heads/x\t{why}");
        for (rejected, err, kind) in [
            (
                "[remote rejected] (pre-receive hook declined)",
                "",
                HookDeclined,
            ),
            (
                "",
                "error: failed to push some refs: pre-push hook declined",
                HookDeclined,
            ),
            (
                "[rejected] (non-fast-forward)",
                "hint: Updates were rejected",
                Conflict,
            ),
            ("[rejected] (fetch first)", "", Conflict),
            (
                "[remote rejected] (protected branch hook declined)",
                "",
                Conflict,
            ),
            (
                "",
                "remote: GitLab: You are not allowed to push to a protected branch",
                Conflict,
            ),
            (
                "[remote rejected] (incorrect old value provided)",
                "",
                Transient,
            ),
            (
                "[remote rejected] (reference already exists)",
                "",
                Transient,
            ),
            (
                "[remote rejected] (failed to update ref)",
                "remote: error: cannot lock ref",
                Transient,
            ),
            (
                "",
                "fatal: Authentication failed for 'https://localhost/x'",
                Auth,
            ),
            ("", "git@localhost: Permission denied (publickey).", Auth),
            (
                "",
                "fatal: unable to access: Could not resolve host: localhost",
                Transient,
            ),
            ("", "error: RPC failed; HTTP 500", Transient),
            (
                "",
                "fatal: '/gone.git' does not appear to be a git repository",
                Other,
            ),
        ] {
            assert_eq!(
                push_failure_kind(&line(rejected), err),
                kind,
                "{rejected} {err}"
            );
        }
    }
}
