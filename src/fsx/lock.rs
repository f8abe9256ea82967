//! The run lock, and short locks around appends.
//!
//! A run holds two locks of flock(2): one on the handle of the git common directory, which decides, and one
//! on `.codelicious/run.lock`, which says who holds it. An agent can delete the file, and a lock on a new
//! file would be granted; nobody can replace the git directory without ending the repository.
//!
//! The kernel releases both when the process ends, however it ends, so that a lock is never stale. Handles
//! are close-on-exec (the standard library's default), so that no child inherits them.
//!
//! Holders lock exclusively; those who only look lock shared for an instant. Who fails to lock exclusively
//! therefore tries shared before believing that somebody holds it.

use super::error::{Context, FsError};
use super::read::open_flags;
use super::root;
use crate::crash::{self, Point};
use crate::model::RunId;
use chrono::{DateTime, SecondsFormat, Utc};
use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::yield_now;

/// Name of the lock file in `.codelicious/`.
pub const LOCK_FILE: &str = "run.lock";

/// Tries, each giving way to other threads, before an onlooker's shared lock counts as a holder's, and
/// before a lock file that is replaced under our hands is given up. Onlookers need microseconds.
const TRIES: u32 = 2_000;

/// Tries before a holder who has not yet written who they are counts as unknown. They are about to, but may
/// have to wait for a processor; about a tenth of a second in all.
const NAME_TRIES: u32 = 30_000;

/// More than a holder's line ever needs.
const MAX_INFO: usize = 4096;

/// Who holds the lock, as its file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockInfo {
    pub pid: u32,
    pub run: RunId,
    pub start: DateTime<Utc>,
    pub host: String,
}

impl fmt::Display for LockInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start.to_rfc3339_opts(SecondsFormat::Secs, true);
        write!(
            f,
            "run {} (process {} on {}, since {start})",
            self.run, self.pid, self.host
        )
    }
}

/// Who holds the lock, as far as it can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    Known(LockInfo),
    /// Somebody does, but the lock file does not say who: it was deleted or damaged.
    Unknown,
}

impl Holder {
    /// What is known of the holder.
    pub fn info(&self) -> Option<&LockInfo> {
        match self {
            Self::Known(info) => Some(info),
            Self::Unknown => None,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(info) => info.fmt(f),
            Self::Unknown => {
                f.write_str("a run that cannot be named, since its lock file is gone or damaged")
            }
        }
    }
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("another run works on this repository: {0}; wait until it has ended, or stop it")]
    Held(Holder),
    #[error(transparent)]
    Io(#[from] FsError),
}

/// The right to build in a repository, for as long as the value lives.
#[derive(Debug)]
pub struct RunLock {
    dir: PathBuf,
    info: LockInfo,
    file: File,
    /// Held, never read: its lock decides.
    _git_dir: File,
}

impl RunLock {
    /// Takes the lock or says at once who holds it.
    ///
    /// `codelicious_dir` is made when it is missing, but only once the lock is ours; `common_git_dir` is the
    /// directory that all worktrees of the repository share.
    ///
    /// # Errors
    /// [`LockError::Held`] when another run holds it, [`LockError::Io`] when it cannot be told.
    pub fn acquire(
        codelicious_dir: &Path,
        common_git_dir: &Path,
        info: LockInfo,
    ) -> Result<Self, LockError> {
        let git_dir = File::open(common_git_dir).context("open", common_git_dir)?;
        if !try_exclusive(&git_dir, TRIES).map_err(|e| cannot_lock(common_git_dir, e))? {
            return Err(LockError::Held(read_holder(codelicious_dir)));
        }
        crash::point(Point::LockHeld).context("lock", common_git_dir)?;
        // The name first, and all that waits for the disk after it: others want to know who we are.
        root::ensure_bare(codelicious_dir)?;
        let file = lock_file(&codelicious_dir.join(LOCK_FILE), &info)?;
        crash::point(Point::LockNamed).context("lock", codelicious_dir)?;
        root::ensure_layout(codelicious_dir)?;
        Ok(Self {
            dir: codelicious_dir.to_owned(),
            info,
            file,
            _git_dir: git_dir,
        })
    }

    /// What the lock file says of us.
    pub fn info(&self) -> &LockInfo {
        &self.info
    }

    /// True while the file at the lock's path is the one we hold.
    pub fn is_ours(&self) -> bool {
        is_at(&self.file, &self.dir.join(LOCK_FILE)).unwrap_or(false)
    }

    /// Makes the lock file ours again after somebody deleted or replaced it, with the folder around it.
    /// Returns false when nothing was amiss. Whether it succeeds or not, no second run gets in meanwhile:
    /// the git directory's lock is still held.
    pub fn restore(&mut self) -> Result<bool, LockError> {
        if self.is_ours() {
            return Ok(false);
        }
        root::ensure_layout(&self.dir)?;
        self.file = lock_file(&self.dir.join(LOCK_FILE), &self.info)?;
        Ok(true)
    }
}

/// Who holds the run lock now; None when nobody does. Takes nothing, changes nothing, creates nothing.
///
/// # Errors
/// It cannot be told, because the git directory cannot be opened or locked.
pub fn peek(codelicious_dir: &Path, common_git_dir: &Path) -> Result<Option<Holder>, LockError> {
    let git_dir = File::open(common_git_dir).context("open", common_git_dir)?;
    if try_shared(&git_dir).map_err(|e| cannot_lock(common_git_dir, e))? {
        Ok(None)
    } else {
        Ok(Some(read_holder(codelicious_dir)))
    }
}

