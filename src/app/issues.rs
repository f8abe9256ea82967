//! Issues of the forge as specs that a survey is handed.

use super::error::AppError;
use super::survey::Handed;
use crate::core::issue_spec;
use crate::model::IssueRecord;
use crate::ports::{Forge, ForgeError, ForgeIssue};
use std::collections::BTreeMap;

/// Specs by their path.
pub type Issues = BTreeMap<String, Handed>;

/// An issue that somebody named.
///
/// # Errors
/// It cannot be had, or is closed.
pub async fn named(forge: &dyn Forge, number: u64) -> Result<(String, Handed), AppError> {
    let what = format!("--from-issue {number}");
    let issue = forge.issue(number).await.map_err(|e| refused(&what, e))?;
    if issue.is_open {
        return Ok(handed(issue));
    }
    Err(AppError::setup(
        format!("{what}: {} is closed", issue.url),
        "reopen the issue, or name another one",
    ))
}

/// The issue as a spec.
pub fn handed(issue: ForgeIssue) -> (String, Handed) {
    let text = issue_spec::text(issue.number, &issue.title, &issue.body);
    let handed = Handed {
        text: text.into_bytes(),
        issue: IssueRecord {
            number: issue.number,
            url: issue.url,
            told: None,
        },
    };
    (issue_spec::path(handed.issue.number), handed)
}

/// What the forge did not tell, before anything is paid.
pub fn refused(what: &str, error: ForgeError) -> AppError {
    let remedy = match error.remedy.as_str() {
        "" => "try again when the forge answers",
        remedy => remedy,
    };
    AppError::setup(format!("{what}: {}", error.message), remedy)
}
