//! What engine runs used, summed up for people and programs.

use super::id::ChunkId;
use super::ledger::{Attempt, AttemptEnd, ChunkRecord};
use super::planned::PlanningSpent;
use super::usage::{Allowance, Cost, Usage};
use serde::Serialize;

/// What engine attempts used. Unknown stays visible: `silent` attempts said no tokens, and one unknown
/// cost makes the sum unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spent {
    pub attempts: u32,
    pub usage: Usage,
    pub cost: Cost,
    /// Attempts that did not say how many tokens they used.
    pub silent: u32,
    /// Attempts of which an engine run was lost in a crash. They count against budgets as if they had spent all
    /// that they were allowed.
    pub lost: u32,
    /// What the lost ones were allowed.
    pub charged: Allowance,
}

impl Spent {
    /// Adds one attempt.
    pub fn add(&mut self, usage: Usage, cost: Cost) {
        self.cost = if self.attempts == 0 {
            cost
        } else {
            self.cost.plus(cost)
        };
        self.usage = self.usage.plus(usage);
        self.attempts = self.attempts.saturating_add(1);
        if usage.total().is_none() {
            self.silent = self.silent.saturating_add(1);
        }
    }

    /// Adds one attempt of the ledger.
    pub fn add_attempt(&mut self, attempt: &Attempt) {
        self.add(attempt.usage, attempt.cost);
        if attempt.lost {
            self.lost = self.lost.saturating_add(1);
            self.charged = self.charged.plus(attempt.allowed);
        }
    }

    /// Adds what planning used, which is no attempt at anything.
    pub fn add_planning(&mut self, planning: &PlanningSpent) {
        if planning.asks > 0 {
            self.cost = match self.attempts {
                0 => planning.cost,
                _ => self.cost.plus(planning.cost),
            };
            self.usage = self.usage.plus(planning.usage);
        }
    }

    /// Adds what others spent.
    pub fn merge(&mut self, other: &Spent) {
        if other.attempts == 0 {
            return;
        }
        self.cost = if self.attempts == 0 {
            other.cost
        } else {
            self.cost.plus(other.cost)
        };
        self.usage = self.usage.plus(other.usage);
        self.attempts = self.attempts.saturating_add(other.attempts);
        self.silent = self.silent.saturating_add(other.silent);
        self.lost = self.lost.saturating_add(other.lost);
        self.charged = self.charged.plus(other.charged);
    }
}

/// What one engine spent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EngineSpent {
    pub engine: String,
    /// The model it last said it used.
    pub model: Option<String>,
    /// Chunks whose committed work is its own.
    pub built: usize,
    pub spent: Spent,
}

impl EngineSpent {
    /// What each engine did at these chunks, in the order in which they first came to work.
    pub fn of<'a>(records: impl Iterator<Item = &'a ChunkRecord>) -> Vec<Self> {
        let mut engines: Vec<Self> = Vec::new();
        for record in records {
            for attempt in &record.attempts {
                let at = engines.iter().position(|e| e.engine == attempt.engine);
                let at = at.unwrap_or_else(|| {
                    engines.push(Self {
                        engine: attempt.engine.clone(),
                        model: None,
                        built: 0,
                        spent: Spent::default(),
                    });
                    engines.len() - 1
                });
                let engine = &mut engines[at];
                engine.model = attempt.model.clone().or(engine.model.take());
                engine.spent.add_attempt(attempt);
                engine.built += usize::from(attempt.end == AttemptEnd::Committed);
            }
        }
        engines
    }
}

/// What a chunk cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChunkSpent {
    pub chunk: ChunkId,
    pub title: String,
    pub spent: Spent,
}
