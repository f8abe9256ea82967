//! The user's own configuration of an agent, read with bounds.
//!
//! Symbolic links are followed where they stay inside: a file that the table names may lead anywhere below the home,
//! as people who keep their dotfiles elsewhere have it; inside of a tree they may lead to the agent's folder only.

use super::agent::{Folder, Item, What};
use super::cut;
use crate::fsx::read_bounded;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Largest file that is copied.
pub(super) const MAX_FILE: u64 = 1 << 20;
/// Most files of an agent, and most bytes of all of them.
const MAX_FILES: usize = 1_000;
const MAX_BYTES: u64 = 16 << 20;
const MAX_DEPTH: usize = 8;

/// Folders that are never settings.
const NOT_SETTINGS: [&str; 4] = [".git", ".venv", "__pycache__", "node_modules"];

/// A file to be put into the private folder.
pub(super) struct Copy {
    pub(super) bytes: Vec<u8>,
    pub(super) executable: bool,
}

/// Where the user's own lies.
pub(super) struct Place {
    /// The agent's folder.
    pub(super) folder: PathBuf,
    pub(super) home: PathBuf,
    /// A variable named it.
    pub(super) is_named: bool,
}

/// What was found, by path below the folder.
#[derive(Default)]
pub(super) struct Found {
    pub(super) files: BTreeMap<String, Copy>,
    /// What was left out and why, for people.
    pub(super) left_out: Vec<String>,
    bytes: u64,
}

impl Found {
    /// Everything but credentials.
    pub(super) fn of(folder: &Folder, place: &Place, programs: bool) -> Self {
        let mut found = Self::default();
        for item in folder.copied {
            let from = place.of(item);
            if item.starts && !programs {
                if from.exists() {
                    found.left_out.push(asked(&from.display().to_string()));
                }
                continue;
            }
            match &item.what {
                What::File => found.take(item.path, &from, &place.roots()),
                What::Tree => found.take_tree(item.path, &from, place, 0),
                What::Keys(keys) => {
                    found.take(item.path, &from, &place.roots());
                    found.keep_keys(item.path, keys);
                }
                What::Credentials(_) => {}
            }
            found.cut(item, &from, programs);
        }
        found
    }

    /// Leaves of an item's file what may come along.
    fn cut(&mut self, item: &Item, from: &Path, programs: bool) {
        let Some(copy) = self.files.remove(item.path) else {
            return;
        };
        if let Some(bytes) = trimmed(item, from, copy.bytes, programs, &mut self.left_out) {
            let executable = copy.executable;
            self.files
                .insert(item.path.to_owned(), Copy { bytes, executable });
        }
    }

    fn take(&mut self, rel: &str, from: &Path, roots: &[PathBuf]) {
        match file(from, roots) {
            Ok(None) => {}
            Ok(Some((path, bytes))) => {
                self.bytes += bytes.len() as u64;
                if self.files.len() == MAX_FILES || self.bytes > MAX_BYTES {
                    let why = format!("{}: there is too much beside it", from.display());
                    self.left_out.push(why);
                    return;
                }
                let mode = path.metadata().map(|m| m.permissions().mode());
                let executable = mode.is_ok_and(|m| m & 0o100 != 0);
                self.files
                    .insert(rel.to_owned(), Copy { bytes, executable });
            }
            Err(why) => self.left_out.push(why),
        }
    }

