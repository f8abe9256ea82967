//! Plans of specs, each a commit with one file below `refs/codelicious/plans/`.

use super::error::GitError;
use super::repo::Repo;
use super::{PLANS, SpecRefs};
use crate::model::{Oid, SpecId};

impl Repo {
    /// Keeps a plan on top of those that were kept before, durably.
    ///
    /// # Errors
    /// Objects or refs that cannot be written, or somebody else moved the ref since `refs` were read.
    pub fn keep_plan(
        &mut self,
        spec: &SpecId,
        refs: &SpecRefs,
        file: &str,
        text: &str,
        message: &str,
    ) -> Result<Oid, GitError> {
        let parent = refs.plan.as_ref().or(refs.remote_plan.as_ref());
        let files = [(file.to_owned(), Some(text.as_bytes().to_vec()))];
        let commit = self.commit_files(parent, &files, message)?;
        let name = format!("{PLANS}{spec}");
        self.move_ref(&name, refs.plan.as_ref(), &commit, "codelicious: plan")?;
        Ok(commit)
    }

    /// Takes the remote's plan of a spec for ours.
    ///
    /// # Errors
    /// As [`Repo::keep_plan`].
    pub fn adopt_plan(&self, spec: &SpecId, refs: &SpecRefs) -> Result<(), GitError> {
        let Some(theirs) = &refs.remote_plan else {
            return Ok(());
        };
        let name = format!("{PLANS}{spec}");
        self.move_ref(&name, refs.plan.as_ref(), theirs, "codelicious: plan")
    }
}
