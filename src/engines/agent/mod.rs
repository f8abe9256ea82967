//! Our own agent loop: a [`ChatModel`] answers, its tool calls are carried out in the lane, until it asks
//! to complete or to block the chunk.
//!
//! - `run` talks: one request, one reply, the calls of that reply in order; every wait honours the stop. A request
//!   that failed is sent again, in the same conversation, where [`crate::core::retry`] says so
//! - `budget` says what a request may take at most, and whether that is left: pure
//! - `turn` decides what a reply means, and when a model goes in circles: pure
//! - `history` keeps the conversation valid and bounded: pure
//! - `tools` is what the model may do, [`replay`] is a model that plays a file
//! - `ask` has a model plan a spec, without any of this
//!
//! Nothing here knows which model answers. A model's text changes no state: the ending it asks for is
//! handed on as data, and so is everything that went wrong.

mod ask;
mod budget;
mod history;
mod lane;
pub mod replay;
mod run;
mod tools;
mod turn;

pub use ask::{AskBounds, Asked, PLAN_CHUNK, PLAN_TOOL, PlanningError, ask_plan};
pub use tools::TOOLS;

use crate::core::retry::RetryPolicy;
use crate::model::{EngineReport, Session};
use crate::ports::{
    ChatMessage, ChatModel, Clock, Engine, EngineJob, EngineProgress, LocalBoxFuture, Rng,
    StopSignal,
};
use budget::Measured;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Conversations kept for fix turns; the oldest is forgotten first.
const MAX_SESSIONS: usize = 32;

/// Bounds on one engine run, beside the times in its [`EngineJob`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Replies asked for; one more ends in `EngineError::TurnLimit`.
    pub turns: u32,
    /// Bytes of conversation above which what is old in it is shortened; less, where the model's context is.
    pub history: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            turns: 60,
            history: 400_000,
        }
    }
}

/// An [`Engine`] made of a chat model and our tools.
///
/// A run keeps its conversation under the session id that it reports, so that a fix turn goes on where
/// the build turn ended. Sessions live in memory: after a restart a fix turn starts a new conversation.
pub struct AgentEngine {
    name: String,
    model: Box<dyn ChatModel>,
    clock: Rc<dyn Clock>,
    rng: Rc<dyn Rng>,
    bounds: Bounds,
    retry: RetryPolicy,
    sessions: RefCell<Sessions>,
}

impl AgentEngine {
    /// An engine called `name` in the ledger (`replay`, `anthropic`). `EngineJob::model` is not read: who
    /// builds `model` has chosen. `clock` is the one that `model` reads limits by; `rng` spreads the pauses.
    pub fn new(
        name: impl Into<String>,
        model: Box<dyn ChatModel>,
        clock: Rc<dyn Clock>,
        rng: Rc<dyn Rng>,
    ) -> Self {
        Self {
            name: name.into(),
            model,
            clock,
            rng,
            bounds: Bounds::default(),
            retry: RetryPolicy::default(),
            sessions: RefCell::default(),
        }
    }

    /// The same engine with other bounds.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// The same engine with another policy for requests that failed.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }
}

impl Engine for AgentEngine {
    fn name(&self) -> &str {
        &self.name
    }

    fn run<'a>(
        &'a self,
        job: &'a EngineJob,
        progress: &'a dyn EngineProgress,
        stop: StopSignal,
    ) -> LocalBoxFuture<'a, EngineReport> {
        Box::pin(async move {
            let (session, conversation) = match &job.session {
                Session::Begin(id) => (id.clone(), Conversation::default()),
                Session::Continue(id) => {
                    let earlier = self.sessions.borrow_mut().take(id);
                    (id.clone(), earlier.unwrap_or_default())
                }
            };
            let done = run::run(self, job, conversation, progress, stop).await;
            self.sessions
                .borrow_mut()
                .put(session.clone(), done.conversation);
            EngineReport {
                outcome: done.outcome,
                usage: done.usage,
                cost: done.cost,
                session: Some(session),
                model: Some(self.model.model().to_owned()),
            }
        })
    }
}

/// What was said, and how long its last request was for the model.
#[derive(Clone, Debug, Default)]
struct Conversation {
    messages: Vec<ChatMessage>,
    measured: Option<Measured>,
}

/// Conversations by session id, oldest first.
#[derive(Default)]
struct Sessions(VecDeque<(String, Conversation)>);

impl Sessions {
    fn take(&mut self, id: &str) -> Option<Conversation> {
        let at = self.0.iter().position(|(key, _)| key == id)?;
        self.0.remove(at).map(|(_, conversation)| conversation)
    }

    fn put(&mut self, id: String, conversation: Conversation) {
        self.take(&id);
        self.0.push_back((id, conversation));
        if self.0.len() > MAX_SESSIONS {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod waiting_tests;
