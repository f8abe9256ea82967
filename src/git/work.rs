//! What an engine changed in a lane: taken as a tree, and measured.

use super::command::{is_skipped, notice_present};
use super::error::{Context, GitError};
use super::lane::{OpenLane, restore_dot_git};
use super::repo::{Repo, from_oid, to_oid};
use super::sweep::{Change, ChangeKind, Verdict, judge, walk_rules};
use super::way;
use crate::core::uncounted::Uncounted;
use crate::crash::{self, Point};
use crate::model::{LineCount, Oid};
use git2::{AttrValue, Delta, DiffOptions, FileMode, Repository};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// Added plus removed lines that count; a binary file counts as one.
    pub lines: u32,
    /// Changes that may not be committed, each with its reason.
    pub refused: Vec<String>,
    pub added: Vec<AddedLine>,
}

/// Changes in a worktree.
#[derive(Default)]
struct Swept {
    taken: Vec<(PathBuf, ChangeKind)>,
    /// Of these, the files that git passes through a program.
    filtered: Vec<PathBuf>,
    /// Why others may not be committed.
    refused: Vec<String>,
}

impl Repo {
    /// Captures what the work changed since `tip` as a tree. Leaves it staged in our index.
    ///
    /// # Errors
    /// Files or objects that cannot be read or written.
    pub fn capture(&mut self, tip: &Oid, spec: &str) -> Result<Capture, GitError> {
        let lane = self.opened()?;
        restore_dot_git(&lane.paths)?;
        lane.stand_index_at(tip)?;
        if lane.is_sparse {
            let what = || "looking for files outside the sparse checkout".to_owned();
            let were = notice_present(&mut lane.index, &lane.paths.dir).doing(what)?;
            for id in were {
                // A partial clone may not have them, and they are compared with what is there now.
                let name = id.to_string();
                self.with_fetched(&["cat-file", "blob", &name], || {
                    self.git.find_blob(id).map(drop)
                })
                .doing(what)?;
            }
        }
        let lane = self.opened()?;
        let Swept {
            taken,
            filtered,
            refused,
        } = lane.sweep(spec)?;
        if !taken.is_empty() {
            lane.holds = None;
        }
        let only_touched = self.stage_filtered(&filtered)?;
        let lane = self.opened()?;
        let tree = lane.unsynced(|lane| {
            for (path, kind) in taken.iter().filter(|(p, _)| !filtered.contains(p)) {
                let what = || format!("staging {}", path.display());
                match kind {
                    ChangeKind::Deleted => lane.index.remove_path(path).doing(what)?,
                    _ => lane.index.add_path(path).doing(what)?,
                }
            }
            lane.write_tree("writing the work's tree")
        })?;
        crash::point(Point::LaneCaptured).doing(|| "capturing the work".to_owned())?;
        let uncounted = Arc::clone(&self.uncounted);
        let (lines, added) = self.opened()?.measure(tip, tree, &uncounted)?;
        Ok(Capture {
            tree: to_oid(tree),
            files: taken
                .iter()
                .filter(|(p, _)| !only_touched.contains(p))
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

    /// True when the lane's changes since `tip` are those of `commit`, the spec's own file aside.
    ///
    /// # Errors
    /// Files or objects that cannot be read or written.
    pub fn lane_holds(&mut self, commit: &Oid, tip: &Oid, spec: &str) -> Result<bool, GitError> {
        let capture = self.capture(tip, spec)?;
        let tree = self.git.find_commit(from_oid(commit)?);
        let tree = tree
            .map(|c| to_oid(c.tree_id()))
            .doing(|| format!("reading {}", commit.short()))?;
        let differing = self.changed_between(&capture.tree, &tree)?;
        Ok(differing.iter().all(|path| path == spec))
    }

    /// Lines that a commit changed, the spec's own file left out.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn lines_of(&self, commit: &Oid, spec: &str) -> Result<LineCount, GitError> {
        let id = from_oid(commit)?;
        self.with_fetched(
            &["diff-tree", "-p", "-r", "--root", commit.as_str()],
            || {
                let commit = self.git.find_commit(id)?;
                commit_lines(&self.git, &commit, spec, &self.uncounted)
            },
        )
        .doing(|| "counting a commit's lines".to_owned())
    }

    /// Paths that differ between two trees of the lane's.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn changed_between(&mut self, old: &Oid, new: &Oid) -> Result<Vec<String>, GitError> {
        let what = || "comparing trees".to_owned();
        let git = &self.opened()?.git;
        let (old, new) = (
            git.find_tree(from_oid(old)?).doing(what)?,
            git.find_tree(from_oid(new)?).doing(what)?,
        );
        let diff = git
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
}

impl OpenLane {
    /// Folders with a cache tag (<https://bford.info/cachedir/>): a build's cache, not work.
    pub(super) fn cache_dirs(&self) -> Vec<String> {
        std::fs::read_dir(&self.paths.dir)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|e| e.path().join("CACHEDIR.TAG").is_file())
            .filter_map(|e| e.file_name().into_string().ok())
            .collect()
    }

    pub(super) fn set_walk_rules(&self) -> Result<(), GitError> {
        let what = || "setting ignore rules".to_owned();
        self.git.clear_ignore_rules().doing(what)?;
        self.git
            .add_ignore_rule(&walk_rules(&self.links, &self.cache_dirs()))
            .doing(what)?;
        self.clear_specials()
    }

    /// Nothing of what is left holds up whoever reads the worktree.
    pub(super) fn clear_specials(&self) -> Result<(), GitError> {
        let what = || "removing pipes and devices from the lane".to_owned();
        way::clear_specials(&self.git, &self.index, &self.paths.dir).doing(what)
    }

    /// What changed since the tip, judged.
    fn sweep(&mut self, spec: &str) -> Result<Swept, GitError> {
        self.set_walk_rules()?;
        let what = || "looking for changes in the lane".to_owned();
        let mut options = DiffOptions::new();
        options
            .include_untracked(true)
            .recurse_untracked_dirs(true)
            .include_typechange(true)
            .include_unreadable(true);
        let diff = self
            .git
            .diff_index_to_workdir(Some(&self.index), Some(&mut options))
            .doing(what)?;
        let mut swept = Swept::default();
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
            let entry = self.index.get_path(path, 0);
            if delta.status() == Delta::Deleted && entry.is_some_and(|e| is_skipped(&e)) {
                continue;
            }
            let is_repository = bytes.ends_with(b"/") || file.mode() == FileMode::Commit;
            let kind = match delta.status() {
                Delta::Deleted => ChangeKind::Deleted,
                Delta::Unreadable => ChangeKind::Unreadable,
                _ if is_repository => ChangeKind::Repository,
                _ => ChangeKind::Present,
            };
            let meta = self.paths.dir.join(path).symlink_metadata().ok();
            let meta = meta.filter(|_| kind == ChangeKind::Present);
            let filtered =
                meta.as_ref().is_some_and(|m| m.is_file()) && self.has_external_filter(path);
            let change = Change {
                path: bytes,
                kind,
                size: meta.map_or(0, |m| m.len()),
                tracked: delta.status() != Delta::Untracked,
                filtered,
            };
            match judge(&change, spec, &self.links) {
                Verdict::Take => {
                    swept.taken.push((path.to_path_buf(), kind));
                    if filtered {
                        swept.filtered.push(path.to_path_buf());
                    }
                }
                Verdict::Drop => {}
                Verdict::Refuse(why) => swept.refused.push(why),
            }
        }
        Ok(swept)
    }

