//! Undoing what an engine did when the run that started it was killed before it could.
//!
//! While an engine works, a note in the lane's own git folder says how the repository around it stood. A note that
//! is there when a run starts belongs to a run that is no more.

use super::error::{Context, GitError};
use super::guard::{Moment, Snapshot};
use super::lane::{LaneDir, LanePaths, SET_UP};
use super::repo::Repo;
use crate::model::Oid;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Name of the note.
const NOTE: &str = "codelicious-around";

/// Largest note that is read: hooks are small.
const MAX_NOTE: u64 = 64 << 20;

impl Repo {
    /// Leaves a note of how things stand before an engine runs. Not synced: a power cut ends the engine too, and
    /// what it did until then is mostly lost with it.
    ///
    /// # Errors
    /// The note cannot be written.
    pub fn note(&mut self, snapshot: &Snapshot) -> Result<(), GitError> {
        let path = self.opened()?.paths.admin.join(NOTE);
        let what = || format!("writing {}", path.display());
        // Names that are not UTF-8 cannot be noted, and nothing is done about an engine that changes those.
        let Ok(text) = serde_json::to_vec(snapshot) else {
            return Ok(());
        };
        let temp = path.with_file_name(super::lane::HALF_AROUND);
        File::create(&temp)
            .and_then(|mut file| file.write_all(&text))
            .and_then(|()| std::fs::rename(&temp, &path))
            .doing(what)
    }

    /// Takes the note away: what the engine did is undone.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove_note(&mut self) -> Result<(), GitError> {
        remove(&self.opened()?.paths.admin.join(NOTE))
    }

    /// Undoes what engines of killed runs did to the repository around their lanes; says what it was. Files that
    /// are put back are kept in a folder below `aside` first, since a person may have changed them.
    ///
    /// # Errors
    /// Files or refs that cannot be written.
    pub fn undo_interrupted(&mut self, aside: &Path) -> Result<Vec<String>, GitError> {
        let lanes = std::fs::read_dir(self.info.common_dir.join("worktrees"));
        let noted: Vec<PathBuf> = lanes
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|admin| admin.join(NOTE).exists())
            .collect();
        let mut undone = Vec::new();
        for admin in noted {
            if let Some(before) = read(&admin) {
                undone.extend(self.undo_in(&admin, &before, aside)?);
            }
            // How hooks and their configuration stood was known to that run alone.
            remove(&admin.join(SET_UP))?;
            remove(&admin.join(NOTE))?;
        }
        Ok(undone)
    }

    fn undo_in(
        &mut self,
        admin: &Path,
        before: &Snapshot,
        aside: &Path,
    ) -> Result<Vec<String>, GitError> {
        let moment = Moment::Later {
            aside: &crate::fsx::atomic::free_name(&aside.join("git")),
        };
        // First of all, since some of them say where the lane is. Git is asked for something when a sparse lane is opened.
        let mut undone = self.restore_files(before, moment)?;
        let Some(paths) = self.lane_of(admin)? else {
            // Without the lane nobody can tell which commits were made in it.
            undone.extend(self.restore_without_lane(before, moment)?);
            return Ok(undone);
        };
        self.open_lane(&paths, &[])?;
        // Where the lane stands is put right when it is prepared.
        let tip = self.lane_head()?.0.unwrap_or_else(|| Oid::new(""));
        let rest = self.restore_then(before, &tip, moment);
        self.close_lane();
        undone.extend(rest?);
        Ok(undone)
    }

    /// The lane whose own git folder this is; None when it cannot be opened any more.
    fn lane_of(&self, admin: &Path) -> Result<Option<LanePaths>, GitError> {
        use std::os::unix::ffi::OsStrExt;
        let Ok(text) = std::fs::read(admin.join("gitdir")) else {
            return Ok(None);
        };
        let dot_git = PathBuf::from(std::ffi::OsStr::from_bytes(text.trim_ascii_end()));
        match dot_git.parent() {
            Some(dir) => Ok(match self.find_lane(dir)? {
                LaneDir::Ready(paths) => (paths.admin == admin).then_some(paths),
                LaneDir::Missing => None,
            }),
            None => Ok(None),
        }
    }
}

/// The note; None where it is torn, as a power cut leaves it.
fn read(admin: &Path) -> Option<Snapshot> {
    let bytes = crate::fsx::read_bounded(&admin.join(NOTE), MAX_NOTE).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn remove(note: &Path) -> Result<(), GitError> {
    match std::fs::remove_file(note) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(e).doing(|| format!("removing {}", note.display()))
        }
        _ => Ok(()),
    }
}
