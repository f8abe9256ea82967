//! Bounded reads, and files that lines are appended to.

use super::error::{Context, FsError};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads a regular file of at most `max` bytes. Follows symbolic links.
///
/// Anything else at the path is refused, and nothing there can make the call hang: a named pipe is opened
/// without waiting for its other end. A file that grows while it is read is bounded all the same.
///
/// # Errors
/// The file is missing, unreadable, not regular, or larger than `max`.
pub fn read_bounded(path: &Path, max: u64) -> Result<Vec<u8>, FsError> {
    bounded(open_regular(path, OFlags::empty())?, path, max)
}

/// The same for a file that somebody else may have put there: a symbolic link at the path is refused.
///
/// # Errors
/// As [`read_bounded`], and for a link.
pub fn read_own(path: &Path, max: u64) -> Result<Vec<u8>, FsError> {
    bounded(open_regular(path, OFlags::NOFOLLOW)?, path, max)
}

pub(super) fn bounded(file: File, path: &Path, max: u64) -> Result<Vec<u8>, FsError> {
    let size = file.metadata().context("read", path)?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(max)).unwrap_or(0) + 1);
    file.take(max.saturating_add(1))
        .read_to_end(&mut bytes)
        .context("read", path)?;
    if bytes.len() as u64 > max {
        return Err(FsError::refused(
            "read",
            path,
            format!("it is larger than {max} bytes"),
            "make it smaller or split it".to_owned(),
        ));
    }
    Ok(bytes)
}

/// Reads the last `max` bytes of a file, and says whether that is all of it.
pub fn read_tail(path: &Path, max: u64) -> Result<(Vec<u8>, bool), FsError> {
    let mut file = open_regular(path, OFlags::empty())?;
    let size = file.metadata().context("read", path)?.len();
    let from = size.saturating_sub(max);
    file.seek(SeekFrom::Start(from)).context("read", path)?;
    let mut bytes = Vec::new();
    file.take(max)
        .read_to_end(&mut bytes)
        .context("read", path)?;
    Ok((bytes, from == 0))
}

/// Opens a file to read and to append whole lines to, creating it. Refuses to write through a symbolic link
/// or into anything but a regular file.
pub fn open_append(path: &Path) -> Result<File, FsError> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .custom_flags(open_flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path)
        .context("open", path)?;
    regular(file, path)
}

fn open_regular(path: &Path, more: OFlags) -> Result<File, FsError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(open_flags(OFlags::NONBLOCK | OFlags::NOCTTY | more))
        .open(path)
        .context("read", path)?;
    regular(file, path)
}

pub(super) fn regular(file: File, path: &Path) -> Result<File, FsError> {
    if file.metadata().context("read", path)?.is_file() {
        return Ok(file);
    }
    Err(FsError::refused(
        "use",
        path,
        "it is not a regular file".to_owned(),
        "put a regular file there or remove it".to_owned(),
    ))
}

/// Flags of `open(2)` in the form that the standard library takes.
pub(crate) fn open_flags(flags: OFlags) -> i32 {
    flags.bits() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_exact() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        crate::fsx::atomic::write(&path, b"12345").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap(), b"12345");
        let error = read_bounded(&path, 4).unwrap_err().to_string();
        assert!(error.contains("larger than 4 bytes"), "{error}");
    }

    #[test]
    fn only_regular_files() {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            read_bounded(dir.path(), 9)
                .unwrap_err()
                .to_string()
                .contains("not a regular file")
        );
        let error = read_bounded(&dir.path().join("none"), 9).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        // A device that never ends.
        assert!(read_bounded(Path::new("/dev/zero"), 9).is_err());
    }
}
