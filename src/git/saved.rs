//! Work that is kept beside the lane's history, and work that is put back on top of it.

use super::error::{Context, GitError};
use super::repo::{Repo, from_oid, signature, to_oid};
use crate::crash::{self, Point};
use crate::model::Oid;

/// What came of putting saved work back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenUp {
    Stands,
    /// These paths were changed on both sides.
    Conflicts(Vec<String>),
    /// Nothing was saved there.
    Missing,
}

/// Commits of a lane that are looked at for a tree.
pub const LOOKED_BACK: usize = 1_000;

impl Repo {
    /// Saves the lane's changes, and commits an engine made by itself, under `reference`. What that held before is a
    /// parent of what it holds then. None when there
    /// was nothing to save.
    ///
    /// # Errors
    /// Files or objects that cannot be read or written.
    pub fn save_work(
        &mut self,
        tip: &Oid,
        spec: &str,
        reference: &str,
        why: &str,
    ) -> Result<Option<Oid>, GitError> {
        let (head, _) = self.lane_head()?;
        let tree = self.capture(tip, spec)?.tree;
        self.save_tree(&tree, head, tip, reference, why)
    }

    /// The same for work whose tree is known; `head` is the last of the commits that its engine made.
    ///
    /// # Errors
    /// Objects that cannot be read or written.
    pub fn save_tree(
        &mut self,
        tree: &Oid,
        head: Option<Oid>,
        tip: &Oid,
        reference: &str,
        why: &str,
    ) -> Result<Option<Oid>, GitError> {
        let tree = from_oid(tree)?;
        let what = || format!("saving work under {reference}");
        let earlier = self.ref_target(reference)?;
        let saved = {
            let lane = self.opened()?;
            let git = &lane.git;
            let parent = git.find_commit(from_oid(tip)?).doing(what)?;
            let own = head.filter(|h| h != tip);
            if own.is_none() && parent.tree_id() == tree {
                return Ok(None);
            }
            let tree = git.find_tree(tree).doing(what)?;
            let own = match own {
                Some(h) => git.find_commit(from_oid(&h)?).ok(),
                None => None,
            };
            let earlier = earlier.map(|e| from_oid(&e)).transpose()?;
            let earlier = earlier
                .map(|e| git.find_commit(e))
                .transpose()
                .doing(what)?;
            if let Some(e) = &earlier
                && e.tree_id() == tree.id()
                && e.parent_id(0).ok() == Some(parent.id())
            {
                return Ok(Some(to_oid(e.id())));
            }
            let mut parents = vec![&parent];
            parents.extend(own.as_ref());
            parents.extend(
                earlier
                    .as_ref()
                    .filter(|e| own.as_ref().map(git2::Commit::id) != Some(e.id())),
            );
            let author = signature(git)?;
            let saved = git
                .commit(None, &author, &author, why, &tree, &parents)
                .doing(what)?;
            crash::point(Point::ObjectsMade).doing(what)?;
            lane.keep(saved, Some(parent.tree_id()))?;
            to_oid(saved)
        };
        self.set_ref(reference, &saved, "codelicious: set work aside")?;
        Ok(Some(saved))
    }

    /// Keeps commits that an engine made by itself under `reference`, on top of what that holds already.
    ///
    /// # Errors
    /// Objects or refs that cannot be read or written.
    pub fn keep_own(&mut self, reference: &str, own: &Oid) -> Result<(), GitError> {
        let what = || format!("keeping commits under {reference}");
        let kept = match self.ref_target(reference)? {
            Some(earlier) if !self.is_ancestor(&earlier, own)? => {
                let lane = self.opened()?;
                let git = &lane.git;
                let own = git.find_commit(from_oid(own)?).doing(what)?;
                let earlier = git.find_commit(from_oid(&earlier)?).doing(what)?;
                let (me, tree) = (signature(git)?, own.tree().doing(what)?);
                let message = own.message().unwrap_or_default();
                let both = git
                    .commit(None, &me, &me, message, &tree, &[&own, &earlier])
                    .doing(what)?;
                lane.keep(both, Some(tree.id()))?;
                to_oid(both)
            }
            Some(_) | None => own.clone(),
        };
        self.set_ref(reference, &kept, "codelicious: the engine's own commits")
    }

