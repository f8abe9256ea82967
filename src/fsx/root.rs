//! The one folder that is ours in the repository's root.

use super::atomic::{create_dir_all_durable, sync, write};
use super::error::{Context, FsError};
use super::read::read_bounded;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Name of the folder below the repository's root.
pub const DIR_NAME: &str = ".codelicious";

/// Folders that stand in it from the start.
const FOLDERS: [&str; 3] = ["state", "logs", "prs"];

/// Makes `<root>/.codelicious/` stand complete: its own `.gitignore` of `*`, `state/`, `logs/`, `prs/`.
/// Returns its path. Doing it again changes nothing and costs a few looks.
///
/// # Errors
/// Also when the name is taken by something that is not a folder, such as a symbolic link that would lead
/// our files elsewhere.
pub fn ensure_codelicious_dir(root: &Path) -> Result<PathBuf, FsError> {
    let dir = root.join(DIR_NAME);
    ensure_layout(&dir)?;
    Ok(dir)
}

/// The same for the path of the folder itself.
pub fn ensure_layout(dir: &Path) -> Result<(), FsError> {
    ensure_real_dir(dir)?;
    // Also where another call made the folder without waiting for the disk.
    let is_new = !dir.join(FOLDERS[0]).is_dir();
    let ignore = dir.join(".gitignore");
    let stands = read_bounded(&ignore, 64 * 1024).is_ok_and(|bytes| {
        bytes
            .split(|b| *b == b'\n')
            .any(|line| line.trim_ascii() == b"*")
    });
    if !stands {
        write(&ignore, b"*\n")?;
    }
    for name in FOLDERS.iter().rev() {
        ensure_real_dir(&dir.join(name))?;
    }
    match dir.parent() {
        Some(root) if is_new => sync(root),
        _ => Ok(()),
    }
}

/// Makes a further folder stand in it, where somebody needs it. The same care.
///
/// # Errors
/// As [`ensure_layout`].
pub fn ensure_folder(dir: &Path, name: &str) -> Result<(), FsError> {
    ensure_layout(dir)?;
    ensure_real_dir(&dir.join(name))
}

/// Makes the folder itself, without waiting for the disk, for a caller that completes it soon.
pub(crate) fn ensure_bare(dir: &Path) -> Result<(), FsError> {
    match fs::create_dir(dir) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => ensure_real_dir(dir),
        other => other.context("create the folder", dir),
    }
}

fn ensure_real_dir(dir: &Path) -> Result<(), FsError> {
    match fs::symlink_metadata(dir) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => Err(FsError::refused(
            "use",
            dir,
            "it is not a folder".to_owned(),
            "remove it: codelicious makes a folder of this name".to_owned(),
        )),
        Err(_) => create_dir_all_durable(dir),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_complete_and_stays() {
        let root = tempfile::tempdir().unwrap();
        let dir = ensure_codelicious_dir(root.path()).unwrap();
        assert_eq!(dir, root.path().join(".codelicious"));
        assert_eq!(fs::read(dir.join(".gitignore")).unwrap(), b"*\n");
        for name in FOLDERS {
            assert!(dir.join(name).is_dir());
        }
        write(&dir.join(".gitignore"), b"# mine\n*\n").unwrap();
        ensure_codelicious_dir(root.path()).unwrap();
        assert_eq!(fs::read(dir.join(".gitignore")).unwrap(), b"# mine\n*\n");
        write(&dir.join(".gitignore"), b"").unwrap();
        ensure_codelicious_dir(root.path()).unwrap();
        assert_eq!(fs::read(dir.join(".gitignore")).unwrap(), b"*\n");
    }

    #[test]
    fn is_not_led_elsewhere() {
        let root = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), root.path().join(DIR_NAME)).unwrap();
        let error = ensure_codelicious_dir(root.path()).unwrap_err().to_string();
        assert!(error.contains("it is not a folder; remove it"), "{error}");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}
