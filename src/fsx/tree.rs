//! Whole folders: how much they hold, and their end.

use super::error::{Context, FsError};
use chrono::{DateTime, Utc};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Bytes of a file, or of all files below a folder; links are not followed. What cannot be read counts nothing.
pub fn size(path: &Path) -> u64 {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !meta.is_dir() {
        return meta.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|e| size(&e.path())).sum()
}

/// When a file or folder was last changed; None where there is none.
pub fn modified(path: &Path) -> Option<DateTime<Utc>> {
    let meta = fs::symlink_metadata(path).ok()?;
    Some(DateTime::from(meta.modified().ok()?))
}

/// Removes a file, or a folder with all in it, also where folders were made read-only, as some package
/// managers do. A link is removed, not followed. Fine if there is nothing.
///
/// # Errors
/// Some of it stays.
pub fn remove(path: &Path) -> Result<(), FsError> {
    let gone_is_fine = |done: io::Result<()>| match done {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    };
    let is_dir = match fs::symlink_metadata(path) {
        Ok(meta) => meta.is_dir(),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(FsError::new("remove", path, e)),
    };
    if !is_dir {
        return gone_is_fine(fs::remove_file(path)).context("remove", path);
    }
    match gone_is_fine(fs::remove_dir_all(path)) {
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            make_writable(path);
            gone_is_fine(fs::remove_dir_all(path)).context("remove", path)
        }
        done => done.context("remove", path),
    }
}

/// Gives the owner access to every folder of a tree; what refuses is told by who removes it.
fn make_writable(dir: &Path) {
    let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        // The kind of the entry itself: a link to a folder is a link.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsx::atomic::write;

    #[test]
    fn sizes_do_not_follow_links() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        write(&dir.path().join("a/one"), b"12345").unwrap();
        write(&dir.path().join("a/b/two"), b"123").unwrap();
        write(&dir.path().join("big"), &[0; 1000]).unwrap();
        std::os::unix::fs::symlink("../big", dir.path().join("a/link")).unwrap();
        assert_eq!(size(&dir.path().join("a")), 5 + 3 + 6);
        assert_eq!(size(&dir.path().join("big")), 1000);
        assert_eq!(size(&dir.path().join("none")), 0);
    }

    #[test]
    fn a_tree_goes_with_its_read_only_folders_and_without_what_it_links_to() {
        let dir = tempfile::tempdir().unwrap();
        let (tree, other) = (dir.path().join("tree"), dir.path().join("other"));
        fs::create_dir_all(tree.join("a/b")).unwrap();
        fs::create_dir_all(&other).unwrap();
        write(&tree.join("a/b/file"), b"x").unwrap();
        write(&other.join("file"), b"x").unwrap();
        std::os::unix::fs::symlink(&other, tree.join("a/link")).unwrap();
        for path in ["a/b", "a", ""] {
            fs::set_permissions(tree.join(path), fs::Permissions::from_mode(0o500)).unwrap();
        }
        fs::set_permissions(&other, fs::Permissions::from_mode(0o555)).unwrap();
        remove(&tree).unwrap();
        assert!(!tree.exists());
        assert!(other.join("file").exists());
        assert_eq!(
            fs::metadata(&other).unwrap().permissions().mode() & 0o777,
            0o555
        );
        remove(&tree).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&other, &link).unwrap();
        remove(&link).unwrap();
        assert!(other.exists() && link.symlink_metadata().is_err());
    }
}
