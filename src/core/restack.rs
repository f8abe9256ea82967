//! Restacking: when a lower part is on the base, what later parts hold is replayed onto the base.
//!
//! A rebase by git would conflict on the spec, where each commit changes a line of one list. So the work is
//! replayed without the spec, and each commit sets its own marks anew in the text that it finds.

use super::absorb::LaneEvent;
use super::decide::{closed_part, pr_base};
use super::lane::Lane;
use super::recover::{LaneCommit, LaneFacts, Standing};
use super::transition::{ChunkInput, IllegalTransition};
use crate::model::ledger::SpecBase;
use crate::model::{ChunkId, ChunkState, EventKind, Oid, Spec, SpecId, Task, TaskMark};
use crate::spec::{self, ParseOptions};
use std::collections::{BTreeMap, BTreeSet};

/// What to replay onto what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestackPlan {
    /// Where the lane stands.
    pub old: Oid,
    pub onto: SpecBase,
    /// Commits of the open parts, oldest first. What else the lane holds is on the base, or brings the spec up
    /// to date, which is done anew.
    pub replay: Vec<Replay>,
    /// Parts that are on the base although the lane still holds their commits.
    pub merged: Vec<u32>,
    /// The same of other specs, on which the lane was stacked.
    pub specs: Vec<SpecId>,
    /// The lane's commit below the first one that is replayed.
    pub below: Oid,
    /// Where branches of the open parts stand on the remote.
    pub seen: BTreeMap<String, Oid>,
}

/// One commit to replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    pub commit: Oid,
    pub chunk: ChunkId,
    pub part: u32,
}

impl RestackPlan {
    /// Numbers of the parts that are replayed, in order.
    pub fn open(&self) -> Vec<u32> {
        let parts: BTreeSet<u32> = self.replay.iter().map(|r| r.part).collect();
        parts.into_iter().collect()
    }
}

/// Whether a lane is restacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No part below an open one is on the base, or the base has its very commits.
    NotDue,
    Due(RestackPlan),
    /// It is due and not done; why, and what to do about it.
    Refused(String),
}

/// Decides for a lane that was held against git.
pub fn restack(lane: &Lane, facts: &LaneFacts) -> Decision {
    let (Some(tip), Some(base)) = (&facts.tip, &facts.base) else {
        return Decision::NotDue;
    };
    // A commit that is about to land belongs onto the tip that it was made for.
    let waits = lane.resume_landing.is_some()
        || lane.plan.not_built.is_some()
        || closed_part(lane).is_some();
    if waits {
        return Decision::NotDue;
    }
    let placed = placed(&facts.commits);
    let open: BTreeSet<u32> = placed
        .iter()
        .filter(|(_, chunk, _)| !is_on_base(&facts.on_base, chunk))
        .map(|(.., part)| *part)
        .collect();
    let merged: BTreeSet<u32> = placed
        .iter()
        .map(|(.., part)| *part)
        .filter(|part| !open.contains(part))
        .collect();
    let others = || facts.commits.iter().filter_map(|c| c.other.as_ref());
    let unmerged: BTreeSet<&SpecId> = others()
        .filter(|o| !o.is_on_base)
        .map(|o| &o.spec)
        .collect();
    let specs: BTreeSet<&SpecId> = others()
        .map(|other| &other.spec)
        .filter(|spec| !unmerged.contains(spec))
        .collect();
    if open.is_empty() || (merged.is_empty() && specs.is_empty()) {
        return Decision::NotDue;
    }
    let replay: Vec<Replay> = placed
        .iter()
        .filter(|(_, chunk, _)| !is_on_base(&facts.on_base, chunk))
        .map(|(commit, chunk, part)| Replay {
            commit: (*commit).clone(),
            chunk: (*chunk).clone(),
            part: *part,
        })
        .collect();
    let at = |c: &LaneCommit| replay.first().is_some_and(|r| r.commit == c.oid);
    let Some(below) = facts
        .commits
        .iter()
        .position(at)
        .and_then(|first| facts.commits.get(first.checked_sub(1)?))
    else {
        // Open work is the lowest of all: what is on the base stands above it.
        return Decision::NotDue;
    };
    let branches = open.iter().map(|part| lane.branch(*part));
    let plan = RestackPlan {
        below: below.oid.clone(),
        seen: branches
            .filter_map(|b| Some((b.clone(), facts.remote.get(&b)?.clone())))
            .collect(),
        old: tip.clone(),
        onto: base.clone(),
        replay,
        merged: merged.into_iter().collect(),
        specs: specs.into_iter().cloned().collect(),
    };
    match obstacle(lane, facts, &plan) {
        Some(why) => Decision::Refused(refusal(lane, &plan, &why)),
        None => Decision::Due(plan),
    }
}

/// The sentence for a restack that is not done.
fn refusal(lane: &Lane, plan: &RestackPlan, why: &str) -> String {
    let open = plan.open();
    let (Some(first), Some(last)) = (open.first(), open.last()) else {
        return why.to_owned();
    };
    let all = if first == last { "" } else { "--update-refs " };
    format!(
        "{} on {}, but {} not moved there: {why}; the pull request of part {first} goes into {} now; by hand: git rebase {all}--onto {} {} {}",
        is_there(plan),
        plan.onto.branch,
        are(&open),
        pr_base(lane, *first),
        plan.onto.commit.short(),
        plan.below.short(),
        lane.branch(*last)
    )
}

