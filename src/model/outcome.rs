//! How an engine run ended. Typed requests of the model, and typed failures of the machinery.

use super::usage::{Cost, Usage};
use super::verify::Remark;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The typed request by which a model says a chunk is built. A request: the program decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    pub summary: String,
    /// 0 to 1.
    pub confidence: f64,
    pub rationale: String,
    /// Why nothing needed to change; None when something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_change_needed: Option<String>,
}

/// The typed request by which a model says it cannot go on without a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRequest {
    pub reason: String,
    /// The question to answer or the thing to provide.
    pub needs: String,
}

/// One engine run as the engine shell reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineReport {
    pub outcome: EngineOutcome,
    pub usage: Usage,
    pub cost: Cost,
    /// A session that a fix turn can resume.
    pub session: Option<String>,
    pub model: Option<String>,
}

/// The conversation of an engine run, by an id that is known before it begins, so that it can be found again
/// after a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Session {
    /// Begin one under this id: a random UUID in form, so that any engine takes it.
    Begin(String),
    /// Go on with one that an earlier run of this engine reported or began. One that is gone is begun anew.
    Continue(String),
}

/// What an engine run is for, which says how it may end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ends {
    /// It builds or repairs, and completes or blocks the chunk.
    #[default]
    Build,
    /// It reads work that was verified, and reports remarks.
    Review,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineOutcome {
    Completed(Completion),
    Blocked(BlockRequest),
    /// What a reviewer has to say of the work; nothing, where it found nothing.
    Reviewed(Vec<Remark>),
    /// Ended well but without a typed ending; counts only with a diff and passing checks.
    Undeclared {
        last_words: String,
    },
    Failed(EngineError),
    /// We stopped it: a signal or the run's deadline.
    Interrupted,
}

impl EngineOutcome {
    /// Every text in it, all of which may repeat what an engine or a model said.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::Completed(c) => {
                let mut texts = vec![&mut c.summary, &mut c.rationale];
                texts.extend(c.no_change_needed.as_mut());
                texts
            }
            Self::Blocked(b) => vec![&mut b.reason, &mut b.needs],
            Self::Reviewed(remarks) => remarks
                .iter_mut()
                .flat_map(|r| [&mut r.path, &mut r.claim, &mut r.suggestion])
                .collect(),
            Self::Undeclared { last_words } => vec![last_words],
            Self::Failed(error) => match error {
                EngineError::RateLimited { message, .. }
                | EngineError::Overloaded { message, .. }
                | EngineError::Credit { message }
                | EngineError::Auth { message }
                | EngineError::ContextTooLong { message }
                | EngineError::InvalidRequest { message }
                | EngineError::Refusal { message }
                | EngineError::Budget { message }
                | EngineError::AllowanceSpent { message }
                | EngineError::Transient { message, .. }
                | EngineError::Protocol { message }
                | EngineError::NotStarted { message } => vec![message],
                EngineError::TimedOut { .. }
                | EngineError::Stalled { .. }
                | EngineError::NoConnection { .. }
                | EngineError::NoAnswer { .. }
                | EngineError::TurnLimit { .. } => Vec::new(),
            },
            Self::Interrupted => Vec::new(),
        }
    }
}

/// Why an engine run failed. Decisions are made on the variant, never on its text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EngineError {
    #[error("the engine is rate limited{}", until_text(.until))]
    RateLimited {
        until: Option<DateTime<Utc>>,
        message: String,
    },
    /// The provider has too much to do (529, 503); `until` is its Retry-After.
    #[error("the provider is overloaded{}: {message}", until_text(.until))]
    Overloaded {
        until: Option<DateTime<Utc>>,
        message: String,
    },
    #[error("the engine's credit is used up: {message}")]
    Credit { message: String },
    #[error("the engine is not logged in or its key is refused: {message}")]
    Auth { message: String },
    #[error("the prompt is too long for the model: {message}")]
    ContextTooLong { message: String },
    #[error("the request was refused as invalid: {message}")]
    InvalidRequest { message: String },
    #[error("the model refused: {message}")]
    Refusal { message: String },
    #[error("the engine did not finish within {seconds} s (--agent-timeout)")]
    TimedOut { seconds: u64 },
    #[error("the engine printed nothing for {seconds} s (--stall-timeout)")]
    Stalled { seconds: u64 },
    /// No connection to the provider came about.
    #[error("the provider could not be reached within {seconds} s")]
    NoConnection { seconds: u64 },
    /// The provider took the request and did not begin to answer.
    #[error("the provider did not begin to answer within {seconds} s")]
    NoAnswer { seconds: u64 },
    #[error("the engine stopped after {turns} turns without an ending")]
    TurnLimit { turns: u32 },
    /// It reached a bound of its own configuration.
    #[error("the engine reached its own budget: {message}")]
    Budget { message: String },
    /// It reached, or would pass with its next request, what was left of the run's or the chunk's budget.
    #[error("the budget does not allow more: {message}")]
    AllowanceSpent { message: String },
    /// A failure that another try may not meet (5xx, a cut connection); `until` is a Retry-After.
    #[error("transient failure{}: {message}", until_text(.until))]
    Transient {
        until: Option<DateTime<Utc>>,
        message: String,
    },
    /// Said something that is not its protocol, or ended without its closing line.
    #[error("the engine broke off: {message}")]
    Protocol { message: String },
    #[error("the engine could not be started: {message}")]
    NotStarted { message: String },
}

impl EngineError {
    /// The time before which the provider asked for no request.
    pub fn until(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::RateLimited { until, .. }
            | Self::Overloaded { until, .. }
            | Self::Transient { until, .. } => *until,
            Self::Credit { .. }
            | Self::Auth { .. }
            | Self::ContextTooLong { .. }
            | Self::InvalidRequest { .. }
            | Self::Refusal { .. }
            | Self::TimedOut { .. }
            | Self::Stalled { .. }
            | Self::NoConnection { .. }
            | Self::NoAnswer { .. }
            | Self::TurnLimit { .. }
            | Self::Budget { .. }
            | Self::AllowanceSpent { .. }
            | Self::Protocol { .. }
            | Self::NotStarted { .. } => None,
        }
    }
}

fn until_text(until: &Option<DateTime<Utc>>) -> String {
    until.map_or_else(String::new, |t| {
        format!(" until {}", t.format("%Y-%m-%d %H:%M:%S UTC"))
    })
}
