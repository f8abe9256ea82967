//! What of GitHub's answers is read, and what is written: <https://docs.github.com/en/rest>. Unknown fields are passed
//! over.

use crate::forge::said::open_state;
use crate::model::PrState;
use crate::ports::{ForgeIssue, ForgePr};
use serde::{Deserialize, Serialize};

/// A pull request, as lists and single answers have it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Pull {
    pub number: u64,
    /// Its name in GraphQL.
    pub node_id: String,
    pub html_url: String,
    pub state: String,
    #[serde(default)]
    pub draft: bool,
    pub merged_at: Option<String>,
    pub title: String,
    pub body: Option<String>,
    pub user: Option<User>,
    pub head: Side,
    pub base: Side,
    #[serde(default)]
    pub labels: Vec<Label>,
    #[serde(default)]
    pub requested_reviewers: Vec<User>,
    #[serde(default)]
    pub requested_teams: Vec<Team>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Side {
    pub r#ref: String,
    /// None where a fork is gone.
    pub repo: Option<Id>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Id {
    pub id: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct User {
    pub login: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Team {
    pub slug: String,
}

/// A label; in issues it may be only its name.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Label {
    Name(String),
    Whole { name: Option<String> },
}

impl Label {
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Whole { name } => name.as_deref().unwrap_or_default(),
        }
    }
}

impl Pull {
    pub fn state(&self) -> PrState {
        if self.merged_at.is_some() {
            PrState::Merged
        } else if self.state == "open" {
            open_state(self.draft)
        } else {
            PrState::Closed
        }
    }

    /// True where it goes from this branch of the repository itself.
    pub fn is_from(&self, head: &str) -> bool {
        self.head.r#ref == head && self.head.repo.is_some() && self.head.repo == self.base.repo
    }

    pub fn seen(&self) -> ForgePr {
        ForgePr {
            number: self.number,
            url: self.html_url.clone(),
            state: self.state(),
            base: self.base.r#ref.clone(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct NewPull<'a> {
    pub title: &'a str,
    pub head: &'a str,
    pub base: &'a str,
    pub body: &'a str,
    pub draft: bool,
}

/// What of a pull request is to be other than it is.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct NewLabels<'a> {
    pub labels: &'a [&'a String],
}

/// Who is to be asked to review.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Asked {
    pub reviewers: Vec<String>,
    pub team_reviewers: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Review {
    pub user: Option<User>,
}

/// Something that happened to an issue or pull request.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(default)]
    pub event: String,
    pub requested_reviewer: Option<User>,
    pub requested_team: Option<Team>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    pub number: u64,
    pub html_url: String,
    pub title: String,
    pub body: Option<String>,
    /// None for one whose account is gone.
    pub user: Option<User>,
    pub state: String,
    #[serde(default)]
    pub labels: Vec<Label>,
    /// There for what is really a pull request.
    pub pull_request: Option<serde::de::IgnoredAny>,
}

impl Issue {
    pub fn seen(self) -> ForgeIssue {
        ForgeIssue {
            number: self.number,
            url: self.html_url,
            title: self.title,
            body: self.body.unwrap_or_default(),
            author: self.user.map_or_else(|| "ghost".to_owned(), |u| u.login),
            is_open: self.state == "open",
            labels: self.labels.iter().map(|l| l.name().to_owned()).collect(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Comment {
    pub id: u64,
    pub body: Option<String>,
    pub user: Option<User>,
    /// What whoever wrote it is to the repository: `OWNER`, `MEMBER`, `NONE`.
    #[serde(default)]
    pub author_association: String,
}

#[derive(Debug, Serialize)]
pub(super) struct NewComment<'a> {
    pub body: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub full_name: String,
    #[serde(default)]
    pub private: bool,
    #[serde(default)]
    pub archived: bool,
    /// Not told by older Enterprise servers.
    pub has_pull_requests: Option<bool>,
    pub owner: Option<Owner>,
    /// Not told to the tokens of apps.
    pub permissions: Option<Permissions>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Owner {
    /// `User` or `Organization`.
    pub r#type: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Permissions {
    #[serde(default)]
    pub push: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Branch {
    #[serde(default)]
    pub protected: bool,
}
