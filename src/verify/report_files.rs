//! Report files that checks write: where they may, which of them count, and within which bounds.

use crate::fsx::{self, tree};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

/// Bytes of one report that are read; a larger one is none.
const MAX_REPORT: u64 = 32 << 20;
/// Report files of one run, and bytes of all of them.
const MAX_REPORTS: usize = 2_000;
const MAX_ALL: usize = 128 << 20;

/// A folder of our own for one check's report, removed when dropped.
pub(super) struct TempReport {
    dir: PathBuf,
}

impl TempReport {
    /// Makes the folder where the checks' environment has temporary files: never in the lane.
    pub(super) fn make(env: &[(String, String)]) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let base = env
            .iter()
            .find(|(name, value)| name == "TMPDIR" && Path::new(value).is_absolute())
            .map_or("/tmp", |(_, value)| value);
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        // A name that somebody has already, on purpose or not, is not ours.
        for _ in 0..100 {
            let n = NUMBER.fetch_add(1, Ordering::Relaxed);
            let dir = Path::new(base).join(format!("codelicious-{}-{n}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&dir) {
                Ok(()) => return Ok(Self { dir }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => last = e,
                Err(e) => return Err(e),
            }
        }
        Err(last)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the check is told to write.
    pub(super) fn path(&self) -> String {
        self.dir.join("report").display().to_string()
    }

    /// The moment at which the folder was made, by the clock of the file system.
    pub(super) fn since(&self) -> Since {
        Since(
            self.dir
                .symlink_metadata()
                .and_then(|meta| meta.modified())
                .unwrap_or(SystemTime::UNIX_EPOCH),
        )
    }

    /// The texts that were written: the file itself, or files in a folder of its name.
    pub(super) fn read(&self) -> Vec<String> {
        read_left(&self.dir, &["report".to_owned()], Since::ALWAYS)
    }
}

impl Drop for TempReport {
    fn drop(&mut self) {
        if let Err(error) = tree::remove(&self.dir) {
            tracing::warn!("a report's folder stays: {error}");
        }
    }
}

/// Files that are older do not count.
#[derive(Clone, Copy)]
pub(super) struct Since(SystemTime);

impl Since {
    pub(super) const ALWAYS: Self = Self(SystemTime::UNIX_EPOCH);
}

/// Texts of the report files in `places` below `dir`: a file, a folder of `.xml` and `.json` files, and `*` for
/// any folder. Links are not followed.
pub(super) fn read_left(dir: &Path, places: &[String], since: Since) -> Vec<String> {
    let mut found = Vec::new();
    for place in places {
        expand(dir, place.trim_end_matches('/'), &mut found);
    }
    found.sort();
    found.dedup();
    let mut texts = Vec::new();
    let mut bytes = 0;
    for path in found {
        let fresh = path
            .symlink_metadata()
            .is_ok_and(|m| m.is_file() && m.modified().is_ok_and(|at| at >= since.0));
        if !fresh {
            continue;
        }
        let below = path.strip_prefix(dir).unwrap_or(&path);
        let Ok(read) = fsx::read_beneath(dir, below, MAX_REPORT) else {
            tracing::warn!("{} is no report that can be read", path.display());
            continue;
        };
        bytes += read.len();
        if bytes > MAX_ALL {
            tracing::warn!("there are too many reports: {} is not read", path.display());
            break;
        }
        texts.push(String::from_utf8_lossy(&read).into_owned());
    }
    texts
}

/// The files that a place names. Every folder on the way must be a real one.
fn expand(dir: &Path, place: &str, into: &mut Vec<PathBuf>) {
    let real_dir = |path: &Path| path.symlink_metadata().is_ok_and(|m| m.is_dir());
    let entries = |dir: &Path| {
        let listed = std::fs::read_dir(dir).into_iter().flatten().flatten();
        listed.take(MAX_REPORTS).map(|entry| entry.path())
    };
    let (first, rest) = match place.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (place, None),
    };
    if into.len() >= MAX_REPORTS || matches!(first, "" | "." | "..") {
        return;
    }
    let matching: Vec<PathBuf> = match first.split_once('*') {
        Some((start, end)) => entries(dir)
            .filter(|path| {
                path.file_name().and_then(|n| n.to_str()).is_some_and(|n| {
                    n.len() >= start.len() + end.len() && n.starts_with(start) && n.ends_with(end)
                })
            })
            .collect(),
        None => vec![dir.join(first)],
    };
    for path in matching {
        match rest {
            Some(rest) if real_dir(&path) => expand(&path, rest, into),
            Some(_) => {}
            None if real_dir(&path) => into.extend(entries(&path).filter(|path| {
                path.extension()
                    .is_some_and(|ending| ending == "xml" || ending == "json")
            })),
            None => into.push(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsx::atomic;

    fn write(path: PathBuf, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        atomic::write(&path, text.as_bytes()).unwrap();
    }

    #[test]
    fn reports_are_found_where_builds_leave_them() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        write(at("a/target/surefire-reports/TEST-A.xml"), "A");
        write(at("a/target/surefire-reports/A.txt"), "no report");
        write(at("b/target/surefire-reports/TEST-B.xml"), "B");
        write(at("one.xml"), "one");
        write(at("elsewhere/x.xml"), "secret");
        std::os::unix::fs::symlink(at("elsewhere"), at("linked")).unwrap();
        std::os::unix::fs::symlink(at("elsewhere/x.xml"), at("link.xml")).unwrap();
        let read = |places: &[&str]| {
            let places: Vec<String> = places.iter().map(|p| (*p).to_owned()).collect();
            read_left(dir.path(), &places, Since::ALWAYS)
        };
        assert_eq!(read(&["*/target/surefire-reports"]), ["A", "B"]);
        assert_eq!(read(&["*/target/surefire-reports/TEST-*.xml"]), ["A", "B"]);
        assert_eq!(read(&["one.xml", "one.xml", "none.xml"]), ["one"]);
        for place in [
            "linked",
            "linked/x.xml",
            "link.xml",
            "../x",
            "a/../one.xml",
            "",
        ] {
            assert_eq!(read(&[place]), Vec::<String>::new(), "{place}");
        }
        let later = Since(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1 << 40));
        assert!(read_left(dir.path(), &["one.xml".to_owned()], later).is_empty());
    }

    #[test]
    fn a_folder_of_our_own_is_gone_when_it_was_read() {
        let temp = tempfile::tempdir().unwrap();
        let env = [("TMPDIR".to_owned(), temp.path().display().to_string())];
        let (one, other) = (
            TempReport::make(&env).unwrap(),
            TempReport::make(&env).unwrap(),
        );
        assert_ne!(one.path(), other.path());
        assert_eq!(one.read(), Vec::<String>::new());
        write(PathBuf::from(one.path()), "text");
        write(Path::new(&other.path()).join("a.xml"), "a");
        assert_eq!(
            (one.read(), other.read()),
            (vec!["text".to_owned()], vec!["a".to_owned()])
        );
        drop((one, other));
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);
    }
}