/// Takes in that the lane was restacked.
///
/// # Errors
/// [`IllegalTransition`]: a bug.
pub(super) fn done(
    lane: &mut Lane,
    tip: Oid,
    moved: &[(Oid, Oid)],
    kept: &str,
    notes: Vec<String>,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    let Some(plan) = lane.restack.take() else {
        return Ok(());
    };
    let now: BTreeMap<&Oid, &Oid> = moved.iter().map(|(old, new)| (old, new)).collect();
    let mut tips: BTreeMap<u32, Oid> = BTreeMap::new();
    for replay in &plan.replay {
        let Some(commit) = now.get(&replay.commit).map(|new| (*new).clone()) else {
            continue;
        };
        tips.insert(replay.part, commit.clone());
        let was = ChunkState::Committed {
            commit: replay.commit.clone(),
        };
        if *lane.state(&replay.chunk) == was {
            lane.step(&replay.chunk, ChunkInput::MarkFound { commit })?;
        }
    }
    if let Some(mut last) = tips.last_entry() {
        last.insert(tip.clone());
    }
    for pr in &mut lane.ledger.prs {
        let Some(new) = tips.remove(&pr.part) else {
            continue;
        };
        if let Some(there) = plan.seen.get(&pr.branch).filter(|there| **there != new) {
            lane.replaces.insert(pr.branch.clone(), there.clone());
        }
        pr.tip = new;
    }
    lane.start.lane_ref = Some(tip.clone());
    (lane.start.archive, lane.start.sync, lane.start.renamed_from) = (None, None, None);
    lane.tip = Some(tip);
    let what = format!(
        "{} on {}: {} moved there (as before: {kept})",
        is_there(&plan),
        plan.onto.branch,
        are(&plan.open())
    );
    events.push((None, EventKind::Repaired { what }));
    let warnings = notes.into_iter();
    events.extend(warnings.map(|message| (None, EventKind::Warning { message })));
    Ok(())
}

/// Takes in that the lane could not be restacked: it stays as it is.
pub(super) fn refused(lane: &mut Lane, why: &str, events: &mut Vec<LaneEvent>) {
    if let Some(plan) = lane.restack.take() {
        let message = refusal(lane, &plan, why);
        events.push((None, EventKind::Warning { message }));
    }
}

/// What stands in the way, in words for people.
fn obstacle(lane: &Lane, facts: &LaneFacts, plan: &RestackPlan) -> Option<String> {
    let foreign = facts
        .commits
        .iter()
        .find(|c| {
            let is_known = c.other.as_ref().is_some_and(|o| o.is_on_base);
            c.chunk.is_none() && !c.sync && !is_known
        })
        .map(|c| match &c.other {
            Some(other) => format!("the commit {} belongs to {}", c.oid.short(), other.spec),
            None => format!("the commit {} is somebody else's", c.oid.short()),
        });
    let branches: Vec<String> = plan.open().iter().map(|p| lane.branch(*p)).collect();
    let pushed = branches
        .iter()
        .find(|b| {
            matches!(
                facts.standings.get(*b),
                Some(Standing::Ahead { .. } | Standing::Foreign)
            )
        })
        .map(|b| format!("somebody pushed to {b}"));
    let in_use = branches
        .iter()
        .find(|b| facts.checked_out.contains(*b))
        .map(|b| format!("the branch {b} is checked out (switch to another one and run again)"));
    foreign.or(pushed).or(in_use)
}

/// Chunk commits with the part each belongs to: as its trailer says, else as the one before it.
fn placed(commits: &[LaneCommit]) -> Vec<(&Oid, &ChunkId, u32)> {
    let mut part = 1;
    let mut placed = Vec::new();
    for commit in commits {
        if let Some(chunk) = &commit.chunk {
            part = commit.part.unwrap_or(part);
            placed.push((&commit.oid, chunk, part));
        }
    }
    placed
}

/// True for a chunk whose mark stands on the base; a part of a split task also when all of it is done there.
pub fn is_on_base(on_base: &BTreeSet<ChunkId>, chunk: &ChunkId) -> bool {
    let whole = chunk.as_str().rsplit_once('+').map(|(task, _)| task);
    on_base.contains(chunk) || whole.is_some_and(|task| on_base.contains(&ChunkId::from(task)))
}

/// What is on the base: `part 1 is`, `specs-a is`, `specs-a and part 1 are`.
fn is_there(plan: &RestackPlan) -> String {
    let specs: Vec<&str> = plan.specs.iter().map(SpecId::as_str).collect();
    match (specs.as_slice(), plan.merged.as_slice()) {
        ([], merged) => are(merged),
        ([one], []) => format!("{one} is"),
        (many, []) => format!("{} are", many.join(" and ")),
        (many, merged) => {
            let merged = are(merged);
            let merged = merged.rsplit_once(' ').map_or("", |(parts, _)| parts);
            format!("{} and {merged} are", many.join(" and "))
        }
    }
}

