//! Files as a model may name them: relative to the lane, and never out of it.
//!
//! A path is refused when it is absolute, goes up, holds a NUL or leads out through a symbolic link.
//! Writing is refused besides for what the program keeps to itself: git's files, `.codelicious`, the
//! configuration and the spec.
//!
//! Between looking and opening there is a moment in which another process of the model could swap a
//! folder for a link. The last component is opened without following links; for the folders above it this
//! check is not a wall, and it is not meant as one: a model that can run commands needs no race. The wall
//! is the sandbox.

use rustix::fs::{Mode, OFlags};
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// Why a file tool did not do it: a sentence for the model.
#[derive(Debug, thiserror::Error)]
pub(super) enum PathError {
    #[error("the path is empty; name it relative to the project's root, `.` for the root itself")]
    Empty,
    #[error("the path holds a NUL byte")]
    Nul,
    #[error("`{0}` is absolute; name it relative to the project's root")]
    Absolute(String),
    #[error("`{0}` goes up with `..`; name it relative to the project's root")]
    Parent(String),
    #[error("`{0}` leads out of the project through a symbolic link")]
    Outside(String),
    #[error("`{0}` is a symbolic link; write to the file that it points to")]
    Link(String),
    #[error("`{path}` must not be written: {why}")]
    Protected { path: String, why: &'static str },
    #[error("`{0}` is a folder")]
    Folder(String),
    #[error("`{0}` is neither a file nor a folder")]
    Special(String),
    #[error("`{path}` has {size} bytes, more than the {max} that this tool takes")]
    TooLarge { path: String, size: u64, max: u64 },
    #[error("`{path}`: {source}")]
    Io {
        path: String,
        #[source]
        source: io::Error,
    },
}

/// A lane's worktree.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// Canonical.
    root: PathBuf,
    spec: PathBuf,
}

impl Lane {
    /// Takes the lane's folder and the spec's path below it.
    ///
    /// # Errors
    /// The folder is not there or cannot be read.
    pub(super) fn open(root: &Path, spec: &str) -> io::Result<Self> {
        Ok(Self {
            root: root.canonicalize()?,
            spec: spec.into(),
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The canonical path of something that exists.
    pub(super) fn existing(&self, path: &str) -> Result<PathBuf, PathError> {
        let full = self
            .root
            .join(relative(path)?)
            .canonicalize()
            .map_err(io_error(path))?;
        if full.starts_with(&self.root) {
            Ok(full)
        } else {
            Err(PathError::Outside(path.to_owned()))
        }
    }

    /// The bytes of a file of at most `max` bytes.
    pub(super) fn read(&self, path: &str, max: u64) -> Result<Vec<u8>, PathError> {
        let (file, meta) = open_regular(&self.existing(path)?, path)?;
        let mut bytes = Vec::new();
        file.take(max + 1)
            .read_to_end(&mut bytes)
            .map_err(io_error(path))?;
        let size = bytes.len() as u64;
        if size > max {
            return Err(PathError::TooLarge {
                path: path.to_owned(),
                size: meta.len().max(size),
                max,
            });
        }
        Ok(bytes)
    }

    /// Writes a file whole, with the folders above it; true when it did not exist.
    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> Result<bool, PathError> {
        let target = self.target(path)?;
        std::fs::create_dir_all(&target.folder).map_err(io_error(path))?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let old = target.existing;
        if old.as_ref().is_some_and(|m| m.nlink() > 1) {
            // The other name may be somebody's file outside, such as a package manager's cache.
            std::fs::remove_file(&target.full).map_err(io_error(path))?;
        }
        let fd = rustix::fs::open(&target.full, flags, Mode::from_raw_mode(0o666))
            .map_err(|e| io_error(path)(e.into()))?;
        let mut file = File::from(fd);
        if let Some(old) = &old {
            // A file that was made anew keeps its executable bit.
            let mode = std::fs::Permissions::from_mode(old.mode() & 0o777);
            file.set_permissions(mode).map_err(io_error(path))?;
        }
        file.set_len(0)
            .and_then(|()| file.write_all(bytes))
            .map_err(io_error(path))?;
        Ok(old.is_none())
    }

    /// Refuses what must not be written, without writing.
    pub(super) fn may_write(&self, path: &str) -> Result<(), PathError> {
        self.target(path).map(|_| ())
    }

    /// Follows `path` component by component; what does not exist yet cannot lead anywhere.
    fn target(&self, path: &str) -> Result<Target, PathError> {
        let relative = relative(path)?;
        let Some(name) = relative.file_name() else {
            return Err(PathError::Folder(path.to_owned()));
        };
        let mut folder = self.root.clone();
        let mut exists = true;
        for part in relative.parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            if !exists {
                continue;
            }
            match folder.symlink_metadata() {
                Ok(meta) if meta.is_symlink() => {
                    folder = folder.canonicalize().map_err(io_error(path))?;
                    if !folder.starts_with(&self.root) {
                        return Err(PathError::Outside(path.to_owned()));
                    }
                }
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => exists = false,
                Err(e) => return Err(io_error(path)(e)),
            }
        }
        let full = folder.join(name);
        let existing = match full.symlink_metadata() {
            Ok(meta) if meta.is_symlink() => return Err(PathError::Link(path.to_owned())),
            Ok(meta) if meta.is_dir() => return Err(PathError::Folder(path.to_owned())),
            Ok(meta) if !meta.is_file() => return Err(PathError::Special(path.to_owned())),
            Ok(meta) => Some(meta),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(io_error(path)(e)),
        };
        // Both as it was named and as it is: a folder may be reached through a link in the lane.
        let real = full.strip_prefix(&self.root).unwrap_or(&relative);
        for candidate in [relative.as_path(), real] {
            if let Some(why) = self.protected(candidate, existing.as_ref()) {
                let path = path.to_owned();
                return Err(PathError::Protected { path, why });
            }
        }
        Ok(Target {
            folder,
            full,
            existing,
        })
    }

    fn protected(&self, relative: &Path, meta: Option<&Metadata>) -> Option<&'static str> {
        const CONFIG: &str = "codelicious.toml";
        let is = |part: &std::ffi::OsStr, name: &str| part.eq_ignore_ascii_case(name);
        if relative.iter().any(|part| is(part, ".git")) {
            return Some("git's own files belong to the program that runs you");
        }
        if relative
            .iter()
            .next()
            .is_some_and(|p| is(p, ".codelicious"))
        {
            return Some("`.codelicious` belongs to the program that runs you");
        }
        if is(relative.as_os_str(), CONFIG) || self.is_same(Path::new(CONFIG), meta) {
            return Some("the configuration belongs to the people of the project");
        }
        if relative.starts_with(&self.spec) || self.is_same(&self.spec, meta) {
            return Some(
                "the spec belongs to the people of the project; the program ticks the task when it is done",
            );
        }
        None
    }

    /// The same file under another name: a hard link, or a file system that folds case.
    fn is_same(&self, kept: &Path, meta: Option<&Metadata>) -> bool {
        let kept = self.root.join(kept).metadata();
        matches!((kept, meta), (Ok(a), Some(b)) if (a.dev(), a.ino()) == (b.dev(), b.ino()))
    }
}

/// Where a write goes.
struct Target {
    folder: PathBuf,
    full: PathBuf,
    existing: Option<Metadata>,
}

/// Opens a regular file for reading; never follows a link, never waits for a pipe.
pub(super) fn open_regular(full: &Path, shown: &str) -> Result<(File, Metadata), PathError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::open(full, flags, Mode::empty()).map_err(|e| io_error(shown)(e.into()))?;
    let file = File::from(fd);
    let meta = file.metadata().map_err(io_error(shown))?;
    if meta.is_dir() {
        return Err(PathError::Folder(shown.to_owned()));
    }
    if !meta.is_file() {
        return Err(PathError::Special(shown.to_owned()));
    }
    Ok((file, meta))
}

