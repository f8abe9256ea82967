//! A person's moves: where each applies, and what it does to a ledger.
//!
//! A move was decided by somebody who saw the chunk in some state. It is carried out only while the chunk is
//! still so; whoever carries it out looks again, and says no otherwise.

use super::absorb::LaneEvent;
use super::transition::{ChunkInput, IllegalTransition, transition};
use crate::model::event::EventKind;
use crate::model::{
    Chunk, ChunkId, ChunkRecord, ChunkState, Ledger, Move, MoveKind, MoveRecord, Refusal, RunId,
    Seen, SkippedBy, SpecId, SpecPlan,
};
use std::collections::BTreeSet;

/// Most characters of answers that a prompt repeats; the oldest are left out first. Plans leave room for about so much.
const MAX_ANSWERS: usize = 8_000;

/// How a chunk stands for a person who looks at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// What the ledger says, without what the next run would repair first.
    pub state: ChunkState,
    /// Its mark stands.
    pub done: bool,
    /// Number of the last attempt.
    pub attempts: u32,
    /// Who accepted the work that is about to be verified.
    pub accepted_by: Option<String>,
}

impl Standing {
    /// The state in a word.
    pub fn word(&self) -> &'static str {
        if self.done { "done" } else { self.state.word() }
    }

    /// What a person sees of it, for a move.
    pub fn seen(&self) -> Seen {
        Seen::of(&self.state, self.attempts)
    }
}

/// How `chunk` stands. `at_work`: a run is in its lane now; else work that looks in progress was interrupted.
pub fn standing(record: Option<&ChunkRecord>, chunk: &Chunk, at_work: bool) -> Standing {
    let remembered = record.map_or(&ChunkState::Pending, |r| &r.state);
    let accepted = record.and_then(ChunkRecord::accepted);
    let changed = record.is_some_and(|r| r.fingerprint != chunk.fingerprint);
    let is_open_again = match remembered {
        ChunkState::Committed { .. } => !at_work && !chunk.done,
        ChunkState::Verifying { .. } if accepted.is_some() => changed && !at_work,
        ChunkState::InProgress { .. }
        | ChunkState::Verifying { .. }
        | ChunkState::Fixing { .. } => !at_work,
        ChunkState::Failed { .. }
        | ChunkState::NeedsReview { .. }
        | ChunkState::Blocked { .. }
        | ChunkState::AwaitingApproval { .. } => changed,
        ChunkState::Pending | ChunkState::Skipped { .. } => false,
    };
    let state = if is_open_again {
        ChunkState::Pending
    } else {
        remembered.clone()
    };
    Standing {
        done: chunk.done || matches!(state, ChunkState::Committed { .. }),
        accepted_by: accepted.filter(|_| !is_open_again).map(|a| a.who.clone()),
        attempts: record.map_or(0, ChunkRecord::last_attempt),
        state,
    }
}

