//! Whether a provider may charge for a request that failed.

use crate::model::EngineError;
use std::cell::Cell;

tokio::task_local! {
    /// Of the request that is being watched: its answer had begun.
    static BEGUN: Cell<bool>;
}

/// How a request ended.
pub(super) struct Watched<T> {
    pub result: Result<T, EngineError>,
    /// A part of the answer had come: a provider works on what it answers, whatever it says later.
    pub begun: bool,
}

impl<T> Watched<T> {
    /// True where it failed and may be charged all the same.
    pub(super) fn may_be_charged(&self) -> bool {
        match &self.result {
            Ok(_) => false,
            Err(error) => self.begun || may_be_charged(error),
        }
    }
}

/// Waits for a request and sees whether its answer began. The error itself cannot say it: `overloaded` means the same
/// to everybody else, whether it came in place of an answer or in the middle of one.
pub(super) async fn watched<T>(
    request: impl Future<Output = Result<T, EngineError>>,
) -> Watched<T> {
    let watching = async {
        let result = request.await;
        let begun = BEGUN.with(Cell::get);
        Watched { result, begun }
    };
    BEGUN.scope(Cell::new(false), watching).await
}

/// Says that a part of the answer came. Where nobody watches, nobody counts.
pub(super) fn answer_began() {
    let _ = BEGUN.try_with(|begun| begun.set(true));
}

/// What an error means of itself: the provider had taken the request and worked on it.
fn may_be_charged(error: &EngineError) -> bool {
    match error {
        EngineError::Transient { .. }
        | EngineError::NoAnswer { .. }
        | EngineError::Stalled { .. }
        | EngineError::TimedOut { .. }
        | EngineError::Protocol { .. }
        | EngineError::Refusal { .. } => true,
        EngineError::RateLimited { .. }
        | EngineError::Overloaded { .. }
        | EngineError::Credit { .. }
        | EngineError::Auth { .. }
        | EngineError::ContextTooLong { .. }
        | EngineError::InvalidRequest { .. }
        | EngineError::NoConnection { .. }
        | EngineError::TurnLimit { .. }
        | EngineError::Budget { .. }
        | EngineError::AllowanceSpent { .. }
        | EngineError::NotStarted { .. } => false,
    }
}
