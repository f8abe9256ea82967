//! A lane that stands for a while elsewhere than at its work: at the base for a baseline, at tests without the work
//! they test, or half way to its tip.
//!
//! A note in the lane's own git folder says so from before the first file is changed until the work, or the tip,
//! stands again. What a killed run leaves meanwhile is nobody's work; what was work before is named by the note.

use super::error::{Context, GitError};
use super::lane::{HALF_ELSEWHERE, restore_dot_git};
use super::repo::{Repo, from_oid, to_oid};
use crate::crash::{self, Point};
use crate::model::Oid;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

/// Name of the note. It holds the work's tree, or nothing.
pub(super) const NOTE: &str = "codelicious-elsewhere";

/// Whose the files of a lane are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Whatever is not the tip's was left by an attempt, or by a person.
    Own,
    /// Nobody's. The work that stood there before is this tree, if there was any.
    Elsewhere { work: Option<Oid> },
    /// The same, but git does not have that tree any more: no ref holds it, so that a `git gc` takes it away.
    Lost { work: Oid },
}

impl Repo {
    /// Stands worktree, index and HEAD at `tip`: changes are undone, new files removed, ignored ones kept.
    ///
    /// # Errors
    /// Files of the worktree that cannot be written.
    pub fn reset_lane(&mut self, tip: &Oid) -> Result<(), GitError> {
        self.visit(tip)?;
        self.is_back()
    }

    /// The same for a commit that is not the lane's tip: until the lane is reset, what lies in it is nobody's work.
    ///
    /// # Errors
    /// Files of the worktree that cannot be written.
    pub fn visit(&mut self, tip: &Oid) -> Result<(), GitError> {
        self.leave_for_elsewhere(None)?;
        self.detach_lane(tip)?;
        let what = || format!("resetting the lane to {}", tip.short());
        restore_dot_git(&self.opened()?.paths)?;
        let tree = self
            .git
            .find_commit(from_oid(tip)?)
            .and_then(|c| c.tree())
            .doing(what)?
            .id();
        crash::point(Point::LaneHead).doing(what)?;
        self.stand_files_at(tree)?;
        crash::point(Point::LaneFiles).doing(what)?;
        let lane = self.opened()?;
        lane.stand_index_at(tip)?;
        lane.remove_repositories().doing(what)?;
        lane.publish_index()
    }

    /// Notes that the open lane is about to stand elsewhere, and keeps the tree that is its work. Not synced: a power
    /// cut loses files that were just written together with the note about them.
    ///
    /// # Errors
    /// Objects or the note cannot be written.
    pub fn leave_for_elsewhere(&mut self, work: Option<&Oid>) -> Result<(), GitError> {
        if let Some(tree) = work {
            self.opened()?.keep(from_oid(tree)?, None)?;
        }
        let path = self.elsewhere()?;
        let temp = path.with_file_name(HALF_ELSEWHERE);
        let text = work.map(Oid::to_string).unwrap_or_default();
        File::create(&temp)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| std::fs::rename(&temp, &path))
            .doing(|| format!("writing {}", path.display()))
    }

    /// Notes that the lane stands at its work again.
    ///
    /// # Errors
    /// The note cannot be removed.
    pub fn is_back(&mut self) -> Result<(), GitError> {
        let path = self.elsewhere()?;
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                Err(e).doing(|| format!("removing {}", path.display()))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Whose the files of the open lane are, as the last run left them.
    ///
    /// # Errors
    /// The note cannot be read.
    pub fn standing(&mut self) -> Result<Standing, GitError> {
        let path = self.elsewhere()?;
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(match git2::Oid::from_str(&text) {
                Err(_) => Standing::Elsewhere { work: None },
                Ok(tree) if self.opened()?.git.find_tree(tree).is_err() => {
                    Standing::Lost { work: to_oid(tree) }
                }
                Ok(tree) => Standing::Elsewhere {
                    work: Some(to_oid(tree)),
                },
            }),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Standing::Own),
            Err(e) => Err(e).doing(|| format!("reading {}", path.display())),
        }
    }

    fn elsewhere(&mut self) -> Result<PathBuf, GitError> {
        Ok(self.opened()?.paths.admin.join(NOTE))
    }
}