/// Says whether a move of this kind applies to a chunk that stands so.
///
/// # Errors
/// Why not, and what does.
pub fn check(
    kind: &MoveKind,
    spec: &SpecId,
    id: &ChunkId,
    standing: &Standing,
) -> Result<(), Refusal> {
    let verb = |verb: &str| format!("use `codelicious {verb} {spec}:{id}`");
    let refuse = |why: String, remedy: String| Err(Refusal { why, remedy });
    let not = |wanted: &str| format!("{id} is {}, not {wanted}", standing.state.word());
    if standing.done {
        return refuse(
            format!("{id} is done"),
            "to have it built again, take its mark out of the spec".to_owned(),
        );
    }
    match (kind, &standing.state) {
        (_, ChunkState::InProgress { .. } | ChunkState::Fixing { .. }) => refuse(
            format!("{id} is being built"),
            "wait until it is, or stop the run".to_owned(),
        ),
        (_, ChunkState::Verifying { .. }) => match &standing.accepted_by {
            Some(who) => refuse(
                format!("{id} was accepted by {who}, and is verified next"),
                "run `codelicious`, unless a run is going on".to_owned(),
            ),
            None => refuse(
                format!("{id} is being verified"),
                "wait until it is, or stop the run".to_owned(),
            ),
        },
        // Committed and not done cannot be: said above.
        (_, ChunkState::Committed { .. }) => refuse(format!("{id} is done"), String::new()),

        (
            MoveKind::Retry,
            ChunkState::Failed { .. }
            | ChunkState::NeedsReview { .. }
            | ChunkState::Blocked { .. }
            | ChunkState::AwaitingApproval { .. }
            | ChunkState::Skipped {
                by: SkippedBy::Person,
                ..
            },
        )
        | (MoveKind::Answer { .. }, ChunkState::Blocked { .. })
        | (MoveKind::Accept { .. }, ChunkState::NeedsReview { .. })
        | (
            MoveKind::Skip,
            ChunkState::Pending
            | ChunkState::Failed { .. }
            | ChunkState::NeedsReview { .. }
            | ChunkState::Blocked { .. }
            | ChunkState::AwaitingApproval { .. }
            | ChunkState::Skipped {
                by: SkippedBy::Dependency,
                ..
            },
        ) => Ok(()),

        (MoveKind::Retry, ChunkState::Pending) => refuse(
            format!("{id} is open already"),
            "run `codelicious`, unless a run is going on".to_owned(),
        ),
        (
            MoveKind::Retry | MoveKind::Answer { .. } | MoveKind::Accept { .. },
            ChunkState::Skipped {
                because,
                by: SkippedBy::Dependency,
            },
        ) => refuse(
            format!("{id} is skipped, because {because}"),
            "it comes back by itself when what it waits for is built".to_owned(),
        ),
        (
            MoveKind::Skip,
            ChunkState::Skipped {
                because,
                by: SkippedBy::Person,
            },
        ) => refuse(format!("{id} is skipped already: {because}"), String::new()),

        (MoveKind::Answer { .. }, ChunkState::Pending) => refuse(
            not("blocked"),
            "put what it should know below its task in the spec".to_owned(),
        ),
        (
            MoveKind::Answer { .. },
            ChunkState::Failed { .. }
            | ChunkState::AwaitingApproval { .. }
            | ChunkState::Skipped {
                by: SkippedBy::Person,
                ..
            },
        ) => refuse(not("blocked"), verb("retry")),
        (MoveKind::Answer { .. }, ChunkState::NeedsReview { .. }) => refuse(
            not("blocked"),
            format!("{}, or `codelicious retry {spec}:{id}`", verb("accept")),
        ),
        (MoveKind::Accept { .. }, ChunkState::Pending) => refuse(
            not("needs_review"),
            "run `codelicious`, unless a run is going on".to_owned(),
        ),
        (
            MoveKind::Accept { .. },
            ChunkState::Failed { .. }
            | ChunkState::AwaitingApproval { .. }
            | ChunkState::Skipped {
                by: SkippedBy::Person,
                ..
            },
        ) => refuse(not("needs_review"), verb("retry")),
        (MoveKind::Accept { .. }, ChunkState::Blocked { .. }) => refuse(
            not("needs_review"),
            format!("use `codelicious answer {spec}:{id} TEXT`"),
        ),
    }
}

/// Who carries a move out.
#[derive(Clone, Copy, Debug)]
pub struct Carrier<'a> {
    /// It is the run that works in the chunk's lane, so that states in the ledger are as they are.
    pub at_work: bool,
    /// None for a verb that found no run.
    pub run: Option<&'a RunId>,
}

/// What came of a move.
#[derive(Clone, Debug, PartialEq)]
pub enum Carried {
    Done,
    /// It was recorded before: somebody died before the file of it was removed.
    Known,
    Refused(Refusal),
}

/// Carries a move out in a ledger, and says so.
///
/// # Errors
/// [`IllegalTransition`]: a bug, since what does not apply is refused before.
pub fn carry_out(
    ledger: &mut Ledger,
    plan: &SpecPlan,
    asked: &Move,
    carrier: Carrier<'_>,
) -> Result<(Carried, Vec<LaneEvent>), IllegalTransition> {
    let record = ledger.chunks.get(&asked.chunk);
    if record.is_some_and(|r| r.moves.iter().any(|m| m.is_of(asked))) {
        return Ok((Carried::Known, Vec::new()));
    }
    let chunk = plan.chunks.iter().find(|c| c.id == asked.chunk);
    let allowed = match chunk {
        Some(chunk) => still_applies(record, chunk, asked, carrier).map(|()| chunk),
        None => Err(Refusal {
            why: format!("there is no {} in {} any more", asked.chunk, asked.spec),
            remedy: String::new(),
        }),
    };
    match allowed {
        Err(refusal) => {
            let event = EventKind::MoveRefused {
                verb: asked.kind.word().to_owned(),
                who: asked.who.clone(),
                why: refusal.why.clone(),
            };
            let events = vec![(Some(asked.chunk.clone()), event)];
            Ok((Carried::Refused(refusal), events))
        }
        Ok(chunk) => {
            let mut events = vec![move_chunk(ledger, chunk, asked, carrier)?];
            events.extend(move_dependants(ledger, plan, asked)?);
            Ok((Carried::Done, events))
        }
    }
}

