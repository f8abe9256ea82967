//! What in a lane is not an engine's to change, and is put back as soon as one ended: the link to the repository, our
//! settings and folder, the spec, and the hooks that the repository has in its tree, with what configures them.
//!
//! It is put back as it stood before the engine, not as it is committed: set-up commands may have made some of it.

use super::error::{Context, GitError};
use super::lane::OpenLane;
use super::repo::Repo;
use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Our settings, and the name of our folder.
const SETTINGS: &str = "codelicious.toml";
const OWN_FOLDER: &str = ".codelicious";

/// Where hooks and their managers are configured in a tree. What is not there before the engine runs is in force for
/// nobody, so that it can be work.
const OF_HOOKS: [&str; 14] = [
    ".githooks",
    ".husky",
    ".lefthook",
    ".lefthook.json",
    ".lefthook.toml",
    ".lefthook.yaml",
    ".lefthook.yml",
    ".overcommit.yml",
    ".pre-commit-config.yaml",
    "lefthook.json",
    "lefthook.toml",
    "lefthook.yaml",
    "lefthook.yml",
    "prek.toml",
];

/// Bounds on what is remembered of one of them. A larger one is not an engine's either, but cannot be put back.
const MAX_ENTRIES: usize = 2_000;
const MAX_BYTES: u64 = 32 << 20;
/// Files that are named one by one.
const NAMED: usize = 20;

/// Something that an engine changed and that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverted {
    /// Below the root.
    pub path: String,
    pub what: String,
    /// In the last engine turn, not in an earlier one of the same chunk.
    pub is_latest: bool,
}

impl Reverted {
    /// True where it is our settings.
    pub fn is_of_settings(&self) -> bool {
        Path::new(&self.path).starts_with(SETTINGS)
    }
}

/// How these things stood before an engine, and what was put back since the chunk's first turn.
#[derive(Debug, Default)]
pub(super) struct Kept {
    chunk: String,
    stood: Vec<Stood>,
    reverted: Vec<Reverted>,
}

/// One of them, with all below it.
#[derive(Debug, PartialEq, Eq)]
struct Stood {
    path: PathBuf,
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Folder,
    File {
        bytes: Vec<u8>,
        mode: u32,
    },
    Link(PathBuf),
    /// A socket or its like, which nobody puts back.
    Other,
}

impl Repo {
    /// Remembers how these things stand, before an engine's turn at a chunk.
    ///
    /// # Errors
    /// No lane is open, or git cannot be started.
    pub fn remember_kept(&mut self, chunk: &str, spec: &str) -> Result<(), GitError> {
        let configured = match self.command {
            Some(_) => self.hooks_in_tree()?,
            None => None,
        };
        let lane = self.opened()?;
        let dir = &lane.paths.dir;
        let always = [SETTINGS, OWN_FOLDER, spec].map(PathBuf::from);
        let of_hooks = OF_HOOKS.iter().map(PathBuf::from).chain(configured);
        let mut stood: Vec<Stood> = Vec::new();
        for (path, is_always) in always
            .into_iter()
            .map(|path| (path, true))
            .chain(of_hooks.map(|path| (path, false)))
        {
            let is_there = dir.join(&path).symlink_metadata().is_ok();
            let is_linked = lane
                .links
                .iter()
                .any(|l| path.starts_with(l.trim_matches('/')));
            let is_held = stood.iter().any(|s| path.starts_with(&s.path));
            if (!is_always && !is_there) || is_linked || is_held {
                continue;
            }
            if let Some(entries) = look(dir, &path) {
                stood.push(Stood { path, entries });
            }
        }
        let kept = &mut lane.kept;
        kept.stood = stood;
        if kept.chunk != chunk {
            kept.chunk = chunk.to_owned();
            kept.reverted.clear();
        }
        for reverted in &mut kept.reverted {
            reverted.is_latest = false;
        }
        Ok(())
    }

    /// Puts back what an engine changed of them; says what it was.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn restore_kept(&mut self) -> Result<Vec<String>, GitError> {
        let mut undone = Vec::new();
        if self.restore_link()? {
            let what = "put the lane's .git file back, which the engine had changed".to_owned();
            self.note_reverted(std::slice::from_ref(&what))?;
            undone.push(what);
        }
        let lane = self.opened()?;
        let stood = std::mem::take(&mut lane.kept.stood);
        for stood in &stood {
            let changed = lane.put_back(stood)?;
            let rest = changed.len().saturating_sub(NAMED);
            for path in changed.into_iter().take(NAMED) {
                undone.push(format!(
                    "reverted: put {path} back, which only people change"
                ));
                lane.kept.note(
                    path,
                    "the engine changed it, and it was put back: only people change it",
                );
            }
            if rest > 0 {
                let path = stood.path.display();
                undone.push(format!("reverted: put {rest} more files of {path} back"));
            }
        }
        Ok(undone)
    }

    /// Records that something in git's own folder was put back.
    ///
    /// # Errors
    /// No lane is open.
    pub fn note_reverted(&mut self, undone: &[String]) -> Result<(), GitError> {
        let kept = &mut self.opened()?.kept;
        for what in undone.iter().take(NAMED) {
            kept.note(".git".to_owned(), what);
        }
        Ok(())
    }

    /// What was put back in the turns at a chunk.
    ///
    /// # Errors
    /// No lane is open.
    pub fn reverted(&mut self, chunk: &str) -> Result<Vec<Reverted>, GitError> {
        let kept = &self.opened()?.kept;
        Ok(match kept.chunk == chunk {
            true => kept.reverted.clone(),
            false => Vec::new(),
        })
    }
}

