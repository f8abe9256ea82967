//! What to do next. Looks at a lane, does nothing.

use super::lane::{Hold, Lane, PrPolicy, Stage};
pub use super::parts::choose_part;
use super::parts::{is_full, unknown, waits_for_people};
use super::suite;
use crate::model::effect::EffectKey;
use crate::model::{
    Chunk, ChunkRecord, ChunkState, Effect, ExitCode, PrRecord, PrState, SkippedBy,
};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// The effects that are due and not in flight. Nothing due and nothing in flight means the lane is over
/// for this run (see [`next_wake`]).
pub fn decide(lane: &Lane, in_flight: &BTreeSet<EffectKey>, now: DateTime<Utc>) -> Vec<Effect> {
    let pr = next_pr(lane).or_else(|| next_comment(lane));
    let due = [next_work(lane, now), next_push(lane, now), pr];
    due.into_iter()
        .flatten()
        .filter(|effect| !in_flight.contains(&effect.key()))
        .collect()
}

/// When to decide again although nothing is in flight: the next try of a push, or of an engine.
pub fn next_wake(lane: &Lane) -> Option<DateTime<Utc>> {
    let push = lane.push_after.filter(|_| unpushed(lane).is_some());
    let engine = lane.hold.as_ref().map(|h| h.until);
    let is_due = matches!(lane.stage, Stage::Idle) && next_to_build(lane).is_some();
    push.into_iter().chain(engine.filter(|_| is_due)).min()
}

/// The chunk that an engine would be asked for.
fn next_to_build(lane: &Lane) -> Option<&Chunk> {
    lane.next_chunk().filter(|_| !waits_for_people(lane))
}

/// The engine whose turn it is; None while nobody may be asked.
fn engine_now(lane: &Lane, now: DateTime<Utc>) -> Option<String> {
    match &lane.hold {
        Some(hold) if now < hold.until => None,
        Some(Hold {
            engine: Some(engine),
            ..
        }) => Some(engine.clone()),
        _ => lane.roster.first(now).map(str::to_owned),
    }
}

/// True when nothing is left that this run may build in the lane.
pub fn is_built_out(lane: &Lane) -> bool {
    matches!(lane.stage, Stage::Idle | Stage::Unprepared)
        && lane.next_chunk().is_none()
        && lane.next_accepted().is_none()
        && lane.resume_landing.is_none()
        && lane.restack.is_none()
}

/// True when what is open in the lane counts for the exit code: not where a person left it out of the run, but
/// where they closed a pull request without saying how to go on, or have to settle something first.
pub fn counts(lane: &Lane) -> bool {
    let plan = &lane.plan;
    plan.not_built.is_none() || plan.waits_for.is_some() || closed_part(lane).is_some()
}

/// Exit code the lane asks for, with nothing in flight any more.
pub fn lane_exit(lane: &Lane) -> ExitCode {
    let mut exit = ExitCode::Done;
    let (is_closed, waits) = (closed_part(lane).is_some(), waits_for_people(lane));
    if is_closed && !lane.plan.chunks.iter().all(|c| lane.is_done(&c.id)) {
        exit = ExitCode::WaitsForPerson;
    }
    // What a person closed is theirs to say more about, piece by piece it counts for nothing.
    for chunk in lane.plan.chunks.iter().filter(|_| !is_closed) {
        exit = exit.max(match lane.state(&chunk.id) {
            ChunkState::Committed { .. } => ExitCode::Done,
            ChunkState::Failed { .. } => ExitCode::Incomplete,
            ChunkState::NeedsReview { .. }
            | ChunkState::Blocked { .. }
            | ChunkState::AwaitingApproval { .. } => ExitCode::WaitsForPerson,
            ChunkState::Skipped { by, .. } => match by {
                SkippedBy::Dependency => ExitCode::WaitsForPerson,
                // Nobody asked for it any more.
                SkippedBy::Person => ExitCode::Done,
            },
            ChunkState::Pending
            | ChunkState::InProgress { .. }
            | ChunkState::Verifying { .. }
            | ChunkState::Fixing { .. } => {
                if chunk.done {
                    ExitCode::Done
                } else if lane.over_budget.contains(&chunk.id) {
                    ExitCode::Budget
                } else if waits || lane.plan.waits_for.is_some() {
                    ExitCode::WaitsForPerson
                } else {
                    ExitCode::Incomplete
                }
            }
        });
    }
    let is_held_back = |pr: &PrRecord| !is_over(lane, pr) && !suite::failing(pr).is_empty();
    if !is_closed && (undelivered(lane) || lane.ledger.prs.iter().any(is_held_back)) {
        exit = exit.max(ExitCode::Incomplete);
    }
    lane.halt.as_ref().map_or(exit, |h| exit.max(h.exit))
}

