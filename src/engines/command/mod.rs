//! Agent CLIs by configuration: one process a turn, understood by a table instead of by code.
//!
//! A [`CommandTable`] says how a CLI is started and what its lines mean; Codex, Gemini CLI, opencode and aider are
//! such tables, in `presets`.
//!
//! - `table` and `keys` are what may be written, `template` the arguments, `config` what it comes to
//! - `events` and `fields` say what a line means, `failures`, `until` and `words` which failure it was
//! - `fold` remembers a run and `judge` says what it came to
//! - `files` holds prompt, schema and answer; this module starts the process and sees to its end
//!
//! Not for: deciding whether to try again, or whether the work is any good.

mod config;
mod events;
mod failures;
mod fields;
mod files;
mod fold;
pub(super) mod fuzz;
mod judge;
mod keys;
pub mod presets;
pub mod reference;
mod table;
mod template;
pub(super) mod until;
mod words;

pub use config::{Answer, CommandConfig, Format, PromptBy, Success};
pub use table::{
    ArgTable, CommandTable, CostTable, Counts, EventTable, FailureKind, FailureTable, PriceTable,
    SuccessTable, UsageTable, Want,
};

use crate::core::ending;
use crate::model::policy::SandboxPolicy;
use crate::model::{Cost, Ends, EngineError, EngineOutcome, EngineReport, Session, Usage};
use crate::ports::{Clock, Engine, EngineJob, EngineProgress, LocalBoxFuture, StopSignal};
use crate::proc::{self, Command, Limits, Stream};
use files::{Litter, Private};
use fold::{End, Fold, Spent};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;
use template::{Slot, Values};

/// Longest line that is read whole: a tool's result may carry a large file.
const MAX_LINE: usize = 8 << 20;
/// Longest prompt that travels as an argument; Linux takes 128 KiB (`MAX_ARG_STRLEN`).
pub const MAX_ARGUMENT: usize = 100 << 10;
/// Sessions whose counts are remembered; the oldest is forgotten first.
const MAX_SESSIONS: usize = 64;
/// Where private folders are made when the environment names no place.
const TEMP: &str = "/tmp";

const PROMPT: &str = "prompt.md";
const SCHEMA: &str = "schema.json";
const ANSWER: &str = "answer.json";

/// An [`Engine`] that runs an agent CLI by its table.
///
/// Where a CLI counts tokens through a whole session, what earlier runs of it had is taken away; this is remembered
/// in memory, so the first run after a restart that goes on in an old session tells all of the session's.
pub struct CommandEngine {
    config: CommandConfig,
    clock: Box<dyn Clock>,
    counted: RefCell<VecDeque<(String, Spent)>>,
    /// Ends what a run left behind. In unit tests, which share one process, it would end other tests' children.
    sweep: fn() -> usize,
}

/// Which session a process talks in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Talk<'a> {
    /// A new one, under this id where the CLI takes one.
    New(Option<&'a str>),
    Resume(&'a str),
}

/// A process that is over.
struct Over<'a> {
    fold: Fold<'a>,
    end: End,
    answer: Option<Vec<u8>>,
}

impl CommandEngine {
    /// An engine; the program is looked for when it runs.
    pub fn new(config: CommandConfig, clock: Box<dyn Clock>) -> Self {
        Self {
            config,
            clock,
            counted: RefCell::default(),
            sweep: proc::end_leftovers,
        }
    }

    /// One run, or two: a session that is gone is replaced by a fresh one.
    async fn turn(
        &self,
        job: &EngineJob,
        progress: &dyn EngineProgress,
        stop: StopSignal,
    ) -> EngineReport {
        if let Some(why) = self.config.cannot_bound(&job.allowance) {
            return not_started(EngineError::AllowanceSpent { message: why });
        }
        let prompt = prompt(job);
        if self.config.prompt == PromptBy::Arg && prompt.len() > MAX_ARGUMENT {
            return not_started(EngineError::InvalidRequest {
                message: format!(
                    "the prompt has {} bytes, and an argument may have {MAX_ARGUMENT}; set prompt = \"stdin\" or \"file\" \
                     below [engine.{}]",
                    prompt.len(),
                    self.config.name
                ),
            });
        }
        let talk = self.talk(&job.session);
        let mut ended = self
            .process(job, &prompt, talk, progress, stop.clone())
            .await;
        let mut begun = talk;
        if let (Talk::Resume(_), Ok(over)) = (talk, &ended)
            && over.fold.session_is_lost(&over.end)
        {
            progress.step("starts a fresh session: the earlier one is gone");
            begun = Talk::New(None);
            ended = self.process(job, &prompt, begun, progress, stop).await;
        }
        match ended {
            Err(error) => not_started(error),
            Ok(over) => {
                if let Some((session, spent)) = over.fold.counted() {
                    self.remember(session, spent);
                }
                over.fold
                    .finish(&over.end, over.answer.as_deref(), self.own_id(begun))
            }
        }
    }

