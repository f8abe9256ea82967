//! What a pull request's title and body are made of.

use super::chunk::ChunkState;
use super::id::{ChunkId, SpecId};
use super::ledger::PrState;
use super::policy::WallState;
use super::pr::LineCount;
use super::report::StoppedChunk;
use super::spent::{EngineSpent, Spent};
use super::verify::{Coverage, Finding, Remark};

/// Everything a pull request's title and body are made of.
#[derive(Clone, Debug, PartialEq)]
pub struct BodyInput {
    pub spec: SpecId,
    pub spec_path: String,
    /// Where the spec can be read, when the forge has such a page.
    pub spec_url: Option<String>,
    /// The spec's title.
    pub title: String,
    /// What it is, in the spec's own words, a paragraph each.
    pub intro: Vec<String>,
    /// Part of the series, from 1.
    pub part: u32,
    /// Chunks that this part holds, and all of the spec.
    pub held: usize,
    pub total: usize,
    pub head: String,
    pub base: String,
    /// Remote that people fetch the head from; None where there is none.
    pub remote: Option<String>,
    /// Chunks of this part, and the spec's stopped ones that belong to it.
    pub chunks: Vec<BodyChunk>,
    /// Specs that this one is built upon.
    pub depends_on: Vec<BodyLink>,
    pub previous: Option<BodyNeighbour>,
    pub next: Option<BodyNeighbour>,
    /// Issues that the spec itself says are done with this part.
    pub closes: Vec<IssueRef>,
    pub checks: Vec<BodyCheck>,
    /// None where it was not measured.
    pub coverage: Option<Coverage>,
    /// What audits found; None where none ran.
    pub findings: Option<Vec<Finding>>,
    /// What a second engine said; None where none was asked.
    pub remarks: Option<Vec<Remark>>,
    /// Names of the checks that fail on the part as a whole; None where it was not run as a whole.
    pub suite: Option<Vec<String>>,
    pub spent: Spent,
    /// Time that the attempts took, in milliseconds; None where it is not known of all.
    pub millis: Option<u64>,
    /// Who worked at the part's chunks.
    pub engines: Vec<EngineSpent>,
    /// What walled in that which made it.
    pub sandbox: WallState,
    /// Names of tasks whose commit no check looked at, or not every one that should have.
    pub unverified: Vec<String>,
    /// Names of tasks of whose commit no verdict is known here.
    pub unknown: Vec<String>,
    /// Names of checks that fail, as they did before this work.
    pub failed_before: Vec<String>,
    /// Tasks that alone are larger than a pull request is meant to be.
    pub oversized: Vec<Oversized>,
    /// Questions of blocked chunks.
    pub questions: Vec<StoppedChunk>,
}

/// A row of the chunk table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyChunk {
    pub id: ChunkId,
    pub label: Option<String>,
    pub title: String,
    pub state: ChunkState,
    /// The verdict in words; None before verification, or where it is not known.
    pub verdict: Option<String>,
    /// Tests that ran; None where nobody counted them.
    pub tests: Option<u32>,
    /// Tests that are red without its work and green with it.
    pub proving: Vec<String>,
    /// Changed lines of its commit; None where there is none, or they are not known.
    pub lines: Option<LineCount>,
    /// Who accepted the work, where a person had to.
    pub accepted_by: Option<String>,
    /// The engine whose work was committed.
    pub engine: Option<String>,
}

/// Something to point at: shown as a link where `url` is a web address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyLink {
    pub text: String,
    pub url: Option<String>,
}

/// The pull request before or after in the series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyNeighbour {
    pub part: u32,
    pub branch: String,
    /// None until the forge knows it.
    pub number: Option<u64>,
    pub url: Option<String>,
    pub state: PrState,
}

/// A check's name and how it ended, over the chunks of the part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyCheck {
    pub name: String,
    pub command: String,
    /// Folder below the root; empty for the root.
    pub dir: String,
    /// `passed`, `failed`, `failed before as well`, …
    pub verdict: String,
}

/// A task that alone is larger than a pull request is meant to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oversized {
    /// The task's name for people.
    pub name: String,
    pub lines: u32,
    pub most: u32,
}

/// An issue that a spec names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IssueRef {
    /// `owner/name`, with as many groups as a forge has; None for the repository itself.
    pub repository: Option<String>,
    pub number: u64,
}

impl std::fmt::Display for IssueRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let repository = self.repository.as_deref().unwrap_or_default();
        write!(f, "{repository}#{}", self.number)
    }
}
