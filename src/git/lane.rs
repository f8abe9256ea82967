//! A lane's worktree: finding it, opening it, and standing it at its tip.
//!
//! The index used here is our own, beside the worktree's: whatever an engine does to the worktree's index,
//! HEAD or commits counts for nothing. Between commits our index equals the tip's tree.

use super::command::{entry_of, is_skipped, skip};
use super::durable::unsynced;
use super::error::{Context, GitError};
use super::kept::Kept;
use super::repo::{Repo, from_oid};
use super::staging::Staging;
use super::way;
use crate::crash::{self, Point};
use crate::model::Oid;
use git2::{Delta, DiffOptions, Index, IndexEntry, Repository, RepositoryState};
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Names, in a lane's own git folder, under which its HEAD, git's index of it and the notes about it are written before
/// they replace what is there.
pub(super) const HALF_HEAD: &str = "HEAD.codelicious";
pub(super) const HALF_INDEX: &str = "index.codelicious";
pub(super) const HALF_AROUND: &str = "around.codelicious";
pub(super) const HALF_IGNORED: &str = "ignored.codelicious";
pub(super) const HALF_ELSEWHERE: &str = "elsewhere.codelicious";
pub(super) const HALF_WRITTEN: [&str; 5] = [
    HALF_HEAD,
    HALF_INDEX,
    HALF_AROUND,
    HALF_IGNORED,
    HALF_ELSEWHERE,
];

/// Name of the mark in a lane's own git folder that it was set up.
pub(super) const SET_UP: &str = "codelicious-setup";

/// Where a lane is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanePaths {
    /// The worktree.
    pub dir: PathBuf,
    /// Git's own folder for it, below `worktrees/` of the common folder.
    pub admin: PathBuf,
}

impl LanePaths {
    /// The mark that set-up made the lane usable. It is gone where that has to be done once more.
    pub fn set_up_mark(&self) -> PathBuf {
        self.admin.join(SET_UP)
    }

    /// Our index of the lane.
    pub fn index(&self) -> PathBuf {
        self.admin.join("codelicious-index")
    }

    /// Opens it by git's own folder for it, whatever stands in the worktree, and makes sure that what was opened is
    /// this worktree of this repository.
    ///
    /// # Errors
    /// It cannot be opened, or is something else.
    pub(super) fn open(&self, common: &Path) -> Result<Repository, GitError> {
        let what = || format!("opening the lane {}", self.dir.display());
        let git = Repository::open(&self.admin).doing(what)?;
        let is_same = |a: &Path, b: &Path| match (a.canonicalize(), b.canonicalize()) {
            (Ok(a), Ok(b)) => a == b,
            (Err(_), _) | (_, Err(_)) => false,
        };
        let is_it = is_same(git.commondir(), common)
            && is_same(git.path(), &self.admin)
            && git.workdir().is_some_and(|dir| is_same(dir, &self.dir));
        match is_it {
            true => Ok(git),
            false => Err(GitError::new(
                what(),
                "it belongs to another repository",
                "remove the folder, run `git worktree prune` and run again",
            )),
        }
    }

    /// Removes locks that ended processes left behind. Only while nothing else works in the lane.
    pub(super) fn clear_locks(&self) {
        for lock in ["index.lock", "HEAD.lock", "codelicious-index.lock"] {
            let _ = std::fs::remove_file(self.admin.join(lock));
        }
    }
}

/// Whether a worktree is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneDir {
    Ready(LanePaths),
    /// `git worktree add` has to make it.
    Missing,
}

pub(super) struct OpenLane {
    pub paths: LanePaths,
    pub git: Repository,
    /// Where `git` writes objects; None: to the repository.
    pub staging: Option<Staging>,
    pub index: Index,
    /// The tree that our index equals, while that is known.
    pub holds: Option<git2::Oid>,
    pub links: Vec<String>,
    /// It has only some of the repository's files, as the user's worktree does.
    pub is_sparse: bool,
    /// Paths that a sparse checkout leaves out, whatever an engine put there since.
    pub left_out: Vec<Vec<u8>>,
    pub kept: Kept,
}

/// Where a worktree's HEAD stands.
enum Head {
    Detached(Oid),
    /// On a branch, by full ref name.
    Branch(String),
    Unreadable,
}

