//! What Gitea's and Forgejo's API says and is told, as much of it as is used. Fields that are not here are passed
//! over. Every server documents its own at `/api/swagger`; names of definitions are given below.

use crate::forge::said::open_state;
use crate::model::PrState;
use crate::ports::{ForgeIssue, ForgePr};
use serde::{Deserialize, Serialize};

/// `PullRequest`
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Pull {
    pub number: u64,
    pub html_url: String,
    /// `open` or `closed`.
    pub state: String,
    #[serde(default)]
    pub merged: bool,
    pub title: String,
    pub body: Option<String>,
    /// None on old servers: then the title tells.
    pub draft: Option<bool>,
    pub head: Branch,
    pub base: Branch,
    pub user: Option<User>,
    pub labels: Option<Vec<Label>>,
    pub requested_reviewers: Option<Vec<User>>,
    pub requested_reviewers_teams: Option<Vec<Team>>,
}

/// `PRBranchInfo`
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Branch {
    /// The branch, also when it is gone.
    #[serde(default)]
    pub label: String,
    /// The branch; `refs/pull/<n>/head` when it is gone.
    #[serde(default, rename = "ref")]
    pub name: String,
    /// -1 where the fork is gone.
    #[serde(default)]
    pub repo_id: i64,
}

impl Pull {
    /// True where it goes from this branch of the repository itself.
    pub fn is_from(&self, head: &str) -> bool {
        self.head.repo_id == self.base.repo_id
            && (self.head.label == head || self.head.name == head)
    }

    pub fn is_draft(&self) -> bool {
        self.draft
            .unwrap_or_else(|| super::DRAFT.are_in(&self.title))
    }

    pub fn state(&self) -> PrState {
        match self.state.as_str() {
            _ if self.merged => PrState::Merged,
            "closed" => PrState::Closed,
            _ => open_state(self.is_draft()),
        }
    }

    pub fn seen(&self) -> ForgePr {
        ForgePr {
            number: self.number,
            url: self.html_url.clone(),
            state: self.state(),
            base: self.base.name.clone(),
        }
    }
}

/// `User`
#[derive(Clone, Debug, Deserialize)]
pub(super) struct User {
    pub login: String,
}

/// `Team`
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Team {
    pub name: String,
}

/// `Label`
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Label {
    pub id: u64,
    pub name: String,
    /// Of what stands before its last slash there is one label at a time.
    #[serde(default)]
    pub exclusive: bool,
}

/// `PullReview`
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Review {
    /// None where a team was asked.
    pub user: Option<User>,
}

/// `TimelineComment`
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Entry {
    /// `review_request` where somebody was asked to review, or taken off again.
    #[serde(default, rename = "type")]
    pub kind: String,
    pub assignee: Option<User>,
    pub assignee_team: Option<Team>,
}

/// `CreatePullRequestOption`
#[derive(Debug, Serialize)]
pub(super) struct NewPull<'a> {
    pub head: &'a str,
    pub base: &'a str,
    pub title: String,
    pub body: String,
}

/// Only what is to change: `EditPullRequestOption`.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

/// `IssueLabelsOption`
#[derive(Debug, Serialize)]
pub(super) struct NewLabels {
    pub labels: Vec<u64>,
}

/// `PullReviewRequestOptions`
#[derive(Debug, Serialize)]
pub(super) struct NewReviewers<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub team_reviewers: Vec<&'a str>,
}

/// `Repository`
#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub full_name: String,
    #[serde(default)]
    pub archived: bool,
    pub has_pull_requests: Option<bool>,
    pub permissions: Option<Permissions>,
}

/// `Permission`
#[derive(Debug, Deserialize)]
pub(super) struct Permissions {
    #[serde(default)]
    pub push: bool,
}

/// `Branch`
#[derive(Debug, Deserialize)]
pub(super) struct BaseBranch {
    #[serde(default)]
    pub protected: bool,
}

/// `Issue`
#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    pub number: u64,
    pub html_url: String,
    pub title: String,
    pub body: Option<String>,
    pub state: String,
    pub user: Option<User>,
    pub labels: Option<Vec<Label>>,
    /// There where it is a pull request.
    pub pull_request: Option<serde::de::IgnoredAny>,
}

impl From<Issue> for ForgeIssue {
    fn from(issue: Issue) -> Self {
        let labels = issue.labels.unwrap_or_default();
        Self {
            number: issue.number,
            url: issue.html_url,
            title: issue.title,
            body: issue.body.unwrap_or_default(),
            author: issue.user.map(|u| u.login).unwrap_or_default(),
            is_open: issue.state == "open",
            labels: labels.into_iter().map(|l| l.name).collect(),
        }
    }
}

/// `Comment`
#[derive(Debug, Deserialize)]
pub(super) struct Comment {
    pub id: u64,
    pub body: String,
    pub user: Option<User>,
}

/// `CreateIssueCommentOption`, `EditIssueCommentOption`
#[derive(Debug, Serialize)]
pub(super) struct NewComment<'a> {
    pub body: &'a str,
}
