//! A lane's worktree: what changed in it, saving that, and standing it back at its tip.
//!
//! The index used here is our own, beside the worktree's: whatever an engine does to the worktree's index,
//! HEAD or commits counts for nothing. Between commits our index equals the tip's tree.

use super::error::{Context, GitError};
use super::repo::{Repo, from_oid, to_oid};
use super::sweep::{Change, ChangeKind, Verdict, judge, walk_rules};
use crate::model::Oid;
use git2::build::CheckoutBuilder;
use git2::{Delta, DiffOptions, FileMode, Index, Repository, Signature};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where a lane is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanePaths {
    /// The worktree.
    pub dir: PathBuf,
    /// Git's own folder for it, below `worktrees/` of the common folder.
    pub admin: PathBuf,
}

impl LanePaths {
    /// Our index of the lane.
    pub fn index(&self) -> PathBuf {
        self.admin.join("codelicious-index")
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
    pub index: Index,
    pub links: Vec<String>,
}

/// A line that the work added, for the scan before a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedLine {
    pub path: String,
    /// 1-based.
    pub line: usize,
    pub text: String,
}

/// A lane's changes as a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    pub tree: Oid,
    /// Changed paths, lossily decoded where they are not UTF-8.
    pub files: Vec<String>,
    /// Added plus removed lines; a binary file counts as one.
    pub lines: u32,
    /// Changes that may not be committed, each with its reason.
    pub refused: Vec<String>,
    pub added: Vec<AddedLine>,
}

impl Repo {
    /// Finds git's folder for the worktree at `dir`; what is left of a half-made one is cleared away.
    ///
    /// # Errors
    /// The leftovers cannot be removed.
    pub fn find_lane(&self, dir: &Path) -> Result<LaneDir, GitError> {
        let wanted = dir.join(".git");
        let admins = std::fs::read_dir(self.info.common_dir.join("worktrees"));
        let admin = admins
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .find(|admin| {
                std::fs::read(admin.join("gitdir"))
                    .is_ok_and(|text| text.trim_ascii_end() == wanted.as_os_str().as_bytes())
            });
        match admin {
            Some(admin) if dir.is_dir() && admin.join("index").is_file() => {
                Ok(LaneDir::Ready(LanePaths {
                    dir: dir.to_path_buf(),
                    admin,
                }))
            }
            Some(_) | None => {
                if dir.exists() {
                    std::fs::remove_dir_all(dir)
                        .doing(|| format!("removing the unusable lane {}", dir.display()))?;
                }
                Ok(LaneDir::Missing)
            }
        }
    }

    /// Opens a lane for work, whatever state a crash or an engine left its git files in.
    ///
    /// # Errors
    /// Files of the worktree that cannot be written or read.
    pub fn open_lane(&mut self, paths: &LanePaths, links: &[String]) -> Result<(), GitError> {
        let what = || format!("opening the lane {}", paths.dir.display());
        restore_dot_git(paths)?;
        paths.clear_locks();
        if !paths.index().exists() {
            std::fs::copy(paths.admin.join("index"), paths.index()).doing(what)?;
        }
        let git = Repository::open(&paths.dir).doing(what)?;
        let mut index = Index::open(&paths.index()).doing(what)?;
        git.set_index(&mut index).doing(what)?;
        self.lane = Some(OpenLane {
            paths: paths.clone(),
            git,
            index,
            links: links.to_vec(),
        });
        Ok(())
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
        let lane = self.opened()?;
        let head = lane.git.head().ok();
        let commit = head
            .as_ref()
            .and_then(|h| h.peel_to_commit().ok())
            .map(|c| to_oid(c.id()));
        let branch = head
            .filter(git2::Reference::is_branch)
            .and_then(|h| h.name().ok().map(str::to_owned));
        Ok((commit, branch))
    }

    /// Stands the lane's HEAD at `tip`, detached, and ends whatever operation an engine left half done.
    ///
    /// # Errors
    /// Files of the worktree that cannot be written.
    pub fn detach_lane(&mut self, tip: &Oid) -> Result<(), GitError> {
        let lane = self.opened()?;
        let target = from_oid(tip)?;
        if lane.git.head_detached().unwrap_or(false)
            && lane.git.head().ok().and_then(|h| h.target()) == Some(target)
        {
            return Ok(());
        }
        // Refuses in the middle of a merge or rebase, so that is ended first.
        let _ = lane.git.cleanup_state();
        lane.git
            .set_head_detached(target)
            .doing(|| "detaching the lane's HEAD".to_owned())
    }

