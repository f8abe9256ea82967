//! Running checks one after the other.

use super::NoVerdict;
use super::check::{Check, REPORT_VARIABLE, ReportPlace, Run};
use super::classify::classify;
use super::reading::{Format, Reading};
use super::report_files::{Since, TempReport, read_left};
use super::transcript::{Transcript, clean};
use crate::model::policy::{Preset, SandboxPolicy};
use crate::model::said::Said;
use crate::model::{CheckOutcome, CheckResult, TestCounts, Tests};
use crate::ports::StopSignal;
use crate::proc::{self, Command, Ended, Limits};
use crate::sandbox::{Sandbox, Subject, suspect};
use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// Set for every check unless the environment has it: no `__pycache__` in the lane, no colours in cargo's
/// output.
const CHECK_ENV: &[(&str, &str)] = &[
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("CARGO_TERM_COLOR", "never"),
];

/// Bytes of a line that count for its results, and of those the bytes that people are shown.
const MAX_LINE: usize = 64 << 10;
const MAX_SHOWN: usize = 8 << 10;

/// Where checks run, and with what.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub lane: &'a Path,
    /// Environment of the checks, complete.
    pub env: &'a [(String, String)],
    /// Bound on a check that has none of its own.
    pub timeout: Duration,
    pub sandbox: &'a Sandbox,
    pub end_leftovers: fn() -> usize,
}

/// Runs one check in its folder below the lane and sees that nothing it started stays.
///
/// # Errors
/// [`NoVerdict`], when the run stops meanwhile or the machine starts no process; whatever else happens is a result.
pub(super) async fn run_check(
    check: &Check,
    around: Surroundings<'_>,
    stop: StopSignal,
) -> Result<CheckResult, NoVerdict> {
    if stop.is_raised() {
        return Err(NoVerdict::Stopped);
    }
    let started = Instant::now();
    let end = |outcome, output, tests| Ok(result(check, outcome, started, output, tests));
    let dir = around.lane.join(&check.dir);
    if !dir.is_dir() {
        let why = format!("the folder `{}` does not exist", check.dir);
        return end(CheckOutcome::NotAvailable { why }, String::new(), None);
    }
    let not_started = |why: String| NoVerdict::NotStarted {
        check: check.name.clone(),
        why,
    };
    let line = check.command();
    let policy = around.sandbox.policy(&Subject {
        preset: Preset::Verify,
        lane: around.lane,
        command: &line,
        env: around.env,
    });
    let mut env = policy.environment(&environment(check, around.env));
    let place = check.reads.as_ref().map(|reads| &reads.from);
    // Also tells which of the files that a build leaves are this run's: those that are no older.
    let report = match place {
        Some(ReportPlace::Asked | ReportPlace::Left(_)) => {
            Some(TempReport::make(&env).map_err(|e| not_started(e.to_string()))?)
        }
        Some(ReportPlace::Output) | None => None,
    };
    let since = report.as_ref().map(TempReport::since);
    let timeout = check.timeout.unwrap_or(around.timeout);
    let limits = Limits {
        total: Some(timeout),
        max_line: MAX_LINE,
        capture: 2,
        ..Limits::default()
    };
    if let Some(report) = &report {
        env.push((REPORT_VARIABLE.to_owned(), report.path()));
    }
    let command = command(check, line, &dir, policy).env(env);
    let mut heard = Heard::new(check);
    let finished = proc::run(&command, limits, stop, &mut |_, line| {
        heard.line(&check.name, line);
        ControlFlow::Continue(())
    })
    .await;
    (around.end_leftovers)();
    let finished = match finished {
        Ok(finished) => finished,
        Err(error) if error.is_not_found() => {
            let why = format!("`{}` was not found on PATH", error.program);
            return end(CheckOutcome::NotAvailable { why }, String::new(), None);
        }
        Err(error) => return Err(not_started(error.to_string())),
    };
    if finished.ended == Ended::DiskSpent {
        heard.line(&check.name, proc::DISK_SPENT.as_bytes());
    }
    let transcript = heard.transcript;
    let outcome = match finished.ended {
        Ended::Itself => classify(finished.code, &transcript.text(), check.no_tests_exit),
        Ended::TimedOut | Ended::Stalled => CheckOutcome::TimedOut {
            seconds: timeout.as_millis().div_ceil(1000) as u64,
        },
        Ended::DiskSpent => CheckOutcome::Failed {
            exit: finished.code,
        },
        Ended::Stopped | Ended::ByCaller => return Err(NoVerdict::Stopped),
    };
    let mut reading = heard.reading;
    if let (Some(reading), Some(reads)) = (&mut reading, &check.reads) {
        let texts = match &reads.from {
            ReportPlace::Output => Vec::new(),
            ReportPlace::Asked => report.as_ref().map(TempReport::read).unwrap_or_default(),
            ReportPlace::Left(places) => read_left(&dir, places, since.unwrap_or(Since::ALWAYS)),
        };
        for text in texts {
            reading.file(reads.format, &text);
        }
    }
    let output = if outcome == CheckOutcome::Passed {
        transcript.short()
    } else {
        transcript.text()
    };
    let failed = match outcome {
        CheckOutcome::Failed { .. } | CheckOutcome::TimedOut { .. } => true,
        CheckOutcome::Passed
        | CheckOutcome::NotAvailable { .. }
        | CheckOutcome::FailedBefore { .. }
        | CheckOutcome::Flaky { .. } => false,
    };
    // Beside the output, which is compared with the base's: what the wall did there may be something else.
    let hint = failed
        .then(|| {
            let line = check.command();
            suspect::hint(&command.policy, &line, finished.own_code(), &output)
        })
        .flatten();
    let root = around.lane.display().to_string();
    Ok(CheckResult {
        refused: finished.refused,
        hint,
        ..result(
            check,
            outcome,
            started,
            output,
            reading.and_then(|r| r.finish(&root)),
        )
    })
}

