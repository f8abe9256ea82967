//! The whole suite of a part, once, before people are asked to read it: a chunk's own verification may have left out
//! what its changes cannot reach, as far as that can be told.

use super::decide::{is_complete, is_over};
use super::lane::Lane;
use super::parts::unknown;
use crate::model::{ChunkRecord, PrRecord, PrState};

/// The first part whose checks are to be run as a whole now.
pub fn due(lane: &Lane) -> Option<u32> {
    let mut prs = lane.ledger.prs.iter();
    prs.find(|pr| is_wanted(lane, pr) && !is_known(pr))
        .map(|pr| pr.part)
}

/// True when nothing speaks against a part's review: its suite passed, or had nothing more to say.
pub fn is_passed(lane: &Lane, part: u32) -> bool {
    let pr = lane.ledger.prs.iter().find(|p| p.part == part);
    pr.is_none_or(|pr| match &pr.suite {
        Some(suite) if suite.tip == pr.tip => suite.failing.is_empty(),
        _ => !is_wanted(lane, pr),
    })
}

/// Names of the checks that fail for the part as a whole, as it stands.
pub fn failing(pr: &PrRecord) -> &[String] {
    let suite = pr.suite.as_ref().filter(|s| s.tip == pr.tip);
    suite.map_or(&[], |s| s.failing.as_slice())
}

fn is_known(pr: &PrRecord) -> bool {
    pr.suite.as_ref().is_some_and(|s| s.tip == pr.tip)
}

fn is_wanted(lane: &Lane, pr: &PrRecord) -> bool {
    is_complete(lane, pr.part)
        && !is_over(lane, pr)
        && unknown(lane, pr.part).is_empty()
        && lane
            .part_chunks(pr.part)
            .iter()
            .any(|(_, record, _)| left_something_out(record, pr))
}

fn left_something_out(record: &ChunkRecord, pr: &PrRecord) -> bool {
    record.evidence.as_ref().is_some_and(|e| {
        // Of work that was read from git nothing else is known. What was put to review went through it.
        let is_told = e.told.is_some() && pr.state == PrState::Draft && pr.content.is_none();
        is_told || e.checks.iter().any(|c| c.narrowed.is_some())
    })
}