    /// Takes an engine that went elsewhere in history (to another branch, or to before the tip) back to
    /// `tip`: what it changed since it left the lane's history is put on top of the tip. True when the
    /// worktree was changed for that; a change that does not fit is left as it stands.
    ///
    /// # Errors
    /// Files or objects that cannot be read or written.
    pub fn carry_back(&mut self, head: &Oid, tip: &Oid, spec: &str) -> Result<bool, GitError> {
        let Ok(left_at) = self.git.merge_base(from_oid(head)?, from_oid(tip)?) else {
            return Ok(false);
        };
        if left_at == from_oid(tip)? {
            return Ok(false);
        }
        let capture = self.capture(tip, spec)?;
        if !capture.refused.is_empty() {
            return Ok(false);
        }
        let what = || "carrying the engine's work back to the lane".to_owned();
        let git = &self.opened()?.git;
        let tree_of = |id: git2::Oid| git.find_commit(id).and_then(|c| c.tree());
        let mut merged = git
            .merge_trees(
                &tree_of(left_at).doing(what)?,
                &tree_of(from_oid(tip)?).doing(what)?,
                &git.find_tree(from_oid(&capture.tree)?).doing(what)?,
                None,
            )
            .doing(what)?;
        if merged.has_conflicts() {
            return Ok(false);
        }
        let tree = to_oid(merged.write_tree_to(git).doing(what)?);
        self.hold_tree(&tree)?;
        Ok(true)
    }

    /// Puts work that was saved under `reference` on top of `tip` in the lane's worktree, which stands clean
    /// there: what the work changed since its own first parent.
    ///
    /// # Errors
    /// Objects or files that cannot be read or written.
    pub fn take_up(&mut self, reference: &str, tip: &Oid) -> Result<TakenUp, GitError> {
        let Some(saved) = self.ref_target(reference)? else {
            return Ok(TakenUp::Missing);
        };
        let tree = match self.put_on_top(&saved, tip)? {
            Ok(tree) => tree,
            Err(paths) => return Ok(TakenUp::Conflicts(paths)),
        };
        self.hold_tree(&tree)?;
        Ok(TakenUp::Stands)
    }

    /// What a commit changed since its first parent, on top of `tip`, as a tree; or the paths that do not fit.
    fn put_on_top(&mut self, saved: &Oid, tip: &Oid) -> Result<Result<Oid, Vec<String>>, GitError> {
        let what = || format!("merging {} onto {}", saved.short(), tip.short());
        let git = &self.opened()?.git;
        let saved = git.find_commit(from_oid(saved)?).doing(what)?;
        let before = saved.parent(0).and_then(|c| c.tree()).doing(what)?;
        let now = git
            .find_commit(from_oid(tip)?)
            .and_then(|c| c.tree())
            .doing(what)?;
        let work = saved.tree().doing(what)?;
        let mut merged = git.merge_trees(&before, &now, &work, None).doing(what)?;
        if merged.has_conflicts() {
            let mut paths = Vec::new();
            for conflict in merged.conflicts().doing(what)? {
                let conflict = conflict.doing(what)?;
                let side = conflict.our.or(conflict.their).or(conflict.ancestor);
                paths.extend(side.map(|e| String::from_utf8_lossy(&e.path).into_owned()));
            }
            return Ok(Err(paths));
        }
        Ok(Ok(to_oid(merged.write_tree_to(git).doing(what)?)))
    }

    /// True when what is kept under `reference` has this tree.
    ///
    /// # Errors
    /// A ref or a commit that cannot be read.
    pub fn holds_tree(&self, reference: &str, tree: &str) -> Result<bool, GitError> {
        let Some(kept) = self.ref_target(reference)? else {
            return Ok(false);
        };
        let kept = from_oid(&kept)?;
        let commit = self.git.find_commit(kept);
        let held = commit.doing(|| format!("reading {reference}"))?.tree_id();
        Ok(held.to_string() == tree)
    }

    /// True when a commit of the lane up to `tip`, of the last [`LOOKED_BACK`], has this tree: work with that
    /// tree changed nothing.
    ///
    /// # Errors
    /// Commits that cannot be read.
    pub fn had_tree(&self, tip: &Oid, tree: &str) -> Result<bool, GitError> {
        let what = || format!("looking back from {}", tip.short());
        let mut walk = self.git.revwalk().doing(what)?;
        walk.push(from_oid(tip)?).doing(what)?;
        walk.simplify_first_parent().doing(what)?;
        for id in walk.take(LOOKED_BACK) {
            let commit = self.git.find_commit(id.doing(what)?).doing(what)?;
            if commit.tree_id().to_string() == tree {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
