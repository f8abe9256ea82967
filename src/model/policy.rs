//! What a spawned process may touch, as data. Enforced by `sandbox`, applied at the one door in `proc`.

use serde::{Deserialize, Serialize};

/// The policy a process runs under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "sandbox", rename_all = "snake_case")]
pub enum SandboxPolicy {
    /// Our own helpers, such as git with the user's configuration: not caused by a model.
    Trusted,
    /// Caused by a model or a repository, on a system or in a release that cannot enforce a wall.
    /// Said in the banner, in events and in every PR body.
    Unsandboxed,
}

impl SandboxPolicy {
    /// True when a process under this policy ought to have had a wall and has none.
    pub fn is_unsandboxed(&self) -> bool {
        matches!(self, Self::Unsandboxed)
    }
}
