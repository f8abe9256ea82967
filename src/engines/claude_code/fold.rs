//! A run of Claude Code, folded from its lines. Pure.
//!
//! [`Fold::line`] takes standard output line by line and says what it means for people watching;
//! [`Fold::finish`] takes the end of the process and gives the report.

use super::judge::{self, Evidence};
use super::meter::{Bounds, Meter, sum};
use super::wire::{
    self, ApiErrorKind, ApiRetry, Block, Line, Message, RateLimitStatus, ResultLine, StreamEvent,
    Subtype, System,
};
use crate::model::{Cost, Ends, EngineError, EngineOutcome, EngineReport, Usage};
use crate::proc::Ended;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Model name on messages that the program made up itself.
const SYNTHETIC: &str = "<synthetic>";
/// The tool by which a run declares how it ends, where a schema was given.
const DECLARES: &str = "StructuredOutput";
/// Characters of a command or pattern that are shown to people.
const STEP_CHARS: usize = 80;

/// What one line meant.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Update {
    /// What it does now, in a few words.
    pub steps: Vec<String>,
    /// Tokens so far, when they changed.
    pub usage: Option<Usage>,
    /// Nothing good can follow, or no more may be spent: the run is to be ended now.
    pub hopeless: bool,
    /// A piece of what a later line says whole: not worth a line in a log.
    pub is_piece: bool,
}

/// How the process ended, and the bounds it ran under.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub ended: Ended,
    /// Exit code, or 128 + signal.
    pub code: i32,
    pub stderr: String,
    pub timeout: Duration,
    pub stall: Duration,
    /// When it ended.
    pub at: DateTime<Utc>,
}

/// Everything remembered of a run.
#[derive(Debug, Default)]
pub(super) struct Fold {
    lane: PathBuf,
    ends: Ends,
    session: Option<String>,
    model: Option<String>,
    meter: Meter,
    /// The failure on the main conversation's last message.
    error: Option<ApiErrorKind>,
    /// The last failed request, and until when the program waits with the next one; None once an answer came.
    retry: Option<(ApiRetry, Option<DateTime<Utc>>)>,
    /// A subscription's limit that refused a request: when it ends, in seconds since 1970.
    rejected: Option<Option<f64>>,
    refused: bool,
    auth_failed: bool,
    /// The tool calls of the main conversation's last message.
    calls: Calls,
    initialised: bool,
    result: Option<Box<ResultLine>>,
    foreign: u64,
}

/// Tool calls of one message, which come on several lines.
#[derive(Debug, Default)]
struct Calls {
    message: Option<String>,
    /// How it declared the end of the run.
    declared: Option<Value>,
    others: bool,
}

impl Calls {
    fn take(&mut self, message: &Message) {
        if self.message != message.id {
            *self = Self {
                message: message.id.clone(),
                ..Self::default()
            };
        }
        for block in &message.content {
            match block {
                Block::ToolUse { name, input } if name.as_deref() == Some(DECLARES) => {
                    self.declared = Some(input.clone());
                }
                Block::ToolUse { .. } => self.others = true,
                Block::Unknown => {}
            }
        }
    }
}

impl Fold {
    /// A run that has printed nothing yet. `lane` is left out of the paths that are shown.
    pub(super) fn new(lane: &Path, bounds: Bounds) -> Self {
        Self {
            lane: lane.to_owned(),
            meter: Meter::new(bounds),
            ..Self::default()
        }
    }

    /// The same of a run that may end in this way.
    #[must_use]
    pub(super) fn ending(mut self, ends: Ends) -> Self {
        self.ends = ends;
        self
    }

    /// Takes one line of standard output, without its line end, that came at `now`.
    pub(super) fn line(&mut self, line: &[u8], now: DateTime<Utc>) -> Update {
        if line.trim_ascii().is_empty() {
            return Update::default();
        }
        match wire::parse(line) {
            None => {
                self.foreign += 1;
                Update::default()
            }
            Some(Line::System(system)) => self.system(system, now),
            Some(Line::Assistant(assistant)) => {
                if assistant.parent_tool_use_id.is_none() {
                    self.error = assistant.error;
                    if assistant.error.is_none() {
                        self.retry = None;
                    }
                    if let Some(message) = &assistant.message {
                        self.calls.take(message);
                    }
                }
                assistant
                    .message
                    .map_or_else(Update::default, |m| self.message(m))
            }
            Some(Line::RateLimitEvent { rate_limit_info }) => {
                if let Some(info) = rate_limit_info {
                    self.rejected =
                        (info.status == RateLimitStatus::Rejected).then_some(info.resets_at);
                }
                Update::default()
            }
            Some(Line::StreamEvent {
                event,
                parent_tool_use_id: None,
            }) => self.piece(event),
            Some(Line::StreamEvent { .. }) => Update {
                is_piece: true,
                ..Update::default()
            },
            Some(Line::Result(result)) => {
                self.result = Some(result);
                Update::default()
            }
            Some(Line::User {} | Line::Unknown) => Update::default(),
        }
    }

