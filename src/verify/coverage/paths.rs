//! Which file of the repository a report speaks of. Reports name files absolutely, from the folder of the check,
//! from a source folder, or by an import path, with either separator.

use super::{Measured, ReportedFile, merge_lines};
use std::collections::BTreeSet;

/// What paths are held against.
#[derive(Clone, Copy, Debug)]
pub struct Whereabouts<'a> {
    /// The lane's folder by every name it has: as it was given and with its links resolved.
    pub roots: &'a [&'a str],
    /// Folder below the root in which the report was made; empty for the root.
    pub dir: &'a str,
    /// Files of the lane, below the root.
    pub known: &'a BTreeSet<&'a str>,
    /// Go modules: import path, and folder below the root.
    pub modules: &'a [(String, String)],
}

/// A measurement, with what could not be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    pub measured: Measured,
    /// Paths of the report that name no file of the repository, sorted: they are in [`Measured::elsewhere`].
    pub lost: Vec<String>,
}

/// Brings a report's files to paths below the root.
pub fn place(files: Vec<ReportedFile>, whereabouts: &Whereabouts<'_>) -> Placed {
    let mut measured = Measured::default();
    for file in files {
        let into = match whereabouts.find(&file) {
            Some(path) => measured.files.entry(path),
            None => measured.elsewhere.entry(file.path),
        };
        merge_lines(into.or_default(), file.lines);
    }
    let lost = measured.elsewhere.keys().cloned().collect();
    Placed { measured, lost }
}

impl Whereabouts<'_> {
    fn find(&self, file: &ReportedFile) -> Option<String> {
        // A backslash may stand in a name here, and is a separator in what another system wrote.
        let turned = file.path.replace('\\', "/");
        let path = file.path.as_str();
        self.find_as(path, &file.sources).or_else(|| {
            let sources: Vec<String> = file.sources.iter().map(|s| s.replace('\\', "/")).collect();
            self.find_as(&turned, &sources)
        })
    }

    fn find_as(&self, path: &str, sources: &[String]) -> Option<String> {
        if is_absolute(path) {
            // A file of the lane that git ignores is the lane's all the same.
            return self.below_root(path);
        }
        let in_sources = sources.iter().filter_map(|source| {
            let joined = format!("{source}/{path}");
            match is_absolute(source) {
                true => self.below_root(&joined),
                false => self.in_dir(&joined),
            }
        });
        let in_module = self.in_module(path);
        in_sources
            .chain(self.in_dir(path))
            .chain(in_module)
            .chain(plain(path))
            .find(|path| self.known.contains(path.as_str()))
    }

    fn in_dir(&self, path: &str) -> Option<String> {
        match self.dir {
            "" => plain(path),
            dir => plain(&format!("{dir}/{path}")),
        }
    }

    fn below_root(&self, path: &str) -> Option<String> {
        let path = format!("/{}", plain(path.strip_prefix('/')?)?);
        self.roots
            .iter()
            .find_map(|root| {
                path.strip_prefix(root.trim_end_matches('/'))?
                    .strip_prefix('/')
            })
            .map(str::to_owned)
    }

    /// The innermost module that the import path is in.
    fn in_module(&self, path: &str) -> Option<String> {
        let within = self.modules.iter().filter_map(|(module, dir)| {
            let rest = path.strip_prefix(module.as_str())?.strip_prefix('/')?;
            Some((module.len(), dir, rest))
        });
        let (_, dir, rest) = within.max_by_key(|(len, ..)| *len)?;
        match dir.as_str() {
            "" => plain(rest),
            dir => plain(&format!("{dir}/{rest}")),
        }
    }
}

fn is_absolute(path: &str) -> bool {
    let drive =
        matches!(path.as_bytes(), [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    path.starts_with('/') || drive
}

/// The path without `.`, `..` and doubled separators; None where it leads out of what it starts from, or nowhere.
fn plain(path: &str) -> Option<String> {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            name => segments.push(name),
        }
    }
    (!segments.is_empty()).then(|| segments.join("/"))
}

/// The module that a `go.mod` declares.
pub(super) fn go_module(text: &str) -> Option<String> {
    let line = text
        .lines()
        .filter_map(|line| line.split("//").next())
        .find_map(|line| line.trim().strip_prefix("module"))?;
    let name = line.trim().trim_matches(['"', '`']);
    let is_one_word = !name.is_empty() && !name.contains(char::is_whitespace);
    is_one_word.then(|| name.to_owned())
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