/// A file's exclusive lock, released on drop.
#[derive(Debug)]
pub struct FileGuard<'a>(&'a File);

impl Drop for FileGuard<'_> {
    fn drop(&mut self) {
        // Closing the file would release it too, should this ever fail.
        let _ = self.0.unlock();
    }
}

/// Locks a file for a short moment, giving way up to `tries` times while another process has it. None when
/// it could not be had: the wait is bounded, since anybody can hold a lock for ever.
pub fn guard(file: &File, tries: u32) -> io::Result<Option<FileGuard<'_>>> {
    for _ in 0..tries.max(1) {
        match fs2::FileExt::try_lock_exclusive(file) {
            Ok(()) => return Ok(Some(FileGuard(file))),
            Err(e) if e.kind() == ErrorKind::WouldBlock => yield_now(),
            Err(e) => return Err(e),
        }
    }
    Ok(None)
}

/// Locks a file or folder for as long as its handle is open; false when somebody else holds it so.
pub(super) fn hold(file: &File) -> io::Result<bool> {
    match fs2::FileExt::try_lock_exclusive(file) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(e) => Err(e),
    }
}

/// True when `path` (not what it may link to) is the very file that is open.
pub fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(there) => Ok(same(&file.metadata()?, &there)),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(e) => Err(e),
    }
}

fn same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Locks exclusively and keeps the lock; false when somebody else holds it so.
fn try_exclusive(file: &File, tries: u32) -> io::Result<bool> {
    for _ in 0..tries {
        match fs2::FileExt::try_lock_exclusive(file) {
            Ok(()) => return Ok(true),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
        if !try_shared(file)? {
            return Ok(false);
        }
        // Nobody but onlookers.
        yield_now();
    }
    Ok(false)
}

/// True when the file could be locked shared for an instant, so that nobody holds it exclusively.
fn try_shared(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

fn cannot_lock(path: &Path, source: io::Error) -> LockError {
    LockError::Io(FsError {
        op: "lock",
        path: path.to_owned(),
        source,
        remedy: "codelicious needs a file system that supports flock: keep the repository on a local disk".to_owned(),
    })
}

/// Locks the file at `path` with our name in it.
///
/// Called only with the git directory's lock held, so that it contends with onlookers and strangers, never
/// with another run in this function.
fn lock_file(path: &Path, info: &LockInfo) -> Result<File, LockError> {
    let mut line = serde_json::to_vec(info).map_err(|e| FsError::new("write", path, e.into()))?;
    line.push(b'\n');
    for _ in 0..TRIES {
        let Some(file) = open_lock_file(path)? else {
            continue;
        };
        // Only asked, not locked: an onlooker believes the name in a file that is locked exclusively, so
        // that it must never be, not for an instant, with an old name in it.
        if !try_shared(&file).map_err(|e| cannot_lock(path, e))? {
            return Err(LockError::Held(
                read_info(&file).map_or(Holder::Unknown, Holder::Known),
            ));
        }
        if !is_at(&file, path).context("lock", path)? {
            continue;
        }
        file.write_all_at(&line, 0).context("write", path)?;
        file.set_len(line.len() as u64).context("write", path)?;
        if !try_exclusive(&file, TRIES).map_err(|e| cannot_lock(path, e))? {
            return Err(LockError::Held(Holder::Unknown));
        }
        if is_at(&file, path).context("lock", path)? {
            return Ok(file);
        }
    }
    Err(LockError::Io(FsError::refused(
        "lock",
        path,
        "it is replaced as fast as it is locked".to_owned(),
        "find and stop what replaces it".to_owned(),
    )))
}

/// Opens or creates the lock file. None when a symbolic link stood there, which is removed: writing through
/// it would change somebody's file, and it holds no lock.
fn open_lock_file(path: &Path) -> Result<Option<File>, FsError> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(open_flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path);
    match opened {
        Ok(file) if file.metadata().context("open", path)?.is_file() => Ok(Some(file)),
        Ok(_) => Err(FsError::refused(
            "lock",
            path,
            "it is not a regular file".to_owned(),
            "remove it".to_owned(),
        )),
        Err(e) if e.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            fs::remove_file(path).context("remove the link", path)?;
            Ok(None)
        }
        Err(e) => Err(FsError::new("open", path, e)),
    }
}

/// Who holds the lock file, given that somebody holds the lock. Waits for a holder who has locked the git
/// directory and is about to write their name.
fn read_holder(codelicious_dir: &Path) -> Holder {
    let path = codelicious_dir.join(LOCK_FILE);
    for _ in 0..NAME_TRIES {
        if let Some(info) = locked_info(&path) {
            return Holder::Known(info);
        }
        yield_now();
    }
    Holder::Unknown
}

/// The name in the file, if the file is locked.
fn locked_info(path: &Path) -> Option<LockInfo> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(open_flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path)
        .ok()?;
    match try_shared(&file) {
        Ok(false) => read_info(&file),
        Ok(true) | Err(_) => None,
    }
}

/// The first line of the file, from its start, wherever its handle stands.
fn read_info(file: &File) -> Option<LockInfo> {
    let mut bytes = vec![0; MAX_INFO];
    let n = file.read_at(&mut bytes, 0).ok()?;
    let line = bytes[..n].split(|b| *b == b'\n').next()?;
    serde_json::from_slice(line).ok()
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
