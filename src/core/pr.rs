//! What a part's pull request says, gathered from the lane.

use super::closes::closes;
use super::decide::{is_complete, is_over, pr_base};
use super::lane::Lane;
use super::parts::line_cap;
use crate::model::policy::WallState;
use crate::model::report::{
    BodyCheck, BodyChunk, BodyInput, BodyLink, BodyNeighbour, EngineSpent, IssueRef, Oversized,
    Spent, StoppedChunk,
};
use crate::model::{
    AttemptEnd, CheckOutcome, Chunk, ChunkRecord, ChunkState, Coverage, Covered, Evidence, Finding,
    LineCount, Oid, PrRecord, PrState, Remark, TestCounts,
};
use crate::spec::{Intro, intro, is_json, said};
use std::collections::BTreeMap;

/// Most issues that one part closes.
const MAX_ISSUES: usize = 20;

/// What git and the forge know of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartFacts {
    /// The spec at the part's tip; empty where it cannot be read.
    pub spec_text: Vec<u8>,
    /// Where people read it.
    pub spec_url: Option<String>,
    /// Changed lines of the part's commits, as far as they are known.
    pub lines: BTreeMap<Oid, LineCount>,
    /// What walled in that which a model or a check ran.
    pub sandbox: WallState,
}

/// Everything that the pull request of part `part` says.
pub fn body_input(lane: &Lane, part: u32, facts: &PartFacts) -> BodyInput {
    let committed = lane.part_chunks(part);
    let last = lane.ledger.prs.iter().all(|p| p.part <= part);
    let mut chunks: Vec<BodyChunk> = committed
        .iter()
        .map(|(c, r, commit)| BodyChunk {
            state: r.state.clone(),
            verdict: r.evidence.as_ref().map(verdict),
            lines: facts.lines.get(commit).copied(),
            tests: r
                .evidence
                .as_ref()
                .and_then(|e| e.test_counts())
                .map(TestCounts::total),
            proving: r
                .evidence
                .as_ref()
                .map(|e| e.proof.proving.clone())
                .unwrap_or_default(),
            accepted_by: r.accepted().map(|a| a.who.clone()),
            engine: built_by(r),
            ..row(c)
        })
        .collect();
    // What stopped belongs to the part that would have held it: the last one, once it is complete.
    if last && is_complete(lane, part) {
        let open = lane.plan.chunks.iter().filter(|c| !lane.is_done(&c.id));
        chunks.extend(open.map(|c| BodyChunk {
            state: lane.state(&c.id).clone(),
            ..row(c)
        }));
    }
    let mut spent = Spent::default();
    let attempts = || committed.iter().flat_map(|(_, r, _)| &r.attempts);
    for attempt in attempts() {
        spent.add_attempt(attempt);
    }
    let took = attempts().map(|a| {
        let took = a.ended.map(|end| (end - a.started).num_milliseconds());
        took.and_then(|t| u64::try_from(t).ok())
    });
    let named = |wanted: &dyn Fn(&ChunkRecord) -> bool| -> Vec<String> {
        let those = committed.iter().filter(|(_, r, _)| wanted(r));
        those.map(|(c, ..)| name(c)).collect()
    };
    // Records of JSON introduce nothing.
    let introduction = match is_json(&lane.ledger.path) {
        true => Intro::default(),
        false => intro(&facts.spec_text),
    };
    BodyInput {
        spec: lane.ledger.spec.clone(),
        spec_path: lane.ledger.path.clone(),
        spec_url: facts.spec_url.clone(),
        title: lane.plan.title.clone(),
        closes: closed_by(lane, part, &introduction),
        intro: introduction.paragraphs,
        part,
        held: committed.len(),
        total: lane.plan.chunks.len(),
        head: lane.branch(part),
        base: pr_base(lane, part),
        remote: lane.policy.remote.clone(),
        checks: checks(lane, part),
        coverage: coverage(lane, part),
        findings: findings(lane, part),
        remarks: remarks(lane, part),
        suite: suite(lane, part),
        depends_on: lane
            .plan
            .depends_on
            .iter()
            .map(|s| BodyLink {
                text: s.to_string(),
                url: None,
            })
            .collect(),
        previous: neighbour(lane, lane.ledger.prs.iter().rfind(|p| p.part < part)),
        next: neighbour(lane, lane.ledger.prs.iter().find(|p| p.part > part)),
        spent,
        millis: took.sum(),
        engines: EngineSpent::of(committed.iter().map(|(_, r, _)| *r)),
        sandbox: facts.sandbox,
        unverified: named(&|r| r.evidence.as_ref().is_some_and(|e| e.unverified)),
        unknown: named(&|r| r.evidence.is_none()),
        failed_before: failed_before(lane, part),
        oversized: oversized(lane, part),
        questions: if last { questions(lane) } else { Vec::new() },
        chunks,
    }
}

/// A row of which nothing is known but the task.
fn row(chunk: &Chunk) -> BodyChunk {
    BodyChunk {
        id: chunk.id.clone(),
        label: chunk.label.clone(),
        title: chunk.title.clone(),
        state: ChunkState::Pending,
        verdict: None,
        tests: None,
        proving: Vec::new(),
        lines: None,
        accepted_by: None,
        engine: None,
    }
}

/// What people call a task.
fn name(chunk: &Chunk) -> String {
    let id = || chunk.id.to_string();
    chunk.label.clone().unwrap_or_else(id)
}

fn verdict(evidence: &Evidence) -> String {
    let before = evidence.checks.iter();
    let before = before.filter(|c| matches!(c.outcome, CheckOutcome::FailedBefore { .. }));
    match (evidence.word(), before.count()) {
        (word, 0) => word.to_owned(),
        (word, n) => format!("{word}, but {n} failed before as well"),
    }
}