    /// True when the path's attributes name a filter program that is configured (gitattributes(5), `filter`).
    fn has_external_filter(&self, path: &Path) -> bool {
        let flags = git2::AttrCheckFlags::FILE_THEN_INDEX;
        let (Ok(Some(name)), Ok(config)) =
            (self.git.get_attr(path, "filter", flags), self.git.config())
        else {
            return false;
        };
        let runs = |key: &str| {
            config
                .get_string(&format!("filter.{name}.{key}"))
                .is_ok_and(|v| !v.is_empty())
        };
        runs("clean") || runs("process")
    }

    fn measure(
        &self,
        tip: &Oid,
        tree: git2::Oid,
        uncounted: &Uncounted,
    ) -> Result<(u32, Vec<AddedLine>), GitError> {
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
        let of = |path: &Path| share(&self.git, uncounted, path);
        let lines = tally(&diff, &of, &mut |line| added.push(line)).doing(what)?;
        // A rule of the work's own can call any text binary: what it adds is looked at all the same.
        if diff.deltas().any(|delta| delta.flags().is_binary()) {
            options.force_text(true);
            let whole = self
                .git
                .diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))
                .doing(what)?;
            added.clear();
            tally(&whole, &of, &mut |line| added.push(line)).doing(what)?;
        }
        Ok((lines.counted(), added))
    }
}

