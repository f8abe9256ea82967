//! What a survey looks for, and how what it finds is read.

use crate::core::issue_spec;
use crate::core::redact::Redactor;
use crate::git::GitError;
use crate::model::{Diagnostic, IssueRecord};
use crate::spec::{ParseOptions, injection};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Paths below the root named by `--spec`; empty for discovery.
    pub named: Vec<String>,
    /// Paths that the configuration names: built even without boxes.
    pub configured: Vec<String>,
    /// Texts that stand nowhere in the tree and count as if the user had them there: what issues became, by path.
    pub handed: Arc<BTreeMap<String, Handed>>,
    /// Patterns of specs to leave out, as lines of a `.gitignore` file.
    pub exclude: Vec<String>,
    /// The same, of task lists that stand or are called otherwise.
    pub include: Vec<String>,
    pub remote: Option<String>,
    /// Estimated tokens one assignment may start with.
    pub budget_tokens: u64,
    /// Largest spec of the user's that is read.
    pub max_spec_bytes: u64,
    /// Build what specs call optional.
    pub with_optional: bool,
    /// Start lanes again from the base.
    pub fresh: bool,
    /// What knows secrets: with it no spec is built that brings one.
    pub redactor: Option<Arc<Redactor>>,
}

/// A text that was handed in, and where it comes from.
#[derive(Clone, Debug)]
pub struct Handed {
    pub text: Vec<u8>,
    pub issue: IssueRecord,
}

impl Scope {
    /// How a text that stands at `path` is read: as prose where somebody names it, and where it was made of an issue,
    /// which somebody did when it was handed in.
    pub(super) fn options(&self, path: &str, text: &[u8]) -> ParseOptions {
        ParseOptions {
            prose: self.names(path) || issue_spec::number(path, text).is_some(),
            optional: self.with_optional,
        }
    }

    /// True for a path that somebody names, on the command line, in the configuration or by an issue: it is built
    /// even without boxes.
    pub(super) fn names(&self, path: &str) -> bool {
        [&self.named, &self.configured]
            .into_iter()
            .any(|l| l.iter().any(|p| p == path))
            || self.handed.contains_key(path)
    }

    /// What in a text a person should read, without secrets.
    pub(super) fn suspicions(&self, path: &str, text: &str) -> Vec<Diagnostic> {
        injection::warnings(path, text, &|words| match &self.redactor {
            Some(redactor) => redactor.redact(words),
            None => words.into(),
        })
    }

    /// What matches paths that are left out.
    pub(super) fn excluded(&self, root: &Path) -> Result<Gitignore, GitError> {
        matcher(root, "exclude", &self.exclude)
    }

    /// What matches paths that are specs wherever they stand.
    pub(super) fn included(&self, root: &Path) -> Result<Gitignore, GitError> {
        matcher(root, "include", &self.include)
    }
}

fn matcher(root: &Path, key: &str, patterns: &[String]) -> Result<Gitignore, GitError> {
    let bad = |e: ignore::Error| {
        GitError::new(
            format!("reading `[specs] {key}`"),
            e.to_string(),
            "write each pattern as a line of .gitignore",
        )
    };
    let mut builder = GitignoreBuilder::new(root);
    for pattern in patterns {
        builder.add_line(None, pattern).map_err(bad)?;
    }
    builder.build().map_err(bad)
}