impl Repo {
    /// Opens a lane for work, whatever state a crash or an engine left its git files in.
    ///
    /// # Errors
    /// Files of the worktree that cannot be written or read.
    pub fn open_lane(&mut self, paths: &LanePaths, links: &[String]) -> Result<(), GitError> {
        let what = || format!("opening the lane {}", paths.dir.display());
        let common = self.info.common_dir.clone();
        // Nothing is touched before it is known whose the folder is: git's own folder for it may have been changed.
        let is_sparse = paths
            .open(&common)?
            .config()
            .is_ok_and(|c| c.get_bool("core.sparseCheckout").unwrap_or(false));
        // Not work, whoever left it.
        crate::fsx::atomic::remove_stale_temps(&paths.dir)
            .map_err(|e| GitError::new(what(), e.to_string(), ""))?;
        restore_dot_git(paths)?;
        paths.clear_locks();
        let theirs = paths.admin.join("index");
        // A power cut may have left ours short.
        if paths.index().exists() && Index::open(&paths.index()).is_err() {
            std::fs::remove_file(paths.index()).doing(what)?;
        }
        match (paths.index().exists(), theirs.exists()) {
            (true, true) => {}
            (true, false) => drop(std::fs::copy(paths.index(), theirs).doing(what)?),
            (false, _) => drop(std::fs::copy(theirs, paths.index()).doing(what)?),
        }
        if is_sparse {
            self.spell_out_index(&paths.dir, &paths.index())?;
        }
        // Git's own was short too: ours is made anew, and files are read instead of looked at.
        if Index::open(&paths.index()).is_err() {
            std::fs::remove_file(paths.index()).doing(what)?;
        }
        // Branches that follow the lane are written through this handle. libgit2 decides when it first looks at
        // refs whether those that it writes are synced.
        let git = unsynced(|| {
            paths
                .open(&common)
                .inspect(|git| drop(git.refname_to_id("HEAD")))
        })?;
        let mut index = Index::open(&paths.index()).doing(what)?;
        git.set_index(&mut index).doing(what)?;
        let staging = Staging::open(&paths.admin, &self.info.common_dir, &git)?;
        self.lane = Some(OpenLane {
            paths: paths.clone(),
            git,
            staging,
            index,
            holds: None,
            links: links.to_vec(),
            is_sparse,
            left_out: Vec::new(),
            kept: Kept::default(),
        });
        self.opened()?.note_left_out();
        crash::point(Point::LaneOpened).doing(what)
    }

    /// Lets go of the lane that is open; what was captured in it and not kept is forgotten.
    pub fn close_lane(&mut self) {
        if let Some(staging) = self.lane.take().and_then(|lane| lane.staging) {
            staging.discard();
        }
    }

    pub(super) fn opened(&mut self) -> Result<&mut OpenLane, GitError> {
        self.lane.as_mut().ok_or_else(|| {
            GitError::new(
                "working in a lane",
                "it was not opened",
                "this is a bug in codelicious",
            )
        })
    }

    /// The commit that the lane's HEAD names, and the branch an engine may have left it on.
    ///
    /// # Errors
    /// No lane is open.
    pub fn lane_head(&mut self) -> Result<(Option<Oid>, Option<String>), GitError> {
        Ok(match self.opened()?.head() {
            Head::Detached(commit) => (Some(commit), None),
            Head::Branch(name) => (self.ref_target(&name).unwrap_or(None), Some(name)),
            Head::Unreadable => (None, None),
        })
    }

    /// Stands the lane's HEAD at `tip`, detached, and ends whatever operation an engine left half done.
    ///
    /// # Errors
    /// Files of the worktree that cannot be written.
    pub fn detach_lane(&mut self, tip: &Oid) -> Result<(), GitError> {
        let lane = self.opened()?;
        if lane.git.state() != RepositoryState::Clean {
            lane.git
                .cleanup_state()
                .doing(|| "ending what was half done in the lane".to_owned())?;
        }
        lane.stand_head_at(tip)
    }

    /// Stands the worktree at a captured tree: what checks left behind or changed since is undone.
    ///
    /// # Errors
    /// Files of the worktree that cannot be written.
    pub fn hold_tree(&mut self, tree: &Oid) -> Result<(), GitError> {
        self.stand_files_at(from_oid(tree)?)
    }

    /// Stands the worktree's files at a tree.
    pub(super) fn stand_files_at(&mut self, tree: git2::Oid) -> Result<(), GitError> {
        if self.git_writes_files(tree)? {
            self.opened()?.clear_specials()?;
            return self.check_out_with_git(tree);
        }
        let lane = self.opened()?;
        lane.set_walk_rules()?;
        lane.check_out(tree)
            .doing(|| format!("writing the files of {tree} in the lane"))
    }

