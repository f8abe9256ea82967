//! Proving a chunk with the repository's own checks.
//!
//! [`detect`](detect::detect) finds the projects and what each can check, [`scope`](scope::scope) picks what
//! the changes call for, [`Verifier`] runs it, and [`judge`](baseline::judge) takes out what failed on the
//! untouched base already. Everything but the running is pure.
//!
//! Not for: deciding what becomes of a chunk (`core`), or looking for weakened tests in a diff.

pub mod audit;
pub mod baseline;
pub mod check;
pub mod classify;
pub mod conditions;
pub mod coverage;
pub mod detect;
pub mod failures;
mod feedback;
pub mod languages;
mod run;
pub mod scope;
mod transcript;
mod view;

pub use feedback::feedback;
pub use view::FileView;

use crate::model::{CheckOutcome, CheckResult, Evidence};
use crate::ports::StopSignal;
use crate::proc;
use check::{Check, CheckKind, Run};
use detect::Project;
use ignore::gitignore::GitignoreBuilder;
use scope::{Changes, Configured};
use std::path::Path;
use std::time::Duration;

/// What the user says about verification.
#[derive(Clone)]
pub struct VerifyConfig {
    /// Checks beside the detected ones; one with the name and folder of a detected check replaces it.
    pub commands: Vec<ConfiguredCheck>,
    /// Whether checks are detected at all.
    pub detect: bool,
    /// Bound on one check, unless it has its own.
    pub timeout: Duration,
    /// Go on where a check's tool is missing; said in the evidence.
    pub allow_unverified: bool,
    /// Environment of the checks, complete.
    pub env: Vec<(String, String)>,
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
        "check `{check}`: `dir` is `{dir}`; name a folder below the repository's root, without `..`"
    )]
    Dir { check: String, dir: String },
    #[error("two checks are called `{check}` in the same folder; give each a name of its own")]
    Duplicate { check: String },
}

/// Not all checks were run: what was checked so far counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoVerdict {
    /// The run stops.
    #[error("stopped before all checks were done")]
    Stopped,
    /// The machine refuses to start a process. Nothing that an engine could mend.
    #[error("the check `{check}` could not be started: {why}")]
    NotStarted { check: String, why: String },
}

/// What happens while checks run.
#[derive(Clone, Copy, Debug)]
pub enum CheckProgress<'a> {
    Started {
        name: &'a str,
        command: &'a str,
        dir: &'a str,
    },
    /// Judged against the baseline, where there is one.
    Finished(&'a CheckResult),
}

/// Runs the checks of one configuration in any lane.
pub struct Verifier {
    configured: Vec<Configured>,
    detect: bool,
    timeout: Duration,
    allow_unverified: bool,
    env: Vec<(String, String)>,
    end_leftovers: fn() -> usize,
}

impl Verifier {
    /// # Errors
    /// A pattern that cannot be read, a folder outside the repository, two checks of one name.
    pub fn new(config: VerifyConfig) -> Result<Self, VerifyConfigError> {
        let mut configured: Vec<Configured> = Vec::new();
        for check in config.commands {
            let compiled = compile(check)?;
            if configured
                .iter()
                .any(|c| c.check.is(&compiled.check.name, &compiled.check.dir))
            {
                return Err(VerifyConfigError::Duplicate {
                    check: compiled.check.name,
                });
            }
            configured.push(compiled);
        }
        Ok(Self {
            configured,
            detect: config.detect,
            timeout: config.timeout,
            allow_unverified: config.allow_unverified,
            env: config.env,
            end_leftovers: proc::end_leftovers,
        })
    }

