//! A step of GitHub Actions: what the program did is told where the runner looks for it.
//!
//! Annotations go to stderr, which the runner reads as well as stdout: results on stdout stay parseable. They come
//! at the end, all at once, because only so many are shown.

use super::error::AppError;
use super::world::{SystemRng, random_word};
use crate::config::{Environment, GithubStep, Request};
use crate::core::redact::Redactor;
use crate::fsx::read::open_append;
use crate::model::report::SummaryReport;
use crate::model::{Diagnostic, ExitCode};
use crate::ui::github::{self, Annotation, Lines, Outputs, SUMMARY_BYTES};
use std::cell::RefCell;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// What is to be told, gathered while a request is carried out.
pub struct Actions {
    step: GithubStep,
    /// Outputs and a summary are a run's.
    is_run: bool,
    told: RefCell<Told>,
}

#[derive(Default)]
struct Told {
    annotations: Vec<Annotation>,
    outputs: Outputs,
    /// The run's report and what redacts it; None where it did not get so far.
    run: Option<(SummaryReport, Arc<Redactor>)>,
}

impl Actions {
    /// None outside of such a step.
    pub fn of(env: &Environment, request: &Request) -> Option<Self> {
        let is_run = match request {
            Request::Build(build) => !build.dry_run,
            Request::Plan(_)
            | Request::Prompt(_)
            | Request::Lint(_)
            | Request::Status(_)
            | Request::Events(_)
            | Request::Move(_)
            | Request::Doctor(_)
            | Request::Init(_)
            | Request::Evidence(_)
            | Request::Audit(_)
            | Request::Gc(_)
            | Request::Sandbox(_)
            | Request::Demo(_)
            | Request::Completions(_) => false,
        };
        Some(Self {
            step: env.github_step()?,
            is_run,
            told: RefCell::default(),
        })
    }

    /// A plan's doubts about specs.
    pub fn plan(&self, diagnostics: &[Diagnostic], redactor: &Redactor) {
        let annotations = github::of_diagnostics(diagnostics);
        self.add(annotations, redactor);
    }

    /// What `lint` found.
    pub fn lint(&self, findings: &[Diagnostic], redactor: &Redactor) {
        self.add(github::of_findings(findings), redactor);
    }

    /// What a run came to. `cost` in US dollars, where it is known.
    pub fn run(
        &self,
        report: SummaryReport,
        lines: &Lines,
        cost: Option<f64>,
        redactor: Arc<Redactor>,
    ) {
        self.add(github::of_summary(&report, lines), &redactor);
        let mut told = self.told.borrow_mut();
        let outputs = Outputs::of(&report, cost);
        let redacted = |text: String| redactor.redact(&text).into_owned();
        told.outputs = Outputs {
            prs: outputs.prs.into_iter().map(redacted).collect(),
            postmortem: outputs.postmortem.map(redacted),
            cost,
        };
        told.run = Some((report, redactor));
    }

    fn add(&self, annotations: Vec<Annotation>, redactor: &Redactor) {
        let redacted = annotations.into_iter().map(|a| Annotation {
            title: redactor.redact(&a.title).into_owned(),
            message: redactor.redact(&a.message).into_owned(),
            ..a
        });
        self.told.borrow_mut().annotations.extend(redacted);
    }

    /// Tells it. `error` is what ended the program, where something did, without the secrets of the environment.
    pub fn finish(self, error: Option<&AppError>, exit: ExitCode) {
        let mut told = self.told.into_inner();
        // What a run learned to be secret is more than the environment tells.
        let redacted = |text: &str| match &told.run {
            Some((_, redactor)) => redactor.redact(text).into_owned(),
            None => text.to_owned(),
        };
        // First, so that it is among those that are shown.
        let ended = error.map(|e| github::ended(&redacted(&e.message), &redacted(&e.hint)));
        told.annotations.splice(0..0, ended);
        let text = github::commands(&told.annotations);
        // A closed stderr leaves nobody to tell.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
        if !self.is_run {
            return;
        }
        if let Some(path) = &self.step.output {
            let word = format!("codelicious_{}", random_word(&SystemRng));
            append(path, |_| github::outputs(&told.outputs, exit, &word));
        }
        if let Some(path) = &self.step.summary {
            append(path, |size| {
                let room = SUMMARY_BYTES.saturating_sub(size);
                let why = error.map(|e| e.message.as_str());
                match &told.run {
                    Some((report, redactor)) => summary(report, why, room, redactor),
                    None => github::broken_off(exit, why, room),
                }
            });
        }
    }
}

/// The summary without secrets. What stands for one may be longer than it was, and a summary that is too long is
/// refused whole.
fn summary(report: &SummaryReport, why: Option<&str>, most: usize, redactor: &Redactor) -> String {
    let mut room = most;
    loop {
        let text = github::step_summary(report, why, room);
        let text = redactor.redact(&text).into_owned();
        if text.len() <= most {
            return text;
        }
        room /= 2;
    }
}

/// Appends what `make` says of a file of this size. That it cannot be written ends nothing: it is said, and the
/// exit code stays what the work came to.
fn append(path: &Path, make: impl FnOnce(usize) -> String) {
    let done = open_append(path).map_err(|e| e.to_string());
    let done = done.and_then(|mut file| {
        let size = file.metadata().map_or(0, |m| m.len());
        let text = make(usize::try_from(size).unwrap_or(usize::MAX));
        let written = file.write_all(text.as_bytes());
        written.map_err(|e| format!("{}: {e}", path.display()))
    });
    if let Err(why) = done {
        let text =
            crate::ui::error::warning(&format!("nothing is told to the runner: {why}"), false);
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}
