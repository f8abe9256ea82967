//! Files of a run: what the CLI reads its prompt and schema from and writes its answer to, outside of the lane, and
//! what it leaves in the lane for itself.

use super::words;
use crate::fsx::{FsError, read_bounded};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Largest answer that is read.
const MAX_ANSWER: u64 = 1 << 20;
/// Names that are tried where others have taken ours.
const MAX_NAMES: u32 = 64;

/// A folder that nobody else may look into; removed when it goes.
#[derive(Debug)]
pub(super) struct Private {
    dir: PathBuf,
}

impl Private {
    /// Makes one below `base` for a lane. What an earlier run of the same lane left there, when it was killed, is
    /// removed first: a lane has one run at a time.
    pub(super) fn make(base: &Path, lane: &Path) -> io::Result<Private> {
        let mut name = "codelicious-".to_owned();
        for byte in Sha256::digest(lane.as_os_str().as_encoded_bytes())
            .iter()
            .take(8)
        {
            let _ = write!(name, "{byte:02x}");
        }
        for n in 0..MAX_NAMES {
            let dir = base.join(if n == 0 {
                name.clone()
            } else {
                format!("{name}-{n}")
            });
            remove_own(&dir);
            match fs::DirBuilder::new().mode(0o700).create(&dir) {
                Ok(()) => return Ok(Private { dir }),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        Err(io::Error::new(
            ErrorKind::AlreadyExists,
            "every name for it is taken",
        ))
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes a file there. Not synced: it does not outlive the run.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = self.dir.join(name);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(bytes)?;
        Ok(path)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// What the CLI wrote there; None when it wrote nothing.
    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        let read: Result<Vec<u8>, FsError> = read_bounded(&self.path(name), MAX_ANSWER);
        read.ok()
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the lane's next run.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Removes a folder that is ours; anything else at that place stays.
fn remove_own(dir: &Path) {
    let own = rustix::process::getuid().as_raw();
    let is_own = fs::symlink_metadata(dir).is_ok_and(|m| m.is_dir() && m.uid() == own);
    if is_own {
        let _ = fs::remove_dir_all(dir);
    }
}

/// What lies at the top of a lane under names that a CLI uses for itself.
#[derive(Debug)]
pub(super) struct Litter<'a> {
    lane: &'a Path,
    patterns: &'a [String],
    before: BTreeSet<OsString>,
}

impl<'a> Litter<'a> {
    /// Looks before the run.
    pub(super) fn before(lane: &'a Path, patterns: &'a [String]) -> Self {
        Self {
            lane,
            patterns,
            before: found(lane, patterns),
        }
    }

    /// Removes what came since.
    pub(super) fn sweep(&self) {
        for name in found(self.lane, self.patterns).difference(&self.before) {
            let path = self.lane.join(name);
            let is_dir = fs::symlink_metadata(&path).is_ok_and(|m| m.is_dir());
            // What stays is seen in the chunk's diff.
            let _ = match is_dir {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
        }
    }
}

fn found(lane: &Path, patterns: &[String]) -> BTreeSet<OsString> {
    if patterns.is_empty() {
        return BTreeSet::new();
    }
    let entries = fs::read_dir(lane).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    names
        .filter(|name| {
            name.to_str()
                .is_some_and(|n| patterns.iter().any(|p| words::matches(p, n)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_private_folder_is_private_and_goes() {
        let base = tempfile::tempdir().unwrap();
        let lane = Path::new("/lanes/one");
        let private = Private::make(base.path(), lane).unwrap();
        let dir = private.dir().to_owned();
        assert_eq!(
            fs::metadata(&dir).unwrap().permissions().mode() & 0o777,
            0o700
        );
        let file = private.write("prompt", b"text").unwrap();
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(private.read("prompt").as_deref(), Some(&b"text"[..]));
        assert_eq!(private.read("answer"), None);
        drop(private);
        assert!(!dir.exists());

        // As a killed run leaves it: the next one of the same lane has it to itself again.
        std::mem::forget(Private::make(base.path(), lane).unwrap());
        fs::File::create(dir.join("prompt")).unwrap();
        let private = Private::make(base.path(), lane).unwrap();
        assert_eq!(private.dir(), dir);
        assert_eq!(private.read("prompt"), None);
        let other = Private::make(base.path(), Path::new("/lanes/two")).unwrap();
        assert_ne!(other.dir(), dir);
    }

    #[test]
    fn what_others_put_in_its_place_is_left_alone() {
        let base = tempfile::tempdir().unwrap();
        let lane = Path::new("/lanes/one");
        let dir = Private::make(base.path(), lane).unwrap().dir().to_owned();
        let theirs = base.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        fs::File::create(theirs.join("file")).unwrap();
        std::os::unix::fs::symlink(&theirs, &dir).unwrap();
        let private = Private::make(base.path(), lane).unwrap();
        assert_ne!(private.dir(), dir);
        assert!(theirs.join("file").exists() && dir.is_symlink());
        assert!(Private::make(&base.path().join("absent"), lane).is_err());
    }

    #[test]
    fn litter_goes_unless_it_was_there() {
        let lane = tempfile::tempdir().unwrap();
        let at = |name: &str| lane.path().join(name);
        fs::create_dir(at(".tool.cache.v3")).unwrap();
        let patterns = [".tool.cache.v*".to_owned()];
        let litter = Litter::before(lane.path(), &patterns);
        fs::create_dir(at(".tool.cache.v4")).unwrap();
        fs::File::create(at(".tool.cache.v4/x")).unwrap();
        fs::File::create(at(".tool.cache.v5")).unwrap();
        fs::File::create(at("work.txt")).unwrap();
        fs::create_dir(at("sub")).unwrap();
        fs::File::create(at("sub/.tool.cache.v4")).unwrap();
        litter.sweep();
        for (name, stays) in [
            (".tool.cache.v3", true),
            (".tool.cache.v4", false),
            (".tool.cache.v5", false),
            ("work.txt", true),
            ("sub/.tool.cache.v4", true),
        ] {
            assert_eq!(at(name).exists(), stays, "{name}");
        }
    }
}
