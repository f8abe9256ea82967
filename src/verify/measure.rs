//! Measuring how much of the code the tests run, while they run: which checks measure, where their reports are
//! read, and what these come to. Only where somebody wants to know.

use super::check::{Check, CheckKind};
use super::conditions::Ground;
use super::configured::VerifyConfigError;
use super::coverage::rows::{
    CONFIGURED, ConfiguredCoverage, Installed, Measuring, ReportPlace, configured_check,
    coverage_check, go_modules,
};
use super::coverage::{
    Bounds, Changed, Measured, ReportFormat, Whereabouts, coverage_of, detect_format, judge,
    missed, parse, place, unmeasured,
};
use super::languages::LANGUAGES;
use super::report_files::{Since, TempReport, read_left};
use super::view::FileView;
use super::{CheckProgress, NoVerdict, Verifier, scope};
use crate::model::{Coverage, Evidence};
use crate::proc;
use std::collections::BTreeSet;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;

/// Stretches of changed lines, and files, that a shortfall names.
const MOST_NAMED: usize = 5;

/// What somebody wants to know of coverage, and what it is held to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measure {
    pub configured: ConfiguredCoverage,
    pub bounds: Bounds,
}

/// How one look at a lane measures.
pub(super) struct Measurement {
    /// Runs in place of the checks of the same name and folder.
    pub instead: Vec<Measuring>,
    /// Run whole whatever the changes call for: sums of different checks cannot be compared.
    whole: Vec<Check>,
    reports: Vec<Report>,
    /// Why nothing can be measured, where that is known beforehand.
    why_not: Option<String>,
    /// The lane's files and Go modules.
    known: BTreeSet<String>,
    modules: Vec<(String, String)>,
    since: Since,
    /// Removed with this.
    _folders: Vec<TempReport>,
}

struct Report {
    /// Name of what writes it, for people.
    by: String,
    /// The folder in which it is made.
    dir: String,
    place: ReportPlace,
    format: Option<ReportFormat>,
}

impl Verifier {
    /// Has coverage measured, on the base and on the work.
    ///
    /// # Errors
    /// A check of the configuration has the name of the measurement.
    pub fn measuring(self, measure: Measure) -> Result<Self, VerifyConfigError> {
        let is_taken = |check: &Check| check.is(CONFIGURED, "");
        if measure.configured.command.is_some()
            && self.configured.iter().any(|c| is_taken(&c.check))
        {
            return Err(VerifyConfigError::Duplicate {
                check: CONFIGURED.to_owned(),
            });
        }
        Ok(Self {
            measure: Some(measure),
            ..self
        })
    }

    /// What would measure, in words, or why nothing can; None where nobody wants to know.
    pub fn would_measure(
        &self,
        lane: &Path,
        tracked: &[String],
    ) -> Option<Result<Vec<String>, String>> {
        let found = match self.measurement(lane, tracked) {
            Ok(found) => found?,
            Err(error) => return Some(Err(error.to_string())),
        };
        let of = |report: Report| match report.place {
            ReportPlace::At(_) => format!("{} measures", report.by),
            ReportPlace::InLane(path) => format!("{} leaves {path}", report.by),
        };
        Some(match found.why_not {
            Some(why) => Err(why),
            None => Ok(found.reports.into_iter().map(of).collect()),
        })
    }

    /// What a cached baseline depends on beside the checks.
    pub(super) fn measured_with(&self) -> String {
        let measure = self.measure.as_ref();
        measure.map_or_else(String::new, |measure| {
            format!("{:?} {:?}", measure.configured, self.installed())
        })
    }

    fn installed(&self) -> Installed {
        Installed {
            cargo_llvm_cov: proc::find_program("cargo-llvm-cov", &self.env).is_some(),
        }
    }

    /// How coverage is measured in a lane with these files; None where nobody wants to know.
    pub(super) fn measurement(
        &self,
        lane: &Path,
        files: &[String],
    ) -> io::Result<Option<Measurement>> {
        let Some(measure) = &self.measure else {
            return Ok(None);
        };
        let clock = TempReport::make(&self.env)?;
        let mut found = Measurement {
            instead: Vec::new(),
            whole: Vec::new(),
            reports: Vec::new(),
            why_not: None,
            known: files.iter().cloned().collect(),
            modules: Vec::new(),
            since: clock.since(),
            _folders: vec![clock],
        };
        self.with_view(lane, files, |view| {
            found.modules = go_modules(view);
            match configured_check(&measure.configured) {
                Some((check, places)) => {
                    self.as_configured(view, &measure.configured, check, places, &mut found);
                    Ok(())
                }
                None if measure.configured.command.is_some() => {
                    found.why_not = Some(
                        "`coverage.command` is set, and `coverage.report` names no report of it"
                            .to_owned(),
                    );
                    Ok(())
                }
                None => self.as_rows_know(view, &mut found),
            }
        })?;
        Ok(Some(found))
    }

