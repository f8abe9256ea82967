//! Reading that a survey does for each of hundreds of specs.

use super::error::{Context, GitError};
use super::repo::{Repo, from_oid};
use crate::model::Oid;
use git2::ObjectType;
use std::path::Path;

impl Repo {
    /// As [`Repo::read_file`], for a file that probably holds `likely`: where it does, which its id in the tree
    /// tells, its object is neither opened nor inflated.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn read_file_like(
        &self,
        commit: &Oid,
        path: &str,
        likely: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let Some(likely) = likely else {
            return self.read_file(commit, path);
        };
        let what = || format!("reading {path} in {}", commit.short());
        let tree = self
            .git
            .find_commit(from_oid(commit)?)
            .and_then(|c| c.tree())
            .doing(what)?;
        match tree.get_path(Path::new(path)) {
            Ok(entry)
                if entry.kind() == Some(ObjectType::Blob)
                    && entry.id()
                        == git2::Oid::hash_object(ObjectType::Blob, likely).doing(what)? =>
            {
                Ok(Some(likely.to_vec()))
            }
            _ => self.read_file(commit, path),
        }
    }
}