    /// Captures what the work changed since `tip` as a tree. Leaves it staged in our index.
    ///
    /// # Errors
    /// Files or objects that cannot be read or written.
    pub fn capture(&mut self, tip: &Oid, spec: &str) -> Result<Capture, GitError> {
        let lane = self.opened()?;
        restore_dot_git(&lane.paths)?;
        lane.stand_index_at(tip)?;
        let (taken, refused) = lane.sweep(spec)?;
        for (path, kind) in &taken {
            let what = || format!("staging {}", path.display());
            match kind {
                ChangeKind::Deleted => lane.index.remove_path(path).doing(what)?,
                _ => lane.index.add_path(path).doing(what)?,
            }
        }
        let tree = lane
            .index
            .write_tree()
            .doing(|| "writing the work's tree".to_owned())?;
        let (lines, added) = lane.measure(tip, tree)?;
        Ok(Capture {
            tree: to_oid(tree),
            files: taken
                .iter()
                .map(|(p, _)| p.to_string_lossy().into_owned())
                .collect(),
            lines,
            refused,
            added,
        })
    }

    /// Paths in our index: after [`Repo::capture`], the files of the work's tree.
    ///
    /// # Errors
    /// No lane is open.
    pub fn staged_files(&mut self) -> Result<Vec<String>, GitError> {
        let lane = self.opened()?;
        Ok(lane
            .index
            .iter()
            .map(|e| String::from_utf8_lossy(&e.path).into_owned())
            .collect())
    }

    /// Saves the lane's changes, and commits an engine made by itself, under `reference`. None when there
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
        let capture = self.capture(tip, spec)?;
        let what = || format!("saving work under {reference}");
        let git = &self.git;
        let parent = git.find_commit(from_oid(tip)?).doing(what)?;
        let own = head.filter(|h| h != tip);
        if own.is_none() && parent.tree_id() == from_oid(&capture.tree)? {
            return Ok(None);
        }
        let tree = git.find_tree(from_oid(&capture.tree)?).doing(what)?;
        let own = match own {
            Some(h) => git.find_commit(from_oid(&h)?).ok(),
            None => None,
        };
        let mut parents = vec![&parent];
        parents.extend(own.as_ref());
        let author = signature(git)?;
        let saved = to_oid(
            git.commit(None, &author, &author, why, &tree, &parents)
                .doing(what)?,
        );
        self.set_ref(reference, &saved, "codelicious: set work aside")?;
        Ok(Some(saved))
    }

    /// Stands worktree, index and HEAD at `tip`: changes are undone, new files removed, ignored ones kept.
    ///
    /// # Errors
    /// Files of the worktree that cannot be written.
    pub fn reset_lane(&mut self, tip: &Oid) -> Result<(), GitError> {
        self.detach_lane(tip)?;
        let lane = self.opened()?;
        let what = || format!("resetting the lane to {}", tip.short());
        restore_dot_git(&lane.paths)?;
        lane.set_walk_rules()?;
        lane.check_out(from_oid(tip)?).doing(what)?;
        lane.stand_index_at(tip)?;
        lane.remove_repositories().doing(what)?;
        lane.publish_index()
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
        let tree_of = |id: git2::Oid| self.git.find_commit(id).and_then(|c| c.tree());
        let mut merged = self
            .git
            .merge_trees(
                &tree_of(left_at).doing(what)?,
                &tree_of(from_oid(tip)?).doing(what)?,
                &self.git.find_tree(from_oid(&capture.tree)?).doing(what)?,
                None,
            )
            .doing(what)?;
        if merged.has_conflicts() {
            return Ok(false);
        }
        let tree = to_oid(merged.write_tree_to(&self.git).doing(what)?);
        self.hold_tree(&tree)?;
        Ok(true)
    }

    /// Stands the worktree at a captured tree: what checks left behind or changed since is undone.
    ///
    /// # Errors
    /// Files of the worktree that cannot be written.
    pub fn hold_tree(&mut self, tree: &Oid) -> Result<(), GitError> {
        let lane = self.opened()?;
        lane.set_walk_rules()?;
        lane.check_out(from_oid(tree)?)
            .doing(|| "undoing what checks left behind".to_owned())
    }

    /// Paths that differ between two trees.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn changed_between(&self, old: &Oid, new: &Oid) -> Result<Vec<String>, GitError> {
        let what = || "comparing trees".to_owned();
        let (old, new) = (
            self.git.find_tree(from_oid(old)?).doing(what)?,
            self.git.find_tree(from_oid(new)?).doing(what)?,
        );
        let diff = self
            .git
            .diff_tree_to_tree(Some(&old), Some(&new), None)
            .doing(what)?;
        Ok(diff
            .deltas()
            .filter_map(|d| {
                d.new_file()
                    .path()
                    .or(d.old_file().path())
                    .map(|p| p.to_string_lossy().into_owned())
            })
            .collect())
    }

    /// Moves the lane to a commit that our index already holds: HEAD, index and the spec's file follow.
    ///
    /// # Errors
    /// Files of the worktree that cannot be written.
    pub fn settle_lane(&mut self, commit: &Oid, spec: &str) -> Result<(), GitError> {
        self.detach_lane(commit)?;
        let lane = self.opened()?;
        lane.stand_index_at(commit)?;
        let what = || format!("writing {spec} in the lane");
        lane.clear_way_to(spec)?;
        let mut checkout = CheckoutBuilder::new();
        checkout
            .force()
            .path(spec.as_bytes())
            .disable_pathspec_match(true)
            .update_index(true);
        lane.git
            .checkout_index(Some(&mut lane.index), Some(&mut checkout))
            .doing(what)?;
        lane.publish_index()
    }
}

