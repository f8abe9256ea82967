//! What the repository says to who contributes with a model's help.

use crate::core::ai_policy::{FOLDERS, ban, is_policy_file};
use crate::git::{GitError, Repo};
use crate::model::{Diagnostic, Oid, Rule, Severity};

/// Bytes of a text that are looked at.
const MOST: usize = 512 * 1024;

/// A text at the base that forbids what a run does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub path: String,
    pub line: usize,
    pub sentence: String,
}

impl Policy {
    pub fn message(&self) -> String {
        format!(
            "this repository does not want what a model makes by itself: \u{201c}{}\u{201d}",
            self.sentence
        )
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        "ask its maintainers; where they allow it, or you are one, say so with --i-have-permission"
            .to_owned()
    }

    /// For who only looks.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic {
            rule: Rule::Policy,
            severity: Severity::Warning,
            path: self.path.clone(),
            line: self.line,
            message: self.message(),
            remedy: self.remedy(),
        }
    }
}

/// The first text of the base that forbids it. Nobody's uncommitted edit counts.
pub fn forbidding(repo: &Repo, base: &Oid) -> Result<Option<Policy>, GitError> {
    for folder in FOLDERS {
        let mut names = repo.files_in(base, folder)?;
        names.retain(|name| is_policy_file(name));
        names.sort();
        for name in names {
            let path = match folder {
                "" => name,
                folder => format!("{folder}/{name}"),
            };
            let Some(bytes) = repo.read_file(base, &path)? else {
                continue;
            };
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]);
            if let Some(found) = ban(&text) {
                return Ok(Some(Policy {
                    path,
                    line: found.line,
                    sentence: found.sentence,
                }));
            }
        }
    }
    Ok(None)
}
