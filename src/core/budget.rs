//! What may still be spent: by a run, and on a chunk.
//!
//! Attempts are charged what they say they used. One that does not say is charged what it was allowed, since
//! unknown is not nothing.

use super::lane::Lane;
use crate::model::{Allowance, Attempt, ChunkId, Cost, Ledger, PlanningSpent, RunId, Usage};

/// The bounds that the settings set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Caps {
    /// For the whole run, over all specs.
    pub run: Allowance,
    /// For one chunk, over all its attempts in all runs.
    pub chunk: Allowance,
}

impl Caps {
    /// True when money is bounded anywhere.
    pub fn bounds_money(&self) -> bool {
        self.run.usd.is_some() || self.chunk.usd.is_some()
    }

    /// True when tokens are bounded anywhere.
    pub fn bounds_tokens(&self) -> bool {
        self.run.tokens.is_some() || self.chunk.tokens.is_some()
    }
}

/// What counts against a cap.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Charge {
    pub usd: f64,
    pub tokens: u64,
}

impl Charge {
    #[must_use]
    pub fn plus(self, other: Charge) -> Charge {
        Charge {
            usd: self.usd + other.usd,
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }
}

impl Charge {
    /// What of this charge `known` does not have.
    #[must_use]
    pub fn beyond(self, known: Charge) -> Charge {
        Charge {
            usd: (self.usd - known.usd).max(0.0),
            tokens: self.tokens.saturating_sub(known.tokens),
        }
    }
}

/// Which cap leaves nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    Run(String),
    Chunk(String),
}

/// What an attempt is charged.
pub fn charge(attempt: &Attempt) -> Charge {
    let allowed = attempt.allowed;
    let said = (!attempt.lost).then_some(attempt);
    let usd = said.and_then(|a| match a.cost {
        Cost::Usd(usd) => Some(usd),
        Cost::Unknown => None,
    });
    let tokens = said.and_then(|a| tokens_said(a.usage, a.cost));
    Charge {
        usd: usd.or(allowed.usd).unwrap_or(0.0),
        tokens: tokens.or(allowed.tokens).unwrap_or(0),
    }
}

/// Tokens, where all that were used were told: both what went in and what came out, or nothing at all was paid for.
fn tokens_said(usage: Usage, cost: Cost) -> Option<u64> {
    match (usage.input, usage.output) {
        (Some(_), Some(_)) => usage.total(),
        (None, None) if cost == Cost::Usd(0.0) => Some(0),
        _ => None,
    }
}

/// What two engine runs used: what either did not tell is not told of both.
pub(super) fn both(before: (Usage, Cost), more: Usage) -> Usage {
    let is_first = before == (Usage::default(), Cost::Usd(0.0));
    let is_said = |u: Usage| u.input.is_some() && u.output.is_some();
    let usage = before.0.plus(more);
    let is_all_said = is_first || (is_said(before.0) && is_said(more));
    Usage {
        output: usage.output.filter(|_| is_all_said),
        ..usage
    }
}

/// What an engine run of an attempt may spend of what the attempt may.
pub fn for_run(attempt: &Attempt, is_first: bool) -> Allowance {
    match is_first {
        true => attempt.allowed,
        false => rest_of_attempt(attempt),
    }
}

/// What an attempt may still spend of what it was allowed.
pub fn rest_of_attempt(attempt: &Attempt) -> Allowance {
    let spent = charge(attempt);
    Allowance {
        usd: attempt.allowed.usd.map(|usd| usd - spent.usd),
        tokens: attempt
            .allowed
            .tokens
            .map(|n| n.saturating_sub(spent.tokens)),
    }
}

/// What the attempts of `run` in a ledger are charged.
pub fn of_run(ledger: &Ledger, run: &RunId) -> Charge {
    let attempts = ledger.chunks.values().flat_map(|r| &r.attempts);
    total(attempts.filter(|a| a.run == *run))
}

