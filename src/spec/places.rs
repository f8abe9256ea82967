//! Where tools keep their files.

use super::format::Confidence;
use crate::model::{Beside, DocumentKind, Place};

/// Hidden folders that hold specs; a walk enters no others.
pub(super) const HIDDEN: [&str; 4] = [".agent-os", ".kiro", ".ralph", ".taskmaster"];

/// The names below the last folder called `folder` on the way to a file, the file's own last. None where no such
/// folder is on the way.
pub(super) fn below<'p>(path: &'p str, folder: &str) -> Option<Vec<&'p str>> {
    let names: Vec<&str> = path.split('/').collect();
    let at = names.iter().rposition(|name| *name == folder)?;
    let inside = names[at + 1..].to_vec();
    (!inside.is_empty()).then_some(inside)
}

/// What the folder `.kiro` says of a path, which tools besides Kiro use as well; None outside of it.
pub(super) fn in_kiro(path: &str) -> Option<Confidence> {
    let inside = below(path, ".kiro")?;
    Some(match inside.as_slice() {
        ["specs", "archive", ..] => Confidence::NotWork,
        ["specs", _, .., file] if is(file, "tasks.md") => Confidence::Sure,
        _ => Confidence::NotWork,
    })
}

/// Whether a file has this name, whatever its case.
pub(super) fn is(file: &str, name: &str) -> bool {
    file.eq_ignore_ascii_case(name)
}

/// Whether a file holds records instead of text.
pub fn is_json(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".json")
}

/// Whether a path ends in these names.
pub(super) fn ends_with(path: &str, names: &[&str]) -> bool {
    let mut own = path.rsplit('/');
    names.iter().rev().all(|name| own.next() == Some(*name))
}

/// Documents beside a file, in its folder or in folders named from there.
pub(super) struct Around<'p> {
    folder: &'p str,
    found: Vec<Beside>,
}

impl<'p> Around<'p> {
    pub(super) fn of(path: &'p str) -> Self {
        Self {
            folder: path.rsplit_once('/').map_or("", |(folder, _)| folder),
            found: Vec::new(),
        }
    }

    /// The same folder's files of these names.
    pub(super) fn files(self, kind: DocumentKind, names: &[&str]) -> Self {
        let folder = self.folder;
        self.files_in(folder, kind, names)
    }

    /// Files of these names in a folder.
    pub(super) fn files_in(mut self, folder: &str, kind: DocumentKind, names: &[&str]) -> Self {
        let place = |name: &&str| Place::File(joined(folder, name));
        let files = names.iter().map(|name| Beside {
            place: place(name),
            kind,
        });
        self.found.extend(files);
        self
    }

    /// All files below a folder of the same folder whose names end so.
    pub(super) fn below(self, kind: DocumentKind, name: &str, ends: &'static str) -> Self {
        let path = joined(self.folder, name);
        self.all_in(kind, path, ends)
    }

    /// All files below a folder whose names end so.
    pub(super) fn all_in(mut self, kind: DocumentKind, path: String, ends: &'static str) -> Self {
        self.found.push(Beside {
            place: Place::Folder { path, ends },
            kind,
        });
        self
    }

    pub(super) fn done(self) -> Vec<Beside> {
        self.found
    }
}

fn joined(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// What people write for every agent (<https://agents.md>), and for Claude Code, at the root.
pub(super) fn for_all_work() -> Vec<Beside> {
    Around::of("")
        .files(DocumentKind::Conventions, &["AGENTS.md", "CLAUDE.md"])
        .done()
}

/// What stands before a folder on the way to a path: `web/` of `web/.kiro/specs/x/tasks.md` and `.kiro`.
pub(super) fn above<'p>(path: &'p str, folder: &str) -> &'p str {
    let mut at = 0;
    for name in path.split('/') {
        if name == folder {
            return &path[..at];
        }
        at += name.len() + 1;
    }
    ""
}
