//! The reviewer: when a second engine looks at verified work, and what follows from what it says.
//!
//! Its words decide nothing. A high remark gets the work one more fix turn, where the reviewer may still start one and
//! the attempt may still have one; then the work is committed on its evidence as without a reviewer, with the remarks
//! beside it. Where no review came about, for whatever reason, the work goes on and says that there was none.
//!
//! - `prompt` is what it is told, `answer` how what it says is read
//! - the driver makes the copy that it looks at, and throws it away

pub mod answer;
pub mod prompt;

pub use prompt::Body;

use super::absorb::LaneEvent;
use super::budget::{both, charge, left};
use super::fixing::{fix_or_give_up, has_turns};
use super::judge::Refusal;
use super::lane::{Lane, Stage};
use super::parts::choose_part;
use super::roster::{Roster, jitter};
use super::transition::IllegalTransition;
use crate::model::event::EventKind;
use crate::model::{
    Allowance, ChunkId, ChunkState, EngineOutcome, EngineReport, Evidence, Intent, Remark,
    RemarkSeverity, ReviewOn, Verdict,
};
use chrono::{DateTime, Utc};
use std::fmt::Write as _;

/// Bytes of remarks that a fix prompt repeats.
const MAX_FEEDBACK: usize = 12 << 10;

/// A file that the work changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Path below the root; of what was deleted, the old one.
    pub path: String,
    /// Lines that the file has now; None where it is gone or has none.
    pub lines: Option<u32>,
    pub body: Body,
}

/// What the settings say of reviews.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewPolicy {
    /// By name.
    pub engine: String,
    /// Fix turns that remarks may start, per attempt.
    pub max_rounds: u32,
    pub on: ReviewOn,
}

/// What reviews came to in a lane.
#[derive(Clone, Debug, Default)]
pub struct Reviews {
    /// Whether the reviewer is of use, as a chain of one; empty until it was first asked.
    pub roster: Roster,
    /// Fix turns that remarks started in this attempt.
    rounds: u32,
    /// What was said of the work after so many fix turns: a hook that changes the work has nobody asked again.
    said: Option<(u32, Option<Vec<Remark>>)>,
}

impl Reviews {
    /// Forgets what was said of the attempt before.
    pub(super) fn begin_attempt(&mut self) {
        (self.rounds, self.said) = (0, None);
    }
}

/// What comes after verification said that the work deserves a commit: a review, or the commit.
pub(super) fn next_stage(
    lane: &mut Lane,
    chunk: &ChunkId,
    lines: u32,
    now: DateTime<Utc>,
    events: &mut Vec<LaneEvent>,
) -> Stage {
    let seal = |lane: &Lane| Stage::Seal {
        chunk: chunk.clone(),
        part: choose_part(lane, lines),
    };
    let Some(policy) = lane
        .policy
        .review
        .clone()
        .filter(|p| is_wanted(lane, chunk, p))
    else {
        return seal(lane);
    };
    if let Some((fixes, said)) = lane.reviews.said.clone()
        && fixes == fixes_of(lane, chunk)
    {
        note(lane, chunk, said);
        return seal(lane);
    }
    if lane.reviews.roster == Roster::default() {
        lane.reviews.roster = Roster::new(std::slice::from_ref(&policy.engine));
    }
    let why_not = match (left(lane, chunk), lane.reviews.roster.first(now)) {
        (Err(_), _) => Some("no money is left for it".to_owned()),
        (Ok(_), None) => Some(format!("{} is out", policy.engine)),
        (Ok(_), Some(_)) => None,
    };
    match why_not {
        Some(why) => {
            not_reviewed(lane, chunk, &why, events);
            seal(lane)
        }
        None => Stage::Review {
            chunk: chunk.clone(),
            round: lane.reviews.rounds + 1,
        },
    }
}

/// A person who accepted work has looked at it, and there is nothing to look at where nothing was changed.
fn is_wanted(lane: &Lane, chunk: &ChunkId, policy: &ReviewPolicy) -> bool {
    let Some(verified) = lane.verified.as_ref().filter(|v| !v.files.is_empty()) else {
        return false;
    };
    let is_due = match policy.on {
        ReviewOn::Every => true,
        ReviewOn::Unproven => verified.evidence.verdict() != Verdict::Proven,
    };
    is_due && !lane.is_accepted(chunk)
}

fn fixes_of(lane: &Lane, chunk: &ChunkId) -> u32 {
    match lane.state(chunk) {
        ChunkState::Verifying { fixes, .. } => *fixes,
        _ => 0,
    }
}

/// Notes that a review is about to begin: what it may spend, and that it may be cut off.
pub(super) fn begin(lane: &mut Lane, chunk: &ChunkId, round: u32, events: &mut Vec<LaneEvent>) {
    let more = left(lane, chunk).unwrap_or(Allowance {
        usd: Some(0.0),
        tokens: Some(0),
    });
    let tip = lane.tip.clone();
    let mut n = 0;
    if let Some(attempt) = lane.record_mut(chunk).attempts.last_mut() {
        let so_far = charge(attempt);
        attempt.allowed = Allowance {
            usd: more.usd.map(|usd| so_far.usd + usd),
            tokens: more
                .tokens
                .map(|tokens| so_far.tokens.saturating_add(tokens)),
        };
        n = attempt.n;
    }
    if let Some(policy) = &lane.policy.review {
        let engine = policy.engine.clone();
        events.push((
            Some(chunk.clone()),
            EventKind::ReviewStarted { engine, round },
        ));
    }
    // As for any engine at work: what it spends is the attempt's, also when nobody hears its end.
    if let Some(tip) = tip {
        lane.ledger.intents.push(Intent::Engine {
            chunk: chunk.clone(),
            attempt: n,
            tip,
        });
    }
}

