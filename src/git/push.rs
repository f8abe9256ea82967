//! Sending commits to the remote through the git command.

use super::NOTES;
use super::address::without_credentials;
use super::git_place::GitPlace;
use super::push_words::{Refused, kind_of, refused, told};
use super::remote::{git, limits};
use crate::model::Oid;
use crate::model::effect::{PushFailure, PushFailureKind};
use crate::model::policy::SandboxPolicy;
use crate::ports::StopSignal;
use crate::proc::{self, Ended, Finished};

/// What goes to the remote.
#[derive(Clone, Debug)]
pub struct PushRequest {
    pub remote: String,
    pub branch: String,
    pub tip: Oid,
    /// Where the branch was last seen, if it is to be replaced: only from there, and otherwise never.
    pub replaces: Option<Oid>,
    /// The spec's sync and plan refs, where there are such, which are replaced; and the notes, to which others add.
    pub beside: Vec<String>,
}

/// Sends a commit to a branch, and the spec's other refs with it. Gives back what the remote refused of those,
/// in words: the branch counts without them.
///
/// # Errors
/// A classified [`PushFailure`].
pub async fn push(
    place: &GitPlace,
    request: &PushRequest,
    env: &[(String, String)],
    stop: StopSignal,
) -> Result<Vec<String>, PushFailure> {
    let PushRequest {
        remote,
        branch,
        tip,
        replaces,
        beside,
    } = request;
    let mut refspecs = vec![format!("{tip}:refs/heads/{branch}")];
    refspecs.extend(beside.iter().map(|r| match r == NOTES {
        true => format!("{r}:{r}"),
        false => format!("+{r}:{r}"),
    }));
    let lease = replaces
        .as_ref()
        .map(|seen| format!("--force-with-lease=refs/heads/{branch}:{seen}"));
    let command = git(&place.root, env, SandboxPolicy::Trusted)
        .env(place.env.iter().cloned())
        .env([(proc::PUSH_MARK.to_owned(), proc::push_mark().to_owned())])
        .args(["push", "--quiet", "--porcelain", "--no-follow-tags"])
        .args(["--no-verify"])
        .args(lease)
        .args([remote])
        .args(refspecs);
    match proc::output(&command, limits(), stop).await {
        Ok(done) if done.success() => Ok(Vec::new()),
        Ok(done) => judge(&done, branch),
        Err(e) => Err(PushFailure {
            kind: PushFailureKind::Other,
            message: e.to_string(),
        }),
    }
}

/// Where refs stand on the remote, of those that a push is to change: `(name, commit)`.
///
/// # Errors
/// A classified [`PushFailure`].
pub async fn on_remote(
    place: &GitPlace,
    request: &PushRequest,
    env: &[(String, String)],
    stop: StopSignal,
) -> Result<Vec<(String, Oid)>, PushFailure> {
    let command = git(&place.root, env, SandboxPolicy::Trusted)
        .env(place.env.iter().cloned())
        .env([(proc::PUSH_MARK.to_owned(), proc::push_mark().to_owned())])
        .args(["ls-remote", "--quiet", &request.remote])
        .args([format!("refs/heads/{}", request.branch)])
        .args(&request.beside);
    match proc::output(&command, limits(), stop).await {
        Ok(done) if done.success() => {
            let out = done.stdout.text();
            let lines = out.lines().filter_map(|line| {
                let (oid, name) = line.split_once('\t')?;
                Some((name.to_owned(), Oid::new(oid)))
            });
            Ok(lines.collect())
        }
        Ok(done) => Err(judge(&done, &request.branch)
            .err()
            .unwrap_or_else(|| PushFailure {
                kind: PushFailureKind::Other,
                message: "git ls-remote failed".to_owned(),
            })),
        Err(e) => Err(PushFailure {
            kind: PushFailureKind::Other,
            message: e.to_string(),
        }),
    }
}

/// What a push that did not end well came to.
fn judge(done: &Finished, branch: &str) -> Result<Vec<String>, PushFailure> {
    let out = done.stdout.text();
    let err = done.stderr.text();
    let refused = refused(&out);
    let is_branch = |r: &&Refused<'_>| r.to == format!("refs/heads/{branch}");
    let ended = match done.ended {
        Ended::Itself => None,
        Ended::TimedOut => Some("git push took too long and was ended"),
        Ended::Stalled => Some("git push said nothing for too long and was ended"),
        Ended::DiskSpent => Some("git push filled the disk and was ended"),
        Ended::Stopped | Ended::ByCaller => Some("git push was stopped"),
    };
    let first = refused.iter().find(is_branch).or(refused.first());
    // Git went through to the end, and the branch is not among what was refused.
    if ended.is_none() && !refused.is_empty() && !refused.iter().any(|r| is_branch(&r)) {
        let words = told(&err);
        let note = |r: &Refused<'_>| {
            let note = format!(
                "the remote took {branch} but not {}: {}; another clone will not know what it says\n{words}",
                r.to, r.why
            );
            without_credentials(note.trim_end()).into_owned()
        };
        return Ok(refused.iter().map(note).collect());
    }
    let kind = match ended {
        None => kind_of(first.map(|r| r.why), &err),
        Some(_) => PushFailureKind::Transient,
    };
    let line = first.map(|r| match is_branch(&r) {
        true => r.why.to_owned(),
        false => format!("{} {}", r.to, r.why),
    });
    let err = told(&err);
    let words: Vec<&str> = [ended, line.as_deref(), Some(err.as_str())]
        .into_iter()
        .flatten()
        .filter(|w| !w.is_empty())
        .collect();
    let message = if words.is_empty() {
        format!("git push ended with exit code {} and no word", done.code)
    } else {
        without_credentials(&words.join("\n")).into_owned()
    };
    Err(PushFailure { kind, message })
}
