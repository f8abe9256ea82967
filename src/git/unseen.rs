//! What an engine left in a lane that no commit will hold, and that checks may see all the same: files that git
//! ignores, and a change of our own settings.

use super::command::is_skipped;
use super::error::{Context, GitError};
use super::lane::{HALF_IGNORED, OpenLane};
use super::repo::{Repo, from_oid};
use super::sides::{Side, Sides, as_side};
use crate::config::REPO_FILE;
use crate::fsx::root::DIR_NAME;
use crate::model::Oid;
use git2::{Delta, DiffOptions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Name of the note, in the lane's own git folder.
const NOTE: &str = "codelicious-ignored";
const MAX_NOTE: u64 = 4 << 20;

/// Entries of ignored folders that are looked at, and how deep. Where there are more, nothing is told: half a list
/// before and another half after would tell what is not new.
const MAX_ENTRIES: usize = 5_000;
const MAX_DEPTH: usize = 8;
/// A module, a fixture, a configuration: bigger ones are data or built.
const MAX_BYTES: u64 = 256 << 10;
const MAX_TOLD: usize = 50;

/// Folders of tools: caches, dependencies, what is built, what agents and editors keep.
const FOLDERS: [&str; 42] = [
    ".cache",
    ".claude",
    DIR_NAME,
    ".eggs",
    ".git",
    ".gradle",
    ".hypothesis",
    ".idea",
    ".mypy_cache",
    ".next",
    ".nox",
    ".nuxt",
    ".nyc_output",
    ".parcel-cache",
    ".pytest_cache",
    ".ruff_cache",
    ".svelte-kit",
    ".terraform",
    ".tox",
    ".turbo",
    ".venv",
    ".vscode",
    "Pods",
    "__pycache__",
    "_build",
    "bin",
    "bower_components",
    "build",
    "coverage",
    "deps",
    "dist",
    "env",
    "htmlcov",
    "log",
    "logs",
    "node_modules",
    "obj",
    "out",
    "site-packages",
    "target",
    "tmp",
    "venv",
];

/// Endings of sources and of configuration.
const ENDINGS: [&str; 49] = [
    "bash",
    "c",
    "cc",
    "cfg",
    "cjs",
    "clj",
    "conf",
    "cpp",
    "cs",
    "csv",
    "cts",
    "dart",
    "env",
    "erl",
    "ex",
    "exs",
    "go",
    "gradle",
    "h",
    "hpp",
    "hs",
    "ini",
    "java",
    "js",
    "json",
    "jsx",
    "kt",
    "kts",
    "lua",
    "mjs",
    "mk",
    "mts",
    "php",
    "pl",
    "properties",
    "ps1",
    "py",
    "pyi",
    "rb",
    "rs",
    "scala",
    "sh",
    "sql",
    "swift",
    "toml",
    "ts",
    "tsx",
    "yaml",
    "yml",
];

/// Parts of the names of what runners and package managers write.
const WRITTEN: [&str; 6] = [
    "coverage",
    "junit",
    "-lock.",
    "report",
    "results",
    "tsbuildinfo",
];

/// A file that is no part of the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    pub sides: Sides,
    pub is_ignored: bool,
}

/// What was there before an engine was first asked for a chunk.
#[derive(Default, Serialize, Deserialize)]
struct Note {
    chunk: String,
    /// None where there was too much.
    known: Option<BTreeSet<String>>,
    /// What came since, and was held against the work.
    told: BTreeSet<String>,
}

impl Repo {
    /// Remembers which ignored files are there, before an engine is asked for a chunk. Asked again for the same chunk
    /// it changes nothing: what an earlier attempt left is no better known. What was held against another chunk's work
    /// is removed, since this one would be checked with it; says what that was.
    ///
    /// # Errors
    /// The lane cannot be looked through, or the note cannot be written.
    pub fn note_ignored(&mut self, chunk: &str) -> Result<Vec<String>, GitError> {
        let lane = self.opened()?;
        let was = lane.ignored_note();
        if was.as_ref().is_some_and(|note| note.chunk == chunk) {
            return Ok(Vec::new());
        }
        let mut removed = Vec::new();
        for path in was.into_iter().flat_map(|note| note.told) {
            let full = lane.paths.dir.join(&path);
            let is_file = full.symlink_metadata().is_ok_and(|m| m.is_file());
            if is_file && std::fs::remove_file(&full).is_ok() {
                removed.push(format!(
                    "removed {path}, which git ignores and an earlier task left"
                ));
            }
        }
        let known = lane.ignored()?;
        let known = known.map(|files| files.into_iter().collect());
        lane.write_ignored_note(&Note {
            chunk: chunk.to_owned(),
            known,
            told: BTreeSet::new(),
        })?;
        Ok(removed)
    }