/// Lines that a commit changed against its first parent, the spec's own file left out.
pub(super) fn commit_lines(
    git: &Repository,
    commit: &git2::Commit<'_>,
    spec: &str,
    uncounted: &Uncounted,
) -> Result<LineCount, git2::Error> {
    let new = commit.tree()?;
    let old = commit.parent(0).ok().map(|p| p.tree()).transpose()?;
    let mut options = DiffOptions::new();
    options.context_lines(0).max_size(4 << 20);
    let diff = git.diff_tree_to_tree(old.as_ref(), Some(&new), Some(&mut options))?;
    let of = |path: &Path| match path == Path::new(spec) {
        true => Share::LeftOut,
        false => share(git, uncounted, path),
    };
    tally(&diff, &of, &mut |_| ())
}

/// What a file's lines are to a count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    Counted,
    /// In a lock file, or generated.
    Uncounted,
    /// In no number at all.
    LeftOut,
}

/// What the configuration, the repository's attributes and the file's name say of it.
fn share(git: &Repository, uncounted: &Uncounted, path: &Path) -> Share {
    let flags = git2::AttrCheckFlags::FILE_THEN_INDEX;
    let said = git.get_attr(path, "linguist-generated", flags);
    let generated = match AttrValue::from_string(said.unwrap_or_default()) {
        AttrValue::True => Some(true),
        AttrValue::False => Some(false),
        AttrValue::String(word) => word.parse().ok(),
        AttrValue::Bytes(_) | AttrValue::Unspecified => None,
    };
    match uncounted.holds(path, generated) {
        true => Share::Uncounted,
        false => Share::Counted,
    }
}

/// Added and removed lines of a diff, a binary file counted as one.
fn tally(
    diff: &git2::Diff<'_>,
    share: &dyn Fn(&Path) -> Share,
    added: &mut dyn FnMut(AddedLine),
) -> Result<LineCount, git2::Error> {
    let count = std::cell::Cell::new(LineCount::default());
    // Asked once a file: its lines come one after the other.
    let known = std::cell::RefCell::new((PathBuf::new(), Share::LeftOut));
    let share_of = |delta: &git2::DiffDelta<'_>| {
        let path = delta.new_file().path().or(delta.old_file().path());
        let path = path.unwrap_or(Path::new(""));
        let mut known = known.borrow_mut();
        if known.0 != path {
            *known = (path.to_path_buf(), share(path));
        }
        known.1
    };
    let note = |share: Share, is_added: bool| {
        let mut now = count.get();
        let place = match (share, is_added) {
            (Share::Counted, true) => &mut now.added,
            (Share::Counted, false) => &mut now.removed,
            (Share::Uncounted, _) => &mut now.uncounted,
            (Share::LeftOut, _) => return,
        };
        *place = place.saturating_add(1);
        count.set(now);
    };
    diff.foreach(
        &mut |_, _| true,
        Some(&mut |delta, _| {
            note(share_of(&delta), true);
            true
        }),
        None,
        Some(&mut |delta, _, line| {
            let share = share_of(&delta);
            if share == Share::LeftOut {
                return true;
            }
            if matches!(line.origin(), '+' | '-') {
                note(share, line.origin() == '+');
            }
            if line.origin() == '+' {
                added(AddedLine {
                    path: delta
                        .new_file()
                        .path()
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
    Ok(count.get())
}
