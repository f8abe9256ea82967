//! Both sides of the work: what files said before and say now, and trees put together from the two.

use super::error::{Context, GitError};
use super::repo::{Repo, from_oid, to_oid};
use crate::model::Oid;
use git2::build::TreeUpdateBuilder;
use git2::{Delta, FileMode, ObjectType, Repository};
use std::collections::BTreeSet;
use std::path::Path;

/// Bytes of a file that is looked into.
const MAX_TEXT: usize = 1 << 20;
/// Files of one diff that are looked into; a diff with more of them is told to be too large to be read.
const MAX_FILES: usize = 2_000;

/// A file on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    Text(String),
    /// With a NUL byte, or not UTF-8.
    Binary {
        bytes: u64,
    },
    TooBig {
        bytes: u64,
        lines: u64,
    },
    /// Another repository, or a link.
    Other,
}

impl Side {
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary { .. } | Self::TooBig { .. } | Self::Other => None,
        }
    }
}

/// A changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sides {
    pub path: String,
    /// None for a new file.
    pub before: Option<Side>,
    /// None for a deleted one.
    pub after: Option<Side>,
    /// As git writes it, of the file after the change, else before: `0o100644`.
    pub mode: u32,
}

/// The changed files, as far as they are looked into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    pub files: Vec<Sides>,
    /// Files beyond the bound.
    pub left_out: usize,
}

impl Repo {
    /// What the files that differ between a commit and a tree say on both sides, by path. A file that
    /// was moved is two.
    ///
    /// # Errors
    /// Objects that cannot be read, or no lane is open.
    pub fn sides(&mut self, commit: &Oid, tree: &Oid) -> Result<Changed, GitError> {
        let what = || "comparing the work with the lane's tip".to_owned();
        let git = &self.opened()?.git;
        let old = git
            .find_commit(from_oid(commit)?)
            .and_then(|c| c.tree())
            .doing(what)?;
        let new = git.find_tree(from_oid(tree)?).doing(what)?;
        let diff = git
            .diff_tree_to_tree(Some(&old), Some(&new), None)
            .doing(what)?;
        let count = diff.deltas().len();
        let mut files = Vec::new();
        for delta in diff.deltas().take(MAX_FILES) {
            let path = |file: &git2::DiffFile<'_>| {
                let path = file.path();
                path.map(|p| p.to_string_lossy().into_owned())
            };
            let (was, now) = (path(&delta.old_file()), path(&delta.new_file()));
            let side = |file: git2::DiffFile<'_>| side(git, &file).doing(what);
            let before = match delta.status() {
                Delta::Added | Delta::Untracked => None,
                _ => Some(side(delta.old_file())?),
            };
            let after = match delta.status() {
                Delta::Deleted => None,
                _ => Some(side(delta.new_file())?),
            };
            let mode = match delta.status() {
                Delta::Deleted => delta.old_file().mode(),
                _ => delta.new_file().mode(),
            };
            files.push(Sides {
                path: now.or(was).unwrap_or_default(),
                mode: u32::from(mode),
                before,
                after,
            });
        }
        Ok(Changed {
            files,
            left_out: count.saturating_sub(MAX_FILES),
        })
    }

    /// The text of a file of a tree; None when it is not there, or no text.
    ///
    /// # Errors
    /// No lane is open.
    pub fn text_in(&mut self, tree: &Oid, path: &str) -> Result<Option<String>, GitError> {
        let git = &self.opened()?.git;
        let tree = git
            .find_tree(from_oid(tree)?)
            .doing(|| format!("reading {path}"))?;
        let Ok(entry) = tree.get_path(Path::new(path)) else {
            return Ok(None);
        };
        let blob = git.find_blob(entry.id()).ok();
        Ok(blob.and_then(|b| match as_side(b.content()) {
            Side::Text(text) => Some(text),
            Side::Binary { .. } | Side::TooBig { .. } | Side::Other => None,
        }))
    }

    /// The tree of a commit with these files put into it, in the modes that they have in `like`. An object of the lane's
    /// own, which no commit needs.
    ///
    /// # Errors
    /// Objects that cannot be read or written, or no lane is open.
    pub fn with_files(
        &mut self,
        commit: &Oid,
        like: &Oid,
        files: &[(String, String)],
    ) -> Result<Oid, GitError> {
        let what = || "putting the work's tests on the lane's tip".to_owned();
        let (commit, like) = (from_oid(commit)?, from_oid(like)?);
        self.opened()?.unsynced(|lane| {
            let base = lane.git.find_commit(commit).and_then(|c| c.tree());
            let base = base.doing(what)?;
            let like = lane.git.find_tree(like).doing(what)?;
            let mut update = TreeUpdateBuilder::new();
            for (path, text) in files {
                let blob = lane.git.blob(text.as_bytes()).doing(what)?;
                let entry = like.get_path(Path::new(path)).ok();
                let mode = match entry.map(|e| e.filemode()) {
                    Some(0o100_755) => FileMode::BlobExecutable,
                    _ => FileMode::Blob,
                };
                update.upsert(path.as_str(), blob, mode);
            }
            let tree = update.create_updated(&lane.git, &base).doing(what)?;
            Ok(to_oid(tree))
        })
    }

    /// Paths of a tree.
    ///
    /// # Errors
    /// No lane is open, or the tree cannot be read.
    pub fn paths_in(&mut self, tree: &Oid) -> Result<Vec<String>, GitError> {
        let git = &self.opened()?.git;
        let what = || "listing a tree".to_owned();
        let tree = git.find_tree(from_oid(tree)?).doing(what)?;
        let mut paths = BTreeSet::new();
        tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
            if entry.kind() == Some(ObjectType::Blob) {
                let name = String::from_utf8_lossy(entry.name_bytes());
                paths.insert(format!("{folder}{name}"));
            }
            git2::TreeWalkResult::Ok
        })
        .doing(what)?;
        Ok(paths.into_iter().collect())
    }

    /// Tree of a commit.
    ///
    /// # Errors
    /// The commit cannot be read.
    pub fn tree_of(&self, commit: &Oid) -> Result<Oid, GitError> {
        let tree = self.git.find_commit(from_oid(commit)?);
        tree.map(|c| to_oid(c.tree_id()))
            .doing(|| format!("reading {}", commit.short()))
    }
}

