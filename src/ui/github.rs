//! What a step of GitHub Actions, or of a runner that behaves like it, reads: annotations, the step's summary,
//! its outputs, and a matrix. Pure renderers; `app` appends and prints.
//!
//! Words of specs, models and checks go into all of these. In an annotation they are escaped as the runner's
//! own toolkit does it, in Markdown by `crate::markdown`, and an output's end is a word that nobody can guess.
//! Everything else on the terminal passes [`super::clean`], which breaks up what a runner would obey.

mod page;

pub use page::{broken_off, step_summary};

use super::status::push_commands;
use super::text::{clean, one_line};
use crate::model::report::{PlanReport, PrReport, StoppedChunk, SummaryReport, SummarySpec};
use crate::model::{ChunkId, Diagnostic, ExitCode, PrState, Severity, SpecId};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// GitHub shows so many annotations of each level for one step, and drops the others in silence.
/// <https://docs.github.com/en/rest/checks/runs>
const SHOWN: usize = 10;
/// Characters of one annotation's message. The service cuts at 64 KB.
const LONGEST_MESSAGE: usize = 2_000;
const LONGEST_TITLE: usize = 200;
/// Bytes of all summaries of one step; one byte more and GitHub refuses it whole.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>
pub const SUMMARY_BYTES: usize = 1024 * 1024;
/// Jobs that one matrix may make.
pub const MATRIX_JOBS: usize = 256;

/// How an annotation is shown. Ordered: the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// What is shown beside a file, or on the page of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    pub level: Level,
    pub title: String,
    /// Path below the repository's root, and a line from 1; 0 when the whole file is meant.
    pub place: Option<(String, usize)>,
    pub message: String,
}

/// Where tasks stand in their specs.
pub type Lines = BTreeMap<(SpecId, ChunkId), usize>;

/// The annotation of an error that ended the program.
pub fn ended(message: &str, hint: &str) -> Annotation {
    let lines = [message.trim_end(), hint.trim_end()];
    let lines: Vec<&str> = lines.into_iter().filter(|l| !l.is_empty()).collect();
    Annotation {
        level: Level::Error,
        title: "codelicious".to_owned(),
        place: None,
        message: lines.join("\n"),
    }
}

/// Annotations of specs that cannot be read as they stand.
pub fn of_diagnostics(diagnostics: &[Diagnostic]) -> Vec<Annotation> {
    let one = |d: &Diagnostic| Annotation {
        level: match d.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        },
        title: match d.severity {
            Severity::Error => "this spec is not built".to_owned(),
            Severity::Warning => "a doubt about this spec".to_owned(),
        },
        place: Some((d.path.clone(), d.line)),
        message: match d.remedy.is_empty() {
            true => d.message.clone(),
            false => format!("{}\n{}", d.message, d.remedy),
        },
    };
    diagnostics.iter().map(one).collect()
}

/// Annotations of what `lint` found: each under the name of its rule.
pub fn of_findings(findings: &[Diagnostic]) -> Vec<Annotation> {
    let mut annotations = of_diagnostics(findings);
    for (annotation, finding) in annotations.iter_mut().zip(findings) {
        annotation.title = finding.rule.id().to_owned();
    }
    annotations
}

/// Annotations of a run: its specs' diagnostics, what stopped, and what was not delivered or looked at by no check.
pub fn of_summary(report: &SummaryReport, lines: &Lines) -> Vec<Annotation> {
    let mut out = of_diagnostics(&report.diagnostics);
    for spec in &report.specs {
        out.extend(spec.stopped.iter().filter_map(|s| stopped(spec, s, lines)));
        out.extend(undelivered(spec));
        if spec.unverified > 0 {
            out.push(Annotation {
                level: Level::Warning,
                title: "unverified".to_owned(),
                place: Some((spec.path.clone(), 0)),
                message: format!("no check looked at {} of the commits", spec.unverified),
            });
        }
    }
    let told = match report.exit {
        ExitCode::Deadline => Some(Level::Notice),
        ExitCode::Hangup | ExitCode::Interrupted | ExitCode::Terminated => Some(Level::Warning),
        // What stopped says it, or the error that ended the run does.
        ExitCode::Done
        | ExitCode::WaitsForPerson
        | ExitCode::Incomplete
        | ExitCode::Budget
        | ExitCode::NoEngine
        | ExitCode::Setup
        | ExitCode::Locked
        | ExitCode::Bug => None,
    };
    out.extend(told.map(|level| Annotation {
        level,
        title: "codelicious".to_owned(),
        place: None,
        message: format!(
            "{}: the next run goes on where this one ended",
            report.exit.meaning()
        ),
    }));
    out
}

fn stopped(spec: &SummarySpec, chunk: &StoppedChunk, lines: &Lines) -> Option<Annotation> {
    let level = match chunk.status.as_str() {
        "failed" => Level::Error,
        // A person said so, or what it depends on is told.
        "skipped" => return None,
        _ => Level::Warning,
    };
    let mut message = chunk.reason.trim_end().to_owned();
    if let Some(needs) = &chunk.needs {
        let _ = write!(message, "\nneeds: {needs}");
    }
    for (i, advice) in chunk.next.iter().enumerate() {
        let word = if i == 0 { "to go on:" } else { "or" };
        let _ = write!(message, "\n{word} {advice}");
    }
    let at = (chunk.spec.clone(), chunk.chunk.clone());
    Some(Annotation {
        level,
        title: format!(
            "{}: {} {}",
            chunk.status.replace('_', " "),
            chunk.chunk,
            chunk.title
        ),
        place: Some((spec.path.clone(), lines.get(&at).copied().unwrap_or(0))),
        message,
    })
}