    /// Lines that were not of the protocol.
    pub(super) fn foreign_lines(&self) -> u64 {
        self.foreign
    }

    /// True when the session that was to be resumed is not there: it ended before it began, with an
    /// execution error and no turn. Sessions belong to a machine and a path, and are cleaned up in time.
    pub(super) fn session_is_lost(&self) -> bool {
        !self.initialised
            && self.result.as_ref().is_some_and(|r| {
                r.subtype == Some(Subtype::ErrorDuringExecution) && r.num_turns == Some(0)
            })
    }

    /// True when the id that was named for a new session has been used before: it ended before it began, and
    /// says so on standard error only, with no field and an exit code like any other.
    pub(super) fn session_is_taken(&self, end: &End) -> bool {
        !self.initialised && self.result.is_none() && judge::says_taken(&end.stderr)
    }

    /// The report of the run.
    pub(super) fn finish(self, end: &End) -> EngineReport {
        let outcome = self.outcome(end);
        let usage = self.usage();
        let cost = match (&self.result, &outcome) {
            (Some(result), _) => result.total_cost_usd.map_or(Cost::Unknown, Cost::told),
            // A refused key is not charged for, nor is a program that never started to work.
            (
                None,
                EngineOutcome::Failed(EngineError::Auth { .. } | EngineError::NotStarted { .. }),
            ) if self.meter.is_empty() => Cost::Usd(0.0),
            (None, _) => self.meter.cost(),
        };
        let session = match self.session_is_lost() {
            true => None,
            false => self
                .session
                .or_else(|| self.result.and_then(|r| r.session_id)),
        };
        EngineReport {
            outcome,
            usage,
            cost,
            session,
            model: self.model,
        }
    }

    fn system(&mut self, system: System, now: DateTime<Utc>) -> Update {
        match system {
            System::Init { session_id, model } => {
                self.initialised = true;
                self.session = session_id.or(self.session.take());
                self.model = model.or(self.model.take());
                Update::default()
            }
            System::ApiRetry(retry) => {
                self.auth_failed |= retry.error == Some(ApiErrorKind::AuthenticationFailed);
                let step = waits(&retry);
                let until = delay(&retry).and_then(|d| now.checked_add_signed(d));
                self.retry = Some((retry, until));
                Update {
                    steps: vec![step],
                    hopeless: self.auth_failed,
                    ..Update::default()
                }
            }
            System::ModelFallback { fallback_model } => {
                self.model = fallback_model.or(self.model.take());
                let step = self
                    .model
                    .as_ref()
                    .map(|m| format!("goes on with {}", plain(m)));
                Update {
                    steps: step.into_iter().collect(),
                    ..Update::default()
                }
            }
            System::ModelRefusalNoFallback {} => {
                self.refused = true;
                Update::default()
            }
            System::Unknown => Update::default(),
        }
    }

    fn message(&mut self, message: Message) -> Update {
        let steps = message
            .content
            .iter()
            .filter_map(|b| self.step(b))
            .collect();
        let declares = self.calls.declared.is_some();
        let mut update = Update {
            steps,
            ..Update::default()
        };
        let is_real = message.model.as_deref() != Some(SYNTHETIC);
        if let (true, Some(id), Some(tokens)) = (is_real, message.id, message.usage) {
            update.hopeless = self.meter.line(id, tokens, declares);
            update.usage = Some(self.meter.usage());
        }
        update
    }

