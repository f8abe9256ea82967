//! Everything the driver may do to the world, as one closed set, and what comes back.

use super::id::{ChunkId, Oid};
use super::ledger::{PrRecord, SpecBase, Suite};
use super::outcome::EngineReport;
use super::verify::Evidence;
use serde::{Deserialize, Serialize};

pub use super::push::{PushFailure, PushFailureKind};

/// One outside effect of a lane. Decided by `core::decide`, performed in one place in `driver::perform`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Make the lane's worktree stand clean at its tip, creating or adopting what is needed, and merge
    /// what the user or the base changed in the spec into a commit of its own.
    PrepareLane,
    /// Replay the commits of open parts onto `onto`, where a part below them is merged, and move lane and
    /// branches there.
    Restack { onto: Oid },
    /// Run the checks once on the lane's base.
    Baseline,
    /// One engine run: a build (`fixes == 0`) or the n-th fix of an attempt.
    RunEngine {
        chunk: ChunkId,
        attempt: u32,
        fixes: u32,
        engine: String,
    },
    /// Put the work that was saved of an attempt, and that a person accepted, back on top of the lane's tip.
    TakeUp { chunk: ChunkId, attempt: u32 },
    /// Capture the lane's changes as a tree and run the checks they call for.
    Verify { chunk: ChunkId },
    /// Run the tests that the engine wrote before its code, and see that they are red.
    SeeRed { chunk: ChunkId },
    /// Run all checks on the last commit of a part.
    Suite { part: u32 },
    /// Have a second engine look at a copy of verified work.
    Review { chunk: ChunkId, round: u32 },
    /// Write the commit object: work, mark and trailers. Moves no ref.
    Seal { chunk: ChunkId, part: u32 },
    /// Move the lane's tip from `old` to `new`.
    Land {
        chunk: ChunkId,
        part: u32,
        old: Oid,
        new: Oid,
    },
    /// Save the lane's work under `refs/codelicious/attempts/…` and reset the lane to its tip.
    SetAside { chunk: ChunkId, attempt: u32 },
    /// Send `tip` to `branch` on the remote; only if that is still at `replaces`, where that is given, and never
    /// over anything else.
    Push {
        branch: String,
        tip: Oid,
        replaces: Option<Oid>,
    },
    /// Make the pull request of a part exist and say what it should.
    PutPr { part: u32, ready: bool },
    /// Make our comment at the issue of the spec say how far it is.
    Comment { issue: u64 },
}

/// What makes two effects the same work in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EffectKey {
    /// Only one effect at a time may use a lane's worktree.
    Worktree,
    Push,
    Pr,
}

impl Effect {
    /// The effect's name, as in its serialised form.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PrepareLane => "prepare_lane",
            Self::Restack { .. } => "restack",
            Self::Baseline => "baseline",
            Self::RunEngine { .. } => "run_engine",
            Self::TakeUp { .. } => "take_up",
            Self::Verify { .. } => "verify",
            Self::SeeRed { .. } => "see_red",
            Self::Suite { .. } => "suite",
            Self::Review { .. } => "review",
            Self::Seal { .. } => "seal",
            Self::Land { .. } => "land",
            Self::SetAside { .. } => "set_aside",
            Self::Push { .. } => "push",
            Self::PutPr { .. } => "put_pr",
            Self::Comment { .. } => "comment",
        }
    }

    /// True for effects that a crash must not leave unexplained: the ledger says that they are about to happen, and
    /// what will prove that they did.
    pub fn has_intent(&self) -> bool {
        match self {
            Self::RunEngine { .. }
            | Self::TakeUp { .. }
            | Self::Review { .. }
            | Self::Land { .. }
            | Self::Push { .. }
            | Self::PutPr { .. } => true,
            // Repeatable without a trace outside the lane, or recovered from git alone.
            Self::PrepareLane
            | Self::Restack { .. }
            | Self::Baseline
            | Self::Verify { .. }
            | Self::SeeRed { .. }
            | Self::Suite { .. }
            | Self::Seal { .. }
            | Self::SetAside { .. } => false,
            // Found again by the key that stands in it.
            Self::Comment { .. } => false,
        }
    }

    /// The resource the effect occupies; two effects with the same key never run at once in a lane.
    pub fn key(&self) -> EffectKey {
        match self {
            Self::PrepareLane
            | Self::Restack { .. }
            | Self::Baseline
            | Self::RunEngine { .. }
            | Self::TakeUp { .. }
            | Self::Verify { .. }
            | Self::SeeRed { .. }
            | Self::Suite { .. }
            | Self::Review { .. }
            | Self::Seal { .. }
            | Self::Land { .. }
            | Self::SetAside { .. } => EffectKey::Worktree,
            Self::Push { .. } => EffectKey::Push,
            Self::PutPr { .. } | Self::Comment { .. } => EffectKey::Pr,
        }
    }
}

