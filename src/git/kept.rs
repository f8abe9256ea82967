//! What in a lane is not an engine's to change, and is put back as soon as one ended: the link to the repository, and
//! the hooks that the repository has in its tree.

use super::error::{Context, GitError};
use super::repo::{Repo, from_oid};
use crate::model::Oid;
use git2::build::CheckoutBuilder;
use git2::{Delta, DiffOptions};

/// Files that are named one by one.
const NAMED: usize = 20;

impl Repo {
    /// Puts these back as they are at `tip`; says what it was.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn restore_kept(&mut self, tip: &Oid) -> Result<Vec<String>, GitError> {
        let mut undone = Vec::new();
        if self.restore_link()? {
            undone.push("put the lane's .git file back, which the engine had changed".to_owned());
        }
        if self.command.is_none() {
            return Ok(undone);
        }
        let Some(folder) = self.hooks_in_tree()? else {
            return Ok(undone);
        };
        let what = || format!("putting the hooks in {} back", folder.display());
        let lane = self.opened()?;
        let tree = lane.git.find_commit(from_oid(tip)?).and_then(|c| c.tree());
        let tree = tree.doing(what)?;
        if tree.get_path(&folder).is_err() {
            return Ok(undone);
        }
        let mut options = DiffOptions::new();
        options
            .include_untracked(true)
            .recurse_untracked_dirs(true)
            .include_ignored(true)
            .recurse_ignored_dirs(true)
            .include_typechange(true)
            .disable_pathspec_match(true)
            .pathspec(&folder);
        let diff = lane
            .git
            .diff_tree_to_workdir(Some(&tree), Some(&mut options))
            .doing(what)?;
        let changed: Vec<String> = diff
            .deltas()
            .filter(|d| d.status() != Delta::Unmodified)
            .filter_map(|d| {
                let path = d.new_file().path().or(d.old_file().path());
                path.map(|p| p.to_string_lossy().into_owned())
            })
            .collect();
        drop(diff);
        if changed.is_empty() {
            return Ok(undone);
        }
        let mut checkout = CheckoutBuilder::new();
        checkout
            .force()
            .path(&folder)
            .disable_pathspec_match(true)
            .remove_untracked(true)
            .remove_ignored(true)
            .update_index(false);
        lane.git
            .checkout_tree(tree.as_object(), Some(&mut checkout))
            .doing(what)?;
        let rest = changed.len().saturating_sub(NAMED);
        undone.extend(changed.into_iter().take(NAMED).map(|path| {
            format!(
                "put {path} back: it is one of the repository's hooks, which only people change"
            )
        }));
        if rest > 0 {
            undone.push(format!(
                "put {rest} more files of the repository's hooks back"
            ));
        }
        Ok(undone)
    }
}