/// True when committed work has not reached the remote or its pull request.
pub fn undelivered(lane: &Lane) -> bool {
    (lane.policy.remote.is_some() && unpushed(lane).is_some()) || lane.pr_gave_up
}

/// The branch a part's pull request is to be merged into: the part before it, or the base.
pub fn pr_base(lane: &Lane, part: u32) -> String {
    let below = lane
        .ledger
        .prs
        .iter()
        .filter(|p| p.part < part && !is_over(lane, p))
        .max_by_key(|p| p.part);
    match below {
        Some(p) => p.branch.clone(),
        None => lane
            .ledger
            .base
            .as_ref()
            .map(|b| b.branch.clone())
            .unwrap_or_default(),
    }
}

/// True when a part should be reviewed: a later part exists, nothing is left that a rerun would build, or nothing
/// is built until people looked at it. Never while it is not known how one of its commits was verified, or which
/// tasks the spec has, or where the whole suite did not pass.
pub fn is_ready(lane: &Lane, part: u32) -> bool {
    is_complete(lane, part)
        && unknown(lane, part).is_empty()
        && !is_without_plan(lane, part)
        && suite::is_passed(lane, part)
}

/// True for a part whose commits no task of the plan accounts for: the spec is gone or cannot be read.
fn is_without_plan(lane: &Lane, part: u32) -> bool {
    lane.plan.chunks.is_empty() && lane.part_size(part) > 0
}

/// True when nothing more goes into the part.
pub fn is_complete(lane: &Lane, part: u32) -> bool {
    let later = lane.ledger.prs.iter().any(|p| p.part > part);
    later
        || (is_full(lane, part) && waits_for_people(lane))
        || (is_built_out(lane)
            && !is_without_plan(lane, part)
            && !lane.plan.chunks.iter().any(|c| is_retryable(lane, c)))
}

/// What a part's pull request depends on, as a comparable text: written once for each value. A draft is
/// written when it appears and when the run stops; its commits speak for themselves meanwhile.
pub fn pr_key(lane: &Lane, part: u32) -> String {
    let (ready, complete) = (is_ready(lane, part), is_complete(lane, part));
    let settled = complete || lane.halt.is_some() || is_built_out(lane) || waits_for_people(lane);
    let is_last = lane.ledger.prs.iter().all(|p| p.part <= part);
    // A part is one line of history: its tip and how many of its commits count say which they are.
    let tip = lane.ledger.prs.iter().find(|p| p.part == part);
    let held = match tip.filter(|_| settled) {
        Some(p) => format!("{}:{}", p.tip.short(), lane.part_size(part)),
        None => String::new(),
    };
    let open = lane
        .plan
        .chunks
        .iter()
        .filter(|c| complete && is_last && !lane.is_done(&c.id));
    let open: Vec<String> = open
        .map(|c| format!("{}:{}", c.id, lane.state(&c.id).word()))
        .collect();
    format!(
        "{}|{}|{held}|previous={}|next={}|{}{}{}",
        if ready { "ready" } else { "draft" },
        pr_base(lane, part),
        neighbour(lane, lane.ledger.prs.iter().rfind(|p| p.part < part)),
        neighbour(lane, lane.ledger.prs.iter().find(|p| p.part > part)),
        open.join(","),
        configured(&lane.policy.pr),
        match tip.map_or(&[][..], suite::failing) {
            [] => String::new(),
            failing => format!("|suite={}", failing.join(",")),
        }
    )
}

