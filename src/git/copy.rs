//! A copy of the work for a reviewer, and the work as patches.
//!
//! The copy is no worktree of the repository: it has a small repository of its own, which borrows the objects, so that
//! whatever a reviewer does with git there stays there. Its files are those of the lane as they stand, filters and sparse
//! checkouts included.

use super::error::{Context, GitError};
use super::repo::{Repo, from_oid};
use crate::core::review::{Body, Patch};
use crate::model::Oid;
use git2::{Delta, DiffOptions, Repository, RepositoryInitOptions};
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Larger files are taken for binary ones, as where lines are counted.
const MAX_DIFFED: i64 = 4 << 20;

impl Repo {
    /// What the work changed since `tip`, file by file. `tree` is a captured tree of the open lane.
    ///
    /// What the repository's attributes call generated is shown all the same: the work may have written them.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn patches(&mut self, tip: &Oid, tree: &Oid) -> Result<Vec<Patch>, GitError> {
        let what = || "reading the work as a diff".to_owned();
        let uncounted = std::sync::Arc::clone(&self.uncounted);
        let git = &self.opened()?.git;
        let old = git.find_commit(from_oid(tip)?).and_then(|c| c.tree());
        let old = old.doing(what)?;
        let new = git.find_tree(from_oid(tree)?).doing(what)?;
        let mut options = DiffOptions::new();
        options.context_lines(3).max_size(MAX_DIFFED);
        let mut diff = git
            .diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))
            .doing(what)?;
        diff.find_similar(None).doing(what)?;
        let mut patches = Vec::new();
        for (at, delta) in diff.deltas().enumerate() {
            let file = match delta.status() {
                Delta::Deleted => delta.old_file(),
                _ => delta.new_file(),
            };
            let path = file.path().unwrap_or(Path::new("")).to_path_buf();
            let lines = match delta.status() {
                Delta::Deleted => None,
                _ => lines_of(git, file.id()),
            };
            let body = if uncounted.holds(&path, None) {
                Body::Generated
            } else {
                let patch = git2::Patch::from_diff(&diff, at).doing(what)?;
                match patch {
                    Some(mut patch) if !patch.delta().flags().is_binary() => {
                        let text = patch.to_buf().doing(what)?;
                        Body::Text(String::from_utf8_lossy(&text).into_owned())
                    }
                    Some(_) | None => Body::Binary,
                }
            };
            patches.push(Patch {
                path: path.to_string_lossy().into_owned(),
                lines,
                body,
            });
        }
        Ok(patches)
    }

    /// Makes `dir` a copy of the open lane's files, as they were captured last, with HEAD of a repository of its own at
    /// `tip`. What stood there goes.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn copy_lane(&mut self, dir: &Path, tip: &Oid) -> Result<(), GitError> {
        remove_copy(dir)?;
        let lane = self.opened()?;
        let from = lane.paths.dir.clone();
        let paths: Vec<PathBuf> = lane
            .index
            .iter()
            .map(|entry| PathBuf::from(std::ffi::OsString::from_vec(entry.path)))
            .collect();
        fs::create_dir_all(dir).doing(|| format!("making {}", dir.display()))?;
        for path in &paths {
            copy(&from.join(path), &dir.join(path))
                .doing(|| format!("copying {} for the reviewer", path.display()))?;
        }
        let common = self.info.common_dir.clone();
        own_repository(dir, &common, tip)
    }
}

/// Removes a copy, or what is left of one.
///
/// # Errors
/// Files that cannot be removed.
pub fn remove_copy(dir: &Path) -> Result<(), GitError> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(e).doing(|| format!("removing the reviewer's copy {}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// A file or a link; what is neither, or gone, is left out: a sparse checkout has only some.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let meta = match from.symlink_metadata() {
        Ok(meta) => meta,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(e) => return Err(e),
    };
    if !meta.is_file() && !meta.is_symlink() {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    match meta.is_symlink() {
        true => std::os::unix::fs::symlink(fs::read_link(from)?, to),
        false => fs::copy(from, to).map(drop),
    }
}

/// Agent CLIs want to be in a repository, and a reviewer may look at the history. Nothing that is done in this one
/// reaches ours: it reads our objects and writes its own.
fn own_repository(dir: &Path, common: &Path, tip: &Oid) -> Result<(), GitError> {
    let what = || format!("making a repository in {}", dir.display());
    let objects = common.join("objects");
    // One path a line; without a repository the copy is still one.
    if objects.as_os_str().as_bytes().contains(&b'\n') {
        return Ok(());
    }
    let mut options = RepositoryInitOptions::new();
    options.external_template(false).no_reinit(true);
    let made = Repository::init_opts(dir, &options).doing(what)?;
    let info = made.path().join("objects/info");
    fs::create_dir_all(&info).doing(what)?;
    let line = [objects.as_os_str().as_bytes(), b"\n"].concat();
    fs::File::create(info.join("alternates"))
        .and_then(|mut file| file.write_all(&line))
        .doing(what)?;
    if common.join("shallow").is_file() {
        fs::copy(common.join("shallow"), made.path().join("shallow")).doing(what)?;
    }
    let git = Repository::open(dir).doing(what)?;
    let id = from_oid(tip)?;
    git.set_head_detached(id).doing(what)?;
    let tree = git.find_commit(id).and_then(|c| c.tree()).doing(what)?;
    let mut index = git.index().doing(what)?;
    index.read_tree(&tree).doing(what)?;
    index.write().doing(what)
}

/// Lines of a text.
fn lines_of(git: &Repository, id: git2::Oid) -> Option<u32> {
    let blob = git.find_blob(id).ok()?;
    let text = blob.content();
    if blob.is_binary() || text.len() as i64 > MAX_DIFFED {
        return None;
    }
    let ends = text.iter().filter(|b| **b == b'\n').count();
    let rest = usize::from(!text.is_empty() && !text.ends_with(b"\n"));
    u32::try_from(ends + rest).ok()
}
