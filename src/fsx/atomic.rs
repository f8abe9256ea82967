//! Durable, atomic changes of files and folders.
//!
//! A reader, or the next run after a crash, sees the old content or the new one, never a part: the bytes
//! go to a temporary file in the same folder, are synced, renamed over the target, and the folder is
//! synced too (rename(2) is atomic; only the folder's sync makes it last through a power cut).

use super::error::{Context, FsError};
use crate::crash::{self, Point};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Prefix of every temporary name made here; the writer's process id follows.
const TEMP_PREFIX: &str = ".tmp-";

/// Characters of the target's name that its temporary name repeats: enough to recognise it, and at four bytes
/// each well below NAME_MAX (255).
const TEMP_NAME_KEPT: usize = 25;

/// Temporary files that this process is writing now, by number.
static IN_FLIGHT: Mutex<(u64, BTreeSet<u64>)> = Mutex::new((0, BTreeSet::new()));

fn in_flight() -> MutexGuard<'static, (u64, BTreeSet<u64>)> {
    // The set stays meaningful whatever a panicking writer left in it.
    IN_FLIGHT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replaces the content of `path` by `bytes`, durably. An existing file's permissions are kept; a
/// symbolic link at `path` is replaced, not followed.
///
/// # Errors
/// The old content stands and no temporary file is left.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    let dir = parent(path);
    let temp = Temp::claim(dir, path.file_name().unwrap_or(OsStr::new("file")));
    let mut file = temp.open(path)?;
    if let Ok(old) = fs::symlink_metadata(path)
        && old.is_file()
    {
        file.set_permissions(old.permissions())
            .context("write", path)?;
    }
    let (bytes, went_on) = crash::half(Point::WriteHalf, path, bytes);
    file.write_all(bytes).and(went_on).context("write", path)?;
    file.sync_all().context("write", path)?;
    drop(file);
    crash::file(Point::WriteSynced, path).context("write", path)?;
    fs::rename(&temp.path, path).context("write", path)?;
    crash::file(Point::WriteRenamed, path).context("write", path)?;
    sync(dir)
}

/// Makes the file `path` with this content, durably, unless something stands there: false then. Of several
/// who try at once, one succeeds (link(2)).
///
/// # Errors
/// Nothing was made. Also where the file system knows no hard links.
pub fn create(path: &Path, bytes: &[u8]) -> Result<bool, FsError> {
    let dir = parent(path);
    let temp = Temp::claim(dir, path.file_name().unwrap_or(OsStr::new("file")));
    let mut file = temp.open(path)?;
    file.write_all(bytes).context("write", path)?;
    file.sync_all().context("write", path)?;
    drop(file);
    match fs::hard_link(&temp.path, path) {
        Ok(()) => {}
        Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(e) => return Err(FsError::new("link", path, e)),
    }
    sync(dir)?;
    Ok(true)
}

/// Makes `path` a folder, with its parents, each of them durable. Fine if it is one already.
pub fn create_dir_all_durable(path: &Path) -> Result<(), FsError> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|p| !p.as_os_str().is_empty() && !p.is_dir())
        .collect();
    for dir in missing.into_iter().rev() {
        match fs::create_dir(dir) {
            Ok(()) => {
                crash::file(Point::FolderMade, dir).context("create the folder", dir)?;
                sync(parent(dir))?;
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists && dir.is_dir() => {}
            Err(e) => return Err(FsError::new("create the folder", dir, e)),
        }
    }
    Ok(())
}

/// Makes `link` a symbolic link to `target`, replacing what it was in one step. Not synced: links of this
/// kind are a convenience for people.
pub fn swap_symlink(target: &Path, link: &Path) -> Result<(), FsError> {
    let temp = Temp::claim(parent(link), link.file_name().unwrap_or(OsStr::new("link")));
    remove_if_there(&temp.path).context("link", link)?;
    std::os::unix::fs::symlink(target, &temp.path).context("link", link)?;
    fs::rename(&temp.path, link).context("link", link)
}

