//! What the forge says about a series, held against what is remembered of it.

use super::decide::{closed_part, pr_base};
use super::lane::Lane;
use super::recover::LaneFacts;
use super::restack::is_on_base;
use crate::model::{PrRecord, PrState};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Answers of the forge, by head branch. A branch that is not in here was not asked about, or the forge could
/// not be asked: nothing is concluded from that.
pub type ForgeFacts = BTreeMap<String, Option<PrFact>>;

/// A pull request as the forge knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrFact {
    pub number: u64,
    pub url: String,
    pub state: PrState,
    /// Branch it is to be merged into.
    pub base: String,
}

/// Brings the parts' records up to what the forge says. Repairs and warnings are sentences for people.
pub(super) fn adopt(
    lane: &mut Lane,
    facts: &LaneFacts,
    repairs: &mut Vec<String>,
    warnings: &mut Vec<String>,
) {
    for at in 0..lane.ledger.prs.len() {
        let Some(part) = lane.ledger.prs.get(at).map(|p| p.part) else {
            continue;
        };
        let on_base = lane.part_is_merged(part);
        // A part of a lane that began anew is history, whatever became of its pull request.
        let held = facts
            .commits
            .iter()
            .any(|c| c.part == Some(part) && c.chunk.is_some());
        let Some(pr) = lane.ledger.prs.get_mut(at) else {
            continue;
        };
        match facts.forge.get(&pr.branch) {
            Some(Some(fact)) => repairs.extend(take_over(pr, fact, on_base, held)),
            Some(None) => repairs.extend(forget(pr)),
            None => {}
        }
        if on_base && pr.state != PrState::Merged {
            repairs.push(format!(
                "part {part} is merged: its marks stand on the base"
            ));
            pr.state = PrState::Merged;
        }
        let lacks = facts.commits.iter().any(|c| {
            let chunk = c.chunk.as_ref().filter(|_| c.part == Some(part));
            chunk.is_some_and(|id| !is_on_base(&facts.on_base, id))
        });
        if pr.state == PrState::Merged && lacks {
            let base = facts
                .base
                .as_ref()
                .map_or("the base", |b| b.branch.as_str());
            warnings.push(format!(
                "part {part} is merged for the forge, but its marks do not stand on {base} as it is known here: later parts keep its commits until they do"
            ));
        }
    }
    for at in 0..lane.ledger.prs.len() {
        let Some((part, branch)) = lane.ledger.prs.get(at).map(|p| (p.part, p.branch.clone()))
        else {
            continue;
        };
        let wanted = pr_base(lane, part);
        if let (Some(Some(fact)), Some(pr)) =
            (facts.forge.get(&branch), lane.ledger.prs.get_mut(at))
            && is_open(fact.state)
            && fact.base != wanted
        {
            // Somebody retargeted it, or it was not retargeted before a run ended.
            pr.content = None;
        }
    }
    leave_closed_alone(lane, warnings);
}

/// A series of which a person closed a pull request is not built further until they say how to go on.
fn leave_closed_alone(lane: &mut Lane, warnings: &mut Vec<String>) {
    let Some(pr) = closed_part(lane) else { return };
    let name = pr.number.map_or_else(String::new, |n| format!(" #{n}"));
    let why = format!(
        "pull request{name} (part {}) was closed without being merged: reopen it to go on, or start again with --fresh",
        pr.part
    );
    warnings.push(format!(
        "{}: nothing is built or sent: {why}",
        lane.ledger.path
    ));
    if lane.plan.not_built.is_none() {
        Arc::make_mut(&mut lane.plan).not_built = Some(why);
    }
}

fn take_over(pr: &mut PrRecord, fact: &PrFact, on_base: bool, held: bool) -> Option<String> {
    let (part, number, was) = (pr.part, fact.number, pr.state);
    let is_new = pr.number != Some(number);
    pr.number = Some(number);
    pr.url = Some(fact.url.clone());
    let now = match (was, fact.state) {
        // What is over stays over, unless the lane still holds its work.
        (PrState::Merged, PrState::Draft | PrState::Ready | PrState::Closed)
            if on_base || !held =>
        {
            PrState::Merged
        }
        (_, PrState::Closed) if on_base => PrState::Merged,
        (_, state) => state,
    };
    pr.state = now;
    if was != now || is_new {
        // Whatever was written last may not be there any more.
        let is_reopened = !is_open(was) && is_open(now);
        if is_new || is_reopened {
            pr.content = None;
        }
        return match (was, now) {
            (PrState::Merged, PrState::Merged) | (PrState::Closed, PrState::Closed) => None,
            (_, PrState::Merged) => Some(format!("part {part}: pull request #{number} is merged")),
            (_, PrState::Closed) => Some(format!(
                "part {part}: pull request #{number} was closed without being merged"
            )),
            (PrState::Closed | PrState::Merged, PrState::Draft | PrState::Ready) => {
                Some(format!("part {part}: pull request #{number} is open again"))
            }
            (PrState::Draft, PrState::Ready) if !is_new => Some(format!(
                "part {part}: somebody declared pull request #{number} ready"
            )),
            (PrState::Ready, PrState::Draft) if !is_new => Some(format!(
                "part {part}: somebody made pull request #{number} a draft again"
            )),
            (PrState::Draft | PrState::Ready, PrState::Draft | PrState::Ready) => {
                Some(format!("part {part}: found its pull request #{number}"))
            }
        };
    }
    None
}

/// The forge has no pull request for the part's branch.
fn forget(pr: &mut PrRecord) -> Option<String> {
    // What is over is not made again.
    if pr.state == PrState::Merged {
        return None;
    }
    let number = pr.number.take()?;
    pr.url = None;
    pr.content = None;
    pr.state = PrState::Draft;
    Some(format!(
        "part {}: pull request #{number} is gone; it is made again",
        pr.part
    ))
}

fn is_open(state: PrState) -> bool {
    matches!(state, PrState::Draft | PrState::Ready)
}
