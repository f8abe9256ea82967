//! Where everything stands, and the pieces that other reports share with it.

use super::UiOptions;
use super::plan::doubts;
use super::text::{Paint, clean, cut, one_line, shell_quote, spent, width, wrap};
use crate::model::PrState;
use crate::model::report::{PrReport, StatusReport, StatusSpec, StoppedChunk, Undelivered};
use serde::Serialize;
use serde_json::Value;

/// A report as JSON.
pub(super) fn value(report: &impl Serialize) -> Value {
    serde_json::to_value(report).expect("reports hold strings, numbers and string keys only")
}

/// The documented JSON of `status --json`: [`StatusReport`] with every field present.
pub fn json(report: &StatusReport) -> Value {
    value(report)
}

/// The commands that deliver what the remote does not hold.
pub fn push_commands(work: &Undelivered) -> Vec<String> {
    let what = match &work.tip {
        Some(tip) => shell_quote(&format!("{tip}:refs/heads/{}", work.branch)),
        None => shell_quote(&work.branch),
    };
    match &work.remote {
        Some(remote) => vec![format!("git push {} {what}", shell_quote(remote))],
        None => vec![
            "git remote add origin <url>".to_owned(),
            format!("git push origin {what}"),
        ],
    }
}

/// The status for people.
pub fn render(report: &StatusReport, options: &UiOptions) -> String {
    let mut out = String::new();
    if let Some(lock) = &report.lock {
        let since = lock.started.map_or_else(String::new, |t| {
            format!(" since {}", t.format("%Y-%m-%d %H:%M:%S UTC"))
        });
        out.push_str(&wrap(
            &format!(
                "run {} is going on: pid {} on {}{since}",
                lock.run, lock.pid, lock.host
            ),
            0,
            options.width,
        ));
        out.push('\n');
    }
    for spec in &report.specs {
        out.push_str(&spec_text(spec, options));
        out.push('\n');
    }
    if report.specs.is_empty() {
        out.push_str("no specs found; `codelicious init` writes a first one\n");
    }
    let doubts = doubts(&report.diagnostics, &[], options.color);
    if !doubts.is_empty() {
        out.push_str(&format!("{doubts}\n"));
    }
    match &report.next {
        Some(next) => out.push_str(&format!("next: {}\n", clean(next))),
        None if report.specs.is_empty() => {}
        None if report.specs.iter().any(|s| s.undelivered.is_some()) => {
            out.push_str("everything is done\n");
        }
        None => out.push_str("everything is done and delivered\n"),
    }
    out
}

fn spec_text(spec: &StatusSpec, options: &UiOptions) -> String {
    let mut out = heading(&spec.path, &spec.title, spec.done, spec.total, options);
    let counts: Vec<String> = spec
        .counts
        .by_word()
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(word, n)| format!("{n} {}", word.replace('_', " ")))
        .collect();
    if !counts.is_empty() {
        out.push_str(&wrap(&counts.join(", "), 2, options.width));
    }
    out.push_str(&wrap(&spent(&spec.spent), 2, options.width));
    if spec.engines.len() > 1 {
        for engine in &spec.engines {
            let line = format!("{}: {}", one_line(&engine.engine), spent(&engine.spent));
            out.push_str(&wrap(&line, 4, options.width));
        }
    }
    if options.verbose > 0 {
        for chunk in &spec.chunks {
            let head = format!(
                "{} {}",
                one_line(chunk.chunk.as_str()),
                one_line(&chunk.title)
            );
            let line = format!("{}: {}", cut(&head, 60), spent(&chunk.spent));
            out.push_str(&wrap(&line, 4, options.width));
        }
    }
    out.push_str(&branch_and_prs(&spec.branch, &spec.prs));
    out.push_str(&stopped_text(&spec.stopped, options));
    out.push_str(&undelivered_text(spec.undelivered.as_ref(), options));
    out.push_str(&unverified_text(spec.unverified, options));
    out
}

/// `path  title  n/m done`, cut to the terminal.
pub(super) fn heading(
    path: &str,
    title: &str,
    done: usize,
    total: usize,
    options: &UiOptions,
) -> String {
    let tally = format!("{done}/{total} done");
    let head = format!("{}  {}", one_line(path), one_line(title));
    let head = cut(&head, options.width.saturating_sub(width(&tally) + 2)).into_owned();
    format!("{}  {tally}\n", Paint::Strong.on(options.color, &head))
}

pub(super) fn branch_and_prs(branch: &str, prs: &[PrReport]) -> String {
    let mut out = String::new();
    // The branch is made with its first commit.
    if !branch.is_empty() && !prs.is_empty() {
        out.push_str(&format!("  branch {}\n", one_line(branch)));
    }
    for pr in prs {
        let state = match pr.state {
            PrState::Draft => "draft",
            PrState::Ready => "ready",
            PrState::Merged => "merged",
            PrState::Closed => "closed",
        };
        let place = match (&pr.url, pr.number) {
            (Some(url), _) => one_line(url),
            (None, Some(n)) => format!("number {n}"),
            (None, None) => "not created yet".to_owned(),
        };
        let number = pr.number.map_or_else(String::new, |n| format!(" #{n}"));
        out.push_str(&format!(
            "  PR{number} part {}, {state}: {place}\n",
            pr.part
        ));
    }
    out
}

/// Stopped chunks with reason and what to do.
pub(super) fn stopped_text(stopped: &[StoppedChunk], options: &UiOptions) -> String {
    let mut out = String::new();
    for s in stopped {
        let status = Paint::Bad.on(options.color, &one_line(&s.status.replace('_', " ")));
        let id = one_line(s.chunk.as_str());
        let room = options
            .width
            .saturating_sub(6 + width(&s.status) + width(&id))
            .max(20);
        out.push_str(&format!(
            "  {status}  {id}  {}\n",
            cut(&one_line(&s.title), room)
        ));
        out.push_str(&wrap(&s.reason, 6, options.width));
        if let Some(needs) = &s.needs {
            out.push_str(&wrap(&format!("needs: {needs}"), 6, options.width));
        }
        for (i, advice) in s.next.iter().enumerate() {
            let word = if i == 0 { "to go on:" } else { "or" };
            out.push_str(&wrap(&format!("{word} {advice}"), 6, options.width));
        }
    }
    out
}

pub(super) fn undelivered_text(work: Option<&Undelivered>, options: &UiOptions) -> String {
    let Some(work) = work else {
        return String::new();
    };
    let why = match work.failure {
        None => "there is no remote".to_owned(),
        Some(_) => one_line(&work.message),
    };
    let head = Paint::Bad.on(options.color, "not pushed");
    let mut out = format!("  {head} {}\n", one_line(&work.branch));
    out.push_str(&wrap(&why, 6, options.width));
    if let Some(remedy) = &work.remedy {
        out.push_str(&wrap(&format!("to mend it: {remedy}"), 6, options.width));
    }
    for (i, command) in push_commands(work).iter().enumerate() {
        let word = if i == 0 { "type" } else { "then" };
        out.push_str(&format!("      {word} {}\n", one_line(command)));
    }
    out
}

pub(super) fn unverified_text(unverified: usize, options: &UiOptions) -> String {
    if unverified == 0 {
        return String::new();
    }
    let text = format!("  unverified: no check looked at {unverified} of the commits");
    format!("{}\n", Paint::Doubt.on(options.color, &text))
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
