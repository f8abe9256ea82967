//! Pull requests on Gitea and Forgejo over their REST API v1 (<https://docs.gitea.com/api/>,
//! <https://forgejo.org/docs/latest/user/api-usage/>; the two share what is used here).
//!
//! What is of their own kind: nothing finds a pull request by its head, so lists are walked; a draft is a word in the
//! title; labels are named by id; who was asked to review stays asked until they, or somebody of their team, review: only the
//! timeline tells who was asked before.
//!
//! - [`wire`]: what is sent and read
//! - [`labels`]: added by their ids
//! - [`reviewers`]: who is asked to review, once
//! - [`check`]: the look before a run

mod check;
mod labels;
mod reviewers;
mod wire;

use super::Hosted;
use super::body::splice;
use super::said::{DraftWords, comment_text, is_comment, is_over, is_same};
use super::web::{Auth, Dialect, Failure, Method, Paging, Route, Web};
use crate::ports::{
    Clock, CommentRequest, Forge, ForgeCheck, ForgeError, ForgeErrorKind, ForgeIssue, ForgePr,
    LocalBoxFuture, PrRequest, PutPr, Rng, Wanted,
};
use serde::de::IgnoredAny;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use wire::{Change, Comment, Issue, Label, NewComment, NewPull, Pull, User};

/// The prefixes of a server that was not told otherwise (`WORK_IN_PROGRESS_PREFIXES`).
const DRAFT: DraftWords = DraftWords {
    ours: "WIP: ",
    known: &["wip:", "[wip]"],
};

const DIALECT: Dialect = Dialect {
    name: "Gitea",
    auth: Auth::Token,
    headers: &[("accept", "application/json")],
    paging: Paging::Numbered,
};

/// Entries of a page; servers that were not told otherwise give no more (`MAX_RESPONSE_ITEMS`).
const LIMIT: u32 = 50;

/// Pages of open pull requests that are looked through for a head.
const OPEN_PAGES: usize = 100;

/// Pages of those that are over: what a thousand came after is history that nobody builds upon.
const CLOSED_PAGES: usize = 20;

/// A repository on a Gitea or Forgejo.
pub struct Gitea {
    web: Web,
    hosted: Hosted,
    /// The labels of repository and organisation, by name, once they were read.
    labels: RefCell<Option<BTreeMap<String, Label>>>,
    /// Who the token belongs to, once it was asked; none where it may not tell.
    own: RefCell<Option<Option<String>>>,
}

impl Gitea {
    /// # Errors
    /// An address that nothing is sent to.
    pub fn new(hosted: Hosted, clock: Rc<dyn Clock>, rng: Rc<dyn Rng>) -> Result<Self, ForgeError> {
        Ok(Self {
            web: Web::new(&hosted, DIALECT, clock, rng)?,
            hosted,
            labels: RefCell::default(),
            own: RefCell::default(),
        })
    }

    /// A path below the repository's.
    fn route<const N: usize>(&self, segments: [&str; N]) -> Route {
        Route::new(["repos"])
            .join(self.hosted.repository.split('/'))
            .join(segments)
    }

    /// The pull request from a branch of this very repository: an open one, else the latest.
    async fn locate(&self, head: &str) -> Result<Option<Pull>, Failure> {
        match self.first("open", OPEN_PAGES, head).await? {
            Some(found) => Ok(Some(found)),
            None => self.first("closed", CLOSED_PAGES, head).await,
        }
    }

    /// The latest pull request of a state from a branch; lists begin with what was made last.
    async fn first(&self, state: &str, pages: usize, head: &str) -> Result<Option<Pull>, Failure> {
        let mut seen = 0;
        for page in 1..=pages {
            let route = self
                .route(["pulls"])
                .query("state", state)
                .query("limit", LIMIT)
                .query("page", page);
            let got = self.web.get_with_headers::<Vec<Pull>>(route).await?;
            let total = got.headers.get("x-total-count");
            let total: Option<usize> = total.and_then(|n| n.parse().ok());
            seen += got.value.len();
            let is_last = got.value.is_empty() || total.is_some_and(|total| seen >= total);
            let found = got.value.into_iter().filter(|p| p.is_from(head));
            if let Some(found) = found.max_by_key(|p| p.number) {
                return Ok(Some(found));
            }
            if is_last {
                break;
            }
        }
        Ok(None)
    }

