//! Merge requests on GitLab, gitlab.com or anybody's own, over its REST API v4 (<https://docs.gitlab.com/api/rest/>).
//!
//! What is of GitLab's own kind here: a project is named by its whole path, groups included; a draft is a word in the
//! title; one head may have an open merge request into each of several bases; reviewers are a list of user ids that
//! is replaced whole; lines that begin with a slash are commands.
//!
//! - [`wire`]: what is sent and read
//! - [`reviewers`]: who is asked to review, once
//! - [`check`]: the look before a run

mod check;
mod reviewers;
mod wire;

use super::Hosted;
use super::body::splice;
use super::said::{DraftWords, comment_text, has_scope, is_comment, is_over, is_same, missing};
use super::web::{Auth, Dialect, Failure, Method, Paging, Route, Web};
use crate::ports::{
    Clock, CommentRequest, Forge, ForgeCheck, ForgeError, ForgeIssue, ForgePr, LocalBoxFuture,
    PrRequest, PutPr, Rng, Wanted,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use wire::{Change, Issue, MergeRequest, NewMergeRequest, NewNote, Note, User};

/// <https://docs.gitlab.com/user/project/merge_requests/drafts/>
const DRAFT: DraftWords = DraftWords {
    ours: "Draft: ",
    known: &["draft:", "[draft]", "(draft)"],
};

/// Personal, project and group tokens may be sent as OAuth's are, and OAuth's, which `glab` keeps, only so
/// (<https://docs.gitlab.com/api/rest/authentication/>).
const DIALECT: Dialect = Dialect {
    name: "GitLab",
    auth: Auth::Bearer,
    headers: &[("accept", "application/json")],
    paging: Paging::Told,
};

/// Entries of a page; GitLab gives no more (<https://docs.gitlab.com/api/rest/#pagination>).
const PER_PAGE: u32 = 100;

/// A project on a GitLab.
pub struct Gitlab {
    web: Web,
    hosted: Hosted,
    /// Ids of users that were asked for, by name; None: there is no such user.
    users: RefCell<BTreeMap<String, Option<u64>>>,
    /// Who the token belongs to, once it was asked.
    own: RefCell<Option<String>>,
}

impl Gitlab {
    /// # Errors
    /// An address that nothing is sent to.
    pub fn new(hosted: Hosted, clock: Rc<dyn Clock>, rng: Rc<dyn Rng>) -> Result<Self, ForgeError> {
        Ok(Self {
            web: Web::new(&hosted, DIALECT, clock, rng)?,
            hosted,
            users: RefCell::default(),
            own: RefCell::default(),
        })
    }

    /// A path below the project's.
    fn route<const N: usize>(&self, segments: [&str; N]) -> Route {
        Route::new(["projects", &self.hosted.repository]).join(segments)
    }

    /// The merge request from a branch of this very project: an open one, else the latest.
    async fn locate(&self, head: &str) -> Result<Option<MergeRequest>, Failure> {
        // <https://docs.gitlab.com/api/merge_requests/#list-project-merge-requests>
        let route = self
            .route(["merge_requests"])
            .query("source_branch", head)
            .query("state", "all")
            .query("per_page", PER_PAGE);
        let mut found: Vec<MergeRequest> = self.web.list(route).await?;
        found.retain(|mr| {
            mr.source_branch == head && mr.source_project_id == Some(mr.target_project_id)
        });
        Ok(found
            .into_iter()
            .max_by_key(|mr| (!is_over(mr.state()), mr.iid)))
    }

    async fn put_now(&self, request: &PrRequest) -> Result<PutPr, Failure> {
        let mut notes = Vec::new();
        let found = match self.locate(&request.head).await? {
            Some(found) => found,
            None => self.create(request).await?,
        };
        if is_over(found.state()) {
            return Ok(PutPr {
                pr: found.seen(),
                notes,
            });
        }
        let change = self.change(&found, request, &mut notes).await?;
        if change == Change::default() {
            return Ok(PutPr {
                pr: found.seen(),
                notes,
            });
        }
        let iid = found.iid.to_string();
        let route = self.route(["merge_requests", &iid]);
        let now: MergeRequest = self.web.write(Method::Put, route, &change).await?;
        self.look_at_reviewers(&change, &now, &mut notes);
        Ok(PutPr {
            pr: now.seen(),
            notes,
        })
    }

    async fn create(&self, request: &PrRequest) -> Result<MergeRequest, Failure> {
        let new = NewMergeRequest {
            source_branch: &request.head,
            target_branch: &request.base,
            title: DRAFT.title(&request.title, &request.head, !request.ready),
            description: splice("", &quiet(&request.body)),
        };
        let look = || self.locate(&request.head);
        let made = self
            .web
            .create_once(self.route(["merge_requests"]), &new, look)
            .await;
        match made {
            // Somebody was faster, or an answer was lost on an earlier run.
            Err(failure) if failure.status == Some(409) => look().await?.ok_or(failure),
            made => made,
        }
    }

    /// What is to be written so that `found` says what `request` says.
    async fn change(
        &self,
        found: &MergeRequest,
        request: &PrRequest,
        notes: &mut Vec<String>,
    ) -> Result<Change, Failure> {
        let draft = found.is_draft() && !request.ready;
        let old = found.description.clone().unwrap_or_default();
        let (reviewer_ids, asked) = self.reviewers(found, request, notes).await?;
        let new = splice(&old, &reviewers::with_asked(&quiet(&request.body), &asked));
        let mut labels = missing(&request.labels, &found.labels);
        // <https://docs.gitlab.com/user/project/labels/#scoped-labels>: a person chose another of the scope.
        labels.retain(|name| !has_scope(name, "::", found.labels.iter().map(String::as_str)));
        Ok(Change {
            title: DRAFT.change(&found.title, &request.title, &request.head, draft),
            description: (!is_same(&old, &new)).then_some(new),
            target_branch: (found.target_branch != request.base).then(|| request.base.clone()),
            add_labels: (!labels.is_empty()).then(|| {
                let names: Vec<&str> = labels.iter().map(|l| l.as_str()).collect();
                names.join(",")
            }),
            reviewer_ids,
        })
    }

    /// <https://docs.gitlab.com/api/users/#list-users>
    async fn user_id(&self, name: &str) -> Result<Option<u64>, Failure> {
        if let Some(known) = self.users.borrow().get(name) {
            return Ok(*known);
        }
        let route = Route::new(["users"]).query("username", name);
        let found: Vec<User> = self.web.get(route).await?;
        let same = |u: &&User| u.username.eq_ignore_ascii_case(name);
        let id = found.iter().find(same).map(|u| u.id);
        self.users.borrow_mut().insert(name.to_owned(), id);
        Ok(id)
    }

    /// Name of the token's user; empty for a token without one.
    async fn own_name(&self) -> Result<String, Failure> {
        if let Some(own) = self.own.borrow().clone() {
            return Ok(own);
        }
        let name = match self.web.get::<User>(Route::new(["user"])).await {
            Ok(user) => user.username,
            // Whose it is, is not told of every token, and that is no reason to give up.
            Err(failure) if matches!(failure.status, Some(401 | 403 | 404)) => String::new(),
            Err(failure) => return Err(failure),
        };
        *self.own.borrow_mut() = Some(name.clone());
        Ok(name)
    }

    /// Our comment at an issue: of several the oldest.
    async fn our_note(&self, request: &CommentRequest) -> Result<Option<Note>, Failure> {
        let own = self.own_name().await?;
        let issue = request.issue.to_string();
        let route = self
            .route(["issues", &issue, "notes"])
            .query("sort", "asc")
            .query("order_by", "created_at")
            .query("per_page", PER_PAGE);
        let notes: Vec<Note> = self.web.list(route).await?;
        Ok(notes.into_iter().find(|note| {
            let author = note.author.as_ref().map(|a| a.username.as_str());
            let ours = own.is_empty() || author == Some(own.as_str());
            ours && !note.system && is_comment(&note.body, &request.key)
        }))
    }

    async fn comment_now(&self, request: &CommentRequest) -> Result<(), Failure> {
        let text = quiet(&comment_text(&request.key, &request.body));
        let issue = request.issue.to_string();
        let new = NewNote { body: &text };
        let look = || self.our_note(request);
        let Some(found) = look().await? else {
            let route = self.route(["issues", &issue, "notes"]);
            self.web.create_once(route, &new, look).await?;
            return Ok(());
        };
        if is_same(&found.body, &text) {
            return Ok(());
        }
        // <https://docs.gitlab.com/api/notes/#modify-existing-issue-note>
        let id = found.id.to_string();
        let route = self.route(["issues", &issue, "notes", &id]);
        let _: Note = self.web.write(Method::Put, route, &new).await?;
        Ok(())
    }
}

impl Forge for Gitlab {
    fn name(&self) -> &str {
        "gitlab"
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
        Box::pin(async move { Ok(self.locate(head).await?.map(|mr| mr.seen())) })
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

    /// <https://docs.gitlab.com/api/issues/#list-project-issues>
    fn issues<'a>(
        &'a self,
        label: &'a str,
    ) -> LocalBoxFuture<'a, Result<Vec<ForgeIssue>, ForgeError>> {
        Box::pin(async move {
            let route = self
                .route(["issues"])
                .query("labels", label)
                .query("state", "opened")
                .query("per_page", PER_PAGE);
            let found: Vec<Issue> = self.web.list(route).await?;
            let mut found: Vec<ForgeIssue> = found.into_iter().map(Into::into).collect();
            // A comma in a label would ask for two; `None` and `Any` are words of the API.
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
        let (web, project) = (&self.hosted.web, &self.hosted.repository);
        let route = Route::of_path(project)
            .join(["-", "blob"])
            .join(branch.split('/'))
            .join(path.split('/'));
        Some(format!("{web}{}", route.path()))
    }
}

/// A text without lines that GitLab would take for its quick actions and obey
/// (<https://docs.gitlab.com/user/project/quick_actions/>): a space without width stands before their slash.
fn quiet(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        if start.starts_with('/') {
            out.push_str(&line[..line.len() - start.len()]);
            out.push('\u{200b}');
            out.push_str(start);
        } else {
            out.push_str(line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_a_command() {
        for (text, want) in [
            ("", ""),
            ("/close", "\u{200b}/close"),
            ("a\n  /assign @x\nb/c\n", "a\n  \u{200b}/assign @x\nb/c\n"),
            ("a /close", "a /close"),
            ("\r\n/merge\r\n", "\r\n\u{200b}/merge\r\n"),
        ] {
            assert_eq!(quiet(text), want, "{text:?}");
            assert_eq!(quiet(&quiet(text)), want, "{text:?}");
        }
    }
}
