//! What our comment at an issue is made of.

use super::chunk::ChunkState;
use super::report::{BodyLink, Spent, StoppedChunk};

/// How far the work at an issue is.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgressInput {
    pub spec_path: String,
    pub done: usize,
    pub total: usize,
    /// In build order.
    pub tasks: Vec<ProgressTask>,
    /// Pull requests, by part.
    pub prs: Vec<ProgressPr>,
    /// What waits for a person.
    pub stopped: Vec<StoppedChunk>,
    /// Why nothing more is built for now; None while it goes on, and when everything is done.
    pub halted: Option<String>,
    pub spent: Spent,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressTask {
    pub title: String,
    pub state: ChunkState,
    /// True where its mark stands, whatever the ledger knows of it.
    pub done: bool,
    /// The part that holds it.
    pub part: Option<u32>,
}

/// A pull request of the series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressPr {
    pub part: u32,
    pub link: BodyLink,
    /// `draft`, `ready`, `merged`, `closed`.
    pub state: &'static str,
}