    /// Runs every check once on the untouched base.
    ///
    /// `tracked` lists the lane's files that git does not ignore, relative to it. A check whose tool is missing is in the
    /// evidence as [`CheckOutcome::NotAvailable`], to be refused or allowed before an engine is paid.
    ///
    /// # Errors
    /// [`NoVerdict`], when `stop` is raised meanwhile or the machine starts no process.
    pub async fn baseline(
        &self,
        lane: &Path,
        tracked: &[String],
        on_check: &dyn Fn(CheckProgress<'_>),
        stop: StopSignal,
    ) -> Result<Evidence, NoVerdict> {
        let read = |path: &str| read_small(lane, path);
        let view = FileView::new(tracked.iter().map(String::as_str), &read);
        let checks = scope::everything(&self.projects(&view), &self.configured);
        let mut evidence = self
            .run_all(&checks, lane, &Evidence::default(), on_check, stop)
            .await?;
        evidence.unverified = evidence.checks.is_empty();
        Ok(evidence)
    }

    /// Runs the checks that `changed` calls for and judges them against `baseline`.
    ///
    /// `changed` lists new, edited and deleted files of the chunk; empty runs everything. `tracked` is as for
    /// [`baseline`](Self::baseline), of the lane as it is now.
    ///
    /// # Errors
    /// [`NoVerdict`], when `stop` is raised meanwhile or the machine starts no process.
    pub async fn check(
        &self,
        lane: &Path,
        tracked: &[String],
        changed: &[String],
        baseline: &Evidence,
        on_check: &dyn Fn(CheckProgress<'_>),
        stop: StopSignal,
    ) -> Result<Evidence, NoVerdict> {
        let (present, deleted): (Vec<&str>, Vec<&str>) = changed
            .iter()
            .map(String::as_str)
            .partition(|path| lane.join(path).symlink_metadata().is_ok());
        let changes = Changes { present, deleted };
        let read = |path: &str| read_small(lane, path);
        let listed = tracked
            .iter()
            .map(String::as_str)
            .filter(|path| !changes.deleted.contains(path));
        let view = FileView::new(listed.chain(changes.present.iter().copied()), &read);
        let checks = scope::scope(
            &view,
            &self.projects(&view),
            &self.configured,
            &changes,
            baseline,
        );
        self.run_all(&checks, lane, baseline, on_check, stop).await
    }

    fn projects(&self, view: &FileView<'_>) -> Vec<Project> {
        if self.detect {
            detect::detect(view)
        } else {
            Vec::new()
        }
    }

    async fn run_all(
        &self,
        checks: &[Check],
        lane: &Path,
        base: &Evidence,
        on_check: &dyn Fn(CheckProgress<'_>),
        stop: StopSignal,
    ) -> Result<Evidence, NoVerdict> {
        let mut judged = Vec::new();
        for check in checks {
            on_check(CheckProgress::Started {
                name: &check.name,
                command: &check.command(),
                dir: &check.dir,
            });
            let run = run::run_check(
                check,
                lane,
                &self.env,
                self.timeout,
                self.end_leftovers,
                stop.clone(),
            );
            let result = baseline::judge_one(base, &run.await?);
            on_check(CheckProgress::Finished(&result));
            let dropped =
                check.optional && matches!(result.outcome, CheckOutcome::NotAvailable { .. });
            if !dropped {
                judged.push(result);
            }
        }
        Ok(baseline::conclude(judged, self.allow_unverified))
    }
}

fn compile(configured: ConfiguredCheck) -> Result<Configured, VerifyConfigError> {
    let dir = configured
        .dir
        .trim_end_matches('/')
        .trim_start_matches("./");
    let dir = if dir == "." { "" } else { dir };
    if dir.starts_with('/') || dir.split('/').any(|segment| segment == "..") {
        return Err(VerifyConfigError::Dir {
            check: configured.name,
            dir: configured.dir,
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
    Ok(Configured {
        when: (!configured.when.is_empty()).then_some(when),
        check: Check {
            name: configured.name,
            dir: dir.to_owned(),
            kind: CheckKind::Configured,
            run: Run::Shell(configured.run),
            timeout: configured.timeout,
            optional: false,
            no_tests_exit: None,
            env: &[],
        },
    })
}

/// Reads a manifest or a test for detection; `None` for what is no plain, small file. Bytes that are not
/// UTF-8 are replaced: detection looks for words.
fn read_small(lane: &Path, path: &str) -> Option<String> {
    const MAX_READ: u64 = 1 << 20;
    let full = lane.join(path);
    let meta = full.metadata().ok()?;
    if !meta.is_file() || meta.len() > MAX_READ {
        return None;
    }
    std::fs::read(full)
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
