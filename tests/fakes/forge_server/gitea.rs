//! Gitea and Forgejo: REST v1.

use crate::call::{Call, Reply};
use crate::state::Forge;
use serde_json::json;

/// Answers a request.
pub fn answer(_forge: &mut Forge, _call: &Call) -> Reply {
    Reply::json(404, json!({"message": "Not Found", "status": "404"}))
}

/// A title that makes a pull request work in progress: `WIP:` or `[WIP]`, in any case, unless the server's
/// `WORK_IN_PROGRESS_PREFIXES` says otherwise (<https://docs.gitea.com/usage/pull-request>).
pub fn says_draft(title: &str) -> bool {
    let title = title.trim_start().to_lowercase();
    ["wip:", "[wip]"].iter().any(|p| title.starts_with(p))
}
