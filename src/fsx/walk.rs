//! Finding files in a repository, fast.
//!
//! A walk of its own over `read_dir`, with the `ignore` crate's matchers: names are filtered before
//! anything else is done with them, types come from the folder listing, so that no file is ever looked at,
//! and ignore rules are only asked about what is wanted. A few threads share one queue of folders.

use super::error::FsError;
use super::ignores::Ignores;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Threads at most; more gain nothing on a listing that the kernel has cached.
const MAX_THREADS: usize = 4;

/// Folders that must wait before helpers are started: a small repository is walked sooner than a thread
/// starts.
const WORTH_HELPERS: usize = 24;

/// What a walk found. All lists are sorted; paths are below the root, with `/`.
#[derive(Debug, Default)]
pub struct WalkResult {
    /// Wanted regular files.
    pub paths: Vec<String>,
    /// Wanted symbolic links. Not followed: they may lead out of the repository.
    pub symlinks: Vec<String>,
    /// Wanted files whose path is not UTF-8, with replacement characters.
    pub not_utf8: Vec<String>,
    /// Folders that could not be listed.
    pub errors: Vec<FsError>,
}

/// What a walk looks for, by names without folders.
pub struct Wanted<'a> {
    /// Files to be found.
    pub file: &'a (dyn Fn(&str) -> bool + Sync),
    /// Hidden folders to be entered; no others are.
    pub hidden: &'a (dyn Fn(&str) -> bool + Sync),
    /// Other folders not to be entered.
    pub skipped: &'a (dyn Fn(&str) -> bool + Sync),
}

