//! What GitLab's API says and is told, as much of it as is used. Fields that are not here are passed over.

use crate::forge::said::open_state;
use crate::model::PrState;
use crate::ports::{ForgeIssue, ForgePr};
use serde::{Deserialize, Serialize};

/// <https://docs.gitlab.com/api/merge_requests/#response>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct MergeRequest {
    pub iid: u64,
    pub web_url: String,
    /// `opened`, `closed`, `locked` (while it is being merged), `merged`.
    pub state: String,
    pub title: String,
    pub description: Option<String>,
    pub source_branch: String,
    pub target_branch: String,
    /// None where the fork is gone.
    pub source_project_id: Option<u64>,
    pub target_project_id: u64,
    /// None before GitLab 13.2: then the title tells.
    pub draft: Option<bool>,
    #[serde(default)]
    pub labels: Vec<String>,
    #[serde(default)]
    pub reviewers: Vec<User>,
}

impl MergeRequest {
    pub fn is_draft(&self) -> bool {
        self.draft
            .unwrap_or_else(|| super::DRAFT.are_in(&self.title))
    }

    pub fn state(&self) -> PrState {
        match self.state.as_str() {
            "merged" => PrState::Merged,
            "closed" => PrState::Closed,
            _ => open_state(self.is_draft()),
        }
    }

    pub fn seen(&self) -> ForgePr {
        ForgePr {
            number: self.iid,
            url: self.web_url.clone(),
            state: self.state(),
            base: self.target_branch.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct User {
    pub id: u64,
    pub username: String,
}

/// <https://docs.gitlab.com/api/merge_requests/#create-mr>
#[derive(Debug, Serialize)]
pub(super) struct NewMergeRequest<'a> {
    pub source_branch: &'a str,
    pub target_branch: &'a str,
    pub title: String,
    pub description: String,
}

/// Only what is to change. <https://docs.gitlab.com/api/merge_requests/#update-mr>
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_branch: Option<String>,
    /// Names with commas between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_labels: Option<String>,
    /// All that it is to have: who is not in it is taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewer_ids: Option<Vec<u64>>,
}

/// <https://docs.gitlab.com/api/projects/#get-a-single-project>
#[derive(Debug, Deserialize)]
pub(super) struct Project {
    pub path_with_namespace: String,
    #[serde(default)]
    pub archived: bool,
    pub visibility: Option<String>,
    /// `disabled`, `private`, `enabled`.
    pub merge_requests_access_level: Option<String>,
    pub permissions: Option<Permissions>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Permissions {
    pub project_access: Option<Access>,
    pub group_access: Option<Access>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Access {
    pub access_level: u64,
}

/// <https://docs.gitlab.com/api/personal_access_tokens/#self-inform>
#[derive(Debug, Deserialize)]
pub(super) struct OwnToken {
    #[serde(default)]
    pub scopes: Vec<String>,
    pub expires_at: Option<String>,
}

/// <https://docs.gitlab.com/api/branches/#get-single-repository-branch>
#[derive(Debug, Deserialize)]
pub(super) struct Branch {
    #[serde(default)]
    pub protected: bool,
}

/// <https://docs.gitlab.com/api/labels/#list-labels>
#[derive(Debug, Deserialize)]
pub(super) struct Label {
    pub name: String,
}

/// <https://docs.gitlab.com/api/issues/#single-project-issue>
#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    pub iid: u64,
    pub web_url: String,
    pub title: String,
    pub description: Option<String>,
    pub state: String,
    pub author: Option<User>,
    #[serde(default)]
    pub labels: Vec<String>,
}

impl From<Issue> for ForgeIssue {
    fn from(issue: Issue) -> Self {
        Self {
            number: issue.iid,
            url: issue.web_url,
            title: issue.title,
            body: issue.description.unwrap_or_default(),
            author: issue.author.map(|a| a.username).unwrap_or_default(),
            is_open: issue.state == "opened",
            labels: issue.labels,
        }
    }
}

/// <https://docs.gitlab.com/api/notes/#list-project-issue-notes>
#[derive(Debug, Deserialize)]
pub(super) struct Note {
    pub id: u64,
    pub body: String,
    pub author: Option<User>,
    /// Written by GitLab itself.
    #[serde(default)]
    pub system: bool,
}

/// <https://docs.gitlab.com/api/notes/#create-new-issue-note>
#[derive(Debug, Serialize)]
pub(super) struct NewNote<'a> {
    pub body: &'a str,
}
