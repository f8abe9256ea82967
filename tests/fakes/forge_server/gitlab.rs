//! GitLab: REST v4.

use crate::call::{Call, Reply};
use crate::state::Forge;
use serde_json::json;

/// Answers a request.
pub fn answer(_forge: &mut Forge, _call: &Call) -> Reply {
    Reply::json(404, json!({"message": "Not Found", "status": "404"}))
}

/// A title that makes a merge request a draft: `Draft:`, `[Draft]` or `(Draft)`, in any case
/// (<https://docs.gitlab.com/user/project/merge_requests/drafts/>).
pub fn says_draft(title: &str) -> bool {
    let title = title.trim_start().to_lowercase();
    ["draft:", "[draft]", "(draft)"]
        .iter()
        .any(|p| title.starts_with(p))
}
