//! What our comment at the issue of a spec says, and when it is due.

use super::absorb::pr_word;
use super::decide::{closed_part, is_built_out, is_over};
use super::lane::{Lane, Stage};
use super::parts::{waiting_words, waits_for_people};
use crate::model::progress::{ProgressInput, ProgressPr, ProgressTask};
use crate::model::report::{BodyLink, Spent, StoppedChunk};
use std::fmt::Write as _;

/// The issue whose comment does not say what it should. It is written when a pull request appears or changes its
/// state, and when the lane comes to rest: not with every commit.
pub fn due(lane: &Lane) -> Option<u64> {
    let issue = lane.ledger.issue.as_ref()?;
    let key = key(lane)?;
    (!lane.comment_gave_up && issue.told.as_deref() != Some(&key)).then_some(issue.number)
}

/// What the comment depends on, as a comparable text; None before there is anything to say.
pub fn key(lane: &Lane) -> Option<String> {
    let is_at_rest = is_at_rest(lane);
    let mut key = String::new();
    for pr in lane.ledger.prs.iter().filter(|p| p.number.is_some()) {
        let number = pr.number.unwrap_or_default();
        let _ = write!(key, "{}:{number}:{} ", pr.part, pr_word(pr.state));
    }
    if !is_at_rest {
        return (!key.is_empty()).then_some(key);
    }
    for chunk in &lane.plan.chunks {
        let word = match lane.is_done(&chunk.id) {
            true => "done",
            false => lane.state(&chunk.id).word(),
        };
        let _ = write!(key, "{}:{word} ", chunk.id);
    }
    let why = halted(lane).unwrap_or_default();
    let _ = write!(key, "{why}");
    Some(key)
}

/// True when nothing is built before somebody does something, or at all.
fn is_at_rest(lane: &Lane) -> bool {
    // A chunk that is being built is carried to its end.
    let is_between = matches!(lane.stage, Stage::Idle | Stage::Unprepared);
    let waits = is_between && (waits_for_people(lane) || closed_part(lane).is_some());
    lane.halt.is_some() || is_built_out(lane) || waits
}

/// The facts of the comment.
pub fn input(lane: &Lane) -> ProgressInput {
    let (done, total) = lane.progress();
    let mut spent = Spent::default();
    for attempt in lane.ledger.chunks.values().flat_map(|r| &r.attempts) {
        spent.add_attempt(attempt);
    }
    let open = lane.plan.chunks.iter().filter(|c| !lane.is_done(&c.id));
    let stopped = open.filter_map(|c| {
        let state = lane.state(&c.id);
        StoppedChunk::of(&lane.ledger.spec, &lane.ledger.path, &c.id, &c.title, state)
    });
    ProgressInput {
        spec_path: lane.ledger.path.clone(),
        done,
        total,
        tasks: lane.plan.chunks.iter().map(|c| task(lane, c)).collect(),
        prs: lane.ledger.prs.iter().filter_map(|p| pr(lane, p)).collect(),
        stopped: stopped.collect(),
        halted: halted(lane),
        spent,
    }
}

fn task(lane: &Lane, chunk: &crate::model::Chunk) -> ProgressTask {
    ProgressTask {
        title: chunk.title.clone(),
        state: lane.state(&chunk.id).clone(),
        done: lane.is_done(&chunk.id),
        part: lane.record(&chunk.id).and_then(|r| r.part),
    }
}

/// A pull request that the forge knows.
fn pr(lane: &Lane, pr: &crate::model::PrRecord) -> Option<ProgressPr> {
    let number = pr.number?;
    let is_merged = is_over(lane, pr) && lane.part_is_merged(pr.part);
    Some(ProgressPr {
        part: pr.part,
        link: BodyLink {
            text: format!("pull request {number}"),
            url: pr.url.clone(),
        },
        state: match is_merged {
            true => "merged",
            false => pr_word(pr.state),
        },
    })
}

fn halted(lane: &Lane) -> Option<String> {
    let halt = lane.halt.as_ref().map(|h| h.why.clone());
    halt.or_else(|| lane.plan.not_built.clone())
        .or_else(|| waiting_words(lane))
        .or_else(|| {
            let part = closed_part(lane)?.part;
            Some(format!(
                "the pull request of part {part} was closed without being merged"
            ))
        })
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
