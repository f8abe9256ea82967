//! What the user says about verification, and what of it cannot be used.

use super::check::{Check, CheckKind, Only, Reads, ReportPlace, Run};
use super::reading::Format;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::time::Duration;

/// What the user says about verification.
#[derive(Clone)]
pub struct VerifyConfig {
    /// Checks beside the detected ones; one with the name and folder of a detected check replaces it.
    pub commands: Vec<ConfiguredCheck>,
    /// Whether checks are detected at all.
    pub detect: bool,
    /// Names of detected checks that are left out, `name` or `name@dir`.
    pub disable: Vec<String>,
    /// How much of a check runs.
    pub scope: Scope,
    /// Bound on one check, unless it has its own.
    pub timeout: Duration,
    /// Go on where a check's tool is missing; said in the evidence.
    pub allow_unverified: bool,
    /// Environment of the checks, complete.
    pub env: Vec<(String, String)>,
}

/// How much of a check that the changes call for runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// What the changes can reach, as far as the tool allows.
    #[default]
    Changed,
    All,
}

/// A check of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfiguredCheck {
    pub name: String,
    /// A line for `sh -c`.
    pub run: String,
    /// Folder below the root; empty or `.` for the root.
    pub dir: String,
    /// Changes that call for it, as lines of a `.gitignore` file; empty for any change.
    pub when: Vec<String>,
    pub timeout: Option<Duration>,
    /// How it says what each test did; `None` for whatever is recognised.
    pub reads: Option<Format>,
    /// Where it leaves its report, below its folder; `None` for the output, or for a format that stands in a
    /// file the one that `CODELICIOUS_REPORT` names.
    pub report: Option<String>,
    /// A line that runs just the tests that stand in place of `{tests}`.
    pub only: Option<String>,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VerifyConfigError {
    #[error(
        "check `{check}`: the pattern `{pattern}` in `when` cannot be read ({why}); write it as a line of .gitignore"
    )]
    Pattern {
        check: String,
        pattern: String,
        why: String,
    },
    #[error(
        "check `{check}`: `{key}` is `{path}`; name something below the repository's root, without `..`"
    )]
    Outside {
        check: String,
        key: &'static str,
        path: String,
    },
    #[error("check `{check}`: `only` is `{only}`; write `{{tests}}` where the names are to stand")]
    Only { check: String, only: String },
    #[error("two checks are called `{check}` in the same folder; give each a name of its own")]
    Duplicate { check: String },
}

/// A check of the configuration with its compiled patterns.
pub struct Configured {
    pub check: Check,
    /// Changes that call for it; `None` for any.
    pub when: Option<Gitignore>,
}

/// Reads all of them.
///
/// # Errors
/// As [`VerifyConfigError`] says.
pub(super) fn compile_all(
    checks: Vec<ConfiguredCheck>,
) -> Result<Vec<Configured>, VerifyConfigError> {
    let mut configured: Vec<Configured> = Vec::new();
    for check in checks {
        let compiled = compile(check)?;
        let Check { name, dir, .. } = &compiled.check;
        if configured.iter().any(|c| c.check.is(name, dir)) {
            return Err(VerifyConfigError::Duplicate {
                check: name.clone(),
            });
        }
        configured.push(compiled);
    }
    Ok(configured)
}

pub(super) fn compile(configured: ConfiguredCheck) -> Result<Configured, VerifyConfigError> {
    let inside = |key, path: &str| {
        let short = path.trim_end_matches('/').trim_start_matches("./");
        let short = if short == "." { "" } else { short };
        if short.starts_with('/') || short.split('/').any(|segment| segment == "..") {
            return Err(VerifyConfigError::Outside {
                check: configured.name.clone(),
                key,
                path: path.to_owned(),
            });
        }
        Ok(short.to_owned())
    };
    let dir = inside("dir", &configured.dir)?;
    let report = configured
        .report
        .as_deref()
        .map(|path| inside("report", path));
    let report = report.transpose()?;
    if let Some(only) = configured.only.as_ref().filter(|o| !o.contains("{tests}")) {
        return Err(VerifyConfigError::Only {
            check: configured.name.clone(),
            only: only.clone(),
        });
    }
    let mut when = GitignoreBuilder::new("");
    for pattern in &configured.when {
        when.add_line(None, pattern)
            .map_err(|error| VerifyConfigError::Pattern {
                check: configured.name.clone(),
                pattern: pattern.clone(),
                why: error.to_string(),
            })?;
    }
    let when = when.build().map_err(|error| VerifyConfigError::Pattern {
        check: configured.name.clone(),
        pattern: configured.when.join(", "),
        why: error.to_string(),
    })?;
    let format = configured.reads.unwrap_or_default();
    let reads = Reads {
        format,
        from: match report {
            Some(path) => ReportPlace::Left(vec![path]),
            None if format.is_file() => ReportPlace::Asked,
            None => ReportPlace::Output,
        },
    };
    Ok(Configured {
        when: (!configured.when.is_empty()).then_some(when),
        check: Check {
            timeout: configured.timeout,
            reads: Some(reads),
            only: configured.only.map(Only::Line),
            ..Check::new(
                configured.name,
                dir,
                CheckKind::Configured,
                Run::line(configured.run),
            )
        },
    })
}
