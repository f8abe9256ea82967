//! Which of a series' branches is the lane, and how the others stand to it.

use super::SpecSurvey;
use super::names::best_tip;
use crate::core::recover::{LaneCommit, Standing};
use crate::git::{GitError, Versions};
use crate::model::{ChunkId, Oid};
use crate::spec::{self};
use std::collections::{BTreeMap, BTreeSet};

impl SpecSurvey<'_> {
    /// The lane's tip, and the lane as it is here when another version of it is to take its place.
    pub(super) fn lane_tip(&self) -> Result<(Option<Oid>, Option<Oid>), GitError> {
        let mut best = best_tip(self.repo, self.id, self.refs, self.base)?;
        let mut on_base = None;
        let others = self.refs.remote.values().chain(self.refs.local.values());
        for tip in others {
            let Some(now) = best.clone().filter(|now| now != tip) else {
                continue;
            };
            let is_own = !self.repo.is_ancestor(tip, &now)?
                && self.repo.is_ours(self.id, &self.base.commit, tip)?
                && !self.repo.was_archived(self.id, tip)?;
            if !is_own {
                continue;
            }
            if self.repo.is_ancestor(&now, tip)? {
                best = Some(tip.clone());
                continue;
            }
            let on_base = match &on_base {
                Some(known) => known,
                None => on_base.insert(self.done_on_base()?),
            };
            if self.versions(on_base).supersedes(tip, &now)? {
                best = Some(tip.clone());
            }
        }
        let replaced = self.refs.lane.clone().filter(|lane| {
            let Some(best) = &best else { return false };
            !self.repo.is_ancestor(lane, best).unwrap_or(true)
        });
        Ok((best, replaced))
    }

    /// How branches on the remote that are no commit of the lane stand to it.
    pub(super) fn standings(
        &self,
        tip: &Oid,
        commits: &[LaneCommit],
        on_base: &BTreeSet<ChunkId>,
    ) -> Result<BTreeMap<String, Standing>, GitError> {
        let mut standings = BTreeMap::new();
        for (branch, there) in &self.refs.remote {
            if commits.iter().any(|c| c.oid == *there)
                || self.repo.is_ancestor(there, &self.base.commit)?
            {
                continue;
            }
            let standing = self.versions(on_base).standing(tip, there)?;
            standings.insert(branch.clone(), standing);
        }
        Ok(standings)
    }

    /// Branches of the series here that hold an earlier version of ours and nothing else.
    pub(super) fn earlier_here(
        &self,
        tip: &Oid,
        commits: &[LaneCommit],
        on_base: &BTreeSet<ChunkId>,
    ) -> Result<BTreeSet<String>, GitError> {
        let mut earlier = BTreeSet::new();
        for (branch, here) in &self.refs.local {
            if !commits.iter().any(|c| c.oid == *here)
                && self.versions(on_base).standing(tip, here)? == Standing::Earlier
            {
                earlier.insert(branch.clone());
            }
        }
        Ok(earlier)
    }

    /// Branches of the series that some worktree has checked out.
    pub(super) fn checked_out(&self) -> BTreeSet<String> {
        let local = self.refs.local.keys().cloned().collect();
        self.repo.checked_out(&local)
    }

    fn versions<'a>(&'a self, on_base: &'a BTreeSet<ChunkId>) -> Versions<'a> {
        Versions {
            repo: self.repo,
            id: self.id,
            path: &self.place.path,
            base: &self.base.commit,
            on_base,
        }
    }

    fn done_on_base(&self) -> Result<BTreeSet<ChunkId>, GitError> {
        let path = self.place.path.as_str();
        let text = self.repo.read_file(&self.base.commit, path)?;
        let spec = text.and_then(|text| {
            let options = self.scope.options(path, &text);
            spec::parse(self.id.clone(), path, &text, options).ok()
        });
        Ok(spec.map(|s| s.marked_done()).unwrap_or_default())
    }
}
