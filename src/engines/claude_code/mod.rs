//! Claude Code, run headless: one process a turn, its stream of JSON lines folded into a report.
//!
//! What goes in is made by `args`, lines are typed by `wire`, remembered by `fold`, counted by `meter` and judged by `judge`;
//! this module starts the process and sees to its end. Not for: deciding whether to try again, or
//! whether the work is any good.

mod args;
mod fold;
mod judge;
mod limits;
mod meter;
mod wire;

use crate::model::policy::SandboxPolicy;
use crate::model::{Cost, EngineError, EngineOutcome, EngineReport, Price, Usage};
use crate::ports::{Clock, Engine, EngineJob, EngineProgress, LocalBoxFuture, StopSignal};
use crate::proc::{self, Command, Limits, Stream};
use args::Talk;
use fold::{End, Fold};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// The name that it usually has.
pub const NAME: &str = "claude";

/// Longest line that is read whole: a tool's result may carry a large file.
const MAX_LINE: usize = 8 << 20;

/// What to do when the program is not there.
const REMEDY: &str = "install Claude Code (npm install -g @anthropic-ai/claude-code), or choose another engine with --engine";

/// How Claude Code is run.
#[derive(Clone, Debug)]
pub struct ClaudeConfig {
    /// In the ledger and in output.
    pub name: String,
    /// A name to be found on the job's PATH, or a path.
    pub program: PathBuf,
    /// Passed after our own arguments.
    pub extra_args: Vec<String>,
    /// Bound on model turns of one run.
    pub max_turns: Option<u32>,
    /// Bound on dollars of one run; it stops after the response that exceeds it.
    pub max_budget_usd: Option<f64>,
    /// What its tokens cost. With it a job's dollars are watched on the stream too, and a run that was cut off knows
    /// its cost; without it there is the program's own bound, by its own list of prices.
    pub price: Option<Price>,
}

impl Default for ClaudeConfig {
    fn default() -> Self {
        Self {
            name: NAME.to_owned(),
            program: PathBuf::from("claude"),
            extra_args: Vec::new(),
            max_turns: None,
            max_budget_usd: None,
            price: None,
        }
    }
}

/// The engine.
///
/// Cost is what the process says in `total_cost_usd`. It counts from the start of a process: a resumed session begins
/// at zero again, so the costs of a build turn and its fix turns add up. Where the process was
/// ended before it could say, it is reckoned from tokens and price if both are known, else unknown.
///
/// What a job may spend is kept to in two ways: dollars by the program's own bound, tokens (and dollars, where the
/// price is known) by watching its messages. Both end the run after the response that reaches the bound.
pub struct ClaudeCode {
    config: ClaudeConfig,
    clock: Rc<dyn Clock>,
    /// Ends what a run left behind. In unit tests, which share one process, it would end other tests' children.
    sweep: fn() -> usize,
}

impl ClaudeCode {
    /// An engine; the program is looked for when it runs.
    pub fn new(config: ClaudeConfig, clock: Rc<dyn Clock>) -> Self {
        Self {
            config,
            clock,
            sweep: proc::end_leftovers,
        }
    }

    /// One run, or two: a session that is gone (another machine, another path, cleaned up) is replaced by
    /// a fresh one with the whole prompt, and so is a new one whose name is taken.
    async fn turn(
        &self,
        job: &EngineJob,
        progress: &dyn EngineProgress,
        stop: StopSignal,
    ) -> EngineReport {
        if let Some(why) = nothing_left(job) {
            return not_started(EngineError::AllowanceSpent { message: why });
        }
        let talk = Talk::of(&job.session);
        let (fold, end) = match self.process(job, talk, progress, stop.clone()).await {
            Ok(run) => run,
            Err(error) => return not_started(error),
        };
        let why = match talk {
            Talk::Resume(_) if fold.session_is_lost() => "the earlier one is gone",
            Talk::Begin(_) if fold.session_is_taken(&end) => "the name of this one is taken",
            Talk::New | Talk::Begin(_) | Talk::Resume(_) => return fold.finish(&end),
        };
        progress.step(&format!("starts a fresh session: {why}"));
        match self.process(job, Talk::New, progress, stop).await {
            Ok((fold, end)) => fold.finish(&end),
            Err(error) => not_started(error),
        }
    }

    async fn process(
        &self,
        job: &EngineJob,
        talk: Talk<'_>,
        progress: &dyn EngineProgress,
        stop: StopSignal,
    ) -> Result<(Fold, End), EngineError> {
        let program =
            find(&self.config.program, &job.env).ok_or_else(|| EngineError::NotStarted {
                message: format!(
                    "`{}` was not found on PATH; {REMEDY}",
                    self.config.program.display()
                ),
            })?;
        let command = Command::new(program, &job.lane, job.policy.clone())
            .args(args::argv(&self.config, job, talk))
            .env(args::environment(job))
            .stdin(args::stdin(job, talk));
        let limits = Limits {
            total: Some(job.timeout),
            idle: Some(job.stall),
            max_line: MAX_LINE,
            ..Limits::default()
        };
        let mut fold = Fold::new(&job.lane, args::bounds(&self.config, job)).ending(job.ends);
        let finished = proc::run(&command, limits, stop, &mut |stream, line| {
            let update = match stream {
                Stream::Err => fold::Update::default(),
                Stream::Out => fold.line(line, self.clock.now()),
            };
            if !update.is_piece {
                progress.log(&String::from_utf8_lossy(line));
            }
            tell(update, progress)
        })
        .await;
        // Its Bash tool runs in a group of its own, which outlives a killed parent.
        let leftovers = (self.sweep)();
        let finished = finished.map_err(|error| EngineError::NotStarted {
            message: if error.is_not_found() {
                format!("{error}; {REMEDY}")
            } else {
                error.to_string()
            },
        })?;
        progress.refused(&finished.refused);
        if leftovers > 0 {
            progress.log(&format!(
                "ended {leftovers} processes that Claude Code left behind"
            ));
        }
        if fold.foreign_lines() > 0 {
            progress.log(&format!(
                "{} lines were not of Claude Code's protocol",
                fold.foreign_lines()
            ));
        }
        let end = End {
            ended: finished.ended,
            code: finished.code,
            stderr: finished.stderr.text(),
            timeout: job.timeout,
            stall: job.stall,
            at: self.clock.now(),
        };
        Ok((fold, end))
    }
}

