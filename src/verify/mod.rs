//! Proving a chunk with the repository's own checks.
//!
//! [`detect`](detect::detect) finds the projects and what each can check, [`scope`](scope::scope) picks what
//! the changes call for, [`Verifier`] runs it, and [`judge`](baseline::judge) takes out what failed on the
//! untouched base already. [`audit`] looks in the diff for what makes checks pass without the work. Everything but the
//! running is pure.
//!
//! Not for: deciding what becomes of a chunk (`core`).

pub mod audit;
pub mod baseline;
pub mod cache;
pub mod check;
pub mod classify;
pub mod conditions;
mod configured;
pub mod coverage;
pub mod detect;
pub mod failures;
mod feedback;
pub mod languages;
mod measure;
pub mod names;
mod narrow;
mod only;
mod reading;
pub mod redness;
pub mod report;
mod report_files;
mod run;
pub mod scope;
mod session;
mod transcript;
mod view;

pub use configured::{ConfiguredCheck, Scope, VerifyConfig, VerifyConfigError};
pub use feedback::{Feedback, feedback, feedback_with, signature};
pub use measure::Measure;
pub use reading::Format;
pub use view::FileView;

use crate::model::policy::Preset;
use crate::model::{CheckResult, Evidence};
use crate::ports::StopSignal;
use crate::proc;
use crate::sandbox::{Sandbox, Subject};
use baseline::Judging;
use check::{Check, CheckKind};
use configured::Configured;
use coverage::Changed;
use detect::Project;
use scope::Changes;
use session::Session;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

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
    /// Somebody wants to know of coverage, and nothing is known of it.
    NotMeasured { why: &'a str },
}

/// What a chunk did, and what it is held against.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The lane's files that git does not ignore, relative to it, as they are now.
    pub tracked: &'a [String],
    /// New, edited and deleted files of the chunk; empty runs everything.
    pub changed: &'a [String],
    /// Evidence of the untouched base.
    pub base: &'a Evidence,
    /// The task's words: tests that they name are the work's business, also those that failed before.
    pub task: &'a str,
}

/// Tests of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTests {
    /// Name and folder of the check, as in its [`CheckResult`].
    pub check: String,
    pub dir: String,
    /// As in the check's report.
    pub tests: Vec<String>,
}

/// Runs the checks of one configuration in any lane.
pub struct Verifier {
    configured: Vec<Configured>,
    detect: bool,
    disable: Vec<String>,
    scope: Scope,
    timeout: Duration,
    allow_unverified: bool,
    env: Vec<(String, String)>,
    measure: Option<Measure>,
    sandbox: Sandbox,
    end_leftovers: fn() -> usize,
}

/// Bound on asking a tool for its version.
const PROBE: Duration = Duration::from_secs(20);

/// Goes up when detection finds, runs or reads something else than before in the same files, and when results are told
/// in another way.
const DETECTION: u32 = 2;

impl Verifier {
    /// # Errors
    /// A pattern that cannot be read, a folder outside the repository, two checks of one name.
    pub fn new(config: VerifyConfig) -> Result<Self, VerifyConfigError> {
        Ok(Self {
            configured: configured::compile_all(config.commands)?,
            detect: config.detect,
            disable: config.disable,
            scope: config.scope,
            timeout: config.timeout,
            allow_unverified: config.allow_unverified,
            env: config.env,
            measure: None,
            sandbox: Sandbox::off(),
            end_leftovers: proc::end_leftovers,
        })
    }

    /// Walls the checks in.
    #[must_use]
    pub fn walled(self, sandbox: Sandbox) -> Self {
        Self { sandbox, ..self }
    }

    /// Every check that there is, whole: for people who want to know.
    pub fn found(&self, root: &Path, tracked: &[String]) -> Vec<Check> {
        self.with_view(root, tracked, |view| self.everything(view))
    }

    /// Why each of these could not run here, found by asking its tool for no more than its version.
    pub async fn missing(
        &self,
        root: &Path,
        checks: &[Check],
        stop: StopSignal,
    ) -> Vec<Option<String>> {
        let around = run::Surroundings {
            lane: root,
            env: &self.env,
            timeout: PROBE,
            sandbox: &self.sandbox,
            end_leftovers: self.end_leftovers,
        };
        // Several checks of one tool ask it once.
        let mut asked: BTreeMap<(&str, &str), Option<String>> = BTreeMap::new();
        let mut missing = Vec::new();
        for check in checks {
            let key = (check.probe.as_str(), check.dir.as_str());
            if !check.probe.is_empty() && !asked.contains_key(&key) {
                let probe = Check::new(
                    &check.name,
                    &check.dir,
                    CheckKind::Lint,
                    check::Run::line(&check.probe),
                );
                let why = match run::run_check(&probe, around, stop.clone()).await {
                    Ok(result) => session::not_there(&result.outcome, &check.probe),
                    Err(error) => Some(error.to_string()),
                };
                asked.insert(key, why);
            }
            missing.push(asked.get(&key).cloned().flatten());
        }
        missing
    }

