//! Recovery: what was remembered, held against what git says. Git wins, and every repair has a reason.

use super::absorb::{note_part, settle};
use super::decide::is_over;
use super::forge_facts::{self, ForgeFacts};
use super::lane::{Lane, Policy};
use super::parts::{unknown_words, waiting_words};
use super::restack::{Decision, restack};
use super::transition::{ChunkInput, IllegalTransition, transition};
use crate::model::Verdict;
use crate::model::ledger::SpecBase;
use crate::model::{
    AttemptEnd, ChunkId, ChunkState, Cost, Evidence, Intent, Ledger, Oid, PrRecord, PrState,
    SkippedBy, SpecId, SpecPlan,
};
use std::collections::{BTreeMap, BTreeSet};

/// What git knows about a lane.
#[derive(Clone, Debug, Default)]
pub struct LaneFacts {
    /// Tip of the lane; None when there is no lane yet.
    pub tip: Option<Oid>,
    pub base: Option<SpecBase>,
    /// Commits of the lane that the base does not have, oldest first.
    pub commits: Vec<LaneCommit>,
    /// Chunks whose mark stands in the spec on the base.
    pub on_base: BTreeSet<ChunkId>,
    /// Branches of this series on the remote, as of the last fetch.
    pub remote: BTreeMap<String, Oid>,
    /// How those of them that are not in the lane's history stand to it.
    pub standings: BTreeMap<String, Standing>,
    /// Branches of this series here that hold an earlier version of the lane and nothing else.
    pub earlier_here: BTreeSet<String>,
    /// Branches of this series that somebody has checked out.
    pub checked_out: BTreeSet<String>,
    /// What the forge says about their pull requests.
    pub forge: ForgeFacts,
    /// Parts of an earlier lane of this spec, whose numbers and branches are used up.
    pub merged_parts: BTreeMap<u32, (String, Oid)>,
    /// Commit objects named by intents that exist.
    pub objects: BTreeSet<Oid>,
}

/// A branch on the remote that is no commit of the lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has what the lane has up to `holds`, and somebody's commits on top.
    Ahead { holds: Oid },
    /// An earlier version of what the lane and the base hold, and nothing else: it may be replaced.
    Earlier,
    /// Somebody else's.
    Foreign,
}

/// One commit of a lane, as its trailers tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneCommit {
    pub oid: Oid,
    pub chunk: Option<ChunkId>,
    pub part: Option<u32>,
    /// How its work was verified, where it says so.
    pub verdict: Option<Verdict>,
    /// Changed lines, marks not counted.
    pub lines: u32,
    /// It only brings the spec up to date.
    pub sync: bool,
    /// It was made for another spec.
    pub other: Option<Elsewhere>,
}

/// A commit of another spec, on which this lane was stacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    pub spec: SpecId,
    /// What it brought is on the base by now.
    pub is_on_base: bool,
}

/// How much of the past counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Stopped chunks stay stopped unless something changed; failed ones come back within their bound.
    Remembered,
    /// `--no-resume`: remembered stops are forgotten for this run.
    Forgetful,
    /// Another look in the same run: what stopped in it stays stopped unless something changed.
    SameRun,
}

/// A lane ready to go on, and what had to be repaired, in words for people.
#[derive(Debug)]
pub struct Recovered {
    pub lane: Lane,
    pub repairs: Vec<String>,
    /// What stays as it is and should be known, with what to do about it.
    pub warnings: Vec<String>,
}