    /// Notes that these files were held against the work.
    ///
    /// # Errors
    /// The note cannot be written.
    pub fn note_told(&mut self, paths: &[String]) -> Result<(), GitError> {
        let lane = self.opened()?;
        match lane.ignored_note() {
            Some(mut note) => {
                note.told.extend(paths.iter().cloned());
                lane.write_ignored_note(&note)
            }
            None => Ok(()),
        }
    }

    /// Files of the lane that the work put there and that are not part of it.
    ///
    /// # Errors
    /// The lane cannot be looked through.
    pub fn unseen(&mut self, chunk: &str, tip: &Oid) -> Result<Vec<Unseen>, GitError> {
        let lane = self.opened()?;
        let mut unseen: Vec<Unseen> = lane.changed_settings(tip)?.into_iter().collect();
        let note = lane.ignored_note().filter(|note| note.chunk == chunk);
        let Some(known) = note.and_then(|note| note.known) else {
            return Ok(unseen);
        };
        let now = lane.ignored()?.unwrap_or_default();
        for path in now.into_iter().filter(|p| !known.contains(p)) {
            let bytes = crate::fsx::read_bounded(&lane.paths.dir.join(&path), MAX_BYTES);
            let Ok(after @ Side::Text(_)) = bytes.map(|b| as_side(&b)) else {
                continue;
            };
            unseen.push(Unseen {
                sides: Sides {
                    path,
                    before: None,
                    after: Some(after),
                    mode: 0o100_644,
                },
                is_ignored: true,
            });
            if unseen.len() > MAX_TOLD {
                break;
            }
        }
        Ok(unseen)
    }
}

