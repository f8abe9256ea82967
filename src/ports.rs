//! The few traits that have several implementations.
//!
//! Futures are boxed so that the ports stay object safe; each is awaited once per engine turn or pull
//! request, where an allocation is nothing.

mod forge;

pub use forge::{
    CommentRequest, Forge, ForgeCheck, ForgeError, ForgeErrorKind, ForgeIssue, ForgePr,
    ForgeProblem, PrRequest, PutPr, Wanted,
};

pub use crate::model::Prompt;
use crate::model::policy::SandboxPolicy;
use crate::model::{Allowance, ChunkId, Cost, Ends, EngineReport, Price, Session, SpecId, Usage};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

/// A boxed future that stays on the driver's thread.
pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Builds one chunk in a lane, or reviews it in a copy.
pub trait Engine {
    /// Short name for people and the ledger: `claude`, `replay`.
    fn name(&self) -> &str;

    /// Runs once. Never fails: every end is an [`EngineReport`]. Returns soon after `stop` resolves,
    /// with everything it started ended.
    fn run<'a>(
        &'a self,
        job: &'a EngineJob,
        progress: &'a dyn EngineProgress,
        stop: StopSignal,
    ) -> LocalBoxFuture<'a, EngineReport>;
}

/// One engine assignment.
#[derive(Clone, Debug)]
pub struct EngineJob {
    pub spec: SpecId,
    pub chunk: ChunkId,
    /// The chunk's title, for people and for matching a cassette.
    pub title: String,
    /// The lane's worktree: the engine works here and nowhere else.
    pub lane: PathBuf,
    /// Path of the spec below the lane, read-only for the engine.
    pub spec_path: String,
    pub prompt: Prompt,
    /// How the run may end: what the engine is asked to declare.
    pub ends: Ends,
    /// Attempt number, from 1; `fixes` is 0 for the build turn.
    pub attempt: u32,
    pub fixes: u32,
    /// The conversation to begin or to go on with.
    pub session: Session,
    pub model: Option<String>,
    /// Bound on the whole run of the engine.
    pub timeout: Duration,
    /// Bound on silence: nothing printed, no response.
    pub stall: Duration,
    /// What this run may spend; reaching it ends it with `EngineError::Budget`.
    pub allowance: Allowance,
    /// Environment of the engine and its tools, complete.
    pub env: Vec<(String, String)>,
    pub policy: SandboxPolicy,
}

/// Where an engine reports while it works. Called often; must not block.
pub trait EngineProgress {
    /// What it is doing now, in a few words (`edits src/lib.rs`).
    fn step(&self, text: &str);
    /// Usage so far in this engine run.
    fn usage(&self, usage: Usage);
    /// One raw line of output, for the debug log.
    fn log(&self, line: &str);
    /// Hosts that the wall of something that it started kept that from, each with the reason.
    fn refused(&self, hosts: &[String]) {
        let _ = hosts;
    }
}

/// Resolves once when the run is to stop. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StopSignal(tokio::sync::watch::Receiver<bool>);

impl StopSignal {
    /// A signal and the handle that raises it.
    pub fn new() -> (StopHandle, StopSignal) {
        let (tx, rx) = tokio::sync::watch::channel(false);
        (StopHandle(tx), StopSignal(rx))
    }

    /// True once raised.
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when raised; never, when the handle is gone without having been raised.
    pub async fn raised(&mut self) {
        if self.0.wait_for(|v| *v).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Raises a [`StopSignal`].
#[derive(Debug)]
pub struct StopHandle(tokio::sync::watch::Sender<bool>);

impl StopHandle {
    pub fn raise(&self) {
        self.0.send_replace(true);
    }
}

/// One turn of a conversation with a model, tools offered.
pub trait ChatModel {
    /// Model name for the ledger.
    fn model(&self) -> &str;

    /// Most tokens that one reply can have, for the worst case of a call; None where replies cost nothing.
    fn max_output(&self) -> Option<u64>;

    /// What its tokens cost; None when that is not known.
    fn price(&self) -> Option<Price>;

    /// Tokens of conversation and reply that it takes; None when that is not known.
    fn context(&self) -> Option<u64>;

    /// Answers the conversation so far. One request, never repeated: whether to try again is the caller's to
    /// decide. Gives up with `EngineError::Stalled` after `request.stall` of silence; dropping the future
    /// closes the connection.
    fn reply<'a>(
        &'a self,
        request: &'a ChatRequest,
    ) -> LocalBoxFuture<'a, Result<ChatReply, crate::model::EngineError>>;
}

/// Everything the model is shown.
#[derive(Clone, Debug)]
pub struct ChatRequest {
    /// Which assignment this is, so that a cassette can be matched by chunk.
    pub spec: SpecId,
    pub chunk: ChunkId,
    pub title: String,
    pub attempt: u32,
    pub fixes: u32,
    /// Replies already received in this engine run; 0 for the first.
    pub turn: u32,
    pub system: String,
    pub messages: Vec<ChatMessage>,
    pub tools: &'static [ToolSpec],
    /// Bound on silence between two signs of life of the provider.
    pub stall: Duration,
}

/// A message of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum ChatMessage {
    User(String),
    Assistant {
        text: String,
        calls: Vec<ToolCall>,
    },
    ToolResult {
        id: String,
        content: String,
        is_error: bool,
    },
}

/// A call the model asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// What the model gave as arguments; a JSON string with the raw text where that is no JSON.
    pub arguments: serde_json::Value,
}

/// A tool as offered to the model.
#[derive(Debug)]
pub struct ToolSpec {
    pub name: &'static str,
    pub description: &'static str,
    /// JSON Schema of the arguments.
    pub schema: fn() -> serde_json::Value,
}

/// One answer of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatReply {
    pub text: String,
    pub calls: Vec<ToolCall>,
    pub finish: Finish,
    pub usage: Usage,
    /// What this answer cost: as the provider says, else by the model's price.
    pub cost: Cost,
}

/// Why a reply ended where it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Finish {
    /// The model had said what it wanted to.
    #[default]
    Whole,
    /// It ran into the bound on one reply: its text or its last call may be cut.
    Cut,
}

/// The one clock.
pub trait Clock {
    fn now(&self) -> DateTime<Utc>;
}

/// The one source of randomness.
pub trait Rng {
    /// Random bytes for ids and tokens.
    fn bytes(&self) -> [u8; 16];
}