fn undelivered(spec: &SummarySpec) -> Option<Annotation> {
    let work = spec.undelivered.as_ref()?;
    let commands = push_commands(work);
    let remedy = match &work.remedy {
        Some(remedy) => format!("\nto mend it: {remedy}"),
        None => String::new(),
    };
    let by_hand = match commands.is_empty() {
        true => String::new(),
        false => format!("\nby hand: {}", commands.join(" && ")),
    };
    Some(Annotation {
        // Without a remote there was nothing to fail.
        level: match work.remote {
            Some(_) => Level::Error,
            None => Level::Warning,
        },
        title: format!("not pushed: {}", work.branch),
        place: Some((spec.path.clone(), 0)),
        message: format!("{}{remedy}{by_hand}", work.message.trim_end()),
    })
}

/// The lines that a runner reads, worst first: at most ten of a level, the last of which tells how many more there
/// are.
pub fn commands(annotations: &[Annotation]) -> String {
    let mut out = String::new();
    for level in [Level::Error, Level::Warning, Level::Notice] {
        let of_level: Vec<&Annotation> = annotations.iter().filter(|a| a.level == level).collect();
        let shown = match of_level.len() {
            n if n > SHOWN => SHOWN - 1,
            n => n,
        };
        of_level[..shown].iter().for_each(|a| command(&mut out, a));
        if shown < of_level.len() {
            let left = of_level.len() - shown;
            command(
                &mut out,
                &Annotation {
                    level,
                    title: "codelicious".to_owned(),
                    place: None,
                    message: format!("and {left} more: the log has them all"),
                },
            );
        }
    }
    out
}

fn command(out: &mut String, annotation: &Annotation) {
    let _ = write!(out, "::{} ", annotation.level.word());
    if let Some((path, line)) = &annotation.place {
        let _ = write!(out, "file={},", property(path));
        if *line > 0 {
            let _ = write!(out, "line={line},");
        }
    }
    let title = cut(&one_line(&annotation.title), LONGEST_TITLE);
    let message = cut(&annotation.message, LONGEST_MESSAGE);
    let _ = writeln!(out, "title={}::{}", property(&title), data(&message));
}

/// A command's message, as `escapeData` of `@actions/core` makes it.
fn data(text: &str) -> String {
    clean(text)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A property of a command, as `escapeProperty` of `@actions/core` makes it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// At most `most` characters, and an ellipsis where some are left out.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What a run gives the steps after it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    /// Addresses of its open pull requests; for files, their paths.
    pub prs: Vec<String>,
    /// US dollars; None when it is not known.
    pub cost: Option<f64>,
    /// Path below the repository's root.
    pub postmortem: Option<String>,
}

impl Outputs {
    /// Those of a run that came to this. `cost` as above.
    pub fn of(report: &SummaryReport, cost: Option<f64>) -> Self {
        let open = |pr: &&PrReport| matches!(pr.state, PrState::Draft | PrState::Ready);
        let prs = report.specs.iter().flat_map(|s| &s.prs).filter(open);
        Self {
            prs: prs.filter_map(|pr| pr.url.clone()).collect(),
            cost,
            postmortem: report.postmortem.clone(),
        }
    }
}

/// The lines for the file of outputs. `word` ends each value, and nobody may be able to guess it.
pub fn outputs(outputs: &Outputs, exit: ExitCode, word: &str) -> String {
    let prs = serde_json::to_string(&outputs.prs).unwrap_or_else(|_| "[]".to_owned());
    let cost = outputs.cost.map(|usd| format!("{usd:.4}"));
    let values = [
        ("prs", prs),
        ("status", exit.word().to_owned()),
        ("cost", cost.unwrap_or_default()),
        ("exit-code", exit.code().to_string()),
        ("postmortem", outputs.postmortem.clone().unwrap_or_default()),
    ];
    let mut out = String::new();
    for (name, value) in values {
        let _ = write!(out, "{name}<<{word}\n{value}\n{word}\n");
    }
    out
}

/// A job's matrix: one entry for each spec that has something to build.
#[derive(Serialize)]
struct Matrix<'r> {
    include: Vec<Entry<'r>>,
}

#[derive(Serialize)]
struct Entry<'r> {
    spec: &'r str,
    id: &'r SpecId,
    title: &'r str,
    open: usize,
}

/// One line of JSON for `strategy.matrix`, and how many specs it leaves out because a matrix may have no more
/// jobs. A matrix without an entry fails its job: the job needs an `if:`.
pub fn matrix(plan: &PlanReport) -> (String, usize) {
    let entries = plan.specs.iter().filter_map(|spec| {
        let open = |c: &&_| is_open(c);
        let open = spec.chunks.iter().filter(open).count();
        (open > 0 && spec.not_built.is_none()).then(|| Entry {
            spec: &spec.path,
            id: &spec.id,
            title: &spec.title,
            open,
        })
    });
    let mut include: Vec<Entry<'_>> = entries.collect();
    let left_out = include.len().saturating_sub(MATRIX_JOBS);
    include.truncate(MATRIX_JOBS);
    let value = serde_json::to_string(&Matrix { include });
    let line = value.expect("a matrix holds strings and numbers only");
    (super::text::escape_unsafe(line), left_out)
}

fn is_open(chunk: &crate::model::report::PlanChunk) -> bool {
    !chunk.done && chunk.reason.is_none()
}

#[cfg(test)]
#[path = "github_tests.rs"]
mod tests;
