//! `run_command`: a shell in the lane, under the job's policy and with its environment.

use super::{Changed, Output, RunCommand, Site, Stopped};
use crate::ports::StopSignal;
use crate::proc::{Command, DISK_SPENT, Ended, Finished, Limits, run as spawn};
use crate::sandbox::suspect;
use std::ops::ControlFlow;
use std::time::Duration;
use tokio::time::Instant;

/// Seconds a command gets when it is not told.
const DEFAULT_SECONDS: u64 = 120;
/// Seconds a command may ask for.
pub(super) const MAX_SECONDS: u64 = 600;
/// Bytes of each stream in the answer, half from the head and half from the tail.
const CAPTURE: usize = 24 << 10;

/// Runs a command to its end. An exit code other than 0 is an answer, not an error.
pub(super) async fn run(
    site: &Site<'_>,
    request: &RunCommand,
    stop: &StopSignal,
) -> Result<Output, Stopped> {
    let seconds = request.timeout_s.unwrap_or(DEFAULT_SECONDS);
    if !(1..=MAX_SECONDS).contains(&seconds) {
        return Ok(Output::error(format!(
            "timeout_s must be between 1 and {MAX_SECONDS}, not {seconds}"
        )));
    }
    if request.command.contains('\0') {
        return Ok(Output::error("the command holds a NUL byte"));
    }
    let left = site.deadline.saturating_duration_since(Instant::now());
    let limits = Limits {
        total: Some(Duration::from_secs(seconds).min(left)),
        max_line: 4 << 10,
        capture: CAPTURE,
        ..Limits::default()
    };
    let job = site.job;
    let command = Command::shell(&request.command, site.lane.root(), job.policy.clone())
        .env(job.env.iter().cloned());
    let mut log = |_, line: &[u8]| {
        site.progress.log(&String::from_utf8_lossy(line));
        ControlFlow::Continue(())
    };
    match spawn(&command, limits, stop.clone(), &mut log).await {
        Ok(Finished {
            ended: Ended::Stopped,
            ..
        }) => Err(Stopped),
        Ok(done) => {
            site.progress.refused(&done.refused);
            let mut answer = answer(&done, seconds);
            if !done.success() {
                let said = format!("{}\n{}", done.stdout.text(), done.stderr.text());
                if let Some(hint) =
                    suspect::hint(&command.policy, &request.command, done.own_code(), &said)
                {
                    answer.text.push_str(&format!("\n{hint}"));
                }
            }
            Ok(answer)
        }
        Err(e) => Ok(Output::error(e.to_string())),
    }
}

fn answer(done: &Finished, seconds: u64) -> Output {
    let (first, is_error) = match done.ended {
        Ended::Itself => (format!("exit code {}", done.code), false),
        Ended::TimedOut => (
            format!("it was ended after {seconds} s, its time limit"),
            true,
        ),
        Ended::DiskSpent => (DISK_SPENT.to_owned(), true),
        Ended::Stalled | Ended::Stopped | Ended::ByCaller => ("it was ended".to_owned(), true),
    };
    let mut text = first;
    for (name, stream) in [("stdout", &done.stdout), ("stderr", &done.stderr)] {
        if stream.total > 0 {
            text.push_str(&format!(
                "\n--- {name}\n{}",
                stream.text().trim_end_matches('\n')
            ));
        }
    }
    if done.stdout.total == 0 && done.stderr.total == 0 {
        text.push_str(", no output");
    }
    Output {
        text,
        is_error,
        changed: Changed::Maybe,
    }
}
