//! Where pull requests live, and what they say.
//!
//! [`body`] makes title and text from facts, the same for every forge. [`local`] keeps pull requests as
//! files, for repositories without a forge and for work offline. `web` is the exchange with the forges that are spoken to
//! over HTTP; [`probe`] asks a host which of them it is.

mod asked;
pub mod body;
#[cfg(test)]
mod contract;
pub mod gitea;
pub mod github;
pub mod gitlab;
pub mod local;
pub mod probe;
pub mod progress;
mod said;
mod web;

pub use gitea::Gitea;
pub use github::Github;
pub use gitlab::Gitlab;
pub use local::LocalForge;

use crate::config::Endpoint;
use crate::core::retry::RetryPolicy;
use secrecy::SecretString;
use std::time::Duration;

/// A repository on a forge that is spoken to over HTTP.
#[derive(Clone, Debug)]
pub struct Hosted {
    /// Where its API is: `https://api.github.com`, `https://gitlab.com/api/v4`, `https://codeberg.org/api/v1`.
    pub api: Endpoint,
    /// Where GitHub's GraphQL is; the others have none.
    pub graphql: Option<Endpoint>,
    /// Where people look, without a slash at its end: `https://github.com`.
    pub web: String,
    /// Path of the repository: `owner/name`; on GitLab with as many groups as there are.
    pub repository: String,
    /// None where there is none: reading what is public may work all the same.
    pub token: Option<SecretString>,
    /// Hosts that may lead to private addresses.
    pub private_hosts: Vec<String>,
    /// How often and how long what failed for a moment is tried again.
    pub retry: RetryPolicy,
    /// Bound on getting a connection, encryption included.
    pub connect_timeout: Duration,
    /// Bound on one answer.
    pub answer_timeout: Duration,
}