/// Holds a ledger (or a fresh one) against git.
///
/// # Errors
/// [`IllegalTransition`]: a bug, since every repair is a legal move.
pub fn recover(
    policy: Policy,
    ledger: Ledger,
    plan: SpecPlan,
    facts: &LaneFacts,
    resume: Resume,
) -> Result<Recovered, IllegalTransition> {
    let (mut repairs, mut warnings) = (Vec::new(), Vec::new());
    let mut lane = Lane::new(policy, ledger, plan);
    lane.on_base.clone_from(&facts.on_base);
    lane.tip.clone_from(&facts.tip);
    if let Some(base) = &facts.base {
        lane.ledger.base = Some(base.clone());
    }
    let landing = unfinished_landing(&lane, facts);
    charge_lost_runs(&mut lane);
    // What lies in the worktree is asked about when the lane is prepared, unless it is committed already.
    let plan = std::sync::Arc::clone(&lane.plan);
    let is_done = |id: &ChunkId| plan.chunks.iter().any(|c| c.id == *id && c.done);
    let is_landing = |id: &ChunkId| landing.as_ref().is_some_and(|(chunk, ..)| chunk == id);
    lane.ledger.intents.retain(|i| match i {
        Intent::TakeUp { chunk, .. } => !is_done(chunk),
        // Until it has landed, another crash must find it again.
        Intent::Land { chunk, .. } => is_landing(chunk),
        Intent::Engine { .. } | Intent::Push { .. } | Intent::Pr { .. } => false,
    });

    let by_chunk: BTreeMap<&ChunkId, &LaneCommit> = facts
        .commits
        .iter()
        .filter_map(|c| c.chunk.as_ref().map(|id| (id, c)))
        .collect();
    let ids: Vec<ChunkId> = lane.plan.chunks.iter().map(|c| c.id.clone()).collect();
    for id in &ids {
        let is_landing = landing.as_ref().is_some_and(|(chunk, ..)| chunk == id);
        if !is_landing {
            repair_chunk(
                &mut lane,
                id,
                by_chunk.get(id).copied(),
                facts,
                resume,
                &mut repairs,
            )?;
        }
    }
    for commit in &facts.commits {
        if let Some(id) = commit
            .chunk
            .as_ref()
            .filter(|id| lane.chunk(id).is_some_and(|c| !c.done) && !is_skipped(&lane, id))
        {
            repairs.push(format!(
                "{id}: commit {} stands, but its mark was taken away; it is built again",
                commit.oid.short()
            ));
        }
    }
    repair_parts(&mut lane, facts);
    forge_facts::adopt(&mut lane, facts, &mut repairs, &mut warnings);
    repair_deliveries(&mut lane, facts, &mut repairs, &mut warnings);
    if let Some((chunk, part, commit)) = landing {
        repairs.push(format!(
            "{chunk}: verified before the last run ended; its commit is landed now"
        ));
        lane.resume_landing = Some((chunk, part, commit));
    }
    match restack(&lane, facts) {
        Decision::NotDue => {}
        Decision::Due(plan) => lane.restack = Some(plan),
        Decision::Refused(why) => warnings.push(why),
    }
    // What waits for something that stopped goes on waiting, if that is all there is; that was said before.
    if lane.plan.not_built.is_none() {
        settle(&mut lane, &mut Vec::new())?;
    }
    warnings.extend(waiting_words(&lane));
    warnings.extend(unknown_words(&lane));
    Ok(Recovered {
        lane,
        repairs,
        warnings,
    })
}

/// What an engine run spent that nobody heard the end of is not known.
fn charge_lost_runs(lane: &mut Lane) {
    for intent in std::mem::take(&mut lane.ledger.intents) {
        if let Intent::Engine { chunk, attempt, .. } = &intent
            && let Some(record) = lane.ledger.chunks.get_mut(chunk)
            && let Some(a) = record.attempts.iter_mut().find(|a| a.n == *attempt)
        {
            (a.lost, a.cost) = (true, Cost::Unknown);
        }
        lane.ledger.intents.push(intent);
    }
}

/// True for what a person does not want any more.
fn is_skipped(lane: &Lane, id: &ChunkId) -> bool {
    matches!(
        lane.state(id),
        ChunkState::Skipped {
            by: SkippedBy::Person,
            ..
        }
    )
}