    /// A session that an id can stand for in an argument, in a way that this CLI knows.
    fn talk<'a>(&self, session: &'a Session) -> Talk<'a> {
        match session {
            Session::Continue(id) if self.config.resume_args.is_some() && is_session_id(id) => {
                Talk::Resume(id)
            }
            Session::Begin(id) if is_session_id(id) => Talk::New(Some(id)),
            Session::Begin(_) | Session::Continue(_) => Talk::New(None),
        }
    }

    /// The id that the CLI was given, for when it says none.
    fn own_id<'a>(&self, talk: Talk<'a>) -> Option<&'a str> {
        match talk {
            Talk::New(id) if self.config.args.uses(Slot::Session) => id,
            Talk::New(_) => None,
            Talk::Resume(id) => Some(id),
        }
    }

    fn remember(&self, session: &str, spent: Spent) {
        let mut counted = self.counted.borrow_mut();
        counted.retain(|(id, _)| id != session);
        counted.push_back((session.to_owned(), spent));
        if counted.len() > MAX_SESSIONS {
            counted.pop_front();
        }
    }

    fn counted_before(&self, talk: Talk<'_>) -> Spent {
        let Talk::Resume(session) = talk else {
            return Spent::default();
        };
        let counted = self.counted.borrow();
        let found = counted.iter().find(|(id, _)| id == session);
        found.map_or_else(Spent::default, |(_, spent)| *spent)
    }

    async fn process<'a>(
        &'a self,
        job: &EngineJob,
        prompt: &str,
        talk: Talk<'_>,
        progress: &dyn EngineProgress,
        stop: StopSignal,
    ) -> Result<Over<'a>, EngineError> {
        let config = &self.config;
        let program = find(config, &job.env).ok_or_else(|| EngineError::NotStarted {
            message: not_found(config),
        })?;
        let private = self.files(job, prompt).map_err(|e| EngineError::NotStarted {
            message: format!("a private folder for the prompt cannot be made: {e}; free the temporary folder (TMPDIR)"),
        })?;
        let command = self.command(&program, job, prompt, talk, &private);
        let limits = Limits {
            total: Some(job.timeout),
            idle: Some(job.stall),
            max_line: MAX_LINE,
            ..Limits::default()
        };
        let litter = Litter::before(&job.lane, &config.litter);
        let lane = job.lane.to_string_lossy();
        let before = self.counted_before(talk);
        let mut fold =
            Fold::new(config, self.clock.as_ref(), &lane, job.allowance, before).ending(job.ends);
        let finished = proc::run(&command, limits, stop, &mut |stream, line| {
            progress.log(&String::from_utf8_lossy(line));
            match stream {
                Stream::Err => ControlFlow::Continue(()),
                Stream::Out => tell(fold.line(line), progress),
            }
        })
        .await;
        let leftovers = (self.sweep)();
        litter.sweep();
        let finished = finished.map_err(|error| EngineError::NotStarted {
            message: error.to_string(),
        })?;
        let name = &config.name;
        progress.refused(&finished.refused);
        if leftovers > 0 {
            progress.log(&format!(
                "ended {leftovers} processes that {name} left behind"
            ));
        }
        if fold.foreign_lines() > 0 {
            progress.log(&format!(
                "{} lines were not of the protocol of {name}",
                fold.foreign_lines()
            ));
        }
        let end = End {
            ended: finished.ended,
            code: finished.code,
            stderr: finished.stderr.text(),
            timeout: job.timeout,
            stall: job.stall,
        };
        let answer = (config.answer == Answer::AnswerFile)
            .then(|| private.read(ANSWER))
            .flatten();
        Ok(Over { fold, end, answer })
    }

    /// What the arguments may point to.
    fn files(&self, job: &EngineJob, prompt: &str) -> std::io::Result<Private> {
        let base = job
            .env
            .iter()
            .find(|(name, value)| name == "TMPDIR" && value.starts_with('/'));
        let private = Private::make(Path::new(base.map_or(TEMP, |(_, value)| value)), &job.lane)?;
        if self.config.prompt == PromptBy::File {
            private.write(PROMPT, prompt.as_bytes())?;
        }
        if self.config.declares() {
            private.write(SCHEMA, schema(job.ends).to_string().as_bytes())?;
        }
        Ok(private)
    }

    fn command(
        &self,
        program: &Path,
        job: &EngineJob,
        prompt: &str,
        talk: Talk<'_>,
        private: &Private,
    ) -> Command {
        let config = &self.config;
        let (prompt_file, schema_file, answer_file) = (
            private.path(PROMPT),
            private.path(SCHEMA),
            private.path(ANSWER),
        );
        let (template, session) = match (talk, &config.resume_args) {
            (Talk::Resume(id), Some(resume)) => (resume, Some(id)),
            (Talk::Resume(_), None) => (&config.args, None),
            (Talk::New(id), _) => (&config.args, id),
        };
        let args = template.fill(&Values {
            prompt: Some(OsStr::new(prompt)),
            prompt_file: Some(prompt_file.as_os_str()),
            model: job.model.as_deref().map(OsStr::new),
            lane: Some(job.lane.as_os_str()),
            session: session.map(OsStr::new),
            schema_file: Some(schema_file.as_os_str()),
            answer_file: Some(answer_file.as_os_str()),
            temp: Some(private.dir().as_os_str()),
            is_walled: matches!(job.policy, SandboxPolicy::Walled(_)),
        });
        let is_set = |name: &str| config.env.iter().any(|(n, _)| n == name);
        let given = job.env.iter().filter(|(name, _)| !is_set(name));
        let stdin = match config.prompt {
            PromptBy::Stdin => prompt.as_bytes(),
            PromptBy::Arg | PromptBy::File => &[],
        };
        Command::new(program, &job.lane, job.policy.clone())
            .args(args)
            .env(given.chain(&config.env).cloned())
            .stdin(stdin)
    }
}