impl Engine for ClaudeCode {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn run<'a>(
        &'a self,
        job: &'a EngineJob,
        progress: &'a dyn EngineProgress,
        stop: StopSignal,
    ) -> LocalBoxFuture<'a, EngineReport> {
        Box::pin(self.turn(job, progress, stop))
    }
}

fn tell(update: fold::Update, progress: &dyn EngineProgress) -> ControlFlow<()> {
    for step in &update.steps {
        progress.step(step);
    }
    if let Some(usage) = update.usage {
        progress.usage(usage);
    }
    if update.hopeless {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// Why the job may not even begin: what it may spend is nothing.
fn nothing_left(job: &EngineJob) -> Option<String> {
    let usd = job
        .allowance
        .usd
        .filter(|usd| !usd.is_finite() || *usd <= 0.0);
    if let Some(usd) = usd {
        return Some(format!("${usd:.2} are left for it"));
    }
    (job.allowance.tokens == Some(0)).then(|| "no token is left for it".to_owned())
}

/// Nothing ran, so nothing was used.
fn not_started(error: EngineError) -> EngineReport {
    EngineReport {
        outcome: EngineOutcome::Failed(error),
        usage: Usage {
            input: Some(0),
            cached: Some(0),
            output: Some(0),
        },
        cost: Cost::Usd(0.0),
        session: None,
        model: None,
    }
}

/// Where Claude Code is, on the PATH of `env`, without starting it; for `--engine auto`.
///
/// The path is absolute: the program is started in the lane, where a relative one would mean another file.
pub fn find(program: &Path, env: &[(String, String)]) -> Option<PathBuf> {
    let found = proc::find_program(program.to_str()?, env)?;
    std::path::absolute(found).ok()
}

/// What `doctor` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub program: PathBuf,
    /// As printed: `2.1.197`.
    pub version: String,
}

/// Claude Code cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("`{program}` was not found on PATH; {REMEDY}")]
    NotFound { program: String },
    #[error("`{program} --version` did not answer: {why}; reinstall Claude Code")]
    NoVersion { program: String, why: String },
}

/// Finds Claude Code on the PATH of `env` and asks for its version. Starts it once, without a model request.
///
/// # Errors
/// When it is not there, or does not answer within 10 s.
pub async fn probe(program: &Path, env: &[(String, String)]) -> Result<Probe, ProbeError> {
    let path = find(program, env).ok_or_else(|| ProbeError::NotFound {
        program: program.display().to_string(),
    })?;
    let broken = |why: String| ProbeError::NoVersion {
        program: path.display().to_string(),
        why,
    };
    let command = Command::new(&path, "/", SandboxPolicy::Trusted)
        .args(["--version"])
        .env(env.iter().cloned());
    let limits = Limits {
        total: Some(Duration::from_secs(10)),
        capture: 4 << 10,
        ..Limits::default()
    };
    // Keep the handle alive until the end: the probe is short and not to be stopped.
    let (_handle, stop) = StopSignal::new();
    let finished = proc::output(&command, limits, stop)
        .await
        .map_err(|e| broken(e.to_string()))?;
    let text = finished.stdout.text();
    match text.split_whitespace().next() {
        Some(version) if finished.success() => Ok(Probe {
            program: path,
            version: version.to_owned(),
        }),
        _ => Err(broken(format!(
            "exit code {}, {}",
            finished.code,
            finished.stderr.text().trim()
        ))),
    }
}

/// Reads a run from what it printed; see `engines::fuzz`.
pub(super) fn fuzz(printed: super::fuzz::Printed<'_>) -> super::fuzz::Run {
    let now = chrono::DateTime::UNIX_EPOCH;
    let mut fold = fold::Fold::new(Path::new("/lane"), meter::Bounds::default());
    let mut end = fold::End {
        ended: printed.ended,
        code: printed.code,
        stderr: printed.stderr.to_owned(),
        timeout: Duration::from_secs(600),
        stall: Duration::from_secs(60),
        at: now,
    };
    let mut steps = Vec::new();
    for line in printed.stdout.split(|b| *b == b'\n') {
        let update = fold.line(line, now);
        steps.extend(update.steps);
        if update.hopeless {
            (end.ended, end.code) = (proc::Ended::ByCaller, 143);
            break;
        }
    }
    super::fuzz::Run {
        steps,
        foreign: fold.foreign_lines(),
        report: fold.finish(&end),
    }
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;