/// What a body says of the part before or after: its branch, its pull request once there is one, and whether that
/// is history.
fn neighbour(lane: &Lane, pr: Option<&PrRecord>) -> String {
    let words = |p: &PrRecord| {
        let number = p.number.map(|n| n.to_string());
        let number = number.unwrap_or_else(|| "there".to_owned());
        let over = if is_over(lane, p) { ":over" } else { "" };
        format!("{number}{over}")
    };
    pr.map_or_else(|| "none".to_owned(), words)
}

/// What the configuration puts into a pull request; nothing where it is silent.
fn configured(pr: &PrPolicy) -> String {
    let list = |what: &str, names: &[String]| match names {
        [] => String::new(),
        names => format!("|{what}={}", names.join(",")),
    };
    let template = pr.template.as_ref().map(|t| t.fingerprint().to_owned());
    let template: Vec<String> = template.into_iter().collect();
    list("labels", &pr.labels) + &list("reviewers", &pr.reviewers) + &list("template", &template)
}

fn is_retryable(lane: &Lane, chunk: &Chunk) -> bool {
    match lane.state(&chunk.id) {
        ChunkState::Failed { .. } => lane
            .record(&chunk.id)
            .is_some_and(|r| r.counted_attempts() < lane.policy.max_attempts),
        ChunkState::Pending => !chunk.done,
        _ => false,
    }
}

fn next_work(lane: &Lane, now: DateTime<Utc>) -> Option<Effect> {
    // A started commit is carried to its end; everything else stops where it is.
    if lane.halt.is_some() && !matches!(lane.stage, Stage::Land { .. } | Stage::SetAside { .. }) {
        return None;
    }
    // What a person closed while it was built is left alone from the next chunk on.
    let is_between = matches!(lane.stage, Stage::Unprepared | Stage::Idle);
    if is_between && closed_part(lane).is_some() {
        return None;
    }
    match &lane.stage {
        Stage::Unprepared if lane.restack.is_some() => {
            lane.restack.as_ref().map(|plan| Effect::Restack {
                onto: plan.onto.commit.clone(),
            })
        }
        Stage::Unprepared => {
            let is_due = next_to_build(lane).is_some()
                || lane.next_accepted().is_some()
                || lane.resume_landing.is_some()
                || suite::due(lane).is_some();
            is_due.then_some(Effect::PrepareLane)
        }
        Stage::Baseline => Some(Effect::Baseline),
        // What is built already comes first: what else there is may depend on it.
        Stage::Idle => match (lane.next_accepted(), suite::due(lane)) {
            (Some((chunk, attempt)), _) => Some(Effect::TakeUp {
                chunk: chunk.id.clone(),
                attempt,
            }),
            // While its authors wait anyway, and before more is built upon it.
            (None, Some(part)) => Some(Effect::Suite { part }),
            (None, None) => {
                let chunk = next_to_build(lane)?;
                Some(Effect::RunEngine {
                    chunk: chunk.id.clone(),
                    attempt: lane.record(&chunk.id).map_or(0, ChunkRecord::last_attempt) + 1,
                    fixes: 0,
                    engine: engine_now(lane, now)?,
                })
            }
        },
        Stage::TakeUp { chunk, attempt } => Some(Effect::TakeUp {
            chunk: chunk.clone(),
            attempt: *attempt,
        }),
        Stage::Engine {
            chunk,
            attempt,
            fixes,
        } => Some(Effect::RunEngine {
            chunk: chunk.clone(),
            attempt: *attempt,
            fixes: *fixes,
            // A conversation belongs to one engine.
            engine: lane
                .record(chunk)
                .and_then(|r| r.attempts.last())
                .map(|a| a.engine.clone())?,
        }),
        Stage::Verify { chunk } => Some(Effect::Verify {
            chunk: chunk.clone(),
        }),
        Stage::SeeRed { chunk } => Some(Effect::SeeRed {
            chunk: chunk.clone(),
        }),
        Stage::Review { chunk, round } => Some(Effect::Review {
            chunk: chunk.clone(),
            round: *round,
        }),
        Stage::Seal { chunk, part } => Some(Effect::Seal {
            chunk: chunk.clone(),
            part: *part,
        }),
        Stage::Land {
            chunk,
            part,
            commit,
        } => lane.tip.clone().map(|old| Effect::Land {
            chunk: chunk.clone(),
            part: *part,
            old,
            new: commit.clone(),
        }),
        Stage::SetAside { chunk, attempt } => Some(Effect::SetAside {
            chunk: chunk.clone(),
            attempt: *attempt,
        }),
        Stage::Finished => None,
    }
}