impl Engine for CommandEngine {
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

/// What the agent is told. A session that is gone may be begun anew by the CLI itself without a word, so the rules
/// are told in every turn.
fn prompt(job: &EngineJob) -> String {
    let mut text = String::with_capacity(job.prompt.system.len() + job.prompt.user.len() + 16);
    if !job.prompt.system.is_empty() {
        text.push_str(&job.prompt.system);
        text.push_str("\n\n");
    }
    text.push_str(&job.prompt.user);
    if text.trim_start().starts_with(['/', '!', '@', '-']) {
        // A prompt that begins so would be taken for a command, a file or an option.
        text.insert_str(0, "Assignment:\n");
    }
    text
}

/// The schema of the typed ending, with every property required: strict providers refuse any other one, and what does
/// not apply is an empty text.
fn schema(ends: Ends) -> serde_json::Value {
    let mut schema = ending::object_schema(ends);
    let names = schema["properties"]
        .as_object()
        .map(|p| p.keys().cloned().collect::<Vec<_>>());
    schema["required"] = names.into();
    schema
}

/// An id that cannot be mistaken for an option or a path.
fn is_session_id(text: &str) -> bool {
    text.len() <= 200
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn tell(update: fold::Update, progress: &dyn EngineProgress) -> ControlFlow<()> {
    if let Some(step) = &update.step {
        progress.step(step);
    }
    if let Some(usage) = update.usage {
        progress.usage(usage);
    }
    match update.stop {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
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

fn not_found(config: &CommandConfig) -> String {
    let program = config.program.display();
    match config.install.as_str() {
        "" => format!(
            "`{program}` was not found on PATH; install it, or set program below [engine.{}]",
            config.name
        ),
        install => format!(
            "`{program}` was not found on PATH; install it ({install}), or choose another engine with --engine"
        ),
    }
}

/// Where the CLI is, on the PATH of `env`, without starting it; for `--engine auto`.
///
/// The path is absolute: the program is started in the lane, where a relative one would mean another file.
pub fn find(config: &CommandConfig, env: &[(String, String)]) -> Option<PathBuf> {
    let found = proc::find_program(config.program.to_str()?, env)?;
    std::path::absolute(found).ok()
}

/// What `doctor` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub program: PathBuf,
    /// The first line that it prints: `codex-cli 0.169.0`.
    pub version: String,
}

/// Finds the CLI on the PATH of `env` and asks for its version. Starts it once, without a model request.
///
/// # Errors
/// A sentence, when it is not there or does not answer within 10 s.
pub async fn probe(config: &CommandConfig, env: &[(String, String)]) -> Result<Probe, String> {
    let program = find(config, env).ok_or_else(|| not_found(config))?;
    let shown = format!("{} {}", program.display(), config.version_args.join(" "));
    let command = Command::new(&program, "/", SandboxPolicy::Trusted)
        .args(&config.version_args)
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
        .map_err(|e| e.to_string())?;
    let text = finished.stdout.text();
    match text.lines().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) if finished.success() => Ok(Probe {
            program,
            version: words::brief(line),
        }),
        _ => Err(format!(
            "`{shown}` did not answer: exit code {}, {}; install it anew",
            finished.code,
            words::tail(&finished.stderr.text())
        )),
    }
}

/// The known name that was probably meant.
fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if given.len() > 100 {
        return None;
    }
    let plain = given.to_lowercase().replace('-', "_");
    let scored = known.map(|name| (strsim::osa_distance(&plain, &name.to_lowercase()), name));
    let best = scored.min_by_key(|(distance, _)| *distance);
    best.filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod process_tests;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod tests;
