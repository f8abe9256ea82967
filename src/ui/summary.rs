//! The end of a run.

use super::UiOptions;
use super::plan::doubts;
use super::status::{
    branch_and_prs, heading, stopped_text, undelivered_text, unverified_text, value,
};
use super::text::{Paint, clean, duration, one_line, plural, spent, wrap};
use crate::model::ExitCode;
use crate::model::policy::WallState;
use crate::model::report::SummaryReport;
use serde_json::Value;

/// The documented JSON of a finished run: [`SummaryReport`] with every field present, beside `exit` the process's
/// exit `code` and its `meaning`, and beside `sandbox` whether there was none.
pub fn json(report: &SummaryReport) -> Value {
    let mut json = value(report);
    json["code"] = report.exit.code().into();
    json["meaning"] = report.exit.meaning().into();
    json["unsandboxed"] = (report.sandbox == WallState::Off).into();
    json
}

/// The summary for people.
pub fn render(report: &SummaryReport, options: &UiOptions) -> String {
    let mut out = String::new();
    for spec in &report.specs {
        out.push_str(&heading(
            &spec.path,
            &spec.title,
            spec.done,
            spec.total,
            options,
        ));
        out.push_str(&branch_and_prs(&spec.branch, &spec.prs));
        out.push_str(&stopped_text(&spec.stopped, options));
        out.push_str(&undelivered_text(spec.undelivered.as_ref(), options));
        out.push_str(&unverified_text(spec.unverified, options));
        out.push('\n');
    }
    if report.specs.is_empty() && report.diagnostics.is_empty() {
        out.push_str("no specs found; `codelicious init` writes a first one\n\n");
    }
    let doubts = doubts(&report.diagnostics, &[], options.color);
    if !doubts.is_empty() {
        out.push_str(&format!("{doubts}\n"));
    }
    let reached = match report.sandbox {
        WallState::Up => None,
        WallState::NetworkOpen => Some("some of what was run could reach every host"),
        WallState::Off => Some("what the engine and the checks ran could reach everything you can"),
    };
    if let Some(reached) = reached {
        let text = format!("{}: {reached}", report.sandbox.word());
        out.push_str(&format!("{}\n", Paint::Doubt.on(options.color, &text)));
    }
    out.push_str(&wrap(
        &format!(
            "{} committed in {}; {}",
            plural(report.committed, "chunk"),
            duration(report.millis),
            spent(&report.spent)
        ),
        0,
        options.width,
    ));
    let paint = match report.exit {
        ExitCode::Done => Paint::Good,
        ExitCode::WaitsForPerson => Paint::Doubt,
        ExitCode::Incomplete
        | ExitCode::Deadline
        | ExitCode::Budget
        | ExitCode::NoEngine
        | ExitCode::Setup
        | ExitCode::Locked
        | ExitCode::Bug
        | ExitCode::Hangup
        | ExitCode::Interrupted
        | ExitCode::Terminated => Paint::Bad,
    };
    let nowhere = report.specs.iter().any(|s| {
        let work = s.undelivered.as_ref();
        work.is_some_and(|u| u.remote.is_none())
    });
    let meaning = match report.exit {
        ExitCode::Done if nowhere => "everything asked for is done; there is no remote to push to",
        other => other.meaning(),
    };
    let exit = format!("exit {}: {meaning}", report.exit.code());
    out.push_str(&format!("{}\n", paint.on(options.color, &exit)));
    if let Some(path) = &report.postmortem {
        out.push_str(&format!("postmortem: {}\n", one_line(path)));
    }
    if let Some(next) = &report.next {
        out.push_str(&format!("next: {}\n", clean(next)));
    }
    out
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
