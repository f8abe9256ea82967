//! What several tests of this module use.

use crate::model::{EngineError, EngineOutcome};
use crate::ports::Clock;
use chrono::{DateTime, Utc};

/// A clock that stands still.
pub(super) struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> DateTime<Utc> {
        "2026-11-20T17:30:00Z".parse().unwrap()
    }
}

/// The kind of outcome in a word.
pub(super) fn word(outcome: &EngineOutcome) -> &'static str {
    match outcome {
        EngineOutcome::Completed(_) => "completed",
        EngineOutcome::Blocked(_) => "blocked",
        EngineOutcome::Reviewed(_) => "reviewed",
        EngineOutcome::Undeclared { .. } => "undeclared",
        EngineOutcome::Interrupted => "interrupted",
        EngineOutcome::Failed(error) => match error {
            EngineError::RateLimited { .. } => "rate limited",
            EngineError::Overloaded { .. } => "overloaded",
            EngineError::Credit { .. } => "credit",
            EngineError::Auth { .. } => "auth",
            EngineError::ContextTooLong { .. } => "context",
            EngineError::InvalidRequest { .. } => "invalid",
            EngineError::Refusal { .. } => "refusal",
            EngineError::TimedOut { .. } => "timed out",
            EngineError::Stalled { .. } => "stalled",
            EngineError::NoConnection { .. } => "no connection",
            EngineError::NoAnswer { .. } => "no answer",
            EngineError::TurnLimit { .. } => "turn limit",
            EngineError::Budget { .. } => "budget",
            EngineError::AllowanceSpent { .. } => "allowance spent",
            EngineError::Transient { .. } => "transient",
            EngineError::Protocol { .. } => "protocol",
            EngineError::NotStarted { .. } => "not started",
        },
    }
}