fn are(parts: &[u32]) -> String {
    let numbers: Vec<String> = parts.iter().map(u32::to_string).collect();
    match numbers.as_slice() {
        [one] => format!("part {one} is"),
        many => format!("parts {} are", many.join(" and ")),
    }
}

/// A spec's text at several places, as replaying needs it.
#[derive(Clone, Debug)]
pub struct SpecTexts {
    /// Where it stands, which tells its format.
    pub path: String,
    /// What the spec says when everything is replayed.
    pub finished: Vec<u8>,
    /// What it says on the base.
    pub base: Option<Vec<u8>>,
    /// Sections without boxes are tasks.
    pub prose: bool,
}

/// Tasks and the marks that a commit gave them.
pub type Marks = BTreeMap<ChunkId, TaskMark>;

impl SpecTexts {
    /// The text below the replayed commits: as it will be, without the marks that these commits set.
    ///
    /// # Errors
    /// A text that cannot be parsed, in words for people.
    pub fn below(&self, replayed: &[Marks]) -> Result<Vec<u8>, String> {
        let on_base = self.marks_of(self.base.as_deref())?;
        let before = replayed
            .iter()
            .flat_map(BTreeMap::keys)
            .map(|task| {
                let mark = on_base.get(task).cloned().unwrap_or(TaskMark::Open);
                (task.clone(), mark)
            })
            .collect();
        self.set(&self.finished, &before)
    }

    /// The text after a commit that gives these marks, on top of `text`. A mark that a person took away since
    /// is not set again.
    ///
    /// # Errors
    /// As [`SpecTexts::below`].
    pub fn after(&self, text: &[u8], given: &Marks) -> Result<Vec<u8>, String> {
        let finished = self.marks_of(Some(&self.finished))?;
        let kept = given
            .iter()
            .filter(|(task, _)| finished.get(*task).is_some_and(|m| *m != TaskMark::Open))
            .map(|(task, mark)| (task.clone(), mark.clone()))
            .collect();
        self.set(text, &kept)
    }

    /// The marks that a commit gave: those of its text that its parent's lacks.
    ///
    /// # Errors
    /// As [`SpecTexts::below`].
    pub fn given(&self, before: Option<&[u8]>, after: Option<&[u8]>) -> Result<Marks, String> {
        let (before, mut after) = (self.marks_of(before)?, self.marks_of(after)?);
        after.retain(|task, mark| *mark != TaskMark::Open && before.get(task) != Some(&*mark));
        Ok(after)
    }

    /// The marks in a text, under the ids that its tasks have in the finished one: a heading that was renamed
    /// gives the tasks below it other ids, and they are the same all the same.
    fn marks_of(&self, text: Option<&[u8]>) -> Result<Marks, String> {
        let Some(text) = text else {
            return Ok(Marks::new());
        };
        let finished = self.parsed(&self.finished)?.tasks;
        let named = |task: &Task| {
            let same = |t: &&Task| t.title == task.title && t.fingerprint == task.fingerprint;
            let mut alike = finished.iter().filter(same);
            match (alike.next(), alike.next()) {
                _ if finished.iter().any(|t| t.id == task.id) => Some(task.id.clone()),
                (Some(only), None) => Some(only.id.clone()),
                (Some(_) | None, _) => None,
            }
        };
        let spec = self.parsed(text)?;
        let chunks = spec.chunk_marks.iter().map(|c| &c.id);
        let chunks: Vec<(ChunkId, TaskMark)> =
            chunks.map(|id| (id.clone(), spec.chunk_mark(id))).collect();
        let tasks = spec.tasks.into_iter();
        let tasks = tasks.filter_map(|t| Some((named(&t)?, t.mark)));
        Ok(tasks.chain(chunks).collect())
    }

    fn set(&self, text: &[u8], marks: &Marks) -> Result<Vec<u8>, String> {
        let text = spec::with_marks(text, &self.parsed(text)?, marks);
        // Of the marks in question those of planned chunks stand in the finished text, as a line each.
        let finished = self.parsed(&self.finished)?;
        let mut seen = BTreeSet::new();
        let chunks: Vec<(ChunkId, TaskMark)> = finished
            .chunk_marks
            .iter()
            .filter(|c| seen.insert(&c.id))
            .filter_map(|c| Some((c.id.clone(), marks.get(&c.id)?.clone())))
            .collect();
        if chunks.is_empty() {
            return Ok(text);
        }
        let spec = self.parsed(&text)?;
        Ok(spec::with_chunk_marks(&text, &spec, &chunks))
    }

    fn parsed(&self, text: &[u8]) -> Result<Spec, String> {
        let options = ParseOptions {
            prose: self.prose,
            ..ParseOptions::default()
        };
        spec::parse(SpecId::new(""), &self.path, text, options)
            .map_err(|d| format!("the spec cannot be read: line {}: {}", d.line, d.message))
    }
}

#[cfg(test)]
#[path = "restack_tests.rs"]
mod tests;