    /// What the baseline of these files depends on beside the tree: the commands that would run, how they are
    /// read and bounded, which of their programs are there, the wall around each, and the names of what they see of the
    /// environment. For [`cache::key`].
    pub fn fingerprint(&self, lane: &Path, tracked: &[String]) -> String {
        let state = self.sandbox.word();
        let mut text = format!(
            "{DETECTION} {:?} {} {state}\n",
            self.timeout,
            self.measured_with()
        );
        for check in self.found(lane, tracked) {
            let program = check.probe.split(' ').next().unwrap_or_default();
            let there = proc::find_program(program, &self.env).is_some();
            let _ = writeln!(text, "{check:?} {there} {}", self.wall(lane, &check));
        }
        let mut names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        text.push_str(&names.join(" "));
        let digest = Sha256::digest(text.as_bytes());
        digest.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// The wall around a check, in words that are the same for every lane.
    fn wall(&self, lane: &Path, check: &Check) -> String {
        let policy = self.sandbox.policy(&Subject {
            preset: Preset::Verify,
            lane,
            command: &check.command(),
            env: &self.env,
        });
        // What lies beside the lane has its name.
        let lane = format!("{:?}", lane.as_os_str());
        format!("{policy:?}").replace(lane.trim_matches('"'), "LANE")
    }

    /// Runs every check once on the untouched base.
    ///
    /// `tracked` lists the lane's files that git does not ignore, relative to it. A check whose tool is missing is in the
    /// evidence as [`CheckOutcome::NotAvailable`](crate::model::CheckOutcome::NotAvailable), to be refused or allowed before
    /// an engine is paid.
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
        let mut checks = self.found(lane, tracked);
        let measurement = self
            .measurement(lane, tracked)
            .map_err(|e| measure::no_folder(&e))?;
        if let Some(measurement) = &measurement {
            measurement.add_to(&mut checks);
        }
        let session = self.session(lane, None, measurement.as_ref(), on_check, stop);
        let results = session.run_all(&checks).await?;
        let mut evidence = baseline::conclude(results, self.allow_unverified);
        evidence.unverified = evidence.checks.is_empty();
        if let Some(measurement) = &measurement {
            self.keep_sum(lane, measurement, &mut evidence, on_check);
        }
        Ok(evidence)
    }

