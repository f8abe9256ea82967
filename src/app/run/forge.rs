//! Asking the forge what became of pull requests, before lanes are held against it.

use super::Session;
use crate::app::survey::{Survey, Surveyed};
use crate::core::forge_facts::{ForgeFacts, PrFact};
use crate::core::lane::part_branch;
use crate::git::split_branch;
use crate::model::{EventKind, Ledger, PrState, SpecId};
use crate::ports::ForgeErrorKind;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Bound on one answer.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// Pull requests of one spec that are asked for at most, the latest.
const MAX_ASKED: usize = 50;

impl Session<'_> {
    /// Puts the forge's answers into the survey. What it does not answer stays unknown, which is said once.
    pub(super) async fn ask_forge(&self, found: &mut Survey, ledgers: &BTreeMap<SpecId, Ledger>) {
        let mut said = BTreeSet::new();
        for (id, spec) in &mut found.specs {
            for head in heads(spec, ledgers.get(id)) {
                let answer = tokio::time::timeout(ANSWER_TIME, self.shells.forge.find(&head)).await;
                let (why, goes_on) = match answer {
                    Ok(Ok(pr)) => {
                        let fact = pr.map(|pr| PrFact {
                            number: pr.number,
                            url: pr.url,
                            state: pr.state,
                            base: pr.base,
                        });
                        spec.facts.forge.insert(head, fact);
                        continue;
                    }
                    // What is wrong with one pull request says nothing of the next one.
                    Ok(Err(e)) => (e.message, e.kind == ForgeErrorKind::Refused),
                    Err(_) => ("it does not answer".to_owned(), false),
                };
                if said.insert(why.clone()) {
                    let message = format!(
                        "the forge cannot say what became of {head}: {why}; going on with what is known"
                    );
                    self.say(EventKind::Warning { message });
                }
                if !goes_on {
                    return;
                }
            }
        }
    }
}

/// Head branches of the parts that may have a pull request which is not over.
fn heads(spec: &Surveyed, ledger: Option<&Ledger>) -> Vec<String> {
    let first = ledger.map_or(&spec.branch, |l| &l.branch);
    let recorded = ledger.into_iter().flat_map(|l| &l.prs);
    let over: BTreeSet<&String> = recorded
        .clone()
        .filter(|p| {
            p.state == PrState::Merged && !spec.facts.commits.iter().any(|c| c.part == Some(p.part))
        })
        .map(|p| &p.branch)
        .collect();
    let built = spec.facts.commits.iter().filter_map(|c| c.part);
    let heads: BTreeSet<String> = recorded
        .map(|p| p.branch.clone())
        .chain(spec.facts.remote.keys().cloned())
        .chain(built.map(|part| part_branch(first, part)))
        .chain(spec.facts.merged_parts.values().map(|(b, _)| b.clone()))
        .filter(|branch| !over.contains(branch))
        .collect();
    let mut heads: Vec<String> = heads.into_iter().collect();
    heads.sort_by_key(|branch| std::cmp::Reverse(split_branch(branch).map(|(_, part)| part)));
    heads.truncate(MAX_ASKED);
    heads
}

/// What is known of the forge for a spec that is looked at once more.
pub(super) fn known(found: &Survey, id: &SpecId) -> ForgeFacts {
    found
        .specs
        .get(id)
        .map(|s| s.facts.forge.clone())
        .unwrap_or_default()
}
