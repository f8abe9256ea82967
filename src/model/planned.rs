//! A spec's chunks as a model proposed them.

use super::id::ChunkId;
use super::usage::{Cost, Usage};
use std::collections::BTreeSet;

/// How a model cut one spec into chunks, as it is kept beside the spec's branch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkPlan {
    /// 12 hex digits over the spec's text without marks: the plan was made for this text.
    pub text: String,
    /// Who made it.
    pub model: String,
    /// Fingerprints of the sections it speaks for. What stands in others is not planned.
    pub covers: BTreeSet<String>,
    /// In build order: each comes after what it depends on.
    pub chunks: Vec<PlannedChunk>,
}

/// One chunk of a [`ChunkPlan`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedChunk {
    /// 12 hex digits made of the title alone, so that another plan with this chunk knows it by the same id.
    pub id: ChunkId,
    pub title: String,
    /// What is to be done.
    pub text: String,
    /// How to tell that it is done, one sentence each.
    pub acceptance: Vec<String>,
    /// Headings of the section it comes from, outermost first; empty when that is not known.
    pub headings: Vec<String>,
    pub files: Vec<String>,
    /// Chunks of the same plan.
    pub depends_on: Vec<ChunkId>,
}

/// What asking a model for a plan used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanningSpent {
    /// Requests sent.
    pub asks: u32,
    pub usage: Usage,
    pub cost: Cost,
}

impl PlanningSpent {
    /// What both used together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            asks: self.asks.saturating_add(other.asks),
            usage: self.usage.plus(other.usage),
            cost: self.cost.plus(other.cost),
        }
    }
}

impl Default for PlanningSpent {
    fn default() -> Self {
        Self {
            asks: 0,
            usage: Usage::default(),
            // Nothing was asked, which costs nothing.
            cost: Cost::Usd(0.0),
        }
    }
}