    fn take_tree(&mut self, rel: &str, from: &Path, place: &Place, depth: usize) {
        let inside = canonical(&place.folder);
        // The tree itself is named by the table; what is in it is not.
        let roots = match depth {
            0 => place.roots(),
            _ => vec![inside],
        };
        let Ok(path) = from.canonicalize() else {
            return;
        };
        if !is_inside(&path, &roots) {
            let why = format!("{}: it leads out of the folder", from.display());
            self.left_out.push(why);
            return;
        }
        let Ok(entries) = std::fs::read_dir(&path) else {
            return;
        };
        let mut entries: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        entries.sort();
        for entry in entries {
            let Some(name) = entry.file_name().and_then(OsStr::to_str) else {
                continue;
            };
            if NOT_SETTINGS.contains(&name) || self.files.len() == MAX_FILES {
                continue;
            }
            let below = format!("{rel}/{name}");
            // Where the whole tree lies elsewhere, what is in it may lie there too.
            let inner = Place {
                folder: match depth {
                    0 if !path.starts_with(canonical(&place.folder)) => path.clone(),
                    _ => place.folder.clone(),
                },
                home: place.home.clone(),
                is_named: place.is_named,
            };
            match entry.is_dir() {
                true if depth < MAX_DEPTH => self.take_tree(&below, &entry, &inner, depth + 1),
                true => {}
                false => self.take(&below, &entry, &[canonical(&inner.folder)]),
            }
        }
    }

    fn keep_keys(&mut self, rel: &str, keys: &[&str]) {
        let Some(copy) = self.files.remove(rel) else {
            return;
        };
        let read = std::str::from_utf8(&copy.bytes).ok().and_then(cut::json);
        let Some(serde_json::Value::Object(map)) = read else {
            self.left_out.push(format!("{rel}: it is not JSON"));
            return;
        };
        let few = map.into_iter().filter(|(k, _)| keys.contains(&k.as_str()));
        let few: serde_json::Map<_, _> = few.collect();
        if let Ok(bytes) = serde_json::to_vec_pretty(&few) {
            let executable = false;
            self.files
                .insert(rel.to_owned(), Copy { bytes, executable });
        }
    }
}

fn asked(what: &str) -> String {
    format!(
        "{what}: it starts programs, which come along with `agent_programs = true` below `[sandbox.agent-cli]`"
    )
}

/// What of a file may come along; None where nobody can tell what is in it. What is left out is told.
pub(super) fn trimmed(
    item: &Item,
    from: &Path,
    mut bytes: Vec<u8>,
    programs: bool,
    left_out: &mut Vec<String>,
) -> Option<Vec<u8>> {
    let starting: &[&str] = match programs {
        true => &[],
        false => item.starting,
    };
    for (pointers, is_to_be_asked) in [(item.never, false), (starting, true)] {
        if pointers.is_empty() {
            continue;
        }
        let Ok((left, gone)) = cut::cut(item.path, &bytes, pointers) else {
            left_out.push(format!(
                "{}: it cannot be read, and what in it starts programs or permits more cannot be told",
                from.display()
            ));
            return None;
        };
        if is_to_be_asked && !gone.is_empty() {
            let what = format!("{} in {}", gone.join(" and "), from.display());
            left_out.push(asked(&what));
        }
        bytes = left;
    }
    Some(bytes)
}

impl Place {
    /// Where an item of the table lies.
    pub(super) fn of(&self, item: &Item) -> PathBuf {
        match item.what {
            What::Keys(_) if !self.is_named => self.home.join(item.path),
            What::File | What::Tree | What::Keys(_) | What::Credentials(_) => {
                self.folder.join(item.path)
            }
        }
    }

    /// What files may lie below.
    pub(super) fn roots(&self) -> Vec<PathBuf> {
        vec![canonical(&self.folder), canonical(&self.home)]
    }
}

/// A file's real path and bytes; None where there is none.
///
/// # Errors
/// It is left out, and why.
pub(super) fn file(path: &Path, roots: &[PathBuf]) -> Result<Option<(PathBuf, Vec<u8>)>, String> {
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(e) => return Err(format!("{}: {e}", path.display())),
    };
    if !is_inside(&real, roots) {
        return Err(format!("{}: it leads out of the home", path.display()));
    }
    match read_bounded(&real, MAX_FILE) {
        Ok(bytes) => Ok(Some((real, bytes))),
        Err(e) => Err(e.to_string()),
    }
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn is_inside(path: &Path, roots: &[PathBuf]) -> bool {
    roots.iter().any(|root| path.starts_with(root))
}