    async fn pull(&self, number: u64) -> Result<Pull, Failure> {
        let number = number.to_string();
        self.web.get(self.route(["pulls", &number])).await
    }

    async fn put_now(&self, request: &PrRequest) -> Result<PutPr, Failure> {
        let mut notes = Vec::new();
        let mut now = match self.locate(&request.head).await? {
            Some(found) => found,
            None => self.create(request, &mut notes).await?,
        };
        if is_over(now.state()) {
            let pr = now.seen();
            return Ok(PutPr { pr, notes });
        }
        let change = change(&now, request);
        if change != Change::default() {
            let number = now.number.to_string();
            let route = self.route(["pulls", &number]);
            now = self.web.write(Method::Patch, route, &change).await?;
        }
        if request.ready && now.is_draft() {
            notes.push(format!(
                "pull request {} stays a draft: the server has other words for one than `{}`",
                now.number,
                DRAFT.ours.trim()
            ));
        }
        self.add_labels(&now, request, &mut notes).await?;
        self.ask_reviewers(&now, request, &mut notes).await?;
        let pr = now.seen();
        Ok(PutPr { pr, notes })
    }

    /// <https://docs.gitea.com/api/1.22/#tag/repository/operation/repoCreatePullRequest>
    async fn create(&self, request: &PrRequest, notes: &mut Vec<String>) -> Result<Pull, Failure> {
        let new = NewPull {
            head: &request.head,
            base: &request.base,
            title: DRAFT.title(&request.title, &request.head, !request.ready),
            body: splice("", &request.body),
        };
        let look = || self.locate(&request.head);
        let route = self.route(["pulls"]);
        let made = match self.web.create_once(route, &new, look).await {
            // Somebody was faster, or an answer was lost on an earlier run.
            Err(failure) if failure.status == Some(409) => look().await?.ok_or(failure)?,
            made => made?,
        };
        if !request.ready && !is_over(made.state()) && !made.is_draft() {
            notes.push(format!(
                "pull request {} is not a draft: this server does not take `{}` for one",
                made.number,
                DRAFT.ours.trim()
            ));
        }
        Ok(made)
    }

    /// Name of the token's user; none where the token may not tell.
    async fn own_name(&self) -> Result<Option<String>, Failure> {
        if let Some(own) = self.own.borrow().clone() {
            return Ok(own);
        }
        let name = match self.web.get::<User>(Route::new(["user"])).await {
            Ok(user) => Some(user.login),
            // The scope `read:user` is missing, which pull requests do without.
            Err(failure) if failure.error.kind == ForgeErrorKind::Forbidden => None,
            Err(failure) => return Err(failure),
        };
        *self.own.borrow_mut() = Some(name.clone());
        Ok(name)
    }

    /// Our comment at an issue: of several the oldest. All comments of an issue come at once.
    /// <https://docs.gitea.com/api/1.22/#tag/issue/operation/issueGetComments>
    async fn our_comment(&self, request: &CommentRequest) -> Result<Option<Comment>, Failure> {
        let Some(own) = self.own_name().await? else {
            return Err(self.web.forbidden(
                "it does not tell whose token this is, so that a comment of ours is not to be told from others'",
                "give the token the scope `read:user` as well",
            ));
        };
        let issue = request.issue.to_string();
        let route = self.route(["issues", &issue, "comments"]);
        let comments: Vec<Comment> = self.web.get(route).await?;
        Ok(comments.into_iter().find(|comment| {
            let author = comment.user.as_ref().map(|u| u.login.as_str());
            author == Some(own.as_str()) && is_comment(&comment.body, &request.key)
        }))
    }