impl OpenLane {
    /// Checks a commit or tree out over whatever stands in the worktree; ignored files are kept.
    fn check_out(&self, treeish: git2::Oid) -> Result<(), git2::Error> {
        let tree = self.git.find_object(treeish, None)?.peel_to_tree()?;
        let mut checkout = CheckoutBuilder::new();
        checkout.force().remove_untracked(true);
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
                (true, Some(true)) | (false, Some(false) | None) => {}
            }
        }
        Ok(())
    }

    /// Removes repositories inside the repository, which a checkout leaves alone.
    fn remove_repositories(&mut self) -> Result<(), git2::Error> {
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
        self.index.read_tree(&tree).doing(what)
    }

    /// Writes our index and gives the worktree's own index the same content, for `git status` in the lane.
    pub(super) fn publish_index(&mut self) -> Result<(), GitError> {
        let what = || "writing the lane's index".to_owned();
        self.index.write().doing(what)?;
        let temp = self.paths.admin.join("index.codelicious");
        std::fs::copy(self.paths.index(), &temp).doing(what)?;
        std::fs::rename(&temp, self.paths.admin.join("index")).doing(what)
    }

    fn set_walk_rules(&self) -> Result<(), GitError> {
        // A folder with a cache tag (https://bford.info/cachedir/) is a build cache, not work.
        let cache_dirs: Vec<String> = std::fs::read_dir(&self.paths.dir)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|e| e.path().join("CACHEDIR.TAG").is_file())
            .filter_map(|e| e.file_name().into_string().ok())
            .collect();
        let what = || "setting ignore rules".to_owned();
        self.git.clear_ignore_rules().doing(what)?;
        self.git
            .add_ignore_rule(&walk_rules(&self.links, &cache_dirs))
            .doing(what)
    }

    #[allow(
        clippy::type_complexity,
        reason = "taken paths, and the reasons of refused ones"
    )]
    fn sweep(&mut self, spec: &str) -> Result<(Vec<(PathBuf, ChangeKind)>, Vec<String>), GitError> {
        self.set_walk_rules()?;
        let what = || "looking for changes in the lane".to_owned();
        let mut options = DiffOptions::new();
        options
            .include_untracked(true)
            .recurse_untracked_dirs(true)
            .include_typechange(true)
            .include_unreadable(true)
            .update_index(true);
        let diff = self
            .git
            .diff_index_to_workdir(Some(&self.index), Some(&mut options))
            .doing(what)?;
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        for delta in diff.deltas() {
            let file = if delta.status() == Delta::Deleted {
                delta.old_file()
            } else {
                delta.new_file()
            };
            let Some(bytes) = file.path_bytes() else {
                continue;
            };
            let path = Path::new(std::ffi::OsStr::from_bytes(bytes));
            let is_repository = bytes.ends_with(b"/") || file.mode() == FileMode::Commit;
            let kind = match delta.status() {
                Delta::Deleted => ChangeKind::Deleted,
                Delta::Unreadable => ChangeKind::Unreadable,
                _ if is_repository => ChangeKind::Repository,
                _ => ChangeKind::Present,
            };
            let size = if kind == ChangeKind::Present {
                self.paths
                    .dir
                    .join(path)
                    .symlink_metadata()
                    .map_or(0, |m| m.len())
            } else {
                0
            };
            let tracked = delta.status() != Delta::Untracked;
            let filter = if kind == ChangeKind::Present {
                self.external_filter(path)
            } else {
                None
            };
            match judge(
                &Change {
                    path: bytes,
                    kind,
                    size,
                    tracked,
                    filter,
                },
                spec,
                &self.links,
            ) {
                Verdict::Take => taken.push((path.to_path_buf(), kind)),
                Verdict::Drop => {}
                Verdict::Refuse(why) => refused.push(why),
            }
        }
        Ok((taken, refused))
    }

    /// The configured filter program that the path's attributes name (gitattributes(5), `filter`).
    fn external_filter(&self, path: &Path) -> Option<String> {
        let flags = git2::AttrCheckFlags::FILE_THEN_INDEX;
        let name = self.git.get_attr(path, "filter", flags).ok()??.to_owned();
        let config = self.git.config().ok()?;
        let runs = |key: &str| {
            config
                .get_string(&format!("filter.{name}.{key}"))
                .is_ok_and(|v| !v.is_empty())
        };
        (runs("clean") || runs("process")).then_some(name)
    }

    fn measure(&self, tip: &Oid, tree: git2::Oid) -> Result<(u32, Vec<AddedLine>), GitError> {
        let what = || "comparing the work with the lane's tip".to_owned();
        let old = self
            .git
            .find_commit(from_oid(tip)?)
            .and_then(|c| c.tree())
            .doing(what)?;
        let new = self.git.find_tree(tree).doing(what)?;
        if old.id() == new.id() {
            return Ok((0, Vec::new()));
        }
        let mut options = DiffOptions::new();
        options.context_lines(0).max_size(4 << 20);
        let diff = self
            .git
            .diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))
            .doing(what)?;
        let mut added = Vec::new();
        let lines = tally(&diff, None, &mut |line| added.push(line)).doing(what)?;
        Ok((lines, added))
    }
}

