//! Files below one folder, opened from a handle of it: nothing on the way can lead out, also while others swap
//! folders for links.
//!
//! On Linux one system call does it for reading (openat2(2), `RESOLVE_BENEATH`). Where that is not to be had, and for
//! writing, which has to know what the place is really called, the way is walked name by name, each opened from the
//! handle before it and never through a link: where a name is a link, its target is put in place of the name.

use super::error::FsError;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Links on one way, as the kernel has it (path_resolution(7)).
const MAX_LINKS: usize = 40;
/// Names on one way, those of links included.
const MAX_NAMES: usize = 4096;
/// How often a way is tried that others change meanwhile.
const MAX_TRIES: usize = 64;

/// A folder that nothing opened here leads out of.
#[derive(Clone, Debug)]
pub struct Beneath {
    dir: Arc<OwnedFd>,
}

/// Why a path was not opened.
#[derive(Debug, thiserror::Error)]
pub enum BeneathError {
    #[error("it leads out of the folder")]
    Outside,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Errno> for BeneathError {
    fn from(e: Errno) -> Self {
        match e {
            // What openat2 says of a way that would leave.
            Errno::XDEV => Self::Outside,
            e => Self::Io(e.into()),
        }
    }
}

/// Reads a regular file of at most `max` bytes below `root`, wherever links below it lead, but never out of it.
///
/// # Errors
/// It is not there, no regular file, larger, or leads out.
pub fn read_beneath(root: &Path, relative: &Path, max: u64) -> Result<Vec<u8>, FsError> {
    let full = root.join(relative);
    let file = Beneath::open(root)
        .map_err(BeneathError::from)
        .and_then(|root| root.open_any(relative));
    match file {
        Ok(file) => super::read::bounded(super::read::regular(file, &full)?, &full, max),
        Err(BeneathError::Io(e)) => Err(FsError::new("read", &full, e)),
        Err(BeneathError::Outside) => Err(FsError::refused(
            "read",
            &full,
            format!("a symbolic link leads out of {}", root.display()),
            "put the file itself there".to_owned(),
        )),
    }
}

/// Where a file is or would be.
pub struct Place {
    /// Its path with links followed: what it is really called below the folder.
    pub real: PathBuf,
    /// What is there now; links are not followed.
    pub there: Option<Stat>,
    /// The folder around it, where that exists.
    folder: Option<OwnedFd>,
}

/// A folder on the way, with its name.
struct Step {
    name: OsString,
    fd: OwnedFd,
}

/// As far as a way goes.
struct Walked {
    steps: Vec<Step>,
    /// Names that do not exist.
    missing: Vec<OsString>,
}

impl Beneath {
    /// Takes hold of a folder.
    ///
    /// # Errors
    /// It is not there, or no folder.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let dir = rustix::fs::open(dir, folder_flags() & !OFlags::NOFOLLOW, Mode::empty())?;
        Ok(Self { dir: Arc::new(dir) })
    }