fn is_signal(lane: &Lane) -> bool {
    lane.halt
        .as_ref()
        .is_some_and(|h| h.exit >= ExitCode::Hangup)
}

/// The part whose pull request a person closed although the lane holds its work: until they say how to go on,
/// the series is left alone.
pub fn closed_part(lane: &Lane) -> Option<&PrRecord> {
    lane.ledger.prs.iter().find(|p| {
        p.state == PrState::Closed && lane.part_size(p.part) > 0 && !lane.part_is_merged(p.part)
    })
}

/// True for a part that is history: its number and branch are used up.
pub fn is_over(lane: &Lane, pr: &PrRecord) -> bool {
    matches!(pr.state, PrState::Merged | PrState::Closed) || lane.part_is_merged(pr.part)
}

/// The first part whose branch on the remote is not what it should be.
fn unpushed(lane: &Lane) -> Option<&PrRecord> {
    lane.ledger
        .prs
        .iter()
        .filter(|p| !is_over(lane, p))
        .find(|p| lane.ledger.pushed.get(&p.branch) != Some(&p.tip))
}

fn next_push(lane: &Lane, now: DateTime<Utc>) -> Option<Effect> {
    if lane.policy.remote.is_none()
        || lane.push_gave_up
        || is_signal(lane)
        || lane.push_after.is_some_and(|t| now < t)
        || lane.restack.is_some()
        || closed_part(lane).is_some()
    {
        return None;
    }
    unpushed(lane).map(|p| Effect::Push {
        branch: p.branch.clone(),
        tip: p.tip.clone(),
        replaces: lane.replaces.get(&p.branch).cloned(),
    })
}

fn next_pr(lane: &Lane) -> Option<Effect> {
    let is_left_alone = lane.restack.is_some() || closed_part(lane).is_some();
    if lane.pr_gave_up || is_signal(lane) || is_left_alone {
        return None;
    }
    let is_there = |p: &PrRecord| match lane.ledger.pushed.get(&p.branch) {
        _ if lane.policy.remote.is_none() => true,
        // A draft may lag behind; what is put to review must be there whole.
        Some(sent) => !is_ready(lane, p.part) || *sent == p.tip,
        None => false,
    };
    lane.ledger
        .prs
        .iter()
        .filter(|p| !is_over(lane, p) && is_there(p))
        // Said once, when it is known whether it can be reviewed, and in the order of the series.
        .filter(|p| lane.halt.is_some() || suite::due(lane).is_none_or(|due| p.part < due))
        .find(|p| p.content.as_deref() != Some(&pr_key(lane, p.part)))
        .map(|p| Effect::PutPr {
            part: p.part,
            ready: is_ready(lane, p.part),
        })
}

/// Pull requests come first: the comment names them.
fn next_comment(lane: &Lane) -> Option<Effect> {
    if is_signal(lane) {
        return None;
    }
    super::progress::due(lane).map(|issue| Effect::Comment { issue })
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