/// Lines that a commit changed against its first parent, the spec's own file not counted.
pub(super) fn commit_lines(
    git: &Repository,
    commit: &git2::Commit<'_>,
    spec: &str,
) -> Result<u32, git2::Error> {
    let new = commit.tree()?;
    let old = commit.parent(0).ok().map(|p| p.tree()).transpose()?;
    let mut options = DiffOptions::new();
    options.context_lines(0).max_size(4 << 20);
    let diff = git.diff_tree_to_tree(old.as_ref(), Some(&new), Some(&mut options))?;
    tally(&diff, Some(spec), &mut |_| ())
}

/// Added plus removed lines of a diff, a binary file counted as one; `skip` is not counted.
fn tally(
    diff: &git2::Diff<'_>,
    skip: Option<&str>,
    added: &mut dyn FnMut(AddedLine),
) -> Result<u32, git2::Error> {
    let lines = std::cell::Cell::new(0u32);
    let count = || lines.set(lines.get().saturating_add(1));
    diff.foreach(
        &mut |_, _| true,
        Some(&mut |_, _| {
            count();
            true
        }),
        None,
        Some(&mut |delta, _, line| {
            let path = delta.new_file().path();
            if skip.is_some_and(|s| path == Some(Path::new(s))) {
                return true;
            }
            if matches!(line.origin(), '+' | '-') {
                count();
            }
            if line.origin() == '+' {
                added(AddedLine {
                    path: path
                        .map(|p| p.to_string_lossy().into_owned())
                        .unwrap_or_default(),
                    line: line.new_lineno().unwrap_or(0) as usize,
                    text: String::from_utf8_lossy(line.content())
                        .trim_end()
                        .to_owned(),
                });
            }
            true
        }),
    )?;
    Ok(lines.get())
}

/// The lane's `.git` file points to its admin folder, whatever stood there.
pub(super) fn restore_dot_git(paths: &LanePaths) -> Result<(), GitError> {
    let file = paths.dir.join(".git");
    let content = [b"gitdir: ", paths.admin.as_os_str().as_bytes(), b"\n"].concat();
    if std::fs::read(&file).is_ok_and(|now| now == content) {
        return Ok(());
    }
    let what = || format!("restoring {}", file.display());
    if file.is_dir() && !file.is_symlink() {
        std::fs::remove_dir_all(&file).doing(what)?;
    }
    crate::fsx::atomic::write(&file, &content).map_err(|e| GitError::new(what(), e.to_string(), ""))
}

/// Fails early where nobody could commit.
///
/// # Errors
/// Git's configuration names nobody.
pub fn identity(repo: &Repo) -> Result<(), GitError> {
    signature(&repo.git).map(drop)
}

/// Who commits, from git's configuration.
pub(super) fn signature(git: &Repository) -> Result<Signature<'static>, GitError> {
    git.signature().map_err(|e| {
        GitError::new(
            "finding out who commits",
            e.message(),
            "git config --global user.name 'Your Name' && git config --global user.email you@example.com",
        )
    })
}