    /// Runs the checks that the work calls for, judges them against the baseline, and runs what it is to blame
    /// for once more. Measures nothing.
    ///
    /// # Errors
    /// [`NoVerdict`], when `stop` is raised meanwhile or the machine starts no process.
    pub async fn check(
        &self,
        lane: &Path,
        work: Work<'_>,
        on_check: &dyn Fn(CheckProgress<'_>),
        stop: StopSignal,
    ) -> Result<Evidence, NoVerdict> {
        let looked = self.look(lane, work, None, on_check, stop).await;
        looked.map(|(evidence, _)| evidence)
    }

    /// As [`Verifier::check`], and measures coverage where somebody wants to know. The second says what it lacks;
    /// `changed` are the lines that the work brings.
    ///
    /// # Errors
    /// As [`Verifier::check`].
    pub async fn check_and_measure(
        &self,
        lane: &Path,
        work: Work<'_>,
        changed: &Changed,
        on_check: &dyn Fn(CheckProgress<'_>),
        stop: StopSignal,
    ) -> Result<(Evidence, Option<String>), NoVerdict> {
        // Without a change there is nothing that tests could have missed.
        let changed = (!work.changed.is_empty()).then_some(changed);
        self.look(lane, work, changed, on_check, stop).await
    }

    async fn look(
        &self,
        lane: &Path,
        work: Work<'_>,
        measured: Option<&Changed>,
        on_check: &dyn Fn(CheckProgress<'_>),
        stop: StopSignal,
    ) -> Result<(Evidence, Option<String>), NoVerdict> {
        let (present, deleted): (Vec<&str>, Vec<&str>) = work
            .changed
            .iter()
            .map(String::as_str)
            .partition(|path| lane.join(path).symlink_metadata().is_ok());
        let changes = Changes { present, deleted };
        let now: Vec<String> = work
            .tracked
            .iter()
            .filter(|path| !changes.deleted.contains(&path.as_str()))
            .cloned()
            .chain(changes.present.iter().map(|path| (*path).to_owned()))
            .collect();
        let mut checks = self.with_view(lane, &now, |view| {
            let projects = self.projects(view);
            let called = scope::scope(
                view,
                &projects,
                &self.configured,
                &changes,
                (work.base, work.task),
            );
            match self.scope {
                Scope::Changed => called,
                Scope::All => called.iter().map(Check::widened).collect(),
            }
        });
        let measurement = match measured {
            Some(_) => self.measurement(lane, &now),
            None => Ok(None),
        };
        let measurement = measurement.map_err(|e| measure::no_folder(&e))?;
        if let Some(measurement) = &measurement {
            measurement.add_to(&mut checks);
        }
        let judged = session::Judged {
            judging: Judging {
                base: work.base,
                task: work.task,
            },
            changed: &changes.present,
        };
        let session = self.session(lane, Some(judged), measurement.as_ref(), on_check, stop);
        let results = session.run_all(&checks).await?;
        let mut evidence = baseline::conclude(results, self.allow_unverified);
        // Tests that fail are what is wrong, and say nothing of what would have run.
        let shortfall = match (&measurement, measured) {
            (Some(measurement), Some(changed)) if evidence.passed() => {
                let held = (work.base, changed);
                self.hold(lane, measurement, held, &mut evidence, on_check)
            }
            _ => None,
        };
        Ok((evidence, shortfall))
    }

    /// Runs just these tests, as far as their checks can be told to, and judges nothing. A check that is not found
    /// among `tracked` has no result.
    ///
    /// # Errors
    /// [`NoVerdict`], when `stop` is raised meanwhile or the machine starts no process.
    pub async fn run_tests(
        &self,
        lane: &Path,
        tracked: &[String],
        tests: &[NamedTests],
        on_check: &dyn Fn(CheckProgress<'_>),
        stop: StopSignal,
    ) -> Result<Vec<CheckResult>, NoVerdict> {
        let found = self.found(lane, tracked);
        let wanted: Vec<Check> = tests
            .iter()
            .filter_map(|named| {
                let check = found.iter().find(|c| c.is(&named.check, &named.dir))?;
                let names: Vec<&str> = named.tests.iter().map(String::as_str).collect();
                Some(only::only(check, &names))
            })
            .collect();
        self.session(lane, None, None, on_check, stop)
            .run_all(&wanted)
            .await
    }

    fn session<'a>(
        &'a self,
        lane: &'a Path,
        judged: Option<session::Judged<'a>>,
        measurement: Option<&'a measure::Measurement>,
        on_check: &'a dyn Fn(CheckProgress<'_>),
        stop: StopSignal,
    ) -> Session<'a> {
        Session {
            around: run::Surroundings {
                lane,
                env: &self.env,
                timeout: self.timeout,
                sandbox: &self.sandbox,
                end_leftovers: self.end_leftovers,
            },
            judged,
            measuring: measurement.map_or(&[], |m| m.instead.as_slice()),
            on_check,
            stop,
        }
    }

    fn with_view<T>(
        &self,
        lane: &Path,
        files: &[String],
        look: impl FnOnce(&FileView<'_>) -> T,
    ) -> T {
        let read = |path: &str| read_small(lane, path);
        let has_tool = |program: &str| proc::find_program(program, &self.env).is_some();
        let view = FileView::new(files.iter().map(String::as_str), &read).with_tools(&has_tool);
        look(&view)
    }

    fn everything(&self, view: &FileView<'_>) -> Vec<Check> {
        scope::everything(&self.projects(view), &self.configured)
    }

    /// What is detected and not left out.
    fn projects(&self, view: &FileView<'_>) -> Vec<Project> {
        if !self.detect {
            return Vec::new();
        }
        let mut projects = detect::detect(view);
        for project in &mut projects {
            project.checks.retain(|check| {
                let at = format!("{}@{}", check.name, check.dir);
                !self.disable.iter().any(|d| *d == check.name || *d == at)
            });
        }
        projects
    }
}

/// Reads a manifest or a test for detection; `None` for what is no plain, small file. Bytes that are not
/// UTF-8 are replaced: detection looks for words.
fn read_small(lane: &Path, path: &str) -> Option<String> {
    const MAX_READ: u64 = 1 << 20;
    crate::fsx::read_beneath(lane, Path::new(path), MAX_READ)
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
