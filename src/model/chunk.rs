//! Chunks: the units of work that a plan is made of, and the states they move through.

use super::id::{ChunkId, Oid, SpecId};
use super::rule::Rule;
use super::spec::{Aside, Diagnostic, SpecStatus};
use serde::{Deserialize, Serialize};

/// What one run intends: every spec, its chunks in order, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    pub specs: Vec<SpecPlan>,
    pub diagnostics: Vec<Diagnostic>,
    pub warnings: Vec<PlanWarning>,
}

/// One spec's part of the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpecPlan {
    pub id: SpecId,
    pub path: String,
    /// What it is written as.
    pub format: &'static str,
    pub title: String,
    pub status: SpecStatus,
    pub depends_on: Vec<SpecId>,
    pub priority: Option<i64>,
    /// Why nothing of this spec is built; None when it may be built.
    pub not_built: Option<String>,
    /// What a person has to settle first, where that is why.
    #[serde(skip)]
    pub waits_for: Option<String>,
    /// In build order.
    pub chunks: Vec<Chunk>,
    /// Tasks that are open and not to be built, in document order.
    pub left_out: Vec<LeftOut>,
    /// Headings and task titles with their state, kept once for all chunks of the spec.
    #[serde(skip)]
    pub outline: String,
}

/// An open task that is not built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub id: ChunkId,
    pub label: Option<String>,
    pub title: String,
    /// 1-based line in the spec.
    pub line: usize,
    pub because: Aside,
}

/// One engine assignment, one commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    pub id: ChunkId,
    /// The task this chunk builds (equal to `id` unless the task is split).
    pub task: ChunkId,
    pub part: Option<ChunkPart>,
    /// What people call its task, where it is called so alone: `T007`, or `2.1` in a list with numbers of that kind.
    pub label: Option<String>,
    pub title: String,
    /// The task's text that goes to the engine, or this part of it.
    pub text: String,
    pub headings: Vec<String>,
    pub fingerprint: String,
    /// 1-based line of the task in the spec.
    pub line: usize,
    /// Chunks of the same spec that must be committed first.
    pub depends_on: Vec<ChunkId>,
    /// Existing or new files the task names.
    pub files: Vec<String>,
    /// Estimated prompt tokens: text, context, outline and hinted files; 0 where no prompt will be made.
    pub tokens: u64,
    /// Context that fits the budget, most specific first.
    pub context: String,
    /// Tokens of [`SpecPlan::outline`] that fit the budget as well; 0 leaves it out.
    #[serde(default)]
    pub outline_tokens: u64,
    /// True when its mark stands in the spec at the lane's tip or on the base.
    pub done: bool,
}

/// Which part of a split task a chunk is. `bounds` is opaque to everyone but the splitter, and is
/// written into the spec with the first part's mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkPart {
    /// 1-based.
    pub index: usize,
    pub of: usize,
    pub bounds: String,
}

/// A doubt about the plan as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanWarning {
    pub spec: Option<SpecId>,
    pub chunk: Option<ChunkId>,
    /// What is said against the spec; None where it is about something else.
    pub rule: Option<Rule>,
    /// In the spec, from 1; 0 where no line is meant.
    pub line: usize,
    pub message: String,
}

/// Where a chunk stands. Moved only by `core::transition`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum ChunkState {
    Pending,
    /// The engine works on it; `attempt` counts from 1 over the chunk's whole life.
    InProgress {
        attempt: u32,
    },
    /// Checks run on the engine's work after `fixes` fix turns.
    Verifying {
        attempt: u32,
        fixes: u32,
    },
    /// The engine repairs what verification refused; `fixes` counts from 1.
    Fixing {
        attempt: u32,
        fixes: u32,
    },
    Committed {
        commit: Oid,
    },
    Failed {
        why: String,
    },
    NeedsReview {
        why: String,
    },
    Blocked {
        why: String,
        needs: String,
    },
    AwaitingApproval {
        gate: String,
    },
    Skipped {
        because: String,
        by: SkippedBy,
    },
}

/// Who left a chunk out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkippedBy {
    /// A chunk that it needs did not commit; it comes back by itself.
    Dependency,
    /// A person said so; it stays until a person says otherwise.
    Person,
}

impl ChunkState {
    /// The word for this state in the ledger, in events and on screen.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress { .. } => "in_progress",
            Self::Verifying { .. } => "verifying",
            Self::Fixing { .. } => "fixing",
            Self::Committed { .. } => "committed",
            Self::Failed { .. } => "failed",
            Self::NeedsReview { .. } => "needs_review",
            Self::Blocked { .. } => "blocked",
            Self::AwaitingApproval { .. } => "awaiting_approval",
            Self::Skipped { .. } => "skipped",
        }
    }

    /// Why the chunk stopped, where it did.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed { why } | Self::NeedsReview { why } | Self::Blocked { why, .. } => {
                Some(why)
            }
            Self::Skipped { because, .. } => Some(because),
            Self::AwaitingApproval { gate } => Some(gate),
            Self::Pending
            | Self::InProgress { .. }
            | Self::Verifying { .. }
            | Self::Fixing { .. }
            | Self::Committed { .. } => None,
        }
    }
}