/// Moves a file or folder durably to `to`, or, where something is there already, to `to-2`, `to-3`, …
/// Returns where it went.
pub fn move_aside(from: &Path, to: &Path) -> Result<PathBuf, FsError> {
    let goal = free_name(to);
    fs::rename(from, &goal).context("move aside", from)?;
    crash::file(Point::MovedAside, from).context("move aside", from)?;
    sync(parent(&goal))?;
    if parent(from) != parent(&goal) {
        sync(parent(from))?;
    }
    Ok(goal)
}

/// `path`, or `path-2`, `path-3`, … where something stands there already.
pub(crate) fn free_name(path: &Path) -> PathBuf {
    let numbered = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("-{n}"));
        PathBuf::from(name)
    };
    std::iter::once(path.to_owned())
        .chain((2..u32::MAX).map(numbered))
        .find(|p| fs::symlink_metadata(p).is_err())
        .unwrap_or_else(|| path.to_owned())
}

/// Removes temporary files in `dir` whose writer is gone: of processes that no longer run, and of an
/// earlier process that had our id. Returns what it removed.
pub fn remove_stale_temps(dir: &Path) -> Result<Vec<PathBuf>, FsError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(FsError::new("list", dir, e)),
    };
    let mut removed = Vec::new();
    for entry in entries {
        let entry = entry.context("list", dir)?;
        let Some((pid, n)) = entry.file_name().to_str().and_then(parse_temp) else {
            continue;
        };
        let stale = if pid == std::process::id() {
            !in_flight().1.contains(&n)
        } else {
            !is_alive(pid)
        };
        if stale {
            remove_if_there(&entry.path()).context("remove", &entry.path())?;
            removed.push(entry.path());
        }
    }
    removed.sort();
    Ok(removed)
}

/// Syncs a folder, so that names made or changed in it last, or a file's content. Quiet where the file system
/// cannot.
pub(crate) fn sync(path: &Path) -> Result<(), FsError> {
    match File::open(path).and_then(|d| d.sync_all()) {
        // fsync(2): EINVAL where the file does not support it, as folders of some network file systems.
        Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        other => other.context("sync", path),
    }
}

/// The folder that holds `path`; `.` for a bare name.
fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Process id and number in a temporary name.
fn parse_temp(name: &str) -> Option<(u32, u64)> {
    let mut parts = name.strip_prefix(TEMP_PREFIX)?.splitn(3, '-');
    let pid = parts.next()?.parse().ok()?;
    let n = parts.next()?.parse().ok()?;
    parts.next().map(|_| (pid, n))
}

/// True unless the process certainly does not exist.
fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    else {
        return false;
    };
    rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

/// A temporary name of ours; whatever stands there is removed when it goes.
struct Temp {
    n: u64,
    path: PathBuf,
}

impl Temp {
    fn claim(dir: &Path, name: &OsStr) -> Self {
        let n = {
            let mut state = in_flight();
            state.0 += 1;
            let n = state.0;
            state.1.insert(n);
            n
        };
        let mut file_name = OsString::from(format!("{TEMP_PREFIX}{}-{n}-", std::process::id()));
        let kept: String = name
            .to_string_lossy()
            .chars()
            .take(TEMP_NAME_KEPT)
            .collect();
        file_name.push(kept);
        Self {
            n,
            path: dir.join(file_name),
        }
    }

    /// Makes the file, for what will be at `path`.
    fn open(&self, path: &Path) -> Result<File, FsError> {
        loop {
            match OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&self.path)
            {
                Ok(file) => return Ok(file),
                // Left by a dead process that had our id.
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                    remove_if_there(&self.path).context("write", path)?
                }
                Err(e) => return Err(FsError::new("write", path, e)),
            }
        }
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        // After a successful rename there is nothing to remove; after a failure nothing more can be done.
        let _ = remove_if_there(&self.path);
        in_flight().1.remove(&self.n);
    }
}

#[cfg(test)]
#[path = "atomic_tests.rs"]
mod tests;