    async fn comment_now(&self, request: &CommentRequest) -> Result<(), Failure> {
        let text = comment_text(&request.key, &request.body);
        let issue = request.issue.to_string();
        let new = NewComment { body: &text };
        let look = || self.our_comment(request);
        let Some(found) = look().await? else {
            let route = self.route(["issues", &issue, "comments"]);
            self.web.create_once(route, &new, look).await?;
            return Ok(());
        };
        if is_same(&found.body, &text) {
            return Ok(());
        }
        let id = found.id.to_string();
        let route = self.route(["issues", "comments", &id]);
        let _: IgnoredAny = self.web.write(Method::Patch, route, &new).await?;
        Ok(())
    }
}

/// What is to be written so that `found` says what `request` says.
fn change(found: &Pull, request: &PrRequest) -> Change {
    let draft = found.is_draft() && !request.ready;
    let by_other_words = draft && !DRAFT.are_in(&found.title);
    let old = found.body.clone().unwrap_or_default();
    let new = splice(&old, &request.body);
    Change {
        // A draft by words that only this server knows would be none under another title.
        title: DRAFT
            .change(&found.title, &request.title, &request.head, draft)
            .filter(|_| !by_other_words),
        body: (!is_same(&old, &new)).then_some(new),
        base: (found.base.name != request.base).then(|| request.base.clone()),
    }
}

impl Forge for Gitea {
    fn name(&self) -> &str {
        "gitea"
    }

    fn check<'a>(
        &'a self,
        wanted: &'a Wanted,
    ) -> LocalBoxFuture<'a, Result<ForgeCheck, ForgeError>> {
        Box::pin(async move { Ok(self.check_now(wanted).await?) })
    }

    fn find<'a>(
        &'a self,
        head: &'a str,
    ) -> LocalBoxFuture<'a, Result<Option<ForgePr>, ForgeError>> {
        Box::pin(async move { Ok(self.locate(head).await?.map(|pull| pull.seen())) })
    }

    fn put<'a>(&'a self, request: &'a PrRequest) -> LocalBoxFuture<'a, Result<PutPr, ForgeError>> {
        Box::pin(async move { Ok(self.put_now(request).await?) })
    }

    fn issue(&self, number: u64) -> LocalBoxFuture<'_, Result<ForgeIssue, ForgeError>> {
        Box::pin(async move {
            let number = number.to_string();
            let issue: Issue = self.web.get(self.route(["issues", &number])).await?;
            Ok(issue.into())
        })
    }

    /// <https://docs.gitea.com/api/1.22/#tag/issue/operation/issueListIssues>
    fn issues<'a>(
        &'a self,
        label: &'a str,
    ) -> LocalBoxFuture<'a, Result<Vec<ForgeIssue>, ForgeError>> {
        Box::pin(async move {
            let route = self
                .route(["issues"])
                .query("labels", label)
                .query("state", "open")
                .query("type", "issues")
                .query("limit", LIMIT);
            let found: Vec<Issue> = self.web.list(route).await?;
            let found = found.into_iter().filter(|i| i.pull_request.is_none());
            let mut found: Vec<ForgeIssue> = found.map(Into::into).collect();
            // A label that the repository does not have filters nothing on some servers.
            found.retain(|i| i.is_open && i.labels.iter().any(|own| own == label));
            found.sort_by_key(|i| i.number);
            Ok(found)
        })
    }

    fn comment<'a>(
        &'a self,
        request: &'a CommentRequest,
    ) -> LocalBoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move { Ok(self.comment_now(request).await?) })
    }

    fn file_url(&self, branch: &str, path: &str) -> Option<String> {
        let (web, repository) = (&self.hosted.web, &self.hosted.repository);
        let route = Route::of_path(repository)
            .join(["src", "branch"])
            .join(branch.split('/'))
            .join(path.split('/'));
        Some(format!("{web}{}", route.path()))
    }
}

#[cfg(test)]
#[path = "gitea_tests.rs"]
mod tests;
