//! What in a lane is not an engine's to change, and is put back as soon as one ended: the link to the repository, our
//! settings and folder, the spec, and the hooks that the repository has in its tree, with what configures them.
//!
//! It is put back as it stood before the engine, not as it is committed: set-up commands may have made some of it.

use super::error::{Context, GitError};
use super::lane::OpenLane;
use super::repo::Repo;
use crate::config::REPO_FILE;
use crate::fsx::root::DIR_NAME;
use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Folders of hooks, and files and folders of their managers as far as each is read under one name.
const OF_HOOKS: [&[&str]; 4] = [
    &[".githooks"],
    &[".husky"],
    // pre-commit and prek, which has a file of its own that goes before the others.
    &[
        ".pre-commit-config.yaml",
        ".pre-commit-config.yml",
        "prek.toml",
    ],
    // With what stands over it on one machine, and the folder of own hooks.
    &[".overcommit.yml", ".local-overcommit.yml", ".git-hooks"],
];

/// Lefthook reads each of these in each of these languages, and merges what is local over the rest (its documentation,
/// "Config file name", "lefthook-local.yml").
const LEFTHOOK: [&str; 6] = [
    "lefthook",
    ".lefthook",
    ".config/lefthook",
    "lefthook-local",
    ".lefthook-local",
    ".config/lefthook-local",
];
const LEFTHOOKS: [&str; 5] = ["yml", "yaml", "json", "jsonc", "toml"];

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
        Path::new(&self.path).starts_with(REPO_FILE)
    }
}

/// Where hooks and their managers are configured in a tree, manager by manager. Of one of which nothing is there before
/// the engine runs, nothing is in force for anybody, so that it can be work; once something is, also the names count
/// under which nothing stands: what is put there would be read beside it, or in its place.
fn of_hooks() -> Vec<Vec<PathBuf>> {
    let mut lefthook: Vec<PathBuf> = [".lefthook", ".lefthook-local"].map(PathBuf::from).into();
    for name in LEFTHOOK {
        lefthook.extend(LEFTHOOKS.map(|ending| PathBuf::from(format!("{name}.{ending}"))));
    }
    let others = OF_HOOKS.map(|names| names.iter().map(PathBuf::from).collect());
    others.into_iter().chain([lefthook]).collect()
}

/// How these things stood before an engine, and what was put back since the chunk's first turn.
#[derive(Debug, Default)]
pub(super) struct Kept {
    chunk: String,
    /// Until the chunk is committed, and its spec is another one.
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
        let of_hooks = self.names_of_hooks()?;
        let lane = self.opened()?;
        let dir = &lane.paths.dir;
        let is_there = |path: &PathBuf| dir.join(path).symlink_metadata().is_ok();
        let always = [REPO_FILE, DIR_NAME, spec].map(PathBuf::from);
        let in_force = of_hooks.into_iter().filter(|m| m.iter().any(is_there));
        let mut stood: Vec<Stood> = Vec::new();
        for path in always.into_iter().chain(in_force.flatten()) {
            if stood.iter().any(|s| path.starts_with(&s.path)) {
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
        for (path, changed) in lane.put_all_back()? {
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
                let path = path.display();
                undone.push(format!("reverted: put {rest} more files of {path} back"));
            }
        }
        Ok(undone)
    }

    /// Puts back what checks and hooks changed of them since the last turn at a chunk. Nobody is told: it is neither work
    /// nor an engine's doing, and would be taken for both when the next turn begins.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn restore_kept_after(&mut self, chunk: &str) -> Result<(), GitError> {
        let lane = self.opened()?;
        if lane.kept.chunk == chunk {
            lane.put_all_back()?;
        }
        Ok(())
    }

    /// Removes what of them is not in the repository, where nobody knows any more how it stood: set-up makes it anew.
    ///
    /// # Errors
    /// Files that cannot be removed.
    pub fn clear_kept(&mut self) -> Result<(), GitError> {
        let of_hooks = self.names_of_hooks()?;
        let lane = self.opened()?;
        let ours = [REPO_FILE, DIR_NAME].map(PathBuf::from);
        for path in ours.into_iter().chain(of_hooks.into_iter().flatten()) {
            if !leads_away(&lane.paths.dir, &path) {
                lane.clear_untracked(&path)
                    .doing(|| format!("removing {} from the lane", path.display()))?;
            }
        }
        Ok(())
    }

    /// Those of [`of_hooks`], and the folder of hooks that is configured.
    fn names_of_hooks(&mut self) -> Result<Vec<Vec<PathBuf>>, GitError> {
        let configured = match self.command {
            Some(_) => self.hooks_in_tree()?,
            None => None,
        };
        let configured = configured.map(|folder| vec![folder]);
        Ok(of_hooks().into_iter().chain(configured).collect())
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
    /// The chunk is committed: its spec stands with its mark from here on.
    pub(super) fn forget(&mut self) {
        self.stood.clear();
    }

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
    /// Makes all of it as it stood; gives back what was otherwise, by path.
    fn put_all_back(&self) -> Result<Vec<(PathBuf, Vec<String>)>, GitError> {
        let all = self.kept.stood.iter();
        all.map(|stood| Ok((stood.path.clone(), self.put_back(stood)?)))
            .collect()
    }

    /// Removes what is below a path and not in our index. No link is followed.
    fn clear_untracked(&self, path: &Path) -> io::Result<()> {
        let full = self.paths.dir.join(path);
        let Ok(meta) = full.symlink_metadata() else {
            return Ok(());
        };
        let is_tracked = match meta.is_dir() {
            true => self.index.find_prefix(path).is_ok(),
            false => self.index.get_path(path, 0).is_some(),
        };
        if !is_tracked {
            return super::git_place::clear(&full);
        }
        if meta.is_dir() {
            for entry in std::fs::read_dir(&full)? {
                self.clear_untracked(&path.join(entry?.file_name()))?;
            }
        }
        Ok(())
    }

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

/// True where something on the way to a path is no folder of the lane's.
fn leads_away(dir: &Path, path: &Path) -> bool {
    path.ancestors().skip(1).any(|above| {
        let above = dir.join(above);
        above != dir && above.symlink_metadata().is_ok_and(|m| !m.is_dir())
    })
}

/// What is there, by path below the lane; None where it is too much. A path that leads through a link is nothing.
fn look(dir: &Path, path: &Path) -> Option<BTreeMap<PathBuf, Entry>> {
    let mut found = BTreeMap::new();
    if leads_away(dir, path) {
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