/// The engine whose work was committed.
fn built_by(record: &ChunkRecord) -> Option<String> {
    let last = record.attempts.last();
    let last = last.filter(|a| a.end == AttemptEnd::Committed);
    last.map(|a| a.engine.clone())
}

fn neighbour(lane: &Lane, pr: Option<&PrRecord>) -> Option<BodyNeighbour> {
    let pr = pr?;
    // What is on the base is merged, whatever the forge was told.
    let state = match pr.state {
        PrState::Draft | PrState::Ready if is_over(lane, pr) => PrState::Merged,
        state => state,
    };
    Some(BodyNeighbour {
        part: pr.part,
        branch: pr.branch.clone(),
        number: pr.number,
        url: pr.url.clone(),
        state,
    })
}

/// The issues that are done with once the part is merged: those that the text of a task says it closes, where the
/// part has the task's last commit, and with the last part of a spec of which nothing is left those that its
/// introduction names. The text of a spec that was made of an issue is a stranger's: that issue alone is closed.
fn closed_by(lane: &Lane, part: u32, introduction: &Intro) -> Vec<IssueRef> {
    let is_last = lane.ledger.prs.iter().all(|p| p.part <= part);
    // Of a spec that cannot be read nothing is known to be whole.
    let chunks = &lane.plan.chunks;
    let is_whole = !chunks.is_empty() && chunks.iter().all(|c| lane.is_done(&c.id));
    let is_end_of_spec = is_last && is_whole;
    if let Some(issue) = &lane.ledger.issue {
        let own = IssueRef {
            repository: None,
            number: issue.number,
        };
        return is_end_of_spec.then_some(own).into_iter().collect();
    }
    let mut found = Vec::new();
    if is_end_of_spec {
        found.extend(closes(&introduction.said));
    }
    for (chunk, ..) in lane.part_chunks(part) {
        // A model's plan is no text of the spec's.
        let is_planned = lane.start.planned.contains(&chunk.task);
        let of_task = || lane.plan.chunks.iter().filter(|c| c.task == chunk.task);
        let is_end = chunk.part.as_ref().is_none_or(|p| p.index == p.of);
        if is_planned || !is_end || !of_task().all(|c| lane.is_done(&c.id)) {
            continue;
        }
        for piece in of_task() {
            found.extend(closes(&said(&piece.text)));
        }
    }
    let mut once: Vec<IssueRef> = Vec::new();
    for issue in found {
        if once.len() < MAX_ISSUES && !once.contains(&issue) {
            once.push(issue);
        }
    }
    once
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
                    dir: check.dir.clone(),
                    verdict: verdict.clone(),
                });
            if verdict != "passed" {
                row.verdict = verdict;
            }
        }
    }
    by_name.into_values().collect()
}

fn evidence(lane: &Lane, part: u32) -> impl Iterator<Item = &Evidence> {
    let held = lane.part_chunks(part).into_iter();
    held.filter_map(|(_, record, _)| record.evidence.as_ref())
}

/// From before the part's first measured commit to after its last one, and of all lines that they changed.
fn coverage(lane: &Lane, part: u32) -> Option<Coverage> {
    let measured = evidence(lane, part).filter_map(|e| e.coverage);
    measured.reduce(|first, next| Coverage {
        before: first.before,
        after: next.after,
        changed: Covered {
            covered: first.changed.covered + next.changed.covered,
            total: first.changed.total + next.changed.total,
        },
    })
}

/// None where nothing of the part is known to have been audited: what a trailer tells has no findings.
fn findings(lane: &Lane, part: u32) -> Option<Vec<Finding>> {
    let audited = || evidence(lane, part).filter(|e| e.told.is_none() && e.tree.is_some());
    audited().next()?;
    let mut found: Vec<Finding> = audited().flat_map(|e| e.findings.clone()).collect();
    found.sort_by_key(|f| std::cmp::Reverse(f.severity));
    Some(found)
}

fn remarks(lane: &Lane, part: u32) -> Option<Vec<Remark>> {
    let mut said: Vec<Remark> = Vec::new();
    let mut any = false;
    for remarks in evidence(lane, part).filter_map(|e| e.remarks.as_ref()) {
        any = true;
        said.extend(remarks.iter().cloned());
    }
    said.sort_by_key(|r| std::cmp::Reverse(r.severity));
    any.then_some(said)
}

fn suite(lane: &Lane, part: u32) -> Option<Vec<String>> {
    let pr = lane.ledger.prs.iter().find(|p| p.part == part)?;
    let ran = pr.suite.as_ref().filter(|s| s.tip == pr.tip)?;
    Some(ran.failing.clone())
}

/// Names of checks that failed on some commit of the part, and before this work as well.
fn failed_before(lane: &Lane, part: u32) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (_, record, _) in lane.part_chunks(part) {
        for check in record.evidence.iter().flat_map(|e| &e.checks) {
            let is_so = matches!(check.outcome, CheckOutcome::FailedBefore { .. });
            if is_so && !names.contains(&check.name) {
                names.push(check.name.clone());
            }
        }
    }
    names
}

fn oversized(lane: &Lane, part: u32) -> Vec<Oversized> {
    let Some(most) = line_cap(lane) else {
        return Vec::new();
    };
    let held = lane.part_chunks(part).into_iter();
    held.filter(|(_, r, _)| r.lines > most)
        .map(|(c, r, _)| Oversized {
            name: name(c),
            lines: r.lines,
            most,
        })
        .collect()
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

#[cfg(test)]
#[path = "pr_tests.rs"]
mod tests;
