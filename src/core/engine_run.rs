//! One engine run in a lane: how it begins, what its end means, and whether the next one may begin.

use super::absorb::{LaneEvent, fail, give_back, stop};
use super::budget::{Reached, binding, both, charge, left};
use super::first::First;
use super::fixing::Refused;
use super::lane::{Halt, Hold, Lane, Stage};
use super::parts::waits_for_people;
use super::roster::{Turn, Verdict, jitter};
use super::session::session_id;
use super::transition::{ChunkInput, IllegalTransition};
use crate::model::event::EventKind;
use crate::model::{
    Allowance, Attempt, AttemptEnd, ChunkId, ChunkState, Cost, EngineError, EngineOutcome,
    EngineReport, ExitCode, Intent, Usage,
};
use chrono::{DateTime, Utc};

/// Notes that an engine run is about to begin.
pub(super) fn begin(
    lane: &mut Lane,
    chunk: &ChunkId,
    (attempt, fixes): (u32, u32),
    engine: &str,
    now: DateTime<Utc>,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    lane.hold = None;
    let is_new = fixes == 0 && *lane.state(chunk) == ChunkState::Pending;
    if is_new {
        lane.first = lane.policy.tests_first.then(First::begun);
        lane.step(chunk, ChunkInput::Started { attempt })?;
        let attempt = Attempt {
            session: session(lane, chunk, attempt, engine),
            ..new_attempt(attempt, lane, engine, now)
        };
        let n = attempt.n;
        let record = lane.record_mut(chunk);
        record.completion = None;
        record.attempts.push(attempt);
        let title = record.title.clone();
        let started = EventKind::ChunkStarted { title, attempt: n };
        events.push((Some(chunk.clone()), started));
        lane.undeclared = false;
        lane.reseals = 0;
        lane.refused = Refused::default();
        lane.reviews.begin_attempt();
        lane.stage = Stage::Engine {
            chunk: chunk.clone(),
            attempt: n,
            fixes: 0,
        };
    }
    // Asked before anything is charged to the attempt that begins.
    let more = left(lane, chunk).unwrap_or(Allowance {
        usd: Some(0.0),
        tokens: Some(0),
    });
    if let Some(attempt) = lane.record_mut(chunk).attempts.last_mut() {
        let so_far = match is_new {
            true => super::budget::Charge::default(),
            false => charge(attempt),
        };
        attempt.allowed = Allowance {
            usd: more.usd.map(|usd| so_far.usd + usd),
            tokens: more.tokens.map(|n| so_far.tokens.saturating_add(n)),
        };
    }
    events.push((
        Some(chunk.clone()),
        EventKind::EngineStarted {
            engine: engine.to_owned(),
            fixes,
        },
    ));
    if let Some(tip) = lane.tip.clone() {
        lane.ledger.intents.push(Intent::Engine {
            chunk: chunk.clone(),
            attempt,
            tip,
        });
    }
    Ok(())
}

/// The conversation of an attempt, as far as it is known before it begins.
fn session(lane: &mut Lane, chunk: &ChunkId, attempt: u32, engine: &str) -> Option<String> {
    if lane.policy.engines.first().is_some_and(|e| e == engine)
        && let Some(wanted) = lane.resume.take()
    {
        return Some(wanted);
    }
    if !lane.policy.names_sessions.contains(engine) {
        return None;
    }
    let last = lane.record(chunk).and_then(|r| r.attempts.last());
    let is_cut_off = |end: &AttemptEnd| {
        matches!(
            end,
            AttemptEnd::Interrupted | AttemptEnd::Limited { .. } | AttemptEnd::OverBudget { .. }
        )
    };
    let cut_off = last.filter(|a| is_cut_off(&a.end) && a.engine == engine);
    let earlier = cut_off.and_then(|a| a.session.clone());
    earlier.or_else(|| {
        Some(session_id(
            &lane.policy.run,
            &lane.ledger.spec,
            chunk,
            attempt,
        ))
    })
}