/// A commit that was sealed and about to land when the run ended: the tip is still the old one and the
/// object is there, so the verified work need not be bought again.
fn unfinished_landing(lane: &Lane, facts: &LaneFacts) -> Option<(ChunkId, u32, Oid)> {
    lane.ledger.intents.iter().find_map(|intent| match intent {
        Intent::Land {
            chunk,
            part,
            old,
            new,
        } if facts.tip.as_ref() == Some(old)
            && facts.objects.contains(new)
            && lane.chunk(chunk).is_some_and(|c| !c.done)
            && matches!(lane.state(chunk), ChunkState::Verifying { .. }) =>
        {
            Some((chunk.clone(), *part, new.clone()))
        }
        _ => None,
    })
}

fn repair_chunk(
    lane: &mut Lane,
    id: &ChunkId,
    commit: Option<&LaneCommit>,
    facts: &LaneFacts,
    resume: Resume,
    repairs: &mut Vec<String>,
) -> Result<(), IllegalTransition> {
    let Some(chunk) = lane.chunk(id).cloned() else {
        return Ok(());
    };
    let known = lane.record(id).is_some();
    let retry_bound = lane.policy.max_attempts;
    let record = lane.record_mut(id);
    let changed = record.fingerprint != chunk.fingerprint;
    record.title.clone_from(&chunk.title);
    record.fingerprint.clone_from(&chunk.fingerprint);
    let was = record.state.clone();
    let accepted = record.accepted().is_some();

    let input = if chunk.done {
        let oid = commit
            .map(|c| c.oid.clone())
            .or_else(|| facts.base.as_ref().map(|b| b.commit.clone()));
        if let Some(c) = commit {
            record.part = c.part.or(record.part);
            record.lines = c.lines;
            // What the checks said went with the ledger; that they passed stands in the commit.
            if record.evidence.is_none() {
                record.evidence = c.verdict.map(|v| Evidence {
                    unverified: v == Verdict::Unverified,
                    told: Some(v),
                    ..Evidence::default()
                });
            }
        }
        if known && !matches!(was, ChunkState::Committed { .. }) {
            repairs.push(format!(
                "{id}: its mark stands in the spec; it was remembered as {}",
                was.word()
            ));
        }
        let standing = match (&was, oid) {
            (ChunkState::Committed { commit }, None) => Some(commit.clone()),
            (_, oid) => oid,
        };
        standing.map(|commit| ChunkInput::MarkFound { commit })
    } else {
        match &was {
            ChunkState::Pending => None,
            ChunkState::Committed { .. } => {
                repairs.push(format!("{id}: its mark was taken away; it is open again"));
                record.part = None;
                Some(ChunkInput::MarkLost)
            }
            ChunkState::Verifying { .. } if accepted && !changed => None,
            ChunkState::InProgress { .. }
            | ChunkState::Verifying { .. }
            | ChunkState::Fixing { .. } => {
                repairs.push(format!(
                    "{id}: interrupted while {}; it starts again",
                    was.word()
                ));
                Some(ChunkInput::Returned)
            }
            // A person's word stands until a person takes it back, whatever becomes of the task's text.
            ChunkState::Skipped { by, .. } => {
                (*by == SkippedBy::Dependency).then_some(ChunkInput::Reopened)
            }
            ChunkState::Failed { .. } => {
                let retry = match resume {
                    Resume::Remembered => record.counted_attempts() < retry_bound,
                    Resume::Forgetful => true,
                    Resume::SameRun => false,
                };
                (changed || retry).then_some(ChunkInput::Reopened)
            }
            ChunkState::NeedsReview { .. }
            | ChunkState::Blocked { .. }
            | ChunkState::AwaitingApproval { .. } => {
                (changed || resume == Resume::Forgetful).then_some(ChunkInput::Reopened)
            }
        }
    };
    let end = if chunk.done {
        AttemptEnd::Committed
    } else {
        AttemptEnd::Interrupted
    };
    for attempt in record
        .attempts
        .iter_mut()
        .filter(|a| a.end == AttemptEnd::Running)
    {
        attempt.end = end.clone();
    }
    // Accepted work that landed in a run that did not get to say so.
    if let (true, true, Some(last), Some(_)) =
        (accepted, chunk.done, record.attempts.last_mut(), commit)
    {
        last.end = AttemptEnd::Committed;
    }
    if let Some(input) = input {
        record.state = transition(&was, input)?;
    }
    Ok(())
}

