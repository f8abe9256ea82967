//! The ledger: one spec's record of chunks, attempts and pull requests.
//!
//! A record, not the truth: git is. It can be thrown away and rebuilt.

use super::chunk::ChunkState;
use super::effect::PushFailure;
use super::id::{ChunkId, Oid, RunId, SpecId};
use super::moves::{MoveKind, MoveRecord};
use super::outcome::Completion;
use super::usage::{Allowance, Cost, Usage};
use super::verify::Evidence;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Schema number written by this version.
pub const LEDGER_SCHEMA: u32 = 5;

/// `.codelicious/state/<spec>.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    pub schema: u32,
    /// Goes up by one with every write.
    pub version: u64,
    pub spec: SpecId,
    /// The spec's path below the root.
    pub path: String,
    /// First part's branch.
    pub branch: String,
    /// What the lane started from.
    pub base: Option<SpecBase>,
    pub chunks: BTreeMap<ChunkId, ChunkRecord>,
    pub prs: Vec<PrRecord>,
    /// Effects that were about to happen when this was written.
    pub intents: Vec<Intent>,
    /// What the remote is known to hold, by branch.
    pub pushed: BTreeMap<String, Oid>,
    /// The last failure to deliver, until a delivery succeeds.
    pub undelivered: Option<PushFailure>,
    /// The spec was among the user's files here: when it is gone, a person took it away.
    pub user_copy: bool,
    /// The issue of the forge that the spec was made of.
    pub issue: Option<IssueRecord>,
}

/// An issue of the forge, and what stands in our comment there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueRecord {
    pub number: u64,
    pub url: String,
    /// What the comment last written depended on (`core::progress::key`), so that nothing is written twice.
    pub told: Option<String>,
}

/// Where a lane starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecBase {
    /// Branch name that pull requests target.
    pub branch: String,
    pub commit: Oid,
}

/// One chunk in the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChunkRecord {
    pub title: String,
    pub fingerprint: String,
    pub state: ChunkState,
    pub attempts: Vec<Attempt>,
    pub evidence: Option<Evidence>,
    /// The engine's own words about what it built, kept for the commit and the PR body.
    pub completion: Option<Completion>,
    /// Part of the PR series that holds (or will hold) the commit.
    pub part: Option<u32>,
    /// Changed lines of the committed work.
    pub lines: u32,
    pub pr: Option<u64>,
    /// What persons said about it, oldest first.
    pub moves: Vec<MoveRecord>,
}

/// One engine assignment at a chunk, fix turns included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1, over the chunk's life.
    pub n: u32,
    pub run: RunId,
    pub engine: String,
    pub model: Option<String>,
    pub session: Option<String>,
    pub started: DateTime<Utc>,
    pub ended: Option<DateTime<Utc>>,
    pub fixes: u32,
    pub usage: Usage,
    pub cost: Cost,
    /// What it may spend in all; nothing is set where there was no cap.
    pub allowed: Allowance,
    /// An engine run of it was lost in a crash, and what that spent with it.
    pub lost: bool,
    pub end: AttemptEnd,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum AttemptEnd {
    Running,
    Committed,
    Failed {
        why: String,
    },
    Blocked {
        why: String,
    },
    NeedsReview {
        why: String,
    },
    /// A signal, a crash or the deadline; does not count against the attempt bound.
    Interrupted,
    /// The engine was limited; does not count either.
    Limited {
        why: String,
        /// Before this the engine wants no request, as it said itself.
        until: Option<DateTime<Utc>>,
    },
    /// The run's or the chunk's budget was used up; does not count either.
    OverBudget {
        why: String,
    },
}