    /// Moves the lane to a commit that our index already holds: HEAD, index and the spec's file follow.
    ///
    /// # Errors
    /// Files of the worktree that cannot be written.
    pub fn settle_lane(&mut self, commit: &Oid, spec: &str) -> Result<(), GitError> {
        let lane = self.opened()?;
        let what = || format!("standing the lane at {}", commit.short());
        lane.kept.forget();
        lane.stand_head_at(commit)?;
        crash::point(Point::LaneHead).doing(what)?;
        lane.stand_index_at(commit)?;
        lane.clear_specials()?;
        lane.clear_way_to(spec)?;
        if !lane.write_as_it_is(from_oid(commit)?, spec)? {
            let mut checkout = way::forced(&lane.paths.dir);
            checkout
                .path(spec.as_bytes())
                .disable_pathspec_match(true)
                .update_index(true);
            lane.git
                .checkout_index(Some(&mut lane.index), Some(&mut checkout))
                .doing(|| format!("writing {spec} in the lane"))?;
        }
        crash::point(Point::LaneFiles).doing(what)?;
        lane.publish_index()
    }
}

impl OpenLane {
    fn head(&self) -> Head {
        let text = std::fs::read_to_string(self.paths.admin.join("HEAD")).unwrap_or_default();
        let text = text.trim_end();
        match text.strip_prefix("ref: ") {
            Some(name) => Head::Branch(name.trim().to_owned()),
            None if git2::Oid::from_str(text).is_ok() => Head::Detached(Oid::new(text)),
            None => Head::Unreadable,
        }
    }

    /// Writes the lane's HEAD, without an entry in its log, which is there to tell what an engine did. Not
    /// synced: preparing a lane stands it at its tip whatever a power cut left of it.
    fn stand_head_at(&self, tip: &Oid) -> Result<(), GitError> {
        if matches!(self.head(), Head::Detached(now) if now == *tip) {
            return Ok(());
        }
        let (head, text) = (self.paths.admin.join("HEAD"), format!("{tip}\n"));
        let is_as_long = matches!(self.head(), Head::Detached(_));
        let temp = self.paths.admin.join(HALF_HEAD);
        let written = if is_as_long {
            let file = File::options().write(true).open(&head);
            file.and_then(|mut file| file.write_all(text.as_bytes()))
        } else {
            File::create(&temp)
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .and_then(|()| std::fs::rename(&temp, &head))
        };
        written.doing(|| format!("standing the lane's HEAD at {}", tip.short()))
    }

    /// Writes the spec's file as it is in our index, where nothing converts it on its way: where it stands on
    /// disk as the commit before has it. False when that cannot be told; then git has to write it.
    fn write_as_it_is(&mut self, commit: git2::Oid, spec: &str) -> Result<bool, GitError> {
        let path = Path::new(spec);
        let what = || format!("writing {spec} in the lane");
        let before = self
            .git
            .find_commit(commit)
            .and_then(|c| c.parent(0)?.tree()?.get_path(path))
            .and_then(|entry| self.git.find_blob(entry.id()));
        let file = self.paths.dir.join(path);
        let is_plain = before.is_ok_and(|blob| {
            let is_file = file.symlink_metadata().is_ok_and(|m| m.is_file());
            is_file && std::fs::read(&file).is_ok_and(|now| now == blob.content())
        });
        let Some(entry) = self.index.get_path(path, 0).filter(|_| is_plain) else {
            return Ok(false);
        };
        let blob = self.git.find_blob(entry.id).doing(what)?;
        let meta = File::options()
            .write(true)
            .truncate(true)
            .open(&file)
            .and_then(|mut f| {
                f.write_all(blob.content())?;
                f.metadata()
            })
            .doing(what)?;
        let entry = IndexEntry {
            mode: entry.mode,
            ..entry_of(path, entry.id, &meta)
        };
        self.index.add(&entry).doing(what)?;
        Ok(true)
    }

    /// Remembers what a sparse checkout leaves out, as git left our index.
    pub(super) fn note_left_out(&mut self) {
        if self.is_sparse {
            let skipped = self.index.iter().filter(is_skipped);
            self.left_out = skipped.map(|e| e.path).collect();
        }
    }

    /// The tree of the commit that the lane stands at.
    pub(super) fn tip_tree(&self) -> Option<git2::Oid> {
        let Head::Detached(tip) = self.head() else {
            return None;
        };
        let tip = git2::Oid::from_str(tip.as_str()).ok()?;
        Some(self.git.find_commit(tip).ok()?.tree_id())
    }