/// Finds the files below `root` that are wanted.
///
/// Left out are: what git ignores (`.gitignore`, `info/exclude`, the user's global excludes; a file that
/// is tracked all the same is left out too); hidden files, and hidden folders but for those that are wanted; nested
/// repositories, submodules and worktrees; and the skipped folders, with everything below. The root itself is walked
/// whatever its name. Ignore files above the root do not count.
pub fn walk(root: &Path, wanted: &Wanted<'_>) -> WalkResult {
    let walker = Walker {
        root,
        wanted,
        queue: Mutex::new(Queue {
            folders: vec![Folder {
                path: root.to_owned(),
                below: Some(String::new()),
                ignores: Ignores::at_root(root),
                is_root: true,
            }],
            busy: 0,
            waiting: 0,
        }),
        changed: Condvar::new(),
    };
    let mut found = walker.work(true);
    if !walker.lock().folders.is_empty() {
        let threads = std::thread::available_parallelism()
            .map_or(1, |n| n.get())
            .min(MAX_THREADS);
        std::thread::scope(|scope| {
            let helpers: Vec<_> = (1..threads)
                .map(|_| scope.spawn(|| walker.work(false)))
                .collect();
            found.add(walker.work(false));
            for helper in helpers {
                match helper.join() {
                    Ok(part) => found.add(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
    }
    found.paths.sort_unstable();
    found.symlinks.sort_unstable();
    found.not_utf8.sort_unstable();
    found.errors.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl WalkResult {
    fn add(&mut self, mut other: WalkResult) {
        self.paths.append(&mut other.paths);
        self.symlinks.append(&mut other.symlinks);
        self.not_utf8.append(&mut other.not_utf8);
        self.errors.append(&mut other.errors);
    }
}

/// A folder to be listed.
struct Folder {
    path: PathBuf,
    /// Its path below the root, ending in `/` unless it is the root; None where that is not UTF-8.
    below: Option<String>,
    /// Rules that hold here, without the folder's own ignore file.
    ignores: Ignores,
    is_root: bool,
}

struct Queue {
    folders: Vec<Folder>,
    /// Threads that are listing a folder and may add more.
    busy: usize,
    /// Threads that wait for folders to be added.
    waiting: usize,
}

/// One folder's listing, reduced to what matters, and the rules that hold for it.
struct Listing {
    files: Vec<(OsString, Kind)>,
    dirs: Vec<OsString>,
    ignores: Ignores,
}

#[derive(Clone, Copy)]
enum Kind {
    File,
    Symlink,
}

struct Walker<'a> {
    root: &'a Path,
    wanted: &'a Wanted<'a>,
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Walker<'_> {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists folders until none is left; `alone`, also when enough wait to be worth helpers.
    fn work(&self, alone: bool) -> WalkResult {
        let mut found = WalkResult::default();
        let mut queue = self.lock();
        loop {
            if alone && queue.folders.len() >= WORTH_HELPERS {
                return found;
            }
            let Some(folder) = queue.folders.pop() else {
                if queue.busy == 0 {
                    return found;
                }
                queue.waiting += 1;
                queue = self
                    .changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                queue.waiting -= 1;
                continue;
            };
            queue.busy += 1;
            drop(queue);
            let mut turn = Turn {
                walker: self,
                below: Vec::new(),
            };
            self.list(&folder, &mut found, &mut turn.below);
            drop(turn);
            queue = self.lock();
        }
    }

    /// Lists one folder: wanted files into `found`, folders to go into into `below`.
    fn list(&self, folder: &Folder, found: &mut WalkResult, below: &mut Vec<Folder>) {
        let Some(Listing {
            files,
            dirs,
            ignores,
        }) = self.read(folder, found)
        else {
            return;
        };
        for (name, kind) in files {
            if !ignores.is_empty() && ignores.ignores(&folder.path.join(&name), false) {
                continue;
            }
            match (&folder.below, name.to_str(), kind) {
                (Some(dir), Some(name), Kind::File) => found.paths.push(format!("{dir}{name}")),
                (Some(dir), Some(name), Kind::Symlink) => {
                    found.symlinks.push(format!("{dir}{name}"))
                }
                _ => found.not_utf8.push(self.lossy(folder, &name)),
            }
        }
        for name in dirs {
            let path = folder.path.join(&name);
            if ignores.ignores(&path, true) {
                continue;
            }
            below.push(Folder {
                below: folder
                    .below
                    .as_ref()
                    .zip(name.to_str())
                    .map(|(dir, name)| format!("{dir}{name}/")),
                ignores: ignores.clone(),
                is_root: false,
                path,
            });
        }
    }

    /// The folder's wanted files, its folders, and the rules with its own. None for a nested repository or a
    /// folder that cannot be read.
    fn read(&self, folder: &Folder, found: &mut WalkResult) -> Option<Listing> {
        let mut fail = |e: std::io::Error| {
            // A folder that goes while we walk is not there; anything else is worth saying.
            if folder.is_root || e.kind() != ErrorKind::NotFound {
                found.errors.push(FsError::new("list", &folder.path, e));
            }
        };
        let entries = match fs::read_dir(&folder.path) {
            Ok(entries) => entries,
            Err(e) => {
                fail(e);
                return None;
            }
        };
        let (mut files, mut dirs) = (Vec::new(), Vec::new());
        let mut has_rules = false;
        for entry in entries {
            let (name, kind) = match entry.and_then(|e| Ok((e.file_name(), e.file_type()?))) {
                Ok(found) => found,
                Err(e) => {
                    fail(e);
                    continue;
                }
            };
            let text = name.to_string_lossy();
            let is_hidden = text.starts_with('.');
            if is_hidden && text == ".git" && !folder.is_root {
                return None;
            }
            // git does not follow a link called .gitignore either.
            has_rules |= is_hidden && text == ".gitignore" && kind.is_file();
            if kind.is_dir() {
                let is_entered = match is_hidden {
                    true => (self.wanted.hidden)(&text),
                    false => !(self.wanted.skipped)(&text),
                };
                if is_entered {
                    drop(text);
                    dirs.push(name);
                }
            } else if !is_hidden
                && (kind.is_file() || kind.is_symlink())
                && (self.wanted.file)(&text)
            {
                drop(text);
                files.push((
                    name,
                    if kind.is_file() {
                        Kind::File
                    } else {
                        Kind::Symlink
                    },
                ));
            }
        }
        let ignores = if has_rules {
            folder
                .ignores
                .and_file(&folder.path, &folder.path.join(".gitignore"))
        } else {
            folder.ignores.clone()
        };
        Some(Listing {
            files,
            dirs,
            ignores,
        })
    }

    fn lossy(&self, folder: &Folder, name: &OsStr) -> String {
        let path = folder.path.join(name);
        path.strip_prefix(self.root)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned()
    }
}

/// A thread's turn at one folder. Ending it, in a panic of a predicate too, hands over what was found below
/// and wakes who waits, so that nobody waits for ever.
struct Turn<'a> {
    walker: &'a Walker<'a>,
    below: Vec<Folder>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = self.walker.lock();
        queue.busy -= 1;
        queue.folders.append(&mut self.below);
        if queue.waiting > 0 {
            self.walker.changed.notify_all();
        }
    }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
