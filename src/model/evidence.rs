//! The evidence of one chunk as a document: what is kept as a note on its commit, and what `codelicious evidence`
//! shows. It stands for itself, for people and programs that have the repository and nothing else.

use super::id::{ChunkId, Oid, SpecId};
use super::usage::Usage;
use super::verify::{CheckOutcome, Coverage, Finding, Remark, TestCounts, Verdict};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Schema number written by this version.
pub const EVIDENCE_SCHEMA: u32 = 1;

/// What is known about how a chunk's commit was made and verified. Null is unknown, never nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceDoc {
    pub schema: u32,
    /// The version that wrote it.
    pub codelicious: String,
    pub spec: SpecId,
    /// The spec's path below the root.
    pub spec_path: String,
    pub chunk: ChunkId,
    pub title: String,
    /// Of the task's text.
    pub fingerprint: String,
    /// Pull request of the series, from 1.
    pub part: Option<u32>,
    pub trees: Trees,
    /// Trees of the commit that has this evidence now, where a restack replayed the work onto another base: what was
    /// checked is what it was made of, and `trees` are still that one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Trees>,
    pub verdict: Verdict,
    /// True when no check ran, or one could not and that was allowed.
    pub unverified: bool,
    pub checks: Vec<CheckDoc>,
    /// Over all checks; null where nobody counted.
    pub tests: Option<TestCounts>,
    /// Red or absent without the change, green with it.
    pub proving: Vec<String>,
    /// New, and green without the change as well.
    pub idle: Vec<String>,
    /// Null where nothing measured it.
    pub coverage: Option<Coverage>,
    /// What the audit of the diff found.
    pub findings: Vec<Finding>,
    /// What a reviewer said; null where none was asked.
    pub remarks: Option<Vec<Remark>>,
    /// Whose work it is; null where that is not known any more.
    pub engine: Option<String>,
    pub model: Option<String>,
    /// Attempts at the chunk, over all runs.
    pub attempts: u32,
    /// Fix turns of the one that was committed.
    pub fixes: u32,
    /// Of all attempts.
    pub usage: Usage,
    pub cost_usd: Option<f64>,
    /// When the first attempt began, and when the last one ended.
    pub started: Option<DateTime<Utc>>,
    pub ended: Option<DateTime<Utc>>,
    /// Why nothing had to be changed; null where something was.
    pub no_change_needed: Option<String>,
    /// The person who accepted the work, where one had to.
    pub accepted_by: Option<String>,
    /// What was left out to keep the document small, in words.
    pub left_out: Vec<String>,
}

/// Git trees that the evidence is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trees {
    /// Of the parent commit.
    pub before: Oid,
    /// What the checks saw: the commit without its mark.
    pub verified: Oid,
    /// Of the commit: the verified tree with the mark in the spec.
    pub after: Oid,
}

/// One command that verification ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckDoc {
    pub name: String,
    pub command: String,
    /// Below the root; empty for the root.
    pub dir: String,
    /// What it came to, as in ledgers: an object with `outcome` and what belongs to it.
    pub result: CheckOutcome,
    /// Null where it did not end by itself.
    pub exit: Option<i32>,
    pub millis: u64,
    /// What was left out because the change cannot reach it; null where the check ran whole.
    pub narrowed: Option<String>,
    /// What walled it in: `unsandboxed` where nothing did.
    pub sandbox: String,
    pub tests: Option<TestCounts>,
    /// Tests that failed.
    pub failing: Vec<String>,
    /// What failed passed when it was run again at once.
    pub flaky: bool,
    /// Hosts that its wall kept it from, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// The end of what it printed, redacted.
    pub output: String,
}

/// Where evidence was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceSource {
    /// The note on the commit.
    Note,
    /// This machine's record of the run, where the commit has no note.
    Ledger,
}

/// What `codelicious evidence` says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvidenceReport {
    pub schema: u32,
    pub commit: Oid,
    pub subject: String,
    pub source: EvidenceSource,
    pub evidence: EvidenceDoc,
}

/// What a commit of a branch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitKind {
    /// It claims to build a chunk.
    Chunk,
    /// It brings a spec up to date.
    Sync,
    /// Somebody's.
    Person,
}

/// One commit of a branch, held against its evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditedCommit {
    pub commit: Oid,
    pub subject: String,
    pub kind: CommitKind,
    pub spec: Option<SpecId>,
    pub chunk: Option<ChunkId>,
    /// What its evidence says; null where it has none.
    pub verdict: Option<Verdict>,
    /// What is wrong with it, in sentences.
    pub failures: Vec<String>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// A check that was run once more.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RerunCheck {
    pub name: String,
    pub dir: String,
    pub command: String,
    /// Judged against the merge base: `passed`, `failed before as well`, …
    pub outcome: String,
    pub millis: u64,
    /// Empty where it passed.
    pub output: String,
}

/// The checks at the branch's tip.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RerunReport {
    pub passed: bool,
    pub checks: Vec<RerunCheck>,
}

/// What `codelicious evidence verify` says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditReport {
    pub schema: u32,
    pub branch: String,
    pub tip: Oid,
    /// Where the branch left its base.
    pub base: Oid,
    pub passed: bool,
    /// Oldest first.
    pub commits: Vec<AuditedCommit>,
    /// Null where nobody asked for it.
    pub rerun: Option<RerunReport>,
}