/// Takes in how a review ended.
pub(super) fn ended(
    lane: &mut Lane,
    chunk: &ChunkId,
    report: EngineReport,
    now: DateTime<Utc>,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    if let Some(attempt) = lane.record_mut(chunk).attempts.last_mut() {
        attempt.usage = both((attempt.usage, attempt.cost), report.usage);
        attempt.cost = attempt.cost.plus(report.cost);
    }
    let engine = lane
        .policy
        .review
        .as_ref()
        .map(|p| p.engine.clone())
        .unwrap_or_default();
    let said = match report.outcome {
        EngineOutcome::Reviewed(remarks) => Ok(remarks),
        EngineOutcome::Completed(_) | EngineOutcome::Blocked(_) => {
            Err("it did not report a review".to_owned())
        }
        EngineOutcome::Undeclared { last_words } => Err(match last_words.trim() {
            "" => "it did not report a review".to_owned(),
            words => format!("it did not report a review: {}", shown(words)),
        }),
        EngineOutcome::Interrupted => Err("it was stopped".to_owned()),
        EngineOutcome::Failed(error) => {
            let chance = jitter(lane.policy.run.as_str(), chunk.as_str(), 0);
            let retry = lane.policy.retry.clone();
            lane.reviews
                .roster
                .failed(&engine, (1, &error), &retry, now, chance);
            Err(error.to_string())
        }
    };
    let high = |r: &&Remark| r.severity == RemarkSeverity::High;
    let finished = EventKind::ReviewFinished {
        engine: engine.clone(),
        remarks: said.as_ref().ok().map(Vec::len),
        high: said.iter().flatten().filter(high).count(),
        usage: report.usage,
        cost: report.cost,
    };
    events.push((Some(chunk.clone()), finished));
    match said {
        Ok(remarks) => {
            lane.reviews.roster.served(&engine);
            let is_grave = remarks.iter().any(|r| r.severity == RemarkSeverity::High);
            note(lane, chunk, Some(remarks));
            if is_grave && may_fix(lane, chunk) {
                lane.reviews.rounds += 1;
                let refusal = Refusal {
                    why: "the reviewer found faults".to_owned(),
                    is_doubt: true,
                };
                return fix_or_give_up(lane, chunk, refusal, now, events);
            }
        }
        // It is reviewed when it is built anew.
        Err(_) if lane.halt.is_some() => {}
        Err(why) => not_reviewed(lane, chunk, &why, events),
    }
    let lines = lane.verified.as_ref().map_or(0, |v| v.lines);
    lane.stage = Stage::Seal {
        chunk: chunk.clone(),
        part: choose_part(lane, lines),
    };
    Ok(())
}

/// A fix turn that the attempt does not have, or that nobody could pay, would lose work that passed.
fn may_fix(lane: &Lane, chunk: &ChunkId) -> bool {
    let rounds = lane.policy.review.as_ref().map_or(0, |p| p.max_rounds);
    lane.reviews.rounds < rounds
        && has_turns(lane, chunk)
        && left(lane, chunk).is_ok()
        && lane.halt.is_none()
}

/// What was said goes where the evidence is.
fn note(lane: &mut Lane, chunk: &ChunkId, said: Option<Vec<Remark>>) {
    lane.reviews.said = Some((fixes_of(lane, chunk), said.clone()));
    if let Some(verified) = lane.verified.as_mut() {
        verified.evidence.remarks.clone_from(&said);
    }
    if let Some(evidence) = lane.record_mut(chunk).evidence.as_mut() {
        evidence.remarks = said;
    }
}

fn not_reviewed(lane: &mut Lane, chunk: &ChunkId, why: &str, events: &mut Vec<LaneEvent>) {
    note(lane, chunk, None);
    let message = format!("{}: no review: {why}", lane.title(chunk));
    events.push((Some(chunk.clone()), EventKind::Warning { message }));
}

/// The beginning of what was said, on one line.
fn shown(words: &str) -> String {
    const CHARS: usize = 200;
    let line = super::prompt::one_line(words);
    match line.char_indices().nth(CHARS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// What a fix turn is told of the review; empty where there is nothing grave. Lower remarks are for people.
pub fn feedback(evidence: &Evidence) -> String {
    let grave = evidence.remarks.iter().flatten();
    let mut grave = grave
        .filter(|r| r.severity == RemarkSeverity::High)
        .peekable();
    if grave.peek().is_none() {
        return String::new();
    }
    let mut text = String::from(
        "A reviewer read the work and says that this is wrong. Look for yourself: repair what is wrong indeed, and leave what \
         is right as it is.\n",
    );
    for remark in grave {
        let mut item = format!("\n- {}{}\n", place(remark), remark.claim);
        for line in remark.suggestion.lines() {
            let _ = writeln!(item, "  {line}");
        }
        if text.len() + item.len() > MAX_FEEDBACK {
            text.push_str("\n(more is left out)\n");
            break;
        }
        text.push_str(&item);
    }
    text
}

fn place(remark: &Remark) -> String {
    match (remark.path.as_str(), remark.line) {
        ("", _) => String::new(),
        (path, Some(line)) => format!("{path}:{line}: "),
        (path, None) => format!("{path}: "),
    }
}

#[cfg(test)]
#[path = "review/tests.rs"]
mod tests;
