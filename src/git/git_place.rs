//! Where git is started with the configuration as it stood before any engine ran.
//!
//! The repository's own configuration is a file that git reads anew each time, and there is no option that names
//! another one. So a command gets a git folder of its own: links to everything of the repository's, and the
//! configuration as a copy in which what it included is spelled out. For a lane it is the folder that all worktrees
//! share (`GIT_COMMON_DIR`, git(1)), beside the lane's own.

use super::error::{Context, GitError};
use super::frozen::{Frozen, Version, Whose};
use super::repo::Repo;
use crate::fsx::root::ensure_bare;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, test_kill_process};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Folder in the repository's git folder in which commands have theirs.
pub(super) const FOLDER: &str = "codelicious-places";
/// Its name in versions before this one.
const FORMER: &str = "codelicious-pushes";

/// First version that knows `GIT_CONFIG_GLOBAL` (git's release notes).
const NAMES_GLOBAL: Version = (2, 32);

/// Where a git command is started. Its git folder goes when this does.
#[derive(Debug)]
pub struct GitPlace {
    pub(super) root: PathBuf,
    pub(super) env: Vec<(String, String)>,
    made: Option<PathBuf>,
    /// What is named by its handle is held open meanwhile.
    _held: Vec<OwnedFd>,
}

impl Drop for GitPlace {
    fn drop(&mut self) {
        if let Some(dir) = &self.made {
            // What is left is removed when the next run makes its first.
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}

impl GitPlace {
    /// What names a file to commands that work here, as a variable's value.
    ///
    /// # Errors
    /// A path that git cannot be told.
    pub(super) fn name_file(&mut self, file: &Path) -> Result<String, GitError> {
        if let Some(text) = file.to_str() {
            return Ok(text.to_owned());
        }
        let mut words = Words::default();
        let folder = words.of(file.parent().unwrap_or(Path::new("/")))?;
        self._held.extend(words.held);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        Ok(format!("{folder}/{name}"))
    }

    /// An environment for what works here.
    pub fn environment(&self, env: &[(String, String)]) -> Vec<(String, String)> {
        env.iter().chain(&self.env).cloned().collect()
    }
}

impl Repo {
    /// Makes the place for one command in the main worktree: a push, a fetch.
    ///
    /// # Errors
    /// Folders and links that cannot be made, and paths that git cannot be told.
    pub fn git_place(&self) -> Result<GitPlace, GitError> {
        self.place(None)
    }

    /// Makes the place for one command in a lane, by the lane's own git folder and its worktree.
    ///
    /// # Errors
    /// As [`Repo::git_place`].
    pub fn lane_place(&self, admin: &Path, dir: &Path) -> Result<GitPlace, GitError> {
        self.place(Some((admin, dir)))
    }

    fn place(&self, lane: Option<(&Path, &Path)>) -> Result<GitPlace, GitError> {
        let (root, common) = (&self.info.root, &self.info.common_dir);
        let frozen = self.frozen()?;
        let mut words = Words::default();
        let mut env = Vec::new();
        let mut set = |name: &str, value: String| env.push((name.to_owned(), value));
        let made = match frozen.version < NAMES_GLOBAL {
            true => None,
            false => Some(make(common, &frozen)?),
        };
        // Dropped with its folder when something goes wrong from here on.
        let mut place = GitPlace {
            root: lane.map_or_else(|| root.clone(), |(_, dir)| dir.to_path_buf()),
            env: Vec::new(),
            made,
            _held: Vec::new(),
        };
        let own = place.made.as_deref();
        match (lane, own) {
            (Some((admin, dir)), _) => {
                set("GIT_DIR", words.of(admin)?);
                set("GIT_WORK_TREE", words.of(dir)?);
            }
            (None, Some(own)) => {
                set("GIT_DIR", words.of(own)?);
                set("GIT_WORK_TREE", words.of(root)?);
            }
            (None, None) => {
                set("GIT_DIR", words.of(common)?);
                set("GIT_WORK_TREE", words.of(root)?);
            }
        }
        if let Some(own) = own {
            // What a command starts in a worktree finds it too.
            let own = words.of(own)?;
            set("GIT_CONFIG_GLOBAL", format!("{own}/config.user"));
            set("GIT_COMMON_DIR", own);
            set("GIT_CONFIG_NOSYSTEM", "1".to_owned());
        }
        place.env = env;
        place._held = words.held;
        Ok(place)
    }
}

/// Paths as variables, which are text: what is none is named by a handle.
#[derive(Default)]
struct Words {
    held: Vec<OwnedFd>,
}

impl Words {
    fn of(&mut self, path: &Path) -> Result<String, GitError> {
        if let Some(text) = path.to_str() {
            return Ok(text.to_owned());
        }
        let what = || format!("naming {} to git", path.display());
        if !Path::new("/proc/self/fd").is_dir() {
            return Err(GitError::new(
                what(),
                "the name is not UTF-8",
                "move the repository to a folder whose path is UTF-8",
            ));
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = open(path, flags, Mode::empty())
            .map_err(std::io::Error::from)
            .doing(what)?;
        let word = format!("/proc/{}/fd/{}", std::process::id(), handle.as_raw_fd());
        self.held.push(handle);
        Ok(word)
    }
}

/// Variables, and what has to be held open while they are used.
type Told = (Vec<(String, String)>, Vec<OwnedFd>);

/// What says which git folder and which worktree are meant, whatever their paths and whatever stands in the folder git is
/// started in.
pub(super) fn told(git_dir: &Path, work_tree: &Path) -> Result<Told, GitError> {
    let mut words = Words::default();
    let env = vec![
        ("GIT_DIR".to_owned(), words.of(git_dir)?),
        ("GIT_WORK_TREE".to_owned(), words.of(work_tree)?),
    ];
    Ok((env, words.held))
}

/// Makes a git folder with this configuration.
fn make(common: &Path, frozen: &Frozen) -> Result<PathBuf, GitError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let ours = common.join(FOLDER);
    ensure_bare(&ours)
        .map_err(|e| GitError::new("making a folder for a git command", e.to_string(), ""))?;
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = ours.join(format!("{}.{n}", std::process::id()));
    let what = || format!("making {}", dir.display());
    clear(&dir).doing(what)?;
    std::fs::create_dir(&dir).doing(what)?;
    let filled = fill(common, &dir, frozen);
    if filled.is_err() {
        let _ = std::fs::remove_dir_all(&dir);
    }
    filled.doing(what)?;
    Ok(dir)
}

fn fill(common: &Path, dir: &Path, frozen: &Frozen) -> std::io::Result<()> {
    // What commands make there belongs to the repository, also where it is not there yet.
    for name in ["logs", "worktrees"] {
        std::fs::create_dir_all(common.join(name))?;
    }
    if frozen.has("filter.lfs.") {
        std::fs::create_dir_all(common.join("lfs"))?;
    }
    link_all(common, dir)?;
    for (name, whose) in [
        ("config", Whose::Repository),
        // Git copies it into a worktree that it makes.
        ("config.worktree", Whose::Worktree),
        ("config.user", Whose::User),
    ] {
        put(&dir.join(name), frozen.text(whose).as_bytes())?;
    }
    Ok(())
}

/// Links to everything in the repository's git folder but its configuration, its hooks and locks.
fn link_all(common: &Path, dir: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(common)? {
        let name = entry?.file_name();
        // A HEAD that is a link is not one to git, unless it leads to a ref.
        if name == "HEAD" {
            put(&dir.join(&name), &std::fs::read(common.join(&name))?)?;
            continue;
        }
        let is_ours = ["config", "config.user", "config.worktree", "hooks", FOLDER]
            .iter()
            .any(|ours| name == *ours);
        if is_ours || name.as_encoded_bytes().ends_with(b".lock") {
            continue;
        }
        std::os::unix::fs::symlink(common.join(&name), dir.join(&name))?;
    }
    match std::os::unix::fs::symlink(common.join("packed-refs"), dir.join("packed-refs")) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

/// Removes what processes left there that are no more.
pub(super) fn clear_rests(common: &Path) {
    let entries = [FOLDER, FORMER].map(|name| std::fs::read_dir(common.join(name)));
    for entry in entries.into_iter().flatten().flatten().flatten() {
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|n| n.split_once('.')?.0.parse().ok());
        let lives = number
            .and_then(Pid::from_raw)
            .is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH));
        if !lives {
            let _ = clear(&entry.path());
        }
    }
    // Not while something lives in it.
    let _ = std::fs::remove_dir(common.join(FORMER));
}

/// Removes a folder, or a link in its place; fine when there is none.
pub(super) fn clear(dir: &Path) -> std::io::Result<()> {
    let removed = match dir.symlink_metadata() {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(dir),
        Ok(_) => std::fs::remove_file(dir),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Makes a file that was not there, for its owner alone. Not synced: it is made anew each time.
pub(super) fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make files")]
#[path = "git_place_tests.rs"]
mod tests;