fn new_attempt(n: u32, lane: &Lane, engine: &str, now: DateTime<Utc>) -> Attempt {
    Attempt {
        n,
        run: lane.policy.run.clone(),
        engine: engine.to_owned(),
        model: None,
        session: None,
        started: now,
        ended: None,
        fixes: 0,
        usage: Usage::default(),
        cost: Cost::Usd(0.0),
        allowed: Allowance::default(),
        lost: false,
        end: AttemptEnd::Running,
    }
}

/// Takes in how an engine run ended.
pub(super) fn ended(
    lane: &mut Lane,
    chunk: &ChunkId,
    report: EngineReport,
    now: DateTime<Utc>,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    events.push((
        Some(chunk.clone()),
        EventKind::EngineEnded {
            outcome: outcome_word(&report.outcome),
            usage: report.usage,
            cost: report.cost,
        },
    ));
    let mut engine = String::new();
    if let Some(attempt) = lane.record_mut(chunk).attempts.last_mut() {
        attempt.usage = both((attempt.usage, attempt.cost), report.usage);
        attempt.cost = attempt.cost.plus(report.cost);
        attempt.model = report.model.or(attempt.model.take());
        attempt.session = report.session.or(attempt.session.take());
        engine.clone_from(&attempt.engine);
    }
    match report.outcome {
        EngineOutcome::Completed(completion) => {
            served(lane, &engine);
            lane.record_mut(chunk).completion = Some(completion);
            lane.undeclared = false;
            over_to_checks(lane, chunk)?;
        }
        // A review is no ending of a build.
        EngineOutcome::Undeclared { .. } | EngineOutcome::Reviewed(_) => {
            served(lane, &engine);
            lane.undeclared = lane.record(chunk).is_none_or(|r| r.completion.is_none());
            over_to_checks(lane, chunk)?;
        }
        EngineOutcome::Blocked(request) => {
            served(lane, &engine);
            let (why, needs) = (request.reason, request.needs);
            let end = AttemptEnd::Blocked { why: why.clone() };
            let input = ChunkInput::Blocked { why, needs };
            stop(lane, chunk, input, end, now, events)?;
        }
        EngineOutcome::Interrupted => give_back(lane, chunk, AttemptEnd::Interrupted, now)?,
        EngineOutcome::Failed(error) => failed(lane, chunk, &engine, &error, now, events)?,
    }
    Ok(())
}

/// An engine's turn is over: what it did is looked at.
fn over_to_checks(lane: &mut Lane, chunk: &ChunkId) -> Result<(), IllegalTransition> {
    let chunk = chunk.clone();
    if matches!(lane.first, Some(First::Writing { .. })) {
        lane.stage = Stage::SeeRed { chunk };
        return Ok(());
    }
    lane.step(&chunk, ChunkInput::EngineDone)?;
    lane.stage = Stage::Verify { chunk };
    Ok(())
}

fn served(lane: &mut Lane, engine: &str) {
    lane.roster.served(engine);
    lane.failures = None;
}

fn failed(
    lane: &mut Lane,
    chunk: &ChunkId,
    engine: &str,
    error: &EngineError,
    now: DateTime<Utc>,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    let in_a_row = match &lane.failures {
        Some((c, e, n)) if c == chunk && e == engine => n + 1,
        _ => 1,
    };
    lane.failures = Some((chunk.clone(), engine.to_owned(), in_a_row));
    let chance = {
        let attempt = lane.record(chunk).map_or(0, |r| r.last_attempt());
        jitter(lane.policy.run.as_str(), chunk.as_str(), attempt)
    };
    let why = error.to_string();
    let retry = lane.policy.retry.clone();
    let verdict = lane
        .roster
        .failed(engine, (in_a_row, error), &retry, now, chance);
    let limited = |until| AttemptEnd::Limited {
        why: why.clone(),
        until,
    };
    match verdict {
        Verdict::ChunkFailed => fail(lane, chunk, why, now, events)?,
        Verdict::Again(at) => {
            give_back(lane, chunk, limited(error.until()), now)?;
            reset(chunk, why, events);
            lane.hold = Some(Hold {
                until: at,
                engine: Some(engine.to_owned()),
            });
            let why = format!("{engine} tries {} again", lane.title(chunk));
            events.push((Some(chunk.clone()), EventKind::Waiting { until: at, why }));
        }
        Verdict::Out { until } => {
            give_back(lane, chunk, limited(until), now)?;
            lane.failures = None;
            let out = EventKind::EngineOut {
                engine: engine.to_owned(),
                until: lane.roster.back_at(engine),
                why,
            };
            events.push((Some(chunk.clone()), out));
        }
        Verdict::OverBudget => {
            let reached = binding(lane, chunk)
                .unwrap_or_else(|| Reached::Run("the budget is used up".to_owned()));
            over_budget(lane, chunk, reached, now, events)?;
        }
    }
    Ok(())
}

