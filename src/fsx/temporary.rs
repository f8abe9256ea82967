//! A folder that goes with its owner, and where that was killed with the next one of its kind.
//!
//! The owner holds a lock on the folder's own handle, which ends with the process however it ends. A folder gets its name
//! once it is locked, so that nobody takes one that is being made for one that was left behind.

use super::error::{Context, FsError};
use super::read::open_flags;
use super::{lock, tree};
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A folder for as long as the value lives.
#[derive(Debug)]
pub struct Temporary {
    path: PathBuf,
    /// Held, never read.
    _lock: File,
}

impl Temporary {
    /// Makes `<above>/<kind><name>`, for the user alone, and removes the user's folders of the kind whose owners are gone.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(above: &Path, kind: &str, name: &str) -> Result<Self, FsError> {
        fs::create_dir_all(above).context("create the folder", above)?;
        sweep(above, kind);
        let path = above.join(format!("{kind}{name}"));
        let unnamed = above.join(format!("new-{kind}{name}"));
        let made = fs::DirBuilder::new().mode(0o700).create(&unnamed);
        made.context("create the folder", &unnamed)?;
        let file = open(&unnamed).context("open", &unnamed)?;
        // Where folders cannot be locked, nobody removes one either.
        let _ = lock::hold(&file);
        fs::rename(&unnamed, &path).context("create the folder", &path)?;
        Ok(Self { path, _lock: file })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed is in the folder for such things.
        let _ = tree::remove(&self.path);
    }
}

/// Removes what killed owners left. What cannot be looked into stays for the next time.
fn sweep(above: &Path, kind: &str) {
    for entry in fs::read_dir(above).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_of_kind = entry.file_name().to_string_lossy().starts_with(kind);
        if is_of_kind && is_left(&path) {
            let _ = tree::remove(&path);
        }
    }
}

/// True for a folder of the user's own that nobody holds.
fn is_left(path: &Path) -> bool {
    let Ok(about) = fs::symlink_metadata(path) else {
        return false;
    };
    about.is_dir()
        && about.uid() == rustix::process::geteuid().as_raw()
        && open(path).is_ok_and(|file| lock::hold(&file).unwrap_or(false))
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(open_flags(OFlags::DIRECTORY | OFlags::NOFOLLOW))
        .open(path)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make files")]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn it_goes_with_its_owner_and_what_killed_owners_left_with_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let above = dir.path().join("cache");
        let first = Temporary::new(&above, "box-", "1").unwrap();
        fs::write(first.path().join("file"), "x").unwrap();
        // Left by one that was killed, somebody else's, and none of the kind.
        fs::create_dir_all(above.join("box-0/deep")).unwrap();
        fs::write(above.join("box-file"), "x").unwrap();
        fs::create_dir(above.join("lanes")).unwrap();
        std::os::unix::fs::symlink(above.join("lanes"), above.join("box-link")).unwrap();
        let second = Temporary::new(&above, "box-", "2").unwrap();
        assert_eq!(
            names(&above),
            ["box-1", "box-2", "box-file", "box-link", "lanes"]
        );
        assert_eq!(fs::read_to_string(first.path().join("file")).unwrap(), "x");
        drop((first, second));
        assert_eq!(names(&above), ["box-file", "box-link", "lanes"]);
    }

    #[test]
    fn two_never_share_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let first = Temporary::new(dir.path(), "box-", "1").unwrap();
        fs::write(first.path().join("file"), "x").unwrap();
        assert!(Temporary::new(dir.path(), "box-", "1").is_err());
        assert!(first.path().join("file").exists());
    }
}