/// Parts and their tips, from git.
fn repair_parts(lane: &mut Lane, facts: &LaneFacts) {
    for (part, (branch, tip)) in &facts.merged_parts {
        note_part(lane, *part, tip);
        if let Some(pr) = lane.ledger.prs.iter_mut().find(|p| p.part == *part) {
            pr.state = PrState::Merged;
            pr.branch.clone_from(branch);
        }
    }
    // A part that git no longer knows (merged and gone, or a lane that began anew) keeps its record: its
    // number is not used twice.
    for commit in &facts.commits {
        if let Some(part) = commit.part.filter(|_| commit.chunk.is_some()) {
            note_part(lane, part, &commit.oid);
        }
    }
    // A person's commits on top of the last part belong to it.
    if let (Some(tip), Some(last)) = (
        facts.tip.as_ref(),
        lane.ledger.prs.iter().map(|p| p.part).max(),
    ) && facts.commits.iter().any(|c| c.part == Some(last))
    {
        note_part(lane, last, tip);
    }
}

/// What the remote holds of the parts.
fn repair_deliveries(
    lane: &mut Lane,
    facts: &LaneFacts,
    repairs: &mut Vec<String>,
    warnings: &mut Vec<String>,
) {
    let before = std::mem::take(&mut lane.ledger.pushed);
    for pr in lane.ledger.prs.clone() {
        repair_delivery(lane, &pr, &before, facts, repairs, warnings);
    }
}

fn repair_delivery(
    lane: &mut Lane,
    pr: &PrRecord,
    before: &BTreeMap<String, Oid>,
    facts: &LaneFacts,
    repairs: &mut Vec<String>,
    warnings: &mut Vec<String>,
) {
    let is_open = !is_over(lane, pr);
    let Some(there) = facts.remote.get(&pr.branch) else {
        if is_open && lane.policy.remote.is_some() && before.contains_key(&pr.branch) {
            repairs.push(format!(
                "the branch {} is gone from the remote; it is sent again",
                pr.branch
            ));
        }
        return;
    };
    let place = |oid: &Oid| facts.commits.iter().position(|c| c.oid == *oid);
    let (mut holds, mut on_top) = (there, false);
    match facts.standings.get(&pr.branch) {
        Some(Standing::Ahead { holds: youngest }) => (holds, on_top) = (youngest, true),
        Some(Standing::Earlier) if is_open => {
            lane.replaces.insert(pr.branch.clone(), there.clone());
        }
        Some(Standing::Foreign) => on_top = true,
        Some(Standing::Earlier) | None => {}
    }
    // A branch that holds the part's last commit and more has all that there is to send.
    let has_all =
        matches!((place(&pr.tip), place(holds)), (Some(last), Some(held)) if last <= held);
    let pushed = if has_all { &pr.tip } else { there };
    if on_top && is_open {
        warnings.push(if has_all {
            format!(
                "somebody's commits stand on {}, and later parts do not have them",
                pr.branch
            )
        } else {
            format!(
                "the branch {} on the remote was moved by somebody else to {}: nothing there is overwritten, and what was built here is not sent until the branch is merged into it, or gone from there",
                pr.branch,
                there.short()
            )
        });
    }
    lane.ledger.pushed.insert(pr.branch.clone(), pushed.clone());
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod reconcile_tests;
#[cfg(test)]
#[path = "recover_tests.rs"]
mod tests;
