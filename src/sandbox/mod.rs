//! Where the operating system's wall will stand.
//!
//! `SandboxPolicy` says what a process may touch; this release has no wall to enforce it with, so a
//! process caused by a model or a repository runs [`SandboxPolicy::Unsandboxed`], and every output says so.

use crate::model::policy::SandboxPolicy;

/// The policy for what a model or a repository causes, on this system.
pub fn untrusted() -> SandboxPolicy {
    SandboxPolicy::Unsandboxed
}

/// The sandbox's state in a word, for the banner, events and pull request bodies.
pub fn word() -> &'static str {
    "unsandboxed"
}
