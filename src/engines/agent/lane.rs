//! Files as a model may name them: relative to the lane, and never out of it.
//!
//! A path is refused when it is absolute, goes up, holds a NUL or leads out through a symbolic link.
//! Writing is refused besides for what the program keeps to itself: git's files, `.codelicious`, the
//! configuration and the spec.
//!
//! Everything is opened beneath a handle of the lane's folder ([`Beneath`]), so that nothing that happens between
//! looking and opening leads out. What a turn writes is bounded.

use crate::fsx::Beneath;
use crate::fsx::beneath::{BeneathError, Place};
use crate::fsx::names::is_taken_for;
use rustix::fs::{FileType, Stat};
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Files that one turn may make, and bytes that it may write.
const MAX_MADE: u64 = 5_000;
const MAX_WRITTEN: u64 = 256 << 20;

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
    #[error(
        "this turn wrote {files} new files and {bytes} bytes, which is all that it may; go on with what is there"
    )]
    TooMuch { files: u64, bytes: u64 },
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
    beneath: Beneath,
    spec: PathBuf,
    written: Arc<Written>,
}

/// What this turn wrote so far.
#[derive(Debug, Default)]
struct Written {
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Lane {
    /// Takes the lane's folder and the spec's path below it.
    ///
    /// # Errors
    /// The folder is not there or cannot be read.
    pub(super) fn open(root: &Path, spec: &str) -> io::Result<Self> {
        let root = root.canonicalize()?;
        Ok(Self {
            beneath: Beneath::open(&root)?,
            root,
            spec: spec.into(),
            written: Arc::default(),
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The lane's folder, for what is opened by a path that was found in it.
    pub(super) fn beneath(&self) -> &Beneath {
        &self.beneath
    }

    /// The canonical path of something that exists, for showing and comparing: nothing is opened by it.
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

    /// Names and kinds in a folder; of links, where they lead.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Entry>, PathError> {
        let folder = relative(path)?;
        let found = self.beneath.list(&folder).map_err(wrong(path))?;
        let entry = |(name, kind): (OsString, FileType)| {
            let leads_to = match kind {
                FileType::Symlink => self.beneath.read_link(&folder, &name),
                _ => None,
            };
            Entry {
                name,
                is_dir: kind == FileType::Directory,
                leads_to,
            }
        };
        Ok(found.into_iter().map(entry).collect())
    }

    /// The bytes of a file of at most `max` bytes.
    pub(super) fn read(&self, path: &str, max: u64) -> Result<Vec<u8>, PathError> {
        let (file, meta) = open_regular(&self.beneath, &relative(path)?, path)?;
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

    /// Writes a file whole, with the folders above it; true when it did not exist. Other names of a file that was
    /// there, such as a package manager's, keep what they had.
    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> Result<bool, PathError> {
        let is_new = self.target(path, false)?.there.is_none();
        self.charge(is_new, bytes.len() as u64)?;
        // Judged anew by the way that is written by: folders may have been swapped since.
        let place = self.target(path, true)?;
        place.write(bytes).map_err(io_error(path))?;
        Ok(is_new)
    }

    fn charge(&self, is_new: bool, bytes: u64) -> Result<(), PathError> {
        let Written {
            files: made,
            bytes: written,
        } = self.written.as_ref();
        let files = made.fetch_add(u64::from(is_new), Ordering::Relaxed) + u64::from(is_new);
        let bytes = written.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if files > MAX_MADE || bytes > MAX_WRITTEN {
            return Err(PathError::TooMuch { files, bytes });
        }
        Ok(())
    }

    /// Refuses what must not be written, without writing.
    pub(super) fn may_write(&self, path: &str) -> Result<(), PathError> {
        self.target(path, false).map(|_| ())
    }

    /// Where a write goes, judged. With `make`, the folders above are made.
    fn target(&self, path: &str, make: bool) -> Result<Place, PathError> {
        let relative = relative(path)?;
        if relative.file_name().is_none() {
            return Err(PathError::Folder(path.to_owned()));
        }
        let place = self.beneath.place(&relative, make).map_err(wrong(path))?;
        if let Some(there) = &place.there {
            match FileType::from_raw_mode(there.st_mode) {
                FileType::RegularFile => {}
                FileType::Symlink => return Err(PathError::Link(path.to_owned())),
                FileType::Directory => return Err(PathError::Folder(path.to_owned())),
                _ => return Err(PathError::Special(path.to_owned())),
            }
        }
        // Both as it was named and as it is: a folder may be reached through a link in the lane.
        for candidate in [relative.as_path(), &place.real] {
            if let Some(why) = self.protected(candidate, place.there.as_ref()) {
                let path = path.to_owned();
                return Err(PathError::Protected { path, why });
            }
        }
        Ok(place)
    }

    fn protected(&self, relative: &Path, meta: Option<&Stat>) -> Option<&'static str> {
        const CONFIG: &str = "codelicious.toml";
        let is = is_taken_for;
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
    #[allow(
        clippy::unnecessary_cast,
        reason = "the fields have other types on other systems"
    )]
    fn is_same(&self, kept: &Path, meta: Option<&Stat>) -> bool {
        let kept = self.beneath.place(kept, false).ok().and_then(|p| p.there);
        let id = |s: &Stat| (s.st_dev as u64, s.st_ino as u64);
        matches!((kept, meta), (Some(a), Some(b)) if id(&a) == id(b))
    }
}

/// Something in a folder.
pub(super) struct Entry {
    pub name: OsString,
    pub is_dir: bool,
    pub leads_to: Option<PathBuf>,
}

/// Opens a regular file below the lane for reading; never waits for a pipe.
pub(super) fn open_regular(
    lane: &Beneath,
    relative: &Path,
    shown: &str,
) -> Result<(File, Metadata), PathError> {
    let file = lane.open_any(relative).map_err(wrong(shown))?;
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

fn wrong(path: &str) -> impl FnOnce(BeneathError) -> PathError {
    let path = path.to_owned();
    move |e| match e {
        BeneathError::Outside => PathError::Outside(path),
        BeneathError::Io(source) => PathError::Io { path, source },
    }
}

fn io_error(path: &str) -> impl FnOnce(io::Error) -> PathError {
    let path = path.to_owned();
    move |source| PathError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

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
            ("dangling", "leads out"),
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
            ("dangling/x", "leads out"),
            (".git\u{200c}/config", "must not be written"),
            ("sub/git~1/config", "must not be written"),
            (".git. ./config", "must not be written"),
            (".codelicious./x", "must not be written"),
            ("codelicious.toml ", "must not be written"),
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
    fn what_a_turn_writes_is_bounded() {
        let (_dir, lane) = lane();
        lane.written.files.store(MAX_MADE - 1, Ordering::Relaxed);
        assert!(lane.write("one", b"x").unwrap());
        let error = lane.write("two", b"x").unwrap_err().to_string();
        assert!(error.contains("all that it may"), "{error}");
        assert!(!lane.root().join("two").exists());
        lane.written.files.store(0, Ordering::Relaxed);
        lane.written.bytes.store(MAX_WRITTEN, Ordering::Relaxed);
        assert!(lane.write("one", b"y").is_err());
        assert_eq!(text(&lane.root().join("one")), "x");
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
            if let Ok(place) = lane.target(&path, false) {
                let is_plain = |c| matches!(c, Component::Normal(_));
                proptest::prop_assert!(place.real.components().all(is_plain));
                proptest::prop_assert!(!place.real.starts_with(".git"));
            }
        }
    }
}
