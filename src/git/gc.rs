//! What lanes, attempts and archives still hold, and the end of lanes that hold nothing.

use super::LANES;
use super::command::is_skipped;
use super::elsewhere::NOTE as ELSEWHERE;
use super::error::{Context, GitError};
use super::lane::LanePaths;
use super::repo::{Repo, from_oid, to_oid};
use super::way;
use crate::core::commit_message::parse_trailers;
use crate::core::gc::Unsaved;
use crate::fsx::{FsError, atomic, tree};
use crate::model::{ChunkId, Oid, SpecId};
use chrono::{DateTime, Utc};
use git2::{Delta, DiffOptions, Index, RepositoryState};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Bound on the commits that are read of one ref.
const MAX_COMMITS: usize = 10_000;
/// How a worktree is called while it is being removed.
const REST: &str = ".codelicious-gc-";

/// One lane as git remembers it. Only worktrees that hold an index of ours are lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRecord {
    /// The worktree, which may be gone.
    pub dir: PathBuf,
    /// Git's own folder for it.
    pub admin: PathBuf,
    /// A person locked it (git-worktree(1)).
    pub locked: bool,
}

/// A commit that some others do not reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// Spec and chunk that it builds, as its trailers tell.
    pub chunk: Option<(SpecId, ChunkId)>,
    /// It only takes over what was changed in a spec.
    pub is_sync: bool,
}

impl Repo {
    /// The lanes of this repository, by folder.
    pub fn lane_records(&self) -> Vec<LaneRecord> {
        let admins = std::fs::read_dir(self.info.common_dir.join("worktrees"));
        let mut records: Vec<LaneRecord> = admins
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .filter(|admin| admin.join("codelicious-index").is_file())
            .filter_map(|admin| {
                let text = std::fs::read(admin.join("gitdir")).ok()?;
                let dot_git = PathBuf::from(OsStr::from_bytes(text.trim_ascii_end()));
                Some(LaneRecord {
                    dir: dot_git.parent()?.to_path_buf(),
                    locked: admin.join("locked").exists(),
                    admin,
                })
            })
            .collect();
        records.sort_by(|a, b| a.dir.cmp(&b.dir));
        records
    }

    /// What of a lane no ref keeps: changes in its worktree beside `not_work`, and commits of its HEAD beyond
    /// `kept`. Changes nothing.
    pub fn unsaved(&self, lane: &LaneRecord, kept: &[Oid], not_work: &[String]) -> Unsaved {
        match self.look_for_unsaved(lane, kept, not_work) {
            Ok(true) => Unsaved::Something,
            Ok(false) => Unsaved::Nothing,
            Err(e) => Unsaved::Unknown(e.to_string()),
        }
    }

    fn look_for_unsaved(
        &self,
        lane: &LaneRecord,
        kept: &[Oid],
        not_work: &[String],
    ) -> Result<bool, GitError> {
        let what = || format!("looking at the lane {}", lane.dir.display());
        let text = std::fs::read_to_string(lane.admin.join("HEAD")).doing(what)?;
        let head = git2::Oid::from_str(text.trim_end()).doing(what)?;
        if !self.beyond(&to_oid(head), kept)?.is_empty() {
            return Ok(true);
        }
        // Work that no ref holds, and that does not stand in the worktree either.
        if std::fs::read(lane.admin.join(ELSEWHERE)).is_ok_and(|tree| !tree.is_empty()) {
            return Ok(true);
        }
        if lane.dir.symlink_metadata().is_err() {
            return Ok(false);
        }
        let paths = LanePaths {
            dir: lane.dir.clone(),
            admin: lane.admin.clone(),
        };
        let git = paths.open(&self.info.common_dir)?;
        if git.state() != RepositoryState::Clean {
            let why = "an operation of git is half done in it";
            return Err(GitError::new(what(), why, ""));
        }
        let mut index = Index::open(&lane.admin.join("codelicious-index")).doing(what)?;
        git.set_index(&mut index).doing(what)?;
        // Nothing is removed here, and a pipe in place of rules would hold the library forever.
        if let Some(path) = way::find_special(&git, &index, &lane.dir).doing(what)? {
            let why = format!("{} is neither file nor folder", path.display());
            return Err(GitError::new(what(), why, ""));
        }
        let tree = git.find_commit(head).and_then(|c| c.tree()).doing(what)?;
        let mut options = DiffOptions::new();
        options.include_untracked(true);
        let diff = git
            .diff_tree_to_workdir_with_index(Some(&tree), Some(&mut options))
            .doing(what)?;
        let is_work = |path: &Path, status: Delta| match status {
            Delta::Untracked => !not_work.iter().any(|n| path.starts_with(n)),
            // A sparse checkout leaves it out.
            Delta::Deleted => !index.get_path(path, 0).is_some_and(|e| is_skipped(&e)),
            Delta::Unmodified | Delta::Ignored => false,
            Delta::Added
            | Delta::Modified
            | Delta::Renamed
            | Delta::Copied
            | Delta::Typechange
            | Delta::Unreadable
            | Delta::Conflicted => true,
        };
        Ok(diff.deltas().any(|delta| {
            let file = match delta.status() {
                Delta::Deleted => delta.old_file(),
                _ => delta.new_file(),
            };
            let path = file.path_bytes().map(|b| Path::new(OsStr::from_bytes(b)));
            path.is_none_or(|path| is_work(path, delta.status()))
        }))
    }

