//! What a part's pull request says, gathered from the lane.

use super::decide::{is_ready, pr_base};
use super::lane::Lane;
use crate::model::report::{
    BodyCheck, BodyChunk, BodyInput, BodyLink, EngineSpent, Spent, StoppedChunk,
};
use crate::model::{AttemptEnd, ChunkRecord, ChunkState, PrRecord};
use std::collections::BTreeMap;

/// The facts of part `part`. `unsandboxed`: what a model or a check ran had no wall.
pub fn body_input(lane: &Lane, part: u32, unsandboxed: bool) -> BodyInput {
    let committed = lane.part_chunks(part);
    let last = lane.ledger.prs.iter().all(|p| p.part <= part);
    let mut chunks: Vec<BodyChunk> = committed
        .iter()
        .map(|(c, r, _)| BodyChunk {
            id: c.id.clone(),
            label: c.label.clone(),
            title: c.title.clone(),
            state: r.state.clone(),
            verdict: r.evidence.as_ref().map(|e| e.word().to_owned()),
            lines: r.lines,
            accepted_by: r.accepted().map(|a| a.who.clone()),
            engine: built_by(r),
        })
        .collect();
    // What stopped belongs to the part that would have held it: the last one, once it is ready.
    if last && is_ready(lane, part) {
        chunks.extend(
            lane.plan
                .chunks
                .iter()
                .filter(|c| !lane.is_done(&c.id))
                .map(|c| BodyChunk {
                    id: c.id.clone(),
                    label: c.label.clone(),
                    title: c.title.clone(),
                    state: lane.state(&c.id).clone(),
                    verdict: None,
                    lines: 0,
                    accepted_by: None,
                    engine: None,
                }),
        );
    }
    let mut spent = Spent::default();
    for attempt in committed.iter().flat_map(|(_, r, _)| &r.attempts) {
        spent.add_attempt(attempt);
    }
    BodyInput {
        spec: lane.ledger.spec.clone(),
        spec_path: lane.ledger.path.clone(),
        spec_url: None,
        title: lane.plan.title.clone(),
        intro: None,
        part,
        held: committed.len(),
        total: lane.plan.chunks.len(),
        head: lane.branch(part),
        base: pr_base(lane, part),
        checks: checks(lane, part),
        depends_on: lane
            .plan
            .depends_on
            .iter()
            .map(|s| BodyLink {
                text: s.to_string(),
                url: None,
            })
            .collect(),
        previous: lane.ledger.prs.iter().rfind(|p| p.part < part).map(link),
        next: lane.ledger.prs.iter().find(|p| p.part > part).map(link),
        spent,
        engines: EngineSpent::of(committed.iter().map(|(_, r, _)| *r)),
        unsandboxed,
        unverified: committed
            .iter()
            .any(|(_, r, _)| r.evidence.as_ref().is_some_and(|e| e.unverified)),
        questions: if last { questions(lane) } else { Vec::new() },
        chunks,
    }
}

/// The engine whose work was committed.
fn built_by(record: &ChunkRecord) -> Option<String> {
    let last = record.attempts.last();
    let last = last.filter(|a| a.end == AttemptEnd::Committed);
    last.map(|a| a.engine.clone())
}

fn link(pr: &PrRecord) -> BodyLink {
    BodyLink {
        text: pr.branch.clone(),
        url: pr.url.clone(),
    }
}

/// Every check of the part's chunks, with its worst verdict.
fn checks(lane: &Lane, part: u32) -> Vec<BodyCheck> {
    let mut by_name: BTreeMap<(String, String), BodyCheck> = BTreeMap::new();
    for (_, record, _) in lane.part_chunks(part) {
        for check in record.evidence.iter().flat_map(|e| &e.checks) {
            let verdict = check.outcome.word().to_owned();
            let row = by_name
                .entry((check.dir.clone(), check.name.clone()))
                .or_insert_with(|| BodyCheck {
                    name: check.name.clone(),
                    command: check.command.clone(),
                    verdict: verdict.clone(),
                });
            if verdict != "passed" {
                row.verdict = verdict;
            }
        }
    }
    by_name.into_values().collect()
}

fn questions(lane: &Lane) -> Vec<StoppedChunk> {
    lane.plan
        .chunks
        .iter()
        .map(|c| (c, lane.state(&c.id)))
        .filter(|(_, state)| matches!(state, ChunkState::Blocked { .. }))
        .filter_map(|(c, state)| {
            StoppedChunk::of(&lane.ledger.spec, &lane.ledger.path, &c.id, &c.title, state)
        })
        .collect()
}
