//! What `gc` reports.

use serde::Serialize;

/// What `gc` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GcReport {
    pub schema: u32,
    /// False for a dry run, which changes nothing.
    pub acted: bool,
    /// By kind, then by name.
    pub things: Vec<GcThing>,
    /// Bytes on disk that were freed, or would be.
    pub bytes: u64,
}

/// One thing that a run left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GcThing {
    pub kind: GcKind,
    /// A path below the root where it is there, else an absolute one; a ref's whole name.
    pub name: String,
    /// Seconds since it was last changed; None where that cannot be told.
    pub age_s: Option<u64>,
    /// What it takes on disk; 0 for refs, whose objects git collects by itself.
    pub bytes: u64,
    /// False: it stays.
    pub remove: bool,
    pub why: String,
    /// Why it could not be removed.
    pub error: Option<String>,
}

/// Kinds of things that `gc` knows, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GcKind {
    /// A lane's worktree.
    Lane,
    /// What git remembers of a worktree whose folder is gone.
    LostLane,
    /// Part of a worktree that was being removed.
    Rest,
    /// Lanes of a repository that is gone.
    Orphan,
    Attempt,
    Archive,
    Log,
    /// Rotated events.
    Events,
    /// A ledger that was moved aside.
    Ledger,
    Postmortem,
}