    /// Opens a file or a folder for reading. Never waits for a pipe's other end.
    ///
    /// # Errors
    /// It is not there, or leads out.
    pub fn open_any(&self, path: &Path) -> Result<File, BeneathError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let path = match path.as_os_str().is_empty() {
            true => Path::new("."),
            false => path,
        };
        #[cfg(target_os = "linux")]
        if let Some(opened) = self.open_at_once(path, flags) {
            return opened.map(File::from);
        }
        self.open_by_walk(path, flags).map(File::from)
    }

    /// None where the kernel has no such call, or a filter forbids it.
    #[cfg(target_os = "linux")]
    fn open_at_once(&self, path: &Path, flags: OFlags) -> Option<Result<OwnedFd, BeneathError>> {
        use rustix::fs::{ResolveFlags, openat2};
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..MAX_TRIES {
            match openat2(&*self.dir, path, flags, Mode::empty(), how) {
                // Something was renamed meanwhile.
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::NOSYS | Errno::PERM) => return None,
                other => return Some(other.map_err(BeneathError::from)),
            }
        }
        None
    }

    fn open_by_walk(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, BeneathError> {
        let mut path = path.to_path_buf();
        for _ in 0..MAX_LINKS {
            let Some(name) = last_name(&path) else {
                let walked = self.walk(&path, false)?;
                let at = walked.whole()?;
                let at = at.map_or_else(|| self.dir.as_fd(), AsFd::as_fd);
                return Ok(rustix::fs::openat(at, ".", flags, Mode::empty())?);
            };
            let above = path.parent().unwrap_or(Path::new("")).to_path_buf();
            let walked = self.walk(&above, false)?;
            let at = walked.whole()?;
            let at = at.map_or_else(|| self.dir.as_fd(), AsFd::as_fd);
            match rustix::fs::openat(at, &name, flags | OFlags::NOFOLLOW, Mode::empty()) {
                Err(Errno::LOOP | Errno::MLINK) => {
                    let target = link_target(at, &name)?;
                    path = walked.real().join(target);
                }
                other => return Ok(other?),
            }
        }
        Err(Errno::LOOP.into())
    }

    /// Names and kinds in a folder, without `.` and `..`.
    ///
    /// # Errors
    /// It is not there, no folder, or leads out.
    pub fn list(&self, path: &Path) -> Result<Vec<(OsString, FileType)>, BeneathError> {
        let dir = self.open_any(path)?;
        let mut found = Vec::new();
        for entry in Dir::read_from(&dir)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |s| FileType::from_raw_mode(s.st_mode)),
                kind => kind,
            };
            found.push((name.to_owned(), kind));
        }
        Ok(found)
    }

    /// Where a link in a folder leads, as it is written there.
    pub fn read_link(&self, folder: &Path, name: &OsStr) -> Option<PathBuf> {
        let dir = self.open_any(folder).ok()?;
        let target = rustix::fs::readlinkat(&dir, name, Vec::new()).ok()?;
        Some(PathBuf::from(OsString::from_vec(target.into_bytes())))
    }

    /// Where `path` is or would be. With `make`, the folders above it are made.
    ///
    /// # Errors
    /// It leads out, or through something that is no folder.
    pub fn place(&self, path: &Path, make: bool) -> Result<Place, BeneathError> {
        let name = last_name(path).ok_or(Errno::ISDIR)?;
        let above = path.parent().unwrap_or(Path::new(""));
        let mut walked = self.walk(above, make)?;
        let mut real = walked.real();
        real.push(&name);
        if !walked.missing.is_empty() {
            return Ok(Place {
                real,
                there: None,
                folder: None,
            });
        }
        let folder = match walked.steps.pop() {
            Some(step) => step.fd,
            None => self.dir.as_fd().try_clone_to_owned()?,
        };
        let there = match rustix::fs::statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(stat),
            Err(Errno::NOENT) => None,
            Err(e) => return Err(e.into()),
        };
        Ok(Place {
            real,
            there,
            folder: Some(folder),
        })
    }

    /// Follows a path to a folder.
    fn walk(&self, path: &Path, make: bool) -> Result<Walked, BeneathError> {
        let mut todo = VecDeque::new();
        put_names(&mut todo, path)?;
        let mut walked = Walked {
            steps: Vec::new(),
            missing: Vec::new(),
        };
        let (mut links, mut names) = (0, 0);
        while let Some(name) = todo.pop_front() {
            names += 1;
            if names > MAX_NAMES {
                return Err(Errno::NAMETOOLONG.into());
            }
            if name == ".." {
                if !walked.missing.is_empty() {
                    return Err(Errno::NOENT.into());
                }
                walked.steps.pop().ok_or(BeneathError::Outside)?;
                continue;
            }
            if !walked.missing.is_empty() {
                walked.missing.push(name);
                continue;
            }
            let at = walked.steps.last();
            let at = at.map_or_else(|| self.dir.as_fd(), |s| s.fd.as_fd());
            match rustix::fs::openat(at, &name, folder_flags(), Mode::empty()) {
                Ok(fd) => walked.steps.push(Step { name, fd }),
                Err(Errno::NOENT) if make => {
                    match rustix::fs::mkdirat(at, &name, Mode::from_raw_mode(0o777)) {
                        Ok(()) | Err(Errno::EXIST) => todo.push_front(name),
                        Err(e) => return Err(e.into()),
                    }
                }
                Err(Errno::NOENT) => walked.missing.push(name),
                Err(Errno::LOOP | Errno::NOTDIR | Errno::MLINK) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    let target = link_target(at, &name)?;
                    let mut before = VecDeque::new();
                    put_names(&mut before, &target)?;
                    before.append(&mut todo);
                    todo = before;
                }
                Err(e) => return Err(e.into()),
            }
        }
        Ok(walked)
    }
}

