//! The kinds of forges that pull requests can be opened at.

use serde::{Deserialize, Serialize};

/// What a forge speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForgeKind {
    /// github.com, GitHub Enterprise Cloud with data residency (`*.ghe.com`) and GitHub Enterprise Server.
    GitHub,
    /// gitlab.com and GitLab on hosts of one's own.
    GitLab,
    /// Gitea, and Forgejo, which kept its API.
    Gitea,
}

impl ForgeKind {
    pub const ALL: [ForgeKind; 3] = [Self::GitHub, Self::GitLab, Self::Gitea];

    /// The word in settings and output.
    pub fn word(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Gitea => "gitea",
        }
    }

    /// The name as its makers write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::Gitea => "Gitea",
        }
    }
}
