//! Where pull requests live.
//!
//! One port for every forge. What it offers is idempotent: a pull request is known by its head branch, a comment by
//! its key, so that whoever asks twice, or asks again after a crash or a lost answer, finds what is there.

use super::LocalBoxFuture;
use crate::model::PrState;
use chrono::{DateTime, Utc};

/// Where pull requests live.
pub trait Forge {
    /// `local`, `github`, `gitlab`, `gitea`.
    fn name(&self) -> &str;

    /// Looks whether a run could deliver here: token, repository, rights, and who and what is named in `wanted`.
    /// Writes nothing. What would stop the run is in [`ForgeCheck::problems`]; an error is a forge that could not
    /// be asked.
    fn check<'a>(
        &'a self,
        wanted: &'a Wanted,
    ) -> LocalBoxFuture<'a, Result<ForgeCheck, ForgeError>>;

    /// Finds the pull request for a head branch, whatever its state; of several an open one, else the latest.
    fn find<'a>(&'a self, head: &'a str)
    -> LocalBoxFuture<'a, Result<Option<ForgePr>, ForgeError>>;

    /// Makes the pull request for `request.head` say what `request` says, creating it when there is none. Writes
    /// nothing where nothing differs. What is over (merged, closed) is left as it is; ready is never taken back;
    /// labels and reviewers are added and none is taken away; nobody is asked to review twice, whether they have reviewed
    /// or a person took them off; of the body only what stands between our markers is
    /// written.
    fn put<'a>(&'a self, request: &'a PrRequest) -> LocalBoxFuture<'a, Result<PutPr, ForgeError>>;

    /// One issue.
    fn issue(&self, number: u64) -> LocalBoxFuture<'_, Result<ForgeIssue, ForgeError>>;

    /// The open issues that bear a label, by number.
    fn issues<'a>(
        &'a self,
        label: &'a str,
    ) -> LocalBoxFuture<'a, Result<Vec<ForgeIssue>, ForgeError>>;

    /// Makes our one comment at an issue say what `request` says, creating it when there is none. On GitHub ours is
    /// whatever bears our mark and was written by somebody who may write to the repository; GitLab and Gitea do not tell
    /// that of a comment's author, so that there it is what the token's own user wrote: with another user's token a
    /// second comment comes to be.
    fn comment<'a>(
        &'a self,
        request: &'a CommentRequest,
    ) -> LocalBoxFuture<'a, Result<(), ForgeError>>;

    /// The address at which people read a file of a branch; None where there is no such page.
    fn file_url(&self, branch: &str, path: &str) -> Option<String>;
}

/// What a run will ask of the forge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub labels: Vec<String>,
    /// As in [`PrRequest::reviewers`].
    pub reviewers: Vec<String>,
    /// Branch that pull requests target.
    pub base: String,
}

/// What a forge says of itself before a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForgeCheck {
    /// The repository as the forge calls it, for people: `owner/name at github.com`.
    pub repository: String,
    /// Who the token belongs to, where the forge says so.
    pub user: Option<String>,
    /// True where nobody may push to the base directly; None where the forge does not tell.
    pub base_is_protected: Option<bool>,
    /// What is worth knowing and stops nothing: rights that the forge does not tell, no drafts, an expiry date.
    pub notes: Vec<String>,
    /// What would keep the run from delivering.
    pub problems: Vec<ForgeProblem>,
}

/// Something that keeps a run from delivering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgeProblem {
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// What a pull request should say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrRequest {
    pub head: String,
    pub base: String,
    pub title: String,
    pub body: String,
    pub ready: bool,
    pub labels: Vec<String>,
    /// Names of users; `team:name` for a team of the repository's organisation, where a forge has such.
    pub reviewers: Vec<String>,
}

/// A pull request that says what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutPr {
    pub pr: ForgePr,
    /// What the forge did otherwise than asked, as sentences for people: `drafts are not to be had here`.
    pub notes: Vec<String>,
}

/// A pull request as the forge knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgePr {
    pub number: u64,
    pub url: String,
    pub state: PrState,
    /// Branch it is to be merged into.
    pub base: String,
}

/// An issue as the forge knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgeIssue {
    pub number: u64,
    pub url: String,
    pub title: String,
    pub body: String,
    /// Login of who wrote it.
    pub author: String,
    pub is_open: bool,
    pub labels: Vec<String>,
}

/// What our comment at an issue should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentRequest {
    pub issue: u64,
    /// Which of our comments it is: stands in it, hidden, and is how it is found again.
    pub key: String,
    pub body: String,
}

/// Why the forge did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ForgeError {
    pub kind: ForgeErrorKind,
    pub message: String,
    /// What to do about it; empty where trying again is all there is.
    pub remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForgeErrorKind {
    /// The token is missing, wrong or over.
    Auth,
    /// The token is good, but may not do this.
    Forbidden,
    /// There is no such repository, issue or branch, or the token may not see it.
    NotFound,
    /// The request was understood and refused.
    Refused,
    /// Nothing is to be asked before this time.
    Limited { until: Option<DateTime<Utc>> },
    /// Network, timeouts, 5xx: worth another try.
    Transient,
    /// The answer is not what the forge documents.
    Protocol,
    /// This forge has no such thing.
    Unsupported,
}

impl ForgeError {
    /// Worth another try later.
    pub fn is_transient(&self) -> bool {
        match self.kind {
            ForgeErrorKind::Limited { .. } | ForgeErrorKind::Transient => true,
            ForgeErrorKind::Auth
            | ForgeErrorKind::Forbidden
            | ForgeErrorKind::NotFound
            | ForgeErrorKind::Refused
            | ForgeErrorKind::Protocol
            | ForgeErrorKind::Unsupported => false,
        }
    }
}
