//! How a lane changes: when an effect is about to happen ([`begin`]) and when its result is in ([`absorb`]).

use super::engine_run;
use super::first;
use super::fixing::fix_or_give_up;
use super::judge::{Judgement, Refusal, judge};
use super::lane::{Halt, Lane, Stage};
use super::parts::{oversize_words, waiting_words};
use super::review;
use super::transition::{ChunkInput, IllegalTransition};
use crate::model::effect::{EffectResult, PushFailure, Verified};
use crate::model::event::EventKind;
use crate::model::{
    AttemptEnd, CheckOutcome, ChunkId, ChunkState, Cost, Effect, ExitCode, FindingSeverity, Intent,
    Oid, PrRecord, PrState, SkippedBy,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

/// Times in one attempt that a hook may change the work before it is given up.
const MAX_RESEALS: u32 = 2;

/// An event of the lane, to be stamped and recorded by the driver.
pub type LaneEvent = (Option<ChunkId>, EventKind);

/// Notes that `effect` is about to happen: states, intents. The driver makes the ledger durable before it
/// performs anything.
///
/// # Errors
/// [`IllegalTransition`]: the effect does not fit the lane, a bug.
pub fn begin(
    lane: &mut Lane,
    effect: &Effect,
    now: DateTime<Utc>,
) -> Result<Vec<LaneEvent>, IllegalTransition> {
    let mut events = Vec::new();
    match effect {
        Effect::PrepareLane
        | Effect::Restack { .. }
        | Effect::Baseline
        | Effect::Verify { .. }
        | Effect::SeeRed { .. }
        | Effect::Seal { .. }
        | Effect::SetAside { .. }
        | Effect::Comment { .. } => {}
        Effect::Suite { part } => events.push((None, EventKind::SuiteStarted { part: *part })),
        Effect::RunEngine {
            chunk,
            attempt,
            fixes,
            engine,
        } => engine_run::begin(lane, chunk, (*attempt, *fixes), engine, now, &mut events)?,
        Effect::Review { chunk, round } => review::begin(lane, chunk, *round, &mut events),
        Effect::TakeUp { chunk, attempt } => {
            lane.undeclared = false;
            lane.reseals = 0;
            lane.stage = Stage::TakeUp {
                chunk: chunk.clone(),
                attempt: *attempt,
            };
            lane.ledger.intents.push(Intent::TakeUp {
                chunk: chunk.clone(),
                attempt: *attempt,
            });
        }
        Effect::Land {
            chunk,
            part,
            old,
            new,
        } => {
            // An earlier run may have left the same.
            forget_landing(lane, chunk);
            lane.ledger.intents.push(Intent::Land {
                chunk: chunk.clone(),
                part: *part,
                old: old.clone(),
                new: new.clone(),
            });
        }
        Effect::Push { branch, tip, .. } => {
            lane.ledger.intents.push(Intent::Push {
                branch: branch.clone(),
                tip: tip.clone(),
            });
        }
        Effect::PutPr { part, .. } => {
            let head = lane.branch(*part);
            lane.ledger.intents.push(Intent::Pr { part: *part, head });
        }
    }
    Ok(events)
}

/// Takes in what an effect told us.
///
/// # Errors
/// [`IllegalTransition`]: the result does not fit the lane, a bug.
pub fn absorb(
    lane: &mut Lane,
    result: EffectResult,
    now: DateTime<Utc>,
) -> Result<Vec<LaneEvent>, IllegalTransition> {
    let mut events = Vec::new();
    match result {
        EffectResult::LanePrepared {
            tip,
            base,
            synced,
            notes,
        } => {
            events.extend(
                notes
                    .into_iter()
                    .map(|message| (None, EventKind::Warning { message })),
            );
            if synced {
                events.push((
                    None,
                    EventKind::SpecSynced {
                        commit: tip.clone(),
                    },
                ));
            }
            lane.ledger.base = Some(base);
            lane.ledger
                .intents
                .retain(|i| !matches!(i, Intent::TakeUp { .. }));
            let unmoved = lane.tip.as_ref() == Some(&tip);
            lane.tip = Some(tip);
            lane.stage = match lane.resume_landing.take() {
                Some((chunk, part, commit)) if unmoved => Stage::Land {
                    chunk,
                    part,
                    commit,
                },
                Some((chunk, ..)) => {
                    forget_landing(lane, &chunk);
                    // Accepted work is taken up again on the new tip.
                    if !lane.is_accepted(&chunk) {
                        lane.step(&chunk, ChunkInput::Returned)?;
                    }
                    after_prepare(lane)
                }
                None => after_prepare(lane),
            };
        }
        EffectResult::Restacked {
            tip,
            moved,
            kept,
            notes,
        } => super::restack::done(lane, tip, &moved, &kept, notes, &mut events)?,
        EffectResult::RestackRefused { why } => {
            super::restack::refused(lane, &why, &mut events);
        }
        EffectResult::BaselineDone(evidence) => {
            let verdict = match (evidence.unverified, evidence.passed()) {
                (true, _) => "no checks",
                (false, true) => "passed",
                (false, false) => "failed",
            };
            let verdict = verdict.to_owned();
            events.push((None, EventKind::BaselineFinished { verdict }));
            let missing = evidence.checks.iter().find_map(|c| match &c.outcome {
                CheckOutcome::NotAvailable { why } => {
                    Some(format!("the check `{}` cannot start: {why}", c.name))
                }
                _ => None,
            });
            match missing {
                Some(why) if !lane.policy.allow_unverified => {
                    lane.halt = Some(Halt {
                        exit: ExitCode::Setup,
                        why,
                        remedy: "make it available in a fresh lane with `[worktree] setup` in codelicious.toml, or build without it: --allow-unverified".to_owned(),
                    });
                }
                _ => {
                    if let Some(base) = lane.ledger.base.as_ref() {
                        lane.baseline = Some((base.commit.clone(), Arc::new(evidence)));
                    }
                    lane.stage = Stage::Idle;
                }
            }
        }
        EffectResult::EngineEnded {
            chunk,
            report,
            undone,
        } => {
            events.extend(
                undone
                    .into_iter()
                    .map(|what| (Some(chunk.clone()), EventKind::Repaired { what })),
            );
            forget_engine(lane, &chunk);
            engine_run::ended(lane, &chunk, *report, now, &mut events)?;
        }
        EffectResult::TakenUp {
            chunk,
            refused: None,
        } => lane.stage = Stage::Verify { chunk },
        EffectResult::TakenUp {
            chunk,
            refused: Some(why),
        } => {
            lane.step(&chunk, ChunkInput::NeedsReview { why })?;
            events.push(stopped(lane, &chunk));
            forget_take_up(lane, &chunk);
            lane.stage = Stage::Idle;
        }
        EffectResult::Verified { chunk, verified } => {
            was_verified(lane, &chunk, *verified, now, &mut events)?
        }
        EffectResult::RedSeen { chunk, seen } => {
            first::seen(lane, &chunk, seen, now, &mut events)?;
        }
        EffectResult::SuiteDone { part, suite } => {
            let verdict = match suite.failing.as_slice() {
                [] => "passed".to_owned(),
                failing => format!("failed: {}", failing.join(", ")),
            };
            events.push((None, EventKind::SuiteFinished { part, verdict }));
            if let Some(pr) = lane.ledger.prs.iter_mut().find(|p| p.part == part) {
                pr.suite = Some(suite);
            }
        }
        EffectResult::Reviewed {
            chunk,
            report,
            undone,
        } => {
            events.extend(
                undone
                    .into_iter()
                    .map(|what| (Some(chunk.clone()), EventKind::Repaired { what })),
            );
            forget_engine(lane, &chunk);
            review::ended(lane, &chunk, *report, now, &mut events)?;
        }
        EffectResult::Sealed {
            chunk,
            part,
            commit,
            warning,
        } => {
            events.extend(
                warning.map(|message| (Some(chunk.clone()), EventKind::Warning { message })),
            );
            lane.stage = Stage::Land {
                chunk,
                part,
                commit,
            };
        }
        EffectResult::SealChanged { chunk } => {
            lane.reseals += 1;
            if lane.reseals > MAX_RESEALS {
                let why = "a commit hook changes the work every time it is committed".to_owned();
                fail(lane, &chunk, why, now, &mut events)?;
            } else {
                lane.stage = Stage::Verify { chunk };
            }
        }
        EffectResult::SealRefused { chunk, output } => {
            if let Some(v) = lane.verified.as_mut() {
                v.evidence.checks.push(crate::model::CheckResult {
                    name: "commit hook".to_owned(),
                    command: "git commit".to_owned(),
                    dir: String::new(),
                    outcome: CheckOutcome::Failed { exit: 1 },
                    output,
                    ..crate::model::CheckResult::default()
                });
            }
            let refusal = Refusal {
                why: "a commit hook refused the work".to_owned(),
                is_doubt: false,
            };
            fix_or_give_up(lane, &chunk, refusal, now, &mut events)?;
        }
        EffectResult::Landed {
            chunk,
            part,
            commit,
            lines,
        } => landed(lane, &chunk, (part, lines), commit, now, &mut events)?,
        EffectResult::SetAside { chunk, saved } => {
            if let Some(reference) = saved {
                events.push((Some(chunk), EventKind::WorkSaved { reference }));
            }
            lane.verified = None;
            lane.stage = Stage::Idle;
        }
        EffectResult::Pushed { branch, tip, notes } => {
            lane.ledger
                .intents
                .retain(|i| !matches!(i, Intent::Push { branch: b, .. } if *b == branch));
            lane.ledger.pushed.insert(branch.clone(), tip.clone());
            lane.replaces.remove(&branch);
            lane.ledger.undelivered = None;
            (lane.push_tries, lane.push_after) = (0, None);
            events.push((None, EventKind::Pushed { branch, tip }));
            let told = |message| (None, EventKind::Warning { message });
            events.extend(notes.into_iter().map(told));
        }
        EffectResult::PushFailed {
            branch, failure, ..
        } => {
            lane.ledger
                .intents
                .retain(|i| !matches!(i, Intent::Push { branch: b, .. } if *b == branch));
            push_failed(lane, &failure, now);
            let remedy = if lane.push_gave_up {
                failure.kind.remedy()
            } else {
                ""
            };
            events.push((
                None,
                EventKind::PushFailed {
                    branch,
                    failure: Some(failure.kind),
                    message: failure.message,
                    remedy: remedy.to_owned(),
                },
            ));
        }
        EffectResult::PrPut { part, pr, notes } => {
            lane.ledger
                .intents
                .retain(|i| !matches!(i, Intent::Pr { part: p, .. } if *p == part));
            let number = pr.number;
            events.push((
                None,
                EventKind::PrPut {
                    part,
                    branch: pr.branch.clone(),
                    state: pr_word(pr.state).to_owned(),
                    url: pr.url.clone(),
                },
            ));
            events.extend(
                notes
                    .into_iter()
                    .map(|message| (None, EventKind::Warning { message })),
            );
            if let Some(slot) = lane.ledger.prs.iter_mut().find(|p| p.part == part) {
                // The tip may have moved while the forge was asked.
                let tip = slot.tip.clone();
                let suite = slot.suite.take();
                *slot = PrRecord { tip, suite, ..*pr };
            }
            for record in lane
                .ledger
                .chunks
                .values_mut()
                .filter(|r| r.part == Some(part))
            {
                record.pr = number;
            }
        }
        EffectResult::PrFailed { part, message } => {
            lane.ledger
                .intents
                .retain(|i| !matches!(i, Intent::Pr { part: p, .. } if *p == part));
            lane.pr_gave_up = true;
            events.push((None, EventKind::PrFailed { part, message }));
        }
        EffectResult::Commented { issue, key } => {
            if let Some(record) = lane.ledger.issue.as_mut() {
                record.told = Some(key);
            }
            events.push((None, EventKind::IssueCommented { issue }));
        }
        // Nothing that was built depends on it.
        EffectResult::CommentFailed { issue, message } => {
            lane.comment_gave_up = true;
            let message = format!("the comment at issue {issue} was not written: {message}");
            events.push((None, EventKind::Warning { message }));
        }
        EffectResult::Broken {
            effect,
            message,
            remedy,
        } => {
            broken(lane, &effect, now)?;
            // What breaks off because the run was told to stop is no failure of its own.
            if !is_told_to_stop(lane) {
                lane.halt = Some(Halt {
                    exit: ExitCode::Setup,
                    why: message,
                    remedy,
                });
            }
        }
    }
    engine_run::look_ahead(lane, now, &mut events)?;
    settle(lane, &mut events)?;
    Ok(events)
}

/// Looks anew at a lane in which persons moved something: whether there is money and an engine for what is due now.
///
/// # Errors
/// [`IllegalTransition`]: a bug.
pub fn look_again(
    lane: &mut Lane,
    now: DateTime<Utc>,
) -> Result<Vec<LaneEvent>, IllegalTransition> {
    let mut events = Vec::new();
    engine_run::look_ahead(lane, now, &mut events)?;
    settle(lane, &mut events)?;
    Ok(events)
}

/// True after a signal or the deadline.
fn is_told_to_stop(lane: &Lane) -> bool {
    lane.halt
        .as_ref()
        .is_some_and(|h| h.exit == ExitCode::Deadline || h.exit >= ExitCode::Hangup)
}

fn after_prepare(lane: &Lane) -> Stage {
    if lane.baseline().is_some() {
        Stage::Idle
    } else {
        Stage::Baseline
    }
}

/// Once nothing more can be built, says of every open chunk why it was not.
pub(super) fn settle(
    lane: &mut Lane,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    if lane.halt.is_some() || !super::decide::is_built_out(lane) {
        return Ok(());
    }
    let open: Vec<(ChunkId, String)> = lane
        .plan
        .chunks
        .iter()
        .filter(|c| !c.done && matches!(lane.state(&c.id), ChunkState::Pending))
        .filter(|c| !lane.over_budget.contains(&c.id))
        .map(|c| {
            let on = c.depends_on.iter().find(|d| !lane.is_done(d));
            let on = on.map_or_else(String::new, |d| format!("{d} is {}", root_cause(lane, d)));
            (c.id.clone(), on)
        })
        .collect();
    for (id, because) in open {
        let title = lane.title(&id);
        lane.step(
            &id,
            ChunkInput::Skipped {
                because: because.clone(),
                by: SkippedBy::Dependency,
            },
        )?;
        events.push((
            Some(id),
            EventKind::ChunkStopped {
                title,
                status: "skipped".to_owned(),
                reason: because,
            },
        ));
    }
    Ok(())
}

fn root_cause(lane: &Lane, id: &ChunkId) -> String {
    match lane.state(id) {
        ChunkState::Pending => "not built".to_owned(),
        state => state.word().to_owned(),
    }
}

fn was_verified(
    lane: &mut Lane,
    chunk: &ChunkId,
    mut verified: Verified,
    now: DateTime<Utc>,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    if let Some(who) = lane.record(chunk).and_then(|r| r.accepted()) {
        // What a person let through is listed, and refuses nothing.
        for finding in &mut verified.evidence.findings {
            finding.severity = FindingSeverity::Note;
            finding.asked_for = Some(format!("accepted by {}", who.who));
        }
    }
    let judged = judge(lane, chunk, &verified);
    lane.record_mut(chunk).evidence = Some(verified.evidence.clone());
    let lines = verified.lines;
    lane.verified = Some(verified);
    match judged {
        Judgement::Commit => {
            lane.stage = review::next_stage(lane, chunk, lines, now, events);
        }
        Judgement::Fix(refusal) => fix_or_give_up(lane, chunk, refusal, now, events)?,
        Judgement::Review(why) => {
            let end = AttemptEnd::NeedsReview { why: why.clone() };
            stop(
                lane,
                chunk,
                ChunkInput::NeedsReview { why },
                end,
                now,
                events,
            )?;
        }
    }
    Ok(())
}

/// Gives the attempt up; what a person accepted goes back to a person.
pub(super) fn fail(
    lane: &mut Lane,
    chunk: &ChunkId,
    why: String,
    now: DateTime<Utc>,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    if lane.is_accepted(chunk) {
        let end = AttemptEnd::NeedsReview { why: why.clone() };
        let input = ChunkInput::NeedsReview { why };
        return stop(lane, chunk, input, end, now, events);
    }
    let end = AttemptEnd::Failed { why: why.clone() };
    stop(lane, chunk, ChunkInput::Failed { why }, end, now, events)
}

/// Ends the attempt and the chunk; the work is set aside.
pub(super) fn stop(
    lane: &mut Lane,
    chunk: &ChunkId,
    input: ChunkInput,
    end: AttemptEnd,
    now: DateTime<Utc>,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    lane.step(chunk, input)?;
    events.push(stopped(lane, chunk));
    end_attempt(lane, chunk, end, now);
    Ok(())
}

/// Says that a chunk stopped, and why.
fn stopped(lane: &Lane, chunk: &ChunkId) -> LaneEvent {
    let state = lane.state(chunk);
    let kind = EventKind::ChunkStopped {
        title: lane.title(chunk),
        status: state.word().to_owned(),
        reason: state.reason().unwrap_or_default().to_owned(),
    };
    (Some(chunk.clone()), kind)
}

/// No engine is at work at the chunk any more.
fn forget_engine(lane: &mut Lane, chunk: &ChunkId) {
    lane.ledger
        .intents
        .retain(|i| !matches!(i, Intent::Engine { chunk: c, .. } if c == chunk));
}

/// The worktree no longer holds a copy of saved work.
fn forget_take_up(lane: &mut Lane, chunk: &ChunkId) {
    lane.ledger
        .intents
        .retain(|i| !matches!(i, Intent::TakeUp { chunk: c, .. } if c == chunk));
}

/// The chunk is as if it had not been started; the work is set aside.
pub(super) fn give_back(
    lane: &mut Lane,
    chunk: &ChunkId,
    end: AttemptEnd,
    now: DateTime<Utc>,
) -> Result<(), IllegalTransition> {
    lane.step(chunk, ChunkInput::Returned)?;
    end_attempt(lane, chunk, end, now);
    Ok(())
}

fn end_attempt(lane: &mut Lane, chunk: &ChunkId, end: AttemptEnd, now: DateTime<Utc>) {
    forget_take_up(lane, chunk);
    let mut n = 0;
    if let Some(attempt) = lane.record_mut(chunk).attempts.last_mut() {
        attempt.end = end;
        attempt.ended = Some(now);
        n = attempt.n;
    }
    lane.stage = Stage::SetAside {
        chunk: chunk.clone(),
        attempt: n,
    };
}

fn landed(
    lane: &mut Lane,
    chunk: &ChunkId,
    (part, lines): (u32, u32),
    commit: Oid,
    now: DateTime<Utc>,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    forget_landing(lane, chunk);
    forget_take_up(lane, chunk);
    // What was accepted without a run is committed by this one.
    if lane.is_accepted(chunk) {
        let run = lane.policy.run.clone();
        if let Some(accepted) = lane.record_mut(chunk).moves.last_mut() {
            accepted.run = Some(run);
        }
    }
    lane.step(
        chunk,
        ChunkInput::Landed {
            commit: commit.clone(),
        },
    )?;
    lane.verified = None;
    let record = lane.record_mut(chunk);
    record.part = Some(part);
    record.lines = lines;
    if let Some(attempt) = record.attempts.last_mut() {
        attempt.end = AttemptEnd::Committed;
        attempt.ended = Some(now);
    }
    note_part(lane, part, &commit);
    lane.tip = Some(commit.clone());
    lane.stage = after_prepare(lane);
    events.push((
        Some(chunk.clone()),
        EventKind::ChunkCommitted {
            title: lane.title(chunk),
            commit,
            part,
            lines,
        },
    ));
    let warn = |message| EventKind::Warning { message };
    let oversize = oversize_words(lane, lines);
    events.extend(oversize.map(|words| (Some(chunk.clone()), warn(words))));
    events.extend(waiting_words(lane).map(|words| (None, warn(words))));
    Ok(())
}

fn forget_landing(lane: &mut Lane, chunk: &ChunkId) {
    lane.ledger
        .intents
        .retain(|i| !matches!(i, Intent::Land { chunk: c, .. } if c == chunk));
}

/// Makes the part exist in the ledger with `tip` as its last commit.
pub fn note_part(lane: &mut Lane, part: u32, tip: &Oid) {
    if let Some(pr) = lane.ledger.prs.iter_mut().find(|p| p.part == part) {
        pr.tip = tip.clone();
        return;
    }
    let base = super::decide::pr_base(lane, part);
    let branch = lane.branch(part);
    lane.ledger.prs.push(PrRecord {
        part,
        branch,
        base,
        tip: tip.clone(),
        number: None,
        url: None,
        state: PrState::Draft,
        content: None,
        suite: None,
    });
    lane.ledger.prs.sort_by_key(|p| p.part);
}

fn push_failed(lane: &mut Lane, failure: &PushFailure, now: DateTime<Utc>) {
    lane.ledger.undelivered = Some(failure.clone());
    lane.push_tries += 1;
    let again = failure.kind.is_worth_another_try() && lane.push_tries < lane.policy.max_pushes;
    if again {
        // 2, 4, 8 … seconds: the remote is ours to wait for, and the next chunk is being built meanwhile.
        lane.push_after = Some(now + TimeDelta::seconds(1 << lane.push_tries.min(6)));
    } else {
        lane.push_gave_up = true;
        lane.push_after = None;
    }
}

fn broken(lane: &mut Lane, effect: &Effect, now: DateTime<Utc>) -> Result<(), IllegalTransition> {
    match effect {
        // It stays accepted: the next run takes the saved work up again.
        Effect::Verify { chunk } | Effect::Seal { chunk, .. } if lane.is_accepted(chunk) => {
            lane.stage = Stage::Finished;
        }
        Effect::RunEngine { chunk, .. } | Effect::Review { chunk, .. } => {
            // It may have run, and nobody will say what it used.
            if let Some(attempt) = lane.record_mut(chunk).attempts.last_mut() {
                (attempt.lost, attempt.cost) = (true, Cost::Unknown);
            }
            forget_engine(lane, chunk);
            give_back(lane, chunk, AttemptEnd::Interrupted, now)?;
        }
        Effect::Verify { chunk } | Effect::SeeRed { chunk } | Effect::Seal { chunk, .. } => {
            give_back(lane, chunk, AttemptEnd::Interrupted, now)?;
        }
        // Whether it happened is read from git by the next run.
        Effect::Land { .. } => lane.stage = Stage::Finished,
        Effect::PrepareLane
        | Effect::Restack { .. }
        | Effect::Baseline
        | Effect::Suite { .. }
        | Effect::TakeUp { .. }
        | Effect::SetAside { .. } => lane.stage = Stage::Finished,
        Effect::Push { .. } => lane.push_gave_up = true,
        Effect::PutPr { .. } => lane.pr_gave_up = true,
        Effect::Comment { .. } => lane.comment_gave_up = true,
    }
    Ok(())
}

/// The forge's word for a state.
pub fn pr_word(state: PrState) -> &'static str {
    match state {
        PrState::Draft => "draft",
        PrState::Ready => "ready",
        PrState::Merged => "merged",
        PrState::Closed => "closed",
    }
}