    fn as_configured(
        &self,
        view: &FileView<'_>,
        configured: &ConfiguredCoverage,
        check: Option<Check>,
        places: Vec<ReportPlace>,
        found: &mut Measurement,
    ) {
        let by = match &check {
            Some(check) => check.command(),
            None => "a check".to_owned(),
        };
        // Without a command of its own the reports are those of the checks, which must then all run.
        let writes = |check: &Check| matches!(check.kind, CheckKind::Test | CheckKind::Configured);
        found.whole = match check {
            Some(check) => vec![check],
            None => {
                let mut all = self.everything(view);
                all.retain(writes);
                all
            }
        };
        found.reports = places
            .into_iter()
            .map(|place| Report {
                by: by.clone(),
                dir: String::new(),
                place,
                format: configured.format,
            })
            .collect();
    }

    fn as_rows_know(&self, view: &FileView<'_>, found: &mut Measurement) -> io::Result<()> {
        let installed = self.installed();
        let projects = self.projects(view);
        for check in scope::everything(&projects, &self.configured) {
            let owner = projects
                .iter()
                .find(|p| p.checks.iter().any(|c| c.is(&check.name, &check.dir)));
            let Some(project) = owner.filter(|_| check.kind == CheckKind::Test) else {
                continue;
            };
            let ground = Ground {
                view,
                dir: &project.dir,
                sources: project.sources.iter().map(String::as_str).collect(),
                tests: project.tests.iter().map(String::as_str).collect(),
            };
            let folder = TempReport::make(&self.env)?;
            let out = folder.dir().display().to_string();
            let row = coverage_check(project.language.name, &check, &ground, installed, &out);
            let Some(measuring) = row else {
                continue;
            };
            found
                .reports
                .extend(measuring.reports.iter().map(|place| Report {
                    by: check.name.clone(),
                    dir: check.dir.clone(),
                    place: place.clone(),
                    format: measuring.format,
                }));
            found.whole.push(check);
            found.instead.push(measuring);
            found._folders.push(folder);
        }
        if found.reports.is_empty() {
            found.why_not = Some(
                "no test runner here is known to measure it: say with `[coverage] command` and `report` how it is \
                 measured"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Keeps with a baseline what was measured on it.
    pub(super) fn keep_sum(
        &self,
        lane: &Path,
        measurement: &Measurement,
        evidence: &mut Evidence,
        on_check: &dyn Fn(CheckProgress<'_>),
    ) {
        match measurement.read(lane) {
            Ok(measured) => {
                evidence.coverage = Some(coverage_of(None, &measured, &Changed::new()));
            }
            Err(why) => on_check(CheckProgress::NotMeasured { why: &why }),
        }
    }

    /// Puts what was measured into the evidence of work, and says what it lacks.
    pub(super) fn hold(
        &self,
        lane: &Path,
        measurement: &Measurement,
        (base, changed): (&Evidence, &Changed),
        evidence: &mut Evidence,
        on_check: &dyn Fn(CheckProgress<'_>),
    ) -> Option<String> {
        let bounds = &self.measure.as_ref()?.bounds;
        let before = base.coverage.map(|c| c.after);
        let measured = match measurement.read(lane) {
            Ok(measured) => measured,
            Err(why) => {
                return match judge(None, bounds) {
                    Err(shortfall) => Some(format!("{shortfall} ({why})")),
                    // A number that was there and is gone hides what it was.
                    Ok(()) if before.is_some() => Some(format!(
                        "coverage was measured before the work and is not any more: {why}"
                    )),
                    Ok(()) => {
                        on_check(CheckProgress::NotMeasured { why: &why });
                        None
                    }
                };
            }
        };
        let coverage = Coverage {
            before,
            ..coverage_of(None, &measured, changed)
        };
        evidence.coverage = Some(coverage);
        let shortfall = judge(Some(&coverage), bounds).err()?;
        Some(format!("{shortfall}{}", not_run(&measured, changed)))
    }
}

impl Measurement {
    /// Sees that the checks that measure are among those that run, whole.
    pub(super) fn add_to(&self, checks: &mut Vec<Check>) {
        for check in &self.whole {
            match checks.iter_mut().find(|c| c.is(&check.name, &check.dir)) {
                Some(called) => *called = called.widened(),
                None => checks.push(check.clone()),
            }
        }
        checks.sort_by_key(|c| c.kind);
    }

    /// Everything that the reports say, or why they say nothing. A part of it would be no measurement: what is
    /// compared with it has all.
    fn read(&self, lane: &Path) -> Result<Measured, String> {
        if let Some(why) = &self.why_not {
            return Err(why.clone());
        }
        let resolved = lane.canonicalize().ok();
        let roots: Vec<String> = [Some(lane.to_owned()), resolved]
            .into_iter()
            .flatten()
            .map(|root| root.display().to_string())
            .collect();
        let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
        let known: BTreeSet<&str> = self.known.iter().map(String::as_str).collect();
        let mut all = Measured::default();
        for report in &self.reports {
            let (path, texts) = report.texts(lane, self.since);
            if texts.is_empty() {
                return Err(format!(
                    "{} left no report of coverage{path} that can be read",
                    report.by
                ));
            }
            for text in texts {
                let format = report.format.or_else(|| detect_format(&path, &text));
                let parsed = format
                    .ok_or(super::coverage::ReportError::UnknownFormat)
                    .and_then(|format| parse(format, &text));
                let files = parsed.map_err(|e| {
                    format!(
                        "the report of coverage{path} of {} cannot be used: {e}",
                        report.by
                    )
                })?;
                let whereabouts = Whereabouts {
                    roots: &roots,
                    dir: &report.dir,
                    known: &known,
                    modules: &self.modules,
                };
                let placed = place(files, &whereabouts);
                if !placed.lost.is_empty() {
                    tracing::debug!("not files of the repository: {}", placed.lost.join(", "));
                }
                all.merge(placed.measured);
            }
        }
        Ok(all)
    }
}

impl Report {
    /// What of it was written by this run, and its path for people where they know it.
    fn texts(&self, lane: &Path, since: Since) -> (String, Vec<String>) {
        match &self.place {
            ReportPlace::InLane(path) => (
                format!(" in {path}"),
                read_left(lane, std::slice::from_ref(path), since),
            ),
            ReportPlace::At(path) => {
                let path = Path::new(path);
                let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
                let (Some(dir), Some(name)) = (path.parent(), name) else {
                    return (String::new(), Vec::new());
                };
                (String::new(), read_left(dir, &[name], Since::ALWAYS))
            }
        }
    }
}

/// True when a check that measures left its report.
pub(super) fn has_reported(measuring: &Measuring) -> bool {
    measuring.reports.iter().all(|place| match place {
        ReportPlace::At(path) => Path::new(path).is_file(),
        ReportPlace::InLane(_) => true,
    })
}

/// Changed lines and files that no test ran, as an engine is told them.
fn not_run(measured: &Measured, changed: &Changed) -> String {
    let shown = |(path, run): &(String, RangeInclusive<u32>)| match run.start() == run.end() {
        true => format!("{path}:{}", run.start()),
        false => format!("{path}:{}-{}", run.start(), run.end()),
    };
    let lines: Vec<String> = missed(measured, changed, MOST_NAMED + 1)
        .iter()
        .map(shown)
        .collect();
    let is_code = |path: &str| {
        LANGUAGES
            .iter()
            .any(|l| !l.fallback && l.names_file(path) && !(l.is_test)(path))
    };
    let files = unmeasured(measured, changed, is_code);
    let mut said = named("; no test ran the changed lines ", &lines);
    said.push_str(&named("; nothing was measured of ", &files));
    said
}

fn named<S: AsRef<str>>(start: &str, all: &[S]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let few: Vec<&str> = all.iter().take(MOST_NAMED).map(AsRef::as_ref).collect();
    let more = if all.len() > MOST_NAMED {
        " and others"
    } else {
        ""
    };
    format!("{start}{}{more}", few.join(", "))
}

/// A folder for reports could not be made.
pub(super) fn no_folder(error: &io::Error) -> NoVerdict {
    NoVerdict::NotStarted {
        check: CONFIGURED.to_owned(),
        why: error.to_string(),
    }
}
