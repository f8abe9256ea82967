//! The audit of a diff: what in it makes checks pass without the work being done.
//!
//! Pure: texts in, findings out. [`regions`] tells tests from other code, for the audit and for who runs the tests
//! of a change without the rest of it. The rules are in [`rules`]; what they know of languages is the table in
//! [`language`], and what a task asks for is read by [`task`].
//!
//! Not for: deciding what becomes of a chunk. A finding says what was found and how grave it is, nothing more.

mod assertion;
mod diff;
mod inventory;
mod language;
mod lexer;
mod matching;
mod regions;
mod rule;
mod rules;
mod source;
mod task;

pub use regions::{is_test_file, test_regions, tests_only};
pub use rule::{AuditPolicy, Rule};

use crate::model::{Finding, FindingSeverity, Tests};
use diff::Diff;

/// What a diff did to one file. A file that was moved is two: one that is gone, and one that is new.
#[derive(Clone, Copy, Debug)]
pub struct FileChange<'a> {
    /// Below the root, with `/`.
    pub path: &'a str,
    /// None where there was none.
    pub before: Option<Text<'a>>,
    /// None where it is gone.
    pub after: Option<Text<'a>>,
    /// Git ignores the path, as it is after the change.
    pub is_ignored: bool,
    /// As git writes it, of the file after the change, else before: `0o100644`.
    pub mode: u32,
}

/// What a file holds.
#[derive(Clone, Copy, Debug)]
pub enum Text<'a> {
    Whole(&'a str),
    Binary {
        bytes: u64,
    },
    TooBig {
        bytes: u64,
        /// None where nobody counted them.
        lines: Option<u64>,
    },
}

/// What an audit looks at.
pub struct AuditInput<'a> {
    pub files: &'a [FileChange<'a>],
    /// Title and text of the task.
    pub task: &'a str,
    /// Paths of the repository after the change; may be empty, and then tests that were not changed are not known.
    pub tracked: &'a [String],
    /// The text of a file after the change, of those that the diff does not have.
    pub read: &'a dyn Fn(&str) -> Option<String>,
    /// What ran at the base, and now. Only of checks that ran whole both times: what was narrowed is not missing.
    pub tests_before: Option<&'a Tests>,
    pub tests_now: Option<&'a Tests>,
    pub policy: &'a AuditPolicy,
}

/// Findings beyond these are only counted.
pub const MOST_FINDINGS: usize = 200;

/// Looks through a diff. Findings come by severity, then by path, line and rule; beyond [`MOST_FINDINGS`] the last one
/// says how many more there are, and is as grave as the gravest of them.
pub fn audit(input: &AuditInput<'_>) -> Vec<Finding> {
    let diff = Diff::new(input);
    let mut findings = rules::run(&diff);
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (std::cmp::Reverse(f.severity), f.path.clone(), f.line);
        (key(a), &a.rule, &a.what).cmp(&(key(b), &b.rule, &b.what))
    });
    findings.dedup();
    if findings.len() > MOST_FINDINGS {
        let more = findings.split_off(MOST_FINDINGS - 1);
        let severity = more.iter().map(|f| f.severity).max();
        if let Some(first) = more.first() {
            findings.push(Finding {
                rule: first.rule.clone(),
                severity: severity.unwrap_or(FindingSeverity::Note),
                path: first.path.clone(),
                line: None,
                what: format!(
                    "and {} more findings; divide the change, or look at all of it",
                    more.len()
                ),
                asked_for: None,
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests;
