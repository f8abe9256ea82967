//! Decisions between lanes and between cycles: what a spec starts from, and whether to look again.

use super::decide::{decide, undelivered};
use super::lane::Lane;
use crate::model::ledger::SpecBase;
use crate::model::{AttemptEnd, ChunkRecord, ChunkState, RunId, SpecId, SpecPlan};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;
use std::time::Duration;

/// Longest pause between cycles that got nothing done.
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// Where a spec that depends on others starts: on the tip of the one that is not merged yet, None where all
/// are. `before` are the lanes of this cycle so far.
///
/// # Errors
/// Why it cannot be built now, in words for people.
pub fn stacked_base(plan: &SpecPlan, before: &[Lane]) -> Result<Option<SpecBase>, String> {
    let mut unmerged: Vec<(&Lane, SpecBase)> = Vec::new();
    for id in &plan.depends_on {
        let Some(lane) = before.iter().find(|l| l.ledger.spec == *id) else {
            continue;
        };
        let (done, total) = lane.progress();
        if done < total {
            return Err(format!(
                "it depends on {id}, of which {done} of {total} tasks are done"
            ));
        }
        let open = lane
            .ledger
            .prs
            .iter()
            .rfind(|p| !lane.part_is_merged(p.part));
        if let Some(part) = open {
            let base = SpecBase {
                branch: part.branch.clone(),
                commit: part.tip.clone(),
            };
            unmerged.push((lane, base));
        }
    }
    let holds_all = |top: &Lane| {
        let below = prerequisites(top, before);
        unmerged
            .iter()
            .all(|(l, _)| l.ledger.spec == top.ledger.spec || below.contains(&l.ledger.spec))
    };
    match unmerged.iter().find(|(lane, _)| holds_all(lane)) {
        Some((_, base)) => Ok(Some(base.clone())),
        None if unmerged.is_empty() => Ok(None),
        None => {
            let names: Vec<&str> = unmerged
                .iter()
                .map(|(l, _)| l.ledger.spec.as_str())
                .collect();
            Err(format!(
                "it depends on {}, none of which is merged or holds the others: merge one first",
                names.join(" and ")
            ))
        }
    }
}

/// Everything a lane's spec depends on, near and far.
fn prerequisites(lane: &Lane, lanes: &[Lane]) -> BTreeSet<SpecId> {
    let mut found = BTreeSet::new();
    let mut due: Vec<SpecId> = lane.plan.depends_on.clone();
    while let Some(id) = due.pop() {
        if found.insert(id.clone()) {
            let next = lanes.iter().find(|l| l.ledger.spec == id);
            due.extend(
                next.into_iter()
                    .flat_map(|l| l.plan.depends_on.iter().cloned()),
            );
        }
    }
    found
}

/// True when the lane has something to build or to deliver.
pub fn has_work(lane: &Lane, now: DateTime<Utc>) -> bool {
    !decide(lane, &BTreeSet::new(), now).is_empty()
}

/// True when another cycle may get further in this lane.
pub fn may_get_further(lane: &Lane) -> bool {
    let is_open = lane.plan.chunks.iter().any(|c| match lane.state(&c.id) {
        ChunkState::Failed { .. } => lane
            .record(&c.id)
            .is_some_and(|r| r.counted_attempts() < lane.policy.max_attempts),
        ChunkState::Pending => !c.done && lane.plan.not_built.is_none(),
        ChunkState::InProgress { .. }
        | ChunkState::Verifying { .. }
        | ChunkState::Fixing { .. }
        | ChunkState::Committed { .. }
        | ChunkState::NeedsReview { .. }
        | ChunkState::Blocked { .. }
        | ChunkState::AwaitingApproval { .. }
        | ChunkState::Skipped { .. } => false,
    });
    is_open || undelivered(lane)
}

