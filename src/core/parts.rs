//! Which part of a series holds a piece of work, and when nothing is built until people caught up.

use super::decide::is_over;
use super::lane::Lane;
use crate::model::{ChunkId, PrMode, PrRecord, PrState};

/// The part that a verified piece of work of `lines` changed lines goes to: the current one, unless that is over
/// or the work does not fit it any more. A piece that is larger than a whole part has one of its own.
pub fn choose_part(lane: &Lane, lines: u32) -> u32 {
    match latest(lane) {
        None => 1,
        Some(pr) if is_over(lane, pr) || !fits(lane, pr.part, lines) => pr.part + 1,
        Some(pr) => pr.part,
    }
}

/// True when nothing more goes into the part, whatever comes next.
pub fn is_full(lane: &Lane, part: u32) -> bool {
    // The smallest piece of work changes one line.
    !fits(lane, part, 1)
}

fn fits(lane: &Lane, part: u32, lines: u32) -> bool {
    let (commits, held) = size(lane, part);
    // The first piece goes in whatever its size.
    if commits == 0 {
        return true;
    }
    match lane.policy.pr.mode {
        PrMode::Part => {
            commits < lane.policy.max_commits && held.saturating_add(lines) <= lane.policy.max_lines
        }
        PrMode::Chunk => false,
        PrMode::Spec => true,
    }
}

/// Commits and counted lines of a part.
fn size(lane: &Lane, part: u32) -> (u32, u32) {
    let held = lane.part_chunks(part);
    let commits = u32::try_from(held.len()).unwrap_or(u32::MAX);
    let lines = held.iter().map(|(_, r, _)| r.lines);
    (commits, lines.fold(0, u32::saturating_add))
}

/// The most lines that a part may hold; None where size does not matter.
pub fn line_cap(lane: &Lane) -> Option<u32> {
    match lane.policy.pr.mode {
        PrMode::Part | PrMode::Chunk => Some(lane.policy.max_lines),
        PrMode::Spec => None,
    }
}

fn latest(lane: &Lane) -> Option<&PrRecord> {
    lane.ledger.prs.iter().max_by_key(|p| p.part)
}

/// Parts whose pull requests wait for people: draft or ready.
fn open(lane: &Lane) -> impl Iterator<Item = &PrRecord> {
    let is_open = |p: &&PrRecord| match p.state {
        PrState::Draft | PrState::Ready => !is_over(lane, p) && lane.part_size(p.part) > 0,
        PrState::Merged | PrState::Closed => false,
    };
    lane.ledger.prs.iter().filter(is_open)
}

/// True when no engine is asked because as many parts are open as may be: what it builds would open one more.
///
/// Decided before an engine is paid, when the size of its work is not known. Work that turns out not to fit the
/// current part opens one part too many, and then nothing is built until the number is down again.
pub fn waits_for_people(lane: &Lane) -> bool {
    let Some(most) = lane.policy.pr.max_open else {
        return false;
    };
    let most = usize::try_from(most.max(1)).unwrap_or(usize::MAX);
    let count = open(lane).count();
    count >= most
        && lane.next_chunk().is_some()
        && (count > most || latest(lane).is_none_or(|p| is_over(lane, p) || is_full(lane, p.part)))
}

/// Why nothing is built, with what to do about it.
pub fn waiting_words(lane: &Lane) -> Option<String> {
    if !waits_for_people(lane) {
        return None;
    }
    let name = |p: &PrRecord| match p.number {
        Some(number) => format!("#{number}"),
        None => p.branch.clone(),
    };
    let names: Vec<String> = open(lane).map(name).collect();
    let (these, are) = match names.len() {
        1 => ("pull request", "is"),
        _ => ("pull requests", "are"),
    };
    let most = lane.policy.pr.max_open.unwrap_or_default();
    Some(format!(
        "{}: nothing more is built until people caught up: {these} {} {are} open, and {most} may be at a time; merge one, or raise `[pr] max_open`",
        lane.ledger.path,
        names.join(", ")
    ))
}

/// What to say of a piece of work that is larger than a whole part; None where it is not.
pub fn oversize_words(lane: &Lane, lines: u32) -> Option<String> {
    let most = line_cap(lane).filter(|most| lines > *most)?;
    Some(format!(
        "{lines} changed lines in one task, above the bound of {most} (`[pr] max_lines`): it has a pull request of its own"
    ))
}

/// Committed chunks of a part of which nobody here knows how they were verified: the ledger that said so is gone,
/// and so is the trailer.
pub fn unknown(lane: &Lane, part: u32) -> Vec<ChunkId> {
    let held = lane.part_chunks(part).into_iter();
    held.filter(|(_, r, _)| r.evidence.is_none())
        .map(|(c, ..)| c.id.clone())
        .collect()
}

/// Says which pull requests stay drafts because of [`unknown`] commits.
pub fn unknown_words(lane: &Lane) -> Vec<String> {
    let drafts = open(lane).filter(|p| p.state == PrState::Draft && p.number.is_some());
    let those = drafts.filter_map(|p| {
        let first = unknown(lane, p.part).into_iter().next()?;
        Some(format!(
            "{}: how {first} was verified is not known here, so the pull request of part {} stays a draft: look at it and declare it ready",
            lane.ledger.path, p.part
        ))
    });
    those.collect()
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