    /// Runs `act`, whose objects count only once they are kept, without waiting for the disk.
    pub(super) fn unsynced<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        if self.staging.is_some() {
            unsynced(|| act(self))
        } else {
            act(self)
        }
    }

    /// Makes an object of the lane's last, with all it needs; see [`Staging::keep`].
    pub(super) fn keep(&self, id: git2::Oid, known: Option<git2::Oid>) -> Result<(), GitError> {
        match &self.staging {
            Some(staging) => staging.keep(id, known),
            None => Ok(()),
        }
    }

    /// Our index as a tree.
    pub(super) fn write_tree(&mut self, what: &str) -> Result<git2::Oid, GitError> {
        let tree = self.index.write_tree().doing(|| what.to_owned())?;
        self.holds = Some(tree);
        Ok(tree)
    }

    /// Checks a tree out over whatever stands in the worktree; ignored files are kept.
    fn check_out(&mut self, tree: git2::Oid) -> Result<(), git2::Error> {
        self.holds = None;
        let tree = self.git.find_tree(tree)?;
        let mut checkout = way::forced(&self.paths.dir);
        checkout.remove_untracked(true);
        self.git
            .checkout_tree(tree.as_object(), Some(&mut checkout))
    }

    /// Makes the spec's folders plain folders again: an engine may have put a file or a link that leads
    /// elsewhere in their place, or a folder in place of the spec.
    pub(super) fn clear_way_to(&self, spec: &str) -> Result<(), GitError> {
        let what = || format!("clearing the way to {spec} in the lane");
        let mut at = self.paths.dir.clone();
        let mut names = Path::new(spec).iter().peekable();
        while let Some(name) = names.next() {
            at.push(name);
            let is_dir = at.symlink_metadata().ok().map(|m| m.is_dir());
            match (names.peek().is_some(), is_dir) {
                (true, None) => std::fs::create_dir(&at).doing(what)?,
                (true, Some(false)) => {
                    std::fs::remove_file(&at).doing(what)?;
                    std::fs::create_dir(&at).doing(what)?;
                }
                (false, Some(true)) => std::fs::remove_dir_all(&at).doing(what)?,
                // A link in its place, or a pipe, is no file to write into.
                (false, Some(false)) if !at.symlink_metadata().is_ok_and(|m| m.is_file()) => {
                    std::fs::remove_file(&at).doing(what)?;
                }
                (true, Some(true)) | (false, Some(false) | None) => {}
            }
        }
        Ok(())
    }

    /// Removes repositories inside the repository, which a checkout leaves alone.
    pub(super) fn remove_repositories(&mut self) -> Result<(), git2::Error> {
        let mut options = DiffOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true);
        let diff = self
            .git
            .diff_index_to_workdir(Some(&self.index), Some(&mut options))?;
        let paths = diff.deltas().filter(|d| d.status() == Delta::Untracked);
        for path in paths.filter_map(|d| d.new_file().path_bytes().map(<[u8]>::to_vec)) {
            let dir = self.paths.dir.join(std::ffi::OsStr::from_bytes(&path));
            if path.ends_with(b"/") && dir.join(".git").symlink_metadata().is_ok() {
                std::fs::remove_dir_all(&dir)
                    .map_err(|e| git2::Error::from_str(&format!("{}: {e}", dir.display())))?;
            }
        }
        Ok(())
    }

    /// Makes our index equal to a commit's tree, keeping what it knows about files on disk.
    pub(super) fn stand_index_at(&mut self, commit: &Oid) -> Result<(), GitError> {
        let what = || format!("reading the tree of {}", commit.short());
        let tree = self
            .git
            .find_commit(from_oid(commit)?)
            .and_then(|c| c.tree())
            .doing(what)?;
        if self.holds == Some(tree.id()) {
            return Ok(());
        }
        self.index.read_tree(&tree).doing(what)?;
        // Which forgets that a sparse checkout leaves them out.
        skip(&mut self.index, &self.left_out).doing(what)?;
        self.holds = Some(tree.id());
        Ok(())
    }

    /// Writes our index and gives the worktree's own index the same content, for `git status` in the lane.
    pub(super) fn publish_index(&mut self) -> Result<(), GitError> {
        let what = || "writing the lane's index".to_owned();
        self.index.write().doing(what)?;
        crash::point(Point::LaneIndex).doing(what)?;
        let temp = self.paths.admin.join(HALF_INDEX);
        let theirs = self.paths.admin.join("index");
        std::fs::copy(self.paths.index(), &temp).doing(what)?;
        // Nobody looks at this moment, and some file systems make a rename over a file wait for the disk.
        let _ = std::fs::remove_file(&theirs);
        std::fs::rename(&temp, &theirs).doing(what)
    }
}

/// The lane's `.git` file points to its admin folder, whatever stood there; true when something else did.
pub(super) fn restore_dot_git(paths: &LanePaths) -> Result<bool, GitError> {
    let file = paths.dir.join(".git");
    let content = [b"gitdir: ", paths.admin.as_os_str().as_bytes(), b"\n"].concat();
    let is_file = file.symlink_metadata().is_ok_and(|m| m.is_file());
    if is_file && std::fs::read(&file).is_ok_and(|now| now == content) {
        return Ok(false);
    }
    let what = || format!("restoring {}", file.display());
    if file.is_dir() && !file.is_symlink() {
        std::fs::remove_dir_all(&file).doing(what)?;
    }
    crate::fsx::atomic::write(&file, &content)
        .map_err(|e| GitError::new(what(), e.to_string(), ""))?;
    Ok(true)
}