/// What performing an effect told us.
#[derive(Clone, Debug, PartialEq)]
pub enum EffectResult {
    /// The lane stands at `tip`; `marks` are the chunks whose mark stands in the spec there.
    LanePrepared {
        tip: Oid,
        base: SpecBase,
        synced: bool,
        notes: Vec<String>,
    },
    /// The lane stands at `tip`; `moved` are the commits before and after, `kept` is where the old lane is.
    Restacked {
        tip: Oid,
        moved: Vec<(Oid, Oid)>,
        kept: String,
        notes: Vec<String>,
    },
    /// Nothing was moved.
    RestackRefused {
        why: String,
    },
    BaselineDone(Evidence),
    EngineEnded {
        chunk: ChunkId,
        report: Box<EngineReport>,
        undone: Vec<String>,
    },
    /// The saved work stands in the lane, or `refused` says why it cannot.
    TakenUp {
        chunk: ChunkId,
        refused: Option<String>,
    },
    Verified {
        chunk: ChunkId,
        verified: Box<Verified>,
    },
    /// The tests that were red, or why they are none to build upon.
    RedSeen {
        chunk: ChunkId,
        seen: Result<RedTests, String>,
    },
    SuiteDone {
        part: u32,
        suite: Suite,
    },
    Reviewed {
        chunk: ChunkId,
        report: Box<EngineReport>,
        undone: Vec<String>,
    },
    Sealed {
        chunk: ChunkId,
        part: u32,
        commit: Oid,
        warning: Option<String>,
    },
    /// A hook changed what would be committed: it is verified again.
    SealChanged {
        chunk: ChunkId,
    },
    /// A hook of the repository refused the commit.
    SealRefused {
        chunk: ChunkId,
        output: String,
    },
    Landed {
        chunk: ChunkId,
        part: u32,
        commit: Oid,
        /// Changed lines of the commit, marks not counted.
        lines: u32,
    },
    SetAside {
        chunk: ChunkId,
        saved: Option<String>,
    },
    /// The branch is there; `notes` say what the remote refused beside it.
    Pushed {
        branch: String,
        tip: Oid,
        notes: Vec<String>,
    },
    PushFailed {
        branch: String,
        tip: Oid,
        failure: PushFailure,
    },
    /// `notes` is what the forge did otherwise than asked, as far as it was not said before.
    PrPut {
        part: u32,
        pr: Box<PrRecord>,
        notes: Vec<String>,
    },
    PrFailed {
        part: u32,
        message: String,
    },
    /// The comment says what `key` stands for.
    Commented {
        issue: u64,
        key: String,
    },
    CommentFailed {
        issue: u64,
        message: String,
    },
    /// The shell itself failed: disk, permissions, a broken repository.
    Broken {
        effect: Box<Effect>,
        message: String,
        remedy: String,
    },
}

/// Tests that were written before the code, and were red.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedTests {
    /// Their names, as their runner names them.
    pub tests: Vec<String>,
    /// The tree that holds them, and nothing else that is new.
    pub tree: Option<Oid>,
    /// The files that they stand in.
    pub files: Vec<String>,
}

/// The lane's changes after verification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub evidence: Evidence,
    /// Tree of the work, without the mark.
    pub tree: Option<Oid>,
    /// Files the work changed; empty for an empty diff.
    pub files: Vec<String>,
    /// Changed lines (added plus removed) of the work, binary files counted as one.
    pub lines: u32,
    /// Why the diff may not be committed without a person (secrets, unsafe paths), masked.
    pub findings: Vec<String>,
    /// What coverage lacks, in a sentence; None where it is as wanted, or where nothing is wanted.
    pub shortfall: Option<String>,
    /// What failed, without what changes by itself: two failures are the same when it is. Empty where nothing failed.
    pub signature: String,
}