    /// A piece of a streamed message of the main conversation: only its beginning and its end say something that its
    /// lines do not.
    fn piece(&mut self, event: Option<StreamEvent>) -> Update {
        let mut update = Update {
            is_piece: true,
            ..Update::default()
        };
        match event {
            Some(StreamEvent::MessageStart { message }) => {
                let (id, tokens) = message.map_or((None, None), |m| (m.id, m.usage));
                self.meter.begins(id, tokens);
            }
            Some(StreamEvent::MessageDelta { usage }) => {
                update.hopeless = self.meter.ended(usage.unwrap_or_default());
                update.usage = Some(self.meter.usage());
            }
            Some(StreamEvent::Other) | None => {}
        }
        update
    }

    fn usage(&self) -> Usage {
        let Some(result) = &self.result else {
            return self.meter.usage();
        };
        match &result.model_usage {
            // Includes subagents, and is right where a budget stopped the run.
            Some(by_model) if !by_model.is_empty() => sum(by_model.values()),
            _ => result
                .usage
                .as_ref()
                .map_or_else(Usage::default, |t| sum([t])),
        }
    }

    fn outcome(&self, end: &End) -> EngineOutcome {
        let evidence = Evidence {
            ends: self.ends,
            result: self.result.as_deref(),
            error: self.error,
            retry: self.retry.as_ref().map(|(retry, _)| retry),
            // What is over was waited out, and says nothing about the limit that came after it.
            waits_until: self
                .retry
                .as_ref()
                .and_then(|(_, until)| until.filter(|at| *at > end.at)),
            rejected: self.rejected,
            spent: self.meter.spent(),
            usd_is_allowance: self.meter.bounds().usd_is_allowance,
            refused: self.refused,
            auth_failed: self.auth_failed,
            declared: self.calls.declared.as_ref().filter(|_| !self.calls.others),
            initialised: self.initialised,
            foreign: self.foreign,
        };
        judge::outcome(&evidence, end)
    }

    fn step(&self, block: &Block) -> Option<String> {
        let Block::ToolUse { name, input } = block else {
            return None;
        };
        let text = |key: &str| input.get(key).and_then(Value::as_str);
        let path = || {
            self.shown_path(
                text("file_path")
                    .or_else(|| text("notebook_path"))
                    .unwrap_or("a file"),
            )
        };
        Some(match name.as_deref().unwrap_or("a tool") {
            "Write" => format!("writes {}", path()),
            "Edit" | "MultiEdit" | "NotebookEdit" => format!("edits {}", path()),
            "Read" => format!("reads {}", path()),
            "Bash" => format!("runs {}", brief(text("command").unwrap_or("a command"))),
            "Glob" | "Grep" => format!(
                "searches for {}",
                brief(text("pattern").unwrap_or("something"))
            ),
            DECLARES => "declares how it ends".to_owned(),
            other => format!("uses {}", brief(other)),
        })
    }

    fn shown_path(&self, path: &str) -> String {
        let shown = Path::new(path)
            .strip_prefix(&self.lane)
            .ok()
            .and_then(Path::to_str);
        plain(shown.unwrap_or(path))
    }
}

fn waits(retry: &ApiRetry) -> String {
    let why = match retry.error {
        Some(ApiErrorKind::RateLimit) => "rate limited",
        Some(ApiErrorKind::Overloaded) => "overloaded",
        Some(ApiErrorKind::ServerError) => "server error",
        Some(ApiErrorKind::AuthenticationFailed) => "key refused",
        Some(_) | None => "request failed",
    };
    let delay = retry.retry_delay_ms.unwrap_or(0.0) / 1000.0;
    match (retry.attempt, retry.max_retries) {
        (Some(n), Some(max)) => format!("waits {delay:.0} s for the API ({why}, try {n} of {max})"),
        _ => format!("waits {delay:.0} s for the API ({why})"),
    }
}

/// What the program waits before its next try; no wait of its own is longer than a day.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a float to integer cast saturates"
)]
fn delay(retry: &ApiRetry) -> Option<TimeDelta> {
    let ms = retry
        .retry_delay_ms
        .filter(|ms| ms.is_finite() && *ms >= 0.0)?;
    TimeDelta::try_milliseconds(ms.ceil() as i64).filter(|d| *d <= TimeDelta::days(1))
}

/// The first line, bounded, without what could move a terminal's cursor.
fn brief(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(STEP_CHARS).collect();
    if shown.len() < line.len() || text.trim().len() > line.len() {
        shown.push('…');
    }
    plain(&shown)
}

fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