impl OpenLane {
    fn ignored_note(&self) -> Option<Note> {
        let bytes = crate::fsx::read_bounded(&self.paths.admin.join(NOTE), MAX_NOTE).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Not synced: without it nothing is told.
    fn write_ignored_note(&self, note: &Note) -> Result<(), GitError> {
        let path = self.paths.admin.join(NOTE);
        let temp = self.paths.admin.join(HALF_IGNORED);
        let what = || format!("writing {}", path.display());
        let text =
            serde_json::to_vec(note).map_err(|e| GitError::new(what(), e.to_string(), ""))?;
        File::create(&temp)
            .and_then(|mut file| file.write_all(&text))
            .and_then(|()| std::fs::rename(&temp, &path))
            .doing(what)
    }

    /// What the work made of our settings, if it made anything of them.
    fn changed_settings(&mut self, tip: &Oid) -> Result<Option<Unseen>, GitError> {
        let path = Path::new(REPO_FILE);
        let is_linked = |l: &String| l.trim_matches('/') == REPO_FILE;
        let is_left_out = self.index.get_path(path, 0).is_some_and(|e| is_skipped(&e));
        if is_left_out || self.links.iter().any(is_linked) {
            return Ok(None);
        }
        let tree = self.git.find_commit(from_oid(tip)?).and_then(|c| c.tree());
        let tree = tree.doing(|| format!("reading {REPO_FILE}"))?;
        let blob = tree.get_path(path).ok();
        let blob = blob.and_then(|entry| self.git.find_blob(entry.id()).ok());
        let before = blob.map(|blob| as_written(blob.content()));
        let full = self.paths.dir.join(path);
        let after = match full.symlink_metadata() {
            Ok(meta) if meta.is_file() => crate::fsx::read_bounded(&full, MAX_NOTE).ok(),
            Ok(_) => Some(Vec::new()),
            Err(_) => None,
        };
        let after = after.map(|bytes| as_written(&bytes));
        // Where the repository does not have the file, a copy that set-up brought is no change.
        if before == after || before.is_none() && self.is_known(REPO_FILE) {
            return Ok(None);
        }
        Ok(Some(Unseen {
            sides: Sides {
                path: REPO_FILE.to_owned(),
                before: before.map(|bytes| as_side(&bytes)),
                after: after.map(|bytes| as_side(&bytes)),
                mode: 0o100_644,
            },
            is_ignored: false,
        }))
    }

    fn is_known(&self, path: &str) -> bool {
        let known = self.ignored_note().and_then(|note| note.known);
        known.is_some_and(|known| known.contains(path))
    }

    /// Ignored files that could make a check pass, by path; None where there are too many to look at.
    fn ignored(&mut self) -> Result<Option<Vec<String>>, GitError> {
        self.set_walk_rules()?;
        let mut options = DiffOptions::new();
        options
            .include_untracked(true)
            .recurse_untracked_dirs(true)
            .include_ignored(true);
        let diff = self
            .git
            .diff_index_to_workdir(Some(&self.index), Some(&mut options))
            .doing(|| "looking for ignored files in the lane".to_owned())?;
        let mut files = Vec::new();
        let mut left = MAX_ENTRIES;
        for delta in diff.deltas().filter(|d| d.status() == Delta::Ignored) {
            let Some(bytes) = delta.new_file().path_bytes() else {
                continue;
            };
            // A name that is not UTF-8 could not be told.
            let Ok(path) = std::str::from_utf8(bytes) else {
                continue;
            };
            let path = path.trim_end_matches('/');
            let is_set_up = |l: &String| {
                let rest = path.strip_prefix(l.trim_matches('/'));
                rest.is_some_and(|r| r.is_empty() || r.starts_with('/'))
            };
            if path.split('/').any(is_of_tools) || self.links.iter().any(is_set_up) {
                continue;
            }
            if walk(&self.paths.dir, path, MAX_DEPTH, &mut left, &mut files).is_none() {
                return Ok(None);
            }
        }
        files.sort();
        Ok(Some(files))
    }
}

/// As git stores it where line ends are converted.
fn as_written(bytes: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.replace("\r\n", "\n").into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}

/// Gathers the files of a path; None where there is too much. No link is followed.
fn walk(
    root: &Path,
    path: &str,
    depth: usize,
    left: &mut usize,
    files: &mut Vec<String>,
) -> Option<()> {
    *left = left.checked_sub(1)?;
    let full = root.join(path);
    let Ok(meta) = full.symlink_metadata() else {
        return Some(());
    };
    if meta.is_file() && meta.len() <= MAX_BYTES && is_source(path) {
        files.push(path.to_owned());
    }
    let is_cache = || full.join("CACHEDIR.TAG").exists() || full.join(".git").exists();
    if !meta.is_dir() || depth == 0 || is_cache() {
        return Some(());
    }
    for entry in std::fs::read_dir(&full).into_iter().flatten().flatten() {
        let name = entry.file_name();
        match std::str::from_utf8(name.as_bytes()) {
            Ok(name) if !is_of_tools(name) => {
                walk(root, &format!("{path}/{name}"), depth - 1, left, files)?;
            }
            _ => {}
        }
    }
    Some(())
}

fn is_of_tools(name: &str) -> bool {
    FOLDERS.contains(&name) || name.ends_with(".egg-info")
}

/// True for the name of a file that somebody writes, and that a check may read.
fn is_source(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_env = name == ".envrc" || name.starts_with(".env.");
    (is_env || ENDINGS.contains(&ending)) && !WRITTEN.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn what_is_a_source() {
        for path in [
            "helper.py",
            "a/conftest.py",
            "x/data.json",
            ".env",
            ".env.test",
            "A.TS",
        ] {
            assert!(is_source(path), "{path}");
        }
        for path in [
            "a.pyc",
            "a.log",
            "Cargo.lock",
            "package-lock.json",
            "coverage.json",
            ".coverage",
            "junit.xml",
            "test-results.json",
            "Makefile~",
            "",
        ] {
            assert!(!is_source(path), "{path}");
        }
    }

    #[test]
    fn caches_are_left_alone_and_links_are_not_followed() {
        let temp = TempDir::new().unwrap();
        let put = |path: &str| {
            let full = temp.path().join(path);
            std::fs::create_dir_all(full.parent().unwrap()).unwrap();
            File::create(full).unwrap().write_all(b"x").unwrap();
        };
        for path in [
            "ig/a.py",
            "ig/deep/b.rs",
            "ig/node_modules/c.js",
            "ig/x.egg-info/d.py",
            "ig/tagged/CACHEDIR.TAG",
            "ig/tagged/e.py",
            "ig/own/.git/config",
            "ig/own/f.py",
            "ig/g.bin",
            "elsewhere/h.py",
        ] {
            put(path);
        }
        std::os::unix::fs::symlink("../elsewhere", temp.path().join("ig/link")).unwrap();
        let gather = |mut left: usize| {
            let mut files = Vec::new();
            let whole = walk(temp.path(), "ig", MAX_DEPTH, &mut left, &mut files);
            files.sort();
            whole.map(|()| files)
        };
        assert_eq!(
            gather(100),
            Some(vec!["ig/a.py".to_owned(), "ig/deep/b.rs".to_owned()])
        );
        assert_eq!(gather(3), None, "half a list would tell what is not new");
    }
}
