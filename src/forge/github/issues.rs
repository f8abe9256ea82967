//! Issues: read, and commented in one place.

use super::wire::{Comment, Issue, NewComment, User};
use super::{Github, PER_PAGE};
use crate::forge::said::{comment_text, is_comment, is_same};
use crate::forge::web::{Failure, Method, Route};
use crate::ports::{CommentRequest, ForgeError, ForgeErrorKind, ForgeIssue};

impl Github {
    /// <https://docs.github.com/en/rest/issues/issues#get-an-issue>
    pub(super) async fn read_issue(&self, number: u64) -> Result<ForgeIssue, ForgeError> {
        let route = self.route(["issues", &number.to_string()]);
        let issue: Issue = self.web.get(route).await?;
        if issue.pull_request.is_some() {
            return Err(ForgeError {
                kind: ForgeErrorKind::NotFound,
                message: format!("#{number} of {} is a pull request", self.hosted.repository),
                remedy: "give the number of an issue".to_owned(),
            });
        }
        Ok(issue.seen())
    }

    /// <https://docs.github.com/en/rest/issues/issues#list-repository-issues>
    pub(super) async fn list_issues(&self, label: &str) -> Result<Vec<ForgeIssue>, Failure> {
        let route = self
            .route(["issues"])
            .query("labels", label)
            .query("state", "open")
            .query("per_page", PER_PAGE);
        let found: Vec<Issue> = self.web.list(route).await?;
        let mut issues: Vec<ForgeIssue> = found
            .into_iter()
            .filter(|issue| issue.pull_request.is_none())
            .map(Issue::seen)
            // A comma in the label makes two of it for GitHub.
            .filter(|issue| {
                let label = label.to_lowercase();
                issue.is_open && issue.labels.iter().any(|l| l.to_lowercase() == label)
            })
            .collect();
        issues.sort_by_key(|issue| issue.number);
        // A list that changes while it is read page by page may give one twice.
        issues.dedup_by_key(|issue| issue.number);
        Ok(issues)
    }

    pub(super) async fn comment_now(&self, request: &CommentRequest) -> Result<(), Failure> {
        let number = request.issue.to_string();
        let text = comment_text(&request.key, &request.body);
        let new = NewComment { body: &text };
        let Some(found) = self.own_comment(request).await? else {
            // <https://docs.github.com/en/rest/issues/comments#create-an-issue-comment>
            let route = self.route(["issues", &number, "comments"]);
            let look = || self.own_comment(request);
            self.web.create_once(route, &new, look).await?;
            return Ok(());
        };
        if is_same(found.body.as_deref().unwrap_or_default(), &text) {
            return Ok(());
        }
        // <https://docs.github.com/en/rest/issues/comments#update-an-issue-comment>
        let route = self.route(["issues", "comments", &found.id.to_string()]);
        self.web
            .write::<Comment>(Method::Patch, route, &new)
            .await?;
        Ok(())
    }

    /// The oldest comment with our mark that is not a stranger's: anybody can write the mark.
    async fn own_comment(&self, request: &CommentRequest) -> Result<Option<Comment>, Failure> {
        let number = request.issue.to_string();
        let route = self.route(["issues", &number, "comments"]);
        let all: Vec<Comment> = self.web.list(route.query("per_page", PER_PAGE)).await?;
        let mut marked: Vec<Comment> = all
            .into_iter()
            .filter(|c| is_comment(c.body.as_deref().unwrap_or_default(), &request.key))
            .collect();
        marked.sort_by_key(|c| c.id);
        if marked.iter().any(|c| !is_trusted(c)) {
            // The tokens of apps belong to no user; what they write is marked by its name.
            let me = match self.web.get::<User>(Route::new(["user"])).await {
                Ok(me) => Some(me),
                Err(failure)
                    if matches!(failure.status, Some(401 | 403 | 404)) && failure.is_said() =>
                {
                    None
                }
                // Whoever cannot tell its own comment would write a second one.
                Err(failure) => return Err(failure),
            };
            marked.retain(|c| {
                let author = c.user.as_ref().map_or("", |u| u.login.as_str());
                is_trusted(c)
                    || author.ends_with("[bot]")
                    || me.as_ref().is_some_and(|me| me.login == author)
            });
        }
        Ok(marked.into_iter().next())
    }
}

/// True where whoever wrote it may write to the repository anyway.
fn is_trusted(comment: &Comment) -> bool {
    matches!(
        comment.author_association.as_str(),
        "OWNER" | "MEMBER" | "COLLABORATOR"
    )
}