/// Chunks that this run committed.
pub fn committed_by(lane: &Lane, run: &RunId) -> usize {
    let is_done = |s: &ChunkState| matches!(s, ChunkState::Committed { .. });
    let records = lane.ledger.chunks.values().filter(|r| is_done(&r.state));
    // What was accepted is committed by another run than the one whose attempt it was.
    let by = |r: &&ChunkRecord| {
        let last = r.attempts.last().filter(|a| a.end == AttemptEnd::Committed);
        last.is_some_and(|a| match r.accepted() {
            Some(accepted) => accepted.run.as_ref() == Some(run),
            None => a.run == *run,
        })
    };
    records.filter(by).count()
}

/// How long to wait before looking again: cycles that got nothing done (`idle` of them in a row) are further
/// and further apart.
pub fn pause(cycle_sleep: Duration, idle: u32) -> Duration {
    if idle == 0 {
        return cycle_sleep;
    }
    let longer = cycle_sleep
        .max(Duration::from_secs(1))
        .saturating_mul(1 << idle.min(10));
    longer.min(MAX_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{at, chunk, lane, oid};
    use super::*;
    use crate::model::{ChunkId, PrRecord, PrState};

    /// A finished lane of spec `id` whose only part is at `tip`.
    fn built(id: &str, depends_on: &[&str], tip: u32) -> Lane {
        let mut done = chunk("a", &[]);
        done.done = true;
        let mut lane = lane(vec![done]);
        lane.ledger.spec = SpecId::from(id);
        std::sync::Arc::make_mut(&mut lane.plan).depends_on =
            depends_on.iter().map(|d| SpecId::from(*d)).collect();
        let record = lane.record_mut(&ChunkId::from("a"));
        record.state = ChunkState::Committed { commit: oid(tip) };
        record.part = Some(1);
        lane.ledger.prs.push(PrRecord {
            part: 1,
            branch: format!("codelicious/{id}"),
            base: "main".to_owned(),
            tip: oid(tip),
            number: None,
            url: None,
            state: PrState::Ready,
            content: None,
            suite: None,
        });
        lane
    }

    fn merged(mut lane: Lane) -> Lane {
        lane.on_base.insert(ChunkId::from("a"));
        lane
    }

    fn on(depends_on: &[&str], before: &[Lane]) -> Result<Option<String>, String> {
        let mut plan = lane(Vec::new()).plan;
        std::sync::Arc::make_mut(&mut plan).depends_on =
            depends_on.iter().map(|d| SpecId::from(*d)).collect();
        stacked_base(&plan, before).map(|b| b.map(|b| b.branch))
    }

    #[test]
    fn what_a_spec_is_stacked_on() {
        let (a, b, c) = (
            built("a", &[], 1),
            built("b", &["a"], 2),
            built("c", &[], 3),
        );
        let mut open = built("d", &[], 4);
        std::sync::Arc::make_mut(&mut open.plan)
            .chunks
            .push(chunk("x", &[]));
        let all = [a.clone(), b.clone(), c.clone(), open];
        let branch = |id: &str| Ok(Some(format!("codelicious/{id}")));
        assert_eq!(on(&[], &all), Ok(None));
        assert_eq!(on(&["a"], &all), branch("a"));
        assert_eq!(on(&["a", "b"], &all), branch("b"), "b stands on a");
        assert_eq!(on(&["b", "a"], &all), branch("b"));
        assert_eq!(on(&["a"], &[merged(a.clone())]), Ok(None));
        assert_eq!(on(&["a", "c"], &[merged(a), c]), branch("c"));
        assert!(
            on(&["b", "c"], &all)
                .unwrap_err()
                .contains("merge one first")
        );
        assert!(on(&["d"], &all).unwrap_err().contains("1 of 2"));
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        let second = Duration::from_secs(1);
        assert_eq!(pause(Duration::ZERO, 0), Duration::ZERO);
        assert_eq!(pause(Duration::ZERO, 1), second * 2, "never a spin");
        assert_eq!(pause(second * 60, 1), second * 120);
        assert_eq!(pause(second * 60, 40), MAX_PAUSE);
    }

    #[test]
    fn a_finished_lane_is_left_alone() {
        let lane = merged(built("a", &[], 1));
        assert!(!has_work(&lane, at(0)));
        assert!(!may_get_further(&lane));
    }
}