impl Walked {
    fn real(&self) -> PathBuf {
        let steps = self.steps.iter().map(|s| &s.name);
        steps.chain(&self.missing).collect()
    }

    /// The last folder; None for the one that everything is beneath.
    fn whole(&self) -> Result<Option<&OwnedFd>, BeneathError> {
        match self.missing.is_empty() {
            true => Ok(self.steps.last().map(|s| &s.fd)),
            false => Err(Errno::NOENT.into()),
        }
    }
}

impl Place {
    /// Replaces what is there by a file with this content; permissions of a file are kept. Another name of that file
    /// keeps what it had. Not synced.
    ///
    /// # Errors
    /// What was there stands.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.write_as(bytes, None)
    }

    /// The same with these permissions where there is no file yet.
    ///
    /// # Errors
    /// What was there stands.
    pub fn write_as(&self, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let folder = self.folder.as_ref().ok_or(Errno::NOENT)?;
        let name = self.real.file_name().ok_or(Errno::ISDIR)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let temp = format!(".tmp-{}-beneath-{n}", std::process::id());
        let file = rustix::fs::openat(folder, &temp, flags, Mode::from_raw_mode(0o666))?;
        let written = (|| {
            let is_file = |s: &&Stat| FileType::from_raw_mode(s.st_mode) == FileType::RegularFile;
            let was = self.there.as_ref().filter(is_file);
            #[allow(
                clippy::useless_conversion,
                reason = "the field has other types elsewhere"
            )]
            let was = was.map(|s| u32::from(s.st_mode));
            if let Some(mode) = was.or(mode) {
                rustix::fs::fchmod(&file, Mode::from_raw_mode((mode & 0o777) as _))?;
            }
            File::from(file).write_all(bytes)?;
            Ok(rustix::fs::renameat(folder, &temp, folder, name)?)
        })();
        if written.is_err() {
            let _ = rustix::fs::unlinkat(folder, &temp, AtFlags::empty());
        }
        written
    }
}

impl Place {
    /// Makes a link there, where nothing is.
    ///
    /// # Errors
    /// Something is there, or it cannot be made.
    pub fn link_to(&self, target: &Path) -> io::Result<()> {
        let folder = self.folder.as_ref().ok_or(Errno::NOENT)?;
        let name = self.real.file_name().ok_or(Errno::ISDIR)?;
        Ok(rustix::fs::symlinkat(target, folder, name)?)
    }
}

/// How folders on the way are opened.
fn folder_flags() -> OFlags {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    #[cfg(target_os = "linux")]
    let flags = flags | OFlags::PATH;
    flags
}

/// The last name of a path; None where it names a folder by `.`, `..` or nothing.
fn last_name(path: &Path) -> Option<OsString> {
    path.file_name().map(OsStr::to_owned)
}

/// Puts the names of a path at the end.
fn put_names(todo: &mut VecDeque<OsString>, path: &Path) -> Result<(), BeneathError> {
    for part in path.components() {
        match part {
            Component::Normal(name) => todo.push_back(name.to_owned()),
            Component::ParentDir => todo.push_back("..".into()),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return Err(BeneathError::Outside),
        }
    }
    Ok(())
}

/// Where a link leads; what is no link is in the way.
fn link_target(at: BorrowedFd<'_>, name: &OsStr) -> Result<PathBuf, BeneathError> {
    match rustix::fs::readlinkat(at, name, Vec::new()) {
        Ok(target) => Ok(PathBuf::from(OsString::from_vec(target.into_bytes()))),
        Err(Errno::INVAL) => Err(Errno::NOTDIR.into()),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
#[path = "beneath_tests.rs"]
mod tests;