/// A path without `.` and doubled slashes; empty for the root.
fn relative(path: &str) -> Result<PathBuf, PathError> {
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    if path.contains('\0') {
        return Err(PathError::Nul);
    }
    let parts: Result<Vec<OsString>, PathError> = Path::new(path)
        .components()
        .filter(|c| !matches!(c, Component::CurDir))
        .map(|c| match c {
            Component::Normal(name) => Ok(name.to_owned()),
            Component::ParentDir => Err(PathError::Parent(path.to_owned())),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {
                Err(PathError::Absolute(path.to_owned()))
            }
        })
        .collect();
    Ok(parts?.into_iter().collect())
}

fn io_error(path: &str) -> impl FnOnce(io::Error) -> PathError {
    let path = path.to_owned();
    move |source| PathError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn put(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    /// A lane with links in and out, and a folder outside that must stay as it is.
    fn lane() -> (tempfile::TempDir, Lane) {
        let dir = tempfile::tempdir().unwrap();
        let lane = dir.path().join("lane");
        put(&lane.join("src/lib.rs"), "lib\n");
        put(&lane.join("specs/a.md"), "- [ ] a\n");
        put(&lane.join("codelicious.toml"), "");
        put(&lane.join(".git/config"), "");
        put(&dir.path().join("outside/secret"), "secret\n");
        put(&dir.path().join("lane-sibling/secret"), "secret\n");
        symlink("../outside", lane.join("out")).unwrap();
        symlink("../lane-sibling", lane.join("sib")).unwrap();
        symlink("../outside/secret", lane.join("outfile")).unwrap();
        symlink("/nowhere/at/all", lane.join("dangling")).unwrap();
        symlink("src", lane.join("in")).unwrap();
        symlink("src/lib.rs", lane.join("infile")).unwrap();
        symlink(".git", lane.join("g")).unwrap();
        symlink("specs", lane.join("s")).unwrap();
        symlink("loop", lane.join("loop")).unwrap();
        std::fs::hard_link(lane.join("specs/a.md"), lane.join("twin.md")).unwrap();
        std::fs::hard_link(dir.path().join("outside/secret"), lane.join("hard")).unwrap();
        let lane = Lane::open(&lane, "specs/a.md").unwrap();
        (dir, lane)
    }

    #[test]
    fn hostile_paths_are_refused_for_reading() {
        let (_dir, lane) = lane();
        for (path, why) in [
            ("", "empty"),
            ("a\0b", "NUL"),
            ("/etc/passwd", "absolute"),
            ("//etc/passwd", "absolute"),
            ("../outside/secret", "goes up"),
            ("src/../../outside/secret", "goes up"),
            ("src/../src/lib.rs", "goes up"),
            ("out/secret", "leads out"),
            ("sib/secret", "leads out"),
            ("outfile", "leads out"),
            ("dangling", "No such file"),
            ("loop", "loop"),
            ("missing.rs", "No such file"),
            ("src", "folder"),
            ("src/lib.rs/x", "Not a directory"),
        ] {
            let error = lane.read(path, 100).unwrap_err().to_string();
            assert!(
                error.to_lowercase().contains(&why.to_lowercase()),
                "{path:?}: {error}"
            );
        }
        for path in ["src/lib.rs", "./src//lib.rs", "in/lib.rs", "infile"] {
            assert_eq!(lane.read(path, 4).unwrap(), b"lib\n", "{path}");
        }
        assert!(
            lane.read("src/lib.rs", 3)
                .unwrap_err()
                .to_string()
                .contains("4 bytes")
        );
    }

    #[test]
    fn hostile_paths_are_refused_for_writing() {
        let (dir, lane) = lane();
        for (path, why) in [
            ("", "empty"),
            (".", "folder"),
            ("src", "folder"),
            ("a\0b", "NUL"),
            ("/tmp/x", "absolute"),
            ("../x", "goes up"),
            ("new/../../x", "goes up"),
            ("out/x", "leads out"),
            ("out/new/x", "leads out"),
            ("sib/x", "leads out"),
            ("outfile", "symbolic link"),
            ("infile", "symbolic link"),
            ("dangling", "symbolic link"),
            ("dangling/x", "No such file"),
            (".git/hooks/pre-commit", "must not be written"),
            (".GIT/config", "must not be written"),
            ("sub/.git/config", "must not be written"),
            ("g/config", "must not be written"),
            ("g/hooks/new", "must not be written"),
            (".codelicious/state/a.json", "must not be written"),
            (".Codelicious/x", "must not be written"),
            ("codelicious.toml", "must not be written"),
            ("Codelicious.toml", "must not be written"),
            ("specs/a.md", "must not be written"),
            ("./specs//a.md", "must not be written"),
            ("s/a.md", "must not be written"),
            ("twin.md", "must not be written"),
            ("src/lib.rs/x", "Not a directory"),
        ] {
            let error = lane.write(path, b"bad").unwrap_err().to_string();
            assert!(error.contains(why), "{path:?}: {error}");
        }
        assert_eq!(text(&dir.path().join("outside/secret")), "secret\n");
        assert_eq!(
            std::fs::read_dir(dir.path().join("outside"))
                .unwrap()
                .count(),
            1
        );
        assert_eq!(text(&lane.root().join("specs/a.md")), "- [ ] a\n");
    }

    #[test]
    fn writing_makes_folders_keeps_modes_and_breaks_hard_links() {
        let (dir, lane) = lane();
        assert!(lane.write("a/b/c.txt", b"new").unwrap());
        assert!(!lane.write("a/b/c.txt", b"n").unwrap());
        assert_eq!(text(&lane.root().join("a/b/c.txt")), "n");
        assert!(lane.write("in/new.rs", b"x").unwrap());
        assert_eq!(text(&lane.root().join("src/new.rs")), "x");
        assert!(lane.write("specs/b.md", b"another spec").unwrap());
        assert!(lane.write(".gitignore", b"x").unwrap());

        let tool = lane.root().join("tool.sh");
        put(&tool, "old");
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
        lane.write("tool.sh", b"new").unwrap();
        assert_eq!(tool.metadata().unwrap().mode() & 0o777, 0o755);

        lane.write("hard", b"mine").unwrap();
        assert_eq!(text(&lane.root().join("hard")), "mine");
        assert_eq!(text(&dir.path().join("outside/secret")), "secret\n");
    }

    #[test]
    fn a_pipe_is_no_file_and_is_not_waited_for() {
        let (_dir, lane) = lane();
        let socket = lane.root().join("sock");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(lane.read("sock", 10).is_err());
        assert!(
            lane.write("sock", b"x")
                .unwrap_err()
                .to_string()
                .contains("neither")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_path_leads_out(parts in proptest::collection::vec("(\\.\\.|\\.|out|in|src|g|s|sib|loop|/|x|\\PC{0,4})", 0..6)) {
            let (_dir, lane) = lane();
            let path = parts.join("/");
            if let Ok(full) = lane.existing(&path) {
                proptest::prop_assert!(full.starts_with(lane.root()));
            }
            if let Ok(target) = lane.target(&path) {
                proptest::prop_assert!(target.full.starts_with(lane.root()));
                proptest::prop_assert!(!target.full.starts_with(lane.root().join(".git")));
            }
        }
    }
}