/// Looks again at what the person saw.
fn still_applies(
    record: Option<&ChunkRecord>,
    chunk: &Chunk,
    asked: &Move,
    carrier: Carrier<'_>,
) -> Result<(), Refusal> {
    let id = &asked.chunk;
    let look = || "look again with `codelicious status`".to_owned();
    if let Some(first) = record
        .into_iter()
        .flat_map(|r| &r.moves)
        .rfind(|m| m.n >= asked.n)
    {
        return Err(Refusal {
            why: format!("{} was first, with {} {id}", first.who, first.kind.word()),
            remedy: look(),
        });
    }
    let now = standing(record, chunk, carrier.at_work);
    check(&asked.kind, &asked.spec, id, &now)?;
    if now.seen() == asked.seen {
        return Ok(());
    }
    let why = if now.state.word() == asked.seen.state {
        format!(
            "{id} was tried again since {} looked at it, and is {} once more",
            asked.who,
            now.word()
        )
    } else {
        format!(
            "{id} is {} now; it was {} when {} looked at it",
            now.word(),
            asked.seen.state,
            asked.who
        )
    };
    Err(Refusal {
        why,
        remedy: look(),
    })
}

fn move_chunk(
    ledger: &mut Ledger,
    chunk: &Chunk,
    asked: &Move,
    carrier: Carrier<'_>,
) -> Result<LaneEvent, IllegalTransition> {
    let was = standing(ledger.chunks.get(&chunk.id), chunk, carrier.at_work).state;
    let input = match &asked.kind {
        MoveKind::Retry | MoveKind::Answer { .. } => ChunkInput::Reopened,
        MoveKind::Accept { attempt } => ChunkInput::Accepted { attempt: *attempt },
        MoveKind::Skip => ChunkInput::Skipped {
            because: format!("{} said so", asked.who),
            by: SkippedBy::Person,
        },
    };
    let next = transition(&was, input)?;
    let status = next.word().to_owned();
    let record = ledger
        .chunks
        .entry(chunk.id.clone())
        .or_insert_with(|| ChunkRecord::new(chunk.title.clone(), chunk.fingerprint.clone()));
    record.state = next;
    record.moves.push(MoveRecord {
        n: asked.n,
        kind: asked.kind.clone(),
        who: asked.who.clone(),
        when: asked.when,
        run: carrier.run.cloned(),
    });
    let event = EventKind::Moved {
        verb: asked.kind.word().to_owned(),
        who: asked.who.clone(),
        status,
    };
    Ok((Some(chunk.id.clone()), event))
}

/// What waits for the chunk is left out with it, or comes back with it.
fn move_dependants(
    ledger: &mut Ledger,
    plan: &SpecPlan,
    asked: &Move,
) -> Result<Vec<LaneEvent>, IllegalTransition> {
    let mut waiting = BTreeSet::from([&asked.chunk]);
    let mut events = Vec::new();
    // In build order a chunk stands behind all that it needs.
    for chunk in plan.chunks.iter().filter(|c| !c.done) {
        let Some(on) = chunk.depends_on.iter().find(|d| waiting.contains(d)) else {
            continue;
        };
        let why = ledger
            .chunks
            .get(on)
            .map_or("not built", |r| match &r.state {
                ChunkState::Pending => "not built",
                state => state.word(),
            });
        let because = format!("{on} is {why}");
        let state = ledger
            .chunks
            .get(&chunk.id)
            .map_or(ChunkState::Pending, |r| r.state.clone());
        let is_left_out = matches!(
            &state,
            ChunkState::Skipped {
                by: SkippedBy::Dependency,
                ..
            }
        );
        if state != ChunkState::Pending && !is_left_out {
            continue;
        }
        waiting.insert(&chunk.id);
        let mut next = if is_left_out {
            transition(&state, ChunkInput::Reopened)?
        } else {
            state
        };
        if asked.kind == MoveKind::Skip {
            let by = SkippedBy::Dependency;
            let input = ChunkInput::Skipped {
                because: because.clone(),
                by,
            };
            next = transition(&next, input)?;
            let stopped = EventKind::ChunkStopped {
                title: chunk.title.clone(),
                status: next.word().to_owned(),
                reason: because,
            };
            events.push((Some(chunk.id.clone()), stopped));
        }
        ledger
            .chunks
            .entry(chunk.id.clone())
            .or_insert_with(|| ChunkRecord::new(chunk.title.clone(), chunk.fingerprint.clone()))
            .state = next;
    }
    Ok(events)
}

/// Everything that persons answered to a chunk's questions, oldest first, for its next prompt.
pub fn answers(record: &ChunkRecord) -> Option<String> {
    let mut texts = Vec::new();
    let mut room = MAX_ANSWERS;
    for said in record.moves.iter().rev() {
        if let MoveKind::Answer { text } = &said.kind {
            let Some(left) = room.checked_sub(text.chars().count()) else {
                break;
            };
            room = left;
            texts.push(text.trim());
        }
    }
    texts.reverse();
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

#[cfg(test)]
#[path = "moves_tests.rs"]
mod tests;
