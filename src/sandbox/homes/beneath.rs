//! Files below a folder that somebody hostile wrote in: every step is taken from an open folder to a name in it, and
//! no step follows a symbolic link.
//!
//! What stands in the way of something that is to be written is removed; what is to be read and is not a plain file
//! counts as absent.

use crate::fsx::FsError;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Deeper folders are moved up before they are emptied, so that neither handles nor stack run out.
const DEEP: usize = 24;
/// Name of a file that is being written.
const TEMP: &str = ".tmp-codelicious";

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// An open folder.
#[derive(Debug)]
pub(super) struct Beneath {
    fd: OwnedFd,
    /// Where it was opened; for messages.
    path: PathBuf,
}

/// What a name in a folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// A symbolic link, a pipe, a socket, a device.
    Other,
}

impl Beneath {
    /// Opens a folder whose own path is trusted, making it for the user alone where it is not there.
    pub(super) fn open(path: &Path) -> Result<Self, FsError> {
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above)
                .map_err(|e| FsError::new("create the folder", above, e))?;
        }
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(FsError::new("create the folder", path, e.into())),
        }
        let fd = rustix::fs::open(path, FOLDER, Mode::empty())
            .map_err(|e| FsError::new("open", path, e.into()))?;
        Ok(Self {
            fd,
            path: path.to_owned(),
        })
    }

    /// The folder below it, made where it is not there; whatever else has its name is removed.
    pub(super) fn folder(&self, rel: &str) -> Result<Self, FsError> {
        let mut at = self.again()?;
        for name in rel.split('/').filter(|s| !s.is_empty()) {
            at = at.child(OsStr::new(name))?;
        }
        Ok(at)
    }

    /// The folder below it, where it is there and no step to it is a link.
    pub(super) fn existing(&self, rel: &str) -> Result<Option<Self>, FsError> {
        let mut at = self.again()?;
        for name in rel.split('/').filter(|s| !s.is_empty()) {
            at = match at.step(OsStr::new(name)) {
                Ok(next) => next,
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
                Err(e) => return Err(at.error("open", OsStr::new(name), e)),
            };
        }
        Ok(Some(at))
    }

    /// A file's bytes; None where there is no plain file of at most `max` bytes.
    pub(super) fn read(&self, rel: &str, max: u64) -> Result<Option<Vec<u8>>, FsError> {
        let (above, name) = split(rel);
        match self.existing(above)? {
            Some(folder) => folder.read_name(OsStr::new(name), max),
            None => Ok(None),
        }
    }

    /// The same for a name in this very folder.
    pub(super) fn read_name(&self, name: &OsStr, max: u64) -> Result<Option<Vec<u8>>, FsError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::ACCESS | Errno::NOTDIR) => {
                return Ok(None);
            }
            Err(e) => return Err(self.error("read", name, e)),
        };
        let at = self.path.join(name);
        let broken = |e: io::Error| FsError::new("read", &at, e);
        if !file.metadata().map_err(broken)?.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(max.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(broken)?;
        Ok((bytes.len() as u64 <= max).then_some(bytes))
    }

    /// Puts a file there, for the user alone: in one step, and over anything that has its name.
    pub(super) fn write(&self, rel: &str, bytes: &[u8], executable: bool) -> Result<(), FsError> {
        let (above, name) = split(rel);
        self.folder(above)?
            .write_name(OsStr::new(name), bytes, executable)
    }

    /// The same for a name in this very folder.
    pub(super) fn write_name(
        &self,
        name: &OsStr,
        bytes: &[u8],
        executable: bool,
    ) -> Result<(), FsError> {
        let temp = OsStr::new(TEMP);
        self.remove_name(temp)?;
        let mode = match executable {
            true => Mode::RWXU,
            false => Mode::RUSR | Mode::WUSR,
        };
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, temp, flags, mode)
            .map_err(|e| self.error("write", name, e))?;
        let mut file = File::from(fd);
        file.write_all(bytes)
            .map_err(|e| FsError::new("write", &self.path.join(name), e))?;
        drop(file);
        if self.kind(name)? == Some(Kind::Folder) {
            self.remove_name(name)?;
        }
        rustix::fs::renameat(&self.fd, temp, &self.fd, name)
            .map_err(|e| self.error("write", name, e))
    }

    /// Removes whatever has this path, with everything below it.
    pub(super) fn remove(&self, rel: &str) -> Result<(), FsError> {
        let (above, name) = split(rel);
        match self.existing(above)? {
            Some(folder) => folder.remove_name(OsStr::new(name)),
            None => Ok(()),
        }
    }

    /// The same for a name in this very folder.
    pub(super) fn remove_name(&self, name: &OsStr) -> Result<(), FsError> {
        match self.kind(name)? {
            None => Ok(()),
            Some(Kind::File | Kind::Other) => self.unlink(name, AtFlags::empty()),
            Some(Kind::Folder) => {
                let mut moved = 0;
                self.empty(name, 0, &mut moved)?;
                // What was too deep lies beside it now, and may hold more of the kind.
                let mut next = 0;
                while next < moved {
                    self.empty(&deep(next), 0, &mut moved)?;
                    next += 1;
                }
                Ok(())
            }
        }
    }

    /// What is in the folder, by name.
    pub(super) fn entries(&self) -> Result<Vec<(OsString, Kind)>, FsError> {
        let broken = |e: Errno| FsError::new("list", &self.path, e.into());
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(broken)? {
            let entry = entry.map_err(broken)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if let Some(kind) = self.kind(name)? {
                names.push((name.to_owned(), kind));
            }
        }
        names.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(names)
    }

    /// What a name stands for; None for nothing.
    pub(super) fn kind(&self, name: &OsStr) -> Result<Option<Kind>, FsError> {
        Ok(self.stat(name)?.map(|stat| kind_of(&stat)))
    }

    /// True where a plain file may be executed by its owner.
    pub(super) fn is_executable(&self, name: &OsStr) -> Result<bool, FsError> {
        let mode = |stat: Stat| Mode::from_raw_mode(stat.st_mode);
        Ok(self
            .stat(name)?
            .is_some_and(|stat| mode(stat).contains(Mode::XUSR)))
    }

    /// Which file a name stands for, and when it last changed: number, size, and ctime, which cannot be set.
    pub(super) fn stamp(&self, name: &OsStr) -> Result<Option<(u64, i64, i64, i64)>, FsError> {
        // Widths differ between systems.
        #[allow(clippy::unnecessary_cast)]
        let of = |stat: Stat| {
            (
                stat.st_ino as u64,
                stat.st_size as i64,
                stat.st_ctime as i64,
                stat.st_ctime_nsec as i64,
            )
        };
        Ok(self.stat(name)?.map(of))
    }

    /// When the file below it last changed (ctime).
    pub(super) fn changed(&self, rel: &str) -> Result<Option<(i64, i64)>, FsError> {
        let (above, name) = split(rel);
        let Some(folder) = self.existing(above)? else {
            return Ok(None);
        };
        let stamp = folder.stamp(OsStr::new(name))?;
        Ok(stamp.map(|(_, _, seconds, nanoseconds)| (seconds, nanoseconds)))
    }

    /// The folder of this name, made where it is not there.
    pub(super) fn child(&self, name: &OsStr) -> Result<Self, FsError> {
        // Twice where something else stood there, once more where the folder lets nobody in.
        for _ in 0..4 {
            match self.step(name) {
                Ok(child) => return Ok(child),
                Err(Errno::NOENT) => match rustix::fs::mkdirat(&self.fd, name, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(e) => return Err(self.error("create the folder", name, e)),
                },
                Err(Errno::NOTDIR | Errno::LOOP) => self.unlink(name, AtFlags::empty())?,
                Err(Errno::ACCESS) => self.let_in(name)?,
                Err(e) => return Err(self.error("open", name, e)),
            }
        }
        Err(self.error("open", name, Errno::ACCESS))
    }

    fn step(&self, name: &OsStr) -> Result<Self, Errno> {
        let fd = rustix::fs::openat(&self.fd, name, FOLDER, Mode::empty())?;
        Ok(Self {
            fd,
            path: self.path.join(name),
        })
    }

    /// Empties and removes the folder of this name; what lies too deep is moved beside it and counted in `moved`.
    fn empty(&self, name: &OsStr, depth: usize, moved: &mut usize) -> Result<(), FsError> {
        self.empty_from(self, name, depth, moved)
    }

    fn empty_from(
        &self,
        top: &Self,
        name: &OsStr,
        depth: usize,
        moved: &mut usize,
    ) -> Result<(), FsError> {
        if depth == DEEP {
            let to = deep(*moved);
            top.remove_plain(&to)?;
            rustix::fs::renameat(&self.fd, name, &top.fd, &to)
                .map_err(|e| self.error("move", name, e))?;
            *moved += 1;
            return Ok(());
        }
        let child = match self.step(name) {
            Err(Errno::ACCESS) => {
                self.let_in(name)?;
                self.step(name)
            }
            other => other,
        };
        let child = match child {
            Ok(child) => child,
            Err(Errno::NOENT) => return Ok(()),
            Err(e) => return Err(self.error("open", name, e)),
        };
        // A folder that may not be written in cannot be emptied; it is ours, so it can be made writable.
        rustix::fs::fchmod(&child.fd, Mode::RWXU).map_err(|e| self.error("empty", name, e))?;
        for (inner, kind) in child.entries()? {
            match kind {
                Kind::Folder => child.empty_from(top, &inner, depth + 1, moved)?,
                Kind::File | Kind::Other => child.unlink(&inner, AtFlags::empty())?,
            }
        }
        self.unlink(name, AtFlags::REMOVEDIR)
    }

    /// Removes what stands at a name that is ours to use and is not a full folder.
    fn remove_plain(&self, name: &OsStr) -> Result<(), FsError> {
        match self.kind(name)? {
            None => Ok(()),
            Some(Kind::Folder) => self.unlink(name, AtFlags::REMOVEDIR),
            Some(Kind::File | Kind::Other) => self.unlink(name, AtFlags::empty()),
        }
    }

    /// Opens a folder of ours to ourselves again.
    #[cfg(target_os = "linux")]
    fn let_in(&self, name: &OsStr) -> Result<(), FsError> {
        use std::os::fd::AsRawFd;
        // fchmodat(2) follows links, and fchmod(2) refuses handles of this kind; the name in /proc leads to what is
        // open and nowhere else.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())
            .map_err(|e| self.error("open", name, e))?;
        rustix::fs::chmod(format!("/proc/self/fd/{}", fd.as_raw_fd()), Mode::RWXU)
            .map_err(|e| self.error("open", name, e))
    }

    #[cfg(not(target_os = "linux"))]
    fn let_in(&self, name: &OsStr) -> Result<(), FsError> {
        rustix::fs::chmodat(&self.fd, name, Mode::RWXU, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| self.error("open", name, e))
    }

    fn unlink(&self, name: &OsStr, flags: AtFlags) -> Result<(), FsError> {
        match rustix::fs::unlinkat(&self.fd, name, flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(self.error("remove", name, e)),
        }
    }

    fn stat(&self, name: &OsStr) -> Result<Option<Stat>, FsError> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(self.error("look at", name, e)),
        }
    }

    fn again(&self) -> Result<Self, FsError> {
        let fd = self
            .fd
            .as_fd()
            .try_clone_to_owned()
            .map_err(|e| FsError::new("open", &self.path, e))?;
        Ok(Self {
            fd,
            path: self.path.clone(),
        })
    }

    fn error(&self, op: &'static str, name: &OsStr, errno: Errno) -> FsError {
        FsError::new(op, &self.path.join(name), errno.into())
    }
}