impl Kept {
    fn note(&mut self, path: String, what: &str) {
        self.reverted
            .retain(|known| known.path != path || known.what != what);
        if self.reverted.len() < 10 * NAMED {
            self.reverted.push(Reverted {
                path,
                what: what.to_owned(),
                is_latest: true,
            });
        }
    }
}

impl OpenLane {
    /// Makes it as it stood; gives back what was otherwise.
    fn put_back(&self, stood: &Stood) -> Result<Vec<String>, GitError> {
        let Stood { path, entries } = stood;
        let now = look(&self.paths.dir, path);
        if now.as_ref() == Some(entries) {
            return Ok(Vec::new());
        }
        let what = || format!("putting {} back", path.display());
        let told = path.to_string_lossy();
        self.clear_way_to(&told)?;
        let full = self.paths.dir.join(path);
        super::git_place::clear(&full).doing(what)?;
        for (below, entry) in entries {
            entry.write(&self.paths.dir.join(below)).doing(what)?;
        }
        Ok(changed(path, entries, now.as_ref()))
    }
}

/// Names of what differs: files, and where none does the thing itself.
fn changed(
    path: &Path,
    before: &BTreeMap<PathBuf, Entry>,
    now: Option<&BTreeMap<PathBuf, Entry>>,
) -> Vec<String> {
    let name = |path: &Path| path.to_string_lossy().into_owned();
    let whole = vec![name(path)];
    let Some(now) = now.filter(|_| !before.is_empty()) else {
        return whole;
    };
    let all: std::collections::BTreeSet<&PathBuf> = before.keys().chain(now.keys()).collect();
    let is_folder = |entry: Option<&Entry>| matches!(entry, None | Some(Entry::Folder));
    let files: Vec<String> = all
        .into_iter()
        .filter(|p| before.get(*p) != now.get(*p))
        .filter(|p| !(is_folder(before.get(*p)) && is_folder(now.get(*p))))
        .map(|p| name(p))
        .collect();
    match files.is_empty() {
        true => whole,
        false => files,
    }
}

/// What is there, by path below the lane; None where it is too much. A path that leads through a link is nothing.
fn look(dir: &Path, path: &Path) -> Option<BTreeMap<PathBuf, Entry>> {
    let mut found = BTreeMap::new();
    let leads_away = path.ancestors().skip(1).any(|above| {
        let above = dir.join(above);
        above != dir && above.symlink_metadata().is_ok_and(|m| !m.is_dir())
    });
    if leads_away {
        return Some(found);
    }
    let mut todo = vec![path.to_path_buf()];
    let mut bytes_left = MAX_BYTES;
    while let Some(path) = todo.pop() {
        let full = dir.join(&path);
        let Ok(meta) = full.symlink_metadata() else {
            continue;
        };
        if found.len() == MAX_ENTRIES {
            return None;
        }
        let entry = if meta.is_dir() {
            // One that cannot be listed holds nothing that was there before.
            let below = std::fs::read_dir(&full).into_iter().flatten().flatten();
            todo.extend(below.map(|e| path.join(e.file_name())));
            Entry::Folder
        } else if meta.is_file() {
            bytes_left = bytes_left.checked_sub(meta.len())?;
            Entry::File {
                bytes: std::fs::read(&full).unwrap_or_default(),
                mode: meta.permissions().mode() & 0o7777,
            }
        } else if meta.is_symlink() {
            Entry::Link(std::fs::read_link(&full).unwrap_or_default())
        } else {
            Entry::Other
        };
        found.insert(path, entry);
    }
    Some(found)
}

impl Entry {
    fn write(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Folder => std::fs::create_dir(path),
            Self::File { bytes, mode } => {
                let mut file = File::create_new(path)?;
                file.write_all(bytes)?;
                file.set_permissions(Permissions::from_mode(*mode))
            }
            Self::Link(to) => std::os::unix::fs::symlink(to, path),
            Self::Other => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make files")]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        let seen = || look(dir.path(), Path::new("hooks")).unwrap();
        assert!(seen().is_empty());
        std::fs::create_dir_all(at("hooks/sub")).unwrap();
        std::fs::write(at("hooks/a"), "1").unwrap();
        std::fs::write(at("hooks/sub/b"), "2").unwrap();
        let before = seen();
        let named =
            |now: BTreeMap<PathBuf, Entry>| changed(Path::new("hooks"), &before, Some(&now));
        std::fs::write(at("hooks/a"), "changed").unwrap();
        std::fs::write(at("hooks/new"), "").unwrap();
        assert_eq!(named(seen()), ["hooks/a", "hooks/new"]);
        std::fs::remove_dir_all(at("hooks")).unwrap();
        assert_eq!(named(seen()), ["hooks/a", "hooks/sub/b"]);
        std::os::unix::fs::symlink("/etc", at("hooks")).unwrap();
        assert_eq!(named(seen()), ["hooks", "hooks/a", "hooks/sub/b"]);
        assert_eq!(
            changed(Path::new("x"), &BTreeMap::new(), Some(&seen())),
            ["x"]
        );
        assert!(
            look(dir.path(), Path::new("hooks/passwd"))
                .unwrap()
                .is_empty(),
            "a link is not followed"
        );
    }
}