fn total<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> Charge {
    attempts.map(charge).fold(Charge::default(), Charge::plus)
}

/// What the next engine run at `chunk` may spend.
///
/// # Errors
/// [`Reached`]: nothing is left of a cap.
pub fn left(lane: &Lane, chunk: &ChunkId) -> Result<Allowance, Reached> {
    let caps = &lane.policy.caps;
    let (run, spent) = charges(lane, chunk);
    let of_run = rest(caps.run, run, "the run").map_err(Reached::Run)?;
    let of_chunk = rest(caps.chunk, spent, "this chunk").map_err(Reached::Chunk)?;
    Ok(Allowance {
        usd: least(of_run.usd, of_chunk.usd, f64::min),
        tokens: least(of_run.tokens, of_chunk.tokens, u64::min),
    })
}

/// Which cap it was that ended an engine run before it had said what it wanted to; None where there is no cap. The
/// chunk's only where it left less in every kind that is bounded: in doubt nothing more is spent by the run.
pub fn binding(lane: &Lane, chunk: &ChunkId) -> Option<Reached> {
    let caps = &lane.policy.caps;
    if !caps.bounds_money() && !caps.bounds_tokens() {
        return None;
    }
    let (run, spent) = charges(lane, chunk);
    let usd = |cap: Allowance, charge: Charge| cap.usd.map_or(f64::INFINITY, |c| c - charge.usd);
    let tokens = |cap: Allowance, charge: Charge| {
        cap.tokens
            .map_or(u64::MAX, |c| c.saturating_sub(charge.tokens))
    };
    let is_chunk = (!caps.bounds_money() || usd(caps.chunk, spent) < usd(caps.run, run))
        && (!caps.bounds_tokens() || tokens(caps.chunk, spent) < tokens(caps.run, run));
    let why = "what is left of it does not pay for the next request";
    Some(if is_chunk {
        Reached::Chunk(format!("the budget of this chunk: {why}"))
    } else {
        Reached::Run(format!("the budget of the run: {why}"))
    })
}

/// What the run and the chunk are charged so far.
fn charges(lane: &Lane, chunk: &ChunkId) -> (Charge, Charge) {
    let run = of_run(&lane.ledger, &lane.policy.run).plus(lane.elsewhere);
    let record = lane.record(chunk);
    (run, total(record.iter().flat_map(|r| &r.attempts)))
}

/// What the run may still spend after it was charged `spent`.
///
/// # Errors
/// Nothing is left, in words.
pub fn left_of_run(caps: &Caps, spent: Charge) -> Result<Allowance, String> {
    rest(caps.run, spent, "the run")
}

/// What asking for a plan is charged that was allowed so much.
pub fn of_planning(spent: &PlanningSpent, allowed: Allowance) -> Charge {
    if spent.asks == 0 {
        return Charge::default();
    }
    let tokens = tokens_said(spent.usage, spent.cost);
    Charge {
        usd: spent.cost.usd().or(allowed.usd).unwrap_or(0.0),
        tokens: tokens.or(allowed.tokens).unwrap_or(0),
    }
}

fn rest(cap: Allowance, spent: Charge, whose: &str) -> Result<Allowance, String> {
    let usd = cap.usd.map(|cap| (cap, cap - spent.usd));
    if let Some((cap, left)) = usd
        && left <= 0.0
    {
        return Err(format!(
            "the budget of {whose} is used up: ${:.2} of ${cap:.2}",
            spent.usd
        ));
    }
    let tokens = cap
        .tokens
        .map(|cap| (cap, cap.saturating_sub(spent.tokens)));
    if let Some((cap, 0)) = tokens {
        return Err(format!(
            "the budget of {whose} is used up: {} of {cap} tokens",
            spent.tokens
        ));
    }
    Ok(Allowance {
        usd: usd.map(|(_, left)| left),
        tokens: tokens.map(|(_, left)| left),
    })
}

fn least<T>(a: Option<T>, b: Option<T>, min: fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(min(a, b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