/// One pull request of the series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrRecord {
    /// From 1.
    pub part: u32,
    /// Head branch.
    pub branch: String,
    /// Branch it is to be merged into.
    pub base: String,
    /// Last commit of the part.
    pub tip: Oid,
    /// None until the forge knows it.
    pub number: Option<u64>,
    pub url: Option<String>,
    pub state: PrState,
    /// What the text last written depended on (`core::decide::pr_key`), so that nothing is written twice.
    pub content: Option<String>,
    /// How the whole suite ended on a tip of the part; None where it was not run.
    pub suite: Option<Suite>,
}

/// All checks, run once on a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suite {
    /// The commit they ran on.
    pub tip: Oid,
    /// Names of those that failed and do not fail on the base.
    pub failing: Vec<String>,
    pub millis: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrState {
    Draft,
    /// Ready for review.
    Ready,
    Merged,
    Closed,
}

/// An effect that is about to happen, with what will prove that it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "snake_case")]
pub enum Intent {
    /// The engine works in the lane, which stood at `tip`.
    Engine {
        chunk: ChunkId,
        attempt: u32,
        tip: Oid,
    },
    /// What lies in the worktree is a copy of work that was saved of this attempt.
    TakeUp { chunk: ChunkId, attempt: u32 },
    /// Proven by the lane's tip being `new`.
    Land {
        chunk: ChunkId,
        part: u32,
        old: Oid,
        new: Oid,
    },
    /// Proven by the remote's branch being `tip`.
    Push { branch: String, tip: Oid },
    /// Proven by the forge having a pull request for this head branch.
    Pr { part: u32, head: String },
}

impl Ledger {
    /// A ledger that knows nothing yet.
    pub fn new(spec: SpecId, path: impl Into<String>, branch: impl Into<String>) -> Self {
        Self {
            schema: LEDGER_SCHEMA,
            version: 0,
            spec,
            path: path.into(),
            branch: branch.into(),
            base: None,
            chunks: BTreeMap::new(),
            prs: Vec::new(),
            intents: Vec::new(),
            pushed: BTreeMap::new(),
            undelivered: None,
            user_copy: false,
            issue: None,
        }
    }
}

impl ChunkRecord {
    /// A chunk nothing has happened to.
    pub fn new(title: impl Into<String>, fingerprint: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            fingerprint: fingerprint.into(),
            state: ChunkState::Pending,
            attempts: Vec::new(),
            evidence: None,
            completion: None,
            part: None,
            lines: 0,
            pr: None,
            moves: Vec::new(),
        }
    }

    /// The word of the person under which the last attempt's work is being verified or was committed.
    pub fn accepted(&self) -> Option<&MoveRecord> {
        let last = self.moves.last()?;
        let MoveKind::Accept { attempt } = last.kind else {
            return None;
        };
        let stands = match &self.state {
            ChunkState::Verifying { attempt: now, .. } => *now == attempt,
            ChunkState::Committed { .. } => self
                .attempts
                .last()
                .is_some_and(|a| a.n == attempt && a.end == AttemptEnd::Committed),
            ChunkState::Pending
            | ChunkState::InProgress { .. }
            | ChunkState::Fixing { .. }
            | ChunkState::Failed { .. }
            | ChunkState::NeedsReview { .. }
            | ChunkState::Blocked { .. }
            | ChunkState::AwaitingApproval { .. }
            | ChunkState::Skipped { .. } => false,
        };
        stands.then_some(last)
    }

    /// The number of the last attempt; 0 before the first.
    pub fn last_attempt(&self) -> u32 {
        self.attempts.last().map_or(0, |a| a.n)
    }

    /// The number that the next move gets.
    pub fn next_move(&self) -> u32 {
        self.moves.last().map_or(0, |m| m.n) + 1
    }

    /// Attempts that count against the bound.
    pub fn counted_attempts(&self) -> u32 {
        let n = self
            .attempts
            .iter()
            .filter(|a| {
                matches!(
                    a.end,
                    AttemptEnd::Failed { .. } | AttemptEnd::NeedsReview { .. }
                )
            })
            .count();
        u32::try_from(n).unwrap_or(u32::MAX)
    }
}