fn kind_of(stat: &Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        _ => Kind::Other,
    }
}

fn deep(n: usize) -> OsString {
    format!("{TEMP}-{n}").into()
}

/// A path's folder and last name.
fn split(rel: &str) -> (&str, &str) {
    rel.rsplit_once('/').unwrap_or(("", rel))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn open(dir: &tempfile::TempDir) -> Beneath {
        Beneath::open(&dir.path().join("private")).unwrap()
    }

    #[test]
    fn links_are_neither_read_nor_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        crate::fsx::atomic::write(&outside.join("key"), b"secret").unwrap();
        let root = open(&dir);
        let at = |rel: &str| dir.path().join("private").join(rel);
        symlink(&outside, at("a")).unwrap();
        fs::create_dir(at("b")).unwrap();
        symlink(outside.join("key"), at("b/key")).unwrap();

        assert_eq!(root.read("a/key", 99).unwrap(), None);
        assert_eq!(root.read("b/key", 99).unwrap(), None);
        root.write("a/key", b"mine", false).unwrap();
        root.write("b/key", b"mine", true).unwrap();
        assert_eq!(root.read("a/key", 99).unwrap().unwrap(), b"mine");
        assert_eq!(fs::read(outside.join("key")).unwrap(), b"secret");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
        let mode = |p: PathBuf| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(at("a/key")), 0o600);
        assert_eq!(mode(at("b/key")), 0o700);
        assert_eq!(mode(at("a")), 0o700);

        symlink(&outside, at("c")).unwrap();
        root.remove("c").unwrap();
        root.remove("c/key").unwrap();
        assert!(outside.join("key").exists() && !at("c").exists());
    }

    #[test]
    fn only_plain_files_within_the_bound_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = open(&dir);
        root.write("f", b"12345", false).unwrap();
        assert_eq!(root.read("f", 5).unwrap().unwrap(), b"12345");
        assert_eq!(root.read("f", 4).unwrap(), None);
        assert_eq!(root.read("none", 4).unwrap(), None);
        assert_eq!(root.read("f/below", 4).unwrap(), None);
        rustix::fs::mkfifoat(&root.fd, "pipe", Mode::RWXU).unwrap();
        assert_eq!(root.read("pipe", 4).unwrap(), None);
        root.write("pipe", b"file", false).unwrap();
        root.write("d/e", b"1", false).unwrap();
        root.write("d", b"was a folder", false).unwrap();
        assert_eq!(root.read("d", 99).unwrap().unwrap(), b"was a folder");
    }

    #[test]
    fn trees_of_any_depth_and_mode_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let root = open(&dir);
        // Deeper than a path may be long.
        let mut at = root.folder("deep").unwrap();
        for n in 0..1500 {
            at.write("f", b"x", false).unwrap();
            at = at.child(OsStr::new(&format!("{n:0>8}"))).unwrap();
        }
        drop(at);
        root.write("shut/inner/f", b"x", false).unwrap();
        let shut = dir.path().join("private/shut");
        for path in [shut.join("inner"), shut] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
        }
        root.remove("deep").unwrap();
        root.remove("shut").unwrap();
        assert_eq!(root.entries().unwrap(), []);
    }
}