fn reset(chunk: &ChunkId, why: String, events: &mut Vec<LaneEvent>) {
    events.push((Some(chunk.clone()), EventKind::ChunkReset { why }));
}

/// Before an engine is asked: whether there is money left for it, and whose turn it is. Halts the lane, or says until
/// when it waits, where nobody may be asked now.
pub(super) fn look_ahead(
    lane: &mut Lane,
    now: DateTime<Utc>,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    // What is at work was looked at before it began.
    let is_at_work = |lane: &Lane| {
        let mut intents = lane.ledger.intents.iter();
        intents.any(|i| matches!(i, Intent::Engine { .. }))
    };
    while lane.halt.is_none() && !is_at_work(lane) {
        let is_fix = matches!(lane.stage, Stage::Engine { .. });
        let due = match &lane.stage {
            Stage::Engine { chunk, .. } => Some(chunk.clone()),
            Stage::Idle if lane.next_accepted().is_none() && !waits_for_people(lane) => {
                lane.next_chunk().map(|c| c.id.clone())
            }
            _ => None,
        };
        let Some(chunk) = due else {
            return Ok(());
        };
        match left(lane, &chunk) {
            Err(reached) => {
                over_budget(lane, &chunk, reached, now, events)?;
                // Another chunk may have something left of its own.
                continue;
            }
            Ok(_) if is_fix || lane.hold.as_ref().is_some_and(|h| h.until > now) => {}
            Ok(_) => wait_or_halt(lane, now, events),
        }
        return Ok(());
    }
    Ok(())
}

fn wait_or_halt(lane: &mut Lane, now: DateTime<Utc>, events: &mut Vec<LaneEvent>) {
    match lane.roster.turn(&lane.policy.patience, now) {
        Turn::Now(_) => {}
        Turn::At { until, why } => {
            lane.hold = Some(Hold {
                until,
                engine: None,
            });
            events.push((None, EventKind::Waiting { until, why }));
        }
        Turn::Never { exit, why, remedy } => lane.halt = Some(Halt { exit, why, remedy }),
    }
}

/// Nothing more is spent by the run, or on the chunk. An attempt that is going on is given back.
fn over_budget(
    lane: &mut Lane,
    chunk: &ChunkId,
    reached: Reached,
    now: DateTime<Utc>,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    let (Reached::Run(why) | Reached::Chunk(why)) = &reached;
    if lane.state(chunk) != &ChunkState::Pending {
        let end = AttemptEnd::OverBudget { why: why.clone() };
        give_back(lane, chunk, end, now)?;
    }
    reset(chunk, why.clone(), events);
    match reached {
        Reached::Run(why) => {
            lane.halt = Some(Halt {
                exit: ExitCode::Budget,
                why,
                remedy: "run again with a new budget: the work so far is kept".to_owned(),
            });
        }
        Reached::Chunk(_) => {
            lane.over_budget.insert(chunk.clone());
        }
    }
    Ok(())
}

fn outcome_word(outcome: &EngineOutcome) -> String {
    match outcome {
        EngineOutcome::Completed(_) => "complete_chunk".to_owned(),
        EngineOutcome::Blocked(_) => "block_chunk".to_owned(),
        EngineOutcome::Undeclared { .. } | EngineOutcome::Reviewed(_) => "undeclared".to_owned(),
        EngineOutcome::Interrupted => "interrupted".to_owned(),
        EngineOutcome::Failed(error) => error.to_string(),
    }
}

#[cfg(test)]
#[path = "engine_run_tests.rs"]
mod tests;