fn side(git: &Repository, file: &git2::DiffFile<'_>) -> Result<Side, git2::Error> {
    match file.mode() {
        FileMode::Blob | FileMode::BlobExecutable | FileMode::BlobGroupWritable => {
            match git.find_blob(file.id()) {
                Ok(blob) => Ok(as_side(blob.content())),
                // A partial clone need not have what a sparse checkout left out.
                Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(Side::Other),
                Err(e) => Err(e),
            }
        }
        _ => Ok(Side::Other),
    }
}

pub(super) fn as_side(content: &[u8]) -> Side {
    let bytes = content.len() as u64;
    if content.contains(&0) {
        return Side::Binary { bytes };
    }
    if content.len() > MAX_TEXT {
        let lines = content.iter().filter(|b| **b == b'\n').count() as u64;
        return Side::TooBig { bytes, lines };
    }
    match std::str::from_utf8(content) {
        Ok(text) => Side::Text(text.to_owned()),
        Err(_) => Side::Binary { bytes },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_side_is() {
        assert_eq!(as_side(b"a\n"), Side::Text("a\n".to_owned()));
        assert_eq!(as_side(b"a\0"), Side::Binary { bytes: 2 });
        assert_eq!(as_side(b"caf\xe9"), Side::Binary { bytes: 4 });
        let big = "line\n".repeat(300_000);
        assert_eq!(
            as_side(big.as_bytes()),
            Side::TooBig {
                bytes: 1_500_000,
                lines: 300_000
            }
        );
    }
}