    /// Commits that `tip` reaches and none of `others` does.
    ///
    /// # Errors
    /// Objects that cannot be read, or more commits than anybody counts.
    pub fn beyond(&self, tip: &Oid, others: &[Oid]) -> Result<Vec<Beyond>, GitError> {
        let what = || format!("reading the commits of {}", tip.short());
        let mut walk = self.git.revwalk().doing(what)?;
        walk.push(from_oid(tip)?).doing(what)?;
        for other in others {
            walk.hide(from_oid(other)?).doing(what)?;
        }
        let mut found = Vec::new();
        for oid in walk {
            if found.len() == MAX_COMMITS {
                let why = format!("there are more than {MAX_COMMITS}");
                return Err(GitError::new(what(), why, ""));
            }
            let commit = oid.and_then(|o| self.git.find_commit(o)).doing(what)?;
            let trailers = parse_trailers(&String::from_utf8_lossy(commit.message_bytes()));
            found.push(Beyond {
                chunk: trailers.spec.zip(trailers.chunk),
                is_sync: trailers.sync.is_some(),
            });
        }
        Ok(found)
    }

    /// Tips of lanes, and of local branches that do not follow one: those that do go where it goes.
    ///
    /// # Errors
    /// Refs that cannot be listed.
    pub fn kept_tips(&self) -> Result<Vec<Oid>, GitError> {
        let mut tips = Vec::new();
        let follows = format!("refs/heads/{}", super::BRANCHES);
        for prefix in ["refs/heads/", LANES] {
            let refs = self.refs_below(prefix)?.into_iter();
            let held = refs.filter(|(name, _)| !name.starts_with(&follows));
            tips.extend(held.map(|(_, tip)| tip));
        }
        Ok(tips)
    }

    /// When a commit was made; None where it cannot be read.
    pub fn commit_time(&self, commit: &Oid) -> Option<DateTime<Utc>> {
        let commit = self.git.find_commit(from_oid(commit).ok()?).ok()?;
        DateTime::from_timestamp(commit.time().seconds(), 0)
    }

    /// Removes a ref of ours that still points to `target`; fine when there is none.
    ///
    /// # Errors
    /// It points elsewhere by now, or cannot be removed.
    pub fn delete_ref_at(&self, name: &str, target: &Oid) -> Result<(), GitError> {
        let mut reference = match self.git.find_reference(name) {
            Ok(reference) => reference,
            Err(e) if e.code() == git2::ErrorCode::NotFound => return Ok(()),
            Err(e) => return Err(e).doing(|| format!("removing {name}")),
        };
        if reference.target() != Some(from_oid(target)?) {
            let why = "somebody moved it meanwhile";
            return Err(GitError::new(format!("removing {name}"), why, ""));
        }
        reference.delete().doing(|| format!("removing {name}"))
    }
}

/// True for the name of a worktree that was being removed.
pub fn is_rest(name: &OsStr) -> bool {
    name.as_bytes().starts_with(REST.as_bytes())
}

/// Removes a lane's worktree and what git remembers of it. The worktree is first given a name by which
/// [`is_rest`] knows it: whenever this is cut off, a run makes the lane anew, and the rest can be removed.
///
/// # Errors
/// Some of it stays.
pub fn remove_lane(lane: &LaneRecord) -> Result<(), FsError> {
    let mut rest = None;
    if lane.dir.symlink_metadata().is_ok() {
        let mut name = OsString::from(REST);
        name.push(lane.dir.file_name().unwrap_or(OsStr::new("lane")));
        rest = Some(atomic::move_aside(
            &lane.dir,
            &lane.dir.with_file_name(name),
        )?);
    }
    tree::remove(&lane.admin)?;
    match rest {
        Some(rest) => tree::remove(&rest),
        None => Ok(()),
    }
}