/// What a running check says.
struct Heard {
    transcript: Transcript,
    reading: Option<Reading>,
    /// Set where lines are read for results.
    printed: Option<Format>,
    said: Said,
}

impl Heard {
    fn new(check: &Check) -> Self {
        let printed = check.reads.as_ref().and_then(|reads| match reads.from {
            ReportPlace::Output => Some(reads.format),
            ReportPlace::Asked | ReportPlace::Left(_) => None,
        });
        Self {
            transcript: Transcript::default(),
            reading: check.reads.as_ref().map(|r| Reading::new(r.format)),
            printed,
            said: Said::default(),
        }
    }

    fn line(&mut self, check: &str, raw: &[u8]) {
        let raw = String::from_utf8_lossy(raw);
        if let (Some(reading), Some(_)) = (&mut self.reading, self.printed) {
            reading.feed(&clean(&raw));
        }
        let shown = match self.printed {
            Some(Format::GoJson) => told_in_json(&raw),
            _ => Some(raw),
        };
        if let Some(shown) = shown {
            let shown = &shown[..shown.floor_char_boundary(MAX_SHOWN)];
            if let Some(shown) = self.said.logged(shown) {
                tracing::debug!(check, "{shown}");
            }
            self.transcript.push(shown.as_bytes());
        }
    }
}

/// What `go test -json` says for people in a line; `None` where it says nothing.
fn told_in_json(line: &str) -> Option<Cow<'_, str>> {
    let Ok(serde_json::Value::Object(event)) = serde_json::from_str(line) else {
        return Some(Cow::Borrowed(line));
    };
    let text = |key: &str| event.get(key).and_then(serde_json::Value::as_str);
    match text("Action") {
        Some("output" | "build-output") => {
            let said = text("Output").unwrap_or_default();
            Some(Cow::Owned(said.trim_end_matches('\n').to_owned()))
        }
        Some(_) => None,
        None => Some(Cow::Borrowed(line)),
    }
}

fn command(check: &Check, line: String, dir: &Path, policy: SandboxPolicy) -> Command {
    match &check.run {
        Run::Shell { .. } => Command::shell(&line, dir, policy),
        Run::Parse { parser, files } => Command::new(parser.program, dir, policy)
            .args(parser.args.iter().copied())
            .stdin(files.join("\0")),
    }
}

fn environment(check: &Check, env: &[(String, String)]) -> Vec<(String, String)> {
    let extra = CHECK_ENV
        .iter()
        .chain(check.env)
        .filter(|(name, _)| !env.iter().any(|(n, _)| n == name));
    let extra = extra.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    env.iter().cloned().chain(extra).collect()
}

fn result(
    check: &Check,
    outcome: CheckOutcome,
    started: Instant,
    output: String,
    tests: Option<Tests>,
) -> CheckResult {
    CheckResult {
        name: check.name.clone(),
        command: check.command(),
        dir: check.dir.clone(),
        outcome,
        millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        output,
        narrowed: check.narrowed.as_ref().map(|n| n.words.clone()),
        counts: tests.as_ref().map(TestCounts::of),
        tests,
        failing: Vec::new(),
        rerun: None,
        refused: Vec::new(),
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_says_in_json_is_shown_as_text() {
        let table: &[(&str, Option<&str>)] = &[
            (
                r#"{"Action":"output","Package":"a","Output":"--- FAIL: TestTwo (0.00s)\n"}"#,
                Some("--- FAIL: TestTwo (0.00s)"),
            ),
            (r#"{"Action":"run","Package":"a","Test":"TestTwo"}"#, None),
            (
                r#"{"ImportPath":"a","Action":"build-output","Output":"./a.go:3:1: bad\n"}"#,
                Some("./a.go:3:1: bad"),
            ),
            ("# example.org/small", Some("# example.org/small")),
            (r#"{"level":"info"}"#, Some(r#"{"level":"info"}"#)),
            ("", Some("")),
        ];
        for (line, expected) in table {
            assert_eq!(told_in_json(line).as_deref(), *expected, "{line}");
        }
    }
}
