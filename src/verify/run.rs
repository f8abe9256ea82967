//! Running checks one after the other.

use super::NoVerdict;
use super::check::{Check, Run};
use super::classify::classify;
use super::transcript::Transcript;
use crate::model::{CheckOutcome, CheckResult};
use crate::ports::StopSignal;
use crate::proc::{self, Command, Ended, Limits};
use crate::sandbox;
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

/// Bytes of a line that count.
const MAX_LINE: usize = 8 << 10;

/// Runs one check in its folder below the lane and sees that nothing it started stays.
///
/// # Errors
/// [`NoVerdict`], when the run stops meanwhile or the machine starts no process; whatever else happens is a result.
pub(super) async fn run_check(
    check: &Check,
    lane: &Path,
    env: &[(String, String)],
    default_timeout: Duration,
    end_leftovers: fn() -> usize,
    stop: StopSignal,
) -> Result<CheckResult, NoVerdict> {
    if stop.is_raised() {
        return Err(NoVerdict::Stopped);
    }
    let started = Instant::now();
    let dir = lane.join(&check.dir);
    if !dir.is_dir() {
        let why = format!("the folder `{}` does not exist", check.dir);
        return Ok(result(
            check,
            CheckOutcome::NotAvailable { why },
            started,
            String::new(),
        ));
    }
    let timeout = check.timeout.unwrap_or(default_timeout);
    let limits = Limits {
        total: Some(timeout),
        max_line: MAX_LINE,
        capture: 2,
        ..Limits::default()
    };
    let command = command(check, &dir).env(environment(check, env));
    let mut transcript = Transcript::default();
    let finished = proc::run(&command, limits, stop, &mut |_, line| {
        transcript.push(line);
        ControlFlow::Continue(())
    })
    .await;
    end_leftovers();
    let finished = match finished {
        Ok(finished) => finished,
        Err(error) => {
            if !error.is_not_found() {
                return Err(NoVerdict::NotStarted {
                    check: check.name.clone(),
                    why: error.to_string(),
                });
            }
            let why = format!("`{}` was not found on PATH", error.program);
            return Ok(result(
                check,
                CheckOutcome::NotAvailable { why },
                started,
                String::new(),
            ));
        }
    };
    let outcome = match finished.ended {
        Ended::Itself => classify(finished.code, &transcript.text(), check.no_tests_exit),
        Ended::TimedOut | Ended::Stalled => CheckOutcome::TimedOut {
            seconds: timeout.as_millis().div_ceil(1000) as u64,
        },
        Ended::Stopped | Ended::ByCaller => return Err(NoVerdict::Stopped),
    };
    let output = if outcome == CheckOutcome::Passed {
        transcript.short()
    } else {
        transcript.text()
    };
    Ok(result(check, outcome, started, output))
}

fn command(check: &Check, dir: &Path) -> Command {
    match &check.run {
        Run::Shell(line) => Command::shell(line, dir, sandbox::untrusted()),
        Run::Parse { parser, files } => Command::new(parser.program, dir, sandbox::untrusted())
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

fn result(check: &Check, outcome: CheckOutcome, started: Instant, output: String) -> CheckResult {
    CheckResult {
        name: check.name.clone(),
        command: check.command(),
        dir: check.dir.clone(),
        outcome,
        millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        output,
        ..CheckResult::default()
    }
}
